//! Shrinking: the smallest plan that still breaks the same guarantee in the same way.
//!
//! A plan is data and every draw of a run is keyed, so a step that is taken out moves no other. [`shrink`] tries
//! smaller plans, pass by pass, and keeps each that an oracle says still fails; [`Failure`] is that oracle for real
//! runs. The passes work on the plan's own tree wherever they can, so that what other parts of Harrow add to plans,
//! such as another kind of client, another setting or another fault, is shrunk without being told of here.
//!
//! | file | what it says |
//! |---|---|
//! | `size` | what smaller means: an order without endless descents, so every search ends |
//! | `unusual` | which settings are not at their defaults |
//! | `edit`, `mend`, `tree` | one change of a plan, and what must follow from it to keep the plan sound |
//! | `passes` | which changes are tried, in which order |
//! | `search` | tries them, in parallel, with a result that does not depend on threads |
//! | `failure` | what "still fails" means for a run, and how often it does |
//! | `needed` | which of the defects that are on it takes |
//! | `nearest` | the passing plan that is nearest to a failing one, and where the two part |
//!
//! Source: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002; the order by size is that
//! of Hypothesis and its kin, on the data rather than on the choices that made it, since plans hold no choices.

mod edit;
mod failing_run;
mod failure;
mod mend;
mod nearest;
#[cfg(test)]
mod nearest_tests;
mod needed;
mod passes;
mod search;
mod size;
#[cfg(test)]
mod tests;
mod tree;
mod unusual;

pub use failing_run::FailingRun;
pub(crate) use failure::without_defects;
pub use failure::{Failure, Frequency, NoFailure, WithoutDefects};
pub use nearest::{Change, Nearest, changes, nearest_passing};
pub use needed::{Needed, needed_defects};
pub use search::{Budget, Progress, Shrunk, shrink};
pub use size::Size;
