//! A broker's life at the controller: registration, heartbeats, controlled shutdown, fencing.
//! Source: rules 2.5, KIP-631, KIP-966, Kafka's `ClusterControlManager` and `BrokerHeartbeatManager`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::controller::directories::{check_log_dirs, directories_offline, log_dirs_record};
use crate::controller::election::ControllerRules;
use crate::controller::partitions::{BrokerEvent, partition_records};
use crate::defect::{ControllerDefect, Defects};
use crate::message::{
    BrokerHeartbeatRequest, BrokerRegistrationRequest, ClusterError, HeartbeatState,
};
use crate::metadata::{BrokerRegistration, MetadataImage, MetadataRecord};
use crate::note::PartitionRegistration;
use crate::types::{BrokerEpoch, NodeId, Offset, Time, TopicPartition};

/// What the active controller knows about brokers from their heartbeats alone; lost with the leadership.
#[derive(Debug)]
pub(super) struct Sessions {
    timeout: Duration,
    brokers: BTreeMap<NodeId, Session>,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    /// The uptime that is in contact; none since a registration, until its first heartbeat.
    broker_epoch: BrokerEpoch,
    expires_at: Time,
    /// Last metadata offset that the broker has applied.
    metadata_offset: Offset,
    /// Offset that active brokers must have applied before this broker may shut down.
    shutdown_offset: Option<Offset>,
}

impl Sessions {
    /// A new active controller gives each unfenced broker a fresh session. Source: `ClusterControlManager.activate`.
    pub(super) fn fresh(
        timeout: Duration,
        image: &MetadataImage,
        defects: Defects,
        now: Time,
    ) -> Self {
        let mut sessions = Self { timeout, brokers: BTreeMap::new() };
        let fences_all = defects.has(ControllerDefect::FailoverFencesAll);
        for (broker, known) in &image.brokers {
            if known.fenced || fences_all && !known.shutting_down {
                sessions.register(*broker, now);
            } else {
                sessions.touch(*broker, known.broker_epoch, Offset::NONE, now);
            }
        }
        sessions
    }

    /// A new uptime was registered. Only its heartbeats begin a session. Source: `BrokerHeartbeatManager.register`.
    fn register(&mut self, broker: NodeId, now: Time) {
        let session = Session {
            broker_epoch: BrokerEpoch::NONE,
            expires_at: now,
            metadata_offset: Offset::NONE,
            shutdown_offset: None,
        };
        self.brokers.insert(broker, session);
    }

    /// The broker was heard of, in this uptime. Source: `BrokerHeartbeatTracker.updateContactTime`.
    fn touch(
        &mut self,
        broker: NodeId,
        broker_epoch: BrokerEpoch,
        metadata_offset: Offset,
        now: Time,
    ) {
        let expires_at = now + self.timeout;
        let shutdown_offset = self.brokers.get(&broker).and_then(|known| known.shutdown_offset);
        let session = Session { broker_epoch, expires_at, metadata_offset, shutdown_offset };
        self.brokers.insert(broker, session);
    }

    /// Whether this uptime was heard of lately, fenced or not. Source: `BrokerHeartbeatTracker.hasValidSession`.
    fn is_valid(&self, broker: NodeId, broker_epoch: BrokerEpoch, now: Time) -> bool {
        let valid =
            |session: &Session| session.broker_epoch == broker_epoch && session.expires_at >= now;
        self.brokers.get(&broker).is_some_and(valid)
    }

    /// The uptime of a broker that was heard of lately: until its session ends no other one may register.
    pub(super) fn incarnation_in_session(
        &self,
        image: &MetadataImage,
        broker: NodeId,
        now: Time,
    ) -> Option<u64> {
        let known = image.brokers.get(&broker)?;
        self.is_valid(broker, known.broker_epoch, now).then_some(known.incarnation)
    }

    /// The broker is fenced: its session is over, and it is no longer in controlled shutdown.
    fn fence(&mut self, broker: NodeId) {
        if let Some(session) = self.brokers.get_mut(&broker) {
            session.shutdown_offset = None;
        }
    }

    /// The unfenced broker whose session ends first, and when.
    pub(super) fn first_to_expire(&self, image: &MetadataImage) -> Option<(Time, NodeId)> {
        self.of_unfenced(image).map(|(broker, session)| (session.expires_at, broker)).min()
    }

    /// The unfenced brokers whose sessions are over, in the order of their ends.
    pub(super) fn expired(&self, image: &MetadataImage, now: Time) -> Vec<NodeId> {
        let ends = self.of_unfenced(image).map(|(broker, session)| (session.expires_at, broker));
        let mut late: Vec<(Time, NodeId)> = ends.filter(|(end, _)| *end <= now).collect();
        late.sort_unstable();
        late.into_iter().map(|(_, broker)| broker).collect()
    }

    fn of_unfenced(&self, image: &MetadataImage) -> impl Iterator<Item = (NodeId, &Session)> {
        let unfenced =
            |broker: &NodeId| image.brokers.get(broker).is_some_and(|found| !found.fenced);
        let sessions = self.brokers.iter().map(|(broker, session)| (*broker, session));
        sessions.filter(move |(broker, _)| unfenced(broker))
    }

    /// The least metadata offset that the active brokers have applied.
    fn lowest_active_offset(&self, image: &MetadataImage) -> Offset {
        let active = self.brokers.iter().filter(|(broker, _)| image.is_active(**broker));
        active.map(|(_, session)| session.metadata_offset).min().unwrap_or(Offset(i64::MAX))
    }
}

/// Judges a registration: the records to write, and the broker epoch that the uptime then has.
/// Source: `ClusterControlManager.registerBroker`.
pub(super) fn register(
    image: &MetadataImage,
    sessions: &mut Sessions,
    request: &BrokerRegistrationRequest,
    rules: ControllerRules,
    now: Time,
) -> Result<(Vec<MetadataRecord>, BrokerEpoch), ClusterError> {
    let BrokerRegistrationRequest { broker, incarnation, previous_broker_epoch, .. } = *request;
    check_log_dirs(image, broker, &request.log_dirs)?;
    let known = image.brokers.get(&broker);
    if let Some(known) = known {
        if known.incarnation == incarnation
            && !rules.defects.has(ControllerDefect::SameUptimeGetsNewEpoch)
        {
            let mut records = vec![amended(broker, known)];
            records.extend(log_dirs_record(broker, &request.log_dirs));
            return Ok((records, known.broker_epoch));
        }
        if known.incarnation != incarnation && sessions.is_valid(broker, known.broker_epoch, now) {
            return Err(ClusterError::DuplicateBrokerRegistration);
        }
    }
    let unclean = known.is_some_and(|known| known.broker_epoch != previous_broker_epoch);
    // Without eligible leader replicas nobody asks what a broker may have lost.
    let is_told = rules.eligible_leader_replicas
        && !rules.defects.has(ControllerDefect::UncleanStopForgotten);
    let event = if unclean && is_told {
        BrokerEvent::StoppedUncleanly(broker)
    } else {
        BrokerEvent::Left(broker)
    };
    // Before the new uptime is registered: it must not inherit the place of the old one (KAFKA-15586).
    let mut records = if rules.defects.has(ControllerDefect::RegistrationKeepsIsr) {
        Vec::new()
    } else {
        partition_records(image, event, rules)
    };
    let broker_epoch = BrokerEpoch(image.end_offset.0);
    records.push(MetadataRecord::RegisterBroker {
        broker,
        incarnation,
        broker_epoch,
        fenced: true,
        shutting_down: false,
        unclean,
    });
    records.extend(log_dirs_record(broker, &request.log_dirs));
    sessions.register(broker, now);
    Ok((records, broker_epoch))
}

/// The same uptime registers again, because it has not heard of it: epoch and standing remain (KAFKA-16952).
fn amended(broker: NodeId, known: &BrokerRegistration) -> MetadataRecord {
    MetadataRecord::RegisterBroker {
        broker,
        incarnation: known.incarnation,
        broker_epoch: known.broker_epoch,
        fenced: known.fenced,
        shutting_down: known.shutting_down,
        unclean: false,
    }
}

/// Judges a heartbeat: the records to write, and the state that the broker then is in.
pub(super) fn heartbeat(
    image: &MetadataImage,
    sessions: &mut Sessions,
    request: &BrokerHeartbeatRequest,
    rules: ControllerRules,
    now: Time,
) -> Result<(Vec<MetadataRecord>, HeartbeatState), ClusterError> {
    let known = image.brokers.get(&request.broker);
    let known = known.filter(|known| known.broker_epoch == request.broker_epoch);
    let known = known.ok_or(ClusterError::StaleBrokerEpoch)?;
    sessions.touch(request.broker, known.broker_epoch, request.metadata_offset, now);
    let step = next_step(image, sessions, known, (request, rules));
    let mut records = step_records(image, request.broker, step, rules);
    let offline = &request.offline_log_dirs;
    let failed = directories_offline(image, (request.broker, offline), &records, rules);
    records.extend(failed);
    if request.want_shutdown && matches!(step, Step::StartShutdown | Step::AwaitShutdown) {
        let last = image.end_offset.plus(records.len() as i64 - 1);
        let session = sessions.brokers.get_mut(&request.broker).expect("the session was touched");
        session.shutdown_offset.get_or_insert(last);
    }
    let fenced = match step {
        Step::StayFenced | Step::Fence | Step::ShutDown => true,
        Step::Unfence | Step::StayUnfenced | Step::StartShutdown | Step::AwaitShutdown => false,
    };
    if fenced {
        sessions.fence(request.broker);
    }
    Ok((records, HeartbeatState { fenced, should_shut_down: step == Step::ShutDown }))
}

/// What a heartbeat leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    StayFenced,
    Unfence,
    StayUnfenced,
    Fence,
    StartShutdown,
    AwaitShutdown,
    ShutDown,
}

/// The state machine of a broker. Source: `BrokerHeartbeatManager.calculateNextBrokerState`.
fn next_step(
    image: &MetadataImage,
    sessions: &Sessions,
    known: &BrokerRegistration,
    (request, rules): (&BrokerHeartbeatRequest, ControllerRules),
) -> Step {
    let leads = || image.partitions.values().any(|it| it.leader == Some(request.broker));
    // ControllerDefect::UnfencesBehind: whoever does not stop may come in.
    let anybody = rules.defects.has(ControllerDefect::UnfencesBehind);
    if known.fenced {
        let caught_up = request.metadata_offset >= known.registered_at;
        return match (request.want_shutdown, request.want_fence) {
            (true, _) => Step::ShutDown,
            (false, want_fence) if anybody || !want_fence && caught_up => Step::Unfence,
            (false, _) => Step::StayFenced,
        };
    }
    if known.shutting_down {
        let moved = sessions.brokers.get(&request.broker).and_then(|it| it.shutdown_offset);
        let all_know = moved.is_none_or(|moved| moved <= sessions.lowest_active_offset(image));
        return if !leads() && all_know { Step::ShutDown } else { Step::AwaitShutdown };
    }
    match (request.want_shutdown, request.want_fence) {
        (true, false) if leads() => Step::StartShutdown,
        (true, _) => Step::ShutDown,
        (false, true) if !anybody => Step::Fence,
        (false, _) => Step::StayUnfenced,
    }
}

fn step_records(
    image: &MetadataImage,
    broker: NodeId,
    step: Step,
    rules: ControllerRules,
) -> Vec<MetadataRecord> {
    let known = &image.brokers[&broker];
    match step {
        Step::StayFenced | Step::StayUnfenced | Step::AwaitShutdown => Vec::new(),
        Step::ShutDown if known.fenced => Vec::new(),
        Step::Fence | Step::ShutDown => fence_records(image, broker, rules),
        Step::Unfence => {
            let shutting_down = known.shutting_down;
            let unfenced = MetadataRecord::BrokerChange { broker, fenced: false, shutting_down };
            let mut records = vec![unfenced];
            let elects = !rules.defects.has(ControllerDefect::UnfencingElectsNobody);
            if !shutting_down && elects {
                records.extend(partition_records(image, BrokerEvent::Arrived(broker), rules));
            }
            records
        }
        Step::StartShutdown => {
            let mut records = partition_records(image, BrokerEvent::Left(broker), rules);
            let change =
                MetadataRecord::BrokerChange { broker, fenced: false, shutting_down: true };
            records.push(change);
            records
        }
    }
}

/// Takes a broker out of every ISR and every leadership, then fences it.
pub(super) fn fence_records(
    image: &MetadataImage,
    broker: NodeId,
    rules: ControllerRules,
) -> Vec<MetadataRecord> {
    let known = &image.brokers[&broker];
    assert!(!known.fenced, "broker {broker} is fenced already");
    let mut records = partition_records(image, BrokerEvent::Left(broker), rules);
    let shutting_down = known.shutting_down;
    records.push(MetadataRecord::BrokerChange { broker, fenced: true, shutting_down });
    records
}

/// Known bug C14: each is fenced as if none of the others were, so that of a partition's records the last one stands.
/// Source: `ReplicationControlManager.maybeFenceStaleBrokers`, `PartitionControlInfo.merge`, both of 2.8.
pub(super) fn fence_from_one_state(
    image: &MetadataImage,
    brokers: &[NodeId],
    rules: ControllerRules,
) -> Vec<MetadataRecord> {
    let mut latest: BTreeMap<TopicPartition, PartitionRegistration> = BTreeMap::new();
    let mut follow = |record: MetadataRecord| {
        let Some((partition, mut next, unclean)) = record.registered() else { return record };
        if let Some(before) = latest.get(&partition) {
            let moves = next.leader != before.leader;
            next.partition_epoch = before.partition_epoch.next();
            next.leader_epoch =
                if moves { before.leader_epoch.next() } else { before.leader_epoch };
        }
        latest.insert(partition, next.clone());
        MetadataRecord::of_partition(partition, next, unclean)
    };
    let records = brokers.iter().flat_map(|broker| fence_records(image, *broker, rules));
    records.map(&mut follow).collect()
}
