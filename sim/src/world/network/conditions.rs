//! Faults of links and nodes' network. They are set as a whole whenever the set of active faults changes.

use harrow_broker_model::node::{Channel, Event};
use harrow_broker_model::types::{ConnectionId, NodeId};

use super::{
    Connection, Direction, Establishment, Incoming, LinkCondition, Machine, Network, NodeCondition,
    Plans, ScheduledEvent, Segment, Side, Transit,
};

use crate::request_kind::RequestKind;

impl Network {
    /// Sets the faults of all links and nodes; what they held up before and no longer do travels on.
    /// `links` is by sender, then receiver.
    pub(crate) fn set_conditions(
        &mut self,
        now: u64,
        links: &[LinkCondition],
        nodes: &[NodeCondition],
        queue: Plans<'_>,
    ) {
        assert_eq!(
            (links.len(), nodes.len()),
            (self.links.len(), self.nodes),
            "one condition each"
        );
        self.links.iter_mut().zip(links).for_each(|(link, condition)| link.condition = *condition);
        self.conditions.clone_from_slice(nodes);
        self.release_stalled(now, queue);
        self.release_held(now, queue);
    }

    /// Sets which connections have lost their path, ascending; what waits on the others goes on with the next
    /// [`Self::set_conditions`].
    pub(crate) fn set_stalled(&mut self, connections: &[u64]) {
        assert!(connections.is_sorted(), "connections {connections:?} are not in order");
        self.pathless.clear();
        self.pathless.extend_from_slice(connections);
    }

    /// Whether nothing passes on a connection, though the links may be whole.
    #[inline]
    pub(super) fn is_pathless(&self, id: u64) -> bool {
        !self.pathless.is_empty() && self.pathless.binary_search(&id).is_ok()
    }

    fn release_stalled(&mut self, now: u64, queue: Plans<'_>) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_unstable();
        waiting.dedup();
        for id in &waiting {
            self.release_direction(now, *id, Side::Opener, queue);
            self.release_direction(now, *id, Side::Acceptor, queue);
        }
        waiting.retain(|id| {
            let directions = &self.connections[*id as usize - 1].directions;
            directions.iter().any(|direction| direction.waiting || !direction.stalled.is_empty())
        });
        self.waiting = waiting;
    }

    fn release_direction(&mut self, now: u64, id: u64, toward: Side, queue: Plans<'_>) {
        let (there, back) = (self.link_at(id, toward), self.link_at(id, toward.other()));
        if self.links[there].condition.cut || self.is_pathless(id) {
            return;
        }
        let (sender, receiver) = self.get(id).endpoints(toward);
        let answered = !self.links[back].condition.cut && self.machines[receiver] != Machine::Dark;
        let direction = &mut self.get(id).directions[toward as usize];
        let stalled = std::mem::take(&mut direction.stalled);
        direction.waiting = direction.waiting && stalled.is_empty() && !answered;
        for segment in stalled {
            let arrival = now + self.latency(sender, receiver);
            let arrival = self.get(id).directions[toward as usize].in_order(arrival);
            queue.push(
                arrival,
                ScheduledEvent::Transit(Transit::Arrive { connection: id, toward, segment }),
            );
        }
    }

    fn release_held(&mut self, now: u64, queue: Plans<'_>) {
        let (mut held, mut released) = (Vec::new(), Vec::new());
        for (id, segment) in std::mem::take(&mut self.held) {
            let follows = || held.iter().any(|(held, _): &(u64, Segment)| *held == id);
            let stays = self.holds_back(id, &segment, follows);
            (if stays { &mut held } else { &mut released }).push((id, segment));
        }
        self.held = held;
        let mut reborn: Vec<(u64, u64)> = Vec::new();
        for (id, segment) in released {
            let id = match reborn.iter().find(|(old, _)| *old == id) {
                Some((_, new)) => *new,
                None => self.reborn(id, &mut reborn),
            };
            let transit = Transit::Arrive { connection: id, toward: Side::Acceptor, segment };
            queue.push(now, ScheduledEvent::Transit(transit));
        }
        for (_, id) in reborn {
            let transit =
                Transit::Arrive { connection: id, toward: Side::Acceptor, segment: Segment::Fin };
            queue.push(now, ScheduledEvent::Transit(transit));
        }
    }

    /// Whether what a connection's opener sent is held back; `follows` tells whether something before it is.
    pub(super) fn holds_back(
        &self,
        id: u64,
        segment: &Segment,
        follows: impl FnOnce() -> bool,
    ) -> bool {
        let connection = &self.connections[id as usize - 1];
        let (opener, acceptor) = (connection.opener, connection.acceptor);
        let of_acceptor = &self.conditions[acceptor];
        let is_of_kind = |kind: RequestKind| of_acceptor.hold_kinds.contains(&kind);
        let is_held = of_acceptor.hold == Some(connection.channel)
            || !of_acceptor.hold_kinds.is_empty()
                && (segment.request_kind().is_some_and(is_of_kind) || follows());
        is_held
            || (self.conditions[opener].hold_metadata && connection.channel == Channel::QuorumFetch)
    }

    /// The connection on which held requests arrive: their own, or, if the process that accepted it is gone, a new one
    /// at its next incarnation, whose opener does not listen.
    fn reborn(&mut self, id: u64, reborn: &mut Vec<(u64, u64)>) -> u64 {
        let connection = self.get(id);
        let (opener, acceptor, channel) =
            (connection.opener, connection.acceptor, connection.channel);
        if connection.open[Side::Acceptor as usize] || self.machines[acceptor] != Machine::Listening
        {
            return id;
        }
        self.connections.push(Connection {
            opener,
            acceptor,
            channel,
            establishment: Establishment::Established,
            open: [false, true],
            known: false,
            broken: false,
            pending: Vec::new(),
            directions: [Direction::default(), Direction::default()],
        });
        let new = self.connections.len() as u64;
        self.add_end(acceptor, new);
        reborn.push((id, new));
        new
    }

    /// Turns what waited for a node's process into its event; `None` if the connection was given up meanwhile.
    pub(crate) fn event(&mut self, incoming: Incoming, ids: &[NodeId]) -> Option<Event> {
        match incoming {
            Incoming::Request { connection: id, message } => {
                let connection = self.get(id);
                connection.known |= connection.open[Side::Acceptor as usize];
                let from = ids[connection.opener];
                let open = connection.open[Side::Acceptor as usize];
                self.delivered += u64::from(open);
                open.then(|| Event::Request { connection: ConnectionId(id), from, message })
            }
            Incoming::Response { connection: id, message } => {
                let connection = self.get(id);
                let (from, channel) = (ids[connection.acceptor], connection.channel);
                let open = connection.open[Side::Opener as usize];
                self.delivered += u64::from(open);
                open.then_some(Event::Response { from, channel, message })
            }
            Incoming::Connected { connection: id } => {
                let connection = self.get(id);
                let (to, channel) = (ids[connection.acceptor], connection.channel);
                connection.opener_waits().then_some(Event::Connected { to, channel })
            }
            Incoming::Lost { connection: id } => {
                let connection = self.get(id);
                let (to, channel) = (ids[connection.acceptor], connection.channel);
                if !std::mem::take(&mut connection.open[Side::Opener as usize]) {
                    return None;
                }
                connection.pending.clear();
                let slot = self.slot_of(id);
                self.current[slot] = 0;
                Some(Event::ConnectionLost { to, channel })
            }
            Incoming::Closed { connection: id } => {
                let connection = self.get(id);
                let open = std::mem::take(&mut connection.open[Side::Acceptor as usize]);
                (open && connection.known)
                    .then_some(Event::ConnectionClosed { connection: ConnectionId(id) })
            }
        }
    }
}
