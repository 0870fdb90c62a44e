//! What clients are promised of their transactions, their sends, their group's offsets and their coordinators.

use harrow_broker_model::message::{ClientRequest, ClientResponse, RequestBody, ResponseBody};
use harrow_broker_model::note::{ConsumerNote, Note, TransactionNote, TransactionState};
use harrow_broker_model::proto::{
    EndTxnRequest, EndTxnResponse, ErrorCode, FindCoordinatorRequest, GroupId,
    InitProducerIdRequest, OffsetCommitRequest, OffsetCommitRequestPartition,
    OffsetCommitRequestTopic, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopics, StrBytes, TopicName, TransactionalId,
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use harrow_broker_model::types::{LeaderEpoch, NodeId, ProducerEpoch, TransactionOrdinal};
use harrow_sim::watch::CoordinatorKind;

use super::case::{Case, outcome};
use super::coordination::{PRODUCER, about, leads_in_one};
use crate::stage::{A, B, Stage};
use TransactionState::{
    CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit,
};

const UNASKED: &str = "aborted-unasked";
const KEPT: &str = "epoch-kept-at-end";
const NEVER: &str = "told-offset-never-committed";
const LATE: &str = "send-past-delivery-timeout";
const ASKED: &str = "no-coordinator-asked";
const REPEATED: &str = "async-commit-repeated";

/// The producer of the stage's plan.
const SENDER: NodeId = NodeId(1001);
/// Longer than a transaction of the stage may be open, in milliseconds.
const TIMEOUT_MS: u64 = 11_000;

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: UNASKED,
        good: |stage| {
            begins(stage);
            stage.asks(A, (7, 1), ends(0, false));
            is_in(stage, PrepareAbort, 1, 1);
            stage.answers(A, (7, 1), ended(1));
            is_in(stage, CompleteAbort, 1, 1);
            is_in(stage, Ongoing, 2, 1);
            stage.asks(B, (8, 1), takes_over());
            is_in(stage, PrepareAbort, 2, 2);
        },
        bad: |stage| {
            begins(stage);
            stage.asks(A, (7, 1), ends(0, true));
            is_in(stage, PrepareAbort, 1, 1);
        },
    },
    Case {
        anomaly: UNASKED,
        good: |stage| {
            begins(stage);
            stage.wait_ms(TIMEOUT_MS);
            is_in(stage, PrepareAbort, 1, 1);
        },
        bad: |stage| {
            begins(stage);
            stage.wait_ms(TIMEOUT_MS);
            is_in(stage, PrepareCommit, 1, 1);
            is_in(stage, CompleteCommit, 1, 1);
            is_in(stage, Ongoing, 2, 1);
            is_in(stage, PrepareAbort, 2, 2);
        },
    },
    Case {
        anomaly: KEPT,
        good: |stage| {
            begins(stage);
            is_in(stage, PrepareCommit, 1, 1);
        },
        bad: |stage| {
            begins(stage);
            is_in(stage, PrepareCommit, 1, 0);
        },
    },
    Case {
        anomaly: KEPT,
        good: |stage| {
            stage.asks(A, (7, 1), ends(3, false));
            stage.answers(A, (7, 1), ended(4));
        },
        bad: |stage| {
            stage.asks(A, (7, 1), ends(3, false));
            stage.answers(A, (7, 1), ended(3));
        },
    },
    Case {
        anomaly: NEVER,
        good: |stage| {
            stage.asks(A, (7, 1), commits(5, 1));
            stage.asks(A, (7, 2), commits_in_transaction(6, 2));
            stage.answers(A, (8, 1), tells(5, 1));
            stage.answers(A, (8, 2), tells(6, 2));
            stage.answers(A, (8, 3), tells(-1, -1));
        },
        bad: |stage| {
            stage.asks(A, (7, 1), commits(5, 1));
            stage.asks(A, (7, 2), commits_in_transaction(6, 2));
            stage.answers(A, (8, 1), tells(6, -1));
        },
    },
    Case {
        anomaly: LATE,
        good: |stage| {
            sends_for(stage, 1_000);
            let now_ns = stage.now_ns();
            stage.observer.process_blocked(now_ns, SENDER, true);
            stage.wait_ms(10_000);
            let later_ns = stage.now_ns();
            stage.observer.process_blocked(later_ns, SENDER, false);
            stage.observer.send_ended(later_ns, 1, SENDER, now_ns);
        },
        bad: |stage| sends_for(stage, 1_200),
    },
    Case {
        anomaly: REPEATED,
        good: |stage| commits_again(stage, true),
        bad: |stage| commits_again(stage, false),
    },
    Case {
        anomaly: ASKED,
        good: |stage| {
            is_refused(stage, 1);
            is_refused(stage, 2);
            stage.asks(B, (9, 1), looks_for_coordinator());
            is_refused(stage, 3);
            is_refused(stage, 4);
        },
        bad: |stage| {
            is_refused(stage, 1);
            is_refused(stage, 2);
            is_refused(stage, 3);
        },
    },
];

/// A coordinates; its transactional id has rested, and its first transaction begins.
fn begins(stage: &mut Stage) {
    leads_in_one(stage, CoordinatorKind::Transaction);
    is_in(stage, Empty, 0, 0);
    is_in(stage, Ongoing, 1, 0);
}

/// A says that a transaction is in a state, and in which epoch its producer is.
fn is_in(stage: &mut Stage, state: TransactionState, transaction: u64, epoch: i16) {
    let note = TransactionNote::StateChanged {
        transactional_id: about(CoordinatorKind::Transaction),
        producer_id: PRODUCER,
        producer_epoch: ProducerEpoch(epoch),
        transaction: TransactionOrdinal(transaction),
        state,
        timeout_ms: 10_000,
        coordinator_epoch: LeaderEpoch(1),
    };
    stage.note(A, &Note::Transaction(note));
}

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn id() -> TransactionalId {
    TransactionalId(StrBytes::from_string(about(CoordinatorKind::Transaction)))
}

fn group() -> GroupId {
    GroupId(StrBytes::from_string(about(CoordinatorKind::Group)))
}

fn ends(epoch: i16, committed: bool) -> RequestBody {
    let request = EndTxnRequest::default()
        .with_transactional_id(id())
        .with_producer_id(PRODUCER.0.into())
        .with_producer_epoch(epoch)
        .with_committed(committed);
    RequestBody::Client(ClientRequest::EndTxn(Box::new(request)))
}

fn ended(epoch: i16) -> ResponseBody {
    let response =
        EndTxnResponse::default().with_producer_id(PRODUCER.0.into()).with_producer_epoch(epoch);
    ResponseBody::Client(ClientResponse::EndTxn(Box::new(response)))
}

fn takes_over() -> RequestBody {
    let request = InitProducerIdRequest::default().with_transactional_id(Some(id()));
    RequestBody::Client(ClientRequest::InitProducerId(Box::new(request)))
}

fn commits(offset: i64, epoch: i32) -> RequestBody {
    let one = OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_leader_epoch(epoch)
        .with_committed_metadata(None);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text("x")))
        .with_partitions(vec![one]);
    let request = OffsetCommitRequest::default().with_group_id(group()).with_topics(vec![topic]);
    RequestBody::Client(ClientRequest::OffsetCommit(Box::new(request)))
}

fn commits_in_transaction(offset: i64, epoch: i32) -> RequestBody {
    let one = TxnOffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_leader_epoch(epoch)
        .with_committed_metadata(Some(text("")));
    let topic = TxnOffsetCommitRequestTopic::default()
        .with_name(TopicName(text("x")))
        .with_partitions(vec![one]);
    let request = TxnOffsetCommitRequest::default().with_group_id(group()).with_topics(vec![topic]);
    RequestBody::Client(ClientRequest::TxnOffsetCommit(Box::new(request)))
}

fn tells(offset: i64, epoch: i32) -> ResponseBody {
    let one = OffsetFetchResponsePartitions::default()
        .with_committed_offset(offset)
        .with_committed_leader_epoch(epoch)
        .with_metadata(Some(text("")));
    let topic = OffsetFetchResponseTopics::default()
        .with_name(TopicName(text("x")))
        .with_partitions(vec![one]);
    let told = OffsetFetchResponseGroup::default().with_group_id(group()).with_topics(vec![topic]);
    let response = OffsetFetchResponse::default().with_groups(vec![told]);
    ResponseBody::Client(ClientResponse::OffsetFetch(Box::new(response)))
}

/// What became of a record is told so long after it was sent.
fn sends_for(stage: &mut Stage, ms: u64) {
    let sent_ns = stage.now_ns();
    stage.wait_ms(ms);
    let now_ns = stage.now_ns();
    stage.observer.send_ended(now_ns, 1, SENDER, sent_ns);
}

/// A consumer sends a commit for the second time.
fn commits_again(stage: &mut Stage, waits: bool) {
    let group = about(CoordinatorKind::Group);
    stage.note(SENDER, &Note::Consumer(ConsumerNote::CommitRepeated { group, waits }));
}

/// A is asked for the n-th time to commit offsets in a transaction, and does not coordinate the group.
fn is_refused(stage: &mut Stage, times: i32) {
    stage.asks(A, (7, times), commits_in_transaction(5, 1));
    let one = TxnOffsetCommitResponsePartition::default()
        .with_error_code(ErrorCode::NotCoordinator.code());
    let topic = TxnOffsetCommitResponseTopic::default().with_partitions(vec![one]);
    let response = TxnOffsetCommitResponse::default().with_topics(vec![topic]);
    let body = ResponseBody::Client(ClientResponse::TxnOffsetCommit(Box::new(response)));
    stage.answers(A, (7, times), body);
}

fn looks_for_coordinator() -> RequestBody {
    let request =
        FindCoordinatorRequest::default().with_key_type(0).with_coordinator_keys(vec![group().0]);
    RequestBody::Client(ClientRequest::FindCoordinator(Box::new(request)))
}

/// Who waits for its turn on a connection, or has left since, may be the one who wanted the abort.
#[test]
fn whoever_may_have_asked_for_an_abort_has() {
    type Play = fn(&mut Stage);
    let wishes: [(&str, Play, Play, bool); 4] = [
        ("one that waits", |_| {}, |_| {}, false),
        ("one that was answered before", |stage| stage.answers(A, (7, 1), ended(1)), |_| {}, true),
        ("one that has left since", |_| {}, |stage| stage.closes(A, 7), false),
        (
            "somebody who speaks bytes",
            |stage| stage.answers(A, (7, 1), ended(1)),
            |stage| stage.asks(A, (8, 1), RequestBody::Wire(Vec::new().into())),
            false,
        ),
    ];
    for (who, before, after, is_found) in wishes {
        let mut stage = super::case::stage();
        stage.asks(A, (7, 1), ends(0, false));
        before(&mut stage);
        begins(&mut stage);
        after(&mut stage);
        is_in(&mut stage, PrepareAbort, 1, 1);
        assert_eq!(stage.found().contains(&UNASKED.to_owned()), is_found, "{who}");
    }
}

/// What a coordinator loads says nothing of when the next transaction began.
#[test]
fn who_loads_that_an_id_rests_shortens_no_time() {
    let found = outcome(|stage| {
        leads_in_one(stage, CoordinatorKind::Transaction);
        is_in(stage, Empty, 0, 0);
        stage.wait_ms(TIMEOUT_MS);
        is_in(stage, Empty, 0, 0);
        is_in(stage, Ongoing, 1, 0);
        is_in(stage, PrepareAbort, 1, 1);
    });
    assert_eq!(found, Vec::<String>::new());
}
