//! What a voter says is on its disk before.
//!
//! Promise: when a voter shows an epoch, a candidacy, a vote or a leader to anybody, its epoch and its vote are in its
//! `quorum-state` file, and the file is synced: a power loss cannot make it vote twice. What the leader commits is
//! synced by a majority.
//! Source: KIP-595, KAFKA-10533; `FileQuorumStateStore`; Raft (Ongaro 2014) section 3.8.
//! Not verified: the known leader, which a voter may learn again; voters that never stated what they wrote.

use std::collections::BTreeMap;

use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};
use harrow_broker_model::voter_set::ReplicaKey;

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const FORGETFUL: Anomaly = Anomaly {
    name: "vote-not-durable",
    guarantee: Guarantee::Leadership,
    meaning: "a voter showed an epoch or a vote that is not on its disk, so that a power loss makes it forget",
};

const VOLATILE: Anomaly = Anomaly {
    name: "metadata-commit-not-durable",
    guarantee: Guarantee::Durability,
    meaning: "metadata was committed that is on the disks of less than a majority",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "quorum-state-durable",
    promise: "a voter's epoch, vote and log are on its disk before anybody counts on them",
    source: "KIP-595, FileQuorumStateStore",
    leaves_out: "the known leader, which a voter may learn again",
    anomalies: &[FORGETFUL, VOLATILE],
};

/// What voters have on their disks.
#[derive(Debug, Default)]
pub(super) struct QuorumDisks {
    written: BTreeMap<NodeId, Written>,
    /// Up to where voters' logs are on their disks.
    synced: BTreeMap<NodeId, Offset>,
}

#[derive(Debug, Clone, Copy)]
struct Written {
    epoch: LeaderEpoch,
    voted: Option<NodeId>,
    durable: bool,
}

impl QuorumDisks {
    /// A process starts: it says anew what it finds.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.written.remove(&node);
    }

    /// A voter says that its log is synced.
    pub(super) fn on_log_synced(&mut self, node: NodeId, end: Offset) {
        self.synced.insert(node, end);
    }

    /// A voter's log is cut, or found shorter than it was.
    pub(super) fn on_log_cut(&mut self, node: NodeId, to: Offset) {
        if let Some(synced) = self.synced.get_mut(&node) {
            *synced = (*synced).min(to);
        }
    }

    /// The quorum's leader raised its high watermark.
    pub(super) fn on_committed(&self, context: &Context<'_>, findings: &mut Findings, to: Offset) {
        let quorum = context.view.quorum();
        let has = |node: NodeId| self.synced.get(&node).is_some_and(|synced| *synced >= to);
        let voters = quorum.voters_of(context.node);
        // What a disk had that is lost since was there when it was counted.
        let had = |voter: &ReplicaKey| !quorum.is_intact(*voter) || has(voter.id);
        let holders = voters.keys().iter().filter(|voter| had(voter)).count();
        if context.view.states_all() && holders < voters.majority() {
            findings.report(context, &VOLATILE, TopicPartition::METADATA, || {
                format!(
                    "leader {} committed up to {to}; {holders} voters have that on their disks",
                    context.node
                )
            });
        }
    }

    /// A voter says that its state is written and synced, and the disk whether it is.
    pub(super) fn on_persisted(
        &mut self,
        node: NodeId,
        epoch: LeaderEpoch,
        voted: Option<NodeId>,
        durable: bool,
    ) {
        self.written.insert(node, Written { epoch, voted, durable });
    }

    /// A voter shows this epoch, and this vote in it if it has given one.
    pub(super) fn on_shown(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        epoch: LeaderEpoch,
        voted: Option<NodeId>,
    ) {
        let Some(written) = self.written.get(&context.node) else { return };
        let same_vote = voted.is_none() || written.voted == voted;
        if written.durable && written.epoch == epoch && same_vote {
            return;
        }
        findings.report(context, &FORGETFUL, TopicPartition::METADATA, || {
            let vote = |voted: Option<NodeId>| {
                voted.map_or_else(|| "no vote".to_owned(), |node| format!("a vote for {node}"))
            };
            let synced = if written.durable { "" } else { ", not synced" };
            format!(
                "voter {} shows epoch {epoch} and {}; on its disk are epoch {} and {}{synced}",
                context.node,
                vote(voted),
                written.epoch,
                vote(written.voted)
            )
        });
    }
}
