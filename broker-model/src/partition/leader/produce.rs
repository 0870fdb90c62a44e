//! Produce: a batch is judged, appended, and acknowledged when as many replicas have it as was asked for. Source: rules
//! 2.1.9 and 2.7, `Partition.appendRecordsToLeader`, `Partition.checkEnoughReplicasReachOffset`.

use super::state::{ProduceAck, ProduceTicket, WaitingProduce};
use crate::defect::{LogDefect, ReplicationDefect, TransactionDefect};
use crate::log::{ActiveProducer, AppendRights, ProducerCheck, VerificationGuard};
use crate::node::Effects;
use crate::note::ProducerNote;
use crate::partition::{Partition, PartitionContext, Role};
use crate::proto::ErrorCode;
use crate::record::{RecordBatch, TransactionMarker};

/// What became of a produce.
#[derive(Debug, Clone, PartialEq)]
pub enum ProduceOutcome {
    /// Done.
    Acknowledged(ProduceAck),
    /// Appended; the ticket is decided later, by `Changes::produced`.
    Waiting,
    /// Refused.
    Refused(ErrorCode),
}

impl Partition {
    /// Appends a client's batch, or refuses it. The checks are Kafka's, in Kafka's order: the leadership, the number of
    /// in-sync replicas, the batch itself, the producer's sequence. Source: rules 2.1.9 and 2.7,
    /// `Partition.appendRecordsToLeader`, `UnifiedLog.append`.
    pub fn produce(
        &mut self,
        context: PartitionContext<'_>,
        batch: Result<&RecordBatch, ErrorCode>,
        acks: i16,
        ticket: ProduceTicket,
        effects: &mut Effects,
    ) -> ProduceOutcome {
        let rights = AppendRights::default();
        self.produce_verified(context, batch, (acks, rights), ticket, effects)
    }

    /// The same for a batch of a transaction that was verified, or of a coordinator; a marker, too. Source: KIP-890,
    /// `ReplicaManager.appendRecords` with `AppendOrigin.COORDINATOR`.
    pub fn produce_verified(
        &mut self,
        context: PartitionContext<'_>,
        batch: Result<&RecordBatch, ErrorCode>,
        (acks, rights): (i16, AppendRights),
        ticket: ProduceTicket,
        effects: &mut Effects,
    ) -> ProduceOutcome {
        let outcome = match self.check_produce(batch, (acks, rights), effects) {
            Ok((batch, ProducerCheck::New)) => {
                self.append_produced(context, batch, acks, ticket, effects)
            }
            Ok((batch, ProducerCheck::Duplicate { base_offset, last_offset })) => {
                let ack = ProduceAck { base_offset, last_offset };
                let checksum = batch.header().checksum;
                let waiting = WaitingProduce { ticket, ack, checksum, duplicate: true };
                // Kafka looks after each append, whether or not it was one.
                self.maybe_advance_high_watermark(context, effects);
                self.complete_produces(effects);
                self.answer_produce(waiting, acks, effects)
            }
            Err(error) => ProduceOutcome::Refused(error),
        };
        self.self_check();
        outcome
    }

    /// Whether a marker would be appended, not refused.
    pub fn takes_marker(&self, marker: &TransactionMarker, rights: AppendRights) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        leader.isr.committed().len() >= self.min_insync_replicas
            && self.check_marker(marker, rights).is_ok()
    }

    /// Whether a marker may be written. Known bug T08: not if it is there already.
    fn check_marker(
        &self,
        marker: &TransactionMarker,
        rights: AppendRights,
    ) -> Result<(), ErrorCode> {
        let strict = self.epoch_per_transaction && !rights.administrator;
        if strict && self.defects.has(TransactionDefect::MarkerRetryRefused) {
            let same = (marker.producer_id, marker.producer_epoch);
            let is_newest = |it: &ActiveProducer| (it.producer_id, it.producer_epoch) == same;
            if self.log.active_producers().iter().any(is_newest) {
                return Err(ErrorCode::InvalidProducerEpoch);
            }
        }
        self.log.check_marker(marker, strict)
    }

    fn check_produce<'a>(
        &self,
        batch: Result<&'a RecordBatch, ErrorCode>,
        (acks, rights): (i16, AppendRights),
        effects: &mut Effects,
    ) -> Result<(&'a RecordBatch, ProducerCheck), ErrorCode> {
        let Role::Leader(leader) = &self.role else {
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        if acks == -1 && leader.isr.committed().len() < self.min_insync_replicas {
            effects.note(ProducerNote::NotEnoughReplicas {
                partition: self.id(),
                after_append: false,
            });
            return Err(ErrorCode::NotEnoughReplicas);
        }
        let batch = batch?;
        if let Some(marker) = TransactionMarker::read(batch) {
            self.check_marker(&marker, rights)?;
            return Ok((batch, ProducerCheck::New));
        }
        if self.defects.has(LogDefect::NoDedup) {
            return Ok((batch, ProducerCheck::New));
        }
        let check = self.log.check_producer(batch.header(), rights);
        let check = check.inspect_err(|error| self.note_sequence_refused(batch, *error, effects));
        Ok((batch, check?))
    }

    fn append_produced(
        &mut self,
        context: PartitionContext<'_>,
        batch: &RecordBatch,
        acks: i16,
        ticket: ProduceTicket,
        effects: &mut Effects,
    ) -> ProduceOutcome {
        let appended = self.log.append_as_leader(batch, self.leader_epoch, acks, effects);
        self.changes.log_end_moved = true;
        self.note_stable_offset(effects);
        if !self.is_alone() || !self.defects.has(ReplicationDefect::LoneLeaderWaits) {
            self.maybe_advance_high_watermark(context, effects);
        }
        self.complete_produces(effects);
        let (base_offset, last_offset) = (appended.base_offset(), appended.last_offset());
        let ack = ProduceAck { base_offset, last_offset };
        let checksum = appended.header().checksum;
        let waiting = WaitingProduce { ticket, ack, checksum, duplicate: false };
        let alone = self.defects.has(TransactionDefect::DataUnreplicated);
        let header = batch.header();
        let in_transaction = header.is_transactional() && !header.is_control();
        let acks = if alone && in_transaction { 1 } else { acks };
        self.answer_produce(waiting, acks, effects)
    }

    /// Appends records of a coordinator, whatever the number of in-sync replicas: who waits for them waits for the high
    /// watermark, which does not pass them before there are enough. Source: `CoordinatorPartitionWriter.append`, with
    /// one required acknowledgement.
    pub fn append_as_coordinator(
        &mut self,
        context: PartitionContext<'_>,
        batch: &RecordBatch,
        effects: &mut Effects,
    ) -> Result<(), ErrorCode> {
        if !self.is_leader() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        self.log.append_as_leader(batch, self.leader_epoch, 1, effects);
        self.changes.log_end_moved = true;
        self.note_stable_offset(effects);
        self.maybe_advance_high_watermark(context, effects);
        self.complete_produces(effects);
        self.self_check();
        Ok(())
    }

    /// The same as part of a transaction, if that is verified and its producer the newest here.
    pub fn append_in_transaction(
        &mut self,
        context: PartitionContext<'_>,
        batch: &RecordBatch,
        guard: Option<VerificationGuard>,
        effects: &mut Effects,
    ) -> Result<(), ErrorCode> {
        if !self.is_leader() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let rights = AppendRights { guard, coordinator: true, ..AppendRights::default() };
        self.log.check_producer(batch.header(), rights)?;
        self.append_as_coordinator(context, batch, effects)
    }

    fn note_sequence_refused(&self, batch: &RecordBatch, error: ErrorCode, effects: &mut Effects) {
        let header = batch.header();
        let by_sequence =
            matches!(error, ErrorCode::InvalidProducerEpoch | ErrorCode::OutOfOrderSequenceNumber);
        // Of transactions, markers and verification decide, too.
        if !by_sequence || header.is_transactional() {
            return;
        }
        effects.note(ProducerNote::SequenceRefused {
            partition: self.log.partition(),
            leader_epoch: self.leader_epoch,
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            fenced: error == ErrorCode::InvalidProducerEpoch,
        });
    }

    /// Answers at once what need not wait or is decided, and lets the rest wait, duplicates included (P04).
    fn answer_produce(
        &mut self,
        waiting: WaitingProduce,
        acks: i16,
        effects: &mut Effects,
    ) -> ProduceOutcome {
        let early = waiting.duplicate && self.defects.has(LogDefect::DuplicateAnsweredEarly);
        if acks != -1 || early {
            self.note_acknowledged(&waiting, acks, effects);
            return ProduceOutcome::Acknowledged(waiting.ack);
        }
        if waiting.ack.last_offset < self.log.high_watermark() {
            return match self.decide(&waiting, effects) {
                Ok(ack) => ProduceOutcome::Acknowledged(ack),
                Err(error) => ProduceOutcome::Refused(error),
            };
        }
        let Role::Leader(leader) = &mut self.role else {
            return ProduceOutcome::Refused(ErrorCode::NotLeaderOrFollower);
        };
        let last_offset = waiting.ack.last_offset;
        let at = leader.waiting.partition_point(|other| other.ack.last_offset <= last_offset);
        leader.waiting.insert(at, waiting);
        leader.check_waiting_at(at);
        ProduceOutcome::Waiting
    }

    /// Decides the waiting produces that the high watermark has passed.
    pub(in crate::partition) fn complete_produces(&mut self, effects: &mut Effects) {
        let high_watermark = self.log.high_watermark();
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let passed =
            leader.waiting.partition_point(|waiting| waiting.ack.last_offset < high_watermark);
        if passed == 0 {
            return;
        }
        let done: Vec<WaitingProduce> = leader.waiting.drain(..passed).collect();
        for waiting in done {
            let result = self.decide(&waiting, effects);
            self.changes.produced.push((waiting.ticket, result));
        }
    }

    /// What a produce is answered whose records the high watermark has passed: in the meantime the ISR may have become
    /// too small. Source: `Partition.checkEnoughReplicasReachOffset`.
    fn decide(
        &self,
        waiting: &WaitingProduce,
        effects: &mut Effects,
    ) -> Result<ProduceAck, ErrorCode> {
        let Role::Leader(leader) = &self.role else {
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        if leader.isr.maximal_len() >= self.min_insync_replicas {
            self.note_acknowledged(waiting, -1, effects);
            Ok(waiting.ack)
        } else {
            effects
                .note(ProducerNote::NotEnoughReplicas { partition: self.id(), after_append: true });
            Err(ErrorCode::NotEnoughReplicasAfterAppend)
        }
    }

    fn note_acknowledged(&self, waiting: &WaitingProduce, acks: i16, effects: &mut Effects) {
        effects.note(ProducerNote::ProduceAcknowledged {
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
        self.self_check();
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

    pub(in crate::partition) fn refuse_waiting_produces(&mut self) {
        if let Role::Leader(leader) = &mut self.role {
            for waiting in leader.waiting.drain(..) {
                self.changes.produced.push((waiting.ticket, Err(ErrorCode::NotLeaderOrFollower)));
            }
        }
    }
}
