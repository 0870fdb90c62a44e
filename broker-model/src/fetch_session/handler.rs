//! The asker's side of a fetch session: what to name in the next request, and what an answer means for it.
//!
//! The promise: once an answer is taken, the session at the other side holds exactly what [`SessionHandler::build`] was
//! told last. It costs as much as changed since the last request: who changes what is wanted of a partition says so by
//! [`SessionHandler::touch`]. Source: Kafka's `FetchSessionHandler` at 4.1.1; its topic ids are not modelled.

use super::{FetchMetadata, SessionError};
use crate::collections::{SortedMap, SortedSet};

/// A session with one server, as its client knows it.
#[derive(Debug)]
pub(crate) struct SessionHandler<K, D> {
    next: FetchMetadata,
    /// What the session holds, with the request built last.
    partitions: SortedMap<K, D>,
    /// What may be wanted otherwise than it was told.
    touched: SortedSet<K>,
}

/// What a request says.
#[derive(Debug, PartialEq)]
pub(crate) struct Built<K, D> {
    /// Session and place in it.
    pub(crate) metadata: FetchMetadata,
    /// Partitions to name, ascending.
    pub(crate) to_send: Vec<(K, D)>,
    /// Partitions to forget, ascending.
    pub(crate) to_forget: Vec<K>,
}

impl<K: Ord + Copy, D: PartialEq + Copy> SessionHandler<K, D> {
    /// No session yet.
    pub(crate) fn new() -> Self {
        Self {
            next: FetchMetadata::INITIAL,
            partitions: SortedMap::default(),
            touched: SortedSet::default(),
        }
    }

    /// What is wanted of a partition may have changed.
    pub(crate) fn touch(&mut self, key: K) {
        self.touched.insert(key);
    }

    /// Whether the next request begins a session in the place of another.
    pub(crate) fn renews(&self) -> bool {
        self.next.is_full() && self.next.session_id != FetchMetadata::NO_SESSION
    }

    /// What may be wanted otherwise than it was told.
    pub(crate) fn touched(&self) -> &SortedSet<K> {
        &self.touched
    }

    /// What a partition was asked for in the request built last.
    pub(crate) fn asked(&self, key: &K) -> Option<&D> {
        self.partitions.get(key)
    }

    /// Whether the session has no partitions, so that a request would ask for nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// The next request. `all` names every partition that may be wanted; it is gone through only for a full request.
    pub(crate) fn build(
        &mut self,
        all: impl IntoIterator<Item = K>,
        wanted: impl Fn(K) -> Option<D>,
    ) -> Built<K, D> {
        if self.next.is_full() {
            self.touched.clear();
            let named = all.into_iter().filter_map(|key| Some((key, wanted(key)?)));
            self.partitions = named.collect();
            let to_send = self.partitions.iter().map(|(key, data)| (*key, *data)).collect();
            self.self_check();
            return Built { metadata: self.next, to_send, to_forget: Vec::new() };
        }
        let (mut to_send, mut to_forget) = (Vec::with_capacity(self.touched.len()), Vec::new());
        for &key in &self.touched {
            match wanted(key) {
                Some(data) if self.partitions.get(&key) == Some(&data) => {}
                Some(data) => {
                    self.partitions.insert(key, data);
                    to_send.push((key, data));
                }
                None if self.partitions.remove(&key).is_some() => to_forget.push(key),
                None => {}
            }
        }
        self.touched.clear();
        assert!(
            to_send.len() <= self.partitions.len(),
            "{} partitions are named of {} in the session",
            to_send.len(),
            self.partitions.len()
        );
        self.self_check();
        Built { metadata: self.next, to_send, to_forget }
    }

    /// Takes an answer to the request built last: its session id or error, and the partitions it tells of. Whether
    /// these are to be believed.
    pub(crate) fn on_response(
        &mut self,
        session: Result<i32, SessionError>,
        answered: impl IntoIterator<Item = K>,
    ) -> bool {
        let before = self.next;
        let session_id = match session {
            Ok(session_id) => session_id,
            Err(SessionError::IdNotFound) => {
                self.next = FetchMetadata::INITIAL;
                return false;
            }
            Err(SessionError::InvalidEpoch) => {
                self.next = before.close_existing_attempt_new();
                return false;
            }
        };
        let believed = if before.is_full() {
            let mut answered: Vec<K> = answered.into_iter().collect();
            answered.sort_unstable();
            answered.dedup();
            // All of them, and no other.
            answered.len() == self.partitions.len()
                && answered.iter().all(|key| self.partitions.contains_key(key))
        } else {
            answered.into_iter().all(|key| self.partitions.contains_key(&key))
        };
        self.next = match (before.is_full(), believed) {
            (true, false) => FetchMetadata::INITIAL,
            (false, false) => before.close_existing_attempt_new(),
            (_, true) if session_id == FetchMetadata::NO_SESSION => FetchMetadata::INITIAL,
            (true, true) => FetchMetadata::new_incremental(session_id),
            (false, true) => before.next_incremental(),
        };
        self.self_check();
        believed
    }

    /// No answer came: whether the request counted is not known, so that the session is given up.
    pub(crate) fn on_error(&mut self) {
        self.next = self.next.close_existing_attempt_new();
        assert!(self.next.is_full(), "{:?} goes on after a lost answer", self.next);
        self.self_check();
    }

    /// Only a request of a session leaves out what the other side knows, and then in an epoch of that session.
    fn self_check(&self) {
        let FetchMetadata { session_id, epoch } = self.next;
        assert!(
            self.next.is_full() || session_id != FetchMetadata::NO_SESSION,
            "the next request names what changed, in no session: {:?}",
            self.next
        );
        assert!(epoch >= FetchMetadata::INITIAL_EPOCH, "epoch {epoch} of session {session_id}");
    }
}
