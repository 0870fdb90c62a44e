//! What each role sends to the other voters, and when.
//!
//! A voter that knows no leader fetches from the other voters in turn, and so does a follower while its leader cannot
//! be reached: whoever is asked names the leader that it knows. Without that a voter that missed the new leader's
//! announcement would hold another election. Source: KAFKA-17030, `KafkaRaftClient.pollUnattachedAsVoter`,
//! `maybeSendFetchToBestNode`.
//!
//! Kafka begins at a random bootstrap server and may ask itself; here it is each other voter in turn. Kafka asks
//! again as soon as an answer names nobody; here the one that answered so is left alone for a retry backoff.

use crate::message::{Message, RequestBody};
use crate::node::{Channel, Effects};
use crate::raft::quorum::Quorum;
use crate::raft::request_manager::{InFlight, RequestKind};
use crate::raft::role::{Election, Role};
use crate::types::{CorrelationId, NodeId, Time};

impl Quorum {
    /// When the role next has something to send to a peer; `None` if nothing, or if it is under way.
    pub(super) fn next_send(&self, index: usize) -> Option<Time> {
        let peer = &self.peers[index];
        let asking = |asked| peer.quorum.is_asking(asked, self.state.epoch);
        let asks = |election: &Election, asked| {
            let open = !election.is_rejected(self.voters().count());
            let votes = self.voters().voter(peer.node).is_some();
            (open && votes && election.lacks_answer_of(peer.node) && !asking(asked))
                .then_some(peer.quorum.not_before)
        };
        match &self.role {
            Role::Unattached { .. } if self.is_stopping() => None,
            Role::Unattached { .. } => self.next_bootstrap_fetch(index),
            Role::Follower { .. } => self.next_follower_fetch(index),
            Role::Prospective(election) => asks(election, RequestKind::PreVote),
            Role::Candidate(election) => asks(election, RequestKind::Vote),
            Role::Leader(_) => None,
            Role::Resigned(resigned) => (resigned.unaware.contains(&peer.node)
                && !asking(RequestKind::End))
            .then_some(peer.quorum.not_before),
        }
    }

    /// Any voter will do, one at a time.
    fn next_bootstrap_fetch(&self, index: usize) -> Option<Time> {
        let busy = self.peers.iter().any(|peer| peer.fetch.is_busy());
        (!busy).then_some(self.peers[index].fetch.not_before)
    }

    /// The leader, or, while a backoff keeps it from that, any other voter.
    fn next_follower_fetch(&self, index: usize) -> Option<Time> {
        let due = self.next_bootstrap_fetch(index)?;
        let leader = self.peers.iter().find(|peer| Some(peer.node) == self.state.leader)?;
        let is_leader = self.peers[index].node == leader.node;
        (is_leader || due < leader.fetch.not_before).then_some(due)
    }

    /// Sends what the role has to send and no backoff holds up.
    pub(super) fn pump(&mut self, now: Time, effects: &mut Effects) {
        self.announce(now, effects);
        let (first, peers) = (self.next_bootstrap, self.peers.len());
        for index in (0..peers).map(|turn| (first + turn) % peers) {
            if self.next_send(index).is_some_and(|at| at <= now) && !self.leader_is_due(index, now)
            {
                let (asked, body) = self.request_of_role(self.peers[index].node);
                self.send(now, index, asked, body, effects);
            }
        }
    }

    /// Whether a follower that could fetch from another voter can fetch from its leader.
    fn leader_is_due(&self, index: usize, now: Time) -> bool {
        let leads = |node: NodeId| {
            matches!(self.role, Role::Follower { .. }) && self.state.leader == Some(node)
        };
        let due =
            |peer: &super::request_manager::Peer| leads(peer.node) && peer.fetch.not_before <= now;
        !leads(self.peers[index].node) && self.peers.iter().any(due)
    }

    fn request_of_role(&self, to: NodeId) -> (RequestKind, RequestBody) {
        match &self.role {
            // Only the leader has the snapshot; whoever else is asked for the log names the leader.
            Role::Follower { .. } if self.state.leader == Some(to) => {
                self.next_part_request().map_or_else(
                    || (RequestKind::Fetch, self.fetch_request()),
                    |part| (RequestKind::FetchSnapshot, part),
                )
            }
            Role::Unattached { .. } | Role::Follower { .. } => {
                (RequestKind::Fetch, self.fetch_request())
            }
            Role::Prospective(_) => (RequestKind::PreVote, self.vote_request(to, true)),
            Role::Candidate(_) => (RequestKind::Vote, self.vote_request(to, false)),
            Role::Leader(_) => (RequestKind::Begin, self.begin_request()),
            Role::Resigned(_) => (RequestKind::End, self.end_request()),
        }
    }

    /// A leader tells all other voters who leads, at once and then every half fetch timeout; one that a backoff keeps
    /// it from is told the next time. Source: `KafkaRaftClient.maybeSendBeginQuorumEpochRequests`.
    fn announce(&mut self, now: Time, effects: &mut Effects) {
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.begin_at > now {
            return;
        }
        leader.begin_at = now + self.timeouts.begin_interval();
        for index in 0..self.peers.len() {
            let connection = &self.peers[index].quorum;
            let votes = self.voters().voter(self.peers[index].node).is_some();
            if votes && !connection.is_busy() && connection.not_before <= now {
                let body = self.begin_request();
                self.send(now, index, RequestKind::Begin, body, effects);
            }
        }
    }

    fn send(
        &mut self,
        now: Time,
        index: usize,
        asked: RequestKind,
        body: RequestBody,
        effects: &mut Effects,
    ) {
        let to = self.peers[index].node;
        let channel = match asked {
            RequestKind::Fetch | RequestKind::FetchSnapshot => Channel::QuorumFetch,
            RequestKind::PreVote | RequestKind::Vote | RequestKind::Begin | RequestKind::End => {
                Channel::Quorum
            }
        };
        if channel == Channel::QuorumFetch {
            self.next_bootstrap = (index + 1) % self.peers.len();
        }
        self.correlation_id = CorrelationId(self.correlation_id.0.wrapping_add(1));
        let correlation_id = self.correlation_id;
        let expires_at = now + self.timeouts.request;
        let epoch = self.state.epoch;
        let sent = InFlight { correlation_id, asked, epoch, expires_at, awaited: true };
        self.peers[index].connection(channel).expect("a channel between voters").sent(sent);
        effects.request(to, channel, Message { correlation_id, body });
    }
}
