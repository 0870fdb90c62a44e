//! One thing done wrong in a correct history, with the names of which one must be told.
//!
//! A mutation picks only places where the history is wrong afterwards, whatever the truth behind it: its doc says why.
//! Which places it passes over says as much about a rule as what it finds.

mod facts;
mod groups;
mod reads;
mod records;
mod transactions;

use harrow_reports::check::Anomaly;

use crate::properties::toy::Good;
pub(crate) use facts::{Facts, Pick};

/// Does one thing wrong; `None` if this history has no place for it.
type Apply = fn(&mut Good, &Facts, &mut Pick) -> Option<()>;

/// One way to be wrong.
pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    /// At least one of them must be told, and not be excused.
    pub(crate) named: &'static [Anomaly],
    pub(crate) apply: Apply,
}

const fn one(name: &'static str, named: &'static [Anomaly], apply: Apply) -> Mutation {
    Mutation { name, named, apply }
}

pub(crate) const ALL: [Mutation; 47] = [
    one("lose an inner record", &[Anomaly::LostWrite], records::lose_inner),
    one("lose the last record", &[Anomaly::Unseen], records::lose_last),
    one("lose a record without an offset", &[Anomaly::Unseen], records::lose_without_offset),
    one(
        "compact the last of a key",
        &[Anomaly::LostWrite, Anomaly::Unseen],
        records::lose_last_of_key,
    ),
    one(
        "acknowledge what is not there",
        &[Anomaly::LostWrite, Anomaly::Unseen],
        records::acknowledge_nothing,
    ),
    one("append a record again", &[Anomaly::Duplicate], records::append_again),
    one(
        "swap sends of one producer",
        &[Anomaly::NonmonotonicSend, Anomaly::IntNonmonotonicSend],
        records::swap_one_producers,
    ),
    one("swap sends of one operation", &[Anomaly::IntNonmonotonicSend], records::swap_inside),
    one("swap sends in time", &[Anomaly::RealtimeOrder], records::swap_ordered),
    one("send behind what was read", &[Anomaly::RealtimeOrder], records::send_late),
    one(
        "acknowledge another's offset",
        &[Anomaly::InconsistentOffsets],
        records::acknowledge_others,
    ),
    one("acknowledge a free offset", &[Anomaly::Duplicate], records::acknowledge_free),
    one(
        "acknowledge offset zero",
        &[Anomaly::Duplicate, Anomaly::InconsistentOffsets],
        records::acknowledge_zero,
    ),
    one("replace a record for one reader", &[Anomaly::InconsistentOffsets], records::replace),
    one("end offset goes back", &[Anomaly::EndOffsetRegression], records::lower_an_end),
    one("end offset runs ahead", &[Anomaly::EndOffsetRegression], records::raise_an_end),
    one("skip inside a poll", &[Anomaly::IntPollSkip], reads::skip_inside),
    one("skip between polls", &[Anomaly::PollSkip], reads::skip_between),
    one("skip at the start", &[Anomaly::PollSkip], reads::skip_at_start),
    one(
        "one reader never gets a record",
        &[Anomaly::IntPollSkip, Anomaly::PollSkip],
        reads::hide_from_one,
    ),
    one("reorder a poll", &[Anomaly::IntNonmonotonicPoll], reads::reorder),
    one("read again inside a poll", &[Anomaly::IntNonmonotonicPoll], reads::again_inside),
    one("rewind", &[Anomaly::NonmonotonicPoll], reads::rewind),
    one("swap two polls", &[Anomaly::NonmonotonicPoll, Anomaly::PollSkip], reads::swap_polls),
    one("read at another offset", &[Anomaly::Duplicate], reads::misplace),
    one("read unreadable bytes", &[Anomaly::GarbageRead], reads::unreadable),
    one("read what nobody sent", &[Anomaly::GarbageRead], reads::invent),
    one("read another partition's", &[Anomaly::GarbageRead], reads::foreign),
    one("read before it is sent", &[Anomaly::G1cRealtime, Anomaly::G1cProcess], reads::before_sent),
    one("fail a send that is read", &[Anomaly::G1a], transactions::fail_a_read_send),
    one("fail a transaction that is read", &[Anomaly::G1a], transactions::fail_a_read_transaction),
    one("resurrect an aborted record", &[Anomaly::G1a], transactions::resurrect),
    one("commit in part", &[Anomaly::LostWrite, Anomaly::TornTransaction], transactions::tear),
    one("commit in part, untold", &[Anomaly::TornTransaction], transactions::tear_untold),
    one("read its own", &[Anomaly::PrecommittedRead], transactions::read_own),
    one(
        "read each other",
        &[Anomaly::G1c, Anomaly::G1cRealtime, Anomaly::G1cProcess],
        transactions::read_each_other,
    ),
    one("process twice", &[Anomaly::EosDuplicate], transactions::process_twice),
    one("process one record twice", &[Anomaly::EosDuplicate], transactions::process_one_twice),
    one("process never", &[Anomaly::EosLoss], transactions::process_never),
    one("pass over one input", &[Anomaly::EosLoss], transactions::pass_over_input),
    one("skip after a join", &[Anomaly::ResumeSkip], groups::skip_after_join),
    one("start a member too far", &[Anomaly::ResumeSkip], groups::start_too_far),
    one("rewind in a generation", &[Anomaly::NonmonotonicPoll], groups::rewind_in_generation),
    one("skip in a generation", &[Anomaly::PollSkip], groups::skip_in_generation),
    one("zombie commits", &[Anomaly::ZombieCommit], groups::zombie_commit),
    one("commit too far", &[Anomaly::CommitBeyondPosition], groups::commit_beyond),
    one("two owners", &[Anomaly::DoubleOwnership], groups::own_twice),
];
