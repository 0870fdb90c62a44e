//! The metadata image: what replaying the metadata log up to an offset gives. A pure function of the log's prefix.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::collections::PartitionMap;
use crate::config::TopicConfig;
use crate::metadata::MetadataRecord;
use crate::metadata::directories::Directories;
use crate::note::{MetadataChange, PartitionRegistration, RegisteredAgain};
use crate::topic_settings;
use crate::types::{BrokerEpoch, NodeId, Offset, TopicId, TopicPartition};
use crate::voter_set::VoterSet;

/// Cluster metadata at an offset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetadataImage {
    /// Brokers by id.
    pub brokers: BTreeMap<NodeId, BrokerRegistration>,
    /// Topics by id.
    pub topics: BTreeMap<TopicId, TopicConfig>,
    /// The newest topic's id, whether or not that topic is there still: no id is given twice.
    pub last_topic: TopicId,
    /// Topic ids by name.
    pub topic_ids: BTreeMap<String, TopicId>,
    /// Partitions.
    pub partitions: PartitionMap<TopicPartition, PartitionRegistration>,
    /// First producer id that is not given out.
    pub next_producer_id: i64,
    /// Log directories, and where replicas are.
    pub directories: Directories,
    /// Voters of the quorum; none where they cannot be changed.
    pub voters: VoterSet,
    /// Offset after the last applied record.
    pub end_offset: Offset,
}

/// A registered broker.
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
pub struct BrokerRegistration {
    /// Epoch of its present uptime.
    pub broker_epoch: BrokerEpoch,
    /// Where its registration is in the metadata log: the broker is unfenced once it has applied that.
    pub registered_at: Offset,
    /// Identity of its present uptime.
    pub incarnation: u64,
    /// Whether it is fenced.
    pub fenced: bool,
    /// Whether it is in controlled shutdown.
    pub shutting_down: bool,
}

impl BrokerRegistration {
    /// Whether it may lead and join an ISR: unfenced and not shutting down. Source: KIP-841.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.shutting_down
    }
}

impl MetadataImage {
    /// Whether there is such a partition of a topic of this name.
    pub(crate) fn knows(&self, topic: &str, partition: i32) -> bool {
        let topic = self.topic_ids.get(topic).copied();
        topic
            .is_some_and(|topic| self.partitions.contains_key(&TopicPartition { topic, partition }))
    }

    /// Whether a topic was there once, and is no more.
    pub(crate) fn has_deleted(&self, topic: TopicId) -> bool {
        topic <= self.last_topic && !self.topics.contains_key(&topic)
    }

    /// Applies the record at `offset` and says what changed.
    pub fn apply(&mut self, offset: Offset, record: &MetadataRecord) -> MetadataChange {
        assert!(
            offset >= self.end_offset,
            "record at {offset} applied again, image is at {}",
            self.end_offset
        );
        self.end_offset = offset.next();
        match record {
            MetadataRecord::LeaderChange { leader } => {
                MetadataChange::LeaderChanged { leader: *leader }
            }
            MetadataRecord::RegisterBroker {
                broker,
                incarnation,
                broker_epoch,
                fenced,
                shutting_down,
                unclean,
            } => {
                let registration = BrokerRegistration {
                    broker_epoch: *broker_epoch,
                    registered_at: offset,
                    incarnation: *incarnation,
                    fenced: *fenced,
                    shutting_down: *shutting_down,
                };
                self.register(*broker, registration, *unclean)
            }
            MetadataRecord::BrokerChange { broker, fenced, shutting_down } => {
                self.apply_broker_change(*broker, *fenced, *shutting_down)
            }
            MetadataRecord::Topic { topic, config } => {
                self.topics.insert(*topic, config.clone());
                self.topic_ids.insert(config.name.clone(), *topic);
                self.last_topic = self.last_topic.max(*topic);
                MetadataChange::TopicCreated {
                    topic: *topic,
                    name: config.name.clone(),
                    min_insync_replicas: config.min_insync_replicas,
                    unclean_leader_election: config.unclean_leader_election,
                }
            }
            MetadataRecord::Partition { .. } | MetadataRecord::Reassigning { .. } => {
                let registered = record.registered().expect("a partition's record registers one");
                let (partition, registration, unclean) = registered;
                self.directories.keep_replicas(partition, &registration.replicas);
                self.partitions.insert(partition, registration.clone());
                MetadataChange::PartitionChanged { partition, registration, unclean }
            }
            MetadataRecord::ProducerIds { next_producer_id } => {
                assert!(
                    *next_producer_id >= self.next_producer_id,
                    "producer ids go back from {} to {next_producer_id}",
                    self.next_producer_id
                );
                self.next_producer_id = *next_producer_id;
                MetadataChange::ProducerIdsAllocated { next_producer_id: *next_producer_id }
            }
            MetadataRecord::TopicSetting { topic, .. } => self.set_up(*topic, record),
            MetadataRecord::Retention { topic, .. } | MetadataRecord::Compaction { topic, .. } => {
                self.retain(*topic, record)
            }
            MetadataRecord::RemoveTopic { topic } => self.remove_topic(*topic),
            MetadataRecord::UnregisterBroker { broker, .. } => self.unregister(*broker),
            MetadataRecord::LogDirs { .. } | MetadataRecord::ReplicaDirectory { .. } => {
                self.apply_directory(record)
            }
            MetadataRecord::Voters { voters } => self.change_voters(voters),
        }
    }

    fn change_voters(&mut self, voters: &VoterSet) -> MetadataChange {
        self.voters.clone_from(voters);
        MetadataChange::VotersChanged { voters: voters.clone() }
    }

    fn unregister(&mut self, broker: NodeId) -> MetadataChange {
        self.brokers.remove(&broker);
        self.directories.log_dirs.remove(&broker);
        MetadataChange::BrokerUnregistered { broker }
    }

    /// A broker's log directories were told, or in which of them a replica is.
    fn apply_directory(&mut self, record: &MetadataRecord) -> MetadataChange {
        if let MetadataRecord::LogDirs { broker, log_dirs } = record {
            self.directories.log_dirs.insert(*broker, log_dirs.clone());
            return MetadataChange::LogDirsChanged { broker: *broker, log_dirs: log_dirs.clone() };
        }
        let MetadataRecord::ReplicaDirectory { partition, broker, directory } = *record else {
            panic!("{record:?} tells of no log directory")
        };
        self.directories.replicas.insert((partition, broker), directory);
        MetadataChange::ReplicaAssigned { partition, broker, directory }
    }

    fn remove_topic(&mut self, topic: TopicId) -> MetadataChange {
        let config = self.topics.remove(&topic);
        let config = config.unwrap_or_else(|| panic!("topic {topic} is removed, and is not there"));
        self.topic_ids.remove(&config.name);
        self.directories.forget_topic(topic);
        let partitions: Vec<TopicPartition> =
            self.partitions.of_topic(topic).map(|(partition, _)| partition).collect();
        for partition in partitions {
            self.partitions.remove(&partition);
        }
        MetadataChange::TopicDeleted { topic }
    }

    /// What becomes of a topic's records was set, by one of the records for that.
    fn retain(&mut self, topic: TopicId, record: &MetadataRecord) -> MetadataChange {
        let config = self.topics.get_mut(&topic);
        let config = config.unwrap_or_else(|| panic!("retention of topic {topic:?}"));
        let retention = &mut config.retention;
        if let MetadataRecord::Retention { retention_ms, retention_bytes, segment_ms, .. } = record
        {
            (retention.retention_ms, retention.retention_bytes) = (*retention_ms, *retention_bytes);
            retention.segment_ms = *segment_ms;
        } else if let MetadataRecord::Compaction { compaction, .. } = record {
            retention.compaction = *compaction;
        }
        MetadataChange::RetentionChanged { topic, retention: *retention }
    }

    /// A setting of a topic was changed.
    fn set_up(&mut self, topic: TopicId, record: &MetadataRecord) -> MetadataChange {
        let MetadataRecord::TopicSetting { name, value, .. } = record else {
            panic!("{record:?} tells of no setting")
        };
        let config = self.topics.get_mut(&topic);
        let config = config.unwrap_or_else(|| panic!("setting {name} of topic {topic:?}"));
        topic_settings::set(config, name, value.as_deref())
            .unwrap_or_else(|error| panic!("{name}={value:?} of topic {topic:?}: {error}"));
        MetadataChange::TopicReconfigured {
            topic,
            name: name.clone(),
            value: value.clone(),
            min_insync_replicas: config.min_insync_replicas,
            unclean_leader_election: config.unclean_leader_election,
            retention: config.retention,
        }
    }

    /// A registration that keeps the epoch changes nothing but where it is written.
    fn register(
        &mut self,
        broker: NodeId,
        registration: BrokerRegistration,
        unclean: bool,
    ) -> MetadataChange {
        let BrokerRegistration { broker_epoch, fenced, shutting_down, .. } = registration;
        let incarnation = registration.incarnation;
        let before = self.brokers.insert(broker, registration);
        let known = before.as_ref().is_some_and(|before| before.incarnation == incarnation);
        match before {
            Some(before) if before.broker_epoch == broker_epoch => {
                MetadataChange::BrokerChanged { broker, broker_epoch, fenced, shutting_down }
            }
            Some(_) | None => {
                let again = RegisteredAgain(known);
                MetadataChange::BrokerRegistered { broker, broker_epoch, unclean, again }
            }
        }
    }

    fn apply_broker_change(
        &mut self,
        broker: NodeId,
        fenced: bool,
        shutting_down: bool,
    ) -> MetadataChange {
        let registration = self.brokers.get_mut(&broker);
        let registration = registration
            .unwrap_or_else(|| panic!("change of broker {broker}, which is not registered"));
        registration.fenced = fenced;
        registration.shutting_down = shutting_down;
        MetadataChange::BrokerChanged {
            broker,
            broker_epoch: registration.broker_epoch,
            fenced,
            shutting_down,
        }
    }

    /// Whether the broker is registered, unfenced and not shutting down.
    pub fn is_active(&self, broker: NodeId) -> bool {
        self.brokers.get(&broker).is_some_and(BrokerRegistration::is_active)
    }

    /// Whether the broker's replica may lead: the broker is active, and the replica's log directory online. Source:
    /// `ReplicationControlManager.LeaderAcceptor`.
    pub fn may_lead(&self, partition: TopicPartition, broker: NodeId) -> bool {
        self.is_active(broker) && self.directories.has_online(partition, broker)
    }

    /// The configuration of a partition's topic.
    pub fn topic_of(&self, partition: TopicPartition) -> Option<&TopicConfig> {
        self.topics.get(&partition.topic)
    }
}
