//! What somebody sees who looks at a run that stands still: nodes, messages under way, disks. Looking changes nothing.

use serde::Serialize;

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeState {
    /// Which.
    pub node: i32,
    /// Whether its process runs.
    pub runs: bool,
    /// Why its process takes nothing, if it does not: `paused`, or `waits for its disk`.
    pub stands_still: Option<&'static str>,
    /// Whether a graceful stop is under way.
    pub stopping: bool,
    /// Faults of its disk that last: `slow`, `stalled`, `full`, `lying`, `fails`.
    pub disk_faults: Vec<&'static str>,
    /// What waits for the process.
    pub inbox: usize,
    /// Effects that wait for its disk.
    pub effects_waiting: usize,
    /// Syncs and replacements that a stalled disk holds up.
    pub stalled_syncs: usize,
    /// Its wall clock, in milliseconds of simulated time.
    pub wall_ms: i64,
    /// The next deadline that it has asked for: true time, and why.
    pub deadline: Option<Deadline>,
    /// What it holds until something else happens: `3 produces that wait`.
    pub holds: Vec<String>,
    /// The leader of the quorum, as far as it knows.
    pub quorum_leader: Option<i32>,
    /// First offset of the metadata log that it has not applied.
    pub metadata_end: i64,
    /// A consumer's positions: topic, partition, next offset.
    pub positions: Vec<(String, i32, i64)>,
    /// Its role in the quorum, its epoch, and the leader that it knows there, if it is a voter.
    pub voter: Option<VoterState>,
    /// Its replicas, by what is true.
    pub replicas: Vec<ReplicaState>,
}

/// A deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deadline {
    /// True time.
    pub at_ns: u64,
    /// What for.
    pub why: &'static str,
}

/// A voter of the quorum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VoterState {
    /// Its epoch.
    pub epoch: i32,
    /// Its role.
    pub role: String,
    /// The leader that it knows.
    pub leader: Option<i32>,
    /// Whether it acts as the active controller.
    pub active: bool,
}

/// A replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplicaState {
    /// Whose.
    pub node: i32,
    /// Of what.
    pub partition: String,
    /// `leader`, `follower` or `idle`.
    pub role: &'static str,
    /// In which epoch.
    pub leader_epoch: i32,
    /// First offset that may be read.
    pub log_start_offset: i64,
    /// The offset behind its last record.
    pub log_end_offset: i64,
    /// Its own high watermark.
    pub high_watermark: i64,
    /// The ISR as it believes, if it leads.
    pub isr: Vec<i32>,
    /// Whether it may have lost records that it once had.
    pub lossy: bool,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionState {
    /// Its name.
    pub partition: String,
    /// The registered leader.
    pub leader: Option<i32>,
    /// The epoch of the last leader.
    pub leader_epoch: Option<i32>,
    /// Version of the registration.
    pub partition_epoch: Option<i32>,
    /// Replicas as registered.
    pub assigned: Vec<i32>,
    /// The committed ISR.
    pub isr: Vec<i32>,
    /// Eligible leader replicas.
    pub elr: Vec<i32>,
    /// The true high watermark: all below is committed.
    pub committed: i64,
    /// Replicas as they truly are.
    pub replicas: Vec<ReplicaState>,
}

/// Something that is under way, or waits on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageState {
    /// From whom.
    pub from: i32,
    /// To whom.
    pub to: i32,
    /// On which connection.
    pub connection: u64,
    /// What that connection is for.
    pub channel: &'static str,
    /// What it says.
    pub text: String,
    /// When it arrives, if it is on its way.
    pub arrives_ns: Option<u64>,
    /// Why it waits, if it does.
    pub waits: Option<String>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileState {
    /// Which, in words.
    pub file: String,
    /// Its bytes in the page cache, which a crash of the process leaves; none if it is gone there.
    pub cached: Option<u64>,
    /// Its bytes on the disk, which a power loss leaves; none if it is not there.
    pub durable: Option<u64>,
    /// Changes that are in the page cache only, oldest first.
    pub unsynced: Vec<String>,
}
