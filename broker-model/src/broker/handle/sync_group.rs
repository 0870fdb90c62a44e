//! `SyncGroup`: a member asks for what it is given. Source: Kafka's `KafkaApis.handleSyncGroupRequest`.

use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::node::Effects;
use crate::proto::SyncGroupRequest;
use crate::types::Now;

impl Broker {
    pub(super) fn on_sync_group(
        &mut self,
        now: Now,
        caller: Caller,
        request: &SyncGroupRequest,
        effects: &mut Effects,
    ) {
        let partition = self.partition_of_key(CoordinatorKind::Group, request.group_id.as_str());
        let image = self.metadata.image();
        self.groups.sync_group(now, caller, partition, request, image);
        self.run_groups(now, effects);
    }
}
