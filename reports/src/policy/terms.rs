//! What a configuration promises, and what was done to the cluster.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::config::{Acks, OffsetReset, ProducerConfig};
use harrow_broker_model::note::IsolationLevel;
use harrow_sim::history::{History, asked_name};
use harrow_sim::plan::{
    Action, AlterableSetting, ClientPlan, Plan, ProcessingGuarantee, Target, TopicPlan,
};
use harrow_sim::run::{InjectedFault, Run};

use super::damage::{self, CorruptLog, Corrupted, Damage, MetadataDamage};
use super::dropped::{Dropped, copied_by_election, dropped, went_back, went_back_to_parting};
use super::hold::{Hold, Promise};
use super::leaders::{LeaderChange, leader_changes};
use super::promised::{
    Isolation, NO_LOSS, OFFSETS_RETENTION_NS, PartitionTerms, ProducerTerms, Reset,
};
use super::reason::Reason;
use crate::check::{Anomaly, Occurrence, OccurrenceContext, recreated};

/// So many brokers that lost data are named.
const BLAMED_MAX: usize = 2;
pub(super) const NO_UNCLEAN: &str = "unclean.leader.election.enable=false";

/// Where committed offsets are.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Where transactions and their decisions are.
pub(crate) const TRANSACTIONS_TOPIC: &str = "__transaction_state";

/// Where the state of share groups is.
pub(crate) const SHARE_STATE_TOPIC: &str = "__share_group_state";

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
    /// Processes that may see something else. End offsets go by it, since who is told the last stable offset is told
    /// less; what a read proves goes by the weakest of all.
    pub isolations: Vec<(u32, Isolation)>,
    /// Whether consumers subscribe through a group instead of assigning partitions to themselves. Processes that say so
    /// in the history are known to.
    pub subscribes: bool,
    /// How often groups promise to process a record: exactly once, where none is named.
    pub processing: Vec<(String, ProcessingGuarantee)>,
    /// Whether members of groups have epochs of their own (KIP-848).
    pub member_epochs: bool,
    /// Groups whose members have not.
    pub classic_groups: BTreeSet<String>,
    /// `auto.offset.reset`.
    pub offset_reset: Reset,
    /// Processes with another one.
    pub resets: Vec<(u32, Reset)>,
    /// `offsets.retention.minutes`, in nanoseconds.
    pub offsets_retention_ns: u64,
    /// Groups whose offsets an administrator deleted or moved.
    pub moved_by_hand: Vec<MovedByHand>,
    /// What holds for the topic of committed offsets.
    pub offsets_topic: PartitionTerms,
    /// Whether an unclean election dropped any of its records.
    pub offsets_dropped: bool,
    /// What holds for the topic of transactions.
    pub transactions_topic: PartitionTerms,
    /// What holds for the topic of share groups' state.
    pub share_state_topic: PartitionTerms,
    /// Whether anything was done to the cluster at all: without a fault, no leader changes.
    pub disturbed: bool,
    /// From when on nothing was done to the cluster any more and all leaders had settled, in nanoseconds; what was
    /// written later cannot be lost by a change of leader. [`u64::MAX`] if that is not known.
    pub settled_ns: u64,
    /// Whether brokers may forget a producer while it still repeats batches: `producer.id.expiration.ms` is not above
    /// its `delivery.timeout.ms` by more than clocks differ, or its records may be deleted before a replica is made
    /// that is to lead.
    pub producers_expire: bool,
    /// What unclean elections have legally dropped, if it is known: no other record may be gone because its topic
    /// allows them. None if it is not known.
    pub dropped: Option<Vec<Dropped>>,
    /// Partitions of topics of whose name there was another one, with each time, in nanoseconds, that a client was told
    /// of this one in place of another; none if that is not known.
    pub recreated: BTreeMap<u32, Option<Vec<u64>>>,
    /// When the topics of partitions were deleted, in nanoseconds.
    pub deleted_ns: BTreeMap<u32, u64>,
    /// When leaders changed, by position of the partition; of one that is not named, nobody knows.
    pub leader_changes: BTreeMap<u32, Vec<LeaderChange>>,
    /// Whether the answers' leader epochs were watched from inside: then a deposed leader that has not heard of it may
    /// answer with its own, older, end offset, and a true regression is an internal violation.
    pub epochs_watched: bool,
    /// Whether eligible leader replicas are kept; else no damage to a broker's data is survived (KIP-966).
    pub eligible_leader_replicas: bool,
    /// Damage to data of brokers. Empty unless the scenario allows loss: the atlas sees to the rest.
    pub damage: Vec<Damage>,
    /// Nodes whose disks lied or rotted. Empty unless the scenario allows loss, as is what follows.
    pub corrupted: Vec<Corrupted>,
    /// Partitions of which a log was opened with damage that nothing repairs.
    pub corrupt_logs: Vec<CorruptLog>,
    /// Why a majority's disks may hold less than was committed, if so: one voter's is enough for that.
    pub voter_damage: Option<MetadataDamage>,
    /// Why voters may contradict what the quorum decided, if so.
    pub quorum_damage: Option<MetadataDamage>,
    /// Why the cluster's metadata itself is gone, if so.
    pub metadata_damage: Option<MetadataDamage>,
}

/// An administrator deleted a group's offsets, or moved them, at some time between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedByHand {
    /// Which group.
    pub group: String,
    /// Not before, in nanoseconds.
    pub from_ns: u64,
    /// Not after.
    pub until_ns: u64,
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
            isolations: Vec::new(),
            subscribes: false,
            processing: Vec::new(),
            member_epochs: false,
            classic_groups: BTreeSet::new(),
            offset_reset: Reset::Earliest,
            resets: Vec::new(),
            offsets_retention_ns: OFFSETS_RETENTION_NS,
            moved_by_hand: Vec::new(),
            offsets_topic: partition,
            offsets_dropped: false,
            transactions_topic: partition,
            share_state_topic: partition,
            disturbed: true,
            settled_ns: u64::MAX,
            producers_expire: false,
            dropped: None,
            recreated: BTreeMap::new(),
            deleted_ns: BTreeMap::new(),
            leader_changes: BTreeMap::new(),
            epochs_watched: false,
            eligible_leader_replicas: true,
            damage: Vec::new(),
            corrupted: Vec::new(),
            corrupt_logs: Vec::new(),
            voter_damage: None,
            quorum_damage: None,
            metadata_damage: None,
        }
    }

    /// The terms of a run.
    pub fn of_run(plan: &Plan, run: &Run) -> Self {
        Self::of_run_held_to(plan, run, &Hold::default())
    }

    /// The terms of a run, had more been promised.
    pub fn of_run_held_to(plan: &Plan, run: &Run, hold: &Hold) -> Self {
        let done: Vec<&InjectedFault> = run.faults.iter().filter(|f| happened(f)).collect();
        let mut terms = Self::strict();
        terms.producers = (0_u32..).zip(&plan.clients).filter_map(producer_of).collect();
        terms.processing = plan.clients.iter().filter_map(processing_of).collect();
        terms.learn_applications(plan);
        terms.member_epochs = plan.has_member_epochs();
        terms.classic_groups = plan.classic_groups();
        terms.partitions =
            run.history.partitions.iter().map(|name| partition_terms(plan, name)).collect();
        let groups = &plan.cluster.coordinators;
        terms.offsets_topic.min_insync_replicas = groups.offsets_topic.min_insync_replicas;
        terms.transactions_topic.min_insync_replicas = groups.transaction_topic.min_insync_replicas;
        let shares = &groups.share_groups;
        terms.share_state_topic.min_insync_replicas = shares.state_topic.min_insync_replicas;
        terms.offsets_retention_ns = groups.offsets_retention_ms.saturating_mul(1_000_000);
        terms.moved_by_hand = moved_by_hand(plan, &done);
        if reads_uncommitted(plan) {
            terms.isolation = Isolation::ReadUncommitted;
            let own = (0_u32..).zip(&plan.clients).filter_map(isolation_of);
            terms.isolations = own.filter(|(_, it)| *it != terms.isolation).collect();
        }
        terms.resets = (0_u32..).zip(&plan.clients).filter_map(reset_of).collect();
        // Processes that come after a crash are those of some consumer, and nobody says of which.
        terms.offset_reset = terms.weakest_reset();
        terms.disturbed = run.faults.iter().any(took_place);
        terms.recreated = taken_for_another(run);
        let deletions = (0_u32..).zip(&run.partitions);
        terms.deleted_ns = deletions
            .filter_map(|(partition, truth)| Some((partition, truth.deleted_ns?)))
            .collect();
        terms.leader_changes = leader_changes(run);
        terms.epochs_watched = true;
        terms.eligible_leader_replicas = plan.cluster.eligible_leader_replicas;
        let expire = plan.clients.iter().any(|client| expires(plan, client));
        terms.producers_expire = expire || forgets_deleted(plan);
        let planned = terms.partitions.clone();
        terms.strengthen(&hold.within(plan.cluster.brokers.len()));
        let loss_allowed = plan.expect.loss_allowed && hold.allows_loss();
        let held = planned.iter().zip(&terms.partitions);
        let may_drop: Vec<bool> =
            held.map(|(planned, held)| may_drop(*planned, *held, loss_allowed)).collect();
        terms.dropped = dropped(run, &may_drop);
        if loss_allowed {
            terms.damage = damage::of_brokers(plan, &done);
            terms.corrupted = damage::corrupted(&done);
            terms.corrupt_logs = damage::corrupt_logs(run, &terms.corrupted);
            terms.voter_damage = damage::of_voters(plan, &done, 1);
            terms.quorum_damage = damage::of_quorum(plan, &done);
            let quorum = terms.quorum_damage.as_ref();
            terms.metadata_damage = quorum.and_then(|harm| damage::of_metadata(run, harm));
        }
        terms
    }

    /// What applications promise. Nobody says of a process that comes after a crash which client it is.
    fn learn_applications(&mut self, plan: &Plan) {
        let promised = plan.applications.iter().flat_map(|application| &application.processing);
        self.processing.extend(promised.cloned());
        self.producer.idempotence &= plan.applications.iter().all(|it| it.idempotence);
    }

    /// Judges by more than was promised.
    pub fn strengthen(&mut self, hold: &Hold) {
        hold.promises().for_each(|promise| self.hold_to(promise));
        if !hold.allows_loss() {
            self.forget_forced_elections();
        }
    }

    /// Without lost data, only a topic that allows unclean elections has one.
    fn forget_forced_elections(&mut self) {
        let mut dropped = self.dropped.take();
        if let Some(dropped) = &mut dropped {
            let of_topic = |it: &Dropped| self.partition(it.partition);
            dropped.retain(|it| of_topic(it).is_none_or(|own| own.unclean_leader_election));
        }
        self.dropped = dropped;
    }

    fn hold_to(&mut self, promise: Promise) {
        let own = self.producers.iter_mut().map(|(_, own)| own);
        let producers = own.chain([&mut self.producer]);
        let of_groups = [&mut self.offsets_topic, &mut self.share_state_topic];
        let internal = of_groups.into_iter().chain([&mut self.transactions_topic]);
        let topics = self.partitions.iter_mut().chain(internal);
        match promise {
            Promise::Acks(acks) => producers.for_each(|own| own.acks = stronger(own.acks, acks)),
            Promise::Idempotence => producers.for_each(|own| own.idempotence = true),
            Promise::InFlight(most) => {
                producers.for_each(|own| own.in_flight_max = own.in_flight_max.min(most));
            }
            Promise::ReadCommitted => {
                (self.isolation, self.isolations) = (Isolation::ReadCommitted, Vec::new());
            }
            Promise::Reset(reset) => (self.offset_reset, self.resets) = (reset, Vec::new()),
            Promise::NoUncleanElection => {
                topics.for_each(|topic| topic.unclean_leader_election = false);
                (self.dropped, self.offsets_dropped) = (Some(Vec::new()), false);
            }
            Promise::MinInsyncReplicas(least) => topics.for_each(|topic| {
                topic.min_insync_replicas = topic.min_insync_replicas.max(least);
            }),
            Promise::ExactlyOnce => self.processing.clear(),
            Promise::NoLoss => {
                self.damage.clear();
                self.corrupted.clear();
                self.corrupt_logs.clear();
                self.voter_damage = None;
                self.quorum_damage = None;
                self.metadata_damage = None;
            }
        }
    }

    pub(crate) fn producer(&self, process: u32) -> ProducerTerms {
        let own = self.producers.iter().find(|(named, _)| *named == process);
        own.map_or(self.producer, |(_, terms)| *terms)
    }

    /// What a process may see.
    pub(crate) fn isolation(&self, process: u32) -> Isolation {
        let own = self.isolations.iter().find(|(named, _)| *named == process);
        own.map_or(self.isolation, |(_, isolation)| *isolation)
    }

    /// What any process may see.
    pub(crate) fn weakest_isolation(&self) -> Isolation {
        let mut all = self.isolations.iter().map(|(_, isolation)| *isolation);
        let weak = all.any(|isolation| isolation == Isolation::ReadUncommitted);
        if weak { Isolation::ReadUncommitted } else { self.isolation }
    }

    /// Where a process goes on whose position is nowhere in the log.
    pub(crate) fn reset(&self, process: u32) -> Reset {
        let own = self.resets.iter().find(|(named, _)| *named == process);
        own.map_or(self.offset_reset, |(_, reset)| *reset)
    }

    /// The least that any process is promised of where it goes on.
    pub(crate) fn weakest_reset(&self) -> Reset {
        let jumps = self.resets.iter().map(|(_, reset)| *reset).find(|reset| reset.jumps());
        jumps.unwrap_or(self.offset_reset)
    }

    pub(crate) fn partition(&self, partition: u32) -> Option<&PartitionTerms> {
        self.partitions.get(partition as usize).or(self.partitions.last())
    }

    /// Why what an occurrence concerns may be gone, whatever its acks.
    pub(super) fn loss(&self, occurrence: &Occurrence) -> Option<Reason> {
        let terms = *self.partition(occurrence.partition)?;
        self.unclean_loss(terms, occurrence)
            .or_else(|| {
                let between = (occurrence.since_ns, occurrence.at_ns);
                self.damage_reason(terms.min_insync_replicas, between)
            })
            .or_else(|| self.corrupt_logs(occurrence.partition, occurrence.at_ns))
            .or_else(|| self.metadata_gone(occurrence.at_ns))
    }

    /// Why a partition does not keep its promises any more at this time, because a log took damage in.
    pub(crate) fn corrupt_logs(&self, partition: u32, at_ns: u64) -> Option<Reason> {
        let of_it = |corrupt_logs: &&CorruptLog| {
            corrupt_logs.partition == Some(partition) && corrupt_logs.at_ns <= at_ns
        };
        self.corrupt_logs.iter().find(of_it).map(CorruptLog::reason)
    }

    /// Why nothing that rests on the cluster's metadata is promised any more at this time.
    pub(crate) fn metadata_gone(&self, at_ns: u64) -> Option<Reason> {
        let damage = self.metadata_damage.as_ref().filter(|damage| damage.at_ns <= at_ns);
        damage.map(|damage| Reason::plain(damage.reason.clone()).unless(NO_LOSS))
    }

    /// Why an unclean election may have dropped what an occurrence concerns.
    fn unclean_loss(&self, terms: PartitionTerms, occurrence: &Occurrence) -> Option<Reason> {
        if let Some(dropped) = &self.dropped {
            if occurrence.context == OccurrenceContext::ThroughDuplicate {
                // Its copies are looked for in the history.
                return None;
            }
            if went_back(occurrence.anomaly) {
                let parted = went_back_to_parting(dropped, occurrence)?;
                let text = format!("an unclean leader election dropped offsets from {parted} on");
                return Some(self.dropped_reason(terms, text, occurrence.at_ns));
            }
            let touching = dropped.iter().find(|dropped| dropped.touches(occurrence))?;
            let Dropped { first, last, at_ns, .. } = touching;
            let text = format!("an unclean leader election dropped offsets {first} to {last}");
            return Some(self.dropped_reason(terms, text, *at_ns));
        }
        let possible = terms.unclean_leader_election && self.may_change_leader(occurrence.since_ns);
        possible.then(|| {
            Reason::plain("the topic allows unclean leader election, which may drop records")
                .unless(NO_UNCLEAN)
        })
    }

    /// Why an unclean election may have left a second copy of a record, which a consumer got.
    pub(super) fn copied(&self, history: &History, occurrence: &Occurrence) -> Option<Reason> {
        let terms = *self.partition(occurrence.partition)?;
        let dropped = self.dropped.as_ref()?;
        let (first, last, at_ns) = copied_by_election(dropped, history, occurrence)?;
        let text = format!("an unclean leader election dropped offsets {first} to {last}");
        Some(self.dropped_reason(terms, text, at_ns))
    }

    /// An election that drops records follows on lost data, if its topic does not allow it anyway: whose data.
    fn dropped_reason(&self, terms: PartitionTerms, text: String, at_ns: u64) -> Reason {
        let mut before: Vec<&Damage> = self.damage.iter().filter(|d| d.at_ns <= at_ns).collect();
        before.sort_by_key(|damage| damage.at_ns);
        let last = &before[before.len().saturating_sub(BLAMED_MAX)..];
        let blamed: Vec<String> = last.iter().map(|damage| damage.line()).collect();
        let after = if blamed.is_empty() {
            String::new()
        } else {
            format!(", after {}", blamed.join(" and "))
        };
        let hold = if terms.unclean_leader_election { NO_UNCLEAN } else { NO_LOSS };
        Reason::of("an unclean leader election dropped records", text + &after).unless(hold)
    }

    /// Why a group's commit may be gone, whatever became of the partition that it is about. `expired` says whether the
    /// group may have been without members for long enough.
    pub(super) fn lost_commit(&self, occurrence: &Occurrence, expired: bool) -> Option<Reason> {
        let Occurrence { since_ns, at_ns, .. } = *occurrence;
        if expired {
            let text = "offsets.retention.minutes: the group's offsets may have expired";
            return Some(Reason::plain(text));
        }
        if self.offsets_dropped {
            let text = format!("an unclean leader election dropped records of {OFFSETS_TOPIC}");
            return Some(Reason::plain(text).unless(NO_UNCLEAN));
        }
        let unknown = self.dropped.is_none() && self.offsets_topic.unclean_leader_election;
        let unclean = unknown && self.may_change_leader(since_ns);
        let unclean = unclean.then(|| {
            let text = format!("{OFFSETS_TOPIC} allows unclean leader election");
            Reason::plain(text).unless(NO_UNCLEAN)
        });
        unclean.or_else(|| self.forgetful_coordinator(OFFSETS_TOPIC, (since_ns, at_ns)))
    }

    /// Why a coordinator may know less than it had said, of what it keeps in this topic.
    pub(crate) fn forgetful_coordinator(&self, topic: &str, between: (u64, u64)) -> Option<Reason> {
        let terms = self.internal_topic(topic)?;
        let of_topic = |log: &&CorruptLog| {
            let of_it = log.name.strip_prefix(topic).is_some_and(|rest| rest.starts_with('-'));
            of_it && log.at_ns <= between.1
        };
        let corrupt = || self.corrupt_logs.iter().find(of_topic).map(CorruptLog::reason);
        let damage = self.damage_reason(terms.min_insync_replicas, between).map(|damage| {
            let Reason { text, cause, hold } = damage;
            let told = |what: String| format!("{what}, and {topic} may lack records since");
            Reason { text: told(text), cause: told(cause), hold }
        });
        damage.or_else(corrupt)
    }

    /// What a topic of coordinators promises.
    pub(super) fn internal_topic(&self, topic: &str) -> Option<PartitionTerms> {
        match &*asked_name(topic) {
            OFFSETS_TOPIC => Some(self.offsets_topic),
            TRANSACTIONS_TOPIC => Some(self.transactions_topic),
            SHARE_STATE_TOPIC => Some(self.share_state_topic),
            _ => None,
        }
    }

    /// Whether a leader may have changed after this time.
    pub(super) fn may_change_leader(&self, since_ns: u64) -> bool {
        self.disturbed && since_ns < self.settled_ns
    }

    /// Whether a change of the partition's leader may explain what an occurrence concerns.
    pub(super) fn may_lack_what_one_had(&self, occurrence: &Occurrence) -> bool {
        let Occurrence { partition, since_ns, at_ns, .. } = *occurrence;
        // What nobody has processed may have been lost at any time before all was over.
        let at_ns = if occurrence.anomaly == Anomaly::EosLoss { u64::MAX } else { at_ns };
        let known = self.leader_changes.get(&partition);
        let explains = |change: &LeaderChange| change.is_between(since_ns, at_ns);
        self.may_change_leader(since_ns) && known.is_none_or(|changes| changes.iter().any(explains))
    }

    pub(super) fn read_uncommitted(&self) -> Option<Reason> {
        let allowed = self.weakest_isolation() == Isolation::ReadUncommitted;
        let reason = || Reason::plain("isolation.level=read_uncommitted");
        allowed.then(|| reason().unless("isolation.level=read_committed"))
    }

    /// Why an end offset may be older than one that was told before. Source: KIP-207 bounds it by leader epoch only.
    pub(super) fn deposed_leader(&self) -> Option<Reason> {
        (self.disturbed && self.epochs_watched).then(|| {
            Reason::plain(
                "a deposed leader that has not heard of it answers with its own end offset",
            )
        })
    }

    /// Why damage between two times may have taken what the replicas held.
    pub(super) fn damage_reason(
        &self,
        min_insync_replicas: u32,
        (since_ns, until_ns): (u64, u64),
    ) -> Option<Reason> {
        let touches = |d: &&Damage| d.at_ns <= until_ns && (d.lasting || d.at_ns >= since_ns);
        let touching = self.damage.iter().filter(touches);
        let mut brokers: Vec<i32> = touching.map(|d| d.broker).collect();
        brokers.sort_unstable();
        brokers.dedup();
        let harmed = brokers.len();
        if !self.eligible_leader_replicas {
            let kept = "eligible leader replicas are not kept";
            let reason = || Reason::plain(format!("{harmed} brokers lost data, and {kept}"));
            return (harmed > 0).then(|| reason().unless(NO_LOSS));
        }
        let enough = harmed as u64 >= u64::from(min_insync_replicas.max(1));
        enough.then(|| {
            let survives = format!("min.insync.replicas={min_insync_replicas} survives fewer");
            Reason::of(
                &format!("brokers lost data, {survives}"),
                format!("{harmed} brokers lost data, {survives}"),
            )
            .unless(NO_LOSS)
        })
    }
}

/// Whether an election may drop records of a partition, as it was planned and as it is held to: where only the hold
/// forbids unclean elections, they excuse nothing, whatever loss is allowed.
fn may_drop(planned: PartitionTerms, held: PartitionTerms, loss_allowed: bool) -> bool {
    let is_held = planned.unclean_leader_election && !held.unclean_leader_election;
    held.unclean_leader_election || loss_allowed && !is_held
}

/// Whether anything was done, if only a weaker fault than planned: one that is held back entirely names no node.
fn took_place(fault: &InjectedFault) -> bool {
    fault.held_back.is_none() || !fault.nodes.is_empty()
}

/// What administrators did to groups' offsets.
fn moved_by_hand(plan: &Plan, done: &[&InjectedFault]) -> Vec<MovedByHand> {
    let moved = done.iter().filter_map(|fault| {
        let step = plan.steps.iter().find(|step| step.id == fault.step)?;
        let (Action::DeleteGroup { target: Target::CoordinatorOf(group) }
        | Action::ResetOffsets { target: Target::CoordinatorOf(group), .. }) = &step.action
        else {
            return None;
        };
        let from_ns = fault.at_ms.saturating_mul(1_000_000);
        let patience_ns = plan.admin.api_timeout_ms.saturating_mul(1_000_000);
        let (group, until_ns) = (group.clone(), from_ns.saturating_add(patience_ns));
        Some(MovedByHand { group, from_ns, until_ns })
    });
    moved.collect()
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

/// Whether anybody who reads may see open and aborted transactions: a consumer, or who reads everything at the end.
fn reads_uncommitted(plan: &Plan) -> bool {
    let config = |client: &ClientPlan| match client {
        ClientPlan::Consumer { config, .. } => Some(config.isolation),
        ClientPlan::Producer { .. } => None,
    };
    let mut all = plan.clients.iter().filter_map(config).chain([plan.final_reader.isolation]);
    plan.clients.iter().any(ClientPlan::is_transactional)
        && all.any(|isolation| isolation == IsolationLevel::ReadUncommitted)
}

fn isolation_of((process, client): (u32, &ClientPlan)) -> Option<(u32, Isolation)> {
    match client {
        ClientPlan::Producer { .. } => None,
        ClientPlan::Consumer { config, .. } => Some((
            process,
            match config.isolation {
                IsolationLevel::ReadCommitted => Isolation::ReadCommitted,
                IsolationLevel::ReadUncommitted => Isolation::ReadUncommitted,
            },
        )),
    }
}

/// Where a consumer starts, or goes on, whose position is nowhere in the log.
fn reset_of((process, client): (u32, &ClientPlan)) -> Option<(u32, Reset)> {
    match client {
        ClientPlan::Producer { .. } => None,
        ClientPlan::Consumer { config, .. } => Some((process, reset(config.offset_reset))),
    }
}

fn reset(planned: OffsetReset) -> Reset {
    match planned {
        OffsetReset::Earliest => Reset::Earliest,
        OffsetReset::Latest => Reset::Latest,
        OffsetReset::None => Reset::None,
        OffsetReset::ByDuration(_) => Reset::ByDuration,
    }
}

/// Whether brokers may forget the producer of a client while it still repeats batches: what rests for a broker was
/// written by the clock of another machine.
fn expires(plan: &Plan, client: &ClientPlan) -> bool {
    let repeats_ms = match client {
        ClientPlan::Producer { config, .. } => config.delivery_timeout_ms,
        ClientPlan::Consumer { pipeline: Some(pipeline), .. } => {
            pipeline.producer.delivery_timeout_ms
        }
        ClientPlan::Consumer { pipeline: None, .. } => return false,
    };
    plan.cluster.producer_id_expiration_ms <= repeats_ms.saturating_add(plan.clocks_apart_ms())
}

/// Whether replicas are made anew where records may be deleted: such a one begins where its leader's log does, and
/// knows no producer of what was before. Source: KIP-360, which names it as a cause of `UNKNOWN_PRODUCER_ID`.
fn forgets_deleted(plan: &Plan) -> bool {
    let any = |is_it: fn(&Action) -> bool| plan.steps.iter().any(|step| is_it(&step.action));
    let deletes = any(|action| matches!(action, Action::DeleteRecords { .. }));
    let makes_replicas =
        any(|action| matches!(action, Action::Reassign { .. } | Action::DecommissionBroker { .. }));
    makes_replicas && (deletes || plan.topics.iter().any(|topic| topic.retention.deletes()))
}

/// How often the group's members promise to process a record, by the group's name.
fn processing_of(client: &ClientPlan) -> Option<(String, ProcessingGuarantee)> {
    let ClientPlan::Consumer { config, pipeline: Some(pipeline), .. } = client else { return None };
    Some((config.group.as_ref()?.group.clone(), pipeline.guarantee))
}

fn producer_terms(config: &ProducerConfig) -> ProducerTerms {
    let ProducerConfig { acks, idempotence, in_flight_max, .. } = *config;
    ProducerTerms { acks, idempotence, in_flight_max }
}

/// By partition of a topic of whose name there was another one, when clients were told of it in place of another.
fn taken_for_another(run: &Run) -> BTreeMap<u32, Option<Vec<u64>>> {
    let truth = |partition: u32| run.partitions.get(partition as usize);
    let taken_ns = |partition| truth(partition).map(|truth| truth.taken_for_another_ns.clone());
    let recreated = recreated(&run.history.partitions).into_keys();
    recreated.map(|partition| (partition, taken_ns(partition))).collect()
}

fn partition_terms(plan: &Plan, name: &str) -> PartitionTerms {
    let name = asked_name(name);
    let topic = name.rsplit_once('-').map_or(&*name, |(topic, _)| topic);
    let strict = PartitionTerms { unclean_leader_election: false, min_insync_replicas: u32::MAX };
    let planned = plan.topics.iter().find(|planned| planned.name == topic);
    let mut terms = planned.map_or(strict, topic_terms);
    for least in minimums_set(plan, topic) {
        terms.min_insync_replicas = terms.min_insync_replicas.min(least);
    }
    terms
}

/// What steps give a topic as `min.insync.replicas`: the least of them decides what losses of disks are survived.
fn minimums_set<'a>(plan: &'a Plan, topic: &'a str) -> impl Iterator<Item = u32> + 'a {
    plan.steps.iter().filter_map(move |step| {
        let Action::AlterConfig { target: Target::LeaderOf(name, _), setting, value } =
            &step.action
        else {
            return None;
        };
        let concerns = name == topic && *setting == AlterableSetting::MinInsyncReplicas;
        u32::try_from(*value).ok().filter(|_| concerns)
    })
}

fn topic_terms(topic: &TopicPlan) -> PartitionTerms {
    PartitionTerms {
        unclean_leader_election: topic.unclean_leader_election,
        min_insync_replicas: topic.min_insync_replicas,
    }
}

fn stronger(made: Acks, held: Acks) -> Acks {
    match (made, held) {
        (Acks::All, _) | (_, Acks::All) => Acks::All,
        (Acks::Leader, _) | (_, Acks::Leader) => Acks::Leader,
        (Acks::None, Acks::None) => Acks::None,
    }
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::types::NodeId;
    use harrow_sim::plan::ClockPlan;

    use super::*;
    use crate::policy::DamageKind;

    #[test]
    fn a_weaker_promise_changes_nothing() {
        let all: Vec<Promise> = ["acks=1", "max.in.flight.requests.per.connection=9"]
            .iter()
            .chain(["min.insync.replicas=1", "isolation.level=read_committed"].iter())
            .map(|text| Promise::parse(text).expect("it is one"))
            .collect();
        let mut terms = Terms::strict();
        terms.strengthen(&Hold::of(&all));
        assert_eq!(terms, Terms::strict());
    }

    #[test]
    fn who_is_held_to_clean_elections_is_not_excused_by_loss() {
        let of = |unclean_leader_election| PartitionTerms {
            unclean_leader_election,
            min_insync_replicas: 1,
        };
        // (as planned, as held, loss allowed) -> elections may drop records
        let table = [
            ((true, true, false), true),
            ((true, false, false), false),
            ((true, false, true), false),
            ((false, false, true), true),
            ((false, false, false), false),
        ];
        for ((planned, held, loss_allowed), expected) in table {
            let found = may_drop(of(planned), of(held), loss_allowed);
            assert_eq!(found, expected, "{planned}, {held}, {loss_allowed}");
        }
    }

    #[test]
    fn coordinators_forget_what_enough_brokers_lost() {
        let lost = |broker| Damage { broker, at_ns: 5, lasting: false, kind: DamageKind::Wipe };
        let table = [
            ("two of them", &[1, 2][..], OFFSETS_TOPIC, (0, 10), true),
            ("transactions as well", &[1, 2][..], TRANSACTIONS_TOPIC, (0, 10), true),
            ("share groups as well", &[1, 2][..], SHARE_STATE_TOPIC, (0, 10), true),
            ("one, which is survived", &[1][..], OFFSETS_TOPIC, (0, 10), false),
            ("twice the same one", &[1, 1][..], OFFSETS_TOPIC, (0, 10), false),
            ("before the commit", &[1, 2][..], OFFSETS_TOPIC, (6, 10), false),
            ("no topic of theirs", &[1, 2][..], "orders", (0, 10), false),
        ];
        for (name, brokers, topic, between, legal) in table {
            let damage = brokers.iter().copied().map(lost).collect();
            let terms = Terms { damage, ..Terms::strict() };
            assert_eq!(terms.forgetful_coordinator(topic, between).is_some(), legal, "{name}");
        }
    }

    #[test]
    fn a_producer_is_forgotten_early_by_a_clock_that_is_ahead() {
        let mut plan = harrow_sim::testing::plan();
        plan.cluster.producer_id_expiration_ms = 10_000;
        let config = ProducerConfig {
            delivery_timeout_ms: 4_000,
            ..harrow_broker_model::testing::producer(1002)
        };
        let client = ClientPlan::Producer {
            config,
            topics: Vec::new(),
            keys: 0,
            operations: 1,
            start_ms: 0,
            interval_us: (1, 1),
            outstanding_max: 1,
            transactions: None,
            tombstone_one_in: 0,
            hot_key_percent: 0,
        };
        for (offset_ms, expected) in [(0, false), (5_999, false), (6_000, true), (-6_000, true)] {
            plan.clocks = vec![ClockPlan { node: NodeId(1), offset_ms, drift_ppm: 0 }];
            assert_eq!(expires(&plan, &client), expected, "{offset_ms} ms");
        }
    }

    #[test]
    fn what_is_held_is_promised() {
        let mut terms = Terms::strict();
        terms.producer.acks = Acks::Leader;
        terms.partitions[0].unclean_leader_election = true;
        let weak = terms.clone();
        for text in ["acks=all", "unclean.leader.election.enable=false"] {
            let promise = Promise::parse(text).expect("it is one");
            terms.strengthen(&Hold::of(&[promise]));
        }
        assert_ne!(terms, weak);
        assert_eq!(terms, Terms { dropped: Some(Vec::new()), ..Terms::strict() });
    }
}
