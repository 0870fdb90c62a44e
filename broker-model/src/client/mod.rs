//! Clients: producer, consumer and admin, as Kafka 4.1's Java clients behave.
//!
//! | file | what lives there |
//! |---|---|
//! | `connection` | what is in flight to whom, request timeouts, backoff after a lost connection |
//! | `metadata` | who leads what, and when to ask again |
//! | `coordinator` | who coordinates a group |
//! | `producer` | partitioner, batching, retries, idempotence |
//! | `consumer` | positions and their validation, fetching, end offsets, groups |
//! | `pipeline` | a process with a consumer and a producer, which processes what it reads |
//! | `worker` | a worker of a share group |
//! | `admin` | topic creation |
//!
//! All three work alike: an event changes state, then `run` does everything that has become possible and the next
//! deadline is computed once. Whatever is tried again waits for `retry.backoff.ms` first.

mod admin;
mod connection;
mod consumer;
mod coordinator;
mod generation;
mod metadata;
mod partition_key;
mod pipeline;
mod producer;
mod recreated;
#[cfg(test)]
mod testing;
mod worker;

pub use crate::coordinator::runtime::partition_for as coordinator_partition;
pub use admin::Admin;
pub use consumer::Consumer;
pub use pipeline::Pipeline;
pub use producer::{Producer, partition_of};
pub use worker::Worker;
