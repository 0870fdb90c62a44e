//! A run that goes on step by step, and what is seen of it in between.

use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;

use super::{Director, Step};
use crate::inspect::{
    FileState, MessageState, NodeState, PartitionState, ReplicaState, VoterState,
};
use crate::run::End;
use crate::view::{ClusterView, PartitionView, ReplicaRole, ReplicaView};
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// Lets the next thing happen; the run's end, if that was it.
    pub(crate) fn advance(&mut self) -> Option<End> {
        match self.engine.step(&mut self.host) {
            Step::Happened => {}
            Step::DirectorTimer(timer) => {
                if let Some(end) = self.on_timer(timer) {
                    return Some(end);
                }
            }
            Step::Silence => unreachable!("a run ends with a check"),
        }
        while let Some(report) = self.engine.take_report() {
            self.on_report(report);
        }
        None
    }

    /// Rows of the trace so far.
    pub(crate) fn rows(&self) -> usize {
        self.engine.trace().len()
    }

    /// True time.
    pub(crate) fn now_ns(&self) -> u64 {
        self.engine.now()
    }

    /// The digest of everything so far.
    pub(crate) fn digest(&self) -> u64 {
        self.engine.digest()
    }

    /// A node; none if the plan has none of that id.
    pub(crate) fn node_state(&self, id: NodeId) -> Option<NodeState> {
        let mut state = self.engine.node_state(self.engine.index_of(id)?);
        let view = self.host.view();
        state.voter = view.quorum().voter(id).map(|voter| VoterState {
            epoch: voter.epoch.0,
            role: format!("{:?}", voter.role).to_lowercase(),
            leader: voter.leader.map(|node| node.0),
            active: voter.active_in.is_some(),
        });
        let all = std::iter::once(view.metadata_log()).chain(view.partitions());
        let own = all.filter_map(|of| Some(replica_state(view, of, of.replica(id)?)));
        state.replicas = own.collect();
        Some(state)
    }

    /// Ids of all nodes.
    pub(crate) fn node_ids(&self) -> Vec<NodeId> {
        self.engine.ids().to_vec()
    }

    /// All partitions that exist by now, the metadata log first.
    pub(crate) fn partition_states(&self) -> Vec<PartitionState> {
        let view = self.host.view();
        let all = std::iter::once(view.metadata_log()).chain(view.partitions());
        all.filter(|partition| partition.deleted_ns.is_none())
            .map(|of| partition_state(view, of))
            .collect()
    }

    /// The files of a node.
    pub(crate) fn files(&self, id: NodeId) -> Option<Vec<FileState>> {
        let view = self.host.view();
        let place = |partition| view.partition_name(partition);
        Some(self.engine.files(self.engine.index_of(id)?, place))
    }

    /// What is under way or waits.
    pub(crate) fn messages_under_way(&self) -> Vec<MessageState> {
        self.engine.messages_under_way()
    }
}

fn partition_state(view: &ClusterView, of: &PartitionView) -> PartitionState {
    let registration = of.registration.as_ref();
    let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect::<Vec<i32>>();
    PartitionState {
        partition: view.partition_name(of.partition),
        leader: registration.and_then(|it| it.leader).map(|node| node.0),
        leader_epoch: registration.map(|it| it.leader_epoch.0),
        partition_epoch: registration.map(|it| it.partition_epoch.0),
        assigned: registration.map_or_else(Vec::new, |it| ids(&it.replicas)),
        isr: registration.map_or_else(Vec::new, |it| ids(&it.isr)),
        elr: registration.map_or_else(Vec::new, |it| ids(&it.elr)),
        committed: of.committed.end().0,
        replicas: of.replicas().iter().map(|replica| replica_state(view, of, replica)).collect(),
    }
}

fn replica_state(view: &ClusterView, of: &PartitionView, replica: &ReplicaView) -> ReplicaState {
    let leads = replica.role == ReplicaRole::Leader;
    let isr = replica.isr.members.iter().map(|node| node.0);
    ReplicaState {
        node: replica.node.0,
        partition: view.partition_name(of.partition),
        role: match replica.role {
            ReplicaRole::Idle => "idle",
            ReplicaRole::Leader => "leader",
            ReplicaRole::Follower => "follower",
        },
        leader_epoch: replica.leader_epoch.0,
        log_start_offset: replica.log_start_offset.0,
        log_end_offset: replica.log.end().0,
        high_watermark: replica.high_watermark.0,
        isr: if leads { isr.collect() } else { Vec::new() },
        lossy: replica.lossy,
    }
}
