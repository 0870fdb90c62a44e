//! The engine alone: N nodes, each sends one 8-byte heartbeat to its neighbour every 100 ms, one-way latency 1 to 10 ms.
//! The same workload on Harrow's driver, on madsim's own `Endpoint`, and on turmoil with its 1 ms tick, side by side in
//! one process. Prints simulated seconds per second of real time, the median of several runs, and the ratios.
//!
//! `cargo bench -p harrow-sim --bench heartbeat [-- ENGINE]`; an engine's name runs that one alone, for a profiler.

mod harrow;
mod raw_madsim;
mod raw_turmoil;

use std::time::{Duration, Instant};

const RUNS: usize = 7;
const HEARTBEAT: Duration = Duration::from_millis(100);
const LATENCY: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(10));

/// An engine under test: simulates so many nodes for so long and says how many heartbeats arrived.
type Engine = fn(nodes: u32, simulated: Duration) -> u64;

/// Name, workload, and how many seconds one node is simulated in one run when there are so many.
const ENGINES: [(&str, Engine, fn(u64) -> u64); 3] = [
    ("harrow", harrow::simulate, |nodes| 200_000 / nodes),
    ("madsim", raw_madsim::simulate, |nodes| 40_000 / nodes),
    ("turmoil", raw_turmoil::simulate, |nodes| (600 / (nodes * nodes / 4)).max(2)),
];

#[expect(clippy::print_stdout, reason = "a bench's result is its output")]
fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    println!(
        "{:>6} {:>16} {:>16} {:>16} {:>12} {:>12}",
        "nodes", "harrow", "madsim", "turmoil", "/madsim", "/turmoil"
    );
    for nodes in [5_u32, 20, 50] {
        let [harrow, madsim, turmoil] = ENGINES.map(|(name, engine, seconds)| {
            let wanted = only.as_ref().is_none_or(|only| only == name);
            if wanted { speed(name, engine, nodes, seconds(u64::from(nodes))) } else { f64::NAN }
        });
        println!(
            "{nodes:>6} {harrow:>15.0}x {madsim:>15.0}x {turmoil:>15.1}x {:>12.1} {:>12.0}",
            harrow / madsim,
            harrow / turmoil
        );
    }
}

/// Median of simulated time over real time.
fn speed(name: &str, engine: Engine, nodes: u32, simulated_s: u64) -> f64 {
    let simulated = Duration::from_secs(simulated_s);
    let mut ratios: Vec<f64> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            let arrived = engine(nodes, simulated);
            let took = begun.elapsed();
            let sent = u64::from(nodes) * simulated_s * 10;
            assert!(
                arrived * 100 >= sent * 95 && arrived <= sent + u64::from(nodes),
                "{name}: {arrived} of {sent} heartbeats arrived"
            );
            simulated.as_secs_f64() / took.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[RUNS / 2]
}
