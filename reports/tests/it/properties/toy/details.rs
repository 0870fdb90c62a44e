//! What operations tell besides records.

use harrow_sim::history::{MicroOperation, What};

pub(super) fn member(group: u32, generation: i64) -> MicroOperation {
    MicroOperation::Detail(What::Member { group, generation })
}

pub(super) fn assigned(partition: u32) -> MicroOperation {
    MicroOperation::Detail(What::Assigned { partition })
}
