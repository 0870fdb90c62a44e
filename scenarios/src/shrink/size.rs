//! What smaller means. Sizes are ordered by their first difference, and each part is a whole number, so there is no
//! endless way down. First comes what a reader has to understand, last what is only long.

use std::fmt;

use harrow_sim::plan::{Plan, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::passes::away;
use super::tree::{at, each, list, tree};
use super::unusual::unusual;

/// How large a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Size {
    /// Faults.
    pub steps: u64,
    /// How much they take away, all together: a power loss more than a crash, a crash more than a stop.
    pub severity: u64,
    /// Clients.
    pub clients: u64,
    /// Operations of all clients.
    pub operations: u64,
    /// Brokers and controllers.
    pub nodes: u64,
    /// Topics and partitions, replicas of each topic, and topics of each client.
    pub places: u64,
    /// Clocks that are wrong, and nodes that are never healed.
    pub oddities: u64,
    /// Settings that differ from their defaults.
    pub settings: u64,
    /// Targets that the seed draws when the step fires.
    pub drawn_targets: u64,
    /// How far the clients' ids are from those that a scenario gives.
    #[serde(default)]
    pub client_ids: u64,
    /// Times and durations in milliseconds, and 100 for each digit that is needed to write them.
    pub times: u64,
    /// Digits of what else there is, such as the extra latency of a fault, or a setting.
    pub digits: u64,
}

impl Size {
    /// The size of a plan.
    pub fn of(plan: &Plan) -> Self {
        let tree = tree(plan);
        let steps = list(&tree, "/steps");
        let unusual = unusual(&tree);
        let mut size = Self {
            steps: steps.len() as u64,
            severity: steps.iter().map(|step| severity(at(step, "/action"))).sum(),
            clients: (list(&tree, "/clients").len() + list(&tree, "/applications").len()) as u64,
            operations: numbers(&tree, "/clients", "operations"),
            nodes: (plan.cluster.brokers.len() + plan.cluster.controllers.len()) as u64,
            places: places(&tree),
            oddities: (list(&tree, "/clocks").len() + list(&tree, "/core/outside").len()) as u64,
            settings: unusual.len() as u64,
            digits: unusual.iter().map(|place| digits(at(&tree, place))).sum(),
            client_ids: away(&tree),
            times: time(&tree["heal_at_ms"]),
            ..Self::default()
        };
        each(at(&tree, "/clients"), "", &mut |_, key, value| {
            size.times += if key == "start_ms" { time(value) } else { 0 };
        });
        for place in ["/steps", "/clocks"] {
            each(at(&tree, place), "", &mut |_, key, value| size.add_field(key, value));
        }
        size
    }

    /// A field of a step or a clock.
    fn add_field(&mut self, key: &str, value: &Value) {
        let target = value.as_str().and_then(|text| Target::parse(text).ok());
        self.drawn_targets += u64::from(target.is_some_and(|target| is_drawn(&target)));
        if key.ends_with("_ms") {
            self.times += time(value);
        } else if !["id", "node"].contains(&key) {
            self.digits += digits(value);
        }
    }
}

impl fmt::Display for Size {
    /// For people: what they count.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, clients, operations, nodes, settings, .. } = self;
        write!(
            f,
            "{}, {}, {}, {}, {} not at their defaults",
            count(*steps, "step"),
            count(*operations, "operation"),
            count(*clients, "client"),
            count(*nodes, "node"),
            count(*settings, "setting")
        )
    }
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Whether the step's key decides who it is. A role that one node has says why it matters, and stays.
pub(super) fn is_drawn(target: &Target) -> bool {
    match target {
        Target::FollowerOf(..)
        | Target::IsrFollowerOf(..)
        | Target::MemberOf(_)
        | Target::StandbyController
        | Target::AnyController
        | Target::AnyBroker
        | Target::AnyNode
        | Target::AnyClient => true,
        Target::LeaderOf(..)
        | Target::ActiveController
        | Target::CoordinatorOf(_)
        | Target::TransactionCoordinatorOf(_)
        | Target::Node(_)
        | Target::Application(_) => false,
    }
}

/// How much each kind of fault takes away, and each shape of a cut, beside each replica that is moved; what is not
/// named is in the middle.
const SEVERITY: &[(&str, u64)] = &[
    ("whole-cluster-outage", 20),
    ("wipe-disk", 16),
    ("lying-sync", 16),
    ("bit-rot", 16),
    ("rolling-restart", 15),
    ("power-loss", 14),
    ("fail-disk", 12),
    ("fail-log-directory", 11),
    ("full-disk", 12),
    ("crash", 10),
    ("bounce", 9),
    ("stop", 8),
    ("pause", 7),
    ("reset-connections", 5),
    ("delete-records", 4),
    ("decommission-broker", 13),
    ("remove-voter", 6),
    ("add-voter", 3),
    ("reassign", 4),
    ("cancel-reassignment", 3),
    ("add-partitions", 3),
    ("alter-config", 3),
    ("elect-preferred", 3),
    ("delete-topic", 6),
    ("create-topic", 3),
    ("join-broker", 3),
    ("delete-group", 3),
    ("reset-offsets", 3),
    ("abort-hanging", 3),
    ("isolate", 3),
    ("halves", 6),
    ("bridge", 6),
    ("ring", 6),
    ("from-brokers", 2),
    ("from-controllers", 2),
    ("from-clients", 2),
    ("between", 1),
    ("one-way", 0),
];
const SEVERITY_UNNAMED: u64 = 8;

pub(super) fn severity(action: &Value) -> u64 {
    let of = |name: &Value| {
        let named = SEVERITY.iter().find(|(known, _)| name.as_str() == Some(known));
        named.map_or(SEVERITY_UNNAMED, |(_, severity)| *severity)
    };
    let shape = at(action, "/cut/shape");
    let cut = if shape.is_null() { 0 } else { of(shape) };
    let moved = at(action, "/replicas").as_u64().unwrap_or(0);
    of(at(action, "/kind")) + moved + cut + u64::from(at(action, "/power") == &Value::Bool(true))
}

/// Topics, partitions and replicas, and topics that clients work on.
fn places(tree: &Value) -> u64 {
    let topics = list(tree, "/topics").len() as u64;
    let each = |key: &str| numbers(tree, "/topics", key);
    let worked_on =
        list(tree, "/clients").iter().map(|client| list(client, "/topics").len() as u64);
    topics + each("partitions") + each("replication_factor") + worked_on.sum::<u64>()
}

/// The sum of all numbers of that key.
fn numbers(tree: &Value, place: &str, wanted: &str) -> u64 {
    let mut sum = 0;
    each(at(tree, place), "", &mut |_, key, value| {
        sum += if key == wanted { value.as_u64().unwrap_or(0) } else { 0 };
    });
    sum
}

/// What a digit costs, in milliseconds: 1500 is less than 1563, and so is 1600, but not 2000.
const DIGIT_MS: u64 = 100;

fn time(value: &Value) -> u64 {
    value.as_i64().map_or(0, i64::unsigned_abs) + DIGIT_MS * digits(value)
}

/// Digits before the zeros at the end, of all numbers in it.
fn digits(value: &Value) -> u64 {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            text.trim_matches(['-', '0']).len() as u64
        }
        Value::Array(elements) => elements.iter().map(digits).sum(),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Object(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn weaker_faults_are_smaller() {
        let of = |action: Value| severity(&action);
        let order = [
            json!({"kind": "whole-cluster-outage", "power": true}),
            json!({"kind": "whole-cluster-outage", "power": false}),
            json!({"kind": "wipe-disk"}),
            json!({"kind": "power-loss"}),
            json!({"kind": "crash"}),
            json!({"kind": "bounce"}),
        ];
        assert!(order.map(of).windows(2).all(|pair| pair[0] > pair[1]));
        let cut = |shape: &str| of(json!({"kind": "partition", "cut": {"shape": shape}}));
        assert!(cut("halves") > cut("isolate") && cut("isolate") > cut("from-brokers"));
    }

    #[test]
    fn round_times_are_smaller_than_ragged_ones() {
        let times = [1_500, 1_563, 1_600, 2_000, 3_000].map(|number| time(&json!(number)));
        assert!(times[0] < times[1] && times[2] < times[1] && times[1] < times[3]);
        assert!(times[3] < times[4], "among round ones the shorter is smaller");
        assert_eq!(digits(&json!([100, -250])), 3);
    }
}
