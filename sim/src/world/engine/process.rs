//! The lives of processes and machines: start, crash, power loss, pause, graceful stop; faults of disks and clocks.

use std::collections::BTreeMap;

use harrow_broker_model::disk_image::FileId;
use harrow_broker_model::node::{Channel, Event, Node};
use harrow_broker_model::types::LogDirectory;

use super::slot::StalledSync;
use super::{Boot, Delivery, DiskCondition, Engine, NodeHost, Report, ScheduledEvent};
use crate::world::network::{LinkCondition, NodeCondition};

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CrashKind {
    /// It dies; the machine's page cache survives, its kernel resets the connections.
    Crash,
    /// The machine loses power.
    PowerLoss,
    /// It dies and its disk is emptied.
    Wipe,
    /// It dies, and a bit of a log has flipped by the time the next process reads it.
    Rot,
}

impl<N: Node> Engine<N> {
    /// Whether the process runs.
    pub(crate) fn runs(&self, node: usize) -> bool {
        self.slots[node].process.is_some()
    }

    /// Whether a graceful stop was asked for and has not ended.
    pub(crate) fn is_stopping(&self, node: usize) -> bool {
        self.slots[node].stopping
    }

    /// Whether the next write to the node's disk ends its process.
    pub(crate) fn disk_fails(&self, node: usize) -> bool {
        self.slots[node].disk_fails
    }

    /// Starts a process at a true time, unless another start is asked for or it runs by then.
    pub(crate) fn start_at(&mut self, node: usize, at_ns: u64) {
        let slot = &mut self.slots[node];
        slot.start_generation += 1;
        let generation = slot.start_generation;
        self.queue.push(at_ns.max(self.now), ScheduledEvent::Start { node, generation });
    }

    /// Whatever start was asked for does not happen.
    pub(crate) fn call_off_start(&mut self, node: usize) {
        self.slots[node].start_generation += 1;
    }

    /// The process of a node, if it runs.
    pub(crate) fn process(&self, node: usize) -> Option<&N> {
        self.slots[node].process.as_ref()
    }

    pub(super) fn on_start(&mut self, node: usize, generation: u64, host: &mut impl NodeHost<N>) {
        let id = self.ids[node];
        let slot = &self.slots[node];
        if slot.start_generation != generation || slot.process.is_some() {
            return;
        }
        self.slots[node].disk.mount(self.now);
        let slot = &self.slots[node];
        let (image, now) = (slot.disk.image(), slot.clock.now(self.now));
        self.incarnations += 1;
        let incarnation = self.incarnations;
        self.network.listen(self.now, node, &mut self.queue);
        host.started(self.moment(node));
        tracing::info!(at_ns = self.now, node = id.0, "the process starts");
        self.show_time();
        self.calling = Some(id);
        let process = host.boot(Boot { node: id, image: &image, incarnation, now });
        self.calling = None;
        self.slots[node].process = Some(process);
        self.report_blocked(node, host);
        self.reports.push_back(Report::Started { node });
        self.deliver(node, Delivery::Event(Event::Booted), host);
    }

    /// Ends a process that runs.
    pub(crate) fn crash_node(&mut self, node: usize, how: CrashKind, host: &mut impl NodeHost<N>) {
        let key = self.ids[node].0 as u64;
        if how == CrashKind::PowerLoss {
            self.report_flushed(node, host);
        }
        let slot = &mut self.slots[node];
        assert!(slot.process.take().is_some(), "node {key} does not run");
        for delivery in std::mem::take(&mut slot.inbox) {
            // The process did not live to see it.
            if let Delivery::Event(Event::LogDirectoryFailed { directory }) = delivery {
                self.fail_directory(node, directory, host);
            }
        }
        let slot = &mut self.slots[node];
        slot.stash.clear();
        slot.stalled_syncs.clear();
        slot.blocked = false;
        slot.stopping = false;
        slot.timer_at = None;
        slot.timer_generation += 1;
        slot.start_generation += 1;
        slot.uptime += 1;
        self.questions.ended(node);
        match how {
            CrashKind::Crash | CrashKind::Rot => {}
            CrashKind::PowerLoss => {
                slot.power_losses += 1;
                let write_back_ns = self.disk_plan.write_back_ms * 1_000_000;
                slot.disk.lose_power(self.now, write_back_ns, self.draws, (key, slot.power_losses));
            }
            CrashKind::Wipe => slot.disk.wipe(),
        }
        self.network.crash_node(self.now, node, how == CrashKind::PowerLoss, &mut self.queue);
        self.fingerprint.pair(-(key as i32), how as i32);
        host.ended(self.moment(node), how != CrashKind::Crash);
        let how = match how {
            CrashKind::Crash => "the process ends",
            CrashKind::PowerLoss => "the machine loses power",
            CrashKind::Wipe => "the process ends and its disk is wiped",
            CrashKind::Rot => "the process ends and a bit of its log flips",
        };
        self.announce(Some(self.ids[node]), "process-ended", how.to_owned());
    }

    fn report_flushed(&mut self, node: usize, host: &mut impl NodeHost<N>) {
        let moment = self.moment(node);
        let disk = &mut self.slots[node].disk;
        disk.write_back(self.now, self.disk_plan.write_back_ms * 1_000_000);
        for (partition, log) in disk.flushed_logs() {
            host.flushed(moment, partition, &log);
        }
    }

    /// Asks a process to stop gracefully.
    pub(crate) fn stop(&mut self, node: usize, host: &mut impl NodeHost<N>) {
        let slot = &mut self.slots[node];
        assert!(slot.process.is_some(), "node {} does not run", self.ids[node]);
        if !std::mem::replace(&mut slot.stopping, true) {
            self.deliver(node, Delivery::Event(Event::StopRequested), host);
        }
    }

    /// Lets the metadata publisher of a process stand still or go on. A process that starts publishes.
    pub(crate) fn set_publishing_stalled(
        &mut self,
        node: usize,
        stalled: bool,
        host: &mut impl NodeHost<N>,
    ) {
        let slot = &mut self.slots[node];
        let before = std::mem::replace(&mut slot.publishing_stalled, stalled);
        if before != stalled && slot.process.is_some() {
            self.deliver(node, Delivery::Event(Event::MetadataPublishing { stalled }), host);
        }
    }

    /// Lets a process stand still or go on. What came meanwhile is handled then, in order.
    pub(crate) fn set_paused(&mut self, node: usize, paused: bool, host: &mut impl NodeHost<N>) {
        let before = std::mem::replace(&mut self.slots[node].paused, paused);
        if before != paused {
            self.report_blocked(node, host);
        }
        if before && !paused {
            self.drain(node, host);
        }
    }

    /// Tells whether a process stands still.
    pub(super) fn report_blocked(&self, node: usize, host: &mut impl NodeHost<N>) {
        let still = self.slots[node].paused || self.slots[node].blocked;
        host.blocked_changed(self.moment(node), still);
    }

    /// Sets the faults of a disk; syncs that it held up and no longer does are done soon.
    pub(crate) fn set_disk_condition(&mut self, node: usize, condition: DiskCondition) {
        self.slots[node].disk_condition = condition;
        if condition.stalled {
            return;
        }
        for stalled in std::mem::take(&mut self.slots[node].stalled_syncs) {
            let done = self.now + self.sync_time(node);
            let uptime = self.slots[node].uptime;
            let happening = match stalled {
                StalledSync::Sync { mark } => ScheduledEvent::SyncDone { node, uptime, mark },
                StalledSync::Flush { mark, token } => {
                    ScheduledEvent::FlushDone { node, uptime, mark, token }
                }
                StalledSync::Rename { files } => ScheduledEvent::RenameDone { node, uptime, files },
                StalledSync::Discard { partition } => {
                    ScheduledEvent::DiscardDone { node, uptime, partition }
                }
                StalledSync::Replace { replacement, blocking } => {
                    ScheduledEvent::ReplaceDone { node, uptime, replacement, blocking }
                }
            };
            self.queue.push(done, happening);
        }
    }

    /// Whether a log directory of the node has failed, repaired or not.
    pub(crate) fn has_failed_directory(&self, node: usize) -> bool {
        self.slots[node].disk.any_failed()
    }

    /// These log directories of a node fail, and no others. One that no longer does works again for the next process,
    /// empty if its disk was replaced.
    pub(crate) fn set_failed_directories(
        &mut self,
        node: usize,
        failed: &BTreeMap<LogDirectory, bool>,
        host: &mut impl NodeHost<N>,
    ) {
        let before = std::mem::replace(&mut self.slots[node].failing, failed.clone());
        for (directory, replaced) in &before {
            if !failed.contains_key(directory) {
                self.slots[node].disk.repair(*directory, *replaced);
                host.log_directory_repaired(self.moment(node), *directory, *replaced);
            }
        }
        for directory in failed.keys().filter(|it| !before.contains_key(it)).copied() {
            if self.slots[node].process.is_some() {
                let event = Event::LogDirectoryFailed { directory };
                self.deliver(node, Delivery::Event(event), host);
            } else {
                self.fail_directory(node, directory, host);
            }
        }
    }

    /// A log directory of a node fails. If the fault is over by now, since the process did not take the news earlier,
    /// it works again for the next one.
    pub(super) fn fail_directory(
        &mut self,
        node: usize,
        directory: LogDirectory,
        host: &mut impl NodeHost<N>,
    ) {
        let slot = &mut self.slots[node];
        slot.disk.fail(directory);
        let is_over = !slot.failing.contains_key(&directory);
        if is_over {
            slot.disk.repair(directory, false);
        }
        host.log_directory_failed(self.moment(node), directory);
        if is_over {
            host.log_directory_repaired(self.moment(node), directory, false);
        }
    }

    /// The next write or sync of a node fails, or, if `fails` is false, no longer does.
    pub(crate) fn fail_disk(&mut self, node: usize, fails: bool) {
        self.slots[node].disk_fails = fails;
    }

    /// Flips a bit of a log segment.
    pub(crate) fn rot(&mut self, node: usize, key: u64) -> Option<FileId> {
        self.slots[node].disk.rot(self.draws, key)
    }

    /// Flips a bit of a log's newest segment, where the next process finds it if this one does not stop cleanly.
    pub(crate) fn rot_newest(&mut self, node: usize, key: u64) -> Option<FileId> {
        self.slots[node].disk.rot_newest(self.draws, key)
    }

    /// What the node would find on its disk if it booted now.
    #[cfg(test)]
    pub(crate) fn image(&self, node: usize) -> harrow_broker_model::disk_image::DiskImage {
        self.slots[node].disk.image()
    }

    /// A node's wall clock jumps.
    pub(crate) fn step_clock(&mut self, node: usize, by_ms: i64) {
        self.slots[node].clock.step_wall(by_ms);
    }

    /// A node's clocks run at another speed from now on.
    pub(crate) fn drift_clock(&mut self, node: usize, ppm: i32) {
        let now = self.now;
        self.slots[node].clock.drift(now, ppm);
        // The timer in the heap was computed at the old speed.
        self.slots[node].timer_generation += 1;
        self.slots[node].timer_at = None;
        self.rearm(node);
    }

    /// All connections of a node are reset.
    pub(crate) fn reset_connections(&mut self, node: usize) {
        self.network.reset_all(self.now, node, &mut self.queue);
    }

    /// The channels of the connections that a node has accepted.
    pub(crate) fn accepted_channels(&mut self, node: usize) -> Vec<Channel> {
        self.network.accepted_channels(node)
    }

    /// The connections of which a node has an end, by id.
    pub(crate) fn connections_of(&self, node: usize) -> Vec<u64> {
        self.network.open_ends(node)
    }

    /// Sets the faults of the network as a whole; `stalled` are the connections that pass nothing, ascending.
    pub(crate) fn set_network_conditions(
        &mut self,
        links: &[LinkCondition],
        nodes: &[NodeCondition],
        stalled: &[u64],
    ) {
        self.network.set_stalled(stalled);
        self.network.set_conditions(self.now, links, nodes, &mut self.queue);
    }
}
