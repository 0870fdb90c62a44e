//! The true state of the controller quorum, as its controllers state it: who is what, and who votes.

use std::collections::BTreeMap;

use harrow_broker_model::config::ClusterConfig;
use harrow_broker_model::note::QuorumRole;
use harrow_broker_model::types::{DirectoryId, LeaderEpoch, NodeId, Offset};
use harrow_broker_model::voter_set::{ReplicaKey, VoterSet};

/// The controllers, voters or not.
#[derive(Debug)]
pub struct QuorumView {
    voters: Vec<VoterView>,
    /// Whether voters come and go.
    changes: bool,
    /// The voters with which the cluster begins.
    first: VoterSet,
    /// By which voters each controller goes, and where they are written.
    sets: BTreeMap<NodeId, (Offset, VoterSet)>,
    /// On which disk each is; nothing of one whose disk was emptied, until it says so.
    directories: BTreeMap<NodeId, DirectoryId>,
    /// The last set that is committed.
    committed: (Offset, VoterSet),
    /// The set by which the leader went that committed last.
    counted: VoterSet,
}

/// One controller.
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
    pub(crate) fn new(cluster: &ClusterConfig) -> Self {
        let voter = |node: &NodeId| VoterView {
            node: *node,
            epoch: LeaderEpoch::default(),
            role: QuorumRole::Unattached,
            leader: None,
            active_in: None,
        };
        let key = |id: &NodeId| ReplicaKey { id: *id, directory: DirectoryId::UNASSIGNED };
        let first = VoterSet::new(cluster.first_voters().iter().map(key));
        Self {
            voters: cluster.controllers.iter().map(voter).collect(),
            changes: cluster.is_reconfigurable(),
            committed: (Offset::NONE, first.clone()),
            counted: first.clone(),
            first,
            sets: BTreeMap::new(),
            directories: BTreeMap::new(),
        }
    }

    /// All controllers, voters or not.
    pub fn voters(&self) -> &[VoterView] {
        &self.voters
    }

    /// One controller.
    pub fn voter(&self, node: NodeId) -> Option<&VoterView> {
        self.voters.iter().find(|voter| voter.node == node)
    }

    /// Whether voters come and go.
    pub fn changes(&self) -> bool {
        self.changes
    }

    /// The voters by which a controller goes.
    pub fn voters_of(&self, node: NodeId) -> &VoterSet {
        self.sets.get(&node).map_or(&self.first, |(_, voters)| voters)
    }

    /// Where these are written; [`Offset::NONE`] if nowhere.
    pub fn voters_at(&self, node: NodeId) -> Offset {
        self.sets.get(&node).map_or(Offset::NONE, |(offset, _)| *offset)
    }

    /// The last set that is committed, and where it is written.
    pub fn committed_voters(&self) -> (Offset, &VoterSet) {
        (self.committed.0, &self.committed.1)
    }

    /// The voters of whom a majority holds what is committed.
    pub fn counted_voters(&self) -> &VoterSet {
        &self.counted
    }

    /// Every set that may come to count: the one that is committed, and those that are written behind it.
    pub fn possible_voters(&self) -> impl Iterator<Item = &VoterSet> {
        let (at, committed) = (self.committed.0, &self.committed.1);
        let later = self.sets.values().filter(move |(offset, _)| *offset > at);
        std::iter::once(committed).chain(later.map(|(_, voters)| voters))
    }

    /// Whether a voter has its disk still, and so its vote.
    pub fn is_intact(&self, voter: ReplicaKey) -> bool {
        voter.directory == DirectoryId::UNASSIGNED
            || self.directories.get(&voter.id) == Some(&voter.directory)
    }

    /// What a controller is now, on its disk.
    pub fn replica_key(&self, node: NodeId) -> Option<ReplicaKey> {
        self.directories.get(&node).map(|directory| ReplicaKey { id: node, directory: *directory })
    }

    pub(crate) fn directory_found(&mut self, node: NodeId, directory: DirectoryId) {
        self.directories.insert(node, directory);
    }

    pub(crate) fn voters_in_effect(&mut self, node: NodeId, offset: Offset, voters: &VoterSet) {
        self.sets.insert(node, (offset, voters.clone()));
    }

    /// A leader has committed all below an offset.
    pub(crate) fn committed(&mut self, leader: NodeId, to: Offset) {
        self.counted = self.voters_of(leader).clone();
        let at = self.voters_at(leader);
        if at < to && at > self.committed.0 {
            self.committed = (at, self.counted.clone());
        }
    }

    pub(crate) fn disk_wiped(&mut self, node: NodeId) {
        self.directories.remove(&node);
        self.sets.remove(&node);
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
