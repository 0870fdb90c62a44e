//! The application: decides what each client is asked to do, and when. Every choice of the n-th operation of a client
//! is keyed by (seed, client, n).

use harrow_broker_model::config::{ConsumerConfig, topic_name};
use harrow_broker_model::defect::Defects;
use harrow_broker_model::node::{ConsumerCall, Operation, Outcome, SeekTo, TransactRecord};
use harrow_broker_model::proto::StrBytes;
use harrow_broker_model::types::{NodeId, Offset, RecordValue};

use super::draw::{Draws, Purpose};
use super::member::Membership;
use super::pipeline::{Processed, Processing};
use crate::plan::{ClientPlan, TopicPlan, TransactionsPlan};

/// Time and records of one poll, of the final reader and of a consumer that catches up.
pub(crate) const FINAL_POLL: (u32, u32) = (100, 1_000);
/// Pause between polls of a consumer that catches up: answers may come at once.
const CATCH_UP_NS: u64 = 1_000_000;

/// One client's load.
#[derive(Debug)]
pub(crate) struct Load {
    /// The client.
    pub(crate) node: NodeId,
    /// Its process number in the history; another one after a crash.
    pub(crate) process: u32,
    kind: Kind,
    draws: Draws,
    /// Position among the clients: the upper half of its values.
    ordinal: u64,
    /// Operations that count, begun.
    issued: u32,
    total: u32,
    /// Sends of a producer beyond the planned operations, begun.
    further: u64,
    /// Operations invoked of any kind; keys the draws of the next one.
    invoked: u64,
    /// Polls that are allowed beyond the planned operations.
    extra: u32,
    /// Whether what is open, or was last, is beyond the planned operations.
    catching_up: bool,
    open: u32,
    open_max: u32,
    interval_us: (u64, u64),
    /// The next invocation is not earlier.
    next_ns: u64,
    /// Whether a timer is set for it.
    pub(crate) timer_set: bool,
}

#[derive(Debug)]
enum Kind {
    Producer {
        topics: Vec<StrBytes>,
        sent: SentRecords,
        transactions: Option<TransactionsPlan>,
    },
    Consumer(Reading),
    Member(Membership),
    Pipeline(Processing),
    /// Works by itself: nothing is asked of it.
    Worker(String),
}

/// What a producer's records are like.
#[derive(Debug, Clone, Copy)]
struct SentRecords {
    /// Distinct keys; 0 is none.
    keys: u32,
    /// So many of a hundred have the first key, beside those that draw it.
    hot_key_percent: u32,
    /// One in so many deletes its key; 0 is never.
    tombstone_one_in: u32,
}

impl SentRecords {
    /// The key of a client's record, if it has one, and whether it deletes that.
    fn draw(self, draws: Draws, (client, what, ordinal): (u64, u64, u64)) -> (Option<u64>, bool) {
        let below = |purpose, bound: u32| draws.below(purpose, client, what, ordinal, bound.into());
        let hot = self.hot_key_percent > 0
            && below(Purpose::LoadHotKey, 100) < u64::from(self.hot_key_percent);
        let drawn = || if hot { 0 } else { below(Purpose::LoadKey, self.keys) };
        let key = (self.keys > 0).then(drawn);
        let deletes = key.is_some()
            && self.tombstone_one_in > 0
            && below(Purpose::LoadTombstone, self.tombstone_one_in) == 0;
        (key, deletes)
    }
}

/// The value of a record that may delete its key.
fn value_of(number: u64, deletes: bool) -> RecordValue {
    let value = RecordValue(number);
    if deletes { value.as_tombstone() } else { value }
}

#[derive(Debug)]
struct Reading {
    partitions: Vec<(StrBytes, i32)>,
    poll: (u32, u32),
    end_offset_every: u32,
    reassign_every: u32,
    resume_every: u32,
    assign_due: bool,
    resume_due: bool,
    /// The offset behind the last record polled of each partition, by position: what the application keeps.
    kept: Vec<Offset>,
    /// Where nobody but the application knows where to go on.
    nowhere: Vec<(StrBytes, i32)>,
    /// Whether the operation that is open, or was last, is an assignment.
    assigning: bool,
    end_offset_due: bool,
}

impl Load {
    /// The load of the client at a position in the plan.
    pub(crate) fn new(
        plan: &ClientPlan,
        ordinal: usize,
        topics: &[TopicPlan],
        (draws, defects): (Draws, Defects),
    ) -> Self {
        let (node, start_ms, total, interval_us, open_max) = match plan {
            ClientPlan::Producer {
                config,
                start_ms,
                operations,
                interval_us,
                outstanding_max,
                ..
            } => (config.node, *start_ms, *operations, *interval_us, *outstanding_max),
            ClientPlan::Consumer { config, start_ms, operations, interval_us, .. } => {
                (config.node, *start_ms, *operations, *interval_us, 1)
            }
        };
        assert!(open_max > 0, "client {node} may have no operation open");
        Self {
            node,
            process: ordinal as u32,
            kind: Kind::new(plan, topics, defects),
            draws,
            ordinal: ordinal as u64,
            issued: 0,
            total,
            further: 0,
            invoked: 0,
            extra: 0,
            catching_up: false,
            open: 0,
            open_max,
            interval_us,
            next_ns: start_ms * 1_000_000,
            timer_set: false,
        }
    }

    /// Planned operations that were not begun or are not resolved.
    pub(crate) fn unresolved(&self) -> u32 {
        let planned = if self.catching_up { 0 } else { self.open };
        self.total - self.issued + planned
    }

    /// Lets a consumer that has done all that was planned poll once more, soon, to get to the end.
    pub(crate) fn catch_up(&mut self, now: u64) {
        let works = matches!(self.kind, Kind::Worker(_));
        if self.unresolved() == 0 && self.open == 0 && self.group().is_none() && !works {
            (self.extra, self.catching_up) = (1, true);
            self.next_ns = now + CATCH_UP_NS;
        }
    }

    /// One more send of a producer that has done all that was planned, with a value that it has not used.
    pub(crate) fn one_more(&mut self, topic: &str, key: u64) -> Operation {
        assert_eq!(self.issued, self.total, "client {} has sends left", self.node);
        let transactions = match &self.kind {
            Kind::Producer { transactions, .. } => *transactions,
            Kind::Consumer(_) | Kind::Member(_) | Kind::Pipeline(_) | Kind::Worker(_) => None,
        };
        let used = u64::from(self.total) * values_of(transactions);
        let value = RecordValue((self.ordinal << 32) | (used + self.further));
        self.further += 1;
        let (topic, key) = (topic_name(topic), Some(key));
        if transactions.is_some() {
            let records = vec![TransactRecord { topic, key, value }];
            return Operation::Transact { records, gap_ms: 0, commit: true, offsets: Vec::new() };
        }
        Operation::Send { topic, key, value }
    }

    /// Whether each of its operations is a transaction.
    pub(crate) fn is_transactional(&self) -> bool {
        matches!(self.kind, Kind::Producer { transactions: Some(_), .. })
    }

    /// What a consumer reads.
    pub(crate) fn assigned(&self) -> Option<&[(StrBytes, i32)]> {
        match &self.kind {
            Kind::Producer { .. } | Kind::Worker(_) => None,
            Kind::Consumer(reading) => Some(&reading.partitions),
            Kind::Member(member) => Some(&member.partitions),
            Kind::Pipeline(pipeline) => Some(&pipeline.partitions),
        }
    }

    /// Whether it reads what a group gives it, and which group that is.
    pub(crate) fn group(&self) -> Option<&str> {
        match &self.kind {
            Kind::Producer { .. } | Kind::Consumer(_) | Kind::Worker(_) => None,
            Kind::Member(member) => Some(&member.group),
            Kind::Pipeline(pipeline) => Some(&pipeline.group),
        }
    }

    /// The group that finds it: one whose member it is, or a share group that it works for.
    pub(crate) fn member_of(&self) -> Option<&str> {
        if let Kind::Worker(group) = &self.kind { Some(group) } else { self.group() }
    }

    /// Records that a pipeline has read and is not done with.
    pub(crate) fn unfinished(&self) -> usize {
        match &self.kind {
            Kind::Producer { .. } | Kind::Consumer(_) | Kind::Member(_) | Kind::Worker(_) => 0,
            Kind::Pipeline(pipeline) => pipeline.unfinished(),
        }
    }

    /// Offsets of its input that a pipeline has processed at least once.
    pub(crate) fn done(&self) -> u64 {
        match &self.kind {
            Kind::Producer { .. } | Kind::Consumer(_) | Kind::Member(_) | Kind::Worker(_) => 0,
            Kind::Pipeline(pipeline) => pipeline.done(),
        }
    }

    /// What the operation that was asked for last processes of a group's input, and in which generation.
    pub(crate) fn processed(&self) -> (Option<i32>, &[Processed]) {
        match &self.kind {
            Kind::Producer { .. } | Kind::Consumer(_) | Kind::Member(_) | Kind::Worker(_) => {
                (None, &[])
            }
            Kind::Pipeline(pipeline) => pipeline.processed(),
        }
    }

    /// How many of how many operations were begun.
    pub(crate) fn progress(&self) -> (u32, u32) {
        (self.issued, self.total)
    }

    /// When it next wants to be asked, if something is left and it is not waiting for an answer.
    pub(crate) fn wants(&self) -> Option<u64> {
        // A member goes on polling to the end of the run: else its group would do without it.
        let member = matches!(self.kind, Kind::Member(_) | Kind::Pipeline(_));
        let left = self.issued < self.total || self.extra > 0 || member;
        let hurries = matches!(&self.kind, Kind::Member(member) if member.hurries());
        (left && self.open < self.open_max + u32::from(hurries)).then_some(self.next_ns)
    }

    /// The next operation, if one is due.
    pub(crate) fn next(&mut self, now: u64) -> Option<Operation> {
        if self.wants()? > now {
            return None;
        }
        let ordinal = self.invoked;
        self.invoked += 1;
        self.open += 1;
        // A producer's pace does not depend on answers; a consumer's next pause begins with the answer.
        self.next_ns = now.max(self.next_ns) + self.pause(ordinal);
        Some(self.request(now, ordinal))
    }

    /// An operation ended.
    pub(crate) fn answered(&mut self, now: u64, outcome: &Outcome) {
        assert!(self.open > 0, "client {} has nothing open", self.node);
        self.open -= 1;
        if let Kind::Consumer(reading) = &mut self.kind {
            let refused = matches!(outcome, Outcome::Failed { .. } | Outcome::Unknown { .. });
            reading.assign_due |= refused && reading.assigning;
            reading.keep(outcome);
            if let Outcome::NoPosition { partitions, .. } = outcome {
                reading.nowhere.clone_from(partitions);
            }
            self.next_ns = now + self.pause(self.invoked);
        } else if let Kind::Member(member) = &mut self.kind {
            member.answered(now, outcome);
            let stall_ns = member.take_stall_ns();
            self.next_ns = now + self.pause(self.invoked) + stall_ns;
        } else if let Kind::Pipeline(pipeline) = &mut self.kind {
            pipeline.answered(outcome);
            // It works without a pause, but for that between polls.
            let idle = pipeline.unfinished() == 0;
            self.next_ns = now + if idle { self.pause(self.invoked) } else { 0 };
        }
    }

    /// The client is torn down and comes back as another process.
    pub(crate) fn crashed(&mut self, process: u32) {
        self.process = process;
        self.open = 0;
        match &mut self.kind {
            Kind::Producer { .. } | Kind::Worker(_) => {}
            Kind::Consumer(reading) => reading.assign_due = true,
            Kind::Member(member) => member.crashed(),
            Kind::Pipeline(pipeline) => pipeline.crashed(),
        }
    }

    fn pause(&self, ordinal: u64) -> u64 {
        let key = self.node.0 as u64;
        self.draws.within(Purpose::LoadInterval, key, 0, ordinal, self.interval_us) * 1_000
    }

    fn request(&mut self, now: u64, ordinal: u64) -> Operation {
        let key = self.node.0 as u64;
        let draws = self.draws;
        match &mut self.kind {
            Kind::Producer { topics, sent, transactions: Some(plan) } => {
                let first =
                    (self.ordinal << 32) | (u64::from(self.issued) * values_of(Some(*plan)));
                self.issued += 1;
                transaction(draws, (key, ordinal), (topics, *sent), plan, first)
            }
            Kind::Producer { topics, sent, transactions: None } => {
                let topic = draws.below(Purpose::LoadTopic, key, 0, ordinal, topics.len() as u64);
                let (key, deletes) = sent.draw(draws, (key, 0, ordinal));
                let value = value_of((self.ordinal << 32) | u64::from(self.issued), deletes);
                self.issued += 1;
                Operation::Send { topic: topics[topic as usize].clone(), key, value }
            }
            Kind::Member(member) => {
                let planned = self.issued < self.total;
                let request = member.request(now, planned, (draws, key, ordinal));
                if self.issued == self.total {
                    self.catching_up = true;
                } else {
                    self.issued += u32::from(polls(&request));
                }
                request
            }
            Kind::Pipeline(pipeline) => {
                let request = pipeline.request(self.ordinal << 32);
                if self.issued == self.total {
                    self.catching_up = true;
                } else {
                    self.issued += u32::from(matches!(request, Operation::Poll { .. }));
                }
                request
            }
            Kind::Worker(_) => unreachable!("nothing is asked of a worker"),
            Kind::Consumer(reading) if self.issued == self.total => {
                self.extra -= 1;
                reading.catch_up()
            }
            Kind::Consumer(reading) => {
                let request = reading.request(draws, key, ordinal, self.issued);
                self.issued += u32::from(matches!(request, Operation::Poll { .. }));
                request
            }
        }
    }
}

impl Kind {
    fn new(plan: &ClientPlan, topics: &[TopicPlan], defects: Defects) -> Self {
        match plan {
            ClientPlan::Producer {
                topics,
                keys,
                transactions,
                tombstone_one_in,
                hot_key_percent,
                ..
            } => {
                assert!(!topics.is_empty(), "a producer needs a topic");
                Self::Producer {
                    topics: topics.iter().map(|topic| topic_name(topic)).collect(),
                    sent: SentRecords {
                        keys: *keys,
                        hot_key_percent: *hot_key_percent,
                        tombstone_one_in: *tombstone_one_in,
                    },
                    transactions: *transactions,
                }
            }
            ClientPlan::Consumer {
                config: ConsumerConfig { worker: Some(worker), .. }, ..
            } => Self::Worker(worker.group.clone()),
            ClientPlan::Consumer {
                config,
                topics: names,
                poll_timeout_ms,
                poll_records_max,
                member: Some(member),
                pattern,
                pipeline,
                ..
            } => {
                let group = config.group.as_ref().map_or("", |group| group.group.as_str());
                let wanted = topics.iter().filter(|topic| names.contains(&topic.name));
                let partitions = all_partitions(wanted);
                let poll = (*poll_timeout_ms, *poll_records_max);
                if let Some(pipeline) = pipeline {
                    let processing = Processing::new(group, partitions, poll, pipeline, defects);
                    return Self::Pipeline(processing);
                }
                let how = (*member, pattern.as_deref());
                Self::Member(Membership::new(group, partitions, poll, how))
            }
            ClientPlan::Consumer {
                topics: names,
                poll_timeout_ms,
                poll_records_max,
                end_offset_every,
                reassign_every,
                resume_every,
                ..
            } => {
                let read = topics.iter().filter(|topic| names.contains(&topic.name));
                Self::Consumer(Reading {
                    end_offset_every: *end_offset_every,
                    reassign_every: *reassign_every,
                    resume_every: *resume_every,
                    ..Reading::new(all_partitions(read), (*poll_timeout_ms, *poll_records_max))
                })
            }
        }
    }
}

impl Reading {
    /// Polls, and nothing else.
    fn new(partitions: Vec<(StrBytes, i32)>, poll: (u32, u32)) -> Self {
        Self {
            partitions,
            poll,
            end_offset_every: 0,
            reassign_every: 0,
            resume_every: 0,
            assign_due: true,
            resume_due: false,
            kept: Vec::new(),
            nowhere: Vec::new(),
            assigning: false,
            end_offset_due: false,
        }
    }

    /// The application keeps the offset behind what it was given.
    fn keep(&mut self, outcome: &Outcome) {
        let Outcome::Polled { records } = outcome else { return };
        if self.resume_every == 0 {
            return;
        }
        for record in records {
            let is_it = |(topic, index): &(StrBytes, i32)| {
                *index == record.partition && *topic == record.topic
            };
            if let Some(position) = self.partitions.iter().position(is_it) {
                self.kept[position] = record.offset.next();
            }
        }
    }

    /// From the beginning: what was kept does not count any more.
    fn assign(&mut self) -> Operation {
        self.kept = vec![Offset::ZERO; self.partitions.len()];
        self.nowhere.clear();
        Operation::Assign { partitions: self.partitions.clone() }
    }

    fn resume(&self) -> Operation {
        let places = self.partitions.iter().zip(&self.kept);
        let positions = places.map(|((topic, index), kept)| (topic.clone(), *index, *kept));
        Operation::Resume { positions: positions.collect() }
    }

    /// Goes on at the beginning where the consumer was told of no position: it is told so until then.
    fn seek(&mut self) -> Option<Operation> {
        let nowhere = std::mem::take(&mut self.nowhere);
        for (place, kept) in self.partitions.iter().zip(&mut self.kept) {
            if nowhere.contains(place) {
                *kept = Offset::ZERO;
            }
        }
        let places = nowhere.into_iter().map(|(topic, index)| (topic, index, SeekTo::Beginning));
        let places: Vec<_> = places.collect();
        (!places.is_empty()).then_some(Operation::Call(ConsumerCall::Seek { places }))
    }

    /// The next operation beyond the planned ones: a poll, unless the assignment or a position is gone.
    fn catch_up(&mut self) -> Operation {
        self.assigning = std::mem::take(&mut self.assign_due);
        if self.assigning {
            return self.assign();
        }
        if let Some(seek) = self.seek() {
            return seek;
        }
        let (timeout_ms, max_records) = FINAL_POLL;
        Operation::Poll { timeout_ms, max_records }
    }

    fn request(&mut self, draws: Draws, key: u64, ordinal: u64, polls: u32) -> Operation {
        self.assigning = std::mem::take(&mut self.assign_due);
        if self.assigning {
            return self.assign();
        }
        if let Some(seek) = self.seek() {
            return seek;
        }
        if std::mem::take(&mut self.resume_due) {
            return self.resume();
        }
        if std::mem::take(&mut self.end_offset_due) {
            let chosen =
                draws.below(Purpose::LoadPartition, key, 0, ordinal, self.partitions.len() as u64);
            return Operation::EndOffset { partition: self.partitions[chosen as usize].clone() };
        }
        let polls = polls + 1;
        self.assign_due = self.reassign_every > 0 && polls.is_multiple_of(self.reassign_every);
        self.resume_due = self.resume_every > 0 && polls.is_multiple_of(self.resume_every);
        self.end_offset_due =
            self.end_offset_every > 0 && polls.is_multiple_of(self.end_offset_every);
        Operation::Poll { timeout_ms: self.poll.0, max_records: self.poll.1 }
    }
}

/// Whether it is a poll, woken up or not.
fn polls(request: &Operation) -> bool {
    let woken = matches!(request, Operation::Call(ConsumerCall::PollUntilWoken { .. }));
    woken || matches!(request, Operation::Poll { .. })
}

/// How many values an operation of a producer may use.
fn values_of(transactions: Option<TransactionsPlan>) -> u64 {
    transactions.map_or(1, |plan| u64::from(plan.records.1.max(1)))
}

/// The transaction that a client makes as its `ordinal`-th operation; its values are numbered from `first` on.
fn transaction(
    draws: Draws,
    (client, ordinal): (u64, u64),
    (topics, sent): (&[StrBytes], SentRecords),
    plan: &TransactionsPlan,
    first: u64,
) -> Operation {
    let within = |what: u64, (low, high): (u32, u32)| {
        let range = (u64::from(low), u64::from(high));
        draws.within(Purpose::LoadTransaction, client, what, ordinal, range)
    };
    let count = within(0, plan.records).max(1);
    let record = |index: u64| {
        let below = |purpose, bound| draws.below(purpose, client, index, ordinal, bound);
        let topic = below(Purpose::LoadTopic, topics.len() as u64);
        let (key, deletes) = sent.draw(draws, (client, index, ordinal));
        let topic = topics[topic as usize].clone();
        TransactRecord { topic, key, value: value_of(first + index, deletes) }
    };
    let aborts = plan.abort_one_in > 0 && within(2, (1, plan.abort_one_in)) == 1;
    Operation::Transact {
        records: (0..count).map(record).collect(),
        gap_ms: within(1, plan.gap_ms) as u32,
        commit: !aborts,
        offsets: Vec::new(),
    }
}

/// All partitions of these topics, as consumers name them.
pub(crate) fn all_partitions<'a>(
    topics: impl Iterator<Item = &'a TopicPlan>,
) -> Vec<(StrBytes, i32)> {
    let mut all = Vec::new();
    for topic in topics {
        let name = topic_name(&topic.name);
        all.extend((0..topic.partitions as i32).map(|index| (name.clone(), index)));
    }
    all
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::node::NoPosition;

    use super::*;

    /// `auto.offset.reset=none`: nobody else seeks, and a consumer that only polls on is told the same for ever.
    #[test]
    fn a_reader_that_is_nowhere_goes_on_at_the_beginning() {
        for planned in [1, 9] {
            let topic = topic_name("orders");
            let partitions = vec![(topic.clone(), 0), (topic.clone(), 1)];
            let mut load = Load {
                node: NodeId(1_001),
                process: 0,
                kind: Kind::Consumer(Reading::new(partitions, (5, 10))),
                draws: Draws::new(7),
                ordinal: 0,
                issued: 0,
                total: planned,
                further: 0,
                invoked: 0,
                extra: 0,
                catching_up: false,
                open: 0,
                open_max: 1,
                interval_us: (0, 0),
                next_ns: 0,
                timer_set: false,
            };
            assert!(matches!(load.next(0), Some(Operation::Assign { .. })));
            load.answered(0, &Outcome::Assigned);
            assert!(matches!(load.next(0), Some(Operation::Poll { .. })));
            let (partitions, why) = (vec![(topic.clone(), 1)], NoPosition::OutOfRange);
            load.answered(0, &Outcome::NoPosition { partitions, why });
            load.catch_up(0);
            let places = vec![(topic, 1, SeekTo::Beginning)];
            let sought = Operation::Call(ConsumerCall::Seek { places });
            assert_eq!(load.next(CATCH_UP_NS), Some(sought), "{planned} polls");
            load.answered(0, &Outcome::Called);
            load.catch_up(0);
            assert!(matches!(load.next(CATCH_UP_NS), Some(Operation::Poll { .. })), "{planned}");
        }
    }

    #[test]
    fn a_hot_key_has_its_share_and_moves_no_other_draw() {
        let keys = |hot_key_percent| {
            let sent = SentRecords { keys: 64, hot_key_percent, tombstone_one_in: 0 };
            let draw = |n| sent.draw(Draws::new(7), (3, 0, n)).0.expect("it has keys");
            (0..400).map(draw).collect::<Vec<u64>>()
        };
        let (even, hot) = (keys(0), keys(60));
        let of_first = |keys: &[u64]| keys.iter().filter(|key| **key == 0).count();
        assert!(of_first(&even) < 20, "one of 64 keys: {even:?}");
        assert!((200..290).contains(&of_first(&hot)), "six of ten: {hot:?}");
        assert!(hot.iter().zip(&even).all(|(hot, even)| hot == even || *hot == 0));
        assert_eq!(of_first(&keys(100)), 400);
    }
}
