//! Holds an edited plan to the bounds of a scenario: a run of nonsense would blame the model for it.

use std::collections::BTreeSet;

use harrow_broker_model::defect::{Defects, Version};
use harrow_broker_model::topic_pattern::TopicPattern;
use harrow_broker_model::types::NodeId;
use harrow_sim::plan::{Action, ClientPlan, PipelinePlan, Plan, ProcessingGuarantee, Target};
use harrow_sim::reach;
use serde_json::Value;

use super::cluster::{
    FLUSH_MESSAGES, FLUSH_MS, LAG_MS, MAX_LAG_MS, MESSAGE_BYTES, PERCENT, RETENTION, SEGMENT_MS,
    is_topic_name,
};
use super::json_place::place;
use super::limits::{self, Extremes, OFTEN_SLOW, OVERHEAD_BYTES, PARTITIONS_MAX, RUN_MS};
use super::loads::{HOURS_MAX, PAUSE_HELD};
use super::place::Place;
use super::plan_fields::{
    ADMIN, CALLS_FIELDS, CLEANER_FIELDS, CLUSTER_FIELDS, CONSUMER_CONFIG, CONSUMER_FIELDS,
    CONSUMER_GROUPS_FIELDS, COORDINATOR_FIELDS, DISK_FIELDS, Field, GROUP_FIELDS, MEMBER_FIELDS,
    METADATA_LOG_FIELDS, NETWORK_FIELDS, OFFSETS_TOPIC_FIELDS, PIPELINE_CONFIG, PIPELINE_FIELDS,
    PRODUCER_CONFIG, PRODUCER_FIELDS, SHARE_GROUPS_FIELDS, SHARE_TOPIC_FIELDS, STEP_FIELDS,
    THROTTLED_RATES_FIELDS, TRANSACTION_CONFIG, TRANSACTION_FIELDS, TRANSACTION_TOPIC_FIELDS,
    TRANSACTIONS_FIELDS, WORKER_FIELDS, field_bounds,
};
use super::problem::{Problem, ScenarioError, Sources, name_help};
use super::together::{Pipe, fed_by};

const HOUR_MS: i64 = 3_600_000;

/// Checks a plan that was read from a text; the error tells every mistake by its place there.
pub fn check_plan(origin: &str, text: &str, plan: &Plan) -> Result<(), ScenarioError> {
    let value = serde_json::to_value(plan).expect("a plan is plain data");
    let mut check = Check { text, plan, value: &value, problems: Vec::new() };
    check.name();
    check.rules();
    check.nodes();
    if !check.problems.is_empty() {
        // Who is there is what all else is held against.
        return Err(ScenarioError::of("plan", check.problems, &Sources::new(origin, text)));
    }
    check.numbers();
    check.topics();
    check.clients();
    check.circles();
    check.coordinators();
    check.clocks();
    check.steps();
    check.heal();
    check.extremes();
    if check.problems.is_empty() {
        return Ok(());
    }
    Err(ScenarioError::of("plan", check.problems, &Sources::new(origin, text)))
}

/// What is wrong with a version that the catalogue does not know, and what would be right.
pub(crate) fn unknown_version(version: Version) -> Option<(String, String)> {
    let newest = Version::NEWEST_COMPARED;
    let what = if version > newest {
        format!("Kafka {version} is newer than what the catalogue was compared with")
    } else {
        format!("there is no Kafka {version}")
    };
    let help = format!("give a version from 0.8 to {newest}, such as 3.9.1 or 4.1");
    (!version.is_known()).then_some((what, help))
}

struct Check<'a> {
    text: &'a str,
    plan: &'a Plan,
    /// The plan as JSON has it: numbers by their names.
    value: &'a Value,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn problem(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let bytes = place(self.text, path);
        let message = format!("{path}: {}", message.into());
        self.problems.push(Problem::new(Place { source: 0, bytes }, message, help));
    }

    fn at(&self, path: &str) -> &Value {
        let pointer = format!("/{}", path.replace('.', "/"));
        self.value.pointer(&pointer).unwrap_or(&Value::Null)
    }

    /// Reports, replays and files speak of it.
    fn name(&mut self) {
        if self.plan.scenario.trim().is_empty() {
            self.problem("scenario", "the plan has no name", "name the scenario that it is of");
        }
    }

    /// A version has all of its bugs and weaknesses.
    fn rules(&mut self) {
        let cluster = &self.plan.cluster;
        let Some(version) = cluster.kafka else { return };
        if let Some((what, help)) = unknown_version(version) {
            return self.problem("cluster.kafka", what, help);
        }
        let lacking = Defects::of_version(version).iter().find(|it| !cluster.defects.has(*it));
        if let Some(defect) = lacking {
            self.problem(
                "cluster.defects",
                format!("Kafka {version} has {defect}, which is not on"),
                "add it, or take `kafka` out: then the run is with the defects that are named",
            );
        }
    }

    /// How many there are, whose ids they have, and that nobody has another one's.
    fn nodes(&mut self) {
        let cluster = &self.plan.cluster;
        for (path, nodes, most) in [
            ("cluster.brokers", &cluster.brokers, 99),
            ("cluster.controllers", &cluster.controllers, 9),
        ] {
            if nodes.is_empty() || nodes.len() > most {
                let message = format!("{} nodes", nodes.len());
                self.problem(path, message, format!("there are 1 to {most}"));
            }
            if !nodes.is_sorted() {
                self.problem(path, "the ids are not in order", "write them ascending");
            }
        }
        self.observers();
        let mut seen = BTreeSet::new();
        for (path, node) in self.everybody() {
            if node.0 < 1 {
                let message = format!("{node} is no node id");
                self.problem(&path, message, "ids are numbers from 1");
            } else if !seen.insert(node) {
                let message = format!("two nodes have id {node}");
                self.problem(&path, message, "give each broker, controller and client its own");
            }
        }
    }

    /// Controllers that are no voters, and steps that change who votes, where voters can be changed.
    fn observers(&mut self) {
        let cluster = &self.plan.cluster;
        let (observers, controllers) =
            (cluster.observer_controllers as usize, cluster.controllers.len());
        let fixed = !cluster.is_reconfigurable();
        if observers > 0 && (fixed || observers >= controllers) {
            let message = format!("{observers} of {controllers} controllers are no voters");
            let help = "leave one voter at least, and set `kraft_version` to 1";
            self.problem("cluster.observer_controllers", message, help);
        }
        for (position, step) in self.plan.steps.iter().enumerate().filter(|_| fixed) {
            if matches!(step.action, Action::AddVoter { .. } | Action::RemoveVoter { .. }) {
                let help = "set `cluster.kraft_version` to 1, or take the step out";
                self.problem(&format!("steps.{position}.action"), "voters cannot be changed", help);
            }
        }
    }

    /// Every node with its place.
    fn everybody(&self) -> Vec<(String, NodeId)> {
        let Plan { cluster, clients, admin, fresh_producer, final_reader, .. } = self.plan;
        let mut all = Vec::new();
        for (path, nodes) in
            [("cluster.brokers", &cluster.brokers), ("cluster.controllers", &cluster.controllers)]
        {
            let placed = nodes.iter().enumerate();
            all.extend(placed.map(|(position, node)| (format!("{path}.{position}"), *node)));
        }
        for (position, client) in clients.iter().enumerate() {
            let node = match client {
                ClientPlan::Producer { config, .. } => config.node,
                ClientPlan::Consumer { config, .. } => config.node,
            };
            all.push((format!("clients.{position}.config.node"), node));
        }
        for (position, application) in self.plan.applications.iter().enumerate() {
            all.push((format!("applications.{position}.node"), application.node));
        }
        all.push(("admin.node".to_owned(), admin.node));
        all.push(("fresh_producer.node".to_owned(), fresh_producer.node));
        all.push(("final_reader.node".to_owned(), final_reader.node));
        all
    }

    fn is_known(&self, node: NodeId) -> bool {
        self.everybody().iter().any(|(_, known)| *known == node)
    }

    /// Every setting lies within its bounds.
    fn numbers(&mut self) {
        self.fields("cluster", CLUSTER_FIELDS);
        self.fields("cluster.cleaner", CLEANER_FIELDS);
        self.fields("cluster.metadata_log", METADATA_LOG_FIELDS);
        self.fields("cluster.throttled_rates", THROTTLED_RATES_FIELDS);
        self.fields("cluster.coordinators", COORDINATOR_FIELDS);
        self.fields("cluster.coordinators.consumer_groups", CONSUMER_GROUPS_FIELDS);
        let share = "cluster.coordinators.share_groups";
        self.fields(share, SHARE_GROUPS_FIELDS);
        self.fields(&format!("{share}.state_topic"), SHARE_TOPIC_FIELDS);
        self.fields("cluster.coordinators.offsets_topic", OFFSETS_TOPIC_FIELDS);
        self.fields("cluster.coordinators.transaction_topic", TRANSACTION_TOPIC_FIELDS);
        self.fields("network", NETWORK_FIELDS);
        self.fields("disk", DISK_FIELDS);
        self.fields("admin", ADMIN);
        self.fields("fresh_producer", PRODUCER_CONFIG);
        self.fields("final_reader", CONSUMER_CONFIG);
        self.number("heal_at_ms", (1, RUN_MS));
        self.number("converge_within_ms", (1, HOUR_MS));
        let cluster = &self.plan.cluster;
        if cluster.quorum_fetch_wait_max_ms >= cluster.quorum_fetch_timeout_ms {
            let help = "make `quorum_fetch_timeout_ms` longer than the wait";
            self.problem("cluster.quorum_fetch_timeout_ms", "a fetch times out as it waits", help);
        }
        if cluster.quorum_fetch_wait_max_ms >= cluster.request_timeout_ms {
            let help = "make `request_timeout_ms` longer than `quorum_fetch_wait_max_ms`";
            self.problem("cluster.request_timeout_ms", "a fetch is given up as it waits", help);
        }
        let groups = &cluster.coordinators.consumer_groups;
        if groups.heartbeat_interval_ms >= groups.session_timeout_ms {
            let help = "make it longer than `heartbeat_interval_ms`, as Kafka demands";
            let path = "cluster.coordinators.consumer_groups.session_timeout_ms";
            self.problem(path, "sessions end before the next heartbeat", help);
        }
        for path in ["admin", "fresh_producer", "final_reader"] {
            self.bootstrap(path);
        }
    }

    fn fields(&mut self, path: &str, fields: &[Field]) {
        for field in fields {
            self.number(&format!("{path}.{}", field.name), field_bounds(field));
        }
    }

    /// A number, or both ends of a range.
    fn number(&mut self, path: &str, bounds: (i64, i64)) {
        let bounds = (i128::from(bounds.0), i128::from(bounds.1));
        let read = |value: &Value| {
            let text = || value.as_str().and_then(|digits| digits.parse::<u64>().ok());
            let large = value.as_u64().or_else(text).map(i128::from);
            value.as_i64().map(i128::from).or(large).unwrap_or(bounds.0)
        };
        let value = self.at(path);
        let (low, high) = match value.as_array().map(Vec::as_slice) {
            Some([low, high]) => (read(low), read(high)),
            Some(_) | None => (read(value), read(value)),
        };
        if low > high {
            let help = "write the lower end first; both belong to the range";
            self.problem(path, format!("the range {low} to {high} is empty"), help);
        }
        if low < bounds.0 || high > bounds.1 {
            let found = if low < bounds.0 { low } else { high };
            let help = format!("it lies between {} and {}", bounds.0, bounds.1);
            self.problem(path, format!("{found} is out of bounds"), help);
        }
    }

    /// Whom a client asks first.
    fn bootstrap(&mut self, path: &str) {
        let path = format!("{path}.bootstrap");
        let brokers = &self.plan.cluster.brokers;
        let asked: Vec<i64> =
            self.at(&path).as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        let is_broker = |id: &i64| brokers.iter().any(|broker| i64::from(broker.0) == *id);
        if asked.is_empty() {
            self.problem(&path, "there is nobody to ask", "name one broker at least");
        } else if let Some(stranger) = asked.iter().find(|id| !is_broker(id)) {
            let message = format!("node {stranger} is no broker");
            self.problem(&path, message, "name ids of `cluster.brokers`");
        }
    }

    fn topics(&mut self) {
        let brokers = self.plan.cluster.brokers.len();
        let mut seen = BTreeSet::new();
        for (position, topic) in self.plan.topics.iter().enumerate() {
            let at = |field: &str| format!("topics.{position}.{field}");
            self.number(&at("partitions"), (1, PARTITIONS_MAX));
            if topic.initial_partitions.is_some() {
                self.number(&at("initial_partitions"), (1, i64::from(topic.partitions)));
            }
            self.number(&at("replication_factor"), (1, 99));
            self.number(&at("min_insync_replicas"), (1, 99));
            self.number(&at("max_message_bytes"), MESSAGE_BYTES);
            self.number(&at("flush_messages"), FLUSH_MESSAGES);
            self.number(&at("flush_ms"), FLUSH_MS);
            if !topic.retention.is_forever() {
                self.number(&at("retention.retention_ms"), RETENTION);
                self.number(&at("retention.retention_bytes"), RETENTION);
                self.number(&at("retention.segment_ms"), SEGMENT_MS);
            }
            if !topic.retention.compaction.is_none() {
                self.number(&at("retention.compaction.min_compaction_lag_ms"), LAG_MS);
                self.number(&at("retention.compaction.max_compaction_lag_ms"), MAX_LAG_MS);
                self.number(&at("retention.compaction.delete_retention_ms"), LAG_MS);
                self.number(&at("retention.compaction.min_cleanable_dirty_percent"), PERCENT);
                if !topic.retention.compaction.is_sane() {
                    let help = "make `min_compaction_lag_ms` at most as long as that";
                    let path = at("retention.compaction.max_compaction_lag_ms");
                    self.problem(&path, "records must be cleaned before they may be", help);
                }
            }
            let replicas = topic.replication_factor;
            if replicas as usize > brokers {
                let message = format!("{replicas} replicas do not fit on {brokers} brokers");
                self.problem(&at("replication_factor"), message, format!("at most {brokers} do"));
            }
            if topic.min_insync_replicas > replicas {
                let asked = topic.min_insync_replicas;
                let message = format!("{asked} in-sync replicas are asked of {replicas}");
                let help = format!("at most {replicas}; above it no write can succeed");
                self.problem(&at("min_insync_replicas"), message, help);
            }
            if !is_topic_name(&topic.name) {
                let help = "use letters, digits, `.`, `_` and `-`, at most 200";
                self.problem(&at("name"), format!("`{}` is not a topic name", topic.name), help);
            }
            if !seen.insert(&topic.name) {
                let message = format!("there are two topics `{}`", topic.name);
                self.problem(&at("name"), message, "rename one");
            }
        }
    }

    fn clients(&mut self) {
        for (position, client) in self.plan.clients.iter().enumerate() {
            let path = format!("clients.{position}");
            let config = format!("{path}.config");
            self.bootstrap(&config);
            let topics = match client {
                ClientPlan::Producer { config: producer, topics, transactions, .. } => {
                    if transactions.is_some() {
                        self.fields(&path, TRANSACTION_FIELDS);
                        self.fields(&config, TRANSACTION_CONFIG);
                        self.fields(&format!("{path}.transactions"), TRANSACTIONS_FIELDS);
                    } else {
                        self.fields(&path, PRODUCER_FIELDS);
                        self.fields(&config, PRODUCER_CONFIG);
                    }
                    self.producer(&config, producer);
                    if transactions.is_some() != producer.transactional_id.is_some() {
                        let message = "who sends in transactions has a transactional id, nobody \
                                       else has";
                        let at = format!("{config}.transactional_id");
                        self.problem(&at, message, "set both, or neither");
                    }
                    topics
                }
                ClientPlan::Consumer { config: consumer, topics, .. }
                    if consumer.worker.is_some() =>
                {
                    self.fields(&config, CONSUMER_CONFIG);
                    self.fields(&format!("{config}.worker"), WORKER_FIELDS);
                    topics
                }
                ClientPlan::Consumer { topics, pattern, pipeline, .. } => {
                    self.pipeline(&path, pipeline.as_ref());
                    self.fields(&path, CONSUMER_FIELDS);
                    self.fields(&config, CONSUMER_CONFIG);
                    self.fields(&format!("{config}.group"), GROUP_FIELDS);
                    self.fields(&format!("{path}.member"), MEMBER_FIELDS);
                    self.fields(&format!("{path}.member.calls"), CALLS_FIELDS);
                    self.pattern(&path, pattern.as_deref());
                    topics
                }
            };
            self.topics_of(&path, topics);
            self.times(&path, client);
        }
    }

    /// The topics in which coordinators keep what clients ask of them can be made, and groups have names.
    fn coordinators(&mut self) {
        let coordinators = &self.plan.cluster.coordinators;
        let clients = &self.plan.clients;
        let consumers = || {
            clients.iter().filter_map(|client| match client {
                ClientPlan::Consumer { config, .. } => Some(config),
                ClientPlan::Producer { .. } => None,
            })
        };
        let is_member = consumers().any(|config| config.group.is_some());
        let is_worker = consumers().any(|config| config.worker.is_some());
        let is_transactional = clients.iter().any(ClientPlan::is_transactional);
        for (path, topic, is_asked) in [
            ("offsets_topic", coordinators.offsets_topic, is_member),
            ("transaction_topic", coordinators.transaction_topic, is_transactional),
            ("share_groups.state_topic", coordinators.share_groups.state_topic, is_worker),
        ] {
            let (replicas, brokers) =
                (topic.replication_factor, self.plan.cluster.brokers.len() as u32);
            if is_asked && (replicas > brokers || topic.min_insync_replicas > replicas) {
                let asked = topic.min_insync_replicas;
                let message = format!(
                    "{replicas} replicas, of which {asked} in sync, are asked of {brokers} brokers"
                );
                let help = "no client could have a coordinator: ask for fewer";
                self.problem(&format!("cluster.coordinators.{path}"), message, help);
            }
        }
        for (position, client) in clients.iter().enumerate() {
            let ClientPlan::Consumer { config, member, pattern, pipeline, .. } = client else {
                continue;
            };
            let path = format!("clients.{position}.config.group");
            let needs = member.is_some() || pattern.is_some() || pipeline.is_some();
            match &config.group {
                Some(group) if group.group.is_empty() => {
                    self.problem(&format!("{path}.group"), "a group has a name", "give it one");
                }
                None if needs => {
                    let message =
                        "a consumer that is a member, subscribes or processes has a group";
                    self.problem(&path, message, "give it one, or take those out");
                }
                _ => {}
            }
        }
    }

    fn pipeline(&mut self, path: &str, pipeline: Option<&PipelinePlan>) {
        let Some(PipelinePlan { producer, outputs, guarantee, .. }) = pipeline else { return };
        self.fields(&format!("{path}.pipeline"), PIPELINE_FIELDS);
        let config = format!("{path}.pipeline.producer");
        self.bootstrap(&config);
        self.fields(&config, PIPELINE_CONFIG);
        self.producer(&config, producer);
        self.topics_at(&format!("{path}.pipeline.outputs"), outputs);
        let exactly_once = *guarantee == ProcessingGuarantee::ExactlyOnce;
        if exactly_once != producer.transactional_id.is_some() {
            let message = "who processes exactly once has a transactional id, nobody else has";
            self.problem(&format!("{config}.transactional_id"), message, "set both alike");
        }
    }

    /// What is processed for ever never comes to rest.
    fn circles(&mut self) {
        let pipe = |client: &ClientPlan| match client {
            ClientPlan::Consumer { topics, pipeline: Some(pipeline), .. } => {
                Some(Pipe { inputs: topics.clone(), outputs: pipeline.outputs.clone() })
            }
            ClientPlan::Consumer { .. } | ClientPlan::Producer { .. } => None,
        };
        let clients = &self.plan.clients;
        let all: Vec<Pipe> = clients.iter().filter_map(pipe).collect();
        for (position, client) in clients.iter().enumerate() {
            let Some(Pipe { inputs, outputs }) = pipe(client) else { continue };
            let fed = fed_by(&outputs, &all);
            if let Some(input) = inputs.iter().find(|input| fed.contains(input.as_str())) {
                let message = format!("what is written there comes back to `{input}`, for ever");
                let help = "write to a topic from which nothing leads back";
                self.problem(&format!("clients.{position}.pipeline.outputs"), message, help);
            }
        }
    }

    fn pattern(&mut self, path: &str, pattern: Option<&str>) {
        if let Some(Err(why)) = pattern.map(TopicPattern::parse) {
            self.problem(&format!("{path}.pattern"), why, "it is matched against whole names");
        }
    }

    fn producer(&mut self, path: &str, producer: &harrow_broker_model::config::ProducerConfig) {
        let all = producer.acks == harrow_broker_model::config::Acks::All;
        if producer.idempotence && (!all || producer.in_flight_max > 5) {
            let message = "it needs `acks` of `all` and at most 5 requests in flight";
            self.problem(&format!("{path}.idempotence"), message, "set it to false");
        }
        let needed = producer.linger_ms.saturating_add(producer.request_timeout_ms);
        if producer.delivery_timeout_ms < needed {
            let message = format!("less than linger and request timeout, {needed}");
            self.problem(
                &format!("{path}.delivery_timeout_ms"),
                message,
                "raise it, as Kafka demands",
            );
        }
    }

    fn topics_of(&mut self, path: &str, topics: &[String]) {
        self.topics_at(&format!("{path}.topics"), topics);
    }

    fn topics_at(&mut self, path: &str, topics: &[String]) {
        let known: Vec<&str> = self.plan.topics.iter().map(|topic| topic.name.as_str()).collect();
        if topics.is_empty() {
            self.problem(path, "there is no topic to work on", "name one at least");
        }
        for (position, topic) in topics.iter().enumerate() {
            if !known.contains(&topic.as_str()) {
                let message = format!("there is no topic `{topic}`");
                self.problem(&format!("{path}.{position}"), message, name_help(topic, &known));
            }
        }
    }

    fn times(&mut self, path: &str, client: &ClientPlan) {
        let (ClientPlan::Producer { start_ms, operations, interval_us, .. }
        | ClientPlan::Consumer { start_ms, operations, interval_us, .. }) = client;
        let heal = self.plan.heal_at_ms;
        if *start_ms > heal {
            let message = format!("the load begins at {start_ms} ms, the heal at {heal} ms");
            self.problem(&format!("{path}.start_ms"), message, "let it begin sooner");
        }
        let poll_ms = match client {
            ClientPlan::Producer { config, transactions, .. } => {
                let paused = transactions.map_or(0, |transactions| {
                    u64::from(transactions.records.1) * u64::from(transactions.gap_ms.1)
                });
                config.retry_backoff_ms.saturating_add(paused)
            }
            ClientPlan::Consumer { config, poll_timeout_ms, .. } => {
                config.retry_backoff_ms.saturating_add(u64::from(*poll_timeout_ms))
            }
        };
        let (pause, converge) =
            ((interval_us.1 / 1_000).saturating_add(poll_ms), self.plan.converge_within_ms);
        if pause > converge {
            let message = format!(
                "{pause} ms may pass between operations (with backoff and poll), {PAUSE_HELD}"
            );
            let help = format!("at most {converge} ms, which is `converge_within_ms`");
            self.problem(&format!("{path}.interval_us"), message, help);
        }
        let hours = u64::from(*operations).saturating_mul(interval_us.1) / 3_600_000_000;
        if hours >= HOURS_MAX as u64 {
            let message = format!("with these pauses, {operations} operations take {hours} hours");
            let help = format!("less than {HOURS_MAX} hours are allowed");
            self.problem(&format!("{path}.interval_us"), message, help);
        }
    }

    fn clocks(&mut self) {
        let mut seen = BTreeSet::new();
        for (position, clock) in self.plan.clocks.iter().enumerate() {
            let at = |field: &str| format!("clocks.{position}.{field}");
            self.number(&at("offset_ms"), (-86_400_000, 86_400_000));
            self.number(&at("drift_ppm"), (-500_000, 500_000));
            if !self.is_known(clock.node) {
                let message = format!("there is no node {}", clock.node);
                self.problem(&at("node"), message, "name a broker, controller or client");
            } else if !seen.insert(clock.node) {
                let message = format!("node {} has a clock already", clock.node);
                self.problem(&at("node"), message, "put both into one");
            }
        }
    }

    fn steps(&mut self) {
        let mut seen = BTreeSet::new();
        let mut before = 0;
        for (position, step) in self.plan.steps.iter().enumerate() {
            let path = format!("steps.{position}");
            if !seen.insert(step.id) {
                let message = format!("two steps have id {}", step.id);
                self.problem(&format!("{path}.id"), message, "give each its own");
            }
            if step.at_ms < before {
                let help = "steps stand in order of time; move it up";
                self.problem(&format!("{path}.at_ms"), "it comes before the step above", help);
            }
            before = step.at_ms;
            self.action(&format!("{path}.action"));
            self.end(&path, step.at_ms, &step.action);
        }
    }

    /// Numbers within bounds, and targets that somebody can be.
    fn action(&mut self, path: &str) {
        for field in STEP_FIELDS {
            let path = format!("{path}.{}", field.name);
            if !self.at(&path).is_null() {
                self.number(&path, field_bounds(field));
            }
        }
        for name in ["target", "cut.target", "cut.from", "cut.to", "cut.a", "cut.b"] {
            let path = format!("{path}.{name}");
            let target = self.at(&path).as_str().and_then(|text| Target::parse(text).ok());
            if let Some(Err((message, help))) = target.map(|target| self.target(&target)) {
                self.problem(&path, message, help);
            }
        }
    }

    fn target(&self, target: &Target) -> Result<(), (String, String)> {
        match target {
            Target::LeaderOf(topic, index)
            | Target::FollowerOf(topic, index)
            | Target::IsrFollowerOf(topic, index) => {
                let topics = &self.plan.topics;
                let Some(found) = topics.iter().find(|known| known.name == *topic) else {
                    let names: Vec<&str> = topics.iter().map(|known| known.name.as_str()).collect();
                    return Err((format!("there is no topic `{topic}`"), name_help(topic, &names)));
                };
                if *index < found.partitions {
                    return Ok(());
                }
                let help = format!("its partitions are 0 to {}", found.partitions.max(1) - 1);
                Err((format!("topic `{topic}` has no partition {index}"), help))
            }
            Target::Node(node) if !self.is_known(*node) => {
                let help = "name a broker, controller or client of the plan".to_owned();
                Err((format!("there is no node {node}"), help))
            }
            Target::Application(name) => {
                let known = self.plan.applications.iter().map(|known| known.name.as_str());
                let names: Vec<&str> = known.collect();
                if names.contains(&name.as_str()) {
                    return Ok(());
                }
                Err((format!("there is no application `{name}`"), name_help(name, &names)))
            }
            Target::Node(_)
            | Target::TransactionCoordinatorOf(_)
            | Target::ActiveController
            | Target::StandbyController
            | Target::AnyController
            | Target::AnyBroker
            | Target::AnyNode
            | Target::AnyClient
            | Target::CoordinatorOf(_)
            | Target::MemberOf(_) => Ok(()),
        }
    }

    /// Every fault is over when the heal begins.
    fn end(&mut self, path: &str, at_ms: u64, action: &Action) {
        let number = |name: &str| self.at(&format!("{path}.action.{name}")).as_u64().unwrap_or(0);
        let each = number("down_ms").max(number("for_ms")).saturating_add(number("gap_ms"));
        let rolls = matches!(action, Action::RollingRestart { .. });
        let times = if rolls { self.plan.cluster.brokers.len() as u64 } else { 1 };
        let (last, heal) = (at_ms.saturating_add(each.saturating_mul(times)), self.plan.heal_at_ms);
        if last > heal {
            let message = format!("this fault may last until {last} ms, the heal is at {heal} ms");
            let help = "let it begin or end sooner, or raise `heal_at_ms`";
            self.problem(&format!("{path}.at_ms"), message, help);
        }
    }

    /// Whom the heal leaves outside, and what is to be reached.
    fn heal(&mut self) {
        let cluster = &self.plan.cluster;
        let outside = self.plan.core.as_ref().map_or(&[][..], |core| &core.outside);
        for group in [&cluster.brokers, &cluster.controllers] {
            let out = outside.iter().filter(|node| group.contains(node)).count();
            if out > 0 && out * 2 >= group.len() {
                let message = format!("{out} of {} nodes stay outside", group.len());
                let help = "less than half of the brokers and of the controllers do";
                self.problem("core.outside", message, help);
            }
        }
        let inside =
            |node: &&NodeId| !cluster.brokers.contains(node) && !cluster.controllers.contains(node);
        if let Some(stranger) = outside.iter().find(inside) {
            let message = format!("node {stranger} is neither broker nor controller");
            self.problem("core.outside", message, "name nodes of the cluster");
        }
        for (position, mark) in self.plan.expect.reach.iter().enumerate() {
            if !reach::is_known(mark) {
                let path = format!("expect.reach.{position}");
                let message = format!("`{mark}` is not a reach mark");
                self.problem(&path, message, name_help(mark, reach::ALL));
            }
        }
    }

    /// Numbers that are sound one by one.
    fn extremes(&mut self) {
        for contradiction in self.worst().contradictions() {
            let (section, key) = contradiction.at;
            let path = match section {
                "topic" => "topics".to_owned(),
                _ => format!("{section}.{}", key.replace('.', "_")),
            };
            self.problem(&path, contradiction.message, contradiction.help);
        }
    }

    fn worst(&self) -> Extremes {
        let Plan { cluster, network, disk, topics, clients, .. } = self.plan;
        let often = network.slow_one_in > 0 && i64::from(network.slow_one_in) < OFTEN_SLOW;
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX).min(1 << 40);
        let usual = |(low, high): (u64, u64)| limits::usual((number(low), number(high)));
        let slow_us = if often { usual(network.slow_extra_us) } else { 0 };
        let total =
            |of: fn(&harrow_sim::plan::TopicPlan) -> u64| number(topics.iter().map(of).sum());
        let sent = clients.iter().map(|client| match client {
            ClientPlan::Producer { config, operations, transactions, .. } => {
                let value = i64::from(config.value_bytes) + OVERHEAD_BYTES;
                let batch = value.saturating_mul(i64::from(config.batch_records_max));
                let each = transactions.map_or(1, |transactions| transactions.records.1);
                let records = i64::from(*operations).saturating_mul(i64::from(each));
                (batch, value.saturating_mul(records))
            }
            ClientPlan::Consumer {
                pipeline: Some(pipeline), operations, poll_records_max, ..
            } => {
                let value = i64::from(pipeline.producer.value_bytes) + OVERHEAD_BYTES;
                let batch = i64::from(pipeline.producer.batch_records_max);
                let records = i64::from(*operations).saturating_mul(i64::from(*poll_records_max));
                (value.saturating_mul(batch), value.saturating_mul(records))
            }
            ClientPlan::Consumer { pipeline: None, .. } => (0, 0),
        });
        let sent: Vec<(i64, i64)> = sent.collect();
        let voters = cluster.controllers.len() as i64 - i64::from(cluster.observer_controllers);
        Extremes {
            latency_us: usual(network.latency_us) + slow_us,
            client_latency_us: usual(network.client_latency_us) + slow_us,
            round_trip_us: 2 * number(network.client_latency_us.0),
            request_ms: clients.iter().map(request_ms).map(number).min(),
            setup_us: 2 * number(network.latency_us.0.max(network.client_latency_us.0)),
            connect_ms: number(network.connect_timeout_ms),
            commit_us: limits::commit_us(number(network.latency_us.0), voters),
            node_request_ms: number(cluster.request_timeout_ms),
            slow_us: if network.slow_one_in > 0 { number(network.slow_extra_us.1) } else { 0 },
            sync_us: usual(disk.sync_us),
            election_ms: number(cluster.quorum_election_timeout_ms),
            heartbeat_ms: number(cluster.broker_heartbeat_interval_ms),
            session_ms: number(cluster.broker_session_timeout_ms),
            bandwidth: bounded(number(network.bandwidth_bytes_per_second)),
            capacity: bounded(number(disk.capacity_bytes)),
            batch_bytes: sent.iter().map(|(batch, _)| *batch).max().unwrap_or(0),
            sent_bytes: sent.iter().fold(0, |sum: i64, (_, all)| sum.saturating_add(*all)),
            partitions: total(|topic| u64::from(topic.partitions)),
            replicas: total(|topic| {
                u64::from(topic.partitions) * u64::from(topic.replication_factor)
            }),
        }
    }
}

/// `request.timeout.ms` of a client.
fn request_ms(client: &ClientPlan) -> u64 {
    match client {
        ClientPlan::Producer { config, .. } => config.request_timeout_ms,
        ClientPlan::Consumer { config, .. } => config.request_timeout_ms,
    }
}

/// Zero stands for unbounded.
fn bounded(number: i64) -> Option<i64> {
    limits::least_bounded(&[(number, number)])
}
