//! How a topic's logs are compacted. Source: Kafka's `TopicConfig`, `LogConfig`.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// `cleanup.policy`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum CleanupPolicy {
    /// Old records go, by time and size.
    #[default]
    Delete,
    /// Of each key the last record stays.
    Compact,
    /// Both.
    CompactDelete,
}

impl CleanupPolicy {
    /// As Kafka writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Compact => "compact",
            Self::CompactDelete => "compact,delete",
        }
    }

    /// Reads what Kafka writes, in any order.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "delete" => Some(Self::Delete),
            "compact" => Some(Self::Compact),
            "compact,delete" | "delete,compact" => Some(Self::CompactDelete),
            _ => None,
        }
    }
}

/// Whether a topic's logs are compacted, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compaction {
    /// `cleanup.policy`.
    pub policy: CleanupPolicy,
    /// `min.compaction.lag.ms`: a segment whose newest record is younger is not cleaned.
    pub min_compaction_lag_ms: u64,
    /// `delete.retention.ms`: a tombstone stays for so long after the first cleaning of it.
    pub delete_retention_ms: u64,
    /// `min.cleanable.dirty.ratio`, in percent: a log is cleaned when more of it is dirty.
    pub min_cleanable_dirty_percent: u32,
}

impl Compaction {
    /// Kafka's defaults.
    pub const NONE: Self = Self {
        policy: CleanupPolicy::Delete,
        min_compaction_lag_ms: 0,
        delete_retention_ms: 86_400_000,
        min_cleanable_dirty_percent: 50,
    };

    /// Whether nothing but the names says so.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// Whether the cleaner looks after the logs.
    pub fn compacts(&self) -> bool {
        self.policy != CleanupPolicy::Delete
    }

    /// Whether records are deleted by time and size.
    pub fn deletes(&self) -> bool {
        self.policy != CleanupPolicy::Compact
    }
}

impl Default for Compaction {
    fn default() -> Self {
        Self::NONE
    }
}

/// What says nothing is not hashed: the digests of runs without compaction know nothing of it.
impl Hash for Compaction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.is_none() {
            return;
        }
        self.policy.hash(state);
        self.min_compaction_lag_ms.hash(state);
        self.delete_retention_ms.hash(state);
        self.min_cleanable_dirty_percent.hash(state);
    }
}
