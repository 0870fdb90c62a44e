//! What a leader concludes from its followers' fetches, and what a follower does about its leader's answers.

use super::*;

#[test]
fn a_member_that_is_only_proposed_does_not_make_the_isr_large_enough() {
    let mut bench = Bench::leading(&[], &[1]);
    bench.produce_raw(Ok(&batch(-1, 0)), 1);
    bench.fetch(3, 0);
    assert_eq!(bench.proposed(), Some(vec![1, 3]));
    bench.fetch(3, 1);
    assert_eq!(bench.high_watermark(), 0, "the controller may refuse it");
    bench.answer(&Ok(Bench::committed(1, 2, &[1, 3])));
    assert_eq!(bench.high_watermark(), 1);
}

#[test]
fn expansion_needs_what_is_committed_in_the_epoch_itself() {
    let mut bench = Bench::leading(&[], &[1, 2]);
    for _ in 0..2 {
        bench.produce(&batch(-1, 0));
    }
    bench.fetch(2, 2);
    assert_eq!(bench.high_watermark(), 2);
    bench.fetch(3, 0);
    bench.fetch(3, 1);
    assert_eq!(bench.proposed(), None, "it lacks a record that is committed");
    bench.fetch(3, 2);
    assert_eq!(bench.proposed(), Some(vec![1, 2, 3]));
}

#[test]
fn logs_that_part_one_record_before_the_fetch_offset_diverge() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    bench.copy(1, 2, 2);
    bench.register(&registration(1, 3, 2, &[1, 2]));
    bench.produce(&batch(-1, 0));
    let end = EpochEnd { epoch: LeaderEpoch(1), end_offset: Offset(2) };
    for (offset, diverging) in [(2, None), (3, Some(end))] {
        let answer = bench.fetch_in(2, 3, offset, 1);
        assert_eq!((answer.error, answer.diverging), (None, diverging), "at {offset}");
    }
}

/// KAFKA-3410: after an unclean election a follower may know more to be committed than its leader has.
#[test]
fn a_follower_cuts_below_its_high_watermark_and_goes_on() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    bench.copy(1, 4, 3);
    bench.register(&registration(3, 2, 2, &[3]));
    let sent = bench.partition.next_fetch().expect("it follows");
    let response = ReplicaFetchPartitionResponse {
        partition: ID,
        error: None,
        diverging: Some(EpochEnd { epoch: LeaderEpoch(1), end_offset: Offset(2) }),
        high_watermark: Offset(2),
        log_start_offset: Offset::ZERO,
        batches: Vec::new(),
    };
    let outcome = bench.partition.apply_fetch(&sent, &response, &mut bench.effects);
    assert_eq!(outcome, FetchOutcome::Continue);
    assert_eq!((bench.log_end(), bench.high_watermark()), (2, 2));
    assert_eq!(bench.partition.next_fetch().map(|next| next.fetch_offset), Some(Offset(2)));
}
