//! One leader an epoch, and registrations that make sense.
//!
//! Promise: one node acts as leader in an epoch, the one registered for it; leader epochs and partition epochs only
//! grow, with each election, each replica that goes and each change; the leader is in the ISR; ISR and ELR are disjoint
//! sets of replicas;
//! with an ISR of at least `min.insync.replicas` the ELR is empty; when both are empty, the last known leader is
//! kept; nobody joins the ISR while fenced or shutting down, and who is fenced has left it before; a broker that
//! comes back after an unclean stop is in neither; each uptime of a broker has a greater broker epoch.
//! Source: KIP-380, KIP-497, KIP-841, KIP-966; `ValidControllerIsrAndElr`, `MinIsrRecoveryQuorum`.
//! Not verified: whether a change was necessary, of which `kept_lead` judges elections; that a live uptime is fenced
//! before another one is registered.

use std::collections::BTreeMap;

use harrow_broker_model::note::{MetadataChange, PartitionRegistration};
use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};

use crate::view::{PartitionView, list};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const DUAL: Anomaly = Anomaly {
    name: "dual-leader",
    guarantee: Guarantee::Leadership,
    meaning: "two nodes led one partition in one epoch, or one that was not elected for it",
};
const REGRESS: Anomaly = Anomaly {
    name: "epoch-regress",
    guarantee: Guarantee::Leadership,
    meaning: "a leader epoch or partition epoch did not grow where it must",
};
const OUTSIDE: Anomaly = Anomaly {
    name: "leader-not-in-isr",
    guarantee: Guarantee::Leadership,
    meaning: "the registered leader is not in the ISR",
};
const SHAPE: Anomaly = Anomaly {
    name: "registration-shape",
    guarantee: Guarantee::Replication,
    meaning: "ISR or ELR hold nodes that they must not",
};
const OVERLAP: Anomaly = Anomaly {
    name: "isr-elr-overlap",
    guarantee: Guarantee::Replication,
    meaning: "a replica is in ISR and ELR at once",
};
const FENCED: Anomaly = Anomaly {
    name: "fenced-in-isr",
    guarantee: Guarantee::Replication,
    meaning: "a broker is fenced, or back after an unclean stop, while it still counts for a partition",
};
const BROKER_EPOCH: Anomaly = Anomaly {
    name: "broker-epoch-regress",
    guarantee: Guarantee::Leadership,
    meaning: "an uptime of a broker was registered with a broker epoch that is not new",
};
const AGAIN: Anomaly = Anomaly {
    name: "uptime-registered-twice",
    guarantee: Guarantee::Leadership,
    meaning: "an uptime of a broker was registered again, with another broker epoch",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "leadership",
    promise: "an epoch has one leader, epochs grow, and the leader is in sync",
    source: "KIP-380, KIP-497, KIP-841, KIP-966, ValidControllerIsrAndElr",
    leaves_out: "whether a change of the ISR was necessary",
    anomalies: &[DUAL, REGRESS, OUTSIDE, SHAPE, OVERLAP, FENCED, BROKER_EPOCH, AGAIN],
};

/// Who led, or was elected to lead, each epoch.
#[derive(Debug, Default)]
pub(super) struct Leadership {
    leaders: BTreeMap<(TopicPartition, LeaderEpoch), NodeId>,
}

impl Leadership {
    /// A node began to act as leader.
    pub(super) fn on_became_leader(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        epoch: LeaderEpoch,
    ) {
        self.claim(context, findings, partition, epoch, context.node);
    }

    /// A registration was committed.
    pub(super) fn on_registered(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        next: &PartitionRegistration,
    ) {
        if let Some(before) =
            context.view.partition(partition).and_then(|view| view.registration.as_ref())
        {
            check_epochs(context, findings, partition, before, next);
        }
        if let Some(leader) = next.leader {
            self.claim(context, findings, partition, next.leader_epoch, leader);
            if !next.isr.contains(&leader) {
                findings.report(context, &OUTSIDE, partition, || {
                    format!(
                        "leader {leader} of epoch {} is not in ISR {}",
                        next.leader_epoch,
                        list(&next.isr)
                    )
                });
            }
        }
        check_shape(context, findings, partition, next);
    }

    fn claim(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        epoch: LeaderEpoch,
        leader: NodeId,
    ) {
        let known = *self.leaders.entry((partition, epoch)).or_insert(leader);
        if known != leader {
            findings.report(context, &DUAL, partition, || {
                format!("node {leader} leads in epoch {epoch}, which is node {known}'s")
            });
        }
    }
}

/// The state of a broker changed: it is registered, fenced or unfenced.
pub(super) fn on_broker(context: &Context<'_>, findings: &mut Findings, change: &MetadataChange) {
    if let MetadataChange::BrokerRegistered { broker, broker_epoch, unclean, again } = change {
        if again.0 {
            findings.report(context, &AGAIN, TopicPartition::METADATA, || {
                format!(
                    "an uptime of broker {broker} is registered again, with epoch {broker_epoch}"
                )
            });
        }
        let before = context.view.registry().broker(*broker).map(|known| known.broker_epoch);
        if let Some(before) = before.filter(|before| broker_epoch <= before) {
            findings.report(context, &BROKER_EPOCH, TopicPartition::METADATA, || {
                format!("broker {broker} registered with epoch {broker_epoch} after {before}")
            });
        }
        if *unclean && context.view.keeps_eligible_replicas() {
            check_left(context, findings, *broker, true);
        }
    } else if let MetadataChange::BrokerChanged { broker, fenced: true, .. } = change {
        check_left(context, findings, *broker, false);
    }
}

/// The broker must have left every ISR, and every ELR too if it stopped uncleanly.
fn check_left(context: &Context<'_>, findings: &mut Findings, broker: NodeId, unclean: bool) {
    for view in context.view.partitions() {
        let Some(now) = &view.registration else { continue };
        // Before KIP-966 the last member stays in the ISR of a partition that nobody leads.
        let last = now.leader.is_none() && now.isr == [broker];
        if last && !context.view.keeps_eligible_replicas() {
            continue;
        }
        if now.isr.contains(&broker) || (unclean && now.elr.contains(&broker)) {
            let what = if unclean { "came back after an unclean stop" } else { "is fenced" };
            findings.report(context, &FENCED, view.partition, || {
                format!("broker {broker} {what}: ISR {}, ELR {}", list(&now.isr), list(&now.elr))
            });
        }
    }
}

fn check_epochs(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    before: &PartitionRegistration,
    next: &PartitionRegistration,
) {
    let elected = next.leader.is_some() && next.leader != before.leader;
    let is_gone = |node: &NodeId| !next.replicas.contains(node);
    let dropped = before.replicas.iter().any(is_gone);
    let fell = next.leader_epoch < before.leader_epoch
        || (dropped && next.leader_epoch == before.leader_epoch)
        || next.partition_epoch <= before.partition_epoch
        || (elected && next.leader_epoch == before.leader_epoch);
    if fell {
        findings.report(context, &REGRESS, partition, || {
            format!(
                "leader epoch {} and partition epoch {} came after {} and {}",
                next.leader_epoch,
                next.partition_epoch,
                before.leader_epoch,
                before.partition_epoch
            )
        });
    }
}

fn check_shape(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    next: &PartitionRegistration,
) {
    let overlap = next.isr.iter().any(|member| next.elr.contains(member));
    let problem = if overlap {
        Some((&OVERLAP, "ISR and ELR overlap"))
    } else {
        shape_problem(context, partition, next).map(|problem| (&SHAPE, problem))
    };
    if let Some((anomaly, problem)) = problem {
        findings.report(context, anomaly, partition, || {
            format!(
                "{problem}: replicas {}, ISR {}, ELR {}",
                list(&next.replicas),
                list(&next.isr),
                list(&next.elr)
            )
        });
    }
}

fn shape_problem(
    context: &Context<'_>,
    partition: TopicPartition,
    next: &PartitionRegistration,
) -> Option<&'static str> {
    let registry = context.view.registry();
    let members = || next.isr.iter().chain(&next.elr);
    if members().any(|member| !next.replicas.contains(member)) {
        return Some("a member is no replica");
    }
    if next.isr.is_empty() && next.elr.is_empty() && next.last_known_leader.is_none() {
        return Some("nobody may ever lead again");
    }
    let min_isr = registry.topic(partition.topic).map(|topic| topic.min_insync_replicas as usize);
    if min_isr.is_some_and(|min_isr| next.isr.len() >= min_isr) && !next.elr.is_empty() {
        return Some("the ELR is not empty beside a sufficient ISR");
    }
    let inactive = |member: NodeId| {
        registry.broker(member).is_some_and(|broker| broker.fenced || broker.shutting_down)
    };
    let joined_inactive = |view: &PartitionView| view.isr_joiners(next).any(inactive);
    if context.view.partition(partition).is_some_and(joined_inactive) {
        return Some("a fenced or stopping broker joined the ISR");
    }
    None
}
