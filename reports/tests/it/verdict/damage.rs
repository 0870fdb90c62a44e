//! Damage to disks excuses what can follow from it: at harmed nodes, after the harm, and with its reason.

use super::*;

const BEFORE_NS: u64 = 4_000_000_000;
const AFTER_NS: u64 = 6_000_000_000;

fn allowing() -> Plan {
    let mut plan = plan();
    plan.expect.loss_allowed = true;
    plan
}

/// A run in which nothing is wrong but these violations, with faults at five seconds.
fn harmed(faults: &[(&str, i32)], violations: &[(&str, u64)]) -> Run {
    let mut run = run(&[0, 1, 2]);
    run.faults = faults.iter().map(|(kind, node)| fault(kind, *node, *kind != "crash")).collect();
    run.violations = violations.iter().map(|(name, at_ns)| violation(name, *at_ns)).collect();
    run
}

fn of_metadata(name: &str, at_ns: u64) -> Violation {
    Violation { partition: Some(TopicPartition::METADATA), ..violation(name, at_ns) }
}

fn stuck_at(pending: &str) -> End {
    let (goal, since_ms) = (Goal::ConsumerLag, 11_000);
    End::TimeLimit { goal, pending: pending.to_owned(), since_ms, unrecoverable: None }
}

/// The reason why the only thing that is wrong is legal.
#[track_caller]
fn excused(plan: &Plan, run: &Run) -> String {
    let verdict = judge(plan, run);
    assert!(verdict.findings.is_empty(), "{:#?}", verdict.findings);
    verdict.excused.last().expect("something is excused").reason.clone()
}

#[track_caller]
fn found(plan: &Plan, run: &Run, wanted: &[&str]) {
    assert_eq!(names(&judge(plan, run)), wanted);
}

#[test]
fn a_disk_that_lied_or_rotted_excuses_its_own_node_from_then_on() {
    for kind in ["lying-sync", "bit-rot"] {
        for name in ["recovery-lost-records", "controller-epoch-regress", "double-vote"] {
            let run = harmed(&[(kind, 2)], &[(name, AFTER_NS)]);
            assert!(excused(&allowing(), &run).contains("the disk of node 2 was made to lie"));
            found(&plan(), &run, &[name]);
            found(&allowing(), &harmed(&[(kind, 2)], &[(name, BEFORE_NS)]), &[name]);
            found(&allowing(), &harmed(&[(kind, 1)], &[(name, AFTER_NS)]), &[name]);
            found(&allowing(), &harmed(&[("power-loss", 2)], &[(name, AFTER_NS)]), &[name]);
        }
    }
}

#[test]
fn lost_data_excuses_from_min_insync_replicas_on_what_shows_later() {
    let two = [("power-loss", 1), ("wipe-disk", 3)];
    let run = harmed(&two, &[("leader-completeness", AFTER_NS)]);
    assert!(excused(&allowing(), &run).contains("2 brokers lost data"));
    found(&plan(), &run, &["leader-completeness"]);
    let early = harmed(&two, &[("leader-completeness", BEFORE_NS)]);
    found(&allowing(), &early, &["leader-completeness"]);
    let one = harmed(&two[..1], &[("leader-completeness", AFTER_NS)]);
    found(&allowing(), &one, &["leader-completeness"]);
    let other = harmed(&two, &[("dual-leader", AFTER_NS)]);
    found(&allowing(), &other, &["dual-leader"]);
}

#[test]
fn share_coordinators_forget_what_brokers_lost() {
    let two = [("power-loss", 1), ("wipe-disk", 3)];
    for name in ["share-done-again", "share-loss", "share-zombie-write"] {
        let run = harmed(&two, &[(name, AFTER_NS)]);
        assert!(excused(&allowing(), &run).contains("__share_group_state may lack records"));
        found(&plan(), &run, &[name]);
        found(&allowing(), &harmed(&two[..1], &[(name, AFTER_NS)]), &[name]);
        found(&allowing(), &harmed(&two, &[(name, BEFORE_NS)]), &[name]);
    }
    found(&allowing(), &harmed(&two, &[("share-lock-broken", AFTER_NS)]), &["share-lock-broken"]);
}

#[test]
fn only_lasting_damage_reaches_what_is_written_later() {
    let mut run = run(&[0, 2]);
    run.faults = vec![fault("wipe-disk", 1, true), fault("wipe-disk", 2, true)];
    run.faults.iter_mut().for_each(|fault| fault.at_ms = 0);
    assert_eq!(judge(&allowing(), &run).outcome, Outcome::Violated, "all damage was before");
    run.faults.iter_mut().for_each(|fault| fault.kind = "bit-rot".to_owned());
    assert_eq!(judge(&allowing(), &run).outcome, Outcome::Held, "rot waits for its reader");
}

#[test]
fn damage_that_a_log_took_in_spoils_its_partition() {
    let rot = [("bit-rot", 2)];
    let taken = ("recovery-kept-damage", AFTER_NS);
    let after = harmed(&rot, &[taken, ("read-differs-from-committed", AFTER_NS + 1)]);
    assert!(excused(&allowing(), &after).contains("node 2"));
    let reasons = judge(&allowing(), &after).excused;
    assert!(reasons[0].reason.contains("opened its log of orders-0 with damage"), "{reasons:?}");
    let before = harmed(&rot, &[taken, ("read-differs-from-committed", AFTER_NS - 1)]);
    found(&allowing(), &before, &["read-differs-from-committed"]);
    let elsewhere = harmed(&[("bit-rot", 1)], &[taken]);
    found(&allowing(), &elsewhere, &["recovery-kept-damage"]);
    let mut stuck = harmed(&rot, &[taken]);
    stuck.end = stuck_at("final reader is at 1 of orders-0, committed end is 3");
    assert_eq!(judge(&allowing(), &stuck).outcome, Outcome::Inconclusive);
    stuck.end = stuck_at("final reader is at 1 of orders-00, committed end is 3");
    found(&allowing(), &stuck, &["consumer-lag"]);
    let mut unread = harmed(&rot, &[]);
    unread.end = stuck_at("final reader is at 1 of orders-0, committed end is 3");
    found(&allowing(), &unread, &["consumer-lag"]);
}

#[test]
fn a_transaction_may_stay_open_that_its_coordinator_has_forgotten() {
    let open = |faults: &[(&str, i32)]| {
        let (goal, pending) = (Goal::Transactions, "node 2 holds 1 open transactions".to_owned());
        let end = End::TimeLimit { goal, pending, since_ms: 11_000, unrecoverable: None };
        Run { end, ..harmed(faults, &[]) }
    };
    let two = open(&[("power-loss", 1), ("wipe-disk", 3)]);
    let verdict = judge(&allowing(), &two);
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict:#?}");
    assert!(verdict.inconclusive.iter().any(|gap| gap.contains("__transaction_state may lack")));
    found(&plan(), &two, &["transaction-open"]);
    found(&allowing(), &open(&[("power-loss", 1)]), &["transaction-open"]);
    let lagging =
        Run { end: stuck_at("final reader is at 1 of orders-0, committed end is 3"), ..two };
    found(&allowing(), &lagging, &["consumer-lag"]);
}

#[test]
fn voters_without_their_disks_excuse_what_the_quorum_forgets() {
    let wiped = [("wipe-disk", 101)];
    let mut run = harmed(&wiped, &[]);
    run.violations = vec![of_metadata("controller-completeness", AFTER_NS)];
    assert!(excused(&allowing(), &run).contains("1 of 3 controllers lost their disks"));
    found(&plan(), &run, &["controller-completeness"]);
    run.violations = vec![of_metadata("controller-completeness", BEFORE_NS)];
    found(&allowing(), &run, &["controller-completeness"]);
    let mut four = allowing();
    four.cluster.controllers.push(NodeId(104));
    run.violations = vec![of_metadata("controller-completeness", AFTER_NS)];
    found(&four, &run, &["controller-completeness"]);
    run.violations = vec![of_metadata("metadata-commit-not-durable", AFTER_NS)];
    assert!(excused(&four, &run).contains("1 of 4"), "one disk less is one too few");
}

#[test]
fn only_metadata_that_is_gone_excuses_what_rests_on_it() {
    let wiped = [("wipe-disk", 101), ("wipe-disk", 102)];
    let mut run = harmed(&wiped, &[("dual-leader", AFTER_NS + 1)]);
    found(&allowing(), &run, &["dual-leader"]);
    run.violations.insert(0, of_metadata("committed-metadata-lost", AFTER_NS));
    let reasons = judge(&allowing(), &run);
    assert!(reasons.findings.is_empty(), "{reasons:#?}");
    assert!(reasons.excused.iter().any(|excuse| excuse.reason.contains("and committed metadata")));
    run.violations[1].at_ns = AFTER_NS - 1;
    found(&allowing(), &run, &["dual-leader"]);
    run.violations[1] = violation("recovery-lost-records", AFTER_NS + 1);
    found(&allowing(), &run, &["recovery-lost-records"]);
}

#[test]
fn a_panic_says_nothing_once_metadata_is_gone() {
    let mut run = harmed(&[("wipe-disk", 101), ("wipe-disk", 102)], &[]);
    run.end = End::Panicked { message: "offset -1".to_owned(), node: Some(NodeId(2)) };
    found(&allowing(), &run, &["model-panic"]);
    run.violations = vec![of_metadata("metadata-divergence", AFTER_NS)];
    let verdict = judge(&allowing(), &run);
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict:#?}");
    assert!(verdict.inconclusive.iter().any(|gap| gap.contains("offset -1")), "{verdict:#?}");
}
