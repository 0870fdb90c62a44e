//! Transactions that are to end and rebalances that are to be over, when nothing stands in the way.

use harrow_broker_model::note::{
    ClassicGroupState, GroupNote, MetadataChange, Note, TransactionNote, TransactionState,
};
use harrow_broker_model::types::{LeaderEpoch, NodeId, ProducerEpoch, TransactionOrdinal};
use harrow_sim::watch::{AskedEnd, CoordinatorKind, LastingFaults};

use super::case::{Case, outcome};
use super::coordination::{PRODUCER, about, is_in, leads_in_one, ongoing, place};
use super::due::{begins, passes};
use crate::stage::{A, B, C, N1, N2, N3, Stage, X};

const TRANSACTION: &str = "transaction-overdue";
const REBALANCE: &str = "rebalance-overdue";
const REPEATED: &str = "decided-end-refused";

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: REPEATED,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Transaction);
            decides(stage);
            refuses_end(stage, A, 0, false);
            refuses_end(stage, A, 1, true);
            refuses_end(stage, B, 0, true);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Transaction);
            decides(stage);
            refuses_end(stage, A, 0, true);
        },
    },
    Case {
        anomaly: TRANSACTION,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Transaction);
            stage.note(A, &ongoing(1));
            passes(stage, 15);
            stage.note(A, &state(TransactionState::PrepareAbort));
            stage.note(A, &state(TransactionState::CompleteAbort));
            passes(stage, 200);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Transaction);
            stage.note(A, &ongoing(1));
            passes(stage, 200);
        },
    },
    Case {
        anomaly: TRANSACTION,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Transaction);
            decides(stage);
            stage.note(A, &state(TransactionState::CompleteCommit));
            passes(stage, 300);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Transaction);
            decides(stage);
            passes(stage, 300);
        },
    },
    Case {
        anomaly: REBALANCE,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            classic(stage, ClassicGroupState::PreparingRebalance);
            passes(stage, 5);
            classic(stage, ClassicGroupState::CompletingRebalance);
            passes(stage, 5);
            classic(stage, ClassicGroupState::Stable);
            passes(stage, 200);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            classic(stage, ClassicGroupState::PreparingRebalance);
            passes(stage, 200);
        },
    },
    Case {
        anomaly: REBALANCE,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            classic(stage, ClassicGroupState::CompletingRebalance);
            converted(stage, false);
            passes(stage, 200);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            classic(stage, ClassicGroupState::CompletingRebalance);
            passes(stage, 200);
        },
    },
    Case {
        anomaly: REBALANCE,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            holds(stage, 1, true);
            passes(stage, 5);
            holds(stage, 2, false);
            passes(stage, 200);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            holds(stage, 1, true);
            passes(stage, 200);
        },
    },
];

/// A coordinates in epoch 1, with B and C in sync; all is stated, and it is calm.
pub(super) fn coordinates(stage: &mut Stage, kind: CoordinatorKind) {
    let data = std::mem::replace(&mut stage.partition, place(kind));
    stage.follow(B, 1, A);
    stage.follow(C, 1, A);
    stage.partition = data;
    begins(stage);
    leads_in_one(stage, kind);
    let data = std::mem::replace(&mut stage.partition, place(kind));
    stage.became_leader(A, 1, &[A, B, C]);
    stage.partition = data;
}

fn state(state: TransactionState) -> Note {
    is_in(state, 1)
}

/// A transaction begins, and is to be committed.
fn decides(stage: &mut Stage) {
    stage.note(A, &ongoing(1));
    stage.note(A, &state(TransactionState::PrepareCommit));
}

/// A node says that the producer cannot end its transaction so.
fn refuses_end(stage: &mut Stage, node: NodeId, epoch: i16, commits: bool) {
    let producer = (PRODUCER, ProducerEpoch(epoch));
    let asked =
        AskedEnd { transactional_id: about(CoordinatorKind::Transaction), producer, commits };
    let now_ns = stage.now_ns();
    stage.observer.end_refused(now_ns, 1, node, &asked);
}

/// Something that happens.
type Play = fn(&mut Stage);

/// What is decided and known is not refused: until the next transaction begins, or who knew it begins anew.
#[test]
fn an_end_is_repeated_while_it_is_the_newest() {
    let later: [(&str, Play, bool); 4] = [
        ("complete", |stage| stage.note(A, &state(TransactionState::CompleteCommit)), true),
        ("the next one", |stage| goes_on(stage, TransactionState::Ongoing), false),
        ("another producer", |stage| goes_on(stage, TransactionState::Empty), false),
        ("a restart", restarts, false),
    ];
    for (what, happens, is_found) in later {
        let mut stage = super::case::stage();
        coordinates(&mut stage, CoordinatorKind::Transaction);
        decides(&mut stage);
        happens(&mut stage);
        refuses_end(&mut stage, A, 0, true);
        let expected: &[&str] = if is_found { &[REPEATED] } else { &[] };
        assert_eq!(stage.found(), expected, "{what}");
    }
}

fn restarts(stage: &mut Stage) {
    let now_ns = stage.now_ns();
    stage.observer.process_started(now_ns, A);
}

/// The transaction is complete, and the same id has its next one, or its next producer.
fn goes_on(stage: &mut Stage, next: TransactionState) {
    stage.note(A, &state(TransactionState::CompleteCommit));
    let mut note = is_in(next, 1);
    if let Note::Transaction(TransactionNote::StateChanged {
        transaction, producer_epoch, ..
    }) = &mut note
    {
        (*transaction, *producer_epoch) = (TransactionOrdinal(2), ProducerEpoch(1));
    }
    stage.note(A, &note);
}

/// The partition of the stage is in the transaction.
fn adds(stage: &mut Stage) {
    let (producer_id, transaction) = (PRODUCER, TransactionOrdinal(1));
    let note = TransactionNote::PartitionAdded { producer_id, transaction, partition: X };
    stage.note(A, &Note::Transaction(note));
}

pub(super) fn group() -> String {
    about(CoordinatorKind::Group)
}

fn classic(stage: &mut Stage, state: ClassicGroupState) {
    let note = GroupNote::ClassicStateChanged { group: group(), state, timeout_ms: 10_000 };
    stage.note(A, &Note::Group(note));
}

fn converted(stage: &mut Stage, classic: bool) {
    let note = GroupNote::ProtocolChanged { group: group(), classic };
    stage.note(A, &Note::Group(note));
}

pub(super) fn holds(stage: &mut Stage, member_epoch: i32, unrevoked: bool) {
    let revokes_within_ms = if unrevoked { 10_000 } else { 0 };
    let note = GroupNote::MemberHolds {
        partition: place(CoordinatorKind::Group),
        leader_epoch: LeaderEpoch(1),
        group: group(),
        member: "m".to_owned(),
        member_epoch,
        partitions: vec![X],
        revokes_within_ms,
    };
    stage.note(A, &Note::Group(note));
}

/// A fault lasts at these nodes.
fn hinders(stage: &mut Stage, nodes: &[NodeId]) {
    let lasting = LastingFaults { nodes: nodes.to_vec(), cuts: Vec::new() };
    stage.observer.disturbed(stage.now_ns(), &lasting);
}

/// What excuses that a transaction stays open, or a group waits, and what does not.
#[test]
fn it_is_due_unless_somebody_who_is_needed_is_hindered() {
    type Begin = (&'static str, CoordinatorKind, fn(&mut Stage));
    type Variant = (&'static str, fn(&mut Stage), bool);
    let variants: [Variant; 7] = [
        ("the coordinator", |stage| hinders(stage, &[A]), false),
        ("a replica of its partition", |stage| hinders(stage, &[B]), false),
        ("the controller", |stage| hinders(stage, &[N1]), true),
        ("other controllers", |stage| hinders(stage, &[N2, N3]), true),
        ("a replica that is down", |stage| stage.crash(C, false), false),
        (
            "a replica that does not follow yet",
            |stage| {
                stage.crash(C, false);
                stage.observer.process_started(stage.now_ns(), C);
            },
            false,
        ),
        (
            "a coordinator that starts again",
            |stage| stage.observer.process_started(stage.now_ns(), A),
            false,
        ),
    ];
    for (who, hinder, is_due) in variants {
        let begin: [Begin; 2] = [
            (TRANSACTION, CoordinatorKind::Transaction, |stage| stage.note(A, &ongoing(1))),
            (REBALANCE, CoordinatorKind::Group, |stage| {
                classic(stage, ClassicGroupState::CompletingRebalance);
            }),
        ];
        for (anomaly, kind, begin) in begin {
            let mut stage = super::case::stage();
            coordinates(&mut stage, kind);
            begin(&mut stage);
            hinder(&mut stage);
            passes(&mut stage, 200);
            let found = stage.found().contains(&anomaly.to_owned());
            assert_eq!(found, is_due, "{anomaly}: {who}");
        }
    }
}

/// Markers need the leaders of the partitions of the transaction, and the controller, who says who they are.
#[test]
fn a_decided_transaction_waits_for_who_has_to_write_its_markers() {
    type Variant = (&'static str, fn(&mut Stage), bool);
    let variants: [Variant; 4] = [
        ("nobody", |_| {}, true),
        ("the controller", |stage| hinders(stage, &[N1]), false),
        (
            "a partition without leader",
            |stage| {
                let next = stage.next(None, 2, &[]);
                stage.registered(X, next, false);
            },
            false,
        ),
        ("too few in sync", |stage| stage.elect(A, 1, &[A]), false),
    ];
    for (who, hinder, is_due) in variants {
        let mut stage = super::case::stage();
        coordinates(&mut stage, CoordinatorKind::Transaction);
        decides(&mut stage);
        adds(&mut stage);
        hinder(&mut stage);
        passes(&mut stage, 300);
        assert_eq!(stage.found().contains(&TRANSACTION.to_owned()), is_due, "{who}");
    }
}

/// Partitions that are deleted need no marker, which the coordinator learns from the controller.
#[test]
fn a_decided_transaction_of_deleted_partitions_waits_for_the_controller_alone() {
    for (cut, is_due) in [(false, true), (true, false)] {
        let mut stage = super::case::stage();
        coordinates(&mut stage, CoordinatorKind::Transaction);
        decides(&mut stage);
        adds(&mut stage);
        stage.metadata(MetadataChange::TopicDeleted { topic: X.topic });
        if cut {
            let lasting = LastingFaults { nodes: Vec::new(), cuts: vec![(A, N1), (N1, A)] };
            stage.observer.disturbed(stage.now_ns(), &lasting);
        }
        passes(&mut stage, 300);
        assert_eq!(stage.found().contains(&TRANSACTION.to_owned()), is_due, "cut off: {cut}");
    }
}

/// A transaction that goes on has the time of its beginning, and what is stated is not overlooked in the same moment.
#[test]
fn what_is_added_to_a_transaction_gives_it_no_more_time() {
    let found = outcome(|stage| {
        coordinates(stage, CoordinatorKind::Transaction);
        for _ in 0..60 {
            stage.note(A, &ongoing(1));
            passes(stage, 1);
        }
        passes(stage, 30);
    });
    assert_eq!(found, [TRANSACTION]);
}

/// One that is elected again goes on with its timers, and states nothing anew.
#[test]
fn a_group_waits_for_the_same_coordinator_in_a_later_epoch() {
    let found = outcome(|stage| {
        coordinates(stage, CoordinatorKind::Group);
        classic(stage, ClassicGroupState::PreparingRebalance);
        let kind = CoordinatorKind::Group;
        let next = stage.next(Some(A), 2, &[A, B, C]);
        stage.metadata_at(
            A,
            MetadataChange::PartitionChanged {
                partition: place(kind),
                registration: next,
                unclean: false,
            },
        );
        let data = std::mem::replace(&mut stage.partition, place(kind));
        stage.became_leader(A, 2, &[A, B, C]);
        stage.partition = data;
        passes(stage, 200);
    });
    assert_eq!(found, [REBALANCE]);
}

/// What another coordinator has said is for that one to end.
#[test]
fn who_coordinates_no_more_ends_nothing() {
    assert_eq!(
        outcome(|stage| {
            coordinates(stage, CoordinatorKind::Group);
            classic(stage, ClassicGroupState::PreparingRebalance);
            let kind = CoordinatorKind::Group;
            let next = stage.next(Some(B), 2, &[B, C]);
            stage.registered(place(kind), next, false);
            passes(stage, 1);
            let next = stage.next(Some(B), 2, &[A, B, C]);
            stage.registered(place(kind), next, false);
            passes(stage, 200);
        }),
        Vec::<String>::new()
    );
}

/// The time to join is over whoever is hindered, as long as the coordinator goes on.
#[test]
fn a_coordinator_ends_the_time_to_join_by_itself() {
    let found = outcome(|stage| {
        coordinates(stage, CoordinatorKind::Group);
        classic(stage, ClassicGroupState::PreparingRebalance);
        hinders(stage, &[A, B, C, N1]);
        passes(stage, 200);
    });
    assert!(found.contains(&REBALANCE.to_owned()), "{found:?}");
}
