//! What a message is, by Kafka's name of the request.

use harrow_broker_model::admin_message::{AdminRequest, AdminResponse};
use harrow_broker_model::group_admin_message::{GroupAdminRequest, GroupAdminResponse};
use harrow_broker_model::message::{
    ClientRequest, ClientResponse, ControllerRequest, ControllerResponse, PeerRequest,
    PeerResponse, QuorumRequest, QuorumResponse, RequestBody, ResponseBody,
};
use harrow_broker_model::transaction_admin_message::{
    TransactionAdminRequest, TransactionAdminResponse,
};

pub(super) fn request(body: &RequestBody) -> &'static str {
    match body {
        RequestBody::Client(body) => client_request(body),
        RequestBody::Peer(body) => peer_request(body),
        RequestBody::Controller(body) => controller_request(body),
        RequestBody::Quorum(body) => quorum_request(body),
        RequestBody::QuorumFetch(_) => "quorum-fetch",
        RequestBody::Wire(_) => "wire",
    }
}

fn client_request(body: &ClientRequest) -> &'static str {
    match body {
        ClientRequest::Produce(_) => "produce",
        ClientRequest::Fetch(_) => "fetch",
        ClientRequest::ListOffsets(_) => "list-offsets",
        ClientRequest::Metadata(_) => "metadata",
        ClientRequest::OffsetForLeaderEpoch(_) => "offset-for-leader-epoch",
        ClientRequest::InitProducerId(_) => "init-producer-id",
        ClientRequest::CreateTopics(_) => "create-topics",
        ClientRequest::DeleteRecords(_) => "delete-records",
        ClientRequest::Admin(body) => admin_request(body),
        ClientRequest::GroupAdmin(body) => group_admin_request(body),
        ClientRequest::TransactionAdmin(body) => transaction_admin_request(body),
        ClientRequest::FindCoordinator(_) => "find-coordinator",
        ClientRequest::JoinGroup(_) => "join-group",
        ClientRequest::SyncGroup(_) => "sync-group",
        ClientRequest::Heartbeat(_) => "heartbeat",
        ClientRequest::LeaveGroup(_) => "leave-group",
        ClientRequest::OffsetCommit(_) => "offset-commit",
        ClientRequest::OffsetFetch(_) => "offset-fetch",
        ClientRequest::ConsumerGroupHeartbeat(_) => "consumer-group-heartbeat",
        ClientRequest::AddPartitionsToTxn(_) => "add-partitions-to-txn",
        ClientRequest::AddOffsetsToTxn(_) => "add-offsets-to-txn",
        ClientRequest::TxnOffsetCommit(_) => "txn-offset-commit",
        ClientRequest::EndTxn(_) => "end-txn",
        ClientRequest::ShareFetch(_) => "share-fetch",
    }
}

fn peer_request(body: &PeerRequest) -> &'static str {
    match body {
        PeerRequest::ReplicaFetch(_) => "replica-fetch",
        PeerRequest::ReplicaOffsets(_) => "replica-offsets",
        PeerRequest::WriteTxnMarkers(_) => "write-txn-markers",
        PeerRequest::AddPartitionsToTxn(_) => "add-partitions-to-txn",
        PeerRequest::ShareState(_) => "share-state",
    }
}

fn controller_request(body: &ControllerRequest) -> &'static str {
    match body {
        ControllerRequest::AlterPartition(_) => "alter-partition",
        ControllerRequest::BrokerRegistration(_) => "broker-registration",
        ControllerRequest::BrokerHeartbeat(_) => "broker-heartbeat",
        ControllerRequest::AllocateProducerIds(_) => "allocate-producer-ids",
        ControllerRequest::CreateTopics(_) => "create-topics",
        ControllerRequest::Admin(body) => admin_request(body),
        ControllerRequest::AssignReplicasToDirs(_) => "assign-replicas-to-dirs",
    }
}

fn quorum_request(body: &QuorumRequest) -> &'static str {
    match body {
        QuorumRequest::Vote(_) => "vote",
        QuorumRequest::BeginQuorumEpoch(_) => "begin-quorum-epoch",
        QuorumRequest::EndQuorumEpoch(_) => "end-quorum-epoch",
        QuorumRequest::FetchSnapshot(_) => "fetch-snapshot",
    }
}

pub(super) fn response(body: &ResponseBody) -> &'static str {
    match body {
        ResponseBody::Client(body) => client_response(body),
        ResponseBody::Peer(body) => peer_response(body),
        ResponseBody::Controller(body) => controller_response(body),
        ResponseBody::Quorum(body) => quorum_response(body),
        ResponseBody::QuorumFetch(_) => "quorum-fetch",
        ResponseBody::Wire(_) => "wire",
    }
}

fn client_response(body: &ClientResponse) -> &'static str {
    match body {
        ClientResponse::Produce(_) => "produce",
        ClientResponse::Fetch(_) => "fetch",
        ClientResponse::ListOffsets(_) => "list-offsets",
        ClientResponse::Metadata(_) => "metadata",
        ClientResponse::OffsetForLeaderEpoch(_) => "offset-for-leader-epoch",
        ClientResponse::InitProducerId(_) => "init-producer-id",
        ClientResponse::CreateTopics(_) => "create-topics",
        ClientResponse::DeleteRecords(_) => "delete-records",
        ClientResponse::Admin(body) => admin_response(body),
        ClientResponse::GroupAdmin(body) => group_admin_response(body),
        ClientResponse::TransactionAdmin(body) => transaction_admin_response(body),
        ClientResponse::FindCoordinator(_) => "find-coordinator",
        ClientResponse::JoinGroup(_) => "join-group",
        ClientResponse::SyncGroup(_) => "sync-group",
        ClientResponse::Heartbeat(_) => "heartbeat",
        ClientResponse::LeaveGroup(_) => "leave-group",
        ClientResponse::OffsetCommit(_) => "offset-commit",
        ClientResponse::OffsetFetch(_) => "offset-fetch",
        ClientResponse::ConsumerGroupHeartbeat(_) => "consumer-group-heartbeat",
        ClientResponse::AddPartitionsToTxn(_) => "add-partitions-to-txn",
        ClientResponse::AddOffsetsToTxn(_) => "add-offsets-to-txn",
        ClientResponse::TxnOffsetCommit(_) => "txn-offset-commit",
        ClientResponse::EndTxn(_) => "end-txn",
        ClientResponse::ShareFetch(_) => "share-fetch",
    }
}

fn peer_response(body: &PeerResponse) -> &'static str {
    match body {
        PeerResponse::ReplicaFetch(_) => "replica-fetch",
        PeerResponse::ReplicaOffsets(_) => "replica-offsets",
        PeerResponse::WriteTxnMarkers(_) => "write-txn-markers",
        PeerResponse::AddPartitionsToTxn(_) => "add-partitions-to-txn",
        PeerResponse::ShareState(_) => "share-state",
    }
}

fn controller_response(body: &ControllerResponse) -> &'static str {
    match body {
        ControllerResponse::AlterPartition(_) => "alter-partition",
        ControllerResponse::BrokerRegistration(_) => "broker-registration",
        ControllerResponse::BrokerHeartbeat(_) => "broker-heartbeat",
        ControllerResponse::AllocateProducerIds(_) => "allocate-producer-ids",
        ControllerResponse::CreateTopics(_) => "create-topics",
        ControllerResponse::Admin(body) => admin_response(body),
        ControllerResponse::AssignReplicasToDirs(_) => "assign-replicas-to-dirs",
    }
}

fn quorum_response(body: &QuorumResponse) -> &'static str {
    match body {
        QuorumResponse::Vote(_) => "vote",
        QuorumResponse::BeginQuorumEpoch(_) => "begin-quorum-epoch",
        QuorumResponse::EndQuorumEpoch(_) => "end-quorum-epoch",
        QuorumResponse::FetchSnapshot(_) => "fetch-snapshot",
    }
}

fn admin_request(body: &AdminRequest) -> &'static str {
    match body {
        AdminRequest::DeleteTopics(_) => "delete-topics",
        AdminRequest::CreatePartitions(_) => "create-partitions",
        AdminRequest::AlterPartitionReassignments(_) => "alter-partition-reassignments",
        AdminRequest::ListPartitionReassignments(_) => "list-partition-reassignments",
        AdminRequest::UnregisterBroker(_) => "unregister-broker",
        AdminRequest::AlterConfigs(_) => "alter-configs",
        AdminRequest::IncrementalAlterConfigs(_) => "incremental-alter-configs",
        AdminRequest::ElectLeaders(_) => "elect-leaders",
        AdminRequest::AddRaftVoter(_) => "add-raft-voter",
        AdminRequest::RemoveRaftVoter(_) => "remove-raft-voter",
    }
}

fn admin_response(body: &AdminResponse) -> &'static str {
    match body {
        AdminResponse::DeleteTopics(_) => "delete-topics",
        AdminResponse::CreatePartitions(_) => "create-partitions",
        AdminResponse::AlterPartitionReassignments(_) => "alter-partition-reassignments",
        AdminResponse::ListPartitionReassignments(_) => "list-partition-reassignments",
        AdminResponse::UnregisterBroker(_) => "unregister-broker",
        AdminResponse::AlterConfigs(_) => "alter-configs",
        AdminResponse::IncrementalAlterConfigs(_) => "incremental-alter-configs",
        AdminResponse::ElectLeaders(_) => "elect-leaders",
        AdminResponse::AddRaftVoter(_) => "add-raft-voter",
        AdminResponse::RemoveRaftVoter(_) => "remove-raft-voter",
    }
}

fn group_admin_request(body: &GroupAdminRequest) -> &'static str {
    match body {
        GroupAdminRequest::ListGroups(_) => "list-groups",
        GroupAdminRequest::DescribeGroups(_) => "describe-groups",
        GroupAdminRequest::ConsumerGroupDescribe(_) => "consumer-group-describe",
        GroupAdminRequest::DeleteGroups(_) => "delete-groups",
        GroupAdminRequest::OffsetDelete(_) => "offset-delete",
    }
}

fn group_admin_response(body: &GroupAdminResponse) -> &'static str {
    match body {
        GroupAdminResponse::ListGroups(_) => "list-groups",
        GroupAdminResponse::DescribeGroups(_) => "describe-groups",
        GroupAdminResponse::ConsumerGroupDescribe(_) => "consumer-group-describe",
        GroupAdminResponse::DeleteGroups(_) => "delete-groups",
        GroupAdminResponse::OffsetDelete(_) => "offset-delete",
    }
}

fn transaction_admin_request(body: &TransactionAdminRequest) -> &'static str {
    match body {
        TransactionAdminRequest::ListTransactions(_) => "list-transactions",
        TransactionAdminRequest::DescribeTransactions(_) => "describe-transactions",
        TransactionAdminRequest::DescribeProducers(_) => "describe-producers",
        TransactionAdminRequest::WriteTxnMarkers(_) => "write-txn-markers",
    }
}

fn transaction_admin_response(body: &TransactionAdminResponse) -> &'static str {
    match body {
        TransactionAdminResponse::ListTransactions(_) => "list-transactions",
        TransactionAdminResponse::DescribeTransactions(_) => "describe-transactions",
        TransactionAdminResponse::DescribeProducers(_) => "describe-producers",
        TransactionAdminResponse::WriteTxnMarkers(_) => "write-txn-markers",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::run::APIS;

    #[test]
    fn all_names_are_listed_and_no_others() {
        let (names, _) = include_str!("api.rs").split_once("#[cfg(test)]").expect("a test follows");
        // Every text in this file is a name.
        let code = names.lines().filter(|line| !line.trim_start().starts_with("//"));
        let told: BTreeSet<&str> =
            code.flat_map(|line| line.split('"').skip(1).step_by(2)).collect();
        assert_eq!(told, APIS.into_iter().collect(), "as sim/src/run.rs has them");
        assert!(APIS.is_sorted());
    }
}
