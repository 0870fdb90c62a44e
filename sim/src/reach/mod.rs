//! Reach marks: what a run came across, counted by name. A run that never reached what its scenario is about says
//! nothing about it. What the notes of a family mark is in a file of its name.

mod broker;
mod consumer;
mod controller;
mod exchange;
mod group;
mod log;
mod producer;
mod quorum;
mod replication;
mod share;
mod transaction;

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::Note;
use harrow_broker_model::types::NodeId;

/// Every mark that a run can count, in order, but for [`HALTED`] ones.
pub const ALL: &[&str] = &[
    "batch-kept-empty",
    "batch-retried",
    "broker-fenced",
    "broker-registered",
    "broker-running",
    "broker-shut-down",
    "broker-unregistered",
    "candidate-stood",
    "classic-member-timed-out",
    "client-crash",
    "commit-fenced",
    "controller-elected",
    "controller-failover",
    "coordinator-loaded",
    "crash",
    "delete-horizon-set",
    "deleted-by-size",
    "deleted-by-time",
    "deletion-confirmed",
    "divergence-found",
    "duplicate-recognised",
    "elr-used",
    "end-offset-served",
    "fault-held-back",
    "fault-injected",
    "group-deleted",
    "group-downgraded",
    "group-emptied",
    "group-rebalanced",
    "group-upgraded",
    "internal-log-cleaned",
    "isr-below-min",
    "isr-expanded",
    "isr-proposal-refused",
    "isr-shrunk",
    "leader-changed",
    "leader-elected",
    "leader-lost",
    "log-cleaned",
    "log-directory-offline",
    "log-recovered-clean",
    "log-recovered-unclean",
    "log-start-followed",
    "log-tail-lost",
    "log-truncated",
    "marker-forced",
    "member-committed",
    "member-session-expired",
    "metadata-prefix-deleted",
    "not-enough-replicas",
    "not-enough-replicas-after-append",
    "offsets-deleted",
    "offsets-kept",
    "out-of-range-truncation",
    "poll-interval-passed",
    "position-reset",
    "power-loss",
    "preferred-leader-elected",
    "producer-epoch-bumped",
    "producer-expired",
    "read-replica-named",
    "reassignment-begun",
    "reassignment-cancelled",
    "reassignment-completed",
    "rebalance-timed-out",
    "records-acked",
    "records-deleted",
    "records-read",
    "replica-directory-assigned",
    "replica-discarded",
    "replica-offline",
    "replica-throttled",
    "request-fenced",
    "resigned-leader",
    "segment-rolled",
    "share-acknowledgement-failed",
    "share-delivery-limit-reached",
    "share-leader-fenced",
    "share-lock-expired",
    "share-partition-loaded",
    "share-record-acquired",
    "share-record-redelivered",
    "share-record-rejected",
    "share-session-released",
    "snapshot-created",
    "snapshot-fetched",
    "snapshot-loaded",
    "snapshot-overtook-log",
    "stale-isr-proposal",
    "started-at-batch",
    "static-member-away",
    "stays-dead",
    "stray-discarded",
    "target-assigned",
    "timed-offset-served",
    "topic-created",
    "topic-deleted",
    "topic-reconfigured",
    "topic-replaced",
    "transaction-aborted",
    "transaction-committed",
    "truncation-detected",
    "unclean-election",
    "unclean-registration",
    "vote-granted",
    "voters-changed",
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
    /// In the order of their first counting: they are few, and mostly told by their address.
    counts: Vec<(&'static str, u64)>,
    halted: BTreeMap<String, u64>,
    isr_sizes: BTreeMap<(u32, i32), (usize, Option<NodeId>)>,
    /// Partitions with a reassignment under way, and whom that adds.
    reassigning: BTreeMap<(u32, i32), Vec<NodeId>>,
    minimum: BTreeMap<u32, u32>,
    /// Topics that coordinators keep their records in.
    internal: BTreeSet<u32>,
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
        if times == 0 {
            return;
        }
        let known = self.counts.iter().position(|(known, _)| std::ptr::eq(*known, mark));
        let known = known.or_else(|| self.counts.iter().position(|(known, _)| *known == mark));
        let Some(at) = known else {
            assert!(ALL.binary_search(&mark).is_ok(), "{mark} is not in the list of marks");
            return self.counts.push((mark, times));
        };
        self.counts[at].1 += times;
    }

    /// What was counted once turned out not to be.
    pub(crate) fn take_back(&mut self, mark: &'static str) {
        let known = self.counts.iter().position(|(known, _)| *known == mark);
        let at = known.unwrap_or_else(|| panic!("{mark} was never counted"));
        self.counts[at].1 -= 1;
        if self.counts[at].1 == 0 {
            self.counts.remove(at);
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
            Note::Log(note) => self.log(note),
            Note::Replication(note) => self.replication(note),
            Note::Quorum(note) => self.quorum(note),
            Note::Controller(note) => self.controller(node, note),
            Note::Broker(note) => self.broker(note),
            Note::Producer(note) => self.producer(note),
            Note::Consumer(note) => self.consumer(note),
            Note::Group(note) => self.group(note),
            Note::Transaction(note) => self.transaction(note),
            Note::Exchange(note) => self.exchange(note),
            Note::Share(note) => self.share(note),
        }
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
        use harrow_broker_model::note::{
            ControllerNote, MetadataChange, PartitionRegistration, Reassignment,
        };
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
                reassignment: Reassignment::default(),
                leader: Some(NodeId(1)),
                leader_epoch: LeaderEpoch(0),
                partition_epoch: PartitionEpoch(0),
                recovering: false,
            },
            unclean: false,
        };
        let mut tally = Tally::default();
        for (offset, isr) in [(0, &[1, 2][..]), (1, &[1]), (1, &[1]), (2, &[1, 2])] {
            let note = ControllerNote::MetadataApplied {
                offset: Offset(offset),
                controller_epoch: LeaderEpoch(1),
                change: Box::new(change(isr)),
            };
            tally.note(NodeId(1), &Note::from(note));
        }
        let counts = tally.counts();
        assert_eq!(counts.get("isr-shrunk"), Some(&1), "{counts:?}");
        assert_eq!(counts.get("isr-expanded"), Some(&1), "{counts:?}");
    }
}
