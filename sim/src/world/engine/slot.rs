//! What the engine keeps of one node.

use std::collections::{BTreeMap, VecDeque};

use harrow_broker_model::disk_image::FileId;
use harrow_broker_model::node::{Effect, Event};
use harrow_broker_model::types::{FlushToken, LogDirectory, TopicPartition};

use crate::plan::ClockPlan;
use crate::world::clock::NodeClock;
use crate::world::disk::{Replacement, SyncMark};
use crate::world::disks::Disks;
use crate::world::network::Incoming;

/// Faults of one node's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DiskCondition {
    /// Extra time of a sync, in microseconds, inclusive range.
    pub(crate) slow_us: (u64, u64),
    /// Syncs hang.
    pub(crate) stalled: bool,
    /// Appends fail for want of room.
    pub(crate) full: bool,
    /// Syncs report success and do nothing.
    pub(crate) lying: bool,
}

/// A sync that was due while the disk stalled.
#[derive(Debug)]
pub(super) enum StalledSync {
    Sync { mark: SyncMark },
    Flush { mark: SyncMark, token: FlushToken },
    Replace { replacement: Box<Replacement>, blocking: bool },
    Discard { partition: TopicPartition },
    Rename { files: (FileId, FileId) },
}

/// Something that waits for a process.
#[derive(Debug)]
pub(super) enum Delivery {
    Incoming(Incoming),
    Event(Event),
}

/// One node: its machine, and its process if it runs.
#[derive(Debug)]
pub(super) struct Slot<N> {
    pub(super) process: Option<N>,
    pub(super) clock: NodeClock,
    pub(super) disk: Disks,
    pub(super) disk_condition: DiskCondition,
    /// The next write or sync fails.
    pub(super) disk_fails: bool,
    /// The log directories that fail at present, and whether their disks are replaced in the end.
    pub(super) failing: BTreeMap<LogDirectory, bool>,
    pub(super) stalled_syncs: Vec<StalledSync>,
    /// Syncs begun; keys the draws of the next one.
    pub(super) syncs: u64,
    pub(super) power_losses: u64,
    pub(super) paused: bool,
    /// Whether the metadata publisher of its processes stands still.
    pub(super) publishing_stalled: bool,
    /// A sync is under way.
    pub(super) blocked: bool,
    /// Whether a graceful stop was asked for.
    pub(super) stopping: bool,
    /// Effects that wait for the sync.
    pub(super) stash: VecDeque<Effect>,
    /// What waits for the process.
    pub(super) inbox: VecDeque<Delivery>,
    pub(super) timer_at: Option<u64>,
    pub(super) timer_generation: u64,
    pub(super) start_generation: u64,
    /// Grows when a process ends, so that what was under way for it comes to nothing.
    pub(super) uptime: u64,
    /// How many deadlines passed at one instant.
    pub(super) deadlines_at: (u64, u32),
}

impl<N> Slot<N> {
    pub(super) fn new(clock: Option<ClockPlan>) -> Self {
        let (offset_ms, drift_ppm) =
            clock.map_or((0, 0), |clock| (clock.offset_ms, clock.drift_ppm));
        Self {
            process: None,
            clock: NodeClock::new(offset_ms, drift_ppm),
            disk: Disks::default(),
            disk_condition: DiskCondition::default(),
            disk_fails: false,
            failing: BTreeMap::new(),
            stalled_syncs: Vec::new(),
            syncs: 0,
            power_losses: 0,
            paused: false,
            publishing_stalled: false,
            blocked: false,
            stopping: false,
            stash: VecDeque::new(),
            inbox: VecDeque::new(),
            timer_at: None,
            timer_generation: 0,
            start_generation: 0,
            uptime: 0,
            deadlines_at: (0, 0),
        }
    }

    /// Whether the process takes what comes now, not after what waits for it.
    pub(super) fn takes_at_once(&self) -> bool {
        self.is_ready() && self.inbox.is_empty()
    }

    /// Whether the process runs and takes events.
    pub(super) fn is_ready(&self) -> bool {
        self.process.is_some() && !self.blocked && !self.paused
    }
}
