//! Replicas that move, and brokers that give them up.

use harrow_broker_model::admin_message::AdminRequest;
use harrow_broker_model::message::{ControllerRequest, RequestBody};
use harrow_broker_model::note::{MetadataChange, PartitionRegistration, Reassignment};
use harrow_broker_model::proto::{
    AlterPartitionReassignmentsRequest, BrokerId, ReassignablePartition, ReassignableTopic,
    StrBytes, TopicName,
};
use harrow_broker_model::types::NodeId;

use super::case::{Case, outcome};
use crate::stage::{A, B, C, N1, Stage, X};

/// A replica of A no more: B leads, and is in sync with C.
fn moved(stage: &mut Stage, leader_epoch: i32) -> PartitionRegistration {
    stage.replicas = vec![B, C];
    stage.next(Some(B), leader_epoch, &[B, C])
}

fn register_at_a(stage: &mut Stage, registration: PartitionRegistration) {
    let change = MetadataChange::PartitionChanged { partition: X, registration, unclean: false };
    stage.metadata_at(A, change);
}

/// A gives up its log when it has applied that it is a replica no more, or that it still is.
fn give_up(stage: &mut Stage, own: bool) {
    let registration = if own { stage.next(Some(A), 1, &[A, B, C]) } else { moved(stage, 2) };
    register_at_a(stage, registration);
    stage.discard(A);
}

/// The run ends after A has lost its replica, and given it up or not.
fn end(stage: &mut Stage, given_up: bool) {
    let registration = moved(stage, 2);
    register_at_a(stage, registration);
    if given_up {
        stage.discard(A);
    }
    stage.audit_strays(A);
}

/// A's replica goes while C, which stays, is in sync or not.
fn drop_a(stage: &mut Stage, all_in_sync: bool) {
    let mut next = moved(stage, 2);
    if !all_in_sync {
        (next.isr, next.elr) = (vec![B], vec![C]);
    }
    stage.registered(X, next, false);
}

/// C, which is being added, is in sync, and the reassignment is over or not.
fn join_c(stage: &mut Stage, over: bool) {
    let adding = Reassignment { adding: vec![C], removing: Vec::new() };
    let mut next = stage.next(Some(A), 1, &[A, B]);
    next.reassignment = adding.clone();
    stage.registered(X, next, false);
    let mut next = stage.next(Some(A), 1, &[A, B, C]);
    next.reassignment = if over { Reassignment::default() } else { adding };
    stage.registered(X, next, false);
}

/// N1 is asked for the replicas A, C and B, and begins to move towards these.
fn reorder(stage: &mut Stage, replicas: &[NodeId]) {
    let ids = [A, C, B].map(|node| BrokerId(node.0));
    let partition = ReassignablePartition::default().with_replicas(Some(ids.to_vec()));
    let topic = ReassignableTopic::default()
        .with_name(TopicName(StrBytes::from_static_str("x")))
        .with_partitions(vec![partition]);
    let request = AlterPartitionReassignmentsRequest::default().with_topics(vec![topic]);
    let request = Box::new(AdminRequest::AlterPartitionReassignments(request));
    stage.asks(N1, (1, 1), RequestBody::Controller(ControllerRequest::Admin(request)));
    stage.replicas = replicas.to_vec();
    let next = stage.next(Some(A), 1, &[A, B, C]);
    stage.registered(X, next, false);
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "reassigned-to-others",
        good: |stage| reorder(stage, &[A, C, B]),
        bad: |stage| reorder(stage, &[C, A, B]),
    },
    Case {
        anomaly: "reassignment-unfinished",
        good: |stage| join_c(stage, true),
        bad: |stage| join_c(stage, false),
    },
    Case {
        anomaly: "own-replica-discarded",
        good: |stage| give_up(stage, false),
        bad: |stage| give_up(stage, true),
    },
    Case { anomaly: "stray-log", good: |stage| end(stage, true), bad: |stage| end(stage, false) },
    Case {
        anomaly: "reassignment-too-early",
        good: |stage| drop_a(stage, true),
        bad: |stage| drop_a(stage, false),
    },
];

#[test]
fn what_was_being_added_may_go_at_once() {
    let cancel = |stage: &mut Stage| {
        let mut adding = stage.next(Some(A), 1, &[A, B]);
        adding.reassignment = Reassignment { adding: vec![C], removing: Vec::new() };
        stage.registered(X, adding, false);
        stage.replicas = vec![A, B];
        let mut next = stage.next(Some(A), 2, &[A]);
        next.elr = vec![B];
        stage.registered(X, next, false);
    };
    assert_eq!(outcome(cancel), Vec::<String>::new());
}

#[test]
fn a_replica_goes_in_a_new_leader_epoch() {
    let same_epoch = |stage: &mut Stage| {
        stage.replicas = vec![A, B];
        let next = stage.next(Some(A), 1, &[A, B]);
        stage.registered(X, next, false);
    };
    assert_eq!(outcome(same_epoch), ["epoch-regress"]);
}

/// Who is elected from outside the ISR is alone in it, and the reassignment was looked at before that.
#[test]
fn an_election_leaves_a_reassignment_to_the_next_change() {
    let elect = |stage: &mut Stage| {
        let going = Reassignment { adding: Vec::new(), removing: vec![B, C] };
        let mut nobody = stage.next(None, 2, &[]);
        (nobody.elr, nobody.reassignment) = (vec![A], going.clone());
        stage.registered(X, nobody, false);
        let mut next = stage.next(Some(A), 3, &[A]);
        next.reassignment = going;
        stage.registered(X, next, false);
    };
    assert_eq!(outcome(elect), Vec::<String>::new());
}
