//! Vote rules (rules 2.6) and the order of disk, count and wire.

use super::boot::{NOW, disk};
use crate::controller::tests::config;
use crate::defect::{Defect, QuorumDefect};
use crate::disk_image::{DiskImage, FileId};
use crate::message::{BeginQuorumEpochRequest, ClusterError, VoteRequest};
use crate::node::{Effect, Effects};
use crate::note::{Note, QuorumNote};
use crate::raft::election_state::ElectionState;
use crate::raft::{Quorum, QuorumOptions};
use crate::types::{DirectoryId, LeaderEpoch, NodeId, Offset};

fn open(image: &DiskImage, defects: &[Defect]) -> Quorum {
    let config = config(3, defects);
    let options = QuorumOptions { node: NodeId(101), config: &config, image, incarnation: 1 };
    let mut quorum = Quorum::open(options, NOW, &mut Effects::new());
    quorum.boot(NOW, &mut Effects::new());
    quorum
}

fn request(epoch: i32, candidate: i32) -> VoteRequest {
    VoteRequest {
        epoch: LeaderEpoch(epoch),
        candidate: NodeId(candidate),
        last_epoch: LeaderEpoch::NONE,
        end_offset: Offset::ZERO,
        voter_directory: DirectoryId::UNASSIGNED,
        pre_vote: false,
    }
}

/// Asks and gives back whether the vote was given, and whether the state was replaced.
fn ask(quorum: &mut Quorum, request: VoteRequest) -> (bool, bool) {
    let mut effects = Effects::new();
    let response = quorum.on_vote_request(NOW, request, &mut effects);
    let replaced =
        |effect: &Effect| matches!(effect, Effect::Replace { file: FileId::QuorumState, .. });
    let wrote = effects.as_slice().iter().any(replaced);
    quorum.check();
    (response.granted, wrote)
}

#[test]
fn one_vote_in_an_epoch() {
    let mut quorum = open(&DiskImage::default(), &[]);
    assert_eq!(ask(&mut quorum, request(3, 102)), (true, true));
    assert_eq!(ask(&mut quorum, request(3, 102)), (true, false), "the same again");
    assert_eq!(ask(&mut quorum, request(3, 103)), (false, false), "another");
    assert_eq!(ask(&mut quorum, request(2, 103)), (false, false), "an older epoch");
    assert_eq!(ask(&mut quorum, request(4, 103)), (true, true), "a newer epoch");
    assert_eq!(ask(&mut quorum, request(5, 999)), (false, false), "not a voter");
    assert_eq!(quorum.epoch(), LeaderEpoch(4));
}

#[test]
fn an_old_log_gets_no_vote_but_its_epoch_is_taken() {
    let mut quorum = open(&DiskImage::default(), &[]);
    let short = VoteRequest { last_epoch: LeaderEpoch(-2), ..request(3, 102) };
    assert_eq!(ask(&mut quorum, short), (false, true));
    assert_eq!(quorum.epoch(), LeaderEpoch(3));
    assert_eq!(ask(&mut quorum, request(3, 103)), (true, true), "the vote is still there");
}

#[test]
fn who_knows_a_leader_gives_no_vote_in_its_epoch() {
    let epoch = LeaderEpoch(4);
    let follows = ElectionState { epoch, voted: None, leader: Some(NodeId(103)) };
    let mut follower = open(&disk(follows), &[]);
    assert_eq!(ask(&mut follower, request(4, 102)), (false, false));
    let resigned = ElectionState { epoch, voted: None, leader: Some(NodeId(101)) };
    let mut resigned = open(&disk(resigned), &[]);
    assert_eq!(ask(&mut resigned, request(4, 102)), (false, false));
}

#[test]
fn becoming_a_follower_keeps_the_vote() {
    let mut quorum = open(&DiskImage::default(), &[]);
    assert!(ask(&mut quorum, request(3, 102)).0);
    let mut effects = Effects::new();
    let begin = BeginQuorumEpochRequest { epoch: LeaderEpoch(3), leader: NodeId(103) };
    assert_eq!(quorum.on_begin_request(NOW, begin, &mut effects).error, None);
    let voted = effects.as_slice().iter().find_map(|effect| {
        let Effect::Note(Note::Quorum(QuorumNote::StateChanged { voted, .. })) = effect else {
            return None;
        };
        Some(*voted)
    });
    assert_eq!(voted, Some(Some(NodeId(102))));
    let other = BeginQuorumEpochRequest { epoch: LeaderEpoch(3), leader: NodeId(102) };
    let refused = quorum.on_begin_request(NOW, other, &mut effects).error;
    assert_eq!(refused, Some(ClusterError::InvalidRequest), "two leaders of one epoch");
}

/// What of a vote for 102 in epoch 3 is on the disk.
fn persisted_vote(defects: &[Defect]) -> ElectionState {
    let mut effects = Effects::new();
    open(&DiskImage::default(), defects).on_vote_request(NOW, request(3, 102), &mut effects);
    let written = effects.as_slice().iter().find_map(|effect| {
        let Effect::Replace { file: FileId::QuorumState, bytes } = effect else { return None };
        Some(bytes.clone())
    });
    ElectionState::decode(&written.expect("an epoch is written")).expect("whole")
}

#[test]
fn the_defect_leaves_the_vote_off_the_disk() {
    let kept = ElectionState { voted: Some(NodeId(102)), ..ElectionState::at(LeaderEpoch(3)) };
    assert_eq!(persisted_vote(&[]), kept);
    let defects = [QuorumDefect::VoteNotPersisted.into()];
    let forgotten = persisted_vote(&defects);
    assert_eq!(forgotten, ElectionState::at(LeaderEpoch(3)));
    let mut quorum = open(&disk(forgotten), &defects);
    assert!(ask(&mut quorum, request(3, 103)).0, "a second vote in the epoch");
}

/// A lone voter leads as soon as it has booted: whether its first record counted before it was flushed.
fn counts_unflushed(defects: &[Defect]) -> bool {
    let config = config(1, defects);
    let image = DiskImage::default();
    let options =
        QuorumOptions { node: NodeId(101), config: &config, image: &image, incarnation: 1 };
    let mut effects = Effects::new();
    let mut quorum = Quorum::open(options, NOW, &mut effects);
    quorum.boot(NOW, &mut effects);
    let counted = |effect: &Effect| {
        let Effect::Note(Note::Quorum(note)) = effect else { return false };
        matches!(note, QuorumNote::HighWatermarkMoved { to: Offset(1), .. })
    };
    let flushed = |effect: &Effect| {
        let Effect::Note(Note::Quorum(note)) = effect else { return false };
        matches!(note, QuorumNote::LogSynced { end: Offset(1) })
    };
    let effects = effects.as_slice();
    let counted = effects.iter().position(counted).expect("it counts");
    counted < effects.iter().position(flushed).expect("it is flushed")
}

#[test]
fn a_leader_counts_what_it_has_flushed_and_in_kafka_what_it_has_appended() {
    assert!(!counts_unflushed(&[]));
    assert!(counts_unflushed(&[QuorumDefect::CountsBeforeFlush.into()]));
}
