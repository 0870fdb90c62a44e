//! `harrow ctl`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::console::{Console, Failure, mistake};
use crate::exit::ExitCode;
use crate::serve::RuleRequest;

/// Where `harrow serve` listens for it if nothing is said.
const CONTROL: &str = "http://127.0.0.1:9091";
/// A judgement reads everything before it answers.
const PATIENCE: Duration = Duration::from_mins(2);

/// Ask a running `harrow serve` for faults, for its state, and for its verdict.
///
/// Exit codes: 0 done, or held; 1 the verdict is violated; 2 refused, with the reason; 3 the verdict is inconclusive.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow ctl kill 'leader-of orders-0' --power-loss\n  \
    harrow ctl kill 'transaction-coordinator-of pay-1' --restart-after-ms 2000\n  \
    harrow ctl rule EndTxn close --at response\n  harrow ctl judge --hold acks=all")]
pub(super) struct Ctl {
    /// Where the server's control port is; else `HARROW_CONTROL` says it, else it is <http://127.0.0.1:9091>.
    #[arg(long, value_name = "URL", global = true)]
    control: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Whether all brokers serve: exit code 0 if they do.
    Ready,
    /// What runs, who leads, which rules are in force.
    Status,
    /// End a node's process.
    Kill {
        /// `leader-of TOPIC-N`, `follower-of TOPIC-N`, `coordinator-of GROUP`, `transaction-coordinator-of ID`,
        /// `controller`, `node N`.
        target: String,
        /// The machine loses power: what was not synced is gone, too.
        #[arg(long)]
        power_loss: bool,
        /// It starts again after so long.
        #[arg(long, value_name = "MS")]
        restart_after_ms: Option<u64>,
    },
    /// Start a node that does not run.
    Restart {
        /// `node N`.
        target: String,
    },
    /// Ask a node's process to stop gracefully.
    Stop {
        /// As in `kill`.
        target: String,
    },
    /// Let a node's process stand still.
    Pause {
        /// As in `kill`.
        target: String,
    },
    /// Let it go on.
    Resume {
        /// As in `kill`.
        target: String,
    },
    /// Have another replica lead, or another broker coordinate; nobody is killed for it.
    Move {
        /// `leader-of TOPIC-N`, `coordinator-of GROUP`, `transaction-coordinator-of ID`.
        target: String,
        /// Which broker; else the first other replica in sync.
        #[arg(long, value_name = "N")]
        to: Option<i32>,
    },
    /// Have members of a group taken for dead, as when their session times out.
    Expire {
        /// Which group.
        group: String,
        /// Only this member; else all of them.
        #[arg(long, value_name = "ID")]
        member: Option<String>,
    },
    /// Close connections of clients.
    Cut {
        /// Only those of this `client.id`.
        #[arg(long, value_name = "ID")]
        client_id: Option<String>,
        /// Only those to this broker.
        #[arg(long, value_name = "N")]
        broker: Option<i32>,
    },
    /// Have requests of an API fail, wait, or lose their connection.
    Rule(RuleArgs),
    /// What rules hold goes on.
    Release,
    /// All nodes run, no rule is in force, the history begins anew.
    Reset,
    /// Judge what clients were told so far.
    Judge {
        /// Judge as if this had been promised, too; repeatable, as in `harrow check`.
        #[arg(long = "hold", value_name = "NAME=VALUE")]
        hold: Vec<String>,
        /// Do not read everything first.
        #[arg(long)]
        no_final_reads: bool,
    },
    /// Stop the server; it judges first.
    Shutdown,
}

#[derive(Debug, Args)]
struct RuleArgs {
    /// Which API, by Kafka's name, such as `EndTxn`.
    api: String,
    /// error, close, delay or hold.
    action: String,
    /// With `error`: which, by Kafka's name, such as `NOT_COORDINATOR`.
    #[arg(long, value_name = "NAME")]
    error: Option<String>,
    /// With `delay`: how long.
    #[arg(long, value_name = "MS")]
    delay_ms: Option<u64>,
    /// request: before the broker sees it; response: the broker has done it.
    #[arg(long, value_name = "WHERE")]
    at: Option<String>,
    /// It fires for the first time at the so-manieth request that fits.
    #[arg(long, value_name = "N")]
    nth: Option<u64>,
    /// How often it fires; 0 is for each that follows.
    #[arg(long, value_name = "N")]
    times: Option<u64>,
    /// Only for this `client.id`.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Only at this broker.
    #[arg(long, value_name = "N")]
    broker: Option<i32>,
}

impl Ctl {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let (method, path, body) = self.action.request();
        let (status, answer) = self.ask(method, path, &body)?;
        if status >= 400 {
            let told: Value = serde_json::from_str(&answer).unwrap_or_default();
            let told = told["error"].as_str().unwrap_or(answer.trim()).to_owned();
            let help = "`harrow ctl status` tells what is there; scenarios/SERVE.md documents what can be asked";
            return Err(mistake(told, help).into());
        }
        console.stdout().write_all(answer.as_bytes())?;
        console.stdout().flush()?;
        Ok(if path == "/judge" { outcome(&answer) } else { ExitCode::Held })
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<(u16, String), Failure> {
        let control = self.control.clone().or_else(|| std::env::var("HARROW_CONTROL").ok());
        let control = control.as_deref().unwrap_or(CONTROL);
        let address = control.trim_start_matches("http://").trim_end_matches('/');
        let told = |error: std::io::Error| {
            let help =
                "start `harrow serve`, or name its control port by --control or HARROW_CONTROL";
            Failure::from(mistake(format!("failed to ask {address}: {error}"), help))
        };
        let mut stream = TcpStream::connect(address).map_err(told)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(told)?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).map_err(told)?;
        stream.write_all(body.as_bytes()).map_err(told)?;
        read_answer(BufReader::new(stream)).map_err(told)
    }
}

/// Reads status and body of an answer of HTTP/1.1 that says how long it is.
fn read_answer(mut reader: impl BufRead) -> std::io::Result<(u16, String)> {
    let bad = |text: &str| std::io::Error::other(format!("no answer of HTTP: {text}"));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| bad(line.trim()))?;
    let mut length = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
    let mut body = String::new();
    match length {
        Some(length) => reader.take(length).read_to_string(&mut body)?,
        None => reader.read_to_string(&mut body)?,
    };
    Ok((status, body))
}

fn outcome(answer: &str) -> ExitCode {
    let told: Value = serde_json::from_str(answer).unwrap_or_default();
    match told["outcome"].as_str() {
        Some("held") => ExitCode::Held,
        Some("violated") => ExitCode::Violated,
        Some(_) | None => ExitCode::Inconclusive,
    }
}

impl Action {
    /// Method, path and body.
    fn request(&self) -> (&'static str, &'static str, String) {
        let target = |target: &str| json!({ "target": target }).to_string();
        match self {
            Self::Ready => ("GET", "/healthz", String::new()),
            Self::Status => ("GET", "/status", String::new()),
            Self::Kill { target, power_loss, restart_after_ms } => {
                let how = if *power_loss { "power-loss" } else { "crash" };
                let body =
                    json!({ "target": target, "how": how, "restart_after_ms": restart_after_ms });
                ("POST", "/kill", body.to_string())
            }
            Self::Restart { target: node } => ("POST", "/restart", target(node)),
            Self::Stop { target: node } => ("POST", "/stop", target(node)),
            Self::Pause { target: node } => ("POST", "/pause", target(node)),
            Self::Resume { target: node } => ("POST", "/resume", target(node)),
            Self::Move { target, to } => {
                ("POST", "/move", json!({ "target": target, "to": to }).to_string())
            }
            Self::Expire { group, member } => {
                ("POST", "/expire", json!({ "group": group, "member": member }).to_string())
            }
            Self::Cut { client_id, broker } => {
                let body = json!({ "client_id": client_id, "broker": broker });
                ("POST", "/cut", body.to_string())
            }
            Self::Rule(rule) => ("POST", "/rules", rule.body()),
            Self::Release => ("POST", "/release", String::new()),
            Self::Reset => ("POST", "/reset", String::new()),
            Self::Judge { hold, no_final_reads } => {
                let body = json!({ "hold": hold, "final_reads": !no_final_reads });
                ("POST", "/judge", body.to_string())
            }
            Self::Shutdown => ("POST", "/shutdown", String::new()),
        }
    }
}

impl RuleArgs {
    fn body(&self) -> String {
        let rule = RuleRequest {
            api: self.api.clone(),
            action: self.action.clone(),
            error: self.error.clone(),
            delay_ms: self.delay_ms,
            at: self.at.clone(),
            nth: self.nth,
            times: self.times,
            client_id: self.client_id.clone(),
            broker: self.broker,
        };
        json!(rule).to_string()
    }
}
