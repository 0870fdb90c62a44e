//! Reach marks: what a run came across, counted by name. A run that never reached what its scenario is about says
//! nothing about it.

use std::collections::BTreeMap;

use harrow_broker_model::message::ClusterError;
use harrow_broker_model::note::{
    BrokerNote, BrokerState, ConsumerNote, ControllerNote, GroupNote, LogNote, MetadataChange,
    Note, ProducerNote, QuorumNote, QuorumRole, ReplicationNote, TransactionNote, TruncateReason,
};
use harrow_broker_model::types::NodeId;

/// Every mark that a run can count, in order, but for [`HALTED`] ones.
pub const ALL: &[&str] = &[
    "batch-retried",
    "broker-fenced",
    "broker-registered",
    "broker-running",
    "broker-shut-down",
    "candidate-stood",
    "client-crash",
    "controller-elected",
    "controller-failover",
    "crash",
    "divergence-found",
    "duplicate-recognised",
    "elr-used",
    "end-offset-served",
    "fault-held-back",
    "fault-injected",
    "isr-below-min",
    "isr-expanded",
    "isr-proposal-refused",
    "isr-shrunk",
    "leader-changed",
    "leader-elected",
    "leader-lost",
    "log-recovered-clean",
    "log-recovered-unclean",
    "log-tail-lost",
    "log-truncated",
    "not-enough-replicas",
    "not-enough-replicas-after-append",
    "out-of-range-truncation",
    "position-reset",
    "power-loss",
    "producer-epoch-bumped",
    "records-acked",
    "records-read",
    "request-fenced",
    "resigned-leader",
    "segment-rolled",
    "stale-isr-proposal",
    "stays-dead",
    "topic-created",
    "truncation-detected",
    "unclean-election",
    "unclean-registration",
    "vote-granted",
    "wipe",
];

/// How marks of processes that end by themselves begin; the reason follows.
pub const HALTED: &str = "halted-";

/// Whether a run can count this mark.
pub fn is_known(mark: &str) -> bool {
    ALL.binary_search(&mark).is_ok()
        || mark.strip_prefix(HALTED).is_some_and(|reason| !reason.is_empty())
}

/// Counts marks.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: BTreeMap<&'static str, u64>,
    halted: BTreeMap<String, u64>,
    isr_sizes: BTreeMap<(u32, i32), (usize, Option<NodeId>)>,
    minimum: BTreeMap<u32, u32>,
    controller: Option<NodeId>,
    metadata_end: i64,
}

impl Tally {
    /// Counts a mark.
    pub(crate) fn mark(&mut self, mark: &'static str) {
        self.add(mark, 1);
    }

    /// Counts a mark several times.
    pub(crate) fn add(&mut self, mark: &'static str, times: u64) {
        assert!(ALL.binary_search(&mark).is_ok(), "{mark} is not in the list of marks");
        if times > 0 {
            *self.counts.entry(mark).or_default() += times;
        }
    }

    /// Counts a process that ended by itself.
    pub(crate) fn halted(&mut self, reason: &str) {
        *self.halted.entry(format!("{HALTED}{reason}")).or_default() += 1;
    }

    /// All counts, by name.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let marks = self.counts.iter().map(|(mark, count)| ((*mark).to_owned(), *count));
        marks.chain(self.halted.iter().map(|(mark, count)| (mark.clone(), *count))).collect()
    }

    /// Counts what a note means.
    pub(crate) fn note(&mut self, node: NodeId, note: &Note) {
        match note {
            // The most frequent notes come first: they mark nothing.
            Note::Log(LogNote::Appended { .. })
            | Note::Replication(ReplicationNote::HighWatermarkMoved { .. })
            | Note::Quorum(QuorumNote::HighWatermarkMoved { .. })
            | Note::Log(LogNote::StartMoved { .. })
            | Note::Replication(ReplicationNote::BecameFollower { .. })
            | Note::Replication(ReplicationNote::IsrProposed { .. })
            | Note::Replication(ReplicationNote::IsrCommitted { .. })
            | Note::Controller(ControllerNote::IsrProposalAccepted { .. })
            | Note::Producer(ProducerNote::ProducersKnown { .. })
            | Note::Log(LogNote::EpochsKnown { .. })
            | Note::Replication(ReplicationNote::FollowerHeard { .. })
            | Note::Consumer(ConsumerNote::EpochEndServed { .. })
            | Note::Producer(ProducerNote::SequenceRefused { .. })
            | Note::Quorum(QuorumNote::LogSynced { .. })
            | Note::Broker(BrokerNote::StoppedCleanly { .. })
            | Note::Producer(ProducerNote::ProducerIdGiven { .. })
            | Note::Quorum(QuorumNote::StatePersisted { .. })
            | Note::Transaction(TransactionNote::StateChanged { .. })
            | Note::Transaction(TransactionNote::PartitionAdded { .. })
            | Note::Transaction(TransactionNote::BatchAttributed { .. })
            | Note::Transaction(TransactionNote::LastStableOffsetMoved { .. })
            | Note::Group(GroupNote::PartitionAssigned { .. })
            | Note::Group(GroupNote::PartitionReleased { .. })
            | Note::Producer(ProducerNote::ProduceAcknowledged { duplicate: false, .. }) => {}
            Note::Controller(ControllerNote::MetadataApplied { offset, change, .. }) => {
                self.metadata(offset.0, change)
            }
            Note::Producer(ProducerNote::ProduceAcknowledged { duplicate: true, .. }) => {
                self.mark("duplicate-recognised")
            }
            Note::Consumer(ConsumerNote::RecordsServed { batches, .. }) => {
                let records = batches
                    .iter()
                    .map(|batch| batch.last_offset.0 - batch.base_offset.0 + 1)
                    .sum::<i64>();
                self.add("records-read", records as u64);
            }
            Note::Consumer(ConsumerNote::EndOffsetServed { .. }) => self.mark("end-offset-served"),
            Note::Log(LogNote::Truncated { reason, .. }) => self.truncated(*reason),
            Note::Log(LogNote::Recovered { clean, .. }) => {
                self.mark(if *clean { "log-recovered-clean" } else { "log-recovered-unclean" });
            }
            Note::Replication(ReplicationNote::BecameLeader { .. }) => self.mark("leader-elected"),
            Note::Replication(ReplicationNote::IsrProposalRefused { error, .. }) => {
                self.refused(*error)
            }
            Note::Replication(ReplicationNote::RequestFenced { .. }) => self.mark("request-fenced"),
            Note::Replication(ReplicationNote::DivergenceFound { .. }) => {
                self.mark("divergence-found")
            }
            Note::Producer(ProducerNote::NotEnoughReplicas { after_append, .. }) => {
                self.mark("not-enough-replicas");
                self.add("not-enough-replicas-after-append", u64::from(*after_append));
            }
            Note::Quorum(QuorumNote::StateChanged { role, .. }) => self.quorum(*role),
            Note::Quorum(QuorumNote::VoteGranted { .. }) => self.mark("vote-granted"),
            Note::Controller(ControllerNote::Activated { active, .. }) => {
                self.activated(node, *active)
            }
            Note::Broker(BrokerNote::StateChanged { state, .. }) => self.broker(*state),
            Note::Producer(ProducerNote::BatchRetried { .. }) => self.mark("batch-retried"),
            Note::Producer(ProducerNote::EpochBumped { .. }) => self.mark("producer-epoch-bumped"),
            Note::Consumer(ConsumerNote::TruncationDetected { .. }) => {
                self.mark("truncation-detected")
            }
            Note::Consumer(ConsumerNote::PositionReset { .. }) => self.mark("position-reset"),
        }
    }

    fn truncated(&mut self, reason: TruncateReason) {
        self.mark("log-truncated");
        match reason {
            TruncateReason::OutOfRange => self.mark("out-of-range-truncation"),
            TruncateReason::Diverged | TruncateReason::HighWatermark => {}
        }
    }

    fn refused(&mut self, error: ClusterError) {
        self.mark("isr-proposal-refused");
        self.add("stale-isr-proposal", u64::from(error == ClusterError::InvalidUpdateVersion));
    }

    fn quorum(&mut self, role: QuorumRole) {
        match role {
            QuorumRole::Candidate => self.mark("candidate-stood"),
            QuorumRole::Resigned => self.mark("resigned-leader"),
            QuorumRole::Unattached
            | QuorumRole::Follower
            | QuorumRole::Prospective
            | QuorumRole::Leader => {}
        }
    }

    fn activated(&mut self, node: NodeId, active: bool) {
        if !active {
            return;
        }
        self.mark("controller-elected");
        if self.controller.replace(node).is_some_and(|before| before != node) {
            self.mark("controller-failover");
        }
    }

    fn broker(&mut self, state: BrokerState) {
        match state {
            BrokerState::Running => self.mark("broker-running"),
            BrokerState::ShuttingDown => self.mark("broker-shut-down"),
            BrokerState::Starting | BrokerState::Fenced => {}
        }
    }

    /// Every node states each committed record: only the first statement counts.
    fn metadata(&mut self, offset: i64, change: &MetadataChange) {
        if offset < self.metadata_end {
            return;
        }
        self.metadata_end = offset + 1;
        match change {
            MetadataChange::BrokerRegistered { unclean, .. } => {
                self.mark("broker-registered");
                self.add("unclean-registration", u64::from(*unclean));
            }
            MetadataChange::BrokerChanged { fenced, .. } => {
                self.add("broker-fenced", u64::from(*fenced));
            }
            MetadataChange::TopicCreated { topic, min_insync_replicas, .. } => {
                self.minimum.insert(topic.0, *min_insync_replicas);
                self.mark("topic-created");
            }
            MetadataChange::PartitionChanged { partition, registration, unclean } => {
                self.add("unclean-election", u64::from(*unclean));
                self.add("elr-used", u64::from(!registration.elr.is_empty()));
                let below = self
                    .minimum
                    .get(&partition.topic.0)
                    .is_some_and(|min| (registration.isr.len() as u32) < *min);
                self.add("isr-below-min", u64::from(below));
                let now = (registration.isr.len(), registration.leader);
                let before = self.isr_sizes.insert((partition.topic.0, partition.partition), now);
                if let Some(before) = before {
                    self.partition_changed(before, now);
                }
            }
            MetadataChange::LeaderChanged { .. } | MetadataChange::ProducerIdsAllocated { .. } => {}
        }
    }

    fn partition_changed(&mut self, before: (usize, Option<NodeId>), now: (usize, Option<NodeId>)) {
        self.add("isr-shrunk", u64::from(now.0 < before.0));
        self.add("isr-expanded", u64::from(now.0 > before.0));
        self.add("leader-lost", u64::from(now.1.is_none() && before.1.is_some()));
        self.add("leader-changed", u64::from(now.1.is_some() && now.1 != before.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_knows_halts() {
        assert!(ALL.is_sorted_by(|a, b| a < b), "binary search needs an ascending list");
        assert!(is_known("isr-shrunk") && is_known("halted-disk-full"), "known marks");
        assert!(!is_known("halted-") && !is_known("isr-shrank"), "unknown marks");
    }

    #[test]
    fn a_committed_record_counts_once_and_isr_changes_are_told_apart() {
        use harrow_broker_model::note::PartitionRegistration;
        use harrow_broker_model::types::{
            LeaderEpoch, Offset, PartitionEpoch, TopicId, TopicPartition,
        };
        let change = |isr: &[i32]| MetadataChange::PartitionChanged {
            partition: TopicPartition { topic: TopicId(1), partition: 0 },
            registration: PartitionRegistration {
                replicas: vec![NodeId(1), NodeId(2)],
                isr: isr.iter().map(|id| NodeId(*id)).collect(),
                elr: Vec::new(),
                last_known_leader: None,
                leader: Some(NodeId(1)),
                leader_epoch: LeaderEpoch(0),
                partition_epoch: PartitionEpoch(0),
                recovering: false,
            },
            unclean: false,
        };
        let mut tally = Tally::default();
        for (offset, isr) in [(0, &[1, 2][..]), (1, &[1]), (1, &[1]), (2, &[1, 2])] {
            let note = Note::Controller(ControllerNote::MetadataApplied {
                offset: Offset(offset),
                controller_epoch: LeaderEpoch(1),
                change: Box::new(change(isr)),
            });
            tally.note(NodeId(1), &note);
        }
        let counts = tally.counts();
        assert_eq!(counts.get("isr-shrunk"), Some(&1), "{counts:?}");
        assert_eq!(counts.get("isr-expanded"), Some(&1), "{counts:?}");
    }
}
