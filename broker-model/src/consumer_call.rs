//! What an application asks of its consumer beside reading: where to go on, what to leave out for a while, when to end.
//! Source: Kafka's `KafkaConsumer.seek`, `pause`, `subscribe(Pattern)`, `wakeup` and `close` at 4.1.

use crate::proto::StrBytes;
use crate::types::Offset;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsumerCall {
    /// Go on elsewhere in partitions that it has. Nothing is read for it: the next poll begins there.
    Seek {
        /// Topic name, partition, and where to go on.
        places: Vec<(StrBytes, i32, SeekTo)>,
    },
    /// Return no records of partitions that it has, or return them again. It stays a member, and keeps them.
    Pause {
        /// Topic name and partition.
        partitions: Vec<(StrBytes, i32)>,
        /// Whether they rest from now on, or go on.
        paused: bool,
    },
    /// Be a member of its group for all topics whose whole name matches.
    SubscribePattern {
        /// A regular expression: see [`TopicPattern`](crate::topic_pattern::TopicPattern).
        pattern: StrBytes,
    },
    /// Poll; another thread wakes it up after a while.
    PollUntilWoken {
        /// How long to wait for a first record, in milliseconds.
        timeout_ms: u32,
        /// At most so many records.
        max_records: u32,
        /// When it is woken, in milliseconds.
        wakeup_ms: u32,
    },
    /// Commit and wait; another thread wakes it up after a while.
    CommitUntilWoken {
        /// Topic name, partition, and the next offset to read.
        offsets: Vec<((StrBytes, i32), Offset)>,
        /// When it is woken, in milliseconds.
        wakeup_ms: u32,
    },
    /// Wait for commits under way, leave the group, and end. What the application does next it does with another
    /// consumer.
    Close {
        /// How long to wait, in milliseconds.
        timeout_ms: u32,
        /// Whether the group is told: if not, its partitions wait for the end of its session. Source: KIP-1092.
        leaves: bool,
    },
}

/// Where a consumer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeekTo {
    /// At this offset.
    Offset(Offset),
    /// At the log's start, wherever that is when it is asked.
    Beginning,
    /// At its end.
    End,
}

/// Why a consumer that resets nothing by itself (`auto.offset.reset=none`) does not know where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPosition {
    /// Its group has committed nothing. Source: `NoOffsetForPartitionException`.
    NoOffset,
    /// Its position is not in the log. Source: `OffsetOutOfRangeException`.
    OutOfRange,
    /// The log was cut below its position. Source: `LogTruncationException`.
    Truncated,
}
