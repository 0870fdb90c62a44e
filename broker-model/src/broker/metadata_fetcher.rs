//! Observer of the metadata log: fetches it from the quorum's leader and applies what is committed to the image.
//!
//! A broker keeps no metadata on its disk: at boot it fetches a snapshot, if the leader has one, and what follows that.
//! Kafka keeps a copy of the log with snapshots; what a broker does with it is the same. Source: KIP-595 (observers),
//! KIP-630, Kafka's `MetadataLoader`.

use bytes::Bytes;

use crate::broker::context::{Context, RETRY_BACKOFF_MS};
use crate::config::{ClusterConfig, ms};
use crate::message::{
    ClusterError, FetchSnapshotResponse, QuorumFetchRequest, QuorumFetchResponse, QuorumRequest,
    RequestBody,
};
use crate::metadata::{
    CommittedGone, FetchedLog, FetchingSnapshot, MetadataImage, MetadataRecord, Part,
    decode_snapshot,
};
use crate::node::{COMMITTED_METADATA_GONE, Channel, Deadline, Effect, Effects};
use crate::note::{Api, ControllerNote, ExchangeNote, MetadataChange, QuorumNote, Standing};
use crate::record::RecordBatch;
use crate::types::{
    CorrelationId, DirectoryId, LeaderEpoch, NodeId, Offset, SnapshotId, Time, TopicId,
    TopicPartition,
};
use crate::voter_set::ReplicaKey;

/// Fetches and applies metadata.
#[derive(Debug)]
pub(super) struct MetadataFetcher {
    image: MetadataImage,
    log: FetchedLog,
    /// Whether what is committed is kept, unapplied, until the publisher goes on.
    stalled: bool,
    /// A snapshot that takes the place of all that was applied, before the rest.
    loaded: Option<(SnapshotId, MetadataImage)>,
    unpublished: Vec<RecordBatch>,
    /// The snapshot that is being fetched, and of which epoch's leader.
    fetching: Option<(LeaderEpoch, FetchingSnapshot)>,
    in_flight: Option<InFlight>,
    next_at: Time,
    /// When the question was asked that was answered last.
    asked_at: Time,
    /// All that was committed then is applied.
    learned_at: Time,
}

#[derive(Debug, Clone, Copy)]
struct InFlight {
    correlation_id: CorrelationId,
    to: NodeId,
    sent_at: Time,
    deadline: Time,
    asked: Standing,
}

/// What a response changed.
#[derive(Debug)]
pub(super) struct Applied {
    /// End of the metadata before.
    pub(super) from: Offset,
    /// Partitions whose registration changed, each once, in order.
    pub(super) partitions: Vec<TopicPartition>,
    /// Topics that are gone.
    pub(super) deleted: Vec<(TopicId, String)>,
    /// Whether a broker's registration changed.
    pub(super) brokers: bool,
}

impl MetadataFetcher {
    /// Knows nothing yet.
    pub(super) fn new(now: Time) -> Self {
        Self {
            image: MetadataImage::default(),
            log: FetchedLog::default(),
            stalled: false,
            loaded: None,
            fetching: None,
            unpublished: Vec::new(),
            in_flight: None,
            next_at: now,
            asked_at: now,
            learned_at: now,
        }
    }

    /// All that was committed at this time is applied.
    pub(super) fn learned_at(&self) -> Time {
        self.learned_at
    }

    /// What is applied is committed, and what waits to be applied comes right behind it: nothing, unless the publisher
    /// stands still.
    pub(super) fn self_check(&self) {
        let (applied, committed) = (self.image.end_offset, self.log.known_high_watermark());
        assert!(
            applied <= committed.max(Offset::ZERO),
            "metadata is applied to {applied}, and committed to {committed}"
        );
        let next = self.unpublished.first().map(RecordBatch::base_offset);
        let due = self.loaded.as_ref().map_or(applied, |(loaded, _)| loaded.end_offset);
        assert!(
            next.is_none_or(|next| self.stalled && next == due),
            "metadata from {next:?} on waits to be applied, {due} is next; stands still: {}",
            self.stalled
        );
    }

    /// The metadata as applied.
    pub(super) fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// Sends the next fetch if it is due, and gives up on one that was not answered in time.
    pub(super) fn tick(&mut self, now: Time, context: &mut Context, effects: &mut Effects) {
        if let Some(sent) = self.in_flight.filter(|sent| sent.deadline <= now) {
            effects.push(Effect::Disconnect { to: sent.to, channel: Channel::QuorumFetch });
            self.fail(sent.to, now, context);
        }
        if self.in_flight.is_none() && self.next_at <= now {
            self.send(now, context, effects);
        }
    }

    fn send(&mut self, now: Time, context: &mut Context, effects: &mut Effects) {
        let to = context.controllers.target();
        let body = self.request(context);
        let correlation_id = context.send(to, Channel::QuorumFetch, body, effects);
        let (deadline, asked) = (deadline(now, &context.config), self.standing(context));
        self.in_flight = Some(InFlight { correlation_id, to, sent_at: now, deadline, asked });
    }

    /// The next part of a snapshot, if its leader still leads as far as this broker knows; else the log.
    fn request(&mut self, context: &Context) -> RequestBody {
        let epoch = context.controllers.epoch();
        let leads = context.controllers.known().is_some();
        self.fetching.take_if(|(of, _)| *of != epoch || !leads);
        if let Some((_, fetching)) = &self.fetching {
            let bytes_max = context.config.metadata_log.fetch_snapshot_max_bytes;
            let replica = ReplicaKey { id: context.node, directory: DirectoryId::UNASSIGNED };
            let part = fetching.request(replica, epoch, bytes_max);
            return RequestBody::Quorum(QuorumRequest::FetchSnapshot(Box::new(part)));
        }
        RequestBody::QuorumFetch(Box::new(QuorumFetchRequest {
            replica: context.node,
            replica_directory: DirectoryId::UNASSIGNED,
            epoch,
            fetch_offset: self.log.end(),
            last_fetched_epoch: self.log.last_fetched_epoch(),
            high_watermark: self.log.known_high_watermark(),
            wait_max_ms: context.config.quorum_fetch_wait_max_ms,
        }))
    }

    /// The epoch of the quorum that this broker knows, and where its copy of the log ends.
    fn standing(&self, context: &Context) -> Standing {
        let epoch = i64::from(context.controllers.epoch().0);
        Standing { epoch, position: self.log.end().0 }
    }

    /// Takes an answer; says what changed, if anything did.
    ///
    /// # Errors
    /// What was applied is not in the leader's log: the quorum lost committed metadata. The process must end and read
    /// all of it anew, as in Kafka, where an observer that would cut below its high watermark ends.
    pub(super) fn on_response(
        &mut self,
        now: Time,
        from: NodeId,
        correlation_id: CorrelationId,
        response: &QuorumFetchResponse,
        context: &mut Context,
        effects: &mut Effects,
    ) -> Result<Option<Applied>, &'static str> {
        let Some(asked) = self.answered(now, (from, correlation_id)) else { return Ok(None) };
        if response.error.is_some() || response.epoch < context.controllers.epoch() {
            let fenced = response.error == Some(ClusterError::FencedLeaderEpoch);
            self.refused(now, from, (response.epoch, response.leader, fenced), context);
            return Ok(None);
        }
        if response.diverging.is_some() || !response.batches.is_empty() {
            let (partition, own) = (Some(TopicPartition::METADATA), self.standing(context));
            let api = Api::QuorumFetch;
            effects.note(ExchangeNote::AnswerApplied { api, partition, asked, own });
        }
        context.controllers.learned(response.epoch, response.leader);
        if let Some(snapshot) = response.snapshot {
            self.fetching = Some((response.epoch, FetchingSnapshot::new(snapshot)));
            return Ok(None);
        }
        if let Some(leader_end) = response.diverging {
            let cut = self.log.truncate(leader_end);
            return cut.map(|()| None).map_err(|CommittedGone| COMMITTED_METADATA_GONE);
        }
        let defects = context.config.defects;
        if !self.log.append(&response.batches, defects) {
            self.next_at = now + ms(RETRY_BACKOFF_MS);
            return Ok(None);
        }
        self.unpublished.extend(self.log.commit(response.high_watermark, defects));
        if !self.stalled && self.log.end() >= response.high_watermark {
            self.learned_at = self.asked_at;
        }
        Ok(self.publishable(effects))
    }

    /// The publisher stands still, or goes on: then it takes all that was committed meanwhile as one change.
    pub(super) fn stall(&mut self, stalled: bool, effects: &mut Effects) -> Option<Applied> {
        self.stalled = stalled;
        self.publishable(effects)
    }

    fn publishable(&mut self, effects: &mut Effects) -> Option<Applied> {
        if self.stalled || self.unpublished.is_empty() && self.loaded.is_none() {
            return None;
        }
        let mut applied = Applied {
            from: self.image.end_offset,
            partitions: Vec::new(),
            deleted: Vec::new(),
            brokers: false,
        };
        if let Some((snapshot, image)) = self.loaded.take() {
            self.load(snapshot, image, &mut applied, effects);
        }
        let committed = std::mem::take(&mut self.unpublished);
        self.apply(&committed, &mut applied, effects);
        Some(applied)
    }

    /// The request that an answer is to, which waits no longer; nothing if none waits for it.
    fn answered(
        &mut self,
        now: Time,
        (from, correlation_id): (NodeId, CorrelationId),
    ) -> Option<Standing> {
        let awaited =
            |sent: &mut InFlight| sent.to == from && sent.correlation_id == correlation_id;
        let InFlight { asked, sent_at, .. } = self.in_flight.take_if(awaited)?;
        self.asked_at = sent_at;
        self.next_at = now;
        Some(asked)
    }

    /// Takes a part of a snapshot. Of the last one, says what changed.
    ///
    /// # Errors
    /// The snapshot is not beyond what was applied: the quorum lost committed metadata.
    pub(super) fn on_part(
        &mut self,
        now: Time,
        (from, correlation_id): (NodeId, CorrelationId),
        part: &FetchSnapshotResponse,
        context: &mut Context,
        effects: &mut Effects,
    ) -> Result<Option<Applied>, &'static str> {
        let Some(asked) = self.answered(now, (from, correlation_id)) else { return Ok(None) };
        if part.error == Some(ClusterError::SnapshotNotFound) {
            // The leader has deleted it meanwhile: the next fetch names another one.
            self.fetching = None;
            return Ok(None);
        }
        if part.error.is_some() || part.epoch < context.controllers.epoch() {
            let fenced = part.error == Some(ClusterError::FencedLeaderEpoch);
            self.refused(now, from, (part.epoch, part.leader, fenced), context);
            return Ok(None);
        }
        let Some((_, fetching)) = &mut self.fetching else { return Ok(None) };
        let (id, own) = (
            fetching.id(),
            Standing { position: self.log.end().0, epoch: i64::from(part.epoch.0) },
        );
        let (api, partition) = (Api::FetchSnapshot, Some(TopicPartition::METADATA));
        effects.note(ExchangeNote::AnswerApplied { api, partition, asked, own });
        if let Part::Last(bytes) = fetching.take(part) {
            self.fetching = None;
            self.take_snapshot(id, &bytes)?;
        }
        Ok(self.publishable(effects))
    }

    /// A snapshot is whole: the log goes on from its end.
    fn take_snapshot(&mut self, id: SnapshotId, bytes: &Bytes) -> Result<(), &'static str> {
        if !self.log.is_overtaken_by(id) {
            return Err(COMMITTED_METADATA_GONE);
        }
        let (image, _) = decode_snapshot(bytes).expect("a leader gives what it has read");
        self.log = FetchedLog::after(id);
        self.unpublished.clear();
        self.loaded = Some((id, image));
        Ok(())
    }

    /// The metadata is that of a snapshot from here on. What changed is what differs. Source: `MetadataDelta`,
    /// `MetadataLoader.handleLoadSnapshot`.
    fn load(
        &mut self,
        snapshot: SnapshotId,
        image: MetadataImage,
        applied: &mut Applied,
        effects: &mut Effects,
    ) {
        let digest = image.digest();
        effects.note(QuorumNote::SnapshotLoaded { snapshot, digest });
        let before = std::mem::replace(&mut self.image, image);
        applied.brokers |= before.brokers != self.image.brokers;
        let is_gone = |topic: &TopicId| !self.image.topics.contains_key(topic);
        let gone = before.topics.iter().filter(|(topic, _)| is_gone(topic));
        applied.deleted.extend(gone.map(|(topic, config)| (*topic, config.name.clone())));
        let is_news = |partition: &TopicPartition| {
            self.image.partitions.get(partition) != before.partitions.get(partition)
                || self.image.topic_of(*partition) != before.topic_of(*partition)
        };
        applied.partitions.extend(self.image.partitions.keys().filter(is_news));
    }

    /// Learns who leads. An old epoch is no failure of who says so: the fetch is made again in the new one.
    fn refused(
        &mut self,
        now: Time,
        from: NodeId,
        (epoch, leader, fenced): (LeaderEpoch, Option<NodeId>, bool),
        context: &mut Context,
    ) {
        if fenced && leader.is_some() && epoch > context.controllers.epoch() {
            context.controllers.learned(epoch, leader);
            return;
        }
        // The pause holds off two nodes that point at each other while an election is under way.
        self.fail(from, now, context);
        let hint = leader.filter(|leader| *leader != from);
        context.controllers.learned(epoch, hint);
    }

    fn apply(&mut self, batches: &[RecordBatch], applied: &mut Applied, effects: &mut Effects) {
        for batch in batches {
            let controller_epoch = batch.leader_epoch();
            let records = batch.records().expect("a committed metadata batch has a readable body");
            for record in records {
                let value = record.value.as_ref().expect("every metadata record has a value");
                let decoded = MetadataRecord::decode(value)
                    .expect("a batch with a right checksum holds our encoding");
                self.apply_record(record.offset, &decoded, controller_epoch, applied, effects);
            }
        }
        applied.partitions.sort_unstable();
        applied.partitions.dedup();
        // What was changed and then deleted is deleted.
        applied.partitions.retain(|partition| self.image.partitions.contains_key(partition));
    }

    fn apply_record(
        &mut self,
        offset: Offset,
        record: &MetadataRecord,
        controller_epoch: LeaderEpoch,
        applied: &mut Applied,
        effects: &mut Effects,
    ) {
        assert!(
            offset == self.image.end_offset,
            "metadata record {offset} after end {}",
            self.image.end_offset
        );
        if let MetadataRecord::RemoveTopic { topic } = record
            && let Some(known) = self.image.topics.get(topic)
        {
            applied.deleted.push((*topic, known.name.clone()));
        }
        let change = self.image.apply(offset, record);
        if let MetadataChange::PartitionChanged { partition, .. } = &change {
            applied.partitions.push(*partition);
        } else if let MetadataChange::RetentionChanged { topic, .. }
        | MetadataChange::TopicReconfigured { topic, .. } = &change
        {
            let all = self.image.partitions.keys();
            applied.partitions.extend(all.filter(|partition| partition.topic == *topic));
        }
        applied.brokers |= matches!(
            change,
            MetadataChange::BrokerRegistered { .. }
                | MetadataChange::BrokerChanged { .. }
                | MetadataChange::BrokerUnregistered { .. }
        );
        let change = Box::new(change);
        effects.note(ControllerNote::MetadataApplied { offset, controller_epoch, change });
    }

    /// The fetch connection to a controller stands.
    pub(super) fn on_connected(&mut self, now: Time, to: NodeId, config: &ClusterConfig) {
        if let Some(sent) = self.in_flight.as_mut().filter(|sent| sent.to == to) {
            sent.deadline = deadline(now, config);
        }
    }

    /// The fetch connection to a controller is gone.
    pub(super) fn on_connection_lost(&mut self, now: Time, to: NodeId, context: &mut Context) {
        if self.in_flight.is_some_and(|sent| sent.to == to) {
            self.fail(to, now, context);
        }
    }

    fn fail(&mut self, to: NodeId, now: Time, context: &mut Context) {
        context.controllers.failed(to);
        self.in_flight = None;
        self.next_at = now + ms(RETRY_BACKOFF_MS);
    }

    /// When this part has something to do.
    pub(super) fn deadline(&self) -> Deadline {
        match self.in_flight {
            Some(sent) => Deadline { at: sent.deadline, why: "metadata fetch times out" },
            None => Deadline { at: self.next_at, why: "metadata fetch is due" },
        }
    }
}

/// When the answer to what is sent now is too late.
fn deadline(now: Time, config: &ClusterConfig) -> Time {
    now + ms(config.quorum_fetch_timeout_ms.max(2 * config.quorum_fetch_wait_max_ms))
}
