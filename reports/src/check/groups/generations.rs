//! Who commits for a partition that is not theirs any more.
//!
//! In the classic protocol a group has one generation: who commits in an older one, after a newer one is known, is a
//! zombie. In the consumer protocol of KIP-848 each member has an epoch of its own, and may lag behind the group's: it
//! is a zombie once the partition was given to another one in a newer epoch, or once it has a newer epoch itself. A
//! group that a process joins in a lower generation than was known had been emptied and began anew. Who commits outside
//! of any generation (-1) does so for a group without members.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, Function, What};

use super::lives::Lives;
use crate::check::anomaly::Anomaly;
use crate::check::facts::Facts;
use crate::check::found::Found;
use crate::check::occurrence::Observation;

/// A generation and the operation that told of it.
type Known = (i64, u32);

/// What was known of generations, as calls began.
#[derive(Debug, Default)]
pub(super) struct Generations {
    /// So many operations had ended.
    answered: u32,
    /// By group.
    newest: BTreeMap<u32, Known>,
    /// By group and partition: the newest epoch in which it was given to a member.
    given: BTreeMap<(u32, u32), Known>,
    /// By group and process.
    own: BTreeMap<(u32, u32), Known>,
    lives: Lives,
}

impl Generations {
    /// Takes the next operation in order of invocation, by a member of a group.
    pub(super) fn take(
        &mut self,
        facts: &impl Facts,
        found: &mut Found,
        operation: u32,
        member: Option<(u32, i64)>,
    ) {
        let row = facts.row(operation);
        let rows = facts.history().rows();
        while let Some(earlier) = rows.get(self.answered as usize)
            && earlier.completed_ns < row.invoked_ns
        {
            self.learn(facts, self.answered);
            self.answered += 1;
        }
        let member = member.filter(|(_, generation)| *generation >= 0);
        let Some((group, generation)) = member.filter(|_| row.completion == Completion::Ok) else {
            return;
        };
        for what in facts.history().details_of(operation) {
            let Some((partition, offset)) = committed(facts, operation, what) else { continue };
            let newer = self.newer(facts, (group, partition, row.process));
            if let Some((_, by)) = newer.filter(|(newer, _)| *newer > generation) {
                let (returned, other) =
                    (Observation::answer(operation, offset), Observation::answer(by, -1));
                found.add(facts, Anomaly::ZombieCommit, partition, returned, Some(other));
            }
        }
    }

    /// The generation that a member must be in to commit.
    fn newer(
        &self,
        facts: &impl Facts,
        (group, partition, process): (u32, u32, u32),
    ) -> Option<Known> {
        let options = facts.options();
        let name = facts.history().groups.get(group as usize);
        if !options.member_epochs || name.is_some_and(|name| options.classic_groups.contains(name))
        {
            return self.newest.get(&group).copied();
        }
        let given = self.given.get(&(group, partition)).copied();
        let given = given.filter(|(_, by)| facts.row(*by).process != process);
        given.max(self.own.get(&(group, process)).copied())
    }

    /// The coordinator's answer to a join or a commit shows in which generation a group was.
    fn learn(&mut self, facts: &impl Facts, operation: u32) {
        let row = facts.row(operation);
        self.lives.take(row);
        let joined = row.function == Function::Join;
        if row.completion != Completion::Ok || !joined && row.function != Function::Commit {
            return;
        }
        let Some((group, generation)) = facts.history().member(operation) else { return };
        if joined {
            self.lives.join(row, group, generation);
        }
        // What is told late may be of a life that is over.
        if self.lives.may_be_past(group, row.invoked_ns) {
            return;
        }
        let returned = (generation, operation);
        // Who was told of a higher one before this join began knew a group that is no more.
        let reborn = |known: &Known| joined && facts.row(known.1).completed_ns < row.invoked_ns;
        let raise = |known: &mut Known| {
            if known.0 < generation || reborn(known) {
                *known = returned;
            }
        };
        self.newest.entry(group).and_modify(raise).or_insert(returned);
        if !joined {
            return;
        }
        self.own.entry((group, row.process)).and_modify(raise).or_insert(returned);
        for what in facts.history().details_of(operation) {
            if let What::Assigned { partition } = what {
                self.given.entry((group, partition)).and_modify(raise).or_insert(returned);
            }
        }
    }
}

/// Partition and offset that an operation commits for its group. A transaction must say itself as which member it does:
/// it may have been told a group alone (KIP-447).
fn committed(facts: &impl Facts, operation: u32, what: What) -> Option<(u32, i64)> {
    match what {
        What::Committed { partition, offset } => Some((partition, offset)),
        // Who processes without a transaction commits afterwards.
        What::Consumed { .. } if facts.row(operation).function == Function::Send => None,
        What::Consumed { partition, last, .. } => {
            facts.history().member(operation)?;
            Some((partition, last.saturating_add(1)))
        }
        What::Assigned { .. }
        | What::EndOffset { .. }
        | What::Fetched { .. }
        | What::Rebalanced { .. }
        | What::Seek { .. }
        | What::Member { .. } => None,
    }
}
