//! `harrow list`.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::console::{Console, Failure};
use crate::catalogue::CATALOGUE;
use crate::exit::ExitCode;
use crate::format::parse;

/// List the scenarios of the catalogue, with what each proves.
///
/// `--format json` prints one array: name, proves, reach.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  harrow list --format json")]
pub(super) struct List {}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    proves: String,
    reach: Vec<String>,
}

impl List {
    pub(super) fn execute(console: &mut Console) -> Result<ExitCode, Failure> {
        let mut rows = Vec::new();
        for entry in CATALOGUE {
            let scenario = parse(entry.name, entry.text, &[])?;
            let proves = scenario.proves.split_whitespace().collect::<Vec<_>>().join(" ");
            rows.push(Row { name: entry.name, proves, reach: scenario.expect.reach });
        }
        if console.is_json() {
            console.json(&rows)?;
        } else {
            show(&rows, console)?;
        }
        Ok(ExitCode::Held)
    }
}

fn show(rows: &[Row], console: &mut Console) -> Result<(), Failure> {
    let bold = Console::styles().strong;
    for row in rows {
        writeln!(console.stdout(), "{bold}{}{bold:#}", row.name)?;
        for line in wrapped(&row.proves, 76) {
            writeln!(console.stdout(), "    {line}")?;
        }
    }
    Ok(())
}

/// Words in lines of at most `width` characters.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}
