//! A follower cuts what its leader does not have.
//!
//! Promise: a replica that was told where its log parts from its leader's keeps nothing of the named epoch behind that,
//! and nothing of a later epoch, which the leader cannot have there. If it lacks the named epoch it goes back to the
//! end of the one before, wherever that is, and asks again.
//! Source: KIP-279; `AbstractFetcherThread.getOffsetTruncationState`, `ReplicatedLog.truncateToEndOffset`.
//! Not verified: that it cuts no more than that, of which `committed-truncation` says what matters; answers that name
//! no epoch.

use std::collections::BTreeMap;

use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const KEPT: Anomaly = Anomaly {
    name: "divergence-kept",
    guarantee: Guarantee::Replication,
    meaning: "a replica that was told where its log parts from its leader's kept something behind that",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "divergence",
    promise: "a replica cuts all that its leader does not have",
    source: "KIP-279, AbstractFetcherThread.getOffsetTruncationState",
    leaves_out: "answers that name no epoch",
    anomalies: &[KEPT],
};

/// What followers were told last: the epoch that was named, and where it ends at the leader.
#[derive(Debug, Default)]
pub(super) struct Divergences {
    told: BTreeMap<(NodeId, TopicPartition), (LeaderEpoch, Offset)>,
}

impl Divergences {
    /// A leader tells a follower that its log differs.
    pub(super) fn on_told(
        &mut self,
        (follower, partition): (NodeId, TopicPartition),
        (named, end): (LeaderEpoch, Offset),
    ) {
        self.told.insert((follower, partition), (named, end));
    }

    /// A follower cuts its log for that to end at `to`.
    pub(super) fn on_cut(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        to: Offset,
    ) {
        let Some((named, end)) = self.told.remove(&(context.node, partition)) else { return };
        let Some(replica) = context.view.replica(context.node, partition) else { return };
        if named == LeaderEpoch::NONE || end == Offset::NONE {
            return;
        }
        let kept = replica.log.between(Offset::ZERO, to);
        let later = kept.partition_point(|entry| entry.batch.leader_epoch <= named);
        let first = kept.get(later).map(|entry| entry.batch.base_offset);
        // Who lacks the named epoch goes back to the end of the one before it, wherever that is.
        let has_named = kept.last().is_some_and(|entry| entry.batch.leader_epoch == named);
        let first = first.or_else(|| (has_named && to > end).then_some(end));
        if let Some(first) = first {
            findings.report(context, &KEPT, (partition, first, to.plus(-1)), || {
                format!(
                    "node {} cut its log to {to}; its leader's epoch {named} ends at {end}, and from {first} on it \
                     has what that has not",
                    context.node
                )
            });
        }
    }
}
