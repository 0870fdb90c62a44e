//! `JoinGroup`: somebody wants to be a member of a group. Source: Kafka's `KafkaApis.handleJoinGroupRequest`.

use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::node::Effects;
use crate::proto::JoinGroupRequest;
use crate::types::Now;

impl Broker {
    pub(super) fn on_join_group(
        &mut self,
        now: Now,
        caller: Caller,
        request: &JoinGroupRequest,
        effects: &mut Effects,
    ) {
        let partition = self.partition_of_key(CoordinatorKind::Group, request.group_id.as_str());
        let image = self.metadata.image();
        self.groups.join_group(now, caller, partition, request, image);
        self.run_groups(now, effects);
    }
}
