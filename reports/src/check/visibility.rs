//! Promise: only what was sent, and is committed, is read. Sources: record checksums; KIP-98 (`read_committed`);
//! Jepsen's `G1a` and `precommitted-read`.
//!
//! A value sent to one partition and read from another counts as garbage there. Not verified: reads of transactions
//! whose outcome nobody was told.

use harrow_sim::history::Completion;

use super::index::Index;
use super::{Anomaly, Found};

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    for read in &index.reads {
        let witness = || index.witness_read(read);
        let Some(write) = index.writer(read.writer) else {
            found.add(index, Anomaly::GarbageRead, read.partition, witness(), None);
            continue;
        };
        if write.operation == read.operation {
            let own = write.witness();
            found.add(index, Anomaly::PrecommittedRead, read.partition, witness(), Some(own));
        } else if write.completion == Completion::Fail
            && index.operation(read.operation).completion == Completion::Ok
        {
            let failed = write.witness();
            found.add(index, Anomaly::G1a, read.partition, witness(), Some(failed));
        }
    }
}
