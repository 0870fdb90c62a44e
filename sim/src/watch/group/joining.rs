//! Rebalances take no longer than they must, and begin only when they must.
//!
//! Promise: the join phase of a classic group ends as soon as all its members have joined, and everybody to whom an id
//! was given: whoever is waited for may come, leave, or be thrown out. A group that had no members waits for others for
//! `group.initial.rebalance.delay.ms` after it began, or after the last of these times in which somebody joined. And a
//! static member that comes back while its session lasts, with the assignors and topics that it had, begins no
//! rebalance in a stable group: it gets what it had. Until a rebalance ends nobody consumes.
//! Source: KIP-62, KIP-134, KIP-345, KIP-814; `GroupMetadataManager.maybeCompleteJoinPhase`,
//! `expireClassicGroupMemberHeartbeat`, `expirePendingMember`, `tryCompleteInitialRebalanceElseSchedule`,
//! `updateStaticMemberThenRebalanceOrCompleteJoin`.
//! The coordinator alone is needed for that, and it has to run.
//! Not verified: groups whose members ask in bytes, as applications do; groups that had to refuse somebody for
//! `group.max.size` in a join phase, of which Kafka waits for the rest of the time; how long a phase may last for
//! members that do not join, which `overdue` judges; static members that come back in another state of their group,
//! or to a coordinator that has loaded it since they joined; those that kept partitions while they joined last, of
//! which they may have had to give some up.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};

use super::coordinators::Coordinators;
use super::overdue::partition_of;
use super::questions::Join;
use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::due::{COORDINATORS_NS, Look};
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};
use crate::watch::shared::Shared;
use crate::watch::timing::{SLACK_NS, by_slowest_clock};

const OVERDUE: Anomaly = Anomaly {
    name: "join-phase-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a coordinator went on waiting for members to join although nobody was left to wait for",
};

const NEEDLESS: Anomaly = Anomaly {
    name: "needless-rebalance",
    guarantee: Guarantee::Liveness,
    meaning: "a static member came back within its session, and its group began to rebalance for that",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "join-phase",
    promise: "a group waits for members only as long as one is missing, and not for a static one that comes back",
    source: "KIP-134, KIP-345, KIP-814, GroupMetadataManager.maybeCompleteJoinPhase",
    leaves_out: "groups that are full; static members that come back to another coordinator",
    anomalies: &[OVERDUE, NEEDLESS],
};

const MS: u64 = 1_000_000;

/// A join phase.
#[derive(Debug)]
struct Phase {
    /// Who is in charge, and in which epoch it led.
    coordinator: (NodeId, LeaderEpoch),
    members: u32,
    awaited: u32,
    initial: bool,
    /// Since when nobody is missing, in the first phase since when nobody came.
    from: u64,
}

/// A static member that was told that it has joined.
#[derive(Debug)]
struct Static {
    /// By whom.
    node: NodeId,
    member: String,
    protocols: Vec<String>,
    topics: Vec<String>,
    /// Whether it may have had something to give up, after which it joins once more.
    keeps: bool,
}

/// A static member that comes back: to whom, in which event, and to which group.
#[derive(Debug)]
struct Return {
    node: NodeId,
    event: u64,
    group: String,
    instance: String,
}

/// Join phases, and static members.
#[derive(Debug)]
pub(super) struct Joining {
    /// How long the first members of a group may wait after the last one has come, by the slowest clock.
    initial_ns: u64,
    next_look_ns: u64,
    phases: BTreeMap<String, Phase>,
    /// By group and instance id.
    statics: BTreeMap<(String, String), Static>,
    returns: Option<Return>,
    /// Groups that have refused somebody in their join phase, since they are full.
    full: BTreeSet<String>,
}

/// Who takes part in a join phase, as its coordinator says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) members: u32,
    pub(super) awaited: u32,
    pub(super) initial: bool,
}

impl Joining {
    pub(super) fn new(plan: &Plan) -> Self {
        let delay_ms = plan.cluster.coordinators.group_initial_rebalance_delay_ms;
        // Who comes when one of these times has just begun is waited for until the end of the next one.
        let initial_ns = by_slowest_clock(plan, delay_ms.saturating_mul(2 * MS));
        Self {
            initial_ns,
            next_look_ns: 0,
            phases: BTreeMap::new(),
            statics: BTreeMap::new(),
            returns: None,
            full: BTreeSet::new(),
        }
    }

    /// A process starts: it coordinates nothing.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.phases.retain(|_, phase| phase.coordinator.0 != node);
        self.statics.retain(|_, known| known.node != node);
    }

    /// What was known of these groups does not count any more.
    pub(super) fn forget(&mut self, is_one: impl Fn(&str) -> bool) {
        self.phases.retain(|group, _| !is_one(group));
        self.statics.retain(|(group, _), _| !is_one(group));
    }

    /// The join phase of a group is over, or begins anew.
    pub(super) fn on_phase_over(&mut self, group: &str) {
        self.phases.remove(group);
        self.full.remove(group);
    }

    /// Who takes part in a join phase has changed.
    pub(super) fn on_phase(
        &mut self,
        (context, partition): (&Context<'_>, Option<TopicPartition>),
        group: &str,
        said: Said,
    ) {
        let leader = partition.and_then(|it| context.view.replica(context.node, it));
        let Some(epoch) = leader.map(|leader| leader.leader_epoch) else { return };
        if self.full.contains(group) {
            return;
        }
        let Said { members, awaited, initial } = said;
        let before = self.phases.get(group);
        let goes_on = |before: &&Phase| {
            if initial {
                before.initial && members <= before.members
            } else {
                before.awaited == 0 && awaited == 0
            }
        };
        let from = before.filter(goes_on).map_or(context.at_ns, |before| before.from);
        let coordinator = (context.node, epoch);
        let phase = Phase { coordinator, members, awaited, initial, from };
        self.phases.insert(group.to_owned(), phase);
    }

    /// A group is full, and who wanted to join is refused.
    pub(super) fn on_full(&mut self, join: &Join) {
        self.phases.remove(&join.group);
        self.full.insert(join.group.clone());
        self.on_left(&join.group, &join.member, join.instance.as_deref());
    }

    /// A member is told that it has joined.
    pub(super) fn on_joined(&mut self, node: NodeId, join: &Join, member: &str) {
        if let Some(instance) = &join.instance {
            let key = (join.group.clone(), instance.clone());
            let (member, protocols) = (member.to_owned(), join.protocols.clone());
            let (topics, keeps) = (join.topics.clone(), join.keeps);
            self.statics.insert(key, Static { node, member, protocols, topics, keeps });
        }
    }

    /// A member leaves, or is thrown out; by its id, or by its instance id.
    pub(super) fn on_left(&mut self, group: &str, member: &str, instance: Option<&str>) {
        self.statics.retain(|(known, of), one| {
            known != group || one.member != member && Some(of.as_str()) != instance
        });
        // What begins in this event may be for that.
        if self.returns.as_ref().is_some_and(|it| it.group == group) {
            self.returns = None;
        }
    }

    /// Somebody asks to join a group that is stable, and for which nobody else waits.
    pub(super) fn on_joins_stable(&mut self, context: &Context<'_>, join: &Join) {
        let Some(instance) = join.instance.as_ref().filter(|_| join.member.is_empty()) else {
            return;
        };
        let known = self.statics.get(&(join.group.clone(), instance.clone()));
        let is_back = |known: &Static| {
            let same = known.protocols == join.protocols && known.topics == join.topics;
            known.node == context.node && same && !known.keeps
        };
        self.returns = known.is_some_and(is_back).then(|| Return {
            node: context.node,
            event: context.event,
            group: join.group.clone(),
            instance: instance.clone(),
        });
    }

    /// A static member comes back without its id: it is another one from then on, whether or not it is told of that.
    pub(super) fn comes_back(&mut self, join: &Join) {
        if let Some(instance) = join.instance.as_ref().filter(|_| join.member.is_empty()) {
            self.statics.remove(&(join.group.clone(), instance.clone()));
        }
    }

    /// A group begins to rebalance, or has another generation.
    pub(super) fn on_rebalance(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        group: &str,
    ) {
        let Some(back) = self.returns.take_if(|it| it.group == group) else { return };
        if (back.node, back.event) == (context.node, context.event) {
            findings.report(context, &NEEDLESS, Place::CLUSTER, || {
                format!("group {group} rebalances since static member {} is back", back.instance)
            });
        }
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (shared, coordinators): (&Shared, &Coordinators),
    ) {
        if context.at_ns < self.next_look_ns || !context.view.states_all() {
            return;
        }
        self.next_look_ns = context.at_ns.saturating_add(COORDINATORS_NS);
        if !self.phases.is_empty() {
            self.look_at_all(&Look::new(context, shared), findings, coordinators);
        }
    }

    fn look_at_all(
        &mut self,
        look: &Look<'_>,
        findings: &mut Findings,
        coordinators: &Coordinators,
    ) {
        let initial_ns = self.initial_ns;
        self.phases.retain(|group, phase| {
            let partition = partition_of(look.context, coordinators, group);
            let is_led = |it| phase.is_coordinated(look, it);
            let Some(partition) = partition.filter(|it| is_led(*it)) else { return false };
            let bound = if phase.initial { initial_ns } else { 0 };
            let (node, bound) = (phase.coordinator.0, bound.saturating_add(SLACK_NS));
            // A first delay that ends late, as the node stood still, may rightly begin anew.
            let is_late = if phase.initial {
                look.is_due(phase.from, &[node], bound)
            } else {
                phase.awaited == 0 && look.is_unchecked(phase.from, node, bound)
            };
            if is_late {
                phase.report(look, findings, (group, partition));
            }
            true
        });
    }
}

impl Phase {
    /// Whether who said it is still in charge.
    fn is_coordinated(&self, look: &Look<'_>, partition: TopicPartition) -> bool {
        let (node, epoch) = self.coordinator;
        let works = !look.context.view.is_in_failed_directory(node, partition);
        works && look.leads_in(node, partition).is_some_and(|now| now >= epoch)
    }

    fn report(
        &self,
        look: &Look<'_>,
        findings: &mut Findings,
        (group, partition): (&str, TopicPartition),
    ) {
        let context = Context { node: self.coordinator.0, ..*look.context };
        findings.report(&context, &OVERDUE, partition, || {
            let ms = (context.at_ns - self.from) / MS;
            let members = self.members;
            let since = if self.initial { "the last one of them came" } else { "all have joined" };
            format!("group {group} waits with {members} members, {ms} ms after {since}")
        });
    }
}
