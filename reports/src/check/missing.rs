//! Promises: what was acknowledged is there, and a transaction is there whole or not at all. Sources: Kafka's
//! `acks=all`;
//! KIP-98; Jepsen's `lost-write` and `unseen`.
//!
//! A record counts as lost when reads of its partition went on past its offset without it; as unseen when no poll
//! returned it. Transactions of unknown outcome are held to their offsets once a read proves that they committed; where
//! nobody was told an offset, a record that no read ever returned makes such a transaction torn.
//! Not verified: whether an unseen record is gone or merely not delivered; that needs more than the history.

use harrow_sim::history::Completion;

use super::index::{Index, SendId};
use super::{Anomaly, Found};

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    if !index.history.final_reads {
        return;
    }
    for send in 0..index.send_count() {
        if index.was_read_ok(send) || !index.committed(send) {
            continue;
        }
        let Some(partition) = index.partition_of(send) else { continue };
        if index.told(send).is_some_and(|offset| index.may_be_removed(send, partition, offset)) {
            continue;
        }
        let lost = check_lost(index, found, send, partition);
        if index.was_read(send) || may_be_gone(index, send, partition) {
            continue;
        }
        if index.completion_of(send) == Completion::Ok {
            at_the_end(index, found, Anomaly::Unseen, partition, send);
        } else if !lost {
            at_the_end(index, found, Anomaly::TornTransaction, partition, send);
        }
    }
}

fn check_lost(index: &Index<'_>, found: &mut Found, send: SendId, partition: u32) -> bool {
    let highest = index.highest_read(partition);
    let (Some(highest), Some(offset)) = (highest, index.told(send)) else { return false };
    if offset > index.read(highest).offset {
        return false;
    }
    let (subject, past) = (index.witness_send(send), index.witness_read(highest));
    found.add(index, Anomaly::LostWrite, partition, subject, Some(past));
    true
}

/// Whether a record without an offset may have been there and be gone, with acks=0 for one.
fn may_be_gone(index: &Index<'_>, send: SendId, partition: u32) -> bool {
    let retained = index.options.log_start_offset(partition) > 0;
    index.told(send).is_none() && (retained || index.may_be_replaced(send, partition))
}

/// What is missing shows only when all reading is over, which is when the last answer came.
fn at_the_end(
    index: &Index<'_>,
    found: &mut Found,
    anomaly: Anomaly,
    partition: u32,
    send: SendId,
) {
    let before = found.list.len();
    found.add(index, anomaly, partition, index.witness_send(send), None);
    for occurrence in &mut found.list[before..] {
        occurrence.at_ns = occurrence.at_ns.max(index.ended_ns());
    }
}
