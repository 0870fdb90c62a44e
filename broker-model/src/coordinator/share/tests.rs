//! What a share coordinator writes and whom it refuses.

use super::*;
use crate::coordinator::runtime::Replicated;
use crate::record::{Record, RecordBatch};
use crate::share_message::{DeliveryState, SharePartitionKey, StateBatch};
use crate::types::{LeaderEpoch, Offset, TopicId, TopicPartition, WallTime};

/// A coordinator whose records are committed at once.
#[derive(Default)]
struct Shard {
    states: ShareStates,
    defects: Defects,
    snapshots: usize,
}

fn key() -> SharePartitionKey {
    let partition = TopicPartition { topic: TopicId(3), partition: 0 };
    SharePartitionKey { partition, group: "workers".to_owned() }
}

impl Shard {
    fn ask(
        &mut self,
        epoch: i32,
        write: Option<ShareStateWrite>,
    ) -> Result<Option<ShareState>, ErrorCode> {
        let request = ShareStateRequest { key: key(), leader_epoch: LeaderEpoch(epoch), write };
        let (record, state) = serve(&self.states, &request, (2, self.defects))?;
        if let Some(record) = record {
            let value = record.value.as_ref().expect("nothing is deleted");
            let (_, decoded) = records::decode(&record.key, value).expect("it is of ours");
            self.snapshots += usize::from(decoded.snapshot);
            let batch = crate::coordinator::runtime::batch_of(WallTime(0), &[record]);
            self.replay(&batch);
        }
        Ok(state)
    }

    fn replay(&mut self, batch: &RecordBatch) {
        let records: Vec<Record> = batch.records().expect("it was just built");
        for record in &records {
            self.states.replay(batch.header(), record);
        }
    }

    fn read(&mut self, epoch: i32) -> Result<ShareState, ErrorCode> {
        self.ask(epoch, None).map(|state| state.expect("a read is told what is known"))
    }

    fn write(&mut self, epoch: i32, start: i64, batches: &[StateBatch]) -> Result<(), ErrorCode> {
        let write = ShareStateWrite { start_offset: Offset(start), batches: batches.to_vec() };
        self.ask(epoch, Some(write)).map(|_| ())
    }
}

fn batch(first: i64, last: i64, state: DeliveryState) -> StateBatch {
    StateBatch { first: Offset(first), last: Offset(last), state, delivery_count: 1 }
}

#[test]
fn newer_states_win_and_what_is_below_the_start_is_cut() {
    use DeliveryState::{Acknowledged, Archived, Available};
    let mut shard = Shard::default();
    assert_eq!(shard.read(1), Ok(ShareState { start_offset: None, batches: Vec::new() }));
    assert_eq!(shard.write(1, 0, &[batch(0, 5, Available)]), Ok(()));
    assert_eq!(shard.write(1, 0, &[batch(2, 3, Acknowledged)]), Ok(()));
    assert_eq!(shard.write(1, 3, &[batch(5, 5, Archived)]), Ok(()));
    let expected = vec![batch(3, 3, Acknowledged), batch(4, 4, Available), batch(5, 5, Archived)];
    let state = ShareState { start_offset: Some(Offset(3)), batches: expected };
    assert_eq!(shard.read(1), Ok(state));
    assert_eq!(shard.snapshots, 2, "the first read's, and one after two updates");
}

#[test]
fn a_leader_that_has_read_fences_those_before_it() {
    let mut shard = Shard::default();
    shard.read(1).expect("the first");
    shard.write(1, 0, &[batch(0, 0, DeliveryState::Acknowledged)]).expect("it leads");
    shard.read(2).expect("the next");
    let fenced = Err(ErrorCode::FencedLeaderEpoch);
    assert_eq!(shard.write(1, 1, &[]), fenced, "an earlier leader writes no more");
    assert_eq!(shard.read(1).map(|_| ()), fenced, "nor does it read");
    assert_eq!(shard.write(3, 1, &[]), fenced, "only a read makes a leader known");
    assert_eq!(shard.write(2, 1, &[]), Ok(()));
}

#[test]
fn known_bugs_let_earlier_leaders_write() {
    use crate::defect::ShareDefect::{LeaderNotFenced, ReadEpochNotStored};
    for defect in [LeaderNotFenced, ReadEpochNotStored] {
        let mut shard = Shard { defects: [defect].into_iter().collect(), ..Shard::default() };
        shard.read(1).expect("the first");
        shard.write(1, 0, &[]).expect("it leads");
        shard.read(2).expect("the next");
        assert_eq!(shard.write(1, 1, &[]), Ok(()), "{defect:?}");
    }
}
