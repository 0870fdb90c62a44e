//! Promise: the records of one producer are in each partition in the order in which they were sent, also with several
//! sends open at once. Sources: KIP-98 (idempotence, or one request in flight); Jepsen's `nonmonotonic-send`,
//! `int-nonmonotonic-send` and `int-send-skip`.
//!
//! Sends of one process are compared by invocation; two of the same instant are not compared. Only offsets that the
//! producer was told count. Not verified: sends whose offset nobody told.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, NO_PARTITION};

use super::index::{Index, SendId};
use super::{Anomaly, Found};

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
        let sends = index.history.sends_of(operation);
        if sends.is_empty() || row.completion == Completion::Fail {
            continue;
        }
        told.clear();
        told.extend(sends.map(|send| send as SendId).filter(|send| {
            index.told(*send).is_some() && index.send(*send).partition != NO_PARTITION
        }));
        // Stable, so the order of sends stays within a partition.
        told.sort_by_key(|send| index.send(*send).partition);
        let together =
            |a: &SendId, b: &SendId| index.send(*a).partition == index.send(*b).partition;
        for sends in told.chunk_by(together) {
            check_inside(index, found, sends);
            let Some(first) = sends.first() else { continue };
            let key = (row.process, index.send(*first).partition);
            check_instant(index, found, producers.entry(key).or_default(), row.invoked_ns, sends);
        }
    }
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

fn check_inside(index: &Index<'_>, found: &mut Found, sends: &[SendId]) {
    for pair in sends.windows(2) {
        let [earlier, later] = *pair else { continue };
        let (from, to) = (index.send(earlier), index.send(later));
        if to.offset <= from.offset {
            report(index, found, Anomaly::IntNonmonotonicSend, later, earlier);
        } else if to.offset > from.offset + 1 {
            let but = [from.value, to.value];
            let between = (from.offset + 1, to.offset);
            if let Some(other) = index.exists_between(to.partition, between.0, between.1, but) {
                let (subject, other) = (index.witness_send(later), index.witness_placement(&other));
                found.add(index, Anomaly::IntSendSkip, to.partition, subject, Some(other));
            }
        }
    }
}

fn report(index: &Index<'_>, found: &mut Found, anomaly: Anomaly, later: SendId, earlier: SendId) {
    let (subject, other) = (index.witness_send(later), index.witness_send(earlier));
    found.add(index, anomaly, index.send(later).partition, subject, Some(other));
}
