//! A small network of controllers for tests: ordered links, page cache and disk, cuts, crashes, one shared clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use crate::config::ClusterConfig;
use crate::controller::Controller;
use crate::disk_image::{DiskImage, FileId};
use crate::message::{EpochEnd, Message, Request, RequestBody, Response, ResponseBody};
use crate::metadata::MetadataImage;
use crate::node::{Channel, Effect, Effects, Event, Node};
use crate::note::{ControllerNote, MetadataChange, Note, QuorumNote, QuorumRole};
use crate::types::{ConnectionId, CorrelationId, LeaderEpoch, NodeId, Now, Offset, Time, WallTime};

type Link = (NodeId, NodeId, Channel);

#[derive(Debug, Default)]
struct Slot {
    controller: Option<Controller>,
    cache: DiskImage,
    durable: DiskImage,
}

/// The network. Nodes that are no controllers are the test itself: answers to them end in `inbox`.
#[derive(Debug)]
pub(crate) struct Net {
    config: ClusterConfig,
    pub(crate) now: Time,
    slots: BTreeMap<NodeId, Slot>,
    queue: BTreeMap<(Time, u64), (NodeId, Event)>,
    connections: BTreeMap<Link, ConnectionId>,
    /// Pairs between which nothing passes, in this direction.
    pub(crate) cut: BTreeSet<(NodeId, NodeId)>,
    pub(crate) inbox: Vec<(NodeId, Response)>,
    pub(crate) notes: Vec<(NodeId, Note)>,
    /// Leaders by epoch; two in one is what must not be.
    pub(crate) leaders: BTreeMap<LeaderEpoch, BTreeSet<NodeId>>,
    committed: BTreeMap<Offset, (LeaderEpoch, MetadataChange)>,
    /// Controllers that ended by themselves, and why.
    pub(crate) halted: Vec<(NodeId, &'static str)>,
    count: u64,
}

impl Net {
    /// All controllers of the configuration, booted.
    pub(crate) fn new(config: ClusterConfig) -> Self {
        let mut net = Self {
            now: Time::ZERO,
            slots: config.controllers.iter().map(|node| (*node, Slot::default())).collect(),
            queue: BTreeMap::new(),
            connections: BTreeMap::new(),
            cut: BTreeSet::new(),
            inbox: Vec::new(),
            notes: Vec::new(),
            leaders: BTreeMap::new(),
            committed: BTreeMap::new(),
            halted: Vec::new(),
            count: 0,
            config,
        };
        for (node, slot) in &mut net.slots {
            if let Some((file, bytes)) = Controller::formatted(&net.config, *node) {
                slot.cache.files.insert(file, bytes.clone());
                slot.durable.files.insert(file, bytes);
            }
        }
        for node in net.config.controllers.clone() {
            net.restart(node);
        }
        net
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(crate) fn restart(&mut self, node: NodeId) {
        let incarnation = self.next();
        let config = self.config.clone();
        let (now, slot) = (self.clock(), self.slots.get_mut(&node).expect("a controller"));
        assert!(slot.controller.is_none(), "{node} runs");
        slot.controller = Some(Controller::recover(node, config, &slot.cache, incarnation, now));
        self.deliver(node, Event::Booted);
    }

    /// Ends the process; with `power`, also what was not synced.
    pub(crate) fn crash(&mut self, node: NodeId, power: bool) {
        let slot = self.slots.get_mut(&node).expect("a controller");
        slot.controller = None;
        if power {
            slot.cache = slot.durable.clone();
        }
        self.queue.retain(|_, (to, _)| *to != node);
        let links: Vec<Link> = self.connections.keys().copied().collect();
        for link in links.into_iter().filter(|(from, to, _)| *from == node || *to == node) {
            self.close(link);
        }
    }

    /// Ends the process, and empties its disk.
    pub(crate) fn wipe(&mut self, node: NodeId) {
        self.crash(node, true);
        self.slots.insert(node, Slot::default());
    }

    /// Puts into the next answer to a fetch of the metadata log by `node` that its log parts from the leader's here.
    pub(crate) fn diverge_at(&mut self, node: NodeId, epoch_end: EpochEnd) {
        loop {
            for (_, event) in self.queue.values_mut().filter(|(to, _)| *to == node) {
                if let Event::Response { message, .. } = event
                    && let ResponseBody::QuorumFetch(response) = &mut message.body
                {
                    response.diverging = Some(epoch_end);
                    response.batches.clear();
                    return;
                }
            }
            assert!(self.step(self.now + Duration::from_secs(30)), "{node} is not answered");
        }
    }

    pub(crate) fn is_up(&self, node: NodeId) -> bool {
        self.slots[&node].controller.is_some()
    }

    pub(crate) fn controller(&self, node: NodeId) -> &Controller {
        self.slots[&node].controller.as_ref().expect("the controller runs")
    }

    /// The active controller of the latest epoch.
    pub(crate) fn active(&self) -> Option<NodeId> {
        let running =
            self.slots.iter().filter_map(|(node, slot)| Some((*node, slot.controller.as_ref()?)));
        let active = running.filter(|(_, controller)| controller.is_active());
        active.max_by_key(|(_, controller)| controller.quorum_epoch()).map(|(node, _)| node)
    }

    pub(crate) fn image(&self, node: NodeId) -> &MetadataImage {
        self.controller(node).committed_image()
    }

    fn clock(&self) -> Now {
        let wall = WallTime((self.now.0 / 1_000_000) as i64);
        Now { time: self.now, wall }
    }

    fn close(&mut self, link: Link) {
        let (from, to, channel) = link;
        let Some(connection) = self.connections.remove(&link) else { return };
        self.schedule(from, Event::ConnectionLost { to, channel });
        self.schedule(to, Event::ConnectionClosed { connection });
    }

    fn schedule(&mut self, to: NodeId, event: Event) {
        let count = self.next();
        let at = self.now + Duration::from_millis(1);
        if self.slots.get(&to).is_none_or(|slot| slot.controller.is_some()) {
            self.queue.insert((at, count), (to, event));
        }
    }

    /// Sends a request of the test's own.
    pub(crate) fn ask(&mut self, from: NodeId, to: NodeId, channel: Channel, body: RequestBody) {
        let correlation_id = CorrelationId(self.next() as i32);
        self.request(from, to, channel, Message { correlation_id, body });
    }

    fn request(&mut self, from: NodeId, to: NodeId, channel: Channel, message: Request) {
        if self.cut.contains(&(from, to)) {
            return;
        }
        if !self.is_up(to) {
            self.schedule(from, Event::ConnectionLost { to, channel });
            return;
        }
        let fresh = ConnectionId(self.next());
        let connection = *self.connections.entry((from, to, channel)).or_insert(fresh);
        self.schedule(to, Event::Request { connection, from, message });
    }

    fn reply(&mut self, by: NodeId, connection: ConnectionId, message: Response) {
        let link = self.connections.iter().find(|(_, id)| **id == connection);
        let Some((&(from, to, channel), _)) = link else { return };
        assert_eq!(to, by, "answer on a connection of another node");
        if self.cut.contains(&(to, from)) {
            return;
        }
        self.schedule(from, Event::Response { from: to, channel, message });
    }

    /// Hands one event to a node and performs what it wants done.
    pub(crate) fn deliver(&mut self, node: NodeId, event: Event) {
        let now = self.clock();
        let Some(slot) = self.slots.get_mut(&node) else {
            if let Event::Response { from, message, .. } = event {
                self.inbox.push((from, message));
            }
            return;
        };
        let Some(controller) = &mut slot.controller else { return };
        let mut effects = Effects::new();
        controller.handle(now, event, &mut effects);
        for effect in effects.drain() {
            self.perform(node, effect);
        }
    }

    /// Hands one event to a controller that runs; what it wants done is not performed.
    pub(crate) fn handle(&mut self, node: NodeId, event: Event) -> Vec<Effect> {
        let now = self.clock();
        let slot = self.slots.get_mut(&node).expect("a controller");
        let mut effects = Effects::new();
        slot.controller.as_mut().expect("the controller runs").handle(now, event, &mut effects);
        effects.drain().collect()
    }

    fn perform(&mut self, node: NodeId, effect: Effect) {
        let slot = self.slots.get_mut(&node).expect("a controller");
        match effect {
            Effect::Request { to, channel, message } => self.request(node, to, channel, message),
            Effect::Reply { connection, message } => self.reply(node, connection, message),
            Effect::Disconnect { to, channel } => {
                self.connections.remove(&(node, to, channel));
            }
            Effect::Close { connection } => panic!("{node} closes {connection}"),
            Effect::Append { file, bytes } => {
                let old = slot.cache.files.entry(file).or_default();
                *old = Bytes::from([old.as_ref(), bytes.as_ref()].concat());
            }
            Effect::Truncate { file, length } => {
                let bytes = slot.cache.files.get_mut(&file).expect("the file is there");
                bytes.truncate(length as usize);
            }
            Effect::Write { file, bytes } => drop(slot.cache.files.insert(file, bytes)),
            Effect::Replace { file, bytes } | Effect::ReplaceInBackground { file, bytes } => {
                drop(slot.cache.files.insert(file, bytes));
                slot.sync(file);
            }
            Effect::Delete { file } => drop(slot.cache.files.remove(&file)),
            Effect::CreateLogDirectory { partition, .. } | Effect::Discard { partition } => {
                panic!("{node} has no log of {partition}")
            }
            Effect::Rename { from, .. } => panic!("{node} renames {from:?}"),
            Effect::Sync { file } => slot.sync(file),
            Effect::Flush { file, token } => {
                slot.sync(file);
                self.schedule(node, Event::FlushCompleted { token });
            }
            Effect::Complete { .. } | Effect::Begin(_) => panic!("{node} completes an operation"),
            Effect::Note(note) => self.on_note(node, note),
            Effect::Halt { reason } => {
                self.halted.push((node, reason));
                self.crash(node, false);
            }
        }
    }

    fn on_note(&mut self, node: NodeId, note: Note) {
        if let Note::Quorum(QuorumNote::StateChanged { epoch, role: QuorumRole::Leader, .. }) =
            &note
        {
            self.leaders.entry(*epoch).or_default().insert(node);
        }
        if let Note::Controller(ControllerNote::MetadataApplied {
            offset,
            controller_epoch,
            change,
        }) = &note
        {
            let said = (*controller_epoch, (**change).clone());
            let first = self.committed.entry(*offset).or_insert_with(|| said.clone());
            assert_eq!(*first, said, "{node} applied another record at {offset}");
        }
        self.notes.push((node, note));
    }

    /// Number of committed records that anybody has applied.
    pub(crate) fn committed_count(&self) -> usize {
        self.committed.len()
    }

    /// Runs for a time.
    pub(crate) fn run_for(&mut self, milliseconds: u64) {
        let end = self.now + Duration::from_millis(milliseconds);
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until the condition holds; panics if it does not within a time.
    #[track_caller]
    pub(crate) fn run_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(30);
        while !holds(self) {
            assert!(self.step(end), "{what} did not happen within 30 s");
        }
    }

    fn step(&mut self, end: Time) -> bool {
        let message = self.queue.keys().next().copied();
        let wake = self.slots.iter().filter_map(|(node, slot)| {
            let deadline = slot.controller.as_ref()?.next_deadline()?;
            Some((deadline.at.max(self.now), *node))
        });
        let wake = wake.min();
        let message_first = message.is_some_and(|(at, _)| wake.is_none_or(|(wake, _)| at <= wake));
        if let Some((at, count)) = message.filter(|_| message_first) {
            if at > end {
                return false;
            }
            self.now = at;
            let (to, event) = self.queue.remove(&(at, count)).expect("the key was just read");
            self.deliver(to, event);
            return true;
        }
        let Some((at, node)) = wake.filter(|(at, _)| *at <= end) else { return false };
        self.now = at;
        self.deliver(node, Event::DeadlinePassed);
        true
    }
}

impl Slot {
    fn sync(&mut self, file: FileId) {
        match self.cache.files.get(&file) {
            Some(bytes) => drop(self.durable.files.insert(file, bytes.clone())),
            None => drop(self.durable.files.remove(&file)),
        }
    }
}
