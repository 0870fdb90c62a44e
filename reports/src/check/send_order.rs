//! Promise: the records of one producer are in each partition in the order in which they were sent, also with several
//! sends open at once. Sources: KIP-98 (idempotence, or one request in flight); Jepsen's `nonmonotonic-send`,
//! `int-nonmonotonic-send` and `int-send-skip`.
//!
//! Sends of one process are compared by invocation, up to its crash; two of the same instant are not compared. Where
//! the producer was told no offset, reads may tell where a record stands. Not verified: sends that nobody has placed.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, Function};

use super::anomaly::Anomaly;
use super::facts::Facts;
use super::found::Found;
use super::gap::Gap;
use super::index::{Index, SendId};
use super::occurrence::{Observation, OccurrenceContext};

/// A send and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    partition: u32,
    offset: i64,
    send: SendId,
}

/// What one process has sent to one partition.
#[derive(Clone, Copy, Default)]
struct Sent {
    /// The highest send of the instant before the newest one.
    before: Option<Placed>,
    /// The newest instant and its highest send.
    newest: Option<(u64, Placed)>,
}

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    let mut producers: BTreeMap<(u32, u32), Sent> = BTreeMap::new();
    let mut sends: Vec<Placed> = Vec::new();
    for operation in index.begun().iter().copied() {
        let row = index.row(operation);
        if row.function == Function::Crash {
            // Whoever sends in its place is another producer.
            producers.retain(|(process, _), _| *process != row.process);
        }
        collect(index, operation, &mut sends);
        check_inside(index, found, &sends);
        for sends in sends.chunk_by(|a, b| a.partition == b.partition) {
            let Some(first) = sends.first() else { continue };
            let sent = producers.entry((row.process, first.partition)).or_default();
            check_instant(index, found, sent, row.invoked_ns, sends);
        }
    }
}

/// An operation's sends as far as they have a place, by partition, else in order.
pub(super) fn collect(facts: &impl Facts, operation: u32, placed: &mut Vec<Placed>) {
    placed.clear();
    if facts.row(operation).completion == Completion::Fail {
        return;
    }
    let sends = facts.history().sends_of(operation).map(|send| send as SendId);
    placed.extend(sends.filter_map(|send| {
        let (partition, offset) = facts.offset_of(send)?;
        Some(Placed { partition, offset, send })
    }));
    // Stable, so the order of sends stays within a partition.
    placed.sort_by_key(|placed| placed.partition);
}

/// One operation's sends to a partition, against what its process has sent there before.
fn check_instant(
    index: &Index<'_>,
    found: &mut Found,
    sent: &mut Sent,
    instant: u64,
    sends: &[Placed],
) {
    let highest = sends.iter().copied().max_by_key(|placed| placed.offset);
    let (Some(first), Some(own)) = (sends.first(), highest) else { return };
    if let Some((before, highest)) = sent.newest
        && before < instant
    {
        sent.before = Some(highest);
        sent.newest = None;
    }
    if let Some(before) = sent.before.filter(|before| first.offset <= before.offset) {
        report(index, found, Anomaly::NonmonotonicSend, first, &before);
    }
    if sent.newest.is_none_or(|(_, highest)| highest.offset < own.offset) {
        sent.newest = Some((instant, own));
    }
}

/// What one operation sent, within itself: as [`collect`] gives it.
pub(super) fn check_inside(facts: &impl Facts, found: &mut Found, sends: &[Placed]) {
    for pair in sends.windows(2) {
        let [from, to] = pair else { continue };
        if from.partition != to.partition {
            continue;
        }
        if to.offset <= from.offset {
            report(facts, found, Anomaly::IntNonmonotonicSend, to, from);
        } else if to.offset > from.offset.saturating_add(1) {
            let gap = Gap {
                anomaly: Anomaly::IntSendSkip,
                partition: to.partition,
                stood: from.offset.saturating_add(1),
                stood_least: from.offset.saturating_add(1),
                first: from.offset.saturating_add(1),
                end: to.offset,
                but: [facts.send(from.send).value, facts.send(to.send).value],
                subject: observation(facts, to),
                context: OccurrenceContext::Plain,
            };
            found.add_passed(facts, gap);
        }
    }
}

fn report(
    facts: &impl Facts,
    found: &mut Found,
    anomaly: Anomaly,
    later: &Placed,
    earlier: &Placed,
) {
    let (subject, other) = (observation(facts, later), observation(facts, earlier));
    found.add(facts, anomaly, later.partition, subject, Some(other));
}

fn observation(facts: &impl Facts, placed: &Placed) -> Observation {
    facts.observation_at(placed.send, placed.offset)
}
