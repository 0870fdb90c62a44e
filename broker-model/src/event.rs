//! What nodes are told, and what applications ask of clients.

use crate::admin_message::AdminRequest;
use crate::admin_task::AdminTask;
use crate::consumer_call::{ConsumerCall, NoPosition};
use crate::message::{Request, Response};
use crate::proto::{ErrorCode, StrBytes};
use crate::retention::Retention;
use crate::types::{
    ConnectionId, FlushToken, LeaderEpoch, LogDirectory, NodeId, Offset, OperationId, RecordValue,
    TopicId,
};

/// Which of the connections from one node to another a request travels on. Each is ordered; two are not ordered
/// with respect to each other. The node that first sends opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A follower's fetcher, to a partition leader.
    ReplicaFetch,
    /// Registration and heartbeats, broker to active controller.
    Heartbeat,
    /// `AlterPartition`, producer id blocks and forwarded requests, broker to active controller.
    Controller,
    /// Fetch of the metadata log, voters and brokers to a controller.
    QuorumFetch,
    /// Vote, begin and end of a quorum epoch, between controllers.
    Quorum,
    /// A transaction coordinator's markers, broker to partition leader.
    TransactionMarkers,
    /// Whether a partition is in a transaction: partition leader to transaction coordinator. Source: KIP-890.
    TransactionVerification,
    /// A client's requests to a broker.
    Client,
    /// A consumer's fetches, apart so that a long poll does not hold up the rest.
    ClientFetch,
    /// A consumer's requests to its group's coordinator, apart since a join waits there for all other members.
    ClientCoordinator,
    /// The requests of a producer whose process has a consumer, too: each of both has connections of its own.
    ClientProducer,
    /// What is known of share-partitions: partition leader to share coordinator. Source: KIP-932.
    ShareState,
    /// One of the connections that a client which speaks bytes has to a broker, by a number of its own below
    /// [`Channel::APPLICATION_MAX`].
    Application(u8),
}

impl Channel {
    /// So many connections at once a client that speaks bytes may have to one broker.
    pub const APPLICATION_MAX: u8 = 8;

    /// A number of its own, which keys draws.
    pub fn key(self) -> u64 {
        match self {
            Self::ReplicaFetch => 0,
            Self::Heartbeat => 1,
            Self::Controller => 2,
            Self::QuorumFetch => 3,
            Self::Quorum => 4,
            Self::TransactionMarkers => 5,
            Self::TransactionVerification => 6,
            Self::Client => 7,
            Self::ClientFetch => 8,
            Self::ClientCoordinator => 9,
            Self::ClientProducer => 10,
            Self::ShareState => 11,
            Self::Application(number) => 12 + u64::from(number),
        }
    }
}

/// Something that happens to a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The process runs: first event of every uptime.
    Booted,
    /// A request arrived on a connection that `from` opened.
    Request {
        /// The connection to answer on.
        connection: ConnectionId,
        /// Who sent it.
        from: NodeId,
        /// What it says.
        message: Request,
    },
    /// An answer arrived on a connection that this node opened.
    Response {
        /// Who answered.
        from: NodeId,
        /// Which connection to it.
        channel: Channel,
        /// What it says.
        message: Response,
    },
    /// A connection that this node opened is gone, with all that was in flight on it: reset, refused or timed out.
    ConnectionLost {
        /// The other side.
        to: NodeId,
        /// Which connection to it.
        channel: Channel,
    },
    /// A connection that this node accepted is gone.
    ConnectionClosed {
        /// Which one.
        connection: ConnectionId,
    },
    /// A background flush is on the disk.
    FlushCompleted {
        /// As given in [`Effect::Flush`](crate::node::Effect::Flush).
        token: FlushToken,
    },
    /// The application calls a client.
    Invoked {
        /// To be named in [`Effect::Complete`](crate::node::Effect::Complete).
        operation: OperationId,
        /// What is asked for.
        request: Operation,
    },
    /// The deadline passed.
    DeadlinePassed,
    /// The part of a broker that acts on committed metadata stands still from now on, or goes on: it then takes all
    /// that was fetched meanwhile as one change. Other nodes have no such part. Source: Kafka's
    /// `BrokerMetadataPublisher`.
    MetadataPublishing {
        /// Whether it stands still.
        stalled: bool,
    },
    /// An access of a log directory failed, as all later ones will: what the node asks there from here on is not done.
    /// No access before it failed. Whatever would have met the error first is handled after this. Source: Kafka's
    /// `LogDirFailureChannel`.
    LogDirectoryFailed {
        /// Which.
        directory: LogDirectory,
    },
    /// Graceful stop: finish what must be finished, then [`Effect::Halt`](crate::node::Effect::Halt).
    StopRequested,
    /// A connection that this node opened stands: what it asked there meanwhile is on its way. Every connection that a
    /// request opens ends in this or in [`Event::ConnectionLost`], whatever the other side does; those of clients that
    /// speak bytes are told of a loss alone.
    Connected {
        /// The other side.
        to: NodeId,
        /// Which connection to it.
        channel: Channel,
    },
}

/// What an application asks a client to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Producer: send one record; ends when it is acknowledged or given up.
    Send {
        /// Topic name.
        topic: StrBytes,
        /// The record's key; decides the partition.
        key: Option<u64>,
        /// The record's value.
        value: RecordValue,
    },
    /// Producer: one transaction, from its begin to its end.
    Transact {
        /// The records, in order; each is sent `gap_ms` after the one before, whether or not that is acknowledged.
        records: Vec<TransactRecord>,
        /// Pause after each, in milliseconds.
        gap_ms: u32,
        /// Whether it is to be committed; else aborted.
        commit: bool,
        /// Offsets that are committed with it for the group of which the same process is a member: topic name and
        /// partition, and the next offset to read.
        offsets: Vec<((StrBytes, i32), Offset)>,
    },
    /// Consumer: take these partitions, from the beginning, in place of any it has.
    Assign {
        /// Topic name and partition.
        partitions: Vec<(StrBytes, i32)>,
    },
    /// Consumer: take these partitions, each from an offset that the application has kept, in place of any it has. No
    /// leader epoch is kept with an offset, so nobody can tell whether the log was cut below it.
    Resume {
        /// Topic name, partition and offset.
        positions: Vec<(StrBytes, i32, Offset)>,
    },
    /// Consumer: take all partitions that its group gave it again from where that has committed, as an application does
    /// that could not end what it had begun.
    Rewind,
    /// Consumer: be a member of its group for these topics; partitions come with later polls.
    Subscribe {
        /// Topic names.
        topics: Vec<StrBytes>,
    },
    /// Consumer: give up all partitions and leave the group.
    Unsubscribe,
    /// Consumer: commit offsets for its group.
    Commit {
        /// Topic name and partition, and the next offset to read.
        offsets: Vec<((StrBytes, i32), Offset)>,
        /// Whether what may pass is tried again; else it is sent once.
        sync: bool,
    },
    /// Consumer: something else than these.
    Call(ConsumerCall),
    /// Consumer: return what has been fetched, waiting for something up to a time.
    Poll {
        /// How long to wait for a first record, in milliseconds.
        timeout_ms: u32,
        /// At most so many records.
        max_records: u32,
    },
    /// Consumer: the end offset of a partition (`ListOffsets` latest at the configured isolation).
    EndOffset {
        /// Topic name and partition.
        partition: (StrBytes, i32),
    },
    /// Admin: delete the records of a partition below an offset, at the broker that leads it.
    DeleteRecords {
        /// Which broker.
        broker: NodeId,
        /// Topic name and partition.
        partition: (StrBytes, i32),
        /// The first offset that stays.
        before: Offset,
    },
    /// Admin: something that the active controller does.
    Administer(Box<AdminRequest>),
    /// Admin: something with a group, or with transactions.
    AdminTask(Box<AdminTask>),
    /// Admin: create a topic.
    CreateTopic {
        /// Topic name.
        topic: StrBytes,
        /// Number of partitions.
        partitions: i32,
        /// Replicas of each.
        replication_factor: i16,
        /// `min.insync.replicas`.
        min_insync_replicas: i32,
        /// `unclean.leader.election.enable`.
        unclean_leader_election: bool,
        /// `max.message.bytes`.
        max_message_bytes: u32,
        /// `flush.messages`.
        flush_messages: u64,
        /// `flush.ms`.
        flush_ms: u64,
        /// When records may be deleted.
        retention: Box<Retention>,
    },
}

/// One record of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct TransactRecord {
    /// Topic name.
    pub topic: StrBytes,
    /// The record's key; decides the partition.
    pub key: Option<u64>,
    /// The record's value.
    pub value: RecordValue,
}

/// How a client operation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The record is acknowledged at this place; with acks=0 the offset is [`Offset::NONE`].
    Sent {
        /// Partition that the partitioner chose.
        partition: i32,
        /// Where the broker says it is.
        offset: Offset,
        /// In which topic of that name, if the broker said so.
        topic: Option<TopicId>,
    },
    /// The transaction is committed, or is aborted for certain; with the places of what was sent, and
    /// [`Offset::NONE`] where it is not known.
    Transacted {
        /// Which of both.
        committed: bool,
        /// Topic name, partition, offset of each record that was sent, in order.
        records: Vec<(StrBytes, i32, Offset)>,
    },
    /// The assignment is taken.
    Assigned,
    /// These partitions are read again from where the group has committed.
    Rewound {
        /// Topic name and partition.
        partitions: Vec<(StrBytes, i32)>,
    },
    /// The subscription is taken.
    Subscribed,
    /// The group is left.
    Unsubscribed,
    /// What was asked of the consumer is done.
    Called,
    /// Another thread has woken it up: of a poll, before there was anything to return; of a commit, before it was
    /// answered. What is on its way goes on.
    WokenUp,
    /// Of a poll: nobody knows where to go on in these partitions, and the application must say.
    NoPosition {
        /// Topic name and partition.
        partitions: Vec<(StrBytes, i32)>,
        /// Why.
        why: NoPosition,
    },
    /// Of a poll: a rebalance is about to take these partitions. It goes on with the next poll.
    Revoking {
        /// Topic name and partition.
        partitions: Vec<(StrBytes, i32)>,
    },
    /// Of a poll: these partitions are lost, since the consumer is no member of its group any more.
    Lost {
        /// Topic name and partition.
        partitions: Vec<(StrBytes, i32)>,
    },
    /// Of a poll: a rebalance is over.
    Joined {
        /// The generation.
        generation: i32,
        /// All partitions that it has now.
        partitions: Vec<(StrBytes, i32)>,
    },
    /// The group's offsets are committed.
    Committed {
        /// The generation in which the consumer was a member when it asked; -1 if it was none.
        generation: i32,
    },
    /// What the poll returned, in the order of delivery. Empty is legal.
    Polled {
        /// The records.
        records: Vec<PolledRecord>,
    },
    /// The end offset.
    EndOffset {
        /// As answered by the leader.
        offset: Offset,
    },
    /// The records are deleted on all live replicas.
    RecordsDeleted {
        /// Where these start, or further.
        low_watermark: Offset,
    },
    /// The topic exists, created now or before.
    TopicCreated,
    /// What an administrator asked for is done.
    Administered {
        /// How many reassignments are under way, if that was asked; how many transactions were aborted, if that was.
        listed: u32,
    },
    /// It did not happen and will not: for a send, no copy of the record was ever put on the wire, or every one was
    /// refused.
    Failed {
        /// Why.
        error: ErrorCode,
        /// For a send: the partition chosen, or -1.
        partition: i32,
    },
    /// It may or may not have happened, and may yet happen.
    Unknown {
        /// Why.
        error: ErrorCode,
        /// For a send: the partition chosen, or -1.
        partition: i32,
    },
}

/// One record as a consumer got it.
#[derive(Debug, Clone, PartialEq)]
pub struct PolledRecord {
    /// Topic name.
    pub topic: StrBytes,
    /// Which topic of that name, if the broker said so.
    pub topic_id: Option<TopicId>,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: Offset,
    /// Epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// Value; `None` if the bytes are not one that a producer of ours writes.
    pub value: Option<RecordValue>,
}
