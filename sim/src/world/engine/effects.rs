//! Performs what nodes want done, in order.

use bytes::Bytes;
use harrow_broker_model::disk_image::FileId;
use harrow_broker_model::node::{Effect, Effects, Event, Node};
use harrow_broker_model::note::{BrokerNote, LogNote, Note, QuorumNote};
use harrow_broker_model::types::{FlushToken, NodeId, Offset, TopicPartition};

use super::slot::StalledSync;
use super::{Delivery, Engine, NodeHost, OUTSIDE, Outside, Report, ScheduledEvent};
use crate::world::disk::{Replacement, SyncMark};
use crate::world::draw::Purpose;
use crate::world::engine::CrashKind;
use crate::world::fingerprint::channel_number;

/// Whether the effects after one may be performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Blocked,
    Fell,
}

impl<N: Node> Engine<N> {
    pub(super) fn perform(
        &mut self,
        node: usize,
        effects: &mut Effects,
        host: &mut impl NodeHost<N>,
    ) {
        let mut rest = effects.drain();
        while let Some(effect) = rest.next() {
            match self.perform_one(node, effect, host) {
                Flow::Next => {}
                Flow::Blocked => return self.slots[node].stash.extend(rest),
                Flow::Fell => return,
            }
        }
    }

    pub(super) fn on_sync_done(
        &mut self,
        node: usize,
        uptime: u64,
        mark: SyncMark,
        host: &mut impl NodeHost<N>,
    ) {
        let slot = &mut self.slots[node];
        if slot.uptime != uptime {
            return;
        }
        if slot.disk_condition.stalled {
            return slot.stalled_syncs.push(StalledSync::Sync { mark });
        }
        if !slot.disk_condition.lying {
            slot.disk.end_sync(mark);
        }
        self.unblock(node, host);
    }

    pub(super) fn on_replace_done(
        &mut self,
        node: usize,
        uptime: u64,
        replacement: Box<Replacement>,
        blocking: bool,
        host: &mut impl NodeHost<N>,
    ) {
        let now = self.now;
        let slot = &mut self.slots[node];
        if slot.uptime != uptime {
            return;
        }
        if slot.disk_condition.stalled {
            return slot.stalled_syncs.push(StalledSync::Replace { replacement, blocking });
        }
        slot.disk.end_replace(now, *replacement, !slot.disk_condition.lying);
        if blocking {
            self.unblock(node, host);
        }
    }

    /// What a node waited for is done: the effects after it are performed, then what came meanwhile is handled.
    fn unblock(&mut self, node: usize, host: &mut impl NodeHost<N>) {
        self.slots[node].blocked = false;
        self.report_blocked(node, host);
        while let Some(effect) = self.slots[node].stash.pop_front() {
            if self.perform_one(node, effect, host) != Flow::Next {
                return;
            }
        }
        self.drain(node, host);
    }

    pub(super) fn on_flush_done(
        &mut self,
        node: usize,
        uptime: u64,
        mark: SyncMark,
        token: FlushToken,
        host: &mut impl NodeHost<N>,
    ) {
        let slot = &mut self.slots[node];
        if slot.uptime != uptime {
            return;
        }
        if slot.disk_condition.stalled {
            return slot.stalled_syncs.push(StalledSync::Flush { mark, token });
        }
        if !slot.disk_condition.lying {
            slot.disk.end_sync(mark);
        }
        self.deliver(node, Delivery::Event(Event::FlushCompleted { token }), host);
    }

    fn perform_one(&mut self, node: usize, effect: Effect, host: &mut impl NodeHost<N>) -> Flow {
        self.hash_effect(&effect);
        if self.telling {
            self.trace_effect(self.ids[node], &effect);
        }
        self.overhear_effect(node, &effect, host);
        match effect {
            Effect::Request { to, channel, message } => {
                let to = self.peer(to);
                self.network.request(self.now, node, to, channel, message, &mut self.queue);
            }
            Effect::Reply { connection, message } if connection.0 >= OUTSIDE => {
                self.outside.push_back(Outside::Reply(connection, message));
            }
            Effect::Reply { connection, message } => {
                self.network.reply(self.now, node, connection.0, message, &mut self.queue);
            }
            Effect::Disconnect { to, channel } => {
                let to = self.peer(to);
                self.network.disconnect(self.now, node, to, channel, &mut self.queue);
            }
            Effect::Close { connection } if connection.0 >= OUTSIDE => {
                self.outside.push_back(Outside::Close(connection));
            }
            Effect::Close { connection } => {
                self.network.close(self.now, node, connection.0, &mut self.queue);
            }
            Effect::Complete { operation, outcome } => {
                if let Some(repetitions) = &mut self.repetitions {
                    repetitions.completed(self.ids[node], &outcome);
                }
                self.reports.push_back(Report::Completed { node, operation, outcome });
            }
            Effect::Begin(begun) => self.reports.push_back(Report::Begun { node, begun }),
            Effect::Note(note) => self.on_note(node, &note, host),
            Effect::Halt { reason } => return self.halt(node, reason, host),
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
            | Effect::Flush { .. } => return self.on_disk(node, effect, host),
        }
        Flow::Next
    }

    fn on_note(&mut self, node: usize, note: &Note, host: &mut impl NodeHost<N>) {
        self.ask_disk(node, note, host);
        if let Note::Broker(BrokerNote::LogDirectoryOffline { directory, .. }) = note {
            self.slots[node].disk.given_up(*directory);
        }
        if let Some(repetitions) = &mut self.repetitions {
            repetitions.noted(self.ids[node], note);
        }
        host.noted(self.moment(node), note);
    }

    /// What a note says of the disk, the disk is asked first.
    fn ask_disk(&mut self, node: usize, note: &Note, host: &mut impl NodeHost<N>) {
        let (moment, slot) = (self.moment(node), &self.slots[node]);
        if let Note::Quorum(QuorumNote::StatePersisted { .. }) = note {
            host.persisted(moment, slot.disk.is_durable(FileId::QuorumState));
        } else if let Note::Quorum(QuorumNote::SnapshotWritten { snapshot, .. }) = note {
            let file = FileId::MetadataSnapshot(*snapshot);
            host.persisted(moment, slot.disk.is_durable(file));
        } else if let Note::Quorum(QuorumNote::LogSynced { .. })
        | Note::Broker(BrokerNote::StoppedCleanly { .. }) = note
        {
            host.persisted(moment, slot.disk.are_logs_durable());
        } else if let Note::Log(LogNote::Recovered { partition, .. }) = note
            && let Some(found) = slot.disk.sound_log(*partition)
        {
            host.reopened(moment, *partition, found);
        }
    }

    fn on_disk(&mut self, node: usize, effect: Effect, host: &mut impl NodeHost<N>) -> Flow {
        let now = self.now;
        let capacity = self.disk_plan.capacity_bytes;
        let slot = &mut self.slots[node];
        if std::mem::take(&mut slot.disk_fails) {
            return self.halt(node, "disk-failed", host);
        }
        match effect {
            Effect::Append { file, bytes } => {
                let over = capacity > 0 && slot.disk.used_bytes() + bytes.len() as u64 > capacity;
                if over || slot.disk_condition.full {
                    return self.halt(node, "disk-full", host);
                }
                host.appends(file, &bytes);
                let created = slot.disk.append(now, file, bytes);
                let later = matches!(file, FileId::Segment { base_offset, .. } if base_offset > Offset::ZERO);
                self.segments_rolled += u64::from(created && later);
            }
            Effect::Truncate { file, length } => slot.disk.truncate(now, file, length),
            Effect::Write { file, bytes } => slot.disk.write(now, file, bytes),
            Effect::Replace { file, bytes } => {
                self.replace(node, file, bytes, true);
                self.report_blocked(node, host);
                return Flow::Blocked;
            }
            Effect::ReplaceInBackground { file, bytes } => self.replace(node, file, bytes, false),
            Effect::Delete { file } => slot.disk.delete(now, file),
            Effect::Rename { from, to } => return self.rename(node, (from, to), host),
            Effect::CreateLogDirectory { partition, directory } => {
                slot.disk.create_log(partition, directory);
            }
            Effect::Discard { partition } => return self.discard(node, partition, host),
            Effect::Sync { file } => return self.sync(node, file, host),
            Effect::Flush { file, token } => self.flush(node, file, token),
            Effect::Request { .. }
            | Effect::Reply { .. }
            | Effect::Disconnect { .. }
            | Effect::Close { .. }
            | Effect::Complete { .. }
            | Effect::Begin(_)
            | Effect::Note(_)
            | Effect::Halt { .. } => unreachable!("not an effect on the disk"),
        }
        Flow::Next
    }

    fn sync(&mut self, node: usize, file: FileId, host: &mut impl NodeHost<N>) -> Flow {
        let slot = &mut self.slots[node];
        let (uptime, mark) = (slot.uptime, slot.disk.begin_sync(file));
        self.wait_for_disk(node, ScheduledEvent::SyncDone { node, uptime, mark }, host)
    }

    /// A process waits for its disk as long as a sync takes.
    fn wait_for_disk(
        &mut self,
        node: usize,
        done: ScheduledEvent,
        host: &mut impl NodeHost<N>,
    ) -> Flow {
        let done_at = self.now + self.sync_time(node);
        self.slots[node].blocked = true;
        self.queue.push(done_at, done);
        self.report_blocked(node, host);
        Flow::Blocked
    }

    fn rename(
        &mut self,
        node: usize,
        files: (FileId, FileId),
        host: &mut impl NodeHost<N>,
    ) -> Flow {
        let uptime = self.slots[node].uptime;
        self.wait_for_disk(node, ScheduledEvent::RenameDone { node, uptime, files }, host)
    }

    pub(super) fn on_rename_done(
        &mut self,
        node: usize,
        uptime: u64,
        files: (FileId, FileId),
        host: &mut impl NodeHost<N>,
    ) {
        let now = self.now;
        let slot = &mut self.slots[node];
        if slot.uptime != uptime {
            return;
        }
        if slot.disk_condition.stalled {
            return slot.stalled_syncs.push(StalledSync::Rename { files });
        }
        slot.disk.rename(now, files.0, files.1);
        self.unblock(node, host);
    }

    fn discard(
        &mut self,
        node: usize,
        partition: TopicPartition,
        host: &mut impl NodeHost<N>,
    ) -> Flow {
        let uptime = self.slots[node].uptime;
        self.wait_for_disk(node, ScheduledEvent::DiscardDone { node, uptime, partition }, host)
    }

    pub(super) fn on_discard_done(
        &mut self,
        node: usize,
        uptime: u64,
        partition: TopicPartition,
        host: &mut impl NodeHost<N>,
    ) {
        let now = self.now;
        let slot = &mut self.slots[node];
        if slot.uptime != uptime {
            return;
        }
        if slot.disk_condition.stalled {
            return slot.stalled_syncs.push(StalledSync::Discard { partition });
        }
        slot.disk.discard(now, partition, !slot.disk_condition.lying);
        self.unblock(node, host);
    }

    fn flush(&mut self, node: usize, file: FileId, token: FlushToken) {
        let done = self.now + self.sync_time(node);
        let slot = &mut self.slots[node];
        let mark = slot.disk.begin_sync(file);
        let happening = ScheduledEvent::FlushDone { node, uptime: slot.uptime, mark, token };
        self.queue.push(done, happening);
    }

    fn replace(&mut self, node: usize, file: FileId, bytes: Bytes, blocking: bool) {
        let done = self.now + self.sync_time(node);
        let slot = &mut self.slots[node];
        slot.blocked |= blocking;
        let replacement = Box::new(slot.disk.begin_replace(file, bytes));
        let uptime = slot.uptime;
        self.queue.push(done, ScheduledEvent::ReplaceDone { node, uptime, replacement, blocking });
    }

    /// How long the next sync of a node takes.
    pub(super) fn sync_time(&mut self, node: usize) -> u64 {
        let key = self.ids[node].0 as u64;
        let slot = &mut self.slots[node];
        let ordinal = slot.syncs;
        slot.syncs += 1;
        let micros = self.draws.within(Purpose::SyncTime, key, 0, ordinal, self.disk_plan.sync_us);
        let extra =
            self.draws.within(Purpose::SlowSync, key, 0, ordinal, slot.disk_condition.slow_us);
        (micros + extra) * 1_000
    }

    fn halt(&mut self, node: usize, reason: &'static str, host: &mut impl NodeHost<N>) -> Flow {
        let asked = self.slots[node].stopping;
        self.crash_node(node, CrashKind::Crash, host);
        self.reports.push_back(Report::Halted { node, reason, asked });
        Flow::Fell
    }

    fn peer(&self, id: NodeId) -> usize {
        self.index_of(id).unwrap_or_else(|| panic!("there is no node {id} to send to"))
    }

    pub(super) fn hash_event(&mut self, node: usize, event: &Event) {
        if !self.hashing {
            return;
        }
        let hash = &mut self.fingerprint;
        hash.word(self.now);
        match event {
            Event::Booted => hash.pair(self.ids[node].0, 1),
            Event::Request { connection, from, message } => {
                hash.pair(self.ids[node].0, 2);
                hash.pair(from.0, connection.0 as i32);
                hash.request(message);
            }
            Event::Response { from, channel, message } => {
                hash.pair(self.ids[node].0, 3);
                hash.pair(from.0, channel_number(*channel) as i32);
                hash.response(message);
            }
            Event::Connected { to, channel } => {
                hash.pair(self.ids[node].0, 17);
                hash.pair(to.0, channel_number(*channel) as i32);
            }
            Event::ConnectionLost { to, channel } => {
                hash.pair(self.ids[node].0, 4);
                hash.pair(to.0, channel_number(*channel) as i32);
            }
            Event::ConnectionClosed { connection } => {
                hash.pair(self.ids[node].0, 5);
                hash.word(connection.0);
            }
            Event::FlushCompleted { token } => {
                hash.pair(self.ids[node].0, 6);
                hash.word(token.0);
            }
            Event::Invoked { operation, request } => {
                hash.pair(self.ids[node].0, 7);
                hash.word(operation.0);
                hash.operation(request);
            }
            Event::DeadlinePassed => hash.pair(self.ids[node].0, 8),
            Event::StopRequested => hash.pair(self.ids[node].0, 9),
            Event::LogDirectoryFailed { directory } => {
                hash.pair(self.ids[node].0, 24 + i32::from(directory.0));
            }
            Event::MetadataPublishing { stalled } => {
                hash.pair(self.ids[node].0, 18 + i32::from(*stalled));
            }
        }
    }

    fn hash_effect(&mut self, effect: &Effect) {
        if !self.hashing {
            return;
        }
        let hash = &mut self.fingerprint;
        match effect {
            Effect::Request { to, channel, message } => {
                hash.pair(20 + channel_number(*channel) as i32, to.0);
                hash.request(message);
            }
            Effect::Reply { connection, message } => {
                hash.pair(10, connection.0 as i32);
                hash.response(message);
            }
            Effect::Disconnect { to, channel } => {
                hash.pair(30 + channel_number(*channel) as i32, to.0);
            }
            Effect::Close { connection } => hash.pair(11, connection.0 as i32),
            Effect::Append { file, bytes } => {
                hash.pair(12, bytes.len() as i32);
                hash.file(*file);
                hash.records(Some(bytes));
            }
            Effect::Truncate { file, length } => {
                hash.pair(13, *length as i32);
                hash.file(*file);
            }
            Effect::Write { file, bytes } => {
                hash.word(14);
                hash.file(*file);
                hash.bytes(bytes);
            }
            Effect::Replace { file, bytes } => {
                hash.word(19);
                hash.file(*file);
                hash.bytes(bytes);
            }
            Effect::ReplaceInBackground { file, bytes } => {
                hash.word(20);
                hash.file(*file);
                hash.bytes(bytes);
            }
            Effect::Delete { file } => {
                hash.word(15);
                hash.file(*file);
            }
            Effect::Rename { from, to } => {
                hash.renamed(22, *from, *to);
            }
            Effect::Discard { partition } => hash.log_discarded(*partition),
            Effect::CreateLogDirectory { partition, directory } => {
                hash.log_created(*partition, *directory);
            }
            Effect::Sync { file } => {
                hash.word(16);
                hash.file(*file);
            }
            Effect::Flush { file, token } => {
                hash.pair(17, token.0 as i32);
                hash.file(*file);
            }
            Effect::Complete { operation, outcome } => {
                hash.pair(18, operation.0 as i32);
                hash.outcome(outcome);
            }
            Effect::Note(note) => hash.note(note),
            Effect::Halt { reason } => hash.bytes(reason.as_bytes()),
            Effect::Begin(begun) => hash.begun(begun),
        }
    }
}
