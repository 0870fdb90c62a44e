//! Everything that is tested from outside the crate: one binary, as each costs a link.

mod history_file;
mod jepsen;
mod properties;
mod query;
#[path = "../../../sim/tests/watch/stage.rs"]
#[expect(dead_code, reason = "the own tests of the watch use more of it")]
mod stage;
mod vectors;
mod verdict;
