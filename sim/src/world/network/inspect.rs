//! What is under way, and what waits for what, for somebody who looks.

use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::node::Channel;

use super::{Connection, Establishment, Incoming, Machine, Network, Segment, Side, Transit};

/// What a message is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    /// A request.
    Request(&'a Request),
    /// A response.
    Response(&'a Response),
    /// Part of how a connection begins or ends.
    Control(&'static str),
}

/// A message under way, or one that waits.
#[derive(Debug)]
pub(crate) struct UnderWay<'a> {
    /// Sender, by index.
    pub(crate) from: usize,
    /// Receiver, by index.
    pub(crate) to: usize,
    /// On which connection.
    pub(crate) connection: u64,
    /// What it says.
    pub(crate) content: Content<'a>,
    /// Why it waits, if it does.
    pub(crate) waits: Option<String>,
}

impl Network {
    /// What waits in the network itself: behind a cut, without a path, held back, or for its connection.
    pub(crate) fn waiting(&self) -> Vec<UnderWay<'_>> {
        let mut all = Vec::new();
        for (index, connection) in self.connections.iter().enumerate() {
            let id = index as u64 + 1;
            for side in [Side::Opener, Side::Acceptor] {
                let stalled = connection.directions[side as usize].stalled.iter();
                all.extend(stalled.map(|segment| {
                    let why = self.obstacle(id, connection, side);
                    under_way(connection, id, side, content(segment), Some(why))
                }));
            }
            if connection.establishment == Establishment::Connecting {
                all.extend(connection.pending.iter().map(|request| {
                    let why = "its connection is being opened".to_owned();
                    let content = Content::Request(request);
                    under_way(connection, id, Side::Acceptor, content, Some(why))
                }));
            }
        }
        all.extend(self.held.iter().map(|(id, segment)| {
            let why = "a fault holds it back".to_owned();
            under_way(self.of(*id), *id, Side::Acceptor, content(segment), Some(why))
        }));
        all
    }

    /// What is on its way, of something that will happen; nothing if that is no arrival.
    pub(crate) fn travelling<'a>(&'a self, transit: &'a Transit) -> Option<UnderWay<'a>> {
        match transit {
            Transit::Arrive { connection, toward, segment } => {
                let of = self.of(*connection);
                Some(under_way(of, *connection, *toward, content(segment), None))
            }
            Transit::Copy { connection, message } => {
                let (of, content) = (self.of(*connection), Content::Response(message));
                Some(under_way(of, *connection, Side::Opener, content, None))
            }
            Transit::ConnectTimeout { .. }
            | Transit::StallTimeout { .. }
            | Transit::Ended { .. } => None,
        }
    }

    /// What has arrived and waits for its process.
    pub(crate) fn arrived<'a>(&'a self, incoming: &'a Incoming, why: &str) -> Option<UnderWay<'a>> {
        let why = Some(why.to_owned());
        match incoming {
            Incoming::Request { connection, message } => {
                let (of, content) = (self.of(*connection), Content::Request(message));
                Some(under_way(of, *connection, Side::Acceptor, content, why))
            }
            Incoming::Response { connection, message } => {
                let (of, content) = (self.of(*connection), Content::Response(message));
                Some(under_way(of, *connection, Side::Opener, content, why))
            }
            Incoming::Connected { .. } | Incoming::Lost { .. } | Incoming::Closed { .. } => None,
        }
    }

    /// What a connection is for.
    pub(crate) fn channel_of(&self, connection: u64) -> Channel {
        self.of(connection).channel
    }

    fn of(&self, id: u64) -> &Connection {
        &self.connections[id as usize - 1]
    }

    fn obstacle(&self, id: u64, connection: &Connection, toward: Side) -> String {
        let (from, to) = connection.endpoints(toward);
        if self.links[from * self.nodes + to].condition.cut {
            return "the link is cut".to_owned();
        }
        if self.is_pathless(id) {
            return "its connection has lost its path".to_owned();
        }
        if self.machines[to] == Machine::Dark {
            return "the machine is without power".to_owned();
        }
        "what was sent before it waits".to_owned()
    }
}

fn under_way<'a>(
    connection: &Connection,
    id: u64,
    toward: Side,
    content: Content<'a>,
    waits: Option<String>,
) -> UnderWay<'a> {
    let (from, to) = connection.endpoints(toward);
    UnderWay { from, to, connection: id, content, waits }
}

fn content(segment: &Segment) -> Content<'_> {
    match segment {
        Segment::Syn => Content::Control("asks for a connection"),
        Segment::SynAck => Content::Control("grants a connection"),
        Segment::Request(request) => Content::Request(request),
        Segment::Response(response) => Content::Response(response),
        Segment::Fin => Content::Control("ends its connection"),
        Segment::Rst => Content::Control("resets its connection"),
    }
}
