//! What nodes want done, in order, and when they want to be woken.

use bytes::Bytes;

use crate::disk_image::FileId;
use crate::event::{Channel, Event, Operation, Outcome};
use crate::message::{Request, Response};
use crate::note::Note;
use crate::proto::StrBytes;
use crate::types::{
    ConnectionId, FlushToken, LogDirectory, NodeId, Offset, OperationId, Time, TopicPartition,
};

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
    /// this side still arrives, what comes back does not. No
    /// [`Event::ConnectionLost`](crate::node::Event::ConnectionLost) follows.
    Disconnect {
        /// The other side.
        to: NodeId,
        /// Which connection.
        channel: Channel,
    },
    /// Closes a connection that this node accepted; the other side sees
    /// [`Event::ConnectionLost`](crate::node::Event::ConnectionLost).
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
    /// Writes a small file in place, in the page cache only: the old content is gone at once, and a power loss may
    /// leave
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
    /// Gives a file another name, in place of one that may be there. Blocks the node until that is done, in the page
    /// cache only: a power loss may undo it, and then the one that was there is back. Source:
    /// `Utils.atomicMoveWithFallback` without a sync of the directory.
    Rename {
        /// Which file.
        from: FileId,
        /// Its new name.
        to: FileId,
    },
    /// Removes a file, in the page cache only.
    Delete {
        /// Which file.
        file: FileId,
    },
    /// Moves all files of a partition's log out of the way, as one: the directory is renamed and its parent synced.
    /// Blocks the node until that is done. Source: `UnifiedLog.renameDir`, `Utils.atomicMoveWithFallback`.
    Discard {
        /// Whose.
        partition: TopicPartition,
    },
    /// Makes the directory of a partition's log in a log directory: from here on the partition's files are there. Never
    /// with one log directory. Source: `LogManager.createLogDirectory`.
    CreateLogDirectory {
        /// Whose.
        partition: TopicPartition,
        /// In which log directory.
        directory: LogDirectory,
    },
    /// Blocks the node until the file, its directory entry and its last rename are on the disk.
    Sync {
        /// Which file.
        file: FileId,
    },
    /// As [`Effect::Sync`], in the background: [`Event::FlushCompleted`](crate::node::Event::FlushCompleted) follows
    /// unless the node crashes first.
    Flush {
        /// Which file.
        file: FileId,
        /// Given back in the event.
        token: FlushToken,
    },
    /// Ends a client operation.
    Complete {
        /// As given in [`Event::Invoked`](crate::node::Event::Invoked).
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
    /// Tells of a client operation that nobody has invoked: an application that is a process of its own begins it.
    Begin(Box<Begun>),
}

/// An operation that an application begins by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Begun {
    /// To be named in [`Effect::Complete`]; unique in the uptime of its process.
    pub operation: OperationId,
    /// What it does.
    pub request: Operation,
    /// The consumer group for which it does it.
    pub group: Option<StrBytes>,
    /// What it processes of the group's input: topic name and partition, first and last offset.
    pub processed: Vec<((StrBytes, i32), Offset, Offset)>,
}

/// Why a process halts whose quorum does not have metadata any more that it has seen committed.
pub const COMMITTED_METADATA_GONE: &str = "committed metadata is gone from the quorum";

/// Why a process halts whose log directory with the metadata log has failed. Source:
/// `ReplicaManager.handleLogDirFailure`.
pub const METADATA_DIRECTORY_FAILED: &str = "the log directory of the metadata log failed";

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

    /// Adds an effect on a file before all that are there, but after the last one on the same file: what it says is on
    /// the disk before anything that follows from it is told.
    pub(crate) fn push_ahead(&mut self, file: FileId, effect: Effect) {
        let of_file = |known: &Effect| {
            matches!(known, Effect::Replace { file: known, .. }
                | Effect::ReplaceInBackground { file: known, .. }
                | Effect::Write { file: known, .. } if *known == file)
        };
        let at = self.list.iter().rposition(of_file).map_or(0, |last| last + 1);
        self.list.insert(at, effect);
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

    /// Takes the outcomes of some operations out, in order.
    pub(crate) fn take_completed(
        &mut self,
        of: impl Fn(OperationId) -> bool,
    ) -> Vec<(OperationId, Outcome)> {
        let is_it = |effect: &mut Effect| matches!(effect, Effect::Complete { operation, .. } if of(*operation));
        let taken = self.list.extract_if(.., is_it);
        taken
            .filter_map(|effect| {
                let Effect::Complete { operation, outcome } = effect else { return None };
                Some((operation, outcome))
            })
            .collect()
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
