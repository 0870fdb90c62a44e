//! The application of a pipeline: it reads as a member of a group, makes one record of each that it has read, and sends
//! that. What it promises is a matter of order alone:
//!
//! - *exactly once*: what it sends and how far it has come are one transaction. One that is aborted is made anew, from
//!   where the group has committed;
//! - *at least once*: it commits once all it sends is acknowledged. What fails is sent again;
//! - *at most once*: it sends once the commit is acknowledged. What fails is gone.
//!
//! Source: Kafka's example `ExactlyOnceMessageProcessor`; the documentation of `KafkaConsumer` on manual commits.

use std::collections::{BTreeMap, VecDeque};

use harrow_broker_model::config::topic_name;
use harrow_broker_model::defect::{ApplicationDefect, Defects};
use harrow_broker_model::node::{
    ConsumerCall, Operation, Outcome, PolledRecord, SeekTo, TransactRecord,
};
use harrow_broker_model::proto::{ErrorCode, StrBytes};
use harrow_broker_model::types::{Offset, RecordValue};

use crate::plan::{PipelinePlan, ProcessingGuarantee};

/// Topic name and partition.
type Place = (StrBytes, i32);

/// Keys of what it sends: an input's offset modulo this.
const KEYS: i64 = 16;

/// Input records that an operation processes: place, first and last offset.
pub(super) type Processed = (Place, Offset, Offset);

/// What it does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Subscribe,
    Poll,
    Process,
    Commit,
    Rewind,
}

/// One process of a pipeline.
#[derive(Debug)]
pub(super) struct Processing {
    pub(super) group: String,
    /// All partitions of the topics that it subscribes to.
    pub(super) partitions: Vec<Place>,
    poll: (u32, u32),
    outputs: Vec<StrBytes>,
    guarantee: ProcessingGuarantee,
    defects: Defects,
    next: Step,
    /// Known mistake: it polls once more before it processes what it has.
    reads_ahead: bool,
    /// Read, and not processed yet.
    inputs: VecDeque<(Place, Offset)>,
    /// How far what was polled last goes.
    offsets: BTreeMap<Place, Offset>,
    /// Where nobody but the application knows where to go on.
    nowhere: Vec<Place>,
    /// The generation that it joined last.
    generation: Option<i32>,
    /// What the operation that was asked for last processes.
    processed: Vec<Processed>,
    /// Values that it has sent.
    sent: u64,
    /// How far it has ever come in each partition, whatever becomes of what it did.
    done_to: BTreeMap<Place, Offset>,
}

impl Processing {
    pub(super) fn new(
        group: &str,
        partitions: Vec<Place>,
        poll: (u32, u32),
        plan: &PipelinePlan,
        defects: Defects,
    ) -> Self {
        let early = defects.has(ApplicationDefect::CommitsBeforeProcessing);
        let guarantee = match plan.guarantee {
            ProcessingGuarantee::AtLeastOnce if early => ProcessingGuarantee::AtMostOnce,
            promised @ (ProcessingGuarantee::ExactlyOnce
            | ProcessingGuarantee::AtLeastOnce
            | ProcessingGuarantee::AtMostOnce) => promised,
        };
        Self {
            group: group.to_owned(),
            partitions,
            poll,
            outputs: plan.outputs.iter().map(|topic| topic_name(topic)).collect(),
            guarantee,
            defects,
            next: Step::Subscribe,
            reads_ahead: false,
            inputs: VecDeque::new(),
            offsets: BTreeMap::new(),
            nowhere: Vec::new(),
            generation: None,
            processed: Vec::new(),
            sent: 0,
            done_to: BTreeMap::new(),
        }
    }

    /// Records that it has read and is not done with.
    pub(super) fn unfinished(&self) -> usize {
        self.inputs.len() + usize::from(matches!(self.next, Step::Commit | Step::Rewind))
    }

    /// Offsets of its input that it has processed at least once; never fewer than before.
    pub(super) fn done(&self) -> u64 {
        self.done_to.values().map(|end| end.0.unsigned_abs()).sum()
    }

    fn done_with(&mut self, place: Place, end: Offset) {
        let before = self.done_to.entry(place).or_insert(end);
        *before = end.max(*before);
    }

    /// What the operation that was asked for last processes, and in which generation.
    pub(super) fn processed(&self) -> (Option<i32>, &[Processed]) {
        (self.generation, &self.processed)
    }

    /// The next operation; values are numbered from `first` on.
    pub(super) fn request(&mut self, first: u64) -> Operation {
        self.processed.clear();
        match self.next {
            Step::Subscribe => {
                let mut topics: Vec<StrBytes> =
                    self.partitions.iter().map(|(topic, _)| topic.clone()).collect();
                topics.dedup();
                Operation::Subscribe { topics }
            }
            Step::Poll if !self.nowhere.is_empty() => self.seek(),
            Step::Poll => Operation::Poll { timeout_ms: self.poll.0, max_records: self.poll.1 },
            Step::Rewind => Operation::Rewind,
            Step::Commit => {
                let offsets = self.offsets.iter().map(|(place, at)| (place.clone(), *at));
                Operation::Commit { offsets: offsets.collect(), sync: true }
            }
            Step::Process if self.guarantee == ProcessingGuarantee::ExactlyOnce => {
                self.transact(first)
            }
            Step::Process => self.send(first),
        }
    }

    /// Goes on at the beginning: it is told that it is nowhere until then.
    fn seek(&mut self) -> Operation {
        let places = std::mem::take(&mut self.nowhere).into_iter();
        let places = places.map(|(topic, index)| (topic, index, SeekTo::Beginning)).collect();
        Operation::Call(ConsumerCall::Seek { places })
    }

    fn transact(&mut self, first: u64) -> Operation {
        let inputs: Vec<(Place, Offset)> = self.inputs.iter().cloned().collect();
        let records = inputs.iter().map(|input| {
            let (topic, key, value) = self.output(input.1, first + self.sent);
            self.sent += 1;
            TransactRecord { topic, key, value }
        });
        let records = records.collect();
        let mut spans: BTreeMap<Place, (Offset, Offset)> = BTreeMap::new();
        for (place, at) in inputs {
            let span = spans.entry(place).or_insert((at, at));
            span.1 = at;
        }
        let spans = spans.into_iter().map(|(place, (first, last))| (place, first, last));
        self.processed = spans.collect();
        let offsets = self.offsets.iter().map(|(place, at)| (place.clone(), *at)).collect();
        Operation::Transact { records, gap_ms: 0, commit: true, offsets }
    }

    fn send(&mut self, first: u64) -> Operation {
        let (place, at) = self.inputs.front().cloned().expect("there is something to process");
        let (topic, key, value) = self.output(at, first + self.sent);
        self.sent += 1;
        self.processed.push((place, at, at));
        Operation::Send { topic, key, value }
    }

    fn output(&self, input: Offset, value: u64) -> (StrBytes, Option<u64>, RecordValue) {
        let topic = self.outputs[value as usize % self.outputs.len()].clone();
        (topic, Some(input.0.rem_euclid(KEYS) as u64), RecordValue(value))
    }

    /// An operation ended.
    pub(super) fn answered(&mut self, outcome: &Outcome) {
        let done = self.next;
        match outcome {
            Outcome::Subscribed | Outcome::Rewound { .. } => self.next = Step::Poll,
            Outcome::Polled { records } => self.polled(records),
            Outcome::Joined { generation, .. } => self.generation = Some(*generation),
            Outcome::Sent { .. } => self.sent_one(),
            Outcome::Committed { .. } if self.guarantee == ProcessingGuarantee::AtMostOnce => {
                self.next = Step::Process;
            }
            // A commit that fails is made with the next one, unless the partitions have gone to somebody else.
            Outcome::Committed { .. } => self.over(Step::Poll),
            Outcome::Transacted { committed: true, .. } => {
                for (place, end) in std::mem::take(&mut self.offsets) {
                    self.done_with(place, end);
                }
                self.over(Step::Poll);
            }
            // A consumer that cannot go on is closed, and the application makes another one.
            Outcome::Failed {
                error: ErrorCode::UnreleasedInstanceId | ErrorCode::GroupIdNotFound,
                ..
            } if matches!(done, Step::Poll | Step::Rewind) => self.crashed(),
            Outcome::Failed { .. } | Outcome::Unknown { .. } => self.failed(done),
            Outcome::Transacted { committed: false, .. } => self.over(self.after_abort()),
            Outcome::NoPosition { partitions, .. } => self.nowhere.clone_from(partitions),
            Outcome::Revoking { .. }
            | Outcome::Lost { .. }
            | Outcome::Assigned
            | Outcome::Unsubscribed
            | Outcome::Called
            | Outcome::WokenUp
            | Outcome::EndOffset { .. }
            | Outcome::Administered { .. }
            | Outcome::TopicCreated
            | Outcome::RecordsDeleted { .. } => {}
        }
    }

    fn polled(&mut self, records: &[PolledRecord]) {
        if std::mem::take(&mut self.reads_ahead) && records.is_empty() {
            self.next = Step::Process;
        }
        if records.is_empty() {
            return;
        }
        if self.inputs.is_empty() {
            self.offsets.clear();
            self.reads_ahead = self.defects.has(ApplicationDefect::IgnoresRevocation);
        }
        for record in records {
            let place = (record.topic.clone(), record.partition);
            self.inputs.push_back((place.clone(), record.offset));
            self.offsets.insert(place, record.offset.next());
        }
        let commits_first = self.guarantee == ProcessingGuarantee::AtMostOnce;
        self.next = if commits_first { Step::Commit } else { Step::Process };
        if self.reads_ahead {
            self.next = Step::Poll;
        }
    }

    fn sent_one(&mut self) {
        if let Some((place, at)) = self.inputs.pop_front() {
            self.done_with(place, at.next());
        }
        if self.inputs.is_empty() {
            let commits = self.guarantee == ProcessingGuarantee::AtLeastOnce;
            self.next = if commits { Step::Commit } else { Step::Poll };
        }
    }

    fn failed(&mut self, done: Step) {
        match (done, self.guarantee) {
            (Step::Poll | Step::Subscribe | Step::Rewind, _) => {}
            // It was to be processed at most once: it is gone.
            (Step::Process, ProcessingGuarantee::AtMostOnce) => self.sent_one(),
            (Step::Process, _) | (Step::Commit, ProcessingGuarantee::AtMostOnce) => {
                self.over(self.after_abort());
            }
            (Step::Commit, _) => self.over(Step::Poll),
        }
    }

    /// What is to be processed again begins where the group is. Known mistake: it polls on.
    fn after_abort(&self) -> Step {
        let polls_on = self.defects.has(ApplicationDefect::KeepsPositionAfterAbort);
        if polls_on { Step::Poll } else { Step::Rewind }
    }

    fn over(&mut self, next: Step) {
        self.inputs.clear();
        self.offsets.clear();
        self.next = next;
    }

    /// The process comes back as another one, which knows nothing.
    pub(super) fn crashed(&mut self) {
        self.over(Step::Subscribe);
        self.nowhere.clear();
        self.reads_ahead = false;
        self.generation = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipeline that polls as a member of its group.
    fn polling() -> Processing {
        let mut pipeline = Processing {
            group: "g".to_owned(),
            partitions: vec![(topic_name("orders"), 0)],
            poll: (5, 10),
            outputs: vec![topic_name("bills")],
            guarantee: ProcessingGuarantee::AtLeastOnce,
            defects: Defects::default(),
            next: Step::Subscribe,
            reads_ahead: false,
            inputs: VecDeque::new(),
            offsets: BTreeMap::new(),
            nowhere: Vec::new(),
            generation: None,
            processed: Vec::new(),
            sent: 0,
            done_to: BTreeMap::new(),
        };
        assert!(matches!(pipeline.request(0), Operation::Subscribe { .. }));
        pipeline.answered(&Outcome::Subscribed);
        assert!(matches!(pipeline.request(0), Operation::Poll { .. }));
        pipeline
    }

    /// Each poll of such a consumer fails at once.
    #[test]
    fn a_pipeline_whose_consumer_cannot_go_on_makes_another_one() {
        for (error, again) in [
            (ErrorCode::UnreleasedInstanceId, true),
            (ErrorCode::GroupIdNotFound, true),
            (ErrorCode::UnknownMemberId, false),
        ] {
            let mut pipeline = polling();
            pipeline.answered(&Outcome::Failed { error, partition: -1 });
            let next = pipeline.request(0);
            assert_eq!(matches!(next, Operation::Subscribe { .. }), again, "{error:?}: {next:?}");
        }
    }

    #[test]
    fn a_pipeline_that_is_nowhere_goes_on_at_the_beginning() {
        let mut pipeline = polling();
        let partitions = pipeline.partitions.clone();
        let why = harrow_broker_model::node::NoPosition::NoOffset;
        pipeline.answered(&Outcome::NoPosition { partitions, why });
        let places = vec![(topic_name("orders"), 0, SeekTo::Beginning)];
        assert_eq!(pipeline.request(0), Operation::Call(ConsumerCall::Seek { places }));
        pipeline.answered(&Outcome::Called);
        assert!(matches!(pipeline.request(0), Operation::Poll { .. }));
    }
}
