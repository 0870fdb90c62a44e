//! On which metadata a broker acts.
//!
//! Promise: a broker leads or follows only once it has applied the metadata up to its own registration: what was true
//! in an earlier uptime never makes it lead; and the registrations by which a leader goes only become newer.
//! Source: KIP-631; `BrokerMetadataPublisher`, `Partition.makeLeader`, rule 2.1.7.
//! Not verified: followers' versions, which no rule uses; whether a broker waits for its own registration where a late
//! one of an earlier uptime was taken first.

use std::collections::BTreeMap;

use harrow_broker_model::types::{NodeId, Offset, PartitionEpoch, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const BACKWARDS: Anomaly = Anomaly {
    name: "registration-regress",
    guarantee: Guarantee::Leadership,
    meaning: "a leader went back to an older registration of its partition",
};
const EARLY: Anomaly = Anomaly {
    name: "acts-before-registration",
    guarantee: Guarantee::Leadership,
    meaning: "a broker led or followed by metadata from before its own registration",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "metadata-freshness",
    promise: "brokers act on the metadata of their own uptime, and never on older after newer",
    source: "KIP-631, Partition.makeLeader",
    leaves_out: "followers' versions",
    anomalies: &[BACKWARDS, EARLY],
};

/// The versions by which leaders go.
#[derive(Debug, Default)]
pub(super) struct RegistrationVersions {
    versions: BTreeMap<(NodeId, TopicPartition), PartitionEpoch>,
}

impl RegistrationVersions {
    /// A process starts: it knows no version.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.versions.retain(|(known, _), _| *known != node);
    }

    /// A leader goes by this version from now on.
    pub(super) fn on_version(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        version: PartitionEpoch,
    ) {
        let before = self.versions.insert((context.node, partition), version);
        if let Some(before) = before.filter(|before| *before > version) {
            findings.report(context, &BACKWARDS, partition, || {
                format!(
                    "leader {} went from partition epoch {before} back to {version}",
                    context.node
                )
            });
        }
    }
}

/// A broker leads or follows from now on; it has applied the metadata up to an offset.
pub(super) fn on_acts(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    applied: Option<Offset>,
) {
    if !context.view.states_all() {
        return;
    }
    // Of several since it started, one may be of an earlier uptime, whose request was long under way: which of
    // them is its
    // own nobody knows, and by the first of them it need not have waited for the others.
    let own = context.view.first_registration(context.node);
    let reached = own.is_some_and(|own| applied.is_some_and(|applied| applied >= own));
    if !reached || !context.view.has_registered(context.node) {
        findings.report(context, &EARLY, partition, || {
            let own = own.map_or_else(|| "none".to_owned(), |own| own.to_string());
            format!("node {} acts before it knows of its registration {own}", context.node)
        });
    }
}
