//! Which log directories brokers have, and in which of them replicas are. Source: KIP-858, Kafka's
//! `BrokerRegistration`, `PartitionRegistration.directories`, `DirectoryId`.
//!
//! A broker with one directory tells of none: when that fails, the broker is gone.

use std::collections::BTreeMap;

use crate::types::{DirectoryId, NodeId, TopicId, TopicPartition};

/// What the metadata says of log directories.
#[derive(Debug, Clone, PartialEq, Hash, Default)]
pub struct Directories {
    /// The directories that are online, of the brokers that told of any.
    pub log_dirs: BTreeMap<NodeId, Vec<DirectoryId>>,
    /// Where replicas are, of those of which it is known.
    pub replicas: BTreeMap<(TopicPartition, NodeId), DirectoryId>,
}

impl Directories {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.log_dirs.is_empty() && self.replicas.is_empty()
    }

    /// The directory of a replica. Source: `PartitionRegistration.directory`.
    pub fn of(&self, partition: TopicPartition, broker: NodeId) -> DirectoryId {
        self.replicas.get(&(partition, broker)).copied().unwrap_or(DirectoryId::UNASSIGNED)
    }

    /// Whether a broker has that directory online. What is not assigned is taken for online, as all is of a broker that
    /// told of no directory. Source: `DirectoryId.isOnline`.
    pub fn is_online(&self, broker: NodeId, directory: DirectoryId) -> bool {
        match directory {
            DirectoryId::UNASSIGNED => true,
            DirectoryId::LOST => false,
            _ => self.log_dirs.get(&broker).is_none_or(|online| online.contains(&directory)),
        }
    }

    /// Whether the directory of a replica is online. Source: `LeaderAcceptor`.
    pub fn has_online(&self, partition: TopicPartition, broker: NodeId) -> bool {
        self.replicas.is_empty() || self.is_online(broker, self.of(partition, broker))
    }

    /// Whether another broker has this directory. Source: `ClusterControlManager.directoryToBroker`.
    pub fn has_other(&self, broker: NodeId, directory: DirectoryId) -> bool {
        let mut others = self.log_dirs.iter().filter(|(other, _)| **other != broker);
        others.any(|(_, online)| online.contains(&directory))
    }

    /// A partition has these replicas: where others were is forgotten.
    pub fn keep_replicas(&mut self, partition: TopicPartition, replicas: &[NodeId]) {
        if !self.replicas.is_empty() {
            self.replicas.retain(|(of, broker), _| *of != partition || replicas.contains(broker));
        }
    }

    /// A topic is gone.
    pub(super) fn forget_topic(&mut self, topic: TopicId) {
        self.replicas.retain(|(partition, _), _| partition.topic != topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTITION: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };

    #[test]
    fn a_directory_is_online_if_its_broker_says_so_or_nobody_knows() {
        let (one, other, old) = (DirectoryId(101), DirectoryId(102), DirectoryId(103));
        let mut directories = Directories::default();
        directories.log_dirs.insert(NodeId(1), vec![one, other]);
        let table = [
            ("one of its own", NodeId(1), one, true),
            ("one that it has no more", NodeId(1), old, false),
            ("not assigned", NodeId(1), DirectoryId::UNASSIGNED, true),
            ("lost", NodeId(1), DirectoryId::LOST, false),
            ("of a broker that told of none", NodeId(2), old, true),
            ("lost by a broker that told of none", NodeId(2), DirectoryId::LOST, false),
        ];
        for (name, broker, directory, online) in table {
            assert_eq!(directories.is_online(broker, directory), online, "{name}");
        }
        assert!(directories.has_other(NodeId(2), one) && !directories.has_other(NodeId(1), one));
    }

    #[test]
    fn where_a_replica_was_is_forgotten_with_it() {
        let mut directories = Directories::default();
        for broker in [1, 2] {
            directories.replicas.insert((PARTITION, NodeId(broker)), DirectoryId(101));
        }
        directories.keep_replicas(PARTITION, &[NodeId(2), NodeId(3)]);
        assert_eq!(directories.of(PARTITION, NodeId(1)), DirectoryId::UNASSIGNED);
        assert_eq!(directories.of(PARTITION, NodeId(2)), DirectoryId(101));
        directories.forget_topic(PARTITION.topic);
        assert!(directories.is_empty());
    }
}
