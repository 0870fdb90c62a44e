//! Fresh clients after the heal: a producer that sends one record to every partition, then a consumer that reads
//! everything from the beginning, while the consumers of the loads read on to the end.

use std::collections::BTreeMap;

use harrow_broker_model::client::partition_of;
use harrow_broker_model::config::{Acks, topic_name};
use harrow_broker_model::node::{Node, Operation, Outcome};
use harrow_broker_model::proto::StrBytes;
use harrow_broker_model::types::{NodeId, Offset, OperationId, RecordValue};

use super::probe::Probe;
use super::progress::Pending;
use super::{Director, MS, Phase};
use crate::liveness::Goal;
use crate::world::engine::{Boot, DirectorTimer};
use crate::world::load::{FINAL_POLL, Load, all_partitions};

/// So many records of one producer are on their way at once: what it looks at for each grows with them.
pub(super) const PROBES_OPEN_MAX: usize = 16;

/// Upper half of the fresh producer's values, where loads have their position among the clients: none has as many, and
/// it does not depend on how many there are.
const FRESH_ORDINAL: u64 = 0xffff;
/// Keys of the fresh producer are sought up to here: far more than a topic has partitions.
const KEY_MAX: u64 = u32::MAX as u64;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    pub(super) fn start_producing(&mut self) {
        self.phase = Phase::Producing;
        self.fresh.producer_process = self.new_process();
        let producer = self.place(self.plan.fresh_producer.node);
        self.engine.start_at(producer, self.engine.now());
        self.resume_loads();
    }

    pub(super) fn start_reading(&mut self) {
        self.phase = Phase::Reading;
        self.fresh.reader_process = self.new_process();
        let reader = self.place(self.plan.final_reader.node);
        self.engine.start_at(reader, self.engine.now());
    }

    /// A fresh client runs, or was answered, or time has passed: it goes on.
    pub(super) fn prompt(&mut self, pending: Goal) {
        match (self.phase, pending) {
            (Phase::Converging, Goal::Topics) => self.grow_topics(),
            (Phase::Producing | Phase::Reading, Goal::FreshProducer) => self.send_missing(),
            (Phase::Producing | Phase::Reading, Goal::LoadProducers) => self.resume_loads(),
            (Phase::Reading, Goal::ConsumerLag) => {
                self.read_on();
                self.catch_up();
            }
            (Phase::Faults | Phase::Converging | Phase::Producing | Phase::Reading, _) => {}
        }
    }

    /// Sends a record to each partition that has none and takes any.
    pub(super) fn send_missing(&mut self) {
        let producer = self.place(self.plan.fresh_producer.node);
        if !self.engine.runs(producer) {
            return;
        }
        self.fresh.waiting = self.fresh_sends().into();
        self.send_waiting(producer);
    }

    /// Lets the fresh producer send what waits, but not more at once than it bears.
    fn send_waiting(&mut self, producer: usize) {
        while self.fresh.open.len() < PROBES_OPEN_MAX {
            let Some((position, (topic, key))) = self.fresh.waiting.pop_front() else { return };
            let value = RecordValue(FRESH_ORDINAL << 32 | self.fresh.sent);
            self.fresh.sent += 1;
            let topic = topic_name(&self.plan.topics[topic].name);
            let request = Operation::Send { topic, key: Some(key), value };
            let process = self.fresh.producer_process;
            let operation = self.recorder.invoke((process, None), self.engine.now(), &request);
            self.fresh.records[position] = Probe::Open(operation);
            self.fresh.open.insert(operation, position);
            self.engine.invoke(producer, operation, request, &mut self.host);
        }
    }

    /// Position of each partition without a record, with its topic's and a key that leads there.
    fn fresh_sends(&self) -> Vec<(usize, (usize, u64))> {
        let topics = self.plan.topics.iter().enumerate();
        let places = topics.flat_map(|(topic, plan)| {
            keys_to_each(plan.partitions as usize).into_iter().map(move |key| (topic, key))
        });
        let taken = self.takes_records(Acks::All);
        let missing = places.enumerate().filter(|(position, _)| {
            taken[*position] && matches!(self.fresh.records[*position], Probe::Missing(_))
        });
        missing.collect()
    }

    /// Which partitions can take records with these acks at all, by position.
    pub(super) fn takes_records(&self, acks: Acks) -> Vec<bool> {
        let takes = self.partitions().map(|(name, partition)| {
            let view = partition.and_then(|partition| self.host.view().partition(partition));
            view.is_none_or(|view| {
                let waits = acks == Acks::All;
                self.offline(&name, view).is_none()
                    && !(waits && self.short_of_replicas(&name, view).is_some())
            })
        });
        takes.collect()
    }

    /// An operation of a client without a load ended.
    pub(super) fn fresh_answered(
        &mut self,
        node: NodeId,
        operation: OperationId,
        outcome: &Outcome,
    ) {
        if node == self.plan.fresh_producer.node {
            self.fresh_sent(operation, outcome);
        } else {
            self.final_read(outcome);
        }
    }

    fn fresh_sent(&mut self, operation: OperationId, outcome: &Outcome) {
        let position = self.fresh.open.remove(&operation);
        let position = position.expect("the fresh producer answers what it was asked");
        assert!(
            self.fresh.records[position] == Probe::Open(operation),
            "{operation} was sent to partition {position}, which waits for {:?}",
            self.fresh.records[position]
        );
        self.fresh.records[position] = Probe::after(outcome);
        let producer = self.place(self.plan.fresh_producer.node);
        if self.engine.runs(producer) {
            self.send_waiting(producer);
        }
    }

    /// Whether it is time for clients to show that they are served.
    pub(super) fn asks_clients(&self) -> bool {
        match self.phase {
            Phase::Faults | Phase::Converging => false,
            Phase::Producing | Phase::Reading => true,
        }
    }

    /// Which partition has not acknowledged a record of the fresh producer.
    pub(super) fn fresh_pending(&self) -> Option<Pending> {
        if !self.asks_clients() {
            return None;
        }
        let taken = self.takes_records(Acks::All);
        let states = self.partitions().zip(&self.fresh.records).zip(taken);
        let mut missing = states.filter(|(_, taken)| *taken).filter_map(|((at, record), _)| {
            let (name, why) = (at.0, record.lacks()?);
            Some(format!("the fresh producer's record to {name} {why}"))
        });
        let what = missing.next()?;
        Some(Pending { goal: Goal::FreshProducer, what, left: 1 + missing.count() as u64 })
    }

    /// The final reader was answered: it goes on.
    fn final_read(&mut self, outcome: &Outcome) {
        self.fresh.reader_asked = false;
        self.fresh.reader_assigned |= *outcome == Outcome::Assigned;
        if matches!(outcome, Outcome::Polled { .. }) {
            self.note_read_to();
        }
        if self.final_lag().is_some() {
            self.engine.set_timer(self.engine.now() + MS, DirectorTimer::Read);
        }
    }

    /// How far the final reader has come. Its position counts, not its last record: markers of transactions and what
    /// was aborted are passed over.
    fn note_read_to(&mut self) {
        let reader = self.engine.process(self.place(self.plan.final_reader.node));
        let positions = reader.map_or_else(Vec::new, |process| process.status().positions);
        for (topic, partition, offset) in positions {
            let position = self.recorder.planned_position(&topic, partition);
            let position = position.expect("consumers are at assigned partitions") as usize;
            let read_to = &mut self.fresh.read_to[position];
            *read_to = (*read_to).max(offset.0);
        }
    }

    /// Asks the final reader for more, unless it is still busy.
    pub(super) fn read_on(&mut self) {
        let reader = self.place(self.plan.final_reader.node);
        if !self.engine.runs(reader) || self.fresh.reader_asked {
            return;
        }
        let (timeout_ms, max_records) = FINAL_POLL;
        let request = if self.fresh.reader_assigned {
            Operation::Poll { timeout_ms, max_records }
        } else {
            Operation::Assign { partitions: all_partitions(self.plan.topics.iter()) }
        };
        self.fresh.reader_asked = true;
        let process = self.fresh.reader_process;
        let operation = self.recorder.invoke((process, None), self.engine.now(), &request);
        self.engine.invoke(reader, operation, request, &mut self.host);
    }

    /// Lets consumers of loads that lag poll once more.
    fn catch_up(&mut self) {
        let now = self.engine.now();
        for position in 0..self.loads.len() {
            if self.load_lag(position).is_some() {
                self.loads[position].catch_up(now);
                self.set_load_timer(position);
            }
        }
    }

    /// A consumer of a load was answered while everybody reads to the end.
    pub(super) fn read_further(&mut self, position: usize) {
        if self.phase == Phase::Reading && self.load_lag(position).is_some() {
            self.loads[position].catch_up(self.engine.now());
        }
    }

    /// Which consumer has not read to the committed end.
    pub(super) fn lag_pending(&self) -> Option<Pending> {
        if self.phase != Phase::Reading {
            return None;
        }
        let loads = (0..self.loads.len()).filter_map(|position| self.load_lag(position));
        let lags = self.final_lag().into_iter().chain(loads).chain(self.unowned());
        let mut lags = lags.chain(self.processing_lag());
        let (what, left) = lags.next()?;
        Some(Pending {
            goal: Goal::ConsumerLag,
            what,
            left: left + lags.map(|lag| lag.1).sum::<u64>(),
        })
    }

    /// Partitions that no member of a group has although the group reads their topic.
    fn unowned(&self) -> Option<(String, u64)> {
        let mut groups: BTreeMap<&str, Vec<&Load>> = BTreeMap::new();
        for load in &self.loads {
            if let Some(group) = load.group() {
                groups.entry(group).or_default().push(load);
            }
        }
        for (group, loads) in groups {
            let processes =
                loads.iter().filter_map(|load| self.engine.process(self.place(load.node)));
            let owned: Vec<_> = processes.flat_map(|process| process.status().positions).collect();
            let wanted = loads.iter().filter_map(|load| load.assigned()).flatten();
            for (topic, partition) in wanted {
                let owners =
                    owned.iter().filter(|(name, index, _)| (name, index) == (topic, partition));
                let count = owners.count();
                if count != 1 {
                    let topic = topic.as_str();
                    let what = format!("{count} members of group {group} have {topic}-{partition}");
                    return Some((what, 1));
                }
            }
        }
        None
    }

    fn final_lag(&self) -> Option<(String, u64)> {
        let lags = self.ends().into_iter().zip(&self.fresh.read_to);
        let mut lags = lags.filter(|((_, end), read)| **read < end.0);
        let ((name, end), read) = lags.next()?;
        let what = format!("final reader is at {read} of {name}, committed end is {end}");
        let rest: u64 = lags.map(|((_, end), read)| end.0.abs_diff(*read)).sum();
        Some((what, end.0.abs_diff(*read) + rest))
    }

    /// How far the consumer of a load is behind; nothing for a producer.
    fn load_lag(&self, position: usize) -> Option<(String, u64)> {
        let load = &self.loads[position];
        let assigned = load.assigned()?;
        let unfinished = load.unfinished() as u64;
        if unfinished > 0 {
            let what = format!("pipeline {} has {unfinished} records to process", load.node);
            return Some((what, unfinished));
        }
        let places = self
            .engine
            .process(self.place(load.node))
            .map_or_else(Vec::new, |process| process.status().positions);
        let by_name: BTreeMap<(&str, i32), Offset> =
            places.iter().map(|(name, index, offset)| ((name.as_str(), *index), *offset)).collect();
        let at = |topic: &str, partition: i32| {
            by_name.get(&(topic, partition)).copied().unwrap_or(Offset::ZERO)
        };
        let ends = self.ends();
        let owns = |topic: &StrBytes, partition: i32| {
            load.group().is_none() || by_name.contains_key(&(topic.as_str(), partition))
        };
        let lags = assigned.iter().filter_map(|(topic, partition)| {
            if !owns(topic, *partition) {
                return None;
            }
            let position = self.recorder.planned_position(topic, *partition)?;
            let (name, end) = &ends[position as usize];
            let offset = at(topic, *partition);
            // Who goes by a duration, and finds no record as new, waits for the next one.
            (offset < *end && offset != Offset::NONE).then_some((name, end, offset))
        });
        let mut lags = lags.peekable();
        let (name, end, offset) = lags.peek()?;
        let node = load.node;
        let what = format!("consumer {node} is at {offset} of {name}, committed end is {end}");
        Some((what, lags.map(|(_, end, offset)| end.0.abs_diff(offset.0)).sum()))
    }

    /// Name and committed end of each partition, as far as consumers can get, by position.
    pub(super) fn ends(&self) -> Vec<(String, Offset)> {
        let ends = self.partitions().map(|(name, partition)| {
            let view = partition.and_then(|partition| self.host.view().partition(partition));
            let readable = view.filter(|view| !self.is_stranded(&name, view));
            let end = readable.map_or(Offset::ZERO, |view| view.committed.end());
            (name, end)
        });
        ends.collect()
    }
}

/// For each of so many partitions the first key that leads there.
pub(super) fn keys_to_each(partitions: usize) -> Vec<u64> {
    let mut keys: Vec<Option<u64>> = vec![None; partitions];
    let mut missing = partitions;
    for key in 0..=KEY_MAX {
        if missing == 0 {
            break;
        }
        let place = &mut keys[partition_of(key, partitions) as usize];
        missing -= usize::from(place.is_none());
        place.get_or_insert(key);
    }
    keys.into_iter().map(|key| key.expect("some of 2^32 keys leads to each partition")).collect()
}
