//! Nobody is asked what nobody may ask.
//!
//! Promise: no client, broker or controller sends what its own protocol forbids, and none takes a sound request for
//! that: the error `INVALID_REQUEST` is for those who do not know the protocol. Else the asker, which takes the error
//! for final, is out of the game though nothing has happened to it. Source: Kafka's `Errors.INVALID_REQUEST`, whose
//! exception is not retriable; `GroupMetadataManager.throwIfConsumerGroupHeartbeatRequestIsInvalid`,
//! `ReplicationControlManager.validateAlterPartitionData`.
//! Not verified: what administrators and applications ask, and voters, whose disk may have forgotten what they had
//! promised; all but the first error of an answer; other errors that no retry mends.

use harrow_broker_model::types::NodeId;

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const INVALID: Anomaly = Anomaly {
    name: "invalid-request",
    guarantee: Guarantee::Liveness,
    meaning: "a node was asked what its protocol forbids, or took a sound request for that",
};

pub(in crate::watch) const INVARIANT: Invariant = Invariant {
    name: "valid-requests",
    promise: "no node asks another one what its protocol forbids",
    source: "Errors.INVALID_REQUEST, KIP-848, KIP-497",
    leaves_out: "what administrators, applications and voters ask",
    anomalies: &[INVALID],
};

/// A node answers that it was asked, by this one, what nobody may ask.
pub(in crate::watch) fn on_nonsense(
    context: &Context<'_>,
    findings: &mut Findings,
    api: &str,
    by: NodeId,
) {
    findings.report(context, &INVALID, Place::CLUSTER, || {
        format!("node {} refused {api} of node {by} as an invalid request", context.node)
    });
}
