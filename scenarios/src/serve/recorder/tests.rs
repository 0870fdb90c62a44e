use bytes::Bytes;
use harrow_broker_model::message::{ClientRequest, ClientResponse};
use harrow_broker_model::proto::{
    AbortedTransaction, EndTxnRequest, EndTxnResponse, FetchPartition, FetchRequest, FetchResponse,
    FetchTopic, FetchableTopicResponse, PartitionData, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, StrBytes, TopicName,
    TopicProduceData, TopicProduceResponse, TransactionalId,
};
use harrow_broker_model::record::{RecordBatch, RecordBatchBuilder};
use harrow_broker_model::types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, WallTime,
};
use harrow_reports::check::Anomaly;
use harrow_reports::config::HistoryConfig;
use harrow_reports::history_file::read_history;
use harrow_reports::judge::judge_recorded;
use harrow_reports::verdict::Outcome;

use super::Recorder;

fn name() -> TopicName {
    TopicName(StrBytes::from_static_str("orders"))
}

fn batch(producer: i64, sequence: i32, values: &[&'static str]) -> RecordBatch {
    let epoch = ProducerEpoch(if producer < 0 { -1 } else { 0 });
    let mut builder = RecordBatchBuilder::new(ProducerId(producer), epoch, Sequence(sequence));
    for value in values {
        builder.push(WallTime(0), None, Some(Bytes::from_static(value.as_bytes())));
    }
    builder.build()
}

fn produce(batch: &RecordBatch, transaction: Option<&'static str>) -> ClientRequest {
    let data = PartitionProduceData::default().with_records(Some(batch.bytes().clone()));
    let topic = TopicProduceData::default().with_name(name()).with_partition_data(vec![data]);
    let id = transaction.map(|id| TransactionalId(StrBytes::from_static_str(id)));
    let request = ProduceRequest::default().with_acks(-1).with_transactional_id(id);
    ClientRequest::Produce(Box::new(request.with_topic_data(vec![topic])))
}

fn produced(error: i16, base_offset: i64) -> ClientResponse {
    let answer =
        PartitionProduceResponse::default().with_error_code(error).with_base_offset(base_offset);
    let topic = TopicProduceResponse::default().with_name(name());
    let topic = topic.with_partition_responses(vec![answer]);
    ClientResponse::Produce(Box::new(ProduceResponse::default().with_responses(vec![topic])))
}

fn fetch(offset: i64) -> ClientRequest {
    let asked = FetchPartition::default().with_fetch_offset(offset);
    let topic = FetchTopic::default().with_topic(name()).with_partitions(vec![asked]);
    let request = FetchRequest::default().with_isolation_level(1).with_topics(vec![topic]);
    ClientRequest::Fetch(Box::new(request))
}

fn fetched(batches: &[RecordBatch], aborted: &[(i64, i64)]) -> ClientResponse {
    let bytes: Vec<u8> = batches.iter().flat_map(|batch| batch.bytes().to_vec()).collect();
    let aborted = aborted.iter().map(|(producer, first)| {
        AbortedTransaction::default().with_producer_id((*producer).into()).with_first_offset(*first)
    });
    let data = PartitionData::default()
        .with_records(Some(Bytes::from(bytes)))
        .with_aborted_transactions(Some(aborted.collect()));
    let topic = FetchableTopicResponse::default().with_topic(name()).with_partitions(vec![data]);
    ClientResponse::Fetch(Box::new(FetchResponse::default().with_responses(vec![topic])))
}

/// A recorder with its clock.
#[derive(Default)]
struct Stage {
    recorder: Recorder,
    now: u64,
}

impl Stage {
    fn exchange(
        &mut self,
        connection: u64,
        request: &ClientRequest,
        answer: Option<&ClientResponse>,
    ) {
        self.now += 10;
        let asked = self.recorder.asked(self.now, connection, request);
        self.now += 10;
        if let (Some(asked), Some(answer)) = (asked, answer) {
            self.recorder.answered(self.now, asked, answer);
        }
    }

    fn judged(&self) -> (Outcome, Vec<String>) {
        let text = self.recorder.history(true);
        let recorded = read_history(text.as_bytes());
        let recorded = recorded.unwrap_or_else(|error| panic!("{error}:\n{text}"));
        let config = HistoryConfig::default();
        let (terms, options) = (config.terms(&recorded.history), config.options(&recorded.history));
        let verdict = judge_recorded(&recorded, &terms, &options);
        let found = verdict.findings.iter().map(|finding| finding.anomaly.clone());
        (verdict.outcome, found.collect())
    }
}

fn at(batch: &RecordBatch, offset: i64) -> RecordBatch {
    batch.with_assignment(Offset(offset), LeaderEpoch(0))
}

#[test]
fn a_retry_of_an_idempotent_producer_is_the_same_send() {
    let mut stage = Stage::default();
    let sent = batch(7, 0, &["a", "b"]);
    stage.exchange(1, &produce(&sent, None), None);
    stage.exchange(2, &produce(&sent, None), Some(&produced(0, 5)));
    stage.exchange(3, &fetch(5), Some(&fetched(&[at(&sent, 5)], &[])));
    assert_eq!(stage.recorder.operations(), 3, "a send, where it reads, a poll");
    assert_eq!(stage.judged(), (Outcome::Held, Vec::new()));
}

#[test]
fn other_records_with_the_sequence_of_aborted_ones_are_other_sends() {
    let mut stage = Stage::default();
    let (first, second) = (batch(7, 0, &["a"]), batch(7, 0, &["b"]));
    let ended = ClientResponse::EndTxn(Box::<EndTxnResponse>::default());
    stage.exchange(1, &produce(&first, Some("pay")), None);
    stage.exchange(2, &end(false), Some(&ended));
    stage.exchange(1, &produce(&second, Some("pay")), Some(&produced(0, 0)));
    stage.exchange(2, &end(true), Some(&ended));
    stage.exchange(4, &fetch(0), Some(&fetched(&[at(&second, 0)], &[])));
    assert_eq!(stage.judged(), (Outcome::Held, Vec::new()));
}

#[test]
fn two_batches_that_look_the_same_are_two_sends() {
    let mut stage = Stage::default();
    let sent = batch(-1, -1, &["a"]);
    stage.exchange(1, &produce(&sent, None), Some(&produced(0, 0)));
    stage.exchange(1, &produce(&sent, None), Some(&produced(0, 1)));
    stage.exchange(3, &fetch(0), Some(&fetched(&[at(&sent, 0), at(&sent, 1)], &[])));
    assert_eq!(stage.judged(), (Outcome::Held, Vec::new()));
}

#[test]
fn an_acknowledged_record_that_is_gone_is_found() {
    let mut stage = Stage::default();
    let (first, second) = (batch(7, 0, &["a"]), batch(7, 1, &["b"]));
    stage.exchange(1, &produce(&first, None), Some(&produced(0, 0)));
    stage.exchange(1, &produce(&second, None), Some(&produced(0, 1)));
    stage.recorder.reads_from_start(stage.now, 9, &[("orders".to_owned(), 0)]);
    stage.exchange(9, &fetch(0), Some(&fetched(&[at(&first, 0)], &[])));
    assert_eq!(stage.judged(), (Outcome::Violated, vec![Anomaly::Unseen.name().to_owned()]));
}

#[test]
fn a_record_that_nobody_sent_is_told() {
    let mut stage = Stage::default();
    let (sent, strange) = (batch(7, 0, &["a"]), batch(8, 0, &["x"]));
    stage.exchange(1, &produce(&sent, None), Some(&produced(0, 0)));
    stage.exchange(2, &fetch(0), Some(&fetched(&[at(&sent, 0), at(&strange, 1)], &[])));
    let (outcome, found) = stage.judged();
    assert_eq!((outcome, found), (Outcome::Violated, vec![Anomaly::GarbageRead.name().to_owned()]));
}

#[test]
fn what_was_there_before_a_reset_is_nobodys_business() {
    let (old, sent, strange) = (batch(7, 0, &["a"]), batch(7, 1, &["b"]), batch(9, 0, &["x"]));
    let all = [at(&old, 0), at(&sent, 1), at(&strange, 2)];
    for (count, expected) in [(2, vec![]), (3, vec![Anomaly::GarbageRead.name().to_owned()])] {
        let recorder = Recorder::beginning_late();
        let mut stage = Stage { recorder, now: 0 };
        stage.exchange(1, &produce(&sent, None), Some(&produced(0, 1)));
        stage.exchange(2, &fetch(0), Some(&fetched(&all[..count], &[])));
        assert_eq!(stage.judged().1, expected, "{count} batches");
    }
}

fn end(commit: bool) -> ClientRequest {
    let id = TransactionalId(StrBytes::from_static_str("pay"));
    let request = EndTxnRequest::default().with_transactional_id(id).with_committed(commit);
    ClientRequest::EndTxn(Box::new(request))
}

#[test]
fn a_transaction_is_one_operation_that_its_end_decides() {
    for (commit, expected) in [(true, Vec::new()), (false, vec![Anomaly::G1a.name().to_owned()])] {
        let mut stage = Stage::default();
        let (first, second) = (batch(7, 0, &["a"]), batch(7, 1, &["b"]));
        stage.exchange(1, &produce(&first, Some("pay")), Some(&produced(0, 0)));
        stage.exchange(2, &produce(&second, Some("pay")), Some(&produced(0, 1)));
        let ended = ClientResponse::EndTxn(Box::<EndTxnResponse>::default());
        stage.exchange(3, &end(commit), Some(&ended));
        stage.exchange(4, &fetch(0), Some(&fetched(&[at(&first, 0), at(&second, 1)], &[])));
        assert_eq!(stage.recorder.operations(), 3, "one transaction, where it reads, a poll");
        assert_eq!(stage.judged().1, expected, "commit: {commit}");
    }
}

#[test]
fn a_record_is_told_by_its_number_and_its_value() {
    let mut stage = Stage::default();
    let sent = batch(7, 0, &["a", "b"]);
    stage.exchange(1, &produce(&sent, None), Some(&produced(0, 0)));
    let text = stage.recorder.history(false);
    assert!(text.contains(r#"["send","orders-0","0:a",0],["send","orders-0","1:b",1]"#), "{text}");
}
