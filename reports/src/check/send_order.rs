//! Promise: the records of one producer are in each partition in the order in which they were sent, also with several
//! sends open at once. Sources: KIP-98 (idempotence, or one request in flight); Jepsen's `nonmonotonic-send` and
//! `int-nonmonotonic-send`.
//!
//! Sends of one process are compared by invocation; two of the same instant are not compared. Only offsets that the
//! producer was told count. Not verified: sends whose offset nobody told.

use harrow_sim::history::Completion;

use super::index::{Index, NONE, Write};
use super::{Anomaly, Found};

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    let told = |write: &&Write| {
        write.offset.is_some() && write.partition != NONE && write.completion != Completion::Fail
    };
    let mut sends: Vec<Sent<'_>> =
        index.writes.iter().filter(told).map(|w| sent(index, w)).collect();
    sends.sort_by_key(|s| {
        (s.process, s.write.partition, s.invoked_ns, s.write.operation, s.write.ordinal)
    });
    for log in
        sends.chunk_by(|a, b| (a.process, a.write.partition) == (b.process, b.write.partition))
    {
        check_log(index, found, log);
    }
}

/// A send with what orders it.
struct Sent<'a> {
    process: u32,
    invoked_ns: u64,
    write: &'a Write,
}

fn sent<'a>(index: &Index<'_>, write: &'a Write) -> Sent<'a> {
    let record = index.operation(write.operation);
    Sent { process: record.process, invoked_ns: record.invoked_ns, write }
}

/// One process and one partition: each instant's operations against those of the instant before.
fn check_log(index: &Index<'_>, found: &mut Found, log: &[Sent<'_>]) {
    let mut before: Option<&Write> = None;
    for instant in log.chunk_by(|a, b| a.invoked_ns == b.invoked_ns) {
        let mut highest: Option<&Write> = None;
        for operation in instant.chunk_by(|a, b| a.write.operation == b.write.operation) {
            let [first, ..] = operation else { continue };
            let last = operation.last().unwrap_or(first);
            check_inside(index, found, operation);
            if let Some(earlier) = before.filter(|earlier| first.write.offset <= earlier.offset) {
                report(index, found, Anomaly::NonmonotonicSend, first.write, earlier);
            }
            if highest.is_none_or(|highest| highest.offset < last.write.offset) {
                highest = Some(last.write);
            }
        }
        before = highest.or(before);
    }
}

fn check_inside(index: &Index<'_>, found: &mut Found, operation: &[Sent<'_>]) {
    for pair in operation.windows(2) {
        if let [earlier, later] = pair
            && later.write.offset <= earlier.write.offset
        {
            report(index, found, Anomaly::IntNonmonotonicSend, later.write, earlier.write);
        }
    }
}

fn report(index: &Index<'_>, found: &mut Found, anomaly: Anomaly, later: &Write, earlier: &Write) {
    let (subject, other) = (later.witness(), earlier.witness());
    found.add(index, anomaly, later.partition, subject, Some(other));
}
