//! The search: passes over the best plan so far until none of them finds a smaller one.
//!
//! Plans are judged in parallel, in order, and the first that fails is kept: what comes out is the same with any number
//! of threads, unless time runs out. A plan that was judged is not judged again. First one runtime seed is tried for
//! each; when nothing is left to take away, several: a plan may fail less often and still be the smaller one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use harrow_sim::plan::Plan;
use xxhash_rust::xxh3::xxh3_128;

use super::edit::Edit;
use super::failing_run::FailingRun;
use super::passes::{PASSES, Pass};
use super::size::Size;
use super::tree;
use crate::pool;

/// So many rounds of all passes, at the most: a bound, so that no oracle whatever makes it go on for ever.
const ROUNDS_MAX: u32 = 40;

/// How long to search, and with how many threads.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    /// Threads.
    pub jobs: usize,
    /// So many runtime seeds are tried for a plan before it counts as one that holds.
    pub seeds: u32,
    /// Asked before each plan is judged: whether to go on.
    pub more: &'a (dyn Fn() -> bool + Sync),
}

/// Where a search stands.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The pass.
    pub pass: &'static str,
    /// Plans judged.
    pub judged: u64,
    /// The best plan so far.
    pub best: &'a Plan,
    /// Whether it is new.
    pub improved: bool,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The smallest plan found; its seed is one under which it fails.
    pub plan: Plan,
    /// How it fails.
    pub failing_run: FailingRun,
    /// Plans judged.
    pub judged: u64,
    /// Of these, how many were smaller and still failed.
    pub accepted: u64,
    /// Whether no pass can make it smaller; if not, time ran out or somebody stopped it.
    pub complete: bool,
}

type Oracle<'a> = &'a (dyn Fn(&Plan, u32) -> Option<FailingRun> + Sync);

struct Search<'a> {
    oracle: Oracle<'a>,
    budget: Budget<'a>,
    best: Plan,
    size: Size,
    failing_run: FailingRun,
    tried: BTreeSet<u128>,
    judged: u64,
    accepted: u64,
    progress: &'a mut dyn FnMut(Progress<'_>),
}

/// Shrinks a plan that fails as its failing run says. The oracle is given a plan and how many runtime seeds to try; it
/// says how the plan fails, if it does.
pub fn shrink(
    plan: &Plan,
    failing_run: FailingRun,
    oracle: Oracle<'_>,
    budget: Budget<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Shrunk {
    assert!(budget.jobs > 0 && budget.seeds > 0, "neither thread nor seed to search with");
    let mut best = plan.clone();
    best.seed = failing_run.seed;
    let mut search = Search {
        oracle,
        budget,
        size: Size::of(&best),
        best,
        failing_run,
        tried: BTreeSet::new(),
        judged: 0,
        accepted: 0,
        progress,
    };
    let complete = search.all();
    let Search { best, failing_run, judged, accepted, .. } = search;
    Shrunk { plan: best, failing_run, judged, accepted, complete }
}

impl Search<'_> {
    /// Whether it came to an end by itself.
    fn all(&mut self) -> bool {
        let mut seeds = 1;
        for _ in 0..ROUNDS_MAX {
            let before = self.size;
            for pass in PASSES {
                self.pass(pass, seeds);
                if !(self.budget.more)() {
                    return false;
                }
            }
            if self.size == before {
                if seeds == self.budget.seeds {
                    return true;
                }
                seeds = self.budget.seeds;
                self.tried.clear();
            }
        }
        false
    }

    /// Tries one change after another, each on the best plan so far.
    fn pass(&mut self, pass: &Pass, seeds: u32) {
        let edits = pass.edits(&self.best, &self.failing_run);
        let mut next = 0;
        while next < edits.len() && (self.budget.more)() {
            let Some((position, plan, failing_run)) = self.first(&edits[next..], pass, seeds)
            else {
                return;
            };
            self.accept(plan, failing_run, pass);
            next += position + 1;
        }
    }

    fn accept(&mut self, mut plan: Plan, failing_run: FailingRun, pass: &Pass) {
        plan.seed = failing_run.seed;
        let size = Size::of(&plan);
        assert!(size < self.size, "a plan of {size:?} is no smaller than one of {:?}", self.size);
        (self.best, self.size, self.failing_run) = (plan, size, failing_run);
        self.accepted += 1;
        self.tell(pass, true);
    }

    fn tell(&mut self, pass: &Pass, improved: bool) {
        let (pass, judged, best) = (pass.name, self.judged, &self.best);
        (self.progress)(Progress { pass, judged, best, improved });
    }

    /// The first of these changes that gives a smaller plan, not tried yet, which still fails. Each is made when its
    /// turn comes: a plan with thousands of steps has tens of thousands of them.
    fn first(
        &mut self,
        edits: &[Edit],
        pass: &Pass,
        seeds: u32,
    ) -> Option<(usize, Plan, FailingRun)> {
        let Self { oracle, best, size, tried, .. } = self;
        let (oracle, best, size, tried) = (*oracle, &*best, *size, &*tried);
        let candidate = |edit: &Edit| {
            let plan = edit.apply(best).filter(|plan| Size::of(plan) < size)?;
            let key = key(&plan);
            (!tried.contains(&key)).then_some((key, plan))
        };
        let (found, judged) = (RefCell::new(None), RefCell::new(BTreeSet::new()));
        pool::ordered(
            pool::Options { jobs: self.budget.jobs, more: self.budget.more },
            |index| {
                let position = usize::try_from(index).ok()?;
                let given = candidate(edits.get(position)?);
                let seen = given.map(|(key, plan)| {
                    let failing_run = oracle(&plan, seeds);
                    (key, plan, failing_run)
                });
                Some((position, seen))
            },
            |(position, seen)| {
                let Some((key, plan, failing_run)) = seen else {
                    return ControlFlow::Continue(());
                };
                judged.borrow_mut().insert(key);
                let Some(failing_run) = failing_run else { return ControlFlow::Continue(()) };
                *found.borrow_mut() = Some((position, plan, failing_run));
                ControlFlow::Break(())
            },
        );
        let judged = judged.into_inner();
        self.judged += judged.len() as u64;
        self.tried.extend(judged);
        self.tell(pass, false);
        found.into_inner()
    }
}

/// What tells plans apart: one that was tried under another seed is another one.
fn key(plan: &Plan) -> u128 {
    xxh3_128(tree::tree(plan).to_string().as_bytes())
}
