//! Events and effects for programs: their kind by name, and what belongs to it.

use harrow_broker_model::disk_image::FileId;
use harrow_broker_model::node::{Effect, Event, Operation};

use super::api;
use super::file::file_name;
use super::names::Names;
use crate::run::{APIS, RowDetail};

pub(in crate::world::engine) fn detail_of_event(event: &Event) -> RowDetail {
    let named = |name| RowDetail::Named { name };
    match event {
        Event::Request { message, .. } => {
            of_message("request-received", api::request(&message.body))
        }
        Event::Response { message, .. } => {
            of_message("response-received", api::response(&message.body))
        }
        Event::Invoked { operation, request } => RowDetail::Operation {
            name: "operation-invoked",
            operation: operation.0,
            records: sent(request),
        },
        Event::Booted => named("booted"),
        Event::Connected { .. } => named("connected"),
        Event::ConnectionLost { .. } => named("connection-lost"),
        Event::ConnectionClosed { .. } => named("connection-closed"),
        Event::StopRequested => named("stop-requested"),
        Event::DeadlinePassed => named("deadline-passed"),
        Event::FlushCompleted { .. } => named("flush-completed"),
        Event::LogDirectoryFailed { .. } => named("log-directory-failed"),
        Event::MetadataPublishing { stalled: true } => named("publisher-paused"),
        Event::MetadataPublishing { stalled: false } => named("publisher-resumed"),
    }
}

pub(in crate::world::engine) fn detail_of_effect(names: &Names, effect: &Effect) -> RowDetail {
    let named = |name| RowDetail::Named { name };
    let file = |name, file: FileId, bytes| RowDetail::File {
        name,
        file: file_name(names, file),
        partition: file.partition(),
        bytes,
    };
    match effect {
        Effect::Request { message, .. } => of_message("request-sent", api::request(&message.body)),
        Effect::Reply { message, .. } => of_message("response-sent", api::response(&message.body)),
        Effect::Complete { operation, .. } => RowDetail::Operation {
            name: "operation-completed",
            operation: operation.0,
            records: Vec::new(),
        },
        Effect::Begin(begun) => RowDetail::Operation {
            name: "operation-invoked",
            operation: begun.operation.0,
            records: sent(&begun.request),
        },
        Effect::Note(note) => RowDetail::Fact(Box::new(note.clone())),
        Effect::Disconnect { .. } => named("disconnected"),
        Effect::Close { .. } => named("closed"),
        Effect::Halt { .. } => named("halted"),
        Effect::Append { file: of, bytes } => file("file-appended", *of, Some(bytes.len() as u64)),
        Effect::Truncate { file: of, length } => file("file-truncated", *of, Some(*length)),
        Effect::Write { file: of, bytes } => file("file-written", *of, Some(bytes.len() as u64)),
        Effect::Replace { file: of, bytes } | Effect::ReplaceInBackground { file: of, bytes } => {
            file("file-replaced", *of, Some(bytes.len() as u64))
        }
        Effect::Rename { to, .. } => file("file-renamed", *to, None),
        Effect::Delete { file: of } => file("file-deleted", *of, None),
        Effect::Sync { file: of } => file("file-synced", *of, None),
        Effect::Flush { file: of, .. } => file("file-flushed", *of, None),
        Effect::CreateLogDirectory { partition, .. } => RowDetail::File {
            name: "log-created",
            file: format!("log of {}", names.place(*partition)),
            partition: Some(*partition),
            bytes: None,
        },
        Effect::Discard { partition } => RowDetail::File {
            name: "log-moved-away",
            file: format!("log of {}", names.place(*partition)),
            partition: Some(*partition),
            bytes: None,
        },
    }
}

/// A message. What it asks for is one of those that queries know.
fn of_message(name: &'static str, api: &'static str) -> RowDetail {
    assert!(APIS.binary_search(&api).is_ok(), "{api} is not listed");
    RowDetail::Message { name, api }
}

/// Values of the records that an operation sends.
fn sent(request: &Operation) -> Vec<u64> {
    if let Operation::Send { value, .. } = request {
        return vec![value.0];
    }
    if let Operation::Transact { records, .. } = request {
        return records.iter().map(|record| record.value.0).collect();
    }
    Vec::new()
}
