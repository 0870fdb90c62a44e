//! A worker of a share group: it fetches, works, and says of each record what becomes of it. Source: KIP-932, Kafka's
//! `ShareConsumerImpl`, `ShareConsumeRequestManager`, `ShareSessionHandler`.
//!
//! It has a share session with each leader of its topics. What it says of records rides on the next fetch of that
//! leader. Where a session is lost, so is what was not said in it: others get these records when the locks expire, and
//! may do them again.
//!
//! Its application does one fetch of a partition after another, accepts most records, rejects some, and releases those
//! that nobody can do. Not covered: the group protocol and assignment (`ShareGroupHeartbeat`): each worker fetches from
//! all partitions; `ShareAcknowledge` without a fetch; renewed locks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::client::connection::{Backoff, Connections, MetadataUpdate};
use crate::client::metadata::{Metadata, PartitionKey, is_stale_metadata};
use crate::config::{ConsumerConfig, WorkerConfig, ms, topic_name};
use crate::jitter::jitter;
use crate::message::{ClientRequest, ClientResponse, Response, ResponseBody};
use crate::node::{Channel, Deadline, Effect, Effects, Event, Node};
use crate::node_status::NodeStatus;
use crate::proto::StrBytes;
use crate::share_message::{
    AcknowledgeType, Acknowledgement, ShareFetchRequest, ShareFetchResponse, ShareFetchedPartition,
};
use crate::types::{NodeId, Now, Offset, Time, TopicPartition};

/// What a worker's request is for.
#[derive(Debug)]
enum Purpose {
    /// Who leads what.
    Metadata,
    /// Records of this leader.
    Fetch(NodeId),
}

impl From<MetadataUpdate> for Purpose {
    fn from(MetadataUpdate: MetadataUpdate) -> Self {
        Self::Metadata
    }
}

/// A worker.
#[derive(Debug)]
pub struct Worker {
    config: ConsumerConfig,
    work: WorkerConfig,
    topics: Vec<StrBytes>,
    member: String,
    connections: Connections<Purpose>,
    metadata: Metadata,
    sessions: BTreeMap<NodeId, Session>,
    /// What was fetched and is not done, in order.
    jobs: VecDeque<Job>,
    /// When the first job is done.
    busy_until: Option<Time>,
    /// Jobs begun.
    begun: u64,
    deadline: Option<Deadline>,
}

/// A share session with a leader.
#[derive(Debug, Default)]
struct Session {
    /// Epoch of the next request.
    epoch: i32,
    acknowledgements: Vec<(TopicPartition, Vec<Acknowledgement>)>,
}

/// Records of one partition that it holds.
#[derive(Debug)]
struct Job {
    leader: NodeId,
    partition: TopicPartition,
    acquired: Vec<(Offset, Offset)>,
    /// Offsets at which there is a record.
    present: BTreeSet<Offset>,
}

impl Worker {
    /// A new process, which knows nothing yet, for all partitions of these topics; `incarnation` is unique in a run
    /// for each of them.
    pub fn new(config: ConsumerConfig, topics: &[String], incarnation: u64) -> Self {
        let work = config.worker.clone().expect("a worker is configured as one");
        let backoff = Backoff::new(config.retry_backoff_ms, config.jitter_salt, config.node);
        let mut metadata =
            Metadata::new(&config.bootstrap, config.metadata_max_age_ms, config.node);
        let topics: Vec<StrBytes> = topics.iter().map(|topic| topic_name(topic)).collect();
        for topic in &topics {
            metadata.place(topic);
        }
        Self {
            member: format!("{}-{}-{incarnation}", work.group, config.node),
            connections: Connections::new(backoff, config.request_timeout_ms),
            metadata,
            sessions: BTreeMap::new(),
            jobs: VecDeque::new(),
            busy_until: None,
            begun: 0,
            deadline: None,
            config,
            work,
            topics,
        }
    }

    fn run(&mut self, now: Time, effects: &mut Effects) {
        for lost in self.connections.time_out(now, effects) {
            self.on_lost(now, &lost);
        }
        self.metadata.run(now, &mut self.connections, effects);
        self.work(now);
        let blocked = self.fetch(now, effects);
        self.deadline = [
            self.connections.next_deadline(),
            self.metadata.next_deadline(&self.connections),
            self.busy_until.map(|at| Deadline { at, why: "a job is done" }),
            blocked,
        ]
        .into_iter()
        .fold(None, Deadline::earlier);
    }

    /// Finishes the first job if its time has come, and begins the next one.
    fn work(&mut self, now: Time) {
        if self.busy_until.is_some_and(|until| until <= now) {
            self.busy_until = None;
            if let Some(job) = self.jobs.pop_front() {
                self.finish(&job);
            }
        }
        if self.busy_until.is_none() && !self.jobs.is_empty() {
            self.begun += 1;
            self.busy_until = Some(now + self.takes());
        }
    }

    /// How long the job that begins takes.
    fn takes(&self) -> Duration {
        let (salt, node) = (self.config.jitter_salt, self.config.node);
        let (least, most) = self.work.processing_ms;
        let span = ms(most.saturating_sub(least));
        let works = ms(least.max(1)) + jitter(salt, node, self.begun << 1, span);
        let stalls = is_one_in((salt, node), self.begun << 1 | 1, self.work.stall_one_in);
        works + if stalls { ms(self.work.stall_ms) } else { Duration::ZERO }
    }

    /// Says of each record of a job what becomes of it, if the session in which it was acquired goes on.
    fn finish(&mut self, job: &Job) {
        let mut told: Vec<Acknowledgement> = Vec::new();
        for (first, last) in &job.acquired {
            for offset in (first.0..=last.0).map(Offset) {
                let what = self.judge(job, offset);
                match told.last_mut() {
                    Some(before) if before.what == what && before.last.next() == offset => {
                        before.last = offset;
                    }
                    Some(_) | None => {
                        told.push(Acknowledgement { first: offset, last: offset, what });
                    }
                }
            }
        }
        if let Some(session) = self.sessions.get_mut(&job.leader) {
            session.acknowledgements.push((job.partition, told));
        }
    }

    fn judge(&self, job: &Job, offset: Offset) -> AcknowledgeType {
        if !job.present.contains(&offset) {
            return AcknowledgeType::Gap;
        }
        let place = u64::from(job.partition.topic.0) << 16 | job.partition.partition as u64;
        let (key, salt) = (place << 40 | offset.0 as u64, self.work.record_salt);
        if is_one_in((salt, NodeId(0)), key, self.work.release_one_in) {
            AcknowledgeType::Release
        } else if is_one_in((salt, NodeId(1)), key, self.work.reject_one_in) {
            AcknowledgeType::Reject
        } else {
            AcknowledgeType::Accept
        }
    }

    /// Asks each leader that has none of its requests in flight, and nothing that it has not done.
    fn fetch(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        let mut wake = None;
        for (leader, partitions) in self.led() {
            let at = self.connections.blocked_until(leader, Channel::ClientFetch);
            let works = self.jobs.iter().any(|job| job.leader == leader);
            if works || self.connections.in_flight(leader, Channel::ClientFetch) > 0 {
                continue;
            }
            if at > now {
                wake = Deadline::earlier(wake, Some(Deadline { at, why: "fetch backoff" }));
                continue;
            }
            let session = self.sessions.entry(leader).or_default();
            let request = ShareFetchRequest {
                group: self.work.group.clone(),
                member: self.member.clone(),
                session_epoch: session.epoch,
                partitions,
                acknowledgements: std::mem::take(&mut session.acknowledgements),
                records_max: self.work.records_max,
                wait_max_ms: self.config.fetch_wait_max_ms,
            };
            let body = ClientRequest::ShareFetch(Box::new(request));
            let to = (leader, Channel::ClientFetch);
            self.connections.send(now, to, body, Purpose::Fetch(leader), effects);
        }
        wake
    }

    /// Partitions of its topics, by who leads them.
    fn led(&self) -> BTreeMap<NodeId, Vec<TopicPartition>> {
        let mut led: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
        for topic in &self.topics {
            let Some(place) = self.metadata.find(topic) else { continue };
            let Some(id) = self.metadata.id(place) else { continue };
            for partition in 0..self.metadata.partitions(place).len() as i32 {
                let known = self.metadata.leadership(PartitionKey { topic: place, partition });
                if let Some(leader) = known.leader {
                    led.entry(leader).or_default().push(TopicPartition { topic: id, partition });
                }
            }
        }
        led
    }

    fn on_response(&mut self, now: Time, from: (NodeId, Channel), message: Response) {
        let purpose = self.connections.answered(from.0, from.1, message.correlation_id);
        let Some(purpose) = purpose else { return };
        let ResponseBody::Client(body) = message.body else { return self.on_lost(now, &purpose) };
        if let ClientResponse::Metadata(response) = &body {
            self.metadata.on_response(now, response, &mut self.connections);
        } else if let (Purpose::Fetch(leader), ClientResponse::ShareFetch(response)) =
            (&purpose, body)
        {
            self.on_fetched(*leader, *response);
        } else {
            self.on_lost(now, &purpose);
        }
    }

    fn on_fetched(&mut self, leader: NodeId, response: ShareFetchResponse) {
        let Some(session) = self.sessions.get_mut(&leader) else { return };
        if response.error.is_some() {
            return self.forget_session(leader);
        }
        session.epoch = session.epoch.checked_add(1).unwrap_or(1);
        let stale = response.acknowledged.iter().filter_map(|(_, error)| *error);
        if stale.into_iter().any(is_stale_metadata) {
            self.metadata.request_update();
        }
        for fetched in response.partitions {
            if fetched.error.is_some() {
                self.metadata.request_update();
            } else {
                self.jobs.push_back(job(leader, &fetched));
            }
        }
    }

    /// A session is over: what was acquired in it may be with others soon.
    fn forget_session(&mut self, leader: NodeId) {
        self.sessions.remove(&leader);
        if self.jobs.front().is_some_and(|job| job.leader == leader) {
            self.busy_until = None;
        }
        self.jobs.retain(|job| job.leader != leader);
    }

    /// It works while there is something to do, on what it holds by a session that goes on, and wakes in time.
    fn self_check(&self, now: Time) {
        assert!(
            self.busy_until.is_some() != self.jobs.is_empty(),
            "{} jobs, busy until {:?}",
            self.jobs.len(),
            self.busy_until
        );
        for job in &self.jobs {
            let epoch = self.sessions.get(&job.leader).map(|session| session.epoch);
            assert!(
                epoch.is_some_and(|epoch| epoch > 0),
                "records of {:?} are held, the session with {:?} is at {epoch:?}",
                job.partition,
                job.leader
            );
        }
        assert!(
            self.deadline.is_none_or(|deadline| deadline.at > now),
            "{:?} is due already, at {now}",
            self.deadline
        );
    }

    fn on_lost(&mut self, now: Time, purpose: &Purpose) {
        match purpose {
            Purpose::Metadata => self.metadata.on_failure(now, &mut self.connections),
            Purpose::Fetch(leader) => {
                self.forget_session(*leader);
                self.metadata.request_update();
            }
        }
    }
}

/// Whether something is one of so many, by its key alone.
fn is_one_in((salt, node): (u64, NodeId), key: u64, one_in: u32) -> bool {
    one_in > 0 && jitter(salt, node, key, Duration::from_nanos(u64::from(one_in))).is_zero()
}

fn job(leader: NodeId, fetched: &ShareFetchedPartition) -> Job {
    let mut present = BTreeSet::new();
    for batch in fetched.batches.iter().filter(|batch| !batch.is_control()) {
        // What cannot be read is no record: nobody can do it.
        let _ = batch.for_each_record(|record| {
            present.insert(record.offset);
        });
    }
    let acquired = fetched.acquired.iter().map(|it| (it.first, it.last)).collect();
    Job { leader, partition: fetched.partition, acquired, present }
}

impl Node for Worker {
    fn status(&self) -> NodeStatus {
        NodeStatus::default()
    }

    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        match event {
            Event::Response { from, channel, message } => {
                self.on_response(now.time, (from, channel), message);
            }
            Event::Connected { to, channel } => {
                let first = self.connections.connected(now.time, to, channel);
                self.deadline = Deadline::earlier(self.deadline, first);
                return;
            }
            Event::ConnectionLost { to, channel } => {
                let lost = self.connections.lost(now.time, to, channel);
                self.metadata.request_update();
                if channel == Channel::ClientFetch {
                    self.forget_session(to);
                }
                for purpose in lost {
                    self.on_lost(now.time, &purpose);
                }
            }
            Event::StopRequested => return effects.push(Effect::Halt { reason: "stopped" }),
            Event::Invoked { operation, .. } => {
                panic!("operation {operation} is invoked at a worker")
            }
            Event::Booted
            | Event::DeadlinePassed
            | Event::Request { .. }
            | Event::ConnectionClosed { .. }
            | Event::FlushCompleted { .. }
            | Event::LogDirectoryFailed { .. }
            | Event::MetadataPublishing { .. } => {}
        }
        self.run(now.time, effects);
        self.self_check(now.time);
    }

    fn next_deadline(&self) -> Option<Deadline> {
        self.deadline
    }
}
