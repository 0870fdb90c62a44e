//! Metadata, as this broker has applied it, which may be behind. Source: Kafka's `KRaftMetadataCache`.

use crate::broker::{Broker, Caller};
use crate::message::{ClientResponse, ResponseBody};
use crate::metadata::MetadataImage;
use crate::node::Effects;
use crate::note::PartitionRegistration;
use crate::proto::{
    BrokerId, ErrorCode, MetadataRequest, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic, StrBytes, TopicName, topic_uuid,
};
use crate::types::{NodeId, TopicId, TopicPartition};

/// Where every broker listens: its name tells which one it is.
const PORT: i32 = 9092;

impl Broker {
    pub(super) fn on_metadata(
        &mut self,
        caller: Caller,
        request: &MetadataRequest,
        effects: &mut Effects,
    ) {
        let image = self.metadata.image();
        let alive = image.brokers.iter().filter(|(_, registration)| !registration.fenced);
        let brokers = alive.map(|(broker, _)| {
            let host = StrBytes::from_string(format!("broker-{broker}"));
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(broker.0))
                .with_host(host)
                .with_port(PORT)
        });
        let topics = match &request.topics {
            None => image
                .topics
                .iter()
                .map(|(topic, config)| {
                    known_topic(
                        image,
                        *topic,
                        TopicName(StrBytes::from_string(config.name.clone())),
                    )
                })
                .collect(),
            Some(asked) => asked
                .iter()
                .filter_map(|asked| asked.name.as_ref())
                .map(|name| named_topic(image, name))
                .collect(),
        };
        // Requests for the controller may go to any broker: each passes them on.
        let response = MetadataResponse::default()
            .with_brokers(brokers.collect())
            .with_controller_id(BrokerId(self.context.node.0))
            .with_topics(topics);
        self.connections.reply(
            caller,
            ResponseBody::Client(ClientResponse::Metadata(Box::new(response))),
            effects,
        );
    }
}

fn named_topic(image: &MetadataImage, name: &TopicName) -> MetadataResponseTopic {
    match image.topic_ids.get(name.as_str()) {
        Some(topic) => known_topic(image, *topic, name.clone()),
        None => MetadataResponseTopic::default()
            .with_name(Some(name.clone()))
            .with_error_code(ErrorCode::UnknownTopicOrPartition.code()),
    }
}

fn known_topic(image: &MetadataImage, topic: TopicId, name: TopicName) -> MetadataResponseTopic {
    let partitions = image.partitions.of_topic(topic);
    let partitions = partitions.map(|(id, registration)| describe(image, id, registration));
    MetadataResponseTopic::default()
        .with_name(Some(name))
        .with_topic_id(topic_uuid(topic))
        .with_partitions(partitions.collect())
}

fn describe(
    image: &MetadataImage,
    id: TopicPartition,
    registration: &PartitionRegistration,
) -> MetadataResponsePartition {
    let is_alive = |broker: &NodeId| image.brokers.get(broker).is_some_and(|broker| !broker.fenced);
    let leader = registration.leader.filter(is_alive);
    let error_code = if leader.is_some() { 0 } else { ErrorCode::LeaderNotAvailable.code() };
    let is_online =
        |replica: &NodeId| is_alive(replica) && image.directories.has_online(id, *replica);
    let offline = registration.replicas.iter().copied().filter(|replica| !is_online(replica));
    MetadataResponsePartition::default()
        .with_error_code(error_code)
        .with_partition_index(id.partition)
        .with_leader_id(BrokerId(leader.map_or(-1, |leader| leader.0)))
        .with_leader_epoch(registration.leader_epoch.0)
        .with_replica_nodes(broker_ids(registration.replicas.iter().copied()))
        .with_isr_nodes(broker_ids(registration.isr.iter().copied()))
        .with_offline_replicas(broker_ids(offline))
}

fn broker_ids(nodes: impl Iterator<Item = NodeId>) -> Vec<BrokerId> {
    nodes.map(|node| BrokerId(node.0)).collect()
}
