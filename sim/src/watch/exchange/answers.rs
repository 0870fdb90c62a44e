//! A broker answers once what a request waits for is there.
//!
//! Promise: a produce with acks=all is answered when the high watermarks have passed all that was appended for it, or
//! others lead where they have not, and in any case when its `timeout.ms` is over; a fetch when there is a record that
//! it asked for, and in any case when `max.wait.ms` is over. A coordinator of groups that has heard that it is none any
//! more answers all who wait with it: they look for the next one. Nobody else is needed for that: a broker that goes on
//! does it at once.
//! Source: `DelayedProduce.tryComplete`, `ReplicaManager.completeDelayedOperationsWhenNotPartitionLeader`,
//! `DelayedFetch.tryComplete`, `DelayedOperationPurgatory`; KAFKA-6653; `GroupMetadataManager.onUnloaded`,
//! `CoordinatorRuntime.scheduleUnloadOperation`.
//! Not verified: what other requests wait for, which the goal `resources-held` judges. Of a produce, until its time is
//! up: one of which something was refused or known before, was sent again meanwhile, or is committed in a later epoch
//! than it was appended in; and a transaction's that waits to be verified. Of a fetch, until its time is up: records
//! for `read_committed`, for more than one byte at least, of logs that are or were compacted, and for followers whose
//! leader is throttled.

use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::note::{LogNote, Note, ReplicationNote};
use harrow_broker_model::types::{ConnectionId, LeaderEpoch, NodeId, TopicPartition};

use super::coordination::Coordination;
use super::passed_over::PassedOver;
use super::unanswered::{
    Appended, Fetch, First, FirstAsks, Key, Place, Places, Produce, Unanswered,
};
use crate::plan::Plan;
use crate::view::{ReplicaRole, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place as Whereabouts};
use crate::watch::shared::Shared;
use crate::watch::timing::{RunningSince, SLACK_NS, by_slowest_clock};

const MS: u64 = 1_000_000;
/// Time between two looks, in nanoseconds.
const LOOK_NS: u64 = 50 * MS;

const PRODUCE: Anomaly = Anomaly {
    name: "produce-answer-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a broker left a produce unanswered although the high watermark had passed it, or its time was up",
};

const FETCH: Anomaly = Anomaly {
    name: "fetch-answer-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a broker left a fetch unanswered although a record was there, or its time was up",
};

const COORDINATOR: Anomaly = Anomaly {
    name: "coordinator-answer-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a broker left who waited for a group's coordinator unanswered although it knew that it is none any more",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answers-due",
    promise: "a broker answers once what a request waits for is there or cannot come, or its time is up",
    source: "DelayedProduce.tryComplete, DelayedFetch.tryComplete, KAFKA-6653, GroupMetadataManager.onUnloaded",
    leaves_out: "other requests; until the time is up, produces of which a part was refused or known before, and \
                 records for read_committed, for more bytes, of compacted logs and for throttled followers",
    anomalies: &[PRODUCE, FETCH, COORDINATOR],
};

/// What waits for answers, and for how long it may.
#[derive(Debug)]
pub(super) struct AnswersDue {
    unanswered: Unanswered,
    passed_over: PassedOver,
    next_look_ns: u64,
    /// True time that passes at most while a clock shows a second, in nanoseconds.
    slow_second_ns: u64,
    /// Whether leaders may hold back what followers ask for.
    throttled: bool,
}

impl AnswersDue {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            unanswered: Unanswered::default(),
            passed_over: PassedOver::new(plan),
            next_look_ns: 0,
            slow_second_ns: by_slowest_clock(plan, 1_000 * MS),
            throttled: plan.cluster.throttled_rates.leader.is_some(),
        }
    }

    pub(super) fn process_ended(&mut self, node: NodeId) {
        self.unanswered.process_ended(node);
        self.passed_over.process_ended(node);
    }

    pub(super) fn asked(
        &mut self,
        context: &Context<'_>,
        (findings, shared, coordination): (&mut Findings, &Shared, &Coordination),
        (on, request): (ConnectionId, &Request),
    ) {
        self.look(context, findings, (shared, coordination));
        if let Some(produce) = self.unanswered.asked(context, on, request) {
            self.passed_over.asked(context, produce);
        }
    }

    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        (findings, shared, coordination): (&mut Findings, &Shared, &Coordination),
        (on, response): (ConnectionId, &Response),
    ) {
        let judge = self.judge(context, (shared, coordination));
        if let Some(first) = self.unanswered.first_of(context.node, on)
            && first.correlation_id == response.correlation_id
        {
            judge.look_at(findings, first);
        }
        if let Some(produce) = self.unanswered.answered(context, on, response) {
            self.passed_over.answered(context, &produce, response);
        }
    }

    pub(super) fn closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.unanswered.closed(node, connection);
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        known: (&Shared, &Coordination),
        note: &Note,
    ) {
        if let Note::Log(note @ LogNote::Appended { partition, batch, origin, .. }) = note {
            self.unanswered.on_log_note(context, note);
            let appended = (*partition, batch, *origin);
            self.passed_over.on_append(context, findings, appended);
        } else if let Note::Replication(ReplicationNote::BecameLeader { partition, .. }) = note {
            self.passed_over.became_leader(context.node, *partition);
        }
        self.look(context, findings, known);
    }

    /// Time goes on.
    fn look(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        known: (&Shared, &Coordination),
    ) {
        if context.at_ns < self.next_look_ns {
            return;
        }
        self.next_look_ns = context.at_ns.saturating_add(LOOK_NS);
        let judge = self.judge(context, known);
        for first in self.unanswered.first() {
            judge.look_at(findings, first);
        }
    }

    fn judge<'a>(
        &self,
        context: &'a Context<'a>,
        (shared, coordination): (&'a Shared, &'a Coordination),
    ) -> Judge<'a> {
        let (slow_second_ns, throttled) = (self.slow_second_ns, self.throttled);
        let running_since = &shared.running_since;
        Judge { context, running_since, coordination, slow_second_ns, throttled }
    }
}

/// Who judges, at a time.
#[derive(Clone, Copy)]
struct Judge<'a> {
    context: &'a Context<'a>,
    running_since: &'a RunningSince,
    coordination: &'a Coordination,
    slow_second_ns: u64,
    throttled: bool,
}

impl Judge<'_> {
    fn look_at(&self, findings: &mut Findings, first: First<'_>) {
        let First { node, connection, correlation_id, since, there_since, asks } = first;
        let Context { at_ns, view, .. } = *self.context;
        if !view.states_all() {
            return;
        }
        let (anomaly, there, waits) = match asks {
            FirstAsks::Produce(produce) => {
                (&PRODUCE, self.covered(node, produce), produce.waits(since))
            }
            FirstAsks::Fetch(fetch, places) => {
                // Mostly it is answered before anybody need look at what is there.
                let places = places.filter(|_| at_ns >= since.saturating_add(SLACK_NS));
                let there = places.and_then(|places| self.there(node, fetch, places));
                (&FETCH, there, Some((since, fetch.wait_ms)))
            }
            FirstAsks::Group(group) => {
                let waits = at_ns >= since.saturating_add(SLACK_NS);
                let asked = waits.then_some((node, group));
                let deposed_ns = asked.and_then(|it| self.coordination.deposed_ns(view, it));
                (&COORDINATOR, None, deposed_ns.map(|deposed_ns| (deposed_ns.max(since), 0)))
            }
        };
        *there_since = there.map(|_| there_since.unwrap_or(at_ns));
        let ends = waits.map(|(from, ms)| {
            from.saturating_add((self.slow_second_ns / 1_000).saturating_mul(ms))
        });
        let why = if self.is_overdue(node, *there_since) {
            "what it waits for is there"
        } else if self.is_overdue(node, ends) {
            "it cannot wait any longer"
        } else {
            return;
        };
        let context = Context { node, ..*self.context };
        let place = there.map_or(Whereabouts::CLUSTER, Whereabouts::from);
        findings.report(&context, anomaly, place, || {
            let ms = (at_ns - since) / MS;
            format!(
                "node {node} has worked on request {correlation_id} of connection {connection} for {ms} ms, and {why}"
            )
        });
    }

    /// Whether a broker that goes on has had time since then.
    fn is_overdue(&self, node: NodeId, from: Option<u64>) -> bool {
        let at_ns = self.context.at_ns;
        from.is_some_and(|from| at_ns > from.saturating_add(SLACK_NS))
            && self.running_since.for_longer_than(at_ns, node, SLACK_NS)
    }

    /// A partition of a produce, if the high watermarks have passed all that it brought, or others lead.
    fn covered(&self, node: NodeId, produce: &Produce) -> Option<TopicPartition> {
        let is_covered = |appended: &Appended| {
            let replica = self.works(node, appended.partition);
            replica.is_some_and(|replica| match replica.role {
                ReplicaRole::Leader => {
                    replica.leader_epoch == appended.leader_epoch
                        && replica.high_watermark >= appended.end
                }
                ReplicaRole::Follower => true,
                ReplicaRole::Idle => false,
            })
        };
        let is_done = produce.is_appended() && produce.appended.iter().all(is_covered);
        produce.appended.first().filter(|_| is_done).map(|appended| appended.partition)
    }

    /// A partition of which there is a record that a fetch asks for.
    fn there(&self, node: NodeId, fetch: &Fetch, places: &Places) -> Option<TopicPartition> {
        if !fetch.takes_any || fetch.is_followers && self.throttled {
            return None;
        }
        let partition = |(key, place): (&Key, &Place)| {
            let partition = place.partition(self.context.view, key)?;
            let is_there = self.is_there(node, (partition, *place), fetch.is_followers);
            is_there.then_some(partition)
        };
        places.iter().find_map(partition)
    }

    fn is_there(
        &self,
        node: NodeId,
        (partition, place): (TopicPartition, Place),
        is_followers: bool,
    ) -> bool {
        let Some(replica) = self.works(node, partition) else { return false };
        let is_asked =
            place.leader_epoch == LeaderEpoch::NONE || place.leader_epoch == replica.leader_epoch;
        let serves = match replica.role {
            ReplicaRole::Leader => true,
            ReplicaRole::Follower => !is_followers,
            ReplicaRole::Idle => false,
        };
        let end = if is_followers { replica.log.end() } else { replica.high_watermark };
        let has_holes = !replica.holes.is_empty() || self.context.view.is_compacted(partition);
        is_asked
            && serves
            && place.offset >= replica.log_start_offset
            && place.offset < end
            && !has_holes
    }

    /// A replica of a node, if its disk works.
    fn works(&self, node: NodeId, partition: TopicPartition) -> Option<&ReplicaView> {
        let view = self.context.view;
        view.replica(node, partition).filter(|_| !view.is_in_failed_directory(node, partition))
    }
}
