//! Share groups: who holds what, what is done, what is passed over, whose writes count.

use harrow_broker_model::message::{ClientRequest, ClientResponse, RequestBody, ResponseBody};
use harrow_broker_model::note::{LockEnd, MetadataChange, Note, ShareNote};
use harrow_broker_model::share_message::{
    AcknowledgeType, AcquiredRecords, DeliveryState, ShareFetchRequest, ShareFetchResponse,
    ShareFetchedPartition, StateBatch,
};
use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use super::case::{Case, plain};
use super::due::{begins, passes};
use crate::stage::{A, B, C, Stage, X};

/// Another partition, of which the stage has no replicas.
const Y: TopicPartition = TopicPartition { topic: X.topic, partition: 1 };
/// `group.share.record.lock.duration.ms` and `group.share.delivery.count.limit` of the stage.
const LOCK_MS: u64 = 2_000;
const LIMIT: u32 = 5;

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "share-lock-broken",
        good: |stage| {
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, 1);
            expires(stage, 0, false);
            acquires(stage, ("m2", 1), 0, 2);
            loads(stage, 2, 0);
            acquires(stage, ("m3", 2), 0, 1);
        },
        bad: |stage| {
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, 1);
            takes(stage, 0, AcknowledgeType::Release);
            acquires(stage, ("m2", 1), 0, 2);
        },
    },
    Case {
        anomaly: "share-lock-overdue",
        good: |stage| {
            begins(stage);
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, 1);
            acquires(stage, ("m1", 1), 1, 1);
            takes(stage, 1, AcknowledgeType::Accept);
            passes(stage, 2);
            ends(stage, 0, LockEnd::Expired, false);
            passes(stage, 10);
        },
        bad: |stage| {
            begins(stage);
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, 1);
            takes(stage, 0, AcknowledgeType::Accept);
            passes(stage, 10);
            answers(stage, 0, AcknowledgeType::Accept, false);
            passes(stage, 2);
        },
    },
    Case {
        anomaly: "share-lock-cut",
        good: |stage| expires_after(stage, LOCK_MS),
        bad: |stage| expires_after(stage, LOCK_MS - 1),
    },
    Case {
        anomaly: "share-lock-taken",
        good: |stage| acknowledges(stage, "m1"),
        bad: |stage| acknowledges(stage, "m2"),
    },
    Case {
        anomaly: "share-given-up-early",
        good: |stage| {
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, LIMIT);
            expires(stage, 0, true);
            acquires(stage, ("m1", 1), 1, 1);
            expires(stage, 1, false);
        },
        bad: |stage| {
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, LIMIT - 1);
            expires(stage, 0, true);
        },
    },
    Case {
        anomaly: "share-above-true-hw",
        good: |stage| {
            stage.lead(A, 1, plain(2));
            acquires(stage, ("m1", 1), 1, 1);
        },
        bad: |stage| {
            stage.lead(A, 1, plain(2));
            acquires(stage, ("m1", 1), 2, 1);
        },
    },
    Case {
        anomaly: "share-fetch-exceeded",
        good: |stage| fetches(stage, 3, &[(0, 1), (0, 0)]),
        bad: |stage| fetches(stage, 3, &[(0, 2), (0, 0)]),
    },
    Case {
        anomaly: "share-done-again",
        good: |stage| {
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, 1);
            takes(stage, 0, AcknowledgeType::Accept);
            answers(stage, 0, AcknowledgeType::Accept, false);
            expires(stage, 0, false);
            acquires(stage, ("m2", 1), 0, 2);
        },
        bad: |stage| {
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, 1);
            takes(stage, 0, AcknowledgeType::Accept);
            answers(stage, 0, AcknowledgeType::Accept, true);
            acquires(stage, ("m2", 1), 0, 2);
        },
    },
    Case {
        anomaly: "share-count-broken",
        good: |stage| {
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, 1);
            expires(stage, 0, false);
            acquires(stage, ("m2", 1), 0, 2);
        },
        bad: |stage| {
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, 1);
            expires(stage, 0, false);
            acquires(stage, ("m2", 1), 0, 1);
        },
    },
    Case {
        anomaly: "share-count-forgotten",
        good: |stage| {
            appends(stage, 1, 5, 2);
            writes(stage, 1, 5);
            loads(stage, 2, 0);
            acquires(stage, ("m1", 2), 0, 3);
        },
        bad: |stage| {
            appends(stage, 1, 5, 2);
            writes(stage, 1, 5);
            loads(stage, 2, 0);
            acquires(stage, ("m1", 2), 0, 2);
        },
    },
    Case {
        anomaly: "share-window-broken",
        good: |stage| acquires_of(stage, 200),
        bad: |stage| acquires_of(stage, 201),
    },
    Case {
        anomaly: "share-loss",
        good: |stage| {
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, 1);
            takes(stage, 0, AcknowledgeType::Reject);
            answers(stage, 0, AcknowledgeType::Reject, true);
            moves(stage, 1);
        },
        bad: |stage| {
            loads(stage, 1, 0);
            acquires(stage, ("m1", 1), 0, 1);
            expires(stage, 0, false);
            moves(stage, 1);
        },
    },
    Case {
        anomaly: "share-zombie-write",
        good: |stage| {
            writes(stage, 1, 5);
            reads(stage, 2, 6);
            writes(stage, 1, 5);
            writes(stage, 2, 7);
        },
        bad: |stage| {
            reads(stage, 2, 6);
            writes(stage, 1, 7);
        },
    },
    Case {
        anomaly: "share-session-cut",
        good: |stage| closes(stage, true),
        bad: |stage| closes(stage, false),
    },
];

/// A leader that knows of a later one does nothing more with what it led.
#[test]
fn a_deposed_leader_ends_no_locks() {
    for (knows, expected) in [(false, &[][..]), (true, &["acts-in-older-epoch"])] {
        let mut stage = super::case::stage();
        stage.observer.expect_all_facts();
        loads(&mut stage, 1, 0);
        acquires(&mut stage, ("m1", 1), 0, 1);
        if knows {
            let registration = stage.next(Some(B), 2, &[B, C]);
            let partition = X;
            let change =
                MetadataChange::PartitionChanged { partition, registration, unclean: false };
            stage.metadata_at(A, change);
        }
        gives_back(&mut stage, "m1");
        assert_eq!(stage.found(), expected, "it knows: {knows}");
    }
}

/// What a member holds is given back when its own session ends, not with another one's.
#[test]
fn a_session_ends_the_locks_of_its_own_member() {
    for (gone, expected) in [("m1", &[][..]), ("m2", &["share-lock-cut"])] {
        let mut stage = super::case::stage();
        stage.observer.expect_all_facts();
        loads(&mut stage, 1, 0);
        acquires(&mut stage, ("m1", 1), 0, 1);
        gives_back(&mut stage, gone);
        loads(&mut stage, 1, 0);
        assert_eq!(stage.found(), expected, "the session of {gone} ends");
    }
}

/// What may have come to nothing says nothing of what a new leader is told, nor does what a leader of its own epoch
/// wrote.
#[test]
fn only_what_is_surely_stored_counts_for_a_new_leader() {
    let unsure: [fn(&mut Stage); 3] = [
        |stage| appends(stage, 1, 5, 2),
        |stage| {
            appends(stage, 1, 5, 2);
            writes(stage, 1, 5);
            appends(stage, 1, 6, 0);
        },
        |stage| {
            appends(stage, 2, 5, 2);
            writes(stage, 2, 5);
        },
    ];
    for (index, play) in unsure.into_iter().enumerate() {
        let mut stage = super::case::stage();
        play(&mut stage);
        loads(&mut stage, 2, 0);
        acquires(&mut stage, ("m1", 2), 0, 1);
        assert_eq!(stage.found(), Vec::<String>::new(), "case {index}");
    }
}

/// Where an election has dropped a record, another one stands: that one is not done.
#[test]
fn what_was_dropped_is_not_done_any_more() {
    for (offset, done_anew, found) in [(0, false, true), (1, false, false), (1, true, true)] {
        let mut stage = super::case::stage();
        loads(&mut stage, 1, 0);
        for offset in 0..2 {
            acquires(&mut stage, ("m1", 1), offset, 1);
            answers(&mut stage, offset, AcknowledgeType::Accept, true);
        }
        stage.crash(B, true);
        stage.restart(B, 1);
        let next = stage.next(Some(B), 2, &[B]);
        stage.registered(X, next, true);
        stage.became_leader(B, 2, &[B]);
        loads(&mut stage, 2, 0);
        if done_anew {
            answers_in(&mut stage, 2, (offset, AcknowledgeType::Accept), true);
        }
        acquires(&mut stage, ("m2", 2), offset, 1);
        let is_found = stage.found().iter().any(|name| name == "share-done-again");
        assert_eq!(is_found, found, "offset {offset}, done anew {done_anew}");
    }
}

fn group() -> String {
    "workers".to_owned()
}

fn share(stage: &mut Stage, note: ShareNote) {
    stage.note(A, &Note::Share(note));
}

fn loads(stage: &mut Stage, epoch: i32, start: i64) {
    share(
        stage,
        ShareNote::Loaded {
            group: group(),
            partition: X,
            leader_epoch: LeaderEpoch(epoch),
            start_offset: Offset(start),
            log_start_offset: Offset(0),
        },
    );
}

fn acquires(stage: &mut Stage, (member, epoch): (&str, i32), offset: i64, delivery_count: u32) {
    share(
        stage,
        ShareNote::Acquired {
            group: group(),
            partition: X,
            leader_epoch: LeaderEpoch(epoch),
            member: member.to_owned(),
            first: Offset(offset),
            last: Offset(offset),
            delivery_count,
            in_flight: 1,
        },
    );
}

fn acquires_of(stage: &mut Stage, in_flight: u32) {
    let note = ShareNote::Acquired {
        group: group(),
        partition: X,
        leader_epoch: LeaderEpoch(1),
        member: "m1".to_owned(),
        first: Offset(0),
        last: Offset(0),
        delivery_count: 1,
        in_flight,
    };
    share(stage, note);
}

/// The time of the lock that the member acquired last is over.
fn expires(stage: &mut Stage, offset: i64, archived: bool) {
    stage.wait_ms(LOCK_MS);
    ends(stage, offset, LockEnd::Expired, archived);
}

fn expires_after(stage: &mut Stage, ms: u64) {
    loads(stage, 1, 0);
    acquires(stage, ("m1", 1), 0, 1);
    stage.wait_ms(ms);
    ends(stage, 0, LockEnd::Expired, false);
}

fn ends(stage: &mut Stage, offset: i64, why: LockEnd, archived: bool) {
    share(
        stage,
        ShareNote::LockEnded {
            group: group(),
            partition: X,
            leader_epoch: LeaderEpoch(1),
            member: "m1".to_owned(),
            first: Offset(offset),
            last: Offset(offset),
            why,
            archived,
        },
    );
}

/// What m1 holds is given back as the session of this member ends.
fn gives_back(stage: &mut Stage, gone: &str) {
    ends(stage, 0, LockEnd::SessionClosed, false);
    let (group, member) = (group(), gone.to_owned());
    let closed = ShareNote::SessionClosed { group, member, session: 1, own: true };
    stage.note_at_once(A, &Note::Share(closed));
}

fn fetch(member: &str, records_max: u32) -> RequestBody {
    let request = ShareFetchRequest {
        group: group(),
        member: member.to_owned(),
        session_epoch: 1,
        partitions: vec![X, Y],
        acknowledgements: Vec::new(),
        records_max,
        wait_max_ms: 0,
    };
    RequestBody::Client(ClientRequest::ShareFetch(Box::new(request)))
}

/// A member acknowledges what m1 holds.
fn acknowledges(stage: &mut Stage, member: &str) {
    loads(stage, 1, 0);
    acquires(stage, ("m1", 1), 0, 1);
    stage.asks(A, (1, 1), fetch(member, 1));
    stage.note_at_once(A, &Note::Share(taken(0, AcknowledgeType::Accept)));
}

/// A member is given these offsets of X and Y.
fn fetches(stage: &mut Stage, records_max: u32, given: &[(i64, i64)]) {
    stage.asks(A, (1, 1), fetch("m1", records_max));
    let partitions = [X, Y].into_iter().zip(given).map(|(partition, (first, last))| {
        let (first, last) = (Offset(*first), Offset(*last));
        let acquired = vec![AcquiredRecords { first, last, delivery_count: 1 }];
        ShareFetchedPartition { partition, error: None, acquired, batches: Vec::new() }
    });
    let partitions = partitions.collect();
    let response = ShareFetchResponse { error: None, acknowledged: Vec::new(), partitions };
    let body = ResponseBody::Client(ClientResponse::ShareFetch(Box::new(response)));
    stage.answers(A, (1, 1), body);
}

fn takes(stage: &mut Stage, offset: i64, what: AcknowledgeType) {
    share(stage, taken(offset, what));
}

fn taken(offset: i64, what: AcknowledgeType) -> ShareNote {
    ShareNote::AcknowledgementTaken {
        group: group(),
        partition: X,
        leader_epoch: LeaderEpoch(1),
        first: Offset(offset),
        last: Offset(offset),
        what,
        archived: false,
    }
}

fn answers(stage: &mut Stage, offset: i64, what: AcknowledgeType, stored: bool) {
    answers_in(stage, 1, (offset, what), stored);
}

fn answers_in(stage: &mut Stage, epoch: i32, (offset, what): (i64, AcknowledgeType), stored: bool) {
    share(
        stage,
        ShareNote::AcknowledgementAnswered {
            group: group(),
            partition: X,
            leader_epoch: LeaderEpoch(epoch),
            first: Offset(offset),
            last: Offset(offset),
            what,
            stored,
        },
    );
}

fn moves(stage: &mut Stage, to: i64) {
    share(
        stage,
        ShareNote::StartOffsetMoved {
            group: group(),
            partition: X,
            leader_epoch: LeaderEpoch(1),
            to: Offset(to),
            log_start_offset: Offset(0),
        },
    );
}

fn reads(stage: &mut Stage, epoch: i32, at: i64) {
    let (leader_epoch, at) = (LeaderEpoch(epoch), Offset(at));
    let note = ShareNote::StateRead { group: group(), partition: X, leader_epoch, at };
    stage.note(B, &Note::Share(note));
}

fn writes(stage: &mut Stage, epoch: i32, at: i64) {
    let (leader_epoch, at) = (LeaderEpoch(epoch), Offset(at));
    let note = ShareNote::StateWritten { group: group(), partition: X, leader_epoch, at };
    stage.note(B, &Note::Share(note));
}

/// The first offset's state, available after so many deliveries, is to be stored.
fn appends(stage: &mut Stage, epoch: i32, at: i64, delivery_count: u32) {
    let (first, state) = (Offset(0), DeliveryState::Available);
    let note = ShareNote::StateAppended {
        group: group(),
        partition: X,
        leader_epoch: LeaderEpoch(epoch),
        at: Offset(at),
        start_offset: Offset(0),
        batches: vec![StateBatch { first, last: first, state, delivery_count }],
    };
    stage.note(B, &Note::Share(note));
}

fn closes(stage: &mut Stage, own: bool) {
    let member = "m1".to_owned();
    share(stage, ShareNote::SessionOpened { group: group(), member: member.clone(), session: 1 });
    share(stage, ShareNote::SessionClosed { group: group(), member, session: 1, own });
}
