//! What an event costs as partitions grow: twelve brokers, the same load, 10 to 10,000 partitions.
//!
//! Each row runs in a process of its own, so that its peak of memory is its own; of several rounds the best time
//! counts. Rows are run in turn, round by round, so that all see the same machine. An event of the load is what it
//! costs beyond a run without load, which makes the topic, elects its leaders and reads all of it in the end: that
//! grows with the partitions whatever an event costs. The last column but one says how many times that of the first row
//! it is.
//!
//! `cargo bench -p harrow-scenarios --bench partitions [-- PARTITIONS ...]`

use std::process::Command;
use std::time::{Duration, Instant};

use harrow_scenarios::{format, planner};
use harrow_sim::run::{End, Run, RunOptions};

const ROWS: [u32; 4] = [10, 100, 1_000, 10_000];
const ROUNDS: usize = 3;
/// Asks this program for one row.
const ROW: &str = "--row";

const SCENARIO: &str = r#"
name = "partitions"
proves = "what an event costs"

[cluster]
brokers = 12

[[topic]]
name = "orders"
partitions = 10
replication_factor = 3
min.insync.replicas = 2

[[load]]
kind = "producer"
count = 8
operations = 2000
interval_us = "5000..15000"
keys = 0

[[load]]
kind = "consumer"
count = 2
operations = 400

[heal]
at_ms = 30000
"#;

/// What one row gave.
#[derive(Debug, Clone, Copy)]
struct Row {
    events: u64,
    nanoseconds: u64,
    /// As much of both as a run without load has.
    idle_events: u64,
    idle_nanoseconds: u64,
    peak_kb: u64,
    digest: u64,
}

#[expect(clippy::print_stdout, reason = "a bench's result is its output")]
fn main() {
    let numbers: Vec<u32> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if std::env::args().any(|argument| argument == ROW) {
        let row = measure(numbers[0]);
        let Row { events, nanoseconds, idle_events, idle_nanoseconds, peak_kb, digest } = row;
        println!("{events} {nanoseconds} {idle_events} {idle_nanoseconds} {peak_kb} {digest}");
        return;
    }
    let partitions = if numbers.is_empty() { ROWS.to_vec() } else { numbers };
    println!(
        "partitions     events   events/s  ns/event  of the load  of the first  bytes/partition"
    );
    let rows = best(&partitions);
    let each = |row: &Row| row.nanoseconds as f64 / row.events as f64;
    let of_load = |row: &Row| {
        let nanoseconds = row.nanoseconds.saturating_sub(row.idle_nanoseconds);
        nanoseconds as f64 / row.events.saturating_sub(row.idle_events).max(1) as f64
    };
    for (count, row) in partitions.iter().zip(&rows) {
        let more = count.saturating_sub(partitions[0]);
        let kb = row.peak_kb.saturating_sub(rows[0].peak_kb);
        println!(
            "{count:>10} {:>10} {:>10.0} {:>9.0} {:>12.0} {:>12.2}x {:>16}",
            row.events,
            1e9 / each(row),
            each(row),
            of_load(row),
            of_load(row) / of_load(&rows[0]),
            if more == 0 { "-".to_owned() } else { (kb * 1_024 / u64::from(more)).to_string() }
        );
    }
}

/// The best round of each row.
fn best(partitions: &[u32]) -> Vec<Row> {
    let mut rows: Vec<Row> = partitions.iter().map(|count| ask(*count)).collect();
    for _ in 1..ROUNDS {
        for (best, count) in rows.iter_mut().zip(partitions) {
            let again = ask(*count);
            assert_eq!(best.digest, again.digest, "{count} partitions give another run");
            best.nanoseconds = best.nanoseconds.min(again.nanoseconds);
            best.idle_nanoseconds = best.idle_nanoseconds.min(again.idle_nanoseconds);
        }
    }
    rows
}

/// Has a process of its own measure a row.
fn ask(partitions: u32) -> Row {
    let this = std::env::current_exe().expect("a program knows where it is");
    let output = Command::new(this).args([ROW, &partitions.to_string()]).output();
    let output = output.expect("this program can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let fields: Vec<u64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [events, nanoseconds, idle_events, idle_nanoseconds, peak_kb, digest] = fields[..] else {
        panic!("a row is {text:?}")
    };
    Row { events, nanoseconds, idle_events, idle_nanoseconds, peak_kb, digest }
}

fn measure(partitions: u32) -> Row {
    let (run, nanoseconds) = timed(partitions, SCENARIO);
    let peak_kb = peak_memory_kb().unwrap_or(0);
    let few = SCENARIO.replace("operations = 2000", "operations = 20");
    let few = few.replace("operations = 400", "operations = 4");
    let (idle, idle_nanoseconds) = timed(partitions, &few);
    let (events, idle_events) = (run.stats.events, idle.stats.events);
    Row { events, nanoseconds, idle_events, idle_nanoseconds, peak_kb, digest: run.digest }
}

/// One run, and how long it takes.
fn timed(partitions: u32, text: &str) -> (Run, u64) {
    let scenario = format::parse("partitions", text, &[]).expect("the scenario is right");
    let mut plan = planner::plan(&scenario, 1);
    // Beyond what scenarios may ask for.
    plan.topics[0].partitions = partitions;
    let begun = Instant::now();
    let run = harrow_sim::run(&plan, RunOptions::default());
    let took: Duration = begun.elapsed();
    assert_eq!(run.end, End::Quiesced, "{partitions} partitions");
    (run, took.as_nanos() as u64)
}

/// The most that this process ever had in memory; only Linux says.
fn peak_memory_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
