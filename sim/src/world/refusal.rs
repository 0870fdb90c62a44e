//! What is asked, and how it is refused: of every request its name, of every answer the first error in it. Whoever adds
//! an API says here where its errors are.

use std::fmt;

use harrow_broker_model::message::{
    ClientResponse, ClusterError, ControllerResponse, PeerResponse, QuorumResponse, RequestBody,
    ResponseBody, WriteTxnMarkersResponse,
};
use harrow_broker_model::proto::{self, ErrorCode};
use harrow_broker_model::transaction_admin_message::TransactionAdminResponse;

use crate::request_kind::RequestKind;

/// How something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Cluster(ClusterError),
    /// Kafka's code.
    Code(i16),
    /// The asker's log parts from the one that it follows.
    Diverges,
    /// A candidate gets no vote.
    NotGranted,
    /// A fetch session that is none, or not where the asker takes it to be.
    Session,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(error) => write!(f, "{error:?}"),
            Self::Code(code) => match ErrorCode::try_from_code(*code) {
                Some(error) => write!(f, "{error:?}"),
                None => write!(f, "error {code}"),
            },
            Self::Diverges => f.write_str("where its log parts"),
            Self::NotGranted => f.write_str("no vote"),
            Self::Session => f.write_str("no fetch session"),
        }
    }
}

/// Kafka's name of what is asked.
pub(super) fn name_of(body: &RequestBody) -> &'static str {
    match RequestKind::of_request(body) {
        Some(RequestKind::ReplicaFetch) => "Fetch",
        Some(RequestKind::QuorumFetch) => "Fetch of metadata",
        Some(RequestKind::ReplicaOffsets) => "ListOffsets",
        Some(RequestKind::VerifyTransaction) => "AddPartitionsToTxn",
        Some(RequestKind::ShareState) => "the state of a share-partition",
        Some(kind) => kind.name(),
        None if matches!(body, RequestBody::Wire(_)) => "what its bytes say",
        None => "what an administrator wants",
    }
}

/// The first error in an answer, if there is one.
pub(super) fn refusal(body: &ResponseBody) -> Option<Reason> {
    match body {
        ResponseBody::Client(response) => of_clients(response),
        ResponseBody::Peer(response) => of_peers(response),
        ResponseBody::Controller(response) => of_controllers(response),
        ResponseBody::Quorum(response) => match response {
            QuorumResponse::Vote(response) => (!response.granted).then_some(Reason::NotGranted),
            QuorumResponse::BeginQuorumEpoch(response)
            | QuorumResponse::EndQuorumEpoch(response) => response.error.map(Reason::Cluster),
            QuorumResponse::FetchSnapshot(response) => response.error.map(Reason::Cluster),
        },
        ResponseBody::QuorumFetch(response) => {
            let parts = response.diverging.is_some().then_some(Reason::Diverges);
            response.error.map(Reason::Cluster).or(parts)
        }
        ResponseBody::Wire(_) => None,
    }
}

fn of_clients(response: &ClientResponse) -> Option<Reason> {
    match response {
        ClientResponse::Produce(response) => {
            let topics = response.responses.iter();
            code(topics.flat_map(|it| &it.partition_responses).map(|it| it.error_code))
        }
        ClientResponse::Fetch(response) => {
            let parts = response.responses.iter().flat_map(|topic| &topic.partitions);
            whole(response.error_code, parts.map(|it| it.error_code))
        }
        ClientResponse::ListOffsets(response) => {
            code(response.topics.iter().flat_map(|it| &it.partitions).map(|it| it.error_code))
        }
        ClientResponse::Metadata(response) => {
            let parts = response.topics.iter().flat_map(|topic| {
                let parts = topic.partitions.iter().map(|it| it.error_code);
                std::iter::once(topic.error_code).chain(parts)
            });
            whole(response.error_code, parts)
        }
        ClientResponse::OffsetForLeaderEpoch(response) => {
            code(response.topics.iter().flat_map(|it| &it.partitions).map(|it| it.error_code))
        }
        ClientResponse::InitProducerId(response) => code([response.error_code]),
        ClientResponse::CreateTopics(response) => {
            code(response.topics.iter().map(|it| it.error_code))
        }
        ClientResponse::DeleteRecords(response) => {
            code(response.topics.iter().flat_map(|it| &it.partitions).map(|it| it.error_code))
        }
        ClientResponse::Admin(response) => told(response.error()),
        ClientResponse::GroupAdmin(response) => told(response.error()),
        ClientResponse::TransactionAdmin(response) => of_transaction_administration(response),
        ClientResponse::ShareFetch(response) => {
            let acknowledged = response.acknowledged.iter().find_map(|(_, error)| *error);
            let parts = response.partitions.iter().find_map(|it| it.error);
            told(response.error.or(acknowledged).or(parts))
        }
        ClientResponse::FindCoordinator(_)
        | ClientResponse::JoinGroup(_)
        | ClientResponse::SyncGroup(_)
        | ClientResponse::Heartbeat(_)
        | ClientResponse::LeaveGroup(_)
        | ClientResponse::OffsetCommit(_)
        | ClientResponse::OffsetFetch(_)
        | ClientResponse::ConsumerGroupHeartbeat(_)
        | ClientResponse::AddPartitionsToTxn(_)
        | ClientResponse::AddOffsetsToTxn(_)
        | ClientResponse::TxnOffsetCommit(_)
        | ClientResponse::EndTxn(_) => of_coordinators(response),
    }
}

/// What coordinators answer clients, and who tells where they are.
fn of_coordinators(response: &ClientResponse) -> Option<Reason> {
    match response {
        ClientResponse::FindCoordinator(response) => {
            whole(response.error_code, response.coordinators.iter().map(|it| it.error_code))
        }
        ClientResponse::JoinGroup(response) => code([response.error_code]),
        ClientResponse::SyncGroup(response) => code([response.error_code]),
        ClientResponse::Heartbeat(response) => code([response.error_code]),
        ClientResponse::LeaveGroup(response) => {
            whole(response.error_code, response.members.iter().map(|it| it.error_code))
        }
        ClientResponse::OffsetCommit(response) => {
            code(response.topics.iter().flat_map(|it| &it.partitions).map(|it| it.error_code))
        }
        ClientResponse::OffsetFetch(response) => {
            let groups = response.groups.iter().flat_map(|group| {
                let parts = group.topics.iter().flat_map(|topic| &topic.partitions);
                std::iter::once(group.error_code).chain(parts.map(|it| it.error_code))
            });
            whole(response.error_code, groups)
        }
        ClientResponse::ConsumerGroupHeartbeat(response) => code([response.error_code]),
        ClientResponse::AddPartitionsToTxn(response) => added(response),
        ClientResponse::AddOffsetsToTxn(response) => code([response.error_code]),
        ClientResponse::TxnOffsetCommit(response) => {
            code(response.topics.iter().flat_map(|it| &it.partitions).map(|it| it.error_code))
        }
        ClientResponse::EndTxn(response) => code([response.error_code]),
        ClientResponse::Produce(_)
        | ClientResponse::Fetch(_)
        | ClientResponse::ListOffsets(_)
        | ClientResponse::Metadata(_)
        | ClientResponse::OffsetForLeaderEpoch(_)
        | ClientResponse::InitProducerId(_)
        | ClientResponse::CreateTopics(_)
        | ClientResponse::DeleteRecords(_)
        | ClientResponse::Admin(_)
        | ClientResponse::GroupAdmin(_)
        | ClientResponse::TransactionAdmin(_)
        | ClientResponse::ShareFetch(_) => None,
    }
}

fn of_transaction_administration(response: &TransactionAdminResponse) -> Option<Reason> {
    match response {
        TransactionAdminResponse::ListTransactions(response) => code([response.error_code]),
        TransactionAdminResponse::DescribeTransactions(response) => {
            code(response.transaction_states.iter().map(|it| it.error_code))
        }
        TransactionAdminResponse::DescribeProducers(response) => {
            code(response.topics.iter().flat_map(|it| &it.partitions).map(|it| it.error_code))
        }
        TransactionAdminResponse::WriteTxnMarkers(response) => {
            let topics = response.markers.iter().flat_map(|marker| &marker.topics);
            code(topics.flat_map(|it| &it.partitions).map(|it| it.error_code))
        }
    }
}

fn of_peers(response: &PeerResponse) -> Option<Reason> {
    match response {
        PeerResponse::ReplicaFetch(response) => {
            let refused = response.partitions.iter().find_map(|it| it.error);
            let parts = response.partitions.iter().any(|it| it.diverging.is_some());
            let session = response.session.is_err().then_some(Reason::Session);
            let refused = refused.map(Reason::Cluster).or(parts.then_some(Reason::Diverges));
            refused.or(session)
        }
        PeerResponse::ReplicaOffsets(response) => response.error.map(Reason::Cluster),
        PeerResponse::WriteTxnMarkers(response) => {
            let WriteTxnMarkersResponse { results } = &**response;
            told(results.iter().flatten().find_map(|(_, error)| *error))
        }
        PeerResponse::AddPartitionsToTxn(response) => added(response),
        PeerResponse::ShareState(response) => told(response.result.as_ref().err().copied()),
    }
}

fn of_controllers(response: &ControllerResponse) -> Option<Reason> {
    let error = match response {
        ControllerResponse::AlterPartition(response) => match &response.result {
            Ok(altered) => altered.iter().find_map(|it| it.result.as_ref().err().copied()),
            Err(whole) => Some(*whole),
        },
        ControllerResponse::BrokerRegistration(response) => response.result.err(),
        ControllerResponse::BrokerHeartbeat(response) => response.result.err(),
        ControllerResponse::AllocateProducerIds(response) => response.result.err(),
        ControllerResponse::AssignReplicasToDirs(response) => match &response.result {
            Ok(assigned) => assigned.iter().find_map(|(_, error)| *error),
            Err(whole) => Some(*whole),
        },
        ControllerResponse::CreateTopics(response) => {
            return code(response.topics.iter().map(|it| it.error_code));
        }
        ControllerResponse::Admin(response) => return told(response.error()),
    };
    error.map(Reason::Cluster)
}

fn added(response: &proto::AddPartitionsToTxnResponse) -> Option<Reason> {
    let transactions = response.results_by_transaction.iter();
    let topics = transactions.flat_map(|transaction| &transaction.topic_results);
    let topics = topics.chain(&response.results_by_topic_v3_and_below);
    let parts = topics.flat_map(|topic| &topic.results_by_partition);
    whole(response.error_code, parts.map(|it| it.partition_error_code))
}

fn whole(all: i16, parts: impl Iterator<Item = i16>) -> Option<Reason> {
    code(std::iter::once(all).chain(parts))
}

fn code(codes: impl IntoIterator<Item = i16>) -> Option<Reason> {
    codes.into_iter().find(|code| *code != 0).map(Reason::Code)
}

fn told(error: Option<ErrorCode>) -> Option<Reason> {
    error.map(|error| Reason::Code(error.code()))
}
