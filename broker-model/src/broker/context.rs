//! What all parts of a broker share: who it is, its configuration, request ids, and where the active controller is.

use crate::broker::replication_quota::ReplicationQuotas;
use crate::config::ClusterConfig;
use crate::message::{Message, RequestBody};
use crate::node::{Channel, Effects};
use crate::types::{CorrelationId, DirectoryId, LeaderEpoch, NodeId};

/// Pause before a failed request to a controller is tried again, in milliseconds. Source: `retry.backoff.ms` of Kafka's
/// controller channels.
pub(super) const RETRY_BACKOFF_MS: u64 = 50;

/// Shared by all parts of a broker.
#[derive(Debug)]
pub(super) struct Context {
    /// This broker.
    pub(super) node: NodeId,
    /// Configuration of the cluster.
    pub(super) config: ClusterConfig,
    /// Identity of this uptime.
    pub(super) incarnation: u64,
    /// Where the active controller is believed to be.
    pub(super) controllers: Controllers,
    /// Ids of the log directories that are online, as the controller is told them.
    pub(super) log_dirs: Vec<DirectoryId>,
    /// How fast it copies for throttled replicas.
    pub(super) quotas: ReplicationQuotas,
    next_correlation_id: i32,
}

impl Context {
    /// A new uptime.
    pub(super) fn new(node: NodeId, config: ClusterConfig, incarnation: u64) -> Self {
        assert!(config.brokers.contains(&node), "broker {node} is not among {:?}", config.brokers);
        let controllers = Controllers::new(node, &config.controllers);
        // A late answer to an earlier uptime must not pass for an answer to this one.
        let next_correlation_id = ((incarnation % 2048) as i32) << 20;
        let (log_dirs, quotas) = (Vec::new(), ReplicationQuotas::new(config.throttled_rates));
        Self { node, config, incarnation, controllers, log_dirs, quotas, next_correlation_id }
    }

    /// Sends a request and returns the id that its response will carry.
    pub(super) fn send(
        &mut self,
        to: NodeId,
        channel: Channel,
        body: RequestBody,
        effects: &mut Effects,
    ) -> CorrelationId {
        assert!(to != self.node, "broker {to} sends to itself");
        let correlation_id = CorrelationId(self.next_correlation_id);
        self.next_correlation_id = self.next_correlation_id.checked_add(1).unwrap_or(0);
        effects.request(to, channel, Message { correlation_id, body });
        correlation_id
    }
}

/// Where the active controller is believed to be: a hint from whoever answered last, else each voter in turn.
#[derive(Debug)]
pub(super) struct Controllers {
    voters: Vec<NodeId>,
    turn: usize,
    leader: Option<NodeId>,
    epoch: LeaderEpoch,
}

impl Controllers {
    fn new(node: NodeId, voters: &[NodeId]) -> Self {
        assert!(!voters.is_empty(), "no controllers are configured");
        // Brokers begin at different voters, so that a booting cluster does not ask one voter only.
        let turn = usize::try_from(node.0).unwrap_or(0) % voters.len();
        Self { voters: voters.to_vec(), turn, leader: None, epoch: LeaderEpoch::NONE }
    }

    /// Whom to ask now.
    pub(super) fn target(&self) -> NodeId {
        self.leader.unwrap_or(self.voters[self.turn])
    }

    /// The active controller, if one is believed to be.
    pub(super) fn known(&self) -> Option<NodeId> {
        self.leader
    }

    /// The newest quorum epoch that any answer named.
    pub(super) fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// An answer named the leader of an epoch.
    pub(super) fn learned(&mut self, epoch: LeaderEpoch, leader: Option<NodeId>) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.leader = leader;
        } else if epoch == self.epoch && leader.is_some() {
            self.leader = leader;
        }
    }

    /// An answer that carries no epoch named the active controller.
    pub(super) fn hinted(&mut self, leader: Option<NodeId>) {
        if leader.is_some() {
            self.leader = leader;
        }
    }

    /// This node did not answer, or is not the active controller: ask another one next.
    pub(super) fn failed(&mut self, node: NodeId) {
        if self.target() != node {
            return;
        }
        self.leader = None;
        if self.voters[self.turn] == node {
            self.turn = (self.turn + 1) % self.voters.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controllers() -> Controllers {
        Controllers::new(NodeId(1), &[NodeId(101), NodeId(102), NodeId(103)])
    }

    #[test]
    fn without_a_hint_each_voter_is_asked_in_turn() {
        let mut controllers = controllers();
        let mut asked = Vec::new();
        for _ in 0..4 {
            let target = controllers.target();
            asked.push(target.0);
            controllers.failed(target);
        }
        assert_eq!(asked, [102, 103, 101, 102]);
    }

    #[test]
    fn a_hint_is_followed_until_it_fails() {
        let mut controllers = controllers();
        controllers.learned(LeaderEpoch(3), Some(NodeId(101)));
        assert_eq!(controllers.target(), NodeId(101));
        controllers.failed(NodeId(103));
        assert_eq!(
            controllers.target(),
            NodeId(101),
            "a late failure of another node says nothing about this one"
        );
        controllers.failed(NodeId(101));
        assert_eq!(controllers.target(), NodeId(102));
    }

    #[test]
    fn an_older_epoch_does_not_change_the_hint() {
        let mut controllers = controllers();
        controllers.learned(LeaderEpoch(3), Some(NodeId(101)));
        controllers.learned(LeaderEpoch(2), Some(NodeId(103)));
        assert_eq!(controllers.target(), NodeId(101));
        controllers.learned(LeaderEpoch(4), None);
        assert_eq!(
            controllers.target(),
            NodeId(102),
            "a new epoch without a leader makes the old leader stale"
        );
    }
}
