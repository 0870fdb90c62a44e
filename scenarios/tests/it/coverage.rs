//! The table of what the catalogue covers is what the command says, and nothing is in it that it does not bear out.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use harrow_broker_model::defect::Defect;
use serde_json::Value;

use crate::binary::harrow;
use crate::pages::{compare, root};

/// As machines are told, by one run of each scenario.
pub(crate) static COVERAGE: LazyLock<Value> =
    LazyLock::new(|| harrow(&["coverage", "--seeds", "1..1", "--format", "json"]).json());

fn names(rows: &Value, key: &str) -> BTreeSet<String> {
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|row| row[key].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn the_document_is_what_the_command_says() {
    let told = harrow(&["coverage"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    let now: Vec<String> = told.stdout.lines().map(str::to_owned).collect();
    compare(&root().join("scenarios/COVERAGE.md"), "coverage", &now);
}

#[test]
fn every_bug_rule_invariant_and_asked_mark_is_told_of() {
    let told = &*COVERAGE;
    let defects: BTreeSet<String> = Defect::all().map(|it| it.name().to_owned()).collect();
    assert_eq!(names(&told["defects"], "name"), defects);
    let invariants: BTreeSet<String> =
        harrow_sim::watch::invariants().map(|it| it.name.to_owned()).collect();
    assert_eq!(names(&told["invariants"], "name"), invariants);
    let rules = told["rules"].as_object().expect("an object");
    let text = std::fs::read_to_string(root().join("broker-model/RULES.md")).expect("it is there");
    let rows = text.lines().filter(|line| line.starts_with("| 2."));
    assert_eq!(rows.count(), rules.len(), "each row of RULES.md is a rule");
    assert_eq!(
        rules["2.1.2"],
        serde_json::json!(["diverging-fetch-counts", "unknown-epoch-served"])
    );
    let row = told["defects"].as_array().expect("a list").iter();
    let row = row.clone().find(|row| row["name"] == "truncate-to-hw").expect("it is there");
    assert_eq!(row["anomaly"], "committed-truncation");
    assert!(row["invariant"].is_string(), "{row}");
    let marks: BTreeSet<String> =
        harrow_sim::reach::ALL.iter().map(|mark| (*mark).to_owned()).collect();
    assert_eq!(names(&told["marks"], "mark"), marks);
    let acked = told["marks"].as_array().expect("a list").iter();
    let acked = acked.clone().find(|row| row["mark"] == "records-acked").expect("it is there");
    let reached = acked["reached"].as_object().expect("an object").len();
    assert_eq!(reached, harrow_scenarios::catalogue::CATALOGUE.len(), "runs are looked at");
}
