//! What comes again and again while a run waits and nothing else changes: it is a livelock, and says why something
//! never comes true.
//!
//! Two things repeat: the same question with the same refusal, and a consumer that joins its group and is no member of
//! it soon after. The second needs no refusal: who leaves because its application does not poll in time joins again
//! with the next poll, and never comes to commit.

use std::collections::BTreeMap;
use std::fmt;

use harrow_broker_model::message::{
    ClientResponse, ClusterError, ControllerResponse, PeerResponse, QuorumResponse, ResponseBody,
};
use harrow_broker_model::note::{Departure, GroupNote, Note};
use harrow_broker_model::proto::ErrorCode;
use harrow_broker_model::types::NodeId;

use crate::liveness::Goal;

/// So many refusals alike are a livelock; retries of a question that will be answered are fewer.
const MANY: u64 = 25;

/// So many departures of a consumer for one reason are one: a group that finds together needs none.
const MANY_DEPARTURES: u64 = 3;

/// What is asked in vain: by whom, of whom, and how it is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Refusal {
    asker: NodeId,
    asked: NodeId,
    api: &'static str,
    error: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Cluster(ClusterError),
    /// Kafka's code.
    Code(i16),
    Diverges,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(error) => write!(f, "{error:?}"),
            Self::Code(code) => match ErrorCode::try_from_code(*code) {
                Some(error) => write!(f, "{error:?}"),
                None => write!(f, "error {code}"),
            },
            Self::Diverges => f.write_str("where its log parts"),
        }
    }
}

/// What has come again since something changed.
#[derive(Debug, Default)]
pub(crate) struct Repetitions {
    refusals: BTreeMap<Refusal, u64>,
    /// By consumer and group.
    departures: BTreeMap<(NodeId, String, Departure), u64>,
}

impl Repetitions {
    /// Something changed: what came before says nothing.
    pub(crate) fn forget(&mut self) {
        self.refusals.clear();
        self.departures.clear();
    }

    /// A node is answered.
    pub(crate) fn answered(&mut self, asker: NodeId, asked: NodeId, body: &ResponseBody) {
        if let Some((api, error)) = refusal(body) {
            *self.refusals.entry(Refusal { asker, asked, api, error }).or_default() += 1;
        }
    }

    /// A node states something.
    pub(crate) fn noted(&mut self, node: NodeId, note: &Note) {
        if let Note::Group(GroupNote::MembershipLost { group, reason }) = note {
            *self.departures.entry((node, group.clone(), *reason)).or_default() += 1;
        }
    }

    /// The livelock, in words, if there is one. What waits for consumers waits for who leaves again and again first, as
    /// nobody refuses anything to him; to anything else consumers that come and go mean nothing.
    pub(crate) fn livelock(&self, goal: Goal) -> Option<String> {
        let of_consumers = match goal {
            Goal::Operations | Goal::ConsumerLag => true,
            Goal::Processes
            | Goal::QuorumLeader
            | Goal::BrokersUnfenced
            | Goal::Metadata
            | Goal::Topics
            | Goal::Leaders
            | Goal::Isr
            | Goal::HighWatermark
            | Goal::FreshProducer
            | Goal::LoadProducers
            | Goal::Transactions
            | Goal::ShareLag
            | Goal::Resources => false,
        };
        of_consumers.then(|| self.rejoins()).flatten().or_else(|| self.refused())
    }

    fn rejoins(&self) -> Option<String> {
        let (most, count) = self.departures.iter().max_by_key(|(_, count)| **count)?;
        let (node, group, reason) = most;
        let why = cause(*reason);
        (*count >= MANY_DEPARTURES).then(|| {
            format!("a livelock: consumer {node} joins group {group} and is out of it again, {count} times: {why}")
        })
    }

    fn refused(&self) -> Option<String> {
        let (most, count) = self.refusals.iter().max_by_key(|(_, count)| **count)?;
        let Refusal { asker, asked, api, error } = most;
        (*count >= MANY).then(|| {
            format!("a livelock: node {asker} asks node {asked} for {api} and gets {error}, {count} times")
        })
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

/// What is refused, and how; none of an answer that is none. Clients ask again for what they need to know of leaders,
/// which is no sign of a livelock.
fn refusal(body: &ResponseBody) -> Option<(&'static str, Reason)> {
    let cluster =
        |api, error: Option<ClusterError>| error.map(|error| (api, Reason::Cluster(error)));
    if let ResponseBody::Peer(PeerResponse::ReplicaFetch(response)) = body {
        let refused = response.partitions.iter().find_map(|one| one.error);
        let parts = response.partitions.iter().any(|one| one.diverging.is_some());
        return cluster("Fetch", refused).or(parts.then_some(("Fetch", Reason::Diverges)));
    }
    if let ResponseBody::QuorumFetch(response) = body {
        let parts = response.diverging.is_some();
        let parts = parts.then_some(("Fetch of metadata", Reason::Diverges));
        return cluster("Fetch of metadata", response.error).or(parts);
    }
    if let ResponseBody::Quorum(QuorumResponse::FetchSnapshot(response)) = body {
        return cluster("FetchSnapshot", response.error);
    }
    if let ResponseBody::Controller(ControllerResponse::AlterPartition(response)) = body {
        return cluster("AlterPartition", response.result.as_ref().err().copied());
    }
    if let ResponseBody::Controller(ControllerResponse::BrokerRegistration(response)) = body {
        return cluster("BrokerRegistration", response.result.err());
    }
    if let ResponseBody::Controller(ControllerResponse::BrokerHeartbeat(response)) = body {
        return cluster("BrokerHeartbeat", response.result.err());
    }
    if let ResponseBody::Peer(PeerResponse::ReplicaOffsets(response)) = body {
        return cluster("ListOffsets", response.error);
    }
    if let ResponseBody::Client(ClientResponse::Produce(response)) = body {
        let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        return refused_code("Produce", partitions.map(|one| one.error_code));
    }
    if let ResponseBody::Client(ClientResponse::Fetch(response)) = body {
        let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        return refused_code("Fetch", partitions.map(|one| one.error_code));
    }
    None
}

fn refused_code(
    api: &'static str,
    mut codes: impl Iterator<Item = i16>,
) -> Option<(&'static str, Reason)> {
    codes.find(|code| *code != 0).map(|code| (api, Reason::Code(code)))
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::message::ReplicaOffsetsResponse;
    use harrow_broker_model::types::{Offset, TopicPartition};

    use super::*;

    #[test]
    fn the_same_refusal_again_and_again_is_a_livelock_until_something_changes() {
        let answer = |error| {
            ResponseBody::Peer(PeerResponse::ReplicaOffsets(ReplicaOffsetsResponse {
                partition: TopicPartition::METADATA,
                error,
                log_start_offset: Offset(0),
                log_end_offset: Offset(0),
            }))
        };
        let mut refusals = Repetitions::default();
        for _ in 0..MANY {
            refusals.answered(NodeId(1), NodeId(2), &answer(None));
            assert_eq!(refusals.livelock(Goal::Leaders), None, "nothing was refused often");
            refusals.answered(
                NodeId(3),
                NodeId(2),
                &answer(Some(ClusterError::NotLeaderOrFollower)),
            );
        }
        let expected =
            "a livelock: node 3 asks node 2 for ListOffsets and gets NotLeaderOrFollower, 25 times";
        assert_eq!(refusals.livelock(Goal::Leaders).as_deref(), Some(expected));
        refusals.forget();
        assert_eq!(refusals.livelock(Goal::Leaders), None);
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
