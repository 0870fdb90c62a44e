//! An occurrence in words: one line, then the facts in order of time.

use harrow_sim::history::{Completion, Function, History, NEVER, ReadRecord, What};

use super::anomaly::Anomaly;
use super::occurrence::{Dependency, Observation, Occurrence, OccurrenceContext, Passed, Step};

/// Steps of a circle that a summary tells.
const STEPS_MAX: usize = 6;

const LOST_WRITE: &str = "record {record} was acknowledged at offset {offset}; reads go on to offset {other_offset} \
    and never return it";
const EOS_LOSS: &str = "record {record} at {offset} was passed over: no transaction that committed, and no send, \
     processed it";
const LATE_PROCESSING: &str =
    "record {other} at {other_offset} was processed {late} s after it was acknowledged";
const REALTIME_ORDER: &str = "record {record} was sent after {other} was known to be at {other_offset}, yet is at \
    offset {offset}";

/// One line for each anomaly. `{record}` is at `{offset}` and was told by client `{who}` in generation `{generation}`;
/// what it is at odds with is `{other}` at `{other_offset}`, client `{other_who}`, generation `{other_generation}`.
fn template(anomaly: Anomaly, returned: bool) -> &'static str {
    match anomaly {
        Anomaly::LostWrite => LOST_WRITE,
        Anomaly::Unseen if returned => {
            "record {record} was acknowledged at offset {offset} and no poll ever returned it"
        }
        Anomaly::Unseen => "record {record} was acknowledged and no poll ever returned it",
        Anomaly::Duplicate => "record {record} is at offset {other_offset} and at {offset}",
        Anomaly::InconsistentOffsets => "offset {offset} has been records {other} and {record}",
        Anomaly::NonmonotonicSend | Anomaly::IntNonmonotonicSend => {
            "record {record} was sent after {other} by the same producer, yet is at offset {offset}, not \
             behind {other_offset}"
        }
        Anomaly::RealtimeOrder => REALTIME_ORDER,
        Anomaly::GarbageRead => "a poll returned {record} at offset {offset}, which nobody sent",
        Anomaly::NonmonotonicPoll | Anomaly::IntNonmonotonicPoll => {
            "after offset {other_offset} (record {other}) the consumer got offset {offset} (record \
             {record}) again{copy}"
        }
        Anomaly::PollSkip | Anomaly::IntPollSkip => {
            "the consumer stood at offset {stood} and went on at {offset}: it never got {passed}"
        }
        Anomaly::G1a => "a poll returned record {record} at offset {offset}, whose send had failed",
        Anomaly::PrecommittedRead => {
            "a transaction read its own record {record} at {offset} before it committed"
        }
        Anomaly::StaleEndOffset => {
            "the end offset was told as {offset}, though record {other} was known at {other_offset}"
        }
        Anomaly::LostCommit => {
            "client {who} {began}, though its group had committed {other_offset}"
        }
        Anomaly::EndOffsetRegression => "the end offset went back from {other_offset} to {offset}",
        Anomaly::TornTransaction => {
            "a read shows that the transaction of record {record} committed, and no poll ever returned \
             that record"
        }
        Anomaly::IntSendSkip => {
            "record {other} at {other_offset} is between two sends of one operation"
        }
        Anomaly::ResumeSkip => {
            "client {who} began at offset {offset}; its group stood at {stood} and had not processed {passed}"
        }
        Anomaly::ZombieCommit => {
            "client {who} committed offset {offset} in generation {generation}, after client {other_who} \
             was told of generation {other_generation}"
        }
        Anomaly::CommitBeyondPosition => {
            "client {who} committed offset {offset}, having not come that far"
        }
        Anomaly::DoubleOwnership => {
            "clients {other_who} and {who} had it in generation {generation}"
        }
        Anomaly::EosDuplicate => "offset {offset} was processed twice, {by}",
        Anomaly::EosLoss => EOS_LOSS,
        Anomaly::LateProcessing => LATE_PROCESSING,
        Anomaly::G0
        | Anomaly::G0Process
        | Anomaly::G0Realtime
        | Anomaly::G1c
        | Anomaly::G1cProcess
        | Anomaly::G1cRealtime
        | Anomaly::G1cWw
        | Anomaly::G1cWwProcess
        | Anomaly::G1cWwRealtime => "{steps} operations form a circle: {cycle}",
    }
}

impl Occurrence {
    /// One line for people.
    pub fn summary(&self, history: &History) -> String {
        let partition = &history.partitions[self.partition as usize];
        let subject = self.subject;
        let other = self.other.unwrap_or(subject);
        let copied = self.context == OccurrenceContext::ThroughDuplicate;
        let process =
            |observation: Observation| history.row(observation.operation).process.to_string();
        let generation = |observation: Observation| {
            let member = history.member(observation.operation);
            member.map_or_else(|| "unknown".to_owned(), |(_, generation)| generation.to_string())
        };
        let steps = self.cycle.iter().take(STEPS_MAX).map(|step| step_text(history, step));
        let mut cycle = steps.collect::<Vec<_>>().join("; ");
        if self.cycle.len() > STEPS_MAX {
            cycle.push_str("; ...");
        }
        let facts = [
            ("{record}", value_name(history, subject.value)),
            ("{offset}", subject.offset.to_string()),
            ("{who}", process(subject)),
            ("{by}", by(&process(other), &process(subject))),
            ("{generation}", generation(subject)),
            ("{other}", value_name(history, other.value)),
            ("{other_offset}", other.offset.to_string()),
            ("{other_who}", process(other)),
            ("{other_generation}", generation(other)),
            ("{stood}", self.passed.map_or(other.offset, |passed| passed.stood).to_string()),
            ("{passed}", self.passed_text(&value_name(history, other.value), other.offset)),
            ("{began}", began(history, subject)),
            ("{late}", late(history, subject, other)),
            ("{copy}", if copied { ", as a second copy".to_owned() } else { String::new() }),
            ("{steps}", self.cycle.len().to_string()),
            ("{cycle}", cycle),
        ];
        format!("{partition}: {}", filled(template(self.anomaly, subject.offset >= 0), &facts))
    }

    /// What was gone past.
    fn passed_text(&self, record: &str, offset: i64) -> String {
        match self.passed {
            Some(Passed { records, first, last, .. }) if records > 1 => format!(
                "{records} records at offsets {first} to {last}, record {record} at {offset} among them"
            ),
            Some(_) | None => format!("record {record} at {offset}"),
        }
    }

    /// The operations concerned, oldest first, one line each.
    pub fn evidence(&self, history: &History) -> Vec<String> {
        let observations = [Some(self.subject), self.other];
        let stated = observations.iter().flatten();
        let mut operations: Vec<(u32, Observation)> = stated
            .flat_map(|w| [Some((w.operation, *w)), w.writer.map(|writer| (writer, *w))])
            .flatten()
            .collect();
        operations.sort_by_key(|(o, w)| (history.row(*o).invoked_ns, *o, w.offset));
        operations.dedup_by_key(|(operation, observation)| (*operation, observation.value));
        operations.iter().map(|(o, w)| self.operation_line(history, *o, w)).collect()
    }

    fn operation_line(
        &self,
        history: &History,
        operation: u32,
        observation: &Observation,
    ) -> String {
        let row = history.row(operation);
        let ended = if row.completed_ns == NEVER {
            "never ended".to_owned()
        } else {
            format!("ended {}", seconds(row.completed_ns))
        };
        let (process, begun) = (row.process, seconds(row.invoked_ns));
        let outcome = match row.completion {
            Completion::Ok => "ok",
            Completion::Fail => "failed",
            Completion::Info => "unknown outcome",
        };
        let what = self.operation_text(history, operation, observation);
        format!("client {process} {what}: begun {begun}, {ended}, {outcome}")
    }

    /// What a client did in an operation, as far as it matters here.
    fn operation_text(
        &self,
        history: &History,
        operation: u32,
        observation: &Observation,
    ) -> String {
        let (value, offset) = (value_name(history, observation.value), observation.offset);
        if is_commit(history, operation, observation) {
            return format!("committed offset {offset}");
        }
        match history.row(operation).function {
            Function::List if fetched(history, operation, self.partition) => {
                format!("was told {}", told(offset))
            }
            Function::List => format!("got end offset {offset}"),
            Function::Join => "joined its group".to_owned(),
            Function::Txn if !self.cycle.is_empty() || self.is_about_processing(observation) => {
                "ran a transaction".to_owned()
            }
            Function::Send if self.is_about_processing(observation) => {
                format!("sent what it had made of offset {offset}")
            }
            Function::Send | Function::Txn if observation.writer == Some(operation) => {
                format!("sent record {value}")
            }
            Function::Send
            | Function::Poll
            | Function::Txn
            | Function::Assign { .. }
            | Function::Subscribe
            | Function::Commit
            | Function::Crash => format!("read record {value} at offset {offset}"),
        }
    }

    fn is_about_processing(&self, observation: &Observation) -> bool {
        let processing = matches!(
            self.anomaly,
            Anomaly::EosDuplicate | Anomaly::EosLoss | Anomaly::LateProcessing
        );
        processing && observation.writer.is_none()
    }
}

/// Whether what is observed is a commit: an operation by itself, or what came with another one, as with a poll that
/// commits of its own accord.
fn is_commit(history: &History, operation: u32, observation: &Observation) -> bool {
    if history.row(operation).function == Function::Commit {
        return true;
    }
    let at = observation.offset;
    let commits = |what: What| matches!(what, What::Committed { offset, .. } if offset == at);
    let reads = &history.reads()[history.reads_of(operation)];
    observation.value == Observation::NO_VALUE
        && history.details_of(operation).any(commits)
        && !reads.iter().any(|read| (read.offset, read.value) == (at, observation.value))
}

/// Whether an operation asked where a group stands in a partition.
fn fetched(history: &History, operation: u32, partition: u32) -> bool {
    let is_it = |what: What| matches!(what, What::Fetched { partition: of, .. } if of == partition);
    history.details_of(operation).any(is_it)
}

/// Seconds from a record's acknowledgement to the end of what processed it.
fn late(history: &History, subject: Observation, other: Observation) -> String {
    let sent = other.writer.unwrap_or(other.operation);
    let (from, to) = (history.row(sent).completed_ns, history.row(subject.operation).completed_ns);
    let ms = to.saturating_sub(from) / 1_000_000;
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// How a member learnt, or showed, that its group stands elsewhere.
fn began(history: &History, subject: Observation) -> String {
    if history.row(subject.operation).function == Function::List {
        return format!("was told {}", told(subject.offset));
    }
    format!("began at offset {}", subject.offset)
}

/// A committed offset, as a coordinator tells it.
fn told(offset: i64) -> String {
    if offset < 0 { "no committed offset".to_owned() } else { format!("committed offset {offset}") }
}

/// By whom something was done twice.
fn by(first: &str, second: &str) -> String {
    if first == second {
        return format!("both times by client {first}");
    }
    format!("by clients {first} and {second}")
}

/// Puts facts into a template's places, each once and in one pass: a fact's own text is never a place.
fn filled(template: &str, facts: &[(&str, String)]) -> String {
    let mut returned = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let close = rest[open..].find('}').map_or(rest.len(), |length| open + length + 1);
        let place = &rest[open..close];
        let fact = facts.iter().find(|(name, _)| *name == place);
        returned.push_str(&rest[..open]);
        returned.push_str(fact.map_or(place, |(_, fact)| fact));
        rest = &rest[close..];
    }
    returned + rest
}

fn step_text(history: &History, step: &Step) -> String {
    let name = |operation: u32| {
        format!("operation {operation} of client {}", history.row(operation).process)
    };
    let (from, to) = (name(step.from), name(step.to));
    let place = |partition: u32, offset: i64| {
        format!("{} offset {offset}", history.partitions[partition as usize])
    };
    match step.dependency {
        Dependency::Overwrites { partition, offset } => {
            format!("{to} wrote {} behind {from}", place(partition, offset))
        }
        Dependency::Reads { partition, offset } => {
            format!("{to} read {} from {from}", place(partition, offset))
        }
        Dependency::Process => format!("{to} came after {from} in one process"),
        Dependency::Realtime => format!("{to} began after {from} had ended"),
    }
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
