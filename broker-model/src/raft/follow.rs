//! A follower's side: fetching the metadata log, and hearing of leaders that come and go.

use std::time::Duration;

use crate::config::ms;
use crate::defect::Defects;
use crate::message::{
    BeginQuorumEpochRequest, ClusterError, EndQuorumEpochRequest, EpochEnd, QuorumEpochResponse,
    QuorumFetchRequest, QuorumFetchResponse, RequestBody,
};
use crate::node::{COMMITTED_METADATA_GONE, Effect, Effects};
use crate::note::{Api, QuorumNote, TruncateReason};
use crate::raft::quorum::Quorum;
use crate::raft::role::Role;
use crate::replication::{Appendable, appendable, truncation_offset};
use crate::types::{LeaderEpoch, NodeId, Now, Offset, Time};

impl Quorum {
    pub(super) fn fetch_request(&self) -> RequestBody {
        RequestBody::QuorumFetch(Box::new(QuorumFetchRequest {
            replica: self.node,
            replica_directory: self.directory,
            epoch: self.state.epoch,
            fetch_offset: self.log.log_end_offset(),
            last_fetched_epoch: self.log.last_fetched_epoch(),
            high_watermark: self.known_high_watermark(),
            wait_max_ms: self.timeouts.fetch_wait_max_ms,
        }))
    }

    /// The high watermark, if this voter has heard of one.
    fn known_high_watermark(&self) -> Offset {
        let known = self.log.high_watermark();
        if known > Offset::ZERO { known } else { Offset::NONE }
    }

    /// Takes a fetch's answer. Whoever gave it may name a leader or a newer epoch; records are taken from the leader
    /// that this voter follows, in the epoch in which it asked.
    pub(super) fn on_fetch_response(
        &mut self,
        now: Time,
        from: NodeId,
        asked_in: LeaderEpoch,
        response: &QuorumFetchResponse,
        effects: &mut Effects,
    ) {
        let told = (response.epoch, response.leader, response.error.is_some());
        if !self.is_of_leader(now, (from, asked_in), told, effects) {
            return;
        }
        if let Some(snapshot) = response.snapshot {
            self.begin_snapshot(snapshot);
        }
        if response.diverging.is_some() || !response.batches.is_empty() {
            self.note_applied(Api::QuorumFetch, asked_in, effects);
        }
        let fetch_deadline = now + self.timeouts.fetch;
        self.role = Role::Follower { fetch_deadline, has_fetched: true };
        match response.diverging {
            Some(leader_end) => self.cut_divergence(leader_end, effects),
            None if response.snapshot.is_some() => {}
            None => self.take_batches(now, from, response, effects),
        }
    }

    /// Takes notice of the leader and the epoch that an answer names; whether it comes from the leader that this voter
    /// follows, in the epoch in which it asked, and is no refusal. After a refusal that tells nothing new the next
    /// fetch
    /// waits.
    pub(super) fn is_of_leader(
        &mut self,
        now: Time,
        (from, asked_in): (NodeId, LeaderEpoch),
        (epoch, leader, refused): (LeaderEpoch, Option<NodeId>, bool),
        effects: &mut Effects,
    ) -> bool {
        let changed = self.observe(now, epoch, leader, effects);
        if refused {
            if !changed {
                self.hold_fetch(now, from);
            }
            return false;
        }
        let follows = matches!(self.role, Role::Follower { .. });
        follows && self.state.leader == Some(from) && asked_in == self.state.epoch
    }

    pub(super) fn hold_fetch(&mut self, now: Time, from: NodeId) {
        let not_before = self.after_backoff(now);
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.node == from) {
            peer.fetch.not_before = not_before;
        }
    }

    /// Cuts what the leader does not have (rules 2.2.4). Committed records are never among it unless the quorum lost
    /// them: that is fatal to this process, as in Kafka. Source: `KafkaMetadataLog.truncateTo`.
    pub(super) fn cut_divergence(&mut self, leader_end: EpochEnd, effects: &mut Effects) {
        let own = self.log.end_offset_for(leader_end.epoch);
        let to = truncation_offset(leader_end, own, self.log.log_end_offset(), Defects::NONE);
        if to < self.log.high_watermark() {
            effects.push(Effect::Halt { reason: COMMITTED_METADATA_GONE });
            return;
        }
        self.log.truncate_to(to, TruncateReason::Diverged, effects);
        self.cut_voters(effects);
        self.know_snapshot_epoch(effects);
    }

    /// Appends and syncs: the next fetch tells the leader that these records are safe here (KAFKA-10533).
    fn take_batches(
        &mut self,
        now: Time,
        from: NodeId,
        response: &QuorumFetchResponse,
        effects: &mut Effects,
    ) {
        let end = self.log.log_end_offset();
        let (batches, epoch) = (&response.batches, self.state.epoch);
        let Appendable::Batches(batches) = appendable(batches, end, epoch, (self.defects, false))
        else {
            self.hold_fetch(now, from);
            return;
        };
        self.log.append_as_follower(batches, self.state.epoch, effects);
        self.append_voters(batches, effects);
        if !batches.is_empty() {
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
        if error.is_none() {
            self.note_served(Api::BeginQuorumEpoch, request.leader, request.epoch, effects);
        }
        self.pump(now.time, effects);
        QuorumEpochResponse { epoch: self.state.epoch, leader: self.leader(), error }
    }

    /// A leader resigns: the first of its preferred successors looks for votes at once, each other one later than the
    /// one before.
    pub(crate) fn on_end_request(
        &mut self,
        now: Now,
        request: &EndQuorumEpochRequest,
        effects: &mut Effects,
    ) -> QuorumEpochResponse {
        let error = self.hear_of_leader(now, request.epoch, request.leader, effects);
        if error.is_none() {
            self.note_served(Api::EndQuorumEpoch, request.leader, request.epoch, effects);
        }
        if error.is_none()
            && let Role::Follower { fetch_deadline, .. } = &mut self.role
        {
            let longest = self.timeouts.election_backoff_max;
            let wait = successor_wait(self.node, &request.preferred_successors, longest);
            *fetch_deadline = now.time + wait;
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
        if !self.is_peer(leader) {
            return Some(ClusterError::InconsistentVoterSet);
        }
        if epoch < self.state.epoch {
            return Some(ClusterError::FencedLeaderEpoch);
        }
        self.observe(now.time, epoch, Some(leader), effects);
        (self.state.leader != Some(leader)).then_some(ClusterError::InvalidRequest)
    }
}

/// How long a follower waits before it looks for votes when its leader resigns: the time doubles with the rank among
/// the successors, and who is none waits longest. Without successors, as a leader that has just restarted names none,
/// all look for votes at once. Source: `KafkaRaftClient.endEpochElectionBackoff`, `strictExponentialElectionBackoffMs`.
fn successor_wait(node: NodeId, successors: &[NodeId], longest: Duration) -> Duration {
    let ranks = successors.len();
    let rank = successors.iter().position(|successor| *successor == node).unwrap_or(ranks);
    if rank == 0 {
        return Duration::ZERO;
    }
    if rank == ranks {
        return longest;
    }
    let first = longest.as_millis() as u64 >> (ranks - 1).min(63);
    ms(first << (rank - 1).min(63)).min(longest)
}
