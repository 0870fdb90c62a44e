//! Which brokers hold a partition, while a reassignment moves it and after that.
//!
//! A reassignment first makes the replicas that it adds replicas beside all others; they fetch, and join the ISR as
//! anybody does. Only a change of the ISR that has all who are to stay ends it: then the others are no replicas any
//! more, and give up their logs. Were they dropped before that, what is committed would be on too few disks, or on
//! none. A reassignment can be replaced by another one, and cancelled: then those that it was adding go again. Source:
//! rules 2.4.10 to 2.4.12, KIP-455, Kafka's `PartitionReassignmentReplicas` and `PartitionReassignmentRevert`.

use crate::note::{PartitionRegistration, Reassignment};
use crate::types::NodeId;

/// Replicas, and what is being done to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    /// All replicas: first those that stay, in the order wanted, then those that go.
    pub(super) replicas: Vec<NodeId>,
    /// What is being done to them.
    pub(super) reassignment: Reassignment,
}

impl Assignment {
    /// As it is.
    pub(super) fn of(registration: &PartitionRegistration) -> Self {
        let PartitionRegistration { replicas, reassignment, .. } = registration.clone();
        Self { replicas, reassignment }
    }

    /// The first step from what is registered to these replicas.
    pub(super) fn towards(registration: &PartitionRegistration, target: &[NodeId]) -> Self {
        let adding = without(target, &registration.replicas);
        let removing = without(&registration.replicas, target);
        let replicas = target.iter().chain(&removing).copied().collect();
        Self { replicas, reassignment: Reassignment { adding, removing } }
    }

    /// Back to the replicas from before a reassignment, with those of the ISR that are among them. Where none is, the
    /// first replica is taken for in sync, which is an unclean election.
    pub(super) fn reverted(registration: &PartitionRegistration) -> Reverted {
        let adding = &registration.reassignment.adding;
        let keep = |nodes: &[NodeId]| -> Vec<NodeId> {
            nodes.iter().filter(|node| !adding.contains(node)).copied().collect()
        };
        let (replicas, mut isr) = (keep(&registration.replicas), keep(&registration.isr));
        let unclean = isr.is_empty();
        if unclean {
            isr.extend(replicas.first());
        }
        Reverted {
            assignment: Self { replicas, reassignment: Reassignment::default() },
            isr,
            unclean,
        }
    }

    /// Ends the reassignment if all who are to stay are in sync: the replicas that are left, and the ISR.
    pub(super) fn completed(&self, isr: &[NodeId]) -> Option<(Self, Vec<NodeId>)> {
        if !self.reassignment.is_under_way() {
            return None;
        }
        let isr = without_in_order(isr, &self.reassignment.removing);
        let replicas = without_in_order(&self.replicas, &self.reassignment.removing);
        let all_in_sync = replicas.iter().all(|replica| isr.contains(replica));
        if isr.is_empty() || replicas.is_empty() || !all_in_sync {
            return None;
        }
        Some((Self { replicas, reassignment: Reassignment::default() }, isr))
    }

    /// As [`Self::completed`], but as soon as one of those who are to stay is in sync.
    pub(super) fn cut_short(&self, isr: &[NodeId]) -> Option<(Self, Vec<NodeId>)> {
        let isr = without_in_order(isr, &self.reassignment.removing);
        if !self.reassignment.is_under_way() || isr.is_empty() {
            return None;
        }
        let replicas = without_in_order(&self.replicas, &self.reassignment.removing);
        Some((Self { replicas, reassignment: Reassignment::default() }, isr))
    }
}

/// What cancelling a reassignment leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reverted {
    pub(super) assignment: Assignment,
    pub(super) isr: Vec<NodeId>,
    /// Whether nobody of the ISR is left.
    pub(super) unclean: bool,
}

/// The difference of two lists, ascending.
fn without(nodes: &[NodeId], others: &[NodeId]) -> Vec<NodeId> {
    let mut rest = without_in_order(nodes, others);
    rest.sort_unstable();
    rest.dedup();
    rest
}

fn without_in_order(nodes: &[NodeId], others: &[NodeId]) -> Vec<NodeId> {
    nodes.iter().filter(|node| !others.contains(node)).copied().collect()
}
