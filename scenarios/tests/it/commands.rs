//! Commands that help to begin: show, init, doctor, completions, man; and seeds that nobody writes down.

use std::fs;
use std::path::Path;

use harrow_scenarios::catalogue::CATALOGUE;
use tempfile::TempDir;

use crate::binary::{harrow, harrow_in};

#[test]
fn show_prints_each_scenario_as_its_file() {
    for entry in CATALOGUE {
        assert_eq!(harrow(&["show", entry.name]).stdout, entry.text, "{}", entry.name);
    }
    let json = harrow(&["show", "calm", "--format", "json"]).json();
    assert_eq!(json["name"], "calm");
    harrow(&["show", "quick-failver"]).refuses_with(&["did you mean `quick-failover`?"]);
}

#[test]
fn what_init_writes_holds_as_it_is_and_is_never_written_over() {
    let directory = TempDir::new().expect("a temporary directory");
    let said = harrow_in(directory.path(), &["init", "my.toml"]);
    assert!(said.stdout.contains("harrow run my.toml --seed 1"), "{}", said.stdout);
    let text = fs::read_to_string(directory.path().join("my.toml")).expect("it was written");
    assert_eq!(harrow(&["init", "-"]).stdout, text);
    let said = harrow_in(directory.path(), &["sweep", "my.toml", "--seeds", "1..10"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let said = harrow_in(directory.path(), &["init", "my.toml"]);
    said.refuses_with(&["failed to write my.toml", "what is there is left alone"]);
    let said = harrow_in(directory.path(), &["init", "no/such/my.toml"]);
    said.refuses_with(&["failed to write no/such/my.toml", "in a directory that is there"]);
}

#[test]
fn doctor_looks_at_what_harrow_needs() {
    let said = harrow(&["doctor"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let json = harrow(&["doctor", "--format", "json"]).json();
    let rows = json.as_array().expect("an array");
    for what in ["build", "speed", "cores", "terminal", "files", "same seed, same run"] {
        assert!(said.stdout.contains(&format!("{what}: ")), "{what} in {}", said.stdout);
        let row = rows.iter().find(|row| row["what"] == what).expect("the same rows");
        assert_ne!(row["health"], "bad", "{row}");
    }
}

#[test]
fn shells_and_readers_are_told_every_command() {
    let bash = harrow(&["completions", "bash"]).stdout;
    let man = harrow(&["man"]).stdout;
    let help = harrow(&["--help"]).stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = commands.take_while(|line| !line.is_empty()).filter_map(|line| {
        let indented = line.starts_with("  ") && !line.starts_with("   ");
        line.split_whitespace().next().filter(|name| indented && *name != "help")
    });
    let names: Vec<&str> = names.collect();
    assert!(names.len() > 15, "{help}");
    for name in names {
        assert!(bash.contains(name), "{name}");
        assert!(man.contains(&format!("HARROW {}", name.to_uppercase())), "{name}");
    }
    harrow(&["completions", "csh"]).refuses_with(&["bash"]);
}

#[test]
fn fresh_seeds_are_told_first_and_can_be_run_again() {
    let said = harrow(&["sweep", "calm", "--seeds", "fresh:2"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let first = said.stdout.lines().next().expect("a line");
    let range =
        first.strip_prefix("seeds ").and_then(|rest| rest.strip_suffix(" (nobody chose them)"));
    let again = harrow(&["sweep", "calm", "--seeds", range.expect("a range")]);
    assert!(again.stdout.contains(" 2 runs in"), "{}", again.stdout);
    let json = harrow(&["sweep", "calm", "--seeds", "fresh:2", "--format", "json"]);
    let seeds: Vec<u64> =
        json.json_lines().iter().filter_map(|line| line["coordinate"]["seed"].as_u64()).collect();
    assert_eq!(seeds.len(), 2, "{}", json.stdout);
}

#[test]
fn seeds_of_a_commit_need_one() {
    let directory = TempDir::new().expect("a temporary directory");
    let said = harrow_in(directory.path(), &["sweep", "calm", "--seeds", "commit:2"]);
    said.refuses_with(&["there is no commit here"]);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !here.join("../.git").exists() {
        return;
    }
    let first = |said: crate::binary::Said| said.stdout.lines().next().map(str::to_owned);
    let line = ["sweep", "calm", "--seeds", "commit:2"];
    let (one, two) = (first(harrow_in(here, &line)), first(harrow_in(here, &line)));
    assert!(one.as_ref().is_some_and(|line| line.ends_with("(of this commit)")), "{one:?}");
    assert_eq!(one, two);
}
