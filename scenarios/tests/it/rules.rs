//! `broker-model/RULES.md` and the code agree: every file, function and test that it names is there, and every rule
//! that a comment names has its row.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn model() -> PathBuf {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.expect("the package is in the workspace").join("broker-model")
}

/// One row of a table.
struct Row<'a> {
    number: &'a str,
    kafka: &'a str,
    ours: &'a str,
    test: &'a str,
}

fn rows(text: &str) -> Vec<Row<'_>> {
    text.lines()
        .filter(|line| line.starts_with("| 2."))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [number, _, kafka, ours, test] = cells[..] else {
                panic!("five cells make a row, not {}: {line}", cells.len());
            };
            Row { number, kafka, ours, test }
        })
        .collect()
}

/// What stands in backticks: files, each with the functions that come after it.
fn named(cell: &str) -> Vec<(&str, &str)> {
    let mut file = None;
    let mut pairs = Vec::new();
    for word in cell.split('`').skip(1).step_by(2) {
        if Path::new(word).extension().is_some() {
            file = Some(word);
        } else {
            pairs.push((file.unwrap_or_else(|| panic!("no file before `{word}`")), word));
        }
    }
    pairs
}

/// Complaints about functions that are not where the cell says.
fn missing(cell: &str) -> Vec<String> {
    let lacks = |(file, function): (&str, &str)| -> Option<String> {
        let text = fs::read_to_string(model().join("src").join(file));
        let Ok(text) = text else { return Some(format!("there is no src/{file}")) };
        let is_there =
            text.contains(&format!("fn {function}(")) || text.contains(&format!("fn {function}<"));
        (!is_there).then(|| format!("src/{file} has no function `{function}`"))
    };
    named(cell).into_iter().filter_map(lacks).collect()
}

#[test]
fn what_the_rules_name_is_there() {
    let text = fs::read_to_string(model().join("RULES.md")).expect("there are rules");
    let rows = rows(&text);
    assert!(rows.len() > 40, "only {} rows were found", rows.len());
    let mut complaints = Vec::new();
    for Row { number, kafka, ours, test } in &rows {
        let mut complain = |what: String| complaints.push(format!("rule {number}: {what}"));
        if kafka.is_empty() {
            complain("no source in Kafka".to_owned());
        }
        if ours.starts_with("absent: ") {
            assert!(test.is_empty(), "rule {number}: nothing can test what is absent");
            continue;
        }
        if named(ours).is_empty() || named(test).is_empty() {
            complain("a rule has a function and a test, or is absent and why".to_owned());
        }
        missing(ours).into_iter().chain(missing(test)).for_each(complain);
    }
    assert!(complaints.is_empty(), "RULES.md:\n{}", complaints.join("\n"));
}

#[test]
fn every_rule_that_a_comment_names_has_its_row() {
    let text = fs::read_to_string(model().join("RULES.md")).expect("there are rules");
    let mut known: BTreeSet<&str> = rows(&text).iter().map(|row| row.number).collect();
    known.extend(text.lines().filter_map(|line| line.strip_prefix("## ")?.split(' ').next()));
    let mut seen = 0;
    let mut complaints = Vec::new();
    let root = model().parent().expect("the workspace").to_owned();
    for folder in ["broker-model/src", "sim/src", "reports/src", "scenarios/src"] {
        for (path, text) in sources(&root.join(folder)) {
            for (at, line) in text.lines().enumerate() {
                for number in rules_in(line) {
                    seen += 1;
                    if !known.contains(number) {
                        let place = path.strip_prefix(&root).expect("inside").display().to_string();
                        complaints.push(format!("{place}:{}: rule {number} has no row", at + 1));
                    }
                }
            }
        }
    }
    assert!(seen > 20, "only {seen} mentions of rules were found");
    assert!(complaints.is_empty(), "RULES.md:\n{}", complaints.join("\n"));
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the workspace can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are text");
            found.push((path, text));
        }
    }
    found
}

/// Numbers after the word `rule` or `rules`, lists such as "rules 2.1.9 and 2.7" included.
fn rules_in(line: &str) -> Vec<&str> {
    let lower = line.to_lowercase();
    let mut found = Vec::new();
    for (at, word) in lower.match_indices("rule") {
        let after = at + word.len();
        let tail = line[after..].strip_prefix('s').unwrap_or(&line[after..]);
        let Some(tail) = tail.strip_prefix(' ') else { continue };
        for word in tail.split([' ', ',', ';', ')', ':']) {
            let number = word.trim_end_matches('.');
            let is_number = number.starts_with("2.")
                && number.split('.').all(|part| part.parse::<u32>().is_ok());
            if is_number {
                found.push(number);
            } else if !["and", "to", "or", ""].contains(&word) {
                break;
            }
        }
    }
    found
}

#[test]
fn rules_are_found_in_comments() {
    assert_eq!(rules_in("/// Source: rules 2.1.9 and 2.7."), ["2.1.9", "2.7"]);
    assert_eq!(rules_in("//! Rule 2.10, KIP-966"), ["2.10"]);
    assert_eq!(rules_in("(rules 2.4.3 to 2.4.5)"), ["2.4.3", "2.4.5"]);
    assert!(rules_in("one rule in two files of 2.1").is_empty());
}

#[test]
fn a_function_that_is_gone_is_missed() {
    assert_eq!(missing("`log/mod.rs` `append_as_leader`"), Vec::<String>::new());
    assert_eq!(missing("`log/mod.rs` `no_such_rule`").len(), 1);
    assert_eq!(missing("`log/no_such_file.rs` `open`").len(), 1);
}
