//! The report of a history for people.

use std::io::{self, Write};

use super::human;
use super::styles::Styles;
use crate::history_report::{ConsumerLag, HistoryReport, HistoryStats};
use crate::text::seconds;

pub(super) fn write(
    report: &HistoryReport,
    styles: &Styles,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let outcome =
        human::painted(human::outcome_style(report.outcome, styles), report.outcome.name());
    let at = &report.coordinate;
    let config = at.config.as_ref().map_or(String::new(), |path| format!(" --config {path}"));
    let held_to = human::held_to(&at.held_to);
    writeln!(writer, "{outcome}{held_to} {}{config} (commit {})", at.history, at.commit)?;
    write_stats(&report.stats, styles, writer)?;
    human::write_findings(&report.findings, styles, writer)?;
    human::write_excuses(&report.excused, styles, writer)?;
    human::write_legal(&report.legal, styles, writer)?;
    write_lag(report.longest_lag.as_ref(), writer)?;
    human::write_doubts(&report.inconclusive, styles, writer)
}

/// From here on, in milliseconds, people are told that a consumer was behind: polls wait for a second or so.
const LAG_TOLD_MS: u64 = 5_000;

/// A consumer that stands still breaks no promise, and is told all the same.
fn write_lag(lag: Option<&ConsumerLag>, writer: &mut dyn Write) -> io::Result<()> {
    let Some(lag) = lag.filter(|lag| lag.lag_ms >= LAG_TOLD_MS) else { return Ok(()) };
    let ConsumerLag { process, partition, offset, known_ns, since_ns, polled_ns, lag_ms } = lag;
    let stood = if since_ns > known_ns {
        format!(" the client stood before it since {},", seconds(*since_ns))
    } else {
        String::new()
    };
    writeln!(
        writer,
        "longest lag: client {process} on {partition}, {}.{:03} s: offset {offset} was known at {},{stood} and a poll \
         that began at {} did not reach it",
        lag_ms / 1_000,
        lag_ms % 1_000,
        seconds(*known_ns),
        seconds(*polled_ns)
    )
}

fn write_stats(stats: &HistoryStats, styles: &Styles, writer: &mut dyn Write) -> io::Result<()> {
    let HistoryStats {
        lines,
        partitions,
        processes,
        operations,
        records_acked,
        records_read,
        wall_ms,
    } = stats;
    writeln!(
        writer,
        "  {records_acked} records acked, {records_read} read, {} operations ok, {} failed, {} unknown",
        operations.ok, operations.fail, operations.unknown
    )?;
    let line = format!(
        "  {lines} lines, {partitions} partitions, {processes} processes, judged in {wall_ms} ms"
    );
    writeln!(writer, "{}", human::painted(styles.dim, &line))
}
