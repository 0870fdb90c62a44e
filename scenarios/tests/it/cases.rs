//! Cases from the field: reductions of public reports, and what Harrow answers. Each stands for a kind: its
//! siblings are
//! rows beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harrow_reports::config::HistoryConfig;
use harrow_reports::explain::explain;
use harrow_reports::history_file::{Recorded, read_history};
use harrow_reports::judge::judge_recorded;
use harrow_reports::policy::{Hold, Promise};
use harrow_reports::verdict::{Outcome, Verdict};
use harrow_scenarios::format::{check_plan, parse, parse_promises};
use harrow_scenarios::pipeline::{RunIdentity, run_and_judge_held_to};
use harrow_scenarios::planner::plan;

const DOCUMENT: &str = include_str!("../../../reports/HISTORY.md");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn text(name: &str) -> String {
    let path = folder().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn recorded(text: &str) -> Recorded {
    read_history(text.as_bytes()).expect("the case is a history")
}

/// The verdict on a history under a configuration in TOML.
fn judged(text: &str, promises: &str) -> Verdict {
    let config: HistoryConfig = parse_promises("case.toml", promises).expect("it is one");
    let recorded = recorded(text);
    let (terms, options) = (config.terms(&recorded.history), config.options(&recorded.history));
    judge_recorded(&recorded, &terms, &options)
}

/// Every anomaly that findings name, consequences included.
fn accused(verdict: &Verdict) -> BTreeSet<String> {
    let first = |line: &String| line.split(':').next().unwrap_or_default().to_owned();
    let told = verdict.findings.iter().flat_map(|finding| {
        std::iter::once(finding.anomaly.clone()).chain(finding.consequences.iter().map(first))
    });
    told.collect()
}

/// A history, its configuration, what is accused, and a part of the reason for which something is legal.
struct Row {
    history: &'static str,
    promises: &'static str,
    accused: &'static [&'static str],
    legal: Option<&'static str>,
}

const fn row(
    history: &'static str,
    promises: &'static str,
    accused: &'static [&'static str],
    legal: Option<&'static str>,
) -> Row {
    Row { history, promises, accused, legal }
}

const BELOW_START: &str = "min-latest-below-start-group";
const RETRY: &str = "enable.idempotence=false";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("min-commit-lost", "", &["lost-commit"], None),
    row("min-commit-lost", "[[topic]]\nname = \"__consumer_offsets\"\nunclean.leader.election.enable = true\n", &[],
        Some("__consumer_offsets allows unclean")),
    row("min-commit-lost", "[[dropped]]\npartition = \"__consumer_offsets-7\"\nfirst = 0\nlast = 9\n", &[],
        Some("dropped records of __consumer_offsets")),
    row("min-commit-lost", "[[damage]]\nbroker = 1\nat_ns = 8500000\n[[damage]]\nbroker = 2\nat_ns = 8500000\n", &[],
        Some("2 brokers lost data")),
    row("min-commit-lost", "[[damage]]\nbroker = 1\nat_ns = 8500000\n", &["lost-commit"], None),
    row(BELOW_START,
        "[consumer]\nauto.offset.reset = \"latest\"\n[[partition]]\nname = \"t-0\"\nlog_start_offset = 2\n", &[],
        Some("auto.offset.reset=latest: the log begins behind")),
    row(BELOW_START,
        "[consumer]\nauto.offset.reset = \"by_duration\"\n[[partition]]\nname = \"t-0\"\nlog_start_offset = 2\n", &[],
        Some("auto.offset.reset=by_duration: the log begins behind")),
    row(BELOW_START, "[[partition]]\nname = \"t-0\"\nlog_start_offset = 2\n", &["resume-skip"], None),
    row(BELOW_START, "[consumer]\nauto.offset.reset = \"none\"\n[[partition]]\nname = \"t-0\"\nlog_start_offset = 2\n",
        &["resume-skip"], None),
    row("auto-commit-lost", "", &["lost-commit"], None),
    row("min-end-behind-read", "", &["stale-end-offset"], None),
    row("min-end-behind-read", "[faults]\nstale_end_offsets = true\n", &[], Some("a deposed leader")),
    row("jepsen-rebalance", "", &[], None),
    row("min-false-nonmonotonic", "", &["inconsistent-offsets", "duplicate", "nonmonotonic-send", "realtime-order"],
        None),
    row("min-send-only-txn-hides-loss", "", &["lost-write", "int-poll-skip"], None),
    row("min-from-start-passes", "", &["lost-write", "poll-skip"], None),
    row("min-reassign-keeps-position", "", &["poll-skip"], None),
    row("min-reassign-keeps-position", "[consumer]\nassign.keeps.position = false\n", &[], None),
    row("min-wide-skip", "", &["poll-skip"], None),
    row("min-info-offset", "", &[], None),
    row("epoch-bump-duplicate", "", &["duplicate", "int-nonmonotonic-poll"], None),
    row("epoch-bump-duplicate-not-idempotent", "[producer]\nenable.idempotence = false\n", &[], Some(RETRY)),
    row("retry-reorders-five-in-flight", "[producer]\nenable.idempotence = false\n", &[], Some(RETRY)),
    row("retry-reorders-idempotent", "", &["nonmonotonic-send"], None),
    row("retry-reorders-one-in-flight",
        "[producer]\nenable.idempotence = false\nmax.in.flight.requests.per.connection = 1\n",
        &["nonmonotonic-send"], None),
    row("sequence-reset-swallows", "",
        &["inconsistent-offsets", "lost-write", "nonmonotonic-send", "realtime-order", "unseen"], None),
    row("sequence-reset-swallows-no-offset", "", &["unseen"], None),
];

#[test]
fn each_history_is_answered_as_it_should_be() {
    let mut wrong = Vec::new();
    for Row { history, promises, accused: wanted, legal } in ROWS {
        let verdict = judged(&text(&format!("histories/{history}.jsonl")), promises);
        let told = accused(&verdict);
        let wanted: BTreeSet<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let reasons: Vec<&str> =
            verdict.excused.iter().map(|excuse| excuse.reason.as_str()).collect();
        let is_legal = legal.is_none_or(|part| reasons.iter().any(|reason| reason.contains(part)));
        if told != wanted || !is_legal {
            wrong.push(format!("{history} under {promises:?}: {told:?}, legal {reasons:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A poll that commits of its own accord has committed, and read no bytes that are none.
#[test]
fn a_lost_commit_names_the_commit_however_it_was_made() {
    for (history, commit) in [("min-commit-lost", 1), ("auto-commit-lost", 2)] {
        let verdict = judged(&text(&format!("histories/{history}.jsonl")), "");
        let evidence = verdict.findings[0].evidence.join("\n");
        let wanted = format!("client 5 committed offset {commit}: ");
        assert!(evidence.contains(&wanted), "{history}: {evidence}");
        assert!(!evidence.contains("unreadable"), "{history}: {evidence}");
    }
}

/// What is processed again is told with its records, each once, though an anomaly is about several.
#[test]
fn records_that_are_processed_twice_are_counted() {
    let promises = "[[group]]\nname = \"g\"\nguarantee = \"at-least-once\"\n";
    let verdict = judged(&text("histories/processed-twice.jsonl"), promises);
    assert!(verdict.findings.is_empty(), "{:#?}", verdict.findings);
    let excuse = verdict.excused.iter().find(|it| it.anomaly == "eos-duplicate");
    let excuse = excuse.expect("two sends name the same inputs");
    let told = "t-0: offset 1 was processed twice, by clients 5 and 6";
    assert_eq!(excuse.summary, told);
    for (name, guarantee) in [("eos-duplicate", "at-least-once"), ("eos-loss", "at-most-once")] {
        let entry = explain(name).expect("it is explained");
        assert!(entry.legal.contains(&format!("guarantee={guarantee}")), "{}", entry.legal);
    }
    let records =
        excuse.records.iter().map(|it| (it.partition.as_str(), it.offset, it.value.as_deref()));
    let records: Vec<_> = records.collect();
    assert_eq!(records, [("t-0", 1, Some("1")), ("t-0", 2, Some("2"))]);
    let evidence = excuse.evidence.join("\n");
    assert!(evidence.contains("client 6 sent what it had made of offset 1"), "{evidence}");
}

#[test]
fn a_wide_skip_tells_from_where_to_where_and_how_many() {
    let verdict = judged(&text("histories/min-wide-skip.jsonl"), "");
    let summary = &verdict.findings[0].summary;
    for part in ["stood at offset", "went on at", " records at offsets "] {
        assert!(summary.contains(part), "{summary}");
    }
}

/// A record that a send of unknown outcome was told, and which a read then proves, may be held against others.
#[test]
fn an_info_counts_once_a_read_proves_it() {
    let plain = text("histories/min-info-offset.jsonl");
    assert!(accused(&judged(&plain, "")).is_empty());
    let lines: Vec<&str> = plain.lines().collect();
    let (end, before) = lines.split_last().expect("it has an end");
    let (invoke, ok) = (
        r#"{"index":900,"time":90000000,"process":8,"type":"invoke","f":"poll"}"#,
        r#"{"index":901,"time":91000000,"process":8,"type":"ok","f":"poll","value":[["poll",{"t-0":[[0,0]]}]]}"#,
    );
    let count = format!("\"lines\": {}", before.len());
    let ended = end.replace(&count, &format!("\"lines\": {}", before.len() + 2));
    assert_ne!(ended, *end, "the end line counts the lines: {end}");
    let proved = [&before.join("\n"), invoke, ok, ended.as_str()].join("\n") + "\n";
    let accused = accused(&judged(&proved, ""));
    assert!(accused.contains("inconsistent-offsets"), "{accused:?}");
}

/// The converter of the document keeps Jepsen's rebalance log.
#[test]
fn the_document_converts_jepsen_s_rebalance_log() {
    let (_, rest) = DOCUMENT.split_once("### From Jepsen").expect("there is a section");
    let (_, rest) = rest.split_once("```python\n").expect("there is a converter");
    let code = rest.split_once("```").expect("it ends").0;
    let wanted = text("histories/jepsen-rebalance.jsonl");
    assert!(code.contains("rebalance-log") && wanted.contains("rebalanced"));
    let mut command = Command::new("python3");
    let input = fs::File::open(folder().join("histories/jepsen-rebalance.json-lines"));
    command.args(["-c", code, "--final-reads"]).stdin(input.expect("it is there"));
    // Without an interpreter, what it wrote is still judged by the table above.
    let Ok(output) = command.stderr(Stdio::inherit()).output() else { return };
    assert_eq!(String::from_utf8(output.stdout).expect("it is text"), wanted);
}

/// Jepsen's tests are not ours to keep, so that the script which puts them before Harrow is tried on tests of our own.
#[test]
fn tests_in_jepsen_s_manner_are_translated_and_held_against_harrow() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/tests/jepsen");
    let own = fs::read_to_string(folder.join("example_test.clj")).expect("it is there");
    let directory = tempfile::tempdir().expect("a folder");
    let answered = |tests: &str| {
        let path = directory.path().join("kafka_test.clj");
        fs::write(&path, tests).expect("it is written");
        let mut command = Command::new("python3");
        command.arg(folder.join("translate.py")).arg(&path).arg(directory.path().join("histories"));
        command.arg("--harrow").arg(assert_cmd::cargo::cargo_bin!("harrow"));
        let output = command.output().ok()?;
        Some((output.status.code(), String::from_utf8(output.stdout).expect("it is text")))
    };
    let Some((code, text)) = answered(&own) else {
        eprintln!("passed over: python3 is not here");
        return;
    };
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.ends_with("4 answers of the checker compared, 0 wrong; 1 tests of other things\n"),
        "{text}"
    );
    let (right, wrong) =
        ("(is (nil? (found [write write'])))", "(is (= [:x] (found [write write'])))");
    assert!(own.contains(right));
    let (code, text) = answered(&own.replace(right, wrong)).expect("it is here");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("that nobody has read: differs (WHY?): G1a is wanted"), "{text}");
}

#[test]
fn the_classic_ways_to_lose_messages_are_right() {
    // Scenario, whether a sweep of a few seeds loses anything legally, and what it is then held to.
    let table = [
        ("lose-1-acks0-kill", Some("acks=all")),
        ("lose-2-acks1-kill", None),
        ("lose-3-acks-all-kill", None),
        ("lose-4-acks1-isolated", Some("acks=all")),
        ("one-replica-power", Some("expect.loss_allowed=false")),
        ("rolling-kill-acks-1", None),
        ("rolling-update-acks-1", None),
        ("rolling-update-acks-all", None),
    ];
    for (name, held) in table {
        let scenario =
            parse(name, &text(&format!("scenarios/{name}.toml")), &[]).expect("it is one");
        for seed in 1..=3 {
            let plan = plan(&scenario, seed);
            let identity = RunIdentity { scenario: name, plan: None, replay: "harrow run ..." };
            let plain = run_and_judge_held_to(&plan, identity, false, &Hold::default()).report;
            assert_ne!(plain.outcome, Outcome::Violated, "{name} {seed}: {:#?}", plain.findings);
            let lost =
                plain.legal.iter().any(|harm| held.is_some() && harm.hold.as_deref() == held);
            if let Some(held) = held.filter(|_| lost) {
                let hold = Hold::of(&[Promise::parse(held).expect("it is a promise")]);
                let strict = run_and_judge_held_to(&plan, identity, false, &hold).report;
                assert_eq!(strict.outcome, Outcome::Violated, "{name} {seed} held to {held}");
                assert_eq!(strict.digest, plain.digest, "it is the same run");
            }
        }
    }
}

#[test]
fn an_end_that_goes_back_after_a_loss_is_excused_by_the_loss() {
    let scenario = text("scenarios/one-replica-power.toml");
    let scenario = parse("one-replica-power", &scenario, &[]).expect("it is one");
    let identity = RunIdentity { scenario: "one-replica-power", plan: None, replay: "" };
    let mut seen = 0;
    for seed in 1..=5 {
        let hold = Hold::default();
        let report = run_and_judge_held_to(&plan(&scenario, seed), identity, false, &hold).report;
        let ends = report.excused.iter().filter(|it| it.anomaly == "end-offset-regression");
        for excuse in ends {
            seen += 1;
            assert!(excuse.reason.contains("dropped offsets"), "{seed}: {}", excuse.reason);
            assert!(excuse.reason.contains("lost power at"), "{seed}: {}", excuse.reason);
        }
    }
    assert!(seen > 0, "no seed shows an end that goes back");
}

/// A request's time begins when its connection stands: one that holds a round trip holds, though the first answer on a
/// new connection takes two. The same between brokers and controllers, of which some are started again meanwhile.
#[test]
fn a_timeout_a_little_above_a_round_trip_holds() {
    let text = text("scenarios/request-timeout-below-round-trip-steady.toml");
    let long = text.replace("delivery.timeout.ms = 3000", "delivery.timeout.ms = 30000");
    let loads = long.replace("request.timeout.ms = 300", "request.timeout.ms = 960");
    let slow =
        loads.replace("1000..20000", "80000..100000").replace("300000..400000", "1000..2000");
    let nodes = slow
        + "[cluster]\nrequest.timeout.ms = 390\ncontroller.quorum.election.timeout.ms = 1000\n\
           [[fault]]\nkind = \"bounce\"\ntarget = \"any-node\"\nat_ms = 2000\n";
    for (name, text) in [("clients", &loads), ("nodes", &nodes)] {
        let scenario = parse(name, text, &[]).expect("it works");
        for seed in 1..=5 {
            let identity = RunIdentity { scenario: name, plan: None, replay: "" };
            let (plan, hold) = (plan(&scenario, seed), Hold::default());
            let report = run_and_judge_held_to(&plan, identity, false, &hold).report;
            assert_eq!(report.outcome, Outcome::Held, "{name} {seed}: {:#?}", report.findings);
        }
    }
}

/// Clients that give up before any answer can come are refused with the reason, in scenarios and in plans.
#[test]
fn timeouts_below_a_round_trip_are_refused() {
    for name in ["request-timeout-below-round-trip", "request-timeout-below-round-trip-steady"] {
        let text = text(&format!("scenarios/{name}.toml"));
        let error = parse(name, &text, &[]).expect_err("it cannot work");
        let told: Vec<String> = error.mistakes().iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|it| it.contains("before its answer can come")), "{told:?}");
        let works = text.replace("request.timeout.ms = 300", "request.timeout.ms = 3000");
        let works = works.replace("delivery.timeout.ms = 3000", "delivery.timeout.ms = 30000");
        let scenario = parse(name, &works, &[]).expect("it works");
        let sound = serde_json::to_string(&plan(&scenario, 1)).expect("a plan is plain data");
        assert!(check_plan("plan.json", &sound, &plan(&scenario, 1)).is_ok());
        let broken = sound.replace("\"request_timeout_ms\":3000", "\"request_timeout_ms\":300");
        assert_ne!(broken, sound);
        let plan = serde_json::from_str(&broken).expect("it is still a plan");
        let error = check_plan("plan.json", &broken, &plan).expect_err("it cannot work");
        let told: Vec<String> = error.mistakes().iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|it| it.contains("before its answer can come")), "{told:?}");
    }
}
