//! Why an anomaly that clients saw is legal.

use harrow_broker_model::config::Acks;
use harrow_sim::history::{Completion, Function, History};

use super::promised::{Isolation, ProducerTerms};
use super::terms::Terms;
use crate::check::{Anomaly, Circumstance, Observation, Occurrence};

/// Source: Kafka's documentation of `producer.id.expiration.ms`.
const FORGOTTEN: &str = "producer.id.expiration.ms is not above delivery.timeout.ms: a broker may forget \
    a producer and take its retry for new";

/// Why an occurrence is legal; `None` if it is not.
pub fn excuse(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<String> {
    let occurrence = &shown_by_reads(history, occurrence);
    let loss = || terms.loss(occurrence);
    let subject = Some(occurrence.subject);
    let weak = |record: Option<Observation>| weak_acks(terms, history, occurrence, record);
    let unproved = |operations: &[Option<u32>]| unproved(terms, history, operations);
    let passed = occurrence.other.and_then(|other| other.writer);
    let (own, others) = (Some(occurrence.subject.operation), occurrence.other.map(|o| o.operation));
    match occurrence.anomaly {
        Anomaly::LostWrite | Anomaly::Unseen => {
            weak(subject).or_else(|| unproved(&[own])).or_else(loss)
        }
        Anomaly::TornTransaction => unproved(&[own]).or_else(loss),
        Anomaly::Duplicate => may_duplicate(terms, history, subject).or_else(loss),
        Anomaly::InconsistentOffsets
        | Anomaly::NonmonotonicSend
        | Anomaly::IntNonmonotonicSend
        | Anomaly::RealtimeOrder => excuse_place(terms, history, occurrence),
        Anomaly::NonmonotonicPoll
        | Anomaly::IntNonmonotonicPoll
        | Anomaly::PollSkip
        | Anomaly::IntPollSkip => excuse_poll(terms, history, occurrence),
        Anomaly::ResumeSkip => excuse_start(terms, occurrence)
            .or_else(|| weak(occurrence.other.filter(|other| !other.read)))
            .or_else(|| unproved(&[passed]))
            .or_else(loss),
        Anomaly::EosLoss => {
            weak(subject).or_else(|| unproved(&[occurrence.subject.writer, others])).or_else(loss)
        }
        Anomaly::EosDuplicate => unproved(&[own, others]),
        Anomaly::EndOffsetRegression => terms.deposed_leader().or_else(loss),
        Anomaly::G1a => terms.read_uncommitted().filter(|_| aborted(history, occurrence)),
        Anomaly::PrecommittedRead | Anomaly::G1c => terms.read_uncommitted(),
        Anomaly::IntSendSkip
        | Anomaly::G0
        | Anomaly::G0Process
        | Anomaly::G0Realtime
        | Anomaly::G1cWw
        | Anomaly::G1cWwProcess
        | Anomaly::G1cWwRealtime => {
            Some("Kafka does not isolate the writes of transactions".to_owned())
        }
        Anomaly::G1cProcess | Anomaly::G1cRealtime => {
            // Of two operations alone, one has read what was sent later: no isolation allows that.
            terms.read_uncommitted().filter(|_| occurrence.cycle.len() > 2)
        }
        Anomaly::CommitBeyondPosition => excuse_start(terms, occurrence),
        Anomaly::GarbageRead | Anomaly::ZombieCommit | Anomaly::DoubleOwnership => None,
    }
}

/// Where a record of unknown outcome stands, reads alone tell, and they may come at any time: what happened until then
/// explains it.
fn shown_by_reads(history: &History, occurrence: &Occurrence) -> Occurrence {
    let observations = [Some(occurrence.subject), occurrence.other];
    let read_only = |one: &Observation| {
        let unknown = |writer| history.row(writer).completion == Completion::Info;
        one.read && one.writer.is_some_and(unknown)
    };
    let late = observations.iter().flatten().any(read_only);
    let at_ns = if late { u64::MAX } else { occurrence.at_ns };
    Occurrence { at_ns, ..occurrence.clone() }
}

/// Whether it was a transaction that failed, and not a send, which no isolation level lets happen all the same.
fn aborted(history: &History, occurrence: &Occurrence) -> bool {
    let observations = [Some(occurrence.subject), occurrence.other];
    let mut writers =
        observations.into_iter().flatten().filter_map(|observation| observation.writer);
    writers.any(|writer| history.row(writer).function == Function::Txn)
}

/// Why a record may stand where it does.
fn excuse_place(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<String> {
    let (subject, other) = (Some(occurrence.subject), occurrence.other);
    let weak = |record: Option<Observation>| weak_acks(terms, history, occurrence, record);
    let acks = || weak(subject).or_else(|| weak(other));
    let loss = || terms.loss(occurrence);
    if occurrence.anomaly == Anomaly::InconsistentOffsets {
        // What a consumer has read was on all in-sync replicas, whatever the producer waited for.
        let both_read = occurrence.subject.read && other.is_some_and(|other| other.read);
        return if both_read { loss() } else { acks().or_else(loss) };
    }
    let reorders = occurrence.anomaly != Anomaly::RealtimeOrder;
    let reordered = || reorders.then(|| may_reorder(terms, history, [subject, other])).flatten();
    reordered().or_else(acks).or_else(loss)
}

/// Why a consumer may go back or jump.
fn excuse_poll(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<String> {
    let subject = Some(occurrence.subject);
    let between_polls = matches!(occurrence.anomaly, Anomaly::NonmonotonicPoll | Anomaly::PollSkip);
    let copied = occurrence.circumstance == Circumstance::ThroughDuplicate;
    let subscribed = match occurrence.circumstance {
        Circumstance::Subscribed => true,
        Circumstance::Plain => terms.subscribes,
        Circumstance::KeptAssignment
        | Circumstance::ThroughDuplicate
        | Circumstance::NothingCommitted => false,
    };
    let moved = (between_polls && subscribed).then(|| {
        "a subscribed consumer may lose its partitions and get them back between two polls"
            .to_owned()
    });
    let copy = || copied.then(|| may_duplicate(terms, history, subject)).flatten();
    let unread = || {
        let skips = matches!(occurrence.anomaly, Anomaly::PollSkip | Anomaly::IntPollSkip);
        let unread = occurrence.other.filter(|other| skips && !other.read);
        // Compaction drops aborted records, which some have read and others then cannot.
        let passed = occurrence.other.filter(|_| skips).and_then(|other| other.writer);
        weak_acks(terms, history, occurrence, unread)
            .or_else(|| unproved(terms, history, &[passed]))
    };
    let loss = || terms.loss(occurrence);
    moved.or_else(copy).or_else(unread).or_else(loss)
}

/// Why a consumer of a group that had committed nothing may stand behind the log's start.
fn excuse_start(terms: &Terms, occurrence: &Occurrence) -> Option<String> {
    let nothing = occurrence.circumstance == Circumstance::NothingCommitted;
    (nothing && terms.reset_to_latest).then(|| "auto.offset.reset=latest".to_owned())
}

/// Whether only a read of what may not be committed makes one of these operations of unknown outcome count as
/// committed.
fn unproved(terms: &Terms, history: &History, operations: &[Option<u32>]) -> Option<String> {
    let mut operations = operations.iter().flatten();
    let unknown = operations.any(|o| history.row(*o).completion == Completion::Info);
    let reason = || "isolation.level=read_uncommitted: a read does not prove a commit".to_owned();
    (unknown && terms.isolation == Isolation::ReadUncommitted).then(reason)
}

fn writer_terms(
    terms: &Terms,
    history: &History,
    record: Option<Observation>,
) -> Option<ProducerTerms> {
    let operation = record?.writer?;
    Some(terms.producer(history.row(operation).process))
}

/// Why an acknowledged record may be gone or replaced: its producer did not wait for the replicas, and its leader may
/// have changed since.
fn weak_acks(
    terms: &Terms,
    history: &History,
    occurrence: &Occurrence,
    record: Option<Observation>,
) -> Option<String> {
    let reason = match writer_terms(terms, history, record)?.acks {
        Acks::All => return None,
        Acks::Leader => terms
            .may_change_leader(occurrence.since_ns)
            .then_some("acks=1 promises nothing once the leader changes"),
        Acks::None => terms.disturbed.then_some("acks=0 promises nothing"),
    };
    reason.map(str::to_owned)
}

fn may_duplicate(terms: &Terms, history: &History, record: Option<Observation>) -> Option<String> {
    let producer = writer_terms(terms, history, record)?;
    let expired = || terms.producers_expire.then(|| FORGOTTEN.to_owned());
    (!producer.idempotence)
        .then(|| "enable.idempotence=false: a retry may append a record again".into())
        .or_else(expired)
}

fn may_reorder(
    terms: &Terms,
    history: &History,
    records: [Option<Observation>; 2],
) -> Option<String> {
    let producer = writer_terms(terms, history, records[0])?;
    if producer.idempotence {
        return terms.producers_expire.then(|| FORGOTTEN.to_owned());
    }
    let mut writers = records.into_iter().flatten().filter_map(|record| record.writer);
    if producer.in_flight_max > 1 {
        let most = producer.in_flight_max;
        let reason = format!("enable.idempotence=false with {most} requests in flight");
        return Some(format!("{reason}: a retry may overtake"));
    }
    let unknown = writers.any(|writer| history.row(writer).completion == Completion::Info);
    unknown.then(|| "enable.idempotence=false: what was given up may still arrive".to_owned())
}
