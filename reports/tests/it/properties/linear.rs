//! The checks against a search: a small history of one partition is accepted exactly if it is linearizable.
//!
//! The object is a log. `append(value)` puts a record at an offset behind all others, with holes where markers would
//! be, and tells the offset; `read(from)` returns neighbouring records that are there, up to anywhere; `end()` never
//! goes back. An append of unknown outcome takes effect once or never; a failed one never. The search tries all orders
//! that time allows (Wing and Gong 1993).
//!
//! Scope, where both must agree: values are sent once, with acks=all; each operation has a process of its own, so that
//! no consumer has a position; the last operation reads from offset 0; what is acknowledged must be read by someone.
//! What the scope leaves out: whether the last reader came to the very end, and end offsets against records, as the
//! last stable offset may be behind both.

use std::collections::BTreeMap;

use harrow_reports::check::{Anomaly, Options, Rules, check};
use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NEVER, NO_KEY, NO_OFFSET, OperationRecord,
    ReadRecord, SendRecord, What,
};

use crate::properties::mutate::Pick;

const OPERATIONS_MAX: u64 = 7;

/// The rules that the search knows as well.
const NEEDED: [Anomaly; 10] = [
    Anomaly::Unseen,
    Anomaly::Duplicate,
    Anomaly::InconsistentOffsets,
    Anomaly::RealtimeOrder,
    Anomaly::GarbageRead,
    Anomaly::IntNonmonotonicPoll,
    Anomaly::IntPollSkip,
    Anomaly::G1a,
    Anomaly::EndOffsetRegression,
    Anomaly::G1cRealtime,
];

/// What an operation does to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Append { value: u64, offset: Option<i64> },
    Read { records: Vec<(i64, u64)> },
    End { offset: i64 },
}

/// One operation. What has no end may take effect at any time, or never.
#[derive(Debug, Clone)]
struct Call {
    begun: u64,
    ended: Option<u64>,
    failed: bool,
    deed: Step,
}

/// A correct small history, then, in most cases, one or two things done wrong.
fn calls(pick: &mut Pick) -> Vec<Call> {
    let mut calls = correct(pick);
    if !pick.number().is_multiple_of(4) {
        for _ in 0..=pick.number() % 2 {
            spoil(&mut calls, pick);
        }
    }
    calls
}

/// Plays operations that overlap, each taking effect at one instant.
fn correct(pick: &mut Pick) -> Vec<Call> {
    let count = 1 + pick.number() % OPERATIONS_MAX;
    let mut instants: Vec<(u64, u64)> = (0..count).map(|n| (pick.number() % 1_000, n)).collect();
    instants.sort_unstable();
    let mut log: Vec<(i64, u64)> = Vec::new();
    let mut end = 0;
    let mut calls = Vec::new();
    for (at, (_, name)) in instants.into_iter().enumerate() {
        let at = 100 * (at as u64 + 3);
        // Times are all different: the last two digits are the operation's.
        let begun = (at / 100 - pick.number() % 3) * 100 + 2 * name;
        let ended = (at / 100 + pick.number() % 3) * 100 + 2 * name + 51;
        let (mut failed, mut unknown) = (false, false);
        let deed = match pick.number() % 8 {
            0 => Step::End { offset: end },
            1 | 2 => {
                let from = pick.number() % (log.len() as u64 + 1);
                let length = pick.number() as usize % 4;
                let records = log.iter().skip(from as usize).take(length).copied().collect();
                Step::Read { records }
            }
            fate => {
                (failed, unknown) = (fate == 3, fate == 4 || fate == 5);
                let happens = !failed && (!unknown || pick.number().is_multiple_of(2));
                let offset = end + i64::from(pick.number().is_multiple_of(5));
                if happens {
                    log.push((offset, name));
                    end = offset + 1;
                }
                Step::Append { value: name, offset: Some(offset).filter(|_| happens && !unknown) }
            }
        };
        calls.push(Call { begun, ended: Some(ended).filter(|_| !unknown), failed, deed });
    }
    let last = 100 * (count + 20);
    let deed = Step::Read { records: log };
    calls.push(Call { begun: last, ended: Some(last + 1), failed: false, deed });
    calls
}

/// Changes one time, offset, value or outcome to anything.
fn spoil(calls: &mut [Call], pick: &mut Pick) {
    let at = pick.number() as usize % calls.len();
    let last = at == calls.len() - 1;
    let number = pick.number();
    let call = &mut calls[at];
    match (&mut call.deed, pick.number() % 5) {
        (_, 0) if !last => {
            // Times stay different: the last two digits stay.
            let shift = 100 * (number % 6);
            (call.begun, call.ended) = (call.begun + shift, call.ended.map(|ended| ended + shift));
        }
        (Step::Append { offset, .. }, 1) => *offset = None,
        (Step::Append { offset: Some(offset), .. } | Step::End { offset }, _) => {
            *offset = (number % 6) as i64;
        }
        (Step::Append { .. }, _) => call.failed = call.ended.is_some(),
        (Step::Read { records }, kind) => {
            let length = records.len().max(1);
            let place = number as usize % length;
            match (records.get_mut(place), kind) {
                (Some(_), 1) => {
                    records.remove(place);
                }
                (Some(record), 2) => record.0 = (number / 7 % 6) as i64,
                (Some(record), 3) => record.1 = number / 7 % (OPERATIONS_MAX + 1),
                (Some(_), _) => records.swap(place, (place + 1) % length),
                (None, _) => records.push(((number % 6) as i64, number / 7 % OPERATIONS_MAX)),
            }
        }
    }
    // An answer that tells no offset is no answer.
    for call in calls.iter_mut() {
        if matches!(call.deed, Step::Append { offset: None, .. }) && !call.failed {
            call.ended = None;
        }
    }
}

fn history(calls: &[Call]) -> History {
    let operations: Vec<OperationRecord> =
        (0..).zip(calls).map(|(n, call)| record(n, call)).collect();
    History::of(vec!["x".to_owned()], true, &operations)
}

fn record(process: u32, call: &Call) -> OperationRecord {
    let partition = 0;
    let (function, action) = match &call.deed {
        Step::Append { value, offset } => {
            let offset = offset.filter(|_| !call.failed).unwrap_or(NO_OFFSET);
            let send = SendRecord { value: *value, offset, partition, key: NO_KEY };
            (Function::Send, MicroOperation::Send(send))
        }
        Step::Read { records } => {
            let record = |(offset, value): &(i64, u64)| ReadRecord {
                value: *value,
                offset: *offset,
                partition,
            };
            (Function::Poll, MicroOperation::Poll { records: records.iter().map(record).collect() })
        }
        Step::End { offset } => {
            let what = What::EndOffset { partition, offset: Some(*offset) };
            (Function::List, MicroOperation::Detail(what))
        }
    };
    let completion = match call.ended {
        None => Completion::Info,
        Some(_) if call.failed => Completion::Fail,
        Some(_) => Completion::Ok,
    };
    OperationRecord {
        process,
        invoked_ns: call.begun,
        completed_ns: call.ended.unwrap_or(NEVER),
        completion,
        function,
        actions: vec![action],
    }
}

/// The log in one order of operations.
#[derive(Debug, Clone, Default)]
struct Log {
    records: Vec<(i64, u64)>,
    end: i64,
}

/// Whether some order that time allows explains every answer.
fn is_linearizable(calls: &[Call]) -> bool {
    let read: Vec<(i64, u64)> = calls.iter().flat_map(reads).copied().collect();
    let acknowledged = calls.iter().filter(|call| call.ended.is_some() && !call.failed);
    let mut unread = acknowledged.filter(|call| match call.deed {
        Step::Append { value, .. } => !read.iter().any(|(_, other)| *other == value),
        Step::Read { .. } | Step::End { .. } => false,
    });
    // What nobody read may as well not have happened, if nobody was told that it did.
    let happens = |call: &&Call| match call.deed {
        _ if call.failed => false,
        Step::Append { value, .. } => read.iter().any(|(_, other)| *other == value),
        Step::Read { .. } | Step::End { .. } => true,
    };
    let left: Vec<&Call> = calls.iter().filter(happens).collect();
    unread.next().is_none() && explains(&left, &Log::default(), &read)
}

fn reads(call: &Call) -> &[(i64, u64)] {
    match &call.deed {
        Step::Read { records } => records,
        Step::Append { .. } | Step::End { .. } => &[],
    }
}

/// Tries every operation that may be next: none that is left has ended before it began.
fn explains(left: &[&Call], log: &Log, read: &[(i64, u64)]) -> bool {
    let first_end = left.iter().filter_map(|call| call.ended).min().unwrap_or(u64::MAX);
    left.is_empty()
        || (0..left.len()).filter(|next| left[*next].begun < first_end).any(|next| {
            let mut rest = left.to_vec();
            let call = rest.remove(next);
            after(log, call, read).is_some_and(|log| explains(&rest, &log, read))
        })
}

/// The log after an operation, if its answer is right.
fn after(log: &Log, call: &Call, read: &[(i64, u64)]) -> Option<Log> {
    let mut log = log.clone();
    match &call.deed {
        Step::Append { value, offset } => {
            // Where an unknown append went, only reads tell.
            let place = read.iter().find(|(_, other)| other == value).map(|(offset, _)| *offset);
            let offset = offset.or(place)?;
            let behind = log.records.last().is_none_or(|(last, _)| *last < offset);
            log.records.push((offset, *value));
            behind.then_some(log)
        }
        Step::Read { records } => {
            let Some((first, _)) = records.first() else { return Some(log) };
            let there = log.records.iter().skip_while(|(offset, _)| offset < first);
            let there: Vec<(i64, u64)> = there.take(records.len()).copied().collect();
            (there == *records).then_some(log)
        }
        Step::End { offset } => {
            let goes_on = log.end <= *offset;
            log.end = *offset;
            goes_on.then_some(log)
        }
    }
}

#[test]
fn the_checks_accept_what_a_search_accepts() {
    const HISTORIES: u64 = 40_000;
    let rules = Rules::ALL.without(Anomaly::StaleEndOffset);
    let options = Options { rules, ..Options::default() };
    let mut accepted = 0;
    let mut alone: BTreeMap<Anomaly, u32> = BTreeMap::new();
    for seed in 0..HISTORIES {
        let calls = calls(&mut Pick(seed));
        let linearizable = is_linearizable(&calls);
        let history = history(&calls);
        let found = check(&history, &options);
        let told: Vec<String> = found.iter().map(|o| o.summary(&history)).collect();
        assert_eq!(linearizable, told.is_empty(), "seed {seed}: {told:#?} in {calls:#?}");
        accepted += u64::from(linearizable);
        if let Some(first) = found.first().map(|o| o.anomaly)
            && found.iter().all(|o| o.anomaly == first)
        {
            *alone.entry(first).or_default() += 1;
        }
    }
    eprintln!(
        "{accepted} of {HISTORIES} small histories are linearizable; the checks agree on all"
    );
    eprintln!("told alone: {alone:?}");
    let balanced = HISTORIES / 4..HISTORIES * 3 / 4;
    assert!(balanced.contains(&accepted), "{accepted} of {HISTORIES} is too one-sided a test");
    // Without any of these rules, the checks would have accepted what the search does not.
    for needed in NEEDED {
        assert!(alone.contains_key(&needed), "{needed} is never told alone");
    }
}

#[test]
fn the_last_read_is_from_the_beginning() {
    for seed in 0..100 {
        let calls = correct(&mut Pick(seed));
        assert!(is_linearizable(&calls), "seed {seed} is played wrongly: {calls:#?}");
    }
}
