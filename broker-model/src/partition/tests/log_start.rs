//! A follower's log start.

use super::*;

/// What the leader answers about one batch, or none, at its present end.
fn answer(bounds: (i64, i64), batches: Vec<RecordBatch>) -> ReplicaFetchPartitionResponse {
    ReplicaFetchPartitionResponse {
        partition: ID,
        error: None,
        diverging: None,
        high_watermark: Offset(bounds.1),
        log_start_offset: Offset(bounds.0),
        batches,
    }
}

#[test]
fn a_follower_starts_where_its_leader_does_but_not_above_what_is_committed() {
    for (leaders, watermark, start) in [(2, 3, 2), (0, 3, 0), (3, 2, 2)] {
        let mut bench = Bench::new(&[]);
        bench.register(&registration(2, 1, 1, &[1, 2]));
        bench.copy(1, 3, 0);
        bench.partition.take_changes();
        let sent = bench.partition.next_fetch().expect("it follows");
        let response = answer((leaders, watermark), Vec::new());
        bench.partition.apply_fetch(&sent, &response, &mut bench.effects);
        let log = bench.partition.log();
        assert_eq!(log.log_start_offset(), Offset(start), "{leaders}, {watermark}");
        let moved = bench.partition.take_changes().log_start_moved;
        assert_eq!(moved, start > 0, "{leaders}, {watermark}");
    }
}

#[test]
fn an_empty_log_that_starts_inside_a_batch_starts_with_the_batch() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    let bounds = ReplicaOffsetsResponse {
        partition: ID,
        error: None,
        log_start_offset: Offset(5),
        log_end_offset: Offset(8),
    };
    bench.partition.apply_leader_bounds(LeaderEpoch(1), &bounds, &mut bench.effects);
    let sent = bench.partition.next_fetch().expect("it follows");
    assert_eq!(sent.fetch_offset, Offset(5));
    let mut builder =
        RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    (0..4).for_each(|_| builder.push(WallTime(0), None, None));
    let batch = builder.build().with_assignment(Offset(4), LeaderEpoch(1));
    let response = answer((5, 8), vec![batch]);
    let outcome = bench.partition.apply_fetch(&sent, &response, &mut bench.effects);
    assert_eq!(outcome, FetchOutcome::Continue);
    let log = bench.partition.log();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (Offset(5), Offset(8)));
    assert!(bench.partition.take_changes().log_cut, "its recovery point may be lower");
}

/// Broker 1 leads, and all three have three committed records.
fn leading(defects: &[Defect]) -> Bench {
    let mut bench = Bench::leading(defects, &[1, 2, 3]);
    for _ in 0..3 {
        let _ = bench.produce(&batch(-1, 0));
    }
    for replica in [2, 3] {
        bench.fetch(replica, 3);
    }
    assert_eq!(bench.high_watermark(), 3);
    bench
}

#[test]
fn a_client_deletes_nothing_but_what_is_committed() {
    let mut bench = leading(&[]);
    assert_eq!(bench.produce(&batch(-1, 0)), ProduceOutcome::Waiting);
    for (before, expected, start) in [
        (4, Err(ErrorCode::OffsetOutOfRange), 0),
        (-2, Err(ErrorCode::OffsetOutOfRange), 0),
        (2, Ok(Offset(2)), 2),
        (1, Ok(Offset(1)), 2),
        (-1, Ok(Offset(3)), 3),
    ] {
        let deleted = bench.partition.delete_records(Offset(before), &mut bench.effects);
        assert_eq!(deleted, expected, "before {before}");
        assert_eq!(bench.partition.log().log_start_offset(), Offset(start), "before {before}");
    }
    bench.register(&registration(2, 2, 2, &[1, 2, 3]));
    let deleted = bench.partition.delete_records(Offset(0), &mut bench.effects);
    assert_eq!(deleted, Err(ErrorCode::NotLeaderOrFollower));
}

#[test]
fn the_low_watermark_is_the_least_start_of_those_who_are_alive() {
    let ignores: Vec<Defect> = vec![ReplicationDefect::LowWatermarkIgnoresFollowers.into()];
    for (defects, first, last) in [(vec![], 0, 2), (ignores, 2, 2)] {
        let mut bench = leading(&defects);
        assert!(bench.partition.delete_records(Offset(2), &mut bench.effects).is_ok());
        assert_eq!(bench.partition.low_watermark(&bench.metadata), Ok(Offset(first)));
        bench.partition.take_changes();
        let fetch = ReplicaFetchPartition {
            partition: ID,
            current_leader_epoch: LeaderEpoch(1),
            fetch_offset: Offset(3),
            last_fetched_epoch: LeaderEpoch(1),
            log_start_offset: Offset(2),
        };
        let context = PartitionContext {
            now: bench.now,
            broker_epoch: BrokerEpoch(11),
            metadata: &bench.metadata,
        };
        let bounds = FetchBounds { limit: WHOLE, update_follower: true, quota_exceeded: false };
        let (two, effects) = (NodeId(2), &mut bench.effects);
        bench.partition.replica_fetch(context, two, BrokerEpoch(12), &fetch, bounds, effects);
        assert!(bench.partition.take_changes().follower_start_moved);
        assert_eq!(bench.partition.low_watermark(&bench.metadata), Ok(Offset(first)), "3 lags");
        bench.metadata.brokers.get_mut(&NodeId(3)).expect("registered").fenced = true;
        assert_eq!(bench.partition.low_watermark(&bench.metadata), Ok(Offset(last)), "3 is fenced");
    }
}
