//! `POST /move`: another replica leads, and nobody is killed for it. An administrator does it in two steps, and so is
//! it done here: the leader is taken from the replicas, so that another one is elected, and then given back to them.

use std::time::{Duration, Instant};

use harrow_broker_model::admin_message::{AdminRequest, AdminResponse};
use harrow_broker_model::client::coordinator_partition;
use harrow_broker_model::config::topic_name;
use harrow_broker_model::message::{ClientRequest, ClientResponse};
use harrow_broker_model::proto::{
    AlterPartitionReassignmentsRequest, BrokerId, ErrorCode, ReassignablePartition,
    ReassignableTopic, TopicName,
};
use harrow_broker_model::types::NodeId;
use harrow_sim::plan::Target;
use serde::Deserialize;
use serde_json::json;

use super::control::{Refusal, Reply};
use super::leaders::registration_of;
use super::server::Server;

/// A leader that has not moved after so long does not.
const MOVE_MAX: Duration = Duration::from_secs(10);

/// `POST /move`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveRequest {
    /// Whose leader, or which coordinator.
    target: String,
    /// Which broker is to lead; else the first other replica in sync does.
    #[serde(default)]
    to: Option<i32>,
}

/// A partition and who leads it when.
#[derive(Debug)]
struct Move {
    topic: String,
    partition: i32,
    from: NodeId,
    to: NodeId,
    /// The other replicas.
    rest: Vec<NodeId>,
}

impl Server {
    /// Has another replica lead, and waits until it does.
    pub(super) fn move_leader(&mut self, request: &MoveRequest) -> Result<Reply, Refusal> {
        let (topic, partition) = self.led(&request.target)?;
        let planned = self.plan_move(topic, partition, request.to)?;
        let until = Instant::now() + MOVE_MAX;
        let without: Vec<NodeId> = [planned.to].iter().chain(&planned.rest).copied().collect();
        self.reassign(&planned, &without, until)?;
        let leads = |server: &Self| {
            let image = server.image()?;
            registration_of(image, &planned.topic, planned.partition)?.leader
        };
        while leads(self).is_none_or(|leader| leader == planned.from) {
            if Instant::now() >= until {
                return Err((504, format!("node {} leads as before", planned.from)));
            }
            self.wait();
        }
        let all: Vec<NodeId> = without.into_iter().chain([planned.from]).collect();
        self.reassign(&planned, &all, until)?;
        let to = leads(self).map(|node| node.0);
        Ok(Reply::json(200, &json!({ "from": planned.from.0, "to": to })))
    }

    /// The partition whose leader a target is.
    fn led(&self, text: &str) -> Result<(String, i32), Refusal> {
        let coordinators = &self.options.cluster.coordinators;
        let target = Target::parse(text).map_err(|error| (400, error))?;
        if let Target::LeaderOf(topic, index) = target {
            Ok((topic, index as i32))
        } else if let Target::CoordinatorOf(group) = target {
            let count = coordinators.offsets_topic.partitions as i32;
            Ok(("__consumer_offsets".to_owned(), coordinator_partition(&group, count)))
        } else if let Target::TransactionCoordinatorOf(id) = target {
            let index = coordinators.transaction_partition_of(&id);
            Ok(("__transaction_state".to_owned(), index as i32))
        } else {
            let known = "leader-of TOPIC-N, coordinator-of GROUP, transaction-coordinator-of ID";
            Err((400, format!("`{text}` leads no partition; use one of: {known}")))
        }
    }

    fn plan_move(&self, topic: String, partition: i32, to: Option<i32>) -> Result<Move, Refusal> {
        let image = self.image().ok_or_else(|| (409, "no broker runs".to_owned()))?;
        let name = format!("{topic}-{partition}");
        let registration = registration_of(image, &topic, partition);
        let registration = registration.ok_or_else(|| (409, format!("there is no {name} now")))?;
        let from = registration.leader.ok_or_else(|| (409, format!("nobody leads {name} now")))?;
        let others: Vec<NodeId> =
            registration.isr.iter().copied().filter(|node| *node != from).collect();
        let wanted = |node: &NodeId| to.is_none_or(|to| to == node.0);
        let to = others.iter().copied().find(wanted).ok_or_else(|| {
            let list: Vec<String> = others.iter().map(ToString::to_string).collect();
            let known = if list.is_empty() {
                "there is none".to_owned()
            } else {
                format!("there are: {}", list.join(", "))
            };
            (409, format!("{name} can be led by another replica in sync alone; {known}"))
        })?;
        let rest = registration.replicas.iter().copied();
        let rest = rest.filter(|node| *node != from && *node != to).collect();
        Ok(Move { topic, partition, from, to, rest })
    }

    /// Asks the controller, by way of a broker that runs, to give a partition these replicas.
    fn reassign(&mut self, of: &Move, to: &[NodeId], until: Instant) -> Result<(), Refusal> {
        let partition = ReassignablePartition::default()
            .with_partition_index(of.partition)
            .with_replicas(Some(to.iter().map(|node| BrokerId(node.0)).collect()));
        let topic = ReassignableTopic::default()
            .with_name(TopicName(topic_name(&of.topic)))
            .with_partitions(vec![partition]);
        let request = AlterPartitionReassignmentsRequest::default()
            .with_timeout_ms(30_000)
            .with_allow_replication_factor_change(true)
            .with_topics(vec![topic]);
        let body =
            ClientRequest::Admin(Box::new(AdminRequest::AlterPartitionReassignments(request)));
        let answer = self.question(of.to, body, until);
        let Some(ClientResponse::Admin(answer)) = answer else {
            return Err((504, "the controller does not answer".to_owned()));
        };
        let AdminResponse::AlterPartitionReassignments(answer) = *answer else { return Ok(()) };
        let each = answer.responses.iter().flat_map(|topic| &topic.partitions);
        let mut errors = each.map(|partition| partition.error_code).chain([answer.error_code]);
        match errors.find_map(ErrorCode::try_from_code) {
            None => Ok(()),
            Some(error) => {
                Err((409, format!("the controller refuses the reassignment: {error:?}")))
            }
        }
    }
}
