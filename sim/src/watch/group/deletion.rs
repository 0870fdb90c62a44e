//! Which groups go, and what goes with them.
//!
//! Promise: an administrator deletes a group only while it has no members: else what these are to go on from is gone.
//! And its offsets go with it: whoever uses its name later begins as in a new group, and is told none of them.
//! Source: KIP-229; `ClassicGroup.validateDeleteGroup`, `ConsumerGroup.validateDeleteGroup`,
//! `OffsetMetadataManager.deleteAllOffsets`.
//! A group is deleted once that is committed. What a deposed coordinator says that has not heard of it does not count.
//! An offset that is told is an old one if nobody has asked to commit there since the deletion was asked for, and no
//! commit that came before was open by then.
//! Not verified: members that hold nothing; anything once somebody has asked in bytes, as applications do; groups for
//! which transactions commit; offsets that need not be stable, told by who has loaded the group since; a second
//! deletion of a name.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::proto::OffsetFetchResponse;
use harrow_broker_model::types::{NodeId, TopicPartition};

use super::questions::{Commit, Place, Questions};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place as Whereabouts};

const ACTIVE: Anomaly = Anomaly {
    name: "active-group-deleted",
    guarantee: Guarantee::Offsets,
    meaning: "a group was deleted while members of it held partitions",
};

const TOLD: Anomaly = Anomaly {
    name: "deleted-offset-told",
    guarantee: Guarantee::Offsets,
    meaning: "a coordinator told an offset that was committed before its group was deleted",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "group-deletion",
    promise: "only a group without members is deleted, and its offsets go with it",
    source: "KIP-229, OffsetMetadataManager.deleteAllOffsets",
    leaves_out: "members that hold nothing; groups for which transactions commit; offsets that need not be stable, of \
                 another coordinator",
    anomalies: &[ACTIVE, TOLD],
};

/// A group that is to be deleted, or is.
#[derive(Debug)]
struct Deletion {
    /// Where somebody may have committed since it was asked for.
    touched: BTreeSet<Place>,
    /// After which question it was done; none before.
    done_after: Option<u64>,
    /// Who did it, until that reads the group anew.
    by: Option<NodeId>,
}

/// An answer that tells offsets, and the number of its question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) number: u64,
    pub(super) stable: bool,
    pub(super) response: &'a OffsetFetchResponse,
}

/// Groups that were to be deleted.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    groups: BTreeMap<String, Deletion>,
    /// Groups for which transactions commit.
    in_transactions: BTreeSet<String>,
}

impl Deletions {
    /// Groups are to be deleted.
    pub(super) fn on_asked(&mut self, groups: &[String], questions: &Questions) {
        for group in groups {
            self.groups.entry(group.clone()).or_insert_with(|| Deletion {
                touched: questions.committing(group).cloned().collect(),
                done_after: None,
                by: None,
            });
        }
    }

    /// Somebody wants to commit.
    pub(super) fn on_commits(&mut self, commit: &Commit) {
        if commit.is_transactional && !self.in_transactions.contains(&commit.group) {
            self.in_transactions.insert(commit.group.clone());
        }
        if let Some(deletion) = self.groups.get_mut(&commit.group) {
            deletion.touched.extend(commit.places.iter().cloned());
        }
    }

    /// A group is deleted; of which a member holds something, if so.
    pub(super) fn on_deleted(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (group, last_question): (&str, u64),
        held: Option<(&str, TopicPartition)>,
    ) {
        if let Some(deletion) = self.groups.get_mut(group) {
            deletion.done_after.get_or_insert(last_question);
            deletion.by = Some(context.node);
        }
        let Some((member, partition)) = held else { return };
        findings.report(context, &ACTIVE, partition, || {
            format!("group {group} is deleted; {member} holds it")
        });
    }

    /// A node reads groups anew, or starts anew.
    pub(super) fn forget_who(&mut self, node: NodeId) {
        for deletion in self.groups.values_mut().filter(|it| it.by == Some(node)) {
            deletion.by = None;
        }
    }

    /// A coordinator tells offsets of groups; `counts` says of which its word counts.
    pub(super) fn on_told(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        told: Told<'_>,
        counts: impl Fn(&str) -> bool,
    ) {
        if self.groups.is_empty() {
            return;
        }
        for answer in told.response.groups.iter().filter(|answer| answer.error_code == 0) {
            let group = answer.group_id.as_str();
            let Some(deletion) = self.groups.get(group) else { continue };
            let after = deletion.done_after.is_some_and(|done| told.number > done);
            let knows = told.stable || deletion.by == Some(context.node);
            if !after || !knows || self.in_transactions.contains(group) || !counts(group) {
                continue;
            }
            for topic in &answer.topics {
                for one in topic.partitions.iter().filter(|one| one.committed_offset >= 0) {
                    let place = (topic.name.0.to_string(), one.partition_index);
                    if one.error_code == 0 && !deletion.touched.contains(&place) {
                        report(context, findings, group, (&place, one.committed_offset));
                    }
                }
            }
        }
    }
}

fn report(
    context: &Context<'_>,
    findings: &mut Findings,
    group: &str,
    ((topic, partition), offset): (&Place, i64),
) {
    findings.report(context, &TOLD, Whereabouts::CLUSTER, || {
        format!("group {group} was deleted; offset {offset} of {topic}-{partition} is told")
    });
}
