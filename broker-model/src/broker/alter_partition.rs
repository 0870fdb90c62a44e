//! Transport of ISR proposals: each is sent as it was made, again and again, until the controller decides.
//!
//! One request is in flight; it has all proposals that were there when it was made, and what is proposed meanwhile
//! waits for the next one. A partition has at most one proposal here. Whatever it proposes while an earlier one is
//! undecided is not attempted: the earlier one may still take effect. A request whose answer was lost, or that did not
//! reach the active controller, is sent again unchanged; one that is refused as a whole is made anew. The controller
//! decides each partition for itself. Source: rule 2.3.5, KIP-497, Kafka's `AlterPartitionManager` and
//! `NodeToControllerRequestThread`.

use crate::broker::context::RETRY_BACKOFF_MS;
use crate::config::ms;
use crate::message::{AlterPartitionItem, AlteredPartition};
use crate::node::Deadline;
use crate::types::Time;

/// Proposals that the controller has not decided.
#[derive(Debug, Default)]
pub(super) struct AlterPartitions {
    /// In the order of their making; the first are those of the request in flight, or of the one to be sent again.
    undecided: Vec<AlterPartitionItem>,
    /// How many proposals the request has that was made last and is not answered.
    requested: usize,
    in_flight: bool,
    not_before: Time,
}

impl AlterPartitions {
    /// Takes a proposal; false if an earlier one of its partition is undecided.
    pub(super) fn submit(&mut self, proposal: AlterPartitionItem) -> bool {
        let of_same = |earlier: &AlterPartitionItem| earlier.partition == proposal.partition;
        if self.undecided.iter().any(of_same) {
            return false;
        }
        self.undecided.push(proposal);
        self.self_check();
        true
    }

    /// The proposals to send now: those of the request that is sent again, or all. None while a request is in flight.
    pub(super) fn next(&mut self, now: Time) -> Option<&[AlterPartitionItem]> {
        if self.in_flight || self.undecided.is_empty() || now < self.not_before {
            return None;
        }
        if self.requested == 0 {
            self.requested = self.undecided.len();
        }
        Some(&self.undecided[..self.requested])
    }

    /// The proposals are on their way.
    pub(super) fn sent(&mut self) {
        assert!(!self.in_flight, "two requests in flight: {:?}", self.undecided);
        assert!(self.requested > 0, "no proposal is sent of {:?}", self.undecided);
        self.in_flight = true;
        self.self_check();
    }

    /// The controller decided the proposals in flight: takes out those that it names, each with its answer. Any that it
    /// does not name is sent again. Source: `DefaultAlterPartitionManager.handleAlterPartitionResponse`.
    pub(super) fn decided(
        &mut self,
        altered: &[AlteredPartition],
    ) -> Vec<(AlterPartitionItem, AlteredPartition)> {
        assert!(self.in_flight, "{altered:?} is decided, nothing is in flight");
        self.in_flight = false;
        let answer = |sent: &AlterPartitionItem| {
            altered.iter().find(|one| one.partition == sent.partition).cloned()
        };
        let requested = std::mem::take(&mut self.requested);
        let mut decided = Vec::with_capacity(requested);
        let mut kept = Vec::new();
        for sent in self.undecided.drain(..requested) {
            match answer(&sent) {
                Some(answer) => decided.push((sent, answer)),
                None => kept.push(sent),
            }
        }
        self.undecided.splice(..0, kept);
        self.self_check();
        decided
    }

    /// Nobody decided the request in flight, or nobody knows: it is sent again after a while, as it was.
    pub(super) fn lost(&mut self, now: Time) {
        assert!(self.in_flight, "no proposal is in flight, yet one failed");
        self.in_flight = false;
        self.not_before = now + ms(RETRY_BACKOFF_MS);
        self.self_check();
    }

    /// The request in flight was refused as a whole: after a while another is made, of all proposals.
    pub(super) fn refused(&mut self, now: Time) {
        self.lost(now);
        self.requested = 0;
        self.self_check();
    }

    /// When the next request may be sent.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        if self.in_flight || self.undecided.is_empty() {
            return None;
        }
        Some(Deadline { at: self.not_before, why: "ISR proposal is due" })
    }

    fn self_check(&self) {
        assert!(
            self.requested <= self.undecided.len(),
            "{} proposals are requested of {:?}",
            self.requested,
            self.undecided
        );
        assert!(!self.in_flight || self.requested > 0, "a request without proposals is in flight");
        if let Some((newest, earlier)) = self.undecided.split_last() {
            let of_same = |one: &AlterPartitionItem| one.partition == newest.partition;
            assert!(!earlier.iter().any(of_same), "two proposals of {}", newest.partition);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ClusterError;
    use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, PartitionEpoch, TopicId, TopicPartition};

    fn proposal(partition: i32, isr: &[(i32, i64)]) -> AlterPartitionItem {
        AlterPartitionItem {
            partition: TopicPartition { topic: TopicId(1), partition },
            leader_epoch: LeaderEpoch(1),
            partition_epoch: PartitionEpoch(1),
            new_isr: isr.iter().map(|(node, epoch)| (NodeId(*node), BrokerEpoch(*epoch))).collect(),
            recovering: false,
        }
    }

    fn refusal(of: &AlterPartitionItem) -> AlteredPartition {
        let result = Err(ClusterError::OperationNotAttempted);
        AlteredPartition { partition: of.partition, result }
    }

    #[test]
    fn an_unanswered_proposal_is_sent_again_as_it_was_made() {
        let mut transport = AlterPartitions::default();
        let made = proposal(0, &[(1, 11), (2, 12)]);
        assert!(transport.submit(made.clone()));
        assert!(transport.next(Time::ZERO).is_some());
        transport.sent();
        transport.lost(Time::ZERO);
        assert!(!transport.submit(proposal(0, &[(1, 11), (2, 99)])), "not attempted");
        assert_eq!(transport.next(Time::ZERO), None, "not before the back-off is over");
        let later = Time::ZERO + ms(RETRY_BACKOFF_MS);
        let again = transport.next(later);
        assert_eq!(again, Some(&[made][..]), "KIP-903: the broker epochs of then");
    }

    #[test]
    fn a_request_has_all_that_was_proposed_before_it() {
        let mut transport = AlterPartitions::default();
        let made = [0, 1, 2].map(|partition| proposal(partition, &[(1, 11)]));
        assert!(transport.submit(made[0].clone()) && transport.submit(made[1].clone()));
        assert_eq!(transport.next(Time::ZERO), Some(&made[..2]));
        transport.sent();
        assert!(transport.submit(made[2].clone()));
        assert_eq!(transport.next(Time::ZERO), None, "one request at a time");
        transport.lost(Time::ZERO);
        let later = Time::ZERO + ms(RETRY_BACKOFF_MS);
        assert_eq!(transport.next(later), Some(&made[..2]), "as it was");
        transport.sent();
        transport.refused(later);
        let later = later + ms(RETRY_BACKOFF_MS);
        assert_eq!(transport.next(later), Some(&made[..]), "made anew");
    }

    #[test]
    fn each_partition_is_decided_for_itself() {
        let mut transport = AlterPartitions::default();
        let made = [0, 1, 2].map(|partition| proposal(partition, &[(1, 11)]));
        for one in &made {
            assert!(transport.submit(one.clone()));
        }
        assert!(transport.next(Time::ZERO).is_some());
        transport.sent();
        let decided = transport.decided(&[refusal(&made[2]), refusal(&made[0])]);
        assert_eq!(decided, [0, 2].map(|at| (made[at].clone(), refusal(&made[at]))));
        assert_eq!(transport.next(Time::ZERO), Some(&made[1..2]), "it was not in the answer");
        assert!(transport.submit(made[0].clone()), "it may propose again at once");
    }
}
