//! What somebody sees who looks at the machines between two events. Looking changes nothing.

use harrow_broker_model::node::Node;
use harrow_broker_model::types::TopicPartition;

use super::slot::{Delivery, Slot};
use super::{Engine, ScheduledEvent, trace_text};
use crate::inspect::{Deadline, FileState, MessageState, NodeState};
use crate::run::TraceRow;
use crate::world::network::{Content, Transit, UnderWay};

impl<N: Node> Engine<N> {
    /// Rows of the trace so far; none if nobody asked for it.
    pub(crate) fn trace(&self) -> &[TraceRow] {
        self.trace.as_deref().unwrap_or_default()
    }

    /// A machine and its process, without what only the view of the true state knows.
    pub(crate) fn node_state(&self, node: usize) -> NodeState {
        let slot = &self.slots[node];
        let status = slot.process.as_ref().map(Node::status).unwrap_or_default();
        let asked = slot.process.as_ref().and_then(Node::next_deadline);
        let deadline = asked
            .map(|deadline| Deadline { at_ns: slot.clock.true_ns(deadline.at), why: deadline.why });
        let positions = status.positions.iter();
        NodeState {
            node: self.ids[node].0,
            runs: slot.process.is_some(),
            stands_still: stands_still(slot),
            stopping: slot.stopping,
            disk_faults: disk_faults(slot),
            inbox: slot.inbox.len(),
            effects_waiting: slot.stash.len(),
            stalled_syncs: slot.stalled_syncs.len(),
            wall_ms: slot.clock.now(self.now).wall.0,
            deadline,
            holds: status.held.iter().map(|held| format!("{} {}", held.count, held.what)).collect(),
            quorum_leader: status.quorum_leader.map(|node| node.0),
            metadata_end: status.metadata_end.0,
            positions: positions
                .map(|(name, index, at)| (name.to_string(), *index, at.0))
                .collect(),
            voter: None,
            replicas: Vec::new(),
        }
    }

    /// The files of a node.
    pub(crate) fn files(
        &self,
        node: usize,
        place: impl Fn(TopicPartition) -> String,
    ) -> Vec<FileState> {
        self.slots[node].disk.states(|file| trace_text::file_text(file, &place))
    }

    /// When all messages that are under way now have arrived, and the disks have done what they were asked for.
    pub(crate) fn settles_ns(&self) -> u64 {
        let is_under_way = |event: &ScheduledEvent| match event {
            ScheduledEvent::Transit(transit) => matches!(transit, Transit::Arrive { .. }),
            ScheduledEvent::SyncDone { .. }
            | ScheduledEvent::FlushDone { .. }
            | ScheduledEvent::RenameDone { .. }
            | ScheduledEvent::DiscardDone { .. }
            | ScheduledEvent::ReplaceDone { .. } => true,
            ScheduledEvent::Timer { .. }
            | ScheduledEvent::Start { .. }
            | ScheduledEvent::DirectorTimer(_) => false,
        };
        let under_way = self.queue.entries().filter(|(_, event)| is_under_way(event));
        under_way.map(|(at_ns, _)| at_ns).max().unwrap_or(self.now)
    }

    /// Everything that is under way or waits, by arrival, and what waits last.
    pub(crate) fn messages_under_way(&self) -> Vec<MessageState> {
        let mut all = Vec::new();
        for (at_ns, event) in self.queue.entries() {
            if let ScheduledEvent::Transit(transit) = event {
                let travelling = self.network.travelling(transit);
                all.extend(travelling.map(|one| self.message_state(&one, Some(at_ns))));
            }
        }
        all.sort_by_key(|message| (message.arrives_ns, message.connection));
        let waiting = self.network.waiting();
        all.extend(waiting.iter().map(|one| self.message_state(one, None)));
        for slot in &self.slots {
            let why = stands_still(slot).unwrap_or("its process has something else to do first");
            for delivery in &slot.inbox {
                let Delivery::Incoming(incoming) = delivery else { continue };
                let arrived = self.network.arrived(incoming, why);
                all.extend(arrived.map(|one| self.message_state(&one, None)));
            }
        }
        all
    }

    fn message_state(&self, one: &UnderWay<'_>, arrives_ns: Option<u64>) -> MessageState {
        let text = match one.content {
            Content::Request(message) => {
                let text = trace_text::request(&self.names, &message.body);
                format!("#{}: {text}", message.correlation_id)
            }
            Content::Response(message) => {
                let text = trace_text::response(&self.names, &message.body);
                format!("answer to #{}: {text}", message.correlation_id)
            }
            Content::Control(what) => what.to_owned(),
        };
        MessageState {
            from: self.ids[one.from].0,
            to: self.ids[one.to].0,
            connection: one.connection,
            channel: trace_text::channel_name(self.network.channel_of(one.connection)),
            text,
            arrives_ns,
            waits: one.waits.clone(),
        }
    }
}

fn stands_still<N>(slot: &Slot<N>) -> Option<&'static str> {
    match (&slot.process, slot.paused, slot.blocked) {
        (Some(_), true, _) => Some("its process is paused"),
        (Some(_), false, true) => Some("its process waits for its disk"),
        (None, _, _) | (Some(_), false, false) => None,
    }
}

fn disk_faults<N>(slot: &Slot<N>) -> Vec<&'static str> {
    let condition = slot.disk_condition;
    let all = [
        ("slow", condition.slow_us.1 > 0),
        ("stalled", condition.stalled),
        ("full", condition.full),
        ("lying", condition.lying),
        ("fails", slot.disk_fails),
    ];
    all.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect()
}
