//! Elections that an administrator asks for. Source: KIP-183, KIP-460; Kafka's
//! `ReplicationControlManager.electLeaders`.

use crate::admin_message::AdminResponse;
use crate::controller::election::{ControllerRules, Election};
use crate::controller::partitions::elect_in;
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::proto::{
    ElectLeadersRequest, ElectLeadersResponse, ElectedPartitionResult, ErrorCode,
    ReplicaElectionResult, StrBytes, TopicName,
};
use crate::types::{TopicId, TopicPartition};

/// Kafka's `ElectionType`.
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

/// Holds an election in each partition that is named, or in all.
pub(super) fn elect_leaders(
    image: &MetadataImage,
    request: &ElectLeadersRequest,
    rules: ControllerRules,
) -> (Vec<MetadataRecord>, AdminResponse) {
    let mut response = ElectLeadersResponse::default();
    let election = match request.election_type {
        PREFERRED => Election::Preferred,
        UNCLEAN => Election::Unclean,
        _ => {
            response.error_code = ErrorCode::InvalidRequest.code();
            return (Vec::new(), AdminResponse::ElectLeaders(response));
        }
    };
    let wanted: Vec<(TopicName, Vec<i32>)> = match &request.topic_partitions {
        Some(named) => named.iter().map(|it| (it.topic.clone(), it.partitions.clone())).collect(),
        None => all_partitions(image),
    };
    let mut records = Vec::new();
    for (name, partitions) in wanted {
        let topic = image.topic_ids.get(name.as_str()).copied();
        let mut results = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let elected = elect(image, topic, (partition, election), rules);
            let error = elected.as_ref().err().copied();
            // Of all partitions, those that have whom they should have are not told of.
            if request.topic_partitions.is_some() || error != Some(ErrorCode::ElectionNotNeeded) {
                let result = ElectedPartitionResult::default().with_partition_id(partition);
                results.push(result.with_error_code(error.map_or(0, |error| error.code())));
            }
            records.extend(elected);
        }
        let result =
            ReplicaElectionResult::default().with_topic(name).with_partition_result(results);
        response.replica_election_results.push(result);
    }
    (records, AdminResponse::ElectLeaders(response))
}

fn all_partitions(image: &MetadataImage) -> Vec<(TopicName, Vec<i32>)> {
    let topics = image.topic_ids.iter().map(|(name, id)| {
        let partitions = image.partitions.of_topic(*id).map(|(it, _)| it.partition).collect();
        (TopicName(StrBytes::from_string(name.clone())), partitions)
    });
    topics.collect()
}

fn elect(
    image: &MetadataImage,
    topic: Option<TopicId>,
    (partition, election): (i32, Election),
    rules: ControllerRules,
) -> Result<MetadataRecord, ErrorCode> {
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let partition = TopicPartition { topic: topic.ok_or(unknown)?, partition };
    let registration = image.partitions.get(&partition).ok_or(unknown)?;
    let (has_leader, refused) = if election == Election::Preferred {
        let preferred = registration.replicas.first().copied();
        (registration.leader == preferred, ErrorCode::PreferredLeaderNotAvailable)
    } else {
        (registration.leader.is_some(), ErrorCode::EligibleLeadersNotAvailable)
    };
    if has_leader {
        return Err(ErrorCode::ElectionNotNeeded);
    }
    elect_in(image, (partition, registration), election, rules).ok_or(refused)
}
