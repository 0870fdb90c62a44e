//! Whether a group's offsets may have expired: who was a member when, as far as the history tells.
//!
//! Offsets of a classic group expire when nobody was a member for `offsets.retention.minutes`. In the consumer protocol
//! they expire when they were committed so long ago, at any time at which no member reads their topic. Sources:
//! KIP-211; `ClassicGroup.offsetExpirationCondition`, `ConsumerGroup.offsetExpirationCondition`.
//!
//! Only what a coordinator has a part in shows that a member lives: a join, a poll or a commit that succeeds. Who
//! subscribes asks nobody yet, and is refused as long as another one has its `group.instance.id`. Not verified: which
//! topics a member reads.

use std::collections::{BTreeMap, BTreeSet};

use harrow_sim::history::{Completion, Function, History, Row, What};

use super::reason::Reason;
use super::terms::Terms;
use crate::check::Occurrence;

impl Terms {
    /// Whether the commit that an occurrence is about may have expired before it was missed.
    pub(super) fn may_expire_after(&self, history: &History, occurrence: &Occurrence) -> bool {
        let Some(commit) = occurrence.other else { return true };
        let to = occurrence.at_ns;
        // It was there from some time on while it was asked for.
        let invoked_ns = history.row(commit.operation).invoked_ns;
        let from = invoked_ns.min(to);
        let quiet_ns = match group_of(history, commit.operation) {
            None => to.saturating_sub(from),
            Some(group) if self.may_outlive_members(history, group, (|| invoked_ns, to)) => {
                return true;
            }
            Some(group) => {
                let mut times = signs_of_life(history, group, (from, to));
                times.extend([from, to]);
                longest_gap(times)
            }
        };
        quiet_ns >= self.offsets_retention_ns
    }

    /// Whether what a group had committed of a partition may have expired before a member began there.
    pub(super) fn may_expire_before(
        &self,
        history: &History,
        group: u32,
        occurrence: &Occurrence,
    ) -> bool {
        let to = occurrence.at_ns;
        let quiet_ns = longest_gap(signs_of_life(history, group, (0, to)));
        let committed_ns = || last_commit_ns(history, group, (occurrence.partition, to));
        quiet_ns >= self.offsets_retention_ns
            || self.may_outlive_members(history, group, (committed_ns, to))
    }

    /// Whether what a group had committed at the first of these times, or shortly before, may have expired by the
    /// second.
    pub(super) fn may_expire_between(
        &self,
        history: &History,
        group: u32,
        (from, to): (u64, u64),
    ) -> bool {
        let signs = signs_of_life(history, group, (0, to));
        let before = signs.iter().filter(|at| **at <= from).max().copied();
        let times = signs.iter().filter(|at| **at > from).copied();
        let times = times.chain([before.unwrap_or(from), to]).collect();
        longest_gap(times) >= self.offsets_retention_ns
            || self.may_outlive_members(history, group, (|| from, to))
    }

    /// Why generations may begin again: with its last offset a group goes that has no members (KIP-211).
    pub(super) fn reborn(&self, history: &History, occurrence: &Occurrence) -> Option<Reason> {
        let group = group_of(history, occurrence.subject.operation)?;
        let known_ns = history.row(occurrence.other?.operation).invoked_ns;
        let expired = self.may_expire_between(history, group, (known_ns, occurrence.at_ns));
        expired.then(|| {
            Reason::plain("offsets.retention.minutes: the group may have expired, and begun anew")
        })
    }

    /// Whether a commit may have been older than offsets are kept while nobody was a member, where its own age counts.
    fn may_outlive_members(
        &self,
        history: &History,
        group: u32,
        (committed_ns, to): (impl Fn() -> u64, u64),
    ) -> bool {
        let name = history.groups.get(group as usize);
        let by_age = self.member_epochs && name.is_none_or(|it| !self.classic_groups.contains(it));
        let since = || committed_ns().saturating_add(self.offsets_retention_ns);
        by_age && may_be_empty(history, group, (since(), to))
    }
}

/// The group that an operation acted for: as it says, or as its process's last join made it.
pub(super) fn group_of(history: &History, operation: u32) -> Option<u32> {
    let own = history.row(operation);
    let joined = || {
        let mut before = (0..operation).filter(|earlier| {
            let row = history.row(*earlier);
            row.process == own.process && row.function == Function::Join
        });
        before.next_back().and_then(|join| history.member(join))
    };
    history.member(operation).or_else(joined).map(|(group, _)| group)
}

/// Who ever joined a group.
pub(super) fn members(history: &History, group: u32) -> BTreeSet<u32> {
    let rows = (0_u32..).zip(history.rows()).filter(|(_, row)| row.function == Function::Join);
    let joins = rows.filter(|(join, _)| joins(history, *join, group));
    joins.map(|(_, row)| row.process).collect()
}

/// When anybody was told anything as a member of a group, in this time.
fn signs_of_life(history: &History, group: u32, (from, to): (u64, u64)) -> Vec<u64> {
    let spans = memberships(history, group).into_iter();
    spans.map(|(_, until)| until).filter(|at| (from..to).contains(at)).collect()
}

fn acts_as_member(function: Function) -> bool {
    matches!(function, Function::Poll | Function::Commit | Function::Txn)
}

fn longest_gap(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
}

/// When a group last committed of a partition before a time; 0 if it never did.
pub(super) fn last_commit_ns(
    history: &History,
    group: u32,
    (partition, before_ns): (u32, u64),
) -> u64 {
    let commits = (0_u32..).zip(history.rows()).filter(|(operation, row)| {
        row.completion == Completion::Ok
            && row.completed_ns <= before_ns
            && history.details_of(*operation).any(|what| commits(what, partition))
            && group_of(history, *operation) == Some(group)
    });
    commits.map(|(_, row)| row.invoked_ns).max().unwrap_or(0)
}

fn commits(what: What, partition: u32) -> bool {
    match what {
        What::Committed { partition: of, .. } | What::Consumed { partition: of, .. } => {
            of == partition
        }
        What::Assigned { .. }
        | What::EndOffset { .. }
        | What::Fetched { .. }
        | What::Rebalanced { .. }
        | What::Seek { .. }
        | What::Member { .. } => false,
    }
}

/// Whether there may have been a time between at which a group had no member.
fn may_be_empty(history: &History, group: u32, (from, to): (u64, u64)) -> bool {
    let mut spans = memberships(history, group);
    spans.sort_unstable();
    let mut covered = from;
    for (since, until) in spans {
        if since > covered {
            break;
        }
        covered = covered.max(until);
    }
    covered < to
}

/// From when until when somebody surely was a member: from a join on, which is a span of its own, as long as calls
/// succeed, until the next join or whatever ends it. Who is thrown out polls on until it hears of that: what it did
/// since it last joined or committed proves nothing then. Nor does it where somebody leaves or crashes, who need not
/// have heard of it yet, nor do polls of who has no partitions, or has given up all: it has nothing that it could be
/// told to have lost.
fn memberships(history: &History, group: u32) -> Vec<(u64, u64)> {
    let (mut spans, mut members) = (Vec::new(), BTreeMap::<u32, Membership>::new());
    for (operation, row) in (0_u32..).zip(history.rows()) {
        let is_ok = row.completion == Completion::Ok;
        let details = || history.details_of(operation);
        if acts_as_member(row.function) {
            if details().any(|what| matches!(what, What::Rebalanced { lost: true, .. })) {
                members.remove(&row.process);
            } else if let Some(member) = members.get_mut(&row.process) {
                member.give_up(details());
                if is_ok {
                    member.act(row, &mut spans);
                }
            }
        } else if row.function == Function::Join && is_ok && joins(history, operation, group) {
            spans.push((row.completed_ns, row.completed_ns));
            let joined = Membership::of(row.completed_ns, details());
            let before = members.insert(row.process, joined);
            spans.extend(before.into_iter().flat_map(|member| member.unproved));
        } else if !matches!(row.function, Function::Send | Function::List) {
            members.remove(&row.process);
        }
    }
    spans.extend(members.into_values().flat_map(|member| member.unproved));
    spans
}

fn joins(history: &History, operation: u32, group: u32) -> bool {
    history.member(operation).is_some_and(|it| it.0 == group)
}

/// A process that has joined.
struct Membership {
    known_ns: u64,
    /// Its partitions.
    has: BTreeSet<u32>,
    /// Spans of polls alone, which nobody but the member itself answers.
    unproved: Vec<(u64, u64)>,
}

impl Membership {
    fn of(known_ns: u64, given: impl Iterator<Item = What>) -> Self {
        let given = given.filter_map(|what| {
            if let What::Assigned { partition } = what { Some(partition) } else { None }
        });
        Self { known_ns, has: given.collect(), unproved: Vec::new() }
    }

    fn give_up(&mut self, taken: impl Iterator<Item = What>) {
        for what in taken {
            if let What::Rebalanced { partition, .. } = what {
                self.has.remove(&partition);
            }
        }
    }

    fn act(&mut self, row: &Row, spans: &mut Vec<(u64, u64)>) {
        let span = (self.known_ns, row.completed_ns);
        self.known_ns = row.completed_ns;
        if row.function != Function::Poll {
            spans.append(&mut self.unproved);
            spans.push(span);
        } else if !self.has.is_empty() {
            self.unproved.push(span);
        }
    }
}
