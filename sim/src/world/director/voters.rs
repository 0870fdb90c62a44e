//! Voters of the quorum that an administrator adds and removes, and the disks that a quorum can lose meanwhile.
//!
//! An administrator removes a voter only if the others that have their disks are a majority of the voters, as they are
//! now, as they may be soon by what was asked before: Kafka removes any voter, and a quorum that has lost most of its
//! disks cannot be mended. A disk is lost on the same condition, where loss is not allowed.

use harrow_broker_model::controller::{add_voter, remove_voter};
use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;
use harrow_broker_model::voter_set::{ReplicaKey, VoterSet};

use super::asked_voter::AskedVoter;
use super::{Director, MS};
use crate::plan::{Step, Target};
use crate::world::draw::Purpose;
use crate::world::engine::Boot;

/// A request may be done for so long after it was made, by whoever has it then.
const LATE_MS: u64 = 10_000;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    pub(super) fn add_voter(
        &mut self,
        step: &Step,
        target: &Target,
    ) -> Result<(NodeId, String), String> {
        let node = self.choose_controller(step, target, false)?;
        let quorum = self.host.view().quorum();
        let voter = quorum.replica_key(node);
        let voter = voter.ok_or_else(|| format!("node {node} is on no disk yet"))?;
        if quorum.committed_voters().1.voter(node).is_some() {
            return Err(format!("node {node} is a voter already"));
        }
        self.ask_for_voter(voter, true)?;
        Ok((node, format!("controller {node} is to be a voter")))
    }

    pub(super) fn remove_voter(
        &mut self,
        step: &Step,
        target: &Target,
    ) -> Result<(NodeId, String), String> {
        let node = self.choose_controller(step, target, true)?;
        let voter = self.host.view().quorum().committed_voters().1.voter(node);
        let voter = voter.ok_or_else(|| format!("node {node} is no voter"))?;
        self.quorum_keeps_without(voter)?;
        self.ask_for_voter(voter, false)?;
        Ok((node, format!("controller {node} is to be no voter any more")))
    }

    fn ask_for_voter(&mut self, voter: ReplicaKey, adds: bool) -> Result<(), String> {
        self.ask(if adds { add_voter(voter) } else { remove_voter(voter) })?;
        self.asked_voters.push(AskedVoter { voter, adds, at_ns: self.engine.now() });
        Ok(())
    }

    /// Of those that are voters, or that are none: `any-controller` is drawn by the step's key, from those that have
    /// lost their disks, if a voter is to go and has.
    fn choose_controller(
        &self,
        step: &Step,
        target: &Target,
        voter: bool,
    ) -> Result<NodeId, String> {
        if *target != Target::AnyController {
            return self.resolve(step, target, 0);
        }
        let quorum = self.host.view().quorum();
        let voters = quorum.committed_voters().1;
        let runs = |node: NodeId| self.engine.runs(self.place(node));
        let all = self.plan.cluster.controllers.iter().copied();
        let fits = all.filter(|node| voters.voter(*node).is_some() == voter);
        let fits: Vec<NodeId> = fits.filter(|node| voter || runs(*node)).collect();
        let is_lost =
            |node: &NodeId| voters.voter(*node).is_some_and(|voter| !quorum.is_intact(voter));
        let any_lost = fits.iter().any(is_lost);
        let drawn = fits.into_iter().filter(|node| !any_lost || is_lost(node)).max_by_key(|node| {
            self.draws.word(Purpose::Target, u64::from(step.id), 0, node.0 as u64)
        });
        let none = if voter { "no controller is a voter" } else { "no other controller runs" };
        drawn.ok_or_else(|| none.to_owned())
    }

    /// Whether the quorum keeps a majority without this voter, or without its disk, whatever becomes of what was asked.
    fn quorum_keeps_without(&self, voter: ReplicaKey) -> Result<(), String> {
        self.host.view().quorum().possible_voters().try_for_each(|voters| {
            let rest = voters.keys().iter().filter(|it| **it != voter && self.will_count(**it));
            let (rest, needed) = (rest.count(), self.majority_soon(voters));
            if rest >= needed {
                return Ok(());
            }
            Err(format!("without node {} {rest} voters are left of {needed}", voter.id))
        })
    }

    /// Whether a voter has its disk, and nobody may have it removed still.
    fn will_count(&self, voter: ReplicaKey) -> bool {
        let goes = self.asked_lately().any(|asked| !asked.adds && asked.voter == voter);
        !goes && self.host.view().quorum().is_intact(voter)
    }

    /// A majority of these voters, and of those that may yet be added.
    fn majority_soon(&self, voters: &VoterSet) -> usize {
        let come = self.asked_lately().filter(|asked| asked.adds);
        let come = come.filter(|asked| voters.voter(asked.voter.id).is_none()).count();
        usize::midpoint(voters.count(), come) + 1
    }

    fn asked_lately(&self) -> impl Iterator<Item = &AskedVoter> {
        let now = self.engine.now();
        self.asked_voters.iter().filter(move |asked| asked.at_ns + LATE_MS * MS > now)
    }

    /// Whether a controller may lose its disk: one that is no voter may.
    pub(super) fn controller_may_lose(&self, node: NodeId) -> Result<(), String> {
        match self.host.view().quorum().replica_key(node) {
            Some(voter) => self.quorum_keeps_without(voter),
            None => Err(format!("node {node} has an empty disk still")),
        }
    }
}
