//! A stream tells nothing that the whole history does not tell, and misses none of what its rules are for.

use std::collections::BTreeSet;

use harrow_reports::check::{
    Anomaly, Circumstance, Occurrence, Options, Rules, STREAMED, Stream, check,
};
use harrow_sim::history::{History, MicroOperation, NEVER, NO_OFFSET, OperationRecord, SendRecord};

/// Begins and ends in order of time; at equal times begins come first, as a record may be read while it is sent.
fn streamed(history: &History) -> Vec<Occurrence> {
    let operations = history.operations();
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (position, operation) in operations.iter().enumerate() {
        events.push((operation.invoked_ns, false, position));
        if operation.completed_ns != NEVER {
            events.push((operation.completed_ns.max(operation.invoked_ns), true, position));
        }
    }
    events.sort_unstable();
    let begins = events.iter().filter(|(_, ended, _)| !ended);
    let mut tickets = vec![0; operations.len()];
    begins.zip(0..).for_each(|((_, _, position), ticket)| tickets[*position] = ticket);
    let mut stream = Stream::new(Rules::ALL);
    let mut growing = History::new(history.partitions.clone());
    growing.groups.clone_from(&history.groups);
    let mut told = Vec::new();
    for (_, ended, position) in events {
        let operation = &operations[position];
        let ticket = tickets[position];
        if ended {
            growing.push(operation);
            told.extend(stream.end(ticket, &growing, growing.len() as u32 - 1));
        } else {
            stream.begin(ticket, operation.invoked_ns, &sends(operation));
        }
    }
    told
}

/// What is known of sends when an operation begins.
fn sends(operation: &OperationRecord) -> Vec<SendRecord> {
    let sends = operation.actions.iter().filter_map(|action| match action {
        MicroOperation::Send(send) => Some(SendRecord { offset: NO_OFFSET, ..*send }),
        MicroOperation::Poll { .. } | MicroOperation::Detail(_) => None,
    });
    sends.collect()
}

fn names<'a>(occurrences: impl Iterator<Item = &'a Occurrence>) -> BTreeSet<Anomaly> {
    occurrences.map(|occurrence| occurrence.anomaly).collect()
}

/// What is wrong with the stream of this history, if anything.
pub(crate) fn disagreement(history: &History) -> Option<String> {
    let told = streamed(history);
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
    // What concerns a sender that never ends waits for it to the end.
    less |= history.rows().iter().zip(0..).any(|(row, operation)| {
        row.completed_ns == NEVER && !history.sends_of(operation).is_empty()
    });
    let agree = if less { stream.is_subset(&offline) } else { stream == offline };
    (!agree).then(|| format!("the stream tells {stream:?}, the history {offline:?}"))
}
