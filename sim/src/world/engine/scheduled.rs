//! What will happen, as it waits in the heap.

use harrow_broker_model::disk_image::FileId;
use harrow_broker_model::types::{FlushToken, TopicPartition};

use crate::world::disk::{Replacement, SyncMark};
use crate::world::network::Transit;

/// Something in the heap.
#[derive(Debug)]
pub(crate) enum ScheduledEvent {
    /// Something on the network.
    Transit(Transit),
    /// A node's deadline may have passed.
    Timer {
        /// Whose.
        node: usize,
        /// Stale timers carry an old one.
        generation: u64,
    },
    /// A process starts.
    Start {
        /// Whose.
        node: usize,
        /// Stale starts carry an old one.
        generation: u64,
    },
    /// A blocking sync is done.
    SyncDone {
        /// Whose.
        node: usize,
        /// In which uptime.
        uptime: u64,
        /// What it covers.
        mark: SyncMark,
    },
    /// A background flush is done.
    FlushDone {
        /// Whose.
        node: usize,
        /// In which uptime.
        uptime: u64,
        /// What it covers.
        mark: SyncMark,
        /// As the node named it.
        token: FlushToken,
    },
    /// A file has another name.
    RenameDone {
        /// Whose.
        node: usize,
        /// In which uptime.
        uptime: u64,
        /// Its old name and the new one.
        files: (FileId, FileId),
    },
    /// A log's files are moved away.
    DiscardDone {
        /// Whose.
        node: usize,
        /// In which uptime.
        uptime: u64,
        /// Which log.
        partition: TopicPartition,
    },
    /// A small file is replaced.
    ReplaceDone {
        /// Whose.
        node: usize,
        /// In which uptime.
        uptime: u64,
        /// By what.
        replacement: Box<Replacement>,
        /// Whether the node waits for it.
        blocking: bool,
    },
    /// Something that the director of the run asked to be told.
    DirectorTimer(DirectorTimer),
}

/// What the director of a run asked to be told at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectorTimer {
    /// A step of the plan fires, by position.
    Step(usize),
    /// A step's fault ends, by position.
    StepEnd(usize),
    /// A broker that is to leave the cluster is looked after, by the position of its step.
    Leave(usize),
    /// A rolling restart goes on with the broker at a position.
    Roll {
        /// The step, by position.
        step: usize,
        /// The broker, by position.
        broker: usize,
    },
    /// A topic is to be created, by position.
    CreateTopic(usize),
    /// A client may have something to do.
    Load(usize),
    /// All faults end.
    Heal,
    /// Time to see whether everything has converged.
    Check,
    /// Time to see whether an answer is overdue, before the heal.
    Look,
    /// The final reader goes on.
    Read,
}
