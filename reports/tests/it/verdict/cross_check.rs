//! What clients saw against the true state: each anomaly is explained by proof, or somebody is named, or Harrow says
//! that it contradicts itself.

use harrow_broker_model::config::Acks;
use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};
use harrow_reports::judge::judge;
use harrow_reports::verdict::{Finding, RecordLocation, Verdict};
use harrow_sim::history::{Completion, Function, History, MicroOperation, ReadRecord, SendRecord};
use harrow_sim::plan::ClientPlan;
use harrow_sim::run::Run;
use harrow_sim::truth::{Acknowledged, Loss, PartitionTruth};
use harrow_sim::violation::Guarantee;

use super::{names, operation, plan, run, violation};

pub(super) const SECOND: u64 = 1_000_000_000;

/// What makes a truth another one.
type Change<'a> = &'a dyn Fn(&mut PartitionTruth);

/// Each of the three records was acknowledged within its send and is committed.
fn truth() -> PartitionTruth {
    let acknowledged = |value: i64| Acknowledged {
        at_ns: value as u64 * SECOND + SECOND / 5,
        first: value,
        last: value,
        leader_epoch: LeaderEpoch(1),
        acks: -1,
        committed: true,
    };
    PartitionTruth {
        deleted_ns: None,
        taken_for_another_ns: Vec::new(),
        name: "orders-0".to_owned(),
        log_start_offset: 0,
        deletions: Vec::new(),
        last_stable_offset: 3,
        high_watermark: 3,
        losses: Vec::new(),
        lost_in: None,
        elections: Vec::new(),
        compacted: false,
        acknowledged: (0..3).map(acknowledged).collect(),
    }
}

fn loss(first: i64, end: i64) -> Loss {
    Loss { at_ns: 10 * SECOND, first, end, leader: NodeId(2), leader_epoch: LeaderEpoch(2) }
}

pub(super) fn true_run(read: &[i64], change: impl Fn(&mut PartitionTruth)) -> Run {
    let mut run = run(read);
    let mut truth = truth();
    change(&mut truth);
    run.partitions = vec![truth];
    run
}

fn last_fact(finding: &Finding) -> &str {
    finding.evidence.last().map_or("", String::as_str)
}

fn judged(read: &[i64], change: impl Fn(&mut PartitionTruth)) -> Verdict {
    judge(&plan(), &true_run(read, change))
}

#[test]
fn a_record_that_the_committed_log_has_was_passed_over_by_a_consumer() {
    let verdict = judged(&[0, 2], |_| {});
    assert_eq!(names(&verdict), ["lost-write"], "{verdict:#?}");
    let finding = &verdict.findings[0];
    let begin =
        "client-side: the committed log has the record at offset 1, below the high watermark 3";
    assert!(last_fact(finding).starts_with(begin), "{finding:#?}");
    let unseen = finding.consequences.iter().find(|line| line.starts_with("unseen: "));
    assert!(
        unseen.is_some_and(|line| line.ends_with("stuck below the high watermark")),
        "{unseen:?}"
    );
}

#[test]
fn a_loss_of_committed_records_is_named_as_the_event() {
    let verdict = judged(&[0, 2], |truth| {
        truth.acknowledged[1].committed = false;
        truth.losses = vec![loss(1, 2)];
    });
    assert_eq!(names(&verdict), ["lost-write"], "{verdict:#?}");
    let wanted = "internal event: at 10.000000s node 2 was elected in epoch 2 without the committed \
                  records 1 to 1";
    assert_eq!(last_fact(&verdict.findings[0]), wanted);
}

#[test]
fn what_earlier_leaders_acknowledged_binds_nobody_after_a_loss() {
    let verdict = judged(&[0, 2], |truth| {
        truth.acknowledged[1].committed = false;
        truth.lost_in = Some(LeaderEpoch(3));
    });
    let fact = last_fact(&verdict.findings[0]);
    assert!(fact.starts_with("internal event: the leader of epoch 1 acknowledged"), "{fact}");
}

#[test]
fn weak_acks_are_an_event_too() {
    let mut plan = plan();
    if let ClientPlan::Producer { config, .. } = &mut plan.clients[0] {
        config.acks = Acks::Leader;
    }
    let run = true_run(&[0, 2], |truth| {
        truth.acknowledged[1].committed = false;
        truth.acknowledged[1].acks = 1;
    });
    let verdict = judge(&plan, &run);
    let wanted = "internal event: offset 1 was acknowledged with acks=1 and never committed";
    assert_eq!(last_fact(&verdict.findings[0]), wanted, "{verdict:#?}");
}

#[test]
fn an_acknowledgement_that_no_leader_gave_is_the_clients() {
    let verdict = judged(&[0, 2], |truth| {
        truth.acknowledged.remove(1);
    });
    let wanted = "client-side: no leader acknowledged offset 1 while the send was open: its client made \
                  it up";
    assert_eq!(last_fact(&verdict.findings[0]), wanted, "{verdict:#?}");
}

#[test]
fn what_is_proved_of_an_anomaly_tells_failures_apart_and_which_record_it_was_does_not() {
    let of = |verdict: Verdict| {
        assert_eq!(names(&verdict), ["lost-write"], "{verdict:#?}");
        verdict.findings[0].fingerprint.text.clone()
    };
    let passed_over = of(judged(&[0, 2], |_| {}));
    let begin = "durability/lost-write at clients: client-side: the committed log has";
    assert!(passed_over.starts_with(begin), "{passed_over}");
    assert_eq!(of(judged(&[1, 2], |_| {})), passed_over);
    let lost = |first: i64| {
        of(judged(&[0, 2], |truth| {
            truth.acknowledged[1].committed = false;
            truth.losses = vec![loss(first, 2)];
        }))
    };
    let made_up = of(judged(&[0, 2], |truth| {
        truth.acknowledged.remove(1);
    }));
    assert_eq!(lost(0), lost(1));
    assert_ne!(lost(1), passed_over);
    assert_ne!(made_up, passed_over);
    assert_ne!(made_up, lost(1));
}

#[test]
fn an_acknowledged_record_that_is_nowhere_is_a_contradiction_and_is_never_folded() {
    let missing = |truth: &mut PartitionTruth| truth.acknowledged[1].committed = false;
    let verdict = judged(&[0, 2], missing);
    assert_eq!(names(&verdict), ["checker-disagreement"; 3], "{verdict:#?}");
    let finding = &verdict.findings[0];
    assert_eq!(finding.guarantee, "model");
    assert!(finding.summary.contains(" cannot be: orders-0: "), "{finding:#?}");
    let said = |describe: &str| finding.evidence.iter().any(|line| line.contains(describe));
    assert!(said("acknowledged with acks=all, is not in the committed log"), "{finding:#?}");
    // What is broken inside explains it, and no contradiction is left.
    let mut run = true_run(&[0, 2], missing);
    run.violations = vec![violation("ack-before-commit", 9)];
    assert_eq!(names(&judge(&plan(), &run)), ["ack-before-commit"]);
}

#[test]
fn a_committed_log_that_grew_in_the_middle_is_a_contradiction() {
    let mut run = true_run(&[0, 1, 2], |_| {});
    let swapped = [(0, 1), (1, 0)];
    let mut operations = run.history.operations();
    for (operation, (value, offset)) in operations.iter_mut().zip(swapped) {
        operation.process = value as u32;
        let send = SendRecord { partition: 0, offset, ..SendRecord::of(value) };
        operation.actions = vec![MicroOperation::Send(send)];
    }
    let records =
        [(0, 1), (1, 0), (2, 2)].map(|(offset, value)| ReadRecord { partition: 0, offset, value });
    operations[3].actions = vec![MicroOperation::Poll { records: records.to_vec() }];
    run.history = History::of(run.history.partitions, true, &operations);
    run.partitions[0].acknowledged[0].first = 1;
    run.partitions[0].acknowledged[0].last = 1;
    run.partitions[0].acknowledged[1].first = 0;
    run.partitions[0].acknowledged[1].last = 0;
    let verdict = judge(&plan(), &run);
    assert_eq!(names(&verdict), ["checker-disagreement"], "{verdict:#?}");
    assert!(verdict.findings[0].summary.starts_with("realtime-order cannot be: "), "{verdict:#?}");
    // With a loss in between, the same is an event.
    run.partitions[0].losses = vec![Loss { at_ns: SECOND, ..loss(0, 2) }];
    let verdict = judge(&plan(), &run);
    assert_eq!(names(&verdict), ["realtime-order"], "{verdict:#?}");
    assert!(last_fact(&verdict.findings[0]).starts_with("internal event: at 1.0"), "{verdict:#?}");
}

#[test]
fn an_unseen_record_is_lost_or_stuck_in_one_of_two_ways() {
    let lost = |truth: &mut PartitionTruth| {
        truth.acknowledged[2].committed = false;
        truth.losses = vec![loss(2, 3)];
    };
    let cases: [(Change<'_>, RecordLocation, &str); 4] = [
        (&|_| {}, RecordLocation::StuckBelowHighWatermark, "\"stuck-below-high-watermark\""),
        (
            &|truth| truth.last_stable_offset = 2,
            RecordLocation::StuckOnLastStableOffset,
            "\"stuck-on-last-stable-offset\"",
        ),
        (&lost, RecordLocation::Lost, "\"lost\""),
        (
            &|truth| {
                truth.acknowledged.pop();
            },
            RecordLocation::Unknown,
            "\"unknown\"",
        ),
    ];
    for (change, location, name) in cases {
        let verdict = judged(&[0, 1], change);
        assert_eq!(names(&verdict), ["unseen"], "{verdict:#?}");
        let finding = &verdict.findings[0];
        assert_eq!(finding.location, Some(location), "{finding:#?}");
        let json = serde_json::to_string(finding).expect("a finding is data");
        assert!(json.contains(&format!("\"location\":{name}")), "{json}");
        let told = finding.summary.ends_with(location.description());
        assert_eq!(told, location != RecordLocation::Unknown, "{}", finding.summary);
    }
}

#[test]
fn offsets_prove_what_follows_from_a_violation() {
    let explained = |guarantee: Guarantee, reach: Option<(i64, i64)>| {
        let mut run = true_run(&[0, 2], |_| {});
        let mut broken = violation("read-gap", 9);
        broken.guarantee = guarantee;
        broken.reach = reach;
        run.violations = vec![broken];
        names(&judge(&plan(), &run)) == ["read-gap"]
    };
    assert!(explained(Guarantee::Offsets, Some((1, 1))), "the record that is missing");
    assert!(!explained(Guarantee::Offsets, Some((7, 9))), "other records");
    assert!(explained(Guarantee::Offsets, Some((0, 9))), "that and repeats around it");
    assert!(explained(Guarantee::Durability, Some((0, 0))), "a log that is another from there on");
    assert!(!explained(Guarantee::Durability, Some((2, 2))), "a log that is another later on");
    assert!(explained(Guarantee::Leadership, Some((2, 2))), "two leaders spoil everything");
    assert!(explained(Guarantee::Replication, None), "the log as a whole");
    assert!(!explained(Guarantee::Ordering, Some((1, 1))), "order loses nothing");
}

#[test]
fn the_consequence_says_how_far_its_cause_reaches() {
    let mut run = true_run(&[0, 2], |_| {});
    let mut broken = violation("dual-controller", 9);
    broken.guarantee = Guarantee::Leadership;
    broken.partition = Some(TopicPartition::METADATA);
    (broken.offsets, broken.reach) = (None, None);
    run.violations = vec![broken];
    let verdict = judge(&plan(), &run);
    let finding = &verdict.findings[0];
    let lost = finding.consequences.iter().find(|line| line.starts_with("lost-write: "));
    let proof = "(explained by dual-controller: it concerns the whole cluster)";
    assert!(lost.is_some_and(|line| line.ends_with(proof)), "{finding:#?}");
    let record = finding.record.as_ref().expect("a cause is told by the harm that it did");
    assert_eq!((record.offset, record.value.as_deref()), (1, Some("1")));
}

/// A transaction of records 1 and 2, on two partitions, was aborted; the first is read, and a broker gave this offset
/// of that partition out too early.
fn after_a_dirty_read_at(offset: i64) -> Verdict {
    let sends = [1_u64, 2].map(|value| {
        let partition = value as u32 - 1;
        MicroOperation::Send(SendRecord { partition, offset: 4, ..SendRecord::of(value) })
    });
    let [first, second] = sends;
    let mut transaction = operation(0, 1, Function::Txn, first);
    transaction.actions.push(second);
    transaction.completion = Completion::Fail;
    let records = vec![ReadRecord { partition: 0, offset: 4, value: 1 }];
    let poll = operation(9, 20, Function::Poll, MicroOperation::Poll { records });
    let mut run = run(&[]);
    let partitions = vec!["orders-0".to_owned(), "orders-1".to_owned()];
    run.history = History::of(partitions, true, &[transaction, poll]);
    let mut early = violation("read-past-lso", 9);
    (early.guarantee, early.reach) = (Guarantee::Visibility, Some((offset, offset)));
    run.violations = vec![early];
    judge(&plan(), &run)
}

#[test]
fn a_transaction_that_is_there_in_part_follows_from_the_read_that_shows_it() {
    let verdict = after_a_dirty_read_at(4);
    assert_eq!(names(&verdict), ["read-past-lso"], "{verdict:#?}");
    let torn = |line: &String| line.starts_with("torn-transaction: orders-1: ");
    assert!(verdict.findings[0].consequences.iter().any(torn), "{verdict:#?}");
    let elsewhere = after_a_dirty_read_at(9);
    assert!(names(&elsewhere).contains(&"torn-transaction"), "{elsewhere:#?}");
}

#[test]
fn of_many_consequences_a_few_are_told_and_the_rest_is_counted() {
    let mut run = run(&[]);
    run.history.partitions = (0..5).map(|index| format!("orders-{index}")).collect();
    let mut operations = Vec::new();
    for partition in 0..5_u32 {
        for offset in 0..3_i64 {
            let value = u64::from(partition) * 10 + offset as u64;
            let send = SendRecord { partition, offset, ..SendRecord::of(value) };
            operations.push(operation(0, value, Function::Send, MicroOperation::Send(send)));
        }
    }
    let read = |partition: u32, offset: i64| ReadRecord {
        partition,
        offset,
        value: u64::from(partition) * 10 + offset as u64,
    };
    let records = (0..5).map(|partition| read(partition, 2)).collect();
    operations.push(operation(9, 90, Function::Poll, MicroOperation::Poll { records }));
    run.history = History::of(run.history.partitions, true, &operations);
    let mut broken = violation("dual-controller", 9);
    broken.guarantee = Guarantee::Leadership;
    broken.partition = Some(TopicPartition::METADATA);
    run.violations = vec![broken];
    let verdict = judge(&plan(), &run);
    assert_eq!(names(&verdict), ["dual-controller"], "{verdict:#?}");
    let lines = &verdict.findings[0].consequences;
    let lost: Vec<&String> = lines.iter().filter(|line| line.starts_with("lost-write: ")).collect();
    assert_eq!(lost.len(), 4, "{lines:#?}");
    assert_eq!(lost[3], "lost-write: 4 more", "two on each of two partitions");
    assert!(lost[0].contains("(and 1 more)"), "{lines:#?}");
}

/// A consumer polls these offsets; then the records from offset 1 on are lost in an unclean election, two others take
/// their places, and it polls those. Another consumer reads everything at the end.
fn after_an_unclean_election(before: &[i64], after: &[i64]) -> Verdict {
    let mut plan = plan();
    plan.topics[0].unclean_leader_election = true;
    let mut run = true_run(&[], |truth| {
        let mut again: Vec<Acknowledged> = truth.acknowledged[1..].to_vec();
        truth.acknowledged[1..].iter_mut().for_each(|ack| ack.committed = false);
        for ack in &mut again {
            (ack.at_ns, ack.leader_epoch) = (ack.at_ns + 11 * SECOND, LeaderEpoch(2));
        }
        truth.acknowledged.append(&mut again);
        (truth.losses, truth.lost_in) = (vec![loss(1, 3)], Some(LeaderEpoch(2)));
    });
    let poll = |process, at, offsets: &[i64], shift: i64| {
        let value = |offset: i64| (if offset > 0 { offset + shift } else { offset }) as u64;
        let read =
            |offset: &i64| ReadRecord { partition: 0, offset: *offset, value: value(*offset) };
        let records = offsets.iter().map(read).collect();
        operation(process, at, Function::Poll, MicroOperation::Poll { records })
    };
    let send = |offset: i64| {
        let record = SendRecord { partition: 0, offset, ..SendRecord::of(offset as u64 + 2) };
        operation(0, offset as u64 + 11, Function::Send, MicroOperation::Send(record))
    };
    let mut operations = run.history.operations();
    operations.truncate(3);
    operations.extend([poll(9, 5, before, 0), send(1), send(2), poll(9, 20, after, 2)]);
    operations.push(poll(8, 22, &[0, 1, 2], 2));
    run.history = History::of(run.history.partitions, true, &operations);
    judge(&plan, &run)
}

#[test]
fn an_unclean_election_takes_a_consumer_back_to_where_the_logs_part() {
    let legal = after_an_unclean_election(&[0, 1, 2], &[1, 2]);
    assert_eq!(names(&legal), [""; 0], "{legal:#?}");
    let excused = legal.excused.iter().find(|excuse| excuse.anomaly == "nonmonotonic-poll");
    let reason = excused.map(|excuse| excuse.reason.as_str());
    assert_eq!(reason, Some("an unclean leader election dropped offsets from 1 on"));
    let further = after_an_unclean_election(&[0, 1, 2], &[0, 1, 2]);
    assert_eq!(names(&further), ["nonmonotonic-poll"], "{further:#?}");
}

#[test]
fn an_unclean_election_lets_nobody_pass_over_what_came_after_it() {
    let verdict = after_an_unclean_election(&[0], &[2]);
    assert_eq!(names(&verdict), ["poll-skip"], "{verdict:#?}");
}
