//! What groups have committed of a topic goes with the topic: one that is created again under its name begins with
//! nothing, and so do its groups. Source: KAFKA-2000, `GroupCoordinatorService.onPartitionsDeleted`,
//! `OffsetMetadataManager.onPartitionsDeleted`.
//!
//! Not covered, as in Kafka: partitions of the coordinator's topic that are being loaded when the topic is deleted, and
//! commits that come after it.

use super::coordinator::{GroupCoordinator, Todo};
use super::records::offset_tombstone;
use super::waiter::Waiter;

impl GroupCoordinator {
    /// Topics of these names are deleted.
    pub(crate) fn topics_deleted(&mut self, names: &[String]) {
        for partition in self.runtime.serving().collect::<Vec<_>>() {
            let Ok(context) = self.runtime.active(partition) else { continue };
            let places = context.written().places_in(names);
            if !places.is_empty() {
                let gone = places.iter().map(|(group, place)| offset_tombstone(group, place));
                self.todo.push_back(Todo::Write(partition, gone.collect(), Waiter::Nobody));
            }
        }
    }
}
