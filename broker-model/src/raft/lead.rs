//! A leader's side: appending, serving fetches, the high watermark, check-quorum and resignation.

use crate::defect::QuorumDefect;
use crate::message::{
    BeginQuorumEpochRequest, ClusterError, EndQuorumEpochRequest, EpochEnd, Message,
    QuorumFetchRequest, QuorumFetchResponse, QuorumRequest, RequestBody, ResponseBody,
};
use crate::metadata::MetadataRecord;
use crate::node::{Deadline, Effects};
use crate::note::{Api, QuorumNote, ReplicationNote};
use crate::raft::accumulator::Accumulator;
use crate::raft::election_state::ElectionState;
use crate::raft::quorum::Quorum;
use crate::raft::role::{Leader, Progress, Resigned, Role, WaitingFetch};
use crate::record::RecordBatchBuilder;
use crate::replication::{check_named_epoch, divergence};
use crate::types::{
    BrokerEpoch, ConnectionId, CorrelationId, DirectoryId, LeaderEpoch, NodeId, Now, Offset,
    ProducerEpoch, ProducerId, Sequence, SnapshotId, Time, WallTime,
};
use crate::voter_set::ReplicaKey;

impl Leader {
    /// What is known of an observer that may become a voter.
    fn observer(&mut self, key: ReplicaKey) -> &mut Progress {
        let known = self.observers.iter().position(|progress| progress.key == key);
        let place = known.unwrap_or_else(|| {
            self.observers.push(Progress::of(key));
            self.observers.len() - 1
        });
        &mut self.observers[place]
    }
}

impl Quorum {
    /// Takes the leadership that a majority gave: states it on disk, then in the log.
    pub(super) fn become_leader(&mut self, now: Now, effects: &mut Effects) {
        let state = ElectionState { leader: Some(self.node), ..self.state };
        let leader = Leader {
            epoch_start: self.log.log_end_offset(),
            high_watermark: None,
            followers: self.other_voters().map(Progress::of).collect(),
            observers: Vec::new(),
            fetched: Vec::new(),
            check_quorum_at: now.time + self.timeouts.check_quorum(),
            begin_at: now.time,
            removed_at: None,
            waiting: Vec::new(),
            accumulator: Accumulator::default(),
        };
        self.enter(state, Role::Leader(Box::new(leader)), effects);
        self.reset_connections(now.time);
        let mut records = vec![MetadataRecord::LeaderChange { leader: self.node }];
        records.extend(self.first_voters_record());
        self.append(now, &records, effects);
    }

    /// Takes records that are to be appended together; returns the offset of the first. They are appended once the
    /// linger is over, or at once if there is none, or if they are the quorum's own. Source: `BatchAccumulator.append`,
    /// `BatchAccumulator.appendControlMessages`.
    pub(crate) fn append(
        &mut self,
        now: Now,
        records: &[MetadataRecord],
        effects: &mut Effects,
    ) -> Offset {
        assert!(!records.is_empty(), "an empty batch is appended");
        let (base, linger) = (self.next_offset(), self.timeouts.append_linger);
        let at_once = linger.is_zero() || records.iter().any(is_control);
        let Role::Leader(leader) = &mut self.role else {
            panic!("{:?} appends", self.role.name());
        };
        if at_once {
            self.write_lingering(effects);
            let written = self.write_batch(now.wall, records, effects);
            assert!(written == base, "appended at {written} what was to be at {base}");
            self.note_removal(now.time);
            self.flush_log(now.time, effects);
        } else {
            leader.accumulator.push((now.time, now.wall), records, linger);
        }
        base
    }

    /// Where the next record that this leader is given will be.
    pub(crate) fn next_offset(&self) -> Offset {
        let lingering = match &self.role {
            Role::Leader(leader) => leader.accumulator.len(),
            Role::Unattached { .. }
            | Role::Follower { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Resigned(_) => 0,
        };
        self.log.log_end_offset().plus(lingering)
    }

    /// Appends what has lingered. Source: `KafkaRaftClient.maybeAppendBatches`.
    fn drain_if_due(&mut self, now: Time, effects: &mut Effects) {
        let Role::Leader(leader) = &self.role else { return };
        if leader.accumulator.drain_at().is_some_and(|at| at <= now) {
            self.write_lingering(effects);
            self.flush_log(now, effects);
        }
    }

    fn write_lingering(&mut self, effects: &mut Effects) {
        let Role::Leader(leader) = &mut self.role else { return };
        let (began, records) = leader.accumulator.drain();
        if !records.is_empty() {
            self.write_batch(began, &records, effects);
        }
    }

    /// Writes one batch, which is not synced yet; returns the offset of its first record.
    fn write_batch(
        &mut self,
        at: WallTime,
        records: &[MetadataRecord],
        effects: &mut Effects,
    ) -> Offset {
        let mut builder =
            RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
        for record in records {
            builder.push(at, None, Some(record.encode()));
        }
        let batch = self.log.append_as_leader(&builder.build(), self.state.epoch, 0, effects);
        self.append_voters(std::slice::from_ref(&batch), effects);
        batch.base_offset()
    }

    /// Syncs what was written. Who waits for records gets them before they are on this disk; the leader's own end
    /// counts for the high watermark once they are (KAFKA-10533). Source: `KafkaRaftClient.flushLeaderLog`.
    fn flush_log(&mut self, now: Time, effects: &mut Effects) {
        if self.defects.has(QuorumDefect::CountsBeforeFlush) {
            // QuorumDefect::CountsBeforeFlush: what only this voter has counts, though a power loss would take it.
            self.advance_high_watermark(effects);
        }
        self.answer_waiting(now, effects);
        self.sync_log(effects);
        self.advance_high_watermark(effects);
        self.answer_waiting(now, effects);
    }

    /// The majority rule: the highest offset that most voters have flushed, once it is of this epoch (KAFKA-12619).
    fn advance_high_watermark(&mut self, effects: &mut Effects) {
        let own = self.counts_itself().then(|| self.log.log_end_offset());
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let mut ends: Vec<Offset> = own.into_iter().collect();
        ends.extend(leader.followers.iter().map(|follower| follower.end.unwrap_or(Offset::NONE)));
        ends.sort_unstable_by(|a, b| b.cmp(a));
        let to = ends[ends.len() / 2];
        let any_epoch = self.defects.has(QuorumDefect::CommitsAtEpochStart);
        if to <= leader.epoch_start && !any_epoch || to <= self.log.high_watermark() {
            return;
        }
        leader.high_watermark = Some(to);
        let moved = self.log.set_high_watermark(to);
        assert!(moved, "the high watermark did not move to {to}");
        let epoch = self.state.epoch;
        effects.note(QuorumNote::HighWatermarkMoved { epoch, as_leader: true, to });
    }

    // --- fetches

    /// A voter or broker asks for the log.
    pub(crate) fn on_fetch_request(
        &mut self,
        now: Now,
        connection: ConnectionId,
        correlation_id: CorrelationId,
        request: &QuorumFetchRequest,
        effects: &mut Effects,
    ) {
        let fetch = WaitingFetch {
            replica: ReplicaKey { id: request.replica, directory: request.replica_directory },
            connection,
            correlation_id,
            fetch_offset: request.fetch_offset,
            high_watermark: request.high_watermark,
            expires_at: now.time + crate::config::ms(request.wait_max_ms),
        };
        if let Some(error) = self.fetch_error(request) {
            if matches!(self.role, Role::Leader(_)) {
                let (partition, by) = (self.log.partition(), request.replica);
                effects.note(ReplicationNote::RequestFenced { partition, by, error });
            }
            self.refuse_fetch(&fetch, error, effects);
            return;
        }
        if request.epoch != self.state.epoch {
            self.note_served(Api::QuorumFetch, request.replica, request.epoch, effects);
        }
        if let Some(snapshot) = self.snapshot_instead(request) {
            let response =
                QuorumFetchResponse { snapshot: Some(snapshot), ..self.empty_response() };
            reply(&fetch, response, effects);
            return;
        }
        if let Some(diverging) = self.divergence(request) {
            self.answer_diverging(&fetch, diverging, effects);
            return;
        }
        self.note_contact(now.time, fetch.replica);
        self.note_progress(now.time, request, effects);
        self.answer_waiting(now.time, effects);
        if fetch.expires_at <= now.time || self.has_news(&fetch) {
            self.answer_fetch(&fetch, effects);
        } else if let Role::Leader(leader) = &mut self.role {
            leader.waiting.push(fetch);
        }
        self.pump(now.time, effects);
    }

    /// Why a fetch is refused, voters and observers alike: an old epoch before all else, so that whoever is asked
    /// names the leader that it knows. Source: `KafkaRaftClient.validateLeaderOnlyRequest`.
    fn fetch_error(&self, request: &QuorumFetchRequest) -> Option<ClusterError> {
        let nowhere = request.last_fetched_epoch == LeaderEpoch::NONE;
        let invalid = nowhere && request.fetch_offset > Offset::ZERO;
        let refused = self.leader_error(request.epoch);
        refused.or_else(|| invalid.then_some(ClusterError::InvalidRequest))
    }

    /// Why this voter is not the leader of whom something was asked in an epoch.
    pub(super) fn leader_error(&self, epoch: LeaderEpoch) -> Option<ClusterError> {
        let leads = matches!(self.role, Role::Leader(_));
        let elsewhere = (!leads).then_some(ClusterError::NotController);
        check_named_epoch(epoch, self.state.epoch).err().or(elsewhere)
    }

    /// A voter whose fetch is valid counts for check-quorum. Source: `LeaderState.updateCheckQuorumForFollowingVoter`.
    pub(super) fn note_contact(&mut self, now: Time, replica: ReplicaKey) {
        if !self.is_voter(replica) {
            return;
        }
        // A leader that is no voter any more is none of the majority.
        let needed = self.voters().majority() - usize::from(self.votes());
        let check_quorum_at = now + self.timeouts.check_quorum();
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if !leader.fetched.contains(&replica.id) {
            leader.fetched.push(replica.id);
        }
        if leader.fetched.len() >= needed {
            leader.fetched.clear();
            leader.check_quorum_at = check_quorum_at;
        }
    }

    /// Where the replica's log parts from this one, if it does (rules 2.1.2).
    fn divergence(&self, request: &QuorumFetchRequest) -> Option<EpochEnd> {
        if request.last_fetched_epoch == LeaderEpoch::NONE {
            return None;
        }
        let mut end = self.log.end_offset_for(request.last_fetched_epoch);
        // An epoch from between the snapshot and the log, of which this leader knows nothing.
        if let Some(earliest) = self.snapshots.earliest()
            && end == (EpochEnd { epoch: request.last_fetched_epoch, ..earliest_end(earliest) })
        {
            end = earliest_end(earliest);
        }
        if end.epoch == LeaderEpoch::NONE {
            let epoch = self.log.last_fetched_epoch();
            return Some(EpochEnd { epoch, end_offset: self.log.log_end_offset() });
        }
        divergence(end, request.last_fetched_epoch, request.fetch_offset, self.defects)
    }

    fn answer_diverging(&self, fetch: &WaitingFetch, diverging: EpochEnd, effects: &mut Effects) {
        let mut response = self.empty_response();
        response.diverging = Some(diverging);
        reply(fetch, response, effects);
        effects.note(ReplicationNote::DivergenceFound {
            partition: self.log.partition(),
            follower: fetch.replica.id,
            epoch: diverging.epoch,
            end_offset: diverging.end_offset,
        });
    }

    fn note_progress(&mut self, now: Time, request: &QuorumFetchRequest, effects: &mut Effects) {
        let end = self.log.log_end_offset();
        let offset = request.fetch_offset;
        assert!(offset <= end, "{} fetches from {offset}, after {end}", request.replica);
        let key = ReplicaKey { id: request.replica, directory: request.replica_directory };
        let place = self.other_voters().position(|voter| self.is_same(voter, key));
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if let Some(progress) = place.map(|place| &mut leader.followers[place]) {
            if progress.end.is_none() || request.epoch != self.state.epoch {
                effects.note(ReplicationNote::FollowerHeard {
                    partition: self.log.partition(),
                    leader_epoch: self.state.epoch,
                    follower: request.replica,
                    current_leader_epoch: request.epoch,
                    broker_epoch: BrokerEpoch::NONE,
                    fetch_offset: offset,
                });
            }
            progress.fetches(now, offset, end);
            self.advance_high_watermark(effects);
        } else if key.directory != DirectoryId::UNASSIGNED {
            leader.observer(key).fetches(now, offset, end);
        }
    }

    /// Answers the waiting fetches that have something to hear, or have waited long enough.
    fn answer_waiting(&mut self, now: Time, effects: &mut Effects) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let waiting = std::mem::take(&mut leader.waiting);
        let (due, rest): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|fetch| fetch.expires_at <= now || self.has_news(fetch));
        for fetch in &due {
            // A fetch that waited and is answered with news counts as made now: Kafka judges it again, unless its
            // time is over already, as after a pause.
            if fetch.expires_at > now && self.has_news(fetch) {
                self.note_contact(now, fetch.replica);
            }
            self.answer_fetch(fetch, effects);
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.waiting = rest;
        }
    }

    /// Whether there are records for the replica, or a high watermark above the one that it knows (KIP-1166).
    fn has_news(&self, fetch: &WaitingFetch) -> bool {
        let Role::Leader(leader) = &self.role else {
            return false;
        };
        fetch.fetch_offset < self.log.log_end_offset()
            || leader.high_watermark.is_some_and(|known| known > fetch.high_watermark)
    }

    /// Everybody reads to the log's end, and applies what the high watermark in the answer covers.
    fn answer_fetch(&self, fetch: &WaitingFetch, effects: &mut Effects) {
        let mut response = self.empty_response();
        let end = self.log.log_end_offset();
        if fetch.fetch_offset < end {
            response.batches = self.log.read(fetch.fetch_offset, end, self.fetch_bytes_max);
        }
        reply(fetch, response, effects);
    }

    fn empty_response(&self) -> QuorumFetchResponse {
        let high_watermark = match &self.role {
            Role::Leader(leader) => leader.high_watermark,
            Role::Unattached { .. }
            | Role::Follower { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Resigned(_) => None,
        };
        QuorumFetchResponse {
            epoch: self.state.epoch,
            leader: self.leader(),
            error: None,
            diverging: None,
            snapshot: None,
            high_watermark: high_watermark.unwrap_or(Offset::NONE),
            batches: Vec::new(),
        }
    }

    fn refuse_fetch(&self, fetch: &WaitingFetch, error: ClusterError, effects: &mut Effects) {
        let mut response = self.empty_response();
        response.error = Some(error);
        reply(fetch, response, effects);
    }

    /// Answers fetches that waited for a leader that this voter no longer is.
    pub(super) fn turn_away(&self, waiting: &[WaitingFetch], effects: &mut Effects) {
        for fetch in waiting {
            self.refuse_fetch(fetch, ClusterError::NotController, effects);
        }
    }

    /// A connection that this voter accepted is gone: nobody waits there any more.
    pub(crate) fn on_connection_closed(&mut self, connection: ConnectionId) {
        if let Role::Leader(leader) = &mut self.role {
            leader.waiting.retain(|fetch| fetch.connection != connection);
        }
    }

    // --- timers and resignation

    pub(super) fn leader_deadline(&self, leader: &Leader) -> Option<Deadline> {
        let check = Deadline { at: leader.check_quorum_at, why: "quorum check" };
        let several = self.voters().count() > 1;
        let check = self.checks_quorum().then_some(check);
        let begin = Deadline { at: leader.begin_at, why: "announcement of the quorum leader" };
        let check = Deadline::earlier(check, several.then_some(begin));
        let drain = leader.accumulator.drain_at();
        let drain = drain.map(|at| Deadline { at, why: "linger of the quorum leader" });
        let check = Deadline::earlier(check, drain);
        let wait = leader.waiting.iter().map(|fetch| fetch.expires_at).min();
        Deadline::earlier(check, wait.map(|at| Deadline { at, why: "quorum fetch wait" }))
    }

    pub(super) fn on_leader_deadline(&mut self, now: Time, effects: &mut Effects) {
        let Role::Leader(leader) = &self.role else {
            return;
        };
        if self.checks_quorum() && leader.check_quorum_at <= now {
            self.resign(now, effects);
        } else {
            self.drain_if_due(now, effects);
            self.answer_waiting(now, effects);
        }
    }

    /// Whether a leader resigns that no majority fetches from.
    fn checks_quorum(&self) -> bool {
        self.voters().count() > 1 && !self.defects.has(QuorumDefect::IsolatedLeaderLeadsOn)
    }

    /// Gives the leadership up, and tells the other voters who should try first: the one that fetched farthest.
    pub(crate) fn resign(&mut self, now: Time, effects: &mut Effects) {
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let mut ranked: Vec<(Option<Offset>, NodeId)> =
            leader.followers.iter().map(|follower| (follower.end, follower.key.id)).collect();
        ranked.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let successors: Vec<NodeId> = ranked.into_iter().map(|(_, node)| node).collect();
        let unaware = successors.clone();
        let election_at = now + self.election_timeout();
        let role = Role::Resigned(Resigned { election_at, successors, unaware });
        self.enter(self.state, role, effects);
        self.reset_connections(now);
        self.pump(now, effects);
    }

    /// The voter knows of the resignation.
    pub(super) fn on_leader_resigned(&mut self, from: NodeId, asked_in: LeaderEpoch) {
        let epoch = self.state.epoch;
        if let Role::Resigned(resigned) = &mut self.role
            && asked_in == epoch
        {
            resigned.unaware.retain(|voter| *voter != from);
        }
    }

    pub(super) fn begin_request(&self) -> RequestBody {
        let (epoch, leader) = (self.state.epoch, self.node);
        RequestBody::Quorum(QuorumRequest::BeginQuorumEpoch(BeginQuorumEpochRequest {
            epoch,
            leader,
        }))
    }

    pub(super) fn end_request(&self) -> RequestBody {
        let preferred_successors = match &self.role {
            Role::Resigned(resigned) => resigned.successors.clone(),
            Role::Unattached { .. }
            | Role::Follower { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_) => Vec::new(),
        };
        let (epoch, leader) = (self.state.epoch, self.node);
        RequestBody::Quorum(QuorumRequest::EndQuorumEpoch(Box::new(EndQuorumEpochRequest {
            epoch,
            leader,
            preferred_successors,
        })))
    }
}

/// Whether a record is the quorum's own, and not the controller's.
fn is_control(record: &MetadataRecord) -> bool {
    matches!(record, MetadataRecord::LeaderChange { .. } | MetadataRecord::Voters { .. })
}

/// A snapshot's end, as that of an epoch. Source: `KafkaMetadataLog.endOffsetForEpoch`.
fn earliest_end(earliest: SnapshotId) -> EpochEnd {
    EpochEnd { epoch: earliest.epoch, end_offset: earliest.end_offset }
}

fn reply(fetch: &WaitingFetch, response: QuorumFetchResponse, effects: &mut Effects) {
    let body = ResponseBody::QuorumFetch(Box::new(response));
    effects.reply(fetch.connection, Message { correlation_id: fetch.correlation_id, body });
}
