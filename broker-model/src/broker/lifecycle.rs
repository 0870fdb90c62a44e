//! A broker's life as the controller sees it: registration, heartbeats, unfencing, controlled shutdown.
//!
//! Source: KIP-631, KIP-966, Kafka's `BrokerLifecycleManager`.

use std::time::Duration;

use bytes::Bytes;

use crate::broker::context::Context;
use crate::config::{ClusterConfig, ms};
use crate::defect::{BrokerDefect, Defects};
use crate::disk_image::{DirectoryFile, DiskImage};
use crate::message::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest,
    BrokerRegistrationResponse, ClusterError, ControllerRequest, RequestBody,
};
use crate::node::{Channel, Deadline, Effect, Effects};
use crate::note::{BrokerNote, BrokerState};
use crate::types::{BrokerEpoch, CorrelationId, DirectoryId, NodeId, Offset, Time};

/// First pause after a failed registration or heartbeat, in milliseconds; doubles up to the session timeout. Source:
/// `BrokerLifecycleManager.resendExponentialBackoff`.
const RESEND_BACKOFF_MS: u64 = 100;

/// Pause after the first answer to a broker that asks for its stop, in milliseconds. Source: `BrokerLifecycleManager`.
const FIRST_STOP_WAIT_MS: u64 = 50;

/// Registration, heartbeats and shutdown of one uptime.
#[derive(Debug)]
pub(super) struct Lifecycle {
    state: BrokerState,
    broker_epoch: BrokerEpoch,
    previous_broker_epoch: BrokerEpoch,
    in_flight: Option<InFlight>,
    /// When the next registration or heartbeat is due.
    next_at: Time,
    failures: u32,
    /// Set once a stop is requested: when patience with the controller ends.
    stop_by: Option<Time>,
    /// Whether a heartbeat was answered since then.
    stop_answered: bool,
    /// There is news for the controller that the request under way does not tell.
    again_at_once: bool,
    may_stop: bool,
    /// When the newest heartbeat was sent that the controller answered.
    heard_at: Time,
    /// When the controller was heard of again after longer than a session: it may have fenced this broker meanwhile.
    missed_until: Time,
    /// Log directories that failed in this uptime, in that order.
    offline: Vec<OfflineDirectory>,
}

#[derive(Debug, Clone, Copy)]
struct InFlight {
    correlation_id: CorrelationId,
    to: NodeId,
    sent_at: Time,
    deadline: Time,
    /// How many of the directories that are offline it tells of.
    offline: usize,
}

/// A log directory that failed.
#[derive(Debug, Clone, Copy)]
struct OfflineDirectory {
    id: DirectoryId,
    /// Patience ends here if the controller has not been told by then; none once it has.
    tell_by: Option<Time>,
}

impl Lifecycle {
    /// A new uptime; `image` tells whether the one before ended cleanly.
    pub(super) fn new(image: &DiskImage, config: &ClusterConfig, now: Time) -> Self {
        let previous = previous_broker_epoch(image, config);
        Self {
            state: BrokerState::Starting,
            broker_epoch: BrokerEpoch::NONE,
            previous_broker_epoch: previous.unwrap_or(BrokerEpoch::NONE),
            in_flight: None,
            next_at: now,
            failures: 0,
            stop_by: None,
            stop_answered: false,
            again_at_once: false,
            may_stop: false,
            heard_at: now,
            missed_until: now,
            offline: Vec::new(),
        }
    }

    /// The epoch of this uptime, or none before registration.
    pub(super) fn broker_epoch(&self) -> BrokerEpoch {
        self.broker_epoch
    }

    /// Whether a stop was requested and nothing holds it up any more.
    pub(super) fn may_stop(&self) -> bool {
        self.may_stop
    }

    /// Whether a controlled shutdown has begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop_by.is_some()
    }

    /// Whether what it leads may be another broker's by now: as far as it can know, the controller has not heard of it
    /// for a session, and so may have fenced it and elected others; or that was so, and what is applied of the metadata
    /// (all that was committed at `learned_at`) does not tell yet. The controller unfences a broker that has not heard
    /// that it was fenced. Source: `BrokerHeartbeatManager.calculateNextBrokerState`.
    pub(super) fn may_be_replaced(
        &self,
        (now, learned_at): (Time, Time),
        config: &ClusterConfig,
    ) -> bool {
        let session = ms(config.broker_session_timeout_ms);
        self.heard_at + session <= now || learned_at < self.missed_until
    }

    /// The controller has answered the heartbeat under way.
    fn heard(&mut self, now: Time, session_timeout_ms: u64) {
        let Some(InFlight { sent_at, .. }) = self.in_flight else { return };
        if self.heard_at + ms(session_timeout_ms) <= sent_at {
            self.missed_until = now;
        }
        self.heard_at = sent_at;
    }

    /// Sends what is due, and gives up on what was not answered in time. `metadata_end` is the end of the applied
    /// metadata.
    pub(super) fn tick(
        &mut self,
        now: Time,
        metadata_end: Offset,
        context: &mut Context,
        effects: &mut Effects,
    ) {
        if let Some(sent) = self.in_flight.filter(|sent| sent.deadline <= now) {
            effects.push(Effect::Disconnect { to: sent.to, channel: Channel::Heartbeat });
            self.fail(sent.to, now, context);
        }
        // A directory that the controller cannot be told of is one in which it believes replicas. Source:
        // `BrokerLifecycleManager.OfflineDirBrokerFailureEvent`.
        let given_up = |it: &OfflineDirectory| it.tell_by.is_some_and(|at| at <= now);
        if self.offline.iter().any(given_up) {
            self.stop(now, context, effects);
            self.offline.iter_mut().for_each(|it| it.tell_by = None);
        }
        if self.stop_by.is_some_and(|stop_by| stop_by <= now) {
            self.may_stop = true;
        }
        if self.in_flight.is_none() && self.next_at <= now && !self.may_stop {
            self.send(now, metadata_end, context, effects);
        }
        self.self_check();
    }

    /// It has an epoch exactly from its registration on, and stops only if it was asked to.
    fn self_check(&self) {
        let (state, broker_epoch) = (self.state, self.broker_epoch);
        assert!(
            (state == BrokerState::Starting) == (broker_epoch == BrokerEpoch::NONE),
            "{state:?} with broker epoch {broker_epoch}"
        );
        let asked = self.stop_by.is_some();
        assert!(!self.may_stop || asked, "nobody asked this broker to stop");
        assert!(!self.stop_answered || asked, "an answer to a stop that nobody asked for");
        assert!(
            asked || state != BrokerState::ShuttingDown,
            "{state:?}, and nobody asked this broker to stop"
        );
        assert!(
            !self.again_at_once || self.in_flight.is_some(),
            "news wait for a request that is not under way"
        );
    }

    fn send(
        &mut self,
        now: Time,
        metadata_end: Offset,
        context: &mut Context,
        effects: &mut Effects,
    ) {
        let body = match self.state {
            BrokerState::Starting => RequestBody::Controller(
                ControllerRequest::BrokerRegistration(BrokerRegistrationRequest {
                    broker: context.node,
                    incarnation: context.incarnation,
                    previous_broker_epoch: self.previous_broker_epoch,
                    log_dirs: context.log_dirs.as_slice().into(),
                }),
            ),
            BrokerState::Fenced | BrokerState::Running | BrokerState::ShuttingDown => {
                RequestBody::Controller(ControllerRequest::BrokerHeartbeat(
                    BrokerHeartbeatRequest {
                        broker: context.node,
                        broker_epoch: self.broker_epoch,
                        metadata_offset: last_applied(metadata_end),
                        want_fence: !self.caught_up(metadata_end),
                        want_shutdown: self.stop_by.is_some(),
                        offline_log_dirs: self.offline.iter().map(|it| it.id).collect(),
                    },
                ))
            }
        };
        let to = context.controllers.target();
        let correlation_id = context.send(to, Channel::Heartbeat, body, effects);
        let deadline = deadline(now, &context.config);
        let registers = self.state == BrokerState::Starting;
        let offline = if registers { 0 } else { self.offline.len() };
        self.in_flight = Some(InFlight { correlation_id, to, sent_at: now, deadline, offline });
    }

    /// What the clean-shutdown file holds after this uptime: its broker epoch, -1 if it never registered. Then the next
    /// uptime counts as one after an unclean stop. Source: `BrokerServer.shutdown`, `LogManager.shutdown`.
    pub(super) fn clean_shutdown_file(&self, defects: Defects) -> Bytes {
        let names_older = defects.has(BrokerDefect::MarkerNamesOlderUptime);
        encode_broker_epoch(if names_older {
            self.previous_broker_epoch
        } else {
            self.broker_epoch
        })
    }

    /// Whether the metadata log is applied past this uptime's registration.
    pub(super) fn caught_up(&self, metadata_end: Offset) -> bool {
        self.broker_epoch != BrokerEpoch::NONE && metadata_end.0 > self.broker_epoch.0
    }

    /// The metadata moved from one end to another: a fenced broker that has caught up says so at once.
    pub(super) fn metadata_advanced(&mut self, from: Offset, to: Offset, now: Time) {
        if self.state == BrokerState::Fenced && !self.caught_up(from) && self.caught_up(to) {
            self.next_at = now;
        }
    }

    /// Takes the answer to a registration.
    pub(super) fn on_registration(
        &mut self,
        now: Time,
        from: NodeId,
        correlation_id: CorrelationId,
        response: BrokerRegistrationResponse,
        context: &mut Context,
        effects: &mut Effects,
    ) {
        if !self.is_awaited(from, correlation_id) {
            return;
        }
        match response.result {
            Ok(broker_epoch) => {
                self.broker_epoch = broker_epoch;
                self.succeed(now, Duration::ZERO);
                let state = if self.stop_by.is_some() {
                    BrokerState::ShuttingDown
                } else {
                    BrokerState::Fenced
                };
                self.set_state(state, effects);
            }
            Err(error) => self.refused(error, from, response.controller, now, context),
        }
    }

    /// Takes the answer to a heartbeat.
    pub(super) fn on_heartbeat(
        &mut self,
        now: Time,
        from: NodeId,
        correlation_id: CorrelationId,
        response: BrokerHeartbeatResponse,
        context: &mut Context,
        effects: &mut Effects,
    ) {
        if !self.is_awaited(from, correlation_id) {
            return;
        }
        match response.result {
            Ok(state) => {
                self.heard(now, context.config.broker_session_timeout_ms);
                let told = self.in_flight.map_or(0, |sent| sent.offline);
                self.offline[..told].iter_mut().for_each(|it| it.tell_by = None);
                let wait = self.wait_after_heartbeat(context);
                self.succeed(now, wait);
                self.may_stop |= self.stop_by.is_some() && state.should_shut_down;
                let seen = match (self.stop_by, state.fenced) {
                    (Some(_), _) => BrokerState::ShuttingDown,
                    (None, true) => BrokerState::Fenced,
                    (None, false) => BrokerState::Running,
                };
                self.set_state(seen, effects);
            }
            Err(error) => {
                self.refused(error, from, response.controller, now, context);
            }
        }
    }

    /// A log directory failed: the controller is told at once. Source: `propagateDirectoryFailure`.
    pub(super) fn directory_failed(&mut self, now: Time, id: DirectoryId, context: &Context) {
        let tell_by = Some(now + ms(context.config.log_dir_failure_timeout_ms));
        self.offline.push(OfflineDirectory { id, tell_by });
        if self.state != BrokerState::Starting {
            self.next_at = now;
            self.again_at_once = self.in_flight.is_some();
        }
    }

    /// The heartbeat connection to a controller stands.
    pub(super) fn on_connected(&mut self, now: Time, to: NodeId, config: &ClusterConfig) {
        if let Some(sent) = self.in_flight.as_mut().filter(|sent| sent.to == to) {
            sent.deadline = deadline(now, config);
        }
    }

    /// The heartbeat connection to a controller is gone.
    pub(super) fn on_connection_lost(&mut self, now: Time, to: NodeId, context: &mut Context) {
        if self.in_flight.is_some_and(|sent| sent.to == to) {
            self.fail(to, now, context);
        }
    }

    /// A graceful stop begins: the controller is asked to move the leaderships away.
    pub(super) fn stop(&mut self, now: Time, context: &Context, effects: &mut Effects) {
        if self.stop_by.is_some() {
            return;
        }
        self.stop_by = Some(now + ms(context.config.controlled_shutdown_timeout_ms));
        match self.state {
            // There is nothing to hand over before the first registration.
            BrokerState::Starting => self.may_stop = true,
            BrokerState::Fenced | BrokerState::Running | BrokerState::ShuttingDown => {
                self.next_at = now;
                self.again_at_once = self.in_flight.is_some();
                self.set_state(BrokerState::ShuttingDown, effects);
            }
        }
    }

    /// When this part has something to do.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let next = match self.in_flight {
            Some(sent) => Deadline { at: sent.deadline, why: "heartbeat times out" },
            None => Deadline { at: self.next_at, why: "heartbeat is due" },
        };
        let next = (next.at != Time::MAX).then_some(next);
        let stop = self.stop_by.map(|at| Deadline { at, why: "controlled shutdown times out" });
        let untold = self.offline.iter().filter_map(|it| it.tell_by).min();
        let untold = untold.map(|at| Deadline { at, why: "a failed log directory is not told" });
        Deadline::earlier(untold, Deadline::earlier(next, stop))
    }

    fn is_awaited(&self, from: NodeId, correlation_id: CorrelationId) -> bool {
        self.in_flight.is_some_and(|sent| sent.to == from && sent.correlation_id == correlation_id)
    }

    /// After the first answer since a stop was asked for the controller may be done soon.
    fn wait_after_heartbeat(&mut self, context: &Context) -> Duration {
        let is_first = self.stop_by.is_some() && !self.stop_answered;
        self.stop_answered |= self.stop_by.is_some();
        let interval = context.config.broker_heartbeat_interval_ms;
        ms(if is_first { FIRST_STOP_WAIT_MS } else { interval })
    }

    /// What was to be said at once while the request was under way is said now.
    fn succeed(&mut self, now: Time, wait: Duration) {
        self.in_flight = None;
        self.failures = 0;
        let at_once = std::mem::take(&mut self.again_at_once);
        self.next_at = if at_once { now } else { now + wait };
        if self.stop_by.is_some() && self.may_stop {
            self.next_at = Time::MAX;
        }
    }

    fn refused(
        &mut self,
        error: ClusterError,
        from: NodeId,
        controller: Option<NodeId>,
        now: Time,
        context: &mut Context,
    ) {
        self.fail_quietly(now, context);
        if error == ClusterError::NotController {
            context.controllers.failed(from);
            context.controllers.hinted(controller.filter(|controller| *controller != from));
        } else {
            // Refused by the active controller: this uptime asks again as it is. An uptime of which the controller has
            // lost the registration, or which another one has replaced, asks for ever.
            self.next_at = now + ms(context.config.broker_heartbeat_interval_ms);
        }
    }

    fn fail(&mut self, to: NodeId, now: Time, context: &mut Context) {
        context.controllers.failed(to);
        self.fail_quietly(now, context);
    }

    fn fail_quietly(&mut self, now: Time, context: &Context) {
        self.in_flight = None;
        self.again_at_once = false;
        self.next_at = now + self.backoff(context);
        self.failures = self.failures.saturating_add(1);
    }

    fn backoff(&self, context: &Context) -> Duration {
        let doubled = RESEND_BACKOFF_MS << self.failures.min(10);
        // A heartbeat that fails may come again as soon as the next one would: a session must survive an election.
        ms(doubled.min(context.config.broker_heartbeat_interval_ms.max(RESEND_BACKOFF_MS)))
    }

    fn set_state(&mut self, state: BrokerState, effects: &mut Effects) {
        if self.state != state {
            self.state = state;
            effects.note(BrokerNote::StateChanged { state, broker_epoch: self.broker_epoch });
        }
    }
}

/// The broker epoch of the last uptime, if it ended cleanly. All log directories must say so: one that is offline, or
/// was replaced, lacks records that the uptime had. Source: `LogManager.readBrokerEpochFromCleanShutdownFiles`.
fn previous_broker_epoch(image: &DiskImage, config: &ClusterConfig) -> Option<BrokerEpoch> {
    let read = |place| {
        let found = image.directory(place);
        found.read(DirectoryFile::CleanShutdown.of(place)).and_then(decode_broker_epoch)
    };
    let mut found = config.log_directories().map(read);
    // BrokerDefect::CleanByAnyDirectory: the first marker speaks for all.
    if config.defects.has(BrokerDefect::CleanByAnyDirectory) {
        return found.flatten().next();
    }
    let first = found.next().flatten()?;
    found.all(|other| other == Some(first)).then_some(first)
}

/// What the clean-shutdown file holds.
fn encode_broker_epoch(broker_epoch: BrokerEpoch) -> Bytes {
    Bytes::from(format!("0\n{broker_epoch}\n"))
}

/// Reads the clean-shutdown file; `None` if it is torn.
fn decode_broker_epoch(bytes: &Bytes) -> Option<BrokerEpoch> {
    let text = std::str::from_utf8(bytes).ok()?;
    let epoch = text.strip_prefix("0\n")?.strip_suffix('\n')?;
    epoch.parse().ok().map(BrokerEpoch)
}

/// The last applied offset of the metadata log. Source: `MetadataProvenance.lastContainedOffset`.
fn last_applied(metadata_end: Offset) -> Offset {
    metadata_end.plus(-1)
}

/// When the answer to what is sent now is too late: half a session, so that one lost heartbeat does not end it.
/// Source: KAFKA-14392.
fn deadline(now: Time, config: &ClusterConfig) -> Time {
    now + ms(config.broker_session_timeout_ms / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_not_heard_of_for_a_session_may_be_replaced_until_it_has_learned() {
        let config = crate::testing::cluster();
        let session = ms(config.broker_session_timeout_ms);
        let tick = Duration::from_millis(1);
        let mut lifecycle = Lifecycle::new(&DiskImage::default(), &config, Time::ZERO);
        let heard = |lifecycle: &mut Lifecycle, sent_at: Time| {
            let (correlation_id, to) = (CorrelationId(1), NodeId(100));
            let sent = InFlight { correlation_id, to, sent_at, deadline: Time::MAX, offline: 0 };
            lifecycle.in_flight = Some(sent);
            lifecycle.heard(sent_at + tick, config.broker_session_timeout_ms);
        };
        let first = Time::ZERO + tick;
        heard(&mut lifecycle, first);
        let replaced = |lifecycle: &Lifecycle, now: Time, learned_at: Time| {
            lifecycle.may_be_replaced((now, learned_at), &config)
        };
        let late = first + session;
        assert!(!replaced(&lifecycle, first + tick, Time::ZERO), "just heard of");
        assert!(
            !replaced(&lifecycle, first + session.saturating_sub(tick), Time::ZERO),
            "within the session"
        );
        assert!(replaced(&lifecycle, late, late), "its session is over");
        heard(&mut lifecycle, late);
        assert!(replaced(&lifecycle, late + tick, late), "fenced meanwhile, and unfenced again");
        assert!(!replaced(&lifecycle, late + tick * 2, late + tick), "it would know of that");
        assert!(replaced(&lifecycle, late + session, late + session), "over once more");
    }
}
