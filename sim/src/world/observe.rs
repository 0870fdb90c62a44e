//! Where notes and processes' lives go: the view of the true state, the watch over it, and the reach marks.

use std::collections::BTreeMap;

use bytes::Bytes;
use harrow_broker_model::collections::SortedMap;
use harrow_broker_model::disk_image::FileId;
use harrow_broker_model::log::Log;
use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::note::{LogNote, Note};
use harrow_broker_model::record::RecordBatch;
use harrow_broker_model::types::{
    ConnectionId, LeaderEpoch, LogDirectory, NodeId, Offset, TopicId, TopicPartition,
};

use super::disk::{FlushedLog, SoundLog};
use super::engine::{Boot, Moment, NodeHost};
use crate::acknowledgements::Acknowledgements;
use crate::biography::{BiographyRecorder, Moment as LifeMoment, Stage};
use crate::history::History;
use crate::plan::Plan;
use crate::reach::Tally;
use crate::run::RunOptions;
use crate::timeline::{ProcessState, Timeline, TimelineRecorder};
use crate::truth::PartitionTruth;
use crate::view::ClusterView;
use crate::violation::Violation;
use crate::watch::{AskedEnd, CoordinatorDeed, LastingFaults, Observer, ReplicaAudit};

/// Makes processes, and sees what they state.
#[derive(Debug)]
pub(crate) struct Observation<F> {
    boot: F,
    observer: Box<Observer>,
    /// Marks of the run.
    pub(crate) tally: Tally,
    /// Log ends as stated, to see which tails are gone when a log is opened again.
    log_ends: SortedMap<(NodeId, TopicPartition), Offset>,
    acknowledgements: Acknowledgements,
    /// Who tells the lives of the records that are followed; mostly nobody.
    recorders: Vec<BiographyRecorder>,
    /// Who tells how the true state changes; nobody in a sweep.
    timeline: Option<TimelineRecorder>,
}

impl<F> Observation<F> {
    /// Before anything runs.
    pub(crate) fn new(plan: &Plan, options: &RunOptions, boot: F) -> Self {
        let watched = if options.watch { Observer::new } else { Observer::without_invariants };
        let mut observer = Box::new(watched(plan));
        observer.expect_all_facts();
        Self {
            boot,
            observer,
            tally: Tally::default(),
            log_ends: SortedMap::default(),
            acknowledgements: Acknowledgements::default(),
            recorders: options.follow.iter().map(BiographyRecorder::new).collect(),
            timeline: options.record_trace.then(TimelineRecorder::default),
        }
    }

    /// The true state.
    pub(crate) fn view(&self) -> &ClusterView {
        self.observer.view()
    }

    /// An application tells its consumer where to read.
    pub(crate) fn consumer_assigned(&mut self, node: NodeId) {
        self.observer.consumer_assigned(node);
    }

    /// A consumer's question for an end offset, asked at a time, has run out of time.
    pub(crate) fn timed_out(&mut self, moment: Moment, asked_ns: u64) {
        self.observer.timed_out(moment.at_ns, moment.event, moment.node, asked_ns);
    }

    /// A producer tells what became of a record that it was given at a time.
    pub(crate) fn send_ended(&mut self, moment: Moment, sent_ns: u64) {
        self.observer.send_ended(moment.at_ns, moment.event, moment.node, sent_ns);
    }

    /// Compares a log with the mirror of it.
    pub(crate) fn audit(&mut self, moment: Moment, log: &Log) {
        let audit = ReplicaAudit {
            node: moment.node,
            partition: log.partition(),
            log_start_offset: log.log_start_offset(),
            log_end_offset: log.log_end_offset(),
            high_watermark: log.high_watermark(),
        };
        let batches = log.batches().map(RecordBatch::summary);
        self.observer.audit_replica(moment.at_ns, moment.event, audit, batches);
    }

    /// Compares how far a node's metadata is, and what it is, with the others'.
    pub(crate) fn audit_metadata(&mut self, moment: Moment, metadata: (Offset, u64)) {
        self.observer.audit_metadata(moment.at_ns, moment.event, moment.node, metadata);
    }

    /// Looks for logs that a node has and should not.
    pub(crate) fn audit_strays(&mut self, moment: Moment) {
        self.observer.audit_strays(moment.at_ns, moment.event, moment.node);
    }

    /// A fault began or ended: when all that is under way now has arrived, and which faults last.
    pub(crate) fn disturbed(&mut self, settles_ns: u64, lasting: &LastingFaults) {
        self.observer.disturbed(settles_ns, lasting);
    }

    /// The connections of a node were reset: when all that is under way now has arrived.
    pub(crate) fn connections_reset(&mut self, settles_ns: u64, node: NodeId) {
        self.observer.connections_reset(settles_ns, node);
    }

    /// A node's disk was emptied: it has forgotten what it had promised by it.
    pub(crate) fn wiped(&mut self, node: NodeId) {
        self.observer.disk_wiped(node);
    }

    /// A bit of one of a node's logs flipped.
    pub(crate) fn rotted(&mut self, node: NodeId, partition: TopicPartition) {
        self.observer.log_rotted(node, partition);
    }

    /// These nodes, and no others, are cut off, held still or on their way out by a fault.
    pub(crate) fn hindered(&mut self, nodes: &[NodeId]) {
        self.observer.set_hindered(nodes);
    }

    /// Topic names by id, as histories have them.
    pub(crate) fn topics(&self) -> BTreeMap<TopicId, String> {
        let registry = self.view().registry();
        let ids = registry.topics().keys();
        ids.filter_map(|id| Some((*id, registry.unique_name(*id)?))).collect()
    }

    /// What is true of a partition now.
    pub(crate) fn truth(&self, name: String, partition: Option<TopicPartition>) -> PartitionTruth {
        self.acknowledgements.truth(self.view(), name, partition)
    }

    /// Takes out the lives of the records that were followed; the history has what clients knew of them.
    pub(crate) fn take_biographies(&mut self, history: &History) -> Vec<Vec<LifeMoment>> {
        std::mem::take(&mut self.recorders)
            .into_iter()
            .map(|recorder| recorder.finish(history))
            .collect()
    }

    /// Takes out how the true state changed.
    pub(crate) fn take_timeline(&mut self) -> Option<Timeline> {
        self.timeline.take().map(TimelineRecorder::finish)
    }

    /// Has who tells how the true state changes look at it.
    fn record_state(&mut self, moment: Moment, process: Option<ProcessState>) {
        let Some(recorder) = &mut self.timeline else { return };
        let view = self.observer.view();
        let Moment { at_ns, event, node } = moment;
        if let Some(state) = process {
            recorder.process((at_ns, event), node, state);
        }
        recorder.look((at_ns, event), node, view);
    }

    /// Takes out what the invariants found.
    pub(crate) fn take_violations(&mut self) -> Vec<Violation> {
        self.observer.take_violations()
    }

    /// Has each recorder look at the state as it is.
    fn for_each_recorder(
        &mut self,
        moment: Moment,
        mut look: impl FnMut(&mut BiographyRecorder, Stage<'_>),
    ) {
        let view = self.observer.view();
        let Moment { at_ns, event, node } = moment;
        for recorder in &mut self.recorders {
            look(recorder, Stage { at_ns, event, node, view });
        }
    }

    fn mark_lost_tail(&mut self, node: NodeId, note: &Note) {
        if let Note::Log(LogNote::Appended { partition, batch, .. }) = note {
            self.log_ends.insert((node, *partition), batch.last_offset.next());
        } else if let Note::Log(LogNote::Truncated { partition, to, .. }) = note {
            self.log_ends.insert((node, *partition), *to);
        } else if let Note::Log(LogNote::Discarded { partition, .. }) = note {
            self.log_ends.remove(&(node, *partition));
        } else if let Note::Log(LogNote::Recovered { partition, log_end_offset, .. }) = note {
            let before = self.log_ends.insert((node, *partition), *log_end_offset);
            self.tally.add(
                "log-tail-lost",
                u64::from(before.is_some_and(|before| before > *log_end_offset)),
            );
        }
    }
}

impl<N, F: FnMut(Boot<'_>) -> N> NodeHost<N> for Observation<F> {
    fn boot(&mut self, boot: Boot<'_>) -> N {
        (self.boot)(boot)
    }

    fn started(&mut self, moment: Moment) {
        self.observer.process_started(moment.at_ns, moment.node);
        self.record_state(moment, Some(ProcessState::Up));
    }

    fn log_directory_failed(&mut self, moment: Moment, directory: LogDirectory) {
        self.observer.log_directory_failed(moment.node, directory);
    }

    fn log_directory_repaired(&mut self, moment: Moment, directory: LogDirectory, empty: bool) {
        self.observer.log_directory_repaired(moment.node, directory, empty);
    }

    fn ended(&mut self, moment: Moment, lossy: bool) {
        self.for_each_recorder(moment, |recorder, stage| recorder.before_end(stage, lossy));
        self.observer.process_ended(moment.at_ns, moment.node, lossy);
        let ended = if lossy { ProcessState::DownLossy } else { ProcessState::Down };
        self.record_state(moment, Some(ended));
    }

    fn flushed(&mut self, moment: Moment, partition: TopicPartition, log: &FlushedLog) {
        self.observer.log_flushed(moment.node, partition, &log.batches);
        self.observer.log_claimed(moment.node, partition, log.recovery_point, &log.durable);
    }

    fn persisted(&mut self, moment: Moment, durable: bool) {
        self.observer.disk_answers(moment.node, durable);
    }

    fn reopened(&mut self, moment: Moment, partition: TopicPartition, found: SoundLog) {
        self.observer.log_found(moment.node, partition, found.end, found.whole);
        self.observer.log_found_with_holes(moment.node, partition, found.with_holes);
    }

    fn quorum_fetched(&mut self, moment: Moment, by: NodeId, epoch: LeaderEpoch) {
        self.observer.quorum_fetched(moment.at_ns, moment.node, by, epoch);
    }

    fn asked(&mut self, moment: Moment, connection: ConnectionId, request: &Request) {
        let Moment { at_ns, event, node } = moment;
        self.observer.asked(at_ns, event, node, (connection, request));
    }

    fn answered(&mut self, moment: Moment, connection: ConnectionId, response: &Response) {
        let Moment { at_ns, event, node } = moment;
        self.observer.answered(at_ns, event, node, (connection, response));
    }

    fn connection_closed(&mut self, moment: Moment, connection: ConnectionId) {
        self.observer.connection_closed(moment.node, connection);
    }

    fn asked_nonsense(&mut self, moment: Moment, api: &'static str, by: NodeId) {
        self.observer.asked_nonsense(moment.at_ns, moment.event, moment.node, (api, by));
    }

    fn end_refused(&mut self, moment: Moment, asked: &AskedEnd) {
        self.observer.end_refused(moment.at_ns, moment.event, moment.node, asked);
    }

    fn coordinator_acts(&mut self, moment: Moment, deed: &CoordinatorDeed) {
        self.observer.coordinator_acts(moment.at_ns, moment.event, moment.node, deed);
    }

    fn blocked_changed(&mut self, moment: Moment, still: bool) {
        self.observer.process_blocked(moment.at_ns, moment.node, still);
    }

    fn noted(&mut self, moment: Moment, note: &Note) {
        self.tally.note(moment.node, note);
        self.mark_lost_tail(moment.node, note);
        self.acknowledgements.note(moment.at_ns, note);
        self.for_each_recorder(moment, |recorder, stage| recorder.before_note(stage, note));
        self.observer.observe(moment.at_ns, moment.event, moment.node, note);
        self.for_each_recorder(moment, BiographyRecorder::after_note);
        self.record_state(moment, None);
    }

    fn appends(&mut self, file: FileId, bytes: &Bytes) {
        for recorder in &mut self.recorders {
            recorder.on_append(file, bytes);
        }
    }
}
