//! What the README shows is what the binary says: every block with a command is run again, in the workspace's root, and
//! compared, but for the commit and the time it took.
//!
//! When figures have changed for a good reason, `HARROW_README=write cargo test -p harrow-scenarios --test it readme`
//! writes what is said now into the README.

use std::fs;
use std::path::{Path, PathBuf};

use harrow_broker_model::defect::Defect;

use crate::binary;

/// Longer lines of the output are wrapped in the README.
const COLUMNS_MAX: usize = 116;

/// Said before the block of the README's first command, which cargo runs.
const FIRST: &str = "The first ends with a verdict:";
const BY_CARGO: &str = "    cargo run --release -- ";

fn root() -> PathBuf {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.expect("the package is in the workspace").to_owned()
}

/// A block of the README: where its output stands, and the command that says it.
struct Block {
    /// First line of the output and the line after it.
    lines: (usize, usize),
    arguments: Vec<String>,
}

fn blocks(readme: &[&str]) -> Vec<Block> {
    let by_cargo = readme.iter().find_map(|line| line.strip_prefix(BY_CARGO));
    let by_cargo = by_cargo.expect("the README begins with a command");
    let mut blocks = Vec::new();
    for (at, line) in readme.iter().enumerate() {
        let (command, start) = match line.strip_prefix("    $ harrow ") {
            Some(command) => (command, at + 1),
            None if *line == FIRST => (by_cargo, at + 2),
            None => continue,
        };
        let arguments = command.split_whitespace().map(str::to_owned).collect();
        blocks.push(Block { lines: (start, end(readme, start)), arguments });
    }
    blocks
}

/// The line after an indented block, which may have empty lines in it.
fn end(readme: &[&str], start: usize) -> usize {
    let rest = readme[start..].iter().take_while(|l| l.is_empty() || l.starts_with("    "));
    let mut end = start + rest.count();
    while readme[end - 1].is_empty() {
        end -= 1;
    }
    end
}

/// What the binary says, as the README has it.
fn said(arguments: &[String]) -> Vec<String> {
    let text = binary::said(&mut binary::command(&root(), arguments)).stdout;
    text.trim_end().lines().flat_map(wrapped).collect()
}

/// Indents a line; what is too long goes on below its beginning.
fn wrapped(line: &str) -> Vec<String> {
    if line.is_empty() {
        return vec![String::new()];
    }
    let text = line.trim_start();
    let indent = line.len() - text.len() + 4;
    let mut lines = vec![" ".repeat(indent)];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is one");
        let is_first = last.trim().is_empty();
        if !is_first && last.chars().count() + 1 + word.chars().count() > COLUMNS_MAX {
            lines.push(format!("{}{word}", " ".repeat(indent + 2)));
        } else {
            last.push_str(if is_first { "" } else { " " });
            last.push_str(word);
        }
    }
    lines
}

/// The parts of a line that differ from one machine to the next, each by what stands before and after it.
const FOREIGN: [(&str, &str); 4] = [
    ("(commit ", ")"),
    (" simulated in ", " ms"),
    (", judged in ", " ms"),
    (" runs in ", " a second"),
];

/// Stands in a block for lines that are left out.
const LEFT_OUT: &str = "    ...";

/// What is said, as a block shows it: all of it, or parts, of which each is as long as it was. The first part begins
/// where the output does and the last one ends there, unless lines are left out before or after it; any other part
/// begins with the line that is most like its first one was.
fn shown(old: &[&str], said: &[String]) -> Vec<String> {
    let parts: Vec<&[&str]> = old.split(|line| *line == LEFT_OUT).collect();
    let last = parts.len() - 1;
    let mut shown = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            shown.push(LEFT_OUT.to_owned());
        }
        let Some(first) = part.first() else { continue };
        let start = match index {
            0 => 0,
            _ if index == last => said.len().saturating_sub(part.len()),
            _ => most_like(first, said),
        };
        let end = if last == 0 { said.len() } else { said.len().min(start + part.len()) };
        let old = |at: usize| part.get(at).copied().unwrap_or("");
        let rows = said[start..end].iter().enumerate();
        shown.extend(rows.map(|(at, line)| with_parts_of(line, old(at))));
    }
    shown
}

/// Where the line stands that has the longest beginning in common with this one.
fn most_like(line: &str, said: &[String]) -> usize {
    let common = |other: &str| line.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let places = (0..said.len()).rev();
    places.max_by_key(|place| common(&said[*place])).unwrap_or(0)
}

/// A line with its foreign parts as they are in the other one.
fn with_parts_of(line: &str, other: &str) -> String {
    let mut line = line.to_owned();
    for (before, after) in FOREIGN {
        let part = |text: &str| -> Option<(usize, usize)> {
            let start = text.find(before)? + before.len();
            Some((start, start + text[start..].find(after)?))
        };
        if let (Some((start, end)), Some(theirs)) = (part(&line), part(other)) {
            line.replace_range(start..end, &other[theirs.0..theirs.1]);
        }
    }
    line
}

#[test]
fn what_the_readme_shows_is_what_the_binary_says() {
    let path = root().join("README.md");
    let text = fs::read_to_string(&path).expect("there is a README");
    let lines: Vec<&str> = text.lines().collect();
    let blocks = blocks(&lines);
    assert_eq!(
        blocks.len(),
        5,
        "the headline, the first run, a history that is checked, an incident twice"
    );
    let mut now: Vec<String> = Vec::new();
    let mut told = 0;
    for block in &blocks {
        let (start, end) = block.lines;
        now.extend(lines[told..start].iter().map(|&line| line.to_owned()));
        let said = said(&block.arguments);
        assert!(!said.is_empty(), "{:?} says nothing", block.arguments);
        now.extend(shown(&lines[start..end], &said));
        told = end;
    }
    now.extend(lines[told..].iter().map(|&line| line.to_owned()));
    let now = with_defects(now);
    if std::env::var("HARROW_README").is_ok_and(|wish| wish == "write") {
        fs::write(&path, now.join("\n") + "\n").expect("the README can be written");
        return;
    }
    let stale: Vec<&String> = now.iter().filter(|line| !lines.contains(&line.as_str())).collect();
    assert!(
        now == lines,
        "the README shows something else; lines that it lacks:\n{stale:#?}\nto write all of it there:\n  \
         HARROW_README=write cargo test -p harrow-scenarios --test it readme\n",
    );
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
