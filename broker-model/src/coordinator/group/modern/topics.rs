//! Topics as the coordinator's broker knows them. Source: Kafka's `SubscribedTopicDescriberImpl`,
//! `Utils.computeTopicHash`; KIP-1101.

use crate::metadata::MetadataImage;
use crate::types::{TopicId, TopicPartition};

/// Topics of the metadata.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Topics<'a>(pub(crate) &'a MetadataImage);

impl Topics<'_> {
    pub(super) fn find(self, name: &str) -> Option<TopicId> {
        self.0.topic_ids.get(name).copied()
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
