//! Changes of the voters: what a leader judges before it writes another set, and what follows for it from one.
//!
//! Obligation: one voter comes or goes at a time, and the next when that is committed, by a leader that has committed a
//! record of its own epoch. Then each majority of a set meets each one of the next. Without the first rule two sets may
//! differ by two voters; without the second a leader that was deposed, and is elected again, may hold an older set that
//! overlaps with nobody's (Ongaro's bug of 2015). A voter comes once it has what the leader has, so that it does not
//! hold up what is to be committed. A leader that is no voter in its last set goes on to lead, without counting itself,
//! until the set is committed, and resigns then. Source: KIP-853; Kafka's `AddVoterHandler`, `RemoveVoterHandler`,
//! `LeaderState`.
//!
//! Kafka asks the new voter for its versions before it judges whether it has caught up; here it is judged at once.
//! Kafka remembers a change that waits for its commit, and answers the next one as it does for a set that is not
//! committed: that alone is looked at here. It forgets it after a request timeout, and with it that it is to resign
//! once its removal is committed: `QuorumDefect::LateRemovalKeepsLeader`.

use std::time::Duration;

use crate::defect::QuorumDefect;
use crate::metadata::MetadataRecord;
use crate::node::Effects;
use crate::proto::ErrorCode;
use crate::raft::quorum::Quorum;
use crate::raft::role::{Leader, Progress, Role};
use crate::types::{DirectoryId, Offset, Time};
use crate::voter_set::ReplicaKey;

/// An observer that has not fetched for so long is not taken for caught up. Source: `LeaderState.isReplicaCaughtUp`.
const CAUGHT_UP_FOR: Duration = Duration::from_hours(1);

impl Leader {
    /// Takes other voters: what is known of a replica stays known.
    fn take_voters(&mut self, others: Vec<ReplicaKey>) {
        let mut known = std::mem::take(&mut self.followers);
        known.append(&mut self.observers);
        let mut of = |key: ReplicaKey| {
            let place = known.iter().position(|progress| progress.key == key);
            place.map_or_else(|| Progress::of(key), |place| known.swap_remove(place))
        };
        self.followers = others.into_iter().map(&mut of).collect();
        self.observers = known;
    }
}

impl Quorum {
    /// The record by which a voter comes, or why it does not. Source: `AddVoterHandler.handleAddVoterRequest`.
    pub(crate) fn add_voter(
        &self,
        now: Time,
        voter: ReplicaKey,
    ) -> Result<MetadataRecord, ErrorCode> {
        self.check_change(voter)?;
        let voters = self.voters().with(voter).ok_or(ErrorCode::DuplicateVoter)?;
        // QuorumDefect::AddsLaggingVoter: counts a voter that has next to nothing.
        if !self.is_caught_up(now, voter) && !self.defects.has(QuorumDefect::AddsLaggingVoter) {
            return Err(ErrorCode::RequestTimedOut);
        }
        Ok(MetadataRecord::Voters { voters })
    }

    /// The record by which a voter goes, or why it does not. Source: `RemoveVoterHandler.handleRemoveVoterRequest`.
    pub(crate) fn remove_voter(&self, voter: ReplicaKey) -> Result<MetadataRecord, ErrorCode> {
        self.check_change(voter)?;
        let voters = self.voters().without(voter).ok_or(ErrorCode::VoterNotFound)?;
        Ok(MetadataRecord::Voters { voters })
    }

    /// Whether the next change may be made.
    fn check_change(&self, voter: ReplicaKey) -> Result<(), ErrorCode> {
        let Role::Leader(leader) = &self.role else {
            return Err(ErrorCode::NotController);
        };
        if voter.directory == DirectoryId::UNASSIGNED {
            return Err(ErrorCode::InvalidRequest);
        }
        // QuorumDefect::VoterChangeBeforeCommit: an older leader's change may still be under way.
        let early = self.defects.has(QuorumDefect::VoterChangeBeforeCommit);
        let high_watermark = match leader.high_watermark {
            Some(known) => known,
            None if early => self.log.high_watermark(),
            None => return Err(ErrorCode::RequestTimedOut),
        };
        if !self.reconfigurable {
            return Err(ErrorCode::UnsupportedVersion);
        }
        let committed = self.voters.offset().is_some_and(|offset| offset < high_watermark);
        // QuorumDefect::ConcurrentVoterChanges: the last set need not be committed.
        if !committed && !self.defects.has(QuorumDefect::ConcurrentVoterChanges) {
            return Err(ErrorCode::RequestTimedOut);
        }
        Ok(())
    }

    /// Whether an observer has had, in this epoch, what the leader had. Source: `LeaderState.isReplicaCaughtUp`.
    fn is_caught_up(&self, now: Time, voter: ReplicaKey) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let known = leader.observers.iter().find(|progress| progress.key == voter);
        known.is_some_and(|progress| {
            let lately = progress.fetched.is_some_and(|(at, _)| at + CAUGHT_UP_FOR > now);
            progress.caught_up && lately
        })
    }

    /// The first leader of all writes the voters with which the cluster begins. Source:
    /// `LeaderState.appendStartOfEpochControlRecords`.
    pub(super) fn first_voters_record(&self) -> Option<MetadataRecord> {
        let unwritten = self.reconfigurable && self.voters.offset().is_none();
        unwritten.then(|| MetadataRecord::Voters { voters: self.voters().clone() })
    }

    /// Whether a leader is one of those who hold what it commits.
    pub(super) fn counts_itself(&self) -> bool {
        // QuorumDefect::CountsRemovedLeader: a leader counts itself, voter or not.
        self.votes() || self.defects.has(QuorumDefect::CountsRemovedLeader)
    }

    /// A leader goes by the voters that it has just appended.
    pub(super) fn follow_voters(&mut self) {
        let others: Vec<ReplicaKey> = self.other_voters().collect();
        if let Role::Leader(leader) = &mut self.role {
            leader.take_voters(others);
        }
    }

    /// A leader that has appended that it is no voter knows since when.
    pub(super) fn note_removal(&mut self, now: Time) {
        let votes = self.votes();
        if let Role::Leader(leader) = &mut self.role {
            leader.removed_at = (!votes).then_some(leader.removed_at.unwrap_or(now));
        }
    }

    /// At the end of each event: a leader resigns whose removal is committed. Source:
    /// `RemoveVoterHandler.highWatermarkUpdated`, `LeaderState.maybeExpirePendingOperation`.
    pub(crate) fn resign_if_removed(&mut self, now: Time, effects: &mut Effects) {
        let Role::Leader(leader) = &self.role else { return };
        let known = leader.high_watermark.unwrap_or(Offset::NONE);
        let removed = self.voters.offset().is_some_and(|offset| offset < known) && !self.votes();
        // QuorumDefect::RemovedLeaderLeadsOn: stays, as long as it finds voters who fetch.
        if !removed || self.defects.has(QuorumDefect::RemovedLeaderLeadsOn) {
            return;
        }
        let asked = leader.removed_at.expect("who is removed has appended that itself");
        let forgotten = asked + self.timeouts.request <= now;
        // QuorumDefect::LateRemovalKeepsLeader: nobody waits for that commit any more, so nobody acts on it.
        if !forgotten || !self.defects.has(QuorumDefect::LateRemovalKeepsLeader) {
            self.resign(now, effects);
        }
    }
}
