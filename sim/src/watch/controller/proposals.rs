//! Changes of the ISR that leaders ask for: only the present leader's, and only from what is true now.
//!
//! Promise: a proposal that the controller accepted and that is committed came from the leader of the registration
//! before it, in its epoch, with its version, by the registered uptimes of the sender and of every member.
//! Source: KIP-497, KIP-841, KIP-903; `ReplicationControlManager.validateAlterPartitionData`.
//! Not verified: proposals that are refused; what an active controller accepts and never commits.

use std::collections::BTreeMap;

use harrow_broker_model::note::{AcceptedProposal, PartitionRegistration};
use harrow_broker_model::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const STALE: Anomaly = Anomaly {
    name: "stale-isr-change-accepted",
    guarantee: Guarantee::Leadership,
    meaning: "the controller took an ISR from a deposed leader, by an old version or with an earlier uptime",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "isr-proposal",
    promise: "only the present leader changes the ISR, from the present state",
    source: "KIP-497, KIP-841, KIP-903",
    leaves_out: "proposals that are refused or never committed",
    anomalies: &[STALE],
};

/// Proposals accepted and not yet committed, by the controller's epoch and the offset of the change.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    accepted: BTreeMap<(LeaderEpoch, Offset), (TopicPartition, AcceptedProposal)>,
}

impl Proposals {
    pub(super) fn on_accepted(
        &mut self,
        controller_epoch: LeaderEpoch,
        offset: Offset,
        partition: TopicPartition,
        proposal: &AcceptedProposal,
    ) {
        self.accepted.insert((controller_epoch, offset), (partition, proposal.clone()));
    }

    /// A registration was committed: the state before it is the one by which the proposal had to be judged.
    pub(super) fn on_registered(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        controller_epoch: LeaderEpoch,
        offset: Offset,
    ) {
        let accepted = self.accepted.remove(&(controller_epoch, offset));
        // What is below will not be committed any more: another controller's records are there.
        self.accepted.retain(|(_, written), _| *written > offset);
        let Some((partition, proposal)) = accepted else { return };
        let before = context.view.partition(partition).and_then(|view| view.registration.as_ref());
        if let Some(problem) = before.and_then(|before| stale(context, before, &proposal)) {
            findings.report(context, &STALE, partition, || {
                format!("the controller took an ISR from node {}: {problem}", proposal.broker)
            });
        }
    }
}

fn stale(
    context: &Context<'_>,
    before: &PartitionRegistration,
    proposal: &AcceptedProposal,
) -> Option<String> {
    let AcceptedProposal { broker, broker_epoch, leader_epoch, partition_epoch, .. } = proposal;
    if before.leader != Some(*broker) || before.leader_epoch != *leader_epoch {
        let (leader, now) = (before.leader.unwrap_or_default(), before.leader_epoch);
        return Some(format!("it led in epoch {leader_epoch}, now node {leader} does in {now}"));
    }
    if before.partition_epoch != *partition_epoch {
        let now = before.partition_epoch;
        return Some(format!("it knew partition epoch {partition_epoch}, now it is {now}"));
    }
    let outdated = |(node, epoch): &&(NodeId, BrokerEpoch)| {
        let known = context.view.registry().broker(*node);
        *epoch != BrokerEpoch::NONE && known.is_some_and(|known| known.broker_epoch != *epoch)
    };
    let sender = (*broker, *broker_epoch);
    let mut named = std::iter::once(&sender).chain(&proposal.members);
    let (node, epoch) = named.find(outdated)?;
    Some(format!("it named broker epoch {epoch} of node {node}, which has another by now"))
}
