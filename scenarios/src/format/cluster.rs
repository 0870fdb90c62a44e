//! Reads `[cluster]` and `[[topic]]`, and refuses clusters that cannot be.

use harrow_broker_model::compaction::CleanupPolicy;
use harrow_broker_model::config::{MigrationPolicy, TopicConfig};

use super::limits::PARTITIONS_MAX;
use super::reading::Reading;
use super::scenario::{ClusterScenario, TopicScenario};
use super::section::Section;
use crate::planner::defaults;

/// What `max.message.bytes` may be: room for one small record at least.
pub(super) const MESSAGE_BYTES: (i64, i64) = (128, 100_000_000);
const MESSAGE_BYTES_DEFAULT: i64 = TopicConfig::MAX_MESSAGE_BYTES_DEFAULT as i64;
const FLUSH_NEVER: (i64, i64) = (i64::MAX, i64::MAX);
/// What `flush.messages` may be.
pub(super) const FLUSH_MESSAGES: (i64, i64) = (1, i64::MAX);
/// What `flush.ms` may be.
pub(super) const FLUSH_MS: (i64, i64) = (0, i64::MAX);

/// What `retention.ms` and `retention.bytes` may be.
pub(super) const RETENTION: (i64, i64) = (-1, i64::MAX);
const FOREVER: (i64, i64) = (-1, -1);
/// What `segment.ms` may be.
pub(super) const SEGMENT_MS: (i64, i64) = (1, i64::MAX);

/// What `min.compaction.lag.ms` and `delete.retention.ms` may be.
pub(super) const LAG_MS: (i64, i64) = (0, i64::MAX);
/// What `max.compaction.lag.ms` may be.
pub(super) const MAX_LAG_MS: (i64, i64) = (1, i64::MAX);
const DAY_MS: (i64, i64) = (86_400_000, 86_400_000);
/// What a ratio in percent may be.
pub(super) const PERCENT: (i64, i64) = (0, 100);
const POLICIES: &[(&str, CleanupPolicy)] = &[
    ("delete", CleanupPolicy::Delete),
    ("compact", CleanupPolicy::Compact),
    ("compact-delete", CleanupPolicy::CompactDelete),
];

const BIDIRECTIONAL: MigrationPolicy = MigrationPolicy::Bidirectional;
const MIGRATIONS: &[(&str, MigrationPolicy)] = &[
    ("bidirectional", MigrationPolicy::Bidirectional),
    ("upgrade", MigrationPolicy::Upgrade),
    ("downgrade", MigrationPolicy::Downgrade),
    ("disabled", MigrationPolicy::Disabled),
];

/// Reads `[cluster]`.
pub(super) fn read(section: Section<'_>) -> ClusterScenario {
    let cluster = ClusterScenario {
        brokers: section.numbers_or("brokers", (1, 99), (3, 3)),
        controllers: section.numbers_or("controllers", (1, 9), (3, 3)),
        eligible_leader_replicas: section.flags("eligible_leader_replicas", true),
        auto_leader_rebalance: section.flags("auto.leader.rebalance.enable", true),
        migration: section.choice("group.consumer.migration.policy", MIGRATIONS, BIDIRECTIONAL),
        settings: section.settings(defaults::CLUSTER),
    };
    // What waits for longer than anybody waits for it is asked again and again.
    for (shorter, longer) in [
        ("broker.heartbeat.interval.ms", "broker.session.timeout.ms"),
        ("controller.quorum.fetch.wait.max.ms", "controller.quorum.fetch.timeout.ms"),
        ("controller.quorum.fetch.wait.max.ms", "request.timeout.ms"),
        ("group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms"),
    ] {
        check_order(&section, &cluster, shorter, longer);
    }
    check_observers(&section, &cluster);
    section.finish();
    cluster
}

/// Controllers that are no voters can become ones, and some are voters, in every seed.
fn check_observers(section: &Section<'_>, cluster: &ClusterScenario) {
    let observers = cluster.settings.get("observer_controllers").greatest();
    let place = section.place_of("observer_controllers");
    if observers > 0 && cluster.settings.get("kraft.version").least() < 1 {
        let message = "controllers that are no voters can never become ones".to_owned();
        section.problem(&place, message, "set `kraft.version = 1`");
    }
    let controllers = cluster.controllers.least();
    if observers >= controllers {
        let message = format!("{observers} of {controllers} controllers may be no voters");
        section.problem(&place, message, "leave one voter at least, or raise `controllers`");
    }
}

/// One must be shorter than the other in every seed: Kafka's brokers do not start otherwise.
fn check_order(section: &Section<'_>, cluster: &ClusterScenario, shorter: &str, longer: &str) {
    let (most, least) =
        (cluster.settings.get(shorter).greatest(), cluster.settings.get(longer).least());
    if most >= least {
        let message = format!("`{shorter}` may be {most}, which is not below `{longer}`, {least}");
        let at = if section.has(longer) { longer } else { shorter };
        section.problem(&section.place_of(at), message, format!("make `{longer}` longer"));
    }
}

/// Reads a `[[topic]]`.
pub(super) fn topic(section: Section<'_>, reading: &mut Reading) -> TopicScenario {
    let topic = TopicScenario {
        name: section.text("name", "\"orders\""),
        count: section.numbers_or("count", (1, 1_000), (1, 1)),
        partitions: section.numbers_or("partitions", (1, PARTITIONS_MAX), (1, 1)),
        initial_partitions: section.numbers_or("initial_partitions", (0, PARTITIONS_MAX), (0, 0)),
        replication_factor: section.numbers_or("replication_factor", (1, 99), (3, 3)),
        min_insync_replicas: section.numbers_or("min.insync.replicas", (1, 99), (1, 1)),
        unclean_leader_election: section.flags("unclean.leader.election.enable", false),
        max_message_bytes: section.numbers_or(
            "max.message.bytes",
            MESSAGE_BYTES,
            (MESSAGE_BYTES_DEFAULT, MESSAGE_BYTES_DEFAULT),
        ),
        flush_messages: section.numbers_or("flush.messages", FLUSH_MESSAGES, FLUSH_NEVER),
        flush_ms: section.numbers_or("flush.ms", FLUSH_MS, FLUSH_NEVER),
        retention_ms: section.numbers_or("retention.ms", RETENTION, FOREVER),
        retention_bytes: section.numbers_or("retention.bytes", RETENTION, FOREVER),
        segment_ms: section.numbers_or("segment.ms", SEGMENT_MS, FLUSH_NEVER),
        cleanup_policy: section.choice("cleanup.policy", POLICIES, CleanupPolicy::Delete),
        min_compaction_lag_ms: section.numbers_or("min.compaction.lag.ms", LAG_MS, (0, 0)),
        max_compaction_lag_ms: section.numbers_or("max.compaction.lag.ms", MAX_LAG_MS, FLUSH_NEVER),
        delete_retention_ms: section.numbers_or("delete.retention.ms", LAG_MS, DAY_MS),
        min_cleanable_dirty_percent: section.numbers_or(
            "min.cleanable.dirty.percent",
            PERCENT,
            (50, 50),
        ),
    };
    check(&section, &topic, reading);
    section.finish();
    let partitions = topic.count.greatest() * topic.partitions.greatest();
    reading.partitions_max += partitions;
    reading.replicas_max += partitions * topic.replication_factor.greatest();
    reading.topics.push((topic.name.clone(), topic.partitions.least()));
    reading.together.topic(&topic);
    topic
}

/// As Kafka has it, with some room for the numbers of copies.
pub(super) fn is_topic_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.len() <= 200 && name.chars().all(legal)
}

fn check(section: &Section<'_>, topic: &TopicScenario, reading: &Reading) {
    let (replicas_max, replicas_min) =
        (topic.replication_factor.greatest(), topic.replication_factor.least());
    if replicas_max > reading.brokers_min {
        let message =
            format!("{replicas_max} replicas do not fit on {} brokers", reading.brokers_min);
        let help = format!(
            "set `replication_factor` to at most {}, or raise `cluster.brokers`",
            reading.brokers_min
        );
        section.problem(&section.place_of("replication_factor"), message, help);
    }
    if topic.min_compaction_lag_ms.greatest() > topic.max_compaction_lag_ms.least() {
        section.problem(
            &section.place_of("max.compaction.lag.ms"),
            format!(
                "records must be cleaned after {} ms, and may not be before {} ms",
                topic.max_compaction_lag_ms.least(),
                topic.min_compaction_lag_ms.greatest()
            ),
            "set `min.compaction.lag.ms` to at most as much",
        );
    }
    if topic.min_insync_replicas.greatest() > replicas_min {
        let message = format!(
            "{} in-sync replicas are asked of {replicas_min}",
            topic.min_insync_replicas.greatest()
        );
        let help = format!(
            "set `min.insync.replicas` to at most {replicas_min}; above it no write can succeed"
        );
        section.problem(&section.place_of("min.insync.replicas"), message, help);
    }
    if !is_topic_name(&topic.name) {
        let message = format!("`{}` is not a topic name", topic.name);
        section.problem(
            &section.place_of("name"),
            message,
            "use letters, digits, `.`, `_` and `-`, at most 200",
        );
    }
    if reading.topics.iter().any(|(name, _)| *name == topic.name) {
        let message = format!("there are two topics `{}`", topic.name);
        section.problem(&section.place_of("name"), message, "rename one, or use `count`");
    }
}
