//! Fetch sessions at a leader: what is told, who stays in the ISR, and what ends a session.

use crate::broker::tests::bench::{Bench, ORDERS, batch, partition, registration, replies, topic};
use crate::broker::tests::serving::produce;
use crate::disk_image::DiskImage;
use crate::fetch_session::{FetchMetadata, SessionError};
use crate::message::{
    ClusterError, ReplicaFetchPartition, ReplicaFetchRequest, ReplicaFetchResponse, RequestBody,
    ResponseBody,
};
use crate::metadata::MetadataRecord;
use crate::node::Effect;
use crate::note::{Note, ReplicationNote};
use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset};

/// A follower on a connection of its own.
struct Follower {
    connection: u64,
    node: i32,
    requests: i32,
    session: FetchMetadata,
}

impl Follower {
    fn new(node: i32) -> Self {
        let connection = 10 + node as u64;
        Self { connection, node, requests: 0, session: FetchMetadata::INITIAL }
    }

    /// Fetches on in its session; names the partition with this offset, or nothing.
    fn fetch(&mut self, bench: &mut Bench, offset: Option<i64>) -> Vec<Effect> {
        let asked = |offset| ReplicaFetchPartition {
            partition: ORDERS,
            current_leader_epoch: LeaderEpoch(1),
            fetch_offset: Offset(offset),
            last_fetched_epoch: LeaderEpoch::NONE,
            log_start_offset: Offset(0),
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
        let body = RequestBody::ReplicaFetch(Box::new(request));
        bench.request(self.connection, self.node, self.requests, body)
    }

    /// Takes the one answer to it among effects, and goes on in its session.
    fn take(&mut self, effects: &[Effect]) -> ReplicaFetchResponse {
        let mut replies = replies(effects);
        replies.retain(|(connection, ..)| *connection == self.connection);
        assert_eq!(replies.len(), 1, "one answer to {} among {effects:?}", self.node);
        let ResponseBody::ReplicaFetch(response) = replies.remove(0).2 else {
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
