//! A small language over the events of a run: `truncated not preceded by became-leader`.
//!
//! | file | what lives there |
//! |---|---|
//! | `words` | a text as words and signs, each with its place |
//! | `tree` | what a query is, read |
//! | `reader` | where the reading is |
//! | `parse`, `condition` | from words to the tree; every mistake has a place and says what would be right |
//! | `answer` | which events it selects, and whether it holds of a run |
//!
//! The language is described in `reports/TRACE.md`.

mod answer;
mod condition;
mod parse;
mod problem;
mod reader;
mod token;
mod tree;

pub use answer::Answer;
pub use problem::QueryProblem;
pub use reader::duration_ns;
pub use tree::Query;
