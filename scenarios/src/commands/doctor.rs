//! `harrow doctor`.

use std::fmt;
use std::io::Write;
use std::{env, fs, process, thread};

use clap::Args;
use serde::Serialize;

use super::console::{Console, Failure, progress_is_seen};
use super::reading::{Changes, Prepared};
use crate::catalogue::CATALOGUE;
use crate::exit::ExitCode;
use crate::pipeline;

/// See whether Harrow works here: what it was built from, and that the same seed gives the same run.
///
/// Exit codes: 0 all is well, 4 two runs of one seed differ, 5 something that Harrow needs does not work.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  harrow doctor")]
pub(super) struct Doctor {}

/// What was looked at, and what was seen.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    health: Health,
    seen: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Health {
    Good,
    /// It works, but worse than it could.
    Warning,
    Bad,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        })
    }
}

impl Doctor {
    pub(super) fn execute(console: &mut Console) -> Result<ExitCode, Failure> {
        let same_run = same_run();
        let code = match same_run.health {
            Health::Good | Health::Warning => ExitCode::Held,
            Health::Bad => ExitCode::NotDeterministic,
        };
        let files = files();
        let code = if files.health == Health::Bad { ExitCode::Failed } else { code };
        let findings = [build(), speed(), cores(), terminal(), files, same_run];
        if console.is_json() {
            console.json(&findings)?;
            return Ok(code);
        }
        for Finding { what, health, seen } in findings {
            writeln!(console.stdout(), "{health:<8} {what}: {seen}")?;
        }
        Ok(code)
    }
}

fn build() -> Finding {
    let (version, commit) = (env!("CARGO_PKG_VERSION"), pipeline::COMMIT);
    let known = !commit.ends_with("-dirty") && commit != "unknown";
    let health = if known { Health::Good } else { Health::Warning };
    let rest = if known { "" } else { ": a coordinate does not name this program" };
    let scenarios = CATALOGUE.len();
    let seen = format!("{version}, commit {commit}{rest}; {scenarios} scenarios");
    Finding { what: "build", health, seen }
}

/// The assertions are the same in every build; what differs is the speed.
fn speed() -> Finding {
    let slow = !matches!(env!("HARROW_OPT_LEVEL"), "3");
    let health = if slow { Health::Warning } else { Health::Good };
    let seen = if slow {
        "a development build, some times slower: `cargo build --release`"
    } else {
        "optimised"
    };
    Finding { what: "speed", health, seen: seen.to_owned() }
}

fn cores() -> Finding {
    match thread::available_parallelism() {
        Ok(cores) => {
            Finding { what: "cores", health: Health::Good, seen: format!("{cores} for a sweep") }
        }
        Err(error) => {
            let seen = format!("{error}; a sweep takes one, or --jobs");
            Finding { what: "cores", health: Health::Warning, seen }
        }
    }
}

fn terminal() -> Finding {
    let seen =
        if progress_is_seen() { "progress is shown" } else { "none, so no progress is shown" };
    Finding { what: "terminal", health: Health::Good, seen: seen.to_owned() }
}

/// Whether files can be left.
fn files() -> Finding {
    let directory = env::temp_dir().join(format!("harrow-doctor-{}", process::id()));
    let tried = fs::create_dir(&directory)
        .and_then(|()| fs::write(directory.join("probe"), b"probe"))
        .and_then(|()| fs::remove_dir_all(&directory));
    match tried {
        Ok(()) => {
            let seen = "a run can leave its files".to_owned();
            Finding { what: "files", health: Health::Good, seen }
        }
        Err(error) => {
            let seen = format!("failed to write {}: {error}", directory.display());
            Finding { what: "files", health: Health::Bad, seen }
        }
    }
}

/// One seed, twice, on two threads.
fn same_run() -> Finding {
    const SEED: u64 = 1;
    let what = "same seed, same run";
    let digest = || {
        let prepared = Prepared::read("swarm", &Changes::default()).ok()?;
        Some(pipeline::run(&prepared.plan(SEED), false).digest)
    };
    let (here, there) = thread::scope(|scope| {
        let there = scope.spawn(digest);
        (digest(), there.join().ok().flatten())
    });
    match here.zip(there) {
        Some((here, there)) if here == there => {
            let seen = format!("swarm --seed {SEED} twice: the same");
            Finding { what, health: Health::Good, seen }
        }
        Some(_) => {
            let seen = format!("they differ; `harrow verify swarm --seeds {SEED}` tells where");
            Finding { what, health: Health::Bad, seen }
        }
        None => Finding { what, health: Health::Bad, seen: "a run failed".to_owned() },
    }
}
