//! What a client that fetches is given: where it stands, and which of the fetched records its application gets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use harrow_broker_model::note::{BatchKind, IsolationLevel};
use harrow_broker_model::proto::{FetchRequest, PartitionData};
use harrow_broker_model::record::RecordBatch;

/// A partition by topic and number.
pub(super) type Place = (String, i32);

/// Where somebody who fetches on a connection stands.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The partitions of the fetch session, or of the last fetch, with the offset that is wanted of each.
    wanted: BTreeMap<Place, i64>,
    /// Where it stands as far as it was told.
    positions: BTreeMap<Place, i64>,
    /// Whether it reads everything from the start, whatever it names in a request.
    reads_all: bool,
}

impl Reader {
    /// It reads all from the start.
    pub(super) fn reads_all(&mut self) {
        self.reads_all = true;
    }

    /// It asks. What it wants is as the request says; in a session, the rest is as it was. Source: KIP-227.
    pub(super) fn asks(&mut self, request: &FetchRequest) {
        if request.session_epoch <= 0 {
            self.wanted.clear();
        }
        for topic in &request.forgotten_topics_data {
            for partition in &topic.partitions {
                self.wanted.remove(&(topic.topic.0.to_string(), *partition));
            }
        }
        for topic in &request.topics {
            for asked in &topic.partitions {
                let place = (topic.topic.0.to_string(), asked.partition);
                self.wanted.insert(place, asked.fetch_offset);
            }
        }
    }

    /// Where it wants to read a partition.
    pub(super) fn wanted(&self, place: &Place) -> Option<i64> {
        self.wanted.get(place).copied()
    }

    /// All partitions that it has, and those in which it is not where it was told to be: it has moved there.
    pub(super) fn moves(&mut self) -> (Vec<Place>, Vec<(Place, i64)>) {
        let mut seeks = Vec::new();
        if self.reads_all {
            return (Vec::new(), seeks);
        }
        for (place, wanted) in &self.wanted {
            if self.positions.get(place) != Some(wanted) {
                seeks.push((place.clone(), *wanted));
                self.positions.insert(place.clone(), *wanted);
            }
        }
        self.positions.retain(|place, _| self.wanted.contains_key(place));
        (self.wanted.keys().cloned().collect(), seeks)
    }

    /// It was told of a partition up to an offset.
    pub(super) fn position_given(&mut self, place: Place, next: i64) {
        self.positions.insert(place, next);
    }
}

/// The batches whose records the application gets, in order, and where it stands after them. Source: Kafka's
/// `CompletedFetch.nextFetchedRecord`.
pub(super) fn delivered(
    data: &PartitionData,
    isolation: IsolationLevel,
) -> (Vec<RecordBatch>, Option<i64>) {
    let bytes = data.records.clone().unwrap_or_default();
    let (batches, _, _) = RecordBatch::parse_all(bytes);
    let next = batches.last().map(|batch| batch.next_offset().0);
    let mut aborted: VecDeque<(i64, i64)> = match isolation {
        IsolationLevel::ReadUncommitted => VecDeque::new(),
        IsolationLevel::ReadCommitted => {
            let aborted = data.aborted_transactions.iter().flatten();
            let mut list: Vec<(i64, i64)> =
                aborted.map(|one| (one.first_offset, one.producer_id.0)).collect();
            list.sort_unstable();
            list.into()
        }
    };
    let mut aborting: BTreeSet<i64> = BTreeSet::new();
    let mut given = Vec::new();
    for batch in batches {
        let producer = batch.header().producer_id.0;
        while aborted.front().is_some_and(|(first, _)| *first <= batch.last_offset().0) {
            aborting.extend(aborted.pop_front().map(|(_, producer)| producer));
        }
        if batch.is_control() {
            if batch.kind() == BatchKind::AbortMarker {
                aborting.remove(&producer);
            }
        } else if !(batch.header().is_transactional() && aborting.contains(&producer)) {
            given.push(batch);
        }
    }
    (given, next)
}
