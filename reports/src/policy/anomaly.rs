//! Why an anomaly that clients saw is legal.

use harrow_broker_model::config::Acks;
use harrow_sim::history::{Completion, Function, History};

use super::causes::{moved_between, unproved, weak_acks, writer_terms};
use super::dropped::{ended_before, read_on_from_deposed, went_back};
use super::membership::group_of;
use super::processing::excuse_processing;
use super::promised::{Isolation, Reset};
use super::reason::Reason;
use super::terms::{NO_UNCLEAN, OFFSETS_TOPIC, TRANSACTIONS_TOPIC, Terms};
use crate::check::{Anomaly, Observation, Occurrence, OccurrenceContext};

/// Source: Kafka's documentation of `producer.id.expiration.ms`.
const FORGOTTEN: &str = "producer.id.expiration.ms is not above delivery.timeout.ms, by more than clocks differ, or \
    records are deleted where replicas are made: a broker may forget a producer and take its retry for new";

const IDEMPOTENCE: &str = "enable.idempotence=true";

/// Why an occurrence is legal; `None` if it is not.
pub fn excuse(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
    let of_data = excuse_of_data(terms, history, occurrence);
    of_data.or_else(|| forgotten(terms, history, occurrence))
}

/// Why it is legal whatever became of the coordinators' own records.
fn excuse_of_data(terms: &Terms, history: &History, seen: &Occurrence) -> Option<Reason> {
    let occurrence = &shown_by_reads(history, seen);
    let loss = || terms.loss(occurrence);
    let subject = Some(occurrence.subject);
    let weak = |record: Option<Observation>| weak_acks(terms, history, occurrence, record);
    let unproved = |operations: &[Option<u32>]| unproved(terms, history, operations);
    let own = Some(occurrence.subject.operation);
    match occurrence.anomaly {
        Anomaly::LostWrite | Anomaly::Unseen => {
            weak(subject).or_else(|| unproved(&[own])).or_else(loss)
        }
        Anomaly::TornTransaction => {
            unproved(&[own]).or_else(|| excuse_aborted(terms, history, occurrence)).or_else(loss)
        }
        Anomaly::Duplicate => may_duplicate(terms, history, subject).or_else(loss),
        Anomaly::InconsistentOffsets
        | Anomaly::NonmonotonicSend
        | Anomaly::IntNonmonotonicSend
        | Anomaly::RealtimeOrder => excuse_place(terms, history, occurrence),
        Anomaly::NonmonotonicPoll
        | Anomaly::IntNonmonotonicPoll
        | Anomaly::PollSkip
        | Anomaly::IntPollSkip => excuse_poll(terms, history, occurrence),
        Anomaly::ResumeSkip => excuse_resumption(terms, history, seen, occurrence),
        Anomaly::EosLoss | Anomaly::EosDuplicate => {
            excuse_processing(terms, history, occurrence).or_else(loss)
        }
        Anomaly::EndOffsetRegression => {
            told_less(terms, history, occurrence).or_else(loss).or_else(|| terms.deposed_leader())
        }
        Anomaly::StaleEndOffset => {
            let told = occurrence.other.filter(|other| Some(other.operation) == other.writer);
            not_yet_replicated(terms, history, told)
                .or_else(|| waits_for_transactions(terms, history, occurrence.subject, told))
                .or_else(loss)
                .or_else(|| terms.deposed_leader())
        }
        Anomaly::LostCommit => excuse_lost_commit(terms, history, seen, occurrence),
        // A send that failed is let happen by no isolation level.
        Anomaly::G1a => {
            terms.read_uncommitted().filter(|_| writes_in_transaction(history, occurrence))
        }
        Anomaly::PrecommittedRead | Anomaly::G1c => terms.read_uncommitted(),
        Anomaly::IntSendSkip
        | Anomaly::G0
        | Anomaly::G0Process
        | Anomaly::G0Realtime
        | Anomaly::G1cWw
        | Anomaly::G1cWwProcess
        | Anomaly::G1cWwRealtime => {
            Some(Reason::plain("Kafka does not isolate the writes of transactions"))
        }
        Anomaly::G1cProcess | Anomaly::G1cRealtime => {
            // Of two operations alone, one has read what was sent later: no isolation allows that.
            terms.read_uncommitted().filter(|_| occurrence.cycle.len() > 2)
        }
        Anomaly::CommitBeyondPosition => excuse_start(terms, history, occurrence)
            .or_else(|| terms.another_topic(history, occurrence)),
        Anomaly::ZombieCommit => {
            terms.another_topic(history, occurrence).or_else(|| terms.reborn(history, occurrence))
        }
        Anomaly::DoubleOwnership => terms.reborn(history, occurrence),
        Anomaly::GarbageRead | Anomaly::LateProcessing => None,
    }
}

/// Why a group may go on behind records that nobody has processed.
fn excuse_resumption(
    terms: &Terms,
    history: &History,
    seen: &Occurrence,
    occurrence: &Occurrence,
) -> Option<Reason> {
    let sent = occurrence.other.filter(|other| !other.read);
    let passed = occurrence.other.and_then(|other| other.writer);
    moved_by_hand(terms, history, occurrence)
        .or_else(|| excuse_start(terms, history, occurrence))
        .or_else(|| excuse_out_of_range(terms, history, occurrence))
        .or_else(|| excuse_expired(terms, history, seen))
        .or_else(|| weak_acks(terms, history, occurrence, sent))
        .or_else(|| unproved(terms, history, &[passed]))
        .or_else(|| terms.loss(occurrence))
        .or_else(|| terms.another_topic(history, occurrence))
}

/// Why a commit may be gone.
fn excuse_lost_commit(
    terms: &Terms,
    history: &History,
    seen: &Occurrence,
    occurrence: &Occurrence,
) -> Option<Reason> {
    // Only readers of committed records wait until a transaction's offsets are settled (KIP-447).
    let by = occurrence.other.map(|commit| history.row(commit.operation).function);
    let unsettled = || terms.read_uncommitted().filter(|_| by == Some(Function::Txn));
    let expired = terms.may_expire_after(history, seen);
    moved_by_hand(terms, history, occurrence)
        .or_else(|| terms.lost_commit(seen, expired))
        .or_else(unsettled)
        .or_else(|| terms.gone_with_topic(occurrence))
        .or_else(|| terms.loss(occurrence))
        .or_else(|| terms.another_topic(history, occurrence))
}

/// Why an aborted transaction may have been seen in part: who reads what is not committed may see any part of it.
fn excuse_aborted(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
    let aborted = history.row(occurrence.subject.operation).completion == Completion::Fail;
    terms.read_uncommitted().filter(|_| aborted)
}

/// Why a coordinator may have forgotten how a transaction ended, or who is in which generation of a group.
fn forgotten(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
    let between = (occurrence.since_ns, occurrence.at_ns);
    let of_transactions = matches!(
        occurrence.anomaly,
        Anomaly::LostWrite
            | Anomaly::Unseen
            | Anomaly::TornTransaction
            | Anomaly::G1a
            | Anomaly::EosLoss
            | Anomaly::EosDuplicate
    );
    let of_groups = matches!(
        occurrence.anomaly,
        Anomaly::ZombieCommit | Anomaly::DoubleOwnership | Anomaly::EosLoss | Anomaly::EosDuplicate
    );
    let decision = of_transactions && writes_in_transaction(history, occurrence);
    let decision = decision.then(|| terms.forgetful_coordinator(TRANSACTIONS_TOPIC, between));
    let generation = || terms.forgetful_coordinator(OFFSETS_TOPIC, between);
    decision.flatten().or_else(|| of_groups.then(generation).flatten())
}

/// Whether a transaction wrote one of the records.
fn writes_in_transaction(history: &History, occurrence: &Occurrence) -> bool {
    let observations = [Some(occurrence.subject), occurrence.other];
    let mut writers = observations.into_iter().flatten().filter_map(|seen| seen.writer);
    writers.any(|writer| history.row(writer).function == Function::Txn)
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

/// Why a member may go on where `auto.offset.reset` says although its group had committed: its offsets may have expired
/// (KIP-211).
fn excuse_expired(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
    // A process that came after a crash is one of the consumers, and nobody says which.
    let reset = Some(terms.weakest_reset()).filter(|reset| reset.jumps())?;
    let group = group_of(history, occurrence.subject.operation)?;
    let text = format!(
        "auto.offset.reset={}: the group was away for longer than offsets.retention.minutes",
        reset.name()
    );
    let may_expire = terms.may_expire_before(history, group, occurrence);
    may_expire.then(|| Reason::plain(text).unless("auto.offset.reset=earliest"))
}

/// Why a group may go on elsewhere than it was: an administrator said so after its commit.
fn moved_by_hand(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
    let group = group_of(history, occurrence.subject.operation)?;
    let name = history.groups.get(group as usize)?;
    let commit = occurrence.other.filter(|_| occurrence.anomaly == Anomaly::LostCommit);
    let committed_ns = commit.map_or(0, |commit| history.row(commit.operation).completed_ns);
    moved_between(terms, name, (committed_ns, occurrence.at_ns))
}

/// Why a record may stand where it does.
fn excuse_place(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
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
fn excuse_poll(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
    let subject = Some(occurrence.subject);
    let between_polls = matches!(occurrence.anomaly, Anomaly::NonmonotonicPoll | Anomaly::PollSkip);
    let copied = occurrence.context == OccurrenceContext::ThroughDuplicate;
    let subscribed = match occurrence.context {
        OccurrenceContext::Subscribed => true,
        OccurrenceContext::Plain => terms.subscribes,
        OccurrenceContext::KeptAssignment
        | OccurrenceContext::ThroughDuplicate
        | OccurrenceContext::OutOfRange
        | OccurrenceContext::NothingCommitted => false,
    };
    let moved = (between_polls && subscribed).then(|| {
        Reason::plain(
            "a subscribed consumer may lose its partitions and get them back between two polls",
        )
    });
    let copy = || {
        let kept = may_duplicate(terms, history, subject);
        copied.then(|| kept.or_else(|| terms.copied(history, occurrence))).flatten()
    };
    let unread = || {
        let skips = matches!(occurrence.anomaly, Anomaly::PollSkip | Anomaly::IntPollSkip);
        let unread = occurrence.other.filter(|other| skips && !other.read);
        // Compaction drops aborted records, which some have read and others then cannot.
        let passed = occurrence.other.filter(|_| skips).and_then(|other| other.writer);
        weak_acks(terms, history, occurrence, unread)
            .or_else(|| unproved(terms, history, &[passed]))
    };
    let loss = || terms.loss(occurrence);
    let out_of_range = || {
        excuse_out_of_range(terms, history, occurrence)
            .or_else(|| excuse_back_to_start(terms, history, occurrence))
    };
    let another = || terms.another_topic(history, occurrence);
    moved.or_else(copy).or_else(out_of_range).or_else(unread).or_else(loss).or_else(another)
}

/// Where the process goes on that an occurrence is about, if records may be passed over by it.
fn jumping_reset(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reset> {
    let reset = terms.reset(history.row(occurrence.subject.operation).process);
    Some(reset).filter(|reset| reset.jumps())
}

/// Why a consumer of a group that had committed nothing may stand behind the log's start.
fn excuse_start(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
    let nothing = occurrence.context == OccurrenceContext::NothingCommitted;
    let reset = jumping_reset(terms, history, occurrence).filter(|_| nothing)?;
    let text = format!("auto.offset.reset={}", reset.name());
    Some(Reason::plain(text).unless("auto.offset.reset=earliest"))
}

/// Why a consumer may go on elsewhere that stood before the log's start or behind its end, or whose group did.
fn excuse_out_of_range(
    terms: &Terms,
    history: &History,
    occurrence: &Occurrence,
) -> Option<Reason> {
    let reset = jumping_reset(terms, history, occurrence)?;
    let begins_behind = occurrence.context == OccurrenceContext::OutOfRange;
    let begins = begins_behind.then_some("the log begins behind where the consumer stood");
    let ends = || {
        let ended = ended_before(terms.dropped.as_ref()?, history, occurrence);
        ended.then_some("an unclean leader election left a log that ends before the consumer")
    };
    let why = begins.or_else(ends)?;
    let text = format!("auto.offset.reset={}: {why}", reset.name());
    Some(Reason::plain(text).unless("auto.offset.reset=earliest"))
}

/// Why a consumer may go back to the log's start that had read what an election dropped, or was out of range where a
/// replica had deleted more than the leader.
fn excuse_back_to_start(
    terms: &Terms,
    history: &History,
    occurrence: &Occurrence,
) -> Option<Reason> {
    let reset = terms.reset(history.row(occurrence.subject.operation).process);
    let goes_back = matches!(reset, Reset::Earliest | Reset::ByDuration);
    if !goes_back || !went_back(occurrence.anomaly) {
        return None;
    }
    let policy = format!("auto.offset.reset={}", reset.name());
    if occurrence.context == OccurrenceContext::OutOfRange {
        let why = "a replica had deleted what the consumer wanted, and the leader has not";
        return Some(Reason::plain(format!("{policy}: {why}")));
    }
    let legal = read_on_from_deposed(terms.dropped.as_ref()?, history, occurrence);
    legal.then(|| {
        let why = "an unclean leader election left a log that ends before the consumer";
        Reason::plain(format!("{policy}: {why}")).unless(NO_UNCLEAN)
    })
}

/// Why an end may not cover what a producer was told: readers of committed records wait for transactions.
fn waits_for_transactions(
    terms: &Terms,
    history: &History,
    subject: Observation,
    told: Option<Observation>,
) -> Option<Reason> {
    let sent = told.and_then(|told| told.writer).map(|writer| history.row(writer).function);
    let waits =
        sent == Some(Function::Send) && sees(terms, history, subject) == Isolation::ReadCommitted;
    (waits && has_transactions(history)).then(held_back)
}

/// Why a client may be told less than another was before: the last stable offset is not the high watermark.
fn told_less(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
    let other = occurrence.other?;
    let less = sees(terms, history, occurrence.subject) == Isolation::ReadCommitted
        && sees(terms, history, other) == Isolation::ReadUncommitted;
    (less && has_transactions(history)).then(held_back)
}

fn sees(terms: &Terms, history: &History, told: Observation) -> Isolation {
    terms.isolation(history.row(told.operation).process)
}

fn has_transactions(history: &History) -> bool {
    history.rows().iter().any(|row| row.function == Function::Txn)
}

fn held_back() -> Reason {
    Reason::plain(
        "isolation.level=read_committed: an open transaction holds the last stable offset back",
    )
}

/// Why an end may not cover what a producer was told: the end is that of what the replicas have, and it did not wait
/// for them. Source: `Partition.fetchOffsetForTimestamp`, which gives clients the high watermark.
fn not_yet_replicated(
    terms: &Terms,
    history: &History,
    told: Option<Observation>,
) -> Option<Reason> {
    let reason = match writer_terms(terms, history, told)?.acks {
        Acks::All => return None,
        Acks::Leader => "acks=1: the end offset is that of what the in-sync replicas have",
        Acks::None => "acks=0 promises nothing",
    };
    Some(Reason::plain(reason).unless("acks=all"))
}

fn may_duplicate(terms: &Terms, history: &History, record: Option<Observation>) -> Option<Reason> {
    let producer = writer_terms(terms, history, record)?;
    let expired = || terms.producers_expire.then(|| Reason::plain(FORGOTTEN));
    (!producer.idempotence)
        .then(|| {
            Reason::plain("enable.idempotence=false: a retry may append a record again")
                .unless(IDEMPOTENCE)
        })
        .or_else(expired)
}

fn may_reorder(
    terms: &Terms,
    history: &History,
    records: [Option<Observation>; 2],
) -> Option<Reason> {
    let producer = writer_terms(terms, history, records[0])?;
    if producer.idempotence {
        return terms.producers_expire.then(|| Reason::plain(FORGOTTEN));
    }
    let mut writers = records.into_iter().flatten().filter_map(|record| record.writer);
    if producer.in_flight_max > 1 {
        let most = producer.in_flight_max;
        let reason = format!("enable.idempotence=false with {most} requests in flight");
        let cause =
            "enable.idempotence=false with several requests in flight: a retry may overtake";
        let text = format!("{reason}: a retry may overtake");
        return Some(Reason::of(cause, text).unless(IDEMPOTENCE));
    }
    let unknown = writers.any(|writer| history.row(writer).completion == Completion::Info);
    unknown.then(|| {
        Reason::plain("enable.idempotence=false: what was given up may still arrive")
            .unless(IDEMPOTENCE)
    })
}
