//! What the history says, in the few ways that judging asks for.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, History, SendRecord, What};

use crate::check::{Anomaly, Occurrence};

/// First and last offset that an anomaly concerns, as far as clients were told.
pub(super) fn concerned(occurrence: &Occurrence) -> Option<(i64, i64)> {
    // That reads went on past a missing record says nothing about where they came to.
    let alone = matches!(occurrence.anomaly, Anomaly::LostWrite | Anomaly::Unseen);
    let other = occurrence.other.filter(|_| !alone);
    let told = [Some(occurrence.subject), other];
    let offsets = || told.iter().flatten().map(|record| record.offset).filter(|at| *at >= 0);
    offsets().min().zip(offsets().max())
}

/// Lost or stuck, as far as clients can know: the last end offset that one was told after the acknowledgement. It is a
/// guess: the log may go past an offset and hold another record there.
pub(super) fn guess(history: &History, unseen: &Occurrence) -> Option<String> {
    let offset = Some(unseen.subject.offset).filter(|offset| *offset >= 0)?;
    let (_, acknowledged_ns, _) = span(history, unseen.subject.operation);
    let end = last_end_offset(history, unseen.partition, acknowledged_ns)?;
    Some(if end > offset {
        format!("a guess: stuck; the partition's end was {end} afterwards, so the log goes past it")
    } else {
        format!("a guess: lost; the partition's end was {end} afterwards, so it is not in the log")
    })
}

/// When an operation began and ended, and how.
pub(super) fn span(history: &History, operation: u32) -> (u64, u64, Completion) {
    let row = history.row(operation);
    (row.invoked_ns, row.completed_ns, row.completion)
}

/// The process of an operation.
pub(super) fn process(history: &History, operation: u32) -> u32 {
    history.row(operation).process
}

/// When polls that ended well first returned what they did, by partition and value.
pub(super) fn polled(history: &History) -> BTreeMap<(u32, u64), u64> {
    let mut first = BTreeMap::new();
    for (operation, row) in (0_u32..).zip(history.rows()) {
        if row.completion != Completion::Ok {
            continue;
        }
        for record in &history.reads()[history.reads_of(operation)] {
            let at = first.entry((record.partition, record.value)).or_insert(u64::MAX);
            *at = row.completed_ns.min(*at);
        }
    }
    first
}

/// The last end offset that a client was told of a partition by an operation that began after a time.
fn last_end_offset(history: &History, partition: u32, after_ns: u64) -> Option<i64> {
    history.details().iter().rev().find_map(|detail| {
        let row = history.row(detail.operation);
        let later = row.completion == Completion::Ok && row.invoked_ns > after_ns;
        if let What::EndOffset { partition: of, offset } = detail.what {
            offset.filter(|_| later && of == partition)
        } else {
            None
        }
    })
}

/// The value that was acknowledged first at a place.
pub(super) fn first_acknowledged(history: &History, partition: &str, at: i64) -> Option<u64> {
    let position = history.partitions.iter().position(|name| name == partition)? as u32;
    let here = |send: &SendRecord| (send.partition, send.offset) == (position, at);
    let ok = |send: usize| {
        let operation = history.operation_of_send(send);
        history.row(operation).completion == Completion::Ok
    };
    let mut sends = history.sends().iter().enumerate();
    sends.find(|(send, record)| here(record) && ok(*send)).map(|(_, record)| record.value)
}
