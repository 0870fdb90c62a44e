//! The kill matrix: for each anomaly that the watch can name, a minimally bad case that gives it and nothing else,
//! and a good twin that gives nothing. Removing any one rule makes a case fail.

mod answers;
mod case;
mod claims;
mod clients;
mod cluster;
mod compaction;
mod consumers;
mod coordination;
mod due;
mod ends;
mod exchange;
mod groups;
mod guards;
mod log_directories;
mod quorum;
mod reassignment;
mod replication;
mod retention;
mod shares;
mod timed;
mod transactions;
mod voters;

use std::collections::BTreeSet;

use harrow_sim::watch::invariants;

use case::{Case, outcome};

fn cases() -> impl Iterator<Item = &'static Case> {
    let tables = [
        replication::CASES,
        retention::CASES,
        compaction::CASES,
        consumers::CASES,
        coordination::CASES,
        reassignment::CASES,
        claims::CASES,
        clients::CASES,
        cluster::CASES,
        quorum::CASES,
        transactions::CASES,
        groups::CASES,
        guards::CASES,
        log_directories::CASES,
        timed::CASES,
        due::CASES,
        ends::CASES,
        exchange::CASES,
        answers::CASES,
        voters::CASES,
        shares::CASES,
    ];
    tables.into_iter().flatten()
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
