//! A report for people: the outcome in one line, each finding as a short story, then how to see it again.

use std::io::{self, Write};

use anstyle::Style;

use super::styles::Styles;
use crate::biography;
use crate::faults::{Deviation, FaultCounts};
use crate::report::{LegalHarm, Report, Stats};
use crate::verdict::{Excuse, Finding, Outcome};

/// So many reasons are told why faults were held back or weakened.
const REASONS_MAX: usize = 3;

/// So many facts of a finding are told: the whole story stays under 15 lines.
const FACTS_MAX: usize = 8;

pub(super) fn write(
    report: &Report,
    styles: &Styles,
    replay: &str,
    writer: &mut dyn Write,
) -> io::Result<()> {
    write_outcome(report, styles, writer)?;
    write_findings(&report.findings, styles, writer)?;
    write_excuses(&report.excused, styles, writer)?;
    write_legal(&report.legal, styles, writer)?;
    write_doubts(&report.inconclusive, styles, writer)?;
    if report.outcome != Outcome::Held {
        writeln!(writer)?;
        writeln!(writer, "replay: {}", painted(styles.command, replay))?;
    }
    Ok(())
}

/// Why a report says less than it should.
pub(super) fn write_doubts(
    reasons: &[String],
    styles: &Styles,
    writer: &mut dyn Write,
) -> io::Result<()> {
    for reason in reasons {
        writeln!(writer, "{} {reason}", painted(styles.doubtful, "inconclusive:"))?;
    }
    Ok(())
}

pub(super) fn outcome_style(outcome: Outcome, styles: &Styles) -> Style {
    match outcome {
        Outcome::Held => styles.good,
        Outcome::Inconclusive => styles.doubtful,
        Outcome::Violated => styles.bad,
    }
}

fn write_outcome(report: &Report, styles: &Styles, writer: &mut dyn Write) -> io::Result<()> {
    let outcome = painted(outcome_style(report.outcome, styles), report.outcome.name());
    let at = &report.coordinate;
    let edited = if at.edited { ", which is not as it was drawn" } else { "" };
    let plan = at.plan.as_ref().map_or(String::new(), |plan| format!(", plan {plan}{edited}"));
    let text = at.scenario_hash.as_ref().map_or(String::new(), |hash| format!(", text {hash}"));
    let held_to = held_to(&at.held_to);
    let label = &report.rules.label;
    writeln!(
        writer,
        "{outcome} {label}{held_to}: {} --seed {}{plan}{text} (commit {})",
        at.scenario, at.seed, at.commit
    )?;
    let Stats { simulated_ms, wall_ms, events, messages, operations, records_acked, faults } =
        &report.stats;
    writeln!(
        writer,
        "  {records_acked} records acked, {faults} faults injected, {} operations ok, {} failed, {} \
         unknown",
        operations.ok, operations.fail, operations.unknown
    )?;
    let wall = wall_ms.map_or(String::new(), |wall_ms| format!(" in {wall_ms} ms"));
    let line = format!(
        "  {events} events, {messages} messages, {simulated_ms} ms simulated{wall}, digest {}",
        report.digest
    );
    writeln!(writer, "{}", painted(styles.dim, &line))?;
    write_deviations(&report.faults, Deviation::HeldBack, styles, writer)?;
    write_deviations(&report.faults, Deviation::Weakened, styles, writer)?;
    let lifted_by = report.faults.lifted_by.as_ref();
    lifted_by.map_or(Ok(()), |setting| {
        let line = format!(
            "  `--set {setting}=true` lets them be done as planned, and excuses what they lose"
        );
        writeln!(writer, "{}", painted(styles.dim, &line))
    })
}

/// What was held against it beside its promises.
pub(super) fn held_to(held_to: &[String]) -> String {
    if held_to.is_empty() { String::new() } else { format!(", held to {}", held_to.join(", ")) }
}

/// Faults that were not done as planned, and why: what was not done was not survived.
fn write_deviations(
    faults: &FaultCounts,
    how: Deviation,
    styles: &Styles,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let (count, done) = match how {
        Deviation::HeldBack => (faults.held_back, "held back"),
        Deviation::Weakened => (faults.weakened, "weakened"),
    };
    if count == 0 {
        return Ok(());
    }
    let groups: Vec<String> = faults
        .deviations
        .iter()
        .filter(|group| group.how == how)
        .map(|group| format!("{} x {} ({})", group.count, group.kind, group.reason))
        .collect();
    let more = match groups.len().saturating_sub(REASONS_MAX) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let told = groups[..groups.len().min(REASONS_MAX)].join(", ");
    let head = painted(styles.doubtful, &format!("{count} of {} faults {done}:", faults.planned));
    writeln!(writer, "  {head} {told}{more}")
}

/// Findings of one anomaly are one story: the first in full, the others by their places.
pub(super) fn write_findings(
    findings: &[Finding],
    styles: &Styles,
    writer: &mut dyn Write,
) -> io::Result<()> {
    for (position, finding) in findings.iter().enumerate() {
        let alike = |other: &&Finding| other.anomaly == finding.anomaly;
        if findings[..position].iter().any(|before| alike(&before)) {
            continue;
        }
        writeln!(writer)?;
        let others = likewise(findings[position + 1..].iter().filter(alike));
        write_finding(finding, &others, styles, writer)?;
    }
    Ok(())
}

/// Where the same is broken, too: summaries begin with the place.
fn likewise<'a>(others: impl Iterator<Item = &'a Finding>) -> String {
    let places: Vec<&str> =
        others.map(|other| other.summary.split(": ").next().unwrap_or_default()).collect();
    if places.is_empty() { String::new() } else { format!(", likewise on {}", places.join(", ")) }
}

fn write_finding(
    finding: &Finding,
    likewise: &str,
    styles: &Styles,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let name = painted(styles.bad, &finding.anomaly);
    if finding.anomaly == "model-panic" {
        writeln!(writer, "{name}: the model broke a rule of its own")?;
    } else if finding.anomaly == "checker-disagreement" {
        writeln!(writer, "{name}: Harrow contradicts itself{likewise}")?;
    } else {
        writeln!(writer, "{name} breaks {}{likewise}", finding.guarantee)?;
    }
    writeln!(writer, "  {}", finding.summary)?;
    if !finding.fingerprint.id.is_empty() {
        let fingerprint = format!("  fingerprint {}", finding.fingerprint.id);
        writeln!(writer, "{}", painted(styles.dim, &fingerprint))?;
    }
    if !finding.promise.is_empty() {
        let promise = format!("  promised by {}", finding.promise);
        writeln!(writer, "{}", painted(styles.dim, &promise))?;
    }
    write_list(&finding.evidence, FACTS_MAX, "  - ", writer)?;
    write_consequences(&finding.consequences, writer)?;
    write_biography(finding, styles, writer)
}

/// What happened to the record that the finding is about, if somebody followed it: a paragraph of its own, so that the
/// finding stays as short as it is.
fn write_biography(finding: &Finding, styles: &Styles, writer: &mut dyn Write) -> io::Result<()> {
    let Some(record) = &finding.record else { return Ok(()) };
    for (position, line) in biography::lines(record, &finding.biography).iter().enumerate() {
        if position == 0 {
            writeln!(writer, "\n{line}")?;
        } else {
            writeln!(writer, "{}", painted(styles.dim, &format!("  {line}")))?;
        }
    }
    Ok(())
}

/// All by name in one line, and the first of them that clients saw, or else the first, in full.
fn write_consequences(consequences: &[String], writer: &mut dyn Write) -> io::Result<()> {
    let seen = consequences.iter().find(|line| line.contains("(explained by "));
    let Some(example) = seen.or(consequences.first()) else {
        return Ok(());
    };
    let mut names: Vec<&str> = Vec::new();
    for name in consequences.iter().filter_map(|line| line.split(": ").next()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    writeln!(writer, "  from this follows {}", names.join(", "))?;
    let example = example.split(" (explained by ").next().unwrap_or_default();
    writeln!(writer, "  > {example}")
}

/// What is legal, by reason.
pub(super) fn write_excuses(
    excused: &[Excuse],
    styles: &Styles,
    writer: &mut dyn Write,
) -> io::Result<()> {
    for (position, excuse) in excused.iter().enumerate() {
        let alike = |other: &&Excuse| other.reason == excuse.reason;
        if excused[..position].iter().any(|before| alike(&before)) {
            continue;
        }
        let all = excused[position..].iter().filter(alike);
        let counts: Vec<String> =
            all.map(|excuse| format!("{} x {}", excuse.count, excuse.anomaly)).collect();
        let line = format!("legal: {} ({})", counts.join(", "), excuse.reason);
        writeln!(writer, "{}", painted(styles.dim, &line))?;
    }
    Ok(())
}

/// How many records were legally lost, duplicated or reordered, and what makes findings of that.
pub(super) fn write_legal(
    legal: &[LegalHarm],
    styles: &Styles,
    writer: &mut dyn Write,
) -> io::Result<()> {
    for LegalHarm { harm, cause, records, hold } in legal {
        let hold = hold.as_ref().map_or(String::new(), |hold| format!("; --hold {hold}"));
        let head = format!("legal: {records} records {}", harm.participle());
        writeln!(writer, "{} ({cause}{hold})", painted(styles.doubtful, &head))?;
    }
    Ok(())
}

fn write_list(lines: &[String], most: usize, mark: &str, writer: &mut dyn Write) -> io::Result<()> {
    for line in lines.iter().take(most) {
        writeln!(writer, "{mark}{line}")?;
    }
    if let Some(more) = lines.len().checked_sub(most).filter(|more| *more > 0) {
        writeln!(writer, "{}and {more} more", " ".repeat(mark.len()))?;
    }
    Ok(())
}

pub(super) fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
