//! Whose commits are taken.
//!
//! Promise: a coordinator takes a commit of a member in the present generation of its group, or in the member's present
//! epoch, and of no other: whoever got its partitions since goes on from the commit. Source: KIP-98, KIP-447, KIP-848;
//! `ClassicGroup.validateOffsetCommit`, `ConsumerGroup.validateOffsetCommit`.
//! What is known of a group is what the coordinator that loaded it last has said. What a deposed coordinator that has
//! not heard of it takes does not count, see `coordinators`.
//! Not verified: commits of no generation; which partitions a member commits for; generations that are still to come.

use std::collections::BTreeMap;

use harrow_broker_model::types::TopicPartition;

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const STALE: Anomaly = Anomaly {
    name: "stale-commit-accepted",
    guarantee: Guarantee::Offsets,
    meaning: "a coordinator took a commit of a generation, or of a member's epoch, that was over",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "commit-fencing",
    promise: "only members of the present generation, or in their present epoch, commit",
    source: "KIP-447, KIP-848, validateOffsetCommit",
    leaves_out: "commits of no generation, and for partitions that a member does not have",
    anomalies: &[STALE],
};

/// The newest generation of each classic group.
#[derive(Debug, Default)]
pub(super) struct Commits {
    generations: BTreeMap<String, i32>,
}

/// A commit that was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    pub(super) group: &'a str,
    pub(super) member: &'a str,
    pub(super) generation: i32,
    pub(super) partitions: &'a [TopicPartition],
}

impl Commits {
    /// A coordinator knows these groups from now on.
    pub(super) fn on_loaded(&mut self, groups: &[(String, i32)]) {
        for (group, generation) in groups {
            self.generations.insert(group.clone(), *generation);
        }
    }

    /// A classic group has another generation.
    pub(super) fn on_generation(&mut self, group: &str, generation: i32) {
        self.generations.insert(group.to_owned(), generation);
    }

    /// What was known of these groups does not count any more: another coordinator has them, or their members have
    /// epochs of their own from now on.
    pub(super) fn forget(&mut self, is_one: impl Fn(&str) -> bool) {
        self.generations.retain(|group, _| !is_one(group));
    }

    /// A commit is taken. `epoch` is that of its member, if the group is one of the consumer protocol and it is known.
    pub(super) fn on_taken(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        taken: Taken<'_>,
        epoch: Option<i32>,
    ) {
        let present = epoch.or_else(|| self.generations.get(taken.group).copied());
        let Some(present) = present.filter(|present| taken.generation < *present) else { return };
        let Taken { group, member, generation, partitions } = taken;
        for partition in partitions {
            findings.report(context, &STALE, *partition, || {
                format!(
                    "group {group}: of {member} in {generation}, when {present} was the present one"
                )
            });
        }
    }
}
