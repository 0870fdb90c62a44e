//! Messages as trace text: kind, partitions, offsets, epochs, error.

use harrow_broker_model::admin_message::{AdminRequest, AdminResponse};
use harrow_broker_model::fetch_session::FetchMetadata;
use harrow_broker_model::group_admin_message::{GroupAdminRequest, GroupAdminResponse};
use harrow_broker_model::message::{
    AlterPartitionItem, AlterPartitionRequest, AlterPartitionResponse, AlteredPartition,
    BrokerHeartbeatResponse, BrokerRegistrationResponse, ClientRequest, ClientResponse,
    ClusterError, ControllerRequest, ControllerResponse, EpochEnd, FetchSnapshotRequest,
    FetchSnapshotResponse, IsrRegistration, PeerRequest, PeerResponse, QuorumEpochResponse,
    QuorumFetchRequest, QuorumFetchResponse, QuorumRequest, QuorumResponse, ReplicaFetchPartition,
    ReplicaFetchPartitionResponse, ReplicaOffsetsResponse, RequestBody, ResponseBody, VoteRequest,
    WriteTxnMarkersRequest,
};
use harrow_broker_model::proto::{self, Encodable, ErrorCode, KafkaMessage, encode};
use harrow_broker_model::record::TransactionResult;
use harrow_broker_model::transaction_admin_message::{
    TransactionAdminRequest, TransactionAdminResponse,
};
use harrow_broker_model::types::{LeaderEpoch, NodeId};

use super::names::Names;
use super::parts::{also, epoch, joined, nodes, somebody, span};
use super::share;

/// What an administrator asks.
pub(super) fn administration(request: &AdminRequest) -> String {
    match request {
        AdminRequest::DeleteTopics(request) => rare("delete topics", request),
        AdminRequest::CreatePartitions(request) => rare("create partitions", request),
        AdminRequest::AlterPartitionReassignments(request) => {
            rare("alter partition reassignments", request)
        }
        AdminRequest::ListPartitionReassignments(request) => {
            rare("list partition reassignments", request)
        }
        AdminRequest::UnregisterBroker(request) => rare("unregister broker", request),
        AdminRequest::AlterConfigs(request) => rare("alter configs", request),
        AdminRequest::IncrementalAlterConfigs(request) => {
            rare("incremental alter configs", request)
        }
        AdminRequest::ElectLeaders(request) => rare("elect leaders", request),
        AdminRequest::AddRaftVoter(request) => rare("add voter", request),
        AdminRequest::RemoveRaftVoter(request) => rare("remove voter", request),
    }
}

fn administered(response: &AdminResponse) -> String {
    match response {
        AdminResponse::DeleteTopics(response) => rare("delete topics response", response),
        AdminResponse::CreatePartitions(response) => rare("create partitions response", response),
        AdminResponse::AlterPartitionReassignments(response) => {
            rare("alter partition reassignments response", response)
        }
        AdminResponse::ListPartitionReassignments(response) => {
            rare("list partition reassignments response", response)
        }
        AdminResponse::UnregisterBroker(response) => rare("unregister broker response", response),
        AdminResponse::AlterConfigs(response) => rare("alter configs response", response),
        AdminResponse::IncrementalAlterConfigs(response) => {
            rare("incremental alter configs response", response)
        }
        AdminResponse::ElectLeaders(response) => rare("elect leaders response", response),
        AdminResponse::AddRaftVoter(response) => rare("add voter response", response),
        AdminResponse::RemoveRaftVoter(response) => rare("remove voter response", response),
    }
}

fn group_administration(request: &GroupAdminRequest) -> String {
    match request {
        GroupAdminRequest::ListGroups(request) => rare("list groups", request),
        GroupAdminRequest::DescribeGroups(request) => rare("describe groups", request),
        GroupAdminRequest::ConsumerGroupDescribe(request) => {
            rare("consumer group describe", request)
        }
        GroupAdminRequest::DeleteGroups(request) => rare("delete groups", request),
        GroupAdminRequest::OffsetDelete(request) => rare("offset delete", request),
    }
}

fn groups_administered(response: &GroupAdminResponse) -> String {
    match response {
        GroupAdminResponse::ListGroups(response) => rare("list groups response", response),
        GroupAdminResponse::DescribeGroups(response) => rare("describe groups response", response),
        GroupAdminResponse::ConsumerGroupDescribe(response) => {
            rare("consumer group describe response", response)
        }
        GroupAdminResponse::DeleteGroups(response) => rare("delete groups response", response),
        GroupAdminResponse::OffsetDelete(response) => rare("offset delete response", response),
    }
}

fn transaction_administration(request: &TransactionAdminRequest) -> String {
    match request {
        TransactionAdminRequest::ListTransactions(request) => rare("list transactions", request),
        TransactionAdminRequest::DescribeTransactions(request) => {
            rare("describe transactions", request)
        }
        TransactionAdminRequest::DescribeProducers(request) => rare("describe producers", request),
        TransactionAdminRequest::WriteTxnMarkers(request) => rare("write txn markers", request),
    }
}

fn transactions_administered(response: &TransactionAdminResponse) -> String {
    match response {
        TransactionAdminResponse::ListTransactions(response) => {
            rare("list transactions response", response)
        }
        TransactionAdminResponse::DescribeTransactions(response) => {
            rare("describe transactions response", response)
        }
        TransactionAdminResponse::DescribeProducers(response) => {
            rare("describe producers response", response)
        }
        TransactionAdminResponse::WriteTxnMarkers(response) => {
            rare("write txn markers response", response)
        }
    }
}

/// What a request says.
pub(in crate::world::engine) fn request(names: &Names, body: &RequestBody) -> String {
    match body {
        RequestBody::Client(body) => client_request(names, body),
        RequestBody::Peer(body) => peer_request(names, body),
        RequestBody::Controller(body) => controller_request(names, body),
        RequestBody::Quorum(body) => quorum_request(body),
        RequestBody::QuorumFetch(request) => quorum_fetch(request),
        RequestBody::Wire(bytes) => format!("{} bytes of a client", bytes.len()),
    }
}

fn client_request(names: &Names, body: &ClientRequest) -> String {
    match body {
        ClientRequest::Produce(request) => produce(request),
        ClientRequest::Fetch(request) => fetch(request),
        ClientRequest::Metadata(request) => metadata(request),
        ClientRequest::ListOffsets(request) => rare("list offsets", &**request),
        ClientRequest::OffsetForLeaderEpoch(request) => rare("offset for leader epoch", &**request),
        ClientRequest::InitProducerId(request) => rare("init producer id", &**request),
        ClientRequest::CreateTopics(request) => rare("create topics", &**request),
        ClientRequest::DeleteRecords(request) => rare("delete records", &**request),
        ClientRequest::Admin(request) => administration(request),
        ClientRequest::GroupAdmin(request) => group_administration(request),
        ClientRequest::TransactionAdmin(request) => transaction_administration(request),
        ClientRequest::AddPartitionsToTxn(request) => rare("add partitions to txn", &**request),
        ClientRequest::AddOffsetsToTxn(request) => rare("add offsets to txn", &**request),
        ClientRequest::TxnOffsetCommit(request) => rare("txn offset commit", &**request),
        ClientRequest::EndTxn(request) => rare("end txn", &**request),
        ClientRequest::ShareFetch(request) => share::fetch(names, request),
        ClientRequest::FindCoordinator(request) => rare("find coordinator", &**request),
        ClientRequest::JoinGroup(request) => rare("join group", &**request),
        ClientRequest::SyncGroup(request) => rare("sync group", &**request),
        ClientRequest::Heartbeat(request) => rare("group heartbeat", &**request),
        ClientRequest::ConsumerGroupHeartbeat(request) => {
            rare("consumer group heartbeat", &**request)
        }
        ClientRequest::LeaveGroup(request) => rare("leave group", &**request),
        ClientRequest::OffsetCommit(request) => rare("offset commit", &**request),
        ClientRequest::OffsetFetch(request) => rare("offset fetch", &**request),
    }
}

fn peer_request(names: &Names, body: &PeerRequest) -> String {
    match body {
        PeerRequest::WriteTxnMarkers(request) => write_markers(names, request),
        PeerRequest::ReplicaFetch(request) => {
            let parts = request.partitions.iter().map(|wanted| wanted_part(names, wanted));
            let forgotten = request.forgotten.iter().map(|one| names.place(*one));
            let FetchMetadata { session_id, epoch } = request.session;
            let session = session(session_id, epoch, forgotten);
            format!("replica fetch {}{session}", joined(parts))
        }
        PeerRequest::ReplicaOffsets(request) => {
            let place = names.place(request.partition);
            format!("replica offsets {place}, epoch {}", request.current_leader_epoch)
        }
        PeerRequest::AddPartitionsToTxn(request) => rare("add partitions to txn", &**request),
        PeerRequest::ShareState(request) => share::state_request(names, request),
    }
}

fn controller_request(names: &Names, body: &ControllerRequest) -> String {
    match body {
        ControllerRequest::AlterPartition(request) => alter_partition(names, request),
        ControllerRequest::BrokerRegistration(request) => {
            format!("register broker {}, incarnation {}", request.broker, request.incarnation)
        }
        ControllerRequest::BrokerHeartbeat(request) => {
            let stop = if request.want_shutdown { ", wants to stop" } else { "" };
            let lost = match request.offline_log_dirs.len() {
                0 => String::new(),
                some => format!(", {some} log directories offline"),
            };
            format!("heartbeat, applied metadata {}{stop}{lost}", request.metadata_offset)
        }
        ControllerRequest::AllocateProducerIds(request) => {
            format!("allocate producer ids for broker {}", request.broker)
        }
        ControllerRequest::CreateTopics(request) => rare("create topics", &**request),
        ControllerRequest::Admin(request) => administration(request),
        ControllerRequest::AssignReplicasToDirs(request) => {
            let parts = request.replicas.iter().map(|(partition, directory)| {
                format!("{} to {directory}", names.place(*partition))
            });
            format!("assign replicas to directories: {}", joined(parts))
        }
    }
}

fn quorum_request(body: &QuorumRequest) -> String {
    match body {
        QuorumRequest::Vote(request) => vote(request),
        QuorumRequest::BeginQuorumEpoch(request) => {
            format!("node {} leads quorum epoch {}", request.leader, request.epoch)
        }
        QuorumRequest::EndQuorumEpoch(request) => {
            format!("node {} ends quorum epoch {}", request.leader, request.epoch)
        }
        QuorumRequest::FetchSnapshot(request) => {
            let FetchSnapshotRequest { snapshot, position, .. } = **request;
            format!("fetch snapshot {snapshot} from byte {position}{}", epoch(request.epoch))
        }
    }
}

fn write_markers(names: &Names, request: &WriteTxnMarkersRequest) -> String {
    let parts = request.markers.iter().map(|written| {
        let marker = written.marker;
        let what = match marker.result {
            TransactionResult::Commit => "commit",
            TransactionResult::Abort => "abort",
        };
        let places = written.partitions.iter().map(|partition| names.place(*partition).clone());
        let producer =
            format_args!("producer {} epoch {}", marker.producer_id, marker.producer_epoch);
        format!("{what} of {producer} on {}", joined(places))
    });
    format!("write txn markers {}", joined(parts))
}

/// What a response says.
pub(in crate::world::engine) fn response(names: &Names, body: &ResponseBody) -> String {
    match body {
        ResponseBody::Client(body) => client_response(names, body),
        ResponseBody::Peer(body) => peer_response(names, body),
        ResponseBody::Controller(body) => controller_response(names, body),
        ResponseBody::Quorum(body) => quorum_response(body),
        ResponseBody::QuorumFetch(response) => quorum_fetched(response),
        ResponseBody::Wire(bytes) => format!("{} bytes to a client", bytes.len()),
    }
}

fn client_response(names: &Names, body: &ClientResponse) -> String {
    match body {
        ClientResponse::Produce(response) => produced(response),
        ClientResponse::Fetch(response) => fetched(response),
        ClientResponse::Metadata(response) => metadata_response(response),
        ClientResponse::ListOffsets(response) => rare("list offsets response", &**response),
        ClientResponse::OffsetForLeaderEpoch(response) => {
            rare("offset for leader epoch response", &**response)
        }
        ClientResponse::InitProducerId(response) => rare("init producer id response", &**response),
        ClientResponse::CreateTopics(response) => rare("create topics response", &**response),
        ClientResponse::DeleteRecords(response) => rare("delete records response", &**response),
        ClientResponse::Admin(response) => administered(response),
        ClientResponse::GroupAdmin(response) => groups_administered(response),
        ClientResponse::TransactionAdmin(response) => transactions_administered(response),
        ClientResponse::AddPartitionsToTxn(response) => {
            rare("add partitions to txn response", &**response)
        }
        ClientResponse::AddOffsetsToTxn(response) => {
            rare("add offsets to txn response", &**response)
        }
        ClientResponse::TxnOffsetCommit(response) => {
            rare("txn offset commit response", &**response)
        }
        ClientResponse::EndTxn(response) => rare("end txn response", &**response),
        ClientResponse::ShareFetch(response) => share::fetched(names, response),
        ClientResponse::FindCoordinator(response) => rare("find coordinator response", &**response),
        ClientResponse::JoinGroup(response) => rare("join group response", &**response),
        ClientResponse::SyncGroup(response) => rare("sync group response", &**response),
        ClientResponse::Heartbeat(response) => rare("group heartbeat response", &**response),
        ClientResponse::ConsumerGroupHeartbeat(response) => {
            rare("consumer group heartbeat response", &**response)
        }
        ClientResponse::LeaveGroup(response) => rare("leave group response", &**response),
        ClientResponse::OffsetCommit(response) => rare("offset commit response", &**response),
        ClientResponse::OffsetFetch(response) => rare("offset fetch response", &**response),
    }
}

fn peer_response(names: &Names, body: &PeerResponse) -> String {
    match body {
        PeerResponse::WriteTxnMarkers(response) => {
            let parts = response.results.iter().flatten().map(|(partition, error)| {
                let place = names.place(*partition);
                error.map_or_else(|| place.clone(), |error| format!("{place}: {error}"))
            });
            format!("write txn markers response {}", joined(parts))
        }
        PeerResponse::ReplicaFetch(response) => {
            let parts = response.partitions.iter().map(|given| given_part(names, given));
            match response.session {
                Ok(_) => format!("replica fetch response {}", joined(parts)),
                Err(error) => format!("replica fetch response: session {error:?}"),
            }
        }
        PeerResponse::ReplicaOffsets(response) => replica_offsets(names, response),
        PeerResponse::ShareState(response) => share::state_response(names, response),
        PeerResponse::AddPartitionsToTxn(response) => {
            rare("add partitions to txn response", &**response)
        }
    }
}

fn controller_response(names: &Names, body: &ControllerResponse) -> String {
    match body {
        ControllerResponse::AlterPartition(response) => altered_partition(names, response),
        ControllerResponse::BrokerRegistration(response) => registered(response),
        ControllerResponse::BrokerHeartbeat(response) => heartbeat_response(response),
        ControllerResponse::AllocateProducerIds(response) => match response.result {
            Ok((first, count)) => {
                format!("allocate producer ids response: {count} from {first}")
            }
            Err(error) => format!("allocate producer ids response: {error:?}"),
        },
        ControllerResponse::CreateTopics(response) => rare("create topics response", &**response),
        ControllerResponse::Admin(response) => administered(response),
        ControllerResponse::AssignReplicasToDirs(response) => match &response.result {
            Ok(answers) => {
                let refused = answers.iter().filter_map(|(partition, error)| {
                    error.map(|error| format!("{}: {error:?}", names.place(*partition)))
                });
                format!("assign replicas response {}", joined(refused))
            }
            Err(error) => format!("assign replicas response: {error:?}"),
        },
    }
}

fn quorum_response(body: &QuorumResponse) -> String {
    match body {
        QuorumResponse::Vote(response) => {
            let vote = if response.granted { "granted" } else { "refused" };
            format!("vote response: {vote} in epoch {}{}", response.epoch, led(response.leader))
        }
        QuorumResponse::BeginQuorumEpoch(response) => {
            epoch_response("begin quorum epoch response", response)
        }
        QuorumResponse::EndQuorumEpoch(response) => {
            epoch_response("end quorum epoch response", response)
        }
        QuorumResponse::FetchSnapshot(response) => fetched_snapshot(response),
    }
}

/// So many characters of a rare message's fields are shown.
const FIELDS_MAX: usize = 300;

/// A message that is too rare for words of its own: its fields as the protocol names them, in the way in which Kafka's
/// request log shows them, and the size of its bytes.
fn rare<M: Encodable + KafkaMessage + std::fmt::Debug>(name: &str, message: &M) -> String {
    let fields = format!("{message:?}")
        .replace(", unknown_tagged_fields: {}", "")
        .replace(" { ", "(")
        .replace(" }", ")")
        .replace(": ", "=")
        .replace(['{', '}'], "");
    let fields = fields.split_once('(').map_or(fields.as_str(), |(_, fields)| fields);
    let shown: String = fields.chars().take(FIELDS_MAX).collect();
    let more = if shown.len() < fields.len() { "..." } else { "" };
    let version = M::VERSIONS.max;
    format!("{name} v{version}, {} bytes ({shown}{more}", encode(message).len())
}

fn produce(request: &proto::ProduceRequest) -> String {
    let parts = request.topic_data.iter().flat_map(|topic| {
        topic.partition_data.iter().map(|data| {
            let bytes = data.records.as_ref().map_or(0, bytes::Bytes::len);
            format!("{} {bytes} bytes", place(&topic.name, data.index))
        })
    });
    format!("produce {}, acks={}", joined(parts), request.acks)
}

fn produced(response: &proto::ProduceResponse) -> String {
    let parts = response.responses.iter().flat_map(|topic| {
        topic.partition_responses.iter().map(|given| {
            let place = place(&topic.name, given.index);
            or_error(given.error_code, || format!("{place}@{}", given.base_offset), &place)
        })
    });
    format!("produce response {}", joined(parts))
}

fn fetch(request: &proto::FetchRequest) -> String {
    let parts = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|wanted| {
            let place = place(&topic.topic, wanted.partition);
            format!("{place}@{} epoch {}", wanted.fetch_offset, wanted.current_leader_epoch)
        })
    });
    let forgotten = request
        .forgotten_topics_data
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|index| place(&topic.topic, *index)));
    let session = session(request.session_id, request.session_epoch, forgotten);
    format!("fetch {}{session}", joined(parts))
}

/// The session of a fetch, if it has one, and what the other side is to forget.
fn session(id: i32, epoch: i32, forgotten: impl Iterator<Item = String>) -> String {
    if id == FetchMetadata::NO_SESSION {
        return String::new();
    }
    let forgotten: Vec<String> = forgotten.collect();
    let forget = if forgotten.is_empty() {
        String::new()
    } else {
        format!(", forget {}", joined(forgotten.into_iter()))
    };
    format!(" (session {id}, epoch {epoch}{forget})")
}

fn fetched(response: &proto::FetchResponse) -> String {
    let parts = response.responses.iter().flat_map(|topic| {
        topic.partitions.iter().map(|given| {
            let place = place(&topic.topic, given.partition_index);
            let bytes = given.records.as_ref().map_or(0, bytes::Bytes::len);
            let text = || format!("{place} {bytes} bytes, high watermark {}", given.high_watermark);
            or_error(given.error_code, text, &place)
        })
    });
    if response.error_code != 0 {
        return format!("fetch response: {}", error(response.error_code));
    }
    format!("fetch response {}", joined(parts))
}

fn metadata(request: &proto::MetadataRequest) -> String {
    let topics = request.topics.iter().flatten();
    let parts = topics.filter_map(|topic| topic.name.as_ref()).map(|name| name.0.to_string());
    format!("metadata {}", joined(parts))
}

fn metadata_response(response: &proto::MetadataResponse) -> String {
    let parts = response.topics.iter().flat_map(|topic| {
        let name = topic.name.clone().unwrap_or_default();
        let failed = (topic.error_code != 0)
            .then(|| format!("{} {}", name.0.as_str(), error(topic.error_code)));
        let leaders = topic.partitions.iter().map(move |given| {
            let place = place(&name, given.partition_index);
            let text =
                || format!("{place} led by {} in epoch {}", given.leader_id.0, given.leader_epoch);
            or_error(given.error_code, text, &place)
        });
        failed.into_iter().chain(leaders)
    });
    format!("metadata response {}", joined(parts))
}

fn replica_offsets(names: &Names, response: &ReplicaOffsetsResponse) -> String {
    let place = names.place(response.partition);
    let (start, end) = (response.log_start_offset, response.log_end_offset);
    format!("replica offsets response {place} {start}..{end}{}", failed(response.error))
}

fn alter_partition(names: &Names, request: &AlterPartitionRequest) -> String {
    let item = |item: &AlterPartitionItem| {
        let isr: Vec<NodeId> = item.new_isr.iter().map(|(node, _)| *node).collect();
        format!(
            "{} to ISR {}, epoch {}, partition epoch {}",
            names.place(item.partition),
            nodes(&isr),
            item.leader_epoch,
            item.partition_epoch
        )
    };
    let items: Vec<String> = request.partitions.iter().map(item).collect();
    format!("alter partition {}", items.join("; "))
}

fn altered_partition(names: &Names, response: &AlterPartitionResponse) -> String {
    let one = |one: &AlteredPartition| {
        let place = names.place(one.partition);
        match &one.result {
            Ok(IsrRegistration { leader, leader_epoch, partition_epoch, isr, .. }) => format!(
                "{place}: leader {} in epoch {leader_epoch}, ISR {}, partition epoch \
                 {partition_epoch}",
                somebody(*leader),
                nodes(isr)
            ),
            Err(error) => format!("{place}: {error:?}"),
        }
    };
    match &response.result {
        Ok(altered) => {
            let altered: Vec<String> = altered.iter().map(one).collect();
            format!("alter partition response {}", altered.join("; "))
        }
        Err(error) => format!("alter partition response: {error:?}"),
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

fn registered(response: &BrokerRegistrationResponse) -> String {
    match response.result {
        Ok(epoch) => format!("register broker response: broker epoch {epoch}"),
        Err(error) => {
            format!("register broker response: {error:?}{}", controller(response.controller))
        }
    }
}

fn heartbeat_response(response: &BrokerHeartbeatResponse) -> String {
    match response.result {
        Ok(state) => {
            let fenced = if state.fenced { "fenced" } else { "unfenced" };
            let stop = if state.should_shut_down { ", may stop" } else { "" };
            format!("heartbeat response: {fenced}{stop}")
        }
        Err(error) => format!("heartbeat response: {error:?}{}", controller(response.controller)),
    }
}

fn controller(node: Option<NodeId>) -> String {
    also(", the controller is node ", node)
}

fn vote(request: &VoteRequest) -> String {
    let kind = if request.pre_vote { "pre-vote" } else { "vote" };
    format!(
        "{kind} for node {} in epoch {}, log end {} of epoch {}",
        request.candidate,
        request.epoch,
        request.end_offset,
        epoch(request.last_epoch)
    )
}

fn quorum_fetch(request: &QuorumFetchRequest) -> String {
    format!(
        "quorum fetch @{} epoch {}, last {}",
        request.fetch_offset,
        epoch(request.epoch),
        epoch(request.last_fetched_epoch)
    )
}

fn quorum_fetched(response: &QuorumFetchResponse) -> String {
    let records = match (response.batches.first(), response.batches.last()) {
        (Some(first), Some(last)) => format!(" {}", span(first.base_offset(), last.last_offset())),
        (None, _) | (_, None) => String::new(),
    };
    format!(
        "quorum fetch response{records}{}{} epoch {}{}, high watermark {}{}",
        diverging(response.diverging),
        also(", fetch snapshot ", response.snapshot),
        epoch(response.epoch),
        led(response.leader),
        response.high_watermark,
        failed(response.error)
    )
}

fn fetched_snapshot(response: &FetchSnapshotResponse) -> String {
    let FetchSnapshotResponse { snapshot, position, size, .. } = response;
    let end = position + response.bytes.len() as u64;
    format!(
        "fetch snapshot response {snapshot}, bytes {position} to {end} of {size}{}{}{}",
        epoch(response.epoch),
        led(response.leader),
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
fn or_error(code: i16, text: impl FnOnce() -> String, place: &str) -> String {
    if code == 0 { text() } else { format!("{place} {}", error(code)) }
}

fn error(code: i16) -> String {
    ErrorCode::try_from_code(code)
        .map_or_else(|| format!("error {code}"), |error| format!("{error:?}"))
}
