//! Produce and fetch: who waits for what is there by now, and whose time is up.

use bytes::Bytes;
use harrow_broker_model::fetch_session::FetchMetadata;
use harrow_broker_model::message::{
    ClientRequest, ClientResponse, PeerRequest, PeerResponse, ReplicaFetchPartition,
    ReplicaFetchRequest, ReplicaFetchResponse, RequestBody, ResponseBody,
};
use harrow_broker_model::note::{BatchKind, BatchSummary, MetadataChange};
use harrow_broker_model::proto::{
    ErrorCode, FetchPartition, FetchRequest, FetchTopic, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, StrBytes, TopicProduceData,
    TopicProduceResponse, TransactionalId, topic_uuid,
};
use harrow_broker_model::types::{BrokerEpoch, LeaderEpoch, Offset, TopicPartition};

use super::case::{Case, plain};
use super::due::{begins, passes};
use crate::stage::{A, B, C, Stage, X, sequenced};

/// So long that nobody's time is up in a case.
const LONG_MS: u64 = 60_000;
/// A partition of which the stage has no replicas.
const ELSEWHERE: TopicPartition = TopicPartition { topic: X.topic, partition: 7 };

/// A produce of the stage's third record, to each of these partitions.
fn produce(partitions: &[TopicPartition], timeout_ms: i32) -> ProduceRequest {
    let mut batch = vec![0; 61];
    batch[17..21].copy_from_slice(&plain(2).checksum.to_be_bytes());
    let data = partitions.iter().map(|partition| {
        PartitionProduceData::default()
            .with_index(partition.partition)
            .with_records(Some(Bytes::from(batch.clone())))
    });
    let topic = TopicProduceData::default().with_topic_id(topic_uuid(X.topic));
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(timeout_ms)
        .with_topic_data(vec![topic.with_partition_data(data.collect())])
}

/// A consumer's fetch, outside of sessions.
fn fetch(offset: i64, leader_epoch: i32, wait_ms: i32) -> FetchRequest {
    let asked = FetchPartition::default()
        .with_partition(X.partition)
        .with_current_leader_epoch(leader_epoch)
        .with_fetch_offset(offset);
    let topic =
        FetchTopic::default().with_topic_id(topic_uuid(X.topic)).with_partitions(vec![asked]);
    FetchRequest::default()
        .with_max_wait_ms(wait_ms)
        .with_min_bytes(1)
        .with_session_epoch(FetchMetadata::FINAL_EPOCH)
        .with_topics(vec![topic])
}

/// B's fetch in a session, which may name X, or have it forgotten.
fn replica_fetch(session: FetchMetadata, named: Option<i64>, forgets: bool) -> RequestBody {
    let named = named.map(|offset| ReplicaFetchPartition {
        partition: X,
        current_leader_epoch: LeaderEpoch(1),
        fetch_offset: Offset(offset),
        last_fetched_epoch: LeaderEpoch(1),
        log_start_offset: Offset(0),
    });
    RequestBody::Peer(PeerRequest::ReplicaFetch(Box::new(ReplicaFetchRequest {
        replica: B,
        broker_epoch: BrokerEpoch(1),
        wait_max_ms: LONG_MS,
        session,
        partitions: named.into_iter().collect(),
        forgotten: if forgets { vec![X] } else { Vec::new() },
    })))
}

fn produces(stage: &mut Stage, connection: u64, request: ProduceRequest) {
    let body = RequestBody::Client(ClientRequest::Produce(Box::new(request)));
    stage.asks(A, (connection, 1), body);
}

/// A has heard that B leads, and follows it.
fn b_leads(stage: &mut Stage) {
    let registration = stage.next(Some(B), 2, &[B, C]);
    let change = MetadataChange::PartitionChanged { partition: X, registration, unclean: false };
    stage.metadata_at(A, change);
    stage.follow(A, 2, B);
}

fn answers_produce(stage: &mut Stage, connection: u64) {
    let body = ResponseBody::Client(ClientResponse::Produce(Box::default()));
    stage.answers(A, (connection, 1), body);
}

fn fetches(stage: &mut Stage, connection: u64, correlation: i32, request: FetchRequest) {
    let body = RequestBody::Client(ClientRequest::Fetch(Box::new(request)));
    stage.asks(A, (connection, correlation), body);
}

fn answers_fetch(stage: &mut Stage, connection: u64, correlation: i32) {
    let body = ResponseBody::Client(ClientResponse::Fetch(Box::default()));
    stage.answers(A, (connection, correlation), body);
}

/// B begins a session at the end of the log, and goes on in it; it may have X forgotten there.
fn goes_on_in_session(stage: &mut Stage, forgets: bool) {
    stage.asks(A, (1, 1), replica_fetch(FetchMetadata::INITIAL, Some(2), false));
    let response = ReplicaFetchResponse { session: Ok(5), partitions: Vec::new() };
    stage.answers(A, (1, 1), ResponseBody::Peer(PeerResponse::ReplicaFetch(Box::new(response))));
    stage.asks(A, (1, 2), replica_fetch(FetchMetadata::new_incremental(5), None, forgets));
}

/// A appends the third record for whoever waits, and it is committed.
fn commits_third(stage: &mut Stage) {
    stage.lead_all(A, 1, plain(2));
    stage.append_all(&[B, C], 1, plain(2));
    stage.leader_high_watermark(A, 1, 3);
}

/// Producer 9 sends a batch of its transaction, by a connection of A that has this number and its own correlation.
fn sends(stage: &mut Stage, number: i32, sequence: i32) {
    let mut batch = vec![0; 61];
    batch[43..51].copy_from_slice(&9_i64.to_be_bytes());
    batch[53..57].copy_from_slice(&sequence.to_be_bytes());
    let mut request = produce(&[X], LONG_MS as i32);
    request.topic_data[0].partition_data[0].records = Some(Bytes::from(batch));
    let transactional_id = TransactionalId(StrBytes::from_static_str("payments"));
    let request = request.with_transactional_id(Some(transactional_id));
    let body = RequestBody::Client(ClientRequest::Produce(Box::new(request)));
    stage.asks(A, (1, number), body);
}

/// A answers with an error what it was sent.
fn refuses(stage: &mut Stage, number: i32, error: ErrorCode) {
    answers_with(stage, number, error.code());
}

fn answers_with(stage: &mut Stage, number: i32, code: i16) {
    let part = PartitionProduceResponse::default().with_index(X.partition).with_error_code(code);
    let topic = TopicProduceResponse::default()
        .with_topic_id(topic_uuid(X.topic))
        .with_partition_responses(vec![part]);
    let response = ProduceResponse::default().with_responses(vec![topic]);
    let body = ResponseBody::Client(ClientResponse::Produce(Box::new(response)));
    stage.answers(A, (1, number), body);
}

/// A appends a batch of the transaction.
fn appends(stage: &mut Stage, offset: i64, sequence: i32) {
    let kind = BatchKind::Transactional;
    stage.lead(A, 1, BatchSummary { kind, ..sequenced(offset, 0, sequence) });
}

/// Two batches are sent, and the first one is refused for now.
fn refuses_first(stage: &mut Stage, error: ErrorCode) {
    sends(stage, 1, 5);
    sends(stage, 2, 6);
    refuses(stage, 1, error);
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "batch-passed-over",
        good: |stage| {
            refuses_first(stage, ErrorCode::NotEnoughReplicas);
            refuses(stage, 2, ErrorCode::OutOfOrderSequenceNumber);
            sends(stage, 3, 5);
            appends(stage, 2, 5);
            sends(stage, 4, 6);
            appends(stage, 3, 6);
        },
        bad: |stage| {
            refuses_first(stage, ErrorCode::NotEnoughReplicas);
            appends(stage, 2, 6);
        },
    },
    // What the log has already is refused, too, while too few are in sync, and is not appended again.
    Case {
        anomaly: "batch-passed-over",
        good: |stage| {
            appends(stage, 2, 5);
            refuses_first(stage, ErrorCode::NotEnoughReplicas);
            appends(stage, 3, 6);
        },
        bad: |stage| {
            appends(stage, 2, 4);
            refuses_first(stage, ErrorCode::NotEnoughReplicas);
            appends(stage, 3, 6);
        },
    },
    Case {
        anomaly: "batch-passed-over",
        good: |stage| {
            refuses_first(stage, ErrorCode::InvalidRecord);
            appends(stage, 2, 6);
        },
        bad: |stage| {
            refuses_first(stage, ErrorCode::NotEnoughReplicas);
            refuses(stage, 2, ErrorCode::NotEnoughReplicas);
            sends(stage, 3, 6);
            appends(stage, 2, 6);
        },
    },
    Case {
        anomaly: "produce-answer-overdue",
        good: |stage| {
            begins(stage);
            produces(stage, 1, produce(&[X], LONG_MS as i32));
            produces(stage, 2, produce(&[X, ELSEWHERE], LONG_MS as i32));
            commits_third(stage);
            answers_produce(stage, 1);
            passes(stage, 3);
        },
        bad: |stage| {
            begins(stage);
            produces(stage, 1, produce(&[X], LONG_MS as i32));
            commits_third(stage);
            passes(stage, 3);
        },
    },
    Case {
        anomaly: "produce-answer-overdue",
        good: |stage| {
            begins(stage);
            let transactional_id = TransactionalId(StrBytes::from_static_str("payments"));
            let verified = produce(&[X], 1_000).with_transactional_id(Some(transactional_id));
            produces(stage, 1, verified);
            produces(stage, 2, produce(&[X], 1_000).with_acks(0));
            produces(stage, 3, produce(&[X], 1_000));
            stage.closes(A, 3);
            passes(stage, 3);
        },
        bad: |stage| {
            begins(stage);
            produces(stage, 1, produce(&[X], 1_000));
            passes(stage, 3);
        },
    },
    Case {
        anomaly: "produce-answer-overdue",
        good: |stage| {
            begins(stage);
            produces(stage, 1, produce(&[X], LONG_MS as i32));
            stage.lead_all(A, 1, plain(2));
            b_leads(stage);
            answers_produce(stage, 1);
            passes(stage, 3);
        },
        bad: |stage| {
            begins(stage);
            produces(stage, 1, produce(&[X], LONG_MS as i32));
            stage.lead_all(A, 1, plain(2));
            b_leads(stage);
            passes(stage, 3);
        },
    },
    Case {
        anomaly: "fetch-answer-overdue",
        good: |stage| {
            begins(stage);
            fetches(stage, 1, 1, fetch(2, 1, LONG_MS as i32));
            fetches(stage, 2, 1, fetch(0, 0, LONG_MS as i32));
            fetches(stage, 3, 1, fetch(0, 1, LONG_MS as i32).with_isolation_level(1));
            fetches(stage, 4, 1, fetch(0, 1, LONG_MS as i32).with_min_bytes(2));
            fetches(stage, 5, 1, fetch(0, 1, LONG_MS as i32));
            answers_fetch(stage, 5, 1);
            passes(stage, 3);
        },
        bad: |stage| {
            begins(stage);
            fetches(stage, 1, 1, fetch(1, 1, LONG_MS as i32));
            passes(stage, 3);
        },
    },
    Case {
        anomaly: "fetch-answer-overdue",
        good: |stage| {
            begins(stage);
            goes_on_in_session(stage, true);
            commits_third(stage);
            passes(stage, 3);
        },
        bad: |stage| {
            begins(stage);
            goes_on_in_session(stage, false);
            commits_third(stage);
            passes(stage, 3);
        },
    },
    Case {
        anomaly: "fetch-answer-overdue",
        good: |stage| {
            begins(stage);
            fetches(stage, 1, 1, fetch(2, 1, LONG_MS as i32));
            fetches(stage, 1, 2, fetch(2, 1, 1_000));
            passes(stage, 3);
        },
        bad: |stage| {
            begins(stage);
            fetches(stage, 1, 1, fetch(2, 1, LONG_MS as i32));
            fetches(stage, 1, 2, fetch(2, 1, 1_000));
            passes(stage, 1);
            answers_fetch(stage, 1, 1);
            passes(stage, 3);
        },
    },
];
