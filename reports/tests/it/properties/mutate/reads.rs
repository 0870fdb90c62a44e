//! Consumers are wrong: they skip, go back, or get what is not theirs.

use harrow_sim::history::{Function, ReadRecord, What};

use super::facts::{Facts, Pick, Read, Sent, details};
use crate::properties::toy::{FIRST_FINAL_READER, Good};

/// Neighbouring reads of one partition in one operation's poll, with what is before and behind them.
fn runs(facts: &Facts, length: usize) -> Vec<Vec<Read>> {
    let ok = facts.ok_reads();
    let together = |window: &&[Read]| {
        let first = window[0];
        let same = |read: &Read| {
            (read.operation, read.action, read.record.partition)
                == (first.operation, first.action, first.record.partition)
        };
        window.iter().all(same)
    };
    ok.windows(length).filter(together).map(<[Read]>::to_vec).collect()
}

/// Whether nothing was rebalanced inside the operation of a read.
fn settled(good: &Good, read: &Read) -> bool {
    !details(&good.operations[read.operation]).any(|what| matches!(what, What::Rebalanced { .. }))
}

/// A poll leaves out a record between two others, which the final readers got: it was there, as a later one was.
pub(super) fn skip_inside(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut runs = runs(facts, 3);
    runs.retain(|run| {
        let once = run[1].process < FIRST_FINAL_READER;
        once && settled(good, &run[1]) && facts.firm.contains(&run[1].record.value)
    });
    let run = pick.of(&runs)?;
    good.poll_mut(&run[1]).remove(run[1].at);
    Some(())
}

/// Reads of one final reader, in order, of which the first is in another operation than the last; the last one has a
/// predecessor in its partition.
fn boundaries(facts: &Facts) -> Vec<(Read, Read)> {
    let finals = facts.reads(|read| read.process >= FIRST_FINAL_READER);
    let across = finals.windows(2).filter(|pair| {
        let (a, b) = (&pair[0], &pair[1]);
        let same = (a.process, a.record.partition) == (b.process, b.record.partition);
        same && a.operation != b.operation
    });
    across.map(|pair| (pair[0], pair[1])).collect()
}

/// A reader that has its partitions for itself begins a poll one record later than the last one ended.
pub(super) fn skip_between(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut boundaries = boundaries(facts);
    boundaries.retain(|(_, first)| facts.firm.contains(&first.record.value));
    boundaries.retain(|(_, first)| {
        // Something of the partition must come after it, or it is only late.
        facts.reads.iter().any(|read| {
            let behind = read.record.offset > first.record.offset;
            behind
                && (read.process, read.record.partition) == (first.process, first.record.partition)
        })
    });
    let (_, first) = pick.of(&boundaries)?;
    good.poll_mut(&first).remove(first.at);
    Some(())
}

/// A reader that has gone to the beginning does not get the first record, and does get the second.
pub(super) fn skip_at_start(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let firsts: Vec<Read> = facts.reads(|read| {
        let is_final = read.process >= FIRST_FINAL_READER;
        let mine = || {
            facts.reads.iter().filter(|other| {
                (other.process, other.record.partition) == (read.process, read.record.partition)
            })
        };
        is_final
            && facts.firm.contains(&read.record.value)
            && mine().all(|other| other.record.offset >= read.record.offset)
            && mine().any(|other| other.record.offset > read.record.offset)
    });
    let first = pick.of(&firsts)?;
    good.poll_mut(&first).remove(first.at);
    Some(())
}

/// One of the final readers never gets a record that is between two others.
pub(super) fn hide_from_one(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let finals = facts.reads(|read| read.process >= FIRST_FINAL_READER);
    let inner = finals.windows(3).filter(|run| {
        let of = |read: &Read| (read.process, read.record.partition);
        of(&run[0]) == of(&run[1]) && of(&run[1]) == of(&run[2])
    });
    let mut inner: Vec<Read> = inner.map(|run| run[1]).collect();
    inner.retain(|read| facts.firm.contains(&read.record.value));
    let hidden = pick.of(&inner)?;
    good.poll_mut(&hidden).remove(hidden.at);
    Some(())
}

/// Two records of one poll change places.
pub(super) fn reorder(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut runs = runs(facts, 2);
    runs.retain(|run| settled(good, &run[0]));
    let run = pick.of(&runs)?;
    good.poll_mut(&run[0]).swap(run[0].at, run[1].at);
    Some(())
}

/// A poll returns a record twice.
pub(super) fn again_inside(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut reads = facts.ok_reads();
    reads.retain(|read| settled(good, read));
    let read = pick.of(&reads)?;
    good.poll_mut(&read).insert(read.at, read.record);
    Some(())
}

/// A reader that has its partitions for itself begins a poll with what it has had.
pub(super) fn rewind(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let boundaries = boundaries(facts);
    let (last, first) = pick.of(&boundaries)?;
    good.poll_mut(&first).insert(first.at, last.record);
    Some(())
}

/// A reader gets the records of two of its polls in the wrong order.
pub(super) fn swap_polls(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let (last, first) = pick.of(&boundaries(facts))?;
    let before = std::mem::take(good.poll_mut(&last));
    let after = std::mem::replace(good.poll_mut(&first), before);
    *good.poll_mut(&last) = after;
    Some(())
}

/// A record is read at an offset where it is not.
pub(super) fn misplace(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut reads = facts.ok_reads();
    // Others must have read it at its own offset.
    reads.retain(|read| facts.there.contains(&read.record.value));
    let read = pick.of(&reads)?;
    let beyond = 1 + (pick.number() % 5) as i64;
    good.poll_mut(&read)[read.at].offset = facts.last_offset(read.record.partition) + beyond;
    Some(())
}

/// A poll returns bytes that are no value.
pub(super) fn unreadable(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let read = pick.of(&facts.reads)?;
    good.poll_mut(&read)[read.at].value = ReadRecord::GARBAGE;
    Some(())
}

/// A poll returns a value that nobody sent.
pub(super) fn invent(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let read = pick.of(&facts.reads)?;
    good.poll_mut(&read)[read.at].value = 1_000_000 + pick.number() % 1_000_000;
    Some(())
}

/// A poll returns, from one partition, a record that was sent to another.
pub(super) fn foreign(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let read = pick.of(&facts.reads)?;
    let told = facts
        .sends(|sent| sent.partition_is_told() && sent.record.partition != read.record.partition);
    good.poll_mut(&read)[read.at].value = pick.of(&told)?.record.value;
    Some(())
}

/// A record is sent after someone has read it.
pub(super) fn before_sent(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let reads = facts.reads(|read| {
        let writes = |sent: &Sent| sent.record.value == read.record.value;
        facts.sends.iter().any(|sent| writes(sent) && sent.function == Function::Send)
    });
    let read = pick.of(&reads)?;
    let writer = facts.sends(|sent| sent.record.value == read.record.value);
    let at = good.operations[read.operation].completed_ns + 1;
    let sender = &mut good.operations[writer.first()?.operation];
    sender.invoked_ns = at;
    sender.completed_ns = sender.completed_ns.max(at);
    Some(())
}
