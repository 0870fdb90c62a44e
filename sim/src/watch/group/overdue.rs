//! A group is whole again in time.
//!
//! Promise: no group waits for a member longer than its timeouts allow. In the classic protocol a rebalance goes on
//! without who has not joined when the rebalance timeout is over, and begins anew if its leader has not assigned by
//! then; in the consumer protocol a member that must give partitions up does so in that time, leaves, or is thrown out.
//! Until then nobody consumes what it has. The timers are the coordinator's own: members may be down or cut. Who is
//! needed: the coordinator, and for what it must write the replicas of its partition of `__consumer_offsets`.
//! Source: KIP-62, KIP-848; `GroupMetadataManager.prepareRebalance`, `completeClassicGroupJoin`, `expirePendingSync`,
//! `scheduleConsumerGroupRebalanceTimeout`.
//! Not verified: static members that are away, which may keep their group waiting until their sessions end; members of
//! a stable group that have not asked for their assignments; members of the consumer protocol's groups that speak the
//! classic one, whose timers each join begins anew; members for whom others have to give something up first.

use std::collections::BTreeMap;

use harrow_broker_model::note::ClassicGroupState;
use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};

use super::coordinators::Coordinators;
use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::due::{COORDINATORS_NS, Look, internal_partition};
use crate::watch::exchange::CoordinatorKind;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::shared::Shared;
use crate::watch::timing::by_slowest_clock;

const OVERDUE: Anomaly = Anomaly {
    name: "rebalance-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a coordinator waited for members to join, for its leader to assign or for one to give partitions up, for \
        longer than their timeouts allow",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "rebalance-due",
    promise: "no group waits for a member longer than its timeouts allow, as long as its coordinator can act",
    source: "KIP-62, KIP-848, GroupMetadataManager.prepareRebalance, scheduleConsumerGroupRebalanceTimeout",
    leaves_out: "static members that are away; classic members of the consumer protocol's groups; what must be written \
        while a replica is away",
    anomalies: &[OVERDUE],
};

const MS: u64 = 1_000_000;
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

    /// Who has to go on.
    fn needed(&self, look: &Look<'_>, wait: &Wait, partition: TopicPartition) -> Vec<NodeId> {
        match self {
            Self::Joins => vec![wait.coordinator.0],
            Self::Assignment | Self::Revocation(_) => look.replicas_of(partition),
        }
    }
}

#[derive(Debug)]
struct Wait {
    /// Who said so, and in which epoch it led: who loads the group later says what it then waits for. One that is
    /// elected again goes on waiting.
    coordinator: (NodeId, LeaderEpoch),
    /// How long it may take.
    timeout_ms: u64,
    /// Since when.
    began: u64,
    /// Since when its timer runs, at the latest: what could not be written may have begun anew.
    from: u64,
}

/// Groups that wait for members.
#[derive(Debug)]
pub(super) struct RebalancesDue {
    /// The slowest clock, as the time that passes while it shows a second.
    second_ns: u64,
    /// `group.consumer.session.timeout.ms`.
    session_ms: u64,
    next_look_ns: u64,
    waits: BTreeMap<(String, Awaited), Wait>,
}

impl RebalancesDue {
    pub(super) fn new(plan: &Plan) -> Self {
        let second_ns = by_slowest_clock(plan, 1_000 * MS);
        let session_ms = plan.cluster.coordinators.consumer_groups.session_timeout_ms;
        Self { second_ns, session_ms, next_look_ns: 0, waits: BTreeMap::new() }
    }

    /// A process starts: it coordinates nothing.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.waits.retain(|_, wait| wait.coordinator.0 != node);
    }

    /// A coordinator has loaded these groups.
    pub(super) fn on_loaded(&mut self, is_of: impl Fn(&str) -> bool) {
        self.waits.retain(|(group, _), _| !is_of(group));
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
            let wait = Wait::of((context, epoch), timeout_ms);
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
            let wait = Wait::of((context, epoch), timeout_ms);
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
        self.next_look_ns = context.at_ns.saturating_add(COORDINATORS_NS);
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
        let (second_ns, session_ms) = (self.second_ns, self.session_ms);
        let bound = look.written_ns().saturating_add(RETRY_MS * second_ns / 1_000);
        self.waits.retain(|(group, awaited), wait| {
            let partition = partition_of(look.context, coordinators, group);
            let Some(partition) = partition.filter(|it| wait.is_coordinated(look, *it)) else {
                return false;
            };
            if let Some(since) = awaited.unhindered_since(look, partition) {
                let timeout_ns = wait.timeout_ms.saturating_mul(second_ns) / 1_000;
                let from = wait.from.saturating_add(timeout_ns).max(since);
                if look.is_due(from, &awaited.needed(look, wait, partition), bound) {
                    wait.report(look, findings, (group, partition), awaited);
                }
            } else {
                // A member that could not be heard to have given all up is waited for until its session ends.
                let timeout_ms = wait.timeout_ms.max(session_ms);
                (wait.from, wait.timeout_ms) = (look.context.at_ns, timeout_ms);
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
    internal_partition(context.view, CoordinatorKind::Group, coordinators.partition_of(group))
}

impl Wait {
    fn of((context, epoch): (&Context<'_>, LeaderEpoch), timeout_ms: u64) -> Self {
        let at_ns = context.at_ns;
        Self { coordinator: (context.node, epoch), timeout_ms, began: at_ns, from: at_ns }
    }

    /// Whether who said it is still the one to see to it.
    fn is_coordinated(&self, look: &Look<'_>, partition: TopicPartition) -> bool {
        let (node, epoch) = self.coordinator;
        look.leads_in(node, partition).is_some_and(|now| now >= epoch)
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
            let ms = (context.at_ns - self.began) / MS;
            let what = match awaited {
                Awaited::Joins => "its members to join".to_owned(),
                Awaited::Assignment => "its leader's assignment".to_owned(),
                Awaited::Revocation(member) => format!("{member} to give partitions up"),
            };
            format!("group {group} has waited {ms} ms for {what}")
        });
    }
}
