//! A broker whose next offset the leader does not have any more takes the metadata from a snapshot.

use bytes::Bytes;

use crate::broker::tests::bench::{
    Bench, CONTROLLER, ORDERS, batch, only_reply, registration, replies, topic,
};
use crate::broker::tests::serving::produce;
use crate::message::{
    ClientResponse, ClusterError, FetchSnapshotResponse, QuorumFetchResponse, QuorumRequest,
    QuorumResponse, RequestBody, ResponseBody,
};
use crate::metadata::{MetadataImage, encode_snapshot};
use crate::node::{COMMITTED_METADATA_GONE, Channel, Effect, Event};
use crate::note::PartitionRegistration;
use crate::types::{
    LeaderEpoch, Offset, PartitionEpoch, SnapshotId, TopicId, TopicPartition, WallTime,
};

const EPOCH: LeaderEpoch = LeaderEpoch(1);
const OTHER: TopicPartition = TopicPartition { topic: TopicId(7), partition: 0 };

fn id(end: i64) -> SnapshotId {
    SnapshotId { epoch: EPOCH, end_offset: Offset(end) }
}

/// Names a snapshot to a broker that asks for the log.
fn name_snapshot(bench: &mut Bench, snapshot: SnapshotId) {
    let sent = bench.take_sent(Channel::QuorumFetch);
    assert!(matches!(sent.message.body, RequestBody::QuorumFetch(_)), "{sent:?}");
    let response = QuorumFetchResponse {
        epoch: EPOCH,
        leader: Some(CONTROLLER),
        error: None,
        diverging: None,
        snapshot: Some(snapshot),
        high_watermark: Offset::NONE,
        batches: Vec::new(),
    };
    bench.answer(&sent, ResponseBody::QuorumFetch(Box::new(response)));
}

/// Answers what the broker asks for with so many bytes; what it does about it, if it asks for a part.
fn give_part(
    bench: &mut Bench,
    (snapshot, whole): (SnapshotId, &Bytes),
    error: Option<ClusterError>,
    count: usize,
) -> Vec<Effect> {
    let sent = bench.take_sent(Channel::QuorumFetch);
    let RequestBody::Quorum(QuorumRequest::FetchSnapshot(asked)) = &sent.message.body else {
        panic!("{sent:?}")
    };
    assert_eq!((asked.snapshot, asked.epoch), (snapshot, EPOCH));
    let from = asked.position as usize;
    let bytes = whole.slice(from..whole.len().min(from.saturating_add(count)));
    let response = FetchSnapshotResponse {
        epoch: EPOCH,
        leader: Some(CONTROLLER),
        error,
        snapshot,
        size: whole.len() as u64,
        position: asked.position,
        bytes: if error.is_some() { Bytes::new() } else { bytes },
    };
    let body = ResponseBody::Quorum(QuorumResponse::FetchSnapshot(Box::new(response)));
    bench.answer(&sent, body)
}

/// The metadata of the bench, with another topic in the place of the first.
fn replaced(bench: &Bench) -> MetadataImage {
    let mut image = bench.broker.metadata().clone();
    let config = image.topics.remove(&ORDERS.topic).expect("it is there");
    image.partitions.remove(&ORDERS);
    image.topic_ids.insert("orders".to_owned(), OTHER.topic);
    image.topics.insert(OTHER.topic, config);
    image.partitions.insert(OTHER, registration(1, 4, &[1]));
    image.last_topic = OTHER.topic;
    image.end_offset = Offset(50);
    image
}

#[test]
fn a_broker_goes_on_from_a_snapshot_as_from_the_records_that_it_missed() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let image = replaced(&bench);
    let bytes = encode_snapshot(&image, WallTime(5));
    name_snapshot(&mut bench, id(50));
    give_part(&mut bench, (id(50), &bytes), None, 40);
    assert!(bench.broker.partition(ORDERS).is_some(), "nothing changes before it is whole");
    give_part(&mut bench, (id(50), &bytes), None, usize::MAX);
    assert_eq!(bench.broker.metadata(), &image);
    assert!(bench.broker.partition(ORDERS).is_none(), "its topic is gone");
    let led = bench.broker.partition(OTHER).expect("it is hosted");
    assert_eq!(led.leader_epoch(), LeaderEpoch(4));
    let sent = bench.take_sent(Channel::QuorumFetch);
    let RequestBody::QuorumFetch(next) = sent.message.body else { panic!("{sent:?}") };
    assert_eq!((next.fetch_offset, next.last_fetched_epoch), (Offset(50), EPOCH));
}

#[test]
fn a_leader_learns_from_a_snapshot_of_a_change_in_its_epoch() {
    let mut bench = Bench::hosting(registration(1, 1, &[1, 2]));
    assert_eq!(replies(&bench.request(7, 1001, 1, produce(&[batch(5)], -1, 1_000))), []);
    let mut image = bench.broker.metadata().clone();
    let partition_epoch = PartitionEpoch(2);
    let shrunk = PartitionRegistration { partition_epoch, ..registration(1, 1, &[1]) };
    image.partitions.insert(ORDERS, shrunk);
    image.end_offset = Offset(50);
    let bytes = encode_snapshot(&image, WallTime(5));
    name_snapshot(&mut bench, id(50));
    let effects = give_part(&mut bench, (id(50), &bytes), None, usize::MAX);
    let ResponseBody::Client(ClientResponse::Produce(response)) = only_reply(&effects) else {
        panic!("{effects:?}")
    };
    let answer = &response.responses[0].partition_responses[0];
    assert_eq!(answer.error_code, 0, "all that are in sync have it");
}

#[test]
fn a_stalled_publisher_takes_a_snapshot_when_it_goes_on() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let image = replaced(&bench);
    let bytes = encode_snapshot(&image, WallTime(5));
    bench.handle(Event::MetadataPublishing { stalled: true });
    name_snapshot(&mut bench, id(50));
    give_part(&mut bench, (id(50), &bytes), None, usize::MAX);
    assert!(bench.broker.partition(ORDERS).is_some(), "it stands still");
    bench.handle(Event::MetadataPublishing { stalled: false });
    assert_eq!(bench.broker.metadata(), &image);
    assert!(bench.broker.partition(OTHER).is_some());
}

#[test]
fn a_snapshot_that_is_gone_is_asked_for_no_more() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let bytes = encode_snapshot(&replaced(&bench), WallTime(5));
    name_snapshot(&mut bench, id(50));
    give_part(&mut bench, (id(50), &bytes), Some(ClusterError::SnapshotNotFound), 0);
    name_snapshot(&mut bench, id(60));
    let mut later = replaced(&bench);
    later.end_offset = Offset(60);
    let bytes = encode_snapshot(&later, WallTime(5));
    give_part(&mut bench, (id(60), &bytes), None, usize::MAX);
    assert_eq!(bench.broker.metadata(), &later);
}

#[test]
fn a_snapshot_from_before_what_was_applied_ends_the_broker() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.commit(&[topic(3)]);
    let bytes = encode_snapshot(&MetadataImage::default(), WallTime(5));
    name_snapshot(&mut bench, id(4));
    let effects = give_part(&mut bench, (id(4), &bytes), None, usize::MAX);
    let halts = |effect: &Effect| matches!(effect, Effect::Halt { reason } if *reason == COMMITTED_METADATA_GONE);
    assert!(effects.iter().any(halts), "{effects:?}");
}
