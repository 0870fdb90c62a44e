//! `ShareFetch` with the acknowledgements that ride on it. Source: KIP-932, Kafka's
//! `KafkaApis.handleShareFetchRequest`, `SharePartitionManager`, `DelayedShareFetch`.
//!
//! Acknowledgements come first and are answered with the fetch: it waits until they are stored. Then it waits for
//! records to acquire, as long as it may. Whatever gives records back, or moves a full window, looks at who waits.

use super::state::{Asking, Led, Waiting};
use super::tickets::AckTicket;
use crate::broker::Broker;
use crate::broker::connections::Caller;
use crate::broker::share::sessions::Closed;
use crate::broker::share::share_partition::SharePartition;
use crate::config::ms;
use crate::defect::{Defects, ShareDefect};
use crate::log::Log;
use crate::message::{ClientResponse, ResponseBody};
use crate::node::Effects;
use crate::note::{Api, ExchangeNote, ShareNote};
use crate::proto::ErrorCode;
use crate::record::RecordBatch;
use crate::share_message::{
    AcquiredRecords, ShareFetchRequest, ShareFetchResponse, ShareFetchedPartition,
    SharePartitionKey,
};
use crate::types::{ConnectionId, Now, Offset, TopicPartition};

impl Broker {
    pub(in crate::broker) fn on_share_fetch(
        &mut self,
        now: Now,
        caller: Caller,
        request: Box<ShareFetchRequest>,
        effects: &mut Effects,
    ) {
        let member = (request.group.clone(), request.member.clone());
        let (named, awaited) = (request.session_epoch, self.shares.sessions.awaited(&member));
        let opened = self.shares.sessions.request(&member, named, caller.connection);
        match opened {
            Err(error) => {
                return self.reply_share(caller, ShareFetchResponse::refused(error), effects);
            }
            Ok(Some(session)) => {
                let (group, member) = member;
                effects.note(ShareNote::SessionOpened { group, member, session });
            }
            Ok(None) => {
                if let Some(own) = awaited.filter(|own| *own != named) {
                    let api = Api::ShareFetch;
                    effects.note(ExchangeNote::served(api, caller.from, named, own));
                }
            }
        }
        let until = now.time + ms(request.wait_max_ms);
        let (mut undecided, mut acknowledged) = (0, Vec::new());
        for (at, (partition, told)) in request.acknowledgements.iter().enumerate() {
            let key = SharePartitionKey { partition: *partition, group: request.group.clone() };
            let ticket = AckTicket { caller, at };
            let taken = match self.shares.led.get_mut(&key) {
                // What was held in another session is not acknowledged in a new one.
                _ if request.session_epoch == 0 => Err(ErrorCode::InvalidShareSessionEpoch),
                None => Err(ErrorCode::NotLeaderOrFollower),
                Some(led) => led.share.acknowledge(&request.member, ticket, told, effects),
            };
            undecided += usize::from(taken == Ok(true));
            acknowledged.push((*partition, taken.err()));
        }
        for partition in &request.partitions {
            self.lead_share(*partition, &request.group);
        }
        self.shares.waiting.push(Waiting { caller, request, until, undecided, acknowledged });
        (self.shares.woken, self.shares.log_moved) = (true, true);
        self.run_shares(now, effects);
    }

    /// The share-partition of a partition that this broker leads begins with the first fetch. Source:
    /// `SharePartitionManager.getOrCreateSharePartition`.
    fn lead_share(&mut self, partition: TopicPartition, group: &str) {
        let Some(known) = self.partitions.get(&partition).filter(|known| known.is_leader()) else {
            return;
        };
        let key = SharePartitionKey { partition, group: group.to_owned() };
        if !self.shares.led.contains_key(&key) {
            let config = &self.context.config;
            let rules = (config.coordinators.share_groups, config.defects);
            let share = SharePartition::new(key.clone(), known.leader_epoch(), rules);
            self.shares
                .led
                .insert(key, Led { share, asking: Asking::Idle, question: 0, since: None });
        }
    }

    fn reply_share(&mut self, caller: Caller, response: ShareFetchResponse, effects: &mut Effects) {
        let body = ResponseBody::Client(ClientResponse::ShareFetch(Box::new(response)));
        self.connections.reply(caller, body, effects);
    }

    /// Answers who waits for records that are there, and who has waited long enough.
    pub(super) fn answer_waiting(&mut self, now: Now, effects: &mut Effects) {
        let log_moved = std::mem::take(&mut self.shares.log_moved);
        let misses = self.context.config.defects.has(ShareDefect::WindowNotWoken);
        let woken = std::mem::take(&mut self.shares.woken) && (log_moved || !misses);
        let mut at = 0;
        while let Some(waiting) = self.shares.waiting.get(at) {
            let late = waiting.until <= now.time;
            let due = late || woken && self.has_share_records(waiting);
            if waiting.undecided > 0 || !due {
                at += 1;
                continue;
            }
            let waiting = self.shares.waiting.remove(at);
            self.answer_share_fetch(now, &waiting, effects);
        }
    }

    /// Whether there is something to tell: records, or that they are to be had elsewhere.
    fn has_share_records(&self, waiting: &Waiting) -> bool {
        let refused = waiting.acknowledged.iter().any(|(_, error)| error.is_some());
        refused
            || waiting.request.partitions.iter().any(|partition| self.has_some(waiting, *partition))
    }

    /// Fetches that wait although what they wait for is there.
    pub(in crate::broker) fn overdue_share_fetches(&self) -> usize {
        let overdue = |it: &&Waiting| it.undecided == 0 && self.has_share_records(it);
        self.shares.waiting.iter().filter(overdue).count()
    }

    fn has_some(&self, waiting: &Waiting, partition: TopicPartition) -> bool {
        let key = SharePartitionKey { partition, group: waiting.request.group.clone() };
        let Some(led) = self.shares.led.get(&key) else { return true };
        let defects = self.context.config.defects;
        let end = self.partitions.get(&partition).map(|it| readable_end(it.log(), defects));
        end.is_none_or(|end| led.share.has_records(end))
    }

    fn answer_share_fetch(&mut self, now: Now, waiting: &Waiting, effects: &mut Effects) {
        let request = &waiting.request;
        let mut left = request.records_max;
        let mut partitions = Vec::new();
        // Each request begins with another partition, so that none is always the last.
        let turn = request.session_epoch.unsigned_abs() as usize;
        for step in 0..request.partitions.len() {
            let partition = request.partitions[(step + turn) % request.partitions.len()];
            let (error, acquired) =
                match self.acquire_shares(now, (request, partition), left, effects) {
                    Ok(acquired) if acquired.is_empty() => continue,
                    Ok(acquired) => (None, acquired),
                    Err(error) => (Some(error), Vec::new()),
                };
            if !self.context.config.defects.has(ShareDefect::LimitPerPartition) {
                left -= acquired.iter().map(|it| (it.last.0 - it.first.0 + 1) as u32).sum::<u32>();
            }
            let batches = self.batches_of(partition, &acquired);
            partitions.push(ShareFetchedPartition { partition, error, acquired, batches });
        }
        let acknowledged = waiting.acknowledged.clone();
        let response = ShareFetchResponse { error: None, acknowledged, partitions };
        self.reply_share(waiting.caller, response, effects);
    }

    fn acquire_shares(
        &mut self,
        now: Now,
        (request, partition): (&ShareFetchRequest, TopicPartition),
        left: u32,
        effects: &mut Effects,
    ) -> Result<Vec<AcquiredRecords>, ErrorCode> {
        let key = SharePartitionKey { partition, group: request.group.clone() };
        let led = self.shares.led.get_mut(&key).ok_or(ErrorCode::NotLeaderOrFollower)?;
        let known = self.partitions.get(&partition).ok_or(ErrorCode::NotLeaderOrFollower)?;
        if !led.share.is_active() {
            return Ok(Vec::new());
        }
        let bounds = (left, readable_end(known.log(), self.context.config.defects));
        Ok(led.share.acquire(now.time, &request.member, bounds, effects))
    }

    fn batches_of(
        &self,
        partition: TopicPartition,
        acquired: &[AcquiredRecords],
    ) -> Vec<RecordBatch> {
        let Some(known) = self.partitions.get(&partition) else { return Vec::new() };
        let holds = |batch: &RecordBatch| {
            acquired
                .iter()
                .any(|it| it.first <= batch.last_offset() && batch.base_offset() <= it.last)
        };
        let first = acquired.iter().map(|it| it.first).min().unwrap_or(Offset(0));
        let first = first.max(known.log().log_start_offset());
        let end = readable_end(known.log(), self.context.config.defects);
        let read = known.log().read(first, end, u32::MAX);
        read.into_iter().filter(holds).collect()
    }

    /// A connection is gone: who waits on it does not any more, and its session is over.
    pub(in crate::broker) fn share_connection_closed(
        &mut self,
        connection: ConnectionId,
        effects: &mut Effects,
    ) {
        self.shares.waiting.retain(|waiting| waiting.caller.connection != connection);
        let careless = self.context.config.defects.has(ShareDefect::OldConnectionClosesSession);
        let Some(closed) = self.shares.sessions.closed(connection, careless) else { return };
        let Closed { member: (group, member), number: session, own } = closed;
        for (key, led) in &mut self.shares.led {
            let log_start =
                self.partitions.get(&key.partition).map(|it| it.log().log_start_offset());
            if key.group == group
                && let Some(log_start) = log_start
            {
                led.share.release(&member, log_start, effects);
            }
        }
        self.shares.woken = true;
        effects.note(ShareNote::SessionClosed { group, member, session, own });
    }
}

/// Up to where members are given records. Source: `FetchIsolation.HIGH_WATERMARK`.
fn readable_end(log: &Log, defects: Defects) -> Offset {
    if defects.has(ShareDefect::ReadsToEnd) { log.log_end_offset() } else { log.high_watermark() }
}
