//! Where the rules put what they find.

use std::collections::BTreeMap;

use super::anomaly::{Anomaly, Rules};
use super::facts::Facts;
use super::gap::Gap;
use super::occurrence::{Circumstance, Observation, Occurrence};
use super::options::Removal;

/// Collects what the enabled rules find.
pub(super) struct Found {
    pub(super) rules: Rules,
    pub(super) list: Vec<Occurrence>,
    /// What was passed over without a record in it, for those to whom it may still become known.
    pub(super) gaps: Option<Vec<Gap>>,
    pub(super) removed: BTreeMap<(u32, Removal), u64>,
}

impl Found {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, list: Vec::new(), gaps: None, removed: BTreeMap::new() }
    }

    /// Adds an occurrence; its times come from the operations concerned.
    pub(super) fn add(
        &mut self,
        facts: &impl Facts,
        anomaly: Anomaly,
        partition: u32,
        subject: Observation,
        other: Option<Observation>,
    ) {
        self.add_with(facts, anomaly, partition, (subject, other), Circumstance::Plain);
    }

    /// The same, with a circumstance.
    pub(super) fn add_with(
        &mut self,
        facts: &impl Facts,
        anomaly: Anomaly,
        partition: u32,
        (subject, other): (Observation, Option<Observation>),
        circumstance: Circumstance,
    ) {
        if self.rules.has(anomaly) {
            let plain = Occurrence::of(facts.history(), anomaly, partition, (subject, other));
            self.list.push(Occurrence { circumstance, ..plain });
        }
    }

    /// The same, where it shows no earlier than at a time.
    pub(super) fn add_shown(
        &mut self,
        facts: &impl Facts,
        anomaly: Anomaly,
        partition: u32,
        (subject, other): (Observation, Option<Observation>),
        shown_ns: Option<u64>,
    ) {
        if self.rules.has(anomaly) {
            let plain = Occurrence::of(facts.history(), anomaly, partition, (subject, other));
            let at_ns = plain.at_ns.max(shown_ns.unwrap_or(0));
            self.list.push(Occurrence { at_ns, ..plain });
        }
    }

    /// Adds the records that were passed over, as far as they are known.
    pub(super) fn add_passed(&mut self, facts: &impl Facts, gap: Gap) {
        let Gap { anomaly, partition, end, subject, circumstance, .. } = gap;
        let first = gap.first.max(facts.options().log_start_offset(partition));
        if first >= end {
            return;
        }
        let passed = facts.records_in(&gap);
        if passed.is_empty() {
            self.gaps.iter_mut().for_each(|gaps| gaps.push(Gap { first, ..gap }));
        }
        for record in passed {
            self.add_with(facts, anomaly, partition, (subject, Some(record)), circumstance);
        }
    }
}
