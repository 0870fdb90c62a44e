//! Liveness on the real model: a livelock is told with what is pending, and what no rule can bring back is no bug.

use harrow_broker_model::defect::Defect;
use harrow_broker_model::types::NodeId;
use harrow_reports::judge::judge;
use harrow_reports::verdict::{Outcome, Verdict};
use harrow_scenarios::catalogue::find;
use harrow_scenarios::format::parse;
use harrow_scenarios::pipeline::run;
use harrow_scenarios::planner::plan;
use harrow_sim::plan::{Action, CorePlan, OutsideState, Plan, Step, Target};

fn planned(scenario: &str, seed: u64, assignments: &[&str]) -> Plan {
    let entry = find(scenario).expect("a name of the catalogue");
    let assignments: Vec<String> = assignments.iter().map(|one| (*one).to_owned()).collect();
    let parsed = parse(entry.name, entry.text, &assignments)
        .unwrap_or_else(|error| panic!("{scenario}: {:?}", error.mistakes()));
    plan(&parsed, seed)
}

fn verdict(plan: &Plan) -> Verdict {
    judge(plan, &run(plan, false))
}

/// A calm run of three brokers and three controllers of which these stay dead, whatever is lost by it.
fn without(dead: &[i32]) -> Plan {
    let mut plan = planned("calm", 1, &[]);
    let outside = dead.iter().map(|id| NodeId(*id)).collect();
    plan.core = Some(CorePlan { outside, state: OutsideState::Dead });
    plan.expect.loss_allowed = true;
    plan
}

/// Nothing is called broken, the goal is excused, and the reason says this.
#[track_caller]
fn is_legal(plan: &Plan, goal: &str, reason: &str) -> Verdict {
    let verdict = verdict(plan);
    assert!(verdict.findings.is_empty(), "{verdict:#?}");
    let excuse = verdict.excused.iter().find(|excuse| excuse.anomaly == goal);
    let excuse = excuse.unwrap_or_else(|| panic!("{goal} is not excused: {verdict:#?}"));
    assert!(excuse.reason.contains(reason), "{}", excuse.reason);
    verdict
}

fn step(id: u32, at_ms: u64, action: Action) -> Step {
    Step { id, at_ms, action }
}

#[test]
fn a_quorum_without_a_majority_is_legally_down() {
    let found = is_legal(&without(&[101, 102]), "no-quorum-leader", "[101,102] stay dead");
    assert_eq!(found.outcome, Outcome::Inconclusive);
}

#[test]
fn a_partition_all_of_whose_replicas_stay_dead_is_legally_offline() {
    let found = is_legal(&without(&[1, 2, 3]), "partition-leaderless", "[1,2,3], stays dead");
    assert_eq!(found.outcome, Outcome::Inconclusive);
}

#[test]
fn a_partition_whose_isr_and_elr_stay_dead_is_legally_offline() {
    let mut plan = without(&[1]);
    plan.topics[0].min_insync_replicas = 1;
    let crash = |node| Action::Crash { target: Target::Node(NodeId(node)), down_ms: 60_000 };
    plan.steps = vec![step(1, 3_000, crash(2)), step(2, 3_000, crash(3))];
    let rule = "every member of isr and elr of orders-0, [1], stays dead";
    let found = is_legal(&plan, "partition-leaderless", rule);
    assert_eq!(found.outcome, Outcome::Inconclusive);
}

#[test]
fn too_few_replicas_for_acks_all_refuse_it_legally() {
    let rule = "min.insync.replicas=2 is more than are left";
    is_legal(&without(&[2, 3]), "fresh-client-fails", rule);
}

#[test]
fn wiped_controllers_are_no_bug_of_liveness() {
    let mut plan = without(&[]);
    let wipe = |node| Action::WipeDisk { target: Target::Node(NodeId(node)), down_ms: 500 };
    plan.steps = vec![step(1, 4_000, wipe(101)), step(2, 4_100, wipe(102))];
    let verdict = verdict(&plan);
    let liveness = verdict.findings.iter().find(|finding| finding.guarantee == "liveness");
    assert!(liveness.is_none(), "{liveness:#?}");
}

#[test]
fn a_livelock_by_an_asymmetric_partition_is_told() {
    let cases = [
        (4, "partition-leaderless", "orders-0 is led by 3, which is outside the core"),
        (3, "no-quorum-leader", "which is outside the core"),
    ];
    for (seed, goal, pending) in cases {
        let cut = "heal.outside=cut-from-brokers";
        let verdict = verdict(&planned("minority-stays-dead", seed, &[cut]));
        let finding = verdict.findings.first().unwrap_or_else(|| panic!("{seed}: {verdict:#?}"));
        assert_eq!((finding.guarantee.as_str(), finding.anomaly.as_str()), ("liveness", goal));
        assert!(finding.summary.contains(pending), "{seed}: {}", finding.summary);
    }
}

#[test]
fn the_same_minority_dead_is_no_livelock() {
    for seed in [4, 3] {
        let verdict = verdict(&planned("minority-stays-dead", seed, &[]));
        assert_eq!(verdict.outcome, Outcome::Held, "{seed}: {verdict:#?}");
    }
}

/// A group whose members leave before they commit, with each batch, comes no further: the finding says why, whichever
/// protocol they speak.
#[test]
fn a_consumer_that_never_polls_in_time_is_told_with_the_setting() {
    let example = include_str!("../../examples/rebalanced-while-processing.toml");
    for protocol in ["classic", "consumer"] {
        let set = ["max.poll.interval.ms=15".to_owned(), format!("group.protocol={protocol}")];
        let assignments = set.map(|one| format!("load.1.{one}"));
        let parsed = parse("example", example, &assignments)
            .unwrap_or_else(|error| panic!("{protocol}: {:?}", error.mistakes()));
        let verdict = verdict(&plan(&parsed, 1));
        let finding =
            verdict.findings.first().unwrap_or_else(|| panic!("{protocol}: {verdict:#?}"));
        for part in ["a livelock: consumer ", "joins group billing", "max.poll.interval.ms"] {
            assert!(finding.summary.contains(part), "{protocol}: {}", finding.summary);
        }
    }
}

/// A producer whose coordinator has it wait for ever asks again and again: the finding says of whom, for what, and what
/// it gets.
#[test]
fn a_producer_that_is_told_to_wait_for_ever_is_told_as_a_livelock() {
    let mut plan = planned("hanging-transaction", 3, &[]);
    let defect = Defect::from_name("deposed-coordinator-goes-on").expect("a name of the catalogue");
    plan.cluster.defects = [defect].into_iter().collect();
    let verdict = verdict(&plan);
    let stuck = verdict.findings.iter().find(|finding| finding.guarantee == "liveness");
    let stuck = stuck.unwrap_or_else(|| panic!("it does not end: {verdict:#?}"));
    for part in
        ["a livelock: node 1001 asks node ", "InitProducerId and gets ConcurrentTransactions"]
    {
        assert!(stuck.summary.contains(part), "{}", stuck.summary);
    }
}
