//! The binary as a person uses it.

use std::fs;
use std::path::Path;

use harrow_broker_model::defect::Defect;
use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{Said, harrow, harrow_in};

/// A run's exit code and its outcome say the same.
#[track_caller]
fn check_code(code: i32, outcome: &Value) {
    let wanted = match outcome.as_str().expect("an outcome is text") {
        "held" => 0,
        "violated" => 1,
        "inconclusive" => 3,
        other => panic!("an outcome `{other}`"),
    };
    assert_eq!(code, wanted, "{outcome}");
}

/// A scenario that is soon over.
const SHORT: &str = "name = \"short\"\nproves = \"Nothing much.\"\n[[topic]]\nname = \"orders\"\n\
    [[load]]\nkind = \"producer\"\noperations = 5\n[heal]\nat_ms = 1000\nconverge_within_ms = 2000\n";

fn directory() -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    fs::write(directory.path().join("short.toml"), SHORT).expect("it takes files");
    directory
}

#[test]
fn help_names_every_command_and_exit_code_and_nothing_that_is_absent() {
    let said = harrow(&["--help"]);
    assert_eq!(said.code, 0);
    for command in [
        "list",
        "run",
        "sweep",
        "merge",
        "replay",
        "report",
        "trace",
        "query",
        "diff",
        "debug",
        "shrink",
        "compare",
        "verify",
        "check",
        "corpus",
        "defects",
        "explain",
        "show",
        "init",
        "serve",
        "ctl",
        "doctor",
        "completions",
        "man",
    ] {
        assert!(said.stdout.contains(&format!("\n  {command} ")), "{command} in\n{}", said.stdout);
    }
    for code in harrow_scenarios::exit::ExitCode::ALL {
        assert!(
            said.stdout.contains(&format!("  {}  {}", code.number(), code.meaning())),
            "{code:?}"
        );
    }
}

#[test]
fn help_names_everything_that_one_can_be_held_to() {
    for command in ["run", "sweep", "check", "compare"] {
        let help = harrow(&[command, "--help"]).stdout;
        for (name, value) in harrow_reports::policy::PROMISES {
            assert!(help.contains(&format!("{name}={value}")), "{command} {name} in\n{help}");
        }
    }
}

#[test]
fn list_names_every_scenario_and_what_it_proves() {
    let (human, json) = (harrow(&["list"]), harrow(&["list", "--format", "json"]).json());
    let rows = json.as_array().expect("an array");
    assert_eq!(rows.len(), harrow_scenarios::catalogue::CATALOGUE.len());
    for row in rows {
        let name = row["name"].as_str().expect("a name");
        assert!(human.stdout.lines().any(|line| line == name), "{name}");
        assert!(row["proves"].as_str().is_some_and(|proves| proves.len() > 40), "{row}");
        assert!(row["reach"].as_array().is_some_and(|reach| !reach.is_empty()), "{row}");
    }
}

#[test]
fn wrong_usage_is_told_with_what_would_be_right() {
    let table: &[(&[&str], &[&str])] = &[
        (&[], &["Usage: harrow"]),
        (&["swep"], &["swep", "sweep"]),
        (&["run"], &["SCENARIO"]),
        (&["run", "calm", "--seed", "first"], &["first", "--seed"]),
        (&["run", "calm", "--seed", "-1"], &["-1"]),
        (&["run", "leader-crsh"], &["leader-crsh", "did you mean `leader-crash`"]),
        (&["run", "no/such/file.toml"], &["failed to read", "no/such/file.toml"]),
        (&["run", "calm", "--set", "load.0.acks=7"], &["`7` is not a value of `acks`"]),
        (&["run", "calm", "--set", "heal.at_m=5"], &["no key `at_m`", "did you mean `at_ms`"]),
        (&["run", "calm", "--defect", "no-dedupe"], &["did you mean `no-dedup`?"]),
        (&["run", "calm", "--format", "xml"], &["xml", "human", "json"]),
        (&["run", "calm", "--kafka", "3.10"], &["there is no Kafka 3.10", "0.8 to 4.1.1"]),
        (&["run", "calm", "--kafka", "4.2"], &["Kafka 4.2 is newer than what", "0.8 to 4.1.1"]),
        (&["defects", "--kafka", "5.0"], &["Kafka 5.0 is newer than what", "0.8 to 4.1.1"]),
        (&["sweep", "calm", "--seeds", "9..3"], &["write 3..9"]),
        (&["sweep", "calm", "--seeds", "many"], &["A..B"]),
        (&["sweep", "calm", "--shard", "3/2"], &["I/N"]),
        (&["sweep", "calm", "--for", "soon"], &["60s"]),
        (&["sweep", "calm", "--jobs", "0"], &["0"]),
        (&["sweep", "calm", "--all"], &["--all"]),
        (&["sweep", "calm", "calm"], &["given twice"]),
        (&["sweep", "clam"], &["did you mean `calm`"]),
        (&["verify", "clam"], &["did you mean `calm`"]),
        (&["replay", "no-plan.json"], &["failed to read the plan no-plan.json", "--out DIR"]),
        (&["explain", "durabilty"], &["durabilty", "`durability`"]),
    ];
    for (arguments, parts) in table {
        harrow(arguments).refuses_with(parts);
    }
}

#[test]
fn a_scenario_file_with_a_mistake_is_shown_with_its_line() {
    let directory = directory();
    fs::write(directory.path().join("bad.toml"), SHORT.replace("orders", "or ders"))
        .expect("it takes files");
    let said = harrow_in(directory.path(), &["run", "bad.toml"]);
    said.refuses_with(&["bad.toml:4:8", "`or ders` is not a topic name", "help: use letters"]);
}

#[test]
fn a_run_is_told_as_one_object() {
    let directory = directory();
    let said =
        harrow_in(directory.path(), &["run", "short.toml", "--seed", "7", "--format", "json"]);
    let json = said.json();
    check_code(said.code, &json["outcome"]);
    assert_eq!(json["schema"], 2);
    assert_eq!(json["coordinate"]["scenario"], "short.toml");
    assert_eq!(json["coordinate"]["seed"], 7);
    assert!(
        json["coordinate"]["commit"].as_str().is_some_and(|commit| !commit.is_empty()),
        "{json}"
    );
    for list in ["findings", "excused", "reached"] {
        assert!(json[list].is_array(), "{list} in {json}");
    }
    assert!(json["digest"].as_str().is_some_and(|digest| digest.len() == 16), "{json}");
    for count in ["simulated_ms", "wall_ms", "events", "messages", "records_acked", "faults"] {
        assert!(json["stats"][count].is_u64(), "{count} in {json}");
    }
    for count in ["ok", "fail", "unknown"] {
        assert!(json["stats"]["operations"][count].is_u64(), "{count} in {json}");
    }
}

#[test]
fn a_seed_is_drawn_and_told_if_none_is_given() {
    let directory = directory();
    let seeds = [(); 2].map(|()| {
        let said = harrow_in(directory.path(), &["run", "short.toml", "--format", "json"]);
        said.json()["coordinate"]["seed"].as_u64().expect("a seed")
    });
    assert_ne!(seeds[0], seeds[1]);
    let said = harrow_in(directory.path(), &["run", "short.toml"]);
    let seed = said
        .stdout
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("seed "))
        .expect("a first line");
    assert!(seed.parse::<u64>().is_ok(), "{}", said.stdout);
}

#[test]
fn what_a_run_leaves_replays_to_the_same_digest() {
    let directory = directory();
    let arguments = ["run", "short.toml", "--seed", "3", "--format", "json", "--out", "out/3"];
    let first = harrow_in(directory.path(), &arguments);
    let mut left: Vec<String> = fs::read_dir(directory.path().join("out/3"))
        .expect("the directory was made")
        .map(|file| file.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    let expected = [
        "history.jsonl",
        "history.toml",
        "plan.json",
        "report.html",
        "report.json",
        "trace.jsonl",
        "trace.txt",
    ];
    assert_eq!(left, expected);
    let again = harrow_in(directory.path(), &["replay", "out/3/plan.json", "--format", "json"]);
    assert_eq!(first.code, again.code);
    for part in ["digest", "outcome", "findings", "reached"] {
        assert_eq!(first.json()[part], again.json()[part], "{part}");
    }
    let report =
        fs::read_to_string(directory.path().join("out/3/report.json")).expect("it is there");
    let mut told = first.json();
    told["stats"].as_object_mut().expect("counts").remove("wall_ms").expect("stdout has it");
    assert_eq!(serde_json::from_str::<Value>(&report).expect("it is JSON"), told);
}

#[test]
fn a_directory_that_takes_no_files_is_refused_before_the_run() {
    let directory = directory();
    let said =
        harrow_in(directory.path(), &["run", "short.toml", "--seed", "1", "--out", "short.toml/x"]);
    said.refuses_with(&["failed to write to short.toml/x", "--out"]);
}

#[test]
fn a_plan_that_is_none_is_told_by_place() {
    let directory = directory();
    let path = directory.path().join("plan.json");
    harrow_in(directory.path(), &["run", "short.toml", "--seed", "1", "--out", "."]);
    let plan = fs::read_to_string(&path).expect("the run has left it");
    let table = [
        (plan.replace("\"schema\": 3", "\"schema\": 99"), vec!["schema 99", "reads 3"]),
        (
            plan.replace("\"heal_at_ms\": 1000", "\"heal_at_ms\": soon"),
            vec!["not a plan", "plan.json:"],
        ),
        (
            plan.replace("\"heal_at_ms\"", "\"heal_at\""),
            vec!["no `heal_at` here; did you mean `heal_at_ms`?", "plan.json:"],
        ),
        (
            plan.replace("\"kind\": \"producer\"", "\"kind\": \"cash\""),
            vec!["there is no `cash` here; known: ", "plan.json:"],
        ),
        ("{}".to_owned(), vec!["missing field `schema`"]),
        (String::new(), vec!["not a plan"]),
    ];
    for (text, parts) in table {
        fs::write(&path, text).expect("it takes files");
        harrow_in(directory.path(), &["replay", "plan.json"]).refuses_with(&parts);
    }
}

/// Everything of a sweep but how long it took.
fn without_time(mut lines: Vec<Value>) -> Vec<Value> {
    for line in &mut lines {
        if let Some(stats) = line.get_mut("stats").and_then(Value::as_object_mut) {
            stats.remove("wall_ms");
        }
        let object = line.as_object_mut().expect("each line is an object");
        object.remove("wall_ms");
        object.remove("runs_per_second");
    }
    lines
}

#[test]
fn a_sweep_tells_the_same_with_any_number_of_jobs() {
    let directory = directory();
    let sweep = |jobs| {
        let arguments =
            ["sweep", "short.toml", "calm", "--seeds", "1..6", "--format", "json", "--jobs", jobs];
        let said = harrow_in(directory.path(), &arguments);
        let lines = said.json_lines();
        let summary = lines.last().expect("a summary");
        check_code(said.code, &summary["outcome"]);
        assert_eq!((lines.len(), summary["runs"].as_u64()), (13, Some(12)), "{summary}");
        let sum =
            ["held", "violated", "inconclusive"].map(|key| summary[key].as_u64().expect("a count"));
        assert_eq!(sum.iter().sum::<u64>(), 12, "{summary}");
        assert_eq!(summary["scenarios"].as_array().expect("scenarios").len(), 2);
        without_time(lines)
    };
    assert_eq!(sweep("1"), sweep("3"));
}

#[test]
fn shards_together_are_the_whole_sweep() {
    let directory = directory();
    let digests = |shard| {
        let arguments =
            ["sweep", "short.toml", "--seeds", "1..5", "--format", "json", "--shard", shard];
        let mut lines = harrow_in(directory.path(), &arguments).json_lines();
        lines.pop();
        lines
            .iter()
            .map(|line| (line["coordinate"]["seed"].as_u64(), line["digest"].clone()))
            .collect::<Vec<_>>()
    };
    let mut parts = [digests("1/2"), digests("2/2")].concat();
    parts.sort_by_key(|(seed, _)| *seed);
    assert_eq!(parts, digests("1/1"));
}

/// It crashes a broker in every other run or so.
fn sometimes_crashing(directory: &Path) {
    let crash = "[[fault]]\nkind = \"crash\"\nchance = \"1/2\"\nat_ms = 200\ndown_ms = 100\n\
        target = \"any-broker\"\n[expect]\nreach = [\"crash\"]\n";
    fs::write(directory.join("sometimes.toml"), format!("{SHORT}{crash}")).expect("it takes files");
}

#[test]
fn what_one_run_misses_another_run_of_the_sweep_may_reach() {
    let directory = directory();
    sometimes_crashing(directory.path());
    let sweep = ["sweep", "sometimes.toml", "--seeds", "1..12"];
    let said = harrow_in(directory.path(), &[&sweep[..], &["--format", "json"]].concat());
    let mut lines = said.json_lines();
    let summary = lines.pop().expect("a summary");
    let missed: Vec<&Value> =
        lines.iter().filter(|line| line["outcome"] == "inconclusive").collect();
    assert!((1..12).contains(&missed.len()), "{} of 12 missed it", missed.len());
    assert!(missed.iter().all(|line| line["unreached"][0] == "crash"), "{missed:#?}");
    assert_eq!((said.code, summary["outcome"].as_str()), (0, Some("held")), "{summary}");
    assert_eq!((summary["held"].as_u64(), summary["inconclusive"].as_u64()), (Some(12), Some(0)));
    assert_eq!(summary["unreached"].as_u64(), Some(missed.len() as u64), "{summary}");
    let reach = &summary["scenarios"][0]["reach"][0];
    assert_eq!(reach["runs"].as_u64(), Some(12 - missed.len() as u64), "{summary}");
    let seed = missed[0]["coordinate"]["seed"].to_string();
    let alone = harrow_in(directory.path(), &["run", "sometimes.toml", "--seed", &seed]);
    assert_eq!(alone.code, 3, "{}", alone.stdout);
}

#[test]
fn a_sweep_that_reaches_too_little_is_inconclusive() {
    let directory = directory();
    sometimes_crashing(directory.path());
    let table = [
        ("expect.reach_share=\"1/1\"", "`reach_share` asks for 1/1"),
        ("expect.reach=[\"wipe\"]", "`wipe` was reached in none of 12 runs"),
    ];
    for (set, told) in table {
        let sweep = ["sweep", "sometimes.toml", "--seeds", "1..12", "--set", set];
        let said = harrow_in(directory.path(), &sweep);
        assert_eq!(said.code, 3, "{set}: {}", said.stdout);
        assert!(said.stdout.contains(told), "{set}: {}", said.stdout);
    }
}

#[test]
fn a_sweep_for_a_time_ends() {
    let directory = directory();
    let said =
        harrow_in(directory.path(), &["sweep", "short.toml", "--for", "1s", "--format", "json"]);
    let lines = said.json_lines();
    assert!(
        lines.last().and_then(|line| line["runs"].as_u64()).is_some_and(|runs| runs > 0),
        "{}",
        said.stdout
    );
}

#[test]
fn two_runs_of_one_plan_are_the_same() {
    let directory = directory();
    let said = harrow_in(
        directory.path(),
        &["verify", "short.toml", "--seeds", "1..3", "--format", "json"],
    );
    assert_eq!(said.code, 0, "{}", said.stdout);
    let json = said.json();
    assert_eq!(
        (json["deterministic"].as_bool(), json["seeds"].as_u64()),
        (Some(true), Some(3)),
        "{json}"
    );
}

#[test]
fn every_defect_is_listed_with_a_scenario_of_the_catalogue() {
    let json = harrow(&["defects", "--format", "json"]).json();
    let human = harrow(&["defects"]).stdout;
    let rows = json.as_array().expect("an array");
    assert_eq!(rows.len(), Defect::all().count());
    for row in rows {
        for key in ["name", "source", "side", "guarantee", "anomaly", "scenario"] {
            assert!(row[key].as_str().is_some_and(|text| !text.is_empty()), "{key} in {row}");
        }
        let scenario = row["scenario"].as_str().expect("a scenario");
        assert!(harrow_scenarios::catalogue::find(scenario).is_some(), "{row}");
        assert!(human.contains(row["name"].as_str().expect("a name")), "{row}");
        assert!(row["fixed"].is_array() && row["seed"].is_u64(), "{row}");
        assert!(row["since"].is_string() || row["fixed"].as_array().is_some_and(Vec::is_empty));
    }
}

#[test]
fn what_scenarios_and_defects_name_can_be_explained() {
    let kinds = harrow_scenarios::format::fault_kinds();
    let defects = Defect::all().map(Defect::name);
    for name in kinds.into_iter().chain(defects) {
        assert!(harrow_reports::explain::explain(name).is_some(), "{name}");
    }
    let json = harrow(&["explain", "durability", "--format", "json"]).json();
    assert_eq!(
        (json["name"].as_str(), json["kind"].as_str()),
        (Some("durability"), Some("guarantee"))
    );
    assert!(harrow(&["explain", "crash"]).stdout.starts_with("crash (fault)"));
}

#[test]
fn colour_is_a_choice() {
    assert!(!harrow(&["list"]).stdout.contains('\u{1b}'), "not a terminal");
    assert!(harrow(&["list", "--color", "always"]).stdout.contains('\u{1b}'), "always");
}

#[test]
fn a_run_its_repetition_and_its_replay_have_one_digest() {
    let directory = directory();
    let arguments = ["run", "leader-crash", "--seed", "7", "--format", "json", "--out", "7"];
    let runs = [
        harrow_in(directory.path(), &arguments[..6]),
        harrow_in(directory.path(), &arguments),
        harrow_in(directory.path(), &["replay", "7/plan.json", "--format", "json"]),
    ];
    for run in &runs {
        assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
        assert_eq!(run.json()["digest"], runs[0].json()["digest"]);
    }
    assert_eq!(harrow(&["verify", "leader-crash", "--seeds", "1..2"]).code, 0);
}

/// The first seed that breaks with the defect.
fn broken_seed() -> String {
    let arguments = "sweep quick-failover --seeds 1..40 --defect truncate-to-hw --fail-fast \
                     --set heal.converge_within_ms=60000 --format json";
    let said = harrow(&arguments.split(' ').collect::<Vec<_>>());
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    let lines = said.json_lines();
    let broken = lines.iter().find(|line| line["outcome"] == "violated").expect("one is violated");
    broken["coordinate"]["seed"].to_string()
}

#[test]
fn a_violation_prints_the_command_that_shows_it_again() {
    let seed = broken_seed();
    let arguments = [
        "run",
        "quick-failover",
        "--seed",
        &seed,
        "--defect",
        "truncate-to-hw",
        "--set",
        "heal.converge_within_ms=60000",
    ];
    let said = harrow(&arguments);
    assert_eq!(said.code, 1, "{}", said.stdout);
    let finding = said.stdout.split("\n\n").nth(1).expect("a finding follows the outcome");
    assert!(finding.lines().count() < 15, "{finding}");
    assert!(finding.contains("breaks durability") && finding.contains("promised by"), "{finding}");
    let replay = said.stdout.lines().find_map(|line| line.strip_prefix("replay: harrow "));
    let replay: Vec<&str> = replay.expect("a command").split(' ').collect();
    assert_eq!(replay, arguments);
    let again = harrow(&replay);
    assert_eq!((again.code, digest_of(&again)), (1, digest_of(&said)));
}

fn digest_of(said: &Said) -> String {
    let found = said.stdout.split("digest ").nth(1).and_then(|rest| rest.lines().next());
    found.expect("a digest is told").to_owned()
}

#[test]
fn traces_and_logs_are_words() {
    let directory = directory();
    let arguments = ["-vvv", "run", "short.toml", "--seed", "3", "--out", "3"];
    let said = harrow_in(directory.path(), &arguments);
    let trace = fs::read_to_string(directory.path().join("3/trace.txt")).expect("it is left");
    for text in [&said.stderr, &trace] {
        assert!(text.contains("orders-0: became leader in epoch 0"), "topic names are told");
        let dump = text.lines().find(|line| line.contains(['{', '}']));
        assert_eq!(dump, None, "no dump of a structure");
        let long = text.lines().find(|line| line.len() > 400);
        assert_eq!(long, None, "lines are short");
    }
}

#[test]
fn a_log_begins_with_what_turns_events_and_tells_each_once() {
    let line = "run quick-failover --seed 9 --defect truncate-to-hw";
    let log = |level: &str| {
        let words: Vec<&str> = line.split(' ').chain([level]).collect();
        let said = harrow(&words);
        assert_eq!(said.code, 1, "{}", said.stderr);
        said.stderr
    };
    let first = log("-v");
    for part in [
        "fault ",
        "became leader in epoch",
        "updated ISR to",
        "truncated log from",
        "transitioned to leader",
    ] {
        assert!(first.contains(part), "`{part}` in\n{first}");
    }
    assert!(first.lines().count() < 400, "{} lines", first.lines().count());
    // It is violated, and run again for the lives of its records.
    for log in [first, log("-vv")] {
        let healed = log.lines().filter(|line| line.contains("all faults end")).count();
        assert_eq!(healed, 1, "a run is logged once");
    }
}

#[test]
fn everything_with_a_name_can_be_explained() {
    let known = harrow(&["explain", "--format", "json"]).json();
    let known = known.as_array().expect("a list of what has a name");
    for entry in harrow_scenarios::catalogue::CATALOGUE {
        let is_it = |row: &&Value| row["name"] == entry.name && row["kind"] == "scenario";
        assert!(known.iter().any(|row| is_it(&row)), "{}", entry.name);
    }
    let said = harrow(&["explain", "quick-failover"]);
    assert!(said.code == 0 && said.stdout.contains("(scenario)"), "{}", said.stdout);
    let all = harrow(&["explain"]);
    assert!(all.code == 0 && all.stdout.contains("lost-write"), "{}", all.stdout);
    assert!(all.stdout.lines().all(|line| line.len() <= 80), "{}", all.stdout);
    assert!(harrow(&["explain", "Lost write"]).stdout.starts_with("lost-write "));
    assert!(harrow(&["list"]).stdout.lines().all(|line| line.len() <= 80));
}
