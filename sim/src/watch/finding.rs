//! What invariants are called, and how they report.

use std::collections::BTreeMap;

use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use crate::view::ClusterView;
use crate::violation::{Guarantee, Violation};

/// A promise about true state that is checked at each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invariant {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// What holds, in one sentence.
    pub promise: &'static str,
    /// Where that is from.
    pub source: &'static str,
    /// What it does not verify.
    pub leaves_out: &'static str,
    /// The ways in which it can be broken.
    pub anomalies: &'static [Anomaly],
}

/// A way in which an invariant can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anomaly {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// What is broken by it.
    pub guarantee: Guarantee,
    /// What happened, in one sentence.
    pub meaning: &'static str,
}

/// The step that is judged and the state before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) at_ns: u64,
    pub(super) event: u64,
    pub(super) node: NodeId,
    pub(super) view: &'a ClusterView,
}

/// What is reported once: an anomaly, where, and at which node, as a disk's faults excuse its own node alone.
type Kind = (&'static str, Option<TopicPartition>, NodeId);

/// What was found: the first of each kind.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Where the first of each is in the list.
    known: BTreeMap<Kind, usize>,
    violations: Vec<Violation>,
}

impl Findings {
    /// Reports a broken invariant; `summary` is only asked for the first of its kind.
    pub(super) fn report(
        &mut self,
        context: &Context<'_>,
        anomaly: &Anomaly,
        place: impl Into<Place>,
        summary: impl FnOnce() -> String,
    ) {
        let Place { partition, offsets } = place.into();
        let offsets = offsets.map(|(first, last)| (first.0, last.0));
        let kind = (anomaly.name, partition, context.node);
        if let Some(first) = self.known.get(&kind) {
            // The list was taken out since if another one is there, or none.
            if let Some(violation) = self.violations.get_mut(*first)
                && violation.anomaly == anomaly.name
                && violation.partition == partition
                && violation.node == context.node
            {
                violation.repeated(offsets);
            }
            return;
        }
        self.known.insert(kind, self.violations.len());
        let view = partition.and_then(|partition| context.view.partition(partition));
        let name =
            partition.map(|partition| format!("{}: ", context.view.partition_name(partition)));
        self.violations.push(Violation {
            anomaly: anomaly.name.to_owned(),
            guarantee: anomaly.guarantee,
            at_ns: context.at_ns,
            event: context.event,
            node: context.node,
            partition,
            offsets,
            reach: offsets,
            count: 1,
            summary: format!("{}{}", name.unwrap_or_default(), summary()),
            evidence: view.map(|view| view.evidence(context.node)).unwrap_or_default(),
        });
    }

    pub(super) fn take(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.violations)
    }
}

/// Where something is broken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    partition: Option<TopicPartition>,
    offsets: Option<(Offset, Offset)>,
}

impl Place {
    /// Nowhere in particular: the cluster, a group or a transaction as a whole.
    pub(super) const CLUSTER: Self = Self { partition: None, offsets: None };
}

impl From<TopicPartition> for Place {
    fn from(partition: TopicPartition) -> Self {
        Self { partition: Some(partition), offsets: None }
    }
}

impl From<(TopicPartition, Offset, Offset)> for Place {
    fn from((partition, first, last): (TopicPartition, Offset, Offset)) -> Self {
        Self { partition: Some(partition), offsets: Some((first, last)) }
    }
}
