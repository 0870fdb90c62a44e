//! What is legal: a pure function of the configuration and of the faults that were actually injected.
//!
//! An anomaly is excused only for a reason that is printed. Switched-on defects are no reason: they are what a run is
//! meant to expose.

mod damage;
mod dropped;
mod internal;

use harrow_broker_model::config::{Acks, ProducerConfig};
use harrow_sim::history::{Completion, Function, History};
use harrow_sim::plan::{ClientPlan, Plan, TopicPlan};
use harrow_sim::run::{InjectedFault, Run};

use crate::check::{Anomaly, Circumstance, Observation, Occurrence};
pub use damage::{Corrupted, MetadataDamage, Spoiled};
pub use dropped::Dropped;
use dropped::{dropped, went_back, went_back_to_parting};
pub use internal::excuse_violation;

/// What a configuration promises, and what was done to the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// What holds for a process that `producers` does not name.
    pub producer: ProducerTerms,
    /// Processes with terms of their own.
    pub producers: Vec<(u32, ProducerTerms)>,
    /// What holds for each partition, by position in the history; the last entry stands for all after it.
    pub partitions: Vec<PartitionTerms>,
    /// What consumers may see.
    pub isolation: Isolation,
    /// Whether consumers subscribe through a group instead of assigning partitions to themselves. Processes that say so
    /// in the history are known to.
    pub subscribes: bool,
    /// Whether `auto.offset.reset` is `latest` and not `earliest`.
    pub reset_to_latest: bool,
    /// Whether anything was done to the cluster at all: without a fault, no leader changes.
    pub disturbed: bool,
    /// From when on nothing was done to the cluster any more and all leaders had settled, in nanoseconds; what was
    /// written later cannot be lost by a change of leader. [`u64::MAX`] if that is not known.
    pub settled_ns: u64,
    /// Whether brokers may forget a producer while it still repeats batches: `producer.id.expiration.ms` is not above
    /// its `delivery.timeout.ms`.
    pub producers_expire: bool,
    /// What unclean elections have legally dropped, if it is known: no other record may be gone because its topic
    /// allows them. None if it is not known.
    pub dropped: Option<Vec<Dropped>>,
    /// Whether the answers' leader epochs were watched from inside: then a deposed leader that has not heard of it may
    /// answer with its own, older, end offset, and a true regression is an internal violation.
    pub epochs_watched: bool,
    /// Damage to data of brokers. Empty unless the scenario allows loss: the atlas sees to the rest.
    pub damage: Vec<Damage>,
    /// Nodes whose disks lied or rotted. Empty unless the scenario allows loss, as is what follows.
    pub corrupted: Vec<Corrupted>,
    /// Partitions of which a log was opened with damage that nothing repairs.
    pub spoiled: Vec<Spoiled>,
    /// Why a majority's disks may hold less than was committed, if so: one voter's is enough for that.
    pub voter_damage: Option<MetadataDamage>,
    /// Why voters may contradict what the quorum decided, if so.
    pub quorum_damage: Option<MetadataDamage>,
    /// Why the cluster's metadata itself is gone, if so.
    pub metadata_damage: Option<MetadataDamage>,
}

/// Source: Kafka's documentation of `producer.id.expiration.ms`.
const FORGOTTEN: &str = "producer.id.expiration.ms is not above delivery.timeout.ms: a broker may forget a producer and \
    take its retry for new";

/// What a producer asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerTerms {
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`.
    pub idempotence: bool,
    /// `max.in.flight.requests.per.connection`.
    pub in_flight_max: u32,
}

/// What a topic promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionTerms {
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
}

/// `isolation.level` of consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Committed records only.
    ReadCommitted,
    /// Whatever is below the high watermark.
    ReadUncommitted,
}

/// One broker's data was damaged once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Which broker.
    pub broker: i32,
    /// When, in nanoseconds. A record written later is not touched by it.
    pub at_ns: u64,
    /// Whether it reaches records written later as well, as rot in a log and a lying disk do.
    pub lasting: bool,
}

impl Terms {
    /// Kafka's strongest promises, for every client and partition alike; a history of unknown origin may have seen
    /// any fault that they survive.
    pub fn strict() -> Self {
        let producer = ProducerTerms { acks: Acks::All, idempotence: true, in_flight_max: 5 };
        let partition = PartitionTerms { unclean_leader_election: false, min_insync_replicas: 2 };
        Self {
            producer,
            producers: Vec::new(),
            partitions: vec![partition],
            isolation: Isolation::ReadCommitted,
            subscribes: false,
            reset_to_latest: false,
            disturbed: true,
            settled_ns: u64::MAX,
            producers_expire: false,
            dropped: None,
            epochs_watched: false,
            damage: Vec::new(),
            corrupted: Vec::new(),
            spoiled: Vec::new(),
            voter_damage: None,
            quorum_damage: None,
            metadata_damage: None,
        }
    }

    /// The terms of a run.
    pub fn of_run(plan: &Plan, run: &Run) -> Self {
        let done: Vec<&InjectedFault> = run.faults.iter().filter(|f| happened(f)).collect();
        let mut terms = Self::strict();
        terms.producers = (0_u32..).zip(&plan.clients).filter_map(producer_of).collect();
        terms.partitions =
            run.history.partitions.iter().map(|name| partition_terms(plan, name)).collect();
        terms.disturbed = run.faults.iter().any(took_place);
        terms.epochs_watched = true;
        terms.producers_expire = plan.clients.iter().any(|client| expires(plan, client));
        terms.dropped = dropped(plan, run, &terms.partitions);
        if plan.expect.loss_allowed {
            terms.damage = damage::of_brokers(plan, &done);
            terms.corrupted = damage::corrupted(&done);
            terms.spoiled = damage::spoiled(run, &terms.corrupted);
            terms.voter_damage = damage::of_voters(plan, &done, 1);
            terms.quorum_damage = damage::of_quorum(plan, &done);
            let quorum = terms.quorum_damage.as_ref();
            terms.metadata_damage = quorum.and_then(|harm| damage::of_metadata(run, harm));
        }
        terms
    }

    pub(crate) fn producer(&self, process: u32) -> ProducerTerms {
        let own = self.producers.iter().find(|(named, _)| *named == process);
        own.map_or(self.producer, |(_, terms)| *terms)
    }

    pub(crate) fn partition(&self, partition: u32) -> Option<&PartitionTerms> {
        self.partitions.get(partition as usize).or(self.partitions.last())
    }

    /// Why what an occurrence concerns may be gone, whatever its acks.
    fn loss(&self, occurrence: &Occurrence) -> Option<String> {
        let terms = *self.partition(occurrence.partition)?;
        self.unclean_loss(terms, occurrence)
            .or_else(|| {
                let between = (occurrence.since_ns, occurrence.at_ns);
                self.damage_reason(terms.min_insync_replicas, between)
            })
            .or_else(|| self.spoiled(occurrence.partition, occurrence.at_ns))
            .or_else(|| self.metadata_gone(occurrence.at_ns))
    }

    /// Why a partition does not keep its promises any more at this time, because a log took damage in.
    pub(crate) fn spoiled(&self, partition: u32, at_ns: u64) -> Option<String> {
        let of_it = |spoiled: &&Spoiled| spoiled.partition == partition && spoiled.at_ns <= at_ns;
        self.spoiled.iter().find(of_it).map(Spoiled::reason)
    }

    /// Why nothing that rests on the cluster's metadata is promised any more at this time.
    pub(crate) fn metadata_gone(&self, at_ns: u64) -> Option<String> {
        let damage = self.metadata_damage.as_ref().filter(|damage| damage.at_ns <= at_ns);
        damage.map(|damage| damage.reason.clone())
    }

    /// Why an unclean election may have dropped what an occurrence concerns.
    fn unclean_loss(&self, terms: PartitionTerms, occurrence: &Occurrence) -> Option<String> {
        if let Some(dropped) = &self.dropped {
            if went_back(occurrence.anomaly) {
                return went_back_to_parting(dropped, occurrence);
            }
            let touching = dropped.iter().find(|dropped| dropped.touches(occurrence))?;
            let Dropped { first, last, .. } = touching;
            return Some(format!("an unclean leader election dropped offsets {first} to {last}"));
        }
        let possible = terms.unclean_leader_election && self.may_change_leader(occurrence.since_ns);
        possible
            .then(|| "the topic allows unclean leader election, which may drop records".to_owned())
    }

    /// Whether a leader may have changed after this time.
    fn may_change_leader(&self, since_ns: u64) -> bool {
        self.disturbed && since_ns < self.settled_ns
    }

    fn read_uncommitted(&self) -> Option<String> {
        let allowed = self.isolation == Isolation::ReadUncommitted;
        allowed.then(|| "isolation.level=read_uncommitted".to_owned())
    }

    /// Why an end offset may be older than one that was told before. Source: KIP-207 bounds it by leader epoch only.
    fn deposed_leader(&self) -> Option<String> {
        (self.disturbed && self.epochs_watched).then(|| {
            "a deposed leader that has not heard of it answers with its own end offset".to_owned()
        })
    }

    /// Why damage between two times may have taken what the replicas held.
    fn damage_reason(
        &self,
        min_insync_replicas: u32,
        (since_ns, until_ns): (u64, u64),
    ) -> Option<String> {
        let touches = |d: &&Damage| d.at_ns <= until_ns && (d.lasting || d.at_ns >= since_ns);
        let touching = self.damage.iter().filter(touches);
        let mut brokers: Vec<i32> = touching.map(|d| d.broker).collect();
        brokers.sort_unstable();
        brokers.dedup();
        let enough = brokers.len() as u64 >= u64::from(min_insync_replicas.max(1));
        enough.then(|| {
            format!(
                "{} brokers lost data, min.insync.replicas={min_insync_replicas} survives fewer",
                brokers.len()
            )
        })
    }
}

/// Why an occurrence is legal; `None` if it is not.
pub fn excuse(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<String> {
    let loss = || terms.loss(occurrence);
    let subject = Some(occurrence.subject);
    let weak = |record: Option<Observation>| weak_acks(terms, history, occurrence, record);
    let unproved = |operations: &[Option<u32>]| unproved(terms, history, operations);
    let passed = occurrence.other.and_then(|other| other.writer);
    let (own, others) = (Some(occurrence.subject.operation), occurrence.other.map(|o| o.operation));
    match occurrence.anomaly {
        Anomaly::LostWrite | Anomaly::Unseen => {
            weak(subject).or_else(|| unproved(&[own])).or_else(loss)
        }
        Anomaly::TornTransaction => unproved(&[own]).or_else(loss),
        Anomaly::Duplicate => may_duplicate(terms, history, subject).or_else(loss),
        Anomaly::InconsistentOffsets
        | Anomaly::NonmonotonicSend
        | Anomaly::IntNonmonotonicSend
        | Anomaly::RealtimeOrder => excuse_place(terms, history, occurrence),
        Anomaly::NonmonotonicPoll
        | Anomaly::IntNonmonotonicPoll
        | Anomaly::PollSkip
        | Anomaly::IntPollSkip => excuse_poll(terms, history, occurrence),
        Anomaly::ResumeSkip => excuse_start(terms, occurrence)
            .or_else(|| weak(occurrence.other.filter(|other| !other.read)))
            .or_else(|| unproved(&[passed]))
            .or_else(loss),
        Anomaly::EosLoss => {
            weak(subject).or_else(|| unproved(&[occurrence.subject.writer, others])).or_else(loss)
        }
        Anomaly::EosDuplicate => unproved(&[own, others]),
        Anomaly::EndOffsetRegression => terms.deposed_leader().or_else(loss),
        Anomaly::G1a => terms.read_uncommitted().filter(|_| aborted(history, occurrence)),
        Anomaly::PrecommittedRead | Anomaly::G1c => terms.read_uncommitted(),
        Anomaly::IntSendSkip
        | Anomaly::G0
        | Anomaly::G0Process
        | Anomaly::G0Realtime
        | Anomaly::G1cWw
        | Anomaly::G1cWwProcess
        | Anomaly::G1cWwRealtime => {
            Some("Kafka does not isolate the writes of transactions".to_owned())
        }
        Anomaly::G1cProcess | Anomaly::G1cRealtime => {
            // Of two operations alone, one has read what was sent later: no isolation allows that.
            terms.read_uncommitted().filter(|_| occurrence.cycle.len() > 2)
        }
        Anomaly::CommitBeyondPosition => excuse_start(terms, occurrence),
        Anomaly::GarbageRead | Anomaly::ZombieCommit | Anomaly::DoubleOwnership => None,
    }
}

/// Whether it was a transaction that failed, and not a send, which no isolation level lets happen all the same.
fn aborted(history: &History, occurrence: &Occurrence) -> bool {
    let observations = [Some(occurrence.subject), occurrence.other];
    let mut writers =
        observations.into_iter().flatten().filter_map(|observation| observation.writer);
    writers.any(|writer| history.row(writer).function == Function::Txn)
}

/// Why a record may stand where it does.
fn excuse_place(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<String> {
    let (subject, other) = (Some(occurrence.subject), occurrence.other);
    let weak = |record: Option<Observation>| weak_acks(terms, history, occurrence, record);
    let acks = || weak(subject).or_else(|| weak(other));
    let loss = || terms.loss(occurrence);
    if occurrence.anomaly == Anomaly::InconsistentOffsets {
        // What a consumer has read was on all in-sync replicas, whatever the producer waited for.
        let both_read = occurrence.subject.read && other.is_some_and(|other| other.read);
        return if both_read { loss() } else { acks().or_else(loss) };
    }
    let reorders = occurrence.anomaly != Anomaly::RealtimeOrder;
    let reordered = || reorders.then(|| may_reorder(terms, history, [subject, other])).flatten();
    reordered().or_else(acks).or_else(loss)
}

/// Why a consumer may go back or jump.
fn excuse_poll(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<String> {
    let subject = Some(occurrence.subject);
    let between_polls = matches!(occurrence.anomaly, Anomaly::NonmonotonicPoll | Anomaly::PollSkip);
    let copied = occurrence.circumstance == Circumstance::ThroughDuplicate;
    let subscribed = match occurrence.circumstance {
        Circumstance::Subscribed => true,
        Circumstance::Plain => terms.subscribes,
        Circumstance::KeptAssignment
        | Circumstance::ThroughDuplicate
        | Circumstance::NothingCommitted => false,
    };
    let moved = (between_polls && subscribed).then(|| {
        "a subscribed consumer may lose its partitions and get them back between two polls"
            .to_owned()
    });
    let copy = || copied.then(|| may_duplicate(terms, history, subject)).flatten();
    let unread = || {
        let skips = matches!(occurrence.anomaly, Anomaly::PollSkip | Anomaly::IntPollSkip);
        let unread = occurrence.other.filter(|other| skips && !other.read);
        // Compaction drops aborted records, which some have read and others then cannot.
        let passed = occurrence.other.filter(|_| skips).and_then(|other| other.writer);
        weak_acks(terms, history, occurrence, unread)
            .or_else(|| unproved(terms, history, &[passed]))
    };
    let loss = || terms.loss(occurrence);
    moved.or_else(copy).or_else(unread).or_else(loss)
}

/// Why a consumer of a group that had committed nothing may stand behind the log's start.
fn excuse_start(terms: &Terms, occurrence: &Occurrence) -> Option<String> {
    let nothing = occurrence.circumstance == Circumstance::NothingCommitted;
    (nothing && terms.reset_to_latest).then(|| "auto.offset.reset=latest".to_owned())
}

/// Whether only a read of what may not be committed makes one of these operations of unknown outcome count as
/// committed.
fn unproved(terms: &Terms, history: &History, operations: &[Option<u32>]) -> Option<String> {
    let mut operations = operations.iter().flatten();
    let unknown = operations.any(|o| history.row(*o).completion == Completion::Info);
    let reason = || "isolation.level=read_uncommitted: a read does not prove a commit".to_owned();
    (unknown && terms.isolation == Isolation::ReadUncommitted).then(reason)
}

fn writer_terms(
    terms: &Terms,
    history: &History,
    record: Option<Observation>,
) -> Option<ProducerTerms> {
    let operation = record?.writer?;
    Some(terms.producer(history.row(operation).process))
}

/// Why an acknowledged record may be gone or replaced: its producer did not wait for the replicas, and its leader may
/// have changed since.
fn weak_acks(
    terms: &Terms,
    history: &History,
    occurrence: &Occurrence,
    record: Option<Observation>,
) -> Option<String> {
    let reason = match writer_terms(terms, history, record)?.acks {
        Acks::All => return None,
        Acks::Leader => terms
            .may_change_leader(occurrence.since_ns)
            .then_some("acks=1 promises nothing once the leader changes"),
        Acks::None => terms.disturbed.then_some("acks=0 promises nothing"),
    };
    reason.map(str::to_owned)
}

fn may_duplicate(terms: &Terms, history: &History, record: Option<Observation>) -> Option<String> {
    let producer = writer_terms(terms, history, record)?;
    let expired = || terms.producers_expire.then(|| FORGOTTEN.to_owned());
    (!producer.idempotence)
        .then(|| "enable.idempotence=false: a retry may append a record again".into())
        .or_else(expired)
}

fn may_reorder(
    terms: &Terms,
    history: &History,
    records: [Option<Observation>; 2],
) -> Option<String> {
    let producer = writer_terms(terms, history, records[0])?;
    if producer.idempotence {
        return terms.producers_expire.then(|| FORGOTTEN.to_owned());
    }
    let mut writers = records.into_iter().flatten().filter_map(|record| record.writer);
    if producer.in_flight_max > 1 {
        let most = producer.in_flight_max;
        let reason = format!("enable.idempotence=false with {most} requests in flight");
        return Some(format!("{reason}: a retry may overtake"));
    }
    let unknown = writers.any(|writer| history.row(writer).completion == Completion::Info);
    unknown.then(|| "enable.idempotence=false: what was given up may still arrive".to_owned())
}

/// Whether anything was done, if only a weaker fault than planned: one that is held back entirely names no node.
fn took_place(fault: &InjectedFault) -> bool {
    fault.held_back.is_none() || !fault.nodes.is_empty()
}

/// Whether a fault took place in full.
fn happened(fault: &InjectedFault) -> bool {
    fault.held_back.is_none() || fault.lossy
}

/// A process is a client's position in the plan.
fn producer_of((process, client): (u32, &ClientPlan)) -> Option<(u32, ProducerTerms)> {
    match client {
        ClientPlan::Producer { config, .. } => Some((process, producer_terms(config))),
        ClientPlan::Consumer { .. } => None,
    }
}

fn expires(plan: &Plan, client: &ClientPlan) -> bool {
    match client {
        ClientPlan::Producer { config, .. } => {
            plan.cluster.producer_id_expiration_ms <= config.delivery_timeout_ms
        }
        ClientPlan::Consumer { .. } => false,
    }
}

fn producer_terms(config: &ProducerConfig) -> ProducerTerms {
    let ProducerConfig { acks, idempotence, in_flight_max, .. } = *config;
    ProducerTerms { acks, idempotence, in_flight_max }
}

fn partition_terms(plan: &Plan, name: &str) -> PartitionTerms {
    let topic = name.rsplit_once('-').map_or(name, |(topic, _)| topic);
    let of = |topic: &TopicPlan| PartitionTerms {
        unclean_leader_election: topic.unclean_leader_election,
        min_insync_replicas: topic.min_insync_replicas,
    };
    let strict = PartitionTerms { unclean_leader_election: false, min_insync_replicas: u32::MAX };
    plan.topics.iter().find(|planned| planned.name == topic).map_or(strict, of)
}
