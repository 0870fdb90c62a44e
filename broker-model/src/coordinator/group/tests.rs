//! Groups over a real log: what clients ask, and what they are told, in order.

use bytes::Bytes;

use super::coordinator::{GroupCoordinator, GroupRules, Todo};
use crate::caller::Caller;
use crate::config::{CoordinatorConfig, ms, topic_name};
use crate::consumer_protocol::Subscription;
use crate::coordinator::runtime::{batch_in_transaction, batch_of};
use crate::defect::GroupDefect;
use crate::log::Log;
use crate::message::{ClientResponse, ResponseBody};
use crate::metadata::MetadataImage;
use crate::node::Effects;
use crate::proto::{
    ErrorCode, GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupRequestProtocol,
    JoinGroupResponse, LeaveGroupRequest, MemberIdentity, OffsetCommitRequest,
    OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetFetchRequest,
    OffsetFetchRequestGroup, SyncGroupRequest, SyncGroupRequestAssignment, TopicName,
};
use crate::testing;
use crate::types::{
    ConnectionId, CorrelationId, LeaderEpoch, NodeId, Now, Time, TopicId, TopicPartition, WallTime,
};

const EPOCH: LeaderEpoch = LeaderEpoch(3);

/// A coordinator of partition 0, its log and its clock.
pub(super) struct Bench {
    pub(super) groups: GroupCoordinator,
    log: Log,
    pub(super) now: Now,
    /// Answers by connection.
    answers: Vec<(u64, ResponseBody)>,
    /// What it stated of groups of the consumer protocol and of groups that are gone, in order.
    pub(super) facts: Vec<String>,
    /// Whether records are committed as soon as they are written.
    pub(super) commits: bool,
    /// Whether what is to be written is.
    pub(super) writes: bool,
    /// What its broker knows of topics.
    pub(super) image: MetadataImage,
}

impl Bench {
    pub(super) fn new(defects: &[GroupDefect]) -> Self {
        let now = Now { time: Time(1_000_000_000), wall: WallTime(1_700_000_000_000) };
        let rules = GroupRules {
            config: CoordinatorConfig { offsets_retention_ms: 5_000, ..CoordinatorConfig::DEFAULT },
            defects: defects.iter().copied().collect(),
            incarnation: 7,
        };
        let log = testing::empty_log(TopicPartition { topic: TopicId(9), partition: 0 });
        let mut bench = Self {
            groups: GroupCoordinator::new(rules, now.time),
            log,
            now,
            answers: Vec::new(),
            facts: Vec::new(),
            commits: true,
            writes: true,
            image: MetadataImage::default(),
        };
        bench.groups.elected(0, EPOCH, now.time);
        bench.groups.load(now, 0, &bench.log);
        bench.run();
        bench
    }

    /// All that requests can change, in words.
    pub(super) fn state(&self) -> String {
        let groups = &self.groups;
        format!("{:?} {:?} {:?}", groups.groups, groups.members, groups.runtime)
    }

    /// Another coordinator takes over with what is committed.
    pub(super) fn fail_over(&mut self) {
        let rules = GroupRules {
            config: CoordinatorConfig { offsets_retention_ms: 5_000, ..CoordinatorConfig::DEFAULT },
            defects: self.groups.defects,
            incarnation: 8,
        };
        self.groups = GroupCoordinator::new(rules, self.now.time);
        self.groups.elected(0, EPOCH.next(), self.now.time);
        self.groups.load(self.now, 0, &self.log);
        self.run();
    }

    /// Another broker coordinates, then this one again.
    pub(super) fn is_elected_again(&mut self) {
        let (now, since) = (self.now, self.now.time);
        self.groups.resigned(now, 0, EPOCH.next());
        self.run();
        self.groups.elected(0, EPOCH.next().next(), since);
        self.groups.load(now, 0, &self.log);
        self.run();
    }

    pub(super) fn run(&mut self) {
        while let Some(todo) = self.groups.next(self.now) {
            match todo {
                Todo::Reply(caller, body) => self.answers.push((caller.connection.0, body)),
                Todo::Write(_, _, waiter) | Todo::WriteInTransaction(_, _, _, waiter)
                    if !self.writes =>
                {
                    self.groups.not_written(self.now, waiter, ErrorCode::NotEnoughReplicas);
                }
                Todo::Write(partition, records, waiter) => {
                    let batch = batch_of(self.now.wall, &records);
                    self.log.append_as_leader(&batch, EPOCH, 1, &mut Effects::new());
                    if self.commits {
                        self.log.set_high_watermark(self.log.log_end_offset());
                    }
                    self.groups.written(self.now, partition, &self.log, waiter);
                }
                Todo::WriteInTransaction(partition, records, writer, waiter) => {
                    let producer = (writer.producer_id, writer.producer_epoch);
                    let batch = batch_in_transaction(self.now.wall, producer, &records);
                    self.log.append_as_leader(&batch, EPOCH, 1, &mut Effects::new());
                    if self.commits {
                        self.log.set_high_watermark(self.log.log_end_offset());
                    }
                    self.groups.written(self.now, partition, &self.log, waiter);
                }
                Todo::Note(note) => self.facts.push(format!("{note:?}")),
                Todo::Changed(_, _, change) => self.facts.push(format!("{change:?}")),
                Todo::ReplyWhenCommitted(..)
                | Todo::Assigned { .. }
                | Todo::Released { .. }
                | Todo::Served(_)
                | Todo::Accepted { .. }
                | Todo::Expired { .. }
                | Todo::Pending { .. }
                | Todo::Answered(..)
                | Todo::Loaded(..) => {}
            }
        }
    }

    /// All that is written becomes committed.
    pub(super) fn commit_all(&mut self) {
        self.log.set_high_watermark(self.log.log_end_offset());
        self.groups.log_moved(self.now, 0, &self.log);
        self.run();
    }

    pub(super) fn advance(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds.div_ceil(50) {
            self.now.time = self.now.time + ms(50);
            self.now.wall.0 += 50;
            self.groups.tick(self.now);
            self.run();
        }
    }

    pub(super) fn answer(&mut self, connection: u64) -> Option<ResponseBody> {
        let index = self.answers.iter().position(|(known, _)| *known == connection)?;
        Some(self.answers.remove(index).1)
    }

    pub(super) fn join(&mut self, connection: u64, member: &str, instance: Option<&str>) {
        self.join_with(connection, (member, instance), Bytes::from_static(b"orders"));
    }

    /// Joins with this subscription.
    fn join_with(
        &mut self,
        connection: u64,
        (member, instance): (&str, Option<&str>),
        subscription: Bytes,
    ) {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(topic_name("range"))
            .with_metadata(subscription);
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_session_timeout_ms(1_000)
            .with_rebalance_timeout_ms(2_000)
            .with_member_id(topic_name(member))
            .with_group_instance_id(instance.map(topic_name))
            .with_protocol_type(topic_name("consumer"))
            .with_protocols(vec![protocol]);
        self.groups.join_group(self.now, caller(connection), 0, &request, &self.image);
        self.run();
    }

    /// Joins as consumers do: subscribed to `orders`, with what it still has.
    pub(super) fn join_as(
        &mut self,
        connection: u64,
        (member, kind): (&str, &str),
        owned: &[i32],
    ) -> Option<JoinGroupResponse> {
        let topic = topic_name("orders");
        let owned = owned.iter().map(|partition| (topic.clone(), *partition)).collect();
        let subscription = Subscription { topics: vec![topic.clone()], owned, generation: 1 };
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(topic_name("cooperative-sticky"))
            .with_metadata(subscription.encode());
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_session_timeout_ms(1_000)
            .with_rebalance_timeout_ms(2_000)
            .with_member_id(topic_name(member))
            .with_protocol_type(topic_name(kind))
            .with_protocols(vec![protocol]);
        self.groups.join_group(self.now, caller(connection), 0, &request, &self.image);
        self.run();
        let ResponseBody::Client(ClientResponse::JoinGroup(response)) = self.answer(connection)?
        else {
            return None;
        };
        Some(*response)
    }

    pub(super) fn joined(&mut self, connection: u64) -> JoinGroupResponse {
        let Some(ResponseBody::Client(ClientResponse::JoinGroup(response))) =
            self.answer(connection)
        else {
            panic!("no answer to a join on {connection}: {:?}", self.answers)
        };
        *response
    }

    pub(super) fn sync(
        &mut self,
        connection: u64,
        member: &str,
        generation: i32,
        given: &[(&str, &str)],
    ) {
        let given = given.iter().map(|(member, assignment)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(topic_name(member))
                .with_assignment(Bytes::copy_from_slice(assignment.as_bytes()))
        });
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_member_id(topic_name(member))
            .with_generation_id(generation)
            .with_assignments(given.collect());
        self.groups.sync_group(self.now, caller(connection), 0, &request, &self.image);
        self.run();
    }

    pub(super) fn synced(&mut self, connection: u64) -> Option<(i16, String)> {
        let ResponseBody::Client(ClientResponse::SyncGroup(response)) = self.answer(connection)?
        else {
            return None;
        };
        Some((response.error_code, String::from_utf8_lossy(&response.assignment).into_owned()))
    }

    pub(super) fn heartbeat(&mut self, member: &str, generation: i32) -> i16 {
        self.heartbeat_on(90, member, generation)
    }

    fn heartbeat_on(&mut self, connection: u64, member: &str, generation: i32) -> i16 {
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_member_id(topic_name(member))
            .with_generation_id(generation);
        self.groups.heartbeat(self.now, caller(connection), 0, &request);
        self.run();
        let answer = self.answer(connection);
        let Some(ResponseBody::Client(ClientResponse::Heartbeat(response))) = answer else {
            panic!("no answer")
        };
        response.error_code
    }

    pub(super) fn commit(&mut self, member: &str, generation: i32, offset: i64) -> Option<i16> {
        self.commit_on(91, member, (generation, offset))
    }

    /// Commits on a connection; later ones have higher numbers.
    fn commit_on(
        &mut self,
        connection: u64,
        member: &str,
        (generation, offset): (i32, i64),
    ) -> Option<i16> {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(0)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(-1);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(topic_name("orders")))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_member_id(topic_name(member))
            .with_generation_id_or_member_epoch(generation)
            .with_topics(vec![topic]);
        self.groups.commit_offsets(self.now, caller(connection), 0, &request, |_, _| true);
        self.run();
        let ResponseBody::Client(ClientResponse::OffsetCommit(response)) =
            self.answer(connection)?
        else {
            return None;
        };
        Some(response.topics[0].partitions[0].error_code)
    }

    fn leave(&mut self, members: &[&str]) {
        let leaving =
            members.iter().map(|it| MemberIdentity::default().with_member_id(topic_name(it)));
        let request = LeaveGroupRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_members(leaving.collect());
        self.groups.leave_group(self.now, caller(5), 0, &request, &self.image);
        self.run();
    }

    /// Whether it was stated that offsets past their retention are kept.
    pub(super) fn keeps_offsets(&self) -> bool {
        self.facts.iter().any(|fact| fact.contains("OffsetsKept"))
    }

    pub(super) fn committed(&mut self) -> i64 {
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_topics(None);
        let request = OffsetFetchRequest::default().with_groups(vec![group]);
        self.groups.fetch_offsets(self.now, (caller(92), false), |_| 0, &request);
        self.run();
        let Some(ResponseBody::Client(ClientResponse::OffsetFetch(response))) = self.answer(92)
        else {
            panic!("none")
        };
        let topics = response.groups[0].topics.iter().flat_map(|topic| &topic.partitions);
        topics.map(|partition| partition.committed_offset).next().unwrap_or(-1)
    }

    /// Two dynamic members in generation 1, of whom the first leads.
    pub(super) fn two_members(&mut self) -> (String, String) {
        self.join(1, "", None);
        self.join(2, "", None);
        let ids = [1, 2].map(|connection| self.joined(connection));
        assert!(ids.iter().all(|it| it.error_code == ErrorCode::MemberIdRequired.code()));
        let [one, two] = ids.map(|response| response.member_id.to_string());
        self.join(1, &one, None);
        self.join(2, &two, None);
        self.advance(700);
        assert_eq!((self.joined(1).generation_id, self.joined(2).generation_id), (1, 1));
        self.sync(2, &two, 1, &[]);
        assert_eq!(self.synced(2), None, "the leader has not assigned");
        self.sync(1, &one, 1, &[(&one, "p0"), (&two, "p1")]);
        assert_eq!(self.synced(1), Some((0, "p0".to_owned())));
        assert_eq!(self.synced(2), Some((0, "p1".to_owned())));
        (one, two)
    }
}

pub(super) fn caller(connection: u64) -> Caller {
    Caller {
        connection: ConnectionId(connection),
        correlation_id: CorrelationId(0),
        from: NodeId(1_000 + connection as i32),
    }
}

#[test]
fn an_assignment_is_stored_before_anybody_gets_it() {
    let mut bench = Bench::new(&[]);
    bench.join(1, "", Some("a"));
    bench.commits = false;
    bench.advance(700);
    let one = bench.joined(1).member_id.to_string();
    bench.sync(1, &one, 1, &[(&one, "p0")]);
    assert_eq!(bench.synced(1), None, "its record is not committed");
    bench.commit_all();
    assert_eq!(bench.synced(1), Some((0, "p0".to_owned())));
}

/// Known bug G01.
/// Known weakness: a commit of the same generation that lay on the way.
#[test]
fn a_commit_that_lay_on_the_way_sets_nothing_back() {
    for (defects, stays) in [(&[][..], 81), (&[GroupDefect::LateCommitCounts][..], 75)] {
        let mut bench = Bench::new(defects);
        let (one, two) = bench.two_members();
        assert_eq!(bench.commit_on(93, &one, (1, 81)), Some(0));
        bench.commit_on(92, &one, (1, 75)).expect("it is answered");
        assert_eq!(bench.committed(), stays, "{defects:?}");
        assert_eq!(bench.commit_on(91, &two, (1, 82)), Some(0), "another member");
    }
}

/// Another broker has coordinated meanwhile.
#[test]
fn a_commit_that_lay_on_the_way_sets_nothing_back_when_the_coordinator_is_elected_again() {
    for (defects, stays) in [(&[][..], 81), (&[GroupDefect::LateCommitCounts][..], 75)] {
        let mut bench = Bench::new(defects);
        let (one, _) = bench.two_members();
        assert_eq!(bench.commit_on(93, &one, (1, 81)), Some(0));
        bench.is_elected_again();
        bench.commit_on(92, &one, (1, 75)).expect("it is answered");
        assert_eq!(bench.committed(), stays, "{defects:?}");
        assert_eq!(bench.commit_on(93, &one, (1, 84)), Some(0), "the connection that it uses");
    }
}

/// Another broker has coordinated meanwhile, and taken the newer commit; the member has joined here again since.
#[test]
fn a_commit_that_lay_on_the_way_sets_nothing_back_when_its_member_is_heard_of_elsewhere() {
    for (defects, stays) in [(&[][..], 81), (&[GroupDefect::LateCommitCounts][..], 75)] {
        let mut bench = Bench::new(defects);
        let (one, _) = bench.two_members();
        assert_eq!(bench.commit_on(91, &one, (1, 81)), Some(0));
        bench.is_elected_again();
        assert_eq!(bench.heartbeat_on(93, &one, 1), 0);
        bench.commit_on(92, &one, (1, 75)).expect("it is answered");
        assert_eq!(bench.committed(), stays, "{defects:?}");
    }
}

#[test]
fn only_members_of_the_present_generation_commit() {
    for (defects, stale) in [
        (&[][..], ErrorCode::IllegalGeneration.code()),
        (&[GroupDefect::CommitIgnoresGeneration][..], 0),
    ] {
        let mut bench = Bench::new(defects);
        let (one, two) = bench.two_members();
        let foreign = if defects.is_empty() { ErrorCode::UnknownMemberId.code() } else { 0 };
        assert_eq!(bench.commit(&one, 1, 10), Some(0));
        assert_eq!(bench.commit(&two, 0, 5), Some(stale), "an older generation");
        assert_eq!(bench.commit("x", 1, 5), Some(foreign), "no member");
        assert_eq!(bench.commit("", -1, 5), Some(foreign), "outside of a group with members");
        assert_eq!(bench.committed(), if defects.is_empty() { 10 } else { 5 });
    }
}

#[test]
fn a_group_without_members_takes_commits_of_anybody() {
    let mut bench = Bench::new(&[]);
    assert_eq!(bench.commit("", -1, 7), Some(0));
    assert_eq!(bench.committed(), 7);
    assert_eq!(bench.commit("x", 3, 9), Some(ErrorCode::UnknownMemberId.code()));
    bench.fail_over();
    assert_eq!((bench.committed(), bench.commit("", -1, 8)), (7, Some(0)));
}

/// Known bug G12.
#[test]
fn a_commit_is_answered_and_told_once_it_is_committed() {
    let mut bench = Bench::new(&[]);
    bench.commits = false;
    assert_eq!((bench.commit("", -1, 7), bench.committed()), (None, -1));
    bench.commit_all();
    assert!(bench.answer(91).is_some());
    assert_eq!(bench.committed(), 7);
    let mut early = Bench::new(&[GroupDefect::CommitAnsweredAtAppend]);
    early.commits = false;
    assert_eq!(early.commit("", -1, 7), Some(0));
}

#[test]
fn who_is_not_heard_of_is_thrown_out_and_the_rest_goes_on() {
    let mut bench = Bench::new(&[]);
    let (one, two) = bench.two_members();
    bench.advance(900);
    assert_eq!(bench.heartbeat(&one, 1), 0);
    bench.advance(300);
    assert_eq!(bench.heartbeat(&two, 1), ErrorCode::UnknownMemberId.code());
    assert_eq!(bench.heartbeat(&one, 1), ErrorCode::RebalanceInProgress.code());
    bench.join(1, &one, None);
    let joined = bench.joined(1);
    assert_eq!((joined.generation_id, joined.members.len()), (2, 1));
}

#[test]
fn a_member_that_leaves_begins_a_rebalance() {
    let mut bench = Bench::new(&[]);
    let (one, two) = bench.two_members();
    bench.leave(&[&two]);
    assert!(bench.answer(5).is_some());
    assert_eq!(bench.heartbeat(&one, 1), ErrorCode::RebalanceInProgress.code());
    assert_eq!(bench.heartbeat(&two, 1), ErrorCode::UnknownMemberId.code());
}

/// Known bug G03.
#[test]
fn a_static_member_that_is_back_has_what_it_had_and_fences_the_one_before() {
    for (defects, kept) in [(&[][..], true), (&[GroupDefect::StaticRejoinNotStored][..], false)] {
        let mut bench = Bench::new(defects);
        bench.join(1, "", Some("a"));
        bench.advance(700);
        let one = bench.joined(1).member_id.to_string();
        bench.sync(1, &one, 1, &[(&one, "p0")]);
        assert_eq!(bench.synced(1), Some((0, "p0".to_owned())));
        bench.join(2, "", Some("a"));
        let again = bench.joined(2);
        assert_eq!((again.error_code, again.generation_id, again.skip_assignment), (0, 1, true));
        let two = again.member_id.to_string();
        bench.sync(2, &two, 1, &[]);
        assert_eq!(bench.synced(2), Some((0, "p0".to_owned())));
        assert_eq!(bench.heartbeat(&one, 1), ErrorCode::UnknownMemberId.code());
        bench.fail_over();
        assert_eq!(bench.heartbeat(&two, 1) == 0, kept, "the next coordinator knows the new id");
    }
}

/// Nobody else would end it: who waits is not thrown out, and who waits no more must be heard of.
#[test]
fn a_static_member_whose_id_is_stored_late_has_a_session_from_then_on() {
    let mut bench = Bench::new(&[]);
    bench.join(1, "", Some("a"));
    bench.advance(700);
    let one = bench.joined(1).member_id.to_string();
    bench.sync(1, &one, 1, &[(&one, "p0")]);
    bench.commits = false;
    bench.join(2, "", Some("a"));
    bench.advance(1_500);
    bench.commit_all();
    bench.commits = true;
    let again = bench.joined(2);
    assert_eq!((again.error_code, again.generation_id), (0, 1), "it was waited for");
    let two = again.member_id.to_string();
    bench.advance(900);
    assert_eq!(bench.heartbeat(&two, 1), 0);
    bench.advance(1_100);
    assert_eq!(bench.heartbeat(&two, 1), ErrorCode::UnknownMemberId.code(), "it was silent");
}

/// Known bug G10.
#[test]
fn offsets_expire_where_nobody_reads() {
    for (defects, kept) in [(&[][..], true), (&[GroupDefect::ExpiresActiveGroups][..], false)] {
        let mut bench = Bench::new(defects);
        let (one, two) = bench.two_members();
        assert_eq!(bench.commit(&one, 1, 10), Some(0));
        for _ in 0..16 {
            bench.advance(500);
            assert_eq!((bench.heartbeat(&one, 1), bench.heartbeat(&two, 1)), (0, 0));
        }
        bench.groups.expire_offsets(bench.now);
        bench.run();
        assert_eq!((bench.committed() == 10, bench.keeps_offsets()), (kept, kept));
    }
    let mut simple = Bench::new(&[]);
    assert_eq!(simple.commit("", -1, 7), Some(0));
    simple.advance(4_900);
    simple.groups.expire_offsets(simple.now);
    simple.run();
    assert_eq!(simple.committed(), 7, "it is not old enough");
    simple.advance(200);
    simple.groups.expire_offsets(simple.now);
    simple.run();
    assert_eq!((simple.committed(), simple.keeps_offsets()), (-1, false));
    assert!(simple.groups.group(0, "g").is_none(), "the group goes with its last offset");
}

/// KAFKA-2000: what groups have committed of a topic goes with it.
#[test]
fn offsets_go_with_their_topic() {
    let mut bench = Bench::new(&[]);
    assert_eq!(bench.commit("", -1, 7), Some(0));
    bench.groups.topics_deleted(&["payments".to_owned()]);
    bench.run();
    assert_eq!(bench.committed(), 7, "another topic");
    bench.groups.topics_deleted(&["orders".to_owned()]);
    bench.run();
    assert_eq!(bench.committed(), -1);
    bench.fail_over();
    assert_eq!(bench.committed(), -1, "it is written down");
}

mod offsets;
mod rebalances;
mod transactional;
