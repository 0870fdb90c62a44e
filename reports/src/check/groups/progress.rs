//! Where groups and their members stand: what was committed, and what each process has read since it got a partition.

use std::collections::{BTreeMap, BTreeSet};

use harrow_sim::history::{Completion, Function, NEVER, What};

use super::commits::{Commit, Committed};
use super::fetched::FetchedOffsets;
use super::generations::Generations;
use super::holes::UnusedOffsets;
use super::last_owners::{Given, LastOwners};
use super::moves::{failed_to_move, rebalanced};
use crate::check::anomaly::Anomaly;
use crate::check::facts::Facts;
use crate::check::found::Found;
use crate::check::gap::Gap;
use crate::check::index::ReadId;
use crate::check::occurrence::{Observation, OccurrenceContext};

/// What a process has read of a partition since it got it: how far it may have come, as the next offset.
#[derive(Debug, Clone, Copy)]
struct Progress {
    next: i64,
    last: Option<ReadId>,
    /// Whether its last join gave it the partition, and it has read nothing of it since.
    joined: bool,
    /// Where it stood itself when a join gave it again what it had: a seek may have taken it to before the commit.
    own: Option<i64>,
    /// Whether it surely goes on from there; otherwise it may as well start again where its group is.
    holds: bool,
}

/// Where all groups and their members stand.
#[derive(Debug, Default)]
pub(in crate::check) struct Groups {
    /// By group and partition.
    committed: BTreeMap<(u32, u32), Committed>,
    /// By process and partition.
    progress: BTreeMap<(u32, u32), Progress>,
    last_owners: LastOwners,
    /// When each process asked for its partitions.
    since: BTreeMap<u32, u64>,
    /// Processes of which a poll's result is not known: they may have come further than anyone can tell.
    uncertain: BTreeSet<u32>,
    /// Group and generation that each process's last join gave it.
    members: BTreeMap<u32, (u32, i64)>,
    generations: Generations,
    fetched: FetchedOffsets,
    holes: UnusedOffsets,
    /// Gaps behind which somebody began again, by a call that others' commits may have overtaken.
    resumed: Vec<Resumed>,
}

/// A call that began again behind where its group stood when the call was made. It asks where the group stands at any
/// time until it ends: what somebody else commits meanwhile counts.
#[derive(Debug, Clone, Copy)]
struct Resumed {
    group: u32,
    until_ns: u64,
    gap: Gap,
}

impl Groups {
    /// Nobody has done anything.
    pub(in crate::check) fn new(holes: UnusedOffsets) -> Self {
        Self { holes, ..Self::default() }
    }

    /// Takes the next operation in order of invocation.
    pub(in crate::check) fn take(&mut self, facts: &impl Facts, found: &mut Found, operation: u32) {
        let row = facts.row(operation);
        self.settle(facts, found, row.invoked_ns);
        let member = self.member(facts, operation);
        self.generations.take(facts, found, operation, member);
        self.last_owners.take(row);
        if failed_to_move(row) {
            return;
        }
        match row.function {
            Function::Assign { from_start } => self.assign(facts, operation, from_start),
            Function::Crash => {
                self.forget(row.process, &[]);
                self.members.remove(&row.process);
                self.since.insert(row.process, row.invoked_ns);
            }
            Function::Subscribe => {
                self.loosen(row.process);
                self.members.remove(&row.process);
            }
            Function::Join => self.join(facts, operation),
            Function::Poll | Function::Txn | Function::Commit => {
                self.read(facts, found, operation);
                self.commit(facts, found, operation);
            }
            Function::List => {
                let group = member.map(|(group, _)| group);
                self.fetched.take(facts, operation, group, &self.committed);
            }
            Function::Send => {}
        }
    }

    /// All operations that began before this time were taken: tells what calls that had ended passed over.
    pub(in crate::check) fn settle(&mut self, facts: &impl Facts, found: &mut Found, now_ns: u64) {
        let ended = |resumed: &Resumed| resumed.until_ns <= now_ns;
        let (ended, open) = self.resumed.drain(..).partition(ended);
        self.resumed = open;
        let ended: Vec<Resumed> = ended;
        for resumed in ended {
            found.add_passed(facts, resumed.gap);
        }
        self.fetched.settle(facts, found, now_ns);
    }

    /// As which member of which group a process acts: as it says, or as its last join made it.
    fn member(&self, facts: &impl Facts, operation: u32) -> Option<(u32, i64)> {
        let joined = || self.members.get(&facts.row(operation).process).copied();
        facts.history().member(operation).or_else(joined)
    }

    /// A consumer takes partitions for itself. Those that it had may go on where it stood, see `poll_order`.
    fn assign(&mut self, facts: &impl Facts, operation: u32, from_start: bool) {
        let row = facts.row(operation);
        let keeps = facts.options().assign_keeps_position && !from_start;
        let mut kept = Vec::new();
        let mut set = Vec::new();
        for what in facts.history().details_of(operation) {
            if let What::Assigned { partition } = what {
                kept.extend(keeps.then_some(partition));
            } else if let What::Seek { partition, offset: Some(next) } = what {
                let start = Progress { next, last: None, joined: false, own: None, holds: true };
                set.push(((row.process, partition), start));
            }
        }
        self.forget(row.process, &kept);
        self.progress.extend(set);
        self.members.remove(&row.process);
        self.since.insert(row.process, row.invoked_ns);
    }

    fn forget(&mut self, process: u32, kept: &[u32]) {
        for key in
            self.known(process).into_iter().filter(|(_, partition)| !kept.contains(partition))
        {
            self.progress.remove(&key);
        }
        if kept.is_empty() {
            self.uncertain.remove(&process);
        }
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
        self.members.remove(&process);
        if row.completion != Completion::Ok {
            self.loosen(process);
            return;
        }
        let mut starts = Vec::new();
        if let Some((group, generation)) = facts.history().member(operation) {
            self.members.insert(process, (group, generation));
            self.last_owners.join(row, group, generation);
            for what in facts.history().details_of(operation) {
                if let What::Assigned { partition } = what {
                    let (next, own) = self.start(Given { group, partition, generation, row });
                    let start = Progress { next, last: None, joined: true, own, holds: false };
                    starts.push(((process, partition), start));
                }
            }
        }
        self.forget(process, &[]);
        self.progress.extend(starts);
        self.since.insert(process, row.invoked_ns);
    }

    /// How far a member that now gets a partition may stand, and from where it may go on if it had it all the while.
    fn start(&mut self, given: Given<'_>) -> (i64, Option<i64>) {
        let Given { group, partition, row, .. } = given;
        let committed = self.committed.get(&(group, partition));
        let committed = committed.and_then(|commits| commits.furthest_in_force(row.invoked_ns));
        let kept = self.last_owners.give(given);
        // Nobody knows how far a poll went whose answer got lost.
        let anywhere = self.uncertain.contains(&row.process).then_some(i64::MAX);
        let known = self.progress.get(&(row.process, partition)).filter(|_| kept);
        let furthest = anywhere.filter(|_| kept).or(known.map(|progress| progress.next));
        (committed.max(furthest).unwrap_or(0), known.map(Progress::stands))
    }

    /// A member goes on elsewhere, by a poll that returns nothing.
    fn seek(&mut self, facts: &impl Facts, operation: u32) {
        let process = facts.row(operation).process;
        for what in facts.history().details_of(operation) {
            if let What::Seek { partition, offset } = what {
                let next = offset.unwrap_or(i64::MAX);
                let start = Progress { next, last: None, joined: false, own: None, holds: true };
                self.progress.insert((process, partition), start);
            }
        }
    }

    fn read(&mut self, facts: &impl Facts, found: &mut Found, operation: u32) {
        let row = facts.row(operation);
        let reads = facts.reads_of(operation);
        if row.completion != Completion::Ok && row.function == Function::Poll && reads.is_empty() {
            self.uncertain.insert(row.process);
        }
        if row.completion == Completion::Ok && reads.is_empty() {
            self.seek(facts, operation);
        }
        let member = self.member(facts, operation);
        let rebalanced = rebalanced(facts.history(), operation);
        for read in reads {
            let record = facts.read(read);
            let known = self.progress.get(&(row.process, record.partition)).copied();
            if let Some((group, _)) = member
                && known.is_none_or(|known| !known.holds)
                && !rebalanced.contains(&record.partition)
                && !self.uncertain.contains(&row.process)
            {
                self.check_resume(facts, read, group);
                if known.is_some_and(|known| known.joined) {
                    self.check_commit_kept(facts, found, read, group);
                }
            }
            let next = record.offset.saturating_add(1);
            if known.is_none_or(|known| known.next <= next || !known.holds || known.anywhere()) {
                let progress =
                    Progress { next, last: Some(read), joined: false, own: None, holds: true };
                self.progress.insert((row.process, record.partition), progress);
            }
            let known = self.progress.entry((row.process, record.partition));
            known.and_modify(|progress| progress.joined = false);
        }
        for partition in rebalanced {
            let known = self.progress.entry((row.process, partition));
            known.and_modify(|progress| progress.holds = false);
        }
    }

    /// The first read since a process got a partition: nothing may lie between it and what the group has committed, or
    /// what the process has read itself.
    fn check_resume(&mut self, facts: &impl Facts, read: ReadId, group: u32) {
        let record = facts.read(read);
        let row = facts.row(facts.history().operation_of_read(read as usize));
        let process = row.process;
        let since = self.since.get(&process).copied().unwrap_or(0);
        let committed = self.committed.get(&(group, record.partition));
        let furthest = committed.and_then(|committed| committed.furthest_in_force(since));
        let least = committed.and_then(|committed| committed.nearest_in_force(since));
        let but = [record.value; 2];
        let progress = self.progress.get(&(process, record.partition));
        let own = progress.map(|progress| progress.next);
        let from = furthest.max(own).unwrap_or(0);
        // Who had it all the while stands where it sought to, and that may be out of range.
        let stands = progress.and_then(|progress| progress.own);
        let least = [least.map(|commit| commit.offset), stands].into_iter().flatten().min();
        let context = if committed.is_some_and(Committed::is_sure) {
            OccurrenceContext::Plain
        } else {
            OccurrenceContext::NothingCommitted
        };
        let gap = Gap {
            anomaly: Anomaly::ResumeSkip,
            partition: record.partition,
            stood: from,
            stood_least: least.map_or(from, |least| least.min(from)),
            first: from,
            end: record.offset,
            but,
            subject: facts.observation_of_read(read),
            context,
        };
        if gap.first < gap.end {
            self.resumed.push(Resumed { group, until_ns: row.completed_ns, gap });
        }
    }

    /// The first read since a join: it may not lie before all that the group may have committed last, nor before where
    /// the process stood itself. An acknowledged commit stays until the group has been without members for
    /// `offsets.retention.minutes`.
    fn check_commit_kept(&self, facts: &impl Facts, found: &mut Found, read: ReadId, group: u32) {
        let record = facts.read(read);
        let process = facts.row(facts.history().operation_of_read(read as usize)).process;
        let since = self.since.get(&process).copied().unwrap_or(0);
        let committed = self.committed.get(&(group, record.partition));
        let nearest = committed.and_then(|committed| committed.nearest_in_force(since));
        let Some(commit) = nearest.filter(|commit| record.offset < commit.offset) else { return };
        let known = self.progress.get(&(process, record.partition));
        if known.and_then(|known| known.own).is_some_and(|own| own <= record.offset) {
            return;
        }
        let subject = facts.observation_of_read(read);
        let other = Observation::answer(commit.operation, commit.offset);
        found.add(facts, Anomaly::LostCommit, record.partition, subject, Some(other));
    }

    fn commit(&mut self, facts: &impl Facts, found: &mut Found, operation: u32) {
        let row = facts.row(operation);
        if row.completion == Completion::Fail {
            return;
        }
        let sure = row.completion == Completion::Ok;
        let member = self.member(facts, operation);
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
                | What::Fetched { .. }
                | What::Rebalanced { .. }
                | What::Seek { .. }
                | What::Member { .. } => continue,
            };
            if let Some((group, _)) = member {
                let done_ns = if sure { row.completed_ns } else { NEVER };
                let commit = Commit { offset, invoked_ns: row.invoked_ns, done_ns, operation };
                self.committed.entry((group, partition)).or_default().push(commit);
                self.fetched.overtake((group, partition), offset);
                self.resumed
                    .iter_mut()
                    .for_each(|resumed| resumed.overtake(group, partition, offset));
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
        let group = self.member(facts, operation).map(|(group, _)| group);
        let committed = group.and_then(|group| self.committed.get(&(group, partition)));
        let at_ns = facts.row(operation).completed_ns;
        let start = facts.options().log_start_at(partition, at_ns);
        let resumed = || committed.map_or(start, |committed| committed.highest().max(start));
        let position = match progress {
            Some(progress) if progress.holds => progress.next,
            Some(progress) => progress.next.max(resumed()),
            None => resumed(),
        };
        if offset <= position {
            return;
        }
        let last = progress.and_then(|progress| progress.last);
        let begun = committed.is_some() || last.is_some();
        let gap = Gap {
            anomaly: Anomaly::CommitBeyondPosition,
            partition,
            stood: position,
            stood_least: position,
            first: position,
            end: offset,
            but: [Observation::NO_VALUE; 2],
            subject: Observation::answer(operation, offset),
            context: if begun {
                OccurrenceContext::Plain
            } else {
                OccurrenceContext::NothingCommitted
            },
        };
        if self.holes.has(partition) {
            return found.add_passed(facts, gap);
        }
        let (records, _) = facts.records_in(&gap);
        let other =
            records.first().copied().or_else(|| last.map(|last| facts.observation_of_read(last)));
        found.add_with(facts, gap.anomaly, partition, (gap.subject, other), gap.context);
    }
}

impl Progress {
    /// Whether it was set to an offset that nobody knows.
    fn anywhere(&self) -> bool {
        self.next == i64::MAX && self.last.is_none()
    }

    /// From where it may go on at the least.
    fn stands(&self) -> i64 {
        self.own.unwrap_or(if self.anywhere() { 0 } else { self.next })
    }
}

impl Resumed {
    /// Somebody commits while the call lasts.
    fn overtake(&mut self, group: u32, partition: u32, offset: i64) {
        let gap = &mut self.gap;
        if (self.group, gap.partition) == (group, partition) && offset > gap.first {
            (gap.stood, gap.first) = (offset, offset);
            gap.context = OccurrenceContext::Plain;
        }
    }
}
