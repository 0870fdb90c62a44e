//! A topic as a request names it: by its id, which is that of one topic for all time, or by its name, which another one
//! may have after it. Source: KIP-516; Kafka's `KafkaApis.handleProduceRequest`, `FetchRequest.fetchData`,
//! `ReplicaManager.getPartitionOrException`.

use crate::broker::handle::resolve;
use crate::metadata::MetadataImage;
use crate::proto::{ErrorCode, TopicName, topic_of_uuid};
use crate::types::TopicPartition;

/// A topic as a request names it.
#[derive(Debug, Clone, Copy)]
pub(in crate::broker) struct AskedTopic<'a> {
    name: &'a TopicName,
    /// As the wire has it; none if the request goes by the name.
    id: Option<u128>,
}

impl<'a> AskedTopic<'a> {
    /// As the fields of a request say; an id of zero is none.
    pub(in crate::broker) fn of(name: &'a TopicName, id: u128) -> Self {
        Self { name, id: (id != 0).then_some(id) }
    }

    /// The same, of a session.
    pub(in crate::broker) fn known_by(name: &'a TopicName, id: Option<u128>) -> Self {
        Self { name, id }
    }

    /// The partition that the metadata knows: an id is never taken for that of another topic of the same name.
    pub(in crate::broker) fn resolve(
        self,
        image: &MetadataImage,
        partition: i32,
    ) -> Result<TopicPartition, ErrorCode> {
        let Some(id) = self.id else { return resolve(image, self.name, partition) };
        let known = topic_of_uuid(id).filter(|topic| image.topics.contains_key(topic));
        let topic = known.ok_or(ErrorCode::UnknownTopicId)?;
        let id = TopicPartition { topic, partition };
        let there = image.partitions.contains_key(&id);
        there.then_some(id).ok_or(ErrorCode::UnknownTopicOrPartition)
    }
}
