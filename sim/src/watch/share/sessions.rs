//! What ends a share session.
//!
//! Promise: the end of a connection ends the share session that was opened on it, and no other. Source: KIP-932,
//! KAFKA-19950.
//! Not verified: that a session ends with its connection.

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const CUT: Anomaly = Anomaly {
    name: "share-session-cut",
    guarantee: Guarantee::Offsets,
    meaning: "a member's share session was ended by the end of another connection",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "share-session",
    promise: "a share session ends with its own connection",
    source: "KIP-932, KAFKA-19950",
    leaves_out: "that it ends then",
    anomalies: &[CUT],
};

/// A session has ended, not by its own connection.
pub(super) fn on_cut(
    context: &Context<'_>,
    findings: &mut Findings,
    (group, member): (&str, &str),
    session: u64,
) {
    findings.report(context, &CUT, Place::CLUSTER, || {
        format!("group {group}: session {session} of {member} ended with an older connection")
    });
}
