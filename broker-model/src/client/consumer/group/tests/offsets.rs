//! Where a member goes on: which answers with committed offsets count.

use super::{
    Member, TOPIC, committed, config, heartbeat, joined, member, member_of, poll, sync, take,
    take_join,
};
use crate::client::consumer::Consumer;
use crate::client::testing::{START, SentRequest};
use crate::config::{Assignor, ConsumerConfig, OffsetReset, topic_name};
use crate::message::{ClientRequest, ClientResponse, RequestBody, ResponseBody};
use crate::node::{Operation, Outcome};
use crate::proto::{
    ErrorCode, GroupId, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopics, TopicName,
};

fn is_question(body: &RequestBody) -> bool {
    matches!(body, RequestBody::Client(ClientRequest::OffsetFetch(_)))
}

/// The offset that is fetched next, if any is.
fn fetched(driver: &mut Member) -> Option<i64> {
    let asked = driver.take(|body| matches!(body, RequestBody::Client(ClientRequest::Fetch(_))))?;
    let RequestBody::Client(ClientRequest::Fetch(request)) = &asked.message.body else {
        return None;
    };
    Some(request.topics[0].partitions[0].fetch_offset)
}

/// Whether it asks where the log of a partition starts or ends.
fn resets(driver: &mut Member) -> bool {
    let is_reset =
        |body: &RequestBody| matches!(body, RequestBody::Client(ClientRequest::ListOffsets(_)));
    driver.take(is_reset).is_some()
}

/// Answers a question for the offset of partition 0.
fn answer(driver: &mut Member, asked: &SentRequest, offset: i64, error: Option<ErrorCode>) {
    let partition = OffsetFetchResponsePartitions::default()
        .with_committed_offset(offset)
        .with_committed_leader_epoch(-1)
        .with_error_code(error.map_or(0, |error| error.code()));
    let topic = OffsetFetchResponseTopics::default()
        .with_name(TopicName(TOPIC))
        .with_partitions(vec![partition]);
    let group = OffsetFetchResponseGroup::default()
        .with_group_id(GroupId(topic_name("g")))
        .with_topics(vec![topic]);
    let response = OffsetFetchResponse::default().with_groups(vec![group]);
    driver.answer(asked, ResponseBody::Client(ClientResponse::OffsetFetch(Box::new(response))));
}

#[test]
fn an_offset_that_was_asked_for_an_older_assignment_does_not_count() {
    let mut driver = member(Assignor::Range, &[0]);
    poll(&mut driver, 3);
    let old = take(&mut driver, is_question);
    driver.advance(300);
    heartbeat(&mut driver, Some(ErrorCode::RebalanceInProgress));
    poll(&mut driver, 4);
    let asked = take_join(&mut driver);
    driver.answer(&asked, joined(2, 0));
    sync(&mut driver, &[0]);
    poll(&mut driver, 5);
    answer(&mut driver, &old, 7, None);
    assert_eq!(fetched(&mut driver), None, "another member may have gone on meanwhile");
    committed(&mut driver, &[(0, 9)]);
    assert_eq!(fetched(&mut driver), Some(9));
}

#[test]
fn who_goes_back_to_what_is_committed_asks_anew() {
    let mut driver = member(Assignor::Range, &[0]);
    poll(&mut driver, 3);
    let old = take(&mut driver, is_question);
    driver.invoke(4, Operation::Rewind);
    assert!(matches!(driver.outcomes.last(), Some((4, Outcome::Rewound { .. }))));
    answer(&mut driver, &old, 7, None);
    assert_eq!(fetched(&mut driver), None, "its transaction was not over when that was asked");
    committed(&mut driver, &[(0, 9)]);
    assert_eq!(fetched(&mut driver), Some(9));
}

/// KIP-447: its offset is the one of a transaction that is open, or is not.
#[test]
fn an_offset_that_is_not_stable_is_asked_for_again() {
    let mut driver = member(Assignor::Range, &[0]);
    poll(&mut driver, 3);
    let asked = take(&mut driver, is_question);
    answer(&mut driver, &asked, -1, Some(ErrorCode::UnstableOffsetCommit));
    assert!(!resets(&mut driver) && fetched(&mut driver).is_none(), "it goes on from nowhere");
    driver.advance(130);
    committed(&mut driver, &[(0, 9)]);
    assert_eq!(fetched(&mut driver), Some(9));
}

#[test]
fn the_first_offset_is_one_to_go_on_from() {
    for (offset, reset) in [(-1, true), (0, false), (1, false)] {
        let config =
            ConsumerConfig { offset_reset: OffsetReset::Latest, ..config(Assignor::Range) };
        let mut driver = member_of(Consumer::new(config, START), &[0]);
        poll(&mut driver, 3);
        committed(&mut driver, &[(0, offset)]);
        assert_eq!(resets(&mut driver), reset, "{offset} is committed");
        assert_eq!(fetched(&mut driver), (!reset).then_some(offset));
    }
}
