//! Typed facts, in the past tense, that a node states as they become true.
//!
//! Trace rows, log lines, reach marks and the online invariants are made from them; the model itself never logs. The
//! host knows which node states a note and when.

use serde::{Deserialize, Serialize};

use crate::message::ClusterError;
use crate::types::{
    BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch, ProducerEpoch, ProducerId, Sequence,
    TopicPartition, TransactionOrdinal,
};

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Note {
    // --- a replica's log; `partition` is TopicPartition::METADATA at controllers
    /// A batch was appended to this node's log (page cache).
    Appended {
        /// Whose log.
        partition: TopicPartition,
        /// What.
        batch: BatchSummary,
        /// By whose decision.
        origin: AppendOrigin,
        /// The epoch in which this node leads or follows.
        leader_epoch: LeaderEpoch,
        /// The `acks` of the produce request that a leader took it from; 0 where no producer waits for an answer.
        acks: i16,
    },
    /// The log was cut so that it ends at `to`.
    Truncated {
        /// Whose log.
        partition: TopicPartition,
        /// Log end before.
        from: Offset,
        /// Log end after.
        to: Offset,
        /// Why.
        reason: TruncateReason,
    },
    /// The log was opened at boot.
    LogRecovered {
        /// Whose log.
        partition: TopicPartition,
        /// Log start.
        log_start_offset: Offset,
        /// Log end.
        log_end_offset: Offset,
        /// High watermark from the checkpoint, bounded by the log.
        high_watermark: Offset,
        /// Whether the clean-shutdown marker was there.
        clean: bool,
        /// What it holds, in order: a power loss may also undo a cut, so the end alone does not tell.
        batches: Vec<BatchSummary>,
    },
    /// This replica knows that epochs begin in its log at these offsets: stated when the log was opened or
    /// cut and when the replica begins to lead. Source: KIP-101, `LeaderEpochFileCache`.
    EpochsKnown {
        /// Whose log.
        partition: TopicPartition,
        /// Epochs and where they begin, ascending.
        epochs: Vec<(LeaderEpoch, Offset)>,
    },
    /// The log start moved up.
    LogStartMoved {
        /// Whose log.
        partition: TopicPartition,
        /// New log start.
        log_start_offset: Offset,
    },
    // --- partition leader and followers
    /// This broker now acts as leader.
    BecameLeader {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
        /// Version of the registration.
        partition_epoch: PartitionEpoch,
        /// Its log end when it became leader.
        epoch_start_offset: Offset,
        /// Its own high watermark then.
        high_watermark: Offset,
        /// In-sync replicas as registered.
        isr: Vec<NodeId>,
    },
    /// This replica knows of these producers from its own log: stated when the log was opened or cut and when the
    /// replica begins to lead. Source: `ProducerStateManager`.
    ProducersKnown {
        /// Of what.
        partition: TopicPartition,
        /// All of them, by id.
        producers: Vec<KnownProducer>,
    },
    /// This broker now follows.
    BecameFollower {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
        /// Whom, if anyone leads.
        leader: Option<NodeId>,
    },
    /// The high watermark of this replica moved.
    HighWatermarkMoved {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch this node leads or follows.
        leader_epoch: LeaderEpoch,
        /// Whether this node acts as leader.
        as_leader: bool,
        /// Before.
        from: Offset,
        /// After.
        to: Offset,
    },
    /// A leader asked the controller for another ISR.
    IsrProposed {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
        /// Committed members.
        from: Vec<NodeId>,
        /// Proposed members.
        to: Vec<NodeId>,
    },
    /// The controller accepted a leader's proposal and wrote the change. It counts only once it is committed.
    IsrProposalAccepted {
        /// Of what.
        partition: TopicPartition,
        /// Offset of the change in the metadata log.
        offset: Offset,
        /// Epoch of the controller.
        controller_epoch: LeaderEpoch,
        /// What was asked, and by whom.
        proposal: Box<AcceptedProposal>,
    },
    /// The controller refused the proposal.
    IsrProposalRefused {
        /// Of what.
        partition: TopicPartition,
        /// Why.
        error: ClusterError,
    },
    /// A leader learned that its ISR is now this one, whoever changed it.
    IsrCommitted {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
        /// Version.
        partition_epoch: PartitionEpoch,
        /// Members.
        isr: Vec<NodeId>,
    },
    /// A leader answered a follower's or client's request with an epoch error.
    RequestFenced {
        /// Of what.
        partition: TopicPartition,
        /// Who asked.
        by: NodeId,
        /// The answer.
        error: ClusterError,
    },
    /// A leader took news of a follower for the first time in its epoch, or in another uptime of the follower, or from
    /// a fetch that names another epoch than the leader's. Leaders of the quorum state it of voters, without broker
    /// epochs. Source: rule 2.1.3, KIP-320, KIP-903; KIP-595.
    FollowerHeard {
        /// Of what.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// Who fetched.
        follower: NodeId,
        /// The epoch that the fetch names.
        current_leader_epoch: LeaderEpoch,
        /// The follower's broker epoch, as the fetch names it.
        broker_epoch: BrokerEpoch,
        /// From where it fetched, which is its log end.
        fetch_offset: Offset,
    },
    /// A leader told a follower that its log differs.
    DivergenceFound {
        /// Of what.
        partition: TopicPartition,
        /// Which follower.
        follower: NodeId,
        /// Epoch named in the answer.
        epoch: LeaderEpoch,
        /// Its end at the leader.
        end_offset: Offset,
    },
    // --- promises to clients
    /// A leader answered a produce with success.
    ProduceAcknowledged {
        /// Where.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// First offset told.
        base_offset: Offset,
        /// Last offset told.
        last_offset: Offset,
        /// Checksum of the batch that the client sent.
        checksum: u32,
        /// As asked for: -1 is all.
        acks: i16,
        /// Whether the batch was recognised as one that is already there.
        duplicate: bool,
    },
    /// A leader refused a produce because too few replicas are in sync.
    NotEnoughReplicas {
        /// Where.
        partition: TopicPartition,
        /// Whether the records had been appended before.
        after_append: bool,
    },
    /// A leader gave records to a consumer.
    RecordsServed {
        /// From where.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// To whom.
        consumer: NodeId,
        /// The leader's epoch as the consumer knows it; [`LeaderEpoch::NONE`] if it did not tell.
        current_leader_epoch: LeaderEpoch,
        /// Offset asked for.
        fetch_offset: Offset,
        /// What the consumer may see.
        isolation: IsolationLevel,
        /// The batches, whole.
        batches: Vec<BatchSummary>,
        /// Transactions whose records the consumer is told to leave out. Empty with `read_uncommitted`.
        aborted: Vec<AbortedTransaction>,
    },
    /// A leader told a client the end offset.
    EndOffsetServed {
        /// Of what.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// The leader's epoch as the client knows it; [`LeaderEpoch::NONE`] if it did not tell.
        current_leader_epoch: LeaderEpoch,
        /// What it said.
        offset: Offset,
    },
    /// A leader told a client where an epoch ends in its log. Source: KIP-279, KIP-320.
    EpochEndServed {
        /// Of what.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// The epoch asked for.
        asked: LeaderEpoch,
        /// The epoch answered: the largest known that is not above the one asked for.
        epoch: LeaderEpoch,
        /// Where it ends.
        end_offset: Offset,
    },
    /// A leader refused a batch for its producer's epoch or sequence. Source: KIP-98, `ProducerAppendInfo`.
    SequenceRefused {
        /// Where.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// Whose.
        producer_id: ProducerId,
        /// In which of its epochs.
        producer_epoch: ProducerEpoch,
        /// Sequence of the first record.
        first_sequence: Sequence,
        /// Sequence of the last record.
        last_sequence: Sequence,
        /// Whether for the epoch; else for the sequence.
        fenced: bool,
    },
    // --- controller quorum
    /// This voter's epoch, role or vote changed.
    QuorumStateChanged {
        /// Epoch.
        epoch: LeaderEpoch,
        /// Role in it.
        role: QuorumRole,
        /// Leader of it, if known.
        leader: Option<NodeId>,
        /// For whom this voter has voted in it.
        voted: Option<NodeId>,
    },
    /// This voter's state was written and synced: it survives a power loss. Source: KIP-595.
    QuorumStatePersisted {
        /// Epoch.
        epoch: LeaderEpoch,
        /// For whom this voter has voted in it.
        voted: Option<NodeId>,
    },
    /// All of this voter's metadata log was synced: it survives a power loss. Source: KIP-595, KAFKA-10533.
    QuorumLogSynced {
        /// Its end.
        end: Offset,
    },
    /// This voter gave its vote.
    VoteGranted {
        /// In which epoch.
        epoch: LeaderEpoch,
        /// To whom.
        candidate: NodeId,
    },
    /// The metadata log's high watermark at this voter moved.
    QuorumHighWatermarkMoved {
        /// In which epoch.
        epoch: LeaderEpoch,
        /// Whether this node leads.
        as_leader: bool,
        /// After.
        to: Offset,
    },
    /// This node became the active controller, or ceased to be.
    ControllerActivated {
        /// In which epoch.
        epoch: LeaderEpoch,
        /// Active or not.
        active: bool,
    },
    // --- committed metadata, stated by every node that applies it
    /// A metadata record was committed and applied here.
    MetadataApplied {
        /// Its offset in the metadata log.
        offset: Offset,
        /// Epoch of the controller that wrote it.
        controller_epoch: LeaderEpoch,
        /// What it says; apart, because it is large and rare.
        change: Box<MetadataChange>,
    },
    // --- producer ids
    /// A broker gave a producer id, or the next epoch of one, to a client. Source: KIP-98, KIP-360.
    ProducerIdGiven {
        /// Id.
        producer_id: ProducerId,
        /// Epoch; 0 with a fresh id.
        producer_epoch: ProducerEpoch,
    },
    // --- transactions; stated once there are transaction coordinators
    /// A transaction coordinator took a transactional id to another state, or to the same with more partitions: its
    /// record of it is committed. Source: KIP-98, KIP-890, `TransactionMetadata`.
    TransactionStateChanged {
        /// Which.
        transactional_id: String,
        /// Its producer.
        producer_id: ProducerId,
        /// The epoch that is valid now.
        producer_epoch: ProducerEpoch,
        /// Which of the producer's transactions, counted by the coordinator; it grows with each that begins.
        transaction: TransactionOrdinal,
        /// State.
        state: TransactionState,
    },
    /// A transaction coordinator registered a partition in an ongoing transaction: it will get a marker. Source:
    /// KIP-98.
    TransactionPartitionAdded {
        /// Its producer.
        producer_id: ProducerId,
        /// Which transaction.
        transaction: TransactionOrdinal,
        /// Which partition.
        partition: TopicPartition,
    },
    /// The transactional batch or marker that this leader appends next belongs to this transaction of its producer, as
    /// its sender counts. Harrow knows; no rule of Kafka reads it. Where it is not stated, a batch counts for the
    /// newest transaction that the coordinator knows of the producer.
    TransactionAttributed {
        /// Where.
        partition: TopicPartition,
        /// Its producer.
        producer_id: ProducerId,
        /// Which transaction.
        transaction: TransactionOrdinal,
    },
    /// The last stable offset of this replica moved. Source: KIP-98, `UnifiedLog.lastStableOffset`.
    LastStableOffsetMoved {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch this node leads or follows.
        leader_epoch: LeaderEpoch,
        /// Whether this node acts as leader.
        as_leader: bool,
        /// After.
        to: Offset,
    },
    // --- groups; stated once there are group coordinators
    /// A group coordinator holds a partition for a member from now on. Source: KIP-848, `CurrentAssignmentBuilder`.
    PartitionAssigned {
        /// Group.
        group: String,
        /// Who may consume it.
        member: String,
        /// Which partition.
        partition: TopicPartition,
        /// The member's epoch; the generation in the classic protocol.
        member_epoch: i32,
    },
    /// A group coordinator no longer holds a partition for a member: it acknowledged the revocation, left, or was
    /// fenced. In the classic protocol, stated for all members when a generation ends.
    PartitionReleased {
        /// Group.
        group: String,
        /// Who may not consume it any more.
        member: String,
        /// Which partition.
        partition: TopicPartition,
    },
    // --- a broker's life
    /// A broker's own view of its state at the controller changed.
    BrokerStateChanged {
        /// State.
        state: BrokerState,
        /// Broker epoch of this uptime, once known.
        broker_epoch: BrokerEpoch,
    },
    /// A broker ends cleanly: its logs are on the disk, and a marker that says so. Source: KIP-966, rule 2.10.
    StoppedCleanly {
        /// The broker epoch in the marker.
        broker_epoch: BrokerEpoch,
    },
    // --- clients
    /// A producer sent a batch again.
    BatchRetried {
        /// Topic-partition as text: clients know names only.
        partition: String,
        /// Error that caused it.
        error: String,
    },
    /// A producer gave up the sequence of a batch and took a new epoch.
    ProducerEpochBumped {
        /// Its id.
        producer_id: ProducerId,
        /// New epoch.
        producer_epoch: ProducerEpoch,
    },
    /// A consumer found that the log it has read was cut.
    TruncationDetected {
        /// Topic-partition as text.
        partition: String,
        /// Its position.
        position: Offset,
        /// Where the logs part.
        diverged_at: Offset,
    },
    /// A consumer's position was out of range and was reset.
    PositionReset {
        /// Topic-partition as text.
        partition: String,
        /// Before.
        from: Offset,
        /// After.
        to: Offset,
    },
}

/// A batch's header, as far as invariants need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BatchSummary {
    /// First offset.
    pub base_offset: Offset,
    /// Last offset.
    pub last_offset: Offset,
    /// Epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// CRC-32C of everything that the leader does not assign.
    pub checksum: u32,
    /// Producer, or none.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record.
    pub base_sequence: Sequence,
    /// What kind of records it holds.
    pub kind: BatchKind,
}

/// What kind of records a batch holds, by its attributes and the key of its control record. Source: KIP-98.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum BatchKind {
    /// Clients' records, in no transaction.
    #[default]
    Plain,
    /// Clients' records, in a transaction.
    Transactional,
    /// The end of its producer's transaction: its records before it are committed.
    CommitMarker,
    /// The end of its producer's transaction: its records before it are to be left out.
    AbortMarker,
    /// A control record that ends no transaction.
    Control,
}

/// What a consumer may see. Source: KIP-98, `isolation.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IsolationLevel {
    /// All below the high watermark.
    ReadUncommitted,
    /// Committed transactions' records and those in no transaction, below the last stable offset.
    ReadCommitted,
}

/// A transaction whose records a consumer is told to leave out, up to its abort marker. Source: KIP-98.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AbortedTransaction {
    /// Whose.
    pub producer_id: ProducerId,
    /// Its first record on the partition.
    pub first_offset: Offset,
}

/// State of a transactional id at its coordinator. Source: Kafka's `TransactionState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionState {
    /// No transaction has begun since the producer id was given.
    Empty,
    /// Records may be added.
    Ongoing,
    /// To be committed: decided for good.
    PrepareCommit,
    /// To be aborted: decided for good.
    PrepareAbort,
    /// All partitions have their commit markers.
    CompleteCommit,
    /// All partitions have their abort markers.
    CompleteAbort,
    /// A newer producer took over; the transaction will be aborted.
    PrepareEpochFence,
    /// Expired; to be forgotten.
    Dead,
}

/// A producer as a leader knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KnownProducer {
    /// Id.
    pub producer_id: ProducerId,
    /// Newest epoch.
    pub producer_epoch: ProducerEpoch,
    /// Last sequence in it.
    pub last_sequence: Sequence,
}

/// A proposal of an ISR as the controller took it. Source: KIP-497, KIP-903.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AcceptedProposal {
    /// The leader that asked.
    pub broker: NodeId,
    /// Its broker epoch.
    pub broker_epoch: BrokerEpoch,
    /// Its leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// The version that it knew.
    pub partition_epoch: PartitionEpoch,
    /// Members, each with the broker epoch in which the leader saw it; [`BrokerEpoch::NONE`] if not told.
    pub members: Vec<(NodeId, BrokerEpoch)>,
}

/// By whose decision a batch was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppendOrigin {
    /// As leader.
    Leader,
    /// Copied from the leader.
    Follower,
}

/// Why a log was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TruncateReason {
    /// The leader's log parts from ours there.
    Diverged,
    /// Our log is longer than the leader's, or entirely below its start.
    OutOfRange,
    /// To our own high watermark, as before KIP-101.
    HighWatermark,
}

/// Role of a quorum voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuorumRole {
    /// Knows the epoch, no leader; may have voted.
    Unattached,
    /// Follows a known leader.
    Follower,
    /// Asks whether it would get the votes. Source: KIP-996.
    Prospective,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
    /// Led this epoch and gave it up.
    Resigned,
}

/// A broker's state at the controller, as it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerState {
    /// Not registered yet.
    Starting,
    /// Registered; takes no leadership.
    Fenced,
    /// Takes part.
    Running,
    /// Hands its leaderships over.
    ShuttingDown,
}

/// A committed change of the cluster's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MetadataChange {
    /// A quorum leader's first record.
    LeaderChanged {
        /// Who.
        leader: NodeId,
    },
    /// A broker's uptime is registered.
    BrokerRegistered {
        /// Who.
        broker: NodeId,
        /// Its epoch.
        broker_epoch: BrokerEpoch,
        /// Whether the uptime before ended without a clean shutdown.
        unclean: bool,
    },
    /// A broker's standing changed.
    BrokerChanged {
        /// Who.
        broker: NodeId,
        /// Its epoch.
        broker_epoch: BrokerEpoch,
        /// Whether it is fenced now.
        fenced: bool,
        /// Whether it is in controlled shutdown now.
        shutting_down: bool,
    },
    /// A topic was created.
    TopicCreated {
        /// Its id.
        topic: crate::types::TopicId,
        /// Its name.
        name: String,
        /// `min.insync.replicas`.
        min_insync_replicas: u32,
        /// `unclean.leader.election.enable`.
        unclean_leader_election: bool,
    },
    /// A partition's registration was created or changed; the whole of it as it is now.
    PartitionChanged {
        /// Which.
        partition: TopicPartition,
        /// Its registration.
        registration: PartitionRegistration,
        /// Whether this change elected a leader from outside ISR and ELR.
        unclean: bool,
    },
    /// Producer ids below this one are given out.
    ProducerIdsAllocated {
        /// First id that is still free.
        next_producer_id: i64,
    },
}

/// A partition as the controller keeps it. Source: Kafka's `PartitionRegistration`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartitionRegistration {
    /// Replicas, preferred leader first.
    pub replicas: Vec<NodeId>,
    /// In-sync replicas, in replica order.
    pub isr: Vec<NodeId>,
    /// Eligible leader replicas: not in sync, but holding everything below the high watermark. Source: KIP-966.
    pub elr: Vec<NodeId>,
    /// Last known leader, kept while the ISR is empty and nobody leads. Source: KIP-966.
    pub last_known_leader: Option<NodeId>,
    /// Leader.
    pub leader: Option<NodeId>,
    /// Epoch of the last leader.
    pub leader_epoch: LeaderEpoch,
    /// Version.
    pub partition_epoch: PartitionEpoch,
    /// Whether the leader was elected uncleanly and has not finished its recovery.
    pub recovering: bool,
}
