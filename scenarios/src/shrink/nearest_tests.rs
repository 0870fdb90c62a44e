//! The nearest passing plan by itself, with rules that are made up: no more is changed than it takes.

use harrow_sim::plan::{ClientPlan, Plan};
use serde_json::Value;

use super::nearest::nearest_by;
use super::{Change, FailingRun, changes};
use crate::catalogue::find;
use crate::format::{check_plan, parse};
use crate::plain::plain_tree;
use crate::planner::plan;

/// The first plan of a scenario that is as wanted.
fn planned(scenario: &str, wanted: impl Fn(&Plan) -> bool) -> Plan {
    let text = find(scenario).expect("it is in the catalogue").text;
    let scenario = parse(scenario, text, &[]).unwrap_or_else(|e| panic!("{:?}", e.mistakes()));
    let mut plans = (1..1_000).map(|seed| plan(&scenario, seed));
    plans.find(wanted).expect("some seed has such a plan")
}

/// What the nearest plan that passes by a made-up rule has otherwise.
fn told(failing: &Plan, passes: impl Fn(&Plan) -> bool) -> Vec<Change> {
    assert!(!passes(failing), "the plan fails");
    let sound = check_plan("failing", "{}", failing);
    sound.unwrap_or_else(|error| panic!("{:?}", error.mistakes()));
    let nearest = nearest_by(failing, &FailingRun::default(), &passes, &|| true);
    let nearest = nearest.expect("some change makes it pass");
    assert!(passes(&nearest), "the nearest plan passes");
    changes(failing, &nearest)
}

fn places(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| change.place.as_str()).collect()
}

/// Many settings are unusual; of them one matters, or two that do not stand together.
#[test]
fn of_many_settings_only_those_are_told_that_matter() {
    let mut failing = planned("calm", |_| true);
    (failing.cluster.segment_bytes, failing.cluster.replica_lag_time_max_ms) = (4_096, 5_678);
    failing.network.slow_one_in = 5;
    let usual = plain_tree();
    let is_usual =
        |number: u64, place: &str| usual.pointer(place).and_then(Value::as_u64) == Some(number);
    let has_usual =
        |plan: &Plan| is_usual(plan.cluster.segment_bytes.into(), "/cluster/segment_bytes");
    let one = told(&failing, has_usual);
    assert_eq!(places(&one), ["/cluster/segment_bytes"]);
    let is_quick = |plan: &Plan| is_usual(plan.network.slow_one_in.into(), "/network/slow_one_in");
    let passes = |plan: &Plan| has_usual(plan) && is_quick(plan);
    assert_eq!(places(&told(&failing, passes)), ["/cluster/segment_bytes", "/network/slow_one_in"]);
}

/// Transactions have settings of their own, and go with them.
#[test]
fn a_part_that_is_gone_is_one_change() {
    let writes = |plan: &Plan| plan.clients.iter().filter(|it| is_in_transactions(it)).count();
    let failing = planned("bank", |plan| writes(plan) > 0);
    let all = writes(&failing);
    let changes = told(&failing, |plan| writes(plan) < all);
    let [change] = &changes[..] else { panic!("{changes:?}") };
    assert!(change.from.is_object() && change.to.is_null(), "{change:?}");
    assert!(change.text.starts_with("without `"), "{}", change.text);
    assert!(!change.text.contains('{'), "{}", change.text);
}

fn is_in_transactions(client: &ClientPlan) -> bool {
    let ClientPlan::Producer { transactions, .. } = client else { return false };
    transactions.is_some()
}

#[test]
fn clients_that_do_not_matter_stay() {
    let failing = planned("swarm", |plan| plan.clients.len() >= 5);
    let node = |client: &ClientPlan| match client {
        ClientPlan::Producer { config, .. } => config.node,
        ClientPlan::Consumer { config, .. } => config.node,
    };
    let (first, last) = (node(&failing.clients[0]), node(&failing.clients[4]));
    let has = |plan: &Plan, id| plan.clients.iter().any(|client| node(client) == id);
    let changes = told(&failing, |plan| !has(plan, first) && !has(plan, last));
    assert_eq!(places(&changes), ["/clients/0", "/clients/4"]);
    assert_eq!(changes[1].text, format!("without client {last}"));
}

#[test]
fn who_stops_it_has_none_or_one_that_passes() {
    let failing = planned("swarm", |plan| plan.clients.len() >= 5);
    let asked = std::cell::Cell::new(0);
    let stopped = |most: u32| {
        asked.set(0);
        let more = || asked.replace(asked.get() + 1) < most;
        nearest_by(&failing, &FailingRun::default(), &|plan| plan.clients.is_empty(), &more)
    };
    assert_eq!(stopped(3), None);
    assert!(stopped(u32::MAX).is_some_and(|plan| plan.clients.is_empty()));
}
