//! The in-sync replicas, and what is proposed.

use crate::types::{BrokerEpoch, NodeId, TopicPartition};

/// Committed members and at most one proposal.
#[derive(Debug, Clone)]
pub(super) struct IsrState {
    pub(super) committed: Vec<NodeId>,
    pub(super) proposal: Option<Proposal>,
}

/// A proposed ISR that is not known to be accepted or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proposal {
    /// Members in replica order, each with the broker epoch in which the leader knew it then.
    pub(super) members: Vec<(NodeId, BrokerEpoch)>,
    /// Whether the transport has it. It stays until the controller's answer or newer metadata ends it.
    pub(super) submitted: bool,
}

impl Proposal {
    pub(super) fn contains(&self, replica: NodeId) -> bool {
        self.members.iter().any(|(member, _)| *member == replica)
    }
}

impl IsrState {
    /// As registered, nothing proposed.
    pub(super) fn new(committed: Vec<NodeId>) -> Self {
        Self { committed, proposal: None }
    }

    /// Members by the controller's last word.
    pub(super) fn committed(&self) -> &[NodeId] {
        &self.committed
    }

    /// Whether the controller has not answered a proposal.
    pub(super) fn is_pending(&self) -> bool {
        self.proposal.is_some()
    }

    /// Whether a replica is in the maximal ISR: committed members and proposed ones. A shrink takes effect only when
    /// the controller has accepted it, an expansion at once.
    pub(super) fn maximal_contains(&self, replica: NodeId) -> bool {
        self.committed.contains(&replica)
            || self.proposal.as_ref().is_some_and(|proposal| proposal.contains(replica))
    }

    /// Size of the maximal ISR.
    pub(super) fn maximal_len(&self) -> usize {
        let added = self.proposal.as_ref().map_or(0, |proposal| {
            proposal.members.iter().filter(|(member, _)| !self.committed.contains(member)).count()
        });
        self.committed.len() + added
    }

    /// Whether the high watermark must wait for a replica's copy.
    pub(super) fn holds_high_watermark(&self, replica: NodeId, by_proposal: bool) -> bool {
        match self.proposal.as_ref().filter(|_| by_proposal) {
            Some(proposal) => proposal.contains(replica),
            None => self.maximal_contains(replica),
        }
    }

    /// The leader is a member; each member is a replica, once; what is proposed is another ISR with its leader in it.
    pub(super) fn self_check(&self, id: TopicPartition, leader: NodeId, replicas: &[NodeId]) {
        let committed = &self.committed;
        assert!(committed.contains(&leader), "{id}: leader {leader} is not in its ISR");
        for (place, member) in committed.iter().enumerate() {
            let fits = replicas.contains(member) && !committed[..place].contains(member);
            assert!(fits, "{id}: ISR {committed:?} of the replicas {replicas:?}");
        }
        let Some(Proposal { members, .. }) = &self.proposal else { return };
        for (member, _) in members {
            assert!(replicas.contains(member), "{id}: {member} is proposed, of {replicas:?}");
        }
        let of_leader = |(member, _): &(NodeId, BrokerEpoch)| *member == leader;
        assert!(members.iter().any(of_leader), "{id}: an ISR without {leader} is proposed");
        let same = members.len() == committed.len()
            && members.iter().all(|(member, _)| committed.contains(member));
        assert!(!same, "{id}: {committed:?} is the ISR, and is proposed");
    }
}
