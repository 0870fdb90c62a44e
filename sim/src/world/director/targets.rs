//! Resolves symbolic targets against the true state, when a step fires.

use harrow_broker_model::client::coordinator_partition;
use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;

use super::Director;
use crate::plan::{Step, Target};
use crate::world::draw::Purpose;
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// The node that a target stands for now; the error says why there is none. `role` tells two targets of one step
    /// apart.
    pub(super) fn resolve(
        &self,
        step: &Step,
        target: &Target,
        role: u64,
    ) -> Result<NodeId, String> {
        let view = self.host.view();
        let cluster = &self.plan.cluster;
        let found = match target {
            Target::LeaderOf(topic, index) => view.leader_of(topic, *index),
            Target::FollowerOf(topic, index) => {
                let leader = view.leader_of(topic, *index);
                let replicas = view.replicas_of(topic, *index).iter().copied();
                self.choose(step, role, replicas.filter(|replica| Some(*replica) != leader))
            }
            Target::IsrFollowerOf(topic, index) => {
                let leader = view.leader_of(topic, *index);
                let isr = view.isr_of(topic, *index).iter().copied();
                self.choose(step, role, isr.filter(|replica| Some(*replica) != leader))
            }
            Target::TransactionCoordinatorOf(id) => {
                let index = cluster.coordinators.transaction_partition_of(id);
                view.leader_of("__transaction_state", index)
            }
            Target::ActiveController => view.active_controller(),
            Target::StandbyController => {
                let active = view.active_controller();
                self.choose(
                    step,
                    role,
                    cluster.controllers.iter().copied().filter(|node| Some(*node) != active),
                )
            }
            Target::AnyController => self.choose(step, role, cluster.controllers.iter().copied()),
            Target::AnyBroker => self.choose(step, role, cluster.brokers.iter().copied()),
            Target::AnyNode => {
                self.choose(step, role, cluster.brokers.iter().chain(&cluster.controllers).copied())
            }
            Target::AnyClient => self.choose(step, role, self.loads.iter().map(|load| load.node)),
            Target::CoordinatorOf(group) => {
                let partitions = cluster.coordinators.offsets_topic.partitions;
                let partition = coordinator_partition(group, partitions as i32);
                view.leader_of("__consumer_offsets", partition as u32)
            }
            Target::MemberOf(group) => {
                let members = self.loads.iter().filter(|load| load.group() == Some(group));
                self.choose(step, role, members.map(|load| load.node))
            }
            Target::Node(node) => {
                self.engine.index_of(*node).filter(|_| !self.is_ours(*node)).map(|_| *node)
            }
        };
        found.ok_or_else(|| format!("{target} is nobody now"))
    }

    /// The running candidate that the step's key likes best: another candidate's coming or going does not change the
    /// choice between the rest.
    fn choose(
        &self,
        step: &Step,
        role: u64,
        candidates: impl Iterator<Item = NodeId>,
    ) -> Option<NodeId> {
        let running = candidates.filter(|node| {
            self.engine.index_of(*node).is_some_and(|index| self.engine.runs(index))
        });
        running.max_by_key(|node| {
            self.draws.word(Purpose::Target, u64::from(step.id), role, node.0 as u64)
        })
    }

    /// The admin client and the fresh clients serve the run itself: no fault is aimed at them.
    fn is_ours(&self, node: NodeId) -> bool {
        node == self.plan.admin.node || self.is_fresh(node)
    }
}
