//! The report of a history for people.

use std::io::{self, Write};

use super::human;
use super::styles::Styles;
use crate::history_report::{HistoryReport, HistoryStats};

pub(super) fn write(
    report: &HistoryReport,
    styles: &Styles,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let outcome =
        human::painted(human::outcome_style(report.outcome, styles), report.outcome.name());
    let at = &report.coordinate;
    let config = at.config.as_ref().map_or(String::new(), |path| format!(" --config {path}"));
    writeln!(writer, "{outcome} {}{config} (commit {})", at.history, at.commit)?;
    write_stats(&report.stats, styles, writer)?;
    human::write_findings(&report.findings, styles, writer)?;
    human::write_excuses(&report.excused, styles, writer)?;
    human::write_doubts(&report.inconclusive, styles, writer)
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
