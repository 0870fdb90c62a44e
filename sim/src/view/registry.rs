//! Committed metadata: what each offset of the metadata log says, and the brokers and topics that follow from it.

use std::collections::BTreeMap;

use harrow_broker_model::note::MetadataChange;
use harrow_broker_model::retention::Retention;
use harrow_broker_model::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, TopicId};

/// What the committed metadata log says.
#[derive(Debug, Default)]
pub struct Registry {
    applied: BTreeMap<Offset, (LeaderEpoch, MetadataChange)>,
    brokers: BTreeMap<NodeId, BrokerView>,
    topics: BTreeMap<TopicId, TopicView>,
}

/// A registered broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerView {
    /// Epoch of its newest registration.
    pub broker_epoch: BrokerEpoch,
    /// Whether it is fenced.
    pub fenced: bool,
    /// Whether it is in controlled shutdown.
    pub shutting_down: bool,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicView {
    /// Its name.
    pub name: String,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// When its records may be deleted.
    pub retention: Retention,
}

impl Registry {
    /// What the offset says, if a node has applied it.
    pub fn at(&self, offset: Offset) -> Option<&(LeaderEpoch, MetadataChange)> {
        self.applied.get(&offset)
    }

    /// Whether no node has applied this offset or a later one.
    pub fn is_news(&self, offset: Offset) -> bool {
        self.applied.last_key_value().is_none_or(|(newest, _)| offset > *newest)
    }

    /// A broker.
    pub fn broker(&self, node: NodeId) -> Option<&BrokerView> {
        self.brokers.get(&node)
    }

    /// Whether somebody who has applied the metadata up to an offset takes a broker's uptime for unfenced. A broker
    /// epoch is the offset of its registration.
    pub fn is_unfenced_at(&self, node: NodeId, uptime: BrokerEpoch, applied: Offset) -> bool {
        if applied.0 < uptime.0 {
            return false;
        }
        let changes = self.applied.range(Offset(uptime.0)..=applied).rev();
        let newest = changes.map(|(_, (_, change))| change).find_map(|change| match change {
            MetadataChange::BrokerChanged { broker, fenced, .. } if *broker == node => {
                Some(!fenced)
            }
            MetadataChange::BrokerRegistered { broker, .. } if *broker == node => Some(false),
            MetadataChange::BrokerChanged { .. }
            | MetadataChange::BrokerRegistered { .. }
            | MetadataChange::LeaderChanged { .. }
            | MetadataChange::TopicCreated { .. }
            | MetadataChange::PartitionChanged { .. }
            | MetadataChange::ProducerIdsAllocated { .. }
            | MetadataChange::RetentionChanged { .. } => None,
        });
        newest.unwrap_or(false)
    }

    /// A topic.
    pub fn topic(&self, topic: TopicId) -> Option<&TopicView> {
        self.topics.get(&topic)
    }

    /// The id of a topic.
    pub fn topic_id(&self, name: &str) -> Option<TopicId> {
        self.topics.iter().find(|(_, topic)| topic.name == name).map(|(id, _)| *id)
    }

    /// Names by id.
    pub fn topics(&self) -> &BTreeMap<TopicId, TopicView> {
        &self.topics
    }

    pub(crate) fn apply(
        &mut self,
        offset: Offset,
        controller_epoch: LeaderEpoch,
        change: &MetadataChange,
    ) {
        self.applied.insert(offset, (controller_epoch, change.clone()));
        match change {
            MetadataChange::BrokerRegistered { broker, broker_epoch, .. } => {
                let view =
                    BrokerView { broker_epoch: *broker_epoch, fenced: true, shutting_down: false };
                self.brokers.insert(*broker, view);
            }
            MetadataChange::BrokerChanged { broker, broker_epoch, fenced, shutting_down } => {
                let view = BrokerView {
                    broker_epoch: *broker_epoch,
                    fenced: *fenced,
                    shutting_down: *shutting_down,
                };
                self.brokers.insert(*broker, view);
            }
            MetadataChange::TopicCreated {
                topic,
                name,
                min_insync_replicas,
                unclean_leader_election,
            } => {
                let view = TopicView {
                    name: name.clone(),
                    min_insync_replicas: *min_insync_replicas,
                    unclean_leader_election: *unclean_leader_election,
                    retention: Retention::FOREVER,
                };
                self.topics.insert(*topic, view);
            }
            MetadataChange::RetentionChanged { topic, retention } => {
                if let Some(view) = self.topics.get_mut(topic) {
                    view.retention = *retention;
                }
            }
            MetadataChange::LeaderChanged { .. }
            | MetadataChange::PartitionChanged { .. }
            | MetadataChange::ProducerIdsAllocated { .. } => {}
        }
    }
}
