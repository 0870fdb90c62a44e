//! Promises: a send that begins after another was acknowledged, or after a record was read, lands behind it, whoever
//! did it; a partition's end never goes back, nor is it behind what a poll returned, or an acknowledgement
//! told, before. Sources: appends to one leader are linearizable; Redpanda's chaos
//! checker; KIP-207 for end offsets. Jepsen finds the first only as `G0-realtime`, which it allows.
//!
//! Calls that overlap in time may be ordered either way. A send of unknown outcome that was read has taken effect
//! after it began, at the offset that it told, if it told one. What a transaction was told says nothing about an end,
//! as the last stable offset moves after its commit; what others were told while transactions are open, the policy
//! weighs.

use harrow_sim::history::{Completion, Function, NO_PARTITION, What};

use super::anomaly::Anomaly;
use super::found::Found;
use super::index::{Index, ReadId, SendId};
use super::occurrence::Observation;

/// What raised a floor.
#[derive(Clone, Copy)]
enum FloorSource {
    Send(SendId),
    Read(ReadId),
    End { operation: u32 },
}

/// Highest offsets of one partition that were told before now.
#[derive(Clone, Copy, Default)]
struct Floors {
    record: Option<(i64, FloorSource)>,
    /// Of what lay below an end: what polls returned, and what plain sends were told.
    covered: Option<(i64, FloorSource)>,
    end: Option<(i64, FloorSource)>,
}

/// Streams through time: as calls begin, the floors are what had been told by then.
pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    let mut floors = vec![Floors::default(); index.history.partitions.len()];
    let rows = index.history.rows();
    let mut answered = 0;
    for operation in index.begun().iter().copied() {
        let row = index.row(operation);
        if row.completion == Completion::Fail {
            continue;
        }
        while rows.get(answered).is_some_and(|earlier| earlier.completed_ns < row.invoked_ns) {
            raise(index, &mut floors, answered as u32);
            answered += 1;
        }
        for send in index.history.sends_of(operation) {
            check_send(index, found, &floors, send as SendId);
        }
        if row.function == Function::List && row.completion == Completion::Ok {
            check_ends(index, found, &floors, operation);
        }
    }
}

fn check_send(index: &Index<'_>, found: &mut Found, floors: &[Floors], send: SendId) {
    let Some(partition) = index.partition_of(send) else { return };
    let returned = index.returned(send).filter(|_| index.happened(send));
    let offset = returned.or_else(|| index.place(send));
    let itself = |returned: FloorSource| {
        let FloorSource::Read(read) = returned else { return false };
        index.writer(read) == Some(send)
    };
    if let (Some(offset), Some((floor, returned))) = (offset, floors[partition as usize].record)
        && offset <= floor
        // What was read before it was sent is a circle of two.
        && !itself(returned)
    {
        let subject = index.observation_at(send, offset);
        let other = Some(observation(index, returned, floor));
        found.add(index, Anomaly::RealtimeOrder, partition, subject, other);
    }
}

fn check_ends(index: &Index<'_>, found: &mut Found, floors: &[Floors], operation: u32) {
    for (partition, offset) in ends(index, operation) {
        let floor = floors[partition as usize].end.filter(|(floor, _)| offset < *floor);
        if let Some((floor, returned)) = floor {
            let subject = observation(index, FloorSource::End { operation }, offset);
            let other = observation(index, returned, floor);
            found.add(index, Anomaly::EndOffsetRegression, partition, subject, Some(other));
        }
        let covered = floors[partition as usize].covered.filter(|(record, _)| offset <= *record);
        if let Some((record, returned)) = covered {
            let subject = observation(index, FloorSource::End { operation }, offset);
            let other = observation(index, returned, record);
            found.add(index, Anomaly::StaleEndOffset, partition, subject, Some(other));
        }
    }
}

/// Takes an answer into account.
fn raise(index: &Index<'_>, floors: &mut [Floors], operation: u32) {
    let completion = index.row(operation).completion;
    let sends = Some(index.history.sends_of(operation)).filter(|_| completion != Completion::Fail);
    for send in sends.into_iter().flatten() {
        let send = send as SendId;
        let partition = index.send(send).partition;
        let returned = index.returned(send).filter(|_| index.happened(send));
        if let Some(offset) = returned.filter(|_| partition != NO_PARTITION) {
            let floor = &mut floors[partition as usize];
            lift(&mut floor.record, offset, FloorSource::Send(send));
            if index.row(operation).function == Function::Send && completion == Completion::Ok {
                lift(&mut floor.covered, offset, FloorSource::Send(send));
            }
        }
    }
    for read in index.reads_of(operation) {
        let record = index.read(read);
        // What nobody sent is garbage, and says nothing about offsets.
        if index.writer(read).is_some() {
            let floor = &mut floors[record.partition as usize];
            lift(&mut floor.record, record.offset, FloorSource::Read(read));
            lift(&mut floor.covered, record.offset, FloorSource::Read(read));
        }
    }
    if index.row(operation).function == Function::List && completion == Completion::Ok {
        for (partition, offset) in ends(index, operation) {
            lift(&mut floors[partition as usize].end, offset, FloorSource::End { operation });
        }
    }
}

fn lift(floor: &mut Option<(i64, FloorSource)>, offset: i64, returned: FloorSource) {
    if floor.is_none_or(|(floor, _)| floor < offset) {
        *floor = Some((offset, returned));
    }
}

fn ends<'a>(index: &Index<'a>, operation: u32) -> impl Iterator<Item = (u32, i64)> + 'a {
    index.history.details_of(operation).filter_map(|what| {
        if let What::EndOffset { partition, offset: Some(offset) } = what {
            Some((partition, offset))
        } else {
            None
        }
    })
}

fn observation(index: &Index<'_>, returned: FloorSource, offset: i64) -> Observation {
    match returned {
        FloorSource::Send(send) => index.observation_of_send(send),
        FloorSource::Read(read) => index.observation_of_read(read),
        FloorSource::End { operation } => Observation::answer(operation, offset),
    }
}
