//! Groups are wrong: members start too far, commit what is not theirs, or own what another has.

use harrow_sim::history::{
    Completion, Function, MicroOperation, OperationRecord, ReadRecord, What,
};

use super::facts::{Facts, Pick, Read, details, member};
use crate::properties::toy::{GROUP, Good};

/// Offsets that the group has ever committed of a partition, or tried to.
fn commits(good: &Good, partition: u32) -> i64 {
    let all = good.operations.iter().filter(|operation| member(operation).is_some());
    let committed = all.flat_map(details).filter_map(|what| match what {
        What::Committed { partition: of, offset } if of == partition => Some(offset),
        What::Committed { .. }
        | What::Assigned { .. }
        | What::EndOffset { .. }
        | What::Fetched { .. }
        | What::Rebalanced { .. }
        | What::Seek { .. }
        | What::Consumed { .. }
        | What::Member { .. } => None,
    });
    committed.max().unwrap_or(0)
}

fn is_of_group(operation: &OperationRecord) -> bool {
    member(operation).is_some_and(|(group, _)| group == GROUP)
}

/// Whether a poll of this process has no answer: it may have read anything.
fn keeps_track(good: &Good, process: u32) -> bool {
    let mut own = good.operations.iter().filter(|operation| operation.process == process);
    !own.any(|operation| {
        operation.function == Function::Poll && operation.completion != Completion::Ok
    })
}

/// How far a process has read of a partition, or could have.
fn read_by(facts: &Facts, process: u32, partition: u32) -> i64 {
    let own = facts.reads.iter().filter(|read| read.process == process);
    let own = own.filter(|read| read.record.partition == partition);
    own.map(|read| read.record.offset).max().unwrap_or(-1)
}

/// The first record that a member reads of a partition is gone from that poll and others follow: nobody in the group
/// has
/// committed past it, so the member has skipped it.
pub(super) fn skip_after_join(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let firsts: Vec<Read> = facts.reads(|read| {
        let (process, partition) = (read.process, read.record.partition);
        let operation = &good.operations[read.operation];
        let mine = || {
            facts
                .reads
                .iter()
                .filter(|other| (other.process, other.record.partition) == (process, partition))
        };
        let follows = |other: &Read| {
            (other.operation, other.action) == (read.operation, read.action)
                && other.at == read.at + 1
        };
        let settled = !details(operation).any(|what| matches!(what, What::Rebalanced { .. }));
        is_of_group(operation)
            && settled
            && keeps_track(good, process)
            && facts.firm.contains(&read.record.value)
            && mine().all(|other| other.record.offset >= read.record.offset)
            && mine().filter(|other| other.record.offset == read.record.offset).count() == 1
            && mine().any(follows)
            && read.record.offset >= commits(good, partition)
    });
    let first = pick.of(&firsts)?;
    good.poll_mut(&first).remove(first.at);
    Some(())
}

/// A member of a later generation begins behind a record that the group has not committed.
pub(super) fn start_too_far(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let generation = good.operations.iter().filter(|o| is_of_group(o)).filter_map(member);
    let generation = 1 + generation.map(|(_, generation)| generation).max()?;
    let places: Vec<(u32, i64, u64)> = facts
        .log
        .iter()
        .filter(|((partition, offset), _)| {
            let passed = |(of, at): &(u32, i64)| {
                of == partition && at < offset && *at >= commits(good, *partition)
            };
            let firm = facts.log.iter().filter(|(_, value)| facts.firm.contains(value));
            firm.map(|(place, _)| place).any(passed)
        })
        .map(|((partition, offset), value)| (*partition, *offset, *value))
        .collect();
    let (partition, offset, value) = pick.of(&places)?;
    let member = || MicroOperation::Detail(What::Member { group: GROUP, generation });
    let assigned = MicroOperation::Detail(What::Assigned { partition });
    good.push_last(Function::Join, vec![member(), assigned]);
    let process = good.operations.last()?.process;
    let records = vec![ReadRecord { partition, offset, value }];
    good.push_last(Function::Poll, vec![member(), MicroOperation::Poll { records }]);
    good.operations.last_mut()?.process = process;
    Some(())
}

/// A commit of a generation is taken after a member was told of a later one.
pub(super) fn zombie_commit(good: &mut Good, _facts: &Facts, pick: &mut Pick) -> Option<()> {
    let joins = |operation: &&OperationRecord| {
        operation.function == Function::Join && operation.completion == Completion::Ok
    };
    let joins: Vec<(u32, i64)> = good.operations.iter().filter(joins).filter_map(member).collect();
    let known = |(group, generation): &(u32, i64)| {
        joins.iter().any(|(of, later)| of == group && later > generation)
    };
    let old: Vec<(u32, i64)> = joins.iter().copied().filter(known).collect();
    let (group, generation) = pick.of(&old)?;
    let member = MicroOperation::Detail(What::Member { group, generation });
    let committed = MicroOperation::Detail(What::Committed { partition: 0, offset: 0 });
    good.push_last(Function::Commit, vec![member, committed]);
    Some(())
}

/// A member commits past a record that neither it has read nor anyone has committed.
pub(super) fn commit_beyond(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut places = Vec::new();
    for (at, operation) in good.operations.iter().enumerate() {
        let counts =
            operation.function == Function::Commit && operation.completion == Completion::Ok;
        if !counts || !keeps_track(good, operation.process) {
            continue;
        }
        for (nth, action) in operation.actions.iter().enumerate() {
            let MicroOperation::Detail(What::Committed { partition, .. }) = action else {
                continue;
            };
            let known = commits(good, *partition);
            let known = known.max(read_by(facts, operation.process, *partition) + 1);
            let beyond = facts.log.range((*partition, known)..(partition + 1, 0));
            let firm = beyond.filter(|(_, value)| facts.firm.contains(value));
            places.extend(firm.map(|((_, offset), _)| (at, nth, offset + 1)));
        }
    }
    let (operation, nth, to) = pick.of(&places)?;
    if let MicroOperation::Detail(What::Committed { offset, .. }) =
        &mut good.operations[operation].actions[nth]
    {
        *offset = to;
    }
    Some(())
}

/// Another member gets, in the same generation, what one has.
pub(super) fn own_twice(good: &mut Good, _facts: &Facts, pick: &mut Pick) -> Option<()> {
    let joins = good.operations.iter().filter(|operation| {
        let gets = details(operation).any(|what| matches!(what, What::Assigned { .. }));
        let begins = |other: &OperationRecord| {
            other.process == operation.process && other.invoked_ns == operation.completed_ns
        };
        // Its first owner must have it for some time.
        let keeps = !good.operations.iter().any(begins);
        operation.function == Function::Join
            && operation.completion == Completion::Ok
            && gets
            && keeps
    });
    let joins: Vec<OperationRecord> = joins.cloned().collect();
    let join = pick.of(&joins)?;
    let process = 1_000 + good.operations.len() as u32;
    good.operations.push(OperationRecord { process, ..join });
    Some(())
}

/// Neighbouring polls of a member that has its partitions all the while: the last read of one and the first of the
/// next.
fn neighbours(good: &Good, facts: &Facts) -> Vec<(Read, Read)> {
    let mut newest: Vec<(u32, usize)> = Vec::new();
    let mut pairs = Vec::new();
    let mut order: Vec<usize> = (0..good.operations.len()).collect();
    order.sort_by_key(|at| good.operations[*at].invoked_ns);
    for at in order.into_iter().filter(|at| is_of_group(&good.operations[*at])) {
        let operation = &good.operations[at];
        let process = operation.process;
        let settled = !details(operation).any(|what| matches!(what, What::Rebalanced { .. }));
        if operation.function == Function::Commit {
            continue;
        }
        let before = newest.iter().position(|(of, _)| *of == process);
        let before = before.map(|known| newest.swap_remove(known).1);
        if operation.function != Function::Poll || !settled || !keeps_track(good, process) {
            continue;
        }
        newest.push((process, at));
        let same = |before: &usize| member(&good.operations[*before]) == member(operation);
        let of = |at: usize| facts.reads.iter().filter(move |read| read.operation == at);
        for first in of(at) {
            let mut own = before.filter(same).into_iter().flat_map(of);
            let partition = first.record.partition;
            let last = own.rfind(|read| read.record.partition == partition);
            let is_first = !of(at).any(|read| {
                read.record.partition == partition && read.record.offset < first.record.offset
            });
            pairs.extend(last.filter(|_| is_first).map(|last| (*last, *first)));
        }
    }
    pairs
}

/// A member reads again, in its generation, what it has read.
pub(super) fn rewind_in_generation(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let (last, first) = pick.of(&neighbours(good, facts))?;
    good.poll_mut(&first).insert(first.at, last.record);
    Some(())
}

/// A member skips a record in its generation, and reads the next one.
pub(super) fn skip_in_generation(good: &mut Good, facts: &Facts, pick: &mut Pick) -> Option<()> {
    let mut neighbours = neighbours(good, facts);
    neighbours.retain(|(_, first)| {
        let follows = facts.reads.iter().any(|read| {
            let next = (first.operation, first.action, first.at + 1);
            (read.operation, read.action, read.at) == next
        });
        follows && facts.firm.contains(&first.record.value)
    });
    let (_, first) = pick.of(&neighbours)?;
    good.poll_mut(&first).remove(first.at);
    Some(())
}
