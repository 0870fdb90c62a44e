//! Histories as files: one JSON object a line, in Jepsen's shape, so that a history of any system can be judged.
//!
//! The first line is a header:
//!
//! ```json
//! {"harrow_history":1,"partitions":["orders-0","orders-1"],"final_reads":true}
//! ```
//!
//! `final_reads` says that the history ends with reads of everything. Each further line is the begin or the end of an
//! operation:
//!
//! ```json
//! {"index":0,"time":1000,"process":1001,"type":"invoke","f":"send","value":[["send","orders-0",17]]}
//! {"index":1,"time":2000,"process":1001,"type":"ok","f":"send","value":[["send","orders-0",17,5]],"invoked":0}
//! {"index":2,"time":3000,"process":1002,"type":"invoke","f":"poll","value":[["poll"]]}
//! {"index":3,"time":4000,"process":1002,"type":"ok","f":"poll","value":[["poll",{"orders-0":[[5,17]]}]]}
//! ```
//!
//! - `time` is in nanoseconds and never falls from an operation's begin to its end;
//! - `type` is `invoke`, then `ok`, `fail`, or `info` (nobody knows); an operation without an end is of unknown
//!   outcome;
//! - `f` is `send`, `poll`, `txn`, `assign` (with `"from_start":true` if it seeks to the beginning), `list` or `crash`;
//! - `value` is a list of micro-operations: `["send", partition, value, offset]` (the partition may be `null`, the
//!   offset absent), `["poll", {partition: [[offset, value], ...]}]`, `["assigned", partition]`,
//!   `["end", partition, offset]`;
//! - a record's value is a number or text, all alike, and is sent to a partition once; `null` is unreadable bytes;
//! - `invoked` names the `index` of the operation's begin; without it, an end belongs to the oldest open operation of
//!   its process with the same `f`.
//!
//! The order of records within a partition is kept; the order among the partitions of one poll is not.

mod line;
mod read;
mod write;

pub use read::{HistoryError, read_history};
pub use write::write_history;

/// Version of the format; another version is refused.
pub const HISTORY_VERSION: u32 = 1;
