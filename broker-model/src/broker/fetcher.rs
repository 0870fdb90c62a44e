//! Follower fetchers: one for each leader that this broker follows, with one request in flight for all its partitions.
//!
//! A request costs as much as changed since the last one: the partitions of a fetcher are in a fetch session with the
//! leader (KIP-227), and who changes what is asked for a partition touches it there. Source: rules 2.2.5 and 2.2.6,
//! Kafka's `AbstractFetcherThread`, `ReplicaFetcherThread` and `RemoteLeaderEndPoint`.

use crate::broker::context::Context;
use crate::broker::replication_quota::ReplicationQuota;
use crate::collections::{PartitionMap, SortedMap, SortedSet};
use crate::config::{ClusterConfig, ms};
use crate::defect::{BrokerDefect, ReplicationDefect};
use crate::fetch_session::handler::SessionHandler;
use crate::message::{
    PeerRequest, ReplicaFetchPartition, ReplicaFetchPartitionResponse, ReplicaFetchRequest,
    ReplicaFetchResponse, ReplicaOffsetsRequest, ReplicaOffsetsResponse, RequestBody,
};
use crate::node::{Channel, Deadline, Effect, Effects};
use crate::note::ReplicationNote;
use crate::partition::{FetchOutcome, Partition};
use crate::types::{BrokerEpoch, CorrelationId, LeaderEpoch, NodeId, Time, TopicPartition};

/// All fetchers of a broker, by leader.
#[derive(Debug, Default)]
pub(super) struct Fetchers {
    by_leader: SortedMap<NodeId, Fetcher>,
}

/// Follows one leader.
#[derive(Debug)]
struct Fetcher {
    followed: PartitionMap<TopicPartition, PartitionFetchState>,
    /// Partitions that are not asked for before a time.
    delayed: SortedSet<(Time, TopicPartition)>,
    /// Partitions for which the leader's bounds must be asked before the next fetch.
    out_of_range: SortedSet<TopicPartition>,
    /// Nothing is asked before: the connection failed.
    resume_at: Time,
    session: SessionHandler<TopicPartition, ReplicaFetchPartition>,
    in_flight: Option<InFlight>,
    /// Whether a quota keeps a partition out of the request.
    holds_up: bool,
}

/// One partition of a fetcher.
#[derive(Debug, Clone, Copy)]
struct PartitionFetchState {
    leader_epoch: LeaderEpoch,
    /// As in the fetcher's `delayed`.
    delayed_until: Option<Time>,
    /// How far it was behind the leader's high watermark when it got records last, in this epoch.
    lag: Option<u64>,
    /// Whether a quota keeps it out of the request.
    held_up: bool,
}

impl PartitionFetchState {
    fn new(leader_epoch: LeaderEpoch) -> Self {
        Self { leader_epoch, delayed_until: None, lag: None, held_up: false }
    }

    fn is_ready(&self) -> bool {
        self.delayed_until.is_none() && !self.held_up
    }

    /// Source: `PartitionFetchState.isReplicaInSync`.
    fn is_in_sync(&self) -> bool {
        self.lag == Some(0)
    }
}

#[derive(Debug)]
struct InFlight {
    correlation_id: CorrelationId,
    deadline: Time,
    asked: RequestKind,
}

#[derive(Debug)]
enum RequestKind {
    /// What the session was told last.
    Records,
    Bounds(ReplicaOffsetsRequest),
}

/// Hosted partitions by id.
type Partitions = PartitionMap<TopicPartition, Partition>;

impl Fetchers {
    /// The partition follows this leader in this epoch from now on. A request in flight goes on without it.
    pub(super) fn follow(
        &mut self,
        now: Time,
        partition: TopicPartition,
        leader: NodeId,
        leader_epoch: LeaderEpoch,
    ) {
        let fetcher = self.by_leader.get_or_insert_with(leader, || Fetcher::new(now));
        if fetcher
            .followed
            .get(&partition)
            .is_some_and(|followed| followed.leader_epoch == leader_epoch)
        {
            return;
        }
        self.unfollow(partition);
        let fetcher = self.by_leader.get_or_insert_with(leader, || Fetcher::new(now));
        fetcher.followed.insert(partition, PartitionFetchState::new(leader_epoch));
        fetcher.session.touch(partition);
        fetcher.self_check();
        let follow = |fetcher: &&Fetcher| fetcher.followed.contains_key(&partition);
        let count = self.by_leader.values().filter(follow).count();
        assert!(count == 1, "{partition} follows {count} leaders");
    }

    /// What is to be asked for a partition has changed.
    pub(super) fn touch(&mut self, partition: TopicPartition) {
        for fetcher in self.by_leader.values_mut() {
            if fetcher.followed.get(&partition).is_some() {
                fetcher.session.touch(partition);
            }
        }
    }

    /// The partition follows nobody.
    pub(super) fn unfollow(&mut self, partition: TopicPartition) {
        for fetcher in self.by_leader.values_mut() {
            fetcher.forget(partition);
        }
    }

    /// Sends what is due, and gives up on what was not answered in time.
    pub(super) fn tick(
        &mut self,
        now: Time,
        broker_epoch: BrokerEpoch,
        partitions: &Partitions,
        context: &mut Context,
        effects: &mut Effects,
    ) {
        for (leader, fetcher) in self.by_leader.iter_mut() {
            if fetcher.in_flight.as_ref().is_some_and(|sent| sent.deadline <= now) {
                effects.push(Effect::Disconnect { to: *leader, channel: Channel::ReplicaFetch });
                fetcher.back_off(now, context);
            }
            if fetcher.in_flight.is_none() && fetcher.resume_at <= now {
                fetcher.end_delays(now);
                fetcher.send(now, *leader, broker_epoch, partitions, context, effects);
            }
        }
    }

    /// Takes records; the partitions that changed are put into `touched`.
    pub(super) fn on_records(
        &mut self,
        now: Time,
        (from, correlation_id): (NodeId, CorrelationId),
        response: &ReplicaFetchResponse,
        world: (&mut Partitions, &mut Vec<TopicPartition>),
        context: &mut Context,
        effects: &mut Effects,
    ) {
        let (partitions, touched) = world;
        let Some((fetcher, RequestKind::Records)) = self.answered(from, correlation_id) else {
            return;
        };
        let answered = response.partitions.iter().map(|answer| answer.partition);
        if !fetcher.session.on_response(response.session, answered) {
            return;
        }
        let delayed_until = now + ms(context.config.replica_fetch_backoff_ms);
        for answer in &response.partitions {
            let id = answer.partition;
            let Some(sent) = fetcher.session.asked(&id).copied() else { continue };
            assert!(sent.partition == id, "asked {}, answered {id}", sent.partition);
            if !fetcher.still_follows(id, sent.current_leader_epoch, context) {
                continue;
            }
            let Some(partition) = partitions.get_mut(&id) else { continue };
            let outcome = partition.apply_fetch(&sent, answer, effects);
            if outcome == FetchOutcome::Continue && answer.diverging.is_none() {
                fetcher.count(now, partition, answer, &mut context.quotas.follower);
            }
            fetcher.take(id, outcome, delayed_until);
            touched.push(id);
        }
    }

    /// Takes a leader's bounds; the partition is put into `touched` if it changed.
    pub(super) fn on_bounds(
        &mut self,
        now: Time,
        (from, correlation_id): (NodeId, CorrelationId),
        response: &ReplicaOffsetsResponse,
        world: (&mut Partitions, &mut Vec<TopicPartition>),
        context: &Context,
        effects: &mut Effects,
    ) {
        let (partitions, touched) = world;
        let Some((fetcher, RequestKind::Bounds(sent))) = self.answered(from, correlation_id) else {
            return;
        };
        let id = sent.partition;
        assert!(id == response.partition, "asked {id}, answered {}", response.partition);
        if !fetcher.still_follows(id, sent.current_leader_epoch, context) {
            return;
        }
        let Some(partition) = partitions.get_mut(&id) else { return };
        let outcome = partition.apply_leader_bounds(sent.current_leader_epoch, response, effects);
        fetcher.take(id, outcome, now + ms(context.config.replica_fetch_backoff_ms));
        touched.push(id);
    }

    fn answered(
        &mut self,
        from: NodeId,
        correlation_id: CorrelationId,
    ) -> Option<(&mut Fetcher, RequestKind)> {
        let fetcher = self.by_leader.get_mut(&from)?;
        let sent = fetcher.in_flight.take_if(|sent| sent.correlation_id == correlation_id)?;
        Some((fetcher, sent.asked))
    }

    /// The fetch connection to a leader stands.
    pub(super) fn on_connected(&mut self, now: Time, to: NodeId, config: &ClusterConfig) {
        let sent = self.by_leader.get_mut(&to).and_then(|fetcher| fetcher.in_flight.as_mut());
        if let Some(sent) = sent {
            sent.deadline = deadline(now, config);
        }
    }

    /// The fetch connection to a leader is gone.
    pub(super) fn on_connection_lost(&mut self, now: Time, to: NodeId, context: &Context) {
        if let Some(fetcher) =
            self.by_leader.get_mut(&to).filter(|fetcher| fetcher.in_flight.is_some())
        {
            fetcher.back_off(now, context);
        }
    }

    /// When the first fetcher has something to do.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.by_leader.values().filter_map(Fetcher::deadline).min_by_key(|deadline| deadline.at)
    }
}

impl Fetcher {
    fn new(now: Time) -> Self {
        Self {
            followed: PartitionMap::default(),
            delayed: SortedSet::default(),
            out_of_range: SortedSet::default(),
            resume_at: now,
            session: SessionHandler::new(),
            in_flight: None,
            holds_up: false,
        }
    }

    /// Counts what a throttled partition got, and how far it is behind now. Source:
    /// `ReplicaFetcherThread.processPartitionData`, `AbstractFetcherThread.processFetchRequest`.
    fn count(
        &mut self,
        now: Time,
        partition: &Partition,
        answer: &ReplicaFetchPartitionResponse,
        quota: &mut ReplicationQuota,
    ) {
        let bytes = answer.records_size();
        if partition.is_throttled_follower() {
            quota.record(now, bytes as u64);
        }
        let Some(followed) = self.followed.get_mut(&answer.partition) else { return };
        if bytes > 0 || followed.lag.is_none() {
            let behind = answer.high_watermark.0 - partition.log().log_end_offset().0;
            followed.lag = Some(behind.max(0).cast_unsigned());
        }
    }

    /// Finds out which partitions a quota keeps out of the next request. Source:
    /// `RemoteLeaderEndPoint.shouldFollowerThrottle`.
    fn hold_up(
        &mut self,
        now: Time,
        partitions: &Partitions,
        context: &Context,
        effects: &mut Effects,
    ) {
        let quota = &context.quotas.follower;
        if !quota.is_bounded() {
            return;
        }
        let exceeded = quota.is_exceeded(now);
        let all = context.config.defects.has(ReplicationDefect::ThrottlesInSync);
        self.holds_up = false;
        for id in self.followed.keys().collect::<Vec<_>>() {
            let Some(followed) = self.followed.get_mut(&id) else { continue };
            let throttled = partitions.get(&id).is_some_and(Partition::is_throttled_follower);
            let held_up = exceeded && throttled && (all || !followed.is_in_sync());
            self.holds_up |= held_up;
            if std::mem::replace(&mut followed.held_up, held_up) != held_up {
                self.session.touch(id);
            }
            if held_up {
                let (follower, in_sync) = (context.node, followed.is_in_sync());
                effects.note(ReplicationNote::HeldUp { partition: id, follower, in_sync });
            }
        }
    }

    fn send(
        &mut self,
        now: Time,
        leader: NodeId,
        broker_epoch: BrokerEpoch,
        partitions: &Partitions,
        context: &mut Context,
        effects: &mut Effects,
    ) {
        self.hold_up(now, partitions, context, effects);
        let (body, asked) = if let Some(bounds) = self.next_bounds() {
            (RequestBody::Peer(PeerRequest::ReplicaOffsets(bounds)), RequestKind::Bounds(bounds))
        } else {
            let followed = &self.followed;
            let ready =
                |id: &TopicPartition| followed.get(id).is_some_and(PartitionFetchState::is_ready);
            let wanted = |id| partitions.get(&id).filter(|_| ready(&id))?.next_fetch();
            let forgets = context.config.defects.has(BrokerDefect::NewSessionForgets);
            let named = (forgets && self.session.renews()).then(|| self.session.touched().clone());
            let is_named = |id: &TopicPartition| named.as_ref().is_none_or(|it| it.contains(id));
            let built = self.session.build(followed.keys().filter(is_named), wanted);
            if self.session.is_empty() && built.to_forget.is_empty() {
                if self.holds_up {
                    // They are looked at again after a pause. Source: `AbstractFetcherThread.maybeFetch`.
                    self.resume_at = now + ms(context.config.replica_fetch_backoff_ms);
                }
                return;
            }
            let request = ReplicaFetchRequest {
                replica: context.node,
                broker_epoch,
                wait_max_ms: context.config.replica_fetch_wait_max_ms,
                session: built.metadata,
                partitions: built.to_send.into_iter().map(|(_, wanted)| wanted).collect(),
                forgotten: built.to_forget,
            };
            (RequestBody::Peer(PeerRequest::ReplicaFetch(Box::new(request))), RequestKind::Records)
        };
        let correlation_id = context.send(leader, Channel::ReplicaFetch, body, effects);
        let deadline = deadline(now, &context.config);
        self.in_flight = Some(InFlight { correlation_id, deadline, asked });
    }

    fn next_bounds(&self) -> Option<ReplicaOffsetsRequest> {
        let ready = |id: &&TopicPartition| {
            self.followed.get(id).is_some_and(|followed| followed.delayed_until.is_none())
        };
        let partition = *self.out_of_range.iter().find(ready)?;
        let current_leader_epoch = self.followed.get(&partition)?.leader_epoch;
        Some(ReplicaOffsetsRequest { partition, current_leader_epoch })
    }

    /// Whether the partition follows this leader in the epoch in which it asked.
    fn still_follows(
        &self,
        partition: TopicPartition,
        leader_epoch: LeaderEpoch,
        context: &Context,
    ) -> bool {
        let any = context.config.defects.has(ReplicationDefect::OldFetchAnswersCount);
        let followed = self.followed.get(&partition);
        followed.is_some_and(|followed| any || followed.leader_epoch == leader_epoch)
    }

    /// What the partition does after an answer.
    fn take(&mut self, partition: TopicPartition, outcome: FetchOutcome, delayed_until: Time) {
        self.session.touch(partition);
        match outcome {
            FetchOutcome::Continue => {
                self.out_of_range.remove(&partition);
            }
            FetchOutcome::OutOfRange => {
                self.out_of_range.insert(partition);
            }
            FetchOutcome::BackOff => self.delay(partition, delayed_until),
            FetchOutcome::Failed => self.delay(partition, Time::MAX),
            FetchOutcome::Ignored => {}
        }
        self.self_check();
    }

    /// What is put off, or out of range, is followed, once each; a request in flight has a deadline of its own.
    fn self_check(&self) {
        let (followed, delayed) = (self.followed.len(), self.delayed.len());
        assert!(delayed <= followed, "{delayed} partitions are delayed of {followed}");
        let out_of_range = self.out_of_range.len();
        assert!(out_of_range <= followed, "{out_of_range} are out of range of {followed}");
        let delay_of = |id| self.followed.get(id).and_then(|followed| followed.delayed_until);
        let first = self.delayed.first();
        assert!(
            first.is_none_or(|(until, id)| delay_of(id) == Some(*until)),
            "{first:?} is the first delay, that partition has another"
        );
        let first = self.out_of_range.first();
        assert!(
            first.is_none_or(|id| self.followed.contains_key(id)),
            "{first:?} is out of range and not followed"
        );
    }

    /// The partition is not asked for until then; not at all in this epoch if that is never.
    fn delay(&mut self, partition: TopicPartition, until: Time) {
        self.out_of_range.remove(&partition);
        if let Some(followed) = self.followed.get_mut(&partition) {
            let before = followed.delayed_until.replace(until);
            self.delayed.insert((until, partition));
            assert!(before.is_none(), "{partition} was asked for before {before:?}");
        }
    }

    fn end_delays(&mut self, now: Time) {
        while let Some((_, partition)) =
            self.delayed.first().copied().filter(|(until, _)| *until <= now)
        {
            self.delayed.pop_first();
            self.session.touch(partition);
            if let Some(followed) = self.followed.get_mut(&partition) {
                followed.delayed_until = None;
            }
        }
        self.self_check();
    }

    fn forget(&mut self, partition: TopicPartition) {
        let Some(followed) = self.followed.remove(&partition) else { return };
        if let Some(until) = followed.delayed_until {
            self.delayed.remove(&(until, partition));
        }
        self.out_of_range.remove(&partition);
        self.session.touch(partition);
        self.self_check();
    }

    /// The connection failed: nothing is asked of this leader for a while, and then in a new session.
    fn back_off(&mut self, now: Time, context: &Context) {
        if let Some(InFlight { asked: RequestKind::Records, .. }) = self.in_flight.take() {
            self.session.on_error();
        }
        self.resume_at = now + ms(context.config.replica_fetch_backoff_ms);
    }

    fn deadline(&self) -> Option<Deadline> {
        if let Some(sent) = &self.in_flight {
            return Some(Deadline { at: sent.deadline, why: "replica fetch times out" });
        }
        let asks = !self.session.touched().is_empty() || !self.session.is_empty() || self.holds_up;
        let next = if asks { self.resume_at } else { self.delayed.first()?.0.max(self.resume_at) };
        if next == Time::MAX {
            return None;
        }
        Some(Deadline { at: next, why: "replica fetch is due" })
    }
}

/// When the answer to what is sent now is too late: the leader may wait before it gives one.
fn deadline(now: Time, config: &ClusterConfig) -> Time {
    now + ms(config.request_timeout_ms + config.replica_fetch_wait_max_ms)
}
