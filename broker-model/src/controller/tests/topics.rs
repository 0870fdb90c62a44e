//! Topic creation and producer id blocks.

use super::{image, nodes, partition};
use crate::config::topic_name;
use crate::controller::topics::{allocate_producer_ids, create_topics};
use crate::defect::Defects;
use crate::message::{AllocateProducerIdsRequest, ClusterError};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::proto::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, ErrorCode, TopicName,
};
use crate::types::{BrokerEpoch, NodeId, TopicId};

fn topic(name: &str, partitions: i32, replication: i16) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(TopicName(topic_name(name)))
        .with_num_partitions(partitions)
        .with_replication_factor(replication)
}

fn with_config(name: &str, key: &str, value: &str) -> CreatableTopic {
    let config = CreatableTopicConfig::default()
        .with_name(topic_name(key))
        .with_value(Some(topic_name(value)));
    topic(name, 1, 3).with_configs(vec![config])
}

fn base() -> MetadataImage {
    image(partition(&[1, 2, 3], &[], Some(1)))
}

fn create(image: &MetadataImage, topics: Vec<CreatableTopic>) -> (Vec<MetadataRecord>, Vec<i16>) {
    let (records, response) =
        create_topics(image, &CreateTopicsRequest::default().with_topics(topics));
    (records, response.topics.iter().map(|topic| topic.error_code).collect())
}

#[test]
fn leaders_spread_over_the_active_brokers() {
    let (records, errors) = create(&base(), vec![topic("a", 3, 2)]);
    assert_eq!((records.len(), errors), (4, vec![0]));
    let mut image = base();
    for record in &records {
        image.apply(image.end_offset, record);
    }
    let made: Vec<_> =
        image.partitions.iter().filter(|(partition, _)| partition.topic == TopicId(2)).collect();
    let replicas: Vec<_> = made.iter().map(|(_, it)| it.replicas.clone()).collect();
    assert_eq!(replicas, [nodes(&[3, 1]), nodes(&[1, 2]), nodes(&[2, 3])]);
    assert!(made.iter().all(|(_, it)| it.isr == it.replicas && it.leader == Some(it.replicas[0])));
}

/// Replicas and ISR of the one partition of a topic that is created.
fn placed(image: &MetadataImage, replication: i16) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
    let (records, _) = create(image, vec![topic("a", 1, replication)]);
    let found = records.into_iter().find_map(|record| {
        let MetadataRecord::Partition { registration, .. } = record else { return None };
        Some(registration)
    })?;
    assert_eq!(found.leader, found.isr.first().copied());
    Some((found.replicas, found.isr))
}

#[test]
fn a_fenced_broker_is_given_replicas_and_is_not_in_sync() {
    let mut image = base();
    let fence = |image: &mut MetadataImage, id| {
        image.brokers.get_mut(&NodeId(id)).expect("registered").fenced = true;
    };
    fence(&mut image, 1);
    assert_eq!(placed(&image, 2), Some((nodes(&[2, 3]), nodes(&[2, 3]))), "enough are there");
    assert_eq!(placed(&image, 3), Some((nodes(&[2, 3, 1]), nodes(&[2, 3]))));
    fence(&mut image, 3);
    assert_eq!(placed(&image, 3), Some((nodes(&[2, 1, 3]), nodes(&[2]))));
    fence(&mut image, 2);
    assert_eq!(placed(&image, 1), None, "nobody could lead");
}

#[test]
fn what_cannot_be_created_is_refused_alone() {
    let mut image = base();
    image.brokers.get_mut(&NodeId(3)).expect("registered").shutting_down = true;
    let rows = [
        (topic("orders", 1, 1), Some(ErrorCode::TopicAlreadyExists)),
        (topic("", 1, 1), Some(ErrorCode::InvalidTopicException)),
        (topic("p", 0, 1), Some(ErrorCode::InvalidPartitions)),
        (topic("r", 1, 3), Some(ErrorCode::InvalidReplicationFactor)),
        (topic("z", 1, 0), Some(ErrorCode::InvalidReplicationFactor)),
        (with_config("c", "min.insync.replicas", "0"), Some(ErrorCode::InvalidConfig)),
        (with_config("d", "retention.ms", "-2"), Some(ErrorCode::InvalidConfig)),
        (with_config("f", "max.compaction.lag.ms", "0"), Some(ErrorCode::InvalidConfig)),
        (with_config("e", "max.message.bytes", "-1"), Some(ErrorCode::InvalidConfig)),
        (topic("good", 1, 2), None),
        (topic("good", 1, 2), Some(ErrorCode::InvalidRequest)),
        (topic("better", 1, 2), None),
    ];
    let (topics, expected): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let (records, errors) = create(&image, topics);
    let expected: Vec<i16> = expected.iter().map(|it| it.map_or(0, |it| it.code())).collect();
    assert_eq!(errors, expected);
    let ids: Vec<TopicId> = records
        .iter()
        .filter_map(
            |it| if let MetadataRecord::Topic { topic, .. } = it { Some(*topic) } else { None },
        )
        .collect();
    assert_eq!(ids, [TopicId(2), TopicId(3)]);
}

#[test]
fn configuration_is_taken() {
    let (records, _) =
        create(&base(), vec![with_config("c", "unclean.leader.election.enable", "true")]);
    let MetadataRecord::Topic { config, .. } = &records[0] else { panic!("{records:?}") };
    assert!(config.unclean_leader_election && config.min_insync_replicas == 1);
}

#[test]
fn producer_id_blocks_do_not_overlap() {
    let mut image = base();
    let mut request =
        AllocateProducerIdsRequest { broker: NodeId(1), broker_epoch: BrokerEpoch(11) };
    for expected in [0, 1000] {
        let (record, block) =
            allocate_producer_ids(&image, &request, Defects::NONE).expect("current");
        assert_eq!(block, (expected, 1000));
        image.apply(image.end_offset, &record);
    }
    request.broker_epoch = BrokerEpoch(3);
    let stale = allocate_producer_ids(&image, &request, Defects::NONE);
    assert_eq!(stale.expect_err("stale"), ClusterError::StaleBrokerEpoch);
}
