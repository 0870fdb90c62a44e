//! Fetchers, and two brokers that replicate to each other.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::broker::Broker;
use crate::broker::tests::bench::{
    Bench, ORDERS, Sent, batch, partition, registration, replies, topic,
};
use crate::broker::tests::serving::produce;
use crate::disk_image::{DiskImage, FileId};
use crate::fetch_session::FetchMetadata;
use crate::log::checkpoint::encode_offsets;
use crate::message::{
    ClientResponse, ClusterError, EpochEnd, PeerRequest, PeerResponse, ReplicaFetchPartition,
    ReplicaFetchPartitionResponse, ReplicaFetchResponse, ReplicaOffsetsResponse, RequestBody,
    ResponseBody,
};
use crate::metadata::MetadataRecord;
use crate::node::{Channel, Effect, Event};
use crate::record::RecordBatch;
use crate::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

fn asked(sent: &Sent) -> ReplicaFetchPartition {
    let RequestBody::Peer(PeerRequest::ReplicaFetch(request)) = &sent.message.body else {
        panic!("{sent:?}")
    };
    assert_eq!(request.partitions.len(), 1);
    request.partitions[0]
}

fn answer(
    error: Option<ClusterError>,
    high_watermark: i64,
    batches: Vec<RecordBatch>,
) -> ResponseBody {
    let answer = ReplicaFetchPartitionResponse {
        partition: ORDERS,
        error,
        diverging: None,
        high_watermark: Offset(high_watermark),
        log_start_offset: Offset(0),
        batches,
    };
    ResponseBody::Peer(PeerResponse::ReplicaFetch(Box::new(ReplicaFetchResponse {
        session: Ok(FetchMetadata::NO_SESSION),
        partitions: vec![answer],
    })))
}

fn at(offset: i64, epoch: i32) -> RecordBatch {
    batch(offset as u64).with_assignment(Offset(offset), LeaderEpoch(epoch))
}

fn log_end(broker: &Broker) -> Offset {
    broker.partition(ORDERS).expect("hosted").log().log_end_offset()
}

#[test]
fn a_follower_fetches_on_from_where_its_log_ends() {
    let mut bench = Bench::hosting(registration(2, 1, &[2]));
    let sent = bench.take_sent(Channel::ReplicaFetch);
    assert_eq!((sent.to, asked(&sent).fetch_offset), (NodeId(2), Offset(0)));
    bench.answer(&sent, answer(None, 1, vec![at(0, 1)]));
    let sent = bench.take_sent(Channel::ReplicaFetch);
    let next = asked(&sent);
    assert_eq!((next.fetch_offset, next.last_fetched_epoch), (Offset(1), LeaderEpoch(1)));
    let hosted = bench.broker.partition(ORDERS).expect("hosted");
    assert_eq!(hosted.log().high_watermark(), Offset(1));
}

#[test]
fn an_error_pauses_the_partition() {
    let mut bench = Bench::hosting(registration(2, 1, &[2]));
    let sent = bench.take_sent(Channel::ReplicaFetch);
    bench.answer(&sent, answer(Some(ClusterError::NotLeaderOrFollower), -1, Vec::new()));
    assert!(!bench.has_sent(Channel::ReplicaFetch));
    bench.pass_ms(999);
    assert!(!bench.has_sent(Channel::ReplicaFetch));
    bench.pass_ms(1);
    assert!(bench.has_sent(Channel::ReplicaFetch));
}

#[test]
fn a_lost_or_silent_leader_is_asked_again_after_a_pause() {
    let mut bench = Bench::hosting(registration(2, 1, &[2]));
    bench.take_sent(Channel::ReplicaFetch);
    bench.handle(Event::ConnectionLost { to: NodeId(2), channel: Channel::ReplicaFetch });
    bench.pass_ms(1_000);
    bench.take_sent(Channel::ReplicaFetch);
    let effects = bench.pass_ms(3_500);
    let disconnect = Effect::Disconnect { to: NodeId(2), channel: Channel::ReplicaFetch };
    assert!(effects.contains(&disconnect), "{effects:?}");
    assert!(!bench.has_sent(Channel::ReplicaFetch));
}

#[test]
fn an_answer_of_an_earlier_epoch_is_not_taken() {
    let mut bench = Bench::hosting(registration(2, 1, &[2]));
    let old = bench.take_sent(Channel::ReplicaFetch);
    bench.commit(&[partition(registration(2, 2, &[2]))]);
    assert!(!bench.has_sent(Channel::ReplicaFetch), "one request at a time");
    bench.answer(&old, answer(None, 1, vec![at(0, 1)]));
    assert_eq!(log_end(&bench.broker), Offset(0));
    let next = asked(&bench.take_sent(Channel::ReplicaFetch));
    assert_eq!(next.current_leader_epoch, LeaderEpoch(2));
}

#[test]
fn fetching_that_ended_in_an_epoch_begins_again_in_the_next_one_of_the_same_leader() {
    let mut bench = Bench::hosting(registration(2, 1, &[2]));
    let sent = bench.take_sent(Channel::ReplicaFetch);
    bench.answer(&sent, answer(Some(ClusterError::FencedLeaderEpoch), -1, Vec::new()));
    bench.pass_ms(1_500);
    assert!(!bench.has_sent(Channel::ReplicaFetch), "not in this epoch");
    bench.commit(&[partition(registration(2, 2, &[2]))]);
    let next = asked(&bench.take_sent(Channel::ReplicaFetch));
    assert_eq!(next.current_leader_epoch, LeaderEpoch(2));
}

/// Else a recovery would trust what takes the place of records that had been flushed.
#[test]
fn a_log_is_cut_with_its_recovery_point_on_the_disk() {
    let mut image = DiskImage::default();
    let records = [at(0, 1), at(1, 1), at(2, 1)].map(|batch| batch.bytes().clone()).concat();
    let segment = FileId::Segment { partition: ORDERS, base_offset: Offset(0) };
    image.files.insert(segment, records.into());
    image.files.insert(FileId::CleanShutdown, Bytes::from_static(b"0\n42\n"));
    image.files.insert(FileId::RecoveryPointCheckpoint, flushed_to(3));
    let (mut bench, _) = Bench::booted(1, &image);
    bench.commit(&[topic(1), partition(registration(2, 2, &[2]))]);
    bench.join_cluster();
    let sent = bench.take_sent(Channel::ReplicaFetch);
    assert_eq!(asked(&sent).fetch_offset, Offset(3));
    let ResponseBody::Peer(PeerResponse::ReplicaFetch(mut parts)) = answer(None, 0, Vec::new())
    else {
        panic!("it is a fetch's answer")
    };
    let end = EpochEnd { epoch: LeaderEpoch(1), end_offset: Offset(1) };
    parts.partitions[0].diverging = Some(end);
    let effects = bench.answer(&sent, ResponseBody::Peer(PeerResponse::ReplicaFetch(parts)));
    assert_eq!(log_end(&bench.broker), Offset(1));
    let (file, bytes) = (FileId::RecoveryPointCheckpoint, flushed_to(1));
    assert!(effects.contains(&Effect::Replace { file, bytes }), "{effects:?}");
}

/// A checkpoint of recovery points.
fn flushed_to(offset: i64) -> Bytes {
    encode_offsets(&BTreeMap::from([(ORDERS, Offset(offset))]))
}

#[test]
fn a_new_leader_is_fetched_from_at_once() {
    let mut bench = Bench::hosting(registration(2, 1, &[2]));
    let old = bench.take_sent(Channel::ReplicaFetch);
    bench.commit(&[partition(registration(3, 2, &[3]))]);
    assert_eq!(bench.take_sent(Channel::ReplicaFetch).to, NodeId(3));
    bench.answer(&old, answer(None, 1, vec![at(0, 1)]));
    assert_eq!(log_end(&bench.broker), Offset(0));
    bench.commit(&[partition(registration(1, 3, &[1]))]);
    bench.pass_ms(5_000);
    assert!(!bench.has_sent(Channel::ReplicaFetch), "a leader follows nobody");
}

#[test]
fn out_of_range_asks_for_the_leaders_bounds() {
    for (start, end, expected) in [(5, 9, 5), (0, 1, 1), (0, 9, 2)] {
        let mut bench = Bench::hosting(registration(2, 1, &[2]));
        let sent = bench.take_sent(Channel::ReplicaFetch);
        bench.answer(&sent, answer(None, 1, vec![at(0, 1), at(1, 1)]));
        let sent = bench.take_sent(Channel::ReplicaFetch);
        bench.answer(&sent, answer(Some(ClusterError::OffsetOutOfRange), -1, Vec::new()));
        let sent = bench.take_sent(Channel::ReplicaFetch);
        assert!(
            matches!(sent.message.body, RequestBody::Peer(PeerRequest::ReplicaOffsets(_))),
            "{sent:?}"
        );
        let bounds = ReplicaOffsetsResponse {
            partition: ORDERS,
            error: None,
            log_start_offset: Offset(start),
            log_end_offset: Offset(end),
        };
        bench.answer(&sent, ResponseBody::Peer(PeerResponse::ReplicaOffsets(bounds)));
        assert_eq!(log_end(&bench.broker), Offset(expected), "leader has {start}..{end}");
        let next = asked(&bench.take_sent(Channel::ReplicaFetch));
        assert_eq!(next.fetch_offset, Offset(expected));
    }
}

/// Carries what the follower asks of the leader and back, until nothing moves.
fn replicate(leader: &mut Bench, follower: &mut Bench) -> Vec<Effect> {
    let mut returned = Vec::new();
    for round in 0..20 {
        if !follower.has_sent(Channel::ReplicaFetch) {
            break;
        }
        let sent = follower.take_sent(Channel::ReplicaFetch);
        let effects = leader.request(20, 2, round, sent.message.body.clone());
        returned.extend(effects.clone());
        let answer = replies(&effects).into_iter().find(|(connection, ..)| *connection == 20);
        let Some((_, _, body)) = answer else { break };
        follower.answer(&sent, body);
    }
    returned
}

#[test]
fn two_brokers_commit_a_produce_between_them() {
    let mut leader = Bench::hosting(registration(1, 1, &[1, 2]));
    let (mut follower, _) = Bench::booted(2, &crate::disk_image::DiskImage::default());
    follower.answer_registration(Ok(crate::types::BrokerEpoch(1)));
    let mut records =
        vec![super::bench::register(1, 1), super::bench::register(2, super::bench::INCARNATION)];
    records.extend([super::bench::topic(1), partition(registration(1, 1, &[1, 2]))]);
    follower.commit(&records);
    assert_eq!(replies(&leader.request(7, 1001, 1, produce(&[batch(5)], -1, 1_000))), []);
    let returned = replicate(&mut leader, &mut follower);
    let acknowledged = replies(&returned).into_iter().find(|(connection, ..)| *connection == 7);
    let Some((_, 1, ResponseBody::Client(ClientResponse::Produce(response)))) = acknowledged else {
        panic!("{returned:?}")
    };
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    assert_eq!(log_end(&leader.broker), log_end(&follower.broker));
    let watermark =
        |bench: &Bench| bench.broker.partition(ORDERS).expect("hosted").log().high_watermark();
    assert_eq!(
        (watermark(&leader), watermark(&follower)),
        (Offset(1), Offset(0)),
        "told with the next answer"
    );
}

/// An answer in session 7.
fn in_session(partitions: Vec<ReplicaFetchPartitionResponse>) -> ResponseBody {
    let response = ReplicaFetchResponse { session: Ok(7), partitions };
    ResponseBody::Peer(PeerResponse::ReplicaFetch(Box::new(response)))
}

/// What of a partition is told in a session.
fn told(partition: TopicPartition, error: Option<ClusterError>) -> ReplicaFetchPartitionResponse {
    ReplicaFetchPartitionResponse {
        partition,
        error,
        diverging: None,
        high_watermark: Offset(0),
        log_start_offset: Offset(0),
        batches: Vec::new(),
    }
}

/// Which partitions a fetch names, and which it forgets.
fn named(sent: &Sent) -> (Vec<TopicPartition>, Vec<TopicPartition>) {
    let RequestBody::Peer(PeerRequest::ReplicaFetch(request)) = &sent.message.body else {
        panic!("{sent:?}")
    };
    (request.partitions.iter().map(|it| it.partition).collect(), request.forgotten.clone())
}

#[test]
fn a_partition_leaves_its_session_for_the_pause_and_comes_back() {
    let mut bench = Bench::hosting(registration(2, 1, &[2]));
    let second = TopicPartition { partition: 1, ..ORDERS };
    let registration = registration(2, 1, &[2]);
    bench.commit(&[MetadataRecord::Partition { partition: second, registration, unclean: false }]);
    let sent = bench.take_sent(Channel::ReplicaFetch);
    bench.answer(&sent, in_session(vec![told(ORDERS, None)]));
    let sent = bench.take_sent(Channel::ReplicaFetch);
    assert_eq!(named(&sent), (vec![second], vec![]));
    let refused = Some(ClusterError::NotLeaderOrFollower);
    bench.answer(&sent, in_session(vec![told(ORDERS, refused), told(second, None)]));
    let sent = bench.take_sent(Channel::ReplicaFetch);
    assert_eq!(named(&sent), (vec![], vec![ORDERS]));
    bench.pass_ms(1_000);
    bench.answer(&sent, in_session(vec![]));
    let sent = bench.take_sent(Channel::ReplicaFetch);
    assert_eq!(named(&sent), (vec![ORDERS], vec![]), "the pause is over");
}
