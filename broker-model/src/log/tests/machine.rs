//! A state machine: random lives of a log, next to the plain list of batches it should hold.

use proptest::prelude::*;

use super::*;
use crate::log::segment::Segment;

#[derive(Debug, Clone)]
enum Step {
    AppendAsLeader { records: usize, producer: u8 },
    AppendAsFollower { records: usize },
    NewEpoch,
    Truncate { back: i64 },
    StartAgain { ahead: i64 },
    AdvanceStart { part: i64 },
    DeleteOld { bytes: i64, age_ms: i64 },
    SetHighWatermark { back: i64 },
    CompleteFlush { index: usize },
    SyncAll,
    SaveCheckpoints,
    Crash,
    StopCleanly,
    LosePower { seed: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => (1..5_usize, 0..4_u8)
            .prop_map(|(records, producer)| Step::AppendAsLeader { records, producer }),
        10 => (1..40_usize).prop_map(|records| Step::AppendAsFollower { records }),
        3 => Just(Step::NewEpoch),
        4 => (0..30_i64).prop_map(|back| Step::Truncate { back }),
        1 => (-20..20_i64).prop_map(|ahead| Step::StartAgain { ahead }),
        2 => (0..101_i64).prop_map(|part| Step::AdvanceStart { part }),
        3 => (-1..1_500_i64, -1..3_i64)
            .prop_map(|(bytes, age_ms)| Step::DeleteOld { bytes, age_ms }),
        6 => (0..10_i64).prop_map(|back| Step::SetHighWatermark { back }),
        8 => (0..4_usize).prop_map(|index| Step::CompleteFlush { index }),
        1 => Just(Step::SyncAll),
        3 => Just(Step::SaveCheckpoints),
        2 => Just(Step::Crash),
        1 => Just(Step::StopCleanly),
        3 => any::<u64>().prop_map(|seed| Step::LosePower { seed }),
    ]
}

/// The log, its disk, and what is known about it from outside.
struct Machine {
    harness: Harness,
    /// The checkpoints that a broker would have saved.
    saved: LogOptions,
    /// What the log should hold, from its first segment on.
    batches: Vec<RecordBatch>,
    /// What it held before each removal: what is not overwritten may come back with a power loss,
    /// since removals are not synced.
    earlier: Vec<Vec<RecordBatch>>,
    epoch: LeaderEpoch,
    sequences: [i32; 4],
    tag: u64,
}

impl Machine {
    fn new() -> Self {
        Self {
            harness: Harness::new(),
            saved: options(false),
            batches: Vec::new(),
            earlier: Vec::new(),
            epoch: EPOCH,
            sequences: [0; 4],
            tag: 0,
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::AppendAsLeader { records, producer } => self.append_as_leader(records, producer),
            Step::AppendAsFollower { records } => self.append_as_follower(records),
            Step::NewEpoch => self.new_epoch(),
            Step::Truncate { back } => self.truncate(back),
            Step::StartAgain { ahead } => self.start_again(ahead),
            Step::AdvanceStart { part } => self.advance_start(part),
            Step::DeleteOld { bytes, age_ms } => self.delete_old(bytes, age_ms),
            Step::SetHighWatermark { back } => {
                let to = self.end().plus(-back);
                self.harness.log.set_high_watermark(to);
            }
            Step::CompleteFlush { index } => {
                if let Some(token) = self.harness.disk.complete_flush(index) {
                    assert!(self.harness.log.flush_completed(token, WallTime(0)));
                }
            }
            Step::SyncAll => self.sync_all(),
            Step::SaveCheckpoints => self.save_checkpoints(),
            Step::Crash => self.crash(),
            Step::StopCleanly => self.stop_cleanly(),
            Step::LosePower { seed } => self.lose_power(seed),
        }
        self.check();
    }

    fn end(&self) -> Offset {
        self.harness.log.log_end_offset()
    }

    fn append_as_leader(&mut self, records: usize, producer: u8) {
        let index = usize::from(producer);
        self.tag += 1;
        let batch = if index == 0 {
            plain(records, self.tag)
        } else {
            let sequence = self.sequences[index];
            self.sequences[index] += records as i32;
            let parts = (ProducerId(index as i64), ProducerEpoch(0), Sequence(sequence));
            batch_of(parts, records, self.tag)
        };
        let appended = batch.with_assignment(self.end(), self.epoch);
        self.harness.append(&batch, self.epoch);
        self.batches.push(appended);
    }

    fn append_as_follower(&mut self, records: usize) {
        self.tag += 1;
        let batch = plain(records, self.tag).with_assignment(self.end(), self.epoch);
        let Harness { log, disk, effects } = &mut self.harness;
        log.append_as_follower(std::slice::from_ref(&batch), self.epoch, effects);
        disk.apply(effects);
        self.batches.push(batch);
    }

    fn new_epoch(&mut self) {
        self.epoch = self.epoch.next();
        let Harness { log, disk, effects } = &mut self.harness;
        log.assign_epoch(self.epoch, effects);
        disk.apply(effects);
    }

    /// What follows a truncation is of a newer epoch, as records of one epoch never differ.
    fn truncate(&mut self, back: i64) {
        let to = Offset((self.end().0 - back).max(0));
        let below_first = self.batches.first().is_none_or(|first| first.base_offset() > to);
        self.earlier.push(self.batches.clone());
        self.harness.truncate(to.0);
        if to < self.end() || below_first {
            self.batches.clear();
        }
        self.batches.retain(|batch| batch.next_offset() <= to);
        let end = self.batches.last().map_or(self.end(), RecordBatch::next_offset);
        assert_eq!(self.end(), end, "end after truncation to {to}");
        self.after_truncation();
    }

    fn start_again(&mut self, ahead: i64) {
        let start = Offset((self.end().0 + ahead).max(0));
        self.earlier.push(std::mem::take(&mut self.batches));
        let Harness { log, disk, effects } = &mut self.harness;
        log.truncate_fully_and_start_at(start, effects);
        disk.apply(effects);
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (start, start));
        self.after_truncation();
    }

    /// Kafka's `LogManager` writes recovery points, and here also log starts, again.
    fn after_truncation(&mut self) {
        self.epoch = self.epoch.next();
        self.save_checkpoints();
    }

    fn advance_start(&mut self, part: i64) {
        let Harness { log, disk, effects } = &mut self.harness;
        let (start, watermark) = (log.log_start_offset(), log.high_watermark());
        let to = start.plus((watermark.0 - start.0) * part / 100);
        log.advance_log_start(to, DeletionReason::DeleteRecords, effects);
        disk.apply(effects);
        assert_eq!(log.log_start_offset(), to);
        let held: Vec<RecordBatch> = log.batches().cloned().collect();
        assert_eq!(held, self.batches, "a start that moves deletes nothing by itself");
    }

    /// Records of these tests are of time 0, and it is 1 now.
    fn delete_old(&mut self, bytes: i64, age_ms: i64) {
        let Harness { log, disk, effects } = &mut self.harness;
        let before = log.log_start_offset();
        log.config.retention = Retention {
            retention_bytes: bytes,
            retention_ms: if age_ms == 0 { 0 } else { -1 },
            ..Retention::FOREVER
        };
        log.delete_old_segments(WallTime(1), effects);
        disk.apply(effects);
        let (start, watermark) = (log.log_start_offset(), log.high_watermark());
        assert!(before <= start && start <= watermark, "{before} to {start}, {watermark}");
        self.forget_deleted();
    }

    /// Segments that are gone are gone from the model, too.
    fn forget_deleted(&mut self) {
        let first = self.harness.log.segments.first().map(Segment::base_offset);
        let first = first.unwrap_or(self.end());
        assert!(first <= self.harness.log.log_start_offset(), "segments deleted above log start");
        if self.batches.first().is_some_and(|batch| batch.base_offset() < first) {
            self.earlier.push(self.batches.clone());
            self.batches.retain(|batch| batch.base_offset() >= first);
        }
    }

    fn sync_all(&mut self) {
        let Harness { log, disk, effects } = &mut self.harness;
        log.sync_all(effects);
        disk.apply(effects);
        assert_eq!(log.recovery_point(), log.log_end_offset());
    }

    fn save_checkpoints(&mut self) {
        let log = &self.harness.log;
        self.saved.recovery_point = log.recovery_point();
        self.saved.high_watermark = log.high_watermark();
        self.saved.log_start_offset = log.log_start_offset();
    }

    /// A broker saves its checkpoints when all logs are open: they may be above what is there.
    fn reopen(&mut self, clean: bool) {
        self.harness.disk.crash();
        self.harness.reopen(LogOptions { clean, ..self.saved });
        self.save_checkpoints();
        self.epoch = self.epoch.next();
    }

    /// The page cache survives: nothing is lost but epochs without records. Of producers, batches below the log's start
    /// may be known or not: it depends on which snapshots are left.
    fn crash(&mut self) {
        let mut producers = self.harness.log.producers.clone();
        let (start, end) = (self.harness.log.log_start_offset(), self.end());
        self.reopen(false);
        let log = &self.harness.log;
        // A log that starts above what its checkpoint says and has no records starts below again.
        if log.log_end_offset() == end {
            assert!(log.log_start_offset() <= start, "log start moved up from {start}");
            let mut known = log.producers.clone();
            known.remove_below(start);
            producers.remove_below(start);
            assert_eq!(known, producers, "producers after a process crash");
            self.forget_deleted();
        } else {
            assert!(self.batches.is_empty(), "a process crash moved the end from {end}");
        }
    }

    fn stop_cleanly(&mut self) {
        self.sync_all();
        self.save_checkpoints();
        let (end, producers) = (self.end(), self.harness.log.producers.clone());
        self.reopen(true);
        assert_eq!((self.end(), self.harness.log.recovery_point()), (end, end));
        assert_eq!(self.harness.log.producers, producers, "producers after a clean stop");
        self.forget_deleted();
    }

    /// What was flushed survives, and nothing is there that was never written.
    fn lose_power(&mut self, seed: u64) {
        let flushed = self.harness.log.recovery_point();
        let mut state = seed;
        self.harness.disk.lose_power(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 33
        });
        self.reopen(false);
        let found: Vec<RecordBatch> = self.harness.log.batches().cloned().collect();
        let start = self.harness.log.log_start_offset();
        let durable = self.batches.iter().filter(|batch| batch.next_offset() <= flushed);
        for batch in durable.filter(|batch| batch.next_offset() > start) {
            assert!(found.contains(batch), "flushed batch at {} is lost", batch.base_offset());
        }
        let written = |history: &Vec<RecordBatch>| is_part(&found, history);
        let known = written(&self.batches) || self.earlier.iter().any(written);
        assert!(known, "recovered a log that never was: {:?}", outline(&found));
        self.earlier.push(std::mem::replace(&mut self.batches, found));
    }

    fn check(&self) {
        let log = &self.harness.log;
        let held: Vec<RecordBatch> = log.batches().cloned().collect();
        let (ours, theirs) = (outline(&held), outline(&self.batches));
        assert!(held == self.batches, "the log holds {ours:?}, it should hold {theirs:?}");
        self.harness.disk.assert_agrees(log);
        let read = log.read(log.log_start_offset(), log.log_end_offset(), u32::MAX);
        let readable = |batch: &&RecordBatch| batch.next_offset() > log.log_start_offset();
        assert!(read.iter().eq(self.batches.iter().filter(readable)), "what can be read");
        if self.batches.last().is_some_and(|last| last.leader_epoch() == log.latest_epoch()) {
            self.check_epochs();
        }
    }

    /// Where every epoch ends, from the batches alone.
    fn check_epochs(&self) {
        let log = &self.harness.log;
        for batch in
            self.batches.iter().filter(|batch| batch.next_offset() > log.log_start_offset())
        {
            let epoch = batch.leader_epoch();
            let later = self.batches.iter().find(|other| other.leader_epoch() > epoch);
            let end = later.map_or(log.log_end_offset(), RecordBatch::base_offset);
            let found = log.end_offset_for(epoch);
            assert_eq!((found.epoch, found.end_offset), (epoch, end), "end of epoch {epoch}");
        }
    }
}

/// Whether the found batches are consecutive ones of a history.
fn is_part(found: &[RecordBatch], history: &[RecordBatch]) -> bool {
    found.is_empty() || history.windows(found.len()).any(|part| part == found)
}

/// First offset, epoch and checksum of each batch.
fn outline(batches: &[RecordBatch]) -> Vec<(i64, i32, u32)> {
    let line = |batch: &RecordBatch| {
        (batch.base_offset().0, batch.leader_epoch().0, batch.header().checksum)
    };
    batches.iter().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_log_holds_what_it_should(steps in prop::collection::vec(step(), 1..120)) {
        let mut machine = Machine::new();
        for step in &steps {
            machine.run(step);
        }
    }
}
