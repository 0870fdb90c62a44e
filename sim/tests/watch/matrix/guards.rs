//! Rules that guard other rules: whose word counts for a leader, what a clean stop means, what is on the disk.

use harrow_broker_model::message::{BrokerRegistrationRequest, ControllerRequest, RequestBody};
use harrow_broker_model::note::{
    BatchSummary, BrokerNote, BrokerState, ConsumerNote, ControllerNote, IsolationLevel, LogNote,
    MetadataChange, Note, ProducerNote, QuorumNote, QuorumRole, RegisteredAgain, ReplicationNote,
};
use harrow_broker_model::types::{
    BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch, ProducerEpoch, ProducerId, Sequence,
};

use super::case::{Case, outcome, plain};
use crate::quorum::{quorum_append, quorum_commit};
use crate::stage::{A, B, C, N1, N2, Stage, X, record, sequenced};

fn heard(stage: &mut Stage, follower: NodeId, current_leader_epoch: i32, broker_epoch: i64) {
    let note = Note::Replication(ReplicationNote::FollowerHeard {
        partition: X,
        leader_epoch: LeaderEpoch(1),
        follower,
        current_leader_epoch: LeaderEpoch(current_leader_epoch),
        broker_epoch: BrokerEpoch(broker_epoch),
        fetch_offset: Offset(2),
    });
    stage.note(A, &note);
}

/// The broker registers again, and the node applies that; gives the broker epochs before and after.
fn registers_again(stage: &mut Stage, broker: NodeId, applied_by: NodeId) -> (i64, i64) {
    let before = stage.observer.view().registry().broker(broker).expect("it is registered");
    let (before, offset) = (before.broker_epoch.0, stage.metadata_end());
    let broker_epoch = BrokerEpoch(offset.0);
    stage.metadata(MetadataChange::BrokerRegistered {
        broker,
        broker_epoch,
        unclean: false,
        again: RegisteredAgain::default(),
    });
    applies(stage, applied_by, offset);
    (before, offset.0)
}

pub(super) fn applies(stage: &mut Stage, node: NodeId, offset: Offset) {
    let known = stage.observer.view().registry().at(offset).cloned();
    let (controller_epoch, change) = known.expect("it is committed");
    stage.note(
        node,
        &Note::Controller(ControllerNote::MetadataApplied {
            offset,
            controller_epoch,
            change: Box::new(change),
        }),
    );
}

fn commit_third(stage: &mut Stage) {
    stage.lead(A, 1, plain(2));
    stage.append_all(&[B, C], 1, plain(2));
    stage.leader_high_watermark(A, 1, 3);
}

fn diverges(stage: &mut Stage, epoch: i32, end: i64) {
    let (epoch, end_offset) = (LeaderEpoch(epoch), Offset(end));
    stage.note(
        A,
        &Note::Replication(ReplicationNote::DivergenceFound {
            partition: X,
            follower: B,
            epoch,
            end_offset,
        }),
    );
}

fn knows(stage: &mut Stage, epochs: &[(i32, i64)]) {
    stage.observer.expect_all_facts();
    let epochs = epochs.iter().map(|(epoch, start)| (LeaderEpoch(*epoch), Offset(*start)));
    stage.note(B, &Note::Log(LogNote::EpochsKnown { partition: X, epochs: epochs.collect() }));
}

fn stops(stage: &mut Stage, durable: bool) {
    let known = stage.observer.view().registry().broker(B).expect("it is registered");
    let broker_epoch = known.broker_epoch;
    stage.observer.disk_answers(B, durable);
    stage.note(B, &Note::Broker(BrokerNote::StoppedCleanly { broker_epoch }));
    stage.crash(B, false);
}

/// B stops cleanly, comes back, and asks to be registered as one that has found its marker, or none.
fn comes_back(stage: &mut Stage, finds_marker: bool) {
    stage.observer.expect_all_facts();
    let known = stage.observer.view().registry().broker(B).expect("it is registered");
    let marked = known.broker_epoch;
    applies(stage, B, Offset(known.registered_at.0));
    stops(stage, true);
    stage.observer.process_started(stage.now_ns(), B);
    let previous_broker_epoch = if finds_marker { marked } else { BrokerEpoch::NONE };
    let request = BrokerRegistrationRequest {
        broker: B,
        incarnation: 2,
        previous_broker_epoch,
        log_dirs: Box::default(),
    };
    let request = ControllerRequest::BrokerRegistration(request);
    stage.asks(N1, (1, 1), RequestBody::Controller(request));
}

/// B starts and opens its log, which is as it was, with its marker or without.
fn opens(stage: &mut Stage, clean: bool) {
    stage.observer.expect_all_facts();
    stage.observer.process_started(0, B);
    let note = Note::Log(LogNote::Recovered {
        partition: X,
        log_start_offset: Offset(0),
        log_end_offset: Offset(2),
        high_watermark: Offset(0),
        clean,
        batches: vec![plain(0), plain(1)],
    });
    stage.note(B, &note);
}

fn goes_by(stage: &mut Stage, version: i32) {
    let note = Note::Replication(ReplicationNote::IsrCommitted {
        partition: X,
        leader_epoch: LeaderEpoch(1),
        partition_epoch: PartitionEpoch(version),
        isr: vec![A, B, C],
    });
    stage.note(A, &note);
}

fn refuses(stage: &mut Stage, epoch: i16, sequence: i32, fenced: bool) {
    let note = Note::Producer(ProducerNote::SequenceRefused {
        partition: X,
        leader_epoch: LeaderEpoch(1),
        producer_id: ProducerId(9),
        producer_epoch: ProducerEpoch(epoch),
        first_sequence: Sequence(sequence),
        last_sequence: Sequence(sequence),
        fenced,
    });
    stage.note(A, &note);
}

fn resets(stage: &mut Stage, consumer: i32, to: i64) {
    let (partition, from, to) = ("x-0".to_owned(), Offset(9), Offset(to));
    stage.note(
        NodeId(consumer),
        &Note::Consumer(ConsumerNote::PositionReset { partition, topic_id: None, from, to }),
    );
}

/// The consumer that is served finds its log cut.
fn finds_cut(stage: &mut Stage, position: i64, diverged_at: i64) {
    let (position, diverged_at) = (Offset(position), Offset(diverged_at));
    let partition = "x-0".to_owned();
    let topic_id = None;
    let note = ConsumerNote::TruncationDetected { partition, topic_id, position, diverged_at };
    stage.note(NodeId(1001), &Note::Consumer(note));
}

/// A leads uncleanly in epoch 3, with what it had in epoch 1 and a record of its own.
fn unclean_again(stage: &mut Stage) {
    let next = stage.next(Some(A), 3, &[A]);
    stage.registered(X, next, true);
    stage.became_leader(A, 3, &[A]);
    stage.lead(A, 3, record(2, 3, 20));
    stage.leader_high_watermark(A, 3, 3);
}

fn ends_offset(stage: &mut Stage, current_leader_epoch: i32) {
    let note = Note::Consumer(ConsumerNote::EndOffsetServed {
        partition: X,
        leader_epoch: LeaderEpoch(1),
        current_leader_epoch: LeaderEpoch(current_leader_epoch),
        isolation: IsolationLevel::ReadUncommitted,
        offset: Offset(2),
    });
    stage.note(A, &note);
}

/// B, which has lost everything outside the ISR, leads by a legal unclean election: the log is another one.
pub(super) fn unclean(stage: &mut Stage) {
    stage.topic(1, "x", 1, true);
    stage.elect(A, 1, &[A, C]);
    stage.truncate(B, 0);
    let next = stage.next(Some(B), 2, &[B]);
    stage.registered(X, next, true);
    stage.became_leader(B, 2, &[B]);
    for offset in 0..2 {
        stage.lead(B, 2, record(offset, 2, 8 + offset as u32));
    }
    stage.leader_high_watermark(B, 2, 2);
}

fn shrinks(stage: &mut Stage, elr: &[NodeId]) {
    stage.observer.expect_all_facts();
    let mut next = stage.next(Some(A), 1, &[A]);
    next.elr = elr.to_vec();
    stage.registered(X, next, false);
}

/// N1 leads with the vote of N2.
fn leads_quorum(stage: &mut Stage, epoch: i32) {
    let candidate = N1;
    stage.note(N2, &Note::Quorum(QuorumNote::VoteGranted { epoch: LeaderEpoch(epoch), candidate }));
    stage.quorum_state(N1, epoch, QuorumRole::Leader, Some(N1));
}

/// N1 and N2 hold a record of the metadata log, and it is on N1's disk.
fn replicates(stage: &mut Stage) {
    stage.observer.expect_all_facts();
    leads_quorum(stage, 1);
    for node in [N1, N2] {
        quorum_append(stage, node, 1, record(0, 1, 0));
    }
    stage.note(N1, &Note::Quorum(QuorumNote::LogSynced { end: Offset(1) }));
}

fn finds(stage: &mut Stage, sound_end: i64, whole: bool) {
    stage.crash(B, false);
    stage.observer.process_started(0, B);
    stage.observer.log_found(B, X, Offset(sound_end), whole);
    stage.reopen(B, X, 2);
}

/// B, which the stage has registered, is let in, or goes.
fn changes(stage: &mut Stage, fenced: bool, shutting_down: bool) {
    let broker_epoch = stage.observer.view().registry().broker(B).expect("known").broker_epoch;
    let change = MetadataChange::BrokerChanged { broker: B, broker_epoch, fenced, shutting_down };
    stage.metadata(change);
}

fn asks_to_stop(stage: &mut Stage) {
    let broker_epoch = stage.observer.view().registry().broker(B).expect("known").broker_epoch;
    let state = BrokerState::ShuttingDown;
    stage.note(B, &Note::Broker(BrokerNote::StateChanged { state, broker_epoch }));
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "fetch-of-other-epoch",
        good: |stage| heard(stage, B, 1, -1),
        bad: |stage| heard(stage, B, 0, -1),
    },
    Case {
        anomaly: "fetch-of-earlier-uptime",
        good: |stage| {
            // A does not know yet that C registered again.
            let (before, _) = registers_again(stage, C, N2);
            heard(stage, C, 1, before);
            // A knows that B registered again, but not that it is let in.
            let (before, now) = registers_again(stage, B, A);
            heard(stage, B, 1, before);
            heard(stage, B, 1, now);
        },
        bad: |stage| {
            let (before, _) = registers_again(stage, B, A);
            let let_in = stage.metadata_end();
            changes(stage, false, false);
            applies(stage, A, let_in);
            heard(stage, B, 1, before);
        },
    },
    Case {
        anomaly: "unheard-member-counted",
        good: |stage| {
            stage.observer.expect_all_facts();
            heard(stage, B, 1, -1);
            heard(stage, C, 1, -1);
            commit_third(stage);
        },
        bad: |stage| {
            stage.observer.expect_all_facts();
            heard(stage, B, 1, -1);
            commit_third(stage);
        },
    },
    Case {
        anomaly: "epoch-end-wrong",
        good: |stage| {
            diverges(stage, 0, 0);
            diverges(stage, 1, 2);
        },
        bad: |stage| diverges(stage, 1, 3),
    },
    Case {
        anomaly: "divergence-kept",
        good: |stage| {
            diverges(stage, 1, 2);
            stage.append(B, 1, plain(2));
            stage.truncate(B, 2);
        },
        bad: |stage| {
            diverges(stage, 1, 2);
            stage.append(B, 1, plain(2));
            stage.truncate(B, 3);
        },
    },
    Case {
        anomaly: "epoch-cache-mismatch",
        good: |stage| {
            knows(stage, &[(1, 0)]);
            knows(stage, &[(1, 0), (2, 2)]);
        },
        bad: |stage| knows(stage, &[(1, 1)]),
    },
    Case {
        anomaly: "clean-stop-not-durable",
        good: |stage| stops(stage, true),
        bad: |stage| stops(stage, false),
    },
    Case {
        anomaly: "false-clean-recovery",
        good: |stage| {
            stops(stage, true);
            opens(stage, true);
            stage.crash(B, false);
            opens(stage, false);
        },
        bad: |stage| {
            stops(stage, true);
            opens(stage, true);
            stage.crash(B, false);
            opens(stage, true);
        },
    },
    Case {
        anomaly: "unclean-stop-overlooked",
        good: |stage| {
            stage.observer.expect_all_facts();
            stops(stage, true);
            registers_again(stage, B, N2);
        },
        bad: |stage| {
            stage.observer.expect_all_facts();
            stage.crash(B, false);
            registers_again(stage, B, N2);
        },
    },
    Case {
        anomaly: "clean-stop-forgotten",
        good: |stage| comes_back(stage, true),
        bad: |stage| comes_back(stage, false),
    },
    Case {
        anomaly: "registration-regress",
        good: |stage| goes_by(stage, 2),
        bad: |stage| {
            goes_by(stage, 2);
            goes_by(stage, 1);
        },
    },
    Case {
        anomaly: "acts-before-registration",
        good: |stage| {
            registers_again(stage, B, B);
            stage.observer.expect_all_facts();
            stage.follow(B, 1, A);
        },
        bad: |stage| {
            applies(stage, B, Offset(0));
            stage.observer.expect_all_facts();
            stage.follow(B, 1, A);
        },
    },
    Case {
        anomaly: "needless-sequence-refusal",
        good: |stage| {
            stage.lead(A, 1, sequenced(2, 1, 0));
            refuses(stage, 1, 2, false);
            refuses(stage, 0, 7, true);
            refuses(stage, 2, 4, false);
            for offset in 1..7 {
                stage.lead(A, 1, sequenced(2 + offset, 1, offset as i32));
            }
            refuses(stage, 1, 1, false);
        },
        bad: |stage| {
            for offset in 0..5 {
                stage.lead(A, 1, sequenced(2 + offset, 1, offset as i32));
            }
            refuses(stage, 1, 0, false);
        },
    },
    Case {
        anomaly: "epoch-not-from-zero",
        good: |stage| {
            stage.lead(A, 1, sequenced(2, 1, 0));
            // A trace that leaves facts out says nothing.
            refuses(stage, 2, 4, false);
            stage.observer.expect_all_facts();
            refuses(stage, 1, 4, false);
            stage.lead(A, 1, sequenced(3, 2, 0));
            refuses(stage, 2, 4, false);
        },
        bad: |stage| {
            stage.lead(A, 1, sequenced(2, 1, 0));
            stage.observer.expect_all_facts();
            refuses(stage, 2, 4, false);
        },
    },
    Case {
        anomaly: "unfenced-read",
        good: |stage| {
            ends_offset(stage, 1);
            ends_offset(stage, -1);
        },
        bad: |stage| ends_offset(stage, 0),
    },
    Case {
        anomaly: "read-across-truncation",
        good: |stage| {
            stage.serve(A, 1, 0, &[plain(0)]);
            unclean(stage);
            stage.serve(B, 2, 0, &[record(0, 2, 8)]);
            stage.serve(B, 2, 1, &[record(1, 2, 9)]);
            // The next leader has other records there, of an older epoch: KIP-320 asks for the end of that epoch.
            unclean_again(stage);
            stage.serve(A, 3, 2, &[record(2, 3, 20)]);
        },
        bad: |stage| {
            stage.serve(A, 1, 0, &[plain(0)]);
            unclean(stage);
            stage.serve(B, 2, 1, &[record(1, 2, 9)]);
        },
    },
    Case {
        anomaly: "reset-against-policy",
        good: |stage| {
            // What a consumer got before says nothing about where it goes on then.
            stage.serve(A, 1, 0, &[plain(0)]);
            unclean(stage);
            resets(stage, 1001, 0);
            stage.serve(B, 2, 1, &[record(1, 2, 9)]);
            stage.observer.expect_all_facts();
            ends_offset(stage, 1);
            resets(stage, 1002, 2);
        },
        bad: |stage| {
            ends_offset(stage, 1);
            resets(stage, 1001, 2);
        },
    },
    Case {
        anomaly: "elr-incomplete",
        good: |stage| shrinks(stage, &[B, C]),
        bad: |stage| shrinks(stage, &[B]),
    },
    Case {
        anomaly: "controller-epoch-resumed",
        good: |stage| {
            leads_quorum(stage, 1);
            stage.observer.process_started(0, N1);
            leads_quorum(stage, 2);
        },
        bad: |stage| {
            leads_quorum(stage, 1);
            stage.observer.process_started(0, N1);
            leads_quorum(stage, 1);
        },
    },
    Case {
        anomaly: "metadata-commit-not-durable",
        good: |stage| {
            replicates(stage);
            stage.note(N2, &Note::Quorum(QuorumNote::LogSynced { end: Offset(1) }));
            quorum_commit(stage, N1, 1, 1);
        },
        bad: |stage| {
            replicates(stage);
            stage.observer.disk_answers(N2, false);
            stage.note(N2, &Note::Quorum(QuorumNote::LogSynced { end: Offset(1) }));
            quorum_commit(stage, N1, 1, 1);
        },
    },
    Case {
        anomaly: "unfenced-unready",
        good: |stage| {
            // What a process that has ended had said is not known any more.
            registers_again(stage, B, N2);
            stage.crash(B, false);
            stage.observer.process_started(0, B);
            stage.observer.expect_all_facts();
            changes(stage, false, false);
        },
        bad: |stage| {
            registers_again(stage, B, N2);
            stage.observer.expect_all_facts();
            changes(stage, false, false);
        },
    },
    Case {
        anomaly: "shutdown-unasked",
        good: |stage| {
            registers_again(stage, B, B);
            stage.observer.expect_all_facts();
            changes(stage, false, false);
            asks_to_stop(stage);
            changes(stage, false, true);
        },
        bad: |stage| {
            asks_to_stop(stage);
            stops(stage, true);
            stage.observer.process_started(0, B);
            registers_again(stage, B, B);
            stage.observer.expect_all_facts();
            changes(stage, false, false);
            changes(stage, false, true);
        },
    },
    Case {
        anomaly: "isr-join-ineligible",
        good: |stage| candidate(stage, (false, false), false),
        bad: |stage| candidate(stage, (true, false), false),
    },
    Case {
        anomaly: "recovery-kept-damage",
        good: |stage| finds(stage, 2, true),
        bad: |stage| finds(stage, 2, false),
    },
];

/// C leads in epoch 2, where it appended two records.
fn begins_second(stage: &mut Stage) {
    stage.elect(C, 2, &[C, A, B]);
    stage.became_leader(C, 2, &[C, A, B]);
    stage.observer.expect_all_facts();
    stage.lead(C, 2, record(2, 2, 7));
    stage.lead(C, 2, record(3, 2, 8));
}

fn reopened(batches: Vec<BatchSummary>) -> Note {
    let log_end_offset = batches.last().map_or(Offset(0), |last| last.last_offset.next());
    Note::Log(LogNote::Recovered {
        partition: X,
        log_start_offset: Offset(0),
        log_end_offset,
        high_watermark: Offset(0),
        clean: false,
        batches,
    })
}

/// It was told where epoch 2 ends, as the leader knows no epoch between that and its own: that it read epoch 1 below,
/// and 3 behind, it cannot know any more.
#[test]
fn a_consumer_goes_on_where_it_was_told_that_the_log_was_cut() {
    let found = outcome(|stage| {
        stage.serve(A, 1, 0, &[plain(0), plain(1)]);
        unclean(stage);
        unclean_again(stage);
        stage.serve(A, 3, 2, &[record(2, 3, 20)]);
        let next = stage.next(Some(B), 4, &[B]);
        stage.registered(X, next, true);
        stage.became_leader(B, 4, &[B]);
        stage.lead(B, 4, record(2, 4, 30));
        stage.leader_high_watermark(B, 4, 3);
        finds_cut(stage, 3, 2);
        stage.serve(B, 4, 2, &[record(2, 4, 30)]);
    });
    assert!(found.is_empty(), "{found:?}");
}

/// An anomaly and what shows it.
type Variant = (&'static str, fn(&mut Stage));

/// The ways to break one rule that its one bad case does not show.
#[test]
fn other_ways_to_break_the_same_rule() {
    let variants: [Variant; 9] = [
        ("needless-sequence-refusal", |stage| refuses(stage, 0, 3, false)),
        ("needless-sequence-refusal", |stage| {
            stage.lead(A, 1, sequenced(2, 1, 0));
            refuses(stage, 1, 1, false);
        }),
        ("needless-sequence-refusal", |stage| {
            stage.lead(A, 1, sequenced(2, 1, 0));
            refuses(stage, 1, 9, true);
        }),
        ("needless-sequence-refusal", |stage| {
            stage.lead(A, 1, sequenced(2, 1, 0));
            refuses(stage, 2, 0, false);
        }),
        ("reset-against-policy", |stage| {
            stage.observer.expect_all_facts();
            ends_offset(stage, 1);
            resets(stage, 1002, 0);
        }),
        // From the middle of a batch, and of an answer.
        ("read-across-truncation", |stage| {
            let batch = BatchSummary { last_offset: Offset(3), ..record(2, 1, 77) };
            stage.lead(A, 1, batch);
            stage.append_all(&[B, C], 1, batch);
            stage.leader_high_watermark(A, 1, 4);
            stage.serve(A, 1, 2, &[batch]);
            unclean(stage);
            for offset in 2..4 {
                stage.lead(B, 2, record(offset, 2, 8 + offset as u32));
            }
            stage.leader_high_watermark(B, 2, 4);
            stage.serve(B, 2, 3, &[record(3, 2, 11)]);
        }),
        ("read-across-truncation", |stage| {
            stage.serve(A, 1, 0, &[plain(0), plain(1)]);
            unclean(stage);
            stage.serve(B, 2, 1, &[record(1, 2, 9)]);
        }),
        // Told of a cut, but of too late a one: it had read nothing newer than what is there.
        ("read-across-truncation", |stage| {
            stage.serve(A, 1, 0, &[plain(0), plain(1)]);
            unclean(stage);
            finds_cut(stage, 2, 1);
            stage.serve(B, 2, 1, &[record(1, 2, 9)]);
        }),
        ("seq-gap", |stage| {
            stage.observer.expect_all_facts();
            stage.lead(A, 1, sequenced(2, 0, 4));
            stage.append_all(&[B, C], 1, sequenced(2, 0, 4));
            for follower in [B, C] {
                let known = stage.observer.view().registry().broker(follower);
                let broker_epoch = known.expect("it is registered").broker_epoch.0;
                heard(stage, follower, 1, broker_epoch);
            }
            stage.leader_high_watermark(A, 1, 3);
        }),
    ];
    each_is_found(&variants);
}

/// The same of rules about logs.
#[test]
fn who_lacks_the_epoch_that_is_named_goes_back_to_the_end_of_the_one_before() {
    for (to, found) in [(2, false), (3, true)] {
        let mut stage = super::case::stage();
        stage.append(B, 3, record(2, 3, 0));
        // At A epoch 2 ends in the middle of what is epoch 1 at B.
        diverges(&mut stage, 2, 1);
        stage.truncate(B, to);
        let names = stage.found();
        assert_eq!(names.iter().any(|name| name == "divergence-kept"), found, "{to}: {names:?}");
    }
}

#[test]
fn other_ways_to_break_a_rule_about_logs() {
    let variants: [Variant; 7] = [
        ("recovery-kept-damage", |stage| finds(stage, 1, true)),
        ("log-matching", |stage| {
            // B has a record of epoch 1 where epoch 2 began, and goes on with the next one.
            begins_second(stage);
            stage.append(B, 1, plain(2));
            stage.append(B, 2, record(3, 2, 8));
        }),
        ("log-matching", |stage| {
            begins_second(stage);
            stage.append(B, 1, plain(2));
            stage.truncate(B, 2);
            stage.append_all(&[B], 2, record(2, 2, 7));
            stage.append_all(&[B], 2, record(3, 2, 8));
            // A cut is undone by a power loss, but for the last record.
            stage.crash(B, true);
            stage.observer.process_started(0, B);
            let batches = vec![plain(0), plain(1), plain(2), record(3, 2, 8)];
            stage.note(B, &reopened(batches));
        }),
        ("isr-join-too-early", |stage| {
            // C lost what A had heard it has, and A knows of its next uptime.
            stage.elect(A, 1, &[A, B]);
            stage.isr_committed(A, 1, &[A, B]);
            stage.follow(C, 1, A);
            stage.crash(C, true);
            stage.observer.process_started(0, C);
            stage.boot(C, X, 1);
            registers_again(stage, C, A);
            stage.follow(C, 1, A);
            let (from, to) = (vec![A, B], vec![A, B, C]);
            let leader_epoch = LeaderEpoch(1);
            stage.note(
                A,
                &Note::Replication(ReplicationNote::IsrProposed {
                    partition: X,
                    leader_epoch,
                    from,
                    to,
                    out_of_sync: Vec::new(),
                }),
            );
        }),
        ("epoch-cache-mismatch", |stage| knows(stage, &[(1, 0), (2, 1)])),
        ("epoch-end-wrong", |stage| {
            let (epoch, asked) = (LeaderEpoch(0), LeaderEpoch(0));
            let end_offset = Offset(2);
            let leader_epoch = LeaderEpoch(1);
            let note = Note::Consumer(ConsumerNote::EpochEndServed {
                partition: X,
                leader_epoch,
                asked,
                epoch,
                end_offset,
            });
            stage.note(A, &note);
        }),
        ("epoch-end-wrong", |stage| diverges(stage, 2, 2)),
    ];
    each_is_found(&variants);
}

/// C is known to A to be fenced or to shut down, or to be of another uptime than A heard of.
#[test]
fn a_replica_that_is_not_active_is_no_candidate() {
    // (fenced, shutting down, heard of in an earlier uptime)
    let table = [
        ((false, false, false), &[][..]),
        ((true, false, false), &["isr-join-ineligible"][..]),
        ((false, true, false), &["isr-join-ineligible"][..]),
        ((false, false, true), &["isr-join-ineligible"][..]),
    ];
    for ((fenced, shutting_down, earlier), expected) in table {
        let mut stage = super::case::stage();
        candidate(&mut stage, (fenced, shutting_down), earlier);
        assert_eq!(stage.found(), expected, "{fenced}, {shutting_down}, {earlier}");
    }
}

/// A, who leads A and B, proposes C as well.
pub(super) fn candidate(stage: &mut Stage, (fenced, shutting_down): (bool, bool), earlier: bool) {
    stage.elect(A, 1, &[A, B]);
    stage.isr_committed(A, 1, &[A, B]);
    let broker_epoch = stage.observer.view().registry().broker(C).expect("known").broker_epoch;
    let offset = stage.metadata_end();
    let change = MetadataChange::BrokerChanged { broker: C, broker_epoch, fenced, shutting_down };
    stage.metadata(change);
    applies(stage, A, offset);
    let heard = if earlier { broker_epoch.0 - 1 } else { broker_epoch.0 };
    heard_by(stage, heard);
    stage.found();
    stage.observer.expect_all_facts();
    let (from, to) = (vec![A, B], vec![A, B, C]);
    let (partition, leader_epoch) = (X, LeaderEpoch(1));
    let out_of_sync = Vec::new();
    let proposed = ReplicationNote::IsrProposed { partition, leader_epoch, from, to, out_of_sync };
    stage.note(A, &Note::Replication(proposed));
}

fn heard_by(stage: &mut Stage, broker_epoch: i64) {
    let heard = ReplicationNote::FollowerHeard {
        partition: X,
        leader_epoch: LeaderEpoch(1),
        follower: C,
        current_leader_epoch: LeaderEpoch(1),
        broker_epoch: BrokerEpoch(broker_epoch),
        fetch_offset: Offset(2),
    };
    stage.note(A, &Note::Replication(heard));
}

/// Who leads knows the epoch in which it does.
#[test]
fn a_leader_knows_its_own_epoch() {
    for (epochs, expected) in
        [(&[(1, 0), (2, 2)][..], &[][..]), (&[(1, 0)][..], &["epoch-cache-mismatch"][..])]
    {
        let mut stage = super::case::stage();
        stage.elect(B, 2, &[A, B, C]);
        stage.became_leader(B, 2, &[A, B, C]);
        assert_eq!(stage.found(), Vec::<String>::new());
        knows(&mut stage, epochs);
        assert_eq!(stage.found(), expected, "{epochs:?}");
    }
}

fn each_is_found(variants: &[Variant]) {
    for (anomaly, play) in variants {
        assert_eq!(super::case::outcome(*play), [*anomaly]);
    }
}

#[test]
fn an_epoch_may_begin_where_its_leader_began_it() {
    let sound: fn(&mut Stage) = |stage| {
        begins_second(stage);
        stage.append(B, 2, record(2, 2, 7));
        stage.append(B, 2, record(3, 2, 8));
        stage.crash(B, true);
        stage.observer.process_started(0, B);
        stage.note(B, &reopened(vec![plain(0), plain(1), record(2, 2, 7)]));
        stage.append(B, 2, record(3, 2, 8));
    };
    assert_eq!(super::case::outcome(sound), Vec::<String>::new());
}
