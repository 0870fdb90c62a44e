//! Finds transactions that hang, and aborts them where they are open. Source: KIP-664; Kafka's
//! `TransactionsCommand.FindHangingTransactionsCommand`, `TransactionsCommand.AbortTransactionCommand`,
//! `AbortTransactionHandler`.
//!
//! A transaction hangs where a partition has records of it, for longer than any may take, and no coordinator lists the
//! partition in it: nobody will write a marker there, and consumers of committed records wait for ever. Leaders are
//! asked for their producers, all brokers for the producers' transactional ids, and who coordinates these for their
//! partitions. Before a marker is sent, the leader is asked again whether the same transaction is open: a
//! marker ends whatever its producer has open, and by now that may be another one.

use std::collections::{BTreeMap, BTreeSet};

use super::meaning::{Meaning, Whom};
use crate::message::{ClientRequest, ClientResponse};
use crate::node::Outcome;
use crate::proto::{
    DescribeProducersRequest, DescribeTransactionsRequest, DescribeTransactionsResponse, ErrorCode,
    ListTransactionsRequest, ListTransactionsResponse, MetadataRequest, MetadataRequestTopic,
    MetadataResponse, ProducersOfTopicRequest, StrBytes, TopicName, TransactionalId,
    TxnMarkersRequest, WireProducerId, WritableTxnMarker, WritableTxnMarkerTopic,
};
use crate::transaction_admin_message::{TransactionAdminRequest, TransactionAdminResponse};
use crate::types::{NodeId, WallTime};

type Place = (StrBytes, i32);

/// A transaction that is open in a partition.
#[derive(Debug, Clone)]
struct Open {
    leader: NodeId,
    place: Place,
    producer: i64,
    epoch: i32,
    coordinator_epoch: i32,
    start: i64,
}

/// Where a search is.
#[derive(Debug)]
pub(super) struct Search {
    topics: Vec<StrBytes>,
    idle_ms: u64,
    brokers: Vec<NodeId>,
    step: Step,
    leaders: Vec<(NodeId, Place)>,
    open: Vec<Open>,
    /// The transactional id of each producer, and who coordinates it.
    ids: BTreeMap<i64, (TransactionalId, NodeId)>,
    /// Partitions that coordinators list, by producer.
    listed: BTreeSet<(i64, StrBytes, i32)>,
    aborted: u32,
}

/// What is asked next: of the partition, broker, producer or transaction in this place of its list.
#[derive(Debug, Clone, Copy)]
enum Step {
    Leaders,
    Producers(usize),
    Ids(usize),
    Partitions(usize),
    Recheck(usize),
    Abort(usize),
}

impl Search {
    pub(super) fn new(topics: Vec<StrBytes>, idle_ms: u64, brokers: &[NodeId]) -> Self {
        Self {
            topics,
            idle_ms,
            brokers: brokers.to_vec(),
            step: Step::Leaders,
            leaders: Vec::new(),
            open: Vec::new(),
            ids: BTreeMap::new(),
            listed: BTreeSet::new(),
            aborted: 0,
        }
    }

    /// Looks for everything anew: what was found may be another one by now.
    pub(super) fn start_again(&mut self) {
        self.step = Step::Leaders;
        self.leaders.clear();
        self.open.clear();
        self.ids.clear();
        self.listed.clear();
    }

    pub(super) fn changes(&self) -> bool {
        matches!(self.step, Step::Abort(_))
    }

    pub(super) fn request(&self) -> (Whom, ClientRequest) {
        match self.step {
            Step::Leaders => {
                let topics = self.topics.iter().map(|name| {
                    MetadataRequestTopic::default().with_name(Some(TopicName(name.clone())))
                });
                let request = MetadataRequest::default().with_topics(Some(topics.collect()));
                (Whom::Anybody, ClientRequest::Metadata(Box::new(request)))
            }
            Step::Producers(at) => {
                let (leader, place) = &self.leaders[at];
                (Whom::Broker(*leader), producers_of(place))
            }
            Step::Ids(at) => {
                let producers: BTreeSet<i64> = self.open.iter().map(|it| it.producer).collect();
                let producers = producers.into_iter().map(WireProducerId).collect();
                let request = ListTransactionsRequest::default()
                    .with_producer_id_filters(producers)
                    .with_duration_filter(-1);
                let request = TransactionAdminRequest::ListTransactions(request);
                (Whom::Broker(self.brokers[at]), wrapped(request))
            }
            Step::Partitions(at) => {
                let (id, coordinator) = self.ids.values().nth(at).expect("one that was listed");
                let ids = vec![id.clone()];
                let request = DescribeTransactionsRequest::default().with_transactional_ids(ids);
                let request = TransactionAdminRequest::DescribeTransactions(request);
                (Whom::Broker(*coordinator), wrapped(request))
            }
            Step::Recheck(at) => {
                (Whom::Broker(self.open[at].leader), producers_of(&self.open[at].place))
            }
            Step::Abort(at) => (Whom::Broker(self.open[at].leader), abort_of(&self.open[at])),
        }
    }

    pub(super) fn take(&mut self, wall: WallTime, response: &ClientResponse) -> Meaning {
        let meaning = match (self.step, response) {
            (Step::Leaders, ClientResponse::Metadata(response)) => self.on_leaders(response),
            (step, ClientResponse::TransactionAdmin(response)) => {
                self.on_answer(wall, step, response)
            }
            _ => Meaning::Again(ErrorCode::UnknownServerError),
        };
        if matches!(meaning, Meaning::Again(_)) {
            self.start_again();
        }
        meaning
    }

    fn on_answer(
        &mut self,
        wall: WallTime,
        step: Step,
        response: &TransactionAdminResponse,
    ) -> Meaning {
        match (step, response) {
            (Step::Producers(at), TransactionAdminResponse::DescribeProducers(_)) => {
                let (leader, place) = self.leaders[at].clone();
                match open_in(leader, &place, response) {
                    Ok(found) => {
                        let idle = i64::try_from(self.idle_ms).unwrap_or(i64::MAX);
                        let old = |last: &i64| wall.0.saturating_sub(*last) > idle;
                        self.open.extend(
                            found.into_iter().filter(|(_, last)| old(last)).map(|(open, _)| open),
                        );
                        self.after(
                            at + 1 < self.leaders.len(),
                            Step::Producers(at + 1),
                            Step::Ids(0),
                        )
                    }
                    Err(error) => Meaning::Again(error),
                }
            }
            (Step::Ids(at), TransactionAdminResponse::ListTransactions(response)) => {
                self.on_ids(at, response)
            }
            (Step::Partitions(at), TransactionAdminResponse::DescribeTransactions(response)) => {
                self.on_partitions(at, response)
            }
            (Step::Recheck(at), TransactionAdminResponse::DescribeProducers(_)) => {
                let Open { leader, place, producer, start, .. } = self.open[at].clone();
                match open_in(leader, &place, response) {
                    Ok(found) => {
                        let same = |it: &Open| (it.producer, it.start) == (producer, start);
                        match found.into_iter().map(|(open, _)| open).find(same) {
                            Some(open) => {
                                self.open[at] = open;
                                self.step = Step::Abort(at);
                                Meaning::GoOn
                            }
                            None => self.next_hanging(at + 1),
                        }
                    }
                    Err(error) => Meaning::Again(error),
                }
            }
            (Step::Abort(at), TransactionAdminResponse::WriteTxnMarkers(response)) => {
                let results = response.markers.iter().flat_map(|marker| &marker.topics);
                let mut codes = results.flat_map(|topic| &topic.partitions).map(|it| it.error_code);
                match codes.find_map(ErrorCode::try_from_code) {
                    None => {
                        self.aborted += 1;
                        self.next_hanging(at + 1)
                    }
                    Some(
                        error @ (ErrorCode::InvalidProducerEpoch
                        | ErrorCode::TransactionCoordinatorFenced),
                    ) => Meaning::Done(Outcome::Failed { error, partition: -1 }),
                    Some(error) => Meaning::Again(error),
                }
            }
            _ => Meaning::Again(ErrorCode::UnknownServerError),
        }
    }

    fn after(&mut self, more: bool, next: Step, then: Step) -> Meaning {
        self.step = if more { next } else { then };
        if !more && self.open.is_empty() {
            return self.done();
        }
        Meaning::GoOn
    }

    fn done(&self) -> Meaning {
        Meaning::Done(Outcome::Administered { listed: self.aborted })
    }

    fn on_leaders(&mut self, response: &MetadataResponse) -> Meaning {
        for topic in &response.topics {
            let Some(name) = topic.name.as_ref().filter(|_| topic.error_code == 0) else {
                return Meaning::Again(ErrorCode::UnknownTopicOrPartition);
            };
            for partition in &topic.partitions {
                if partition.leader_id.0 < 0 {
                    return Meaning::Again(ErrorCode::LeaderNotAvailable);
                }
                let place = (name.0.clone(), partition.partition_index);
                self.leaders.push((NodeId(partition.leader_id.0), place));
            }
        }
        if self.leaders.is_empty() {
            return self.done();
        }
        self.step = Step::Producers(0);
        Meaning::GoOn
    }

    fn on_ids(&mut self, at: usize, response: &ListTransactionsResponse) -> Meaning {
        if let Some(error) = ErrorCode::try_from_code(response.error_code) {
            return Meaning::Again(error);
        }
        let coordinator = self.brokers[at];
        for listed in &response.transaction_states {
            let id = listed.transactional_id.clone();
            self.ids.insert(listed.producer_id.0, (id, coordinator));
        }
        if at + 1 < self.brokers.len() {
            self.step = Step::Ids(at + 1);
            Meaning::GoOn
        } else if self.ids.is_empty() {
            self.next_hanging(0)
        } else {
            self.step = Step::Partitions(0);
            Meaning::GoOn
        }
    }

    fn on_partitions(&mut self, at: usize, response: &DescribeTransactionsResponse) -> Meaning {
        let Some(state) = response.transaction_states.first() else {
            return Meaning::Again(ErrorCode::UnknownServerError);
        };
        let gone = ErrorCode::TransactionalIdNotFound;
        match ErrorCode::try_from_code(state.error_code).filter(|error| *error != gone) {
            Some(error) => return Meaning::Again(error),
            None => {
                for topic in &state.topics {
                    let places = topic.partitions.iter();
                    let producer = state.producer_id.0;
                    self.listed
                        .extend(places.map(|index| (producer, topic.topic.0.clone(), *index)));
                }
            }
        }
        if at + 1 < self.ids.len() {
            self.step = Step::Partitions(at + 1);
            return Meaning::GoOn;
        }
        self.next_hanging(0)
    }

    /// The first transaction from this place on that no coordinator will end.
    fn next_hanging(&mut self, from: usize) -> Meaning {
        let hangs = |open: &Open| {
            let (topic, index) = open.place.clone();
            !self.listed.contains(&(open.producer, topic, index))
        };
        match (from..self.open.len()).find(|at| hangs(&self.open[*at])) {
            Some(at) => {
                self.step = Step::Recheck(at);
                Meaning::GoOn
            }
            None => self.done(),
        }
    }
}

fn wrapped(request: TransactionAdminRequest) -> ClientRequest {
    ClientRequest::TransactionAdmin(Box::new(request))
}

fn producers_of((topic, index): &Place) -> ClientRequest {
    let topic = ProducersOfTopicRequest::default()
        .with_name(TopicName(topic.clone()))
        .with_partition_indexes(vec![*index]);
    let request = DescribeProducersRequest::default().with_topics(vec![topic]);
    wrapped(TransactionAdminRequest::DescribeProducers(request))
}

fn abort_of(open: &Open) -> ClientRequest {
    let topic = WritableTxnMarkerTopic::default()
        .with_name(TopicName(open.place.0.clone()))
        .with_partition_indexes(vec![open.place.1]);
    let marker = WritableTxnMarker::default()
        .with_producer_id(WireProducerId(open.producer))
        .with_producer_epoch(i16::try_from(open.epoch).unwrap_or(i16::MAX))
        .with_transaction_result(false)
        .with_coordinator_epoch(open.coordinator_epoch.max(0))
        .with_topics(vec![topic]);
    let request = TxnMarkersRequest::default().with_markers(vec![marker]);
    wrapped(TransactionAdminRequest::WriteTxnMarkers(request))
}

/// What is open in a partition, each with the time of its producer's last batch.
fn open_in(
    leader: NodeId,
    place: &Place,
    response: &TransactionAdminResponse,
) -> Result<Vec<(Open, i64)>, ErrorCode> {
    let TransactionAdminResponse::DescribeProducers(response) = response else {
        return Err(ErrorCode::UnknownServerError);
    };
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let partition = partitions.next().ok_or(ErrorCode::UnknownServerError)?;
    if let Some(error) = ErrorCode::try_from_code(partition.error_code) {
        return Err(error);
    }
    let open = partition.active_producers.iter().filter(|it| it.current_txn_start_offset >= 0);
    let open = open.map(|it| {
        let open = Open {
            leader,
            place: place.clone(),
            producer: it.producer_id.0,
            epoch: it.producer_epoch,
            coordinator_epoch: it.coordinator_epoch,
            start: it.current_txn_start_offset,
        };
        (open, it.last_timestamp)
    });
    Ok(open.collect())
}
