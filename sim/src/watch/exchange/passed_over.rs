//! What was refused for now comes first.
//!
//! Promise: while a leader verifies a producer's transaction, it appends no batch behind one of the same producer and
//! epoch that it has refused for now (`NOT_ENOUGH_REPLICAS`): that one is sent again, and could never be appended any
//! more. Where the log knows nothing of the producer, as when it was forgotten, the sequences alone do not tell.
//! Source: KIP-890, KAFKA-14920; `VerificationStateEntry.maybeUpdateLowestSequenceAndEpoch`,
//! `ProducerAppendInfo.checkSequence`.
//! Not verified: batches outside of transactions; other refusals; what comes later than half of
//! `producer.id.expiration.ms` after the first question, as a verification is forgotten some time, by wall clocks;
//! plans whose clocks are wrong.

use std::collections::BTreeMap;

use harrow_broker_model::message::{ClientResponse, Response, ResponseBody};
use harrow_broker_model::note::{AppendOrigin, BatchKind, BatchSummary};
use harrow_broker_model::proto::{ErrorCode, told_topic};
use harrow_broker_model::types::{NodeId, ProducerEpoch, ProducerId, Sequence, TopicPartition};

use super::unanswered::{Produce, Sent};
use crate::plan::Plan;
use crate::view::ClusterView;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::timing::has_wrong_clocks;

const MS: u64 = 1_000_000;

const PASSED_OVER: Anomaly = Anomaly {
    name: "batch-passed-over",
    guarantee: Guarantee::Ordering,
    meaning: "a leader appended a producer's batch although an earlier one, refused for now, was to come again",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "refused-batches",
    promise: "no batch of a transaction goes before an earlier one that was refused for now",
    source: "KIP-890, KAFKA-14920, ProducerAppendInfo.checkSequence",
    leaves_out: "batches outside of transactions; refusals but for NOT_ENOUGH_REPLICAS",
    anomalies: &[PASSED_OVER],
};

/// At whom, where, and whose.
type Key = (NodeId, TopicPartition, (ProducerId, ProducerEpoch));

/// What leaders were asked to append to transactions, and have not appended.
#[derive(Debug)]
pub(super) struct PassedOver {
    open: BTreeMap<Key, Open>,
    /// When a verification may be forgotten.
    expiration_ns: u64,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    /// When the first of it was asked for.
    since_ns: u64,
    /// The lowest sequence that was refused.
    refused: Option<Sequence>,
}

impl PassedOver {
    pub(super) fn new(plan: &Plan) -> Self {
        let clocks_are_right = !has_wrong_clocks(plan);
        let expiration_ns = plan.cluster.producer_id_expiration_ms.saturating_mul(MS);
        let expiration_ns = if clocks_are_right { expiration_ns } else { 0 };
        Self { open: BTreeMap::new(), expiration_ns }
    }

    /// A process is gone.
    pub(super) fn process_ended(&mut self, node: NodeId) {
        self.open.retain(|(at, ..), _| *at != node);
    }

    /// A node becomes a leader.
    pub(super) fn became_leader(&mut self, node: NodeId, partition: TopicPartition) {
        self.open.retain(|(at, of, _), _| (*at, *of) != (node, partition));
    }

    /// A leader is asked to append.
    pub(super) fn asked(&mut self, context: &Context<'_>, produce: &Produce) {
        for sent in produce.numbered() {
            let key = (context.node, sent.partition, sent.producer);
            let fresh = Open { since_ns: context.at_ns, refused: None };
            let open = self.open.entry(key).or_insert(fresh);
            if context.at_ns >= open.since_ns.saturating_add(self.expiration_ns) {
                *open = fresh;
            }
        }
    }

    /// A leader answers what it has not appended. What its log has already it may refuse, too.
    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        produce: &Produce,
        response: &Response,
    ) {
        let refused = refused_in(context.view, response);
        for sent in produce.numbered().filter(|sent| refused.contains(&sent.partition)) {
            let key = (context.node, sent.partition, sent.producer);
            if let Some(open) = self.open.get_mut(&key)
                && !has(context, sent)
            {
                let lowest = open.refused.unwrap_or(sent.sequence).min(sent.sequence);
                open.refused = Some(lowest);
            }
        }
    }

    /// A leader appends.
    pub(super) fn on_append(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (partition, batch, origin): (TopicPartition, &BatchSummary, AppendOrigin),
    ) {
        if self.open.is_empty() {
            return;
        }
        let producer = (batch.producer_id, batch.producer_epoch);
        match batch.kind {
            BatchKind::Transactional if origin == AppendOrigin::Leader => {
                let Some(open) = self.open.remove(&(context.node, partition, producer)) else {
                    return;
                };
                let young_until = open.since_ns.saturating_add(self.expiration_ns / 2);
                let is_young = context.at_ns < young_until;
                if let Some(refused) = open.refused.filter(|refused| *refused < batch.base_sequence)
                    && is_young
                {
                    findings.report(context, &PASSED_OVER, partition, || {
                        format!(
                            "node {} appended sequence {} of producer {} epoch {}, and had refused {refused} for now",
                            context.node, batch.base_sequence, producer.0, producer.1
                        )
                    });
                }
            }
            BatchKind::CommitMarker | BatchKind::AbortMarker => {
                let ends = |(at, of, (id, _)): &Key| {
                    (*at, *of, *id) == (context.node, partition, producer.0)
                };
                self.open.retain(|key, _| !ends(key));
            }
            BatchKind::Transactional | BatchKind::Plain | BatchKind::Control => {}
        }
    }
}

/// Whether a replica has a batch.
fn has(context: &Context<'_>, sent: &Sent) -> bool {
    let replica = context.view.replica(context.node, sent.partition);
    replica.is_some_and(|replica| {
        replica.log.entries().iter().any(|entry| {
            let batch = &entry.batch;
            (batch.producer_id, batch.producer_epoch) == sent.producer
                && batch.base_sequence == sent.sequence
        })
    })
}

/// The partitions for which an answer says to come again.
fn refused_in(view: &ClusterView, response: &Response) -> Vec<TopicPartition> {
    let ResponseBody::Client(ClientResponse::Produce(answer)) = &response.body else {
        return Vec::new();
    };
    let parts = answer.responses.iter().flat_map(|topic| {
        let id = told_topic(topic.topic_id.as_u128());
        let id = id.or_else(|| view.topic_id(topic.name.as_str()));
        topic.partition_responses.iter().filter_map(move |part| {
            let is_refused = part.error_code == ErrorCode::NotEnoughReplicas.code();
            let partition = TopicPartition { topic: id?, partition: part.index };
            is_refused.then_some(partition)
        })
    });
    parts.collect()
}
