//! The trace for programs, and what is asked of it, through the binary.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use harrow_reports::trace::{FieldShape, Shape, kinds};
use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{Said, harrow, harrow_in};

/// The run in which KIP-101's bug cuts a committed record.
const CUT: &str = "quick-failover --seed 9 --defect truncate-to-hw";

fn said(line: &str) -> Said {
    harrow(&line.split(' ').collect::<Vec<_>>())
}

fn said_with(line: &str, last: &[&str]) -> Said {
    let words: Vec<&str> = line.split(' ').chain(last.iter().copied()).collect();
    harrow(&words)
}

/// A run's directory.
fn left() -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    let line = format!("run {CUT} --out out");
    let run = harrow_in(directory.path(), &line.split(' ').collect::<Vec<_>>());
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    directory
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("it is left");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// What is at a path in an event, in whatever lists.
fn at<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    if let Some(items) = value.as_array() {
        return items.iter().flat_map(|item| at(item, path)).collect();
    }
    if path.is_empty() {
        return if value.is_null() { Vec::new() } else { vec![value] };
    }
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    value.get(first).map_or_else(Vec::new, |value| at(value, rest))
}

fn is_of(value: &Value, shape: &Shape) -> bool {
    let name = value.as_str().or_else(|| value["kind"].as_str());
    let name = name.map_or_else(|| value.to_string(), str::to_owned);
    match shape {
        Shape::Enum(words) => words.contains(&name),
        Shape::Number => {
            value.is_i64() || value.is_u64() || name.parse::<u64>().is_ok_and(|it| it >= 1 << 53)
        }
        Shape::Node => value.is_i64(),
        Shape::Name => value.is_string(),
        Shape::Object => value.is_object(),
        Shape::Any => value.is_string() || value.is_i64(),
    }
}

/// Whether floats of 64 bits keep all of its numbers.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(fields) => fields.values().all(is_exact),
        Value::Number(number) => number.as_i64().is_some_and(|it| it.unsigned_abs() < 1 << 53),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[test]
fn fields_are_what_is_said_of_them() {
    let mut told: BTreeSet<String> = BTreeSet::new();
    for line in [
        format!("trace {CUT} --as json-lines"),
        "trace retention-and-laggard --seed 1 --as json-lines".to_owned(),
        "trace swarm-transactions --seed 5 --as json-lines".to_owned(),
        "trace compacted-changelog --seed 1 --as json-lines".to_owned(),
    ] {
        let all = said(&line).json_lines();
        let kinds = kinds();
        for event in &all[1..] {
            let kind = kinds
                .iter()
                .find(|kind| event["family"] == kind.family && event["kind"] == kind.name);
            let kind = kind.expect("it is listed");
            assert!(kind.has_node || event["node"].is_null(), "it has a node: {event}");
            assert!(kind.has_partition || event["partitions"].is_null(), "it has one: {event}");
            assert!(is_exact(event), "a reader would round a number: {event}");
            for FieldShape { path, shape } in &kind.fields {
                for value in at(&event["fields"], path) {
                    assert!(is_of(value, shape), "{path} is no {shape:?}: {event}");
                    told.insert(format!("{} {path}", event["kind"]));
                }
            }
        }
    }
    assert!(told.len() > 100, "{told:?}");
}

#[test]
fn a_trace_has_the_rows_of_the_text_and_says_what_led_to_them() {
    let directory = left();
    let out = directory.path().join("out");
    let all = lines(&out.join("trace.jsonl"));
    let (header, events) = all.split_first().expect("a header");
    assert_eq!((&header["schema"], &header["kind"]), (&Value::from(1), &Value::from("trace")));
    let text = fs::read_to_string(out.join("trace.txt")).expect("it is left");
    let rows: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(events.len(), rows.len());
    let known: BTreeSet<(String, String)> =
        kinds().into_iter().map(|kind| (kind.family.to_owned(), kind.name)).collect();
    let fields: BTreeMap<(String, String), Vec<String>> = kinds()
        .into_iter()
        .map(|kind| {
            let names = kind.names().map(str::to_owned).collect();
            ((kind.family.to_owned(), kind.name), names)
        })
        .collect();
    for (row, event) in events.iter().enumerate() {
        assert_eq!(event["row"], row as u64, "{event}");
        assert!(rows[row].ends_with(event["text"].as_str().expect("a text")), "{event}");
        let of = |key: &str| event[key].as_str().expect("a name").to_owned();
        let kind = (of("family"), of("kind"));
        assert!(known.contains(&kind), "no such kind is listed: {event}");
        let told = event["fields"].as_object().into_iter().flat_map(|fields| fields.keys());
        for field in told.filter(|_| kind.0 != "message") {
            assert!(fields[&kind].contains(field), "no such field is listed: {field} of {event}");
        }
        if let Some(cause) = event["cause"].as_u64() {
            let cause = &events[usize::try_from(cause).expect("a row")];
            assert!(cause["at_ns"].as_u64() <= event["at_ns"].as_u64(), "{cause} leads to {event}");
            if of("kind") == "request-received" {
                assert_eq!(cause["kind"], "request-sent", "{cause} leads to {event}");
                assert_eq!(cause["fields"]["api"], event["fields"]["api"]);
            }
        }
    }
    let received = |event: &&Value| event["kind"] == "response-received";
    assert!(events.iter().filter(received).all(|event| event["cause"].is_u64()));
}

#[test]
fn the_cut_of_a_committed_record_is_found_with_its_fields() {
    let run = said_with(
        &format!("query {CUT} --format json"),
        &["truncated[offset = 255] not preceded by became-leader within 2500ms"],
    );
    // Arguments in any order: the query comes last.
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let answer = run.json();
    assert_eq!(answer["holds"], true);
    let first = &answer["events"][0];
    assert_eq!(
        (&first["family"], &first["kind"]),
        (&Value::from("log"), &Value::from("truncated"))
    );
    assert_eq!(first["partitions"], Value::from(vec!["orders-0"]));
    assert!(first["fields"]["to"].as_i64() <= Some(255), "{first}");
    let denied = said_with(&format!("query {CUT}"), &["truncated[offset = 255] and not truncated"]);
    assert_eq!(denied.code, 3, "{}", denied.stdout);
    assert!(denied.stdout.contains("it does not hold"), "{}", denied.stdout);
}

#[test]
fn a_directory_its_plan_and_its_scenario_answer_alike() {
    let directory = left();
    let query = "truncated not preceded by became-leader";
    let asked = |line: &str| {
        let words: Vec<&str> = line.split(' ').chain([query, "--format", "json"]).collect();
        let answer = harrow_in(directory.path(), &words);
        assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
        answer.json()["events"].clone()
    };
    let of_scenario = asked(&format!("query {CUT}"));
    assert!(!of_scenario.as_array().expect("a list").is_empty());
    for line in ["query out", "query out/trace.jsonl", "query out/plan.json"] {
        assert_eq!(asked(line), of_scenario, "{line}");
    }
}

#[test]
fn a_sweep_tells_which_seeds_a_query_holds_of() {
    let line = "query quick-failover --defect truncate-to-hw --seeds 8..10 --format json";
    let run = said_with(line, &["truncated[reason = high-watermark]"]);
    let mut told = run.json_lines();
    let summary = told.pop().expect("a summary");
    assert_eq!(
        (&summary["kind"], &summary["asked"]),
        (&Value::from("query-sweep"), &Value::from(3))
    );
    assert_eq!(summary["holds"], told.len() as u64);
    assert!(
        told.iter().any(|one| one["seed"] == 9 && one["first"]["kind"] == "truncated"),
        "{told:?}"
    );
    let none = said_with("query calm --seeds 1..2", &["truncated[reason = high-watermark]"]);
    assert_eq!(none.code, 3, "{}", none.stdout);
    assert!(none.stdout.contains("it holds of 0 of 2 seeds"), "{}", none.stdout);
}

#[test]
fn a_name_that_the_run_does_not_have_is_told_beside_the_answer() {
    let query = "truncated[partition = ordrs-0]";
    let run = said_with(&format!("query {CUT}"), &[query]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stdout.starts_with("it does not hold: 0 of "), "{}", run.stdout);
    for part in
        ["note: no event is of a partition `ordrs-0`", query, "▲", "did you mean `orders-0`?"]
    {
        assert!(run.stderr.contains(part), "`{part}` in\n{}", run.stderr);
    }
    let answer = said_with(&format!("query {CUT} --format json"), &[query]);
    let offset = answer.json()["notes"][0]["offset"].as_u64();
    assert_eq!(offset, query.find("ordrs").map(|at| at as u64), "{}", answer.stdout);
    assert!(answer.stderr.is_empty(), "{}", answer.stderr);
    // Denied, it holds all the more: and that is the worse surprise.
    let denied = said_with(&format!("query {CUT}"), &["not truncated[node = 77]"]);
    assert_eq!(denied.code, 0, "{}", denied.stderr);
    assert!(
        denied.stderr.contains("no node `77`") && denied.stderr.contains("the nodes are 1, 2, 3")
    );
    let shown = said_with(&format!("trace {CUT} --only"), &[query]);
    assert!(shown.stderr.contains("no event is of a partition `ordrs-0`"), "{}", shown.stderr);
    let sweep = said_with("query quick-failover --seeds 1..2", &[query]);
    assert_eq!(sweep.code, 3, "{}", sweep.stdout);
    assert!(
        sweep.stderr.contains("in 2 runs no event is of a partition `ordrs-0`"),
        "{}",
        sweep.stderr
    );
    let right = said_with(&format!("query {CUT}"), &["truncated[partition = orders-0, node = 1]"]);
    assert!(right.stderr.is_empty(), "{}", right.stderr);
    // Of many the first are told, and the query once.
    let names: Vec<String> = (0..400).map(|index| format!("g{index}")).collect();
    let many =
        said_with(&format!("query {CUT}"), &[&format!("member-owns[group = {}]", names.join("|"))]);
    assert_eq!(many.stderr.matches("note: ").count(), 11, "{}", many.stderr);
    assert_eq!(many.stderr.matches("member-owns[").count(), 1, "{}", many.stderr);
    assert!(many.stderr.contains("(query:1:24)"), "{}", many.stderr);
    assert!(many.stderr.contains("390 more names"), "{}", many.stderr);
}

#[test]
fn a_part_of_a_trace_is_no_run_without_what_it_lacks() {
    let directory = left();
    let path = directory.path();
    let file = path.join("out/trace.jsonl");
    let text = fs::read_to_string(&file).expect("it is left");
    let part: Vec<&str> = text.lines().take(40).collect();
    fs::write(&file, part.join("\n") + "\n").expect("it takes files");
    let query = "truncated[partition = orders-0]";
    let told = harrow_in(path, &["query", "out", query]);
    assert!(told.stderr.contains("note: no event is of a partition `orders-0`"), "{}", told.stderr);
    assert!(!told.stderr.contains("the run has no"), "{}", told.stderr);
    let told = harrow_in(path, &["query", "out", query, "--format", "json"]).json();
    let notes = told["notes"].as_array().expect("notes");
    assert!(
        notes[0]["message"].as_str().is_some_and(|note| note.contains("is cut off: 39 of its ")),
        "{told}"
    );
    assert!(notes[0].get("offset").is_none() && notes[1]["offset"].is_u64(), "{told}");
    let told = harrow_in(path, &["trace", "out", "--partition", "orders-0"]);
    assert_eq!(told.code, 0, "nobody knows whether the run has it: {}", told.stderr);
    assert!(told.stderr.contains("none of 39 events"), "{}", told.stderr);
}

#[test]
fn the_runs_that_a_sweep_has_left_are_asked_one_by_one() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path();
    let run = |line: &str| harrow_in(path, &line.split(' ').collect::<Vec<_>>());
    let swept = run("sweep quick-failover --seeds 8..10 --defect truncate-to-hw --out sw");
    assert_eq!(swept.code, 1, "{}", swept.stderr);
    let kept = fs::read_dir(path.join("sw")).expect("it is there").flatten();
    let kept = kept.filter(|entry| entry.path().join("trace.jsonl").is_file()).count();
    let told = run("query sw truncated");
    assert_eq!(told.code, 0, "{}{}", told.stdout, told.stderr);
    assert!(told.stdout.contains("sw/quick-failover-9: "), "{}", told.stdout);
    assert!(told.stdout.contains("  harrow trace sw/quick-failover-"), "{}", told.stdout);
    let end = format!("it holds of {kept} of {kept} runs\n");
    assert!(told.stdout.ends_with(&end), "{}", told.stdout);
    let told = run("query sw truncated --format json").json_lines();
    assert!(told.iter().any(|one| one["kind"] == "query-run" && one["seed"] == 9), "{told:?}");
    assert_eq!(told.last().map(|last| &last["asked"]), Some(&Value::from(kept)));
    run("trace sw").refuses_with(&["runs of a sweep", "such as sw/quick-failover-"]);
    run("query sw truncated --seed 9").refuses_with(&["has its seed"]);
    fs::remove_file(path.join("sw/quick-failover-9/trace.jsonl")).expect("it was there");
    let told = run("query sw truncated");
    assert!(told.stdout.ends_with(&format!("of {} runs\n", kept - 1)), "{}", told.stdout);
    let note = "sw/quick-failover-9 was not asked: its trace is gone; `harrow query sw/quick-failover-9/plan.json";
    assert!(told.stderr.contains(note), "{}", told.stderr);
    let told = run("query sw truncated --format json").json_lines();
    let note = told.last().map(|last| last["notes"][0]["message"].to_string());
    assert!(note.is_some_and(|note| note.contains("its trace is gone")), "{told:?}");
}

#[test]
fn a_time_or_a_record_that_was_read_in_the_trace_is_found_by_it() {
    let cut = said_with(&format!("query {CUT}"), &["truncated[offset = 255]"]);
    let line = cut.stdout.lines().next().expect("an event");
    let time = line.split_whitespace().nth(1).expect("its time");
    let same = said_with(&format!("query {CUT}"), &[&format!("truncated[time = {time}]")]);
    assert!(same.stdout.starts_with(line), "{time}: {}", same.stdout);
    let window = said(&format!("trace {CUT} --from {time} --to {time}"));
    assert!(window.stdout.contains(line), "{time}: {}", window.stdout);
    let life = said(&format!("trace {CUT} --as json-lines --record orders-0@255"));
    let kinds: BTreeSet<String> =
        life.json_lines().iter().map(|event| event["kind"].to_string()).collect();
    assert!(kinds.contains("\"produce-acknowledged\""), "{kinds:?}");
    let fault = said_with(&format!("query {CUT} --format json"), &["fault[node = 1|2|3]"]).json();
    let nodes = fault["events"][0]["fields"]["nodes"].as_array().map(Vec::len);
    assert_eq!(nodes, Some(1), "a crash strikes one node: {fault}");
}

#[test]
fn all_kinds_are_listed_with_what_their_fields_may_be() {
    let list = said("query --kinds").stdout;
    let line = |kind: &str| list.lines().find(|line| line.starts_with(kind)).expect("it is listed");
    let reasons = "diverged|out-of-range|high-watermark|across-start|snapshot";
    assert_eq!(
        line("log.truncated:"),
        format!("log.truncated: partition, from, to, reason = {reasons}")
    );
    assert!(line("log.appended:").contains("batch.base_offset, "), "{list}");
    let all = said("query --kinds --format json").json();
    let all = all.as_array().expect("a list");
    let cut = all.iter().find(|kind| kind["kind"] == "truncated").expect("it is listed");
    assert_eq!(cut["words"]["reason"][0], "diverged");
}

#[test]
fn filters_choose_by_node_partition_record_and_time() {
    let show = |more: &str| {
        let line = format!("trace {CUT} --as json-lines {more}");
        let run = said(&line);
        assert_eq!(run.code, 0, "{line}: {}", run.stderr);
        let mut all = run.json_lines();
        assert_eq!(all.remove(0)["kind"], "trace");
        assert!(!all.is_empty(), "{line}");
        all
    };
    assert!(show("--node 2").iter().all(|event| event["node"] == 2));
    let of_partition = show("--partition orders-0 --from 3s --to 3.2s");
    for event in &of_partition {
        let at_ns = event["at_ns"].as_u64().expect("a time");
        assert!((3_000_000_000..=3_200_000_000).contains(&at_ns), "{event}");
        let partitions = event["partitions"].as_array().expect("partitions");
        assert!(partitions.contains(&Value::from("orders-0")), "{event}");
    }
    let life = show("--record orders-0@255");
    let told = |kind: &str| life.iter().any(|event| event["kind"] == kind);
    assert!(told("appended") && told("truncated"), "{life:?}");
    let sent = show("--record 70");
    assert!(sent.iter().all(|event| event["kind"] == "operation-invoked"), "{sent:?}");
    assert!(show("--from 1s").len() > show("--from 1s --to 2s").len());
}

#[test]
fn a_trace_for_viewers_has_bars_that_end_and_arrows_that_arrive() {
    let run = said(&format!("trace {CUT} --as chrome"));
    let page = run.json();
    let all = page["traceEvents"].as_array().expect("events");
    let mut open: BTreeMap<String, i64> = BTreeMap::new();
    let mut arrows: BTreeMap<u64, [u32; 2]> = BTreeMap::new();
    for event in all {
        match event["ph"].as_str().expect("a phase") {
            "b" => *open.entry(format!("{} {}", event["pid"], event["id"])).or_default() += 1,
            "e" => *open.entry(format!("{} {}", event["pid"], event["id"])).or_default() -= 1,
            "s" => arrows.entry(event["id"].as_u64().expect("a row")).or_default()[0] += 1,
            "f" => arrows.entry(event["id"].as_u64().expect("a row")).or_default()[1] += 1,
            "i" | "X" => assert!(event["ts"].is_f64() && event["pid"].is_i64(), "{event}"),
            "M" => assert!(event["args"]["name"].is_string(), "{event}"),
            other => panic!("phase {other}"),
        }
    }
    assert!(open.values().all(|open| (0..=1).contains(open)), "a bar ends that has not begun");
    assert!(arrows.len() > 100 && arrows.values().all(|ends| *ends == [1, 1]));
}

#[test]
fn slips_are_told_with_what_would_be_right() {
    let refused =
        |line: &str, query: &[&str], parts: &[&str]| said_with(line, query).refuses_with(parts);
    let cut = format!("query {CUT}");
    refused(&cut, &["truncatd"], &["no kind of event `truncatd`", "did you mean `truncated`?"]);
    refused(&cut, &["truncated preceded"], &["`by` should be", "preceded by"]);
    let never =
        ["`reason` of these events is never `high-watermrk`", "did you mean `high-watermark`?"];
    let shown = [&never[..], &["truncated[reason = high-watermrk]\n", "▲"]].concat();
    refused(&cut, &["truncated[reason = high-watermrk]"], &shown);
    refused(&format!("trace {CUT} --only"), &["truncated[reason = high-watermrk]"], &never);
    let swept = "query quick-failover --seeds 1..2";
    refused(swept, &["truncated[reason = high-watermrk]"], &never);
    refused("query quick-failover", &["truncated"], &["no seed", "--seed"]);
    refused("query nowhere.jsonl", &["truncated"], &["failed to read the trace nowhere.jsonl"]);
    refused("query", &[], &["there is no query"]);
    refused(&format!("trace {CUT} --node 77"), &[], &["no node 77", "its nodes are 1, 2, 3"]);
    refused(
        &format!("trace {CUT} --partition ordrs-0"),
        &[],
        &["no event is of a partition `ordrs-0`", "orders-0"],
    );
    refused(&format!("trace {CUT} --from 3"), &[], &["with its unit", "3405ms"]);
    refused(&format!("trace {CUT} --node x"), &[], &["write the number of a node, such as 2"]);
    let long = vec!["halted"; 10_000].join(" or ");
    refused(&cut, &[&long], &["one more than 1000"]);
    refused(&cut, &["healed[node = 1]"], &["never have `node`"]);
    refused(&format!("trace {CUT} --record orders-0@x"), &[], &["PARTITION@OFFSET"]);
    let directory = left();
    let path = directory.path().join("out/trace.jsonl");
    let text = fs::read_to_string(&path).expect("it is left");
    let check = |text: &str, parts: &[&str]| {
        fs::write(&path, text).expect("it takes files");
        harrow_in(directory.path(), &["query", "out", "truncated"]).refuses_with(parts);
    };
    check(
        &text.replacen("\"schema\":1", "\"schema\":9", 1),
        &["trace.jsonl is no trace", "schema 9"],
    );
    check(&text.replacen('\n', "\n{\n", 1), &["trace.jsonl is no trace: line 2"]);
    fs::write(&path, &text[..text.len() - 20]).expect("it takes files");
    let cut_off = harrow_in(directory.path(), &["query", "out", "truncated"]);
    assert_eq!(cut_off.code, 0, "{}", cut_off.stderr);
    let said = format!("{}{}", cut_off.stdout, cut_off.stderr);
    assert!(said.contains("trace.jsonl is cut off"), "{said}");
    check("", &["line 1: there is nothing in it"]);
    check("{\"schema\":1,\"kind\":\"page\"}\n", &["it is a `page`, not a trace"]);
    fs::remove_file(&path).expect("it was there");
    harrow_in(directory.path(), &["query", "out", "truncated"])
        .refuses_with(&["failed to read the trace"]);
}
