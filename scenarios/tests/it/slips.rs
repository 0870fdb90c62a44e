//! What somebody who tries Harrow gives wrong: each slip is told as what it is, at once.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::binary::{Said, command, harrow, harrow_in, said};

fn run(directory: &Path, line: &str) -> Said {
    harrow_in(directory, &line.split(' ').collect::<Vec<_>>())
}

/// A run's directory.
fn left(line: &str) -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    let told = run(directory.path(), &format!("run {line} --out out"));
    assert!(told.code < 2, "{}{}", told.stdout, told.stderr);
    directory
}

#[test]
fn files_of_a_run_are_known_where_they_do_not_belong() {
    let directory = left("calm --seed 1");
    for (line, what) in [
        ("query out/trace.txt truncated", "out/trace.txt is a trace in words, not a scenario"),
        ("debug out/trace.txt", "out/trace.txt is a trace in words, not a scenario"),
        ("debug out/trace.jsonl", "out/trace.jsonl is a trace in JSON lines, not a scenario"),
        ("replay out/trace.txt", "out/trace.txt is a trace in words, not a plan"),
        ("replay out/history.jsonl", "out/history.jsonl is a history of clients, not a plan"),
        ("trace out/history.jsonl", "out/history.jsonl is a history of clients, not a trace"),
        ("run out/report.html --seed 1", "out/report.html is a page for a browser, not a scenario"),
        ("run out/plan.json --seed 1", "out/plan.json is a plan, not a scenario"),
        ("sweep out/history.toml", "out/history.toml is the configuration of a history"),
    ] {
        run(directory.path(), line).refuses_with(&[what, "harrow list"]);
    }
}

#[test]
fn a_trace_that_was_cut_is_looked_at_with_a_word() {
    let directory = left("calm --seed 1");
    let path = directory.path();
    let text = fs::read_to_string(path.join("out/trace.jsonl")).expect("it is left");
    let whole = run(path, "query out/trace.jsonl became-leader");
    assert!(whole.stderr.is_empty(), "{}", whole.stderr);
    let lines: Vec<&str> = text.lines().take(101).collect();
    fs::write(path.join("cut.jsonl"), lines.join("\n") + "\n").expect("it takes files");
    for line in ["query cut.jsonl became-leader", "trace cut.jsonl --node 1"] {
        let told = run(path, line);
        let all = text.lines().count() - 1;
        let note = format!("note: cut.jsonl is cut off: 100 of its {all} events are there");
        assert!(told.stderr.contains(&note), "{}", told.stderr);
    }
    let half = lines.join("\n");
    for length in [half.len() - 1, half.len() - 30] {
        fs::write(path.join("half.jsonl"), &half[..length]).expect("it takes files");
        let told = run(path, "query half.jsonl became-leader");
        let note = "note: half.jsonl is cut off: 99 of its ";
        assert!(told.code != 2 && told.stderr.contains(note), "{}{}", told.stdout, told.stderr);
    }
    // What was filtered is as long as it says.
    let part = run(path, "trace out --node 1 --out part.jsonl --as json-lines");
    assert_eq!(part.code, 0, "{}", part.stderr);
    let told = run(path, "query part.jsonl became-leader");
    assert!(told.stderr.is_empty(), "{}", told.stderr);
    fs::write(path.join("more.jsonl"), format!("{text}{}\n", lines[1])).expect("it takes files");
    run(path, "query more.jsonl became-leader").refuses_with(&["more.jsonl is no trace: line"]);
}

#[test]
fn what_is_not_there_is_told_with_what_was_meant() {
    let directory = left("calm --seed 1");
    for line in ["trace nowhere", "trace no/where/", "query nowhere became-leader"] {
        let parts =
            ["and no directory or file of that name", "`harrow run ... --out DIR` has left"];
        run(directory.path(), line).refuses_with(&parts);
    }
    run(directory.path(), "trace clam").refuses_with(&["did you mean `calm`?"]);
    run(directory.path(), "trace nowhere.toml").refuses_with(&["the scenario nowhere.toml"]);
    let told = run(directory.path(), "shrink out");
    assert_eq!(told.code, 0, "it holds: {}{}", told.stdout, told.stderr);
    run(directory.path(), "shrink out --seed 1").refuses_with(&["a plan has its seed"]);
}

#[test]
fn negative_numbers_are_told_what_would_be_right() {
    let table = [
        ("sweep calm --jobs -1", "a number of threads is a whole number from 1"),
        ("compare calm --defect no-dedup --jobs -1", "a number of threads is a whole number"),
        ("sweep calm --for -5s", "write whole seconds, minutes or hours"),
        ("shrink calm --seed 1 --for -1", "write whole seconds, minutes or hours"),
        ("shrink calm --seed -1", "a seed is a whole number"),
        ("sweep calm --seeds -1..3", "write A..B"),
        ("verify calm --seeds -1..3", "write A..B"),
        ("sweep calm --max-failures -1", "write a whole number from 1 on"),
        ("query calm became-leader --seed 1 --limit -2", "write a whole number from 0 on"),
        ("trace calm --seed 1 --from -2s", "write a number with its unit"),
        ("debug calm --seed 1 --event -3", "write a whole number from 0 on"),
        ("run calm --kafka -1", "is not a version of Kafka"),
        ("compare calm --kafka -1", "is not a version of Kafka"),
    ];
    for (line, wanted) in table {
        let told = run(Path::new("."), line);
        told.refuses_with(&[wanted]);
        assert!(!told.stderr.contains("tip:"), "{line}: {}", told.stderr);
    }
}

#[test]
fn times_that_no_event_can_be_at_are_refused_and_an_empty_answer_is_told() {
    let directory = left("calm --seed 1");
    let told = run(directory.path(), "trace out --from 5s --to 3s");
    told.refuses_with(&["nothing is from 5.000000s on and up to 3.000000s", "--from 3.000000s"]);
    let told = run(directory.path(), "trace out --from 5000s");
    assert_eq!((told.code, told.stdout.as_str()), (0, ""));
    assert!(told.stderr.contains("note: none of "), "{}", told.stderr);
}

#[test]
fn what_another_run_has_left_is_not_replaced() {
    let directory = left("calm --seed 1");
    let path = directory.path();
    for other in ["run calm --seed 2", "run calm --seed 1 --defect no-dedup"] {
        let told = run(path, &format!("{other} --out out"));
        told.refuses_with(&[
            "failed to write to out",
            "that of calm --seed 1",
            "has left its files",
        ]);
    }
    assert_eq!(run(path, "run calm --seed 2 --out two").code, 0);
    run(path, "replay two --out out").refuses_with(&["that of calm --seed 1"]);
    assert_eq!(run(path, "run calm --seed 1 --out out").code, 0, "the very same one may");
    assert_eq!(run(path, "replay out --out out").code, 0, "and its replay");
}

#[test]
fn runs_shrinks_and_sweeps_do_not_share_a_directory() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path();
    let case = "quick-failover --seed 9 --defect truncate-to-hw";
    let lines = [
        ("run", format!("run {case}")),
        ("shrink", format!("shrink {case} --for 1s")),
        ("sweep", "sweep quick-failover --seeds 8..9 --defect truncate-to-hw".to_owned()),
    ];
    for (what, line) in &lines {
        assert_eq!(run(path, &format!("{line} --out {what}")).code, 1, "{what}");
        assert_eq!(run(path, &format!("{line} --out {what}")).code, 1, "the same {what} again");
    }
    for (what, line) in &lines {
        for (other, _) in lines.iter().filter(|(other, _)| other != what) {
            let told = run(path, &format!("{line} --out {other}"));
            told.refuses_with(&[
                &format!("failed to write to {other}"),
                &format!("a {other} has left its files there"),
                "give `--out` another directory",
            ]);
        }
    }
    let told = run(path, "shrink quick-failover --seed 6 --defect truncate-to-hw --out shrink");
    told.refuses_with(&["another shrink, that of quick-failover --seed 9"]);
}

#[test]
fn a_sweep_replaces_nothing_that_no_sweep_has_left() {
    for strange in ["index.html", "calm-2/notes.txt"] {
        let directory = TempDir::new().expect("a temporary directory");
        let file = directory.path().join("site").join(strange);
        fs::create_dir_all(file.parent().expect("it is in a folder")).expect("a folder");
        fs::write(&file, "mine").expect("a file");
        let told = run(directory.path(), "sweep calm --seeds 1..3 --out site");
        told.refuses_with(&["failed to write to site", "is there, and no sweep-1-of-1.json"]);
        assert_eq!(fs::read_to_string(&file).expect("it is still there"), "mine");
    }
    let directory = TempDir::new().expect("a temporary directory");
    fs::write(directory.path().join("notes.txt"), "mine").expect("a file");
    assert_eq!(run(directory.path(), "sweep calm --seeds 1..3 --out .").code, 0, "beside others");
}

#[test]
fn a_count_of_seeds_that_is_none_is_told_as_such() {
    let directory = TempDir::new().expect("a temporary directory");
    for seeds in ["commit:x", "fresh:x"] {
        let told = run(directory.path(), &format!("sweep calm --seeds {seeds}"));
        told.refuses_with(&["`x` is no count; write how many"]);
    }
}

#[test]
fn shards_have_no_seeds_that_each_draws_for_itself() {
    let directory = TempDir::new().expect("a temporary directory");
    for line in ["--shard 1/2", "--shard 2/2 --receipt fleet"] {
        let told = run(directory.path(), &format!("sweep calm --seeds fresh:4 {line}"));
        told.refuses_with(&["seeds that nobody chose are others in each shard", "commit:N"]);
    }
    let whole = run(directory.path(), "sweep calm --seeds fresh:1 --shard 1/1");
    assert_eq!(whole.code, 0, "{}", whole.stderr);
}

#[test]
fn receipts_are_told_of_by_their_option_and_other_sweeps_by_their_words() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path();
    fs::write(path.join("taken"), "").expect("it takes files");
    let told = run(path, "sweep calm --seeds 1..2 --receipt taken");
    told.refuses_with(&["failed to write to taken", "give `--receipt` a directory"]);
    let told = run(path, "run calm --seed 1 --out taken");
    told.refuses_with(&["give `--out` a directory"]);
    let sweep = "sweep calm --shard 1/2 --receipt fleet --seeds";
    assert_eq!(run(path, &format!("{sweep} 1..2")).code, 0);
    let told =
        run(path, &format!("{sweep} 1..2 --defect no-dedup --set topic.orders.partitions=2"));
    told.refuses_with(&[
        "is of another sweep: scenarios `calm` and `calm --defect no-dedup --set topic.orders.partitions=2`",
    ]);
    run(path, &format!("{sweep} 1..3")).refuses_with(&["another sweep: seeds 1..2 and 1..3"]);
    let told = run(path, "sweep calm leader-crash --shard 1/2 --receipt fleet --seeds 1..2");
    told.refuses_with(&["another sweep: 1 scenarios and 2"]);
}

#[test]
fn runs_that_differ_in_much_are_told_in_lines_that_can_be_read() {
    let told = harrow(&["diff", "leader-crash", "--seed", "7", "--other-seed", "8"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    let longest = told.stdout.lines().map(|line| line.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest < 400), "{longest:?}");
    let plans: Vec<&str> =
        told.stdout.lines().filter(|line| line.starts_with("the plans differ: ")).collect();
    assert!(plans.contains(&"the plans differ: seed: 7 against 8"), "{plans:#?}");
    assert!(plans.len() <= 13, "{plans:#?}");
    let other = ["diff", "calm", "--seed", "1", "--other-set", "load.0.operations=40"];
    let told = harrow(&other).stdout;
    assert!(told.contains("the plans differ: clients/1/operations: "), "{told}");
}

/// A run in which a topic is deleted and created again.
const AGAIN: &str = "delete-and-recreate --seed 3";

#[test]
fn the_second_topic_of_a_name_is_called_so_everywhere() {
    let directory = left(AGAIN);
    let path = directory.path();
    let told = run(path, "trace out --record orders@2-0@10");
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.contains("orders@2-0: "), "{}", told.stdout);
    assert!(!told.stdout.contains(" orders-0: "), "{}", told.stdout);
    run(path, "trace out --record orders@2-0").refuses_with(&["PARTITION@OFFSET"]);
    let mut debug = command(path, &["debug", "out"]);
    let told = said(debug.write_stdin("end\npartitions\npartition orders@2-0\n"));
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.contains("> partition orders@2-0\norders@2-0: "), "{}", told.stdout);
    let mut debug = command(path, &["debug", "out"]);
    let told = said(debug.write_stdin("end\npartition orders-0\n"));
    assert_eq!(told.code, 2, "it is deleted: {}", told.stdout);
    assert!(told.stderr.contains("orders@2-0"), "{}", told.stderr);
}
