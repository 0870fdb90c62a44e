//! What a server remembers of one asker: what each partition was asked for, and what was told of it.
//!
//! Kafka reads all partitions of a session for each fetch and leaves those out of the answer that have no news. Here a
//! partition is read only if it may have news: it is *due* when the asker wants something else of it, when its log,
//! bounds or leadership changed, and as long as the last reading did not leave it at rest. What is read, and what is
//! told, is the same. Source: Kafka's `FetchSession`, `CachedPartition` and `IncrementalFetchContext` at 4.1.1.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::proto::TopicName;
use crate::types::{LeaderEpoch, NodeId, Offset, Time, TopicPartition};

/// What is wanted of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The epoch that the asker knows.
    pub(crate) current_leader_epoch: LeaderEpoch,
    /// First offset wanted.
    pub(crate) fetch_offset: Offset,
    /// Epoch of the asker's last record.
    pub(crate) last_fetched_epoch: LeaderEpoch,
    /// A follower's log start.
    pub(crate) log_start_offset: Offset,
    /// At most about so many bytes.
    pub(crate) bytes_max: u32,
}

/// What an answer would say of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Returned {
    /// The high watermark.
    pub(crate) high_watermark: Offset,
    /// The log start.
    pub(crate) log_start_offset: Offset,
    /// Whether there are records.
    pub(crate) has_records: bool,
    /// Whether there is an error.
    pub(crate) is_error: bool,
    /// Whether the logs differ.
    pub(crate) is_diverging: bool,
}

/// One partition of a session.
#[derive(Debug, Clone, Copy)]
struct CachedPartition {
    wanted: Wanted,
    /// As told last.
    high_watermark: Offset,
    /// As told last.
    log_start_offset: Offset,
    /// Its turn to be read.
    turn: u64,
}

impl CachedPartition {
    /// Whether the asker must be told; remembers what it is told.
    fn update(&mut self, returned: Returned) -> bool {
        let must_respond = returned.has_records
            || returned.is_error
            || returned.is_diverging
            || self.high_watermark != returned.high_watermark
            || self.log_start_offset != returned.log_start_offset;
        // When the error is gone, the asker must be told, even if the high watermark is as before. Nor does a follower
        // take the high watermark of an answer that says where the logs part; Kafka notes it as told nevertheless, so
        // that the follower's stays behind until it next moves.
        let is_taken = !returned.is_error && !returned.is_diverging;
        self.high_watermark = if is_taken { returned.high_watermark } else { Offset::NONE };
        self.log_start_offset = returned.log_start_offset;
        must_respond
    }
}

/// The partitions of a session.
#[derive(Debug)]
pub(crate) struct SessionPartitions {
    partitions: BTreeMap<SessionKey, CachedPartition>,
    /// Those that may have news, by their turns.
    due: BTreeMap<u64, SessionKey>,
    next_turn: u64,
}

impl SessionPartitions {
    /// What a full fetch asked for and was told.
    pub(crate) fn new(returned: impl IntoIterator<Item = (SessionKey, Wanted, Returned)>) -> Self {
        let mut session = Self { partitions: BTreeMap::new(), due: BTreeMap::new(), next_turn: 0 };
        for (key, wanted, returned) in returned {
            session.want(key.clone(), wanted);
            session.returned(&key, returned);
        }
        session
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.partitions.len()
    }

    /// What is wanted of a partition.
    pub(crate) fn wanted(&self, key: &SessionKey) -> Option<&Wanted> {
        self.partitions.get(key).map(|cached| &cached.wanted)
    }

    /// Something else is wanted of a partition, perhaps for the first time; whether it was at rest before.
    pub(crate) fn want(&mut self, key: SessionKey, wanted: Wanted) -> bool {
        if let Some(cached) = self.partitions.get_mut(&key) {
            cached.wanted = wanted;
            return self.due.insert(cached.turn, key).is_none();
        }
        let turn = self.take_turn();
        self.due.insert(turn, key.clone());
        let (high_watermark, log_start_offset) = (Offset::NONE, Offset::NONE);
        let cached = CachedPartition { wanted, high_watermark, log_start_offset, turn };
        self.partitions.insert(key, cached);
        false
    }

    /// A partition is not wanted any more.
    pub(crate) fn forget(&mut self, key: &SessionKey) -> bool {
        let Some(cached) = self.partitions.remove(key) else { return false };
        self.due.remove(&cached.turn);
        true
    }

    /// A partition may have news; whether it was at rest before.
    pub(crate) fn make_due(&mut self, key: &SessionKey) -> bool {
        let Some(cached) = self.partitions.get(key) else { return false };
        match self.due.entry(cached.turn) {
            Entry::Vacant(place) => {
                place.insert(key.clone());
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// Every partition may have news; those that were at rest before.
    pub(crate) fn make_all_due(&mut self) -> Vec<SessionKey> {
        let rested =
            self.partitions.iter().filter(|(_, cached)| !self.due.contains_key(&cached.turn));
        let rested: Vec<SessionKey> = rested.map(|(key, _)| key.clone()).collect();
        self.due = self.partitions.iter().map(|(key, cached)| (cached.turn, key.clone())).collect();
        rested
    }

    /// What may have news, in the order in which it is read.
    pub(crate) fn due(&self) -> impl Iterator<Item = (&SessionKey, &Wanted)> {
        self.due.values().map(|key| {
            let cached = self.partitions.get(key).expect("what is due is in the session");
            (key, &cached.wanted)
        })
    }

    /// How many may have news.
    pub(crate) fn due_count(&self) -> usize {
        self.due.len()
    }

    /// Whether nothing of a partition has to be read.
    pub(crate) fn is_at_rest(&self, key: &SessionKey) -> bool {
        self.partitions.get(key).is_some_and(|cached| !self.due.contains_key(&cached.turn))
    }

    /// Remembers what an answer tells of a partition; whether it must tell it at all. Who got records is read last next
    /// time, so that a full answer does not starve the others (KIP-74).
    pub(crate) fn returned(&mut self, key: &SessionKey, returned: Returned) -> bool {
        let turn = self.next_turn;
        let Some(cached) = self.partitions.get_mut(key) else { return false };
        let must_respond = cached.update(returned);
        if returned.has_records {
            let own = self.due.remove(&cached.turn);
            cached.turn = turn;
            self.due.insert(turn, own.unwrap_or_else(|| key.clone()));
            self.next_turn += 1;
        }
        must_respond
    }

    /// A reading found nothing, and nothing but a change can bring something: it need not be read before.
    pub(crate) fn rest(&mut self, key: &SessionKey) {
        if let Some(cached) = self.partitions.get(key) {
            self.due.remove(&cached.turn);
        }
    }

    fn take_turn(&mut self) -> u64 {
        self.next_turn += 1;
        self.next_turn - 1
    }

    /// Asserts what must hold after every change.
    pub(crate) fn self_check(&self) {
        assert!(
            self.due.len() <= self.partitions.len(),
            "{} of {} partitions are due",
            self.due.len(),
            self.partitions.len()
        );
    }
}

/// A partition as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SessionKey {
    /// By followers.
    Id(TopicPartition),
    /// By clients: the name may be unknown here.
    Name(TopicName, i32),
}

/// What a session is besides its partitions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionHead {
    /// The follower that asks; `None` for a client.
    pub(crate) follower: Option<NodeId>,
    /// The epoch of its next request.
    pub(crate) epoch: i32,
    /// When it began.
    pub(crate) created_at: Time,
    /// When it was used last.
    pub(crate) used_at: Time,
}

impl SessionHead {
    /// Whether its asker is a follower: a client's session makes room for it.
    pub(crate) fn is_privileged(&self) -> bool {
        self.follower.is_some()
    }
}
