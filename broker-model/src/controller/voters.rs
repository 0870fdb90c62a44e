//! Changes of the quorum's voters, as an administrator asks for them. Source: KIP-853, `ControllerApis`.
//!
//! In Kafka a controller that does not lead says `NOT_LEADER_OR_FOLLOWER`, which its admin client takes for
//! `NOT_CONTROLLER`; here it says the latter. Endpoints, the cluster's id and the request's own timeout are left out.

use crate::admin_message::{AdminRequest, AdminResponse};
use crate::metadata::MetadataRecord;
use crate::proto::{
    AddRaftVoterRequest, AddRaftVoterResponse, ErrorCode, RemoveRaftVoterRequest,
    RemoveRaftVoterResponse, Uuid, uuid,
};
use crate::raft::Quorum;
use crate::types::{DirectoryId, NodeId, Time};
use crate::voter_set::ReplicaKey;

/// Asks for a voter more.
pub fn add_voter(voter: ReplicaKey) -> AdminRequest {
    AdminRequest::AddRaftVoter(
        AddRaftVoterRequest::default()
            .with_voter_id(voter.id.0)
            .with_voter_directory_id(uuid(u128::from(voter.directory.0))),
    )
}

/// Asks for a voter less.
pub fn remove_voter(voter: ReplicaKey) -> AdminRequest {
    AdminRequest::RemoveRaftVoter(
        RemoveRaftVoterRequest::default()
            .with_voter_id(voter.id.0)
            .with_voter_directory_id(uuid(u128::from(voter.directory.0))),
    )
}

/// What the quorum says to a request: the record to write, or why none; nothing if it is not about voters.
pub(super) fn judge(
    quorum: &Quorum,
    now: Time,
    request: &AdminRequest,
) -> Option<Result<MetadataRecord, ErrorCode>> {
    if let AdminRequest::AddRaftVoter(request) = request {
        return Some(quorum.add_voter(now, key(request.voter_id, request.voter_directory_id)));
    }
    let AdminRequest::RemoveRaftVoter(request) = request else { return None };
    Some(quorum.remove_voter(key(request.voter_id, request.voter_directory_id)))
}

/// The answer when nothing is in the way.
pub(super) fn accepted(request: &AdminRequest) -> AdminResponse {
    if matches!(request, AdminRequest::AddRaftVoter(_)) {
        AdminResponse::AddRaftVoter(AddRaftVoterResponse::default())
    } else {
        AdminResponse::RemoveRaftVoter(RemoveRaftVoterResponse::default())
    }
}

/// An id that is no directory's of ours is nobody's.
fn key(id: i32, directory: Uuid) -> ReplicaKey {
    let directory = u64::try_from(directory.as_u128()).map_or(DirectoryId::LOST, DirectoryId);
    ReplicaKey { id: NodeId(id), directory }
}
