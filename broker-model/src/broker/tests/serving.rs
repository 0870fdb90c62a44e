//! What clients are answered.

use bytes::Bytes;

use crate::broker::tests::bench::{
    Bench, ORDERS, batch, bytes_of, only_reply, partition, registration, replies, topic,
};
use crate::config::topic_name;
use crate::message::{ClientRequest, ClientResponse, ClusterError, RequestBody, ResponseBody};
use crate::metadata::MetadataRecord;
use crate::node::{Effect, Event};
use crate::note::{ConsumerNote, Note, ReplicationNote};
use crate::proto::{
    ErrorCode, FetchPartition, FetchRequest, FetchTopic, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic, MetadataRequest, MetadataRequestTopic, OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition, OffsetForLeaderTopic, PartitionData, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, TopicName, TopicProduceData,
};
use crate::record::{RecordBatch, RecordBatchBuilder};
use crate::types::{
    ConnectionId, LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, Sequence, TopicPartition,
    WallTime,
};

fn orders() -> TopicName {
    TopicName(topic_name("orders"))
}

/// A produce of batches to "orders", one for each partition from 0 on.
pub(super) fn produce(batches: &[RecordBatch], acks: i16, timeout_ms: i32) -> RequestBody {
    produce_bytes(batches.iter().map(bytes_of).collect(), acks, timeout_ms)
}

fn produce_bytes(records: Vec<Bytes>, acks: i16, timeout_ms: i32) -> RequestBody {
    let data = records.into_iter().zip(0..).map(|(bytes, index)| {
        PartitionProduceData::default().with_index(index).with_records(Some(bytes))
    });
    let topic = TopicProduceData::default().with_name(orders()).with_partition_data(data.collect());
    let request = ProduceRequest::default().with_acks(acks).with_timeout_ms(timeout_ms);
    RequestBody::Client(ClientRequest::Produce(Box::new(request.with_topic_data(vec![topic]))))
}

fn produced(body: ResponseBody) -> PartitionProduceResponse {
    let ResponseBody::Client(ClientResponse::Produce(mut response)) = body else {
        panic!("{body:?}")
    };
    response.responses.remove(0).partition_responses.remove(0)
}

fn fetch(offset: i64, current_leader_epoch: i32, min_bytes: i32) -> RequestBody {
    let asked = FetchPartition::default()
        .with_partition(0)
        .with_fetch_offset(offset)
        .with_current_leader_epoch(current_leader_epoch)
        .with_last_fetched_epoch(-1)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(orders()).with_partitions(vec![asked]);
    let request = FetchRequest::default()
        .with_max_wait_ms(500)
        .with_min_bytes(min_bytes)
        .with_max_bytes(1 << 20);
    RequestBody::Client(ClientRequest::Fetch(Box::new(request.with_topics(vec![topic]))))
}

/// A batch of one record of this time.
fn batch_at(time: i64) -> RecordBatch {
    let mut builder =
        RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    builder.push(WallTime(time), None, Some(Bytes::from_static(b"value")));
    builder.build()
}

fn fetched(body: ResponseBody) -> PartitionData {
    let ResponseBody::Client(ClientResponse::Fetch(mut response)) = body else {
        panic!("{body:?}")
    };
    response.responses.remove(0).partitions.remove(0)
}

fn list_offsets(timestamp: i64, current_leader_epoch: i32) -> RequestBody {
    let asked = ListOffsetsPartition::default()
        .with_timestamp(timestamp)
        .with_current_leader_epoch(current_leader_epoch);
    let topic = ListOffsetsTopic::default().with_name(orders()).with_partitions(vec![asked]);
    RequestBody::Client(ClientRequest::ListOffsets(Box::new(
        ListOffsetsRequest::default().with_topics(vec![topic]),
    )))
}

#[test]
fn acks_decide_when_a_produce_is_answered() {
    for (acks, isr, answered) in
        [(1, &[1, 2][..], true), (-1, &[1][..], true), (-1, &[1, 2][..], false)]
    {
        let mut bench = Bench::hosting(registration(1, 1, isr));
        let effects = bench.request(7, 1001, 1, produce(&[batch(5)], acks, 100));
        assert_eq!(!replies(&effects).is_empty(), answered, "acks {acks}, isr {isr:?}");
        if answered {
            let answer = produced(only_reply(&effects));
            assert_eq!((answer.error_code, answer.base_offset), (0, 0), "acks {acks}, isr {isr:?}");
        }
    }
}

#[test]
fn acks_0_is_never_answered_and_an_error_ends_the_connection() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let effects = bench.request(7, 1001, 1, produce(&[batch(5)], 0, 100));
    assert_eq!(replies(&effects), []);
    let effects = bench.request(7, 1001, 2, produce(&[batch(6)], 1, 100));
    assert_eq!(produced(only_reply(&effects)).base_offset, 1, "the connection is free at once");
    bench.commit(&[partition(registration(2, 2, &[2]))]);
    let effects = bench.request(7, 1001, 3, produce(&[batch(7)], 0, 100));
    assert!(effects.contains(&Effect::Close { connection: ConnectionId(7) }), "{effects:?}");
}

#[test]
fn a_produce_is_refused_at_the_door() {
    let mut rotten = bytes_of(&batch(5)).to_vec();
    let last = rotten.len() - 1;
    rotten[last] ^= 1;
    let two = [bytes_of(&batch(5)), bytes_of(&batch(6))].concat();
    let whole = bytes_of(&batch(5));
    let cases = [
        (Bytes::from(rotten), -1, ErrorCode::CorruptMessage),
        (whole.slice(..40), -1, ErrorCode::InvalidRecord),
        (Bytes::from(two), -1, ErrorCode::InvalidRecord),
        (Bytes::new(), -1, ErrorCode::InvalidRecord),
        (whole.clone(), 2, ErrorCode::InvalidRequiredAcks),
        (Bytes::new(), 2, ErrorCode::InvalidRecord),
    ];
    for (bytes, acks, error) in cases {
        let mut bench = Bench::hosting(registration(1, 1, &[1]));
        let effects = bench.request(7, 1001, 1, produce_bytes(vec![bytes], acks, 100));
        assert_eq!(produced(only_reply(&effects)).error_code, error.code(), "{error}");
        let end = bench.broker.partition(ORDERS).expect("hosted").log().log_end_offset();
        assert_eq!(end, Offset(0), "{error}: nothing is appended");
    }
}

#[test]
fn each_partition_of_a_produce_has_its_own_outcome() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let effects = bench.request(7, 1001, 1, produce(&[batch(5), batch(6)], -1, 100));
    let ResponseBody::Client(ClientResponse::Produce(response)) = only_reply(&effects) else {
        panic!("{effects:?}")
    };
    let answers = &response.responses[0].partition_responses;
    assert_eq!(answers[0].error_code, 0);
    assert_eq!(answers[1].error_code, ErrorCode::UnknownTopicOrPartition.code());
}

#[test]
fn a_waiting_produce_times_out_or_learns_that_leadership_is_lost() {
    let mut bench = Bench::hosting(registration(1, 1, &[1, 2]));
    bench.request(7, 1001, 1, produce(&[batch(5)], -1, 100));
    let effects = bench.pass_ms(100);
    assert_eq!(produced(only_reply(&effects)).error_code, ErrorCode::RequestTimedOut.code());
    bench.request(7, 1001, 2, produce(&[batch(6)], -1, 100));
    let effects = bench.commit(&[partition(registration(2, 2, &[2]))]);
    assert_eq!(produced(only_reply(&effects)).error_code, ErrorCode::NotLeaderOrFollower.code());
}

#[test]
fn a_follower_names_the_leader() {
    let mut bench = Bench::hosting(registration(2, 4, &[1, 2]));
    let effects = bench.request(7, 1001, 1, produce(&[batch(5)], -1, 100));
    let answer = produced(only_reply(&effects));
    assert_eq!(answer.error_code, ErrorCode::NotLeaderOrFollower.code());
    assert_eq!((answer.current_leader.leader_id.0, answer.current_leader.leader_epoch), (2, 4));
}

#[test]
fn too_few_in_sync_replicas_refuse_acks_all() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.commit(&[topic(2), partition(registration(1, 2, &[1]))]);
    let effects = bench.request(7, 1001, 1, produce(&[batch(5)], -1, 100));
    assert_eq!(produced(only_reply(&effects)).error_code, ErrorCode::NotEnoughReplicas.code());
}

#[test]
fn a_consumer_reads_to_the_high_watermark_or_waits_for_it() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    let effects = bench.request(8, 1002, 1, fetch(0, 1, 1));
    let data = fetched(only_reply(&effects));
    assert_eq!((data.error_code, data.high_watermark), (0, 1));
    let served = effects.iter().filter(|effect| {
        matches!(effect, Effect::Note(Note::Consumer(ConsumerNote::RecordsServed { .. })))
    });
    assert_eq!(served.count(), 1);
    let effects = bench.request(8, 1002, 2, fetch(1, 1, 1));
    assert_eq!(replies(&effects), [], "nothing there yet");
    let effects = bench.request(7, 1001, 2, produce(&[batch(6)], 1, 100));
    let answers = replies(&effects);
    assert_eq!(answers.len(), 2, "the producer's and the consumer's: {answers:?}");
    let data =
        answers.into_iter().find(|(connection, ..)| *connection == 8).expect("the consumer's");
    assert_eq!(fetched(data.2).high_watermark, 2);
}

/// KIP-74: else a consumer stands still for ever behind a batch that is larger than its limits.
#[test]
fn a_first_batch_is_given_though_it_is_larger_than_what_may_be_read() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    bench.request(7, 1001, 2, produce(&[batch(6)], 1, 100));
    let first = bytes_of(&batch(5)).len();
    for (of_all, of_partition) in [(1, 1 << 20), (1 << 20, 1), (1, 1)] {
        let RequestBody::Client(ClientRequest::Fetch(mut request)) = fetch(0, 1, 1) else {
            panic!("it is a fetch")
        };
        request.max_bytes = of_all;
        request.topics[0].partitions[0].partition_max_bytes = of_partition;
        let body = RequestBody::Client(ClientRequest::Fetch(request));
        let data = fetched(only_reply(&bench.request(8, 1002, 1, body)));
        let given = data.records.map(|records| records.len());
        assert_eq!(given, Some(first), "{of_all} bytes of all, {of_partition} of the partition");
    }
}

/// What there was no room for is read with a later fetch, though nothing changes meanwhile.
#[test]
fn a_session_whose_answers_are_full_comes_to_each_of_its_partitions() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let second = TopicPartition { partition: 1, ..ORDERS };
    let registration = registration(1, 1, &[1]);
    bench.commit(&[MetadataRecord::Partition { partition: second, registration, unclean: false }]);
    for id in 1..=3 {
        bench.request(7, 1001, id, produce(&[batch(5), batch(6)], 1, 100));
    }
    let (mut next, mut session) = ([0, 0], 0);
    let mut named = vec![0, 1];
    for epoch in 0..8 {
        let asked = named.drain(..).map(|index: i32| {
            FetchPartition::default()
                .with_partition(index)
                .with_fetch_offset(next[index as usize])
                .with_current_leader_epoch(1)
                .with_last_fetched_epoch(-1)
                .with_partition_max_bytes(1 << 20)
        });
        let topic = FetchTopic::default().with_topic(orders()).with_partitions(asked.collect());
        let topics = if topic.partitions.is_empty() { vec![] } else { vec![topic] };
        let request = FetchRequest::default()
            .with_max_bytes(1)
            .with_session_id(session)
            .with_session_epoch(epoch)
            .with_topics(topics);
        let body = RequestBody::Client(ClientRequest::Fetch(Box::new(request)));
        let reply = only_reply(&bench.request(8, 1002, epoch, body));
        let ResponseBody::Client(ClientResponse::Fetch(response)) = reply else {
            panic!("{reply:?}")
        };
        session = response.session_id;
        for data in response.responses.iter().flat_map(|topic| &topic.partitions) {
            if data.records.as_ref().is_some_and(|records| !records.is_empty()) {
                next[data.partition_index as usize] += 1;
                named.push(data.partition_index);
            }
        }
    }
    assert_eq!(next, [3, 3], "records that were read of each");
}

#[test]
fn a_waiting_fetch_ends_with_its_time_its_leader_or_its_connection() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.request(8, 1002, 1, fetch(0, 1, 1));
    let data = fetched(only_reply(&bench.pass_ms(500)));
    assert_eq!((data.error_code, data.records.map(|records| records.len())), (0, Some(0)));
    bench.request(8, 1002, 2, fetch(0, 1, 1));
    let effects = bench.commit(&[partition(registration(2, 2, &[2]))]);
    assert_eq!(fetched(only_reply(&effects)).error_code, ErrorCode::FencedLeaderEpoch.code());
    bench.commit(&[partition(registration(1, 3, &[1]))]);
    bench.request(8, 1002, 3, fetch(0, 3, 1));
    bench.handle(Event::ConnectionClosed { connection: ConnectionId(8) });
    let effects = bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    assert_eq!(replies(&effects).len(), 1, "the producer's only");
}

#[test]
fn a_fetch_that_waits_goes_on_waiting_when_its_leader_is_elected_again() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.request(8, 1002, 1, fetch(0, 1, 1));
    let effects = bench.commit(&[partition(registration(1, 2, &[1]))]);
    assert_eq!(replies(&effects), [], "there is nothing to read");
    let effects = bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    let answers = replies(&effects);
    let (_, _, answer) =
        answers.into_iter().find(|(connection, ..)| *connection == 8).expect("the consumer's");
    assert_eq!(fetched(answer).error_code, ErrorCode::FencedLeaderEpoch.code());
}

#[test]
fn client_requests_are_fenced_by_leader_epoch() {
    for (epoch, error, note) in [
        (1, ErrorCode::FencedLeaderEpoch, ClusterError::FencedLeaderEpoch),
        (3, ErrorCode::UnknownLeaderEpoch, ClusterError::UnknownLeaderEpoch),
    ] {
        let mut bench = Bench::hosting(registration(1, 2, &[1]));
        let fenced = Effect::Note(Note::Replication(ReplicationNote::RequestFenced {
            partition: ORDERS,
            by: NodeId(1002),
            error: note,
        }));
        let effects = bench.request(8, 1002, 1, fetch(0, epoch, 1));
        assert_eq!(fetched(only_reply(&effects)).error_code, error.code());
        assert!(effects.contains(&fenced));
        let effects = bench.request(8, 1002, 2, list_offsets(-1, epoch));
        let ResponseBody::Client(ClientResponse::ListOffsets(response)) = only_reply(&effects)
        else {
            panic!("{effects:?}")
        };
        assert_eq!(response.topics[0].partitions[0].error_code, error.code());
        assert!(effects.contains(&fenced));
        let asked = OffsetForLeaderPartition::default()
            .with_current_leader_epoch(epoch)
            .with_leader_epoch(1);
        let topic =
            OffsetForLeaderTopic::default().with_topic(orders()).with_partitions(vec![asked]);
        let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
        let effects = bench.request(
            8,
            1002,
            3,
            RequestBody::Client(ClientRequest::OffsetForLeaderEpoch(Box::new(request))),
        );
        let ResponseBody::Client(ClientResponse::OffsetForLeaderEpoch(response)) =
            only_reply(&effects)
        else {
            panic!("{effects:?}")
        };
        assert_eq!(response.topics[0].partitions[0].error_code, error.code());
        assert!(effects.contains(&fenced));
    }
}

#[test]
fn the_end_offset_is_told_only_once_the_epoch_has_begun_to_commit() {
    let mut bench = Bench::hosting(registration(1, 1, &[1, 2]));
    bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    let answer = |effects: &[Effect]| {
        let ResponseBody::Client(ClientResponse::ListOffsets(response)) = only_reply(effects)
        else {
            panic!("{effects:?}")
        };
        response.topics[0].partitions[0].clone()
    };
    let effects = bench.request(8, 1002, 1, list_offsets(-1, -1));
    assert_eq!(
        (answer(&effects).error_code, answer(&effects).offset),
        (0, 0),
        "the high watermark, not the end"
    );
    let returned = |effect: &Effect| {
        matches!(effect, Effect::Note(Note::Consumer(ConsumerNote::EndOffsetServed { .. })))
    };
    assert!(effects.iter().any(returned));
    bench.commit(&[partition(registration(1, 2, &[1, 2]))]);
    let effects = bench.request(8, 1002, 2, list_offsets(-1, -1));
    assert_eq!(answer(&effects).error_code, ErrorCode::OffsetNotAvailable.code());
    assert!(!effects.iter().any(returned));
    let effects = bench.request(8, 1002, 3, list_offsets(-2, -1));
    assert_eq!((answer(&effects).error_code, answer(&effects).offset), (0, 0));
}

#[test]
fn an_offset_is_told_with_the_epoch_in_which_it_was_appended() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.request(7, 1001, 1, produce(&[batch_at(1_000)], 1, 100));
    bench.commit(&[partition(registration(1, 2, &[1]))]);
    bench.request(7, 1001, 2, produce(&[batch_at(2_000)], 1, 100));
    let (earliest, latest_time) = (-2, -3);
    for (time, told) in
        [(earliest, (0, 1)), (500, (0, 1)), (1_000, (0, 1)), (1_500, (1, 2)), (latest_time, (1, 2))]
    {
        let effects = bench.request(8, 1002, 1, list_offsets(time, -1));
        let ResponseBody::Client(ClientResponse::ListOffsets(response)) = only_reply(&effects)
        else {
            panic!("{effects:?}")
        };
        let answer = &response.topics[0].partitions[0];
        assert_eq!((answer.offset, answer.leader_epoch), told, "asked for time {time}");
    }
}

#[test]
fn an_epoch_end_is_told_by_the_leader_alone() {
    let asked =
        OffsetForLeaderPartition::default().with_current_leader_epoch(-1).with_leader_epoch(1);
    let topic = OffsetForLeaderTopic::default().with_topic(orders()).with_partitions(vec![asked]);
    let request = RequestBody::Client(ClientRequest::OffsetForLeaderEpoch(Box::new(
        OffsetForLeaderEpochRequest::default().with_topics(vec![topic]),
    )));
    let answer = |effects: &[Effect]| {
        let ResponseBody::Client(ClientResponse::OffsetForLeaderEpoch(response)) =
            only_reply(effects)
        else {
            panic!("{effects:?}")
        };
        response.topics[0].partitions[0].clone()
    };
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.request(7, 1001, 1, produce(&[batch(5)], 1, 100));
    let returned = answer(&bench.request(8, 1002, 1, request.clone()));
    assert_eq!((returned.error_code, returned.leader_epoch, returned.end_offset), (0, 1, 1));
    bench.commit(&[partition(registration(2, 2, &[2]))]);
    let returned = answer(&bench.request(8, 1002, 2, request));
    assert_eq!(returned.error_code, ErrorCode::NotLeaderOrFollower.code());
    assert_eq!(
        (LeaderEpoch(returned.leader_epoch), Offset(returned.end_offset)),
        (LeaderEpoch::NONE, Offset::NONE)
    );
}

#[test]
fn metadata_tells_brokers_topics_and_what_is_unknown() {
    let mut bench = Bench::hosting(registration(1, 1, &[1, 2]));
    let ask =
        |name: &str| MetadataRequestTopic::default().with_name(Some(TopicName(topic_name(name))));
    let request = MetadataRequest::default().with_topics(Some(vec![ask("orders"), ask("nothing")]));
    let effects =
        bench.request(8, 1002, 1, RequestBody::Client(ClientRequest::Metadata(Box::new(request))));
    let ResponseBody::Client(ClientResponse::Metadata(response)) = only_reply(&effects) else {
        panic!("{effects:?}")
    };
    let brokers: Vec<i32> = response.brokers.iter().map(|broker| broker.node_id.0).collect();
    assert_eq!(brokers, [1, 2, 3]);
    let returned = &response.topics[0].partitions[0];
    assert_eq!((returned.error_code, returned.leader_id.0, returned.leader_epoch), (0, 1, 1));
    assert_eq!(returned.isr_nodes.iter().map(|broker| broker.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(response.topics[1].error_code, ErrorCode::UnknownTopicOrPartition.code());
    let all = MetadataRequest::default().with_topics(None);
    let effects =
        bench.request(8, 1002, 2, RequestBody::Client(ClientRequest::Metadata(Box::new(all))));
    let ResponseBody::Client(ClientResponse::Metadata(response)) = only_reply(&effects) else {
        panic!("{effects:?}")
    };
    assert_eq!(response.topics.len(), 1);
}

#[test]
fn a_delayed_produce_holds_up_the_next_request_of_its_connection() {
    let mut bench = Bench::hosting(registration(1, 1, &[1, 2]));
    bench.request(7, 1001, 1, produce(&[batch(5)], -1, 100));
    let effects = bench.request(7, 1001, 2, list_offsets(-2, -1));
    assert_eq!(replies(&effects), [], "the connection is muted");
    let effects = bench.pass_ms(100);
    let order: Vec<i32> = replies(&effects).into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(order, [1, 2]);
}

#[test]
fn a_publisher_that_stood_still_takes_several_changes_for_one() {
    let mut bench = Bench::hosting(registration(1, 1, &[1, 2]));
    bench.request(7, 1001, 1, produce(&[batch(5)], -1, 1_000));
    bench.handle(Event::MetadataPublishing { stalled: true });
    let is_reply = |effect: &&Effect| matches!(effect, Effect::Reply { .. });
    let missed = bench.commit(&[partition(registration(2, 2, &[1, 2]))]);
    assert_eq!(missed.iter().find(is_reply), None, "it does not know that it was deposed");
    bench.commit(&[partition(registration(1, 3, &[1, 2]))]);
    let effects = bench.handle(Event::MetadataPublishing { stalled: false });
    assert_eq!(effects.iter().find(is_reply), None, "elected again: who waits goes on waiting");
    let led = bench.broker.partition(ORDERS).expect("hosted");
    assert!(led.is_leader() && led.leader_epoch().0 == 3, "epoch {}", led.leader_epoch());
}
