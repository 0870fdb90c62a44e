//! Draws clients and their loads.

use harrow_broker_model::config::{
    Acks, AdminConfig, ClusterConfig, ConsumerConfig, MemberConfig, OffsetReset, ProducerConfig,
    WorkerConfig,
};
use harrow_broker_model::note::IsolationLevel;
use harrow_broker_model::topic_pattern::TopicPattern;
use harrow_broker_model::types::NodeId;
use harrow_sim::plan::{
    CallsPlan, ClientPlan, MemberPlan, PipelinePlan, ProcessingGuarantee, TopicPlan,
    TransactionsPlan,
};

use super::cluster::is_copy_of;
use super::defaults::{
    CLIENTS_FROM, admin as admin_defaults, final_reader as reader_defaults,
    fresh_producer as fresh_defaults,
};
use super::drawn::Drawn;
use super::draws::Draws;
use crate::format::{Choice, LoadKind, LoadScenario, MemberScenario, PipelineScenario};

/// At most so many requests in flight with idempotence. Source: KIP-98, the broker remembers five batches.
const IN_FLIGHT_MAX_IDEMPOTENT: u32 = 5;

/// What clients of a load have in common.
struct Common<'a> {
    load: &'a LoadScenario,
    /// Of the whole load.
    draws: &'a Draws,
    topics: Vec<String>,
    cluster: &'a ClusterConfig,
}

pub(super) fn clients(
    loads: &[LoadScenario],
    topics: &[TopicPlan],
    cluster: &ClusterConfig,
    draws: &Draws,
) -> Vec<ClientPlan> {
    let mut clients = Vec::new();
    let (mut producers, mut consumers, mut transactions, mut workers) = (0, 0, 0, 0);
    for load in loads {
        let draws = match &load.kind {
            LoadKind::Producer { .. } => draws.at("producer").at(next(&mut producers)),
            LoadKind::Transaction { .. } => draws.at("transaction").at(next(&mut transactions)),
            LoadKind::Consumer { .. } => draws.at("consumer").at(next(&mut consumers)),
            LoadKind::ShareConsumer { .. } => draws.at("share-consumer").at(next(&mut workers)),
        };
        if !draws.at("chance").happens(load.chance) {
            continue;
        }
        let common = Common { load, draws: &draws, topics: topics_of(load, topics), cluster };
        for index in 0..draws.at("count").small(&load.count) {
            let node = NodeId(CLIENTS_FROM + clients.len() as i32);
            clients.push(client(&common, node, &draws.at("client").at(index)));
        }
    }
    clients
}

fn next(counter: &mut u32) -> u32 {
    *counter += 1;
    *counter - 1
}

fn topics_of(load: &LoadScenario, topics: &[TopicPlan]) -> Vec<String> {
    let pattern = pattern_of(load);
    let wanted = |name: &str| {
        let named = load.topics.is_empty() || load.topics.iter().any(|it| is_copy_of(name, it));
        pattern.as_ref().map_or(named, |pattern| pattern.matches(name))
    };
    topics.iter().map(|topic| topic.name.clone()).filter(|name| wanted(name)).collect()
}

/// The pattern by which members of a group subscribe: what matches it is what they read.
fn pattern_of(load: &LoadScenario) -> Option<TopicPattern> {
    let LoadKind::Consumer { member: Some(member), .. } = &load.kind else { return None };
    member.pattern.as_deref().and_then(|pattern| TopicPattern::parse(pattern).ok())
}

fn client(common: &Common<'_>, node: NodeId, draws: &Draws) -> ClientPlan {
    let drawn = Drawn { settings: &common.load.settings, draws };
    match &common.load.kind {
        LoadKind::Producer { acks, idempotence } => ClientPlan::Producer {
            config: producer(common, node, &drawn, (acks, idempotence)),
            topics: common.topics.clone(),
            keys: drawn.int("keys"),
            operations: drawn.int("operations"),
            start_ms: drawn.long("start_ms"),
            interval_us: drawn.range("interval_us"),
            outstanding_max: drawn.int("outstanding_max"),
            transactions: None,
            tombstone_one_in: drawn.int("tombstone_one_in"),
            hot_key_percent: drawn.int("hot_key_percent"),
        },
        LoadKind::Transaction { transactional_id } => ClientPlan::Producer {
            config: transactional(common, node, &drawn, transactional_id.as_deref()),
            topics: common.topics.clone(),
            keys: drawn.int("keys"),
            operations: drawn.int("operations"),
            start_ms: drawn.long("start_ms"),
            interval_us: drawn.range("interval_us"),
            outstanding_max: 1,
            transactions: Some(TransactionsPlan {
                records: small_range(drawn.range("records")),
                gap_ms: small_range(drawn.range("gap_ms")),
                abort_one_in: drawn.int("abort_one_in"),
            }),
            tombstone_one_in: drawn.int("tombstone_one_in"),
            hot_key_percent: drawn.int("hot_key_percent"),
        },
        LoadKind::ShareConsumer { group } => share_consumer(common, node, &drawn, group),
        LoadKind::Consumer { isolation, offset_reset, member, pipeline } => ClientPlan::Consumer {
            pipeline: pipeline
                .as_ref()
                .map(|pipeline| pipeline_plan(common, node, &drawn, pipeline)),
            config: ConsumerConfig {
                group: member.as_ref().map(|member| member_config(common, node, &drawn, member)),
                ..consumer(common, node, &drawn, (isolation, offset_reset))
            },
            member: member.as_ref().map(|member| member_plan(&drawn, member)),
            pattern: member.as_ref().and_then(|member| member.pattern.clone()),
            topics: common.topics.clone(),
            start_ms: drawn.long("start_ms"),
            operations: drawn.int("operations"),
            interval_us: drawn.range("interval_us"),
            poll_timeout_ms: drawn.int("poll_timeout_ms"),
            poll_records_max: drawn.int("max.poll.records"),
            end_offset_every: drawn.int("end_offset_every"),
            reassign_every: drawn.int("reassign_every"),
            resume_every: drawn.int("resume_every"),
        },
    }
}

fn producer(
    common: &Common<'_>,
    node: NodeId,
    drawn: &Drawn<'_>,
    (acks, idempotence): (&Choice<Acks>, &Choice<bool>),
) -> ProducerConfig {
    let acks = *drawn.draws.at("acks").pick(acks);
    let idempotence = *drawn.draws.at("enable.idempotence").pick(idempotence) && acks == Acks::All;
    let in_flight_max = drawn.int("max.in.flight.requests.per.connection");
    ProducerConfig {
        node,
        bootstrap: common.cluster.brokers.clone(),
        jitter_salt: drawn.draws.at("jitter").bits(),
        acks,
        idempotence,
        linger_ms: drawn.long("linger.ms"),
        batch_records_max: drawn.int("batch.size"),
        in_flight_max: if idempotence {
            in_flight_max.min(IN_FLIGHT_MAX_IDEMPOTENT)
        } else {
            in_flight_max
        },
        request_timeout_ms: drawn.long("request.timeout.ms"),
        retry_backoff_ms: drawn.long("retry.backoff.ms"),
        delivery_timeout_ms: drawn.long("delivery.timeout.ms"),
        metadata_max_age_ms: drawn.long("metadata.max.age.ms"),
        value_bytes: drawn.int("value_bytes"),
        transactional_id: None,
        transaction_version: 2,
        transaction_timeout_ms: 60_000,
    }
}

fn small_range((low, high): (u64, u64)) -> (u32, u32) {
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    (small(low), small(high))
}

/// A transactional producer; each client has an id of its own unless the load names one.
fn transactional(
    common: &Common<'_>,
    node: NodeId,
    drawn: &Drawn<'_>,
    transactional_id: Option<&str>,
) -> ProducerConfig {
    let own = || format!("t{}", node.0 - CLIENTS_FROM + 1);
    ProducerConfig {
        node,
        bootstrap: common.cluster.brokers.clone(),
        jitter_salt: drawn.draws.at("jitter").bits(),
        acks: Acks::All,
        idempotence: true,
        linger_ms: drawn.long("linger.ms"),
        batch_records_max: drawn.int("batch.size"),
        in_flight_max: drawn.int("max.in.flight.requests.per.connection"),
        request_timeout_ms: drawn.long("request.timeout.ms"),
        retry_backoff_ms: drawn.long("retry.backoff.ms"),
        delivery_timeout_ms: drawn.long("delivery.timeout.ms"),
        metadata_max_age_ms: drawn.long("metadata.max.age.ms"),
        value_bytes: drawn.int("value_bytes"),
        transactional_id: Some(transactional_id.map_or_else(own, str::to_owned)),
        transaction_version: common.cluster.transaction_version,
        transaction_timeout_ms: drawn.long("transaction.timeout.ms"),
    }
}

fn consumer(
    common: &Common<'_>,
    node: NodeId,
    drawn: &Drawn<'_>,
    (isolation, offset_reset): (&Choice<IsolationLevel>, &Choice<OffsetReset>),
) -> ConsumerConfig {
    ConsumerConfig {
        node,
        bootstrap: common.cluster.brokers.clone(),
        jitter_salt: drawn.draws.at("jitter").bits(),
        fetch_wait_max_ms: drawn.long("fetch.max.wait.ms"),
        fetch_max_bytes: drawn.int("fetch.max.bytes"),
        request_timeout_ms: drawn.long("request.timeout.ms"),
        retry_backoff_ms: drawn.long("retry.backoff.ms"),
        metadata_max_age_ms: drawn.long("metadata.max.age.ms"),
        offset_reset: *drawn.draws.at("auto.offset.reset").pick(offset_reset),
        isolation: *drawn.draws.at("isolation.level").pick(isolation),
        rack: drawn.int("client.rack"),
        group: None,
        worker: None,
    }
}

/// A worker of a share group. It works by itself: nothing is asked of it.
fn share_consumer(common: &Common<'_>, node: NodeId, drawn: &Drawn<'_>, group: &str) -> ClientPlan {
    let worker = WorkerConfig {
        group: group.to_owned(),
        records_max: drawn.int("max.poll.records"),
        processing_ms: drawn.range("processing_ms"),
        stall_one_in: drawn.int("stall_one_in"),
        stall_ms: drawn.long("stall_ms"),
        release_one_in: drawn.int("release_one_in"),
        reject_one_in: drawn.int("reject_one_in"),
        record_salt: common.draws.at("records").bits(),
    };
    ClientPlan::Consumer {
        topics: common.topics.clone(),
        poll_records_max: worker.records_max,
        config: ConsumerConfig {
            node,
            bootstrap: common.cluster.brokers.clone(),
            jitter_salt: drawn.draws.at("jitter").bits(),
            fetch_wait_max_ms: drawn.long("fetch.max.wait.ms"),
            fetch_max_bytes: reader_defaults::FETCH_MAX_BYTES,
            request_timeout_ms: drawn.long("request.timeout.ms"),
            retry_backoff_ms: drawn.long("retry.backoff.ms"),
            metadata_max_age_ms: drawn.long("metadata.max.age.ms"),
            offset_reset: OffsetReset::Earliest,
            isolation: IsolationLevel::ReadUncommitted,
            rack: 0,
            group: None,
            worker: Some(worker),
        },
        pattern: None,
        start_ms: 0,
        operations: 0,
        interval_us: (0, 0),
        poll_timeout_ms: 1,
        end_offset_every: 0,
        reassign_every: 0,
        resume_every: 0,
        member: None,
        pipeline: None,
    }
}

/// Assignor and protocol are drawn for the whole load: members that share none cannot be in one group.
fn member_config(
    common: &Common<'_>,
    node: NodeId,
    drawn: &Drawn<'_>,
    member: &MemberScenario,
) -> MemberConfig {
    let own = Drawn { settings: &member.settings, draws: drawn.draws };
    let is_static = *drawn.draws.at("static").pick(&member.is_static);
    MemberConfig {
        group: member.group.clone(),
        instance: is_static.then(|| format!("{}-{node}", member.group)),
        assignor: *common.draws.at("partition.assignment.strategy").pick(&member.assignor),
        session_timeout_ms: own.long("session.timeout.ms"),
        heartbeat_interval_ms: own.long("heartbeat.interval.ms"),
        max_poll_interval_ms: own.long("max.poll.interval.ms"),
        api_timeout_ms: own.long("default.api.timeout.ms"),
        protocol: *common.draws.at("group.protocol").pick(&member.protocol),
        remote_assignor: *common.draws.at("group.remote.assignor").pick(&member.remote_assignor),
    }
}

fn member_plan(drawn: &Drawn<'_>, member: &MemberScenario) -> MemberPlan {
    let own = Drawn { settings: &member.settings, draws: drawn.draws };
    let auto_commit = *drawn.draws.at("enable.auto.commit").pick(&member.auto_commit);
    MemberPlan {
        auto_commit_interval_ms: if auto_commit { own.long("auto.commit.interval.ms") } else { 0 },
        commit_every: own.int("commit_every"),
        commit_on_revoke: *drawn.draws.at("commit_on_revoke").pick(&member.commit_on_revoke),
        leave_every: own.int("leave_every"),
        calls: CallsPlan {
            seek_every: own.int("seek_every"),
            pause_every: own.int("pause_every"),
            wakeup_every: own.int("wakeup_every"),
            close_every: own.int("close_every"),
            close_stays: *drawn.draws.at("close_stays").pick(&member.close_stays),
            poison_one_in: own.int("poison_one_in"),
            poison_ms: own.int("poison_ms"),
        },
    }
}

/// What a consumer makes of what it reads. One that processes exactly once has a transactional id of its own.
fn pipeline_plan(
    common: &Common<'_>,
    node: NodeId,
    drawn: &Drawn<'_>,
    pipeline: &PipelineScenario,
) -> PipelinePlan {
    let own = Drawn { settings: &pipeline.settings, draws: drawn.draws };
    let guarantee = *drawn.draws.at("guarantee").pick(&pipeline.guarantee);
    let id = || format!("t{}", node.0 - CLIENTS_FROM + 1);
    let transactional_id = (guarantee == ProcessingGuarantee::ExactlyOnce).then(id);
    let producer = ProducerConfig {
        node,
        bootstrap: common.cluster.brokers.clone(),
        jitter_salt: drawn.draws.at("producer-jitter").bits(),
        acks: Acks::All,
        idempotence: true,
        linger_ms: own.long("linger.ms"),
        batch_records_max: 16,
        in_flight_max: IN_FLIGHT_MAX_IDEMPOTENT,
        request_timeout_ms: drawn.long("request.timeout.ms"),
        retry_backoff_ms: drawn.long("retry.backoff.ms"),
        delivery_timeout_ms: own.long("delivery.timeout.ms"),
        metadata_max_age_ms: drawn.long("metadata.max.age.ms"),
        value_bytes: own.int("value_bytes"),
        transactional_id,
        transaction_version: common.cluster.transaction_version,
        transaction_timeout_ms: own.long("transaction.timeout.ms"),
    };
    PipelinePlan {
        producer,
        outputs: pipeline.outputs.clone(),
        guarantee,
        processed_within_ms: own.int("processed_within_ms"),
    }
}

/// The client that creates the topics.
pub(super) fn admin(cluster: &ClusterConfig) -> AdminConfig {
    AdminConfig {
        node: NodeId(admin_defaults::NODE),
        bootstrap: cluster.brokers.clone(),
        request_timeout_ms: admin_defaults::REQUEST_TIMEOUT_MS,
        retry_backoff_ms: admin_defaults::RETRY_BACKOFF_MS,
        api_timeout_ms: admin_defaults::API_TIMEOUT_MS,
    }
}

/// The client that sends to every partition after the heal.
pub(super) fn fresh_producer(cluster: &ClusterConfig) -> ProducerConfig {
    ProducerConfig {
        node: NodeId(fresh_defaults::NODE),
        bootstrap: cluster.brokers.clone(),
        jitter_salt: cluster.jitter_salt,
        acks: Acks::All,
        idempotence: true,
        linger_ms: 0,
        batch_records_max: 1,
        in_flight_max: IN_FLIGHT_MAX_IDEMPOTENT,
        request_timeout_ms: fresh_defaults::REQUEST_TIMEOUT_MS,
        retry_backoff_ms: fresh_defaults::RETRY_BACKOFF_MS,
        delivery_timeout_ms: fresh_defaults::DELIVERY_TIMEOUT_MS,
        metadata_max_age_ms: fresh_defaults::METADATA_MAX_AGE_MS,
        value_bytes: fresh_defaults::VALUE_BYTES,
        transactional_id: None,
        transaction_version: 2,
        transaction_timeout_ms: 60_000,
    }
}

/// The client that reads everything at the end; where there are transactions, what is committed of them.
pub(super) fn final_reader(cluster: &ClusterConfig, clients: &[ClientPlan]) -> ConsumerConfig {
    let isolation = if clients.iter().any(ClientPlan::is_transactional) {
        IsolationLevel::ReadCommitted
    } else {
        IsolationLevel::ReadUncommitted
    };
    ConsumerConfig {
        node: NodeId(reader_defaults::NODE),
        bootstrap: cluster.brokers.clone(),
        jitter_salt: cluster.jitter_salt,
        fetch_wait_max_ms: reader_defaults::FETCH_WAIT_MAX_MS,
        fetch_max_bytes: reader_defaults::FETCH_MAX_BYTES,
        request_timeout_ms: reader_defaults::REQUEST_TIMEOUT_MS,
        retry_backoff_ms: reader_defaults::RETRY_BACKOFF_MS,
        metadata_max_age_ms: reader_defaults::METADATA_MAX_AGE_MS,
        offset_reset: OffsetReset::Earliest,
        isolation,
        rack: 0,
        group: None,
        worker: None,
    }
}

/// The node id of a client.
pub(super) fn node(client: &ClientPlan) -> NodeId {
    match client {
        ClientPlan::Producer { config, .. } => config.node,
        ClientPlan::Consumer { config, .. } => config.node,
    }
}
