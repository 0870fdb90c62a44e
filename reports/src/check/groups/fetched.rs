//! What a coordinator tells of committed offsets: an acknowledged commit is told to whoever asks after it.
//!
//! A call asks at any time until it ends: what is committed meanwhile, further back, may be what it was told. Not
//! verified: that nothing is told which nobody has committed.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, What};

use super::commits::{Commit, Committed};
use crate::check::anomaly::Anomaly;
use crate::check::facts::Facts;
use crate::check::found::Found;
use crate::check::occurrence::Observation;

/// By group and partition.
type Place = (u32, u32);

/// Answers that tell less than was committed, of calls that others' commits may yet explain.
#[derive(Debug, Default)]
pub(super) struct FetchedOffsets {
    waiting: Vec<Fetched>,
}

#[derive(Debug, Clone, Copy)]
struct Fetched {
    place: Place,
    /// The next offset, or -1 for none.
    told: i64,
    operation: u32,
    until_ns: u64,
    /// The lowest commit that may have been in force.
    commit: Commit,
}

impl FetchedOffsets {
    /// Somebody asks where a group stands.
    pub(super) fn take(
        &mut self,
        facts: &impl Facts,
        operation: u32,
        group: Option<u32>,
        committed: &BTreeMap<Place, Committed>,
    ) {
        let row = facts.row(operation);
        let Some(group) = group.filter(|_| row.completion == Completion::Ok) else { return };
        for what in facts.history().details_of(operation) {
            let What::Fetched { partition, offset } = what else { continue };
            let (place, told) = ((group, partition), offset.unwrap_or(-1));
            let commits = committed.get(&place);
            let nearest = commits.and_then(|commits| commits.nearest_in_force(row.invoked_ns));
            if let Some(commit) = nearest.filter(|commit| told < commit.offset) {
                let until_ns = row.completed_ns;
                self.waiting.push(Fetched { place, told, operation, until_ns, commit });
            }
        }
    }

    /// Somebody commits while calls last.
    pub(super) fn overtake(&mut self, place: Place, offset: i64) {
        self.waiting.retain(|fetched| fetched.place != place || fetched.told < offset);
    }

    /// All operations that began before this time were taken.
    pub(super) fn settle(&mut self, facts: &impl Facts, found: &mut Found, now_ns: u64) {
        let ended = |fetched: &Fetched| fetched.until_ns <= now_ns;
        let (ended, open) = self.waiting.drain(..).partition(ended);
        self.waiting = open;
        let ended: Vec<Fetched> = ended;
        for Fetched { place: (_, partition), told, operation, commit, .. } in ended {
            let subject = Observation::answer(operation, told);
            let other = Observation::answer(commit.operation, commit.offset);
            found.add(facts, Anomaly::LostCommit, partition, subject, Some(other));
        }
    }
}
