//! `harrow serve`.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

use clap::Args;
use harrow_broker_model::metadata::is_topic_name;
use harrow_reports::render::render_history;
use harrow_sim::plan::Plan;

use super::console::{Console, Failure, mistake};
use super::interrupt::on_interrupt;
use super::reading::{Changes, Prepared};
use super::seeds;
use crate::exit::ExitCode;
use crate::format::parse;
use crate::planner::plan;
use crate::serve::{
    FaultScript, FaultState, PARTITIONS, Ready, ScriptedFault, ServeError, ServeOptions,
    ServerEvent, TOPIC_NAMES, TopicRequest, serve,
};

/// The cluster, if no scenario is named.
const DEFAULT: &str = include_str!("../serve/default.toml");

/// Serve the cluster on real ports, for clients in any language.
///
/// Brokers and controllers run in this process, on a real clock; their disks are memory. A line on stdout says when all
/// brokers serve and where. Faults are asked for on the control port (`harrow ctl`); at the end what clients were
/// told is judged. Of a scenario, cluster, topics, links, disks and faults are taken; its loads are not run.
///
/// Exit codes: 0 held or no client did anything, 1 violated, 2 wrong usage, 3 inconclusive.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  harrow serve\n  harrow serve --port 19092 --topic orders:6\n  \
    harrow ctl kill 'leader-of orders-0' --power-loss --restart-after-ms 2000\n  harrow ctl judge"
)]
pub(super) struct Serve {
    /// A name from `harrow list`, or a path to a .toml file: whose cluster it is.
    scenario: Option<String>,
    /// Lay a value over the scenario; repeatable, as in `harrow run`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Number of brokers, without a scenario.
    #[arg(long, value_name = "N", conflicts_with = "scenario", value_parser = clap::value_parser!(u32).range(1..=99))]
    brokers: Option<u32>,
    /// Port of the first broker; each further one has the next. 0 takes free ones.
    #[arg(long, value_name = "PORT", default_value_t = 9092)]
    port: u16,
    /// Port of the control interface; 0 takes a free one. Without it, the port below the brokers'.
    #[arg(long, value_name = "PORT")]
    control_port: Option<u16>,
    /// Where brokers and the control port listen. In a container it is 0.0.0.0; nobody is asked who he is, so that
    /// anywhere else only this machine should reach it.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// The host by which clients reach the brokers, as `advertised.listeners` of Kafka. Without it, the address that
    /// they listen on.
    #[arg(long, value_name = "HOST", value_parser = host)]
    advertise: Option<String>,
    /// A topic that is there from the start; repeatable.
    #[arg(long = "topic", value_name = "NAME[:PARTITIONS]")]
    topics: Vec<String>,
    /// Partitions of topics that do not say.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    partitions: i32,
    /// Topics are not made because a client asks for them.
    #[arg(long)]
    no_auto_create: bool,
    /// `transaction.version`: 2 gives each transaction an epoch of its own (KIP-890), and only clients of Kafka 4 can
    /// end one. Without it, it is 1, which clients of all versions speak, or 0 if the scenario says so.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=2))]
    transaction_version: Option<u16>,
    /// What clients do is not taken down, and not judged.
    #[arg(long)]
    no_history: bool,
    /// The scenario's faults do not happen.
    #[arg(long, requires = "scenario", conflicts_with = "fault_time")]
    no_faults: bool,
    /// The scenario's faults take so many percent of their time: 200 is half as fast. Without it, 100.
    #[arg(long, value_name = "PERCENT", requires = "scenario")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    fault_time: Option<u32>,
    /// Draws the scenario's faults, as in `harrow run`; keys what power losses leave.
    #[arg(long, value_name = "N", value_parser = seeds::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
}

impl Serve {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let options = self.options()?;
        let stop = on_interrupt()?;
        let json = console.is_json();
        let served = serve(options, &stop, |told| tell(told, json)).map_err(failure)?;
        let Some(report) = served else { return Ok(ExitCode::Held) };
        if json {
            console.json(&report)?;
        } else {
            render_history(&report, &Console::styles().report, console.stdout())?;
            console.stdout().flush()?;
        }
        Ok(report.outcome.into())
    }

    fn options(&self) -> Result<ServeOptions, Failure> {
        let seed = self.seed.unwrap_or(0);
        let plan = self.plan(seed)?;
        let replicas = plan.cluster.brokers.len().min(3);
        let mut topics =
            self.topics.iter().map(|text| self.topic(text)).collect::<Result<Vec<_>, _>>()?;
        if self.scenario.is_some() {
            topics.extend(plan.topics.iter().map(|topic| TopicRequest {
                name: topic.name.clone(),
                partitions: topic.partitions as i32,
            }));
        }
        let scripted = self.scenario.is_some() && !self.no_faults;
        let faults = scripted.then(|| FaultScript {
            steps: plan.steps,
            heal_at_ms: plan.heal_at_ms,
            loss_allowed: plan.expect.loss_allowed,
            time_percent: self.fault_time.unwrap_or(100),
        });
        let mut cluster = plan.cluster;
        cluster.transaction_version =
            self.transaction_version.unwrap_or(cluster.transaction_version.min(1));
        Ok(ServeOptions {
            seed,
            cluster,
            network: plan.network,
            disk: plan.disk,
            listen: self.listen,
            advertise: self.advertised()?,
            port: self.port,
            control_port: self.control_port.unwrap_or(self.port.saturating_sub(1)),
            topics,
            auto_create: !self.no_auto_create,
            partitions: self.partitions,
            replication_factor: replicas as i16,
            min_insync_replicas: if replicas == 3 { 2 } else { 1 },
            frame_bytes_max: 100 << 20,
            connections_max: 10_000,
            record: !self.no_history,
            faults,
        })
    }

    /// No client can connect to an address that stands for all of them.
    fn advertised(&self) -> Result<String, Failure> {
        match &self.advertise {
            Some(host) => Ok(host.clone()),
            None if self.listen.is_unspecified() => {
                let message = format!("{} is no host that clients could connect to", self.listen);
                let help =
                    "add `--advertise HOST`, by which clients reach this machine or container";
                Err(mistake(message, help).into())
            }
            None => Ok(self.listen.to_string()),
        }
    }

    fn plan(&self, seed: u64) -> Result<Plan, Failure> {
        if let Some(scenario) = &self.scenario {
            let changes = Changes::new(Vec::new(), None, self.set.clone());
            return Ok(Prepared::read(scenario, &changes)?.plan(seed));
        }
        let mut set = self.set.clone();
        set.extend(self.brokers.map(|brokers| format!("cluster.brokers={brokers}")));
        let few = self.brokers.is_some_and(|brokers| brokers < 3);
        set.extend(few.then(|| "topic.unused.replication_factor=1".to_owned()));
        set.extend(few.then(|| "topic.unused.min.insync.replicas=1".to_owned()));
        Ok(plan(&parse("serve", DEFAULT, &set)?, seed))
    }

    fn topic(&self, text: &str) -> Result<TopicRequest, Failure> {
        let (name, partitions) = match text.rsplit_once(':') {
            Some((name, partitions)) => (name, Some(partitions)),
            None => (text, None),
        };
        let help = "give NAME or NAME:PARTITIONS, as in `--topic orders:6`";
        if !is_topic_name(name) {
            let message = format!("`{name}` is no name of a topic: {TOPIC_NAMES}");
            return Err(mistake(message, help).into());
        }
        let Some(partitions) = partitions else {
            return Ok(TopicRequest { name: name.to_owned(), partitions: self.partitions });
        };
        let count = partitions.parse().ok().filter(|count| PARTITIONS.contains(count));
        let Some(partitions) = count else {
            return Err(mistake(format!("`{partitions}` is no number of partitions"), help).into());
        };
        Ok(TopicRequest { name: name.to_owned(), partitions })
    }
}

/// A name or an address, without a port.
fn host(text: &str) -> Result<String, String> {
    let is_name = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        (1..=255).contains(&text.len()) && text.chars().all(plain)
    };
    let is_host = is_name(text) || text.parse::<IpAddr>().is_ok();
    is_host
        .then(|| text.to_owned())
        .ok_or_else(|| "give a name or an address, and no port".to_owned())
}

/// A line on stdout for whatever is told.
fn tell(told: &ServerEvent, json: bool) -> io::Result<()> {
    match told {
        ServerEvent::Ready(ready) => tell_ready(ready, json),
        ServerEvent::Fault(fault) => tell_fault(fault, json),
    }
}

/// A fault of the scenario has fired, or was held back.
fn tell_fault(fault: &ScriptedFault, json: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let ScriptedFault { step, fault: kind, at_ms, state, summary, reason } = fault;
    if json {
        let line = serde_json::json!({
            "schema": 1, "kind": "fault", "step": step, "fault": kind, "at_ms": at_ms,
            "state": state, "summary": summary, "reason": reason,
        });
        writeln!(stdout, "{line}")?;
    } else {
        let held_back = *state == FaultState::HeldBack;
        let what = summary.clone().unwrap_or_else(|| (*kind).to_owned());
        let what = if held_back { format!("{what} held back") } else { what };
        let why = reason.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        writeln!(stdout, "fault {step} at {at_ms} ms: {what}{why}")?;
    }
    stdout.flush()
}

/// All brokers serve, and where.
fn tell_ready(ready: &Ready, json: bool) -> io::Result<()> {
    let is_v6 = ready.host.contains(':');
    let host = if is_v6 { format!("[{}]", ready.host) } else { ready.host.clone() };
    let servers: Vec<String> = ready.ports.iter().map(|port| format!("{host}:{port}")).collect();
    let servers = servers.join(",");
    let control = format!("http://{host}:{}", ready.control_port);
    let mut stdout = io::stdout().lock();
    if json {
        let line = serde_json::json!({
            "schema": 1, "kind": "ready", "bootstrap_servers": servers, "control": control,
        });
        writeln!(stdout, "{line}")?;
    } else {
        writeln!(stdout, "ready: bootstrap.servers={servers} control={control}")?;
    }
    stdout.flush()
}

fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::Ports { .. } | ServeError::Control { .. } => {
            let help = "give other ports by --port and --control-port (0 takes free ones), or another --listen";
            mistake(error.to_string(), help).into()
        }
        ServeError::Io(error) => error.into(),
    }
}
