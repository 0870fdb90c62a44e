//! Who joins the ISR: only a replica that has everything.
//!
//! Promise: a replica that joins ISR or ELR holds all committed records at the instant at which the change is
//! committed; a member that stays does as well, once the controller can know what it lost; a leader proposes one only
//! when its log reaches the leader's high watermark and the start of the leader's epoch, with equal content, and when
//! it follows in that epoch; every member of the ISR that a leader of the present epoch goes by holds all below that
//! leader's high watermark; who leaves an ISR that is short, or the ELR, stays eligible unless its process ended.
//! Source: KIP-497, KAFKA-7128, KIP-966; `Partition.isFollowerInSync`; `LeaderCandidateCompleteness`, `WeakIsr`.
//! Not verified: that a replica outside is let in when it could be. A replica that lost unflushed records and
//! restarted between proposal and commit, and has not registered yet, is not reported. A fenced broker that had an
//! earlier process may leave the ELR in good order: that process's registration, long under way, is taken for news and,
//! without a clean stop, for a loss; the record of it comes only after that of the partition.

use harrow_broker_model::note::PartitionRegistration;
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use crate::view::{PartitionView, ReplicaView, list};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const INCOMPLETE: Anomaly = Anomaly {
    name: "isr-incomplete",
    guarantee: Guarantee::Durability,
    meaning: "a replica joined ISR or ELR without holding all committed records",
};
const TOO_EARLY: Anomaly = Anomaly {
    name: "isr-join-too-early",
    guarantee: Guarantee::Replication,
    meaning: "a leader proposed a replica whose log ends below the high watermark or the start of its epoch",
};
const UNFETCHED: Anomaly = Anomaly {
    name: "isr-join-unfetched",
    guarantee: Guarantee::Replication,
    meaning: "a leader proposed a replica that has not followed in its epoch",
};
const BEHIND: Anomaly = Anomaly {
    name: "isr-member-behind",
    guarantee: Guarantee::Replication,
    meaning: "a leader uses an ISR with a member that does not hold all below its high watermark",
};
const STAYS: Anomaly = Anomaly {
    name: "candidate-incomplete",
    guarantee: Guarantee::Durability,
    meaning: "a replica stays in ISR or ELR although it lost committed records and the controller could know",
};

const FORGOTTEN: Anomaly = Anomaly {
    name: "elr-incomplete",
    guarantee: Guarantee::Durability,
    meaning: "a replica left a short ISR in good order, or the ELR, and is not eligible any more",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "isr-membership",
    promise: "whoever may be elected cleanly holds every committed record",
    source: "KIP-497, KAFKA-7128, KIP-966",
    leaves_out: "how soon a replica is let in",
    anomalies: &[INCOMPLETE, TOO_EARLY, UNFETCHED, BEHIND, STAYS, FORGOTTEN],
};

/// A registration was committed.
pub(super) fn on_registered(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    next: &PartitionRegistration,
    unclean: bool,
) {
    let Some(view) = context.view.partition(partition) else { return };
    if !unclean {
        check_eligible(context, findings, view, next);
    }
    let elected = view.newly_elected(next);
    if unclean || elected.is_some_and(|leader| !view.holds_committed(leader)) {
        return;
    }
    for member in next.isr.iter().chain(&next.elr).copied() {
        if view.holds_committed(member) || lost_unnoticed(context, view, member) {
            continue;
        }
        let end = view.committed.end();
        if !view.is_electable(member) {
            findings.report(context, &INCOMPLETE, partition, || {
                format!("node {member} joined without all committed records, which end at {end}")
            });
        } else if !view.loss_is_permitted() && elected.is_none() {
            findings.report(context, &STAYS, partition, || {
                format!("node {member} stays without all committed records, which end at {end}")
            });
        }
    }
}

/// Who leaves while the ISR is short holds all that is committed, because nothing commits from then on: it stays
/// eligible,
/// unless its process ended since.
fn check_eligible(
    context: &Context<'_>,
    findings: &mut Findings,
    view: &PartitionView,
    next: &PartitionRegistration,
) {
    let Some(before) = &view.registration else { return };
    let short = next.isr.len() < view.min_insync_replicas as usize;
    if is_cleared(context, before, next) {
        return;
    }
    if !short || !context.view.states_all() || !context.view.keeps_eligible_replicas() {
        return;
    }
    let stays = |member: &NodeId| {
        next.isr.contains(member) || next.elr.contains(member) || !next.replicas.contains(member)
    };
    let ended = |member: NodeId| {
        view.replica(member).is_none_or(|replica| replica.unclean)
            || !context.view.has_registered(member)
            || context.view.may_register_late(member)
    };
    let mut candidates = before.isr.iter().chain(&before.elr).copied();
    if let Some(member) = candidates.find(|member| !stays(member) && !ended(*member)) {
        findings.report(context, &FORGOTTEN, view.partition, || {
            format!(
                "node {member} left: ISR {}, ELR {}, min.insync.replicas {}",
                list(&next.isr),
                list(&next.elr),
                view.min_insync_replicas
            )
        });
    }
}

/// Whether nobody is eligible any more because `min.insync.replicas` was changed. Source: KIP-966, `ClearElrRecord`.
fn is_cleared(
    context: &Context<'_>,
    before: &PartitionRegistration,
    next: &PartitionRegistration,
) -> bool {
    let same =
        (&before.isr, before.leader, &before.replicas) == (&next.isr, next.leader, &next.replicas);
    let topics = context.view.registry().topics().values();
    same && next.elr.is_empty() && topics.clone().any(|topic| topic.minimum_changed)
}

/// Whether the member's process restarted with less than it had, and the controller cannot know yet.
fn lost_unnoticed(context: &Context<'_>, view: &PartitionView, member: NodeId) -> bool {
    view.replica(member).is_some_and(|replica| replica.lossy)
        && !context.view.has_registered(member)
}

/// A leader, which has applied the metadata up to an offset, proposed another ISR. What a member lost since the leader
/// heard of it, the leader cannot know before it knows of the member's next uptime.
pub(super) fn on_proposed(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    (epoch, from, to): (LeaderEpoch, &[NodeId], &[NodeId]),
    applied: Option<Offset>,
) {
    let Some(view) = context.view.partition(partition) else { return };
    let leads = view.registration.as_ref().is_some_and(|now| now.leader == Some(context.node));
    let Some(leader) = view.replica(context.node) else { return };
    if !leads || epoch != view.leader_epoch() {
        return;
    }
    for member in to.iter().copied().filter(|member| !from.contains(member)) {
        if view.replica(member).is_none_or(|replica| replica.leader_epoch != epoch) {
            findings.report(context, &UNFETCHED, partition, || {
                format!("leader {} of epoch {epoch} proposed node {member}", context.node)
            });
            return;
        }
    }
    let needed = leader.high_watermark.max(leader.epoch_start_offset);
    for member in to.iter().copied().filter(|member| !from.contains(member)) {
        let known = context.view.registry().broker(member).is_some_and(|broker| {
            applied.is_some_and(|applied| applied.0 >= broker.broker_epoch.0)
        });
        let unheard = !known || !context.view.has_registered(member);
        let reaches = |replica: &ReplicaView| {
            replica.lossy && unheard || leader.log.common_end(&replica.log) >= needed
        };
        if !view.replica(member).is_some_and(reaches) {
            findings.report(context, &TOO_EARLY, partition, || {
                format!(
                    "leader {} proposed node {member}, whose log does not reach {needed}",
                    context.node
                )
            });
        }
    }
}

/// A leader goes by this ISR from now on.
pub(super) fn on_believed(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    epoch: LeaderEpoch,
    isr: &[NodeId],
) {
    let Some(view) = context.view.partition(partition) else { return };
    let Some(registered) = view.registration.as_ref() else { return };
    let Some(leader) = view.replica(context.node) else { return };
    if registered.leader != Some(context.node) || registered.leader_epoch != epoch {
        return;
    }
    let committed = leader.high_watermark;
    for member in isr.iter().copied().filter(|member| registered.isr.contains(member)) {
        let holds = |replica: &ReplicaView| {
            // What is below both log starts is gone, and nobody can tell how it differed.
            let start = leader.log_start_offset.max(replica.log_start_offset);
            replica.lossy
                || leader.log.common_end(&replica.log) >= committed
                || leader.log.is_equal_between(&replica.log, (start, committed))
        };
        if !view.replica(member).is_some_and(holds) {
            findings.report(context, &BEHIND, partition, || {
                format!(
                    "leader {} has node {member} in its ISR, whose log does not reach {committed}",
                    context.node
                )
            });
        }
    }
}
