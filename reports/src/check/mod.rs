//! Black-box checks: what clients were promised, judged from what they asked and were told, and nothing else. They
//! work the same on a history of a real cluster.
//!
//! | file | promise |
//! |---|---|
//! | `missing` | what is acknowledged is there, whole: lost-write, unseen, torn-transaction |
//! | `places` | one offset, one record, once: duplicate, inconsistent-offsets |
//! | `send_order` | a producer's records keep their order: (int-)nonmonotonic-send, int-send-skip |
//! | `realtime` | time orders offsets: realtime-order, end-offset-regression |
//! | `poll_order` | consumers move forward without gaps: (int-)nonmonotonic-poll, (int-)poll-skip |
//! | `visibility` | only what was sent and committed is read: garbage-read, G1a, precommitted-read |
//! | `groups` | a group goes on where it was: resume-skip, zombie-commit, commit-beyond-position, double-ownership |
//! | `exactly_once` | each input is processed once: eos-duplicate, eos-loss |
//! | `cycles` | transactions have an order: G0 and G1c, with session and realtime variants |
//!
//! [`check`] judges a whole history; a [`Stream`] tells what a prefix decides while the history is being written.
//!
//! A check says what is there; whether that is legal is the policy's business. An unknown outcome is never treated
//! as absent. Two readers that disagree need no name of their own: other values at one offset are
//! inconsistent-offsets, other successors a skip of one of them. Not verified here: timestamps, headers, the age of
//! what is read.

mod anomaly;
mod cycles;
mod describe;
mod exactly_once;
mod facts;
mod groups;
mod index;
mod missing;
mod options;
mod places;
mod poll_order;
mod realtime;
mod send_order;
mod stream;
mod visibility;

use std::collections::BTreeMap;

use harrow_sim::history::{History, NEVER, ReadRecord};

pub(crate) use anomaly::Kind;
pub use anomaly::{Anomaly, Rules};
use facts::{Facts, Gap};
use index::Index;
pub use options::{LogFacts, Options};
pub use stream::{STREAMED, Stream, Ticket};

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
    pub circumstance: Circumstance,
    /// Of a cycle: its steps. The first begins where the last one ends.
    pub cycle: Vec<Step>,
}

/// What else is known about an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Circumstance {
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
    fn answer(operation: u32, offset: i64) -> Self {
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

/// What the checks found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Examined {
    /// In order of time; equal times in the order of [`Anomaly::ALL`].
    pub occurrences: Vec<Occurrence>,
    /// Acknowledged records that nobody read, and that nobody can miss: by partition and reason, how many.
    pub removed: BTreeMap<(u32, Removal), u64>,
}

/// Why a log need not have a record any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Removal {
    /// It is below the log start offset.
    Retention,
    /// A later record of its key is there.
    Compaction,
}

/// Applies the rules. The result is in order of time; equal times in the order of [`Anomaly::ALL`].
///
/// # Panics
/// If the history names a partition or group that it does not list.
pub fn check(history: &History, options: &Options) -> Vec<Occurrence> {
    examine(history, options).occurrences
}

/// The same, with what was legally removed.
///
/// # Panics
/// As [`check`].
pub fn examine(history: &History, options: &Options) -> Examined {
    let index = Index::new(history, options);
    let mut found = Found::new(options.rules);
    missing::check(&index, &mut found);
    places::check(&index, &mut found);
    send_order::check(&index, &mut found);
    realtime::check(&index, &mut found);
    poll_order::check(&index, &mut found);
    visibility::check(&index, &mut found);
    groups::check(&index, &mut found);
    exactly_once::check(&index, &mut found);
    cycles::check(&index, &mut found);
    found.list.sort_by_key(|o| (o.at_ns, o.anomaly, o.partition, o.subject.offset));
    Examined { occurrences: found.list, removed: found.removed }
}

/// Collects what the enabled rules find.
struct Found {
    rules: Rules,
    list: Vec<Occurrence>,
    /// What was passed over without a record in it, for those to whom it may still become known.
    gaps: Option<Vec<Gap>>,
    removed: BTreeMap<(u32, Removal), u64>,
}

impl Found {
    fn new(rules: Rules) -> Self {
        Self { rules, list: Vec::new(), gaps: None, removed: BTreeMap::new() }
    }

    /// Adds an occurrence; its times come from the operations concerned.
    fn add(
        &mut self,
        facts: &impl Facts,
        anomaly: Anomaly,
        partition: u32,
        subject: Observation,
        other: Option<Observation>,
    ) {
        self.add_with(facts, anomaly, partition, (subject, other), Circumstance::Plain);
    }

    /// The same, with a circumstance.
    fn add_with(
        &mut self,
        facts: &impl Facts,
        anomaly: Anomaly,
        partition: u32,
        (subject, other): (Observation, Option<Observation>),
        circumstance: Circumstance,
    ) {
        if self.rules.has(anomaly) {
            let plain = Occurrence::of(facts.history(), anomaly, partition, (subject, other));
            self.list.push(Occurrence { circumstance, ..plain });
        }
    }

    /// Adds the records that were passed over, as far as they are known.
    fn add_passed(&mut self, facts: &impl Facts, gap: Gap) {
        let Gap { anomaly, partition, end, subject, circumstance, .. } = gap;
        let first = gap.first.max(facts.options().log_start_offset(partition));
        if first >= end {
            return;
        }
        let passed = facts.records_in(&gap);
        if passed.is_empty() {
            self.gaps.iter_mut().for_each(|gaps| gaps.push(Gap { first, ..gap }));
        }
        for record in passed {
            self.add_with(facts, anomaly, partition, (subject, Some(record)), circumstance);
        }
    }
}

impl Occurrence {
    fn of(
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
        let (circumstance, cycle) = (Circumstance::Plain, Vec::new());
        Self { anomaly, partition, at_ns, since_ns, subject, other, circumstance, cycle }
    }
}

/// When an operation's answer was there; its invocation, if none ever came.
fn shown_at(history: &History, operation: u32) -> u64 {
    let row = history.row(operation);
    if row.completed_ns == NEVER { row.invoked_ns } else { row.completed_ns }
}
