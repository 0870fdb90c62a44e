//! Promise: what was acknowledged is there. Source: Kafka's `acks=all`; Jepsen's `lost-write` and `unseen`.
//!
//! A record counts as lost when reads of its partition went on past its offset without it; as unseen when no poll
//! returned it. Transactions of unknown outcome are held to their offsets once a read proves that they committed.
//! Not verified: whether an unseen record is gone or merely not delivered; that needs more than the history.

use harrow_sim::history::Completion;

use super::index::{Index, NONE, Write};
use super::{Anomaly, Found, happened};

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    if !index.history.final_reads {
        return;
    }
    let proved = index.proved_operations();
    for write in index.writes.iter().filter(|write| !write.read_ok && write.partition != NONE) {
        let retained = write
            .offset
            .is_none_or(|offset| offset >= index.log_start_offsets[write.partition as usize]);
        if !retained {
            continue;
        }
        let committed = match write.completion {
            Completion::Ok => true,
            Completion::Fail => false,
            Completion::Info => proved.binary_search(&write.operation).is_ok(),
        };
        if committed {
            check_lost(index, found, write);
        }
        if happened(write.completion) && !write.read {
            check_unseen(index, found, write);
        }
    }
}

fn check_lost(index: &Index<'_>, found: &mut Found, write: &Write) {
    let highest = index.highest_reads[write.partition as usize];
    if let (Some(highest), Some(offset)) = (highest, write.offset)
        && offset <= highest.offset
    {
        let (subject, past) = (write.witness(), index.witness_read(&highest));
        found.add(index, Anomaly::LostWrite, write.partition, subject, Some(past));
    }
}

/// What is unseen shows only when all reading is over, which is when the last answer came.
fn check_unseen(index: &Index<'_>, found: &mut Found, write: &Write) {
    let before = found.list.len();
    found.add(index, Anomaly::Unseen, write.partition, write.witness(), None);
    for occurrence in &mut found.list[before..] {
        occurrence.at_ns = occurrence.at_ns.max(index.ended_ns());
    }
}
