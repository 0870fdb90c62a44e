//! The uses are run as their document shows them: each has its scenario, its promise, and what the configuration that
//! many use instead costs.

use std::fs;

use harrow_scenarios::catalogue::find;
use tempfile::TempDir;

use crate::pages::{blocks, compare, renewed, root};

const PAGE: &str = "scenarios/USES.md";

#[test]
fn what_the_uses_show_is_what_the_binary_says() {
    let path = root().join(PAGE);
    let text = fs::read_to_string(&path).expect("there is such a document");
    let lines: Vec<&str> = text.lines().collect();
    let blocks = blocks(&lines);
    let directory = TempDir::new().expect("a temporary directory");
    compare(&path, "uses", &renewed(&lines, &blocks, directory.path()));
}

/// As it should be, nothing is violated; otherwise set, the same scenario is told of a cost.
#[test]
fn each_use_is_shown_as_it_should_be_and_with_what_it_costs_otherwise() {
    let text = fs::read_to_string(root().join(PAGE)).expect("there is such a document");
    let sections: Vec<&str> = text.split("\n## ").skip(1).collect();
    let rows = text.lines().filter(|line| line.starts_with("| [`")).count();
    assert_eq!(rows, sections.len(), "each use has its row, and each row its section");
    assert!(rows >= 7, "no use is left out");
    for section in sections {
        let name = section.lines().next().unwrap_or_default();
        assert!(find(name).is_some(), "{name} is in the catalogue");
        let lines: Vec<&str> = section.lines().collect();
        let blocks = blocks(&lines);
        let said = |block: usize| lines[blocks[block].lines.0..blocks[block].lines.1].join(" ");
        assert!(blocks.len() > 1, "{name} is shown as it is and otherwise");
        let plain = |argument: &String| !argument.starts_with("--set") && argument != "--hold";
        assert!(blocks[0].arguments.iter().all(plain), "{name} is shown as it is first");
        assert!(said(0).contains("held as promised"), "{name}: {}", said(0));
        for (position, block) in blocks.iter().enumerate().skip(1) {
            assert!(block.arguments.contains(&"--set".to_owned()), "{name} is set otherwise");
            let said = said(position);
            let costs = ["legal ", "violated ", "failed, "].iter().any(|cost| said.contains(cost));
            assert!(costs, "{name}: what does it cost? {said}");
        }
    }
}
