//! What became of the faults that a plan wanted: those that were left out or weakened are told with their reasons, or
//! a run would seem to survive what was never done to it.

use std::collections::BTreeMap;

use harrow_sim::plan::Plan;
use harrow_sim::run::{InjectedFault, Run};
use serde::{Deserialize, Serialize};

/// What became of the planned faults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FaultCounts {
    /// Faults of the plan, and nodes that it leaves outside the heal.
    pub planned: u64,
    /// Faults that were done to the cluster, the weakened ones included.
    pub injected: u64,
    /// Faults that were done in a weaker form.
    pub weakened: u64,
    /// Faults that were left out.
    pub held_back: u64,
    /// Why, the most frequent reason first; absent if all came as planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<FaultDeviation>,
    /// The scenario's setting that lets all of them be done as planned, if that alone is in the way of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted_by: Option<String>,
}

/// Faults of one kind that were not done as planned, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FaultDeviation {
    /// What became of them.
    pub how: Deviation,
    /// Kind of the fault, as in the plan.
    pub kind: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// What becomes of a fault that is not done as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deviation {
    /// It was left out.
    HeldBack,
    /// Something less was done, such as a crash in place of a power loss.
    Weakened,
}

impl FaultCounts {
    /// Counts the faults of a run.
    pub fn of(plan: &Plan, run: &Run) -> Self {
        let outside = plan.core.as_ref().map_or(0, |core| core.outside.len());
        let deviations = deviations(&run.faults);
        let sum = |how: Deviation| {
            deviations.iter().filter(|group| group.how == how).map(|group| group.count).sum()
        };
        Self {
            planned: (plan.steps.len() + outside) as u64,
            injected: run.stats.faults,
            weakened: sum(Deviation::Weakened),
            held_back: sum(Deviation::HeldBack),
            lifted_by: lifted_by(&deviations),
            deviations,
        }
    }
}

const DOWN: &str = "the target was down";
const NOBODY: &str = "nobody was the target";

/// By which words reasons say that the configuration does not promise to survive the fault.
const UNSURVIVABLE: [&str; 9] = [
    "it may vote twice in one epoch",
    "a replica that lost data may still be elected",
    "a replica that lost records may lead",
    "replicas would be lossy",
    "no other electable replica",
    "the quorum has no majority",
    "replicas are less than min.insync.replicas",
    "no configuration survives",
    "while the configuration would survive the loss",
];

/// What is no matter of targets, and was not refused by who was asked to do it.
fn lifted_by(deviations: &[FaultDeviation]) -> Option<String> {
    let unsurvivable =
        |group: &FaultDeviation| UNSURVIVABLE.iter().any(|words| group.reason.contains(words));
    deviations.iter().any(unsurvivable).then(|| "expect.loss_allowed".to_owned())
}

/// One that is held back entirely names no node.
fn deviations(faults: &[InjectedFault]) -> Vec<FaultDeviation> {
    let mut groups: BTreeMap<(Deviation, String, String), u64> = BTreeMap::new();
    for fault in faults {
        let Some(reason) = &fault.held_back else { continue };
        let how = if fault.nodes.is_empty() { Deviation::HeldBack } else { Deviation::Weakened };
        *groups.entry((how, fault.kind.clone(), cause(reason))).or_default() += 1;
    }
    let mut deviations: Vec<FaultDeviation> = groups
        .into_iter()
        .map(|((how, kind, reason), count)| FaultDeviation { how, kind, reason, count })
        .collect();
    deviations.sort_by_key(|group| (group.how, std::cmp::Reverse(group.count)));
    deviations
}

/// The reason without what differs from one fault to the next: the node, the partition.
fn cause(reason: &str) -> String {
    let reason = reason.strip_prefix("weakened to a crash: ").unwrap_or(reason);
    let reason = [" held back: ", " crashed only: "]
        .iter()
        .find_map(|what| reason.split_once(what))
        .map_or(reason, |(_, reason)| reason);
    if reason.ends_with(" is down") {
        return DOWN.to_owned();
    }
    if reason.ends_with(" is nobody now") {
        return NOBODY.to_owned();
    }
    match reason.split_once(": ") {
        Some((place, rest)) if !place.contains(' ') => rest.to_owned(),
        Some(_) | None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::types::NodeId;

    use super::*;

    fn fault(kind: &str, nodes: &[i32], reason: Option<&str>) -> InjectedFault {
        InjectedFault {
            step: 1,
            at_ms: 1,
            kind: kind.to_owned(),
            nodes: nodes.iter().copied().map(NodeId).collect(),
            summary: String::new(),
            held_back: reason.map(str::to_owned),
            lossy: false,
        }
    }

    #[test]
    fn faults_are_counted_by_what_became_of_them_and_why() {
        let limit = "2 replicas would be lossy, its configuration survives 1";
        let faults = [
            fault("crash", &[1], None),
            fault("wipe-disk", &[2], Some(&format!("weakened to a crash: orders-0: {limit}"))),
            fault("wipe-disk", &[3], Some(&format!("weakened to a crash: pay-7: {limit}"))),
            fault("crash", &[], Some("node 3 (leader-of orders-0) is down")),
            fault("crash", &[], Some("controller is nobody now")),
            fault("crash", &[], Some("node 1 (any-broker) is down")),
            fault("whole-cluster-outage", &[1], Some(&format!("node 2 held back: a-0: {limit}"))),
            fault("lying-sync", &[], Some("no configuration survives syncs that lie")),
            fault("move-replicas", &[], Some("it was refused: InvalidReplicaAssignment")),
            fault("create-topic", &[], Some("the topic is there")),
        ];
        let told: Vec<(Deviation, &str, String, u64)> = deviations(&faults)
            .into_iter()
            .map(|group| {
                let kind = faults.iter().find(|fault| fault.kind == group.kind);
                (group.how, kind.expect("it is one").kind.as_str(), group.reason, group.count)
            })
            .collect();
        let lies = "no configuration survives syncs that lie";
        let refused = "it was refused: InvalidReplicaAssignment";
        let wanted = [
            (Deviation::HeldBack, "crash", "the target was down", 2),
            (Deviation::HeldBack, "crash", "nobody was the target", 1),
            (Deviation::HeldBack, "create-topic", "the topic is there", 1),
            (Deviation::HeldBack, "lying-sync", lies, 1),
            (Deviation::HeldBack, "move-replicas", refused, 1),
            (Deviation::Weakened, "wipe-disk", limit, 2),
            (Deviation::Weakened, "whole-cluster-outage", limit, 1),
        ];
        let wanted = wanted.map(|(how, kind, reason, count)| (how, kind, reason.to_owned(), count));
        assert_eq!(told, wanted);
        let all = deviations(&faults);
        assert_eq!(lifted_by(&all).as_deref(), Some("expect.loss_allowed"));
        let survivable =
            |group: &FaultDeviation| !["lying-sync", "wipe-disk"].contains(&&*group.kind);
        let others: Vec<FaultDeviation> = all.into_iter().filter(survivable).collect();
        let others: Vec<FaultDeviation> =
            others.into_iter().filter(|group| group.reason != limit).collect();
        assert_eq!((others.len(), lifted_by(&others)), (4, None), "they are no matter of losses");
    }
}
