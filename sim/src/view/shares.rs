//! How far share groups are.

use std::collections::BTreeMap;

use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

/// The start offset of each share-partition, as its newest leader has it.
#[derive(Debug, Default)]
pub(super) struct Shares {
    starts: BTreeMap<(String, TopicPartition), (LeaderEpoch, Offset)>,
}

impl Shares {
    pub(super) fn start_offset_moved(
        &mut self,
        (group, partition): (&str, TopicPartition),
        epoch: LeaderEpoch,
        to: Offset,
    ) {
        let known = self.starts.entry((group.to_owned(), partition)).or_insert((epoch, to));
        if epoch >= known.0 {
            *known = (epoch, to);
        }
    }

    pub(super) fn start_offset(&self, group: &str, partition: TopicPartition) -> Option<Offset> {
        self.starts.get(&(group.to_owned(), partition)).map(|(_, start)| *start)
    }
}
