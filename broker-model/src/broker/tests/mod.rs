//! Rules as tables: events in, effects out.

mod bench;
mod cluster;
mod forwarding;
mod give_up;
mod isr;
mod lifecycle;
mod log_directories;
mod recreation;
mod replication;
mod serving;
mod sessions;
mod snapshots;
mod throttle;
mod transaction_log;
mod verification;
