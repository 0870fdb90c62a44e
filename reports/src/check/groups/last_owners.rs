//! Who had a partition last: a member that gets it again, which nobody else had in between, may go on where it stood.
//!
//! Joins are taken in the order in which they began, and one may end, or be told of, long after, in a later or an older
//! generation than others that began before it. So generations say who was before whom, as long as the group lives
//! ([`Lives`]). Where it may have been born again, both are accepted.

use std::collections::BTreeMap;

use harrow_sim::history::Row;

use super::lives::{Lives, forget_oldest};

/// Of so many generations it is remembered who got a partition.
const GENERATIONS_MAX: usize = 8;

/// Who got a partition.
#[derive(Debug, Clone, Copy)]
struct Owner {
    process: u32,
    /// When its join began, and ended.
    joined_ns: (u64, u64),
}

/// Who got which partition in which generation.
#[derive(Debug, Default)]
pub(super) struct LastOwners {
    /// By group and partition, and then by generation.
    owners: BTreeMap<(u32, u32), BTreeMap<i64, Owner>>,
    lives: Lives,
}

/// A process gets a partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) group: u32,
    pub(super) partition: u32,
    pub(super) generation: i64,
    /// The join that gives it.
    pub(super) row: &'a Row,
}

impl LastOwners {
    /// A process does something: it may leave its group.
    pub(super) fn take(&mut self, row: &Row) {
        self.lives.take(row);
    }

    /// A process joins a group, and is given partitions next.
    pub(super) fn join(&mut self, row: &Row, group: u32, generation: i64) {
        self.lives.join(row, group, generation);
    }

    /// Whether a process that gets a partition was the last that got it before.
    pub(super) fn give(&mut self, given: Given<'_>) -> bool {
        let (group, generation, process) = (given.group, given.generation, given.row.process);
        let (owners, lives) =
            (self.owners.entry((group, given.partition)).or_default(), &self.lives);
        owners.retain(|_, owner| !lives.is_past(group, owner.joined_ns.1));
        let before = || owners.range(..generation).rev().map(|(_, owner)| owner);
        let surely = before().find(|owner| !lives.is_doubtful(group, owner.joined_ns.0));
        let was_last = [before().next(), surely];
        let was_last = was_last.into_iter().flatten().any(|owner| owner.process == process);
        let joined_ns = (given.row.invoked_ns, given.row.completed_ns);
        let owner = Owner { process, joined_ns };
        let again = owners.insert(generation, owner).map(|it| it.process) == Some(process);
        forget_oldest(owners, GENERATIONS_MAX, |owner| owner.joined_ns.1);
        again || was_last
    }
}
