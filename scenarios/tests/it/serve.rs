//! `harrow serve` as clients meet it: on a socket. Clients of other languages are tried where they are installed; a
//! test says when it has none.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

fn harrow() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin!("harrow"))
}

/// A server that ends with its test.
struct Server {
    child: Child,
    ports: Vec<u16>,
    servers: String,
    control: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut command = harrow();
        command.args(["serve", "--port", "0", "--control-port", "0", "--format", "json"]);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = child.stdout.as_mut().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("it says that it is ready");
        let ready: Value = serde_json::from_str(&line).expect("the line is JSON");
        let servers = ready["bootstrap_servers"].as_str().expect("it is text").to_owned();
        let port = |server: &str| server.rsplit(':').next().and_then(|port| port.parse().ok());
        let ports = servers.split(',').map(|server| port(server).expect("a port")).collect();
        let control = ready["control"].as_str().expect("it is text").to_owned();
        Self { child, ports, servers, control }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.ports[0])).expect("somebody listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
        stream
    }

    /// Asks for versions, as every client does first.
    fn is_alive(&self) -> bool {
        let mut stream = self.connect();
        stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff]).expect("it is sent");
        let answer = read_frame(&mut stream);
        answer.is_some_and(|answer| answer[..6] == [0, 0, 0, 7, 0, 0])
    }

    fn ctl(&self, words: &[&str]) -> (i32, String, String) {
        let ended = harrow().args(["ctl", "--control", &self.control]).args(words).output();
        let ended = ended.expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (ended.status.code().unwrap_or(-1), text(ended.stdout), text(ended.stderr))
    }

    fn status(&self) -> Value {
        let (code, told, wrong) = self.ctl(&["status"]);
        assert_eq!(code, 0, "{wrong}");
        serde_json::from_str(&told).expect("the status is JSON")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A frame without its length, or nothing if the connection ends.
fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).ok()?;
    Some(frame)
}

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
    let table: [(&[&str], &str); 8] = [
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
        (&["restart", "node 1"], "node 1 runs"),
    ];
    for (words, expected) in table {
        let (code, _, wrong) = server.ctl(words);
        assert_eq!(code, 2, "{words:?}: {wrong}");
        assert!(wrong.contains(expected), "{words:?}: {wrong}");
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
fn two_servers_do_not_share_a_port() {
    let server = Server::start(&["--brokers", "1"]);
    let port = server.ports[0].to_string();
    let ended = harrow().args(["serve", "--port", &port, "--control-port", "0"]).output();
    let ended = ended.expect("it runs");
    assert_eq!(ended.status.code(), Some(2));
    let wrong = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(wrong.contains("0 takes free ones"), "{wrong}");
}

/// A Python that has a package, if there is one; else says so.
fn python_with(package: &str) -> Option<PathBuf> {
    let named = std::env::var_os("HARROW_TEST_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| PathBuf::from("python3"));
    let found = Command::new(&python)
        .args(["-c", &format!("import {package}")])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        let mut stderr = std::io::stderr();
        // Who does not see it misses no failure.
        let _ =
            writeln!(stderr, "skipped: no Python with `{package}`; name one by HARROW_TEST_PYTHON");
    }
    found.then_some(python)
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

#[test]
fn a_transactional_producer_in_python_survives_its_coordinator() {
    let Some(python) = python_with("confluent_kafka") else { return };
    let harrow = assert_cmd::cargo::cargo_bin!("harrow");
    let ended = Command::new(python).arg(script("failover.py")).arg(harrow).output();
    let ended = ended.expect("it runs");
    let (told, wrong) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!(told.trim(), "held", "{wrong}");
}

#[test]
fn an_administrator_in_python_sees_moves_and_deletes_groups() {
    let Some(python) = python_with("confluent_kafka") else { return };
    let server = Server::start(&["--topic", "orders:1"]);
    let ended = Command::new(python).arg(script("groups.py")).arg(&server.servers).output();
    let ended = ended.expect("it runs");
    let (told, wrong) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!(told.trim(), "held", "{wrong}");
}

#[test]
fn what_acks_1_loses_is_legal_and_found_where_more_was_promised() {
    let Some(python) = python_with("kafka") else { return };
    let server = Server::start(&["--topic", "orders:1"]);
    let harrow = assert_cmd::cargo::cargo_bin!("harrow");
    let mut command = Command::new(python);
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
    let Some(python) = python_with("kafka") else { return };
    let server = Server::start(&["--topic", "orders:2", "--topic", "payments:1"]);
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let history = directory.path().join("history.jsonl");
    let recorders = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../reports/recorders");
    let mut application = Command::new(python);
    application.arg(script("recorded.py")).arg(&server.servers).arg(&history).arg(recorders);
    recorded(application, &server, &history);
}

/// The folder with Kafka's client for Java and what it needs, if somebody says where it is.
fn java() -> Option<String> {
    let jars = std::env::var("HARROW_TEST_KAFKA_JARS").ok();
    if jars.is_none() {
        let mut stderr = std::io::stderr();
        // Who does not see it misses no failure.
        let _ =
            writeln!(stderr, "skipped: HARROW_TEST_KAFKA_JARS names no folder with kafka-clients");
    }
    jars
}

#[test]
fn groups_commits_rebalances_and_transactions_are_recorded_in_java() {
    let Some(jars) = java() else { return };
    let server = Server::start(&["--topic", "orders:2", "--topic", "payments:1"]);
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let history = directory.path().join("history.jsonl");
    let recorder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../reports/recorders/Recorder.java");
    let mut application = Command::new("java");
    application.args(["-cp", &format!("{jars}/*")]).arg(recorder);
    application.arg(&server.servers).arg(&history);
    recorded(application, &server, &history);
}

#[test]
fn groups_commits_rebalances_and_transactions_are_recorded_in_rust() {
    let Some(application) = std::env::var_os("HARROW_TEST_RDKAFKA") else {
        let mut stderr = std::io::stderr();
        // Who does not see it misses no failure.
        let _ = writeln!(
            stderr,
            "skipped: HARROW_TEST_RDKAFKA names no build of reports/recorders/rust"
        );
        return;
    };
    let server = Server::start(&["--topic", "orders:2", "--topic", "payments:1"]);
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let history = directory.path().join("history.jsonl");
    let mut application = Command::new(application);
    application.arg(&server.servers).arg(&history);
    recorded(application, &server, &history);
}
