//! Writes the history: what clients asked and were told.

use std::collections::BTreeMap;

use harrow_broker_model::node::{ConsumerCall, Operation, Outcome, PolledRecord, SeekTo};
use harrow_broker_model::proto::StrBytes;
use harrow_broker_model::topic_pattern::TopicPattern;
use harrow_broker_model::types::{Offset, OperationId, RecordValue, TopicId, TopicPartition};

use super::pipeline::Processed;
use super::recorded_topic::RecordedTopic;
use crate::history::{
    Completion, Function, History, MicroOperation, NEVER, NO_KEY, NO_OFFSET, OperationRecord,
    ReadRecord, SendRecord, What,
};
use crate::plan::TopicPlan;
use crate::run::RunStats;
use crate::view::TopicView;

/// The history so far.
#[derive(Debug)]
pub(crate) struct Recorder {
    history: History,
    topics: Vec<RecordedTopic>,
    /// Topics that are compacted.
    compacted: Vec<String>,
    open: BTreeMap<OperationId, Open>,
    invoked: u64,
    ok: u64,
    fail: u64,
    unknown: u64,
    records_acked: u64,
}

#[derive(Debug)]
struct Open {
    process: u32,
    invoked_ns: u64,
    function: Function,
    actions: Vec<MicroOperation>,
    /// The topic that it sends to, by position.
    topic: Option<usize>,
    /// The group of whoever asked.
    group: Option<String>,
}

impl Recorder {
    /// An empty history over these topics' partitions.
    pub(crate) fn new(topics: &[TopicPlan]) -> Self {
        let mut names = Vec::new();
        let mut first = Vec::new();
        for topic in topics {
            first.push(RecordedTopic::planned(topic, names.len() as u32));
            names.extend((0..topic.partitions).map(|index| format!("{}-{index}", topic.name)));
        }
        Self {
            history: History::new(names),
            topics: first,
            compacted: topics
                .iter()
                .filter(|topic| topic.retention.compaction.compacts())
                .map(|topic| topic.name.clone())
                .collect(),
            open: BTreeMap::new(),
            invoked: 0,
            ok: 0,
            fail: 0,
            unknown: 0,
            records_acked: 0,
        }
    }

    /// A name for an operation that is not part of the history.
    pub(crate) fn unrecorded(&mut self) -> OperationId {
        self.invoked += 1;
        OperationId(self.invoked)
    }

    /// An operation begins.
    pub(crate) fn invoke(
        &mut self,
        (process, group): (u32, Option<&str>),
        now: u64,
        request: &Operation,
    ) -> OperationId {
        let id = self.unrecorded();
        let (function, actions) = self.begin(request);
        let topic = self.topic_of(request);
        let group = group.map(str::to_owned);
        self.open.insert(id, Open { process, invoked_ns: now, function, actions, topic, group });
        id
    }

    /// An operation that has just begun processes input of its group.
    pub(crate) fn processes(
        &mut self,
        id: OperationId,
        (generation, processed): (Option<i32>, &[Processed]),
    ) {
        if processed.is_empty() {
            return;
        }
        let mut details = Vec::with_capacity(processed.len() + 1);
        for ((topic, index), first, last) in processed {
            let Some(partition) = self.position(topic, *index) else { continue };
            details.push(detail(What::Consumed { partition, first: first.0, last: last.0 }));
        }
        let group = self.open.get(&id).and_then(|open| open.group.clone());
        let group = self.group(group.as_deref());
        let Some(open) = self.open.get_mut(&id) else { return };
        let generation = generation.map_or(-1, i64::from);
        open.actions.extend(details);
        open.actions.push(detail(What::Member { group, generation }));
    }

    /// When an operation was begun, if it is a question for an end offset.
    pub(crate) fn question(&self, id: OperationId) -> Option<u64> {
        let open = self.open.get(&id).filter(|open| open.function == Function::List)?;
        Some(open.invoked_ns)
    }

    /// When an operation was begun, if it sends records outside of any transaction.
    pub(crate) fn send(&self, id: OperationId) -> Option<u64> {
        let open = self.open.get(&id).filter(|open| open.function == Function::Send)?;
        Some(open.invoked_ns)
    }

    /// An operation ends; false if it is not part of the history, or was given up with its client.
    pub(crate) fn complete(&mut self, now: u64, id: OperationId, outcome: &Outcome) -> bool {
        let Some(mut open) = self.open.remove(&id) else {
            return false;
        };
        let completion = self.end(&mut open, outcome);
        self.push(open, now, completion);
        true
    }

    /// A client is torn down: nobody knows what becomes of what it had asked for.
    pub(crate) fn crash(&mut self, process: u32, now: u64) {
        let lost: Vec<OperationId> = self
            .open
            .iter()
            .filter(|(_, open)| open.process == process)
            .map(|(id, _)| *id)
            .collect();
        for id in lost {
            let open = self.open.remove(&id).expect("it was just found");
            self.push(open, now, Completion::Info);
        }
        let open = Open {
            process,
            invoked_ns: now,
            function: Function::Crash,
            actions: Vec::new(),
            topic: None,
            group: None,
        };
        self.push(open, now, Completion::Info);
    }

    /// The first operation that is still open, with its process.
    pub(crate) fn first_open(&self) -> Option<(OperationId, u32)> {
        self.open.first_key_value().map(|(id, open)| (*id, open.process))
    }

    /// Records acknowledged.
    pub(crate) fn records_acked(&self) -> u64 {
        self.records_acked
    }

    /// Position of a group. Groups stand in the order in which operations tell of them, as a file has them.
    fn group(&mut self, name: Option<&str>) -> u32 {
        let Some(name) = name else { return 0 };
        let groups = &mut self.history.groups;
        let known = groups.iter().position(|group| group == name);
        known.unwrap_or_else(|| {
            groups.push(name.to_owned());
            groups.len() - 1
        }) as u32
    }

    /// Takes over which topics of which name there were, and what became of them: those that were created again have
    /// partitions of their own.
    pub(crate) fn learn(&mut self, topics: &BTreeMap<TopicId, TopicView>) {
        for known in &mut self.topics {
            known.learn(topics, &mut self.history.partitions);
        }
    }

    /// The history's partitions, with what each truly is.
    pub(crate) fn places(&self) -> impl Iterator<Item = (String, Option<TopicPartition>)> + '_ {
        self.history.partitions.iter().zip(0..).map(|(name, position)| {
            let place = self.topics.iter().find_map(|topic| topic.place(position));
            (name.clone(), place)
        })
    }

    /// Position of a partition of the newest topic of this name.
    pub(crate) fn position(&self, topic: &str, partition: i32) -> Option<u32> {
        let found = self.topics.iter().find(|known| known.name == topic);
        found.map(|known| known.newest() + partition as u32)
    }

    /// Position of a partition among those of the plan.
    pub(crate) fn planned_position(&self, topic: &str, partition: i32) -> Option<u32> {
        let found = self.topics.iter().find(|known| known.name == topic);
        found.map(|known| known.first + partition as u32)
    }

    /// A topic that an operation names and the history has not.
    pub(crate) fn unknown_topic(&self, request: &Operation) -> Option<StrBytes> {
        let known = |topic: &StrBytes| self.topics.iter().any(|it| it.name == topic.as_str());
        if let Operation::Send { topic, .. } = request {
            return Some(topic.clone()).filter(|topic| !known(topic));
        }
        if let Operation::Assign { partitions } = request {
            return partitions.iter().map(|(topic, _)| topic).find(|it| !known(it)).cloned();
        }
        None
    }

    /// Puts the counts into a run's.
    pub(crate) fn count(&self, stats: &mut RunStats) {
        stats.operations_ok = self.ok;
        stats.operations_fail = self.fail;
        stats.operations_unknown = self.unknown + self.open.len() as u64;
        stats.records_acked = self.records_acked;
    }

    /// The history; what never completed comes last.
    pub(crate) fn finish(&mut self, final_reads: bool) -> History {
        for (_, open) in std::mem::take(&mut self.open) {
            self.push(open, NEVER, Completion::Info);
        }
        self.history.final_reads = final_reads;
        std::mem::take(&mut self.history)
    }

    /// A record that begins to be sent. Its key matters only where the topic is compacted.
    fn sent(&self, topic: &str, key: Option<u64>, value: RecordValue) -> SendRecord {
        let key = key.filter(|_| self.compacted.iter().any(|name| name == topic));
        let key = key.map_or(NO_KEY, |key| key as u32);
        SendRecord { key, ..SendRecord::of(value.0) }
    }

    fn begin(&self, request: &Operation) -> (Function, Vec<MicroOperation>) {
        match request {
            Operation::Send { topic, key, value } => {
                let sent = self.sent(topic, *key, *value);
                (Function::Send, vec![MicroOperation::Send(sent)])
            }
            Operation::Transact { records, .. } => {
                let sends = records.iter().map(|it| self.sent(&it.topic, it.key, it.value));
                (Function::Txn, sends.map(MicroOperation::Send).collect())
            }
            Operation::Assign { partitions } => {
                let actions = self
                    .positions(partitions)
                    .map(|partition| detail(What::Assigned { partition }))
                    .collect();
                (Function::Assign { from_start: true }, actions)
            }
            Operation::Resume { positions } => {
                let known = positions.iter().filter_map(|(topic, index, offset)| {
                    Some((self.position(topic, *index)?, Some(offset.0)))
                });
                let actions = known.flat_map(|(partition, offset)| {
                    [What::Assigned { partition }, What::Seek { partition, offset }].map(detail)
                });
                (Function::Assign { from_start: false }, actions.collect())
            }
            Operation::Subscribe { topics } => {
                self.begin_subscription(|name| topics.iter().any(|topic| topic.as_str() == name))
            }
            Operation::Unsubscribe => (Function::Subscribe, Vec::new()),
            Operation::Call(call) => self.begin_call(call),
            Operation::Commit { offsets, .. } => (Function::Commit, self.committed(offsets)),
            Operation::Poll { .. } | Operation::Rewind => (Function::Poll, Vec::new()),
            Operation::EndOffset { partition: (topic, index) } => {
                let partition =
                    self.position(topic, *index).expect("loads ask for partitions of the plan");
                (Function::List, vec![detail(What::EndOffset { partition, offset: None })])
            }
            Operation::CreateTopic { .. }
            | Operation::Administer(_)
            | Operation::AdminTask(_)
            | Operation::DeleteRecords { .. } => {
                unreachable!("the admin's operations are not recorded")
            }
        }
    }

    fn begin_subscription(&self, wanted: impl Fn(&str) -> bool) -> (Function, Vec<MicroOperation>) {
        let asked = self.topics.iter().filter(|known| wanted(&known.name));
        let positions = asked.flat_map(RecordedTopic::positions);
        let actions = positions.map(|partition| detail(What::Assigned { partition })).collect();
        (Function::Subscribe, actions)
    }

    /// A history has no function for these: who seeks is one whose poll returned nothing, and who pauses, too.
    fn begin_call(&self, call: &ConsumerCall) -> (Function, Vec<MicroOperation>) {
        match call {
            ConsumerCall::Seek { places } => {
                let sought = places.iter().filter_map(|(topic, index, to)| {
                    let partition = self.position(topic, *index)?;
                    let offset = match to {
                        SeekTo::Offset(offset) => Some(offset.0),
                        SeekTo::Beginning => Some(0),
                        SeekTo::End => None,
                    };
                    Some(detail(What::Seek { partition, offset }))
                });
                (Function::Poll, sought.collect())
            }
            ConsumerCall::SubscribePattern { pattern } => {
                let pattern = TopicPattern::parse(pattern);
                self.begin_subscription(|name| {
                    pattern.as_ref().is_ok_and(|pattern| pattern.matches(name))
                })
            }
            ConsumerCall::Pause { .. } | ConsumerCall::PollUntilWoken { .. } => {
                (Function::Poll, Vec::new())
            }
            ConsumerCall::CommitUntilWoken { offsets, .. } => {
                (Function::Commit, self.committed(offsets))
            }
            ConsumerCall::Close { .. } => (Function::Subscribe, Vec::new()),
        }
    }

    fn end(&mut self, open: &mut Open, outcome: &Outcome) -> Completion {
        match outcome {
            Outcome::Sent { partition, offset, topic } => {
                self.records_acked += 1;
                self.place(open, *partition, (*topic, Some(offset.0)));
                Completion::Ok
            }
            Outcome::Transacted { committed, records } => {
                self.place_all(open, records);
                if *committed {
                    self.records_acked += records.len() as u64;
                }
                if *committed { Completion::Ok } else { Completion::Fail }
            }
            // What was on its way may be done.
            Outcome::WokenUp if open.function == Function::Commit => Completion::Info,
            Outcome::Assigned
            | Outcome::Subscribed
            | Outcome::Unsubscribed
            | Outcome::Administered { .. }
            | Outcome::TopicCreated
            | Outcome::Called
            | Outcome::WokenUp
            | Outcome::NoPosition { .. }
            | Outcome::RecordsDeleted { .. } => Completion::Ok,
            Outcome::Revoking { partitions }
            | Outcome::Lost { partitions }
            | Outcome::Rewound { partitions } => {
                let lost = matches!(outcome, Outcome::Lost { .. });
                let rebalanced = |partition| detail(What::Rebalanced { partition, lost });
                open.actions.extend(self.positions(partitions).map(rebalanced));
                Completion::Ok
            }
            Outcome::Committed { generation } => {
                self.member(open, i64::from(*generation));
                Completion::Ok
            }
            Outcome::Joined { generation, partitions } => {
                open.function = Function::Join;
                self.member(open, i64::from(*generation));
                let positions = self.positions(partitions);
                open.actions
                    .extend(positions.map(|partition| detail(What::Assigned { partition })));
                Completion::Ok
            }
            Outcome::Polled { records } => {
                let records = records.iter().filter_map(|record| self.read(record)).collect();
                open.actions.push(MicroOperation::Poll { records });
                Completion::Ok
            }
            Outcome::EndOffset { offset } => {
                let returned = open.actions.first_mut();
                if let Some(MicroOperation::Detail(What::EndOffset { offset: returned, partition })) =
                    returned
                    && self.is_the_only_topic(*partition)
                {
                    *returned = Some(offset.0);
                }
                Completion::Ok
            }
            Outcome::Failed { partition, .. } => {
                self.place(open, *partition, (None, None));
                Completion::Fail
            }
            Outcome::Unknown { partition, .. } => {
                self.place(open, *partition, (None, None));
                Completion::Info
            }
        }
    }

    fn member(&mut self, open: &mut Open, generation: i64) {
        let group = self.group(open.group.as_deref());
        open.actions.push(detail(What::Member { group, generation }));
    }

    /// Where the records of a transaction went, as far as it is known.
    fn place_all(&self, open: &mut Open, records: &[(StrBytes, i32, Offset)]) {
        for (action, (topic, partition, offset)) in open.actions.iter_mut().zip(records) {
            if let MicroOperation::Send(send) = action
                && *partition >= 0
                && let Some(place) = self.position(topic, *partition)
                && self.is_the_only_topic(place)
            {
                send.partition = place;
                send.offset = offset.0;
            }
        }
    }

    fn positions(&self, partitions: &[(StrBytes, i32)]) -> impl Iterator<Item = u32> {
        let positions = partitions.iter().filter_map(|(topic, index)| self.position(topic, *index));
        positions.collect::<Vec<_>>().into_iter()
    }

    fn committed(&self, offsets: &[((StrBytes, i32), Offset)]) -> Vec<MicroOperation> {
        let known = offsets.iter().filter_map(|((topic, index), offset)| {
            let partition = self.position(topic, *index)?;
            Some(detail(What::Committed { partition, offset: offset.0 }))
        });
        known.collect()
    }

    /// Where a send went, as far as it is known: of several topics of a name, only an answer tells which it is.
    fn place(
        &self,
        open: &mut Open,
        partition: i32,
        (topic, returned): (Option<TopicId>, Option<i64>),
    ) {
        let known = open.topic.map(|position| &self.topics[position]);
        let Some(first) = known.and_then(|known| known.first_of(topic)) else { return };
        if partition < 0 {
            return;
        }
        if let Some(MicroOperation::Send(send)) = open.actions.first_mut() {
            send.partition = first + partition as u32;
            send.offset = returned.unwrap_or(NO_OFFSET);
        }
    }

    fn topic_of(&self, request: &Operation) -> Option<usize> {
        let Operation::Send { topic, .. } = request else { return None };
        let found = self.topics.iter().position(|known| known.name == topic.as_str());
        Some(found.expect("loads send to topics of the plan"))
    }

    /// Whether there was never another topic of the name of a partition's topic, and this one is still there.
    fn is_the_only_topic(&self, position: u32) -> bool {
        let mut topics = self.topics.iter();
        topics.any(|topic| topic.positions().contains(&position) && topic.is_the_only_one())
    }

    fn read(&self, record: &PolledRecord) -> Option<ReadRecord> {
        let topic = self.topics.iter().find(|known| known.name == record.topic.as_str())?;
        let first = topic.first_of(record.topic_id).unwrap_or_else(|| topic.newest());
        let partition = first + record.partition as u32;
        let value = record.value.map_or(ReadRecord::GARBAGE, |value| value.0);
        Some(ReadRecord { partition, offset: record.offset.0, value })
    }

    fn push(&mut self, open: Open, completed_ns: u64, completion: Completion) {
        let Open { process, invoked_ns, function, actions, .. } = open;
        if completed_ns != NEVER && function != Function::Crash {
            match completion {
                Completion::Ok => self.ok += 1,
                Completion::Fail => self.fail += 1,
                Completion::Info => self.unknown += 1,
            }
        }
        let record =
            OperationRecord { process, invoked_ns, completed_ns, completion, function, actions };
        self.history.push(&record);
    }
}

fn detail(what: What) -> MicroOperation {
    MicroOperation::Detail(what)
}
