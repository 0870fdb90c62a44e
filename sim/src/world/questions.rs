//! Questions that wait for their answers: what each is and, of those to coordinators, about what, so that the watch is
//! told who answers for what, and who was asked what can never be asked. An answer says that by itself no more than an
//! error does which any broker gives.

use std::collections::BTreeMap;

use harrow_broker_model::message::{
    ClientRequest, ClusterError, ControllerRequest, PeerRequest, Request, RequestBody, Response,
};
use harrow_broker_model::proto::ErrorCode;
use harrow_broker_model::types::{ConnectionId, CorrelationId, NodeId, ProducerEpoch, ProducerId};

use super::refusal::{Reason, name_of, refusal};
use crate::watch::{AskedEnd, CoordinatorDeed, CoordinatorKind};

/// Errors that nobody gives who has no group.
const OF_GROUPS: &[ErrorCode] = &[
    ErrorCode::UnknownMemberId,
    ErrorCode::IllegalGeneration,
    ErrorCode::RebalanceInProgress,
    ErrorCode::FencedInstanceId,
    ErrorCode::FencedMemberEpoch,
    ErrorCode::StaleMemberEpoch,
    ErrorCode::UnreleasedInstanceId,
    ErrorCode::MemberIdRequired,
    ErrorCode::GroupIdNotFound,
    ErrorCode::InconsistentGroupProtocol,
    ErrorCode::UnstableOffsetCommit,
    ErrorCode::GroupMaxSizeReached,
];

/// Errors that nobody gives who has no transaction.
const OF_TRANSACTIONS: &[ErrorCode] = &[
    ErrorCode::ConcurrentTransactions,
    ErrorCode::InvalidProducerEpoch,
    ErrorCode::ProducerFenced,
    ErrorCode::InvalidProducerIdMapping,
    ErrorCode::InvalidTxnState,
    ErrorCode::TransactionAbortable,
];

/// Errors that nobody gives who has no share-partition.
const OF_SHARES: &[ErrorCode] = &[ErrorCode::FencedLeaderEpoch];

/// A question: of whom, on which connection, and which of those there.
type Key = (usize, ConnectionId, CorrelationId);

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    /// Of a coordinator: of which kind, and the group, the transactional id, or what a share-partition is known by.
    subject: Option<(CoordinatorKind, String)>,
    api: &'static str,
    by: NodeId,
    /// Whether who asks may ask what makes no sense.
    is_free: bool,
    /// How a transaction is to end.
    end: Option<AskedEnd>,
}

/// All questions that are not answered.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: BTreeMap<Key, Question>,
}

impl Questions {
    /// A node is about to handle a request. Nobody waits for what is not acknowledged.
    pub(super) fn asked(
        &mut self,
        (node, connection): (usize, ConnectionId),
        by: NodeId,
        request: &Request,
    ) {
        let body = &request.body;
        if matches!(body, RequestBody::Client(ClientRequest::Produce(it)) if it.acks == 0) {
            return;
        }
        let (subject, is_free) = (subject(body), is_free(body));
        let question = Question { subject, api: name_of(body), by, is_free, end: end(body) };
        self.open.insert((node, connection, request.correlation_id), question);
    }

    /// Nobody waits on a connection any more.
    pub(super) fn closed(&mut self, node: usize, connection: ConnectionId) {
        self.open.retain(|(at, on, _), _| (*at, *on) != (node, connection));
    }

    /// A process ended.
    pub(super) fn ended(&mut self, node: usize) {
        self.open.retain(|(at, ..), _| *at != node);
    }

    /// A node answers.
    pub(super) fn answered(
        &mut self,
        node: usize,
        connection: ConnectionId,
        response: &Response,
    ) -> Overheard {
        let key = (node, connection, response.correlation_id);
        let Some(Question { subject, api, by, is_free, end }) = self.open.remove(&key) else {
            return Overheard::default();
        };
        let refused = refusal(&response.body);
        let is_invalid = !is_free && refused.is_some_and(is_for_nonsense);
        let speaks = |(kind, _): &(CoordinatorKind, String)| speaks_for(*kind, refused);
        let deed = subject.filter(speaks);
        let deed = deed.map(|(kind, about)| CoordinatorDeed::Answers { kind, about, api });
        let is_over = refused == Some(Reason::Code(ErrorCode::InvalidTxnState.code()));
        let refused_end = end.filter(|_| is_over);
        Overheard { deed, invalid: is_invalid.then_some((api, by)), refused_end }
    }
}

/// What an answer tells of who gives it and who gets it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overheard {
    /// What the node does so as the coordinator of, if it has nobody ask elsewhere.
    pub(super) deed: Option<CoordinatorDeed>,
    /// What it was asked, and by whom, if it says that nobody may ask so.
    pub(super) invalid: Option<(&'static str, NodeId)>,
    /// Which end of a transaction it says to be impossible.
    pub(super) refused_end: Option<AskedEnd>,
}

/// How a client asks that its transaction ends.
fn end(body: &RequestBody) -> Option<AskedEnd> {
    let RequestBody::Client(ClientRequest::EndTxn(request)) = body else { return None };
    Some(AskedEnd {
        transactional_id: request.transactional_id.to_string(),
        producer: (ProducerId(request.producer_id.0), ProducerEpoch(request.producer_epoch)),
        commits: request.committed,
    })
}

/// Whether an error says that the request makes no sense, whatever the state of who is asked.
fn is_for_nonsense(reason: Reason) -> bool {
    match reason {
        Reason::Code(code) => code == ErrorCode::InvalidRequest.code(),
        Reason::Cluster(error) => error == ClusterError::InvalidRequest,
        Reason::Diverges | Reason::NotGranted | Reason::Session => false,
    }
}

/// Whether who asks may ask what makes no sense: an administrator, an application, or a voter whose disk has forgotten
/// what it had promised.
fn is_free(body: &RequestBody) -> bool {
    match body {
        RequestBody::Client(request) => matches!(
            request,
            ClientRequest::CreateTopics(_)
                | ClientRequest::DeleteRecords(_)
                | ClientRequest::Admin(_)
                | ClientRequest::GroupAdmin(_)
                | ClientRequest::TransactionAdmin(_)
        ),
        RequestBody::Controller(request) => {
            matches!(request, ControllerRequest::CreateTopics(_) | ControllerRequest::Admin(_))
        }
        RequestBody::Wire(_) | RequestBody::Quorum(_) | RequestBody::QuorumFetch(_) => true,
        RequestBody::Peer(_) => false,
    }
}

/// Whether only a coordinator of that kind answers so.
fn speaks_for(kind: CoordinatorKind, refused: Option<Reason>) -> bool {
    let own = match kind {
        CoordinatorKind::Group => OF_GROUPS,
        CoordinatorKind::Transaction => OF_TRANSACTIONS,
        CoordinatorKind::Share => OF_SHARES,
    };
    match refused {
        None => true,
        Some(Reason::Code(code)) => own.iter().any(|error| error.code() == code),
        Some(_) => false,
    }
}

/// Of which coordinator something is asked, if it is of one alone.
fn subject(body: &RequestBody) -> Option<(CoordinatorKind, String)> {
    match body {
        RequestBody::Client(request) => {
            let (kind, about) = subject_of_clients(request)?;
            Some((kind, about.to_owned()))
        }
        RequestBody::Peer(PeerRequest::AddPartitionsToTxn(request)) => match &*request.transactions
        {
            [one] => Some((CoordinatorKind::Transaction, one.transactional_id.to_string())),
            _ => None,
        },
        RequestBody::Peer(PeerRequest::ShareState(request)) => {
            Some((CoordinatorKind::Share, request.key.coordinator_key()))
        }
        RequestBody::Peer(
            PeerRequest::ReplicaFetch(_)
            | PeerRequest::ReplicaOffsets(_)
            | PeerRequest::WriteTxnMarkers(_),
        )
        | RequestBody::Controller(_)
        | RequestBody::Quorum(_)
        | RequestBody::QuorumFetch(_)
        | RequestBody::Wire(_) => None,
    }
}

fn subject_of_clients(request: &ClientRequest) -> Option<(CoordinatorKind, &str)> {
    let group = |id| Some((CoordinatorKind::Group, id));
    let transaction = |id| Some((CoordinatorKind::Transaction, id));
    match request {
        ClientRequest::JoinGroup(request) => group(request.group_id.as_str()),
        ClientRequest::SyncGroup(request) => group(request.group_id.as_str()),
        ClientRequest::Heartbeat(request) => group(request.group_id.as_str()),
        ClientRequest::LeaveGroup(request) => group(request.group_id.as_str()),
        ClientRequest::OffsetCommit(request) => group(request.group_id.as_str()),
        ClientRequest::OffsetFetch(request) => match &*request.groups {
            [one] => group(one.group_id.as_str()),
            _ => None,
        },
        ClientRequest::ConsumerGroupHeartbeat(request) => group(request.group_id.as_str()),
        ClientRequest::TxnOffsetCommit(request) => group(request.group_id.as_str()),
        ClientRequest::InitProducerId(request) => {
            request.transactional_id.as_ref().and_then(|id| transaction(id.as_str()))
        }
        ClientRequest::AddPartitionsToTxn(request) => match &*request.transactions {
            [one] => transaction(one.transactional_id.as_str()),
            _ => None,
        },
        ClientRequest::AddOffsetsToTxn(request) => transaction(request.transactional_id.as_str()),
        ClientRequest::EndTxn(request) => transaction(request.transactional_id.as_str()),
        ClientRequest::Produce(_)
        | ClientRequest::Fetch(_)
        | ClientRequest::ListOffsets(_)
        | ClientRequest::Metadata(_)
        | ClientRequest::OffsetForLeaderEpoch(_)
        | ClientRequest::CreateTopics(_)
        | ClientRequest::DeleteRecords(_)
        | ClientRequest::Admin(_)
        | ClientRequest::GroupAdmin(_)
        | ClientRequest::TransactionAdmin(_)
        | ClientRequest::FindCoordinator(_)
        | ClientRequest::ShareFetch(_) => None,
    }
}
