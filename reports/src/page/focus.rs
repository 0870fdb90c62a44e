//! The moment of a finding: where the page opens.

use harrow_sim::biography::MomentKind;
use harrow_sim::run::Run;
use serde::Serialize;

use super::columns::micros;
use crate::verdict::Finding;

/// Where and when, as far as it is known; times in microseconds.
#[derive(Debug, Default, Serialize)]
pub(super) struct Focus {
    anomaly: String,
    at: Option<u64>,
    node: Option<i32>,
    partition: Option<String>,
    offset: Option<i64>,
}

pub(super) fn of(finding: &Finding, run: &Run) -> Focus {
    let seen = run.violations.iter().find(|violation| {
        violation.anomaly == finding.anomaly && finding.summary.ends_with(&violation.summary)
    });
    let record = finding.record.as_ref();
    let found = Focus {
        anomaly: finding.anomaly.clone(),
        partition: record.map(|record| record.partition.clone()),
        offset: record.map(|record| record.offset),
        ..Focus::default()
    };
    if let Some(violation) = seen {
        return Focus { at: Some(micros(violation.at_ns)), node: Some(violation.node.0), ..found };
    }
    let worst = finding.biography.iter().find(|moment| {
        matches!(moment.kind, MomentKind::Lost { .. } | MomentKind::Truncated { .. })
    });
    if let Some(moment) = worst {
        let node = moment.node.map(|node| node.0);
        return Focus { at: Some(micros(moment.at_ns)), node, ..found };
    }
    let told = finding.evidence.iter().rev().find_map(|line| leading_time(line));
    Focus { at: told, ..found }
}

/// The time that a line of evidence begins with, such as `6.552444s`.
fn leading_time(line: &str) -> Option<u64> {
    let (time, _) = line.split_once("s ")?;
    let (seconds, fraction) = time.split_once('.')?;
    let digits = fraction.get(..6.min(fraction.len()))?;
    let scale = 10_u64.pow(6 - digits.len() as u32);
    Some(seconds.parse::<u64>().ok()? * 1_000_000 + digits.parse::<u64>().ok()? * scale)
}

#[cfg(test)]
mod tests {
    use super::leading_time;

    #[test]
    fn evidence_begins_with_its_time() {
        assert_eq!(leading_time("6.552444s node 1 was elected"), Some(6_552_444));
        assert_eq!(leading_time("3.5s crash"), Some(3_500_000));
        assert_eq!(leading_time("committed up to 426; held by node 3"), None);
        assert_eq!(leading_time("it has 2.x s of"), None);
    }
}
