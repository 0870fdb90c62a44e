//! Events and effects as trace text: one short line for each.

mod api;
mod detail;
mod file;
mod kind;
mod message;
mod names;
mod note;
mod parts;
mod share;

use harrow_broker_model::admin_task::AdminTask;
use harrow_broker_model::node::{Channel, ConsumerCall, Effect, Event, Operation, Outcome, SeekTo};
use harrow_broker_model::proto::StrBytes;
use harrow_broker_model::types::Offset;

pub(super) use detail::{detail_of_effect, detail_of_event};
use file::file_name;
pub(super) use file::file_text;

pub(super) use kind::{of_effect, of_event, turns};
pub(super) use message::{request, response};
pub(super) use names::Names;
use parts::{joined, span};

pub(super) fn event(names: &Names, event: &Event) -> String {
    match event {
        Event::Booted => "booted".to_owned(),
        Event::Request { connection, from, message } => {
            let text = message::request(names, &message.body);
            format!("<- {from} #{}: {text} (connection {connection})", message.correlation_id)
        }
        Event::Response { from, message, .. } => {
            let text = message::response(names, &message.body);
            format!("<- {from} #{}: {text}", message.correlation_id)
        }
        Event::Connected { to, channel } => {
            format!("its {} connection to node {to} stands", channel_name(*channel))
        }
        Event::ConnectionLost { to, channel } => {
            format!("lost its {} connection to node {to}", channel_name(*channel))
        }
        Event::ConnectionClosed { connection } => format!("connection {connection} is closed"),
        Event::FlushCompleted { token } => format!("flush {token} completed"),
        Event::Invoked { operation, request } => {
            format!("operation {operation}: {}", operation_text(request))
        }
        Event::DeadlinePassed => "deadline passed".to_owned(),
        Event::StopRequested => "stop requested".to_owned(),
        Event::LogDirectoryFailed { directory } => {
            format!("input/output error in log directory {directory}")
        }
        Event::MetadataPublishing { stalled: true } => "paused metadata publisher".to_owned(),
        Event::MetadataPublishing { stalled: false } => "resumed metadata publisher".to_owned(),
    }
}

pub(super) fn effect(names: &Names, effect: &Effect) -> String {
    match effect {
        Effect::Request { to, message, .. } => {
            let text = message::request(names, &message.body);
            format!("-> {to} #{}: {text}", message.correlation_id)
        }
        Effect::Reply { connection, message } => {
            let text = message::response(names, &message.body);
            format!("-> connection {connection} #{}: {text}", message.correlation_id)
        }
        Effect::Disconnect { to, channel } => {
            format!("disconnects its {} connection to node {to}", channel_name(*channel))
        }
        Effect::Close { connection } => format!("closes connection {connection}"),
        Effect::Append { file, bytes } => {
            format!("appends {} bytes to the {}", bytes.len(), file_name(names, *file))
        }
        Effect::Truncate { file, length } => {
            format!("truncates the {} to {length} bytes", file_name(names, *file))
        }
        Effect::Write { file, bytes } => {
            format!("writes {} bytes to the {}", bytes.len(), file_name(names, *file))
        }
        Effect::Replace { file, bytes } => {
            format!("replaces the {} by {} bytes", file_name(names, *file), bytes.len())
        }
        Effect::ReplaceInBackground { file, bytes } => {
            let name = file_name(names, *file);
            format!("replaces the {name} by {} bytes in the background", bytes.len())
        }
        Effect::Rename { from, to } => {
            format!("renames the {} to {}", file_name(names, *from), file_name(names, *to))
        }
        Effect::Delete { file } => format!("deletes the {}", file_name(names, *file)),
        Effect::CreateLogDirectory { partition, directory } => {
            format!("makes the log of {} in log directory {directory}", names.place(*partition))
        }
        Effect::Discard { partition } => {
            format!("moves the log of {} away", names.place(*partition))
        }
        Effect::Sync { file } => format!("syncs the {}", file_name(names, *file)),
        Effect::Flush { file, token } => {
            format!("flushes the {} as {token}", file_name(names, *file))
        }
        Effect::Complete { operation, outcome } => {
            format!("operation {operation}: {}", outcome_text(outcome))
        }
        Effect::Note(note) => note::trace_text(names, note),
        Effect::Halt { reason } => format!("halts: {reason}"),
        Effect::Begin(begun) => {
            format!("operation {}: {}", begun.operation, operation_text(&begun.request))
        }
    }
}

fn operation_text(request: &Operation) -> String {
    match request {
        Operation::Send { topic, key, value } => {
            let key = key.map_or_else(String::new, |key| format!(", key {key}"));
            format!("send record {} to {}{key}", value.0, topic.as_str())
        }
        Operation::Transact { records, commit, offsets, .. } => {
            let values = records.iter().map(|record| record.value.0.to_string());
            let end = if *commit { "commit" } else { "abort" };
            let with = if offsets.is_empty() {
                String::new()
            } else {
                format!(" with the offsets {}", offset_list(offsets))
            };
            format!("send records {} in a transaction and {end} it{with}", joined(values))
        }
        Operation::Assign { partitions } => {
            let names =
                partitions.iter().map(|(topic, index)| format!("{}-{index}", topic.as_str()));
            format!("assign {}", joined(names))
        }
        Operation::Resume { positions } => {
            let places = positions
                .iter()
                .map(|(topic, index, offset)| format!("{}-{index} from {offset}", topic.as_str()));
            format!("resume {}", joined(places))
        }
        Operation::Subscribe { topics } => {
            format!("subscribe to {}", joined(topics.iter().map(ToString::to_string)))
        }
        Operation::Unsubscribe => "unsubscribe".to_owned(),
        Operation::Call(call) => call_text(call),
        Operation::Rewind => "go back to what the group has committed".to_owned(),
        Operation::Commit { offsets, sync } => {
            let waits = if *sync { " and wait" } else { "" };
            format!("commit {}{waits}", offset_list(offsets))
        }
        Operation::Poll { timeout_ms, max_records } => {
            format!("poll up to {max_records} records for {timeout_ms} ms")
        }
        Operation::EndOffset { partition: (topic, index) } => {
            format!("ask the end offset of {}-{index}", topic.as_str())
        }
        Operation::DeleteRecords { broker, partition: (topic, index), before } => {
            format!("delete records of {}-{index} below {before} at node {broker}", topic.as_str())
        }
        Operation::Administer(request) => message::administration(request),
        Operation::AdminTask(task) => admin_task(task),
        Operation::CreateTopic { topic, partitions, replication_factor, .. } => format!(
            "create topic {}, {partitions} partitions of {replication_factor} replicas",
            topic.as_str()
        ),
    }
}

fn call_text(call: &ConsumerCall) -> String {
    match call {
        ConsumerCall::Seek { places } => {
            let places = places.iter().map(|(topic, index, to)| {
                let to = match to {
                    SeekTo::Offset(offset) => offset.to_string(),
                    SeekTo::Beginning => "the beginning".to_owned(),
                    SeekTo::End => "the end".to_owned(),
                };
                format!("{}-{index} to {to}", topic.as_str())
            });
            format!("seek {}", joined(places))
        }
        ConsumerCall::Pause { partitions, paused: true } => format!("pause {}", places(partitions)),
        ConsumerCall::Pause { partitions, paused: false } => {
            format!("resume {}", places(partitions))
        }
        ConsumerCall::SubscribePattern { pattern } => {
            format!("subscribe to all that match {}", pattern.as_str())
        }
        ConsumerCall::PollUntilWoken { timeout_ms, max_records, wakeup_ms } => format!(
            "poll up to {max_records} records for {timeout_ms} ms; woken up after {wakeup_ms} ms"
        ),
        ConsumerCall::CommitUntilWoken { offsets, wakeup_ms } => {
            format!("commit {} and wait; woken up after {wakeup_ms} ms", offset_list(offsets))
        }
        ConsumerCall::Close { timeout_ms, leaves } => {
            let stays = if *leaves { "" } else { " and stay in the group" };
            format!("close within {timeout_ms} ms{stays}")
        }
    }
}

fn places(partitions: &[(StrBytes, i32)]) -> String {
    joined(partitions.iter().map(|(topic, index)| format!("{}-{index}", topic.as_str())))
}

fn offset_list(offsets: &[((StrBytes, i32), Offset)]) -> String {
    let places = offsets.iter();
    joined(places.map(|((topic, index), offset)| format!("{}-{index}@{offset}", topic.as_str())))
}

fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Sent { partition, offset, .. } => {
            format!("acknowledged in partition {partition} at offset {offset}")
        }
        Outcome::Transacted { committed, records } => {
            let places = records.iter().map(|(topic, partition, offset)| {
                format!("{}-{partition}@{offset}", topic.as_str())
            });
            let end = if *committed { "committed" } else { "aborted" };
            format!("{end}, {}", joined(places))
        }
        Outcome::Assigned => "assigned".to_owned(),
        Outcome::Subscribed => "subscribed".to_owned(),
        Outcome::Unsubscribed => "unsubscribed".to_owned(),
        Outcome::Called => "done".to_owned(),
        Outcome::WokenUp => "woken up".to_owned(),
        Outcome::NoPosition { partitions, why } => {
            format!("must be told where to go on in {} ({why:?})", places(partitions))
        }
        Outcome::Rewound { partitions } => format!("reads again {}", places(partitions)),
        Outcome::Revoking { partitions } => format!("about to lose {}", places(partitions)),
        Outcome::Lost { partitions } => format!("has lost {}", places(partitions)),
        Outcome::Joined { generation, partitions } => {
            format!("joined generation {generation} with {}", places(partitions))
        }
        Outcome::Committed { generation } => format!("committed in generation {generation}"),
        Outcome::Polled { records } => {
            let mut runs: Vec<(String, Offset, Offset)> = Vec::new();
            for record in records {
                let place = format!("{}-{}", record.topic.as_str(), record.partition);
                match runs.last_mut() {
                    Some((known, _, last)) if *known == place && record.offset == last.next() => {
                        *last = record.offset;
                    }
                    Some(_) | None => runs.push((place, record.offset, record.offset)),
                }
            }
            let runs =
                runs.iter().map(|(place, first, last)| format!("{place}@{}", span(*first, *last)));
            format!("polled {} records {}", records.len(), joined(runs))
        }
        Outcome::EndOffset { offset } => format!("the end offset is {offset}"),
        Outcome::RecordsDeleted { low_watermark } => {
            format!("records are deleted, the low watermark is {low_watermark}")
        }
        Outcome::TopicCreated => "the topic exists".to_owned(),
        Outcome::Administered { .. } => "it is done".to_owned(),
        Outcome::Failed { error, .. } => format!("failed, {error:?}"),
        Outcome::Unknown { error, .. } => format!("unknown outcome, {error:?}"),
    }
}

pub(super) fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::ReplicaFetch => "replica fetch",
        Channel::Heartbeat => "heartbeat",
        Channel::Controller => "controller",
        Channel::QuorumFetch => "quorum fetch",
        Channel::Quorum => "quorum",
        Channel::Client => "client",
        Channel::ClientFetch => "client fetch",
        Channel::TransactionMarkers => "transaction markers",
        Channel::TransactionVerification => "transaction verification",
        Channel::ClientCoordinator => "client coordinator",
        Channel::ClientProducer => "client producer",
        Channel::ShareState => "share state",
        Channel::Application(_) => "application",
    }
}

/// What an administrator does.
fn admin_task(task: &AdminTask) -> String {
    match task {
        AdminTask::DeleteGroup { group } => format!("delete group {group}"),
        AdminTask::ResetOffsets { group, offsets } => {
            let offsets =
                offsets.iter().map(|((topic, index), offset)| format!(" {topic}-{index}@{offset}"));
            format!("reset offsets of group {group} to{}", offsets.collect::<String>())
        }
        AdminTask::AbortHanging { topics, idle_ms } => {
            format!("abort transactions of {topics:?} that hang for {idle_ms} ms")
        }
    }
}
