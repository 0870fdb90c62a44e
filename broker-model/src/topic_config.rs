//! How a topic is configured, with Kafka's names. Source: Kafka's `TopicConfig`.

use serde::{Deserialize, Serialize};

use crate::inert_settings::InertSettings;
use crate::retention::Retention;
use crate::throttle::Throttles;

/// A topic's configuration, as the controller keeps it.
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicConfig {
    /// The topic's name.
    pub name: String,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// `max.message.bytes`: a larger batch is refused.
    pub max_message_bytes: u32,
    /// `flush.messages`: so many unflushed records are flushed at once.
    pub flush_messages: u64,
    /// `flush.ms`: a log that was not flushed for so long is flushed at the next check.
    pub flush_ms: u64,
    /// When records may be deleted. In the metadata log it is a record of its own.
    #[serde(skip)]
    pub retention: Retention,
    /// Replicas whose copying is bounded. In the metadata log these are records of their own, too.
    #[serde(skip)]
    pub throttles: Throttles,
    /// What it was given that changes nothing. In the metadata log these are records of their own, too.
    #[serde(skip)]
    pub inert: InertSettings,
}

impl TopicConfig {
    /// `max.message.bytes` of a topic that sets none. Source: Kafka's `ServerLogConfigs.MAX_MESSAGE_BYTES_DEFAULT`.
    pub const MAX_MESSAGE_BYTES_DEFAULT: u32 = 1_048_588;
    /// `flush.messages` and `flush.ms` of a topic that sets none: never. Source: Kafka's `ServerLogConfigs`.
    pub const FLUSH_NEVER: u64 = i64::MAX as u64;

    /// A topic that sets nothing.
    pub fn usual(name: String) -> Self {
        Self {
            name,
            min_insync_replicas: 1,
            unclean_leader_election: false,
            max_message_bytes: Self::MAX_MESSAGE_BYTES_DEFAULT,
            flush_messages: Self::FLUSH_NEVER,
            flush_ms: Self::FLUSH_NEVER,
            retention: Retention::FOREVER,
            throttles: Throttles::default(),
            inert: InertSettings::default(),
        }
    }
}
