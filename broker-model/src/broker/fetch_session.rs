//! Fetch sessions of this broker's followers and consumers: whose partitions have news, and which request waits for
//! them.
//!
//! A follower that has all keeps its place in the ISR by fetching (rule 2.1.6). Kafka counts each fetch of a session
//! for each of its partitions; here a partition at rest is counted for when it ceases to be: the leader is then told
//! until when the follower fetched. A partition rests only while its follower is in the ISR and has the whole log, so
//! that nothing that Kafka would have done at a fetch between was left out. Source: KIP-227, Kafka's `FetchManager`.

use crate::collections::PartitionMap;
use crate::config::ClusterConfig;
use crate::fetch_session::cache::{FetchContext, Session, SessionCache};
use crate::fetch_session::session::{
    CachedPartition, Identified, PartitionName, Returned, SessionKey, SessionPartitions, Wanted,
};
use crate::fetch_session::{FetchMetadata, SessionError};
use crate::node::Effects;
use crate::note::{Api, ExchangeNote};
use crate::types::{ConnectionId, NodeId, Time, TopicPartition};

/// All sessions of a broker.
#[derive(Debug)]
pub(super) struct FetchSessions {
    cache: SessionCache,
    /// Sessions that hold a partition.
    watchers: Watchers,
}

/// Sessions that hold a partition, and as what.
type Watchers = PartitionMap<TopicPartition, Vec<(i32, SessionKey)>>;

/// A session that is gone: who fetched until when, for each partition that was at rest, and the connection on which a
/// request of it waits.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Partitions that were at rest.
    pub(super) rested: Vec<Rested>,
    /// Whose answer can only be empty now.
    pub(super) waiting: Option<ConnectionId>,
}

/// A follower had all of a partition until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rested {
    /// Which partition.
    pub(super) partition: TopicPartition,
    /// Who.
    pub(super) follower: NodeId,
    /// When it fetched last.
    pub(super) until: Time,
}

impl FetchSessions {
    /// None yet.
    pub(super) fn new(config: &ClusterConfig, incarnation: u64) -> Self {
        Self {
            cache: SessionCache::new(config.fetch_session_slots as usize, incarnation),
            watchers: PartitionMap::default(),
        }
    }

    /// Judges a request of this session and epoch: how it is to be answered. The partitions that it names, with their
    /// ids if they are known, are taken into its session, and others are forgotten. What is served in another epoch
    /// than the session awaits is stated.
    pub(super) fn open<'a>(
        &mut self,
        (now, by): (Time, NodeId),
        metadata: FetchMetadata,
        named: impl IntoIterator<Item = (PartitionName<'a>, Option<TopicPartition>, Wanted)>,
        forgotten: impl IntoIterator<Item = PartitionName<'a>>,
        effects: &mut Effects,
    ) -> (Result<FetchContext, SessionError>, Ended) {
        let id = metadata.session_id;
        if metadata.is_full() {
            let ended = self.end(id);
            let context = if metadata.epoch == FetchMetadata::FINAL_EPOCH {
                FetchContext::Sessionless
            } else {
                FetchContext::Full
            };
            return (Ok(context), ended);
        }
        let before = self.cache.get(id).map(|session| (session.head.epoch, session.head.used_at));
        let (awaited, used_before) = before.unzip();
        if let Err(error) = self.cache.advance(metadata, now) {
            return (Err(error), Ended::default());
        }
        if let Some(own) = awaited.filter(|epoch| *epoch != metadata.epoch) {
            let api = Api::FetchSession;
            effects.note(ExchangeNote::served(api, by, metadata.epoch, own));
        }
        let mut ended = Ended::default();
        for name in forgotten {
            ended.rested.extend(self.forget(id, name, used_before));
        }
        for (name, partition, wanted) in named {
            ended.rested.extend(self.want(id, name, (partition, used_before), wanted));
        }
        let session = self.cache.get(id).expect("a session that was advanced is there");
        session.partitions.self_check();
        if session.partitions.len() == 0 {
            let last = self.end(id);
            ended.rested.extend(last.rested);
            return (Ok(FetchContext::Sessionless), Ended { waiting: last.waiting, ..ended });
        }
        (Ok(FetchContext::Incremental(id)), ended)
    }

    /// Remembers what a full fetch asked for and was told; the id of its session, or none.
    pub(super) fn create<'a>(
        &mut self,
        now: Time,
        follower: Option<NodeId>,
        returned: impl IntoIterator<
            Item = (PartitionName<'a>, Option<TopicPartition>, Wanted, Returned),
        >,
    ) -> (i32, Ended) {
        let (id, evicted) = self.cache.create(now, follower, SessionPartitions::new(returned));
        let ended = evicted.map(|(id, session)| self.ended(id, &session)).unwrap_or_default();
        for (key, cached) in self.cache.get(id).into_iter().flat_map(|it| it.partitions.iter()) {
            watch(&mut self.watchers, id, key, cached.id);
        }
        (id, ended)
    }

    /// A session, if it is there.
    pub(super) fn get(&self, id: i32) -> Option<&SessionPartitions> {
        self.cache.get(id).map(|session| &session.partitions)
    }

    /// What of a session may have news, in the order in which it is to be read.
    pub(super) fn due(&self, id: i32) -> impl Iterator<Item = (SessionKey, &CachedPartition)> {
        self.get(id).into_iter().flat_map(SessionPartitions::due)
    }

    /// How much of a session may have news.
    pub(super) fn due_count(&self, id: i32) -> usize {
        self.get(id).map_or(0, SessionPartitions::due_count)
    }

    /// What is wanted of a partition, if it is in the session.
    pub(super) fn wanted(&self, id: i32, key: SessionKey) -> Option<Wanted> {
        self.get(id)?.get(key).map(|cached| cached.wanted)
    }

    /// Remembers what is told of a partition; whether it must be told. It rests if nothing but a change of it can bring
    /// news, and if it is known here.
    pub(super) fn returned(
        &mut self,
        id: i32,
        (key, partition): (SessionKey, Option<TopicPartition>),
        returned: Returned,
        at_rest: bool,
    ) -> bool {
        if let Some(partition) = partition {
            self.identify(id, key, partition);
        }
        let Some(session) = self.cache.get_mut(id) else { return true };
        let must_respond = session.partitions.returned(key, returned);
        if at_rest && partition.is_some() {
            session.partitions.rest(key);
        }
        must_respond
    }

    /// A partition changed: the requests that wait in sessions that hold it, and who rested there until then.
    pub(super) fn changed(
        &mut self,
        partition: TopicPartition,
    ) -> (Vec<ConnectionId>, Vec<Rested>) {
        let (mut waiting, mut rested) = (Vec::new(), Vec::new());
        for (id, key) in self.watchers.get(&partition).into_iter().flatten() {
            let Some(session) = self.cache.get_mut(*id) else { continue };
            if session.partitions.make_due(*key)
                && let Some(follower) = session.head.follower
            {
                rested.push(Rested { partition, follower, until: session.head.used_at });
            }
            waiting.extend(session.waiting);
        }
        (waiting, rested)
    }

    /// A broker's registration changed: what its followers may do is judged anew.
    pub(super) fn brokers_changed(&mut self) -> Vec<Rested> {
        let mut rested = Vec::new();
        for (_, session) in self.cache.iter_mut() {
            let Some(follower) = session.head.follower else { continue };
            let until = session.head.used_at;
            for partition in session.partitions.make_all_due() {
                rested.push(Rested { partition, follower, until });
            }
        }
        rested
    }

    /// Notes which partition it is that a session knows by a name: the topic may have been created again meanwhile.
    pub(super) fn identify(&mut self, id: i32, key: SessionKey, partition: TopicPartition) {
        let Some(session) = self.cache.get_mut(id) else { return };
        let identified = session.partitions.identify(key, partition);
        if let Identified::InPlaceOf(before) = identified {
            unwatch(&mut self.watchers, id, Some(before));
        }
        if identified != Identified::Known {
            watch(&mut self.watchers, id, key, Some(partition));
        }
    }

    /// A request of a session waits on a connection.
    pub(super) fn waits(&mut self, id: i32, connection: ConnectionId) {
        let Some(session) = self.cache.get_mut(id) else { return };
        let before = session.waiting.replace(connection);
        assert!(before.is_none(), "two requests of session {id} wait: {before:?}, {connection}");
    }

    /// The request of a session waits no more.
    pub(super) fn waits_no_more(&mut self, context: FetchContext, connection: ConnectionId) {
        if let FetchContext::Incremental(id) = context
            && let Some(session) = self.cache.get_mut(id)
        {
            session.waiting.take_if(|waiting| *waiting == connection);
        }
    }

    /// Takes what is wanted of a partition; who rested there until then.
    fn want(
        &mut self,
        id: i32,
        name: PartitionName<'_>,
        (partition, until): (Option<TopicPartition>, Option<Time>),
        wanted: Wanted,
    ) -> Option<Rested> {
        let session = self.cache.get_mut(id)?;
        let key = session.partitions.key(name);
        let before = session.partitions.get(key).and_then(|cached| cached.id);
        let was_at_rest = session.partitions.want(key, partition, wanted);
        let now = session.partitions.get(key).and_then(|cached| cached.id);
        if before != now {
            unwatch(&mut self.watchers, id, before);
            watch(&mut self.watchers, id, key, now);
        }
        let (follower, until, partition) = (session.head.follower?, until?, partition?);
        was_at_rest.then_some(Rested { partition, follower, until })
    }

    /// A partition is not wanted any more; who rested there until then.
    fn forget(&mut self, id: i32, name: PartitionName<'_>, until: Option<Time>) -> Option<Rested> {
        let session = self.cache.get_mut(id)?;
        let key = session.partitions.find(name)?;
        let was_at_rest = session.partitions.is_at_rest(key);
        let partition = session.partitions.forget(key)?.id;
        unwatch(&mut self.watchers, id, partition);
        let (follower, until, partition) = (session.head.follower?, until?, partition?);
        was_at_rest.then_some(Rested { partition, follower, until })
    }

    /// Ends a session, if there is one.
    fn end(&mut self, id: i32) -> Ended {
        let session = self.cache.remove(id);
        session.map(|session| self.ended(id, &session)).unwrap_or_default()
    }

    fn ended(&mut self, id: i32, session: &Session) -> Ended {
        let mut rested = Vec::new();
        for (key, cached) in session.partitions.iter() {
            let Some(partition) = cached.id else { continue };
            let Some(watchers) = self.watchers.get_mut(&partition) else { continue };
            let Some(at) = watchers.iter().position(|(other, _)| *other == id) else { continue };
            watchers.swap_remove(at);
            if let Some(follower) = session.head.follower
                && session.partitions.is_at_rest(key)
            {
                rested.push(Rested { partition, follower, until: session.head.used_at });
            }
        }
        Ended { rested, waiting: session.waiting }
    }
}

/// Whose changes a session's partition has news of.
fn watch(watchers: &mut Watchers, id: i32, key: SessionKey, partition: Option<TopicPartition>) {
    let Some(partition) = partition else { return };
    let watchers = watchers.get_or_insert_with(partition, Vec::new);
    if !watchers.iter().any(|(other, _)| *other == id) {
        watchers.push((id, key));
    }
}

fn unwatch(watchers: &mut Watchers, id: i32, partition: Option<TopicPartition>) {
    if let Some(watchers) = partition.and_then(|partition| watchers.get_mut(&partition)) {
        watchers.retain(|(other, _)| *other != id);
    }
}
