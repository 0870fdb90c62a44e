//! The page of a run, made of a hand-made run: its data is what happened, no name breaks out of it, it needs nobody.

use std::process::Command;

use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicId, TopicPartition};
use harrow_reports::page::{Story, write_index, write_page};
use harrow_sim::plan::Plan;
use harrow_sim::run::{RowDetail, RowKind, Run, TraceRow};
use harrow_sim::timeline::{Change, ProcessState, ReplicaState, Timeline};
use harrow_sim::view::ReplicaRole;
use serde_json::{Value, json};

use super::{fault, plan, report, run};

fn row(at_us: u64, node: Option<i32>, kind: RowKind, text: &str) -> TraceRow {
    let (event, at_ns) = (at_us, at_us * 1_000);
    let (node, detail) = (node.map(NodeId), RowDetail::Named { name: "booted" });
    TraceRow { event, at_ns, node, kind, text: text.to_owned(), detail, digest: 0 }
}

/// A broker starts, asks another one, is answered, and appends.
fn traced() -> Run {
    let asked = RowKind::RequestSent { to: NodeId(2), correlation_id: 7 };
    let heard = RowKind::RequestReceived { from: NodeId(1), connection: 9, correlation_id: 7 };
    let answered = RowKind::ResponseSent { connection: 9, correlation_id: 7 };
    let trace = vec![
        row(0, Some(1), RowKind::Process, "booted"),
        row(10, Some(1), asked, "-> 2 #7: fetch at 5"),
        row(14, Some(2), heard, "<- 1 #7: fetch at 5 (connection 9)"),
        row(15, Some(2), answered, "-> connection 9 #7: records"),
        row(20, Some(1), RowKind::Fact, "orders-0: appended 5..7"),
        row(25, None, RowKind::World, "fault 1: crash of broker 1"),
        row(26, Some(1), RowKind::Disk, "appends 80 bytes"),
    ];
    let of = (NodeId(1), TopicPartition { topic: TopicId(1), partition: 0 });
    let replica = |at_ns, log_end_offset| {
        let (high_watermark, leader_epoch, role) = (5, LeaderEpoch(3), ReplicaRole::Follower);
        let state =
            ReplicaState { log_end_offset, high_watermark, leader_epoch, role, isr: Vec::new() };
        Change { at_ns, event: 1, of, state }
    };
    let process = |at_ns, state| Change { at_ns, event: 1, of: NodeId(1), state };
    let timeline = Timeline {
        replicas: vec![replica(0, 5), replica(20_000, 8)],
        processes: vec![process(0, ProcessState::Up), process(25_000, ProcessState::Down)],
        ..Timeline::default()
    };
    let faults = vec![fault("crash", 1, false)];
    Run { trace: Some(trace), timeline: Some(timeline), faults, ..run(&[0, 2]) }
}

fn page(plan: &Plan, run: &Run, scenario: &str) -> String {
    let mut report = report(run);
    scenario.clone_into(&mut report.coordinate.scenario);
    let mut page = Vec::new();
    write_page(Story { plan, run, report: &report }, &mut page).expect("memory takes it");
    String::from_utf8(page).expect("it is text")
}

fn data(page: &str) -> Value {
    let (_, rest) = page.split_once(r#"<script type="application/json" id="data">"#).expect("data");
    let (json, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("it is JSON")
}

#[test]
fn the_data_are_what_happened() {
    let page = page(&plan(), &traced(), "quick-failover");
    let data = data(&page);
    let texts = data["texts"].as_array().expect("a list");
    let rows = &data["rows"];
    assert_eq!(rows["t"], json!([0, 20, 5]));
    assert_eq!(rows["kind"], json!([1, 2, 0]));
    assert_eq!(rows["numbers"], json!([0, 5, 7, 1, 1]));
    let appended = rows["text"][1].as_u64().expect("a position") as usize;
    assert_eq!(texts[appended], "orders-\u{1}: appended \u{1}..\u{1}");
    let messages = &data["messages"];
    assert_eq!((&messages["sent"], &messages["took"]), (&json!([10, 5]), &json!([4, -1])));
    assert_eq!(messages["answer"], json!([0, 1]));
    assert_eq!(data["replicas"][0]["end"], json!([5, 3]));
    assert_eq!(data["replicas"][0]["epoch"], json!([3, 0]));
    assert_eq!(data["replicas"][0]["role"], json!([2, 2]));
    assert_eq!(data["processes"][0]["state"], json!([1, 0]));
    assert_eq!(data["partitions"][0]["name"], "orders-0");
    assert_eq!(data["faults"][0]["nodes"], json!([1]));
    assert_eq!(data["operations"]["ended"], json!([0, 0, 0, 0]));
    assert_eq!(data["operations"]["took"][0], 500_000);
    assert_eq!(data["findings"][0]["anomaly"], "lost-write", "{}", data["findings"]);
}

#[test]
fn two_pages_of_one_run_are_the_same_bytes_and_tell_no_wall_clock() {
    let (plan, run) = (plan(), traced());
    let (first, again) = (page(&plan, &run, "x"), page(&plan, &run, "x"));
    assert_eq!(first, again);
    assert!(!first.contains("wall_ms"), "a page says nothing of how long it took");
}

#[test]
fn no_name_breaks_out() {
    let evil = "</script><script>alert(1)</script><!-- \" onload='x' & {{ 7 }}";
    let mut plan = plan();
    evil.clone_into(&mut plan.topics[0].name);
    let mut run = traced();
    evil.clone_into(&mut run.faults[0].summary);
    run.trace.get_or_insert_default().push(row(30, Some(1), RowKind::Fact, evil));
    run.topics.insert(TopicId(1), evil.to_owned());
    let (whole, plain) = (page(&plan, &run, evil), page(&super::plan(), &traced(), "x"));
    for mark in ["<script", "</script", "<!--", "<img"] {
        assert_eq!(whole.matches(mark).count(), plain.matches(mark).count(), "{mark}");
    }
    assert!(whole.contains("&lt;script&gt;alert(1)"), "it is shown as text");
    assert_eq!(data(&whole)["partitions"][0]["name"], format!("{evil}-0"));
}

#[test]
fn a_page_is_well_formed_and_needs_nobody() {
    let failure = json!({"anomaly": "lost-write", "guarantee": "durability", "summary": "<b>", "runs": 1,
        "first_seed": 1, "fingerprint": "ab", "text": "t", "scenario": "calm", "seed": 1, "command": "harrow"});
    let scenario = json!({"scenario": "calm", "runs": 2, "held": 1, "violated": 1, "inconclusive": 0,
        "unreached": 0, "failures": [{"seed": 1, "anomaly": "lost-write"}],
        "reach": [{"mark": "crash", "runs": 2}], "legal": []});
    let summary = json!({
        "title": "held: calm", "seeds": "1..2", "shard": null, "held_to": [], "directories": ["calm"],
        "pages": ["calm-1/report.html"], "shrunk": [""], "held": ["2"], "inconclusive": [""],
        "faults": [["crash", {"planned": 3, "weakened": 1, "held_back": 2}]], "longest": [],
        "marks": [["crash", 2]],
        "summary": {
            "commit": "x", "outcome": "violated", "rules": {"label": "as promised"}, "runs": 2, "held": 1,
            "violated": 1, "inconclusive": 0, "left_undone": 0, "interrupted": false,
            "faults": {"injected": 1, "planned": 1},
            "clusters": [failure], "scenarios": [scenario],
        },
    });
    let mut index = Vec::new();
    write_index(&summary, &mut index).expect("memory takes it");
    // The engine writes a slash as its number.
    let index = String::from_utf8(index).expect("it is text").replace("&#x2f;", "/");
    assert!(
        index.contains(r#"href="calm-1/report.html""#) && index.contains("&lt;b&gt;"),
        "{index}"
    );
    for page in [page(&plan(), &traced(), "quick-failover"), index] {
        for outside in ["http:", "https:", "src=", "@import", "url(", "<link"] {
            assert!(!page.contains(outside), "it names {outside}");
        }
        assert_eq!(unbalanced(&page), None);
        assert!(page.len() < 200_000, "{} bytes without any data", page.len());
    }
}

/// Elements that have no end.
const VOID: [&str; 4] = ["meta", "input", "br", "hr"];

/// The first tag that does not fit those around it. Scripts and styles are text.
fn unbalanced(page: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let tag = &rest[start + 1..];
        let end = tag.find('>')?;
        let name = tag[..end].split([' ', '\n']).next().unwrap_or_default();
        rest = &tag[end + 1..];
        if let Some(name) = name.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Some(format!("</{name}> in {open:?}"));
            }
        } else if ["script", "style"].contains(&name) {
            let close = format!("</{name}>");
            rest = rest.split_once(close.as_str())?.1;
        } else if !name.starts_with('!') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    open.last().map(|name| format!("<{name}> has no end"))
}

#[test]
fn the_pure_functions_of_the_script_do_what_they_say() {
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/core.test.js");
    let Ok(output) = Command::new("node").arg("--test").arg(tests).output() else {
        eprintln!("skipped: node is not installed");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
