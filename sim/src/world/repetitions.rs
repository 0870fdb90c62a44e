//! What comes again and again while a run waits and nothing else changes: it is a livelock, and says why something
//! never comes true.
//!
//! Five things repeat: the same question with the same refusal; a question that is never answered, so that its asker
//! gives up on it; one that is answered, always in the same way; what an application asks of its client, which fails
//! for the same reason; and a consumer that joins its group and is no member of it soon after. The last needs no
//! refusal: who leaves because its application does not poll in time joins again with the next poll, and never comes to
//! commit.
//!
//! It says why a finding is one, and makes none: to ask again is right wherever what is asked for comes in the end.

use std::collections::BTreeMap;

use harrow_broker_model::message::{Request, RequestBody, Response};
use harrow_broker_model::node::{Channel, Outcome};
use harrow_broker_model::note::{Departure, GroupNote, Note};
use harrow_broker_model::types::{CorrelationId, NodeId};

use super::fingerprint::Fingerprint;
use super::refusal::{Reason, name_of, refusal};
use crate::liveness::Goal;

/// So many refusals alike are a livelock; retries of a question that will be answered are fewer.
const MANY: u64 = 25;

/// What is asked to learn something: who is told the same again and again does not get on by it. All else is asked at
/// intervals, or to change something, and mostly answered like the last time.
const TO_LEARN: [&str; 8] = [
    "FindCoordinator",
    "Metadata",
    "ListOffsets",
    "OffsetForLeaderEpoch",
    "OffsetFetch",
    "InitProducerId",
    "AllocateProducerIds",
    "BrokerRegistration",
];

/// So many questions that are given up are one: each has waited for as long as its asker has patience.
const MANY_UNANSWERED: u64 = 3;

/// So many departures of a consumer for one reason are one: a group that finds together needs none.
const MANY_DEPARTURES: u64 = 3;

/// Who asks, whom, and on which connection.
pub(super) type Line = (NodeId, NodeId, Channel);

/// What is asked in vain: by whom, of whom, and how it is refused; none if it is not answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Refusal {
    asker: NodeId,
    /// Whether the asker is no part of the cluster.
    outside: bool,
    asked: NodeId,
    api: &'static str,
    error: Option<Reason>,
}

impl Refusal {
    fn on((asker, asked, channel): Line, api: &'static str, error: Option<Reason>) -> Self {
        Self { asker, outside: is_of_clients(channel), asked, api, error }
    }

    /// So many of them are a livelock.
    fn many(&self) -> u64 {
        if self.error.is_some() { MANY } else { MANY_UNANSWERED }
    }
}

/// What has come again since something changed.
#[derive(Debug, Default)]
pub(crate) struct Repetitions {
    refusals: BTreeMap<Refusal, u64>,
    /// What is asked and waits, by connection.
    open: BTreeMap<Line, BTreeMap<CorrelationId, &'static str>>,
    /// What is asked and not refused: how the last answer reads, and how often it came in a row.
    answers: BTreeMap<Refusal, (u64, u64)>,
    /// What applications ask in vain: by client and error.
    failures: BTreeMap<(NodeId, i16), u64>,
    /// By consumer and group.
    departures: BTreeMap<(NodeId, String, Departure), u64>,
}

impl Repetitions {
    /// Something changed: what came before says nothing.
    pub(crate) fn forget(&mut self) {
        self.refusals.clear();
        self.answers.clear();
        self.failures.clear();
        self.departures.clear();
    }

    /// A node asks. Of bytes nobody knows which answer is whose.
    pub(crate) fn asked(&mut self, line: Line, request: &Request) {
        if !matches!(request.body, RequestBody::Wire(_)) {
            let api = name_of(&request.body);
            self.open.entry(line).or_default().insert(request.correlation_id, api);
        }
    }

    /// A node is answered.
    pub(crate) fn answered(&mut self, line: Line, response: &Response) {
        let open = self.open.get_mut(&line);
        let Some(api) = open.and_then(|open| open.remove(&response.correlation_id)) else { return };
        if let Some(error) = refusal(&response.body) {
            *self.refusals.entry(Refusal::on(line, api, Some(error))).or_default() += 1;
        } else if TO_LEARN.contains(&api) {
            let mut reads = Fingerprint::new(0);
            reads.answer(&response.body);
            let (last, times) = self.answers.entry(Refusal::on(line, api, None)).or_default();
            *times = if *last == reads.value() { *times + 1 } else { 1 };
            *last = reads.value();
        }
    }

    /// A client tells its application what became of something.
    pub(crate) fn completed(&mut self, client: NodeId, outcome: &Outcome) {
        if let Outcome::Failed { error, .. } | Outcome::Unknown { error, .. } = outcome {
            *self.failures.entry((client, error.code())).or_default() += 1;
        }
    }

    /// A connection is no more: what was asked on it is not answered.
    pub(crate) fn given_up(&mut self, line: Line) {
        for api in self.open.remove(&line).unwrap_or_default().into_values() {
            *self.refusals.entry(Refusal::on(line, api, None)).or_default() += 1;
        }
    }

    /// A node states something.
    pub(crate) fn noted(&mut self, node: NodeId, note: &Note) {
        if let Note::Group(GroupNote::MembershipLost { group, reason }) = note {
            *self.departures.entry((node, group.clone(), *reason)).or_default() += 1;
        }
    }

    /// The livelock, in words, if there is one. What waits for consumers waits for who leaves again and again first, as
    /// nobody refuses anything to him; to anything else consumers that come and go mean nothing. What the cluster does
    /// by itself waits for none of its clients: what they are refused meanwhile comes of it.
    pub(crate) fn livelock(&self, goal: Goal) -> Option<String> {
        let (of_consumers, of_clients) = match goal {
            Goal::Operations | Goal::ConsumerLag => (true, true),
            Goal::Topics
            | Goal::FreshProducer
            | Goal::LoadProducers
            | Goal::Transactions
            | Goal::ShareLag
            | Goal::Resources => (false, true),
            Goal::Processes
            | Goal::QuorumLeader
            | Goal::BrokersUnfenced
            | Goal::Metadata
            | Goal::Leaders
            | Goal::Isr
            | Goal::HighWatermark => (false, false),
        };
        let rejoins = of_consumers.then(|| self.rejoins()).flatten();
        let refused = || self.in_vain(|it| it.error.is_some() && (of_clients || !it.outside));
        let ignored = || self.in_vain(|it| it.error.is_none() && (of_clients || !it.outside));
        let same = || self.in_circles(|it| of_clients || !it.outside);
        let failed = || of_clients.then(|| self.failed()).flatten();
        rejoins.or_else(refused).or_else(ignored).or_else(failed).or_else(same)
    }

    /// What is answered in the same way most often, if that is often.
    fn in_circles(&self, counts: impl Fn(&Refusal) -> bool) -> Option<String> {
        let counted = self.answers.iter().filter(|(answer, _)| counts(answer));
        let (most, (_, times)) = counted.max_by_key(|(_, (_, times))| *times)?;
        let Refusal { asker, asked, api, .. } = most;
        (*times >= MANY).then(|| {
            format!("a livelock: node {asker} asks node {asked} for {api} and is told the same, {times} times")
        })
    }

    fn failed(&self) -> Option<String> {
        let ((client, code), times) = self.failures.iter().max_by_key(|(_, times)| **times)?;
        (*times >= MANY).then(|| {
            let error = Reason::Code(*code);
            format!(
                "a livelock: what is asked of client {client} fails with {error}, {times} times"
            )
        })
    }

    fn rejoins(&self) -> Option<String> {
        let (most, count) = self.departures.iter().max_by_key(|(_, count)| **count)?;
        let (node, group, reason) = most;
        let why = cause(*reason);
        (*count >= MANY_DEPARTURES).then(|| {
            format!("a livelock: consumer {node} joins group {group} and is out of it again, {count} times: {why}")
        })
    }

    /// What is asked in vain most often of what counts, if that is often.
    fn in_vain(&self, counts: impl Fn(&Refusal) -> bool) -> Option<String> {
        let counted = self.refusals.iter().filter(|(refusal, _)| counts(refusal));
        let (most, count) = counted.max_by_key(|(_, count)| **count)?;
        let Refusal { asker, asked, api, error, .. } = most;
        let gets = error.map_or_else(|| "no answer".to_owned(), |error| error.to_string());
        (*count >= most.many()).then(|| {
            format!("a livelock: node {asker} asks node {asked} for {api} and gets {gets}, {count} times")
        })
    }
}

/// Whether clients ask on such a connection.
fn is_of_clients(channel: Channel) -> bool {
    match channel {
        Channel::Client
        | Channel::ClientFetch
        | Channel::ClientCoordinator
        | Channel::ClientProducer
        | Channel::Application(_) => true,
        Channel::ReplicaFetch
        | Channel::Heartbeat
        | Channel::Controller
        | Channel::QuorumFetch
        | Channel::Quorum
        | Channel::TransactionMarkers
        | Channel::TransactionVerification
        | Channel::ShareState => false,
    }
}

/// Why a consumer is out of its group, and what can be set.
fn cause(reason: Departure) -> &'static str {
    match reason {
        Departure::PollInterval => {
            "its application takes longer than max.poll.interval.ms from poll to poll; raise that, or lower \
             max.poll.records"
        }
        Departure::Unknown => {
            "its coordinator does not wait for it any longer; session.timeout.ms and max.poll.interval.ms say how long \
             it does"
        }
        Departure::Epoch => "its generation or epoch is over before it is answered",
        Departure::Instance => {
            "another consumer has its group.instance.id; each needs one of its own"
        }
    }
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::message::{
        ClientRequest, ClientResponse, ClusterError, PeerRequest, PeerResponse,
        ReplicaOffsetsRequest, ReplicaOffsetsResponse, ResponseBody,
    };
    use harrow_broker_model::proto::{ErrorCode, FindCoordinatorResponse, InitProducerIdResponse};
    use harrow_broker_model::types::{LeaderEpoch, Offset, ProducerId, TopicPartition};

    use super::*;

    const CORRELATION: CorrelationId = CorrelationId(7);

    fn line(asker: i32, channel: Channel) -> Line {
        (NodeId(asker), NodeId(2), channel)
    }

    fn asks(repetitions: &mut Repetitions, line: Line, body: RequestBody) {
        repetitions.asked(line, &Request { correlation_id: CORRELATION, body });
    }

    fn is_answered(repetitions: &mut Repetitions, line: Line, body: ResponseBody) {
        repetitions.answered(line, &Response { correlation_id: CORRELATION, body });
    }

    fn question() -> RequestBody {
        let (partition, current_leader_epoch) = (TopicPartition::METADATA, LeaderEpoch(0));
        let request = ReplicaOffsetsRequest { partition, current_leader_epoch };
        RequestBody::Peer(PeerRequest::ReplicaOffsets(request))
    }

    #[test]
    fn the_same_refusal_again_and_again_is_a_livelock_until_something_changes() {
        let answer = |error, end| {
            ResponseBody::Peer(PeerResponse::ReplicaOffsets(ReplicaOffsetsResponse {
                partition: TopicPartition::METADATA,
                error,
                log_start_offset: Offset(0),
                log_end_offset: Offset(end),
            }))
        };
        let mut refusals = Repetitions::default();
        for count in 0..MANY {
            let (well, ill) = (line(1, Channel::ReplicaFetch), line(3, Channel::ReplicaFetch));
            asks(&mut refusals, well, question());
            is_answered(&mut refusals, well, answer(None, count as i64));
            assert_eq!(refusals.livelock(Goal::Leaders), None, "nothing was refused often");
            asks(&mut refusals, ill, question());
            is_answered(&mut refusals, ill, answer(Some(ClusterError::NotLeaderOrFollower), 0));
        }
        let expected =
            "a livelock: node 3 asks node 2 for ListOffsets and gets NotLeaderOrFollower, 25 times";
        assert_eq!(refusals.livelock(Goal::Leaders).as_deref(), Some(expected));
        refusals.forget();
        assert_eq!(refusals.livelock(Goal::Leaders), None);
    }

    #[test]
    fn what_coordinators_refuse_counts_too() {
        let wait = ErrorCode::ConcurrentTransactions.code();
        let none = ErrorCode::CoordinatorNotAvailable.code();
        let init = InitProducerIdResponse::default().with_error_code(wait);
        let find = FindCoordinatorResponse::default().with_error_code(none);
        let table = [
            (
                ClientRequest::InitProducerId(Box::default()),
                ClientResponse::InitProducerId(Box::new(init)),
                "InitProducerId and gets ConcurrentTransactions",
            ),
            (
                ClientRequest::FindCoordinator(Box::default()),
                ClientResponse::FindCoordinator(Box::new(find)),
                "FindCoordinator and gets CoordinatorNotAvailable",
            ),
        ];
        for (request, response, expected) in table {
            let mut refusals = Repetitions::default();
            for _ in 0..MANY {
                let line = line(1001, Channel::ClientProducer);
                asks(&mut refusals, line, RequestBody::Client(request.clone()));
                is_answered(&mut refusals, line, ResponseBody::Client(response.clone()));
            }
            let told = refusals.livelock(Goal::FreshProducer).expect("it is one");
            assert!(told.contains(expected), "{told}");
            assert_eq!(refusals.livelock(Goal::Leaders), None, "no leader waits for a client");
        }
    }

    #[test]
    fn a_question_that_is_given_up_again_and_again_is_a_livelock() {
        let mut repetitions = Repetitions::default();
        let line = line(3, Channel::ReplicaFetch);
        for count in 0..MANY_UNANSWERED {
            assert_eq!(repetitions.livelock(Goal::Isr), None, "{count} times");
            // With nothing asked on it, a connection goes for good.
            repetitions.given_up(line);
            asks(&mut repetitions, line, question());
            repetitions.given_up(line);
        }
        let expected = "a livelock: node 3 asks node 2 for ListOffsets and gets no answer, 3 times";
        assert_eq!(repetitions.livelock(Goal::Isr).as_deref(), Some(expected));
        repetitions.forget();
        assert_eq!(repetitions.livelock(Goal::Isr), None);
    }

    /// The same answer says nothing new; another one in between does.
    #[test]
    fn who_is_told_the_same_again_and_again_is_in_a_livelock() {
        let find = ClientRequest::InitProducerId(Box::default());
        let found = |id| {
            let response =
                InitProducerIdResponse::default().with_producer_id(ProducerId(id).0.into());
            ResponseBody::Client(ClientResponse::InitProducerId(Box::new(response)))
        };
        let line = line(1001, Channel::Client);
        let mut repetitions = Repetitions::default();
        for count in 0..2 * MANY {
            assert_eq!(repetitions.livelock(Goal::FreshProducer), None, "{count} times");
            asks(&mut repetitions, line, RequestBody::Client(find.clone()));
            is_answered(&mut repetitions, line, found((count % 2) as i64));
            let beat = ClientRequest::Heartbeat(Box::default());
            asks(&mut repetitions, line, RequestBody::Client(beat));
            let alive = ResponseBody::Client(ClientResponse::Heartbeat(Box::default()));
            is_answered(&mut repetitions, line, alive);
        }
        for _ in 0..MANY {
            asks(&mut repetitions, line, RequestBody::Client(find.clone()));
            is_answered(&mut repetitions, line, found(9));
        }
        let told = repetitions.livelock(Goal::FreshProducer).expect("it is one");
        assert!(
            told.contains("node 1001 asks node 2 for InitProducerId and is told the same"),
            "{told}"
        );
        assert_eq!(repetitions.livelock(Goal::Isr), None, "no ISR waits for a client");
    }

    #[test]
    fn what_fails_again_and_again_for_one_reason_is_a_livelock() {
        let mut repetitions = Repetitions::default();
        let error = ErrorCode::UnknownServerError;
        let failed = Outcome::Failed { error, partition: -1 };
        for count in 0..MANY {
            assert_eq!(repetitions.livelock(Goal::Operations), None, "{count} times");
            repetitions.completed(NodeId(1001), &failed);
        }
        let told = repetitions.livelock(Goal::Operations).expect("it is one");
        assert!(told.contains("client 1001 fails with UnknownServerError, 25 times"), "{told}");
    }

    #[test]
    fn who_leaves_its_group_again_and_again_is_told_with_the_reason() {
        let lost =
            |reason| Note::Group(GroupNote::MembershipLost { group: "g".to_owned(), reason });
        let table = [
            (Departure::PollInterval, "max.poll.interval.ms"),
            (Departure::Unknown, "session.timeout.ms"),
            (Departure::Epoch, "generation or epoch"),
            (Departure::Instance, "group.instance.id"),
        ];
        for (reason, setting) in table {
            let mut repetitions = Repetitions::default();
            for count in 1..MANY_DEPARTURES {
                repetitions.noted(NodeId(5), &lost(reason));
                repetitions.noted(NodeId(6), &lost(reason));
                assert_eq!(
                    repetitions.livelock(Goal::ConsumerLag),
                    None,
                    "{count} times, each of two"
                );
            }
            repetitions.noted(NodeId(5), &lost(reason));
            assert_eq!(repetitions.livelock(Goal::Isr), None, "no ISR waits for a consumer");
            let told = repetitions.livelock(Goal::ConsumerLag).expect("it is one");
            assert!(told.contains("consumer 5 joins group g") && told.contains(setting), "{told}");
            repetitions.forget();
            assert_eq!(repetitions.livelock(Goal::ConsumerLag), None);
        }
    }
}
