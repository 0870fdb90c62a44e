//! `FindCoordinator`: who leads the partition that a group or a transactional id belongs to. Source: KIP-98, KIP-699,
//! Kafka's `KafkaApis.getCoordinator`.
//!
//! The internal topics are not there until somebody asks: the first question has them created, and is told to ask
//! again.

use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::{CoordinatorKind, partition_for};
use crate::message::{ClientResponse, ResponseBody};
use crate::node::Effects;
use crate::proto::{
    BrokerId, Coordinator, ErrorCode, FindCoordinatorRequest, FindCoordinatorResponse, StrBytes,
};
use crate::types::{NodeId, Now, TopicPartition};

/// Where every broker listens.
const PORT: i32 = 9092;

impl Broker {
    pub(super) fn on_find_coordinator(
        &mut self,
        now: Now,
        caller: Caller,
        request: &FindCoordinatorRequest,
        effects: &mut Effects,
    ) {
        let mut coordinators = Vec::with_capacity(request.coordinator_keys.len());
        for key in &request.coordinator_keys {
            let found = match CoordinatorKind::of_key_type(request.key_type) {
                Some(kind) => self.find_coordinator(now, kind, key, effects),
                None => Err(ErrorCode::InvalidRequest),
            };
            coordinators.push(answer(key, found));
        }
        let response = FindCoordinatorResponse::default().with_coordinators(coordinators);
        self.connections.reply(
            caller,
            ResponseBody::Client(ClientResponse::FindCoordinator(Box::new(response))),
            effects,
        );
    }

    fn find_coordinator(
        &mut self,
        now: Now,
        kind: CoordinatorKind,
        key: &str,
        effects: &mut Effects,
    ) -> Result<NodeId, ErrorCode> {
        let image = self.metadata.image();
        let Some(topic) = image.topic_ids.get(kind.topic()).copied() else {
            self.create_internal_topic(now, kind, effects);
            return Err(ErrorCode::CoordinatorNotAvailable);
        };
        let partition = TopicPartition { topic, partition: self.partition_of_key(kind, key) };
        let registration = image.partitions.get(&partition);
        let leader = registration.and_then(|registration| registration.leader);
        let alive = |leader: &NodeId| image.brokers.get(leader).is_some_and(|it| !it.fenced);
        leader.filter(alive).ok_or(ErrorCode::CoordinatorNotAvailable)
    }

    /// The partition of its topic that a group or a transactional id belongs to.
    pub(in crate::broker) fn partition_of_key(&self, kind: CoordinatorKind, key: &str) -> i32 {
        let image = self.metadata.image();
        let created = image.topic_ids.get(kind.topic());
        let created = created.map(|topic| image.partitions.of_topic(*topic).count() as i32);
        let planned = self.context.config.coordinators.topic(kind).partitions;
        partition_for(key, created.filter(|count| *count > 0).unwrap_or(planned as i32))
    }
}

fn answer(key: &StrBytes, found: Result<NodeId, ErrorCode>) -> Coordinator {
    let answer = Coordinator::default().with_key(key.clone());
    match found {
        Ok(node) => answer
            .with_node_id(BrokerId(node.0))
            .with_host(StrBytes::from_string(format!("broker-{node}")))
            .with_port(PORT),
        Err(error) => answer.with_node_id(BrokerId(-1)).with_port(-1).with_error_code(error.code()),
    }
}
