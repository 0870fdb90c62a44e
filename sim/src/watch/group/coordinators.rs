//! Who coordinates which groups: a deposed coordinator that has not heard of it may still speak, and what it says
//! then is about a group that another one has read from the log since. Its word counts for nothing: it can neither
//! hide a double ownership nor make one. Who has heard of it and speaks all the same is taken at its word.

use std::collections::BTreeMap;

use harrow_broker_model::client::coordinator_partition;
use harrow_broker_model::note::MetadataChange;
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicId, TopicPartition};

use crate::plan::Plan;
use crate::view::Registry;
use crate::watch::exchange::CoordinatorKind;

/// In which epoch each node coordinates each partition of `__consumer_offsets`, and in which the newest does.
#[derive(Debug)]
pub(super) struct Coordinators {
    partitions: i32,
    served: BTreeMap<(NodeId, i32), LeaderEpoch>,
    newest: BTreeMap<i32, LeaderEpoch>,
    /// `__consumer_offsets`, once it is created.
    topic: Option<TopicId>,
    /// The leader epochs of its partitions that each node has heard of.
    heard: BTreeMap<(NodeId, i32), LeaderEpoch>,
}

impl Coordinators {
    pub(super) fn new(plan: &Plan) -> Self {
        let partitions = plan.cluster.coordinators.offsets_topic.partitions.max(1) as i32;
        Self {
            partitions,
            served: BTreeMap::new(),
            newest: BTreeMap::new(),
            topic: None,
            heard: BTreeMap::new(),
        }
    }

    /// A process starts: it coordinates nothing, and has heard of nobody.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.served.retain(|(known, _), _| *known != node);
        self.heard.retain(|(known, _), _| *known != node);
    }

    /// A node has applied a change of the cluster's metadata. If it goes on to coordinate without having read its
    /// partition anew, though somebody else has done so meanwhile: that partition. What it said meanwhile did not
    /// count, and it does not say it again.
    pub(super) fn on_metadata(&mut self, node: NodeId, change: &MetadataChange) -> Option<i32> {
        match change {
            MetadataChange::TopicCreated { topic, name, .. }
                if name == CoordinatorKind::Group.topic() =>
            {
                self.topic = Some(*topic);
                None
            }
            MetadataChange::PartitionChanged { partition, registration, .. }
                if self.topic == Some(partition.topic) =>
            {
                let (index, epoch) = (partition.partition, registration.leader_epoch);
                self.heard.insert((node, index), epoch);
                let leads = registration.leader == Some(node);
                leads.then(|| self.elected_again((node, index), epoch)).flatten()
            }
            MetadataChange::TopicCreated { .. }
            | MetadataChange::PartitionChanged { .. }
            | MetadataChange::LeaderChanged { .. }
            | MetadataChange::BrokerRegistered { .. }
            | MetadataChange::BrokerChanged { .. }
            | MetadataChange::ProducerIdsAllocated { .. }
            | MetadataChange::TopicDeleted { .. }
            | MetadataChange::BrokerUnregistered { .. }
            | MetadataChange::LogDirsChanged { .. }
            | MetadataChange::ReplicaAssigned { .. }
            | MetadataChange::TopicReconfigured { .. }
            | MetadataChange::VotersChanged { .. }
            | MetadataChange::RetentionChanged { .. } => None,
        }
    }

    /// A node's metadata is that of a snapshot, up to an offset: it has heard of all that changed before. Of which
    /// partitions it goes on to coordinate as [`Self::on_metadata`] says.
    pub(super) fn on_snapshot(
        &mut self,
        node: NodeId,
        registry: &Registry,
        applied: Offset,
    ) -> Vec<i32> {
        let Some(topic) = self.topic else { return Vec::new() };
        let goes_on = (0..self.partitions).filter_map(|partition| {
            let known = registry.registration_at(TopicPartition { topic, partition }, applied)?;
            let (place, epoch) = ((node, partition), known.leader_epoch);
            self.heard.insert(place, epoch);
            (known.leader == Some(node)).then(|| self.elected_again(place, epoch)).flatten()
        });
        goes_on.collect()
    }

    /// Who coordinates already goes on in a later epoch.
    fn elected_again(&mut self, place: (NodeId, i32), epoch: LeaderEpoch) -> Option<i32> {
        let served = self.served.get_mut(&place).filter(|served| **served < epoch)?;
        let newest = self.newest.entry(place.1).or_insert(epoch);
        let another_has_read = *newest > *served;
        (*served, *newest) = (epoch, (*newest).max(epoch));
        another_has_read.then_some(place.1)
    }

    /// Whether a partition of the topic has the records of a group.
    pub(super) fn is_of(&self, partition: i32, group: &str) -> bool {
        self.partition_of(group) == partition
    }

    /// Which partition of the topic has the records of a group.
    pub(super) fn partition_of(&self, group: &str) -> i32 {
        coordinator_partition(group, self.partitions)
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

    /// Whether another coordinator of the group has begun since this node did, and the node has not heard of it.
    pub(super) fn is_deposed_unawares(&self, node: NodeId, group: &str) -> bool {
        let place = (node, coordinator_partition(group, self.partitions));
        let served = self.served.get(&place).copied().unwrap_or(LeaderEpoch::NONE);
        let heard = self.heard.get(&place).is_some_and(|heard| *heard > served);
        self.newest.get(&place.1).is_some_and(|newest| *newest > served) && !heard
    }
}
