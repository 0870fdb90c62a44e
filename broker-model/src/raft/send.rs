//! What each role sends to the other voters, and when.

use crate::message::Message;
use crate::node::{Channel, Effects};
use crate::raft::quorum::Quorum;
use crate::raft::request_manager::{InFlight, RequestKind};
use crate::raft::role::Role;
use crate::types::{CorrelationId, Time};

impl Quorum {
    /// When the role next has something to send to a peer; `None` if nothing, or if it is under way.
    pub(super) fn next_send(&self, index: usize) -> Option<Time> {
        let peer = &self.peers[index];
        let epoch = self.state.epoch;
        match &self.role {
            Role::Unattached { .. } => None,
            Role::Follower { .. } => (self.state.leader == Some(peer.node)
                && peer.fetch.in_flight.is_none())
            .then_some(peer.fetch.not_before),
            Role::Candidate(candidate) => (candidate.lacks_answer_of(peer.node)
                && !peer.quorum.is_asking(RequestKind::Vote, epoch))
            .then_some(peer.quorum.not_before),
            Role::Leader(leader) => (!peer.quorum.is_asking(RequestKind::Begin, epoch))
                .then(|| leader.begin_due(peer.node).max(peer.quorum.not_before)),
            Role::Resigned(resigned) => (resigned.unaware.contains(&peer.node)
                && !peer.quorum.is_asking(RequestKind::End, epoch))
            .then_some(peer.quorum.not_before),
        }
    }

    /// Sends what the role has to send and no backoff holds up.
    pub(super) fn pump(&mut self, now: Time, effects: &mut Effects) {
        for index in 0..self.peers.len() {
            if self.next_send(index).is_some_and(|at| at <= now) {
                self.send(now, index, effects);
            }
        }
    }

    fn send(&mut self, now: Time, index: usize, effects: &mut Effects) {
        let to = self.peers[index].node;
        let (asked, body) = match &mut self.role {
            Role::Unattached { .. } => return,
            Role::Follower { .. } => (RequestKind::Fetch, self.fetch_request()),
            Role::Candidate(_) => (RequestKind::Vote, self.vote_request()),
            Role::Leader(leader) => {
                leader.begin_sent(to, now + self.timeouts.begin_interval());
                (RequestKind::Begin, self.begin_request())
            }
            Role::Resigned(_) => (RequestKind::End, self.end_request()),
        };
        let channel = match asked {
            RequestKind::Fetch => Channel::QuorumFetch,
            RequestKind::Vote | RequestKind::Begin | RequestKind::End => Channel::Quorum,
        };
        self.correlation_id = CorrelationId(self.correlation_id.0.wrapping_add(1));
        let correlation_id = self.correlation_id;
        let expires_at = now + self.timeouts.request;
        let sent = InFlight { correlation_id, asked, epoch: self.state.epoch, expires_at };
        self.peers[index].connection(channel).expect("a channel between voters").sent(sent);
        effects.request(to, channel, Message { correlation_id, body });
    }
}
