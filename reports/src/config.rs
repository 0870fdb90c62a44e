//! What a history's clients were promised and what was done to their cluster, by names: what a person can write down
//! beside a history, and what a run leaves beside its own.

use std::collections::{BTreeMap, BTreeSet};

use harrow_sim::history::{History, asked_name};
use harrow_sim::plan::{Plan, ProcessingGuarantee};
use harrow_sim::run::Run;

use crate::check::{LogPast, Options, recreated};
use crate::policy::{
    CorruptLog, Damage, Dropped, Isolation, LeaderChange, MetadataDamage, MovedByHand,
    OFFSETS_RETENTION_NS, OFFSETS_TOPIC, PartitionTerms, ProducerTerms, Reset, TRANSACTIONS_TOPIC,
    Terms,
};

const NS_PER_MS: u64 = 1_000_000;

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
    /// `auto.offset.reset` of some processes.
    pub resets: BTreeMap<u32, Reset>,
    /// Whether consumers that do not say so get their partitions from a group.
    pub subscribes: bool,
    /// `auto.offset.reset` of consumers that have none of their own.
    pub offset_reset: Reset,
    /// Whether consumers that assign what they have go on where they stood, as in Java.
    pub assign_keeps_position: bool,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: u64,
    /// Groups whose offsets an administrator deleted or moved.
    pub moved_by_hand: Vec<MovedByHand>,
    /// Whether `group.protocol` is `consumer`, in which each member has an epoch of its own, and not `classic`.
    pub member_epochs: bool,
    /// Groups with settings of their own.
    pub groups: BTreeMap<String, GroupTerms>,
    /// Whether brokers may forget a producer while it still repeats batches: `producer.id.expiration.ms` is not above
    /// its `delivery.timeout.ms`.
    pub producers_expire: bool,
    /// Whether eligible leader replicas are kept (KIP-966).
    pub eligible_leader_replicas: bool,
    /// Topics that have no settings of their own.
    pub topic: TopicTerms,
    /// Topics with settings of their own.
    pub topics: BTreeMap<String, TopicTerms>,
    /// What became of partitions, as far as it is known.
    pub partitions: BTreeMap<String, PartitionFacts>,
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

/// What a group promises.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupTerms {
    /// How often its members process a record, where that is not exactly once: each of what they promise.
    pub guarantees: Vec<ProcessingGuarantee>,
    /// Whether its members share one generation, though those of other groups have epochs of their own.
    pub classic: bool,
    /// By when it has processed a record, in milliseconds after that was acknowledged; none if it promises nothing.
    pub processed_within_ms: Option<u64>,
}

/// What became of a partition, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionFacts {
    /// Where retention or `DeleteRecords` has moved its log's start.
    pub log: LogPast,
    /// Each time, in nanoseconds, that a client was told of it in place of another one of its name; none if that is
    /// not known.
    pub taken_for_another_ns: Option<Vec<u64>>,
    /// Each change of its leader; none if that is not known.
    pub leader_changes: Option<Vec<LeaderChange>>,
}

/// A log that was opened with damage that nothing repairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedLog {
    /// Name of the partition.
    pub partition: String,
    /// Whose log.
    pub node: i32,
    /// When, in nanoseconds.
    pub at_ns: u64,
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
    /// Logs that were opened with damage.
    pub corrupt_logs: Vec<DamagedLog>,
    /// Why the cluster's metadata itself may be gone, if so, and from when on.
    pub metadata_damage: Option<MetadataDamage>,
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
            resets: BTreeMap::new(),
            subscribes: false,
            offset_reset: Reset::Earliest,
            assign_keeps_position: true,
            offsets_retention_ms: OFFSETS_RETENTION_NS / NS_PER_MS,
            moved_by_hand: Vec::new(),
            member_epochs: false,
            groups: BTreeMap::new(),
            producers_expire: strict.producers_expire,
            eligible_leader_replicas: strict.eligible_leader_replicas,
            topic: TopicTerms { partition, compacted: false },
            topics: BTreeMap::new(),
            partitions: BTreeMap::new(),
            faults: FaultTerms {
                disturbed: true,
                settled_ns: None,
                stale_end_offsets: false,
                dropped: None,
                damage: Vec::new(),
                corrupt_logs: Vec::new(),
                metadata_damage: None,
            },
        }
    }
}

impl HistoryConfig {
    /// What a run promised and did: with it, the run's history alone is judged by the run's own terms.
    pub fn of_run(plan: &Plan, run: &Run) -> Self {
        let (terms, options) = (Terms::of_run(plan, run), Options::of_run(plan, run));
        Self {
            producer: terms.producer,
            producers: terms.producers.iter().copied().collect(),
            isolation: terms.isolation,
            isolations: terms.isolations.iter().copied().collect(),
            resets: resets_of(&terms),
            subscribes: terms.subscribes,
            offset_reset: terms.offset_reset,
            assign_keeps_position: options.assign_keeps_position,
            offsets_retention_ms: terms.offsets_retention_ns / NS_PER_MS,
            moved_by_hand: terms.moved_by_hand.clone(),
            member_epochs: options.member_epochs,
            groups: groups_of(&terms, &options),
            producers_expire: terms.producers_expire,
            eligible_leader_replicas: terms.eligible_leader_replicas,
            topics: topics_of(plan, run, &terms, &options),
            partitions: partitions_of(run, &terms, &options),
            faults: FaultTerms::of(run, &terms),
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
        let guarantees = self
            .groups
            .iter()
            .flat_map(|(group, own)| own.guarantees.iter().map(|made| (group.clone(), *made)));
        let changes = (0_u32..).zip(&history.partitions).filter_map(|(position, name)| {
            Some((position, self.partitions.get(name)?.leader_changes.clone()?))
        });
        Terms {
            processing: guarantees.collect(),
            producer: self.producer,
            producers: self.producers.iter().map(|(process, terms)| (*process, *terms)).collect(),
            partitions,
            isolation: self.isolation,
            isolations: self.isolations.iter().map(|(process, it)| (*process, *it)).collect(),
            subscribes: self.subscribes,
            member_epochs: self.member_epochs,
            classic_groups: self.classic_groups(),
            offset_reset: self.offset_reset,
            resets: self.resets.iter().map(|(process, it)| (*process, *it)).collect(),
            offsets_retention_ns: self.offsets_retention_ms.saturating_mul(NS_PER_MS),
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
            producers_expire: self.producers_expire,
            dropped: faults.dropped_in(history),
            recreated: self.recreated_in(history),
            deleted_ns: self.deleted_in(history),
            leader_changes: changes.collect(),
            epochs_watched: faults.stale_end_offsets,
            eligible_leader_replicas: self.eligible_leader_replicas,
            damage: faults.damage.clone(),
            corrupt_logs: faults.corrupt_logs_in(history),
            metadata_damage: faults.metadata_damage.clone(),
            // What is left goes by what the watch saw.
            ..Terms::strict()
        }
    }

    /// By partition of a topic of whose name there was another one, when clients were told of it in place of another.
    fn recreated_in(&self, history: &History) -> BTreeMap<u32, Option<Vec<u64>>> {
        let known = |partition: u32| {
            let name = &history.partitions[partition as usize];
            self.partitions.get(name)?.taken_for_another_ns.clone()
        };
        let recreated = recreated(&history.partitions).into_keys();
        recreated.map(|partition| (partition, known(partition))).collect()
    }

    /// When the topics of partitions were deleted.
    fn deleted_in(&self, history: &History) -> BTreeMap<u32, u64> {
        let deleted_ns = |name: &String| self.partitions.get(name)?.log.deleted_ns;
        let partitions = (0_u32..).zip(&history.partitions);
        partitions.filter_map(|(partition, name)| Some((partition, deleted_ns(name)?))).collect()
    }

    /// Groups whose members share one generation, though those of others have epochs of their own.
    fn classic_groups(&self) -> BTreeSet<String> {
        let classic = self.groups.iter().filter(|(_, own)| own.classic);
        classic.map(|(name, _)| name.clone()).collect()
    }

    /// The options of the checks for a history.
    pub fn options(&self, history: &History) -> Options {
        let (member_epochs, assign_keeps_position) =
            (self.member_epochs, self.assign_keeps_position);
        let bounds = self.groups.iter().filter_map(|(name, own)| {
            Some((name.clone(), own.processed_within_ms?.saturating_mul(NS_PER_MS)))
        });
        let mut options = Options {
            member_epochs,
            assign_keeps_position,
            classic_groups: self.classic_groups(),
            processed_within_ns: bounds.collect(),
            recreated: recreated(&history.partitions),
            ..Options::default()
        };
        for (partition, name) in (0_u32..).zip(&history.partitions) {
            let past = self.partitions.get(name).map(|facts| facts.log.clone());
            let compacted = self.topic_of(name).compacted;
            options.learn_log(partition, compacted, past.unwrap_or_default());
        }
        options
    }

    /// Whether any log is known to have lost a prefix, or to be compacted.
    pub fn knows_logs(&self) -> bool {
        let compacted = self.topics.values().any(|topic| topic.compacted);
        self.topic.compacted || compacted || !self.partitions.is_empty()
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

impl FaultTerms {
    fn of(run: &Run, terms: &Terms) -> Self {
        let name = |partition: u32| run.history.partitions[partition as usize].clone();
        let named = |dropped: &Dropped| {
            let Dropped { partition, first, last, at_ns } = *dropped;
            DroppedRange { partition: name(partition), first, last, at_ns }
        };
        let damaged = |log: &CorruptLog| {
            let CorruptLog { name, node, at_ns, .. } = log;
            DamagedLog { partition: name.clone(), node: *node, at_ns: *at_ns }
        };
        Self {
            disturbed: terms.disturbed,
            settled_ns: Some(terms.settled_ns).filter(|settled| *settled != u64::MAX),
            stale_end_offsets: terms.epochs_watched,
            dropped: terms.dropped.as_ref().map(|dropped| dropped.iter().map(named).collect()),
            damage: terms.damage.clone(),
            corrupt_logs: terms.corrupt_logs.iter().map(damaged).collect(),
            metadata_damage: terms.metadata_damage.clone(),
        }
    }

    fn dropped_in(&self, history: &History) -> Option<Vec<Dropped>> {
        let known = self.dropped.iter().flatten().filter_map(|range| {
            let partition = position_of(history, &range.partition)?;
            let DroppedRange { first, last, at_ns, .. } = *range;
            Some(Dropped { partition, first, last, at_ns })
        });
        self.dropped.is_some().then(|| known.collect())
    }

    fn corrupt_logs_in(&self, history: &History) -> Vec<CorruptLog> {
        let known = self.corrupt_logs.iter().map(|log| {
            let DamagedLog { partition: name, node, at_ns } = log.clone();
            CorruptLog { partition: position_of(history, &name), name, node, at_ns }
        });
        known.collect()
    }
}

fn position_of(history: &History, name: &str) -> Option<u32> {
    let position = history.partitions.iter().position(|known| known == name)?;
    Some(position as u32)
}

/// Those of all consumers, unless they are all the same.
fn resets_of(terms: &Terms) -> BTreeMap<u32, Reset> {
    let other = terms.resets.iter().any(|(_, reset)| *reset != terms.offset_reset);
    terms.resets.iter().filter(|_| other).copied().collect()
}

/// Groups that promise less than exactly once, or by when, and those whose members have no epochs though others have.
/// What members of one group promise may differ.
fn groups_of(terms: &Terms, options: &Options) -> BTreeMap<String, GroupTerms> {
    let mut groups: BTreeMap<String, GroupTerms> = BTreeMap::new();
    for name in options.classic_groups.iter().filter(|_| options.member_epochs) {
        groups.entry(name.clone()).or_default().classic = true;
    }
    for (name, made) in &terms.processing {
        if *made != ProcessingGuarantee::ExactlyOnce {
            let known = &mut groups.entry(name.clone()).or_default().guarantees;
            if !known.contains(made) {
                known.push(*made);
            }
        }
    }
    for (name, within_ns) in &options.processed_within_ns {
        groups.entry(name.clone()).or_default().processed_within_ms = Some(within_ns / NS_PER_MS);
    }
    groups
}

/// What a run's topics promised, and those of its coordinators where that is not what a topic usually does.
fn topics_of(
    plan: &Plan,
    run: &Run,
    terms: &Terms,
    options: &Options,
) -> BTreeMap<String, TopicTerms> {
    let compacted = |topic: &str| {
        let of_it = |name: &str| asked_name(name).rsplit_once('-').is_some_and(|it| it.0 == topic);
        let mut partitions = (0_u32..).zip(&run.history.partitions);
        partitions.any(|(position, name)| of_it(name) && options.compacted(position))
    };
    let of_plan = plan.topics.iter().map(|topic| {
        let partition = PartitionTerms {
            unclean_leader_election: topic.unclean_leader_election,
            min_insync_replicas: topic.min_insync_replicas,
        };
        (topic.name.clone(), TopicTerms { partition, compacted: compacted(&topic.name) })
    });
    let usual = HistoryConfig::default().topic;
    let internal =
        [(OFFSETS_TOPIC, terms.offsets_topic), (TRANSACTIONS_TOPIC, terms.transactions_topic)];
    let internal = internal.into_iter().filter(|(_, partition)| *partition != usual.partition);
    let internal = internal
        .map(|(name, partition)| (name.to_owned(), TopicTerms { partition, compacted: false }));
    of_plan.chain(internal).collect()
}

/// What is known of a run's partitions, where it is more than that nothing happened.
fn partitions_of(run: &Run, terms: &Terms, options: &Options) -> BTreeMap<String, PartitionFacts> {
    let facts = (0_u32..).zip(&run.history.partitions).map(|(position, name)| {
        let facts = PartitionFacts {
            log: options.past_of(position),
            taken_for_another_ns: terms.recreated.get(&position).cloned().flatten(),
            leader_changes: terms.leader_changes.get(&position).cloned(),
        };
        (name.clone(), facts)
    });
    facts.filter(|(_, facts)| *facts != PartitionFacts::default()).collect()
}

/// Whether it is a partition of the topic of committed offsets.
fn of_offsets(partition: &str) -> bool {
    let rest = partition.strip_prefix(OFFSETS_TOPIC);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
