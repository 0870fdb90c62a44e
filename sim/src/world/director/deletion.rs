//! An administrator deletes records: the step is asked of the partition's leader, as it is when the step fires.

use harrow_broker_model::config::topic_name;
use harrow_broker_model::node::{Node, Operation};
use harrow_broker_model::types::{NodeId, TopicPartition};

use super::Director;
use crate::plan::{Step, Target};
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// Who is asked, and what for in words; or why nobody is.
    pub(super) fn ask_to_delete(
        &mut self,
        step: &Step,
        target: &Target,
        percent: u32,
    ) -> Result<(NodeId, String), String> {
        let Target::LeaderOf(topic, index) = target else {
            return Err(format!("{target} names no partition"));
        };
        let node = self.resolve(step, target, 0)?;
        let admin = self.place(self.plan.admin.node);
        if !self.engine.runs(admin) {
            return Err("the admin client does not run".to_owned());
        }
        let view = self.host.view();
        let id = view.topic_id(topic).ok_or("the topic is not there yet")?;
        let partition = TopicPartition { topic: id, partition: *index as i32 };
        let replica = view.replica(node, partition).ok_or("the leader has no log yet")?;
        let (start, committed) = (replica.log_start_offset, replica.high_watermark);
        let before = start.plus((committed.0 - start.0) * i64::from(percent) / 100);
        let partition = (topic_name(topic), *index as i32);
        let request = Operation::DeleteRecords { broker: node, partition, before };
        let operation = self.recorder.unrecorded();
        self.engine.invoke(admin, operation, request, &mut self.host);
        Ok((node, format!("records of {topic}-{index} below {before} are to be deleted")))
    }
}
