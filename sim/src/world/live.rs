//! The same nodes, disks and links on a clock that a host gives: a cluster for clients beyond a socket.
//!
//! Nothing here reads a clock or waits: the host says what time it is and hands in what clients ask. It gets answers
//! and is told when it must come again. Brokers, controllers, page caches and disks are those of every run.

mod script;

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::broker::Broker;
use harrow_broker_model::config::ClusterConfig;
use harrow_broker_model::controller::Controller;
use harrow_broker_model::message::{
    ClientRequest, ClientResponse, Message, Request, RequestBody, ResponseBody,
};
use harrow_broker_model::metadata::MetadataImage;
use harrow_broker_model::node::{Event, Node};
use harrow_broker_model::note::Note;
use harrow_broker_model::process::Process;
use harrow_broker_model::types::{ConnectionId, CorrelationId, NodeId};

use super::clock::WALL_START_MS;
use super::condition::{Active, Condition};
use super::conditions::apply;
use super::draw::{Draws, Purpose};
use super::engine::{
    Boot, CrashKind, Engine, Member, Moment, NodeHost, OUTSIDE, Outside, Report, Setup,
};
use super::network::NodeCondition;
use crate::plan::{ClockPlan, DiskPlan, NetworkPlan, RequestKind};

pub use script::Fired;

/// Who asks from outside, as nodes see it: one client of all.
const CLIENT: NodeId = NodeId(1001);

/// What a live cluster is made from.
#[derive(Debug, Clone)]
pub struct LivePlan {
    /// Keys what power losses leave, and latencies.
    pub seed: u64,
    /// Brokers and controllers.
    pub cluster: ClusterConfig,
    /// Links between them.
    pub network: NetworkPlan,
    /// Disks.
    pub disk: DiskPlan,
    /// Wall time at the start, in milliseconds since the Unix epoch.
    pub wall_start_ms: i64,
}

/// How a node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// The process dies; what it wrote is in the page cache.
    Crash,
    /// The machine loses power, and with it what was not synced.
    PowerLoss,
}

/// What clients get.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// An answer on a connection, to the request of this number.
    Reply {
        /// Which connection.
        connection: u64,
        /// Number of the request.
        request: i32,
        /// What it says.
        body: ClientResponse,
    },
    /// The broker closes the connection.
    Close {
        /// Which connection.
        connection: u64,
    },
}

/// A process that ended without being killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halted {
    /// Which node.
    pub node: NodeId,
    /// Why.
    pub reason: &'static str,
    /// Whether it was asked to stop.
    pub asked: bool,
}

/// Brokers and controllers that live as long as their host lets time pass.
pub struct LiveCluster {
    engine: Engine<Process>,
    host: Maker,
    halted: Vec<Halted>,
    draws: Draws,
    /// Faults that last.
    active: Vec<Active>,
    /// Nodes that have ever lost data.
    lossy: BTreeSet<NodeId>,
    /// Answers to clients so far, by broker.
    answered: BTreeMap<NodeId, u64>,
}

/// The step of what no step of a plan has begun.
const NO_STEP: usize = usize::MAX;

impl LiveCluster {
    /// A cluster whose nodes start at time 0.
    pub fn new(plan: &LivePlan) -> Self {
        let nodes = plan.cluster.controllers.iter().chain(&plan.cluster.brokers);
        let members: Vec<Member> = nodes.map(|id| Member { id: *id, client: false }).collect();
        let offset_ms = plan.wall_start_ms - WALL_START_MS;
        let clock = |member: &Member| ClockPlan { node: member.id, offset_ms, drift_ppm: 0 };
        let clocks: Vec<ClockPlan> = members.iter().map(clock).collect();
        let mut engine = Engine::new(&Setup {
            seed: plan.seed,
            members: &members,
            network: &plan.network,
            disk: &plan.disk,
            clocks: &clocks,
            record_trace: false,
        });
        engine.stop_hashing();
        for (node, member) in members.iter().enumerate() {
            if let Some((file, bytes)) = Controller::formatted(&plan.cluster, member.id) {
                engine.format(node, file, bytes);
            }
            engine.start_at(node, 0);
        }
        let host = Maker { cluster: plan.cluster.clone() };
        Self {
            engine,
            host,
            halted: Vec::new(),
            draws: Draws::new(plan.seed),
            active: Vec::new(),
            lossy: BTreeSet::new(),
            answered: BTreeMap::new(),
        }
    }

    /// Lets happen what is due up to a time, in nanoseconds since the start; time that has passed already is now.
    pub fn run_until(&mut self, at_ns: u64) {
        let at_ns = at_ns.max(self.engine.now());
        while self.engine.next_ns().is_some_and(|next| next <= at_ns) {
            self.engine.step(&mut self.host);
        }
        self.engine.pass_time(at_ns);
        while let Some(report) = self.engine.take_report() {
            if let Report::Halted { node, reason, asked } = report {
                self.halted.push(Halted { node: self.engine.ids()[node], reason, asked });
            }
        }
    }

    /// When something is due next, in nanoseconds since the start.
    pub fn next_due_ns(&self) -> Option<u64> {
        self.engine.next_ns()
    }

    /// The time up to which everything has happened.
    pub fn now_ns(&self) -> u64 {
        self.engine.now()
    }

    /// A client asks a broker. `request` numbers the requests of a connection; a broker that does not run answers
    /// nothing.
    pub fn ask(&mut self, broker: NodeId, connection: u64, request: i32, body: ClientRequest) {
        let connection = ConnectionId(OUTSIDE + connection);
        let body = RequestBody::Client(body);
        let message: Request = Message { correlation_id: CorrelationId(request), body };
        self.hand(broker, Event::Request { connection, from: CLIENT, message });
    }

    /// A client's connection to a broker is gone.
    pub fn closed(&mut self, broker: NodeId, connection: u64) {
        let connection = ConnectionId(OUTSIDE + connection);
        self.hand(broker, Event::ConnectionClosed { connection });
    }

    fn hand(&mut self, node: NodeId, event: Event) {
        if let Some(node) = self.engine.index_of(node) {
            self.engine.deliver_from_outside(node, event, &mut self.host);
        }
    }

    /// Takes out what clients get, in order.
    pub fn take_answer(&mut self) -> Option<Answer> {
        loop {
            match self.engine.take_outside()? {
                Outside::Reply(connection, message) => {
                    // Whoever asks from outside asks as a client, and is answered as one.
                    let ResponseBody::Client(body) = message.body else { continue };
                    let connection = connection.0 - OUTSIDE;
                    let request = message.correlation_id.0;
                    return Some(Answer::Reply { connection, request, body });
                }
                Outside::Close(connection) => {
                    return Some(Answer::Close { connection: connection.0 - OUTSIDE });
                }
            }
        }
    }

    /// Takes out which processes ended without being killed.
    pub fn take_halted(&mut self) -> Vec<Halted> {
        std::mem::take(&mut self.halted)
    }

    /// Whether a node's process runs.
    pub fn runs(&self, node: NodeId) -> bool {
        self.engine.index_of(node).is_some_and(|node| self.engine.runs(node))
    }

    /// Ends a node's process, if it runs; says whether it did.
    pub fn kill(&mut self, node: NodeId, how: Kill) -> bool {
        let Some(index) = self.engine.index_of(node).filter(|node| self.engine.runs(*node)) else {
            return false;
        };
        let how = match how {
            Kill::Crash => CrashKind::Crash,
            Kill::PowerLoss => CrashKind::PowerLoss,
        };
        if how == CrashKind::PowerLoss {
            self.lossy.insert(node);
        }
        self.engine.crash_node(index, how, &mut self.host);
        true
    }

    /// Starts a node's process, if it does not run.
    pub fn start(&mut self, node: NodeId) {
        if let Some(index) = self.engine.index_of(node) {
            self.engine.start_at(index, self.engine.now());
        }
    }

    /// Asks a node's process to stop gracefully; says whether it runs.
    pub fn stop(&mut self, node: NodeId) -> bool {
        let Some(index) = self.engine.index_of(node).filter(|node| self.engine.runs(*node)) else {
            return false;
        };
        self.engine.stop(index, &mut self.host);
        true
    }

    /// Lets a node's process stand still, or go on.
    pub fn pause(&mut self, node: NodeId, paused: bool) {
        let Some(index) = self.engine.index_of(node) else { return };
        let asked = |active: &Active| {
            active.step == NO_STEP
                && matches!(active.condition, Condition::Pause(at) if at == index)
        };
        self.active.retain(|active| !asked(active));
        if paused {
            let condition = Condition::Pause(index);
            self.active.push(Active { step: NO_STEP, condition, until_ns: u64::MAX });
        }
        self.refresh();
    }

    /// Makes the world what the active faults say.
    fn refresh(&mut self) {
        apply(&self.active, &mut self.engine, &mut self.host);
    }

    /// Whether a broker's next answer to a client is lost with its connection, as a step that lasts may say.
    pub fn loses_answer(&mut self, broker: NodeId, answer: &ClientResponse) -> bool {
        let Some(index) = self.engine.index_of(broker) else { return false };
        let ordinal = self.answered.entry(broker).or_default();
        *ordinal += 1;
        let mut messages = NodeCondition::default();
        for active in &self.active {
            if let Condition::Drop(at, (one_in, answers_to)) = &active.condition
                && *at == index
            {
                match answers_to {
                    None => messages.drop_one_in = *one_in,
                    Some(kind) => messages.drop_kinds.push((*kind, *one_in)),
                }
            }
        }
        let one_in = messages.loses_one_in(true, RequestKind::of_client_response(answer));
        let key = (Purpose::DropResponse, u64::from(CLIENT.0.unsigned_abs()), broker.0 as u64);
        self.draws.one_in(key.0, key.1, key.2, *ordinal, one_in)
    }

    /// The metadata that a broker has applied, if it runs.
    pub fn metadata(&self, broker: NodeId) -> Option<&MetadataImage> {
        match self.engine.process(self.engine.index_of(broker)?)? {
            Process::Broker(broker) => Some(broker.metadata()),
            Process::Controller(_)
            | Process::Producer(_)
            | Process::Consumer(_)
            | Process::Pipeline(_)
            | Process::Admin(_)
            | Process::Worker(_) => None,
        }
    }

    /// The leader of the controllers' quorum, as far as any of them knows.
    pub fn active_controller(&self) -> Option<NodeId> {
        let controllers = &self.host.cluster.controllers;
        let known = controllers.iter().filter_map(|node| {
            let process = self.engine.process(self.engine.index_of(*node)?)?;
            let status = process.status();
            Some((status.metadata_end, status.quorum_leader?))
        });
        known.max_by_key(|(end, _)| *end).map(|(_, leader)| leader)
    }
}

/// Makes the processes.
#[derive(Debug)]
struct Maker {
    cluster: ClusterConfig,
}

impl NodeHost<Process> for Maker {
    fn boot(&mut self, Boot { node, image, incarnation, now }: Boot<'_>) -> Process {
        let cluster = self.cluster.clone();
        if cluster.brokers.contains(&node) {
            let broker = Broker::recover(node, cluster, image, incarnation, now);
            return Process::Broker(Box::new(broker));
        }
        let controller = Controller::recover(node, cluster, image, incarnation, now);
        Process::Controller(Box::new(controller))
    }

    fn started(&mut self, _: Moment) {}

    fn ended(&mut self, _: Moment, _: bool) {}

    fn noted(&mut self, _: Moment, _: &Note) {}
}
