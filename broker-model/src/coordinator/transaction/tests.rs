//! Tables of the coordinator: what is asked, what is written, what is answered.

use proptest::prelude::*;

use super::{
    AddAsker, AddPartitions, Asker, InitProducer, Todo, TransactionConfig, TransactionCoordinator,
};
use crate::defect::{Defects, TransactionDefect};
use crate::log::Log;
use crate::message::WriteTxnMarkersResponse;
use crate::metadata::MetadataImage;
use crate::node::Effects;
use crate::note::{TransactionNote, TransactionState};
use crate::proto::{ErrorCode, ListTransactionsRequest, StrBytes, TransactionalId, WireProducerId};
use crate::record::TransactionResult;
use crate::testing;
use crate::types::{
    LeaderEpoch, NodeId, Now, ProducerEpoch, ProducerId, Time, TopicId, TopicPartition, WallTime,
};

const ID: &str = "t1";
const PARTITION: TopicPartition = TopicPartition { topic: TopicId(3), partition: 0 };
const OTHER: TopicPartition = TopicPartition { topic: TopicId(3), partition: 1 };

struct Bench {
    coordinator: TransactionCoordinator,
    now: Now,
    next_id: i64,
    states: Vec<TransactionState>,
    asked: u64,
}

fn log() -> Log {
    testing::empty_log(PARTITION)
}

impl Bench {
    fn new(epoch_per_transaction: bool) -> Self {
        let config = TransactionConfig {
            epoch_per_transaction,
            timeout_max_ms: 60_000,
            expiration_ms: 100_000,
            check_interval_ms: 1_000,
            defects: Defects::NONE,
        };
        let now = Now { time: Time(0), wall: WallTime(0) };
        let mut coordinator = TransactionCoordinator::new(config, now.time);
        coordinator.elected(0, LeaderEpoch(7), Time(0));
        coordinator.load(now, 0, &log());
        Self { coordinator, now, next_id: 40, states: Vec::new(), asked: 0 }
    }

    /// Does what is to be done, each record with this result; the last answer to a question for partitions.
    fn run(&mut self, appended: Result<(), ErrorCode>) -> Option<Result<(), ErrorCode>> {
        let mut added = None;
        while let Some(todo) = self.coordinator.next() {
            match todo {
                Todo::Write(_, _, id) => self.coordinator.written(self.now, id, appended),
                Todo::Note(TransactionNote::StateChanged { state, .. }) => self.states.push(state),
                Todo::Added(_, result) => {
                    let refused = Err(ErrorCode::TransactionAbortable);
                    let all_in =
                        |missing: Vec<_>| if missing.is_empty() { Ok(()) } else { refused };
                    added = Some(result.and_then(all_in));
                }
                Todo::Note(_) | Todo::Exchanged(_) | Todo::Reply(..) => {}
            }
        }
        added
    }

    fn init(&mut self, expected: Option<(i64, i16)>) {
        let expected = expected.map(|(id, epoch)| (ProducerId(id), ProducerEpoch(epoch)));
        let request =
            InitProducer { transactional_id: ID.to_owned(), timeout_ms: 10_000, expected };
        let next_id = &mut self.next_id;
        let mut ids = || {
            *next_id += 1;
            Some(ProducerId(*next_id))
        };
        self.coordinator.init_producer_id(self.now, 0, &request, Asker::Nobody, &mut ids);
        self.run(Ok(()));
    }

    fn add(&mut self, producer: (i64, i16), verify_only: bool) -> Result<(), ErrorCode> {
        self.add_all(producer, verify_only, &[PARTITION], Ok(()))
    }

    /// The same for these partitions, where the record, if there is one, is appended with this result.
    fn add_all(
        &mut self,
        producer: (i64, i16),
        verify_only: bool,
        partitions: &[TopicPartition],
        appended: Result<(), ErrorCode>,
    ) -> Result<(), ErrorCode> {
        let request = AddPartitions {
            from: NodeId(1000),
            transactional_id: ID.to_owned(),
            producer: (ProducerId(producer.0), ProducerEpoch(producer.1)),
            verify_only,
            partitions: partitions.to_vec(),
        };
        self.asked += 1;
        let asker = Asker::AddPartitions(AddAsker(self.asked));
        self.coordinator.add_partitions(self.now, 0, &request, asker);
        self.run(appended).expect("every question is answered")
    }

    /// Does what is to be done; the log of these records.
    fn logged(&mut self) -> Log {
        let mut log = log();
        while let Some(todo) = self.coordinator.next() {
            if let Todo::Write(_, record, id) = todo {
                let batch = crate::coordinator::runtime::batch_of(WallTime(0), &[record]);
                log.append_as_leader(&batch, LeaderEpoch(7), -1, &mut Effects::new());
                self.coordinator.written(self.now, id, Ok(()));
            }
        }
        log
    }

    /// The partition of the log is led by this broker again, in the next epoch, and read.
    fn load_again(&mut self, log: &Log) {
        self.coordinator.elected(0, LeaderEpoch(8), self.now.time);
        self.coordinator.load(self.now, 0, log);
        self.run(Ok(()));
    }

    /// Asks for an end; the answer as one for partitions, which carries the error alone.
    fn end(&mut self, (id, epoch): (i64, i16), result: TransactionResult) -> Result<(), ErrorCode> {
        let end = ((ProducerId(id), ProducerEpoch(epoch)), result);
        let asker = Asker::AddPartitions(AddAsker(0));
        self.coordinator.end_transaction(self.now, (0, ID), end, asker, &mut || None);
        self.run(Ok(())).expect("every question is answered")
    }

    /// The leader of all partitions writes the markers.
    fn write_markers(&mut self, error: Option<ErrorCode>) {
        for sent in self.coordinator.markers_to_send(self.now, |_| Some(NodeId(2))) {
            let result = |marker: &crate::message::WritableMarker| {
                marker.partitions.iter().map(|partition| (*partition, error)).collect()
            };
            let results = sent.body.markers.iter().map(result).collect();
            let response = WriteTxnMarkersResponse { results };
            self.coordinator.markers_answered(self.now, sent.request, Some(&response));
            self.run(Ok(()));
        }
    }

    fn wait(&mut self, ms: u64) {
        self.now.time = Time(self.now.time.0 + ms * 1_000_000);
        self.now.wall.0 += ms as i64;
        self.coordinator.tick(self.now, &mut || None);
        self.run(Ok(()));
    }

    fn state(&self) -> TransactionState {
        *self.states.last().expect("a state was stated")
    }
}

#[test]
fn a_transaction_goes_from_its_first_partition_to_its_last_marker() {
    for (bumps, next) in [(false, 0), (true, 1)] {
        let mut bench = Bench::new(bumps);
        bench.init(None);
        assert_eq!(bench.add((41, 0), false), Ok(()));
        assert_eq!(bench.add((41, 0), true), Ok(()), "it is in");
        assert_eq!(bench.end((41, 0), TransactionResult::Commit), Ok(()));
        assert_eq!(bench.state(), TransactionState::PrepareCommit);
        let busy = Err(ErrorCode::ConcurrentTransactions);
        assert_eq!(bench.end((41, 0), TransactionResult::Commit), busy, "again");
        bench.write_markers(Some(ErrorCode::NotLeaderOrFollower));
        assert_eq!(bench.state(), TransactionState::PrepareCommit);
        bench.wait(200);
        bench.write_markers(None);
        assert_eq!(bench.state(), TransactionState::CompleteCommit);
        assert_eq!(bench.add((41, next), false), Ok(()), "the next one, version 2: {bumps}");
    }
}

fn listed(bench: &Bench, request: &ListTransactionsRequest) -> Vec<String> {
    let response = bench.coordinator.list(bench.now, request);
    assert_eq!(response.error_code, 0);
    let states = response.transaction_states.iter();
    let told = states.map(|it| {
        format!("{} {} {}", &*it.transactional_id, it.producer_id.0, it.transaction_state)
    });
    told.chain(response.unknown_state_filters.iter().map(ToString::to_string)).collect()
}

#[test]
fn transactions_are_listed_by_state_producer_and_age() {
    let mut bench = Bench::new(true);
    bench.init(None);
    assert_eq!(bench.add((41, 0), false), Ok(()));
    bench.wait(3_000);
    let all = ListTransactionsRequest::default().with_duration_filter(-1);
    let ongoing = ["t1 41 Ongoing".to_owned()];
    assert_eq!(listed(&bench, &all), ongoing);
    let states = |states: &[&'static str]| {
        let filters = states.iter().map(|state| StrBytes::from_static_str(state));
        all.clone().with_state_filters(filters.collect())
    };
    assert_eq!(listed(&bench, &states(&["Empty", "Ongoing"])), ongoing);
    assert_eq!(listed(&bench, &states(&["Nonsense"])), ["Nonsense"]);
    let of = |producer| all.clone().with_producer_id_filters(vec![WireProducerId(producer)]);
    assert_eq!(listed(&bench, &of(41)), ongoing);
    assert_eq!(listed(&bench, &of(42)), [""; 0]);
    assert_eq!(listed(&bench, &all.clone().with_duration_filter(2_999)), ongoing);
    assert_eq!(listed(&bench, &all.clone().with_duration_filter(3_000)), [""; 0]);
    bench.coordinator.elected(1, LeaderEpoch(1), bench.now.time);
    let loading = bench.coordinator.list(bench.now, &all);
    assert_eq!(loading.error_code, ErrorCode::CoordinatorLoadInProgress.code());
}

#[test]
fn a_transaction_is_told_with_its_partitions() {
    let mut bench = Bench::new(true);
    bench.init(None);
    assert_eq!(bench.add((41, 0), false), Ok(()));
    let mut image = MetadataImage::default();
    image.topic_ids.insert("orders".to_owned(), PARTITION.topic);
    let id = |id: &'static str| TransactionalId(StrBytes::from_static_str(id));
    let told = bench.coordinator.describe((&id(ID), 0), &image);
    let state = (told.error_code, told.producer_id.0, told.producer_epoch);
    assert_eq!((state, &*told.transaction_state), ((0, 41, 0), "Ongoing"));
    assert_eq!(told.transaction_timeout_ms, 10_000);
    let [topic] = &told.topics[..] else { panic!("{told:?}") };
    assert_eq!((&*topic.topic.0, &topic.partitions[..]), ("orders", &[0][..]));
    for (asked, partition, error) in [
        ("", 0, ErrorCode::InvalidRequest),
        ("t2", 0, ErrorCode::TransactionalIdNotFound),
        (ID, 1, ErrorCode::NotCoordinator),
    ] {
        let told = bench.coordinator.describe((&id(asked), partition), &image);
        assert_eq!(told.error_code, error.code(), "{asked} in {partition}");
    }
}

/// The table of `TransactionCoordinator.endTransaction`: what an id that rests at epoch 1 accepts.
#[test]
fn what_rests_accepts_ends_as_kafkas_table_says() {
    use TransactionResult::{Abort, Commit};
    let (ok, fenced) = (Ok(()), Err(ErrorCode::ProducerFenced));
    let invalid = Err(ErrorCode::InvalidTxnState);
    // (how the transaction before ended, how this one is to, epoch) -> (with version 2, before)
    let table = [
        (Commit, Commit, 0, ok, ok),
        (Commit, Commit, 1, invalid, fenced),
        (Commit, Abort, 0, invalid, invalid),
        (Commit, Abort, 1, ok, fenced),
        (Abort, Abort, 0, ok, ok),
        (Abort, Abort, 1, ok, fenced),
        (Abort, Commit, 0, invalid, invalid),
        (Abort, Commit, 1, invalid, fenced),
    ];
    for (before, asked, epoch, with, without) in table {
        for (bumps, expected) in [(true, with), (false, without)] {
            let mut bench = Bench::new(bumps);
            bench.init(None);
            bench.add((41, 0), false).expect("it is the producer");
            bench.end((41, 0), before).expect("it is going on");
            bench.write_markers(None);
            let found = bench.end((41, epoch), asked);
            assert_eq!(found, expected, "{before:?}, {asked:?} in {epoch}, version 2: {bumps}");
        }
    }
}

#[test]
fn a_second_producer_fences_the_first_and_aborts_its_transaction() {
    let mut bench = Bench::new(true);
    bench.init(None);
    bench.add((41, 0), false).expect("it is the producer");
    bench.init(None);
    assert_eq!(bench.state(), TransactionState::PrepareAbort);
    let busy = Err(ErrorCode::ConcurrentTransactions);
    assert_eq!(bench.end((41, 0), TransactionResult::Abort), busy, "a retry by its epoch");
    assert_eq!(bench.end((41, 0), TransactionResult::Commit), Err(ErrorCode::InvalidTxnState));
    bench.write_markers(None);
    bench.init(None);
    assert_eq!(bench.state(), TransactionState::Empty);
    assert_eq!(bench.add((41, 0), false), Err(ErrorCode::ProducerFenced));
    assert_eq!(bench.add((40, 2), false), Err(ErrorCode::InvalidProducerIdMapping));
    assert_eq!(bench.add((41, 2), false), Ok(()));
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_in_an_epoch_of_nobody() {
    for bumps in [false, true] {
        let mut bench = Bench::new(bumps);
        bench.init(None);
        bench.add((41, 0), false).expect("it is the producer");
        bench.wait(10_000);
        assert_eq!(bench.state(), TransactionState::Ongoing);
        bench.wait(1_001);
        assert_eq!(bench.state(), TransactionState::PrepareAbort);
        bench.write_markers(None);
        assert_eq!(bench.state(), TransactionState::CompleteAbort);
        assert_eq!(bench.add((41, 0), false), Err(ErrorCode::ProducerFenced));
        bench.init(Some((41, 0)));
        let goes_on = bench.state() == TransactionState::Empty;
        assert_eq!(goes_on, bumps, "KIP-360 knows the epoch before, version 2: {bumps}");
    }
}

#[test]
fn a_new_coordinator_sends_the_markers_of_what_was_decided() {
    use TransactionResult::{Abort, Commit};
    for (result, decided, complete) in [
        (Commit, TransactionState::PrepareCommit, TransactionState::CompleteCommit),
        (Abort, TransactionState::PrepareAbort, TransactionState::CompleteAbort),
    ] {
        let mut bench = Bench::new(true);
        bench.init(None);
        bench.add((41, 0), false).expect("it is the producer");
        let mut log = log();
        let end = ((ProducerId(41), ProducerEpoch(0)), result);
        bench.coordinator.end_transaction(bench.now, (0, ID), end, Asker::Nobody, &mut || None);
        while let Some(todo) = bench.coordinator.next() {
            if let Todo::Write(_, record, _) = todo {
                let batch = crate::coordinator::runtime::batch_of(WallTime(0), &[record]);
                log.append_as_leader(&batch, LeaderEpoch(7), -1, &mut Effects::new());
            }
        }
        let mut next = Bench::new(true);
        next.coordinator.elected(0, LeaderEpoch(8), Time(0));
        assert_eq!(next.add((41, 1), true), Err(ErrorCode::CoordinatorLoadInProgress));
        next.coordinator.load(next.now, 0, &log);
        next.run(Ok(()));
        assert_eq!(next.state(), decided);
        next.write_markers(None);
        assert_eq!(next.state(), complete);
    }
}

/// A transaction of both partitions whose end is decided.
fn decided() -> Bench {
    let mut bench = Bench::new(true);
    bench.init(None);
    assert_eq!(bench.add_all((41, 0), false, &[PARTITION, OTHER], Ok(())), Ok(()));
    assert_eq!(bench.end((41, 0), TransactionResult::Commit), Ok(()));
    bench
}

#[test]
fn markers_whose_answer_is_lost_are_sent_again() {
    let mut bench = decided();
    for sent in bench.coordinator.markers_to_send(bench.now, |_| Some(NodeId(2))) {
        bench.coordinator.markers_answered(bench.now, sent.request, None);
    }
    bench.run(Ok(()));
    assert_eq!(bench.state(), TransactionState::PrepareCommit, "they may not be written");
    bench.wait(200);
    bench.write_markers(None);
    assert_eq!(bench.state(), TransactionState::CompleteCommit);
}

#[test]
fn a_partition_without_a_leader_gets_its_marker_when_it_has_one() {
    let mut bench = decided();
    let led = |partition| (partition == PARTITION).then_some(NodeId(2));
    for sent in bench.coordinator.markers_to_send(bench.now, led) {
        let results = vec![vec![(PARTITION, None)]];
        let written = WriteTxnMarkersResponse { results };
        bench.coordinator.markers_answered(bench.now, sent.request, Some(&written));
    }
    bench.run(Ok(()));
    assert_eq!(bench.state(), TransactionState::PrepareCommit, "one of two is written");
    bench.wait(200);
    let sent = bench.coordinator.markers_to_send(bench.now, |_| Some(NodeId(3)));
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].body.markers[0].partitions, [OTHER]);
    let written = WriteTxnMarkersResponse { results: vec![vec![(OTHER, None)]] };
    bench.coordinator.markers_answered(bench.now, sent[0].request, Some(&written));
    bench.run(Ok(()));
    assert_eq!(bench.state(), TransactionState::CompleteCommit);
}

#[test]
fn a_partition_of_a_deleted_topic_needs_no_marker() {
    let mut bench = decided();
    let sent = bench.coordinator.markers_to_send(bench.now, |_| Some(NodeId(2)));
    let gone = |partition| partition == OTHER;
    bench.coordinator.skip_deleted(bench.now, gone);
    bench.run(Ok(()));
    assert_eq!(bench.state(), TransactionState::PrepareCommit, "its answer is on the way");
    let unknown = (OTHER, Some(ErrorCode::UnknownTopicOrPartition));
    let written = WriteTxnMarkersResponse { results: vec![vec![(PARTITION, None), unknown]] };
    bench.coordinator.markers_answered(bench.now, sent[0].request, Some(&written));
    bench.coordinator.skip_deleted(bench.now, |_| false);
    bench.run(Ok(()));
    assert_eq!(bench.state(), TransactionState::PrepareCommit, "it may have a leader again");
    bench.coordinator.skip_deleted(bench.now, gone);
    bench.run(Ok(()));
    assert_eq!(bench.state(), TransactionState::CompleteCommit);
}

/// KAFKA-9777: all markers are there, and nothing else would ever end the transaction.
#[test]
fn an_end_that_cannot_be_written_is_written_again() {
    for error in [ErrorCode::NotEnoughReplicas, ErrorCode::RequestTimedOut] {
        let mut bench = decided();
        for sent in bench.coordinator.markers_to_send(bench.now, |_| Some(NodeId(2))) {
            let results = vec![vec![(PARTITION, None), (OTHER, None)]];
            let written = WriteTxnMarkersResponse { results };
            bench.coordinator.markers_answered(bench.now, sent.request, Some(&written));
        }
        bench.run(Err(error));
        assert_eq!(bench.state(), TransactionState::PrepareCommit, "{error}");
        bench.wait(200);
        assert!(bench.coordinator.markers_to_send(bench.now, |_| None).is_empty(), "{error}");
        bench.run(Ok(()));
        assert_eq!(bench.state(), TransactionState::CompleteCommit, "{error}");
    }
}

#[test]
fn a_coordinator_that_is_deposed_serves_nobody() {
    let mut bench = Bench::new(true);
    bench.init(None);
    assert_eq!(bench.add((41, 0), false), Ok(()));
    bench.coordinator.resigned(0, LeaderEpoch(7));
    assert_eq!(bench.add((41, 0), true), Ok(()), "it was elected in that epoch");
    bench.coordinator.resigned(0, LeaderEpoch(8));
    let elsewhere = Err(ErrorCode::NotCoordinator);
    assert_eq!(bench.add((41, 0), true), elsewhere);
    assert_eq!(bench.end((41, 0), TransactionResult::Commit), elsewhere);
}

#[test]
fn each_transaction_has_its_whole_timeout() {
    for (bumps, next) in [(false, 0), (true, 1)] {
        let mut bench = Bench::new(bumps);
        bench.init(None);
        assert_eq!(bench.add((41, 0), false), Ok(()));
        assert_eq!(bench.end((41, 0), TransactionResult::Commit), Ok(()));
        bench.write_markers(None);
        bench.wait(9_000);
        assert_eq!(bench.add((41, next), false), Ok(()), "the next transaction");
        bench.wait(9_000);
        assert_eq!(bench.state(), TransactionState::Ongoing, "version 2: {bumps}");
        bench.wait(2_000);
        assert_eq!(bench.state(), TransactionState::PrepareAbort, "version 2: {bumps}");
    }
}

#[test]
fn a_new_coordinator_aborts_what_takes_too_long_since_it_began() {
    let mut bench = Bench::new(true);
    bench.init(None);
    bench.wait(5_000);
    let request = AddPartitions {
        from: NodeId(1000),
        transactional_id: ID.to_owned(),
        producer: (ProducerId(41), ProducerEpoch(0)),
        verify_only: false,
        partitions: vec![PARTITION],
    };
    bench.coordinator.add_partitions(bench.now, 0, &request, Asker::AddPartitions(AddAsker(9)));
    let log = bench.logged();
    let mut next = Bench::new(true);
    next.wait(13_000);
    next.load_again(&log);
    assert_eq!(next.state(), TransactionState::Ongoing);
    next.wait(2_000);
    assert_eq!(next.state(), TransactionState::Ongoing, "10 s after it began");
    next.wait(1_000);
    assert_eq!(next.state(), TransactionState::PrepareAbort);
}

#[test]
fn an_answer_about_markers_counts_in_the_epoch_that_sent_them() {
    let mut bench = Bench::new(true);
    bench.init(None);
    assert_eq!(bench.add((41, 0), false), Ok(()));
    let end = ((ProducerId(41), ProducerEpoch(0)), TransactionResult::Commit);
    bench.coordinator.end_transaction(bench.now, (0, ID), end, Asker::Nobody, &mut || None);
    let log = bench.logged();
    let send = |bench: &mut Bench| {
        let mut sent = bench.coordinator.markers_to_send(bench.now, |_| Some(NodeId(2)));
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0).request
    };
    let written = WriteTxnMarkersResponse { results: vec![vec![(PARTITION, None)]] };
    let old = send(&mut bench);
    bench.load_again(&log);
    let new = send(&mut bench);
    bench.coordinator.markers_answered(bench.now, old, Some(&written));
    bench.run(Ok(()));
    assert_eq!(bench.state(), TransactionState::PrepareCommit, "the older epoch's");
    bench.coordinator.markers_answered(bench.now, new, Some(&written));
    bench.run(Ok(()));
    assert_eq!(bench.state(), TransactionState::CompleteCommit);
}

#[test]
fn a_partition_whose_record_failed_is_not_in_the_transaction() {
    let mut bench = Bench::new(true);
    bench.init(None);
    assert_eq!(bench.add((41, 0), false), Ok(()));
    let refused = bench.add_all((41, 0), false, &[OTHER], Err(ErrorCode::NotEnoughReplicas));
    assert_eq!(refused, Err(ErrorCode::CoordinatorNotAvailable));
    let missing = Err(ErrorCode::TransactionAbortable);
    assert_eq!(bench.add_all((41, 0), true, &[OTHER], Ok(())), missing, "it is not in");
    assert_eq!(bench.add((41, 0), true), Ok(()), "the one before is");
    assert_eq!(bench.add_all((41, 0), false, &[OTHER], Ok(())), Ok(()), "asked again");
    assert_eq!(bench.add_all((41, 0), true, &[OTHER], Ok(())), Ok(()));
}

#[test]
fn partitions_that_come_with_one_that_is_in_are_registered_too() {
    let mut bench = Bench::new(false);
    bench.init(None);
    assert_eq!(bench.add((41, 0), false), Ok(()));
    let both = [PARTITION, OTHER];
    let failed = bench.add_all((41, 0), false, &both, Err(ErrorCode::NotEnoughReplicas));
    assert_eq!(failed, Err(ErrorCode::CoordinatorNotAvailable), "a record is written");
    assert_eq!(bench.add_all((41, 0), false, &both, Ok(())), Ok(()));
    assert_eq!(bench.add_all((41, 0), true, &both, Ok(())), Ok(()), "both are in");
}

/// In version 1 the epoch does not tell that the transaction is over.
#[test]
fn nothing_verifies_once_the_end_is_decided() {
    use TransactionResult::{Abort, Commit};
    for result in [Commit, Abort] {
        let mut bench = Bench::new(false);
        bench.init(None);
        assert_eq!(bench.add((41, 0), false), Ok(()));
        assert_eq!(bench.end((41, 0), result), Ok(()));
        let busy = Err(ErrorCode::ConcurrentTransactions);
        assert_eq!(bench.add((41, 0), true), busy, "{result:?} is decided");
        bench.write_markers(None);
        let missing = Err(ErrorCode::TransactionAbortable);
        assert_eq!(bench.add((41, 0), true), missing, "{result:?} is complete");
    }
}

#[test]
fn an_id_that_nobody_uses_is_forgotten() {
    let mut bench = Bench::new(true);
    bench.init(None);
    bench.wait(99_999);
    assert_eq!(bench.state(), TransactionState::Empty);
    bench.wait(1_001);
    assert_eq!(bench.state(), TransactionState::Dead);
    assert_eq!(bench.add((41, 0), true), Err(ErrorCode::InvalidProducerIdMapping));
}

#[test]
fn an_append_that_fails_or_takes_too_long_changes_nothing() {
    for error in [ErrorCode::NotEnoughReplicas, ErrorCode::RequestTimedOut] {
        let mut bench = Bench::new(true);
        bench.init(None);
        bench.add((41, 0), false).expect("it is the producer");
        let end = ((ProducerId(41), ProducerEpoch(0)), TransactionResult::Commit);
        let asker = Asker::AddPartitions(AddAsker(9));
        bench.coordinator.end_transaction(bench.now, (0, ID), end, asker, &mut || None);
        let refused = bench.run(Err(error));
        assert_eq!(refused, Some(Err(ErrorCode::CoordinatorNotAvailable)), "{error}");
        assert_eq!(bench.coordinator.completing(), 0, "{error}");
        assert_eq!(bench.end((41, 0), TransactionResult::Abort), Ok(()), "{error}");
    }
}

/// A decision that was not committed in time may be yet: nobody decides otherwise meanwhile.
#[test]
fn a_decision_that_is_late_stands_once_it_is_committed() {
    let kafka: Defects = [TransactionDefect::LateDecisionForgotten].into_iter().collect();
    for defects in [Defects::NONE, kafka] {
        let mut bench = Bench::new(true);
        bench.coordinator.config.defects = defects;
        bench.init(None);
        bench.add((41, 0), false).expect("it is the producer");
        let end = ((ProducerId(41), ProducerEpoch(0)), TransactionResult::Commit);
        let asker = Asker::AddPartitions(AddAsker(9));
        bench.coordinator.end_transaction(bench.now, (0, ID), end, asker, &mut || None);
        let todo = std::iter::from_fn(|| bench.coordinator.next());
        let ids =
            todo.filter_map(|it| if let Todo::Write(_, _, id) = it { Some(id) } else { None });
        let late = ids.last().expect("the decision is written");
        let waits = bench.coordinator.overdue(late);
        assert_eq!(waits, defects == Defects::NONE);
        if !waits {
            bench.coordinator.written(bench.now, late, Err(ErrorCode::RequestTimedOut));
        }
        assert_eq!(bench.run(Ok(())), Some(Err(ErrorCode::CoordinatorNotAvailable)));
        let told = if waits { Err(ErrorCode::ConcurrentTransactions) } else { Ok(()) };
        assert_eq!(bench.end((41, 0), TransactionResult::Abort), told, "{defects:?}");
        bench.coordinator.written(bench.now, late, Ok(()));
        bench.run(Ok(()));
        let decided =
            if waits { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort };
        assert_eq!(bench.state(), decided, "{defects:?}");
    }
}

/// What anybody may send: ids, epochs and ends that are not the producer's.
#[expect(clippy::disallowed_types, reason = "proptest's macro shares its strategies by Arc")]
fn foreign() -> impl Strategy<Value = ((i64, i16), u8)> {
    let (ids, epochs) = (prop_oneof![Just(41_i64), Just(40), -1_i64..60], -1_i16..4);
    ((ids, epochs), 0_u8..4)
}

proptest! {
    /// Stale epochs, foreign ids and ends out of order are refused with Kafka's errors, and change nothing; what is the
    /// producer's own is judged by the tables above.
    #[test]
    fn what_is_not_the_producers_changes_nothing(
        bumps in any::<bool>(),
        ongoing in any::<bool>(),
        asked in prop::collection::vec(foreign(), 1..20),
    ) {
        let mut bench = Bench::new(bumps);
        bench.init(None);
        if ongoing {
            bench.add((41, 0), false).expect("it is the producer");
        }
        let before = (bench.states.len(), format!("{:?}", bench.coordinator.contexts));
        for ((id, epoch), what) in asked.into_iter().filter(|((id, epoch), _)| (*id, *epoch) != (41, 0)) {
            let answer = match what {
                0 => bench.add((id, epoch), false),
                1 => bench.add((id, epoch), true),
                2 => bench.end((id, epoch), TransactionResult::Commit),
                _ => bench.end((id, epoch), TransactionResult::Abort),
            };
            let expected = if id == 41 {
                ErrorCode::ProducerFenced
            } else {
                ErrorCode::InvalidProducerIdMapping
            };
            prop_assert_eq!(answer, Err(expected), "{} {} {}", id, epoch, what);
            let after = (bench.states.len(), format!("{:?}", bench.coordinator.contexts));
            prop_assert_eq!(&after, &before, "{} {} {}", id, epoch, what);
        }
    }
}
