//! What a controller has only while it is active; dropped with the leadership.

use std::collections::VecDeque;

use crate::config::{ClusterConfig, ms};
use crate::controller::brokers::Sessions;
use crate::controller::check::check_registration;
use crate::controller::periodic::PeriodicTasks;
use crate::controller::refusal::refuse_answer;
use crate::message::{ControllerResponse, Message, ResponseBody};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::node::Effects;
use crate::types::{ConnectionId, LeaderEpoch, NodeId, Offset, Time};

/// State of the active controller.
#[derive(Debug)]
pub(super) struct Active {
    /// The quorum epoch in which it is active.
    pub(super) epoch: LeaderEpoch,
    /// Metadata with every record appended so far, committed or not.
    pub(super) image: MetadataImage,
    /// Sessions of the brokers.
    pub(super) sessions: Sessions,
    /// What it does from time to time.
    pub(super) tasks: PeriodicTasks,
    held: VecDeque<HeldAnswer>,
}

/// An answer that waits until everything it tells is committed.
#[derive(Debug)]
struct HeldAnswer {
    /// The high watermark that it waits for.
    until: Offset,
    connection: ConnectionId,
    message: Message<ControllerResponse>,
}

impl Active {
    /// Takes over on a committed image.
    pub(super) fn new(
        epoch: LeaderEpoch,
        committed: &MetadataImage,
        config: &ClusterConfig,
        now: Time,
    ) -> Self {
        Self {
            epoch,
            image: committed.clone(),
            sessions: Sessions::fresh(
                ms(config.broker_session_timeout_ms),
                committed,
                config.defects,
                now,
            ),
            tasks: PeriodicTasks::new(config, now),
            held: VecDeque::new(),
        }
    }

    /// Applies records that are being appended from `base` on.
    pub(super) fn apply(&mut self, base: Offset, records: &[MetadataRecord]) {
        assert!(
            base == self.image.end_offset,
            "append at {base}, image at {}",
            self.image.end_offset
        );
        for record in records {
            if let Some((partition, registration, _)) = record.registered() {
                let topic = self.image.topic_of(partition).expect("the topic precedes it");
                let old = self.image.partitions.get(&partition);
                check_registration(partition, old, &registration, topic.min_insync_replicas);
            }
            self.image.apply(self.image.end_offset, record);
        }
    }

    /// Holds an answer back until all that was appended before it is committed: it may tell of any of it.
    pub(super) fn answer(
        &mut self,
        connection: ConnectionId,
        message: Message<ControllerResponse>,
    ) {
        let until = self.image.end_offset;
        self.held.push_back(HeldAnswer { until, connection, message });
    }

    /// What is held back waits for what is appended and not committed, in the order of the appends.
    pub(super) fn self_check(&self, high_watermark: Offset) {
        let (first, last) = (self.held.front(), self.held.back());
        assert!(
            first.is_none_or(|first| first.until > high_watermark),
            "{first:?} is held back, and {high_watermark} is committed"
        );
        let end = self.image.end_offset;
        assert!(
            last.is_none_or(|last| last.until <= end),
            "{last:?} is held back, and the log ends at {end}"
        );
        let oldest = first.map(|first| first.until);
        assert!(oldest <= last.map(|last| last.until), "{first:?} is held back before {last:?}");
    }

    /// How many answers are held back.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Sends the answers whose records are committed.
    pub(super) fn release(&mut self, high_watermark: Offset, effects: &mut Effects) {
        while let Some(answer) = self.held.pop_front_if(|answer| answer.until <= high_watermark) {
            effects.reply(answer.connection, answer.message.map(ResponseBody::Controller));
        }
    }

    /// Refuses all that is held: this controller cannot say any more what becomes of it.
    pub(super) fn refuse_all(self, controller: Option<NodeId>, effects: &mut Effects) {
        for HeldAnswer { connection, message, .. } in self.held {
            let refused = message.map(|body| refuse_answer(body, controller));
            effects.reply(connection, refused.map(ResponseBody::Controller));
        }
    }

    /// The connection is gone, and with it those who waited on it.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.held.retain(|answer| answer.connection != connection);
    }
}
