//! What is due when nothing stands in the way, and what covers the log below it.

use harrow_broker_model::message::{BrokerHeartbeatRequest, ControllerRequest, RequestBody};
use harrow_broker_model::note::{
    Api, AppendOrigin, BatchSummary, BrokerNote, BrokerState, ControllerNote, DeletionReason,
    ExchangeNote, LogNote, MetadataChange, Note, QuorumRole, ReplicationNote,
};
use harrow_broker_model::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, TopicPartition};
use harrow_sim::watch::LastingFaults;

use super::case::{Case, outcome, plain};
use crate::stage::{A, B, C, N1, N2, N3, Stage, X, record};

/// Time goes on for so long; N1 leads the quorum if it is to, and N2 fetches from it.
pub(super) fn passes(stage: &mut Stage, seconds: u32) {
    passes_and_hears_of(stage, seconds, &[A, B, C]);
}

/// As [`passes`], while the controller hears of these brokers.
fn passes_and_hears_of(stage: &mut Stage, seconds: u32, brokers: &[NodeId]) {
    for _ in 0..seconds {
        stage.wait_ms(1_000);
        for broker in brokers {
            heartbeat(stage, *broker);
        }
        let now_ns = stage.now_ns();
        stage.observer.quorum_fetched(now_ns, N1, N2, LeaderEpoch(1));
        let (state, broker_epoch) = (BrokerState::Running, BrokerEpoch(0));
        stage.note(A, &Note::Broker(BrokerNote::StateChanged { state, broker_epoch }));
    }
}

/// N1 is the active controller, and everything is stated from now on. A leads, and B and C follow.
pub(super) fn begins(stage: &mut Stage) {
    begins_at(stage, 2);
}

/// As [`begins`]; B and C have all up to an offset.
pub(super) fn begins_at(stage: &mut Stage, end: i64) {
    stage.follow(B, 1, A);
    stage.follow(C, 1, A);
    controls(stage);
    for node in [B, C] {
        hears(stage, node, end);
    }
}

/// N1 is the active controller, and everything is stated from now on.
fn controls(stage: &mut Stage) {
    stage.quorum_state(N1, 1, QuorumRole::Leader, Some(N1));
    let activated = ControllerNote::Activated { epoch: LeaderEpoch(1), active: true };
    stage.note(N1, &Note::Controller(activated));
    stage.observer.expect_all_facts();
}

fn heartbeat(stage: &mut Stage, by: NodeId) {
    let api = Api::BrokerHeartbeat;
    let note = ExchangeNote::RequestServed { api, partition: None, by, named: 0, own: 0 };
    stage.note(N1, &Note::Exchange(note));
}

/// The uptime of a broker that is registered is told to stop.
fn stops(stage: &mut Stage, broker: NodeId) {
    let (state, broker_epoch) = (BrokerState::ShuttingDown, epoch_of(stage, broker));
    stage.note(broker, &Note::Broker(BrokerNote::StateChanged { state, broker_epoch }));
}

/// N1 takes a broker out of the ISR, and fences it a second after it became active.
fn fences(stage: &mut Stage, broker: NodeId) {
    stage.wait_ms(1_000);
    let stay: Vec<NodeId> = [A, B, C].into_iter().filter(|it| *it != broker).collect();
    stage.elect(A, 1, &stay);
    stage.partition = TopicPartition::METADATA;
    let batch = BatchSummary { last_offset: stage.metadata_end(), ..plain(0) };
    stage.lead(N1, 1, batch);
    stage.partition = X;
    is_fenced(stage, broker);
}

fn is_fenced(stage: &mut Stage, broker: NodeId) {
    let broker_epoch = epoch_of(stage, broker);
    stage.metadata(MetadataChange::BrokerChanged {
        broker,
        broker_epoch,
        fenced: true,
        shutting_down: false,
    });
}

fn epoch_of(stage: &Stage, broker: NodeId) -> BrokerEpoch {
    let known = stage.observer.view().registry().broker(broker);
    known.expect("it is registered").broker_epoch
}

fn hears(stage: &mut Stage, follower: NodeId, end: i64) {
    hears_in(stage, (follower, BrokerEpoch(-1)), end);
}

fn hears_in(stage: &mut Stage, (follower, broker_epoch): (NodeId, BrokerEpoch), end: i64) {
    let note = Note::Replication(ReplicationNote::FollowerHeard {
        partition: X,
        leader_epoch: LeaderEpoch(1),
        follower,
        current_leader_epoch: LeaderEpoch(1),
        broker_epoch,
        fetch_offset: Offset(end),
    });
    stage.note(A, &note);
}

fn replicate_third(stage: &mut Stage) {
    stage.lead(A, 1, plain(2));
    stage.append_all(&[B, C], 1, plain(2));
}

/// The logs of these begin at the second record, which all know to be committed.
fn starts_later(stage: &mut Stage, nodes: &[NodeId]) {
    begins(stage);
    for node in [B, C] {
        stage.high_watermark(node, 1, false, 2);
    }
    for node in nodes {
        stage.delete(*node, 1, DeletionReason::DeleteRecords);
    }
}

/// C is outside of the ISR, and has all.
fn leaves_out(stage: &mut Stage) {
    stage.elect(A, 1, &[A, B]);
    stage.isr_committed(A, 1, &[A, B]);
}

/// Nobody leads; B is eligible.
fn leaderless(stage: &mut Stage) {
    let mut next = stage.next(None, 2, &[]);
    next.elr = vec![B];
    stage.registered(X, next, false);
}

/// B leads, and these are in sync; A, the first replica, runs or not.
fn leads_in_place(stage: &mut Stage, isr: &[NodeId]) {
    stage.elect(B, 2, isr);
    stage.became_leader(B, 2, isr);
    stage.leader_high_watermark(B, 2, 2);
    stage.follow(C, 2, B);
    if isr.contains(&A) {
        stage.follow(A, 2, B);
    } else {
        stage.crash(A, false);
    }
    controls(stage);
}

fn fence(stage: &mut Stage, broker: NodeId) {
    let broker_epoch = stage.observer.view().registry().broker(broker).expect("known").broker_epoch;
    let change =
        MetadataChange::BrokerChanged { broker, broker_epoch, fenced: true, shutting_down: false };
    stage.metadata(change);
}

/// B, which is not in sync, has other records than those that are committed, of an earlier epoch.
fn has_others(stage: &mut Stage) {
    stage.elect(A, 1, &[A, C]);
    stage.isr_committed(A, 1, &[A, C]);
    stage.truncate(B, 0);
    (0..2).for_each(|offset| stage.append(B, 0, record(offset, 0, 900 + offset as u32)));
}

/// A is elected again, with all that is committed, but by an election that is allowed to lose some of it.
fn loses_legally(stage: &mut Stage) {
    let mut nobody = stage.next(None, 2, &[]);
    nobody.last_known_leader = Some(A);
    stage.registered(X, nobody, false);
    let next = stage.next(Some(A), 3, &[A]);
    stage.registered(X, next, true);
}

/// B, which is not in sync, has a log that begins with its second record, which is this one.
fn begins_at_second(stage: &mut Stage, second: BatchSummary) {
    stage.elect(A, 1, &[A, C]);
    stage.isr_committed(A, 1, &[A, C]);
    stage.discard(B);
    stage.truncate(B, 1);
    stage.append(B, second.leader_epoch.0, second);
}

/// C loses its second record with the power and is heard again in its new uptime, at the first one.
fn comes_back_short(stage: &mut Stage) {
    stage.observer.expect_all_facts();
    stage.follow(B, 1, A);
    hears(stage, B, 2);
    stage.crash(C, true);
    stage.boot(C, X, 1);
    stage.broker_registered(C);
    stage.follow(C, 1, A);
    let broker_epoch = stage.observer.view().registry().broker(C).expect("known").broker_epoch;
    hears_in(stage, (C, broker_epoch), 1);
}

/// A raises its high watermark to what it and B have.
fn commits_third(stage: &mut Stage) {
    stage.lead(A, 1, plain(2));
    stage.append_all(&[B], 1, plain(2));
    stage.leader_high_watermark(A, 1, 3);
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "commit-overdue",
        good: |stage| {
            begins(stage);
            replicate_third(stage);
            stage.leader_high_watermark(A, 1, 3);
            passes(stage, 100);
        },
        bad: |stage| {
            begins(stage);
            replicate_third(stage);
            passes(stage, 100);
        },
    },
    Case {
        anomaly: "expansion-overdue",
        good: |stage| {
            begins(stage);
            passes(stage, 100);
        },
        bad: |stage| {
            leaves_out(stage);
            begins(stage);
            passes(stage, 100);
        },
    },
    Case {
        anomaly: "log-start-overdue",
        good: |stage| {
            starts_later(stage, &[A, B, C]);
            passes(stage, 100);
        },
        bad: |stage| {
            starts_later(stage, &[A, C]);
            passes(stage, 100);
        },
    },
    Case {
        anomaly: "election-overdue",
        good: |stage| {
            leaderless(stage);
            fence(stage, B);
            begins(stage);
            passes(stage, 5);
        },
        bad: |stage| {
            leaderless(stage);
            begins(stage);
            passes(stage, 5);
        },
    },
    Case {
        anomaly: "preferred-leader-overdue",
        good: |stage| {
            leads_in_place(stage, &[B, C]);
            passes(stage, 300);
        },
        bad: |stage| {
            leads_in_place(stage, &[A, B, C]);
            passes(stage, 300);
        },
    },
    Case {
        anomaly: "fencing-overdue",
        good: |stage| {
            begins(stage);
            passes(stage, 100);
        },
        bad: |stage| {
            begins(stage);
            passes_and_hears_of(stage, 100, &[A, B]);
        },
    },
    Case {
        anomaly: "fenced-in-session",
        good: |stage| {
            begins(stage);
            stops(stage, C);
            fences(stage, C);
        },
        bad: |stage| {
            begins(stage);
            fences(stage, C);
        },
    },
    Case {
        anomaly: "quorum-election-overdue",
        good: |stage| {
            begins(stage);
            passes(stage, 100);
        },
        bad: |stage| {
            stage.observer.expect_all_facts();
            passes(stage, 100);
        },
    },
    Case {
        anomaly: "high-watermark-differs",
        good: |stage| {
            has_others(stage);
            stage.high_watermark(C, 1, false, 1);
        },
        bad: |stage| {
            has_others(stage);
            stage.high_watermark(B, 1, false, 1);
        },
    },
    Case {
        anomaly: "high-watermark-differs",
        good: |stage| {
            has_others(stage);
            loses_legally(stage);
            stage.high_watermark(B, 1, false, 1);
        },
        bad: |stage| {
            has_others(stage);
            loses_legally(stage);
            stage.follow(B, 3, A);
            stage.high_watermark(B, 3, false, 1);
        },
    },
    Case {
        anomaly: "high-watermark-differs",
        good: |stage| {
            begins_at_second(stage, plain(1));
            stage.high_watermark(B, 1, false, 2);
        },
        bad: |stage| {
            begins_at_second(stage, record(1, 0, 901));
            stage.high_watermark(B, 1, false, 2);
        },
    },
    Case {
        anomaly: "high-watermark-ahead",
        good: |stage| {
            stage.append_all(&[A, B], 1, plain(2));
            loses_legally(stage);
            stage.high_watermark(B, 1, false, 3);
        },
        bad: |stage| {
            stage.append_all(&[A, B], 1, plain(2));
            loses_legally(stage);
            stage.follow(B, 3, A);
            stage.high_watermark(B, 3, false, 3);
        },
    },
    Case {
        anomaly: "end-offset-differs",
        good: |stage| {
            has_others(stage);
            stage.end_offset(B, 0, 0);
        },
        bad: |stage| {
            has_others(stage);
            stage.end_offset(B, 0, 1);
        },
    },
    Case {
        anomaly: "heard-of-other-log",
        good: |stage| {
            stage.follow(B, 1, A);
            hears(stage, B, 2);
        },
        bad: |stage| {
            has_others(stage);
            stage.follow(B, 1, A);
            hears(stage, B, 2);
        },
    },
];

/// A broker that says that it is not ready is fenced for that.
#[test]
fn who_wants_to_be_fenced_is_fenced_in_its_session() {
    for (want_fence, expected) in [(true, &[][..]), (false, &["fenced-in-session"])] {
        let found = outcome(if want_fence { wants_fence } else { wants_nothing });
        assert_eq!(found, expected, "it wants to be fenced: {want_fence}");
    }
}

fn wants_fence(stage: &mut Stage) {
    wishes(stage, true);
}

fn wants_nothing(stage: &mut Stage) {
    wishes(stage, false);
}

/// C is heard of, and is fenced in the same event.
fn wishes(stage: &mut Stage, want_fence: bool) {
    begins(stage);
    stage.wait_ms(1_000);
    stage.elect(A, 1, &[A, B]);
    let request = BrokerHeartbeatRequest {
        broker: C,
        broker_epoch: epoch_of(stage, C),
        metadata_offset: Offset(0),
        want_fence,
        want_shutdown: false,
        offline_log_dirs: Box::default(),
    };
    let request = ControllerRequest::BrokerHeartbeat(request);
    stage.asks(N1, (1, 1), RequestBody::Controller(request));
    let batch = BatchSummary { last_offset: stage.metadata_end(), ..plain(0) };
    stage.note_at_once(
        N1,
        &Note::Log(LogNote::Appended {
            partition: TopicPartition::METADATA,
            batch,
            origin: AppendOrigin::Leader,
            leader_epoch: LeaderEpoch(1),
            acks: 0,
        }),
    );
    is_fenced(stage, C);
}

/// A fault begins that touches these nodes, or cuts these links both ways.
fn hinders(stage: &mut Stage, nodes: &[NodeId], cut: &[(NodeId, NodeId)]) {
    let both = cut.iter().flat_map(|(one, other)| [(*one, *other), (*other, *one)]);
    let lasting = LastingFaults { nodes: nodes.to_vec(), cuts: both.collect() };
    let now_ns = stage.now_ns();
    stage.observer.disturbed(now_ns, &lasting);
}

/// What makes it right that nothing happens, and what does not.
#[test]
fn nothing_is_due_while_something_stands_in_the_way() {
    type Variant = (&'static str, fn(&mut Stage), bool);
    let variants: [Variant; 12] = [
        ("nothing", |_| {}, true),
        ("a fault lasts at the leader", |stage| hinders(stage, &[A], &[]), false),
        ("a fault lasts at a member", |stage| hinders(stage, &[C], &[]), false),
        ("a member is cut from the leader", |stage| hinders(stage, &[], &[(A, C)]), false),
        ("members are cut from each other", |stage| hinders(stage, &[], &[(B, C)]), true),
        (
            "the leader is cut from the controllers",
            |stage| {
                hinders(stage, &[], &[(A, N1), (A, N2), (A, N3)]);
            },
            true,
        ),
        (
            "the controllers are down",
            |stage| [N1, N2, N3].iter().for_each(|it| stage.crash(*it, false)),
            true,
        ),
        ("a member is down", |stage| stage.crash(C, false), false),
        (
            "the leader stands still",
            |stage| {
                let now_ns = stage.now_ns();
                stage.observer.process_blocked(now_ns, A, true);
            },
            false,
        ),
        (
            "connections of a member were reset, and messages are on their way",
            |stage| {
                let now_ns = stage.now_ns();
                stage.observer.connections_reset(now_ns + 200_000_000_000, C);
            },
            false,
        ),
        (
            "the fault has just ended",
            |stage| {
                hinders(stage, &[A], &[]);
                passes(stage, 99);
                hinders(stage, &[], &[]);
            },
            false,
        ),
        (
            "what a slow link held when its fault ended is still on its way",
            |stage| {
                hinders(stage, &[A], &[]);
                let now_ns = stage.now_ns();
                stage.observer.disturbed(now_ns + 200_000_000_000, &LastingFaults::default());
            },
            false,
        ),
    ];
    for (name, variant, overdue) in variants {
        let mut stage = super::case::stage();
        begins(&mut stage);
        replicate_third(&mut stage);
        variant(&mut stage);
        let is_recent = name.contains("just");
        passes(&mut stage, if is_recent { 1 } else { 100 });
        let found = stage.found();
        assert_eq!(found.contains(&"commit-overdue".to_owned()), overdue, "{name}: {found:?}");
    }
}

/// What a member lost with the power, its leader counts no more once it has heard of it in its new uptime. That it is a
/// member still, other rules tell as well.
#[test]
fn a_leader_counts_only_what_a_member_has_in_its_new_uptime() {
    for (has_all, told) in [(true, false), (false, true)] {
        let mut stage = super::case::stage();
        comes_back_short(&mut stage);
        if has_all {
            (1..3).for_each(|offset| stage.append(C, 1, plain(offset)));
        }
        commits_third(&mut stage);
        let found = stage.found();
        assert_eq!(found.contains(&"heard-of-other-log".to_owned()), told, "{found:?}");
    }
}

/// Whoever is outside of the ISR and down, or hindered, does not hold a commit up for long.
#[test]
fn who_is_outside_stops_no_commit() {
    type Variant = (&'static str, fn(&mut Stage), u32, bool);
    let variants: [Variant; 4] = [
        ("it follows and lacks the record", |_| {}, 100, false),
        ("it is down", |stage| stage.crash(C, false), 100, true),
        ("it has been down for a moment", |stage| stage.crash(C, false), 5, false),
        ("it is cut off", |stage| hinders(stage, &[], &[(A, C)]), 100, true),
    ];
    for (name, variant, seconds, overdue) in variants {
        let mut stage = super::case::stage();
        leaves_out(&mut stage);
        begins(&mut stage);
        variant(&mut stage);
        stage.lead(A, 1, plain(2));
        stage.append_all(&[B], 1, plain(2));
        passes(&mut stage, seconds);
        let found = stage.found();
        assert_eq!(found.contains(&"commit-overdue".to_owned()), overdue, "{name}: {found:?}");
    }
}

/// Who has all that it needs joins the ISR while those are well that it takes, whoever else is not.
#[test]
fn an_expansion_takes_leader_candidate_and_controllers() {
    type Variant = (&'static str, fn(&mut Stage), bool);
    let variants: [Variant; 11] = [
        ("another member is down", |stage| stage.crash(B, false), true),
        ("a fault lasts at another member", |stage| hinders(stage, &[B], &[]), true),
        ("the others are cut from each other", |stage| hinders(stage, &[], &[(B, C)]), true),
        ("a controller is down", |stage| stage.crash(N3, false), true),
        (
            "two controllers are down",
            |stage| [N2, N3].iter().for_each(|it| stage.crash(*it, false)),
            false,
        ),
        ("a controller is hindered but heard", |stage| hinders(stage, &[N3], &[]), false),
        ("a controller is cut off", |stage| hinders(stage, &[], &[(N3, N1), (N3, N2)]), true),
        ("the candidate is down", |stage| stage.crash(C, false), false),
        ("the candidate is cut from the leader", |stage| hinders(stage, &[], &[(A, C)]), false),
        ("the leader is cut from the controller", |stage| hinders(stage, &[], &[(A, N1)]), false),
        (
            "the leader has not heard of the registration",
            |stage| stage.isr_committed(A, 1, &[A, B, C]),
            true,
        ),
    ];
    for (name, variant, overdue) in variants {
        let mut stage = super::case::stage();
        leaves_out(&mut stage);
        begins(&mut stage);
        variant(&mut stage);
        passes(&mut stage, 100);
        let found = stage.found();
        assert_eq!(found.contains(&"expansion-overdue".to_owned()), overdue, "{name}: {found:?}");
    }
}

/// A majority elects, whoever of the others is down or cut off.
#[test]
fn a_majority_elects_a_leader_of_the_quorum() {
    type Variant = (&'static str, fn(&mut Stage), bool);
    let variants: [Variant; 6] = [
        ("one is down", |stage| stage.crash(N3, false), true),
        ("one is cut off", |stage| hinders(stage, &[], &[(N3, N1), (N3, N2)]), true),
        ("one is cut from one other", |stage| hinders(stage, &[], &[(N3, N1)]), false),
        ("two are down", |stage| [N2, N3].iter().for_each(|it| stage.crash(*it, false)), false),
        ("a fault lasts at one", |stage| hinders(stage, &[N3], &[]), false),
        ("a fault lasts at a broker", |stage| hinders(stage, &[A], &[]), true),
    ];
    for (name, variant, overdue) in variants {
        let mut stage = super::case::stage();
        stage.observer.expect_all_facts();
        variant(&mut stage);
        passes(&mut stage, 100);
        let found = stage.found();
        let is_told = found.contains(&"quorum-election-overdue".to_owned());
        assert_eq!(is_told, overdue, "{name}: {found:?}");
    }
}

/// Time in which too few were in sync to commit anything does not count.
#[test]
fn a_commit_is_not_due_while_too_few_are_in_sync() {
    let mut stage = super::case::stage();
    begins(&mut stage);
    replicate_third(&mut stage);
    passes(&mut stage, 1);
    stage.elect(A, 1, &[A]);
    stage.isr_committed(A, 1, &[A]);
    passes(&mut stage, 100);
    let found = stage.found();
    assert!(!found.contains(&"commit-overdue".to_owned()), "{found:?}");
}

/// A leads alone, with `min.insync.replicas` 1 and a record that is not committed; B and C are fenced, if they are.
fn leads_alone(stage: &mut Stage, others_fenced: bool) {
    stage.elect(A, 1, &[A, B, C]);
    stage.became_leader(A, 1, &[A, B, C]);
    if others_fenced {
        fence(stage, B);
        fence(stage, C);
    }
    stage.elect(A, 1, &[A]);
    stage.isr_committed(A, 1, &[A]);
    super::guards::applies(stage, A, Offset(stage.metadata_end().0 - 1));
    stage.observer.expect_all_facts();
    stage.lead(A, 1, plain(0));
}

/// Nobody else takes part in what a leader does alone: it is due whatever lasts elsewhere, and at once.
#[test]
fn a_leader_that_is_alone_commits_at_once() {
    type Variant = (&'static str, fn(&mut Stage), bool);
    let variants: [Variant; 6] = [
        ("nothing else", |stage| leads_alone(stage, true), true),
        (
            "a fault lasts",
            |stage| {
                leads_alone(stage, true);
                hinders(stage, &[A], &[]);
            },
            true,
        ),
        (
            "it commits",
            |stage| {
                leads_alone(stage, true);
                stage.leader_high_watermark(A, 1, 1);
            },
            false,
        ),
        ("somebody may join", |stage| leads_alone(stage, false), false),
        (
            "it does not know the newest metadata",
            |stage| {
                leads_alone(stage, true);
                stage.broker_registered(NodeId(4));
            },
            false,
        ),
        (
            "it stands still",
            |stage| {
                leads_alone(stage, true);
                let now_ns = stage.now_ns();
                stage.observer.process_blocked(now_ns, A, true);
            },
            false,
        ),
    ];
    for (name, play, found) in variants {
        let mut stage = Stage::new(1, false);
        play(&mut stage);
        passes_and_hears_of(&mut stage, 100, &[A]);
        assert_eq!(stage.found().contains(&"commit-overdue".to_owned()), found, "{name}");
    }
}
