//! Transactions are wrong: aborted records show, commits are torn, circles close, inputs are processed twice or never.

use harrow_sim::history::{
    Completion, Function, MicroOperation, NO_OFFSET, NO_PARTITION, OperationRecord, ReadRecord,
    What,
};

use super::facts::{Facts, Pick, Sent, details};
use crate::properties::toy::{COMPACTED, Good, INPUT, RETAINED};

/// A send that was read is said to have failed.
pub(super) fn fail_a_read_send(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    fail_a_read(good, facts, pick, Function::Send)
}

/// A transaction is said to have failed of which a record was read.
pub(super) fn fail_a_read_transaction(
    good: &mut Good,
    facts: &Facts,
    pick: &mut Pick,
) -> Option<()> {
    fail_a_read(good, facts, pick, Function::Txn)
}

fn fail_a_read(good: &mut Good, facts: &Facts, pick: &mut Pick, of: Function) -> Option<()> {
    let read = facts.sends(|sent| sent.function == of && facts.there.contains(&sent.record.value));
    good.operations[pick.of(&read)?.operation].completion = Completion::Fail;
    Some(())
}

/// A record of a failed operation is read, at an offset where nothing else is.
pub(super) fn resurrect(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let failed =
        facts.sends(|sent| sent.completion == Completion::Fail && sent.partition_is_told());
    let sent = pick.of(&failed)?.record;
    let beyond = facts.last_offset(sent.partition) + 1;
    let offset = if sent.offset == NO_OFFSET { beyond } else { sent.offset };
    let records = vec![ReadRecord { value: sent.value, offset, partition: sent.partition }];
    good.push_last(Function::Poll, vec![MicroOperation::Poll { records }]);
    Some(())
}

/// Records of transactions of unknown outcome that committed: one is gone and another is still read.
fn torn(facts: &Facts, fits: impl Fn(&Sent) -> bool) -> Vec<Sent> {
    let unknown = |sent: &Sent| {
        let committed = facts.there.contains(&sent.record.value);
        sent.completion == Completion::Info && sent.function == Function::Txn && committed
    };
    let fits = |sent: &Sent| facts.firm.contains(&sent.record.value) && fits(sent);
    facts.sends(|sent| {
        let mut others = facts.sends.iter().filter(|other| {
            other.operation == sent.operation && other.record.value != sent.record.value
        });
        unknown(sent) && fits(sent) && others.any(unknown)
    })
}

/// A record with an offset is gone; nothing but an abort removes it, and the transaction committed.
pub(super) fn tear(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let torn = torn(facts, |sent| sent.record.offset != NO_OFFSET);
    good.forget(pick.of(&torn)?.record.value);
    Some(())
}

/// A record whose offset nobody was told is gone from a log that keeps everything.
pub(super) fn tear_untold(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let torn = torn(facts, |sent| {
        let keeps = ![COMPACTED, RETAINED, NO_PARTITION].contains(&sent.record.partition);
        sent.record.offset == NO_OFFSET && keeps
    });
    good.forget(pick.of(&torn)?.record.value);
    Some(())
}

/// A transaction polls what it has sent.
pub(super) fn read_own(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut kept = facts.kept();
    kept.retain(|sent| sent.function == Function::Txn);
    let sent = pick.of(&kept)?;
    poll_in(good, sent.operation, &sent);
    Some(())
}

/// Two committed transactions poll what the other has sent.
pub(super) fn read_each_other(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut kept = facts.kept();
    kept.retain(|sent| sent.function == Function::Txn);
    let first = pick.of(&kept)?;
    kept.retain(|sent| sent.operation != first.operation);
    let second = pick.of(&kept)?;
    poll_in(good, first.operation, &second);
    poll_in(good, second.operation, &first);
    Some(())
}

fn poll_in(good: &mut Good, operation: usize, sent: &Sent) {
    let (value, offset, partition) = (sent.record.value, sent.record.offset, sent.record.partition);
    let records = vec![ReadRecord { value, offset, partition }];
    good.operations[operation].actions.push(MicroOperation::Poll { records });
}

/// What committed transactions have processed: operation and first and last offset.
fn processed(good: &Good) -> Vec<(usize, i64, i64)> {
    let ok = good.operations.iter().enumerate().filter(|(_, o)| o.completion == Completion::Ok);
    ok.filter_map(|(at, operation)| span(operation).map(|(first, last)| (at, first, last)))
        .collect()
}

fn span(operation: &OperationRecord) -> Option<(i64, i64)> {
    details(operation).find_map(|what| {
        if let What::Consumed { first, last, .. } = what { Some((first, last)) } else { None }
    })
}

/// Whether a transaction of unknown outcome may have processed any of these offsets.
fn may_be_processed_otherwise(good: &Good, first: i64, last: i64) -> bool {
    let unknown = good.operations.iter().filter(|o| o.completion == Completion::Info);
    let mut spans = unknown.filter_map(span);
    spans.any(|(from, to)| from <= last && first <= to)
}

fn process(good: &mut Good, like: usize, first: i64, last: i64) {
    let group = super::facts::member(&good.operations[like]);
    let (group, generation) = group.expect("a copier is a member");
    let consumed = What::Consumed { partition: INPUT, first, last };
    let member = What::Member { group, generation: generation + 1_000 };
    let actions = vec![MicroOperation::Detail(member), MicroOperation::Detail(consumed)];
    good.push_last(Function::Txn, actions);
}

/// Another committed transaction has processed what one had.
pub(super) fn process_twice(good: &mut Good, _facts: &Facts, pick: &mut Pick) -> Option<()> {
    let (operation, first, last) = pick.of(&processed(good))?;
    process(good, operation, first, last);
    Some(())
}

/// Another committed transaction has processed the last of what one had.
pub(super) fn process_one_twice(good: &mut Good, _facts: &Facts, pick: &mut Pick) -> Option<()> {
    let (operation, _, last) = pick.of(&processed(good))?;
    process(good, operation, last, last);
    Some(())
}

/// A committed transaction had processed some input, and now no transaction has. Another one must show that the input
/// is
/// processed at all.
pub(super) fn process_never(good: &mut Good, _facts: &Facts, pick: &mut Pick) -> Option<()> {
    let all = processed(good);
    let mut alone = all.clone();
    alone.retain(|(_, first, last)| !may_be_processed_otherwise(good, *first, *last));
    let (operation, _, _) = pick.of(&alone).filter(|_| all.len() > 1)?;
    let is_span =
        |action: &MicroOperation| matches!(action, MicroOperation::Detail(What::Consumed { .. }));
    good.operations[operation].actions.retain(|action| !is_span(action));
    Some(())
}

/// A committed transaction says that it has processed all but the first record.
pub(super) fn pass_over_input(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut longer = processed(good);
    let first_in = |first: i64, last: i64| {
        let mut records = facts.log.range((INPUT, first)..=(INPUT, last));
        records.next().map(|((_, offset), _)| *offset)
    };
    longer.retain(|(_, first, last)| {
        let there = first_in(*first, *last).is_some_and(|offset| offset < *last);
        there && !may_be_processed_otherwise(good, *first, *last)
    });
    let (operation, begin, end) = pick.of(&longer)?;
    let passed = first_in(begin, end)?;
    for action in &mut good.operations[operation].actions {
        if let MicroOperation::Detail(What::Consumed { first, .. }) = action {
            *first = passed + 1;
        }
    }
    Some(())
}
