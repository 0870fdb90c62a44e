//! Each goal, not met in the smallest way, is named with what it waits for; what no rule can bring back is told apart.

use harrow_broker_model::config::WorkerConfig;

use super::*;
use crate::liveness::{GOALS, Goal};
use crate::plan::{CorePlan, OutsideState};

fn planted(plan: &Plan, plant: Plant, isr: &'static [i32]) -> Run {
    let boot = |boot: Boot<'_>| Toy { node: boot.node, isr, plant, sent: 0, panics: false };
    direct(plan, PLAIN, boot)
}

/// Goal, what was pending, and why it is legal.
fn limit(run: &Run) -> (Goal, &str, Option<&str>) {
    match &run.end {
        End::TimeLimit { goal, pending, unrecoverable, .. } => {
            (*goal, pending, unrecoverable.as_deref())
        }
        End::Quiesced | End::Panicked { .. } => panic!("it ended {:?}", run.end),
    }
}

const PLANTS: [(Plant, &[i32], Goal, &str); 16] = [
    (Plant::Halts, &[1, 2], Goal::Processes, "node 2 is down"),
    (
        Plant::Stranger,
        &[1, 2],
        Goal::QuorumLeader,
        "node 2 takes nobody for quorum leader, not 101",
    ),
    (Plant::Fenced, &[1, 2], Goal::BrokersUnfenced, "broker 2 is fenced"),
    (
        Plant::Behind,
        &[1, 2],
        Goal::Metadata,
        "broker 2 has applied metadata to 0, committed end is 1",
    ),
    (Plant::NoTopic, &[1, 2], Goal::Topics, "topic orders is not created"),
    (Plant::Idle, &[1, 2], Goal::Leaders, "broker 1 does not yet lead orders-0 in epoch 0"),
    (Plant::Sound, &[1], Goal::Isr, "isr of orders-0 is [1], live replicas are [1,2]"),
    (Plant::Elr, &[1, 2], Goal::Isr, "elr of orders-0 is [2] although its isr is whole"),
    (Plant::Silent, &[1, 2], Goal::Operations, "operation 2 of client 1001 is open"),
    (
        Plant::StuckWatermark,
        &[1, 2],
        Goal::HighWatermark,
        "high watermark of orders-0 on broker 1 is 0, log end of leader is 1",
    ),
    (
        Plant::Refused,
        &[1, 2],
        Goal::FreshProducer,
        "the fresh producer's record to orders-0 ended with RequestTimedOut",
    ),
    (
        Plant::Stuck,
        &[1, 2],
        Goal::LoadProducers,
        "the record of producer 1001 to orders-0 ended with RequestTimedOut",
    ),
    (Plant::OpensTransaction, &[1, 2], Goal::Transactions, "node 2 holds 1 open transactions"),
    (
        Plant::Lags,
        &[1, 2],
        Goal::ConsumerLag,
        "consumer 1002 is at 0 of orders-0, committed end is 1",
    ),
    (Plant::Holds, &[1, 2], Goal::Resources, "node 2 holds 1 requests"),
    (Plant::Overdue, &[1, 2], Goal::Resources, "node 2 holds 1 requests"),
];

#[test]
fn each_goal_that_is_not_met_is_named() {
    for (plant, isr, goal, pending) in PLANTS {
        let run = planted(&plan(&[]), plant, isr);
        let (named, text, unrecoverable) = limit(&run);
        // What fails again and again meanwhile is told behind it.
        let text = text.split_once("; a livelock: ").map_or(text, |(waited_for, _)| waited_for);
        assert_eq!((named, text, unrecoverable), (goal, pending, None), "{plant:?}");
        assert!(!run.history.final_reads, "{plant:?}: not everything was read");
    }
    for entry in &GOALS {
        let planted = PLANTS.iter().any(|(_, _, goal, _)| *goal == entry.goal);
        // It has a plan of its own, below.
        let planted = planted || entry.goal == Goal::ShareLag;
        assert!(planted, "{} has no plant", entry.name);
    }
}

#[test]
fn a_share_group_that_does_not_get_on_is_named() {
    let mut plan = plan(&[]);
    let consumer = plan.clients.iter_mut().find_map(|client| match client {
        ClientPlan::Consumer { config, operations, .. } => Some((config, operations)),
        ClientPlan::Producer { .. } => None,
    });
    let (config, operations) = consumer.expect("the plan has a consumer");
    *operations = 0;
    config.worker = Some(WorkerConfig {
        group: "workers".to_owned(),
        records_max: 1,
        processing_ms: (1, 1),
        stall_one_in: 0,
        stall_ms: 1,
        release_one_in: 0,
        reject_one_in: 0,
        record_salt: 1,
    });
    let run = planted(&plan, Plant::Lags, &[1, 2]);
    let (goal, pending, _) = limit(&run);
    let named = pending.starts_with("share group workers is done with orders-0 up to 0, ");
    assert!(goal == Goal::ShareLag && named, "{goal:?}: {pending}");
}

#[test]
fn a_goal_is_given_its_own_time_from_the_last_progress() {
    let plan = plan(&[]);
    for (plant, isr, goal, _) in PLANTS.into_iter().filter(|(plant, ..)| *plant != Plant::Overdue) {
        let run = planted(&plan, plant, isr);
        let End::TimeLimit { since_ms, .. } = run.end else { panic!("{plant:?}: {:?}", run.end) };
        let waited = run.stats.simulated_ms - since_ms;
        let bound = goal.bound_ms(&plan);
        assert!((bound..=bound + 200).contains(&waited), "{plant:?}: {waited} of {bound} ms");
    }
    let run = planted(&plan, Plant::Overdue, &[1, 2]);
    assert_eq!(run.stats.simulated_ms, 1_200, "seen twice is enough");
}

#[test]
fn a_partition_that_nobody_may_lead_is_legally_offline() {
    let run = planted(&plan(&[]), Plant::Sound, &[]);
    let reason = "isr and elr of orders-0 are empty and its topic forbids unclean elections";
    assert_eq!(limit(&run), (Goal::Leaders, "partition orders-0 has no leader", Some(reason)));
}

fn outside(nodes: &[i32], state: OutsideState) -> Plan {
    let mut plan = plan(&[]);
    plan.core = Some(CorePlan { outside: nodes.iter().map(|id| NodeId(*id)).collect(), state });
    plan
}

#[test]
fn a_minority_that_stays_dead_is_not_waited_for() {
    let run = planted(&outside(&[2], OutsideState::Dead), Plant::Sound, &[1]);
    assert_eq!(run.end, End::Quiesced, "{:?}", run.faults);
    assert_eq!(run.faults[0].summary, "node 2 stays dead for good");
    assert_eq!(run.reached.get("stays-dead"), Some(&1), "{:?}", run.reached);
    assert!(run.unmet.is_empty(), "{:?}", run.unmet);
}

#[test]
fn a_node_that_cannot_be_done_without_is_held_back() {
    let run = planted(&outside(&[101, 1], OutsideState::Dead), Plant::Sound, &[1]);
    let held: Vec<Option<&str>> =
        run.faults.iter().map(|fault| fault.held_back.as_deref()).collect();
    let expected = [
        Some("without node 101 the quorum has no majority"),
        Some("orders-0: no other electable replica is sure to be complete"),
    ];
    assert_eq!(held, expected, "both are needed");
}

#[test]
fn what_stays_dead_beyond_the_limits_is_told_as_the_reason() {
    let dead = |nodes: &[i32], isr| {
        let mut plan = outside(nodes, OutsideState::Dead);
        plan.expect.loss_allowed = true;
        planted(&plan, Plant::Sound, isr)
    };
    let quorum = dead(&[101], &[1, 2]);
    let reason =
        "no majority of the controllers [101] is left: [101] stay dead, [] lost their disks";
    let pending = "no live controller of [101] leads the quorum";
    assert_eq!(limit(&quorum), (Goal::QuorumLeader, pending, Some(reason)));
    let all = dead(&[1, 2], &[1, 2]);
    let reason = "every replica of orders-0, [1,2], stays dead";
    assert_eq!(limit(&all), (Goal::Leaders, "partition orders-0 has no leader", Some(reason)));
}

#[test]
fn a_broker_that_the_others_cannot_reach_is_told_when_it_leads() {
    let run = planted(&outside(&[2], OutsideState::CutFromBrokers), Plant::Sound, &[1]);
    assert_eq!(run.end, End::Quiesced, "a follower outside the core does no harm");
    let mut plan = outside(&[1], OutsideState::CutFromBrokers);
    plan.expect.loss_allowed = true;
    let run = planted(&plan, Plant::Sound, &[1]);
    let pending = "partition orders-0 is led by 1, which is outside the core";
    assert_eq!(limit(&run), (Goal::Leaders, pending, None), "no rule deposes it");
}
