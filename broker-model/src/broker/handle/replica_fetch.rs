//! Fetch by followers, which tells the leader how far they are. Source: rules 2.1.1 to 2.1.4, KIP-227, KIP-903, Kafka's
//! `KafkaApis.handleFetchRequest` and `ReplicaManager.fetchMessages`.

use crate::broker::fetch_session::{Ended, Rested, SessionRequest};
use crate::broker::purgatory::{ReplicaFetch, Wait};
use crate::broker::{Broker, Caller};
use crate::config::ms;
use crate::fetch_session::FetchMetadata;
use crate::fetch_session::cache::FetchContext;
use crate::fetch_session::session::{Returned, SessionKey, Wanted};
use crate::log::ReadLimit;
use crate::message::{
    ClusterError, ReplicaFetchPartition, ReplicaFetchPartitionResponse, ReplicaFetchRequest,
    ReplicaFetchResponse, ResponseBody,
};
use crate::node::Effects;
use crate::partition::FetchBounds;
use crate::types::{Now, Offset, TopicPartition};

/// A partition as asked for, and its answer.
type Answered = (ReplicaFetchPartition, ReplicaFetchPartitionResponse);

impl Broker {
    pub(super) fn on_replica_fetch(
        &mut self,
        now: Now,
        caller: Caller,
        request: Box<ReplicaFetchRequest>,
        effects: &mut Effects,
    ) {
        let (context, ended) = self.fetch_sessions.open(now.time, session_request(&request));
        self.end_session(&ended, effects);
        let context = match context {
            Ok(context) => context,
            Err(error) => {
                let response = ReplicaFetchResponse { session: Err(error), partitions: Vec::new() };
                let body = ResponseBody::ReplicaFetch(Box::new(response));
                return self.connections.reply(caller, body, effects);
            }
        };
        let fetch = ReplicaFetch { request, context };
        let answered = self.read_for_replica(now, &fetch, true, effects);
        self.touched.extend(answered.iter().map(|(asked, _)| asked.partition));
        let urgent = answered.iter().any(|(_, answer)| is_news(answer));
        let nothing = fetch.context == FetchContext::Sessionless && answered.is_empty();
        if urgent || nothing || fetch.request.wait_max_ms == 0 {
            return self.reply_replica_fetch(now, caller, &fetch, answered, effects);
        }
        let deadline = now.time + ms(fetch.request.wait_max_ms);
        let watched = match context {
            FetchContext::Incremental(id) => {
                self.fetch_sessions.waits(id, caller.connection);
                Vec::new()
            }
            FetchContext::Full | FetchContext::Sessionless => {
                fetch.request.partitions.iter().map(|asked| asked.partition).collect()
            }
        };
        self.purgatory.park(caller, deadline, Wait::ReplicaFetch(fetch), watched);
    }

    /// Reads for a follower. `is_new` is false when a waiting fetch reads again: it tells nothing new of the follower.
    pub(in crate::broker) fn read_for_replica(
        &mut self,
        now: Now,
        fetch: &ReplicaFetch,
        is_new: bool,
        effects: &mut Effects,
    ) -> Vec<Answered> {
        let all = match fetch.context {
            FetchContext::Incremental(id) => self.due_for_replica(id),
            FetchContext::Full | FetchContext::Sessionless => fetch.request.partitions.clone(),
        };
        let (replica, broker_epoch) = (fetch.request.replica, fetch.request.broker_epoch);
        // Only the first that has records may go beyond the limit. Source: `ReplicaManager.readFromLog`.
        let bytes_max = self.context.config.replica_fetch_max_bytes;
        let mut limit = ReadLimit { bytes_max, min_one: true };
        let mut answered = Vec::with_capacity(all.len());
        for asked in all {
            let bounds = FetchBounds { limit, update_follower: is_new };
            let (context, hosted) = self.partition_context(now);
            let answer = match hosted.get_mut(&asked.partition) {
                Some(partition) => {
                    partition.replica_fetch(context, replica, broker_epoch, &asked, bounds, effects)
                }
                None if context.metadata.partitions.contains_key(&asked.partition) => {
                    refusal(&asked, ClusterError::NotLeaderOrFollower)
                }
                None => refusal(&asked, ClusterError::UnknownTopicOrPartition),
            };
            let bytes: usize = answer.batches.iter().map(|batch| batch.bytes().len()).sum();
            limit.bytes_max = limit.bytes_max.saturating_sub(bytes as u32);
            limit.min_one &= bytes == 0;
            answered.push((asked, answer));
        }
        answered
    }

    fn due_for_replica(&self, id: i32) -> Vec<ReplicaFetchPartition> {
        let mut due = Vec::with_capacity(self.fetch_sessions.due_count(id));
        due.extend(self.fetch_sessions.due(id).filter_map(|(key, wanted)| match key {
            SessionKey::Id(partition) => Some(of_wanted(*partition, *wanted)),
            SessionKey::Name(..) => None,
        }));
        due
    }

    /// Answers a follower's fetch: in a session, only what it has not been told. Source: Kafka's
    /// `FetchContext.updateAndGenerateResponseData`.
    pub(in crate::broker) fn reply_replica_fetch(
        &mut self,
        now: Now,
        caller: Caller,
        fetch: &ReplicaFetch,
        mut answered: Vec<Answered>,
        effects: &mut Effects,
    ) {
        self.fetch_sessions.waits_no_more(fetch.context, caller.connection);
        let replica = fetch.request.replica;
        let session = match fetch.context {
            FetchContext::Sessionless => FetchMetadata::NO_SESSION,
            FetchContext::Full => {
                let returned = answered.iter().map(|(asked, answer)| {
                    let key = SessionKey::Id(asked.partition);
                    (key, Some(asked.partition), wanted(asked), returned(answer))
                });
                let returned = returned.collect();
                let (id, ended) = self.fetch_sessions.create(now.time, Some(replica), returned);
                self.end_session(&ended, effects);
                id
            }
            FetchContext::Incremental(id) => {
                answered.retain(|(asked, answer)| {
                    let partition = self.partitions.get(&asked.partition);
                    let rests = !is_news(answer)
                        && partition.is_some_and(|it| it.is_kept_up(replica, asked.fetch_offset));
                    let key = (&SessionKey::Id(asked.partition), Some(asked.partition));
                    self.fetch_sessions.returned(id, key, returned(answer), rests)
                });
                id
            }
        };
        // Collected in place, the vector would be shrunk, by a copy.
        let mut partitions = Vec::with_capacity(answered.len());
        partitions.extend(answered.into_iter().map(|(_, answer)| answer));
        let response = ReplicaFetchResponse { session: Ok(session), partitions };
        self.connections.reply(caller, ResponseBody::ReplicaFetch(Box::new(response)), effects);
    }

    /// Tells leaders until when their followers had all.
    pub(in crate::broker) fn keep_up(&mut self, rested: &[Rested]) {
        for one in rested {
            if let Some(partition) = self.partitions.get_mut(&one.partition) {
                partition.kept_up(one.follower, one.until);
            }
        }
    }

    /// A session is gone: a request that waits in it has nothing to wait for.
    pub(in crate::broker) fn end_session(&mut self, ended: &Ended, effects: &mut Effects) {
        self.keep_up(&ended.rested);
        let Some(connection) = ended.waiting else { return };
        let Some(delayed) = self.purgatory.remove(connection) else { return };
        let body = match &delayed.wait {
            Wait::ReplicaFetch(fetch) => {
                ResponseBody::ReplicaFetch(Box::new(ReplicaFetchResponse {
                    session: Ok(session_of(fetch.context)),
                    partitions: vec![],
                }))
            }
            Wait::Fetch(fetch) => ResponseBody::Fetch(Box::new(
                crate::proto::FetchResponse::default().with_session_id(session_of(fetch.context)),
            )),
            Wait::Produce(_) => panic!("{:?} waits in a fetch session", delayed.wait),
        };
        self.connections.reply(delayed.caller, body, effects);
    }
}

fn session_of(context: FetchContext) -> i32 {
    match context {
        FetchContext::Incremental(id) => id,
        FetchContext::Full | FetchContext::Sessionless => FetchMetadata::NO_SESSION,
    }
}

/// Whether a follower should have the answer at once.
fn is_news(answer: &ReplicaFetchPartitionResponse) -> bool {
    answer.error.is_some() || answer.diverging.is_some() || !answer.batches.is_empty()
}

fn session_request(request: &ReplicaFetchRequest) -> SessionRequest {
    let id = |partition: TopicPartition| (SessionKey::Id(partition), Some(partition));
    let named = request.partitions.iter().map(|asked| {
        let (key, partition) = id(asked.partition);
        (key, partition, wanted(asked))
    });
    SessionRequest {
        metadata: request.session,
        named: named.collect(),
        forgotten: request.forgotten.iter().copied().map(id).collect(),
    }
}

fn wanted(asked: &ReplicaFetchPartition) -> Wanted {
    Wanted {
        current_leader_epoch: asked.current_leader_epoch,
        fetch_offset: asked.fetch_offset,
        last_fetched_epoch: asked.last_fetched_epoch,
        log_start_offset: asked.log_start_offset,
        bytes_max: u32::MAX,
    }
}

fn of_wanted(partition: TopicPartition, wanted: Wanted) -> ReplicaFetchPartition {
    ReplicaFetchPartition {
        partition,
        current_leader_epoch: wanted.current_leader_epoch,
        fetch_offset: wanted.fetch_offset,
        last_fetched_epoch: wanted.last_fetched_epoch,
        log_start_offset: wanted.log_start_offset,
    }
}

fn returned(answer: &ReplicaFetchPartitionResponse) -> Returned {
    Returned {
        high_watermark: answer.high_watermark,
        log_start_offset: answer.log_start_offset,
        has_records: !answer.batches.is_empty(),
        is_error: answer.error.is_some(),
        is_diverging: answer.diverging.is_some(),
    }
}

fn refusal(asked: &ReplicaFetchPartition, error: ClusterError) -> ReplicaFetchPartitionResponse {
    ReplicaFetchPartitionResponse {
        partition: asked.partition,
        error: Some(error),
        diverging: None,
        high_watermark: Offset::NONE,
        log_start_offset: Offset::NONE,
        batches: Vec::new(),
    }
}
