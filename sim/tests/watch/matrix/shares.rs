//! Share groups: who holds what, what is done, what is passed over, whose writes count.

use harrow_broker_model::note::{LockEnd, MetadataChange, Note, ShareNote};
use harrow_broker_model::share_message::AcknowledgeType;
use harrow_broker_model::types::{LeaderEpoch, Offset};

use super::case::Case;
use super::due::{begins, passes};
use crate::stage::{A, B, Stage, X};

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
            expires(stage, 0, false);
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
            let registration = stage.next(Some(B), 2, &[A, B]);
            let partition = X;
            let change =
                MetadataChange::PartitionChanged { partition, registration, unclean: false };
            stage.metadata_at(A, change);
        }
        expires(&mut stage, 0, false);
        assert_eq!(stage.found(), expected, "it knows: {knows}");
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

fn expires(stage: &mut Stage, offset: i64, archived: bool) {
    share(
        stage,
        ShareNote::LockEnded {
            group: group(),
            partition: X,
            leader_epoch: LeaderEpoch(1),
            member: "m1".to_owned(),
            first: Offset(offset),
            last: Offset(offset),
            why: LockEnd::Expired,
            archived,
        },
    );
}

fn takes(stage: &mut Stage, offset: i64, what: AcknowledgeType) {
    share(
        stage,
        ShareNote::AcknowledgementTaken {
            group: group(),
            partition: X,
            leader_epoch: LeaderEpoch(1),
            first: Offset(offset),
            last: Offset(offset),
            what,
            archived: false,
        },
    );
}

fn answers(stage: &mut Stage, offset: i64, what: AcknowledgeType, stored: bool) {
    share(
        stage,
        ShareNote::AcknowledgementAnswered {
            group: group(),
            partition: X,
            leader_epoch: LeaderEpoch(1),
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

fn closes(stage: &mut Stage, own: bool) {
    let member = "m1".to_owned();
    share(stage, ShareNote::SessionOpened { group: group(), member: member.clone(), session: 1 });
    share(stage, ShareNote::SessionClosed { group: group(), member, session: 1, own });
}
