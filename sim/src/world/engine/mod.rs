//! The driver: one heap of what will happen, nodes called directly, one event at a time, their effects performed in
//! order before the next call.
//!
//! It knows nothing of Kafka: any [`Node`] runs on it, so that the world's own promises are tested with toy nodes.

mod effects;
mod inspect;
mod overhear;
mod process;
mod scheduled;
mod slot;
#[cfg(test)]
pub(crate) mod tests;
mod trace_text;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use harrow_broker_model::disk_image::{DiskImage, FileId};
use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::node::{Begun, Effect, Effects, Event, Node, Operation, Outcome};
use harrow_broker_model::note::Note;
use harrow_broker_model::types::{
    ConnectionId, LeaderEpoch, LogDirectory, NodeId, Now, OperationId, TopicPartition,
};
use madsim::time::TimeHandle;

use super::disk::{FlushedLog, SoundLog};
use super::draw::Draws;
use super::fingerprint::Fingerprint;
use super::network::{Network, Transit};
use super::questions::Questions;
use super::queue::Queue;
use super::repetitions::Repetitions;
use crate::liveness::Goal;
use crate::plan::{ClockPlan, DiskPlan, NetworkPlan};
use crate::run::{RowDetail, RowKind, TraceRow};
use crate::watch::{AskedEnd, CoordinatorDeed};

pub(crate) use process::CrashKind;
pub(crate) use scheduled::{DirectorTimer, ScheduledEvent};
pub(crate) use slot::DiskCondition;
use slot::{Delivery, Slot};

/// A node may see this many deadlines pass at one instant; more is a loop that never ends.
const DEADLINES_AT_ONCE_MAX: u32 = 10_000;

/// A point of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// True time.
    pub(crate) at_ns: u64,
    /// Ordinal of the event that is being handled, or was last.
    pub(crate) event: u64,
    /// Which node.
    pub(crate) node: NodeId,
}

/// What a process is made from.
#[derive(Debug)]
pub(crate) struct Boot<'a> {
    /// Which node.
    pub(crate) node: NodeId,
    /// What its disk holds.
    pub(crate) image: &'a DiskImage,
    /// Unique in the run for each uptime, from 1.
    pub(crate) incarnation: u64,
    /// Its clocks.
    pub(crate) now: Now,
}

/// Makes processes and is told what they state.
pub(crate) trait NodeHost<N> {
    /// Makes a process.
    fn boot(&mut self, boot: Boot<'_>) -> N;
    /// A process starts: before its first event.
    fn started(&mut self, moment: Moment);
    /// A process ended; `lossy` if it may find less on its disk than it wrote.
    fn ended(&mut self, moment: Moment, lossy: bool);
    /// A node is about to lose power; this of one of its logs is on the disk. Who does not watch need not listen.
    fn flushed(&mut self, moment: Moment, partition: TopicPartition, log: &FlushedLog) {
        let _ = (moment, partition, log);
    }
    /// A node is about to state that something is on its disk; whether all of that would survive a power loss.
    fn persisted(&mut self, moment: Moment, durable: bool) {
        let _ = (moment, durable);
    }
    /// A node is about to state what log it found; what of it is sound on the disk. Nobody has to look.
    fn reopened(&mut self, moment: Moment, partition: TopicPartition, found: SoundLog) {
        let _ = (moment, partition, found);
    }
    /// A process stands still from now on, paused or in a blocking sync, or goes on. Nobody has to look.
    fn blocked_changed(&mut self, moment: Moment, still: bool) {
        let _ = (moment, still);
    }
    /// A node is about to handle a fetch of the metadata log, which another one made in an epoch of the quorum. Nobody
    /// has to look.
    fn quorum_fetched(&mut self, moment: Moment, by: NodeId, epoch: LeaderEpoch) {
        let _ = (moment, by, epoch);
    }
    /// A node is about to handle a request that came by a connection. Nobody has to look.
    fn asked(&mut self, moment: Moment, connection: ConnectionId, request: &Request) {
        let _ = (moment, connection, request);
    }
    /// A node is about to answer a request that came by a connection. Nobody has to look.
    fn answered(&mut self, moment: Moment, connection: ConnectionId, response: &Response) {
        let _ = (moment, connection, response);
    }
    /// A connection that a node accepted is gone, by either side. Nobody has to look.
    fn connection_closed(&mut self, moment: Moment, connection: ConnectionId) {
        let _ = (moment, connection);
    }
    /// A node is about to answer that it was asked, by this one, what nobody may ask. Nobody has to look.
    fn asked_nonsense(&mut self, moment: Moment, api: &'static str, by: NodeId) {
        let _ = (moment, api, by);
    }
    /// A node is about to refuse to end a transaction as a producer asks. Nobody has to look.
    fn end_refused(&mut self, moment: Moment, asked: &AskedEnd) {
        let _ = (moment, asked);
    }
    /// A node is about to answer as a coordinator, or to send a marker as one. Nobody has to look.
    fn coordinator_acts(&mut self, moment: Moment, deed: &CoordinatorDeed) {
        let _ = (moment, deed);
    }
    /// A log directory of a node failed: its process, if it runs, is about to be told. Nobody has to look.
    fn log_directory_failed(&mut self, moment: Moment, directory: LogDirectory) {
        let _ = (moment, directory);
    }
    /// A log directory of a node works for the next process; `empty` if its disk was replaced. Nobody has to look.
    fn log_directory_repaired(&mut self, moment: Moment, directory: LogDirectory, empty: bool) {
        let _ = (moment, directory, empty);
    }
    /// A node stated a fact.
    fn noted(&mut self, moment: Moment, note: &Note);
    /// A node appends to a file. Nobody has to look.
    fn appends(&mut self, file: FileId, bytes: &Bytes) {
        let _ = (file, bytes);
    }
}

/// What the director must act on.
#[derive(Debug, PartialEq)]
pub(crate) enum Report {
    /// A client operation ended.
    Completed {
        /// At which client.
        node: usize,
        /// Which.
        operation: OperationId,
        /// How.
        outcome: Outcome,
    },
    /// An application began an operation.
    Begun {
        /// At which client.
        node: usize,
        /// What.
        begun: Box<Begun>,
    },
    /// A process started.
    Started {
        /// Which.
        node: usize,
    },
    /// A process ended by itself or by its disk.
    Halted {
        /// Which.
        node: usize,
        /// Why.
        reason: &'static str,
        /// Whether it was asked to stop.
        asked: bool,
    },
}

/// Connections of who is not in the network have ids from here on: clients beyond a socket.
pub(crate) const OUTSIDE: u64 = 1 << 62;

/// What a node does to a connection of who is not in the network.
#[derive(Debug, PartialEq)]
pub(crate) enum Outside {
    /// It answers.
    Reply(ConnectionId, Response),
    /// It closes the connection.
    Close(ConnectionId),
}

/// What one step of the engine was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something happened; see the reports.
    Happened,
    /// A timer of the director is due.
    DirectorTimer(DirectorTimer),
    /// Nothing will ever happen again.
    Silence,
}

/// A node as the engine is built with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    /// Its id.
    pub(crate) id: NodeId,
    /// Whether it uses the clients' latency.
    pub(crate) client: bool,
}

/// What an engine is built with.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    /// Keys every draw.
    pub(crate) seed: u64,
    /// The nodes; their positions are their indices from then on.
    pub(crate) members: &'a [Member],
    /// Links.
    pub(crate) network: &'a NetworkPlan,
    /// Disks.
    pub(crate) disk: &'a DiskPlan,
    /// Clocks that are not right.
    pub(crate) clocks: &'a [ClockPlan],
    /// Whether rows of the trace are kept.
    pub(crate) record_trace: bool,
}

/// Nodes, network, disks and clocks on one heap.
pub(crate) struct Engine<N> {
    now: u64,
    queue: Queue<ScheduledEvent>,
    network: Network,
    slots: Vec<Slot<N>>,
    ids: Vec<NodeId>,
    /// Index by node id, `u32::MAX` for ids that no node has.
    index: Vec<u32>,
    draws: Draws,
    disk_plan: DiskPlan,
    effects: Effects,
    fingerprint: Fingerprint,
    /// Whether events and effects go into the digest.
    hashing: bool,
    events: u64,
    incarnations: u64,
    calling: Option<NodeId>,
    segments_rolled: u64,
    reports: VecDeque<Report>,
    /// What goes out to who is not in the network.
    outside: VecDeque<Outside>,
    /// What is asked of coordinators.
    questions: Questions,
    /// What comes again and again, once somebody wants to know.
    repetitions: Option<Repetitions>,
    trace: Option<Vec<TraceRow>>,
    /// Whether anybody reads words, as trace or as log.
    telling: bool,
    names: trace_text::Names,
    shell: Option<TimeHandle>,
    /// True time that madsim's clock shows.
    shown_ns: u64,
}

impl<N: Node> Engine<N> {
    /// A world in which nothing runs yet.
    pub(crate) fn new(setup: &Setup<'_>) -> Self {
        let ids: Vec<NodeId> = setup.members.iter().map(|member| member.id).collect();
        let raw: Vec<i32> = ids.iter().map(|id| id.0).collect();
        let draws = Draws::new(setup.seed);
        let clients = setup.members.iter().map(|member| member.client).collect();
        let clock = |id: &NodeId| setup.clocks.iter().find(|clock| clock.node == *id).copied();
        Self {
            now: 0,
            queue: Queue::new(),
            network: Network::new(setup.network, draws, &raw, clients),
            slots: ids.iter().map(|id| Slot::new(clock(id))).collect(),
            index: index_by_id(&raw),
            ids,
            draws,
            disk_plan: setup.disk.clone(),
            effects: Effects::new(),
            fingerprint: Fingerprint::new(setup.seed),
            hashing: true,
            events: 0,
            incarnations: 0,
            calling: None,
            segments_rolled: 0,
            reports: VecDeque::new(),
            outside: VecDeque::new(),
            questions: Questions::default(),
            repetitions: None,
            trace: setup.record_trace.then(Vec::new),
            telling: setup.record_trace || tracing::enabled!(tracing::Level::INFO),
            names: trace_text::Names::default(),
            shell: TimeHandle::try_current(),
            shown_ns: 0,
        }
    }

    /// What a node's disk holds before anything runs.
    pub(crate) fn format(&mut self, node: usize, file: FileId, bytes: Bytes) {
        let disk = &mut self.slots[node].disk;
        let replacement = disk.begin_replace(file, bytes);
        disk.end_replace(self.now, replacement, true);
    }

    /// True time, in nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Events handled.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// Messages delivered.
    pub(crate) fn messages(&self) -> u64 {
        self.network.delivered()
    }

    /// The digest of everything so far.
    pub(crate) fn digest(&self) -> u64 {
        self.fingerprint.value()
    }

    /// The node that is being called, or was when the run ended in a panic.
    pub(crate) fn calling(&self) -> Option<NodeId> {
        self.calling
    }

    /// Log segments begun that are not a log's first.
    pub(crate) fn segments_rolled(&self) -> u64 {
        self.segments_rolled
    }

    /// The ids of all nodes, by index.
    pub(crate) fn ids(&self) -> &[NodeId] {
        &self.ids
    }

    /// The index of a node, if there is one of that id.
    pub(crate) fn index_of(&self, id: NodeId) -> Option<usize> {
        let index = *self.index.get(usize::try_from(id.0).ok()?)?;
        (index != u32::MAX).then_some(index as usize)
    }

    /// The processes that run and have nothing left to do of their last call.
    pub(crate) fn idle(&self) -> impl Iterator<Item = (NodeId, &N)> {
        let ready = self.ids.iter().zip(&self.slots).filter(|(_, slot)| slot.is_ready());
        ready.filter_map(|(id, slot)| Some((*id, slot.process.as_ref()?)))
    }

    /// Takes out what the director must act on.
    pub(crate) fn take_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    /// When the next thing happens, if nothing comes from outside before.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.queue.next_ns()
    }

    /// True time passes without anything happening: nothing may be due before.
    pub(crate) fn pass_time(&mut self, to_ns: u64) {
        let next = self.queue.next_ns();
        assert!(next.is_none_or(|at| at >= to_ns), "{next:?} is due before {to_ns}");
        self.advance(to_ns);
    }

    /// Nothing goes into the digest any more: what comes from outside comes once, and says what no node of ours says.
    pub(crate) fn stop_hashing(&mut self) {
        self.hashing = false;
    }

    /// Something reaches a node from outside the network.
    pub(crate) fn deliver_from_outside(
        &mut self,
        node: usize,
        event: Event,
        host: &mut impl NodeHost<N>,
    ) {
        self.deliver(node, Delivery::Event(event), host);
    }

    /// Takes out what goes to who is outside of the network.
    pub(crate) fn take_outside(&mut self) -> Option<Outside> {
        self.outside.pop_front()
    }

    /// What repeats is counted anew from now on.
    pub(crate) fn count_repetitions(&mut self) {
        self.repetitions.get_or_insert_default().forget();
    }

    /// The livelock that the cluster is in, in words, as far as what repeats tells.
    pub(crate) fn livelock(&self, goal: Goal) -> Option<String> {
        self.repetitions.as_ref()?.livelock(goal)
    }

    /// Takes out the trace.
    pub(crate) fn take_trace(&mut self) -> Option<Vec<TraceRow>> {
        self.trace.take()
    }

    /// Asks to be told at a true time.
    pub(crate) fn set_timer(&mut self, at_ns: u64, timer: DirectorTimer) {
        self.queue.push(at_ns.max(self.now), ScheduledEvent::DirectorTimer(timer));
    }

    /// Lets the next thing happen.
    pub(crate) fn step(&mut self, host: &mut impl NodeHost<N>) -> Step {
        let Some((at_ns, what)) = self.queue.pop() else {
            return Step::Silence;
        };
        self.advance(at_ns);
        match what {
            ScheduledEvent::Transit(transit) => self.on_transit(transit, host),
            ScheduledEvent::Timer { node, generation } => self.on_timer(node, generation, host),
            ScheduledEvent::Start { node, generation } => self.on_start(node, generation, host),
            ScheduledEvent::SyncDone { node, uptime, mark } => {
                self.on_sync_done(node, uptime, mark, host);
            }
            ScheduledEvent::FlushDone { node, uptime, mark, token } => {
                self.on_flush_done(node, uptime, mark, token, host);
            }
            ScheduledEvent::RenameDone { node, uptime, files } => {
                self.on_rename_done(node, uptime, files, host);
            }
            ScheduledEvent::DiscardDone { node, uptime, partition } => {
                self.on_discard_done(node, uptime, partition, host);
            }
            ScheduledEvent::ReplaceDone { node, uptime, replacement, blocking } => {
                self.on_replace_done(node, uptime, replacement, blocking, host);
            }
            ScheduledEvent::DirectorTimer(timer) => {
                self.show_time();
                return Step::DirectorTimer(timer);
            }
        }
        Step::Happened
    }

    /// The application calls a client.
    pub(crate) fn invoke(
        &mut self,
        node: usize,
        operation: OperationId,
        request: Operation,
        host: &mut impl NodeHost<N>,
    ) {
        assert!(self.slots[node].process.is_some(), "client {} does not run", self.ids[node]);
        self.deliver(node, Delivery::Event(Event::Invoked { operation, request }), host);
    }

    fn advance(&mut self, at_ns: u64) {
        assert!(at_ns >= self.now, "time goes back from {} to {at_ns}", self.now);
        self.now = at_ns;
    }

    /// Brings madsim's clock to true time. It takes locks, so that it is moved only when somebody could look at it:
    /// before code of nodes and of the director runs, not for what the network does between.
    fn show_time(&mut self) {
        if self.shown_ns == self.now {
            return;
        }
        if let Some(shell) = &self.shell {
            shell.advance(Duration::from_nanos(self.now - self.shown_ns));
        }
        self.shown_ns = self.now;
    }

    fn on_transit(&mut self, transit: Transit, host: &mut impl NodeHost<N>) {
        let Some((node, incoming)) = self.network.happen(self.now, transit, &mut self.queue) else {
            return;
        };
        if !self.slots[node].takes_at_once() {
            self.deliver(node, Delivery::Incoming(incoming), host);
        } else if let Some(event) = self.network.event(incoming, &self.ids) {
            self.handle(node, event, host);
        }
    }

    /// A timer is scheduled once and looks again when it fires: deadlines move ahead much more often than they pass.
    fn on_timer(&mut self, node: usize, generation: u64, host: &mut impl NodeHost<N>) {
        let slot = &mut self.slots[node];
        if slot.timer_generation != generation {
            return;
        }
        slot.timer_at = None;
        if !slot.is_ready() {
            return;
        }
        let Some(process) = &slot.process else { return };
        let Some(deadline) = process.next_deadline() else {
            return;
        };
        if slot.clock.true_ns(deadline.at) > self.now {
            return self.rearm(node);
        }
        self.count_deadline(node, deadline.why);
        self.handle(node, Event::DeadlinePassed, host);
    }

    fn count_deadline(&mut self, node: usize, why: &'static str) {
        let id = self.ids[node];
        let slot = &mut self.slots[node];
        if slot.deadlines_at.0 != self.now {
            slot.deadlines_at = (self.now, 0);
        }
        slot.deadlines_at.1 += 1;
        if slot.deadlines_at.1 > DEADLINES_AT_ONCE_MAX {
            self.calling = Some(id);
            panic!("node {id} asks again and again for a deadline that has passed: {why}");
        }
    }

    /// Hands something to a process now, or leaves it for later if the process is blocked or paused.
    fn deliver(&mut self, node: usize, delivery: Delivery, host: &mut impl NodeHost<N>) {
        let slot = &mut self.slots[node];
        if slot.process.is_none() {
            return;
        }
        if !slot.takes_at_once() {
            return slot.inbox.push_back(delivery);
        }
        if let Some(event) = self.event(delivery) {
            self.handle(node, event, host);
        }
    }

    /// Hands over what waits, until the process blocks again.
    fn drain(&mut self, node: usize, host: &mut impl NodeHost<N>) {
        while self.slots[node].is_ready() {
            let Some(delivery) = self.slots[node].inbox.pop_front() else {
                break;
            };
            if let Some(event) = self.event(delivery) {
                self.handle(node, event, host);
            }
        }
        self.rearm(node);
    }

    fn event(&mut self, delivery: Delivery) -> Option<Event> {
        match delivery {
            Delivery::Incoming(incoming) => self.network.event(incoming, &self.ids),
            Delivery::Event(event) => Some(event),
        }
    }

    /// One call of a node, and its effects.
    fn handle(&mut self, node: usize, event: Event, host: &mut impl NodeHost<N>) {
        self.events += 1;
        self.show_time();
        let id = self.ids[node];
        self.hash_event(node, &event);
        if self.telling {
            self.trace_event(id, &event);
        }
        self.overhear_event(node, &event, host);
        if let Event::LogDirectoryFailed { directory } = &event {
            self.fail_directory(node, *directory, host);
        }
        let slot = &mut self.slots[node];
        let now = slot.clock.now(self.now);
        let process = slot.process.as_mut().expect("events go to processes that run");
        self.calling = Some(id);
        process.handle(now, event, &mut self.effects);
        self.calling = None;
        if !self.effects.is_empty() {
            let mut effects = std::mem::take(&mut self.effects);
            self.perform(node, &mut effects, host);
            self.effects = effects;
        }
        self.rearm(node);
    }

    /// Schedules the node's timer if its deadline is earlier than the one scheduled.
    fn rearm(&mut self, node: usize) {
        let slot = &mut self.slots[node];
        if !slot.is_ready() {
            return;
        }
        let Some(deadline) = slot.process.as_ref().and_then(Node::next_deadline) else {
            return;
        };
        let due = slot.clock.true_ns(deadline.at).max(self.now);
        if slot.timer_at.is_none_or(|at| due < at) {
            slot.timer_generation += 1;
            slot.timer_at = Some(due);
            self.queue.push(due, ScheduledEvent::Timer { node, generation: slot.timer_generation });
        }
    }

    fn moment(&self, node: usize) -> Moment {
        Moment { at_ns: self.now, event: self.events, node: self.ids[node] }
    }

    /// Adds a row to the trace, if there is one.
    fn row(
        &mut self,
        node: Option<NodeId>,
        kind: RowKind,
        text: String,
        detail: impl FnOnce() -> RowDetail,
    ) {
        let digest = self.fingerprint.value();
        if let Some(trace) = &mut self.trace {
            let (event, at_ns, detail) = (self.events, self.now, detail());
            trace.push(TraceRow { event, at_ns, node, kind, text, detail, digest });
        }
    }

    /// Tells something that people look for first: a row of the trace, and a line of the log.
    pub(crate) fn announce(&mut self, node: Option<NodeId>, name: &'static str, text: String) {
        tracing::info!(at_ns = self.now, node = node.map(|node| node.0), "{text}");
        self.row(node, RowKind::World, text, || RowDetail::Named { name });
    }

    /// Tells of a fault that strikes these nodes.
    pub(crate) fn announce_fault(&mut self, nodes: &[NodeId], text: String) {
        tracing::info!(at_ns = self.now, "{text}");
        self.row(None, RowKind::World, text, || RowDetail::Fault { nodes: nodes.to_vec() });
    }

    fn trace_event(&mut self, node: NodeId, event: &Event) {
        let text = trace_text::event(&self.names, event);
        tracing::trace!(at_ns = self.now, node = node.0, "{text}");
        let kind = trace_text::of_event(event);
        self.row(Some(node), kind, text, || trace_text::detail_of_event(event));
    }

    fn trace_effect(&mut self, node: NodeId, effect: &Effect) {
        self.names.learn(effect);
        let text = trace_text::effect(&self.names, effect);
        if trace_text::turns(effect) {
            tracing::info!(at_ns = self.now, node = node.0, "{text}");
        } else if matches!(effect, Effect::Note(_)) {
            tracing::debug!(at_ns = self.now, node = node.0, "{text}");
        } else {
            tracing::trace!(at_ns = self.now, node = node.0, "{text}");
        }
        let (kind, detail) = (trace_text::of_effect(effect), trace_text::detail_of_effect);
        let detail = self.trace.is_some().then(|| detail(&self.names, effect));
        self.row(Some(node), kind, text, || detail.expect("there is a trace"));
    }
}

fn index_by_id(ids: &[i32]) -> Vec<u32> {
    let last = ids.iter().copied().max().unwrap_or(0);
    assert!(ids.iter().all(|id| (0..1_000_000).contains(id)), "node ids are small: {ids:?}");
    let mut index = vec![u32::MAX; last as usize + 1];
    for (position, id) in ids.iter().enumerate() {
        let entry = &mut index[*id as usize];
        assert_eq!(*entry, u32::MAX, "two nodes have id {id}");
        *entry = position as u32;
    }
    index
}
