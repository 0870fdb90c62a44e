//! What a person wrote: ranges, choices and symbolic targets, nothing drawn yet.

use harrow_broker_model::compaction::CleanupPolicy;
use harrow_broker_model::config::{
    Acks, Assignor, GroupProtocol, MigrationPolicy, OffsetReset, ServerAssignor,
};
use harrow_broker_model::note::IsolationLevel;
use harrow_sim::plan::{AlterableSetting, OutsideState, ProcessingGuarantee, RequestKind};

use super::settings::Settings;
use super::value::{Chance, Choice, Numbers};

/// A scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name: kebab case.
    pub name: String,
    /// What a run that holds has shown.
    pub proves: String,
    /// Brokers and controllers.
    pub cluster: ClusterScenario,
    /// Topics.
    pub topics: Vec<TopicScenario>,
    /// Clients.
    pub loads: Vec<LoadScenario>,
    /// Faults.
    pub faults: Vec<FaultScenario>,
    /// Links.
    pub network: Settings,
    /// Disks.
    pub disk: Settings,
    /// Clocks.
    pub clocks: Vec<ClockScenario>,
    /// When faults end.
    pub heal: HealScenario,
    /// Which fault tables are on in a seed.
    pub swarm: Option<SwarmScenario>,
    /// What the judge must know.
    pub expect: ExpectScenario,
}

/// `[cluster]`.
#[derive(Debug, Clone)]
pub struct ClusterScenario {
    /// How many brokers.
    pub brokers: Numbers,
    /// How many controllers.
    pub controllers: Numbers,
    /// Whether eligible leader replicas are kept (KIP-966).
    pub eligible_leader_replicas: Choice<bool>,
    /// `auto.leader.rebalance.enable`.
    pub auto_leader_rebalance: Choice<bool>,
    /// `group.consumer.migration.policy`.
    pub migration: Choice<MigrationPolicy>,
    /// Settings by Kafka's names.
    pub settings: Settings,
}

/// `[[topic]]`.
#[derive(Debug, Clone)]
pub struct TopicScenario {
    /// Its name; copies beyond the first are called `name.2`, `name.3`, ...
    pub name: String,
    /// How many copies.
    pub count: Numbers,
    /// Partitions.
    pub partitions: Numbers,
    /// With how many it is created; 0 is all of them.
    pub initial_partitions: Numbers,
    /// Replicas of each.
    pub replication_factor: Numbers,
    /// `min.insync.replicas`.
    pub min_insync_replicas: Numbers,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: Choice<bool>,
    /// `max.message.bytes`.
    pub max_message_bytes: Numbers,
    /// `flush.messages`.
    pub flush_messages: Numbers,
    /// `flush.ms`.
    pub flush_ms: Numbers,
    /// `retention.ms`.
    pub retention_ms: Numbers,
    /// `retention.bytes`.
    pub retention_bytes: Numbers,
    /// `cleanup.policy`.
    pub cleanup_policy: Choice<CleanupPolicy>,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: Numbers,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: Numbers,
    /// `delete.retention.ms`.
    pub delete_retention_ms: Numbers,
    /// `min.cleanable.dirty.ratio`, in percent.
    pub min_cleanable_dirty_percent: Numbers,
    /// `segment.ms`.
    pub segment_ms: Numbers,
}

/// `[[load]]`.
#[derive(Debug, Clone)]
pub struct LoadScenario {
    /// How many clients.
    pub count: Numbers,
    /// Whether the seed has them at all.
    pub chance: Chance,
    /// Topics, by the names of their tables; all if empty.
    pub topics: Vec<String>,
    /// Settings by Kafka's names.
    pub settings: Settings,
    /// What they do.
    pub kind: LoadKind,
}

/// What a load does.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a scenario has a handful of loads")]
pub enum LoadKind {
    /// Sends.
    Producer {
        /// `acks`.
        acks: Choice<Acks>,
        /// `enable.idempotence`; drawn, it only counts where `acks` is `all`.
        idempotence: Choice<bool>,
    },
    /// Sends in transactions.
    Transaction {
        /// `transactional.id` of all its clients; one for each if there is none.
        transactional_id: Option<String>,
    },
    /// Reads.
    Consumer {
        /// `isolation.level`.
        isolation: Choice<IsolationLevel>,
        /// `auto.offset.reset`.
        offset_reset: Choice<OffsetReset>,
        /// What makes it a member of a group.
        member: Option<MemberScenario>,
        /// What it makes of what it reads.
        pipeline: Option<PipelineScenario>,
    },
    /// Works for a share group.
    ShareConsumer {
        /// `group.id`.
        group: String,
    },
}

/// What a `[[load]]` says of consumers that process what they read.
#[derive(Debug, Clone)]
pub struct PipelineScenario {
    /// Topics that they write to.
    pub outputs: Vec<String>,
    /// How often each record is processed.
    pub guarantee: Choice<ProcessingGuarantee>,
    /// Numbers.
    pub settings: Settings,
}

/// What a `[[load]]` says of members of a group.
#[derive(Debug, Clone)]
pub struct MemberScenario {
    /// `group.id`.
    pub group: String,
    /// The pattern by which its members subscribe, if they do.
    pub pattern: Option<String>,
    /// Whether who closes stays a member until its session ends.
    pub close_stays: Choice<bool>,
    /// Whether each has a `group.instance.id`.
    pub is_static: Choice<bool>,
    /// `partition.assignment.strategy`, the same for all.
    pub assignor: Choice<Assignor>,
    /// `group.protocol`, the same for all.
    pub protocol: Choice<GroupProtocol>,
    /// `group.remote.assignor`, if any is named.
    pub remote_assignor: Choice<Option<ServerAssignor>>,
    /// `enable.auto.commit`.
    pub auto_commit: Choice<bool>,
    /// Whether each commits and waits when it is about to lose partitions.
    pub commit_on_revoke: Choice<bool>,
    /// Numbers.
    pub settings: Settings,
}

/// `[[fault]]`.
#[derive(Debug, Clone)]
pub struct FaultScenario {
    /// How often; a fault that follows another happens once for each of that one's steps.
    pub count: Numbers,
    /// Whether the seed has it at all.
    pub chance: Chance,
    /// When.
    pub when: When,
    /// What.
    pub action: FaultAction,
}

/// When a fault's steps begin.
#[derive(Debug, Clone)]
pub enum When {
    /// At these times.
    At(Numbers),
    /// So long after each step of an earlier table.
    After {
        /// Position of that table.
        fault: usize,
        /// How long, in milliseconds.
        delay_ms: Numbers,
    },
}

/// What a fault does: [`harrow_sim::plan::Action`] before anything is drawn.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is that of the plan's action of the same name")]
pub enum FaultAction {
    Crash {
        target: Targets,
        down_ms: Numbers,
    },
    PowerLoss {
        target: Targets,
        down_ms: Numbers,
    },
    Bounce {
        target: Targets,
    },
    Stop {
        target: Targets,
        down_ms: Numbers,
    },
    Pause {
        target: Targets,
        for_ms: Numbers,
    },
    WipeDisk {
        target: Targets,
        down_ms: Numbers,
    },
    WholeClusterOutage {
        power: Choice<bool>,
        down_ms: Numbers,
    },
    RollingRestart {
        down_ms: Numbers,
        gap_ms: Numbers,
    },
    Partition {
        cut: CutScenario,
        for_ms: Numbers,
    },
    DeleteRecords {
        target: Targets,
        percent: Numbers,
    },
    Reassign {
        target: Targets,
        replicas: Numbers,
        throttled: Choice<bool>,
    },
    CancelReassignment {
        target: Targets,
    },
    AddPartitions {
        target: Targets,
    },
    AlterConfig {
        target: Targets,
        setting: Choice<AlterableSetting>,
        value: Numbers,
    },
    ElectPreferred {
        target: Targets,
    },
    DeleteTopic {
        target: Targets,
    },
    CreateTopic {
        target: Targets,
    },
    JoinBroker {
        target: Targets,
    },
    DecommissionBroker {
        target: Targets,
    },
    AddVoter {
        target: Targets,
    },
    RemoveVoter {
        target: Targets,
    },
    DeleteGroup {
        target: Targets,
    },
    ResetOffsets {
        target: Targets,
        percent: Numbers,
    },
    AbortHanging {
        target: Targets,
        idle_ms: Numbers,
    },
    ResetConnections {
        target: Targets,
    },
    Delay {
        target: Targets,
        extra_us: Numbers,
        for_ms: Numbers,
    },
    DropResponses {
        target: Targets,
        api: Option<Choice<RequestKind>>,
        one_in: Numbers,
        for_ms: Numbers,
    },
    HoldRequests {
        target: Targets,
        api: Option<Choice<RequestKind>>,
        for_ms: Numbers,
    },
    HoldMetadata {
        target: Targets,
        for_ms: Numbers,
    },
    StallMetadataPublishing {
        target: Targets,
        for_ms: Numbers,
    },
    StallConnections {
        target: Targets,
        for_ms: Numbers,
    },
    DuplicateResponses {
        target: Targets,
        one_in: Numbers,
        for_ms: Numbers,
    },
    LimitBandwidth {
        target: Targets,
        bytes_per_second: Numbers,
        for_ms: Numbers,
    },
    SlowDisk {
        target: Targets,
        extra_us: Numbers,
        for_ms: Numbers,
    },
    StallDisk {
        target: Targets,
        for_ms: Numbers,
    },
    FailDisk {
        target: Targets,
        down_ms: Numbers,
    },
    FailLogDirectory {
        target: Targets,
        directory: Numbers,
        replaced: Choice<bool>,
        for_ms: Numbers,
    },
    FullDisk {
        target: Targets,
        for_ms: Numbers,
    },
    LyingSync {
        target: Targets,
        for_ms: Numbers,
    },
    BitRot {
        target: Targets,
    },
    StepClock {
        target: Targets,
        by_ms: Numbers,
    },
    DriftClock {
        target: Targets,
        ppm: Numbers,
    },
}

/// Which links a partition cuts.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is the plan's cut of the same name")]
pub enum CutScenario {
    Isolate(Targets),
    OneWay { from: Targets, to: Targets },
    Between { a: Targets, b: Targets },
    FromControllers(Targets),
    FromClients(Targets),
    FromBrokers(Targets),
    Halves,
    Bridge,
    Ring,
}

/// Targets to choose from.
pub type Targets = Choice<TargetPattern>;

/// A target, perhaps with its partition left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPattern {
    /// As it will be in the plan.
    Plain(harrow_sim::plan::Target),
    /// A replica of a partition that the seed chooses: `leader-of orders-*` or `leader-of *`.
    Replica {
        /// Which replica.
        role: ReplicaRole,
        /// Topic by its table's name; any if `None`.
        topic: Option<String>,
    },
}

/// A replica by its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaRole {
    /// `leader-of`.
    Leader,
    /// `follower-of`.
    Follower,
    /// `isr-follower-of`.
    IsrFollower,
}

/// `[[clock]]`.
#[derive(Debug, Clone)]
pub struct ClockScenario {
    /// Whose.
    pub nodes: ClockNodes,
    /// Whether the seed has it at all, for each node anew.
    pub chance: Chance,
    /// Wall clock minus true time.
    pub offset_ms: Numbers,
    /// Parts per million.
    pub drift_ppm: Numbers,
}

/// Whose clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockNodes {
    /// All brokers.
    Brokers,
    /// All controllers.
    Controllers,
    /// All clients.
    Clients,
}

/// `[heal]`.
#[derive(Debug, Clone)]
pub struct HealScenario {
    /// When.
    pub at_ms: Numbers,
    /// How long everything may take beyond what the configured timeouts need.
    pub converge_within_ms: Numbers,
    /// Whether the heal repairs a core only, and leaves a random minority outside.
    pub core: Choice<bool>,
    /// What becomes of the nodes outside it.
    pub outside: Choice<OutsideState>,
}

/// `[swarm]`: each seed has a subset of the fault tables, so that one fault does not hide another.
/// Source: Groce et al., Swarm Testing, 2012.
#[derive(Debug, Clone)]
pub struct SwarmScenario {
    /// How many of the fault tables a seed has.
    pub fault_tables: Numbers,
    /// At least so many steps: tables that are on get more if there are too few.
    pub steps_min: Numbers,
}

/// `[expect]`.
#[derive(Debug, Clone)]
pub struct ExpectScenario {
    /// See [`harrow_sim::plan::Expectation`].
    pub loss_allowed: bool,
    /// See [`harrow_sim::plan::Expectation`].
    pub reach: Vec<String>,
    /// Of a sweep's runs, at least so many come across each mark of `reach`; none asks for a single one.
    pub reach_share: Option<Chance>,
}

impl FaultAction {
    /// Its name in scenario files and plans.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::PowerLoss { .. } => "power-loss",
            Self::Bounce { .. } => "bounce",
            Self::Stop { .. } => "stop",
            Self::Pause { .. } => "pause",
            Self::WipeDisk { .. } => "wipe-disk",
            Self::WholeClusterOutage { .. } => "whole-cluster-outage",
            Self::RollingRestart { .. } => "rolling-restart",
            Self::Partition { .. } => "partition",
            Self::DeleteRecords { .. } => "delete-records",
            Self::Reassign { .. } => "reassign",
            Self::CancelReassignment { .. } => "cancel-reassignment",
            Self::AddPartitions { .. } => "add-partitions",
            Self::AlterConfig { .. } => "alter-config",
            Self::ElectPreferred { .. } => "elect-preferred",
            Self::DeleteTopic { .. } => "delete-topic",
            Self::CreateTopic { .. } => "create-topic",
            Self::JoinBroker { .. } => "join-broker",
            Self::DecommissionBroker { .. } => "decommission-broker",
            Self::AddVoter { .. } => "add-voter",
            Self::RemoveVoter { .. } => "remove-voter",
            Self::DeleteGroup { .. } => "delete-group",
            Self::ResetOffsets { .. } => "reset-offsets",
            Self::AbortHanging { .. } => "abort-hanging",
            Self::ResetConnections { .. } => "reset-connections",
            Self::Delay { .. } => "delay",
            Self::DropResponses { .. } => "drop-responses",
            Self::HoldRequests { .. } => "hold-requests",
            Self::HoldMetadata { .. } => "hold-metadata",
            Self::StallMetadataPublishing { .. } => "stall-metadata-publishing",
            Self::StallConnections { .. } => "stall-connections",
            Self::DuplicateResponses { .. } => "duplicate-responses",
            Self::LimitBandwidth { .. } => "limit-bandwidth",
            Self::SlowDisk { .. } => "slow-disk",
            Self::StallDisk { .. } => "stall-disk",
            Self::FailDisk { .. } => "fail-disk",
            Self::FailLogDirectory { .. } => "fail-log-directory",
            Self::FullDisk { .. } => "full-disk",
            Self::LyingSync { .. } => "lying-sync",
            Self::BitRot { .. } => "bit-rot",
            Self::StepClock { .. } => "step-clock",
            Self::DriftClock { .. } => "drift-clock",
        }
    }
}
