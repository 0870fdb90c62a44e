//! Which replicas of a topic are throttled: their copying is bounded by a quota of their broker. Source: KIP-73,
//! Kafka's `QuotaConfig`, `ThrottledReplicaListValidator`.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::types::{NodeId, TopicPartition};

/// Replicas of a topic, as partition and broker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum ThrottledReplicas {
    /// None of them.
    #[default]
    None,
    /// All of them: `*`.
    All,
    /// These: `0:1,0:2` is partition 0 on brokers 1 and 2.
    Some(Vec<(i32, NodeId)>),
}

impl ThrottledReplicas {
    /// Reads what the setting has; nothing if it has no such value.
    pub fn parse(value: &str) -> Option<Self> {
        match value.trim() {
            "" => Some(Self::None),
            "*" => Some(Self::All),
            listed => {
                let parts = listed.split(',').filter(|part| !part.is_empty());
                parts.map(replica).collect::<Option<Vec<_>>>().map(Self::Some)
            }
        }
    }

    /// As the setting has it.
    pub fn text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::All => "*".to_owned(),
            Self::Some(replicas) => {
                let parts = replicas.iter().map(|(partition, node)| format!("{partition}:{node}"));
                parts.collect::<Vec<_>>().join(",")
            }
        }
    }

    fn has(&self, partition: i32, broker: NodeId) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(replicas) => replicas.contains(&(partition, broker)),
        }
    }
}

/// Reads a replica, `partition:broker`.
fn replica(text: &str) -> Option<(i32, NodeId)> {
    let (partition, broker) = text.trim().split_once(':')?;
    Some((natural(partition)?, NodeId(natural(broker)?)))
}

fn natural(digits: &str) -> Option<i32> {
    digits.parse().ok().filter(|number| *number >= 0)
}

/// The throttled replicas of a topic, by what they do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Throttles {
    /// `leader.replication.throttled.replicas`: those of which leaders bound what they send.
    pub leader: ThrottledReplicas,
    /// `follower.replication.throttled.replicas`: those that bound what they ask for.
    pub follower: ThrottledReplicas,
}

impl Throttles {
    /// Whether the replica on this broker is throttled.
    pub(crate) fn of(&self, partition: TopicPartition, broker: NodeId) -> Throttled {
        let partition = partition.partition;
        let leader = self.leader.has(partition, broker);
        Throttled { leader, follower: self.follower.has(partition, broker) }
    }
}

/// A topic that throttles nothing hashes as one of a time without throttles.
impl Hash for Throttles {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if *self != Self::default() {
            (&self.leader, &self.follower).hash(state);
        }
    }
}

/// Whether a replica is throttled while it leads, and while it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throttled {
    /// What it sends to followers that are not in sync.
    pub leader: bool,
    /// What it asks its leader for.
    pub follower: bool,
}

/// How much a broker copies for throttled replicas, in bytes a second; nothing is no bound. Kafka's are settings of
/// brokers that can be changed at any time; here every broker has the same, for the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThrottledRates {
    /// `leader.replication.throttled.rate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<u64>,
    /// `follower.replication.throttled.rate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follower: Option<u64>,
}

impl ThrottledRates {
    /// Whether nothing is bounded.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    #[test]
    fn replicas_are_named_by_partition_and_broker() {
        for text in ["", "*", "0:1", "0:1,0:2,12:103"] {
            assert_eq!(ThrottledReplicas::parse(text).map(|it| it.text()).as_deref(), Some(text));
        }
        for text in ["0", "0:", ":1", "0:1;0:2", "a:1", "0:-1", "-1:0", "*,0:1"] {
            assert_eq!(ThrottledReplicas::parse(text), None, "{text}");
        }
        let parse = |text| ThrottledReplicas::parse(text).expect("it is sound");
        let throttles = Throttles { leader: parse("0:1,1:2"), follower: parse("*") };
        for (partition, broker, leader) in [(0, 1, true), (1, 2, true), (0, 2, false)] {
            let id = TopicPartition { topic: TopicId(1), partition };
            let throttled = Throttled { leader, follower: true };
            assert_eq!(throttles.of(id, NodeId(broker)), throttled, "{partition} on {broker}");
        }
    }
}
