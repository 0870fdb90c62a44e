//! Share sessions: which member asks on which connection, and which of its requests is the next. Source: KIP-932,
//! Kafka's `SharePartitionManager.newContext`, `ShareSessionCache`.
//!
//! A session belongs to the connection on which it was opened: when that ends, so does the session, and what the member
//! holds is given back. Known bug: the end of an older connection ended it, too (KAFKA-19950).

use std::collections::BTreeMap;

use crate::proto::ErrorCode;
use crate::types::ConnectionId;

/// Who has a session: group and member.
pub(super) type Member = (String, String);

/// Opens a session.
const INITIAL_EPOCH: i32 = 0;

/// The sessions of a broker.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: BTreeMap<Member, Session>,
    /// Whose session was opened on a connection.
    members: BTreeMap<ConnectionId, Member>,
    opened: u64,
}

#[derive(Debug)]
struct Session {
    /// Epoch of the next request.
    epoch: i32,
    connection: ConnectionId,
    number: u64,
}

/// A session that is over.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) member: Member,
    pub(super) number: u64,
    /// Whether the connection was its own.
    pub(super) own: bool,
}

impl Sessions {
    /// A request of a member; the number of its session if that is new. Source: `SharePartitionManager.newContext`.
    pub(super) fn request(
        &mut self,
        member: &Member,
        epoch: i32,
        connection: ConnectionId,
    ) -> Result<Option<u64>, ErrorCode> {
        if epoch == INITIAL_EPOCH {
            self.opened += 1;
            let session = Session { epoch: 1, connection, number: self.opened };
            self.open.insert(member.clone(), session);
            self.members.insert(connection, member.clone());
            return Ok(Some(self.opened));
        }
        let session = self.open.get_mut(member).ok_or(ErrorCode::ShareSessionNotFound)?;
        if session.epoch != epoch || session.connection != connection {
            return Err(ErrorCode::InvalidShareSessionEpoch);
        }
        session.epoch = epoch.checked_add(1).unwrap_or(1);
        Ok(None)
    }

    /// The epoch of a member's next request.
    pub(super) fn awaited(&self, member: &Member) -> Option<i32> {
        self.open.get(member).map(|session| session.epoch)
    }

    /// A connection is gone, and with it the session that belongs to it; `careless` if any of the member's is taken for
    /// that.
    pub(super) fn closed(&mut self, connection: ConnectionId, careless: bool) -> Option<Closed> {
        let member = self.members.remove(&connection)?;
        let session = self.open.get(&member)?;
        let (own, number) = (session.connection == connection, session.number);
        if !own && !careless {
            return None;
        }
        self.open.remove(&member);
        Some(Closed { member, number, own })
    }
}
