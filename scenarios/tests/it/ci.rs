//! What CI services read: a `JUnit` file, a code quality report, annotations and a job's summary.

use std::fs;
use std::path::Path;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus};
use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{command, harrow_in, said};

fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

/// A sweep of which seed 9 is violated, and some others hold.
const SWEEP: [&str; 6] =
    ["sweep", "quick-failover", "--seeds", "7..10", "--defect", "truncate-to-hw"];

fn junit(path: &Path) -> Report {
    let text = fs::read_to_string(path).expect("it was written");
    Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn failed(case: &TestCase) -> bool {
    let failure = NonSuccessKind::Failure;
    matches!(&case.status, TestCaseStatus::NonSuccess { kind, .. } if *kind == failure)
}

#[test]
fn junit_has_a_case_for_each_run() {
    let directory = directory();
    let said = harrow_in(directory.path(), &[&SWEEP[..], &["--junit", "harrow.xml"]].concat());
    assert_eq!(said.code, 1, "{}", said.stderr);
    let report = junit(&directory.path().join("harrow.xml"));
    let suite = &report.test_suites[0];
    assert_eq!((report.test_suites.len(), suite.name.as_str()), (1, "quick-failover"));
    let names: Vec<&str> = suite.test_cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["seed 7", "seed 8", "seed 9", "seed 10"]);
    assert!(failed(&suite.test_cases[2]));
    let TestCaseStatus::NonSuccess { message, ty, description, .. } = &suite.test_cases[2].status
    else {
        panic!("it failed")
    };
    let text = |part: &Option<quick_junit::XmlString>| {
        part.as_ref().expect("it is told").as_str().to_owned()
    };
    assert_eq!(text(ty), "committed-truncation breaks durability");
    assert!(!text(message).is_empty());
    let replay = "harrow run quick-failover --seed 9 --defect truncate-to-hw";
    assert!(text(description).contains(replay), "{description:?}");
    let violated = suite.test_cases.iter().filter(|case| failed(case)).count();
    assert!(said.stdout.contains("violated with truncate-to-hw: 4 runs"), "{}", said.stdout);
    let row = said.stdout.lines().find(|line| line.starts_with("quick-failover")).expect("a row");
    let counts: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(counts[2], violated.to_string(), "{row}");
}

/// Without the time that runs took.
fn timeless(xml: &str) -> Vec<String> {
    let line = |line: &str| match line.split_once(" time=\"") {
        Some((before, rest)) => {
            let after = rest.split_once('"').map_or("", |(_, after)| after);
            format!("{before}{after}")
        }
        None => line.to_owned(),
    };
    xml.lines().map(line).collect()
}

#[test]
fn the_page_shows_junit_as_it_is_written() {
    let directory = directory();
    let line = "sweep calm --seeds 1..2 --junit calm.xml";
    assert_eq!(harrow_in(directory.path(), &line.split(' ').collect::<Vec<_>>()).code, 0);
    let written = fs::read_to_string(directory.path().join("calm.xml")).expect("it was written");
    let page = include_str!("../../CI.md");
    let (_, green) = page.split_once("Green:\n\n```xml\n").expect("the page shows one");
    let (green, _) = green.split_once("```").expect("it ends");
    assert_eq!(timeless(green), timeless(&written));
}

#[test]
fn what_a_whole_sweep_has_not_shown_is_an_error_in_junit() {
    let directory = directory();
    let line = "sweep calm --seeds 1..2 --junit calm.xml --set expect.reach=[\"log-truncated\"]";
    let arguments: Vec<&str> = line.split(' ').collect();
    assert_eq!(harrow_in(directory.path(), &arguments).code, 3);
    let report = junit(&directory.path().join("calm.xml"));
    let cases = &report.test_suites[0].test_cases;
    assert_eq!(cases.len(), 3);
    let error = NonSuccessKind::Error;
    let reach = &cases[2];
    assert_eq!(reach.name.as_str(), "reach");
    assert!(matches!(&reach.status, TestCaseStatus::NonSuccess { kind, .. } if *kind == error));
}

#[test]
fn code_quality_names_the_file_and_is_empty_where_all_held() {
    let directory = directory();
    let read = |name: &str| -> Value {
        let text = fs::read_to_string(directory.path().join(name)).expect("it was written");
        serde_json::from_str(&text).expect("it is JSON")
    };
    harrow_in(directory.path(), &[&SWEEP[..], &["--code-quality", "q.json"]].concat());
    let issues = read("q.json");
    let issues = issues.as_array().expect("an array");
    let first = &issues[0];
    assert_eq!(first["location"]["path"], "scenarios/catalogue/quick-failover.toml");
    assert_eq!(first["location"]["lines"]["begin"], 1);
    assert_eq!(first["severity"], "critical");
    let prints: Vec<&Value> = issues.iter().map(|issue| &issue["fingerprint"]).collect();
    let alike = |print: &&&Value| prints.iter().filter(|other| other == print).count() > 1;
    assert!(!prints.iter().any(|print| alike(&print)), "each its own: {prints:?}");
    harrow_in(directory.path(), &["run", "calm", "--seed", "1", "--code-quality", "held.json"]);
    assert_eq!(read("held.json"), Value::Array(Vec::new()));
}

#[test]
fn github_is_told_by_annotations_and_a_summary() {
    let directory = directory();
    let summary = directory.path().join("summary.md");
    fs::write(&summary, "before\n").expect("it takes files");
    let arguments = [&SWEEP[..], &["--format", "github"]].concat();
    let said = said(command(directory.path(), &arguments).env("GITHUB_STEP_SUMMARY", &summary));
    assert_eq!(said.code, 1, "{}", said.stderr);
    let annotation = said.stdout.lines().find(|line| line.starts_with("::error ")).expect("one");
    let file = "file=scenarios/catalogue/quick-failover.toml,title=quick-failover seed ";
    assert!(annotation.contains(file), "{annotation}");
    assert!(annotation.contains("%0Aharrow run quick-failover --seed "), "{annotation}");
    let text = fs::read_to_string(&summary).expect("it is there");
    assert!(text.starts_with("before\n### Harrow: violated, 4 runs\n"), "{text}");
    assert!(
        text.contains("| quick-failover seed 9 | **committed-truncation breaks durability**: "),
        "{text}"
    );
}

#[test]
fn github_is_told_by_what_compares_runs_with_others_or_with_what_they_were() {
    let directory = directory();
    let versions = ["compare", "power-loss", "--kafka", "3.9", "4.1", "--seeds", "6..6"];
    let arguments = [&versions[..], &["--format", "github"]].concat();
    let said = harrow_in(directory.path(), &arguments);
    assert_eq!(said.code, 1, "{}", said.stderr);
    let annotation = said.stdout.lines().find(|line| line.starts_with("::error ")).expect("one");
    assert!(
        annotation
            .starts_with("::error file=scenarios/catalogue/power-loss.toml,title=power-loss "),
        "{annotation}"
    );
    assert!(annotation.contains("0 runs as 3.9 is against 1 as 4.1 is; it takes "), "{annotation}");
    assert!(annotation.ends_with("%0Aharrow run power-loss --seed 6 --kafka 4.1"), "{annotation}");

    let corpus = directory.path().join("mine");
    fs::create_dir(&corpus).expect("it is new");
    fs::write(corpus.join("corpus.toml"), "catalogue = true\n").expect("it takes files");
    fs::write(corpus.join("stray.json"), "{}").expect("it takes files");
    let said = harrow_in(directory.path(), &["corpus", "mine", "--format", "github"]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    let stray = "::error file=mine/corpus.toml,title=corpus stray.json%3A not listed::";
    assert!(said.stdout.lines().any(|line| line.starts_with(stray)), "{}", said.stdout);
    let digest =
        "::error file=mine/digests.txt,title=corpus catalogue/calm --seed 1%3A digest changed::";
    assert!(said.stdout.lines().any(|line| line.starts_with(digest)), "{}", said.stdout);
}

#[test]
fn without_a_file_for_the_summary_there_is_none() {
    let arguments = ["run", "calm", "--seed", "1", "--format", "github"];
    let said = said(command(Path::new("."), &arguments).env("GITHUB_STEP_SUMMARY", ""));
    assert_eq!(said.code, 0, "{}", said.stderr);
}

#[test]
fn two_reports_are_not_written_into_one_file() {
    let directory = directory();
    let both = ["--junit", "f", "--code-quality", "./f"];
    for command in [["run", "calm", "--seed", "1"], ["sweep", "calm", "--seeds", "1..2"]] {
        let said = harrow_in(directory.path(), &[&command[..], &both[..]].concat());
        said.refuses_with(&["`--junit` and `--code-quality` both name f", "a file of its own"]);
    }
    assert!(!directory.path().join("f").exists());
}

#[test]
fn a_history_is_a_case_too() {
    let directory = directory();
    let header = r#"{"harrow_history":2}"#;
    fs::write(directory.path().join("h.jsonl"), format!("{header}\n")).expect("it takes files");
    let said = harrow_in(directory.path(), &["check", "h.jsonl", "--junit", "check.xml"]);
    let report = junit(&directory.path().join("check.xml"));
    let case = &report.test_suites[0].test_cases[0];
    assert_eq!(case.name.as_str(), "h.jsonl");
    assert_eq!(said.code == 0, matches!(case.status, TestCaseStatus::Success { .. }));
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_the_sweep() {
    for flag in ["--junit", "--code-quality"] {
        let said = harrow_in(Path::new("."), &["sweep", "calm", flag, "no/such/directory/f"]);
        said.refuses_with(&["failed to write no/such/directory/f", "in a directory that is there"]);
    }
}

#[cfg(unix)]
#[test]
fn a_device_is_written_into_and_a_link_is_followed() {
    let directory = directory();
    let path = directory.path();
    let said = harrow_in(path, &["run", "calm", "--seed", "1", "--junit", "/dev/stderr"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("<testsuites name=\"harrow\""), "{}", said.stderr);
    fs::write(path.join("kept.xml"), "before").expect("it takes files");
    std::os::unix::fs::symlink("kept.xml", path.join("link.xml")).expect("it takes links");
    harrow_in(path, &["run", "calm", "--seed", "1", "--junit", "link.xml"]);
    assert_eq!(junit(&path.join("kept.xml")).test_suites.len(), 1);
    assert!(fs::symlink_metadata(path.join("link.xml")).expect("it is there").is_symlink());
}

/// A sweep that asks the engine which part of the work is its own, with variables of the environment.
fn shard_of(flags: &[&str], variables: &[(&str, &str)]) -> crate::binary::Said {
    let arguments: Vec<&str> = ["sweep", "calm", "--seeds", "1..4", "--format", "json"]
        .iter()
        .chain(flags)
        .copied()
        .collect();
    let mut command = crate::binary::command(std::path::Path::new("."), &arguments);
    for name in ["CI_NODE_INDEX", "CI_NODE_TOTAL", "GITLAB_CI", "JOB_COMPLETION_INDEX"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    crate::binary::said(&mut command)
}

#[test]
fn an_engine_says_which_part_of_a_sweep_this_is() {
    let seeds = |said: &crate::binary::Said| -> Vec<u64> {
        let lines = said.json_lines();
        let runs = lines.iter().filter(|line| line["kind"] == "run");
        runs.map(|run| run["coordinate"]["seed"].as_u64().expect("a seed")).collect()
    };
    let kubernetes = [("JOB_COMPLETION_INDEX", "1"), ("HARROW_SHARDS", "2")];
    let auto = shard_of(&["--shard", "auto"], &kubernetes);
    assert_eq!(seeds(&auto), [2, 4]);
    assert!(
        auto.stderr.contains("shard 2/2 (from JOB_COMPLETION_INDEX and HARROW_SHARDS)"),
        "{}",
        auto.stderr
    );
    assert_eq!(seeds(&shard_of(&[], &kubernetes)), [1, 2, 3, 4], "never without being asked");
    assert_eq!(seeds(&shard_of(&[], &[("HARROW_SHARD", "1/2")])), [1, 3]);
    assert_eq!(seeds(&shard_of(&["--shard", "2/4"], &[("HARROW_SHARD", "1/2")])), [2]);
    assert_eq!(seeds(&shard_of(&["--shard", "auto"], &[])), [1, 2, 3, 4]);
    shard_of(&["--shard", "auto"], &[("JOB_COMPLETION_INDEX", "1")])
        .refuses_with(&["JOB_COMPLETION_INDEX (Kubernetes), but no count", "HARROW_SHARDS=N"]);
}
