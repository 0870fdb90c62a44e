//! The answer of a node that is not the active controller, in the form that each request takes.

use crate::message::{
    AllocateProducerIdsResponse, AlterPartitionResponse, AssignReplicasToDirsResponse,
    BrokerHeartbeatResponse, BrokerRegistrationResponse, ClusterError, ControllerResponse,
};
use crate::proto::{CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse, ErrorCode};
use crate::types::NodeId;

const REFUSED: ClusterError = ClusterError::NotController;

/// Turns an answer that was held back into its refusal: whether its records survive is not known.
pub(super) fn refuse_answer(
    answer: ControllerResponse,
    controller: Option<NodeId>,
) -> ControllerResponse {
    match answer {
        ControllerResponse::AlterPartition(_) => {
            let refused = AlterPartitionResponse { result: Err(REFUSED) };
            ControllerResponse::AlterPartition(Box::new(refused))
        }
        ControllerResponse::BrokerRegistration(_) => registration(controller),
        ControllerResponse::BrokerHeartbeat(_) => heartbeat(controller),
        ControllerResponse::AllocateProducerIds(_) => producer_ids(),
        ControllerResponse::CreateTopics(mut response) => {
            for topic in &mut response.topics {
                topic.error_code = ErrorCode::NotController.code();
            }
            ControllerResponse::CreateTopics(response)
        }
        ControllerResponse::Admin(response) => {
            ControllerResponse::Admin(Box::new(response.refused(ErrorCode::NotController)))
        }
        ControllerResponse::AssignReplicasToDirs(_) => assignments(),
    }
}

pub(super) fn registration(controller: Option<NodeId>) -> ControllerResponse {
    let result = Err(REFUSED);
    ControllerResponse::BrokerRegistration(BrokerRegistrationResponse { result, controller })
}

pub(super) fn heartbeat(controller: Option<NodeId>) -> ControllerResponse {
    let result = Err(REFUSED);
    ControllerResponse::BrokerHeartbeat(BrokerHeartbeatResponse { result, controller })
}

pub(super) fn producer_ids() -> ControllerResponse {
    ControllerResponse::AllocateProducerIds(AllocateProducerIdsResponse { result: Err(REFUSED) })
}

pub(super) fn assignments() -> ControllerResponse {
    let refused = AssignReplicasToDirsResponse { result: Err(REFUSED) };
    ControllerResponse::AssignReplicasToDirs(Box::new(refused))
}

pub(super) fn topics(request: &CreateTopicsRequest) -> ControllerResponse {
    let refuse = |name: &crate::proto::TopicName| {
        CreatableTopicResult::default()
            .with_name(name.clone())
            .with_error_code(ErrorCode::NotController.code())
    };
    let topics = request.topics.iter().map(|topic| refuse(&topic.name)).collect();
    ControllerResponse::CreateTopics(Box::new(CreateTopicsResponse::default().with_topics(topics)))
}
