//! The world of a run: driver, links, disks, clocks, processes, faults, load. The only place that names madsim.
//!
//! | file | what lives there |
//! |---|---|
//! | `director` | phases of a run: topics, load, faults, heal, convergence, final reads |
//! | `engine` | the heap of what will happen, processes, effects |
//! | `network` | links and connections |
//! | `disk`, `clock` | page cache over durable storage; monotonic and wall time |
//! | `condition`, `conditions`, `cuts`, `fault_kind`, `targets` | faults: what lasts, what is cut, who is meant |
//! | `draw` | keyed draws |
//! | `fingerprint` | the digest |
//! | `load`, `member`, `pipeline`, `recorder` | what clients are asked; the history |
//! | `maker` | the process of each node |
//! | `application`, `wire`, `hosted` | applications that speak bytes, brokers that understand them |
//! | `session` | a run that stands still whenever somebody wants to look |
//! | `live` | the same nodes on a clock that its host gives: what `harrow serve` runs |
//! | `questions`, `refusal`, `repetitions` | what is asked of coordinators, how it is refused, and how often |
//! | `observe` | where notes go: view, watch, reach marks, biographies |

mod application;
mod calls;
mod clock;
mod condition;
mod conditions;
mod cuts;
mod director;
mod disk;
mod disks;
mod draw;
mod engine;
mod fault_kind;
mod fingerprint;
pub mod heartbeat;
mod hosted;
pub mod live;
mod load;
mod maker;
mod member;
mod network;
mod observe;
mod panics;
mod pipeline;
mod questions;
mod queue;
mod recorded_topic;
mod recorder;
mod refusal;
mod repetitions;
mod session;
mod targets;
mod wire;
mod wire_size;

pub use self::session::Session;

#[cfg(test)]
pub(crate) use self::director::tests::plan as toy_plan;

use std::collections::BTreeMap;

use harrow_broker_model::node::Node;
use madsim::Config;
use madsim::runtime::Runtime;

use self::director::Director;
use self::engine::Boot;
use self::maker::{host, host_with};
use crate::application::Applications;
use crate::history::History;
use crate::plan::Plan;
use crate::run::{End, Run, RunOptions, RunStats};

/// Runs the model's nodes by a plan, inside a madsim runtime, which keeps stray time and randomness deterministic.
pub(crate) fn simulate(plan: &Plan, options: RunOptions) -> Run {
    let runtime = Runtime::with_seed_and_config(plan.seed, Config::default());
    runtime.block_on(async { direct(plan, options, |boot| host(plan, boot)) })
}

/// The same, with applications.
pub(crate) fn simulate_with(plan: &Plan, options: RunOptions, applications: &Applications) -> Run {
    let runtime = Runtime::with_seed_and_config(plan.seed, Config::default());
    let mut restarts = BTreeMap::new();
    let boot = |boot: Boot<'_>| host_with(plan, applications, &mut restarts, boot);
    runtime.block_on(async { direct(plan, options, boot) })
}

/// Runs any nodes by a plan. Panics of nodes and of the testbed become the run's end.
fn direct<N: Node>(plan: &Plan, options: RunOptions, boot: impl FnMut(Boot<'_>) -> N) -> Run {
    match panics::catch(|| Director::new(plan, options, boot)) {
        Ok(mut director) => {
            let end = panics::catch(|| director.direct());
            let end =
                end.unwrap_or_else(|message| End::Panicked { message, node: director.calling() });
            director.finish(end)
        }
        Err(message) => stillborn(message),
    }
}

/// A run whose plan cannot be run at all.
fn stillborn(message: String) -> Run {
    Run {
        end: End::Panicked { message, node: None },
        history: History::default(),
        violations: Vec::new(),
        unmet: Vec::new(),
        faults: Vec::new(),
        reached: BTreeMap::new(),
        topics: BTreeMap::new(),
        partitions: Vec::new(),
        biographies: Vec::new(),
        digest: 0,
        stats: RunStats::default(),
        trace: None,
        timeline: None,
    }
}
