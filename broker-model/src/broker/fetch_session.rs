//! Fetch sessions of this broker's followers and consumers: whose partitions have news, and which request waits for
//! them.
//!
//! A follower that has all keeps its place in the ISR by fetching (rule 2.1.6). Kafka counts each fetch of a session
//! for each of its partitions; here a partition at rest is counted for when it ceases to be: the leader is then told
//! until when the follower fetched. A partition rests only while its follower is in the ISR and has the whole log, so
//! that nothing that Kafka would have done at a fetch between was left out. Source: KIP-227, Kafka's `FetchManager`.

use std::collections::BTreeMap;

use crate::config::ClusterConfig;
use crate::fetch_session::cache::{FetchContext, Session, SessionCache};
use crate::fetch_session::session::{Returned, SessionKey, SessionPartitions, Wanted};
use crate::fetch_session::{FetchMetadata, SessionError};
use crate::types::{ConnectionId, NodeId, Time, TopicPartition};

/// All sessions of a broker.
#[derive(Debug)]
pub(super) struct FetchSessions {
    cache: SessionCache,
    /// Sessions that hold a partition.
    watchers: BTreeMap<TopicPartition, Vec<(i32, SessionKey)>>,
    /// Connections on which a request of a session waits.
    waiting: BTreeMap<i32, ConnectionId>,
}

/// What a request asks of a session.
#[derive(Debug)]
pub(super) struct SessionRequest {
    /// Session and epoch.
    pub(super) metadata: FetchMetadata,
    /// Partitions that it names, with their ids if they are known.
    pub(super) named: Vec<(SessionKey, Option<TopicPartition>, Wanted)>,
    /// Partitions to be forgotten.
    pub(super) forgotten: Vec<(SessionKey, Option<TopicPartition>)>,
}

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
            watchers: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// Judges a request: how it is to be answered. What it names is taken into its session.
    pub(super) fn open(
        &mut self,
        now: Time,
        request: SessionRequest,
    ) -> (Result<FetchContext, SessionError>, Ended) {
        let id = request.metadata.session_id;
        if request.metadata.is_full() {
            let ended = self.end(id);
            let context = if request.metadata.epoch == FetchMetadata::FINAL_EPOCH {
                FetchContext::Sessionless
            } else {
                FetchContext::Full
            };
            return (Ok(context), ended);
        }
        let used_before = self.cache.get(id).map(|session| session.head.used_at);
        if let Err(error) = self.cache.advance(request.metadata, now) {
            return (Err(error), Ended::default());
        }
        let mut ended = Ended::default();
        for (key, partition) in request.forgotten {
            ended.rested.extend(self.rested(id, &key, partition, used_before));
            self.forget(id, &key, partition);
        }
        for (key, partition, wanted) in request.named {
            ended.rested.extend(self.want(id, key, (partition, used_before), wanted));
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
    pub(super) fn create(
        &mut self,
        now: Time,
        follower: Option<NodeId>,
        returned: Vec<(SessionKey, Option<TopicPartition>, Wanted, Returned)>,
    ) -> (i32, Ended) {
        let ids: Vec<(SessionKey, Option<TopicPartition>)> =
            returned.iter().map(|(key, partition, ..)| (key.clone(), *partition)).collect();
        let returned =
            returned.into_iter().map(|(key, _, wanted, returned)| (key, wanted, returned));
        let (id, evicted) = self.cache.create(now, follower, SessionPartitions::new(returned));
        let ended = evicted.map(|(id, session)| self.ended(id, &session)).unwrap_or_default();
        if id != FetchMetadata::NO_SESSION {
            for (key, partition) in ids {
                self.watch(id, &key, partition);
            }
        }
        (id, ended)
    }

    /// What of a session may have news, in the order in which it is to be read.
    pub(super) fn due(&self, id: i32) -> impl Iterator<Item = (&SessionKey, &Wanted)> {
        self.cache.get(id).into_iter().flat_map(|session| session.partitions.due())
    }

    /// How much of a session may have news.
    pub(super) fn due_count(&self, id: i32) -> usize {
        self.cache.get(id).map_or(0, |session| session.partitions.due_count())
    }

    /// What is wanted of a partition, if it is in the session.
    pub(super) fn wanted(&self, id: i32, key: &SessionKey) -> Option<Wanted> {
        self.cache.get(id)?.partitions.wanted(key).copied()
    }

    /// Remembers what is told of a partition; whether it must be told. It rests if nothing but a change of it can bring
    /// news, and if it is known here.
    pub(super) fn returned(
        &mut self,
        id: i32,
        (key, partition): (&SessionKey, Option<TopicPartition>),
        returned: Returned,
        at_rest: bool,
    ) -> bool {
        if let Some(partition) = partition {
            self.watch(id, key, Some(partition));
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
            if session.partitions.make_due(key)
                && let Some(follower) = session.head.follower
            {
                rested.push(Rested { partition, follower, until: session.head.used_at });
            }
            waiting.extend(self.waiting.get(id));
        }
        (waiting, rested)
    }

    /// A broker's registration changed: what its followers may do is judged anew.
    pub(super) fn brokers_changed(&mut self) -> Vec<Rested> {
        let mut rested = Vec::new();
        for (_, session) in self.cache.iter_mut() {
            let Some(follower) = session.head.follower else { continue };
            let until = session.head.used_at;
            for key in session.partitions.make_all_due() {
                if let SessionKey::Id(partition) = key {
                    rested.push(Rested { partition, follower, until });
                }
            }
        }
        rested
    }

    /// A request of a session waits on a connection.
    pub(super) fn waits(&mut self, id: i32, connection: ConnectionId) {
        let before = self.waiting.insert(id, connection);
        assert!(before.is_none(), "two requests of session {id} wait: {before:?}, {connection}");
    }

    /// The request of a session waits no more.
    pub(super) fn waits_no_more(&mut self, context: FetchContext, connection: ConnectionId) {
        if let FetchContext::Incremental(id) = context
            && self.waiting.get(&id) == Some(&connection)
        {
            self.waiting.remove(&id);
        }
    }

    /// Takes what is wanted of a partition; who rested there until then.
    fn want(
        &mut self,
        id: i32,
        key: SessionKey,
        (partition, until): (Option<TopicPartition>, Option<Time>),
        wanted: Wanted,
    ) -> Option<Rested> {
        self.watch(id, &key, partition);
        let session = self.cache.get_mut(id)?;
        let was_at_rest = session.partitions.want(key, wanted);
        let (follower, until, partition) = (session.head.follower?, until?, partition?);
        was_at_rest.then_some(Rested { partition, follower, until })
    }

    fn forget(&mut self, id: i32, key: &SessionKey, partition: Option<TopicPartition>) {
        if let Some(session) = self.cache.get_mut(id) {
            session.partitions.forget(key);
        }
        self.unwatch(id, partition);
    }

    fn watch(&mut self, id: i32, key: &SessionKey, partition: Option<TopicPartition>) {
        let Some(partition) = partition else { return };
        let watchers = self.watchers.entry(partition).or_default();
        if !watchers.iter().any(|(other, _)| *other == id) {
            watchers.push((id, key.clone()));
        }
    }

    fn unwatch(&mut self, id: i32, partition: Option<TopicPartition>) {
        let Some(partition) = partition else { return };
        if let Some(watchers) = self.watchers.get_mut(&partition) {
            watchers.retain(|(other, _)| *other != id);
        }
    }

    /// Ends a session, if there is one.
    fn end(&mut self, id: i32) -> Ended {
        let session = self.cache.remove(id);
        session.map(|session| self.ended(id, &session)).unwrap_or_default()
    }

    fn ended(&mut self, id: i32, session: &Session) -> Ended {
        let mut rested = Vec::new();
        for (partition, watchers) in &mut self.watchers {
            let Some(at) = watchers.iter().position(|(other, _)| *other == id) else { continue };
            let (_, key) = watchers.swap_remove(at);
            if let Some(follower) = session.head.follower
                && session.partitions.is_at_rest(&key)
            {
                let until = session.head.used_at;
                rested.push(Rested { partition: *partition, follower, until });
            }
        }
        self.watchers.retain(|_, watchers| !watchers.is_empty());
        Ended { rested, waiting: self.waiting.remove(&id) }
    }

    /// Whether a partition is at rest, and until when its follower is known to have had all.
    fn rested(
        &self,
        id: i32,
        key: &SessionKey,
        partition: Option<TopicPartition>,
        until: Option<Time>,
    ) -> Option<Rested> {
        let session = self.cache.get(id)?;
        let (follower, until, partition) = (session.head.follower?, until?, partition?);
        session.partitions.is_at_rest(key).then_some(Rested { partition, follower, until })
    }
}
