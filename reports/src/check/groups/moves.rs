//! How consumers come by their partitions.

use harrow_sim::history::{Completion, Function, History, Row, What};

/// Whether a process tried to get other partitions and did not: it has what it had.
pub(in crate::check) fn failed_to_move(row: &Row) -> bool {
    let moves =
        matches!(row.function, Function::Assign { .. } | Function::Subscribe | Function::Join);
    moves && row.completion == Completion::Fail
}

/// Partitions that were rebalanced inside an operation.
pub(in crate::check) fn rebalanced(history: &History, operation: u32) -> Vec<u32> {
    let rebalanced = history.details_of(operation).filter_map(|what| {
        if let What::Rebalanced { partition, .. } = what { Some(partition) } else { None }
    });
    rebalanced.collect()
}
