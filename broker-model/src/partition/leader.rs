//! A leader's rules: produce, fetches of followers and consumers, the high watermark. Source: rules 2.1.1 to 2.1.10.

use crate::defect::{LogDefect, ReplicationDefect};
use crate::log::ProducerCheck;
use crate::message::{
    ClusterError, EpochEnd, ReplicaFetchPartition, ReplicaFetchPartitionResponse,
};
use crate::node::Effects;
use crate::note::{Note, PartitionRegistration};
use crate::partition::isr::{IsrState, is_eligible, least_log_end};
use crate::partition::progress::FollowerProgress;
use crate::partition::{Partition, Role, Surroundings, error_code};
use crate::proto::ErrorCode;
use crate::record::RecordBatch;
use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, Time};

/// What a leader keeps for its epoch.
#[derive(Debug)]
pub(super) struct LeaderState {
    /// Its log end when it became leader.
    pub(super) epoch_start_offset: Offset,
    /// The in-sync replicas.
    pub(super) isr: IsrState,
    followers: Vec<FollowerProgress>,
    /// Produces with acks=all that wait for the high watermark, in order of offset.
    waiting: Vec<WaitingProduce>,
}

/// Names a produce that waits; chosen by the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProduceTicket(pub u64);

/// A batch that is appended and not yet committed.
#[derive(Debug)]
struct WaitingProduce {
    ticket: ProduceTicket,
    ack: ProduceAck,
    checksum: u32,
    duplicate: bool,
}

/// Where a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProduceAck {
    /// Its first offset.
    pub base_offset: Offset,
    /// Its last offset.
    pub last_offset: Offset,
}

/// What became of a produce.
#[derive(Debug, Clone, PartialEq)]
pub enum ProduceOutcome {
    /// Done.
    Acknowledged(ProduceAck),
    /// Appended; the ticket is decided later, by [`Changes::produced`](super::Changes::produced).
    Waiting,
    /// Refused.
    Refused(ErrorCode),
}

/// What a consumer's fetch reads.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerRead {
    /// Records, in whole batches.
    pub batches: Vec<RecordBatch>,
    /// The high watermark.
    pub high_watermark: Offset,
    /// The log start.
    pub log_start_offset: Offset,
    /// Where the logs differ, if the consumer told its last epoch and they do. Source: KIP-595.
    pub diverging: Option<EpochEnd>,
}

/// How much a fetch may read.
#[derive(Debug, Clone, Copy)]
pub struct FetchBounds {
    /// About so many bytes.
    pub bytes_max: u32,
    /// Whether the fetch counts as news of the follower; not so when a waiting fetch reads again.
    pub update_follower: bool,
}

impl LeaderState {
    pub(super) fn follower(&self, replica: NodeId) -> Option<&FollowerProgress> {
        self.followers.iter().find(|progress| progress.replica == replica)
    }
}

impl Partition {
    /// Rule 2.1.7: in a new epoch, note where it begins before anything is served, and forget what followers had.
    pub(super) fn make_leader(
        &mut self,
        around: Surroundings<'_>,
        registration: &PartitionRegistration,
        epoch_grew: bool,
        effects: &mut Effects,
    ) {
        match &mut self.role {
            Role::Leader(leader) if !epoch_grew => {
                leader.isr = IsrState::new(registration.isr.clone());
                effects.note(Note::IsrCommitted {
                    partition: self.log.partition(),
                    leader_epoch: self.leader_epoch,
                    partition_epoch: self.partition_epoch,
                    isr: registration.isr.clone(),
                });
            }
            Role::Leader(_) | Role::Follower => {
                self.begin_epoch(around.now.time, registration, effects);
            }
        }
        if epoch_grew || !self.defects.has(ReplicationDefect::NoHwOnShrink) {
            self.maybe_advance_high_watermark(around, effects);
        }
        self.complete_produces(effects);
    }

    fn begin_epoch(
        &mut self,
        now: Time,
        registration: &PartitionRegistration,
        effects: &mut Effects,
    ) {
        // A leader that is elected again in a later epoch: who waits is answered, and asks again.
        self.refuse_waiting_produces();
        self.log.assign_epoch(registration.leader_epoch, effects);
        let epoch_start_offset = self.log.log_end_offset();
        let others = registration.replicas.iter().copied().filter(|replica| *replica != self.node);
        let followers = others.map(|replica| {
            FollowerProgress::new(replica, registration.isr.contains(&replica).then_some(now))
        });
        self.role = Role::Leader(LeaderState {
            epoch_start_offset,
            isr: IsrState::new(registration.isr.clone()),
            followers: followers.collect(),
            waiting: Vec::new(),
        });
        self.changes.leadership_changed = true;
        effects.note(Note::BecameLeader {
            partition: self.log.partition(),
            leader_epoch: registration.leader_epoch,
            partition_epoch: registration.partition_epoch,
            epoch_start_offset,
            high_watermark: self.log.high_watermark(),
            isr: registration.isr.clone(),
        });
        self.log.note_known(effects);
    }

    /// Appends a client's batch. Source: rules 2.1.9 and 2.7.
    pub fn produce(
        &mut self,
        around: Surroundings<'_>,
        batch: &RecordBatch,
        acks: i16,
        ticket: ProduceTicket,
        effects: &mut Effects,
    ) -> ProduceOutcome {
        let Role::Leader(leader) = &self.role else {
            return ProduceOutcome::Refused(ErrorCode::NotLeaderOrFollower);
        };
        if acks == -1 && leader.isr.committed().len() < self.min_insync_replicas {
            effects.note(Note::NotEnoughReplicas { partition: self.id(), after_append: false });
            return ProduceOutcome::Refused(ErrorCode::NotEnoughReplicas);
        }
        let check = if self.defects.has(LogDefect::NoDedup) {
            Ok(ProducerCheck::New)
        } else {
            self.log.check_producer(batch.header())
        };
        match check {
            Err(error) => {
                self.note_sequence_refused(batch, error, effects);
                ProduceOutcome::Refused(error)
            }
            Ok(ProducerCheck::Duplicate { base_offset, last_offset }) => {
                let ack = ProduceAck { base_offset, last_offset };
                self.answer_produce(ack, batch.header().checksum, true, acks, ticket, effects)
            }
            Ok(ProducerCheck::New) => {
                let appended = self.log.append_as_leader(batch, self.leader_epoch, acks, effects);
                self.changes.log_end_moved = true;
                self.maybe_advance_high_watermark(around, effects);
                self.complete_produces(effects);
                let ack = ProduceAck {
                    base_offset: appended.base_offset(),
                    last_offset: appended.last_offset(),
                };
                self.answer_produce(ack, appended.header().checksum, false, acks, ticket, effects)
            }
        }
    }

    fn note_sequence_refused(&self, batch: &RecordBatch, error: ErrorCode, effects: &mut Effects) {
        let header = batch.header();
        effects.note(Note::SequenceRefused {
            partition: self.log.partition(),
            leader_epoch: self.leader_epoch,
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            fenced: error == ErrorCode::InvalidProducerEpoch,
        });
    }

    /// Answers at once what need not wait, and lets the rest wait, duplicates included (P04).
    fn answer_produce(
        &mut self,
        ack: ProduceAck,
        checksum: u32,
        duplicate: bool,
        acks: i16,
        ticket: ProduceTicket,
        effects: &mut Effects,
    ) -> ProduceOutcome {
        let waiting = WaitingProduce { ticket, ack, checksum, duplicate };
        if acks != -1 {
            self.note_acknowledged(&waiting, acks, effects);
            return ProduceOutcome::Acknowledged(ack);
        }
        let Role::Leader(leader) = &mut self.role else {
            return ProduceOutcome::Refused(ErrorCode::NotLeaderOrFollower);
        };
        let at = leader.waiting.partition_point(|other| other.ack.last_offset <= ack.last_offset);
        leader.waiting.insert(at, waiting);
        self.complete_produces(effects);
        let decided = self.changes.produced.iter().position(|(done, _)| *done == ticket);
        match decided.map(|at| self.changes.produced.remove(at).1) {
            None => ProduceOutcome::Waiting,
            Some(Ok(ack)) => ProduceOutcome::Acknowledged(ack),
            Some(Err(error)) => ProduceOutcome::Refused(error),
        }
    }

    /// Decides the waiting produces that the high watermark has passed.
    pub(super) fn complete_produces(&mut self, effects: &mut Effects) {
        let high_watermark = self.log.high_watermark();
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let passed =
            leader.waiting.partition_point(|waiting| waiting.ack.last_offset < high_watermark);
        if passed == 0 {
            return;
        }
        let enough = leader.isr.maximal_len() >= self.min_insync_replicas;
        let done: Vec<WaitingProduce> = leader.waiting.drain(..passed).collect();
        for waiting in done {
            let result = if enough {
                self.note_acknowledged(&waiting, -1, effects);
                Ok(waiting.ack)
            } else {
                effects.note(Note::NotEnoughReplicas { partition: self.id(), after_append: true });
                Err(ErrorCode::NotEnoughReplicasAfterAppend)
            };
            self.changes.produced.push((waiting.ticket, result));
        }
    }

    fn note_acknowledged(&self, waiting: &WaitingProduce, acks: i16, effects: &mut Effects) {
        effects.note(Note::ProduceAcknowledged {
            partition: self.log.partition(),
            leader_epoch: self.leader_epoch,
            base_offset: waiting.ack.base_offset,
            last_offset: waiting.ack.last_offset,
            checksum: waiting.checksum,
            acks,
            duplicate: waiting.duplicate,
        });
    }

    /// Forgets a produce whose request timed out or whose connection is gone.
    pub fn abandon_produce(&mut self, ticket: ProduceTicket) {
        if let Role::Leader(leader) = &mut self.role {
            leader.waiting.retain(|waiting| waiting.ticket != ticket);
        }
    }

    /// Whether a produce waits here for what has not happened yet.
    pub fn is_undecided(&self, ticket: ProduceTicket) -> bool {
        let Role::Leader(leader) = &self.role else {
            return false;
        };
        let open = |waiting: &WaitingProduce| {
            waiting.ticket == ticket && waiting.ack.last_offset >= self.log.high_watermark()
        };
        leader.waiting.iter().any(open)
    }

    pub(super) fn refuse_waiting_produces(&mut self) {
        if let Role::Leader(leader) = &mut self.role {
            for waiting in leader.waiting.drain(..) {
                self.changes.produced.push((waiting.ticket, Err(ErrorCode::NotLeaderOrFollower)));
            }
        }
    }

    /// Answers one partition of a follower's fetch. Nothing to read and nothing wrong: an answer without records,
    /// which the broker may hold back until there are some. Source: rules 2.1.1 to 2.1.4.
    pub fn replica_fetch(
        &mut self,
        around: Surroundings<'_>,
        replica: NodeId,
        broker_epoch: BrokerEpoch,
        fetch: &ReplicaFetchPartition,
        bounds: FetchBounds,
        effects: &mut Effects,
    ) -> ReplicaFetchPartitionResponse {
        if let Err(error) = self.check_replica_fetch(around, replica, broker_epoch, fetch) {
            if matches!(error, ClusterError::FencedLeaderEpoch | ClusterError::UnknownLeaderEpoch) {
                effects.note(Note::RequestFenced { partition: self.id(), by: replica, error });
            }
            return self.fetch_answer(Some(error), None, Vec::new());
        }
        match self.divergence(
            fetch.current_leader_epoch,
            fetch.last_fetched_epoch,
            fetch.fetch_offset,
        ) {
            Err(error) => return self.fetch_answer(Some(error), None, Vec::new()),
            Ok(Some(end)) => {
                effects.note(Note::DivergenceFound {
                    partition: self.id(),
                    follower: replica,
                    epoch: end.epoch,
                    end_offset: end.end_offset,
                });
                return self.fetch_answer(None, Some(end), Vec::new());
            }
            Ok(None) => {}
        }
        let end = self.log.log_end_offset();
        if fetch.fetch_offset > end {
            return self.fetch_answer(Some(ClusterError::OffsetOutOfRange), None, Vec::new());
        }
        let batches = self.log.read(fetch.fetch_offset, end, bounds.bytes_max);
        if bounds.update_follower {
            self.follower_fetched(around, replica, broker_epoch, fetch, effects);
        }
        self.fetch_answer(None, None, batches)
    }

    fn fetch_answer(
        &self,
        error: Option<ClusterError>,
        diverging: Option<EpochEnd>,
        batches: Vec<RecordBatch>,
    ) -> ReplicaFetchPartitionResponse {
        ReplicaFetchPartitionResponse {
            partition: self.log.partition(),
            error,
            diverging,
            high_watermark: self.log.high_watermark(),
            log_start_offset: self.log.log_start_offset(),
            batches,
        }
    }

    fn check_replica_fetch(
        &self,
        around: Surroundings<'_>,
        replica: NodeId,
        broker_epoch: BrokerEpoch,
        fetch: &ReplicaFetchPartition,
    ) -> Result<(), ClusterError> {
        self.check_epoch(fetch.current_leader_epoch)?;
        let Role::Leader(leader) = &self.role else {
            return Err(ClusterError::NotLeaderOrFollower);
        };
        if leader.follower(replica).is_none() {
            return Err(ClusterError::UnknownLeaderEpoch);
        }
        let registered = around.metadata.brokers.get(&replica).map(|broker| broker.broker_epoch);
        if broker_epoch != BrokerEpoch::NONE && registered.is_some_and(|epoch| epoch > broker_epoch)
        {
            return Err(ClusterError::NotLeaderOrFollower);
        }
        if fetch.fetch_offset < self.log.log_start_offset() {
            return Err(ClusterError::OffsetOutOfRange);
        }
        Ok(())
    }

    /// Where the asker's log parts from this one. Source: rule 2.1.2.
    fn divergence(
        &self,
        current_leader_epoch: LeaderEpoch,
        last_fetched_epoch: LeaderEpoch,
        fetch_offset: Offset,
    ) -> Result<Option<EpochEnd>, ClusterError> {
        // Before KIP-320 a fetch told no epochs at all: one from another epoch could not be compared.
        let legacy = self.defects.has(ReplicationDefect::NoFetchEpochFencing)
            && current_leader_epoch != LeaderEpoch::NONE
            && current_leader_epoch != self.leader_epoch;
        if last_fetched_epoch == LeaderEpoch::NONE || legacy {
            return Ok(None);
        }
        let end = self.log.end_offset_for(last_fetched_epoch);
        if end.end_offset == Offset::NONE || end.epoch == LeaderEpoch::NONE {
            return Err(ClusterError::OffsetOutOfRange);
        }
        let parts = end.epoch < last_fetched_epoch || end.end_offset < fetch_offset;
        Ok(parts.then_some(end))
    }

    /// Rules 2.1.3 and 2.1.4: the follower's news, then ISR, then high watermark, then who waited.
    fn follower_fetched(
        &mut self,
        around: Surroundings<'_>,
        replica: NodeId,
        broker_epoch: BrokerEpoch,
        fetch: &ReplicaFetchPartition,
        effects: &mut Effects,
    ) {
        let end = self.log.log_end_offset();
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let Some(progress) = leader.followers.iter_mut().find(|other| other.replica == replica)
        else {
            return;
        };
        let told_epoch = fetch.current_leader_epoch;
        if !progress.is_known_in(broker_epoch) || told_epoch != self.leader_epoch {
            effects.note(Note::FollowerHeard {
                partition: self.log.partition(),
                leader_epoch: self.leader_epoch,
                follower: replica,
                told_epoch,
                broker_epoch,
                fetch_offset: fetch.fetch_offset,
            });
        }
        progress.fetched(
            around.now.time,
            fetch.fetch_offset,
            fetch.log_start_offset,
            end,
            broker_epoch,
        );
        self.maybe_expand_isr(around, replica, effects);
        self.maybe_advance_high_watermark(around, effects);
        self.complete_produces(effects);
        self.self_check();
    }

    /// Rule 2.1.5: the least log end of the maximal ISR and of those about to join it; not below min ISR (KIP-966).
    pub(super) fn maybe_advance_high_watermark(
        &mut self,
        around: Surroundings<'_>,
        effects: &mut Effects,
    ) {
        let end = self.log.log_end_offset();
        let by_proposal = self.defects.has(ReplicationDefect::HwUsesProposedIsr);
        let Role::Leader(leader) = &self.role else {
            return;
        };
        if leader.isr.committed().len() < self.min_insync_replicas {
            return;
        }
        let (now, lag_time_max) = (around.now.time, self.lag_time_max);
        let must_have = leader.followers.iter().filter(|progress| {
            leader.isr.holds_high_watermark(progress.replica, by_proposal)
                || (progress.is_caught_up(end, now, lag_time_max)
                    && progress.log_end_offset.is_some()
                    && !leader.isr.maximal_contains(progress.replica)
                    && is_eligible(progress, around.metadata))
        });
        if let Some(least) = least_log_end(must_have.map(|progress| progress.log_end_offset), end) {
            self.advance_high_watermark(least, effects);
        }
    }

    /// Reads for a consumer, up to the high watermark. Source: rule 2.1.10, KIP-320.
    pub fn consumer_fetch(
        &self,
        current_leader_epoch: LeaderEpoch,
        fetch_offset: Offset,
        last_fetched_epoch: LeaderEpoch,
        bytes_max: u32,
    ) -> Result<ConsumerRead, ErrorCode> {
        self.check_client_request(current_leader_epoch)?;
        let (start, high_watermark, end) =
            (self.log.log_start_offset(), self.log.high_watermark(), self.log.log_end_offset());
        let mut read = ConsumerRead {
            batches: Vec::new(),
            high_watermark,
            log_start_offset: start,
            diverging: None,
        };
        if fetch_offset < start || fetch_offset > end {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        read.diverging = self
            .divergence(current_leader_epoch, last_fetched_epoch, fetch_offset)
            .map_err(error_code)?;
        if read.diverging.is_none() && fetch_offset < high_watermark {
            read.batches = self.log.read(fetch_offset, high_watermark, bytes_max);
        }
        Ok(read)
    }

    /// The end offset that a client may know. Source: KIP-207: not before this leader's watermark reached its epoch.
    pub fn latest_offset(&self, current_leader_epoch: LeaderEpoch) -> Result<Offset, ErrorCode> {
        self.check_client_request(current_leader_epoch)?;
        let Role::Leader(leader) = &self.role else {
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        let high_watermark = self.log.high_watermark();
        if high_watermark < leader.epoch_start_offset {
            return Err(ErrorCode::OffsetNotAvailable);
        }
        Ok(high_watermark)
    }

    /// The log start that a client may know.
    pub fn earliest_offset(&self, current_leader_epoch: LeaderEpoch) -> Result<Offset, ErrorCode> {
        self.check_client_request(current_leader_epoch)?;
        Ok(self.log.log_start_offset())
    }

    /// Where an epoch ends, for a client. Source: KIP-101, KIP-279, KIP-320.
    pub fn epoch_end(
        &self,
        current_leader_epoch: LeaderEpoch,
        epoch: LeaderEpoch,
    ) -> Result<EpochEnd, ErrorCode> {
        self.check_client_request(current_leader_epoch)?;
        Ok(self.log.end_offset_for(epoch))
    }

    /// The bounds of the log, for a follower out of range: log start and log end.
    pub fn replica_bounds(
        &self,
        current_leader_epoch: LeaderEpoch,
    ) -> Result<(Offset, Offset), ClusterError> {
        self.check_epoch(current_leader_epoch)?;
        if !self.is_leader() {
            return Err(ClusterError::NotLeaderOrFollower);
        }
        Ok((self.log.log_start_offset(), self.log.log_end_offset()))
    }

    fn check_client_request(&self, current_leader_epoch: LeaderEpoch) -> Result<(), ErrorCode> {
        self.check_epoch(current_leader_epoch).map_err(error_code)?;
        if self.is_leader() { Ok(()) } else { Err(ErrorCode::NotLeaderOrFollower) }
    }
}
