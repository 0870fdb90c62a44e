//! What is told about a history that was judged alone: one object, versioned, much like that of a run.

use std::collections::BTreeSet;

use harrow_sim::history::{Completion, Function, History, Row};
use serde::{Deserialize, Serialize};

use crate::history_file::Recorded;
use crate::report::{Operations, REPORT_SCHEMA};
use crate::verdict::{Excuse, Finding, Outcome, Verdict};

/// The report of one history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryReport {
    /// [`REPORT_SCHEMA`].
    pub schema: u32,
    /// What was judged, by what.
    pub coordinate: HistoryCoordinate,
    /// How it stands.
    pub outcome: Outcome,
    /// Root causes, in order of time.
    pub findings: Vec<Finding>,
    /// What was seen and is legal.
    pub excused: Vec<Excuse>,
    /// Why the history says less than it should; absent if it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inconclusive: Vec<String>,
    /// Counts.
    pub stats: HistoryStats,
}

/// What was judged, by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryCoordinate {
    /// Path of the history; `-` is standard input.
    pub history: String,
    /// Path of the configuration, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Commit of the program; `unknown` outside a repository.
    pub commit: String,
}

/// Counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryStats {
    /// Lines of the file.
    pub lines: u64,
    /// Partitions that it names.
    pub partitions: u64,
    /// Processes that did something.
    pub processes: u64,
    /// Client operations.
    pub operations: Operations,
    /// Records acknowledged.
    pub records_acked: u64,
    /// Records that polls returned, each as often as it was.
    pub records_read: u64,
    /// Time that reading and judging took.
    pub wall_ms: u64,
}

impl HistoryReport {
    /// Puts a history and its verdict together.
    pub fn new(
        coordinate: HistoryCoordinate,
        verdict: Verdict,
        recorded: &Recorded,
        wall_ms: u64,
    ) -> Self {
        let Verdict { outcome, findings, excused, inconclusive, .. } = verdict;
        let stats = HistoryStats::new(recorded, wall_ms);
        let schema = REPORT_SCHEMA;
        Self { schema, coordinate, outcome, findings, excused, inconclusive, stats }
    }
}

impl HistoryStats {
    fn new(recorded: &Recorded, wall_ms: u64) -> Self {
        let history = &recorded.history;
        let processes: BTreeSet<u32> = history.rows().iter().map(|row| row.process).collect();
        let count = |completion| {
            let ended = history.rows().iter().filter(|row| row.function != Function::Crash);
            ended.filter(|row| row.completion == completion).count() as u64
        };
        Self {
            lines: recorded.lines,
            partitions: history.partitions.len() as u64,
            processes: processes.len() as u64,
            operations: Operations {
                ok: count(Completion::Ok),
                fail: count(Completion::Fail),
                unknown: count(Completion::Info),
            },
            records_acked: records_acked(history),
            records_read: history.reads().len() as u64,
            wall_ms,
        }
    }
}

fn records_acked(history: &History) -> u64 {
    let ok = |(_, row): &(u32, &Row)| row.completion == Completion::Ok;
    let ended = (0_u32..).zip(history.rows()).filter(ok);
    ended.map(|(operation, _)| history.sends_of(operation).len() as u64).sum()
}
