//! Tasks under way: their requests are sent, and their ends told.

use super::meaning::{Meaning, Whom};
use super::task::Task;
use super::{Admin, Purpose};
use crate::admin_task::AdminTask;
use crate::config::ms;
use crate::message::ClientResponse;
use crate::node::{Channel, Deadline, Effects, Outcome};
use crate::proto::ErrorCode;
use crate::types::{OperationId, Time};

impl Admin {
    pub(super) fn begin_task(&mut self, now: Time, operation: OperationId, task: AdminTask) {
        let gives_up_at = now + ms(self.config.api_timeout_ms);
        let brokers = &self.config.bootstrap;
        self.tasks.push(Task::new(operation, task, brokers, (now, gives_up_at)));
    }

    pub(super) fn run_tasks(&mut self, now: Time, effects: &mut Effects) {
        self.give_up_tasks(|task| task.gives_up_at <= now, effects);
        for index in 0..self.tasks.len() {
            let task = &self.tasks[index];
            if task.asked || task.not_before > now {
                continue;
            }
            let (whom, body) = task.request();
            let brokers = &self.config.bootstrap;
            let broker = match whom {
                Whom::Broker(node) => {
                    let blocked = self.connections.blocked_until(node, Channel::Client);
                    if blocked > now {
                        self.tasks[index].not_before = blocked;
                        continue;
                    }
                    node
                }
                Whom::Anybody => {
                    let found = self.connections.least_loaded(now, brokers, self.rotation);
                    let Some(broker) = found else { continue };
                    self.rotation = (self.rotation + 1) % brokers.len();
                    broker
                }
            };
            let task = &mut self.tasks[index];
            task.asked = true;
            let purpose = Purpose::Task(task.operation);
            self.connections.send(now, (broker, Channel::Client), body, purpose, effects);
        }
    }

    pub(super) fn on_task_answered(
        &mut self,
        now: Time,
        operation: OperationId,
        body: &ClientResponse,
        effects: &mut Effects,
    ) {
        let (wall, again_at) = (self.wall, self.connections.backoff.after(now));
        let Some(index) = self.tasks.iter().position(|task| task.operation == operation) else {
            return;
        };
        let task = &mut self.tasks[index];
        match task.take(wall, body) {
            Meaning::GoOn => task.asked = false,
            Meaning::Again(error) => {
                (task.asked, task.not_before, task.last_error) = (false, again_at, error);
            }
            Meaning::Done(outcome) => {
                self.tasks.remove(index);
                effects.complete(operation, outcome);
            }
        }
    }

    pub(super) fn on_task_lost(&mut self, now: Time, operation: OperationId) {
        let again_at = self.connections.backoff.after(now);
        let known = self.tasks.iter_mut().find(|task| task.operation == operation);
        let Some(task) = known else { return };
        task.lost();
        (task.asked, task.not_before) = (false, again_at);
        task.last_error = ErrorCode::NetworkException;
    }

    /// Ends tasks that take too long. One whose last request is not answered may yet be done.
    pub(super) fn give_up_tasks(&mut self, is_over: impl Fn(&Task) -> bool, effects: &mut Effects) {
        self.tasks.retain(|task| {
            let over = is_over(task);
            if over {
                let (error, partition) = (task.last_error, -1);
                let unknown = task.maybe_done || task.asked && task.changes();
                let outcome = if unknown {
                    Outcome::Unknown { error, partition }
                } else {
                    Outcome::Failed { error, partition }
                };
                effects.complete(task.operation, outcome);
            }
            !over
        });
    }

    pub(super) fn tasks_deadline(&self, unblocked: Time) -> Option<Deadline> {
        let due = self.tasks.iter().flat_map(|task| {
            let at = match task.request().0 {
                Whom::Anybody => task.not_before.max(unblocked),
                Whom::Broker(_) => task.not_before,
            };
            let retry = Deadline { at, why: "retry backoff" };
            let over = Deadline { at: task.gives_up_at, why: "api timeout" };
            [(!task.asked).then_some(retry), Some(over)]
        });
        due.fold(None, Deadline::earlier)
    }
}
