//! What notes on a broker's life change: how it stopped last.

use harrow_broker_model::note::BrokerNote;
use harrow_broker_model::types::{BrokerEpoch, NodeId};

use crate::view::ClusterView;

impl ClusterView {
    pub(super) fn on_broker_note(&mut self, node: NodeId, note: &BrokerNote) {
        match note {
            BrokerNote::StoppedCleanly { broker_epoch } => {
                self.nodes.entry(node).or_default().stopped_unregistered =
                    *broker_epoch == BrokerEpoch::NONE;
            }
            BrokerNote::LogCreated { partition, directory } => {
                let known = self.nodes.entry(node).or_default();
                known.places.insert(*partition, *directory);
                // What was in another directory is not in this one.
                if let Some(replica) = self.partition_mut(*partition).known_replica_mut(node) {
                    replica.made_anew();
                }
            }
            BrokerNote::StateChanged { .. }
            | BrokerNote::LogDirectoryOffline { .. }
            | BrokerNote::ReplicaOffline { .. } => {}
        }
    }
}
