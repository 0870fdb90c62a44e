//! Black-box checks: what clients were promised, judged from what they asked and were told, and nothing else. They
//! work the same on a history of a real cluster.
//!
//! | file | promise |
//! |---|---|
//! | `missing` | what is acknowledged is there, whole: lost-write, unseen, torn-transaction |
//! | `places` | one offset, one record, once: duplicate, inconsistent-offsets |
//! | `send_order` | a producer's records keep their order: (int-)nonmonotonic-send, int-send-skip |
//! | `realtime` | time orders offsets: realtime-order, end-offset-regression, stale-end-offset |
//! | `poll_order` | consumers move forward without gaps: (int-)nonmonotonic-poll, (int-)poll-skip |
//! | `visibility` | only what was sent and committed is read: garbage-read, G1a, precommitted-read |
//! | `groups` | a group goes on where it was: lost-commit, resume-skip, zombie-commit, double-ownership, ... |
//! | `exactly_once` | each input is processed once, and in time: eos-duplicate, eos-loss, late-processing |
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
#[cfg(test)]
mod deleted_tests;
mod describe;
mod exactly_once;
mod facts;
mod found;
mod gap;
mod groups;
mod index;
mod lag;
mod missing;
mod occurrence;
mod options;
mod places;
mod poll_order;
mod realtime;
#[cfg(test)]
mod recreated_tests;
mod send_order;
mod stream;
mod visibility;

use std::collections::BTreeMap;

use harrow_sim::history::History;

pub(crate) use anomaly::Kind;
pub use anomaly::{Anomaly, Rules};
use found::Found;
use index::Index;
pub use lag::{Lag, longest_lag};
pub use occurrence::{Dependency, Observation, Occurrence, OccurrenceContext, Passed, Step};
pub(crate) use options::recreated;
pub use options::{LogFacts, LogPast, Options, Removal};
pub use stream::{STREAMED, Stream, Ticket};

/// What the checks found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Examined {
    /// In order of time; equal times in the order of [`Anomaly::ALL`].
    pub occurrences: Vec<Occurrence>,
    /// Acknowledged records that nobody read, and that nobody can miss: by partition and reason, how many.
    pub removed: BTreeMap<(u32, Removal), u64>,
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
