//! Draws a [`Plan`] from a [`Scenario`] and a seed: all choices, made once, as data.
//!
//! Each value is drawn from its own stream, keyed by the seed and by what the value is for. So adding a fault table or
//! raising a count changes what is new, and nothing else.

mod clients;
mod cluster;
mod core;
pub mod defaults;
mod drawn;
mod draws;
mod faults;

use harrow_broker_model::config::ShareGroupConfig;
use harrow_broker_model::types::NodeId;
use harrow_sim::plan::{ClientPlan, ClockPlan, Expectation, PLAN_SCHEMA, Plan};

use crate::format::{ClockNodes, ClockScenario, Scenario};
use draws::Draws;

/// Draws the plan of a seed. Equal inputs give equal plans.
pub fn plan(scenario: &Scenario, seed: u64) -> Plan {
    let draws = Draws::new(seed);
    let cluster = cluster::cluster(&scenario.cluster, &draws.at("cluster"));
    let topics = cluster::topics(&scenario.topics, &draws.at("topic"));
    let clients = clients::clients(&scenario.loads, &topics, &cluster, &draws.at("load"));
    let steps = faults::steps(scenario, &topics, &draws);
    let heal = draws.at("heal");
    let nodes = Nodes {
        brokers: cluster.brokers.clone(),
        controllers: cluster.controllers.clone(),
        clients: clients.iter().map(clients::node).collect(),
    };
    let mut plan = Plan {
        schema: PLAN_SCHEMA,
        scenario: scenario.name.clone(),
        seed,
        admin: clients::admin(&cluster),
        fresh_producer: clients::fresh_producer(&cluster),
        final_reader: clients::final_reader(&cluster, &clients),
        network: cluster::network(&scenario.network, &draws.at("network")),
        disk: cluster::disk(&scenario.disk, &draws.at("disk")),
        clocks: clocks(&scenario.clocks, &nodes, &draws.at("clock")),
        heal_at_ms: heal.at("at_ms").unsigned(&scenario.heal.at_ms),
        converge_within_ms: heal
            .at("converge_within_ms")
            .unsigned(&scenario.heal.converge_within_ms),
        core: core::core(&scenario.heal, &cluster, &heal.at("core")),
        expect: Expectation {
            loss_allowed: scenario.expect.loss_allowed,
            reach: scenario.expect.reach.clone(),
        },
        cluster,
        topics,
        clients,
        steps,
        drawn: None,
        applications: Vec::new(),
    };
    if !plan.clients.iter().any(works) {
        plan.cluster.coordinators.share_groups = ShareGroupConfig::DEFAULT;
    }
    bound_fetches(&mut plan);
    assert_sound(&plan);
    plan
}

/// Whether a client works for a share group: without any, a plan says nothing of these.
fn works(client: &ClientPlan) -> bool {
    matches!(client, ClientPlan::Consumer { config, .. } if config.worker.is_some())
}

/// A response that takes longer than its request's timeout to cross a slow link is asked for again for ever. So where
/// bandwidth is bounded, a fetch takes at most a quarter of what crosses the link within the timeout.
fn bound_fetches(plan: &mut Plan) {
    let bandwidth = plan.network.bandwidth_bytes_per_second;
    if bandwidth == 0 {
        return;
    }
    let bound = |bytes: &mut u32, timeout_ms: u64| {
        let crosses = bandwidth.saturating_mul(timeout_ms) / 4_000;
        *bytes = (*bytes).min(u32::try_from(crosses).unwrap_or(u32::MAX)).max(1);
    };
    bound(&mut plan.cluster.replica_fetch_max_bytes, plan.cluster.request_timeout_ms);
    bound(&mut plan.final_reader.fetch_max_bytes, plan.final_reader.request_timeout_ms);
    for client in &mut plan.clients {
        match client {
            ClientPlan::Consumer { config, .. } => {
                bound(&mut config.fetch_max_bytes, config.request_timeout_ms);
            }
            ClientPlan::Producer { .. } => {}
        }
    }
}

/// What every plan promises to the world, whatever the scenario.
fn assert_sound(plan: &Plan) {
    assert!(plan.steps.is_sorted_by_key(|step| step.at_ms), "steps are not in order of time");
    let last = plan.steps.last().map_or(0, |step| step.at_ms);
    assert!(
        last <= plan.heal_at_ms,
        "a step at {last} ms, after the heal at {} ms",
        plan.heal_at_ms
    );
    for topic in &plan.topics {
        let (replicas, brokers) = (topic.replication_factor as usize, plan.cluster.brokers.len());
        assert!(
            replicas <= brokers,
            "topic {} wants {replicas} replicas on {brokers} brokers",
            topic.name
        );
    }
}

/// Who there is.
struct Nodes {
    brokers: Vec<NodeId>,
    controllers: Vec<NodeId>,
    clients: Vec<NodeId>,
}

fn clocks(tables: &[ClockScenario], nodes: &Nodes, draws: &Draws) -> Vec<ClockPlan> {
    let mut clocks: Vec<ClockPlan> = Vec::new();
    for table in tables {
        let whose = match table.nodes {
            ClockNodes::Brokers => &nodes.brokers,
            ClockNodes::Controllers => &nodes.controllers,
            ClockNodes::Clients => &nodes.clients,
        };
        let wrong = whose.iter().filter(|node| draws.at(node).at("chance").happens(table.chance));
        clocks.extend(wrong.map(|node| ClockPlan {
            node: *node,
            offset_ms: draws.at(node).at("offset_ms").number(&table.offset_ms),
            drift_ppm: draws.at(node).at("drift_ppm").number(&table.drift_ppm) as i32,
        }));
    }
    clocks.sort_by_key(|clock| clock.node);
    clocks.dedup_by_key(|clock| clock.node);
    clocks
}
