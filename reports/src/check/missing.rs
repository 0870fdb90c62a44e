//! Promises: what was acknowledged is there, and a transaction is there whole or not at all. Sources: Kafka's
//! `acks=all`;
//! KIP-98; Jepsen's `lost-write` and `unseen`.
//!
//! A record counts as lost when reads of its partition went on past its offset without it; as unseen when no poll
//! returned it. Without final reads nothing is unseen, and lost is only what one process came past, if every poll has
//! told what it returned. Transactions of unknown outcome are held to their offsets once a read proves that they committed; where
//! nobody was told an offset, a record that no read ever returned makes such a transaction torn.
//! Not verified: whether an unseen record is gone or merely not delivered; that needs more than the history.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, Function, ReadRecord};

use super::index::{Index, SendId};
use super::{Anomaly, Found, Witness};

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    let passages = Passages::of(index);
    for send in 0..index.send_count() {
        if index.was_read_ok(send) || !index.committed(send) {
            continue;
        }
        let Some(partition) = index.partition_of(send) else { continue };
        let offset = index.told(send).or_else(|| index.place(send));
        if let Some(removal) = offset.and_then(|offset| index.removal(send, (partition, offset))) {
            *found.removed.entry((partition, removal)).or_default() += 1;
            continue;
        }
        let lost = check_lost(index, found, &passages, send, partition);
        if !index.history.final_reads || index.was_read(send) || may_be_gone(index, send, partition)
        {
            continue;
        }
        if index.completion_of(send) == Completion::Ok {
            at_the_end(index, found, Anomaly::Unseen, partition, send);
        } else if !lost {
            at_the_end(index, found, Anomaly::TornTransaction, partition, send);
        }
    }
}

fn check_lost(
    index: &Index<'_>,
    found: &mut Found,
    passages: &Passages,
    send: SendId,
    partition: u32,
) -> bool {
    let offset = index.told(send).or_else(|| index.place(send));
    let (Some(highest), Some(offset)) = (index.highest_read(partition), offset) else {
        return false;
    };
    let passed = offset <= index.read(highest).offset;
    let surely =
        index.history.final_reads || !index.was_read(send) && passages.passed(partition, offset);
    if !passed || !surely {
        return false;
    }
    let subject = Witness { offset, ..index.witness_send(send) };
    found.add(index, Anomaly::LostWrite, partition, subject, Some(index.witness_read(highest)));
    true
}

/// Where consumers came past while nobody can have read unseen: without final reads, only what lies between two reads
/// of one process counts as passed over.
struct Passages {
    /// By partition: the first and last offset that each process was told by polls that ended well.
    spans: Vec<(u32, i64, i64)>,
}

impl Passages {
    fn of(index: &Index<'_>) -> Self {
        let mut spans = Vec::new();
        if !index.history.final_reads && !any_untold(index) {
            let mut known: BTreeMap<(u32, u32), (i64, i64)> = BTreeMap::new();
            for (operation, row) in (0_u32..).zip(index.history.rows()) {
                for read in index.reads_of(operation).filter(|_| row.completion == Completion::Ok) {
                    let ReadRecord { partition, offset, .. } = *index.read(read);
                    let span = known.entry((partition, row.process)).or_insert((offset, offset));
                    *span = (span.0.min(offset), span.1.max(offset));
                }
            }
            spans.extend(
                known.into_iter().map(|((partition, _), (from, to))| (partition, from, to)),
            );
        }
        Self { spans }
    }

    fn passed(&self, partition: u32, offset: i64) -> bool {
        let between = |span: &&(u32, i64, i64)| span.1 < offset && offset < span.2;
        let first = self.spans.partition_point(|span| span.0 < partition);
        let here = self.spans[first..].iter().take_while(|span| span.0 == partition);
        here.into_iter().any(|span| between(&span))
    }
}

/// Whether a poll did not tell what it returned: nobody knows who has read what.
fn any_untold(index: &Index<'_>) -> bool {
    let rows = (0_u32..).zip(index.history.rows());
    rows.filter(|(_, row)| matches!(row.function, Function::Poll | Function::Txn)).any(
        |(operation, row)| row.completion != Completion::Ok && index.reads_of(operation).is_empty(),
    )
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
