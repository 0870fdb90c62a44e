//! Coordinators, of whom the rule of the newest epoch is, too: see `newest_epoch`.
//!
//! A coordinator is one in the epoch in which its node leads a partition of an internal topic. Once the node has
//! applied metadata that another one leads it, or nobody, it states nothing of that partition's groups, transactions or
//! share-partitions, answers nobody as their coordinator and sends no markers, until it leads again. A group
//! coordinator that leads again reads its partition anew before that: what it knew is of the older epoch.
//! Source: KAFKA-9235, KAFKA-20115; `GroupCoordinator.onResignation`, `TransactionCoordinator.onResignation`,
//! `CoordinatorRuntime.scheduleUnloadOperation`.
//! Not verified: questions about several groups or transactional ids at once, and an administrator's; what a deposed
//! coordinator decides and tells nobody; markers that it writes to partitions which its own node leads.

use std::collections::BTreeMap;

use harrow_broker_model::client::coordinator_partition;
use harrow_broker_model::note::{
    ControllerNote, GroupNote, MetadataChange, Note, PartitionRegistration, QuorumNote, ShareNote,
    TransactionNote,
};
use harrow_broker_model::share_message::SharePartitionKey;
use harrow_broker_model::types::{
    LeaderEpoch, NodeId, Offset, ProducerId, TopicId, TopicPartition,
};

use super::newest_epoch::OLDER;
use crate::plan::Plan;
use crate::view::ClusterView;
use crate::watch::finding::{Context, Findings};

/// What is coordinated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoordinatorKind {
    /// Consumer groups.
    Group,
    /// Transactions.
    Transaction,
    /// Share-partitions.
    Share,
}

impl CoordinatorKind {
    const ALL: [Self; 3] = [Self::Group, Self::Transaction, Self::Share];

    /// The topic that holds its records.
    pub(in crate::watch) const fn topic(self) -> &'static str {
        match self {
            Self::Group => "__consumer_offsets",
            Self::Transaction => "__transaction_state",
            Self::Share => "__share_group_state",
        }
    }
}

/// What a node says to others that only a coordinator says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoordinatorDeed {
    /// It answers a question, and sends nobody elsewhere.
    Answers {
        /// As the coordinator of what.
        kind: CoordinatorKind,
        /// The group, the transactional id, or what a share-partition is known by.
        about: String,
        /// Kafka's name of the question.
        api: &'static str,
    },
    /// It sends a marker of a transaction.
    Marks {
        /// Whose.
        producer_id: ProducerId,
        /// The epoch of the coordinator that it names.
        coordinator_epoch: LeaderEpoch,
    },
}

/// What each running process has heard of the partitions of coordinators.
#[derive(Debug)]
pub(super) struct Coordination {
    /// How many partitions the topic of each kind has.
    partitions: [i32; 3],
    standings: BTreeMap<(NodeId, TopicPartition), Standing>,
    /// The transactional id of each producer.
    producers: BTreeMap<ProducerId, String>,
}

/// Where a node stands as a coordinator, by the newest metadata that it has applied.
#[derive(Debug, Clone, Copy)]
struct Standing {
    /// The newest epoch that it has heard of.
    epoch: LeaderEpoch,
    /// Whether it leads in it.
    leads: bool,
    /// In which event it heard that it leads, or that it does not.
    heard: u64,
    /// When it heard that it does not, if it does not.
    deposed_ns: Option<u64>,
    /// In which epoch a group coordinator has read its partition.
    read: Option<LeaderEpoch>,
    /// Whether it has led no more since.
    outdated: bool,
}

/// What is done as a coordinator, and in which epoch, if it says so.
struct Deed {
    partition: TopicPartition,
    epoch: Option<LeaderEpoch>,
    what: String,
}

impl Coordination {
    pub(super) fn new(plan: &Plan) -> Self {
        let config = &plan.cluster.coordinators;
        let topics =
            [config.offsets_topic, config.transaction_topic, config.share_groups.state_topic];
        Self {
            partitions: topics.map(|topic| topic.partitions.max(1) as i32),
            standings: BTreeMap::new(),
            producers: BTreeMap::new(),
        }
    }

    /// A process starts: it has heard of nothing.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.standings.retain(|(known, _), _| *known != node);
    }

    #[inline]
    pub(super) fn on_note(&mut self, context: &Context<'_>, findings: &mut Findings, note: &Note) {
        let deed = if let Note::Group(note) = note {
            self.of_group(context, note)
        } else if let Note::Transaction(note) = note {
            self.of_transaction(context, note)
        } else if let Note::Share(note) = note {
            self.of_share(context, note)
        } else {
            return self.learn(context, note);
        };
        judge(&self.standings, context, findings, deed);
        if let Note::Group(GroupNote::CoordinatorLoaded { partition, leader_epoch, .. }) = note
            && let Some(standing) = self.standings.get_mut(&(context.node, *partition))
        {
            (standing.read, standing.outdated) = (Some(*leader_epoch), false);
        }
    }

    /// A broker hears who leads the partitions of internal topics.
    fn learn(&mut self, context: &Context<'_>, note: &Note) {
        if let Note::Controller(ControllerNote::MetadataApplied { change, .. }) = note
            && let MetadataChange::PartitionChanged { partition, registration, .. } = &**change
            && is_of_coordinators(context, partition.topic)
        {
            self.on_heard(context, *partition, registration);
        } else if let Note::Quorum(QuorumNote::SnapshotLoaded { snapshot, .. }) = note {
            self.on_snapshot(context, snapshot.end_offset.plus(-1));
        }
    }

    /// A node says something to others that only a coordinator says.
    pub(super) fn on_deed(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        deed: &CoordinatorDeed,
    ) {
        let deed = match deed {
            CoordinatorDeed::Answers { kind, about, api } => {
                let what = || format!("answered {api} of {about}");
                self.deed(context, (*kind, about), None, what)
            }
            CoordinatorDeed::Marks { producer_id, coordinator_epoch } => {
                let Some(id) = self.producers.get(producer_id) else { return };
                let epoch = Some(*coordinator_epoch);
                let what = || format!("sent a marker for {id}");
                self.deed(context, (CoordinatorKind::Transaction, id), epoch, what)
            }
        };
        judge(&self.standings, context, findings, deed);
    }

    fn on_snapshot(&mut self, context: &Context<'_>, applied: Offset) {
        let registry = context.view.registry();
        for kind in CoordinatorKind::ALL {
            let Some(topic) = registry.topic_id(kind.topic()) else { continue };
            for partition in 0..self.partitions[kind as usize] {
                let partition = TopicPartition { topic, partition };
                if let Some(registration) = registry.registration_at(partition, applied) {
                    self.on_heard(context, partition, registration);
                }
            }
        }
    }

    /// Several changes that a node applies in one event count as one, as in Kafka's deltas: who leads before and after
    /// goes on.
    fn on_heard(
        &mut self,
        context: &Context<'_>,
        partition: TopicPartition,
        registration: &PartitionRegistration,
    ) {
        let (epoch, leads) = (registration.leader_epoch, registration.leader == Some(context.node));
        let heard = context.event;
        let deposed_ns = (!leads).then_some(context.at_ns);
        let fresh = Standing { epoch, leads, heard, deposed_ns, read: None, outdated: false };
        let known = self.standings.entry((context.node, partition)).or_insert(fresh);
        if epoch < known.epoch {
            return;
        }
        known.outdated |= leads && !known.leads && known.heard < heard;
        if leads != known.leads || leads && epoch > known.epoch {
            known.heard = heard;
        }
        known.deposed_ns = if leads { None } else { known.deposed_ns.or(deposed_ns) };
        (known.epoch, known.leads) = (epoch, leads);
    }

    /// Since when a node knows that it does not coordinate a group; none if it does, or has heard of nobody who does.
    pub(super) fn deposed_ns(
        &self,
        view: &ClusterView,
        (node, group): (NodeId, &str),
    ) -> Option<u64> {
        let kind = CoordinatorKind::Group;
        let topic = view.registry().topic_id(kind.topic())?;
        let index = coordinator_partition(group, self.partitions[kind as usize]);
        let partition = TopicPartition { topic, partition: index };
        self.standings.get(&(node, partition))?.deposed_ns
    }

    fn deed(
        &self,
        context: &Context<'_>,
        (kind, about): (CoordinatorKind, &str),
        epoch: Option<LeaderEpoch>,
        what: impl FnOnce() -> String,
    ) -> Option<Deed> {
        let topic = context.view.registry().topic_id(kind.topic())?;
        let index = coordinator_partition(about, self.partitions[kind as usize]);
        let partition = TopicPartition { topic, partition: index };
        // Words are for who has something to hide.
        let standing = self.standings.get(&(context.node, partition))?;
        let suspect =
            !standing.leads || standing.outdated || epoch.is_some_and(|it| it < standing.epoch);
        suspect.then(|| Deed { partition, epoch, what: what() })
    }

    fn of_group(&self, context: &Context<'_>, note: &GroupNote) -> Option<Deed> {
        let (group, epoch) = match note {
            GroupNote::PartitionAssigned { group, .. }
            | GroupNote::GenerationBegan { group, .. }
            | GroupNote::ClassicStateChanged { group, .. }
            | GroupNote::CommitFenced { group, .. }
            | GroupNote::TargetAssigned { group, .. }
            | GroupNote::ProtocolChanged { group, .. }
            | GroupNote::CommitAccepted { group, .. }
            | GroupNote::MemberThrownOut { group, .. }
            | GroupNote::ClassicMemberThrownOut { group, .. }
            | GroupNote::JoinPhaseChanged { group, .. }
            | GroupNote::GroupDeleted { group, .. }
            | GroupNote::OffsetsDeleted { group, .. }
            | GroupNote::OffsetsKept { group }
            | GroupNote::OffsetsExpired { group, .. }
            | GroupNote::OffsetsPending { group, .. } => (group, None),
            GroupNote::MemberHolds { group, leader_epoch, .. } => (group, Some(*leader_epoch)),
            // Who resigns lets go of all. The others are by clients, or name what has an epoch of its own.
            GroupNote::PartitionReleased { .. }
            | GroupNote::CoordinatorLoaded { .. }
            | GroupNote::WriteAnswered { .. }
            | GroupNote::MemberOwns { .. }
            | GroupNote::MembershipLost { .. } => return None,
        };
        let what = || format!("spoke for group {group}");
        self.deed(context, (CoordinatorKind::Group, group), epoch, what)
    }

    fn of_transaction(&mut self, context: &Context<'_>, note: &TransactionNote) -> Option<Deed> {
        let TransactionNote::StateChanged {
            transactional_id: id,
            producer_id,
            coordinator_epoch,
            ..
        } = note
        else {
            return None;
        };
        self.producers.insert(*producer_id, id.clone());
        let what = || format!("took transactional id {id} to another state");
        self.deed(context, (CoordinatorKind::Transaction, id), Some(*coordinator_epoch), what)
    }

    fn of_share(&self, context: &Context<'_>, note: &ShareNote) -> Option<Deed> {
        let (ShareNote::StateRead { group, partition, .. }
        | ShareNote::StateWritten { group, partition, .. }) = note
        else {
            return None;
        };
        let key = SharePartitionKey { partition: *partition, group: group.clone() };
        let key = key.coordinator_key();
        let what = || format!("kept the state of {key}");
        self.deed(context, (CoordinatorKind::Share, &key), None, what)
    }
}

fn judge(
    standings: &BTreeMap<(NodeId, TopicPartition), Standing>,
    context: &Context<'_>,
    findings: &mut Findings,
    deed: Option<Deed>,
) {
    let Some(Deed { partition, epoch, what }) = deed else { return };
    let Some(known) = standings.get(&(context.node, partition)) else { return };
    if context.event <= known.heard || !context.view.states_all() {
        return;
    }
    let (node, newest) = (context.node, known.epoch);
    let why = if !known.leads {
        format!("; it knew that it does not lead in epoch {newest}")
    } else if let Some(older) = epoch.filter(|epoch| *epoch < newest) {
        format!(" in epoch {older}; it knew of {newest}")
    } else if known.outdated
        && let Some(read) = known.read
    {
        format!(" by what it read in epoch {read}; it leads anew in {newest}")
    } else {
        return;
    };
    findings.report(context, &OLDER, partition, || format!("coordinator {node} {what}{why}"));
}

fn is_of_coordinators(context: &Context<'_>, topic: TopicId) -> bool {
    let known = context.view.registry().topic(topic);
    known.is_some_and(|known| CoordinatorKind::ALL.iter().any(|kind| kind.topic() == known.name))
}
