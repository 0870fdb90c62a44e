//! A search for transactions that hang, answer by answer.

use super::hanging::Search;
use super::meaning::{Meaning, Whom};
use crate::config::topic_name;
use crate::message::{ClientRequest, ClientResponse};
use crate::node::Outcome;
use crate::proto::{
    DescribeProducersResponse, DescribeTransactionsResponse, DescribedProducer, DescribedProducers,
    DescribedTransaction, ErrorCode, ListTransactionsResponse, ListedTransaction, MetadataResponse,
    MetadataResponsePartition, MetadataResponseTopic, ProducersOfTopic, TopicInTransaction,
    TopicName, TransactionalId, TxnMarkersResponse, WireProducerId, WrittenTxnMarker,
    WrittenTxnMarkerPartition, WrittenTxnMarkerTopic,
};
use crate::transaction_admin_message::{TransactionAdminRequest, TransactionAdminResponse};
use crate::types::{NodeId, WallTime};

const NOW: WallTime = WallTime(100_000);

fn name() -> TopicName {
    TopicName(topic_name("orders"))
}

fn answer(response: TransactionAdminResponse) -> ClientResponse {
    ClientResponse::TransactionAdmin(Box::new(response))
}

/// Partition 0 of the topic is led by broker 2.
fn leaders() -> ClientResponse {
    let partition = MetadataResponsePartition::default().with_leader_id(2.into());
    let topic =
        MetadataResponseTopic::default().with_name(Some(name())).with_partitions(vec![partition]);
    ClientResponse::Metadata(Box::new(MetadataResponse::default().with_topics(vec![topic])))
}

/// Producer 7 in epoch 3, with a transaction open since this offset and a last batch at this time.
fn producers(start: i64, last: i64) -> ClientResponse {
    let producer = DescribedProducer::default()
        .with_producer_id(WireProducerId(7))
        .with_producer_epoch(3)
        .with_coordinator_epoch(-1)
        .with_last_timestamp(last)
        .with_current_txn_start_offset(start);
    let partition = DescribedProducers::default().with_active_producers(vec![producer]);
    let topic = ProducersOfTopic::default().with_name(name()).with_partitions(vec![partition]);
    let response = DescribeProducersResponse::default().with_topics(vec![topic]);
    answer(TransactionAdminResponse::DescribeProducers(response))
}

fn ids(known: bool) -> ClientResponse {
    let id = TransactionalId(topic_name("t1"));
    let listed =
        ListedTransaction::default().with_transactional_id(id).with_producer_id(WireProducerId(7));
    let states = known.then_some(listed).into_iter().collect();
    let response = ListTransactionsResponse::default().with_transaction_states(states);
    answer(TransactionAdminResponse::ListTransactions(response))
}

fn partitions(of: &[i32]) -> ClientResponse {
    let topic = TopicInTransaction::default().with_topic(name()).with_partitions(of.to_vec());
    let state = DescribedTransaction::default()
        .with_producer_id(WireProducerId(7))
        .with_topics(vec![topic]);
    let response = DescribeTransactionsResponse::default().with_transaction_states(vec![state]);
    answer(TransactionAdminResponse::DescribeTransactions(response))
}

fn written(error: i16) -> ClientResponse {
    let partition = WrittenTxnMarkerPartition::default().with_error_code(error);
    let topic = WrittenTxnMarkerTopic::default().with_name(name()).with_partitions(vec![partition]);
    let marker = WrittenTxnMarker::default().with_topics(vec![topic]);
    let response = TxnMarkersResponse::default().with_markers(vec![marker]);
    answer(TransactionAdminResponse::WriteTxnMarkers(response))
}

fn search() -> Search {
    Search::new(vec![topic_name("orders")], 5_000, &[NodeId(1), NodeId(2)])
}

/// Takes answers, after each of which there is more to do.
fn go_on(search: &mut Search, answers: &[ClientResponse]) {
    for response in answers {
        let meaning = search.take(NOW, response);
        assert!(matches!(meaning, Meaning::GoOn), "{meaning:?} after {response:?}");
    }
}

fn aborted(meaning: &Meaning) -> Option<u32> {
    if let Meaning::Done(Outcome::Administered { listed }) = meaning { Some(*listed) } else { None }
}

#[test]
fn what_no_coordinator_lists_is_aborted_where_it_is_open() {
    // It is over for its coordinator, or nobody knows its producer.
    for known in [true, false] {
        let mut search = search();
        go_on(&mut search, &[leaders(), producers(40, 90_000), ids(false), ids(known)]);
        if known {
            assert!(matches!(search.request().0, Whom::Broker(NodeId(2))), "who listed it");
            go_on(&mut search, &[partitions(&[])]);
        }
        assert!(!search.changes());
        go_on(&mut search, &[producers(40, 90_000)]);
        assert!(search.changes());
        let (whom, request) = search.request();
        assert_eq!(whom, Whom::Broker(NodeId(2)));
        let ClientRequest::TransactionAdmin(request) = request else { panic!("{request:?}") };
        let TransactionAdminRequest::WriteTxnMarkers(request) = *request else {
            panic!("{request:?}")
        };
        let [marker] = &request.markers[..] else { panic!("{request:?}") };
        let told = (marker.producer_id.0, marker.producer_epoch, marker.coordinator_epoch);
        assert_eq!((told, marker.transaction_result), ((7, 3, 0), false));
        assert_eq!(aborted(&search.take(NOW, &written(0))), Some(1));
    }
}

#[test]
fn what_a_coordinator_lists_is_left_alone() {
    let mut search = search();
    go_on(&mut search, &[leaders(), producers(40, 90_000), ids(true), ids(false)]);
    assert_eq!(aborted(&search.take(NOW, &partitions(&[0]))), Some(0));
}

#[test]
fn what_is_young_or_not_open_is_left_alone() {
    for (start, last) in [(40, 95_000), (-1, 1)] {
        let mut search = search();
        go_on(&mut search, &[leaders()]);
        assert_eq!(aborted(&search.take(NOW, &producers(start, last))), Some(0));
    }
}

#[test]
fn what_is_another_one_by_now_is_left_alone() {
    let mut search = search();
    go_on(&mut search, &[leaders(), producers(40, 90_000), ids(false), ids(false)]);
    assert_eq!(aborted(&search.take(NOW, &producers(44, 99_000))), Some(0));
}

#[test]
fn a_search_begins_anew_when_something_has_moved() {
    let mut search = search();
    go_on(&mut search, &[leaders(), producers(40, 90_000), ids(false), ids(false)]);
    go_on(&mut search, &[producers(40, 90_000)]);
    let moved = ErrorCode::NotLeaderOrFollower;
    assert!(
        matches!(search.take(NOW, &written(moved.code())), Meaning::Again(error) if error == moved)
    );
    assert!(matches!(search.request(), (Whom::Anybody, ClientRequest::Metadata(_))));
    go_on(&mut search, &[leaders(), producers(40, 90_000), ids(false), ids(false)]);
    go_on(&mut search, &[producers(40, 90_000)]);
    let fenced = ErrorCode::InvalidProducerEpoch;
    let meaning = search.take(NOW, &written(fenced.code()));
    assert!(
        matches!(meaning, Meaning::Done(Outcome::Failed { error, .. }) if error == fenced),
        "{meaning:?}"
    );
}
