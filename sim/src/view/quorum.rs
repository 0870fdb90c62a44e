//! The true state of the controller quorum, as its voters state it.

use harrow_broker_model::note::QuorumRole;
use harrow_broker_model::types::{LeaderEpoch, NodeId};

/// The voters.
#[derive(Debug)]
pub struct QuorumView {
    voters: Vec<VoterView>,
}

/// One voter.
#[derive(Debug, Clone)]
pub struct VoterView {
    /// Who.
    pub node: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// Its role in it.
    pub role: QuorumRole,
    /// The leader that it knows.
    pub leader: Option<NodeId>,
    /// Whether it acts as the active controller, and in which epoch it began to.
    pub active_in: Option<LeaderEpoch>,
}

impl QuorumView {
    pub(crate) fn new(voters: &[NodeId]) -> Self {
        let voter = |node: &NodeId| VoterView {
            node: *node,
            epoch: LeaderEpoch::default(),
            role: QuorumRole::Unattached,
            leader: None,
            active_in: None,
        };
        Self { voters: voters.iter().map(voter).collect() }
    }

    /// All voters.
    pub fn voters(&self) -> &[VoterView] {
        &self.voters
    }

    /// One voter.
    pub fn voter(&self, node: NodeId) -> Option<&VoterView> {
        self.voters.iter().find(|voter| voter.node == node)
    }

    /// Votes that make a majority.
    pub fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// The active controller; the one of the newest epoch if an older one has not noticed yet.
    pub fn active_controller(&self) -> Option<NodeId> {
        let active = self.voters.iter().filter(|voter| voter.active_in.is_some());
        active.max_by_key(|voter| voter.active_in).map(|voter| voter.node)
    }

    pub(crate) fn state_changed(
        &mut self,
        node: NodeId,
        epoch: LeaderEpoch,
        role: QuorumRole,
        leader: Option<NodeId>,
    ) {
        if let Some(voter) = self.voter_mut(node) {
            voter.epoch = epoch;
            voter.role = role;
            voter.leader = leader;
        }
    }

    pub(crate) fn activated(&mut self, node: NodeId, epoch: LeaderEpoch, active: bool) {
        if let Some(voter) = self.voter_mut(node) {
            voter.active_in = active.then_some(epoch);
        }
    }

    pub(crate) fn process_ended(&mut self, node: NodeId) {
        if let Some(voter) = self.voter_mut(node) {
            voter.active_in = None;
            voter.role = QuorumRole::Unattached;
            voter.leader = None;
        }
    }

    fn voter_mut(&mut self, node: NodeId) -> Option<&mut VoterView> {
        self.voters.iter_mut().find(|voter| voter.node == node)
    }
}
