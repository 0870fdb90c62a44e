//! A scenario's faults, as `harrow serve` has them happen in real time.

use std::fs;

use serde_json::{Value, json};

use crate::raw_client::{PLAIN, leader, produce};
use crate::server::Server;

const SCENARIO: &str = r#"
name = "struck"
proves = "Faults that a scenario draws happen to clients of `harrow serve`."

[[topic]]
name = "orders"
partitions = 1
replication_factor = 3
min.insync.replicas = 2

[[load]]
kind = "producer"

[[fault]]
kind = "crash"
target = "leader-of orders-0"
at_ms = 400
down_ms = 600

[[fault]]
kind = "slow-disk"
target = "any-broker"
at_ms = 800
extra_us = "10..20"
for_ms = 400

[[fault]]
kind = "bit-rot"
target = "any-broker"
at_ms = 1000

[[fault]]
kind = "partition"
cut = "from-clients"
target = "any-broker"
at_ms = 1200
for_ms = 400

[heal]
at_ms = 2400
"#;

/// A scenario in a file, which goes with its directory.
fn scenario() -> (tempfile::TempDir, String) {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let path = directory.path().join("struck.toml");
    fs::write(&path, SCENARIO).expect("it is written");
    let path = path.to_str().expect("it is text").to_owned();
    (directory, path)
}

/// The faults, once none waits or lasts any more.
fn ended(server: &Server) -> Vec<Value> {
    for _ in 0..3_000 {
        let faults = server.status()["faults"].as_array().expect("a list").clone();
        let open = |fault: &Value| fault["state"] == "waiting" || fault["state"] == "lasting";
        if !faults.iter().any(open) {
            return faults;
        }
    }
    panic!("the faults never end: {}", server.status());
}

#[test]
fn a_scenarios_faults_happen_in_time_and_are_told() {
    let (_directory, path) = scenario();
    let mut server = Server::start(&[&path, "--seed", "7", "--fault-time", "50"]);
    let mut orders = leader(&server, "orders", "sender");
    produce(&mut orders, "orders", (None, PLAIN, -1), &["a", "b"]);
    let faults = ended(&server);
    let of = |kind: &str| {
        let found = faults.iter().find(|fault| fault["fault"] == kind);
        found.unwrap_or_else(|| panic!("no {kind}: {faults:?}")).clone()
    };
    let at = |kind: &str| of(kind)["at_ms"].as_u64().expect("a time");
    assert_eq!(of("crash")["state"], "fired", "{faults:?}");
    assert!(of("crash")["summary"].as_str().expect("told").contains("(leader-of orders-0)"));
    assert!(at("crash") >= 200 && at("crash") < at("slow-disk"), "{faults:?}");
    assert_eq!(
        (&of("slow-disk")["state"], &of("partition")["state"]),
        (&json!("over"), &json!("over"))
    );
    assert_eq!(of("bit-rot")["state"], "held-back", "{faults:?}");
    assert!(of("bit-rot")["reason"].as_str().expect("told").contains("which log"), "{faults:?}");
    let (status, verdict) = server.post("/judge", &json!({}));
    assert_eq!(status, 200, "{verdict}");
    assert_eq!(verdict["findings"], json!([]), "{verdict}");
    let lines = server.shut_down();
    let told = lines.iter().filter(|line| line["kind"] == "fault").count();
    assert_eq!(told, 4, "each fault is told: {lines:?}");
}

#[test]
fn a_seed_draws_the_same_faults_and_they_can_be_left_out() {
    let (_directory, path) = scenario();
    let drawn = || {
        let server = Server::start(&[&path, "--seed", "11", "--fault-time", "25"]);
        let summary = |fault: &Value| (fault["fault"].to_string(), fault["summary"].to_string());
        let faults = ended(&server);
        faults.iter().filter(|it| it["fault"] != "crash").map(summary).collect::<Vec<_>>()
    };
    assert_eq!(drawn(), drawn());
    let server = Server::start(&[&path, "--no-faults"]);
    assert_eq!(server.status()["faults"], json!([]));
}
