//! One row for each rule of 2.4: a partition, what is asked, who is active, and what becomes of it.

use super::{as_promised, image, nodes, partition};
use crate::controller::election::{
    ChangedPartition, ControllerRules, Election, PartitionChange, change_partition,
};
use crate::controller::partitions::{balance_leaders, elect_uncleanly};
use crate::defect::ControllerDefect;
use crate::metadata::MetadataRecord;
use crate::note::PartitionRegistration;
use crate::types::{LeaderEpoch, NodeId, PartitionEpoch};

struct Case {
    registration: PartitionRegistration,
    target: &'static [i32],
    unclean_shutdown: Option<i32>,
    active: &'static [i32],
    election: Election,
    rules: ControllerRules,
}

fn case(
    registration: PartitionRegistration,
    target: &'static [i32],
    active: &'static [i32],
) -> Case {
    let (election, rules) = (Election::Online, as_promised());
    Case { registration, target, unclean_shutdown: None, active, election, rules }
}

fn run(case: &Case) -> Option<ChangedPartition> {
    let change = PartitionChange {
        registration: &case.registration,
        target_isr: nodes(case.target),
        assignment: None,
        unclean_shutdown: case.unclean_shutdown.map(NodeId),
        recovering: case.registration.recovering,
        min_insync_replicas: 2,
        election: case.election,
        rules: case.rules,
    };
    change_partition(&change, |broker| case.active.contains(&broker.0))
}

#[track_caller]
fn becomes(case: &Case, isr: &[i32], elr: &[i32], leader: Option<i32>) -> ChangedPartition {
    let changed = run(case).expect("the partition changes");
    let new = &changed.registration;
    assert_eq!((&new.isr, &new.elr), (&nodes(isr), &nodes(elr)), "ISR and ELR");
    assert_eq!(new.leader, leader.map(NodeId), "leader");
    let moved = new.leader != case.registration.leader;
    assert_eq!(new.leader_epoch, LeaderEpoch(5 + i32::from(moved)), "leader epoch");
    assert_eq!(new.partition_epoch, PartitionEpoch(11), "version");
    changed
}

#[test]
fn nothing_changes_without_a_reason() {
    let same = case(partition(&[1, 2, 3], &[], Some(1)), &[1, 2, 3], &[1, 2, 3]);
    assert_eq!(run(&same), None);
}

#[test]
fn a_valid_leader_is_kept() {
    let shrink = case(partition(&[1, 2, 3], &[], Some(3)), &[3, 2], &[1, 2, 3]);
    let changed = becomes(&shrink, &[2, 3], &[], Some(3));
    assert!(!changed.unclean);
}

#[test]
fn the_first_in_sync_replica_follows_a_leader_that_left() {
    becomes(&case(partition(&[1, 2, 3], &[], Some(1)), &[2, 3], &[2, 3]), &[2, 3], &[], Some(2));
    becomes(&case(partition(&[1, 2, 3], &[], Some(1)), &[2, 3], &[3]), &[2, 3], &[], Some(3));
}

#[test]
fn below_the_minimum_those_who_leave_stay_eligible() {
    becomes(&case(partition(&[1, 2], &[], Some(1)), &[2], &[2]), &[2], &[1], Some(2));
    becomes(&case(partition(&[2], &[1], Some(2)), &[], &[3]), &[], &[1, 2], None);
}

#[test]
fn at_the_minimum_nobody_else_is_eligible() {
    becomes(&case(partition(&[2], &[1], Some(2)), &[2, 3], &[2, 3]), &[2, 3], &[], Some(2));
}

#[test]
fn an_unclean_shutdown_loses_its_place_in_isr_and_elr() {
    let mut member = case(partition(&[1, 2], &[], Some(1)), &[2], &[2]);
    member.unclean_shutdown = Some(1);
    becomes(&member, &[2], &[], Some(2));
    let mut eligible = case(partition(&[2], &[1], Some(2)), &[2], &[2]);
    eligible.unclean_shutdown = Some(1);
    becomes(&eligible, &[2], &[], Some(2));
}

#[test]
fn an_eligible_replica_leads_alone_when_nobody_is_in_sync() {
    let changed = becomes(&case(partition(&[], &[1, 3], None), &[], &[3]), &[3], &[1], Some(3));
    assert!(!changed.unclean, "an eligible replica has everything committed");
    assert!(!changed.registration.recovering);
}

#[test]
fn an_eligible_replica_does_not_lead_beside_an_isr() {
    // 2 is in sync and is not active: 1 may not take its place.
    let changed = becomes(&case(partition(&[2], &[1], Some(2)), &[2], &[1]), &[2], &[1], None);
    assert_eq!(changed.registration.last_known_leader, None, "the ISR is not empty");
}

#[test]
fn the_last_known_leader_is_remembered_and_elected_uncleanly() {
    let mut last = case(partition(&[1], &[], Some(1)), &[], &[3]);
    last.unclean_shutdown = Some(1);
    let gone = becomes(&last, &[], &[], None).registration;
    assert_eq!(gone.last_known_leader, Some(NodeId(1)));
    let mut back = case(gone, &[], &[3]);
    assert_eq!(run(&back), None, "3 is not the last known leader");
    back.active = &[1, 3];
    let changed = run(&back).expect("the last known leader is back");
    assert!(changed.unclean && changed.registration.recovering);
    assert_eq!(changed.registration.isr, nodes(&[1]));
    assert_eq!(changed.registration.last_known_leader, None);
}

#[test]
fn the_last_known_leader_waits_for_eligible_replicas() {
    let mut registration = partition(&[], &[2], None);
    registration.last_known_leader = Some(NodeId(1));
    assert_eq!(run(&case(registration, &[], &[1, 3])), None);
}

#[test]
fn unclean_election_if_allowed_clears_the_elr() {
    let mut allowed = case(partition(&[1], &[2], Some(1)), &[], &[3]);
    allowed.election = Election::Unclean;
    let changed = becomes(&allowed, &[3], &[], Some(3));
    assert!(changed.unclean && changed.registration.recovering);
}

#[test]
fn unclean_election_is_not_tried_while_someone_is_eligible() {
    let mut allowed = case(partition(&[1], &[2], Some(1)), &[], &[2, 3]);
    allowed.election = Election::Unclean;
    assert!(!becomes(&allowed, &[2], &[1], Some(2)).unclean);
}

#[test]
fn the_defect_elects_uncleanly_although_it_is_forbidden() {
    let mut buggy = case(partition(&[1], &[2], Some(1)), &[], &[3]);
    becomes(&buggy, &[], &[1, 2], None);
    buggy.rules.defects = [ControllerDefect::UncleanElection].into_iter().collect();
    assert!(becomes(&buggy, &[3], &[], Some(3)).unclean);
}

#[test]
fn a_minimum_above_the_replicas_is_capped() {
    let mut narrow = case(partition(&[1], &[], Some(1)), &[], &[]);
    narrow.registration.replicas = nodes(&[1]);
    becomes(&narrow, &[], &[1], None);
    narrow.active = &[1];
    narrow.registration = PartitionRegistration { leader: None, ..partition(&[], &[1], None) };
    narrow.registration.replicas = nodes(&[1]);
    becomes(&narrow, &[1], &[], Some(1));
}

fn without_elr(mut case: Case) -> Case {
    case.rules.eligible_leader_replicas = false;
    case
}

/// Before KIP-966: the last members of the ISR stay in it, and nobody is eligible besides.
#[test]
fn without_eligible_replicas_the_last_member_stays_in_the_isr() {
    let shrunk = without_elr(case(partition(&[1, 2], &[], Some(1)), &[2], &[2]));
    becomes(&shrunk, &[2], &[], Some(2));
    let last = without_elr(case(partition(&[2], &[], Some(2)), &[], &[1, 3]));
    let gone = becomes(&last, &[2], &[], None).registration;
    assert_eq!(gone.last_known_leader, None, "nobody needs to remember it");
    assert_eq!(run(&without_elr(case(gone.clone(), &[], &[1, 3]))), None, "others do not help");
    let back = without_elr(case(gone, &[2], &[1, 2, 3]));
    let changed = run(&back).expect("the last member is back");
    assert_eq!((changed.unclean, changed.registration.leader), (false, Some(NodeId(2))));
    let mut allowed = without_elr(case(partition(&[2], &[], Some(2)), &[], &[3]));
    allowed.election = Election::Unclean;
    assert!(becomes(&allowed, &[3], &[], Some(3)).unclean);
}

#[test]
fn a_preferred_election_chooses_the_first_replica_if_it_is_in_sync() {
    /// In sync, leader, active, and who then leads.
    type Row = (&'static [i32], i32, &'static [i32], Option<i32>);
    let rows: [Row; 4] = [
        (&[1, 2, 3], 2, &[1, 2, 3], Some(1)),
        (&[2, 3], 2, &[1, 2, 3], None),
        (&[1, 2, 3], 2, &[2, 3], None),
        (&[1, 2, 3], 1, &[1, 2, 3], None),
    ];
    for (isr, leader, active, expected) in rows {
        let mut asked = case(partition(isr, &[], Some(leader)), isr, active);
        asked.election = Election::Preferred;
        match expected {
            Some(expected) => drop(becomes(&asked, isr, &[], Some(expected))),
            None => assert_eq!(run(&asked), None, "ISR {isr:?} led by {leader}"),
        }
    }
}

fn led_by(records: &[MetadataRecord]) -> Vec<Option<i32>> {
    let leader = |record: &MetadataRecord| {
        let (_, registration, _) = record.registered().expect("a partition's record");
        registration.leader.map(|it| it.0)
    };
    records.iter().map(leader).collect()
}

#[test]
fn balancing_gives_partitions_back_to_their_first_replicas() {
    let balanced = image(partition(&[1, 2, 3], &[], Some(1)));
    assert_eq!(balance_leaders(&balanced, as_promised()), []);
    let mut moved = image(partition(&[1, 2, 3], &[], Some(3)));
    assert_eq!(led_by(&balance_leaders(&moved, as_promised())), [Some(1)]);
    moved.brokers.get_mut(&NodeId(1)).expect("registered").fenced = true;
    assert_eq!(balance_leaders(&moved, as_promised()), [], "the first replica is not there");
    let lagging = image(partition(&[2, 3], &[], Some(3)));
    assert_eq!(balance_leaders(&lagging, as_promised()), [], "the first replica is not in sync");
}

#[test]
fn leaderless_partitions_are_led_by_anybody_where_that_is_allowed() {
    for (allowed, expected) in [(false, vec![]), (true, vec![Some(2)])] {
        let mut image = image(partition(&[], &[1], None));
        image.brokers.get_mut(&NodeId(1)).expect("registered").fenced = true;
        let topic = image.topics.values_mut().next().expect("one topic");
        topic.unclean_leader_election = allowed;
        assert_eq!(led_by(&elect_uncleanly(&image, as_promised())), expected);
    }
    let mut led = image(partition(&[1], &[], Some(1)));
    led.topics.values_mut().next().expect("one topic").unclean_leader_election = true;
    assert_eq!(elect_uncleanly(&led, as_promised()), [], "it has a leader");
}
