//! What a history's clients were promised and what was done to their cluster, by names: what a person can write down
//! beside a history, and what a run leaves beside its own.

use std::collections::BTreeMap;

use harrow_sim::history::{History, asked_name};
use harrow_sim::plan::{Plan, ProcessingGuarantee};
use harrow_sim::run::Run;

use crate::check::{LogFacts, Options, recreated};
use crate::policy::{
    Damage, Dropped, Isolation, MetadataDamage, MovedByHand, OFFSETS_RETENTION_NS, OFFSETS_TOPIC,
    PartitionTerms, ProducerTerms, Reset, TRANSACTIONS_TOPIC, Terms,
};

const NS_PER_MINUTE: u64 = 60 * 1_000_000_000;

/// What was promised, and what was done. Partitions and topics go by name, so that it fits any history of them.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryConfig {
    /// Producers that have no settings of their own.
    pub producer: ProducerTerms,
    /// Processes with settings of their own.
    pub producers: BTreeMap<u32, ProducerTerms>,
    /// `isolation.level` of consumers that have none of their own.
    pub isolation: Isolation,
    /// That of some processes.
    pub isolations: BTreeMap<u32, Isolation>,
    /// Whether consumers that do not say so get their partitions from a group.
    pub subscribes: bool,
    /// `auto.offset.reset`.
    pub offset_reset: Reset,
    /// Whether consumers that assign what they have go on where they stood, as in Java.
    pub assign_keeps_position: bool,
    /// `offsets.retention.minutes`.
    pub offsets_retention_minutes: u64,
    /// Groups whose offsets an administrator deleted or moved.
    pub moved_by_hand: Vec<MovedByHand>,
    /// Whether `group.protocol` is `consumer`, in which each member has an epoch of its own, and not `classic`.
    pub member_epochs: bool,
    /// How often groups promise to process a record, where that is not exactly once.
    pub groups: BTreeMap<String, ProcessingGuarantee>,
    /// Topics that have no settings of their own.
    pub topic: TopicTerms,
    /// Topics with settings of their own.
    pub topics: BTreeMap<String, TopicTerms>,
    /// Where retention or `DeleteRecords` has moved logs' starts, by partition.
    pub log_starts: BTreeMap<String, i64>,
    /// What was done to the cluster.
    pub faults: FaultTerms,
}

/// What a topic promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicTerms {
    /// Replication.
    pub partition: PartitionTerms,
    /// Whether `cleanup.policy` is `compact`.
    pub compacted: bool,
}

/// What was done to the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultTerms {
    /// Whether anything was done at all, or may have been.
    pub disturbed: bool,
    /// From when on nothing was done any more and all leaders had settled, in nanoseconds.
    pub settled_ns: Option<u64>,
    /// Whether a leader that is deposed and has not heard of it may answer with its own, older, end offset.
    pub stale_end_offsets: bool,
    /// What unclean elections have dropped, if that is known.
    pub dropped: Option<Vec<DroppedRange>>,
    /// Brokers that lost data.
    pub damage: Vec<Damage>,
    /// Why the cluster's metadata itself may be gone, if so.
    pub metadata_damage: Option<String>,
}

/// Records that an unclean election has dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedRange {
    /// Name of the partition.
    pub partition: String,
    /// First offset.
    pub first: i64,
    /// Last offset, inclusive.
    pub last: i64,
    /// When, in nanoseconds.
    pub at_ns: u64,
}

impl Default for HistoryConfig {
    /// Kafka's strongest promises, in a cluster that may have seen any fault that they survive.
    fn default() -> Self {
        let strict = Terms::strict();
        let partition = PartitionTerms { unclean_leader_election: false, min_insync_replicas: 2 };
        Self {
            producer: strict.producer,
            producers: BTreeMap::new(),
            isolation: strict.isolation,
            isolations: BTreeMap::new(),
            subscribes: false,
            offset_reset: Reset::Earliest,
            assign_keeps_position: true,
            offsets_retention_minutes: OFFSETS_RETENTION_NS / NS_PER_MINUTE,
            moved_by_hand: Vec::new(),
            member_epochs: false,
            groups: BTreeMap::new(),
            topic: TopicTerms { partition, compacted: false },
            topics: BTreeMap::new(),
            log_starts: BTreeMap::new(),
            faults: FaultTerms {
                disturbed: true,
                settled_ns: None,
                stale_end_offsets: false,
                dropped: None,
                damage: Vec::new(),
                metadata_damage: None,
            },
        }
    }
}

fn is_weaker(made: ProcessingGuarantee) -> bool {
    made != ProcessingGuarantee::ExactlyOnce
}

impl HistoryConfig {
    /// What a run promised and did: with it, the run's history alone is judged by the run's own terms.
    pub fn of_run(plan: &Plan, run: &Run) -> Self {
        let terms = Terms::of_run(plan, run);
        let topics = plan.topics.iter().map(|topic| {
            let partition = PartitionTerms {
                unclean_leader_election: topic.unclean_leader_election,
                min_insync_replicas: topic.min_insync_replicas,
            };
            (topic.name.clone(), TopicTerms { partition, compacted: false })
        });
        let name = |partition: u32| run.history.partitions[partition as usize].clone();
        let offset_reset = terms.weakest_reset();
        let dropped = terms.dropped.map(|dropped| {
            let named = dropped.iter().map(|dropped| {
                let Dropped { partition, first, last, at_ns } = *dropped;
                DroppedRange { partition: name(partition), first, last, at_ns }
            });
            named.collect()
        });
        Self {
            producer: terms.producer,
            producers: terms.producers.into_iter().collect(),
            isolation: terms.isolation,
            isolations: terms.isolations.into_iter().collect(),
            subscribes: terms.subscribes,
            offset_reset,
            moved_by_hand: terms.moved_by_hand,
            groups: terms.processing.into_iter().filter(|(_, made)| is_weaker(*made)).collect(),
            topics: topics.collect(),
            faults: FaultTerms {
                disturbed: terms.disturbed,
                settled_ns: Some(terms.settled_ns).filter(|settled| *settled != u64::MAX),
                stale_end_offsets: terms.epochs_watched,
                dropped,
                damage: terms.damage,
                metadata_damage: terms.metadata_damage.map(|damage| damage.reason),
            },
            ..Self::default()
        }
    }

    /// The terms for a history.
    pub fn terms(&self, history: &History) -> Terms {
        let faults = &self.faults;
        let partition = |name: &String| self.topic_of(name).partition;
        let mut partitions: Vec<PartitionTerms> =
            history.partitions.iter().map(partition).collect();
        partitions.push(self.topic.partition);
        let position = |name: &String| history.partitions.iter().position(|known| known == name);
        let dropped = faults.dropped.as_ref().map(|ranges| {
            let known = ranges.iter().filter_map(|range| {
                let partition = position(&range.partition)? as u32;
                let DroppedRange { first, last, at_ns, .. } = *range;
                Some(Dropped { partition, first, last, at_ns })
            });
            known.collect()
        });
        Terms {
            processing: self.groups.iter().map(|(group, made)| (group.clone(), *made)).collect(),
            producer: self.producer,
            producers: self.producers.iter().map(|(process, terms)| (*process, *terms)).collect(),
            partitions,
            isolation: self.isolation,
            isolations: self.isolations.iter().map(|(process, it)| (*process, *it)).collect(),
            subscribes: self.subscribes,
            offset_reset: self.offset_reset,
            resets: Vec::new(),
            offsets_retention_ns: self.offsets_retention_minutes.saturating_mul(NS_PER_MINUTE),
            moved_by_hand: self.moved_by_hand.clone(),
            offsets_topic: self.topic_of(&format!("{OFFSETS_TOPIC}-0")).partition,
            transactions_topic: self.topic_of(&format!("{TRANSACTIONS_TOPIC}-0")).partition,
            offsets_dropped: faults
                .dropped
                .iter()
                .flatten()
                .any(|range| of_offsets(&range.partition)),
            disturbed: faults.disturbed,
            settled_ns: faults.settled_ns.unwrap_or(u64::MAX),
            producers_expire: false,
            dropped,
            recreated: recreated(&history.partitions)
                .into_keys()
                .map(|partition| (partition, None))
                .collect(),
            epochs_watched: faults.stale_end_offsets,
            eligible_leader_replicas: true,
            damage: faults.damage.clone(),
            corrupted: Vec::new(),
            corrupt_logs: Vec::new(),
            voter_damage: None,
            quorum_damage: None,
            metadata_damage: faults.metadata_damage.clone().map(|reason| {
                // When is not known: from the beginning on.
                MetadataDamage { reason, at_ns: 0 }
            }),
        }
    }

    /// The options of the checks for a history.
    pub fn options(&self, history: &History) -> Options {
        let (member_epochs, assign_keeps_position) =
            (self.member_epochs, self.assign_keeps_position);
        let mut options = Options { member_epochs, assign_keeps_position, ..Options::default() };
        for (partition, name) in (0_u32..).zip(&history.partitions) {
            let log_start_offset = self.log_starts.get(name).copied().unwrap_or(0);
            let compacted = self.topic_of(name).compacted;
            if compacted || log_start_offset > 0 {
                options.logs.insert(partition, LogFacts { log_start_offset, compacted });
            }
        }
        options.recreated = recreated(&history.partitions);
        options
    }

    /// Whether any log is known to have lost a prefix, or to be compacted.
    pub fn knows_logs(&self) -> bool {
        let compacted = self.topics.values().any(|topic| topic.compacted);
        self.topic.compacted || compacted || !self.log_starts.is_empty()
    }

    /// Of the partition `orders-0`, the topic is `orders-0` if there is one of this name, and else `orders`.
    fn topic_of(&self, partition: &str) -> TopicTerms {
        let asked = asked_name(partition);
        let partition = &*asked;
        let numbered = partition
            .rsplit_once('-')
            .filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
        let topic = numbered.and_then(|(topic, _)| self.topics.get(topic));
        self.topics.get(partition).or(topic).copied().unwrap_or(self.topic)
    }
}

/// Whether it is a partition of the topic of committed offsets.
fn of_offsets(partition: &str) -> bool {
    let rest = partition.strip_prefix(OFFSETS_TOPIC);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
