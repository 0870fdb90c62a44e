//! The names that a page shows, in plain words.

use harrow_sim::run::Run;
use serde::Serialize;

use crate::explain::explain;
use crate::report::Report;

/// What a name means.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the page calls it so")]
pub(super) struct Meaning {
    name: &'static str,
    kind: &'static str,
    meaning: &'static str,
    legal: &'static str,
    source: &'static str,
}

/// Of what was found and is legal first, then of the faults.
pub(super) fn of(report: &Report, run: &Run) -> Vec<Meaning> {
    let found = report.findings.iter();
    let found = found.flat_map(|finding| [finding.anomaly.as_str(), finding.guarantee.as_str()]);
    let legal = report.excused.iter().map(|excuse| excuse.anomaly.as_str());
    let defects = report.rules.defects.iter().map(|defect| defect.name());
    let faults = run.faults.iter().map(|fault| fault.kind.as_str());
    let mut meanings: Vec<Meaning> = Vec::new();
    for name in found.chain(legal).chain(defects).chain(faults) {
        if meanings.iter().any(|known| known.name == name) {
            continue;
        }
        meanings.extend(explain(name).map(|entry| Meaning {
            name: entry.name,
            kind: entry.kind.name(),
            meaning: entry.meaning,
            legal: entry.legal,
            source: entry.source,
        }));
    }
    meanings
}
