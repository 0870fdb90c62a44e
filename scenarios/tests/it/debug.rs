//! The debugger, scripted through the binary.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary::{Said, command, harrow, said};

/// The run in which KIP-101's bug cuts a committed record.
const CUT: &str = "quick-failover --seed 9 --defect truncate-to-hw";

fn debug_in(directory: &Path, line: &str, script: &str) -> Said {
    let line = format!("debug {line}");
    let words: Vec<&str> = line.split(' ').collect();
    let mut command = command(directory, &words);
    said(command.write_stdin(script.to_owned()))
}

fn debug(line: &str, script: &str) -> Said {
    debug_in(Path::new("."), line, script)
}

/// A run in which one crash alone is to blame: the page's session is of it.
const ONE_CRASH: &str = "quick-failover --seed 6 --defect truncate-to-hw";

/// Answers in JSON, the first place left out.
fn answers(script: &str) -> Vec<Value> {
    answers_of(CUT, script)
}

fn answers_of(target: &str, script: &str) -> Vec<Value> {
    let run = debug(&format!("{target} --format json"), script);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let mut all = run.json_lines();
    all.remove(0);
    all
}

#[test]
fn the_cut_of_a_committed_record_is_found_and_a_branch_without_the_crash_is_held() {
    let steps = answers_of(ONE_CRASH, "steps\n").remove(0);
    let steps = steps["said"].as_array().expect("steps").clone();
    let crash =
        steps.iter().find(|step| step["action"]["kind"] == "bounce").expect("it is bounced");
    let script = format!(
        "until truncated[reason = high-watermark]\npartition orders-0\nbranch without {}\nenter\nverdict\n",
        crash["id"]
    );
    let all = answers_of(ONE_CRASH, &script);
    let [cut, partition, branch, entered, verdict] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(cut["said"]["kind"], "truncated");
    let node = &cut["said"]["node"];
    let replicas = partition["said"]["replicas"].as_array().expect("replicas");
    let own = replicas.iter().find(|replica| replica["node"] == *node).expect("it is one of them");
    let end = own["log_end_offset"].as_i64();
    assert_eq!(end, cut["said"]["fields"]["to"].as_i64(), "the cut is done: {own}");
    assert!(partition["said"]["committed"].as_i64() > end, "what it cut was committed");
    assert_eq!(branch["said"]["sides"][0]["outcome"], "violated");
    assert_eq!(branch["said"]["sides"][1]["outcome"], "held", "{}", branch["said"]["sides"][1]);
    assert!(branch["said"]["first"].is_array());
    assert!(entered["at"]["row"].as_u64() <= cut["at"]["row"].as_u64());
    assert_eq!(verdict["said"]["outcome"], "held");
}

#[test]
fn looking_changes_nothing() {
    let run = harrow(&format!("run {CUT} --format json").split(' ').collect::<Vec<_>>()).json();
    let script = "at 3.4s\nnodes\nnode 2\nnode 101\npartitions\nnetwork\ndisk 1\nstep 40\nback 7\nnext 3\nprevious 3\n\
                  until became-leader\nrewind appended\ncauses\nlist 5\nend\nnetwork 1\nverdict\n";
    let all = answers(script);
    assert_eq!(all.len(), 18);
    for answer in &all {
        assert_eq!(answer["digest"], run["digest"], "{answer}");
    }
    assert_eq!(all[17]["said"]["digest"], run["digest"]);
    assert_eq!(all[17]["said"]["outcome"], "violated");
}

#[test]
fn a_place_is_the_same_from_before_and_from_behind() {
    let forth = answers("at 3.3s\npartition orders-0\nnode 2\nnetwork\ndisk 2\n");
    let back = answers("end\nat 3.3s\npartition orders-0\nnode 2\nnetwork\ndisk 2\n");
    assert_eq!(forth[1..], back[2..]);
    let files = forth[4]["said"].as_array().expect("files");
    let segment = files
        .iter()
        .find(|file| file["file"].as_str().is_some_and(|name| name.contains("orders-0")));
    let segment = segment.expect("a log");
    assert!(segment["cached"].is_u64(), "{segment}");
    let unsynced = |file: &Value| file["unsynced"].as_array().is_some_and(|all| !all.is_empty());
    assert!(files.iter().any(unsynced), "brokers do not sync what they append: {files:?}");
    let messages = forth[3]["said"].as_array().expect("messages");
    assert!(
        messages.iter().all(|one| one["arrives_ns"].is_u64() || one["waits"].is_string()),
        "{messages:?}"
    );
}

#[test]
fn a_message_is_told_where_it_is_and_what_becomes_of_it() {
    let all = answers("at 3s\nuntil request-sent[api = produce]\nwhy\n");
    let [_, sent, why] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(why["said"]["message"], sent["said"]);
    assert_eq!(why["said"]["under_way"].as_array().map(Vec::len), Some(1), "{why}");
    assert_eq!(why["said"]["arrived"][0]["cause"], sent["at"]["row"]);
    assert_eq!(why["said"]["arrived"][0]["kind"], "request-received");
}

#[test]
fn a_step_can_be_moved_and_added_and_the_plan_kept() {
    let directory = TempDir::new().expect("a temporary directory");
    let script = "steps\nbranch move 1 3.5s\nbranch add {\"at_ms\":4000,\"action\":{\"kind\":\"bounce\",\
                  \"target\":\"node 1\"}}\nenter\nsave branch.json\nleave\nverdict\n";
    let run = debug_in(directory.path(), &format!("{CUT} --format json"), script);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let all = run.json_lines();
    let plans = all[3]["said"]["plans"].as_array().expect("changes");
    assert!(plans[0].as_str().is_some_and(|change| change.contains("is added")), "{plans:?}");
    let kept = fs::read_to_string(directory.path().join("branch.json")).expect("it is kept");
    let kept: Value = serde_json::from_str(&kept).expect("it is JSON");
    assert_eq!(
        kept["steps"].as_array().map(Vec::len),
        all[1]["said"].as_array().map(|steps| steps.len() + 1)
    );
    assert_eq!(all[7]["digest"], all[0]["digest"], "back in the run that it was of");
    let replayed =
        said(&mut command(directory.path(), &["replay", "branch.json", "--format", "json"]));
    assert_eq!(replayed.json()["digest"], all[4]["digest"], "the branch is the run of its plan");
}

#[test]
fn a_script_shows_each_command_before_what_is_said_and_ends_at_the_first_slip() {
    let run = debug(CUT, "# a remark\n\nat 1s\nwhere\nquit\nnowhere\n");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("\n> at 1s\n"), "{}", run.stdout);
    let table = [
        ("nowhere\n", "no command `nowhere`", "`help` lists all"),
        ("untl truncated\n", "no command `untl`", "did you mean `until`?"),
        ("until truncatd\n", "no kind of event `truncatd`", "did you mean `truncated`?"),
        ("until\n", "`until` of what?", "until QUERY"),
        (
            "until truncated[offset = 255]\nuntil truncated[offset = 255 and time < 1s]\n",
            "there is no such event",
            "here, before or after",
        ),
        ("until halted[node != 99]\n", "there is no such event", "nothing in the run is"),
        ("end\nuntil truncated\n", "no such event comes after this", "`rewind` goes back"),
        ("event 0\n", "the run has no event 0", "its events are 1 to "),
        ("branch move 1 3.3684s\n", "no step can be at 3.3684s", "whole milliseconds"),
        ("node 77\n", "no node 77", "its nodes are 1, 2, 3"),
        ("next 77\n", "no node 77", "its nodes are 1, 2, 3, 101"),
        ("end\nprevious 77\n", "no node 77", "its nodes are 1, 2, 3"),
        ("end\nnext 1\n", "no fact comes after this", "`previous` goes back"),
        ("until truncated[reason = high-watermrk]\n", "never `high-watermrk`", "`high-watermark`?"),
        ("until truncated[partition = ordrs-0]\n", "a partition `ordrs-0`", "mean `orders-0`?"),
        ("end\nrewind halted[node = 77]\n", "no node `77`", "the nodes are 1, 2, 3"),
        ("partition ordrs-0\n", "no partition ordrs-0", "those that exist here are"),
        ("group none\n", "nothing is known of a group none", "no group"),
        ("back\n", "no such row", "its rows are 0 to"),
        ("step 0\n", "0 is none", "from 1 on"),
        ("at 3\n", "`3` is no time", "3.405s"),
        ("at 2m\n", "ends before", "it ends with event"),
        ("branch\n", "`branch` of what?", "without ID"),
        ("branch without 99\n", "no step 99", "its steps are"),
        ("branch move 1 99m\n", "that is no plan", ""),
        ("branch add {}\n", "that is no step", "leader-of orders-0"),
        ("enter\n", "there is no branch", "branch without"),
        ("leave\n", "this is no branch", "enter"),
        ("why\n", "no message that is sent", "network"),
        ("where 1\n", "takes nothing", "write `where`"),
        ("save no/such/place\n", "failed to write no/such/place", "can be written"),
        ("save Cargo.toml\n", "Cargo.toml is there already, and is something else", "not there"),
    ];
    for (script, message, help) in table {
        let run = debug(CUT, script);
        assert_eq!(run.code, 2, "{script}: {}", run.stdout);
        assert!(
            run.stderr.contains(message) && run.stderr.contains(help),
            "{script}: {}",
            run.stderr
        );
    }
}

#[test]
fn it_begins_where_it_is_told_to() {
    let at = debug(&format!("{CUT} --at 3.405s --format json"), "").json_lines();
    assert!(at[0]["at"]["at_ns"].as_u64() >= Some(3_405_000_000), "{}", at[0]);
    let event = debug(&format!("{CUT} --event 2000 --format json"), "").json_lines();
    assert_eq!(event[0]["at"]["event"], json!(2000));
    harrow(&["debug", "calm"]).refuses_with(&["no seed", "--seed"]);
    harrow(&["debug", "nowhere.json"]).refuses_with(&["failed to read the plan nowhere.json"]);
    let late = debug(&format!("{CUT} --at 5m"), "");
    assert_eq!(late.code, 2, "{}", late.stdout);
}

#[test]
fn the_documented_session_finds_the_cut_and_shows_that_it_is_held_without_the_crash() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("DEBUG.md"))
        .expect("it is there");
    let script: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("    > ")).collect();
    assert!(script.len() > 5, "{script:?}");
    let run = debug(ONE_CRASH, &format!("{}\n", script.join("\n")));
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("violated") && run.stdout.contains(": held"), "{}", run.stdout);
}
