//! Fetch sessions at a leader: what is told, who stays in the ISR, and what ends a session.

use crate::broker::tests::bench::{Bench, ORDERS, batch, partition, registration, replies, topic};
use crate::broker::tests::serving::produce;
use crate::config::topic_name;
use crate::disk_image::DiskImage;
use crate::fetch_session::{FetchMetadata, SessionError};
use crate::message::{
    ClientRequest, ClientResponse, ClusterError, PeerRequest, PeerResponse, ReplicaFetchPartition,
    ReplicaFetchRequest, ReplicaFetchResponse, RequestBody, ResponseBody,
};
use crate::metadata::MetadataRecord;
use crate::node::Effect;
use crate::note::{Note, ReplicationNote};
use crate::proto::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic, ErrorCode, TopicName,
};
use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset};

/// A follower on a connection of its own.
pub(super) struct Follower {
    connection: u64,
    node: i32,
    requests: i32,
    session: FetchMetadata,
    starts_at: i64,
}

impl Follower {
    pub(super) fn new(node: i32) -> Self {
        let connection = 10 + node as u64;
        Self { connection, node, requests: 0, session: FetchMetadata::INITIAL, starts_at: 0 }
    }

    /// Fetches on in its session; names the partition with this offset, or nothing.
    pub(super) fn fetch(&mut self, bench: &mut Bench, offset: Option<i64>) -> Vec<Effect> {
        let log_start_offset = Offset(self.starts_at);
        let asked = |offset| ReplicaFetchPartition {
            partition: ORDERS,
            current_leader_epoch: LeaderEpoch(1),
            fetch_offset: Offset(offset),
            last_fetched_epoch: LeaderEpoch::NONE,
            log_start_offset,
        };
        let request = ReplicaFetchRequest {
            replica: NodeId(self.node),
            broker_epoch: BrokerEpoch(i64::from(self.node) - 1),
            wait_max_ms: 500,
            session: self.session,
            partitions: offset.map(asked).into_iter().collect(),
            forgotten: Vec::new(),
        };
        self.requests += 1;
        let body = RequestBody::Peer(PeerRequest::ReplicaFetch(Box::new(request)));
        bench.request(self.connection, self.node, self.requests, body)
    }

    /// Takes the one answer to it among effects, and goes on in its session.
    pub(super) fn take(&mut self, effects: &[Effect]) -> ReplicaFetchResponse {
        let mut replies = replies(effects);
        replies.retain(|(connection, ..)| *connection == self.connection);
        assert_eq!(replies.len(), 1, "one answer to {} among {effects:?}", self.node);
        let ResponseBody::Peer(PeerResponse::ReplicaFetch(response)) = replies.remove(0).2 else {
            panic!("{effects:?}")
        };
        match response.session {
            Ok(id) if self.session.is_full() => self.session = FetchMetadata::new_incremental(id),
            Ok(_) => self.session = self.session.next_incremental(),
            Err(_) => self.session = FetchMetadata::INITIAL,
        }
        *response
    }
}

/// A leader with followers 2 and 3 in the ISR, each in a session in which the empty partition rests.
fn resting() -> (Bench, Follower, Follower) {
    let mut bench = Bench::hosting(registration(1, 1, &[1, 2, 3]));
    let (mut two, mut three) = (Follower::new(2), Follower::new(3));
    for follower in [&mut two, &mut three] {
        for offset in [Some(0), None] {
            let mut effects = follower.fetch(&mut bench, offset);
            effects.extend(bench.pass_ms(500));
            let response = follower.take(&effects);
            assert_eq!(response.partitions.len(), usize::from(offset.is_some()), "{response:?}");
        }
    }
    (bench, two, three)
}

/// The controller has said nothing for so long that the broker asks another one.
fn refetch_metadata(bench: &mut Bench) {
    bench.pass_ms(100);
}

fn shrinks(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| {
        matches!(effect, Effect::Note(Note::Replication(ReplicationNote::IsrProposed { .. })))
    })
}

#[test]
fn a_session_tells_only_news() {
    let (mut bench, mut two, mut three) = resting();
    assert_eq!(replies(&two.fetch(&mut bench, None)), [], "it waits");
    assert_eq!(replies(&three.fetch(&mut bench, None)), []);
    let effects = bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    for follower in [&mut two, &mut three] {
        let response = follower.take(&effects);
        assert_eq!(response.partitions[0].batches.len(), 1, "records wake it");
    }
    two.fetch(&mut bench, Some(1));
    three.fetch(&mut bench, Some(1));
    let effects = bench.pass_ms(500);
    for follower in [&mut two, &mut three] {
        let response = follower.take(&effects);
        let returned = &response.partitions[0];
        assert_eq!(
            (returned.high_watermark, returned.batches.len()),
            (Offset(1), 0),
            "and the watermark"
        );
    }
    two.fetch(&mut bench, None);
    assert_eq!(two.take(&bench.pass_ms(500)).partitions, [], "nothing is told twice");
}

#[test]
fn who_fetches_on_stays_in_the_isr_though_nothing_is_named() {
    let (mut bench, mut two, mut three) = resting();
    // Longer than `replica.lag.time.max.ms`.
    for _ in 0..30 {
        two.fetch(&mut bench, None);
        three.fetch(&mut bench, None);
        let effects = bench.pass_ms(500);
        assert!(!shrinks(&effects));
        two.take(&effects);
        three.take(&effects);
    }
    // Follower 3 fetches no more: its time runs from its last fetch, not from the append.
    bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    two.fetch(&mut bench, Some(1));
    let effects = bench.pass_ms(9_000);
    assert!(!shrinks(&effects), "it had everything 9 seconds ago");
    two.take(&effects);
    two.fetch(&mut bench, None);
    let effects = bench.pass_ms(6_000);
    assert!(shrinks(&effects), "not since longer than it may lag");
}

#[test]
fn a_session_that_ends_tells_until_when_its_follower_had_all() {
    let (mut bench, mut two, mut three) = resting();
    // Longer than `replica.lag.time.max.ms`.
    for _ in 0..30 {
        two.fetch(&mut bench, None);
        three.fetch(&mut bench, None);
        let effects = bench.pass_ms(500);
        two.take(&effects);
        three.take(&effects);
    }
    three.session = FetchMetadata { epoch: FetchMetadata::FINAL_EPOCH, ..three.session };
    let effects = three.fetch(&mut bench, None);
    three.take(&effects);
    bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    two.fetch(&mut bench, Some(1));
    let effects = bench.pass_ms(9_000);
    assert!(!shrinks(&effects), "it had everything 9 seconds ago");
    two.take(&effects);
    two.fetch(&mut bench, None);
    assert!(shrinks(&bench.pass_ms(6_000)), "not since longer than it may lag");
}

#[test]
fn a_session_that_is_gone_or_out_of_step_is_refused() {
    let (mut bench, mut two, _) = resting();
    let session = two.session;
    for (named, error) in [
        (FetchMetadata { session_id: 5, ..session }, SessionError::IdNotFound),
        (session.next_incremental(), SessionError::InvalidEpoch),
        (FetchMetadata { epoch: session.epoch - 1, ..session }, SessionError::InvalidEpoch),
    ] {
        two.session = named;
        let effects = two.fetch(&mut bench, Some(0));
        assert_eq!(two.take(&effects).session, Err(error), "{named:?}");
    }
    two.session = session;
    two.fetch(&mut bench, None);
    assert_eq!(two.take(&bench.pass_ms(500)).session, Ok(session.session_id), "it is still there");
    two.session = two.session.close_existing_attempt_new();
    two.fetch(&mut bench, Some(0));
    let renewed = two.take(&bench.pass_ms(500)).session;
    assert!(renewed.is_ok_and(|id| id != session.session_id), "another session: {renewed:?}");
    two.session = session.next_incremental();
    let effects = two.fetch(&mut bench, None);
    assert_eq!(two.take(&effects).session, Err(SessionError::IdNotFound));
}

#[test]
fn who_leads_no_more_says_so_in_the_session() {
    let (mut bench, mut two, _) = resting();
    refetch_metadata(&mut bench);
    two.fetch(&mut bench, None);
    let effects = bench.commit(&[partition(registration(3, 2, &[1, 2, 3]))]);
    let response = two.take(&effects);
    assert_eq!(response.partitions[0].error, Some(ClusterError::FencedLeaderEpoch), "at once");
}

#[test]
fn a_follower_that_was_registered_anew_is_judged_anew() {
    let (mut bench, mut two, _) = resting();
    refetch_metadata(&mut bench);
    bench.commit(&[
        MetadataRecord::RegisterBroker {
            broker: NodeId(2),
            incarnation: 99,
            broker_epoch: BrokerEpoch::NONE,
            fenced: false,
            shutting_down: false,
            unclean: false,
        },
        topic(1),
    ]);
    let effects = two.fetch(&mut bench, None);
    let response = two.take(&effects);
    let error = response.partitions[0].error;
    assert_eq!(error, Some(ClusterError::NotLeaderOrFollower), "its uptime is over (KIP-903)");
}

#[test]
fn without_room_everything_is_named_each_time() {
    let (mut bench, _) = Bench::booted(1, &DiskImage::default());
    bench.broker.limit_fetch_sessions(1);
    bench.join_cluster();
    bench.commit(&[topic(1), partition(registration(1, 1, &[1, 2]))]);
    let (mut two, mut three) = (Follower::new(2), Follower::new(3));
    two.fetch(&mut bench, Some(0));
    assert!(two.take(&bench.pass_ms(500)).session.is_ok_and(|id| id != FetchMetadata::NO_SESSION));
    for _ in 0..2 {
        three.session = FetchMetadata::INITIAL;
        three.fetch(&mut bench, Some(0));
        let response = three.take(&bench.pass_ms(500));
        assert_eq!(response.session, Ok(FetchMetadata::NO_SESSION), "a young follower's stays");
        assert_eq!(response.partitions.len(), 1);
    }
}

#[test]
fn old_records_go_at_the_next_check_and_followers_hear_of_it_once() {
    let (mut bench, mut two, mut three) = resting();
    two.fetch(&mut bench, None);
    three.fetch(&mut bench, None);
    let effects = bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    two.take(&effects);
    three.take(&effects);
    two.fetch(&mut bench, Some(1));
    three.fetch(&mut bench, Some(1));
    two.take(&bench.pass_ms(500));
    refetch_metadata(&mut bench);
    let (topic, retention_ms, retention_bytes) = (ORDERS.topic, -1, 0);
    let segment_ms = i64::MAX;
    let retention = MetadataRecord::Retention { topic, retention_ms, retention_bytes, segment_ms };
    bench.commit(&[retention]);
    let start =
        |bench: &Bench| bench.broker.partition(ORDERS).expect("hosted").log().log_start_offset();
    assert_eq!(start(&bench), Offset(0), "nobody looks before the interval is over");
    bench.pass_ms(1_000);
    assert_eq!(start(&bench), Offset(1));
    assert_eq!(replies(&two.fetch(&mut bench, None)), [], "nobody is woken for it");
    let response = two.take(&bench.pass_ms(500));
    assert_eq!(response.partitions[0].log_start_offset, Offset(1));
    two.fetch(&mut bench, None);
    assert_eq!(two.take(&bench.pass_ms(500)).partitions, [], "nothing is told twice");
}

#[test]
fn a_check_that_deletes_nothing_is_followed_by_another() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let (topic, retention_ms, retention_bytes) = (ORDERS.topic, -1, 0);
    let segment_ms = i64::MAX;
    let retention = MetadataRecord::Retention { topic, retention_ms, retention_bytes, segment_ms };
    bench.commit(&[retention]);
    bench.pass_ms(2_500);
    bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    let start =
        |bench: &Bench| bench.broker.partition(ORDERS).expect("hosted").log().log_start_offset();
    assert_eq!(start(&bench), Offset(0), "nobody looks before the interval is over");
    bench.pass_ms(1_000);
    assert_eq!(start(&bench), Offset(1));
}

fn delete(before: i64) -> RequestBody {
    let asked = DeleteRecordsPartition::default().with_offset(before);
    let topic = DeleteRecordsTopic::default()
        .with_name(TopicName(topic_name("orders")))
        .with_partitions(vec![asked]);
    let request = DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(900);
    RequestBody::Client(ClientRequest::DeleteRecords(Box::new(request)))
}

/// Error and low watermark of the one answer among effects.
fn deleted(effects: &[Effect]) -> Option<(i16, i64)> {
    let answer = replies(effects).into_iter().find(|(connection, ..)| *connection == 8)?;
    let ResponseBody::Client(ClientResponse::DeleteRecords(response)) = answer.2 else {
        panic!("{answer:?}")
    };
    let result = &response.topics[0].partitions[0];
    Some((result.error_code, result.low_watermark))
}

/// As [`resting`], with one record that is committed.
fn resting_with_a_record() -> (Bench, Follower, Follower) {
    let (mut bench, mut two, mut three) = resting();
    two.fetch(&mut bench, None);
    three.fetch(&mut bench, None);
    let effects = bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    two.take(&effects);
    three.take(&effects);
    two.fetch(&mut bench, Some(1));
    three.fetch(&mut bench, Some(1));
    let effects = bench.pass_ms(500);
    two.take(&effects);
    three.take(&effects);
    (bench, two, three)
}

#[test]
fn followers_for_whom_a_partition_rests_hear_of_a_deletion_with_their_next_fetch() {
    let (mut bench, mut two, mut three) = resting_with_a_record();
    for follower in [&mut two, &mut three] {
        follower.fetch(&mut bench, None);
        assert_eq!(follower.take(&bench.pass_ms(500)).partitions, [], "it has all");
    }
    assert_eq!(deleted(&bench.request(8, 1001, 1, delete(1))), None, "it waits");
    for follower in [&mut two, &mut three] {
        let mut effects = follower.fetch(&mut bench, None);
        effects.extend(bench.pass_ms(500));
        let told = follower.take(&effects).partitions;
        let starts: Vec<Offset> = told.iter().map(|told| told.log_start_offset).collect();
        assert_eq!(starts, [Offset(1)]);
    }
}

#[test]
fn a_deletion_is_answered_when_the_followers_have_followed() {
    let (mut bench, mut two, mut three) = resting_with_a_record();
    let beyond = bench.request(8, 1001, 1, delete(2));
    assert_eq!(deleted(&beyond), Some((ErrorCode::OffsetOutOfRange.code(), -1)));
    assert_eq!(deleted(&bench.request(8, 1001, 2, delete(1))), None, "it waits");
    two.starts_at = 1;
    three.starts_at = 1;
    assert_eq!(deleted(&two.fetch(&mut bench, Some(1))), None, "3 has not followed");
    assert_eq!(deleted(&three.fetch(&mut bench, Some(1))), Some((0, 1)));
    assert_eq!(deleted(&bench.request(8, 1001, 3, delete(1))), Some((0, 1)), "at once");
}

#[test]
fn a_deletion_that_nobody_follows_times_out() {
    let (mut bench, ..) = resting();
    let effects = bench.request(8, 1001, 1, delete(0));
    assert_eq!(deleted(&effects), Some((0, 0)), "nothing to wait for");
    let mut bench = Bench::hosting(registration(1, 1, &[1, 2, 3]));
    assert_eq!(deleted(&bench.request(8, 1001, 1, delete(0))), None, "nobody was heard of");
    let late = (ErrorCode::RequestTimedOut.code(), -1);
    assert_eq!(deleted(&bench.pass_ms(900)), Some(late));
}
