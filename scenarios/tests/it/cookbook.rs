//! The cookbook's recipes are run as they stand: what the page shows is what the binary says, and the Rust test in it
//! is the example that is built here.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use crate::pages::{blocks, compare, renewed, root};

const PAGE: &str = "scenarios/COOKBOOK.md";

/// Opens the block of code that the example's file is in.
const CODE: &str = "```rust";

/// A place like the workspace's root, in which what commands leave is in nobody's way.
fn kitchen() -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    for part in ["scenarios", "reports"] {
        symlink(root().join(part), directory.path().join(part)).expect("it takes links");
    }
    directory
}

/// The lines with the example's file in its block.
fn with_code(lines: &[String]) -> Vec<String> {
    let example = root().join("scenarios/examples/rust-test/tests/orders.rs");
    let example = fs::read_to_string(example).expect("the example is there");
    let start = lines.iter().position(|line| line == CODE).expect("the page shows a test") + 1;
    let end = start + lines[start..].iter().take_while(|line| *line != "```").count();
    let mut now = lines.to_vec();
    now.splice(start..end, example.lines().map(str::to_owned));
    now
}

#[test]
fn what_the_recipes_show_is_what_the_binary_says() {
    let path = root().join(PAGE);
    let text = fs::read_to_string(&path).expect("there is a cookbook");
    let lines: Vec<&str> = text.lines().collect();
    let recipes = lines.iter().filter(|line| line.starts_with("## ")).count();
    assert_eq!(recipes, 10, "ten recipes");
    let blocks = blocks(&lines);
    assert!(blocks.len() > recipes, "each recipe but the last has its command");
    let kitchen = kitchen();
    let now = with_code(&renewed(&lines, &blocks, kitchen.path()));
    assert!(kitchen.path().join("harrow.xml").is_file(), "files are left, too");
    compare(&path, "cookbook", &now);
}
