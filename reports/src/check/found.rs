//! Where the rules put what they find.

use std::collections::BTreeMap;

use super::anomaly::{Anomaly, Rules};
use super::facts::Facts;
use super::gap::Gap;
use super::occurrence::{Observation, Occurrence, OccurrenceContext, Passed};
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
        self.add_with(facts, anomaly, partition, (subject, other), OccurrenceContext::Plain);
    }

    /// The same, with a context.
    pub(super) fn add_with(
        &mut self,
        facts: &impl Facts,
        anomaly: Anomaly,
        partition: u32,
        (subject, other): (Observation, Option<Observation>),
        context: OccurrenceContext,
    ) {
        if self.rules.has(anomaly) {
            let plain = Occurrence::of(facts.history(), anomaly, partition, (subject, other));
            self.list.push(Occurrence { context, ..plain });
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
        let Gap { anomaly, partition, end, subject, context, .. } = gap;
        let at_ns = facts.row(subject.operation).completed_ns;
        let start = facts.options().log_start_at(partition, at_ns);
        let first = gap.first.max(start);
        // What it stood before is gone: where it goes on is what `auto.offset.reset` says.
        let plain = matches!(context, OccurrenceContext::Plain | OccurrenceContext::KeptAssignment);
        let out_of_range = plain && gap.stood_least < start && reads_on(anomaly);
        let context = if out_of_range { OccurrenceContext::OutOfRange } else { context };
        let gap = Gap { context, ..gap };
        if first >= end {
            return;
        }
        let (records, passed) = facts.records_in(&gap);
        if records.is_empty() {
            self.gaps.iter_mut().for_each(|gaps| gaps.push(Gap { first, ..gap }));
        }
        let before = self.list.len();
        for record in records {
            self.add_with(facts, anomaly, partition, (subject, Some(record)), context);
        }
        self.list[before..].iter_mut().for_each(|occurrence| occurrence.passed = passed);
    }
}

impl Found {
    /// Adds a record that turns out to have been passed over.
    pub(super) fn add_filled(&mut self, facts: &impl Facts, gap: &Gap, record: Observation) {
        let Observation { offset, .. } = record;
        let (first, last) = (offset, offset);
        let before = self.list.len();
        let observations = (gap.subject, Some(record));
        self.add_with(facts, gap.anomaly, gap.partition, observations, gap.context);
        let passed = Some(Passed { stood: gap.stood, records: 1, first, last });
        self.list[before..].iter_mut().for_each(|occurrence| occurrence.passed = passed);
    }
}

/// Whether it says that a consumer went on elsewhere.
fn reads_on(anomaly: Anomaly) -> bool {
    matches!(anomaly, Anomaly::PollSkip | Anomaly::ResumeSkip)
}
