//! A report for people: the outcome in one line, each finding as a short story, then how to see it again.

use std::io::{self, Write};

use anstyle::Style;

use super::Styles;
use crate::report::{Report, Stats};
use crate::verdict::{Finding, Outcome};

/// Facts and consequences of a finding are cut to so many lines each: the whole story fits 15.
const FACTS_MAX: usize = 6;
const CONSEQUENCES_MAX: usize = 4;

pub(super) fn write(
    report: &Report,
    styles: &Styles,
    replay: &str,
    writer: &mut dyn Write,
) -> io::Result<()> {
    write_outcome(report, styles, writer)?;
    for finding in &report.findings {
        writeln!(writer)?;
        write_finding(finding, styles, writer)?;
    }
    for excuse in &report.excused {
        let line = format!("excused: {} x {} ({})", excuse.count, excuse.anomaly, excuse.reason);
        writeln!(writer, "{}", painted(styles.dim, &line))?;
    }
    for reason in &report.inconclusive {
        writeln!(writer, "{} {reason}", painted(styles.doubtful, "inconclusive:"))?;
    }
    if report.outcome != Outcome::Held {
        writeln!(writer)?;
        writeln!(writer, "replay: {}", painted(styles.command, replay))?;
    }
    Ok(())
}

fn write_outcome(report: &Report, styles: &Styles, writer: &mut dyn Write) -> io::Result<()> {
    let style = match report.outcome {
        Outcome::Held => styles.good,
        Outcome::Inconclusive => styles.doubtful,
        Outcome::Violated => styles.bad,
    };
    let outcome = painted(style, report.outcome.name());
    let at = &report.coordinate;
    writeln!(writer, "{outcome} {} --seed {} (commit {})", at.scenario, at.seed, at.commit)?;
    let Stats { simulated_ms, wall_ms, events, messages, operations, records_acked, faults } =
        &report.stats;
    writeln!(
        writer,
        "  {records_acked} records acked, {faults} faults injected, {} operations ok, {} failed, {} \
         unknown",
        operations.ok, operations.fail, operations.unknown
    )?;
    let line = format!(
        "  {events} events, {messages} messages, {simulated_ms} ms simulated in {wall_ms} ms, digest \
         {}",
        report.digest
    );
    writeln!(writer, "{}", painted(styles.dim, &line))
}

fn write_finding(finding: &Finding, styles: &Styles, writer: &mut dyn Write) -> io::Result<()> {
    let name = painted(styles.bad, &finding.anomaly);
    writeln!(writer, "{name} breaks {}", finding.guarantee)?;
    writeln!(writer, "  {}", finding.summary)?;
    write_list(&finding.evidence, FACTS_MAX, "  - ", writer)?;
    if !finding.consequences.is_empty() {
        writeln!(writer, "  what follows from it:")?;
        write_list(&finding.consequences, CONSEQUENCES_MAX, "  > ", writer)?;
    }
    Ok(())
}

fn write_list(lines: &[String], most: usize, mark: &str, writer: &mut dyn Write) -> io::Result<()> {
    for line in lines.iter().take(most) {
        writeln!(writer, "{mark}{line}")?;
    }
    if let Some(more) = lines.len().checked_sub(most).filter(|more| *more > 0) {
        writeln!(writer, "{mark}and {more} more")?;
    }
    Ok(())
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
