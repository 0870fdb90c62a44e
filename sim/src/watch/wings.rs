//! The wings of the watch, one a family of facts. A note is judged by the state before it.

use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::note::Note;
use harrow_broker_model::types::{ConnectionId, LeaderEpoch, NodeId, Offset, TopicPartition};

use super::broker::BrokerWing;
use super::calm::LastingFaults;
use super::consumer::ConsumerWing;
use super::controller::ControllerWing;
use super::exchange::{CoordinatorDeed, ExchangeWing, valid_requests};
use super::finding::{Context, Findings};
use super::group::GroupWing;
use super::log::{DurableLogs, LogWing};
use super::producer::ProducerWing;
use super::quorum::QuorumWing;
use super::replication::ReplicationWing;
use super::share::ShareWing;
use super::shared::Shared;
use super::transaction::{AskedEnd, TransactionWing};
use crate::plan::Plan;
use crate::view::ClusterView;

/// The invariants, with what each wing remembers. Each wing sees every note: a rule of one family may go by a fact of
/// another.
#[derive(Debug)]
pub(super) struct Wings {
    pub(super) findings: Findings,
    shared: Shared,
    log: LogWing,
    replication: ReplicationWing,
    quorum: QuorumWing,
    controller: ControllerWing,
    broker: BrokerWing,
    producer: ProducerWing,
    consumer: ConsumerWing,
    group: GroupWing,
    transaction: TransactionWing,
    exchange: ExchangeWing,
    share: ShareWing,
}

impl Wings {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            findings: Findings::default(),
            shared: Shared::new(plan),
            log: LogWing::new(plan),
            replication: ReplicationWing::new(plan),
            quorum: QuorumWing::new(plan),
            controller: ControllerWing::new(plan),
            broker: BrokerWing::new(plan),
            producer: ProducerWing::new(plan),
            consumer: ConsumerWing::new(plan),
            group: GroupWing::new(plan),
            transaction: TransactionWing::new(plan),
            exchange: ExchangeWing::new(plan),
            share: ShareWing::new(plan),
        }
    }

    pub(super) fn observe(&mut self, context: &Context<'_>, note: &Note) {
        let (findings, shared) = (&mut self.findings, &mut self.shared);
        shared.on_note(context.node, note);
        self.quorum.observe(context, findings, shared, note);
        self.log.observe(context, findings, shared, note);
        self.broker.observe(context, findings, shared, note);
        self.controller.observe(context, findings, shared, note);
        self.replication.observe(context, findings, shared, note);
        // Who acts in an older epoch is told of before what comes of it.
        self.exchange.observe(context, findings, shared, note);
        self.transaction.observe(context, findings, shared, note);
        self.producer.observe(context, findings, shared, note);
        self.consumer.observe(context, findings, note);
        self.group.observe(context, findings, shared, note);
        self.share.observe(context, findings, shared, note);
    }

    pub(super) fn coordinator_acts(&mut self, context: &Context<'_>, deed: &CoordinatorDeed) {
        self.exchange.coordinator_acts(context, &mut self.findings, deed);
    }

    pub(super) fn timed_out(&mut self, context: &Context<'_>, asked_ns: u64) {
        self.consumer.timed_out(context, &mut self.findings, (&self.shared, asked_ns));
    }

    pub(super) fn send_ended(&mut self, context: &Context<'_>, sent_ns: u64) {
        self.producer.send_ended(context, &mut self.findings, (&self.shared, sent_ns));
    }

    pub(super) fn consumer_assigned(&mut self, node: NodeId) {
        self.consumer.consumer_assigned(node);
    }

    pub(super) fn disturbed(&mut self, settles_ns: u64, lasting: &LastingFaults) {
        self.shared.calm.disturbed(settles_ns, lasting);
    }

    pub(super) fn stirred(&mut self, at_ns: u64, node: NodeId) {
        self.shared.calm.stirred(at_ns, node);
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.shared.process_started(node);
        self.replication.process_started(node);
        self.quorum.process_started(node);
        self.broker.process_started(node);
        self.transaction.process_started(node);
        self.group.process_started(node);
        self.exchange.process_started(node);
        self.share.process_started(node);
    }

    pub(super) fn process_blocked(&mut self, at_ns: u64, node: NodeId, still: bool) {
        self.shared.running_since.process_blocked(at_ns, node, still);
    }

    pub(super) fn process_ended(
        &mut self,
        at_ns: u64,
        view: &ClusterView,
        (node, lossy): (NodeId, bool),
    ) {
        self.broker.process_ended(view, node, lossy);
        self.replication.process_ended(at_ns, view, node);
        self.quorum.process_ended(node);
        self.exchange.process_ended(node);
    }

    pub(super) fn asked(&mut self, context: &Context<'_>, request: (ConnectionId, &Request)) {
        self.exchange.asked(context, (&mut self.findings, &self.shared), request);
        self.broker.asked(context, &mut self.findings, request.1);
        self.controller.asked(request.1);
        self.share.asked(context, request);
        self.transaction.asked(context, request);
        self.group.asked(context, &mut self.findings, request);
    }

    pub(super) fn answered(&mut self, context: &Context<'_>, response: (ConnectionId, &Response)) {
        self.exchange.answered(context, (&mut self.findings, &self.shared), response);
        self.share.answered(context, &mut self.findings, response);
        self.transaction.answered(context, &mut self.findings, response);
        self.group.answered(context, &mut self.findings, response);
    }

    pub(super) fn asked_nonsense(&mut self, context: &Context<'_>, api: &str, by: NodeId) {
        valid_requests::on_nonsense(context, &mut self.findings, api, by);
    }

    pub(super) fn end_refused(&mut self, context: &Context<'_>, asked: &AskedEnd) {
        self.transaction.end_refused(context, &mut self.findings, asked);
    }

    pub(super) fn connection_closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.exchange.connection_closed(node, connection);
        self.share.connection_closed(node, connection);
        self.transaction.connection_closed(node, connection);
        self.group.connection_closed(node, connection);
    }

    pub(super) fn quorum_fetched(
        &mut self,
        at_ns: u64,
        at: NodeId,
        by: NodeId,
        epoch: LeaderEpoch,
    ) {
        self.quorum.on_fetch(at_ns, at, by, epoch);
    }

    pub(super) fn disk_wiped(&mut self, node: NodeId) {
        self.quorum.disk_wiped(node);
        self.log.disk_wiped(node);
    }

    /// What a disk had when the power went, which who opens its logs has to find.
    pub(super) fn durable_logs(&mut self) -> &mut DurableLogs {
        self.log.durable_logs()
    }

    pub(super) fn audit_metadata(&mut self, context: &Context<'_>, metadata: (Offset, u64)) {
        self.quorum.on_audit(context, &mut self.findings, metadata);
    }

    pub(super) fn disk_answers(&mut self, node: NodeId, durable: bool) {
        self.shared.on_disk_answer(node, durable);
    }

    pub(super) fn log_found(
        &mut self,
        node: NodeId,
        partition: TopicPartition,
        end: Offset,
        whole: bool,
    ) {
        self.durable_logs().on_found(node, partition, (end, whole));
    }
}
