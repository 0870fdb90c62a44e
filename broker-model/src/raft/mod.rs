//! The `KRaft` quorum: votes, fetch-based replication of the metadata log, check-quorum. Source: KIP-595.
//!
//! A voter is in one of five roles: Unattached, Follower, Candidate, Leader, Resigned. Epoch, vote and known leader
//! are on the platter before any message that depends on them leaves; appended records are before they count. Not
//! built: pre-vote (KIP-996), snapshots (KIP-630) and reconfiguration (KIP-853).

mod election_state;
mod follow;
mod lead;
mod quorum;
mod request_manager;
mod role;
mod send;
#[cfg(test)]
mod tests;
mod vote;

pub(crate) use quorum::{Quorum, QuorumOptions};
