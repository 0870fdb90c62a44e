//! Which note goes to which invariants. A note is judged by the state before it.

use harrow_broker_model::message::ClusterError;
use harrow_broker_model::note::{
    BatchSummary, BrokerNote, ConsumerNote, ControllerNote, GroupNote, IsolationLevel, LogNote,
    MetadataChange, Note, ProducerNote, QuorumNote, ReplicationNote, TransactionNote,
};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use super::ack_rule::{self, Acknowledgement};
use super::check_quorum::CheckQuorum;
use super::clean_stop::CleanStops;
use super::fencing::Fencing;
use super::finding::{Context, Findings};
use super::follower_lag::FollowerLag;
use super::following::Following;
use super::high_watermark::{HighWatermarks, Move};
use super::leadership::{self, Leadership};
use super::log_matching::LogMatching;
use super::metadata_freshness::{self, RegistrationVersions};
use super::ownership::Ownership;
use super::position::Positions;
use super::pre_vote::PreVotes;
use super::producer_state::{self, ProducerIds};
use super::proposals::Proposals;
use super::quorum::{self, Quorum, VoterState};
use super::quorum_disk::QuorumDisks;
use super::read_rule::{self, ReadRule};
use super::recovery::{DurableLogs, Reopened};
use super::running_since::RunningSince;
use super::sequence::Sequences;
use super::stable_offset::{Served, StableMove, StableOffsets};
use super::transactions::{Transactions, Transition};
use super::{commit_rule, election, epoch_ends, log_start, membership, refusal, truncation};
use crate::plan::Plan;
use crate::view::ClusterView;

/// The invariants, with what each remembers.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) findings: Findings,
    log_matching: LogMatching,
    leadership: Leadership,
    high_watermarks: HighWatermarks,
    read_rule: ReadRule,
    sequences: Sequences,
    quorum: Quorum,
    quorum_disks: QuorumDisks,
    durable_logs: DurableLogs,
    proposals: Proposals,
    producer_ids: ProducerIds,
    transactions: Transactions,
    stable_offsets: StableOffsets,
    ownership: Ownership,
    following: Following,
    clean_stops: CleanStops,
    registration_versions: RegistrationVersions,
    running_since: RunningSince,
    follower_lag: FollowerLag,
    check_quorum: CheckQuorum,
    pre_votes: PreVotes,
    fencing: Fencing,
    positions: Positions,
}

impl Watch {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            findings: Findings::default(),
            log_matching: LogMatching::default(),
            leadership: Leadership::default(),
            high_watermarks: HighWatermarks::default(),
            read_rule: ReadRule::default(),
            sequences: Sequences::default(),
            quorum: Quorum::default(),
            quorum_disks: QuorumDisks::default(),
            durable_logs: DurableLogs::default(),
            proposals: Proposals::default(),
            producer_ids: ProducerIds::default(),
            transactions: Transactions::default(),
            stable_offsets: StableOffsets::default(),
            ownership: Ownership::default(),
            following: Following::default(),
            clean_stops: CleanStops::default(),
            registration_versions: RegistrationVersions::default(),
            running_since: RunningSince::default(),
            follower_lag: FollowerLag::new(plan),
            check_quorum: CheckQuorum::new(plan),
            pre_votes: PreVotes::default(),
            fencing: Fencing::default(),
            positions: Positions::of(plan),
        }
    }

    pub(super) fn consumer_assigned(&mut self, node: NodeId) {
        self.read_rule.forget(node, None);
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.high_watermarks.process_started(node);
        self.stable_offsets.process_started(node);
        self.quorum.process_started(node);
        self.quorum_disks.process_started(node);
        self.clean_stops.process_started(node);
        self.registration_versions.process_started(node);
        self.fencing.process_started(node);
    }

    pub(super) fn process_blocked(&mut self, at_ns: u64, node: NodeId, still: bool) {
        self.running_since.process_blocked(at_ns, node, still);
    }

    pub(super) fn process_ended(&mut self, at_ns: u64, view: &ClusterView, node: NodeId) {
        self.follower_lag.process_ended(at_ns, view, node);
        self.check_quorum.process_ended(node);
        self.pre_votes.process_ended(node);
    }

    pub(super) fn quorum_fetched(
        &mut self,
        at_ns: u64,
        at: NodeId,
        by: NodeId,
        epoch: LeaderEpoch,
    ) {
        self.check_quorum.on_fetch(at_ns, at, by, epoch);
    }

    pub(super) fn disk_wiped(&mut self, node: NodeId) {
        self.quorum.disk_wiped(node);
        self.pre_votes.disk_wiped(node);
        self.durable_logs.disk_wiped(node);
    }

    pub(super) fn log_flushed(
        &mut self,
        view: &ClusterView,
        node: NodeId,
        partition: TopicPartition,
        batches: &[BatchSummary],
    ) {
        self.durable_logs.on_power_lost(view, node, partition, batches);
    }

    pub(super) fn disk_answers(&mut self, node: NodeId, durable: bool) {
        self.quorum_disks.on_answer(node, durable);
    }

    pub(super) fn log_found(
        &mut self,
        node: NodeId,
        partition: TopicPartition,
        end: Offset,
        whole: bool,
    ) {
        self.durable_logs.on_found(node, partition, (end, whole));
    }

    pub(super) fn observe(&mut self, context: &Context<'_>, note: &Note) {
        let findings = &mut self.findings;
        self.follower_lag.look(context, findings, &self.running_since);
        self.check_quorum.look(context, findings, &self.running_since);
        match note {
            Note::Log(LogNote::Appended { partition, batch, leader_epoch, origin, acks }) => {
                self.log_matching.on_append(context, findings, *partition, batch, *leader_epoch);
                self.transactions.on_append(context, findings, *partition, batch, *origin);
                if *acks == -1 {
                    ack_rule::on_appended(context, findings, (*partition, batch), *leader_epoch);
                }
            }
            Note::Replication(ReplicationNote::HighWatermarkMoved {
                partition,
                leader_epoch,
                as_leader,
                to,
                ..
            }) => {
                let (epoch, as_leader) = (*leader_epoch, *as_leader);
                let moved = Move { partition: *partition, epoch, as_leader, to: *to };
                self.on_high_watermark(context, moved);
            }
            Note::Producer(ProducerNote::ProduceAcknowledged { .. })
            | Note::Producer(ProducerNote::NotEnoughReplicas { .. })
            | Note::Consumer(ConsumerNote::RecordsServed { .. })
            | Note::Consumer(ConsumerNote::EndOffsetServed { .. })
            | Note::Producer(ProducerNote::SequenceRefused { .. }) => {
                self.on_promise(context, note)
            }
            Note::Log(LogNote::Truncated { .. })
            | Note::Log(LogNote::Recovered { .. })
            | Note::Log(LogNote::EpochsKnown { .. })
            | Note::Log(LogNote::StartMoved { .. }) => {
                self.on_log_note(context, note);
            }
            Note::Replication(ReplicationNote::DivergenceFound { .. })
            | Note::Consumer(ConsumerNote::EpochEndServed { .. }) => {
                epoch_ends::on_told(context, findings, note);
            }
            Note::Replication(ReplicationNote::BecameLeader { .. })
            | Note::Producer(ProducerNote::ProducersKnown { .. })
            | Note::Replication(ReplicationNote::IsrProposed { .. })
            | Note::Replication(ReplicationNote::IsrProposalRefused { .. })
            | Note::Controller(ControllerNote::IsrProposalAccepted { .. })
            | Note::Replication(ReplicationNote::IsrCommitted { .. }) => {
                self.on_leader_note(context, note)
            }
            Note::Quorum(QuorumNote::StateChanged { .. })
            | Note::Quorum(QuorumNote::StatePersisted { .. })
            | Note::Quorum(QuorumNote::LogSynced { .. })
            | Note::Quorum(QuorumNote::VoteGranted { .. })
            | Note::Quorum(QuorumNote::HighWatermarkMoved { .. }) => {
                self.on_quorum_note(context, note)
            }
            Note::Controller(ControllerNote::MetadataApplied {
                offset,
                controller_epoch,
                change,
            }) => {
                self.on_metadata(context, *offset, *controller_epoch, change);
            }
            Note::Producer(ProducerNote::ProducerIdGiven { producer_id, producer_epoch }) => {
                self.producer_ids.on_given(context, findings, *producer_id, *producer_epoch);
            }
            Note::Transaction(TransactionNote::StateChanged { .. })
            | Note::Transaction(TransactionNote::PartitionAdded { .. })
            | Note::Transaction(TransactionNote::BatchAttributed { .. })
            | Note::Transaction(TransactionNote::LastStableOffsetMoved { .. }) => {
                self.on_transaction_note(context, note)
            }
            Note::Broker(BrokerNote::StateChanged { .. })
            | Note::Replication(ReplicationNote::FollowerHeard { .. })
            | Note::Broker(BrokerNote::StoppedCleanly { .. })
            | Note::Replication(ReplicationNote::BecameFollower { .. }) => {
                self.on_leadership_note(context, note)
            }
            Note::Group(GroupNote::PartitionAssigned { .. })
            | Note::Group(GroupNote::PartitionReleased { .. }) => {
                self.on_group_note(context, note);
            }
            Note::Replication(ReplicationNote::RequestFenced { .. })
            | Note::Controller(ControllerNote::Activated { .. })
            | Note::Producer(ProducerNote::BatchRetried { .. })
            | Note::Producer(ProducerNote::EpochBumped { .. })
            | Note::Consumer(ConsumerNote::TruncationDetected { .. }) => {}
            Note::Consumer(ConsumerNote::PositionReset { partition, from, to }) => {
                self.on_position_reset(context, partition, (*from, *to));
            }
        }
    }

    /// A consumer was out of range. Clients know partitions by name only.
    fn on_position_reset(&mut self, context: &Context<'_>, name: &str, moved: (Offset, Offset)) {
        let is_it = |id: &TopicPartition| context.view.partition_name(*id) == name;
        let known = context.view.partitions().map(|view| view.partition);
        let Some(partition) = known.into_iter().find(is_it) else { return };
        self.positions.on_reset(context, &mut self.findings, partition, moved);
        self.read_rule.forget(context.node, Some(partition));
    }

    /// Who is taken for what: followers that count, brokers that stopped cleanly or act as followers.
    fn on_leadership_note(&mut self, context: &Context<'_>, note: &Note) {
        let findings = &mut self.findings;
        let applied = self.quorum.applied_by(context.node);
        if let Note::Replication(ReplicationNote::FollowerHeard { .. }) = note {
            self.following.on_heard(context, findings, note, applied);
        } else if let Note::Broker(BrokerNote::StoppedCleanly { broker_epoch }) = note {
            let durable = self.quorum_disks.is_durable(context.node);
            self.clean_stops.on_stopped(context, findings, *broker_epoch, durable);
        } else if let Note::Broker(BrokerNote::StateChanged { state, .. }) = note {
            self.fencing.on_state(context.node, *state);
        } else if let Note::Replication(ReplicationNote::BecameFollower { partition, .. }) = note {
            metadata_freshness::on_acts(context, findings, *partition, applied);
        }
    }

    fn on_group_note(&mut self, context: &Context<'_>, note: &Note) {
        if let Note::Group(GroupNote::PartitionAssigned {
            group,
            member,
            partition,
            member_epoch,
        }) = note
        {
            let owner = (group.as_str(), member.as_str(), *member_epoch);
            self.ownership.on_assigned(context, &mut self.findings, owner, *partition);
        } else if let Note::Group(GroupNote::PartitionReleased { group, member, partition }) = note
        {
            self.ownership.on_released(group, member, *partition);
        }
    }

    fn on_high_watermark(&mut self, context: &Context<'_>, moved: Move) {
        let Move { partition, epoch, as_leader, to } = moved;
        let within = self.high_watermarks.on_moved(context, &mut self.findings, moved);
        if as_leader {
            self.following.on_high_watermark(context, &mut self.findings, partition, epoch, to);
        }
        if as_leader
            && within
            && commit_rule::on_high_watermark(context, &mut self.findings, partition, epoch, to)
        {
            self.sequences.on_committed(context, &mut self.findings, partition, to);
        }
    }

    fn on_promise(&mut self, context: &Context<'_>, note: &Note) {
        let findings = &mut self.findings;
        if let Note::Consumer(ConsumerNote::RecordsServed {
            partition,
            leader_epoch,
            consumer,
            current_leader_epoch,
            fetch_offset,
            batches,
            isolation,
            aborted,
        }) = note
        {
            let (partition, epoch) = (*partition, *leader_epoch);
            read_rule::on_current_leader_epoch(
                context,
                findings,
                partition,
                epoch,
                *current_leader_epoch,
            );
            read_rule::on_served(context, findings, partition, epoch, *fetch_offset, batches);
            let reader = (*consumer, partition);
            self.read_rule.on_given(context, findings, reader, *fetch_offset, batches);
            if *isolation == IsolationLevel::ReadCommitted {
                let served = Served { partition, epoch, batches, aborted };
                self.stable_offsets.on_served(context, findings, served);
            }
        } else if let Note::Consumer(ConsumerNote::EndOffsetServed {
            partition,
            leader_epoch,
            current_leader_epoch,
            offset,
        }) = note
        {
            let (place, epoch) = (*partition, *leader_epoch);
            read_rule::on_current_leader_epoch(
                context,
                findings,
                place,
                epoch,
                *current_leader_epoch,
            );
            self.positions.on_end_offset(place, *offset);
            self.read_rule.on_end_offset(context, findings, *partition, *leader_epoch, *offset);
        } else if let Note::Producer(ProducerNote::NotEnoughReplicas { partition, after_append }) =
            note
        {
            ack_rule::on_refused(context, findings, *partition, *after_append);
        } else if let Note::Producer(ProducerNote::SequenceRefused { .. }) = note {
            refusal::on_refused(context, findings, note);
        } else {
            on_acknowledged(context, findings, note);
        }
    }

    fn on_log_note(&mut self, context: &Context<'_>, note: &Note) {
        let findings = &mut self.findings;
        if let Note::Log(LogNote::Truncated { partition, from, to, .. }) = note {
            if *partition == TopicPartition::METADATA {
                self.quorum_disks.on_log_cut(context.node, *to);
                quorum::on_truncated(context, findings, *to);
            } else {
                self.follower_lag.forgive(
                    context.at_ns,
                    context.view,
                    context.node,
                    Some(*partition),
                );
                truncation::on_truncated(context, findings, *partition, *from, *to);
            }
        } else if let Note::Log(LogNote::Recovered {
            partition,
            log_start_offset,
            log_end_offset,
            high_watermark,
            clean,
            batches,
        }) = note
        {
            let log = Reopened {
                partition: *partition,
                log_start_offset: *log_start_offset,
                log_end_offset: *log_end_offset,
                high_watermark: *high_watermark,
                batches,
            };
            self.durable_logs.on_recovered(context, findings, log);
            self.log_matching.on_recovered(context, findings, *partition, batches);
            self.clean_stops.on_opened(context, findings, log, *clean);
            if *partition == TopicPartition::METADATA {
                self.quorum_disks.on_log_cut(context.node, *log_end_offset);
                quorum::on_recovered(context, findings, *log_end_offset);
            }
        } else if let Note::Log(LogNote::StartMoved { partition, log_start_offset }) = note {
            log_start::on_moved(context, findings, *partition, *log_start_offset);
        } else if let Note::Log(LogNote::EpochsKnown { partition, epochs }) = note {
            epoch_ends::on_known(context, findings, *partition, epochs);
        }
    }

    fn on_leader_note(&mut self, context: &Context<'_>, note: &Note) {
        let findings = &mut self.findings;
        if let Note::Replication(ReplicationNote::BecameLeader {
            partition,
            leader_epoch,
            partition_epoch,
            isr,
            ..
        }) = note
        {
            let applied = self.quorum.applied_by(context.node);
            metadata_freshness::on_acts(context, findings, *partition, applied);
            self.registration_versions.on_version(context, findings, *partition, *partition_epoch);
            self.follower_lag.on_became_leader(context, *partition, *leader_epoch);
            self.following.on_became_leader(context.node, *partition, *leader_epoch);
            self.leadership.on_became_leader(context, findings, *partition, *leader_epoch);
            election::on_became_leader(context, findings, *partition, *leader_epoch);
            membership::on_believed(context, findings, *partition, *leader_epoch, isr);
        } else if let Note::Replication(ReplicationNote::IsrCommitted {
            partition,
            leader_epoch,
            partition_epoch,
            isr,
        }) = note
        {
            self.registration_versions.on_version(context, findings, *partition, *partition_epoch);
            self.follower_lag.on_proposal(context, *partition, false);
            membership::on_believed(context, findings, *partition, *leader_epoch, isr);
        } else if let Note::Replication(ReplicationNote::IsrProposalRefused {
            partition,
            error: ClusterError::IneligibleReplica,
        }) = note
        {
            self.follower_lag.on_proposal(context, *partition, false);
        } else if let Note::Replication(ReplicationNote::IsrProposed {
            partition,
            leader_epoch,
            from,
            to,
        }) = note
        {
            self.follower_lag.on_proposal(context, *partition, true);
            let applied = self.quorum.applied_by(context.node);
            let proposal = (*leader_epoch, from.as_slice(), to.as_slice());
            membership::on_proposed(context, findings, *partition, proposal, applied);
        } else if let Note::Controller(ControllerNote::IsrProposalAccepted {
            partition,
            offset,
            controller_epoch,
            proposal,
        }) = note
        {
            self.proposals.on_accepted(*controller_epoch, *offset, *partition, proposal);
        } else if let Note::Producer(ProducerNote::ProducersKnown { partition, producers }) = note {
            producer_state::on_known(context, findings, *partition, producers);
        }
    }

    fn on_quorum_note(&mut self, context: &Context<'_>, note: &Note) {
        let findings = &mut self.findings;
        if let Note::Quorum(QuorumNote::StateChanged { epoch, role, leader, voted }) = note {
            self.quorum_disks.on_shown(context, findings, *epoch, *voted);
            let state = VoterState { epoch: *epoch, role: *role, leader: *leader, voted: *voted };
            self.quorum.on_state(context, findings, state);
            self.check_quorum.on_state(context, state);
            self.pre_votes.on_state(context, findings, state);
        } else if let Note::Quorum(QuorumNote::StatePersisted { epoch, voted }) = note {
            self.quorum_disks.on_persisted(context.node, *epoch, *voted);
        } else if let Note::Quorum(QuorumNote::LogSynced { end }) = note {
            self.quorum_disks.on_log_synced(context.node, *end);
        } else if let Note::Quorum(QuorumNote::VoteGranted { epoch, candidate }) = note {
            self.quorum_disks.on_shown(context, findings, *epoch, Some(*candidate));
            self.quorum.on_vote(context, findings, *epoch, *candidate);
        } else if let Note::Quorum(QuorumNote::HighWatermarkMoved { epoch, as_leader: true, to }) =
            note
        {
            quorum::on_high_watermark(context, findings, *epoch, *to);
            self.quorum_disks.on_committed(context, findings, *to);
        } else if let Note::Quorum(QuorumNote::HighWatermarkMoved {
            epoch, as_leader: false, ..
        }) = note
        {
            self.pre_votes.on_fetched(context.at_ns, context.node, *epoch);
        }
    }

    fn on_transaction_note(&mut self, context: &Context<'_>, note: &Note) {
        let findings = &mut self.findings;
        if let Note::Transaction(TransactionNote::StateChanged {
            transactional_id,
            producer_id,
            producer_epoch,
            transaction,
            state,
        }) = note
        {
            let next = Transition {
                transactional_id,
                producer_id: *producer_id,
                producer_epoch: *producer_epoch,
                transaction: *transaction,
                state: *state,
            };
            self.transactions.on_state(context, findings, next);
        } else if let Note::Transaction(TransactionNote::PartitionAdded {
            producer_id,
            transaction,
            partition,
        }) = note
        {
            self.transactions.on_partition_added(*producer_id, *transaction, *partition);
        } else if let Note::Transaction(TransactionNote::BatchAttributed {
            partition,
            producer_id,
            transaction,
        }) = note
        {
            self.transactions.on_attributed(context, *partition, *producer_id, *transaction);
        } else if let Note::Transaction(TransactionNote::LastStableOffsetMoved {
            partition,
            leader_epoch,
            as_leader,
            to,
        }) = note
        {
            let (epoch, as_leader) = (*leader_epoch, *as_leader);
            let moved = StableMove { partition: *partition, epoch, as_leader, to: *to };
            self.stable_offsets.on_moved(context, findings, moved);
        }
    }

    fn on_metadata(
        &mut self,
        context: &Context<'_>,
        offset: Offset,
        controller_epoch: LeaderEpoch,
        change: &MetadataChange,
    ) {
        let findings = &mut self.findings;
        self.quorum.on_applied(context, findings, offset, (controller_epoch, change));
        if !context.view.registry().is_news(offset) {
            return;
        }
        match change {
            MetadataChange::PartitionChanged { partition, registration, unclean } => {
                self.leadership.on_registered(context, findings, *partition, registration);
                election::on_registered(context, findings, *partition, registration, *unclean);
                membership::on_registered(context, findings, *partition, registration, *unclean);
                self.proposals.on_registered(context, findings, controller_epoch, offset);
            }
            MetadataChange::BrokerRegistered { .. } | MetadataChange::BrokerChanged { .. } => {
                leadership::on_broker(context, findings, change);
                self.clean_stops.on_broker(context, findings, change);
                let applied = |node| self.quorum.applied_by(node);
                self.fencing.on_broker(context, findings, change, applied);
            }
            MetadataChange::ProducerIdsAllocated { next_producer_id } => {
                self.producer_ids.on_allocated(context, findings, *next_producer_id);
            }
            MetadataChange::LeaderChanged { .. } | MetadataChange::TopicCreated { .. } => {}
        }
    }
}

/// Only acks=all promises that the records are committed.
fn on_acknowledged(context: &Context<'_>, findings: &mut Findings, note: &Note) {
    let Note::Producer(ProducerNote::ProduceAcknowledged {
        partition,
        leader_epoch,
        base_offset,
        last_offset,
        checksum,
        acks,
        ..
    }) = note
    else {
        return;
    };
    let acknowledgement = Acknowledgement {
        partition: *partition,
        epoch: *leader_epoch,
        base_offset: *base_offset,
        last_offset: *last_offset,
        checksum: *checksum,
    };
    match *acks {
        -1 => ack_rule::on_acknowledged(context, findings, acknowledgement),
        0 => {}
        _ => ack_rule::on_leader_acknowledged(context, findings, acknowledgement),
    }
}
