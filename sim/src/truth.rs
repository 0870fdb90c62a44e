//! What is true of each partition at the end of a run, for those who judge what clients saw.
//!
//! Clients know what they were told. Whether a record that was acknowledged is in the committed log, was there once, or
//! never was, only the cluster itself knows: this is that knowledge, as data.

use harrow_broker_model::note::{Note, ProducerNote};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use crate::view::{ClusterView, PartitionView};

/// A partition as it truly was when the run ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionTruth {
    /// Its name, such as `orders-0`.
    pub name: String,
    /// First offset that may be read.
    pub log_start_offset: i64,
    /// A reader with `read_committed` gets what is below. The true high watermark as long as there are no
    /// transactions.
    pub last_stable_offset: i64,
    /// The true high watermark: everything below is committed.
    pub high_watermark: i64,
    /// Each time that committed records were lost, oldest first.
    pub losses: Vec<Loss>,
    /// The newest epoch whose election lost committed records or was unclean: what leaders of earlier epochs
    /// acknowledge binds nobody.
    pub lost_in: Option<LeaderEpoch>,
    /// What leaders acknowledged, oldest first.
    pub acknowledged: Vec<Acknowledged>,
}

/// Committed records were lost: a leader that does not hold them was elected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// True time, in nanoseconds.
    pub at_ns: u64,
    /// First offset that is gone.
    pub first: i64,
    /// The offset after the last one that is gone.
    pub end: i64,
    /// Who leads without them.
    pub leader: NodeId,
    /// In which epoch.
    pub leader_epoch: LeaderEpoch,
}

impl Loss {
    /// Whether it took what was at this offset.
    pub fn covers(&self, offset: i64) -> bool {
        self.first <= offset && offset < self.end
    }
}

/// A leader answered a produce with success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// True time, in nanoseconds.
    pub at_ns: u64,
    /// First offset told.
    pub first: i64,
    /// Last offset told.
    pub last: i64,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// As asked for: -1 is all.
    pub acks: i16,
    /// Whether the batch is in the committed log, at this place, when the run ends.
    pub committed: bool,
}

/// Acknowledgements as they are stated, until the end of the run tells which of them hold.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    list: Vec<Statement>,
}

#[derive(Debug)]
struct Statement {
    partition: TopicPartition,
    checksum: u32,
    acknowledged: Acknowledged,
}

impl Acknowledgements {
    /// Takes an acknowledgement over; other notes are passed by.
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
        }
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
            losses: view.losses.clone(),
            lost_in: view.lost_in,
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
