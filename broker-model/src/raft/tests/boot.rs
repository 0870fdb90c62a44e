//! Boot rules: what is on the disk decides the role (rules 2.6).

use crate::controller::tests::config;
use crate::disk_image::{DiskImage, FileId};
use crate::message::{Message, QuorumRequest, RequestBody, VoteRequest};
use crate::node::{Channel, Effect, Effects};
use crate::note::{Note, QuorumNote, QuorumRole};
use crate::raft::election_state::ElectionState;
use crate::raft::{Quorum, QuorumOptions};
use crate::types::{DirectoryId, LeaderEpoch, NodeId, Now, Offset, Time, WallTime};

pub(super) const NOW: Now = Now { time: Time(0), wall: WallTime(0) };

pub(super) fn state(epoch: i32, voted: Option<i32>, leader: Option<i32>) -> ElectionState {
    let (voted, leader) = (voted.map(NodeId), leader.map(NodeId));
    ElectionState { epoch: LeaderEpoch(epoch), voted, leader }
}

pub(super) fn disk(state: ElectionState) -> DiskImage {
    let mut image = DiskImage::default();
    image.files.insert(FileId::QuorumState, state.encode());
    image
}

fn open(image: &DiskImage) -> (Quorum, Effects) {
    let config = config(3, &[]);
    let options = QuorumOptions { node: NodeId(101), config: &config, image, incarnation: 1 };
    let mut effects = Effects::new();
    let mut quorum = Quorum::open(options, NOW, &mut effects);
    quorum.boot(NOW, &mut effects);
    (quorum, effects)
}

fn role_at_boot(image: &DiskImage) -> (LeaderEpoch, QuorumRole, Option<NodeId>, Option<NodeId>) {
    let (_, effects) = open(image);
    let states = effects.as_slice().iter().filter_map(|effect| {
        let Effect::Note(Note::Quorum(QuorumNote::StateChanged { epoch, role, leader, voted })) =
            effect
        else {
            return None;
        };
        Some((*epoch, *role, *leader, *voted))
    });
    states.last().expect("the role is stated at boot")
}

#[test]
fn the_disk_decides_the_role() {
    let rows = [
        (state(4, Some(101), Some(101)), QuorumRole::Resigned),
        (state(4, Some(101), None), QuorumRole::Candidate),
        (state(4, Some(101), Some(102)), QuorumRole::Candidate),
        (state(4, Some(102), None), QuorumRole::Unattached),
        (state(4, Some(102), Some(103)), QuorumRole::Follower),
        (state(4, None, None), QuorumRole::Unattached),
    ];
    for (on_disk, role) in rows {
        // A candidate asks again, though another has won the epoch: it hears of that soon enough.
        let leader = on_disk.leader.filter(|_| role != QuorumRole::Candidate);
        let expected = (on_disk.epoch, role, leader, on_disk.voted);
        assert_eq!(role_at_boot(&disk(on_disk)), expected, "{on_disk:?}");
    }
    let (epoch, role, ..) = role_at_boot(&DiskImage::default());
    assert_eq!((epoch, role), (LeaderEpoch(0), QuorumRole::Unattached));
}

#[test]
fn a_restarted_candidate_asks_in_the_same_epoch() {
    let (_, effects) = open(&disk(state(4, Some(101), None)));
    let asked = effects.as_slice().iter().filter(|effect| {
        matches!(
            effect,
            Effect::Request {
                channel: Channel::Quorum,
                message: Message {
                    body: RequestBody::Quorum(QuorumRequest::Vote(VoteRequest {
                        epoch: LeaderEpoch(4),
                        voter_directory: DirectoryId::UNASSIGNED,
                        pre_vote: false,
                        ..
                    })),
                    ..
                },
                ..
            }
        )
    });
    assert_eq!(asked.count(), 2);
}

#[test]
fn a_vote_survives_a_restart() {
    let (mut quorum, mut effects) = open(&disk(state(4, Some(102), None)));
    for (candidate, expected) in [(103, false), (102, true)] {
        let request = VoteRequest {
            epoch: LeaderEpoch(4),
            candidate: NodeId(candidate),
            last_epoch: LeaderEpoch(3),
            end_offset: Offset(9),
            voter_directory: DirectoryId::UNASSIGNED,
            pre_vote: false,
        };
        assert_eq!(quorum.on_vote_request(NOW, request, &mut effects).granted, expected);
    }
}
