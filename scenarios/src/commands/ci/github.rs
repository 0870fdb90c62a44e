//! GitHub's workflow commands on stdout, and the job's summary in the file that it names.

use std::env;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use harrow_reports::verdict::Outcome;

use super::case::Case;
use crate::commands::console::{Console, Failure};
use crate::commands::files::unwritable;

/// Where GitHub tells a step to write its summary.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// One annotation for each problem.
pub(super) fn annotate(console: &mut Console, case: &Case) -> Result<(), Failure> {
    let level = if case.outcome == Outcome::Violated { "error" } else { "warning" };
    let stdout = console.stdout();
    for problem in &case.problems {
        let title = property(&format!("{} {}: {}", case.suite, case.name, problem.title));
        let file = property(&case.file);
        let lines = [problem.summary.as_str(), &case.command];
        let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        let message = data(&lines.join("\n"));
        writeln!(stdout, "::{level} file={file},title={title}::{message}")?;
    }
    Ok(stdout.flush()?)
}

/// The text of a command: its line ends, and what would be taken for one that is escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command: what ends it, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Markdown for the job's page.
pub(super) struct JobSummary(String);

impl JobSummary {
    pub(super) fn of(cases: &[Case], end: &str) -> Self {
        let mut text = format!("### Harrow: {end}\n\n");
        let bad: Vec<&Case> = cases.iter().filter(|case| case.outcome != Outcome::Held).collect();
        if !bad.is_empty() {
            text.push_str("| run | what | see it again |\n|---|---|---|\n");
        }
        for case in bad {
            for problem in &case.problems {
                let Case { suite, name, command, .. } = case;
                let what = format!("**{}**: {}", problem.title, problem.summary);
                let command =
                    if command.is_empty() { String::new() } else { format!("`{command}`") };
                let cells = [format!("{suite} {name}"), what, command].map(|cell| cell_text(&cell));
                // A text grows without end.
                let _ = writeln!(text, "| {} |", cells.join(" | "));
            }
        }
        Self(text)
    }

    /// Appends it where GitHub reads it; elsewhere there is no such file, and nothing to do.
    pub(super) fn append(&self) -> Result<(), Failure> {
        let named = env::var_os(SUMMARY).filter(|name| !name.is_empty());
        let Some(path) = named.map(PathBuf::from) else { return Ok(()) };
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(self.0.as_bytes()));
        written.map_err(|error| unwritable(&path, &error))
    }
}

/// What ends a cell or a row of a table, made harmless.
fn cell_text(text: &str) -> String {
    text.replace('|', "\\|").replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_command_is_escaped() {
        assert_eq!(data("100 %\r\nof it: a, b"), "100 %25%0D%0Aof it: a, b");
        assert_eq!(property("a: 1,\n2 %"), "a%3A 1%2C%0A2 %25");
    }

    #[test]
    fn a_summary_has_a_row_for_each_problem() {
        let case = Case::of_sweep("calm", "reach", "`crash` | was reached\nin none");
        let JobSummary(text) = JobSummary::of(&[case], "inconclusive");
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0], "### Harrow: inconclusive");
        let row = "| calm reach | **inconclusive**: `crash` \\| was reached in none |  |";
        assert_eq!(rows[4..], [row]);
        assert_eq!(JobSummary::of(&[], "held").0, "### Harrow: held\n\n");
    }
}
