//! What is asked of the active controller, and what its answers mean.

use crate::broker::Broker;
use crate::broker::controller_channel::PendingRequest;
use crate::defect::ReplicationDefect;
use crate::message::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionItem,
    AlterPartitionRequest, AlterPartitionResponse, AssignReplicasToDirsRequest,
    AssignReplicasToDirsResponse, ClusterError, ControllerRequest, ControllerResponse, RequestBody,
};
use crate::node::Effects;
use crate::types::{CorrelationId, NodeId, Now};

impl Broker {
    /// Sends ISR proposals and the request for producer ids, if they are due.
    pub(super) fn send_controller_requests(&mut self, now: Now, effects: &mut Effects) {
        let broker_epoch = self.lifecycle.broker_epoch();
        if let Some(proposals) = self.alter_partitions.next(now.time) {
            let (broker, mut partitions) = (self.context.node, proposals.to_vec());
            for proposal in &mut partitions {
                self.take_newest_epochs(proposal);
            }
            let request = AlterPartitionRequest { broker, broker_epoch, partitions };
            let body =
                RequestBody::Controller(ControllerRequest::AlterPartition(Box::new(request)));
            self.channel.send(
                PendingRequest::AlterPartition,
                body,
                now.time,
                &mut self.context,
                effects,
            );
            self.alter_partitions.sent();
        }
        self.send_assignments(now, effects);
        if self.producer_ids.ask(now.time) {
            let request = AllocateProducerIdsRequest { broker: self.context.node, broker_epoch };
            let body = RequestBody::Controller(ControllerRequest::AllocateProducerIds(request));
            self.channel.send(
                PendingRequest::ProducerIds,
                body,
                now.time,
                &mut self.context,
                effects,
            );
        }
    }

    /// Source: `AssignmentsManager.maybeSendAssignments`.
    fn send_assignments(&mut self, now: Now, effects: &mut Effects) {
        let mut assignments = std::mem::take(&mut self.assignments);
        let replicas = assignments.next(now.time, |id, it| self.is_assignment_news(id, it));
        self.assignments = assignments;
        if replicas.is_empty() {
            return;
        }
        let (broker, broker_epoch) = (self.context.node, self.lifecycle.broker_epoch());
        let request = AssignReplicasToDirsRequest { broker, broker_epoch, replicas };
        let request = ControllerRequest::AssignReplicasToDirs(Box::new(request));
        let (pending, body) = (PendingRequest::Assignments, RequestBody::Controller(request));
        self.channel.send(pending, body, now.time, &mut self.context, effects);
    }

    /// Takes the controller's answer to where replicas are. Source: `AssignmentsManager.handleResponse`.
    fn on_assigned(&mut self, now: Now, from: NodeId, response: &AssignReplicasToDirsResponse) {
        match &response.result {
            Ok(answers) => self.assignments.decided(now.time, answers),
            Err(error) => {
                if *error == ClusterError::NotController {
                    self.context.controllers.failed(from);
                }
                self.assignments.lost(now.time);
            }
        }
    }

    /// What broker epochs a proposal names: those of the time at which it was made (KIP-903). A replica that restarted
    /// since is refused. The old form named the newest at each sending, and let it in without its records.
    fn take_newest_epochs(&self, proposal: &mut AlterPartitionItem) {
        if !self.context.config.defects.has(ReplicationDefect::ProposalTakesNewestEpochs) {
            return;
        }
        if let Some(partition) = self.partitions.get(&proposal.partition) {
            partition.take_newest_epochs(&mut proposal.new_isr);
        }
    }

    /// Takes a controller's answer.
    pub(super) fn on_controller_response(
        &mut self,
        now: Now,
        (from, id): (NodeId, CorrelationId),
        response: ControllerResponse,
        effects: &mut Effects,
    ) {
        let (time, context) = (now.time, &mut self.context);
        match response {
            ControllerResponse::BrokerRegistration(response) => {
                self.lifecycle.on_registration(time, from, id, response, context, effects);
                self.publish_first(now, effects);
            }
            ControllerResponse::BrokerHeartbeat(response) => {
                self.lifecycle.on_heartbeat(time, from, id, response, context, effects);
            }
            ControllerResponse::AlterPartition(response) => {
                if self.channel.answered(from, id).is_some() {
                    self.on_alter_partition(now, from, &response, effects);
                }
            }
            ControllerResponse::AllocateProducerIds(response) => {
                if self.channel.answered(from, id).is_some() {
                    self.on_producer_ids(now, from, response);
                }
            }
            ControllerResponse::CreateTopics(response) => {
                let pending = self.channel.answered(from, id);
                if let Some(PendingRequest::Topics(asker)) = pending {
                    self.on_topics_created(from, &asker, response, effects);
                }
            }
            ControllerResponse::AssignReplicasToDirs(response) => {
                if self.channel.answered(from, id).is_some() {
                    self.on_assigned(now, from, &response);
                }
            }
            ControllerResponse::Admin(response) => {
                let pending = self.channel.answered(from, id);
                if let Some(PendingRequest::Admin { caller, .. }) = pending {
                    self.on_administered(from, caller, response, effects);
                }
            }
        }
    }

    /// Takes the controller's answer to ISR proposals. One that was not the active controller, or knows less of a
    /// partition than its leader, did not decide: the whole request goes to another one. Source:
    /// `NodeToControllerRequestThread.handleResponse`, `DefaultAlterPartitionManager.handleAlterPartitionResponse`.
    fn on_alter_partition(
        &mut self,
        now: Now,
        from: NodeId,
        response: &AlterPartitionResponse,
        effects: &mut Effects,
    ) {
        if response.has_error(ClusterError::NotController) {
            self.context.controllers.failed(from);
            return self.alter_partitions.lost(now.time);
        }
        let Ok(altered) = &response.result else {
            // The heartbeats find out what became of our registration.
            return self.alter_partitions.refused(now.time);
        };
        for (sent, answer) in self.alter_partitions.decided(altered) {
            let (context, partitions) = self.partition_context(now);
            if let Some(partition) = partitions.get_mut(&sent.partition) {
                partition.apply_alter_partition(context, &sent, &answer.result, effects);
            }
            self.touched.push(sent.partition);
        }
    }

    /// Takes the controller's answer to the request for producer ids.
    fn on_producer_ids(&mut self, now: Now, from: NodeId, response: AllocateProducerIdsResponse) {
        match response.result {
            Ok((first, count)) => {
                self.producer_ids.allocated(first, count);
            }
            Err(ClusterError::NotController) => {
                self.context.controllers.failed(from);
                self.producer_ids.lost(now.time);
            }
            Err(_) => self.producer_ids.refused(now.time),
        }
    }

    /// The connection to a controller is gone, with these requests.
    pub(super) fn on_controller_requests_lost(
        &mut self,
        now: Now,
        to: NodeId,
        lost: Vec<PendingRequest>,
        effects: &mut Effects,
    ) {
        if !lost.is_empty() {
            self.context.controllers.failed(to);
        }
        for pending in lost {
            match pending {
                PendingRequest::AlterPartition => self.alter_partitions.lost(now.time),
                PendingRequest::ProducerIds => self.producer_ids.lost(now.time),
                PendingRequest::Assignments => self.assignments.lost(now.time),
                PendingRequest::Topics(asker) => self.on_create_topics_lost(asker, effects),
                PendingRequest::Admin { caller, request } => {
                    self.on_administration_lost(caller, &request, effects);
                }
            }
        }
    }
}
