//! Promises: a member that gets a partition goes on where its group has committed; only members of the present
//! generation commit, and no further than they have come; in one generation a partition has one owner. Sources: KIP-62,
//! KIP-848 (`NoDoubleClientAssignment`); Kafka's `verifiable_consumer.py`; Redpanda's `rw_subscribe`. Jepsen leaves all
//! of it open.
//!
//! | file | what it holds |
//! |---|---|
//! | `progress` | resume-skip, commit-beyond-position |
//! | `generations` | zombie-commit |
//! | `ownership` | double-ownership |
//!
//! Commits of unknown outcome, and those that overlap a join, may count or not: both are accepted. What a transaction
//! has consumed it commits. A member that gets a partition again, which nobody else had in between, may go on where it
//! stood itself, as with cooperative rebalancing. Where a consumer starts when its group has committed nothing depends
//! on `auto.offset.reset`, which the policy weighs. A commit may lie behind holes that transactions and compaction
//! leave. A process that does not say as which member it acts is the one that its last join made it. Not verified: that
//! commits survive; who is a leader; where a partition goes on that was rebalanced inside a poll.

mod generations;
mod ownership;
mod progress;

use std::collections::BTreeSet;

use harrow_sim::history::{Completion, Function, History, Row, What};

use super::Found;
use super::index::{Index, SendId};
pub(super) use ownership::Owners;
pub(super) use progress::Groups;

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    let grouped = index
        .history
        .details()
        .iter()
        .any(|detail| matches!(detail.what, What::Member { .. } | What::Committed { .. }));
    if !grouped {
        return;
    }
    ownership::check(index, found);
    let mut groups = Groups::new(UnusedOffsets::of(index));
    for operation in index.begun().iter().copied() {
        groups.take(index, found, operation);
    }
}

/// Where offsets may be free that no record of the history takes: markers of transactions, what they aborted, and what
/// compaction removed.
#[derive(Debug, Default)]
pub(super) enum UnusedOffsets {
    /// Nobody knows yet.
    #[default]
    Anywhere,
    /// In these partitions.
    In(BTreeSet<u32>),
}

impl UnusedOffsets {
    fn of(index: &Index<'_>) -> Self {
        let mut partitions: BTreeSet<u32> = (0..index.history.partitions.len() as u32)
            .filter(|p| index.options.compacted(*p))
            .collect();
        let transactions = (0_u32..).zip(index.history.rows());
        for (operation, _) in transactions.filter(|(_, row)| row.function == Function::Txn) {
            for send in index.history.sends_of(operation) {
                let Some(partition) = index.partition_of(send as SendId) else {
                    return Self::Anywhere;
                };
                partitions.insert(partition);
            }
        }
        Self::In(partitions)
    }

    fn has(&self, partition: u32) -> bool {
        match self {
            Self::Anywhere => true,
            Self::In(partitions) => partitions.contains(&partition),
        }
    }
}

/// Whether a process tried to get other partitions and did not: it has what it had.
pub(super) fn failed_to_move(row: &Row) -> bool {
    let moves =
        matches!(row.function, Function::Assign { .. } | Function::Subscribe | Function::Join);
    moves && row.completion == Completion::Fail
}

/// Partitions that were rebalanced inside an operation.
pub(super) fn rebalanced(history: &History, operation: u32) -> Vec<u32> {
    let rebalanced = history.details_of(operation).filter_map(|what| {
        if let What::Rebalanced { partition } = what { Some(partition) } else { None }
    });
    rebalanced.collect()
}
