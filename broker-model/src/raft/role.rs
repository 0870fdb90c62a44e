//! The roles of a voter and what each remembers.

use crate::note::QuorumRole;
use crate::raft::accumulator::Accumulator;
use crate::types::{ConnectionId, CorrelationId, NodeId, Offset, Time};
use crate::voter_set::{ReplicaKey, VoterSet};

/// Role of this voter in its epoch.
#[derive(Debug)]
pub(super) enum Role {
    /// Knows the epoch and no leader; may have voted. Fetches from the other voters in turn to find the leader.
    Unattached {
        /// When it becomes prospective.
        election_at: Time,
    },
    /// Follows the leader that the election state names.
    Follower {
        /// When it gives the leader up, unless a fetch succeeds before.
        fetch_deadline: Time,
        /// Whether a fetch has succeeded since it became this leader's follower: from then on it grants no pre-vote.
        has_fetched: bool,
    },
    /// Asks whether it would get the votes, in the epoch that it is in. Source: KIP-996, `ProspectiveState`.
    Prospective(Election),
    /// Asks for votes, in an epoch of its own.
    Candidate(Election),
    /// Leads.
    Leader(Box<Leader>),
    /// Led this epoch and gave it up.
    Resigned(Resigned),
}

impl Role {
    /// The role as notes name it.
    pub(super) fn name(&self) -> QuorumRole {
        match self {
            Self::Unattached { .. } => QuorumRole::Unattached,
            Self::Follower { .. } => QuorumRole::Follower,
            Self::Prospective(_) => QuorumRole::Prospective,
            Self::Candidate(_) => QuorumRole::Candidate,
            Self::Leader(_) => QuorumRole::Leader,
            Self::Resigned(_) => QuorumRole::Resigned,
        }
    }
}

/// A count of votes or pre-votes. Source: `EpochElection`.
#[derive(Debug)]
pub(super) struct Election {
    /// Who said yes, the voter itself among them.
    pub(super) granted: Vec<NodeId>,
    /// Who said no.
    pub(super) rejected: Vec<NodeId>,
    /// When it is over without a result.
    pub(super) ends_at: Time,
}

impl Election {
    /// Nobody but the voter itself has answered.
    pub(super) fn begun_by(node: NodeId, ends_at: Time) -> Self {
        Self { granted: vec![node], rejected: Vec::new(), ends_at }
    }

    /// Whether the voter has not said yes or no.
    pub(super) fn lacks_answer_of(&self, voter: NodeId) -> bool {
        !self.granted.contains(&voter) && !self.rejected.contains(&voter)
    }

    /// Counts an answer; the last one of a voter counts.
    pub(super) fn record(&mut self, voter: NodeId, granted: bool) {
        self.granted.retain(|known| *known != voter);
        self.rejected.retain(|known| *known != voter);
        if granted { self.granted.push(voter) } else { self.rejected.push(voter) }
    }

    /// Each voter has one say, and the one that stands says yes.
    pub(super) fn self_check(&self, node: NodeId, voters: &VoterSet) {
        assert!(self.granted.contains(&node), "{node} does not vote for itself: {self:?}");
        let mut said: Vec<NodeId> = self.granted.iter().chain(&self.rejected).copied().collect();
        let count = said.len();
        said.sort_unstable();
        said.dedup();
        assert!(said.len() == count, "a voter said yes and no, or twice: {self:?}");
        let known = |one: &NodeId| voters.voter(*one).is_some();
        assert!(said.iter().all(known), "{self:?} of the voters {voters:?}");
    }

    /// Whether a majority of so many voters said yes.
    pub(super) fn is_granted(&self, voters: usize) -> bool {
        self.granted.len() > voters / 2
    }

    /// Whether a majority of so many voters cannot say yes any more.
    pub(super) fn is_rejected(&self, voters: usize) -> bool {
        voters - self.rejected.len() <= voters / 2
    }
}

/// A resigned leader.
#[derive(Debug)]
pub(super) struct Resigned {
    /// When it gives the epoch up for the next one.
    pub(super) election_at: Time,
    /// Who should try first, best first.
    pub(super) successors: Vec<NodeId>,
    /// Who has not acknowledged the resignation.
    pub(super) unaware: Vec<NodeId>,
}

/// A leader.
#[derive(Debug)]
pub(super) struct Leader {
    /// Offset of its `LeaderChange` record.
    pub(super) epoch_start: Offset,
    /// High watermark, once a record of this epoch is committed.
    pub(super) high_watermark: Option<Offset>,
    /// The other voters.
    pub(super) followers: Vec<Progress>,
    /// Other controllers that have fetched, and are no voters.
    pub(super) observers: Vec<Progress>,
    /// Voters that fetched since the check-quorum timer was last set.
    pub(super) fetched: Vec<NodeId>,
    /// When the leader resigns, unless a majority fetches before.
    pub(super) check_quorum_at: Time,
    /// When all other voters are told again who leads.
    pub(super) begin_at: Time,
    /// When it appended that it is no voter any more.
    pub(super) removed_at: Option<Time>,
    /// Fetches that wait for data.
    pub(super) waiting: Vec<WaitingFetch>,
    /// Records that wait to be appended.
    pub(super) accumulator: Accumulator,
}

impl Leader {
    /// It knows each other voter, and nobody else as one.
    pub(super) fn self_check(&self, others: impl Iterator<Item = ReplicaKey>) {
        self.accumulator.self_check();
        let known = self.followers.iter().map(|progress| progress.key);
        assert!(known.eq(others), "the voters are others than {:?}", self.followers);
        let twice = |progress: &&Progress| {
            self.followers.iter().any(|follower| follower.key == progress.key)
        };
        let double = self.observers.iter().find(twice);
        assert!(double.is_none(), "{double:?} is a voter, too");
        let newest = self.waiting.last();
        let known = self.high_watermark.unwrap_or(Offset::NONE);
        assert!(
            newest.is_none_or(|fetch| fetch.high_watermark >= known),
            "{newest:?} waits, and {known} is committed"
        );
    }
}

/// What a leader knows about another controller. Source: `LeaderState.ReplicaState`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    pub(super) key: ReplicaKey,
    /// Its flushed log end, from its last fetch.
    pub(super) end: Option<Offset>,
    /// When that was, and where the leader's log ended then.
    pub(super) fetched: Option<(Time, Offset)>,
    /// Whether it has had, in this epoch, all that the leader had when it fetched.
    pub(super) caught_up: bool,
}

impl Progress {
    /// Nothing is known.
    pub(super) fn of(key: ReplicaKey) -> Self {
        Self { key, end: None, fetched: None, caught_up: false }
    }

    /// It fetches from an offset of a log that ends here. Source: `ReplicaState.updateFollowerState`.
    pub(super) fn fetches(&mut self, now: Time, from: Offset, end: Offset) {
        let due = self.fetched.map_or(end, |(_, end)| end);
        self.caught_up |= from >= end || from >= due;
        self.fetched = Some((now, end));
        self.end = Some(from);
    }
}

/// A fetch that waits at the leader.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitingFetch {
    pub(super) replica: ReplicaKey,
    pub(super) connection: ConnectionId,
    pub(super) correlation_id: CorrelationId,
    pub(super) fetch_offset: Offset,
    /// The high watermark that the replica knows.
    pub(super) high_watermark: Offset,
    pub(super) expires_at: Time,
}
