//! What people write and run: scenario files, the planner, the catalogue, and the loops behind the `harrow` command.
//!
//! | where | what lives there |
//! |---|---|
//! | `format` | scenario files, read with every mistake told by place and advice |
//! | `planner` | all choices of a seed drawn, as a plan |
//! | `catalogue` | scenarios that come with Harrow |
//! | `pipeline` | the stages after planning: run, judge, report |
//! | `debug` | a place in a run that goes forward and back, and what is seen from there |
//! | `difference` | where two runs part, and what came of it |
//! | `shrink` | the smallest plan that still breaks the same guarantee, and the nearest one that does not |
//! | `corpus` | small plans that must go on failing, and digests that must not change unnoticed |
//! | `coverage` | which scenario covers which known bug, rule, invariant, fault and situation |
//! | `schemas` | JSON schemas of what machines are given |
//! | `library` | Harrow inside a Rust test: `sweep("my.toml").seeds(1..=200).assert_held()` |
//! | `serve` | the cluster on real sockets, for clients in any language |
//! | `commands`, `exit` | the command line, and how it ends |

pub mod catalogue;
pub mod commands;
pub mod corpus;
pub mod coverage;
pub mod debug;
pub mod difference;
pub mod exit;
pub mod format;
pub mod library;
pub mod pipeline;
mod plain;
pub mod plan_text;
pub mod planner;
mod pool;
pub mod schemas;
pub mod serve;
pub mod shrink;
mod whole_file;

pub use harrow_broker_model::defect::{Defect, Version};
pub use harrow_sim::application;
pub use harrow_sim::plan::ProcessingGuarantee;
pub use library::{ApplicationTerms, sweep, sweep_text};
