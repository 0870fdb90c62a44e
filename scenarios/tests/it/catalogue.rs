//! The catalogue is complete, parses, and gives sound plans.

use std::collections::BTreeSet;

use harrow_broker_model::defect::{Defect, QuorumDefect};
use harrow_scenarios::catalogue::CATALOGUE;
use harrow_scenarios::format::{Scenario, parse};
use harrow_scenarios::planner::plan;
use harrow_sim::plan::{Action, ClientPlan, Plan, Step, Target};
use harrow_sim::run::{Run, RunOptions};

use super::played::{Played, WHOLE, with_played};

fn scenario(name: &str) -> Scenario {
    let entry = harrow_scenarios::catalogue::find(name).expect("a name of the catalogue");
    parse(entry.name, entry.text, &[])
        .unwrap_or_else(|error| panic!("{name}: {:?}", error.mistakes()))
}

fn operations(plan: &Plan) -> u32 {
    let each = plan.clients.iter().map(|client| match client {
        ClientPlan::Producer { operations, .. } | ClientPlan::Consumer { operations, .. } => {
            *operations
        }
    });
    each.sum()
}

#[test]
fn every_file_is_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the catalogue's folder is there")
        .map(|file| file.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<String> =
        CATALOGUE.iter().map(|entry| format!("{}.toml", entry.name)).collect();
    assert_eq!(files, listed);
}

#[test]
fn every_scenario_parses_and_is_called_as_its_file() {
    for entry in CATALOGUE {
        let scenario = scenario(entry.name);
        assert_eq!(scenario.name, entry.name);
        assert!(
            scenario.proves.len() > 40,
            "{} proves nothing much: {}",
            entry.name,
            scenario.proves
        );
        assert!(!scenario.expect.reach.is_empty(), "{} needs to reach nothing", entry.name);
        let lossy = entry.name == "swarm-lossy";
        assert_eq!(scenario.expect.loss_allowed, lossy, "{} allows loss", entry.name);
    }
}

#[test]
fn fifty_plans_of_each_are_sound() {
    for entry in CATALOGUE {
        let scenario = scenario(entry.name);
        for seed in 0..50 {
            let plan = plan(&scenario, seed);
            assert!(plan.steps.is_sorted_by_key(|step| step.at_ms), "{} {seed}", entry.name);
            assert!(
                plan.steps.iter().zip(1..).all(|(step, id)| step.id == id),
                "{} {seed}",
                entry.name
            );
            let last = plan.steps.last().map_or(0, |step| step.at_ms);
            assert!(last < plan.heal_at_ms, "{} {seed}: {last}", entry.name);
            check_targets(&plan);
            check_topics(&plan);
            let text = serde_json::to_string(&plan).expect("a plan is data");
            let read: Plan = serde_json::from_str(&text).expect("what was written can be read");
            assert_eq!(read, plan);
        }
    }
}

fn check_topics(plan: &Plan) {
    for topic in &plan.topics {
        assert!(topic.replication_factor as usize <= plan.cluster.brokers.len(), "{topic:?}");
        assert!(topic.min_insync_replicas <= topic.replication_factor, "{topic:?}");
    }
    for client in &plan.clients {
        let (ClientPlan::Producer { topics, .. } | ClientPlan::Consumer { topics, .. }) = client;
        assert!(!topics.is_empty(), "{client:?}");
        assert!(
            topics.iter().all(|name| plan.topics.iter().any(|topic| topic.name == *name)),
            "{client:?}"
        );
    }
}

/// Every target names a partition that the plan has.
fn check_targets(plan: &Plan) {
    let text = serde_json::to_value(&plan.steps).expect("steps are data");
    for target in texts_under(&text, &["target", "from", "to", "a", "b"]) {
        match Target::parse(&target).expect("a plan's target parses") {
            Target::LeaderOf(name, index)
            | Target::FollowerOf(name, index)
            | Target::IsrFollowerOf(name, index) => {
                let found = plan.topics.iter().find(|topic| topic.name == name);
                assert!(
                    found.is_some_and(|topic| index < topic.partitions),
                    "{target} in {}",
                    plan.scenario
                );
            }
            Target::Application(_)
            | Target::TransactionCoordinatorOf(_)
            | Target::ActiveController
            | Target::StandbyController
            | Target::AnyController
            | Target::AnyBroker
            | Target::AnyNode
            | Target::AnyClient
            | Target::CoordinatorOf(_)
            | Target::MemberOf(_)
            | Target::Node(_) => {}
        }
    }
}

fn texts_under(value: &serde_json::Value, keys: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(object) = value.as_object() {
        for (key, inner) in object {
            if let Some(text) = inner.as_str().filter(|_| keys.contains(&key.as_str())) {
                found.push(text.to_owned());
            }
            found.extend(texts_under(inner, keys));
        }
    }
    for inner in value.as_array().into_iter().flatten() {
        found.extend(texts_under(inner, keys));
    }
    found
}

#[test]
fn the_standard_swarm_is_as_large_as_promised() {
    let scenario = scenario("swarm");
    for seed in 0..200 {
        let plan = plan(&scenario, seed);
        assert_eq!((plan.cluster.brokers.len(), plan.cluster.controllers.len()), (3, 3));
        assert_eq!(plan.heal_at_ms, 30_000);
        assert!(operations(&plan) >= 2_000, "seed {seed}: {} operations", operations(&plan));
        assert!(plan.steps.len() >= 5, "seed {seed}: {} steps", plan.steps.len());
    }
}

#[test]
fn the_lossy_swarm_draws_what_a_configuration_may_lose() {
    let scenario = scenario("swarm-lossy");
    let (mut unclean, mut acks, mut wipes) = (BTreeSet::new(), BTreeSet::new(), 0);
    for seed in 0..100 {
        let plan = plan(&scenario, seed);
        unclean.extend(plan.topics.iter().map(|topic| topic.unclean_leader_election));
        acks.extend(plan.clients.iter().filter_map(|client| match client {
            ClientPlan::Producer { config, .. } => Some(format!("{:?}", config.acks)),
            ClientPlan::Consumer { .. } => None,
        }));
        let is_wipe = |step: &&Step| matches!(step.action, Action::WipeDisk { .. });
        wipes += plan.steps.iter().filter(is_wipe).count();
    }
    assert_eq!(unclean.len(), 2, "unclean elections are allowed and not");
    assert_eq!(acks.len(), 3, "acks are all, 1 and 0: {acks:?}");
    assert!(wipes > 20, "{wipes} disks are wiped");
}

#[test]
fn the_swarm_has_every_kind_of_its_tables_in_some_seed() {
    let scenario = scenario("swarm");
    let wanted: BTreeSet<&str> = scenario.faults.iter().map(|fault| fault.action.kind()).collect();
    let mut seen = BTreeSet::new();
    for seed in 0..300 {
        for step in plan(&scenario, seed).steps {
            let value = serde_json::to_value(&step.action).expect("an action is data");
            seen.insert(value["kind"].as_str().expect("an action has a kind").to_owned());
        }
    }
    assert_eq!(seen.iter().map(String::as_str).collect::<BTreeSet<_>>(), wanted);
}

/// A finding is told by a second run that nobody watches: the director may not decide by what only the watch is told,
/// such as that a disk was wiped.
#[test]
fn who_watches_changes_nothing() {
    let mut wiped = plan(&scenario("voter-replacement"), 10);
    wiped.cluster.defects =
        [Defect::from(QuorumDefect::ConcurrentVoterChanges)].into_iter().collect();
    let watched = harrow_sim::run(&wiped, RunOptions::default());
    same_unwatched(&wiped, &watched);
    for entry in CATALOGUE {
        with_played(entry.name, WHOLE, [], |Played { plan, run, .. }| same_unwatched(plan, run));
    }
}

fn same_unwatched(plan: &Plan, watched: &Run) {
    let unwatched = harrow_sim::run(plan, RunOptions { watch: false, ..RunOptions::default() });
    let name = &plan.scenario;
    assert_eq!(watched.digest, unwatched.digest, "{name}");
    assert_eq!(watched.history, unwatched.history, "{name}");
    assert_eq!(watched.stats.events, unwatched.stats.events, "{name}");
}
