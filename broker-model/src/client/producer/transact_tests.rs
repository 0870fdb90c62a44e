//! A transactional producer over a scripted broker: who is asked what, in which order.

use super::Producer;
use super::tests::{answer, batches, config, key_of, sequence};
use crate::client::generation::{Generation, GroupMetadata};
use crate::client::testing::{Driver, START, SentRequest, TOPIC};
use crate::config::ProducerConfig;
use crate::defect::{Defects, TransactionDefect};
use crate::message::{ClientRequest, ClientResponse, RequestBody, ResponseBody};
use crate::node::{Channel, Operation, Outcome, TransactRecord};
use crate::proto::{
    AddOffsetsToTxnResponse, AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult, Coordinator, EndTxnResponse,
    ErrorCode, FindCoordinatorResponse, InitProducerIdResponse, TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use crate::types::{LeaderEpoch, Offset, OperationId, RecordValue};

fn transactional(version: u16) -> ProducerConfig {
    ProducerConfig {
        transactional_id: Some("t1".to_owned()),
        transaction_version: version,
        linger_ms: 0,
        ..config()
    }
}

fn take(driver: &mut Driver<Producer>, name: &str) -> SentRequest {
    let is_it = |body: &RequestBody| {
        name == "find" && matches!(body, RequestBody::Client(ClientRequest::FindCoordinator(_)))
            || name == "init"
                && matches!(body, RequestBody::Client(ClientRequest::InitProducerId(_)))
            || name == "add"
                && matches!(body, RequestBody::Client(ClientRequest::AddPartitionsToTxn(_)))
            || name == "produce" && matches!(body, RequestBody::Client(ClientRequest::Produce(_)))
            || name == "offsets"
                && matches!(body, RequestBody::Client(ClientRequest::AddOffsetsToTxn(_)))
            || name == "commit"
                && matches!(body, RequestBody::Client(ClientRequest::TxnOffsetCommit(_)))
            || name == "end" && matches!(body, RequestBody::Client(ClientRequest::EndTxn(_)))
    };
    let taken = driver.take(is_it);
    taken.unwrap_or_else(|| panic!("no {name}: {:?}, {:?}", driver.wire, driver.outcomes))
}

fn find(driver: &mut Driver<Producer>) {
    let asked = take(driver, "find");
    let found = Coordinator::default().with_node_id(2.into());
    let response = FindCoordinatorResponse::default().with_coordinators(vec![found]);
    driver
        .answer(&asked, ResponseBody::Client(ClientResponse::FindCoordinator(Box::new(response))));
}

/// Answers the question for an id; what the producer said that it had been.
fn init(driver: &mut Driver<Producer>, epoch: i16) -> (i64, i16) {
    let asked = take(driver, "init");
    let RequestBody::Client(ClientRequest::InitProducerId(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    let before = (request.producer_id.0, request.producer_epoch);
    let response =
        InitProducerIdResponse::default().with_producer_id(40.into()).with_producer_epoch(epoch);
    driver.answer(&asked, ResponseBody::Client(ClientResponse::InitProducerId(Box::new(response))));
    before
}

fn end(driver: &mut Driver<Producer>, error: i16, epoch: i16) -> bool {
    let asked = take(driver, "end");
    let RequestBody::Client(ClientRequest::EndTxn(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    let committed = request.committed;
    let response = EndTxnResponse::default()
        .with_error_code(error)
        .with_producer_id(40.into())
        .with_producer_epoch(epoch);
    driver.answer(&asked, ResponseBody::Client(ClientResponse::EndTxn(Box::new(response))));
    committed
}

/// A producer with id 40 and epoch 0 that was asked to commit a group's offset in a transaction.
fn begun_as_member(version: u16) -> Driver<Producer> {
    let mut driver = Driver::new(Producer::new(transactional(version), Defects::NONE, START));
    find(&mut driver);
    assert_eq!(init(&mut driver, 0), (-1, -1));
    let generation = Generation { id: 7, member: "a-1".to_owned(), protocol: None };
    let group = GroupMetadata { group: "g".to_owned(), generation, instance: None };
    let offsets = vec![((TOPIC, 0), Offset(20), LeaderEpoch(3))];
    driver.call(|producer, now, effects| {
        let what = (Vec::new(), 0, true);
        producer.transact_as_member(now, OperationId(1), what, (group, offsets), effects);
    });
    if version == 1 {
        let asked = take(&mut driver, "offsets");
        let response = AddOffsetsToTxnResponse::default();
        driver.answer(
            &asked,
            ResponseBody::Client(ClientResponse::AddOffsetsToTxn(Box::new(response))),
        );
    }
    // Of the group's coordinator.
    find(&mut driver);
    driver
}

/// Answers the commit of offsets; the generation and member in whose name it was asked for.
fn commit(driver: &mut Driver<Producer>, error: i16) -> (i32, String) {
    let asked = take(driver, "commit");
    let RequestBody::Client(ClientRequest::TxnOffsetCommit(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    let member = (request.generation_id, request.member_id.to_string());
    let partition = TxnOffsetCommitResponsePartition::default().with_error_code(error);
    let topic = TxnOffsetCommitResponseTopic::default().with_partitions(vec![partition]);
    let response = TxnOffsetCommitResponse::default().with_topics(vec![topic]);
    driver
        .answer(&asked, ResponseBody::Client(ClientResponse::TxnOffsetCommit(Box::new(response))));
    member
}

/// A producer with id 40 and epoch 0 that was asked for a transaction of one record.
fn begun(version: u16, commit: bool) -> Driver<Producer> {
    let producer = Producer::new(transactional(version), Defects::NONE, START);
    let mut driver = Driver::new(producer);
    find(&mut driver);
    assert_eq!(init(&mut driver, 0), (-1, -1));
    let record = TransactRecord { topic: TOPIC, key: Some(1), value: RecordValue(9) };
    let (records, offsets) = (vec![record], Vec::new());
    driver.invoke(1, Operation::Transact { records, gap_ms: 0, commit, offsets });
    driver.send_leaders(&[(1, 3)]);
    driver
}

/// The partition is taken into the transaction; nothing is sent to it before.
fn add(driver: &mut Driver<Producer>) {
    let produces = |it: &SentRequest| {
        matches!(it.message.body, RequestBody::Client(ClientRequest::Produce(_)))
    };
    assert!(!driver.wire.iter().any(produces), "{:?}", driver.wire);
    add_with(driver, 0);
}

/// The question for a partition is answered so.
fn add_with(driver: &mut Driver<Producer>, error: i16) {
    let asked = take(driver, "add");
    let added = AddPartitionsToTxnPartitionResult::default().with_partition_error_code(error);
    let topic = AddPartitionsToTxnTopicResult::default().with_results_by_partition(vec![added]);
    let result = AddPartitionsToTxnResult::default().with_topic_results(vec![topic]);
    let response = AddPartitionsToTxnResponse::default().with_results_by_transaction(vec![result]);
    driver.answer(
        &asked,
        ResponseBody::Client(ClientResponse::AddPartitionsToTxn(Box::new(response))),
    );
}

fn sent(committed: bool, offset: i64) -> Outcome {
    Outcome::Transacted { committed, records: vec![(TOPIC, 0, Offset(offset))] }
}

#[test]
fn a_transaction_is_committed_step_by_step() {
    for version in [1, 2] {
        let mut driver = begun(version, true);
        if version == 1 {
            add(&mut driver);
        }
        let asked = take(&mut driver, "produce");
        let (_, batch) = &batches(&asked)[0];
        assert!(batch.header().is_transactional(), "{batch:?}");
        assert!(driver.wire.is_empty(), "the end waits: {:?}", driver.wire);
        driver.answer(&asked, answer(&asked, 0, 5));
        let lost = take(&mut driver, "end");
        driver.lose(lost.to, Channel::Client);
        driver.advance(200);
        find(&mut driver);
        assert!(end(&mut driver, ErrorCode::ConcurrentTransactions.code(), 0), "again");
        driver.advance(200);
        assert!(end(&mut driver, 0, 1));
        assert_eq!(driver.outcomes, [(1, sent(true, 5))], "version {version}");
    }
}

#[test]
fn what_comes_up_while_partitions_are_added_is_asked_for_next() {
    for (defects, unasked) in
        [(Defects::NONE, 0), (Defects::from_iter([TransactionDefect::UnaskedAdded]), 1)]
    {
        let mut driver = Driver::new(Producer::new(transactional(1), defects, START));
        find(&mut driver);
        init(&mut driver, 0);
        let record = |partition| {
            let key = Some(key_of(partition));
            TransactRecord { topic: TOPIC, key, value: RecordValue(9) }
        };
        let records = vec![record(0), record(1)];
        driver.invoke(
            1,
            Operation::Transact { records, gap_ms: 5, commit: true, offsets: Vec::new() },
        );
        driver.send_leaders(&[(1, 3), (1, 3)]);
        driver.advance(10);
        add_with(&mut driver, 0);
        let asked = take(&mut driver, "produce");
        assert_eq!(batches(&asked).len(), 1 + unasked, "{asked:?}");
        let asks = driver.wire.iter().any(|it| {
            matches!(it.message.body, RequestBody::Client(ClientRequest::AddPartitionsToTxn(_)))
        });
        assert_eq!(asks, unasked == 0, "the other one is asked for");
    }
}

#[test]
fn a_batch_that_fails_leaves_only_an_abort() {
    let mut driver = begun(2, true);
    let asked = take(&mut driver, "produce");
    driver.answer(&asked, answer(&asked, ErrorCode::InvalidTxnState.code(), -1));
    assert!(!end(&mut driver, 0, 1), "it aborts");
    assert_eq!(driver.outcomes, [(1, sent(false, -1))]);
}

#[test]
fn in_version_1_the_producer_asks_for_its_next_epoch_once_a_failed_batch_is_aborted() {
    for (error, before) in [(ErrorCode::InvalidTxnState.code(), Some((40, 0))), (0, None)] {
        let mut driver = begun(1, error != 0);
        add(&mut driver);
        let asked = take(&mut driver, "produce");
        driver.answer(&asked, answer(&asked, error, 5));
        assert!(!end(&mut driver, 0, -1), "it aborts");
        driver.advance(200);
        let asks = driver.wire.iter().any(|it| {
            matches!(it.message.body, RequestBody::Client(ClientRequest::InitProducerId(_)))
        });
        assert_eq!(asks, before.is_some(), "error {error}");
        if let Some(before) = before {
            assert_eq!(init(&mut driver, 1), before, "it goes on as what it has been");
        }
    }
}

#[test]
fn a_record_that_never_finds_its_partition_aborts_the_transaction() {
    let mut driver = Driver::new(Producer::new(transactional(2), Defects::NONE, START));
    find(&mut driver);
    init(&mut driver, 0);
    let record = TransactRecord { topic: TOPIC, key: Some(1), value: RecordValue(9) };
    let (records, offsets) = (vec![record], Vec::new());
    driver.invoke(1, Operation::Transact { records, gap_ms: 0, commit: true, offsets });
    driver.advance(driver.node.config.delivery_timeout_ms + 1);
    let [(1, Outcome::Transacted { committed: false, .. })] = &driver.outcomes[..] else {
        panic!("{:?}", driver.outcomes)
    };
}

#[test]
fn a_fenced_producer_begins_anew() {
    let mut driver = begun(2, true);
    let asked = take(&mut driver, "produce");
    driver.answer(&asked, answer(&asked, 0, 5));
    end(&mut driver, ErrorCode::ProducerFenced.code(), -1);
    let fenced = Outcome::Unknown { error: ErrorCode::ProducerFenced, partition: -1 };
    assert_eq!(driver.outcomes, [(1, fenced)], "the commit may have been made");
    driver.advance(200);
    assert_eq!(init(&mut driver, 7), (-1, -1), "it takes over");
}

#[test]
fn an_application_may_abort_and_a_transaction_of_nothing_is_not_asked_for() {
    let mut driver = begun(2, false);
    let asked = take(&mut driver, "produce");
    driver.answer(&asked, answer(&asked, 0, 5));
    assert!(!end(&mut driver, 0, 1));
    let (records, offsets) = (Vec::new(), Vec::new());
    driver.invoke(2, Operation::Transact { records, gap_ms: 0, commit: true, offsets });
    let empty = Outcome::Transacted { committed: true, records: Vec::new() };
    assert_eq!(driver.outcomes, [(1, sent(false, 5)), (2, empty)]);
}

#[test]
fn offsets_are_committed_before_the_end_in_the_name_of_the_member() {
    for version in [1, 2] {
        let mut driver = begun_as_member(version);
        let moved = ErrorCode::NotCoordinator.code();
        assert_eq!(commit(&mut driver, moved), (7, "a-1".to_owned()));
        assert!(driver.wire.is_empty(), "the end waits: {:?}", driver.wire);
        driver.advance(200);
        find(&mut driver);
        commit(&mut driver, 0);
        assert!(end(&mut driver, 0, 1), "version {version}");
        let committed = Outcome::Transacted { committed: true, records: Vec::new() };
        assert_eq!(driver.outcomes, [(1, committed)], "version {version}");
    }
}

#[test]
fn a_member_that_is_none_any_more_aborts() {
    let stale = [ErrorCode::IllegalGeneration, ErrorCode::UnknownMemberId];
    for error in stale.into_iter().chain([ErrorCode::FencedInstanceId]) {
        let mut driver = begun_as_member(2);
        commit(&mut driver, error.code());
        driver.advance(200);
        assert!(!end(&mut driver, 0, 1), "{error:?}: it aborts");
        let aborted = Outcome::Transacted { committed: false, records: Vec::new() };
        assert_eq!(driver.outcomes, [(1, aborted)], "{error:?}");
    }
}

/// Source: `EndTxnHandler`, `TxnOffsetCommitHandler`: who is not known by this id, or is fenced, is done.
#[test]
fn what_fences_is_fatal() {
    let mut driver = begun_as_member(2);
    commit(&mut driver, ErrorCode::InvalidProducerEpoch.code());
    assert_eq!(driver.outcomes.len(), 1, "{:?}", driver.outcomes);
    driver.advance(200);
    assert_eq!(init(&mut driver, 7), (-1, -1), "it takes over");
    let mut driver = begun(2, true);
    let asked = take(&mut driver, "produce");
    driver.answer(&asked, answer(&asked, 0, 5));
    let error = ErrorCode::InvalidProducerIdMapping;
    end(&mut driver, error.code(), -1);
    assert_eq!(driver.outcomes, [(1, Outcome::Unknown { error, partition: -1 })]);
}

/// With version 2 the end gives the epoch of the next transaction, and sequences begin anew.
#[test]
fn the_next_transaction_is_of_the_epoch_that_the_end_gave() {
    for (version, given, identity) in [(1, -1, (0, 1)), (2, 1, (1, 0))] {
        let mut driver = begun(version, true);
        for (operation, expected) in [(1, (0, 0)), (2, identity)] {
            if operation == 2 {
                let record = TransactRecord { topic: TOPIC, key: Some(1), value: RecordValue(10) };
                let (records, offsets) = (vec![record], Vec::new());
                driver.invoke(2, Operation::Transact { records, gap_ms: 0, commit: true, offsets });
            }
            if version == 1 {
                add(&mut driver);
            }
            let asked = take(&mut driver, "produce");
            assert_eq!(sequence(&asked), expected, "{operation}, version {version}");
            driver.answer(&asked, answer(&asked, 0, 5));
            assert!(end(&mut driver, 0, given), "version {version}");
        }
        assert_eq!(driver.outcomes.len(), 2, "version {version}");
    }
}

/// What it had sent may be in a log, or may not: that is for the identity that it had.
#[test]
fn a_producer_that_is_fenced_with_records_on_the_wire_begins_anew() {
    let mut driver = Driver::new(Producer::new(transactional(1), Defects::NONE, START));
    find(&mut driver);
    init(&mut driver, 0);
    let record = |partition| TransactRecord {
        topic: TOPIC,
        key: Some(key_of(partition)),
        value: RecordValue(9),
    };
    let (records, offsets) = (vec![record(0), record(1)], Vec::new());
    driver.invoke(1, Operation::Transact { records, gap_ms: 100, commit: true, offsets });
    driver.send_leaders(&[(1, 3), (1, 3)]);
    add(&mut driver);
    take(&mut driver, "produce");
    driver.advance(100);
    add_with(&mut driver, ErrorCode::ProducerFenced.code());
    assert_eq!(driver.outcomes.len(), 1, "{:?}", driver.outcomes);
    driver.advance(200);
    assert_eq!(init(&mut driver, 7), (-1, -1), "it takes over");
    let (records, offsets) = (vec![record(0)], Vec::new());
    driver.invoke(2, Operation::Transact { records, gap_ms: 0, commit: true, offsets });
    add(&mut driver);
    assert_eq!(sequence(&take(&mut driver, "produce")), (7, 0));
}
