//! Promises: a send that begins after another was acknowledged lands behind it, whoever sent the two; a partition's
//! end never goes back. Sources: appends to one leader are linearizable; Redpanda's chaos checker; KIP-207 for end
//! offsets. Jepsen finds the first only as `G0-realtime`, which it allows.
//!
//! Calls that overlap in time may be ordered either way. Not verified: end offsets against acknowledged records.

use harrow_sim::history::{Completion, MicroOperation};

use super::index::{Index, NONE};
use super::{Anomaly, Found, Witness};

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    sweep(index, found, Anomaly::RealtimeOrder, sends(index), |floor, offset| offset <= floor);
    let ends = end_offsets(index);
    sweep(index, found, Anomaly::EndOffsetRegression, ends, |floor, offset| offset < floor);
}

/// An offset told by an `ok` operation.
#[derive(Clone, Copy)]
struct Told {
    partition: u32,
    invoked_ns: u64,
    completed_ns: u64,
    offset: i64,
    witness: Witness,
}

fn sends(index: &Index<'_>) -> Vec<Told> {
    let told = index.writes.iter().filter_map(|write| {
        let offset = write.offset.filter(|_| write.completion == Completion::Ok)?;
        let record = index.operation(write.operation);
        let (invoked_ns, completed_ns) = (record.invoked_ns, record.completed_ns);
        let (partition, witness) = (write.partition, write.witness());
        (partition != NONE).then_some(Told { partition, invoked_ns, completed_ns, offset, witness })
    });
    told.collect()
}

fn end_offsets(index: &Index<'_>) -> Vec<Told> {
    let mut told = Vec::new();
    for (operation, record) in (0_u32..).zip(&index.history.operations) {
        if record.completion != Completion::Ok {
            continue;
        }
        for action in &record.actions {
            let MicroOperation::EndOffset { partition, offset: Some(offset) } = *action else {
                continue;
            };
            let witness = Witness { value: 0, offset, operation, writer: None, read: true };
            let (invoked_ns, completed_ns) = (record.invoked_ns, record.completed_ns);
            told.push(Told { partition, invoked_ns, completed_ns, offset, witness });
        }
    }
    told
}

/// Streams through time: the floor is the highest offset told before a call began.
fn sweep(
    index: &Index<'_>,
    found: &mut Found,
    anomaly: Anomaly,
    mut begun: Vec<Told>,
    breaks: impl Fn(i64, i64) -> bool,
) {
    let mut ended = begun.clone();
    begun.sort_by_key(|told| (told.partition, told.invoked_ns, told.witness.operation));
    ended.sort_by_key(|told| (told.partition, told.completed_ns, told.witness.operation));
    let mut answers = ended.iter().peekable();
    let mut floor: Option<&Told> = None;
    for call in &begun {
        floor = floor.filter(|floor| floor.partition == call.partition);
        let before =
            |told: &&Told| (told.partition, told.completed_ns) < (call.partition, call.invoked_ns);
        while let Some(answer) = answers.next_if(before) {
            let raises = floor.is_none_or(|floor| floor.offset < answer.offset);
            if answer.partition == call.partition && raises {
                floor = Some(answer);
            }
        }
        if let Some(floor) = floor.filter(|floor| breaks(floor.offset, call.offset)) {
            found.add(index, anomaly, call.partition, call.witness, Some(floor.witness));
        }
    }
}
