//! What an application of a plan asks of its consumer beside reading and committing.

use serde::{Deserialize, Serialize};

/// What an application does with its consumer beside reading and committing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallsPlan {
    /// Every so many polls with records, go on elsewhere in a partition: some way back, at its beginning or its end; 0
    /// is never.
    pub seek_every: u32,
    /// Every so many polls with records, pause a partition for a few polls; 0 is never.
    pub pause_every: u32,
    /// Every so many polls, another thread wakes the consumer up: by turns amid that poll, and amid the next commit
    /// that waits; 0 is never.
    pub wakeup_every: u32,
    /// Every so many polls, close the consumer while a commit is under way, and make another one; 0 is never.
    pub close_every: u32,
    /// Whether who closes stays a member until its session ends (KIP-1092).
    pub close_stays: bool,
    /// One record in so many of a topic's first partition takes its reader very long, once; 0 is none.
    pub poison_one_in: u32,
    /// How long, in milliseconds.
    pub poison_ms: u32,
}

impl CallsPlan {
    /// Whether a plan need not say it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
