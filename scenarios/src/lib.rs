//! What people write and run: scenario files, the planner, the catalogue, and the loops behind the `harrow` command.
//!
//! [`format::parse`] reads a scenario, [`planner::plan`] draws a plan from it.

pub mod catalogue;
pub mod format;
pub mod planner;
