//! What can be asked on the control port, and what comes of it. `scenarios/SERVE.md` documents it.

use harrow_broker_model::client::coordinator_partition;
use harrow_broker_model::metadata::{MetadataImage, is_topic_name};
use harrow_broker_model::types::NodeId;
use harrow_reports::policy::{Damage, DamageKind};
use harrow_sim::live::Kill;
use harrow_sim::plan::Target;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::control::{Command, Refusal, Reply, not_recorded};
use super::judging::JudgeRequest;
use super::leaders::{follower_of, leader_of};
use super::options::{PARTITIONS, TOPIC_NAMES};
use super::recorder::Recorder;
use super::rules::RuleRequest;
use super::script::Script;
use super::server::{Due, Server};

/// Everything that can be asked, for who asks for something else.
const PATHS: &str = "GET /healthz /status /metrics /rules /history, POST /kill /restart /stop /pause \
                     /resume /move /expire /cut /rules /release /reset /topics /judge /shutdown, DELETE /rules/ID";

/// Whom something is done to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetRequest {
    target: String,
}

/// `POST /kill`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KillRequest {
    target: String,
    /// `crash` (the default) or `power-loss`.
    #[serde(default)]
    how: Option<String>,
    /// It starts again after so many milliseconds; without, when it is told to.
    #[serde(default)]
    restart_after_ms: Option<u64>,
}

/// `POST /cut`: all connections that fit are closed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CutRequest {
    client_id: Option<String>,
    broker: Option<i32>,
}

/// `POST /topics`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicsRequest {
    name: String,
    #[serde(default)]
    partitions: Option<i32>,
}

impl Server {
    /// Answers what was asked on the control port.
    pub(super) fn on_command(&mut self, command: &Command) {
        self.turn();
        let reply =
            self.command(command).unwrap_or_else(|(status, error)| Reply::refused(status, error));
        // Who asked may be gone.
        let _ = command.reply.send(reply);
    }

    fn command(&mut self, command: &Command) -> Result<Reply, Refusal> {
        let body = command.body.as_str();
        match (command.method.as_str(), command.path.as_str()) {
            ("GET", "/healthz") => Ok(self.health()),
            ("GET", "/status") => Ok(Reply::json(200, &self.status())),
            ("GET", "/metrics") => Ok(Reply::text("text/plain; version=0.0.4", self.metrics())),
            ("GET", "/rules") => Ok(Reply::json(200, &self.rules.list())),
            ("GET", "/history") => self.history(),
            ("POST", "/kill") => self.kill(&read(body)?),
            ("POST", "/restart") => self.restart(&read(body)?),
            ("POST", "/stop") => self.stop(&read(body)?),
            ("POST", "/pause") => self.pause(&read(body)?, true),
            ("POST", "/resume") => self.pause(&read(body)?, false),
            ("POST", "/move") => self.move_leader(&read(body)?),
            ("POST", "/expire") => self.expire(&read(body)?),
            ("POST", "/cut") => Ok(self.cut(&read_or_default(body)?)),
            ("POST", "/rules") => self.add_rule(read(body)?),
            ("POST", "/release") => Ok(self.release()),
            ("POST", "/reset") => Ok(self.reset()),
            ("POST", "/topics") => self.topic(&read(body)?),
            ("POST", "/judge") => self.judge(&read_or_default::<JudgeRequest>(body)?),
            ("POST", "/shutdown") => {
                self.stopping = true;
                Ok(Reply::json(200, &json!({ "stopping": true })))
            }
            ("DELETE", path) => self.remove_rule(path),
            (method, path) => {
                Err((404, format!("nothing is at {method} {path}; there is: {PATHS}")))
            }
        }
    }

    fn health(&self) -> Reply {
        if self.ready {
            return Reply::json(200, &json!({ "ready": true }));
        }
        Reply::json(503, &json!({ "ready": false, "error": "not all brokers serve yet" }))
    }

    /// The metadata of a broker that runs: any of them, the newest.
    pub(super) fn image(&self) -> Option<&MetadataImage> {
        let brokers = self.options.cluster.brokers.iter();
        brokers.filter_map(|it| self.cluster.metadata(*it)).max_by_key(|image| image.end_offset)
    }

    fn status(&self) -> Value {
        let brokers = self.listeners.iter().map(|(node, listening)| {
            json!({ "node": node.0, "port": listening.port, "running": self.cluster.runs(*node),
                    "paused": self.paused.contains(node) })
        });
        let controllers = self
            .options
            .cluster
            .controllers
            .iter()
            .map(|node| json!({ "node": node.0, "running": self.cluster.runs(*node) }));
        let topics = self.image().map(topics_of).unwrap_or_default();
        json!({
            "ready": self.ready,
            "brokers": brokers.collect::<Vec<Value>>(),
            "controllers": controllers.collect::<Vec<Value>>(),
            "active_controller": self.cluster.active_controller().map(|node| node.0),
            "topics": topics,
            "connections": self.connections.len(),
            "rules": self.rules.list(),
            "faults": self.scripted(),
        })
    }

    fn metrics(&self) -> String {
        let running = self.options.cluster.brokers.iter().filter(|it| self.cluster.runs(**it));
        let operations = self.recorder.as_ref().map_or(0, Recorder::operations);
        let all = [
            ("brokers_running", "gauge", running.count() as u64),
            ("connections", "gauge", self.connections.len() as u64),
            ("connections_accepted_total", "counter", self.counts.accepted),
            ("connections_refused_total", "counter", self.counts.refused),
            ("kills_total", "counter", self.counts.kills),
            ("faults_fired_total", "counter", self.script.as_ref().map_or(0, Script::fired) as u64),
            ("rules", "gauge", self.rules.list().len() as u64),
            ("rules_fired_total", "counter", self.rules.fired()),
            ("history_operations", "gauge", operations as u64),
        ];
        let mut lines = Vec::new();
        for (name, kind, value) in all {
            lines.push(format!("# TYPE harrow_{name} {kind}\nharrow_{name} {value}\n"));
        }
        lines.push("# TYPE harrow_requests_total counter\n".to_owned());
        for (api, count) in &self.counts.requests {
            lines.push(format!("harrow_requests_total{{api=\"{api}\"}} {count}\n"));
        }
        lines.concat()
    }

    fn history(&self) -> Result<Reply, Refusal> {
        let recorder = self.recorder.as_ref().ok_or_else(not_recorded)?;
        Ok(Reply::text("application/x-ndjson", recorder.history(false)))
    }

    /// The node that a target stands for now.
    fn resolve(&self, text: &str) -> Result<NodeId, Refusal> {
        let target = Target::parse(text).map_err(|error| (400, error))?;
        if let Target::Node(node) = &target {
            let cluster = &self.options.cluster;
            let all = cluster.brokers.iter().chain(&cluster.controllers);
            let known = all.copied().find(|known| known == node);
            return known.ok_or_else(|| (409, format!("{target} is nobody now")));
        }
        let image = self.image().ok_or_else(|| (409, "no broker runs".to_owned()))?;
        let coordinators = &self.options.cluster.coordinators;
        let found = match &target {
            Target::LeaderOf(topic, index) => leader_of(image, topic, *index as i32),
            Target::FollowerOf(topic, index) | Target::IsrFollowerOf(topic, index) => {
                follower_of(image, topic, *index as i32)
            }
            Target::CoordinatorOf(group) => {
                let count = coordinators.offsets_topic.partitions as i32;
                leader_of(image, "__consumer_offsets", coordinator_partition(group, count))
            }
            Target::TransactionCoordinatorOf(id) => {
                let index = coordinators.transaction_partition_of(id);
                leader_of(image, "__transaction_state", index as i32)
            }
            Target::ActiveController => self.cluster.active_controller(),
            Target::Node(node) => Some(*node),
            Target::StandbyController
            | Target::AnyController
            | Target::AnyBroker
            | Target::AnyNode
            | Target::AnyClient
            | Target::Application(_)
            | Target::MemberOf(_) => {
                let known = "leader-of TOPIC-N, follower-of TOPIC-N, coordinator-of GROUP, \
                             transaction-coordinator-of ID, controller, node N";
                return Err((400, format!("`{text}` is drawn in runs; use one of: {known}")));
            }
        };
        found.ok_or_else(|| (409, format!("{target} is nobody now")))
    }

    fn kill(&mut self, request: &KillRequest) -> Result<Reply, Refusal> {
        let how = match request.how.as_deref() {
            None | Some("crash") => Kill::Crash,
            Some("power-loss") => Kill::PowerLoss,
            Some(other) => {
                return Err((400, format!("`how` is `{other}`; it is crash or power-loss")));
            }
        };
        let node = self.resolve(&request.target)?;
        if !self.cluster.kill(node, how) {
            return Err((409, format!("node {node} does not run")));
        }
        self.counts.kills += 1;
        let at_ns = self.cluster.now_ns();
        if how == Kill::PowerLoss {
            let kind = DamageKind::PowerLoss;
            self.damage.push(Damage { broker: node.0, at_ns, lasting: false, kind });
        }
        self.shut(node);
        if let Some(ms) = request.restart_after_ms {
            self.due
                .insert((at_ns.saturating_add(ms.saturating_mul(1_000_000)), Due::Restart(node)));
        }
        Ok(Reply::json(200, &json!({ "killed": node.0 })))
    }

    fn restart(&mut self, request: &TargetRequest) -> Result<Reply, Refusal> {
        let node = self.resolve(&request.target)?;
        if self.cluster.runs(node) {
            return Err((409, format!("node {node} runs; kill it or stop it first")));
        }
        self.start(node);
        Ok(Reply::json(200, &json!({ "started": node.0 })))
    }

    /// Starts a node, if it does not run.
    pub(super) fn start(&mut self, node: NodeId) {
        self.cluster.start(node);
        self.open(node);
    }

    fn stop(&mut self, request: &TargetRequest) -> Result<Reply, Refusal> {
        let node = self.resolve(&request.target)?;
        if !self.cluster.stop(node) {
            return Err((409, format!("node {node} does not run")));
        }
        Ok(Reply::json(200, &json!({ "stopping": node.0 })))
    }

    fn pause(&mut self, request: &TargetRequest, paused: bool) -> Result<Reply, Refusal> {
        let node = self.resolve(&request.target)?;
        self.cluster.pause(node, paused);
        if paused {
            self.paused.insert(node);
        } else {
            self.paused.remove(&node);
        }
        Ok(Reply::json(200, &json!({ "node": node.0, "paused": paused })))
    }

    fn cut(&mut self, request: &CutRequest) -> Reply {
        let fitting = self.connections.iter().filter(|(_, it)| {
            request.broker.is_none_or(|broker| it.broker.0 == broker)
                && request.client_id.as_ref().is_none_or(|id| it.client_id.as_ref() == Some(id))
        });
        let fitting: Vec<u64> = fitting.map(|(id, _)| *id).collect();
        let closed = fitting.len();
        for id in fitting {
            self.close(id);
        }
        Reply::json(200, &json!({ "closed": closed }))
    }

    fn add_rule(&mut self, request: RuleRequest) -> Result<Reply, Refusal> {
        let brokers: Vec<i32> = self.options.cluster.brokers.iter().map(|node| node.0).collect();
        let id = self.rules.add(request, &brokers).map_err(|error| (400, error.to_string()))?;
        Ok(Reply::json(201, &json!({ "id": id })))
    }

    fn remove_rule(&mut self, path: &str) -> Result<Reply, Refusal> {
        let id = path.strip_prefix("/rules/").and_then(|id| id.parse().ok());
        let id: u64 = id.ok_or_else(|| (404, format!("DELETE takes /rules/ID, not {path}")))?;
        if !self.rules.remove(id) {
            return Err((404, format!("there is no rule {id}")));
        }
        Ok(Reply::json(200, &json!({ "removed": id })))
    }

    /// What rules hold goes on.
    fn release(&mut self) -> Reply {
        let held = self.connections.iter().filter(|(_, it)| it.pending.is_some());
        let held: Vec<u64> = held.map(|(id, _)| *id).collect();
        for id in held {
            self.go_on(id, None);
        }
        self.deliver();
        Reply::json(200, &json!({ "released": true }))
    }

    /// As it was at the start, but for the topics: all nodes run, no rule is in force, and the history begins anew.
    fn reset(&mut self) -> Reply {
        self.rules.clear();
        let _ = self.release();
        self.due.clear();
        self.heal_script();
        let cluster = self.options.cluster.clone();
        for node in cluster.controllers.iter().chain(&cluster.brokers) {
            self.cluster.pause(*node, false);
            if !self.cluster.runs(*node) {
                self.start(*node);
            }
        }
        self.paused.clear();
        self.damage.clear();
        self.recorder = self.options.record.then(Recorder::beginning_late);
        Reply::json(200, &json!({ "reset": true }))
    }

    fn topic(&mut self, request: &TopicsRequest) -> Result<Reply, Refusal> {
        let broker =
            self.options.cluster.brokers.iter().find(|it| self.cluster.runs(**it)).copied();
        let broker = broker.ok_or_else(|| (409, "no broker runs".to_owned()))?;
        let TopicsRequest { name, partitions } = request;
        if !is_topic_name(name) {
            return Err((400, format!("`{name}` is no name of a topic: {TOPIC_NAMES}")));
        }
        let partitions = partitions.unwrap_or(self.options.partitions);
        if !PARTITIONS.contains(&partitions) {
            let message = format!("{partitions} is no number of partitions; give 1 to 1000");
            return Err((400, message));
        }
        if self.cluster.metadata(broker).is_some_and(|image| image.topic_ids.contains_key(name)) {
            return Err((409, format!("there is a topic `{name}` already")));
        }
        self.create_topics(broker, vec![(request.name.clone(), partitions)]);
        Ok(Reply::json(202, &json!({ "creating": request.name })))
    }

    /// Processes that ended by themselves: those that were asked to have their port shut; a broken one is told.
    pub(super) fn look_after_halted(&mut self) {
        for halted in self.cluster.take_halted() {
            if !halted.asked {
                tracing::warn!(node = halted.node.0, "the process ends: {}", halted.reason);
            }
            self.shut(halted.node);
            self.has_halted(halted.node);
        }
    }
}

/// The body, as what it should be.
fn read<T: DeserializeOwned>(body: &str) -> Result<T, Refusal> {
    serde_json::from_str(body)
        .map_err(|error| (400, format!("the body is not what is needed: {error}")))
}

fn read_or_default<T: DeserializeOwned + Default>(body: &str) -> Result<T, Refusal> {
    if body.trim().is_empty() { Ok(T::default()) } else { read(body) }
}

fn topics_of(image: &MetadataImage) -> Vec<Value> {
    let topics = image.topics.iter().map(|(id, config)| {
        let partitions = image.partitions.of_topic(*id).map(|(place, it)| {
            json!({
                "partition": place.partition,
                "leader": it.leader.map(|node| node.0),
                "leader_epoch": it.leader_epoch.0,
                "isr": it.isr.iter().map(|node| node.0).collect::<Vec<i32>>(),
            })
        });
        json!({ "name": config.name, "partitions": partitions.collect::<Vec<Value>>() })
    });
    topics.collect()
}
