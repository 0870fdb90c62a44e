//! A broken invariant, with its evidence.

use harrow_broker_model::types::{NodeId, TopicPartition};
use serde::{Deserialize, Serialize};

/// An online invariant found something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// Anomaly name, in kebab case, as in `harrow explain`: `ack-before-commit`, `leader-completeness`, ...
    pub anomaly: String,
    /// What is broken by it.
    pub guarantee: Guarantee,
    /// True time, in nanoseconds.
    pub at_ns: u64,
    /// Ordinal of the event in the run.
    pub event: u64,
    /// Node at which it showed.
    pub node: NodeId,
    /// Partition concerned, if any.
    pub partition: Option<TopicPartition>,
    /// First and last offset concerned, if any.
    pub offsets: Option<(i64, i64)>,
    /// Lowest and highest offset concerned by it or by any later one of this anomaly on this partition, which is not
    /// told of again; none if one of them concerns the log as a whole.
    pub reach: Option<(i64, i64)>,
    /// How often it was seen on this partition.
    pub count: u64,
    /// One line for people.
    pub summary: String,
    /// Facts that led there, oldest first, one line each.
    pub evidence: Vec<String>,
}

impl Violation {
    /// The same was seen again at these offsets.
    pub(crate) fn repeated(&mut self, offsets: Option<(i64, i64)>) {
        let wider = self.reach.zip(offsets);
        self.reach = wider.map(|(all, more)| (all.0.min(more.0), all.1.max(more.1)));
        self.count += 1;
    }
}

/// What Harrow judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// Acknowledged records stay.
    Durability,
    /// Records keep the order that producers and consumers rely on.
    Ordering,
    /// Offsets name one record each and consumers move through them without gaps or repeats.
    Offsets,
    /// Only committed records are read, and nothing that was not sent.
    Visibility,
    /// One leader an epoch; nothing from a fenced one counts.
    Leadership,
    /// Replicas agree on what is committed.
    Replication,
    /// After the faults end, everything works again.
    Liveness,
}

impl Guarantee {
    /// Its name as the command line prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Durability => "durability",
            Self::Ordering => "ordering",
            Self::Offsets => "offsets",
            Self::Visibility => "visibility",
            Self::Leadership => "leadership",
            Self::Replication => "replication",
            Self::Liveness => "liveness",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_widen_the_reach_and_keep_the_first() {
        let mut violation = Violation {
            anomaly: "duplicate-seq".to_owned(),
            guarantee: Guarantee::Ordering,
            at_ns: 1,
            event: 1,
            node: NodeId(1),
            partition: None,
            offsets: Some((5, 6)),
            reach: Some((5, 6)),
            count: 1,
            summary: String::new(),
            evidence: Vec::new(),
        };
        violation.repeated(Some((9, 12)));
        violation.repeated(Some((2, 3)));
        assert_eq!((violation.offsets, violation.reach), (Some((5, 6)), Some((2, 12))));
        violation.repeated(None);
        assert_eq!((violation.reach, violation.count), (None, 4), "one concerned the whole log");
        violation.repeated(Some((1, 1)));
        assert_eq!(violation.reach, None, "and nothing makes it less");
    }
}
