//! Why a record may have been processed twice, or never: its group promised no more, or was nowhere and began where
//! `auto.offset.reset` says.

use harrow_sim::history::History;
use harrow_sim::plan::ProcessingGuarantee;

use super::causes::{moved_between, unproved, weak_acks};
use super::membership::{group_of, last_commit_ns, members};
use super::reason::Reason;
use super::terms::Terms;
use crate::check::{Anomaly, Occurrence};

const EXACTLY_ONCE: &str = "guarantee=exactly-once";

/// Why a group may have processed a record twice, or never.
pub(super) fn excuse_processing(
    terms: &Terms,
    history: &History,
    occurrence: &Occurrence,
) -> Option<Reason> {
    let subject = occurrence.subject;
    let other = occurrence.other.map(|other| other.operation);
    let by_hand = moved_past(terms, history, occurrence);
    if occurrence.anomaly == Anomaly::EosDuplicate {
        return by_hand
            .or_else(|| processed(terms, history, occurrence, ProcessingGuarantee::AtLeastOnce))
            .or_else(|| begun_anew(terms, history, occurrence))
            .or_else(|| unproved(terms, history, &[Some(subject.operation), other]));
    }
    by_hand
        .or_else(|| processed(terms, history, occurrence, ProcessingGuarantee::AtMostOnce))
        .or_else(|| begun_behind(terms, history, occurrence))
        .or_else(|| weak_acks(terms, history, occurrence, Some(subject)))
        .or_else(|| unproved(terms, history, &[subject.writer, other]))
        .or_else(|| terms.another_topic(history, occurrence))
}

/// Why a record may be processed twice, or never: its group promised no more. Of several groups that read it the one
/// counts that processed it; where none did, the weakest.
fn processed(
    terms: &Terms,
    history: &History,
    occurrence: &Occurrence,
    promises: ProcessingGuarantee,
) -> Option<Reason> {
    let operations = [Some(occurrence.subject.operation), occurrence.other.map(|it| it.operation)];
    let member = |operation: u32| history.member(operation);
    let group = operations.into_iter().flatten().find_map(member).map(|(group, _)| group);
    let name = group.and_then(|group| history.groups.get(group as usize));
    let mut promised = terms.processing.iter();
    let weak =
        promised.any(|(group, made)| *made == promises && name.is_none_or(|name| name == group));
    let words = match promises {
        ProcessingGuarantee::ExactlyOnce => return None,
        ProcessingGuarantee::AtLeastOnce => {
            "guarantee=at-least-once: what was not committed is processed again"
        }
        ProcessingGuarantee::AtMostOnce => {
            "guarantee=at-most-once: what was committed and not processed is gone"
        }
    };
    weak.then(|| Reason::plain(words).unless(EXACTLY_ONCE))
}

/// Why a group may have been sent back to what it had processed, or past what it had not: an administrator moved it
/// after that was processed, or sent. What nobody has processed may have been passed over until all was over.
fn moved_past(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
    let is_loss = occurrence.anomaly == Anomaly::EosLoss;
    let processed = if is_loss { occurrence.other? } else { occurrence.subject };
    let group = group_of(history, processed.operation)?;
    let name = history.groups.get(group as usize)?;
    let until_ns = if is_loss { u64::MAX } else { occurrence.at_ns };
    moved_between(terms, name, (occurrence.since_ns, until_ns))
}

/// Why a group may have begun again with what it had processed: its offsets may have expired meanwhile (KIP-211).
fn begun_anew(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
    let group = group_of(history, occurrence.subject.operation)?;
    // Who commits first and processes late had come to it long before.
    let own_reads =
        occurrence.other.map(|first| reads_before(history, occurrence, first.operation));
    let read_ns = own_reads.and_then(Iterator::max);
    let from_ns = read_ns.map_or(occurrence.since_ns, |at_ns| at_ns.min(occurrence.since_ns));
    let expired = terms.may_expire_between(history, group, (from_ns, occurrence.at_ns));
    expired
        .then(|| Reason::plain("offsets.retention.minutes: the group's offsets may have expired"))
}

/// Why a group may go on behind a record that it has not processed: where it has no offset, it begins there. Whether it
/// had one is judged where members begin (`lost-commit`, `resume-skip`): what somebody has read for whom the group had
/// one must be processed all the same.
fn begun_behind(terms: &Terms, history: &History, occurrence: &Occurrence) -> Option<Reason> {
    let reset = Some(terms.weakest_reset()).filter(|reset| reset.jumps())?;
    let processed = occurrence.other.map(|other| other.operation);
    let nowhere = match processed.and_then(|operation| group_of(history, operation)) {
        None => true,
        Some(group) => {
            let read_ns = first_read_ns(history, group, occurrence);
            let had_none =
                |read_ns| last_commit_ns(history, group, (occurrence.partition, read_ns)) == 0;
            let span = (occurrence.since_ns, occurrence.at_ns);
            read_ns.is_none_or(had_none) || terms.may_expire_between(history, group, span)
        }
    };
    let text =
        format!("auto.offset.reset={}: the group had no offset and began behind it", reset.name());
    nowhere.then(|| Reason::plain(text).unless("auto.offset.reset=earliest"))
}

/// When who did an operation had read the record that an occurrence is about, until then.
fn reads_before<'a>(
    history: &'a History,
    occurrence: &Occurrence,
    operation: u32,
) -> impl Iterator<Item = u64> + 'a {
    let place = (occurrence.partition, occurrence.subject.offset);
    let own = history.row(operation);
    let polls = (0_u32..).zip(history.rows()).filter(move |(poll, row)| {
        row.process == own.process
            && row.completed_ns <= own.completed_ns
            && history.reads()[history.reads_of(*poll)]
                .iter()
                .any(|read| (read.partition, read.offset) == place)
    });
    polls.map(|(_, row)| row.completed_ns)
}

/// When a member of a group had first read the record that an occurrence is about.
fn first_read_ns(history: &History, group: u32, occurrence: &Occurrence) -> Option<u64> {
    let members = members(history, group);
    let place = (occurrence.partition, occurrence.subject.offset);
    let polls = (0_u32..).zip(history.rows()).filter(|(operation, row)| {
        let reads = &history.reads()[history.reads_of(*operation)];
        members.contains(&row.process)
            && reads.iter().any(|read| (read.partition, read.offset) == place)
    });
    polls.map(|(_, row)| row.completed_ns).min()
}
