//! A stage on which tests play facts: it fills in what a note needs beyond what a test wants to say. The trace
//! vectors of the judge are played on it, too.

use std::collections::BTreeSet;

use harrow_broker_model::config::{
    AdminConfig, ClusterConfig, ConsumerConfig, OffsetReset, ProducerConfig,
};
use harrow_broker_model::message::{Message, RequestBody, ResponseBody};
use harrow_broker_model::note::{
    AbortedTransaction, AppendOrigin, BatchKind, BatchSummary, ConsumerNote, ControllerNote,
    DeletionReason, GroupNote, IsolationLevel, Lateness, LogNote, MetadataChange, Note,
    PartitionRegistration, ProducerNote, QuorumNote, QuorumRole, Reassignment, RegisteredAgain,
    ReplicationNote, TransactionNote, TransactionState, TruncateReason,
};
use harrow_broker_model::retention::Retention;
use harrow_broker_model::testing as node_testing;
use harrow_broker_model::types::{
    BrokerEpoch, ConnectionId, CorrelationId, LeaderEpoch, NodeId, Offset, PartitionEpoch,
    ProducerEpoch, ProducerId, Sequence, TopicId, TopicPartition, TransactionOrdinal, WallTime,
};
use harrow_sim::plan::{ClientPlan, Plan};
use harrow_sim::testing;
use harrow_sim::watch::{CoordinatorDeed, Observer, ReplicaAudit};

/// The partition that most tests use.
pub(crate) const X: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };
/// Brokers.
pub(crate) const A: NodeId = NodeId(1);
pub(crate) const B: NodeId = NodeId(2);
pub(crate) const C: NodeId = NodeId(3);
/// Controllers.
pub(crate) const N1: NodeId = NodeId(101);
pub(crate) const N2: NodeId = NodeId(102);
pub(crate) const N3: NodeId = NodeId(103);

/// An observer and what tests need to talk to it.
pub(crate) struct Stage {
    pub(crate) observer: Observer,
    /// The partition that the calls are about.
    pub(crate) partition: TopicPartition,
    /// Its replicas.
    pub(crate) replicas: Vec<NodeId>,
    event: u64,
    /// How much later it is than one microsecond for each fact.
    late_ns: u64,
    metadata_end: i64,
    partition_epoch: i32,
    seen: BTreeSet<String>,
}

impl Stage {
    /// A cluster of three brokers and three controllers, all running, with topic 1, named `x`.
    pub(crate) fn new(min_insync_replicas: u32, unclean_leader_election: bool) -> Self {
        Self::of(&plan(), (min_insync_replicas, unclean_leader_election))
    }

    /// The same of another plan.
    pub(crate) fn of(
        plan: &Plan,
        (min_insync_replicas, unclean_leader_election): (u32, bool),
    ) -> Self {
        let mut stage = Self {
            observer: Observer::new(plan),
            partition: X,
            replicas: vec![A, B, C],
            event: 0,
            late_ns: 0,
            metadata_end: 0,
            partition_epoch: 0,
            seen: BTreeSet::new(),
        };
        for node in [A, B, C, N1, N2, N3] {
            stage.observer.process_started(0, node);
        }
        for node in [A, B, C] {
            stage.broker_registered(node);
        }
        stage.topic(1, "x", min_insync_replicas, unclean_leader_election);
        stage
    }

    /// The same stage, in a cluster that keeps no eligible leader replicas.
    pub(crate) fn before_eligible_replicas(mut self) -> Self {
        self.observer = self.observer.without_eligible_replicas();
        self
    }

    pub(crate) fn note(&mut self, node: NodeId, note: &Note) {
        self.event += 1;
        self.observer.observe(self.now_ns(), self.event, node, note);
        self.look();
    }

    /// The same in the event of what happened last.
    pub(crate) fn note_at_once(&mut self, node: NodeId, note: &Note) {
        self.observer.observe(self.now_ns(), self.event, node, note);
        self.look();
    }

    /// A node says something to others that only a coordinator says.
    pub(crate) fn acts(&mut self, node: NodeId, deed: &CoordinatorDeed) {
        self.event += 1;
        self.acts_at_once(node, deed);
    }

    /// The same in the event of what was stated last.
    pub(crate) fn acts_at_once(&mut self, node: NodeId, deed: &CoordinatorDeed) {
        self.observer.coordinator_acts(self.now_ns(), self.event, node, deed);
        self.look();
    }

    /// A node is asked something by a connection.
    pub(crate) fn asks(&mut self, node: NodeId, (on, id): (u64, i32), body: RequestBody) {
        self.event += 1;
        let request = Message { correlation_id: CorrelationId(id), body };
        self.observer.asked(self.now_ns(), self.event, node, (ConnectionId(on), &request));
    }

    /// A node answers by a connection.
    pub(crate) fn answers(&mut self, node: NodeId, (on, id): (u64, i32), body: ResponseBody) {
        self.event += 1;
        let response = Message { correlation_id: CorrelationId(id), body };
        self.observer.answered(self.now_ns(), self.event, node, (ConnectionId(on), &response));
    }

    /// A connection that a node accepted is gone.
    pub(crate) fn closes(&mut self, node: NodeId, on: u64) {
        self.observer.connection_closed(node, ConnectionId(on));
    }

    /// The present time.
    pub(crate) fn now_ns(&self) -> u64 {
        self.late_ns + self.event * 1_000
    }

    fn look(&mut self) {
        let found = self.observer.take_violations();
        self.seen.extend(found.into_iter().map(|violation| violation.anomaly));
    }

    /// What was found, by name; forgets it.
    pub(crate) fn found(&mut self) -> Vec<String> {
        self.look();
        std::mem::take(&mut self.seen).into_iter().collect()
    }

    pub(crate) fn metadata(&mut self, change: MetadataChange) {
        let offset = Offset(self.metadata_end);
        self.metadata_end += 1;
        let change = Box::new(change);
        self.note(
            N1,
            &Note::Controller(ControllerNote::MetadataApplied {
                offset,
                controller_epoch: LeaderEpoch(1),
                change,
            }),
        );
    }

    /// As [`Self::metadata`], applied by another node, too.
    pub(crate) fn metadata_at(&mut self, node: NodeId, change: MetadataChange) {
        let offset = Offset(self.metadata_end);
        self.metadata(change.clone());
        let (controller_epoch, change) = (LeaderEpoch(1), Box::new(change));
        let applied = ControllerNote::MetadataApplied { offset, controller_epoch, change };
        self.note(node, &Note::Controller(applied));
    }

    /// A node gives up its replica.
    pub(crate) fn discard(&mut self, node: NodeId) {
        let (partition, log_end_offset, stray) = (self.partition, Offset(2), false);
        self.note(node, &Note::Log(LogNote::Discarded { partition, log_end_offset, stray }));
    }

    /// The run is over.
    pub(crate) fn audit_strays(&mut self, node: NodeId) {
        self.observer.audit_strays(self.now_ns(), self.event, node);
        self.look();
    }

    pub(crate) fn broker_registered(&mut self, broker: NodeId) {
        let broker_epoch = BrokerEpoch(self.metadata_end);
        self.metadata(MetadataChange::BrokerRegistered {
            broker,
            broker_epoch,
            unclean: false,
            again: RegisteredAgain::default(),
        });
        self.metadata(MetadataChange::BrokerChanged {
            broker,
            broker_epoch,
            fenced: false,
            shutting_down: false,
        });
    }

    pub(crate) fn topic(
        &mut self,
        id: u32,
        name: &str,
        min_insync_replicas: u32,
        unclean_leader_election: bool,
    ) {
        self.metadata(MetadataChange::TopicCreated {
            topic: TopicId(id),
            name: name.to_owned(),
            min_insync_replicas,
            unclean_leader_election,
        });
    }

    /// The next registration: as now, with these parts replaced.
    pub(crate) fn next(
        &mut self,
        leader: Option<NodeId>,
        epoch: i32,
        isr: &[NodeId],
    ) -> PartitionRegistration {
        self.partition_epoch += 1;
        PartitionRegistration {
            replicas: self.replicas.clone(),
            isr: isr.to_vec(),
            elr: Vec::new(),
            last_known_leader: None,
            reassignment: Reassignment::default(),
            leader,
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: PartitionEpoch(self.partition_epoch),
            recovering: false,
        }
    }

    pub(crate) fn registered(
        &mut self,
        partition: TopicPartition,
        next: PartitionRegistration,
        unclean: bool,
    ) {
        self.metadata(MetadataChange::PartitionChanged { partition, registration: next, unclean });
    }

    /// A clean election.
    pub(crate) fn elect(&mut self, leader: NodeId, epoch: i32, isr: &[NodeId]) {
        let next = self.next(Some(leader), epoch, isr);
        self.registered(self.partition, next, false);
    }

    pub(crate) fn append(&mut self, node: NodeId, acting: i32, batch: BatchSummary) {
        self.append_as(AppendOrigin::Follower, node, acting, batch);
    }

    /// Appends as the leader that decides what comes next.
    pub(crate) fn lead(&mut self, node: NodeId, acting: i32, batch: BatchSummary) {
        self.append_as(AppendOrigin::Leader, node, acting, batch);
    }

    /// Appends as the leader what a producer with acks=all sent.
    pub(crate) fn lead_all(&mut self, node: NodeId, acting: i32, batch: BatchSummary) {
        let (partition, leader_epoch) = (self.partition, LeaderEpoch(acting));
        let origin = AppendOrigin::Leader;
        self.note(
            node,
            &Note::Log(LogNote::Appended { partition, batch, origin, leader_epoch, acks: -1 }),
        );
    }

    /// Time passes until something is stated next.
    pub(crate) fn wait_ms(&mut self, ms: u64) {
        self.late_ns += ms * 1_000_000;
    }

    pub(crate) fn append_as(
        &mut self,
        origin: AppendOrigin,
        node: NodeId,
        acting: i32,
        batch: BatchSummary,
    ) {
        let (partition, leader_epoch) = (self.partition, LeaderEpoch(acting));
        self.note(
            node,
            &Note::Log(LogNote::Appended { partition, batch, origin, leader_epoch, acks: 0 }),
        );
    }

    pub(crate) fn append_all(&mut self, nodes: &[NodeId], acting: i32, batch: BatchSummary) {
        for node in nodes {
            self.append(*node, acting, batch);
        }
    }

    pub(crate) fn leader_high_watermark(&mut self, node: NodeId, epoch: i32, to: i64) {
        self.high_watermark(node, epoch, true, to);
    }

    pub(crate) fn high_watermark(&mut self, node: NodeId, epoch: i32, as_leader: bool, to: i64) {
        let from = self
            .observer
            .view()
            .replica(node, self.partition)
            .map_or(Offset::ZERO, |replica| replica.high_watermark);
        let note = Note::Replication(ReplicationNote::HighWatermarkMoved {
            partition: self.partition,
            leader_epoch: LeaderEpoch(epoch),
            as_leader,
            from,
            to: Offset(to),
        });
        self.note(node, &note);
    }

    pub(crate) fn became_leader(&mut self, node: NodeId, epoch: i32, isr: &[NodeId]) {
        let (end, high_watermark) = self
            .observer
            .view()
            .replica(node, self.partition)
            .map_or((Offset::ZERO, Offset::ZERO), |replica| {
                (replica.log.end(), replica.high_watermark)
            });
        let note = Note::Replication(ReplicationNote::BecameLeader {
            partition: self.partition,
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: PartitionEpoch(self.partition_epoch),
            epoch_start_offset: end,
            high_watermark,
            isr: isr.to_vec(),
        });
        self.note(node, &note);
    }

    /// A leader learns that its ISR is this one.
    pub(crate) fn isr_committed(&mut self, node: NodeId, epoch: i32, isr: &[NodeId]) {
        let note = Note::Replication(ReplicationNote::IsrCommitted {
            partition: self.partition,
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: PartitionEpoch(self.partition_epoch),
            isr: isr.to_vec(),
        });
        self.note(node, &note);
    }

    /// The topic keeps its records so long.
    pub(crate) fn retain_ms(&mut self, retention_ms: i64) {
        let retention = Retention { retention_ms, ..Retention::FOREVER };
        let topic = self.partition.topic;
        self.metadata(MetadataChange::RetentionChanged { topic, retention });
    }

    /// A node deletes what is below an offset.
    pub(crate) fn delete(&mut self, node: NodeId, to: i64, reason: DeletionReason) {
        let partition = self.partition;
        let from = self.observer.view().replica(node, partition);
        let from = from.map_or(Offset::ZERO, |replica| replica.log_start_offset);
        let to = Offset(to);
        self.note(node, &Note::Log(LogNote::RecordsDeleted { partition, from, to, reason }));
        self.note(node, &Note::Log(LogNote::StartMoved { partition, log_start_offset: to }));
    }

    pub(crate) fn allocate_producer_ids(&mut self, next_producer_id: i64) {
        self.metadata(MetadataChange::ProducerIdsAllocated { next_producer_id });
    }

    pub(crate) fn give_producer_id(&mut self, node: NodeId, id: i64, epoch: i16) {
        let (producer_id, producer_epoch) = (ProducerId(id), ProducerEpoch(epoch));
        self.note(
            node,
            &Note::Producer(ProducerNote::ProducerIdGiven { producer_id, producer_epoch }),
        );
    }

    /// A node learns whom it follows.
    pub(crate) fn follow(&mut self, node: NodeId, epoch: i32, leader: NodeId) {
        let note = Note::Replication(ReplicationNote::BecameFollower {
            partition: self.partition,
            leader_epoch: LeaderEpoch(epoch),
            leader: Some(leader),
        });
        self.note(node, &note);
    }

    /// The offset of the next metadata record.
    pub(crate) fn metadata_end(&self) -> Offset {
        Offset(self.metadata_end)
    }

    /// At the end, the node's own log is what the mirror has.
    pub(crate) fn audit_mirror(&mut self, node: NodeId) {
        let view = self.observer.view();
        let replica = view.replica(node, self.partition).expect("the replica is on the stage");
        let batches: Vec<BatchSummary> =
            replica.log.entries().iter().map(|entry| entry.batch).collect();
        let audit = ReplicaAudit {
            node,
            partition: self.partition,
            log_start_offset: Offset::ZERO,
            log_end_offset: replica.log.end(),
            high_watermark: replica.high_watermark,
        };
        self.observer.audit_replica(0, 0, audit, batches.into_iter());
    }

    pub(crate) fn truncate(&mut self, node: NodeId, to: i64) {
        let from = self
            .observer
            .view()
            .replica(node, self.partition)
            .map_or(Offset::ZERO, |replica| replica.log.end());
        let note = Note::Log(LogNote::Truncated {
            partition: self.partition,
            from,
            to: Offset(to),
            reason: TruncateReason::Diverged,
        });
        self.note(node, &note);
    }

    pub(crate) fn acknowledge(&mut self, node: NodeId, epoch: i32, batch: BatchSummary, acks: i16) {
        let note = Note::Producer(ProducerNote::ProduceAcknowledged {
            partition: self.partition,
            leader_epoch: LeaderEpoch(epoch),
            base_offset: batch.base_offset,
            last_offset: batch.last_offset,
            checksum: batch.checksum,
            acks,
            duplicate: false,
        });
        self.note(node, &note);
    }

    pub(crate) fn serve(
        &mut self,
        node: NodeId,
        epoch: i32,
        fetch_offset: i64,
        batches: &[BatchSummary],
    ) {
        self.serve_isolated(node, epoch, fetch_offset, batches, None);
    }

    /// Serves with `read_committed` if there is a list of aborted transactions, which may be empty.
    pub(crate) fn serve_isolated(
        &mut self,
        node: NodeId,
        epoch: i32,
        fetch_offset: i64,
        batches: &[BatchSummary],
        aborted: Option<&[AbortedTransaction]>,
    ) {
        let isolation = match aborted {
            Some(_) => IsolationLevel::ReadCommitted,
            None => IsolationLevel::ReadUncommitted,
        };
        let note = Note::Consumer(ConsumerNote::RecordsServed {
            partition: self.partition,
            leader_epoch: LeaderEpoch(epoch),
            consumer: NodeId(1001),
            current_leader_epoch: LeaderEpoch::NONE,
            fetch_offset: Offset(fetch_offset),
            isolation,
            batches: batches.to_vec(),
            aborted: aborted.unwrap_or_default().to_vec(),
        });
        self.note(node, &note);
    }

    pub(crate) fn end_offset(&mut self, node: NodeId, epoch: i32, offset: i64) {
        self.end_offset_to(node, epoch, offset, IsolationLevel::ReadUncommitted);
    }

    pub(crate) fn end_offset_to(
        &mut self,
        node: NodeId,
        epoch: i32,
        offset: i64,
        isolation: IsolationLevel,
    ) {
        let note = Note::Consumer(ConsumerNote::EndOffsetServed {
            partition: self.partition,
            leader_epoch: LeaderEpoch(epoch),
            current_leader_epoch: LeaderEpoch::NONE,
            isolation,
            offset: Offset(offset),
        });
        self.note(node, &note);
    }

    pub(crate) fn crash(&mut self, node: NodeId, lossy: bool) {
        self.event += 1;
        self.observer.process_ended(self.now_ns(), node, lossy);
    }

    pub(crate) fn last_stable_offset(&mut self, node: NodeId, epoch: i32, leads: bool, to: i64) {
        let note = Note::Transaction(TransactionNote::LastStableOffsetMoved {
            partition: self.partition,
            leader_epoch: LeaderEpoch(epoch),
            as_leader: leads,
            to: Offset(to),
        });
        self.note(node, &note);
    }

    /// The coordinator of a transactional id named after its producer, in epoch 0, takes it to a state.
    pub(crate) fn coordinate(&mut self, producer: i64, transaction: u64, state: TransactionState) {
        let note = Note::Transaction(TransactionNote::StateChanged {
            transactional_id: format!("txn-{producer}"),
            coordinator_epoch: LeaderEpoch(0),
            producer_id: ProducerId(producer),
            producer_epoch: ProducerEpoch(0),
            transaction: TransactionOrdinal(transaction),
            state,
            timeout_ms: 10_000,
        });
        self.note(A, &note);
    }

    /// The batch of the producer that the node appends next, in the same event, belongs to this transaction.
    pub(crate) fn attribute(&mut self, node: NodeId, producer: i64, transaction: u64) {
        let note = Note::Transaction(TransactionNote::BatchAttributed {
            partition: self.partition,
            producer_id: ProducerId(producer),
            transaction: TransactionOrdinal(transaction),
        });
        self.note(node, &note);
        self.event -= 1;
    }

    pub(crate) fn assign(&mut self, group: &str, member: &str, member_epoch: i32) {
        self.assign_by(A, group, member, member_epoch);
    }

    pub(crate) fn assign_by(&mut self, node: NodeId, group: &str, member: &str, member_epoch: i32) {
        let (group, member) = (group.to_owned(), member.to_owned());
        let partition = self.partition;
        let given = GroupNote::PartitionAssigned { group, member, partition, member_epoch };
        self.note(node, &Note::Group(given));
    }

    pub(crate) fn release(&mut self, group: &str, member: &str) {
        self.release_by(A, group, member);
    }

    pub(crate) fn release_by(&mut self, node: NodeId, group: &str, member: &str) {
        let (group, member) = (group.to_owned(), member.to_owned());
        let released = GroupNote::PartitionReleased { group, member, partition: self.partition };
        self.note(node, &Note::Group(released));
    }

    /// A node has read the groups of the consumer protocol, and coordinates in a leader epoch.
    pub(crate) fn loads(&mut self, (node, epoch): (NodeId, i32)) {
        let (partition, leader_epoch, groups) = (self.partition, LeaderEpoch(epoch), Vec::new());
        let loaded = GroupNote::CoordinatorLoaded { partition, leader_epoch, groups };
        self.note(node, &Note::Group(loaded));
    }

    /// The coordinator of a leader epoch says what a member of a group of the consumer protocol holds.
    pub(crate) fn holds(
        &mut self,
        coordinator: (NodeId, i32),
        member: (&str, i32),
        partitions: &[TopicPartition],
    ) {
        let note = GroupNote::MemberHolds {
            partition: self.partition,
            leader_epoch: LeaderEpoch(coordinator.1),
            group: "g".to_owned(),
            member: member.0.to_owned(),
            member_epoch: member.1,
            partitions: partitions.to_vec(),
            revokes_within_ms: 0,
        };
        self.note(coordinator.0, &Note::Group(note));
    }

    /// A group has another generation.
    pub(crate) fn generation(&mut self, group: &str, generation: i32) {
        let group = group.to_owned();
        let note = GroupNote::GenerationBegan { group, generation, members: 2 };
        self.note(A, &Note::Group(note));
    }

    /// A node has read these groups, and coordinates in a leader epoch.
    pub(crate) fn loads_groups(&mut self, (node, epoch): (NodeId, i32), groups: &[(&str, i32)]) {
        let groups = groups.iter().map(|(group, generation)| ((*group).to_owned(), *generation));
        let (partition, leader_epoch) = (self.partition, LeaderEpoch(epoch));
        let groups = groups.collect();
        let loaded = GroupNote::CoordinatorLoaded { partition, leader_epoch, groups };
        self.note(node, &Note::Group(loaded));
    }

    /// A classic group is one of the consumer protocol from now on.
    pub(crate) fn upgrades(&mut self, group: &str) {
        let note = GroupNote::ProtocolChanged { group: group.to_owned(), classic: false };
        self.note(A, &Note::Group(note));
    }

    /// A member is thrown out of this epoch of `g`, which will be said once it is committed.
    pub(crate) fn throws_out(&mut self, member: &str, member_epoch: i32) {
        let (group, member, reason) = ("g".to_owned(), member.to_owned(), Lateness::Session);
        let note = GroupNote::MemberThrownOut { group, member, member_epoch, reason };
        self.note(A, &Note::Group(note));
    }

    /// A commit is taken.
    pub(crate) fn takes_commit(&mut self, group: &str, member: &str, generation: i32) {
        let (group, member) = (group.to_owned(), member.to_owned());
        let partitions = vec![self.partition];
        let note = GroupNote::CommitAccepted { group, member, generation, partitions };
        self.note(A, &Note::Group(note));
    }

    /// The coordinator of the group lets its offset expire.
    pub(crate) fn expires(&mut self, group: &str) {
        let partitions = vec![self.partition];
        let note = GroupNote::OffsetsExpired { group: group.to_owned(), partitions };
        self.note(A, &Note::Group(note));
    }

    /// The coordinator of the group says that it is deleted.
    pub(crate) fn deletes_group(&mut self, group: &str) {
        self.note(A, &Note::Group(GroupNote::GroupDeleted { group: group.to_owned() }));
    }

    /// A member of that group says what it has.
    pub(crate) fn owns(&mut self, member: &str, partitions: &[TopicPartition]) {
        let (group, member) = ("g".to_owned(), member.to_owned());
        let partitions = partitions.to_vec();
        self.note(A, &Note::Group(GroupNote::MemberOwns { group, member, partitions }));
    }

    /// The process starts, opens its log of partition 1 and registers.
    pub(crate) fn restart(&mut self, node: NodeId, log_end: i64) {
        self.boot(node, self.partition, log_end);
        self.broker_registered(node);
    }

    pub(crate) fn boot(&mut self, node: NodeId, partition: TopicPartition, log_end: i64) {
        self.observer.process_started(self.now_ns(), node);
        self.reopen(node, partition, log_end);
    }

    /// The process opens a log.
    pub(crate) fn reopen(&mut self, node: NodeId, partition: TopicPartition, log_end: i64) {
        let batches = self.on_disk(node, partition, log_end);
        let note = Note::Log(LogNote::Recovered {
            partition,
            log_start_offset: Offset::ZERO,
            log_end_offset: Offset(log_end),
            high_watermark: Offset::ZERO,
            clean: false,
            batches,
        });
        self.note(node, &note);
    }

    /// The process crashes and opens its log, which holds these batches, with a high watermark.
    pub(crate) fn recovered(&mut self, node: NodeId, watermark: i64, batches: &[BatchSummary]) {
        self.crash(node, false);
        self.observer.process_started(self.now_ns(), node);
        let note = Note::Log(LogNote::Recovered {
            partition: self.partition,
            log_start_offset: Offset::ZERO,
            log_end_offset: batches.last().map_or(Offset::ZERO, |batch| batch.last_offset.next()),
            high_watermark: Offset(watermark),
            clean: false,
            batches: batches.to_vec(),
        });
        self.note(node, &note);
    }

    /// What the node had, up to an offset; above what it had, records that nobody wrote.
    fn on_disk(&self, node: NodeId, partition: TopicPartition, log_end: i64) -> Vec<BatchSummary> {
        let replica = self.observer.view().replica(node, partition);
        let mut batches: Vec<BatchSummary> = replica
            .map(|replica| replica.log.entries().iter().map(|entry| entry.batch).collect())
            .unwrap_or_default();
        batches.retain(|batch| batch.last_offset.0 < log_end);
        let end = batches.last().map_or(0, |batch| batch.last_offset.0 + 1);
        if end < log_end {
            batches.push(BatchSummary {
                base_offset: Offset(end),
                last_offset: Offset(log_end - 1),
                leader_epoch: LeaderEpoch(0),
                checksum: 0xdead,
                producer_id: ProducerId::NONE,
                producer_epoch: ProducerEpoch::NONE,
                base_sequence: Sequence::NONE,
                kind: BatchKind::Plain,
                max_timestamp: WallTime(0),
            });
        }
        batches
    }

    pub(crate) fn quorum_state(
        &mut self,
        node: NodeId,
        epoch: i32,
        role: QuorumRole,
        voted: Option<NodeId>,
    ) {
        let leader = (role == QuorumRole::Leader).then_some(node);
        self.note(
            node,
            &Note::Quorum(QuorumNote::StateChanged {
                epoch: LeaderEpoch(epoch),
                role,
                leader,
                voted,
            }),
        );
    }
}

/// A batch of one record.
pub(crate) fn record(offset: i64, epoch: i32, checksum: u32) -> BatchSummary {
    BatchSummary {
        base_offset: Offset(offset),
        last_offset: Offset(offset),
        leader_epoch: LeaderEpoch(epoch),
        checksum,
        producer_id: ProducerId::NONE,
        producer_epoch: ProducerEpoch::NONE,
        base_sequence: Sequence::NONE,
        kind: BatchKind::Plain,
        max_timestamp: WallTime(0),
    }
}

/// A batch of one record of an idempotent producer.
pub(crate) fn sequenced(offset: i64, producer_epoch: i16, sequence: i32) -> BatchSummary {
    BatchSummary {
        producer_id: ProducerId(9),
        producer_epoch: ProducerEpoch(producer_epoch),
        base_sequence: Sequence(sequence),
        ..record(offset, 1, sequence as u32)
    }
}

fn consumer(node: NodeId) -> ConsumerConfig {
    ConsumerConfig {
        bootstrap: vec![A],
        fetch_wait_max_ms: 100,
        fetch_max_bytes: 1_000,
        metadata_max_age_ms: 1_000,
        ..node_testing::consumer(node.0)
    }
}

pub(crate) fn plan() -> Plan {
    let client = NodeId(1001);
    Plan {
        scenario: "stage".to_owned(),
        cluster: cluster(),
        admin: AdminConfig { bootstrap: vec![A], ..node_testing::admin(client.0) },
        clients: [(1001, OffsetReset::Earliest), (1002, OffsetReset::Latest)]
            .map(|(node, offset_reset)| ClientPlan::Consumer {
                config: ConsumerConfig { offset_reset, ..consumer(NodeId(node)) },
                topics: vec!["x".to_owned()],
                pattern: None,
                start_ms: 0,
                operations: 1,
                interval_us: (0, 0),
                poll_timeout_ms: 0,
                poll_records_max: 1,
                end_offset_every: 0,
                reassign_every: 0,
                resume_every: 0,
                member: None,
                pipeline: None,
            })
            .to_vec(),
        fresh_producer: ProducerConfig {
            bootstrap: vec![A],
            in_flight_max: 1,
            delivery_timeout_ms: 1_000,
            metadata_max_age_ms: 1_000,
            ..node_testing::producer(client.0)
        },
        final_reader: consumer(client),
        ..testing::plan()
    }
}

fn cluster() -> ClusterConfig {
    ClusterConfig {
        brokers: vec![A, B, C],
        controllers: vec![N1, N2, N3],
        request_timeout_ms: 30_000,
        controlled_shutdown_timeout_ms: 10_000,
        leader_imbalance_check_interval_ms: 200_000,
        retention_check_interval_ms: 1_000,
        ..node_testing::cluster()
    }
}
