//! Rows of the trace: what nodes state and what becomes of them, and messages, each from its send to its receipt.

use std::collections::BTreeMap;

use harrow_broker_model::types::NodeId;
use harrow_sim::run::{RowKind, Run, TraceRow};
use serde::Serialize;

use super::columns::Deltas;
use super::nodes::Nodes;
use super::texts::{TextColumn, Texts};

/// Rows and messages.
#[derive(Debug, Serialize)]
pub(super) struct Events {
    rows: Rows,
    messages: Messages,
}

/// What is not a message. Files, deadlines and operations are left out: the trace has the first two, the page has the
/// last elsewhere.
#[derive(Debug, Default, Serialize)]
struct Rows {
    t: Deltas,
    event: Deltas,
    /// Position of the node, -1 if it is nobody's.
    node: Vec<i64>,
    /// 0 the world, 1 a process, 2 a fact.
    kind: Vec<u8>,
    #[serde(flatten)]
    text: TextColumn,
}

/// Requests and responses in the order in which they were sent.
#[derive(Debug, Default, Serialize)]
struct Messages {
    sent: Deltas,
    /// So long it was under way, in microseconds; -1 if it never arrived.
    took: Vec<i64>,
    from: Vec<i64>,
    /// -1 if it never arrived and nobody knows.
    to: Vec<i64>,
    /// 0 a request, 1 a response.
    answer: Vec<u8>,
    #[serde(flatten)]
    text: TextColumn,
}

/// One message.
#[derive(Debug, Clone)]
struct Message<'a> {
    sent_ns: u64,
    received_ns: Option<u64>,
    from: NodeId,
    to: Option<NodeId>,
    answer: bool,
    text: &'a str,
}

impl Events {
    pub(super) fn of(run: &Run, nodes: &Nodes, texts: &mut Texts) -> Self {
        let trace = run.trace.as_deref().unwrap_or_default();
        Self { rows: rows(trace, nodes, texts), messages: messages(trace, nodes, texts) }
    }
}

fn rows(trace: &[TraceRow], nodes: &Nodes, texts: &mut Texts) -> Rows {
    let mut rows = Rows::default();
    for row in trace {
        let Some(kind) = shown(row.kind) else { continue };
        rows.t.push_time(row.at_ns);
        rows.event.push(row.event as i64);
        rows.node.push(position(nodes, row.node));
        rows.kind.push(kind);
        rows.text.push(texts, &row.text);
    }
    rows
}

fn shown(kind: RowKind) -> Option<u8> {
    match kind {
        RowKind::World => Some(0),
        RowKind::Process => Some(1),
        RowKind::Fact => Some(2),
        RowKind::RequestSent { .. }
        | RowKind::ResponseSent { .. }
        | RowKind::RequestReceived { .. }
        | RowKind::ResponseReceived { .. }
        | RowKind::Operation
        | RowKind::Disk
        | RowKind::Routine => None,
    }
}

fn messages(trace: &[TraceRow], nodes: &Nodes, texts: &mut Texts) -> Messages {
    let mut columns = Messages::default();
    for message in paired(trace) {
        columns.sent.push_time(message.sent_ns);
        let took = message.received_ns.map(|received| received - message.sent_ns);
        columns.took.push(took.map_or(-1, |ns| (ns / 1_000) as i64));
        columns.from.push(position(nodes, Some(message.from)));
        columns.to.push(position(nodes, message.to));
        columns.answer.push(u8::from(message.answer));
        columns.text.push(texts, message.text);
    }
    columns
}

/// Matches sends with receipts, in the order of the sends. What arrives twice is two messages. An identifier that is
/// used again while the earlier message is under way takes its receipt: clients that restart begin anew.
fn paired(trace: &[TraceRow]) -> Vec<Message<'_>> {
    let mut open: BTreeMap<(NodeId, NodeId, i32, bool), usize> = BTreeMap::new();
    let mut peers: BTreeMap<(NodeId, u64), NodeId> = BTreeMap::new();
    let mut all: Vec<Message<'_>> = Vec::new();
    for row in trace {
        let Some(node) = row.node else { continue };
        let text = row.text.split_once(": ").map_or("", |(_, text)| text);
        let sent = |to, answer| Message {
            sent_ns: row.at_ns,
            received_ns: None,
            from: node,
            to,
            answer,
            text,
        };
        match row.kind {
            RowKind::RequestSent { to, correlation_id } => {
                open.insert((node, to, correlation_id, false), all.len());
                all.push(sent(Some(to), false));
            }
            RowKind::ResponseSent { connection, correlation_id } => {
                let to = peers.get(&(node, connection)).copied();
                if let Some(to) = to {
                    open.insert((node, to, correlation_id, true), all.len());
                }
                all.push(sent(to, true));
            }
            RowKind::RequestReceived { from, connection, correlation_id } => {
                peers.insert((node, connection), from);
                receive(&mut all, open.get(&(from, node, correlation_id, false)), row.at_ns);
            }
            RowKind::ResponseReceived { from, correlation_id } => {
                receive(&mut all, open.get(&(from, node, correlation_id, true)), row.at_ns);
            }
            RowKind::World
            | RowKind::Process
            | RowKind::Fact
            | RowKind::Operation
            | RowKind::Disk
            | RowKind::Routine => {}
        }
    }
    all.sort_by_key(|message| message.sent_ns);
    all
}

fn receive(all: &mut Vec<Message<'_>>, position: Option<&usize>, at_ns: u64) {
    let Some(message) = position.map(|position| &mut all[*position]) else { return };
    if message.received_ns.is_none() {
        message.received_ns = Some(at_ns);
    } else {
        let again = Message { received_ns: Some(at_ns), ..message.clone() };
        all.push(again);
    }
}

fn position(nodes: &Nodes, id: Option<NodeId>) -> i64 {
    id.and_then(|id| nodes.position(id)).map_or(-1, i64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at_us: u64, node: i32, kind: RowKind, text: &str) -> TraceRow {
        let node = Some(NodeId(node));
        TraceRow {
            event: at_us,
            at_ns: at_us * 1_000,
            node,
            kind,
            text: text.to_owned(),
            detail: harrow_sim::run::RowDetail::Named { name: "booted" },
            digest: 0,
        }
    }

    /// Sent and received, in microseconds, from whom and to whom, whether it is an answer, and its text.
    type Ends<'a> = (u64, Option<u64>, i32, Option<i32>, bool, &'a str);

    fn ends_of(trace: &[TraceRow]) -> Vec<Ends<'_>> {
        let ends = |one: Message<'_>| {
            let text = trace.iter().find_map(|row| {
                let (_, text) = row.text.split_once(": ")?;
                (text == one.text).then_some(text)
            });
            let received = one.received_ns.map(|ns| ns / 1_000);
            let text = text.expect("it is a row's text");
            (one.sent_ns / 1_000, received, one.from.0, one.to.map(|to| to.0), one.answer, text)
        };
        paired(trace).into_iter().map(ends).collect()
    }

    #[test]
    fn a_request_and_its_answer_are_two_messages() {
        let asked = RowKind::RequestSent { to: NodeId(2), correlation_id: 7 };
        let heard = RowKind::RequestReceived { from: NodeId(1), connection: 9, correlation_id: 7 };
        let answered = RowKind::ResponseSent { connection: 9, correlation_id: 7 };
        let back = RowKind::ResponseReceived { from: NodeId(2), correlation_id: 7 };
        let trace = [
            row(1, 1, asked, "-> 2 #7: fetch"),
            row(4, 2, heard, "<- 1 #7: fetch (connection 9)"),
            row(5, 2, answered, "-> connection 9 #7: records"),
            row(8, 1, back, "<- 2 #7: records"),
            row(9, 1, back, "<- 2 #7: records"),
            row(10, 1, asked, "-> 2 #7: lost"),
        ];
        let expected = [
            (1, Some(4), 1, Some(2), false, "fetch"),
            (5, Some(8), 2, Some(1), true, "records"),
            (5, Some(9), 2, Some(1), true, "records"),
            (10, None, 1, Some(2), false, "lost"),
        ];
        assert_eq!(ends_of(&trace), expected);
    }
}
