//! Where consumers go whose position is not in the log any more.
//!
//! Promise: as `auto.offset.reset` says, to the log's start or to its end as a leader told it; by duration, to
//! somewhere in the log, or where a leader told somebody that a time begins: that may be deleted when the answer comes;
//! with none, nowhere by itself.
//! Source: KIP-320; `FetchCollector.handleInitializeErrors`, `OffsetFetcher.resetPositionsIfNeeded`.
//! Not verified: which record is as old as a duration says; that the position was out of range at all. Who goes back
//! without need reads records again, which the history shows.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::config::OffsetReset;
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use crate::plan::{ClientPlan, Plan};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const AGAINST_POLICY: Anomaly = Anomaly {
    name: "reset-against-policy",
    guarantee: Guarantee::Offsets,
    meaning: "a consumer out of range went elsewhere than its auto.offset.reset says",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "position-reset",
    promise: "a consumer whose position is out of range goes where auto.offset.reset says",
    source: "KIP-320, FetchCollector",
    leaves_out: "whether it was out of range",
    anomalies: &[AGAINST_POLICY],
};

/// What each consumer is configured to do, and which ends leaders have told.
#[derive(Debug, Default)]
pub(super) struct Positions {
    policies: BTreeMap<NodeId, OffsetReset>,
    returned: BTreeMap<TopicPartition, BTreeSet<Offset>>,
    /// What leaders have told for a time.
    timed: BTreeMap<TopicPartition, BTreeSet<Offset>>,
    /// Where logs have begun that begin elsewhere now: an answer may be late.
    starts: BTreeMap<TopicPartition, BTreeSet<Offset>>,
}

impl Positions {
    /// The policies of the plan's consumers.
    pub(super) fn of(plan: &Plan) -> Self {
        let configs = plan.clients.iter().filter_map(|client| match client {
            ClientPlan::Consumer { config, .. } => Some(config),
            ClientPlan::Producer { .. } => None,
        });
        let configs = configs.chain([&plan.final_reader]);
        let policies = configs.map(|config| (config.node, config.offset_reset)).collect();
        Self { policies, ..Self::default() }
    }

    /// A leader told a client the end offset.
    pub(super) fn on_end_offset(&mut self, partition: TopicPartition, offset: Offset) {
        self.returned.entry(partition).or_default().insert(offset);
    }

    /// A leader told a client the offset of a time.
    pub(super) fn on_timed_offset(&mut self, partition: TopicPartition, offset: Offset) {
        if offset != Offset::NONE {
            self.timed.entry(partition).or_default().insert(offset);
        }
    }

    /// A log begins here from now on, as retention or its leader has it.
    pub(super) fn on_log_start(&mut self, partition: TopicPartition, offset: Offset) {
        self.starts.entry(partition).or_default().insert(offset);
    }

    /// A consumer was out of range, and now goes on from another offset.
    pub(super) fn on_reset(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        (from, to): (Offset, Offset),
    ) {
        let Some(view) = context.view.partition(partition) else { return };
        let (legal, policy) = match self.policies.get(&context.node) {
            Some(OffsetReset::Earliest) => {
                let starts = |replica: &crate::view::ReplicaView| replica.log_start_offset == to;
                let once = self.starts.get(&partition).is_some_and(|starts| starts.contains(&to));
                (once || view.replicas().iter().any(starts), "earliest")
            }
            Some(OffsetReset::Latest) => {
                let returned =
                    self.returned.get(&partition).is_some_and(|returned| returned.contains(&to));
                (returned || !context.view.states_all(), "latest")
            }
            Some(OffsetReset::ByDuration(_)) => {
                let has = |replica: &crate::view::ReplicaView| {
                    (replica.log_start_offset..=replica.log.end()).contains(&to)
                };
                let told = self.timed.get(&partition).is_some_and(|timed| timed.contains(&to));
                (told || view.replicas().iter().any(has), "by_duration")
            }
            Some(OffsetReset::None) => (false, "none"),
            None => return,
        };
        if !legal {
            findings.report(context, &AGAINST_POLICY, partition, || {
                format!(
                    "consumer {} went from {from} to {to}, with auto.offset.reset={policy}",
                    context.node
                )
            });
        }
    }
}
