//! An anomaly as it was seen: where, when, and what the operations concerned said.

use harrow_sim::history::{History, NEVER, ReadRecord};

use super::anomaly::{Anomaly, Kind};

/// One anomaly, seen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// What.
    pub anomaly: Anomaly,
    /// Where, by position in the history.
    pub partition: u32,
    /// When it showed: true time in nanoseconds.
    pub at_ns: u64,
    /// When the oldest write or call concerned was invoked, or the write that is missing: what happened before
    /// cannot be its cause.
    pub since_ns: u64,
    /// The record or answer at fault.
    pub subject: Observation,
    /// What it is at odds with.
    pub other: Option<Observation>,
    /// What else is known, for the anomalies to which it matters.
    pub context: OccurrenceContext,
    /// What a reader went past, where it did.
    pub passed: Option<Passed>,
    /// Of a cycle: its steps. The first begins where the last one ends.
    pub cycle: Vec<Step>,
}

impl Occurrence {
    pub(super) fn of(
        history: &History,
        anomaly: Anomaly,
        partition: u32,
        (subject, other): (Observation, Option<Observation>),
    ) -> Self {
        let observations = [Some(subject), other];
        let concerned = || observations.iter().flatten();
        let at_ns = concerned().map(|w| shown_at(history, w.operation)).max().unwrap_or(0);
        // What became of a record after it was sent explains why it is missing.
        let missing = match anomaly.kind() {
            Kind::Missing => subject.writer,
            Kind::PassedOver => other.and_then(|other| other.writer),
            Kind::Misplaced
            | Kind::Repeated
            | Kind::Shown
            | Kind::Between
            | Kind::EndOffset
            | Kind::Group
            | Kind::Cycle => None,
        };
        let origins = concerned().flat_map(|w| [Some(w.operation), w.writer]).flatten();
        let oldest = origins.map(|o| history.row(o).invoked_ns).min();
        let since_ns = missing.map(|o| history.row(o).invoked_ns).or(oldest).unwrap_or(0);
        let (context, passed, cycle) = (OccurrenceContext::Plain, None, Vec::new());
        Self { anomaly, partition, at_ns, since_ns, subject, other, context, passed, cycle }
    }
}

/// When an operation's answer was there; its invocation, if none ever came.
pub(super) fn shown_at(history: &History, operation: u32) -> u64 {
    let row = history.row(operation);
    if row.completed_ns == NEVER { row.invoked_ns } else { row.completed_ns }
}

/// What was gone past, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// The next offset, where the reader stood before.
    pub stood: i64,
    /// So many records are known there.
    pub records: u64,
    /// Offset of the first of them.
    pub first: i64,
    /// Offset of the last of them.
    pub last: i64,
}

/// What else is known about an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OccurrenceContext {
    /// Nothing that matters.
    #[default]
    Plain,
    /// The offsets are in order, and only a second copy of a record makes it an anomaly.
    ThroughDuplicate,
    /// The consumer assigned its partitions to itself, or said that it was in one generation of its group all the
    /// while.
    KeptAssignment,
    /// The consumer gets its partitions from a group.
    Subscribed,
    /// The group had never committed an offset of the partition.
    NothingCommitted,
    /// Where the reader stood, or its group, retention or `DeleteRecords` has removed what was there.
    OutOfRange,
}

/// A record, or an end offset, as one operation stated it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Its value; [`Observation::NO_VALUE`] for what is no record.
    pub value: u64,
    /// Its offset; -1 if none was told.
    pub offset: i64,
    /// The operation that states it, by position in the history.
    pub operation: u32,
    /// The operation that sent it, if any did.
    pub writer: Option<u32>,
    /// Whether any poll returned the value.
    pub read: bool,
}

impl Observation {
    /// The value of what is no record.
    pub const NO_VALUE: u64 = ReadRecord::GARBAGE;

    /// What an operation was told that is no record: an end offset, a commit, or -1 if it has no offset.
    pub(crate) fn answer(operation: u32, offset: i64) -> Self {
        Self { value: Self::NO_VALUE, offset, operation, writer: None, read: true }
    }
}

/// One step of a cycle: why one operation comes before the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The earlier operation.
    pub from: u32,
    /// The later one.
    pub to: u32,
    /// Why.
    pub dependency: Dependency,
}

/// Why one operation comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// The later one's record stands behind the earlier one's (`ww`).
    Overwrites {
        /// Partition, by position.
        partition: u32,
        /// Offset of the later record.
        offset: i64,
    },
    /// The later one read the earlier one's record (`wr`).
    Reads {
        /// Partition, by position.
        partition: u32,
        /// Offset of the record.
        offset: i64,
    },
    /// One process did both, one after the other.
    Process,
    /// The earlier one had ended before the later one began.
    Realtime,
}
