//! A change of the voters that an administrator has asked for.

use harrow_broker_model::voter_set::ReplicaKey;

/// What was asked, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct AskedVoter {
    pub(super) voter: ReplicaKey,
    pub(super) adds: bool,
    pub(super) at_ns: u64,
}
