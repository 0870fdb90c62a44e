//! What notes on the quorum change: voters, and what is committed of the metadata log.

use harrow_broker_model::note::QuorumNote;
use harrow_broker_model::types::NodeId;

use crate::view::ClusterView;

impl ClusterView {
    pub(super) fn on_quorum_note(&mut self, node: NodeId, note: &QuorumNote) {
        match note {
            QuorumNote::StateChanged { epoch, role, leader, .. } => {
                self.quorum.state_changed(node, *epoch, *role, *leader);
            }
            QuorumNote::HighWatermarkMoved { epoch, as_leader, to } => {
                let view = &mut self.partitions[0];
                view.replica_mut(node).high_watermark = *to;
                if *as_leader {
                    view.commit_metadata(node, *epoch, *to);
                }
            }
            QuorumNote::StatePersisted { .. }
            | QuorumNote::LogSynced { .. }
            | QuorumNote::VoteGranted { .. } => {}
        }
    }
}
