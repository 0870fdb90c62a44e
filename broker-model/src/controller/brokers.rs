//! A broker's life at the controller: registration, heartbeats, controlled shutdown, fencing.
//! Source: rules 2.5, KIP-631, KIP-966, Kafka's `ClusterControlManager` and `BrokerHeartbeatManager`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::controller::partitions::{BrokerEvent, partition_records};
use crate::defect::Defects;
use crate::message::{
    BrokerHeartbeatRequest, BrokerRegistrationRequest, ClusterError, HeartbeatState,
};
use crate::metadata::{BrokerRegistration, MetadataImage, MetadataRecord};
use crate::types::{BrokerEpoch, NodeId, Offset, Time};

/// What the active controller knows about brokers from their heartbeats alone; lost with the leadership.
#[derive(Debug)]
pub(super) struct Sessions {
    timeout: Duration,
    brokers: BTreeMap<NodeId, Session>,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    expires_at: Time,
    /// Last metadata offset that the broker has applied.
    metadata_offset: Offset,
    /// Offset that active brokers must have applied before this broker may shut down.
    shutdown_offset: Option<Offset>,
}

impl Sessions {
    /// A new active controller gives each registered broker a fresh session.
    pub(super) fn fresh(timeout: Duration, image: &MetadataImage, now: Time) -> Self {
        let mut sessions = Self { timeout, brokers: BTreeMap::new() };
        for broker in image.brokers.keys() {
            sessions.touch(*broker, Offset::NONE, now);
        }
        sessions
    }

    /// The broker was heard of.
    fn touch(&mut self, broker: NodeId, metadata_offset: Offset, now: Time) {
        let expires_at = now + self.timeout;
        let session = self.brokers.entry(broker).or_insert(Session {
            expires_at,
            metadata_offset,
            shutdown_offset: None,
        });
        session.expires_at = expires_at;
        session.metadata_offset = session.metadata_offset.max(metadata_offset);
    }

    fn is_valid(&self, broker: NodeId, now: Time) -> bool {
        self.brokers.get(&broker).is_some_and(|session| session.expires_at > now)
    }

    /// The unfenced broker whose session ends first, and when.
    pub(super) fn first_to_expire(&self, image: &MetadataImage) -> Option<(Time, NodeId)> {
        let unfenced =
            |broker: &NodeId| image.brokers.get(broker).is_some_and(|found| !found.fenced);
        let sessions = self.brokers.iter().filter(|(broker, _)| unfenced(broker));
        sessions.map(|(broker, session)| (session.expires_at, *broker)).min()
    }

    /// The least metadata offset that the active brokers have applied.
    fn lowest_active_offset(&self, image: &MetadataImage) -> Offset {
        let active = self.brokers.iter().filter(|(broker, _)| image.is_active(**broker));
        active.map(|(_, session)| session.metadata_offset).min().unwrap_or(Offset(i64::MAX))
    }
}

/// Judges a registration: the records to write, and the broker epoch that the uptime then has.
pub(super) fn register(
    image: &MetadataImage,
    sessions: &mut Sessions,
    request: &BrokerRegistrationRequest,
    defects: &Defects,
    now: Time,
) -> Result<(Vec<MetadataRecord>, BrokerEpoch), ClusterError> {
    let broker = request.broker;
    let known = image.brokers.get(&broker);
    if let Some(known) = known {
        if known.incarnation == request.incarnation {
            // The answer was lost: same uptime, same epoch (KAFKA-16952).
            return Ok((Vec::new(), known.broker_epoch));
        }
        if !known.fenced && sessions.is_valid(broker, now) {
            return Err(ClusterError::DuplicateBrokerRegistration);
        }
    }
    let unclean = known.is_some_and(|known| known.broker_epoch != request.previous_broker_epoch);
    let event =
        if unclean { BrokerEvent::StoppedUncleanly(broker) } else { BrokerEvent::Left(broker) };
    // Before the new uptime is registered: it must not inherit the place of the old one (KAFKA-15586).
    let mut records = partition_records(image, event, defects);
    let incarnation = request.incarnation;
    records.push(MetadataRecord::RegisterBroker { broker, incarnation, unclean });
    sessions.brokers.remove(&broker);
    sessions.touch(broker, Offset::NONE, now);
    let offset = image.end_offset.plus(records.len() as i64 - 1);
    Ok((records, BrokerEpoch(offset.0)))
}

/// Judges a heartbeat: the records to write, and the state that the broker then is in.
pub(super) fn heartbeat(
    image: &MetadataImage,
    sessions: &mut Sessions,
    request: &BrokerHeartbeatRequest,
    defects: &Defects,
    now: Time,
) -> Result<(Vec<MetadataRecord>, HeartbeatState), ClusterError> {
    let known = image.brokers.get(&request.broker);
    let known = known.filter(|known| known.broker_epoch == request.broker_epoch);
    let known = known.ok_or(ClusterError::StaleBrokerEpoch)?;
    sessions.touch(request.broker, request.metadata_offset, now);
    let step = next_step(image, sessions, known, request);
    let records = step_records(image, request.broker, step, defects);
    if request.want_shutdown && matches!(step, Step::StartShutdown | Step::AwaitShutdown) {
        let last = image.end_offset.plus(records.len() as i64 - 1);
        let session = sessions.brokers.get_mut(&request.broker).expect("the session was touched");
        session.shutdown_offset.get_or_insert(last);
    }
    let fenced = match step {
        Step::StayFenced | Step::Fence | Step::ShutDown => true,
        Step::Unfence | Step::StayUnfenced | Step::StartShutdown | Step::AwaitShutdown => false,
    };
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
    request: &BrokerHeartbeatRequest,
) -> Step {
    let leads = || image.partitions.values().any(|it| it.leader == Some(request.broker));
    if known.fenced {
        let caught_up = request.metadata_offset.0 >= known.broker_epoch.0;
        return match (request.want_shutdown, request.want_fence) {
            (true, _) => Step::ShutDown,
            (false, false) if caught_up => Step::Unfence,
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
        (false, true) => Step::Fence,
        (false, false) => Step::StayUnfenced,
    }
}

fn step_records(
    image: &MetadataImage,
    broker: NodeId,
    step: Step,
    defects: &Defects,
) -> Vec<MetadataRecord> {
    let known = &image.brokers[&broker];
    match step {
        Step::StayFenced | Step::StayUnfenced | Step::AwaitShutdown => Vec::new(),
        Step::ShutDown if known.fenced => Vec::new(),
        Step::Fence | Step::ShutDown => fence_records(image, broker, defects),
        Step::Unfence => {
            let shutting_down = known.shutting_down;
            let unfenced = MetadataRecord::BrokerChange { broker, fenced: false, shutting_down };
            let mut records = vec![unfenced];
            if !shutting_down {
                records.extend(partition_records(image, BrokerEvent::Arrived(broker), defects));
            }
            records
        }
        Step::StartShutdown => {
            let mut records = partition_records(image, BrokerEvent::Left(broker), defects);
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
    defects: &Defects,
) -> Vec<MetadataRecord> {
    let known = &image.brokers[&broker];
    assert!(!known.fenced, "broker {broker} is fenced already");
    let mut records = partition_records(image, BrokerEvent::Left(broker), defects);
    let shutting_down = known.shutting_down;
    records.push(MetadataRecord::BrokerChange { broker, fenced: true, shutting_down });
    records
}
