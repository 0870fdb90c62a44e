//! What nobody waits for is committed once.
//!
//! Promise: a commit for which the application does not wait (`commitAsync`, auto-commit) is sent once, whatever
//! becomes of it: by the time that it could be tried again, a newer one may have been committed, and the older one
//! would set the group back, whose next member does again what is done.
//! Source: `KafkaConsumer.commitAsync`, `ConsumerCoordinator.doCommitOffsetsAsync`,
//! `CommitRequestManager.commitAsync`.
//! Not verified: commits that an application waits for, which are tried again, in the consumer protocol also when the
//! application was woken up meanwhile; in which order commits are answered.

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const REPEATED: Anomaly = Anomaly {
    name: "async-commit-repeated",
    guarantee: Guarantee::Offsets,
    meaning: "a consumer sent a commit again for which its application does not wait, though a newer one may be done",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "async-commits",
    promise: "a commit for which nobody waits is sent once",
    source: "ConsumerCoordinator.doCommitOffsetsAsync, CommitRequestManager.commitAsync",
    leaves_out: "commits that an application waits for; in which order commits are answered",
    anomalies: &[REPEATED],
};

/// A consumer sends a commit once more.
pub(super) fn on_repeated(
    context: &Context<'_>,
    findings: &mut Findings,
    group: &str,
    waits: bool,
) {
    if !waits {
        findings.report(context, &REPEATED, Place::CLUSTER, || {
            format!("node {} sent a commit of {group} again, for which nobody waits", context.node)
        });
    }
}
