//! `harrow explain`.

use std::io::Write;

use clap::Args;
use harrow_broker_model::defect::Defect;
use harrow_reports::explain::{Entry, Kind, entries};
use serde::Serialize;

use super::console::{Console, Failure, Mistake, mistake};
use super::list::wrapped;
use crate::catalogue::CATALOGUE;
use crate::exit::ExitCode;
use crate::format::{KeyReference, meant_by, parse, tables};

/// Explain a guarantee, anomaly, invariant, fault, defect or scenario in plain words.
///
/// Without a name, all names are listed. `--format json` prints one object: name, kind, meaning, example, legal,
/// source; an array of them without a name, or where several have it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow explain durability\n  harrow explain power-loss\n  \
    harrow explain truncate-to-hw\n  harrow explain KIP-101\n  harrow explain inconclusive")]
pub(super) struct Explain {
    /// A name that a report, a scenario, `harrow list` or `harrow defects` shows, a setting, or a source such as
    /// KIP-101.
    name: Option<String>,
}

/// From so many entries on, a source is shown as an index of them.
const INDEX_FROM: usize = 3;

#[derive(Clone, Serialize)]
struct Row {
    name: String,
    kind: &'static str,
    meaning: String,
    example: String,
    legal: String,
    source: String,
    /// Of a fault: the tables of a scenario file that ask for it; several where it has several forms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tables: Vec<String>,
}

impl Explain {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let rows = rows()?;
        match &self.name {
            Some(name) => {
                let settings = settings(name);
                let mut found = find(&rows, name);
                if found.is_empty() {
                    found.extend(&settings);
                }
                let first = found.first().ok_or_else(|| unknown(&rows, name))?;
                match found.as_slice() {
                    [_] if console.is_json() => console.json(first)?,
                    several if !console.is_json() && several.len() > INDEX_FROM => {
                        show_index(several, name, console)?;
                    }
                    several if console.is_json() => console.json(&several)?,
                    several => show(several, console)?,
                }
            }
            None if console.is_json() => console.json(&rows)?,
            None => show_names(&rows, console)?,
        }
        Ok(ExitCode::Held)
    }
}

/// Everything that has a name.
fn rows() -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<Row> = entries().map(|entry| row(&entry)).collect();
    for entry in CATALOGUE {
        let scenario = parse(entry.name, entry.text, &[])?;
        let reach = scenario.expect.reach.join(", ");
        rows.push(Row {
            name: entry.name.to_owned(),
            kind: "scenario",
            meaning: scenario.proves,
            example: format!("harrow run {} --seed 1", entry.name),
            legal: format!(
                "A run is inconclusive where it has not reached {reach}; a sweep, where no run has."
            ),
            source: "Harrow's catalogue".to_owned(),
            tables: Vec::new(),
        });
    }
    Ok(rows)
}

fn row(entry: &Entry) -> Row {
    Row {
        name: entry.name.to_owned(),
        kind: entry.kind.name(),
        meaning: entry.meaning.to_owned(),
        example: entry.example.to_owned(),
        legal: entry.legal.to_owned(),
        source: source(entry),
        tables: if entry.kind == Kind::Fault { fault_tables(entry.name) } else { Vec::new() },
    }
}

/// How a scenario file asks for a fault.
fn fault_tables(name: &str) -> Vec<String> {
    let of_fault = tables().into_iter().filter(|table| table.title == "[[fault]]");
    let named = of_fault.filter(|table| {
        table.kind.as_deref().and_then(|kind| kind.split(", ").next()) == Some(name)
    });
    named.map(|table| table.example).collect()
}

/// Where it is from; of a defect also which versions have it.
fn source(entry: &Entry) -> String {
    match Defect::from_name(entry.name) {
        Some(defect) if entry.kind == Kind::Defect => {
            format!("{}; {}", entry.source, defect.entry().affected)
        }
        _ => entry.source.to_owned(),
    }
}

/// What has a name, for some scenarios are named after their fault. Neither case nor the kind of gap matters. What
/// nothing is named by may be a source, such as a KIP: then everything that comes from it.
fn find<'a>(rows: &'a [Row], name: &str) -> Vec<&'a Row> {
    // Settings are named with their section, too: `expect.loss_allowed`.
    let whole = name.trim().trim_start_matches("expect.").trim_start_matches("--");
    let name = whole.replace([' ', '_'], "-");
    let is_it = |row: &&Row| row.name.replace('_', "-").eq_ignore_ascii_case(&name);
    let named: Vec<&Row> = rows.iter().filter(is_it).collect();
    if !named.is_empty() {
        return named;
    }
    let from: Vec<&Row> = rows.iter().filter(|row| comes_from(row, &name)).collect();
    // As it stands in a finding or a scenario: `acks=all`, `leader-of orders-0`.
    let shorter = whole.split(['=', ' ']).next().unwrap_or_default();
    if from.is_empty() && shorter.len() < whole.len() { find(rows, shorter) } else { from }
}

/// Settings of scenario files of that name, or whose text names it as Kafka does.
fn settings(name: &str) -> Vec<Row> {
    let name = name.trim().split('=').next().unwrap_or_default().trim();
    let quoted = format!("`{name}`");
    let mut found: Vec<Row> = Vec::new();
    for table in tables() {
        let is_it = |key: &&KeyReference| key.key == name || key.about.contains(&quoted);
        for key in table.keys.iter().filter(is_it) {
            let meaning = format!("{}: {}.", key.about, key.values);
            if found.iter().any(|row| row.name == key.key && row.meaning == meaning) {
                continue;
            }
            let default = key.default.as_deref().map(|default| format!("{} = {default}", key.key));
            found.push(Row {
                name: key.key.clone(),
                kind: "setting of a scenario",
                meaning,
                example: default.unwrap_or_default(),
                legal: String::new(),
                source: format!("{} in scenarios/SCENARIOS.md", table.title),
                tables: Vec::new(),
            });
        }
    }
    found
}

/// Whether a row has this source: `KIP-10` is no part of `KIP-101`.
fn comes_from(row: &Row, source: &str) -> bool {
    let in_word = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    let mut words = row.source.split(|c: char| !in_word(c));
    let is_number = source.rsplit_once('-').is_some_and(|(head, number)| {
        ["kip", "kafka"].contains(&head.to_lowercase().as_str())
            && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    is_number && words.any(|word| word.trim_end_matches('.').eq_ignore_ascii_case(source))
}

fn show_names(rows: &[Row], console: &mut Console) -> Result<(), Failure> {
    let bold = Console::styles().strong;
    for (position, row) in rows.iter().enumerate() {
        if rows[..position].iter().any(|before| before.kind == row.kind) {
            continue;
        }
        let names: Vec<&str> =
            rows.iter().filter(|other| other.kind == row.kind).map(|r| r.name.as_str()).collect();
        writeln!(console.stdout(), "{bold}{}{bold:#}", row.kind)?;
        for line in wrapped(&names.join(", "), 76) {
            writeln!(console.stdout(), "    {line}")?;
        }
    }
    Ok(())
}

fn show(rows: &[&Row], console: &mut Console) -> Result<(), Failure> {
    for (position, row) in rows.iter().enumerate() {
        if position > 0 {
            writeln!(console.stdout())?;
        }
        show_one(row, console)?;
    }
    Ok(())
}

/// Names and first sentences of what comes from one source.
fn show_index(rows: &[&Row], source: &str, console: &mut Console) -> Result<(), Failure> {
    let bold = Console::styles().strong;
    for row in rows {
        writeln!(console.stdout(), "{bold}{}{bold:#} ({})", row.name, row.kind)?;
        let first = row.meaning.split_inclusive(". ").next().unwrap_or(&row.meaning);
        for line in wrapped(first, 76) {
            writeln!(console.stdout(), "    {line}")?;
        }
    }
    let count = rows.len();
    writeln!(
        console.stdout(),
        "\n{count} entries come from {source}; `harrow explain NAME` tells more"
    )?;
    Ok(())
}

fn show_one(row: &Row, console: &mut Console) -> Result<(), Failure> {
    let bold = Console::styles().strong;
    writeln!(console.stdout(), "{bold}{}{bold:#} ({})", row.name, row.kind)?;
    let parts = [
        ("", &row.meaning),
        ("Example", &row.example),
        ("Legal", &row.legal),
        ("Source", &row.source),
    ];
    for (title, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
        let text = if title.is_empty() { text.clone() } else { format!("{title}: {text}") };
        writeln!(console.stdout())?;
        for line in wrapped(&text, 80) {
            writeln!(console.stdout(), "{line}")?;
        }
    }
    if !row.tables.is_empty() {
        writeln!(console.stdout(), "\nIn a scenario file (all keys: scenarios/SCENARIOS.md):")?;
    }
    for line in row.tables.iter().flat_map(|table| table.lines()) {
        writeln!(console.stdout(), "    {line}")?;
    }
    Ok(())
}

/// The names that are most like it.
fn unknown(rows: &[Row], name: &str) -> Mistake {
    let names = || rows.iter().map(|row| row.name.as_str());
    let lower = name.to_lowercase();
    let mut near: Vec<&str> = names().filter(|known| known.contains(&lower)).collect();
    near.extend(meant_by(&lower, names()));
    near.dedup();
    let help = if near.is_empty() || lower.is_empty() {
        "`harrow explain` lists every name".to_owned()
    } else {
        let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
        format!("did you mean {}?", near.join(", "))
    };
    mistake(format!("`{name}` is nothing that Harrow knows"), help)
}
