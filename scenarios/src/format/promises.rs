//! The configuration beside a history: what its clients were promised and what was done to their cluster, by Kafka's
//! names, read with every mistake told by its place.

use std::collections::BTreeMap;

use harrow_broker_model::config::Acks;
use harrow_reports::check::LogPast;
use harrow_reports::config::{
    DamagedLog, DroppedRange, FaultTerms, GroupTerms, HistoryConfig, PartitionFacts, TopicTerms,
};
use harrow_reports::policy::{
    Damage, DamageKind, Isolation, LeaderChange, MetadataDamage, MovedByHand, PartitionTerms,
    ProducerTerms, Reset,
};
use harrow_sim::plan::ProcessingGuarantee;

use super::problem::{ScenarioError, Sources};
use super::section::{Problems, Section};
use super::{Document, Kind, tree};

/// `-1` is Kafka's other name of `all`; the first name of a meaning is the one that is printed.
pub(super) const ACKS: [(&str, Acks); 4] =
    [("all", Acks::All), ("-1", Acks::All), ("1", Acks::Leader), ("0", Acks::None)];
pub(super) const ISOLATION: [(&str, Isolation); 2] = [
    ("read_committed", Isolation::ReadCommitted),
    ("read_uncommitted", Isolation::ReadUncommitted),
];
/// With `none`, a consumer that has nowhere to start is told so and stops: like `earliest`, it never jumps to the end.
pub(super) const RESET: [(&str, Reset); 4] = [
    (Reset::Earliest.name(), Reset::Earliest),
    (Reset::Latest.name(), Reset::Latest),
    (Reset::None.name(), Reset::None),
    (Reset::ByDuration.name(), Reset::ByDuration),
];
/// How a broker lost its data, as faults are called; it changes no verdict, and is told.
pub(super) const DAMAGE: [(&str, DamageKind); 5] = [
    ("unknown", DamageKind::Unknown),
    ("power-loss", DamageKind::PowerLoss),
    ("wipe-disk", DamageKind::Wipe),
    ("lying-sync", DamageKind::LyingSync),
    ("bit-rot", DamageKind::BitRot),
];
pub(super) const PROTOCOL: [(&str, bool); 2] = [("classic", false), ("consumer", true)];
/// How often a group processes a record.
pub(super) const GUARANTEE: [(&str, ProcessingGuarantee); 3] = [
    ("exactly-once", ProcessingGuarantee::ExactlyOnce),
    ("at-least-once", ProcessingGuarantee::AtLeastOnce),
    ("at-most-once", ProcessingGuarantee::AtMostOnce),
];
/// Whether a topic is compacted; what retention removes besides is told by `log_start_offset`.
pub(super) const CLEANUP: [(&str, bool); 4] =
    [("delete", false), ("compact", true), ("compact,delete", true), ("delete,compact", true)];
/// Whether it is known what unclean elections dropped.
pub(super) const ELECTIONS: [(&str, bool); 2] = [("unknown", false), ("listed", true)];

const CONFIG: Kind = Kind {
    title: "a history's configuration",
    plain: &[],
    single: &["producer", "consumer", "broker", "faults"],
    several: &["process", "group", "moved", "topic", "partition", "dropped", "damage", "corrupt"],
};

/// The highest number that a TOML integer has.
const MOST: i64 = i64::MAX;
const REPLICAS_MOST: i64 = 1_000;
/// As Kafka's `offsets.retention.minutes`, a number of 32 bits.
const MINUTES_MOST: i64 = 2_147_483_647;
pub(super) const MS_PER_MINUTE: u64 = 60_000;

/// Reads a configuration. `origin` is what messages call its text.
pub fn parse_promises(origin: &str, text: &str) -> Result<HistoryConfig, ScenarioError> {
    let sources = Sources::new(origin, text);
    let wrong = |problems| ScenarioError::of("configuration", problems, &sources);
    let root = tree::parse(text).map_err(|problem| wrong(vec![problem]))?;
    let problems = Problems::default();
    let document = Document { root: &root, problems: &problems, kind: &CONFIG };
    document.check_keys();
    let config = read(&document);
    let problems = problems.into_list();
    if problems.is_empty() { Ok(config) } else { Err(wrong(problems)) }
}

fn read(document: &Document<'_>) -> HistoryConfig {
    let mut config = HistoryConfig::default();
    let section = document.section("producer");
    config.producer = producer(&section, config.producer);
    section.finish();
    for section in document.sections("process") {
        process(section, &mut config);
    }
    consumer(document.section("consumer"), &mut config);
    for section in document.sections("group") {
        let name = unique_name(&section, &config.groups, "\"billing\"");
        config.groups.insert(name, group(section, config.member_epochs));
    }
    config.moved_by_hand = document.sections("moved").into_iter().map(moved_by_hand).collect();
    let section = document.section("broker");
    config.topic = topic_terms(&section, "log.cleanup.policy", config.topic);
    broker(section, &mut config);
    for section in document.sections("topic") {
        let name = unique_name(&section, &config.topics, "\"orders\"");
        let terms = topic_terms(&section, "cleanup.policy", config.topic);
        config.topics.insert(name, terms);
        section.finish();
    }
    for section in document.sections("partition") {
        let name = unique_name(&section, &config.partitions, "\"orders-0\"");
        config.partitions.insert(name, partition(section));
    }
    config.faults = faults(document, &config.faults);
    config
}

/// As in Kafka, settings that idempotence does not go with switch it off unless it is asked for.
fn producer(section: &Section<'_>, default: ProducerTerms) -> ProducerTerms {
    let acks = section.maybe_choice("acks", &ACKS).unwrap_or(default.acks);
    let key = "max.in.flight.requests.per.connection";
    let in_flight = section.number(key, (1, i64::from(u32::MAX)), "5");
    let in_flight_max = in_flight.map_or(default.in_flight_max, |number| number as u32);
    let goes = acks == Acks::All && in_flight_max <= 5;
    let asked = section.maybe_flag("enable.idempotence");
    if asked == Some(true) && !goes {
        let message = "idempotence needs `acks = \"all\"` and at most 5 requests in flight";
        let help = "set `enable.idempotence = false`, as such a producer has it";
        section.problem(&section.place_of("enable.idempotence"), message, help);
    }
    ProducerTerms { acks, idempotence: asked.unwrap_or(default.idempotence && goes), in_flight_max }
}

fn process(section: Section<'_>, config: &mut HistoryConfig) {
    let numbers = section.number_list("numbers", (0, i64::from(u32::MAX)), "[1, 2]");
    let terms = producer(&section, config.producer);
    let isolation = section.maybe_choice("isolation.level", &ISOLATION);
    let reset = section.maybe_choice("auto.offset.reset", &RESET);
    // A process with settings of a consumer is one, unless it has settings of a producer, too.
    let sends = isolation.is_none() && reset.is_none() || terms != config.producer;
    for number in numbers {
        let number = number as u32;
        let consumes =
            config.isolations.contains_key(&number) || config.resets.contains_key(&number);
        let known = config.producers.contains_key(&number) || consumes;
        config.producers.extend(sends.then_some((number, terms)));
        config.isolations.extend(isolation.map(|isolation| (number, isolation)));
        config.resets.extend(reset.map(|reset| (number, reset)));
        if known {
            let message = format!("process {number} has settings already");
            section.problem(&section.place_of("numbers"), message, "name each process once");
        }
    }
    section.finish();
}

fn consumer(section: Section<'_>, config: &mut HistoryConfig) {
    config.isolation =
        section.maybe_choice("isolation.level", &ISOLATION).unwrap_or(config.isolation);
    config.offset_reset =
        section.maybe_choice("auto.offset.reset", &RESET).unwrap_or(config.offset_reset);
    config.assign_keeps_position =
        section.maybe_flag("assign.keeps.position").unwrap_or(config.assign_keeps_position);
    config.member_epochs =
        section.maybe_choice("group.protocol", &PROTOCOL).unwrap_or(config.member_epochs);
    config.subscribes = section.maybe_flag("subscribe").unwrap_or(config.subscribes);
    section.finish();
}

fn group(section: Section<'_>, member_epochs: bool) -> GroupTerms {
    let made = section.maybe_choices("guarantee", &GUARANTEE);
    let own = section.maybe_choice("group.protocol", &PROTOCOL).unwrap_or(member_epochs);
    if own && !member_epochs {
        let message = "`consumer` is not the protocol of `[consumer]`";
        let help = "set `group.protocol = \"consumer\"` there, and `\"classic\"` for the groups that differ";
        section.problem(&section.place_of("group.protocol"), message, help);
    }
    let within = section.number("processed_within_ms", (1, MOST), "5000");
    section.finish();
    let mut guarantees = made.map_or_else(Vec::new, |made| made.options().to_vec());
    guarantees.retain(|made| *made != ProcessingGuarantee::ExactlyOnce);
    let processed_within_ms = within.map(|within| within as u64);
    GroupTerms { guarantees, classic: member_epochs && !own, processed_within_ms }
}

fn broker(section: Section<'_>, config: &mut HistoryConfig) {
    let minutes = section.number("offsets.retention.minutes", (1, MINUTES_MOST), "10080");
    let ms = section.number("offsets.retention.ms", (1, MOST), "604_800_000");
    if minutes.is_some() && ms.is_some() {
        let message = "the retention of offsets is given twice";
        let help = "write `offsets.retention.minutes` alone";
        section.problem(&section.place_of("offsets.retention.ms"), message, help);
    }
    let given = ms.or(minutes.map(|minutes| minutes * MS_PER_MINUTE as i64));
    config.offsets_retention_ms = given.map_or(config.offsets_retention_ms, |ms| ms as u64);
    config.producers_expire =
        section.maybe_flag("producer.ids.expire").unwrap_or(config.producers_expire);
    config.eligible_leader_replicas =
        section.maybe_flag("eligible_leader_replicas").unwrap_or(config.eligible_leader_replicas);
    section.finish();
}

fn partition(section: Section<'_>) -> PartitionFacts {
    let times = |key: &str| {
        let read = section.maybe_number_list(key, (0, MOST), "[5_000_000_000]");
        read.map(|read| read.into_iter().map(|at| at as u64).collect::<Vec<u64>>())
    };
    let log_start_offset = section.required_number("log_start_offset", (0, MOST), "17");
    let moved_ns = times("log_start_moved_at_ns").unwrap_or_default();
    let moved_to = section.maybe_number_list("log_start_moved_to", (0, MOST), "[17]");
    let moved_to = moved_to.unwrap_or_default();
    same_length(&section, ("log_start_moved_at_ns", moved_ns.len()), moved_to.len());
    let deleted = section.number("deleted_at_ns", (0, MOST), "5_000_000_000");
    let elected_ns = times("leader_elected_at_ns");
    let deposed_ns = times("leader_deposed_until_ns").or_else(|| elected_ns.clone());
    let deposed_ns = deposed_ns.unwrap_or_default();
    let elected = elected_ns.as_ref().map_or(0, Vec::len);
    same_length(&section, ("leader_deposed_until_ns", deposed_ns.len()), elected);
    let change = |(elected_ns, deposed_until_ns): (u64, u64)| LeaderChange {
        elected_ns,
        deposed_until_ns: deposed_until_ns.max(elected_ns),
    };
    let mut moves: Vec<(u64, i64)> = moved_ns.into_iter().zip(moved_to).collect();
    moves.sort_unstable();
    let facts = PartitionFacts {
        log: LogPast { log_start_offset, moves, deleted_ns: deleted.map(|at| at as u64) },
        taken_for_another_ns: times("taken_for_another_at_ns"),
        leader_changes: elected_ns
            .map(|elected_ns| elected_ns.into_iter().zip(deposed_ns).map(change).collect()),
    };
    section.finish();
    facts
}

/// Of two lists, each entry of one belongs to one of the other.
fn same_length(section: &Section<'_>, (key, length): (&str, usize), other: usize) {
    if length != other {
        let message = format!("`{key}` has {length} entries, and there are {other}");
        section.problem(&section.place_of(key), message, "give one for each");
    }
}

fn topic_terms(section: &Section<'_>, cleanup: &str, default: TopicTerms) -> TopicTerms {
    let min_insync = section.number("min.insync.replicas", (1, REPLICAS_MOST), "2");
    let unclean = section.maybe_flag("unclean.leader.election.enable");
    let PartitionTerms { unclean_leader_election, min_insync_replicas } = default.partition;
    TopicTerms {
        partition: PartitionTerms {
            unclean_leader_election: unclean.unwrap_or(unclean_leader_election),
            min_insync_replicas: min_insync.map_or(min_insync_replicas, |number| number as u32),
        },
        compacted: section.maybe_choice(cleanup, &CLEANUP).unwrap_or(default.compacted),
    }
}

/// The `name` of a table; each stands once.
fn unique_name<T>(section: &Section<'_>, known: &BTreeMap<String, T>, example: &str) -> String {
    let name = section.text("name", example);
    if known.contains_key(&name) {
        let message = format!("there are two tables for `{name}`");
        section.problem(&section.place_of("name"), message, "put them into one");
    }
    name
}

fn faults(document: &Document<'_>, default: &FaultTerms) -> FaultTerms {
    let section = document.section("faults");
    let settled = section.number("settled_at_ns", (0, MOST), "60_000_000_000");
    let listed = section.maybe_choice("unclean_elections", &ELECTIONS);
    let faults = FaultTerms {
        disturbed: section.maybe_flag("disturbed").unwrap_or(default.disturbed),
        settled_ns: settled.map(|at| at as u64),
        stale_end_offsets: section.maybe_flag("stale_end_offsets").unwrap_or(false),
        dropped: None,
        damage: document.sections("damage").into_iter().map(damage).collect(),
        corrupt_logs: document.sections("corrupt").into_iter().map(damaged_log).collect(),
        metadata_damage: metadata_damage(&section),
    };
    let dropped: Vec<DroppedRange> =
        document.sections("dropped").into_iter().map(dropped_range).collect();
    let known = listed.unwrap_or(!dropped.is_empty());
    if !known && !dropped.is_empty() {
        let message = "`[[dropped]]` lists what unclean elections dropped, so it is known";
        let help = "write `unclean_elections = \"listed\"`";
        section.problem(&section.place_of("unclean_elections"), message, help);
    }
    section.finish();
    FaultTerms { dropped: known.then_some(dropped), ..faults }
}

fn metadata_damage(section: &Section<'_>) -> Option<MetadataDamage> {
    let reason = section.maybe_text("metadata_lost", "\"2 of 3 controllers lost disks\"");
    // When is not known: from the beginning on.
    let at_ns = section.number("metadata_lost_at_ns", (0, MOST), "5_000_000_000").unwrap_or(0);
    reason.map(|reason| MetadataDamage { reason, at_ns: at_ns as u64 })
}

fn damaged_log(section: Section<'_>) -> DamagedLog {
    let log = DamagedLog {
        partition: section.text("partition", "\"orders-0\""),
        node: section.required_number("node", (0, i64::from(i32::MAX)), "1") as i32,
        at_ns: section.required_number("at_ns", (0, MOST), "5_000_000_000") as u64,
    };
    section.finish();
    log
}

fn dropped_range(section: Section<'_>) -> DroppedRange {
    let range = DroppedRange {
        partition: section.text("partition", "\"orders-0\""),
        first: section.required_number("first", (0, MOST), "12"),
        last: section.required_number("last", (0, MOST), "17"),
        at_ns: section.number("at_ns", (0, MOST), "5_000_000_000").map_or(u64::MAX, |at| at as u64),
    };
    if range.last < range.first {
        let message = format!("the last offset {} is below the first one", range.last);
        section.problem(&section.place_of("last"), message, "both ends belong to the range");
    }
    section.finish();
    range
}

fn moved_by_hand(section: Section<'_>) -> MovedByHand {
    let group = section.text("group", "\"billing\"");
    let from_ns = section.required_number("from_ns", (0, MOST), "5_000_000_000") as u64;
    let until = section.number("until_ns", (0, MOST), "9_000_000_000");
    let until_ns = until.map_or(u64::MAX, |until| until as u64);
    if until_ns < from_ns {
        let message = "the end lies before the begin";
        section.problem(&section.place_of("until_ns"), message, "the request lay in between");
    }
    section.finish();
    MovedByHand { group, from_ns, until_ns }
}

fn damage(section: Section<'_>) -> Damage {
    let damage = Damage {
        broker: section.required_number("broker", (0, i64::from(i32::MAX)), "1") as i32,
        at_ns: section.required_number("at_ns", (0, MOST), "5_000_000_000") as u64,
        lasting: section.maybe_flag("lasting").unwrap_or(false),
        kind: section.maybe_choice("kind", &DAMAGE).unwrap_or_default(),
    };
    section.finish();
    damage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_strongest_configuration() {
        let read = parse_promises("config.toml", "").expect("nothing is wrong in it");
        assert_eq!(read, HistoryConfig::default());
    }

    #[test]
    fn acks_and_cleanup_have_kafka_s_other_names() {
        for all in ["\"-1\"", "-1", "\"all\""] {
            let read = parse_promises("config.toml", &format!("[producer]\nacks = {all}\n"));
            assert_eq!(read.expect("it is right").producer.acks, Acks::All, "{all}");
        }
        for (number, acks) in [(1, Acks::Leader), (0, Acks::None)] {
            let read = parse_promises("config.toml", &format!("[producer]\nacks = {number}\n"));
            assert_eq!(read.expect("it is right").producer.acks, acks, "{number}");
        }
        for both in ["compact,delete", "delete,compact", "compact, delete"] {
            let text = format!("[[topic]]\nname = \"x\"\ncleanup.policy = \"{both}\"\n");
            let read = parse_promises("config.toml", &text).expect("it is right");
            assert!(read.topics["x"].compacted, "{both}");
        }
    }

    #[test]
    fn weak_acks_switch_idempotence_off_as_in_kafka() {
        let text = "[producer]\nacks = \"1\"\n";
        let read = parse_promises("config.toml", text).expect("it is right");
        assert!(!read.producer.idempotence);
    }

    #[test]
    fn every_mistake_has_its_line_and_advice() {
        let rows = [
            ("[producr]\n", 1, "no `producr`", "did you mean `producer`"),
            ("producer = 3\n", 1, "not a table", "[producer]"),
            ("[producer]\nack = \"all\"\n", 2, "no key `ack`", "`acks`"),
            ("[producer]\nacks = 2\n", 2, "`2` is not a value of `acks`", "all, -1, 1, 0"),
            ("[consumer]\nisolation.level = 1\n", 2, "is a number, not text", "read_committed"),
            ("[producer]\nacks = [\"all\"]\n", 2, "`acks` is a list", "acks = \"all\""),
            ("[producer]\nacks = \"2\"\n", 2, "not a value of `acks`", "all, -1, 1, 0"),
            ("[producer]\nacks = \"1\"\nenable.idempotence = true\n", 3, "needs `acks", "false"),
            ("[[process]]\nacks = \"1\"\n", 1, "has no `numbers`", "[1, 2]"),
            ("[[process]]\nnumbers = [1, -1]\n", 2, "out of bounds: -1", "between 0"),
            ("[[process]]\nnumbers = [1, 1]\n", 2, "process 1 has settings", "once"),
            ("[consumer]\nisolation.level = \"committed\"\n", 2, "not a value", "read_committed"),
            ("[consumer]\nsubscribe = 1\n", 2, "not true or false", "true"),
            ("[[topic]]\nmin.insync.replicas = 0\nname = \"x\"\n", 2, "out of bounds", "between 1"),
            ("[[topic]]\nname = \"x\"\n[[topic]]\nname = \"x\"\n", 4, "two tables", "one"),
            ("[[partition]]\nname = \"x\"\n", 1, "has no `log_start_offset`", "17"),
            ("[[dropped]]\npartition = \"x\"\nfirst = 3\nlast = 2\n", 4, "below", "both ends"),
            ("[[moved]]\ngroup = \"g\"\n", 1, "has no `from_ns`", "5_000"),
            (
                "[[moved]]\ngroup = \"g\"\nfrom_ns = 3\nuntil_ns = 2\n",
                4,
                "before the begin",
                "between",
            ),
            (
                "[faults]\nunclean_elections = \"unknown\"\n[[dropped]]\npartition = \"x\"\nfirst = 3\nlast = 4\n",
                2,
                "so it is known",
                "listed",
            ),
            (
                "[[group]]\nname = \"g\"\ngroup.protocol = \"consumer\"\n",
                3,
                "not the protocol",
                "classic",
            ),
            (
                "[broker]\noffsets.retention.minutes = 1\noffsets.retention.ms = 1\n",
                3,
                "twice",
                "alone",
            ),
            (
                "[[partition]]\nname = \"x\"\nlog_start_offset = 1\nleader_elected_at_ns = [1, 2]\n\
                 leader_deposed_until_ns = [3]\n",
                5,
                "1 entries, and there are 2",
                "one for each",
            ),
            ("[[corrupt]]\npartition = \"x\"\nnode = 1\n", 1, "has no `at_ns`", "5_000_000_000"),
            ("[[damage]]\nbroker = 1\n", 1, "has no `at_ns`", "5_000_000_000"),
            ("[faults]\ndisturbed = \n", 2, "", "toml.io"),
        ];
        for (text, line, message, advice) in rows {
            let error = parse_promises("config.toml", text).expect_err("this is wrong");
            let mistake = &error.mistakes()[0];
            assert_eq!(mistake.line(), line, "{text}: {mistake}");
            assert!(mistake.to_string().contains(message), "{text}: {mistake}");
            assert!(mistake.advice().contains(advice), "{text}: {}", mistake.advice());
            assert!(error.to_string().contains("the configuration has"), "{error}");
        }
    }
}
