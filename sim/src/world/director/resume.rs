//! After the heal: each producer of the loads, which has lived through the faults, has one more record acknowledged by
//! each partition that it writes to. A fresh client shows that the cluster serves; only an old one shows that nothing
//! of what the faults left behind in clients, such as an unresolved sequence, stands in their way for good.
//!
//! Not asked: producers with acks=0, which are told nothing of their records.

use std::collections::VecDeque;

use harrow_broker_model::config::Acks;
use harrow_broker_model::node::{Node, Outcome};
use harrow_broker_model::types::OperationId;

use super::Director;
use super::fresh::{PROBES_OPEN_MAX, keys_to_each};
use super::probe::{Probe, Resumed};
use super::progress::Pending;
use crate::liveness::Goal;
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// Lets each producer of a load send one more record to each partition that has acknowledged none since the heal.
    pub(super) fn resume_loads(&mut self) {
        self.resuming.waiting.values_mut().for_each(VecDeque::clear);
        for index in self.not_resumed() {
            let Resumed { load, probe, .. } = self.resumed[index];
            if matches!(probe, Probe::Missing(_)) {
                self.resuming.waiting.entry(load).or_default().push_back(index);
            }
        }
        for load in 0..self.loads.len() {
            self.resume_load(load);
        }
    }

    /// Lets a producer send what waits, but not more at once than producers bear.
    fn resume_load(&mut self, load: usize) {
        let node = self.place(self.loads[load].node);
        if !self.engine.runs(node) {
            return;
        }
        // Of transactions, a producer makes one after another.
        let most = if self.loads[load].is_transactional() { 1 } else { PROBES_OPEN_MAX };
        while self.resuming.open_at(load) < most {
            let waiting = self.resuming.waiting.get_mut(&load);
            let Some(index) = waiting.and_then(VecDeque::pop_front) else { return };
            let Resumed { place: (topic, partition), probe, .. } = self.resumed[index];
            assert!(matches!(probe, Probe::Missing(_)), "{partition} waits for {probe:?}");
            let planned = &self.plan.topics[topic];
            let keys = self.resuming.keys.entry(planned.partitions);
            let keys = keys.or_insert_with(|| keys_to_each(planned.partitions as usize));
            let request = self.loads[load].one_more(&planned.name, keys[partition as usize]);
            let process = self.loads[load].process;
            let operation = self.recorder.invoke((process, None), self.engine.now(), &request);
            self.resumed[index].probe = Probe::Open(operation);
            self.resuming.open.insert((load, operation), index);
            self.engine.invoke(node, operation, request, &mut self.host);
        }
    }

    /// A send ended: whether it was one of these.
    pub(super) fn resumed_answered(
        &mut self,
        load: usize,
        operation: OperationId,
        outcome: &Outcome,
    ) -> bool {
        let Some(index) = self.resuming.open.remove(&(load, operation)) else {
            return false;
        };
        self.resumed[index].probe = Probe::after(outcome);
        self.resume_load(load);
        true
    }

    /// A client is torn down: nobody will answer what it had asked for.
    pub(super) fn resumed_crashed(&mut self, load: usize) {
        let of_it = self.resumed.iter_mut().filter(|resumed| resumed.load == load);
        for resumed in of_it.filter(|resumed| matches!(resumed.probe, Probe::Open(_))) {
            resumed.probe = Probe::Missing(None);
        }
        self.resuming.open.retain(|(of, _), _| *of != load);
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
