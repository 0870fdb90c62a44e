//! Elections, registrations, memberships and groups.

use harrow_broker_model::client::coordinator_partition;
use harrow_broker_model::note::{
    AcceptedProposal, ControllerNote, GroupNote, MetadataChange, Note, RegisteredAgain,
    ReplicationNote,
};
use harrow_broker_model::types::{
    BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicId, TopicPartition,
};

use super::case::{Case, plain};
use crate::stage::{A, B, C, N1, Stage, X, plan};

/// The ISR is A and B as all know, and C follows again from an offset on.
fn rejoin(stage: &mut Stage, from: i64) {
    stage.elect(A, 1, &[A, B]);
    stage.isr_committed(A, 1, &[A, B]);
    stage.truncate(C, from);
}

fn propose(stage: &mut Stage, epoch: i32) {
    let note = Note::Replication(ReplicationNote::IsrProposed {
        partition: X,
        leader_epoch: LeaderEpoch(epoch),
        from: vec![A, B],
        to: vec![A, B, C],
        out_of_sync: Vec::new(),
    });
    stage.note(A, &note);
}

/// A coordinator answers what rests on the records before this offset.
fn answer(stage: &mut Stage, end: i64) {
    let note = Note::Group(GroupNote::WriteAnswered {
        partition: X,
        leader_epoch: LeaderEpoch(0),
        end: Offset(end),
    });
    stage.note(A, &note);
}

fn fence(stage: &mut Stage, broker: NodeId) {
    stage.metadata(MetadataChange::BrokerChanged {
        broker,
        broker_epoch: BrokerEpoch(0),
        fenced: true,
        shutting_down: false,
    });
}

fn register(stage: &mut Stage, broker: NodeId, broker_epoch: i64, unclean: bool) {
    let broker_epoch = BrokerEpoch(broker_epoch);
    stage.metadata(MetadataChange::BrokerRegistered {
        broker,
        broker_epoch,
        unclean,
        again: RegisteredAgain::default(),
    });
}

/// The controller takes an ISR from a broker and commits it.
fn accept(stage: &mut Stage, broker: NodeId, member_epoch: i64, behind: i32) {
    let next = stage.next(Some(A), 1, &[A, C]);
    let note = Note::Controller(ControllerNote::IsrProposalAccepted {
        partition: X,
        offset: stage.metadata_end(),
        controller_epoch: LeaderEpoch(1),
        proposal: Box::new(AcceptedProposal {
            broker,
            broker_epoch: BrokerEpoch::NONE,
            leader_epoch: LeaderEpoch(1),
            partition_epoch: PartitionEpoch(next.partition_epoch.0 - 1 - behind),
            members: vec![(A, BrokerEpoch::NONE), (C, BrokerEpoch(member_epoch))],
        }),
    });
    stage.note(N1, &note);
    stage.registered(X, next, false);
}

/// The epoch in which the stage registers a broker.
fn epoch_of(stage: &Stage, broker: NodeId) -> i64 {
    let known = stage.observer.view().registry().broker(broker);
    known.expect("the stage registers it").broker_epoch.0
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "leader-completeness",
        good: |stage| stage.elect(B, 2, &[B, C]),
        bad: |stage| {
            rejoin(stage, 1);
            stage.elect(C, 2, &[C]);
        },
    },
    Case {
        anomaly: "illegal-unclean-election",
        good: |stage| {
            let mut nobody = stage.next(None, 2, &[]);
            nobody.last_known_leader = Some(A);
            stage.registered(X, nobody, false);
            let next = stage.next(Some(A), 3, &[A]);
            stage.registered(X, next, true);
        },
        bad: |stage| {
            let next = stage.next(Some(B), 2, &[B]);
            stage.registered(X, next, true);
        },
    },
    Case {
        anomaly: "dual-leader",
        good: |stage| {
            stage.elect(B, 2, &[B, C]);
            stage.became_leader(B, 2, &[B, C]);
        },
        bad: |stage| stage.became_leader(B, 1, &[A, B, C]),
    },
    Case {
        anomaly: "epoch-regress",
        good: |stage| stage.elect(B, 2, &[A, B, C]),
        bad: |stage| stage.elect(A, 0, &[A, B, C]),
    },
    Case {
        anomaly: "needless-election",
        good: |stage| {
            stage.observer.expect_all_facts();
            stage.elect(B, 2, &[B, C]);
            stage.elect(B, 2, &[A, B, C]);
            stage.elect(A, 3, &[A, B, C]);
        },
        bad: |stage| {
            stage.observer.expect_all_facts();
            stage.elect(B, 2, &[A, B, C]);
        },
    },
    Case {
        anomaly: "leader-not-in-isr",
        good: |stage| stage.elect(A, 1, &[A, B]),
        bad: |stage| stage.elect(A, 1, &[B, C]),
    },
    Case {
        anomaly: "registration-shape",
        good: |stage| {
            let mut next = stage.next(Some(A), 1, &[A]);
            next.elr = vec![B];
            stage.registered(X, next, false);
        },
        bad: |stage| {
            let mut next = stage.next(Some(A), 1, &[A, B]);
            next.elr = vec![C];
            stage.registered(X, next, false);
        },
    },
    Case {
        anomaly: "isr-elr-overlap",
        good: |stage| {
            let mut next = stage.next(Some(A), 1, &[A]);
            next.elr = vec![B, C];
            stage.registered(X, next, false);
        },
        bad: |stage| {
            let mut next = stage.next(Some(A), 1, &[A]);
            next.elr = vec![A];
            stage.registered(X, next, false);
        },
    },
    Case {
        anomaly: "fenced-in-isr",
        good: |stage| {
            stage.elect(A, 1, &[A, B]);
            fence(stage, C);
        },
        bad: |stage| fence(stage, C),
    },
    Case {
        anomaly: "broker-epoch-regress",
        good: |stage| {
            let epoch = epoch_of(stage, C);
            register(stage, C, epoch + 1, false);
        },
        bad: |stage| {
            let epoch = epoch_of(stage, C);
            register(stage, C, epoch, false);
        },
    },
    Case {
        anomaly: "uptime-registered-twice",
        good: |stage| {
            let epoch = epoch_of(stage, C);
            register(stage, C, epoch + 1, false);
        },
        bad: |stage| {
            let broker_epoch = BrokerEpoch(epoch_of(stage, C) + 1);
            let again = RegisteredAgain(true);
            let unclean = false;
            stage.metadata(MetadataChange::BrokerRegistered {
                broker: C,
                broker_epoch,
                unclean,
                again,
            });
        },
    },
    Case {
        anomaly: "isr-incomplete",
        good: |stage| {
            rejoin(stage, 2);
            stage.elect(A, 1, &[A, B, C]);
        },
        bad: |stage| {
            rejoin(stage, 1);
            stage.elect(A, 1, &[A, B, C]);
        },
    },
    Case {
        anomaly: "isr-join-too-early",
        good: |stage| {
            rejoin(stage, 2);
            propose(stage, 1);
        },
        bad: |stage| {
            rejoin(stage, 1);
            propose(stage, 1);
        },
    },
    Case {
        anomaly: "isr-join-unfetched",
        good: |stage| {
            rejoin(stage, 2);
            stage.elect(A, 2, &[A, B]);
            stage.became_leader(A, 2, &[A, B]);
            stage.follow(C, 2, A);
            propose(stage, 2);
        },
        bad: |stage| {
            rejoin(stage, 2);
            stage.elect(A, 2, &[A, B]);
            stage.became_leader(A, 2, &[A, B]);
            propose(stage, 2);
        },
    },
    Case {
        anomaly: "isr-member-behind",
        good: |stage| stage.isr_committed(A, 1, &[A, B, C]),
        bad: |stage| {
            // A restarted leader takes its checkpoint for more than was ever committed.
            stage.append(A, 1, plain(2));
            stage.recovered(A, 3, &[plain(0), plain(1), plain(2)]);
            stage.became_leader(A, 1, &[A, B, C]);
        },
    },
    Case {
        anomaly: "candidate-incomplete",
        good: |stage| {
            stage.crash(C, true);
            stage.reopen(C, X, 1);
            stage.elect(A, 1, &[A, B]);
            stage.broker_registered(C);
        },
        bad: |stage| {
            stage.crash(C, true);
            stage.reopen(C, X, 1);
            stage.broker_registered(C);
            stage.elect(A, 1, &[A, B, C]);
        },
    },
    Case {
        anomaly: "stale-isr-change-accepted",
        good: |stage| {
            let epoch = epoch_of(stage, C);
            accept(stage, A, epoch, 0);
        },
        bad: |stage| accept(stage, B, -1, 0),
    },
    Case {
        anomaly: "double-ownership",
        good: |stage| {
            stage.assign("g", "m1", 5);
            stage.release("g", "m1");
            stage.assign("g", "m2", 6);
            stage.assign("h", "m1", 1);
        },
        bad: |stage| {
            stage.assign("g", "m1", 5);
            stage.assign("g", "m2", 5);
        },
    },
    Case {
        anomaly: "double-ownership",
        good: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.holds((A, 1), ("m1", 6), &[]);
            stage.holds((A, 1), ("m2", 6), &[X]);
            stage.holds((A, 1), ("m2", -1), &[]);
            stage.holds((A, 1), ("m1", 7), &[X]);
        },
        bad: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.holds((A, 1), ("m2", 6), &[X]);
        },
    },
    Case {
        anomaly: "ungiven-partition-taken",
        good: |stage| {
            stage.owns("m0", &[X]);
            stage.owns("m0", &[]);
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.owns("m1", &[X]);
            stage.holds((A, 1), ("m1", -1), &[]);
            stage.owns("m1", &[X]);
        },
        bad: |stage| {
            stage.holds((A, 1), ("m1", 5), &[]);
            stage.owns("m1", &[X]);
        },
    },
    Case {
        anomaly: "active-group-deleted",
        good: |stage| {
            stage.assign("g", "m1", 5);
            stage.release("g", "m1");
            stage.deletes_group("g");
        },
        bad: |stage| {
            stage.assign("g", "m1", 5);
            stage.deletes_group("g");
        },
    },
    Case {
        anomaly: "active-group-deleted",
        good: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.holds((A, 1), ("m1", -1), &[]);
            stage.deletes_group("g");
        },
        bad: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.deletes_group("g");
        },
    },
    Case {
        anomaly: "stale-commit-accepted",
        good: |stage| {
            stage.generation("g", 5);
            stage.takes_commit("g", "m1", 5);
            stage.loads_groups((B, 2), &[("g", 4)]);
            stage.takes_commit("g", "m1", 4);
        },
        bad: |stage| {
            stage.generation("g", 5);
            stage.takes_commit("g", "m1", 4);
        },
    },
    Case {
        anomaly: "stale-commit-accepted",
        good: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.holds((A, 1), ("m2", 6), &[]);
            stage.takes_commit("g", "m1", 5);
        },
        bad: |stage| {
            stage.holds((A, 1), ("m1", 6), &[X]);
            stage.takes_commit("g", "m1", 5);
        },
    },
    Case {
        anomaly: "revocation-unacknowledged",
        good: |stage| {
            stage.assign("g", "m1", 5);
            stage.owns("m1", &[X]);
            stage.upgrades("g");
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.owns("m1", &[]);
            stage.holds((A, 1), ("m1", 6), &[]);
            stage.holds((A, 1), ("m2", 6), &[X]);
        },
        bad: |stage| {
            stage.assign("g", "m1", 5);
            stage.owns("m1", &[X]);
            stage.upgrades("g");
            stage.holds((A, 1), ("m1", 5), &[]);
        },
    },
    Case {
        anomaly: "revocation-unacknowledged",
        good: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.owns("m1", &[X]);
            // It has left for a while, and with that given up what it was to give up.
            stage.holds((A, 1), ("m1", -2), &[]);
            stage.holds((A, 1), ("m2", 6), &[X]);
        },
        bad: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.owns("m1", &[X]);
            stage.holds((A, 1), ("m1", 6), &[]);
            stage.holds((A, 1), ("m2", 6), &[X]);
        },
    },
    Case {
        anomaly: "revocation-unacknowledged",
        good: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.owns("m1", &[X]);
            stage.throws_out("m1", 7);
            // Written before that: the group is a classic one, and then it is none any more.
            stage.holds((A, 1), ("m1", -1), &[]);
            stage.holds((A, 1), ("m1", 7), &[X]);
            stage.holds((A, 1), ("m1", -1), &[]);
        },
        bad: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.owns("m1", &[X]);
            stage.throws_out("m1", 5);
            stage.holds((A, 1), ("m1", -1), &[]);
            stage.holds((A, 1), ("m1", 7), &[X]);
        },
    },
    Case {
        anomaly: "revocation-unacknowledged",
        good: |stage| {
            stage.owns("m1", &[X]);
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.owns("m1", &[]);
            stage.holds((A, 1), ("m1", 6), &[]);
            stage.holds((A, 1), ("m2", 6), &[X]);
            stage.owns("m2", &[X]);
            stage.holds((A, 1), ("m2", -1), &[]);
        },
        bad: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.owns("m1", &[X]);
            stage.holds((A, 1), ("m1", 6), &[]);
        },
    },
    Case {
        anomaly: "member-epoch-regress",
        good: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.holds((A, 1), ("m1", -2), &[X]);
            stage.holds((B, 2), ("m1", 4), &[X]);
        },
        bad: |stage| {
            stage.holds((A, 1), ("m1", 5), &[X]);
            stage.holds((A, 1), ("m1", 4), &[X]);
        },
    },
    Case {
        anomaly: "answer-before-commit",
        good: |stage| answer(stage, 0),
        bad: |stage| answer(stage, 1_000),
    },
    Case {
        anomaly: "member-epoch-regress",
        good: |stage| {
            stage.assign("g", "m1", 5);
            stage.assign("g", "m1", 6);
        },
        bad: |stage| {
            stage.assign("g", "m1", 6);
            stage.assign("g", "m1", 5);
        },
    },
];

#[test]
fn a_proposal_is_stale_by_its_version_or_by_an_uptime() {
    let stale: [fn(&mut Stage); 2] = [
        |stage| accept(stage, A, -1, 1),
        |stage| {
            let epoch = epoch_of(stage, C);
            accept(stage, A, epoch - 1, 0);
        },
    ];
    for play in stale {
        assert_eq!(super::case::outcome(play), ["stale-isr-change-accepted"]);
    }
}

#[test]
fn a_broker_back_after_an_unclean_stop_counts_nowhere() {
    let mut stage = super::case::stage();
    let mut next = stage.next(Some(A), 1, &[A]);
    next.elr = vec![B];
    stage.registered(X, next, false);
    let epoch = epoch_of(&stage, B);
    register(&mut stage, B, epoch + 1, true);
    assert_eq!(stage.found(), ["fenced-in-isr"]);
}

#[test]
fn somebody_may_always_lead_again() {
    let mut stage = super::case::stage();
    let nobody = stage.next(None, 2, &[]);
    stage.registered(X, nobody, false);
    assert_eq!(stage.found(), ["registration-shape"]);
}

#[test]
fn only_who_holds_a_partition_can_release_it() {
    let mut stage = super::case::stage();
    stage.assign("g", "m1", 5);
    stage.release("g", "m2");
    stage.assign("g", "m2", 6);
    assert_eq!(stage.found(), ["double-ownership"]);
}

/// A node coordinates the group `g` from now on, and knows it in a generation.
fn coordinates(stage: &mut Stage, node: NodeId, epoch: i32, generation: i32) {
    let groups = vec![("g".to_owned(), generation)];
    let index =
        coordinator_partition("g", plan().cluster.coordinators.offsets_topic.partitions as i32);
    let partition = TopicPartition { topic: TopicId(9), partition: index };
    let leader_epoch = LeaderEpoch(epoch);
    let loaded = GroupNote::CoordinatorLoaded { partition, leader_epoch, groups };
    stage.note(node, &Note::Group(loaded));
}

#[test]
fn only_the_newest_coordinator_says_who_holds_what() {
    let double = &["double-ownership"][..];
    for (epoch, loads, expected) in
        [(1, false, &[][..]), (2, false, double), (3, true, &[][..]), (3, false, double)]
    {
        let mut stage = super::case::stage();
        stage.holds((A, 1), ("m1", 5), &[X]);
        stage.loads((B, 2));
        stage.holds((B, 2), ("m2", 6), &[X]);
        if loads {
            stage.loads((A, epoch));
        }
        stage.holds((A, epoch), ("m1", 6), &[X]);
        assert_eq!(stage.found(), expected, "epoch {epoch}");
    }
}

#[test]
fn another_coordinator_must_know_the_members_of_the_same_generation() {
    for (generation, expected) in [(5, &["double-ownership"][..]), (4, &[][..]), (6, &[][..])] {
        let mut stage = super::case::stage();
        stage.assign("g", "m1", 5);
        coordinates(&mut stage, B, 1, generation);
        stage.assign_by(B, "g", "m2", generation);
        assert_eq!(stage.found(), expected, "generation {generation}");
    }
}

/// Whose id was not replaced after all may be replaced in the log.
#[test]
fn who_was_given_back_what_he_had_may_have_a_successor_in_the_log() {
    let double = &["double-ownership"][..];
    // (the epoch in which it is given back, whether a coordinator loads the group then)
    for (epoch, loads, expected) in [(5, true, &[][..]), (6, true, double), (5, false, double)] {
        let mut stage = super::case::stage();
        stage.assign("g", "m1", 5);
        stage.release("g", "m1");
        stage.assign("g", "m1", epoch);
        if loads {
            coordinates(&mut stage, B, 1, epoch);
        }
        stage.assign_by(if loads { B } else { A }, "g", "m2", epoch);
        assert_eq!(stage.found(), expected, "given back in {epoch}, loaded: {loads}");
    }
}

#[test]
fn a_deposed_coordinator_neither_hides_nor_makes_a_double_ownership() {
    // (who lets go of what the successor gave, who gives it on)
    for (releases, assigns, expected) in
        [(A, B, &["double-ownership"][..]), (B, A, &[][..]), (B, B, &[][..])]
    {
        let mut stage = super::case::stage();
        coordinates(&mut stage, A, 1, 5);
        coordinates(&mut stage, B, 2, 5);
        stage.assign_by(B, "g", "m1", 5);
        stage.release_by(releases, "g", "m1");
        stage.assign_by(assigns, "g", "m2", 6);
        assert_eq!(stage.found(), expected, "{releases} releases, {assigns} assigns");
    }
}
