//! Committed offsets: when they expire and when not, what is told before it is committed, and what goes with a topic.

use bytes::Bytes;

use super::{Bench, EPOCH, Todo, caller};
use crate::config::topic_name;
use crate::consumer_protocol::Subscription;
use crate::message::{ClientResponse, ResponseBody};
use crate::proto::{
    ErrorCode, GroupId, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
    TopicName,
};

/// The client of a stable fetch of offsets.
const FETCHER: u64 = 95;
const UNAVAILABLE: i16 = ErrorCode::CoordinatorNotAvailable.code();
const MOVED: i16 = ErrorCode::NotCoordinator.code();

fn subscription(topic: &str) -> Bytes {
    let topics = vec![topic_name(topic)];
    Subscription { topics, owned: Vec::new(), generation: -1 }.encode()
}

impl Bench {
    /// Lets time pass while these members are heard of.
    fn advance_alive(&mut self, milliseconds: u64, generation: i32, members: &[&str]) {
        for _ in 0..milliseconds / 500 {
            self.advance(500);
            for member in members {
                assert_eq!(self.heartbeat(member, generation), 0);
            }
        }
    }

    fn expire(&mut self) {
        self.groups.expire_offsets(self.now);
        self.run();
    }

    /// Asks as one who goes on from there.
    fn ask_stable(&mut self) {
        self.ask((true, false));
    }

    /// Asks for a stable answer, or for any; of a coordinator that may have been replaced, or of one that has not.
    fn ask(&mut self, (stable, replaced): (bool, bool)) {
        let topics = OffsetFetchRequestTopics::default()
            .with_name(TopicName(topic_name("orders")))
            .with_partition_indexes(vec![0]);
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_topics(Some(vec![topics]));
        let request =
            OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(stable);
        self.groups.fetch_offsets(self.now, (caller(FETCHER), replaced), |_| 0, &request);
        self.run();
    }

    /// What it was told: an error, and offsets.
    fn told(&mut self) -> Option<(i16, Vec<i64>)> {
        let ResponseBody::Client(ClientResponse::OffsetFetch(response)) = self.answer(FETCHER)?
        else {
            return None;
        };
        let group = &response.groups[0];
        let offsets = group.topics.iter().flat_map(|topic| &topic.partitions);
        Some((group.error_code, offsets.map(|it| it.committed_offset).collect()))
    }

    /// What became of a commit that waited.
    fn commit_told(&mut self) -> Option<i16> {
        let ResponseBody::Client(ClientResponse::OffsetCommit(response)) = self.answer(91)? else {
            return None;
        };
        Some(response.topics[0].partitions[0].error_code)
    }

    /// One member of this generation, which subscribes to a topic.
    fn member_of(&mut self, member: &str, generation: i32, topic: &str) {
        self.join_with(1, (member, None), subscription(topic));
        if generation == 1 {
            self.advance(700);
        }
        assert_eq!(self.joined(1).generation_id, generation);
        self.sync(1, member, generation, &[]);
        assert!(self.answer(1).is_some());
    }
}

/// Offsets are kept for 5,000 ms. KIP-211, KAFKA-8069: an idle group that is started again goes on where it was.
#[test]
fn offsets_of_a_group_that_has_become_empty_age_since_then() {
    for fails_over in [false, true] {
        let mut bench = Bench::new(&[]);
        let (one, two) = bench.two_members();
        assert_eq!(bench.commit(&one, 1, 10), Some(0));
        bench.advance_alive(4_500, 1, &[&one, &two]);
        bench.leave(&[&one, &two]);
        bench.advance(1_000);
        if fails_over {
            bench.fail_over();
        }
        bench.expire();
        assert_eq!(bench.committed(), 10, "it was left 1,000 ms ago, fails over: {fails_over}");
        bench.advance(4_100);
        bench.expire();
        assert_eq!(bench.committed(), -1, "it was left 5,100 ms ago, fails over: {fails_over}");
    }
}

/// KAFKA-13636: old and of a topic that nobody reads, or so it seems.
#[test]
fn nothing_expires_while_a_group_rebalances() {
    for read in ["orders", "payments"] {
        let mut bench = Bench::new(&[]);
        bench.join(1, "", None);
        let one = bench.joined(1).member_id.to_string();
        bench.member_of(&one, 1, read);
        assert_eq!(bench.commit(&one, 1, 10), Some(0));
        bench.advance_alive(5_000, 1, &[&one]);
        bench.join(2, "", None);
        let two = bench.joined(2).member_id.to_string();
        bench.join(2, &two, None);
        bench.advance(500);
        assert_eq!(bench.heartbeat(&one, 1), ErrorCode::RebalanceInProgress.code());
        bench.expire();
        assert_eq!(bench.committed(), 10, "members join, read: {read}");
        bench.join_with(1, (&one, None), subscription(read));
        assert_eq!(bench.joined(1).generation_id, 2);
        bench.expire();
        assert_eq!(bench.committed(), 10, "the leader assigns, read: {read}");
    }
}

/// What members of another kind read, as Kafka Connect's workers, nobody knows.
#[test]
fn nothing_expires_while_there_are_members_that_are_no_consumers() {
    let mut bench = Bench::new(&[]);
    let told = bench.join_as(1, ("", "connect"), &[]).expect("it is told its id");
    let one = told.member_id.to_string();
    assert!(bench.join_as(1, (&one, "connect"), &[]).is_none(), "others may come");
    bench.advance(700);
    assert_eq!(bench.joined(1).generation_id, 1);
    bench.sync(1, &one, 1, &[]);
    assert!(bench.answer(1).is_some());
    assert_eq!(bench.commit(&one, 1, 10), Some(0));
    bench.advance_alive(5_500, 1, &[&one]);
    bench.expire();
    assert_eq!(bench.committed(), 10, "a member is there");
    bench.leave(&[&one]);
    bench.advance(5_100);
    bench.expire();
    assert_eq!(bench.committed(), -1, "it has left 5,100 ms ago");
}

#[test]
fn what_members_subscribe_to_is_asked_anew_in_each_generation() {
    for (before, now, kept) in [("payments", "orders", 10), ("orders", "payments", -1)] {
        let mut bench = Bench::new(&[]);
        bench.join(1, "", None);
        let one = bench.joined(1).member_id.to_string();
        bench.member_of(&one, 1, before);
        bench.member_of(&one, 2, now);
        assert_eq!(bench.commit(&one, 2, 10), Some(0));
        bench.advance_alive(5_500, 2, &[&one]);
        bench.expire();
        assert_eq!(bench.committed(), kept, "it reads {now}, and {before} before");
    }
}

#[test]
fn a_commit_that_is_not_known_to_be_committed_is_answered_with_an_error() {
    let mut bench = Bench::new(&[]);
    bench.writes = false;
    assert_eq!(bench.commit("", -1, 7), Some(UNAVAILABLE), "it is not written");
    for (moves, error) in [(false, UNAVAILABLE), (true, MOVED)] {
        let mut bench = Bench::new(&[]);
        bench.commits = false;
        assert_eq!(bench.commit("", -1, 7), None);
        if moves {
            bench.groups.resigned(bench.now, 0, EPOCH.next());
            bench.run();
        } else {
            bench.advance(4_900);
            assert_eq!(bench.commit_told(), None, "5,000 ms are not over");
            bench.advance(200);
        }
        assert_eq!(bench.commit_told(), Some(error), "another one coordinates: {moves}");
    }
}

/// KIP-447: an offset that was told does not go back when the coordinator fails.
#[test]
fn who_goes_on_from_an_offset_is_told_once_it_is_committed_or_told_nothing() {
    let mut bench = Bench::new(&[]);
    bench.commits = false;
    bench.commit("", -1, 7);
    bench.ask_stable();
    assert_eq!(bench.told(), None, "it waits for what is written");
    bench.commit_all();
    assert_eq!(bench.told(), Some((0, vec![7])));
    for (moves, error) in [(false, UNAVAILABLE), (true, MOVED)] {
        let mut bench = Bench::new(&[]);
        bench.commits = false;
        bench.commit("", -1, 7);
        bench.ask_stable();
        if moves {
            bench.groups.resigned(bench.now, 0, EPOCH.next());
            bench.run();
        } else {
            bench.advance(5_100);
        }
        assert_eq!(bench.told(), Some((error, vec![])), "another one coordinates: {moves}");
    }
}

/// Another one may have taken a commit since.
#[test]
fn who_may_have_been_replaced_tells_nobody_where_to_go_on() {
    let table = [
        ((true, false), (0, vec![7])),
        ((true, true), (MOVED, vec![])),
        ((false, false), (0, vec![7])),
        ((false, true), (0, vec![7])),
    ];
    for (asked, expected) in table {
        let mut bench = Bench::new(&[]);
        assert_eq!(bench.commit("", -1, 7), Some(0));
        bench.ask(asked);
        assert_eq!(bench.told(), Some(expected), "stable, replaced: {asked:?}");
    }
}

#[test]
fn offsets_go_with_their_topic_in_every_partition_that_is_coordinated() {
    let mut bench = Bench::new(&[]);
    let mut other = Bench::new(&[]);
    for each in [&mut bench, &mut other] {
        assert_eq!(each.commit("", -1, 7), Some(0));
    }
    bench.groups.elected(1, EPOCH, bench.now.time);
    bench.groups.load(bench.now, 1, &other.log);
    bench.run();
    bench.groups.topics_deleted(&["orders".to_owned()]);
    let mut written = Vec::new();
    while let Some(todo) = bench.groups.next(bench.now) {
        if let Todo::Write(partition, records, _) = todo {
            written.push((partition, records.iter().all(|record| record.value.is_none())));
        }
    }
    assert_eq!(written, [(0, true), (1, true)], "a tombstone in each");
}
