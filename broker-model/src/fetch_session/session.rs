//! What a server remembers of one asker: what each partition was asked for, and what was told of it.
//!
//! Kafka reads all partitions of a session for each fetch and leaves those out of the answer that have no news. Here a
//! partition is read only if it may have news: it is *due* when the asker wants something else of it, when its log,
//! bounds or leadership changed, and as long as the last reading did not leave it at rest. What is read, and what is
//! told, is the same. Source: Kafka's `FetchSession`, `CachedPartition` and `IncrementalFetchContext` at 4.1.1.

use crate::collections::SortedMap;
use crate::proto::TopicName;
use crate::types::{LeaderEpoch, NodeId, Offset, Time, TopicPartition};

/// What is wanted of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Which topic of its name, as the wire has it; none if the asker goes by the name.
    pub(crate) topic: Option<u128>,
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
    /// Whether the asker takes the high watermark from such an answer.
    pub(crate) is_taken: bool,
}

/// One partition of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CachedPartition {
    /// What is wanted of it.
    pub(crate) wanted: Wanted,
    /// Which it is, once that is known here.
    pub(crate) id: Option<TopicPartition>,
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
        // take the high watermark of an answer that says where the logs part.
        self.high_watermark =
            if returned.is_taken { returned.high_watermark } else { Offset::NONE };
        self.log_start_offset = returned.log_start_offset;
        must_respond
    }
}

/// What is known anew of a partition's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identified {
    /// Nothing.
    Known,
    /// It had none.
    First,
    /// It was another.
    InPlaceOf(TopicPartition),
}

/// A partition as a request names it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PartitionName<'a> {
    /// By followers.
    Id(TopicPartition),
    /// By clients: the name may be unknown here.
    Name(&'a TopicName, i32),
}

/// A partition as its session names it: the topic's number, or the place of its name among those of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionKey {
    topic: u32,
    partition: i32,
}

impl SessionKey {
    /// In a follower's session.
    pub(crate) fn of(id: TopicPartition) -> Self {
        Self { topic: id.topic.0, partition: id.partition }
    }

    /// The number of the partition in its topic.
    pub(crate) fn partition(self) -> i32 {
        self.partition
    }
}

/// The partitions of a session.
#[derive(Debug, Default)]
pub(crate) struct SessionPartitions {
    partitions: SortedMap<SessionKey, CachedPartition>,
    /// Topics by place, in a client's session.
    names: Vec<TopicName>,
    /// Those that may have news, by their turns.
    due: SortedMap<u64, SessionKey>,
    next_turn: u64,
}

impl SessionPartitions {
    /// What a full fetch asked for and was told.
    pub(crate) fn new<'a>(
        returned: impl IntoIterator<
            Item = (PartitionName<'a>, Option<TopicPartition>, Wanted, Returned),
        >,
    ) -> Self {
        let mut session = Self::default();
        for (name, id, wanted, returned) in returned {
            let key = session.key(name);
            session.want(key, id, wanted);
            session.returned(key, returned);
        }
        session
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.partitions.len()
    }

    /// The key of a partition that is, or will be, in the session.
    pub(crate) fn key(&mut self, name: PartitionName<'_>) -> SessionKey {
        if let Some(key) = self.find(name) {
            return key;
        }
        match name {
            PartitionName::Id(id) => SessionKey::of(id),
            PartitionName::Name(topic, partition) => {
                self.names.push(topic.clone());
                SessionKey { topic: self.names.len() as u32 - 1, partition }
            }
        }
    }

    /// The key of a partition, if its topic was ever in the session.
    pub(crate) fn find(&self, name: PartitionName<'_>) -> Option<SessionKey> {
        match name {
            PartitionName::Id(id) => Some(SessionKey::of(id)),
            PartitionName::Name(topic, partition) => {
                let place = self.names.iter().position(|name| name == topic)?;
                Some(SessionKey { topic: place as u32, partition })
            }
        }
    }

    /// The name of a partition's topic, in a client's session.
    pub(crate) fn topic(&self, key: SessionKey) -> Option<&TopicName> {
        self.names.get(key.topic as usize)
    }

    /// A partition, if it is in the session.
    pub(crate) fn get(&self, key: SessionKey) -> Option<&CachedPartition> {
        self.partitions.get(&key)
    }

    /// All partitions, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionKey, &CachedPartition)> {
        self.partitions.iter().map(|(key, cached)| (*key, cached))
    }

    /// Something else is wanted of a partition, perhaps for the first time; whether it was at rest before.
    pub(crate) fn want(
        &mut self,
        key: SessionKey,
        id: Option<TopicPartition>,
        wanted: Wanted,
    ) -> bool {
        if let Some(cached) = self.partitions.get_mut(&key) {
            // A topic that was created again is another one, though it has the name of the first, and though nobody has
            // heard of it here.
            let replaced = cached.wanted.topic != wanted.topic;
            cached.wanted = wanted;
            cached.id = if replaced { id } else { cached.id.or(id) };
            return self.due.insert(cached.turn, key).is_none();
        }
        let turn = self.take_turn();
        self.due.insert(turn, key);
        let (high_watermark, log_start_offset) = (Offset::NONE, Offset::NONE);
        let cached = CachedPartition { wanted, id, high_watermark, log_start_offset, turn };
        self.partitions.insert(key, cached);
        false
    }

    /// Notes which partition it is.
    pub(crate) fn identify(&mut self, key: SessionKey, id: TopicPartition) -> Identified {
        match self.partitions.get_mut(&key) {
            Some(cached) if cached.id != Some(id) => match cached.id.replace(id) {
                Some(before) => Identified::InPlaceOf(before),
                None => Identified::First,
            },
            Some(_) | None => Identified::Known,
        }
    }

    /// A partition is not wanted any more; as it was.
    pub(crate) fn forget(&mut self, key: SessionKey) -> Option<CachedPartition> {
        let cached = self.partitions.remove(&key)?;
        self.due.remove(&cached.turn);
        self.self_check();
        Some(cached)
    }

    /// A partition may have news; whether it was at rest before.
    pub(crate) fn make_due(&mut self, key: SessionKey) -> bool {
        let Some(cached) = self.partitions.get(&key) else { return false };
        if self.due.contains_key(&cached.turn) {
            return false;
        }
        self.due.insert(cached.turn, key);
        self.self_check();
        true
    }

    /// Every partition may have news; those that were at rest before.
    pub(crate) fn make_all_due(&mut self) -> Vec<TopicPartition> {
        let rested = self.partitions.values().filter(|cached| !self.due.contains_key(&cached.turn));
        let rested: Vec<TopicPartition> = rested.filter_map(|cached| cached.id).collect();
        let mut turns: Vec<(u64, SessionKey)> =
            self.partitions.iter().map(|(key, cached)| (cached.turn, *key)).collect();
        turns.sort_unstable();
        self.due = turns.into_iter().collect();
        self.self_check();
        rested
    }

    /// What may have news, in the order in which it is read.
    pub(crate) fn due(&self) -> impl Iterator<Item = (SessionKey, &CachedPartition)> {
        self.due.values().map(|key| {
            let cached = self.partitions.get(key).expect("what is due is in the session");
            (*key, cached)
        })
    }

    /// How many may have news.
    pub(crate) fn due_count(&self) -> usize {
        self.due.len()
    }

    /// Whether nothing of a partition has to be read.
    pub(crate) fn is_at_rest(&self, key: SessionKey) -> bool {
        self.partitions.get(&key).is_some_and(|cached| !self.due.contains_key(&cached.turn))
    }

    /// Remembers what an answer tells of a partition; whether it must tell it at all. Who got records is read last next
    /// time, so that a full answer does not starve the others (KIP-74).
    pub(crate) fn returned(&mut self, key: SessionKey, returned: Returned) -> bool {
        let turn = self.next_turn;
        let Some(cached) = self.partitions.get_mut(&key) else { return false };
        let must_respond = cached.update(returned);
        if returned.has_records {
            self.due.remove(&cached.turn);
            cached.turn = turn;
            self.due.insert(turn, key);
            self.next_turn += 1;
            self.self_check();
        }
        must_respond
    }

    /// A reading found nothing, and nothing but a change can bring something: it need not be read before.
    pub(crate) fn rest(&mut self, key: SessionKey) {
        if let Some(cached) = self.partitions.get(&key) {
            self.due.remove(&cached.turn);
        }
        self.self_check();
    }

    fn take_turn(&mut self) -> u64 {
        self.next_turn += 1;
        self.next_turn - 1
    }

    /// Asserts what must hold after every change: each partition has had a turn, and who is due is in the session at
    /// that turn.
    pub(crate) fn self_check(&self) {
        let (due, count, turns) = (self.due.len(), self.partitions.len(), self.next_turn);
        assert!(due <= count, "{due} of {count} partitions are due");
        assert!(count as u64 <= turns, "{count} partitions have had {turns} turns");
        let first = self.due.first();
        let turn_of = |key: &SessionKey| self.partitions.get(key).map(|cached| cached.turn);
        assert!(
            first.is_none_or(|(turn, key)| *turn < turns && turn_of(key) == Some(*turn)),
            "{first:?} is due, its partition has {:?} of {turns} turns",
            first.and_then(|(_, key)| turn_of(key))
        );
    }
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
