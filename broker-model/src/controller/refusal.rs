//! The answer of a node that is not the active controller, in the form that each request takes.

use crate::message::{
    AllocateProducerIdsResponse, AlterPartitionResponse, BrokerHeartbeatResponse,
    BrokerRegistrationResponse, ClusterError, ResponseBody,
};
use crate::proto::{CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse, ErrorCode};
use crate::types::NodeId;

const REFUSED: ClusterError = ClusterError::NotController;

/// Turns an answer that was held back into its refusal: whether its records survive is not known.
#[expect(clippy::wildcard_enum_match_arm, reason = "of all bodies, these six are held back")]
pub(super) fn refuse_answer(answer: ResponseBody, controller: Option<NodeId>) -> ResponseBody {
    match answer {
        ResponseBody::AlterPartition(_) => {
            let refused = AlterPartitionResponse { result: Err(REFUSED) };
            ResponseBody::AlterPartition(Box::new(refused))
        }
        ResponseBody::BrokerRegistration(_) => registration(controller),
        ResponseBody::BrokerHeartbeat(_) => heartbeat(controller),
        ResponseBody::AllocateProducerIds(_) => producer_ids(),
        ResponseBody::CreateTopics(mut response) => {
            for topic in &mut response.topics {
                topic.error_code = ErrorCode::NotController.code();
            }
            ResponseBody::CreateTopics(response)
        }
        ResponseBody::Admin(response) => {
            ResponseBody::Admin(Box::new(response.refused(ErrorCode::NotController)))
        }
        body => panic!("{body:?} was held back"),
    }
}

pub(super) fn registration(controller: Option<NodeId>) -> ResponseBody {
    let result = Err(REFUSED);
    ResponseBody::BrokerRegistration(BrokerRegistrationResponse { result, controller })
}

pub(super) fn heartbeat(controller: Option<NodeId>) -> ResponseBody {
    let result = Err(REFUSED);
    ResponseBody::BrokerHeartbeat(BrokerHeartbeatResponse { result, controller })
}

pub(super) fn producer_ids() -> ResponseBody {
    ResponseBody::AllocateProducerIds(AllocateProducerIdsResponse { result: Err(REFUSED) })
}

pub(super) fn topics(request: &CreateTopicsRequest) -> ResponseBody {
    let refuse = |name: &crate::proto::TopicName| {
        CreatableTopicResult::default()
            .with_name(name.clone())
            .with_error_code(ErrorCode::NotController.code())
    };
    let topics = request.topics.iter().map(|topic| refuse(&topic.name)).collect();
    ResponseBody::CreateTopics(Box::new(CreateTopicsResponse::default().with_topics(topics)))
}
