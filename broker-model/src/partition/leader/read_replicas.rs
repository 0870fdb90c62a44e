//! Followers from which consumers may read in the leader's place.
//!
//! Obligation: a consumer is sent only to a replica that is in sync and has the offset that it asks for. Else it reads
//! nothing, is sent back as out of range, and is sent there again (KAFKA-14372). Source: KIP-392,
//! `ReplicaManager.findPreferredReadReplica`.

use crate::defect::ConsumerDefect;
use crate::partition::{Partition, Role};
use crate::types::{NodeId, Offset, Time};

/// A follower, and how far it is: whoever is further is the better choice. Source: `ReplicaView.comparator`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadReplica {
    log_end_offset: Offset,
    last_caught_up: Option<Time>,
    /// Which broker.
    pub replica: NodeId,
}

impl Partition {
    /// The followers in the ISR that have an offset, as far as this leader knows; none of a follower.
    pub fn read_replicas(&self, offset: Offset) -> Vec<ReadReplica> {
        let Role::Leader(leader) = &self.role else {
            return Vec::new();
        };
        // ConsumerDefect::PreferredOutOfIsr: one that lags behind is as good as any.
        let anybody = self.defects.has(ConsumerDefect::PreferredOutOfIsr);
        let in_sync = |replica| anybody || leader.isr.committed().contains(&replica);
        let has = leader.followers.iter().filter(|progress| {
            in_sync(progress.replica)
                && progress.log_end_offset >= offset
                && progress.log_start_offset <= offset
        });
        has.map(|progress| ReadReplica {
            log_end_offset: progress.log_end_offset,
            last_caught_up: progress.last_caught_up(),
            replica: progress.replica,
        })
        .collect()
    }
}
