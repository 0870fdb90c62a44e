//! Links and the connections over them.
//!
//! A connection keeps TCP's promises: what is sent arrives in order, once, or the connection is reset. Opening
//! one costs a round trip (SYN, SYN-ACK); requests wait for it. Its opener is told that it stands, or that it is lost:
//! one of both comes, at the latest after the time to connect. Two connections are not ordered with respect to each
//! other.
//!
//! - A cut link stalls what travels on it, also what was sent before the cut. If the link heals within the stall
//!   timeout, it arrives; else the sender's end is reset. The receiver's end learns nothing through a cut link.
//! - A receiver whose way back is cut gets the data, but its acknowledgements do not: the sender's end is reset, too.
//! - A process that dies resets its connections; the reset travels like data. A machine without power sends nothing:
//!   its peers' data go unanswered, and they time out or are reset when the power is back.
//! - A connection whose path is lost stalls alone, in both directions: others between the same machines pass.
//! - What was sent before a connection was given up still arrives on it, and the answers vanish. That holds for what a
//!   process sent before it died, too: its kernel goes on trying. So a request may arrive long after its sender's next
//!   process was heard of on another connection.

mod arrival;
mod condition;
mod conditions;
mod inspect;
mod segment;
mod send;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::node::Channel;

use super::draw::{Draws, Purpose};
use super::engine::ScheduledEvent;
use super::fingerprint::{CHANNELS, channel_number};
use super::queue::Queue;
use crate::plan::NetworkPlan;
use crate::request_kind::RequestKind;

pub(crate) use arrival::Incoming;
pub(crate) use condition::{Held, LinkCondition, NodeCondition};
pub(crate) use inspect::{Content, UnderWay};
pub(crate) use segment::{Segment, Side, Transit};

/// What a machine does with what arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    /// Its process runs.
    Listening,
    /// It refuses connections: there is no process.
    Refusing,
    /// It is without power.
    Dark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Establishment {
    Connecting,
    Established,
    Failed,
}

#[derive(Debug)]
struct Connection {
    opener: usize,
    acceptor: usize,
    channel: Channel,
    establishment: Establishment,
    /// Whether the opener's and the acceptor's end are open.
    open: [bool; 2],
    /// Whether the acceptor's node has seen a request on it.
    known: bool,
    /// Reset on the way: nothing more that is sent travels.
    broken: bool,
    /// Requests that wait for the connection to be established.
    pending: Vec<Request>,
    /// Ways towards the opener and towards the acceptor.
    directions: [Direction; 2],
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Direction {
    /// Arrival of the last segment: order is kept.
    last_arrival_ns: u64,
    /// Segments that a cut link holds up, in order.
    stalled: VecDeque<Segment>,
    /// Whether something sent is not known to have arrived and a timeout runs.
    waiting: bool,
    /// Names the timeout.
    generation: u32,
}

impl Direction {
    /// When a segment arrives that would arrive then if it were alone: not before those sent earlier.
    fn in_order(&mut self, arrival_ns: u64) -> u64 {
        self.last_arrival_ns = self.last_arrival_ns.max(arrival_ns);
        self.last_arrival_ns
    }
}

/// One direction between two machines.
#[derive(Debug, Clone, Default)]
struct Link {
    /// Segments sent; keys the draws of the next one.
    sent: u64,
    /// When the last byte that was sent has left, in true time.
    free_at_ns: u64,
    condition: LinkCondition,
}

/// All machines, links and connections.
#[derive(Debug)]
pub(crate) struct Network {
    plan: NetworkPlan,
    draws: Draws,
    nodes: usize,
    /// Ids of the nodes, which key draws: dense indices change when a client is removed from a plan.
    ids: Vec<u64>,
    clients: Vec<bool>,
    machines: Vec<Machine>,
    conditions: Vec<NodeCondition>,
    links: Vec<Link>,
    /// Connections, by id minus one.
    connections: Vec<Connection>,
    /// The present connection of (opener, acceptor, channel), 0 if there is none.
    current: Vec<u64>,
    /// Connections of which a node has, or had, an open end.
    ends: Vec<Vec<u64>>,
    /// Connections that wait for a link or a machine.
    waiting: Vec<u64>,
    /// Connections whose path is lost, ascending.
    pathless: Vec<u64>,
    /// Connections whose end at a node vanished when its power went.
    orphans: Vec<Vec<u64>>,
    /// Segments that a `HoldRequests` or `HoldMetadata` step holds back.
    held: Vec<(u64, Segment)>,
    /// Responses sent by each node; keys the draws of the next one.
    responses: Vec<u64>,
    delivered: u64,
}

type Plans<'a> = &'a mut Queue<ScheduledEvent>;

impl Network {
    /// A healthy network of machines without processes. `clients` says which nodes use the clients' latency.
    pub(crate) fn new(plan: &NetworkPlan, draws: Draws, ids: &[i32], clients: Vec<bool>) -> Self {
        let nodes = ids.len();
        assert_eq!(clients.len(), nodes, "each node is a client or not");
        Self {
            plan: plan.clone(),
            draws,
            nodes,
            ids: ids.iter().map(|id| *id as u64).collect(),
            clients,
            machines: vec![Machine::Refusing; nodes],
            conditions: vec![NodeCondition::default(); nodes],
            links: vec![Link::default(); nodes * nodes],
            connections: Vec::new(),
            current: vec![0; nodes * nodes * CHANNELS],
            ends: vec![Vec::new(); nodes],
            waiting: Vec::new(),
            pathless: Vec::new(),
            orphans: vec![Vec::new(); nodes],
            held: Vec::new(),
            responses: vec![0; nodes],
            delivered: 0,
        }
    }

    /// Number of messages that arrived at a node.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Sends a request, opening the connection if there is none.
    pub(crate) fn request(
        &mut self,
        now: u64,
        from: usize,
        to: usize,
        channel: Channel,
        message: Request,
        queue: Plans<'_>,
    ) {
        let id = match self.current[self.slot(from, to, channel)] {
            0 => self.open(now, from, to, channel, queue),
            id => id,
        };
        let connection = self.get(id);
        match connection.establishment {
            Establishment::Connecting => connection.pending.push(message),
            Establishment::Established => {
                self.send(now, id, Side::Acceptor, Segment::Request(message), queue);
            }
            // The loss is noticed already and on its way to the node: the request goes down with the connection.
            Establishment::Failed => {}
        }
    }

    /// Answers on an accepted connection; nothing happens if it is gone.
    pub(crate) fn reply(
        &mut self,
        now: u64,
        node: usize,
        id: u64,
        message: Response,
        queue: Plans<'_>,
    ) {
        let connection = self.get(id);
        assert_eq!(connection.acceptor, node, "connection {id} was accepted by another node");
        let opener = connection.opener;
        if !connection.open[Side::Acceptor as usize] {
            return;
        }
        let ordinal = self.responses[node];
        self.responses[node] += 1;
        let condition = &self.conditions[node];
        let key = self.ids[node];
        let duplicate_one_in = condition.duplicate_one_in;
        let answers =
            RequestKind::of_response(&message.body).filter(|_| !condition.drop_kinds.is_empty());
        let lost_one_in = condition.loses_one_in(self.clients[opener], answers);
        if self.draws.one_in(Purpose::DropResponse, key, 0, ordinal, lost_one_in) {
            return self.reset(now, id, queue);
        }
        if self.draws.one_in(Purpose::DuplicateResponse, key, 0, ordinal, duplicate_one_in) {
            let later = self.draws.within(
                Purpose::DuplicateDelay,
                key,
                0,
                ordinal,
                (1_000_000, 60_000_000),
            );
            let transit = Transit::Copy { connection: id, message: message.clone() };
            queue.push(now + later, ScheduledEvent::Transit(transit));
        }
        self.send(now, id, Side::Opener, Segment::Response(message), queue);
    }

    /// The opener gives its connection up.
    pub(crate) fn disconnect(
        &mut self,
        now: u64,
        from: usize,
        to: usize,
        channel: Channel,
        queue: Plans<'_>,
    ) {
        let slot = self.slot(from, to, channel);
        let id = std::mem::take(&mut self.current[slot]);
        if id == 0 {
            return;
        }
        let connection = self.get(id);
        connection.open[Side::Opener as usize] = false;
        connection.pending.clear();
        if connection.establishment == Establishment::Connecting {
            connection.establishment = Establishment::Failed;
        }
        self.send(now, id, Side::Acceptor, Segment::Fin, queue);
    }

    /// The acceptor closes a connection.
    pub(crate) fn close(&mut self, now: u64, node: usize, id: u64, queue: Plans<'_>) {
        let connection = self.get(id);
        assert_eq!(connection.acceptor, node, "connection {id} was accepted by another node");
        if std::mem::take(&mut connection.open[Side::Acceptor as usize]) {
            self.send(now, id, Side::Opener, Segment::Fin, queue);
        }
    }

    /// All connections of a node are reset by something in between.
    pub(crate) fn reset_all(&mut self, now: u64, node: usize, queue: Plans<'_>) {
        for id in self.open_ends(node) {
            self.reset(now, id, queue);
        }
    }

    /// The channels of the open connections that a node has accepted, in order.
    pub(crate) fn accepted_channels(&mut self, node: usize) -> Vec<Channel> {
        let ids = self.open_ends(node);
        let accepted = ids.into_iter().map(|id| &self.connections[id as usize - 1]);
        let mut channels: Vec<Channel> = accepted
            .filter(|connection| connection.acceptor == node)
            .map(|connection| connection.channel)
            .collect();
        channels.sort_unstable();
        channels.dedup();
        channels
    }

    /// A node's process runs from now on.
    pub(crate) fn listen(&mut self, now: u64, node: usize, queue: Plans<'_>) {
        self.machines[node] = Machine::Listening;
        for id in std::mem::take(&mut self.orphans[node]) {
            self.answer_orphan(now, id, node, queue);
        }
    }

    /// A node's process is gone, and perhaps its machine's power.
    pub(crate) fn crash_node(&mut self, now: u64, node: usize, dark: bool, queue: Plans<'_>) {
        self.machines[node] = if dark { Machine::Dark } else { Machine::Refusing };
        for id in self.open_ends(node) {
            self.drop_end(now, id, node, dark, queue);
        }
        self.ends[node].clear();
    }

    fn drop_end(&mut self, now: u64, id: u64, node: usize, dark: bool, queue: Plans<'_>) {
        let connection = self.get(id);
        let side = if connection.opener == node { Side::Opener } else { Side::Acceptor };
        connection.open[side as usize] = false;
        if side == Side::Opener {
            connection.pending.clear();
            let slot = self.slot_of(id);
            self.current[slot] = 0;
        }
        if dark {
            // What its kernel had not sent is lost with it.
            self.get(id).directions[side.other() as usize].stalled.clear();
            self.orphans[node].push(id);
        } else {
            self.send(now, id, side.other(), Segment::Rst, queue);
        }
    }

    /// Power is back: data that went unanswered meanwhile is answered with a reset.
    fn answer_orphan(&mut self, now: u64, id: u64, node: usize, queue: Plans<'_>) {
        let connection = self.get(id);
        let peer = if connection.opener == node { Side::Acceptor } else { Side::Opener };
        if connection.open[peer as usize] && connection.directions[peer.other() as usize].waiting {
            self.send(now, id, peer, Segment::Rst, queue);
        }
    }

    fn open(
        &mut self,
        now: u64,
        from: usize,
        to: usize,
        channel: Channel,
        queue: Plans<'_>,
    ) -> u64 {
        assert_ne!(from, to, "a node does not connect to itself");
        self.connections.push(Connection {
            opener: from,
            acceptor: to,
            channel,
            establishment: Establishment::Connecting,
            open: [true, false],
            known: false,
            broken: false,
            pending: Vec::new(),
            directions: [Direction::default(), Direction::default()],
        });
        let id = self.connections.len() as u64;
        let slot = self.slot(from, to, channel);
        self.current[slot] = id;
        self.add_end(from, id);
        let timeout = now + self.plan.connect_timeout_ms * 1_000_000;
        queue.push(timeout, ScheduledEvent::Transit(Transit::ConnectTimeout { connection: id }));
        self.send(now, id, Side::Acceptor, Segment::Syn, queue);
        id
    }

    /// Resets a connection from in between: both ends learn of it as the resets arrive.
    fn reset(&mut self, now: u64, id: u64, queue: Plans<'_>) {
        if std::mem::replace(&mut self.get(id).broken, true) {
            return;
        }
        self.send(now, id, Side::Opener, Segment::Rst, queue);
        self.send(now, id, Side::Acceptor, Segment::Rst, queue);
    }

    fn get(&mut self, id: u64) -> &mut Connection {
        assert!(id > 0 && id <= self.connections.len() as u64, "there is no connection {id}");
        &mut self.connections[id as usize - 1]
    }

    fn slot(&self, from: usize, to: usize, channel: Channel) -> usize {
        (from * self.nodes + to) * CHANNELS + channel_number(channel)
    }

    fn slot_of(&mut self, id: u64) -> usize {
        let connection = self.get(id);
        let (opener, acceptor, channel) =
            (connection.opener, connection.acceptor, connection.channel);
        self.slot(opener, acceptor, channel)
    }

    fn link_at(&mut self, id: u64, toward: Side) -> usize {
        let (from, to) = self.get(id).endpoints(toward);
        from * self.nodes + to
    }

    fn add_end(&mut self, node: usize, id: u64) {
        let list = &mut self.ends[node];
        if list.len() >= 64 && list.len() == list.capacity() {
            let connections = &self.connections;
            list.retain(|id| connections[*id as usize - 1].is_open_at(node));
        }
        list.push(id);
    }

    /// Connections of which a node has an open end, in order.
    pub(crate) fn open_ends(&self, node: usize) -> Vec<u64> {
        let connections = &self.connections;
        let open = self.ends[node]
            .iter()
            .copied()
            .filter(|id| connections[*id as usize - 1].is_open_at(node));
        open.collect()
    }
}

impl Connection {
    /// Sender and receiver of what travels towards one end.
    fn endpoints(&self, toward: Side) -> (usize, usize) {
        match toward {
            Side::Opener => (self.acceptor, self.opener),
            Side::Acceptor => (self.opener, self.acceptor),
        }
    }

    /// Whether the opener's process is told that the connection stands: clients that speak bytes have no use for it.
    fn opener_waits(&self) -> bool {
        self.open[Side::Opener as usize] && !matches!(self.channel, Channel::Application(_))
    }

    fn is_open_at(&self, node: usize) -> bool {
        let side = if self.opener == node { Side::Opener } else { Side::Acceptor };
        self.open[side as usize]
    }
}
