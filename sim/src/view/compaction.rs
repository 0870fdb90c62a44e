//! What the cleaner leaves of logs. The mirrors keep what was written: a batch that was cleaned stays in them as it
//! was, so that logs which were cleaned differently are still compared by what they are copies of. Beside that stands
//! what each replica really has, and what the records of a compacted partition are.

use std::collections::BTreeMap;

use harrow_broker_model::note::{
    AppendOrigin, BatchSummary, CleanedBatch, ConsumerNote, LogNote, Note,
};
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use super::{ClusterView, PartitionView};

impl PartitionView {
    /// The cleaner put batches in the place of what a replica had in a range.
    pub(super) fn clean_replica(
        &mut self,
        node: NodeId,
        (from, to): (Offset, Offset),
        batches: &[CleanedBatch],
    ) {
        for batch in batches {
            let key = (batch.batch.base_offset, batch.batch.checksum);
            let same = self.compaction.originals.get(&(key.0, batch.batch.leader_epoch));
            if same.is_none_or(|original| original.checksum != key.1) {
                self.compaction.cleaned.insert(key, batch.clone());
            }
        }
        let Some(replica) = self.known_replica_mut(node) else { return };
        let kept: BTreeMap<Offset, &CleanedBatch> =
            batches.iter().map(|it| (it.batch.base_offset, it)).collect();
        for entry in replica.log.between(from, to) {
            let base = entry.batch.base_offset;
            match kept.get(&base) {
                None => replica.holes.lacks(base),
                Some(batch) if batch.batch.checksum != entry.batch.checksum => {
                    replica.holes.changed.insert(base, (*batch).clone());
                }
                Some(_) => {}
            }
        }
    }

    /// The batches that were written, of those that a log has.
    pub fn as_written(&self, batches: impl Iterator<Item = BatchSummary>) -> Vec<BatchSummary> {
        batches.map(|batch| self.compaction.original_of(&batch)).collect()
    }

    /// What was written before a batch that a follower copied, and is missing at its leader.
    fn skipped(&self, node: NodeId, next: Offset) -> Vec<BatchSummary> {
        let end = self.replica(node).map_or(Offset::ZERO, |replica| replica.log.end());
        let skipped = self.committed.between(end, next);
        let whole = skipped.first().is_some_and(|first| first.batch.base_offset == end)
            && skipped.last().is_some_and(|last| last.end() == next);
        if whole { skipped.iter().map(|entry| entry.batch).collect() } else { Vec::new() }
    }

    /// A follower copied a batch; what was written in its place and before it.
    fn copied(&mut self, node: NodeId, batch: &BatchSummary) -> Vec<BatchSummary> {
        let mut written = self.skipped(node, batch.base_offset);
        let original = self.compaction.original_of(batch);
        let cleaned = self.compaction.cleaned.get(&(batch.base_offset, batch.checksum)).cloned();
        let taken = |base: &Offset| {
            let mut others = self.replicas().iter().filter(|replica| replica.node != node);
            others.any(|it| it.holes.gone.contains(base) || it.holes.may_lack.contains(base))
        };
        let bases: Vec<Offset> = written.iter().map(|gone| gone.base_offset).collect();
        let (taken, unexplained): (Vec<Offset>, Vec<Offset>) = bases.into_iter().partition(taken);
        let replica = self.replica_mut(node);
        replica.holes.unexplained.extend(&unexplained);
        for base in taken.into_iter().chain(unexplained) {
            replica.holes.lacks(base);
        }
        if let Some(cleaned) = cleaned.filter(|_| original != *batch) {
            replica.holes.changed.insert(batch.base_offset, cleaned);
        }
        written.push(original);
        written
    }

    /// A replica opened its log, which has these batches; what was written, as far as what is missing was taken by the
    /// cleaner.
    fn reopened(&mut self, node: NodeId, batches: &[BatchSummary]) -> Vec<BatchSummary> {
        let cleaned = |batch: &BatchSummary| {
            self.compaction.cleaned.get(&(batch.base_offset, batch.checksum)).cloned()
        };
        let here: Vec<(BatchSummary, Option<CleanedBatch>)> = batches
            .iter()
            .map(|batch| (self.compaction.original_of(batch), cleaned(batch)))
            .map(|(original, cleaned)| {
                let changed = cleaned.filter(|it| it.batch.checksum != original.checksum);
                (original, changed)
            })
            .collect();
        let replica = self.replica_mut(node);
        (replica.holes.changed, replica.holes.gone) = <_>::default();
        let mut written: Vec<BatchSummary> = Vec::new();
        let mut next = replica.log.start();
        for (original, changed) in here {
            let missing = replica.log.between(next, original.base_offset).iter();
            let taken: Vec<BatchSummary> = missing
                .map(|entry| entry.batch)
                .filter(|batch| replica.holes.may_lack.contains(&batch.base_offset))
                .collect();
            replica.holes.gone.extend(taken.iter().map(|batch| batch.base_offset));
            written.extend(taken);
            if let Some(changed) = changed {
                replica.holes.changed.insert(original.base_offset, changed);
            }
            next = original.last_offset.next();
            written.push(original);
        }
        // What is here again may not be missing the next time, unless it is cleaned anew.
        replica.holes.may_lack.clone_from(&replica.holes.gone);
        written
    }
}

impl ClusterView {
    /// Takes over what a note says of the files of a compacted log, and gives what it would say if nothing had been
    /// cleaned; none if that is the same.
    pub(crate) fn restore(&mut self, node: NodeId, note: &Note) -> Option<Vec<Note>> {
        let compacted = |view: &Self, partition: &TopicPartition| {
            view.partition(*partition).is_some_and(|it| !it.compaction.is_empty())
        };
        if let Note::Log(LogNote::Appended { partition, batch, origin, leader_epoch, acks }) = note
        {
            if !compacted(self, partition) {
                return None;
            }
            let (partition, leader_epoch) = (*partition, *leader_epoch);
            let (origin, acks) = (*origin, *acks);
            let view = self.partition_mut(partition);
            if origin == AppendOrigin::Leader {
                let key = (batch.base_offset, batch.leader_epoch);
                view.compaction.originals.insert(key, *batch);
                return None;
            }
            let written = view.copied(node, batch);
            let appended =
                |batch| LogNote::Appended { partition, batch, origin, leader_epoch, acks };
            return Some(written.into_iter().map(|batch| Note::Log(appended(batch))).collect());
        }
        if let Note::Log(LogNote::Recovered { partition, batches, .. }) = note {
            if !compacted(self, partition) {
                return None;
            }
            let written = self.partition_mut(*partition).reopened(node, batches);
            let mut note = note.clone();
            if let Note::Log(LogNote::Recovered { batches, .. }) = &mut note {
                *batches = written;
            }
            return Some(vec![note]);
        }
        if let Note::Consumer(ConsumerNote::RecordsServed { partition, batches, .. }) = note {
            if !compacted(self, partition) {
                return None;
            }
            let written = self.partition(*partition)?.as_written(batches.iter().copied());
            let mut note = note.clone();
            if let Note::Consumer(ConsumerNote::RecordsServed { batches, .. }) = &mut note {
                *batches = written;
            }
            return Some(vec![note]);
        }
        None
    }

    /// Whether a partition's logs are compacted.
    pub fn is_compacted(&self, partition: TopicPartition) -> bool {
        let topic = self.registry().topic(partition.topic);
        topic.is_some_and(|topic| topic.retention.compaction.compacts())
    }
}
