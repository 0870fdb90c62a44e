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
                if *as_leader {
                    self.quorum.committed(node, *to);
                }
                let view = &mut self.partitions[0];
                view.replica_mut(node).high_watermark = *to;
                if *as_leader {
                    view.commit_metadata(node, *epoch, *to);
                }
            }
            // What it holds is committed: a voter that begins with it knows that.
            QuorumNote::SnapshotLoaded { snapshot, .. } => {
                if self.quorum.voters().iter().any(|voter| voter.node == node) {
                    let replica = self.partitions[0].replica_mut(node);
                    replica.high_watermark = replica.high_watermark.max(snapshot.end_offset);
                }
            }
            QuorumNote::DirectoryFound { directory } => {
                self.quorum.directory_found(node, *directory);
            }
            QuorumNote::VotersInEffect { offset, voters } => {
                self.quorum.voters_in_effect(node, *offset, voters);
            }
            QuorumNote::StatePersisted { .. }
            | QuorumNote::SnapshotWritten { .. }
            | QuorumNote::LogSynced { .. }
            | QuorumNote::VoteGranted { .. } => {}
        }
    }
}
