//! Committed metadata: what each offset of the metadata log says, and the brokers and topics that follow from it.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::metadata::Directories;
use harrow_broker_model::note::{MetadataChange, PartitionRegistration};
use harrow_broker_model::retention::Retention;
use harrow_broker_model::topic_settings::{FOLLOWER_THROTTLED_REPLICAS, LEADER_THROTTLED_REPLICAS};
use harrow_broker_model::types::{
    BrokerEpoch, LeaderEpoch, NodeId, Offset, TopicId, TopicPartition,
};

use crate::history::incarnation_name;

/// What the committed metadata log says.
#[derive(Debug, Default)]
pub struct Registry {
    applied: BTreeMap<Offset, (LeaderEpoch, MetadataChange)>,
    brokers: BTreeMap<NodeId, BrokerView>,
    topics: BTreeMap<TopicId, TopicView>,
    topics_revision: u64,
    directories: Directories,
}

/// Settings that name throttled replicas.
const THROTTLES: [&str; 2] = [LEADER_THROTTLED_REPLICAS, FOLLOWER_THROTTLED_REPLICAS];

/// A registered broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerView {
    /// Epoch of its newest registration.
    pub broker_epoch: BrokerEpoch,
    /// Whether it is fenced.
    pub fenced: bool,
    /// Whether it is in controlled shutdown.
    pub shutting_down: bool,
    /// Offset of its newest registration: it is let in once it has applied that.
    pub registered_at: Offset,
}

impl BrokerView {
    /// An uptime that has just registered, at an offset of the metadata log.
    fn registered(broker_epoch: BrokerEpoch, registered_at: Offset) -> Self {
        Self { broker_epoch, fenced: true, shutting_down: false, registered_at }
    }
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicView {
    /// Its name.
    pub name: String,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// Every `min.insync.replicas` that it ever had.
    pub minimums: BTreeSet<u32>,
    /// Whether that was changed while it was in use.
    pub minimum_changed: bool,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// When its records may be deleted.
    pub retention: Retention,
    /// Its settings that name throttled replicas.
    pub throttles: BTreeSet<String>,
    /// Whether it is gone.
    pub deleted: bool,
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

    /// Log directories, and where replicas are.
    pub fn directories(&self) -> &Directories {
        &self.directories
    }

    /// All brokers that ever registered.
    pub fn brokers(&self) -> impl Iterator<Item = (NodeId, &BrokerView)> {
        self.brokers.iter().map(|(node, broker)| (*node, broker))
    }

    /// A broker.
    pub fn broker(&self, node: NodeId) -> Option<&BrokerView> {
        self.brokers.get(&node)
    }

    /// Whether somebody who has applied the metadata up to an offset takes a broker's uptime for unfenced. A broker
    /// epoch is the offset of its registration.
    pub fn is_unfenced_at(&self, node: NodeId, uptime: BrokerEpoch, applied: Offset) -> bool {
        applied.0 >= uptime.0 && self.state_at(node, uptime, applied).is_some_and(|it| !it.fenced)
    }

    /// What somebody who has applied the metadata up to an offset knows of a broker, by the changes since an uptime of
    /// it registered. A registration that is amended leaves the state as it was.
    pub fn state_at(
        &self,
        node: NodeId,
        uptime: BrokerEpoch,
        applied: Offset,
    ) -> Option<BrokerView> {
        let since = Offset(uptime.0.clamp(0, applied.0));
        let changes = self.applied.range(since..=applied).rev();
        changes.into_iter().find_map(|(offset, (_, change))| match change {
            MetadataChange::BrokerChanged { broker, broker_epoch, fenced, shutting_down }
                if *broker == node =>
            {
                Some(BrokerView {
                    broker_epoch: *broker_epoch,
                    fenced: *fenced,
                    shutting_down: *shutting_down,
                    registered_at: Offset(broker_epoch.0),
                })
            }
            MetadataChange::BrokerRegistered { broker, broker_epoch, .. }
                if *broker == node && broker_epoch.0 == offset.0 =>
            {
                Some(BrokerView::registered(*broker_epoch, *offset))
            }
            MetadataChange::BrokerChanged { .. }
            | MetadataChange::BrokerRegistered { .. }
            | MetadataChange::LeaderChanged { .. }
            | MetadataChange::TopicCreated { .. }
            | MetadataChange::PartitionChanged { .. }
            | MetadataChange::ProducerIdsAllocated { .. }
            | MetadataChange::TopicDeleted { .. }
            | MetadataChange::BrokerUnregistered { .. }
            | MetadataChange::LogDirsChanged { .. }
            | MetadataChange::ReplicaAssigned { .. }
            | MetadataChange::TopicReconfigured { .. }
            | MetadataChange::VotersChanged { .. }
            | MetadataChange::RetentionChanged { .. } => None,
        })
    }

    /// A topic.
    pub fn topic(&self, topic: TopicId) -> Option<&TopicView> {
        self.topics.get(&topic)
    }

    /// The id of the topic that has this name now.
    pub fn topic_id(&self, name: &str) -> Option<TopicId> {
        let is_it = |(_, topic): &(&TopicId, &TopicView)| topic.name == name && !topic.deleted;
        self.topics.iter().find(is_it).map(|(id, _)| *id)
    }

    /// The name that only this topic has: of the second of a name `orders@2`.
    pub fn unique_name(&self, id: TopicId) -> Option<String> {
        let topic = self.topics.get(&id)?;
        let alike = self.topics.range(..=id).filter(|(_, other)| other.name == topic.name);
        Some(incarnation_name(&topic.name, alike.count()))
    }

    /// The topic that has this name, or had it: `orders` is the first of its name, `orders@2` the second.
    pub fn incarnation(&self, name: &str) -> Option<TopicId> {
        let (topic, ordinal) = name.split_once('@').unwrap_or((name, "1"));
        let before = ordinal.parse::<usize>().ok()?.checked_sub(1)?;
        let mut alike = self.topics.iter().filter(|(_, other)| other.name == topic);
        alike.nth(before).map(|(id, _)| *id)
    }

    /// The registration of a partition as somebody knows it who has applied the metadata up to an offset; none if there
    /// is none, or none any more.
    pub fn registration_at(
        &self,
        partition: TopicPartition,
        applied: Offset,
    ) -> Option<&PartitionRegistration> {
        let changes = self.applied.range(..=applied).rev();
        let newest = changes.into_iter().find_map(|(_, (_, change))| match change {
            MetadataChange::PartitionChanged { partition: of, registration, .. }
                if *of == partition =>
            {
                Some(Some(registration))
            }
            MetadataChange::TopicDeleted { topic } if *topic == partition.topic => Some(None),
            MetadataChange::PartitionChanged { .. }
            | MetadataChange::TopicDeleted { .. }
            | MetadataChange::BrokerRegistered { .. }
            | MetadataChange::BrokerChanged { .. }
            | MetadataChange::BrokerUnregistered { .. }
            | MetadataChange::LogDirsChanged { .. }
            | MetadataChange::ReplicaAssigned { .. }
            | MetadataChange::VotersChanged { .. }
            | MetadataChange::LeaderChanged { .. }
            | MetadataChange::TopicCreated { .. }
            | MetadataChange::ProducerIdsAllocated { .. }
            | MetadataChange::TopicReconfigured { .. }
            | MetadataChange::RetentionChanged { .. } => None,
        });
        newest.flatten()
    }

    /// Names by id.
    pub fn topics(&self) -> &BTreeMap<TopicId, TopicView> {
        &self.topics
    }

    /// Whether there was another topic of its name before it.
    pub fn is_created_again(&self, topic: TopicId) -> bool {
        let Some(name) = self.topics.get(&topic).map(|topic| &topic.name) else { return false };
        self.topics.range(..topic).any(|(_, before)| before.name == *name)
    }

    /// Grows with every topic that is created or deleted.
    pub fn topics_revision(&self) -> u64 {
        self.topics_revision
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller passes changes of topics alone")]
    fn apply_to_topic(&mut self, change: &MetadataChange) {
        match change {
            MetadataChange::TopicCreated {
                topic,
                name,
                min_insync_replicas,
                unclean_leader_election,
            } => {
                let view = TopicView {
                    name: name.clone(),
                    min_insync_replicas: *min_insync_replicas,
                    minimums: BTreeSet::from([*min_insync_replicas]),
                    minimum_changed: false,
                    unclean_leader_election: *unclean_leader_election,
                    retention: Retention::FOREVER,
                    throttles: BTreeSet::new(),
                    deleted: false,
                };
                self.topics.insert(*topic, view);
                self.topics_revision += 1;
            }
            MetadataChange::RetentionChanged { topic, retention } => {
                if let Some(view) = self.topics.get_mut(topic) {
                    view.retention = *retention;
                }
            }
            MetadataChange::TopicReconfigured {
                topic,
                name,
                value,
                min_insync_replicas,
                unclean_leader_election,
                retention,
            } => {
                if let Some(view) = self.topics.get_mut(topic) {
                    match value {
                        Some(_) if THROTTLES.contains(&name.as_str()) => {
                            view.throttles.insert(name.clone());
                        }
                        Some(_) | None => {
                            view.throttles.remove(name);
                        }
                    }
                    view.minimum_changed |= view.min_insync_replicas != *min_insync_replicas;
                    view.min_insync_replicas = *min_insync_replicas;
                    view.minimums.insert(*min_insync_replicas);
                    view.unclean_leader_election = *unclean_leader_election;
                    view.retention = *retention;
                }
            }
            MetadataChange::TopicDeleted { topic } => {
                if let Some(view) = self.topics.get_mut(topic) {
                    view.deleted = true;
                    self.topics_revision += 1;
                }
            }
            other => unreachable!("{other:?} changes no topic"),
        }
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
                let known = self.brokers.get(broker).copied();
                let amended = known.filter(|known| known.broker_epoch == *broker_epoch);
                let fresh = BrokerView::registered(*broker_epoch, offset);
                let state = amended.unwrap_or(fresh);
                self.brokers.insert(*broker, BrokerView { registered_at: offset, ..state });
            }
            MetadataChange::BrokerChanged { broker, broker_epoch, fenced, shutting_down } => {
                let known = self.brokers.get(broker);
                let view = BrokerView {
                    broker_epoch: *broker_epoch,
                    fenced: *fenced,
                    shutting_down: *shutting_down,
                    registered_at: known.map_or(Offset(broker_epoch.0), |it| it.registered_at),
                };
                self.brokers.insert(*broker, view);
            }
            MetadataChange::TopicCreated { .. }
            | MetadataChange::RetentionChanged { .. }
            | MetadataChange::TopicReconfigured { .. }
            | MetadataChange::TopicDeleted { .. } => self.apply_to_topic(change),
            MetadataChange::BrokerUnregistered { broker } => {
                self.brokers.remove(broker);
            }
            MetadataChange::LogDirsChanged { broker, log_dirs } => {
                self.directories.log_dirs.insert(*broker, log_dirs.clone());
            }
            MetadataChange::ReplicaAssigned { partition, broker, directory } => {
                self.directories.replicas.insert((*partition, *broker), *directory);
            }
            MetadataChange::PartitionChanged { partition, registration, .. } => {
                self.directories.keep_replicas(*partition, &registration.replicas);
            }
            MetadataChange::LeaderChanged { .. }
            | MetadataChange::ProducerIdsAllocated { .. }
            | MetadataChange::VotersChanged { .. } => {}
        }
    }
}
