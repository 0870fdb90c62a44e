//! `LeaveGroup`: members leave. Source: Kafka's `KafkaApis.handleLeaveGroupRequest`.

use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::node::Effects;
use crate::proto::LeaveGroupRequest;
use crate::types::Now;

impl Broker {
    pub(super) fn on_leave_group(
        &mut self,
        now: Now,
        caller: Caller,
        request: &LeaveGroupRequest,
        effects: &mut Effects,
    ) {
        let partition = self.partition_of_key(CoordinatorKind::Group, request.group_id.as_str());
        let image = self.metadata.image();
        self.groups.leave_group(now, caller, partition, request, image);
        self.run_groups(now, effects);
    }
}
