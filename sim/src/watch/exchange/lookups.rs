//! Who is told that somebody coordinates no more asks who does.
//!
//! Promise: a client that a node has answered with `NOT_COORDINATOR` looks for the coordinator anew before it asks that
//! node again for the same: else it goes on asking in vain, until its session, its transaction or its patience is over.
//! Source: `AbstractCoordinator.HeartbeatResponseHandler`, `TransactionManager.TxnOffsetCommitHandler`
//! (`lookupCoordinator`), `CoordinatorRequestManager.markCoordinatorUnknown`.
//! Not verified: a single further question, which may follow an answer to a search that had begun before; commits and
//! fetches of offsets, of which several are on their way at once; `JoinGroup`, `SyncGroup` and heartbeats of the
//! consumer protocol, of which a member that leaves and comes back may have several on their way, too;
//! `InitProducerId`, which a producer that is made anew asks while an answer to the former one is still to come; a
//! client that asks on a new connection; one whose group others look for meanwhile; clients that speak bytes.

use std::collections::BTreeMap;

use harrow_broker_model::message::{
    ClientRequest, ClientResponse, Request, RequestBody, Response, ResponseBody,
};
use harrow_broker_model::note::Api;
use harrow_broker_model::proto::{
    AddPartitionsToTxnResponse, ErrorCode, FindCoordinatorRequest, TxnOffsetCommitResponse,
};
use harrow_broker_model::types::{ConnectionId, CorrelationId, NodeId};

use super::coordination::CoordinatorKind;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const ASKED: Anomaly = Anomaly {
    name: "no-coordinator-asked",
    guarantee: Guarantee::Liveness,
    meaning: "a client went on asking a node that had told it that it is not the coordinator, and looked for no other",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "coordinator-lookup",
    promise: "who is answered NOT_COORDINATOR looks for the coordinator before it asks again",
    source: "TransactionManager.TxnOffsetCommitHandler, AbstractCoordinator.HeartbeatResponseHandler",
    leaves_out: "a single further question; what a member may ask several times at once; new connections; clients \
        that speak bytes",
    anomalies: &[ASKED],
};

/// After so many refusals in a row nobody asks once more: when the second of these questions was sent, the answer to
/// the first was there, and no search was on its way, since the coordinator was known.
const REFUSALS: u32 = 2;

/// A connection that a node accepted.
type Line = (NodeId, ConnectionId);
/// Whose coordinator: a group's or a transactional id's.
type Subject = (CoordinatorKind, String);

/// Who was told by whom that it is not the coordinator, and has not looked for it since.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    open: BTreeMap<(Line, CorrelationId), (Api, Subject)>,
    /// And how often in a row.
    refused: BTreeMap<(Line, Api), (Subject, u32)>,
}

impl Lookups {
    /// A node is about to handle a request.
    pub(super) fn asked(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (connection, request): (ConnectionId, &Request),
    ) {
        let RequestBody::Client(body) = &request.body else { return };
        if let ClientRequest::FindCoordinator(search) = body {
            return self.on_search(search);
        }
        let Some((api, subject)) = asked_of_coordinator(body) else { return };
        let line = (context.node, connection);
        if let Some((refused, times)) = self.refused.get(&(line, api))
            && *times >= REFUSALS
            && *refused == subject
        {
            report(context, findings, (api, &subject), *times);
        }
        self.open.insert((line, request.correlation_id), (api, subject));
    }

    /// Whoever looks for a coordinator, it may be the one that was refused.
    fn on_search(&mut self, search: &FindCoordinatorRequest) {
        let kind = match search.key_type {
            0 => CoordinatorKind::Group,
            1 => CoordinatorKind::Transaction,
            _ => CoordinatorKind::Share,
        };
        self.refused.retain(|_, ((of, about), _)| {
            let named = search.coordinator_keys.iter().any(|key| key.as_str() == about);
            *of != kind || !named && search.key.as_str() != about
        });
    }

    /// A node answers.
    pub(super) fn answered(
        &mut self,
        node: NodeId,
        (connection, response): (ConnectionId, &Response),
    ) {
        let line = (node, connection);
        let Some((api, subject)) = self.open.remove(&(line, response.correlation_id)) else {
            return;
        };
        if !is_refused(&response.body) {
            // It is the coordinator, as far as it knows.
            return self.refused.retain(|(at, _), (of, _)| *at != line || *of != subject);
        }
        let known = self.refused.remove(&(line, api));
        let times = known.filter(|(of, _)| *of == subject).map_or(0, |(_, times)| times);
        self.refused.insert((line, api), (subject, times + 1));
    }

    /// Nobody waits on a connection any more.
    pub(super) fn connection_closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.open.retain(|(line, _), _| *line != (node, connection));
        self.refused.retain(|(line, _), _| *line != (node, connection));
    }

    /// A process ended, and all its connections with it.
    pub(super) fn process_ended(&mut self, node: NodeId) {
        self.open.retain(|(line, _), _| line.0 != node);
        self.refused.retain(|(line, _), _| line.0 != node);
    }
}

/// What is asked of a coordinator by somebody who asks one such thing at a time, and of whose.
fn asked_of_coordinator(body: &ClientRequest) -> Option<(Api, Subject)> {
    let of_group = |api, id: &str| Some((api, (CoordinatorKind::Group, id.to_owned())));
    let of_transaction = |api, id: &str| Some((api, (CoordinatorKind::Transaction, id.to_owned())));
    match body {
        ClientRequest::Heartbeat(it) => of_group(Api::Heartbeat, it.group_id.as_str()),
        ClientRequest::TxnOffsetCommit(it) => of_group(Api::TxnOffsetCommit, it.group_id.as_str()),
        ClientRequest::AddOffsetsToTxn(it) => {
            of_transaction(Api::AddOffsetsToTxn, it.transactional_id.as_str())
        }
        ClientRequest::AddPartitionsToTxn(it) => {
            let one = it.transactions.first()?;
            of_transaction(Api::AddPartitionsToTxn, one.transactional_id.as_str())
        }
        ClientRequest::EndTxn(it) => of_transaction(Api::EndTxn, it.transactional_id.as_str()),
        ClientRequest::Produce(_)
        | ClientRequest::Fetch(_)
        | ClientRequest::ListOffsets(_)
        | ClientRequest::Metadata(_)
        | ClientRequest::OffsetForLeaderEpoch(_)
        | ClientRequest::InitProducerId(_)
        | ClientRequest::CreateTopics(_)
        | ClientRequest::DeleteRecords(_)
        | ClientRequest::Admin(_)
        | ClientRequest::GroupAdmin(_)
        | ClientRequest::TransactionAdmin(_)
        | ClientRequest::FindCoordinator(_)
        | ClientRequest::JoinGroup(_)
        | ClientRequest::SyncGroup(_)
        | ClientRequest::ConsumerGroupHeartbeat(_)
        | ClientRequest::LeaveGroup(_)
        | ClientRequest::OffsetCommit(_)
        | ClientRequest::OffsetFetch(_)
        | ClientRequest::ShareFetch(_) => None,
    }
}

/// Whether a node says that it is not the coordinator.
fn is_refused(body: &ResponseBody) -> bool {
    let refused = ErrorCode::NotCoordinator.code();
    let ResponseBody::Client(body) = body else { return false };
    if let ClientResponse::Heartbeat(it) = body {
        it.error_code == refused
    } else if let ClientResponse::AddOffsetsToTxn(it) = body {
        it.error_code == refused
    } else if let ClientResponse::EndTxn(it) = body {
        it.error_code == refused
    } else if let ClientResponse::TxnOffsetCommit(it) = body {
        offsets_refused(it, refused)
    } else if let ClientResponse::AddPartitionsToTxn(it) = body {
        partitions_refused(it, refused)
    } else {
        false
    }
}

fn offsets_refused(response: &TxnOffsetCommitResponse, refused: i16) -> bool {
    let mut answers = response.topics.iter().flat_map(|topic| &topic.partitions);
    answers.any(|answer| answer.error_code == refused)
}

fn partitions_refused(response: &AddPartitionsToTxnResponse, refused: i16) -> bool {
    let topics = response.results_by_transaction.iter().flat_map(|one| &one.topic_results);
    let mut answers = topics.flat_map(|topic| &topic.results_by_partition);
    answers.any(|answer| answer.partition_error_code == refused)
}

fn report(
    context: &Context<'_>,
    findings: &mut Findings,
    (api, (_, about)): (Api, &Subject),
    times: u32,
) {
    findings.report(context, &ASKED, Place::CLUSTER, || {
        let node = context.node;
        format!(
            "node {node} said {times} times that it does not coordinate {about}, and was asked again: {}",
            api.name()
        )
    });
}
