//! A share-partition by itself, and share sessions.

use super::sessions::Sessions;
use super::share_partition::SharePartition;
use super::tickets::AckTicket;
use crate::caller::Caller;
use crate::config::{ShareGroupConfig, ms};
use crate::defect::{Defects, ShareDefect};
use crate::node::Effects;
use crate::proto::ErrorCode;
use crate::share_message::{
    AcknowledgeType, Acknowledgement, DeliveryState, SharePartitionKey, ShareState, StateBatch,
};
use crate::types::{
    ConnectionId, CorrelationId, LeaderEpoch, NodeId, Offset, Time, TopicId, TopicPartition,
};

const CONFIG: ShareGroupConfig = ShareGroupConfig {
    lock_ms: 100,
    delivery_count_limit: 2,
    partition_max_record_locks: 4,
    ..ShareGroupConfig::DEFAULT
};

/// A share-partition of a log that starts at 0 and ends at 10.
struct Bench {
    share: SharePartition,
    effects: Effects,
}

fn ticket() -> AckTicket {
    let connection = ConnectionId(1);
    let caller = Caller { connection, correlation_id: CorrelationId(1), from: NodeId(1001) };
    AckTicket { caller, at: 0 }
}

fn at(millis: u64) -> Time {
    Time::ZERO + ms(millis)
}

impl Bench {
    fn with(defects: Defects, stored: &ShareState) -> Self {
        let partition = TopicPartition { topic: TopicId(3), partition: 0 };
        let key = SharePartitionKey { partition, group: "workers".to_owned() };
        let mut share = SharePartition::new(key, LeaderEpoch(1), (CONFIG, defects));
        let mut effects = Effects::new();
        share.load(stored, Offset(0), &mut effects);
        Self { share, effects }
    }

    fn new() -> Self {
        Self::with(Defects::NONE, &ShareState { start_offset: None, batches: Vec::new() })
    }

    /// What a member gets, offset by offset.
    fn acquire(&mut self, now: u64, member: &str, most: u32) -> Vec<(i64, u32)> {
        let bounds = (most, Offset(10));
        let acquired = self.share.acquire(at(now), member, bounds, &mut self.effects);
        let each = acquired.iter().flat_map(|range| {
            (range.first.0..=range.last.0).map(|offset| (offset, range.delivery_count))
        });
        each.collect()
    }

    fn tell(
        &mut self,
        member: &str,
        offset: i64,
        what: AcknowledgeType,
    ) -> Result<bool, ErrorCode> {
        let told = [Acknowledgement { first: Offset(offset), last: Offset(offset), what }];
        self.share.acknowledge(member, ticket(), &told, &mut self.effects)
    }

    fn written(&mut self, now: u64, result: Result<(), ErrorCode>) {
        self.share.written(at(now), result, Offset(0), &mut self.effects);
    }

    fn start(&self) -> i64 {
        self.share.next_write().map_or(-1, |write| write.start_offset.0)
    }
}

#[test]
fn a_record_is_with_one_member_until_its_lock_expires() {
    let mut bench = Bench::new();
    assert_eq!(bench.acquire(0, "m1", 2), [(0, 1), (1, 1)]);
    assert_eq!(bench.acquire(50, "m2", 2), [(2, 1), (3, 1)]);
    assert!(bench.share.expire(at(100), Offset(0), &mut bench.effects));
    assert_eq!(bench.acquire(100, "m2", 3), [(0, 2), (1, 2)], "and the window is full");
    assert!(bench.tell("m1", 0, AcknowledgeType::Accept).is_err(), "it is not its own any more");
}

#[test]
fn the_window_bounds_what_is_in_flight() {
    let mut bench = Bench::new();
    assert_eq!(bench.acquire(0, "m1", 10).len(), 4);
    assert!(!bench.share.has_records(Offset(10)), "the window is full");
    assert_eq!(bench.tell("m1", 0, AcknowledgeType::Accept), Ok(true));
    assert!(!bench.share.has_records(Offset(10)), "nothing moves before it is stored");
    bench.written(1, Ok(()));
    assert_eq!(bench.acquire(1, "m2", 10), [(4, 1)]);
}

#[test]
fn a_poison_record_is_given_up_and_the_start_moves_over_it() {
    let mut bench = Bench::new();
    for (delivery, now) in [(1, 0), (2, 10)] {
        assert_eq!(bench.acquire(now, "m1", 1), [(0, delivery)]);
        assert_eq!(bench.tell("m1", 0, AcknowledgeType::Release), Ok(true));
        bench.written(now, Ok(()));
    }
    assert_eq!(bench.acquire(20, "m1", 1), [(1, 1)], "it was delivered as often as it may");
    assert_eq!(bench.tell("m1", 1, AcknowledgeType::Reject), Ok(true));
    assert_eq!(bench.start(), 1, "nothing before 1 is left");
}

#[test]
fn an_acknowledgement_counts_as_a_whole_or_not_at_all() {
    let mut bench = Bench::new();
    bench.acquire(0, "m1", 1);
    bench.acquire(0, "m2", 1);
    let (first, last, what) = (Offset(0), Offset(1), AcknowledgeType::Accept);
    let told = [Acknowledgement { first, last, what }];
    let answer = bench.share.acknowledge("m1", ticket(), &told, &mut bench.effects);
    assert_eq!(answer, Err(ErrorCode::InvalidRecordState));
    assert_eq!(bench.share.next_write(), None);
    assert_eq!(bench.tell("m1", 0, AcknowledgeType::Accept), Ok(true));
}

#[test]
fn a_lock_that_expired_while_a_write_failed_ends_after_all() {
    let failed = Err(ErrorCode::RequestTimedOut);
    let mut bench = Bench::new();
    bench.acquire(0, "m1", 1);
    assert_eq!(bench.tell("m1", 0, AcknowledgeType::Accept), Ok(true));
    assert!(!bench.share.expire(at(150), Offset(0), &mut bench.effects), "it is being stored");
    bench.written(150, failed);
    assert_eq!(bench.acquire(150, "m2", 1), [(0, 2)]);
    let nothing = ShareState { start_offset: None, batches: Vec::new() };
    let defects = [ShareDefect::LockNotReleased].into_iter().collect();
    let mut buggy = Bench::with(defects, &nothing);
    buggy.acquire(0, "m1", 1);
    assert_eq!(buggy.tell("m1", 0, AcknowledgeType::Accept), Ok(true));
    buggy.written(150, failed);
    assert_eq!(buggy.acquire(150, "m2", 1), [(1, 1)], "the first one stays with who gave it up");
}

#[test]
fn nobody_gets_a_record_whose_release_is_being_stored() {
    let mut bench = Bench::new();
    bench.acquire(0, "m1", 1);
    assert_eq!(bench.tell("m1", 0, AcknowledgeType::Release), Ok(true));
    assert_eq!(bench.acquire(1, "m2", 1), [(1, 1)]);
    bench.written(2, Ok(()));
    assert_eq!(bench.acquire(2, "m2", 1), [(0, 2)]);
}

#[test]
fn what_is_stored_is_known_to_the_next_leader_and_locks_are_not() {
    let state = DeliveryState::Acknowledged;
    let (first, last) = (Offset(4), Offset(4));
    let batches = vec![StateBatch { first, last, state, delivery_count: 1 }];
    let stored = ShareState { start_offset: Some(Offset(2)), batches };
    let mut bench = Bench::with(Defects::NONE, &stored);
    assert_eq!(bench.acquire(0, "m1", 9), [(2, 1), (3, 1), (5, 1)], "a gap is available");
}

#[test]
fn a_log_that_begins_later_takes_the_start_with_it() {
    let mut bench = Bench::new();
    bench.acquire(0, "m1", 2);
    assert!(bench.share.move_start(Offset(7), &mut bench.effects));
    assert_eq!(bench.acquire(1, "m2", 1), [(7, 1)]);
    assert_eq!(bench.tell("m1", 0, AcknowledgeType::Accept), Ok(false), "it is gone");
}

#[test]
fn a_session_takes_its_next_request_and_ends_with_its_own_connection() {
    let (old, new) = (ConnectionId(1), ConnectionId(2));
    let member = ("workers".to_owned(), "m1".to_owned());
    let mut sessions = Sessions::default();
    assert_eq!(sessions.request(&member, 1, old), Err(ErrorCode::ShareSessionNotFound));
    assert_eq!(sessions.request(&member, 0, old), Ok(Some(1)));
    assert_eq!(sessions.request(&member, 2, old), Err(ErrorCode::InvalidShareSessionEpoch));
    assert_eq!(sessions.request(&member, 1, old), Ok(None));
    assert_eq!(sessions.request(&member, 0, new), Ok(Some(2)));
    assert_eq!(sessions.request(&member, 2, old), Err(ErrorCode::InvalidShareSessionEpoch));
    assert!(sessions.closed(old, false).is_none(), "the session is on another connection");
    assert_eq!(sessions.request(&member, 1, new), Ok(None));
    assert!(sessions.closed(new, false).is_some_and(|closed| closed.own));
    assert_eq!(sessions.request(&member, 2, new), Err(ErrorCode::ShareSessionNotFound));
}
