//! What to run next, to copy.

use std::path::Path;

use serde::Serialize;

use crate::report::Report;
use crate::verdict::Outcome;

/// A command and what it does.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Command {
    what: String,
    command: String,
}

pub(super) fn of(report: &Report) -> Vec<Command> {
    let replay = &report.coordinate.replay;
    let mut commands =
        vec![Command { what: "See this run again".to_owned(), command: replay.clone() }];
    let shrunk = shrink(report).filter(|_| report.outcome == Outcome::Violated);
    commands.extend(shrunk.map(|command| Command {
        what: "Find the smallest plan that still fails like this".to_owned(),
        command,
    }));
    let mut names: Vec<&str> = Vec::new();
    for finding in &report.findings {
        let told = [finding.anomaly.as_str(), finding.guarantee.as_str()];
        names.extend(told.iter().filter(|name| crate::explain::explain(name).is_some()));
    }
    names.extend(
        report.rules.defects.iter().filter(|_| report.rules.kafka.is_none()).map(|one| one.name()),
    );
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
            let command = format!("harrow explain {name}");
            commands.push(Command { what: format!("Read what {name} means"), command });
        }
    }
    commands
}

/// The command that shrinks what was run. What was held to more than was promised is not shrunk.
fn shrink(report: &Report) -> Option<String> {
    let at = &report.coordinate;
    if !at.held_to.is_empty() {
        return None;
    }
    let run = at.replay.strip_prefix("harrow run ").filter(|words| !words.starts_with("- "));
    let plan = at
        .replay
        .strip_prefix("harrow replay ")
        .filter(|path| Path::new(path).extension().is_some_and(|it| it == "json"));
    run.or(plan).map(|words| format!("harrow shrink {words}"))
}
