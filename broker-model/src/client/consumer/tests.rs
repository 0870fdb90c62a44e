//! One test for each rule of positions, fetches and end offsets.

use bytes::{Bytes, BytesMut};

use super::*;
use crate::client::testing::{Driver, START, SentRequest, TOPIC};
use crate::config::OffsetReset;
use crate::defect::ConsumerDefect;
use crate::message::{ClientRequest, ClientResponse, RequestBody};
use crate::note::{ConsumerNote, Note};
use crate::proto::{
    EpochEndOffset, FetchPartition, FetchResponse, FetchableTopicResponse,
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
    OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopicResult,
    PartitionData, TopicName,
};
use crate::record::{RecordBatch, RecordBatchBuilder};
use crate::testing;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, RecordValue, Sequence};

pub(super) fn config() -> ConsumerConfig {
    ConsumerConfig {
        bootstrap: vec![NodeId(1), NodeId(2), NodeId(3)],
        jitter_salt: 7,
        fetch_max_bytes: 65_536,
        request_timeout_ms: 2_000,
        metadata_max_age_ms: 300_000,
        ..testing::consumer(1002)
    }
}

/// A consumer of partition 0, led by broker 1 in epoch 3, whose log starts at the offset; metadata may be asked again.
fn started(config: ConsumerConfig, start: i64) -> Driver<Consumer> {
    let mut driver = Driver::new(Consumer::new(config, START));
    driver.invoke(1, Operation::Assign { partitions: vec![(TOPIC, 0)] });
    driver.send_leaders(&[(1, 3)]);
    let asked = take_list(&mut driver);
    assert_eq!(timestamp(&asked), -2);
    driver.answer(&asked, offset_answer(0, start));
    driver.advance(200);
    driver
}

pub(super) fn take_list(driver: &mut Driver<Consumer>) -> SentRequest {
    driver
        .take(|body| matches!(body, RequestBody::Client(ClientRequest::ListOffsets(_))))
        .expect("an offset is asked for")
}

pub(super) fn timestamp(asked: &SentRequest) -> i64 {
    let RequestBody::Client(ClientRequest::ListOffsets(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    request.topics[0].partitions[0].timestamp
}

pub(super) fn offset_answer(error: i16, offset: i64) -> ResponseBody {
    let partition = ListOffsetsPartitionResponse::default()
        .with_partition_index(0)
        .with_error_code(error)
        .with_offset(offset);
    let topic = ListOffsetsTopicResponse::default()
        .with_name(TopicName(TOPIC))
        .with_partitions(vec![partition]);
    ResponseBody::Client(ClientResponse::ListOffsets(Box::new(
        ListOffsetsResponse::default().with_topics(vec![topic]),
    )))
}

pub(super) fn take_fetch(driver: &mut Driver<Consumer>) -> SentRequest {
    driver
        .take(|body| matches!(body, RequestBody::Client(ClientRequest::Fetch(_))))
        .expect("a fetch is sent")
}

pub(super) fn fetched(asked: &SentRequest) -> FetchPartition {
    let RequestBody::Client(ClientRequest::Fetch(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    request.topics[0].partitions[0].clone()
}

fn fetch_answer(data: PartitionData) -> ResponseBody {
    let topic =
        FetchableTopicResponse::default().with_topic(TopicName(TOPIC)).with_partitions(vec![data]);
    ResponseBody::Client(ClientResponse::Fetch(Box::new(
        FetchResponse::default().with_responses(vec![topic]),
    )))
}

pub(super) fn records_answer(bytes: Bytes) -> ResponseBody {
    fetch_answer(PartitionData::default().with_records(Some(bytes)))
}

pub(super) fn error_answer(error: ErrorCode) -> ResponseBody {
    fetch_answer(PartitionData::default().with_error_code(error.code()))
}

/// A batch whose values are their offsets.
pub(super) fn batch(base: i64, count: i64, epoch: i32) -> Bytes {
    let mut builder =
        RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    for offset in base..base + count {
        let value = RecordBatch::encode_value(RecordValue(offset as u64), 16);
        builder.push(START.wall, None, Some(value));
    }
    let batch = builder.build().with_assignment(Offset(base), LeaderEpoch(epoch));
    batch.bytes().clone()
}

fn together(batches: &[Bytes]) -> Bytes {
    let mut all = BytesMut::new();
    for batch in batches {
        all.extend_from_slice(batch);
    }
    all.freeze()
}

pub(super) fn poll(driver: &mut Driver<Consumer>, operation: u64, max_records: u32) {
    driver.invoke(operation, Operation::Poll { timeout_ms: 100, max_records });
}

/// Offsets, which are also the values, that a poll returned.
pub(super) fn polled(driver: &Driver<Consumer>, operation: u64) -> Vec<i64> {
    let ended = driver.outcomes.iter().find(|(it, _)| *it == operation);
    let Some((_, Outcome::Polled { records })) = ended else {
        panic!("poll {operation}: {ended:?}")
    };
    let offset = |record: &PolledRecord| {
        assert_eq!(record.value, Some(RecordValue(record.offset.0 as u64)));
        record.offset.0
    };
    records.iter().map(offset).collect()
}

/// A consumer that has delivered offsets 0 to 9 of epoch 3 and fetches on.
pub(super) fn at_ten(config: ConsumerConfig) -> Driver<Consumer> {
    at_ten_with(config, Defects::NONE)
}

/// The same of a consumer with known bugs.
fn at_ten_with(config: ConsumerConfig, defects: Defects) -> Driver<Consumer> {
    let mut driver = started(config, 0);
    driver.node.defects = defects;
    let asked = take_fetch(&mut driver);
    driver.answer(&asked, records_answer(batch(0, 10, 3)));
    poll(&mut driver, 2, 100);
    assert_eq!(polled(&driver, 2), (0..10).collect::<Vec<_>>());
    driver
}

/// Breaks the fetch connection and lets a new leader be told in the metadata.
fn change_leader(driver: &mut Driver<Consumer>, leader: i32, epoch: i32) {
    driver.lose(NodeId(1), Channel::ClientFetch);
    driver.send_leaders(&[(leader, epoch)]);
    driver.advance(150);
}

fn take_epoch_query(driver: &mut Driver<Consumer>) -> SentRequest {
    driver
        .take(|body| matches!(body, RequestBody::Client(ClientRequest::OffsetForLeaderEpoch(_))))
        .expect("the position is validated")
}

fn queried(asked: &SentRequest) -> OffsetForLeaderPartition {
    let RequestBody::Client(ClientRequest::OffsetForLeaderEpoch(request)) = &asked.message.body
    else {
        panic!("{asked:?}")
    };
    request.topics[0].partitions[0].clone()
}

fn epoch_answer(error: i16, epoch: i32, end: i64) -> ResponseBody {
    let partition = EpochEndOffset::default()
        .with_partition(0)
        .with_error_code(error)
        .with_leader_epoch(epoch)
        .with_end_offset(end);
    let topic = OffsetForLeaderTopicResult::default()
        .with_topic(TopicName(TOPIC))
        .with_partitions(vec![partition]);
    let response = OffsetForLeaderEpochResponse::default().with_topics(vec![topic]);
    ResponseBody::Client(ClientResponse::OffsetForLeaderEpoch(Box::new(response)))
}

pub(super) fn no_fetch(driver: &Driver<Consumer>) -> bool {
    !driver
        .wire
        .iter()
        .any(|it| matches!(it.message.body, RequestBody::Client(ClientRequest::Fetch(_))))
}

#[test]
fn it_starts_where_the_log_starts() {
    let mut driver = started(config(), 7);
    let asked = take_fetch(&mut driver);
    let partition = fetched(&asked);
    assert_eq!((asked.to, asked.channel), (NodeId(1), Channel::ClientFetch));
    assert_eq!((partition.fetch_offset, partition.current_leader_epoch), (7, 3));
    assert_eq!(partition.last_fetched_epoch, -1);
    assert!(driver.notes.is_empty(), "{:?}", driver.notes);
    assert_eq!(driver.outcomes, [(1, Outcome::Assigned)]);
}

#[test]
fn a_poll_returns_as_soon_as_there_is_something() {
    let mut driver = started(config(), 0);
    poll(&mut driver, 2, 100);
    driver.advance(50);
    assert_eq!(driver.outcomes.len(), 1);
    let asked = take_fetch(&mut driver);
    driver.answer(&asked, records_answer(batch(0, 3, 3)));
    assert_eq!(polled(&driver, 2), [0, 1, 2]);
    poll(&mut driver, 3, 100);
    driver.advance(100);
    assert_eq!(polled(&driver, 3), [0; 0]);
}

#[test]
fn nothing_more_is_fetched_before_all_is_delivered() {
    let mut driver = started(config(), 0);
    let asked = take_fetch(&mut driver);
    driver.answer(&asked, records_answer(batch(0, 5, 3)));
    poll(&mut driver, 2, 3);
    assert_eq!(polled(&driver, 2), [0, 1, 2]);
    assert!(no_fetch(&driver));
    poll(&mut driver, 3, 3);
    assert_eq!(polled(&driver, 3), [3, 4]);
    let next = fetched(&take_fetch(&mut driver));
    assert_eq!((next.fetch_offset, next.last_fetched_epoch), (5, -1), "Java tells no epoch");
}

#[test]
fn what_lies_below_the_position_is_dropped() {
    let mut driver = started(config(), 2);
    let asked = take_fetch(&mut driver);
    let cut_short = batch(8, 4, 4).slice(..70);
    let bytes = together(&[batch(0, 5, 3), batch(5, 3, 4), cut_short]);
    driver.answer(&asked, records_answer(bytes));
    poll(&mut driver, 2, 100);
    assert_eq!(polled(&driver, 2), [2, 3, 4, 5, 6, 7]);
    assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 8);
    change_leader(&mut driver, 2, 5);
    assert_eq!(queried(&take_epoch_query(&mut driver)).leader_epoch, 4, "of the last delivered");
}

#[test]
fn control_batches_are_skipped_and_passed() {
    let mut driver = started(config(), 0);
    let asked = take_fetch(&mut driver);
    let mut marker = RecordBatchBuilder::new_control(ProducerId(5), ProducerEpoch(0));
    marker.push(
        START.wall,
        Some(Bytes::from_static(&[0, 0, 0, 1])),
        Some(Bytes::from_static(&[0; 6])),
    );
    let marker = marker.build().with_assignment(Offset(0), LeaderEpoch(3)).bytes().clone();
    driver.answer(&asked, records_answer(marker));
    assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 1);
}

#[test]
fn a_corrupt_answer_is_fetched_again_later() {
    let mut driver = started(config(), 0);
    let asked = take_fetch(&mut driver);
    let mut bytes = BytesMut::from(&batch(0, 1, 3)[..]);
    let last = bytes.len() - 2;
    bytes[last] ^= 0xff;
    driver.answer(&asked, records_answer(bytes.freeze()));
    assert!(no_fetch(&driver));
    driver.advance(150);
    assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 0);
}

#[test]
fn a_new_leader_must_confirm_the_position_first() {
    let mut driver = at_ten(config());
    change_leader(&mut driver, 2, 4);
    assert!(no_fetch(&driver));
    let asked = take_epoch_query(&mut driver);
    let partition = queried(&asked);
    assert_eq!(
        (asked.to, partition.current_leader_epoch, partition.leader_epoch),
        (NodeId(2), 4, 3)
    );
    driver.answer(&asked, epoch_answer(0, 3, 10));
    let next = fetched(&take_fetch(&mut driver));
    assert_eq!((next.fetch_offset, next.current_leader_epoch), (10, 4));
    assert!(driver.notes.is_empty());
}

/// Known bug R10.
#[test]
fn a_shorter_log_at_the_new_leader_moves_the_position_back() {
    for (epoch, end) in [(2, 6), (3, 9)] {
        let mut driver = at_ten(config());
        change_leader(&mut driver, 2, 4);
        let asked = take_epoch_query(&mut driver);
        driver.answer(&asked, epoch_answer(0, epoch, end));
        assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, end);
        let [Note::Consumer(ConsumerNote::TruncationDetected { position, diverged_at, .. })] =
            &driver.notes[..]
        else {
            panic!("{:?}", driver.notes)
        };
        assert_eq!((*position, *diverged_at), (Offset(10), Offset(end)));
    }
}

#[test]
fn a_leader_that_knows_no_such_epoch_resets_the_position() {
    let mut driver = at_ten(config());
    change_leader(&mut driver, 2, 4);
    let asked = take_epoch_query(&mut driver);
    driver.answer(&asked, epoch_answer(0, -1, -1));
    let asked = take_list(&mut driver);
    assert_eq!(timestamp(&asked), -2);
    driver.answer(&asked, offset_answer(0, 4));
    assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 4);
    assert!(matches!(
        driver.notes[..],
        [Note::Consumer(ConsumerNote::PositionReset { from: Offset(10), to: Offset(4), .. })]
    ));
}

#[test]
fn before_2_3_nobody_asks_where_the_logs_part() {
    let mut driver =
        at_ten_with(config(), [ConsumerDefect::PositionsNotValidated].into_iter().collect());
    change_leader(&mut driver, 2, 4);
    assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 10);
}

/// Known bug R23: whoever is not the leader has no say.
#[test]
fn only_the_leader_of_the_epoch_validates() {
    for error in [
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::FencedLeaderEpoch,
        ErrorCode::UnknownLeaderEpoch,
    ] {
        let mut driver = at_ten(config());
        change_leader(&mut driver, 2, 4);
        let asked = take_epoch_query(&mut driver);
        driver.answer(&asked, epoch_answer(error.code(), 2, 6));
        assert!(no_fetch(&driver) && driver.notes.is_empty(), "{error}: {:?}", driver.notes);
        driver.advance(150);
        driver.send_leaders(&[(3, 5)]);
        let asked = take_epoch_query(&mut driver);
        assert!([NodeId(2), NodeId(3)].contains(&asked.to));
    }
}

/// KAFKA-8429: the answer of a leader that is none any more says nothing.
#[test]
fn an_answer_for_an_older_leader_does_not_count() {
    let mut driver = at_ten(config());
    change_leader(&mut driver, 2, 4);
    let old = take_epoch_query(&mut driver);
    driver.advance(200);
    driver.event(Event::ConnectionLost { to: NodeId(3), channel: Channel::Client });
    driver.send_leaders(&[(3, 5)]);
    driver.advance(200);
    let new = take_epoch_query(&mut driver);
    driver.answer(&old, epoch_answer(0, 2, 6));
    assert!(no_fetch(&driver) && driver.notes.is_empty());
    driver.answer(&new, epoch_answer(0, 3, 10));
    assert_eq!(fetched(&take_fetch(&mut driver)).current_leader_epoch, 5);
}

#[test]
fn a_change_of_leader_drops_what_is_not_delivered() {
    let mut driver = at_ten(config());
    let asked = take_fetch(&mut driver);
    driver.answer(&asked, records_answer(batch(10, 5, 3)));
    change_leader(&mut driver, 2, 4);
    let asked = take_epoch_query(&mut driver);
    poll(&mut driver, 3, 100);
    driver.answer(&asked, epoch_answer(0, 3, 12));
    assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 10);
    driver.advance(100);
    assert_eq!(polled(&driver, 3), [0; 0]);
}

/// Source: `OffsetFetcherUtils.resetPositionIfNeeded`: the answer's epoch is for the metadata alone.
#[test]
fn an_offset_that_was_asked_for_is_not_validated_but_its_epoch_is_seen() {
    let mut driver = Driver::new(Consumer::new(config(), START));
    driver.invoke(1, Operation::Assign { partitions: vec![(TOPIC, 0)] });
    driver.send_leaders(&[(1, 3)]);
    let asked = take_list(&mut driver);
    let mut body = offset_answer(0, 7);
    let ResponseBody::Client(ClientResponse::ListOffsets(response)) = &mut body else {
        panic!("{body:?}")
    };
    response.topics[0].partitions[0].leader_epoch = 5;
    driver.answer(&asked, body);
    let fetch = fetched(&take_fetch(&mut driver));
    assert_eq!((fetch.fetch_offset, fetch.current_leader_epoch), (7, 3));
    driver.advance(150);
    driver.send_leaders(&[(1, 4)]);
    driver.lose(NodeId(1), Channel::ClientFetch);
    driver.advance(150);
    assert_eq!(fetched(&take_fetch(&mut driver)).current_leader_epoch, 3, "4 is older than seen");
    driver.send_leaders(&[(2, 5)]);
    let asked = take_fetch(&mut driver);
    assert_eq!((asked.to, fetched(&asked).current_leader_epoch), (NodeId(2), 5));
}

/// Neither an answer by name nor a commit says of which topic its epoch is: it may be one that is gone.
#[test]
fn an_epoch_that_no_metadata_tell_is_doubted() {
    let kafka: Defects = [ConsumerDefect::CommitEpochsOutliveTopics].into_iter().collect();
    for (defects, asks_in) in [(Defects::NONE, 4), (kafka, 3)] {
        let config = ConsumerConfig { metadata_max_age_ms: 1_500, ..config() };
        let mut driver = Driver::new(Consumer::new(config, START).with_defects(defects));
        driver.invoke(1, Operation::Assign { partitions: vec![(TOPIC, 0)] });
        driver.send_leaders(&[(1, 3)]);
        let asked = take_list(&mut driver);
        let mut body = offset_answer(0, 7);
        let ResponseBody::Client(ClientResponse::ListOffsets(response)) = &mut body else {
            panic!("{body:?}")
        };
        response.topics[0].partitions[0].leader_epoch = 5;
        driver.answer(&asked, body);
        let is_fetch =
            |body: &RequestBody| matches!(body, RequestBody::Client(ClientRequest::Fetch(_)));
        let mut told = Vec::new();
        for _ in 0..30 {
            driver.advance(500);
            driver.send_leaders(&[(1, 4)]);
            while let Some(asked) = driver.take(is_fetch) {
                told.push(fetched(&asked).current_leader_epoch);
            }
        }
        assert_eq!(told.first(), Some(&3), "5 was seen: {defects:?}");
        assert_eq!(told.last(), Some(&asks_in), "{defects:?}");
    }
}

/// Another leader has confirmed the position, which goes on there; and the fetch that the one before has not answered.
fn confirmed_by_another(defects: Defects) -> (Driver<Consumer>, SentRequest) {
    let mut driver = at_ten_with(config(), defects);
    let old = take_fetch(&mut driver);
    driver.event(Event::ConnectionLost { to: NodeId(3), channel: Channel::Client });
    driver.send_leaders(&[(2, 4)]);
    let asked = take_epoch_query(&mut driver);
    driver.answer(&asked, epoch_answer(0, 3, 10));
    (driver, old)
}

/// The new leader is asked for the same offset. `FetchCollector` looks at that alone.
#[test]
fn an_answer_of_the_leader_before_counts_in_kafka_alone() {
    let kafka: Defects = [ConsumerDefect::OlderFetchCounts].into_iter().collect();
    for (defects, delivered) in [(Defects::NONE, vec![10, 11, 12, 13]), (kafka, vec![10, 11])] {
        let (mut driver, old) = confirmed_by_another(defects);
        let new = take_fetch(&mut driver);
        driver.answer(&old, records_answer(batch(10, 2, 3)));
        driver.answer(&new, records_answer(batch(10, 4, 4)));
        poll(&mut driver, 3, 100);
        assert_eq!(polled(&driver, 3), delivered, "{defects:?}");
        let next = delivered.last().expect("something was delivered") + 1;
        assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, next);
    }
}

#[test]
fn out_of_range_at_the_leader_before_resets_in_kafka_alone() {
    let kafka: Defects = [ConsumerDefect::OlderFetchCounts].into_iter().collect();
    for (defects, resets) in [(Defects::NONE, false), (kafka, true)] {
        let (mut driver, old) = confirmed_by_another(defects);
        driver.answer(&old, error_answer(ErrorCode::OffsetOutOfRange));
        let is_list =
            |body: &RequestBody| matches!(body, RequestBody::Client(ClientRequest::ListOffsets(_)));
        assert_eq!(driver.take(is_list).is_some(), resets, "{defects:?}");
    }
}

#[test]
fn out_of_range_resets_by_policy() {
    for (policy, wanted) in [(OffsetReset::Earliest, -2), (OffsetReset::Latest, -1)] {
        let mut driver = at_ten(ConsumerConfig { offset_reset: policy, ..config() });
        let asked = take_fetch(&mut driver);
        driver.answer(&asked, error_answer(ErrorCode::OffsetOutOfRange));
        let asked = take_list(&mut driver);
        assert_eq!(timestamp(&asked), wanted);
        driver.answer(&asked, offset_answer(0, 20));
        assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 20);
        let reset = |note: &Note| {
            matches!(
                note,
                Note::Consumer(ConsumerNote::PositionReset {
                    from: Offset(10),
                    to: Offset(20),
                    ..
                })
            )
        };
        assert!(driver.notes.iter().all(reset) && driver.notes.len() == 1);
    }
}

#[test]
fn out_of_range_of_an_older_position_is_ignored() {
    let mut driver = at_ten(config());
    let old = take_fetch(&mut driver);
    driver.invoke(3, Operation::Assign { partitions: vec![(TOPIC, 0)] });
    let asked = take_list(&mut driver);
    driver.answer(&asked, offset_answer(0, 0));
    driver.answer(&old, error_answer(ErrorCode::OffsetOutOfRange));
    assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 0);
    assert!(driver.notes.is_empty());
}

#[test]
fn a_kept_offset_is_taken_as_it_is_and_reset_by_policy_when_it_is_gone() {
    let mut driver = at_ten(config());
    take_fetch(&mut driver);
    driver.invoke(3, Operation::Resume { positions: vec![(TOPIC, 0, Offset(7))] });
    driver.advance(2_200);
    let asked = take_fetch(&mut driver);
    let fetch = fetched(&asked);
    assert_eq!((fetch.fetch_offset, fetch.last_fetched_epoch), (7, -1), "no epoch is kept");
    driver.answer(&asked, error_answer(ErrorCode::OffsetOutOfRange));
    assert_eq!(timestamp(&take_list(&mut driver)), -2);
}

#[test]
fn epoch_errors_ask_for_metadata_and_back_off() {
    for error in [
        ErrorCode::FencedLeaderEpoch,
        ErrorCode::UnknownLeaderEpoch,
        ErrorCode::NotLeaderOrFollower,
    ] {
        let mut driver = at_ten(config());
        let asked = take_fetch(&mut driver);
        driver.answer(&asked, error_answer(error));
        assert!(no_fetch(&driver), "{error}");
        assert!(
            driver.wire.iter().any(|it| matches!(
                it.message.body,
                RequestBody::Client(ClientRequest::Metadata(_))
            ))
        );
        driver.send_leaders(&[(1, 3)]);
        driver.advance(150);
        assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 10);
    }
}

#[test]
fn a_silent_leader_costs_the_fetch_connection_only() {
    let mut driver = at_ten(config());
    driver.advance(2_200);
    assert_eq!(driver.disconnected[0], (NodeId(1), Channel::ClientFetch));
    assert_eq!(
        driver
            .take(|body| matches!(body, RequestBody::Client(ClientRequest::Fetch(_))))
            .map(|it| it.to),
        Some(NodeId(1))
    );
}

#[test]
fn an_end_offset_is_asked_again_until_it_is_known_or_late() {
    let mut driver = started(config(), 0);
    driver.invoke(5, Operation::EndOffset { partition: (TOPIC, 0) });
    let asked = take_list(&mut driver);
    assert_eq!(timestamp(&asked), -1);
    driver.answer(&asked, offset_answer(ErrorCode::OffsetNotAvailable.code(), -1));
    assert_eq!(driver.outcomes.len(), 1);
    driver.advance(150);
    let asked = take_list(&mut driver);
    driver.answer(&asked, offset_answer(0, 42));
    assert_eq!(driver.outcomes[1], (5, Outcome::EndOffset { offset: Offset(42) }));

    driver.invoke(6, Operation::EndOffset { partition: (TOPIC, 0) });
    for _ in 0..60 {
        if let Some(asked) =
            driver.take(|body| matches!(body, RequestBody::Client(ClientRequest::ListOffsets(_))))
        {
            driver.answer(&asked, offset_answer(ErrorCode::OffsetNotAvailable.code(), -1));
        }
        driver.advance(100);
    }
    let error = ErrorCode::OffsetNotAvailable;
    assert_eq!(driver.outcomes[2], (6, Outcome::Failed { error, partition: 0 }));
}

#[test]
fn one_fetch_asks_for_all_that_a_broker_leads() {
    let mut driver = Driver::new(Consumer::new(config(), START));
    driver.invoke(1, Operation::Assign { partitions: vec![(TOPIC, 0), (TOPIC, 1)] });
    driver.send_leaders(&[(1, 3), (1, 3)]);
    let lists = [take_list(&mut driver), take_list(&mut driver)];
    for asked in &lists {
        let RequestBody::Client(ClientRequest::ListOffsets(request)) = &asked.message.body else {
            panic!("{asked:?}")
        };
        let mut body = offset_answer(0, 0);
        let ResponseBody::Client(ClientResponse::ListOffsets(response)) = &mut body else {
            panic!("{body:?}")
        };
        let index = request.topics[0].partitions[0].partition_index;
        response.topics[0].partitions[0].partition_index = index;
        driver.answer(asked, body);
    }
    let alone = take_fetch(&mut driver);
    assert!(no_fetch(&driver), "one fetch at a time to a broker");
    driver.answer(&alone, records_answer(Bytes::new()));
    let asked = take_fetch(&mut driver);
    let RequestBody::Client(ClientRequest::Fetch(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    let indices: Vec<i32> = request.topics[0].partitions.iter().map(|it| it.partition).collect();
    assert_eq!(indices, [0, 1]);
}

#[test]
fn polls_share_what_one_fetch_brought_in_order() {
    let mut driver = started(config(), 0);
    let asked = take_fetch(&mut driver);
    driver.answer(&asked, records_answer(together(&[batch(0, 2, 3), batch(2, 2, 3)])));
    poll(&mut driver, 2, 3);
    poll(&mut driver, 3, 3);
    assert_eq!((polled(&driver, 2), polled(&driver, 3)), (vec![0, 1, 2], vec![3]));
}

#[test]
fn a_stopped_consumer_ends_what_is_pending() {
    let mut driver = started(config(), 0);
    poll(&mut driver, 2, 3);
    driver.invoke(3, Operation::EndOffset { partition: (TOPIC, 0) });
    driver.event(Event::StopRequested);
    assert!(driver.halted && driver.outcomes.len() == 3, "{:?}", driver.outcomes);
}

fn sent_to(replica: i32) -> ResponseBody {
    fetch_answer(PartitionData::default().with_preferred_read_replica(replica.into()))
}

/// A consumer at offset 10 that was sent to broker 2, and its fetch there.
fn reading_from_two() -> (Driver<Consumer>, SentRequest) {
    let config = ConsumerConfig { metadata_max_age_ms: 1_500, ..config() };
    let mut driver = at_ten(config);
    let asked = take_fetch(&mut driver);
    assert_eq!(asked.to, NodeId(1));
    driver.answer(&asked, sent_to(2));
    let asked = take_fetch(&mut driver);
    assert_eq!((asked.to, fetched(&asked).fetch_offset), (NodeId(2), 10));
    (driver, asked)
}

/// What becomes of a fetch.
type End = fn(&mut Driver<Consumer>, &SentRequest);

#[test]
fn a_replica_that_fails_is_left_for_the_leader_and_the_position_stays() {
    let rows: [(&str, End); 4] = [
        ("out of range", |driver, asked| {
            driver.answer(asked, error_answer(ErrorCode::OffsetOutOfRange));
        }),
        ("refused", |driver, asked| {
            driver.answer(asked, error_answer(ErrorCode::NotLeaderOrFollower));
        }),
        ("lost", |driver, _| driver.lose(NodeId(2), Channel::ClientFetch)),
        ("after its time", |driver, asked| {
            driver.advance(1_600);
            driver.answer(asked, records_answer(Bytes::new()));
        }),
    ];
    for (what, end) in rows {
        let (mut driver, asked) = reading_from_two();
        end(&mut driver, &asked);
        driver.advance(300);
        let next = take_fetch(&mut driver);
        assert_eq!((next.to, fetched(&next).fetch_offset), (NodeId(1), 10), "{what}");
    }
}

#[test]
fn a_consumer_reads_from_its_replica_until_another_leads() {
    let (mut driver, asked) = reading_from_two();
    driver.answer(&asked, records_answer(batch(10, 2, 3)));
    poll(&mut driver, 3, 100);
    assert_eq!(polled(&driver, 3), [10, 11]);
    assert_eq!(take_fetch(&mut driver).to, NodeId(2));
    driver.event(Event::ConnectionLost { to: NodeId(1), channel: Channel::Client });
    driver.send_leaders(&[(3, 4)]);
    let asked = take_epoch_query(&mut driver);
    assert_eq!(asked.to, NodeId(3), "the leader is asked whether its log is the one");
}
