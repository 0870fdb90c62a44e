//! Pre-votes and voters without a leader, as in Kafka 4.1 (KIP-996, KAFKA-17030).

use super::boot::{NOW, disk, state};
use crate::controller::tests::{config, net::Net};
use crate::disk_image::DiskImage;
use crate::message::{
    ClusterError, EndQuorumEpochRequest, Message, QuorumFetchResponse, QuorumRequest,
    QuorumResponse, RequestBody, ResponseBody, VoteRequest, VoteResponse,
};
use crate::node::{Channel, Effect, Effects};
use crate::note::QuorumRole;
use crate::raft::{Quorum, QuorumOptions};
use crate::types::{CorrelationId, DirectoryId, LeaderEpoch, NodeId, Now, Offset, Time, WallTime};

const EPOCH: LeaderEpoch = LeaderEpoch(4);
const LATER: Now = Now { time: Time(60_000_000_000), wall: WallTime(60_000) };

/// Voter 101 of 101 to 103, and what it has sent.
struct Voter {
    quorum: Quorum,
    effects: Effects,
}

impl Voter {
    fn boot(image: &DiskImage) -> Self {
        let config = config(3, &[]);
        let options = QuorumOptions { node: NodeId(101), config: &config, image, incarnation: 1 };
        let mut effects = Effects::new();
        let mut quorum = Quorum::open(options, NOW, &mut effects);
        quorum.boot(NOW, &mut effects);
        Self { quorum, effects }
    }

    fn knows(voted: Option<i32>, leader: Option<i32>) -> Self {
        Self::boot(&disk(state(EPOCH.0, voted, leader)))
    }

    fn role(&self) -> QuorumRole {
        self.quorum.role.name()
    }

    /// The newest request on a channel: to whom, its id and what it asks.
    fn asked(&self, channel: Channel) -> (NodeId, CorrelationId, RequestBody) {
        let asked = self.effects.as_slice().iter().rev().find_map(|effect| {
            let Effect::Request { to, channel: on, message } = effect else { return None };
            (*on == channel).then(|| (*to, message.correlation_id, message.body.clone()))
        });
        asked.expect("something was asked")
    }

    fn answer(&mut self, now: Now, channel: Channel, body: ResponseBody) {
        let (from, correlation_id, _) = self.asked(channel);
        let message = Message { correlation_id, body };
        self.quorum.on_response(now, from, channel, message, &mut self.effects);
        self.quorum.check();
    }

    fn fetched(&mut self, epoch: LeaderEpoch, leader: Option<i32>, error: Option<ClusterError>) {
        let response = QuorumFetchResponse {
            epoch,
            leader: leader.map(NodeId),
            error,
            diverging: None,
            snapshot: None,
            high_watermark: Offset::NONE,
            batches: Vec::new(),
        };
        self.answer(NOW, Channel::QuorumFetch, ResponseBody::QuorumFetch(Box::new(response)));
    }

    fn voted(&mut self, now: Now, epoch: LeaderEpoch, granted: bool) {
        let response = VoteResponse { epoch, leader: None, granted };
        self.answer(now, Channel::Quorum, ResponseBody::Quorum(QuorumResponse::Vote(response)));
    }

    fn deadline(&mut self, now: Now) {
        self.quorum.on_deadline(now, &mut self.effects);
        self.quorum.check();
    }

    /// A voter whose log ends there, in the epoch of this one's last record, asks for a pre-vote.
    fn pre_vote(&mut self, epoch: i32, end_offset: i64) -> bool {
        let request = VoteRequest {
            epoch: LeaderEpoch(epoch),
            candidate: NodeId(102),
            last_epoch: self.quorum.log.last_fetched_epoch(),
            end_offset: Offset(end_offset),
            voter_directory: DirectoryId::UNASSIGNED,
            pre_vote: true,
        };
        let granted = self.quorum.on_vote_request(NOW, request, &mut self.effects).granted;
        self.quorum.check();
        granted
    }
}

fn prospective() -> Voter {
    let mut voter = Voter::knows(None, None);
    voter.deadline(LATER);
    voter
}

fn fetching_follower() -> Voter {
    let mut voter = Voter::knows(None, Some(103));
    voter.fetched(EPOCH, Some(103), None);
    voter
}

fn leader() -> Voter {
    let mut voter = Voter::knows(Some(101), None);
    voter.voted(NOW, EPOCH, true);
    voter
}

#[test]
fn only_who_leads_or_fetches_from_a_leader_refuses_a_pre_vote() {
    type Row = (fn() -> Voter, QuorumRole, bool);
    let rows: [Row; 7] = [
        (|| Voter::knows(None, None), QuorumRole::Unattached, true),
        (|| Voter::knows(None, Some(103)), QuorumRole::Follower, true),
        (fetching_follower, QuorumRole::Follower, false),
        (prospective, QuorumRole::Prospective, true),
        (|| Voter::knows(Some(101), None), QuorumRole::Candidate, true),
        (leader, QuorumRole::Leader, false),
        (|| Voter::knows(Some(101), Some(101)), QuorumRole::Resigned, true),
    ];
    for (voter, role, granted) in rows {
        let mut voter = voter();
        assert_eq!(voter.role(), role);
        let before = voter.quorum.state;
        assert_eq!(voter.pre_vote(EPOCH.0, 1), granted, "{role:?}");
        assert!(!voter.pre_vote(EPOCH.0, -1), "{role:?} grants it to a shorter log");
        assert!(!voter.pre_vote(EPOCH.0 - 1, 1), "{role:?} grants it in an older epoch");
        assert_eq!((voter.role(), voter.quorum.state), (role, before), "nothing changes");
    }
}

#[test]
fn a_pre_vote_of_a_newer_epoch_is_judged_in_that_epoch_and_takes_no_vote() {
    let mut voter = fetching_follower();
    assert!(voter.pre_vote(EPOCH.0 + 1, 1));
    assert_eq!(voter.role(), QuorumRole::Unattached);
    assert_eq!((voter.quorum.epoch().0, voter.quorum.state.voted), (EPOCH.0 + 1, None));
}

#[test]
fn a_majority_of_pre_votes_begins_an_election() {
    let mut voter = prospective();
    let (_, _, body) = voter.asked(Channel::Quorum);
    let RequestBody::Quorum(QuorumRequest::Vote(asked)) = body else { panic!("{body:?}") };
    assert_eq!((asked.pre_vote, asked.epoch), (true, EPOCH), "in the epoch that it is in");
    voter.voted(LATER, EPOCH, true);
    assert_eq!((voter.role(), voter.quorum.epoch()), (QuorumRole::Candidate, EPOCH.next()));
    voter.voted(LATER, EPOCH.next(), true);
    assert_eq!(voter.role(), QuorumRole::Leader);
}

#[test]
fn without_a_majority_of_pre_votes_the_leader_that_was_known_is_followed_again() {
    let refuse = |voter: &mut Voter| {
        voter.deadline(LATER);
        assert_eq!(voter.role(), QuorumRole::Prospective);
        let connection = |node: i32| (NodeId(node), Channel::Quorum);
        for (node, channel) in [connection(102), connection(103)] {
            let sent = voter.quorum.peers.iter().find(|peer| peer.node == node);
            let sent = sent.expect("a peer").quorum.in_flight.expect("it was asked");
            let response = VoteResponse { epoch: EPOCH, leader: None, granted: false };
            let body = ResponseBody::Quorum(QuorumResponse::Vote(response));
            let message = Message { correlation_id: sent.correlation_id, body };
            voter.quorum.on_response(LATER, node, channel, message, &mut voter.effects);
        }
        voter.quorum.check();
    };
    for (leader, role) in [(Some(103), QuorumRole::Follower), (None, QuorumRole::Unattached)] {
        let mut voter = Voter::knows(Some(102), leader);
        let before = voter.quorum.state;
        refuse(&mut voter);
        assert_eq!((voter.role(), voter.quorum.state), (role, before), "the vote is kept");
    }
    // Nobody answers: the same, once the election is over.
    let mut voter = Voter::knows(None, Some(103));
    voter.deadline(LATER);
    let much_later = Now { time: Time(2 * LATER.time.0), ..LATER };
    voter.deadline(much_later);
    assert_eq!(voter.role(), QuorumRole::Follower);
}

#[test]
fn a_voter_without_a_leader_asks_the_others_in_turn_until_one_names_it() {
    let mut voter = Voter::knows(None, None);
    let (first, ..) = voter.asked(Channel::QuorumFetch);
    voter.fetched(EPOCH, None, Some(ClusterError::NotController));
    let (second, ..) = voter.asked(Channel::QuorumFetch);
    assert_ne!(first, second, "the next one");
    voter.fetched(EPOCH.next(), Some(first.0), Some(ClusterError::FencedLeaderEpoch));
    assert_eq!((voter.role(), voter.quorum.leader()), (QuorumRole::Follower, Some(first)));
    let (to, ..) = voter.asked(Channel::QuorumFetch);
    assert_eq!(to, first, "it fetches from the leader at once");
}

#[test]
fn a_fetch_that_finds_the_leader_counts() {
    let mut voter = Voter::knows(None, None);
    let (to, ..) = voter.asked(Channel::QuorumFetch);
    voter.fetched(EPOCH, Some(to.0), None);
    assert_eq!(voter.role(), QuorumRole::Follower);
    assert!(!voter.pre_vote(EPOCH.0, 1), "it has fetched from a leader");
}

#[test]
fn a_follower_whose_leader_is_gone_asks_another_voter() {
    let mut voter = Voter::knows(None, Some(103));
    assert_eq!(voter.asked(Channel::QuorumFetch).0, NodeId(103));
    let lost = (NodeId(103), Channel::QuorumFetch);
    voter.quorum.on_connection_lost(NOW, lost.0, lost.1, &mut voter.effects);
    assert_eq!(voter.asked(Channel::QuorumFetch).0, NodeId(102), "while the leader rests");
    voter.fetched(EPOCH, Some(103), Some(ClusterError::NotController));
    voter.deadline(Now { time: Time(200_000_000), wall: WallTime(200) });
    assert_eq!(voter.asked(Channel::QuorumFetch).0, NodeId(103), "the leader comes first");
}

#[test]
fn the_time_of_a_voter_s_request_begins_when_its_connection_stands() {
    let mut voter = Voter::knows(None, Some(103));
    let to = voter.asked(Channel::QuorumFetch).0;
    let sent_until = voter.quorum.next_deadline().expect("it waits for an answer").at;
    let setup = std::time::Duration::from_millis(50);
    voter.quorum.on_connected(NOW.time + setup, to, Channel::QuorumFetch);
    let peer = voter.quorum.peers.iter().find(|peer| peer.node == to).expect("a voter");
    let until = peer.fetch.in_flight.expect("a fetch").expires_at;
    assert_eq!(until, NOW.time + setup + voter.quorum.timeouts.request);
    assert!(until > sent_until, "{until}, {sent_until}");
}

#[test]
fn a_resigned_leader_leaves_its_epoch_before_it_looks_for_votes() {
    let mut voter = Voter::knows(Some(101), Some(101));
    voter.deadline(LATER);
    assert_eq!((voter.role(), voter.quorum.epoch()), (QuorumRole::Unattached, EPOCH.next()));
    voter.deadline(LATER);
    assert_eq!((voter.role(), voter.quorum.epoch()), (QuorumRole::Prospective, EPOCH.next()));
}

#[test]
fn successors_of_a_resigned_leader_wait_longer_by_their_rank() {
    // The longest wait is a second; there are two other voters, and in the third row this one is none of them. A leader
    // that has just restarted names nobody.
    let table =
        [(&[101, 102][..], 0), (&[102, 101], 500), (&[102, 104], 1000), (&[102], 1000), (&[], 0)];
    for (successors, expected_ms) in table {
        let mut voter = fetching_follower();
        let request = EndQuorumEpochRequest {
            epoch: EPOCH,
            leader: NodeId(103),
            preferred_successors: successors.iter().copied().map(NodeId).collect(),
        };
        let response = voter.quorum.on_end_request(NOW, &request, &mut voter.effects);
        assert_eq!(response.error, None);
        let due = voter.quorum.role_deadline().expect("a follower gives up at some time");
        assert_eq!(due.at, Time(expected_ms * 1_000_000), "{successors:?}");
    }
}

/// The point of it all: KIP-996.
#[test]
fn a_voter_that_was_cut_off_does_not_depose_a_leader_with_a_majority() {
    let mut net = Net::new(config(3, &[]));
    net.run_until("an active controller", |net| net.active().is_some());
    let leader = net.active().expect("just found");
    let voters = [101, 102, 103].map(NodeId);
    let lonely = voters.into_iter().find(|node| *node != leader).expect("there are three");
    net.run_for(1000);
    let epoch = net.controller(leader).quorum_epoch();
    for other in voters {
        net.cut.extend([(lonely, other), (other, lonely)]);
    }
    net.run_for(20_000);
    assert_eq!(net.controller(lonely).quorum_epoch(), epoch, "it enters no new epoch");
    net.cut.clear();
    net.run_for(5_000);
    assert_eq!((net.active(), net.controller(leader).quorum_epoch()), (Some(leader), epoch));
    assert_eq!(net.image(lonely), net.image(leader), "and it follows again");
}
