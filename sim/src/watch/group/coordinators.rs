//! Who coordinates which groups: a deposed coordinator that has not heard of it may still speak, and what it says
//! then is about a group that another one has read from the log since. Its word counts for nothing: it can neither
//! hide a double ownership nor make one.

use std::collections::BTreeMap;

use harrow_broker_model::client::coordinator_partition;
use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};

use crate::plan::Plan;

/// In which epoch each node coordinates each partition of `__consumer_offsets`, and in which the newest does.
#[derive(Debug)]
pub(super) struct Coordinators {
    partitions: i32,
    served: BTreeMap<(NodeId, i32), LeaderEpoch>,
    newest: BTreeMap<i32, LeaderEpoch>,
}

impl Coordinators {
    pub(super) fn new(plan: &Plan) -> Self {
        let partitions = plan.cluster.coordinators.offsets_topic.partitions.max(1) as i32;
        Self { partitions, served: BTreeMap::new(), newest: BTreeMap::new() }
    }

    /// A node has read its partition and coordinates from now on; false if a newer one does already.
    pub(super) fn on_loaded(
        &mut self,
        node: NodeId,
        partition: TopicPartition,
        epoch: LeaderEpoch,
    ) -> bool {
        let index = partition.partition;
        self.served.insert((node, index), epoch);
        let newest = self.newest.entry(index).or_insert(epoch);
        *newest = (*newest).max(epoch);
        *newest == epoch
    }

    /// Whether another coordinator of the group has begun since this node did.
    pub(super) fn is_deposed(&self, node: NodeId, group: &str) -> bool {
        let index = coordinator_partition(group, self.partitions);
        let served = self.served.get(&(node, index)).copied().unwrap_or(LeaderEpoch::NONE);
        self.newest.get(&index).is_some_and(|newest| *newest > served)
    }
}
