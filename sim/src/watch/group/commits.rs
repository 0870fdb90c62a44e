//! Whose commits are taken.
//!
//! Promise: a coordinator takes a commit of a member in the present generation of its group, or in the member's present
//! epoch, and of no other: whoever got its partitions since goes on from the commit. One that names no generation, an
//! administrator's mostly, is taken only while the group has no members. And a commit that is in the present generation
//! of a classic group is not refused for its generation, nor for a rebalance unless the group waits for its leader's
//! assignment: who gives partitions up commits them before. Source: KIP-98, KIP-447, KIP-848;
//! `ClassicGroup.validateOffsetCommit`, `ConsumerGroup.validateOffsetCommit`.
//! What is known of a group is what the coordinator that loaded it last has said. What a deposed coordinator that has
//! not heard of it takes does not count, see `coordinators`. A group has members when a commit is handled if it has had
//! them without a break since before it came, until it was answered.
//! Not verified: commits of no generation in transactions, which old producers make, and in classic groups of which
//! their coordinator has said nothing since it loaded them; which partitions a member commits for; generations that are
//! still to come; refusals in the consumer protocol, where a member's epoch is known once it is committed.

use std::collections::BTreeMap;

use harrow_broker_model::note::ClassicGroupState;
use harrow_broker_model::proto::ErrorCode;
use harrow_broker_model::types::TopicPartition;

use super::classic_states::Known;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const STALE: Anomaly = Anomaly {
    name: "stale-commit-accepted",
    guarantee: Guarantee::Offsets,
    meaning: "a coordinator took a commit of a generation, or of a member's epoch, that was over",
};

const FOREIGN: Anomaly = Anomaly {
    name: "foreign-commit-accepted",
    guarantee: Guarantee::Offsets,
    meaning: "a coordinator took a commit of no generation for a group that had members",
};

const REFUSED: Anomaly = Anomaly {
    name: "valid-commit-refused",
    guarantee: Guarantee::Liveness,
    meaning: "a coordinator refused a commit for the state of its group, in which it had to take it",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "commit-fencing",
    promise: "members of the present generation, or in their present epoch, commit, and nobody else",
    source: "KIP-447, KIP-848, validateOffsetCommit",
    leaves_out: "commits of no generation in transactions, commits for partitions that a member does not have, and \
                 refusals in the consumer protocol",
    anomalies: &[STALE, FOREIGN, REFUSED],
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

    /// A commit of a generation is refused by the coordinator of a classic group, whose state is known.
    pub(super) fn on_refused(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        (group, generation): (&str, i32),
        (error, state): (ErrorCode, Known),
    ) {
        let is_present = self.generations.get(group) == Some(&generation);
        let why = if error == ErrorCode::RebalanceInProgress
            && state != Known::Said(ClassicGroupState::CompletingRebalance)
        {
            "for a rebalance, and no assignment is waited for"
        } else if error == ErrorCode::IllegalGeneration && is_present {
            "for its generation, which is the present one"
        } else {
            return;
        };
        findings.report(context, &REFUSED, Place::CLUSTER, || {
            format!("group {group}: a commit in generation {generation} is refused {why}")
        });
    }
}

/// A commit of no generation is taken, though a group has had members all the time.
pub(super) fn on_foreign(context: &Context<'_>, findings: &mut Findings, group: &str) {
    findings.report(context, &FOREIGN, Place::CLUSTER, || {
        format!("group {group} has members, and a commit of no generation counts")
    });
}
