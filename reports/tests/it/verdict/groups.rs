//! What becomes of groups' offsets: moved by hand, carried from a topic to another one of its name, or expired.

use harrow_reports::check::{Anomaly, Observation, Occurrence, OccurrenceContext};
use harrow_reports::policy::{MovedByHand, Terms, excuse};
use harrow_sim::history::{
    Completion, Function, History, MicroOperation, OperationRecord, SendRecord, What,
};

/// What a process does, from one time to another, as a member of a group of one name.
fn call(process: u32, (from, to): (u64, u64), function: Function) -> OperationRecord {
    let member = What::Member { group: 0, generation: i64::from(process) };
    let what = match function {
        Function::Commit => Some(What::Committed { partition: 0, offset: 5 }),
        Function::Txn => Some(What::Consumed { partition: 0, first: 0, last: 0 }),
        Function::Join => Some(What::Assigned { partition: 0 }),
        Function::Send
        | Function::Poll
        | Function::Assign { .. }
        | Function::Subscribe
        | Function::Crash
        | Function::List => None,
    };
    let acts = matches!(function, Function::Join | Function::Commit | Function::Txn);
    let details = what.into_iter().chain(acts.then_some(member));
    OperationRecord {
        process,
        invoked_ns: from,
        completed_ns: to,
        completion: Completion::Ok,
        function,
        actions: details.map(MicroOperation::Detail).collect(),
    }
}

fn history(operations: &[OperationRecord]) -> History {
    let names = ["orders-0", "orders@2-0"].map(str::to_owned).to_vec();
    let mut history = History::of(names, false, operations);
    history.groups = vec!["g".to_owned()];
    history
}

fn answer(operation: u32) -> Observation {
    Observation { value: 0, offset: 0, operation, writer: None, read: false }
}

fn occurrence(
    anomaly: Anomaly,
    (since_ns, at_ns): (u64, u64),
    (subject, other): (Observation, Observation),
) -> Occurrence {
    Occurrence {
        anomaly,
        partition: 0,
        at_ns,
        since_ns,
        subject,
        other: Some(other),
        context: OccurrenceContext::Plain,
        passed: None,
        cycle: Vec::new(),
    }
}

/// A record is sent, and processed twice.
fn processed() -> History {
    let send = MicroOperation::Send(SendRecord { partition: 0, offset: 0, ..SendRecord::of(0) });
    let sent = OperationRecord { actions: vec![send], ..call(1, (10, 20), Function::Send) };
    history(&[sent, call(2, (30, 40), Function::Txn), call(3, (80, 90), Function::Txn)])
}

fn twice() -> Occurrence {
    occurrence(Anomaly::EosDuplicate, (30, 90), (answer(2), answer(1)))
}

fn never() -> Occurrence {
    let sent = Observation { writer: Some(0), ..answer(0) };
    occurrence(Anomaly::EosLoss, (10, 40), (sent, answer(1)))
}

#[test]
fn who_moves_a_group_by_hand_has_it_process_again_or_never() {
    // (between which times, which group) -> whether it explains that it was processed twice, or never
    let table = [
        ((50, 60), "g", true, true),
        ((50, 60), "h", false, false),
        ((2, 5), "g", false, false),
        ((15, 25), "g", false, true),
        ((95, 99), "g", false, true),
    ];
    for ((from_ns, until_ns), group, again, passed) in table {
        let moved = MovedByHand { group: group.to_owned(), from_ns, until_ns };
        let said = format!("{moved:?}");
        let terms = Terms { moved_by_hand: vec![moved], ..Terms::strict() };
        let legal = |seen: &Occurrence| excuse(&terms, &processed(), seen).is_some();
        assert_eq!((legal(&twice()), legal(&never())), (again, passed), "{said}");
    }
}

#[test]
fn a_position_of_another_topic_passes_over_what_nobody_processes() {
    for (taken_ns, expected) in [(vec![], false), (vec![5], true), (vec![60], true)] {
        let said = format!("{taken_ns:?}");
        let terms = Terms { recreated: [(0, Some(taken_ns))].into(), ..Terms::strict() };
        assert_eq!(excuse(&terms, &processed(), &never()).is_some(), expected, "{said}");
        assert_eq!(excuse(&terms, &processed(), &twice()), None, "{said}");
    }
}

/// A poll in which the partition is taken from the first member.
fn taken(lost: bool) -> OperationRecord {
    let taken = MicroOperation::Detail(What::Rebalanced { partition: 0, lost });
    OperationRecord { actions: vec![taken], ..call(1, (85, 90), Function::Poll) }
}

/// The first member joins, and is given nothing.
fn idle(at: u64) -> OperationRecord {
    let mut join = call(1, (at, at), Function::Join);
    join.actions.remove(0);
    join
}

/// What a member does after it has committed, and before another one finds the commit gone at 110.
type Between = (&'static str, Vec<OperationRecord>, bool, bool);

/// Both together, in the order in which they end.
fn with(mut calls: Vec<OperationRecord>, more: &[OperationRecord]) -> Vec<OperationRecord> {
    calls.extend_from_slice(more);
    calls.sort_by_key(|call| call.completed_ns);
    calls
}

fn between() -> [Between; 12] {
    use Function::{Crash, Join, List, Poll, Subscribe};
    let polls = |ends: &[u64]| -> Vec<OperationRecord> {
        ends.iter().map(|end| call(1, (end - 5, *end), Poll)).collect()
    };
    let asks = [50, 75, 90].map(|at| call(2, (at, at), Subscribe));
    let lists = [50, 75, 90].map(|at| call(2, (at, at), List));
    let early = [50, 75, 90].map(|at| call(2, (at, at), Poll));
    let crash = OperationRecord { completion: Completion::Info, ..call(1, (75, 76), Crash) };
    // Offsets are kept for 50: of a classic group without members, and of another one since they were committed.
    [
        ("nobody does anything", polls(&[30]), true, true),
        ("another one subscribes, and is no member", with(polls(&[30]), &asks), true, true),
        ("another one asks for offsets", with(polls(&[30]), &lists), true, true),
        ("it goes on", polls(&[30, 50, 70, 90, 110]), false, false),
        (
            "it goes on, and gives up what it had",
            with(polls(&[30, 50, 70]), &[taken(false)]),
            false,
            true,
        ),
        (
            "it was thrown out, and hears of it late",
            with(polls(&[30, 50, 70]), &[taken(true)]),
            true,
            true,
        ),
        (
            "it commits before it is thrown out",
            with(polls(&[30, 50]), &[call(1, (65, 70), Function::Commit), taken(true)]),
            false,
            true,
        ),
        (
            "it goes on, and has no partitions",
            with(polls(&[30, 50, 70, 90, 110]), &[idle(21)]),
            true,
            true,
        ),
        ("another one polls, and has not joined", with(polls(&[30]), &early), true, true),
        (
            "it goes on, and is gone for a while",
            with(polls(&[30, 50, 70]), std::slice::from_ref(&crash)),
            true,
            true,
        ),
        (
            "it commits, and is gone for a while",
            with(polls(&[30, 50]), &[call(1, (65, 70), Function::Commit), crash]),
            false,
            true,
        ),
        (
            "it goes on, and joins anew",
            with(polls(&[30, 50]), &[call(1, (60, 70), Join)]),
            false,
            true,
        ),
    ]
}

#[test]
fn only_what_a_coordinator_answers_keeps_offsets_alive() {
    use Function::{Join, Poll};
    for (name, between, classic, modern) in between() {
        let commit = call(1, (10, 20), Function::Commit);
        let ends = [call(2, (95, 100), Join), call(2, (105, 110), Poll)];
        let calls =
            with(between, &[call(1, (0, 10), Join), commit, ends[0].clone(), ends[1].clone()]);
        let is_found = |call: &OperationRecord| (call.process, call.completed_ns) == (2, 110);
        let found = calls.iter().position(is_found).expect("it polls") as u32;
        let seen = occurrence(Anomaly::LostCommit, (10, 110), (answer(found), answer(1)));
        let legal = |member_epochs| {
            let terms = Terms { member_epochs, offsets_retention_ns: 50, ..Terms::strict() };
            excuse(&terms, &history(&calls), &seen).is_some()
        };
        assert_eq!((legal(false), legal(true)), (classic, modern), "{name}");
    }
}

#[test]
fn offsets_that_expire_between_have_a_record_processed_again() {
    for (offsets_retention_ns, expected) in [(50, true), (60, true), (61, false)] {
        let terms = Terms { offsets_retention_ns, ..Terms::strict() };
        let reason = excuse(&terms, &processed(), &twice());
        assert_eq!(reason.is_some(), expected, "{offsets_retention_ns}: {reason:?}");
        assert_eq!(excuse(&terms, &processed(), &never()), None, "it begins at the beginning");
    }
}

#[test]
fn a_group_that_expires_between_may_begin_anew() {
    let calls = [call(1, (0, 10), Function::Join), call(2, (90, 100), Function::Join)];
    for (offsets_retention_ns, expected) in [(50, true), (90, true), (101, false)] {
        let terms = Terms { offsets_retention_ns, ..Terms::strict() };
        for anomaly in [Anomaly::DoubleOwnership, Anomaly::ZombieCommit] {
            let seen = occurrence(anomaly, (10, 100), (answer(1), answer(0)));
            let reason = excuse(&terms, &history(&calls), &seen);
            assert_eq!(
                reason.is_some(),
                expected,
                "{anomaly:?} {offsets_retention_ns}: {reason:?}"
            );
        }
    }
}
