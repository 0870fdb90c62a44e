//! Whoever lives in another epoch is refused where it asks.
//!
//! Promise: a request that names an epoch is served only in that epoch: of the partition's leader, of the quorum, or of
//! the broker's uptime. That holds at each fence by itself, though a second one may catch the harm later: where several
//! stand in a row, one of another epoch is refused at the first, for its epoch.
//! Source: KIP-320, KIP-380, KIP-595, KIP-932; `Partition.checkCurrentLeaderEpoch`,
//! `KafkaRaftClient.validateLeaderOnlyRequest`, `ClusterControlManager.checkBrokerEpoch`.
//! Not verified: requests that name no epoch; fetches of records and questions for the latest offset, of which
//! `following` and `read-rule` say the same.

use harrow_broker_model::message::ClusterError;
use harrow_broker_model::note::{Api, ExchangeNote};
use harrow_broker_model::types::{NodeId, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const UNFENCED: Anomaly = Anomaly {
    name: "unfenced-request",
    guarantee: Guarantee::Leadership,
    meaning: "a node served a request that names another epoch than its own",
};

const ELSEWHERE: Anomaly = Anomaly {
    name: "refused-elsewhere",
    guarantee: Guarantee::Leadership,
    meaning: "a node refused a request of another epoch for another reason than its epoch, which it did not look at",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "request-fencing",
    promise: "a request is served only in the epoch that it names",
    source: "KIP-320, KIP-380, KIP-595",
    leaves_out: "requests that name no epoch",
    anomalies: &[UNFENCED, ELSEWHERE],
};

/// Below this, a request names no epoch.
const FIRST_EPOCH: i64 = 0;

/// A node served somebody who named an epoch.
pub(super) fn on_served(
    context: &Context<'_>,
    findings: &mut Findings,
    api: Api,
    (partition, by): (Option<TopicPartition>, NodeId),
    (named, own): (i64, i64),
) {
    let ahead = api == Api::WriteTxnMarkers && named > own;
    if named < FIRST_EPOCH || named == own || ahead {
        return;
    }
    let place = partition.map_or(Place::CLUSTER, Place::from);
    findings.report(context, &UNFENCED, place, || {
        format!(
            "node {} served {} of node {by}, which named epoch {named}; its own is {own}",
            context.node,
            api.name()
        )
    });
}

/// A node refused somebody who named another epoch. Who is ahead of it is told to ask another controller, or to wait.
pub(super) fn on_refused(context: &Context<'_>, findings: &mut Findings, note: &ExchangeNote) {
    let ExchangeNote::RequestRefused { api, partition, by, named, own, error } = note else {
        return;
    };
    let for_epoch = matches!(
        error,
        ClusterError::FencedLeaderEpoch
            | ClusterError::UnknownLeaderEpoch
            | ClusterError::NotController
            | ClusterError::StaleBrokerEpoch
    );
    if for_epoch || named == own {
        return;
    }
    findings.report(context, &ELSEWHERE, *partition, || {
        format!(
            "node {} refused {} of node {by} with {error:?}; it named epoch {named}, here it is {own}",
            context.node,
            api.name()
        )
    });
}
