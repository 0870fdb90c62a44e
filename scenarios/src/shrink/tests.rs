//! The shrinker by itself, with oracles that are made up: known smallest plans are found, at a bounded cost.

use std::sync::atomic::{AtomicU64, Ordering};

use harrow_broker_model::types::NodeId;
use harrow_sim::plan::{Action, ClientPlan, ClockPlan, CorePlan, OutsideState, Plan, Step, Target};
use serde_json::Value;

use super::tree::{at, list, tree};
use super::{Budget, FailingRun, Shrunk, Size, changes, shrink};
use crate::catalogue::find;
use crate::format::{check_plan, parse};
use crate::planner::plan;

fn swarm(seed: u64) -> Plan {
    let text = find("swarm").expect("it is in the catalogue").text;
    let scenario = parse("swarm", text, &[]).unwrap_or_else(|e| panic!("{:?}", e.mistakes()));
    plan(&scenario, seed)
}

/// Shrinks by a made-up rule: a plan fails if the rule says so.
fn shrunk_by(plan: &Plan, jobs: usize, fails: impl Fn(&Plan) -> bool + Sync) -> Shrunk {
    assert!(fails(plan), "the whole plan fails");
    let oracle = |plan: &Plan, _: u32| fails(plan).then(|| failing_run(plan));
    let budget = Budget { jobs, seeds: 3, more: &|| true };
    let shrunk = shrink(plan, failing_run(plan), &oracle, budget, &mut |_| {});
    assert!(fails(&shrunk.plan), "the smallest plan fails");
    assert!(Size::of(&shrunk.plan) <= Size::of(plan));
    assert!(shrunk.complete, "nobody stopped it");
    let sound = check_plan("shrunk", "{}", &shrunk.plan);
    sound.unwrap_or_else(|error| panic!("{:?}", error.mistakes()));
    shrunk
}

fn failing_run(plan: &Plan) -> FailingRun {
    FailingRun { seed: plan.seed, ..FailingRun::default() }
}

fn kinds(plan: &Plan) -> Vec<String> {
    let tree = tree(plan);
    let kind = |step: &Value| at(step, "/action/kind").as_str().unwrap_or_default().to_owned();
    list(&tree, "/steps").iter().map(kind).collect()
}

fn with_steps(seed: u64, least: usize) -> Plan {
    let found = (seed..seed + 1_000).map(swarm).find(|plan| plan.steps.len() >= least);
    found.expect("some seed has so many")
}

/// So many plans may be judged for one result.
const JUDGED_MAX: u64 = 400;

#[test]
fn what_fails_always_shrinks_to_nearly_nothing() {
    let shrunk = shrunk_by(&swarm(3), 1, |_| true);
    let size = Size::of(&shrunk.plan);
    assert_eq!((size.steps, size.clients, size.operations), (0, 0, 0), "{size:?}");
    assert_eq!((size.settings, size.oddities, size.nodes), (0, 0, 2), "{size:?}");
    assert!(shrunk.judged < 100, "{} plans judged", shrunk.judged);
}

#[test]
fn one_step_that_matters_is_left_alone() {
    for seed in 1..=5 {
        let whole = with_steps(seed, 8);
        for wanted in [0, whole.steps.len() / 2, whole.steps.len() - 1] {
            let id = whole.steps[wanted].id;
            let shrunk = shrunk_by(&whole, 1, |plan| plan.steps.iter().any(|step| step.id == id));
            let ids: Vec<u32> = shrunk.plan.steps.iter().map(|step| step.id).collect();
            assert_eq!(ids, [id], "seed {seed}");
            assert!(shrunk.judged < JUDGED_MAX, "seed {seed}: {} plans judged", shrunk.judged);
        }
    }
}

#[test]
fn two_steps_far_apart_are_found_and_brought_together() {
    let whole = with_steps(20, 10);
    let (first, last) = (whole.steps[1].id, whole.steps[whole.steps.len() - 2].id);
    let has = |steps: &[Step], id: u32| steps.iter().any(|step| step.id == id);
    let shrunk = shrunk_by(&whole, 1, |plan| has(&plan.steps, first) && has(&plan.steps, last));
    assert_eq!(shrunk.plan.steps.len(), 2);
    let apart = shrunk.plan.steps[1].at_ms - shrunk.plan.steps[0].at_ms;
    assert_eq!(apart, 0, "nothing asks for time between them");
    assert!(shrunk.judged < JUDGED_MAX, "{} plans judged", shrunk.judged);
}

#[test]
fn the_least_duration_and_the_least_load_are_found() {
    let whole = with_steps(1, 6);
    let operations = |plan: &Plan| Size::of(plan).operations;
    let total_ms = |plan: &Plan| {
        let tree = tree(plan);
        let lasts = |step: &Value| at(step, "/action/for_ms").as_u64().unwrap_or(0);
        list(&tree, "/steps").iter().map(lasts).max().unwrap_or(0)
    };
    let shrunk = shrunk_by(&whole, 1, |plan| operations(plan) >= 37 && total_ms(plan) >= 410);
    assert_eq!(shrunk.plan.steps.len(), 1);
    assert!((37..=40).contains(&operations(&shrunk.plan)), "{}", operations(&shrunk.plan));
    assert!((410..=500).contains(&total_ms(&shrunk.plan)), "{}", total_ms(&shrunk.plan));
    assert!(shrunk.judged < JUDGED_MAX, "{} plans judged", shrunk.judged);
}

#[test]
fn the_one_operation_that_meets_a_step_is_found() {
    let whole = with_steps(5, 3);
    let step = whole.steps[2].at_ms;
    let meets = |plan: &Plan| {
        let kept = plan.steps.iter().any(|at| at.at_ms == step);
        kept && plan.clients.iter().any(|client| match client {
            ClientPlan::Producer { start_ms, operations, interval_us, .. } => {
                let last = start_ms
                    + u64::from(*operations) * interval_us.0.midpoint(interval_us.1) / 1_000;
                *operations > 0 && *start_ms <= step + 500 && last > step
            }
            ClientPlan::Consumer { .. } => false,
        })
    };
    let shrunk = shrunk_by(&whole, 1, meets);
    assert_eq!((shrunk.plan.steps.len(), Size::of(&shrunk.plan).operations), (1, 1));
    assert!(shrunk.judged < JUDGED_MAX, "{} plans judged", shrunk.judged);
}

#[test]
fn a_setting_that_matters_stays_and_all_others_go() {
    let odd = |plan: &Plan| plan.cluster.segment_bytes != 16_384;
    let whole = (1..1_000).map(swarm).find(|plan| odd(plan)).expect("some seed draws another size");
    let shrunk = shrunk_by(&whole, 1, odd);
    assert_eq!(Size::of(&shrunk.plan).settings, 1);
    assert!(shrunk.judged < JUDGED_MAX, "{} plans judged", shrunk.judged);
}

#[test]
fn faults_become_weaker_where_weaker_ones_do() {
    let is_down = |kind: &String| ["power-loss", "crash", "stop"].contains(&kind.as_str());
    let down = |plan: &Plan| kinds(plan).iter().any(is_down);
    let powerless = |plan: &&Plan| {
        let kinds = kinds(plan);
        kinds.iter().any(|kind| kind == "power-loss") && !kinds.iter().any(|kind| kind == "stop")
    };
    let whole = (1..1_000).map(swarm).find(|plan| powerless(&plan)).expect("some seed has one");
    assert_eq!(kinds(&shrunk_by(&whole, 1, down).plan), ["stop"]);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let whole = with_steps(9, 9);
    let id = whole.steps[4].id;
    let fails =
        |plan: &Plan| plan.steps.iter().any(|step| step.id == id) && Size::of(plan).operations > 10;
    let results = [1, 2, 5].map(|jobs| shrunk_by(&whole, jobs, fails));
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}

#[test]
fn more_seeds_are_tried_only_when_one_finds_nothing() {
    let whole = with_steps(4, 6);
    let most = AtomicU64::new(0);
    let oracle = |plan: &Plan, seeds: u32| {
        most.fetch_max(u64::from(seeds), Ordering::Relaxed);
        // Under its first seed a plan needs two steps; under another one, one is enough.
        let needed = if seeds == 1 { 2 } else { 1 };
        (plan.steps.len() >= needed).then(|| FailingRun { seed: 7, ..FailingRun::default() })
    };
    let budget = Budget { jobs: 1, seeds: 4, more: &|| true };
    let shrunk = shrink(&whole, failing_run(&whole), &oracle, budget, &mut |_| {});
    assert_eq!((shrunk.plan.steps.len(), shrunk.plan.seed), (1, 7));
    assert_eq!(most.into_inner(), 4);
}

#[test]
fn who_stops_it_keeps_the_best() {
    let whole = with_steps(4, 6);
    let judged = AtomicU64::new(0);
    let more = || judged.load(Ordering::Relaxed) < 10;
    let oracle = |plan: &Plan, _: u32| {
        judged.fetch_add(1, Ordering::Relaxed);
        (plan.steps.len() >= 2).then(|| failing_run(plan))
    };
    let budget = Budget { jobs: 1, seeds: 3, more: &more };
    let mut improved = 0;
    let shrunk = shrink(&whole, failing_run(&whole), &oracle, budget, &mut |progress| {
        improved += u64::from(progress.improved);
    });
    assert!(!shrunk.complete && shrunk.judged <= 10);
    assert_eq!(improved, shrunk.accepted);
    assert!(Size::of(&shrunk.plan) <= Size::of(&whole));
}

#[test]
fn what_nothing_can_be_taken_from_is_left_as_it_is() {
    let whole = swarm(2);
    let shrunk = shrunk_by(&whole, 2, |plan| *plan == whole);
    assert_eq!((shrunk.plan, shrunk.accepted), (whole, 0));
}

fn planned(scenario: &str, wanted: impl Fn(&Plan) -> bool) -> Plan {
    let text = find(scenario).expect("it is in the catalogue").text;
    let scenario = parse(scenario, text, &[]).unwrap_or_else(|e| panic!("{:?}", e.mistakes()));
    let mut plans = (1..1_000).map(|seed| plan(&scenario, seed));
    plans.find(wanted).expect("some seed has such a plan")
}

#[test]
fn what_administrators_do_becomes_less() {
    let moves = |plan: &Plan| kinds(plan).iter().any(|kind| kind == "reassign");
    let of_many = |plan: &Plan| {
        let tree = tree(plan);
        let replicas = |step: &Value| at(step, "/action/replicas").as_u64().unwrap_or(0);
        moves(plan) && list(&tree, "/steps").iter().all(|step| replicas(step) != 1)
    };
    let shrunk = shrunk_by(&planned("grow-the-cluster", of_many), 1, moves);
    assert_eq!(kinds(&shrunk.plan), ["reassign"]);
    let tree = tree(&shrunk.plan);
    assert_eq!(at(&tree, "/steps/0/action/replicas"), &serde_json::json!(1));
    assert!(shrunk.plan.topics.iter().all(|topic| topic.initial_partitions.is_none()));
}

#[test]
fn brokers_that_leave_may_only_stop_and_topics_only_lose_records() {
    let table = [
        ("grow-the-cluster", "decommission-broker", "stop"),
        ("delete-and-recreate", "delete-topic", "delete-records"),
    ];
    for (scenario, kind, weaker) in table {
        let either = |plan: &Plan| kinds(plan).iter().any(|it| it == kind || it == weaker);
        let only = |plan: &Plan| either(plan) && !kinds(plan).iter().any(|it| it == weaker);
        let shrunk = shrunk_by(&planned(scenario, only), 1, either);
        assert_eq!(kinds(&shrunk.plan), [weaker], "{scenario}");
    }
}

/// A plan of which nothing is known but these steps.
fn with_actions(actions: Vec<Action>) -> Plan {
    let mut plan = swarm(3);
    let steps = actions.into_iter().enumerate();
    plan.steps = steps
        .map(|(index, action)| Step { id: index as u32, at_ms: 2_000 + index as u64, action })
        .collect();
    plan
}

#[test]
fn any_node_may_go_and_those_after_it_take_their_ids() {
    let (last, core) = (NodeId(3), CorePlan { outside: Vec::new(), state: OutsideState::Dead });
    let mut whole = with_actions(vec![Action::Bounce { target: Target::Node(last) }]);
    assert_eq!(whole.cluster.brokers, [NodeId(1), NodeId(2), last]);
    whole.clocks = vec![ClockPlan { node: last, offset_ms: 1_234, drift_ppm: -77 }];
    whole.core = Some(CorePlan { outside: vec![last], ..core });
    let bounced_and_skewed = |plan: &Plan| {
        let skewed = plan.clocks.first().map(|clock| clock.node);
        let outside = plan.core.iter().flat_map(|core| &core.outside).next();
        let bounced = plan.steps.first().and_then(|step| {
            let Action::Bounce { target: Target::Node(node) } = &step.action else { return None };
            Some(*node)
        });
        bounced.is_some() && bounced == skewed && bounced.as_ref() == outside
    };
    let shrunk = shrunk_by(&whole, 1, bounced_and_skewed);
    assert_eq!(shrunk.plan.cluster.brokers.len(), 3, "fewer than half may be outside");
    let at_all = |plan: &Plan| {
        let is_bounce = |step: &Step| {
            matches!(step.action, Action::Bounce { target: Target::Node(NodeId(1..)) })
        };
        plan.steps.iter().any(is_bounce) && !plan.clocks.is_empty()
    };
    let shrunk = shrunk_by(&whole, 1, at_all).plan;
    assert_eq!(Size::of(&shrunk).nodes, 2, "{:?}", shrunk.cluster.brokers);
    let (offset_ms, drift_ppm) = (shrunk.clocks[0].offset_ms, shrunk.clocks[0].drift_ppm);
    assert_eq!((shrunk.clocks[0].node, offset_ms, drift_ppm), (NodeId(1), 0, 0));
}

#[test]
fn a_client_that_is_left_gets_the_first_id_and_the_brokers_turn_with_it() {
    let crash = Action::Crash { target: Target::Node(NodeId(3)), down_ms: 500 };
    let whole = with_actions(vec![crash]);
    let id = |plan: &Plan| match plan.clients.first()? {
        ClientPlan::Producer { config, .. } => Some(config.node.0),
        ClientPlan::Consumer { .. } => None,
    };
    // The second client asks the broker first that crashes, and so does the first once that is another broker.
    let asks_who_crashes = |plan: &Plan| {
        let crashed = plan.steps.first().and_then(|step| {
            let Action::Crash { target: Target::Node(node), .. } = step.action else { return None };
            Some(node.0)
        });
        let brokers = plan.cluster.brokers.len() as i32;
        brokers == 3
            && crashed.zip(id(plan)).is_some_and(|(node, id)| (id - node).rem_euclid(brokers) == 0)
    };
    assert!(!asks_who_crashes(&whole), "the first does not ask it");
    let mut second = whole.clone();
    second.clients.remove(0);
    assert_eq!(id(&second), Some(1002));
    let shrunk = shrunk_by(&second, 1, asks_who_crashes).plan;
    assert_eq!((id(&shrunk), Size::of(&shrunk).client_ids), (Some(1001), 0));
    let Action::Crash { target: Target::Node(node), .. } = shrunk.steps[0].action else {
        panic!("{:?}", shrunk.steps)
    };
    assert_eq!(node, NodeId(2));
    // Where the very client matters it stays.
    let is_second = |plan: &Plan| id(plan) == Some(1002);
    assert_eq!(Size::of(&shrunk_by(&second, 1, is_second).plan).client_ids, 1);
}

#[test]
fn one_of_those_outside_is_left_alone() {
    let mut whole = swarm(3);
    whole.cluster.brokers = (1..=5).map(NodeId).collect();
    let outside = vec![NodeId(2), NodeId(4)];
    whole.core = Some(CorePlan { outside, state: OutsideState::Dead });
    let any = |plan: &Plan| plan.core.as_ref().is_some_and(|core| !core.outside.is_empty());
    let shrunk = shrunk_by(&whole, 1, any).plan;
    assert_eq!(shrunk.core.map(|core| core.outside.len()), Some(1));
}

#[test]
fn all_numbers_of_a_step_become_rounder() {
    let target = || Target::Node(NodeId(1));
    let slow = Action::SlowDisk { target: target(), extra_us: (12_345, 67_891), for_ms: 777 };
    let whole = with_actions(vec![
        slow,
        Action::StepClock { target: target(), by_ms: -4_321 },
        Action::LimitBandwidth { target: target(), bytes_per_second: 76_543, for_ms: 777 },
    ]);
    let shrunk = shrunk_by(&whole, 1, |plan| plan.steps.len() == 3).plan;
    let size = Size::of(&shrunk);
    assert!(size.digits <= 3, "{:?}", shrunk.steps);
    let stepped = |step: &Step| matches!(step.action, Action::StepClock { by_ms: 0, .. });
    assert!(shrunk.steps.iter().any(stepped), "{:?}", shrunk.steps);
}

#[test]
fn who_reads_one_topic_is_smaller_than_who_reads_two() {
    let mut whole = swarm(3);
    whole.topics.truncate(1);
    let mut other = whole.topics[0].clone();
    other.name = "invoices".to_owned();
    whole.topics.push(other);
    let both: Vec<String> = whole.topics.iter().map(|topic| topic.name.clone()).collect();
    for client in &mut whole.clients {
        let (ClientPlan::Producer { topics, .. } | ClientPlan::Consumer { topics, .. }) = client;
        topics.clone_from(&both);
    }
    let shrunk = shrunk_by(&whole, 1, |plan| plan.topics.len() == 2 && !plan.clients.is_empty());
    let tree = tree(&shrunk.plan);
    assert_eq!(list(&tree, "/clients/0/topics").len(), 1);
}

#[test]
fn all_that_two_plans_have_otherwise_is_told() {
    let node = |id| Target::Node(NodeId(id));
    let failing = with_actions(vec![
        Action::Bounce { target: node(1) },
        Action::Pause { target: node(2), for_ms: 500 },
        Action::PowerLoss { target: node(2), down_ms: 9 },
    ]);
    let mut passing = failing.clone();
    passing.steps.remove(0);
    passing.steps[0].action = Action::Pause { target: node(2), for_ms: 400 };
    passing.steps[1].action = Action::Stop { target: node(2), down_ms: 9 };
    passing.steps.push(Step { id: 9, at_ms: 3_000, action: Action::Bounce { target: node(3) } });
    passing.heal_at_ms += 1;
    passing.topics[0].initial_partitions = Some(1);
    passing.network.latency_us.1 += 1;
    let texts: Vec<String> =
        changes(&failing, &passing).into_iter().map(|change| change.text).collect();
    let latency = &failing.network.latency_us;
    let wanted = [
        "without the bounce of node 1 at 2000 ms".to_owned(),
        "with the bounce of node 3 at 3000 ms as well".to_owned(),
        format!("with `heal_at_ms` {} instead of {}", failing.heal_at_ms + 1, failing.heal_at_ms),
        format!(
            "with `latency_us` [{},{}] instead of [{},{}]",
            latency.0,
            latency.1 + 1,
            latency.0,
            latency.1
        ),
        "with `for_ms` of the pause of node 2 at 2001 ms 400 instead of 500".to_owned(),
        "with a stop instead of the power-loss of node 2 at 2002 ms".to_owned(),
        "with `initial_partitions` of topic orders 1, which is not set".to_owned(),
    ];
    assert_eq!(texts, wanted);
    assert!(changes(&failing, &failing).is_empty());
}
