//! One test for each rule of what applications ask of their consumer beside reading.

use super::tests::{
    at_ten, batch, config, error_answer, fetched, no_fetch, offset_answer, poll, polled,
    records_answer, take_fetch, take_list, timestamp,
};
use super::*;
use crate::client::testing::{Driver, TOPIC};
use crate::config::OffsetReset;
use crate::message::{ClientRequest, RequestBody};
use crate::node::{ConsumerCall, NoPosition, SeekTo};

const REFUSED: Outcome = Outcome::Failed { error: ErrorCode::InvalidRequest, partition: -1 };

fn seek(driver: &mut Driver<Consumer>, operation: u64, to: SeekTo) {
    let places = vec![(TOPIC, 0, to)];
    driver.invoke(operation, Operation::Call(ConsumerCall::Seek { places }));
}

fn pause(driver: &mut Driver<Consumer>, operation: u64, paused: bool) {
    let partitions = vec![(TOPIC, 0)];
    driver.invoke(operation, Operation::Call(ConsumerCall::Pause { partitions, paused }));
}

fn last(driver: &Driver<Consumer>) -> &Outcome {
    &driver.outcomes.last().expect("an operation has ended").1
}

#[test]
fn a_seek_drops_what_was_fetched_and_what_is_on_its_way() {
    let mut driver = at_ten(config());
    let old = take_fetch(&mut driver);
    seek(&mut driver, 3, SeekTo::Offset(Offset(4)));
    assert_eq!(last(&driver), &Outcome::Called);
    driver.answer(&old, records_answer(batch(10, 2, 3)));
    poll(&mut driver, 4, 100);
    let asked = take_fetch(&mut driver);
    assert_eq!(fetched(&asked).fetch_offset, 4);
    driver.answer(&asked, records_answer(batch(0, 10, 3)));
    assert_eq!(polled(&driver, 4), (4..10).collect::<Vec<_>>());
}

#[test]
fn a_seek_to_an_end_of_the_log_asks_where_that_is() {
    for (to, wanted) in [(SeekTo::Beginning, -2), (SeekTo::End, -1)] {
        let mut driver = at_ten(config());
        take_fetch(&mut driver);
        seek(&mut driver, 3, to);
        let asked = take_list(&mut driver);
        assert_eq!(timestamp(&asked), wanted);
        driver.answer(&asked, offset_answer(0, 6));
        assert!(driver.notes.is_empty(), "the position was not out of range");
        driver.advance(2_200);
        assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 6);
    }
}

#[test]
fn only_partitions_that_it_has_are_sought_and_paused() {
    let mut driver = at_ten(config());
    let places = vec![(TOPIC, 0, SeekTo::End), (TOPIC, 5, SeekTo::End)];
    driver.invoke(3, Operation::Call(ConsumerCall::Seek { places }));
    assert_eq!(last(&driver), &REFUSED);
    let partitions = vec![(TOPIC, 5)];
    driver.invoke(4, Operation::Call(ConsumerCall::Pause { partitions, paused: true }));
    assert_eq!(last(&driver), &REFUSED);
    let is_list =
        |body: &RequestBody| matches!(body, RequestBody::Client(ClientRequest::ListOffsets(_)));
    assert!(driver.take(is_list).is_none(), "nothing was sought");
}

#[test]
fn what_rests_is_not_returned_and_not_fetched_and_loses_nothing() {
    let mut driver = at_ten(config());
    let asked = take_fetch(&mut driver);
    pause(&mut driver, 3, true);
    driver.answer(&asked, records_answer(batch(10, 2, 3)));
    poll(&mut driver, 4, 100);
    driver.advance(150);
    assert_eq!(polled(&driver, 4), [0; 0]);
    assert!(no_fetch(&driver));
    pause(&mut driver, 5, false);
    poll(&mut driver, 6, 100);
    assert_eq!(polled(&driver, 6), [10, 11], "what was fetched before counts");
}

#[test]
fn a_wakeup_ends_a_poll_that_has_nothing() {
    let mut driver = at_ten(config());
    let call = |timeout_ms, wakeup_ms| {
        let max_records = 10;
        Operation::Call(ConsumerCall::PollUntilWoken { timeout_ms, max_records, wakeup_ms })
    };
    driver.invoke(3, call(500, 40));
    driver.advance(39);
    assert_ne!(last(&driver), &Outcome::WokenUp);
    driver.advance(1);
    assert_eq!(last(&driver), &Outcome::WokenUp);
    let asked = take_fetch(&mut driver);
    driver.invoke(4, call(500, 40));
    driver.answer(&asked, records_answer(batch(10, 2, 3)));
    assert_eq!(polled(&driver, 4), [10, 11], "what is there is returned");
}

#[test]
fn without_a_policy_the_application_says_where_to_go_on() {
    let mut driver = at_ten(ConsumerConfig { offset_reset: OffsetReset::None, ..config() });
    let asked = take_fetch(&mut driver);
    driver.answer(&asked, error_answer(ErrorCode::OffsetOutOfRange));
    poll(&mut driver, 3, 100);
    let (partitions, why) = (vec![(TOPIC, 0)], NoPosition::OutOfRange);
    assert_eq!(last(&driver), &Outcome::NoPosition { partitions, why });
    seek(&mut driver, 4, SeekTo::Offset(Offset(20)));
    driver.advance(2_200);
    assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 20);
}

#[test]
fn by_duration_it_goes_to_a_time_and_waits_for_a_record_that_is_as_new() {
    let reset = OffsetReset::ByDuration(5_000);
    let mut driver = at_ten(ConsumerConfig { offset_reset: reset, ..config() });
    let asked = take_fetch(&mut driver);
    driver.answer(&asked, error_answer(ErrorCode::OffsetOutOfRange));
    let asked = take_list(&mut driver);
    assert!(timestamp(&asked) > 0, "{}", timestamp(&asked));
    let stands = |driver: &Driver<Consumer>| driver.node.status().positions[0].2;
    assert_ne!(stands(&driver), Offset::NONE, "it does not know yet");
    driver.answer(&asked, offset_answer(0, -1));
    assert_eq!(stands(&driver), Offset::NONE, "it waits");
    driver.advance(1_900);
    let is_list =
        |body: &RequestBody| matches!(body, RequestBody::Client(ClientRequest::ListOffsets(_)));
    assert!(driver.take(is_list).is_none(), "there is nothing as new, and it waits");
    driver.advance(200);
    let asked = take_list(&mut driver);
    driver.answer(&asked, offset_answer(0, 12));
    assert_eq!(fetched(&take_fetch(&mut driver)).fetch_offset, 12);
}

#[test]
fn durations_are_read_as_kafka_writes_them() {
    for (text, reset) in [
        ("earliest", Some(OffsetReset::Earliest)),
        ("none", Some(OffsetReset::None)),
        ("by_duration:PT5S", Some(OffsetReset::ByDuration(5_000))),
        ("by_duration:PT1.5S", Some(OffsetReset::ByDuration(1_500))),
        ("by_duration", None),
        ("by_duration:P1D", None),
        ("by_duration:PT-1S", None),
        ("by_duration:PTS", None),
    ] {
        assert_eq!(OffsetReset::parse(text), reset, "{text}");
        let again = reset.and_then(|reset| OffsetReset::parse(&reset.to_string()));
        assert_eq!(again, reset, "{text}");
    }
}
