//! What clients ask of groups. Source: Kafka's `GroupCoordinatorService`, `GroupCoordinatorShard`.
//!
//! The coordinator says what is to be done, in order: answers, facts, and records to be written, each of which the
//! broker appends at once and gives back.

use std::collections::VecDeque;

use super::state::GroupState;
use super::waiter::{Waiter, told};
use crate::caller::Caller;
use crate::config::{CoordinatorConfig, ms};
use crate::coordinator::runtime::{Context, CoordinatorRecord, Runtime};
use crate::log::Log;
use crate::message::ResponseBody;
use crate::node::Deadline;
use crate::proto::ErrorCode;
use crate::types::{LeaderEpoch, Now, Time};

/// The coordinator of one partition.
pub(super) type Shard = Context<GroupState, Waiter>;

/// What a group coordinator wants done.
#[derive(Debug)]
pub(crate) enum Todo {
    /// An answer.
    Reply(Caller, ResponseBody),
    /// Records for a partition of the topic, in one batch, and who waits for them.
    Write(i32, Vec<CoordinatorRecord>, Waiter),
}

/// All groups that this broker coordinates.
#[derive(Debug)]
pub(crate) struct GroupCoordinator {
    pub(super) config: CoordinatorConfig,
    pub(super) runtime: Runtime<GroupState, Waiter>,
    pub(super) todo: VecDeque<Todo>,
}

impl GroupCoordinator {
    /// Coordinates nothing yet.
    pub(crate) fn new(config: CoordinatorConfig) -> Self {
        Self { config, runtime: Runtime::default(), todo: VecDeque::new() }
    }

    /// This broker leads a partition of the topic.
    pub(crate) fn elected(&mut self, partition: i32, epoch: LeaderEpoch, loaded_at: Time) {
        self.runtime.elected(partition, epoch, loaded_at);
    }

    /// This broker does not lead a partition of the topic any more.
    pub(crate) fn resigned(&mut self, now: Now, partition: i32, epoch: LeaderEpoch) {
        for waiter in self.runtime.resigned(partition, epoch) {
            self.failed(now, waiter, ErrorCode::NotCoordinator);
        }
    }

    /// The first partition whose log can be read now.
    pub(crate) fn to_load(&self, now: Time) -> Option<i32> {
        self.runtime.to_load(now)
    }

    /// Reads a partition's log.
    pub(crate) fn load(&mut self, partition: i32, log: &Log) {
        self.runtime.load(partition, log);
    }

    /// Something was appended to a partition's log, or committed.
    pub(crate) fn log_moved(&mut self, now: Now, partition: i32, log: &Log) {
        let Ok(context) = self.runtime.active(partition) else { return };
        for waiter in context.follow(log) {
            self.committed(now, waiter);
        }
    }

    /// Records were appended.
    pub(crate) fn written(&mut self, now: Now, partition: i32, log: &Log, waiter: Waiter) {
        self.log_moved(now, partition, log);
        self.wait(now, partition, waiter);
    }

    /// Records were not appended.
    pub(crate) fn not_written(&mut self, now: Now, waiter: Waiter, error: ErrorCode) {
        self.failed(now, waiter, told(error));
    }

    /// Does what time alone brings.
    pub(crate) fn tick(&mut self, now: Now) {
        for waiter in self.runtime.expired(now.time) {
            self.failed(now, waiter, told(ErrorCode::RequestTimedOut));
        }
    }

    /// The next thing to do.
    pub(crate) fn next(&mut self) -> Option<Todo> {
        self.todo.pop_front()
    }

    /// How many wait for a record.
    pub(crate) fn waiting(&self) -> usize {
        self.runtime.waiting()
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.runtime.deadline()
    }

    /// An answer that waits until all is committed that it may rest on.
    pub(super) fn answer_when_committed(
        &mut self,
        now: Now,
        partition: i32,
        (caller, body): (Caller, ResponseBody),
    ) {
        self.wait(now, partition, Waiter::Answer { caller, body: Box::new(body) });
    }

    fn wait(&mut self, now: Now, partition: i32, waiter: Waiter) {
        let until = now.time + ms(self.config.offset_commit_timeout_ms);
        match self.runtime.active(partition) {
            Ok(context) => {
                if let Some(waiter) = context.wait(until, waiter) {
                    self.committed(now, waiter);
                }
            }
            Err(error) => self.failed(now, waiter, error),
        }
    }

    /// What somebody waited for is committed.
    fn committed(&mut self, _now: Now, waiter: Waiter) {
        match waiter {
            Waiter::Answer { caller, body } => self.todo.push_back(Todo::Reply(caller, *body)),
            Waiter::Nobody => {}
        }
    }

    /// What somebody waited for is not committed, or nobody knows.
    fn failed(&mut self, _now: Now, waiter: Waiter, error: ErrorCode) {
        match waiter {
            Waiter::Answer { caller, mut body } => {
                super::offsets::refuse(&mut body, error);
                self.todo.push_back(Todo::Reply(caller, *body));
            }
            Waiter::Nobody => {}
        }
    }
}
