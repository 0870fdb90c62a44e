//! Replicas that a broker gives up.

use std::collections::BTreeMap;

use crate::broker::tests::bench::{
    Bench, ORDERS, batch, only_reply, partition, registration, replies, topic,
};
use crate::broker::tests::serving::produce;
use crate::disk_image::{DiskImage, FileId};
use crate::log::checkpoint::encode_offsets;
use crate::message::{ClientResponse, ResponseBody};
use crate::metadata::MetadataRecord;
use crate::node::{Effect, Event};
use crate::note::{LogNote, Note, PartitionRegistration};
use crate::proto::ErrorCode;
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicId, TopicPartition};

/// "orders" on brokers 2 and 3, since the next epoch.
fn moved() -> PartitionRegistration {
    PartitionRegistration {
        replicas: vec![NodeId(2), NodeId(3)],
        isr: vec![NodeId(2), NodeId(3)],
        leader_epoch: LeaderEpoch(1),
        partition_epoch: PartitionEpoch(1),
        ..registration(2, 1, &[2, 3])
    }
}

fn is_discarded(effects: &[Effect], as_stray: bool) -> bool {
    let discards = effects.contains(&Effect::Discard { partition: ORDERS });
    let states = effects.iter().any(|effect| {
        matches!(effect, Effect::Note(Note::Log(LogNote::Discarded { stray, .. })) if *stray == as_stray)
    });
    assert_eq!(discards, states, "{effects:?}");
    discards
}

fn error_of(body: ResponseBody) -> Option<ErrorCode> {
    let ResponseBody::Client(ClientResponse::Produce(mut response)) = body else {
        panic!("{body:?}")
    };
    let answer = response.responses.remove(0).partition_responses.remove(0);
    ErrorCode::try_from_code(answer.error_code)
}

#[test]
fn a_replica_that_was_moved_away_is_given_up_and_who_waits_is_told() {
    let mut bench = Bench::hosting(registration(1, 0, &[1, 2, 3]));
    let waits = bench.request(1, 1001, 1, produce(&[batch(1)], -1, 5_000));
    assert_eq!(replies(&waits), []);
    let effects = bench.commit(&[partition(moved())]);
    assert!(is_discarded(&effects, false));
    assert_eq!(error_of(only_reply(&effects)), Some(ErrorCode::NotLeaderOrFollower));
    assert!(bench.broker.partition(ORDERS).is_none());
    let after = bench.request(1, 1001, 2, produce(&[batch(2)], -1, 5_000));
    assert_eq!(error_of(only_reply(&after)), Some(ErrorCode::NotLeaderOrFollower));
}

#[test]
fn all_partitions_of_a_deleted_topic_are_given_up() {
    let mut bench = Bench::hosting(registration(1, 0, &[1, 2, 3]));
    bench.request(1, 1001, 1, produce(&[batch(1)], -1, 5_000));
    let others = [1, 2].map(|partition| TopicPartition { partition, ..ORDERS });
    let registration = registration(2, 0, &[1, 2, 3]);
    bench.commit(&others.map(|partition| {
        let registration = registration.clone();
        MetadataRecord::Partition { partition, registration, unclean: false }
    }));
    assert_eq!(bench.broker.partitions().count(), 3);
    let effects = bench.commit(&[MetadataRecord::RemoveTopic { topic: ORDERS.topic }]);
    assert!(is_discarded(&effects, false));
    for partition in others {
        assert!(effects.contains(&Effect::Discard { partition }), "{partition} in {effects:?}");
    }
    assert_eq!(bench.broker.partitions().count(), 0);
    let unknown = Some(ErrorCode::UnknownTopicOrPartition);
    assert_eq!(error_of(only_reply(&effects)), unknown);
    let after = bench.request(1, 1001, 2, produce(&[batch(2)], -1, 5_000));
    assert_eq!(error_of(only_reply(&after)), unknown);
}

#[test]
fn a_replica_that_comes_back_begins_with_nothing() {
    let mut bench = Bench::hosting(registration(1, 0, &[1, 2, 3]));
    bench.request(1, 1001, 1, produce(&[batch(1)], 1, 5_000));
    bench.commit(&[partition(moved())]);
    let again = PartitionRegistration {
        leader: Some(NodeId(2)),
        leader_epoch: LeaderEpoch(2),
        partition_epoch: PartitionEpoch(2),
        ..registration(2, 2, &[2, 3])
    };
    bench.commit(&[partition(again)]);
    let hosted = bench.broker.partition(ORDERS).expect("it is a replica again");
    assert_eq!(hosted.log().log_end_offset().0, 0);
}

#[test]
fn a_log_of_which_the_metadata_knows_nothing_goes_as_soon_as_it_is_read() {
    let file = FileId::PartitionMetadata(ORDERS);
    let files = BTreeMap::from([(file, bytes::Bytes::from_static(b"orders"))]);
    let (mut bench, _) = Bench::booted(1, &DiskImage::of(files));
    let effects = bench.join_cluster();
    assert!(is_discarded(&effects, true));
    bench.commit(&[topic(1), partition(registration(1, 0, &[1, 2, 3]))]);
    assert!(bench.broker.partition(ORDERS).is_some(), "a new replica is another log");
}

/// Given again, the replica would be opened with bounds that are not those of its new log.
#[test]
fn checkpoints_forget_a_log_that_is_gone() {
    let kept = TopicPartition { topic: TopicId(9), partition: 0 };
    let both = BTreeMap::from([(ORDERS, Offset(1)), (kept, Offset(1))]);
    let (both, one) = (encode_offsets(&both), encode_offsets(&BTreeMap::from([(kept, Offset(1))])));
    let (recovery_points, log_starts, high_watermarks) = (
        FileId::RecoveryPointCheckpoint,
        FileId::LogStartOffsetCheckpoint,
        FileId::HighWatermarkCheckpoint,
    );
    let mut files = BTreeMap::from(
        [recovery_points, log_starts, high_watermarks].map(|file| (file, both.clone())),
    );
    files.insert(FileId::PartitionMetadata(ORDERS), bytes::Bytes::from_static(b"orders"));
    let (mut bench, _) = Bench::booted(1, &DiskImage::of(files));
    let effects = bench.join_cluster();
    assert!(is_discarded(&effects, true));
    for file in [recovery_points, log_starts] {
        let written = Effect::ReplaceInBackground { file, bytes: one.clone() };
        assert!(effects.contains(&written), "{file:?} among {effects:?}");
    }
    bench.handle(Event::StopRequested);
    let effects = bench.pass_ms(5_000);
    let written = Effect::Replace { file: high_watermarks, bytes: one };
    assert!(effects.contains(&written), "{effects:?}");
}
