//! The life of a record: what happened, from its send to its last read, to whatever was at one offset of a partition.
//!
//! A run is the same each time, so nobody keeps all this while it is not known which record matters: a run that went
//! wrong is run again with [`RunOptions::follow`](crate::run::RunOptions::follow). Recorders only look; a run that is
//! followed has the digest of one that is not. Not told: requests and messages under way, which are in the trace; each
//! moment has the ordinal of its event to find it there.

mod consumer;
mod controller;
mod log;
mod producer;
mod quorum;
mod replication;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use harrow_broker_model::disk_image::FileId;
use harrow_broker_model::note::{AppendOrigin, BatchSummary, Note, TruncateReason};
use harrow_broker_model::record::RecordBatch;
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};
use serde::{Deserialize, Serialize};

use crate::history::{Completion, History, NEVER, NO_OFFSET, NO_PARTITION, Row};
use crate::truth::Loss;
use crate::view::{ClusterView, LogMirror};

/// A place whose records are followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Follow {
    /// Name of the partition, such as `orders-0`.
    pub partition: String,
    /// Offset in it.
    pub offset: i64,
}

/// What the metadata log is called.
pub const METADATA_NAME: &str = "__cluster_metadata-0";

/// Something that happened to a record that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// True time, in nanoseconds.
    pub at_ns: u64,
    /// Ordinal of the event in the run, as in the trace; none for what clients did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// At which node; none for what clients did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// What.
    #[serde(flatten)]
    pub kind: MomentKind,
}

/// What happened. "Here" is the offset that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum MomentKind {
    /// A client asked to send a record that is, or was, here.
    SendInvoked {
        /// The client's process.
        process: u32,
        /// The record's value.
        value: u64,
    },
    /// Its send ended.
    SendCompleted {
        /// The client's process.
        process: u32,
        /// The record's value.
        value: u64,
        /// How.
        completion: Completion,
        /// The offset that it was told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<i64>,
    },
    /// A node appended a record here.
    Appended {
        /// What.
        record: RecordIdentity,
        /// By its own decision, or copied.
        origin: AppendOrigin,
    },
    /// The node's own high watermark passed it.
    PassedByHighWatermark {
        /// What the node has here.
        record: RecordIdentity,
        /// Whether the node acts as leader.
        as_leader: bool,
        /// The new high watermark.
        high_watermark: i64,
    },
    /// It is committed: the true high watermark has passed it.
    Committed {
        /// What.
        record: RecordIdentity,
    },
    /// A leader acknowledged it.
    Acknowledged {
        /// What the producer had sent.
        record: RecordIdentity,
        /// As asked for: -1 is all.
        acks: i16,
        /// Whether it was recognised as one that is already there.
        duplicate: bool,
    },
    /// The process of a node that holds it ended.
    WentDown {
        /// What the node had here.
        record: RecordIdentity,
        /// Whether it may find less on its disk than it wrote.
        lossy: bool,
    },
    /// A node that has it, or had it, opened its log again.
    LogRecovered {
        /// What the node had here when it went down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<RecordIdentity>,
        /// What it has now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<RecordIdentity>,
    },
    /// A node cut it off its log.
    Truncated {
        /// What is gone there.
        record: RecordIdentity,
        /// The new log end.
        to: i64,
        /// Why.
        reason: TruncateReason,
    },
    /// A node's cleaner took it from its compacted log.
    Cleaned {
        /// What is gone there.
        record: RecordIdentity,
        /// The offset of a later record of its key, if that is why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced_by: Option<i64>,
    },
    /// A leader was elected while a record was here.
    Elected {
        /// The new epoch.
        leader_epoch: LeaderEpoch,
        /// Whether it is from outside ISR and ELR.
        unclean: bool,
        /// What the new leader has here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<RecordIdentity>,
    },
    /// It was lost from the committed sequence: the node leads without it.
    Lost {
        /// What.
        record: RecordIdentity,
        /// The epoch in which the node leads.
        leader_epoch: LeaderEpoch,
    },
    /// A leader gave it to a consumer.
    Served {
        /// What.
        record: RecordIdentity,
        /// To whom.
        consumer: NodeId,
    },
    /// A client's poll returned it.
    Polled {
        /// The client's process.
        process: u32,
        /// The value that was read.
        value: u64,
    },
}

/// Which record: another one may take the same offset later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordIdentity {
    /// Its value, if it is one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// The epoch of the leader that appended it first.
    pub leader_epoch: LeaderEpoch,
    /// Checksum of its batch.
    pub checksum: u32,
}

/// Where a recorder looks, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage<'a> {
    pub(crate) at_ns: u64,
    pub(crate) event: u64,
    pub(crate) node: NodeId,
    pub(crate) view: &'a ClusterView,
}

/// Tells the life of what is at one offset.
#[derive(Debug)]
pub(crate) struct BiographyRecorder {
    name: String,
    offset: Offset,
    /// Known once the topic is.
    partition: Option<TopicPartition>,
    /// Values of records that were here, by first offset and checksum of their batches.
    values: BTreeMap<(Offset, u32), u64>,
    /// What is committed here.
    committed: Option<RecordIdentity>,
    /// Losses seen.
    losses: usize,
    moments: Vec<Moment>,
}

impl BiographyRecorder {
    /// Of a record whose life has not begun.
    pub(crate) fn new(follow: &Follow) -> Self {
        Self {
            name: follow.partition.clone(),
            offset: Offset(follow.offset),
            partition: (follow.partition == METADATA_NAME).then_some(TopicPartition::METADATA),
            values: BTreeMap::new(),
            committed: None,
            losses: 0,
            moments: Vec::new(),
        }
    }

    /// A process is about to end.
    pub(crate) fn before_end(&mut self, stage: Stage<'_>, lossy: bool) {
        if let Some(record) = self.held(stage) {
            self.push(stage, MomentKind::WentDown { record, lossy });
        }
    }

    /// A note is about to be taken over.
    pub(crate) fn before_note(&mut self, stage: Stage<'_>, note: &Note) {
        match note {
            Note::Log(note) => self.on_log_note(stage, note),
            Note::Replication(note) => self.on_replication_note(stage, note),
            Note::Quorum(note) => self.on_quorum_note(stage, note),
            Note::Controller(note) => self.on_controller_note(stage, note),
            Note::Producer(note) => self.on_producer_note(stage, note),
            Note::Consumer(note) => self.on_consumer_note(stage, note),
            Note::Broker(_)
            | Note::Group(_)
            | Note::Transaction(_)
            | Note::Exchange(_)
            | Note::Share(_) => {}
        }
    }

    /// A note was taken over: what is committed here may be another record now.
    pub(crate) fn after_note(&mut self, stage: Stage<'_>) {
        if self.partition.is_none() {
            self.resolve(stage);
        }
        let Some(view) = self.partition.and_then(|partition| stage.view.partition(partition))
        else {
            return;
        };
        let now = self.occupant_of(&view.committed);
        let news = view.losses.get(self.losses..).unwrap_or_default();
        let loss = news.iter().find(|loss| loss.covers(self.offset.0)).copied();
        self.losses = view.losses.len();
        if let Some((loss, record)) = loss.zip(self.committed) {
            let Loss { leader, leader_epoch, .. } = loss;
            let stage = Stage { node: leader, ..stage };
            self.push(stage, MomentKind::Lost { record, leader_epoch });
        }
        if let Some(record) = now.filter(|_| loss.is_some() || now != self.committed) {
            self.push(stage, MomentKind::Committed { record });
        }
        self.committed = now;
    }

    /// Bytes are about to be written: notes name batches, and only the bytes have the values.
    pub(crate) fn on_append(&mut self, file: FileId, bytes: &Bytes) {
        let FileId::Segment { partition, .. } = file else { return };
        if self.partition != Some(partition) {
            return;
        }
        let Ok(batch) = RecordBatch::parse(bytes.clone()) else { return };
        let mut number = None;
        let read = batch.for_each_record(|record| {
            if record.offset == self.offset {
                number = RecordBatch::record_number(&record);
            }
        });
        if let Some(number) = number.filter(|_| read.is_ok()) {
            let summary = batch.summary();
            self.values.insert((summary.base_offset, summary.checksum), number.0);
        }
    }

    /// The whole life, in order of time; the history has what clients knew of it.
    pub(crate) fn finish(self, history: &History) -> Vec<Moment> {
        let position = history.partitions.iter().position(|name| *name == self.name);
        let Some(position) = position else { return self.moments };
        let place = (position as u32, self.offset.0);
        let mut values: BTreeSet<u64> = self.values.into_values().collect();
        values.extend(values_at(history, place));
        let operations = 0..history.len() as u32;
        let by_clients = operations.flat_map(|one| client_moments(history, one, place, &values));
        let mut all: Vec<(u8, Moment)> = by_clients.collect();
        all.extend(self.moments.into_iter().map(|moment| (1, moment)));
        all.sort_by_key(|(rank, moment)| (moment.at_ns, *rank));
        all.into_iter().map(|(_, moment)| moment).collect()
    }

    /// A high watermark of the node moved.
    fn on_high_watermark(&mut self, stage: Stage<'_>, as_leader: bool, from: Offset, to: Offset) {
        let passes = from <= self.offset && self.offset < to;
        if let Some(record) = self.held(stage).filter(|_| passes) {
            let high_watermark = to.0;
            let kind = MomentKind::PassedByHighWatermark { record, as_leader, high_watermark };
            self.push(stage, kind);
        }
    }

    /// Whether any record was appended here: elections before that are of no interest.
    fn has_begun(&self) -> bool {
        self.moments.iter().any(|one| matches!(one.kind, MomentKind::Appended { .. }))
    }

    /// Finds the partition by its name, once its topic is there: before anything is appended to it.
    fn resolve(&mut self, stage: Stage<'_>) {
        let Some((topic, index)) = self.name.rsplit_once('-') else { return };
        let (topic, index) = (stage.view.registry().incarnation(topic), index.parse());
        if let (Some(topic), Ok(partition)) = (topic, index) {
            self.partition = Some(TopicPartition { topic, partition });
        }
    }

    /// Whether this is the partition that is followed.
    fn follows(&self, partition: TopicPartition) -> bool {
        self.partition == Some(partition)
    }

    /// What the node has here.
    fn held(&self, stage: Stage<'_>) -> Option<RecordIdentity> {
        self.held_from(stage, Offset::ZERO)
    }

    /// What the node has here, if a cut at `to` takes it away: a batch is cut whole.
    fn held_from(&self, stage: Stage<'_>, to: Offset) -> Option<RecordIdentity> {
        let log = &stage.view.replica(stage.node, self.partition?)?.log;
        let entry = log.entry_at(self.offset).filter(|entry| entry.end() > to)?;
        let view = stage.view.partition(self.partition?)?;
        let is_there = !self.is_cleaned_away(view, stage.node, entry.batch.base_offset);
        self.occupant(&entry.batch).filter(|_| is_there)
    }

    /// The record of this batch that is here, unless a cleaner had taken it from the batch before it was copied.
    fn occupant_left(&self, stage: Stage<'_>, batch: &BatchSummary) -> Option<RecordIdentity> {
        let Some(view) = stage.view.partition(self.partition?) else { return self.occupant(batch) };
        let left = view.compaction.left_of(batch);
        let written = view.as_written(std::iter::once(*batch));
        let record = self.occupant(written.first()?);
        record.filter(|_| left.is_none_or(|left| left.contains(&self.offset)))
    }

    fn occupant_of(&self, log: &LogMirror) -> Option<RecordIdentity> {
        self.occupant(&log.entry_at(self.offset)?.batch)
    }

    /// The record of this batch that is here, if one is.
    fn occupant(&self, batch: &BatchSummary) -> Option<RecordIdentity> {
        let BatchSummary { base_offset, last_offset, leader_epoch, checksum, .. } = *batch;
        (base_offset..=last_offset).contains(&self.offset).then(|| RecordIdentity {
            value: self.values.get(&(base_offset, checksum)).copied(),
            leader_epoch,
            checksum,
        })
    }

    fn push(&mut self, stage: Stage<'_>, kind: MomentKind) {
        let Stage { at_ns, event, node, .. } = stage;
        self.moments.push(Moment { at_ns, event: Some(event), node: Some(node), kind });
    }
}

/// Values that clients were told, or told of, at a place.
fn values_at(history: &History, place: (u32, i64)) -> impl Iterator<Item = u64> {
    let sent = history.sends().iter().filter(move |send| (send.partition, send.offset) == place);
    let read = history.reads().iter().filter(move |read| (read.partition, read.offset) == place);
    sent.map(|send| send.value).chain(read.map(|read| read.value))
}

/// What a client did with the records of these values: its sends begin before, and its answers come after, what nodes
/// do at the same instant.
fn client_moments(
    history: &History,
    operation: u32,
    (partition, offset): (u32, i64),
    values: &BTreeSet<u64>,
) -> Vec<(u8, Moment)> {
    let Row { process, invoked_ns, completed_ns, completion, .. } = *history.row(operation);
    let mut moments = Vec::new();
    let mut push = |rank: u8, at_ns: u64, kind: MomentKind| {
        moments.push((rank, Moment { at_ns, event: None, node: None, kind }));
    };
    for send in &history.sends()[history.sends_of(operation)] {
        let value = send.value;
        let elsewhere = send.partition != NO_PARTITION && send.partition != partition;
        if elsewhere || !values.contains(&value) {
            continue;
        }
        push(0, invoked_ns, MomentKind::SendInvoked { process, value });
        if completed_ns != NEVER {
            let offset = Some(send.offset).filter(|offset| *offset != NO_OFFSET);
            let kind = MomentKind::SendCompleted { process, value, completion, offset };
            push(2, completed_ns, kind);
        }
    }
    for read in &history.reads()[history.reads_of(operation)] {
        if (read.partition, read.offset) == (partition, offset) {
            push(2, completed_ns, MomentKind::Polled { process, value: read.value });
        }
    }
    moments
}
