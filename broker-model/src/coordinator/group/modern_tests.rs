//! Groups of the consumer protocol over a real log: what members say, and what they are told, in order.

use super::tests::{Bench, caller};
use crate::config::topic_name;
use crate::defect::GroupDefect;
use crate::message::{ClientResponse, ResponseBody};
use crate::note::{PartitionRegistration, Reassignment};
use crate::proto::{
    ConsumerGroupHeartbeatRequest, ErrorCode, GroupId, OffsetFetchRequest, OffsetFetchRequestGroup,
    OwnedPartitions, TopicName, topic_uuid,
};
use crate::types::{LeaderEpoch, NodeId, PartitionEpoch, TopicId, TopicPartition};

const TOPIC: TopicId = TopicId(3);

/// A coordinator, and a topic of four partitions.
pub(super) struct Modern {
    pub(super) bench: Bench,
}

/// What a heartbeat was answered: an error, or epoch and assignment.
pub(super) type HeartbeatAnswer = Result<(i32, Option<Vec<i32>>), ErrorCode>;

pub(super) fn beat(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(GroupId(topic_name("g")))
        .with_member_id(topic_name(member))
        .with_member_epoch(epoch)
        .with_rebalance_timeout_ms(-1)
        .with_subscribed_topic_names(None)
        .with_topic_partitions(None)
}

pub(super) fn owning(
    request: ConsumerGroupHeartbeatRequest,
    owned: &[i32],
) -> ConsumerGroupHeartbeatRequest {
    let owned =
        OwnedPartitions::default().with_topic_id(topic_uuid(TOPIC)).with_partitions(owned.to_vec());
    request.with_topic_partitions(Some(vec![owned]))
}

pub(super) fn join(member: &str) -> ConsumerGroupHeartbeatRequest {
    beat(member, 0)
        .with_rebalance_timeout_ms(2_000)
        .with_subscribed_topic_names(Some(vec![TopicName(topic_name("orders"))]))
        .with_topic_partitions(Some(Vec::new()))
}

/// A partition of one replica, which leads it.
pub(super) fn led_alone() -> PartitionRegistration {
    PartitionRegistration {
        replicas: vec![NodeId(1)],
        leader: Some(NodeId(1)),
        leader_epoch: LeaderEpoch(0),
        isr: vec![NodeId(1)],
        elr: Vec::new(),
        last_known_leader: None,
        reassignment: Reassignment::default(),
        partition_epoch: PartitionEpoch(0),
        recovering: false,
    }
}

impl Modern {
    pub(super) fn new(defects: &[GroupDefect]) -> Self {
        let mut bench = Bench::new(defects);
        let image = &mut bench.image;
        image.topic_ids.insert("orders".to_owned(), TOPIC);
        for partition in 0..4 {
            image.partitions.insert(TopicPartition { topic: TOPIC, partition }, led_alone());
        }
        Self { bench }
    }

    pub(super) fn tell(&mut self, request: &ConsumerGroupHeartbeatRequest) -> HeartbeatAnswer {
        self.tell_on(80, request)
    }

    /// Says it, and waits for no answer.
    pub(super) fn ask(&mut self, connection: u64, request: &ConsumerGroupHeartbeatRequest) {
        let (now, image) = (self.bench.now, &self.bench.image);
        self.bench.groups.consumer_group_heartbeat(now, caller(connection), 0, request, image);
        self.bench.run();
    }

    /// Says it on a connection; later ones have higher numbers.
    fn tell_on(
        &mut self,
        connection: u64,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> HeartbeatAnswer {
        self.ask(connection, request);
        let Some(ResponseBody::Client(ClientResponse::ConsumerGroupHeartbeat(response))) =
            self.bench.answer(connection)
        else {
            panic!("no answer to {request:?}")
        };
        if let Some(error) = ErrorCode::try_from_code(response.error_code) {
            return Err(error);
        }
        let partitions = response.assignment.map(|it| {
            it.topic_partitions.iter().flat_map(|topic| topic.partitions.clone()).collect()
        });
        Ok((response.member_epoch, partitions))
    }

    pub(super) fn advance(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds / 50 {
            self.bench.now.time = self.bench.now.time + crate::config::ms(50);
            self.bench.now.wall.0 += 50;
            while self.bench.groups.expire_member(self.bench.now, &self.bench.image) {
                self.bench.run();
            }
        }
    }

    /// Offsets as a member asks for them.
    fn fetch(&mut self, member: &str, epoch: i32) -> i16 {
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_member_id(Some(topic_name(member)))
            .with_member_epoch(epoch)
            .with_topics(None);
        let request =
            OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(true);
        self.bench.groups.fetch_offsets(self.bench.now, (caller(81), false), |_| 0, &request);
        self.bench.run();
        let Some(ResponseBody::Client(ClientResponse::OffsetFetch(response))) =
            self.bench.answer(81)
        else {
            panic!("none")
        };
        response.groups[0].error_code
    }
}

#[test]
fn a_partition_changes_hands_once_it_is_given_up() {
    let mut group = Modern::new(&[]);
    assert_eq!(group.tell(&join("a")), Ok((1, Some(vec![0, 1, 2, 3]))));
    assert_eq!(group.tell(&join("b")), Ok((2, Some(vec![]))), "a holds all");
    let all = owning(beat("a", 1), &[0, 1, 2, 3]);
    assert_eq!(group.tell(&all), Ok((1, Some(vec![0, 1]))), "it stays in its epoch");
    assert_eq!(group.tell(&beat("b", 2)), Ok((2, None)), "nothing is free yet");
    assert_eq!(group.tell(&owning(beat("a", 1), &[0, 1])), Ok((2, None)));
    assert_eq!(group.tell(&beat("b", 2)), Ok((2, Some(vec![2, 3]))));
    assert_eq!(group.tell(&beat("b", 2)), Ok((2, None)), "nothing is new");
}

#[test]
fn an_epoch_must_be_the_present_one_or_that_of_a_lost_answer() {
    let mut group = Modern::new(&[]);
    group.tell(&join("a")).expect("it joins");
    group.tell(&join("b")).expect("it joins");
    group.tell(&owning(beat("a", 1), &[])).expect("it has nothing to give up");
    let fenced = Err(ErrorCode::FencedMemberEpoch);
    assert_eq!(group.tell(&beat("a", 3)), fenced, "from nowhere");
    assert_eq!(group.tell(&owning(beat("a", 1), &[0])), Ok((2, None)), "its answer was lost");
    assert_eq!(group.tell(&owning(beat("a", 1), &[3])), fenced, "it has what is not its own");
    assert_eq!(group.tell(&beat("c", 1)), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn only_members_in_their_present_epoch_commit_and_ask() {
    let mut group = Modern::new(&[]);
    assert_eq!(group.bench.commit("", -1, 3), Some(0), "nobody is a member");
    group.tell(&join("a")).expect("it joins");
    let [unknown, stale] = [ErrorCode::UnknownMemberId, ErrorCode::StaleMemberEpoch];
    assert_eq!(group.bench.commit("a", 1, 5), Some(0));
    assert_eq!(group.bench.commit("a", 0, 6), Some(stale.code()));
    assert_eq!(group.bench.commit("b", 1, 7), Some(unknown.code()));
    assert_eq!(group.bench.commit("", -1, 8), Some(unknown.code()), "it has a member");
    assert_eq!(group.fetch("a", 1), 0);
    assert_eq!(group.fetch("a", 2), stale.code());
    assert_eq!(group.fetch("b", 1), unknown.code());
}

#[test]
fn who_is_not_heard_of_or_keeps_others_waiting_is_thrown_out() {
    let mut group = Modern::new(&[]);
    group.tell(&join("a")).expect("it joins");
    group.advance(2_900);
    assert_eq!(group.tell(&beat("a", 1)), Ok((1, None)), "a session has passed in part");
    group.tell(&join("b")).expect("it joins");
    group.tell(&owning(beat("a", 1), &[0, 1, 2, 3])).expect("it must give up two");
    for _ in 0..2 {
        group.advance(900);
        group.tell(&beat("a", 1)).expect("it is alive, and gives nothing up");
        group.tell(&beat("b", 2)).expect("it waits");
    }
    group.advance(300);
    assert_eq!(group.tell(&beat("a", 1)), Err(ErrorCode::UnknownMemberId), "2,000 ms are over");
    assert_eq!(group.tell(&beat("b", 2)), Ok((3, Some(vec![0, 1, 2, 3]))));
    group.advance(3_100);
    assert_eq!(group.tell(&beat("b", 3)), Err(ErrorCode::UnknownMemberId), "nothing was heard");
}

/// Sessions last 3,000 ms, rebalances 2,000 ms.
#[test]
fn a_new_coordinator_gives_each_member_all_of_its_time_and_no_more() {
    let mut group = Modern::new(&[]);
    group.tell(&join("a")).expect("it joins");
    group.advance(2_900);
    group.bench.fail_over();
    group.advance(2_900);
    assert_eq!(group.tell(&beat("a", 1)), Ok((1, None)), "a whole session");
    group.bench.fail_over();
    group.advance(3_100);
    assert_eq!(group.tell(&beat("a", 1)), Err(ErrorCode::UnknownMemberId), "nothing was heard");

    let mut group = Modern::new(&[]);
    group.tell(&join("a")).expect("it joins");
    group.tell(&join("b")).expect("it joins");
    group.tell(&owning(beat("a", 1), &[0, 1, 2, 3])).expect("it must give up two");
    group.advance(1_500);
    group.bench.fail_over();
    for _ in 0..2 {
        group.advance(900);
        group.tell(&beat("a", 1)).expect("it has all its time to give them up");
        group.tell(&beat("b", 2)).expect("it waits");
    }
    group.advance(300);
    assert_eq!(group.tell(&beat("a", 1)), Err(ErrorCode::UnknownMemberId), "2,000 ms are over");
    assert_eq!(group.tell(&beat("b", 2)), Ok((3, Some(vec![0, 1, 2, 3]))));
}

/// Offsets are kept for 5,000 ms.
#[test]
fn offsets_that_members_read_do_not_expire_while_partitions_change_hands() {
    let mut group = Modern::new(&[]);
    group.tell(&join("a")).expect("it joins");
    assert_eq!(group.bench.commit("a", 1, 5), Some(0));
    for _ in 0..3 {
        group.advance(1_500);
        group.tell(&beat("a", 1)).expect("it is alive");
    }
    assert_eq!(group.tell(&join("b")), Ok((2, Some(vec![]))), "a holds all");
    group.advance(600);
    group.bench.groups.expire_offsets(group.bench.now);
    group.bench.run();
    assert_eq!(group.bench.committed(), 5, "it is 5,100 ms old, and is read");
    assert!(group.bench.keeps_offsets());
    for member in ["a", "b"] {
        group.tell(&beat(member, -1)).expect("it leaves");
    }
    group.bench.groups.expire_offsets(group.bench.now);
    group.bench.run();
    assert_eq!(group.bench.committed(), -1, "nobody reads it");
}

#[test]
fn a_static_member_that_left_for_a_while_is_back_with_what_it_had() {
    let fixed =
        |request: ConsumerGroupHeartbeatRequest| request.with_instance_id(Some(topic_name("i")));
    let mut group = Modern::new(&[]);
    assert_eq!(group.tell(&fixed(join("a"))), Ok((1, Some(vec![0, 1, 2, 3]))));
    let unreleased = Err(ErrorCode::UnreleasedInstanceId);
    assert_eq!(group.tell(&fixed(join("b"))), unreleased, "the first one has not left");
    assert_eq!(group.tell(&fixed(beat("a", -2))), Ok((-2, None)));
    assert_eq!(group.tell(&fixed(join("b"))), Ok((1, Some(vec![0, 1, 2, 3]))), "no rebalance");
    let fenced = Err(ErrorCode::FencedInstanceId);
    assert_eq!(group.tell(&fixed(beat("a", 1))), fenced, "the old process is back");
}

#[test]
fn another_coordinator_knows_all_that_was_written() {
    let mut group = Modern::new(&[]);
    group.tell(&join("a")).expect("it joins");
    group.tell(&join("b")).expect("it joins");
    group.tell(&owning(beat("a", 1), &[0, 1, 2, 3])).expect("it must give up two");
    group.bench.fail_over();
    assert_eq!(group.tell(&beat("b", 2)), Ok((2, None)), "a still holds them");
    assert_eq!(group.tell(&owning(beat("a", 1), &[0, 1])), Ok((2, None)));
    assert_eq!(group.tell(&beat("b", 2)), Ok((2, Some(vec![2, 3]))));
    assert_eq!(group.tell(&beat("a", -1)), Ok((-1, None)));
    assert_eq!(group.tell(&beat("b", 2)), Ok((3, Some(vec![0, 1, 2, 3]))));
}

#[test]
fn what_is_malformed_changes_nothing() {
    let mut group = Modern::new(&[]);
    let invalid = Err(ErrorCode::InvalidRequest);
    assert_eq!(group.tell(&join("")), invalid, "no id");
    assert_eq!(group.tell(&beat("a", 0)), invalid, "a join says everything");
    assert_eq!(group.tell(&owning(join("a"), &[1])), invalid, "who joins has nothing");
    assert_eq!(group.tell(&beat("a", -3)), invalid, "no epoch");
    assert_eq!(group.tell(&beat("a", -2)), invalid, "a dynamic member leaves for good");
    let foreign = join("a").with_server_assignor(Some(topic_name("sticky")));
    assert_eq!(group.tell(&foreign), Err(ErrorCode::UnsupportedAssignor));
    assert_eq!(group.tell(&beat("a", 1)), Err(ErrorCode::GroupIdNotFound), "nobody has joined");
    group.tell(&join("a")).expect("it joins");
    let foreign = ErrorCode::InconsistentGroupProtocol;
    let refused = group.bench.join_as(1, ("", "connect"), &[]).map(|it| it.error_code);
    assert_eq!(refused, Some(foreign.code()), "no group has two types");
}

/// Known bugs: who goes on unasked, who is given what another one holds, and who is forgotten while it waits.
#[test]
fn each_weak_rule_gives_or_takes_too_early_or_never() {
    let table = [
        (
            GroupDefect::AssignsBeforeRevocation,
            Ok((2, Some(vec![0, 1]))),
            Ok((2, Some(vec![2, 3]))),
        ),
        (GroupDefect::UnreleasedForgotten, Ok((1, Some(vec![0, 1]))), Ok((2, None))),
    ];
    for (defect, told, given) in table {
        let mut group = Modern::new(&[defect]);
        group.tell(&join("a")).expect("it joins");
        group.tell(&join("b")).expect("it joins");
        assert_eq!(group.tell(&owning(beat("a", 1), &[0, 1, 2, 3])), told, "{defect:?}");
        group.tell(&owning(beat("a", told.map_or(1, |it| it.0)), &[0, 1])).expect("it is done");
        assert_eq!(group.tell(&beat("b", 2)), given, "{defect:?}");
    }
    let mut group = Modern::new(&[GroupDefect::AssignsUnreleased]);
    group.tell(&join("a")).expect("it joins");
    assert_eq!(group.tell(&join("b")), Ok((2, Some(vec![2, 3]))), "a holds them");
}

#[test]
fn a_leave_that_cannot_be_written_ends_with_the_session() {
    let mut group = Modern::new(&[]);
    group.tell(&join("a")).expect("it joins");
    group.bench.writes = false;
    assert_eq!(group.tell(&beat("a", -1)), Err(ErrorCode::CoordinatorNotAvailable));
    group.bench.writes = true;
    group.advance(2_900);
    assert_eq!(group.bench.commit("a", 1, 5), Some(0), "it is a member");
    group.advance(200);
    assert_eq!(group.tell(&beat("a", 1)), Err(ErrorCode::UnknownMemberId));
    assert_eq!(group.tell(&join("a")), Ok((3, Some(vec![0, 1, 2, 3]))));
}

/// Known weakness: a heartbeat of the same epoch that lay on the way says what was true before.
#[test]
fn a_late_heartbeat_gives_nothing_up() {
    for (defects, elected_again, told) in [
        (&[][..], false, Ok((2, None))),
        (&[][..], true, Ok((2, None))),
        (&[GroupDefect::LateHeartbeatCounts][..], false, Ok((2, Some(vec![2, 3])))),
    ] {
        let mut group = Modern::new(defects);
        group.tell_on(90, &join("a")).expect("it joins");
        group.tell_on(91, &join("b")).expect("it joins");
        let all = owning(beat("a", 1), &[0, 1, 2, 3]);
        assert_eq!(group.tell_on(90, &all), Ok((1, Some(vec![0, 1]))), "it must give two up");
        if elected_again {
            group.bench.is_elected_again();
        }
        group.tell_on(80, &owning(beat("a", 1), &[0, 1])).expect("it is late");
        assert_eq!(group.tell_on(91, &beat("b", 2)), told, "{defects:?}");
    }
}

/// A member that has joined since on another connection has all that it was given.
#[test]
fn a_late_join_is_over() {
    let mut group = Modern::new(&[]);
    group.tell_on(90, &join("a")).expect("it joins");
    assert_eq!(group.tell_on(80, &join("a")), Err(ErrorCode::FencedMemberEpoch));
    assert_eq!(group.tell_on(90, &beat("a", 1)), Ok((1, None)), "nothing has changed");
}

/// Known bug G06: taken from a, given back before it let go, and then wanted by another one.
#[test]
fn what_is_given_back_is_still_held() {
    for (defects, joined) in [
        (&[][..], Ok((4, Some(vec![])))),
        (&[GroupDefect::PartitionEpochLost][..], Ok((4, Some(vec![2, 3])))),
    ] {
        let mut group = Modern::new(defects);
        group.tell(&join("a")).expect("it joins");
        group.tell(&join("b")).expect("it joins");
        group.tell(&owning(beat("a", 1), &[0, 1, 2, 3])).expect("it must give up two");
        group.tell(&beat("b", -1)).expect("it leaves");
        group.tell(&beat("a", 1)).expect("it is wanted to have all again");
        assert_eq!(group.tell(&join("c")), joined, "{defects:?}");
    }
}

/// `group.consumer.max.size`.
#[test]
fn a_group_of_the_consumer_protocol_that_is_full_takes_no_more_members() {
    let mut group = Modern::new(&[]);
    group.bench.groups.config.consumer_groups.max_size = 1;
    group.tell(&join("a")).expect("it is empty");
    assert_eq!(group.tell(&join("b")), Err(ErrorCode::GroupMaxSizeReached));
    group.tell(&beat("a", 1)).expect("who is a member stays one");
    group.tell(&join("a")).expect("and may join anew");
    group.tell(&beat("a", -1)).expect("it leaves");
    group.tell(&join("b")).expect("there is room again");
}
