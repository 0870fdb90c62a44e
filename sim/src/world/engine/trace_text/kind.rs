//! What kind of row an event or an effect is in the trace.

use harrow_broker_model::node::{Effect, Event};
use harrow_broker_model::note::{
    ControllerNote, LogNote, Note, QuorumNote, QuorumRole, ReplicationNote,
};

use crate::run::RowKind;

pub(in crate::world::engine) fn of_event(event: &Event) -> RowKind {
    match event {
        Event::Request { connection, from, message } => RowKind::RequestReceived {
            from: *from,
            connection: connection.0,
            correlation_id: message.correlation_id.0,
        },
        Event::Response { from, message, .. } => {
            RowKind::ResponseReceived { from: *from, correlation_id: message.correlation_id.0 }
        }
        Event::Booted
        | Event::ConnectionLost { .. }
        | Event::StopRequested
        | Event::LogDirectoryFailed { .. }
        | Event::MetadataPublishing { .. } => RowKind::Process,
        Event::Invoked { .. } => RowKind::Operation,
        Event::DeadlinePassed | Event::ConnectionClosed { .. } | Event::Connected { .. } => {
            RowKind::Routine
        }
        Event::FlushCompleted { .. } => RowKind::Disk,
    }
}

pub(in crate::world::engine) fn of_effect(effect: &Effect) -> RowKind {
    match effect {
        Effect::Request { to, message, .. } => {
            RowKind::RequestSent { to: *to, correlation_id: message.correlation_id.0 }
        }
        Effect::Reply { connection, message } => RowKind::ResponseSent {
            connection: connection.0,
            correlation_id: message.correlation_id.0,
        },
        Effect::Note(Note::Exchange(_)) | Effect::Close { .. } => RowKind::Routine,
        Effect::Note(_) => RowKind::Fact,
        Effect::Disconnect { .. } | Effect::Halt { .. } => RowKind::Process,
        Effect::Complete { .. } | Effect::Begin(_) => RowKind::Operation,
        Effect::Append { .. }
        | Effect::Truncate { .. }
        | Effect::Write { .. }
        | Effect::Replace { .. }
        | Effect::ReplaceInBackground { .. }
        | Effect::Delete { .. }
        | Effect::Rename { .. }
        | Effect::Discard { .. }
        | Effect::CreateLogDirectory { .. }
        | Effect::Sync { .. }
        | Effect::Flush { .. } => RowKind::Disk,
    }
}

/// Whether it is what a log is read for first: an election, another ISR, a cut, a broker or controller that begins or
/// ends.
pub(in crate::world::engine) fn turns(effect: &Effect) -> bool {
    if let Effect::Note(note) = effect {
        return is_turn(note);
    }
    matches!(effect, Effect::Halt { .. })
}

fn is_turn(note: &Note) -> bool {
    matches!(
        note,
        Note::Log(LogNote::Truncated { .. } | LogNote::Discarded { .. })
            | Note::Replication(
                ReplicationNote::BecameLeader { .. }
                    | ReplicationNote::IsrCommitted { .. }
                    | ReplicationNote::DivergenceFound { .. }
            )
            | Note::Quorum(QuorumNote::StateChanged { role: QuorumRole::Leader, .. })
            | Note::Controller(ControllerNote::Activated { .. })
            | Note::Broker(_)
    )
}
