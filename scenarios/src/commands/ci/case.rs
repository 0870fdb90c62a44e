//! One run, one history or one thing that a whole sweep should have shown.

use harrow_reports::history_report::HistoryReport;
use harrow_reports::report::Report;
use harrow_reports::verdict::{Finding, Outcome};

use crate::catalogue;

/// What is told to CI services of it.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Case {
    /// What it belongs to: a scenario, or `check`.
    pub(super) suite: String,
    pub(super) name: String,
    pub(super) wall_ms: u64,
    pub(in crate::commands) outcome: Outcome,
    /// Root causes, or why it is inconclusive.
    pub(super) problems: Vec<Problem>,
    /// What shows it again.
    pub(super) command: String,
    /// The file that it is about, as a repository has it.
    pub(super) file: String,
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    /// `ANOMALY breaks GUARANTEE`, or `inconclusive`.
    pub(super) title: String,
    pub(super) summary: String,
    /// What failures that are alike have in common.
    pub(super) fingerprint: String,
}

impl Case {
    /// A run. In a sweep, a mark that one run did not reach is no fault of that run.
    pub(in crate::commands) fn of_run(report: &Report, in_sweep: bool) -> Self {
        let outcome = if in_sweep { report.outcome_apart_from_reach() } else { report.outcome };
        let at = &report.coordinate;
        Self {
            suite: at.scenario.clone(),
            name: format!("seed {}", at.seed),
            wall_ms: report.stats.wall_ms.unwrap_or_default(),
            outcome,
            problems: problems(outcome, &report.findings, &report.inconclusive),
            command: at.replay.clone(),
            file: scenario_file(&at.scenario),
        }
    }

    /// A history.
    pub(in crate::commands) fn of_history(report: &HistoryReport, command: &str) -> Self {
        let name = report.coordinate.history.clone();
        Self {
            suite: "check".to_owned(),
            wall_ms: report.stats.wall_ms,
            outcome: report.outcome,
            problems: problems(report.outcome, &report.findings, &report.inconclusive),
            command: command.to_owned(),
            file: name.clone(),
            name,
        }
    }

    /// What no run of a sweep has shown, or what ended it early.
    pub(in crate::commands) fn of_sweep(scenario: &str, name: &str, why: &str) -> Self {
        Self {
            suite: scenario.to_owned(),
            name: name.to_owned(),
            wall_ms: 0,
            outcome: Outcome::Inconclusive,
            problems: problems(Outcome::Inconclusive, &[], &[why.to_owned()]),
            command: String::new(),
            file: scenario_file(scenario),
        }
    }

    /// One thing that is not as it should be, found by whoever compares runs with what they were; `id` is what those
    /// that are alike have in common.
    pub(in crate::commands) fn of_difference(
        (suite, name): (&str, &str),
        file: &str,
        (title, summary, id): (&str, &str, &str),
        command: &str,
    ) -> Self {
        let [title, summary, fingerprint] = [title, summary, id].map(str::to_owned);
        Self {
            suite: suite.to_owned(),
            name: name.to_owned(),
            wall_ms: 0,
            outcome: Outcome::Violated,
            problems: vec![Problem { title, summary, fingerprint }],
            command: command.to_owned(),
            file: scenario_file(file),
        }
    }

    /// What is wrong, and how to see it again.
    pub(super) fn text(&self) -> String {
        let lines = self.problems.iter().map(|one| format!("{}: {}\n", one.title, one.summary));
        lines.chain([self.command.clone()]).collect()
    }
}

fn problems(outcome: Outcome, findings: &[Finding], inconclusive: &[String]) -> Vec<Problem> {
    match outcome {
        Outcome::Held => Vec::new(),
        Outcome::Violated => findings.iter().map(Problem::of_finding).collect(),
        Outcome::Inconclusive => inconclusive.iter().map(|why| Problem::of_reason(why)).collect(),
    }
}

impl Problem {
    fn of_finding(finding: &Finding) -> Self {
        let Finding { anomaly, guarantee, summary, fingerprint, .. } = finding;
        Self {
            title: format!("{anomaly} breaks {guarantee}"),
            summary: summary.clone(),
            fingerprint: fingerprint.id.clone(),
        }
    }

    fn of_reason(why: &str) -> Self {
        Self {
            title: "inconclusive".to_owned(),
            summary: why.to_owned(),
            fingerprint: "inconclusive".to_owned(),
        }
    }
}

/// Where a scenario is written down: its own path, or its place in Harrow's repository.
fn scenario_file(scenario: &str) -> String {
    if catalogue::find(scenario).is_some() {
        return format!("scenarios/catalogue/{scenario}.toml");
    }
    scenario.trim_start_matches("./").to_owned()
}
