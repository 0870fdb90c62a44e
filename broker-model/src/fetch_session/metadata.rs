//! Session id and epoch of a fetch. Source: Kafka's `FetchMetadata` at 4.1.1.

/// Which session a fetch belongs to, and its place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FetchMetadata {
    /// The session; [`FetchMetadata::NO_SESSION`] if there is none.
    pub session_id: i32,
    /// The request's place: 0 asks for a new session, -1 ends the old one, the others count up from 1.
    pub epoch: i32,
}

/// Why a fetch is refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionError {
    /// There is no such session, or not any more: `FETCH_SESSION_ID_NOT_FOUND`.
    IdNotFound,
    /// It is not the session's next request: `INVALID_FETCH_SESSION_EPOCH`.
    InvalidEpoch,
}

impl FetchMetadata {
    /// No session.
    pub const NO_SESSION: i32 = 0;
    /// Asks for a new session.
    pub const INITIAL_EPOCH: i32 = 0;
    /// Ends the session, or wants none.
    pub const FINAL_EPOCH: i32 = -1;
    /// A first request, which would like to have a session.
    pub const INITIAL: Self = Self { session_id: Self::NO_SESSION, epoch: Self::INITIAL_EPOCH };
    /// A request without a session, as before KIP-227.
    pub const LEGACY: Self = Self { session_id: Self::NO_SESSION, epoch: Self::FINAL_EPOCH };

    /// Whether the request names all its partitions.
    pub fn is_full(self) -> bool {
        self.epoch == Self::INITIAL_EPOCH || self.epoch == Self::FINAL_EPOCH
    }

    /// The epoch after this one. After the largest comes 1, since 0 asks for a new session.
    pub fn next_epoch(epoch: i32) -> i32 {
        match epoch {
            i32::MIN..=-1 => Self::FINAL_EPOCH,
            i32::MAX => 1,
            0.. => epoch + 1,
        }
    }

    /// The second request of a session that was just created.
    pub fn new_incremental(session_id: i32) -> Self {
        Self { session_id, epoch: Self::next_epoch(Self::INITIAL_EPOCH) }
    }

    /// The next request of the session.
    #[must_use]
    pub fn next_incremental(self) -> Self {
        Self { epoch: Self::next_epoch(self.epoch), ..self }
    }

    /// A full request that ends the session and would like to have another.
    #[must_use]
    pub fn close_existing_attempt_new(self) -> Self {
        Self { epoch: Self::INITIAL_EPOCH, ..self }
    }
}
