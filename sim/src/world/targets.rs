//! Whom symbolic targets stand for, when a step fires.

use harrow_broker_model::client::coordinator_partition;
use harrow_broker_model::config::ClusterConfig;
use harrow_broker_model::types::NodeId;

use super::draw::{Draws, Purpose};
use crate::plan::Target;

/// Who leads and who follows, as far as somebody knows.
pub(super) trait Leadership {
    /// The leader of a partition.
    fn leader_of(&self, topic: &str, partition: u32) -> Option<NodeId>;
    /// Its replicas.
    fn replicas_of(&self, topic: &str, partition: u32) -> &[NodeId];
    /// Those that are in sync.
    fn isr_of(&self, topic: &str, partition: u32) -> &[NodeId];
    /// The active controller.
    fn active_controller(&self) -> Option<NodeId>;
}

/// Who may be meant.
pub(super) struct Candidates<'a> {
    pub(super) leadership: &'a dyn Leadership,
    pub(super) cluster: &'a ClusterConfig,
    /// Clients, with the groups of those that are members.
    pub(super) clients: Vec<(NodeId, Option<&'a str>)>,
    /// The node of the application of a name.
    pub(super) application: &'a dyn Fn(&str) -> Option<NodeId>,
    /// Whether a node's process runs.
    pub(super) runs: &'a dyn Fn(NodeId) -> bool,
    /// Whether faults may be aimed at a node that is named.
    pub(super) may_be_named: &'a dyn Fn(NodeId) -> bool,
    pub(super) draws: Draws,
}

impl Candidates<'_> {
    /// The node that a target stands for now; the error says why there is none. `role` tells two targets of one step
    /// apart.
    pub(super) fn resolve(&self, key: (u32, u64), target: &Target) -> Result<NodeId, String> {
        let (leadership, cluster) = (self.leadership, self.cluster);
        let found = match target {
            Target::LeaderOf(topic, index) => leadership.leader_of(topic, *index),
            Target::FollowerOf(topic, index) => {
                let leader = leadership.leader_of(topic, *index);
                let replicas = leadership.replicas_of(topic, *index).iter().copied();
                self.choose(key, replicas.filter(|replica| Some(*replica) != leader))
            }
            Target::IsrFollowerOf(topic, index) => {
                let leader = leadership.leader_of(topic, *index);
                let isr = leadership.isr_of(topic, *index).iter().copied();
                self.choose(key, isr.filter(|replica| Some(*replica) != leader))
            }
            Target::TransactionCoordinatorOf(id) => {
                let index = cluster.coordinators.transaction_partition_of(id);
                leadership.leader_of("__transaction_state", index)
            }
            Target::ActiveController => leadership.active_controller(),
            Target::StandbyController => {
                let active = leadership.active_controller();
                let all = cluster.controllers.iter().copied();
                self.choose(key, all.filter(|node| Some(*node) != active))
            }
            Target::AnyController => self.choose(key, cluster.controllers.iter().copied()),
            Target::AnyBroker => self.choose(key, cluster.brokers.iter().copied()),
            Target::AnyNode => {
                self.choose(key, cluster.brokers.iter().chain(&cluster.controllers).copied())
            }
            Target::AnyClient => self.choose(key, self.clients.iter().map(|(node, _)| *node)),
            Target::CoordinatorOf(group) => {
                let partitions = cluster.coordinators.offsets_topic.partitions;
                let partition = coordinator_partition(group, partitions as i32);
                leadership.leader_of("__consumer_offsets", partition as u32)
            }
            Target::MemberOf(group) => {
                let members = self.clients.iter().filter(|(_, of)| *of == Some(group.as_str()));
                self.choose(key, members.map(|(node, _)| *node))
            }
            Target::Application(name) => (self.application)(name),
            Target::Node(node) => Some(*node).filter(|node| (self.may_be_named)(*node)),
        };
        found.ok_or_else(|| format!("{target} is nobody now"))
    }

    /// The running candidate that the step's key likes best: another candidate's coming or going does not change the
    /// choice between the rest.
    fn choose(
        &self,
        (step, role): (u32, u64),
        candidates: impl Iterator<Item = NodeId>,
    ) -> Option<NodeId> {
        let running = candidates.filter(|node| (self.runs)(*node));
        running.max_by_key(|node| {
            self.draws.word(Purpose::Target, u64::from(step), role, node.0 as u64)
        })
    }
}
