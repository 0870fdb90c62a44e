//! What is seen of a run that stands still.

use std::collections::BTreeMap;

use harrow_broker_model::types::NodeId;
use harrow_reports::trace::TraceEvent;
use harrow_sim::Session;
use harrow_sim::inspect::{FileState, MessageState, NodeState, PartitionState, ReplicaState};
use serde::Serialize;
use serde_json::{Value, json};

use super::said::{Said, Slip};
use crate::difference::seconds;

/// So many unsynced changes of a file are told.
const CHANGES_MAX: usize = 4;

fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or(Value::Null)
}

/// All nodes, in a line each.
pub(super) fn nodes(session: &Session<'_>) -> Said {
    let all: Vec<NodeState> =
        session.nodes().into_iter().filter_map(|id| session.node(id)).collect();
    let lines = all.iter().map(|node| format!("node {}: {}", node.node, standing(node)));
    Said::new(lines.collect(), value(&all))
}

/// One node.
pub(super) fn node(session: &Session<'_>, id: i32) -> Result<Said, Slip> {
    let state = session.node(NodeId(id)).ok_or_else(|| no_node(session, id))?;
    let mut lines = vec![format!("node {id}: {}", standing(&state))];
    if let Some(deadline) = &state.deadline {
        lines.push(format!(
            "its next deadline is at {}: {}",
            seconds(deadline.at_ns),
            deadline.why
        ));
    }
    lines.push(format!("its wall clock shows {} ms", state.wall_ms));
    if let Some(voter) = &state.voter {
        let leader =
            voter.leader.map_or_else(|| "nobody".to_owned(), |leader| format!("node {leader}"));
        let active = if voter.active { ", the active controller" } else { "" };
        lines.push(format!(
            "quorum: {} in epoch {}, follows {leader}{active}",
            voter.role, voter.epoch
        ));
    }
    if !state.disk_faults.is_empty() {
        lines.push(format!("its disk: {}", state.disk_faults.join(", ")));
    }
    lines.extend((!state.holds.is_empty()).then(|| format!("holds {}", state.holds.join(", "))));
    let position =
        |(topic, partition, at): &(String, i32, i64)| format!("{topic}-{partition} next at {at}");
    lines.extend(state.positions.iter().map(position));
    lines.extend(
        state.replicas.iter().map(|replica| format!("{}: {}", replica.partition, role(replica))),
    );
    Ok(Said::new(lines, value(&state)))
}

/// Whether the run has such a node.
pub(super) fn check_node(session: &Session<'_>, id: i32) -> Result<(), Slip> {
    if session.node(NodeId(id)).is_some() { Ok(()) } else { Err(no_node(session, id)) }
}

fn no_node(session: &Session<'_>, id: i32) -> Slip {
    let mut nodes = session.nodes();
    nodes.sort_unstable();
    let known: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    Slip::new(format!("the run has no node {id}"), format!("its nodes are {}", known.join(", ")))
}

/// Whether it runs, and what waits for it.
fn standing(node: &NodeState) -> String {
    let mut words = vec![if node.runs { "runs" } else { "is down" }.to_owned()];
    words.extend(node.stands_still.map(str::to_owned));
    words.extend(node.stopping.then(|| "is stopping".to_owned()));
    let waits = [
        (node.inbox, "events wait for it"),
        (node.effects_waiting, "effects wait for its disk"),
        (node.stalled_syncs, "syncs hang"),
    ];
    words.extend(
        waits.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
    );
    words.join(", ")
}

fn role(replica: &ReplicaState) -> String {
    let ReplicaState {
        role, leader_epoch, log_start_offset, log_end_offset, high_watermark, ..
    } = replica;
    let isr =
        if replica.isr.is_empty() { String::new() } else { format!(", ISR {:?}", replica.isr) };
    let lossy = if replica.lossy { ", may have lost records" } else { "" };
    format!(
        "{role} in epoch {leader_epoch}, log {log_start_offset}..{log_end_offset}, high watermark \
         {high_watermark}{isr}{lossy}"
    )
}

/// All partitions, in a line each.
pub(super) fn partitions(session: &Session<'_>) -> Said {
    let all = session.partitions();
    Said::new(all.iter().map(registered).collect(), value(&all))
}

/// One partition.
pub(super) fn partition(session: &Session<'_>, name: &str) -> Result<Said, Slip> {
    let all = session.partitions();
    let Some(state) = all.iter().find(|state| state.partition == name) else {
        let known: Vec<&str> = all.iter().map(|state| state.partition.as_str()).collect();
        let help = format!("those that exist here are {}", known.join(", "));
        return Err(Slip::new(format!("there is no partition {name} here"), help));
    };
    let mut lines = vec![registered(state)];
    lines.extend(state.replicas.iter().map(|replica| {
        let lacks = state.committed - replica.log_end_offset;
        let lacks =
            if lacks > 0 { format!(", lacks {lacks} committed records") } else { String::new() };
        format!("node {}: {}{lacks}", replica.node, role(replica))
    }));
    Ok(Said::new(lines, value(state)))
}

fn registered(state: &PartitionState) -> String {
    let leader = match (state.leader, state.leader_epoch) {
        (Some(leader), Some(epoch)) => format!("node {leader} leads in epoch {epoch}"),
        (None, Some(epoch)) => format!("nobody leads after epoch {epoch}"),
        (_, None) => "not registered".to_owned(),
    };
    let elr = if state.elr.is_empty() { String::new() } else { format!(", ELR {:?}", state.elr) };
    format!(
        "{}: {leader}, ISR {:?}{elr}, committed up to {}",
        state.partition, state.isr, state.committed
    )
}

/// A group, as it was stated last: by its coordinator and its members.
pub(super) fn group(events: &[TraceEvent], name: &str) -> Result<Said, Slip> {
    let of_group = |event: &&TraceEvent| event.field("group").and_then(Value::as_str).is_some();
    let mut last: BTreeMap<(String, String), &TraceEvent> = BTreeMap::new();
    let mut known: Vec<&str> = Vec::new();
    for event in events.iter().filter(of_group) {
        let group = event.field("group").and_then(Value::as_str).unwrap_or_default();
        known.push(group);
        if group == name {
            let member = event.field("member").and_then(Value::as_str).unwrap_or_default();
            last.insert((member.to_owned(), event.kind.clone()), event);
        }
    }
    if last.is_empty() {
        known.sort_unstable();
        known.dedup();
        let help = if known.is_empty() {
            "no group has been heard of here".to_owned()
        } else {
            format!("those that have been heard of here are {}", known.join(", "))
        };
        return Err(Slip::new(format!("nothing is known of a group {name} here"), help));
    }
    let mut facts: Vec<&TraceEvent> = last.into_values().collect();
    facts.sort_by_key(|event| event.row);
    Ok(Said::new(facts.iter().map(|event| event.line()).collect(), value(&facts)))
}

/// Messages that are under way, from or to a node, and those that wait.
pub(super) fn network(session: &Session<'_>, node: Option<i32>) -> Result<Said, Slip> {
    if let Some(id) = node {
        check_node(session, id)?;
    }
    let of = |message: &MessageState| node.is_none_or(|id| message.from == id || message.to == id);
    let all: Vec<MessageState> = session.messages().into_iter().filter(of).collect();
    let mut lines: Vec<String> = all.iter().map(message_line).collect();
    if lines.is_empty() {
        lines.push("nothing is under way".to_owned());
    }
    Ok(Said::new(lines, value(&all)))
}

pub(super) fn message_line(message: &MessageState) -> String {
    let MessageState { from, to, connection, channel, text, arrives_ns, waits } = message;
    let fate = match (arrives_ns, waits) {
        (Some(at_ns), _) => format!("arrives at {}", seconds(*at_ns)),
        (None, Some(why)) => format!("waits: {why}"),
        (None, None) => "waits".to_owned(),
    };
    format!("{from} -> {to} on connection {connection} ({channel}), {fate}: {text}")
}

/// The files of a node.
pub(super) fn disk(session: &Session<'_>, id: i32) -> Result<Said, Slip> {
    let files = session.files(NodeId(id)).ok_or_else(|| no_node(session, id))?;
    let mut lines: Vec<String> = files.iter().map(file_line).collect();
    if lines.is_empty() {
        lines.push("its disk is empty".to_owned());
    }
    Ok(Said::new(lines, value(&files)))
}

fn file_line(state: &FileState) -> String {
    let bytes = |length: Option<u64>| {
        length.map_or_else(|| "not there".to_owned(), |length| format!("{length} bytes"))
    };
    let FileState { file, cached, durable, unsynced } = state;
    let count = unsynced.len();
    let mut shown =
        unsynced.iter().rev().take(CHANGES_MAX).rev().cloned().collect::<Vec<_>>().join("; ");
    if count > CHANGES_MAX {
        shown = format!("{} before; {shown}", count - CHANGES_MAX);
    }
    let unsynced = if count == 0 { "all synced".to_owned() } else { format!("unsynced: {shown}") };
    format!("{file}: cache {}, disk {}; {unsynced}", bytes(*cached), bytes(*durable))
}

/// What became of a message, and where it is now.
pub(super) fn message(
    session: &Session<'_>,
    events: &[TraceEvent],
    row: usize,
) -> Result<Said, Slip> {
    let sent = &events[row];
    let arrival =
        |event: &&TraceEvent| event.cause == Some(sent.row) && event.kind.ends_with("-received");
    if !(sent.family == "message" && sent.kind.ends_with("-sent")) {
        let help = "go to a request-sent or response-sent, such as by `until request-sent`, or name its row; `network` \
                    shows all that is under way";
        return Err(Slip::new("this is no message that is sent", help));
    }
    let arrived: Vec<&TraceEvent> = events.iter().filter(arrival).collect();
    let number = sent.field("correlation_id").and_then(Value::as_i64).unwrap_or(-1);
    let answers = sent.kind == "response-sent";
    let head = if answers { format!("answer to #{number}:") } else { format!("#{number}:") };
    let now: Vec<MessageState> = session
        .messages()
        .into_iter()
        .filter(|message| Some(message.from) == sent.node && message.text.starts_with(&head))
        .collect();
    let mut lines = vec![sent.line()];
    lines.extend(
        now.iter().map(|message| format!("here it is under way: {}", message_line(message))),
    );
    match arrived.as_slice() {
        [] => lines.push("it never arrives".to_owned()),
        all => lines.extend(all.iter().map(|event| format!("it is taken: {}", event.line()))),
    }
    Ok(Said::new(lines, json!({ "message": sent, "under_way": now, "arrived": arrived })))
}
