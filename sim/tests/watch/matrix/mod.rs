//! The kill matrix: for each anomaly that the watch can name, a minimally bad case that gives it and nothing else,
//! and a good twin that gives nothing. Removing any one rule makes a case fail.

mod cluster;
mod guards;
mod quorum;
mod replication;
mod timed;
mod transactions;

use std::collections::BTreeSet;

use harrow_broker_model::note::BatchSummary;
use harrow_broker_model::types::Offset;
use harrow_sim::watch::{ReplicaAudit, invariants};

use crate::stage::{A, B, C, Stage, X, record};

/// An anomaly with its two cases, played on the stage that [`stage`] sets.
struct Case {
    anomaly: &'static str,
    good: fn(&mut Stage),
    bad: fn(&mut Stage),
}

/// `min.insync.replicas` is 2; A leads in epoch 1, all are in sync and hold two committed records.
fn stage() -> Stage {
    let mut stage = Stage::new(2, false);
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
fn plain(offset: i64) -> BatchSummary {
    record(offset, 1, 100 + offset as u32)
}

/// What replica B says of its log at the end, with its first record replaced.
fn audit(stage: &mut Stage, end: i64, first: BatchSummary) {
    let audit = ReplicaAudit {
        node: B,
        partition: X,
        log_start_offset: Offset(0),
        log_end_offset: Offset(end),
        high_watermark: Offset(0),
    };
    stage.observer.audit_replica(0, 0, audit, [first, plain(1)].into_iter());
}

fn cases() -> impl Iterator<Item = &'static Case> {
    let tables = [
        replication::CASES,
        cluster::CASES,
        quorum::CASES,
        transactions::CASES,
        guards::CASES,
        timed::CASES,
    ];
    tables.into_iter().flatten()
}

fn outcome(play: fn(&mut Stage)) -> Vec<String> {
    let mut stage = stage();
    play(&mut stage);
    stage.found()
}

#[test]
fn every_anomaly_has_a_bad_case_and_a_good_twin() {
    let mut wrong = Vec::new();
    for Case { anomaly, good, bad } in cases() {
        let (well, ill) = (outcome(*good), outcome(*bad));
        let inseparable = ["committed-metadata-overwritten", "metadata-commit-without-majority"];
        if !well.is_empty() || ill != [*anomaly] && !(ill == inseparable && ill[0] == *anomaly) {
            wrong.push(format!("{anomaly}: the good case gives {well:?}, the bad {ill:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_anomaly_is_killed() {
    let named = invariants().flat_map(|invariant| invariant.anomalies);
    let named: BTreeSet<&str> = named.map(|anomaly| anomaly.name).collect();
    let tried: BTreeSet<&str> = cases().map(|case| case.anomaly).collect();
    assert_eq!(named, tried);
}
