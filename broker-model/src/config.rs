//! Configuration of brokers, controllers and clients, with Kafka's names. All times are milliseconds; the defaults of
//! plans live with the planner, so that no two places can disagree.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coordinator::runtime::{CoordinatorKind, partition_for};
use crate::defect::{Defects, Version};
pub use crate::internal_topic_config::InternalTopicConfig;
use crate::note::IsolationLevel;
use crate::proto::StrBytes;
pub use crate::share_config::{ShareGroupConfig, WorkerConfig};
use crate::throttle::ThrottledRates;
pub use crate::topic_config::TopicConfig;
use crate::types::{LogDirectory, NodeId};

/// What brokers and controllers are configured with. Every node of a cluster has the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// Node ids of the brokers, ascending.
    pub brokers: Vec<NodeId>,
    /// Node ids of the controllers, ascending. Source: `controller.quorum.bootstrap.servers`.
    pub controllers: Vec<NodeId>,
    /// `kraft.version`: 1 lets the voters of the quorum be changed (KIP-853). With 0 all controllers are voters.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub kraft_version: u32,
    /// So many controllers, the last ones, are no voters at first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub observer_controllers: u32,
    /// Salt of all jitter.
    #[serde(with = "crate::wide")]
    pub jitter_salt: u64,
    /// `broker.heartbeat.interval.ms`.
    pub broker_heartbeat_interval_ms: u64,
    /// `broker.session.timeout.ms`.
    pub broker_session_timeout_ms: u64,
    /// `replica.lag.time.max.ms`.
    pub replica_lag_time_max_ms: u64,
    /// `replica.fetch.wait.max.ms`.
    pub replica_fetch_wait_max_ms: u64,
    /// `replica.fetch.backoff.ms`.
    pub replica_fetch_backoff_ms: u64,
    /// `replica.fetch.max.bytes` of one response.
    pub replica_fetch_max_bytes: u32,
    /// `max.incremental.fetch.session.cache.slots`.
    #[serde(default = "default_fetch_session_slots")]
    pub fetch_session_slots: u32,
    /// How fast throttled replicas are copied.
    #[serde(default, skip_serializing_if = "ThrottledRates::is_none")]
    pub throttled_rates: ThrottledRates,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub high_watermark_checkpoint_interval_ms: u64,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub recovery_point_checkpoint_interval_ms: u64,
    /// Over so many racks the brokers are spread (`broker.rack`), and leaders send consumers to replicas of their own
    /// rack (`replica.selector.class`); 0 is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub racks: u32,
    /// How many log directories each broker has (`log.dirs`). The first has the metadata log. Source: KIP-112.
    #[serde(default = "default_log_dirs", skip_serializing_if = "is_default_log_dirs")]
    pub log_dirs: u8,
    /// `log.dir.failure.timeout.ms`: a broker that cannot tell the controller of a failed directory for so long stops.
    #[serde(
        default = "default_log_dir_failure_timeout_ms",
        skip_serializing_if = "is_default_log_dir_failure_timeout_ms"
    )]
    pub log_dir_failure_timeout_ms: u64,
    /// `log.segment.bytes`.
    pub segment_bytes: u32,
    /// `log.flush.scheduler.interval.ms`: how often logs are looked at for `flush.ms`.
    pub flush_scheduler_interval_ms: u64,
    /// `log.retention.check.interval.ms`: how often logs are looked at for what may be deleted.
    #[serde(
        default = "default_retention_check_interval_ms",
        skip_serializing_if = "is_default_retention_check_interval_ms"
    )]
    pub retention_check_interval_ms: u64,
    /// The log cleaner; plans in which nothing is compacted do not name it.
    #[serde(default, skip_serializing_if = "CleanerConfig::is_default")]
    pub cleaner: CleanerConfig,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: u64,
    /// `producer.id.expiration.check.interval.ms`.
    pub producer_id_expiration_check_interval_ms: u64,
    /// `transaction.version`: 2 gives each transaction a producer epoch of its own, and has brokers add partitions
    /// (KIP-890). 0 and 1 are the protocol before.
    #[serde(default = "default_transaction_version")]
    pub transaction_version: u16,
    /// `transactional.id.expiration.ms`.
    #[serde(default = "default_transactional_id_expiration_ms")]
    pub transactional_id_expiration_ms: u64,
    /// `transaction.max.timeout.ms`.
    #[serde(default = "default_transaction_max_timeout_ms")]
    pub transaction_max_timeout_ms: u64,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    #[serde(default = "default_transaction_cleanup_interval_ms")]
    pub transaction_cleanup_interval_ms: u64,
    /// `request.timeout.ms` of requests between brokers and controllers.
    pub request_timeout_ms: u64,
    /// `controller.quorum.election.timeout.ms`.
    pub quorum_election_timeout_ms: u64,
    /// `controller.quorum.fetch.timeout.ms`.
    pub quorum_fetch_timeout_ms: u64,
    /// `controller.quorum.election.backoff.max.ms`.
    pub quorum_election_backoff_max_ms: u64,
    /// How long a quorum fetch waits for data at the leader; 500 ms in Kafka.
    pub quorum_fetch_wait_max_ms: u64,
    /// `controller.quorum.append.linger.ms`: how long records gather before the quorum's leader appends them; 25 ms in
    /// Kafka. Plans without it do not name it.
    #[serde(default, skip_serializing_if = "is_none_ms")]
    pub quorum_append_linger_ms: u64,
    /// Snapshots of the metadata log; plans in which there are none do not name them.
    #[serde(default, skip_serializing_if = "MetadataLogConfig::is_default")]
    pub metadata_log: MetadataLogConfig,
    /// `controlled.shutdown` patience: a stopping broker halts after this long even if the controller is silent.
    pub controlled_shutdown_timeout_ms: u64,
    /// Whether eligible leader replicas are kept: the feature `eligible.leader.replicas.version`. On in new clusters
    /// since 4.1, off in older ones and those upgraded from them. Source: KIP-966.
    pub eligible_leader_replicas: bool,
    /// `auto.leader.rebalance.enable`.
    pub auto_leader_rebalance: bool,
    /// `leader.imbalance.check.interval.seconds`, in milliseconds.
    pub leader_imbalance_check_interval_ms: u64,
    /// `unclean.leader.election.interval.ms`.
    pub unclean_election_interval_ms: u64,
    /// Group and transaction coordinators; plans from before there were any do not name them.
    #[serde(default, skip_serializing_if = "CoordinatorConfig::is_default")]
    pub coordinators: CoordinatorConfig,
    /// The version of Kafka whose weaknesses are all on, if the run is as a version is; absent as promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<Version>,
    /// Bugs and weaknesses that are on, those of `kafka` included. Clients of the cluster follow the same ones.
    pub defects: Defects,
}

/// As Kafka: five minutes; plans in which nothing is deleted do not name it.
fn default_retention_check_interval_ms() -> u64 {
    ClusterConfig::RETENTION_CHECK_INTERVAL_MS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_default_retention_check_interval_ms(interval_ms: &u64) -> bool {
    *interval_ms == ClusterConfig::RETENTION_CHECK_INTERVAL_MS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none_ms(time_ms: &u64) -> bool {
    *time_ms == 0
}

/// One directory, as in Kafka's `server.properties`; plans with one do not name it.
fn default_log_dirs() -> u8 {
    ClusterConfig::LOG_DIRS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_default_log_dirs(log_dirs: &u8) -> bool {
    *log_dirs == ClusterConfig::LOG_DIRS
}

/// As Kafka: 30 seconds.
fn default_log_dir_failure_timeout_ms() -> u64 {
    ClusterConfig::LOG_DIR_FAILURE_TIMEOUT_MS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_default_log_dir_failure_timeout_ms(timeout_ms: &u64) -> bool {
    *timeout_ms == ClusterConfig::LOG_DIR_FAILURE_TIMEOUT_MS
}

/// What a rack is called.
pub fn rack_name(rack: u32) -> String {
    format!("rack-{rack}")
}

impl ClusterConfig {
    /// How many log directories a broker has of which the plan says nothing.
    pub const LOG_DIRS: u8 = 1;

    /// `log.dir.failure.timeout.ms` of a plan that says nothing.
    pub const LOG_DIR_FAILURE_TIMEOUT_MS: u64 = 30_000;

    /// Whether the voters of the quorum can be changed. Source: `KRaftVersion.isReconfigSupported`.
    pub fn is_reconfigurable(&self) -> bool {
        self.kraft_version >= 1
    }

    /// The voters of the quorum with which the cluster begins.
    pub fn first_voters(&self) -> &[NodeId] {
        let observers = self.observer_controllers as usize;
        &self.controllers[..self.controllers.len().saturating_sub(observers)]
    }

    /// A broker's log directories.
    pub fn log_directories(&self) -> impl Iterator<Item = LogDirectory> + use<> {
        (0..self.log_dirs).map(LogDirectory)
    }

    /// The rack of a broker, from 1 on.
    pub fn rack_of(&self, broker: NodeId) -> Option<u32> {
        let place = self.brokers.iter().position(|known| *known == broker)?;
        (self.racks > 0).then(|| place as u32 % self.racks + 1)
    }

    /// `log.retention.check.interval.ms` of a plan that says nothing.
    pub const RETENTION_CHECK_INTERVAL_MS: u64 = 300_000;
}

/// When the metadata log gets snapshots, and when what they cover is deleted. Source: Kafka's `MetadataLogConfig`,
/// KIP-630, KIP-876.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataLogConfig {
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub snapshot_bytes: u64,
    /// `metadata.log.max.snapshot.interval.ms`; 0 is never.
    pub snapshot_interval_ms: u64,
    /// `metadata.max.retention.bytes` of log and snapshots together; -1 is for ever.
    pub retention_bytes: i64,
    /// `metadata.max.retention.ms`; -1 is for ever.
    pub retention_ms: i64,
    /// How often it is looked at what may be deleted; 60 s in Kafka.
    pub clean_interval_ms: u64,
    /// Bytes of a snapshot that are asked for at once; 8 MiB in Kafka, and
    /// `controller.quorum.fetch.snapshot.max.bytes` since KIP-1219.
    pub fetch_snapshot_max_bytes: u32,
}

impl MetadataLogConfig {
    /// Kafka's defaults.
    pub const DEFAULT: Self = Self {
        snapshot_bytes: 20_971_520,
        snapshot_interval_ms: 3_600_000,
        retention_bytes: 104_857_600,
        retention_ms: 604_800_000,
        clean_interval_ms: 60_000,
        fetch_snapshot_max_bytes: 8_388_608,
    };

    /// Whether a plan need not say it.
    pub fn is_default(&self) -> bool {
        *self == Self::DEFAULT
    }
}

impl Default for MetadataLogConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a broker's log cleaner is configured with. Source: Kafka's `CleanerConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CleanerConfig {
    /// `log.cleaner.backoff.ms`: how long it rests when no log is dirty enough.
    pub backoff_ms: u64,
    /// `log.cleaner.dedupe.buffer.size`: bytes of the offset map, 24 for each key.
    pub dedupe_buffer_size: u32,
}

impl CleanerConfig {
    /// Kafka's defaults.
    pub const DEFAULT: Self = Self { backoff_ms: 15_000, dedupe_buffer_size: 134_217_728 };

    /// Whether a plan need not say it.
    pub fn is_default(&self) -> bool {
        *self == Self::DEFAULT
    }
}

impl Default for CleanerConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// As Kafka; plans from before there were sessions do not name it.
fn default_fetch_session_slots() -> u32 {
    1_000
}

/// As Kafka since 4.0.
fn default_transaction_version() -> u16 {
    2
}

/// As Kafka: seven days.
fn default_transactional_id_expiration_ms() -> u64 {
    7 * 24 * 3_600_000
}

/// As Kafka: fifteen minutes.
fn default_transaction_max_timeout_ms() -> u64 {
    900_000
}

/// As Kafka: ten seconds.
fn default_transaction_cleanup_interval_ms() -> u64 {
    10_000
}

/// As Kafka: any number.
pub const fn default_group_max_size() -> u32 {
    i32::MAX as u32
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_default_group_max_size(size: &u32) -> bool {
    *size == default_group_max_size()
}

/// What coordinators are configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoordinatorConfig {
    /// `__consumer_offsets`: `offsets.topic.num.partitions` and `offsets.topic.replication.factor`.
    pub offsets_topic: InternalTopicConfig,
    /// `__transaction_state`: `transaction.state.log.num.partitions`, `.replication.factor` and `.min.isr`.
    pub transaction_topic: InternalTopicConfig,
    /// `offsets.commit.timeout.ms`: how long a write of a coordinator may take to be committed.
    pub offset_commit_timeout_ms: u64,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_bytes_max: u32,
    /// `group.initial.rebalance.delay.ms`.
    pub group_initial_rebalance_delay_ms: u64,
    /// `group.min.session.timeout.ms`.
    pub group_session_timeout_min_ms: u64,
    /// `group.max.session.timeout.ms`.
    pub group_session_timeout_max_ms: u64,
    /// `group.max.size`: as many members may a classic group have; plans that do not name it bound it as Kafka does.
    #[serde(default = "default_group_max_size", skip_serializing_if = "is_default_group_max_size")]
    pub group_max_size: u32,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: u64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: u64,
    /// Groups of the consumer protocol; plans from before there were any do not name it.
    #[serde(default, skip_serializing_if = "ConsumerGroupConfig::is_default")]
    pub consumer_groups: ConsumerGroupConfig,
    /// Share groups; plans without any do not name it.
    #[serde(default, skip_serializing_if = "ShareGroupConfig::is_default")]
    pub share_groups: ShareGroupConfig,
}

/// What groups of the consumer protocol are configured with, on brokers. Source: KIP-848.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerGroupConfig {
    /// `group.consumer.session.timeout.ms`.
    pub session_timeout_ms: u64,
    /// `group.consumer.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: u64,
    /// The first of `group.consumer.assignors`: for groups whose members name none.
    pub assignor: ServerAssignor,
    /// `group.consumer.max.size`: as many members may a group have; plans that do not name it bound it as Kafka does.
    #[serde(default = "default_group_max_size", skip_serializing_if = "is_default_group_max_size")]
    pub max_size: u32,
    /// `group.consumer.migration.policy`; plans from before groups changed their protocol do not name it.
    #[serde(default, skip_serializing_if = "MigrationPolicy::is_default")]
    pub migration: MigrationPolicy,
}

/// Which groups change their protocol while they have members. Source: `ConsumerGroupMigrationPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationPolicy {
    /// None does.
    Disabled,
    /// A classic group becomes one of the consumer protocol.
    Upgrade,
    /// One of the consumer protocol becomes a classic one when its last member of that protocol goes.
    Downgrade,
    /// Both.
    #[default]
    Bidirectional,
}

impl MigrationPolicy {
    /// Whether a plan need not say it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn upgrades(self) -> bool {
        matches!(self, Self::Upgrade | Self::Bidirectional)
    }

    pub(crate) fn downgrades(self) -> bool {
        matches!(self, Self::Downgrade | Self::Bidirectional)
    }
}

impl ConsumerGroupConfig {
    /// As plans have it that say nothing.
    pub const DEFAULT: Self = Self {
        session_timeout_ms: 3_000,
        heartbeat_interval_ms: 300,
        assignor: ServerAssignor::Uniform,
        max_size: default_group_max_size(),
        migration: MigrationPolicy::Bidirectional,
    };

    /// Whether a plan need not say it.
    pub fn is_default(&self) -> bool {
        *self == Self::DEFAULT
    }
}

impl Default for ConsumerGroupConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How a coordinator shares a group's partitions out. Source: `group.consumer.assignors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerAssignor {
    /// `UniformAssignor`: as many for each, and who has them keeps them.
    Uniform,
    /// `RangeAssignor`: of each topic a range for each.
    Range,
}

impl ServerAssignor {
    /// All of them, the default first.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Range];

    /// As members name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }
}

impl CoordinatorConfig {
    /// As plans have it that say nothing: for three brokers.
    pub const DEFAULT: Self = {
        let topic =
            InternalTopicConfig { partitions: 4, replication_factor: 3, min_insync_replicas: 2 };
        Self {
            offsets_topic: topic,
            transaction_topic: topic,
            offset_commit_timeout_ms: 5_000,
            offset_metadata_bytes_max: 4_096,
            group_initial_rebalance_delay_ms: 300,
            group_session_timeout_min_ms: 500,
            group_session_timeout_max_ms: 1_800_000,
            group_max_size: default_group_max_size(),
            offsets_retention_ms: 604_800_000,
            offsets_retention_check_interval_ms: 600_000,
            consumer_groups: ConsumerGroupConfig::DEFAULT,
            share_groups: ShareGroupConfig::DEFAULT,
        }
    };

    /// Whether a plan need not say it.
    pub fn is_default(&self) -> bool {
        *self == Self::DEFAULT
    }

    /// The partition of `__transaction_state` that a transactional id belongs to.
    pub fn transaction_partition_of(&self, transactional_id: &str) -> u32 {
        partition_for(transactional_id, self.transaction_topic.partitions as i32) as u32
    }

    /// The topic of a kind of coordinators.
    pub(crate) fn topic(&self, kind: CoordinatorKind) -> InternalTopicConfig {
        match kind {
            CoordinatorKind::Group => self.offsets_topic,
            CoordinatorKind::Transaction => self.transaction_topic,
            CoordinatorKind::Share => self.share_groups.state_topic,
        }
    }
}

impl Default for CoordinatorConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a producer is configured with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProducerConfig {
    /// The producer's own id.
    pub node: NodeId,
    /// Brokers to ask for metadata first.
    pub bootstrap: Vec<NodeId>,
    /// Salt of all jitter.
    #[serde(with = "crate::wide")]
    pub jitter_salt: u64,
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`.
    pub idempotence: bool,
    /// `linger.ms`.
    pub linger_ms: u64,
    /// `batch.size`, in records.
    pub batch_records_max: u32,
    /// `max.in.flight.requests.per.connection`; at most 5 with idempotence.
    pub in_flight_max: u32,
    /// `request.timeout.ms`.
    pub request_timeout_ms: u64,
    /// `retry.backoff.ms`.
    pub retry_backoff_ms: u64,
    /// `delivery.timeout.ms`.
    pub delivery_timeout_ms: u64,
    /// `metadata.max.age.ms`.
    pub metadata_max_age_ms: u64,
    /// Size of a record's value in bytes, at least 8: the value's number, then filling.
    pub value_bytes: u32,
    /// `transactional.id`, if it is transactional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactional_id: Option<String>,
    /// The cluster's `transaction.version`, which a client learns from brokers.
    #[serde(default = "default_transaction_version")]
    pub transaction_version: u16,
    /// `transaction.timeout.ms`.
    #[serde(default = "default_transaction_timeout_ms")]
    pub transaction_timeout_ms: u64,
}

/// As Kafka: one minute.
fn default_transaction_timeout_ms() -> u64 {
    60_000
}

/// What a consumer is configured with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerConfig {
    /// The consumer's own id.
    pub node: NodeId,
    /// Brokers to ask for metadata first.
    pub bootstrap: Vec<NodeId>,
    /// Salt of all jitter.
    #[serde(with = "crate::wide")]
    pub jitter_salt: u64,
    /// `fetch.max.wait.ms`.
    pub fetch_wait_max_ms: u64,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: u32,
    /// `request.timeout.ms`.
    pub request_timeout_ms: u64,
    /// `retry.backoff.ms`.
    pub retry_backoff_ms: u64,
    /// `metadata.max.age.ms`.
    pub metadata_max_age_ms: u64,
    /// `auto.offset.reset`.
    pub offset_reset: OffsetReset,
    /// `isolation.level`.
    #[serde(default = "read_uncommitted")]
    pub isolation: IsolationLevel,
    /// `client.rack`; 0 is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rack: u32,
    /// Its group, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<MemberConfig>,
    /// What it does as a worker of a share group, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerConfig>,
}

/// As Kafka.
fn read_uncommitted() -> IsolationLevel {
    IsolationLevel::ReadUncommitted
}

/// What a consumer is configured with as a member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberConfig {
    /// `group.id`.
    pub group: String,
    /// `group.instance.id`, if it is a static member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// `partition.assignment.strategy`.
    pub assignor: Assignor,
    /// `session.timeout.ms`.
    pub session_timeout_ms: u64,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval_ms: u64,
    /// `max.poll.interval.ms`, which is how long a rebalance waits for it, too.
    pub max_poll_interval_ms: u64,
    /// `default.api.timeout.ms`: a commit that waits gives up after this long.
    pub api_timeout_ms: u64,
    /// `group.protocol`; plans from before there was another one do not name it.
    #[serde(default, skip_serializing_if = "GroupProtocol::is_classic")]
    pub protocol: GroupProtocol,
    /// `group.remote.assignor`, in the consumer protocol: the coordinator's choice if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_assignor: Option<ServerAssignor>,
}

/// `group.protocol` of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupProtocol {
    /// Members join and synchronise, one of them assigns.
    #[default]
    Classic,
    /// The coordinator assigns, members reconcile. Source: KIP-848.
    Consumer,
}

impl GroupProtocol {
    /// Whether a plan need not say it.
    pub fn is_classic(&self) -> bool {
        *self == Self::Classic
    }
}

/// How a group shares its partitions out. Source: `partition.assignment.strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assignor {
    /// `RangeAssignor`.
    Range,
    /// `RoundRobinAssignor`.
    RoundRobin,
    /// `StickyAssignor`: everything is given up first, and then given back as far as it can.
    Sticky,
    /// `CooperativeStickyAssignor`.
    CooperativeSticky,
}

impl Assignor {
    /// As members name it to each other.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// Whether members keep what they have during a rebalance. Source: KIP-429.
    pub(crate) const fn is_cooperative(self) -> bool {
        matches!(self, Self::CooperativeSticky)
    }
}

/// What an admin client is configured with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// The client's own id.
    pub node: NodeId,
    /// Brokers to ask.
    pub bootstrap: Vec<NodeId>,
    /// `request.timeout.ms`.
    pub request_timeout_ms: u64,
    /// `retry.backoff.ms`.
    pub retry_backoff_ms: u64,
    /// `default.api.timeout.ms`: an operation gives up after this long.
    pub api_timeout_ms: u64,
}

/// `acks` of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acks {
    /// Do not wait for an answer.
    #[serde(rename = "0")]
    None,
    /// Wait for the leader's own append.
    #[serde(rename = "1")]
    Leader,
    /// Wait until all in-sync replicas have it.
    #[serde(rename = "all")]
    All,
}

impl Acks {
    /// As on the wire.
    pub fn wire(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// `auto.offset.reset` of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum OffsetReset {
    /// To the log's start.
    Earliest,
    /// To the log's end.
    Latest,
    /// Nowhere: the application is told.
    None,
    /// To the first record that is not older than so many milliseconds. Source: KIP-1106.
    ByDuration(u64),
}

impl OffsetReset {
    /// Kafka's value of a duration begins so.
    const BY_DURATION: &str = "by_duration:PT";

    /// Reads Kafka's value. Of ISO 8601, durations in seconds are known: `by_duration:PT1.5S`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "earliest" => Some(Self::Earliest),
            "latest" => Some(Self::Latest),
            "none" => Some(Self::None),
            _ => {
                let seconds = text.strip_prefix(Self::BY_DURATION)?.strip_suffix('S')?;
                let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
                let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
                if part.len() > 3 || !digits(whole) || !digits(part) {
                    return None;
                }
                let (whole, part): (u64, u64) =
                    (whole.parse().ok()?, format!("{part:0<3}").parse().ok()?);
                whole.checked_mul(1_000)?.checked_add(part).map(Self::ByDuration)
            }
        }
    }
}

impl std::fmt::Display for OffsetReset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Earliest => f.write_str("earliest"),
            Self::Latest => f.write_str("latest"),
            Self::None => f.write_str("none"),
            Self::ByDuration(ms) => {
                write!(f, "{}{}.{:03}S", Self::BY_DURATION, ms / 1_000, ms % 1_000)
            }
        }
    }
}

impl From<OffsetReset> for String {
    fn from(reset: OffsetReset) -> Self {
        reset.to_string()
    }
}

impl TryFrom<String> for OffsetReset {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no auto.offset.reset"))
    }
}

/// Milliseconds as a duration.
pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A topic name as the wire has it.
pub fn topic_name(name: &str) -> StrBytes {
    StrBytes::from_string(name.to_owned())
}
