//! A plan: everything that a run depends on, drawn, concrete, printable and editable. No choice is left but those that
//! are keyed to the seed: the latency of the n-th message on a link, the n-th operation of a client.

mod clocks;

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::config::{
    AdminConfig, ClusterConfig, ConsumerConfig, GroupProtocol, MemberConfig, ProducerConfig,
};
use harrow_broker_model::retention::Retention;
use harrow_broker_model::types::NodeId;
use harrow_broker_model::wide;
use serde::{Deserialize, Serialize};

pub use crate::calls_plan::CallsPlan;
pub use crate::request_kind::RequestKind;
pub use crate::target_plan::Target;

/// Version of the plan's format; another version is refused.
pub const PLAN_SCHEMA: u32 = 3;

/// What [`run`](crate::run()) takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_SCHEMA`].
    pub schema: u32,
    /// Name of the scenario that it was drawn from.
    pub scenario: String,
    /// Seed that it was drawn with; keys every draw of the run.
    #[serde(with = "wide")]
    pub seed: u64,
    /// Brokers and controllers.
    pub cluster: ClusterConfig,
    /// Topics, created in this order before any load.
    pub topics: Vec<TopicPlan>,
    /// The admin client that creates them.
    pub admin: AdminConfig,
    /// Clients and what they do.
    pub clients: Vec<ClientPlan>,
    /// Producer that is started after the heal, once all else has converged, and sends to every partition.
    pub fresh_producer: ProducerConfig,
    /// Consumer that is started after that, and reads everything from the beginning.
    pub final_reader: ConsumerConfig,
    /// Links.
    pub network: NetworkPlan,
    /// Disks.
    pub disk: DiskPlan,
    /// Clocks that are not right; all others are.
    pub clocks: Vec<ClockPlan>,
    /// Faults, in order of time.
    pub steps: Vec<Step>,
    /// When all faults end and all nodes run again, in milliseconds.
    pub heal_at_ms: u64,
    /// How long after the heal everything may take to converge, in milliseconds, without progress, beyond what the
    /// configured timeouts need: see [`Goal::bound_ms`](crate::liveness::Goal::bound_ms).
    pub converge_within_ms: u64,
    /// Whom the heal does not reach, if it repairs a core only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<CorePlan>,
    /// What the judge must know.
    pub expect: Expectation,
    /// What the plan was when it was drawn, as a hash of all the rest: one that was edited, or shrunk, is another. None
    /// if nobody says. It changes nothing in a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn: Option<String>,
    /// Applications, whose code who runs the plan must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<ApplicationPlan>,
}

/// An application that is not Harrow's: a process of its own, which speaks to brokers by bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationPlan {
    /// Its name, by which its code is found.
    pub name: String,
    /// Its node.
    pub node: NodeId,
    /// When its process starts at the earliest, in milliseconds; never before all topics exist.
    #[serde(default)]
    pub start_ms: u64,
    /// Whether it promises that none of its records is written twice, or out of order.
    #[serde(default)]
    pub idempotence: bool,
    /// How often it promises to process the input of a group that it states as processed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processing: Vec<(String, ProcessingGuarantee)>,
}

impl Action {
    /// The broker that this step starts for the first time.
    pub fn joins(&self) -> Option<NodeId> {
        if let Self::JoinBroker { target: Target::Node(node) } = self { Some(*node) } else { None }
    }
}

impl Plan {
    /// Whether members of a group have epochs of their own: `group.protocol` is `consumer`.
    pub fn has_member_epochs(&self) -> bool {
        self.members().any(|member| member.protocol == GroupProtocol::Consumer)
    }

    /// Groups in which no member has: all of them speak the classic protocol.
    pub fn classic_groups(&self) -> BTreeSet<String> {
        let modern = self.members().filter(|it| it.protocol == GroupProtocol::Consumer);
        let modern: BTreeSet<&str> = modern.map(|it| it.group.as_str()).collect();
        let all = self.members().map(|it| &it.group);
        all.filter(|group| !modern.contains(group.as_str())).cloned().collect()
    }

    /// Groups that promise by when a record is processed, with the fewest milliseconds that a member promises.
    pub fn processed_within_ms(&self) -> BTreeMap<String, u32> {
        let mut bounds: BTreeMap<String, u32> = BTreeMap::new();
        for client in &self.clients {
            let ClientPlan::Consumer { config, pipeline: Some(pipeline), .. } = client else {
                continue;
            };
            let bound = pipeline.processed_within_ms;
            if let Some(group) = config.group.as_ref().filter(|_| bound > 0) {
                let least = bounds.entry(group.group.clone()).or_insert(bound);
                *least = bound.min(*least);
            }
        }
        bounds
    }

    fn members(&self) -> impl Iterator<Item = &MemberConfig> {
        self.clients.iter().filter_map(|client| match client {
            ClientPlan::Consumer { config, .. } => config.group.as_ref(),
            ClientPlan::Producer { .. } => None,
        })
    }
}

/// A heal that repairs only a core of the cluster. What fails for ever hides no livelock, as faults that always end do.
/// Source: `TigerBeetle`'s liveness mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorePlan {
    /// Brokers and controllers outside the core. Unless the plan allows loss, those are held back without which the
    /// quorum has no majority, or a partition no complete electable replica or fewer than `min.insync.replicas`.
    pub outside: Vec<NodeId>,
    /// What becomes of them.
    #[serde(alias = "fate")]
    pub state: OutsideState,
}

/// What becomes of the nodes outside the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutsideState {
    /// They stay dead for good.
    Dead,
    /// They run, and reach the controllers, but no other broker, for good. Kafka has no rule that recovers from this:
    /// a leader whose heartbeats pass stays leader.
    CutFromBrokers,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicPlan {
    /// Name.
    pub name: String,
    /// Number of partitions.
    pub partitions: u32,
    /// How many of them it is created with; the others come with a step, or with the heal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_partitions: Option<u32>,
    /// Replicas of each.
    pub replication_factor: u32,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
    /// `flush.messages`.
    #[serde(with = "wide")]
    pub flush_messages: u64,
    /// `flush.ms`.
    #[serde(with = "wide")]
    pub flush_ms: u64,
    /// When its records may be deleted; plans of topics that keep all do not say it.
    #[serde(default, skip_serializing_if = "Retention::is_forever")]
    pub retention: Retention,
}

/// A client and its load. Operations run one after another or, for a producer, up to a number at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "a plan has a handful of clients")]
pub enum ClientPlan {
    /// Sends records.
    Producer {
        /// Its configuration.
        config: ProducerConfig,
        /// Topics that it writes to; the n-th send draws one.
        topics: Vec<String>,
        /// Number of distinct keys; 0 sends without keys.
        keys: u32,
        /// Number of sends.
        operations: u32,
        /// First send, in milliseconds.
        start_ms: u64,
        /// Pause between invocations, in microseconds: drawn uniformly in this inclusive range.
        interval_us: (u64, u64),
        /// At most so many sends are open at once; further ones wait.
        outstanding_max: u32,
        /// If it is transactional: each operation is a transaction.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transactions: Option<TransactionsPlan>,
        /// One record in so many is a tombstone: it deletes its key; 0 is never.
        #[serde(default, skip_serializing_if = "is_zero")]
        tombstone_one_in: u32,
        /// So many of a hundred records have the first key, beside those that draw it; 0 favours none.
        #[serde(default, skip_serializing_if = "is_zero")]
        hot_key_percent: u32,
    },
    /// Reads assigned partitions from the beginning.
    Consumer {
        /// Its configuration.
        config: ConsumerConfig,
        /// Topics that it reads, all partitions.
        topics: Vec<String>,
        /// As a member of a group, by which pattern it subscribes to them; by their names if there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pattern: Option<String>,
        /// First poll, in milliseconds.
        start_ms: u64,
        /// Number of polls.
        operations: u32,
        /// Pause between a poll's end and the next, in microseconds, inclusive range.
        interval_us: (u64, u64),
        /// Timeout of a poll, in milliseconds.
        poll_timeout_ms: u32,
        /// `max.poll.records`.
        poll_records_max: u32,
        /// Every so many polls, ask for the end offset of one partition as well; 0 is never.
        end_offset_every: u32,
        /// Every so many polls, assign everything again from the beginning; 0 is never.
        reassign_every: u32,
        /// Every so many polls, take everything again from the offsets behind the last records polled, as an
        /// application does that keeps its offsets itself; 0 is never.
        #[serde(default)]
        resume_every: u32,
        /// What it does as a member of its group, if it has one; then it reads what the group gives it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<MemberPlan>,
        /// What it makes of what it reads, if it processes that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pipeline: Option<PipelinePlan>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl ClientPlan {
    /// Whether it writes in transactions.
    pub fn is_transactional(&self) -> bool {
        match self {
            Self::Producer { transactions, .. } => transactions.is_some(),
            Self::Consumer { pipeline, .. } => {
                pipeline.as_ref().is_some_and(|it| it.producer.transactional_id.is_some())
            }
        }
    }
}

/// What a member of a group makes of what it reads: one record of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelinePlan {
    /// Its producer's configuration, a transactional one where each record is to be processed exactly once.
    pub producer: ProducerConfig,
    /// Topics that it writes to, in turn.
    pub outputs: Vec<String>,
    /// How often it promises to process a record.
    pub guarantee: ProcessingGuarantee,
    /// By when it promises to have processed a record, in milliseconds after that was acknowledged; 0 promises nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub processed_within_ms: u32,
}

/// How often a record is processed. Source: `processing.guarantee` of Kafka Streams; the documentation of
/// `KafkaConsumer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessingGuarantee {
    /// Once among the committed transactions.
    ExactlyOnce,
    /// Once or more often.
    AtLeastOnce,
    /// Once or never.
    AtMostOnce,
}

/// What the transactions of a producer are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionsPlan {
    /// Records of each, inclusive range.
    pub records: (u32, u32),
    /// Pause after each record, in milliseconds, inclusive range.
    pub gap_ms: (u32, u32),
    /// One in so many is aborted by its application; 0 is never.
    pub abort_one_in: u32,
}

/// What an application does as a member of a group, beside polling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberPlan {
    /// `auto.commit.interval.ms`, or 0 without `enable.auto.commit`: commits without waiting at the first poll after
    /// so long.
    pub auto_commit_interval_ms: u64,
    /// Every so many polls that return records, commit and wait; 0 is never.
    pub commit_every: u32,
    /// Whether it commits and waits when it is about to lose partitions.
    pub commit_on_revoke: bool,
    /// Every so many polls, leave the group and join it again; 0 is never.
    pub leave_every: u32,
    /// What it does with its consumer beside that; plans from before it could do anything do not name it.
    #[serde(default, skip_serializing_if = "CallsPlan::is_default")]
    pub calls: CallsPlan,
}

/// Links of the network, all alike but for faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPlan {
    /// One-way latency between brokers and controllers, in microseconds, inclusive range.
    pub latency_us: (u64, u64),
    /// One-way latency between a client and the cluster, in microseconds, inclusive range.
    pub client_latency_us: (u64, u64),
    /// One message in so many is slow; 0 is never.
    pub slow_one_in: u32,
    /// Extra latency of a slow message, in microseconds, inclusive range.
    pub slow_extra_us: (u64, u64),
    /// Bandwidth of each directed link in bytes per second; 0 is unbounded.
    pub bandwidth_bytes_per_second: u64,
    /// Bytes that a directed link queues before it stalls its senders' connection with a reset; 0 is unbounded.
    pub queue_bytes_max: u64,
    /// A connection that cannot deliver for this long is reset at both ends, in milliseconds (TCP user timeout).
    pub stall_timeout_ms: u64,
    /// A connection attempt that gets no answer for this long fails, in milliseconds.
    pub connect_timeout_ms: u64,
}

/// Disks, all alike but for faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskPlan {
    /// Time of one sync or flush, in microseconds, inclusive range.
    pub sync_us: (u64, u64),
    /// Unsynced writes reach the disk by themselves after this long, in milliseconds (write-back).
    pub write_back_ms: u64,
    /// Bytes a disk holds; 0 is unbounded.
    pub capacity_bytes: u64,
}

/// One node's clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockPlan {
    /// Whose.
    pub node: NodeId,
    /// Wall clock minus true time at the start, in milliseconds.
    pub offset_ms: i64,
    /// How much faster than true time both clocks run, in parts per million.
    pub drift_ppm: i32,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Names the step; keys its draws, so that removing another step does not change it.
    pub id: u32,
    /// When, in milliseconds.
    pub at_ms: u64,
    /// What.
    pub action: Action,
}

/// The settings of a topic that steps change: those that the judge follows while they differ between brokers. Retention
/// and cleaning are judged by what they are from the beginning, and whether unclean elections lose legally, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlterableSetting {
    /// A high watermark moves with so many in sync.
    #[serde(rename = "min.insync.replicas")]
    MinInsyncReplicas,
    /// A larger batch is refused.
    #[serde(rename = "max.message.bytes")]
    MaxMessageBytes,
    /// So many unflushed records are flushed at once.
    #[serde(rename = "flush.messages")]
    FlushMessages,
    /// What was not flushed for so long is.
    #[serde(rename = "flush.ms")]
    FlushMs,
}

impl AlterableSetting {
    /// All of them, by Kafka's names.
    pub const ALL: [(&str, Self); 4] = [
        ("min.insync.replicas", Self::MinInsyncReplicas),
        ("max.message.bytes", Self::MaxMessageBytes),
        ("flush.messages", Self::FlushMessages),
        ("flush.ms", Self::FlushMs),
    ];

    /// Kafka's name.
    pub fn name(self) -> &'static str {
        let is_it = |(_, setting): &&(&str, Self)| *setting == self;
        Self::ALL.iter().find(is_it).map_or("", |(name, _)| name)
    }
}

/// What a step does. Everything with a duration ends by itself, at the latest at the heal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum Action {
    /// The process dies; its page cache survives. Started again after `down_ms`.
    Crash {
        /// Which.
        target: Target,
        /// How long it is down.
        down_ms: u64,
    },
    /// The machine loses power: what was not synced survives in part or not at all.
    PowerLoss {
        /// Which.
        target: Target,
        /// How long it is down.
        down_ms: u64,
    },
    /// Crash and immediate restart, faster than any session timeout.
    Bounce {
        /// Which.
        target: Target,
    },
    /// Graceful stop, then start again.
    Stop {
        /// Which.
        target: Target,
        /// Time between halt and start.
        down_ms: u64,
    },
    /// The process is suspended, as in a long garbage collection; messages wait for it.
    Pause {
        /// Which.
        target: Target,
        /// How long.
        for_ms: u64,
    },
    /// The process dies and its disk is empty when it starts again.
    WipeDisk {
        /// Which.
        target: Target,
        /// How long it is down.
        down_ms: u64,
    },
    /// Every broker and controller at once.
    WholeClusterOutage {
        /// Whether power is lost, too.
        power: bool,
        /// How long.
        down_ms: u64,
    },
    /// Brokers stop gracefully and start again, one after another.
    RollingRestart {
        /// Time between halt and start of each.
        down_ms: u64,
        /// Time between one's start and the next one's stop.
        gap_ms: u64,
    },
    /// Links are cut.
    Partition {
        /// How.
        cut: Cut,
        /// How long.
        for_ms: u64,
    },
    /// An administrator deletes records of a partition, up to a part of what is committed. Not a fault: something that
    /// people do.
    DeleteRecords {
        /// `leader-of TOPIC-PARTITION`.
        target: Target,
        /// How much of what is there, in percent.
        percent: u32,
    },
    /// An administrator moves replicas of a partition to brokers that have none of it, drawn by the step's key. Not a
    /// fault: something that people do.
    Reassign {
        /// `leader-of TOPIC-PARTITION`.
        target: Target,
        /// At most so many.
        replicas: u32,
        /// Whether those that copy for it are throttled: each broker by its rate, until the heal. Source: KIP-73.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        throttled: bool,
    },
    /// An administrator cancels the reassignment of a partition.
    CancelReassignment {
        /// `leader-of TOPIC-PARTITION`.
        target: Target,
    },
    /// An administrator gives a topic as many partitions as it is to have.
    AddPartitions {
        /// `leader-of TOPIC-PARTITION`: of any of its partitions.
        target: Target,
    },
    /// An administrator changes a setting of a topic while it is in use. Not a fault: something that people do.
    AlterConfig {
        /// `leader-of TOPIC-PARTITION`: of any of its partitions.
        target: Target,
        /// Which setting.
        setting: AlterableSetting,
        /// Its value.
        value: u64,
    },
    /// An administrator gives a partition back to its first replica, if that is in sync.
    ElectPreferred {
        /// `leader-of TOPIC-PARTITION`.
        target: Target,
    },
    /// An administrator deletes a topic. It is created again by a later step, or with the heal.
    DeleteTopic {
        /// `leader-of TOPIC-PARTITION`: of any of its partitions.
        target: Target,
    },
    /// An administrator creates a topic again that was deleted.
    CreateTopic {
        /// `leader-of TOPIC-PARTITION`: of any of its partitions.
        target: Target,
    },
    /// A broker joins the cluster: it starts for the first time.
    JoinBroker {
        /// `node N`.
        target: Target,
    },
    /// A broker leaves the cluster: its replicas are moved to others, it stops, and it is unregistered.
    DecommissionBroker {
        /// Which.
        target: Target,
    },
    /// An administrator makes a controller a voter of the quorum (KIP-853). Not a fault: something that people do.
    AddVoter {
        /// Which; `any-controller` is one that is no voter.
        target: Target,
    },
    /// An administrator removes a voter of the quorum, if the others are a majority of the voters.
    RemoveVoter {
        /// Which; `any-controller` is one that is a voter, and one that has lost its disk before all others.
        target: Target,
    },
    /// An administrator deletes a group, which only one without members is.
    DeleteGroup {
        /// `coordinator-of GROUP`.
        target: Target,
    },
    /// An administrator has a group go on from elsewhere, which only one without members does.
    ResetOffsets {
        /// `coordinator-of GROUP`.
        target: Target,
        /// In each partition: from behind so much of what is there, in percent.
        percent: u32,
    },
    /// An administrator looks for transactions that hang, and aborts them (KIP-664).
    AbortHanging {
        /// `leader-of TOPIC-PARTITION`: in all partitions of its topic.
        target: Target,
        /// Open for so long without another record.
        idle_ms: u64,
    },
    /// All connections of a node are reset.
    ResetConnections {
        /// Whose.
        target: Target,
    },
    /// Messages to and from a node take longer.
    Delay {
        /// Which node.
        target: Target,
        /// Extra one-way latency, in microseconds, inclusive range.
        extra_us: (u64, u64),
        /// How long.
        for_ms: u64,
    },
    /// Each response on its way to a client, or each that answers one kind of request, is lost with its connection, at
    /// a ratio.
    DropResponses {
        /// Responses from this node.
        target: Target,
        /// To these requests alone, whoever asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        api: Option<RequestKind>,
        /// One in so many.
        one_in: u32,
        /// How long.
        for_ms: u64,
    },
    /// The requests to a node on one kind of connection, or those of one kind with what comes behind them on theirs,
    /// are held back, then arrive in a burst on their old connections although the sender has given these up.
    HoldRequests {
        /// Requests to this node.
        target: Target,
        /// These requests; drawn kinds of connections if not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        api: Option<RequestKind>,
        /// How long.
        for_ms: u64,
    },
    /// A node hears nothing new of the metadata, although all its other messages pass: its fetches of the metadata log
    /// are held back, then arrive in a burst.
    HoldMetadata {
        /// Whose fetches.
        target: Target,
        /// How long.
        for_ms: u64,
    },
    /// A broker does not act on metadata, although it fetches it and sends heartbeats: its publisher stands still. When
    /// it goes on, several changes of a partition are met as one.
    StallMetadataPublishing {
        /// Whose publisher.
        target: Target,
        /// How long.
        for_ms: u64,
    },
    /// The connections that a node has now stand still, both ways, as when the path that they take through the network
    /// is lost. What is sent on them waits, even if its sender dies meanwhile; connections opened from then on take
    /// another path. If the path is back before the stall timeout, all that waits arrives, however old it is.
    StallConnections {
        /// Whose.
        target: Target,
        /// How long.
        for_ms: u64,
    },
    /// Each response is delivered twice, at a ratio; the second copy comes later.
    DuplicateResponses {
        /// Responses from this node.
        target: Target,
        /// One in so many.
        one_in: u32,
        /// How long.
        for_ms: u64,
    },
    /// Bandwidth of all links of a node is bounded.
    LimitBandwidth {
        /// Which node.
        target: Target,
        /// Bytes per second.
        bytes_per_second: u64,
        /// How long.
        for_ms: u64,
    },
    /// Syncs take longer.
    SlowDisk {
        /// Whose.
        target: Target,
        /// Extra time of a sync, in microseconds, inclusive range.
        extra_us: (u64, u64),
        /// How long.
        for_ms: u64,
    },
    /// Syncs hang.
    StallDisk {
        /// Whose.
        target: Target,
        /// How long.
        for_ms: u64,
    },
    /// The next write or sync fails: the process halts, as Kafka does when its last log directory fails.
    FailDisk {
        /// Whose.
        target: Target,
        /// Time between halt and start.
        down_ms: u64,
    },
    /// One of a broker's log directories fails: what is in it is gone for the process, which goes on with the others. A
    /// broker that starts meanwhile does without it; the next process that starts afterwards finds it working again.
    /// The failure of the first ends the process, as that of the last one does. Source: KIP-112, KIP-858.
    FailLogDirectory {
        /// Whose.
        target: Target,
        /// Which, counted from 0.
        directory: u8,
        /// Whether its disk is replaced in the end, by an empty one.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        replaced: bool,
        /// How long until it is repaired.
        for_ms: u64,
    },
    /// The disk has no room: the next append fails, with the same end.
    FullDisk {
        /// Whose.
        target: Target,
        /// How long it stays full; the process starts again afterwards.
        for_ms: u64,
    },
    /// Syncs report success and do nothing.
    LyingSync {
        /// Whose.
        target: Target,
        /// How long.
        for_ms: u64,
    },
    /// One bit of one unsynced or synced log byte flips on the disk; seen at the next boot.
    BitRot {
        /// Whose.
        target: Target,
    },
    /// The wall clock jumps.
    StepClock {
        /// Whose.
        target: Target,
        /// By how much, in milliseconds; negative is back.
        by_ms: i64,
    },
    /// Both clocks run at another speed.
    DriftClock {
        /// Whose.
        target: Target,
        /// Faster by so many parts per million; negative is slower.
        ppm: i32,
    },
}

/// Which links a partition cuts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "shape", rename_all = "kebab-case")]
pub enum Cut {
    /// This node from all others, both ways.
    Isolate {
        /// Which node.
        target: Target,
    },
    /// Messages from the one to the other; nothing else.
    OneWay {
        /// Sender.
        from: Target,
        /// Receiver.
        to: Target,
    },
    /// Both ways between the two.
    Between {
        /// One side.
        a: Target,
        /// Other side.
        b: Target,
    },
    /// This node from all controllers, both ways.
    FromControllers {
        /// Which node.
        target: Target,
    },
    /// This node from all clients, both ways.
    FromClients {
        /// Which node.
        target: Target,
    },
    /// This node from all other brokers, both ways.
    FromBrokers {
        /// Which node.
        target: Target,
    },
    /// Brokers and controllers in two halves, drawn by the step's key; clients reach both.
    Halves,
    /// Brokers and controllers in two parts with one node that both reach, drawn by the step's key.
    Bridge,
    /// Each broker and controller reaches its neighbours in a ring only, drawn by the step's key.
    Ring,
}

/// What the scenario says about its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Faults may exceed what the configuration promises to survive: the atlas that holds them back is off, and loss
    /// is excused where the policy says so.
    pub loss_allowed: bool,
    /// Reach marks without which the run says nothing about the scenario.
    pub reach: Vec<String>,
}
