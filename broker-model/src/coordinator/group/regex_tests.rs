//! Subscriptions by a regular expression that the coordinator matches, over a real log.

use super::modern_tests::{HeartbeatAnswer, Modern, beat, join, led_alone};
use crate::config::topic_name;
use crate::proto::{ConsumerGroupHeartbeatRequest, ErrorCode};
use crate::types::{TopicId, TopicPartition};

/// Longer than expressions are kept before they are matched again.
const LATER_MS: i64 = 10_001;

fn matching(request: ConsumerGroupHeartbeatRequest, regex: &str) -> ConsumerGroupHeartbeatRequest {
    request.with_subscribed_topic_regex(Some(topic_name(regex)))
}

fn join_matching(member: &str, regex: &str) -> ConsumerGroupHeartbeatRequest {
    matching(join(member), regex).with_subscribed_topic_names(None)
}

impl Modern {
    /// What a heartbeat is answered; then what it asked for is done.
    fn tell_and_resolve(&mut self, request: &ConsumerGroupHeartbeatRequest) -> HeartbeatAnswer {
        let answer = self.tell(request);
        while self.bench.groups.resolve_regexes(self.bench.now, &self.bench.image) {
            self.bench.run();
        }
        answer
    }

    /// A topic of one partition is created.
    fn create(&mut self, name: &str, topic: u32) {
        let (topic, image) = (TopicId(topic), &mut self.bench.image);
        image.topic_ids.insert(name.to_owned(), topic);
        image.last_topic = topic;
        image.partitions.insert(TopicPartition { topic, partition: 0 }, led_alone());
    }

    fn later(&mut self) {
        self.bench.now.wall.0 += LATER_MS;
    }
}

#[test]
fn what_matches_is_had_from_the_next_heartbeat_on() {
    let mut group = Modern::new(&[]);
    assert_eq!(group.tell_and_resolve(&join_matching("a", "ord.*")), Ok((1, Some(vec![]))));
    assert_eq!(group.tell_and_resolve(&beat("a", 1)), Ok((2, Some(vec![0, 1, 2, 3]))));
    assert_eq!(group.tell_and_resolve(&beat("a", 2)), Ok((2, None)), "it goes on");
}

#[test]
fn names_and_what_matches_are_one_subscription() {
    let mut group = Modern::new(&[]);
    group.create("payments", 4);
    let both = matching(join("a"), "pay.*|orders");
    assert_eq!(group.tell_and_resolve(&both), Ok((1, Some(vec![0, 1, 2, 3]))), "the names at once");
    assert_eq!(group.tell_and_resolve(&beat("a", 1)), Ok((2, Some(vec![0, 1, 2, 3, 0]))));
}

#[test]
fn another_member_of_the_same_expression_has_its_share_at_once() {
    let mut group = Modern::new(&[]);
    group.tell_and_resolve(&join_matching("a", "ord.*")).expect("it joins");
    group.tell_and_resolve(&beat("a", 1)).expect("it is a member");
    assert_eq!(group.tell_and_resolve(&join_matching("b", "ord.*")), Ok((3, Some(vec![]))));
    assert_eq!(group.tell_and_resolve(&beat("a", 2)), Ok((2, Some(vec![0, 1]))), "b gets half");
}

#[test]
fn new_topics_are_matched_but_not_again_and_again() {
    let mut group = Modern::new(&[]);
    group.tell_and_resolve(&join_matching("a", "orders.*")).expect("it joins");
    group.tell_and_resolve(&beat("a", 1)).expect("it is a member");
    group.create("orders-eu", 4);
    assert_eq!(group.tell_and_resolve(&beat("a", 2)), Ok((2, None)), "it is too early");
    assert_eq!(group.tell_and_resolve(&beat("a", 2)), Ok((2, None)));
    group.later();
    assert_eq!(group.tell_and_resolve(&beat("a", 2)), Ok((2, None)), "it is matched");
    assert_eq!(group.tell_and_resolve(&beat("a", 2)), Ok((3, Some(vec![0, 1, 2, 3, 0]))));
    group.create("payments", 5);
    group.later();
    group.tell_and_resolve(&beat("a", 3)).expect("it is a member");
    assert_eq!(group.tell_and_resolve(&beat("a", 3)), Ok((3, None)), "that is not one of them");
}

#[test]
fn who_subscribes_otherwise_gives_the_former_topics_up() {
    let mut group = Modern::new(&[]);
    group.create("payments", 4);
    group.tell_and_resolve(&join_matching("a", "ord.*")).expect("it joins");
    group.tell_and_resolve(&beat("a", 1)).expect("it is a member");
    let all = super::modern_tests::owning(beat("a", 2), &[0, 1, 2, 3]);
    group.later();
    let changed = group.tell_and_resolve(&matching(all, "pay.*"));
    assert_eq!(changed, Ok((2, None)), "all at once, when it is matched");
    assert_eq!(group.tell_and_resolve(&beat("a", 2)), Ok((2, Some(vec![]))));
    let none = beat("a", 2).with_topic_partitions(Some(Vec::new()));
    assert_eq!(group.tell_and_resolve(&none), Ok((3, Some(vec![0]))), "in one epoch");
    let empty = matching(beat("a", 3), "");
    assert_eq!(group.tell_and_resolve(&empty), Ok((3, None)));
    assert_eq!(group.tell_and_resolve(&beat("a", 3)), Ok((3, Some(vec![]))), "it has no topic");
}

#[test]
fn what_is_no_expression_is_refused_and_changes_nothing() {
    let mut group = Modern::new(&[]);
    let before = group.bench.state();
    let bad = join_matching("a", "ord(");
    assert_eq!(group.tell_and_resolve(&bad), Err(ErrorCode::InvalidRegularExpression));
    assert_eq!(group.bench.state(), before);
    let no_rack = join("a").with_rack_id(Some(topic_name("")));
    assert_eq!(group.tell_and_resolve(&no_rack), Err(ErrorCode::InvalidRequest));
    let nothing = join("a").with_subscribed_topic_names(None);
    assert_eq!(group.tell_and_resolve(&nothing), Err(ErrorCode::InvalidRequest));
}

#[test]
fn another_coordinator_knows_what_was_matched_and_the_last_member_takes_it_along() {
    let mut group = Modern::new(&[]);
    group.tell_and_resolve(&join_matching("a", "ord.*")).expect("it joins");
    group.tell_and_resolve(&beat("a", 1)).expect("it is a member");
    group.bench.fail_over();
    let full = matching(beat("a", 2), "ord.*")
        .with_rebalance_timeout_ms(2_000)
        .with_topic_partitions(Some(Vec::new()));
    assert_eq!(group.tell_and_resolve(&full), Ok((2, Some(vec![0, 1, 2, 3]))));
    assert!(group.bench.state().contains("ord.*"));
    group.tell_and_resolve(&beat("a", -1)).expect("it leaves");
    assert!(!group.bench.state().contains("ord.*"), "{}", group.bench.state());
}
