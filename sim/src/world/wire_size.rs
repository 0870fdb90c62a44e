//! Roughly how many bytes a segment is on the wire: records count, the rest is a header.

use harrow_broker_model::message::{
    ClientRequest, ClientResponse, PeerResponse, QuorumResponse, RequestBody, ResponseBody,
};
use harrow_broker_model::record::RecordBatch;

use super::network::Segment;

/// Bytes of a message but for its records.
const HEADER_BYTES: u64 = 128;

/// Bytes of what opens or ends a connection.
const CONTROL_BYTES: u64 = 64;

/// Bytes of a segment on the wire.
pub(crate) fn wire_bytes(segment: &Segment) -> u64 {
    match segment {
        Segment::Request(message) => HEADER_BYTES + request_bytes(&message.body),
        Segment::Response(message) => HEADER_BYTES + response_bytes(&message.body),
        Segment::Syn | Segment::SynAck | Segment::Fin | Segment::Rst => CONTROL_BYTES,
    }
}

/// Only one request carries records; bytes of the wire are what they are.
fn request_bytes(body: &RequestBody) -> u64 {
    if let RequestBody::Wire(bytes) = body {
        return bytes.len() as u64;
    }
    let RequestBody::Client(ClientRequest::Produce(request)) = body else { return 0 };
    let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    partitions
        .filter_map(|partition| partition.records.as_ref())
        .map(|records| records.len() as u64)
        .sum()
}

/// Only four responses carry records.
fn response_bytes(body: &ResponseBody) -> u64 {
    if let ResponseBody::Client(ClientResponse::Fetch(response)) = body {
        let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        partitions
            .filter_map(|partition| partition.records.as_ref())
            .map(|records| records.len() as u64)
            .sum()
    } else if let ResponseBody::Client(ClientResponse::ShareFetch(response)) = body {
        response.partitions.iter().map(|fetched| batch_bytes(&fetched.batches)).sum()
    } else if let ResponseBody::Peer(PeerResponse::ReplicaFetch(response)) = body {
        response.partitions.iter().map(|partition| batch_bytes(&partition.batches)).sum()
    } else if let ResponseBody::QuorumFetch(response) = body {
        batch_bytes(&response.batches)
    } else if let ResponseBody::Quorum(QuorumResponse::FetchSnapshot(response)) = body {
        response.bytes.len() as u64
    } else if let ResponseBody::Wire(bytes) = body {
        bytes.len() as u64
    } else {
        0
    }
}

fn batch_bytes(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.bytes().len() as u64).sum()
}
