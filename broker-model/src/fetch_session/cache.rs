//! All sessions of a server, and who is evicted for whom.
//!
//! A server remembers a bounded number. A session that was not used for two minutes goes first. Else a follower's may
//! take the place of a client's, and a larger one the place of a smaller one that had its two minutes; a client's never
//! takes a follower's that is younger. Who gets no session names everything in each request, as before KIP-227. Source:
//! Kafka's `FetchSessionCacheShard` and `FetchManager` at 4.1.1; Kafka draws ids at random, here they count.

use std::time::Duration;

use super::session::{SessionHead, SessionPartitions};
use super::{FetchMetadata, SessionError};
use crate::collections::SortedMap;
use crate::types::{ConnectionId, NodeId, Time};

/// Kafka's `MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`.
const EVICTION: Duration = Duration::from_mins(2);

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    /// Age, epoch and rank.
    pub(crate) head: SessionHead,
    /// What it holds.
    pub(crate) partitions: SessionPartitions,
    /// On which connection a request of it waits.
    pub(crate) waiting: Option<ConnectionId>,
}

/// How a fetch is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FetchContext {
    /// By the partitions it names; there will be no session.
    Sessionless,
    /// By the partitions it names; there may be a session then.
    Full,
    /// By the partitions of a session.
    Incremental(i32),
}

/// Rank in eviction: the least goes first.
type EvictionKey = (bool, usize, i32);

/// All sessions.
#[derive(Debug)]
pub(crate) struct SessionCache {
    sessions: SortedMap<i32, Session>,
    slots: usize,
    next_id: i32,
}

impl SessionCache {
    /// None yet, for at most so many. Ids of one uptime must not be those of another.
    pub(crate) fn new(slots: usize, incarnation: u64) -> Self {
        let next_id = ((incarnation % 2_047) as i32 + 1) << 20;
        Self { sessions: SortedMap::default(), slots, next_id }
    }

    /// A session.
    pub(crate) fn get(&self, id: i32) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// A session, to be changed.
    pub(crate) fn get_mut(&mut self, id: i32) -> Option<&mut Session> {
        self.sessions.get_mut(&id)
    }

    /// Whether the request may go on in the session that it names: then that is in its next epoch.
    pub(crate) fn advance(
        &mut self,
        metadata: FetchMetadata,
        now: Time,
    ) -> Result<(), SessionError> {
        let session = self.sessions.get_mut(&metadata.session_id);
        let session = session.ok_or(SessionError::IdNotFound)?;
        if session.head.epoch != metadata.epoch {
            return Err(SessionError::InvalidEpoch);
        }
        session.head.epoch = FetchMetadata::next_epoch(metadata.epoch);
        session.head.used_at = now;
        self.self_check(metadata.session_id);
        Ok(())
    }

    /// Remembers a new session, if there is room or somebody to be evicted; its id, and the evicted one.
    pub(crate) fn create(
        &mut self,
        now: Time,
        follower: Option<NodeId>,
        partitions: SessionPartitions,
    ) -> (i32, Option<(i32, Session)>) {
        let mut evicted = None;
        let privileged = follower.is_some();
        if self.sessions.len() >= self.slots {
            let Some(id) = self.evictable(now, (privileged, partitions.len(), 0)) else {
                return (FetchMetadata::NO_SESSION, None);
            };
            evicted = self.sessions.remove(&id).map(|session| (id, session));
        }
        let id = self.next_id;
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        let epoch = FetchMetadata::next_epoch(FetchMetadata::INITIAL_EPOCH);
        let head = SessionHead { follower, epoch, created_at: now, used_at: now };
        let before = self.sessions.insert(id, Session { head, partitions, waiting: None });
        assert!(before.is_none(), "session {id} is there already");
        self.self_check(id);
        (id, evicted)
    }

    /// Forgets a session.
    pub(crate) fn remove(&mut self, id: i32) -> Option<Session> {
        self.sessions.remove(&id)
    }

    /// All sessions, by id.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (i32, &mut Session)> {
        self.sessions.iter_mut().map(|(id, session)| (*id, session))
    }

    /// Asserts what must hold of all sessions, and of one that was changed.
    fn self_check(&self, id: i32) {
        let (count, slots) = (self.sessions.len(), self.slots);
        assert!(count <= slots, "{count} sessions in {slots} slots");
        let Some(Session { head, partitions, .. }) = self.sessions.get(&id) else { return };
        assert!(
            id != FetchMetadata::NO_SESSION && head.epoch > FetchMetadata::INITIAL_EPOCH,
            "session {id} waits for its request {}",
            head.epoch
        );
        assert!(
            head.created_at <= head.used_at,
            "session {id} was used at {}, and begun at {}",
            head.used_at,
            head.created_at
        );
        partitions.self_check();
    }

    /// Who makes room for a session of this rank.
    fn evictable(&self, now: Time, rank: EvictionKey) -> Option<i32> {
        let stalest = self.sessions.iter().min_by_key(|(id, session)| (session.head.used_at, **id));
        let (id, session) = stalest?;
        if now.since(session.head.used_at) > EVICTION {
            return Some(*id);
        }
        let evictable = |(_, session): &(&i32, &Session)| {
            let had_its_time = session.head.used_at.since(session.head.created_at) > EVICTION;
            had_its_time || (rank.0 && !session.head.is_privileged())
        };
        let ranks = self.sessions.iter().filter(evictable).map(|(id, session)| {
            let key: EvictionKey = (session.head.is_privileged(), session.partitions.len(), *id);
            key
        });
        ranks.min().filter(|least| rank >= *least).map(|(_, _, id)| id)
    }
}
