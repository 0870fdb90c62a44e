//! `SCENARIOS.md` lists every table and key that a scenario file may have, as the reader asks for them.
//!
//! When a key has changed, `HARROW_README=write cargo test -p harrow-scenarios --test it scenario_reference` writes the
//! tables anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use harrow_reports::explain::{Kind, entries};
use harrow_scenarios::format::{KeyReference, TableReference, parse, tables};

/// What stands before the generated part.
const TABLES: &str = "## Tables\n";

fn row(key: &KeyReference) -> String {
    let unless_given = match (&key.default, key.is_required) {
        (Some(default), _) => format!("`{default}`"),
        (None, true) => "*required*".to_owned(),
        (None, false) => String::new(),
    };
    format!("| `{}` | {} | {unless_given} | {} |\n", key.key, key.values, key.about)
}

/// A kind of fault in one sentence.
fn meaning(kind: &str) -> &'static str {
    let name = kind.split(", ").next().unwrap_or(kind);
    let entry = entries().find(|entry| entry.kind == Kind::Fault && entry.name == name);
    entry.map_or("", |entry| entry.meaning)
}

fn written(tables: &[TableReference]) -> String {
    let mut text = String::new();
    for table in tables {
        let heading = match &table.kind {
            None => format!("### `{}`\n", table.title),
            Some(kind) => format!("#### `{}` {kind}\n", table.title),
        };
        text.push_str(&heading);
        if let Some(kind) = table.kind.as_deref().filter(|_| table.title == "[[fault]]") {
            let meaning = meaning(kind);
            assert!(!meaning.is_empty(), "`harrow explain {kind}` knows no such fault");
            writeln!(text, "{meaning}\n").expect("texts take all");
        }
        if !table.keys.is_empty() {
            text.push_str("| key | values | default | |\n|---|---|---|---|\n");
            text.extend(table.keys.iter().map(row));
        }
        text.push('\n');
        if table.kind.is_some() {
            text.extend(table.example.lines().map(|line| format!("    {line}\n")));
            text.push('\n');
        }
    }
    text.trim_end().to_owned() + "\n"
}

#[test]
fn the_tables_are_what_the_reader_asks_for() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("SCENARIOS.md");
    let text = fs::read_to_string(&path).expect("there is a reference");
    let (head, rest) = text.split_once(TABLES).expect("it has a part with the tables");
    // The sentence that says where they come from stays.
    let (origin, _) = rest.split_once("\n\n").expect("an empty line ends it");
    let now = format!("{head}{TABLES}{origin}\n\n{}", written(&tables()));
    if std::env::var("HARROW_README").is_ok_and(|wish| wish == "write") {
        fs::write(&path, now).expect("the reference can be written");
        return;
    }
    let lines: Vec<&str> = text.lines().collect();
    let stale: Vec<&str> = now.lines().filter(|line| !lines.contains(line)).collect();
    assert!(now == text, "SCENARIOS.md lacks these lines:\n{stale:#?}");
}

#[test]
fn the_scenario_that_it_begins_with_can_be_run() {
    let text = include_str!("../../SCENARIOS.md");
    let block = text.lines().skip_while(|line| !line.starts_with("    "));
    let block = block.take_while(|line| line.is_empty() || line.starts_with("    "));
    let block = block.map(str::trim_start).collect::<Vec<_>>().join("\n");
    let scenario = parse("SCENARIOS.md", &block, &[]).expect("it is a scenario");
    assert_eq!((scenario.loads.len(), scenario.faults.len()), (2, 2));
}
