use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_topic_partitions_request::Cursor;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AlterConfigsRequest,
    AlterPartitionReassignmentsRequest, ApiVersionsRequest, ConsumerGroupDescribeRequest,
    ConsumerGroupHeartbeatRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeClusterRequest,
    DescribeConfigsRequest, DescribeGroupsRequest, DescribeProducersRequest,
    DescribeTopicPartitionsRequest, DescribeTransactionsRequest, ElectLeadersRequest,
    EndTxnRequest, FetchRequest, FindCoordinatorRequest, HeartbeatRequest,
    IncrementalAlterConfigsRequest, InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest,
    ListGroupsRequest, ListOffsetsRequest, ListPartitionReassignmentsRequest,
    ListTransactionsRequest, MetadataRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest, RequestHeader,
    SyncGroupRequest, TopicName, TxnOffsetCommitRequest, UnregisterBrokerRequest,
    WriteTxnMarkersRequest, fetch_request, metadata_request,
};
use kafka_protocol::messages::{ApiVersionsResponse, DescribeConfigsResponse};
use kafka_protocol::protocol::{Decodable, Encodable};
use proptest::prelude::*;

use super::apis::{ApiKey, served};
use super::*;
use crate::admin_message::AdminRequest;
use crate::config::TopicConfig;
use crate::message::ClientRequest;
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::proto::{DeleteTopicState, ErrorCode, StrBytes};
use crate::topic_settings::TopicSetting;
use crate::types::{Offset, TopicId};

const ONE: TransactionVersion = TransactionVersion(1);
const TWO: TransactionVersion = TransactionVersion(2);

const DEFAULTS: TopicDefaults = TopicDefaults { partitions: 4, replication_factor: 3 };

/// A frame without its length: header, then body.
fn frame(key: ApiKey, version: i16, body: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .with_client_id(Some(StrBytes::from_static_str("somebody")));
    header.encode(&mut bytes, key.request_header_version(version)).expect("a header has a form");
    bytes.put_slice(body);
    bytes.freeze()
}

fn encoded<M: Encodable>(message: &M, version: i16) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes, version).expect("the message has a form in this version");
    bytes.to_vec()
}

/// The body of a request that says next to nothing, in a version.
#[expect(clippy::wildcard_enum_match_arm, reason = "an API that is served is named here")]
fn plain(key: ApiKey, version: i16) -> Vec<u8> {
    match key {
        ApiKey::Produce => encoded(&ProduceRequest::default(), version),
        ApiKey::Fetch => encoded(&FetchRequest::default(), version),
        ApiKey::ListOffsets => encoded(&ListOffsetsRequest::default(), version),
        ApiKey::Metadata => encoded(&MetadataRequest::default(), version),
        ApiKey::OffsetCommit => encoded(&OffsetCommitRequest::default(), version),
        ApiKey::OffsetFetch => encoded(&OffsetFetchRequest::default(), version),
        ApiKey::FindCoordinator => encoded(&FindCoordinatorRequest::default(), version),
        ApiKey::JoinGroup => encoded(&JoinGroupRequest::default(), version),
        ApiKey::Heartbeat => encoded(&HeartbeatRequest::default(), version),
        ApiKey::LeaveGroup => encoded(&LeaveGroupRequest::default(), version),
        ApiKey::SyncGroup => encoded(&SyncGroupRequest::default(), version),
        ApiKey::ApiVersions => encoded(&ApiVersionsRequest::default(), version),
        ApiKey::CreateTopics => encoded(&CreateTopicsRequest::default(), version),
        ApiKey::DeleteTopics => encoded(&DeleteTopicsRequest::default(), version),
        ApiKey::DescribeConfigs => encoded(&DescribeConfigsRequest::default(), version),
        ApiKey::AlterConfigs => encoded(&AlterConfigsRequest::default(), version),
        ApiKey::IncrementalAlterConfigs => {
            encoded(&IncrementalAlterConfigsRequest::default(), version)
        }
        ApiKey::ElectLeaders => encoded(&ElectLeadersRequest::default(), version),
        ApiKey::CreatePartitions => encoded(&CreatePartitionsRequest::default(), version),
        ApiKey::AlterPartitionReassignments => {
            encoded(&AlterPartitionReassignmentsRequest::default(), version)
        }
        ApiKey::ListPartitionReassignments => {
            encoded(&ListPartitionReassignmentsRequest::default(), version)
        }
        ApiKey::UnregisterBroker => encoded(&UnregisterBrokerRequest::default(), version),
        ApiKey::DeleteRecords => encoded(&DeleteRecordsRequest::default(), version),
        ApiKey::InitProducerId => encoded(&InitProducerIdRequest::default(), version),
        ApiKey::OffsetForLeaderEpoch => encoded(&OffsetForLeaderEpochRequest::default(), version),
        ApiKey::AddPartitionsToTxn => encoded(&AddPartitionsToTxnRequest::default(), version),
        ApiKey::AddOffsetsToTxn => encoded(&AddOffsetsToTxnRequest::default(), version),
        ApiKey::EndTxn => encoded(&EndTxnRequest::default(), version),
        ApiKey::TxnOffsetCommit => encoded(&TxnOffsetCommitRequest::default(), version),
        ApiKey::DescribeTopicPartitions => {
            let cursor =
                Cursor::default().with_topic_name(TopicName(StrBytes::from_static_str("orders")));
            encoded(&DescribeTopicPartitionsRequest::default().with_cursor(Some(cursor)), version)
        }
        ApiKey::DescribeCluster => encoded(&DescribeClusterRequest::default(), version),
        ApiKey::ConsumerGroupHeartbeat => {
            encoded(&ConsumerGroupHeartbeatRequest::default(), version)
        }
        ApiKey::ListGroups => encoded(&ListGroupsRequest::default(), version),
        ApiKey::DescribeGroups => encoded(&DescribeGroupsRequest::default(), version),
        ApiKey::ConsumerGroupDescribe => encoded(&ConsumerGroupDescribeRequest::default(), version),
        ApiKey::DeleteGroups => encoded(&DeleteGroupsRequest::default(), version),
        ApiKey::OffsetDelete => encoded(&OffsetDeleteRequest::default(), version),
        ApiKey::ListTransactions => encoded(&ListTransactionsRequest::default(), version),
        ApiKey::DescribeTransactions => encoded(&DescribeTransactionsRequest::default(), version),
        ApiKey::DescribeProducers => encoded(&DescribeProducersRequest::default(), version),
        ApiKey::WriteTxnMarkers => encoded(&WriteTxnMarkersRequest::default(), version),
        other => panic!("{other:?} is served and has no request here"),
    }
}

fn answering<'a>(image: &'a MetadataImage, cluster_id: &'a StrBytes) -> Answering<'a> {
    Answering { image, endpoints: &[], cluster_id }
}

/// Reads a frame and refuses what it asks, as a host does that has been told to: nothing may panic.
fn all_the_way(frame: &Bytes) -> Option<Bytes> {
    let incoming = read_request(frame, TWO).or_else(|_| read_request(frame, ONE));
    let incoming = incoming.ok()?;
    let (image, cluster_id) = (MetadataImage::default(), StrBytes::from_static_str("cluster"));
    let Body::Broker(body) = incoming.body else { return None };
    let body = admit(body, incoming.version, &image, DEFAULTS);
    let refused = refuse(&body, ErrorCode::UnknownServerError);
    let to = (incoming.version, incoming.correlation_id);
    answer(refused, to, &answering(&image, &cluster_id))
}

#[test]
fn every_version_of_every_api_is_read_and_its_refusal_has_a_form() {
    let mut seen = 0;
    let all = |api: &ServedApi| {
        let version_1 = api.versions(ONE).map(|version| (version, ONE));
        let version_2 = api.versions(TWO).map(|version| (version, TWO));
        version_1.chain(version_2).collect::<Vec<_>>()
    };
    for api in served() {
        for (version, transactions) in all(api) {
            let bytes = frame(api.key, version, &plain(api.key, version));
            let read = read_request(&bytes, transactions);
            let read = read.unwrap_or_else(|error| panic!("{:?} {version}: {error}", api.key));
            assert_eq!((read.key, read.version, read.correlation_id), (api.key, version, 7));
            assert_eq!(read.client_id.as_deref(), Some("somebody"));
            if let Body::Broker(_) = read.body {
                let answer = all_the_way(&bytes);
                assert!(answer.is_some(), "{:?} {version} cannot be refused", api.key);
            }
            seen += 1;
        }
    }
    assert!(seen > 130, "only {seen} versions");
}

#[test]
fn a_frame_that_is_cut_anywhere_is_refused() {
    let topic = metadata_request::MetadataRequestTopic::default()
        .with_name(Some(TopicName(StrBytes::from_static_str("orders"))));
    let request = MetadataRequest::default().with_topics(Some(vec![topic]));
    for version in [1, 9, 13] {
        let whole = frame(ApiKey::Metadata, version, &encoded(&request, version));
        assert!(read_request(&whole, ONE).is_ok(), "version {version}");
        for length in 0..whole.len() {
            assert!(
                read_request(&whole.slice(..length), ONE).is_err(),
                "{length} bytes of {version}"
            );
        }
    }
}

#[test]
fn twelve_bytes_do_not_make_room_for_two_billion_elements() {
    let mut body = BytesMut::new();
    body.put_i16(-1); // transactional id
    body.put_i16(1);
    body.put_i32(1_000);
    body.put_i32(0x7fff_fff0);
    let read = read_request(&frame(ApiKey::Produce, 3, &body), ONE);
    assert_eq!(
        read.err().map(|error| error.to_string()).as_deref(),
        Some("a request that does not keep to its schema: it ends before what it announces")
    );
}

#[test]
fn a_tagged_field_is_as_long_as_its_size_says() {
    let mut body = BytesMut::from(&plain(ApiKey::Fetch, 12)[..]);
    body.truncate(body.len() - 1);
    // One tag, the cluster id, said to be of one byte; what follows would be read as its text.
    body.put_slice(&[1, 0, 1, 200, 1]);
    body.put_bytes(b'x', 400);
    assert_eq!(
        read_request(&frame(ApiKey::Fetch, 12, &body), ONE),
        Err(Refused::Shape(super::shape::ShapeError::TagSize))
    );
}

#[test]
fn a_text_is_never_longer_than_old_versions_could_say() {
    for (length, fits) in [(32_767, true), (32_768, false)] {
        let regex = StrBytes::from_string("a".repeat(length));
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_subscribed_topic_regex(Some(regex))
            .with_topic_partitions(None);
        let whole = frame(ApiKey::ConsumerGroupHeartbeat, 1, &encoded(&request, 1));
        assert_eq!(read_request(&whole, ONE).is_ok(), fits, "{length} bytes");
    }
}

#[test]
fn what_is_not_served_is_refused_as_kafka_refuses_it() {
    let table = [
        (ApiKey::Vote as i16, 0, Refused::Key(ApiKey::Vote as i16)),
        (999, 0, Refused::Key(999)),
        (-1, 0, Refused::Key(-1)),
        (0, 2, Refused::Version { key: ApiKey::Produce, version: 2 }),
        (3, 99, Refused::Version { key: ApiKey::Metadata, version: 99 }),
        (0, 12, Refused::Version { key: ApiKey::Produce, version: 12 }),
        (26, 5, Refused::Version { key: ApiKey::EndTxn, version: 5 }),
        (28, 5, Refused::Version { key: ApiKey::TxnOffsetCommit, version: 5 }),
        (18, 99, Refused::ApiVersions { version: 99, correlation_id: 7 }),
    ];
    for (key, version, expected) in table {
        let mut bytes = BytesMut::new();
        bytes.put_i16(key);
        bytes.put_i16(version);
        bytes.put_i32(7);
        bytes.put_i16(-1);
        assert_eq!(read_request(&bytes.freeze(), ONE), Err(expected));
    }
}

#[test]
fn an_unknown_version_of_the_question_is_answered_in_version_0() {
    let answer = api_versions((None, 7), ONE, true);
    // Length, correlation id, error 35, one API: its key and versions.
    assert_eq!(&answer[..], [0, 0, 0, 16, 0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    let known = api_versions((Some(0), 7), ONE, true);
    assert_eq!(known.len(), 4 + 4 + 2 + 4 + served().len() * 6);
    assert_eq!(known[14..20], [0, 0, 0, 0, 0, 11], "Produce is advertised from 0");
}

#[test]
fn the_feature_says_which_transactions_are_spoken_and_the_versions_follow() {
    let of = |key: ApiKey, transactions| {
        let api = served().iter().find(|api| api.key == key).expect("it is served");
        api.advertised(transactions)
    };
    for (transactions, produce, end, offsets) in
        [(TransactionVersion(0), 11, 0..=4, 4), (ONE, 11, 0..=4, 4), (TWO, 12, 5..=5, 5)]
    {
        assert_eq!(of(ApiKey::Produce, transactions), 0..=produce);
        assert_eq!(of(ApiKey::EndTxn, transactions), end);
        assert_eq!(of(ApiKey::TxnOffsetCommit, transactions), 0..=offsets);
        assert_eq!(of(ApiKey::InitProducerId, transactions), 0..=5);
        let mut told = api_versions((Some(3), 7), transactions, true).slice(8..);
        let told = ApiVersionsResponse::decode(&mut told, 3).expect("it is one");
        let levels = told.finalized_features.iter().map(|it| it.max_version_level);
        let expected = Some(transactions.0 as i16).filter(|level| *level > 0);
        assert_eq!(levels.collect::<Vec<i16>>(), expected.into_iter().collect::<Vec<i16>>());
        assert_eq!(told.supported_features[0].max_version, 2);
    }
}

#[test]
fn frames_are_cut_wherever_the_bytes_break() {
    let stream = [0, 0, 0, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 9];
    for step in 1..stream.len() {
        let mut frames = Frames::new(100);
        let mut found = Vec::new();
        for part in stream.chunks(step) {
            frames.push(part);
            while let Some(frame) = frames.next_frame().expect("no frame is too long") {
                found.push(frame.to_vec());
            }
        }
        assert_eq!(found, [vec![1, 2], vec![], vec![9]], "in steps of {step}");
        assert_eq!(frames.waiting(), 0);
    }
}

#[test]
fn a_frame_beyond_the_limit_is_refused_before_it_is_there() {
    for length in [101_i32, i32::MAX, -1, i32::MIN] {
        let mut frames = Frames::new(100);
        frames.push(&length.to_be_bytes());
        assert_eq!(frames.next_frame(), Err(FrameError::Length { length, limit: 100 }));
    }
}

#[test]
fn versions_of_one_group_and_one_key_are_put_as_those_of_many() {
    let image = MetadataImage::default();
    let key = StrBytes::from_static_str("group");
    let asked = FindCoordinatorRequest::default().with_key(key.clone());
    let ClientRequest::FindCoordinator(admitted) =
        admit(ClientRequest::FindCoordinator(Box::new(asked)), 2, &image, DEFAULTS)
    else {
        panic!("another API")
    };
    assert_eq!(admitted.coordinator_keys, [key]);
    let all = MetadataRequest::default().with_topics(Some(Vec::new()));
    for (version, expected) in [(0, None), (1, Some(Vec::new()))] {
        let ClientRequest::Metadata(admitted) =
            admit(ClientRequest::Metadata(Box::new(all.clone())), version, &image, DEFAULTS)
        else {
            panic!("another API")
        };
        assert_eq!(admitted.topics, expected, "version {version}");
    }
}

#[test]
fn an_id_that_nobody_knows_comes_back_with_its_error() {
    let (image, cluster_id) = (MetadataImage::default(), StrBytes::from_static_str("cluster"));
    let topic: fetch_request::FetchTopic =
        fetch_request::FetchTopic::default().with_topic_id(uuid_of(0xabc));
    let topic = topic.with_partitions(vec![fetch_request::FetchPartition::default()]);
    let request = FetchRequest::default().with_topics(vec![topic]);
    let body = admit(ClientRequest::Fetch(Box::new(request)), 16, &image, DEFAULTS);
    let refused = refuse(&body, ErrorCode::UnknownTopicOrPartition);
    let bytes = answer(refused, (16, 7), &answering(&image, &cluster_id)).expect("it has a form");
    let id = 0xabc_u128.to_be_bytes();
    let at = bytes.windows(16).position(|part| part == id).expect("the id is told");
    // One partition: its index, then the error.
    assert_eq!(bytes[at + 16 + 1 + 4..][..2], [0, 100]);
}

/// Before version 6 topics are named; then an id will do, and the answer has both.
#[test]
fn topics_are_deleted_by_name_or_by_id() {
    let name = TopicName(StrBytes::from_static_str("orders"));
    let by_name = DeleteTopicsRequest::default().with_topic_names(vec![name.clone()]);
    let incoming = read_request(&frame(ApiKey::DeleteTopics, 3, &encoded(&by_name, 3)), ONE);
    let Body::Broker(body) = incoming.expect("it keeps to its schema").body else {
        panic!("other")
    };
    let admitted = admit(body, 3, &MetadataImage::default(), DEFAULTS);
    let ClientRequest::Admin(request) = admitted else { panic!("another API") };
    let AdminRequest::DeleteTopics(request) = *request else { panic!("another API") };
    assert_eq!(request.topics.len(), 1);
    assert_eq!(request.topics[0].name, Some(name));

    let by_id = DeleteTopicState::default().with_name(None).with_topic_id(uuid_of(0xabc));
    let by_id = DeleteTopicsRequest::default().with_topics(vec![by_id]);
    let bytes = frame(ApiKey::DeleteTopics, 6, &encoded(&by_id, 6));
    let answer = all_the_way(&bytes).expect("its refusal has a form");
    let id = 0xabc_u128.to_be_bytes();
    assert!(answer.windows(16).any(|part| part == id), "the id is told");
}

#[test]
fn a_reassignment_of_version_0_may_change_the_number_of_replicas() {
    for (version, may) in [(0, true), (1, false)] {
        let asked = AlterPartitionReassignmentsRequest::default()
            .with_allow_replication_factor_change(version == 0);
        let bytes = frame(ApiKey::AlterPartitionReassignments, version, &encoded(&asked, version));
        let Body::Broker(body) = read_request(&bytes, ONE).expect("it keeps to its schema").body
        else {
            panic!("other")
        };
        let admitted = admit(body, version, &MetadataImage::default(), DEFAULTS);
        let ClientRequest::Admin(request) = admitted else { panic!("another API") };
        let AdminRequest::AlterPartitionReassignments(request) = *request else { panic!("other") };
        assert_eq!(request.allow_replication_factor_change, may, "version {version}");
    }
}

/// Java names a topic of which it knows the id alone by an empty name, others by none.
#[test]
fn topics_are_described_by_their_ids_if_any_is_named_so() {
    let mut image = MetadataImage::default();
    image.apply(Offset(0), &MetadataRecord::Topic { topic: TopicId(1), config: topic("orders") });
    let asked = |id: u128, name: Option<&'static str>| {
        metadata_request::MetadataRequestTopic::default()
            .with_topic_id(uuid_of(id))
            .with_name(name.map(|name| TopicName(StrBytes::from_static_str(name))))
    };
    let table: [(Vec<_>, &[&str]); 4] = [
        (vec![asked(1, Some(""))], &["orders"]),
        (vec![asked(1, None), asked(0, Some("payments"))], &["orders"]),
        (vec![asked(0, Some("payments"))], &["payments"]),
        (vec![asked(9, Some("orders"))], &["unknown/00000000000000000000000000000009"]),
    ];
    for (topics, expected) in table {
        let request = MetadataRequest::default().with_topics(Some(topics));
        let body = ClientRequest::Metadata(Box::new(request));
        let ClientRequest::Metadata(admitted) = admit(body, 12, &image, DEFAULTS) else {
            panic!("another API")
        };
        let names = admitted.topics.into_iter().flatten().filter_map(|topic| topic.name);
        assert_eq!(names.map(|name| name.to_string()).collect::<Vec<_>>(), expected);
    }
}

/// What is asked for is told, with where it comes from; what is not there has an error.
#[test]
fn topics_are_described_by_their_settings() {
    let mut image = MetadataImage::default();
    let config = TopicConfig { min_insync_replicas: 2, ..topic("orders") };
    image.apply(Offset(0), &MetadataRecord::Topic { topic: TopicId(1), config });
    let resource = |name: &'static str, kind| {
        DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(StrBytes::from_static_str(name))
            .with_configuration_keys(None)
    };
    let all = TopicSetting::all().len();
    let table = [("orders", 2, 0, all), ("payments", 2, 3, 0), ("1", 4, 42, 0)];
    for version in 1..=4 {
        for (name, kind, error, settings) in table {
            let request =
                DescribeConfigsRequest::default().with_resources(vec![resource(name, kind)]);
            let frame = topic_configs((version, 7), &request, &image).expect("it has a form");
            // Behind its length, the correlation id and, in flexible versions, no tags.
            let mut body = frame.slice(8 + usize::from(version >= 4)..);
            let response = DescribeConfigsResponse::decode(&mut body, version).expect("its own");
            let result = &response.results[0];
            assert_eq!((result.error_code, result.configs.len()), (error, settings), "{name}");
            let found = result.configs.iter().find(|it| *it.name == *"min.insync.replicas");
            let found = found.map(|it| (it.value.as_deref(), it.config_source));
            assert_eq!(found, (error == 0).then_some((Some("2"), 1)), "version {version}");
        }
    }
}

fn topic(name: &str) -> TopicConfig {
    TopicConfig::usual(name.to_owned())
}

fn uuid_of<U: std::str::FromStr<Err: std::fmt::Debug>>(id: u128) -> U {
    format!("{id:032x}").parse().expect("32 digits")
}

fn any_api() -> impl Strategy<Value = (ApiKey, i16)> {
    (0..served().len()).prop_flat_map(|at| {
        let api = served()[at];
        (Just(api.key), api.from..=api.until)
    })
}

/// Zeroes, small counts and all ones say most in a frame.
fn likely_byte() -> impl Strategy<Value = u8> {
    (0_u8..10, any::<u8>()).prop_map(|(kind, byte)| match kind {
        0..3 => 0,
        3..5 => byte % 8,
        5..7 => 0xff,
        _ => byte,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn garbage_of_any_api_never_panics(
        (key, version) in any_api(),
        body in prop::collection::vec(likely_byte(), 0..300),
    ) {
        all_the_way(&frame(key, version, &body));
    }

    #[test]
    fn a_request_with_changed_bytes_never_panics(
        (key, version) in any_api(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = frame(key, version, &plain(key, version)).to_vec();
        bytes.extend_from_slice(&tail);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        all_the_way(&Bytes::from(bytes));
    }

    #[test]
    fn a_stream_of_garbage_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        limit in 0_usize..3_000,
    ) {
        let mut frames = Frames::new(limit);
        frames.push(&bytes);
        while let Ok(Some(frame)) = frames.next_frame() {
            prop_assert!(frame.len() <= limit);
            all_the_way(&frame);
        }
    }
}
