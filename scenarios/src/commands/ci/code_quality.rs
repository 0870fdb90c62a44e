//! GitLab's code quality report: an array of issues, each with a place and a fingerprint that is its own.

use std::io::{self, Write};

use harrow_reports::verdict::Outcome;
use serde::Serialize;

use super::case::{Case, Problem};
use crate::pipeline::hash_of;

#[derive(Serialize)]
struct Issue<'a> {
    description: String,
    check_name: &'a str,
    fingerprint: String,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Serialize)]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

/// One issue for each problem of each run that did not hold.
pub(super) fn write(cases: &[Case], file: &mut dyn Write) -> io::Result<()> {
    let of_case = |case| -> Vec<Issue<'_>> { issues(case) };
    let issues: Vec<Issue<'_>> = cases.iter().flat_map(of_case).collect();
    serde_json::to_writer_pretty(&mut *file, &issues)?;
    file.write_all(b"\n")
}

fn issues(case: &Case) -> Vec<Issue<'_>> {
    let issue = |problem| -> Issue<'_> { issue(case, problem) };
    case.problems.iter().map(issue).collect()
}

fn issue<'a>(case: &'a Case, problem: &'a Problem) -> Issue<'a> {
    let Problem { title, summary, fingerprint } = problem;
    let severity = if case.outcome == Outcome::Violated { "critical" } else { "minor" };
    // The same kind of failure at another seed is another issue: GitLab shows one of those that are equal.
    let place = [case.suite.as_str(), &case.name, fingerprint, summary].join("\n");
    Issue {
        description: format!("{} {}: {summary} ({})", case.suite, case.name, case.command),
        check_name: title,
        fingerprint: hash_of(place.as_bytes()),
        severity,
        location: Location { path: &case.file, lines: Lines { begin: 1 } },
    }
}
