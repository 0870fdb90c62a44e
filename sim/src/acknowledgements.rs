//! What leaders acknowledged, and which of it holds when the run ends: the truth is read off the view.

use harrow_broker_model::note::{ExchangeNote, LogNote, Note, ProducerNote};
use harrow_broker_model::types::{Offset, TopicId, TopicPartition};

use crate::truth::{Acknowledged, Deletion, PartitionTruth};
use crate::view::{ClusterView, PartitionView};

/// Acknowledgements as they are stated, until the end of the run tells which of them hold.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    list: Vec<Statement>,
    deletions: Vec<(TopicPartition, Deletion)>,
    /// When a client took a topic for another one of its name.
    replacements: Vec<(TopicId, u64)>,
}

#[derive(Debug)]
struct Statement {
    partition: TopicPartition,
    checksum: u32,
    acknowledged: Acknowledged,
}

impl Acknowledgements {
    /// Takes over what the truth needs; other notes are passed by.
    pub(crate) fn note(&mut self, at_ns: u64, note: &Note) {
        if let Note::Producer(ProducerNote::ProduceAcknowledged {
            partition,
            leader_epoch,
            base_offset,
            last_offset,
            checksum,
            acks,
            ..
        }) = note
        {
            let (first, last) = (base_offset.0, last_offset.0);
            let (leader_epoch, acks, committed) = (*leader_epoch, *acks, false);
            let acknowledged = Acknowledged { at_ns, first, last, leader_epoch, acks, committed };
            let statement = Statement { partition: *partition, checksum: *checksum, acknowledged };
            self.list.push(statement);
        } else if let Note::Log(LogNote::RecordsDeleted { partition, to, reason, .. }) = note {
            self.deletions.push((*partition, Deletion { at_ns, end: to.0, reason: *reason }));
        } else if let Note::Exchange(ExchangeNote::TopicReplaced { after, .. }) = note {
            self.replacements.push((*after, at_ns));
        }
    }

    /// What was deleted of a partition, further than before.
    fn deletions_of(&self, partition: TopicPartition) -> Vec<Deletion> {
        let mut furthest = 0;
        let of_it = self.deletions.iter().filter(|(of, _)| *of == partition);
        let further = of_it.filter(|(_, deletion)| {
            let is_further = deletion.end > furthest;
            furthest = furthest.max(deletion.end);
            is_further
        });
        further.map(|(_, deletion)| *deletion).collect()
    }

    /// When clients took this topic for another one that they knew.
    fn replacements_by(&self, topic: TopicId) -> Vec<u64> {
        let by_it = self.replacements.iter().filter(|(after, _)| *after == topic);
        by_it.map(|(_, at_ns)| *at_ns).collect()
    }

    /// What is true of the partition of this name at the end; of one that never came to be, nothing is.
    pub(crate) fn truth(
        &self,
        view: &ClusterView,
        name: String,
        partition: Option<TopicPartition>,
    ) -> PartitionTruth {
        let Some(view) = partition.and_then(|partition| view.partition(partition)) else {
            return PartitionTruth { name, ..PartitionTruth::default() };
        };
        let high_watermark = view.committed.end().0;
        let of_it = self.list.iter().filter(|statement| statement.partition == view.partition);
        PartitionTruth {
            name,
            log_start_offset: log_start_offset(view).0,
            last_stable_offset: high_watermark,
            high_watermark,
            deletions: self.deletions_of(view.partition),
            deleted_ns: view.deleted_ns,
            taken_for_another_ns: self.replacements_by(view.partition.topic),
            losses: view.losses.clone(),
            lost_in: view.lost_in,
            elections: view.elections.clone(),
            compacted: !view.compaction.is_empty(),
            acknowledged: of_it.map(|statement| statement.settled(view)).collect(),
        }
    }
}

impl Statement {
    fn settled(&self, view: &PartitionView) -> Acknowledged {
        let Acknowledged { first, last, .. } = self.acknowledged;
        let entry = view.committed.entry_at(Offset(first));
        let committed = entry.is_some_and(|entry| {
            let batch = &entry.batch;
            (batch.base_offset.0, batch.last_offset.0, batch.checksum)
                == (first, last, self.checksum)
        });
        Acknowledged { committed, ..self.acknowledged }
    }
}

/// The leader's; if nobody leads, the lowest that a replica has.
fn log_start_offset(view: &PartitionView) -> Offset {
    let leader = view.registration.as_ref().and_then(|registration| registration.leader);
    let of_leader = leader.and_then(|leader| view.replica(leader));
    let lowest = view.replicas().iter().map(|replica| replica.log_start_offset).min();
    of_leader.map(|replica| replica.log_start_offset).or(lowest).unwrap_or(Offset::ZERO)
}
