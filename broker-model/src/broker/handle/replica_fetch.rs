//! Fetch by followers, which tells the leader how far they are. Source: rules 2.1.1 to 2.1.4, KIP-227, KIP-903, Kafka's
//! `KafkaApis.handleFetchRequest` and `ReplicaManager.fetchMessages`.

use crate::broker::fetch_session::{Ended, Rested};
use crate::broker::purgatory::{ReplicaFetch, Wait};
use crate::broker::{Broker, Caller};
use crate::config::ms;
use crate::defect::{BrokerDefect, Defects};
use crate::fetch_session::FetchMetadata;
use crate::fetch_session::cache::FetchContext;
use crate::fetch_session::session::{PartitionName, Returned, SessionKey, Wanted};
use crate::log::ReadLimit;
use crate::message::{
    ClientResponse, ClusterError, PeerResponse, ReplicaFetchPartition,
    ReplicaFetchPartitionResponse, ReplicaFetchRequest, ReplicaFetchResponse, ResponseBody,
};
use crate::node::Effects;
use crate::partition::{FetchBounds, Partition, PartitionContext};
use crate::types::{Now, Offset, Time, TopicPartition};

impl Broker {
    pub(super) fn on_replica_fetch(
        &mut self,
        now: Now,
        caller: Caller,
        request: Box<ReplicaFetchRequest>,
        effects: &mut Effects,
    ) {
        let named = request.partitions.iter().map(|asked| {
            (PartitionName::Id(asked.partition), Some(asked.partition), wanted(asked))
        });
        let forgotten = request.forgotten.iter().map(|id| PartitionName::Id(*id));
        let asked = (now.time, caller.from);
        let (context, ended) =
            self.fetch_sessions.open(asked, request.session, named, forgotten, effects);
        self.end_session(&ended, effects);
        let context = match context {
            Ok(context) => context,
            Err(error) => {
                let response = ReplicaFetchResponse { session: Err(error), partitions: Vec::new() };
                let body = ResponseBody::Peer(PeerResponse::ReplicaFetch(Box::new(response)));
                return self.connections.reply(caller, body, effects);
            }
        };
        let mut fetch = ReplicaFetch { request, context, held_up: Vec::new() };
        let answered = self.read_for_replica(now, &fetch, true, effects);
        self.touched.extend(answered.iter().map(|answer| answer.partition));
        let urgent = answered.iter().any(is_news);
        let nothing = fetch.context == FetchContext::Sessionless && answered.is_empty();
        if urgent || nothing || fetch.request.wait_max_ms == 0 {
            return self.reply_replica_fetch(now, caller, &fetch, answered, effects);
        }
        fetch.held_up = self.held_up(&fetch);
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

    /// Reads for a follower, in the order of what it asked for. `is_new` is false when a waiting fetch reads again: it
    /// tells nothing new of the follower.
    pub(in crate::broker) fn read_for_replica(
        &mut self,
        now: Now,
        fetch: &ReplicaFetch,
        is_new: bool,
        effects: &mut Effects,
    ) -> Vec<ReplicaFetchPartitionResponse> {
        let (replica, asked_in) = (fetch.request.replica, fetch.request.broker_epoch);
        let broker_epoch = self.lifecycle.broker_epoch();
        let metadata = self.metadata.image();
        // Only the first that has records may go beyond the limit. Source: `ReplicaManager.readFromLog`.
        let bytes_max = self.context.config.replica_fetch_max_bytes;
        let mut limit = ReadLimit { bytes_max, min_one: true };
        let quota_exceeded = self.context.quotas.leader.is_exceeded(now.time);
        let (partitions, directories) = (&mut self.partitions, &self.log_directories);
        let mut read = |asked: &ReplicaFetchPartition| {
            let bounds = FetchBounds { limit, update_follower: is_new, quota_exceeded };
            let context = PartitionContext { now, broker_epoch, metadata };
            let answer = match partitions.get_mut(&asked.partition) {
                Some(partition) => {
                    partition.replica_fetch(context, replica, asked_in, asked, bounds, effects)
                }
                None if directories.is_offline(asked.partition) => {
                    refusal(asked, ClusterError::KafkaStorageError)
                }
                None if metadata.partitions.contains_key(&asked.partition) => {
                    refusal(asked, ClusterError::NotLeaderOrFollower)
                }
                None => refusal(asked, ClusterError::UnknownTopicOrPartition),
            };
            let bytes = answer.records_size();
            limit.bytes_max = limit.bytes_max.saturating_sub(bytes as u32);
            limit.min_one &= bytes == 0;
            answer
        };
        let FetchContext::Incremental(id) = fetch.context else {
            return fetch.request.partitions.iter().map(read).collect();
        };
        let mut answered = Vec::with_capacity(self.fetch_sessions.due_count(id));
        let due =
            self.fetch_sessions.due(id).filter_map(|(_, it)| Some(of_wanted(it.id?, it.wanted)));
        answered.extend(due.map(|asked| read(&asked)));
        answered
    }

    /// Answers a follower's fetch: in a session, only what it has not been told. Source: Kafka's
    /// `FetchContext.updateAndGenerateResponseData`.
    pub(in crate::broker) fn reply_replica_fetch(
        &mut self,
        now: Now,
        caller: Caller,
        fetch: &ReplicaFetch,
        mut answered: Vec<ReplicaFetchPartitionResponse>,
        effects: &mut Effects,
    ) {
        self.fetch_sessions.waits_no_more(fetch.context, caller.connection);
        let (replica, defects) = (fetch.request.replica, self.context.config.defects);
        let session = match fetch.context {
            FetchContext::Sessionless => FetchMetadata::NO_SESSION,
            FetchContext::Full => {
                let answers = fetch.request.partitions.iter().zip(&answered);
                let answers = answers.map(|(asked, answer)| {
                    let name = PartitionName::Id(asked.partition);
                    (name, Some(asked.partition), wanted(asked), returned(answer, defects))
                });
                let (id, ended) = self.fetch_sessions.create(now.time, Some(replica), answers);
                self.end_session(&ended, effects);
                id
            }
            FetchContext::Incremental(id) => {
                answered.retain(|answer| {
                    let (key, partition) = (SessionKey::of(answer.partition), answer.partition);
                    let asked = self.fetch_sessions.wanted(id, key).map(|it| it.fetch_offset);
                    let rests = !is_news(answer)
                        && asked
                            .zip(self.partitions.get(&partition))
                            .is_some_and(|(asked, partition)| partition.is_kept_up(replica, asked));
                    let key = (key, Some(partition));
                    self.fetch_sessions.returned(id, key, returned(answer, defects), rests)
                });
                id
            }
        };
        self.count_throttled(now.time, &answered);
        let response = ReplicaFetchResponse { session: Ok(session), partitions: answered };
        self.connections.reply(
            caller,
            ResponseBody::Peer(PeerResponse::ReplicaFetch(Box::new(response))),
            effects,
        );
    }

    /// Partitions of which there is more than a fetch was given, since a quota holds the rest back.
    fn held_up(&self, fetch: &ReplicaFetch) -> Vec<TopicPartition> {
        if !self.context.quotas.leader.is_bounded() {
            return Vec::new();
        }
        let held = |(id, partition): &(TopicPartition, &Partition)| {
            partition.is_throttled()
                && partition.is_out_of_sync(fetch.request.replica)
                && self.has_news(*id, fetch)
        };
        self.partitions.iter().filter(held).map(|(id, _)| id).collect()
    }

    /// Counts what is sent for throttled replicas, whoever gets it. Source: `KafkaApis.sizeOfThrottledPartitions`.
    fn count_throttled(&mut self, now: Time, answered: &[ReplicaFetchPartitionResponse]) {
        if !self.context.quotas.leader.is_bounded() {
            return;
        }
        let throttled = |answer: &&ReplicaFetchPartitionResponse| {
            self.partitions.get(&answer.partition).is_some_and(Partition::is_throttled)
        };
        let bytes: usize = answered
            .iter()
            .filter(throttled)
            .map(ReplicaFetchPartitionResponse::records_size)
            .sum();
        self.context.quotas.leader.record(now, bytes as u64);
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
                ResponseBody::Peer(PeerResponse::ReplicaFetch(Box::new(ReplicaFetchResponse {
                    session: Ok(session_of(fetch.context)),
                    partitions: vec![],
                })))
            }
            Wait::Fetch(fetch) => ResponseBody::Client(ClientResponse::Fetch(Box::new(
                crate::proto::FetchResponse::default().with_session_id(session_of(fetch.context)),
            ))),
            Wait::Produce(_) | Wait::DeleteRecords(_) => {
                panic!("{:?} waits in a fetch session", delayed.wait)
            }
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

fn wanted(asked: &ReplicaFetchPartition) -> Wanted {
    Wanted {
        topic: None,
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

/// A follower does not take the high watermark of an answer that says where the logs part. Kafka notes it as told
/// nevertheless, so that the follower's stays behind until it next moves. Source:
/// `CachedPartition.maybeUpdateResponseData`.
fn returned(answer: &ReplicaFetchPartitionResponse, defects: Defects) -> Returned {
    let hides = defects.has(BrokerDefect::DivergenceHidesWatermark);
    Returned {
        high_watermark: answer.high_watermark,
        log_start_offset: answer.log_start_offset,
        has_records: !answer.batches.is_empty(),
        is_error: answer.error.is_some(),
        is_diverging: answer.diverging.is_some(),
        is_taken: answer.error.is_none() && (answer.diverging.is_none() || hides),
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
