//! The log is wrong: records lost, doubled, swapped, or acknowledged where they are not.

use harrow_sim::history::{
    Completion, Function, MicroOperation, NO_KEY, NO_OFFSET, ReadRecord, SendRecord, What,
};

use super::facts::{Facts, Pick, Sent, details};
use crate::properties::toy::{COMPACTED, Good, PLAIN, RETAINED};

/// An acknowledged record below the last one is in no poll: nothing but compaction and retention removes records, and
/// neither had removed it.
pub(super) fn lose_inner(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut kept = facts.kept();
    kept.retain(|sent| sent.record.offset < facts.last_offset(sent.record.partition));
    good.forget(pick.of(&kept)?.record.value);
    Some(())
}

/// The same with the last record of a partition.
pub(super) fn lose_last(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut kept = facts.kept();
    kept.retain(|sent| sent.record.offset == facts.last_offset(sent.record.partition));
    good.forget(pick.of(&kept)?.record.value);
    Some(())
}

/// An acknowledged record without an offset is in no poll, and its log keeps everything.
pub(super) fn lose_without_offset(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let lost = facts.sends(|sent| {
        sent.completion == Completion::Ok
            && sent.record.offset == NO_OFFSET
            && ![COMPACTED, RETAINED].contains(&sent.record.partition)
            && facts.there.contains(&sent.record.value)
    });
    good.forget(pick.of(&lost)?.record.value);
    Some(())
}

/// The last acknowledged record of a key in a compacted log is in no poll: it is what compaction must keep.
pub(super) fn lose_last_of_key(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut kept = facts.kept();
    kept.retain(|sent| sent.record.partition == COMPACTED);
    good.forget(pick.of(&kept)?.record.value);
    Some(())
}

/// A record is acknowledged at an offset where there is none.
pub(super) fn acknowledge_nothing(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let partition = pick.of(&PLAIN)?;
    let value = 1_000_000 + pick.number() % 1_000_000;
    let offset = facts.last_offset(partition) + 1 + (pick.number() % 3) as i64;
    let send = SendRecord { value, offset, partition, key: NO_KEY };
    good.push_last(Function::Send, vec![MicroOperation::Send(send)]);
    Some(())
}

/// A record is at a second offset as well: everyone is idempotent.
pub(super) fn append_again(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let record = pick.of(&facts.ok_reads())?.record;
    let offset = facts.last_offset(record.partition) + 1 + (pick.number() % 3) as i64;
    let records = vec![ReadRecord { offset, ..record }];
    good.push_last(Function::Poll, vec![MicroOperation::Poll { records }]);
    Some(())
}

/// Two records that one producer sent one after the other have changed places, in answers and in polls.
pub(super) fn swap_one_producers(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let pairs = facts.pairs(|first, second| {
        first.process == second.process && first.invoked_ns < second.invoked_ns
    });
    swap(good, pick.of(&pairs)?);
    Some(())
}

/// The same within one operation.
pub(super) fn swap_inside(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let pairs = facts
        .pairs(|first, second| first.operation == second.operation && first.action < second.action);
    swap(good, pick.of(&pairs)?);
    Some(())
}

/// The same where one was acknowledged before the other was sent, whoever sent them.
pub(super) fn swap_ordered(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let pairs = facts.pairs(|first, second| first.completed_ns < second.invoked_ns);
    swap(good, pick.of(&pairs)?);
    Some(())
}

fn swap(good: &mut Good, (a, b): (Sent, Sent)) {
    good.send_mut(&a).offset = b.record.offset;
    good.send_mut(&b).offset = a.record.offset;
    for record in good.polled().flatten() {
        if record.value == a.record.value {
            record.value = b.record.value;
        } else if record.value == b.record.value {
            record.value = a.record.value;
        }
    }
}

/// A send begins after a later record of its partition was read, and gets its lower offset all the same.
pub(super) fn send_late(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let ok = facts.ok_reads();
    let mut late = Vec::new();
    for sent in facts.kept() {
        let end = |record: &ReadRecord| {
            record.partition == sent.record.partition && record.offset > sent.record.offset
        };
        let single = good.operations[sent.operation].actions.len() == 1;
        let after = ok.iter().filter(|read| end(&read.record));
        let after = after.map(|read| good.operations[read.operation].completed_ns);
        // Nobody has read it before it is sent, which would be another matter.
        let read = ok.iter().filter(|read| read.record.value == sent.record.value);
        let first_read = read.map(|read| good.operations[read.operation].completed_ns).min();
        let times = after.filter(|at| single && first_read.is_some_and(|first| *at < first));
        late.extend(times.map(|at| (sent, at + 1)));
    }
    let (sent, at) = pick.of(&late)?;
    let operation = &mut good.operations[sent.operation];
    operation.invoked_ns = at;
    operation.completed_ns = operation.completed_ns.max(at);
    Some(())
}

/// A record that was read is acknowledged at the offset of another one.
pub(super) fn acknowledge_others(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let (sent, other) = pick.of(&facts.pairs(|_, _| true))?;
    good.send_mut(&sent).offset = other.record.offset;
    Some(())
}

/// A record that was read is acknowledged at an offset where nothing is.
pub(super) fn acknowledge_free(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let sent = pick.of(&facts.kept())?;
    let beyond = 1 + (pick.number() % 9) as i64;
    good.send_mut(&sent).offset = facts.last_offset(sent.record.partition) + beyond;
    Some(())
}

/// A record that was read elsewhere is acknowledged at offset 0.
pub(super) fn acknowledge_zero(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut kept = facts.kept();
    kept.retain(|sent| sent.record.offset > 0);
    let sent = pick.of(&kept)?;
    good.send_mut(&sent).offset = 0;
    Some(())
}

/// One poll gets another record of the partition at an offset than the final readers do.
pub(super) fn replace(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let read = pick.of(&facts.ok_reads())?;
    let others: Vec<u64> = facts
        .log
        .iter()
        .filter(|((partition, offset), _)| {
            let gone = !facts.log.contains_key(&(*partition, read.record.offset));
            *partition == read.record.partition && *offset != read.record.offset && !gone
        })
        .map(|(_, value)| *value)
        .collect();
    good.poll_mut(&read)[read.at].value = pick.of(&others)?;
    Some(())
}

/// An end offset is told that is below one that was told before it was asked for.
pub(super) fn lower_an_end(good: &mut Good, _facts: &Facts, pick: &mut Pick) -> Option<()> {
    let (_, _, later, end) = pick.of(&ends_in_time(good))?;
    set_end(good, later, end - 1);
    Some(())
}

/// An end offset is told that is above one that is told when it is asked for again.
pub(super) fn raise_an_end(good: &mut Good, _facts: &Facts, pick: &mut Pick) -> Option<()> {
    let (earlier, by, _, end) = pick.of(&ends_in_time(good))?;
    set_end(good, earlier, end + by + 1);
    Some(())
}

/// Two end offsets of a partition, one told before the other was asked for: the operation that told the first, by how
/// much the second is higher, the operation that told that, and the first offset; no offset is 0.
fn ends_in_time(good: &Good) -> Vec<(usize, i64, usize, i64)> {
    let mut told: Vec<(usize, u32, i64)> = Vec::new();
    for (operation, record) in good.operations.iter().enumerate() {
        for what in details(record) {
            if let What::EndOffset { partition, offset: Some(offset) } = what {
                told.push((operation, partition, offset));
            }
        }
    }
    let mut pairs = Vec::new();
    for (first, partition, end) in told.iter().copied().filter(|(_, _, end)| *end > 0) {
        let later = told.iter().filter(|(second, other, _)| {
            let (first, second) = (&good.operations[first], &good.operations[*second]);
            *other == partition && first.completed_ns < second.invoked_ns
        });
        pairs.extend(later.map(|(second, _, later)| (first, later - end, *second, end)));
    }
    pairs
}

fn set_end(good: &mut Good, operation: usize, to: i64) {
    for action in &mut good.operations[operation].actions {
        if let MicroOperation::Detail(What::EndOffset { offset, .. }) = action {
            *offset = Some(to);
        }
    }
}
