//! Admin client: creates topics, deletes records, and asks the active controller for changes. Source: Kafka's
//! `KafkaAdminClient`.
//!
//! Brokers forward `CreateTopics` to the active controller, so any broker can be asked. What may pass, such as a
//! controller that is being elected or brokers that have not registered yet, is tried again elsewhere until
//! `default.api.timeout.ms`. A topic that exists already counts as created: the caller cannot tell an own earlier
//! attempt, whose answer was lost, from somebody else's.

mod deletions;
mod hanging;
#[cfg(test)]
mod hanging_tests;
mod meaning;
mod task;
mod tasks;

use crate::admin_message::{AdminRequest, AdminResponse};
use crate::compaction::Compaction;
use crate::config::{AdminConfig, ms};
use crate::message::{ClientRequest, ClientResponse, Response, ResponseBody};
use crate::node::{Channel, Deadline, Effect, Effects, Event, Node, Operation, Outcome};
use crate::proto::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse, ErrorCode,
    StrBytes, TopicName,
};
use crate::retention::Retention;
use crate::types::{NodeId, Now, OperationId, Time, WallTime};

use super::connection::{Backoff, Connections};
use task::Task;

/// What an outstanding request of an admin client is for.
#[derive(Debug)]
enum Purpose {
    /// A new topic.
    CreateTopic(OperationId),
    /// Fewer records.
    DeleteRecords(OperationId),
    /// A step of a task.
    Task(OperationId),
}

/// An admin client.
#[derive(Debug)]
pub struct Admin {
    config: AdminConfig,
    connections: Connections<Purpose>,
    rotation: usize,
    creations: Vec<Creation>,
    tasks: Vec<Task>,
    /// Its wall clock at the present event.
    wall: WallTime,
    deadline: Option<Deadline>,
}

/// A topic that is being created.
#[derive(Debug)]
struct Creation {
    operation: OperationId,
    wanted: Wanted,
    gives_up_at: Time,
    /// No attempt before.
    not_before: Time,
    asked: bool,
    /// An attempt was made that was not definitely refused.
    maybe_created: bool,
    last_error: ErrorCode,
}

/// What the controller is asked for.
#[derive(Debug)]
enum Wanted {
    Topic(CreatableTopic),
    Change(Box<AdminRequest>),
}

impl Admin {
    /// A new client, which knows nothing yet.
    pub fn new(config: AdminConfig, _now: Now) -> Self {
        assert!(!config.bootstrap.is_empty(), "admin {} has no bootstrap brokers", config.node);
        let backoff = Backoff::new(config.retry_backoff_ms, 0, config.node);
        Self {
            connections: Connections::new(backoff, config.request_timeout_ms),
            rotation: 0,
            creations: Vec::new(),
            tasks: Vec::new(),
            wall: WallTime(0),
            deadline: None,
            config,
        }
    }

    fn on_invoked(
        &mut self,
        now: Time,
        operation: OperationId,
        request: Operation,
        effects: &mut Effects,
    ) {
        if let Operation::DeleteRecords { broker, partition, before } = request {
            return self.delete_records(now, operation, broker, (partition, before), effects);
        }
        if let Operation::Administer(request) = request {
            return self.begin(now, operation, Wanted::Change(request));
        }
        if let Operation::AdminTask(task) = request {
            return self.begin_task(now, operation, *task);
        }
        let Operation::CreateTopic {
            topic,
            partitions,
            replication_factor,
            min_insync_replicas,
            unclean_leader_election,
            max_message_bytes,
            flush_messages,
            flush_ms,
            retention,
        } = request
        else {
            let outcome = Outcome::Failed { error: ErrorCode::InvalidRequest, partition: -1 };
            return effects.complete(operation, outcome);
        };
        let mut configs = vec![
            topic_config("min.insync.replicas", min_insync_replicas.to_string()),
            topic_config("unclean.leader.election.enable", unclean_leader_election.to_string()),
            topic_config("max.message.bytes", max_message_bytes.to_string()),
            topic_config("flush.messages", flush_messages.to_string()),
            topic_config("flush.ms", flush_ms.to_string()),
        ];
        if !retention.is_forever() {
            let Retention { retention_ms, retention_bytes, segment_ms, .. } = *retention;
            configs.push(topic_config("retention.ms", retention_ms.to_string()));
            configs.push(topic_config("retention.bytes", retention_bytes.to_string()));
            configs.push(topic_config("segment.ms", segment_ms.to_string()));
        }
        if !retention.compaction.is_none() {
            configs.extend(compaction_configs(&retention.compaction));
        }
        let topic = CreatableTopic::default()
            .with_name(TopicName(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(replication_factor)
            .with_configs(configs);
        self.begin(now, operation, Wanted::Topic(topic));
    }

    fn begin(&mut self, now: Time, operation: OperationId, wanted: Wanted) {
        self.creations.push(Creation {
            operation,
            wanted,
            gives_up_at: now + ms(self.config.api_timeout_ms),
            not_before: now,
            asked: false,
            maybe_created: false,
            last_error: ErrorCode::RequestTimedOut,
        });
    }

    fn on_response(
        &mut self,
        now: Time,
        from: (NodeId, Channel),
        message: Response,
        effects: &mut Effects,
    ) {
        let ResponseBody::Client(body) = message.body else { return };
        match self.connections.answered(from.0, from.1, message.correlation_id) {
            None => {}
            Some(Purpose::DeleteRecords(operation)) => {
                Self::on_records_deleted(operation, &body, effects);
            }
            Some(Purpose::CreateTopic(operation)) => {
                self.on_topic_created(now, operation, &body, effects);
            }
            Some(Purpose::Task(operation)) => {
                self.on_task_answered(now, operation, &body, effects);
            }
        }
    }

    fn on_topic_created(
        &mut self,
        now: Time,
        operation: OperationId,
        body: &ClientResponse,
        effects: &mut Effects,
    ) {
        if let ClientResponse::Admin(response) = body {
            return self.on_administered(now, operation, response, effects);
        }
        let error = if let ClientResponse::CreateTopics(response) = body {
            self.find_result(operation, response)
        } else {
            Some(ErrorCode::UnknownServerError)
        };
        match error {
            None | Some(ErrorCode::TopicAlreadyExists) => {
                self.end(operation, Outcome::TopicCreated, effects);
            }
            Some(error) if may_pass(error) => self.on_attempt_failed(now, operation, error),
            Some(error) => self.on_refused(operation, error, effects),
        }
    }

    fn on_administered(
        &mut self,
        now: Time,
        operation: OperationId,
        response: &AdminResponse,
        effects: &mut Effects,
    ) {
        match response.error() {
            None => {
                let listed = response.listed();
                self.end(operation, Outcome::Administered { listed }, effects);
            }
            Some(error @ (ErrorCode::NotController | ErrorCode::RequestTimedOut)) => {
                self.on_attempt_failed(now, operation, error);
            }
            Some(error) => self.on_refused(operation, error, effects),
        }
    }

    fn find_result(
        &self,
        operation: OperationId,
        response: &CreateTopicsResponse,
    ) -> Option<ErrorCode> {
        let creation = self.creations.iter().find(|creation| creation.operation == operation)?;
        let Wanted::Topic(wanted) = &creation.wanted else { return None };
        let result = response.topics.iter().find(|topic| topic.name == wanted.name);
        result.map_or(Some(ErrorCode::UnknownServerError), |it| {
            ErrorCode::try_from_code(it.error_code)
        })
    }

    fn on_attempt_failed(&mut self, now: Time, operation: OperationId, error: ErrorCode) {
        let not_before = self.connections.backoff.after(now);
        if let Some(creation) =
            self.creations.iter_mut().find(|creation| creation.operation == operation)
        {
            creation.asked = false;
            creation.not_before = not_before;
            creation.last_error = error;
            creation.maybe_created |= !refused(error);
        }
    }

    fn on_refused(&mut self, operation: OperationId, error: ErrorCode, effects: &mut Effects) {
        let earlier = self.creations.iter().any(|it| it.operation == operation && it.maybe_created);
        let partition = -1;
        let outcome = if earlier || !refused(error) {
            Outcome::Unknown { error, partition }
        } else {
            Outcome::Failed { error, partition }
        };
        self.end(operation, outcome, effects);
    }

    fn end(&mut self, operation: OperationId, outcome: Outcome, effects: &mut Effects) {
        let before = self.creations.len();
        self.creations.retain(|creation| creation.operation != operation);
        if self.creations.len() < before {
            effects.complete(operation, outcome);
        }
    }

    fn on_lost(&mut self, now: Time, purposes: Vec<Purpose>, effects: &mut Effects) {
        for purpose in purposes {
            match purpose {
                Purpose::DeleteRecords(operation) => {
                    let (error, partition) = (ErrorCode::NetworkException, -1);
                    effects.complete(operation, Outcome::Unknown { error, partition });
                }
                Purpose::CreateTopic(operation) => {
                    self.on_attempt_failed(now, operation, ErrorCode::NetworkException);
                }
                Purpose::Task(operation) => self.on_task_lost(now, operation),
            }
        }
    }

    /// Does all that has become possible.
    fn run(&mut self, now: Time, effects: &mut Effects) {
        let lost = self.connections.time_out(now, effects);
        self.on_lost(now, lost, effects);
        self.give_up(|creation| creation.gives_up_at <= now, effects);
        for index in 0..self.creations.len() {
            self.ask(now, index, effects);
        }
        self.run_tasks(now, effects);
        self.deadline = self.compute_deadline();
    }

    fn ask(&mut self, now: Time, index: usize, effects: &mut Effects) {
        let creation = &mut self.creations[index];
        if creation.asked || creation.not_before > now {
            return;
        }
        let brokers = &self.config.bootstrap;
        let Some(broker) = self.connections.least_loaded(now, brokers, self.rotation) else {
            return;
        };
        self.rotation = (self.rotation + 1) % brokers.len();
        let left_ms = creation.gives_up_at.since(now).as_millis();
        let timeout_ms = left_ms.min(u128::from(self.config.request_timeout_ms));
        let timeout_ms = i32::try_from(timeout_ms).unwrap_or(i32::MAX);
        let body = match &creation.wanted {
            Wanted::Topic(topic) => ClientRequest::CreateTopics(Box::new(
                CreateTopicsRequest::default()
                    .with_topics(vec![topic.clone()])
                    .with_timeout_ms(timeout_ms),
            )),
            Wanted::Change(request) => ClientRequest::Admin(request.clone()),
        };
        creation.asked = true;
        let purpose = Purpose::CreateTopic(creation.operation);
        self.connections.send(now, (broker, Channel::Client), body, purpose, effects);
    }

    /// Ends creations without success. One that is asked for, or was without a definite refusal, may still happen.
    fn give_up(&mut self, is_over: impl Fn(&Creation) -> bool, effects: &mut Effects) {
        self.creations.retain(|creation| {
            let over = is_over(creation);
            if over {
                let (error, partition) = (creation.last_error, -1);
                let outcome = if creation.asked || creation.maybe_created {
                    Outcome::Unknown { error, partition }
                } else {
                    Outcome::Failed { error, partition }
                };
                effects.complete(creation.operation, outcome);
            }
            !over
        });
    }

    /// A creation that is over has had its outcome, and whatever is open is looked at again in time.
    fn self_check(&self, now: Time) {
        for creation in &self.creations {
            assert!(
                creation.gives_up_at > now,
                "the creation of {:?} is over since {}",
                creation.wanted,
                creation.gives_up_at
            );
        }
        assert!(
            self.creations.is_empty() || self.deadline.is_some(),
            "{} topics are to be created, and nothing is due",
            self.creations.len()
        );
        assert!(
            self.deadline.is_none_or(|deadline| deadline.at > now),
            "{:?} is due already, at {now}",
            self.deadline
        );
    }

    fn compute_deadline(&self) -> Option<Deadline> {
        let unblocked = self.connections.first_unblocked(&self.config.bootstrap);
        let due = self.creations.iter().flat_map(|creation| {
            let retry = Deadline { at: creation.not_before.max(unblocked), why: "retry backoff" };
            let over = Deadline { at: creation.gives_up_at, why: "api timeout" };
            [(!creation.asked).then_some(retry), Some(over)]
        });
        let tasks = self.tasks_deadline(unblocked);
        due.fold(Deadline::earlier(self.connections.next_deadline(), tasks), Deadline::earlier)
    }
}

impl Node for Admin {
    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        self.wall = now.wall;
        match event {
            Event::Invoked { operation, request } => {
                self.on_invoked(now.time, operation, request, effects);
            }
            Event::Response { from, channel, message } => {
                self.on_response(now.time, (from, channel), message, effects);
            }
            Event::Connected { to, channel } => {
                let first = self.connections.connected(now.time, to, channel);
                self.deadline = Deadline::earlier(self.deadline, first);
                return;
            }
            Event::ConnectionLost { to, channel } => {
                let lost = self.connections.lost(now.time, to, channel);
                self.on_lost(now.time, lost, effects);
            }
            Event::StopRequested => {
                self.give_up(|_| true, effects);
                self.give_up_tasks(|_| true, effects);
                return effects.push(Effect::Halt { reason: "stopped" });
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

/// What a topic that is compacted is made with.
fn compaction_configs(compaction: &Compaction) -> Vec<CreatableTopicConfig> {
    let percent = compaction.min_cleanable_dirty_percent;
    let ratio = format!("{}.{:02}", percent / 100, percent % 100);
    let mut configs = vec![
        topic_config("cleanup.policy", compaction.policy.name().to_owned()),
        topic_config("min.compaction.lag.ms", compaction.min_compaction_lag_ms.to_string()),
        topic_config("delete.retention.ms", compaction.delete_retention_ms.to_string()),
        topic_config("min.cleanable.dirty.ratio", ratio),
    ];
    // What says nothing is not sent.
    let lag_ms = compaction.max_compaction_lag_ms;
    if lag_ms != Compaction::NONE.max_compaction_lag_ms {
        configs.push(topic_config("max.compaction.lag.ms", lag_ms.to_string()));
    }
    configs
}

fn topic_config(name: &'static str, value: String) -> CreatableTopicConfig {
    CreatableTopicConfig::default()
        .with_name(StrBytes::from_static_str(name))
        .with_value(Some(StrBytes::from_string(value)))
}

/// Whether a later attempt can succeed. Too few brokers are alive while a cluster boots.
fn may_pass(error: ErrorCode) -> bool {
    error.is_retriable()
        || matches!(
            error,
            ErrorCode::InvalidReplicationFactor
                | ErrorCode::UnknownServerError
                | ErrorCode::BrokerNotAvailable
                | ErrorCode::StaleBrokerEpoch
        )
}

/// Whether the controller has certainly not created the topic in this attempt.
fn refused(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::InvalidReplicationFactor
            | ErrorCode::InvalidPartitions
            | ErrorCode::InvalidTopicException
            | ErrorCode::InvalidConfig
            | ErrorCode::InvalidRequest
            | ErrorCode::InvalidReplicaAssignment
            | ErrorCode::PolicyViolation
            | ErrorCode::UnsupportedVersion
            | ErrorCode::ThrottlingQuotaExceeded
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::NoReassignmentInProgress
            | ErrorCode::BrokerIdNotRegistered
            | ErrorCode::ElectionNotNeeded
            | ErrorCode::PreferredLeaderNotAvailable
            | ErrorCode::EligibleLeadersNotAvailable
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{Driver, START, SentRequest, TOPIC};
    use crate::config::TopicConfig;
    use crate::message::RequestBody;
    use crate::proto::CreatableTopicResult;

    fn driver() -> Driver<Admin> {
        let bootstrap = vec![NodeId(1), NodeId(2)];
        let config = AdminConfig { bootstrap, ..crate::testing::admin(1003) };
        let mut driver = Driver::new(Admin::new(config, START));
        let request = Operation::CreateTopic {
            topic: TOPIC,
            partitions: 2,
            replication_factor: 3,
            min_insync_replicas: 2,
            unclean_leader_election: false,
            max_message_bytes: TopicConfig::MAX_MESSAGE_BYTES_DEFAULT,
            flush_messages: TopicConfig::FLUSH_NEVER,
            flush_ms: TopicConfig::FLUSH_NEVER,
            retention: Box::new(Retention::FOREVER),
        };
        driver.invoke(1, request);
        driver
    }

    fn take(driver: &mut Driver<Admin>) -> SentRequest {
        driver
            .take(|body| matches!(body, RequestBody::Client(ClientRequest::CreateTopics(_))))
            .expect("a topic is asked for")
    }

    fn answer(error: i16) -> ResponseBody {
        let topic =
            CreatableTopicResult::default().with_name(TopicName(TOPIC)).with_error_code(error);
        let response = CreateTopicsResponse::default().with_topics(vec![topic]);
        ResponseBody::Client(ClientResponse::CreateTopics(Box::new(response)))
    }

    #[test]
    fn a_topic_is_created_once_a_broker_says_so() {
        for error in [0, ErrorCode::TopicAlreadyExists.code()] {
            let mut driver = driver();
            let asked = take(&mut driver);
            driver.answer(&asked, answer(error));
            assert_eq!(driver.outcomes, [(1, Outcome::TopicCreated)]);
            assert_eq!(driver.node.next_deadline(), None);
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_elsewhere() {
        for error in [
            ErrorCode::NotController,
            ErrorCode::InvalidReplicationFactor,
            ErrorCode::RequestTimedOut,
        ] {
            let mut driver = driver();
            let first = take(&mut driver);
            driver.answer(&first, answer(error.code()));
            assert!(driver.wire.is_empty(), "no retry without backoff");
            driver.advance(150);
            let second = take(&mut driver);
            assert_ne!(first.to, second.to);
            driver.answer(&second, answer(0));
            assert_eq!(driver.outcomes, [(1, Outcome::TopicCreated)]);
        }
    }

    #[test]
    fn silence_ends_as_unknown_and_refusals_as_failed() {
        let mut silent = driver();
        silent.advance(5_000);
        assert!(silent.disconnected.len() >= 2);
        assert!(matches!(silent.outcomes[..], [(1, Outcome::Unknown { .. })]));
        let mut refused = driver();
        while refused.outcomes.is_empty() {
            if let Some(asked) = refused.take(|_| true) {
                refused.answer(&asked, answer(ErrorCode::InvalidReplicationFactor.code()));
            }
            refused.advance(50);
        }
        assert!(matches!(refused.outcomes[..], [(1, Outcome::Failed { .. })]));
    }

    #[test]
    fn a_final_refusal_after_a_lost_attempt_proves_nothing() {
        for (lost, failed) in [(false, true), (true, false)] {
            let mut driver = driver();
            if lost {
                let to = take(&mut driver).to;
                driver.lose(to, Channel::Client);
                driver.advance(150);
            }
            let asked = take(&mut driver);
            driver.answer(&asked, answer(ErrorCode::InvalidPartitions.code()));
            assert_eq!(matches!(driver.outcomes[0].1, Outcome::Failed { .. }), failed);
        }
    }
}
