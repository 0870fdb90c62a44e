//! Histories as files: one JSON object a line, in Jepsen's shape, so that a history of any system can be judged.
//!
//! `reports/HISTORY.md` documents the format for those who write such files. Reading trusts nothing: whatever is not
//! exactly as documented is an error with its line, and a file without its end line counts as cut off.

mod line;
mod lines;
mod micro;
mod names;
mod operation_lines;
mod parts;
mod problem;
mod read;
mod word;
mod write;

pub(crate) use operation_lines::OperationLines;
pub use problem::HistoryError;
pub use read::{HistoryObserver, Recorded, Shown, read_history, read_history_watched};
pub use write::write_history;

/// Version of the format; another version is refused.
pub const HISTORY_VERSION: u64 = 2;
