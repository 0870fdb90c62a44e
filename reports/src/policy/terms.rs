//! What a configuration promises, and what was done to the cluster.

use harrow_broker_model::config::{Acks, OffsetReset, ProducerConfig};
use harrow_broker_model::note::IsolationLevel;
use harrow_sim::plan::{ClientPlan, Plan, TopicPlan};
use harrow_sim::run::{InjectedFault, Run};

use super::damage::{self, Corrupted, Damage, MetadataDamage, Spoiled};
use super::dropped::{Dropped, copied_by_election, dropped, went_back, went_back_to_parting};
use super::promised::{Isolation, PartitionTerms, ProducerTerms};
use crate::check::{Circumstance, Occurrence};

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
    /// Whether eligible leader replicas are kept; else no damage to a broker's data is survived (KIP-966).
    pub eligible_leader_replicas: bool,
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
            eligible_leader_replicas: true,
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
        if reads_uncommitted(plan) {
            terms.isolation = Isolation::ReadUncommitted;
        }
        terms.reset_to_latest = plan.clients.iter().any(resets_to_latest);
        terms.disturbed = run.faults.iter().any(took_place);
        terms.epochs_watched = true;
        terms.eligible_leader_replicas = plan.cluster.eligible_leader_replicas;
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
    pub(super) fn loss(&self, occurrence: &Occurrence) -> Option<String> {
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
            if occurrence.circumstance == Circumstance::ThroughDuplicate {
                return copied_by_election(dropped, occurrence);
            }
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
    pub(super) fn may_change_leader(&self, since_ns: u64) -> bool {
        self.disturbed && since_ns < self.settled_ns
    }

    pub(super) fn read_uncommitted(&self) -> Option<String> {
        let allowed = self.isolation == Isolation::ReadUncommitted;
        allowed.then(|| "isolation.level=read_uncommitted".to_owned())
    }

    /// Why an end offset may be older than one that was told before. Source: KIP-207 bounds it by leader epoch only.
    pub(super) fn deposed_leader(&self) -> Option<String> {
        (self.disturbed && self.epochs_watched).then(|| {
            "a deposed leader that has not heard of it answers with its own end offset".to_owned()
        })
    }

    /// Why damage between two times may have taken what the replicas held.
    pub(super) fn damage_reason(
        &self,
        min_insync_replicas: u32,
        (since_ns, until_ns): (u64, u64),
    ) -> Option<String> {
        let touches = |d: &&Damage| d.at_ns <= until_ns && (d.lasting || d.at_ns >= since_ns);
        let touching = self.damage.iter().filter(touches);
        let mut brokers: Vec<i32> = touching.map(|d| d.broker).collect();
        brokers.sort_unstable();
        brokers.dedup();
        let harmed = brokers.len();
        if !self.eligible_leader_replicas {
            let kept = "eligible leader replicas are not kept";
            return (harmed > 0).then(|| format!("{harmed} brokers lost data, and {kept}"));
        }
        let enough = harmed as u64 >= u64::from(min_insync_replicas.max(1));
        enough.then(|| {
            format!(
                "{harmed} brokers lost data, min.insync.replicas={min_insync_replicas} survives fewer"
            )
        })
    }
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

/// Whether a consumer may see open and aborted transactions.
fn reads_uncommitted(plan: &Plan) -> bool {
    let transactional =
        |client: &ClientPlan| matches!(client, ClientPlan::Producer { transactions: Some(_), .. });
    let uncommitted = |client: &ClientPlan| match client {
        ClientPlan::Consumer { config, .. } => config.isolation == IsolationLevel::ReadUncommitted,
        ClientPlan::Producer { .. } => false,
    };
    plan.clients.iter().any(transactional) && plan.clients.iter().any(uncommitted)
}

/// Whether a member of a group starts at the end where its group has committed nothing.
fn resets_to_latest(client: &ClientPlan) -> bool {
    match client {
        ClientPlan::Producer { .. } => false,
        ClientPlan::Consumer { config, .. } => {
            config.group.is_some() && config.offset_reset == OffsetReset::Latest
        }
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
