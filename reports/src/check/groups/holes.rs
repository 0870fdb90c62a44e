//! Offsets that may be free.

use std::collections::BTreeSet;

use harrow_sim::history::Function;

use crate::check::index::{Index, SendId};

/// Where offsets may be free that no record of the history takes: markers of transactions, what they aborted, and what
/// compaction removed.
#[derive(Debug, Default)]
pub(in crate::check) enum UnusedOffsets {
    /// Nobody knows yet.
    #[default]
    Anywhere,
    /// In these partitions.
    In(BTreeSet<u32>),
}

impl UnusedOffsets {
    pub(super) fn of(index: &Index<'_>) -> Self {
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

    pub(super) fn has(&self, partition: u32) -> bool {
        match self {
            Self::Anywhere => true,
            Self::In(partitions) => partitions.contains(&partition),
        }
    }
}
