//! Roughly how many bytes a message is on the wire: records count, the rest is a header.

use harrow_broker_model::message::{Body, Message};
use harrow_broker_model::record::RecordBatch;

/// Bytes of everything but records.
const HEADER_BYTES: u64 = 128;

/// Bytes of a message on the wire.
pub(crate) fn wire_bytes(message: &Message) -> u64 {
    HEADER_BYTES + record_bytes(&message.body)
}

fn record_bytes(body: &Body) -> u64 {
    // Only four bodies carry records; the rest are small.
    if let Body::ProduceRequest(request) = body {
        let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
        partitions
            .filter_map(|partition| partition.records.as_ref())
            .map(|records| records.len() as u64)
            .sum()
    } else if let Body::FetchResponse(response) = body {
        let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        partitions
            .filter_map(|partition| partition.records.as_ref())
            .map(|records| records.len() as u64)
            .sum()
    } else if let Body::ReplicaFetchResponse(response) = body {
        response.partitions.iter().map(|partition| batch_bytes(&partition.batches)).sum()
    } else if let Body::QuorumFetchResponse(response) = body {
        batch_bytes(&response.batches)
    } else {
        0
    }
}

fn batch_bytes(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.bytes().len() as u64).sum()
}
