//! What tests, here and in the later packages, configure: one place for each setting. A test names what it is about and
//! takes the rest from here: `ClusterConfig { segment_bytes: 400, ..testing::cluster() }`. Values are Kafka's defaults,
//! or shorter where a test would wait.

use crate::config::{
    Acks, AdminConfig, CleanerConfig, ClusterConfig, ConsumerConfig, CoordinatorConfig,
    MetadataLogConfig, OffsetReset, ProducerConfig, TopicConfig,
};
use crate::defect::Defects;
use crate::disk_image::DiskImage;
use crate::log::{Log, LogConfig, LogOptions};
use crate::node::Effects;
use crate::note::IsolationLevel;
use crate::retention::Retention;
use crate::throttle::ThrottledRates;
use crate::types::{NodeId, Offset, TopicPartition, WallTime};

/// Brokers 1 to 3 and controllers 101 to 103, as promised.
pub fn cluster() -> ClusterConfig {
    ClusterConfig {
        brokers: vec![NodeId(1), NodeId(2), NodeId(3)],
        controllers: vec![NodeId(101), NodeId(102), NodeId(103)],
        kraft_version: 0,
        observer_controllers: 0,
        jitter_salt: 0,
        broker_heartbeat_interval_ms: 2_000,
        broker_session_timeout_ms: 9_000,
        replica_lag_time_max_ms: 30_000,
        replica_fetch_wait_max_ms: 500,
        replica_fetch_backoff_ms: 1_000,
        replica_fetch_max_bytes: 1 << 20,
        fetch_session_slots: 1_000,
        throttled_rates: ThrottledRates::default(),
        high_watermark_checkpoint_interval_ms: 5_000,
        recovery_point_checkpoint_interval_ms: 60_000,
        racks: 0,
        log_dirs: ClusterConfig::LOG_DIRS,
        log_dir_failure_timeout_ms: ClusterConfig::LOG_DIR_FAILURE_TIMEOUT_MS,
        segment_bytes: 1 << 20,
        flush_scheduler_interval_ms: u64::MAX / 2_000_000,
        retention_check_interval_ms: ClusterConfig::RETENTION_CHECK_INTERVAL_MS,
        cleaner: CleanerConfig::DEFAULT,
        producer_id_expiration_ms: 86_400_000,
        producer_id_expiration_check_interval_ms: 600_000,
        request_timeout_ms: 1_000,
        transaction_version: 2,
        transactional_id_expiration_ms: 604_800_000,
        transaction_max_timeout_ms: 900_000,
        transaction_cleanup_interval_ms: 10_000,
        quorum_election_timeout_ms: 1_000,
        quorum_fetch_timeout_ms: 2_000,
        quorum_election_backoff_max_ms: 1_000,
        quorum_fetch_wait_max_ms: 500,
        quorum_append_linger_ms: 0,
        metadata_log: MetadataLogConfig::DEFAULT,
        controlled_shutdown_timeout_ms: 5_000,
        eligible_leader_replicas: true,
        auto_leader_rebalance: true,
        leader_imbalance_check_interval_ms: 300_000,
        unclean_election_interval_ms: 300_000,
        coordinators: CoordinatorConfig::DEFAULT,
        kafka: None,
        defects: Defects::NONE,
    }
}

/// A topic that sets nothing but `min.insync.replicas`.
pub fn topic(name: &str, min_insync_replicas: u32) -> TopicConfig {
    TopicConfig { min_insync_replicas, ..TopicConfig::usual(name.to_owned()) }
}

/// An idempotent producer that sends each record at once.
pub fn producer(node: i32) -> ProducerConfig {
    ProducerConfig {
        node: NodeId(node),
        bootstrap: vec![NodeId(1)],
        jitter_salt: 1,
        acks: Acks::All,
        idempotence: true,
        linger_ms: 0,
        batch_records_max: 1,
        in_flight_max: 5,
        request_timeout_ms: 1_000,
        retry_backoff_ms: 100,
        delivery_timeout_ms: 4_000,
        metadata_max_age_ms: 60_000,
        value_bytes: 8,
        transactional_id: None,
        transaction_version: 2,
        transaction_timeout_ms: 60_000,
    }
}

/// A consumer without a group, from the beginning.
pub fn consumer(node: i32) -> ConsumerConfig {
    ConsumerConfig {
        node: NodeId(node),
        bootstrap: vec![NodeId(1)],
        jitter_salt: 1,
        fetch_wait_max_ms: 500,
        fetch_max_bytes: 1 << 20,
        request_timeout_ms: 1_000,
        retry_backoff_ms: 100,
        metadata_max_age_ms: 60_000,
        offset_reset: OffsetReset::Earliest,
        isolation: IsolationLevel::ReadUncommitted,
        rack: 0,
        worker: None,
        group: None,
    }
}

/// An admin client.
pub fn admin(node: i32) -> AdminConfig {
    AdminConfig {
        node: NodeId(node),
        bootstrap: vec![NodeId(1)],
        request_timeout_ms: 1_000,
        retry_backoff_ms: 100,
        api_timeout_ms: 5_000,
    }
}

/// A log of [`cluster`] that nobody stopped uncleanly, from offset 0.
pub fn log_options() -> LogOptions {
    LogOptions {
        config: LogConfig {
            producer_id_expiration_ms: u64::MAX,
            flush_messages: u64::MAX,
            flush_ms: u64::MAX,
            retention: Retention::FOREVER,
            ..LogConfig::of(&cluster())
        },
        now: WallTime(0),
        clean: true,
        recovery_point: Offset::ZERO,
        high_watermark: Offset::ZERO,
        log_start_offset: Offset::ZERO,
        holes: false,
    }
}

/// An empty log.
pub fn empty_log(partition: TopicPartition) -> Log {
    Log::open(partition, log_options(), &DiskImage::default(), &mut Effects::new())
}
