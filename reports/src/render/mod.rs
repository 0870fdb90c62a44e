//! Tells a report: to people or to machines.

mod history;
mod human;
mod styles;

use std::io::{self, Write};

use crate::history_report::HistoryReport;
use crate::report::Report;
use crate::verdict::Finding;
pub use styles::Styles;

/// How to tell it.
#[derive(Debug, Clone, Copy)]
pub enum Format<'a> {
    /// Text for people.
    Human {
        /// Colours; decided once, by the caller.
        styles: Styles,
        /// The command line that shows the run again.
        replay: &'a str,
    },
    /// One JSON object on one line.
    Json,
}

/// Writes a report.
pub fn render(report: &Report, format: Format<'_>, writer: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Human { styles, replay } => human::write(report, &styles, replay, writer),
        Format::Json => {
            serde_json::to_writer(&mut *writer, report)?;
            writer.write_all(b"\n")
        }
    }
}

/// A finding as people read it, the life of its record included, without colours.
pub fn finding_text(finding: &Finding) -> String {
    let mut text = Vec::new();
    let findings = std::slice::from_ref(finding);
    human::write_findings(findings, &Styles::plain(), &mut text).expect("memory takes any text");
    String::from_utf8(text).expect("findings are text").trim().to_owned()
}

/// Writes the report of a history for people.
pub fn render_history(
    report: &HistoryReport,
    styles: &Styles,
    writer: &mut dyn Write,
) -> io::Result<()> {
    history::write(report, styles, writer)
}
