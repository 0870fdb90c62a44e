//! The judge: what a run, or a history from anywhere, says about Kafka's guarantees, and how it is told.
//!
//! | where | what lives there |
//! |---|---|
//! | `check` | black-box checks of client histories, one file per family of anomalies |
//! | `config` | what a history was promised, by names, as people write it beside it |
//! | `policy`, `promise` | what is legal, and what is promised, under a configuration and the faults injected |
//! | `verdict` | both views together: findings, excuses, the outcome |
//! | `cross_check` | what clients saw, held against the true state |
//! | `root_cause` | one root cause first, consequences folded under it |
//! | `biography` | the life of the record that a finding is about |
//! | `faults` | what became of the faults that a plan wanted |
//! | `report`, `render` | the report of a run, and how it is told to people and machines |
//! | `history_file`, `history_report` | histories as files, in Jepsen's shape, and what is told about them |
//! | `rules` | by which rules a run was made: as promised, or as a version is |
//! | `explain` | every name that a report can show, in plain words |

pub mod biography;
pub mod check;
pub mod config;
mod cross_check;
pub mod explain;
pub mod faults;
mod gaps;
pub mod history_file;
pub mod history_report;
pub mod policy;
mod promise;
pub mod render;
pub mod report;
mod root_cause;
pub mod rules;
mod text;
pub mod verdict;

pub use cross_check::RecordLocation;
