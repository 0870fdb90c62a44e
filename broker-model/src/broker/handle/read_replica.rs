//! Which replica a consumer should read from instead of the leader: one of its own rack, where there is one that is in
//! sync. Source: KIP-392, `RackAwareReplicaSelector`, `ReplicaManager.findPreferredReadReplica`.
//!
//! With racks, brokers have `replica.selector.class` set to that selector.

use crate::broker::Broker;
use crate::config::rack_name;
use crate::partition::Partition;
use crate::proto::StrBytes;
use crate::types::{NodeId, Offset};

impl Broker {
    /// The replica to which this leader sends a consumer of a rack that asks for an offset; none if it serves the
    /// consumer itself.
    pub(super) fn preferred_read_replica(
        &self,
        partition: &Partition,
        rack: &StrBytes,
        offset: Offset,
    ) -> Option<NodeId> {
        let config = &self.context.config;
        if rack.is_empty() || !partition.is_leader() {
            return None;
        }
        let is_near = |node: NodeId| {
            config.rack_of(node).is_some_and(|own| rack_name(own).as_str() == rack.as_str())
        };
        if is_near(self.context.node) {
            return None;
        }
        let brokers = &self.metadata.image().brokers;
        let is_alive = |node| brokers.get(&node).is_some_and(|broker| !broker.fenced);
        let replicas = partition.read_replicas(offset).into_iter();
        let near = replicas.filter(|it| is_near(it.replica) && is_alive(it.replica));
        near.max().map(|best| best.replica)
    }
}
