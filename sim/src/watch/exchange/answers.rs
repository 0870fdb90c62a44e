//! A broker answers once what a request waits for is there.
//!
//! Promise: a produce with acks=all is answered when the high watermarks have passed all that was appended for it, and
//! in any case when its `timeout.ms` is over; a fetch when there is a record that it asked for, and in any case when
//! `max.wait.ms` is over. Nobody else is needed for that: a broker that goes on does it at once.
//! Source: `DelayedProduce.tryComplete`, `DelayedFetch.tryComplete`, `DelayedOperationPurgatory`; KAFKA-6653.
//! Not verified: what other requests wait for, which the goal `resources-held` judges; a produce of which something was
//! refused or known before, until its time is up; a transaction's produce that waits to be verified; records for
//! fetches of `read_committed`, of compacted logs, of more than one byte at least, and of followers whose leader is
//! throttled.

use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::note::{LogNote, Note};
use harrow_broker_model::types::{ConnectionId, LeaderEpoch, NodeId, TopicPartition};

use super::unanswered::{
    Appended, Fetch, First, FirstAsks, Key, Place, Places, Produce, Unanswered,
};
use crate::plan::Plan;
use crate::view::{ReplicaRole, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::due::Look;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place as Whereabouts};
use crate::watch::shared::Shared;
use crate::watch::timing::{SLACK_NS, by_slowest_clock};

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

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answers-due",
    promise: "a broker answers once what a request waits for is there, or its time is up",
    source: "DelayedProduce.tryComplete, DelayedFetch.tryComplete, KAFKA-6653",
    leaves_out: "requests other than produce and fetch",
    anomalies: &[PRODUCE, FETCH],
};

/// What waits for answers, and for how long it may.
#[derive(Debug)]
pub(super) struct AnswersDue {
    unanswered: Unanswered,
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
            next_look_ns: 0,
            slow_second_ns: by_slowest_clock(plan, 1_000 * MS),
            throttled: plan.cluster.throttled_rates.leader.is_some(),
        }
    }

    pub(super) fn process_ended(&mut self, node: NodeId) {
        self.unanswered.process_ended(node);
    }

    pub(super) fn asked(&mut self, context: &Context<'_>, on: ConnectionId, request: &Request) {
        self.unanswered.asked(context, on, request);
    }

    pub(super) fn answered(&mut self, context: &Context<'_>, on: ConnectionId, with: &Response) {
        self.unanswered.answered(context, on, with);
    }

    pub(super) fn closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.unanswered.closed(node, connection);
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &Note,
    ) {
        if let Note::Log(note @ LogNote::Appended { .. }) = note {
            self.unanswered.on_log_note(context, note);
        }
        if context.at_ns >= self.next_look_ns && context.view.states_all() {
            self.next_look_ns = context.at_ns.saturating_add(LOOK_NS);
            self.look(&Look::new(context, shared), findings);
        }
    }

    fn look(&mut self, look: &Look<'_>, findings: &mut Findings) {
        let (slow_second_ns, throttled) = (self.slow_second_ns, self.throttled);
        let by_clock = |ms: u64| (slow_second_ns / 1_000).saturating_mul(ms);
        for First { node, since, there_since, asks } in self.unanswered.first() {
            let waits = Waits { look, node, since };
            match asks {
                FirstAsks::Produce(produce) => {
                    waits.look_at_produce(findings, there_since, produce);
                    let ends = produce.timeout_ms.map(by_clock);
                    let place = produce.appended.first().map(|it| it.partition);
                    waits.look_at_clock(
                        findings,
                        ends,
                        (&PRODUCE, place, "its timeout.ms is over"),
                    );
                }
                FirstAsks::Fetch(fetch, places) => {
                    let places = places.filter(|_| !(fetch.is_followers && throttled));
                    waits.look_at_fetch(findings, there_since, (fetch, places));
                    let ends = Some(by_clock(fetch.wait_ms));
                    waits.look_at_clock(findings, ends, (&FETCH, None, "its max.wait.ms is over"));
                }
            }
        }
    }
}

/// A request that is worked on.
struct Waits<'a> {
    look: &'a Look<'a>,
    node: NodeId,
    since: u64,
}

impl Waits<'_> {
    fn look_at_produce(
        &self,
        findings: &mut Findings,
        there_since: &mut Option<u64>,
        produce: &Produce,
    ) {
        let is_covered =
            produce.is_appended() && produce.appended.iter().all(|it| self.is_covered(it));
        *there_since = self.first_seen(is_covered, *there_since);
        if self.is_overdue(*there_since) {
            let place = produce.appended.first().map(|it| it.partition);
            self.report(findings, &PRODUCE, (place, "the high watermark has passed all of it"));
        }
    }

    fn look_at_fetch(
        &self,
        findings: &mut Findings,
        there_since: &mut Option<u64>,
        (fetch, places): (&Fetch, Option<&Places>),
    ) {
        // Mostly it is answered before anybody need look at what is there.
        let is_new = self.look.context.at_ns < self.since.saturating_add(SLACK_NS);
        let view = self.look.context.view;
        let is_there = |(key, place): (&Key, &Place)| {
            let partition = place.partition(view, key)?;
            self.is_there((partition, *place), fetch.is_followers).then_some(partition)
        };
        let places = places.filter(|_| fetch.takes_any && !is_new);
        let there = places.and_then(|places| places.iter().find_map(is_there));
        *there_since = self.first_seen(there.is_some(), *there_since);
        if self.is_overdue(*there_since) {
            self.report(findings, &FETCH, (there, "a record that it asks for is there"));
        }
    }

    /// However little is there: nobody waits for longer than was asked.
    fn look_at_clock(
        &self,
        findings: &mut Findings,
        ends: Option<u64>,
        (anomaly, place, why): (&Anomaly, Option<TopicPartition>, &str),
    ) {
        if self.is_overdue(ends.map(|ends| self.since.saturating_add(ends))) {
            self.report(findings, anomaly, (place, why));
        }
    }

    /// When something was first seen to be so.
    fn first_seen(&self, is_so: bool, before: Option<u64>) -> Option<u64> {
        is_so.then(|| before.unwrap_or(self.look.context.at_ns))
    }

    fn is_overdue(&self, from: Option<u64>) -> bool {
        from.is_some_and(|from| self.look.is_unchecked(from, self.node, SLACK_NS))
    }

    fn is_covered(&self, appended: &Appended) -> bool {
        let leads = |replica: &&ReplicaView| {
            replica.role == ReplicaRole::Leader && replica.leader_epoch == appended.leader_epoch
        };
        let leader = self.works(appended.partition).filter(leads);
        leader.is_some_and(|leader| leader.high_watermark >= appended.end)
    }

    fn is_there(&self, (partition, place): (TopicPartition, Place), is_followers: bool) -> bool {
        let Some(replica) = self.works(partition) else { return false };
        let is_asked =
            place.leader_epoch == LeaderEpoch::NONE || place.leader_epoch == replica.leader_epoch;
        let serves = match replica.role {
            ReplicaRole::Leader => true,
            ReplicaRole::Follower => !is_followers,
            ReplicaRole::Idle => false,
        };
        let end = if is_followers { replica.log.end() } else { replica.high_watermark };
        is_asked
            && serves
            && place.offset >= replica.log_start_offset
            && place.offset < end
            && !self.look.context.view.is_compacted(partition)
    }

    /// A replica of the node whose disk works.
    fn works(&self, partition: TopicPartition) -> Option<&ReplicaView> {
        let view = self.look.context.view;
        view.replica(self.node, partition)
            .filter(|_| !view.is_in_failed_directory(self.node, partition))
    }

    fn report(
        &self,
        findings: &mut Findings,
        anomaly: &Anomaly,
        (partition, why): (Option<TopicPartition>, &str),
    ) {
        let context = Context { node: self.node, ..*self.look.context };
        let place = partition.map_or(Whereabouts::CLUSTER, Whereabouts::from);
        findings.report(&context, anomaly, place, || {
            let ms = (context.at_ns - self.since) / MS;
            format!("node {} has worked on it for {ms} ms, and {why}", self.node)
        });
    }
}
