//! Verdicts, excuses and how they are told, on hand-made runs.

mod biography;
mod cross_check;
mod damage;
mod groups;
mod leaders;
mod page;

use std::collections::BTreeMap;

use harrow_broker_model::config::{Acks, ProducerConfig};
use harrow_broker_model::defect::Defect;
use harrow_broker_model::types::{NodeId, TopicId, TopicPartition};
use harrow_reports::check::{
    Anomaly, Dependency, LogFacts, Observation, Occurrence, OccurrenceContext, Options, Step,
};
use harrow_reports::explain::{Kind, entries, explain};
use harrow_reports::judge::{judge, judge_history};
use harrow_reports::policy::{Isolation, PartitionTerms, ProducerTerms, Reset, Terms, excuse};
use harrow_reports::render::{Format, Styles, render};
use harrow_reports::report::{Coordinate, Report};
use harrow_reports::verdict::{Outcome, Verdict};
use harrow_sim::history::{
    Completion, Function, History, MicroOperation, OperationRecord, ReadRecord, SendRecord, What,
};
use harrow_sim::liveness::{GOALS, Goal};
use harrow_sim::plan::{Action, ClientPlan, Plan};
use harrow_sim::run::{End, InjectedFault, Run, RunStats, UnmetGoal};
use harrow_sim::testing;
use harrow_sim::violation::{Guarantee, Violation};

fn plan() -> Plan {
    Plan {
        scenario: "quick-failover".to_owned(),
        seed: 7,
        topics: vec![testing::topic(3, 2)],
        clients: vec![producer()],
        fresh_producer: producer_config(1004),
        heal_at_ms: 10_000,
        converge_within_ms: 60_000,
        ..testing::plan()
    }
}

fn producer_config(node: i32) -> ProducerConfig {
    ProducerConfig {
        batch_records_max: 10,
        delivery_timeout_ms: 30_000,
        ..harrow_broker_model::testing::producer(node)
    }
}

fn producer() -> ClientPlan {
    let config = producer_config(1002);
    let topics = vec!["orders".to_owned()];
    let (keys, operations, start_ms, interval_us, outstanding_max) = (0, 3, 0, (1, 1), 5);
    ClientPlan::Producer {
        config,
        topics,
        keys,
        operations,
        start_ms,
        interval_us,
        outstanding_max,
        transactions: None,
        tombstone_one_in: 0,
        hot_key_percent: 0,
    }
}

fn operation(process: u32, at: u64, function: Function, action: MicroOperation) -> OperationRecord {
    OperationRecord {
        process,
        invoked_ns: at * 1_000_000_000,
        completed_ns: at * 1_000_000_000 + 500_000_000,
        completion: Completion::Ok,
        function,
        actions: vec![action],
    }
}

/// Values 0, 1 and 2 are acknowledged at their own offsets; the final read returns these offsets.
fn run(read: &[i64]) -> Run {
    let send = |value: u64| {
        let offset = value as i64;
        MicroOperation::Send(SendRecord { partition: 0, offset, ..SendRecord::of(value) })
    };
    let sends = (0..3).map(|value| operation(0, value, Function::Send, send(value)));
    let record = |offset: &i64| ReadRecord { partition: 0, offset: *offset, value: *offset as u64 };
    let records = read.iter().map(record).collect();
    let poll = operation(9, 20, Function::Poll, MicroOperation::Poll { records });
    Run {
        end: End::Quiesced,
        history: History::of(
            vec!["orders-0".to_owned()],
            true,
            &sends.chain([poll]).collect::<Vec<_>>(),
        ),
        violations: Vec::new(),
        unmet: Vec::new(),
        faults: Vec::new(),
        reached: BTreeMap::from([("leader-elected".to_owned(), 2), ("isr-shrunk".to_owned(), 0)]),
        topics: BTreeMap::from([(TopicId(1), "orders".to_owned())]),
        partitions: Vec::new(),
        biographies: Vec::new(),
        digest: 0xab,
        stats: RunStats {
            simulated_ms: 30_000,
            events: 12,
            records_acked: 3,
            ..RunStats::default()
        },
        trace: None,
        timeline: None,
    }
}

fn fault(kind: &str, node: i32, lossy: bool) -> InjectedFault {
    InjectedFault {
        step: 1,
        at_ms: 5000,
        kind: kind.to_owned(),
        nodes: vec![NodeId(node)],
        summary: format!("{kind} of broker {node}"),
        held_back: None,
        lossy,
    }
}

fn violation(anomaly: &str, at_ns: u64) -> Violation {
    Violation {
        anomaly: anomaly.to_owned(),
        guarantee: Guarantee::Durability,
        at_ns,
        event: 9,
        node: NodeId(2),
        partition: Some(TopicPartition { topic: TopicId(1), partition: 0 }),
        offsets: Some((1, 1)),
        reach: Some((1, 1)),
        count: 1,
        summary: "broker 2 lacks offset 1".to_owned(),
        evidence: vec!["committed up to 3".to_owned()],
    }
}

fn names(verdict: &Verdict) -> Vec<&str> {
    verdict.findings.iter().map(|finding| finding.anomaly.as_str()).collect()
}

#[test]
fn a_good_run_is_held() {
    let verdict = judge(&plan(), &run(&[0, 1, 2]));
    assert_eq!(verdict.outcome, Outcome::Held, "{verdict:?}");
    assert!(verdict.excused.is_empty() && verdict.inconclusive.is_empty(), "{verdict:?}");
}

#[test]
fn a_run_that_shows_nothing_is_inconclusive() {
    let mut empty = run(&[0, 1, 2]);
    empty.history = History::of(empty.history.partitions, true, &[]);
    let mut unacknowledged = run(&[]);
    let polls: Vec<_> = unacknowledged
        .history
        .operations()
        .into_iter()
        .filter(|operation| operation.function == Function::Poll)
        .collect();
    unacknowledged.history = History::of(unacknowledged.history.partitions, true, &polls);
    let mut unread = run(&[0, 1, 2]);
    unread.history.final_reads = false;
    for (run, reasons) in [(empty, 1), (unacknowledged, 2), (unread, 1)] {
        let verdict = judge(&plan(), &run);
        assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict:?}");
        assert_eq!(verdict.inconclusive.len(), reasons, "{verdict:?}");
    }
}

#[test]
fn a_mark_that_was_never_reached_is_named() {
    let mut plan = plan();
    let wanted = ["leader-elected", "isr-shrunk", "unheard-of"];
    plan.expect.reach = wanted.iter().map(|mark| (*mark).to_owned()).collect();
    let verdict = judge(&plan, &run(&[0, 1, 2]));
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert_eq!(verdict.inconclusive, ["never reached: isr-shrunk", "never reached: unheard-of"]);
    assert_eq!(verdict.unreached, ["isr-shrunk", "unheard-of"], "for who counts over many runs");
}

#[test]
fn a_client_anomaly_alone_is_client_side() {
    let verdict = judge(&plan(), &run(&[0, 2]));
    assert_eq!(verdict.outcome, Outcome::Violated);
    assert_eq!(names(&verdict), ["lost-write"], "{verdict:#?}");
    let finding = &verdict.findings[0];
    let last = finding.evidence.last().map(String::as_str);
    assert_eq!(last, Some("client-side: no internal violation explains it"));
    let follows = |name: &str| finding.consequences.iter().any(|line| line.starts_with(name));
    assert!(follows("unseen:") && follows("int-poll-skip:"), "{finding:#?}");
}

#[test]
fn an_internal_violation_explains_what_clients_saw() {
    let mut run = run(&[0, 2]);
    run.violations = vec![violation("leader-completeness", 9), violation("log-matching", 12)];
    let verdict = judge(&plan(), &run);
    assert_eq!(names(&verdict), ["leader-completeness"], "{verdict:#?}");
    let lines = &verdict.findings[0].consequences;
    assert!(lines[0].starts_with("log-matching: "), "{lines:#?}");
    let lost = lines.iter().find(|line| line.starts_with("lost-write: ")).expect("it is folded");
    let proof = "(explained by leader-completeness: it concerns the log from offset 1 on)";
    assert!(lost.ends_with(proof), "{lost}");
}

#[test]
fn what_broke_later_explains_nothing_that_was_seen_before() {
    let mut run = run(&[0, 2]);
    // The poll that passes over the record is answered at 20.5 s.
    run.violations = vec![violation("leader-completeness", 20_600_000_000)];
    let verdict = judge(&plan(), &run);
    assert!(names(&verdict).contains(&"lost-write"), "{verdict:#?}");
    assert!(names(&verdict).contains(&"leader-completeness"), "{verdict:#?}");
    let last = verdict.findings[0].evidence.last().expect("evidence is given");
    assert!(last.contains("broke later and cannot explain it"), "{last}");
}

#[test]
fn a_record_that_is_there_twice_does_not_explain_one_that_is_lost() {
    let mut run = run(&[0, 2]);
    let mut twice = violation("duplicate-seq", 9);
    twice.guarantee = Guarantee::Ordering;
    run.violations = vec![twice];
    assert_eq!(names(&judge(&plan(), &run)), ["duplicate-seq", "lost-write"]);
}

#[test]
fn a_finding_names_what_promised_it() {
    let mut run = run(&[0, 2]);
    run.violations = vec![violation("leader-completeness", 9)];
    let promise = &judge(&plan(), &run).findings[0].promise;
    let wanted = "acks=all, min.insync.replicas=2, unclean.leader.election.enable=false";
    assert_eq!(promise, wanted);
}

#[test]
fn every_rule_of_the_watch_is_explained() {
    for invariant in harrow_sim::watch::invariants() {
        assert!(explain(invariant.name).is_some(), "{} is not explained", invariant.name);
        for anomaly in invariant.anomalies {
            assert!(explain(anomaly.name).is_some(), "{} is not explained", anomaly.name);
            assert!(explain(anomaly.guarantee.name()).is_some(), "{}", anomaly.guarantee.name());
        }
    }
    let goals = GOALS.iter().map(|entry| entry.name);
    for name in ["model", "model-panic", "checker-disagreement"].into_iter().chain(goals) {
        assert!(explain(name).is_some(), "{name} is not explained");
    }
}

#[test]
fn violations_of_other_partitions_are_roots_of_their_own() {
    let mut run = run(&[0, 1, 2]);
    let mut other = violation("log-matching", 12);
    other.partition = Some(TopicPartition { topic: TopicId(2), partition: 0 });
    run.topics.insert(TopicId(2), "payments".to_owned());
    run.violations = vec![violation("leader-completeness", 9), other];
    assert_eq!(names(&judge(&plan(), &run)), ["leader-completeness", "log-matching"]);
}

#[test]
fn a_panic_is_a_finding_and_is_never_folded() {
    let mut run = run(&[0, 1, 2]);
    run.violations = vec![violation("leader-completeness", 9)];
    run.end = End::Panicked { message: "offset -1".to_owned(), node: Some(NodeId(2)) };
    let verdict = judge(&plan(), &run);
    assert_eq!(names(&verdict), ["leader-completeness", "model-panic"]);
    assert!(verdict.findings[1].summary.contains("at node 2: offset -1"), "{verdict:#?}");
}

#[test]
fn not_converging_is_a_finding_unless_nothing_could() {
    let mut stuck = run(&[0, 1, 2]);
    stuck.end = End::TimeLimit {
        goal: Goal::Leaders,
        pending: "orders-0 has no leader".to_owned(),
        since_ms: 11_000,
        unrecoverable: None,
    };
    let verdict = judge(&plan(), &stuck);
    assert_eq!(names(&verdict), ["partition-leaderless"]);
    let finding = &verdict.findings[0];
    assert_eq!(finding.guarantee, "liveness");
    assert!(finding.summary.contains("orders-0 has no leader"), "{finding:#?}");
    assert!(finding.evidence.iter().any(|line| line.starts_with("11.000000s")), "{finding:#?}");
    stuck.end = End::TimeLimit {
        goal: Goal::Leaders,
        since_ms: 11_000,
        pending: "orders-0 has no leader".to_owned(),
        unrecoverable: Some("every member of its ISR was wiped".to_owned()),
    };
    let verdict = judge(&plan(), &stuck);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(verdict.inconclusive[0].contains("orders-0 has no leader"), "{verdict:?}");
    assert_eq!(verdict.excused[0].anomaly, "partition-leaderless");
}

#[test]
fn a_goal_that_is_legally_not_met_is_excused_with_its_reason() {
    let mut run = run(&[0, 1, 2]);
    let reason = "acks=all is refused by orders-0".to_owned();
    run.unmet = vec![UnmetGoal { goal: Goal::FreshProducer, reason: reason.clone() }];
    let verdict = judge(&plan(), &run);
    assert_eq!(verdict.outcome, Outcome::Held, "{verdict:#?}");
    let excuse = &verdict.excused[0];
    assert_eq!((excuse.anomaly.as_str(), &excuse.reason), ("fresh-client-fails", &reason));
}

#[test]
fn weak_acks_excuse_loss_only_if_something_happened() {
    let mut plan = plan();
    if let ClientPlan::Producer { config, .. } = &mut plan.clients[0] {
        config.acks = Acks::Leader;
    }
    let mut run = run(&[0, 2]);
    assert_eq!(judge(&plan, &run).outcome, Outcome::Violated);
    run.faults = vec![fault("crash", 1, false)];
    let verdict = judge(&plan, &run);
    assert_eq!(verdict.outcome, Outcome::Held, "{verdict:#?}");
    let excused: Vec<&str> = verdict.excused.iter().map(|excuse| excuse.anomaly.as_str()).collect();
    assert_eq!(excused, ["int-poll-skip", "lost-write", "unseen"]);
}

#[test]
fn a_weakened_fault_counts_and_one_that_was_held_back_does_not() {
    let mut plan = plan();
    if let ClientPlan::Producer { config, .. } = &mut plan.clients[0] {
        config.acks = Acks::Leader;
    }
    let mut run = run(&[0, 2]);
    run.faults = vec![fault("power-loss", 1, false)];
    run.faults[0].held_back = Some("weakened to a crash".to_owned());
    assert_eq!(judge(&plan, &run).outcome, Outcome::Held);
    run.faults[0].nodes.clear();
    assert_eq!(judge(&plan, &run).outcome, Outcome::Violated);
}

#[test]
fn unclean_election_excuses_loss() {
    let mut plan = plan();
    plan.topics[0].unclean_leader_election = true;
    let mut run = run(&[0, 2]);
    run.faults = vec![fault("crash", 1, false)];
    assert_eq!(judge(&plan, &run).outcome, Outcome::Held);
}

#[test]
fn damage_excuses_loss_from_min_insync_replicas_on_and_only_where_allowed() {
    let mut allowing = plan();
    allowing.expect.loss_allowed = true;
    let mut run = run(&[0, 2]);
    run.faults = vec![fault("power-loss", 1, true), fault("power-loss", 1, true)];
    assert_eq!(judge(&allowing, &run).outcome, Outcome::Violated, "one broker lost data");
    run.faults.push(fault("wipe-disk", 2, false));
    assert_eq!(judge(&allowing, &run).outcome, Outcome::Held, "two brokers lost data");
    assert_eq!(judge(&plan(), &run).outcome, Outcome::Violated, "loss is not allowed");
    run.faults.iter_mut().for_each(|fault| fault.at_ms = 0);
    let verdict = judge(&allowing, &run);
    assert_eq!(verdict.outcome, Outcome::Violated, "the record was written after all damage");
}

#[test]
fn a_defect_excuses_nothing() {
    let mut plan = plan();
    plan.cluster.defects = Defect::all().collect();
    let mut run = run(&[0, 2]);
    run.faults = vec![fault("crash", 1, false)];
    assert_eq!(judge(&plan, &run).outcome, Outcome::Violated);
}

#[test]
fn an_unseen_record_is_lost_or_stuck_by_the_last_end_offset() {
    for (end, word) in [(2, "a guess: lost"), (3, "a guess: stuck")] {
        let mut run = run(&[0, 1]);
        let told = MicroOperation::Detail(What::EndOffset { partition: 0, offset: Some(end) });
        run.history.push(&operation(9, 21, Function::List, told));
        let verdict = judge(&plan(), &run);
        assert_eq!(names(&verdict), ["unseen"]);
        let evidence = &verdict.findings[0].evidence;
        assert!(evidence.iter().any(|line| line.starts_with(word)), "{evidence:#?}");
    }
}

fn report(run: &Run) -> Report {
    let coordinate = Coordinate {
        scenario_hash: None,
        edited: false,
        held_to: Vec::new(),
        scenario: "calm".to_owned(),
        seed: 7,
        commit: "0123abc".to_owned(),
        plan: None,
        replay: "harrow run calm --seed 7".to_owned(),
    };
    Report::new(coordinate, &plan(), &judge(&plan(), run), run, 4)
}

fn rendered(report: &Report, format: Format<'_>) -> String {
    let mut out = Vec::new();
    render(report, format, &mut out).expect("writing to memory does not fail");
    String::from_utf8(out).expect("reports are text")
}

#[test]
fn the_json_report_has_its_documented_shape() {
    let text = rendered(&report(&run(&[0, 1, 2])), Format::Json);
    let expected = concat!(
        r#"{"schema":2,"kind":"run","coordinate":{"scenario":"calm","seed":7,"commit":"0123abc","#,
        r#""replay":"harrow run calm --seed 7"},"#,
        r#""rules":{"label":"as promised","kafka":null,"defects":[]},"#,
        r#""outcome":"held","findings":[],"excused":[],"digest":"00000000000000ab","#,
        r#""stats":{"simulated_ms":30000,"wall_ms":4,"events":12,"messages":0,"#,
        r#""operations":{"ok":0,"fail":0,"unknown":0},"records_acked":3,"faults":0},"#,
        r#""faults":{"planned":0,"injected":0,"weakened":0,"held_back":0},"#,
        r#""reached":["leader-elected"]}"#,
        "\n",
    );
    assert_eq!(text, expected);
}

#[test]
fn the_human_report_tells_a_short_story_and_how_to_see_it_again() {
    let mut broken = run(&[0, 2]);
    let mut long = violation("leader-completeness", 9);
    long.evidence = (0..40).map(|n| format!("fact {n}")).collect();
    broken.violations = vec![long];
    let replay = "harrow run calm --seed 7";
    let text = rendered(&report(&broken), Format::Human { styles: Styles::plain(), replay });
    let story = text.split("\n\n").nth(1).expect("a finding follows the outcome");
    assert!(story.lines().count() < 16, "{story}");
    assert!(text.starts_with("violated as promised: calm --seed 7 (commit 0123abc)\n"), "{text}");
    assert!(text.ends_with("replay: harrow run calm --seed 7\n"), "{text}");
    assert!(text.contains("3 records acked, 0 faults injected"), "{text}");
    assert!(!text.contains('\u{1b}'), "plain text has no colours: {text}");
    let colored = rendered(&report(&broken), Format::Human { styles: Styles::colored(), replay });
    assert!(colored.contains('\u{1b}'), "{colored}");
}

#[test]
fn what_retention_took_is_counted() {
    let history = run(&[1, 2]).history;
    let facts = |log_start_offset, compacted| LogFacts { log_start_offset, compacted };
    let options = |facts| Options { logs: BTreeMap::from([(0, facts)]), ..Options::default() };
    let verdict = judge_history(&history, &Terms::strict(), &options(facts(1, false)));
    assert!(verdict.findings.is_empty(), "{verdict:#?}");
    let told: Vec<(&str, &str, u64)> = verdict
        .excused
        .iter()
        .map(|excuse| (excuse.anomaly.as_str(), excuse.reason.as_str(), excuse.count))
        .collect();
    assert_eq!(told, [("unseen", "the log of orders-0 begins at offset 1", 1)]);
    let verdict = judge_history(&history, &Terms::strict(), &options(facts(0, true)));
    assert_eq!(names(&verdict), ["lost-write"], "without keys, compaction removes nothing");
}

/// The most that a configuration can permit.
fn weakest() -> Terms {
    let producer = ProducerTerms { acks: Acks::None, idempotence: false, in_flight_max: 5 };
    let partition = PartitionTerms { unclean_leader_election: true, min_insync_replicas: 1 };
    Terms {
        producer,
        partitions: vec![partition],
        isolation: Isolation::ReadUncommitted,
        subscribes: true,
        offset_reset: Reset::Latest,
        offsets_retention_ns: 0,
        ..Terms::strict()
    }
}

/// What `explain` calls never legal no terms excuse, and what it calls legal some do.
#[test]
fn what_is_told_to_be_legal_is_excused() {
    let operation = |function| OperationRecord {
        process: 1,
        invoked_ns: 10,
        completed_ns: 20,
        completion: Completion::Info,
        function,
        actions: Vec::new(),
    };
    let operations = [operation(Function::Txn)];
    let history = History::of(vec!["orders-0".to_owned()], true, &operations);
    let observation =
        Observation { value: 1, offset: 1, operation: 0, writer: Some(0), read: false };
    let step = Step { from: 0, to: 0, dependency: Dependency::Process };
    for anomaly in Anomaly::ALL {
        let occurrence = |context| Occurrence {
            anomaly,
            partition: 0,
            at_ns: 20,
            since_ns: 10,
            subject: observation,
            other: Some(observation),
            context,
            passed: None,
            cycle: vec![step; 3],
        };
        let excused = [OccurrenceContext::Plain, OccurrenceContext::NothingCommitted]
            .map(|context| excuse(&weakest(), &history, &occurrence(context)));
        let legal = explain(anomaly.name()).expect("it is explained").legal;
        let never = legal.starts_with("Never");
        assert_eq!(never, excused.iter().all(Option::is_none), "{anomaly}: {legal}");
        let always = legal.starts_with("Always") || legal.starts_with("As for G");
        let strict = excuse(&Terms::strict(), &history, &occurrence(OccurrenceContext::Plain));
        assert_eq!(always, strict.is_some(), "{anomaly}: {legal}");
    }
}

#[test]
fn every_name_is_explained_once() {
    // What was done and what was come across may have one name.
    let marks = || entries().filter(|entry| entry.kind == Kind::Mark);
    let mut names: Vec<&str> =
        entries().filter(|entry| entry.kind != Kind::Mark).map(|entry| entry.name).collect();
    names.sort_unstable();
    for mark in harrow_sim::reach::ALL {
        assert!(marks().any(|entry| entry.name == *mark), "{mark} is not explained");
    }
    assert_eq!(
        marks().count(),
        harrow_sim::reach::ALL.len() + 1,
        "one of them stands for all halts"
    );
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:#?}");
    for anomaly in Anomaly::ALL {
        assert!(explain(anomaly.name()).is_some(), "{anomaly} is not explained");
    }
    for defect in Defect::all() {
        let entry = defect.entry();
        assert!(explain(defect.name()).is_some_and(|found| found.kind == Kind::Defect), "{defect}");
        assert!(explain(entry.guarantee).is_some(), "{}", entry.guarantee);
        assert!(explain(entry.anomaly).is_some(), "{}", entry.anomaly);
    }
    assert!(explain("lost-WRITE").is_some() && explain("nonsense").is_none());
}

#[test]
fn every_fault_of_a_plan_is_explained() {
    let error =
        serde_json::from_str::<Action>(r#"{"kind":"nonsense"}"#).expect_err("no such fault");
    let text = error.to_string();
    let kinds: Vec<&str> = text.split('`').skip(3).step_by(2).collect();
    assert!(kinds.len() >= 20, "{text}");
    for kind in kinds {
        assert!(explain(kind).is_some(), "{kind} is not explained");
    }
}
