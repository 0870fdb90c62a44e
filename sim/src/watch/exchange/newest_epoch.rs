//! Who has heard of a newer epoch does nothing more in an older one.
//!
//! Promise: once a process has led, followed or voted in an epoch, or has applied metadata that tells of one, it states
//! nothing of an older one any more: no append, no commit, no acknowledgement, no answer, no proposal, no vote, nothing
//! of a share-partition that it led; and a client that has heard of an epoch of a partition takes no older one for the
//! newest again, unless the epoch was of a topic that is gone and no metadata have told it for long. Coordinators are
//! judged in `coordination`.
//! Source: KIP-101, KIP-320, KIP-595, KIP-932; `Partition.makeLeader`, `QuorumState.transitionTo`.
//! Not verified: what it does in the event in which it hears; processes that heard of it in an earlier uptime, which
//! the disk judges (`quorum-disk`).

use std::collections::BTreeMap;

use harrow_broker_model::note::{
    ConsumerNote, ControllerNote, LogNote, MetadataChange, Note, ProducerNote, QuorumNote,
    ReplicationNote, ShareNote,
};
use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

pub(super) const OLDER: Anomaly = Anomaly {
    name: "acts-in-older-epoch",
    guarantee: Guarantee::Leadership,
    meaning: "a node acted in an epoch although it knew of a newer one",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "newest-epoch",
    promise: "who has heard of a newer epoch does nothing more in an older one",
    source: "KIP-101, KIP-320, KIP-595, KIP-932, Metadata",
    leaves_out: "the event in which it hears",
    anomalies: &[OLDER],
};

/// The newest epoch that each running process knows of each partition, and in which event it heard of it.
#[derive(Debug, Default)]
pub(super) struct NewestEpochs {
    heard: BTreeMap<(NodeId, TopicPartition), (LeaderEpoch, u64)>,
    /// What each running client takes for the newest, and since when, by the partition's name.
    learned: BTreeMap<NodeId, BTreeMap<String, (LeaderEpoch, u64)>>,
}

/// No client gives up sooner an epoch that no metadata tell: rule 2.13.3, by a clock that is fast.
const DOUBTED_AFTER_NS: u64 = 8_000_000_000;

/// Whether an epoch of a partition is of a topic that had its name before: the one that has it now is not as far.
fn is_of_another_topic(context: &Context<'_>, partition: &str, epoch: LeaderEpoch) -> bool {
    let registry = context.view.registry();
    let place = partition.rsplit_once('-').and_then(|(topic, index)| {
        Some(TopicPartition { topic: registry.topic_id(topic)?, partition: index.parse().ok()? })
    });
    place.is_some_and(|place| {
        let now = context.view.partition(place).and_then(|known| known.registration.as_ref());
        registry.is_created_again(place.topic) && now.is_some_and(|now| now.leader_epoch < epoch)
    })
}

impl NewestEpochs {
    /// A process starts: it knows of none.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.heard.retain(|(known, _), _| *known != node);
        self.learned.remove(&node);
    }

    /// A client takes an epoch for the newest of a partition.
    pub(super) fn on_learned(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: &str,
        epoch: LeaderEpoch,
    ) {
        let learned = self.learned.entry(context.node).or_default();
        let now = (epoch, context.at_ns);
        let Some((before, since)) = learned.insert(partition.to_owned(), now) else { return };
        let is_doubted = context.at_ns.saturating_sub(since) >= DOUBTED_AFTER_NS;
        if epoch < before && !(is_doubted && is_of_another_topic(context, partition, before)) {
            findings.report(context, &OLDER, Place::CLUSTER, || {
                format!(
                    "client {} goes by epoch {epoch} of {partition} after {before}",
                    context.node
                )
            });
        }
    }

    /// A client knows that another topic has the name: its epochs begin anew.
    pub(super) fn on_replaced(&mut self, client: NodeId, topic: &str) {
        let Some(learned) = self.learned.get_mut(&client) else { return };
        learned.retain(|partition, _| partition.rsplit_once('-').is_none_or(|(of, _)| of != topic));
    }

    #[inline]
    pub(super) fn on_note(&mut self, context: &Context<'_>, findings: &mut Findings, note: &Note) {
        if let Some((partition, epoch)) = acted(note) {
            self.on_acted(context, findings, partition, epoch);
        } else if let Note::Controller(ControllerNote::MetadataApplied { change, .. }) = note
            && let MetadataChange::PartitionChanged { partition, registration, .. } = &**change
        {
            let key = (context.node, *partition);
            let heard = self.heard.entry(key).or_insert((LeaderEpoch::NONE, context.event));
            if registration.leader_epoch > heard.0 {
                *heard = (registration.leader_epoch, context.event);
            }
        }
    }

    fn on_acted(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        epoch: LeaderEpoch,
    ) {
        let key = (context.node, partition);
        let (newest, event) = *self.heard.entry(key).or_insert((epoch, context.event));
        if epoch > newest {
            self.heard.insert(key, (epoch, context.event));
        } else if epoch < newest && context.event > event && context.view.states_all() {
            findings.report(context, &OLDER, partition, || {
                format!("node {} acted in epoch {epoch}; it knew of {newest}", context.node)
            });
        }
    }
}

/// The epoch in which a node does what it states, if it is one of a partition or of the quorum.
fn acted(note: &Note) -> Option<(TopicPartition, LeaderEpoch)> {
    if let Note::Replication(note) = note {
        return of_replica(note);
    }
    if let Note::Quorum(
        QuorumNote::StateChanged { epoch, .. }
        | QuorumNote::VoteGranted { epoch, .. }
        | QuorumNote::HighWatermarkMoved { epoch, .. },
    )
    | Note::Controller(
        ControllerNote::IsrProposalAccepted { controller_epoch: epoch, .. }
        | ControllerNote::Activated { epoch, active: true },
    ) = note
    {
        return Some((TopicPartition::METADATA, *epoch));
    }
    if let Note::Log(LogNote::Appended { partition, leader_epoch, .. })
    | Note::Producer(
        ProducerNote::ProduceAcknowledged { partition, leader_epoch, .. }
        | ProducerNote::SequenceRefused { partition, leader_epoch, .. },
    )
    | Note::Consumer(
        ConsumerNote::RecordsServed { partition, leader_epoch, .. }
        | ConsumerNote::EndOffsetServed { partition, leader_epoch, .. }
        | ConsumerNote::TimedOffsetServed { partition, leader_epoch, .. }
        | ConsumerNote::ReadReplicaNamed { partition, leader_epoch, .. }
        | ConsumerNote::EpochEndServed { partition, leader_epoch, .. },
    )
    | Note::Share(
        ShareNote::Loaded { partition, leader_epoch, .. }
        | ShareNote::Acquired { partition, leader_epoch, .. }
        | ShareNote::AcknowledgementTaken { partition, leader_epoch, .. }
        | ShareNote::AcknowledgementAnswered { partition, leader_epoch, .. }
        | ShareNote::LockEnded { partition, leader_epoch, .. }
        | ShareNote::StartOffsetMoved { partition, leader_epoch, .. },
    ) = note
    {
        return Some((*partition, *leader_epoch));
    }
    None
}

fn of_replica(note: &ReplicationNote) -> Option<(TopicPartition, LeaderEpoch)> {
    match note {
        ReplicationNote::BecameLeader { partition, leader_epoch, .. }
        | ReplicationNote::BecameFollower { partition, leader_epoch, .. }
        | ReplicationNote::HighWatermarkMoved { partition, leader_epoch, .. }
        | ReplicationNote::IsrProposed { partition, leader_epoch, .. }
        | ReplicationNote::IsrCommitted { partition, leader_epoch, .. }
        | ReplicationNote::FollowerHeard { partition, leader_epoch, .. } => {
            Some((*partition, *leader_epoch))
        }
        ReplicationNote::IsrProposalRefused { .. }
        | ReplicationNote::MinimumChanged { .. }
        | ReplicationNote::HeldUp { .. }
        | ReplicationNote::RequestFenced { .. }
        | ReplicationNote::DivergenceFound { .. } => None,
    }
}
