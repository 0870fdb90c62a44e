//! Draws brokers, controllers, topics, links and disks.

use harrow_broker_model::compaction::{CleanupPolicy, Compaction};
use harrow_broker_model::config::{
    CleanerConfig, ClusterConfig, ConsumerGroupConfig, CoordinatorConfig, InternalTopicConfig,
    MetadataLogConfig, MigrationPolicy, ServerAssignor, ShareGroupConfig,
};
use harrow_broker_model::defect::Defects;
use harrow_broker_model::retention::Retention;
use harrow_broker_model::throttle::ThrottledRates;
use harrow_broker_model::types::NodeId;
use harrow_sim::plan::{DiskPlan, NetworkPlan, TopicPlan};

use super::defaults::{BROKERS_FROM, CONTROLLERS_FROM, RATE_MAX};
use super::drawn::Drawn;
use super::draws::Draws;
use crate::format::{Choice, ClusterScenario, Settings, TopicScenario};

pub(super) fn cluster(cluster: &ClusterScenario, draws: &Draws) -> ClusterConfig {
    let drawn = Drawn { settings: &cluster.settings, draws };
    let brokers = nodes(BROKERS_FROM, draws.at("brokers").small(&cluster.brokers));
    ClusterConfig {
        coordinators: coordinators(&drawn, &cluster.migration, brokers.len() as u32),
        brokers,
        controllers: nodes(CONTROLLERS_FROM, draws.at("controllers").small(&cluster.controllers)),
        kraft_version: drawn.int("kraft.version"),
        observer_controllers: drawn.int("observer_controllers"),
        jitter_salt: draws.at("jitter").bits(),
        broker_heartbeat_interval_ms: drawn.long("broker.heartbeat.interval.ms"),
        broker_session_timeout_ms: drawn.long("broker.session.timeout.ms"),
        replica_lag_time_max_ms: drawn.long("replica.lag.time.max.ms"),
        replica_fetch_wait_max_ms: drawn.long("replica.fetch.wait.max.ms"),
        replica_fetch_backoff_ms: drawn.long("replica.fetch.backoff.ms"),
        replica_fetch_max_bytes: drawn.int("replica.fetch.max.bytes"),
        fetch_session_slots: drawn.int("max.incremental.fetch.session.cache.slots"),
        throttled_rates: ThrottledRates {
            leader: bound(drawn.long("leader.replication.throttled.rate")),
            follower: bound(drawn.long("follower.replication.throttled.rate")),
        },
        high_watermark_checkpoint_interval_ms: drawn
            .long("replica.high.watermark.checkpoint.interval.ms"),
        recovery_point_checkpoint_interval_ms: drawn
            .long("log.flush.offset.checkpoint.interval.ms"),
        racks: drawn.int("broker.racks"),
        log_dirs: drawn.int("log.dirs") as u8,
        log_dir_failure_timeout_ms: drawn.long("log.dir.failure.timeout.ms"),
        segment_bytes: drawn.int("log.segment.bytes"),
        flush_scheduler_interval_ms: drawn.long("log.flush.scheduler.interval.ms"),
        retention_check_interval_ms: drawn.long("log.retention.check.interval.ms"),
        cleaner: CleanerConfig {
            backoff_ms: drawn.long("log.cleaner.backoff.ms"),
            dedupe_buffer_size: drawn.int("log.cleaner.dedupe.buffer.size"),
        },
        producer_id_expiration_ms: drawn.long("producer.id.expiration.ms"),
        producer_id_expiration_check_interval_ms: drawn
            .long("producer.id.expiration.check.interval.ms"),
        request_timeout_ms: drawn.long("request.timeout.ms"),
        transaction_version: drawn.int("transaction.version") as u16,
        transactional_id_expiration_ms: drawn.long("transactional.id.expiration.ms"),
        transaction_max_timeout_ms: drawn.long("transaction.max.timeout.ms"),
        transaction_cleanup_interval_ms: drawn
            .long("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
        quorum_election_timeout_ms: drawn.long("controller.quorum.election.timeout.ms"),
        quorum_fetch_timeout_ms: drawn.long("controller.quorum.fetch.timeout.ms"),
        quorum_election_backoff_max_ms: drawn.long("controller.quorum.election.backoff.max.ms"),
        quorum_fetch_wait_max_ms: drawn.long("controller.quorum.fetch.wait.max.ms"),
        quorum_append_linger_ms: drawn.long("controller.quorum.append.linger.ms"),
        metadata_log: metadata_log(&drawn),
        controlled_shutdown_timeout_ms: drawn.long("controlled.shutdown.timeout.ms"),
        eligible_leader_replicas: *draws
            .at("eligible_leader_replicas")
            .pick(&cluster.eligible_leader_replicas),
        auto_leader_rebalance: *draws
            .at("auto.leader.rebalance.enable")
            .pick(&cluster.auto_leader_rebalance),
        leader_imbalance_check_interval_ms: 1_000
            * drawn.long("leader.imbalance.check.interval.seconds"),
        unclean_election_interval_ms: drawn.long("unclean.leader.election.interval.ms"),
        kafka: None,
        defects: Defects::NONE,
    }
}

fn metadata_log(drawn: &Drawn<'_>) -> MetadataLogConfig {
    MetadataLogConfig {
        snapshot_bytes: drawn.long("metadata.log.max.record.bytes.between.snapshots"),
        snapshot_interval_ms: drawn.long("metadata.log.max.snapshot.interval.ms"),
        retention_bytes: drawn.signed("metadata.max.retention.bytes"),
        retention_ms: drawn.signed("metadata.max.retention.ms"),
        clean_interval_ms: drawn.long("metadata.log.clean.interval.ms"),
        fetch_snapshot_max_bytes: drawn.int("controller.quorum.fetch.snapshot.max.bytes"),
    }
}

/// Internal topics have no more replicas than there are brokers.
fn coordinators(
    drawn: &Drawn<'_>,
    migration: &Choice<MigrationPolicy>,
    brokers: u32,
) -> CoordinatorConfig {
    let topic = |partitions: u32, replicas: u32, minimum: u32| {
        let replication_factor = replicas.min(brokers);
        let min_insync_replicas = minimum.min(replication_factor);
        InternalTopicConfig { partitions, replication_factor, min_insync_replicas }
    };
    CoordinatorConfig {
        offsets_topic: topic(
            drawn.int("offsets.topic.num.partitions"),
            drawn.int("offsets.topic.replication.factor"),
            drawn.int("offsets.topic.min.insync.replicas"),
        ),
        transaction_topic: topic(
            drawn.int("transaction.state.log.num.partitions"),
            drawn.int("transaction.state.log.replication.factor"),
            drawn.int("transaction.state.log.min.isr"),
        ),
        offset_commit_timeout_ms: drawn.long("offsets.commit.timeout.ms"),
        offset_metadata_bytes_max: drawn.int("offset.metadata.max.bytes"),
        group_initial_rebalance_delay_ms: drawn.long("group.initial.rebalance.delay.ms"),
        group_session_timeout_min_ms: drawn.long("group.min.session.timeout.ms"),
        group_session_timeout_max_ms: drawn.long("group.max.session.timeout.ms"),
        group_max_size: drawn.int("group.max.size"),
        offsets_retention_ms: drawn.long("offsets.retention.ms"),
        offsets_retention_check_interval_ms: drawn.long("offsets.retention.check.interval.ms"),
        consumer_groups: ConsumerGroupConfig {
            session_timeout_ms: drawn.long("group.consumer.session.timeout.ms"),
            heartbeat_interval_ms: drawn.long("group.consumer.heartbeat.interval.ms"),
            assignor: ServerAssignor::Uniform,
            max_size: drawn.int("group.consumer.max.size"),
            migration: *drawn.draws.at("group.consumer.migration.policy").pick(migration),
        },
        share_groups: ShareGroupConfig {
            state_topic: topic(
                drawn.int("share.coordinator.state.topic.num.partitions"),
                drawn.int("share.coordinator.state.topic.replication.factor"),
                drawn.int("share.coordinator.state.topic.min.isr"),
            ),
            updates_per_snapshot: drawn
                .int("share.coordinator.snapshot.update.records.per.snapshot"),
            lock_ms: drawn.long("group.share.record.lock.duration.ms"),
            delivery_count_limit: drawn.int("group.share.delivery.count.limit"),
            partition_max_record_locks: drawn.int("group.share.partition.max.record.locks"),
        },
    }
}

/// A rate, if it bounds anything.
fn bound(rate: u64) -> Option<u64> {
    Some(rate).filter(|rate| *rate < RATE_MAX.cast_unsigned())
}

fn nodes(from: i32, count: u32) -> Vec<NodeId> {
    (0..count as i32).map(|index| NodeId(from + index)).collect()
}

/// Draws the copies of every topic table; see [`copy_name`] for their names.
pub(super) fn topics(tables: &[TopicScenario], draws: &Draws) -> Vec<TopicPlan> {
    let mut topics = Vec::new();
    for table in tables {
        let draws = draws.at(&table.name);
        for copy in 1..=draws.at("count").small(&table.count) {
            let draws = draws.at(copy);
            let partitions = draws.at("partitions").small(&table.partitions);
            let initial = draws.at("initial_partitions").small(&table.initial_partitions);
            topics.push(TopicPlan {
                name: copy_name(&table.name, copy),
                partitions,
                initial_partitions: Some(initial).filter(|it| (1..partitions).contains(it)),
                replication_factor: draws.at("replication_factor").small(&table.replication_factor),
                min_insync_replicas: draws
                    .at("min.insync.replicas")
                    .small(&table.min_insync_replicas),
                unclean_leader_election: *draws.at("unclean").pick(&table.unclean_leader_election),
                max_message_bytes: draws.at("max.message.bytes").small(&table.max_message_bytes),
                flush_messages: draws.at("flush.messages").unsigned(&table.flush_messages),
                flush_ms: draws.at("flush.ms").unsigned(&table.flush_ms),
                retention: Retention {
                    retention_ms: draws.at("retention.ms").number(&table.retention_ms),
                    retention_bytes: draws.at("retention.bytes").number(&table.retention_bytes),
                    segment_ms: draws.at("segment.ms").number(&table.segment_ms),
                    compaction: compaction(table, &draws),
                },
            });
        }
    }
    topics
}

/// How a topic is compacted; one that is not says nothing of it.
fn compaction(table: &TopicScenario, draws: &Draws) -> Compaction {
    let policy = *draws.at("cleanup.policy").pick(&table.cleanup_policy);
    if policy == CleanupPolicy::Delete {
        return Compaction::NONE;
    }
    Compaction {
        policy,
        min_compaction_lag_ms: draws
            .at("min.compaction.lag.ms")
            .unsigned(&table.min_compaction_lag_ms),
        max_compaction_lag_ms: draws
            .at("max.compaction.lag.ms")
            .unsigned(&table.max_compaction_lag_ms),
        delete_retention_ms: draws.at("delete.retention.ms").unsigned(&table.delete_retention_ms),
        min_cleanable_dirty_percent: draws
            .at("min.cleanable.dirty.percent")
            .small(&table.min_cleanable_dirty_percent),
    }
}

/// The first copy has the table's own name, so that targets can rely on it.
fn copy_name(table: &str, copy: u32) -> String {
    if copy == 1 { table.to_owned() } else { format!("{table}.{copy}") }
}

/// Whether a topic of the plan was drawn from this table.
pub(super) fn is_copy_of(topic: &str, table: &str) -> bool {
    topic == table
        || topic
            .strip_prefix(table)
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|n| n.parse::<u32>().is_ok())
}

pub(super) fn network(settings: &Settings, draws: &Draws) -> NetworkPlan {
    let drawn = Drawn { settings, draws };
    NetworkPlan {
        latency_us: drawn.range("latency_us"),
        client_latency_us: drawn.range("client_latency_us"),
        slow_one_in: drawn.int("slow_one_in"),
        slow_extra_us: drawn.range("slow_extra_us"),
        bandwidth_bytes_per_second: drawn.long("bandwidth_bytes_per_second"),
        queue_bytes_max: drawn.long("queue_bytes_max"),
        stall_timeout_ms: drawn.long("stall_timeout_ms"),
        connect_timeout_ms: drawn.long("connect_timeout_ms"),
    }
}

pub(super) fn disk(settings: &Settings, draws: &Draws) -> DiskPlan {
    let drawn = Drawn { settings, draws };
    DiskPlan {
        sync_us: drawn.range("sync_us"),
        write_back_ms: drawn.long("write_back_ms"),
        capacity_bytes: drawn.long("capacity_bytes"),
    }
}
