//! Mistakes of applications: Kafka keeps what it promises, and records are lost or processed twice all the same.

use super::entry::family;
use super::version::Affected;

family! {
/// Mistakes of applications.
ApplicationDefect {
    CommitsBeforeProcessing {
        name: "commits-before-processing",
        source: "KafkaConsumer's documentation on manual commits",
        affected: Affected::Never,
        side: Client,
        shows: "offsets" / "eos-loss" in "at-least-once", seed 1,
        meaning: "An application that promises to process each record at least once commits what it has read \
            before it has processed it.",
        example: "A consumer polls 20 records, commits, and dies amid processing them. Whoever gets its \
            partitions begins behind them: the rest is never processed.",
    }
} }
