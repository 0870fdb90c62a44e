//! The record that something is about, by its place and value.

use harrow_broker_model::types::TopicPartition;
use harrow_sim::biography::METADATA_NAME;
use harrow_sim::history::History;
use harrow_sim::violation::Violation;

use crate::check::{Kind, Occurrence};
use crate::text::value_name;
use crate::verdict::Record;

use super::case::Case;
use super::lookup::first_acknowledged;
use super::suspect::Charge;

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
    let metadata = violation.partition == Some(TopicPartition::METADATA);
    let partition = match case.violated_partition(violation) {
        Some(name) => name,
        None if metadata => METADATA_NAME.to_owned(),
        None => return None,
    };
    let value = first_acknowledged(case.history, &partition, offset);
    let value = value.map(|value| value_name(case.history, value));
    Some(Record { partition, offset, value })
}

/// The record that an anomaly is about: for a poll that passed one over, that one.
fn concerned(history: &History, occurrence: &Occurrence) -> Option<Record> {
    let record = match occurrence.anomaly.kind() {
        Kind::PassedOver => occurrence.other?,
        Kind::EndOffset | Kind::Group | Kind::Cycle => return None,
        Kind::Missing | Kind::Misplaced | Kind::Repeated | Kind::Shown | Kind::Between => {
            occurrence.subject
        }
    };
    (record.offset >= 0).then(|| Record {
        partition: history.partitions[occurrence.partition as usize].clone(),
        offset: record.offset,
        value: Some(value_name(history, record.value)),
    })
}
