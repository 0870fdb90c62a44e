//! The records that something is about, by their places and values.

use std::collections::BTreeMap;

use harrow_broker_model::types::TopicPartition;
use harrow_sim::biography::METADATA_NAME;
use harrow_sim::history::{Completion, History};
use harrow_sim::violation::Violation;

use crate::check::Occurrence;
use crate::text::value_name;
use crate::verdict::Record;

use super::candidate::Charge;
use super::case::Case;
use super::lookup::first_acknowledged;
use super::mention::Mention;

/// Records and lines of a history, each once and in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Mentioned {
    pub(super) records: Vec<Record>,
    pub(super) lines: Vec<u64>,
}

/// What client anomalies are about, all together; and the records that violations name, which clients know.
pub(super) fn mentioned<'a>(
    case: &Case<'_>,
    mentions: impl Iterator<Item = &'a Mention>,
    violations: impl Iterator<Item = &'a Violation>,
) -> Mentioned {
    let mut records: BTreeMap<(String, i64, Option<String>), Vec<u64>> = BTreeMap::new();
    let mut lines = Vec::new();
    for mention in mentions {
        let operations = mention.operations.into_iter().flatten();
        let of_it: Vec<u64> = operations.flat_map(|operation| case.lines().of(operation)).collect();
        lines.extend_from_slice(&of_it);
        if let Some((offset, value)) = mention.record {
            let partition = case.partition_name(mention.partition).to_owned();
            let value = Some(value_name(case.history, value));
            records.entry((partition, offset, value)).or_default().extend(of_it);
        }
    }
    for violation in violations {
        named(case, violation, &mut records);
    }
    let mut records: Vec<Record> = records
        .into_iter()
        .map(|((partition, offset, value), lines)| Record {
            partition,
            offset,
            value,
            lines: ordered(lines),
        })
        .collect();
    // Where a record's value is known, its place alone says nothing more.
    let valued: Vec<(String, i64)> = records
        .iter()
        .filter(|record| record.value.is_some())
        .map(|record| (record.partition.clone(), record.offset))
        .collect();
    records.retain(|record| {
        let place = (record.partition.clone(), record.offset);
        record.value.is_some() || valued.binary_search(&place).is_err()
    });
    Mentioned { records, lines: ordered(lines) }
}

fn ordered(mut lines: Vec<u64>) -> Vec<u64> {
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// The records at the offsets that a violation names, as far as clients were told of them; the first one in any case.
fn named(
    case: &Case<'_>,
    violation: &Violation,
    records: &mut BTreeMap<(String, i64, Option<String>), Vec<u64>>,
) {
    let Some((first, last)) = violation.offsets else { return };
    let Some(partition) = place_of(case, violation) else { return };
    let mut first_known = false;
    if let Some(position) = case.position(&partition) {
        let history = case.history;
        for (send, sent) in history.sends().iter().enumerate() {
            let here = sent.partition == position && (first..=last).contains(&sent.offset);
            let operation = here.then(|| history.operation_of_send(send));
            let ok = |operation: &u32| history.row(*operation).completion == Completion::Ok;
            let Some(operation) = operation.filter(ok) else { continue };
            first_known |= sent.offset == first;
            let value = Some(value_name(history, sent.value));
            let lines = records.entry((partition.clone(), sent.offset, value)).or_default();
            lines.extend(case.lines().of(operation));
        }
    }
    if !first_known {
        records.entry((partition, first, None)).or_default();
    }
}

/// Name of the partition of a violation.
fn place_of(case: &Case<'_>, violation: &Violation) -> Option<String> {
    let metadata = violation.partition == Some(TopicPartition::METADATA);
    case.violated_partition(violation).or(metadata.then(|| METADATA_NAME.to_owned()))
}

/// The record that it is about; none if it names none.
pub(super) fn record(case: &Case<'_>, charge: &Charge<'_>) -> Option<Record> {
    match charge {
        Charge::Violation(violation) => first_named(case, violation),
        Charge::Anomalies(anomalies) => concerned(case.history, &anomalies.first),
        Charge::NotConverged(_) | Charge::Panicked { .. } => None,
    }
}

/// The first record that a violation names.
fn first_named(case: &Case<'_>, violation: &Violation) -> Option<Record> {
    let (offset, _) = violation.offsets?;
    let partition = place_of(case, violation)?;
    let value = first_acknowledged(case.history, &partition, offset);
    let value = value.map(|value| value_name(case.history, value));
    Some(Record { partition, offset, value, lines: Vec::new() })
}

/// The record that an anomaly is about: for a poll that passed one over, that one.
fn concerned(history: &History, occurrence: &Occurrence) -> Option<Record> {
    let (offset, value) = Mention::of(occurrence).record.filter(|(offset, _)| *offset >= 0)?;
    Some(Record {
        partition: history.partitions[occurrence.partition as usize].clone(),
        offset,
        value: Some(value_name(history, value)),
        lines: Vec::new(),
    })
}
