//! Who leads and who follows, as metadata says.

use harrow_broker_model::metadata::MetadataImage;
use harrow_broker_model::types::{NodeId, TopicPartition};

fn partition_of(image: &MetadataImage, topic: &str, partition: i32) -> Option<TopicPartition> {
    let topic = *image.topic_ids.get(topic)?;
    Some(TopicPartition { topic, partition })
}

/// The leader of a partition.
pub(super) fn leader_of(image: &MetadataImage, topic: &str, partition: i32) -> Option<NodeId> {
    image.partitions.get(&partition_of(image, topic, partition)?)?.leader
}

/// The first in-sync replica that does not lead.
pub(super) fn follower_of(image: &MetadataImage, topic: &str, partition: i32) -> Option<NodeId> {
    let registration = image.partitions.get(&partition_of(image, topic, partition)?)?;
    registration.isr.iter().copied().find(|node| Some(*node) != registration.leader)
}
