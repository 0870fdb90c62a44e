//! Elections: standing, asking, granting, counting. Source: KIP-595, Kafka's `CandidateState` and `UnattachedState`.

use std::time::Duration;

use crate::message::{RequestBody, VoteRequest, VoteResponse};
use crate::node::Effects;
use crate::note::QuorumNote;
use crate::raft::election_state::ElectionState;
use crate::raft::quorum::Quorum;
use crate::raft::role::{Candidate, Role};
use crate::types::{LeaderEpoch, NodeId, Now, Offset};

/// First backoff after a lost election; doubles with each. Source: `RETRY_BACKOFF_BASE_MS` of Kafka's raft client.
const ELECTION_BACKOFF_FIRST: Duration = Duration::from_millis(100);

impl Candidate {
    /// Whether the voter has not said yes or no.
    pub(super) fn lacks_answer_of(&self, voter: NodeId) -> bool {
        !self.backing_off && !self.granted.contains(&voter) && !self.rejected.contains(&voter)
    }
}

impl Quorum {
    /// Judges a vote request, and gives the vote at most once in an epoch (rules 2.6).
    pub(crate) fn on_vote_request(
        &mut self,
        now: Now,
        request: VoteRequest,
        effects: &mut Effects,
    ) -> VoteResponse {
        let known = self.voters.contains(&request.candidate) && request.candidate != self.node;
        let newer = known && request.epoch > self.state.epoch;
        let granted = known && self.would_grant(&request);
        let first = granted && (newer || self.state.voted.is_none());
        if newer || first {
            let voted = granted.then_some(request.candidate);
            let state = ElectionState { epoch: request.epoch, voted, leader: None };
            self.become_unattached(now.time, state, effects);
        }
        if first {
            let (epoch, candidate) = (request.epoch, request.candidate);
            effects.note(QuorumNote::VoteGranted { epoch, candidate });
        }
        self.pump(now.time, effects);
        VoteResponse { epoch: self.state.epoch, leader: self.leader(), granted }
    }

    fn would_grant(&self, request: &VoteRequest) -> bool {
        if request.epoch < self.state.epoch {
            return false;
        }
        let up_to_date = (request.last_epoch, request.end_offset) >= self.log_position();
        if request.epoch > self.state.epoch {
            return up_to_date;
        }
        match self.role {
            Role::Unattached { .. } => match self.state.voted {
                Some(voted) => voted == request.candidate,
                None => up_to_date,
            },
            Role::Follower { .. } | Role::Candidate(_) | Role::Leader(_) | Role::Resigned(_) => {
                false
            }
        }
    }

    /// Epoch of the last record and log end: the longer log is the one that is greater in this order.
    fn log_position(&self) -> (LeaderEpoch, Offset) {
        (self.log.last_fetched_epoch(), self.log.log_end_offset())
    }

    /// Begins an election in the next epoch.
    pub(super) fn become_candidate(&mut self, now: Now, effects: &mut Effects) {
        let lost = match &self.role {
            Role::Candidate(candidate) => candidate.lost,
            Role::Unattached { .. }
            | Role::Follower { .. }
            | Role::Leader(_)
            | Role::Resigned(_) => 0,
        };
        let election_at = now.time + self.election_timeout();
        let epoch = self.state.epoch.next();
        let state = ElectionState { epoch, voted: Some(self.node), leader: None };
        let role = Role::Candidate(self.candidacy(election_at, lost));
        self.enter(state, role, effects);
        if self.majority() == 1 {
            self.become_leader(now, effects);
        }
    }

    pub(super) fn vote_request(&self) -> RequestBody {
        let (last_epoch, end_offset) = self.log_position();
        let (epoch, candidate) = (self.state.epoch, self.node);
        RequestBody::Vote(VoteRequest { epoch, candidate, last_epoch, end_offset })
    }

    /// Counts an answer, if this voter is still a candidate of the epoch in which it asked.
    pub(super) fn on_vote_response(
        &mut self,
        now: Now,
        from: NodeId,
        asked_in: LeaderEpoch,
        response: VoteResponse,
        effects: &mut Effects,
    ) {
        if self.observe(now.time, response.epoch, response.leader, effects) {
            return;
        }
        let (epoch, majority, voters) = (self.state.epoch, self.majority(), self.voters.len());
        let Role::Candidate(candidate) = &mut self.role else {
            return;
        };
        if asked_in != epoch || response.epoch != epoch || !candidate.lacks_answer_of(from) {
            return;
        }
        if response.granted {
            candidate.granted.push(from);
        } else {
            candidate.rejected.push(from);
        }
        if candidate.granted.len() >= majority {
            self.become_leader(now, effects);
        } else if voters - candidate.rejected.len() < majority {
            self.back_off(now);
        }
    }

    /// The election is over without a winner, or the wait after a lost one is.
    pub(super) fn on_election_timeout(&mut self, now: Now, effects: &mut Effects) {
        let Role::Candidate(candidate) = &self.role else {
            panic!("an election of {:?} timed out", self.role.name());
        };
        if candidate.backing_off {
            self.become_candidate(now, effects);
        } else {
            self.back_off(now);
        }
    }

    /// Waits before the next election, longer each time, and each voter another time.
    fn back_off(&mut self, now: Now) {
        let Role::Candidate(candidate) = &self.role else {
            panic!("{:?} lost an election", self.role.name());
        };
        let lost = candidate.lost + 1;
        let doubled = ELECTION_BACKOFF_FIRST * 2_u32.pow((lost - 1).min(10));
        let wait = self.jittered(doubled.min(self.timeouts.election_backoff_max));
        if let Role::Candidate(candidate) = &mut self.role {
            candidate.lost = lost;
            candidate.backing_off = true;
            candidate.election_at = now.time + wait;
        }
    }
}
