//! Promise: the records of one producer are in each partition in the order in which they were sent, also with several
//! sends open at once. Sources: KIP-98 (idempotence, or one request in flight); Jepsen's `nonmonotonic-send`,
//! `int-nonmonotonic-send` and `int-send-skip`.
//!
//! Sends of one process are compared by invocation; two of the same instant are not compared. Only offsets that the
//! producer was told count. Not verified: sends whose offset nobody told.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, NO_PARTITION, SendRecord};

use super::index::{Index, SendId};
use super::{Anomaly, Circumstance, Facts, Found, Gap};

/// What one process has sent to one partition.
#[derive(Clone, Copy, Default)]
struct Sent {
    /// The highest send of the instant before the newest one.
    before: Option<SendId>,
    /// The newest instant and its highest send.
    newest: Option<(u64, SendId)>,
}

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    let mut producers: BTreeMap<(u32, u32), Sent> = BTreeMap::new();
    let mut told: Vec<SendId> = Vec::new();
    for operation in index.begun().iter().copied() {
        let row = index.row(operation);
        collect_told(index, operation, &mut told);
        check_inside(index, found, &told);
        let together =
            |a: &SendId, b: &SendId| index.send(*a).partition == index.send(*b).partition;
        for sends in told.chunk_by(together) {
            let Some(first) = sends.first() else { continue };
            let key = (row.process, index.send(*first).partition);
            check_instant(index, found, producers.entry(key).or_default(), row.invoked_ns, sends);
        }
    }
}

/// An operation's sends whose offsets its producer was told, by partition, else in order.
pub(super) fn collect_told(facts: &impl Facts, operation: u32, told: &mut Vec<SendId>) {
    told.clear();
    if facts.row(operation).completion == Completion::Fail {
        return;
    }
    let known = |send: &SendId| {
        let SendRecord { offset, partition, .. } = *facts.send(*send);
        offset >= 0 && partition != NO_PARTITION
    };
    let sends = facts.history().sends_of(operation).map(|send| send as SendId);
    told.extend(sends.filter(known));
    // Stable, so the order of sends stays within a partition.
    told.sort_by_key(|send| facts.send(*send).partition);
}

/// One operation's sends to a partition, against what its process has sent there before.
fn check_instant(
    index: &Index<'_>,
    found: &mut Found,
    sent: &mut Sent,
    instant: u64,
    sends: &[SendId],
) {
    let offset = |send: SendId| index.send(send).offset;
    let highest = sends.iter().copied().max_by_key(|send| offset(*send));
    let (Some(first), Some(own)) = (sends.first(), highest) else { return };
    if let Some((before, highest)) = sent.newest
        && before < instant
    {
        sent.before = Some(highest);
        sent.newest = None;
    }
    if let Some(before) = sent.before.filter(|before| offset(*first) <= offset(*before)) {
        report(index, found, Anomaly::NonmonotonicSend, *first, before);
    }
    if sent.newest.is_none_or(|(_, highest)| offset(highest) < offset(own)) {
        sent.newest = Some((instant, own));
    }
}

/// What one operation sent, within itself: as [`collect_told`] gives it.
pub(super) fn check_inside(facts: &impl Facts, found: &mut Found, told: &[SendId]) {
    for pair in told.windows(2) {
        let [earlier, later] = *pair else { continue };
        let (from, to) = (facts.send(earlier), facts.send(later));
        if from.partition != to.partition {
            continue;
        }
        if to.offset <= from.offset {
            report(facts, found, Anomaly::IntNonmonotonicSend, later, earlier);
        } else {
            let gap = Gap {
                anomaly: Anomaly::IntSendSkip,
                partition: to.partition,
                first: from.offset.saturating_add(1),
                end: to.offset,
                but: [from.value, to.value],
                subject: facts.witness_send(later),
                circumstance: Circumstance::Plain,
            };
            found.add_passed(facts, gap);
        }
    }
}

fn report(facts: &impl Facts, found: &mut Found, anomaly: Anomaly, later: SendId, earlier: SendId) {
    let (subject, other) = (facts.witness_send(later), facts.witness_send(earlier));
    found.add(facts, anomaly, facts.send(later).partition, subject, Some(other));
}
