//! `ConsumerGroupHeartbeat`: all that members of the consumer protocol ask. Source: KIP-848, Kafka's
//! `KafkaApis.handleConsumerGroupHeartbeat`.

use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::node::Effects;
use crate::proto::ConsumerGroupHeartbeatRequest;
use crate::types::Now;

impl Broker {
    pub(super) fn on_consumer_group_heartbeat(
        &mut self,
        now: Now,
        caller: Caller,
        request: &ConsumerGroupHeartbeatRequest,
        effects: &mut Effects,
    ) {
        let partition = self.partition_of_key(CoordinatorKind::Group, request.group_id.as_str());
        let image = self.metadata.image();
        self.groups.consumer_group_heartbeat(now, caller, partition, request, image);
        self.run_groups(now, effects);
    }
}
