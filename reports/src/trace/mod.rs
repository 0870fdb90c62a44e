//! The trace for programs: one object an event, with stable names; as JSON lines, as a Chrome trace, and as what a
//! query is asked of. The schema is in `reports/TRACE.md`.
//!
//! | file | what lives there |
//! |---|---|
//! | `event` | one event: who, when, what kind, its fields |
//! | `fields` | what a fact says, as fields; names of partitions in place of their ids |
//! | `convert` | rows of a run as events, each with the row that caused it |
//! | `probe`, `shape` | what is in a type, asked of itself; what a field may be |
//! | `kinds` | all kinds and their fields |
//! | `json_lines`, `older` | `trace.jsonl`, written and read; what older ones have otherwise |
//! | `chrome` | for viewers that exist: Perfetto, `chrome://tracing`, speedscope |
//! | `query` | a small language over events |

mod chrome;
mod convert;
mod event;
mod fields;
mod json_lines;
mod kinds;
mod older;
mod probe;
pub mod query;
mod shape;

pub use chrome::write_chrome;
pub use convert::{events, header};
pub use event::{NodeRole, TRACE_SCHEMA, TraceEvent, TraceHeader};
pub use json_lines::{TraceProblem, read_trace, write_trace};
pub use kinds::{Kind, kinds};
pub use shape::{FieldShape, Shape};
