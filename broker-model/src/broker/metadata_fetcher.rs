//! Observer of the metadata log: fetches it from the quorum's leader and applies what is committed to the image.
//!
//! A broker keeps no metadata on its disk: at boot it fetches from offset 0. Kafka keeps a copy of the log; what a
//! broker does with it is the same. Source: KIP-595 (observers), KIP-630, Kafka's `MetadataLoader`.

use crate::broker::context::{Context, RETRY_BACKOFF_MS};
use crate::config::ms;
use crate::message::{ClusterError, QuorumFetchRequest, QuorumFetchResponse, RequestBody};
use crate::metadata::{CommittedGone, FetchedLog, MetadataImage, MetadataRecord};
use crate::node::{COMMITTED_METADATA_GONE, Channel, Deadline, Effect, Effects};
use crate::note::{Api, ControllerNote, ExchangeNote, MetadataChange, Standing};
use crate::record::RecordBatch;
use crate::types::{CorrelationId, LeaderEpoch, NodeId, Offset, Time, TopicId, TopicPartition};

/// Fetches and applies metadata.
#[derive(Debug)]
pub(super) struct MetadataFetcher {
    image: MetadataImage,
    log: FetchedLog,
    /// Whether what is committed is kept, unapplied, until the publisher goes on.
    stalled: bool,
    unpublished: Vec<RecordBatch>,
    in_flight: Option<InFlight>,
    next_at: Time,
}

#[derive(Debug, Clone, Copy)]
struct InFlight {
    correlation_id: CorrelationId,
    to: NodeId,
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
            unpublished: Vec::new(),
            in_flight: None,
            next_at: now,
        }
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
        assert!(
            next.is_none_or(|next| self.stalled && next == applied),
            "metadata from {next:?} on waits to be applied, {applied} is next; stands still: {}",
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
        let request = QuorumFetchRequest {
            replica: context.node,
            epoch: context.controllers.epoch(),
            fetch_offset: self.log.end(),
            last_fetched_epoch: self.log.last_fetched_epoch(),
            high_watermark: self.log.known_high_watermark(),
            wait_max_ms: context.config.quorum_fetch_wait_max_ms,
        };
        let to = context.controllers.target();
        let body = RequestBody::QuorumFetch(request);
        let correlation_id = context.send(to, Channel::QuorumFetch, body, effects);
        let patience =
            context.config.quorum_fetch_timeout_ms.max(2 * context.config.quorum_fetch_wait_max_ms);
        let (deadline, asked) = (now + ms(patience), self.standing(context));
        self.in_flight = Some(InFlight { correlation_id, to, deadline, asked });
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
        let awaited =
            |sent: &mut InFlight| sent.to == from && sent.correlation_id == correlation_id;
        let Some(InFlight { asked, .. }) = self.in_flight.take_if(awaited) else {
            return Ok(None);
        };
        self.next_at = now;
        if response.error.is_some() || response.epoch < context.controllers.epoch() {
            self.refused(now, from, response, context);
            return Ok(None);
        }
        if response.diverging.is_some() || !response.batches.is_empty() {
            let (partition, own) = (Some(TopicPartition::METADATA), self.standing(context));
            let api = Api::QuorumFetch;
            effects.note(ExchangeNote::AnswerApplied { api, partition, asked, own });
        }
        context.controllers.learned(response.epoch, response.leader);
        if let Some(leader_end) = response.diverging {
            let cut = self.log.truncate(leader_end);
            return cut.map(|()| None).map_err(|CommittedGone| COMMITTED_METADATA_GONE);
        }
        if !self.log.append(&response.batches, context.config.defects) {
            self.next_at = now + ms(RETRY_BACKOFF_MS);
            return Ok(None);
        }
        self.unpublished.extend(self.log.commit(response.high_watermark));
        Ok(self.publishable(effects))
    }

    /// The publisher stands still, or goes on: then it takes all that was committed meanwhile as one change.
    pub(super) fn stall(&mut self, stalled: bool, effects: &mut Effects) -> Option<Applied> {
        self.stalled = stalled;
        self.publishable(effects)
    }

    fn publishable(&mut self, effects: &mut Effects) -> Option<Applied> {
        if self.stalled || self.unpublished.is_empty() {
            return None;
        }
        let committed = std::mem::take(&mut self.unpublished);
        Some(self.apply(&committed, effects))
    }

    /// Learns who leads. An old epoch is no failure of who says so: the fetch is made again in the new one.
    fn refused(
        &mut self,
        now: Time,
        from: NodeId,
        response: &QuorumFetchResponse,
        context: &mut Context,
    ) {
        let leader = response.leader;
        let fenced = response.error == Some(ClusterError::FencedLeaderEpoch);
        if fenced && leader.is_some() && response.epoch > context.controllers.epoch() {
            context.controllers.learned(response.epoch, leader);
            return;
        }
        // The pause holds off two nodes that point at each other while an election is under way.
        self.fail(from, now, context);
        let hint = leader.filter(|leader| *leader != from);
        context.controllers.learned(response.epoch, hint);
    }

    fn apply(&mut self, batches: &[RecordBatch], effects: &mut Effects) -> Applied {
        let mut applied = Applied {
            from: self.image.end_offset,
            partitions: Vec::new(),
            deleted: Vec::new(),
            brokers: false,
        };
        for batch in batches {
            let controller_epoch = batch.leader_epoch();
            let records = batch.records().expect("a committed metadata batch has a readable body");
            for record in records {
                let value = record.value.as_ref().expect("every metadata record has a value");
                let decoded = MetadataRecord::decode(value)
                    .expect("a batch with a right checksum holds our encoding");
                self.apply_record(record.offset, &decoded, controller_epoch, &mut applied, effects);
            }
        }
        applied.partitions.sort_unstable();
        applied.partitions.dedup();
        // What was changed and then deleted is deleted.
        applied.partitions.retain(|partition| self.image.partitions.contains_key(partition));
        applied
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
        } else if let MetadataChange::RetentionChanged { topic, .. } = &change {
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
