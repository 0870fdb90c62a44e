//! The simulated world: takes a [`Plan`], runs the model's nodes on simulated clocks, links and disks under
//! faults, records what happened and watches cross-node invariants as it goes.
//!
//! | where | what lives there |
//! |---|---|
//! | `plan` | what a run is made from: all choices, as data |
//! | `run` | what a run gives: end, history, violations, digest, statistics |
//! | `timeline` | how the true state changed, for who draws it |
//! | `truth` | what was true of each partition at the end |
//! | `biography` | the life of a record that is followed |
//! | `inspect`, `Session` | what somebody sees who stops a run and looks |
//! | `history` | what clients asked and were told |
//! | `liveness` | what must come true after the heal |
//! | `reach` | what a run came across, by name |
//! | `application` | programs of others, which run as processes of the simulation |
//! | `world` | driver, links, disks, clocks, processes, faults; the only place that names madsim |
//! | `view` | the true state of the cluster, mirrored from what nodes state |
//! | `watch` | online invariants over true state, one file each |

#[cfg(not(madsim))]
compile_error!(
    "harrow-sim needs `--cfg madsim`: .cargo/config.toml sets it, and RUSTFLAGS in the environment replaces that"
);

mod acknowledgements;
pub mod application;
pub mod biography;
mod calls_plan;
pub mod history;
pub mod inspect;
pub mod liveness;
pub mod plan;
pub mod reach;
mod request_kind;
pub mod run;
mod target_plan;
pub mod testing;
pub mod timeline;
pub mod truth;
pub mod view;
pub mod violation;
pub mod watch;
mod world;

pub use world::{Session, heartbeat, live};

use application::Applications;
use plan::Plan;
use run::{Run, RunOptions};

/// Runs a plan that may have applications, with their code. One that has none is run as [`run`](fn@run) does.
pub fn run_with(plan: &Plan, options: RunOptions, applications: &Applications) -> Run {
    if plan.applications.is_empty() {
        return run(plan, options);
    }
    alone(plan, || world::simulate_with(plan, options, applications))
}

/// Runs a plan, on a thread of its own so that nothing of one run reaches the next. It always gives a run: a panic or a
/// time limit is how the run ended. It is logged to whom its caller logs.
pub fn run(plan: &Plan, options: RunOptions) -> Run {
    alone(plan, || world::simulate(plan, options))
}

/// On a thread of its own.
fn alone(plan: &Plan, simulate: impl FnOnce() -> Run + Send) -> Run {
    let log = tracing::dispatcher::get_default(Clone::clone);
    let simulate = || tracing::dispatcher::with_default(&log, simulate);
    let run = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(format!("seed {}", plan.seed));
        let thread = thread.spawn_scoped(scope, simulate);
        thread.expect("the operating system gives a thread").join()
    });
    run.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}
