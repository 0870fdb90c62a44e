//! Who is a member stays one while its coordinator hears of it.
//!
//! Promise: a coordinator throws a member out for its session only if it has not heard of it for that long: since it
//! was alive, joined a generation, or was loaded with its group; never while the member waits for the answer to its
//! `JoinGroup` or `SyncGroup`, when it cannot say that it is alive. In the classic protocol it throws a member out that
//! has not joined again, or not asked for its assignment, only when the time that the member gave for that is over.
//! Otherwise whoever keeps its partitions busy loses them for nothing, and does again what it has not committed.
//! Source: KIP-62, KIP-848, KAFKA-4682; `ClassicGroupMember.hasSatisfiedHeartbeat`,
//! `GroupMetadataManager.rescheduleClassicGroupMemberHeartbeat`, `scheduleConsumerGroupSessionTimeout`, `onLoaded`,
//! `completeClassicGroupJoin`, `expirePendingSync`.
//! A member is heard of when what it asked arrives, if that is answered well; times are bounded by the fastest clock.
//! Not verified: members that were never told that they have joined, whose first `JoinGroup` may wait for five
//! minutes; in the consumer protocol, members that do not give partitions up, and classic ones that do not join again.

use std::collections::BTreeMap;

use harrow_broker_model::note::Lateness;
use harrow_broker_model::types::NodeId;

use super::questions::Join;
use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};
use crate::watch::timing::by_fastest_clock;

const EARLY: Anomaly = Anomaly {
    name: "member-removed-early",
    guarantee: Guarantee::Liveness,
    meaning: "a coordinator threw a member out of its group although it had heard of it, or its time was not up",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "member-sessions",
    promise: "who is heard of stays a member, and has all of its time to join and to ask for its assignment",
    source: "KIP-62, KIP-848, ClassicGroupMember.hasSatisfiedHeartbeat, GroupMetadataManager.onLoaded",
    leaves_out: "first JoinGroups that wait; in the consumer protocol, all times but sessions",
    anomalies: &[EARLY],
};

const MS: u64 = 1_000_000;
/// Timers go by whole milliseconds.
const GRAIN_NS: u64 = 2 * MS;

/// By group and member.
type Member = (String, String);

/// What a member has said of itself; the shortest, should it say something else later.
#[derive(Debug, Clone, Copy)]
struct Patience {
    session_ms: u64,
    rebalance_ms: u64,
}

/// When a wait of a group began, and in which event; no time if it cannot be told.
#[derive(Debug, Clone, Copy)]
struct Began {
    at_ns: Option<u64>,
    generation_event: Option<u64>,
}

/// When coordinators have heard of members, at least.
#[derive(Debug)]
pub(super) struct Sessions {
    /// The least true time that passes while a clock shows a second, in nanoseconds.
    second_ns: u64,
    /// `group.consumer.session.timeout.ms`.
    consumer_session_ms: u64,
    classic: BTreeMap<Member, Patience>,
    /// The shortest session that each has asked for in a `JoinGroup`, though nobody may have told it that it joined: a
    /// group that is upgraded meanwhile keeps to it.
    asked_ms: BTreeMap<Member, u64>,
    heard: BTreeMap<(NodeId, Member), u64>,
    /// When nodes have loaded partitions of `__consumer_offsets`.
    loaded: BTreeMap<(NodeId, i32), u64>,
    /// When the join phases and generations of classic groups began.
    began: BTreeMap<(NodeId, String), Began>,
}

/// Who was thrown out, and why.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThrownOut<'a> {
    pub(super) group: &'a str,
    pub(super) member: &'a str,
    pub(super) reason: Lateness,
    pub(super) waits: bool,
    /// Whether it was a member of a classic group.
    pub(super) classic: bool,
}

impl Sessions {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            second_ns: by_fastest_clock(plan, 1_000 * MS),
            consumer_session_ms: plan.cluster.coordinators.consumer_groups.session_timeout_ms,
            classic: BTreeMap::new(),
            asked_ms: BTreeMap::new(),
            heard: BTreeMap::new(),
            loaded: BTreeMap::new(),
            began: BTreeMap::new(),
        }
    }

    /// A process starts: it has heard of nobody.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.heard.retain(|(known, _), _| *known != node);
        self.loaded.retain(|(known, _), _| *known != node);
        self.began.retain(|(known, _), _| *known != node);
    }

    /// A node has loaded a partition. A time is given only if nothing held up the word of it.
    pub(super) fn on_loaded(&mut self, place: (NodeId, i32), at_ns: Option<u64>) {
        if let Some(at_ns) = at_ns {
            self.loaded.insert(place, at_ns);
        }
    }

    /// A classic group begins to wait for its members to join.
    pub(super) fn on_joining(&mut self, node: NodeId, group: &str, at_ns: Option<u64>) {
        let began = Began { at_ns, generation_event: None };
        self.began.insert((node, group.to_owned()), began);
    }

    /// A classic group has another generation.
    pub(super) fn on_generation(&mut self, context: &Context<'_>, group: &str, at_ns: Option<u64>) {
        let began = Began { at_ns, generation_event: Some(context.event) };
        self.began.insert((context.node, group.to_owned()), began);
    }

    /// A member asks to join again.
    pub(super) fn on_joins(&mut self, join: &Join) {
        let key = (join.group.clone(), join.member.clone());
        if let Some(known) = self.classic.get_mut(&key) {
            *known = known.shortest(join);
        }
        self.asks_for(key, join.session_ms);
    }

    /// A member is told that it has joined. Its session begins with the generation, unless it is a static one that
    /// came back: that one's began before.
    pub(super) fn on_joined(&mut self, context: &Context<'_>, join: &Join, member: &str) {
        let key = (join.group.clone(), member.to_owned());
        let named = Patience { session_ms: join.session_ms, rebalance_ms: join.rebalance_ms };
        let known = self.classic.entry(key.clone()).or_insert(named);
        *known = known.shortest(join);
        self.asks_for(key.clone(), join.session_ms);
        let began = self.began.get(&(context.node, join.group.clone()));
        if !join.member.is_empty()
            && let Some(at_ns) = began.filter(|it| it.generation_event == Some(context.event))
            && let Some(at_ns) = at_ns.at_ns
        {
            self.hear((context.node, key), at_ns);
        }
    }

    fn asks_for(&mut self, member: Member, session_ms: u64) {
        let asked_ms = self.asked_ms.entry(member).or_insert(session_ms);
        *asked_ms = session_ms.min(*asked_ms);
    }

    /// A member was heard of, by what it asked at a time.
    pub(super) fn on_alive(&mut self, node: NodeId, (group, member): (&str, &str), asked_ns: u64) {
        self.hear((node, (group.to_owned(), member.to_owned())), asked_ns);
    }

    fn hear(&mut self, key: (NodeId, Member), at_ns: u64) {
        let known = self.heard.entry(key).or_insert(at_ns);
        *known = at_ns.max(*known);
    }

    /// A coordinator throws a member out of a group in a partition of `__consumer_offsets`.
    pub(super) fn on_thrown_out(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: i32,
        out: ThrownOut<'_>,
    ) {
        if let Some(why) = self.early(context, partition, out) {
            let ThrownOut { group, member, .. } = out;
            findings.report(context, &EARLY, Place::CLUSTER, || {
                format!("group {group}: {member} was thrown out {why}")
            });
        }
        if out.classic {
            let key = (out.group.to_owned(), out.member.to_owned());
            self.heard.remove(&(context.node, key));
        }
    }

    fn early(&self, context: &Context<'_>, partition: i32, out: ThrownOut<'_>) -> Option<String> {
        let member = (out.group.to_owned(), out.member.to_owned());
        let patience = self.classic.get(&member).copied();
        match out.reason {
            Lateness::Session if out.waits => {
                patience.map(|_| "while it waited for an answer".to_owned())
            }
            Lateness::Session => {
                let session_ms = self.session_ms(&member, out.classic)?;
                let loaded = self.loaded.get(&(context.node, partition));
                let heard = self.heard.get(&(context.node, member)).max(loaded)?;
                self.too_soon(context, *heard, session_ms, "was heard of")
            }
            Lateness::Join if out.classic => {
                let began = self.began.get(&(context.node, out.group.to_owned()))?.at_ns?;
                self.too_soon(context, began, patience?.rebalance_ms, "had to join or to ask")
            }
            Lateness::Join | Lateness::Rebalance => None,
        }
    }

    /// The shortest session that a member may have.
    fn session_ms(&self, member: &Member, classic: bool) -> Option<u64> {
        if classic {
            return self.classic.get(member).map(|patience| patience.session_ms);
        }
        // Who is given an id by the answer asks without one: the answer may never have come.
        let unnamed = (member.0.clone(), String::new());
        let asked_ms = [member, &unnamed].into_iter().filter_map(|it| self.asked_ms.get(it)).min();
        Some(asked_ms.copied().unwrap_or(u64::MAX).min(self.consumer_session_ms))
    }

    fn too_soon(
        &self,
        context: &Context<'_>,
        from: u64,
        timeout_ms: u64,
        what: &str,
    ) -> Option<String> {
        let least = timeout_ms.saturating_mul(self.second_ns) / 1_000;
        let passed = context.at_ns.saturating_sub(from);
        (passed.saturating_add(GRAIN_NS) < least)
            .then(|| format!("{} ms after it {what}; it has {timeout_ms} ms", passed / MS))
    }
}

impl Patience {
    fn shortest(self, join: &Join) -> Self {
        Self {
            session_ms: self.session_ms.min(join.session_ms),
            rebalance_ms: self.rebalance_ms.min(join.rebalance_ms),
        }
    }
}
