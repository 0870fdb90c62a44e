//! Groups that change their protocol while they have members, over a real log.

use super::modern_tests::{Modern, beat, join, owning};
use crate::config::{MigrationPolicy, topic_name};
use crate::consumer_protocol::{decode_assignment, encode_assignment};
use crate::defect::GroupDefect;
use crate::message::{ClientResponse, ResponseBody};
use crate::proto::{
    ErrorCode, GroupId, LeaveGroupRequest, MemberIdentity, SyncGroupRequest,
    SyncGroupRequestAssignment,
};

use super::tests::caller;

const REBALANCE: i16 = ErrorCode::RebalanceInProgress.code();

impl Modern {
    /// Joins by the classic protocol; the id, and the generation or an error.
    fn join_classic(&mut self, member: &str, owned: &[i32]) -> (String, Result<i32, i16>) {
        let joined = self.bench.join_as(1, (member, "consumer"), owned).expect("it is answered");
        let told = match joined.error_code {
            0 => Ok(joined.generation_id),
            error => Err(error),
        };
        (joined.member_id.to_string(), told)
    }

    /// What a member is given by the classic protocol.
    fn sync_classic(&mut self, member: &str, generation: i32) -> Result<Vec<i32>, i16> {
        self.sync_with(member, generation, Vec::new())
    }

    fn sync_with(
        &mut self,
        member: &str,
        generation: i32,
        given: Vec<SyncGroupRequestAssignment>,
    ) -> Result<Vec<i32>, i16> {
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_member_id(topic_name(member))
            .with_generation_id(generation)
            .with_assignments(given);
        let bench = &mut self.bench;
        bench.groups.sync_group(bench.now, caller(2), 0, &request, &bench.image);
        bench.run();
        let Some(ResponseBody::Client(ClientResponse::SyncGroup(response))) = bench.answer(2)
        else {
            panic!("no answer")
        };
        match response.error_code {
            0 => {
                let places = decode_assignment(&response.assignment).unwrap_or_default();
                Ok(places.into_iter().map(|(_, partition)| partition).collect())
            }
            error => Err(error),
        }
    }

    /// The leader of a classic group gives the only member these partitions.
    fn give_classic(&mut self, member: &str, generation: i32, given: &[i32]) {
        let places: Vec<_> = given.iter().map(|index| (topic_name("orders"), *index)).collect();
        let all = SyncGroupRequestAssignment::default()
            .with_member_id(topic_name(member))
            .with_assignment(encode_assignment(&places));
        assert_eq!(self.sync_with(member, generation, vec![all]), Ok(given.to_vec()));
    }

    fn leave_classic(&mut self, member: &str) -> i16 {
        let leaving = MemberIdentity::default().with_member_id(topic_name(member));
        let request = LeaveGroupRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_members(vec![leaving]);
        let bench = &mut self.bench;
        bench.groups.leave_group(bench.now, caller(3), 0, &request, &bench.image);
        bench.run();
        let Some(ResponseBody::Client(ClientResponse::LeaveGroup(response))) = bench.answer(3)
        else {
            panic!("no answer")
        };
        response.error_code.max(response.members.first().map_or(0, |it| it.error_code))
    }

    /// A classic group of one member that has all four partitions, in generation 1.
    fn classic_group(&mut self) -> String {
        let (id, told) = self.join_classic("", &[]);
        assert_eq!(told, Err(ErrorCode::MemberIdRequired.code()));
        assert_eq!(self.bench.join_as(1, (&id, "consumer"), &[]), None, "others are waited for");
        self.bench.advance(700);
        assert_eq!(self.bench.joined(1).generation_id, 1);
        self.give_classic(&id, 1, &[0, 1, 2, 3]);
        id
    }
}

#[test]
fn a_classic_group_is_one_of_the_consumer_protocol_and_its_members_hold_what_they_had() {
    let mut group = Modern::new(&[]);
    let old = group.classic_group();
    assert_eq!(group.tell(&join("b")), Ok((2, Some(vec![]))), "the old one holds all");
    assert_eq!(group.bench.commit(&old, 1, 5), Some(0), "it may commit what it has read");
    assert_eq!(group.bench.heartbeat(&old, 1), REBALANCE);
    let all = [0, 1, 2, 3];
    assert_eq!(group.join_classic(&old, &all).1, Ok(1), "it must give two up first");
    assert_eq!(group.sync_classic(&old, 1), Ok(vec![0, 1]));
    assert_eq!(group.tell(&beat("b", 2)), Ok((2, None)), "nothing is free yet");
    assert_eq!(group.bench.heartbeat(&old, 1), REBALANCE, "it has not said that it is done");
    assert_eq!(group.join_classic(&old, &[0, 1]).1, Ok(2));
    assert_eq!(group.sync_classic(&old, 2), Ok(vec![0, 1]));
    assert_eq!(group.tell(&beat("b", 2)), Ok((2, Some(vec![2, 3]))));
    assert_eq!(group.bench.heartbeat(&old, 2), 0);
    let illegal = Some(ErrorCode::IllegalGeneration.code());
    assert_eq!(group.bench.commit(&old, 1, 6), illegal, "a generation, not an epoch");
    group.bench.fail_over();
    assert_eq!(group.bench.heartbeat(&old, 2), 0, "another coordinator knows whom it speaks to");
}

/// `ConsumerGroup.fromClassicGroup` goes by the assignment alone.
#[test]
fn what_a_cooperative_member_must_give_up_first_is_not_free_when_the_group_is_upgraded() {
    for (defects, given) in [(&[][..], vec![]), (&[GroupDefect::UpgradeFreesUnrevoked], vec![2, 3])]
    {
        let mut group = Modern::new(defects);
        let old = group.classic_group();
        assert_eq!(group.join_classic(&old, &[0, 1, 2, 3]).1, Ok(2));
        group.give_classic(&old, 2, &[0, 1]);
        assert_eq!(group.tell(&join("b")), Ok((3, Some(given))), "{defects:?}");
        group.join_classic(&old, &[0, 1]).1.expect("it has given two up");
        group.tell(&beat("b", 3)).expect("it is alive");
        assert_eq!(group.bench.heartbeat(&old, 3), 0, "it has what it shall have");
    }
}

/// `ClassicGroup.fromConsumerGroup` goes by the targets.
#[test]
fn what_a_member_has_yet_to_give_up_is_its_own_when_the_group_is_a_classic_one() {
    for (defects, given) in [(&[][..], vec![]), (&[GroupDefect::DowngradeGivesTargets], vec![2, 3])]
    {
        let mut group = Modern::new(defects);
        let old = group.classic_group();
        assert_eq!(group.tell(&join("b")), Ok((2, Some(vec![]))), "the old one holds all");
        group.tell(&beat("b", -1)).expect("it leaves a classic group");
        assert_eq!(group.tell(&join("c")), Ok((3, Some(given))), "{defects:?}");
        assert_eq!(group.join_classic(&old, &[0, 1]).1, Ok(3), "it has given two up");
    }
}

/// `ConsumerGroup.fromClassicGroup` takes the assignor for granted.
#[test]
fn a_classic_group_is_upgraded_before_its_first_generation() {
    let broken = Err(ErrorCode::UnknownServerError);
    let all = Ok((1, Some(vec![0, 1])));
    for (defects, told) in [(&[][..], all), (&[GroupDefect::UpgradeNeedsGeneration], broken)] {
        let mut group = Modern::new(defects);
        let (id, _) = group.join_classic("", &[]);
        assert_eq!(group.bench.join_as(1, (&id, "consumer"), &[]), None, "others are waited for");
        assert_eq!(group.tell(&join("b")), told, "{defects:?}");
        if defects.is_empty() {
            assert_eq!(group.bench.joined(1).error_code, REBALANCE, "it joins anew");
            assert_eq!(group.join_classic(&id, &[]).1, Ok(1));
            assert_eq!(group.sync_classic(&id, 1), Ok(vec![2, 3]));
        }
    }
}

#[test]
fn the_last_member_of_the_consumer_protocol_leaves_a_classic_group() {
    let mut group = Modern::new(&[]);
    let old = group.classic_group();
    group.tell(&join("b")).expect("it joins");
    group.join_classic(&old, &[0, 1]).1.expect("it has given two up");
    group.tell(&beat("b", 2)).expect("it gets two");
    assert_eq!(group.tell(&beat("b", -1)), Ok((-1, None)));
    assert_eq!(group.bench.heartbeat(&old, 2), REBALANCE, "the classic group is joined again");
    assert_eq!(group.join_classic(&old, &[0, 1]).1, Ok(3), "it is alone");
    assert_eq!(group.tell(&beat("b", 2)), Err(ErrorCode::GroupIdNotFound), "it is a classic one");
    group.bench.fail_over();
    assert_eq!(group.bench.heartbeat(&old, 2), 0, "as it was written: its generation is not yet");
}

#[test]
fn a_member_that_does_not_join_again_or_does_not_ask_is_thrown_out() {
    for joins in [false, true] {
        let mut group = Modern::new(&[]);
        let old = group.classic_group();
        group.tell(&join("b")).expect("it joins");
        assert_eq!(group.bench.heartbeat(&old, 1), REBALANCE);
        if joins {
            group.join_classic(&old, &[]).1.expect("it has given all up");
        }
        let epoch = if joins { 2 } else { 1 };
        for _ in 0..4 {
            group.advance(600);
            group.bench.heartbeat(&old, epoch);
            group.tell(&beat("b", 2)).expect("it is alive");
        }
        let unknown = ErrorCode::UnknownMemberId.code();
        assert_eq!(group.bench.heartbeat(&old, epoch), unknown, "{joins}: 2,000 ms are over");
    }
}

/// Its session is of 1,000 ms, those of the consumer protocol of 3,000 ms.
#[test]
fn a_member_of_a_classic_group_has_its_session_when_that_is_upgraded() {
    let mut group = Modern::new(&[]);
    group.classic_group();
    assert_eq!(group.tell(&join("b")), Ok((2, Some(vec![]))), "the old one holds all");
    group.advance(900);
    assert_eq!(group.tell(&beat("b", 2)), Ok((2, None)), "it may come yet");
    group.advance(200);
    assert_eq!(group.tell(&beat("b", 2)), Ok((3, Some(vec![0, 1, 2, 3]))), "it is dead");
}

/// Records make a group of the consumer protocol: a classic one beside it would be in the way of the one that it
/// becomes again.
#[test]
fn an_assignment_that_is_committed_after_the_upgrade_makes_no_classic_group() {
    let mut group = Modern::new(&[]);
    let (old, _) = group.join_classic("", &[]);
    assert_eq!(group.bench.join_as(1, (&old, "consumer"), &[]), None, "others are waited for");
    group.bench.advance(700);
    assert_eq!(group.bench.joined(1).generation_id, 1);
    group.bench.commits = false;
    group.bench.sync(1, &old, 1, &[(&old, "")]);
    group.ask(79, &join("b"));
    assert_eq!(group.bench.synced(1), Some((REBALANCE, String::new())), "it must join again");
    group.bench.commit_all();
    group.bench.commits = true;
    assert!(group.bench.groups.group(0, "g").is_none(), "it is one of the consumer protocol");
    group.tell(&beat("b", -1)).expect("it leaves");
    assert!(group.bench.groups.group(0, "g").is_some(), "the rest is a classic group");
}

/// Nobody else would tell it that it lost what it says it has. Kafka takes it in:
/// `getOrMaybeSubscribeDynamicConsumerGroupMember`.
#[test]
fn a_member_that_expired_hears_of_it_when_it_joins_again_with_what_it_had() {
    let unknown = Err(ErrorCode::UnknownMemberId.code());
    for (defects, told) in [(&[][..], unknown), (&[GroupDefect::UnknownOwnersJoin], Ok(4))] {
        let mut group = Modern::new(defects);
        let old = group.classic_group();
        group.tell(&join("b")).expect("it joins");
        group.advance(1_100);
        assert_eq!(
            group.tell(&beat("b", 2)),
            Ok((3, Some(vec![0, 1, 2, 3]))),
            "the old one is dead"
        );
        assert_eq!(group.join_classic(&old, &[0, 1]).1, told, "{defects:?}");
        assert!(group.join_classic("another", &[]).1.is_ok(), "one that has nothing lost nothing");
    }
}

#[test]
fn a_group_changes_nothing_that_it_may_not_change_or_cannot_write() {
    for policy in [MigrationPolicy::Disabled, MigrationPolicy::Downgrade] {
        let mut group = Modern::new(&[]);
        group.bench.groups.config.consumer_groups.migration = policy;
        let old = group.classic_group();
        assert_eq!(group.tell(&join("b")), Err(ErrorCode::GroupIdNotFound), "{policy:?}");
        assert_eq!(group.bench.heartbeat(&old, 1), 0);
    }
    let mut group = Modern::new(&[]);
    group.bench.groups.config.consumer_groups.max_size = 0;
    group.classic_group();
    assert_eq!(group.tell(&join("b")), Err(ErrorCode::GroupIdNotFound), "it is too large");
    let mut group = Modern::new(&[]);
    group.bench.groups.config.consumer_groups.max_size = 1;
    let old = group.classic_group();
    assert_eq!(group.tell(&join("b")), Err(ErrorCode::GroupMaxSizeReached), "it has no room");
    assert_eq!(group.bench.heartbeat(&old, 1), 0, "it is the classic group that it was");
    let mut group = Modern::new(&[]);
    let old = group.classic_group();
    group.bench.writes = false;
    assert_eq!(group.tell(&join("b")), Err(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(group.bench.heartbeat(&old, 1), 0, "it is the classic group that it was");
    group.bench.writes = true;
    group.tell(&join("b")).expect("it joins");
    group.bench.writes = false;
    assert_eq!(group.tell(&beat("b", -1)), Err(ErrorCode::CoordinatorNotAvailable));
    group.bench.writes = true;
    assert_eq!(group.tell(&beat("b", 2)), Ok((2, None)), "it is a member still");
    let mut group = Modern::new(&[]);
    group.bench.groups.config.consumer_groups.migration = MigrationPolicy::Upgrade;
    let old = group.classic_group();
    group.tell(&join("b")).expect("it joins");
    group.tell(&beat("b", -1)).expect("it leaves");
    assert_eq!(group.join_classic(&old, &[0]).1, Ok(3), "it stays one of the consumer protocol");
    assert_eq!(group.leave_classic(&old), 0);
    let mut group = Modern::new(&[]);
    let old = group.classic_group();
    group.bench.groups.config.group_max_size = 0;
    group.tell(&join("b")).expect("it joins");
    assert_eq!(group.join_classic("", &[]).1, Err(ErrorCode::MemberIdRequired.code()));
    group.bench.groups.config.consumer_groups.max_size = 2;
    assert_eq!(group.join_classic("", &[]).1, Err(ErrorCode::GroupMaxSizeReached.code()));
    group.tell(&beat("b", -1)).expect("it leaves");
    assert_eq!(group.join_classic(&old, &[0]).1, Ok(3), "too many for a classic group");
}

#[test]
fn a_group_that_cannot_be_written_is_none() {
    let mut group = Modern::new(&[]);
    group.bench.writes = false;
    assert_eq!(group.join_classic("", &[]).1, Err(ErrorCode::MemberIdRequired.code()));
    group.bench.writes = true;
    let unknown = ErrorCode::UnknownMemberId.code();
    assert_eq!(group.join_classic("consumer-1-7-1", &[]).1, Err(unknown));
    assert_eq!(group.tell(&join("a")), Ok((1, Some(vec![0, 1, 2, 3]))));
    group.tell(&beat("a", -1)).expect("it leaves");
    group.bench.writes = false;
    group.join_classic("", &[]).1.expect_err("it must come again");
    group.bench.writes = true;
    assert_eq!(group.tell(&join("a")), Ok((3, Some(vec![0, 1, 2, 3]))), "of the consumer protocol");
}

/// Known bugs: what members hold is forgotten, and a member is not told that it must join again.
#[test]
fn each_weak_conversion_gives_too_early_or_never() {
    let mut group = Modern::new(&[GroupDefect::UpgradeForgetsHoldings]);
    group.classic_group();
    assert_eq!(group.tell(&join("b")), Ok((2, Some(vec![0, 1]))), "though all are read");
    let mut group = Modern::new(&[GroupDefect::ClassicMemberNotTold]);
    let old = group.classic_group();
    group.tell(&join("b")).expect("it joins");
    assert_eq!(group.bench.heartbeat(&old, 1), 0);
    assert_eq!(group.tell(&owning(beat("b", 2), &[])), Ok((2, None)), "it waits in vain");
}
