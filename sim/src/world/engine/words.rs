//! Events and effects in words, for the trace.

use harrow_broker_model::message::{Body, Message};
use harrow_broker_model::node::{Effect, Event};

pub(super) fn event(event: &Event) -> String {
    match event {
        Event::Booted => "booted".to_owned(),
        Event::Request { connection, from, message } => {
            format!("<- {from} {} on connection {connection}", text(message))
        }
        Event::Response { from, channel, message } => {
            format!("<- {from} {} on {channel:?}", text(message))
        }
        Event::ConnectionLost { to, channel } => format!("lost its {channel:?} connection to {to}"),
        Event::ConnectionClosed { connection } => format!("connection {connection} is closed"),
        Event::FlushCompleted { token } => format!("flush {token} completed"),
        Event::Invoked { operation, request } => {
            format!("operation {operation} invoked: {request:?}")
        }
        Event::DeadlinePassed => "deadline passed".to_owned(),
        Event::StopRequested => "stop requested".to_owned(),
    }
}

pub(super) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Request { to, channel, message } => {
            format!("-> {to} {} on {channel:?}", text(message))
        }
        Effect::Reply { connection, message } => {
            format!("-> {} on connection {connection}", text(message))
        }
        Effect::Disconnect { to, channel } => {
            format!("gives up its {channel:?} connection to {to}")
        }
        Effect::Close { connection } => format!("closes connection {connection}"),
        Effect::Append { file, bytes } => format!("appends {} bytes to {file:?}", bytes.len()),
        Effect::Truncate { file, length } => format!("cuts {file:?} to {length} bytes"),
        Effect::Write { file, bytes } => format!("writes {} bytes to {file:?}", bytes.len()),
        Effect::Delete { file } => format!("deletes {file:?}"),
        Effect::Sync { file } => format!("syncs {file:?}"),
        Effect::Flush { file, token } => format!("flushes {file:?} as {token}"),
        Effect::Complete { operation, outcome } => {
            format!("operation {operation} completed: {outcome:?}")
        }
        Effect::Note(note) => format!("{note:?}"),
        Effect::Halt { reason } => format!("halts: {reason}"),
    }
}

fn text(message: &Message) -> String {
    format!("{} {}", body(&message.body), message.correlation_id)
}

/// The name of a message, with what people look for first.
fn body(body: &Body) -> String {
    if let Body::ReplicaFetchRequest(request) = body {
        let wanted = request
            .partitions
            .iter()
            .map(|wanted| format!("{}@{}", wanted.partition, wanted.fetch_offset));
        return format!("replica-fetch [{}]", wanted.collect::<Vec<_>>().join(" "));
    }
    if let Body::ReplicaFetchResponse(response) = body {
        let given = response.partitions.iter().map(|given| {
            let error = given.error.map_or(String::new(), |error| format!(" {error:?}"));
            format!(
                "{} {} batches, high watermark {}{error}",
                given.partition,
                given.batches.len(),
                given.high_watermark
            )
        });
        return format!("replica-fetch response [{}]", given.collect::<Vec<_>>().join("; "));
    }
    // The derived text starts with the variant's name; small messages are shown whole.
    let debug = format!("{body:?}");
    let name = debug.split('(').next().unwrap_or_default();
    if debug.len() <= 240 { debug } else { name.to_owned() }
}
