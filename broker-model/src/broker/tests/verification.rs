//! What a leader makes of what a transaction's coordinator says, which is broker 2: only a yes lets anything in.

use crate::broker::tests::bench::{Bench, ORDERS, only_reply, registration, replies};
use crate::config::topic_name;
use crate::message::{
    ClientRequest, ClientResponse, PeerRequest, PeerResponse, RequestBody, ResponseBody,
    WritableMarker, WriteTxnMarkersRequest,
};
use crate::metadata::MetadataRecord;
use crate::node::{Channel, Effect, Event};
use crate::partition::Partition;
use crate::proto::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResponse, AddPartitionsToTxnResult,
    AddPartitionsToTxnTopicResult, ErrorCode, GroupId, PartitionProduceData, ProduceRequest,
    TopicName, TopicProduceData, TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
};
use crate::record::{RecordBatch, RecordBatchBuilder, TransactionMarker, TransactionResult};
use crate::types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, RecordValue, Sequence, TopicId, TopicPartition,
    TransactionOrdinal, WallTime,
};

const TRANSACTIONS: TopicPartition = TopicPartition { topic: TopicId(2), partition: 0 };
const OFFSETS: TopicPartition = TopicPartition { topic: TopicId(3), partition: 0 };
const PRODUCER: (ProducerId, ProducerEpoch) = (ProducerId(40), ProducerEpoch(0));

/// What becomes of the question.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Yes,
    No(ErrorCode),
    Lost,
}

/// Broker 1 leads "orders" and coordinates groups, broker 2 coordinates transactions.
fn bench() -> Bench {
    let mut bench = Bench::hosting(registration(1, 0, &[1]));
    let rows = [(TRANSACTIONS, "__transaction_state", 2), (OFFSETS, "__consumer_offsets", 1)];
    let records = rows.map(|(partition, name, leader)| {
        let config = crate::testing::topic(name, 1);
        let registration = registration(leader, 0, &[leader]);
        let topic = MetadataRecord::Topic { topic: partition.topic, config };
        [topic, MetadataRecord::Partition { partition, registration, unclean: false }]
    });
    bench.commit(&records.concat());
    bench.pass_ms(300);
    bench
}

fn records() -> RequestBody {
    let mut builder = RecordBatchBuilder::new(PRODUCER.0, PRODUCER.1, Sequence(0)).in_transaction();
    builder.push(WallTime(0), None, Some(RecordBatch::encode_value(RecordValue(1), 16)));
    let data = PartitionProduceData::default().with_records(Some(builder.build().bytes().clone()));
    let topic = TopicProduceData::default()
        .with_name(TopicName(topic_name("orders")))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_transactional_id(Some(topic_name("t1").into()))
        .with_acks(1)
        .with_timeout_ms(1_000)
        .with_topic_data(vec![topic]);
    RequestBody::Client(ClientRequest::Produce(Box::new(request)))
}

fn offsets() -> RequestBody {
    let partition = TxnOffsetCommitRequestPartition::default()
        .with_committed_offset(7)
        .with_committed_leader_epoch(-1);
    let topic = TxnOffsetCommitRequestTopic::default()
        .with_name(TopicName(topic_name("orders")))
        .with_partitions(vec![partition]);
    let request = TxnOffsetCommitRequest::default()
        .with_group_id(GroupId(topic_name("g")))
        .with_transactional_id(topic_name("t1").into())
        .with_producer_id(PRODUCER.0.0.into())
        .with_producer_epoch(PRODUCER.1.0)
        .with_generation_id(-1)
        .with_topics(vec![topic]);
    RequestBody::Client(ClientRequest::TxnOffsetCommit(Box::new(request)))
}

/// Answers the one question, which is about a partition of this topic.
fn verify(bench: &mut Bench, topic: &str, answer: Answer) -> Vec<Effect> {
    let asked = bench.take_sent(Channel::TransactionVerification);
    let is_question =
        matches!(asked.message.body, RequestBody::Peer(PeerRequest::AddPartitionsToTxn(_)));
    assert!(is_question && asked.to.0 == 2, "{asked:?}");
    let error = match answer {
        Answer::Yes => 0,
        Answer::No(error) => error.code(),
        Answer::Lost => {
            let (to, channel) = (asked.to, asked.channel);
            return bench.handle(Event::ConnectionLost { to, channel });
        }
    };
    let partition = AddPartitionsToTxnPartitionResult::default().with_partition_error_code(error);
    let topic = AddPartitionsToTxnTopicResult::default()
        .with_name(TopicName(topic_name(topic)))
        .with_results_by_partition(vec![partition]);
    let result = AddPartitionsToTxnResult::default()
        .with_transactional_id(topic_name("t1").into())
        .with_topic_results(vec![topic]);
    let response = AddPartitionsToTxnResponse::default().with_results_by_transaction(vec![result]);
    bench.answer(&asked, ResponseBody::Peer(PeerResponse::AddPartitionsToTxn(Box::new(response))))
}

fn end(bench: &Bench, partition: TopicPartition) -> Offset {
    let hosted = bench.broker.partition(partition).map(Partition::log);
    hosted.expect("it is hosted here").log_end_offset()
}

/// Answers, with the error that a producer is told of records and of offsets.
fn table() -> Vec<(Answer, Option<ErrorCode>, Option<ErrorCode>)> {
    let retries = Some(ErrorCode::NotEnoughReplicas);
    let loading = Some(ErrorCode::CoordinatorLoadInProgress);
    let same = |error| (Answer::No(error), Some(error), Some(error));
    let fenced = Some(ErrorCode::InvalidProducerEpoch);
    vec![
        (Answer::Yes, None, None),
        (Answer::Lost, retries, loading),
        (Answer::No(ErrorCode::CoordinatorLoadInProgress), retries, loading),
        (Answer::No(ErrorCode::NotCoordinator), retries, Some(ErrorCode::NotCoordinator)),
        (Answer::No(ErrorCode::ProducerFenced), fenced, fenced),
        same(ErrorCode::TransactionAbortable),
        same(ErrorCode::InvalidTxnState),
        same(ErrorCode::InvalidProducerIdMapping),
        same(ErrorCode::ConcurrentTransactions),
    ]
}

#[test]
fn records_of_a_transaction_are_appended_only_if_its_coordinator_says_yes() {
    for (answer, error, _) in table() {
        let mut bench = bench();
        assert!(bench.request(7, 1_001, 1, records()).iter().all(|it| !is_reply(it)));
        let effects = verify(&mut bench, "orders", answer);
        let ResponseBody::Client(ClientResponse::Produce(response)) = only_reply(&effects) else {
            panic!("{effects:?}")
        };
        let code = response.responses[0].partition_responses[0].error_code;
        assert_eq!(ErrorCode::try_from_code(code), error, "{answer:?}");
        assert_eq!(end(&bench, ORDERS), Offset(i64::from(error.is_none())), "{answer:?}");
    }
}

#[test]
fn offsets_of_a_transaction_are_written_only_if_its_coordinator_says_yes() {
    for (answer, _, error) in table() {
        let mut bench = bench();
        assert!(bench.request(7, 1_001, 1, offsets()).iter().all(|it| !is_reply(it)));
        let effects = verify(&mut bench, "__consumer_offsets", answer);
        let ResponseBody::Client(ClientResponse::TxnOffsetCommit(response)) = only_reply(&effects)
        else {
            panic!("{effects:?}")
        };
        let code = response.topics[0].partitions[0].error_code;
        assert_eq!(ErrorCode::try_from_code(code), error, "{answer:?}");
        assert_eq!(end(&bench, OFFSETS), Offset(i64::from(error.is_none())), "{answer:?}");
    }
}

fn is_reply(effect: &Effect) -> bool {
    matches!(effect, Effect::Reply { .. })
}

#[test]
fn a_marker_is_written_when_every_replica_in_sync_has_it() {
    for (isr, answered) in [(&[1][..], true), (&[1, 2], false)] {
        let mut bench = Bench::hosting(registration(1, 0, isr));
        let marker = TransactionMarker {
            producer_id: PRODUCER.0,
            producer_epoch: PRODUCER.1,
            result: TransactionResult::Commit,
            coordinator_epoch: LeaderEpoch(0),
        };
        let transaction = TransactionOrdinal(1);
        let markers = vec![WritableMarker { marker, transaction, partitions: vec![ORDERS] }];
        let request = PeerRequest::WriteTxnMarkers(Box::new(WriteTxnMarkersRequest { markers }));
        let effects = bench.request(9, 2, 1, RequestBody::Peer(request));
        assert_eq!(end(&bench, ORDERS), Offset(1));
        assert_eq!(!replies(&effects).is_empty(), answered, "ISR {isr:?}");
    }
}
