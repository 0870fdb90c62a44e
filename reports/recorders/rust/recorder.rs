//! What clients of rdkafka ask and are told, written down for `harrow check`: sends, reads, groups, commits, rebalances
//! and transactions with the offsets that belong to them. Copy it: it needs `rdkafka` and `serde_json`.
//!
//! A process number belongs to one client. Values are whole numbers, each sent to a partition once. With librdkafka an
//! `assign` forgets positions: give `harrow check` a configuration with `assign.keeps.position = false` for consumers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::bindings::{
    rd_kafka_consumer_group_metadata, rd_kafka_consumer_group_metadata_destroy,
    rd_kafka_consumer_group_metadata_generation_id,
};
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value, json};

/// How long a request to the cluster may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A partition: its topic, and its number within it.
pub type Place = (String, i32);

fn name((topic, partition): &Place) -> String {
    format!("{topic}-{partition}")
}

fn micros<'a>(kind: &str, places: impl IntoIterator<Item = &'a Place>) -> Vec<Value> {
    places.into_iter().map(|place| json!([kind, name(place)])).collect()
}

fn places_of(list: &TopicPartitionList) -> BTreeSet<Place> {
    list.elements().iter().map(|it| (it.topic().to_owned(), it.partition())).collect()
}

/// The file, and how many lines it has.
struct Lines {
    file: BufWriter<File>,
    count: u64,
}

/// A history that is written; one lock keeps index and time in order.
pub struct History {
    lines: Mutex<Lines>,
    started: Instant,
}

impl History {
    /// Begins a history.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> io::Result<Arc<Self>> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, r#"{{"harrow_history":2}}"#)?;
        let lines = Mutex::new(Lines { file, count: 1 });
        Ok(Arc::new(Self { lines, started: Instant::now() }))
    }

    /// A line, and its index. Keys of `more` come beside those that every line has.
    fn write(&self, process: u32, kind: &str, f: &str, value: Vec<Value>, more: Value) -> u64 {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let index = lines.count;
        lines.count += 1;
        let time = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut line = json!({
            "index": index, "time": time, "process": process, "type": kind, "f": f, "value": value,
        });
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        writeln!(lines.file, "{line}").expect("the history can be written");
        index
    }

    fn begin(&self, process: u32, f: &str, value: Vec<Value>) -> u64 {
        self.write(process, "invoke", f, value, json!({}))
    }

    fn end(&self, process: u32, kind: &str, f: &str, value: Vec<Value>, begun: u64) {
        self.write(process, kind, f, value, json!({ "invoked": begun }));
    }

    /// The last line. `final_reads` says whether all partitions have been read to their ends.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn close(&self, final_reads: bool) -> io::Result<()> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let end = json!({ "end": { "lines": lines.count, "final_reads": final_reads } });
        writeln!(lines.file, "{end}")?;
        lines.file.flush()
    }
}

/// What is done when a record is delivered, with its offset, or is not.
type Then = Box<dyn FnOnce(Option<i64>) + Send + Sync>;

/// Tells who sent a record what became of it.
pub struct Deliveries;

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Then>;

    fn delivery(&self, result: &DeliveryResult<'_>, then: Box<Then>) {
        then(result.as_ref().ok().map(Message::offset));
    }
}

/// A producer that is recorded.
pub struct Producer {
    history: Arc<History>,
    process: u32,
    pub producer: ThreadedProducer<Deliveries>,
}

impl Producer {
    /// # Errors
    /// The configuration is wrong.
    pub fn new(history: &Arc<History>, process: u32, config: &ClientConfig) -> KafkaResult<Self> {
        let producer = config.create_with_context(Deliveries)?;
        Ok(Self { history: Arc::clone(history), process, producer })
    }

    /// Does not wait: the end is written when the client is told.
    ///
    /// # Errors
    /// The client does not take the record: it has not been sent, and never will be.
    pub fn send(&self, to: &Place, value: u64) -> KafkaResult<()> {
        let sent = json!(["send", name(to), value]);
        let begun = self.history.begin(self.process, "send", vec![sent.clone()]);
        let (history, process, partition) = (Arc::clone(&self.history), self.process, name(to));
        let refused = self.hand_over(to, value, move |offset| {
            // What an error proves is hard to say: nobody knows what became of it.
            let kind = if offset.is_some() { "ok" } else { "info" };
            history.end(
                process,
                kind,
                "send",
                vec![json!(["send", partition, value, offset])],
                begun,
            );
        });
        if refused.is_err() {
            self.history.end(self.process, "fail", "send", vec![sent], begun);
        }
        refused
    }

    fn hand_over(
        &self,
        (topic, partition): &Place,
        value: u64,
        then: impl FnOnce(Option<i64>) + Send + Sync + 'static,
    ) -> KafkaResult<()> {
        let (payload, then): (String, Then) = (value.to_string(), Box::new(then));
        let record = BaseRecord::<(), str, Box<Then>>::with_opaque_to(topic, Box::new(then));
        let record = record.partition(*partition).payload(&payload);
        self.producer.send(record).map_err(|(error, _)| error)
    }

    /// One transaction with these values; it also commits for the consumer's group that `inputs` are processed, which
    /// the consumer has polled. True if it is committed, false otherwise: then [`Consumer::rewind`] the consumer.
    pub fn transact(
        &self,
        to: &Place,
        values: &[u64],
        inputs: &[Read],
        consumer: &Consumer,
    ) -> bool {
        let sends: Vec<Value> =
            values.iter().map(|value| json!(["send", name(to), value])).collect();
        let begun = self.history.begin(self.process, "txn", sends.clone());
        let mut committing = false;
        match self.attempt(to, values, inputs, consumer, &mut committing) {
            Ok(done) => {
                self.history.end(self.process, "ok", "txn", done, begun);
                true
            }
            Err(_) => {
                // A commit that failed may have happened; an abort that is confirmed before one was asked for is
                // certain.
                let aborted = self.producer.abort_transaction(PATIENCE).is_ok();
                let kind = if aborted && !committing { "fail" } else { "info" };
                self.history.end(self.process, kind, "txn", sends, begun);
                false
            }
        }
    }

    fn attempt(
        &self,
        to: &Place,
        values: &[u64],
        inputs: &[Read],
        consumer: &Consumer,
        committing: &mut bool,
    ) -> KafkaResult<Vec<Value>> {
        self.producer.begin_transaction()?;
        let told = Arc::new(Mutex::new(BTreeMap::new()));
        for &value in values {
            let told = Arc::clone(&told);
            self.hand_over(to, value, move |offset| {
                told.lock().unwrap_or_else(PoisonError::into_inner).insert(value, offset);
            })?;
        }
        let ranges = ranges(inputs);
        if !ranges.is_empty() {
            let next = ranges.iter().map(|(place, (_, last))| (place, last + 1));
            let metadata = consumer.consumer.group_metadata().ok_or(KafkaError::Canceled)?;
            self.producer.send_offsets_to_transaction(&offsets(next)?, &metadata, PATIENCE)?;
        }
        self.producer.flush(PATIENCE)?;
        let told = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sent = |value| json!(["send", name(to), value, told.get(value)]);
        let mut done: Vec<Value> = values.iter().map(sent).collect();
        for (place, (first, last)) in &ranges {
            done.push(json!(["consumed", name(place), first, last]));
        }
        done.extend(consumer.member());
        *committing = true;
        self.producer.commit_transaction(PATIENCE)?;
        Ok(done)
    }
}

/// First and last offset of each partition.
fn ranges(inputs: &[Read]) -> BTreeMap<Place, (i64, i64)> {
    let mut ranges = BTreeMap::new();
    for read in inputs {
        ranges.entry(read.place.clone()).or_insert((read.offset, read.offset)).1 = read.offset;
    }
    ranges
}

fn offsets<'a>(
    next: impl IntoIterator<Item = (&'a Place, i64)>,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), offset) in next {
        list.add_partition_offset(topic, *partition, Offset::Offset(offset))?;
    }
    Ok(list)
}

/// A record that was read; `value` is nothing if its bytes are no number that anybody sent.
#[derive(Debug, Clone)]
pub struct Read {
    pub place: Place,
    pub offset: i64,
    pub value: Option<u64>,
}

/// What a consumer is amid.
#[derive(Default)]
struct State {
    polls: bool,
    /// Records of the poll that goes on.
    read: Vec<Read>,
    /// The generation that it joined last, if it is a member.
    joined: Option<i32>,
    /// Where it goes on in partitions that it has read of.
    next: BTreeMap<Place, i64>,
    /// Partitions whose ends it has seen, if it was configured with `enable.partition.eof`.
    ended: BTreeSet<i32>,
}

/// Takes part in rebalances. They are served within a poll: it ends there, and another one begins behind it, so that
/// what was read is read in the generation in which it was.
pub struct Listener {
    history: Arc<History>,
    process: u32,
    group: String,
    state: Mutex<State>,
}

impl ClientContext for Listener {}

impl ConsumerContext for Listener {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(revoked) = rebalance else { return };
        let revoked = places_of(revoked);
        // Nobody has been given what was read of them: whoever has them next reads it again.
        self.change(|state| {
            state.read.retain(|read| !revoked.contains(&read.place));
            state.next.retain(|place, _| !revoked.contains(place));
        });
        if self.change(|state| state.polls) {
            self.end_poll(micros("rebalanced", &revoked));
            self.begin_poll();
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(_) = rebalance else { return };
        self.end_poll(Vec::new());
        self.history.begin(self.process, "join", Vec::new());
        let generation = generation(consumer);
        self.change(|state| state.joined = Some(generation));
        // All that the member has now: a cooperative assignor names only what was added.
        let has = consumer.assignment().map(|list| places_of(&list)).unwrap_or_default();
        let mut value = vec![json!(["member", self.group, generation])];
        value.extend(micros("assigned", &has));
        self.history.write(self.process, "ok", "join", value, json!({}));
        self.begin_poll();
    }
}

impl Listener {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn begin_poll(&self) {
        self.change(|state| state.polls = true);
        self.history.begin(self.process, "poll", Vec::new());
    }

    /// Ends a poll with what was read in it.
    fn end_poll(&self, more: Vec<Value>) -> Vec<Read> {
        let (read, joined) = self.change(|state| {
            state.polls = false;
            let read = std::mem::take(&mut state.read);
            state.next.extend(read.iter().map(|read| (read.place.clone(), read.offset + 1)));
            (read, state.joined)
        });
        let runs = read.chunk_by(|one, next| one.place == next.place);
        let mut value: Vec<Value> = runs.map(run).collect();
        value.extend(more);
        if value.is_empty() {
            value.push(json!(["poll", {}]));
        }
        value.extend(joined.map(|generation| json!(["member", self.group, generation])));
        self.history.write(self.process, "ok", "poll", value, json!({}));
        read
    }
}

/// Records of one partition that came one behind the other.
fn run(run: &[Read]) -> Value {
    let records: Vec<Value> = run.iter().map(|read| json!([read.offset, read.value])).collect();
    json!(["poll", { name(&run[0].place): records }])
}

/// The generation of a consumer in its group, or the epoch of the member (KIP-848); -1 outside of any.
fn generation(consumer: &BaseConsumer<Listener>) -> i32 {
    // SAFETY: the consumer lives as long as it is borrowed; what librdkafka hands out is ours until it is destroyed,
    // which happens once, here, and nothing of it is kept.
    unsafe {
        let metadata = rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if metadata.is_null() {
            return -1;
        }
        let generation = rd_kafka_consumer_group_metadata_generation_id(metadata);
        rd_kafka_consumer_group_metadata_destroy(metadata);
        generation
    }
}

/// A consumer that is recorded.
pub struct Consumer {
    history: Arc<History>,
    process: u32,
    group: String,
    pub consumer: BaseConsumer<Listener>,
}

impl Consumer {
    /// The configuration has a `group.id`, and `enable.auto.commit` is false.
    ///
    /// # Errors
    /// The configuration is wrong.
    pub fn new(history: &Arc<History>, process: u32, config: &ClientConfig) -> KafkaResult<Self> {
        let group = config.get("group.id").unwrap_or_default().to_owned();
        let (history, state) = (Arc::clone(history), Mutex::default());
        let listener =
            Listener { history: Arc::clone(&history), process, group: group.clone(), state };
        Ok(Self { history, process, group, consumer: config.create_with_context(listener)? })
    }

    fn listener(&self) -> &Listener {
        self.consumer.client().context()
    }

    /// As whom it acts at this moment.
    fn member(&self) -> Option<Value> {
        let generation = generation(&self.consumer);
        (generation >= 0).then(|| json!(["member", self.group, generation]))
    }

    /// `partitions` is how many the topic has.
    ///
    /// # Errors
    /// The client refuses it.
    pub fn subscribe(&self, topic: &str, partitions: i32) -> KafkaResult<()> {
        let asked = micros("assigned", &places(topic, partitions));
        self.history.begin(self.process, "subscribe", asked.clone());
        self.consumer.subscribe(&[topic])?;
        self.history.write(self.process, "ok", "subscribe", asked, json!({}));
        Ok(())
    }

    /// The records that come within a time, in order of delivery.
    pub fn poll(&self, timeout: Duration) -> Vec<Read> {
        let listener = self.listener();
        listener.begin_poll();
        let mut wait = timeout;
        while let Some(polled) = self.consumer.poll(wait) {
            match polled {
                Ok(message) => {
                    let read = Read {
                        place: (message.topic().to_owned(), message.partition()),
                        offset: message.offset(),
                        value: message.payload().and_then(number),
                    };
                    listener.change(|state| state.read.push(read));
                }
                Err(KafkaError::PartitionEOF(partition)) => {
                    listener.change(|state| state.ended.insert(partition));
                }
                Err(_) => {} // the client goes on by itself
            }
            wait = Duration::ZERO;
        }
        listener.end_poll(Vec::new())
    }

    /// Commits what was read of the partitions that it has.
    pub fn commit(&self) {
        let next = self.listener().change(|state| state.next.clone());
        if next.is_empty() {
            return;
        }
        let committed = |(place, at)| json!(["committed", name(place), at]);
        let mut value: Vec<Value> = next.iter().map(committed).collect();
        value.extend(self.member());
        let begun = self.history.begin(self.process, "commit", value.clone());
        let list = offsets(next.iter().map(|(place, at)| (place, *at)));
        let done = list.and_then(|list| self.consumer.commit(&list, CommitMode::Sync));
        let kind = if done.is_ok() { "ok" } else { "info" };
        self.history.end(self.process, kind, "commit", value, begun);
    }

    /// Goes back to these records, as none of them was processed: the first poll behind it reads them again.
    ///
    /// # Errors
    /// The client refuses it: close it then.
    pub fn rewind(&self, inputs: &[Read]) -> KafkaResult<()> {
        let first: BTreeMap<Place, i64> =
            ranges(inputs).into_iter().map(|(place, (first, _))| (place, first)).collect();
        let list = offsets(first.iter().map(|(place, at)| (place, *at)))?;
        let seeks = first.iter().map(|(place, at)| json!(["seek", name(place), at]));
        let mut value = vec![json!(["poll", {}])];
        value.extend(seeks);
        value.extend(self.member());
        self.history.begin(self.process, "poll", Vec::new());
        self.consumer.seek_partitions(list, PATIENCE)?;
        self.listener().change(|state| state.next.retain(|place, _| !first.contains_key(place)));
        self.history.write(self.process, "ok", "poll", value, json!({}));
        Ok(())
    }

    /// With a fresh consumer of the same isolation level and `enable.partition.eof`, when faults are over and all
    /// producers are flushed. Whether it came to all ends.
    ///
    /// # Errors
    /// The client refuses to be assigned partitions.
    pub fn final_reads(&self, topic: &str, partitions: i32) -> KafkaResult<bool> {
        let places = places(topic, partitions);
        let assigned = micros("assigned", &places);
        let whole = json!({ "from_start": true });
        self.history.write(self.process, "invoke", "assign", assigned, whole.clone());
        let mut list = TopicPartitionList::new();
        for (topic, partition) in &places {
            list.add_partition_offset(topic, *partition, Offset::Beginning)?;
        }
        self.consumer.assign(&list)?;
        self.history.write(self.process, "ok", "assign", Vec::new(), whole);
        let until = Instant::now() + PATIENCE;
        let ended = || self.listener().change(|state| state.ended.len()) == places.len();
        while !ended() && Instant::now() < until {
            self.poll(Duration::from_millis(500));
        }
        Ok(ended())
    }
}

/// The partitions of a topic.
pub fn places(topic: &str, partitions: i32) -> Vec<Place> {
    (0..partitions).map(|partition| (topic.to_owned(), partition)).collect()
}

fn number(payload: &[u8]) -> Option<u64> {
    std::str::from_utf8(payload).ok()?.parse().ok()
}
