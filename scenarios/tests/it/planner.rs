//! Plans repeat, and what one table draws does not depend on the others.

use harrow_scenarios::format::{Scenario, parse};
use harrow_scenarios::planner::plan;
use harrow_sim::plan::{Action, Plan, Step};
use proptest::prelude::*;

const BASE: &str = r#"
name = "base"
proves = "Something."
[[topic]]
name = "orders"
partitions = "1..9"
[[load]]
kind = "producer"
count = "2..4"
acks = ["all", "1", "0"]
[[load]]
kind = "consumer"
count = "1..3"
[[fault]]
kind = "crash"
target = ["leader-of orders-*", "any-broker"]
count = 3
at_ms = "1000..20000"
down_ms = "100..5000"
"#;

fn read(text: &str) -> Scenario {
    parse("test", text, &[]).unwrap_or_else(|error| panic!("{:?}", error.mistakes()))
}

fn catalogue_plan(name: &str, seed: u64) -> Plan {
    let entry = harrow_scenarios::catalogue::find(name).expect("a name of the catalogue");
    plan(&read(entry.text), seed)
}

fn crashes(plan: &Plan) -> Vec<(u64, Action)> {
    let is_crash = |step: &&Step| matches!(step.action, Action::Crash { .. });
    plan.steps.iter().filter(is_crash).map(|step| (step.at_ms, step.action.clone())).collect()
}

proptest! {
    #[test]
    fn equal_seeds_give_equal_plans(seed: u64) {
        let scenario = read(BASE);
        prop_assert_eq!(plan(&scenario, seed), plan(&scenario, seed));
    }

    #[test]
    fn another_fault_table_changes_neither_loads_nor_other_faults(seed: u64) {
        let more = format!("{BASE}\n[[fault]]\nkind = \"bounce\"\ntarget = \"any-node\"\nat_ms = \"0..9000\"\n");
        let (before, after) = (plan(&read(BASE), seed), plan(&read(&more), seed));
        prop_assert_eq!(&before.clients, &after.clients);
        prop_assert_eq!(&before.topics, &after.topics);
        prop_assert_eq!(crashes(&before), crashes(&after));
        prop_assert_eq!(after.steps.len(), before.steps.len() + 1);
    }

    #[test]
    fn a_higher_count_keeps_the_steps_that_were_there(seed: u64) {
        let more = BASE.replace("count = 3", "count = 5");
        let (before, after) = (crashes(&plan(&read(BASE), seed)), crashes(&plan(&read(&more), seed)));
        prop_assert_eq!(after.len(), 5);
        prop_assert!(before.iter().all(|crash| after.contains(crash)));
    }

    #[test]
    fn a_fault_that_follows_begins_that_much_later(seed: u64) {
        let named = BASE.replace("[[fault]]", "[[fault]]\nname = \"first\"");
        let text = format!(
            "{named}\n[[fault]]\nkind = \"bounce\"\nafter = \"first\"\ndelay_ms = \"5..50\"\ntarget = \"controller\"\n"
        );
        let plan = plan(&read(&text), seed);
        let mut delays = 0;
        for bounce in plan.steps.iter().filter(|step| matches!(step.action, Action::Bounce { .. })) {
            let near = crashes(&plan).iter().any(|(at_ms, _)| (5..=50).contains(&bounce.at_ms.abs_diff(*at_ms)));
            prop_assert!(near, "{bounce:?}");
            delays += 1;
        }
        prop_assert_eq!(delays, 3);
    }

    #[test]
    fn idempotence_is_only_drawn_where_kafka_accepts_it(seed: u64) {
        let text = serde_json::to_value(plan(&read(BASE), seed)).expect("a plan is data");
        for client in text["clients"].as_array().expect("clients are a list") {
            let config = &client["config"];
            prop_assert!(config["idempotence"] != true || config["acks"] == "all", "{config}");
        }
    }
}

#[test]
fn seeds_differ() {
    let scenario = read(BASE);
    let plans: Vec<Plan> = (0..20).map(|seed| plan(&scenario, seed)).collect();
    for (index, one) in plans.iter().enumerate() {
        assert!(plans[index + 1..].iter().all(|other| other.steps != one.steps), "seed {index}");
    }
}

#[test]
fn set_overrides_any_value() {
    let set = [
        "heal.at_ms=25000",
        "load.0.count=7",
        "topic.orders.partitions=2",
        "network.latency_us=100..500",
    ];
    let assignments: Vec<String> = set.iter().map(|text| (*text).to_owned()).collect();
    let plan = plan(&parse("test", BASE, &assignments).expect("these are right"), 1);
    assert_eq!(
        (plan.heal_at_ms, plan.topics[0].partitions, plan.network.latency_us),
        (25_000, 2, (100, 500))
    );
    assert!(plan.clients.len() >= 8, "{}", plan.clients.len());
}

#[test]
fn plans_of_two_seeds_are_as_they_were() {
    insta::assert_json_snapshot!("leader-crash-1", catalogue_plan("leader-crash", 1));
    insta::assert_json_snapshot!("swarm-2", catalogue_plan("swarm", 2));
}
