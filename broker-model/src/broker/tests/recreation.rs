//! A topic that is deleted and created again: what names the first one by its id is never served by the second.

use crate::broker::tests::bench::{
    Bench, ORDERS, batch, bytes_of, only_reply, registration, replies,
};
use crate::config::topic_name;
use crate::message::{ClientRequest, ClientResponse, RequestBody, ResponseBody};
use crate::metadata::MetadataRecord;
use crate::proto::{
    ErrorCode, FetchPartition, FetchRequest, FetchTopic, PartitionProduceData, ProduceRequest,
    TopicName, TopicProduceData, topic_uuid,
};
use crate::types::{TopicId, TopicPartition};

/// The topic that has the name of the first one afterwards.
const AGAIN: TopicId = TopicId(7);

/// The topic is deleted, and created again under its name.
fn create_again(bench: &mut Bench) {
    let config = crate::testing::topic("orders", 1);
    bench.commit(&[
        MetadataRecord::RemoveTopic { topic: ORDERS.topic },
        MetadataRecord::Topic { topic: AGAIN, config },
        MetadataRecord::Partition {
            partition: TopicPartition { topic: AGAIN, partition: 0 },
            registration: registration(1, 0, &[1]),
            unclean: false,
        },
    ]);
}

fn created_again() -> Bench {
    let mut bench = Bench::hosting(registration(1, 0, &[1]));
    bench.request(1, 1001, 1, produce(None));
    create_again(&mut bench);
    bench
}

fn produce(id: Option<TopicId>) -> RequestBody {
    let data = PartitionProduceData::default().with_records(Some(bytes_of(&batch(1))));
    let mut topic = TopicProduceData::default().with_name(TopicName(topic_name("orders")));
    if let Some(id) = id {
        topic.topic_id = topic_uuid(id);
    }
    let topics = vec![topic.with_partition_data(vec![data])];
    let request = ProduceRequest::default().with_acks(1).with_timeout_ms(500);
    RequestBody::Client(ClientRequest::Produce(Box::new(request.with_topic_data(topics))))
}

/// A fetch from offset 0 in a session; incremental ones name nothing, or the topic.
fn fetch((session, epoch): (i32, i32), id: Option<TopicId>) -> RequestBody {
    let asked = FetchPartition::default()
        .with_current_leader_epoch(-1)
        .with_last_fetched_epoch(-1)
        .with_partition_max_bytes(1 << 20);
    let topic = id.map(|id| {
        FetchTopic::default()
            .with_topic(TopicName(topic_name("orders")))
            .with_topic_id(topic_uuid(id))
            .with_partitions(vec![asked])
    });
    let request = FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_session_id(session)
        .with_session_epoch(epoch)
        .with_topics(topic.into_iter().collect());
    RequestBody::Client(ClientRequest::Fetch(Box::new(request)))
}

/// Which topic is told of, its error, and how many bytes of records there are; and the session.
fn fetched(body: ResponseBody) -> (Option<(u128, i16, usize)>, i32) {
    let ResponseBody::Client(ClientResponse::Fetch(response)) = body else { panic!("{body:?}") };
    let told = response.responses.first().map(|topic| {
        let data = &topic.partitions[0];
        let bytes = data.records.as_ref().map_or(0, bytes::Bytes::len);
        (topic.topic_id.as_u128(), data.error_code, bytes)
    });
    (told, response.session_id)
}

#[test]
fn a_produce_by_id_is_never_taken_by_another_topic_of_the_name() {
    let unknown = ErrorCode::UnknownTopicId.code();
    let table = [
        (Some(ORDERS.topic), (unknown, -1), ORDERS.topic),
        (Some(AGAIN), (0, 0), AGAIN),
        // Whoever goes by the name gets what has it now, and is told which it is.
        (None, (0, 0), AGAIN),
        (Some(TopicId(99)), (unknown, -1), TopicId(99)),
    ];
    for (asked, (error, offset), told) in table {
        let mut bench = created_again();
        let reply = only_reply(&bench.request(1, 1001, 2, produce(asked)));
        let ResponseBody::Client(ClientResponse::Produce(response)) = reply else {
            panic!("other")
        };
        let topic = &response.responses[0];
        let answer = &topic.partition_responses[0];
        assert_eq!((answer.error_code, answer.base_offset), (error, offset), "{asked:?}");
        assert_eq!(topic.topic_id.as_u128(), u128::from(told.0), "{asked:?}");
    }
}

#[test]
fn a_fetch_by_id_is_never_given_records_of_another_topic_of_the_name() {
    let mut bench = created_again();
    bench.request(1, 1001, 2, produce(None));
    let old = u128::from(ORDERS.topic.0);
    let unknown = ErrorCode::UnknownTopicId.code();
    let reply = only_reply(&bench.request(2, 1001, 3, fetch((0, -1), Some(ORDERS.topic))));
    assert_eq!(fetched(reply).0, Some((old, unknown, 0)));
    let reply = only_reply(&bench.request(2, 1001, 4, fetch((0, -1), Some(AGAIN))));
    let (told, _) = fetched(reply);
    assert!(told.is_some_and(|(id, error, bytes)| (id, error) == (7, 0) && bytes > 0), "{told:?}");
}

/// A session remembers the id: it is of the first topic until its asker names the second.
#[test]
fn a_session_of_the_first_topic_is_told_nothing_of_the_second() {
    let mut bench = Bench::hosting(registration(1, 0, &[1]));
    bench.request(1, 1001, 1, produce(None));
    let reply = only_reply(&bench.request(2, 1001, 2, fetch((0, 0), Some(ORDERS.topic))));
    let (told, session) = fetched(reply);
    assert!(told.is_some_and(|(.., bytes)| bytes > 0) && session != 0, "{told:?}");
    create_again(&mut bench);
    bench.request(1, 1001, 3, produce(None));
    let reply = only_reply(&bench.request(2, 1001, 4, fetch((session, 1), None)));
    let unknown = (u128::from(ORDERS.topic.0), ErrorCode::UnknownTopicId.code(), 0);
    assert_eq!(fetched(reply).0, Some(unknown));
    let reply = only_reply(&bench.request(2, 1001, 5, fetch((session, 2), Some(AGAIN))));
    let (told, _) = fetched(reply);
    assert!(told.is_some_and(|(id, error, bytes)| (id, error) == (7, 0) && bytes > 0), "{told:?}");
}

/// Whoever knows a topic by its name waits for what has that name when it asks.
#[test]
fn a_session_by_name_waits_for_records_of_the_second() {
    let mut bench = Bench::hosting(registration(1, 0, &[1]));
    let by_name = fetch((0, 0), Some(TopicId(0)));
    let (_, session) = fetched(only_reply(&bench.request(2, 1001, 1, by_name)));
    create_again(&mut bench);
    let RequestBody::Client(ClientRequest::Fetch(request)) = fetch((session, 1), None) else {
        panic!("it is a fetch")
    };
    let waiting = request.with_max_wait_ms(500).with_min_bytes(1);
    let waiting = RequestBody::Client(ClientRequest::Fetch(Box::new(waiting)));
    assert_eq!(replies(&bench.request(2, 1001, 2, waiting)).len(), 0, "there is nothing yet");
    let woken = replies(&bench.request(1, 1001, 3, produce(None)));
    let fetched =
        woken.into_iter().find(|(connection, ..)| *connection == 2).map(|it| fetched(it.2).0);
    let told = fetched.flatten();
    assert!(told.is_some_and(|(id, error, bytes)| (id, error) == (7, 0) && bytes > 0), "{told:?}");
}

/// An asker may have heard of the second topic before the leader of the first, and of the first again afterwards.
#[test]
fn a_session_that_names_what_is_not_known_here_is_told_nothing_of_what_was_named_before() {
    let mut bench = Bench::hosting(registration(1, 0, &[1]));
    bench.request(1, 1001, 1, produce(None));
    let reply = only_reply(&bench.request(2, 1001, 2, fetch((0, 0), Some(ORDERS.topic))));
    let (_, session) = fetched(reply);
    let unknown = |id: TopicId| (u128::from(id.0), ErrorCode::UnknownTopicId.code(), 0);
    let reply = only_reply(&bench.request(2, 1001, 3, fetch((session, 1), Some(AGAIN))));
    assert_eq!(fetched(reply).0, Some(unknown(AGAIN)));
    let reply = only_reply(&bench.request(2, 1001, 4, fetch((session, 2), Some(ORDERS.topic))));
    let (told, _) = fetched(reply);
    let first = u128::from(ORDERS.topic.0);
    assert!(
        told.is_some_and(|(id, error, bytes)| (id, error) == (first, 0) && bytes > 0),
        "{told:?}"
    );
    create_again(&mut bench);
    bench.request(1, 1001, 5, produce(None));
    let reply = only_reply(&bench.request(2, 1001, 6, fetch((session, 3), Some(AGAIN))));
    assert!(fetched(reply).0.is_some_and(|(_, error, bytes)| error == 0 && bytes > 0));
    let reply = only_reply(&bench.request(2, 1001, 7, fetch((session, 4), Some(ORDERS.topic))));
    assert_eq!(fetched(reply).0, Some(unknown(ORDERS.topic)));
}
