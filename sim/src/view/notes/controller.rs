//! What notes on committed metadata change: registrations, brokers and topics.

use harrow_broker_model::note::{ControllerNote, MetadataChange};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset};

use crate::view::{ClusterView, PartitionView};

impl ClusterView {
    pub(super) fn on_controller_note(&mut self, at_ns: u64, node: NodeId, note: &ControllerNote) {
        match note {
            ControllerNote::MetadataApplied { offset, controller_epoch, change } => {
                self.on_metadata(at_ns, *offset, *controller_epoch, change);
            }
            ControllerNote::Activated { epoch, active } => {
                self.quorum.activated(node, *epoch, *active);
            }
            ControllerNote::IsrProposalAccepted { .. } => {}
        }
    }

    fn on_metadata(
        &mut self,
        at_ns: u64,
        offset: Offset,
        controller_epoch: LeaderEpoch,
        change: &MetadataChange,
    ) {
        if let MetadataChange::TopicDeleted { topic } = change {
            let of_it = |view: &&mut PartitionView| view.partition.topic == *topic;
            self.partitions.iter_mut().filter(of_it).for_each(|view| view.delete(at_ns));
        }
        if !self.registry.is_news(offset) {
            return;
        }
        self.registry.apply(offset, controller_epoch, change);
        if let MetadataChange::BrokerRegistered { broker, .. } = change {
            let known = self.nodes.entry(*broker).or_default();
            known.registered = true;
            known.first_registration.get_or_insert(offset);
        }
        if let MetadataChange::TopicReconfigured { topic: id, .. } = change
            && let Some(topic) = self.registry.topic(*id)
        {
            let of_it = |view: &&mut PartitionView| view.partition.topic == *id;
            for view in self.partitions.iter_mut().filter(of_it) {
                view.configure(topic, self.eligible_replicas);
            }
        }
        let MetadataChange::PartitionChanged { partition, registration, unclean } = change else {
            return;
        };
        let index = self.index_or_new(*partition);
        let view = &mut self.partitions[index];
        if let Some(topic) = self.registry.topic(partition.topic) {
            view.replica_count = registration.replicas.len() as u32;
            view.configure(topic, self.eligible_replicas);
        }
        let nodes = &self.nodes;
        let registered = |node: NodeId| nodes.get(&node).is_some_and(|view| view.registered);
        view.register(at_ns, registration, *unclean, self.weak, registered);
    }
}
