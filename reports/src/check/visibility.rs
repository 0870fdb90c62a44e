//! Promise: only what was sent, and is committed, is read. Sources: record checksums; KIP-98 (`read_committed`);
//! Jepsen's `G1a` and `precommitted-read`.
//!
//! A value sent to one partition and read from another counts as garbage there; but a send that was tried again when
//! its
//! topic was deleted and created again may stand in both. Not verified: reads of transactions
//! whose outcome nobody was told.

use harrow_sim::history::Completion;

use super::anomaly::Anomaly;
use super::found::Found;
use super::index::Index;

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    for (operation, row) in (0_u32..).zip(index.history.rows()) {
        for read in index.reads_of(operation) {
            let partition = index.read(read).partition;
            if index.stands_elsewhere(read) {
                continue;
            }
            let Some(writer) = index.writer(read) else {
                let observation = index.observation_of_read(read);
                found.add(index, Anomaly::GarbageRead, partition, observation, None);
                continue;
            };
            let anomaly = if index.operation_of_send(writer) == operation {
                Anomaly::PrecommittedRead
            } else if row.completion == Completion::Ok
                && index.completion_of(writer) == Completion::Fail
            {
                Anomaly::G1a
            } else {
                continue;
            };
            let (read, sent) = (index.observation_of_read(read), index.observation_of_send(writer));
            found.add(index, anomaly, partition, read, Some(sent));
        }
    }
}
