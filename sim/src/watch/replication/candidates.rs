//! Whom a leader may propose for the ISR.
//!
//! Promise: a leader proposes only replicas that may lead: unfenced and not in controlled shutdown, by the metadata
//! that it has applied, and heard of last in the uptime that is registered there. The controller refuses any other
//! one, but by then the leader's high watermark has waited for it, and a controller that knows less than the leader
//! would take a replica that is about to be fenced.
//! Source: KIP-841, KIP-903; `Partition.isReplicaIsrEligible`.
//! Not verified: members that stay, whom the controller takes out itself.

use harrow_broker_model::types::{BrokerEpoch, NodeId, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const INELIGIBLE: Anomaly = Anomaly {
    name: "isr-join-ineligible",
    guarantee: Guarantee::Leadership,
    meaning: "a leader proposed a replica that it knew to be fenced, to shut down or to be of another uptime",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "isr-candidates",
    promise: "a leader proposes only replicas that it takes for active, in their present uptime",
    source: "KIP-841, KIP-903, Partition.isReplicaIsrEligible",
    leaves_out: "members that stay",
    anomalies: &[INELIGIBLE],
};

/// A leader that has applied the metadata up to an offset proposes to let members in; `heard_in` tells in which uptime
/// it heard of a follower last.
pub(super) fn on_proposed(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    (from, to): (&[NodeId], &[NodeId]),
    applied: Option<Offset>,
    heard_in: impl Fn(NodeId) -> Option<BrokerEpoch>,
) {
    let Some(applied) = applied.filter(|_| context.view.states_all()) else { return };
    for member in to.iter().copied().filter(|member| !from.contains(member)) {
        let known = context.view.registry().state_at(member, BrokerEpoch(0), applied);
        let active = known.is_some_and(|known| !known.fenced && !known.shutting_down);
        let heard = heard_in(member).filter(|heard| *heard != BrokerEpoch::NONE);
        let present = heard.is_none_or(|heard| known.is_some_and(|it| it.broker_epoch == heard));
        if !active || !present {
            findings.report(context, &INELIGIBLE, partition, || {
                let state = known.map_or_else(
                    || "not registered".to_owned(),
                    |it| {
                        format!(
                            "fenced: {}, shutting down: {}, broker epoch {}, heard of last in {}",
                            it.fenced,
                            it.shutting_down,
                            it.broker_epoch,
                            heard.unwrap_or(BrokerEpoch::NONE)
                        )
                    },
                );
                format!("leader {} proposed node {member} ({state})", context.node)
            });
        }
    }
}
