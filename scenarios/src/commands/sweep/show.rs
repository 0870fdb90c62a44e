//! A run of a sweep as people and machines are told it, by who runs it and by who merges shards.

use std::io::Write;
use std::path::Path;

use harrow_reports::report::Report;
use harrow_reports::verdict::{Finding, Outcome};

use crate::commands::console::{Console, Failure};
use crate::commands::reading::Prepared;

/// What is special about a run.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    /// Where its files are, if it left any.
    pub(super) kept: Option<&'a Path>,
    /// Whether it fails as none before it did.
    pub(super) news: bool,
}

/// One run, as soon as its turn comes: each of them to machines; to people, those that fail as none before did. The
/// others are counted, and told at the end.
pub(super) fn show(
    console: &mut Console,
    prepared: &Prepared,
    report: &Report,
    Shown { kept, news }: Shown<'_>,
) -> Result<(), Failure> {
    if console.is_json() {
        return console.json(report);
    }
    if report.outcome != Outcome::Violated || !news && kept.is_none() {
        return Ok(());
    }
    let styles = Console::styles().report;
    let (bad, command) = (styles.bad, styles.command);
    let (scenario, seed) = (&report.coordinate.scenario, report.coordinate.seed);
    for (position, finding) in report.findings.iter().enumerate() {
        let alike = |before: &Finding| before.fingerprint == finding.fingerprint;
        if report.findings[..position].iter().any(alike) {
            continue;
        }
        let (guarantee, anomaly, summary) =
            (&finding.guarantee, &finding.anomaly, &finding.summary);
        writeln!(
            console.stdout(),
            "{bad}violated{bad:#} {scenario} seed {seed}  {guarantee}: {anomaly}  {summary}"
        )?;
    }
    writeln!(console.stdout(), "  {command}{}{command:#}", prepared.command(seed))?;
    if let Some(kept) = kept {
        writeln!(console.stdout(), "  left in {}", kept.display())?;
    }
    Ok(console.stdout().flush()?)
}
