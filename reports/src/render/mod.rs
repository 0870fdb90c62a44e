//! Tells a report: to people or to machines.

mod history;
mod human;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::history_report::HistoryReport;
use crate::report::Report;

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

/// Colours of the human format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Styles {
    /// An outcome of held.
    pub good: Style,
    /// An outcome of violated, and each finding's name.
    pub bad: Style,
    /// An outcome of inconclusive, and why.
    pub doubtful: Style,
    /// What is less important.
    pub dim: Style,
    /// What is to be copied.
    pub command: Style,
}

impl Styles {
    /// No colours at all.
    pub fn plain() -> Self {
        Self::default()
    }

    /// The usual colours.
    pub fn colored() -> Self {
        Self {
            good: AnsiColor::Green.on_default().bold(),
            bad: AnsiColor::Red.on_default().bold(),
            doubtful: AnsiColor::Yellow.on_default().bold(),
            dim: Style::new().dimmed(),
            command: AnsiColor::Cyan.on_default(),
        }
    }
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

/// Writes the report of a history for people.
pub fn render_history(
    report: &HistoryReport,
    styles: &Styles,
    writer: &mut dyn Write,
) -> io::Result<()> {
    history::write(report, styles, writer)
}
