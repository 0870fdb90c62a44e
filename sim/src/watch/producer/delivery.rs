//! A send ends in time, whatever happens to the cluster.
//!
//! Promise: who sends a record is told what became of it, if only that nobody knows, before `delivery.timeout.ms` and
//! one `linger.ms` are over by the client's clock, however often it is tried again, and whatever faults last: that is
//! how long an application plans with. Source: KIP-91; `ProducerBatch.hasReachedDeliveryTimeout`,
//! `RecordAccumulator.expiredBatches`, `Sender.getExpiredInflightBatches`.
//! Not verified: clients that stood still meanwhile, whose timers are late; transactions, whose end has no such bound;
//! sends that are never answered, which liveness judges; what is told.

use std::collections::BTreeMap;

use harrow_broker_model::config::ProducerConfig;
use harrow_broker_model::types::NodeId;

use crate::plan::{ClientPlan, Plan};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};
use crate::watch::shared::Shared;
use crate::watch::timing::{SLACK_NS, by_slowest_clock};

const LATE: Anomaly = Anomaly {
    name: "send-past-delivery-timeout",
    guarantee: Guarantee::Liveness,
    meaning: "a producer told what became of a record only when its delivery timeout was long over",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "delivery-timeout",
    promise: "a send has an outcome within delivery.timeout.ms",
    source: "KIP-91, ProducerBatch.hasReachedDeliveryTimeout",
    leaves_out: "clients that stood still meanwhile; transactions; sends that are never answered",
    anomalies: &[LATE],
};

const MS: u64 = 1_000_000;

/// How long the sends of each producer may take, in nanoseconds of true time.
#[derive(Debug)]
pub(super) struct Deliveries {
    bounds: BTreeMap<NodeId, u64>,
}

impl Deliveries {
    pub(super) fn new(plan: &Plan) -> Self {
        let clients = plan.clients.iter().filter_map(sends_as);
        let configs = clients.chain([&plan.fresh_producer]);
        Self { bounds: configs.map(|config| (config.node, bound_ns(plan, config))).collect() }
    }

    /// A producer tells what became of a record that it was given at a time.
    pub(super) fn on_ended(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        (shared, asked_ns): (&Shared, u64),
    ) {
        let Some(bound_ns) = self.bounds.get(&context.node) else { return };
        let took_ns = context.at_ns.saturating_sub(asked_ns);
        // The timers of who stood still since then may have been late.
        let went_on = |ns| shared.running_since.for_longer_than(context.at_ns, context.node, ns);
        if took_ns > *bound_ns && went_on(*bound_ns) {
            findings.report(context, &LATE, Place::CLUSTER, || {
                let (node, ms, allowed) = (context.node, took_ns / MS, *bound_ns / MS);
                format!("a send of node {node} took {ms} ms; by its delivery.timeout.ms it may take {allowed}")
            });
        }
    }
}

/// As what a client sends records one by one.
fn sends_as(client: &ClientPlan) -> Option<&ProducerConfig> {
    match client {
        ClientPlan::Producer { config, transactions: None, .. } => Some(config),
        ClientPlan::Producer { .. } | ClientPlan::Consumer { .. } => None,
    }
}

fn bound_ns(plan: &Plan, config: &ProducerConfig) -> u64 {
    let own_ns = config.delivery_timeout_ms.saturating_add(config.linger_ms).saturating_mul(MS);
    by_slowest_clock(plan, own_ns).saturating_add(SLACK_NS)
}
