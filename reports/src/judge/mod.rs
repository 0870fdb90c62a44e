//! The judge: both views of a run in five stages, each a function over what the one before it gave.
//!
//! | stage | gives |
//! |---|---|
//! | `detect` | what the watch and the checks have against it, what the history lacks |
//! | `excuse` | what nothing excuses; aside, what the configuration and the injected faults permit |
//! | `attribute` | each with its place and with what the true state says about it (`cross_check`) |
//! | `fold` | root causes, with what follows from each (`root`), by proof (`explanation`) |
//! | `describe` | findings in words, and the outcome |
//!
//! A run gives both views. A history from elsewhere goes the same way and has less to say.

mod attribute;
mod candidate;
mod case;
mod cross_check;
mod describe;
mod detect;
mod excuse;
mod explanation;
mod fold;
mod gaps;
mod group;
mod holds;
mod lookup;
mod mention;
mod record;
mod root;

use std::cell::OnceCell;

use harrow_sim::history::History;
use harrow_sim::plan::Plan;
use harrow_sim::run::Run;

use crate::check::{Anomaly, Options};
use crate::history_file::Recorded;
use crate::policy::{Hold, Terms};
use crate::verdict::Verdict;

use attribute::attribute;
use case::{Case, Simulated};
use describe::describe;
use detect::detect;
use excuse::excuse;
use fold::fold;

/// Judges a run: `sim::run` gives it, `render` tells it.
pub fn judge(plan: &Plan, run: &Run) -> Verdict {
    judge_held_to(plan, run, &Hold::default())
}

/// Judges a run as if more had been promised.
pub fn judge_held_to(plan: &Plan, run: &Run, hold: &Hold) -> Verdict {
    let terms = Terms::of_run_held_to(plan, run, hold);
    let options = Options::of_run(plan, run);
    let simulated = Some(Simulated { plan, run });
    verdict(&Case { simulated, ..case(&run.history, &terms, &options) })
}

/// Judges a history alone, from any system: only what clients saw.
pub fn judge_history(history: &History, terms: &Terms, options: &Options) -> Verdict {
    verdict(&case(history, terms, options))
}

/// Judges a history from a file. One without its end line may go on: what is absent from it may have been cut off.
pub fn judge_recorded(recorded: &Recorded, terms: &Terms, options: &Options) -> Verdict {
    let mut options = options.clone();
    if !recorded.complete {
        options.rules = options.rules.without(Anomaly::EosLoss);
    }
    let (begun, cut) = (Some(recorded.begun.as_slice()), cut(recorded));
    verdict(&Case { cut, begun, ..case(&recorded.history, terms, &options) })
}

/// A history alone.
fn case<'a>(history: &'a History, terms: &'a Terms, options: &'a Options) -> Case<'a> {
    let (simulated, cut, begun, lines) = (None, None, None, OnceCell::new());
    Case { history, terms, options, simulated, cut, begun, lines }
}

fn verdict(case: &Case<'_>) -> Verdict {
    let detected = detect(case);
    let (broken, aside) = excuse(case, detected);
    let attributed = attribute(case, broken);
    let roots = fold(attributed);
    describe(case, &roots, aside)
}

/// Why a recorded history may go on after its end, if it may.
fn cut(recorded: &Recorded) -> Option<String> {
    if recorded.complete {
        return None;
    }
    Some(match recorded.cut {
        Some(line) => {
            format!("the file ends in the middle of line {line}: it was cut off there")
        }
        None if recorded.stopped => {
            "reading was stopped at the first violation: the rest is not judged".to_owned()
        }
        None => "the end line is missing: the file may be cut off".to_owned(),
    })
}
