//! What is told about a history that was judged alone: one object, versioned, much like that of a run.

use std::collections::BTreeSet;

use harrow_sim::history::{Completion, Function, History, Row};
use serde::{Deserialize, Serialize};

use crate::check::{Lag, longest_lag};
use crate::history_file::Recorded;
use crate::report::{LegalHarm, Operations, REPORT_SCHEMA, legal_harm};
use crate::verdict::{Excuse, Finding, Outcome, Verdict};

/// The report of one history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryReport {
    /// [`REPORT_SCHEMA`].
    pub schema: u32,
    /// `history`: what kind of object it is.
    #[serde(default = "kind")]
    pub kind: String,
    /// What was judged, by what.
    pub coordinate: HistoryCoordinate,
    /// How it stands.
    pub outcome: Outcome,
    /// Root causes, in order of time.
    pub findings: Vec<Finding>,
    /// What was seen and is legal.
    pub excused: Vec<Excuse>,
    /// How many records are legally lost, duplicated or reordered, by cause; absent if none are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legal: Vec<LegalHarm>,
    /// Who was behind for the longest time, of the consumers that were; absent if none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_lag: Option<ConsumerLag>,
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
    /// What it was held to beside its promises, as `--hold` takes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_to: Vec<String>,
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
        Self {
            schema: REPORT_SCHEMA,
            kind: kind(),
            coordinate,
            outcome,
            findings,
            legal: legal_harm(&excused),
            longest_lag: ConsumerLag::of(&recorded.history),
            excused,
            inconclusive,
            stats: HistoryStats::new(recorded, wall_ms),
        }
    }
}

/// A consumer that stood still while records were acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerLag {
    /// Whose.
    pub process: u32,
    /// Name of the partition.
    pub partition: String,
    /// Offset of the oldest record that it could have had, and had not.
    pub offset: i64,
    /// When that record was known to be there.
    pub known_ns: u64,
    /// From when on it counts: since it was known or, if the consumer came later, since that last got a record there.
    #[serde(default)]
    pub since_ns: u64,
    /// When the poll began that still did not return it.
    pub polled_ns: u64,
    /// The time between.
    pub lag_ms: u64,
}

impl ConsumerLag {
    fn of(history: &History) -> Option<Self> {
        let Lag { process, partition, offset, known_ns, since_ns, polled_ns } =
            longest_lag(history)?;
        Some(Self {
            process,
            partition: history.partitions[partition as usize].clone(),
            offset,
            known_ns,
            since_ns,
            polled_ns,
            lag_ms: (polled_ns - since_ns) / 1_000_000,
        })
    }
}

fn kind() -> String {
    "history".to_owned()
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
