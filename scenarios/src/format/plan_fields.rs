//! Which bounds each number of a plan has: those of the scenario's setting that it was drawn from.

use super::settings::Setting;
use crate::planner::defaults;

const HOUR_MS: i64 = 3_600_000;

/// A number of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// As the plan names it.
    pub(super) name: &'static str,
    bounds: Bounds,
}

/// What bounds it.
#[derive(Debug, Clone, Copy)]
enum Bounds {
    /// The setting of this name.
    Of(&'static [Setting], &'static str),
    /// These, both inclusive.
    Fixed(i64, i64),
}

/// The bounds of a field, both inclusive.
pub(super) fn field_bounds(field: &Field) -> (i64, i64) {
    match field.bounds {
        Bounds::Fixed(low, high) => (low, high),
        Bounds::Of(table, name) => {
            let setting = table.iter().find(|setting| setting.name == name);
            setting.unwrap_or_else(|| panic!("no setting `{name}` for `{}`", field.name)).bounds
        }
    }
}

/// The setting that it was drawn from; none if it is not drawn as it stands.
pub(super) fn field_setting(field: &Field) -> Option<&'static Setting> {
    match field.bounds {
        Bounds::Of(table, name) => table.iter().find(|setting| setting.name == name),
        Bounds::Fixed(..) => None,
    }
}

const fn of(name: &'static str, table: &'static [Setting], setting: &'static str) -> Field {
    Field { name, bounds: Bounds::Of(table, setting) }
}

const fn fixed(name: &'static str, low: i64, high: i64) -> Field {
    Field { name, bounds: Bounds::Fixed(low, high) }
}

const CLUSTER: &[Setting] = defaults::CLUSTER;
const PRODUCER: &[Setting] = defaults::PRODUCER;
const TRANSACTION: &[Setting] = defaults::TRANSACTION;
const CONSUMER: &[Setting] = defaults::CONSUMER;
const MEMBER: &[Setting] = defaults::MEMBER;
const SHARE_CONSUMER: &[Setting] = defaults::SHARE_CONSUMER;
const PIPELINE: &[Setting] = defaults::PIPELINE;
const NETWORK: &[Setting] = defaults::NETWORK;
const DISK: &[Setting] = defaults::DISK;

#[rustfmt::skip]
pub(super) const CLUSTER_FIELDS: &[Field] = &[
    of("broker_heartbeat_interval_ms", CLUSTER, "broker.heartbeat.interval.ms"),
    of("broker_session_timeout_ms", CLUSTER, "broker.session.timeout.ms"),
    of("replica_lag_time_max_ms", CLUSTER, "replica.lag.time.max.ms"),
    of("replica_fetch_wait_max_ms", CLUSTER, "replica.fetch.wait.max.ms"),
    of("replica_fetch_backoff_ms", CLUSTER, "replica.fetch.backoff.ms"),
    // Less than in a scenario: the planner fits it to what crosses a slow link.
    fixed("replica_fetch_max_bytes", 1, 1 << 30),
    of("fetch_session_slots", CLUSTER, "max.incremental.fetch.session.cache.slots"),
    of("high_watermark_checkpoint_interval_ms", CLUSTER,
        "replica.high.watermark.checkpoint.interval.ms"),
    of("recovery_point_checkpoint_interval_ms", CLUSTER,
        "log.flush.offset.checkpoint.interval.ms"),
    of("kraft_version", CLUSTER, "kraft.version"),
    of("observer_controllers", CLUSTER, "observer_controllers"),
    of("racks", CLUSTER, "broker.racks"),
    of("log_dirs", CLUSTER, "log.dirs"),
    of("log_dir_failure_timeout_ms", CLUSTER, "log.dir.failure.timeout.ms"),
    of("segment_bytes", CLUSTER, "log.segment.bytes"),
    of("flush_scheduler_interval_ms", CLUSTER, "log.flush.scheduler.interval.ms"),
    of("retention_check_interval_ms", CLUSTER, "log.retention.check.interval.ms"),
    of("producer_id_expiration_ms", CLUSTER, "producer.id.expiration.ms"),
    of("producer_id_expiration_check_interval_ms", CLUSTER,
        "producer.id.expiration.check.interval.ms"),
    of("request_timeout_ms", CLUSTER, "request.timeout.ms"),
    of("quorum_election_timeout_ms", CLUSTER, "controller.quorum.election.timeout.ms"),
    of("quorum_fetch_timeout_ms", CLUSTER, "controller.quorum.fetch.timeout.ms"),
    of("quorum_election_backoff_max_ms", CLUSTER, "controller.quorum.election.backoff.max.ms"),
    of("quorum_fetch_wait_max_ms", CLUSTER, "controller.quorum.fetch.wait.max.ms"),
    of("quorum_append_linger_ms", CLUSTER, "controller.quorum.append.linger.ms"),
    of("controlled_shutdown_timeout_ms", CLUSTER, "controlled.shutdown.timeout.ms"),
    // In milliseconds here, in seconds in a scenario.
    fixed("leader_imbalance_check_interval_ms", 1_000, 3_600_000),
    of("unclean_election_interval_ms", CLUSTER, "unclean.leader.election.interval.ms"),
    of("transaction_version", CLUSTER, "transaction.version"),
    of("transactional_id_expiration_ms", CLUSTER, "transactional.id.expiration.ms"),
    of("transaction_max_timeout_ms", CLUSTER, "transaction.max.timeout.ms"),
    of("transaction_cleanup_interval_ms", CLUSTER,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms"),
];

/// Of `coordinators`, which a plan leaves out if all are as usual.
#[rustfmt::skip]
pub(super) const COORDINATOR_FIELDS: &[Field] = &[
    of("offset_commit_timeout_ms", CLUSTER, "offsets.commit.timeout.ms"),
    of("offset_metadata_bytes_max", CLUSTER, "offset.metadata.max.bytes"),
    of("group_initial_rebalance_delay_ms", CLUSTER, "group.initial.rebalance.delay.ms"),
    of("group_session_timeout_min_ms", CLUSTER, "group.min.session.timeout.ms"),
    of("group_session_timeout_max_ms", CLUSTER, "group.max.session.timeout.ms"),
    of("group_max_size", CLUSTER, "group.max.size"),
    of("offsets_retention_ms", CLUSTER, "offsets.retention.ms"),
    of("offsets_retention_check_interval_ms", CLUSTER, "offsets.retention.check.interval.ms"),
];

/// Of `throttled_rates`, which a plan leaves out if nothing is bounded.
#[rustfmt::skip]
pub(super) const THROTTLED_RATES_FIELDS: &[Field] = &[
    of("leader", CLUSTER, "leader.replication.throttled.rate"),
    of("follower", CLUSTER, "follower.replication.throttled.rate"),
];

/// Of `metadata_log`, which a plan leaves out if all are as usual.
#[rustfmt::skip]
pub(super) const METADATA_LOG_FIELDS: &[Field] = &[
    of("snapshot_bytes", CLUSTER, "metadata.log.max.record.bytes.between.snapshots"),
    of("snapshot_interval_ms", CLUSTER, "metadata.log.max.snapshot.interval.ms"),
    of("retention_bytes", CLUSTER, "metadata.max.retention.bytes"),
    of("retention_ms", CLUSTER, "metadata.max.retention.ms"),
    of("clean_interval_ms", CLUSTER, "metadata.log.clean.interval.ms"),
    of("fetch_snapshot_max_bytes", CLUSTER, "controller.quorum.fetch.snapshot.max.bytes"),
];

/// Of `cleaner`.
#[rustfmt::skip]
pub(super) const CLEANER_FIELDS: &[Field] = &[
    of("backoff_ms", CLUSTER, "log.cleaner.backoff.ms"),
    of("dedupe_buffer_size", CLUSTER, "log.cleaner.dedupe.buffer.size"),
];

/// Of `coordinators.consumer_groups`.
#[rustfmt::skip]
pub(super) const CONSUMER_GROUPS_FIELDS: &[Field] = &[
    of("session_timeout_ms", CLUSTER, "group.consumer.session.timeout.ms"),
    of("heartbeat_interval_ms", CLUSTER, "group.consumer.heartbeat.interval.ms"),
    of("max_size", CLUSTER, "group.consumer.max.size"),
];

/// Of `coordinators.share_groups`, which a plan leaves out if all are as usual.
#[rustfmt::skip]
pub(super) const SHARE_GROUPS_FIELDS: &[Field] = &[
    of("updates_per_snapshot", CLUSTER, "share.coordinator.snapshot.update.records.per.snapshot"),
    of("lock_ms", CLUSTER, "group.share.record.lock.duration.ms"),
    of("delivery_count_limit", CLUSTER, "group.share.delivery.count.limit"),
    of("partition_max_record_locks", CLUSTER, "group.share.partition.max.record.locks"),
];

/// Of `coordinators.share_groups.state_topic`.
#[rustfmt::skip]
pub(super) const SHARE_TOPIC_FIELDS: &[Field] = &[
    of("partitions", CLUSTER, "share.coordinator.state.topic.num.partitions"),
    of("replication_factor", CLUSTER, "share.coordinator.state.topic.replication.factor"),
    of("min_insync_replicas", CLUSTER, "share.coordinator.state.topic.min.isr"),
];

/// Of `config.worker`.
#[rustfmt::skip]
pub(super) const WORKER_FIELDS: &[Field] = &[
    of("records_max", SHARE_CONSUMER, "max.poll.records"),
    of("processing_ms", SHARE_CONSUMER, "processing_ms"),
    of("stall_one_in", SHARE_CONSUMER, "stall_one_in"),
    of("stall_ms", SHARE_CONSUMER, "stall_ms"),
    of("release_one_in", SHARE_CONSUMER, "release_one_in"),
    of("reject_one_in", SHARE_CONSUMER, "reject_one_in"),
];

/// Of `coordinators.offsets_topic`.
#[rustfmt::skip]
pub(super) const OFFSETS_TOPIC_FIELDS: &[Field] = &[
    of("partitions", CLUSTER, "offsets.topic.num.partitions"),
    of("replication_factor", CLUSTER, "offsets.topic.replication.factor"),
    of("min_insync_replicas", CLUSTER, "offsets.topic.min.insync.replicas"),
];

/// Of `coordinators.transaction_topic`.
#[rustfmt::skip]
pub(super) const TRANSACTION_TOPIC_FIELDS: &[Field] = &[
    of("partitions", CLUSTER, "transaction.state.log.num.partitions"),
    of("replication_factor", CLUSTER, "transaction.state.log.replication.factor"),
    of("min_insync_replicas", CLUSTER, "transaction.state.log.min.isr"),
];

#[rustfmt::skip]
pub(super) const PRODUCER_CONFIG: &[Field] = &[
    of("linger_ms", PRODUCER, "linger.ms"),
    of("batch_records_max", PRODUCER, "batch.size"),
    of("in_flight_max", PRODUCER, "max.in.flight.requests.per.connection"),
    of("request_timeout_ms", PRODUCER, "request.timeout.ms"),
    of("retry_backoff_ms", PRODUCER, "retry.backoff.ms"),
    of("delivery_timeout_ms", PRODUCER, "delivery.timeout.ms"),
    of("metadata_max_age_ms", PRODUCER, "metadata.max.age.ms"),
    of("value_bytes", PRODUCER, "value_bytes"),
    // Without transactions these mean nothing.
    fixed("transaction_version", 0, 2),
    fixed("transaction_timeout_ms", 10, HOUR_MS),
];

#[rustfmt::skip]
pub(super) const PRODUCER_FIELDS: &[Field] = &[
    of("keys", PRODUCER, "keys"),
    of("tombstone_one_in", PRODUCER, "tombstone_one_in"),
    of("hot_key_percent", PRODUCER, "hot_key_percent"),
    of("operations", PRODUCER, "operations"),
    of("start_ms", PRODUCER, "start_ms"),
    of("interval_us", PRODUCER, "interval_us"),
    of("outstanding_max", PRODUCER, "outstanding_max"),
];

#[rustfmt::skip]
pub(super) const TRANSACTION_CONFIG: &[Field] = &[
    of("linger_ms", TRANSACTION, "linger.ms"),
    of("batch_records_max", TRANSACTION, "batch.size"),
    of("in_flight_max", TRANSACTION, "max.in.flight.requests.per.connection"),
    of("request_timeout_ms", TRANSACTION, "request.timeout.ms"),
    of("retry_backoff_ms", TRANSACTION, "retry.backoff.ms"),
    of("delivery_timeout_ms", TRANSACTION, "delivery.timeout.ms"),
    of("metadata_max_age_ms", TRANSACTION, "metadata.max.age.ms"),
    of("value_bytes", TRANSACTION, "value_bytes"),
    // That of the cluster.
    fixed("transaction_version", 0, 2),
    of("transaction_timeout_ms", TRANSACTION, "transaction.timeout.ms"),
];

#[rustfmt::skip]
pub(super) const TRANSACTION_FIELDS: &[Field] = &[
    of("keys", TRANSACTION, "keys"),
    of("tombstone_one_in", TRANSACTION, "tombstone_one_in"),
    of("hot_key_percent", TRANSACTION, "hot_key_percent"),
    of("operations", TRANSACTION, "operations"),
    of("start_ms", TRANSACTION, "start_ms"),
    of("interval_us", TRANSACTION, "interval_us"),
    // One transaction after another.
    fixed("outstanding_max", 1, 1),
];

/// Of `transactions`.
#[rustfmt::skip]
pub(super) const TRANSACTIONS_FIELDS: &[Field] = &[
    of("records", TRANSACTION, "records"),
    of("gap_ms", TRANSACTION, "gap_ms"),
    of("abort_one_in", TRANSACTION, "abort_one_in"),
];

#[rustfmt::skip]
pub(super) const CONSUMER_CONFIG: &[Field] = &[
    of("fetch_wait_max_ms", CONSUMER, "fetch.max.wait.ms"),
    fixed("fetch_max_bytes", 1, 1 << 30),
    of("request_timeout_ms", CONSUMER, "request.timeout.ms"),
    of("retry_backoff_ms", CONSUMER, "retry.backoff.ms"),
    of("metadata_max_age_ms", CONSUMER, "metadata.max.age.ms"),
    of("rack", CONSUMER, "client.rack"),
];

#[rustfmt::skip]
pub(super) const CONSUMER_FIELDS: &[Field] = &[
    of("operations", CONSUMER, "operations"),
    of("start_ms", CONSUMER, "start_ms"),
    of("interval_us", CONSUMER, "interval_us"),
    of("poll_timeout_ms", CONSUMER, "poll_timeout_ms"),
    of("poll_records_max", CONSUMER, "max.poll.records"),
    of("end_offset_every", CONSUMER, "end_offset_every"),
    of("reassign_every", CONSUMER, "reassign_every"),
    of("resume_every", CONSUMER, "resume_every"),
];

/// Of `config.group`.
#[rustfmt::skip]
pub(super) const GROUP_FIELDS: &[Field] = &[
    of("session_timeout_ms", MEMBER, "session.timeout.ms"),
    of("heartbeat_interval_ms", MEMBER, "heartbeat.interval.ms"),
    of("max_poll_interval_ms", MEMBER, "max.poll.interval.ms"),
    of("api_timeout_ms", MEMBER, "default.api.timeout.ms"),
];

#[rustfmt::skip]
pub(super) const MEMBER_FIELDS: &[Field] = &[
    // 0 without `enable.auto.commit`.
    fixed("auto_commit_interval_ms", 0, HOUR_MS),
    of("commit_every", MEMBER, "commit_every"),
    of("leave_every", MEMBER, "leave_every"),
];

/// Of `member.calls`.
#[rustfmt::skip]
pub(super) const CALLS_FIELDS: &[Field] = &[
    of("seek_every", MEMBER, "seek_every"),
    of("pause_every", MEMBER, "pause_every"),
    of("wakeup_every", MEMBER, "wakeup_every"),
    of("close_every", MEMBER, "close_every"),
    of("poison_one_in", MEMBER, "poison_one_in"),
    of("poison_ms", MEMBER, "poison_ms"),
];

pub(super) const PIPELINE_CONFIG: &[Field] = &[
    of("linger_ms", PIPELINE, "linger.ms"),
    fixed("batch_records_max", 1, 100_000),
    fixed("in_flight_max", 1, 5),
    of("request_timeout_ms", CONSUMER, "request.timeout.ms"),
    of("retry_backoff_ms", CONSUMER, "retry.backoff.ms"),
    of("delivery_timeout_ms", PIPELINE, "delivery.timeout.ms"),
    of("metadata_max_age_ms", CONSUMER, "metadata.max.age.ms"),
    of("value_bytes", PIPELINE, "value_bytes"),
    of("transaction_timeout_ms", PIPELINE, "transaction.timeout.ms"),
    fixed("transaction_version", 1, 2),
];

/// Of `pipeline`.
pub(super) const PIPELINE_FIELDS: &[Field] =
    &[of("processed_within_ms", PIPELINE, "processed_within_ms")];

#[rustfmt::skip]
pub(super) const ADMIN: &[Field] = &[
    fixed("request_timeout_ms", 10, HOUR_MS),
    fixed("retry_backoff_ms", 1, HOUR_MS),
    fixed("api_timeout_ms", 10, HOUR_MS),
];

#[rustfmt::skip]
pub(super) const NETWORK_FIELDS: &[Field] = &[
    of("latency_us", NETWORK, "latency_us"),
    of("client_latency_us", NETWORK, "client_latency_us"),
    of("slow_one_in", NETWORK, "slow_one_in"),
    of("slow_extra_us", NETWORK, "slow_extra_us"),
    of("bandwidth_bytes_per_second", NETWORK, "bandwidth_bytes_per_second"),
    of("queue_bytes_max", NETWORK, "queue_bytes_max"),
    of("stall_timeout_ms", NETWORK, "stall_timeout_ms"),
    of("connect_timeout_ms", NETWORK, "connect_timeout_ms"),
];

pub(super) const DISK_FIELDS: &[Field] = &[
    of("sync_us", DISK, "sync_us"),
    of("write_back_ms", DISK, "write_back_ms"),
    of("capacity_bytes", DISK, "capacity_bytes"),
];

/// As the fields of a `[[fault]]` are bounded.
pub(super) const STEP_FIELDS: &[Field] = &[
    fixed("down_ms", 1, HOUR_MS),
    fixed("for_ms", 1, HOUR_MS),
    fixed("gap_ms", 1, HOUR_MS),
    fixed("extra_us", 1, HOUR_MS * 1_000),
    fixed("one_in", 1, 1_000_000),
    fixed("percent", 0, 100),
    fixed("replicas", 1, 99),
    fixed("bytes_per_second", 1, 1 << 40),
    fixed("by_ms", -HOUR_MS, HOUR_MS),
    fixed("ppm", -500_000, 500_000),
    fixed("value", 1, 1 << 40),
];
