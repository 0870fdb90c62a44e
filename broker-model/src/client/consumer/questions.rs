//! Where to start reading, and whether the log still is the one that was read: what a position asks before it
//! fetches. Source: Kafka's `OffsetFetcher`, `OffsetsForLeaderEpochClient`; KIP-320; known bugs R10, R23.

use crate::client::consumer::purpose::{PositionTicket, Purpose};
use crate::client::metadata::{Leadership, PartitionKey};
use crate::config::{OffsetReset, ms};
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects, NoPosition};
use crate::note::{Api, ConsumerNote, ExchangeNote, Standing};
use crate::proto::{
    EpochEndOffset, ErrorCode, ListOffsetsResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopic, TopicName,
};
use crate::types::{LeaderEpoch, NodeId, Offset, Time};

use super::position::{Position, Stage, StartFrom};
use super::{Consumer, Reach};

impl Consumer {
    /// Asks leaders where to start, and whether positions still hold.
    pub(super) fn ask_positions(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        let mut wake = None;
        let mut leaderless = false;
        let mut due: Vec<(PartitionKey, NodeId)> = Vec::new();
        for (&key, position) in self.positions.asking() {
            match self.reach(now, self.leadership_for(key, position), position.not_before) {
                Reach::Leader(leader) => due.push((key, leader)),
                Reach::At(at) => wake = Deadline::earlier(wake, Some(at)),
                Reach::Leaderless => leaderless = true,
            }
        }
        for (key, leader) in due {
            self.ask_position(now, key, leader, effects);
        }
        if leaderless {
            self.metadata.request_update();
        }
        wake
    }

    /// Whom a position asks: for an offset to start from the leader that is known now, to be validated the one that it
    /// has taken notice of.
    fn leadership_for(&self, key: PartitionKey, position: &Position) -> Leadership {
        match position.stage {
            Stage::Start(_) => self.metadata.leadership(key),
            Stage::Committed | Stage::Validate | Stage::Fetch | Stage::Application(_) => {
                position.leadership
            }
        }
    }

    fn ask_position(
        &mut self,
        now: Time,
        key: PartitionKey,
        leader: NodeId,
        effects: &mut Effects,
    ) {
        let position = self.positions.get(&key).expect("a position that is due is assigned");
        let epoch = self.leadership_for(key, position).epoch;
        let position = self.positions.get_mut(&key).expect("a position that is due is assigned");
        position.asked = true;
        let (ticket, last) = (position.ticket(key), position.last_epoch);
        let (body, purpose) = match position.stage {
            Stage::Start(start) => (
                self.list_offsets(key, epoch, start.timestamp(self.wall)),
                Purpose::StartOffset(ticket),
            ),
            Stage::Validate => (self.epoch_query(key, epoch, last), Purpose::EpochEnd(ticket)),
            Stage::Committed | Stage::Fetch | Stage::Application(_) => {
                unreachable!("a position that fetches asks no other question")
            }
        };
        self.connections.send(now, (leader, Channel::Client), body, purpose, effects);
    }

    fn epoch_query(
        &self,
        key: PartitionKey,
        current: LeaderEpoch,
        last: LeaderEpoch,
    ) -> ClientRequest {
        let partition = OffsetForLeaderPartition::default()
            .with_partition(key.partition)
            .with_current_leader_epoch(current.0)
            .with_leader_epoch(last.0);
        let topic = OffsetForLeaderTopic::default()
            .with_topic(TopicName(self.metadata.name(key.topic).clone()))
            .with_partitions(vec![partition]);
        let request = OffsetForLeaderEpochRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        ClientRequest::OffsetForLeaderEpoch(Box::new(request))
    }

    pub(super) fn on_start_offset(
        &mut self,
        now: Time,
        ticket: PositionTicket,
        response: &ListOffsetsResponse,
        effects: &mut Effects,
    ) {
        let (offset, epoch) = match self.find_offset(ticket.key, response) {
            Ok(found) => found,
            Err(_) if self.has_nothing_since(ticket, response) => {
                return self.wait_for_a_record(now, ticket);
            }
            Err(error) => {
                self.note_error_applied(Api::ListOffsets, ticket, effects);
                return self.ask_again(now, ticket, error);
            }
        };
        let version = self.new_version();
        let leadership = self.metadata.leadership(ticket.key);
        self.metadata.see_epoch(now, ticket.key, epoch);
        let Some(position) = self.current(ticket) else {
            return;
        };
        let Stage::Start(start) = position.stage else {
            return;
        };
        let asked = (ticket.version, ticket.offset);
        note_applied(Api::ListOffsets, asked, (position.version, position.offset), effects);
        let from = position.offset;
        // Java tells the answer's epoch to its metadata alone and leaves the position without, so that it is not
        // validated before a record was delivered (`OffsetFetcherUtils.resetPositionIfNeeded`).
        position.leadership = leadership;
        position.seek((offset, LeaderEpoch::NONE), version);
        if start.is_reset() {
            let partition = self.metadata.text(ticket.key);
            let topic_id = self.metadata.id(ticket.key.topic);
            let to = offset;
            effects.note(ConsumerNote::PositionReset { partition, topic_id, from, to });
        }
    }

    /// The leader says where the epoch of the last delivered record ends.
    pub(super) fn on_epoch_end(
        &mut self,
        now: Time,
        ticket: PositionTicket,
        response: &OffsetForLeaderEpochResponse,
        effects: &mut Effects,
    ) {
        let (epoch, end) = match self.find_epoch_end(ticket.key, response) {
            Ok(answer) => (LeaderEpoch(answer.leader_epoch), Offset(answer.end_offset)),
            Err(error) => {
                self.note_error_applied(Api::OffsetForLeaderEpoch, ticket, effects);
                return self.ask_again(now, ticket, error);
            }
        };
        let Some(position) =
            self.current(ticket).filter(|position| position.stage == Stage::Validate)
        else {
            return;
        };
        let (asked, own) = ((ticket.version, ticket.offset), (position.version, position.offset));
        note_applied(Api::OffsetForLeaderEpoch, asked, own, effects);
        self.on_log_end_of_epoch(ticket, (epoch, end), effects);
    }

    fn find_epoch_end<'a>(
        &self,
        key: PartitionKey,
        response: &'a OffsetForLeaderEpochResponse,
    ) -> Result<&'a EpochEndOffset, ErrorCode> {
        let name = self.metadata.name(key.topic);
        let topic = response.topics.iter().find(|topic| topic.topic.0 == *name);
        let partitions = topic.map_or(&[][..], |topic| &topic.partitions);
        let answer = partitions.iter().find(|answer| answer.partition == key.partition);
        let answer = answer.ok_or(ErrorCode::UnknownServerError)?;
        ErrorCode::try_from_code(answer.error_code).map_or(Ok(answer), Err)
    }

    /// Compares the position with what the leader has of its epoch. Where the leader's log ends below the position,
    /// what was read there is gone: reading goes on where the logs part. Source: KIP-320,
    /// `SubscriptionState.maybeCompleteValidation`.
    pub(super) fn on_log_end_of_epoch(
        &mut self,
        ticket: PositionTicket,
        (epoch, end): (LeaderEpoch, Offset),
        effects: &mut Effects,
    ) {
        let version = self.new_version();
        let reset = self.reset_policy(NoPosition::Truncated);
        let partition = self.metadata.text(ticket.key);
        let topic_id = self.metadata.id(ticket.key.topic);
        let Some(position) = self.current(ticket) else {
            return;
        };
        let from = position.offset;
        if epoch == LeaderEpoch::NONE || end < Offset::ZERO {
            // The leader has nothing of that epoch nor of any before it.
            return position.enter(reset, version);
        }
        if end >= from {
            return position.enter(Stage::Fetch, version);
        }
        if matches!(reset, Stage::Application(_)) {
            return position.enter(reset, version);
        }
        position.seek((end, epoch), version);
        effects.note(ConsumerNote::TruncationDetected {
            partition,
            topic_id,
            position: from,
            diverged_at: end,
        });
    }

    /// States that a refusal counts as well: the position asks again, and not before a while.
    fn note_error_applied(&mut self, api: Api, ticket: PositionTicket, effects: &mut Effects) {
        let Some(position) = self.current(ticket) else { return };
        let (asked, own) = ((ticket.version, ticket.offset), (position.version, position.offset));
        note_applied(api, asked, own, effects);
    }

    /// Where a position goes on that is nowhere in the log: by itself, or where the application says.
    pub(super) fn reset_policy(&self, why: NoPosition) -> Stage {
        match self.config.offset_reset {
            OffsetReset::Earliest => Stage::Start(StartFrom::Earliest),
            OffsetReset::Latest => Stage::Start(StartFrom::Latest),
            OffsetReset::ByDuration(ago_ms) => {
                Stage::Start(StartFrom::Since { ago_ms, reset: true, nothing: false })
            }
            OffsetReset::None => Stage::Application(why),
        }
    }

    /// Whether a leader has no record that is as new as was asked for.
    fn has_nothing_since(
        &mut self,
        ticket: PositionTicket,
        response: &ListOffsetsResponse,
    ) -> bool {
        let by_time = |position: &mut Position| {
            matches!(position.stage, Stage::Start(StartFrom::Since { .. }))
        };
        let mut answers = response.topics.iter().flat_map(|topic| &topic.partitions);
        let unknown = answers.any(|answer| answer.error_code == 0 && answer.offset < 0);
        unknown && self.current(ticket).is_some_and(by_time)
    }

    /// The log has no record that is as new: it is asked again when the request would have timed out, until there is
    /// one. Source: `OffsetFetcherUtils.handleListOffsetResponse`, which leaves such a partition out of what is found
    /// and of what is asked again, `OffsetFetcher.resetPositionsAsync`.
    fn wait_for_a_record(&mut self, now: Time, ticket: PositionTicket) {
        let again_at = now + ms(self.config.request_timeout_ms);
        if let Some(position) = self.current(ticket) {
            position.asked = false;
            position.not_before = again_at;
            if let Stage::Start(StartFrom::Since { nothing, .. }) = &mut position.stage {
                *nothing = true;
            }
        }
    }
}

/// States that an answer counts, for which version and offset of the position it was asked, and what these are now.
fn note_applied(api: Api, asked: (u64, Offset), own: (u64, Offset), effects: &mut Effects) {
    let standing =
        |(version, offset): (u64, Offset)| Standing { epoch: version as i64, position: offset.0 };
    let (asked, own) = (standing(asked), standing(own));
    effects.note(ExchangeNote::AnswerApplied { api, partition: None, asked, own });
}
