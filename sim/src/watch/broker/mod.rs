//! Invariants of brokers' lives: registration, fencing, shutdown.

mod clean_stop;
mod fencing;
mod log_directories;
mod metadata_freshness;
mod sessions;

use harrow_broker_model::message::{ControllerRequest, Request, RequestBody};
use harrow_broker_model::note::{
    Api, BrokerNote, BrokerState, ControllerNote, ExchangeNote, LogNote, Note, ReplicationNote,
};
use harrow_broker_model::types::NodeId;

use super::finding::{Context, Findings, Invariant};
use super::log::Reopened;
use super::shared::Shared;
use crate::plan::Plan;
use crate::view::ClusterView;
use clean_stop::CleanStops;
use fencing::Fencing;
use metadata_freshness::RegistrationVersions;
use sessions::Sessions;

pub(super) const INVARIANTS: &[Invariant] = &[
    clean_stop::INVARIANT,
    metadata_freshness::INVARIANT,
    fencing::INVARIANT,
    sessions::INVARIANT,
    log_directories::INVARIANT,
];

/// What the invariants of brokers remember.
#[derive(Debug)]
pub(super) struct BrokerWing {
    clean_stops: CleanStops,
    registration_versions: RegistrationVersions,
    fencing: Fencing,
    sessions: Sessions,
}

impl BrokerWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            clean_stops: CleanStops::new(plan),
            registration_versions: RegistrationVersions::default(),
            fencing: Fencing::default(),
            sessions: Sessions::new(plan),
        }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.clean_stops.process_started(node);
        self.registration_versions.process_started(node);
        self.fencing.process_started(node);
        self.sessions.process_started(node);
    }

    pub(super) fn process_ended(&mut self, view: &ClusterView, node: NodeId, lossy: bool) {
        self.clean_stops.process_ended(node, lossy, view.has_registered(node));
    }

    /// A node is asked something.
    pub(super) fn asked(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        request: &Request,
    ) {
        let RequestBody::Controller(request) = &request.body else { return };
        if let ControllerRequest::BrokerRegistration(request) = request {
            self.clean_stops.on_asked(context, findings, request);
        } else if let ControllerRequest::BrokerHeartbeat(request) = request {
            self.sessions.on_asked(context, request);
        }
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &Note,
    ) {
        self.sessions.look(context, findings, &shared.running_since);
        log_directories::look(context, findings, note);
        if let Note::Broker(note) = note {
            self.on_broker_note(context, findings, shared, note);
        } else if let Note::Replication(note) = note {
            self.on_replication_note(context, findings, shared, note);
        } else if let Note::Log(note) = note {
            self.on_log_note(context, findings, note);
        } else if let Note::Exchange(ExchangeNote::RequestServed {
            api: Api::BrokerHeartbeat,
            by,
            named,
            own,
            ..
        }) = note
        {
            self.fencing.on_heartbeat(*by, shared.applied_by(*by));
            self.sessions.on_heartbeat(context, *by, (*named, *own));
        } else if let Note::Controller(ControllerNote::Activated { active, .. }) = note {
            self.sessions.on_activated(context, &shared.running_since, *active);
        } else if let Note::Controller(ControllerNote::MetadataApplied { offset, change, .. }) =
            note
            && context.view.registry().is_news(*offset)
        {
            self.clean_stops.on_broker(context, findings, change);
            self.sessions.on_committed(context, findings, *offset, change);
            self.fencing.on_broker(context, findings, change, |node| shared.applied_by(node));
        }
    }

    fn on_broker_note(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &BrokerNote,
    ) {
        match note {
            BrokerNote::StateChanged { state, broker_epoch } => {
                self.fencing.on_state(context.node, *state);
                if *state == BrokerState::ShuttingDown {
                    self.sessions.on_stopping(context.node, *broker_epoch);
                }
            }
            BrokerNote::StoppedCleanly { broker_epoch } => {
                let durable = shared.is_durable(context.node);
                self.clean_stops.on_stopped(context, findings, *broker_epoch, durable);
            }
            BrokerNote::LogDirectoryOffline { .. }
            | BrokerNote::LogCreated { .. }
            | BrokerNote::ReplicaOffline { .. } => {}
        }
    }

    /// A broker acts on its metadata.
    fn on_replication_note(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &ReplicationNote,
    ) {
        let applied = shared.applied_by(context.node);
        if let ReplicationNote::BecameFollower { partition, .. } = note {
            metadata_freshness::on_acts(context, findings, *partition, applied);
        } else if let ReplicationNote::BecameLeader { partition, partition_epoch, .. } = note {
            metadata_freshness::on_acts(context, findings, *partition, applied);
            self.registration_versions.on_version(context, findings, *partition, *partition_epoch);
        } else if let ReplicationNote::IsrCommitted { partition, partition_epoch, .. } = note {
            self.registration_versions.on_version(context, findings, *partition, *partition_epoch);
        }
    }

    fn on_log_note(&mut self, context: &Context<'_>, findings: &mut Findings, note: &LogNote) {
        self.sessions.on_log(context, note);
        if let LogNote::Recovered { clean, .. } = note
            && let Some(log) = Reopened::stated(note)
        {
            self.clean_stops.on_opened(context, findings, log, *clean);
        }
    }
}
