//! The wire: bytes of clients become the model's requests, its answers become bytes. Pure: whoever has a socket, real
//! or simulated, calls it.
//!
//! | file | what it does |
//! |---|---|
//! | `frame` | cuts a stream of bytes into frames, each with its length in front, none beyond a limit |
//! | `shape`, `schemas` | what a request of an API and version looks like: a frame is walked before it is decoded |
//! | `apis` | which APIs and versions are served, and which are advertised |
//! | `request` | a frame becomes a request, or is refused as Kafka refuses it |
//! | `admit` | what clients of each version say becomes what the model is asked |
//! | `answer` | what the model answers becomes bytes of the version that was asked |
//! | `configs` | how topics are configured |
//! | `topic_description` | topics with their partitions, a part at a time |
//! | `refuse` | the answer that tells an error and does nothing, for each API |
//!
//! Nothing in a frame is trusted. A request is walked by its schema first, since the decoder makes room for as many
//! elements as a frame says it has: twelve bytes would end the process. Source: Kafka's `SocketServer`,
//! `NetworkReceive`, `RequestContext`, KIP-511.

mod admit;
mod answer;
mod apis;
mod configs;
mod frame;
mod refuse;
mod request;
mod schemas;
mod shape;
#[cfg(test)]
mod tests;
mod topic_description;
mod topic_ids;

pub use admit::{TopicDefaults, admit};
pub use answer::{Answering, Endpoint, answer, api_versions, cluster_description};
pub use apis::{ApiKey, ServedApi, TransactionVersion, api_name, api_named, served};
pub use configs::topic_configs;
pub use frame::{FrameError, Frames};
pub use refuse::refuse;
pub use request::{Body, Incoming, Refused, read_request};
pub use topic_description::topic_partitions;
