//! What the checks are told besides the history.

use std::collections::{BTreeMap, BTreeSet};

use harrow_sim::history::{History, asked_name};
use harrow_sim::plan::Plan;
use harrow_sim::run::Run;

use super::anomaly::Rules;

/// What the checks are told besides the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Rules to apply.
    pub rules: Rules,
    /// When log starts have moved, and to where, oldest first, by position of the partition; of one that is not named,
    /// its log began all the time where it does in the end.
    pub log_starts: BTreeMap<u32, Vec<(u64, i64)>>,
    /// What is known of logs, by position of the partition; a log that is not named starts at 0 and keeps everything.
    pub logs: BTreeMap<u32, LogFacts>,
    /// Partitions whose topics are deleted.
    pub deleted: BTreeSet<u32>,
    /// Partitions of topics of whose name there was another one, with the partition of the first one of that name.
    pub recreated: BTreeMap<u32, u32>,
    /// Whether groups follow the consumer protocol of KIP-848, in which each member has an epoch of its own.
    pub member_epochs: bool,
    /// Groups that do not, by name.
    pub classic_groups: BTreeSet<String>,
    /// By when groups have processed a record, by their names, in nanoseconds after it was acknowledged.
    pub processed_within_ns: BTreeMap<String, u64>,
    /// Whether a consumer that assigns a partition which it has already goes on where it stood, as in Java; with
    /// librdkafka it goes on where its group is, or where it says.
    pub assign_keeps_position: bool,
    /// Whether final reads also say that processing is over, so that inputs behind the last processed one are passed
    /// over. Who looks on from outside cannot know it.
    pub processing_over: bool,
    /// So many steps are spent on the search for a shortest cycle in each component of transactions; a tangle that is
    /// not resolved by then is still reported, with the cycle at which its discovery ended.
    pub cycle_steps_max: u64,
}

/// What is known of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogFacts {
    /// Where retention or `DeleteRecords` has legally moved its start.
    pub log_start_offset: i64,
    /// Whether `cleanup.policy` is `compact`: only the last record of a key must stay.
    pub compacted: bool,
}

/// What was done to a log, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPast {
    /// Where it begins in the end, unless its topic is deleted.
    pub log_start_offset: i64,
    /// When its start has moved, in nanoseconds, and to where, oldest first; empty if nobody says when.
    pub moves: Vec<(u64, i64)>,
    /// When its topic was deleted, in nanoseconds.
    pub deleted_ns: Option<u64>,
}

/// Why a log need not have a record any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Removal {
    /// It is below the log start offset.
    Retention,
    /// A later record of its key is there.
    Compaction,
    /// Its topic is deleted.
    Deletion,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rules: Rules::ALL,
            log_starts: BTreeMap::new(),
            logs: BTreeMap::new(),
            deleted: BTreeSet::new(),
            recreated: BTreeMap::new(),
            member_epochs: false,
            classic_groups: BTreeSet::new(),
            processed_within_ns: BTreeMap::new(),
            assign_keeps_position: true,
            processing_over: true,
            cycle_steps_max: 1_000_000,
        }
    }
}

const NS_PER_MS: u64 = 1_000_000;

/// Where the log of a topic begins that is deleted: behind everything.
const EVERYTHING: i64 = i64::MAX >> 1;

/// Partitions of topics of whose name there was another one, by their names, with the first one of that name.
pub(crate) fn recreated(names: &[String]) -> BTreeMap<u32, u32> {
    let mut recreated = BTreeMap::new();
    for (position, name) in (0_u32..).zip(names) {
        let asked = asked_name(name);
        let first = names.iter().position(|known| *known == asked).map(|first| first as u32);
        if let Some(first) = first.filter(|first| *first != position) {
            recreated.insert(first, first);
            recreated.insert(position, first);
        }
    }
    recreated
}

impl Options {
    /// What a run of ours tells beside its history: of its groups, and of its logs, where anything was deleted.
    pub fn of_run(plan: &Plan, run: &Run) -> Self {
        let bounds = plan.processed_within_ms().into_iter();
        let mut options = Self {
            member_epochs: plan.has_member_epochs(),
            classic_groups: plan.classic_groups(),
            processed_within_ns: bounds
                .map(|(group, ms)| (group, u64::from(ms) * NS_PER_MS))
                .collect(),
            recreated: recreated(&run.history.partitions),
            ..Self::default()
        };
        for (position, truth) in (0_u32..).zip(&run.partitions) {
            let moves: Vec<(u64, i64)> =
                truth.deletions.iter().map(|deletion| (deletion.at_ns, deletion.end)).collect();
            let log_start_offset = if moves.is_empty() { 0 } else { truth.log_start_offset };
            let past = LogPast { log_start_offset, moves, deleted_ns: truth.deleted_ns };
            options.learn_log(position, truth.compacted, past);
        }
        options
    }

    /// What was done to a log.
    pub(crate) fn learn_log(&mut self, position: u32, compacted: bool, past: LogPast) {
        let LogPast { log_start_offset, mut moves, deleted_ns } = past;
        if let Some(deleted_ns) = deleted_ns {
            moves.retain(|(moved_ns, _)| *moved_ns < deleted_ns);
            moves.push((deleted_ns, EVERYTHING));
            self.deleted.insert(position);
        }
        let furthest = moves.last().map_or(0, |(_, furthest)| *furthest);
        let log_start_offset = log_start_offset.max(furthest);
        if compacted || log_start_offset > 0 {
            self.logs.insert(position, LogFacts { log_start_offset, compacted });
        }
        if !moves.is_empty() {
            self.log_starts.insert(position, moves);
        }
    }

    /// What was done to a log: the other way round.
    pub(crate) fn past_of(&self, position: u32) -> LogPast {
        let mut moves = self.log_starts.get(&position).cloned().unwrap_or_default();
        if !self.deleted.contains(&position) {
            return LogPast {
                log_start_offset: self.log_start_offset(position),
                moves,
                deleted_ns: None,
            };
        }
        let deleted_ns = moves.pop().map(|(deleted_ns, _)| deleted_ns);
        let log_start_offset = moves.last().map_or(0, |(_, furthest)| *furthest);
        LogPast { log_start_offset, moves, deleted_ns }
    }

    /// Where a log began at a time, in nanoseconds.
    pub(crate) fn log_start_at(&self, partition: u32, at_ns: u64) -> i64 {
        if !self.log_starts.contains_key(&partition) {
            return self.log_start_offset(partition);
        }
        self.known_starts(partition, at_ns).last().map_or(0, |(_, start)| *start)
    }

    /// Where a log had begun until a time, and since when, oldest first; nothing where nobody knows.
    pub(crate) fn known_starts(&self, partition: u32, at_ns: u64) -> &[(u64, i64)] {
        let moves = self.log_starts.get(&partition).map_or(&[][..], Vec::as_slice);
        &moves[..moves.partition_point(|(moved_ns, _)| *moved_ns <= at_ns)]
    }

    pub(crate) fn log_start_offset(&self, partition: u32) -> i64 {
        self.logs.get(&partition).map_or(0, |facts| facts.log_start_offset)
    }

    /// The topics of these partitions are deleted; when is not known.
    pub fn delete(&mut self, history: &History, partitions: &[String]) {
        for (position, name) in (0_u32..).zip(&history.partitions) {
            if partitions.contains(name) {
                let compacted = self.compacted(position);
                let log_start_offset = EVERYTHING;
                self.logs.insert(position, LogFacts { log_start_offset, compacted });
                self.deleted.insert(position);
            }
        }
    }

    /// Whether a record may stand in both partitions: a send that was tried again when its topic was deleted and
    /// created
    /// again. What the first one has acknowledged is not sent to the next.
    pub(crate) fn are_of_one_name(&self, (sent_to, acknowledged): (u32, bool), read: u32) -> bool {
        let first = |partition: u32| self.recreated.get(&partition);
        let same = sent_to != read && first(read).is_some() && first(sent_to) == first(read);
        same && !(acknowledged && sent_to < read)
    }

    pub(crate) fn compacted(&self, partition: u32) -> bool {
        self.logs.get(&partition).is_some_and(|facts| facts.compacted)
    }

    pub(crate) fn any_compacted(&self) -> bool {
        self.logs.values().any(|facts| facts.compacted)
    }
}
