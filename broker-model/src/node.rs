//! The contract between a node and its host: events in, effects out.
//!
//! The host calls [`Node::handle`] with one event at a time, performs all effects of the call in order, then asks for
//! [`Node::next_deadline`] again. While an [`Effect::Sync`] or [`Effect::Replace`] is under way the node is blocked: the effects after it wait
//! for it, and so do further events. A crash between two effects drops the rest. Persistent state is what reached the
//! disk: after a crash the host builds a new node from a [`DiskImage`](crate::disk_image::DiskImage).

use bytes::Bytes;

use crate::disk_image::FileId;
use crate::log::Log;
use crate::message::{Request, Response};
use crate::node_status::NodeStatus;
use crate::note::Note;
use crate::proto::{ErrorCode, StrBytes};
use crate::types::{
    ConnectionId, FlushToken, LeaderEpoch, NodeId, Now, Offset, OperationId, RecordValue, Time,
};

/// A process: a broker, a controller or a client.
pub trait Node {
    /// Takes one event at the node's own time and says what must be done about it.
    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects);

    /// When the node wants [`Event::DeadlinePassed`], on its own monotonic clock, if nothing else happens before.
    fn next_deadline(&self) -> Option<Deadline>;

    /// The logs that the node holds, so that a host can compare them with what the node stated of them.
    fn logs(&self) -> Vec<&Log> {
        Vec::new()
    }

    /// Where the node stands and what it holds, so that a host can tell whether everything has come to rest.
    fn status(&self) -> NodeStatus {
        NodeStatus::default()
    }
}

/// When a node wants to be woken, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// On the node's own monotonic clock.
    pub at: Time,
    /// What is due then, for traces.
    pub why: &'static str,
}

impl Deadline {
    /// The earlier of two optional deadlines.
    pub fn earlier(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b.at < a.at { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}

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
    /// A client's requests to a broker.
    Client,
    /// A consumer's fetches, apart so that a long poll does not hold up the rest.
    ClientFetch,
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
    /// A background flush is on the platter.
    FlushCompleted {
        /// As given in [`Effect::Flush`].
        token: FlushToken,
    },
    /// The application calls a client.
    Invoked {
        /// To be named in [`Effect::Complete`].
        operation: OperationId,
        /// What is asked for.
        request: Operation,
    },
    /// The deadline passed.
    DeadlinePassed,
    /// Graceful stop: finish what must be finished, then [`Effect::Halt`].
    StopRequested,
    /// The part of a broker that acts on committed metadata stands still from now on, or goes on: it then takes all that
    /// was fetched meanwhile as one change. Other nodes have no such part. Source: Kafka's `BrokerMetadataPublisher`.
    MetadataPublishing {
        /// Whether it stands still.
        stalled: bool,
    },
}

/// Something that a node wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Sends a request on the named connection, opening it if there is none.
    Request {
        /// To whom.
        to: NodeId,
        /// On which connection.
        channel: Channel,
        /// What.
        message: Request,
    },
    /// Answers on a connection that this node accepted; nothing happens if it is gone.
    Reply {
        /// Which connection.
        connection: ConnectionId,
        /// What.
        message: Response,
    },
    /// Closes a connection that this node opened, for example after a request timeout: what is in flight on it from
    /// this side still arrives, what comes back does not. No [`Event::ConnectionLost`] follows.
    Disconnect {
        /// The other side.
        to: NodeId,
        /// Which connection.
        channel: Channel,
    },
    /// Closes a connection that this node accepted; the other side sees [`Event::ConnectionLost`].
    Close {
        /// Which one.
        connection: ConnectionId,
    },
    /// Appends to a file in the page cache, creating it if there is none.
    Append {
        /// Which file.
        file: FileId,
        /// What.
        bytes: Bytes,
    },
    /// Cuts a file in the page cache to a length in bytes.
    Truncate {
        /// Which file.
        file: FileId,
        /// New length, not above the present one.
        length: u64,
    },
    /// Writes a small file in place, in the page cache only: the old content is gone at once, and a power loss may leave
    /// the old, the new, or a torn part of the new.
    Write {
        /// Which file.
        file: FileId,
        /// Its whole new content.
        bytes: Bytes,
    },
    /// Replaces a small file and blocks the node until it is done: written aside, synced, renamed atomically, and the
    /// directory synced. Whatever happens meanwhile, the file is the old or the new one, and never torn. Source:
    /// Kafka's `CheckpointFile.write`, `Utils.atomicMoveWithFallback`.
    Replace {
        /// Which file.
        file: FileId,
        /// Its whole new content.
        bytes: Bytes,
    },
    /// As [`Effect::Replace`], on a scheduler thread: the node goes on, and no event follows. Until it is done the file
    /// is the old one, for a new process too. A later replacement of the same file overtakes it.
    ReplaceInBackground {
        /// Which file.
        file: FileId,
        /// Its whole new content.
        bytes: Bytes,
    },
    /// Removes a file, in the page cache only.
    Delete {
        /// Which file.
        file: FileId,
    },
    /// Blocks the node until the file, its directory entry and its last rename are on the platter.
    Sync {
        /// Which file.
        file: FileId,
    },
    /// As [`Effect::Sync`], in the background: [`Event::FlushCompleted`] follows unless the node crashes first.
    Flush {
        /// Which file.
        file: FileId,
        /// Given back in the event.
        token: FlushToken,
    },
    /// Ends a client operation.
    Complete {
        /// As given in [`Event::Invoked`].
        operation: OperationId,
        /// How.
        outcome: Outcome,
    },
    /// States a fact.
    Note(Note),
    /// Ends this process; nothing after it is performed.
    Halt {
        /// Why.
        reason: &'static str,
    },
}

/// Why a process halts whose quorum does not have metadata any more that it has seen committed.
pub const COMMITTED_METADATA_GONE: &str = "committed metadata is gone from the quorum";

// Events and effects are moved for each message: what makes one of them larger makes all of them slower.
const _: () = assert!(size_of::<Event>() <= 80 && size_of::<Effect>() <= 96);

/// The effects of one call, in order.
#[derive(Debug, Default)]
pub struct Effects {
    list: Vec<Effect>,
}

impl Effects {
    /// No effects.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an effect after those that are there.
    #[inline]
    pub fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }

    /// Adds [`Effect::Request`].
    #[inline]
    pub fn request(&mut self, to: NodeId, channel: Channel, message: Request) {
        self.push(Effect::Request { to, channel, message });
    }

    /// Adds [`Effect::Reply`].
    pub fn reply(&mut self, connection: ConnectionId, message: Response) {
        self.push(Effect::Reply { connection, message });
    }

    /// Adds [`Effect::Note`].
    pub fn note(&mut self, note: impl Into<Note>) {
        self.push(Effect::Note(note.into()));
    }

    /// Adds [`Effect::Complete`].
    pub fn complete(&mut self, operation: OperationId, outcome: Outcome) {
        self.push(Effect::Complete { operation, outcome });
    }

    /// Takes all effects out, in order, and keeps the buffer.
    #[inline]
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect> {
        self.list.drain(..)
    }

    /// The effects, in order.
    pub fn as_slice(&self) -> &[Effect] {
        &self.list
    }

    /// Whether nothing is to be done.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
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
    },
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
    },
    /// The assignment is taken.
    Assigned,
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
    /// The topic exists, created now or before.
    TopicCreated,
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
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: Offset,
    /// Epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// Value; `None` if the bytes are not one that a producer of ours writes.
    pub value: Option<RecordValue>,
}
