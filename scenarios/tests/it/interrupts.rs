//! Ctrl-C: an exit code of its own, and what was found so far or that nothing is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::server::harrow;

/// The binary at work. It is ended by its test.
struct AtWork {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
}

impl AtWork {
    fn start(words: &[&str]) -> Self {
        let mut command = harrow();
        let command = command.args(words).env_remove("HARROW_SHARD").env_remove("HARROW_SHARDS");
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the binary starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("stdout is text");
        line
    }

    /// Presses Ctrl-C.
    fn press(&self) {
        let interrupt = format!("kill -INT {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &interrupt]).status().expect("there is a shell");
        assert!(sent.success());
    }

    /// Presses Ctrl-C, and gives the exit code with the rest of what it said.
    fn interrupt(mut self) -> (Option<i32>, String, String) {
        self.press();
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).expect("stdout is text");
        let ended = self.child.wait_with_output().expect("it ends");
        (ended.status.code(), stdout, String::from_utf8(ended.stderr).expect("stderr is text"))
    }
}

#[test]
#[cfg(unix)]
fn an_interrupted_sweep_sums_up_what_it_found() {
    let words = ["sweep", "leader-crash", "--seeds", "1..1000000", "--format", "json"];
    let mut sweep = AtWork::start(&words);
    assert!(sweep.line().contains(r#""kind":"run""#), "the first run ended");
    let (code, rest, complaint) = sweep.interrupt();
    assert_eq!(code, Some(130), "{complaint}");
    let summary: Value =
        serde_json::from_str(rest.lines().last().expect("a summary")).expect("it is JSON");
    assert_eq!(summary["kind"], "summary", "{summary}");
    assert_eq!(summary["interrupted"], true, "{summary}");
}

#[test]
#[cfg(unix)]
fn an_interrupted_sweep_waits_for_no_smaller_plan() {
    let words = "sweep power-loss --seeds 6..6 --kafka 4.1 --shrink --shrink-for 9h --format json";
    let words: Vec<&str> = words.split(' ').collect();
    let mut sweep = AtWork::start(&words);
    let run = sweep.line();
    assert!(run.contains(r#""outcome":"violated""#), "{run}");
    // It is shrinking by now, or is about to: nine hours are not waited for.
    let (code, rest, complaint) = sweep.interrupt();
    assert_eq!(code, Some(1), "{complaint}");
    let last = rest.lines().last().expect("a summary");
    let summary: Value = serde_json::from_str(last).expect("it is JSON");
    assert_eq!(summary["kind"], "summary", "{summary}");
}

#[test]
#[cfg(unix)]
fn an_interrupted_query_says_how_many_it_asked() {
    let words = [
        "query",
        "leader-crash",
        "--seeds",
        "1..1000000",
        "controller.activated",
        "--format",
        "json",
    ];
    let mut query = AtWork::start(&words);
    assert!(query.line().starts_with('{'), "the first run was asked");
    let (code, rest, complaint) = query.interrupt();
    assert_eq!(code, Some(130), "{complaint}");
    assert!(
        rest.lines().last().is_some_and(|last| last.contains(r#""interrupted":true"#)),
        "{rest}"
    );
}

#[test]
#[cfg(unix)]
fn an_interrupted_check_says_that_nothing_is_judged() {
    let mut check = AtWork::start(&["check", "-"]);
    // More than a pipe holds: when all is written, it reads.
    let stdin = check.child.stdin.as_mut().expect("it is piped");
    writeln!(stdin, r#"{{"harrow_history":2}}"#).expect("it reads");
    for process in 0..20_000 {
        let value = r#"[["send","orders-0","a"]]"#;
        let line = format!(
            r#"{{"index":{process},"time":1,"process":{process},"type":"invoke","f":"send","value":{value}}}"#
        );
        writeln!(stdin, "{line}").expect("it reads");
    }
    let (code, said, complaint) = check.interrupt();
    assert_eq!((code, said.as_str()), (Some(130), ""), "{complaint}");
    assert_eq!(complaint, "interrupted: the history is not judged, since not all of it was read\n");
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_says_that_it_was_not_over() {
    let directory = tempfile::tempdir().expect("there is room");
    let out = directory.path().join("long");
    let out = out.to_str().expect("it is text");
    // Longer than anybody waits. Its plan is there before it begins.
    let long = ["--set", "load.0.operations=100000", "--set", "heal.at_ms=3000000"];
    let words = ["run", "calm", "--seed", "1", "--out", out];
    let run = AtWork::start(&[&words[..], &long[..]].concat());
    let plan = directory.path().join("long/plan.json");
    while !plan.is_file() {
        std::thread::yield_now();
    }
    let (code, said, complaint) = run.interrupt();
    assert_eq!((code, said.as_str()), (Some(130), ""), "{complaint}");
    assert_eq!(complaint, "interrupted: the run was not over, and a part tells nothing\n");
}

/// Whatever is being written then, in any part of it, is whole or not there.
#[test]
#[cfg(unix)]
fn an_interrupted_run_leaves_no_part_of_a_file() {
    let directory = tempfile::tempdir().expect("there is room");
    let out = directory.path().join("run");
    let words = ["run", "calm", "--seed", "1", "--set", "load.0.operations=3000", "--out"];
    let run = AtWork::start(&[&words[..], &[out.to_str().expect("it is text")]].concat());
    while !out.join(".trace.txt.part").is_file() && !out.join("trace.txt").is_file() {
        std::thread::yield_now();
    }
    let (code, _, complaint) = run.interrupt();
    assert!(matches!(code, Some(0 | 130)), "{code:?} {complaint}");
    let names = names_in(&out);
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
    assert!(names.len() == 1 || names.len() == 7, "all of them or the plan alone: {names:?}");
}

/// Who cannot wait at all has a plan, and is told that it is violated.
#[test]
#[cfg(unix)]
fn a_shrink_that_is_ended_at_once_has_left_a_plan_that_fails() {
    let directory = tempfile::tempdir().expect("there is room");
    let out = directory.path().join("small");
    let words = "shrink power-loss --seed 6 --kafka 4.1 --for 9h --out";
    let words: Vec<&str> = words.split(' ').chain([out.to_str().expect("it is text")]).collect();
    let shrink = AtWork::start(&words);
    while !out.join("plan.json").is_file() {
        std::thread::yield_now();
    }
    shrink.press();
    let (code, _, complaint) = shrink.interrupt();
    assert_eq!(code, Some(1), "{complaint}");
    let names = names_in(&out);
    assert!(names.contains(&"plan.json".to_owned()), "{names:?}");
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
}

fn names_in(directory: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("it is there").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
