//! The records that something is about, by their places and values.

use std::collections::BTreeMap;

use harrow_broker_model::types::TopicPartition;
use harrow_sim::biography::METADATA_NAME;
use harrow_sim::history::{Completion, History, What};
use harrow_sim::violation::Violation;

use crate::check::Occurrence;
use crate::text::value_name;
use crate::verdict::Record;

use super::candidate::Charge;
use super::case::Case;
use super::lookup::first_acknowledged;
use super::mention::Mention;

/// Records by partition, offset and value, with the lines that speak of them.
type Places = BTreeMap<(String, i64, Option<String>), Vec<u64>>;

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
    let mut records = Places::new();
    let (mut lines, mut twice) = (Vec::new(), Vec::new());
    for mention in mentions {
        let operations = mention.operations.into_iter().flatten();
        let of_it: Vec<u64> = operations.flat_map(|operation| case.lines().of(operation)).collect();
        lines.extend_from_slice(&of_it);
        if let Some((offset, value)) = mention.record {
            let partition = case.partition_name(mention.partition).to_owned();
            let value = Some(value_name(case.history, value));
            records.entry((partition, offset, value)).or_default().extend(of_it);
        }
        if let Some((offset, operations)) = mention.processed_twice {
            let (first, last) = shared_input(case.history, mention.partition, offset, operations);
            twice.push((mention.partition, first, last));
        }
    }
    at_offsets(case, twice, &mut records);
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

/// The offsets around one that two operations have both processed.
fn shared_input(
    history: &History,
    partition: u32,
    offset: i64,
    operations: [u32; 2],
) -> (i64, i64) {
    let spans = operations.into_iter().flat_map(|operation| history.details_of(operation));
    let mut shared = (i64::MIN, i64::MAX);
    for what in spans {
        if let What::Consumed { partition: at, first, last } = what
            && at == partition
            && (first..=last).contains(&offset)
        {
            shared = (shared.0.max(first), shared.1.min(last));
        }
    }
    (shared.0.max(offset), shared.1)
}

/// The records at the offsets that a violation names, as far as clients were told of them; the first one in any case.
fn named(case: &Case<'_>, violation: &Violation, records: &mut Places) {
    let Some((first, last)) = violation.offsets else { return };
    let Some(partition) = place_of(case, violation) else { return };
    match case.position(&partition) {
        Some(position) => at_offsets(case, vec![(position, first, last)], records),
        None => {
            records.entry((partition, first, None)).or_default();
        }
    }
}

/// The records in these ranges, by partition, first and last offset, as far as clients were told of them; the first of
/// each in any case.
fn at_offsets(case: &Case<'_>, ranges: Vec<(u32, i64, i64)>, records: &mut Places) {
    if ranges.is_empty() {
        return;
    }
    let ranges = united(ranges);
    let mut first_known = vec![false; ranges.len()];
    let history = case.history;
    for (send, sent) in history.sends().iter().enumerate() {
        let place = (sent.partition, sent.offset);
        let after = ranges.partition_point(|(partition, first, _)| (*partition, *first) <= place);
        let at = after.checked_sub(1);
        let is_in = |(partition, _, last): (u32, i64, i64)| partition == place.0 && place.1 <= last;
        let Some(at) = at.filter(|at| is_in(ranges[*at])) else { continue };
        let operation = history.operation_of_send(send);
        if history.row(operation).completion != Completion::Ok {
            continue;
        }
        first_known[at] |= sent.offset == ranges[at].1;
        let partition = case.partition_name(sent.partition).to_owned();
        let value = Some(value_name(history, sent.value));
        let lines = records.entry((partition, sent.offset, value)).or_default();
        lines.extend(case.lines().of(operation));
    }
    let unknown = ranges.iter().zip(first_known).filter(|(_, known)| !known);
    for ((partition, first, _), _) in unknown {
        records.entry((case.partition_name(*partition).to_owned(), *first, None)).or_default();
    }
}

/// Ranges in order, those that overlap as one.
fn united(mut ranges: Vec<(u32, i64, i64)>) -> Vec<(u32, i64, i64)> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let overlaps = next.0 == kept.0 && next.1 <= kept.2;
        if overlaps {
            kept.2 = kept.2.max(next.2);
        }
        overlaps
    });
    ranges
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
