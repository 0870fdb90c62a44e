//! The judge: what a run, or a history from anywhere, says about Kafka's guarantees, and how it is told.
//!
//! | where | what lives there |
//! |---|---|
//! | `check` | black-box checks of client histories, one file per family of anomalies |
//! | `config` | what a history was promised, by names, as people write it beside it |
//! | `policy`, `promise` | what is legal, and what is promised, under a configuration and the faults injected |
//! | `judge` | both views together in five stages: detect, excuse, attribute, fold, describe |
//! | `verdict` | what the judge gives: findings, excuses, the outcome |
//! | `biography` | the life of the record that a finding is about |
//! | `fingerprint` | what makes two failures the same one |
//! | `faults` | what became of the faults that a plan wanted |
//! | `report`, `render` | the report of a run, and how it is told to people and machines |
//! | `page` | the story of a run, or of a sweep, as one page for a browser |
//! | `history_file`, `history_report` | histories as files, in Jepsen's shape, and what is told about them |
//! | `trace` | the trace for programs: JSON lines, Chrome's format, and a language to ask it in |
//! | `rules` | by which rules a run was made: as promised, or as a version is |
//! | `explain` | every name that a report can show, in plain words |

pub mod biography;
pub mod check;
pub mod config;
pub mod explain;
pub mod faults;
pub mod fingerprint;
pub mod history_file;
pub mod history_report;
pub mod judge;
pub mod page;
pub mod policy;
mod promise;
pub mod render;
pub mod report;
pub mod rules;
mod text;
pub mod trace;
pub mod verdict;
