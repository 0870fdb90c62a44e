//! Elections: who is elected has everything that was committed.
//!
//! Promise: a newly elected leader's log begins with all committed records, unless the election is an unclean one that
//! the topic permits, or as many replicas lost unflushed records as must hold each committed one. An unclean election
//! happens only on a topic that permits it, or as recovery by the last known leader when ISR and ELR are empty.
//! Source: KIP-101, KIP-966; `LeaderCompleteness` of the Kafka TLA+ specifications.
//! A last known leader that lost unflushed records is the best there is. A controller may also choose a node that is
//! down, or up again and not registered: it cannot know what that node lost, and the node does not act before it
//! registers. So such a choice is judged when the node begins to act as leader.
//! Not verified: that the best of several candidates is elected.

use harrow_broker_model::note::PartitionRegistration;
use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};

use crate::view::PartitionView;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const INCOMPLETE: Anomaly = Anomaly {
    name: "leader-completeness",
    guarantee: Guarantee::Durability,
    meaning: "a leader was elected that does not hold all committed records",
};
const UNCLEAN: Anomaly = Anomaly {
    name: "illegal-unclean-election",
    guarantee: Guarantee::Durability,
    meaning: "a replica outside ISR and ELR was elected although the topic forbids it",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "leader-completeness",
    promise: "an elected leader holds every committed record",
    source: "KIP-101, KIP-966, LeaderCompleteness",
    leaves_out: "that the best of several candidates is elected",
    anomalies: &[INCOMPLETE, UNCLEAN],
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
    let Some(leader) = view.newly_elected(next) else { return };
    let permitted = context
        .view
        .registry()
        .topic(partition.topic)
        .is_some_and(|topic| topic.unclean_leader_election);
    let last_known = unclean && recovers_last_known(context, view, leader);
    let lossy = view.replica(leader).is_some_and(|replica| replica.lossy);
    if unclean && !permitted && !last_known {
        findings.report(context, &UNCLEAN, partition, || {
            format!("node {leader} was elected uncleanly in epoch {}", next.leader_epoch)
        });
    } else if !(unclean && permitted || last_known && lossy || view.loss_is_permitted())
        && context.view.knows_losses_of(leader, lossy)
    {
        check_complete(context, findings, view, leader, next.leader_epoch);
    }
}

/// A node began to act as leader.
pub(super) fn on_became_leader(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    epoch: LeaderEpoch,
) {
    let Some(view) = context.view.partition(partition) else { return };
    // An unclean election was judged when it was registered.
    let judged = view.lost_in.is_some_and(|lost_in| lost_in >= epoch);
    if epoch == view.leader_epoch() && !judged && !view.loss_is_permitted() {
        check_complete(context, findings, view, context.node, epoch);
    }
}

/// Whether this is recovery by the last known leader: nobody is in sync, and whoever was eligible has ended its process
/// since it registered, so that the same change may take its eligibility away.
fn recovers_last_known(context: &Context<'_>, view: &PartitionView, leader: NodeId) -> bool {
    view.registration.as_ref().is_some_and(|before| {
        let gone = |member: &NodeId| !context.view.has_registered(*member);
        before.last_known_leader == Some(leader)
            && before.isr.is_empty()
            && before.elr.iter().all(gone)
    })
}

fn check_complete(
    context: &Context<'_>,
    findings: &mut Findings,
    view: &PartitionView,
    leader: NodeId,
    epoch: LeaderEpoch,
) {
    if view.holds_committed(leader) {
        return;
    }
    let has = view
        .replica(leader)
        .map_or(view.committed.start(), |replica| view.committed.common_end(&replica.log));
    let end = view.committed.end();
    findings.report(context, &INCOMPLETE, (view.partition, has, end.plus(-1)), || {
        format!("node {leader} leads in epoch {epoch} with committed records up to {has} of {end}")
    });
}
