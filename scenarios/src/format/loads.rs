//! Reads `[[load]]` tables: clients and what they do.

use harrow_broker_model::config::{Acks, Assignor, GroupProtocol, OffsetReset, ServerAssignor};
use harrow_broker_model::note::IsolationLevel;
use harrow_broker_model::topic_pattern::TopicPattern;
use harrow_sim::plan::ProcessingGuarantee;

use super::limits::OVERHEAD_BYTES;
use super::place::Place;
use super::problem::name_help;
use super::reading::Reading;
use super::scenario::{LoadKind, LoadScenario, MemberScenario, PipelineScenario};
use super::section::Section;
use super::settings::Settings;
use super::value::{Choice, Numbers};
use crate::planner::defaults;

/// A load's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Sends.
    Producer,
    /// Sends in transactions.
    Transaction,
    /// Reads.
    Consumer,
    /// Works for a share group.
    ShareConsumer,
}

/// Why long pauses are refused.
pub(super) const PAUSE_HELD: &str =
    "and a run that makes no progress for so long after the heal is given up";

/// Simulated time that the pauses of a load may take.
pub(super) const HOURS_MAX: i64 = 96;

/// Names of the kinds.
const LOAD_KINDS: &[(&str, Kind)] = &[
    ("producer", Kind::Producer),
    ("consumer", Kind::Consumer),
    ("transaction", Kind::Transaction),
    ("share-consumer", Kind::ShareConsumer),
];

/// The names of all kinds of loads.
pub(super) fn load_kinds() -> impl Iterator<Item = &'static str> {
    LOAD_KINDS.iter().map(|(name, _)| *name)
}

/// `-1` is Kafka's other name of `all`.
const ACKS: &[(&str, Acks)] =
    &[("all", Acks::All), ("-1", Acks::All), ("1", Acks::Leader), ("0", Acks::None)];
const ASSIGNORS: &[(&str, Assignor)] = &[
    ("range", Assignor::Range),
    ("round-robin", Assignor::RoundRobin),
    ("sticky", Assignor::Sticky),
    ("cooperative-sticky", Assignor::CooperativeSticky),
];
const PROTOCOLS: &[(&str, GroupProtocol)] =
    &[("classic", GroupProtocol::Classic), ("consumer", GroupProtocol::Consumer)];
const SERVER_ASSIGNORS: &[(&str, Option<ServerAssignor>)] = &[
    ("none", None),
    ("uniform", Some(ServerAssignor::Uniform)),
    ("range", Some(ServerAssignor::Range)),
];
/// As Kafka has them; of durations, those in seconds.
const RESETS: &[&str] = &["earliest", "latest", "none", "by_duration:PT5S"];

const ISOLATIONS: &[(&str, IsolationLevel)] = &[
    ("read_uncommitted", IsolationLevel::ReadUncommitted),
    ("read_committed", IsolationLevel::ReadCommitted),
];

const GUARANTEES: &[(&str, ProcessingGuarantee)] = &[
    ("exactly-once", ProcessingGuarantee::ExactlyOnce),
    ("at-least-once", ProcessingGuarantee::AtLeastOnce),
    ("at-most-once", ProcessingGuarantee::AtMostOnce),
];

/// Reads one table.
pub(super) fn read(section: Section<'_>, reading: &mut Reading) -> LoadScenario {
    let named = section.kind("kind", LOAD_KINDS);
    let count = section.numbers_or("count", (0, 800), (1, 1));
    let chance = section.chance();
    let topics = topics(&section, reading);
    let (settings, kind) = match named {
        Kind::Producer => producer(&section),
        Kind::Transaction => transaction(&section),
        Kind::ShareConsumer => {
            let group = section.text("group.id", "\"workers\"");
            (section.settings(defaults::SHARE_CONSUMER), LoadKind::ShareConsumer { group })
        }
        Kind::Consumer => {
            let settings = section.settings(defaults::CONSUMER);
            let resets = (RESETS, RESETS[0]);
            let offset_reset = section.read_choice("auto.offset.reset", resets, OffsetReset::parse);
            let isolation = section.choice("isolation.level", ISOLATIONS, ISOLATIONS[0].1);
            let member = member(&section);
            let pipeline = pipeline(&section, &settings, member.is_some(), reading);
            let kind = LoadKind::Consumer { isolation, offset_reset, member, pipeline };
            (settings, kind)
        }
    };
    note_names(&kind, &count, reading);
    if count.greatest() > 0 {
        if named != Kind::ShareConsumer {
            check_times(&section, named, &settings, reading);
        }
        let request_ms = settings.get("request.timeout.ms").least();
        let least = reading.request_ms_min.map_or(request_ms, |least| least.min(request_ms));
        reading.request_ms_min = Some(least);
    }
    let sends = matches!(named, Kind::Producer | Kind::Transaction);
    if sends && count.greatest() > 0 {
        let value = settings.get("value_bytes").greatest() + OVERHEAD_BYTES;
        let batch = settings.get("batch.size").greatest().saturating_mul(value);
        reading.batch_bytes_max = reading.batch_bytes_max.max(batch);
        let each = match named {
            Kind::Transaction => settings.get("records").greatest(),
            Kind::Producer | Kind::Consumer | Kind::ShareConsumer => 1,
        };
        let operations = settings.get("operations").greatest().saturating_mul(each);
        let records = count.greatest().saturating_mul(operations);
        let sent = records.saturating_mul(value);
        reading.sent_bytes_max = reading.sent_bytes_max.saturating_add(sent);
    }
    if chance.numerator == chance.denominator {
        reading.clients_min += count.least();
    }
    reading.clients_max += count.greatest();
    let load = LoadScenario { count, chance, topics, settings, kind };
    reading.together.load(&section, &load);
    section.finish();
    load
}

/// Names by which faults find clients: groups, and the transactional ids that the planner gives.
fn note_names(kind: &LoadKind, count: &Numbers, reading: &mut Reading) {
    let (first, last) = (reading.clients_min + 1, reading.clients_max + count.greatest());
    let last = if count.greatest() > 0 { last } else { 0 };
    let numbered = (first..=last).map(|number| format!("t{number}"));
    match kind {
        LoadKind::Producer { .. } => {}
        LoadKind::ShareConsumer { group } => reading.groups.push(group.clone()),
        LoadKind::Transaction { transactional_id: Some(id) } => {
            reading.transactional_ids.push(id.clone());
        }
        LoadKind::Transaction { transactional_id: None } => {
            reading.transactional_ids.extend(numbered);
        }
        LoadKind::Consumer { member, pipeline, .. } => {
            reading.groups.extend(member.iter().map(|member| member.group.clone()));
            let exactly_once = ProcessingGuarantee::ExactlyOnce;
            let made =
                |pipeline: &PipelineScenario| pipeline.guarantee.options().contains(&exactly_once);
            if pipeline.as_ref().is_some_and(made) {
                reading.transactional_ids.extend(numbered);
            }
        }
    }
}

/// A load that begins after the faults shows nothing of them, and one that goes on for longer than four days is no
/// test.
fn check_times(section: &Section<'_>, kind: Kind, settings: &Settings, reading: &Reading) {
    let (start, heal) = (settings.get("start_ms").greatest(), reading.heal_at_ms_min);
    if start > heal {
        let message =
            format!("the load may begin at {start} ms, after the heal, which may be at {heal} ms");
        let help = "let it begin sooner, or raise `heal.at_ms`: faults are over by then";
        section.problem(&section.place_of("start_ms"), message, help);
    }
    let (operations, interval_us) =
        (settings.get("operations").greatest(), settings.get("interval_us").greatest());
    let poll_ms = match kind {
        Kind::Producer | Kind::ShareConsumer => 0,
        Kind::Transaction => settings.get("records").greatest() * settings.get("gap_ms").greatest(),
        Kind::Consumer => settings.get("poll_timeout_ms").greatest(),
    };
    let backoff_ms = settings.get("retry.backoff.ms").greatest();
    let (pause, converge) = (interval_us / 1_000 + poll_ms + backoff_ms, reading.converge_ms_min);
    if pause > converge {
        let message =
            format!("{pause} ms may pass between operations (with backoff and poll), {PAUSE_HELD}");
        let help = format!("at most {converge} ms, which is `heal.converge_within_ms`");
        section.problem(&section.place_of("interval_us"), message, help);
    }
    let hours = operations.saturating_mul(interval_us) / 3_600_000_000;
    if hours >= HOURS_MAX {
        let message = format!(
            "{operations} operations with pauses of up to {interval_us} us may take {hours} hours"
        );
        let help = format!("take fewer operations or shorter pauses: less than {HOURS_MAX} hours");
        section.problem(&section.place_of("interval_us"), message, help);
    }
}

fn topics(section: &Section<'_>, reading: &Reading) -> Vec<String> {
    let asked = section.texts("topics", "[\"orders\"]");
    known_topics(section, asked, reading)
}

fn known_topics(
    section: &Section<'_>,
    asked: Vec<(String, Place)>,
    reading: &Reading,
) -> Vec<String> {
    let names: Vec<&str> = reading.topics.iter().map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        section.problem(section.place(), "there is no topic to work on", "write a [[topic]]");
    }
    for (topic, place) in &asked {
        if !names.contains(&topic.as_str()) {
            section.problem(
                place,
                format!("there is no topic `{topic}`"),
                name_help(topic, &names),
            );
        }
    }
    asked.into_iter().map(|(topic, _)| topic).collect()
}

fn transaction(section: &Section<'_>) -> (Settings, LoadKind) {
    let settings = section.settings(defaults::TRANSACTION);
    let transactional_id = section.maybe_text("transactional_id", "\"payments\"");
    check_delivery(section, &settings);
    (settings, LoadKind::Transaction { transactional_id })
}

/// What a consumer makes of what it reads.
fn pipeline(
    section: &Section<'_>,
    reads: &Settings,
    is_member: bool,
    reading: &Reading,
) -> Option<PipelineScenario> {
    let outputs = section.texts("outputs", "[\"results\"]");
    let guarantee = section.choice("guarantee", GUARANTEES, ProcessingGuarantee::ExactlyOnce);
    if outputs.is_empty() {
        if section.has("guarantee") {
            let message = "`guarantee` is of a consumer that processes what it reads";
            section.problem(&section.place_of("guarantee"), message, "give it `outputs`");
        }
        return None;
    }
    if !is_member {
        let message = "only a member of a group processes what it reads";
        section.problem(&section.place_of("outputs"), message, "give it a `group.id`");
    }
    let outputs = known_topics(section, outputs, reading);
    let settings = section.settings(defaults::PIPELINE);
    let request_ms = reads.get("request.timeout.ms").greatest();
    let (needed, given) = (
        settings.get("linger.ms").greatest() + request_ms,
        settings.get("delivery.timeout.ms").least(),
    );
    if given < needed {
        let message = format!(
            "`delivery.timeout.ms` may be {given}, less than linger and request timeout, {needed}"
        );
        let place = section.place_of("delivery.timeout.ms");
        section.problem(&place, message, "raise it, as Kafka demands");
    }
    Some(PipelineScenario { outputs, guarantee, settings })
}

/// What makes a consumer a member of a group.
fn member(section: &Section<'_>) -> Option<MemberScenario> {
    let group = section.maybe_text("group.id", "\"group-a\"")?;
    let settings = section.settings(defaults::MEMBER);
    let auto_commit = section.flags("enable.auto.commit", true);
    let (beat, session) =
        (settings.get("heartbeat.interval.ms"), settings.get("session.timeout.ms"));
    if beat.greatest() >= session.least() {
        let message = format!(
            "`heartbeat.interval.ms` may be {}, not less than `session.timeout.ms`, {}",
            beat.greatest(),
            session.least()
        );
        let help = "lower it, as Kafka demands: usually to a third";
        section.problem(&section.place_of("heartbeat.interval.ms"), message, help);
    }
    Some(MemberScenario {
        group,
        pattern: pattern(section),
        close_stays: section.flags("close_stays", false),
        is_static: section.flags("static", false),
        assignor: section.choice("partition.assignment.strategy", ASSIGNORS, Assignor::Range),
        protocol: section.choice("group.protocol", PROTOCOLS, GroupProtocol::Classic),
        remote_assignor: section.choice("group.remote.assignor", SERVER_ASSIGNORS, None),
        commit_on_revoke: section.flags("commit_on_revoke", true),
        auto_commit,
        settings,
    })
}

/// The pattern by which a member subscribes.
fn pattern(section: &Section<'_>) -> Option<String> {
    let pattern = section.maybe_text("topic_pattern", "\"orders.*\"")?;
    let read = TopicPattern::parse(&pattern);
    if let Err(why) = &read {
        let help = "it is matched against whole names, such as `orders.*`";
        let message = format!("`{pattern}` is not a pattern: {why}");
        section.problem(&section.place_of("topic_pattern"), message, help);
    }
    read.is_ok().then_some(pattern)
}

fn producer(section: &Section<'_>) -> (Settings, LoadKind) {
    let settings = section.settings(defaults::PRODUCER);
    let acks = section.choice("acks", ACKS, Acks::All);
    let can_be_idempotent = acks.options().contains(&Acks::All);
    let idempotence = section.flags("enable.idempotence", can_be_idempotent);
    check_idempotence(section, &acks, &idempotence, &settings);
    check_delivery(section, &settings);
    (settings, LoadKind::Producer { acks, idempotence })
}

/// Kafka refuses a producer that would give up before it may ask again.
fn check_delivery(section: &Section<'_>, settings: &Settings) {
    let (linger, request) = (settings.get("linger.ms"), settings.get("request.timeout.ms"));
    let (needed, given) =
        (linger.greatest() + request.greatest(), settings.get("delivery.timeout.ms").least());
    if given < needed {
        let message = format!(
            "`delivery.timeout.ms` may be {given}, less than linger and request timeout, {needed}"
        );
        section.problem(
            &section.place_of("delivery.timeout.ms"),
            message,
            "raise it, as Kafka demands",
        );
    }
}

/// Kafka refuses an idempotent producer without `acks=all` or with more than 5 requests in flight. What a seed may
/// draw is made to fit by the planner; what can never fit is a mistake. Source: KIP-98, KIP-679.
fn check_idempotence(
    section: &Section<'_>,
    acks: &Choice<Acks>,
    idempotence: &Choice<bool>,
    settings: &Settings,
) {
    if idempotence.options().contains(&false) {
        return;
    }
    if !acks.options().contains(&Acks::All) {
        let help = "set `acks = \"all\"` or `enable.idempotence = false`";
        section.problem(
            &section.place_of("acks"),
            "an idempotent producer needs `acks = \"all\"`",
            help,
        );
    }
    let in_flight = settings.get("max.in.flight.requests.per.connection");
    if in_flight.least() > 5 {
        let message = format!(
            "an idempotent producer may have at most 5 requests in flight, not {in_flight}"
        );
        let place = section.place_of("max.in.flight.requests.per.connection");
        section.problem(&place, message, "set it to at most 5 or `enable.idempotence = false`");
    }
}
