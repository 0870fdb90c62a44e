//! What administrators do with groups and transactions while a cluster runs: a group is deleted or goes on from
//! elsewhere, transactions that hang are aborted. The admin client does it; what is refused counts as held back.

use harrow_broker_model::admin_task::AdminTask;
use harrow_broker_model::config::topic_name;
use harrow_broker_model::node::{Node, Operation, Outcome};
use harrow_broker_model::proto::StrBytes;
use harrow_broker_model::types::{NodeId, Offset, OperationId};

use super::Director;
use crate::plan::{Action, Step, Target};
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// The node that a step is about, and what is asked in words; or why it is not.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller passes these three kinds alone")]
    pub(super) fn ask_for_task(&mut self, step: &Step) -> Result<(NodeId, String), String> {
        match &step.action {
            Action::DeleteGroup { target } => {
                let group = group_of(target)?;
                let task = AdminTask::DeleteGroup { group: group.to_owned() };
                self.give(step, (target, task), format!("group {group} is to be deleted"))
            }
            Action::ResetOffsets { target, percent } => {
                let group = group_of(target)?;
                let offsets = self.offsets_behind(*percent);
                let told = format!("group {group} is to go on behind {percent} % of the records");
                let task = AdminTask::ResetOffsets { group: group.to_owned(), offsets };
                self.give(step, (target, task), told)
            }
            Action::AbortHanging { target, idle_ms } => {
                let Target::LeaderOf(topic, _) = target else {
                    return Err(format!("{target} names no partition"));
                };
                let (topics, idle_ms) = (vec![topic_name(topic)], *idle_ms);
                let task = AdminTask::AbortHanging { topics, idle_ms };
                let told = format!("transactions that hang in {topic} are to be aborted");
                self.give(step, (target, task), told)
            }
            other => unreachable!("{other:?} is nothing that the admin client does alone"),
        }
    }

    fn give(
        &mut self,
        step: &Step,
        (target, task): (&Target, AdminTask),
        told: String,
    ) -> Result<(NodeId, String), String> {
        let node = self.resolve(step, target, 0)?;
        let admin = self.place(self.plan.admin.node);
        if !self.engine.runs(admin) {
            return Err("the admin client does not run".to_owned());
        }
        let operation = self.recorder.unrecorded();
        self.tasks.push((operation, step.id));
        let request = Operation::AdminTask(Box::new(task));
        self.engine.invoke(admin, operation, request, &mut self.host);
        Ok((node, told))
    }

    /// A task of the admin client is over; whether it was one.
    pub(super) fn task_answered(&mut self, operation: OperationId, outcome: &Outcome) -> bool {
        let Some(at) = self.tasks.iter().position(|(known, _)| *known == operation) else {
            return false;
        };
        let (_, step) = self.tasks.swap_remove(at);
        if let Outcome::Failed { error, .. } = outcome
            && let Some(fault) = self.faults.iter_mut().find(|fault| fault.step == step)
        {
            fault.held_back = Some(format!("it was refused: {error:?}"));
            fault.nodes.clear();
            // It was counted when it was asked for.
            self.injected -= 1;
            self.host.tally.take_back("fault-injected");
            self.host.tally.mark("fault-held-back");
        }
        true
    }

    /// For each partition of the plan's topics, the offset behind a part of what is there.
    fn offsets_behind(&self, percent: u32) -> Vec<((StrBytes, i32), Offset)> {
        let view = self.host.view();
        let partitions = view.partitions().filter_map(|partition| {
            let id = partition.partition;
            let topic = view.registry().topic(id.topic)?;
            self.plan.topics.iter().find(|planned| planned.name == topic.name)?;
            let leader = partition.registration.as_ref()?.leader?;
            let replica = view.replica(leader, id)?;
            let (start, committed) = (replica.log_start_offset, replica.high_watermark);
            let offset = start.plus((committed.0 - start.0) * i64::from(percent) / 100);
            Some(((topic_name(&topic.name), id.partition), offset))
        });
        partitions.collect()
    }
}

fn group_of(target: &Target) -> Result<&str, String> {
    if let Target::CoordinatorOf(group) = target {
        return Ok(group);
    }
    Err(format!("{target} names no group"))
}
