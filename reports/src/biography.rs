//! The life of the record that a finding is about: asked for, attached, and told in few lines.
//!
//! All moments are in the JSON report. People get those that tell most, in order of time: what was lost or cut away and
//! who was elected without it, then its send, its commit and its acknowledgement, then copies, restarts and reads.

use std::collections::BTreeSet;

use harrow_broker_model::note::{AppendOrigin, TruncateReason};
use harrow_broker_model::types::RecordValue;
use harrow_sim::biography::{Follow, Moment, MomentKind, RecordIdentity};
use harrow_sim::history::Completion;

use crate::text::seconds;
use crate::verdict::{Excuse, Finding, Record};

/// A biography takes so many lines with its title, and with the count of what is left out.
const LINES_MAX: usize = 12;

/// The places whose records findings are about: for [`RunOptions::follow`](harrow_sim::run::RunOptions::follow).
pub fn places(findings: &[Finding]) -> Vec<Follow> {
    let records = findings.iter().filter_map(|finding| finding.record.as_ref());
    let places: BTreeSet<Follow> = records.map(place).collect();
    places.into_iter().collect()
}

/// The places whose records excuses are about, likewise.
pub fn excused_places(excused: &[Excuse]) -> Vec<Follow> {
    let places: BTreeSet<Follow> = excused.iter().filter_map(followed).map(place).collect();
    places.into_iter().collect()
}

/// The record of an excuse whose life is told.
fn followed(excuse: &Excuse) -> Option<&Record> {
    excuse.records.iter().find(|record| record.offset >= 0)
}

/// Gives each excuse the life of its record, as [`attach`] does.
pub fn attach_excused(excused: &mut [Excuse], places: &[Follow], biographies: &[Vec<Moment>]) {
    assert_eq!(places.len(), biographies.len(), "each place that was followed has a biography");
    for excuse in excused {
        let Some(wanted) = followed(excuse).map(place) else { continue };
        let found = places.iter().zip(biographies).find(|(place, _)| **place == wanted);
        if let Some((_, moments)) = found {
            excuse.biography.clone_from(moments);
        }
    }
}

/// Gives each finding the life of its record, as a run that followed these places tells it.
pub fn attach(findings: &mut [Finding], places: &[Follow], biographies: &[Vec<Moment>]) {
    assert_eq!(places.len(), biographies.len(), "each place that was followed has a biography");
    for finding in findings {
        let Some(wanted) = finding.record.as_ref().map(place) else { continue };
        let found = places.iter().zip(biographies).find(|(place, _)| **place == wanted);
        if let Some((_, moments)) = found {
            finding.biography.clone_from(moments);
        }
    }
}

fn place(record: &Record) -> Follow {
    Follow { partition: record.partition.clone(), offset: record.offset }
}

/// The life in lines; empty if nobody followed it.
pub(crate) fn lines(record: &Record, moments: &[Moment]) -> Vec<String> {
    if moments.is_empty() {
        return Vec::new();
    }
    let subject = Subject::of(record, moments);
    let fits = moments.len() < LINES_MAX;
    let most = if fits { moments.len() } else { LINES_MAX - 2 };
    let mut chosen: Vec<(u32, usize)> =
        moments.iter().map(|moment| subject.weight(&moment.kind)).zip(0..).collect();
    // Of what weighs the same, the earlier tells more: later reads and restarts repeat it.
    chosen.sort_by_key(|(weight, position)| (std::cmp::Reverse(*weight), *position));
    chosen.truncate(most);
    chosen.sort_by_key(|(_, position)| *position);
    let mut lines = vec![subject.title(record)];
    lines.extend(chosen.iter().map(|(_, position)| subject.line(&moments[*position])));
    if !fits {
        let left = moments.len() - most;
        lines.push(format!("and {left} more moments, in the JSON report"));
    }
    assert!(lines.len() <= LINES_MAX, "a biography of {} lines", lines.len());
    lines
}

/// The title of a life, and what happened in each of its moments, without the time.
pub(crate) fn life_of(record: &Record, moments: &[Moment]) -> (String, Vec<String>) {
    let subject = Subject::of(record, moments);
    let title = subject.title(record);
    let lines = moments.iter().map(|moment| subject.deed(moment));
    (title.trim_end_matches(':').to_owned(), lines.collect())
}

/// The record that is told about, among all that were at its place.
struct Subject {
    value: Option<u64>,
    /// If no value is known: the record that was there first.
    first: Option<RecordIdentity>,
}

impl Subject {
    fn of(record: &Record, moments: &[Moment]) -> Self {
        let value = record.value.as_ref().and_then(|value| value.parse().ok());
        let first = moments.iter().find_map(|moment| match moment.kind {
            MomentKind::Appended { record, .. } => Some(record),
            MomentKind::SendInvoked { .. }
            | MomentKind::SendCompleted { .. }
            | MomentKind::PassedByHighWatermark { .. }
            | MomentKind::Committed { .. }
            | MomentKind::Acknowledged { .. }
            | MomentKind::WentDown { .. }
            | MomentKind::LogRecovered { .. }
            | MomentKind::Truncated { .. }
            | MomentKind::Cleaned { .. }
            | MomentKind::Elected { .. }
            | MomentKind::Lost { .. }
            | MomentKind::Served { .. }
            | MomentKind::Polled { .. } => None,
        });
        Self { value: value.or(first.and_then(|first| first.value)), first }
    }

    fn title(&self, record: &Record) -> String {
        let Record { partition, offset, .. } = record;
        match self.value {
            Some(value) => {
                let kind = if is_tombstone(value) { "tombstone" } else { "record" };
                format!("the life of {kind} {value}, offset {offset} of {partition}:")
            }
            None => format!("the life of offset {offset} of {partition}:"),
        }
    }

    fn is(&self, record: RecordIdentity) -> bool {
        match (self.value, record.value) {
            (Some(value), Some(other)) => value == other,
            (None, None) => self.first.is_some_and(|first| {
                (first.leader_epoch, first.checksum) == (record.leader_epoch, record.checksum)
            }),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// `it`, or which other one.
    fn name(&self, record: RecordIdentity) -> String {
        match record.value {
            _ if self.is(record) => "it".to_owned(),
            Some(value) if is_tombstone(value) => format!("a tombstone, {value},"),
            Some(value) => format!("another record, {value},"),
            None => format!("another record, of epoch {},", record.leader_epoch),
        }
    }

    /// How much a moment tells.
    fn weight(&self, kind: &MomentKind) -> u32 {
        match kind {
            MomentKind::Lost { .. } => 100,
            MomentKind::Truncated { record, .. } => 60 + 30 * u32::from(self.is(*record)),
            MomentKind::Cleaned { record, .. } => 50 + 39 * u32::from(self.is(*record)),
            MomentKind::LogRecovered { before, record } => {
                let had = before.is_some_and(|before| self.is(before));
                let has = record.is_some_and(|record| self.is(record));
                30 + 58 * u32::from(had && !has)
            }
            MomentKind::Elected { record, .. } => {
                let has = record.is_some_and(|record| self.is(record));
                45 + 40 * u32::from(!has)
            }
            MomentKind::Committed { record } => 66 + 16 * u32::from(self.is(*record)),
            MomentKind::SendInvoked { value, .. } => 40 + 41 * self.sent(*value),
            MomentKind::SendCompleted { value, .. } => 42 + 35 * self.sent(*value),
            MomentKind::Appended { record, origin: AppendOrigin::Leader } => {
                70 + 9 * u32::from(self.is(*record))
            }
            MomentKind::Appended { record, origin: AppendOrigin::Follower } => {
                20 + 30 * u32::from(self.is(*record))
            }
            MomentKind::Acknowledged { record, .. } => 43 + 12 * u32::from(self.is(*record)),
            MomentKind::WentDown { lossy, .. } => 35 + 25 * u32::from(*lossy),
            MomentKind::PassedByHighWatermark { as_leader, .. } => 15 + 25 * u32::from(*as_leader),
            MomentKind::Polled { .. } => 28,
            MomentKind::Served { .. } => 10,
        }
    }

    fn sent(&self, value: u64) -> u32 {
        u32::from(self.value.is_none_or(|subject| subject == value))
    }

    fn line(&self, moment: &Moment) -> String {
        format!("{} {}", seconds(moment.at_ns), self.deed(moment))
    }

    fn deed(&self, moment: &Moment) -> String {
        let node = moment.node.map_or_else(String::new, |node| format!("node {node}"));
        self.describe(&node, &moment.kind)
    }

    fn describe(&self, node: &str, kind: &MomentKind) -> String {
        match kind {
            MomentKind::SendInvoked { .. }
            | MomentKind::SendCompleted { .. }
            | MomentKind::Polled { .. } => self.describe_client(kind),
            MomentKind::Appended { record, origin: AppendOrigin::Leader } => {
                let (name, epoch) = (self.name(*record), record.leader_epoch);
                format!("{node} appended {name} as leader of epoch {epoch}")
            }
            MomentKind::Appended { record, origin: AppendOrigin::Follower } => {
                format!("{node} copied {} from the leader", self.name(*record))
            }
            MomentKind::PassedByHighWatermark { as_leader, high_watermark, .. } => {
                let role = if *as_leader { "leader" } else { "follower" };
                format!("{node}, a {role}, moved its high watermark past it, to {high_watermark}")
            }
            MomentKind::Committed { record } => {
                let name = self.name(*record);
                format!("{name} is committed: {node} moved the true high watermark past it")
            }
            MomentKind::Acknowledged { record, acks, duplicate } => {
                let acks = if *acks == -1 { "all".to_owned() } else { acks.to_string() };
                let again = if *duplicate { ", as one that is there already" } else { "" };
                format!("{node} acknowledged {} with acks={acks}{again}", self.name(*record))
            }
            MomentKind::WentDown { record, lossy } => {
                let lost = if *lossy { " and lost what was not synced" } else { "" };
                format!("{node}, which had {} went down{lost}", comma(self.name(*record)))
            }
            MomentKind::LogRecovered { before, record } => {
                format!("{node} loaded its log {}", self.recovered(*before, *record))
            }
            MomentKind::Truncated { record, to, reason } => {
                let why = why_cut(*reason);
                format!(
                    "{node} truncated {} from its log, which ends at {to} now: {why}",
                    self.name(*record)
                )
            }
            MomentKind::Cleaned { record, replaced_by } => {
                let (name, why) = (self.plain(*record), why_cleaned(*record, *replaced_by));
                format!("the cleaner of {node} took {name}{why}")
            }
            MomentKind::Elected { leader_epoch, unclean, record } => {
                let how = if *unclean { " uncleanly" } else { "" };
                let holds = self.holds(*record);
                format!("{node} was elected{how} in epoch {leader_epoch} and {holds}")
            }
            MomentKind::Lost { record, leader_epoch } => {
                let name = self.name(*record);
                format!("{name} is lost: {node} leads in epoch {leader_epoch} without it")
            }
            MomentKind::Served { record, consumer } => {
                format!("{node} served {} to node {consumer}", self.name(*record))
            }
        }
    }

    fn describe_client(&self, kind: &MomentKind) -> String {
        let name = |value: u64| match self.value {
            Some(subject) if subject == value => "it".to_owned(),
            Some(_) | None => format!("record {value}"),
        };
        match kind {
            MomentKind::SendInvoked { process, value } => {
                format!("client {process} began to send {}", name(*value))
            }
            MomentKind::SendCompleted { process, value, completion, offset } => {
                let how = match (completion, offset) {
                    (Completion::Ok, Some(offset)) => format!("is acknowledged at offset {offset}"),
                    (Completion::Ok, None) => "is acknowledged".to_owned(),
                    (Completion::Fail, _) => "has failed, as the client was told".to_owned(),
                    (Completion::Info, _) => "has an unknown outcome".to_owned(),
                };
                format!("client {process}: {} {how}", name(*value))
            }
            MomentKind::Polled { process, value } => {
                format!("client {process} read {} here", name(*value))
            }
            MomentKind::Appended { .. }
            | MomentKind::PassedByHighWatermark { .. }
            | MomentKind::Committed { .. }
            | MomentKind::Acknowledged { .. }
            | MomentKind::WentDown { .. }
            | MomentKind::LogRecovered { .. }
            | MomentKind::Truncated { .. }
            | MomentKind::Cleaned { .. }
            | MomentKind::Elected { .. }
            | MomentKind::Lost { .. }
            | MomentKind::Served { .. } => unreachable!("not what a client did"),
        }
    }

    /// To follow "loaded its log".
    fn recovered(&self, before: Option<RecordIdentity>, record: Option<RecordIdentity>) -> String {
        match (before, record) {
            (Some(before), Some(record)) if is_same(before, record) => {
                format!("and still has {}", self.plain(record))
            }
            (Some(before), None) => format!("and no longer has {}", self.plain(before)),
            (_, Some(record)) => format!("and has {} again", self.plain(record)),
            (None, None) => "and has nothing here".to_owned(),
        }
    }

    /// To follow "was elected and".
    fn holds(&self, record: Option<RecordIdentity>) -> String {
        match record {
            Some(record) => format!("has {}", self.plain(record)),
            None => "does not have it".to_owned(),
        }
    }

    /// The name at the end of a sentence.
    fn plain(&self, record: RecordIdentity) -> String {
        self.name(record).trim_end_matches(',').to_owned()
    }
}

/// Whether a record's number says that it deletes its key.
fn is_tombstone(value: u64) -> bool {
    RecordValue(value).is_tombstone()
}

/// A batch that was cleaned has another checksum; what is left in it is what was there.
fn is_same(one: RecordIdentity, other: RecordIdentity) -> bool {
    one == other || one.value.is_some() && one.value == other.value
}

/// To follow "the cleaner took it".
fn why_cleaned(record: RecordIdentity, replaced_by: Option<i64>) -> String {
    match replaced_by {
        Some(offset) => format!(": offset {offset} has a later record of its key"),
        None if record.value.is_some_and(is_tombstone) => {
            ": a tombstone goes when its delete.retention.ms is over".to_owned()
        }
        None => String::new(),
    }
}

/// A name that a relative clause ends with.
fn comma(name: String) -> String {
    if name.ends_with(',') { name } else { format!("{name},") }
}

fn why_cut(reason: TruncateReason) -> &'static str {
    match reason {
        TruncateReason::Diverged => "it diverges from the leader's log there",
        TruncateReason::OutOfRange => "it was out of the leader's range",
        TruncateReason::HighWatermark => "to its own high watermark",
        TruncateReason::Snapshot => "to begin where a snapshot ends",
        TruncateReason::AcrossStart => "to begin with a whole batch",
    }
}
