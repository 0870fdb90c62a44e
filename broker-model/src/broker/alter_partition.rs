//! Transport of ISR proposals: each is sent as it was made, again and again, until the controller decides.
//!
//! A partition has at most one proposal here. Whatever it proposes while an earlier one is undecided is not attempted:
//! the earlier one may still take effect. A request whose answer was lost is sent again unchanged. Source: rules 2.3,
//! KIP-497, Kafka's `AlterPartitionManager`.

use std::collections::VecDeque;

use crate::broker::context::RETRY_BACKOFF_MS;
use crate::config::ms;
use crate::message::AlterPartitionRequest;
use crate::node::Deadline;
use crate::types::{Time, TopicPartition};

/// Proposals that the controller has not decided.
#[derive(Debug, Default)]
pub(super) struct AlterPartitions {
    /// In the order of their making; the first is in flight or next.
    undecided: VecDeque<AlterPartitionRequest>,
    in_flight: bool,
    not_before: Time,
}

impl AlterPartitions {
    /// Takes a proposal; false if an earlier one of its partition is undecided.
    pub(super) fn submit(&mut self, proposal: AlterPartitionRequest) -> bool {
        let of_same = |earlier: &AlterPartitionRequest| earlier.partition == proposal.partition;
        if self.undecided.iter().any(of_same) {
            return false;
        }
        self.undecided.push_back(proposal);
        true
    }

    /// The proposal to send now, if there is one and nothing is in flight.
    pub(super) fn next(&mut self, now: Time) -> Option<&AlterPartitionRequest> {
        if self.in_flight || now < self.not_before {
            return None;
        }
        self.undecided.front()
    }

    /// The proposal is on its way.
    pub(super) fn sent(&mut self) {
        assert!(!self.in_flight, "two proposals in flight: {:?}", self.undecided);
        assert!(!self.undecided.is_empty(), "a proposal is sent, none is undecided");
        self.in_flight = true;
    }

    /// The controller decided the proposal in flight: takes it out.
    pub(super) fn decided(&mut self, partition: TopicPartition) -> AlterPartitionRequest {
        assert!(self.in_flight, "{partition} is decided, nothing is in flight");
        self.in_flight = false;
        let sent = self.undecided.pop_front().expect("what is in flight is undecided");
        assert!(sent.partition == partition, "asked {}, answered {partition}", sent.partition);
        sent
    }

    /// Nobody decided the proposal in flight: it is sent again after a while.
    pub(super) fn failed(&mut self, now: Time) {
        assert!(self.in_flight, "no proposal is in flight, yet one failed");
        self.in_flight = false;
        self.not_before = now + ms(RETRY_BACKOFF_MS);
    }

    /// When the next proposal may be sent.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        if self.in_flight || self.undecided.is_empty() {
            return None;
        }
        Some(Deadline { at: self.not_before, why: "ISR proposal is due" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, PartitionEpoch, TopicId};

    fn proposal(partition: i32, isr: &[(i32, i64)]) -> AlterPartitionRequest {
        AlterPartitionRequest {
            broker: NodeId(1),
            broker_epoch: BrokerEpoch(11),
            partition: TopicPartition { topic: TopicId(1), partition },
            leader_epoch: LeaderEpoch(1),
            partition_epoch: PartitionEpoch(1),
            new_isr: isr.iter().map(|(node, epoch)| (NodeId(*node), BrokerEpoch(*epoch))).collect(),
            recovering: false,
        }
    }

    #[test]
    fn an_unanswered_proposal_is_sent_again_as_it_was_made() {
        let mut transport = AlterPartitions::default();
        let made = proposal(0, &[(1, 11), (2, 12)]);
        assert!(transport.submit(made.clone()));
        transport.sent();
        transport.failed(Time::ZERO);
        assert!(!transport.submit(proposal(0, &[(1, 11), (2, 99)])), "not attempted");
        assert_eq!(transport.next(Time::ZERO), None, "not before the back-off is over");
        let later = Time::ZERO + ms(RETRY_BACKOFF_MS);
        assert_eq!(transport.next(later), Some(&made), "KIP-903: the broker epochs of then");
    }

    #[test]
    fn one_is_in_flight_and_the_others_wait_for_their_turn() {
        let mut transport = AlterPartitions::default();
        let (first, second) = (proposal(0, &[(1, 11)]), proposal(1, &[(1, 11)]));
        assert!(transport.submit(first.clone()) && transport.submit(second.clone()));
        transport.sent();
        assert_eq!(transport.next(Time::ZERO), None);
        assert_eq!(transport.decided(first.partition), first);
        assert_eq!(transport.next(Time::ZERO), Some(&second));
    }
}
