//! How far behind consumers were. Source: Jepsen's `realtime-lag`.
//!
//! No promise bounds it, so it is no anomaly. But where consumers stand still, this says so first: it is the time from
//! when a record was known to be there, by its acknowledgement or because somebody had read it, to the beginning of a
//! poll that does not yet return it, of a consumer that has the partition and does not stand behind it. Assigning to
//! itself or joining, a consumer stands where it says, or nowhere that anyone knows: it counts from its next
//! read on, or
//! from the log's start if it says so. What was known by then it catches up with: of that, only the time counts in
//! which it stands still, since it got a record there or took the partition. So who comes when everything is written,
//! as final readers do, is not behind by all the time before it came. Not looked at: partitions that a consumer never
//! read and did not take from the start.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, Function, History, NEVER, NO_PARTITION, What};

/// A consumer that was behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Who.
    pub process: u32,
    /// Where, by position in the history.
    pub partition: u32,
    /// Offset of a record that it had not been given.
    pub offset: i64,
    /// When that was first known to be there, in nanoseconds.
    pub known_ns: u64,
    /// From when on it counts: since it was known or, if the consumer came later, since that last got a record there.
    pub since_ns: u64,
    /// When the poll began that did not return it.
    pub polled_ns: u64,
}

/// Highest offsets of a partition by the time from which they were known, both ascending.
type Known = Vec<(u64, i64)>;

/// Where a consumer stands in a partition.
#[derive(Clone, Copy)]
struct Standing {
    /// The next offset that it has not got.
    next: i64,
    /// Since when its position is known.
    came_ns: u64,
    /// When it last got a record there, or came.
    moved_ns: u64,
}

impl Standing {
    fn at(next: i64, came_ns: u64) -> Self {
        Self { next, came_ns, moved_ns: came_ns }
    }
}

/// Where consumers stand, by process and partition.
type Standings = BTreeMap<(u32, u32), Standing>;

/// The longest time for which a consumer was behind; none if none ever was.
pub fn longest_lag(history: &History) -> Option<Lag> {
    let known = known(history);
    let mut positions = Standings::new();
    let mut longest: Option<Lag> = None;
    for (operation, row) in (0_u32..).zip(history.rows()) {
        let moves = row.completion != Completion::Fail;
        match row.function {
            Function::Poll | Function::Txn if row.polls => {
                advance(history, operation, row.process, &mut positions);
                let behind = behind(&known, &positions, row.process, row.invoked_ns);
                longest = longer(longest, behind.filter(|_| row.completion == Completion::Ok));
            }
            Function::Assign { from_start } if moves => {
                take(history, operation, row.process, from_start, &mut positions);
            }
            Function::Subscribe | Function::Join | Function::Crash if moves => {
                positions.retain(|(process, _), _| *process != row.process);
            }
            Function::Send
            | Function::Poll
            | Function::Txn
            | Function::Assign { .. }
            | Function::Subscribe
            | Function::Join
            | Function::Crash
            | Function::Commit
            | Function::List => {}
        }
    }
    longest
}

/// What was known of each partition, by acknowledgements and reads.
fn known(history: &History) -> Vec<Known> {
    let mut known: Vec<Known> = vec![Vec::new(); history.partitions.len()];
    let mut raise = |partition: u32, at_ns: u64, offset: i64| {
        let rises = &mut known[partition as usize];
        if rises.last().is_none_or(|(_, highest)| *highest < offset) {
            rises.push((at_ns, offset));
        }
    };
    for (operation, row) in (0_u32..).zip(history.rows()) {
        if row.completion != Completion::Ok || row.completed_ns == NEVER {
            continue;
        }
        for send in &history.sends()[history.sends_of(operation)] {
            if send.partition != NO_PARTITION && send.offset >= 0 {
                raise(send.partition, row.completed_ns, send.offset);
            }
        }
        for read in &history.reads()[history.reads_of(operation)] {
            raise(read.partition, row.completed_ns, read.offset);
        }
    }
    known
}

fn advance(history: &History, operation: u32, process: u32, positions: &mut Standings) {
    let told_ns = told_at(history, operation);
    for read in &history.reads()[history.reads_of(operation)] {
        let came = Standing::at(read.offset, told_ns);
        let position = positions.entry((process, read.partition)).or_insert(came);
        position.next = position.next.max(read.offset.saturating_add(1));
        position.moved_ns = told_ns;
    }
    for what in history.details_of(operation) {
        if let What::Rebalanced { partition, .. } = what {
            positions.remove(&(process, partition));
        } else if let What::Seek { partition, offset } = what {
            positions.remove(&(process, partition));
            let came = offset.map(|offset| Standing::at(offset, told_ns));
            positions.extend(came.map(|came| ((process, partition), came)));
        }
    }
}

/// The furthest that a process is behind in any partition as it begins to poll, in time.
fn behind(known: &[Known], positions: &Standings, process: u32, polled_ns: u64) -> Option<Lag> {
    let own = positions.range((process, 0)..=(process, u32::MAX));
    let lags = own.filter_map(|((_, partition), position)| {
        let rises = &known[*partition as usize];
        let first = rises.partition_point(|(_, highest)| *highest < position.next);
        let (known_ns, offset) = *rises.get(first)?;
        let since_ns = if known_ns > position.came_ns { known_ns } else { position.moved_ns };
        let lag = Lag { process, partition: *partition, offset, known_ns, since_ns, polled_ns };
        (since_ns < polled_ns).then_some(lag)
    });
    lags.min_by_key(|lag| lag.since_ns)
}

fn longer(known: Option<Lag>, other: Option<Lag>) -> Option<Lag> {
    let length = |lag: &Lag| lag.polled_ns - lag.since_ns;
    known.into_iter().chain(other).max_by_key(length)
}

/// When an operation's answer was there; its begin, if none ever came.
fn told_at(history: &History, operation: u32) -> u64 {
    let row = history.row(operation);
    if row.completed_ns == NEVER { row.invoked_ns } else { row.completed_ns }
}

fn take(
    history: &History,
    operation: u32,
    process: u32,
    from_start: bool,
    positions: &mut Standings,
) {
    let told_ns = told_at(history, operation);
    let assigned = |partition: u32| {
        history.details_of(operation).any(|what| what == What::Assigned { partition })
    };
    positions.retain(|(of, partition), _| *of != process || !from_start && assigned(*partition));
    for what in history.details_of(operation) {
        match what {
            What::Assigned { partition } if from_start => {
                positions.insert((process, partition), Standing::at(0, told_ns));
            }
            What::Seek { partition, offset: Some(offset) } => {
                positions.insert((process, partition), Standing::at(offset, told_ns));
            }
            What::Seek { partition, offset: None } => {
                positions.remove(&(process, partition));
            }
            What::Assigned { .. }
            | What::EndOffset { .. }
            | What::Fetched { .. }
            | What::Committed { .. }
            | What::Rebalanced { .. }
            | What::Consumed { .. }
            | What::Member { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use harrow_sim::history::{MicroOperation, OperationRecord, ReadRecord, SendRecord};

    use super::*;

    fn operation(process: u32, at: (u64, u64), function: Function) -> OperationRecord {
        let (completion, actions) = (Completion::Ok, Vec::new());
        OperationRecord {
            process,
            invoked_ns: at.0,
            completed_ns: at.1,
            completion,
            function,
            actions,
        }
    }

    fn send(at: (u64, u64), offset: i64) -> OperationRecord {
        let value = u64::try_from(offset).expect("it is one");
        let send = SendRecord { offset, partition: 0, ..SendRecord::of(value) };
        let actions = vec![MicroOperation::Send(send)];
        OperationRecord { actions, ..operation(1, at, Function::Send) }
    }

    fn poll(at: (u64, u64), offsets: &[i64]) -> OperationRecord {
        let read = |offset: &i64| {
            let value = u64::try_from(*offset).expect("it is one");
            ReadRecord { partition: 0, offset: *offset, value }
        };
        let actions = vec![MicroOperation::Poll { records: offsets.iter().map(read).collect() }];
        OperationRecord { actions, ..operation(9, at, Function::Poll) }
    }

    fn assign(at: (u64, u64), from_start: bool) -> OperationRecord {
        let actions = vec![MicroOperation::Detail(What::Assigned { partition: 0 })];
        OperationRecord { actions, ..operation(9, at, Function::Assign { from_start }) }
    }

    fn lag(operations: &[OperationRecord]) -> Option<(i64, u64, u64)> {
        let history = History::of(vec!["x-0".to_owned()], false, operations);
        longest_lag(&history).map(|lag| (lag.offset, lag.known_ns, lag.polled_ns))
    }

    #[test]
    fn a_consumer_that_stands_still_is_behind_what_was_acknowledged() {
        let begun = || vec![assign((0, 1), true), send((2, 3), 0), send((4, 5), 1)];
        let with = |polls: &[OperationRecord]| lag(&[begun().as_slice(), polls].concat());
        assert_eq!(with(&[poll((6, 7), &[0, 1])]), None, "it has all");
        assert_eq!(with(&[poll((6, 7), &[])]), Some((0, 3, 6)));
        assert_eq!(with(&[poll((6, 7), &[0]), poll((90, 91), &[])]), Some((1, 5, 90)));
        assert_eq!(with(&[poll((4, 6), &[])]), Some((0, 3, 4)), "of what was known by then");
        let elsewhere = [poll((6, 7), &[0]), assign((8, 9), false), poll((90, 91), &[])];
        assert_eq!(with(&elsewhere), Some((1, 5, 90)), "it keeps its position");
        let crashed = [operation(9, (8, 9), Function::Crash), poll((90, 91), &[])];
        assert_eq!(with(&crashed), None, "nobody knows where it stands");
    }

    #[test]
    fn who_comes_later_is_behind_from_when_it_stands_still() {
        let late = || vec![send((2, 3), 0), send((4, 5), 1), assign((48, 50), true)];
        let with = |polls: &[OperationRecord]| {
            let operations = [late().as_slice(), polls].concat();
            let history = History::of(vec!["x-0".to_owned()], false, &operations);
            longest_lag(&history).map(|lag| (lag.offset, lag.since_ns, lag.polled_ns))
        };
        assert_eq!(with(&[poll((51, 52), &[0, 1])]), None, "it has all");
        assert_eq!(with(&[poll((51, 52), &[])]), Some((0, 50, 51)), "since its assignment");
        let slow = [poll((53, 54), &[0]), poll((55, 56), &[1])];
        assert_eq!(with(&slow), None, "it goes on");
        let stands = [poll((53, 54), &[0]), poll((90, 91), &[])];
        assert_eq!(with(&stands), Some((1, 54, 90)), "since it got a record");
        let later = [poll((53, 54), &[0, 1]), send((60, 61), 2), poll((90, 91), &[])];
        assert_eq!(with(&later), Some((2, 61, 90)), "what came after it counts in full");
    }
}
