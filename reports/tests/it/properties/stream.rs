//! A stream tells nothing that the whole history does not tell, and misses none of what its rules are for.

use std::collections::BTreeSet;

use harrow_reports::check::{
    Anomaly, Observation, Occurrence, OccurrenceContext, Options, STREAMED, Stream, check,
};
use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NEVER, NO_OFFSET, OperationRecord, Row,
    SendRecord,
};

/// Begins and ends in order of time; at equal times begins come first, as a record may be read while it is sent.
fn streamed(history: &History, options: &Options) -> Vec<Occurrence> {
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
    let mut stream = Stream::new(options.clone());
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
            let row = Row::begun(operation.process, operation.function, operation.invoked_ns);
            // A begin need not say what is sent; an end that tells it must come.
            let silent = position % 5 == 0 && operation.completion == Completion::Ok;
            let sends = if silent { Vec::new() } else { sends(operation) };
            stream.begin(ticket, &row, &sends);
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
pub(crate) fn disagreement(history: &History, options: &Options) -> Option<String> {
    let told = streamed(history, options);
    let all = check(history, options);
    let plain = |occurrence: &&Occurrence| {
        STREAMED.contains(&occurrence.anomaly)
            && occurrence.context != OccurrenceContext::ThroughDuplicate
    };
    let mut stream = names(told.iter());
    let early =
        |found: &&Occurrence| matches!(found.anomaly, Anomaly::G1cRealtime | Anomaly::G1cProcess);
    let early = all.iter().any(|found| early(&found));
    if early {
        // What is read before it is sent is a value that nobody has sent so far.
        stream.remove(&Anomaly::GarbageRead);
    }
    let most = names(all.iter().filter(plain));
    let shows = |found: &&Occurrence| !early && shows_early(history, options, found);
    let least = names(all.iter().filter(plain).filter(shows));
    let agree = stream.is_subset(&most) && least.is_subset(&stream);
    let missed = all.iter().filter(|found| !stream.contains(&found.anomaly));
    let missed: Vec<String> = missed.map(|found| found.summary(history)).collect();
    let told = format!("the stream tells {stream:?}, the history {least:?} to {most:?}");
    (!agree).then(|| format!("{told}; it does not tell {missed:#?}"))
}

/// Whether an anomaly shows before the end: what concerns a sender that never ends waits for it in vain, and so does
/// what comes after a consumer's call that never ends; what only a read tells of a send is not weighed.
fn shows_early(history: &History, options: &Options, found: &Occurrence) -> bool {
    let observations = [Some(found.subject), found.other].into_iter().flatten();
    let mut operations = observations.flat_map(|w| [Some(w.operation), w.writer]).flatten();
    let ends = operations.all(|operation| history.row(operation).completed_ns != NEVER);
    let sends = &history.sends()[history.sends_of(found.subject.operation)];
    let told = sends.iter().any(|send| send.value == found.subject.value && send.offset >= 0);
    let other = found.other.map(|other| history.row(other.operation));
    let other_is_ok = other.is_some_and(|other| other.completion == Completion::Ok);
    let in_turn = || in_turn(history, found);
    let passed = || passed_shows(history, options, found);
    // What an answer of unknown outcome tells of a send counts only once a read proves it.
    let sure = || {
        let writers = [Some(found.subject), found.other].into_iter().flatten();
        let mut writers = writers.filter_map(|observation| observation.writer);
        writers.all(|writer| history.row(writer).completion != Completion::Info)
    };
    let shows = match found.anomaly.name() {
        "garbage-read" => all_named(history),
        "realtime-order" => told && sure(),
        "nonmonotonic-send" | "int-nonmonotonic-send" => told_both(history, found) && sure(),
        "int-poll-skip" => passed(),
        "int-send-skip" => passed() && sure() && sends.iter().all(|send| send.offset >= 0),
        "nonmonotonic-poll" | "zombie-commit" | "lost-commit" => in_turn(),
        "poll-skip" => in_turn() && passed(),
        "resume-skip" => passed() && all_end(history, found.at_ns),
        "commit-beyond-position" => {
            // Where nothing is known to be passed over, only its own reads tell.
            let process = history.row(found.subject.operation).process;
            in_turn() && passed() && other.is_some_and(|other| other.process != process)
        }
        "eos-duplicate" => {
            history.row(found.subject.operation).completion == Completion::Ok && other_is_ok
        }
        _ => true,
    };
    ends && shows
}

/// Whether every operation that never ends says what it sends.
fn all_named(history: &History) -> bool {
    let rows = (0_u32..).zip(history.rows());
    let mut open = rows.filter(|(_, row)| row.completed_ns == NEVER);
    open.all(|(operation, row)| {
        let sends = matches!(row.function, Function::Send | Function::Txn);
        !sends || !history.sends_of(operation).is_empty()
    })
}

/// Whether producers were told where both records stand.
fn told_both(history: &History, found: &Occurrence) -> bool {
    let told = |observation: Observation| {
        let sends = &history.sends()[history.sends_of(observation.operation)];
        sends.iter().any(|send| send.value == observation.value && send.offset >= 0)
    };
    [Some(found.subject), found.other].into_iter().flatten().all(told)
}

/// Whether all consumers' calls that began before this one have an end.
fn in_turn(history: &History, found: &Occurrence) -> bool {
    all_end(history, history.row(found.subject.operation).invoked_ns)
}

/// Whether all consumers' calls end that began up to this time.
fn all_end(history: &History, begun: u64) -> bool {
    history.rows().iter().all(|row| {
        let concerned = !matches!(row.function, Function::Send | Function::List);
        !concerned || row.invoked_ns > begun || row.completed_ns != NEVER
    })
}

/// Whether the record that was passed over is known to last before the end: it was acknowledged or read, and no later
/// one of its key may remove it.
fn passed_shows(history: &History, options: &Options, found: &Occurrence) -> bool {
    let Some(passed) = found.other else { return false };
    let compacted = options.logs.get(&found.partition).is_some_and(|facts| facts.compacted);
    let unknown = history.row(passed.operation).completion == Completion::Info;
    let sent_only = unknown && passed.writer == Some(passed.operation);
    !compacted && !sent_only
}
