//! The XML of `JUnit`.

use std::io::{self, Write};
use std::time::Duration;

use harrow_reports::verdict::Outcome;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::case::Case;

/// A suite for each scenario, in the order in which they came first.
pub(super) fn write(cases: &[Case], file: &mut dyn Write) -> io::Result<()> {
    let mut report = Report::new("harrow");
    let mut suites: Vec<TestSuite> = Vec::new();
    let mut total = Duration::ZERO;
    for case in cases {
        let time = Duration::from_millis(case.wall_ms);
        total += time;
        let known = suites.iter().position(|suite| suite.name.as_str() == case.suite);
        let at = known.unwrap_or_else(|| {
            suites.push(TestSuite::new(case.suite.as_str()));
            suites.len() - 1
        });
        let suite = &mut suites[at];
        suite.set_time(suite.time.unwrap_or_default() + time);
        suite.add_test_case(test_case(case, time));
    }
    report.set_time(total).add_test_suites(suites);
    report.serialize(file).map_err(io::Error::other)
}

/// A violation is a failure; what is inconclusive is an error, as it says nothing of what was to be shown.
fn test_case(case: &Case, time: Duration) -> TestCase {
    let mut status = match case.outcome {
        Outcome::Held => TestCaseStatus::success(),
        Outcome::Violated => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    if let Some(first) = case.problems.first() {
        status.set_type(first.title.as_str()).set_message(first.summary.as_str());
        status.set_description(case.text());
    }
    let mut test = TestCase::new(case.name.as_str(), status);
    test.set_classname(case.suite.as_str()).set_time(time);
    test
}
