//! Messages in words: kind, partitions, offsets, epochs, error.

use harrow_broker_model::message::{
    Body, ClusterError, EpochEnd, IsrRegistration, QuorumEpochResponse, ReplicaFetchPartition,
    ReplicaFetchPartitionResponse,
};
use harrow_broker_model::proto::{self, ErrorCode};
use harrow_broker_model::types::{LeaderEpoch, NodeId};

use super::{Names, also, epoch, joined, nodes, somebody, span};

/// What a message says.
pub(super) fn body(names: &Names, body: &Body) -> String {
    match body {
        Body::ProduceRequest(_)
        | Body::ProduceResponse(_)
        | Body::FetchRequest(_)
        | Body::FetchResponse(_)
        | Body::ListOffsetsRequest(_)
        | Body::ListOffsetsResponse(_)
        | Body::MetadataRequest(_)
        | Body::MetadataResponse(_)
        | Body::OffsetForLeaderEpochRequest(_)
        | Body::OffsetForLeaderEpochResponse(_)
        | Body::InitProducerIdRequest(_)
        | Body::InitProducerIdResponse(_)
        | Body::CreateTopicsRequest(_)
        | Body::CreateTopicsResponse(_) => client(body),
        Body::ReplicaFetchRequest(_)
        | Body::ReplicaFetchResponse(_)
        | Body::ReplicaOffsetsRequest(_)
        | Body::ReplicaOffsetsResponse(_)
        | Body::AlterPartitionRequest(_)
        | Body::AlterPartitionResponse(_) => replica(names, body),
        Body::BrokerRegistrationRequest(_)
        | Body::BrokerRegistrationResponse(_)
        | Body::BrokerHeartbeatRequest(_)
        | Body::BrokerHeartbeatResponse(_)
        | Body::AllocateProducerIdsRequest(_)
        | Body::AllocateProducerIdsResponse(_) => broker(body),
        Body::VoteRequest(_)
        | Body::VoteResponse(_)
        | Body::BeginQuorumEpochRequest(_)
        | Body::BeginQuorumEpochResponse(_)
        | Body::EndQuorumEpochRequest(_)
        | Body::EndQuorumEpochResponse(_)
        | Body::QuorumFetchRequest(_)
        | Body::QuorumFetchResponse(_) => quorum(body),
    }
}

fn client(body: &Body) -> String {
    if let Body::ProduceRequest(request) = body {
        let parts = request.topic_data.iter().flat_map(|topic| {
            topic.partition_data.iter().map(|data| {
                let bytes = data.records.as_ref().map_or(0, bytes::Bytes::len);
                format!("{} {bytes} bytes", place(&topic.name, data.index))
            })
        });
        return format!("produce {}, acks={}", joined(parts), request.acks);
    }
    if let Body::ProduceResponse(response) = body {
        let parts = response.responses.iter().flat_map(|topic| {
            topic.partition_responses.iter().map(|given| {
                let place = place(&topic.name, given.index);
                told(given.error_code, || format!("{place}@{}", given.base_offset), &place)
            })
        });
        return format!("produce response {}", joined(parts));
    }
    if let Body::FetchRequest(request) = body {
        let parts = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|wanted| {
                let place = place(&topic.topic, wanted.partition);
                format!("{place}@{} epoch {}", wanted.fetch_offset, wanted.current_leader_epoch)
            })
        });
        return format!("fetch {}", joined(parts));
    }
    if let Body::FetchResponse(response) = body {
        let parts = response.responses.iter().flat_map(|topic| {
            topic.partitions.iter().map(|given| {
                let place = place(&topic.topic, given.partition_index);
                let bytes = given.records.as_ref().map_or(0, bytes::Bytes::len);
                let text =
                    || format!("{place} {bytes} bytes, high watermark {}", given.high_watermark);
                told(given.error_code, text, &place)
            })
        });
        return format!("fetch response {}", joined(parts));
    }
    lookup(body)
}

fn lookup(body: &Body) -> String {
    if let Body::ListOffsetsRequest(request) = body {
        let parts = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|asked| place(&topic.name, asked.partition_index))
        });
        return format!("list offsets {}", joined(parts));
    }
    if let Body::ListOffsetsResponse(response) = body {
        let parts = response.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|given| {
                let place = place(&topic.name, given.partition_index);
                told(given.error_code, || format!("{place} end {}", given.offset), &place)
            })
        });
        return format!("list offsets response {}", joined(parts));
    }
    if let Body::OffsetForLeaderEpochRequest(request) = body {
        let parts = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|asked| {
                format!("{} epoch {}", place(&topic.topic, asked.partition), asked.leader_epoch)
            })
        });
        return format!("offset for leader epoch {}", joined(parts));
    }
    if let Body::OffsetForLeaderEpochResponse(response) = body {
        let parts = response.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|given| {
                let place = place(&topic.topic, given.partition);
                let text =
                    || format!("{place} epoch {} ends at {}", given.leader_epoch, given.end_offset);
                told(given.error_code, text, &place)
            })
        });
        return format!("offset for leader epoch response {}", joined(parts));
    }
    admin(body)
}

fn admin(body: &Body) -> String {
    if let Body::MetadataRequest(request) = body {
        let topics = request.topics.iter().flatten();
        let parts = topics.filter_map(|topic| topic.name.as_ref()).map(|name| name.0.to_string());
        return format!("metadata {}", joined(parts));
    }
    if let Body::MetadataResponse(response) = body {
        let parts = response.topics.iter().flat_map(|topic| {
            let name = topic.name.clone().unwrap_or_default();
            let failed = (topic.error_code != 0)
                .then(|| format!("{} {}", name.0.as_str(), error(topic.error_code)));
            let leaders = topic.partitions.iter().map(move |given| {
                let place = place(&name, given.partition_index);
                let text = || {
                    format!("{place} led by {} in epoch {}", given.leader_id.0, given.leader_epoch)
                };
                told(given.error_code, text, &place)
            });
            failed.into_iter().chain(leaders)
        });
        return format!("metadata response {}", joined(parts));
    }
    if let Body::InitProducerIdRequest(request) = body {
        return format!("init producer id, has {}", request.producer_id.0);
    }
    if let Body::InitProducerIdResponse(response) = body {
        let (id, epoch) = (response.producer_id.0, response.producer_epoch);
        let text = || format!("init producer id response {id}, epoch {epoch}");
        return told(response.error_code, text, "init producer id response");
    }
    if let Body::CreateTopicsRequest(request) = body {
        let parts = request.topics.iter().map(|topic| topic.name.0.to_string());
        return format!("create topics {}", joined(parts));
    }
    let Body::CreateTopicsResponse(response) = body else {
        unreachable!("not a client's message: {body:?}");
    };
    let parts = response.topics.iter().map(|topic| {
        told(
            topic.error_code,
            || format!("{} created", topic.name.0.as_str()),
            topic.name.0.as_str(),
        )
    });
    format!("create topics response {}", joined(parts))
}

fn replica(names: &Names, body: &Body) -> String {
    if let Body::ReplicaFetchRequest(request) = body {
        let parts = request.partitions.iter().map(|wanted| wanted_part(names, wanted));
        return format!("replica fetch {}", joined(parts));
    }
    if let Body::ReplicaFetchResponse(response) = body {
        let parts = response.partitions.iter().map(|given| given_part(names, given));
        return format!("replica fetch response {}", joined(parts));
    }
    if let Body::ReplicaOffsetsRequest(request) = body {
        let place = names.place(request.partition);
        return format!("replica offsets {place}, epoch {}", request.current_leader_epoch);
    }
    if let Body::ReplicaOffsetsResponse(response) = body {
        let place = names.place(response.partition);
        let (start, end) = (response.log_start_offset, response.log_end_offset);
        return format!(
            "replica offsets response {place} {start}..{end}{}",
            failed(response.error)
        );
    }
    if let Body::AlterPartitionRequest(request) = body {
        let isr: Vec<NodeId> = request.new_isr.iter().map(|(node, _)| *node).collect();
        return format!(
            "alter partition {} to ISR {}, epoch {}, partition epoch {}",
            names.place(request.partition),
            nodes(&isr),
            request.leader_epoch,
            request.partition_epoch
        );
    }
    let Body::AlterPartitionResponse(response) = body else {
        unreachable!("not a replica's message: {body:?}");
    };
    let place = names.place(response.partition);
    match &response.result {
        Ok(IsrRegistration { leader, leader_epoch, partition_epoch, isr }) => format!(
            "alter partition response {place}: leader {} in epoch {leader_epoch}, ISR {}, partition \
             epoch {partition_epoch}",
            somebody(*leader),
            nodes(isr)
        ),
        Err(error) => format!("alter partition response {place}: {error:?}"),
    }
}

fn wanted_part(names: &Names, wanted: &ReplicaFetchPartition) -> String {
    format!(
        "{}@{} epoch {}, last {}",
        names.place(wanted.partition),
        wanted.fetch_offset,
        wanted.current_leader_epoch,
        epoch(wanted.last_fetched_epoch)
    )
}

fn given_part(names: &Names, given: &ReplicaFetchPartitionResponse) -> String {
    let place = names.place(given.partition);
    if let Some(error) = given.error {
        return format!("{place} {error:?}");
    }
    let records = match (given.batches.first(), given.batches.last()) {
        (Some(first), Some(last)) => format!(" {}", span(first.base_offset(), last.last_offset())),
        (None, _) | (_, None) => String::new(),
    };
    format!(
        "{place}{records}{}, high watermark {}",
        diverging(given.diverging),
        given.high_watermark
    )
}

fn broker(body: &Body) -> String {
    if let Body::BrokerRegistrationRequest(request) = body {
        return format!("register broker {}, incarnation {}", request.broker, request.incarnation);
    }
    if let Body::BrokerRegistrationResponse(response) = body {
        return match response.result {
            Ok(epoch) => format!("register broker response: broker epoch {epoch}"),
            Err(error) => {
                format!("register broker response: {error:?}{}", controller(response.controller))
            }
        };
    }
    if let Body::BrokerHeartbeatRequest(request) = body {
        let stop = if request.want_shutdown { ", wants to stop" } else { "" };
        return format!("heartbeat, applied metadata {}{stop}", request.metadata_offset);
    }
    if let Body::BrokerHeartbeatResponse(response) = body {
        return match response.result {
            Ok(state) => {
                let fenced = if state.fenced { "fenced" } else { "unfenced" };
                let stop = if state.should_shut_down { ", may stop" } else { "" };
                format!("heartbeat response: {fenced}{stop}")
            }
            Err(error) => {
                format!("heartbeat response: {error:?}{}", controller(response.controller))
            }
        };
    }
    if let Body::AllocateProducerIdsRequest(request) = body {
        return format!("allocate producer ids for broker {}", request.broker);
    }
    let Body::AllocateProducerIdsResponse(response) = body else {
        unreachable!("not a broker's message: {body:?}");
    };
    match response.result {
        Ok((first, count)) => format!("allocate producer ids response: {count} from {first}"),
        Err(error) => format!("allocate producer ids response: {error:?}"),
    }
}

fn controller(node: Option<NodeId>) -> String {
    also(", the controller is node ", node)
}

fn quorum(body: &Body) -> String {
    if let Body::VoteRequest(request) = body {
        let kind = if request.pre_vote { "pre-vote" } else { "vote" };
        return format!(
            "{kind} for node {} in epoch {}, log end {} of epoch {}",
            request.candidate,
            request.epoch,
            request.end_offset,
            epoch(request.last_epoch)
        );
    }
    if let Body::VoteResponse(response) = body {
        let vote = if response.granted { "granted" } else { "refused" };
        return format!(
            "vote response: {vote} in epoch {}{}",
            response.epoch,
            led(response.leader)
        );
    }
    if let Body::BeginQuorumEpochRequest(request) = body {
        return format!("node {} leads quorum epoch {}", request.leader, request.epoch);
    }
    if let Body::EndQuorumEpochRequest(request) = body {
        return format!("node {} ends quorum epoch {}", request.leader, request.epoch);
    }
    if let Body::BeginQuorumEpochResponse(response) = body {
        return epoch_response("begin quorum epoch response", response);
    }
    if let Body::EndQuorumEpochResponse(response) = body {
        return epoch_response("end quorum epoch response", response);
    }
    if let Body::QuorumFetchRequest(request) = body {
        return format!(
            "quorum fetch @{} epoch {}, last {}",
            request.fetch_offset,
            epoch(request.epoch),
            epoch(request.last_fetched_epoch)
        );
    }
    let Body::QuorumFetchResponse(response) = body else {
        unreachable!("not a voter's message: {body:?}");
    };
    let records = match (response.batches.first(), response.batches.last()) {
        (Some(first), Some(last)) => format!(" {}", span(first.base_offset(), last.last_offset())),
        (None, _) | (_, None) => String::new(),
    };
    format!(
        "quorum fetch response{records}{} epoch {}{}, high watermark {}{}",
        diverging(response.diverging),
        epoch(response.epoch),
        led(response.leader),
        response.high_watermark,
        failed(response.error)
    )
}

fn epoch_response(name: &str, response: &QuorumEpochResponse) -> String {
    format!("{name}: epoch {}{}{}", response.epoch, led(response.leader), failed(response.error))
}

fn led(leader: Option<NodeId>) -> String {
    also(" led by node ", leader)
}

fn failed(error: Option<ClusterError>) -> String {
    error.map_or_else(String::new, |error| format!(", {error:?}"))
}

fn diverging(end: Option<EpochEnd>) -> String {
    end.map_or_else(String::new, |EpochEnd { epoch: at, end_offset }| {
        assert!(at >= LeaderEpoch::NONE, "epoch {at} is below none");
        format!(" diverging, epoch {} ends at {end_offset}", epoch(at))
    })
}

fn place(topic: &proto::TopicName, partition: i32) -> String {
    format!("{}-{partition}", topic.0.as_str())
}

/// The text, or the place with its error.
fn told(code: i16, text: impl FnOnce() -> String, place: &str) -> String {
    if code == 0 { text() } else { format!("{place} {}", error(code)) }
}

fn error(code: i16) -> String {
    ErrorCode::try_from_code(code)
        .map_or_else(|| format!("error {code}"), |error| format!("{error:?}"))
}
