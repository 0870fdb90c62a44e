//! The engine alone: N nodes, each sends one 8-byte heartbeat to its neighbour every 100 ms, one-way latency 1 to 10
//! ms. The same workload on Harrow's driver, on madsim's own `Endpoint`, and on turmoil with its 1 ms tick, in one
//! process. Prints simulated seconds per second of real time and their ratios. The engines take turns, and the best
//! round of each counts: other work on the machine makes a round slower, never faster.
//!
//! `cargo bench --manifest-path sim/peers/Cargo.toml [-- ENGINE]`; an engine's name runs that one alone, for a
//! profiler.

mod harrow;
mod raw_madsim;
mod raw_turmoil;
mod workload;

use std::time::Duration;
#[expect(clippy::disallowed_types, reason = "a bench measures real time")]
use std::time::Instant;

const ROUNDS: usize = 9;

/// An engine under test: simulates so many nodes for so long and says how many heartbeats arrived.
type Engine = fn(nodes: u32, simulated: Duration) -> u64;

/// Name, workload, and how many seconds one node is simulated in one run when there are so many.
#[expect(clippy::type_complexity, reason = "a table of three columns")]
const ENGINES: [(&str, Engine, fn(u64) -> u64); 3] = [
    ("harrow", harrow::simulate, |nodes| 100_000 / nodes),
    ("madsim", raw_madsim::simulate, |nodes| 20_000 / nodes),
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
        let rounds: Vec<[f64; 3]> = (0..ROUNDS)
            .map(|_| {
                ENGINES.map(|(name, engine, seconds)| {
                    let wanted = only.as_ref().is_none_or(|only| only == name);
                    let seconds = seconds(u64::from(nodes));
                    if wanted { speed(name, engine, nodes, seconds) } else { f64::NAN }
                })
            })
            .collect();
        let [harrow, madsim, turmoil] = best(&rounds);
        println!(
            "{nodes:>6} {harrow:>15.0}x {madsim:>15.0}x {turmoil:>15.1}x {:>12.1} {:>12.0}",
            harrow / madsim,
            harrow / turmoil
        );
    }
}

/// Simulated time over real time.
#[expect(clippy::disallowed_types, reason = "a bench measures real time")]
fn speed(name: &str, engine: Engine, nodes: u32, simulated_s: u64) -> f64 {
    let simulated = Duration::from_secs(simulated_s);
    let begun = Instant::now();
    let arrived = engine(nodes, simulated);
    let took = begun.elapsed();
    let sent = u64::from(nodes) * simulated_s * 10;
    assert!(
        arrived * 100 >= sent * 95 && arrived <= sent + u64::from(nodes),
        "{name}: {arrived} of {sent} heartbeats arrived"
    );
    simulated.as_secs_f64() / took.as_secs_f64()
}

/// The highest speed of each engine.
fn best(rounds: &[[f64; 3]]) -> [f64; 3] {
    [0, 1, 2].map(|engine| rounds.iter().map(|round| round[engine]).fold(f64::NAN, f64::max))
}
