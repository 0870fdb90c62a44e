//! `harrow explain`.

use std::io::Write;

use clap::Args;
use harrow_reports::explain::{Entry, entries, explain};
use serde::Serialize;

use super::console::{Console, Failure, Mistake, mistake};
use super::list::wrapped;
use crate::exit::ExitCode;
use crate::format::nearest;

/// Explain a guarantee, anomaly, invariant, fault or defect in plain words.
///
/// `--format json` prints one object: name, kind, meaning, example, legal, source.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow explain durability\n  harrow explain power-loss\n  \
    harrow explain truncate-to-hw")]
pub(super) struct Explain {
    /// A name that a report, a scenario or `harrow defects` shows.
    name: String,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    kind: &'static str,
    meaning: &'static str,
    example: &'static str,
    legal: &'static str,
    source: &'static str,
}

impl Explain {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let entry = explain(&self.name).ok_or_else(|| unknown(&self.name))?;
        if console.is_json() {
            let Entry { name, kind, meaning, example, legal, source } = *entry;
            console.json(&Row { name, kind: kind.name(), meaning, example, legal, source })?;
        } else {
            tell(entry, console)?;
        }
        Ok(ExitCode::Held)
    }
}

fn tell(entry: &Entry, console: &mut Console) -> Result<(), Failure> {
    let bold = Console::styles().strong;
    writeln!(console.stdout(), "{bold}{}{bold:#} ({})", entry.name, entry.kind.name())?;
    let parts = [
        ("", entry.meaning),
        ("Example", entry.example),
        ("Legal", entry.legal),
        ("Source", entry.source),
    ];
    for (title, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
        let text = if title.is_empty() { text.to_owned() } else { format!("{title}: {text}") };
        writeln!(console.stdout())?;
        for line in wrapped(&text, 98) {
            writeln!(console.stdout(), "{line}")?;
        }
    }
    Ok(())
}

/// The names that are most like it; all, if none is.
fn unknown(name: &str) -> Mistake {
    let names: Vec<&str> = entries().map(|entry| entry.name).collect();
    let lower = name.to_lowercase();
    let mut near: Vec<&str> =
        names.iter().copied().filter(|known| known.contains(&lower)).collect();
    near.extend(nearest(&lower, names.iter().copied()));
    near.dedup();
    let help = if near.is_empty() {
        format!("known: {}", names.join(", "))
    } else {
        format!(
            "did you mean {}?",
            near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        )
    };
    mistake(format!("`{name}` is nothing that Harrow knows"), help)
}
