//! Budgets of transactions that are no matter of the machine: handled events.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::harrow_in;

const TRANSACTION: &str = include_str!("budgets/transaction.toml");

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
