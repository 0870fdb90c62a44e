//! What the controller is to hear of where this broker's replicas are. Source: KIP-858, Kafka's `AssignmentsManager`.
//!
//! One request is in flight; what comes meanwhile waits for the next one. A request that nobody decided is sent again,
//! and so is a replica that was refused, as long as the metadata has it here and elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::ms;
use crate::message::ClusterError;
use crate::node::Deadline;
use crate::types::{DirectoryId, Time, TopicPartition};

/// At most so many replicas in a request. Source: `AssignReplicasToDirsRequest.MAX_ASSIGNMENTS_PER_REQUEST`.
const REPLICAS_MAX: usize = 2250;

/// First pause after a failure, in milliseconds; doubles up to the last. Source: `AssignmentsManager.STANDARD_BACKOFF`.
const BACKOFF_MS: u64 = 100;
const BACKOFF_MAX_MS: u64 = 10_000;

/// Assignments that the controller has not taken.
#[derive(Debug, Default)]
pub(super) struct Assignments {
    ready: BTreeMap<TopicPartition, DirectoryId>,
    in_flight: BTreeMap<TopicPartition, DirectoryId>,
    failures: u32,
    not_before: Time,
}

impl Assignments {
    /// A replica is in another directory than the metadata says.
    pub(super) fn submit(&mut self, partition: TopicPartition, directory: DirectoryId) {
        if self.in_flight.get(&partition) != Some(&directory) {
            self.ready.insert(partition, directory);
        }
    }

    /// What is to be sent now, if anything is; `is_news` says what still has to be told.
    pub(super) fn next(
        &mut self,
        now: Time,
        is_news: impl Fn(TopicPartition, DirectoryId) -> bool,
    ) -> Vec<(TopicPartition, DirectoryId)> {
        if !self.in_flight.is_empty() || self.ready.is_empty() || now < self.not_before {
            return Vec::new();
        }
        self.ready.retain(|partition, directory| is_news(*partition, *directory));
        while self.in_flight.len() < REPLICAS_MAX
            && let Some((partition, directory)) = self.ready.pop_first()
        {
            self.in_flight.insert(partition, directory);
        }
        self.in_flight.iter().map(|(partition, directory)| (*partition, *directory)).collect()
    }

    /// The controller looked at each replica: those that it refused are told again.
    pub(super) fn decided(&mut self, now: Time, of: &[(TopicPartition, Option<ClusterError>)]) {
        self.failures = 0;
        let taken = |partition: &TopicPartition| of.contains(&(*partition, None));
        let sent = std::mem::take(&mut self.in_flight);
        let refused: Vec<_> = sent.into_iter().filter(|(partition, _)| !taken(partition)).collect();
        if !refused.is_empty() {
            self.not_before = now + ms(BACKOFF_MS);
        }
        self.wait_again(refused);
    }

    /// Nobody decided the request in flight, or nobody knows.
    pub(super) fn lost(&mut self, now: Time) {
        self.not_before = now + self.backoff();
        self.failures = self.failures.saturating_add(1);
        let sent = std::mem::take(&mut self.in_flight);
        self.wait_again(sent);
    }

    /// What was said since counts.
    fn wait_again(&mut self, sent: impl IntoIterator<Item = (TopicPartition, DirectoryId)>) {
        for (partition, directory) in sent {
            self.ready.entry(partition).or_insert(directory);
        }
    }

    fn backoff(&self) -> Duration {
        ms((BACKOFF_MS << self.failures.min(10)).min(BACKOFF_MAX_MS))
    }

    /// When the next request may be sent.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let waits = self.in_flight.is_empty() && !self.ready.is_empty();
        waits.then_some(Deadline { at: self.not_before, why: "replica assignment is due" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    const ONE: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };
    const OTHER: TopicPartition = TopicPartition { topic: TopicId(1), partition: 1 };
    const HERE: DirectoryId = DirectoryId(100);
    const THERE: DirectoryId = DirectoryId(101);

    fn all(_: TopicPartition, _: DirectoryId) -> bool {
        true
    }

    #[test]
    fn a_lost_request_is_made_again_with_what_came_meanwhile() {
        let mut assignments = Assignments::default();
        assignments.submit(ONE, HERE);
        assert_eq!(assignments.next(Time(0), all), [(ONE, HERE)]);
        assignments.submit(OTHER, HERE);
        assignments.submit(ONE, THERE);
        assert_eq!(assignments.next(Time(0), all), [], "one request at a time");
        assignments.lost(Time(0));
        let due = assignments.deadline().expect("two replicas wait").at;
        assert_eq!(assignments.next(Time(0), all), [], "within the pause");
        assert_eq!(assignments.next(due, all), [(ONE, THERE), (OTHER, HERE)]);
        assignments.decided(due, &[(ONE, None), (OTHER, Some(ClusterError::InvalidRequest))]);
        let due = assignments.deadline().expect("one was refused").at;
        assert_eq!(assignments.next(due, all), [(OTHER, HERE)]);
        assignments.decided(due, &[(OTHER, None)]);
        assert_eq!(assignments.deadline(), None);
    }

    #[test]
    fn what_the_metadata_has_by_now_is_not_told() {
        let mut assignments = Assignments::default();
        assignments.submit(ONE, HERE);
        assignments.submit(OTHER, HERE);
        assert_eq!(assignments.next(Time(0), |partition, _| partition == ONE), [(ONE, HERE)]);
    }
}
