//! After the heal: each producer of the loads, which has lived through the faults, has one more record acknowledged by
//! each partition that it writes to. A fresh client shows that the cluster serves; only an old one shows that nothing
//! of what the faults left behind in clients, such as an unresolved sequence, stands in their way for good.
//!
//! Not asked: producers with acks=0, which are told nothing of their records.

use harrow_broker_model::config::Acks;
use harrow_broker_model::node::{Node, Outcome};
use harrow_broker_model::types::OperationId;

use super::Director;
use super::fresh::key_to;
use super::probe::{Probe, Resumed};
use super::progress::Pending;
use crate::liveness::Goal;
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// Lets each producer of a load send one more record to each partition that has acknowledged none since the heal.
    pub(super) fn resume_loads(&mut self) {
        for index in self.not_resumed() {
            let Resumed { load, place: (topic, partition), probe, .. } = self.resumed[index];
            let node = self.place(self.loads[load].node);
            if !matches!(probe, Probe::Missing(_)) || !self.engine.runs(node) {
                continue;
            }
            let planned = &self.plan.topics[topic];
            let key = key_to(partition, planned.partitions as usize);
            let request = self.loads[load].one_more(&planned.name, key);
            let process = self.loads[load].process;
            let operation = self.recorder.invoke(process, self.engine.now(), &request);
            self.resumed[index].probe = Probe::Open(operation);
            self.engine.invoke(node, operation, request, &mut self.host);
        }
    }

    /// A send ended: whether it was one of these.
    pub(super) fn resumed_answered(&mut self, operation: OperationId, outcome: &Outcome) -> bool {
        let open = Probe::Open(operation);
        let Some(resumed) = self.resumed.iter_mut().find(|resumed| resumed.probe == open) else {
            return false;
        };
        resumed.probe = Probe::after(outcome);
        true
    }

    /// A client is torn down: nobody will answer what it had asked for.
    pub(super) fn resumed_crashed(&mut self, load: usize) {
        let of_it = self.resumed.iter_mut().filter(|resumed| resumed.load == load);
        for resumed in of_it.filter(|resumed| matches!(resumed.probe, Probe::Open(_))) {
            resumed.probe = Probe::Missing(None);
        }
    }

    /// Which producer of a load has had nothing acknowledged since the heal.
    pub(super) fn resumed_pending(&self) -> Option<Pending> {
        if !self.asks_clients() {
            return None;
        }
        let missing = self.not_resumed();
        let first = &self.resumed[*missing.first()?];
        let (topic, partition) = first.place;
        let (node, topic) = (self.loads[first.load].node, &self.plan.topics[topic].name);
        let why = first.probe.lacks().expect("what lacks nothing is not pending");
        let what = format!("the record of producer {node} to {topic}-{partition} {why}");
        Some(Pending { goal: Goal::LoadProducers, what, left: missing.len() as u64 })
    }

    /// Those without an acknowledged record, but for partitions that can take none.
    fn not_resumed(&self) -> Vec<usize> {
        let all = self.resumed.iter().enumerate();
        let mut lacking = all.filter(|(_, one)| one.probe != Probe::Acknowledged).peekable();
        if lacking.peek().is_none() {
            return Vec::new();
        }
        let takes = [Acks::All, Acks::Leader].map(|acks| self.takes_records(acks));
        let taken = |one: &Resumed| takes[usize::from(one.acks != Acks::All)][one.position];
        lacking.filter(|(_, one)| taken(one)).map(|(index, _)| index).collect()
    }
}
