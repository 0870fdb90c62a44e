//! What a replica answers consumers.

use super::*;
use crate::defect::ConsumerDefect;
use crate::disk_image::FileId;
use crate::record::{TransactionMarker, TransactionResult};

#[test]
fn a_consumer_is_told_where_the_logs_part_before_it_is_out_of_range() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    bench.copy(1, 2, 2);
    bench.register(&registration(1, 3, 2, &[1, 2]));
    let parts = EpochEnd { epoch: LeaderEpoch(1), end_offset: Offset(2) };
    let at = |offset, last| {
        bench.partition.consumer_fetch(LeaderEpoch(3), Offset(offset), LeaderEpoch(last), ALL)
    };
    assert_eq!(at(5, 2).expect("beyond the end, and of another log").diverging, Some(parts));
    assert_eq!(at(5, -1), Err(ErrorCode::OffsetOutOfRange), "beyond the end, no epoch told");
    assert_eq!(at(5, 9), Err(ErrorCode::OffsetOutOfRange), "an epoch that nobody knows");
}

#[test]
fn the_earliest_offset_comes_with_the_epoch_that_begins_there() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(1, 4, 1, &[1, 2]));
    let earliest = bench.partition.earliest_offset(LeaderEpoch(4));
    assert_eq!(earliest, Ok((Offset(0), LeaderEpoch(4))), "the leader's own, from the log's end");
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    bench.copy(1, 2, 2);
    bench.register(&registration(1, 3, 2, &[1, 2]));
    let earliest = bench.partition.earliest_offset(LeaderEpoch(3));
    assert_eq!(earliest, Ok((Offset(0), LeaderEpoch(1))));
}

#[test]
fn the_end_offset_is_not_told_before_the_watermark_reaches_the_epoch() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    bench.copy(1, 3, 1);
    bench.register(&registration(1, 2, 2, &[1, 2]));
    assert_eq!(
        bench.partition.latest_offset(LeaderEpoch(2), ALL.1),
        Err(ErrorCode::OffsetNotAvailable)
    );
    bench.fetch_in(2, 2, 3, 1);
    assert_eq!(bench.partition.latest_offset(LeaderEpoch(2), ALL.1), Ok(Offset(3)));
}

#[test]
fn consumers_read_below_the_high_watermark_only() {
    let mut bench = Bench::leading(&[], &[1, 2]);
    bench.produce(&batch(-1, 0));
    let read = bench.partition.consumer_fetch(LeaderEpoch(1), Offset(0), LeaderEpoch::NONE, ALL);
    assert!(read.expect("in range").batches.is_empty());
    bench.fetch(2, 1);
    let read = bench.partition.consumer_fetch(LeaderEpoch(1), Offset(0), LeaderEpoch::NONE, ALL);
    assert_eq!(read.expect("in range").batches.len(), 1);
    let beyond = bench.partition.consumer_fetch(LeaderEpoch(1), Offset(5), LeaderEpoch::NONE, ALL);
    assert_eq!(beyond, Err(ErrorCode::OffsetOutOfRange));
}

#[test]
fn a_follower_serves_consumers_up_to_its_own_high_watermark() {
    let to_end = ConsumerDefect::FollowerReadsToEnd.into();
    for (defects, count) in [(&[][..], 1), (&[to_end][..], 3)] {
        let mut bench = Bench::new(defects);
        bench.register(&registration(2, 1, 1, &[1, 2]));
        bench.copy(1, 3, 1);
        let read = |epoch, offset| {
            let none = LeaderEpoch::NONE;
            bench.partition.consumer_fetch(LeaderEpoch(epoch), Offset(offset), none, ALL)
        };
        assert_eq!(read(1, 0).expect("in range").batches.len(), count, "{defects:?}");
        assert!(read(1, 3).expect("it is the log end").batches.is_empty());
        assert_eq!(read(1, 4), Err(ErrorCode::OffsetOutOfRange));
        assert_eq!(read(2, 0), Err(ErrorCode::UnknownLeaderEpoch));
        assert_eq!(read(0, 0), Err(ErrorCode::FencedLeaderEpoch));
        assert_eq!(bench.partition.read_replicas(Offset(0)), [], "only leaders send elsewhere");
    }
}

#[test]
fn consumers_are_sent_to_replicas_in_sync_that_have_the_offset() {
    let anybody = ConsumerDefect::PreferredOutOfIsr.into();
    for (defects, lagging) in [(&[][..], &[2][..]), (&[anybody][..], &[2, 3])] {
        let mut bench = Bench::leading(defects, &[1, 2]);
        for _ in 0..2 {
            bench.produce(&batch(-1, 0));
        }
        bench.fetch(3, 1);
        bench.fetch(2, 2);
        let near = |offset| {
            let replicas = bench.partition.read_replicas(Offset(offset));
            let mut near: Vec<i32> = replicas.iter().map(|it| it.replica.0).collect();
            near.sort_unstable();
            near
        };
        assert_eq!(near(1), lagging, "{defects:?}");
        assert_eq!(near(2), [2]);
        assert!(near(3).is_empty());
    }
}

#[test]
fn what_is_behind_a_torn_tail_is_answered_with_an_error() {
    let whole = batch(-1, 0).with_assignment(Offset::ZERO, LeaderEpoch(1));
    let torn = Bytes::from([&whole.bytes()[..], &whole.bytes()[..30]].concat());
    let file = FileId::Segment { partition: ID, base_offset: Offset::ZERO };
    let image = DiskImage::of([(file, torn)].into_iter().collect());
    let mut bench = Bench::on_disk(&[LogDefect::MarkerDeletionNotSynced.into()], &image);
    bench.min_insync_replicas = 1;
    bench.register(&registration(1, 1, 1, &[1]));
    assert!(matches!(bench.produce(&batch(-1, 0)), ProduceOutcome::Acknowledged(_)));
    let read = |bench: &Bench, offset| {
        bench.partition.consumer_fetch(LeaderEpoch(1), Offset(offset), LeaderEpoch::NONE, ALL)
    };
    assert_eq!(read(&bench, 0).expect("before it").batches.len(), 1);
    assert_eq!(read(&bench, 1), Err(ErrorCode::CorruptMessage));
    assert_eq!(read(&bench, 2).expect("at the end").batches, []);
    assert_eq!(bench.fetch(2, 1).error, Some(ClusterError::CorruptMessage));
}

/// A batch of records at these times.
fn at_times(times: &[i64]) -> RecordBatch {
    let none = (ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    let mut builder = RecordBatchBuilder::new(none.0, none.1, none.2);
    for time in times {
        builder.push(WallTime(*time), None, Some(Bytes::from_static(b"value")));
    }
    builder.build()
}

#[test]
fn the_first_record_that_is_as_late_is_told_for_a_time() {
    let mut bench = Bench::leading(&[], &[1, 2]);
    bench.produce(&at_times(&[100, 300, 200]));
    bench.produce(&at_times(&[250, 400]));
    bench.fetch(2, 5);
    bench.produce(&at_times(&[900]));
    let asked = |bench: &Bench, asked| {
        let found = bench.partition.offset_for_time(LeaderEpoch(1), asked, ALL.1);
        found.map(|found| found.map(|it| (it.timestamp.0, it.offset.0, it.leader_epoch.0)))
    };
    let table = [
        (0, Some((100, 0, 1))),
        (100, Some((100, 0, 1))),
        (101, Some((300, 1, 1))),
        (301, Some((400, 4, 1))),
        // Nobody may read it yet.
        (401, None),
        (901, None),
    ];
    for (time, found) in table {
        assert_eq!(asked(&bench, ByTime::From(WallTime(time))), Ok(found), "from {time}");
    }
    assert_eq!(asked(&bench, ByTime::Latest), Ok(None), "the latest is not committed");
    bench.fetch(2, 6);
    assert_eq!(asked(&bench, ByTime::Latest), Ok(Some((900, 5, 1))));
    let fenced = bench.partition.offset_for_time(LeaderEpoch(9), ByTime::Latest, ALL.1);
    assert_eq!(fenced, Err(ErrorCode::UnknownLeaderEpoch));
}

/// Who has just been elected may not know yet of what it could tell.
#[test]
fn a_new_leader_tells_no_absence_before_its_watermark_has_caught_up() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    bench.copy(1, 3, 1);
    bench.register(&registration(1, 2, 2, &[1, 2]));
    let asked = |bench: &Bench, time| {
        bench.partition.offset_for_time(LeaderEpoch(2), ByTime::From(WallTime(time)), ALL.1)
    };
    let found = asked(&bench, 0).expect("it is below the watermark");
    assert_eq!(found.map(|it| it.offset), Some(Offset(0)));
    assert_eq!(asked(&bench, 1), Err(ErrorCode::OffsetNotAvailable));
    bench.fetch_in(2, 2, 3, 1);
    assert_eq!(asked(&bench, 1), Ok(None), "now it is sure");
}

#[test]
fn what_is_not_committed_for_want_of_replicas_in_sync_is_not_read() {
    let mut bench = Bench::leading(&[], &[1]);
    bench.produce_raw(Ok(&batch(-1, 0)), 1);
    for isolation in [IsolationLevel::ReadUncommitted, IsolationLevel::ReadCommitted] {
        let (none, first) = (LeaderEpoch::NONE, Offset(0));
        let read = bench.partition.consumer_fetch(LeaderEpoch(1), first, none, (WHOLE, isolation));
        assert_eq!(read.expect("in range").batches, [], "{isolation:?}");
        let end = bench.partition.latest_offset(LeaderEpoch(1), isolation);
        assert_eq!(end, Ok(first), "{isolation:?}");
    }
}

#[test]
fn what_was_aborted_among_all_batches_of_an_answer_is_told() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    let data = |producer| {
        let id = (ProducerId(producer), ProducerEpoch(0), Sequence(0));
        let mut builder = RecordBatchBuilder::new(id.0, id.1, id.2).in_transaction();
        builder.push(WallTime(0), None, Some(Bytes::from_static(b"value")));
        builder.build()
    };
    let abort = |producer| {
        let marker = TransactionMarker {
            producer_id: ProducerId(producer),
            producer_epoch: ProducerEpoch(0),
            result: TransactionResult::Abort,
            coordinator_epoch: LeaderEpoch(0),
        };
        marker.batch(WallTime(0))
    };
    let batches = [data(7), data(8), abort(7), abort(8)];
    let sent = bench.partition.next_fetch().expect("it follows");
    let response = ReplicaFetchPartitionResponse {
        partition: ID,
        error: None,
        diverging: None,
        high_watermark: Offset(4),
        log_start_offset: Offset::ZERO,
        batches: (0..)
            .zip(batches)
            .map(|(at, it)| it.with_assignment(Offset(at), LeaderEpoch(1)))
            .collect(),
    };
    bench.partition.apply_fetch(&sent, &response, &mut bench.effects);
    let limit = (WHOLE, IsolationLevel::ReadCommitted);
    let read = bench.partition.consumer_fetch(LeaderEpoch(1), Offset(0), LeaderEpoch::NONE, limit);
    let aborted = read.expect("in range").aborted;
    let aborted: Vec<i64> = aborted.iter().map(|it| it.first_offset.0).collect();
    assert_eq!(aborted, [0, 1]);
}
