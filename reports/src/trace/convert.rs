//! Rows of a run as events of a trace.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::types::NodeId;
use harrow_sim::plan::{ClientPlan, Plan};
use harrow_sim::run::{RowDetail, RowKind, Run, TraceRow};
use serde_json::{Map, Value, json};

use super::event::{NodeRole, TRACE_SCHEMA, TraceEvent, TraceHeader};
use super::fields::{Fact, METADATA_LOG, Places, fact, partitions_of, widen};
use crate::report::digest_name;

/// What a trace of this run begins with.
pub fn header(plan: &Plan, run: &Run, commit: &str) -> TraceHeader {
    let role = |node: &NodeId, role: &str| NodeRole { node: node.0, role: role.to_owned() };
    let client = |client: &ClientPlan| match client {
        ClientPlan::Producer { config, .. } => role(&config.node, "producer"),
        ClientPlan::Consumer { config, .. } => role(&config.node, "consumer"),
    };
    let mut nodes: Vec<NodeRole> = Vec::new();
    nodes.extend(plan.cluster.brokers.iter().map(|node| role(node, "broker")));
    nodes.extend(plan.cluster.controllers.iter().map(|node| role(node, "controller")));
    nodes.extend(plan.clients.iter().map(client));
    nodes.extend(plan.applications.iter().map(|it| role(&it.node, "application")));
    nodes.push(role(&plan.admin.node, "admin"));
    nodes.push(role(&plan.fresh_producer.node, "producer"));
    nodes.push(role(&plan.final_reader.node, "consumer"));
    nodes.sort_by_key(|node| node.node);
    TraceHeader {
        schema: TRACE_SCHEMA,
        kind: "trace".to_owned(),
        scenario: plan.scenario.clone(),
        seed: plan.seed,
        commit: commit.to_owned(),
        digest: digest_name(run.digest),
        nodes,
        events: run.trace.as_ref().map(|rows| rows.len() as u64),
    }
}

/// All events of a run whose trace was kept.
pub fn events(plan: &Plan, run: &Run) -> Vec<TraceEvent> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for topic in &plan.topics {
        names.extend((0..topic.partitions).map(|index| format!("{}-{index}", topic.name)));
    }
    let mut reader = Reader { places: Places(&run.topics), names, causes: Causes::default() };
    let rows = run.trace.as_deref().unwrap_or_default();
    rows.iter().enumerate().map(|(row, of)| reader.event(row as u64, of)).collect()
}

struct Reader<'a> {
    places: Places<'a>,
    /// Partitions that texts may name.
    names: BTreeSet<String>,
    causes: Causes,
}

impl Reader<'_> {
    fn event(&mut self, row: u64, of: &TraceRow) -> TraceEvent {
        let Fact { family, kind, mut fields } = self.fact(of);
        let mut partitions = Vec::new();
        partitions_of(&fields, &mut partitions);
        self.names.extend(partitions.iter().cloned());
        if partitions.is_empty() {
            partitions = self.named(&of.text);
        }
        partitions.sort();
        partitions.dedup();
        let cause = self.causes.cause(row, of, &mut fields);
        fields.values_mut().for_each(widen);
        TraceEvent {
            row,
            event: of.event,
            at_ns: of.at_ns,
            node: of.node.map(|node| node.0),
            family,
            kind,
            partitions,
            fields,
            cause,
            text: of.text.clone(),
        }
    }

    fn fact(&self, row: &TraceRow) -> Fact {
        let (name, fields) = match &row.detail {
            RowDetail::Fact(note) => return fact(note, &self.places),
            RowDetail::Message { name, api } => (*name, message(row.kind, api)),
            RowDetail::File { name, file, partition, bytes } => {
                let partition = partition.map(|partition| self.places.name(partition));
                (*name, present(json!({ "file": file, "partition": partition, "bytes": bytes })))
            }
            RowDetail::Operation { name, operation, records } => {
                let records = (!records.is_empty()).then_some(records);
                (*name, present(json!({ "operation": operation, "records": records })))
            }
            RowDetail::Fault { nodes } => {
                let nodes = (!nodes.is_empty()).then_some(nodes);
                ("fault", present(json!({ "nodes": nodes })))
            }
            RowDetail::Named { name } => (*name, Map::new()),
        };
        Fact { family: family(row).to_owned(), kind: name.to_owned(), fields }
    }

    /// The partitions that a text names.
    fn named(&self, text: &str) -> Vec<String> {
        let apart = |c: char| !(c.is_ascii_alphanumeric() || "-_.@".contains(c));
        let words = text.split(apart).map(|word| word.trim_end_matches('.'));
        // An offset may follow, as in `orders-0@255`; the second topic of a name has an `@` of its own.
        let words = words.map(|word| match word.rsplit_once('@') {
            Some((place, _)) if !self.names.contains(word) => place,
            Some(_) | None => word,
        });
        let metadata = text.contains("metadata log").then(|| METADATA_LOG.to_owned());
        words.filter(|word| self.names.contains(*word)).map(str::to_owned).chain(metadata).collect()
    }
}

fn family(row: &TraceRow) -> &'static str {
    match (&row.detail, row.kind) {
        (RowDetail::Message { .. }, _) => "message",
        (RowDetail::File { .. }, _) | (_, RowKind::Disk) => "disk",
        (RowDetail::Operation { .. }, _) => "operation",
        (RowDetail::Fault { .. }, _) | (_, RowKind::World) => "world",
        (RowDetail::Fact(_) | RowDetail::Named { .. }, _) => "process",
    }
}

fn message(kind: RowKind, api: &str) -> Map<String, Value> {
    let fields = match kind {
        RowKind::RequestSent { to, correlation_id } => {
            json!({ "api": api, "to": to, "correlation_id": correlation_id })
        }
        RowKind::ResponseSent { connection, correlation_id } => {
            json!({ "api": api, "connection": connection, "correlation_id": correlation_id })
        }
        RowKind::RequestReceived { from, connection, correlation_id } => json!({
            "api": api, "from": from, "connection": connection, "correlation_id": correlation_id
        }),
        RowKind::ResponseReceived { from, correlation_id } => {
            json!({ "api": api, "from": from, "correlation_id": correlation_id })
        }
        RowKind::World
        | RowKind::Process
        | RowKind::Fact
        | RowKind::Operation
        | RowKind::Disk
        | RowKind::Routine => json!({ "api": api }),
    };
    present(fields)
}

/// The fields that are there.
fn present(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// What led to what.
#[derive(Default)]
struct Causes {
    /// What each node is handling, or has handled last: one that is blocked handles nothing else meanwhile.
    handling: BTreeMap<NodeId, u64>,
    /// Messages by sender, receiver, correlation id and whether they answer: the row of their sending.
    sent: BTreeMap<(NodeId, NodeId, i32, bool), u64>,
    /// Who is at the other end of a node's connection.
    peers: BTreeMap<(NodeId, u64), NodeId>,
    /// Requests by receiver, connection and correlation id: the row of their receipt.
    asked: BTreeMap<(NodeId, u64, i32), u64>,
}

impl Causes {
    /// The row that led to this one. An answer also names the request that it is to.
    fn cause(&mut self, row: u64, of: &TraceRow, fields: &mut Map<String, Value>) -> Option<u64> {
        let node = of.node?;
        let handled = self.handling.get(&node).copied();
        if begins(of) {
            self.handling.insert(node, row);
        }
        match of.kind {
            RowKind::RequestSent { to, correlation_id } => {
                self.sent.insert((node, to, correlation_id, false), row);
            }
            RowKind::ResponseSent { connection, correlation_id } => {
                if let Some(to) = self.peers.get(&(node, connection)) {
                    self.sent.insert((node, *to, correlation_id, true), row);
                }
                if let Some(asked) = self.asked.get(&(node, connection, correlation_id)) {
                    fields.insert("request".to_owned(), json!(asked));
                }
            }
            RowKind::RequestReceived { from, connection, correlation_id } => {
                self.peers.insert((node, connection), from);
                self.asked.insert((node, connection, correlation_id), row);
                return self.sent.get(&(from, node, correlation_id, false)).copied();
            }
            RowKind::ResponseReceived { from, correlation_id } => {
                return self.sent.get(&(from, node, correlation_id, true)).copied();
            }
            RowKind::World
            | RowKind::Process
            | RowKind::Fact
            | RowKind::Operation
            | RowKind::Disk
            | RowKind::Routine => {}
        }
        if begins(of) || of.kind == RowKind::World { None } else { handled }
    }
}

/// Whether a row is what a node handles, and not what it does of it.
fn begins(row: &TraceRow) -> bool {
    match &row.detail {
        RowDetail::Message { name, .. } => name.ends_with("-received"),
        RowDetail::Operation { name, .. } => *name == "operation-invoked",
        RowDetail::Named { name } => !matches!(*name, "disconnected" | "closed" | "halted"),
        RowDetail::Fact(_) | RowDetail::File { .. } | RowDetail::Fault { .. } => false,
    }
}
