//! Marks of the quorum.

use harrow_broker_model::note::{QuorumNote, QuorumRole};

use super::Tally;

impl Tally {
    pub(super) fn quorum(&mut self, note: &QuorumNote) {
        match note {
            QuorumNote::StateChanged { role, .. } => self.role(*role),
            QuorumNote::VoteGranted { .. } => self.mark("vote-granted"),
            QuorumNote::SnapshotWritten { fetched, .. } => {
                self.mark(if *fetched { "snapshot-fetched" } else { "snapshot-created" });
            }
            QuorumNote::SnapshotLoaded { .. } => self.mark("snapshot-loaded"),
            QuorumNote::StatePersisted { .. }
            | QuorumNote::LogSynced { .. }
            | QuorumNote::DirectoryFound { .. }
            | QuorumNote::VotersInEffect { .. }
            | QuorumNote::HighWatermarkMoved { .. } => {}
        }
    }

    fn role(&mut self, role: QuorumRole) {
        match role {
            QuorumRole::Candidate => self.mark("candidate-stood"),
            QuorumRole::Resigned => self.mark("resigned-leader"),
            QuorumRole::Unattached
            | QuorumRole::Follower
            | QuorumRole::Prospective
            | QuorumRole::Leader => {}
        }
    }
}
