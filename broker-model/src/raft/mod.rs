//! The `KRaft` quorum: votes, fetch-based replication of the metadata log, check-quorum. Source: KIP-595.
//!
//! A voter is in one of six roles: Unattached, Follower, Prospective, Candidate, Leader, Resigned. Epoch, vote and
//! known leader are on the disk before any message that depends on them leaves; appended records are before they
//! count. Elections are those of Kafka 4.1: pre-vote (KIP-996), voters without a leader fetch (KAFKA-17030). Snapshots
//! stand in for the front of the log (KIP-630). Voters are changed one at a time, by records (KIP-853); who is none
//! observes: it fetches, and never stands.

mod accumulator;
mod change_voters;
mod election_state;
mod fetch_snapshot;
mod follow;
mod lead;
mod quorum;
mod request_manager;
mod role;
mod send;
mod snapshot_store;
mod snapshots;
#[cfg(test)]
mod tests;
mod vote;
mod voter_history;
mod voters;

pub(crate) use quorum::{Quorum, QuorumOptions};
pub(crate) use voter_history::formatted;
