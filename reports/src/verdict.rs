//! The verdict on a run, as data: the outcome, what was broken, what is legal. `judge` gives it, `render` prints it.

use harrow_sim::biography::Moment;
use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;

/// How a run stands. Later is worse, and the worst wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every guarantee held, and there was something to hold.
    Held,
    /// Nothing is broken, but the run does not show that nothing is.
    Inconclusive,
    /// A guarantee was broken, or the model panicked.
    Violated,
}

impl Outcome {
    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Inconclusive => "inconclusive",
            Self::Violated => "violated",
        }
    }
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How it stands.
    pub outcome: Outcome,
    /// Root causes, in order of time.
    pub findings: Vec<Finding>,
    /// What was seen and is legal.
    pub excused: Vec<Excuse>,
    /// Why the run says less than it should; empty unless something was missing.
    pub inconclusive: Vec<String>,
    /// Reach marks that were expected and not met; each has its line in `inconclusive`, too.
    pub unreached: Vec<String>,
}

impl Verdict {
    /// How it stands apart from what the run did not reach, which is asked of many runs and not of one.
    pub fn outcome_apart_from_reach(&self) -> Outcome {
        let for_reach_alone = self.inconclusive.len() == self.unreached.len();
        match self.outcome {
            Outcome::Inconclusive if for_reach_alone => Outcome::Held,
            outcome @ (Outcome::Held | Outcome::Inconclusive | Outcome::Violated) => outcome,
        }
    }
}

/// A broken guarantee.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Finding {
    /// What is broken, by name: a [`Guarantee`](harrow_sim::violation::Guarantee), or `model` for a panic.
    pub guarantee: String,
    /// By what, as `harrow explain` knows it.
    pub anomaly: String,
    /// One line.
    pub summary: String,
    /// The same for every run in which the same goes wrong; empty in reports from before there was one.
    #[serde(default)]
    pub fingerprint: Fingerprint,
    /// The configuration that promised it.
    #[serde(default)]
    pub promise: String,
    /// Facts, oldest first, one line each.
    pub evidence: Vec<String>,
    /// What follows from it, one line each: a few examples of each kind, and how many more there are.
    pub consequences: Vec<String>,
    /// Where the record is, if the finding is `unseen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<RecordLocation>,
    /// All records that it is about, and those that it did harm to, as far as clients know them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,
    /// Lines of the history with the operations that saw it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u64>,
    /// The record that it is about; if it names none, the first one that it did harm to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// The record's life, oldest first; empty if nobody followed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub biography: Vec<Moment>,
}

/// A record, by its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Record {
    /// Name of its partition, such as `orders-0`.
    pub partition: String,
    /// Its offset there; -1 if nobody was told it.
    pub offset: i64,
    /// Its value, if a client knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Lines of the history with the operations that speak of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u64>,
}

/// Where an acknowledged record that no poll returned is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordLocation {
    /// Not in the committed log.
    Lost,
    /// Committed and below the last stable offset: consumers could read it and did not get to it.
    StuckBelowHighWatermark,
    /// Committed, but not below the last stable offset: consumers that read committed records must wait.
    StuckOnLastStableOffset,
    /// The true state is not known, or does not tell.
    Unknown,
}

impl RecordLocation {
    /// As people read it.
    pub fn description(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::StuckBelowHighWatermark => "stuck below the high watermark",
            Self::StuckOnLastStableOffset => "stuck on the last stable offset",
            Self::Unknown => "lost or stuck, which is not known",
        }
    }
}

/// Something that would be a finding, were it not legal here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Excuse {
    /// What.
    pub anomaly: String,
    /// What clients lose by it.
    #[serde(default)]
    pub harm: Harm,
    /// Why it is legal.
    pub reason: String,
    /// The reason without what differs from one run to the next.
    #[serde(default)]
    pub cause: String,
    /// What would make it a finding, had it been promised, as `--hold` takes it: one promise, or several with commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// How often.
    pub count: u64,
    /// The first of them in one line.
    #[serde(default)]
    pub summary: String,
    /// Facts of the first of them, oldest first, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// All records that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,
    /// Lines of the history with the operations that saw it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u64>,
    /// The life of the first of its records, oldest moment first; empty if nobody followed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub biography: Vec<Moment>,
}

/// What clients lose by what is legal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Harm {
    /// Records that were acknowledged.
    Lost,
    /// Records are there, or are read, twice.
    Duplicated,
    /// Records are in another order than they were sent.
    Reordered,
    /// Something else.
    #[default]
    Other,
}

impl Harm {
    /// To follow a number of records.
    pub fn participle(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Other => "concerned otherwise",
        }
    }
}
