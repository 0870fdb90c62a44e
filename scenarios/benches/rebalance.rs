//! What a rebalance costs: fifty members, two hundred partitions, and one member that leaves and comes back.
//!
//! The same run is made with and without that: the difference is two rebalances. Of several rounds the best time
//! counts. The budget is 200 ms each.
//!
//! `cargo bench -p harrow-scenarios --bench rebalance`

use std::time::Instant;

use harrow_scenarios::{format, planner};
use harrow_sim::run::{End, RunOptions};

const ROUNDS: usize = 5;
const SCENARIO: &str = include_str!("rebalance.toml");
const REBALANCES: u64 = 2;

#[expect(clippy::print_stdout, reason = "a bench's result is its output")]
fn main() {
    println!("protocol     events  ms each, of {REBALANCES} rebalances");
    for protocol in ["classic", "consumer"] {
        let (with, without) = (best(protocol, true), best(protocol, false));
        let events = with.0.saturating_sub(without.0) / REBALANCES;
        let ms = with.1.saturating_sub(without.1) as f64 / REBALANCES as f64 / 1e6;
        println!("{protocol:<10} {events:>8} {ms:>8.1}");
    }
}

/// Events, and the nanoseconds of the fastest round.
fn best(protocol: &str, leaves: bool) -> (u64, u64) {
    let set = format!("load.1.group.protocol={protocol}");
    let scenario = format::parse("rebalance", SCENARIO, &[set]);
    let mut plan = planner::plan(&scenario.expect("the scenario is right"), 1);
    if !leaves {
        plan.steps.clear();
    }
    let rounds = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        let run = harrow_sim::run(&plan, RunOptions::default());
        assert_eq!(run.end, End::Quiesced, "{protocol}");
        (run.stats.events, begun.elapsed().as_nanos() as u64)
    });
    rounds.min_by_key(|round| round.1).expect("there are rounds")
}
