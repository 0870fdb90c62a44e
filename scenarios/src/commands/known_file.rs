//! Files that Harrow leaves, known by how they begin: who gives the wrong one of them to a command is told which it is,
//! and not at which place it is no TOML.

use serde_json::Value;

/// What a file is, as a noun, if it is one that Harrow leaves. A head of it is enough.
pub(super) fn what_it_is(text: &str) -> Option<&'static str> {
    let first = text.trim_start().lines().next().unwrap_or_default();
    if first.to_lowercase().starts_with("<!doctype html") {
        return Some("a page for a browser");
    }
    if first.starts_with('#') {
        let words = [(" Columns: event, simulated time", "a trace in words")];
        let promised = "# What the clients of a history were promised";
        let config = first.starts_with(promised).then_some("the configuration of a history");
        return words
            .iter()
            .find(|(part, _)| first.contains(part))
            .map(|(_, what)| *what)
            .or(config);
    }
    if first.starts_with("{\"harrow_history\":") {
        return Some("a history of clients");
    }
    of_kind(&kind(first, text)?)
}

/// The `kind` of an object in one line, or of one that fills the file; `plan` has none, but steps.
fn kind(first: &str, text: &str) -> Option<String> {
    let object: Value = serde_json::from_str(first).or_else(|_| serde_json::from_str(text)).ok()?;
    let is_plan = object.get("steps").is_some() && object.get("cluster").is_some();
    let kind = object.get("kind").and_then(Value::as_str).or(is_plan.then_some("plan"));
    kind.map(str::to_owned)
}

fn of_kind(kind: &str) -> Option<&'static str> {
    let known = [
        ("plan", "a plan"),
        ("trace", "a trace in JSON lines"),
        ("run", "a report"),
        ("history", "a report on a history"),
        ("shrunk", "the result of a shrink, whose plan.json lies beside it"),
        ("receipt", "a receipt of a sweep"),
    ];
    known.iter().find(|(name, _)| *name == kind).map(|(_, what)| *what)
}

/// What would be right.
pub(super) const HELP: &str = "the directory that a run has left is what replay, shrink, report, trace, query and \
     debug take; beside a shrunk plan lies its scenario.toml; `harrow check` takes its history.jsonl, `harrow merge` a \
     directory of receipts; a scenario is a name from `harrow list` or a .toml file";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_how_they_begin() {
        let table = [
            ("<!doctype html>\n<html>", Some("a page for a browser")),
            ("# calm --seed 1. Columns: event, simulated time, node", Some("a trace in words")),
            ("{\"harrow_history\":2,\"partitions\":[]}\n{}", Some("a history of clients")),
            ("{\"schema\":1,\"kind\":\"trace\"}\n{\"row\":0}", Some("a trace in JSON lines")),
            ("{\n  \"schema\": 3,\n  \"cluster\": {},\n  \"steps\": []\n}", Some("a plan")),
            ("{\"schema\":2,\"kind\":\"run\"}", Some("a report")),
            (
                "# What the clients of a history were promised, and",
                Some("the configuration of a history"),
            ),
            ("# my own scenario\nname = \"x\"\n", None),
            ("[heal]\nat_ms = \n", None),
            ("", None),
        ];
        for (text, wanted) in table {
            assert_eq!(what_it_is(text), wanted, "{text}");
        }
    }
}
