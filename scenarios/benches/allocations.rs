//! Allocations of a seed of the standard swarm scenario. Counting costs time, so it is apart from the `swarm` bench.
//!
//! `cargo bench -p harrow-scenarios --bench allocations [-- SEEDS]`

use std::alloc::System;

use harrow_reports::judge::judge;
use harrow_scenarios::{catalogue, format, planner};
use harrow_sim::run::RunOptions;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SEEDS: u64 = 30;

/// What one stage allocated in all seeds.
#[derive(Debug, Default)]
struct Total {
    allocations: u64,
    reallocations: u64,
    bytes: u64,
}

impl Total {
    fn add(&mut self, stats: Stats) {
        self.allocations += stats.allocations as u64;
        self.reallocations += stats.reallocations as u64;
        self.bytes += stats.bytes_allocated as u64;
    }
}

#[expect(clippy::print_stdout, reason = "a bench's result is its output")]
fn main() {
    let seeds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(SEEDS);
    let entry = catalogue::find("swarm").expect("swarm is in the catalogue");
    let scenario =
        format::parse("swarm", entry.text, &[]).expect("the catalogue's scenarios are right");
    let mut region = Region::new(ALLOCATOR);
    let mut totals = [Total::default(), Total::default(), Total::default()];
    let mut events = 0;
    for seed in 1..=seeds {
        region.reset();
        let plan = planner::plan(&scenario, seed);
        totals[0].add(region.change_and_reset());
        let run = harrow_sim::run(&plan, RunOptions::default());
        totals[1].add(region.change_and_reset());
        let verdict = judge(&plan, &run);
        totals[2].add(region.change_and_reset());
        events += run.stats.events;
        drop(verdict);
    }
    println!("{seeds} seeds of swarm, {} events a seed; each seed:", events / seeds);
    for (stage, total) in ["plan", "run", "judge"].iter().zip(totals) {
        let Total { allocations, reallocations, bytes } = total;
        println!(
            "{stage:>6}: {:>8} allocations, {:>6} reallocations, {:>8} kB; {:.2} allocations an event",
            allocations / seeds,
            reallocations / seeds,
            bytes / seeds / 1_000,
            allocations as f64 / events as f64
        );
    }
}
