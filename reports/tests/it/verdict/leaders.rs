//! What a change of leader explains, and how many promises it takes to make findings of what is legal.

use std::collections::BTreeMap;

use harrow_broker_model::config::Acks;
use harrow_broker_model::types::LeaderEpoch;
use harrow_reports::check::Options;
use harrow_reports::judge::{judge, judge_history};
use harrow_reports::policy::{LeaderChange, ProducerTerms, Terms};
use harrow_reports::verdict::{Excuse, Outcome};
use harrow_sim::history::{Function, History, MicroOperation, OperationRecord, SendRecord};
use harrow_sim::plan::ClientPlan;
use harrow_sim::truth::Election;

use super::cross_check::{SECOND, true_run};
use super::{fault, operation, plan};

#[test]
fn weak_acks_excuse_only_what_a_change_of_leader_can_explain() {
    let mut plan = plan();
    if let ClientPlan::Producer { config, .. } = &mut plan.clients[0] {
        config.acks = Acks::Leader;
    }
    let election = |at_ns| Election { at_ns, leader_epoch: LeaderEpoch(2) };
    // The record that is gone was sent at 1 s; the last acknowledgement was given at 2.2 s.
    let table = [
        ("no leader changed", None, 1, Outcome::Violated),
        ("one changed later", Some(10 * SECOND), 1, Outcome::Held),
        ("one changed before, and it was the new one", Some(SECOND / 2), 2, Outcome::Violated),
        ("one was deposed before and had not heard of it", Some(SECOND / 2), 1, Outcome::Held),
        ("one changed when all was read", Some(25 * SECOND), 1, Outcome::Violated),
    ];
    for (name, at_ns, epoch, expected) in table {
        let mut run = true_run(&[0, 2], |truth| {
            truth.elections = at_ns.into_iter().map(election).collect();
            truth.acknowledged[1].committed = false;
            for acknowledged in &mut truth.acknowledged {
                (acknowledged.acks, acknowledged.leader_epoch) = (1, LeaderEpoch(epoch));
            }
        });
        run.faults = vec![fault("crash", 1, false)];
        let verdict = judge(&plan, &run);
        assert_eq!(verdict.outcome, expected, "{name}: {verdict:#?}");
    }
}

/// Of two records that one producer sent in turn, the second stands before the first; both sends were open at once.
fn reordered() -> History {
    let send = |value: u64, offset: i64, at_ns: u64| {
        let send = SendRecord { partition: 0, offset, ..SendRecord::of(value) };
        let sent = operation(0, 0, Function::Send, MicroOperation::Send(send));
        OperationRecord { invoked_ns: at_ns, completed_ns: at_ns + SECOND, ..sent }
    };
    let sends = [send(0, 5, 1), send(1, 3, 2)];
    History::of(vec!["orders-0".to_owned()], false, &sends)
}

fn holds(terms: &Terms) -> Vec<Option<String>> {
    let verdict = judge_history(&reordered(), terms, &Options::default());
    let of_order = |excuse: &&Excuse| excuse.anomaly.contains("nonmonotonic-send");
    verdict.excused.iter().filter(of_order).map(|excuse| excuse.hold.clone()).collect()
}

#[test]
fn all_promises_that_a_finding_takes_are_named() {
    let producer = ProducerTerms { acks: Acks::Leader, idempotence: false, in_flight_max: 5 };
    let change = LeaderChange { elected_ns: SECOND / 2, deposed_until_ns: SECOND / 2 };
    let known = |changes: Vec<LeaderChange>| BTreeMap::from([(0, changes)]);
    let both = Some("enable.idempotence=true,acks=all".to_owned());
    let one = Some("enable.idempotence=true".to_owned());
    let table = [
        ("nobody knows when leaders changed", BTreeMap::new(), Acks::Leader, both.clone()),
        ("one changed in between", known(vec![change]), Acks::Leader, both),
        ("none changed", known(Vec::new()), Acks::Leader, one.clone()),
        ("it waited for the replicas", BTreeMap::new(), Acks::All, one),
    ];
    for (name, leader_changes, acks, hold) in table {
        let producer = ProducerTerms { acks, ..producer };
        let terms = Terms { producer, leader_changes, ..Terms::strict() };
        assert_eq!(holds(&terms), [hold], "{name}");
    }
}

#[test]
fn what_is_legal_whatever_is_promised_has_no_hint() {
    let producer = ProducerTerms { acks: Acks::All, idempotence: false, in_flight_max: 5 };
    let terms = Terms { producer, producers_expire: true, ..Terms::strict() };
    assert_eq!(holds(&terms), [None], "brokers may forget an idempotent producer");
}
