//! Pages that show commands with their output: each is run again and compared, but for the commit and the time it took.
//!
//! When figures have changed for a good reason, `HARROW_README=write cargo test -p harrow-scenarios --test it readme`
//! (or `cookbook`, `coverage`, `examples`) writes what is said now into the page.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binary;

/// Longer lines of the output are wrapped.
pub(crate) const COLUMNS_MAX: usize = 116;

/// What stands before a command.
const PROMPT: &str = "    $ harrow ";

pub(crate) fn root() -> PathBuf {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.expect("the package is in the workspace").to_owned()
}

/// A block of a page: where its output stands, and the command that says it.
pub(crate) struct Block {
    /// First line of the output and the line after it.
    pub(crate) lines: (usize, usize),
    pub(crate) arguments: Vec<String>,
    /// The file that it reads: `< FILE` behind the command.
    pub(crate) input: Option<String>,
}

impl Block {
    /// A command, as a line has it behind `harrow`, whose output begins at a line.
    pub(crate) fn new(command: &str, start: usize, page: &[&str]) -> Self {
        let (command, input) = match command.split_once(" < ") {
            Some((command, file)) => (command, Some(file.to_owned())),
            None => (command, None),
        };
        Self { lines: (start, end(page, start)), arguments: arguments(command), input }
    }
}

/// All commands of a page that have a prompt.
pub(crate) fn blocks(page: &[&str]) -> Vec<Block> {
    let rows = page.iter().enumerate();
    let commands = rows.filter_map(|(at, line)| Some((at, line.strip_prefix(PROMPT)?)));
    commands.map(|(at, command)| Block::new(command, at + 1, page)).collect()
}

/// As a shell reads them, as far as pages go: what stands in single quotes is one word.
fn arguments(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in command.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// The line after an indented block, which may have empty lines in it; the next command begins another one.
fn end(page: &[&str], start: usize) -> usize {
    let is_said =
        |line: &&&str| (line.is_empty() || line.starts_with("    ")) && !line.starts_with(PROMPT);
    let rest = page[start..].iter().take_while(is_said);
    let mut end = start + rest.count();
    while page[end - 1].is_empty() {
        end -= 1;
    }
    end
}

/// What the binary says in a directory, as pages have it; of what it refuses, why. The commit is always the same one,
/// so that lines are wrapped alike whatever the binary was built from.
fn said(directory: &Path, block: &Block) -> Vec<String> {
    let mut command = binary::command(directory, &block.arguments);
    if let Some(file) = &block.input {
        command.write_stdin(fs::read(directory.join(file)).expect("the page's file is there"));
    }
    let said = binary::said(&mut command);
    let text = if said.code == 2 { said.stderr } else { said.stdout };
    of_any_commit(text.trim_end()).lines().flat_map(wrapped).collect()
}

/// The text with one commit in place of each that it names in brackets.
fn of_any_commit(text: &str) -> String {
    const BEFORE: &str = "(commit ";
    let mut parts = text.split(BEFORE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |before, part| {
        let rest = part.split_once(')').map_or(part, |(_, rest)| rest);
        format!("{before}{BEFORE}0123456789ab){rest}")
    })
}

/// The page with what its commands say now.
pub(crate) fn renewed(page: &[&str], blocks: &[Block], directory: &Path) -> Vec<String> {
    let mut now: Vec<String> = Vec::new();
    let mut told = 0;
    for block in blocks {
        let (start, end) = block.lines;
        now.extend(page[told..start].iter().map(|&line| line.to_owned()));
        let said = said(directory, block);
        assert!(!said.is_empty(), "{:?} says nothing", block.arguments);
        now.extend(shown(&page[start..end], &said));
        told = end;
    }
    now.extend(page[told..].iter().map(|&line| line.to_owned()));
    now
}

/// Compares a page with what it should be, or writes that, if it was asked for.
pub(crate) fn compare(path: &Path, test: &str, now: &[String]) {
    if std::env::var("HARROW_README").is_ok_and(|wish| wish == "write") {
        fs::write(path, now.join("\n") + "\n").expect("the page can be written");
        return;
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let stale: Vec<&String> = now.iter().filter(|line| !lines.contains(&line.as_str())).collect();
    assert!(
        now == lines,
        "{} shows something else; lines that it lacks:\n{stale:#?}\nto write all of it there:\n  \
         HARROW_README=write cargo test -p harrow-scenarios --test it {test}\n",
        path.display()
    );
}

/// Indents a line; what is too long goes on below its beginning.
pub(crate) fn wrapped(line: &str) -> Vec<String> {
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
pub(crate) const LEFT_OUT: &str = "    ...";

/// What is said, as a block shows it: all of it, or parts, of which each is as long as it was. The first part begins
/// where the output does and the last one ends there, unless lines are left out before or after it; any other part
/// begins with the line that is most like its first one was.
pub(crate) fn shown(old: &[&str], said: &[String]) -> Vec<String> {
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
pub(crate) fn with_parts_of(line: &str, other: &str) -> String {
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
