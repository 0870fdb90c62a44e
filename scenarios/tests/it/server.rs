//! `harrow serve` as a test's own process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

pub(crate) fn harrow() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin!("harrow"))
}

/// A server that ends with its test.
pub(crate) struct Server {
    child: Child,
    pub(crate) ports: Vec<u16>,
    pub(crate) servers: String,
    pub(crate) control: String,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
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

    pub(crate) fn connect(&self) -> TcpStream {
        self.connect_to(self.ports[0])
    }

    pub(crate) fn connect_to(&self, port: u16) -> TcpStream {
        assert!(self.ports.contains(&port), "{port} is none of {:?}", self.ports);
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
        stream
    }

    /// Asks for versions, as every client does first.
    pub(crate) fn is_alive(&self) -> bool {
        let mut stream = self.connect();
        stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff]).expect("it is sent");
        let answer = read_frame(&mut stream);
        answer.is_some_and(|answer| answer[..6] == [0, 0, 0, 7, 0, 0])
    }

    pub(crate) fn ctl(&self, words: &[&str]) -> (i32, String, String) {
        let ended = harrow().args(["ctl", "--control", &self.control]).args(words).output();
        let ended = ended.expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (ended.status.code().unwrap_or(-1), text(ended.stdout), text(ended.stderr))
    }

    /// What the control port tells.
    pub(crate) fn get(&self, path: &str) -> String {
        let (status, told) = self.http("GET", path, "");
        assert_eq!(status, 200, "{told}");
        told
    }

    /// Asks on the control port itself, and gives HTTP's status with what is told.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, told) = self.http("POST", path, &body.to_string());
        (status, serde_json::from_str(&told).unwrap_or_default())
    }

    fn http(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let address = self.control.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the control port is listened on");
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is answered");
        let (head, told) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), told.to_owned())
    }

    /// Ends it as a test of an application does, and gives the lines that it has written, as JSON.
    pub(crate) fn shut_down(&mut self) -> Vec<Value> {
        assert_eq!(self.ctl(&["shutdown"]).0, 0, "it ends");
        let mut told = String::new();
        let stdout = self.child.stdout.as_mut().expect("it is piped");
        stdout.read_to_string(&mut told).expect("it is text");
        told.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    pub(crate) fn status(&self) -> Value {
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
pub(crate) fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).ok()?;
    Some(frame)
}
