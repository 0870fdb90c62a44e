//! Where two runs part, through the binary.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary::{Said, harrow, harrow_in};

fn said(line: &str) -> Said {
    harrow(&line.split(' ').collect::<Vec<_>>())
}

#[test]
fn a_defect_parts_two_runs_where_it_first_matters() {
    let run = said("diff quick-failover --seed 9 --other-defect truncate-to-hw --format json");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let found = run.json();
    assert_eq!((&found["schema"], &found["kind"]), (&json!(1), &json!("diff")));
    assert_eq!(found["sides"][0]["outcome"], "held");
    assert_eq!(found["sides"][1]["outcome"], "violated");
    let plans = found["plans"].as_array().expect("a list");
    assert!(
        plans.iter().any(|one| one.as_str().is_some_and(|one| one.contains("defects"))),
        "{plans:?}"
    );
    let fact = &found["first_fact"];
    let kinds: Vec<&Value> = (0..2).map(|side| &fact[side]["kind"]).collect();
    assert!(kinds.contains(&&json!("truncated")), "a cut is where they part: {fact}");
    let broken = found["sides"][1]["findings"].as_array().expect("findings");
    assert!(
        broken
            .iter()
            .any(|one| one.as_str().is_some_and(|one| one.contains("committed-truncation")))
    );
    let human = said("diff quick-failover --seed 9 --other-defect truncate-to-hw");
    for part in [
        "the first fact that differs:",
        "only other is broken: committed-truncation breaks durability",
    ] {
        assert!(human.stdout.contains(part), "{part} in\n{}", human.stdout);
    }
}

#[test]
fn the_same_run_does_not_differ_and_another_seed_does() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path();
    harrow_in(path, &["run", "calm", "--seed", "3", "--out", "a"]);
    fs::copy(path.join("a/plan.json"), path.join("b.json")).expect("it takes files");
    let same = harrow_in(path, &["diff", "a", "b.json"]);
    assert_eq!(same.code, 0, "{}", same.stderr);
    assert!(same.stdout.contains("the runs are the same, event for event"), "{}", same.stdout);
    let other =
        harrow_in(path, &["diff", "calm", "--seed", "3", "--other-seed", "4", "--format", "json"]);
    assert!(other.json()["first"].is_array(), "{}", other.stdout);
}

#[test]
fn slips_are_told_with_what_would_be_right() {
    said("diff calm --seed 1").refuses_with(&["nothing to hold it against", "--other-seed"]);
    said("diff calm --other-seed 1").refuses_with(&["no seed", "--seed"]);
    said("diff calm calm --seed 1").refuses_with(&["is no plan to hold against calm"]);
    said("diff nowhere.json").refuses_with(&["give a second plan"]);
    said("diff nowhere.json there.json").refuses_with(&["failed to read the plan nowhere.json"]);
    said("diff a.json b.json --seed 1").refuses_with(&["a plan has its seed"]);
}
