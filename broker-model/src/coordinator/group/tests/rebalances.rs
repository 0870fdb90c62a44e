//! Generations of a classic group: what of an older one is refused, who is waited for, and what begins the next.

use bytes::Bytes;

use super::{Bench, caller};
use crate::config::topic_name;
use crate::consumer_protocol::{Subscription, encode_assignment};
use crate::defect::GroupDefect;
use crate::message::{ClientResponse, ResponseBody};
use crate::proto::{
    ErrorCode, GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupRequestProtocol,
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, SyncGroupRequest,
    SyncGroupRequestAssignment, TopicName,
};

const ILLEGAL: i16 = ErrorCode::IllegalGeneration.code();
const REBALANCE: i16 = ErrorCode::RebalanceInProgress.code();

/// What a static member says that names its id and its instance id, and the error that it is told.
type Said = fn(&mut Bench, &str) -> i16;

impl Bench {
    /// Both members join again: generation 2, of which nobody has an assignment.
    fn both_join_again(&mut self, one: &str, two: &str) {
        self.join(1, one, None);
        assert_eq!(self.heartbeat(two, 1), REBALANCE);
        self.join(2, two, None);
        assert_eq!((self.joined(1).generation_id, self.joined(2).generation_id), (2, 2));
    }

    /// Joins as a cooperative consumer with an instance id.
    fn join_cooperatively(&mut self, connection: u64, instance: &str, subscription: &Bytes) {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(topic_name("cooperative-sticky"))
            .with_metadata(subscription.clone());
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_session_timeout_ms(1_000)
            .with_rebalance_timeout_ms(2_000)
            .with_group_instance_id(Some(topic_name(instance)))
            .with_protocol_type(topic_name("consumer"))
            .with_protocols(vec![protocol]);
        self.groups.join_group(self.now, caller(connection), 0, &request, &self.image);
        self.run();
    }

    /// Shares out as the leader, which is all there is.
    fn sync_bytes(&mut self, connection: u64, (member, generation): (&str, i32), given: &Bytes) {
        let given = SyncGroupRequestAssignment::default()
            .with_member_id(topic_name(member))
            .with_assignment(given.clone());
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_member_id(topic_name(member))
            .with_generation_id(generation)
            .with_assignments(vec![given]);
        self.groups.sync_group(self.now, caller(connection), 0, &request, &self.image);
        self.run();
    }

    fn static_heartbeat(&mut self, member: &str) -> i16 {
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_member_id(topic_name(member))
            .with_group_instance_id(Some(topic_name("a")))
            .with_generation_id(1);
        self.groups.heartbeat(self.now, caller(6), 0, &request);
        self.run();
        let Some(ResponseBody::Client(ClientResponse::Heartbeat(response))) = self.answer(6) else {
            panic!("no answer")
        };
        response.error_code
    }

    fn static_sync(&mut self, member: &str) -> i16 {
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_member_id(topic_name(member))
            .with_group_instance_id(Some(topic_name("a")))
            .with_generation_id(1);
        self.groups.sync_group(self.now, caller(6), 0, &request, &self.image);
        self.run();
        self.synced(6).expect("it is answered").0
    }

    fn static_join(&mut self, member: &str) -> i16 {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(topic_name("range"))
            .with_metadata(Bytes::from_static(b"orders"));
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_session_timeout_ms(1_000)
            .with_rebalance_timeout_ms(2_000)
            .with_member_id(topic_name(member))
            .with_group_instance_id(Some(topic_name("a")))
            .with_protocol_type(topic_name("consumer"))
            .with_protocols(vec![protocol]);
        self.groups.join_group(self.now, caller(6), 0, &request, &self.image);
        self.run();
        self.joined(6).error_code
    }

    fn static_commit(&mut self, member: &str) -> i16 {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(9);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(topic_name("orders")))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_member_id(topic_name(member))
            .with_group_instance_id(Some(topic_name("a")))
            .with_generation_id_or_member_epoch(1)
            .with_topics(vec![topic]);
        self.groups.commit_offsets(self.now, caller(6), 0, &request, |_, _| true);
        self.run();
        let Some(ResponseBody::Client(ClientResponse::OffsetCommit(response))) = self.answer(6)
        else {
            panic!("no answer")
        };
        response.topics[0].partitions[0].error_code
    }
}

/// KIP-345: who is told that it is fenced is done; who is told that it is unknown joins again, and two processes of one
/// instance id throw each other out for ever.
#[test]
fn a_static_member_that_was_replaced_is_told_that_it_is_fenced() {
    let table: [(&str, Said); 4] = [
        ("heartbeat", Bench::static_heartbeat),
        ("sync", Bench::static_sync),
        ("commit", Bench::static_commit),
        ("join", Bench::static_join),
    ];
    for (what, say) in table {
        let mut bench = Bench::new(&[]);
        bench.join(1, "", Some("a"));
        bench.advance(700);
        let one = bench.joined(1).member_id.to_string();
        bench.sync(1, &one, 1, &[(&one, "p0")]);
        assert_eq!(say(&mut bench, &one), 0, "{what}: nobody has taken its place");
    }
    for (what, say) in table {
        let mut bench = Bench::new(&[]);
        bench.join(1, "", Some("a"));
        bench.advance(700);
        let one = bench.joined(1).member_id.to_string();
        bench.sync(1, &one, 1, &[(&one, "p0")]);
        bench.join(2, "", Some("a"));
        let two = bench.joined(2).member_id.to_string();
        assert_eq!(say(&mut bench, &one), ErrorCode::FencedInstanceId.code(), "{what}");
        assert_eq!(bench.static_heartbeat(&two), 0, "{what}: who is there now is not disturbed");
    }
}

/// Sessions last 1,000 ms, rebalances 2,000 ms.
#[test]
fn who_waits_for_the_others_is_not_thrown_out() {
    let mut bench = Bench::new(&[]);
    let (one, two) = bench.two_members();
    bench.join(1, &one, None);
    for _ in 0..3 {
        bench.advance(600);
        assert_eq!(bench.heartbeat(&two, 1), REBALANCE, "it is alive, and does not join yet");
    }
    bench.join(2, &two, None);
    let joined = [1, 2].map(|connection| bench.joined(connection));
    let told = joined.map(|it| (it.error_code, it.generation_id));
    assert_eq!(told, [(0, 2), (0, 2)], "it waited for 1,800 ms");
    bench.sync(2, &two, 2, &[]);
    for _ in 0..3 {
        bench.advance(600);
        assert_eq!(bench.heartbeat(&one, 2), 0, "it is alive, and does not assign yet");
    }
    bench.sync(1, &one, 2, &[(&one, "p0"), (&two, "p1")]);
    assert_eq!(bench.synced(2), Some((0, "p1".to_owned())), "it waited for 1,800 ms");
}

/// Two sessions end at once. When the one is over nobody is waited for any more: the group has another generation, and
/// with it the other member has its session anew.
#[test]
fn a_generation_begins_the_sessions_of_its_members_anew() {
    let mut bench = Bench::new(&[]);
    let (_, two) = bench.two_members();
    bench.join(3, "", None);
    let three = bench.joined(3).member_id.to_string();
    bench.join(3, &three, None);
    bench.join(2, &two, None);
    bench.advance(1_000);
    let told = [2, 3].map(|connection| bench.joined(connection));
    assert_eq!(told.map(|it| (it.error_code, it.generation_id)), [(0, 2), (0, 2)]);
    assert_eq!(bench.heartbeat(&two, 2), 0, "it is a member, and nobody has to join again");
}

#[test]
fn a_join_phase_that_ends_before_anybody_is_assigned_has_a_generation_that_counts() {
    let mut bench = Bench::new(&[]);
    let (one, two) = bench.two_members();
    bench.both_join_again(&one, &two);
    bench.leave(&[&two]);
    bench.join(1, &one, None);
    assert_eq!(bench.joined(1).generation_id, 3, "nobody was given anything in generation 2");
    bench.sync(1, &one, 2, &[(&one, "old")]);
    assert_eq!(bench.synced(1), Some((ILLEGAL, String::new())));
    bench.sync(1, &one, 3, &[(&one, "new")]);
    assert_eq!(bench.synced(1), Some((0, "new".to_owned())));
}

#[test]
fn an_assignment_that_is_stored_late_is_not_one_of_the_next_generation() {
    let mut bench = Bench::new(&[]);
    let (one, two) = bench.two_members();
    bench.both_join_again(&one, &two);
    bench.commits = false;
    bench.sync(1, &one, 2, &[(&one, "p0"), (&two, "p1")]);
    bench.leave(&[&two]);
    assert_eq!(bench.synced(1), Some((REBALANCE, String::new())), "another one begins");
    bench.join(1, &one, None);
    assert_eq!(bench.joined(1).generation_id, 3);
    bench.commit_all();
    bench.commits = true;
    bench.sync(1, &one, 3, &[(&one, "p0 and p1")]);
    assert_eq!(bench.synced(1), Some((0, "p0 and p1".to_owned())), "what left is its own now");
}

#[test]
fn who_names_another_generation_is_told_so() {
    let mut bench = Bench::new(&[]);
    let (one, two) = bench.two_members();
    for generation in [0, 2] {
        assert_eq!(bench.heartbeat(&two, generation), ILLEGAL, "{generation}");
        bench.sync(2, &two, generation, &[]);
        assert_eq!(bench.synced(2), Some((ILLEGAL, String::new())), "{generation}");
    }
    bench.both_join_again(&one, &two);
    bench.sync(1, &one, 1, &[(&one, "all")]);
    assert_eq!(
        bench.synced(1),
        Some((ILLEGAL, String::new())),
        "what the leader has assigned before"
    );
    assert_eq!(bench.heartbeat(&two, 1), ILLEGAL);
    bench.sync(2, &two, 2, &[]);
    bench.sync(1, &one, 2, &[(&one, "p1"), (&two, "p0")]);
    assert_eq!(bench.synced(2), Some((0, "p0".to_owned())));
}

/// A cooperative follower tells so what it has given up.
#[test]
fn a_follower_that_joins_with_another_subscription_begins_a_rebalance() {
    for (subscription, begins) in [("orders", false), ("payments", true)] {
        let mut bench = Bench::new(&[]);
        let (one, two) = bench.two_members();
        bench.join_with(2, (&two, None), Bytes::from_static(subscription.as_bytes()));
        let told = if begins { REBALANCE } else { 0 };
        assert_eq!(bench.heartbeat(&one, 1), told, "{subscription}");
        assert_eq!(bench.answer(2).is_none(), begins, "{subscription}: it waits for the leader");
        if begins {
            bench.join(1, &one, None);
            let leader = bench.joined(1);
            assert_eq!((leader.generation_id, leader.members.len()), (2, 2));
            let told = leader.members.iter().any(|it| &*it.metadata == subscription.as_bytes());
            assert!(told, "the leader is told of it: {leader:?}");
        }
    }
}

/// It subscribes to other topics, or the process before it had given up what is to be somebody else's.
#[test]
fn a_static_member_that_is_back_hides_no_rebalance() {
    let subscription = |topics: &[&str], owned: &[i32]| {
        let owned = owned.iter().map(|partition| (topic_name("orders"), *partition)).collect();
        let topics = topics.iter().copied().map(topic_name).collect();
        Subscription { topics, owned, generation: 1 }.encode()
    };
    let same = subscription(&["orders"], &[]);
    let kept = subscription(&["orders"], &[0]);
    let gave_up = subscription(&["orders"], &[0, 1]);
    let more = subscription(&["orders", "payments"], &[]);
    let bug = &[GroupDefect::StaticReturnHidesRebalance][..];
    for (before, now, defects, begins) in [
        (&same, &same, &[][..], false),
        (&kept, &same, &[], false),
        (&gave_up, &same, &[], true),
        (&same, &more, &[], true),
        (&gave_up, &more, bug, false),
    ] {
        let mut bench = Bench::new(defects);
        bench.join_cooperatively(1, "a", before);
        bench.advance(700);
        let one = bench.joined(1).member_id.to_string();
        let given = encode_assignment(&[(topic_name("orders"), 0)]);
        bench.sync_bytes(1, (&one, 1), &given);
        bench.join_cooperatively(2, "a", now);
        let again = bench.joined(2);
        assert_eq!(again.generation_id, if begins { 2 } else { 1 }, "{before:?} {now:?}");
    }
}

/// The answer to its `SyncGroup` was lost with the coordinator.
#[test]
fn the_next_coordinator_knows_what_members_were_given() {
    let mut bench = Bench::new(&[]);
    let (one, two) = bench.two_members();
    bench.fail_over();
    for (member, given) in [(&one, "p0"), (&two, "p1")] {
        bench.sync(2, member, 1, &[]);
        assert_eq!(bench.synced(2), Some((0, given.to_owned())));
    }
}

/// As many members as `group.max.size` says may join a group that rests; while it rebalances those are counted who have
/// come, and of the ones it had the last may be too late.
#[test]
fn a_group_that_has_as_many_members_as_it_may_takes_no_more() {
    let full = ErrorCode::GroupMaxSizeReached.code();
    let mut bench = Bench::new(&[]);
    bench.groups.config.group_max_size = 2;
    bench.join(1, "", Some("a"));
    bench.join(2, "", Some("b"));
    bench.join(3, "", Some("c"));
    assert_eq!(bench.joined(3).error_code, full, "two have come");
    bench.advance(700);
    let (one, two) = (bench.joined(1), bench.joined(2));
    let leader = if one.leader == one.member_id { &one } else { &two };
    bench.join(3, "", Some("c"));
    assert_eq!(bench.joined(3).error_code, full, "before anybody has an assignment");
    let shares = [(one.member_id.as_str(), "p0"), (two.member_id.as_str(), "p1")];
    bench.sync(1, &leader.member_id, 1, &shares);
    bench.join(3, "", Some("c"));
    assert_eq!(bench.joined(3).error_code, full, "two are there");
    let (first, late) = if leader.member_id == one.member_id {
        (("a", &one.member_id), ("b", &two.member_id))
    } else {
        (("b", &two.member_id), ("a", &one.member_id))
    };
    bench.join(4, first.1, Some(first.0));
    bench.join(5, "", Some("c"));
    bench.join(6, late.1, Some(late.0));
    assert_eq!(bench.joined(6).error_code, full, "who was a member has come too late");
    bench.join(4, first.1, Some(first.0));
    bench.advance(2_500);
    assert_eq!(bench.joined(4).error_code, 0, "who waits may ask again");
    assert_eq!(bench.joined(5).error_code, 0, "and who came in time is a member");
}

/// What a new coordinator has read may not be committed: who asks for it again must not go by it yet.
#[test]
fn who_asks_again_in_a_stable_group_is_told_once_all_is_committed() {
    for (defects, early) in [(&[][..], false), (&[GroupDefect::StableAnsweredEarly][..], true)] {
        let mut bench = Bench::new(defects);
        let (one, two) = bench.two_members();
        bench.commits = false;
        assert_eq!(bench.commit(&one, 1, 5), None, "it is written, and not committed");
        bench.sync(3, &two, 1, &[]);
        assert_eq!(bench.synced(3).is_some(), early);
        bench.join(4, &two, None);
        assert_eq!(bench.answer(4).is_some(), early);
        bench.commit_all();
        assert_eq!(bench.synced(3).is_some(), !early);
        assert_eq!(bench.answer(4).is_some(), !early);
    }
}
