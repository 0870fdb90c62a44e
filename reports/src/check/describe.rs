//! An occurrence in words: one line, then the facts in order of time.

use harrow_sim::history::{Completion, History, NEVER, ReadRecord};

use super::{Anomaly, Occurrence, Witness};

impl Occurrence {
    /// One line for people.
    pub fn summary(&self, history: &History) -> String {
        let partition = &history.partitions[self.partition as usize];
        let record = value_name(history, self.subject.value);
        let offset = self.subject.offset;
        let other = self.other.map(|other| (value_name(history, other.value), other.offset));
        let (past, past_offset) = other.unwrap_or_default();
        let copy = if self.through_duplicate { ", as a second copy" } else { "" };
        match self.anomaly {
            Anomaly::LostWrite => format!(
                "{partition}: record {record} was acknowledged at offset {offset}; reads go on to \
                 offset {past_offset} and never return it"
            ),
            Anomaly::Unseen if offset < 0 => {
                format!(
                    "{partition}: record {record} was acknowledged and no poll ever returned it"
                )
            }
            Anomaly::Unseen => format!(
                "{partition}: record {record} was acknowledged at offset {offset} and no poll ever \
                 returned it"
            ),
            Anomaly::Duplicate => {
                format!("{partition}: record {record} is at offset {past_offset} and at {offset}")
            }
            Anomaly::InconsistentOffsets => {
                format!("{partition}: offset {offset} has been record {past} and record {record}")
            }
            Anomaly::NonmonotonicSend | Anomaly::IntNonmonotonicSend => format!(
                "{partition}: record {record} was sent after {past} by the same producer, yet is at \
                 offset {offset}, not behind {past_offset}"
            ),
            Anomaly::RealtimeOrder => format!(
                "{partition}: record {record} was sent after {past} had been acknowledged at \
                 {past_offset}, yet is at offset {offset}"
            ),
            Anomaly::GarbageRead => {
                format!(
                    "{partition}: a poll returned {record} at offset {offset}, which nobody sent"
                )
            }
            Anomaly::NonmonotonicPoll | Anomaly::IntNonmonotonicPoll => format!(
                "{partition}: after offset {past_offset} (record {past}) the consumer got offset \
                 {offset} (record {record}) again{copy}"
            ),
            Anomaly::PollSkip | Anomaly::IntPollSkip => format!(
                "{partition}: the consumer came to offset {offset} and never got record {past} at \
                 {past_offset} on its way"
            ),
            Anomaly::G1a => format!(
                "{partition}: a poll returned record {record} at offset {offset}, whose send had \
                 failed"
            ),
            Anomaly::PrecommittedRead => format!(
                "{partition}: a transaction read its own record {record} at offset {offset} before \
                 it committed"
            ),
            Anomaly::EndOffsetRegression => {
                format!("{partition}: the end offset went back from {past_offset} to {offset}")
            }
        }
    }

    /// The operations concerned, oldest first, one line each.
    pub fn evidence(&self, history: &History) -> Vec<String> {
        let witnesses = [Some(self.subject), self.other];
        let stated = witnesses.iter().flatten();
        let mut operations: Vec<(u32, Witness)> = stated
            .flat_map(|w| [Some((w.operation, *w)), w.writer.map(|writer| (writer, *w))])
            .flatten()
            .collect();
        operations.sort_by_key(|(o, w)| (history.operations[*o as usize].invoked_ns, *o, w.offset));
        operations.dedup_by_key(|(operation, witness)| (*operation, witness.value));
        operations.iter().map(|(o, w)| operation_line(history, *o, w, self.anomaly)).collect()
    }
}

fn operation_line(
    history: &History,
    operation: u32,
    witness: &Witness,
    anomaly: Anomaly,
) -> String {
    let record = &history.operations[operation as usize];
    let ended = if record.completed_ns == NEVER {
        "never ended".to_owned()
    } else {
        format!("ended {}", seconds(record.completed_ns))
    };
    let (value, offset) = (value_name(history, witness.value), witness.offset);
    let what = if anomaly == Anomaly::EndOffsetRegression {
        format!("was told end offset {offset}")
    } else if witness.writer == Some(operation) {
        format!("sent record {value}")
    } else {
        format!("read record {value} at offset {offset}")
    };
    let (process, begun) = (record.process, seconds(record.invoked_ns));
    let outcome = match record.completion {
        Completion::Ok => "ok",
        Completion::Fail => "failed",
        Completion::Info => "unknown outcome",
    };
    format!("client {process} {what}: begun {begun}, {ended}, {outcome}")
}

/// A value as people know it.
fn value_name(history: &History, value: u64) -> String {
    if value == ReadRecord::GARBAGE {
        return "(unreadable bytes)".to_owned();
    }
    let named = usize::try_from(value).ok().and_then(|value| history.value_names.get(value));
    named.cloned().unwrap_or_else(|| value.to_string())
}

/// True time as `12.345678s`.
fn seconds(at_ns: u64) -> String {
    format!("{}.{:06}s", at_ns / 1_000_000_000, at_ns / 1_000 % 1_000_000)
}
