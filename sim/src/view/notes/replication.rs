//! What notes on replication change: roles, high watermarks, ISRs as leaders believe them.

use harrow_broker_model::note::ReplicationNote;
use harrow_broker_model::types::NodeId;

use crate::view::{ClusterView, Fact, ReplicaRole};

impl ClusterView {
    pub(super) fn on_replication_note(&mut self, at_ns: u64, node: NodeId, note: &ReplicationNote) {
        match note {
            ReplicationNote::HighWatermarkMoved {
                partition, leader_epoch, as_leader, to, ..
            } => {
                let view = self.partition_mut(*partition);
                view.replica_mut(node).high_watermark = *to;
                if *as_leader {
                    view.commit(at_ns, node, *leader_epoch, *to);
                }
            }
            ReplicationNote::BecameLeader {
                partition,
                leader_epoch,
                epoch_start_offset,
                high_watermark,
                isr,
                ..
            } => {
                let view = self.partition_mut(*partition);
                view.replica_mut(node).isr.commit(isr);
                view.lead(at_ns, node, *leader_epoch, *epoch_start_offset, *high_watermark);
            }
            ReplicationNote::MinimumChanged { partition, minimum } => {
                self.partition_mut(*partition).replica_mut(node).minimum = Some(*minimum);
            }
            ReplicationNote::BecameFollower { partition, leader_epoch, leader } => {
                let view = self.partition_mut(*partition);
                let fact = Fact::BecameFollower { leader_epoch: *leader_epoch, leader: *leader };
                view.facts.push(at_ns, node, fact);
                let replica = view.replica_mut(node);
                replica.role = ReplicaRole::Follower;
                replica.leader_epoch = *leader_epoch;
            }
            ReplicationNote::IsrProposed { partition, to, .. } => {
                let view = self.partition_mut(*partition);
                view.replica_mut(node).isr.propose(to);
                view.facts.push(at_ns, node, Fact::IsrProposed { to: to.clone() });
            }
            ReplicationNote::IsrCommitted { partition, isr, .. } => {
                self.partition_mut(*partition).replica_mut(node).isr.commit(isr);
            }
            ReplicationNote::FollowerHeard { partition, follower, fetch_offset, .. } => {
                self.partition_mut(*partition).forget_deleted((node, *follower), *fetch_offset);
            }
            ReplicationNote::IsrProposalRefused { .. }
            | ReplicationNote::HeldUp { .. }
            | ReplicationNote::RequestFenced { .. }
            | ReplicationNote::DivergenceFound { .. } => {}
        }
    }
}
