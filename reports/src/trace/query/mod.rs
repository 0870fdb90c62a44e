//! A small language over the events of a run: `truncated not preceded by became-leader`.
//!
//! | file | what lives there |
//! |---|---|
//! | `token` | a text as words and signs, each with its place |
//! | `tree` | what a query is, read |
//! | `reader` | where the reading is |
//! | `parse`, `condition`, `value` | from words to the tree; every mistake has a place and says what would be right |
//! | `known` | what the events of a pattern may have in their fields |
//! | `own`, `answer` | what an event has in a field; which events are selected, and whether the query holds of a run |
//! | `names` | names in it that no run has that was looked at |
//!
//! The language is described in `reports/TRACE.md`.

mod answer;
mod condition;
mod known;
mod names;
mod own;
mod parse;
mod problem;
mod reader;
mod token;
mod tree;
mod value;

pub use answer::Answer;
pub use names::Names;
pub use problem::QueryProblem;
pub use reader::{duration_ns, time_ns};
pub use tree::Query;
