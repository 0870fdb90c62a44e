//! A stream tells nothing that the whole history does not tell, and misses none of what its rules are for.

use std::collections::BTreeSet;

use harrow_reports::check::{
    Anomaly, Circumstance, Occurrence, Options, Rules, STREAMED, Stream, Ticket, check,
};
use harrow_sim::history::{History, MicroOperation, NEVER, OperationRecord};

/// Begins and ends in order of time; at equal times begins come first, as a record may be read while it is sent.
fn streamed(history: &History) -> (Vec<Occurrence>, History) {
    let operations = history.operations();
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (position, operation) in operations.iter().enumerate() {
        events.push((operation.invoked_ns, false, position));
        if operation.completed_ns != NEVER {
            events.push((operation.completed_ns.max(operation.invoked_ns), true, position));
        }
    }
    events.sort_unstable();
    let mut stream = Stream::new(history.partitions.clone(), Rules::ALL);
    stream.history_mut().groups.clone_from(&history.groups);
    let mut tickets: Vec<Option<Ticket>> = vec![None; operations.len()];
    let mut told = Vec::new();
    for (_, ended, position) in events {
        let operation = &operations[position];
        if ended {
            let ticket = tickets[position].expect("a begin comes before its end");
            told.extend(stream.end(ticket, operation));
        } else {
            tickets[position] = Some(stream.begin(begun(operation)));
        }
    }
    (told, stream.finish(history.final_reads))
}

/// What is known when an operation begins.
fn begun(operation: &OperationRecord) -> OperationRecord {
    let sends = operation.actions.iter().filter_map(|action| match action {
        MicroOperation::Send(send) => {
            Some(MicroOperation::Send(harrow_sim::history::SendRecord { offset: -1, ..*send }))
        }
        MicroOperation::Poll { .. } | MicroOperation::Detail(_) => None,
    });
    OperationRecord { actions: sends.collect(), ..operation.clone() }
}

fn names<'a>(occurrences: impl Iterator<Item = &'a Occurrence>) -> BTreeSet<Anomaly> {
    occurrences.map(|occurrence| occurrence.anomaly).collect()
}

/// What is wrong with the stream of this history, if anything.
pub(crate) fn disagreement(history: &History) -> Option<String> {
    let (told, whole) = streamed(history);
    let all = check(history, &Options::default());
    let plain = |occurrence: &&Occurrence| {
        STREAMED.contains(&occurrence.anomaly)
            && occurrence.circumstance != Circumstance::ThroughDuplicate
    };
    let (mut stream, mut offline) = (names(told.iter()), names(all.iter().filter(plain)));
    let too_early =
        |found: &Occurrence| matches!(found.anomaly, Anomaly::G1cRealtime | Anomaly::G1cProcess);
    let mut less = all.iter().any(too_early);
    if less {
        // What is read before it is sent is a value that nobody has sent so far.
        stream.remove(&Anomaly::GarbageRead);
        offline.remove(&Anomaly::GarbageRead);
    }
    if whole.len() != history.len() {
        return Some(format!("{} operations became {}", history.len(), whole.len()));
    }
    // What concerns a sender that never ends waits for it to the end.
    less |= history.rows().iter().zip(0..).any(|(row, operation)| {
        row.completed_ns == NEVER && !history.sends_of(operation).is_empty()
    });
    let agree = if less { stream.is_subset(&offline) } else { stream == offline };
    (!agree).then(|| format!("the stream tells {stream:?}, the history {offline:?}"))
}
