//! The coordination layer: broker registrations, partition elections, ISR changes, topics and producer id blocks.
//!
//! [`Controller`] is a quorum voter; while it leads the quorum it is the active controller. Each request is judged by a
//! pure function over the speculative image (all records appended so far) that gives records and an answer; the answer
//! leaves when the records are committed. Source: KIP-631, KIP-966, KIP-841, KIP-903.

mod active;
mod administration;
mod alter_partition;
mod assignment;
mod brokers;
mod check;
mod configs;
mod directories;
mod elect_leaders;
mod election;
mod node;
mod partitions;
mod periodic;
mod refusal;
mod snapshot_generator;
#[cfg(test)]
pub(crate) mod tests;
mod topics;
mod voters;

pub use node::Controller;
pub use voters::{add_voter, remove_voter};
