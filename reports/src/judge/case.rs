//! What is judged: a history, with the run that it comes from if it is one of ours.

use std::cell::OnceCell;

use harrow_broker_model::types::NodeId;
use harrow_sim::history::History;
use harrow_sim::plan::Plan;
use harrow_sim::run::{InjectedFault, Run};
use harrow_sim::violation::Violation;

use crate::check::Options;
use crate::history_file::OperationLines;
use crate::policy::Terms;

/// What every stage may look up. No stage changes it.
pub(super) struct Case<'a> {
    /// What clients did and were told.
    pub(super) history: &'a History,
    /// What was promised, and what happened that excuses.
    pub(super) terms: &'a Terms,
    /// Which rules apply.
    pub(super) options: &'a Options,
    /// The run behind the history; none for a history from a file.
    pub(super) simulated: Option<Simulated<'a>>,
    /// Why the history may go on after its end, if it may.
    pub(super) cut: Option<String>,
    /// Of a history from a file: the lines on which its operations begin.
    pub(super) begun: Option<&'a [u32]>,
    pub(super) lines: OnceCell<OperationLines>,
}

/// A run of ours, with its plan.
#[derive(Clone, Copy)]
pub(super) struct Simulated<'a> {
    pub(super) plan: &'a Plan,
    pub(super) run: &'a Run,
}

impl<'a> Case<'a> {
    /// On which lines of its file each operation is, or of the file that a run leaves.
    pub(super) fn lines(&self) -> &OperationLines {
        self.lines.get_or_init(|| match self.begun {
            Some(begun) => OperationLines::as_read(begun, self.history),
            None => OperationLines::as_written(self.history),
        })
    }

    /// Name of a partition of the history.
    pub(super) fn partition_name(&self, position: u32) -> &'a str {
        &self.history.partitions[position as usize]
    }

    /// Position of a partition in the history, if it is there.
    pub(super) fn position(&self, name: &str) -> Option<u32> {
        let position = self.history.partitions.iter().position(|known| known == name)?;
        Some(u32::try_from(position).expect("a history counts its partitions in 32 bits"))
    }

    /// A violation's partition by name, if clients know it.
    pub(super) fn violated_partition(&self, violation: &Violation) -> Option<String> {
        let partition = violation.partition?;
        let topic = self.simulated?.run.topics.get(&partition.topic)?;
        Some(format!("{topic}-{}", partition.partition))
    }

    /// What a node is.
    pub(super) fn role(&self, node: NodeId) -> &'static str {
        let Some(Simulated { plan, .. }) = self.simulated else { return "node" };
        if plan.cluster.brokers.contains(&node) {
            "broker"
        } else if plan.cluster.controllers.contains(&node) {
            "controller"
        } else {
            "client"
        }
    }

    /// The faults that were injected, in order of time; none if nobody knows.
    pub(super) fn faults(&self) -> &'a [InjectedFault] {
        self.simulated.map_or(&[], |simulated| &simulated.run.faults)
    }
}
