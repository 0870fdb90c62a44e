//! What a client has in flight, to whom, until when. Source: Kafka's `NetworkClient` and `InFlightRequests`.

use std::collections::VecDeque;
use std::time::Duration;

use crate::collections::SortedMap;
use crate::config::ms;
use crate::jitter::jitter;
use crate::message::{ClientRequest, Message, RequestBody};
use crate::node::{Channel, Deadline, Effect, Effects};
use crate::types::{CorrelationId, NodeId, Time};

/// Who leads what: asked by every client that has topics. The purpose of such a request is made of this.
#[derive(Debug)]
pub(crate) struct MetadataUpdate;

/// How long to wait before something is tried again: the configured time and up to a fifth more.
/// Source: KIP-580's jitter; its exponential growth is not modelled.
#[derive(Debug)]
pub(crate) struct Backoff {
    base: Duration,
    salt: u64,
    node: NodeId,
    drawn: u64,
}

impl Backoff {
    /// A backoff of so many milliseconds; at least one, or nothing would bound the retries.
    pub(crate) fn new(base_ms: u64, salt: u64, node: NodeId) -> Self {
        Self { base: ms(base_ms.max(1)), salt, node, drawn: 0 }
    }

    /// When something that failed now may be tried again.
    pub(crate) fn after(&mut self, now: Time) -> Time {
        self.drawn += 1;
        now + self.base + jitter(self.salt, self.node, self.drawn, self.base / 5)
    }
}

/// So long a client waits for a connection to stand, whatever the network tells: what Kafka's patience grows to, and
/// its jitter. Source: `socket.connection.setup.timeout.max.ms`, `ClusterConnectionStates`.
const SETUP_MAX: Duration = Duration::from_secs(36);

/// All connections of one client, which names by `P` what a request is for.
#[derive(Debug)]
pub(crate) struct Connections<P> {
    pub(crate) backoff: Backoff,
    request_timeout: Duration,
    next_correlation: i32,
    peers: SortedMap<(NodeId, Channel), Peer<P>>,
    /// No request is too late before this time.
    in_time_until: Time,
    /// No connection is blocked after this time.
    blocked_until_max: Time,
}

#[derive(Debug)]
struct Peer<P> {
    in_flight: VecDeque<InFlight<P>>,
    /// No request before this time: the last attempt to talk failed.
    blocked_until: Time,
    /// Whether its connection stands: until then no request's own time runs.
    is_connected: bool,
}

impl<P> Default for Peer<P> {
    fn default() -> Self {
        Self { in_flight: VecDeque::new(), blocked_until: Time::ZERO, is_connected: false }
    }
}

impl<P: std::fmt::Debug> Peer<P> {
    /// The request that was just sent is the last to be too late; of fetches there is one at a time to each broker.
    /// Source: `InFlightRequests`, `AbstractFetch.prepareFetchRequests`.
    fn self_check(&self, to: NodeId, channel: Channel) {
        let count = self.in_flight.len();
        let mut newest = self.in_flight.iter().rev();
        if let (Some(last), Some(before)) = (newest.next(), newest.next()) {
            let in_time = before.deadline <= last.deadline || channel == Channel::ClientCoordinator;
            assert!(
                before.correlation_id < last.correlation_id && in_time,
                "requests to {to} wait out of order: {before:?}, {last:?}"
            );
        }
        assert!(
            channel != Channel::ClientFetch || count <= 1,
            "{count} fetches are in flight to {to}"
        );
    }
}

#[derive(Debug)]
struct InFlight<P> {
    correlation_id: CorrelationId,
    /// How long its answer may take.
    timeout: Duration,
    deadline: Time,
    purpose: P,
}

impl<P: std::fmt::Debug> Connections<P> {
    /// No connections yet.
    pub(crate) fn new(backoff: Backoff, request_timeout_ms: u64) -> Self {
        Self {
            backoff,
            request_timeout: ms(request_timeout_ms.max(1)),
            next_correlation: 0,
            peers: SortedMap::default(),
            in_time_until: Time::MAX,
            blocked_until_max: Time::ZERO,
        }
    }

    /// Sends a request; its answer, or its loss, gives the purpose back. Its time runs from when its connection stands.
    pub(crate) fn send(
        &mut self,
        now: Time,
        (to, channel): (NodeId, Channel),
        body: ClientRequest,
        purpose: P,
        effects: &mut Effects,
    ) {
        let timeout = self.request_timeout;
        self.send_within(now, (to, channel), timeout, (body, purpose), effects);
    }

    /// Sends a request that may take another time than most.
    pub(crate) fn send_within(
        &mut self,
        now: Time,
        (to, channel): (NodeId, Channel),
        timeout: Duration,
        (body, purpose): (ClientRequest, P),
        effects: &mut Effects,
    ) {
        let correlation_id = self.send_unanswered((to, channel), body, effects);
        let timeout = timeout.max(self.request_timeout);
        let peer = self.peers.get_or_insert_with((to, channel), Peer::default);
        assert!(now >= peer.blocked_until, "sent to {to} at {now}, before {}", peer.blocked_until);
        let setup = if peer.is_connected { Duration::ZERO } else { SETUP_MAX };
        let deadline = now + setup + timeout;
        self.in_time_until = self.in_time_until.min(deadline);
        peer.in_flight.push_back(InFlight { correlation_id, timeout, deadline, purpose });
        peer.self_check(to, channel);
    }

    /// Sends a request that has no answer: a produce with acks=0.
    pub(crate) fn send_unanswered(
        &mut self,
        (to, channel): (NodeId, Channel),
        body: ClientRequest,
        effects: &mut Effects,
    ) -> CorrelationId {
        let correlation_id = CorrelationId(self.next_correlation);
        self.next_correlation =
            self.next_correlation.checked_add(1).expect("fewer requests in a run than 2^31");
        let body = RequestBody::Client(body);
        effects.request(to, channel, Message { correlation_id, body });
        correlation_id
    }

    /// A connection stands: the time of all that waits for an answer on it begins now. When the first is too late, of
    /// all connections. Source: `NetworkClient.doSend`, which sends on what is connected alone.
    pub(crate) fn connected(
        &mut self,
        now: Time,
        to: NodeId,
        channel: Channel,
    ) -> Option<Deadline> {
        let peer = self.peers.get_or_insert_with((to, channel), Peer::default);
        assert!(!peer.is_connected, "the {channel:?} connection to {to} stands already");
        peer.is_connected = true;
        for request in &mut peer.in_flight {
            request.deadline = now + request.timeout;
            self.in_time_until = self.in_time_until.min(request.deadline);
        }
        peer.self_check(to, channel);
        self.next_deadline()
    }

    /// The purpose of the request that is answered; `None` for an answer to nothing that is outstanding, such as a
    /// duplicate.
    pub(crate) fn answered(
        &mut self,
        from: NodeId,
        channel: Channel,
        correlation_id: CorrelationId,
    ) -> Option<P> {
        let peer = self.peers.get_mut(&(from, channel))?;
        let index =
            peer.in_flight.iter().position(|request| request.correlation_id == correlation_id)?;
        peer.in_flight.remove(index).map(|request| request.purpose)
    }

    /// A connection is gone: the purposes of all that was in flight on it, oldest first.
    pub(crate) fn lost(&mut self, now: Time, to: NodeId, channel: Channel) -> Vec<P> {
        let blocked_until = self.backoff.after(now);
        self.blocked_until_max = self.blocked_until_max.max(blocked_until);
        assert!(blocked_until > now, "a retry does not wait: {blocked_until}, {now}");
        let peer = self.peers.get_or_insert_with((to, channel), Peer::default);
        (peer.blocked_until, peer.is_connected) = (blocked_until, false);
        peer.self_check(to, channel);
        peer.in_flight.drain(..).map(|request| request.purpose).collect()
    }

    /// Closes every connection on which a request has waited too long; the purposes of all that was in flight there.
    /// Source: `NetworkClient.handleTimedOutRequests`.
    pub(crate) fn time_out(&mut self, now: Time, effects: &mut Effects) -> Vec<P> {
        if now < self.in_time_until {
            return Vec::new();
        }
        let late = |peer: &Peer<P>| peer.in_flight.iter().any(|request| request.deadline <= now);
        let late: Vec<_> =
            self.peers.iter().filter(|(_, peer)| late(peer)).map(|(&to, _)| to).collect();
        let mut purposes = Vec::new();
        for (to, channel) in late {
            effects.push(Effect::Disconnect { to, channel });
            purposes.append(&mut self.lost(now, to, channel));
        }
        self.in_time_until = self.next_deadline().map_or(Time::MAX, |next| next.at);
        assert!(self.in_time_until > now, "a request is late since {}", self.in_time_until);
        purposes
    }

    /// How many requests wait for an answer there.
    pub(crate) fn in_flight(&self, to: NodeId, channel: Channel) -> usize {
        self.peers.get(&(to, channel)).map_or(0, |peer| peer.in_flight.len())
    }

    /// Until when nothing may be sent there; in the past if something may.
    pub(crate) fn blocked_until(&self, to: NodeId, channel: Channel) -> Time {
        self.peers.get(&(to, channel)).map_or(Time::ZERO, |peer| peer.blocked_until)
    }

    /// The broker to ask a question that any can answer: of those that may be sent to the one with the least in
    /// flight, in rotation. Source: `NetworkClient.leastLoadedNode`.
    pub(crate) fn least_loaded(
        &self,
        now: Time,
        brokers: &[NodeId],
        rotation: usize,
    ) -> Option<NodeId> {
        let candidates = (0..brokers.len()).map(|step| brokers[(rotation + step) % brokers.len()]);
        candidates
            .filter(|&broker| self.blocked_until(broker, Channel::Client) <= now)
            .min_by_key(|&broker| self.in_flight(broker, Channel::Client))
    }

    /// Whether every broker may be sent to from then on.
    pub(crate) fn is_unblocked_by(&self, time: Time) -> bool {
        self.blocked_until_max <= time
    }

    /// When the first of the brokers may be sent to again.
    pub(crate) fn first_unblocked(&self, brokers: &[NodeId]) -> Time {
        let blocked = brokers.iter().map(|&broker| self.blocked_until(broker, Channel::Client));
        blocked.min().unwrap_or(Time::MAX)
    }

    /// When the first request is too late.
    pub(crate) fn next_deadline(&self) -> Option<Deadline> {
        // Where a join waits, others sent after it may be late before it.
        let first = |((_, channel), peer): (&(NodeId, Channel), &Peer<P>)| {
            let requests = peer.in_flight.iter();
            let looked_at = if *channel == Channel::ClientCoordinator { usize::MAX } else { 1 };
            requests.take(looked_at).map(|request| request.deadline).min()
        };
        let at = self.peers.iter().filter_map(first).min()?;
        Some(Deadline { at, why: "request timeout" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::MetadataRequest;

    const BROKER: NodeId = NodeId(1);
    const AT: (NodeId, Channel) = (BROKER, Channel::Client);

    fn connections() -> Connections<MetadataUpdate> {
        Connections::new(Backoff::new(100, 1, NodeId(1001)), 1_000)
    }

    fn ask(connections: &mut Connections<MetadataUpdate>, now: Time, effects: &mut Effects) {
        let body = ClientRequest::Metadata(Box::<MetadataRequest>::default());
        connections.send(now, AT, body, MetadataUpdate, effects);
    }

    #[test]
    fn an_answer_counts_once() {
        let (mut connections, mut effects) = (connections(), Effects::new());
        ask(&mut connections, Time::ZERO, &mut effects);
        assert!(connections.answered(BROKER, Channel::ClientFetch, CorrelationId(0)).is_none());
        assert!(connections.answered(BROKER, Channel::Client, CorrelationId(7)).is_none());
        assert!(connections.answered(BROKER, Channel::Client, CorrelationId(0)).is_some());
        assert!(connections.answered(BROKER, Channel::Client, CorrelationId(0)).is_none());
    }

    fn due(connections: &Connections<MetadataUpdate>) -> Option<Time> {
        connections.next_deadline().map(|deadline| deadline.at)
    }

    #[test]
    fn the_time_of_requests_runs_from_when_their_connection_stands() {
        let (mut connections, mut effects) = (connections(), Effects::new());
        ask(&mut connections, Time::ZERO, &mut effects);
        ask(&mut connections, Time::ZERO + ms(700), &mut effects);
        let setup = Time::ZERO + ms(1_500);
        assert!(connections.time_out(setup, &mut effects).is_empty(), "it is being set up");
        let first = connections.connected(setup, BROKER, Channel::Client);
        assert_eq!(first.map(|deadline| deadline.at), Some(setup + ms(1_000)), "of both");
        ask(&mut connections, setup + ms(100), &mut effects);
        assert!(connections.answered(BROKER, Channel::Client, CorrelationId(0)).is_some());
        assert!(connections.answered(BROKER, Channel::Client, CorrelationId(1)).is_some());
        assert_eq!(due(&connections), Some(setup + ms(1_100)), "what is asked later has its own");
        assert!(connections.time_out(setup + ms(1_099), &mut effects).is_empty());
        assert_eq!(connections.time_out(setup + ms(1_100), &mut effects).len(), 1);
    }

    #[test]
    fn the_time_of_a_request_does_not_run_over_from_a_connection_to_the_next() {
        let (mut connections, mut effects) = (connections(), Effects::new());
        ask(&mut connections, Time::ZERO, &mut effects);
        let refused = Time::ZERO + ms(900);
        assert_eq!(connections.lost(refused, BROKER, Channel::Client).len(), 1, "before it stood");
        assert_eq!(due(&connections), None);
        let again = refused + ms(200);
        ask(&mut connections, again, &mut effects);
        connections.connected(again + ms(1_200), BROKER, Channel::Client);
        assert_eq!(due(&connections), Some(again + ms(2_200)));
        connections.lost(again + ms(1_300), BROKER, Channel::Client);
        ask(&mut connections, again + ms(1_500), &mut effects);
        assert!(due(&connections) > Some(again + ms(30_000)), "this one does not stand yet");
    }

    #[test]
    fn a_connection_that_nobody_tells_of_is_given_up_in_the_end() {
        let (mut connections, mut effects) = (connections(), Effects::new());
        ask(&mut connections, Time::ZERO, &mut effects);
        let last = Time::ZERO + SETUP_MAX + ms(1_000);
        assert_eq!(due(&connections), Some(last));
        assert_eq!(connections.time_out(last, &mut effects).len(), 1);
    }

    #[test]
    fn one_late_request_costs_the_whole_connection() {
        let (mut connections, mut effects) = (connections(), Effects::new());
        ask(&mut connections, Time::ZERO, &mut effects);
        connections.connected(Time::ZERO, BROKER, Channel::Client);
        ask(&mut connections, Time::ZERO + ms(900), &mut effects);
        effects.drain().for_each(drop);
        assert!(connections.time_out(Time::ZERO + ms(999), &mut effects).is_empty());
        let now = Time::ZERO + ms(1_000);
        assert_eq!(connections.time_out(now, &mut effects).len(), 2);
        let disconnect = Effect::Disconnect { to: BROKER, channel: Channel::Client };
        assert_eq!(effects.as_slice(), &[disconnect]);
        assert_eq!(connections.next_deadline(), None);
        let blocked = connections.blocked_until(BROKER, Channel::Client);
        assert!(blocked >= now + ms(100) && blocked < now + ms(120), "blocked until {blocked}");
    }

    #[test]
    fn questions_go_where_least_is_in_flight_and_nothing_is_blocked() {
        let (mut connections, mut effects) = (connections(), Effects::new());
        let brokers = [NodeId(1), NodeId(2), NodeId(3)];
        assert_eq!(connections.least_loaded(Time::ZERO, &brokers, 1), Some(NodeId(2)));
        ask(&mut connections, Time::ZERO, &mut effects);
        assert_eq!(connections.least_loaded(Time::ZERO, &brokers, 0), Some(NodeId(2)));
        connections.lost(Time::ZERO, NodeId(2), Channel::Client);
        assert_eq!(connections.least_loaded(Time::ZERO, &brokers, 0), Some(NodeId(3)));
        assert_eq!(connections.first_unblocked(&brokers), Time::ZERO);
    }
}
