//! Budgets of groups and transactions that are no matter of the machine: handled events, and simulated time.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::harrow_in;

const TRANSACTION: &str = include_str!("budgets/transaction.toml");
const REBALANCE: &str = include_str!("budgets/rebalance.toml");

/// The rows of the trace of a run.
fn rows(scenario: &str, seed: u64, sets: &[&str]) -> Vec<Value> {
    let directory = TempDir::new().expect("a temporary directory");
    fs::write(directory.path().join("budget.toml"), scenario).expect("it can be written");
    let seed = seed.to_string();
    let mut line = vec!["run", "budget.toml", "--seed", &seed, "--out", "out"];
    line.extend(sets.iter().flat_map(|set| ["--set", *set]));
    let said = harrow_in(directory.path(), &line);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let trace = fs::read_to_string(directory.path().join("out/trace.jsonl")).expect("it is left");
    let read = |line| serde_json::from_str(line).expect("a line is JSON");
    trace.lines().skip(1).map(read).collect()
}

fn text(row: &Value) -> &str {
    row["text"].as_str().expect("each row has a text")
}

fn number(row: &Value, field: &str) -> u64 {
    row[field].as_u64().unwrap_or_else(|| panic!("{field} of {row}"))
}

/// What follows from a transaction until it is complete.
#[derive(Debug, Default)]
struct Cost {
    rows: BTreeSet<u64>,
    events: BTreeSet<u64>,
    partitions: BTreeSet<String>,
    /// It was told to wait: what it asks again does not follow from a message, but from time.
    waited: bool,
}

impl Cost {
    fn take(&mut self, row: &Value) {
        if row["cause"].as_u64().is_some_and(|cause| self.rows.contains(&cause)) {
            self.rows.insert(number(row, "row"));
            self.events.insert(number(row, "event"));
        }
        self.waited |= text(row).contains("ConcurrentTransactions");
        if let Some((partition, _)) = text(row).split_once(": added to transaction") {
            self.partitions.insert(partition.to_owned());
        }
    }
}

/// How many events follow from each transaction of three partitions and offsets, until its last marker is written.
fn costs(rows: &[Value]) -> Vec<usize> {
    let mut costs = Vec::new();
    let mut open: Option<Cost> = None;
    for row in rows {
        if text(row).contains(": send records [") && row["kind"] == "operation-invoked" {
            let first = |field| BTreeSet::from([number(row, field)]);
            open = Some(Cost { rows: first("row"), events: first("event"), ..Cost::default() });
        }
        let Some(cost) = &mut open else { continue };
        cost.take(row);
        if text(row).ends_with("transitioned to committed") {
            let is_whole = cost.partitions.len() == 4 && !cost.waited;
            costs.extend(is_whole.then_some(cost.events.len()));
            open = None;
        }
    }
    costs
}

/// It is a mean: where the partitions, their replicas and the coordinators are is drawn, and each leader has followers
/// of its own to tell.
#[test]
fn a_transaction_through_three_partitions_and_offsets_costs_sixty_events() {
    for version in [1, 2] {
        let set = format!("cluster.transaction.version={version}");
        let seeds = (1..=6).flat_map(|seed| costs(&rows(TRANSACTION, seed, &[&set])));
        let costs: Vec<usize> = seeds.collect();
        assert!(costs.len() >= 10, "version {version}: {costs:?}");
        let mean = costs.iter().sum::<usize>() / costs.len();
        assert!(
            (20..=60).contains(&mean),
            "version {version}: {mean} events on average: {costs:?}"
        );
    }
}

/// Members hear of it with their next heartbeat, three seconds at most; nobody is waited for then.
#[test]
fn fifty_members_share_two_hundred_partitions_anew_within_a_heartbeat() {
    for protocol in ["classic", "consumer"] {
        let rows = rows(REBALANCE, 1, &[&format!("load.1.group.protocol={protocol}")]);
        let left = rows.iter().find(|row| row["kind"] == "stop-requested" && row["node"] == 1010);
        let left_ns = number(left.expect("a member leaves"), "at_ns");
        let is_taken = |row: &&Value| {
            row["kind"] == "member-owns"
                && (left_ns..left_ns + 8_000_000_000).contains(&number(row, "at_ns"))
        };
        let taken: Vec<&Value> = rows.iter().filter(is_taken).collect();
        let members: BTreeSet<u64> = taken.iter().map(|row| number(row, "node")).collect();
        let last_ns = taken.iter().map(|row| number(row, "at_ns")).max().expect("the rest goes on");
        let took_ms = (last_ns - left_ns) / 1_000_000;
        assert!(took_ms <= 7_000, "{protocol}: {took_ms} ms, {} members", members.len());
        let owned = owned_at_the_end(&rows, left_ns + 8_000_000_000);
        assert_eq!(owned, 200, "{protocol}: each partition has one owner after {took_ms} ms");
    }
}

/// How many partitions members have at a time, each counted once.
fn owned_at_the_end(rows: &[Value], at_ns: u64) -> usize {
    let mut owners = std::collections::BTreeMap::new();
    for row in
        rows.iter().filter(|row| row["kind"] == "member-owns" && number(row, "at_ns") <= at_ns)
    {
        let places = row["fields"]["partitions"].as_array().cloned().unwrap_or_default();
        owners.insert(number(row, "node"), places);
    }
    owners.remove(&1010);
    let all: BTreeSet<String> = owners.values().flatten().map(Value::to_string).collect();
    let sum: usize = owners.values().map(Vec::len).sum();
    assert_eq!(all.len(), sum, "no partition has two owners");
    sum
}
