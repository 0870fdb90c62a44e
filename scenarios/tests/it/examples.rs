//! Three small programs, a page each: what the page shows is what the binary says, and what it shows of the scenario is
//! in the scenario's file.

use std::fs;
use std::os::unix::fs::symlink;

use harrow_scenarios::format::parse;
use harrow_scenarios::planner::plan;
use tempfile::TempDir;

use crate::pages::{Block, blocks, compare, renewed, root};

/// Each page and its scenario.
const PROGRAMS: [(&str, &str); 3] = [
    ("PRODUCER-DIES.md", "producer-dies.toml"),
    ("offsets-expired.md", "offsets-expired.toml"),
    ("rebalanced-while-processing.md", "rebalanced-while-processing.toml"),
];

const EXAMPLES: &str = "scenarios/examples";

/// A place like the workspace's root, in which what commands leave is in nobody's way.
fn place() -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    symlink(root().join("scenarios"), directory.path().join("scenarios")).expect("it takes links");
    directory
}

/// What a page shows of its scenario: what is indented before the first command.
fn excerpt<'a>(page: &[&'a str], first: &Block) -> Vec<&'a str> {
    let before = &page[..first.lines.0 - 1];
    before.iter().filter_map(|line| line.strip_prefix("    ")).collect()
}

#[test]
fn what_the_programs_pages_show_is_what_the_binary_says() {
    for (page, scenario) in PROGRAMS {
        let path = root().join(EXAMPLES).join(page);
        let text = fs::read_to_string(&path).expect("the page is there");
        let lines: Vec<&str> = text.lines().collect();
        let blocks = blocks(&lines);
        let file = fs::read_to_string(root().join(EXAMPLES).join(scenario));
        let file = file.expect("the scenario is there");
        let mut rest = file.lines();
        for line in excerpt(&lines, &blocks[0]) {
            assert!(
                rest.any(|other| other == line),
                "{page} shows {line:?}, {scenario} has it not, or not there"
            );
        }
        assert!(blocks.len() >= 4, "{page}: a run, what happened in it, and what helps");
        let place = place();
        compare(&path, "examples", &renewed(&lines, &blocks, place.path()));
    }
}

/// Running it takes minutes: that it can be run, and lasts as long as it says.
#[test]
fn three_days_are_planned() {
    let path = root().join(EXAMPLES).join("three-days.toml");
    let text = fs::read_to_string(&path).expect("the scenario is there");
    let scenario = parse("three-days.toml", &text, &[]).unwrap_or_else(|error| panic!("{error:?}"));
    let drawn = plan(&scenario, 1);
    assert_eq!(drawn.heal_at_ms, 3 * 24 * 3_600_000);
    assert!(drawn.steps.len() > 150, "only {} steps", drawn.steps.len());
}
