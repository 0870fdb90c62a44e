//! The catalogue: scenarios that come with Harrow, embedded in the binary.

use crate::format::nearest;

/// A scenario file of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name, which is also the file's.
    pub name: &'static str,
    /// Text.
    pub text: &'static str,
}

macro_rules! catalogue {
    ($($name:literal),+ $(,)?) => {
        &[$(Entry { name: $name, text: include_str!(concat!("../catalogue/", $name, ".toml")) }),+]
    };
}

/// All of them, from simple to hard.
pub const CATALOGUE: &[Entry] = catalogue![
    "calm",
    "leader-crash",
    "follower-crash",
    "power-loss",
    "partition-leader",
    "one-way-partition",
    "controller-failover",
    "rolling-restart",
    "slow-disk",
    "clock-skew",
    "whole-cluster-outage",
    "lost-response",
    "slow-follower",
    "impatient-producers",
    "unheard-producer",
    "unheard-restart",
    "large-batches",
    "stopped-and-struck",
    "cut-and-struck",
    "settings-under-fire",
    "slow-cut",
    "flush-race",
    "forgotten-producers",
    "forgotten-transactions",
    "retention-and-laggard",
    "compacted-changelog",
    "compaction-in-time",
    "reassignment-under-fire",
    "throttled-reassignment",
    "grow-the-cluster",
    "log-directory-dies",
    "disk-dies-while-down",
    "delete-and-recreate",
    "recreated-and-resumed",
    "unclean-trap",
    "unclean-allowed",
    "elr-off",
    "leader-balance",
    "quick-failover",
    "catch-up-race",
    "isr-race",
    "zombie-follower",
    "refused-join",
    "unheard-proposal",
    "gone-joiner",
    "stalled-publisher",
    "late-traffic",
    "late-proposal",
    "late-registration",
    "lone-controller",
    "snapshot-catch-up",
    "nearest-replica",
    "vote-storm",
    "voter-replacement",
    "unheard-removal",
    "minority-stays-dead",
    "bank",
    "zombie-producer",
    "hanging-transaction",
    "held-produce",
    "slow-transactions",
    "late-decision",
    "delayed-end-txn",
    "lost-coordinators",
    "lost-answers",
    "exactly-once",
    "at-least-once",
    "at-most-once",
    "coordinator-failover",
    "paused-coordinator",
    "zombie-consumer",
    "static-member-bounce",
    "static-returns",
    "cooperative-rebalance",
    "missed-generation",
    "next-gen-rebalance",
    "protocol-upgrade",
    "upgrade-unanswered",
    "slow-rebalance-listener",
    "late-member",
    "restless-consumers",
    "poison-record",
    "pattern-subscription",
    "offset-expiration",
    "group-administration",
    "work-queue",
    "etl-pipeline",
    "streaming-analytics",
    "event-sourcing",
    "log-aggregation",
    "metrics-collection",
    "decoupled-services",
    "fraud-detection",
    "swarm",
    "swarm-groups",
    "swarm-transactions",
    "swarm-administration",
    "swarm-requests",
    "swarm-lossy",
];

/// The entry of that name.
pub fn find(name: &str) -> Option<Entry> {
    CATALOGUE.iter().copied().find(|entry| entry.name == name)
}

/// The name that is most like this one.
pub fn nearest_name(name: &str) -> Option<&'static str> {
    nearest(name, CATALOGUE.iter().map(|entry| entry.name))
}
