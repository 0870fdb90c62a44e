//! A follower's side: fetching the metadata log, and hearing of leaders that come and go.

use crate::message::{
    BeginQuorumEpochRequest, ClusterError, EndQuorumEpochRequest, EpochEnd, QuorumEpochResponse,
    QuorumFetchRequest, QuorumFetchResponse, RequestBody,
};
use crate::node::{COMMITTED_METADATA_GONE, Effect, Effects};
use crate::note::{QuorumNote, TruncateReason};
use crate::raft::quorum::Quorum;
use crate::raft::role::Role;
use crate::types::{LeaderEpoch, NodeId, Now, Offset, Time};

impl Quorum {
    pub(super) fn fetch_request(&self) -> RequestBody {
        RequestBody::QuorumFetch(QuorumFetchRequest {
            replica: self.node,
            epoch: self.state.epoch,
            fetch_offset: self.log.log_end_offset(),
            last_fetched_epoch: self.log.last_fetched_epoch(),
            wait_max_ms: self.timeouts.fetch_wait_max_ms,
        })
    }

    /// Takes a fetch's answer, if this voter still follows that leader in the epoch in which it asked.
    pub(super) fn on_fetch_response(
        &mut self,
        now: Time,
        from: NodeId,
        asked_in: LeaderEpoch,
        response: &QuorumFetchResponse,
        effects: &mut Effects,
    ) {
        if self.observe(now, response.epoch, response.leader, effects) {
            return;
        }
        let follows = matches!(self.role, Role::Follower { .. });
        if !follows || self.state.leader != Some(from) || asked_in != self.state.epoch {
            return;
        }
        if response.error.is_some() || !self.continues_log(response) {
            self.hold_fetch(now, from);
            return;
        }
        self.role = Role::Follower { fetch_deadline: now + self.timeouts.fetch };
        match response.diverging {
            Some(leader_end) => self.cut_divergence(leader_end, effects),
            None => self.take_batches(response, effects),
        }
    }

    /// Whether the batches begin at this log's end and none is from a later epoch than the one followed.
    fn continues_log(&self, response: &QuorumFetchResponse) -> bool {
        let first = response.batches.first();
        let begins = first.is_none_or(|batch| batch.base_offset() == self.log.log_end_offset());
        let epoch = self.state.epoch;
        begins && response.batches.iter().all(|batch| batch.header().leader_epoch <= epoch)
    }

    fn hold_fetch(&mut self, now: Time, from: NodeId) {
        let not_before = self.after_backoff(now);
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.node == from) {
            peer.fetch.not_before = not_before;
        }
    }

    /// Cuts what the leader does not have (rules 2.2.4). Committed records are never among it unless the quorum lost
    /// them: that is fatal to this process, as in Kafka. Source: `KafkaMetadataLog.truncateTo`.
    fn cut_divergence(&mut self, leader_end: EpochEnd, effects: &mut Effects) {
        let own = self.log.end_offset_for(leader_end.epoch);
        let mut to = self.log.log_end_offset();
        if own.epoch == LeaderEpoch::NONE || own.epoch == leader_end.epoch {
            to = to.min(leader_end.end_offset);
        }
        if own.epoch != LeaderEpoch::NONE {
            to = to.min(own.end_offset);
        }
        if to < self.log.high_watermark() {
            effects.push(Effect::Halt { reason: COMMITTED_METADATA_GONE });
            return;
        }
        self.log.truncate_to(to, TruncateReason::Diverged, effects);
    }

    /// Appends and syncs: the next fetch tells the leader that these records are safe here (KAFKA-10533).
    fn take_batches(&mut self, response: &QuorumFetchResponse, effects: &mut Effects) {
        for batch in &response.batches {
            self.log.append_as_follower(batch, self.state.epoch, effects);
        }
        if !response.batches.is_empty() {
            self.sync_log(effects);
        }
        if response.high_watermark != Offset::NONE {
            self.follow_high_watermark(response.high_watermark, effects);
        }
    }

    fn follow_high_watermark(&mut self, leaders: Offset, effects: &mut Effects) {
        let to = leaders.min(self.log.log_end_offset());
        if to > self.log.high_watermark() && self.log.set_high_watermark(to) {
            let epoch = self.state.epoch;
            effects.note(QuorumNote::HighWatermarkMoved { epoch, as_leader: false, to });
        }
    }

    /// A leader makes itself known.
    pub(crate) fn on_begin_request(
        &mut self,
        now: Now,
        request: BeginQuorumEpochRequest,
        effects: &mut Effects,
    ) -> QuorumEpochResponse {
        let error = self.hear_of_leader(now, request.epoch, request.leader, effects);
        self.pump(now.time, effects);
        QuorumEpochResponse { epoch: self.state.epoch, leader: self.leader(), error }
    }

    /// A leader resigns: the first of its preferred successors stands at once, the others later.
    pub(crate) fn on_end_request(
        &mut self,
        now: Now,
        request: &EndQuorumEpochRequest,
        effects: &mut Effects,
    ) -> QuorumEpochResponse {
        let error = self.hear_of_leader(now, request.epoch, request.leader, effects);
        if error.is_none() {
            let rank = request.preferred_successors.iter().position(|node| *node == self.node);
            let election = self.timeouts.election;
            let wait = match rank {
                Some(0) => std::time::Duration::ZERO,
                Some(_) => election / 2 + self.jittered(election / 2),
                None => self.jittered(election),
            };
            self.role = Role::Follower { fetch_deadline: now.time + wait };
        }
        QuorumEpochResponse { epoch: self.state.epoch, leader: self.leader(), error }
    }

    /// Follows the sender if its epoch is not old; an error if this voter cannot be its follower.
    fn hear_of_leader(
        &mut self,
        now: Now,
        epoch: LeaderEpoch,
        leader: NodeId,
        effects: &mut Effects,
    ) -> Option<ClusterError> {
        if !self.voters.contains(&leader) || leader == self.node {
            return Some(ClusterError::InconsistentVoterSet);
        }
        if epoch < self.state.epoch {
            return Some(ClusterError::FencedLeaderEpoch);
        }
        self.observe(now.time, epoch, Some(leader), effects);
        let follows = matches!(self.role, Role::Follower { .. });
        let attached = follows && self.state.leader == Some(leader);
        (!attached).then_some(ClusterError::InvalidRequest)
    }
}
