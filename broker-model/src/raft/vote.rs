//! Elections: asking whether one would win, standing, granting, counting.
//!
//! A voter that hears of no leader first asks the others whether they would vote for it, and changes nothing by that:
//! no epoch, no vote, no timer. Who fetches from a leader says no. So a voter that was cut off, and is back, cannot
//! depose a leader that a majority follows; without that rule its higher epoch would. Only who has the pre-votes of a
//! majority enters a new epoch and asks for votes, which are given once an epoch and never to a log that is behind.
//! Source: KIP-595, KIP-996; Kafka's `ProspectiveState`, `CandidateState`, `EpochState.canGrantVote`.

use crate::defect::QuorumDefect;
use crate::message::{QuorumRequest, RequestBody, VoteRequest, VoteResponse};
use crate::node::Effects;
use crate::note::{Api, ExchangeNote, QuorumNote, Standing};
use crate::raft::election_state::ElectionState;
use crate::raft::quorum::Quorum;
use crate::raft::request_manager::RequestKind;
use crate::raft::role::{Election, Role};
use crate::types::{LeaderEpoch, NodeId, Now, Offset, Time};
use crate::voter_set::ReplicaKey;

impl Quorum {
    /// Judges a vote request, and gives the vote at most once in an epoch (rules 2.6).
    pub(crate) fn on_vote_request(
        &mut self,
        now: Now,
        request: VoteRequest,
        effects: &mut Effects,
    ) -> VoteResponse {
        let granted = self.judge_vote(now.time, &request, effects);
        if granted {
            self.note_served(Api::Vote, request.candidate, request.epoch, effects);
        }
        self.pump(now.time, effects);
        VoteResponse { epoch: self.state.epoch, leader: self.leader(), granted }
    }

    /// States that a request was served, and in which epoch.
    pub(super) fn note_served(
        &self,
        api: Api,
        by: NodeId,
        named: LeaderEpoch,
        effects: &mut Effects,
    ) {
        let (named, own) = (i64::from(named.0), i64::from(self.state.epoch.0));
        let partition = Some(self.log.partition());
        effects.note(ExchangeNote::RequestServed { api, partition, by, named, own });
    }

    /// States that an answer counts, in which epoch it was asked for, and in which this voter is.
    pub(super) fn note_applied(&self, api: Api, asked_in: LeaderEpoch, effects: &mut Effects) {
        let standing =
            |epoch: LeaderEpoch| Standing { epoch: i64::from(epoch.0), position: Offset::NONE.0 };
        let (asked, own) = (standing(asked_in), standing(self.state.epoch));
        let partition = Some(self.log.partition());
        effects.note(ExchangeNote::AnswerApplied { api, partition, asked, own });
    }

    fn judge_vote(&mut self, now: Time, request: &VoteRequest, effects: &mut Effects) -> bool {
        if !self.is_peer(request.candidate) || request.epoch < self.state.epoch {
            return false;
        }
        let asked = ReplicaKey { id: self.node, directory: request.voter_directory };
        if !self.is_same(asked, self.key()) {
            return self.refuse_vote(now, request.epoch, effects);
        }
        let newer = request.epoch > self.state.epoch;
        // A pre-vote changes nothing, except that its epoch is taken if it is newer.
        if request.pre_vote {
            if newer {
                self.become_unattached(now, ElectionState::at(request.epoch), effects);
            }
            return self.would_grant_pre_vote(request);
        }
        let granted = if newer { self.is_up_to_date(request) } else { self.would_grant(request) };
        let first = granted && (newer || self.state.voted != Some(request.candidate));
        if newer {
            let voted = granted.then_some(request.candidate);
            let state = ElectionState { voted, ..ElectionState::at(request.epoch) };
            self.become_unattached(now, state, effects);
        } else if first {
            self.add_vote(now, request.candidate, effects);
        }
        if first {
            let (epoch, candidate) = (request.epoch, request.candidate);
            effects.note(QuorumNote::VoteGranted { epoch, candidate });
        }
        granted
    }

    /// The vote of another disk is asked for: its epoch is taken, if it is newer. Source: `INVALID_VOTER_KEY` of
    /// `KafkaRaftClient.handleVoteRequest`.
    fn refuse_vote(&mut self, now: Time, epoch: LeaderEpoch, effects: &mut Effects) -> bool {
        if epoch > self.state.epoch {
            self.become_unattached(now, ElectionState::at(epoch), effects);
        }
        false
    }

    /// Whether this voter votes for the candidate, of its own epoch.
    fn would_grant(&self, request: &VoteRequest) -> bool {
        match self.role {
            Role::Unattached { .. } | Role::Prospective(_) => match self.state.voted {
                Some(voted) => {
                    voted == request.candidate
                        || self.defects.has(QuorumDefect::VotesTwice) && self.is_up_to_date(request)
                }
                None => self.state.leader.is_none() && self.is_up_to_date(request),
            },
            Role::Follower { .. } | Role::Candidate(_) | Role::Leader(_) | Role::Resigned(_) => {
                false
            }
        }
    }

    /// Whether this voter has no leader that it fetches from, and would not keep the other from winning by its log.
    fn would_grant_pre_vote(&self, request: &VoteRequest) -> bool {
        let follows = match self.role {
            Role::Leader(_) => true,
            Role::Follower { has_fetched, .. } => has_fetched,
            Role::Unattached { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Resigned(_) => false,
        };
        !follows && self.is_up_to_date(request)
    }

    fn is_up_to_date(&self, request: &VoteRequest) -> bool {
        if self.defects.has(QuorumDefect::VotesByLength) {
            return request.end_offset >= self.log.log_end_offset();
        }
        (request.last_epoch, request.end_offset) >= self.log_position()
    }

    /// Epoch of the last record and log end: the longer log is the one that is greater in this order.
    fn log_position(&self) -> (LeaderEpoch, Offset) {
        (self.log.last_fetched_epoch(), self.log.log_end_offset())
    }

    /// Gives the vote of this epoch. The election timer starts anew: the candidate is as likely to win as this voter.
    fn add_vote(&mut self, now: Time, candidate: NodeId, effects: &mut Effects) {
        let is_first = self.state.voted.is_none() || self.defects.has(QuorumDefect::VotesTwice);
        assert!(is_first, "{:?} votes for {candidate} too", self.state);
        assert!(self.state.leader.is_none(), "{:?} votes for {candidate}", self.state);
        let state = ElectionState { voted: Some(candidate), ..self.state };
        let election_at = now + self.election_timeout();
        let role = match self.role {
            Role::Prospective(_) => Role::Prospective(Election::begun_by(self.node, election_at)),
            Role::Unattached { .. } => Role::Unattached { election_at },
            Role::Follower { .. } | Role::Candidate(_) | Role::Leader(_) | Role::Resigned(_) => {
                panic!("{:?} gives a vote", self.role.name())
            }
        };
        self.enter(state, role, effects);
    }

    /// Asks the others, in the epoch that it is in, whether they would vote for this voter.
    pub(super) fn become_prospective(&mut self, now: Now, effects: &mut Effects) {
        if self.defects.has(QuorumDefect::NoPreVote) {
            // QuorumDefect::NoPreVote: enters a new epoch whoever leads this one, as before KIP-996.
            self.become_candidate(now, effects);
            return;
        }
        assert!(self.votes(), "{} stands, and is no voter", self.node);
        let election_at = now.time + self.election_timeout();
        let election = Election::begun_by(self.node, election_at);
        let won = election.is_granted(self.voters().count());
        self.enter(self.state, Role::Prospective(election), effects);
        self.reset_connections(now.time);
        if won {
            self.become_candidate(now, effects);
        }
    }

    /// Begins an election in the next epoch.
    fn become_candidate(&mut self, now: Now, effects: &mut Effects) {
        let election_at = now.time + self.election_timeout();
        let epoch = self.state.epoch.next();
        let state = ElectionState { epoch, voted: Some(self.node), leader: None };
        let election = Election::begun_by(self.node, election_at);
        let won = election.is_granted(self.voters().count());
        self.enter(state, Role::Candidate(election), effects);
        self.reset_connections(now.time);
        if won {
            self.become_leader(now, effects);
        }
    }

    pub(super) fn vote_request(&self, to: NodeId, pre_vote: bool) -> RequestBody {
        let (last_epoch, end_offset) = self.log_position();
        let (epoch, candidate) = (self.state.epoch, self.node);
        let voter = self.voters().voter(to).expect("only voters are asked");
        RequestBody::Quorum(QuorumRequest::Vote(VoteRequest {
            epoch,
            candidate,
            last_epoch,
            end_offset,
            voter_directory: voter.directory,
            pre_vote,
        }))
    }

    /// Counts an answer, if this voter still asks what it asked then.
    pub(super) fn on_vote_response(
        &mut self,
        now: Now,
        from: NodeId,
        (asked, asked_in): (RequestKind, LeaderEpoch),
        response: VoteResponse,
        effects: &mut Effects,
    ) {
        if self.observe(now.time, response.epoch, response.leader, effects) {
            return;
        }
        let epoch = self.state.epoch;
        if !matches!(self.role, Role::Prospective(_) | Role::Candidate(_))
            || asked_in != epoch
            || response.epoch != epoch
        {
            return;
        }
        self.note_applied(Api::Vote, asked_in, effects);
        let voters = self.voters().count();
        let (Role::Prospective(election) | Role::Candidate(election)) = &mut self.role else {
            return;
        };
        election.record(from, response.granted);
        let (won, lost) = (election.is_granted(voters), election.is_rejected(voters));
        match asked == RequestKind::PreVote {
            true if won => self.become_candidate(now, effects),
            true if lost => self.give_up_pre_votes(now.time, effects),
            false if won => self.become_leader(now, effects),
            // A candidate that has lost waits for the end of its election: others may stand meanwhile.
            true | false => {}
        }
    }

    /// Not enough pre-votes, or not in time: back to the leader that was known, or to knowing none.
    /// Source: `KafkaRaftClient.prospectiveTransitionAfterElectionLoss`.
    pub(super) fn give_up_pre_votes(&mut self, now: Time, effects: &mut Effects) {
        match self.state.leader {
            Some(leader) => self.become_follower(now, self.state.epoch, leader, effects),
            None => self.become_unattached(now, self.state, effects),
        }
    }
}
