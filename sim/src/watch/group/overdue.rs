//! A group is whole again in time.
//!
//! Promise: where nothing stands in the way of its coordinator, a group waits for no member for ever. In the classic
//! protocol a rebalance goes on without who has not joined, or not asked for its assignment, when the rebalance timeout
//! is over; in the consumer protocol a member that must give partitions up does so in that time, leaves, or is thrown
//! out. Until then nobody consumes what it has. The timers are the coordinator's own: members may be down or cut. Who
//! is needed: the coordinator, and for what it must write the replicas of its partition of `__consumer_offsets`.
//! Source: KIP-62, KIP-848; `GroupMetadataManager.prepareRebalance`, `completeClassicGroupJoin`, `expirePendingSync`,
//! `scheduleConsumerGroupRebalanceTimeout`.
//! Not verified: static members that are away, which
//! may keep their group waiting until their sessions end; members of whom others have to give something up first.

use std::collections::BTreeMap;

use harrow_broker_model::note::ClassicGroupState;
use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};

use super::coordinators::Coordinators;
use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::due::{Look, acting_leader, coordinators_partition};
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::shared::Shared;
use crate::watch::timing::by_slowest_clock;

const OVERDUE: Anomaly = Anomaly {
    name: "rebalance-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a coordinator waited for members to join, to ask for their assignments or to give partitions up for \
        longer than their timeouts allow",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "rebalance-due",
    promise: "when it is calm for the coordinator, a group waits for no member beyond its timeouts",
    source: "KIP-62, KIP-848, GroupMetadataManager.prepareRebalance, scheduleConsumerGroupRebalanceTimeout",
    leaves_out: "static members that are away; replicas of its partition that are away",
    anomalies: &[OVERDUE],
};

const MS: u64 = 1_000_000;
/// Time between two looks, in nanoseconds.
const LOOKS_NS: u64 = 250 * MS;
/// What could not be written is tried again after so long, in milliseconds.
const RETRY_MS: u64 = 500;

/// For what a group waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Awaited {
    /// Its members join.
    Joins,
    /// Its leader has assigned.
    Assignment,
    /// This member gives up what it must.
    Revocation(String),
}

impl Awaited {
    /// Since when nothing stands in the way. The coordinator ends the time to join by itself; the rest it must write.
    fn unhindered_since(&self, look: &Look<'_>, partition: TopicPartition) -> Option<u64> {
        match self {
            Self::Joins => Some(0),
            Self::Assignment | Self::Revocation(_) => look.commits_since(partition),
        }
    }
}

/// A coordinator, in the epoch in which it leads its partition.
type Coordinator = (NodeId, LeaderEpoch);

#[derive(Debug)]
struct Wait {
    /// Who said so: another coordinator says it again.
    coordinator: Coordinator,
    /// How long it may take.
    timeout_ms: u64,
    /// Since when, and nothing was in the way at a look.
    from: u64,
}

/// Groups that wait for members.
#[derive(Debug)]
pub(super) struct RebalancesDue {
    /// The slowest clock, as the time that passes while it shows a second.
    second_ns: u64,
    next_look_ns: u64,
    waits: BTreeMap<(String, Awaited), Wait>,
}

impl RebalancesDue {
    pub(super) fn new(plan: &Plan) -> Self {
        let second_ns = by_slowest_clock(plan, 1_000 * MS);
        Self { second_ns, next_look_ns: 0, waits: BTreeMap::new() }
    }

    /// A process starts: it coordinates nothing.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.waits.retain(|_, wait| wait.coordinator.0 != node);
    }

    /// A coordinator says in which state a classic group is.
    pub(super) fn on_classic_state(
        &mut self,
        (context, partition): (&Context<'_>, Option<TopicPartition>),
        group: &str,
        (state, timeout_ms): (ClassicGroupState, u64),
    ) {
        self.waits.remove(&(group.to_owned(), Awaited::Joins));
        self.waits.remove(&(group.to_owned(), Awaited::Assignment));
        let awaited = match state {
            ClassicGroupState::PreparingRebalance => Awaited::Joins,
            ClassicGroupState::CompletingRebalance => Awaited::Assignment,
            ClassicGroupState::Empty | ClassicGroupState::Stable | ClassicGroupState::Dead => {
                return;
            }
        };
        let leader = partition.and_then(|it| context.view.replica(context.node, it));
        if let Some(epoch) = leader.map(|leader| leader.leader_epoch) {
            let wait = Wait { coordinator: (context.node, epoch), timeout_ms, from: context.at_ns };
            self.waits.insert((group.to_owned(), awaited), wait);
        }
    }

    /// A coordinator says what a member holds: whether it must give some of that up.
    pub(super) fn on_holds(
        &mut self,
        context: &Context<'_>,
        (group, member): (&str, &str),
        epoch: LeaderEpoch,
        revokes_within_ms: u32,
    ) {
        let key = (group.to_owned(), Awaited::Revocation(member.to_owned()));
        if self.waits.get(&key).is_some_and(|known| known.coordinator.1 > epoch) {
            return;
        }
        self.waits.remove(&key);
        if revokes_within_ms > 0 {
            let timeout_ms = revokes_within_ms.into();
            let wait = Wait { coordinator: (context.node, epoch), timeout_ms, from: context.at_ns };
            self.waits.insert(key, wait);
        }
    }

    /// A group speaks the other protocol: what it waited for in this one does not come.
    pub(super) fn on_protocol(&mut self, group: &str, classic: bool) {
        self.waits.retain(|(known, awaited), _| {
            known != group || matches!(awaited, Awaited::Revocation(_)) != classic
        });
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
        self.next_look_ns = context.at_ns.saturating_add(LOOKS_NS);
        if !self.waits.is_empty() {
            self.look_at_all(&Look::new(context, shared), findings, coordinators);
        }
    }

    fn look_at_all(
        &mut self,
        look: &Look<'_>,
        findings: &mut Findings,
        coordinators: &Coordinators,
    ) {
        let (second_ns, written_ns) = (self.second_ns, look.written_ns());
        self.waits.retain(|(group, awaited), wait| {
            let partition = partition_of(look.context, coordinators, group);
            let Some(partition) = partition.filter(|it| wait.is_coordinated(look, *it)) else {
                return false;
            };
            match awaited.unhindered_since(look, partition) {
                None => wait.from = look.context.at_ns,
                Some(since) => {
                    let (node, from) = (wait.coordinator.0, wait.from.max(since));
                    let timeout_ms = wait.timeout_ms.saturating_add(RETRY_MS);
                    let bound_ns =
                        (timeout_ms.saturating_mul(second_ns) / 1_000).saturating_add(written_ns);
                    if look.is_due(from, &[node], bound_ns) {
                        wait.report(look, findings, (group, partition), awaited);
                    }
                }
            }
            true
        });
    }
}

/// The partition of `__consumer_offsets` that a group is in.
pub(super) fn partition_of(
    context: &Context<'_>,
    coordinators: &Coordinators,
    group: &str,
) -> Option<TopicPartition> {
    let index = coordinators.partition_of(group) as u32;
    coordinators_partition(context.view, "__consumer_offsets", index)
}

impl Wait {
    /// Whether who said it is still the one to see to it.
    fn is_coordinated(&self, look: &Look<'_>, partition: TopicPartition) -> bool {
        let leader = look.context.view.partition(partition).and_then(acting_leader);
        leader.is_some_and(|leader| (leader.node, leader.leader_epoch) == self.coordinator)
    }

    fn report(
        &self,
        look: &Look<'_>,
        findings: &mut Findings,
        (group, partition): (&str, TopicPartition),
        awaited: &Awaited,
    ) {
        let context = Context { node: self.coordinator.0, ..*look.context };
        findings.report(&context, &OVERDUE, partition, || {
            let ms = (context.at_ns - self.from) / MS;
            let what = match awaited {
                Awaited::Joins => "its members to join".to_owned(),
                Awaited::Assignment => "its leader's assignment".to_owned(),
                Awaited::Revocation(member) => format!("{member} to give partitions up"),
            };
            format!("group {group} has waited {ms} ms for {what}")
        });
    }
}
