//! What a log is opened with.

use crate::config::{ClusterConfig, TopicConfig};
use crate::defect::Defects;
use crate::retention::Retention;
use crate::types::{Offset, WallTime};

/// What a log is configured with.
#[derive(Debug, Clone, Copy)]
pub struct LogConfig {
    /// `segment.bytes`: a segment that would grow beyond is rolled first.
    pub segment_bytes: u32,
    /// `flush.messages`: so many unflushed records are flushed before the next is taken.
    pub flush_messages: u64,
    /// `flush.ms`: a log that was not flushed for so long is flushed at the next check.
    pub flush_ms: u64,
    /// When records may be deleted.
    pub retention: Retention,
    /// `producer.id.expiration.ms`: a producer whose newest record is so old is forgotten at the next check.
    pub producer_id_expiration_ms: u64,
    /// Known weaknesses that are switched on.
    pub defects: Defects,
}

impl LogConfig {
    /// What brokers' logs are configured with before the metadata tells of their topics.
    pub fn of(config: &ClusterConfig) -> Self {
        Self {
            segment_bytes: config.segment_bytes,
            flush_messages: TopicConfig::FLUSH_NEVER,
            flush_ms: TopicConfig::FLUSH_NEVER,
            retention: Retention::FOREVER,
            producer_id_expiration_ms: config.producer_id_expiration_ms,
            defects: config.defects,
        }
    }
}

/// How much is read at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimit {
    /// About so many bytes, in whole batches.
    pub bytes_max: u32,
    /// The first batch is read whatever its size. So it is for the first partition of a fetch that has records: a batch
    /// that is larger than the limits must not hold up its reader for ever. Source: KIP-74.
    pub min_one: bool,
}

/// What a log is opened with.
#[derive(Debug, Clone, Copy)]
pub struct LogOptions {
    /// Its settings.
    pub config: LogConfig,
    /// Wall time, by which producers expire.
    pub now: WallTime,
    /// Whether the broker stopped cleanly before: nothing above the recovery point needs checking
    /// then.
    pub clean: bool,
    /// From the recovery point checkpoint.
    pub recovery_point: Offset,
    /// From the high watermark checkpoint.
    pub high_watermark: Offset,
    /// From the log start offset checkpoint.
    pub log_start_offset: Offset,
    /// Whether it is compacted: then it may have holes.
    pub holes: bool,
}
