//! One event of a trace, and what a trace begins with.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Version of the schema of `trace.jsonl`.
pub const TRACE_SCHEMA: u32 = 1;

/// The first line of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceHeader {
    /// Version of the schema.
    pub schema: u32,
    /// Always `trace`.
    pub kind: String,
    /// The scenario, by name or path.
    pub scenario: String,
    /// The seed.
    #[serde(with = "harrow_broker_model::wide")]
    pub seed: u64,
    /// The commit of the program that made it.
    pub commit: String,
    /// The digest of the run.
    pub digest: String,
    /// The nodes, ascending.
    pub nodes: Vec<NodeRole>,
    /// So many events follow; unknown of traces that were left before this was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
}

/// Who a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRole {
    /// Its id.
    pub node: i32,
    /// `broker`, `controller`, `producer`, `consumer` or `admin`.
    pub role: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceEvent {
    /// Which line it is, from 0; its name in `cause`.
    pub row: u64,
    /// Ordinal of the event that a node handled: a node's event and all that it did of it share one.
    pub event: u64,
    /// Simulated time, in nanoseconds.
    pub at_ns: u64,
    /// At which node; none for what happens to the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<i32>,
    /// Family of facts, or `world`, `process`, `message`, `operation`, `disk`.
    pub family: String,
    /// What kind of event.
    pub kind: String,
    /// The partitions that it concerns, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<String>,
    /// What belongs to the kind.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// The row that led to it: what its node was handling, or the sending of what arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// The same in words.
    pub text: String,
}

/// Fields that say at which offset an event is.
const AT_OFFSET: [&str; 4] = ["offset", "fetch_offset", "end_offset", "low_watermark"];

/// Fields that say in which epoch an event is.
const IN_EPOCH: [&str; 4] = ["leader_epoch", "epoch", "batch.leader_epoch", "controller_epoch"];

/// Fields of an event's own by which its offset is found, beside `from` and `to`.
pub(super) const OFFSET_FIELDS: [&str; 5] =
    ["batch", "offset", "fetch_offset", "end_offset", "low_watermark"];

/// Fields of an event's own by which its epoch is found.
pub(super) const EPOCH_FIELDS: [&str; 4] = ["leader_epoch", "epoch", "batch", "controller_epoch"];

impl TraceEvent {
    /// A field by its path: `batch.base_offset`.
    pub fn field(&self, path: &str) -> Option<&Value> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
        let mut value = self.fields.get(first)?;
        for key in rest.into_iter().flat_map(|rest| rest.split('.')) {
            value = value.get(key)?;
        }
        Some(value)
    }

    fn number(&self, path: &str) -> Option<i64> {
        self.field(path)?.as_i64()
    }

    /// The offsets that it is about, first and last: those of a batch, those that are cut, deleted or passed, or one.
    pub fn offsets(&self) -> Option<(i64, i64)> {
        let pair = |first, last| Some((self.number(first)?, self.number(last)?));
        if let Some(batch) = pair("batch.base_offset", "batch.last_offset") {
            return Some(batch);
        }
        if let Some((from, to)) = pair("from", "to") {
            let (low, high) = (from.min(to), from.max(to));
            return (low < high).then_some((low, high - 1));
        }
        let at = AT_OFFSET.iter().find_map(|path| self.number(path))?;
        Some((at, at))
    }

    /// The epoch that it is about: the leader's, the quorum's or the controller's.
    pub fn epoch(&self) -> Option<i64> {
        IN_EPOCH.iter().find_map(|path| self.number(path))
    }

    /// Whether it concerns this partition.
    pub fn concerns(&self, partition: &str) -> bool {
        self.partitions.iter().any(|known| known == partition)
    }

    /// As one line, like those of `trace.txt`.
    pub fn line(&self) -> String {
        let node = self.node.map_or_else(|| "-".to_owned(), |node| node.to_string());
        let (seconds, micros) = (self.at_ns / 1_000_000_000, self.at_ns / 1_000 % 1_000_000);
        format!("{:>8} {seconds:>4}.{micros:06}s {node:>5}  {}", self.event, self.text)
    }
}
