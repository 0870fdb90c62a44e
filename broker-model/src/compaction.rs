//! How a topic's logs are compacted. Source: Kafka's `TopicConfig`, `LogConfig`.

use std::hash::{Hash, Hasher};

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compaction {
    /// `cleanup.policy`.
    pub policy: CleanupPolicy,
    /// `min.compaction.lag.ms`: a segment whose newest record is younger is not cleaned.
    pub min_compaction_lag_ms: u64,
    /// `max.compaction.lag.ms`: a log whose oldest dirty segment begins with an older record is cleaned however little
    /// of it is dirty, and segments are no longer in use than this.
    #[serde(default = "never_ms")]
    pub max_compaction_lag_ms: u64,
    /// `delete.retention.ms`: a tombstone stays for so long after the first cleaning of it.
    pub delete_retention_ms: u64,
    /// `min.cleanable.dirty.ratio`, in percent: a log is cleaned when more of it is dirty.
    pub min_cleanable_dirty_percent: u32,
}

/// A lag that no record ever has.
const NEVER_MS: u64 = i64::MAX as u64;

const fn never_ms() -> u64 {
    NEVER_MS
}

impl Compaction {
    /// Kafka's defaults.
    pub const NONE: Self = Self {
        policy: CleanupPolicy::Delete,
        min_compaction_lag_ms: 0,
        max_compaction_lag_ms: NEVER_MS,
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

    /// For how long a segment may be appended to that is allowed so long by `segment.ms`, in milliseconds. Source:
    /// `LogConfig.maxSegmentMs`.
    pub fn max_segment_ms(&self, segment_ms: i64) -> i64 {
        let lag_ms = i64::try_from(self.max_compaction_lag_ms).unwrap_or(i64::MAX);
        if self.compacts() && lag_ms > 0 { segment_ms.min(lag_ms) } else { segment_ms }
    }

    /// Whether records may become old enough to be cleaned before they must be, which is not at once. Source:
    /// `LogConfig.validateValues`.
    pub fn is_sane(&self) -> bool {
        self.max_compaction_lag_ms > 0 && self.min_compaction_lag_ms <= self.max_compaction_lag_ms
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

/// A plan says nothing of a lag that no record ever has; what is read by position has all fields.
impl Serialize for Compaction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let says_lag = !serializer.is_human_readable() || self.max_compaction_lag_ms != NEVER_MS;
        let mut fields = serializer.serialize_struct("Compaction", 4 + usize::from(says_lag))?;
        fields.serialize_field("policy", &self.policy)?;
        fields.serialize_field("min_compaction_lag_ms", &self.min_compaction_lag_ms)?;
        if says_lag {
            fields.serialize_field("max_compaction_lag_ms", &self.max_compaction_lag_ms)?;
        }
        fields.serialize_field("delete_retention_ms", &self.delete_retention_ms)?;
        fields.serialize_field("min_cleanable_dirty_percent", &self.min_cleanable_dirty_percent)?;
        fields.end()
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
        if self.max_compaction_lag_ms != NEVER_MS {
            self.max_compaction_lag_ms.hash(state);
        }
    }
}
