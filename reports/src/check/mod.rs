//! Black-box checks: what clients were promised, judged from what they asked and were told, and nothing else. They
//! work the same on a history of a real cluster.
//!
//! | file | promise |
//! |---|---|
//! | `missing` | an acknowledged record is there: lost-write, unseen |
//! | `places` | one offset, one record, once: duplicate, inconsistent-offsets |
//! | `send_order` | a producer's records keep their order: nonmonotonic-send, int-nonmonotonic-send |
//! | `realtime` | time orders offsets: realtime-order, end-offset-regression |
//! | `poll_order` | consumers move forward without gaps: (int-)nonmonotonic-poll, (int-)poll-skip |
//! | `visibility` | only what was sent and committed is read: garbage-read, G1a, precommitted-read |
//!
//! A check says what is there; whether that is legal is the policy's business. An unknown outcome is never treated as
//! absent. Not verified here: consumer groups, dependency cycles, retention and compaction beyond a log start that
//! the caller states, timestamps, headers and keys.

mod anomaly;
mod describe;
mod index;
mod missing;
mod places;
mod poll_order;
mod realtime;
mod send_order;
mod visibility;

use harrow_sim::history::{Completion, History, NEVER};

pub use anomaly::{Anomaly, Rules};
use index::{Index, Placement, Read, Write};

/// What the checks are told besides the history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Rules to apply.
    pub rules: Rules,
    /// Log starts that retention or `DeleteRecords` has legally reached, by position of the partition.
    pub log_start_offsets: Vec<(u32, i64)>,
}

/// One anomaly, seen once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// What.
    pub anomaly: Anomaly,
    /// Where, by position in the history.
    pub partition: u32,
    /// When it showed: true time in nanoseconds.
    pub at_ns: u64,
    /// When the oldest write or call concerned was invoked: what happened before cannot be its cause.
    pub since_ns: u64,
    /// The record or answer at fault.
    pub subject: Witness,
    /// What it is at odds with.
    pub other: Option<Witness>,
    /// For poll anomalies: the offsets are in order, and only a second copy of a record makes it one.
    pub through_duplicate: bool,
}

/// A record, or an end offset, as one operation stated it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    /// Its value; 0 for an end offset.
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

/// Applies the rules. The result is in order of time; equal times in the order of [`Anomaly::ALL`].
///
/// # Panics
/// If the history names a partition that it does not list, or is longer than 2^32 operations or reads.
pub fn check(history: &History, options: &Options) -> Vec<Occurrence> {
    let index = Index::new(history, &options.log_start_offsets);
    let mut found = Found { rules: options.rules, list: Vec::new() };
    missing::check(&index, &mut found);
    places::check(&index, &mut found);
    send_order::check(&index, &mut found);
    realtime::check(&index, &mut found);
    poll_order::check(&index, &mut found);
    visibility::check(&index, &mut found);
    found.list.sort_by_key(|o| (o.at_ns, o.anomaly, o.partition, o.subject.offset));
    found.list
}

/// Collects what the enabled rules find.
struct Found {
    rules: Rules,
    list: Vec<Occurrence>,
}

impl Found {
    /// Adds an occurrence; its times come from the operations concerned.
    fn add(
        &mut self,
        index: &Index<'_>,
        anomaly: Anomaly,
        partition: u32,
        subject: Witness,
        other: Option<Witness>,
    ) {
        if !self.rules.has(anomaly) {
            return;
        }
        let witnesses = [Some(subject), other];
        let concerned = || witnesses.iter().flatten();
        let at_ns = concerned().map(|w| shown_at(index, w.operation)).max().unwrap_or(0);
        let origins = concerned().flat_map(|w| [Some(w.operation), w.writer]).flatten();
        let since_ns = origins.map(|o| index.operation(o).invoked_ns).min().unwrap_or(0);
        let through_duplicate = false;
        let occurrence =
            Occurrence { anomaly, partition, at_ns, since_ns, subject, other, through_duplicate };
        self.list.push(occurrence);
    }
}

/// When an operation's answer was there; its invocation, if none ever came.
fn shown_at(index: &Index<'_>, operation: u32) -> u64 {
    let record = index.operation(operation);
    if record.completed_ns == NEVER { record.invoked_ns } else { record.completed_ns }
}

impl Write {
    fn witness(&self) -> Witness {
        Witness {
            value: self.value,
            offset: self.offset.unwrap_or(-1),
            operation: self.operation,
            writer: Some(self.operation),
            read: self.read,
        }
    }
}

impl Index<'_> {
    fn witness_read(&self, read: &Read) -> Witness {
        let writer = self.writer(read.writer).map(|write| write.operation);
        let Read { value, offset, operation, .. } = *read;
        Witness { value, offset, operation, writer, read: true }
    }

    fn witness_placement(&self, place: &Placement) -> Witness {
        let writer = self.writer(place.writer);
        Witness {
            value: place.value,
            offset: place.offset,
            operation: place.operation,
            writer: writer.map(|write| write.operation),
            read: writer.is_none_or(|write| write.read),
        }
    }
}

/// Whether an operation is known to have happened.
fn happened(completion: Completion) -> bool {
    completion == Completion::Ok
}
