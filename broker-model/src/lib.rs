//! Kafka itself, as pure state machines: replicated logs, the controller quorum and the clients.
//!
//! Nothing here reads a clock, draws a random number, opens a file or a socket, or logs. A host (the simulator in
//! `harrow-sim`) calls [`Node::handle`](node::Node::handle) with an [`Event`](node::Event), performs the
//! [`Effect`](node::Effect)s that come out, in order, and calls again at the node's next deadline. The model does not
//! know that it is simulated.
//!
//! | folder | what lives there |
//! |---|---|
//! | `record` | record batches: Kafka's v2 bytes with the header parsed once |
//! | `log` | segments, leader-epoch cache, producer state, checkpoints, recovery |
//! | `partition` | one replica: leader and follower rules, ISR, high watermark, purgatory |
//! | `broker` | a broker: connections, one handler file per API, fetchers, lifecycle, metadata image |
//! | `raft` | the KRaft quorum: votes, fetch-based replication, check-quorum |
//! | `controller` | the active controller: registrations, elections, ISR changes, topics |
//! | `fetch_session` | fetches that name only what changed: both sides of KIP-227 |
//! | `coordinator` | state machines over internal topics: the runtime, consumer groups |
//! | `client` | producer, consumer and admin client |
//! | `edge` | the wire: frames, versions, what clients of each version say |
//! | `collections` | ordered maps and sets for what is looked up at each event |
//! | `testing` | what tests configure, one place for each setting |

pub mod admin_message;
pub mod admin_task;
pub mod broker;
mod caller;
pub mod client;
pub mod collections;
pub mod compaction;
pub mod config;
pub mod consumer_call;
pub mod consumer_protocol;
pub mod controller;
mod coordinator;
pub mod defect;
pub mod disk_image;
pub mod edge;
mod effect;
mod event;
pub mod fetch_session;
pub mod group_admin_message;
mod inert_settings;
mod internal_topic_config;
pub mod jitter;
pub mod log;
pub mod message;
mod meta_properties;
pub mod metadata;
pub mod node;
pub mod node_status;
pub mod note;
pub mod partition;
pub mod process;
pub mod proto;
pub mod raft;
pub mod record;
mod replication;
pub mod retention;
mod share_config;
pub mod share_message;
pub mod testing;
pub mod throttle;
pub mod topic_config;
pub mod topic_pattern;
pub mod topic_settings;
pub mod transaction_admin_message;
pub mod types;
pub mod voter_set;
pub mod wide;
