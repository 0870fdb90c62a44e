//! `harrow check` as a person uses it: exit codes, places, and the verdict on a run's own history.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use harrow_broker_model::defect::{Defect, LogDefect};
use harrow_reports::check::{Options, check};
use harrow_reports::config::HistoryConfig;
use harrow_reports::history_file::{read_history, write_history};
use harrow_reports::judge::{judge_history, judge_recorded};
use harrow_reports::policy::{Terms, excuse};
use harrow_scenarios::catalogue::{CATALOGUE, find};
use harrow_scenarios::format::{parse, parse_promises, print_promises};
use harrow_scenarios::pipeline::run;
use harrow_scenarios::planner::plan;
use harrow_sim::history::History;
use harrow_sim::plan::Plan;
use harrow_sim::run::Run;
use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{Said, command, said};
use crate::defects::others;
use crate::played::{Played, WHOLE, with_played};

fn harrow(directory: &Path, arguments: &[&str], input: &[u8]) -> Said {
    said(command(directory, arguments).write_stdin(input))
}

/// What `harrow check -` says of a text, with further arguments.
fn checked(text: impl AsRef<[u8]>, more: &[&str]) -> Said {
    let arguments = [&["check", "-"], more].concat();
    harrow(Path::new("."), &arguments, text.as_ref())
}

const HEADER: &str = r#"{"harrow_history":2}"#;
const SEND: &str = concat!(
    r#"{"index":0,"time":1000000,"process":1,"type":"invoke","f":"send","#,
    r#""value":[["send","orders-0","a"]]}"#
);
const SENT: &str = concat!(
    r#"{"index":1,"time":2000000,"process":1,"type":"ok","f":"send","#,
    r#""value":[["send","orders-0","a",0]]}"#
);
const POLL: &str = r#"{"index":2,"time":3000000,"process":9,"type":"invoke","f":"poll"}"#;
const POLLED: &str = concat!(
    r#"{"index":3,"time":4000000,"process":9,"type":"ok","f":"poll","#,
    r#""value":[["poll",{"orders-0":[[0,"a"]]}]]}"#
);
const POLLED_NOTHING: &str = concat!(
    r#"{"index":3,"time":4000000,"process":9,"type":"ok","f":"poll","#,
    r#""value":[["poll",{}]]}"#
);

/// Lines with their end line.
fn history(lines: &[&str], final_reads: bool) -> String {
    let end = format!(r#"{{"end":{{"lines":{},"final_reads":{final_reads}}}}}"#, lines.len() + 1);
    [&[HEADER], lines, &[&end, ""]].concat().join("\n")
}

#[test]
fn fail_fast_stops_at_the_first_violation_and_at_nothing_legal() {
    let garbage = POLLED.replace("[0,\"a\"]", "[0,\"nobody's\"]");
    let broken = [HEADER, SEND, SENT, POLL, &garbage, "not JSON", ""].join("\n");
    assert_eq!(checked(&broken, &[]).code, 2, "the line after it cannot be read");
    let said = checked(&broken, &["--fail-fast"]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("garbage-read"), "{}", said.stdout);
    let whole = history(&[SEND, SENT, POLL, POLLED], true);
    assert_eq!(checked(&whole, &["--fail-fast"]).code, 0, "nothing to stop at");
}

#[test]
fn every_outcome_has_its_code_and_reason() {
    let unknown = SENT.replace("\"ok\"", "\"info\"").replace(",0]]", "]]");
    let unread = POLLED.replace("\"ok\"", "\"info\"").replace("[[0,\"a\"]]", "[]");
    let whole = history(&[SEND, SENT, POLL, POLLED], true);
    let (cut, _) = whole.trim_end().rsplit_once('\n').expect("there are several lines");
    let table: &[(String, i32, &[&str])] = &[
        (whole.clone(), 0, &["held -", "1 records acked, 1 read, 2 operations ok"]),
        (
            history(&[SEND, SENT, POLL, POLLED_NOTHING], true),
            1,
            &["violated -", "unseen breaks durability", "record a"],
        ),
        (history(&[], true), 3, &["inconclusive -", "inconclusive: the history is empty"]),
        (
            history(&[SEND, SENT], true),
            3,
            &["no poll returned a record", "final reads were not done"],
        ),
        (history(&[SEND, SENT, POLL, POLLED], false), 3, &["final reads were not done"]),
        (
            history(&[POLL, &POLLED_NOTHING.replace("\"ok\"", "\"fail\"")], false),
            3,
            &["no record was acknowledged"],
        ),
        (history(&[SEND, &unknown, POLL, &unread], true), 3, &["all outcomes are unknown"]),
        (format!("{cut}\n"), 3, &["the end line is missing"]),
        (format!("{HEADER}\n"), 3, &["the end line is missing", "the history is empty"]),
    ];
    for (text, code, parts) in table {
        let said = checked(text, &[]);
        assert_eq!(said.code, *code, "{text}\n{}{}", said.stdout, said.stderr);
        for part in *parts {
            assert!(said.stdout.contains(part), "`{part}` in\n{}", said.stdout);
        }
    }
}

#[test]
fn what_is_no_history_is_told_by_its_line() {
    let whole = history(&[SEND, SENT, POLL, POLLED], true);
    let table: &[(Vec<u8>, &str)] = &[
        (Vec::new(), "-:1: the file is empty"),
        (b"\x1f\x8b\x08\x00\x00".to_vec(), "-:1:1: this is gzip"),
        (b"{:type :ok, :f :poll}\n".to_vec(), "-:1:1: this looks like EDN"),
        (b"[{\"index\":0}]\n".to_vec(), "-:1:1: this is a JSON array"),
        (b"{\"harrow_history\":1,\"partitions\":[],\"final_reads\":true}\n".to_vec(), "version 1"),
        (format!("\u{feff}{whole}").into_bytes(), "-:1:1: there is a byte order mark"),
        (whole.replace('\n', "\r\n").into_bytes(), "-:1:21: the line ends in CR LF"),
        (whole.replace(SENT, &SENT[..60]).into_bytes(), "-:3:60: the line ends in the middle"),
        (whole[..9].into(), "-:1:9: the file ends in the middle of this line"),
        (b"# A heading\n".to_vec(), "-:1:1: this is not JSON"),
        (b"#jepsen.history.Op{:index 0}\n".to_vec(), "-:1:1: this looks like EDN"),
        (
            whole.replace("\"time\":3000000", "\"tine\":3000000").into_bytes(),
            "-:4:17: unknown key `tine`; did you mean `time`?",
        ),
        (
            whole.replace("\"time\":3000000", "\"time\":3").into_bytes(),
            "-:4: time 3 comes after 2000000",
        ),
        (
            whole.replace(SENT, &format!("{SENT}\n{SENT}")).into_bytes(),
            "-:4: index 1 comes after 1",
        ),
        (
            whole.replace(&format!("{SENT}\n"), "").into_bytes(),
            "-:5: it says that 5 lines come before it, and 4 do",
        ),
        (
            whole.replace(SENT, "{\"index\":1,\"f\":\"\0\"}").into_bytes(),
            "-:3:17: there is a NUL byte",
        ),
        (
            [&whole.as_bytes()[..30], b"\xff", &whole.as_bytes()[30..]].concat(),
            "-:2:10: this is not UTF-8",
        ),
        (format!("{whole}{SEND}\n").into_bytes(), "-:7: it comes after the end line"),
    ];
    for (bytes, part) in table {
        let said = checked(bytes, &["--format", "json"]);
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(said.code, 2, "{shown}\n{}{}", said.stdout, said.stderr);
        assert!(said.stdout.is_empty(), "{}", said.stdout);
        assert!(said.stderr.contains(part), "`{part}` in\n{}", said.stderr);
        assert!(said.stderr.contains("HISTORY.md"), "{}", said.stderr);
    }
}

#[test]
fn files_that_are_not_there_are_told() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path();
    for (arguments, part) in [
        (vec!["check", "none.jsonl"], "failed to read the history none.jsonl"),
        (vec!["check", "."], "failed to read the history ."),
        (vec!["check"], "HISTORY"),
        (vec!["check", "-", "--config", "none.toml"], "failed to read the configuration none.toml"),
    ] {
        let said = harrow(path, &arguments, b"");
        assert_eq!(said.code, 2, "{}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(part), "`{part}` in\n{}", said.stderr);
    }
}

#[test]
fn a_verdict_is_told_as_one_object() {
    let text = history(&[SEND, SENT, POLL, POLLED_NOTHING], true);
    let json: Value =
        serde_json::from_str(&checked(&text, &["--format", "json"]).stdout).expect("it is JSON");
    assert_eq!((&json["schema"], &json["outcome"]), (&Value::from(2), &Value::from("violated")));
    assert_eq!(json["coordinate"]["history"], "-");
    assert!(json["coordinate"]["commit"].is_string() && json["coordinate"].get("seed").is_none());
    assert_eq!(json["findings"][0]["anomaly"], "unseen");
    let stats = &json["stats"];
    assert_eq!((&stats["lines"], &stats["records_acked"]), (&Value::from(6), &Value::from(1)));
    assert_eq!(stats["operations"]["ok"], 2);
    let again = checked(&text, &["--format", "json"]).stdout;
    let again: Value = serde_json::from_str(&again).expect("it is JSON");
    assert_eq!(json["findings"], again["findings"]);
}

#[test]
fn a_configuration_changes_what_was_promised() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path();
    let other = [SEND, SENT].map(|line| {
        let line = line.replace("\"index\":", "\"index\":1").replace("\"time\":", "\"time\":2");
        line.replace("\"a\"", "\"b\"").replace(",0]]", ",1]]")
    });
    let poll = POLL.replace("\"index\":2,\"time\":3", "\"index\":20,\"time\":30");
    let polled = POLLED.replace("\"index\":3,\"time\":4", "\"index\":21,\"time\":40");
    let polled = polled.replace("[0,\"a\"]", "[1,\"b\"]");
    let lost = history(&[SEND, SENT, &other[0], &other[1], &poll, &polled], true);
    fs::write(path.join("h.jsonl"), &lost).expect("it takes files");
    let table = [
        ("", 1, "promised by acks=all"),
        (
            "[producer]\nacks = \"1\"\n",
            0,
            "legal: 1 x lost-write, 1 x unseen (acks=1 promises nothing",
        ),
        ("[producer]\nacks = \"1\"\n[faults]\ndisturbed = false\n", 1, "promised by acks=1"),
        ("[producer]\nacks = \"1\"\n[faults]\nsettled_at_ns = 1000000\n", 1, "promised by acks=1"),
        ("[[process]]\nnumbers = 1\nacks = \"0\"\n", 0, "acks=0 promises nothing"),
        ("[[process]]\nnumbers = 9\nacks = \"0\"\n", 1, "promised by acks=all"),
        ("[[partition]]\nname = \"orders-0\"\nlog_start_offset = 1\n", 0, "held"),
        ("[broker]\nunclean.leader.election.enable = true\n", 0, "allows unclean leader election"),
        (
            "[broker]\nunclean.leader.election.enable = true\n[faults]\ndisturbed = false\n",
            1,
            "unseen",
        ),
        (
            "[broker]\nunclean.leader.election.enable = true\n[faults]\nunclean_elections = \"listed\"\n",
            1,
            "unseen",
        ),
        (
            "[broker]\nunclean.leader.election.enable = true\n\
              [[dropped]]\npartition = \"orders-0\"\nfirst = 0\nlast = 3\n",
            0,
            "an unclean leader election dropped offsets 0 to 3",
        ),
        (
            "[broker]\nunclean.leader.election.enable = true\n\
              [[dropped]]\npartition = \"orders-0\"\nfirst = 1\nlast = 3\n",
            1,
            "unseen",
        ),
        (
            "[broker]\nunclean.leader.election.enable = true\n\
              [[dropped]]\npartition = \"orders-0\"\nfirst = 0\nlast = 3\n\
          at_ns = 1000000\n",
            1,
            "unseen",
        ),
        (
            "[[topic]]\nname = \"orders\"\nmin.insync.replicas = 1\n[[damage]]\nbroker = 1\nat_ns = 3000000\n",
            0,
            "1 brokers lost data",
        ),
        ("[[damage]]\nbroker = 1\nat_ns = 3000000\n", 1, "unseen"),
    ];
    for (config, code, part) in table {
        fs::write(path.join("c.toml"), config).expect("it takes files");
        let said = harrow(path, &["check", "h.jsonl", "--config", "c.toml"], b"");
        assert_eq!(said.code, code, "{config}\n{}{}", said.stdout, said.stderr);
        assert!(said.stdout.contains(part), "{config}\n`{part}` in\n{}", said.stdout);
    }
}

#[test]
fn a_configuration_with_a_mistake_is_told_by_its_place() {
    let directory = TempDir::new().expect("a temporary directory");
    fs::write(directory.path().join("c.toml"), "[producer]\nack = \"1\"\n")
        .expect("it takes files");
    let said = harrow(directory.path(), &["check", "-", "--config", "c.toml"], b"");
    assert_eq!(said.code, 2, "{}", said.stderr);
    for part in ["[producer] has no key `ack`", "c.toml:2:1", "did you mean `acks`"] {
        assert!(said.stderr.contains(part), "`{part}` in\n{}", said.stderr);
    }
}

#[test]
fn a_name_that_the_history_lacks_is_noted() {
    let directory = TempDir::new().expect("a temporary directory");
    let config = "[[topic]]\nname = \"order\"\nmin.insync.replicas = 1\n";
    fs::write(directory.path().join("c.toml"), config).expect("it takes files");
    let text = history(&[SEND, SENT, POLL, POLLED], true);
    let said = harrow(directory.path(), &["check", "-", "--config", "c.toml"], text.as_bytes());
    assert_eq!(said.code, 0);
    assert!(said.stderr.contains("does not name `order`"), "{}", said.stderr);
}

#[test]
fn the_configuration_in_force_is_printed_and_reads_back() {
    let directory = TempDir::new().expect("a temporary directory");
    let printed = harrow(directory.path(), &["check", "--print-config"], b"").stdout;
    assert!(printed.contains("enable.idempotence = true"), "{printed}");
    assert_eq!(
        parse_promises("c.toml", &printed).expect("it reads back"),
        HistoryConfig::default()
    );
    fs::write(directory.path().join("c.toml"), "[producer]\nacks = \"0\"\n")
        .expect("it takes files");
    let arguments = ["check", "--config", "c.toml", "--print-config"];
    let weaker = harrow(directory.path(), &arguments, b"").stdout;
    assert!(weaker.contains("acks = \"0\""), "{weaker}");
}

#[test]
fn the_document_s_configuration_is_right() {
    let document = include_str!("../../../reports/HISTORY.md");
    let (_, rest) = document.split_once("```toml\n").expect("there is a configuration");
    let text = rest.split_once("```").expect("it ends").0;
    let config = parse_promises("HISTORY.md", text).expect("it is right");
    assert_eq!(config.producers.len(), 2);
    assert!(config.faults.dropped.is_some_and(|dropped| dropped.len() == 1));
}

/// Unexcused anomalies by name and partition.
fn anomalies(
    history: &History,
    terms: &Terms,
    options: &Options,
) -> BTreeSet<(&'static str, String)> {
    let found = check(history, options).into_iter();
    let bad = found.filter(|occurrence| excuse(terms, history, occurrence).is_none());
    bad.map(|o| (o.anomaly.name(), history.partitions[o.partition as usize].clone())).collect()
}

/// Every anomaly by name and partition, with the reason if it is legal.
fn judged(
    history: &History,
    terms: &Terms,
    options: &Options,
) -> BTreeSet<(&'static str, String, Option<String>)> {
    let told = check(history, options).into_iter().map(|occurrence| {
        let place = history.partitions[occurrence.partition as usize].clone();
        let reason = excuse(terms, history, &occurrence);
        (occurrence.anomaly.name(), place, reason.map(|reason| reason.text))
    });
    told.collect()
}

/// What a run's clients saw, judged by the run itself, and the same from the files that it leaves. Says whether they
/// saw anything that is not legal.
fn same_from_its_files(plan: &Plan, run: &Run, at: &str) -> bool {
    let file = text_of(&run.history);
    let recorded = read_history(file.as_bytes()).expect("it was written by us");
    assert_eq!(text_of(&recorded.history), file, "{at}");
    if recorded.history.groups == run.history.groups {
        assert_eq!(recorded.history, run.history, "{at}");
    }
    let config = print_promises(&HistoryConfig::of_run(plan, run));
    let read = parse_promises("history.toml", &config).expect("it was printed by us");
    let (terms, options) = (Terms::of_run(plan, run), Options::of_run(plan, run));
    let history = &recorded.history;
    let inside = judged(&run.history, &terms, &options);
    let outside = judged(history, &read.terms(history), &read.options(history));
    assert_eq!(inside, outside, "{at}\n{config}");
    let by_run = judge_history(&run.history, &terms, &options).outcome;
    let by_file = judge_recorded(&recorded, &read.terms(history), &read.options(history)).outcome;
    assert_eq!(by_run, by_file, "{at}\n{config}");
    inside.iter().any(|(_, _, reason)| reason.is_none())
}

/// As it is written: groups by name, for a file numbers them as they come in it.
fn text_of(history: &History) -> String {
    let mut file = Vec::new();
    write_history(history, &mut file).expect("writing to memory works");
    String::from_utf8(file).expect("it is text")
}

#[test]
fn a_run_s_own_file_shows_what_its_clients_saw() {
    let mut seen = 0;
    // The last comes first: where the same runs are looked at from the other end, nobody waits for them.
    for defect in Defect::all().rev() {
        let entry = defect.entry();
        let with = others(defect).chain([defect]);
        with_played(entry.scenario, entry.seed, with, |Played { plan, run, .. }| {
            seen += usize::from(same_from_its_files(plan, run, defect.name()));
        });
    }
    assert!(seen > 0, "no client saw anything");
}

#[test]
fn every_scenario_s_own_file_is_judged_as_its_run_is() {
    for entry in CATALOGUE.iter().rev() {
        with_played(entry.name, WHOLE, [], |Played { plan, run, .. }| {
            let broken = same_from_its_files(plan, run, entry.name);
            assert!(!broken, "{} shows its clients what is not legal", entry.name);
        });
    }
}

#[test]
fn fences_without_epochs_of_members_are_told_by_the_file() {
    let config = "[consumer]\ngroup.protocol = \"consumer\"\n\
                  [[group]]\nname = \"old\"\ngroup.protocol = \"classic\"\n";
    let config = parse_promises("c.toml", config).expect("it is right");
    let options = config.options(&History::default());
    assert!(options.member_epochs && options.classic_groups.contains("old"));
    assert!(config.terms(&History::default()).processing.iter().all(|(name, _)| name == "old"));
}

#[test]
fn an_unclean_election_excuses_what_it_dropped_and_nothing_else() {
    let scenario = find("unclean-trap").expect("a name of the catalogue");
    let unclean = ["topic.orders.unclean.leader.election.enable=true".to_owned()];
    let scenario = parse(scenario.name, scenario.text, &unclean).expect("it is right");
    let mut dropped = 0;
    for seed in 1..=5 {
        let plan = plan(&scenario, seed);
        let run = run(&plan, false);
        let config = HistoryConfig::of_run(&plan, &run);
        let terms = config.terms(&run.history);
        assert!(anomalies(&run.history, &terms, &Options::default()).is_empty(), "{seed}");
        let ranges = terms.dropped.as_ref().expect("a run knows what was dropped").len();
        let nothing = Terms { dropped: Some(Vec::new()), ..terms };
        let without = anomalies(&run.history, &nothing, &Options::default());
        assert!(ranges > 0 || without.is_empty(), "{seed}: {without:?}");
        dropped += usize::from(!without.is_empty());
    }
    assert!(dropped > 0, "no unclean election dropped anything that clients saw");
}

#[test]
fn a_violated_run_is_violated_by_its_history_alone() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path();
    let entry = LogDefect::NoDedup.entry();
    let arguments = ["run", entry.scenario, "--seed", "1", "--defect", entry.name, "--out", "run"];
    assert_eq!(harrow(path, &arguments, b"").code, 1);
    let arguments =
        ["check", "run/history.jsonl", "--config", "run/history.toml", "--format", "json"];
    let said = harrow(path, &arguments, b"");
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    let json: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    assert_eq!(json["findings"][0]["anomaly"], "duplicate", "{json}");
    assert_eq!(json["coordinate"]["config"], "run/history.toml");
    assert!(said.stderr.is_empty(), "{}", said.stderr);
}
