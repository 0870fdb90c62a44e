//! Promises: a member that gets a partition goes on where its group has committed; only members of the present
//! generation commit, and no further than they have come; in one generation a partition has one owner. Sources: KIP-62,
//! KIP-848 (`NoDoubleClientAssignment`); Kafka's `verifiable_consumer.py`; Redpanda's `rw_subscribe`. Jepsen leaves all
//! of it open.
//!
//! Commits of unknown outcome, and those that overlap a join, may count or not: both are accepted. What a transaction
//! has consumed it commits. A member that gets a partition again, which nobody else had in between, may go on where it
//! stood itself, as with cooperative rebalancing. Where a consumer starts when its group has committed nothing depends
//! on
//! `auto.offset.reset`, which the policy weighs. A commit may lie behind holes that transactions and compaction leave.
//! Not verified: that commits survive; who is a leader; where a partition goes on that was rebalanced inside a poll.

use std::collections::{BTreeMap, BTreeSet};

use harrow_sim::history::{Completion, Function, History, NEVER, Row, What};

use super::index::{Index, ReadId};
use super::{Anomaly, Circumstance, Facts, Found, Gap, Witness};

/// So many commits of a partition are kept before those that were surely replaced are folded into one.
const COMMITS_MAX: usize = 64;

/// A group's commit of one partition.
#[derive(Debug, Clone, Copy)]
struct Commit {
    offset: i64,
    invoked_ns: u64,
    /// When it was surely done; [`NEVER`] if nobody knows.
    done_ns: u64,
}

/// What a group has committed of one partition.
#[derive(Debug, Default)]
struct Committed {
    /// Those that may be in force.
    commits: Vec<Commit>,
    highest: i64,
}

/// What a process has read of a partition since it got it: how far it may have come, as the next offset.
#[derive(Debug, Clone, Copy)]
struct Progress {
    next: i64,
    last: Option<ReadId>,
    /// Whether it surely goes on from there; otherwise it may as well start again where its group is.
    holds: bool,
}

/// Where all groups and their members stand.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// By group and partition.
    committed: BTreeMap<(u32, u32), Committed>,
    /// By process and partition.
    progress: BTreeMap<(u32, u32), Progress>,
    /// By group and partition: who got it last.
    owners: BTreeMap<(u32, u32), u32>,
    /// When each process asked for its partitions.
    since: BTreeMap<u32, u64>,
    /// Processes of which a poll's result is not known: they may have come further than anyone can tell.
    uncertain: BTreeSet<u32>,
    /// Whether holes that no record fills are legal.
    holes: bool,
}

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    check_ownership(index, found);
    check_generations(index, found);
    let grouped = index
        .history
        .details()
        .iter()
        .any(|detail| matches!(detail.what, What::Member { .. } | What::Committed { .. }));
    if !grouped {
        return;
    }
    let holes = index.has_transactions() || index.options.any_compacted();
    let mut groups = Groups::new(holes);
    for operation in index.begun().iter().copied() {
        groups.take(index, found, operation);
    }
}

impl Groups {
    /// Nobody has done anything. `holes` says whether holes that no record fills are legal.
    pub(super) fn new(holes: bool) -> Self {
        Self { holes, ..Self::default() }
    }

    /// Takes the next operation in order of invocation.
    pub(super) fn take(&mut self, facts: &impl Facts, found: &mut Found, operation: u32) {
        let row = facts.row(operation);
        match row.function {
            Function::Assign { .. } | Function::Crash => {
                self.forget(row.process);
                self.since.insert(row.process, row.invoked_ns);
            }
            Function::Subscribe => self.loosen(row.process),
            Function::Join => self.join(facts, operation),
            Function::Poll | Function::Txn | Function::Commit => {
                self.read(facts, found, operation);
                self.commit(facts, found, operation);
            }
            Function::Send | Function::List => {}
        }
    }

    fn forget(&mut self, process: u32) {
        for key in self.known(process) {
            self.progress.remove(&key);
        }
        self.uncertain.remove(&process);
    }

    fn loosen(&mut self, process: u32) {
        for key in self.known(process) {
            self.progress.entry(key).and_modify(|progress| progress.holds = false);
        }
    }

    fn known(&self, process: u32) -> Vec<(u32, u32)> {
        let known = self.progress.range((process, 0)..=(process, u32::MAX));
        known.map(|(key, _)| *key).collect()
    }

    /// A member gets partitions. Those that it had all the while may go on where it stood, others begin where the
    /// group is.
    fn join(&mut self, facts: &impl Facts, operation: u32) {
        let row = facts.row(operation);
        let process = row.process;
        if row.completion != Completion::Ok {
            self.loosen(process);
            return;
        }
        let mut starts = Vec::new();
        if let Some((group, _)) = facts.history().member(operation) {
            for what in facts.history().details_of(operation) {
                if let What::Assigned { partition } = what {
                    let next = self.start(group, partition, row);
                    let start = Progress { next, last: None, holds: false };
                    starts.push(((process, partition), start));
                }
            }
        }
        self.forget(process);
        self.progress.extend(starts);
        self.since.insert(process, row.invoked_ns);
    }

    /// How far a member that now gets a partition may stand.
    fn start(&mut self, group: u32, partition: u32, row: &Row) -> i64 {
        let committed = self.committed.get(&(group, partition));
        let committed = committed.and_then(|commits| commits.furthest_in_force(row.invoked_ns));
        let kept = self.owners.insert((group, partition), row.process) == Some(row.process);
        // Nobody knows how far a poll went whose answer got lost.
        let anywhere = self.uncertain.contains(&row.process).then_some(i64::MAX);
        let known = self.progress.get(&(row.process, partition)).map(|progress| progress.next);
        let own = anywhere.or(known).filter(|_| kept);
        committed.max(own).unwrap_or(0)
    }

    fn read(&mut self, facts: &impl Facts, found: &mut Found, operation: u32) {
        let row = facts.row(operation);
        let reads = facts.reads_of(operation);
        if row.completion != Completion::Ok && row.function == Function::Poll && reads.is_empty() {
            self.uncertain.insert(row.process);
        }
        let member = facts.history().member(operation);
        let rebalanced = rebalanced(facts.history(), operation);
        for read in reads {
            let record = facts.read(read);
            let known = self.progress.get(&(row.process, record.partition)).copied();
            if let Some((group, _)) = member
                && known.is_none_or(|known| !known.holds)
                && !rebalanced.contains(&record.partition)
                && !self.uncertain.contains(&row.process)
            {
                self.check_resume(facts, found, read, group);
            }
            let next = record.offset.saturating_add(1);
            if known.is_none_or(|known| known.next <= next || !known.holds) {
                let progress = Progress { next, last: Some(read), holds: true };
                self.progress.insert((row.process, record.partition), progress);
            }
        }
        for partition in rebalanced {
            let known = self.progress.entry((row.process, partition));
            known.and_modify(|progress| progress.holds = false);
        }
    }

    /// The first read since a process got a partition: nothing may lie between it and what the group has committed, or
    /// what the process has read itself.
    fn check_resume(&self, facts: &impl Facts, found: &mut Found, read: ReadId, group: u32) {
        let record = facts.read(read);
        let process = facts.row(facts.history().operation_of_read(read as usize)).process;
        let since = self.since.get(&process).copied().unwrap_or(0);
        let committed = self.committed.get(&(group, record.partition));
        let furthest = committed.and_then(|committed| committed.furthest_in_force(since));
        let but = [record.value; 2];
        let own = self.progress.get(&(process, record.partition)).map(|progress| progress.next);
        let from = furthest.max(own).unwrap_or(0);
        let circumstance = furthest.map_or(Circumstance::NothingCommitted, |_| Circumstance::Plain);
        let gap = Gap {
            anomaly: Anomaly::ResumeSkip,
            partition: record.partition,
            first: from,
            end: record.offset,
            but,
            subject: facts.witness_read(read),
            circumstance,
        };
        found.add_passed(facts, gap);
    }

    fn commit(&mut self, facts: &impl Facts, found: &mut Found, operation: u32) {
        let row = facts.row(operation);
        if row.completion == Completion::Fail {
            return;
        }
        let sure = row.completion == Completion::Ok;
        let member = facts.history().member(operation);
        for what in facts.history().details_of(operation) {
            let (partition, offset) = match what {
                What::Committed { partition, offset } => {
                    if sure && !self.uncertain.contains(&row.process) {
                        self.check_position(facts, found, operation, (partition, offset));
                    }
                    (partition, offset)
                }
                What::Consumed { partition, last, .. } => (partition, last.saturating_add(1)),
                What::Assigned { .. }
                | What::EndOffset { .. }
                | What::Rebalanced { .. }
                | What::Member { .. } => continue,
            };
            if let Some((group, _)) = member {
                let done_ns = if sure { row.completed_ns } else { NEVER };
                let commit = Commit { offset, invoked_ns: row.invoked_ns, done_ns };
                self.committed.entry((group, partition)).or_default().push(commit);
            }
        }
    }

    /// A commit may not be ahead of what its process has read, or started from.
    fn check_position(
        &self,
        facts: &impl Facts,
        found: &mut Found,
        operation: u32,
        (partition, offset): (u32, i64),
    ) {
        let process = facts.row(operation).process;
        let progress = self.progress.get(&(process, partition));
        let group = facts.history().member(operation).map(|(group, _)| group);
        let committed = group.and_then(|group| self.committed.get(&(group, partition)));
        let start = facts.options().log_start_offset(partition);
        let resumed = || committed.map_or(start, |committed| committed.highest.max(start));
        let position = match progress {
            Some(progress) if progress.holds => progress.next,
            Some(progress) => progress.next.max(resumed()),
            None => resumed(),
        };
        if offset <= position {
            return;
        }
        let (anomaly, subject) =
            (Anomaly::CommitBeyondPosition, Witness::answer(operation, offset));
        let (first, end, but, circumstance) =
            (position, offset, [u64::MAX; 2], Circumstance::Plain);
        if self.holes {
            let gap = Gap { anomaly, partition, first, end, but, subject, circumstance };
            return found.add_passed(facts, gap);
        }
        let passed = facts.record_between(partition, first, end, but);
        let last = || progress.and_then(|progress| progress.last);
        let other = passed.or_else(|| last().map(|last| facts.witness_read(last)));
        found.add(facts, anomaly, partition, subject, other);
    }
}

impl Committed {
    fn push(&mut self, commit: Commit) {
        self.highest = self.highest.max(commit.offset);
        self.commits.push(commit);
        if self.commits.len() <= COMMITS_MAX {
            return;
        }
        // Whoever asked long ago and reads only now may still stand at a replaced one: the highest of them is kept.
        let replaced = self.replaced_before(commit.invoked_ns);
        let old = self.commits.iter().filter(|commit| commit.done_ns < replaced);
        let highest = old.max_by_key(|commit| commit.offset).copied();
        self.commits.retain(|commit| commit.done_ns >= replaced);
        self.commits.extend(highest.map(|highest| Commit { done_ns: NEVER, ..highest }));
    }

    /// What was done before this time had surely been replaced by `since_ns`.
    fn replaced_before(&self, since_ns: u64) -> u64 {
        let done = self.commits.iter().filter(|commit| commit.done_ns < since_ns);
        done.map(|commit| commit.invoked_ns).max().unwrap_or(0)
    }

    /// The furthest commit that may be in force for who asked at `since_ns`.
    fn furthest_in_force(&self, since_ns: u64) -> Option<i64> {
        let replaced = self.replaced_before(since_ns);
        let in_force = self.commits.iter().filter(|commit| commit.done_ns >= replaced);
        in_force.map(|commit| commit.offset).max()
    }
}

/// Partitions that were rebalanced inside an operation.
pub(super) fn rebalanced(history: &History, operation: u32) -> Vec<u32> {
    let rebalanced = history.details_of(operation).filter_map(|what| {
        if let What::Rebalanced { partition } = what { Some(partition) } else { None }
    });
    rebalanced.collect()
}

/// In one generation, one member owns a partition.
fn check_ownership(index: &Index<'_>, found: &mut Found) {
    let mut owned: Vec<(u32, u32, i64, u32)> = Vec::new();
    for (operation, row) in (0_u32..).zip(index.history.rows()) {
        if row.function != Function::Join || row.completion != Completion::Ok {
            continue;
        }
        let Some((group, generation)) = index.history.member(operation) else { continue };
        for what in index.history.details_of(operation) {
            if let What::Assigned { partition } = what {
                owned.push((group, partition, generation, operation));
            }
        }
    }
    owned.sort_unstable();
    let same =
        |a: &(u32, u32, i64, u32), b: &(u32, u32, i64, u32)| (a.0, a.1, a.2) == (b.0, b.1, b.2);
    for owners in owned.chunk_by(same) {
        let Some((first, others)) = owners.split_first() else { continue };
        let process = |operation: u32| index.row(operation).process;
        let second = others.iter().find(|other| process(other.3) != process(first.3));
        if let Some(second) = second {
            let (subject, other) = (Witness::answer(second.3, -1), Witness::answer(first.3, -1));
            found.add(index, Anomaly::DoubleOwnership, first.1, subject, Some(other));
        }
    }
}

/// A commit of an older generation is refused once a newer one is known.
fn check_generations(index: &Index<'_>, found: &mut Found) {
    let mut newest: BTreeMap<u32, (i64, u32)> = BTreeMap::new();
    let rows = index.history.rows();
    let mut answered = 0;
    for operation in index.begun().iter().copied() {
        let row = index.row(operation);
        while rows.get(answered).is_some_and(|earlier| earlier.completed_ns < row.invoked_ns) {
            learn(index, &mut newest, answered as u32);
            answered += 1;
        }
        if row.completion != Completion::Ok {
            continue;
        }
        let Some((group, generation)) = index.history.member(operation) else { continue };
        let newer = newest.get(&group).filter(|(newer, _)| *newer > generation);
        let Some((_, by)) = newer else { continue };
        for what in index.history.details_of(operation) {
            if let What::Committed { partition, offset } = what {
                let (subject, other) =
                    (Witness::answer(operation, offset), Witness::answer(*by, -1));
                found.add(index, Anomaly::ZombieCommit, partition, subject, Some(other));
            }
        }
    }
}

/// The coordinator's answer to a join or a commit shows in which generation a group was.
fn learn(index: &Index<'_>, newest: &mut BTreeMap<u32, (i64, u32)>, operation: u32) {
    let row = index.row(operation);
    let asked = matches!(row.function, Function::Join | Function::Commit);
    let tells = asked && row.completion == Completion::Ok;
    if let Some((group, generation)) = index.history.member(operation).filter(|_| tells) {
        let known = newest.entry(group).or_insert((generation, operation));
        if known.0 < generation {
            *known = (generation, operation);
        }
    }
}
