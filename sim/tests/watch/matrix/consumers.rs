//! What leaders tell consumers: whom to read from, and what is the first record of a time.

use harrow_broker_model::config::OffsetReset;
use harrow_broker_model::note::{ConsumerNote, DeletionReason, IsolationLevel, Note};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, WallTime};
use harrow_sim::plan::ClientPlan;

use super::case::Case;
use super::guards::unclean;
use crate::stage::{A, B, C, Stage, X};

/// A leader sends a consumer to a replica.
fn sends(stage: &mut Stage, leader: NodeId, epoch: i32, replica: NodeId) {
    sends_at(stage, leader, epoch, (replica, 0));
}

fn sends_at(stage: &mut Stage, leader: NodeId, epoch: i32, (replica, offset): (NodeId, i64)) {
    let note = ConsumerNote::ReadReplicaNamed {
        partition: X,
        leader_epoch: LeaderEpoch(epoch),
        consumer: NodeId(1001),
        replica,
        fetch_offset: Offset(offset),
    };
    stage.note(leader, &Note::Consumer(note));
}

/// A tells a client which record is the first from a time on; all have the timestamp 0.
fn tells_for_a_time(stage: &mut Stage, from: Option<i64>, offset: i64) {
    let note = ConsumerNote::TimedOffsetServed {
        partition: X,
        leader_epoch: LeaderEpoch(1),
        isolation: IsolationLevel::ReadUncommitted,
        from: from.map(WallTime),
        offset: Offset(offset),
    };
    stage.note(A, &Note::Consumer(note));
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "read-replica-not-in-sync",
        good: |stage| {
            sends(stage, A, 1, B);
            unclean(stage);
            sends(stage, A, 1, B);
        },
        bad: |stage| {
            unclean(stage);
            sends(stage, B, 2, A);
        },
    },
    Case {
        anomaly: "read-replica-behind",
        good: |stage| {
            stage.follow(B, 1, A);
            sends_at(stage, A, 1, (B, 2));
        },
        bad: |stage| {
            stage.follow(B, 1, A);
            sends_at(stage, A, 1, (B, 3));
        },
    },
    Case {
        anomaly: "timed-offset-wrong",
        good: |stage| {
            tells_for_a_time(stage, Some(0), 0);
            tells_for_a_time(stage, Some(1), -1);
            tells_for_a_time(stage, None, 0);
        },
        bad: |stage| tells_for_a_time(stage, Some(0), 1),
    },
    Case {
        anomaly: "timed-out-in-calm",
        good: |stage| {
            runs_out_of_time(stage);
            stage.wait_ms(LONG_MS);
            stage.crash(C, false);
            runs_out_of_time(stage);
            stage.boot(C, X, 2);
            runs_out_of_time(stage);
        },
        bad: |stage| {
            stage.wait_ms(LONG_MS);
            runs_out_of_time(stage);
        },
    },
];

/// Longer than any session, election and proposal of the stage.
const LONG_MS: u64 = 600_000;

/// What a leader told for a time may be deleted before the consumer goes there.
#[test]
fn by_duration_a_consumer_goes_where_a_leader_told_it() {
    for (is_told, expected) in [(true, false), (false, true)] {
        let mut plan = crate::stage::plan();
        let ClientPlan::Consumer { config, .. } = &mut plan.clients[0] else {
            panic!("the first client of the stage consumes");
        };
        config.offset_reset = OffsetReset::ByDuration(5_000);
        let consumer = config.node;
        // On the stage the reader at the end is the same process.
        plan.final_reader.offset_reset = OffsetReset::ByDuration(5_000);
        let mut stage = super::case::stage_of(&plan);
        if is_told {
            tells_for_a_time(&mut stage, Some(0), 0);
        }
        for node in [A, B, C] {
            stage.delete(node, 1, DeletionReason::DeleteRecords);
        }
        let (partition, from, to) = ("x-0".to_owned(), Offset(9), Offset(0));
        let reset = ConsumerNote::PositionReset { partition, topic_id: None, from, to };
        stage.note(consumer, &Note::Consumer(reset));
        let is_found = stage.found().iter().any(|name| name == "reset-against-policy");
        assert_eq!(is_found, expected, "told: {is_told}");
    }
}

/// A consumer had asked ten seconds ago.
fn runs_out_of_time(stage: &mut Stage) {
    let asked_ns = stage.now_ns();
    stage.wait_ms(10_000);
    let now_ns = stage.now_ns();
    stage.observer.timed_out(now_ns, 1, NodeId(1001), asked_ns);
}
