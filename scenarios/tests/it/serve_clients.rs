//! Clients of other languages do with `harrow serve` what applications do: each where it is installed, and a test says
//! when it is not. `scenarios/SERVE.md` has the table of what they pass.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::clients::{named, python_with, script, skipped};
use crate::server::Server;

/// What each suite does, in order; it prints each step's name once it has gone well.
const STEPS: [&str; 6] = ["admin", "produce", "consume", "group", "transaction", "failover"];

/// What the application of Kafka Streams does, in order.
const GUARANTEES: [&str; 2] = ["at_least_once", "exactly_once_v2"];

/// Runs a suite against a server, and has judged what the server saw of it.
fn passes(suite: Command, transaction_version: &str) {
    prints(suite, &STEPS, transaction_version);
}

fn prints(mut suite: Command, steps: &[&str], transaction_version: &str) {
    let server = Server::start(&["--transaction-version", transaction_version]);
    let harrow = assert_cmd::cargo::cargo_bin!("harrow");
    let ended = suite.args([&server.servers, &server.control]).arg(harrow).output();
    let ended = ended.expect("it starts");
    let told = String::from_utf8_lossy(&ended.stdout).into_owned();
    let passed: Vec<&str> = told.lines().collect();
    assert_eq!(passed, steps, "{}", String::from_utf8_lossy(&ended.stderr));
    let (status, verdict) = server.post("/judge", &json!({}));
    assert_eq!((status, &verdict["findings"]), (200, &json!([])), "{verdict}");
}

#[test]
fn confluent_kafka_does_all_that_applications_do() {
    let Some(mut python) = python_with("confluent_kafka") else { return };
    python.arg(script("suite_confluent.py"));
    passes(python, "1");
}

#[test]
fn kafka_python_does_all_that_applications_do() {
    let Some(mut python) = python_with("kafka") else { return };
    python.arg(script("suite_kafka.py"));
    passes(python, "1");
}

#[test]
fn aiokafka_does_all_that_applications_do() {
    let Some(mut python) = python_with("aiokafka") else { return };
    python.arg(script("suite_aiokafka.py"));
    passes(python, "1");
}

#[test]
fn kafkas_own_client_does_all_that_applications_do_in_both_protocols_of_transactions() {
    let Some(jars) = named("HARROW_TEST_KAFKA_JARS", "folder with kafka-clients") else { return };
    for version in ["1", "2"] {
        let mut java = Command::new("java");
        java.arg("-cp").arg(PathBuf::from(&jars).join("*")).arg(script("Suite.java"));
        passes(java, version);
    }
}

#[test]
fn an_application_of_kafka_streams_counts_on_while_a_leader_loses_power() {
    let Some(jars) = named("HARROW_TEST_KAFKA_JARS", "folder with kafka-streams") else { return };
    let is_there = |entry: std::fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with("kafka-streams-")
    };
    let mut found = std::fs::read_dir(&jars).into_iter().flatten().flatten();
    if !found.any(is_there) {
        skipped("HARROW_TEST_KAFKA_JARS has no kafka-streams");
        return;
    }
    for version in ["1", "2"] {
        let mut java = Command::new("java");
        java.arg("-cp").arg(PathBuf::from(&jars).join("*")).arg(script("Streams.java"));
        prints(java, &GUARANTEES, version);
    }
}

#[test]
fn kafkajs_does_all_that_applications_do() {
    if named("HARROW_TEST_NODE_MODULES", "folder with kafkajs").is_none() {
        return;
    }
    let mut node = Command::new("node");
    node.arg(script("suite_kafkajs.mjs"));
    passes(node, "1");
}

#[test]
fn franz_go_does_all_that_applications_do_in_both_protocols_of_transactions() {
    let Some(suite) = named("HARROW_TEST_FRANZ_GO", "build of tests/clients/suite.go") else {
        return;
    };
    for version in ["1", "2"] {
        passes(Command::new(&suite), version);
    }
}
