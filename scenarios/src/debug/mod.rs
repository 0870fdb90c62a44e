//! The debugger: a place in a run, which goes forward and back, and what is seen from there.
//!
//! | file | what lives there |
//! |---|---|
//! | `command` | what can be asked, read from a line |
//! | `debugger` | the run, the place in it, and what each command does |
//! | `look` | nodes, partitions, groups, messages, disks, as they are at the place |
//! | `branch` | the plan with a step taken out, moved or added |
//! | `said` | an answer, for people and for machines |
//!
//! All of a run is known before anybody looks: it is made once, with a trace. The place is a row of it. State is looked
//! at in the same run, made again up to that row, so that going back costs what going forward does, and looking changes
//! nothing.

mod branch;
mod command;
mod debugger;
mod look;
mod said;

pub use debugger::Debugger;
pub use said::{Said, Slip};
