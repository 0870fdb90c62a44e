//! A case, and the stage that it is played on.

use harrow_broker_model::note::BatchSummary;
use harrow_broker_model::types::Offset;
use harrow_sim::plan::Plan;
use harrow_sim::watch::ReplicaAudit;

use crate::stage::{A, B, C, Stage, X, record};

/// An anomaly with its two cases, played on the stage that [`stage`] sets.
pub(super) struct Case {
    pub(super) anomaly: &'static str,
    pub(super) good: fn(&mut Stage),
    pub(super) bad: fn(&mut Stage),
}

/// `min.insync.replicas` is 2; A leads in epoch 1, all are in sync and hold two committed records.
pub(super) fn stage() -> Stage {
    set(Stage::new(2, false))
}

/// The same, of another plan.
pub(super) fn stage_of(plan: &Plan) -> Stage {
    set(Stage::of(plan, (2, false)))
}

fn set(mut stage: Stage) -> Stage {
    stage.elect(A, 1, &[A, B, C]);
    stage.became_leader(A, 1, &[A, B, C]);
    for offset in 0..2 {
        stage.lead(A, 1, plain(offset));
        stage.append_all(&[B, C], 1, plain(offset));
    }
    stage.leader_high_watermark(A, 1, 2);
    assert_eq!(stage.found(), Vec::<String>::new(), "the stage is set");
    stage
}

/// The record that the stage has at an offset.
pub(super) fn plain(offset: i64) -> BatchSummary {
    record(offset, 1, 100 + offset as u32)
}

/// What replica B says of its log at the end, with its first record replaced.
pub(super) fn audit(stage: &mut Stage, end: i64, first: BatchSummary) {
    let audit = ReplicaAudit {
        node: B,
        partition: X,
        log_start_offset: Offset(0),
        log_end_offset: Offset(end),
        high_watermark: Offset(0),
    };
    stage.observer.audit_replica(0, 0, audit, [first, plain(1)].into_iter());
}

pub(super) fn outcome(play: fn(&mut Stage)) -> Vec<String> {
    let mut stage = stage();
    play(&mut stage);
    stage.found()
}
