//! Topics and producer id blocks.

use std::ops::Range;

use crate::config::TopicConfig;
use crate::defect::{ControllerDefect, Defects};
use crate::message::{AllocateProducerIdsRequest, ClusterError};
use crate::metadata::{MetadataImage, MetadataRecord, is_topic_name, push_settings};
use crate::note::{PartitionRegistration, Reassignment};
use crate::proto::{
    CreatableTopic, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse, ErrorCode,
};
use crate::retention::Retention;
use crate::topic_settings;
use crate::types::{LeaderEpoch, NodeId, PartitionEpoch, TopicId, TopicPartition};

/// Ids in one block. Source: Kafka's `ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`.
const PRODUCER_ID_BLOCK: i32 = 1000;

/// Judges a request for a block of producer ids: the record to write, and the block.
pub(super) fn allocate_producer_ids(
    image: &MetadataImage,
    request: &AllocateProducerIdsRequest,
    defects: Defects,
) -> Result<(MetadataRecord, (i64, i32)), ClusterError> {
    let known = image.brokers.get(&request.broker);
    if known.is_none_or(|known| known.broker_epoch != request.broker_epoch) {
        return Err(ClusterError::StaleBrokerEpoch);
    }
    let first = image.next_producer_id;
    let given = !defects.has(ControllerDefect::ProducerIdsGivenAgain);
    let next_producer_id = if given { first + i64::from(PRODUCER_ID_BLOCK) } else { first };
    Ok((MetadataRecord::ProducerIds { next_producer_id }, (first, PRODUCER_ID_BLOCK)))
}

/// Judges a request for topics: the records of those that can be created, and an answer for each.
pub(super) fn create_topics(
    image: &MetadataImage,
    request: &CreateTopicsRequest,
) -> (Vec<MetadataRecord>, CreateTopicsResponse) {
    let mut records = Vec::new();
    let mut results: Vec<CreatableTopicResult> = Vec::new();
    let newest = image.topics.keys().next_back().copied().unwrap_or_default();
    let mut next = TopicId(newest.max(image.last_topic).0 + 1);
    for topic in &request.topics {
        let repeated = results.iter().any(|result| result.name == topic.name);
        let plan =
            if repeated { Err(ErrorCode::InvalidRequest) } else { plan_topic(image, topic, next) };
        results.push(result_of(topic, plan.as_ref().err().copied()));
        if let Ok(planned) = plan
            && !request.validate_only
        {
            records.extend(planned);
            next = TopicId(next.0 + 1);
        }
    }
    (records, CreateTopicsResponse::default().with_topics(results))
}

fn result_of(topic: &CreatableTopic, error: Option<ErrorCode>) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_error_code(error.map_or(0, |error| error.code()))
        .with_num_partitions(topic.num_partitions)
        .with_replication_factor(topic.replication_factor)
}

fn plan_topic(
    image: &MetadataImage,
    topic: &CreatableTopic,
    id: TopicId,
) -> Result<Vec<MetadataRecord>, ErrorCode> {
    let name = topic.name.0.to_string();
    if !is_topic_name(&name) {
        return Err(ErrorCode::InvalidTopicException);
    }
    if image.topic_ids.contains_key(&name) {
        return Err(ErrorCode::TopicAlreadyExists);
    }
    if topic.num_partitions < 1 {
        return Err(ErrorCode::InvalidPartitions);
    }
    let config = topic_config(name, topic)?;
    let usable = Usable::of(image);
    let replication = usize::try_from(topic.replication_factor).unwrap_or(0);
    if replication == 0 || !usable.can_hold(replication) {
        return Err(ErrorCode::InvalidReplicationFactor);
    }
    let retention = config.retention;
    let mut records = vec![MetadataRecord::Topic { topic: id, config: config.clone() }];
    if !retention.is_forever() {
        let Retention { retention_ms, retention_bytes, segment_ms, .. } = retention;
        let topic = id;
        records.push(MetadataRecord::Retention {
            topic,
            retention_ms,
            retention_bytes,
            segment_ms,
        });
    }
    if !retention.compaction.is_none() {
        let compaction = retention.compaction;
        records.push(MetadataRecord::Compaction { topic: id, compaction });
    }
    push_settings(id, &config, &mut records);
    let partitions = 0..topic.num_partitions;
    records.extend(placed_partitions(image, &usable, (id, replication), partitions));
    Ok(records)
}

/// New partitions, placed one after the other.
fn placed_partitions(
    image: &MetadataImage,
    usable: &Usable,
    (topic, replication): (TopicId, usize),
    partitions: Range<i32>,
) -> impl Iterator<Item = MetadataRecord> {
    partitions.map(move |partition| {
        let registration = new_partition(usable.place(topic, partition, replication), image);
        let partition = TopicPartition { topic, partition };
        MetadataRecord::of_partition(partition, registration, false)
    })
}

/// More partitions of a topic, with as many replicas as its first one has. Source:
/// `ReplicationControlManager.createPartitions`.
pub(super) fn add_partitions(
    image: &MetadataImage,
    topic: TopicId,
    partitions: Range<i32>,
) -> Result<Vec<MetadataRecord>, ErrorCode> {
    let usable = Usable::of(image);
    let first = image.partitions.of_topic(topic).next();
    let replication = first.map_or(0, |(_, registration)| registration.replicas.len());
    if replication == 0 || !usable.can_hold(replication) {
        return Err(ErrorCode::InvalidReplicationFactor);
    }
    Ok(placed_partitions(image, &usable, (topic, replication), partitions).collect())
}

/// More partitions of a topic, where an administrator has them: with as many replicas as its first one has, of which
/// one must be active. Source: `ReplicationControlManager.createPartitions`.
pub(super) fn assign_partitions(
    image: &MetadataImage,
    topic: TopicId,
    first: i32,
    assigned: Vec<Vec<NodeId>>,
) -> Result<Vec<MetadataRecord>, ErrorCode> {
    let present = image.partitions.of_topic(topic).next();
    let replication = present.map_or(0, |(_, registration)| registration.replicas.len());
    let is_sound = |replicas: &Vec<NodeId>| {
        replicas.len() == replication && replicas.iter().any(|broker| image.is_active(*broker))
    };
    if !assigned.iter().all(is_sound) {
        return Err(ErrorCode::InvalidReplicaAssignment);
    }
    let records = (first..).zip(assigned).map(|(partition, replicas)| {
        let partition = TopicPartition { topic, partition };
        MetadataRecord::of_partition(partition, new_partition(replicas, image), false)
    });
    Ok(records.collect())
}

fn topic_config(name: String, topic: &CreatableTopic) -> Result<TopicConfig, ErrorCode> {
    let mut config = TopicConfig::usual(name);
    for entry in &topic.configs {
        let value = entry.value.as_ref().ok_or(ErrorCode::InvalidConfig)?;
        topic_settings::set(&mut config, &entry.name, Some(value))
            .map_err(|_| ErrorCode::InvalidConfig)?;
    }
    if topic_settings::are_sane(&config) { Ok(config) } else { Err(ErrorCode::InvalidConfig) }
}

/// The brokers that may be given replicas: those that are not shutting down, fenced ones included. A topic can be made
/// while a broker is down; that one joins the ISR later. Source: `StripedReplicaPlacer`, `UsableBrokerIterator`.
struct Usable {
    unfenced: Vec<NodeId>,
    fenced: Vec<NodeId>,
}

impl Usable {
    fn of(image: &MetadataImage) -> Self {
        let usable = image.brokers.iter().filter(|(_, it)| !it.shutting_down);
        let (fenced, unfenced): (Vec<_>, Vec<_>) = usable.partition(|(_, it)| it.fenced);
        let ids = |found: Vec<(&NodeId, _)>| found.into_iter().map(|(id, _)| *id).collect();
        Self { unfenced: ids(unfenced), fenced: ids(fenced) }
    }

    /// Somebody must be there to lead.
    fn can_hold(&self, replication: usize) -> bool {
        !self.unfenced.is_empty() && replication <= self.unfenced.len() + self.fenced.len()
    }

    /// Round robin, one further for each topic and partition, so that leaders spread; who is fenced comes last.
    fn place(&self, topic: TopicId, partition: i32, replication: usize) -> Vec<NodeId> {
        let start = topic.0 as usize + partition as usize;
        let turned = |brokers: &[NodeId]| {
            let from = start.checked_rem(brokers.len()).unwrap_or(0);
            let mut brokers = brokers.to_vec();
            brokers.rotate_left(from);
            brokers
        };
        let mut replicas = turned(&self.unfenced);
        replicas.extend(turned(&self.fenced));
        replicas.truncate(replication);
        replicas
    }
}

/// In sync are those replicas that are active, and the first of them leads. Source:
/// `ReplicationControlManager.createTopic`, `buildPartitionRegistration`.
fn new_partition(replicas: Vec<NodeId>, image: &MetadataImage) -> PartitionRegistration {
    let active = |broker: &NodeId| image.is_active(*broker);
    let isr: Vec<NodeId> = replicas.iter().copied().filter(active).collect();
    assert!(!isr.is_empty(), "none of {replicas:?} is active");
    PartitionRegistration {
        leader: isr.first().copied(),
        isr,
        elr: Vec::new(),
        last_known_leader: None,
        reassignment: Reassignment::default(),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        recovering: false,
        replicas,
    }
}
