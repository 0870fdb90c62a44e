//! What travels over links.

use harrow_broker_model::message::{Request, Response};

use crate::request_kind::RequestKind;

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The end that sends requests.
    Opener,
    /// The end that answers.
    Acceptor,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Opener => Self::Acceptor,
            Self::Acceptor => Self::Opener,
        }
    }
}

/// What travels over a link.
#[derive(Debug)]
pub(crate) enum Segment {
    /// Asks for a connection.
    Syn,
    /// Grants it.
    SynAck,
    /// A request, from the opener.
    Request(Request),
    /// A response, from the acceptor.
    Response(Response),
    /// Orderly end: everything before it has arrived.
    Fin,
    /// End at once.
    Rst,
}

impl Segment {
    /// Whether it is part of what the processes say, not of how connections begin and end.
    pub(super) fn is_data(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Response(_))
    }

    /// What it asks for.
    pub(super) fn request_kind(&self) -> Option<RequestKind> {
        let Self::Request(request) = self else { return None };
        RequestKind::of_request(&request.body)
    }
}

/// Something about a connection that happens at a time.
#[derive(Debug)]
pub(crate) enum Transit {
    /// A segment arrives at one end.
    Arrive {
        /// On which connection.
        connection: u64,
        /// At which end.
        toward: Side,
        /// What.
        segment: Segment,
    },
    /// The second copy of a response arrives.
    Copy {
        /// On which connection.
        connection: u64,
        /// What.
        message: Response,
    },
    /// The connection has had its time to be established.
    ConnectTimeout {
        /// Which.
        connection: u64,
    },
    /// What travels towards one end has had its time to arrive.
    StallTimeout {
        /// On which connection.
        connection: u64,
        /// Towards which end.
        toward: Side,
        /// Which stall of this way.
        generation: u32,
    },
    /// One end notices that the connection is gone.
    Ended {
        /// Which.
        connection: u64,
        /// Which end.
        side: Side,
    },
}
