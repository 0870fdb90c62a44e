//! A trace in Chrome's trace format, which Perfetto, `chrome://tracing` and speedscope open: a process for each node,
//! in it a lane for what it states, one for what it does, messages from sender to receiver as arrows, and operations of
//! clients as bars. Times are microseconds of simulated time. Source: "Trace Event Format", the JSON object form.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::{Value, json};

use super::event::{TraceEvent, TraceHeader};

/// The lane of what belongs to nobody, as a process of its own.
const WORLD: i32 = 0;

/// Lanes of a node.
const THREADS: [(&str, u32); 4] = [("facts", 1), ("messages", 2), ("disk", 3), ("process", 4)];

/// So long a message is drawn at either end, in microseconds, so that an arrow has something to hold on to.
const TICK_US: f64 = 1.0;

/// Writes it.
pub fn write_chrome(
    header: &TraceHeader,
    events: &[&TraceEvent],
    out: &mut dyn Write,
) -> io::Result<()> {
    out.write_all(b"{\"displayTimeUnit\":\"ms\",\"otherData\":")?;
    serde_json::to_writer(&mut *out, header)?;
    out.write_all(b",\"traceEvents\":[\n")?;
    let mut first = true;
    let all = names(header).into_iter().chain(drawn(events));
    for one in all {
        if !std::mem::take(&mut first) {
            out.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut *out, &one)?;
    }
    out.write_all(b"\n]}\n")
}

/// What processes and lanes are called.
fn names(header: &TraceHeader) -> Vec<Value> {
    let mut all = vec![meta("process_name", WORLD, 0, "world")];
    for node in &header.nodes {
        all.push(meta("process_name", node.node, 0, &format!("{} {}", node.role, node.node)));
        all.extend(
            THREADS.iter().map(|(name, thread)| meta("thread_name", node.node, *thread, name)),
        );
    }
    all
}

fn meta(what: &str, pid: i32, tid: u32, name: &str) -> Value {
    json!({ "ph": "M", "name": what, "pid": pid, "tid": tid, "args": { "name": name } })
}

fn drawn(events: &[&TraceEvent]) -> Vec<Value> {
    let by_row: BTreeMap<u64, &TraceEvent> =
        events.iter().map(|event| (event.row, *event)).collect();
    let mut open = BTreeSet::new();
    let mut all = Vec::new();
    for event in events {
        match event.family.as_str() {
            "message" => all.extend(message(event, &by_row)),
            "operation" => all.extend(operation(event, &mut open)),
            _ => all.push(instant(event)),
        }
    }
    all
}

fn at_us(event: &TraceEvent) -> f64 {
    event.at_ns as f64 / 1_000.0
}

fn thread_id(event: &TraceEvent) -> u32 {
    match event.family.as_str() {
        "message" => 2,
        "disk" => 3,
        "process" | "world" => 4,
        _ => 1,
    }
}

fn arguments(event: &TraceEvent) -> Value {
    json!({
        "text": event.text, "row": event.row, "event": event.event, "partitions": event.partitions,
        "fields": event.fields
    })
}

fn instant(event: &TraceEvent) -> Value {
    let scope = if event.node.is_none() { "g" } else { "t" };
    json!({
        "ph": "i", "s": scope, "name": event.kind, "cat": event.family, "ts": at_us(event),
        "pid": event.node.unwrap_or(WORLD), "tid": thread_id(event), "args": arguments(event)
    })
}

/// A tick at either end; an arrow between them, if both are there.
fn message(event: &TraceEvent, by_row: &BTreeMap<u64, &TraceEvent>) -> Vec<Value> {
    let api = event.field("api").and_then(Value::as_str).unwrap_or("message");
    let place =
        json!({ "pid": event.node.unwrap_or(WORLD), "tid": thread_id(event), "ts": at_us(event) });
    let with = |more: Value| {
        let mut one = place.clone();
        if let (Some(into), Value::Object(more)) = (one.as_object_mut(), more) {
            into.extend(more);
        }
        one
    };
    let name = format!("{} {api}", event.kind);
    let mut all = vec![with(json!({
        "ph": "X", "name": name, "cat": "message", "dur": TICK_US, "args": arguments(event)
    }))];
    let sent = event.cause.and_then(|cause| by_row.get(&cause));
    let arrives = event.kind.ends_with("-received");
    if let Some(sent) = sent.filter(|sent| arrives && sent.family == "message") {
        let arrow = json!({ "name": api, "cat": "message", "id": event.row });
        let from = json!({
            "ph": "s", "pid": sent.node.unwrap_or(WORLD), "tid": thread_id(sent), "ts": at_us(sent)
        });
        let to = with(json!({ "ph": "f", "bp": "e" }));
        all.extend([merged(from, &arrow), merged(to, &arrow)]);
    }
    all
}

fn merged(mut one: Value, more: &Value) -> Value {
    if let (Some(into), Some(more)) = (one.as_object_mut(), more.as_object()) {
        into.extend(more.clone());
    }
    one
}

/// A bar from the call to its end; what never ends has no end.
fn operation(event: &TraceEvent, open: &mut BTreeSet<(i32, u64)>) -> Option<Value> {
    let node = event.node.unwrap_or(WORLD);
    let operation = event.field("operation").and_then(Value::as_u64)?;
    let begins = event.kind == "operation-invoked";
    if begins {
        open.insert((node, operation));
    } else {
        open.remove(&(node, operation)).then_some(())?;
    }
    Some(json!({
        "ph": if begins { "b" } else { "e" }, "name": "operation", "cat": "operation", "id": operation,
        "ts": at_us(event), "pid": node, "tid": thread_id(event), "args": arguments(event)
    }))
}
