//! Transport of ISR proposals: one request in flight at a time, sent again until the controller decides.
//!
//! Source: rules 2.3, KIP-497, Kafka's `AlterPartitionManager`.

use std::collections::VecDeque;

use crate::broker::context::RETRY_BACKOFF_MS;
use crate::config::ms;
use crate::message::AlterPartitionRequest;
use crate::node::Deadline;
use crate::types::{Time, TopicPartition};

/// Proposals to be sent.
#[derive(Debug, Default)]
pub(super) struct AlterPartitions {
    queue: VecDeque<TopicPartition>,
    in_flight: Option<AlterPartitionRequest>,
    not_before: Time,
}

impl AlterPartitions {
    /// The partition has a proposal; it is asked for it when its turn comes.
    pub(super) fn enqueue(&mut self, partition: TopicPartition) {
        let under_way = self.in_flight.as_ref().is_some_and(|sent| sent.partition == partition);
        if !under_way && !self.queue.contains(&partition) {
            self.queue.push_back(partition);
        }
    }

    /// The partition whose turn it is, if nothing is in flight.
    pub(super) fn next(&mut self, now: Time) -> Option<TopicPartition> {
        if self.in_flight.is_some() || now < self.not_before {
            return None;
        }
        self.queue.pop_front()
    }

    /// The proposal is on its way.
    pub(super) fn sent(&mut self, request: AlterPartitionRequest) {
        assert!(
            self.in_flight.is_none(),
            "two proposals in flight: {:?} and {request:?}",
            self.in_flight
        );
        self.in_flight = Some(request);
    }

    /// The proposal was answered: takes it out.
    pub(super) fn answered(&mut self) -> AlterPartitionRequest {
        self.in_flight.take().expect("an answer to a proposal comes while it is in flight")
    }

    /// An answer was no success: nothing is sent for a while.
    pub(super) fn pause(&mut self, now: Time) {
        self.not_before = now + ms(RETRY_BACKOFF_MS);
    }

    /// When the next proposal may be sent.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        if self.in_flight.is_some() || self.queue.is_empty() {
            return None;
        }
        Some(Deadline { at: self.not_before, why: "ISR proposal is due" })
    }
}
