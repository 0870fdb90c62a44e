//! One good and one minimally bad case for each rule that the vectors do not cover.

use harrow_broker_model::note::{
    BatchSummary, BrokerNote, DeletionReason, IsolationLevel, LogNote, MetadataChange, Note,
    ReplicationNote,
};
use harrow_broker_model::types::{BrokerEpoch, LeaderEpoch, LogDirectory, NodeId, Offset};
use harrow_sim::watch::{ReplicaAudit, invariants};

use crate::stage::{A, B, C, N1, Stage, X, record, sequenced};

const NONE: [&str; 0] = [];

/// Leader A in epoch 1 with everyone in sync and `count` committed records.
fn committed(count: i64) -> Stage {
    let mut stage = Stage::new(2, false);
    stage.elect(A, 1, &[A, B, C]);
    stage.became_leader(A, 1, &[A, B, C]);
    for offset in 0..count {
        stage.append_all(&[A, B, C], 1, record(offset, 1, offset as u32));
    }
    stage.leader_high_watermark(A, 1, count);
    assert_eq!(stage.found(), NONE);
    stage
}

#[test]
fn leader_commits_without_a_member() {
    let mut stage = committed(1);
    stage.append_all(&[A, B], 1, record(1, 1, 1));
    stage.leader_high_watermark(A, 1, 2);
    assert_eq!(stage.found(), ["commit-before-replication"]);
}

#[test]
fn leader_commits_without_a_member_that_lost_power() {
    let mut stage = committed(1);
    stage.append_all(&[A, B, C], 1, record(1, 1, 1));
    stage.crash(C, true);
    stage.restart(C, 1);
    stage.leader_high_watermark(A, 1, 2);
    assert_eq!(stage.found(), NONE);
}

#[test]
fn elr_members_count_for_the_commit_rule() {
    let mut stage = committed(1);
    let mut next = stage.next(Some(A), 1, &[A]);
    next.elr = vec![B];
    stage.registered(X, next, false);
    stage.append(A, 1, record(1, 1, 1));
    stage.leader_high_watermark(A, 1, 2);
    assert_eq!(stage.found(), ["commit-before-replication"]);
}

#[test]
fn stale_leader_may_commit_what_the_new_leader_holds() {
    let mut stage = committed(1);
    stage.append_all(&[A, B], 1, record(1, 1, 1));
    stage.elect(B, 2, &[B]);
    stage.leader_high_watermark(A, 1, 2);
    assert_eq!(stage.found(), NONE);
    assert_eq!(stage.observer.view().committed_end(X), Offset(2));
}

#[test]
fn stale_leader_may_not_commit_what_the_new_leader_lacks() {
    let mut stage = committed(1);
    stage.elect(B, 2, &[B, C]);
    stage.append(A, 1, record(1, 1, 1));
    stage.leader_high_watermark(A, 1, 2);
    assert_eq!(stage.found(), ["high-watermark-by-stale-leader"]);
    assert_eq!(stage.observer.view().committed_end(X), Offset(1));
}

#[test]
fn stale_leader_after_a_legal_unclean_election_is_excused() {
    let mut stage = Stage::new(1, true);
    stage.elect(A, 1, &[A]);
    stage.append(A, 1, record(0, 1, 0));
    stage.leader_high_watermark(A, 1, 1);
    let next = stage.next(Some(B), 2, &[B]);
    stage.registered(X, next, true);
    stage.append(A, 1, record(1, 1, 1));
    stage.leader_high_watermark(A, 1, 2);
    stage.acknowledge(A, 1, record(1, 1, 1), -1);
    assert_eq!(stage.found(), NONE);
    assert_eq!(stage.observer.view().committed_end(X), Offset(0));
}

#[test]
fn stale_leader_appends_below_the_committed_end() {
    let mut stage = committed(1);
    stage.elect(B, 2, &[B, C]);
    stage.append_all(&[B, C], 2, record(1, 2, 7));
    stage.leader_high_watermark(B, 2, 2);
    stage.append(A, 1, record(1, 1, 8));
    assert_eq!(stage.found(), NONE);
    stage.truncate(A, 1);
    stage.append(A, 2, record(1, 2, 9));
    assert_eq!(stage.found(), ["log-matching"]);
}

#[test]
fn one_epoch_has_one_record_at_an_offset() {
    let mut stage = committed(1);
    stage.append(A, 1, record(1, 1, 1));
    stage.append(B, 1, record(1, 1, 2));
    assert_eq!(stage.found(), ["log-matching"]);
}

#[test]
fn appends_are_at_the_end_and_epochs_in_order() {
    let mut stage = committed(1);
    stage.append(A, 1, record(2, 1, 2));
    assert_eq!(stage.found(), ["append-not-at-end"]);
    let mut stage = committed(1);
    stage.append(A, 1, record(1, 2, 2));
    assert_eq!(stage.found(), ["record-epoch-order"]);
}

#[test]
fn last_known_leader_may_be_elected_uncleanly() {
    let mut stage = committed(1);
    let mut nobody = stage.next(None, 1, &[]);
    nobody.last_known_leader = Some(A);
    nobody.leader_epoch = LeaderEpoch(2);
    stage.registered(X, nobody.clone(), false);
    let next = stage.next(Some(A), 3, &[A]);
    stage.registered(X, next, true);
    assert_eq!(stage.found(), NONE);

    let mut stage = committed(1);
    stage.next(None, 1, &[]);
    stage.registered(X, nobody, false);
    stage.next(None, 1, &[]);
    let next = stage.next(Some(B), 3, &[B]);
    stage.registered(X, next, true);
    assert_eq!(stage.found(), ["illegal-unclean-election"]);
}

#[test]
fn last_known_leader_may_follow_an_eligible_replica_that_restarted() {
    let mut stage = committed(1);
    let mut nobody = stage.next(None, 2, &[]);
    nobody.last_known_leader = Some(A);
    nobody.elr = vec![B];
    stage.registered(X, nobody.clone(), false);
    stage.crash(B, false);
    stage.boot(B, X, 1);
    let next = stage.next(Some(A), 3, &[A]);
    stage.registered(X, next, true);
    assert_eq!(stage.found(), NONE, "B's new uptime takes its eligibility away");

    let mut stage = committed(1);
    nobody.partition_epoch = stage.next(None, 2, &[]).partition_epoch;
    stage.registered(X, nobody, false);
    let next = stage.next(Some(A), 3, &[A]);
    stage.registered(X, next, true);
    assert_eq!(stage.found(), ["illegal-unclean-election"], "B is eligible");
}

#[test]
fn a_leader_that_lost_records_by_a_clean_election_is_reported_once() {
    let mut stage = committed(2);
    stage.append_all(&[A, B], 1, record(2, 1, 2));
    stage.elect(A, 1, &[A, B]);
    stage.leader_high_watermark(A, 1, 3);
    stage.elect(C, 2, &[C]);
    assert_eq!(stage.found(), ["leader-completeness"]);
    stage.truncate(A, 2);
    stage.serve(C, 2, 0, &[record(0, 1, 0), record(1, 1, 1)]);
    assert_eq!(stage.found(), NONE, "what follows from the loss is not reported again");
}

#[test]
fn acting_leader_must_be_the_elected_one() {
    let mut stage = committed(1);
    stage.elect(B, 2, &[B, C]);
    stage.became_leader(C, 2, &[B, C]);
    assert_eq!(stage.found(), ["dual-leader"]);
}

#[test]
fn registrations_have_the_right_shape() {
    let mut stage = committed(1);
    let mut next = stage.next(Some(A), 1, &[A, B]);
    next.elr = vec![B];
    stage.registered(X, next, false);
    assert_eq!(stage.found(), ["isr-elr-overlap"]);

    let mut stage = committed(1);
    stage.elect(A, 1, &[A, B]);
    let broker_epoch = BrokerEpoch(4);
    let fenced = MetadataChange::BrokerChanged {
        broker: C,
        broker_epoch,
        fenced: true,
        shutting_down: false,
    };
    stage.metadata(fenced);
    assert_eq!(stage.found(), NONE);
    stage.elect(A, 1, &[A, B, C]);
    assert_eq!(stage.found(), ["registration-shape"]);
}

#[test]
fn partition_epoch_grows() {
    let mut stage = committed(1);
    let mut next = stage.next(Some(A), 1, &[A, B]);
    next.partition_epoch.0 -= 1;
    stage.registered(X, next, false);
    assert_eq!(stage.found(), ["epoch-regress"]);
}

#[test]
fn high_watermark_stays_within_log_and_commits() {
    let mut stage = committed(1);
    stage.high_watermark(B, 1, false, 1);
    stage.high_watermark(B, 1, false, 0);
    assert_eq!(stage.found(), NONE, "a follower's may fall");
    stage.append_all(&[A, B], 1, record(1, 1, 1));
    stage.high_watermark(B, 1, false, 2);
    assert_eq!(stage.found(), ["high-watermark-ahead"]);
    stage.high_watermark(C, 1, false, 2);
    assert_eq!(stage.found(), ["hw-above-leo"]);
}

#[test]
fn uncommitted_suffix_may_be_cut() {
    let mut stage = committed(1);
    stage.append(A, 1, record(1, 1, 1));
    stage.elect(B, 2, &[B, C]);
    stage.truncate(A, 1);
    stage.truncate(A, 0);
    assert_eq!(stage.found(), NONE, "outside ISR and ELR only redundancy is lost");
    stage.truncate(C, 0);
    assert_eq!(stage.found(), ["committed-truncation"]);
}

#[test]
fn the_last_known_leader_keeps_what_is_committed_while_nobody_else_is_to_be_elected() {
    let mut stage = committed(1);
    let mut nobody = stage.next(None, 2, &[]);
    nobody.last_known_leader = Some(A);
    nobody.elr = vec![B];
    stage.registered(X, nobody.clone(), false);
    stage.truncate(A, 0);
    assert_eq!(stage.found(), NONE, "B is to be elected");

    let mut stage = committed(1);
    nobody.partition_epoch = stage.next(None, 2, &[]).partition_epoch;
    nobody.elr = Vec::new();
    stage.registered(X, nobody, false);
    stage.truncate(B, 0);
    assert_eq!(stage.found(), NONE, "B is not to be elected");
    stage.truncate(A, 0);
    assert_eq!(stage.found(), ["committed-truncation"]);
}

#[test]
fn acknowledgement_names_the_committed_record() {
    let mut stage = committed(2);
    stage.acknowledge(A, 1, record(1, 1, 1), -1);
    assert_eq!(stage.found(), NONE);
    stage.acknowledge(A, 1, record(0, 1, 1), -1);
    assert_eq!(stage.found(), ["ack-of-other-record"]);
}

#[test]
fn served_records_are_the_committed_ones_in_order() {
    let mut stage = committed(3);
    stage.serve(A, 1, 1, &[record(1, 1, 1), record(2, 1, 2)]);
    stage.serve(A, 1, 3, &[]);
    assert_eq!(stage.found(), NONE);
    stage.serve(A, 1, 1, &[record(1, 1, 5)]);
    assert_eq!(stage.found(), ["read-differs-from-committed"]);
    let mut stage = committed(3);
    stage.serve(A, 1, 0, &[record(1, 1, 1)]);
    assert_eq!(stage.found(), ["read-gap"]);
}

#[test]
fn end_offsets_never_go_back() {
    let mut stage = committed(3);
    stage.end_offset(A, 1, 2);
    stage.end_offset(A, 1, 3);
    assert_eq!(stage.found(), NONE);
    stage.end_offset(A, 1, 2);
    assert_eq!(stage.found(), ["end-offset-regression"]);
    stage.elect(B, 2, &[B, C]);
    stage.end_offset(A, 1, 1);
    assert_eq!(stage.found(), NONE, "a leader whose epoch is over may be behind");
    stage.end_offset(B, 2, 4);
    assert_eq!(stage.found(), ["end-offset-above-commit"]);
}

/// The last stable offset is never below the log's start, and another leader's log may begin before.
#[test]
fn a_last_stable_offset_may_have_been_where_a_log_began() {
    use IsolationLevel::{ReadCommitted, ReadUncommitted};
    // (what is deleted at the first leader, for whom) -> whether the next leader may tell less
    let table = [(3, ReadCommitted, true), (2, ReadCommitted, false), (3, ReadUncommitted, false)];
    for (start, isolation, legal) in table {
        let mut stage = committed(3);
        stage.delete(A, start, DeletionReason::DeleteRecords);
        stage.end_offset_to(A, 1, 3, isolation);
        stage.elect(B, 2, &[B, C]);
        stage.end_offset_to(B, 2, 2, isolation);
        let is_found = stage.found().iter().any(|name| name == "end-offset-regression");
        assert_eq!(is_found, !legal, "{start}, {isolation:?}");
    }
}

/// Commits sequenced records one by one.
fn sequences(batches: &[BatchSummary]) -> Vec<String> {
    let mut stage = Stage::new(1, false);
    stage.elect(A, 1, &[A]);
    for batch in batches {
        stage.append(A, 1, *batch);
        stage.leader_high_watermark(A, 1, batch.last_offset.0 + 1);
    }
    stage.found()
}

#[test]
fn sequences_wrap_and_restart_with_a_new_epoch() {
    assert_eq!(
        sequences(&[sequenced(0, 0, i32::MAX), sequenced(1, 0, 0), sequenced(2, 1, 0)]),
        NONE
    );
    assert_eq!(sequences(&[sequenced(0, 0, 0), sequenced(1, 1, 1)]), ["seq-gap"]);
    assert_eq!(sequences(&[sequenced(0, 1, 0), sequenced(1, 0, 1)]), ["producer-epoch-regress"]);
}

#[test]
fn truncated_sequences_do_not_count() {
    let mut stage = committed(0);
    stage.append(A, 1, sequenced(0, 0, 0));
    stage.elect(B, 2, &[B, C]);
    let again = BatchSummary { leader_epoch: LeaderEpoch(2), ..sequenced(0, 0, 0) };
    stage.append_all(&[B, C], 2, again);
    stage.leader_high_watermark(B, 2, 1);
    stage.truncate(A, 0);
    assert_eq!(stage.found(), NONE);
}

#[test]
fn proposals_need_a_complete_follower() {
    let mut stage = committed(2);
    stage.elect(A, 1, &[A, B]);
    stage.append_all(&[A, B], 1, record(2, 1, 2));
    let propose = |to: Vec<NodeId>| {
        Note::Replication(ReplicationNote::IsrProposed {
            partition: X,
            leader_epoch: LeaderEpoch(1),
            from: vec![A, B],
            to,
            out_of_sync: Vec::new(),
        })
    };
    stage.note(A, &propose(vec![A, B, C]));
    assert_eq!(stage.found(), NONE, "C reaches the high watermark");
    stage.leader_high_watermark(A, 1, 3);
    stage.note(A, &propose(vec![A, B, C]));
    assert_eq!(stage.found(), ["isr-join-too-early"]);
}

#[test]
fn a_reopened_log_is_a_prefix() {
    let mut stage = committed(2);
    stage.crash(B, false);
    stage.restart(B, 2);
    stage.crash(C, true);
    stage.restart(C, 1);
    stage.append(B, 1, record(2, 1, 2));
    stage.crash(B, false);
    stage.restart(B, 2);
    assert_eq!(stage.found(), NONE, "a crash may hide the note of a follower's cut");
    stage.append(A, 1, record(2, 1, 2));
    stage.crash(A, false);
    stage.restart(A, 2);
    assert_eq!(stage.found(), ["recovery-lost-records"], "a leader does not cut");
    let mut stage = committed(2);
    stage.crash(B, false);
    stage.restart(B, 1);
    assert_eq!(stage.found(), ["recovery-lost-records"]);
    stage.crash(C, true);
    stage.restart(C, 5);
    assert_eq!(stage.found(), ["recovery-invented-records"]);
}

#[test]
fn a_log_without_records_begins_at_its_start_whatever_went_across_that() {
    let mut stage = committed(2);
    let across = BatchSummary { last_offset: Offset(3), ..record(2, 1, 2) };
    stage.append(B, 1, across);
    stage.crash(B, true);
    stage.observer.process_started(stage.now_ns(), B);
    let start = Offset(3);
    stage.note(
        B,
        &Note::Log(LogNote::Recovered {
            partition: X,
            log_start_offset: start,
            log_end_offset: start,
            high_watermark: start,
            clean: false,
            batches: Vec::new(),
        }),
    );
    let log =
        stage.observer.view().replica(B, X).map(|replica| (replica.log.start(), replica.log.end()));
    assert_eq!(log, Some((start, start)));
}

#[test]
fn the_audit_finds_false_mirrors() {
    let audit = ReplicaAudit {
        node: B,
        partition: X,
        log_start_offset: Offset(0),
        log_end_offset: Offset(1),
        high_watermark: Offset(0),
    };
    let mut stage = committed(1);
    stage.observer.audit_replica(0, 0, audit, [record(0, 1, 0)].into_iter());
    assert!(stage.found().is_empty(), "the mirror is right");
    stage.observer.audit_replica(0, 0, audit, [record(0, 1, 9)].into_iter());
    let found = stage.observer.take_violations();
    assert_eq!(found[0].anomaly, "mirror-mismatch");
    assert!(found[0].summary.starts_with("x-0: replica 2"), "{}", found[0].summary);
    assert!(!found[0].evidence.is_empty(), "evidence is given");
}

#[test]
fn the_atlas_allows_fewer_losses_than_min_insync_replicas() {
    let mut stage = committed(1);
    let view = stage.observer.view();
    assert_eq!(view.power_loss_allowed(B), Ok(()));
    assert_eq!(view.power_loss_allowed(N1), Ok(()));
    assert!(view.wipe_allowed(N1).is_err(), "a voter keeps its vote");
    stage.crash(C, true);
    let view = stage.observer.view();
    assert!(view.power_loss_allowed(B).is_err(), "two of two needed copies would be gone");
    assert_eq!(view.power_loss_allowed(C), Ok(()), "the same replica may lose again");
    stage.elect(A, 1, &[A, B]);
    stage.restart(C, 0);
    stage.append(C, 1, record(0, 1, 0));
    stage.elect(A, 1, &[A, B, C]);
    assert_eq!(stage.observer.view().power_loss_allowed(B), Ok(()), "C is complete again");
    assert_eq!(stage.found(), NONE);
}

/// A leader counts what a follower had when it last asked: what it loses now may be committed later.
#[test]
fn the_atlas_counts_what_is_not_committed_yet() {
    for (holders, survives) in [(&[A][..], true), (&[A, B], false)] {
        let mut stage = Stage::new(1, false);
        stage.elect(A, 1, &[A, B, C]);
        stage.became_leader(A, 1, &[A, B, C]);
        stage.append_all(holders, 1, record(0, 1, 0));
        let allowed = stage.observer.view().power_loss_allowed(B);
        assert_eq!(allowed.is_ok(), survives, "held by {holders:?}: {allowed:?}");
    }
    let mut stage = Stage::new(2, false);
    stage.elect(A, 1, &[A, B]);
    stage.became_leader(A, 1, &[A, B]);
    stage.append_all(&[A, B], 1, record(0, 1, 0));
    stage.crash(B, true);
    assert!(stage.observer.view().hindrance_allowed(&[A]).is_err(), "B may lead without it");
    assert_eq!(stage.found(), NONE);
}

/// Who restarts without a clean stop counts as lossy (KIP-966), and who is fenced leaves the ISR: the last replica with
/// all records keeps its place while another that lost some may lead.
#[test]
fn the_atlas_lets_no_fault_fence_the_last_sound_replica() {
    let mut stage = committed(1);
    assert_eq!(stage.observer.view().hindrance_allowed(&[A, B, C]), Ok(()), "nobody lost anything");
    stage.crash(C, true);
    let view = stage.observer.view();
    assert_eq!(view.hindrance_allowed(&[A]), Ok(()), "B has everything");
    assert_eq!(view.hindrance_allowed(&[N1]), Ok(()), "a controller is no replica");
    assert!(view.hindrance_allowed(&[A, B]).is_err(), "nobody would be left");
    stage.observer.set_hindered(&[A]);
    assert!(stage.observer.view().crash_allowed(B).is_err(), "A may be fenced");
    stage.observer.set_hindered(&[]);
    assert_eq!(stage.observer.view().crash_allowed(B), Ok(()), "A is back");
    stage.crash(B, false);
    assert!(stage.observer.view().hindrance_allowed(&[A]).is_err(), "A alone is sound");
    assert!(stage.observer.view().crash_allowed(A).is_err(), "as for a crash");
    assert_eq!(stage.found(), NONE);
}

/// A broker that stops hands its partitions to the next in the ISR, which may be one that lost data.
#[test]
fn the_atlas_lets_no_broker_stop_while_one_that_lost_data_may_follow_it() {
    let mut stage = committed(1);
    assert_eq!(stage.observer.view().stop_allowed(A), Ok(()), "nobody lost anything");
    stage.crash(C, true);
    let view = stage.observer.view();
    assert_eq!(view.crash_allowed(A), Ok(()), "B has everything");
    assert!(view.stop_allowed(A).is_err(), "C may get what A leads");
    assert_eq!(view.stop_allowed(N1), Ok(()), "a controller is no replica");
    stage.elect(A, 1, &[A, B]);
    assert_eq!(stage.observer.view().stop_allowed(A), Ok(()), "C is out of the ISR");
    assert_eq!(stage.found(), NONE);
}

/// A stop counts as clean only if all log directories have its marker: a broker of which one failed, or was replaced,
/// has lost nothing of its other replicas, and may not be elected for them.
#[test]
fn the_atlas_does_not_count_on_who_lacks_the_marker_of_a_log_directory() {
    let (failed, kept) = (LogDirectory(2), LogDirectory(1));
    let mut stage = committed(1);
    stage.note(B, &Note::Broker(BrokerNote::LogCreated { partition: X, directory: kept }));
    stage.crash(B, false);
    stage.restart(B, 1);
    stage.elect(A, 1, &[A, C]);
    stage.elect(A, 1, &[A, B, C]);
    stage.crash(C, true);
    let allowed = |stage: &Stage| stage.observer.view().crash_allowed(A).is_ok();
    assert!(allowed(&stage), "B has everything");
    stage.observer.log_directory_failed(B, failed);
    assert!(!allowed(&stage), "its stop will not be clean");
    stage.observer.log_directory_repaired(B, failed, true);
    assert!(!allowed(&stage), "nor is it when the directory was replaced");
    stage.crash(B, false);
    stage.observer.process_started(stage.now_ns(), B);
    let clean = LogNote::Recovered {
        partition: X,
        log_start_offset: Offset::ZERO,
        log_end_offset: Offset(1),
        high_watermark: Offset(1),
        clean: true,
        batches: vec![record(0, 1, 0)],
    };
    stage.note(B, &Note::Log(clean));
    assert!(!allowed(&stage), "the stop was not clean in all of them");
    stage.broker_registered(B);
    stage.elect(A, 1, &[A, C]);
    stage.elect(A, 1, &[A, B, C]);
    assert!(allowed(&stage), "it has caught up");
}

/// A process that opens a log with a flipped bit may find less: as after a power loss, of that log alone.
#[test]
fn rot_is_a_loss_from_the_next_end_of_the_process_on() {
    for rotten in [false, true] {
        let mut stage = committed(2);
        if rotten {
            stage.observer.log_rotted(C, X);
        }
        assert!(!stage.observer.view().replica(C, X).expect("it is there").lossy, "not yet read");
        stage.crash(C, false);
        stage.restart(C, 1);
        let found = stage.found();
        assert_eq!(found.is_empty(), rotten, "{found:?}");
        let view = stage.observer.view();
        assert_eq!(view.power_loss_allowed(B).is_err(), rotten, "C counts as lossy");
    }
}

#[test]
fn the_view_answers_by_name() {
    let stage = committed(1);
    let view = stage.observer.view();
    assert_eq!(view.topic_id("x"), Some(X.topic));
    assert_eq!(view.leader_of("x", 0), Some(A));
    assert_eq!(view.isr_of("x", 0), [A, B, C]);
    assert_eq!(view.replicas_of("x", 0), [A, B, C]);
    assert_eq!(view.leader_of("y", 0), None);
    assert!(view.is_running(A), "all run");
    assert_eq!(view.partition_name(X), "x-0");
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> =
        invariants().flat_map(|invariant| invariant.anomalies).map(|a| a.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
