//! Who leads and who follows, as metadata says.

use harrow_broker_model::metadata::MetadataImage;
use harrow_broker_model::note::PartitionRegistration;
use harrow_broker_model::types::{NodeId, TopicPartition};

/// How a partition is registered.
pub(super) fn registration_of<'a>(
    image: &'a MetadataImage,
    topic: &str,
    partition: i32,
) -> Option<&'a PartitionRegistration> {
    let topic = *image.topic_ids.get(topic)?;
    image.partitions.get(&TopicPartition { topic, partition })
}

/// The leader of a partition.
pub(super) fn leader_of(image: &MetadataImage, topic: &str, partition: i32) -> Option<NodeId> {
    registration_of(image, topic, partition)?.leader
}

/// The first in-sync replica that does not lead.
pub(super) fn follower_of(image: &MetadataImage, topic: &str, partition: i32) -> Option<NodeId> {
    let registration = registration_of(image, topic, partition)?;
    registration.isr.iter().copied().find(|node| Some(*node) != registration.leader)
}
