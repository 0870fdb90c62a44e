//! Plans for tests, here and in the later packages: one place for each setting. A test names what it is about and takes
//! the rest from here, and what nodes are configured with from `harrow_broker_model::testing`.

use harrow_broker_model::config::TopicConfig;
use harrow_broker_model::retention::Retention;
use harrow_broker_model::testing::{admin, cluster, consumer, producer};

use crate::plan::{DiskPlan, Expectation, NetworkPlan, PLAN_SCHEMA, Plan, TopicPlan};

/// Links that are quick, and lose nothing.
pub const NETWORK: NetworkPlan = NetworkPlan {
    latency_us: (100, 500),
    client_latency_us: (100, 500),
    slow_one_in: 0,
    slow_extra_us: (0, 0),
    bandwidth_bytes_per_second: 0,
    queue_bytes_max: 0,
    stall_timeout_ms: 1_000,
    connect_timeout_ms: 1_000,
};

/// Disks without a bound.
pub const DISK: DiskPlan =
    DiskPlan { sync_us: (100, 200), write_back_ms: 5_000, capacity_bytes: 0 };

/// Topic "orders" with one partition.
pub fn topic(replication_factor: u32, min_insync_replicas: u32) -> TopicPlan {
    TopicPlan {
        name: "orders".to_owned(),
        partitions: 1,
        initial_partitions: None,
        replication_factor,
        min_insync_replicas,
        unclean_leader_election: false,
        max_message_bytes: TopicConfig::MAX_MESSAGE_BYTES_DEFAULT,
        flush_messages: TopicConfig::FLUSH_NEVER,
        flush_ms: TopicConfig::FLUSH_NEVER,
        retention: Retention::FOREVER,
    }
}

/// A plan without topics, clients and faults.
pub fn plan() -> Plan {
    Plan {
        schema: PLAN_SCHEMA,
        scenario: "test".to_owned(),
        seed: 1,
        cluster: cluster(),
        topics: Vec::new(),
        admin: admin(1000),
        clients: Vec::new(),
        fresh_producer: producer(1004),
        final_reader: consumer(1003),
        network: NETWORK,
        disk: DISK,
        clocks: Vec::new(),
        steps: Vec::new(),
        heal_at_ms: 1_000,
        converge_within_ms: 1_000,
        core: None,
        expect: Expectation::default(),
        drawn: None,
        applications: Vec::new(),
    }
}
