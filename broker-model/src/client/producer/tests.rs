//! One test for each rule of outcome, order and sequence.

use super::*;
use crate::client::testing::{Driver, START, SentRequest, TOPIC, metadata, metadata_of};
use crate::defect::ProducerDefect;
use crate::message::{ClientRequest, ClientResponse, RequestBody};
use crate::note::{Note, ProducerNote};
use crate::proto::{
    InitProducerIdResponse, PartitionProduceResponse, ProduceResponse, TopicName,
    TopicProduceResponse,
};
use crate::record::{BatchHeader, RecordBatch};
use crate::testing;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicId};

pub(super) fn config() -> ProducerConfig {
    ProducerConfig {
        bootstrap: vec![NodeId(1), NodeId(2), NodeId(3)],
        jitter_salt: 7,
        metadata_max_age_ms: 300_000,
        value_bytes: 16,
        ..testing::producer(1001)
    }
}

fn driver(config: ProducerConfig) -> Driver<Producer> {
    let mut driver = Driver::new(Producer::new(config, Defects::NONE, START));
    give_id(&mut driver, 40, 0);
    driver
}

/// A driver whose producer knows that broker 1 leads both partitions in epoch 3.
pub(super) fn ready(config: ProducerConfig) -> Driver<Producer> {
    let mut driver = driver(config);
    driver.node.metadata.place(&TOPIC);
    driver.event(Event::DeadlinePassed);
    driver.send_leaders(&[(1, 3), (1, 3)]);
    driver
}

/// A driver whose first batch of partition 0, sequence 0, is acknowledged.
fn established(config: ProducerConfig) -> Driver<Producer> {
    let linger_ms = config.linger_ms;
    let mut driver = ready(config);
    send(&mut driver, 100, 0);
    driver.advance(linger_ms);
    let asked = take_produce(&mut driver);
    acknowledge(&mut driver, &asked, 0);
    driver.outcomes.clear();
    driver
}

fn give_id(driver: &mut Driver<Producer>, id: i64, epoch: i16) {
    let Some(asked) =
        driver.take(|body| matches!(body, RequestBody::Client(ClientRequest::InitProducerId(_))))
    else {
        return;
    };
    let response =
        InitProducerIdResponse::default().with_producer_id(id.into()).with_producer_epoch(epoch);
    driver.answer(&asked, ResponseBody::Client(ClientResponse::InitProducerId(Box::new(response))));
}

/// A key of the partition, of two.
pub(super) fn key_of(partition: i32) -> u64 {
    (0..100)
        .find(|&key| partitioner::partition_of(key, 2) == partition)
        .expect("murmur2 reaches both")
}

pub(super) fn send(driver: &mut Driver<Producer>, operation: u64, partition: i32) {
    let key = Some(key_of(partition));
    let value = RecordValue(operation);
    driver.invoke(operation, Operation::Send { topic: TOPIC, key, value });
}

pub(super) fn take_produce(driver: &mut Driver<Producer>) -> SentRequest {
    let asked = driver.take(|body| matches!(body, RequestBody::Client(ClientRequest::Produce(_))));
    asked.unwrap_or_else(|| panic!("nothing was produced; outcomes: {:?}", driver.outcomes))
}

pub(super) fn is_quiet(driver: &Driver<Producer>) -> bool {
    !driver
        .wire
        .iter()
        .any(|it| matches!(it.message.body, RequestBody::Client(ClientRequest::Produce(_))))
}

/// Partition and batch of everything in a produce request.
pub(super) fn batches(asked: &SentRequest) -> Vec<(i32, RecordBatch)> {
    let RequestBody::Client(ClientRequest::Produce(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    let data = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    data.map(|data| {
        let bytes = data.records.clone().expect("a produce request carries records");
        (data.index, RecordBatch::parse(bytes).expect("a producer writes whole batches"))
    })
    .collect()
}

fn header(asked: &SentRequest) -> BatchHeader {
    *batches(asked)[0].1.header()
}

pub(super) fn sequence(asked: &SentRequest) -> (i16, i32) {
    (header(asked).producer_epoch.0, header(asked).base_sequence.0)
}

/// An answer with one error and base offset for every partition of the request.
pub(super) fn answer(asked: &SentRequest, error: i16, base_offset: i64) -> ResponseBody {
    let partitions = batches(asked).into_iter().map(|(index, _)| {
        PartitionProduceResponse::default()
            .with_index(index)
            .with_error_code(error)
            .with_base_offset(base_offset)
    });
    let topic = TopicProduceResponse::default()
        .with_name(TopicName(TOPIC))
        .with_partition_responses(partitions.collect());
    ResponseBody::Client(ClientResponse::Produce(Box::new(
        ProduceResponse::default().with_responses(vec![topic]),
    )))
}

fn refuse_with(driver: &mut Driver<Producer>, asked: &SentRequest, error: ErrorCode) {
    driver.answer(asked, answer(asked, error.code(), -1));
}

pub(super) fn acknowledge(driver: &mut Driver<Producer>, asked: &SentRequest, base_offset: i64) {
    driver.answer(asked, answer(asked, 0, base_offset));
}

fn bumps(driver: &Driver<Producer>) -> Vec<i16> {
    let epochs = driver.notes.iter().filter_map(|note| {
        if let Note::Producer(ProducerNote::EpochBumped { producer_epoch, .. }) = note {
            Some(producer_epoch.0)
        } else {
            None
        }
    });
    epochs.collect()
}

fn outcome(driver: &Driver<Producer>, operation: u64) -> &Outcome {
    let mut found = driver.outcomes.iter().filter(|(it, _)| *it == operation);
    let (_, outcome) = found.next().unwrap_or_else(|| panic!("{operation} is pending"));
    assert!(found.next().is_none(), "{operation} ended twice");
    outcome
}

fn is_failed(driver: &Driver<Producer>, operation: u64) -> bool {
    matches!(outcome(driver, operation), Outcome::Failed { .. })
}

fn is_unknown(driver: &Driver<Producer>, operation: u64) -> bool {
    matches!(outcome(driver, operation), Outcome::Unknown { .. })
}

#[test]
fn records_of_a_batch_get_offsets_in_order() {
    let mut driver = ready(ProducerConfig { batch_records_max: 3, linger_ms: 20, ..config() });
    for operation in 1..=3 {
        send(&mut driver, operation, 1);
    }
    let asked = take_produce(&mut driver);
    assert_eq!(header(&asked).record_count, 3);
    acknowledge(&mut driver, &asked, 10);
    for (operation, offset) in [(1, 10), (2, 11), (3, 12)] {
        let sent = Outcome::Sent { partition: 1, offset: Offset(offset), topic: None };
        assert_eq!(outcome(&driver, operation), &sent);
    }
    acknowledge(&mut driver, &asked, 99);
    assert_eq!(driver.outcomes.len(), 3, "a duplicated answer changes nothing");
}

#[test]
fn a_batch_lingers_until_it_is_full() {
    let mut driver =
        established(ProducerConfig { batch_records_max: 2, linger_ms: 20, ..config() });
    send(&mut driver, 1, 0);
    driver.advance(19);
    assert!(is_quiet(&driver));
    driver.advance(1);
    assert_eq!(header(&take_produce(&mut driver)).record_count, 1);
    send(&mut driver, 2, 0);
    assert!(is_quiet(&driver));
    send(&mut driver, 3, 0);
    assert_eq!(header(&take_produce(&mut driver)).record_count, 2);
}

#[test]
fn one_request_carries_a_batch_of_each_partition() {
    let mut driver = ready(ProducerConfig { linger_ms: 5, batch_records_max: 9, ..config() });
    send(&mut driver, 1, 0);
    send(&mut driver, 2, 1);
    driver.advance(5);
    let asked = take_produce(&mut driver);
    assert_eq!(batches(&asked).len(), 2);
    acknowledge(&mut driver, &asked, 4);
    assert_eq!(driver.outcomes.len(), 2);
}

#[test]
fn what_was_never_sent_has_failed() {
    let mut driver = driver(config());
    send(&mut driver, 1, 0);
    driver.advance(3_999);
    assert!(driver.outcomes.is_empty());
    driver.advance(1);
    let error = ErrorCode::UnknownTopicOrPartition;
    assert_eq!(outcome(&driver, 1), &Outcome::Failed { error, partition: -1 });

    let mut driver = self::driver(config());
    send(&mut driver, 1, 1);
    driver.send_leaders(&[(-1, 3), (-1, 3)]);
    driver.advance(4_000);
    let error = ErrorCode::RequestTimedOut;
    assert_eq!(outcome(&driver, 1), &Outcome::Failed { error, partition: 1 });
}

/// The client stood still until the batch was late; the leader is known just then.
#[test]
fn what_is_late_when_it_can_be_sent_is_sent_and_unknown() {
    let mut driver = driver(config());
    send(&mut driver, 1, 0);
    driver.time = driver.time + ms(4_000);
    driver.send_leaders(&[(1, 3), (1, 3)]);
    assert_eq!(sequence(&take_produce(&mut driver)), (0, 0));
    assert!(is_unknown(&driver, 1), "it may be appended yet");
}

/// How one attempt ends, and whether a delivery timeout after nothing but such attempts leaves certainty.
#[test]
fn only_refusals_before_the_append_make_a_failure() {
    let table = [
        (ErrorCode::NotEnoughReplicas, true),
        (ErrorCode::NotEnoughReplicasAfterAppend, false),
        (ErrorCode::NotLeaderOrFollower, false),
        (ErrorCode::UnknownTopicOrPartition, false),
        (ErrorCode::RequestTimedOut, false),
        (ErrorCode::KafkaStorageError, false),
        (ErrorCode::LeaderNotAvailable, false),
    ];
    for (error, certain) in table {
        let mut driver = ready(config());
        send(&mut driver, 1, 0);
        while driver.outcomes.is_empty() {
            while !is_quiet(&driver) {
                let asked = take_produce(&mut driver);
                refuse_with(&mut driver, &asked, error);
            }
            driver.send_leaders(&[(1, 3), (1, 3)]);
            driver.advance(50);
        }
        assert_eq!(is_failed(&driver, 1), certain, "{error}: {:?}", outcome(&driver, 1));
        assert!(
            driver
                .notes
                .iter()
                .any(|note| matches!(note, Note::Producer(ProducerNote::BatchRetried { .. })))
        );
    }
}

#[test]
fn one_unclear_attempt_is_enough_to_be_unknown() {
    let mut driver = ready(config());
    send(&mut driver, 1, 0);
    driver.lose(NodeId(1), Channel::Client);
    while driver.outcomes.is_empty() {
        if !is_quiet(&driver) {
            let asked = take_produce(&mut driver);
            refuse_with(&mut driver, &asked, ErrorCode::NotEnoughReplicas);
        }
        driver.advance(50);
    }
    assert!(is_unknown(&driver, 1));
}

#[test]
fn a_final_error_ends_a_batch_at_once() {
    let mut driver = ready(config());
    send(&mut driver, 1, 0);
    let asked = take_produce(&mut driver);
    refuse_with(&mut driver, &asked, ErrorCode::MessageTooLarge);
    let error = ErrorCode::MessageTooLarge;
    assert_eq!(outcome(&driver, 1), &Outcome::Failed { error, partition: 0 });
    // Its sequence was never taken: the next batch begins a new epoch.
    send(&mut driver, 2, 0);
    assert_eq!(sequence(&take_produce(&mut driver)), (1, 0));

    let mut driver = ready(config());
    send(&mut driver, 1, 0);
    driver.lose(NodeId(1), Channel::Client);
    driver.advance(150);
    let asked = take_produce(&mut driver);
    refuse_with(&mut driver, &asked, ErrorCode::MessageTooLarge);
    assert!(is_unknown(&driver, 1), "the lost attempt may have been appended");
}

#[test]
fn a_silent_broker_costs_its_connection_and_then_the_outcome() {
    let mut driver = ready(config());
    send(&mut driver, 1, 0);
    driver.advance(1_000);
    assert_eq!(driver.disconnected, [(NodeId(1), Channel::Client)]);
    driver.advance(2_999);
    assert!(driver.outcomes.is_empty());
    driver.advance(1);
    assert!(is_unknown(&driver, 1));
}

#[test]
fn without_acks_a_record_is_sent_when_it_is_handed_over() {
    let mut driver = ready(ProducerConfig { acks: Acks::None, ..config() });
    send(&mut driver, 1, 0);
    let sent = Outcome::Sent { partition: 0, offset: Offset::NONE, topic: Some(TopicId(4)) };
    assert_eq!(outcome(&driver, 1), &sent);
    assert_eq!(header(&take_produce(&mut driver)).producer_id, ProducerId::NONE);
    driver.lose(NodeId(1), Channel::Client);
    driver.advance(10_000);
    assert!(is_quiet(&driver), "nothing is sent twice");
}

#[test]
fn a_known_duplicate_is_a_success_without_offset() {
    let mut driver = ready(config());
    send(&mut driver, 1, 0);
    let asked = take_produce(&mut driver);
    refuse_with(&mut driver, &asked, ErrorCode::DuplicateSequenceNumber);
    assert_eq!(
        outcome(&driver, 1),
        &Outcome::Sent { partition: 0, offset: Offset::NONE, topic: None }
    );
}

#[test]
fn retries_keep_their_sequences_and_go_one_by_one_in_order() {
    let mut driver = established(config());
    (1..=3).for_each(|operation| send(&mut driver, operation, 0));
    let first: Vec<SentRequest> = (0..3).map(|_| take_produce(&mut driver)).collect();
    driver.lose(NodeId(1), Channel::Client);
    send(&mut driver, 4, 0);
    assert!(is_quiet(&driver));
    driver.advance(150);
    for (index, before) in first.iter().enumerate() {
        let asked = take_produce(&mut driver);
        assert_eq!(batches(&asked), batches(before), "bit for bit the same");
        // A batch that was never sent may follow the last retry.
        assert!(index == 2 || is_quiet(&driver), "the next retry waits for this one");
        acknowledge(&mut driver, &asked, index as i64);
    }
    assert_eq!(sequence(&take_produce(&mut driver)), (0, 4));
    assert_eq!(bumps(&driver), []);
}

#[test]
fn the_limit_in_flight_is_one_of_the_connection() {
    let mut driver = established(ProducerConfig { in_flight_max: 3, ..config() });
    driver.node.defects = Defects::from_iter([ProducerDefect::FirstBatchesTogether]);
    for (operation, partition) in [(1, 0), (2, 1), (3, 0), (4, 1), (5, 0)] {
        send(&mut driver, operation, partition);
    }
    let asked: Vec<SentRequest> = (0..3).map(|_| take_produce(&mut driver)).collect();
    assert!(is_quiet(&driver));
    acknowledge(&mut driver, &asked[0], 1);
    assert_eq!(batches(&take_produce(&mut driver)).len(), 2, "one batch of each partition");
    assert!(is_quiet(&driver));
}

#[test]
fn another_leader_is_another_connection() {
    let mut driver = established(config());
    (1..=6).for_each(|operation| send(&mut driver, operation, 0));
    (0..5).for_each(|_| drop(take_produce(&mut driver)));
    assert!(is_quiet(&driver));
    driver.event(Event::ConnectionLost { to: NodeId(3), channel: Channel::Client });
    driver.advance(150);
    driver.send_leaders(&[(2, 4), (1, 3)]);
    let asked = take_produce(&mut driver);
    assert_eq!((asked.to, sequence(&asked)), (NodeId(2), (0, 6)));
}

#[test]
fn a_gap_bumps_the_epoch_once_nothing_is_in_flight() {
    let mut driver = established(config());
    (1..=3).for_each(|operation| send(&mut driver, operation, 0));
    let asked: Vec<SentRequest> = (0..3).map(|_| take_produce(&mut driver)).collect();
    acknowledge(&mut driver, &asked[0], 0);
    refuse_with(&mut driver, &asked[1], ErrorCode::OutOfOrderSequenceNumber);
    driver.advance(500);
    assert!(is_quiet(&driver) && bumps(&driver).is_empty(), "the third is in flight");
    refuse_with(&mut driver, &asked[2], ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(bumps(&driver), [1]);
    driver.advance(150);
    let second = take_produce(&mut driver);
    assert!(is_quiet(&driver), "one batch establishes the new epoch");
    acknowledge(&mut driver, &second, 1);
    let again = [second, take_produce(&mut driver)];
    assert_eq!((sequence(&again[0]), sequence(&again[1])), ((1, 0), (1, 1)));
    let order = [&batches(&again[0])[0].1, &batches(&again[1])[0].1].map(first_value);
    assert_eq!(order, [2, 3]);
    // A partition that had no part in it starts the epoch from 0 as well (known bug P12).
    send(&mut driver, 4, 1);
    assert_eq!(sequence(&take_produce(&mut driver)), (1, 0));
}

pub(super) fn first_value(batch: &RecordBatch) -> u64 {
    let records = batch.records().expect("a producer writes readable batches");
    let value = records[0].value.as_deref().and_then(RecordBatch::value_number);
    value.expect("a producer writes numbered values").0
}

#[test]
fn a_gap_behind_a_batch_in_flight_is_no_gap() {
    let mut driver = established(config());
    (1..=2).for_each(|operation| send(&mut driver, operation, 0));
    let asked: Vec<SentRequest> = (0..2).map(|_| take_produce(&mut driver)).collect();
    refuse_with(&mut driver, &asked[0], ErrorCode::NotEnoughReplicas);
    refuse_with(&mut driver, &asked[1], ErrorCode::OutOfOrderSequenceNumber);
    driver.advance(150);
    let again = take_produce(&mut driver);
    assert_eq!(sequence(&again), (0, 1));
    acknowledge(&mut driver, &again, 0);
    assert_eq!(sequence(&take_produce(&mut driver)), (0, 2));
    assert_eq!(bumps(&driver), []);
}

#[test]
fn a_batch_that_may_be_in_the_log_is_never_numbered_anew() {
    let mut driver = established(config());
    (1..=2).for_each(|operation| send(&mut driver, operation, 0));
    driver.lose(NodeId(1), Channel::Client);
    driver.advance(150);
    let asked = take_produce(&mut driver);
    refuse_with(&mut driver, &asked, ErrorCode::UnknownProducerId);
    assert!(is_unknown(&driver, 1) && is_unknown(&driver, 2));
    assert_eq!(bumps(&driver), [1]);
}

#[test]
fn an_expired_sequence_is_not_used_again() {
    let mut driver = established(ProducerConfig { request_timeout_ms: 60_000, ..config() });
    send(&mut driver, 1, 0);
    let late = take_produce(&mut driver);
    driver.advance(4_000);
    assert!(is_unknown(&driver, 1));
    send(&mut driver, 2, 0);
    assert_eq!((sequence(&take_produce(&mut driver)), bumps(&driver)), ((1, 0), vec![1]));
    acknowledge(&mut driver, &late, 1);
    assert_eq!(driver.outcomes.len(), 1, "its late success changes nothing");
}

#[test]
fn what_follows_an_expired_batch_tells_that_it_was_appended() {
    let mut driver = established(ProducerConfig { request_timeout_ms: 60_000, ..config() });
    send(&mut driver, 1, 0);
    drop(take_produce(&mut driver));
    driver.advance(100);
    send(&mut driver, 2, 0);
    let second = take_produce(&mut driver);
    driver.advance(3_900);
    assert!(is_unknown(&driver, 1));
    send(&mut driver, 3, 0);
    assert!(is_quiet(&driver), "nothing new while a sequence is unresolved");
    acknowledge(&mut driver, &second, 2);
    assert_eq!((sequence(&take_produce(&mut driver)), bumps(&driver)), ((0, 3), vec![]));
}

/// Kafka's own: what follows is sent again until it expires in turn.
#[test]
fn a_first_attempt_that_expires_unmarked_is_missed_by_all_that_follow() {
    let mut driver = established(ProducerConfig { request_timeout_ms: 60_000, ..config() });
    driver.node.defects = Defects::from_iter([ProducerDefect::ExpiryUnmarked]);
    send(&mut driver, 1, 0);
    drop(take_produce(&mut driver));
    driver.advance(4_000);
    send(&mut driver, 2, 0);
    while !driver.outcomes.iter().any(|(operation, _)| *operation == 2) {
        while !is_quiet(&driver) {
            let asked = take_produce(&mut driver);
            assert_eq!(sequence(&asked), (0, 2));
            refuse_with(&mut driver, &asked, ErrorCode::OutOfOrderSequenceNumber);
        }
        driver.advance(50);
    }
    assert!(is_failed(&driver, 2));
    assert_eq!(bumps(&driver), [1], "a retry that expires is marked");
}

#[test]
fn an_unresolved_sequence_with_nothing_in_flight_bumps_the_epoch() {
    let mut driver = ready(config());
    send(&mut driver, 1, 0);
    driver.advance(3_900);
    send(&mut driver, 2, 1);
    driver.wire.retain(|asked| {
        !matches!(asked.message.body, RequestBody::Client(ClientRequest::Produce(_)))
    });
    driver.advance(1_500);
    assert!(is_unknown(&driver, 1));
    assert_eq!(bumps(&driver), [1]);
    send(&mut driver, 3, 0);
    driver.advance(300);
    let fresh = driver
        .wire
        .iter()
        .filter(|it| matches!(it.message.body, RequestBody::Client(ClientRequest::Produce(_))));
    let sequences: Vec<(i32, (i16, i32))> =
        fresh.map(|it| (batches(it)[0].0, sequence(it))).collect();
    assert!(sequences.contains(&(0, (1, 0))), "{sequences:?}");
    assert!(
        sequences.contains(&(1, (0, 0))),
        "the other partition's retry keeps its epoch: {sequences:?}"
    );
}

#[test]
fn a_fenced_batch_fails_and_its_partition_takes_the_next_epoch() {
    let mut driver = established(ProducerConfig { in_flight_max: 2, ..config() });
    (1..=3).for_each(|operation| send(&mut driver, operation, 0));
    let asked = take_produce(&mut driver);
    refuse_with(&mut driver, &asked, ErrorCode::InvalidProducerEpoch);
    assert!(is_failed(&driver, 1));
    assert_eq!((driver.outcomes.len(), bumps(&driver)), (1, vec![]), "the second is on the wire");
    let second = take_produce(&mut driver);
    acknowledge(&mut driver, &second, 2);
    let fresh = header(&take_produce(&mut driver));
    let identity = (fresh.producer_id, fresh.producer_epoch, fresh.base_sequence.0);
    assert_eq!(identity, (ProducerId(40), ProducerEpoch(1), 0), "the id stays");
}

/// Kafka's own (KIP-360 client): the batch on the wire is numbered anew, and its retry is news to the broker.
#[test]
fn a_bump_numbers_anew_what_may_be_in_the_log() {
    let mut driver = established(config());
    driver.node.defects = Defects::from_iter([ProducerDefect::RenumbersInFlight]);
    (1..=3).for_each(|operation| send(&mut driver, operation, 0));
    let asked: Vec<SentRequest> = (0..3).map(|_| take_produce(&mut driver)).collect();
    refuse_with(&mut driver, &asked[0], ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(bumps(&driver), [1], "at once");
    acknowledge(&mut driver, &asked[1], 2);
    // The answer to the third is lost with its connection: it may be in the log.
    driver.lose(NodeId(1), Channel::Client);
    driver.advance(150);
    let again = take_produce(&mut driver);
    assert_eq!((sequence(&again), first_value(&batches(&again)[0].1)), ((1, 0), 1));
    acknowledge(&mut driver, &again, 3);
    let third = take_produce(&mut driver);
    assert_eq!((sequence(&third), first_value(&batches(&third)[0].1)), ((1, 2), 3));
    // The second's number was given away with it: the broker misses it, and the epoch is bumped once more.
    refuse_with(&mut driver, &third, ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(bumps(&driver), [1, 2]);
}

/// Kafka's own (KAFKA-14312): a broker without state would take the second though it refused the first.
#[test]
fn first_batches_may_fly_together() {
    let mut driver = ready(config());
    driver.node.defects = Defects::from_iter([ProducerDefect::FirstBatchesTogether]);
    (1..=2).for_each(|operation| send(&mut driver, operation, 0));
    let asked: Vec<SentRequest> = (0..2).map(|_| take_produce(&mut driver)).collect();
    assert_eq!(asked.iter().map(sequence).collect::<Vec<_>>(), [(0, 0), (0, 1)]);
}

#[test]
fn a_batch_that_is_too_large_is_sent_again_in_parts() {
    let mut driver =
        established(ProducerConfig { batch_records_max: 3, linger_ms: 20, ..config() });
    (1..=4).for_each(|operation| send(&mut driver, operation, 0));
    let asked = take_produce(&mut driver);
    assert_eq!((sequence(&asked), header(&asked).record_count), ((0, 1), 3));
    refuse_with(&mut driver, &asked, ErrorCode::MessageTooLarge);
    let whole = take_produce(&mut driver);
    assert_eq!((sequence(&whole), header(&whole).record_count), ((0, 1), 3), "of `batch.size`");
    refuse_with(&mut driver, &whole, ErrorCode::MessageTooLarge);
    for (sequence_, count, value, offset) in [(1, 1, 1, 1), (2, 1, 2, 2), (3, 1, 3, 3)] {
        let asked = take_produce(&mut driver);
        assert_eq!((sequence(&asked), header(&asked).record_count), ((0, sequence_), count));
        assert_eq!(first_value(&batches(&asked)[0].1), value);
        assert!(sequence_ == 3 || is_quiet(&driver), "one part at a time");
        acknowledge(&mut driver, &asked, offset);
    }
    let sent = Outcome::Sent { partition: 0, offset: Offset(3), topic: None };
    assert_eq!(outcome(&driver, 3), &sent);
    driver.advance(20);
    assert_eq!((sequence(&take_produce(&mut driver)), bumps(&driver)), ((0, 4), vec![]));
}

#[test]
fn without_sequences_the_parts_go_in_the_order_of_their_records() {
    let config = ProducerConfig { idempotence: false, batch_records_max: 3, ..config() };
    let mut driver = established(ProducerConfig { linger_ms: 20, ..config });
    (1..=3).for_each(|operation| send(&mut driver, operation, 0));
    let asked = take_produce(&mut driver);
    refuse_with(&mut driver, &asked, ErrorCode::MessageTooLarge);
    let whole = take_produce(&mut driver);
    assert_eq!(header(&whole).record_count, 3);
    refuse_with(&mut driver, &whole, ErrorCode::MessageTooLarge);
    for (count, value) in [(1, 1), (1, 2), (1, 3)] {
        let asked = take_produce(&mut driver);
        let first = first_value(&batches(&asked)[0].1);
        assert_eq!((header(&asked).record_count, first), (count, value));
        acknowledge(&mut driver, &asked, value as i64);
    }
}

/// KIP-951: the answer itself tells who leads now, and the retry goes there at once.
#[test]
fn a_retry_to_a_leader_that_was_told_does_not_wait() {
    let mut driver = established(config());
    send(&mut driver, 1, 0);
    let asked = take_produce(&mut driver);
    let mut body = answer(&asked, ErrorCode::NotLeaderOrFollower.code(), -1);
    let ResponseBody::Client(ClientResponse::Produce(response)) = &mut body else {
        panic!("{body:?}")
    };
    let returned = &mut response.responses[0].partition_responses[0].current_leader;
    (returned.leader_id, returned.leader_epoch) = (2.into(), 4);
    driver.answer(&asked, body);
    let again = take_produce(&mut driver);
    assert_eq!((again.to, sequence(&again)), (NodeId(2), (0, 1)));
    refuse_with(&mut driver, &again, ErrorCode::NotEnoughReplicas);
    assert!(is_quiet(&driver), "the same leader is given time");
}

/// Kafka's `drainBatchesForOneNode` ends at the first partition that must stop.
#[test]
fn a_partition_that_must_stop_holds_up_those_after_it() {
    let mut driver = established(config());
    send(&mut driver, 1, 0);
    send(&mut driver, 2, 1);
    let first = take_produce(&mut driver);
    let second = take_produce(&mut driver);
    acknowledge(&mut driver, &second, 0);
    // Partition 1 bumps the epoch; partition 0 still has a batch of the old one in flight.
    send(&mut driver, 3, 1);
    let third = take_produce(&mut driver);
    refuse_with(&mut driver, &third, ErrorCode::InvalidProducerEpoch);
    assert_eq!(bumps(&driver), [1]);
    send(&mut driver, 4, 0);
    send(&mut driver, 5, 1);
    assert!(is_quiet(&driver), "partition 0 waits for its batch, and partition 1 behind it");
    acknowledge(&mut driver, &first, 1);
    let asked = take_produce(&mut driver);
    assert_eq!(batches(&asked).len(), 2);
}

/// Known bug P01: the positive control of the order checkers.
#[test]
fn without_idempotence_order_needs_a_single_request_in_flight() {
    let mut driver = ready(ProducerConfig { idempotence: false, in_flight_max: 2, ..config() });
    (1..=2).for_each(|operation| send(&mut driver, operation, 0));
    let first = take_produce(&mut driver);
    refuse_with(&mut driver, &first, ErrorCode::NotEnoughReplicas);
    let second = take_produce(&mut driver);
    acknowledge(&mut driver, &second, 0);
    driver.advance(150);
    assert_eq!(
        first_value(&batches(&take_produce(&mut driver))[0].1),
        1,
        "the first after the second"
    );

    let mut driver = ready(ProducerConfig { idempotence: false, in_flight_max: 1, ..config() });
    (1..=2).for_each(|operation| send(&mut driver, operation, 0));
    let first = take_produce(&mut driver);
    refuse_with(&mut driver, &first, ErrorCode::NotEnoughReplicas);
    assert!(is_quiet(&driver), "the partition is muted while its batch backs off");
    driver.advance(150);
    assert_eq!(first_value(&batches(&take_produce(&mut driver))[0].1), 1);
    assert!(is_quiet(&driver));
}

#[test]
fn a_stale_answer_does_not_bring_an_old_leader_back() {
    let mut driver = ready(config());
    driver.advance(200);
    send(&mut driver, 1, 0);
    let asked = take_produce(&mut driver);
    refuse_with(&mut driver, &asked, ErrorCode::NotLeaderOrFollower);
    driver.send_leaders(&[(2, 4), (1, 3)]);
    driver.advance(150);
    let asked = take_produce(&mut driver);
    assert_eq!(asked.to, NodeId(2));
    refuse_with(&mut driver, &asked, ErrorCode::NotLeaderOrFollower);
    driver.send_leaders(&[(1, 3), (1, 3)]);
    driver.advance(150);
    assert_eq!(take_produce(&mut driver).to, NodeId(2));
}

#[test]
fn a_stopped_producer_ends_what_is_pending() {
    let mut driver = ready(ProducerConfig { in_flight_max: 1, ..config() });
    (1..=2).for_each(|operation| send(&mut driver, operation, 0));
    driver.event(Event::StopRequested);
    assert!(driver.halted && is_unknown(&driver, 1) && is_failed(&driver, 2));
}

/// KAFKA-14359: a broker without state of a producer accepts any sequence from it.
#[test]
fn the_first_batch_of_an_epoch_goes_alone() {
    let mut driver = ready(config());
    (1..=3).for_each(|operation| send(&mut driver, operation, 0));
    let first = take_produce(&mut driver);
    assert!(is_quiet(&driver));
    refuse_with(&mut driver, &first, ErrorCode::NotEnoughReplicas);
    driver.advance(150);
    let again = take_produce(&mut driver);
    assert!(sequence(&again) == (0, 0) && is_quiet(&driver));
    acknowledge(&mut driver, &again, 0);
    assert_eq!(sequence(&take_produce(&mut driver)), (0, 1));
    assert_eq!(sequence(&take_produce(&mut driver)), (0, 2));
}

/// A producer that knows leaders in epoch 3.
fn led_in_epoch_3(defects: &[ProducerDefect]) -> Driver<Producer> {
    let defects = defects.iter().copied().collect();
    let mut driver = Driver::new(Producer::new(config(), defects, START));
    give_id(&mut driver, 40, 0);
    driver.node.metadata.place(&TOPIC);
    driver.event(Event::DeadlinePassed);
    driver.send_leaders(&[(1, 3), (1, 3)]);
    driver
}

/// It asks for metadata again, and is told this.
pub(super) fn tell_metadata(driver: &mut Driver<Producer>, body: ResponseBody) {
    driver.node.metadata.request_update();
    driver.advance(1_000);
    driver.event(Event::DeadlinePassed);
    let is_it =
        |body: &RequestBody| matches!(body, RequestBody::Client(ClientRequest::Metadata(_)));
    let asked = driver.take(is_it).expect("it asks again");
    driver.answer(&asked, body);
}

/// Known bugs KAFKA-12257 and KAFKA-13488: a topic that is created again begins with epoch 0.
#[test]
fn a_topic_that_was_created_again_is_led_in_lower_epochs() {
    let (whole, gone) = (ProducerDefect::EpochsOutliveTopics, ProducerDefect::GoneTopicsKeepEpochs);
    let table = [
        (&[][..], false, true),
        (&[][..], true, true),
        (&[whole][..], false, false),
        (&[whole][..], true, false),
        (&[gone][..], false, true),
        (&[gone][..], true, false),
    ];
    for (defects, seen_gone, found) in table {
        let mut driver = led_in_epoch_3(defects);
        let mut told = vec![metadata_of(Some(TopicId(9)), &[(2, 0), (2, 0)])];
        if seen_gone {
            told.insert(0, metadata_of(None, &[]));
        }
        for body in told {
            tell_metadata(&mut driver, body);
        }
        let key = PartitionKey { topic: 0, partition: 0 };
        let leader = driver.node.metadata.leadership(key).leader;
        assert_eq!(leader == Some(NodeId(2)), found, "{seen_gone}");
        assert_eq!(driver.node.metadata.id(0), Some(TopicId(9)));
    }
}

/// That nobody knew of it for a while makes it no other topic.
#[test]
fn the_same_topic_is_led_in_no_lower_epoch_again() {
    let weak = ProducerDefect::LostTopicsForgetEpochs;
    for (defects, goes_back) in [(&[][..], false), (&[weak][..], true)] {
        let mut driver = led_in_epoch_3(defects);
        for body in [metadata_of(None, &[]), metadata(&[(2, 0), (2, 0)])] {
            tell_metadata(&mut driver, body);
        }
        let key = PartitionKey { topic: 0, partition: 0 };
        let known = driver.node.metadata.leadership(key);
        assert_eq!(known.epoch == LeaderEpoch(0), goes_back, "{known:?}");
    }
}
