//! Rules as tables: events in, effects out.

mod bench;
mod cluster;
mod forwarding;
mod lifecycle;
mod replication;
mod serving;
mod sessions;
