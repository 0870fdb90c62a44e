//! Replication quotas: who waits while one is exceeded, at leaders and at followers.

use crate::broker::tests::bench::{
    Bench, ORDERS, batch, config, partition, registration, replies, topic,
};
use crate::broker::tests::serving::produce;
use crate::broker::tests::sessions::Follower;
use crate::config::ClusterConfig;
use crate::defect::{BrokerDefect, Defects, ReplicationDefect};
use crate::disk_image::DiskImage;
use crate::fetch_session::FetchMetadata;
use crate::message::{
    PeerResponse, ReplicaFetchPartitionResponse, ReplicaFetchResponse, ResponseBody,
};
use crate::metadata::MetadataRecord;
use crate::node::{Channel, Effect};
use crate::note::PartitionRegistration;
use crate::record::RecordBatch;
use crate::throttle::ThrottledRates;
use crate::topic_settings::{FOLLOWER_THROTTLED_REPLICAS, LEADER_THROTTLED_REPLICAS};
use crate::types::{LeaderEpoch, Offset};

/// Less than any batch has, so that one exceeds it for some seconds.
const RATE: Option<u64> = Some(10);

fn throttled(name: &str) -> MetadataRecord {
    let (name, value) = (name.to_owned(), Some("0:1".to_owned()));
    MetadataRecord::TopicSetting { topic: ORDERS.topic, name, value }
}

/// Broker 1, with the partition registered so and throttled.
fn hosting(registration: PartitionRegistration, setting: &str, defects: Defects) -> Bench {
    let throttled_rates = ThrottledRates { leader: RATE, follower: RATE };
    let config = ClusterConfig { throttled_rates, defects, ..config() };
    let (mut bench, _) = Bench::booted_as(1, config, &DiskImage::default());
    bench.join_cluster();
    bench.commit(&[topic(1), throttled(setting), partition(registration)]);
    bench
}

/// It leads, and 2 is in sync with it, 3 is not.
fn leading(defects: Defects) -> (Bench, Follower, Follower) {
    let bench = hosting(registration(1, 1, &[1, 2]), LEADER_THROTTLED_REPLICAS, defects);
    (bench, Follower::new(2), Follower::new(3))
}

fn write(bench: &mut Bench, value: i32) -> Vec<Effect> {
    bench.request(9, 1_001, value, produce(&[batch(value as u64)], 1, 1_000))
}

fn records(response: &ReplicaFetchResponse) -> usize {
    response.partitions.iter().map(|answer| answer.batches.len()).sum()
}

#[test]
fn who_is_not_in_sync_waits_while_the_leader_has_sent_too_much() {
    let (mut bench, mut two, mut three) = leading(Defects::NONE);
    write(&mut bench, 1);
    let effects = three.fetch(&mut bench, Some(0));
    assert_eq!(records(&three.take(&effects)), 1, "nothing was counted before");
    write(&mut bench, 2);
    assert!(replies(&three.fetch(&mut bench, Some(1))).is_empty(), "too much was sent");
    let effects = two.fetch(&mut bench, Some(0));
    assert_eq!(records(&two.take(&effects)), 2, "who is in sync gets what there is");
    let held = bench.broker.node_status().held;
    assert!(held.iter().all(|held| !held.overdue), "none is late: {held:?}");
    assert_eq!(replies(&write(&mut bench, 3)).len(), 1, "the producer alone is answered");
    let effects = bench.pass_ms(500);
    assert_eq!(records(&three.take(&effects)), 0, "its time is up");
    bench.pass_ms(30_000);
    let effects = three.fetch(&mut bench, None);
    assert_eq!(records(&three.take(&effects)), 2, "that was long ago");
}

#[test]
fn who_is_in_sync_is_answered_as_soon_as_there_is_something() {
    let delays = Defects::from_iter([BrokerDefect::ThrottleDelaysInSync]);
    for (defects, at_once) in [(Defects::NONE, true), (delays, false)] {
        let (mut bench, mut two, _) = leading(defects);
        assert!(replies(&two.fetch(&mut bench, Some(0))).is_empty(), "there is nothing yet");
        let answered = replies(&write(&mut bench, 1)).len() == 2;
        assert_eq!(answered, at_once, "{defects:?}");
        let held = bench.broker.node_status().held;
        assert_eq!(held.iter().all(|held| !held.overdue), at_once, "{defects:?}: {held:?}");
    }
}

#[test]
fn a_quota_holds_up_all_where_it_does_not_ask_who_is_in_sync() {
    let (mut bench, mut two, _) = leading(Defects::from_iter([ReplicationDefect::ThrottlesInSync]));
    write(&mut bench, 1);
    let effects = two.fetch(&mut bench, Some(0));
    assert_eq!(records(&two.take(&effects)), 1);
    write(&mut bench, 2);
    assert!(replies(&two.fetch(&mut bench, Some(1))).is_empty(), "it waits, too");
    let held = bench.broker.node_status().held;
    assert!(held.iter().any(|held| held.overdue), "and is late: {held:?}");
}

/// Answers a fetch of the follower with one batch; the leader's high watermark is this.
fn answered(high_watermark: i64, defects: Defects) -> Bench {
    let mut bench = hosting(registration(2, 1, &[2]), FOLLOWER_THROTTLED_REPLICAS, defects);
    let sent = bench.take_sent(Channel::ReplicaFetch);
    let batches: Vec<RecordBatch> = vec![batch(0).with_assignment(Offset(0), LeaderEpoch(1))];
    let answer = ReplicaFetchPartitionResponse {
        partition: ORDERS,
        error: None,
        diverging: None,
        high_watermark: Offset(high_watermark),
        log_start_offset: Offset(0),
        batches,
    };
    let session = Ok(FetchMetadata::NO_SESSION);
    let response = ReplicaFetchResponse { session, partitions: vec![answer] };
    bench.answer(&sent, ResponseBody::Peer(PeerResponse::ReplicaFetch(Box::new(response))));
    bench
}

#[test]
fn a_follower_that_got_too_much_asks_again_when_that_is_long_ago() {
    let mut bench = answered(5, Defects::NONE);
    for second in 0..3 {
        assert!(!bench.has_sent(Channel::ReplicaFetch), "{second} s later");
        bench.pass_ms(1_000);
    }
    bench.pass_ms(20_000);
    assert!(bench.has_sent(Channel::ReplicaFetch), "the rate is low again");
}

#[test]
fn a_follower_that_has_all_that_is_committed_asks_on() {
    let all = Defects::from_iter([ReplicationDefect::ThrottlesInSync]);
    for (high_watermark, defects, asks) in
        [(1, Defects::NONE, true), (2, Defects::NONE, false), (1, all, false)]
    {
        let bench = answered(high_watermark, defects);
        let sent = bench.has_sent(Channel::ReplicaFetch);
        assert_eq!(sent, asks, "high watermark {high_watermark}, {defects:?}");
    }
}
