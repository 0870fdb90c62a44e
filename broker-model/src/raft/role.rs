//! The roles of a voter and what each remembers.

use std::collections::BTreeMap;

use crate::note::QuorumRole;
use crate::types::{ConnectionId, CorrelationId, NodeId, Offset, Time};

/// Role of this voter in its epoch.
#[derive(Debug)]
pub(super) enum Role {
    /// Knows the epoch and no leader; may have voted.
    Unattached {
        /// When it stands for election itself.
        election_at: Time,
    },
    /// Follows the leader that the election state names.
    Follower {
        /// When it gives the leader up, unless a fetch succeeds before.
        fetch_deadline: Time,
    },
    /// Asks for votes.
    Candidate(Candidate),
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
            Self::Candidate(_) => QuorumRole::Candidate,
            Self::Leader(_) => QuorumRole::Leader,
            Self::Resigned(_) => QuorumRole::Resigned,
        }
    }
}

/// A candidate's count of votes.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Who voted for it, itself among them.
    pub(super) granted: Vec<NodeId>,
    /// Who refused.
    pub(super) rejected: Vec<NodeId>,
    /// When this election is over, or, while backing off, when the next begins.
    pub(super) election_at: Time,
    /// Whether the election is lost and the next one waits.
    pub(super) backing_off: bool,
    /// Elections lost in a row: the backoff doubles with each.
    pub(super) lost: u32,
}

/// A resigned leader.
#[derive(Debug)]
pub(super) struct Resigned {
    /// When it stands for election again.
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
    /// Voters that fetched since the check-quorum timer was last set.
    pub(super) fetched: Vec<NodeId>,
    /// When the leader resigns, unless a majority fetches before.
    pub(super) check_quorum_at: Time,
    /// Fetches that wait for data.
    pub(super) waiting: Vec<WaitingFetch>,
    /// The high watermark that each replica was last told, and on which connection.
    pub(super) told: BTreeMap<NodeId, (ConnectionId, Option<Offset>)>,
}

/// What a leader knows about another voter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    pub(super) node: NodeId,
    /// Its flushed log end, from its last fetch.
    pub(super) end: Option<Offset>,
    /// When it is told again who leads, unless it fetches before.
    pub(super) begin_due: Time,
}

/// A fetch that waits at the leader.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitingFetch {
    pub(super) replica: NodeId,
    pub(super) connection: ConnectionId,
    pub(super) correlation_id: CorrelationId,
    pub(super) fetch_offset: Offset,
    pub(super) expires_at: Time,
}
