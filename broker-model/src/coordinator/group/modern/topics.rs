//! Topics as the coordinator's broker knows them. Source: Kafka's `SubscribedTopicDescriberImpl`,
//! `Utils.computeTopicHash`; KIP-1101.

use std::collections::BTreeMap;

use super::member::Partitions;
use crate::config::topic_name;
use crate::consumer_protocol::Place;
use crate::metadata::MetadataImage;
use crate::types::{TopicId, TopicPartition};

/// Topics of the metadata.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Topics<'a>(pub(crate) &'a MetadataImage);

impl Topics<'_> {
    pub(super) fn find(self, name: &str) -> Option<TopicId> {
        self.0.topic_ids.get(name).copied()
    }

    /// A topic's name.
    pub(super) fn name(&self, topic: TopicId) -> Option<&str> {
        let mut known = self.0.topic_ids.iter();
        known.find(|(_, id)| **id == topic).map(|(name, _)| name.as_str())
    }

    /// Partitions by the names of their topics, as the classic protocol has them; those of no topic are left out.
    pub(super) fn named(self, partitions: &Partitions) -> Vec<Place> {
        let names: BTreeMap<TopicId, &str> =
            self.0.topic_ids.iter().map(|(name, id)| (*id, name.as_str())).collect();
        let named = partitions
            .iter()
            .filter_map(|place| Some((topic_name(names.get(&place.topic)?), place.partition)));
        named.collect()
    }

    /// The same the other way round.
    pub(super) fn places(self, named: &[Place]) -> Partitions {
        let known = named.iter().filter_map(|(name, partition)| {
            Some(TopicPartition { topic: self.find(name)?, partition: *partition })
        });
        known.collect()
    }

    pub(super) fn partitions(self, topic: TopicId) -> impl Iterator<Item = TopicPartition> {
        let count = self.0.partitions.of_topic(topic).count() as i32;
        (0..count).map(move |partition| TopicPartition { topic, partition })
    }

    /// A number that is another one if one of these topics is created, deleted or grows.
    pub(super) fn hash<'b>(self, names: impl Iterator<Item = &'b str>) -> u64 {
        let mut hash = 0;
        for name in names {
            let Some(topic) = self.find(name) else { continue };
            let count = self.partitions(topic).count() as u64;
            let mut bytes = name.as_bytes().to_vec();
            bytes.extend(topic.0.to_be_bytes());
            bytes.extend(count.to_be_bytes());
            hash = xxhash_rust::xxh3::xxh3_64_with_seed(&bytes, hash);
        }
        hash
    }
}
