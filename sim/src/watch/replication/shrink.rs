//! Nobody leaves the ISR who has not lagged for long enough.
//!
//! Promise: a leader proposes to remove a member only if that has not had all that the leader had for longer than
//! `replica.lag.time.max.ms`, by the leader's own clock, and lacks something now. Source: KIP-16;
//! `Partition.isFollowerOutOfSync`.
//! Not verified: that the leader measured the lag right when it tells one that is too long.

use std::collections::BTreeMap;

use harrow_broker_model::note::OutOfSyncReplica;
use harrow_broker_model::types::{NodeId, TopicPartition};

use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const EARLY: Anomaly = Anomaly {
    name: "shrink-too-early",
    guarantee: Guarantee::Replication,
    meaning: "a leader proposed to remove a member that had not lagged for longer than replica.lag.time.max.ms",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "isr-shrink",
    promise: "an in-sync replica that keeps up stays one",
    source: "KIP-16, Partition.isFollowerOutOfSync",
    leaves_out: "a lag that its leader measured wrongly, as too long",
    anomalies: &[EARLY],
};

/// What leaders began with.
#[derive(Debug)]
pub(super) struct Shrinks {
    allowed_ms: u64,
    /// The ISR when a leader's epoch began, by leader: its members had everything then.
    at_first: BTreeMap<(NodeId, TopicPartition), Vec<NodeId>>,
}

impl Shrinks {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { allowed_ms: plan.cluster.replica_lag_time_max_ms, at_first: BTreeMap::new() }
    }

    /// A node begins to lead.
    pub(super) fn on_became_leader(
        &mut self,
        node: NodeId,
        partition: TopicPartition,
        isr: &[NodeId],
    ) {
        self.at_first.insert((node, partition), isr.to_vec());
    }

    /// A leader proposed another ISR.
    pub(super) fn on_proposed(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        (from, to): (&[NodeId], &[NodeId]),
        out_of_sync: &[OutOfSyncReplica],
    ) {
        let view = context.view.partition(partition);
        let end = view.and_then(|view| view.replica(context.node)).map(|leader| leader.log.end());
        let at_first = self.at_first.get(&(context.node, partition));
        let was_first = |member: NodeId| at_first.is_some_and(|isr| isr.contains(&member));
        for member in from.iter().copied().filter(|member| !to.contains(member)) {
            let known = out_of_sync.iter().find(|it| it.replica == member);
            let lag_ms = known.and_then(|it| it.lag).map(|lag| lag.as_millis() as u64);
            let why = match (known, lag_ms) {
                (None, _) => "of which it says nothing".to_owned(),
                (Some(it), _) if Some(it.log_end_offset) == end => "which has all".to_owned(),
                (Some(_), Some(lag_ms)) if lag_ms < self.allowed_ms => {
                    format!("which has lagged for {lag_ms} ms")
                }
                (Some(_), None) if was_first(member) => {
                    "which was in sync when it began to lead, and of which it knows no time"
                        .to_owned()
                }
                (Some(_), Some(_) | None) => continue,
            };
            findings.report(context, &EARLY, partition, || {
                format!("leader {} proposed to remove node {member}, {why}", context.node)
            });
        }
    }
}
