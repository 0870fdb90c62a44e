//! Defaults of plans: Kafka's where a run of half a minute bears them, scaled down where it does not. The one place
//! where they are written.

use crate::format::Setting;

const FOREVER_MS: i64 = 3_600_000;

/// Bytes a second that bound nothing, and that other tools read as they are written.
pub(super) const RATE_MAX: i64 = 1 << 52;
/// As many members as Kafka can count.
const GROUP_MAX: i64 = i32::MAX as i64;

const fn setting(
    name: &'static str,
    default: (i64, i64),
    bounds: (i64, i64),
    about: &'static str,
) -> Setting {
    Setting { name, default, bounds, about }
}

/// `[cluster]`: every broker and controller has the same.
#[rustfmt::skip]
pub const CLUSTER: &[Setting] = &[
    setting("broker.heartbeat.interval.ms", (500, 500), (10, FOREVER_MS),
        "Kafka: 2000; a quarter, so that a run sees several session timeouts"),
    setting("broker.session.timeout.ms", (3_000, 3_000), (50, FOREVER_MS),
        "Kafka: 9000; a third"),
    setting("replica.lag.time.max.ms", (3_000, 3_000), (50, FOREVER_MS),
        "Kafka: 30000; a tenth: the ISR must shrink within a run"),
    setting("replica.fetch.wait.max.ms", (500, 500), (1, FOREVER_MS), "as Kafka"),
    setting("replica.fetch.backoff.ms", (500, 500), (1, FOREVER_MS), "Kafka: 1000"),
    setting("replica.fetch.max.bytes", (65_536, 65_536), (256, 1 << 30),
        "Kafka: 1048576 a partition; small, so that catching up takes several rounds"),
    setting("max.incremental.fetch.session.cache.slots", (1_000, 1_000), (0, 1_000_000),
        "as Kafka: fetchers that a broker remembers; the others name all partitions each time"),
    setting("leader.replication.throttled.rate", (RATE_MAX, RATE_MAX), (1, RATE_MAX),
        "as Kafka, for the whole run, by default no bound: bytes a second that a broker sends for throttled replicas"),
    setting("follower.replication.throttled.rate", (RATE_MAX, RATE_MAX), (1, RATE_MAX),
        "as Kafka, for the whole run, by default no bound: bytes a second that a broker takes for throttled replicas"),
    setting("replica.high.watermark.checkpoint.interval.ms", (2_000, 2_000), (10, FOREVER_MS),
        "Kafka: 5000"),
    setting("log.flush.offset.checkpoint.interval.ms", (5_000, 5_000), (10, FOREVER_MS),
        "Kafka: 60000"),
    setting("broker.racks", (0, 0), (0, 99),
        "racks over which brokers are spread (`broker.rack`); then `replica.selector.class` goes by them"),
    setting("kraft.version", (0, 0), (0, 1),
        "as clusters from before Kafka 3.9; with 1 voters of the quorum are added and removed (KIP-853)"),
    setting("observer_controllers", (0, 0), (0, 8),
        "so many controllers, the last ones, are no voters at first; needs `kraft.version` 1"),
    setting("log.dirs", (1, 1), (1, 8),
        "as Kafka: how many log directories each broker has; the first has the metadata log"),
    setting("log.dir.failure.timeout.ms", (30_000, 30_000), (1, FOREVER_MS),
        "as Kafka; matters to brokers with several log directories only"),
    setting("log.segment.bytes", (16_384, 16_384), (512, 1 << 30),
        "Kafka: 1073741824; small, so that segments roll"),
    setting("log.flush.scheduler.interval.ms", (3_000, 3_000), (10, FOREVER_MS),
        "Kafka: never; matters to topics with `flush.ms` only"),
    setting("log.cleaner.backoff.ms", (15_000, 15_000), (1, FOREVER_MS), "as Kafka"),
    setting("log.cleaner.dedupe.buffer.size", (134_217_728, 134_217_728), (2_400, 2_147_483_647),
        "as Kafka: 24 bytes a key, nine tenths of which are used"),
    setting("log.retention.check.interval.ms", (300_000, 300_000), (10, FOREVER_MS),
        "as Kafka; matters to topics whose records may be deleted only"),
    setting("producer.id.expiration.ms", (86_400_000, 86_400_000), (1, 86_400_000), "as Kafka"),
    setting("producer.id.expiration.check.interval.ms", (600_000, 600_000), (10, FOREVER_MS),
        "as Kafka"),
    setting("request.timeout.ms", (2_000, 2_000), (50, FOREVER_MS),
        "Kafka: 30000, between brokers and controllers"),
    setting("controller.quorum.election.timeout.ms", (500, 500), (20, FOREVER_MS), "Kafka: 1000"),
    setting("controller.quorum.fetch.timeout.ms", (1_000, 1_000), (50, FOREVER_MS), "Kafka: 2000"),
    setting("controller.quorum.election.backoff.max.ms", (500, 500), (10, FOREVER_MS),
        "Kafka: 1000"),
    setting("controller.quorum.fetch.wait.max.ms", (300, 300), (1, FOREVER_MS),
        "Kafka: 500, fixed; below the fetch timeout"),
    setting("controller.quorum.append.linger.ms", (0, 0), (0, 1_000),
        "Kafka: 25; none, so that crashes fall between more states that somebody has seen"),
    setting("metadata.log.max.record.bytes.between.snapshots", (20_971_520, 20_971_520),
        (1, 1 << 40), "as Kafka: more than most runs write"),
    setting("metadata.log.max.snapshot.interval.ms", (FOREVER_MS, FOREVER_MS), (0, FOREVER_MS),
        "as Kafka; 0 is never"),
    setting("metadata.max.retention.bytes", (104_857_600, 104_857_600), (-1, 1 << 40), "as Kafka"),
    setting("metadata.max.retention.ms", (604_800_000, 604_800_000), (-1, 604_800_000),
        "as Kafka"),
    setting("metadata.log.clean.interval.ms", (60_000, 60_000), (10, FOREVER_MS),
        "as Kafka, where it is fixed: how often it is looked at what of the metadata log may go"),
    setting("controller.quorum.fetch.snapshot.max.bytes", (8_388_608, 8_388_608), (1, 8_388_608),
        "as Kafka, where it is fixed before 4.2"),
    setting("controlled.shutdown.timeout.ms", (2_000, 2_000), (10, FOREVER_MS),
        "how long a stopping broker waits for a silent controller"),
    setting("leader.imbalance.check.interval.seconds", (300, 300), (1, FOREVER_MS / 1_000),
        "as Kafka: longer than most runs"),
    setting("unclean.leader.election.interval.ms", (300_000, 300_000), (10, FOREVER_MS),
        "as Kafka: longer than most runs"),
    setting("offsets.topic.num.partitions", (4, 4), (1, 100), "Kafka: 50"),
    setting("offsets.topic.replication.factor", (3, 3), (1, 99),
        "as Kafka; at most as many as there are brokers"),
    setting("offsets.topic.min.insync.replicas", (2, 2), (1, 99),
        "Kafka: `min.insync.replicas` of the brokers, which is 1"),
    setting("transaction.state.log.num.partitions", (4, 4), (1, 100), "Kafka: 50"),
    setting("transaction.state.log.replication.factor", (3, 3), (1, 99),
        "as Kafka; at most as many as there are brokers"),
    setting("transaction.state.log.min.isr", (2, 2), (1, 99), "as Kafka"),
    setting("transaction.version", (2, 2), (0, 2),
        "as Kafka 4: each transaction has an epoch of its own; 0 and 1 are the protocol before"),
    setting("transaction.max.timeout.ms", (900_000, 900_000), (1, FOREVER_MS), "as Kafka"),
    setting("transactional.id.expiration.ms", (604_800_000, 604_800_000), (1, 604_800_000),
        "as Kafka"),
    setting("transaction.abort.timed.out.transaction.cleanup.interval.ms", (1_000, 1_000),
        (10, FOREVER_MS), "Kafka: 10000; how often transactions are looked at that take too long"),
    setting("offsets.commit.timeout.ms", (5_000, 5_000), (10, FOREVER_MS), "as Kafka"),
    setting("offset.metadata.max.bytes", (4_096, 4_096), (0, 1 << 20), "as Kafka"),
    setting("group.initial.rebalance.delay.ms", (300, 300), (0, FOREVER_MS), "Kafka: 3000"),
    setting("group.min.session.timeout.ms", (500, 500), (1, FOREVER_MS), "Kafka: 6000"),
    setting("group.max.session.timeout.ms", (1_800_000, 1_800_000), (1, FOREVER_MS), "as Kafka"),
    setting("group.max.size", (GROUP_MAX, GROUP_MAX), (1, GROUP_MAX),
        "as Kafka; room for all members"),
    setting("group.consumer.max.size", (GROUP_MAX, GROUP_MAX), (1, GROUP_MAX),
        "as Kafka; room for all members"),
    setting("group.consumer.session.timeout.ms", (3_000, 3_000), (1, FOREVER_MS), "Kafka: 45000"),
    setting("group.consumer.heartbeat.interval.ms", (300, 300), (1, FOREVER_MS), "Kafka: 5000"),
    setting("share.coordinator.state.topic.num.partitions", (4, 4), (1, 100),
        "Kafka: 50; matters to clusters with share groups only, as the next ones"),
    setting("share.coordinator.state.topic.replication.factor", (3, 3), (1, 99),
        "as Kafka; at most as many as there are brokers"),
    setting("share.coordinator.state.topic.min.isr", (2, 2), (1, 99), "as Kafka"),
    setting("share.coordinator.snapshot.update.records.per.snapshot", (10, 10), (0, 1_000_000),
        "Kafka: 500"),
    setting("group.share.record.lock.duration.ms", (2_000, 2_000), (1, FOREVER_MS),
        "Kafka: 30000; how long a worker holds what it acquired"),
    setting("group.share.delivery.count.limit", (5, 5), (1, 1_000), "as Kafka"),
    setting("group.share.partition.max.record.locks", (200, 200), (1, 1_000_000),
        "as Kafka 4.0; so many records of a partition are in flight at most"),
    setting("offsets.retention.ms", (604_800_000, 604_800_000), (1, 604_800_000),
        "Kafka: `offsets.retention.minutes`, 7 days"),
    setting("offsets.retention.check.interval.ms", (600_000, 600_000), (10, FOREVER_MS),
        "as Kafka: longer than most runs"),
];

/// Keys of a `[[load]]` of kind `producer`.
#[rustfmt::skip]
pub const PRODUCER: &[Setting] = &[
    setting("linger.ms", (5, 5), (0, FOREVER_MS), "as Kafka 4"),
    setting("batch.size", (16, 16), (1, 100_000), "in records, not bytes"),
    setting("max.in.flight.requests.per.connection", (5, 5), (1, 100),
        "as Kafka; at most 5 with idempotence, and drawn values are bounded by that"),
    setting("request.timeout.ms", (2_000, 2_000), (10, FOREVER_MS), "Kafka: 30000"),
    setting("retry.backoff.ms", (100, 100), (1, FOREVER_MS), "as Kafka"),
    setting("delivery.timeout.ms", (10_000, 10_000), (10, FOREVER_MS), "Kafka: 120000"),
    setting("metadata.max.age.ms", (5_000, 5_000), (10, FOREVER_MS), "Kafka: 300000"),
    setting("value_bytes", (64, 64), (8, 1 << 20), "size of a record's value"),
    setting("keys", (16, 16), (0, 1_000_000), "distinct keys; 0 sends without keys"),
    setting("tombstone_one_in", (0, 0), (0, 1_000_000),
        "one record in so many deletes its key; 0 is never"),
    setting("hot_key_percent", (0, 0), (0, 100),
        "so many of a hundred records have one key, beside those that draw it; 0 favours none"),
    setting("operations", (400, 400), (1, 1_000_000), "sends of each client"),
    setting("start_ms", (0, 500), (0, FOREVER_MS), "first send"),
    setting("interval_us", (20_000, 100_000), (0, 3_600_000_000), "pause between invocations"),
    setting("outstanding_max", (32, 32), (1, 1_000_000), "sends that are open at once"),
];

/// Keys of a `[[load]]` of kind `transaction`.
#[rustfmt::skip]
pub const TRANSACTION: &[Setting] = &[
    setting("linger.ms", (0, 0), (0, FOREVER_MS), "Kafka 4: 5"),
    setting("batch.size", (16, 16), (1, 100_000), "in records, not bytes"),
    setting("max.in.flight.requests.per.connection", (5, 5), (1, 5), "as Kafka"),
    setting("request.timeout.ms", (2_000, 2_000), (10, FOREVER_MS), "Kafka: 30000"),
    setting("retry.backoff.ms", (100, 100), (1, FOREVER_MS), "as Kafka"),
    setting("delivery.timeout.ms", (10_000, 10_000), (10, FOREVER_MS),
        "Kafka: 120000; an application waits twice as long for the end of a transaction"),
    setting("metadata.max.age.ms", (5_000, 5_000), (10, FOREVER_MS), "Kafka: 300000"),
    setting("transaction.timeout.ms", (15_000, 15_000), (10, FOREVER_MS), "Kafka: 60000"),
    setting("value_bytes", (64, 64), (8, 1 << 20), "size of a record's value"),
    setting("keys", (16, 16), (0, 1_000_000), "distinct keys; 0 sends without keys"),
    setting("tombstone_one_in", (0, 0), (0, 1_000_000),
        "one record in so many deletes its key; 0 is never"),
    setting("hot_key_percent", (0, 0), (0, 100),
        "so many of a hundred records have one key, beside those that draw it; 0 favours none"),
    setting("operations", (60, 60), (1, 1_000_000), "transactions of each client"),
    setting("records", (1, 4), (1, 1_000), "records of a transaction"),
    setting("gap_ms", (0, 20), (0, 60_000), "pause after each record"),
    setting("abort_one_in", (5, 5), (0, 1_000_000),
        "one transaction in so many is aborted by its application; 0 is never"),
    setting("start_ms", (0, 500), (0, FOREVER_MS), "first transaction"),
    setting("interval_us", (50_000, 300_000), (0, 3_600_000_000), "pause between transactions"),
];

/// Keys of a `[[load]]` of kind `consumer`.
#[rustfmt::skip]
pub const CONSUMER: &[Setting] = &[
    setting("client.rack", (0, 0), (0, 99), "which of the racks; 0 is none, as Kafka"),
    setting("fetch.max.wait.ms", (500, 500), (1, FOREVER_MS), "as Kafka"),
    setting("fetch.max.bytes", (65_536, 65_536), (256, 1 << 30), "Kafka: 52428800"),
    setting("request.timeout.ms", (2_000, 2_000), (10, FOREVER_MS), "Kafka: 30000"),
    setting("retry.backoff.ms", (100, 100), (1, FOREVER_MS), "as Kafka"),
    setting("metadata.max.age.ms", (5_000, 5_000), (10, FOREVER_MS), "Kafka: 300000"),
    setting("max.poll.records", (500, 500), (1, 1_000_000), "as Kafka"),
    setting("operations", (300, 300), (1, 1_000_000), "polls of each client"),
    setting("start_ms", (0, 500), (0, FOREVER_MS), "first poll"),
    setting("interval_us", (20_000, 60_000), (0, 3_600_000_000), "pause between polls"),
    setting("poll_timeout_ms", (100, 100), (1, FOREVER_MS), "timeout of a poll"),
    setting("end_offset_every", (20, 20), (0, 1_000_000),
        "every so many polls, ask for an end offset as well; 0 is never"),
    setting("reassign_every", (0, 0), (0, 1_000_000),
        "every so many polls, start again from the beginning; 0 is never"),
    setting("resume_every", (0, 0), (0, 1_000_000),
        "every so many polls, go on from offsets that the application has kept; 0 is never"),
];

/// Keys of a `[[load]]` of kind `share-consumer`: workers of a share group.
#[rustfmt::skip]
pub const SHARE_CONSUMER: &[Setting] = &[
    setting("fetch.max.wait.ms", (500, 500), (1, FOREVER_MS), "as Kafka"),
    setting("request.timeout.ms", (2_000, 2_000), (10, FOREVER_MS), "Kafka: 30000"),
    setting("retry.backoff.ms", (100, 100), (1, FOREVER_MS), "as Kafka"),
    setting("metadata.max.age.ms", (5_000, 5_000), (10, FOREVER_MS), "Kafka: 300000"),
    setting("max.poll.records", (20, 20), (1, 1_000_000), "Kafka: 500; records of one fetch"),
    setting("processing_ms", (20, 200), (1, FOREVER_MS),
        "how long it works on what one fetch gave of a partition"),
    setting("stall_one_in", (0, 0), (0, 1_000_000), "it stalls on one fetch in so many; 0 is never"),
    setting("stall_ms", (3_000, 3_000), (1, FOREVER_MS), "for how long"),
    setting("release_one_in", (0, 0), (0, 1_000_000),
        "one record in so many is released at each try: nobody can do it; 0 is none"),
    setting("reject_one_in", (0, 0), (0, 1_000_000), "one record in so many is rejected; 0 is none"),
];

/// Keys of a `[[load]]` of kind `consumer` with a `group.id`.
#[rustfmt::skip]
pub const MEMBER: &[Setting] = &[
    setting("session.timeout.ms", (3_000, 3_000), (1, FOREVER_MS), "Kafka: 45000"),
    setting("heartbeat.interval.ms", (300, 300), (1, FOREVER_MS), "Kafka: 3000"),
    setting("max.poll.interval.ms", (5_000, 5_000), (10, FOREVER_MS),
        "Kafka: 300000; how long a rebalance waits for a member, too"),
    setting("default.api.timeout.ms", (4_000, 4_000), (10, FOREVER_MS),
        "Kafka: 60000; a commit that waits gives up after this long"),
    setting("auto.commit.interval.ms", (1_000, 1_000), (1, FOREVER_MS),
        "Kafka: 5000; with `enable.auto.commit`"),
    setting("commit_every", (0, 0), (0, 1_000_000),
        "every so many polls with records, commit and wait; 0 is never"),
    setting("leave_every", (0, 0), (0, 1_000_000),
        "every so many polls, leave the group and join it again; 0 is never"),
    setting("seek_every", (0, 0), (0, 1_000_000),
        "every so many polls with records, seek in a partition: back, to its start or end; 0: never"),
    setting("pause_every", (0, 0), (0, 1_000_000),
        "every so many polls with records, pause a partition for a few polls; 0 is never"),
    setting("wakeup_every", (0, 0), (0, 1_000_000),
        "every so many polls, another thread wakes it up amid one, or amid a commit; 0 is never"),
    setting("close_every", (0, 0), (0, 1_000_000),
        "every so many polls, close the consumer while it commits, and make another; 0 is never"),
    setting("poison_one_in", (0, 0), (0, 1_000_000),
        "one record in so many of partition 0 takes who reads it long, once; 0 is none"),
    setting("poison_ms", (0, 0), (0, FOREVER_MS), "how long"),
];

/// Keys of a `[[load]]` of kind `consumer` with `outputs`.
#[rustfmt::skip]
pub const PIPELINE: &[Setting] = &[
    setting("linger.ms", (0, 0), (0, FOREVER_MS), "Kafka 4: 5"),
    setting("delivery.timeout.ms", (10_000, 10_000), (10, FOREVER_MS),
        "Kafka: 120000; an application waits twice as long for the end of a transaction"),
    setting("transaction.timeout.ms", (15_000, 15_000), (10, FOREVER_MS), "Kafka: 60000"),
    setting("value_bytes", (64, 64), (8, 1 << 20), "size of a value that it sends"),
    setting("processed_within_ms", (0, 0), (0, FOREVER_MS),
        "by when each record is processed, after it was acknowledged; 0 promises nothing"),
];

/// `[network]`.
#[rustfmt::skip]
pub const NETWORK: &[Setting] = &[
    setting("latency_us", (200, 1_000), (0, 3_600_000_000),
        "one way, between brokers and controllers: machines of one region"),
    setting("client_latency_us", (300, 2_000), (0, 3_600_000_000), "one way, client and cluster"),
    setting("slow_one_in", (200, 200), (0, 1_000_000_000), "one message in so many is slow; 0: none"),
    setting("slow_extra_us", (5_000, 50_000), (0, 3_600_000_000), "extra latency of a slow one"),
    setting("bandwidth_bytes_per_second", (0, 0), (0, 1 << 40), "of a directed link; 0: unbounded"),
    setting("queue_bytes_max", (0, 0), (0, 1 << 40), "of a directed link; 0: unbounded"),
    setting("stall_timeout_ms", (8_000, 8_000), (10, FOREVER_MS),
        "a connection that cannot deliver for this long is reset"),
    setting("connect_timeout_ms", (1_000, 1_000), (1, FOREVER_MS),
        "an unanswered connection attempt fails"),
];

/// `[disk]`.
#[rustfmt::skip]
pub const DISK: &[Setting] = &[
    setting("sync_us", (100, 2_000), (0, 3_600_000_000), "time of one sync: a solid-state disk"),
    setting("write_back_ms", (5_000, 5_000), (1, FOREVER_MS),
        "unsynced writes reach the disk by themselves; Linux: 30000, and 5000 between rounds"),
    setting("capacity_bytes", (0, 0), (0, 1 << 50), "0: unbounded"),
];

/// The admin client that creates the topics: not settable, it only prepares a run.
pub(crate) mod admin {
    /// Its node id.
    pub(crate) const NODE: i32 = 1900;
    /// `request.timeout.ms`.
    pub(crate) const REQUEST_TIMEOUT_MS: u64 = 2_000;
    /// `retry.backoff.ms`.
    pub(crate) const RETRY_BACKOFF_MS: u64 = 100;
    /// `default.api.timeout.ms`: long enough for any first election.
    pub(crate) const API_TIMEOUT_MS: u64 = 60_000;
}

/// The producer that sends to every partition after the heal: not settable, or a scenario could blind the judge.
pub(crate) mod fresh_producer {
    /// Its node id.
    pub(crate) const NODE: i32 = 1902;
    /// `request.timeout.ms`.
    pub(crate) const REQUEST_TIMEOUT_MS: u64 = 2_000;
    /// `retry.backoff.ms`.
    pub(crate) const RETRY_BACKOFF_MS: u64 = 100;
    /// `delivery.timeout.ms`.
    pub(crate) const DELIVERY_TIMEOUT_MS: u64 = 10_000;
    /// `metadata.max.age.ms`.
    pub(crate) const METADATA_MAX_AGE_MS: u64 = 2_000;
    /// Size of its values.
    pub(crate) const VALUE_BYTES: u32 = 16;
}

/// The consumer that reads everything after the heal: not settable, or a scenario could blind the judge.
pub(crate) mod final_reader {
    /// Its node id.
    pub(crate) const NODE: i32 = 1901;
    /// `fetch.max.wait.ms`; short: it is only there to see the end.
    pub(crate) const FETCH_WAIT_MAX_MS: u64 = 100;
    /// `fetch.max.bytes`.
    pub(crate) const FETCH_MAX_BYTES: u32 = 1 << 20;
    /// `request.timeout.ms`.
    pub(crate) const REQUEST_TIMEOUT_MS: u64 = 2_000;
    /// `retry.backoff.ms`.
    pub(crate) const RETRY_BACKOFF_MS: u64 = 100;
    /// `metadata.max.age.ms`.
    pub(crate) const METADATA_MAX_AGE_MS: u64 = 2_000;
}

/// First node id of brokers, controllers and clients.
pub(crate) const BROKERS_FROM: i32 = 1;
/// See [`BROKERS_FROM`].
pub(crate) const CONTROLLERS_FROM: i32 = 101;
/// See [`BROKERS_FROM`].
pub(crate) const CLIENTS_FROM: i32 = 1001;

/// `[heal] at_ms` when it is not given.
pub(crate) const HEAL_AT_MS: (i64, i64) = (30_000, 30_000);
/// `[heal] converge_within_ms` when it is not given: several session timeouts.
pub(crate) const CONVERGE_WITHIN_MS: (i64, i64) = (20_000, 20_000);
