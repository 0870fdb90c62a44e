//! `harrow serve` as clients meet it: on a socket. Clients of other languages are tried where they are installed; a
//! test says when it has none.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::clients::{named, python_with, script};
use crate::server::{Server, harrow, read_frame};

#[test]
fn what_is_no_request_ends_its_connection_and_no_other() {
    let server = Server::start(&[]);
    let mut patient = server.connect();
    let produce = [0, 0, 0, 3, 0, 0, 0, 1, 0xff, 0xff];
    let huge = [&produce[..], &[0xff, 0xff, 0, 1, 0, 0, 3, 0xe8, 0x7f, 0xff, 0xff, 0xf0]].concat();
    let framed = |bytes: &[u8]| [&(bytes.len() as i32).to_be_bytes()[..], bytes].concat();
    let table = [
        ("a length beyond the limit", vec![0x7f, 0xff, 0xff, 0xff]),
        ("a negative length", vec![0xff, 0xff, 0xff, 0xff]),
        ("an empty frame", framed(&[])),
        ("an API that nobody knows", framed(&[3, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff])),
        ("a version that nobody knows", framed(&[0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff])),
        ("two billion topics", framed(&huge)),
        ("a page of the web", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
    ];
    for (name, bytes) in table {
        let mut stream = server.connect();
        stream.write_all(&bytes).expect("it is sent");
        assert_eq!(read_frame(&mut stream), None, "{name}");
    }
    // Half a frame waits for its other half, whatever happens to others.
    patient.write_all(&[0, 0, 0, 10, 0, 18]).expect("it is sent");
    assert!(server.is_alive());
    patient.write_all(&[0, 0, 0, 0, 0, 7, 0xff, 0xff]).expect("it is sent");
    assert!(read_frame(&mut patient).is_some(), "the other half has come");
}

#[test]
fn a_question_for_versions_that_nobody_knows_is_answered_and_asked_again() {
    let server = Server::start(&["--brokers", "1"]);
    let mut stream = server.connect();
    // Version 99, with a flexible header and a body that nobody can know (KIP-511).
    let asked = [0, 0, 0, 15, 0, 18, 0, 99, 0, 0, 0, 8, 0xff, 0xff, 0, 9, 9, 9, 9];
    stream.write_all(&asked).expect("it is sent");
    let answer = read_frame(&mut stream).expect("it is answered in version 0");
    // UNSUPPORTED_VERSION, and the versions of this API alone.
    assert_eq!(answer, [0, 0, 0, 8, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 9, 0xff, 0xff]).expect("it is sent");
    let answer = read_frame(&mut stream).expect("the connection goes on");
    assert_eq!(answer[..6], [0, 0, 0, 9, 0, 0]);
}

#[test]
fn who_reads_nothing_is_answered_no_further_and_harms_nobody() {
    let server = Server::start(&["--brokers", "1", "--topic", "orders:400"]);
    let mut slow = server.connect();
    // Each asks for all topics: more than a socket takes. The second one waits until the first answer is gone.
    let asked = [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    for _ in 0..4_000 {
        slow.write_all(&asked).expect("there is room for what is asked");
    }
    assert!(server.is_alive());
    let requests = |server: &Server| {
        let metrics = server.get("/metrics");
        let line = metrics.lines().find(|line| line.contains("{api=\"Metadata\"}"));
        let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        count.unwrap_or(0_u64)
    };
    assert!(requests(&server) < 4_000, "answers pile up");
    for _ in 0..4_000 {
        assert!(read_frame(&mut slow).is_some(), "every one is answered");
    }
    assert_eq!(requests(&server), 4_000);
}

#[test]
fn many_connections_are_served_and_let_go() {
    let server = Server::start(&["--brokers", "1"]);
    let mut streams: Vec<TcpStream> = (0..500).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff]).expect("it is sent");
    }
    for stream in &mut streams {
        assert!(read_frame(stream).is_some());
    }
    assert!(server.status()["connections"].as_u64().is_some_and(|count| count >= 500));
    drop(streams);
    let gone = (0..1_000).any(|_| server.status()["connections"].as_u64() == Some(0));
    assert!(gone, "closed connections are forgotten");
}

#[test]
fn what_cannot_work_is_refused_with_what_would() {
    let server = Server::start(&["--topic", "orders:2"]);
    let table: [(&[&str], &str); 12] = [
        (&["rule", "EndTx", "close"], "did you mean `EndTxn`?"),
        (&["rule", "EndTxn", "explode"], "it is one of error, close, delay, hold"),
        (
            &["rule", "EndTxn", "error", "--error", "NOT_COORDINATR"],
            "did you mean `NOT_COORDINATOR`?",
        ),
        (&["rule", "EndTxn", "close", "--broker", "9"], "there is no broker 9"),
        (
            &["rule", "ApiVersions", "error", "--error", "NOT_COORDINATOR"],
            "the edge answers this API itself",
        ),
        (&["kill", "leader-of orders-7"], "leader-of orders-7 is nobody now"),
        (&["kill", "somebody"], "is not a target"),
        (&["move", "leader-of orders-7"], "there is no orders-7 now"),
        (&["move", "node 1"], "`node 1` leads no partition"),
        (
            &["move", "leader-of orders-0", "--to", "9"],
            "can be led by another replica in sync alone",
        ),
        (&["expire", "nobody"], "nobody coordinates nobody now"),
        (&["restart", "node 1"], "node 1 runs"),
    ];
    for (words, expected) in table {
        let (code, _, wrong) = server.ctl(words);
        assert_eq!(code, 2, "{words:?}: {wrong}");
        assert!(wrong.contains(expected), "{words:?}: {wrong}");
    }
}

#[test]
fn a_topic_that_cannot_be_is_refused_and_not_waited_for() {
    for topic in ["a b:1", ":3", "..", "orders:0", "orders:x"] {
        let told = harrow().args(["serve", "--port", "0", "--topic", topic]).output();
        let told = told.expect("it starts");
        let wrong = String::from_utf8_lossy(&told.stderr);
        assert_eq!(told.status.code(), Some(2), "{topic}: {wrong}");
        assert!(wrong.contains("give NAME or NAME:PARTITIONS"), "{topic}: {wrong}");
    }
    let server = Server::start(&["--topic", "orders:1"]);
    let table = [
        (json!({ "name": "a b" }), 400, "`a b` is no name of a topic: 1 to 249 letters"),
        (json!({ "name": "" }), 400, "`` is no name"),
        (json!({ "name": "x", "partitions": 0 }), 400, "0 is no number of partitions"),
        (json!({ "name": "orders" }), 409, "there is a topic `orders` already"),
    ];
    for (body, status, expected) in table {
        let (told, answer) = server.post("/topics", &body);
        assert_eq!(told, status, "{body}: {answer}");
        assert!(answer.to_string().contains(expected), "{body}: {answer}");
    }
}

#[test]
fn a_leader_is_killed_and_comes_back() {
    let server = Server::start(&["--topic", "orders:1"]);
    let leader = |status: &Value| {
        let topics = status["topics"].as_array().expect("a list").clone();
        let orders =
            topics.iter().find(|topic| topic["name"] == json!("orders")).expect("it is there");
        orders["partitions"][0]["leader"].as_i64()
    };
    let before = leader(&server.status()).expect("somebody leads");
    let (code, _, wrong) = server.ctl(&["kill", "leader-of orders-0", "--power-loss"]);
    assert_eq!(code, 0, "{wrong}");
    let another = (0..3_000).find_map(|_| leader(&server.status()).filter(|now| *now != before));
    assert!(another.is_some(), "another one leads");
    let node = format!("node {before}");
    assert_eq!(server.ctl(&["kill", &node]).0, 2, "it does not run");
    assert_eq!(server.ctl(&["restart", &node]).0, 0);
    let back = (0..3_000).any(|_| {
        let status = server.status();
        let topics = status["topics"].as_array().expect("a list").clone();
        topics.iter().any(|topic| {
            topic["name"] == json!("orders")
                && topic["partitions"][0]["isr"].as_array().is_some_and(|isr| isr.len() == 3)
        })
    });
    assert!(back, "it is in sync again");
}

#[test]
fn a_leader_moves_to_where_it_is_told_and_nobody_is_killed() {
    let server = Server::start(&["--topic", "orders:1"]);
    let leader = || {
        let topics = server.status()["topics"].as_array().expect("a list").clone();
        let orders = topics.into_iter().find(|topic| topic["name"] == json!("orders"));
        orders.expect("it is there")["partitions"][0].clone()
    };
    let before = leader()["leader"].as_i64().expect("somebody leads");
    let to = (before % 3 + 1).to_string();
    let (code, told, wrong) = server.ctl(&["move", "leader-of orders-0", "--to", &to]);
    assert_eq!(code, 0, "{wrong}");
    let told: Value = serde_json::from_str(&told).expect("it is JSON");
    assert_eq!((told["from"].as_i64(), told["to"].to_string()), (Some(before), to));
    let whole = (0..3_000).any(|_| leader()["isr"].as_array().is_some_and(|isr| isr.len() == 3));
    assert!(whole, "the old leader follows");
    let running = |node: &Value| node["running"] == json!(true);
    assert!(server.status()["brokers"].as_array().expect("a list").iter().all(running));
}

#[test]
fn two_servers_do_not_share_a_port() {
    let server = Server::start(&["--brokers", "1"]);
    let port = server.ports[0].to_string();
    let ended = harrow().args(["serve", "--port", &port, "--control-port", "0"]).output();
    let ended = ended.expect("it runs");
    assert_eq!(ended.status.code(), Some(2));
    let wrong = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(wrong.contains("0 takes free ones"), "{wrong}");
}

#[test]
fn clients_are_told_the_host_that_they_reach_it_by() {
    let server = Server::start(&["--brokers", "1", "--advertise", "localhost"]);
    let port = server.ports[0];
    assert_eq!(server.servers, format!("localhost:{port}"));
    assert!(server.control.starts_with("http://localhost:"), "{}", server.control);
    assert_eq!(server.ctl(&["ready"]).0, 0, "it has said so");
    let mut stream = server.connect();
    // Metadata, version 0, of no topic: all brokers.
    let asked = [0, 0, 0, 14, 0, 3, 0, 0, 0, 0, 0, 9, 0xff, 0xff, 0, 0, 0, 0];
    stream.write_all(&asked).expect("it is sent");
    let told = read_frame(&mut stream).expect("it is answered");
    assert!(String::from_utf8_lossy(&told).contains("localhost"), "{told:?}");
    for (words, wanted) in [
        (&["--listen", "0.0.0.0"][..], "0.0.0.0 is no host that clients could connect to"),
        (&["--listen", "nowhere"], "invalid value 'nowhere' for '--listen <ADDRESS>'"),
        (&["--advertise", "localhost:9092"], "give a name or an address, and no port"),
    ] {
        let ended = harrow().arg("serve").args(words).output().expect("it runs");
        let wrong = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.code() == Some(2) && wrong.contains(wanted), "{wrong}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn it_listens_where_it_is_told_and_nowhere_else() {
    let server = Server::start(&["--brokers", "1", "--listen", "127.0.0.2"]);
    let port = server.ports[0];
    assert_eq!(server.servers, format!("127.0.0.2:{port}"));
    TcpStream::connect(("127.0.0.2", port)).expect("somebody listens");
    TcpStream::connect(("127.0.0.1", port)).expect_err("nobody listens there");
}

#[test]
fn a_transactional_producer_in_python_survives_its_coordinator() {
    let Some(mut python) = python_with("confluent_kafka") else { return };
    let harrow = assert_cmd::cargo::cargo_bin!("harrow");
    let ended = python.arg(script("failover.py")).arg(harrow).output();
    let ended = ended.expect("it runs");
    let (told, wrong) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!(told.trim(), "held", "{wrong}");
}

#[test]
fn an_administrator_in_python_sees_moves_and_deletes_groups() {
    let Some(mut python) = python_with("confluent_kafka") else { return };
    let server = Server::start(&["--topic", "orders:1"]);
    let ended = python.arg(script("groups.py")).arg(&server.servers).output();
    let ended = ended.expect("it runs");
    let (told, wrong) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!(told.trim(), "held", "{wrong}");
}

#[test]
fn what_acks_1_loses_is_legal_and_found_where_more_was_promised() {
    let Some(mut command) = python_with("kafka") else { return };
    let server = Server::start(&["--topic", "orders:1"]);
    let harrow = assert_cmd::cargo::cargo_bin!("harrow");
    command.arg(script("lost.py")).arg(harrow).args([&server.servers, &server.control]);
    let ended = command.output().expect("it runs");
    let (told, wrong) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!(told.trim(), "held unseen", "{wrong}");
}

/// What a recorder in another language has written down of an application, judged.
fn recorded(mut application: Command, server: &Server, history: &Path) {
    let ended = application.output().expect("it starts");
    let (told, wrong) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!(told.trim(), "recorded", "{wrong}");
    let text = std::fs::read_to_string(history).expect("it is written");
    for part in ["join", "commit", "txn", "consumed", "member", "final_reads"] {
        let part = format!("\"{part}\"");
        assert!(text.contains(&part), "nothing of {part} is recorded");
    }
    let checked = harrow().arg("check").arg(history).output().expect("it runs");
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(0), "{told}");
    assert!(told.starts_with("held "), "{told}; served by {}", server.servers);
}

#[test]
fn groups_commits_rebalances_and_transactions_are_recorded_in_python() {
    let Some(mut application) = python_with("kafka") else { return };
    let server = Server::start(&["--topic", "orders:2", "--topic", "payments:1"]);
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let history = directory.path().join("history.jsonl");
    let recorders = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../reports/recorders");
    application.arg(script("recorded.py")).arg(&server.servers).arg(&history).arg(recorders);
    recorded(application, &server, &history);
}

#[test]
fn groups_commits_rebalances_and_transactions_are_recorded_in_java() {
    let Some(jars) = named("HARROW_TEST_KAFKA_JARS", "folder with kafka-clients") else { return };
    let server = Server::start(&["--topic", "orders:2", "--topic", "payments:1"]);
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let history = directory.path().join("history.jsonl");
    let recorder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../reports/recorders/Recorder.java");
    let mut application = Command::new("java");
    application.arg("-cp").arg(PathBuf::from(jars).join("*")).arg(recorder);
    application.arg(&server.servers).arg(&history);
    recorded(application, &server, &history);
}

#[test]
fn groups_commits_rebalances_and_transactions_are_recorded_in_rust() {
    let wanted = named("HARROW_TEST_RDKAFKA", "build of reports/recorders/rust");
    let Some(application) = wanted else { return };
    let server = Server::start(&["--topic", "orders:2", "--topic", "payments:1"]);
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let history = directory.path().join("history.jsonl");
    let mut application = Command::new(application);
    application.arg(&server.servers).arg(&history);
    recorded(application, &server, &history);
}
