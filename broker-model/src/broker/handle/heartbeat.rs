//! `Heartbeat`: a member is alive. Source: Kafka's `KafkaApis.handleHeartbeatRequest`.

use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::node::Effects;
use crate::proto::HeartbeatRequest;
use crate::types::Now;

impl Broker {
    pub(super) fn on_heartbeat(
        &mut self,
        now: Now,
        caller: Caller,
        request: &HeartbeatRequest,
        effects: &mut Effects,
    ) {
        let partition = self.partition_of_key(CoordinatorKind::Group, request.group_id.as_str());
        self.groups.heartbeat(now, caller, partition, request);
        self.run_groups(now, effects);
    }
}
