//! The true state of the cluster, mirrored from the notes that nodes state and from the host's knowledge of processes.
//!
//! | where | what lives there |
//! |---|---|
//! | `log` | the mirror of one log, with prefix digests |
//! | `compaction` | what the cleaner leaves of logs, and what was written |
//! | `partition` | one partition: registration, replicas, committed sequence |
//! | `registry` | committed metadata by offset, brokers, topics |
//! | `quorum` | voters and the active controller |
//! | `atlas` | which losses the configuration survives now |
//! | `notes` | what each family of notes changes in it, one file each |
//! | `fact`, `evidence` | the last facts of a partition, and which of them are evidence |
//!
//! The view never judges: a note that cannot be true leaves it in the nearest state that makes sense, and the
//! invariants, which see each note before the view does, report it.

mod atlas;
mod compacted;
mod compaction;
mod evidence;
mod fact;
mod log;
mod notes;
mod partition;
mod quorum;
mod registry;
mod shares;

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::PartitionRegistration;
use harrow_broker_model::types::{LogDirectory, NodeId, Offset, TopicId, TopicPartition};

pub use compacted::{CompactedRecords, Holes};
pub use log::{LogEntry, LogMirror};
pub use partition::{BelievedIsr, PartitionView, Reopening, ReplicaRole, ReplicaView};
pub use quorum::{QuorumView, VoterView};
pub use registry::{BrokerView, Registry, TopicView};

pub(crate) use fact::{Fact, deletion_reason, list, truncation_reason};
pub(crate) use partition::Commit;

use crate::plan::Plan;
use shares::Shares;

/// The true state of the cluster.
#[derive(Debug)]
pub struct ClusterView {
    registry: Registry,
    quorum: QuorumView,
    nodes: BTreeMap<NodeId, NodeView>,
    /// In order of first mention, so that a partition's index never changes; the first is the metadata log.
    partitions: Vec<PartitionView>,
    /// Index by partition, ascending.
    order: Vec<(TopicPartition, usize)>,
    loss_allowed: bool,
    /// Whether eligible leader replicas are kept: then nothing commits below `min.insync.replicas`. Source: KIP-966.
    eligible_replicas: bool,
    /// Whether what was not stated did not happen.
    states_all: bool,
    /// Whether a replica may forget a producer of which its log still has records.
    producers_expire: bool,
    /// `producer.id.expiration.ms`.
    producer_expiration_ms: u64,
    /// Whether known weaknesses are switched on. Then faults are weighed as if every promise were kept: what the
    /// promised rules survive takes place under the weak ones too.
    weak: bool,
    /// Whether a log directory ever failed.
    directories_fail: bool,
    shares: Shares,
}

/// Below this `producer.id.expiration.ms` a producer may expire in any run: a day, Kafka's default.
const PRODUCERS_STAY_MS: u64 = 86_400_000;

/// Whether a producer may expire: it rests by the clock of a replica, since a time by a client's clock or by that of a
/// coordinator.
fn may_expire(plan: &Plan) -> bool {
    let length_ms = plan.heal_at_ms.saturating_add(plan.converge_within_ms);
    let rests_ms = length_ms.saturating_add(plan.clocks_apart_ms());
    plan.cluster.producer_id_expiration_ms < PRODUCERS_STAY_MS.max(rests_ms)
}

/// A process.
#[derive(Debug, Default)]
struct NodeView {
    running: bool,
    registered: bool,
    /// The first registration since its process started, by its offset: this process's, or one of an earlier
    /// uptime that
    /// was long under way.
    first_registration: Option<Offset>,
    /// How many of its processes have started.
    starts: u32,
    /// It stopped last before it was registered: its logs are whole, but the controller cannot know.
    stopped_unregistered: bool,
    /// A lasting fault holds it still or cuts it off: the controller may fence it.
    hindered: bool,
    /// In which log directory its logs are, of a broker with several.
    places: BTreeMap<TopicPartition, LogDirectory>,
    /// The log directories that failed while its process ran.
    failed: BTreeSet<LogDirectory>,
    /// Those that get no marker if it stops cleanly, or have lost theirs, and whether the next process finds them
    /// working: its controller takes that for an unclean stop of all its replicas.
    unmarked: BTreeMap<LogDirectory, bool>,
    /// Its process started with a log directory that had no marker.
    started_unmarked: bool,
}

impl ClusterView {
    /// The state before anything runs.
    pub fn new(plan: &Plan) -> Self {
        Self {
            registry: Registry::default(),
            quorum: QuorumView::new(&plan.cluster),
            nodes: BTreeMap::new(),
            partitions: vec![PartitionView::new(TopicPartition::METADATA)],
            order: vec![(TopicPartition::METADATA, 0)],
            loss_allowed: plan.expect.loss_allowed,
            eligible_replicas: plan.cluster.eligible_leader_replicas,
            states_all: false,
            producers_expire: may_expire(plan),
            producer_expiration_ms: plan.cluster.producer_id_expiration_ms,
            weak: !plan.cluster.defects.is_empty(),
            directories_fail: false,
            shares: Shares::default(),
        }
    }

    /// The first offset of a share-partition that is not done, once its group has begun.
    pub(crate) fn share_start_offset(
        &self,
        group: &str,
        partition: TopicPartition,
    ) -> Option<Offset> {
        self.shares.start_offset(group, partition)
    }

    /// Whether a replica may forget a producer of which its log still has records.
    pub fn producers_expire(&self) -> bool {
        self.producers_expire
    }

    /// For how long a replica remembers a producer that rests, in milliseconds.
    pub(crate) fn producer_expiration_ms(&self) -> u64 {
        self.producer_expiration_ms
    }

    /// Nodes state every fact: what was not stated did not happen.
    pub(crate) fn expect_all_facts(&mut self) {
        self.states_all = true;
    }

    /// Whether the absence of a fact tells something.
    pub fn states_all(&self) -> bool {
        self.states_all
    }

    /// The cluster keeps no eligible leader replicas, as before KIP-966.
    pub(crate) fn forget_eligible_replicas(&mut self) {
        self.eligible_replicas = false;
    }

    /// Whether the cluster keeps eligible leader replicas.
    pub fn keeps_eligible_replicas(&self) -> bool {
        self.eligible_replicas
    }

    /// A node's disk was emptied: its logs will start anew.
    pub(crate) fn disk_wiped(&mut self, node: NodeId) {
        self.quorum.disk_wiped(node);
        for partition in &mut self.partitions {
            if let Some(replica) = partition.known_replica_mut(node) {
                replica.log_start_offset = Offset::ZERO;
                replica.furthest_start = Offset::ZERO;
            }
        }
    }

    // --- questions

    /// The id of a topic, once its creation is committed.
    pub fn topic_id(&self, name: &str) -> Option<TopicId> {
        self.registry.topic_id(name)
    }

    /// The registered leader of a partition.
    pub fn leader_of(&self, topic: &str, partition: u32) -> Option<NodeId> {
        self.named(topic, partition)?.registration.as_ref()?.leader
    }

    /// The committed ISR of a partition; empty if there is no such partition.
    pub fn isr_of(&self, topic: &str, partition: u32) -> &[NodeId] {
        let registration = self.named(topic, partition).and_then(|view| view.registration.as_ref());
        registration.map_or(&[], |registration| &registration.isr)
    }

    /// How a partition is registered.
    pub fn registration_of(&self, topic: &str, partition: u32) -> Option<&PartitionRegistration> {
        self.named(topic, partition)?.registration.as_ref()
    }

    /// The replicas of a partition; empty if there is no such partition.
    pub fn replicas_of(&self, topic: &str, partition: u32) -> &[NodeId] {
        let registration = self.named(topic, partition).and_then(|view| view.registration.as_ref());
        registration.map_or(&[], |registration| &registration.replicas)
    }

    /// The active controller.
    pub fn active_controller(&self) -> Option<NodeId> {
        self.quorum.active_controller()
    }

    /// Whether the node's process runs.
    pub fn is_running(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|view| view.running)
    }

    /// The true high watermark: everything below is committed.
    pub fn committed_end(&self, partition: TopicPartition) -> Offset {
        self.partition(partition).map_or(Offset::ZERO, |view| view.committed.end())
    }

    /// One replica.
    pub fn replica(&self, node: NodeId, partition: TopicPartition) -> Option<&ReplicaView> {
        self.partition(partition)?.replica(node)
    }

    /// One partition.
    pub fn partition(&self, partition: TopicPartition) -> Option<&PartitionView> {
        self.index_of(partition).map(|index| &self.partitions[index])
    }

    /// All partitions but the metadata log, in order of first mention.
    pub fn partitions(&self) -> impl Iterator<Item = &PartitionView> {
        self.partitions[1..].iter()
    }

    /// Committed metadata.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The controller quorum.
    pub fn quorum(&self) -> &QuorumView {
        &self.quorum
    }

    /// The metadata log: one replica for each voter.
    pub fn metadata_log(&self) -> &PartitionView {
        &self.partitions[0]
    }

    /// Whether the node is a voter of the quorum.
    pub fn is_controller(&self, node: NodeId) -> bool {
        self.quorum.voter(node).is_some()
    }

    /// The partition's name as people write it: `orders-0`, or `orders@2-0` if its topic is the second of its name.
    pub fn partition_name(&self, partition: TopicPartition) -> String {
        match self.registry.unique_name(partition.topic) {
            Some(topic) => format!("{topic}-{}", partition.partition),
            None if partition == TopicPartition::METADATA => "__cluster_metadata-0".to_owned(),
            None => partition.to_string(),
        }
    }

    /// Position of a partition among all; it never changes.
    pub(crate) fn index_of(&self, partition: TopicPartition) -> Option<usize> {
        let found = self.order.binary_search_by_key(&partition, |(known, _)| *known);
        found.ok().map(|position| self.order[position].1)
    }

    /// Whether the broker has registered since its process started, and still runs.
    pub(crate) fn has_registered(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|view| view.registered)
    }

    /// The first registration of this broker since its process started. A later one may be that of an earlier
    /// uptime, which
    /// the controller has taken for news.
    pub(crate) fn first_registration(&self, node: NodeId) -> Option<Offset> {
        self.nodes.get(&node)?.first_registration
    }

    /// Whether the controller may take a registration of an earlier process of this broker for news: it was long under
    /// way, and the present process is fenced. Source: `ClusterControlManager.registerBroker`, which compares
    /// incarnations for equality only.
    pub(crate) fn may_register_late(&self, node: NodeId) -> bool {
        let restarted = self.nodes.get(&node).is_some_and(|view| view.starts > 1);
        restarted && self.registry.broker(node).is_some_and(|broker| broker.fenced)
    }

    /// Whether the controller can know what a node lost: it lost nothing, or has registered since.
    pub(crate) fn knows_losses_of(&self, node: NodeId, lossy: bool) -> bool {
        !lossy || self.has_registered(node)
    }

    fn named(&self, topic: &str, partition: u32) -> Option<&PartitionView> {
        let topic = self.topic_id(topic)?;
        self.partition(TopicPartition { topic, partition: partition as i32 })
    }

    // --- changes

    /// A process starts.
    pub fn process_started(&mut self, node: NodeId) {
        let known = self.nodes.entry(node).or_default();
        (known.running, known.registered, known.first_registration) = (true, false, None);
        known.starts += 1;
        known.failed.clear();
        known.started_unmarked = !known.unmarked.is_empty();
        known.unmarked.retain(|_, repaired| !*repaired);
    }

    /// A log directory of a node failed.
    pub fn log_directory_failed(&mut self, node: NodeId, directory: LogDirectory) {
        self.directories_fail = true;
        let known = self.nodes.entry(node).or_default();
        known.failed.insert(directory);
        known.unmarked.insert(directory, false);
    }

    /// A log directory of a node works for its next process; `empty` if its disk was replaced.
    pub fn log_directory_repaired(&mut self, node: NodeId, directory: LogDirectory, empty: bool) {
        let Some(known) = self.nodes.get_mut(&node) else { return };
        if let Some(repaired) = known.unmarked.get_mut(&directory) {
            *repaired = true;
        }
        if !empty {
            return;
        }
        let lost = known.places.extract_if(.., |_, place| *place == directory);
        for (partition, _) in lost.collect::<Vec<_>>() {
            if let Some(replica) = self.partition_mut(partition).known_replica_mut(node) {
                replica.process_ended(true);
            }
        }
    }

    /// Whether the controller will take the next stop of a node for an unclean one, however it stops: in a log
    /// directory that failed, or was replaced, nothing tells of it.
    pub(crate) fn lacks_marker(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|known| !known.unmarked.is_empty())
    }

    /// Whether a log directory of a node failed while its process ran.
    pub fn has_failed_directory(&self, node: NodeId) -> bool {
        self.directories_fail && self.nodes.get(&node).is_some_and(|known| !known.failed.is_empty())
    }

    /// The log directory of a replica, as far as it is known; else the first.
    pub fn directory_of(&self, node: NodeId, partition: TopicPartition) -> LogDirectory {
        let known = self.nodes.get(&node);
        let place = known.and_then(|known| known.places.get(&partition)).copied();
        place.unwrap_or(LogDirectory::FIRST)
    }

    /// Whether the log of a replica is in a log directory that failed while the process ran.
    pub fn is_in_failed_directory(&self, node: NodeId, partition: TopicPartition) -> bool {
        self.nodes.get(&node).is_some_and(|known| {
            let place = known.places.get(&partition);
            place.is_some_and(|place| known.failed.contains(place))
        })
    }

    /// A process ended; `lossy` if it may have lost what it had not flushed.
    pub fn process_ended(&mut self, at_ns: u64, node: NodeId, lossy: bool) {
        let known = self.nodes.entry(node).or_default();
        (known.running, known.registered) = (false, false);
        self.quorum.process_ended(node);
        for view in &mut self.partitions {
            let Some(replica) = view.known_replica_mut(node) else {
                continue;
            };
            let lossy = lossy || replica.rotten;
            replica.process_ended(lossy);
            view.facts.push(at_ns, node, Fact::Ended { lossy });
        }
    }

    /// A bit of one of a node's logs flipped: whatever process opens it may have lost records.
    pub fn log_rotted(&mut self, node: NodeId, partition: TopicPartition) {
        self.partition_mut(partition).replica_mut(node).rotten = true;
    }

    fn partition_mut(&mut self, partition: TopicPartition) -> &mut PartitionView {
        let index = self.index_or_new(partition);
        &mut self.partitions[index]
    }

    fn index_or_new(&mut self, partition: TopicPartition) -> usize {
        match self.order.binary_search_by_key(&partition, |(known, _)| *known) {
            Ok(position) => self.order[position].1,
            Err(position) => {
                let index = self.partitions.len();
                self.partitions.push(PartitionView::new(partition));
                self.order.insert(position, (partition, index));
                index
            }
        }
    }
}
