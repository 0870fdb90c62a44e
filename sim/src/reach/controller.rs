//! Marks of the controller and of committed metadata.

use harrow_broker_model::note::{ControllerNote, MetadataChange, PartitionRegistration};
use harrow_broker_model::types::{NodeId, TopicPartition};

use super::Tally;

impl Tally {
    pub(super) fn controller(&mut self, node: NodeId, note: &ControllerNote) {
        match note {
            ControllerNote::MetadataApplied { offset, change, .. } => {
                self.metadata(offset.0, change);
            }
            ControllerNote::Activated { active, .. } => self.activated(node, *active),
            ControllerNote::IsrProposalAccepted { .. } => {}
        }
    }

    fn activated(&mut self, node: NodeId, active: bool) {
        if !active {
            return;
        }
        self.mark("controller-elected");
        if self.controller.replace(node).is_some_and(|before| before != node) {
            self.mark("controller-failover");
        }
    }

    /// Every node states each committed record: only the first statement counts.
    fn metadata(&mut self, offset: i64, change: &MetadataChange) {
        if offset < self.metadata_end {
            return;
        }
        self.metadata_end = offset + 1;
        match change {
            MetadataChange::BrokerRegistered { unclean, .. } => {
                self.mark("broker-registered");
                self.add("unclean-registration", u64::from(*unclean));
            }
            MetadataChange::BrokerChanged { fenced, .. } => {
                self.add("broker-fenced", u64::from(*fenced));
            }
            MetadataChange::TopicCreated { topic, name, min_insync_replicas, .. } => {
                self.minimum.insert(topic.0, *min_insync_replicas);
                if name.starts_with("__") {
                    self.internal.insert(topic.0);
                }
                self.mark("topic-created");
            }
            MetadataChange::PartitionChanged { partition, registration, unclean } => {
                self.add("unclean-election", u64::from(*unclean));
                self.add("elr-used", u64::from(!registration.elr.is_empty()));
                let below = self
                    .minimum
                    .get(&partition.topic.0)
                    .is_some_and(|min| (registration.isr.len() as u32) < *min);
                self.add("isr-below-min", u64::from(below));
                self.reassigned(*partition, registration);
                let now = (registration.isr.len(), registration.leader);
                let before = self.isr_sizes.insert((partition.topic.0, partition.partition), now);
                if let Some(before) = before {
                    self.partition_changed(before, now);
                    self.balanced(before.1, registration);
                }
            }
            MetadataChange::TopicReconfigured { topic, min_insync_replicas, .. } => {
                self.minimum.insert(topic.0, *min_insync_replicas);
                self.mark("topic-reconfigured");
            }
            MetadataChange::TopicDeleted { .. } => self.mark("topic-deleted"),
            MetadataChange::BrokerUnregistered { .. } => self.mark("broker-unregistered"),
            MetadataChange::ReplicaAssigned { .. } => self.mark("replica-directory-assigned"),
            MetadataChange::VotersChanged { .. } => self.mark("voters-changed"),
            MetadataChange::LogDirsChanged { .. }
            | MetadataChange::LeaderChanged { .. }
            | MetadataChange::ProducerIdsAllocated { .. }
            | MetadataChange::RetentionChanged { .. } => {}
        }
    }

    /// How reassignments begin and end: a cancelled one leaves the replicas as they were before it.
    fn reassigned(&mut self, partition: TopicPartition, now: &PartitionRegistration) {
        let place = (partition.topic.0, partition.partition);
        let is = now.reassignment.is_under_way();
        let before = if is {
            self.reassigning.insert(place, now.reassignment.adding.clone())
        } else {
            self.reassigning.remove(&place)
        };
        match before {
            None => self.add("reassignment-begun", u64::from(is)),
            Some(_) if is => {}
            Some(added) => {
                let kept = added.iter().all(|node| now.replicas.contains(node));
                self.mark(if kept { "reassignment-completed" } else { "reassignment-cancelled" });
            }
        }
    }

    /// The first replica leads again in the place of one that is in sync all the while.
    fn balanced(&mut self, before: Option<NodeId>, now: &PartitionRegistration) {
        let is_back = now.leader.is_some()
            && now.leader != before
            && now.leader == now.replicas.first().copied()
            && before.is_some_and(|before| now.isr.contains(&before));
        self.add("preferred-leader-elected", u64::from(is_back));
    }

    fn partition_changed(&mut self, before: (usize, Option<NodeId>), now: (usize, Option<NodeId>)) {
        self.add("isr-shrunk", u64::from(now.0 < before.0));
        self.add("isr-expanded", u64::from(now.0 > before.0));
        self.add("leader-lost", u64::from(now.1.is_none() && before.1.is_some()));
        self.add("leader-changed", u64::from(now.1.is_some() && now.1 != before.1));
    }
}
