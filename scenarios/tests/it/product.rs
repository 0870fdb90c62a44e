//! What a user relies on beyond the verdict: faults that were not done are told, an edited plan is held to bounds,
//! numbers that cannot work are refused, a verdict survives a full disk, a sweep keeps what failed.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use harrow_scenarios::catalogue::CATALOGUE;
use harrow_scenarios::format::{check_plan, parse};
use harrow_scenarios::planner::plan;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary::harrow_in as harrow;

/// More wiped disks than one in-sync replica survives.
const WEAK: &str = "name = \"weak\"\nproves = \"Nothing.\"\n[[topic]]\nname = \"orders\"\n\
    [[load]]\nkind = \"producer\"\noperations = 60\n[[fault]]\nkind = \"wipe-disk\"\n\
    at_ms = \"2000..4000\"\ncount = 3\ntarget = \"leader-of orders-0\"\ndown_ms = 500\n\
    [[fault]]\nkind = \"lying-sync\"\nat_ms = 1000\ntarget = \"any-broker\"\nfor_ms = 500\n\
    [heal]\nat_ms = 6000\n[expect]\nreach = [\"wipe\"]\n";

const SHORT: &str = "name = \"short\"\nproves = \"Nothing much.\"\n[[topic]]\nname = \"orders\"\n\
    [[load]]\nkind = \"producer\"\noperations = 5\n[[fault]]\nkind = \"crash\"\nat_ms = 500\n\
    target = \"leader-of orders-0\"\ndown_ms = 100\n[heal]\nat_ms = 1000\nconverge_within_ms = 2000\n";

fn directory() -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    for (name, text) in [("weak.toml", WEAK), ("short.toml", SHORT)] {
        fs::write(directory.path().join(name), text).expect("it takes files");
    }
    directory
}

fn read_json(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("it is there");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn faults_that_were_not_done_are_told_with_their_reasons() {
    let directory = directory();
    let said = harrow(directory.path(), &["run", "weak.toml", "--seed", "1", "--format", "json"]);
    let report: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    let faults = &report["faults"];
    let count = |name: &str| faults[name].as_u64().expect("a count");
    assert_eq!(count("planned"), 4, "{faults}");
    assert_eq!(count("planned"), count("injected") + count("held_back"), "{faults}");
    assert!(count("weakened") > 0 && count("weakened") <= count("injected"), "{faults}");
    let deviations = faults["deviations"].as_array().expect("reasons");
    let sum: u64 = deviations.iter().map(|group| group["count"].as_u64().expect("a count")).sum();
    assert_eq!(sum, count("held_back") + count("weakened"), "{faults}");
    let said = harrow(directory.path(), &["run", "weak.toml", "--seed", "1"]);
    for part in [
        "of 4 faults held back:",
        "1 x lying-sync (no configuration survives syncs that lie)",
        "of 4 faults weakened:",
        "x wipe-disk (1 replicas would be lossy, its configuration survives 0)",
        "never reached: wipe",
    ] {
        assert!(said.stdout.contains(part), "`{part}` in\n{}", said.stdout);
    }
    let said = harrow(directory.path(), &["sweep", "weak.toml", "--seeds", "1..2"]);
    assert!(said.stdout.contains("of 8 planned faults "), "{}", said.stdout);
    let said = harrow(directory.path(), &["run", "leader-crash", "--seed", "7"]);
    assert!(!said.stdout.contains("held back") && !said.stdout.contains("weakened"), "all done");
}

#[test]
fn a_fault_that_its_node_cannot_have_is_held_back() {
    let directory = directory();
    let path = directory.path();
    harrow(path, &["run", "short.toml", "--seed", "1", "--out", "o"]);
    let plan = read_json(&path.join("o/plan.json"));
    let client = plan["clients"][0]["config"]["node"].clone();
    let table = [
        (json!({"kind": "slow-disk", "extra_us": [9, 9], "for_ms": 50}), "a client has no disk"),
        (json!({"kind": "stall-disk", "for_ms": 50}), "a client has no disk"),
        (json!({"kind": "full-disk", "for_ms": 50}), "a client has no disk"),
        (json!({"kind": "lying-sync", "for_ms": 50}), "a client has no disk"),
        (json!({"kind": "fail-disk", "down_ms": 50}), "a client has no disk"),
        (json!({"kind": "wipe-disk", "down_ms": 50}), "a client has no disk"),
        (json!({"kind": "bit-rot"}), "a client has no disk"),
        (json!({"kind": "drop-responses", "one_in": 2, "for_ms": 50}), "a client answers nobody"),
        (
            json!({"kind": "duplicate-responses", "one_in": 2, "for_ms": 50}),
            "a client answers nobody",
        ),
        (json!({"kind": "hold-requests", "for_ms": 50}), "a client answers nobody"),
        (json!({"kind": "hold-metadata", "for_ms": 50}), "a client reads no metadata log"),
        (
            json!({"kind": "stall-metadata-publishing", "for_ms": 50}),
            "only brokers publish metadata",
        ),
    ];
    let client = format!("node {client}");
    let mut all: Vec<(Value, &str, &str)> =
        table.into_iter().map(|(action, reason)| (action, client.as_str(), reason)).collect();
    all.extend([
        (
            json!({"kind": "hold-requests", "api": "Vote", "for_ms": 50}),
            "node 1",
            "nobody asks a broker for `Vote`",
        ),
        (
            json!({"kind": "drop-responses", "api": "EndTxn", "one_in": 1, "for_ms": 50}),
            "node 101",
            "nobody asks a controller for `EndTxn`",
        ),
    ]);
    for (mut action, target, reason) in all {
        let mut edited = plan.clone();
        action["target"] = json!(target);
        edited["steps"][0]["action"] = action.clone();
        fs::write(path.join("e.json"), edited.to_string()).expect("it takes files");
        let said = harrow(path, &["replay", "e.json", "--format", "json"]);
        let report: Value = serde_json::from_str(&said.stdout)
            .unwrap_or_else(|error| panic!("{action}: {error} {}", said.stderr));
        let faults = &report["faults"];
        assert_eq!((&faults["injected"], &faults["held_back"]), (&json!(0), &json!(1)), "{action}");
        assert_eq!(faults["deviations"][0]["reason"], reason, "{action}");
    }
}

/// A group that has members is not deleted.
const REFUSED: &str = "name = \"refused\"\nproves = \"Nothing.\"\n[[topic]]\nname = \"orders\"\n\
    [[load]]\nkind = \"producer\"\noperations = 60\n\
    [[load]]\nkind = \"consumer\"\ngroup.id = \"billing\"\n[[fault]]\nkind = \"delete-group\"\n\
    at_ms = 3000\ntarget = \"coordinator-of billing\"\n[heal]\nat_ms = 6000\n";

#[test]
fn a_step_that_was_refused_is_counted_once() {
    let directory = directory();
    fs::write(directory.path().join("refused.toml"), REFUSED).expect("it takes files");
    let line = ["run", "refused.toml", "--seed", "1", "--format", "json"];
    let said = harrow(directory.path(), &line);
    let report: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    let faults = &report["faults"];
    let count = |name: &str| faults[name].as_u64().expect("a count");
    let counts = ["planned", "injected", "held_back"].map(count);
    assert_eq!(counts, [1, 0, 1], "{faults}");
    assert_eq!(faults["deviations"][0]["reason"], "it was refused: NonEmptyGroup", "{faults}");
    let reached = report["reached"].to_string();
    assert!(
        reached.contains("fault-held-back") && !reached.contains("fault-injected"),
        "{reached}"
    );
}

/// Paths of every number in a plan, with those that any number may be.
fn numbers(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(path.to_owned()),
        Value::Array(list) => {
            for (at, element) in list.iter().enumerate() {
                numbers(&format!("{path}/{at}"), element, found);
            }
        }
        Value::Object(map) => {
            for (key, element) in map {
                numbers(&format!("{path}/{key}"), element, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[test]
fn every_number_of_a_plan_has_bounds() {
    let directory = directory();
    let path = directory.path();
    let seed = "7";
    harrow(path, &["run", "swarm", "--seed", seed, "--out", "o"]);
    assert_eq!(harrow(path, &["replay", "o/plan.json"]).code, 0, "as it was drawn");
    let plan = read_json(&path.join("o/plan.json"));
    let mut all = Vec::new();
    numbers("", &plan, &mut all);
    assert!(all.len() > 100, "{all:?}");
    // Seeds and ids are names; who has one is checked elsewhere. A log that is never flushed has Kafka's largest
    // number.
    let ends = ["/seed", "jitter_salt", "/id", "/flush_messages", "/flush_ms"];
    let free = |name: &&String| ends.iter().any(|end| name.ends_with(end));
    for pointer in all.iter().filter(|name| !free(name)) {
        let mut edited = plan.clone();
        *edited.pointer_mut(pointer).expect("it was just found") =
            json!(4_000_000_000_000_000_000_u64);
        fs::write(path.join("e.json"), edited.to_string()).expect("it takes files");
        let said = harrow(path, &["replay", "e.json"]);
        assert_eq!(said.code, 2, "{pointer}\n{}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains("e.json"), "{pointer}\n{}", said.stderr);
    }
}

#[test]
fn every_plan_that_is_drawn_is_within_the_bounds() {
    for entry in CATALOGUE {
        let scenario = parse(entry.name, entry.text, &[]).expect("the catalogue parses");
        for seed in 1..=30 {
            let plan = plan(&scenario, seed);
            let text = serde_json::to_string(&plan).expect("it is plain data");
            let checked = check_plan("plan.json", &text, &plan);
            let told = checked.err().map(|error| error.mistakes()[0].to_string());
            assert_eq!(told, None, "{} {seed}", entry.name);
        }
    }
}

/// Transactions and a group, beside which `shrink` must not leave what they need.
const NEEDS: &str = "name = \"needs\"\nproves = \"Nothing much.\"\n\
    [cluster]\noffsets.topic.num.partitions = 2\n[[topic]]\nname = \"orders\"\n\
    [[load]]\nkind = \"transaction\"\noperations = 2\ntransactional_id = \"t\"\n\
    [[load]]\nkind = \"consumer\"\noperations = 2\n\"group.id\" = \"g\"\n[heal]\nat_ms = 1000\n";

#[test]
fn an_edited_plan_has_what_its_clients_need() {
    let directory = directory();
    let path = directory.path();
    fs::write(path.join("needs.toml"), NEEDS).expect("it takes files");
    assert_eq!(harrow(path, &["run", "needs.toml", "--seed", "1", "--out", "o"]).code, 0);
    let plan = read_json(&path.join("o/plan.json"));
    let coordinators = "/cluster/coordinators";
    let table = [
        ("/clients/0/config/transactional_id", Value::Null, "has a transactional id"),
        ("/clients/0/transactions", Value::Null, "has a transactional id"),
        ("/clients/1/config/group", Value::Null, "processes has a group"),
        ("/clients/1/config/group/group", json!(""), "a group has a name"),
        (&format!("{coordinators}/offsets_topic/replication_factor"), json!(4), "of 3 brokers"),
        (&format!("{coordinators}/transaction_topic/replication_factor"), json!(4), "of 3 brokers"),
    ];
    for (pointer, value, wanted) in table {
        let mut edited = plan.clone();
        *edited.pointer_mut(pointer).expect("the plan has it") = value;
        fs::write(path.join("e.json"), edited.to_string()).expect("it takes files");
        let said = harrow(path, &["replay", "e.json"]);
        assert_eq!(said.code, 2, "{pointer}\n{}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(wanted), "{pointer}\n{}", said.stderr);
    }
}

#[test]
fn an_edited_plan_is_held_to_the_bounds_of_a_scenario() {
    let directory = directory();
    let path = directory.path();
    harrow(path, &["run", "short.toml", "--seed", "1", "--out", "o"]);
    let plan = read_json(&path.join("o/plan.json"));
    let topic = plan["topics"][0].clone();
    let mut step = plan["steps"][0].clone();
    step["at_ms"] = json!(100);
    let mut named = plan["clients"][0]["config"].clone();
    named["transactional_id"] = json!("t");
    let table = [
        ("/cluster/brokers", json!([]), "cluster.brokers: 0 nodes"),
        ("/cluster/controllers", json!([]), "cluster.controllers: 0 nodes"),
        ("/cluster/brokers", json!([1, 1, 2]), "two nodes have id 1"),
        ("/cluster/brokers", json!([1, 2, 101]), "two nodes have id 101"),
        ("/cluster/brokers", json!([2, 1, 3]), "the ids are not in order"),
        ("/cluster/segment_bytes", json!(0), "cluster.segment_bytes: 0 is out of bounds"),
        ("/cluster/quorum_election_timeout_ms", json!(0), "0 is out of bounds"),
        ("/topics/0/name", json!("renamed"), "there is no topic `orders`"),
        ("/topics/0/replication_factor", json!(9), "9 replicas do not fit on 3 brokers"),
        ("/topics/0/partitions", json!(0), "topics.0.partitions: 0 is out of bounds"),
        ("/heal_at_ms", json!(1_u64 << 63), "heal_at_ms: 9223372036854775808 is out of bounds"),
        ("/topics/0/min_insync_replicas", json!(7), "7 in-sync replicas are asked of 3"),
        ("/topics", json!([topic, topic]), "there are two topics `orders`"),
        ("/steps", json!([plan["steps"][0], plan["steps"][0]]), "two steps have id"),
        ("/steps", json!([plan["steps"][0], step]), "it comes before the step above"),
        ("/steps/0/at_ms", json!(950), "this fault may last until 1050 ms, the heal is at 1000"),
        ("/steps/0/action/target", json!("node 77"), "there is no node 77"),
        ("/steps/0/action/target", json!("leader-of orders-4"), "has no partition 4"),
        ("/network/latency_us", json!([9, 5]), "the range 9 to 5 is empty"),
        ("/disk/sync_us", json!([300_000, 300_000]), "no controller could be elected"),
        ("/clients/0/config/bootstrap", json!([]), "there is nobody to ask"),
        ("/clients/0/config", named, "who sends in transactions has a transactional id"),
        ("/clients/0/config/in_flight_max", json!(9), "at most 5 requests in flight"),
        ("/clients/0/topics", json!([]), "there is no topic to work on"),
        ("/expect/reach", json!(["nothing"]), "`nothing` is not a reach mark"),
        ("/core", json!({"outside": [1, 2], "state": "dead"}), "2 of 3 nodes stay outside"),
    ];
    for (pointer, value, part) in table {
        let mut edited = plan.clone();
        match edited.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => edited[&pointer[1..]] = value,
        }
        let text = serde_json::to_string_pretty(&edited).expect("it is JSON");
        fs::write(path.join("e.json"), text).expect("it takes files");
        let said = harrow(path, &["replay", "e.json"]);
        assert_eq!(said.code, 2, "{part}\n{}{}", said.stdout, said.stderr);
        for part in [part, "e.json:", "help:"] {
            assert!(said.stderr.contains(part), "`{part}` in\n{}", said.stderr);
        }
    }
    let said = harrow(path, &["replay", "o/report.json"]);
    assert!(said.code == 2 && said.stderr.contains("is a report, not a plan"), "{}", said.stderr);
}

#[test]
fn numbers_that_cannot_work_are_refused_with_the_reason() {
    let directory = directory();
    let table = [
        ("topic.orders.partitions=5000", "`partitions` is out of bounds"),
        ("disk.sync_us=300000", "no controller could be elected"),
        ("network.latency_us=600000", "no controller could be elected"),
        ("network.client_latency_us=500000", "the clients that create topics"),
        ("network.bandwidth_bytes_per_second=100", "does not cross it"),
        ("disk.capacity_bytes=1000", "a node whose disk is full for good"),
        ("load.0.start_ms=1001", "after the heal, which"),
        ("load.0.interval_us=3600000000", "hours"),
        ("load.0.interval_us=2001000", "2101 ms may pass between operations"),
        ("network.slow_extra_us=2000000", "no controller could stay elected"),
        ("disk.sync_us=220000", "no controller could be elected"),
        ("load.0.operations=100000000", "`operations` is out of bounds"),
        ("cluster.broker.session.timeout.ms=700", "brokers could not stay unfenced"),
    ];
    for (set, part) in table {
        let arguments =
            ["run", "short.toml", "--seed", "1", "--set", "load.0.operations=100", "--set", set];
        let said = harrow(directory.path(), &arguments);
        assert_eq!(said.code, 2, "{part}\n{}{}", said.stdout, said.stderr);
        for part in [part, "help:"] {
            assert!(said.stderr.contains(part), "`{part}` in\n{}", said.stderr);
        }
    }
    let many = ["topic.orders.partitions=3", "topic.orders.count=1000"];
    let arguments = ["run", "short.toml", "--set", many[0], "--set", many[1]];
    let said = harrow(directory.path(), &arguments);
    let told = "3000 partitions and 9000 replicas";
    assert!(said.code == 2 && said.stderr.contains(told), "{}", said.stderr);
}

#[test]
fn a_report_has_the_whole_command_and_two_replays_leave_the_same_bytes() {
    let directory = directory();
    let path = directory.path();
    let arguments = [
        "run",
        "short.toml",
        "--seed",
        "2",
        "--defect",
        "no-dedup",
        "--set",
        "heal.at_ms=1500",
        "--out",
        "o",
        "--format",
        "json",
    ];
    let said = harrow(path, &arguments);
    let report: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    let replay = "harrow run short.toml --seed 2 --defect no-dedup --set heal.at_ms=1500";
    assert_eq!(report["coordinate"]["replay"], replay);
    let words: Vec<&str> = replay.split(' ').skip(1).chain(["--format", "json"]).collect();
    let again: Value = serde_json::from_str(&harrow(path, &words).stdout).expect("it is JSON");
    assert_eq!(again["digest"], report["digest"]);
    for out in ["a", "b"] {
        harrow(path, &["replay", "o/plan.json", "--out", out]);
    }
    let mut files = 0;
    for file in fs::read_dir(path.join("a")).expect("it was made") {
        let name = file.expect("it can be read").file_name();
        let [one, other] = ["a", "b"].map(|out| fs::read(path.join(out).join(&name)).ok());
        assert!(one.is_some() && one == other, "{name:?}");
        files += 1;
    }
    assert_eq!(files, 7);
    let sweep = ["sweep", "short.toml", "--seeds", "1..2", "--set", "heal.at_ms=1500"];
    let said = harrow(path, &[&sweep[..], &["--format", "json"]].concat());
    let first = said.stdout.lines().next().expect("a report");
    let first: Value = serde_json::from_str(first).expect("it is JSON");
    let replay = "harrow run short.toml --seed 1 --set heal.at_ms=1500";
    assert_eq!(first["coordinate"]["replay"], replay);
}

#[test]
fn a_verdict_is_told_although_its_files_cannot_be_written() {
    let directory = directory();
    let path = directory.path();
    // A directory in the place of a file, so that nobody, not even root, can write the file.
    for out in ["bad", "good"] {
        fs::create_dir_all(path.join(out).join("trace.txt/in-the-way")).expect("it takes folders");
    }
    let broken = "run lost-response --seed 1 --defect no-dedup --out bad";
    let said = harrow(path, &broken.split(' ').collect::<Vec<_>>());
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.starts_with("violated with no-dedup: lost-response"), "{}", said.stdout);
    assert!(said.stderr.contains("failed to write bad/trace.txt"), "{}", said.stderr);
    let left = fs::read_dir(path.join("bad")).expect("it is there");
    let mut left: Vec<_> = left.map(|file| file.expect("it can be read").file_name()).collect();
    left.sort();
    assert_eq!(left, ["plan.json", "trace.txt"], "what belongs together is left together");
    let said = harrow(path, &["run", "short.toml", "--seed", "1", "--out", "good"]);
    assert_eq!(said.code, 5, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.starts_with("held as promised: short.toml"), "{}", said.stdout);
}

#[test]
fn a_sweep_leaves_what_violated_runs_leave() {
    let directory = directory();
    let path = directory.path();
    let sweep = "sweep lost-response calm --seeds 1..2 --defect no-dedup --out failed";
    let said = harrow(path, &sweep.split(' ').collect::<Vec<_>>());
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    let mut kept: Vec<String> = fs::read_dir(path.join("failed"))
        .expect("it was made")
        .map(|file| file.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    kept.sort();
    assert_eq!(kept.pop().as_deref(), Some("sweep-1-of-1.json"), "what the sweep was: {kept:?}");
    assert_eq!(kept.remove(0), "index.html", "what came of it: {kept:?}");
    the_same_sweep_goes_again_and_another_does_not(path, sweep, &said.stdout);
    assert!(kept.iter().all(|name| name.starts_with("lost-response-")), "{kept:?}");
    assert_eq!(said.stdout.matches("left in failed/lost-response-").count(), kept.len());
    for name in kept {
        let one = path.join("failed").join(&name);
        assert_eq!(read_json(&one.join("report.json"))["outcome"], "violated");
        for file in ["history.jsonl", "history.toml", "trace.txt", "trace.jsonl", "report.html"] {
            assert!(one.join(file).is_file(), "{name}/{file}");
        }
        let plan = format!("failed/{name}/plan.json");
        assert_eq!(harrow(path, &["replay", &plan]).code, 1, "{plan}");
    }
}

/// Figures of time differ.
fn untimed(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.contains(" a second")).collect()
}

fn the_same_sweep_goes_again_and_another_does_not(path: &Path, sweep: &str, told: &str) {
    let words = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    let again = |line: &str| {
        let words = words(line);
        harrow(path, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    // What an earlier build of the same sweep left is gone, and what is not ours is not.
    for (folder, file) in
        [("calm-1", "plan.json"), ("calm-2", "notes.txt"), ("calm-9", "plan.json")]
    {
        let folder = path.join("failed").join(folder);
        fs::create_dir_all(&folder).expect("it takes folders");
        fs::write(folder.join(file), "{}").expect("it takes files");
    }
    let said = again(sweep);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert_eq!(untimed(&said.stdout), untimed(told));
    assert!(!path.join("failed/calm-1").exists(), "its seed is the sweep's");
    for (folder, file) in [("calm-2", "notes.txt"), ("calm-9", "plan.json")] {
        assert!(path.join("failed").join(folder).join(file).is_file(), "{folder}/{file}");
    }
    let was =
        "the sweep of `lost-response --defect no-dedup`, `calm --defect no-dedup`, seeds 1..2";
    for other in
        [sweep.replace("1..2", "1..3"), sweep.replace(" calm", ""), format!("{sweep} --shard 1/2")]
    {
        again(&other).refuses_with(&[was, "give another directory, or remove this one"]);
    }
}

#[test]
fn a_shard_without_work_is_no_failure() {
    let directory = directory();
    let arguments = ["sweep", "short.toml", "--seeds", "1..2", "--shard", "3/3"];
    let said = harrow(directory.path(), &arguments);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("note: shard 3/3 has no part"), "{}", said.stderr);
}

#[test]
fn who_closes_the_output_is_told_so_by_the_exit_code() {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("harrow"));
    // More than a pipe holds.
    command.args(["sweep", "calm", "--seeds", "1..200", "--format", "json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
    let mut output = child.stdout.take().expect("it is piped");
    output.read_exact(&mut [0; 10]).expect("it says something");
    drop(output);
    assert_eq!(child.wait().expect("it ends").code(), Some(141));
}

#[test]
fn acks_have_all_of_kafka_s_names() {
    let directory = directory();
    let digest = |set: &str| {
        let arguments = ["run", "short.toml", "--seed", "1", "--format", "json", "--set", set];
        let said = harrow(directory.path(), &arguments);
        assert_eq!(said.code, 0, "{set}\n{}{}", said.stdout, said.stderr);
        let report: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
        report["digest"].to_string()
    };
    let all = digest("load.0.acks=\"all\"");
    assert_eq!(
        [digest("load.0.acks=-1"), digest("load.0.acks=\"-1\"")],
        [all.clone(), all.clone()]
    );
    assert_ne!(digest("load.0.acks=1"), all);
    let said = harrow(directory.path(), &["run", "short.toml", "--set", "load.0.acks=3"]);
    assert!(said.stderr.contains("known: all, -1, 1, 0"), "{}", said.stderr);
}

#[test]
fn sources_and_words_of_verdicts_can_be_explained() {
    let path = Path::new(".");
    for word in ["held", "inconclusive", "violated", "excused", "legal", "held-back", "weakened"] {
        let said = harrow(path, &["explain", word]);
        assert!(said.stdout.starts_with(&format!("{word} (word of a verdict)")), "{}", said.stdout);
    }
    let said = harrow(path, &["explain", "KIP-101"]);
    assert!(said.stdout.contains("truncate-to-hw (defect)"), "{}", said.stdout);
    let said = harrow(path, &["explain", "kafka-13091"]);
    assert!(said.stdout.contains("no-hw-on-shrink (defect)"), "{}", said.stdout);
    assert_eq!(harrow(path, &["explain", "KIP-10"]).code, 2, "it is part of a number only");
    let said = harrow(path, &["defects"]);
    assert!(!said.stdout.contains("R01") && !said.stdout.contains("K04"), "{}", said.stdout);
}

#[test]
fn a_configuration_beside_a_history_is_pointed_out() {
    let directory = directory();
    let path = directory.path();
    harrow(path, &["run", "short.toml", "--seed", "1", "--out", "o"]);
    let said = harrow(path, &["check", "o/history.jsonl"]);
    assert!(said.stderr.contains("note: o/history.toml lies beside"), "{}", said.stderr);
    let said = harrow(path, &["check", "o/history.jsonl", "--config", "o/history.toml"]);
    assert!(said.stderr.is_empty(), "{}", said.stderr);
}

#[test]
fn a_history_that_is_cut_in_a_line_is_judged_by_its_whole_lines() {
    let directory = directory();
    let path = directory.path();
    harrow(path, &["run", "lost-response", "--seed", "1", "--defect", "no-dedup", "--out", "o"]);
    let whole = fs::read_to_string(path.join("o/history.jsonl")).expect("it is there");
    let cut = whole[..whole.len() - 60].to_owned();
    assert!(!cut.ends_with('\n'));
    let lines = cut.lines().count();
    fs::write(path.join("cut.jsonl"), &cut).expect("it takes files");
    let said = harrow(path, &["check", "cut.jsonl", "--config", "o/history.toml"]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    let told = format!("the file ends in the middle of line {lines}");
    assert!(said.stdout.contains(&told) && said.stdout.contains("duplicate"), "{}", said.stdout);
    harrow(path, &["run", "short.toml", "--seed", "1", "--out", "s"]);
    let whole = fs::read_to_string(path.join("s/history.jsonl")).expect("it is there");
    fs::write(path.join("cut.jsonl"), &whole[..whole.len() - 60]).expect("it takes files");
    let said = harrow(path, &["check", "cut.jsonl"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
}
