//! What the README shows is what the binary says: every block with a command is run again, in the workspace's root, and
//! compared, but for the commit and the time it took.

use std::fs;

use harrow_broker_model::defect::Defect;

use crate::pages::{
    Block, COLUMNS_MAX, LEFT_OUT, blocks, compare, renewed, root, shown, with_parts_of, wrapped,
};

/// Said before the block of the README's first command, which cargo runs.
const FIRST: &str = "The first ends with a verdict:";
const BY_CARGO: &str = "    cargo run --release -- ";

/// The block of the first command, which has no prompt.
fn first(readme: &[&str]) -> Block {
    let by_cargo = readme.iter().find_map(|line| line.strip_prefix(BY_CARGO));
    let at = readme.iter().position(|line| *line == FIRST).expect("the README has it");
    Block::new(by_cargo.expect("the README begins with a command"), at + 2, readme)
}

#[test]
fn what_the_readme_shows_is_what_the_binary_says() {
    let path = root().join("README.md");
    let text = fs::read_to_string(&path).expect("there is a README");
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = blocks(&lines);
    blocks.push(first(&lines));
    blocks.sort_by_key(|block| block.lines);
    assert_eq!(
        blocks.len(),
        5,
        "the headline, the first run, a history that is checked, an incident twice"
    );
    compare(&path, "readme", &with_defects(renewed(&lines, &blocks, &root())));
}

/// The table of defects, from the catalogue.
fn defects() -> Vec<String> {
    let rows = Defect::all().map(Defect::entry).map(|entry| {
        let meaning = entry.meaning.trim_end_matches('.');
        let with: Vec<String> = entry.with.iter().map(|name| format!("`{name}`")).collect();
        let with = if with.is_empty() {
            String::new()
        } else {
            format!("; shows together with {}", with.join(", "))
        };
        format!("| `{}` | {meaning} ({}){with} | {} |", entry.name, entry.source, entry.affected)
    });
    rows.collect()
}

/// The lines with the rows of the table of defects as they should be.
fn with_defects(lines: Vec<String>) -> Vec<String> {
    let head = lines.iter().position(|line| line.starts_with("| defect |"));
    let head = head.expect("the README has a table of defects");
    let old = lines[head + 2..].iter().take_while(|line| line.starts_with('|')).count();
    let mut now = lines;
    now.splice(head + 2..head + 2 + old, defects());
    now
}

#[test]
fn long_lines_are_wrapped_below_their_beginning() {
    let long = format!("  - {}", "word ".repeat(30).trim_end());
    let lines = wrapped(&long);
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("      - word") && lines[1].starts_with("        word"));
    assert!(lines.iter().all(|line| line.len() <= COLUMNS_MAX), "{lines:?}");
}

#[test]
fn parts_of_an_output_are_found_again() {
    let said: Vec<String> =
        ["a", "b 2", "c", "d 2", "e", "z"].iter().map(|line| format!("    {line}")).collect();
    let of = |old: &[&str]| shown(old, &said).concat().replace("    ", " ");
    assert_eq!(of(&["    old"]), " a b 2 c d 2 e z");
    assert_eq!(of(&["    a", LEFT_OUT, "    y"]), " a ... z");
    assert_eq!(of(&[LEFT_OUT, "    d 1", "    e", LEFT_OUT]), " ... d 2 e ...");
}

#[test]
fn commit_and_time_are_those_of_the_readme() {
    let (now, then) =
        ("held (commit abc-dirty) simulated in 7 ms, x", "held (commit 0) simulated in 99 ms");
    assert_eq!(with_parts_of(now, then), "held (commit 0) simulated in 99 ms, x");
    assert_eq!(with_parts_of(now, "nothing"), now);
}
