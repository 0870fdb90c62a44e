//! What clients ask, on its way to a broker and back.

use std::io;

use bytes::Bytes;
use harrow_broker_model::edge::{
    Answering, ApiKey, Body, Incoming, Refused, TransactionVersion, admit, answer, api_name,
    api_versions, cluster_description, read_request, refuse, topic_configs, topic_partitions,
};
use harrow_broker_model::message::{ClientRequest, ClientResponse};
use harrow_broker_model::metadata::is_topic_name;
use harrow_broker_model::proto::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, ErrorCode, StrBytes, TopicName,
};
use harrow_broker_model::types::NodeId;
use harrow_sim::live::Answer;

use super::connection::{Pending, Stage};
use super::rules::{Action, Passing, Point};
use super::server::{Due, Own, Server};

/// Milliseconds that the creation of a topic may take.
const CREATION_MS: i32 = 30_000;

impl Server {
    /// Handles the frames of a connection whose turn has come.
    pub(super) fn read_on(&mut self, id: u64) {
        loop {
            let Some(connection) = self.connections.get_mut(&id) else { return };
            match connection.next_frame() {
                Ok(Some(frame)) => self.on_frame(id, &frame),
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(connection = id, "the connection is closed: {error}");
                    return self.close(id);
                }
            }
        }
        self.deliver();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.read_ahead().is_err() || connection.is_over() || connection.is_abandoned() {
            self.close(id);
        }
    }

    fn on_frame(&mut self, id: u64, frame: &Bytes) {
        let transactions = self.transaction_version();
        match read_request(frame, transactions) {
            Ok(incoming) => self.on_request(id, incoming),
            Err(Refused::ApiVersions { correlation_id, .. }) => {
                self.send(id, Some(api_versions((None, correlation_id), transactions, true)));
            }
            Err(refused) => {
                self.counts.refused += 1;
                tracing::debug!(connection = id, "the connection is closed: {refused}");
                self.close(id);
            }
        }
    }

    fn transaction_version(&self) -> TransactionVersion {
        TransactionVersion(self.options.cluster.transaction_version)
    }

    fn on_request(&mut self, id: u64, incoming: Incoming) {
        *self.counts.requests.entry(api_name(incoming.key)).or_default() += 1;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.client_id = incoming.client_id.as_ref().map(ToString::to_string);
        let to = (incoming.version, incoming.correlation_id);
        let broker = connection.broker;
        match incoming.body {
            Body::Broker(body) => self.on_broker_request(id, (incoming.key, to), body),
            Body::ApiVersions(request) => {
                let named = to.0 < 3
                    || is_software(&request.client_software_name)
                        && is_software(&request.client_software_version);
                let transactions = self.transaction_version();
                self.send(id, Some(api_versions((Some(to.0), to.1), transactions, named)));
            }
            Body::DescribeCluster(_) => {
                let description =
                    self.answering(broker).and_then(|with| cluster_description(to, broker, &with));
                self.send(id, description);
            }
            Body::DescribeConfigs(request) => {
                let image = self.cluster.metadata(broker);
                let configs = image.and_then(|image| topic_configs(to, &request, image));
                self.send(id, configs);
            }
            Body::DescribeTopicPartitions(request) => {
                let image = self.cluster.metadata(broker);
                let topics = image.and_then(|image| topic_partitions(to, &request, image));
                self.send(id, topics);
            }
        }
    }

    fn answering(&self, broker: NodeId) -> Option<Answering<'_>> {
        let image = self.cluster.metadata(broker)?;
        Some(Answering { image, endpoints: &self.endpoints, cluster_id: &self.cluster_id })
    }

    fn on_broker_request(
        &mut self,
        id: u64,
        (key, (version, correlation_id)): (ApiKey, (i16, i32)),
        body: ClientRequest,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let broker = connection.broker;
        let Some(image) = self.cluster.metadata(broker) else { return self.close(id) };
        let body = admit(body, version, image, self.topic_defaults());
        if let Some(recorder) = &mut self.recorder {
            recorder.learn(image);
        }
        if let ClientRequest::Metadata(request) = &body
            && request.allow_auto_topic_creation
        {
            let names = request.topics.iter().flatten().filter_map(|topic| topic.name.as_ref());
            let names: Vec<String> = names.map(|name| name.0.to_string()).collect();
            self.create_missing(broker, names);
        }
        let body = self.with_defaults(body);
        let now = self.cluster.now_ns();
        let asked = self.recorder.as_mut().and_then(|recorder| recorder.asked(now, id, &body));
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.last_number = connection.last_number.wrapping_add(1);
        let number = connection.last_number;
        let stage = Stage::Kept(Box::new(body));
        connection.pending = Some(Pending { number, key, version, correlation_id, asked, stage });
        match self.rule(id, Point::Request) {
            None => self.go_on(id, None),
            Some(action) => self.act(id, action),
        }
    }

    /// Topics that say nothing get the brokers' `min.insync.replicas`.
    fn with_defaults(&self, mut body: ClientRequest) -> ClientRequest {
        if let ClientRequest::CreateTopics(request) = &mut body {
            for topic in &mut request.topics {
                let says = topic.configs.iter().any(|it| *it.name == *"min.insync.replicas");
                let minimum = self.options.min_insync_replicas;
                if !says && i64::from(topic.replication_factor) >= i64::from(minimum) {
                    topic.configs.push(min_insync_replicas(minimum));
                }
            }
        }
        body
    }

    /// What a rule does to what passes.
    fn rule(&mut self, id: u64, at: Point) -> Option<Action> {
        let connection = self.connections.get(&id)?;
        let key = connection.pending.as_ref()?.key;
        let client_id = connection.client_id.as_deref();
        let passing = Passing { key, client_id, broker: connection.broker.0 };
        self.rules.pass(passing, at)
    }

    /// Does what a rule says, before the broker or after it.
    fn act(&mut self, id: u64, action: Action) {
        let now = self.cluster.now_ns();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(pending) = &mut connection.pending else { return };
        match action {
            Action::Close => self.close(id),
            Action::Hold => {}
            Action::Delay(ms) => {
                let due = Due::GoOn(id, pending.number);
                self.due.insert((now.saturating_add(ms.saturating_mul(1_000_000)), due));
            }
            Action::Error(error) => self.refuse(id, error),
        }
    }

    /// Tells an error in place of what the broker says.
    fn refuse(&mut self, id: u64, error: ErrorCode) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let broker = connection.broker;
        let Some(pending) = connection.pending.take() else { return };
        let body = match pending.stage {
            Stage::Kept(body) | Stage::Asked(body) => body,
            Stage::Answered(frame) => return self.send(id, Some(frame)),
        };
        let unanswered = matches!(&*body, ClientRequest::Produce(request) if request.acks == 0);
        if unanswered {
            return self.close(id);
        }
        let refused = refuse(&body, error);
        if let (Some(recorder), Some(asked)) = (&mut self.recorder, pending.asked) {
            recorder.refused(self.cluster.now_ns(), asked, &refused);
        }
        let to = (pending.version, pending.correlation_id);
        let frame = self.answering(broker).and_then(|with| answer(refused, to, &with));
        self.send(id, frame);
    }

    /// A request or an answer that was kept goes on: the one of this number, if one is named.
    pub(super) fn go_on(&mut self, id: u64, number: Option<i32>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let broker = connection.broker;
        let Some(mut pending) = connection.pending.take() else { return };
        if number.is_some_and(|number| number != pending.number) {
            connection.pending = Some(pending);
            return;
        }
        match pending.stage {
            Stage::Answered(frame) => self.send(id, Some(frame)),
            Stage::Kept(body) => {
                let unanswered = matches!(&*body, ClientRequest::Produce(it) if it.acks == 0);
                let request = pending.number;
                if !unanswered {
                    pending.stage = Stage::Asked(body.clone());
                    connection.pending = Some(pending);
                }
                self.cluster.ask(broker, id, request, *body);
            }
            Stage::Asked(_) => connection.pending = Some(pending),
        }
    }

    /// Sends what the cluster has answered.
    pub(super) fn deliver(&mut self) {
        while let Some(answer) = self.cluster.take_answer() {
            match answer {
                Answer::Close { connection } => self.close(connection),
                Answer::Reply { connection, request, body } => {
                    if self.own.contains_key(&connection) {
                        self.own_answered(connection, body);
                    } else {
                        self.answered(connection, request, body);
                    }
                }
            }
        }
    }

    fn own_answered(&mut self, question: u64, body: ClientResponse) {
        match self.own.get_mut(&question) {
            Some(Own::Awaited(answer)) => *answer = Some(body),
            Some(Own::Creation(_)) => {
                if let Some(Own::Creation(names)) = self.own.remove(&question) {
                    for name in &names {
                        self.creating.remove(name);
                    }
                }
            }
            None => {}
        }
    }

    fn answered(&mut self, id: u64, request: i32, body: ClientResponse) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.pending.as_ref().is_none_or(|pending| pending.number != request) {
            return;
        }
        let broker = connection.broker;
        if let Some(again) = connection.joins_with(&body) {
            return self.cluster.ask(broker, id, request, again);
        }
        if self.cluster.loses_answer(broker, &body) {
            return self.close(id);
        }
        let action = self.rule(id, Point::Response);
        if let Some(Action::Error(error)) = action {
            return self.refuse(id, error);
        }
        if action == Some(Action::Close) {
            return self.close(id);
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let broker = connection.broker;
        let Some(mut pending) = connection.pending.take() else { return };
        if let (Some(recorder), Some(asked)) = (&mut self.recorder, pending.asked.take()) {
            if let Some(image) = self.cluster.metadata(broker) {
                recorder.learn(image);
            }
            recorder.answered(self.cluster.now_ns(), asked, &body);
        }
        let to = (pending.version, pending.correlation_id);
        let frame = self.answering(broker).and_then(|with| answer(body, to, &with));
        let Some(frame) = frame else {
            tracing::warn!(api = ?pending.key, version = to.0, "an answer has no form in its version");
            return self.close(id);
        };
        match action {
            None => self.send(id, Some(frame)),
            Some(action) => {
                pending.stage = Stage::Answered(frame);
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.pending = Some(pending);
                }
                self.act(id, action);
            }
        }
    }

    /// Sends a frame and reads what comes after it; what has no form ends the connection.
    fn send(&mut self, id: u64, frame: Option<Bytes>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let sent = match frame {
            Some(frame) => connection.send(frame),
            None => Err(io::Error::other("there is no answer")),
        };
        match sent {
            Ok(()) => self.readable.push_back(id),
            Err(_) => self.close(id),
        }
    }

    /// Asks a broker something for ourselves.
    pub(super) fn ask_for_own(&mut self, broker: NodeId, body: ClientRequest, own: Own) -> u64 {
        self.last_connection += 1;
        let question = self.last_connection;
        self.own.insert(question, own);
        self.cluster.ask(broker, question, 1, body);
        question
    }

    /// Has topics created that nobody knows, as `auto.create.topics.enable` says. Source: Kafka's
    /// `AutoTopicCreationManager`.
    fn create_missing(&mut self, broker: NodeId, names: Vec<String>) {
        if !self.options.auto_create {
            return;
        }
        let Some(image) = self.cluster.metadata(broker) else { return };
        let missing = names.into_iter().filter(|name| {
            is_topic_name(name)
                && !image.topic_ids.contains_key(name)
                && !self.creating.contains(name)
        });
        let missing: Vec<(String, i32)> =
            missing.map(|name| (name, self.options.partitions)).collect();
        self.create_topics(broker, missing);
    }

    /// Has topics created.
    pub(super) fn create_topics(&mut self, broker: NodeId, topics: Vec<(String, i32)>) {
        if topics.is_empty() {
            return;
        }
        let minimum = self.options.min_insync_replicas;
        let wanted = topics.iter().map(|(name, partitions)| {
            CreatableTopic::default()
                .with_name(TopicName(StrBytes::from_string(name.clone())))
                .with_num_partitions(*partitions)
                .with_replication_factor(self.options.replication_factor)
                .with_configs(vec![min_insync_replicas(minimum)])
        });
        let request = CreateTopicsRequest::default()
            .with_topics(wanted.collect())
            .with_timeout_ms(CREATION_MS);
        let names: Vec<String> = topics.into_iter().map(|(name, _)| name).collect();
        self.creating.extend(names.iter().cloned());
        let body = ClientRequest::CreateTopics(Box::new(request));
        self.ask_for_own(broker, body, Own::Creation(names));
    }
}

fn min_insync_replicas(minimum: u32) -> CreatableTopicConfig {
    CreatableTopicConfig::default()
        .with_name(StrBytes::from_static_str("min.insync.replicas"))
        .with_value(Some(StrBytes::from_string(minimum.to_string())))
}

/// Source: KIP-511, Kafka's `ApiVersionsRequest.isValid`.
fn is_software(name: &str) -> bool {
    let inner = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    inner && ends(name.chars().next()) && ends(name.chars().next_back())
}
