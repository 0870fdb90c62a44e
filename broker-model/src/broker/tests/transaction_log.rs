//! The log of a transaction coordinator, as its broker loads it.

use crate::broker::tests::bench::{Bench, only_reply, registration, replies};
use crate::message::{
    AllocateProducerIdsResponse, ClientRequest, ClientResponse, ControllerResponse, RequestBody,
    ResponseBody,
};
use crate::metadata::MetadataRecord;
use crate::node::Channel;
use crate::proto::{ErrorCode, InitProducerIdRequest, StrBytes};
use crate::types::{TopicId, TopicPartition};

const LOG: TopicPartition = TopicPartition { topic: TopicId(2), partition: 0 };

fn led_in(epoch: i32, isr: &[i32]) -> MetadataRecord {
    let registration = registration(1, epoch, isr);
    MetadataRecord::Partition { partition: LOG, registration, unclean: false }
}

/// A producer asks the broker who it is.
fn init_producer_id(id: &'static str) -> RequestBody {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(StrBytes::from_static_str(id).into()))
        .with_transaction_timeout_ms(10_000)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    RequestBody::Client(ClientRequest::InitProducerId(Box::new(request)))
}

fn error(body: &ResponseBody) -> i16 {
    let ResponseBody::Client(ClientResponse::InitProducerId(response)) = body else {
        panic!("{body:?}")
    };
    response.error_code
}

/// A record that its next leader may not have decides nothing yet. Kafka reads to the log's end.
#[test]
fn a_transaction_log_is_loaded_once_all_of_it_is_committed() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let config = crate::testing::topic("__transaction_state", 1);
    bench.commit(&[MetadataRecord::Topic { topic: LOG.topic, config }, led_in(1, &[1, 2, 3])]);
    bench.pass_ms(100);
    let loading = ErrorCode::CoordinatorLoadInProgress.code();
    let effects = bench.request(7, 1001, 1, init_producer_id("t1"));
    assert_eq!(error(&only_reply(&effects)), loading, "a block of ids is fetched");
    let sent = bench.take_sent(Channel::Controller);
    let response = AllocateProducerIdsResponse { result: Ok((1000, 1000)) };
    bench
        .answer(&sent, ResponseBody::Controller(ControllerResponse::AllocateProducerIds(response)));
    let effects = bench.request(8, 1001, 2, init_producer_id("t1"));
    assert_eq!(replies(&effects), [], "its record is written");
    // The same broker leads on in another epoch; nobody else has the record.
    bench.commit(&[led_in(2, &[1, 2, 3])]);
    bench.pass_ms(100);
    let effects = bench.request(9, 1001, 3, init_producer_id("t2"));
    assert_eq!(error(&only_reply(&effects)), loading, "the record is not committed");
    // Who is alone has committed it.
    bench.commit(&[led_in(3, &[1])]);
    bench.pass_ms(100);
    let effects = bench.request(10, 1001, 4, init_producer_id("t2"));
    assert_eq!(error(&only_reply(&effects)), 0, "it is loaded");
}
