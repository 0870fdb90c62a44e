//! Each anomaly that clients saw is held against the true state: an internal event accounts for it, or a client alone
//! can have made it, or else two parts of Harrow contradict each other, and that is said aloud.
//!
//! What is proved here: where an acknowledged record is, from the acknowledgement that a leader gave within the
//! operation and from the committed log; and which loss of committed records took what an anomaly concerns. What is
//! not: that a client whose offsets are wrong erred in a certain way.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use harrow_broker_model::config::Acks;
use harrow_sim::history::Completion;
use harrow_sim::run::Run;
use harrow_sim::truth::{Acknowledged, Loss, PartitionTruth};

use crate::check::{Anomaly, Kind, Observation, Occurrence};
use crate::policy::Terms;
use crate::text::seconds;
use crate::verdict::RecordLocation;

use super::lookup::{concerned, polled, process, span};

/// Who answers for an anomaly that no internal violation explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// Something inside, which broke no rule of the watch.
    Event,
    /// A client.
    Client,
    /// The true state says nothing against anybody.
    Unproved,
    /// A checker: the parts of Harrow contradict each other.
    Checker,
}

/// What the true state says about an anomaly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribution {
    pub(super) source: Source,
    /// One line for people.
    pub(super) line: String,
}

/// Holds anomalies against the true state of a run.
pub(super) struct CrossCheck<'a> {
    run: &'a Run,
    terms: &'a Terms,
    /// When polls first returned what they did, by partition and value.
    polled: OnceCell<BTreeMap<(u32, u64), u64>>,
}

/// Where a record is.
enum Place {
    /// In the committed log.
    Committed,
    /// It was acknowledged and is not in the committed log.
    Gone { acknowledged: Acknowledged, loss: Option<Loss> },
    /// No leader acknowledged it there while its send was open.
    NeverAcknowledged,
    /// The history does not tell where it should be.
    Untold,
}

impl<'a> CrossCheck<'a> {
    pub(super) fn new(run: &'a Run, terms: &'a Terms) -> Self {
        Self { run, terms, polled: OnceCell::new() }
    }

    /// Where a record is that no poll returned; none for other anomalies.
    pub(super) fn location(&self, occurrence: &Occurrence) -> Option<RecordLocation> {
        if occurrence.anomaly != Anomaly::Unseen {
            return None;
        }
        let Some(truth) = self.truth(occurrence) else { return Some(RecordLocation::Unknown) };
        let subject = &occurrence.subject;
        Some(match self.place(truth, subject) {
            Place::Committed if subject.offset >= truth.last_stable_offset => {
                RecordLocation::StuckOnLastStableOffset
            }
            Place::Committed => RecordLocation::StuckBelowHighWatermark,
            Place::Gone { .. } => RecordLocation::Lost,
            Place::NeverAcknowledged if subject.offset >= truth.high_watermark => {
                RecordLocation::Lost
            }
            Place::NeverAcknowledged | Place::Untold => RecordLocation::Unknown,
        })
    }

    /// When an anomaly showed as one that is not legal. Two records that weak acks put at one offset are legal until
    /// both were read: only then was something served that was never committed.
    pub(super) fn shown_ns(&self, occurrence: &Occurrence) -> u64 {
        let Occurrence { anomaly, partition, at_ns, .. } = *occurrence;
        let both = [Some(occurrence.subject), occurrence.other];
        let records = || both.iter().flatten();
        let weak =
            |record: &Observation| self.terms_of(record).is_some_and(|acks| acks != Acks::All);
        if anomaly != Anomaly::InconsistentOffsets || !records().any(weak) {
            return at_ns;
        }
        let read = |record: &Observation| self.polled().get(&(partition, record.value)).copied();
        records().filter_map(read).chain([at_ns]).max().unwrap_or(at_ns)
    }

    /// What the history itself has against the anomaly: then the check that reported it is wrong.
    pub(super) fn contradiction(&self, occurrence: &Occurrence) -> Option<Attribution> {
        let missing = matches!(occurrence.anomaly, Anomaly::LostWrite | Anomaly::Unseen);
        let value = occurrence.subject.value;
        let returned = missing && self.polled().contains_key(&(occurrence.partition, value));
        returned
            .then(|| Attribution::checker("a poll that ended well returned the record".to_owned()))
    }

    /// What the true state says about an anomaly that no violation explains.
    pub(super) fn attribution(&self, occurrence: &Occurrence) -> Attribution {
        let Some(truth) = self.truth(occurrence) else { return Attribution::unproved() };
        let lost = || lost_between(truth, occurrence);
        match occurrence.anomaly.kind() {
            Kind::Missing => self.missing(truth, &occurrence.subject),
            Kind::PassedOver => occurrence
                .other
                .map_or_else(Attribution::unproved, |other| self.missing(truth, &other)),
            Kind::Misplaced if occurrence.anomaly == Anomaly::RealtimeOrder => {
                lost().unwrap_or_else(|| self.order(truth, occurrence))
            }
            Kind::Misplaced => lost().unwrap_or_else(|| self.attribute(truth, occurrence)),
            Kind::Repeated
            | Kind::Shown
            | Kind::Between
            | Kind::EndOffset
            | Kind::Group
            | Kind::Cycle => lost().unwrap_or_else(Attribution::unproved),
        }
    }

    /// An acknowledged record was not read.
    fn missing(&self, truth: &PartitionTruth, record: &Observation) -> Attribution {
        let offset = record.offset;
        match self.place(truth, record) {
            Place::Committed => Attribution::client(&format!(
                "the committed log has the record at offset {offset}, below the high watermark {}, \
                 and no loss touched it: a consumer passed it over or did not get there",
                truth.high_watermark
            )),
            Place::Gone { loss: Some(loss), .. } => Attribution::event(&lost_line(&loss)),
            Place::Gone { acknowledged, loss: None } => gone(truth, &acknowledged, record),
            Place::NeverAcknowledged => Attribution::client(&never_acknowledged(offset)),
            Place::Untold => Attribution::unproved(),
        }
    }

    /// A record has an offset that another one had, or got one below it, which was acknowledged before it was sent.
    fn order(&self, truth: &PartitionTruth, occurrence: &Occurrence) -> Attribution {
        let both = [Some(occurrence.subject), occurrence.other];
        let settled = both.iter().flatten().all(|record| {
            self.terms_of(record) == Some(Acks::All)
                && matches!(self.place(truth, record), Place::Committed)
        });
        if settled {
            return Attribution::checker(
                "both records are committed at these offsets and nothing was lost, but a committed \
                 log only grows at its end"
                    .to_owned(),
            );
        }
        self.attribute(truth, occurrence)
    }

    /// Clients were told offsets that cannot be together.
    fn attribute(&self, truth: &PartitionTruth, occurrence: &Occurrence) -> Attribution {
        for record in [Some(occurrence.subject), occurrence.other].iter().flatten() {
            match self.place(truth, record) {
                Place::NeverAcknowledged => {
                    return Attribution::client(&never_acknowledged(record.offset));
                }
                Place::Gone { acknowledged, loss: None } => {
                    return gone(truth, &acknowledged, record);
                }
                Place::Gone { loss: Some(loss), .. } => {
                    return Attribution::event(&lost_line(&loss));
                }
                Place::Committed | Place::Untold => {}
            }
        }
        Attribution::unproved()
    }

    /// Where a record is that an operation says it was told of.
    fn place(&self, truth: &PartitionTruth, record: &Observation) -> Place {
        let Some(writer) = record.writer else { return Place::Untold };
        let (begun, ended, completion) = span(&self.run.history, writer);
        if record.offset < 0 || completion != Completion::Ok {
            return Place::Untold;
        }
        let from = truth.acknowledged.partition_point(|ack| ack.at_ns < begun);
        let during = truth.acknowledged[from..].iter().take_while(|ack| ack.at_ns <= ended);
        let here = |ack: &&Acknowledged| ack.first <= record.offset && record.offset <= ack.last;
        let mut acks = during.filter(here).copied();
        let Some(first) = acks.next() else {
            // Who has read a record elsewhere than its writer was told says nothing about the acknowledgement.
            let told = record.operation == writer;
            return if told { Place::NeverAcknowledged } else { Place::Untold };
        };
        if first.committed || acks.any(|ack| ack.committed) {
            return Place::Committed;
        }
        let took = |loss: &&Loss| loss.covers(record.offset) && loss.at_ns >= begun;
        Place::Gone { acknowledged: first, loss: truth.losses.iter().find(took).copied() }
    }

    fn truth(&self, occurrence: &Occurrence) -> Option<&'a PartitionTruth> {
        self.run.partitions.get(occurrence.partition as usize)
    }

    fn terms_of(&self, record: &Observation) -> Option<Acks> {
        let process = process(&self.run.history, record.writer?);
        Some(self.terms.producer(process).acks)
    }

    fn polled(&self) -> &BTreeMap<(u32, u64), u64> {
        self.polled.get_or_init(|| polled(&self.run.history))
    }
}

impl Attribution {
    fn event(line: &str) -> Self {
        Self { source: Source::Event, line: format!("internal event: {line}") }
    }

    fn client(line: &str) -> Self {
        Self { source: Source::Client, line: format!("client-side: {line}") }
    }

    fn checker(line: String) -> Self {
        Self { source: Source::Checker, line }
    }

    pub(super) fn unproved() -> Self {
        let line = "client-side: no internal violation explains it".to_owned();
        Self { source: Source::Unproved, line }
    }
}

/// An acknowledged record is not in the committed log, and no loss took it.
fn gone(truth: &PartitionTruth, ack: &Acknowledged, record: &Observation) -> Attribution {
    let (epoch, offset) = (ack.leader_epoch, record.offset);
    if let Some(lost_in) = truth.lost_in.filter(|lost_in| *lost_in > epoch) {
        return Attribution::event(&format!(
            "the leader of epoch {epoch} acknowledged offset {offset}; the election of epoch \
             {lost_in} was unclean or lost records, and what earlier leaders say binds nobody"
        ));
    }
    if ack.acks != -1 {
        return Attribution::event(&format!(
            "offset {offset} was acknowledged with acks={} and never committed",
            ack.acks
        ));
    }
    Attribution::checker(format!(
        "offset {offset} was acknowledged with acks=all, is not in the committed log, and neither a \
         loss nor a violation accounts for it"
    ))
}

/// The loss of committed records that took what the anomaly concerns, if it came in time.
fn lost_between(truth: &PartitionTruth, occurrence: &Occurrence) -> Option<Attribution> {
    let (first, last) = concerned(occurrence)?;
    let in_time = |loss: &&Loss| (occurrence.since_ns..=occurrence.at_ns).contains(&loss.at_ns);
    let took = |loss: &&Loss| loss.first <= last && first < loss.end;
    let loss = truth.losses.iter().filter(in_time).find(took)?;
    Some(Attribution::event(&lost_line(loss)))
}

fn lost_line(loss: &Loss) -> String {
    let Loss { at_ns, first, end, leader, leader_epoch } = loss;
    let at = seconds(*at_ns);
    let last = end - 1;
    format!(
        "at {at} node {leader} was elected in epoch {leader_epoch} without the committed records {first} \
         to {last}"
    )
}

fn never_acknowledged(offset: i64) -> String {
    format!("no leader acknowledged offset {offset} while the send was open: its client made it up")
}

#[cfg(test)]
mod tests {
    use harrow_sim::history::{
        Function, History, MicroOperation, OperationRecord, ReadRecord, SendRecord,
    };
    use harrow_sim::run::{End, RunStats};

    use super::*;
    use crate::check::OccurrenceContext;

    fn operation(
        completion: Completion,
        function: Function,
        action: MicroOperation,
    ) -> OperationRecord {
        let (process, invoked_ns, completed_ns) = (0, 1, 2);
        let actions = vec![action];
        OperationRecord { process, invoked_ns, completed_ns, completion, function, actions }
    }

    /// One record that was sent and polled, by a poll that ended so.
    fn run(completion: Completion) -> Run {
        let send = SendRecord { partition: 0, offset: 0, ..SendRecord::of(4) };
        let send = MicroOperation::Send(send);
        let record = ReadRecord { partition: 0, offset: 0, value: 4 };
        let poll = MicroOperation::Poll { records: vec![record] };
        Run {
            end: End::Quiesced,
            unmet: Vec::new(),
            history: History::of(
                vec!["orders-0".to_owned()],
                false,
                &[
                    operation(Completion::Ok, Function::Send, send),
                    operation(completion, Function::Poll, poll),
                ],
            ),
            violations: Vec::new(),
            faults: Vec::new(),
            reached: std::collections::BTreeMap::new(),
            topics: std::collections::BTreeMap::new(),
            partitions: Vec::new(),
            biographies: Vec::new(),
            digest: 0,
            stats: RunStats::default(),
            trace: None,
            timeline: None,
        }
    }

    fn claim(anomaly: Anomaly, value: u64) -> Occurrence {
        let subject = Observation { value, offset: 0, operation: 0, writer: Some(0), read: false };
        Occurrence {
            anomaly,
            partition: 0,
            at_ns: 2,
            since_ns: 1,
            subject,
            other: None,
            context: OccurrenceContext::Plain,
            passed: None,
            cycle: Vec::new(),
        }
    }

    #[test]
    fn a_check_that_misses_a_poll_is_contradicted_by_the_history() {
        let terms = Terms::strict();
        let contradicted = |run: &Run, claim: Occurrence| {
            CrossCheck::new(run, &terms).contradiction(&claim).is_some()
        };
        let well = run(Completion::Ok);
        assert!(contradicted(&well, claim(Anomaly::Unseen, 4)), "the poll returned it");
        assert!(contradicted(&well, claim(Anomaly::LostWrite, 4)), "the poll returned it");
        assert!(!contradicted(&well, claim(Anomaly::Unseen, 5)), "another record");
        assert!(!contradicted(&well, claim(Anomaly::Duplicate, 4)), "it may be there twice");
        assert!(!contradicted(&run(Completion::Fail), claim(Anomaly::Unseen, 4)), "a failed poll");
    }

    #[test]
    fn weak_acks_at_one_offset_show_when_both_are_read() {
        let mut terms = Terms::strict();
        let mut run = run(Completion::Ok);
        let mut operations = run.history.operations();
        operations[1].completed_ns = 70;
        run.history = History::of(run.history.partitions, false, &operations);
        let other = Observation { value: 9, ..claim(Anomaly::InconsistentOffsets, 4).subject };
        let claim = Occurrence { other: Some(other), ..claim(Anomaly::InconsistentOffsets, 4) };
        assert_eq!(CrossCheck::new(&run, &terms).shown_ns(&claim), 2, "acks=all: at once");
        terms.producer.acks = Acks::Leader;
        assert_eq!(CrossCheck::new(&run, &terms).shown_ns(&claim), 70, "acks=1: with the read");
    }
}
