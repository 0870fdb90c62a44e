//! The standard swarm scenario over a hundred seeds, as a sweep does it: plan, run, judge.
//!
//! Each seed is run with and without the online invariants, one right after the other, so that both see the same
//! machine; of several rounds the best time of each seed counts. Their digests must be equal, and equal from round to
//! round.
//!
//! `cargo bench -p harrow-scenarios --bench swarm [-- SEEDS]`

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harrow_reports::judge::judge;
use harrow_scenarios::format::{self, Scenario};
use harrow_scenarios::{catalogue, planner};
use harrow_sim::plan::Plan;
use harrow_sim::run::RunOptions;

const SEEDS: u64 = 100;
const ROUNDS: usize = 3;

/// Best times of one seed.
#[derive(Debug, Clone, Copy)]
struct Times {
    plan: Duration,
    watched: Duration,
    unwatched: Duration,
    judge: Duration,
    events: u64,
    messages: u64,
    digest: u64,
}

#[expect(clippy::print_stdout, reason = "a bench's result is its output")]
fn main() {
    let seeds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(SEEDS);
    let scenario = swarm();
    let times: Vec<Times> = (1..=seeds).map(|seed| best(&scenario, seed)).collect();
    let sum = |part: fn(&Times) -> Duration| times.iter().map(part).sum::<Duration>().as_secs_f64();
    let (plan, judge) = (sum(|times| times.plan), sum(|times| times.judge));
    let (watched, unwatched) = (sum(|times| times.watched), sum(|times| times.unwatched));
    let total = plan + watched + judge;
    let events: u64 = times.iter().map(|times| times.events).sum();
    let messages: u64 = times.iter().map(|times| times.messages).sum();
    let each = |seconds: f64| seconds * 1e3 / seeds as f64;
    println!(
        "{seeds} seeds of swarm; {} events and {} messages a seed",
        events / seeds,
        messages / seeds
    );
    println!(
        "a seed: plan {:.2} ms, run {:.2} ms, judge {:.2} ms",
        each(plan),
        each(watched),
        each(judge)
    );
    println!(
        "one core:    {:>8.1} seeds/s, {:>6.2} M events/s",
        seeds as f64 / total,
        events as f64 / watched / 1e6
    );
    println!("an event:    {:>8.0} ns", watched * 1e9 / events as f64);
    println!(
        "two threads: {:>8.1} seeds/s",
        seeds as f64 / in_parallel(&scenario, seeds).as_secs_f64()
    );
    println!("invariants:  {:>8.1} % of a run", (watched - unwatched) * 100.0 / watched);
    println!("peak memory: {:>8} kB", peak_memory_kb().unwrap_or(0));
}

fn swarm() -> Scenario {
    let entry = catalogue::find("swarm").expect("swarm is in the catalogue");
    format::parse("swarm", entry.text, &[]).expect("the catalogue's scenarios are right")
}

fn best(scenario: &Scenario, seed: u64) -> Times {
    let mut best = once(scenario, seed);
    for _ in 1..ROUNDS {
        let again = once(scenario, seed);
        assert_eq!(best.digest, again.digest, "seed {seed} gives another run the second time");
        best.plan = best.plan.min(again.plan);
        best.watched = best.watched.min(again.watched);
        best.unwatched = best.unwatched.min(again.unwatched);
        best.judge = best.judge.min(again.judge);
    }
    best
}

fn once(scenario: &Scenario, seed: u64) -> Times {
    let (plan, planning) = timed(|| planner::plan(scenario, seed));
    let (watched, watching) = timed(|| harrow_sim::run(&plan, options(true)));
    let (unwatched, looking) = timed(|| harrow_sim::run(&plan, options(false)));
    assert_eq!(watched.digest, unwatched.digest, "the watch changes seed {seed}");
    let (_, judging) = timed(|| judge(&plan, &watched));
    Times {
        plan: planning,
        watched: watching,
        unwatched: looking,
        judge: judging,
        events: watched.stats.events,
        messages: watched.stats.messages,
        digest: watched.digest,
    }
}

/// All seeds once, by two threads.
fn in_parallel(scenario: &Scenario, seeds: u64) -> Duration {
    let next = AtomicU64::new(1);
    let work = || {
        while let Some(seed) =
            Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed <= seeds)
        {
            let plan: Plan = planner::plan(scenario, seed);
            std::hint::black_box(judge(&plan, &harrow_sim::run(&plan, options(true))));
        }
    };
    let ((), took) = timed(|| {
        std::thread::scope(|scope| {
            scope.spawn(work);
            scope.spawn(work);
        });
    });
    took
}

fn options(watch: bool) -> RunOptions {
    RunOptions { watch, ..RunOptions::default() }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let done = work();
    (done, begun.elapsed())
}

/// The most that this process ever had in memory; only Linux says.
fn peak_memory_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
