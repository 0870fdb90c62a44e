//! What a client anomaly is about, in little room: there may be many.

use crate::check::{Anomaly, Kind, Observation, Occurrence};

/// What one client anomaly is about: its record, if it is about one, and the operations concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) partition: u32,
    /// Offset and value.
    pub(super) record: Option<(i64, u64)>,
    pub(super) operations: [Option<u32>; 4],
    /// An offset that two operations processed, with others perhaps, and these two.
    pub(super) processed_twice: Option<(i64, [u32; 2])>,
}

impl Mention {
    pub(super) fn of(occurrence: &Occurrence) -> Self {
        let Occurrence { partition, subject, other, .. } = *occurrence;
        let record = match occurrence.anomaly.kind() {
            Kind::PassedOver => other,
            Kind::Group if occurrence.anomaly == Anomaly::EosLoss => Some(subject),
            Kind::Group if occurrence.anomaly == Anomaly::LateProcessing => other,
            Kind::EndOffset | Kind::Group | Kind::Cycle => None,
            Kind::Missing | Kind::Misplaced | Kind::Repeated | Kind::Shown | Kind::Between => {
                Some(subject)
            }
        };
        let writer = |seen: Option<Observation>| seen.and_then(|seen| seen.writer);
        let operation = other.map(|other| other.operation);
        let operations = [Some(subject.operation), subject.writer, operation, writer(other)];
        let twice = other.filter(|_| occurrence.anomaly == Anomaly::EosDuplicate);
        Self {
            partition,
            record: record.map(|seen| (seen.offset, seen.value)),
            operations,
            processed_twice: twice
                .map(|other| (subject.offset, [subject.operation, other.operation])),
        }
    }
}
