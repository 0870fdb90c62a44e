//! Causes that excuse several anomalies: who moved a group by hand, what is not proved, and acks that wait for nobody.

use harrow_broker_model::config::Acks;
use harrow_sim::history::{Completion, History};

use super::promised::{Isolation, ProducerTerms};
use super::reason::Reason;
use super::terms::Terms;
use crate::check::{Observation, Occurrence};

/// Why a group may be elsewhere: an administrator may have moved it in this time.
pub(super) fn moved_between(
    terms: &Terms,
    group: &str,
    (since_ns, until_ns): (u64, u64),
) -> Option<Reason> {
    let moved = terms.moved_by_hand.iter().find(|moved| {
        moved.group == group && moved.from_ns <= until_ns && since_ns <= moved.until_ns
    });
    moved.map(|_| Reason::plain("an administrator deleted or moved the group's offsets"))
}

/// Whether only a read of what may not be committed makes one of these operations of unknown outcome count as
/// committed.
pub(super) fn unproved(
    terms: &Terms,
    history: &History,
    operations: &[Option<u32>],
) -> Option<Reason> {
    let mut operations = operations.iter().flatten();
    let unknown = operations.any(|o| history.row(*o).completion == Completion::Info);
    let reason = || {
        Reason::plain("isolation.level=read_uncommitted: a read does not prove a commit")
            .unless("isolation.level=read_committed")
    };
    (unknown && terms.weakest_isolation() == Isolation::ReadUncommitted).then(reason)
}

/// What the writer of a record was promised.
pub(super) fn writer_terms(
    terms: &Terms,
    history: &History,
    record: Option<Observation>,
) -> Option<ProducerTerms> {
    let operation = record?.writer?;
    Some(terms.producer(history.row(operation).process))
}

/// Why an acknowledged record may be gone or replaced: its producer did not wait for the replicas, and its leader may
/// have changed since.
pub(super) fn weak_acks(
    terms: &Terms,
    history: &History,
    occurrence: &Occurrence,
    record: Option<Observation>,
) -> Option<Reason> {
    let reason = match writer_terms(terms, history, record)?.acks {
        Acks::All => return None,
        Acks::Leader => terms
            .may_lack_what_one_had(occurrence)
            .then_some("acks=1 promises nothing once the leader changes"),
        Acks::None => terms.disturbed.then_some("acks=0 promises nothing"),
    };
    reason.map(|reason| Reason::plain(reason).unless("acks=all"))
}
