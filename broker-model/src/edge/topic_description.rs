//! Topics with their partitions, as many as fit into one answer, eligible leader replicas included. Source: KIP-966;
//! Kafka's `DescribeTopicPartitionsRequestHandler`, `KRaftMetadataCache.getTopicMetadataForDescribeTopicResponse`.

use std::collections::BTreeSet;

use bytes::Bytes;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};

use super::answer::{is_internal, write};
use crate::metadata::{MetadataImage, is_topic_name};
use crate::note::PartitionRegistration;
use crate::proto::{BrokerId, ErrorCode, StrBytes, TopicName, topic_uuid};
use crate::types::{NodeId, TopicId, TopicPartition};

/// `max.request.partition.size.limit`, as Kafka has it if nobody says otherwise.
const PARTITIONS_MAX: i32 = 2_000;
/// Bits of all that may be done to a topic, where nobody is asked who he is. Source: Kafka's
/// `AclEntry.supportedOperations`, `Utils.to32BitField`.
const ALL_OPERATIONS: i32 = 0b1101_1111_1000;

/// The whole frame of the answer.
pub fn topic_partitions(
    to: (i16, i32),
    request: &DescribeTopicPartitionsRequest,
    image: &MetadataImage,
) -> Option<Bytes> {
    let response = described(request, image).unwrap_or_else(|error| refused(request, error));
    write(&response, to)
}

fn described(
    request: &DescribeTopicPartitionsRequest,
    image: &MetadataImage,
) -> Result<DescribeTopicPartitionsResponse, ErrorCode> {
    let (first, first_partition) = match &request.cursor {
        Some(cursor) if cursor.partition_index < 0 => return Err(ErrorCode::InvalidRequest),
        Some(cursor) => (cursor.topic_name.as_str(), cursor.partition_index),
        None => ("", 0),
    };
    let asked: BTreeSet<&str> = request.topics.iter().map(|topic| topic.name.as_str()).collect();
    let of_all = asked.is_empty();
    if !of_all && request.cursor.is_some() && !asked.contains(first) {
        return Err(ErrorCode::InvalidRequest);
    }
    let known = image.topic_ids.keys().map(String::as_str);
    let names: BTreeSet<&str> = if of_all { known.collect() } else { asked };
    let mut remaining = request.response_partition_limit.clamp(1, PARTITIONS_MAX);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names.range(first..) {
        if remaining == 0 {
            response.next_cursor = Some(cursor(name, 0));
            break;
        }
        let Some(topic) = image.topic_ids.get(*name) else {
            response.topics.push(unknown(name));
            continue;
        };
        let from = if *name == first { first_partition } else { 0 };
        let told = partitions(image, *topic, (from, remaining));
        let next = from.saturating_add(told.len() as i32);
        remaining -= told.len() as i32;
        response.topics.push(known_topic(name, *topic).with_partitions(told));
        if (next as usize) < image.partitions.of_topic(*topic).count() {
            response.next_cursor = Some(cursor(name, next));
            break;
        }
    }
    Ok(response)
}

/// So many partitions of a topic, from one on.
fn partitions(
    image: &MetadataImage,
    topic: TopicId,
    (from, count): (i32, i32),
) -> Vec<DescribeTopicPartitionsResponsePartition> {
    let from_there = |(id, _): &(TopicPartition, &PartitionRegistration)| id.partition >= from;
    let all = image.partitions.of_topic(topic).filter(from_there).take(count as usize);
    all.map(|(id, registration)| partition(image, id, registration)).collect()
}

fn partition(
    image: &MetadataImage,
    id: TopicPartition,
    registration: &PartitionRegistration,
) -> DescribeTopicPartitionsResponsePartition {
    let is_alive = |broker: &NodeId| image.brokers.get(broker).is_some_and(|broker| !broker.fenced);
    let is_online =
        |replica: &NodeId| is_alive(replica) && image.directories.has_online(id, *replica);
    let offline = registration.replicas.iter().filter(|replica| !is_online(replica));
    let leader = registration.leader.filter(is_alive);
    DescribeTopicPartitionsResponsePartition::default()
        .with_partition_index(id.partition)
        .with_leader_id(BrokerId(leader.map_or(-1, |leader| leader.0)))
        .with_leader_epoch(registration.leader_epoch.0)
        .with_replica_nodes(ids(&registration.replicas))
        .with_isr_nodes(ids(&registration.isr))
        .with_eligible_leader_replicas(Some(ids(&registration.elr)))
        .with_last_known_elr(Some(ids(&registration.last_known_leader)))
        .with_offline_replicas(ids(offline))
}

fn ids<'a>(nodes: impl IntoIterator<Item = &'a NodeId>) -> Vec<BrokerId> {
    nodes.into_iter().map(|node| BrokerId(node.0)).collect()
}

fn named(name: &str) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_string(name.to_owned()))))
        .with_is_internal(is_internal(name))
        .with_topic_authorized_operations(ALL_OPERATIONS)
}

fn known_topic(name: &str, topic: TopicId) -> DescribeTopicPartitionsResponseTopic {
    named(name).with_topic_id(topic_uuid(topic))
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error = if is_topic_name(name) {
        ErrorCode::UnknownTopicOrPartition
    } else {
        ErrorCode::InvalidTopicException
    };
    named(name).with_error_code(error.code())
}

fn cursor(name: &str, partition: i32) -> Cursor {
    let name = TopicName(StrBytes::from_string(name.to_owned()));
    Cursor::default().with_topic_name(name).with_partition_index(partition)
}

/// Each topic that was asked for has the error. Source: `DescribeTopicPartitionsRequest.getErrorResponse`.
fn refused(
    request: &DescribeTopicPartitionsRequest,
    error: ErrorCode,
) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter().map(|topic| {
        DescribeTopicPartitionsResponseTopic::default()
            .with_name(Some(topic.name.clone()))
            .with_error_code(error.code())
    });
    DescribeTopicPartitionsResponse::default().with_topics(topics.collect())
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::describe_topic_partitions_request::{
        Cursor as Asked, TopicRequest,
    };

    use super::*;
    use crate::config::TopicConfig;
    use crate::metadata::MetadataRecord;
    use crate::types::{LeaderEpoch, PartitionEpoch};

    /// `orders` with three partitions, and `payments` with two; of the second one broker is eligible, and none leads.
    fn image() -> MetadataImage {
        let mut image = MetadataImage::default();
        for (topic, name, count) in [(TopicId(1), "orders", 3), (TopicId(2), "payments", 2)] {
            let config = TopicConfig::usual(name.to_owned());
            image.apply(image.end_offset, &MetadataRecord::Topic { topic, config });
            for partition in 0..count {
                let registration = PartitionRegistration {
                    replicas: vec![NodeId(1), NodeId(2)],
                    isr: vec![NodeId(1)],
                    elr: vec![NodeId(2)],
                    last_known_leader: Some(NodeId(1)),
                    leader: None,
                    leader_epoch: LeaderEpoch(4),
                    partition_epoch: PartitionEpoch(1),
                    recovering: false,
                    reassignment: crate::note::Reassignment::default(),
                };
                let id = TopicPartition { topic, partition };
                let record = MetadataRecord::of_partition(id, registration, false);
                image.apply(image.end_offset, &record);
            }
        }
        image
    }

    fn name(name: &'static str) -> TopicName {
        TopicName(StrBytes::from_static_str(name))
    }

    fn request(
        topics: &[&'static str],
        limit: i32,
        from: Option<(&'static str, i32)>,
    ) -> DescribeTopicPartitionsRequest {
        let topics = topics.iter().map(|topic| TopicRequest::default().with_name(name(topic)));
        let cursor = from.map(|(topic, partition)| {
            Asked::default().with_topic_name(name(topic)).with_partition_index(partition)
        });
        DescribeTopicPartitionsRequest::default()
            .with_topics(topics.collect())
            .with_response_partition_limit(limit)
            .with_cursor(cursor)
    }

    /// Each topic with its error and partitions, and where to go on.
    type Told = (Vec<(String, i16, Vec<i32>)>, Option<(String, i32)>);

    fn told(request: &DescribeTopicPartitionsRequest) -> Result<Told, ErrorCode> {
        let response = described(request, &image())?;
        let topics = response.topics.iter().map(|topic| {
            let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
            let partitions = topic.partitions.iter().map(|it| it.partition_index).collect();
            (name, topic.error_code, partitions)
        });
        let next = response.next_cursor.as_ref();
        let next = next.map(|next| (next.topic_name.to_string(), next.partition_index));
        Ok((topics.collect(), next))
    }

    #[test]
    fn as_many_are_told_as_were_asked_for_and_where_to_go_on() {
        let whole = |name: &str, partitions: &[i32]| (name.to_owned(), 0, partitions.to_vec());
        let at = |name: &str, partition| Some((name.to_owned(), partition));
        let (orders, payments) = (whole("orders", &[0, 1, 2]), whole("payments", &[0, 1]));
        let table = [
            (request(&[], 2_000, None), vec![orders.clone(), payments.clone()], None),
            (request(&[], 3, None), vec![orders.clone()], at("payments", 0)),
            (request(&[], 4, None), vec![orders, whole("payments", &[0])], at("payments", 1)),
            (request(&[], 4, Some(("payments", 1))), vec![whole("payments", &[1])], None),
            (request(&[], 0, None), vec![whole("orders", &[0])], at("orders", 1)),
            (request(&["payments"], 9, None), vec![payments], None),
            (
                request(&["payments", "pay/ments", "lost"], 1, None),
                vec![
                    ("lost".to_owned(), 3, vec![]),
                    ("pay/ments".to_owned(), 17, vec![]),
                    whole("payments", &[0]),
                ],
                at("payments", 1),
            ),
            (request(&[], 4, Some(("payments", i32::MAX))), vec![whole("payments", &[])], None),
        ];
        for (request, topics, next) in table {
            assert_eq!(told(&request), Ok((topics, next)), "{request:?}");
        }
        for from in [("orders", -1), ("orders", 0)] {
            let request = request(&["payments"], 9, Some(from));
            assert_eq!(told(&request), Err(ErrorCode::InvalidRequest), "{request:?}");
        }
    }

    #[test]
    fn eligible_leaders_are_told_with_who_led_last() {
        let response = described(&request(&["orders"], 9, None), &image()).expect("it is told");
        let first = &response.topics[0].partitions[0];
        assert_eq!((first.leader_id.0, first.leader_epoch, first.error_code), (-1, 4, 0));
        assert_eq!(first.eligible_leader_replicas, Some(vec![BrokerId(2)]));
        assert_eq!(first.last_known_elr, Some(vec![BrokerId(1)]));
        assert_eq!(first.offline_replicas, [BrokerId(1), BrokerId(2)], "none is registered");
        let frame = topic_partitions((0, 7), &request(&[], 1, None), &image());
        assert!(frame.is_some_and(|frame| frame.len() > 40), "it has a form");
    }
}
