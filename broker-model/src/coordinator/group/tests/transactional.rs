//! Offsets within transactions: they count with their marker, and only members of the present generation commit them.

use super::super::records::Place;
use super::{Bench, EPOCH, caller};
use crate::config::topic_name;
use crate::message::{ClientResponse, ResponseBody};
use crate::node::Effects;
use crate::proto::{
    ErrorCode, GroupId, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
    TopicName, TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
};
use crate::record::{TransactionMarker, TransactionResult};
use crate::types::{ProducerEpoch, ProducerId};

const PRODUCER: ProducerId = ProducerId(40);

/// Deletes what offsets belong to.
type Deletion = fn(&mut Bench);

impl Bench {
    fn commit_in_txn(&mut self, member: &str, generation: i32, offset: i64) -> Option<i16> {
        let partition = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(0)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(-1);
        let topic = TxnOffsetCommitRequestTopic::default()
            .with_name(TopicName(topic_name("orders")))
            .with_partitions(vec![partition]);
        let request = TxnOffsetCommitRequest::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_transactional_id(topic_name("t1").into())
            .with_producer_id(PRODUCER.0.into())
            .with_producer_epoch(0)
            .with_member_id(topic_name(member))
            .with_generation_id(generation)
            .with_topics(vec![topic]);
        let (at, known) = ((0, &request), |_: &TopicName, _: i32| true);
        self.groups.commit_in_transaction(self.now, caller(93), at, Ok(None), known);
        self.run();
        self.txn_commit_told()
    }

    fn txn_commit_told(&mut self) -> Option<i16> {
        let ResponseBody::Client(ClientResponse::TxnOffsetCommit(response)) = self.answer(93)?
        else {
            return None;
        };
        Some(response.topics[0].partitions[0].error_code)
    }

    fn mark(&mut self, result: TransactionResult) {
        let marker = TransactionMarker {
            producer_id: PRODUCER,
            producer_epoch: ProducerEpoch(0),
            result,
            coordinator_epoch: EPOCH,
        };
        let batch = marker.batch(self.now.wall);
        self.log.append_as_leader(&batch, EPOCH, 1, &mut Effects::new());
        self.commit_all();
    }

    /// What a member is told that asks where to go on: an offset, or an error.
    fn stable(&mut self) -> Result<i64, i16> {
        let topics = OffsetFetchRequestTopics::default()
            .with_name(TopicName(topic_name("orders")))
            .with_partition_indexes(vec![0]);
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(topic_name("g")))
            .with_topics(Some(vec![topics]));
        let request =
            OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(true);
        self.groups.fetch_offsets(self.now, (caller(94), false), |_| 0, &request);
        self.run();
        let Some(ResponseBody::Client(ClientResponse::OffsetFetch(response))) = self.answer(94)
        else {
            panic!("none")
        };
        let partition = &response.groups[0].topics[0].partitions[0];
        match partition.error_code {
            0 => Ok(partition.committed_offset),
            error => Err(error),
        }
    }
}

#[test]
fn offsets_of_a_transaction_count_with_its_commit_marker() {
    let unstable = Err(ErrorCode::UnstableOffsetCommit.code());
    for (result, then) in [(TransactionResult::Commit, 20), (TransactionResult::Abort, 10)] {
        let mut bench = Bench::new(&[]);
        let (one, _) = bench.two_members();
        assert_eq!(bench.commit(&one, 1, 10), Some(0));
        assert_eq!(bench.commit_in_txn(&one, 1, 20), Some(0));
        assert_eq!((bench.committed(), bench.stable()), (10, unstable), "it is open");
        bench.mark(result);
        assert_eq!((bench.committed(), bench.stable()), (then, Ok(then)), "{result:?}");
        bench.fail_over();
        assert_eq!(bench.stable(), Ok(then), "its successor says the same");
    }
}

#[test]
fn an_open_transaction_is_open_for_the_next_coordinator() {
    let mut bench = Bench::new(&[]);
    let (one, _) = bench.two_members();
    assert_eq!(bench.commit_in_txn(&one, 1, 20), Some(0));
    bench.fail_over();
    assert_eq!(bench.stable(), Err(ErrorCode::UnstableOffsetCommit.code()));
    bench.mark(TransactionResult::Commit);
    assert_eq!(bench.stable(), Ok(20));
}

#[test]
fn of_two_commits_the_later_record_counts_whenever_the_marker_comes() {
    let mut bench = Bench::new(&[]);
    let (one, _) = bench.two_members();
    assert_eq!(bench.commit_in_txn(&one, 1, 20), Some(0));
    assert_eq!(bench.commit(&one, 1, 15), Some(0));
    bench.mark(TransactionResult::Commit);
    assert_eq!(bench.committed(), 15);
}

/// KIP-447: who is no member of the present generation commits nothing, and what is known stays as it was.
#[test]
fn who_is_no_member_any_more_commits_nothing() {
    let (illegal, unknown) =
        (ErrorCode::IllegalGeneration.code(), ErrorCode::UnknownMemberId.code());
    let mut bench = Bench::new(&[]);
    let (one, _) = bench.two_members();
    let table = [
        (one.as_str(), 0, Some(illegal)),
        (one.as_str(), 2, Some(illegal)),
        ("nobody", 1, Some(unknown)),
        ("", 1, Some(unknown)),
        (one.as_str(), -1, Some(illegal)),
    ];
    for (member, generation, expected) in table {
        let place: Place = ("orders".to_owned(), 0);
        assert_eq!(bench.commit_in_txn(member, generation, 9), expected, "{member} {generation}");
        let context = bench.groups.runtime.active(0).expect("it is loaded");
        assert!(!context.written().is_pending("g", &place), "{member} {generation}");
    }
    assert_eq!(bench.commit_in_txn("", -1, 9), Some(0), "who names nothing is taken at its word");
}

/// What is written stays in the log: it is committed by the next coordinator, or is not.
#[test]
fn offsets_of_a_transaction_that_are_not_known_to_be_committed_are_answered_with_an_error() {
    let unavailable = ErrorCode::CoordinatorNotAvailable.code();
    let mut bench = Bench::new(&[]);
    bench.writes = false;
    assert_eq!(bench.commit_in_txn("", -1, 9), Some(unavailable), "they are not written");
    for (moves, error) in [(false, unavailable), (true, ErrorCode::NotCoordinator.code())] {
        let mut bench = Bench::new(&[]);
        bench.commits = false;
        assert_eq!(bench.commit_in_txn("", -1, 9), None, "they are not committed");
        if moves {
            bench.groups.resigned(bench.now, 0, EPOCH.next());
            bench.run();
        } else {
            bench.advance(5_100);
        }
        assert_eq!(bench.txn_commit_told(), Some(error), "another one coordinates: {moves}");
    }
}

#[test]
fn what_a_transaction_wants_to_commit_goes_with_its_group_or_topic() {
    let delete_group = |bench: &mut Bench| {
        bench.groups.delete_groups(caller(80), &[(GroupId(topic_name("g")), 0)]);
    };
    let delete_topic = |bench: &mut Bench| bench.groups.topics_deleted(&["orders".to_owned()]);
    let table: [(&str, Deletion); 2] = [("group", delete_group), ("topic", delete_topic)];
    for (what, delete) in table {
        for commits_before in [false, true] {
            let mut bench = Bench::new(&[]);
            if commits_before {
                assert_eq!(bench.commit("", -1, 10), Some(0));
            }
            assert_eq!(bench.commit_in_txn("", -1, 20), Some(0));
            delete(&mut bench);
            bench.run();
            bench.mark(TransactionResult::Commit);
            assert_eq!(bench.committed(), -1, "{what}, commits before: {commits_before}");
            bench.fail_over();
            assert_eq!(bench.committed(), -1, "{what}, commits before: {commits_before}");
        }
    }
}

/// Offsets are kept for 5,000 ms. The tombstone would take along what the transaction is about to commit.
#[test]
fn nothing_expires_where_a_transaction_wants_to_commit() {
    let mut bench = Bench::new(&[]);
    assert_eq!(bench.commit("", -1, 10), Some(0));
    bench.advance(4_000);
    assert_eq!(bench.commit_in_txn("", -1, 20), Some(0));
    bench.advance(1_100);
    bench.groups.expire_offsets(bench.now);
    bench.run();
    assert_eq!(bench.committed(), 10, "it is 5,100 ms old");
    bench.mark(TransactionResult::Commit);
    assert_eq!(bench.committed(), 20);
    bench.advance(4_000);
    bench.groups.expire_offsets(bench.now);
    bench.run();
    assert_eq!(bench.committed(), -1, "no transaction is open");
}
