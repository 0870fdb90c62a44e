//! What a request asks for, by name: as plans say it of faults that meet requests of one kind.

use harrow_broker_model::message::{
    ClientRequest, ClientResponse, ControllerRequest, ControllerResponse, PeerRequest,
    PeerResponse, QuorumRequest, QuorumResponse, RequestBody, ResponseBody,
};
use serde::{Deserialize, Serialize};

/// One of Kafka's APIs; where several nodes ask for the same in another way, each way is a kind. What administrators
/// and clients that speak bytes ask for is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is Kafka's API of its name, but for those that say who asks")]
pub enum RequestKind {
    Produce,
    /// A consumer's.
    Fetch,
    /// A client's.
    ListOffsets,
    Metadata,
    OffsetForLeaderEpoch,
    InitProducerId,
    CreateTopics,
    DeleteRecords,
    FindCoordinator,
    JoinGroup,
    SyncGroup,
    Heartbeat,
    LeaveGroup,
    OffsetCommit,
    OffsetFetch,
    ConsumerGroupHeartbeat,
    AddPartitionsToTxn,
    AddOffsetsToTxn,
    TxnOffsetCommit,
    EndTxn,
    ShareFetch,
    /// `Fetch` by a follower.
    ReplicaFetch,
    /// `ListOffsets` by a follower.
    ReplicaOffsets,
    WriteTxnMarkers,
    /// `AddPartitionsToTxn` by a partition's leader, which asks whether the transaction is open (KIP-890).
    VerifyTransaction,
    /// What share coordinators are asked for.
    ShareState,
    AlterPartition,
    BrokerRegistration,
    BrokerHeartbeat,
    AllocateProducerIds,
    AssignReplicasToDirs,
    Vote,
    BeginQuorumEpoch,
    EndQuorumEpoch,
    FetchSnapshot,
    /// `Fetch` of the metadata log.
    QuorumFetch,
}

impl RequestKind {
    /// All of them, by their names in plans and scenarios.
    pub const ALL: [(&str, Self); 36] = [
        ("Produce", Self::Produce),
        ("Fetch", Self::Fetch),
        ("ListOffsets", Self::ListOffsets),
        ("Metadata", Self::Metadata),
        ("OffsetForLeaderEpoch", Self::OffsetForLeaderEpoch),
        ("InitProducerId", Self::InitProducerId),
        ("CreateTopics", Self::CreateTopics),
        ("DeleteRecords", Self::DeleteRecords),
        ("FindCoordinator", Self::FindCoordinator),
        ("JoinGroup", Self::JoinGroup),
        ("SyncGroup", Self::SyncGroup),
        ("Heartbeat", Self::Heartbeat),
        ("LeaveGroup", Self::LeaveGroup),
        ("OffsetCommit", Self::OffsetCommit),
        ("OffsetFetch", Self::OffsetFetch),
        ("ConsumerGroupHeartbeat", Self::ConsumerGroupHeartbeat),
        ("AddPartitionsToTxn", Self::AddPartitionsToTxn),
        ("AddOffsetsToTxn", Self::AddOffsetsToTxn),
        ("TxnOffsetCommit", Self::TxnOffsetCommit),
        ("EndTxn", Self::EndTxn),
        ("ShareFetch", Self::ShareFetch),
        ("ReplicaFetch", Self::ReplicaFetch),
        ("ReplicaOffsets", Self::ReplicaOffsets),
        ("WriteTxnMarkers", Self::WriteTxnMarkers),
        ("VerifyTransaction", Self::VerifyTransaction),
        ("ShareState", Self::ShareState),
        ("AlterPartition", Self::AlterPartition),
        ("BrokerRegistration", Self::BrokerRegistration),
        ("BrokerHeartbeat", Self::BrokerHeartbeat),
        ("AllocateProducerIds", Self::AllocateProducerIds),
        ("AssignReplicasToDirs", Self::AssignReplicasToDirs),
        ("Vote", Self::Vote),
        ("BeginQuorumEpoch", Self::BeginQuorumEpoch),
        ("EndQuorumEpoch", Self::EndQuorumEpoch),
        ("FetchSnapshot", Self::FetchSnapshot),
        ("QuorumFetch", Self::QuorumFetch),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        let is_it = |(_, kind): &&(&str, Self)| *kind == self;
        Self::ALL.iter().find(is_it).map_or("", |(name, _)| name)
    }

    /// Whether brokers are asked for it.
    pub fn is_answered_by_brokers(self) -> bool {
        self < Self::AlterPartition
    }

    /// Whether controllers are asked for it.
    pub fn is_answered_by_controllers(self) -> bool {
        self >= Self::AlterPartition || self == Self::CreateTopics
    }

    /// Whether a broker, or else a controller, is asked for it; the error says that nobody asks it.
    pub fn check_asked(self, of_broker: bool) -> Result<(), String> {
        let (asked, whom) = if of_broker {
            (self.is_answered_by_brokers(), "a broker")
        } else {
            (self.is_answered_by_controllers(), "a controller")
        };
        if asked { Ok(()) } else { Err(format!("nobody asks {whom} for `{}`", self.name())) }
    }

    /// Whether clients ask for it.
    pub fn is_of_clients(self) -> bool {
        self < Self::ReplicaFetch
    }

    /// What a request asks for.
    pub(crate) fn of_request(body: &RequestBody) -> Option<Self> {
        match body {
            RequestBody::Client(request) => Self::of_client_request(request),
            RequestBody::Peer(request) => Some(match request {
                PeerRequest::ReplicaFetch(_) => Self::ReplicaFetch,
                PeerRequest::ReplicaOffsets(_) => Self::ReplicaOffsets,
                PeerRequest::WriteTxnMarkers(_) => Self::WriteTxnMarkers,
                PeerRequest::AddPartitionsToTxn(_) => Self::VerifyTransaction,
                PeerRequest::ShareState(_) => Self::ShareState,
            }),
            RequestBody::Controller(request) => Some(match request {
                ControllerRequest::AlterPartition(_) => Self::AlterPartition,
                ControllerRequest::BrokerRegistration(_) => Self::BrokerRegistration,
                ControllerRequest::BrokerHeartbeat(_) => Self::BrokerHeartbeat,
                ControllerRequest::AllocateProducerIds(_) => Self::AllocateProducerIds,
                ControllerRequest::CreateTopics(_) => Self::CreateTopics,
                ControllerRequest::Admin(_) => return None,
                ControllerRequest::AssignReplicasToDirs(_) => Self::AssignReplicasToDirs,
            }),
            RequestBody::Quorum(request) => Some(match request {
                QuorumRequest::Vote(_) => Self::Vote,
                QuorumRequest::BeginQuorumEpoch(_) => Self::BeginQuorumEpoch,
                QuorumRequest::EndQuorumEpoch(_) => Self::EndQuorumEpoch,
                QuorumRequest::FetchSnapshot(_) => Self::FetchSnapshot,
            }),
            RequestBody::QuorumFetch(_) => Some(Self::QuorumFetch),
            RequestBody::Wire(_) => None,
        }
    }

    fn of_client_request(request: &ClientRequest) -> Option<Self> {
        Some(match request {
            ClientRequest::Produce(_) => Self::Produce,
            ClientRequest::Fetch(_) => Self::Fetch,
            ClientRequest::ListOffsets(_) => Self::ListOffsets,
            ClientRequest::Metadata(_) => Self::Metadata,
            ClientRequest::OffsetForLeaderEpoch(_) => Self::OffsetForLeaderEpoch,
            ClientRequest::InitProducerId(_) => Self::InitProducerId,
            ClientRequest::CreateTopics(_) => Self::CreateTopics,
            ClientRequest::DeleteRecords(_) => Self::DeleteRecords,
            ClientRequest::FindCoordinator(_) => Self::FindCoordinator,
            ClientRequest::JoinGroup(_) => Self::JoinGroup,
            ClientRequest::SyncGroup(_) => Self::SyncGroup,
            ClientRequest::Heartbeat(_) => Self::Heartbeat,
            ClientRequest::LeaveGroup(_) => Self::LeaveGroup,
            ClientRequest::OffsetCommit(_) => Self::OffsetCommit,
            ClientRequest::OffsetFetch(_) => Self::OffsetFetch,
            ClientRequest::ConsumerGroupHeartbeat(_) => Self::ConsumerGroupHeartbeat,
            ClientRequest::AddPartitionsToTxn(_) => Self::AddPartitionsToTxn,
            ClientRequest::AddOffsetsToTxn(_) => Self::AddOffsetsToTxn,
            ClientRequest::TxnOffsetCommit(_) => Self::TxnOffsetCommit,
            ClientRequest::EndTxn(_) => Self::EndTxn,
            ClientRequest::ShareFetch(_) => Self::ShareFetch,
            ClientRequest::Admin(_)
            | ClientRequest::GroupAdmin(_)
            | ClientRequest::TransactionAdmin(_) => return None,
        })
    }

    /// What a response answers.
    pub(crate) fn of_response(body: &ResponseBody) -> Option<Self> {
        match body {
            ResponseBody::Client(response) => Self::of_client_response(response),
            ResponseBody::Peer(response) => Some(match response {
                PeerResponse::ReplicaFetch(_) => Self::ReplicaFetch,
                PeerResponse::ReplicaOffsets(_) => Self::ReplicaOffsets,
                PeerResponse::WriteTxnMarkers(_) => Self::WriteTxnMarkers,
                PeerResponse::AddPartitionsToTxn(_) => Self::VerifyTransaction,
                PeerResponse::ShareState(_) => Self::ShareState,
            }),
            ResponseBody::Controller(response) => Some(match response {
                ControllerResponse::AlterPartition(_) => Self::AlterPartition,
                ControllerResponse::BrokerRegistration(_) => Self::BrokerRegistration,
                ControllerResponse::BrokerHeartbeat(_) => Self::BrokerHeartbeat,
                ControllerResponse::AllocateProducerIds(_) => Self::AllocateProducerIds,
                ControllerResponse::CreateTopics(_) => Self::CreateTopics,
                ControllerResponse::Admin(_) => return None,
                ControllerResponse::AssignReplicasToDirs(_) => Self::AssignReplicasToDirs,
            }),
            ResponseBody::Quorum(response) => Some(match response {
                QuorumResponse::Vote(_) => Self::Vote,
                QuorumResponse::BeginQuorumEpoch(_) => Self::BeginQuorumEpoch,
                QuorumResponse::EndQuorumEpoch(_) => Self::EndQuorumEpoch,
                QuorumResponse::FetchSnapshot(_) => Self::FetchSnapshot,
            }),
            ResponseBody::QuorumFetch(_) => Some(Self::QuorumFetch),
            ResponseBody::Wire(_) => None,
        }
    }

    /// What an answer to a client answers.
    pub fn of_client_response(response: &ClientResponse) -> Option<Self> {
        Some(match response {
            ClientResponse::Produce(_) => Self::Produce,
            ClientResponse::Fetch(_) => Self::Fetch,
            ClientResponse::ListOffsets(_) => Self::ListOffsets,
            ClientResponse::Metadata(_) => Self::Metadata,
            ClientResponse::OffsetForLeaderEpoch(_) => Self::OffsetForLeaderEpoch,
            ClientResponse::InitProducerId(_) => Self::InitProducerId,
            ClientResponse::CreateTopics(_) => Self::CreateTopics,
            ClientResponse::DeleteRecords(_) => Self::DeleteRecords,
            ClientResponse::FindCoordinator(_) => Self::FindCoordinator,
            ClientResponse::JoinGroup(_) => Self::JoinGroup,
            ClientResponse::SyncGroup(_) => Self::SyncGroup,
            ClientResponse::Heartbeat(_) => Self::Heartbeat,
            ClientResponse::LeaveGroup(_) => Self::LeaveGroup,
            ClientResponse::OffsetCommit(_) => Self::OffsetCommit,
            ClientResponse::OffsetFetch(_) => Self::OffsetFetch,
            ClientResponse::ConsumerGroupHeartbeat(_) => Self::ConsumerGroupHeartbeat,
            ClientResponse::AddPartitionsToTxn(_) => Self::AddPartitionsToTxn,
            ClientResponse::AddOffsetsToTxn(_) => Self::AddOffsetsToTxn,
            ClientResponse::TxnOffsetCommit(_) => Self::TxnOffsetCommit,
            ClientResponse::EndTxn(_) => Self::EndTxn,
            ClientResponse::ShareFetch(_) => Self::ShareFetch,
            ClientResponse::Admin(_)
            | ClientResponse::GroupAdmin(_)
            | ClientResponse::TransactionAdmin(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_stands_once_and_is_answered_by_somebody() {
        assert!(
            RequestKind::ALL.is_sorted_by(|one, next| one.1 < next.1),
            "in the order of the type"
        );
        for (name, kind) in RequestKind::ALL {
            assert_eq!(kind.name(), name);
            assert_eq!(format!("{kind:?}"), name, "plans say what scenarios say");
            assert!(kind.is_answered_by_brokers() || kind.is_answered_by_controllers(), "{name}");
        }
    }
}
