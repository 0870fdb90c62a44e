//! For how long a topic's records are kept. Source: Kafka's `TopicConfig`.

use serde::{Deserialize, Serialize};

use crate::compaction::Compaction;

/// When a topic's records may be deleted, and when its segments are rolled for it. Kafka's names; -1 is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// `retention.ms`: a segment whose newest record is older may go.
    #[serde(default = "forever", skip_serializing_if = "is_forever")]
    pub retention_ms: i64,
    /// `retention.bytes`: segments may go as long as so many bytes stay.
    #[serde(default = "forever", skip_serializing_if = "is_forever")]
    pub retention_bytes: i64,
    /// `segment.ms`: a segment whose first record is older than the next one by more is rolled first.
    #[serde(default = "never", skip_serializing_if = "is_never")]
    pub segment_ms: i64,
    /// Whether the cleaner takes what a later record of the same key has replaced.
    #[serde(default, skip_serializing_if = "Compaction::is_none")]
    pub compaction: Compaction,
}

impl Retention {
    /// Nothing is ever deleted, and no segment is rolled for its age.
    pub const FOREVER: Self = Self {
        retention_ms: -1,
        retention_bytes: -1,
        segment_ms: i64::MAX,
        compaction: Compaction::NONE,
    };

    /// Whether nothing but the names says so.
    pub fn is_forever(&self) -> bool {
        *self == Self::FOREVER
    }

    /// Whether anything may be deleted by time or size.
    pub fn deletes(&self) -> bool {
        self.compaction.deletes() && (self.retention_ms >= 0 || self.retention_bytes >= 0)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::FOREVER
    }
}

fn forever() -> i64 {
    -1
}

fn never() -> i64 {
    i64::MAX
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_forever(limit: &i64) -> bool {
    *limit == forever()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_never(limit: &i64) -> bool {
    *limit == never()
}
