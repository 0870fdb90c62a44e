//! Tables of the runtime over a real log.

use bytes::Bytes;

use super::{CoordinatorRecord, Replicated, Runtime, batch_of};
use crate::log::Log;
use crate::node::Effects;
use crate::proto::ErrorCode;
use crate::record::{BatchHeader, Record};
use crate::testing;
use crate::types::{LeaderEpoch, Offset, Time, TopicId, TopicPartition, WallTime};

const PARTITION: TopicPartition = TopicPartition { topic: TopicId(9), partition: 3 };
const EPOCH: LeaderEpoch = LeaderEpoch(5);

/// Keeps all keys.
#[derive(Debug, Default)]
struct Keys(Vec<Bytes>);

impl Replicated for Keys {
    fn replay(&mut self, _batch: &BatchHeader, record: &Record) {
        self.0.extend(record.key.clone());
    }
}

fn log() -> Log {
    testing::empty_log(PARTITION)
}

fn append(log: &mut Log, keys: &[&'static str]) {
    let record = |key: &&'static str| CoordinatorRecord {
        key: Bytes::from_static(key.as_bytes()),
        value: None,
    };
    let records: Vec<_> = keys.iter().map(record).collect();
    log.append_as_leader(&batch_of(WallTime(0), &records), EPOCH, -1, &mut Effects::new());
}

/// A runtime that has loaded a log with two records, of which one is committed.
fn loaded() -> (Runtime<Keys, u32>, Log) {
    let (mut runtime, mut log) = (Runtime::default(), log());
    append(&mut log, &["a"]);
    append(&mut log, &["b"]);
    log.set_high_watermark(Offset(1));
    runtime.elected(3, EPOCH, Time(10));
    runtime.load(3, &log);
    (runtime, log)
}

fn error(runtime: &mut Runtime<Keys, u32>) -> Option<ErrorCode> {
    runtime.active(3).err()
}

#[test]
fn nothing_is_served_before_the_log_is_read_to_its_end() {
    let (mut runtime, mut log) = (Runtime::<Keys, u32>::default(), log());
    assert_eq!(error(&mut runtime), Some(ErrorCode::NotCoordinator));
    runtime.elected(3, EPOCH, Time(10));
    assert_eq!(error(&mut runtime), Some(ErrorCode::CoordinatorLoadInProgress));
    assert_eq!((runtime.to_load(Time(9)), runtime.to_load(Time(10))), (None, Some(3)));
    append(&mut log, &["a", "b"]);
    runtime.load(3, &log);
    let context = runtime.active(3).expect("it is loaded");
    assert_eq!((context.written().0.len(), context.committed().0.len()), (2, 0));
}

#[test]
fn what_is_written_is_told_once_it_is_committed() {
    let (mut runtime, mut log) = loaded();
    let context = runtime.active(3).expect("it is loaded");
    assert_eq!((context.written().0.len(), context.committed().0.len()), (2, 1));
    append(&mut log, &["c"]);
    assert_eq!(context.follow(&log), []);
    assert_eq!(context.written().0.len(), 3, "at once");
    assert_eq!(context.wait(Time(100), 1), None);
    log.set_high_watermark(Offset(2));
    assert_eq!(context.follow(&log), [], "the record before it");
    log.set_high_watermark(Offset(3));
    assert_eq!(context.follow(&log), [(Offset(3), 1)]);
    assert_eq!(context.wait(Time(100), 2), Some(2), "there is nothing to wait for");
}

#[test]
fn a_read_waits_for_what_it_has_read() {
    let (mut runtime, mut log) = loaded();
    let context = runtime.active(3).expect("it is loaded");
    assert_eq!(context.wait(Time(100), 7), None, "record 1 is not committed");
    log.set_high_watermark(Offset(2));
    assert_eq!(context.follow(&log), [(Offset(2), 7)]);
}

#[test]
fn who_resigns_fails_those_who_wait_and_forgets() {
    for (epoch, gone) in [(4, false), (5, false), (6, true)] {
        let (mut runtime, _) = loaded();
        runtime.active(3).expect("it is loaded").wait(Time(100), 7);
        let failed = runtime.resigned(3, LeaderEpoch(epoch));
        assert_eq!(failed, if gone { vec![7] } else { vec![] }, "epoch {epoch}");
        assert_eq!(runtime.active(3).is_err(), gone, "epoch {epoch}");
    }
}

#[test]
fn who_is_elected_again_goes_on_and_is_fenced_by_the_new_epoch() {
    let (mut runtime, _) = loaded();
    runtime.elected(3, LeaderEpoch(8), Time(500));
    assert_eq!(runtime.active(3).map(|context| context.epoch()), Ok(LeaderEpoch(8)));
    assert_eq!(runtime.resigned(3, LeaderEpoch(7)), [0; 0]);
    assert!(runtime.active(3).is_ok(), "an older resignation says nothing");
}

#[test]
fn who_waits_too_long_is_told_so_and_the_record_stays() {
    let (mut runtime, _) = loaded();
    runtime.active(3).expect("it is loaded").wait(Time(100), 7);
    assert_eq!(runtime.deadline().map(|deadline| deadline.at), Some(Time(100)));
    assert_eq!(runtime.expired(Time(99)), [0; 0]);
    assert_eq!(runtime.expired(Time(100)), [7]);
    assert_eq!(runtime.active(3).map(|context| context.written().0.len()), Ok(2));
}
