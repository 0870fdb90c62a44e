//! A share fetch gives no more than was asked for.
//!
//! Promise: a share fetch acquires records until it has as many as it may, in all partitions together, and then none
//! that are not in the batch of the last one: as in Kafka, which hands out whole batches, the limit is a soft one.
//! Without it a member gets more than it can do before its locks expire, and others do the rest again. Source: KIP-932,
//! `ShareFetchUtils.processFetchResponse`, `SharePartition.acquire` ("a soft limit").
//! Not verified: that it gets as many as there are.

use std::collections::BTreeMap;

use harrow_broker_model::message::{
    ClientRequest, ClientResponse, Request, RequestBody, Response, ResponseBody,
};
use harrow_broker_model::record::RecordBatch;
use harrow_broker_model::share_message::{ShareFetchResponse, ShareFetchedPartition};
use harrow_broker_model::types::{ConnectionId, CorrelationId, NodeId, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const MORE: Anomaly = Anomaly {
    name: "share-fetch-exceeded",
    guarantee: Guarantee::Offsets,
    meaning: "a share fetch gave a member more records than it asked for",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "share-fetch-size",
    promise: "a share fetch gives as many records as were asked for, up to the end of the last batch, and no more",
    source: "KIP-932, ShareFetchUtils.processFetchResponse, SharePartition.acquire",
    leaves_out: "that it gives as many as there are",
    anomalies: &[MORE],
};

/// How many records share fetches ask for that are not answered.
#[derive(Debug, Default)]
pub(super) struct FetchSizes {
    asked: BTreeMap<(NodeId, ConnectionId, CorrelationId), u32>,
}

impl FetchSizes {
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.asked.retain(|(at, ..), _| *at != node);
    }

    pub(super) fn closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.asked.retain(|(at, by, _), _| (*at, *by) != (node, connection));
    }

    pub(super) fn asked(&mut self, node: NodeId, (on, request): (ConnectionId, &Request)) {
        if let RequestBody::Client(ClientRequest::ShareFetch(fetch)) = &request.body {
            self.asked.insert((node, on, request.correlation_id), fetch.records_max);
        }
    }

    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (on, response): (ConnectionId, &Response),
    ) {
        let ResponseBody::Client(ClientResponse::ShareFetch(fetched)) = &response.body else {
            return;
        };
        let key = (context.node, on, response.correlation_id);
        let Some(records_max) = self.asked.remove(&key) else { return };
        if let Some((partition, first, last)) = beyond(records_max, fetched) {
            findings.report(context, &MORE, (partition, first, last), || {
                format!("offsets {first} to {last} were given beyond the {records_max} that were asked for in all")
            });
        }
    }
}

/// Of the first partition that gives too many: the first offset that is too much, and the last one that was acquired
/// in one piece with it.
fn beyond(
    records_max: u32,
    response: &ShareFetchResponse,
) -> Option<(TopicPartition, Offset, Offset)> {
    let mut left = i64::from(records_max);
    for fetched in &response.partitions {
        // The first offset that is too much: all are, once the fetch is full.
        let mut too_much = (left == 0).then_some(Offset::ZERO);
        for range in &fetched.acquired {
            let count = range.last.0 - range.first.0 + 1;
            if too_much.is_none() && count >= left {
                too_much = Some(batch_end(fetched, range.first.plus(left - 1)));
            }
            left = (left - count).max(0);
            if let Some(too_much) = too_much.filter(|too_much| range.last >= *too_much) {
                return Some((fetched.partition, too_much.max(range.first), range.last));
            }
        }
    }
    None
}

/// The offset behind the batch that holds this one.
fn batch_end(fetched: &ShareFetchedPartition, offset: Offset) -> Offset {
    let mut batches = fetched.batches.iter();
    let holds = batches.find(|it| it.base_offset() <= offset && offset <= it.last_offset());
    holds.map_or(offset, RecordBatch::last_offset).next()
}
