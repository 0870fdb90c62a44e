//! Marks of leaders and followers.

use harrow_broker_model::message::ClusterError;
use harrow_broker_model::note::ReplicationNote;

use super::Tally;

impl Tally {
    pub(super) fn replication(&mut self, note: &ReplicationNote) {
        match note {
            ReplicationNote::BecameLeader { .. } => self.mark("leader-elected"),
            ReplicationNote::IsrProposalRefused { error, .. } => self.refused(*error),
            ReplicationNote::RequestFenced { .. } => self.mark("request-fenced"),
            ReplicationNote::DivergenceFound { .. } => self.mark("divergence-found"),
            ReplicationNote::HeldUp { .. } => self.mark("replica-throttled"),
            ReplicationNote::BecameFollower { .. }
            | ReplicationNote::MinimumChanged { .. }
            | ReplicationNote::HighWatermarkMoved { .. }
            | ReplicationNote::IsrProposed { .. }
            | ReplicationNote::IsrCommitted { .. }
            | ReplicationNote::FollowerHeard { .. } => {}
        }
    }

    fn refused(&mut self, error: ClusterError) {
        self.mark("isr-proposal-refused");
        self.add("stale-isr-proposal", u64::from(error == ClusterError::InvalidUpdateVersion));
    }
}
