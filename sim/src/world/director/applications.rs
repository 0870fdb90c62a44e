//! Applications of a run: when they start, what they state, what they have still to do.

use harrow_broker_model::node::{Begun, Node, Outcome};
use harrow_broker_model::proto::StrBytes;
use harrow_broker_model::types::{Offset, OperationId};

use super::progress::Pending;
use super::{Director, MS};
use crate::liveness::Goal;
use crate::plan::ClientPlan;
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// The position of the application on a node, if there is one.
    pub(super) fn application_at(&self, node: usize) -> Option<usize> {
        if self.applications.is_empty() {
            return None;
        }
        let id = self.engine.ids()[node];
        self.applications.iter().position(|application| application.node == id)
    }

    /// All topics exist: the processes start when they are to.
    pub(super) fn start_applications(&mut self) {
        for position in 0..self.applications.len() {
            let (node, start_ms) =
                (self.applications[position].node, self.applications[position].start_ms);
            let index = self.place(node);
            if !self.engine.runs(index) {
                self.engine.start_at(index, start_ms * MS);
            }
        }
    }

    /// An application states that it begins something.
    pub(super) fn begun(&mut self, node: usize, begun: &Begun) {
        let Some(position) = self.application_at(node) else {
            panic!("node {node} is no application, and begins {:?}", begun.request)
        };
        self.learn_topics();
        let unknown = self.recorder.unknown_topic(&begun.request);
        assert!(
            unknown.is_none(),
            "application {} states {:?}: the run has no such topic or partition",
            self.plan.applications[position].name,
            begun.request
        );
        if let Some(group) = &begun.group {
            for ((topic, partition), _, last) in &begun.processed {
                let input = (group.to_string(), topic.to_string());
                let end = self.processed.entry(input).or_default().entry(*partition).or_default();
                *end = last.next().max(*end);
            }
        }
        let process = self.applications[position].process;
        let group = begun.group.as_ref().map(StrBytes::as_str);
        let now = self.engine.now();
        let operation = self.recorder.invoke((process, group), now, &begun.request);
        self.recorder.processes(operation, (None, &begun.processed));
        self.applications[position].open.insert(begun.operation, operation);
    }

    /// An application states how something ended. What it ends twice is ended.
    pub(super) fn application_completed(
        &mut self,
        position: usize,
        operation: OperationId,
        outcome: &Outcome,
    ) {
        self.learn_topics();
        if let Some(operation) = self.applications[position].open.remove(&operation) {
            self.recorder.complete(self.engine.now(), operation, outcome);
        }
    }

    /// If an application fell, nobody knows what becomes of what it had begun.
    pub(super) fn application_crashed(&mut self, node: usize) {
        let Some(position) = self.application_at(node) else { return };
        self.host.tally.mark("client-crash");
        self.recorder.crash(self.applications[position].process, self.engine.now());
        let process = self.new_process();
        let application = &mut self.applications[position];
        application.process = process;
        application.open.clear();
    }

    /// What applications have not processed of topics whose records they process. Who writes in transactions leaves
    /// markers, which nobody processes: then only what applications say of themselves counts.
    pub(super) fn processing_lag(&self) -> Option<(String, u64)> {
        if self.processed.is_empty() || self.plan.clients.iter().any(ClientPlan::is_transactional) {
            return None;
        }
        let ends = self.ends();
        let lags = self.processed.iter().flat_map(|((group, topic), done)| {
            let planned = self.plan.topics.iter().find(|planned| planned.name == *topic);
            let partitions = 0..planned.map_or(0, |planned| planned.partitions as i32);
            let ends = &ends;
            partitions.filter_map(move |index| {
                let (name, end) = &ends[self.recorder.planned_position(topic, index)? as usize];
                let at = done.get(&index).copied().unwrap_or(Offset::ZERO);
                let what = || format!("group {group} has processed {name} up to {at} of {end}");
                (at < *end).then(|| (what(), end.0.abs_diff(at.0)))
            })
        });
        let all: Vec<(String, u64)> = lags.collect();
        let left = all.iter().map(|(_, left)| left).sum();
        Some((all.into_iter().next()?.0, left))
    }

    /// What applications have still to do.
    pub(super) fn applications_pending(&self) -> Option<Pending> {
        let planned = self.plan.applications.iter();
        let unfinished = planned.filter_map(|planned| {
            let process = self.engine.process(self.place(planned.node))?;
            let (what, left) = process.status().unfinished?;
            Some((format!("application {}: {what}", planned.name), left.max(1)))
        });
        let all: Vec<(String, u64)> = unfinished.collect();
        let left = all.iter().map(|(_, left)| left).sum();
        let (what, _) = all.into_iter().next()?;
        Some(Pending { goal: Goal::Operations, what, left })
    }
}
