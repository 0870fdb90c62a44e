//! The answer of a node that is not the active controller, in the form that each request takes.

use crate::message::{
    AllocateProducerIdsResponse, AlterPartitionResponse, Body, BrokerHeartbeatResponse,
    BrokerRegistrationResponse, ClusterError,
};
use crate::proto::{CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse, ErrorCode};
use crate::types::NodeId;

const REFUSED: ClusterError = ClusterError::NotController;

/// Turns an answer that was held back into its refusal: whether its records survive is not known.
#[expect(clippy::wildcard_enum_match_arm, reason = "of all bodies, these five are held back")]
pub(super) fn refuse_answer(answer: Body, controller: Option<NodeId>) -> Body {
    match answer {
        Body::AlterPartitionResponse(response) => {
            let partition = response.partition;
            let refused = AlterPartitionResponse { partition, result: Err(REFUSED) };
            Body::AlterPartitionResponse(Box::new(refused))
        }
        Body::BrokerRegistrationResponse(_) => registration(controller),
        Body::BrokerHeartbeatResponse(_) => heartbeat(controller),
        Body::AllocateProducerIdsResponse(_) => producer_ids(),
        Body::CreateTopicsResponse(mut response) => {
            for topic in &mut response.topics {
                topic.error_code = ErrorCode::NotController.code();
            }
            Body::CreateTopicsResponse(response)
        }
        body => panic!("{body:?} was held back"),
    }
}

pub(super) fn registration(controller: Option<NodeId>) -> Body {
    let result = Err(REFUSED);
    Body::BrokerRegistrationResponse(BrokerRegistrationResponse { result, controller })
}

pub(super) fn heartbeat(controller: Option<NodeId>) -> Body {
    let result = Err(REFUSED);
    Body::BrokerHeartbeatResponse(BrokerHeartbeatResponse { result, controller })
}

pub(super) fn producer_ids() -> Body {
    Body::AllocateProducerIdsResponse(AllocateProducerIdsResponse { result: Err(REFUSED) })
}

pub(super) fn topics(request: &CreateTopicsRequest) -> Body {
    let refuse = |name: &crate::proto::TopicName| {
        CreatableTopicResult::default()
            .with_name(name.clone())
            .with_error_code(ErrorCode::NotController.code())
    };
    let topics = request.topics.iter().map(|topic| refuse(&topic.name)).collect();
    Body::CreateTopicsResponse(Box::new(CreateTopicsResponse::default().with_topics(topics)))
}
