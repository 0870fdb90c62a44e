//! The driver: it owns the cluster and all sockets, and is one thread. It lets time pass for the nodes, hands them what
//! clients ask, and sends what they answer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use harrow_broker_model::edge::{Endpoint, TopicDefaults};
use harrow_broker_model::message::ClientResponse;
use harrow_broker_model::proto::StrBytes;
use harrow_broker_model::types::NodeId;
use harrow_reports::policy::Damage;
use harrow_sim::live::{LiveCluster, LivePlan};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use super::clock::{Clock, wall_ms};
use super::connection::Connection;
use super::control::Command;
use super::options::ServeOptions;
use super::recorder::Recorder;
use super::rules::Rules;
use super::script::Script;
use super::server_event::{Ready, ServerEvent};

/// The waker's token; listeners have their broker's id.
const WAKER: Token = Token(0);
/// Connections have tokens from here on.
const CONNECTIONS: usize = 10_000;
/// The driver looks around at least this often.
const PATIENCE: Duration = Duration::from_millis(100);
/// Sockets that are told of at once.
const EVENTS: usize = 1_024;

/// Where a broker listens.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) port: u16,
    pub(super) listener: Option<TcpListener>,
}

/// What is due at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A request or an answer goes on that a rule has delayed: its connection and number.
    GoOn(u64, i32),
    /// A node starts again.
    Restart(NodeId),
    /// A fault of the scenario fires, by its position.
    Step(usize),
    /// What lasts of one is over.
    EndStep(usize),
    /// The next broker of a rolling restart stops: position of the fault, and which broker.
    Roll(usize, usize),
    /// All faults of the scenario end.
    Heal,
}

/// Whose question one of ours is.
#[derive(Debug)]
pub(super) enum Own {
    /// It has topics created, and nobody waits for the answer.
    Creation(Vec<String>),
    /// Somebody waits for the answer.
    Awaited(Option<ClientResponse>),
}

/// What has happened, counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) requests: BTreeMap<String, u64>,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) kills: u64,
}

/// Everything that runs.
pub(super) struct Server {
    pub(super) options: ServeOptions,
    pub(super) cluster: LiveCluster,
    pub(super) clock: Clock,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) last_connection: u64,
    pub(super) listeners: BTreeMap<NodeId, Listening>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) cluster_id: StrBytes,
    pub(super) rules: Rules,
    pub(super) script: Option<Script>,
    pub(super) due: BTreeSet<(u64, Due)>,
    pub(super) recorder: Option<Recorder>,
    pub(super) own: BTreeMap<u64, Own>,
    pub(super) creating: BTreeSet<String>,
    pub(super) damage: Vec<Damage>,
    pub(super) paused: BTreeSet<NodeId>,
    /// Connections whose next frame may have its turn.
    pub(super) readable: VecDeque<u64>,
    pub(super) counts: Counts,
    pub(super) ready: bool,
    pub(super) stopping: bool,
    poll: Poll,
}

impl Server {
    /// Binds the brokers' ports; nothing is served yet.
    pub(super) fn bind(options: ServeOptions) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listeners = BTreeMap::new();
        for (at, broker) in options.cluster.brokers.iter().enumerate() {
            let port = if options.port == 0 { 0 } else { options.port.saturating_add(at as u16) };
            let listener = listen(&poll, *broker, SocketAddr::new(options.listen, port))?;
            let port = listener.local_addr()?.port();
            listeners.insert(*broker, Listening { port, listener: Some(listener) });
        }
        let endpoint = |(node, listening): (&NodeId, &Listening)| Endpoint {
            node: *node,
            host: StrBytes::from_string(options.advertise.clone()),
            port: listening.port,
        };
        let endpoints = listeners.iter().map(endpoint).collect();
        let cluster = LiveCluster::new(&LivePlan {
            seed: options.seed,
            cluster: options.cluster.clone(),
            network: options.network.clone(),
            disk: options.disk.clone(),
            wall_start_ms: wall_ms(),
        });
        Ok(Self {
            cluster,
            clock: Clock::start(),
            connections: BTreeMap::new(),
            last_connection: 0,
            listeners,
            endpoints,
            cluster_id: StrBytes::from_static_str("harrow-live-cluster-01"),
            rules: Rules::default(),
            script: options.faults.clone().map(Script::new),
            due: BTreeSet::new(),
            recorder: options.record.then(Recorder::default),
            own: BTreeMap::new(),
            creating: BTreeSet::new(),
            damage: Vec::new(),
            paused: BTreeSet::new(),
            readable: VecDeque::new(),
            counts: Counts::default(),
            ready: false,
            stopping: false,
            poll,
            options,
        })
    }

    /// What wakes the driver from another thread.
    pub(super) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKER)
    }

    /// What topics are given that leave it open.
    pub(super) fn topic_defaults(&self) -> TopicDefaults {
        TopicDefaults {
            partitions: self.options.partitions,
            replication_factor: self.options.replication_factor,
        }
    }

    /// Serves until it is told to stop.
    pub(super) fn run(
        &mut self,
        commands: &Receiver<Command>,
        stop: &Arc<AtomicBool>,
        control_port: u16,
        tell: &impl Fn(&ServerEvent) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.stopping && !stop.load(Ordering::Relaxed) {
            self.turn();
            if !self.ready && self.all_serve() {
                self.ready = true;
                tell(&ServerEvent::Ready(self.at_ports(control_port)))?;
                self.begin_script();
            }
            for fault in self.take_news() {
                tell(&ServerEvent::Fault(fault))?;
            }
            let patience = self.patience();
            match self.poll.poll(&mut events, Some(patience)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => other?,
            }
            for event in &events {
                self.on_event(event.token());
            }
            self.read_all();
            while let Ok(command) = commands.try_recv() {
                self.on_command(&command);
            }
        }
        Ok(())
    }

    /// Lets happen what is due, and sends what came of it.
    pub(super) fn turn(&mut self) {
        let now = self.clock.now_ns();
        self.cluster.run_until(now);
        self.run_due(now);
        self.deliver();
        self.read_all();
        self.look_after_halted();
    }

    fn read_all(&mut self) {
        while let Some(id) = self.readable.pop_front() {
            self.read_on(id);
        }
    }

    fn patience(&self) -> Duration {
        let now = self.cluster.now_ns();
        let due = self.due.first().map(|(at, _)| *at);
        let next = [self.cluster.next_due_ns(), due].into_iter().flatten().min();
        next.map_or(PATIENCE, |at| Duration::from_nanos(at.saturating_sub(now))).min(PATIENCE)
    }

    fn run_due(&mut self, now: u64) {
        while let Some((at, due)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, due));
            match due {
                Due::GoOn(connection, number) => self.go_on(connection, Some(number)),
                Due::Restart(node) => self.start(node),
                Due::Step(position) => self.fire_step(position),
                Due::EndStep(position) => self.end_step(position),
                Due::Roll(position, broker) => self.roll(position, broker),
                Due::Heal => self.heal_script(),
            }
        }
    }

    fn on_event(&mut self, token: Token) {
        let number = token.0;
        if number >= CONNECTIONS {
            self.on_socket((number - CONNECTIONS) as u64);
        } else if token != WAKER {
            self.on_listener(NodeId(number as i32));
        }
    }

    fn on_listener(&mut self, broker: NodeId) {
        loop {
            let listener = self.listeners.get(&broker).and_then(|it| it.listener.as_ref());
            let Some(listener) = listener else { return };
            // A client that is gone before it is accepted is nobody's trouble.
            let Ok((stream, _)) = listener.accept() else { return };
            if self.connections.len() >= self.options.connections_max {
                self.counts.refused += 1;
                continue;
            }
            let _ = stream.set_nodelay(true);
            self.last_connection += 1;
            let id = self.last_connection;
            let mut connection = Connection::new(stream, broker, self.options.frame_bytes_max);
            let (token, both) =
                (Token(CONNECTIONS + id as usize), Interest::READABLE | Interest::WRITABLE);
            if self.poll.registry().register(connection.stream(), token, both).is_ok() {
                self.counts.accepted += 1;
                self.connections.insert(id, connection);
            }
        }
    }

    /// Something may be read or written on a connection.
    fn on_socket(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.becomes_readable();
        if connection.flush().is_err() {
            return self.close(id);
        }
        self.read_on(id);
    }

    /// A connection is gone, from whichever side.
    pub(super) fn close(&mut self, id: u64) {
        let Some(mut connection) = self.connections.remove(&id) else { return };
        // It is closed right after; what is no longer registered cannot be told.
        let _ = self.poll.registry().deregister(connection.stream());
        self.cluster.closed(connection.broker, id);
        if let Some(recorder) = &mut self.recorder {
            recorder.closed(id);
        }
    }

    /// A broker's port is no longer listened on, and all its connections are gone.
    pub(super) fn shut(&mut self, broker: NodeId) {
        if let Some(listening) = self.listeners.get_mut(&broker) {
            listening.listener = None;
        }
        let its = self.connections.iter().filter(|(_, it)| it.broker == broker);
        let its: Vec<u64> = its.map(|(id, _)| *id).collect();
        for id in its {
            self.close(id);
        }
    }

    /// A broker's port is listened on again.
    pub(super) fn open(&mut self, broker: NodeId) {
        let cut_off = self.script.as_ref().is_some_and(|script| script.cuts_off(broker));
        let Some(listening) = self.listeners.get_mut(&broker).filter(|_| !cut_off) else { return };
        if listening.listener.is_none() {
            let address = SocketAddr::new(self.options.listen, listening.port);
            listening.listener = listen(&self.poll, broker, address).ok();
        }
    }

    /// Whether all brokers serve, with the topics that are to be there; has those created.
    fn all_serve(&mut self) -> bool {
        let brokers = self.options.cluster.brokers.clone();
        let mut missing = Vec::new();
        for broker in &brokers {
            let Some(image) = self.cluster.metadata(*broker) else { return false };
            let alive = image.brokers.values().filter(|it| !it.fenced);
            if alive.count() < brokers.len() {
                return false;
            }
            let topics = self.options.topics.iter();
            missing = topics.filter(|it| !image.topic_ids.contains_key(&it.name)).collect();
        }
        let made = missing.is_empty();
        let missing = missing.into_iter().filter(|it| !self.creating.contains(&it.name));
        let missing = missing.map(|it| (it.name.clone(), it.partitions)).collect();
        if let Some(broker) = brokers.first() {
            self.create_topics(*broker, missing);
        }
        made
    }

    /// Where clients reach all of it.
    fn at_ports(&self, control_port: u16) -> Ready {
        let ports = self.listeners.values().map(|listening| listening.port).collect();
        Ready { host: self.options.advertise.clone(), ports, control_port }
    }
}

fn listen(poll: &Poll, broker: NodeId, address: SocketAddr) -> io::Result<TcpListener> {
    let mut listener = TcpListener::bind(address)?;
    let token = Token(broker.0 as usize);
    poll.registry().register(&mut listener, token, Interest::READABLE)?;
    Ok(listener)
}
