//! The examples in HISTORY.md are histories, with the verdicts that it tells.

use harrow_reports::history_file::HISTORY_VERSION;
use harrow_reports::verdict::Outcome;

use super::{judged, read};

const DOCUMENT: &str = include_str!("../../../HISTORY.md");

/// The example of the document.
fn example() -> &'static str {
    let (_, rest) = DOCUMENT.split_once("```json\n").expect("there is an example");
    rest.split_once("```").expect("it ends").0
}

#[test]
fn the_example_holds() {
    let recorded = read(example().as_bytes()).expect("it is right");
    assert_eq!((recorded.complete, recorded.lines), (true, 12));
    let verdict = judged(&recorded);
    assert_eq!(verdict.outcome, Outcome::Held, "{verdict:?}");
}

#[test]
fn the_example_without_its_record_is_a_loss() {
    let lost = example().replace("[[0,\"a\"],[1,\"b\"]]", "[[1,\"b\"]]").replace(
        "\"ok\",\"f\":\"poll\",\"value\":[[\"poll\",{\"orders-0\":[[0,\"a\"]]}]]",
        "\"ok\",\"f\":\"poll\",\"value\":[[\"poll\",{}]]",
    );
    let verdict = judged(&read(lost.as_bytes()).expect("it is right"));
    assert_eq!(verdict.outcome, Outcome::Violated);
    assert_eq!(verdict.findings[0].anomaly, "lost-write");
}

#[test]
fn the_document_names_the_version() {
    assert!(DOCUMENT.contains(&format!("{{\"harrow_history\":{HISTORY_VERSION}}}")));
    assert!(DOCUMENT.starts_with(&format!("# The history format, version {HISTORY_VERSION}\n")));
}
