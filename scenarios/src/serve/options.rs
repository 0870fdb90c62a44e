//! What a server is started with.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use harrow_broker_model::config::ClusterConfig;
use harrow_sim::plan::{DiskPlan, NetworkPlan};

use super::script::FaultScript;

/// How many partitions a topic may have.
pub const PARTITIONS: RangeInclusive<i32> = 1..=1_000;

/// What a topic may be called.
pub const TOPIC_NAMES: &str =
    "1 to 249 letters, digits, `.`, `_` and `-`, and neither `.` nor `..`";

/// A topic that is there from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRequest {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
}

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Keys what power losses leave.
    pub seed: u64,
    /// Brokers and controllers.
    pub cluster: ClusterConfig,
    /// Links between them.
    pub network: NetworkPlan,
    /// Disks.
    pub disk: DiskPlan,
    /// Where brokers and the control port listen.
    pub listen: IpAddr,
    /// The host by which clients reach them, `advertised.listeners`.
    pub advertise: String,
    /// Port of the first broker; each further one has the next. 0 takes free ones.
    pub port: u16,
    /// Port of the control interface; 0 takes a free one.
    pub control_port: u16,
    /// Topics that are there from the start.
    pub topics: Vec<TopicRequest>,
    /// `auto.create.topics.enable`.
    pub auto_create: bool,
    /// `num.partitions`.
    pub partitions: i32,
    /// `default.replication.factor`.
    pub replication_factor: i16,
    /// `min.insync.replicas` of topics that say nothing.
    pub min_insync_replicas: u32,
    /// `socket.request.max.bytes`.
    pub frame_bytes_max: usize,
    /// `max.connections`: beyond them, new ones are closed at once.
    pub connections_max: usize,
    /// Whether the history of clients is taken down.
    pub record: bool,
    /// The scenario's faults, if they are to fire.
    pub faults: Option<FaultScript>,
}
