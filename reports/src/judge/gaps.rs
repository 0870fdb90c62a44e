//! What a history lacks: why it says less than it should, however clean it is.

use harrow_sim::history::{Completion, History, Row};

/// Why a history does not show that everything held; empty if it can.
pub(super) fn gaps(history: &History) -> Vec<String> {
    if history.is_empty() {
        return vec!["the history is empty".to_owned()];
    }
    let mut gaps = Vec::new();
    if !any(history, |_, row| row.completion != Completion::Info) {
        gaps.push("all outcomes are unknown".to_owned());
    }
    let acknowledged = |operation: u32, row: &Row| {
        row.completion == Completion::Ok && !history.sends_of(operation).is_empty()
    };
    if !any(history, acknowledged) {
        gaps.push("no record was acknowledged".to_owned());
    }
    let read = |operation: u32, row: &Row| {
        row.completion == Completion::Ok && !history.reads_of(operation).is_empty()
    };
    if !any(history, read) {
        gaps.push("no poll returned a record".to_owned());
    }
    if !history.final_reads {
        gaps.push("final reads were not done: nothing can be called unseen".to_owned());
    }
    gaps
}

fn any(history: &History, fits: impl Fn(u32, &Row) -> bool) -> bool {
    (0_u32..).zip(history.rows()).any(|(operation, row)| fits(operation, row))
}
