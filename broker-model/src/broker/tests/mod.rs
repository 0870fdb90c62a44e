//! Rules as tables: events in, effects out.

mod bench;
mod forwarding;
mod lifecycle;
mod replication;
mod serving;
