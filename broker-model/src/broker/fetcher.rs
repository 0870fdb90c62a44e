//! Follower fetchers: one for each leader that this broker follows, with one request in flight for all its partitions.
//!
//! Source: rules 2.2.5 and 2.2.6, Kafka's `AbstractFetcherThread` and `ReplicaFetcherThread`.

use std::collections::BTreeMap;

use crate::broker::context::Context;
use crate::config::ms;
use crate::message::{
    ReplicaFetchPartition, ReplicaFetchRequest, ReplicaFetchResponse, ReplicaOffsetsRequest,
    ReplicaOffsetsResponse, RequestBody,
};
use crate::node::{Channel, Deadline, Effect, Effects};
use crate::partition::{FetchOutcome, Partition};
use crate::types::{BrokerEpoch, CorrelationId, LeaderEpoch, NodeId, Time, TopicPartition};

/// All fetchers of a broker, by leader.
#[derive(Debug, Default)]
pub(super) struct Fetchers {
    by_leader: BTreeMap<NodeId, Fetcher>,
}

/// Follows one leader.
#[derive(Debug, Default)]
struct Fetcher {
    followed: BTreeMap<TopicPartition, PartitionFetchState>,
    in_flight: Option<InFlight>,
}

/// One partition of a fetcher.
#[derive(Debug, Clone, Copy)]
struct PartitionFetchState {
    leader_epoch: LeaderEpoch,
    /// Not asked for before.
    resume_at: Time,
    /// Whether the leader's bounds must be asked for before the next fetch.
    out_of_range: bool,
}

#[derive(Debug)]
struct InFlight {
    correlation_id: CorrelationId,
    deadline: Time,
    asked: RequestKind,
}

#[derive(Debug)]
enum RequestKind {
    Records(Vec<ReplicaFetchPartition>),
    Bounds(ReplicaOffsetsRequest),
}

/// Hosted partitions by id.
type Partitions = BTreeMap<TopicPartition, Partition>;

impl Fetchers {
    /// The partition follows this leader in this epoch from now on. A request in flight goes on without it.
    pub(super) fn follow(
        &mut self,
        now: Time,
        partition: TopicPartition,
        leader: NodeId,
        leader_epoch: LeaderEpoch,
    ) {
        let fetcher = self.by_leader.entry(leader).or_default();
        if fetcher
            .followed
            .get(&partition)
            .is_some_and(|followed| followed.leader_epoch == leader_epoch)
        {
            return;
        }
        self.unfollow(partition);
        let fetcher = self.by_leader.entry(leader).or_default();
        fetcher.followed.insert(
            partition,
            PartitionFetchState { leader_epoch, resume_at: now, out_of_range: false },
        );
    }

    /// The partition follows nobody.
    pub(super) fn unfollow(&mut self, partition: TopicPartition) {
        for fetcher in self.by_leader.values_mut() {
            fetcher.followed.remove(&partition);
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
        for (leader, fetcher) in &mut self.by_leader {
            if fetcher.in_flight.as_ref().is_some_and(|sent| sent.deadline <= now) {
                effects.push(Effect::Disconnect { to: *leader, channel: Channel::ReplicaFetch });
                fetcher.back_off(now, context);
            }
            if fetcher.in_flight.is_none() {
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
        context: &Context,
        effects: &mut Effects,
    ) {
        let (partitions, touched) = world;
        let Some((fetcher, RequestKind::Records(sent))) = self.answered(from, correlation_id)
        else {
            return;
        };
        assert!(
            sent.len() == response.partitions.len(),
            "{} answers for {} asked partitions",
            response.partitions.len(),
            sent.len()
        );
        let resume_at = now + ms(context.config.replica_fetch_backoff_ms);
        for (sent, answer) in sent.iter().zip(&response.partitions) {
            assert!(
                sent.partition == answer.partition,
                "asked {}, answered {}",
                sent.partition,
                answer.partition
            );
            let Some(followed) = fetcher.still_followed(sent) else { continue };
            let Some(partition) = partitions.get_mut(&sent.partition) else { continue };
            followed.take(partition.apply_fetch(sent, answer, effects), resume_at);
            touched.push(sent.partition);
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
        assert!(
            sent.partition == response.partition,
            "asked {}, answered {}",
            sent.partition,
            response.partition
        );
        let Some(followed) = fetcher.followed.get_mut(&sent.partition) else { return };
        if followed.leader_epoch != sent.current_leader_epoch {
            return;
        }
        let Some(partition) = partitions.get_mut(&sent.partition) else { return };
        let outcome = partition.apply_leader_bounds(sent.current_leader_epoch, response, effects);
        followed.take(outcome, now + ms(context.config.replica_fetch_backoff_ms));
        touched.push(sent.partition);
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
    fn send(
        &mut self,
        now: Time,
        leader: NodeId,
        broker_epoch: BrokerEpoch,
        partitions: &Partitions,
        context: &mut Context,
        effects: &mut Effects,
    ) {
        let mut records = Vec::with_capacity(self.followed.len());
        let mut bounds = None;
        for (id, followed) in self.followed.iter().filter(|(_, followed)| followed.resume_at <= now)
        {
            if followed.out_of_range {
                let current_leader_epoch = followed.leader_epoch;
                bounds = Some(ReplicaOffsetsRequest { partition: *id, current_leader_epoch });
                break;
            }
            records.extend(partitions.get(id).and_then(Partition::next_fetch));
        }
        let (body, asked) = match bounds {
            Some(bounds) => (RequestBody::ReplicaOffsets(bounds), RequestKind::Bounds(bounds)),
            None if records.is_empty() => return,
            None => {
                let request = ReplicaFetchRequest {
                    replica: context.node,
                    broker_epoch,
                    wait_max_ms: context.config.replica_fetch_wait_max_ms,
                    partitions: records.clone(),
                };
                (RequestBody::ReplicaFetch(Box::new(request)), RequestKind::Records(records))
            }
        };
        let correlation_id = context.send(leader, Channel::ReplicaFetch, body, effects);
        let patience = context.config.request_timeout_ms + context.config.replica_fetch_wait_max_ms;
        self.in_flight = Some(InFlight { correlation_id, deadline: now + ms(patience), asked });
    }

    /// Whether the partition follows this leader in the epoch in which it asked.
    fn still_followed(&mut self, sent: &ReplicaFetchPartition) -> Option<&mut PartitionFetchState> {
        self.followed
            .get_mut(&sent.partition)
            .filter(|followed| followed.leader_epoch == sent.current_leader_epoch)
    }

    /// The connection failed: nothing is asked of this leader for a while.
    fn back_off(&mut self, now: Time, context: &Context) {
        self.in_flight = None;
        let resume_at = now + ms(context.config.replica_fetch_backoff_ms);
        for followed in self.followed.values_mut() {
            followed.resume_at = followed.resume_at.max(resume_at);
        }
    }

    fn deadline(&self) -> Option<Deadline> {
        if let Some(sent) = &self.in_flight {
            return Some(Deadline { at: sent.deadline, why: "replica fetch times out" });
        }
        let at = self.followed.values().map(|followed| followed.resume_at).min()?;
        Some(Deadline { at, why: "replica fetch is due" })
    }
}

impl PartitionFetchState {
    fn take(&mut self, outcome: FetchOutcome, resume_at: Time) {
        match outcome {
            FetchOutcome::Continue => self.out_of_range = false,
            FetchOutcome::OutOfRange => self.out_of_range = true,
            FetchOutcome::BackOff => self.resume_at = resume_at,
            FetchOutcome::Ignored => {}
        }
    }
}
