//! Lines as JSON has them.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) harrow_history: u32,
    pub(super) partitions: Vec<String>,
    pub(super) final_reads: bool,
}

/// Any other line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) index: u64,
    pub(super) time: u64,
    pub(super) process: u32,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) f: Name,
    #[serde(default)]
    pub(super) value: Option<Vec<Micro>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) from_start: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) invoked: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Name {
    Send,
    Poll,
    Txn,
    Assign,
    Subscribe,
    Join,
    Commit,
    List,
    Crash,
}

/// A record's value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    Number(u64),
    Text(String),
    Unreadable(()),
}

/// A micro-operation: a list that begins with its name.
pub(super) enum Micro {
    Send { partition: Option<String>, value: Value, offset: Option<i64>, key: Option<Value> },
    Poll { records: Option<Polled> },
    Assigned { partition: String },
    End { partition: String, offset: Option<i64> },
    Committed { partition: String, offset: i64 },
    Rebalanced { partition: String },
    Consumed { partition: String, first: i64, last: i64 },
    Member { group: String, generation: i64 },
}

/// Records by partition, in the order of the file.
#[derive(Default)]
pub(super) struct Polled(pub(super) Vec<(String, Vec<(i64, Value)>)>);

impl Serialize for Micro {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        match self {
            Self::Send { partition, value, offset, key } => {
                list.serialize_element("send")?;
                list.serialize_element(partition)?;
                list.serialize_element(value)?;
                if offset.is_some() || key.is_some() {
                    list.serialize_element(offset)?;
                }
                if let Some(key) = key {
                    list.serialize_element(key)?;
                }
            }
            Self::Poll { records } => {
                list.serialize_element("poll")?;
                if let Some(records) = records {
                    list.serialize_element(records)?;
                }
            }
            Self::Assigned { partition } => {
                list.serialize_element("assigned")?;
                list.serialize_element(partition)?;
            }
            Self::End { partition, offset } => {
                list.serialize_element("end")?;
                list.serialize_element(partition)?;
                if let Some(offset) = offset {
                    list.serialize_element(offset)?;
                }
            }
            Self::Committed { partition, offset } => {
                list.serialize_element("committed")?;
                list.serialize_element(partition)?;
                list.serialize_element(offset)?;
            }
            Self::Rebalanced { partition } => {
                list.serialize_element("rebalanced")?;
                list.serialize_element(partition)?;
            }
            Self::Consumed { partition, first, last } => {
                list.serialize_element("consumed")?;
                list.serialize_element(partition)?;
                list.serialize_element(first)?;
                list.serialize_element(last)?;
            }
            Self::Member { group, generation } => {
                list.serialize_element("member")?;
                list.serialize_element(group)?;
                list.serialize_element(generation)?;
            }
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Micro {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(MicroVisitor)
    }
}

const MICROS: &[&str] =
    &["send", "poll", "assigned", "end", "committed", "rebalanced", "consumed", "member"];

struct MicroVisitor;

impl<'de> Visitor<'de> for MicroVisitor {
    type Value = Micro;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a micro-operation such as [\"send\", partition, value, offset]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Micro, A::Error> {
        let name: String = required(&mut list, "a name")?;
        let micro = match name.as_str() {
            "send" => Micro::Send {
                partition: required(&mut list, "a partition or null")?,
                value: required(&mut list, "a value")?,
                offset: list.next_element::<Option<i64>>()?.flatten(),
                key: list.next_element::<Option<Value>>()?.flatten(),
            },
            "poll" => Micro::Poll { records: list.next_element::<Option<Polled>>()?.flatten() },
            "assigned" => Micro::Assigned { partition: required(&mut list, "a partition")? },
            "end" => Micro::End {
                partition: required(&mut list, "a partition")?,
                offset: list.next_element::<Option<i64>>()?.flatten(),
            },
            "committed" => Micro::Committed {
                partition: required(&mut list, "a partition")?,
                offset: required(&mut list, "an offset")?,
            },
            "rebalanced" => Micro::Rebalanced { partition: required(&mut list, "a partition")? },
            "consumed" => Micro::Consumed {
                partition: required(&mut list, "a partition")?,
                first: required(&mut list, "a first offset")?,
                last: required(&mut list, "a last offset")?,
            },
            "member" => Micro::Member {
                group: required(&mut list, "a group")?,
                generation: required(&mut list, "a generation")?,
            },
            other => return Err(de::Error::unknown_variant(other, MICROS)),
        };
        match list.next_element::<de::IgnoredAny>()? {
            None => Ok(micro),
            Some(_) => Err(de::Error::custom(format!("`{name}` has too many elements"))),
        }
    }
}

fn required<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(
    list: &mut A,
    what: &str,
) -> Result<T, A::Error> {
    list.next_element()?.ok_or_else(|| de::Error::custom(format!("{what} is missing")))
}

impl Serialize for Polled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (partition, records) in &self.0 {
            map.serialize_entry(partition, records)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Polled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PolledVisitor)
    }
}

struct PolledVisitor;

impl<'de> Visitor<'de> for PolledVisitor {
    type Value = Polled;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("records by partition: {partition: [[offset, value], ...]}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Polled, A::Error> {
        let mut polled = Polled::default();
        while let Some(entry) = map.next_entry()? {
            polled.0.push(entry);
        }
        Ok(polled)
    }
}
