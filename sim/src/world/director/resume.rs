//! After the heal: each producer of the loads, which has lived through the faults, has one more record acknowledged by
//! each partition that it writes to. A fresh client shows that the cluster serves; only an old one shows that nothing
//! of what the faults left behind in clients, such as an unresolved sequence, stands in their way for good.
//!
//! Not asked: producers with acks=0, which are told nothing of their records.

use std::collections::{BTreeMap, VecDeque};

use harrow_broker_model::config::Acks;
use harrow_broker_model::node::{Node, Outcome};
use harrow_broker_model::types::OperationId;

use super::Director;
use super::converge::Pending;
use super::fresh::{PROBES_OPEN_MAX, Probe, keys_to_each};
use crate::liveness::Goal;
use crate::plan::{ClientPlan, Plan};
use crate::world::engine::Boot;

/// One producer of a load and one partition that it writes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resumed {
    /// Position of the client.
    load: usize,
    /// Topic and partition, both by position.
    place: (usize, i32),
    /// The partition's position among all.
    position: usize,
    acks: Acks,
    probe: Probe,
}

/// Sends under way, and those that wait for them.
#[derive(Debug, Default)]
pub(super) struct Resuming {
    /// By position of the client.
    open: BTreeMap<(usize, OperationId), usize>,
    /// By position of the client.
    waiting: BTreeMap<usize, VecDeque<usize>>,
    /// Keys that lead to each partition of a topic, by how many it has.
    keys: BTreeMap<u32, Vec<u64>>,
}

impl Resuming {
    fn open_at(&self, load: usize) -> usize {
        let (first, last) = (OperationId(0), OperationId(u64::MAX));
        self.open.range((load, first)..=(load, last)).count()
    }
}

impl Resumed {
    /// Every producer with every partition that it writes to: nothing was sent yet.
    pub(super) fn all(plan: &Plan) -> Vec<Self> {
        let mut all = Vec::new();
        for (load, client) in plan.clients.iter().enumerate() {
            let ClientPlan::Producer { config, topics, .. } = client else { continue };
            if config.acks == Acks::None {
                continue;
            }
            let mut first = 0;
            for (topic, planned) in plan.topics.iter().enumerate() {
                let count = planned.partitions as usize;
                if topics.contains(&planned.name) {
                    all.extend((0..count).map(|index| Self {
                        load,
                        place: (topic, index as i32),
                        position: first + index,
                        acks: config.acks,
                        probe: Probe::Missing(None),
                    }));
                }
                first += count;
            }
        }
        all
    }
}

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
        while self.resuming.open_at(load) < PROBES_OPEN_MAX {
            let waiting = self.resuming.waiting.get_mut(&load);
            let Some(index) = waiting.and_then(VecDeque::pop_front) else { return };
            let Resumed { place: (topic, partition), probe, .. } = self.resumed[index];
            assert!(matches!(probe, Probe::Missing(_)), "{partition} waits for {probe:?}");
            let planned = &self.plan.topics[topic];
            let keys = self.resuming.keys.entry(planned.partitions);
            let keys = keys.or_insert_with(|| keys_to_each(planned.partitions as usize));
            let request = self.loads[load].one_more(&planned.name, keys[partition as usize]);
            let process = self.loads[load].process;
            let operation = self.recorder.invoke(process, self.engine.now(), &request);
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
