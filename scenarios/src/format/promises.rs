//! The configuration beside a history: what its clients were promised and what was done to their cluster, by Kafka's
//! names, read with every mistake told by its place, and printed with what each line means.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use harrow_broker_model::config::Acks;
use harrow_reports::config::{DroppedRange, FaultTerms, HistoryConfig, TopicTerms};
use harrow_reports::policy::{
    Damage, DamageKind, Isolation, MovedByHand, PartitionTerms, ProducerTerms, Reset,
};
use harrow_sim::plan::ProcessingGuarantee;

use super::problem::{ScenarioError, Sources};
use super::section::{Problems, Section};
use super::{Document, Kind, tree};

/// `-1` is Kafka's other name of `all`; the first name of a meaning is the one that is printed.
const ACKS: [(&str, Acks); 4] =
    [("all", Acks::All), ("-1", Acks::All), ("1", Acks::Leader), ("0", Acks::None)];
const ISOLATION: [(&str, Isolation); 2] = [
    ("read_committed", Isolation::ReadCommitted),
    ("read_uncommitted", Isolation::ReadUncommitted),
];
/// With `none`, a consumer that has nowhere to start is told so and stops: like `earliest`, it never jumps to the end.
const RESET: [(&str, Reset); 4] = [
    (Reset::Earliest.name(), Reset::Earliest),
    (Reset::Latest.name(), Reset::Latest),
    (Reset::None.name(), Reset::None),
    (Reset::ByDuration.name(), Reset::ByDuration),
];
/// How a broker lost its data, as faults are called; it changes no verdict, and is told.
const DAMAGE: [(&str, DamageKind); 5] = [
    ("unknown", DamageKind::Unknown),
    ("power-loss", DamageKind::PowerLoss),
    ("wipe-disk", DamageKind::Wipe),
    ("lying-sync", DamageKind::LyingSync),
    ("bit-rot", DamageKind::BitRot),
];
const PROTOCOL: [(&str, bool); 2] = [("classic", false), ("consumer", true)];
/// How often a group processes a record.
const GUARANTEE: [(&str, ProcessingGuarantee); 3] = [
    ("exactly-once", ProcessingGuarantee::ExactlyOnce),
    ("at-least-once", ProcessingGuarantee::AtLeastOnce),
    ("at-most-once", ProcessingGuarantee::AtMostOnce),
];
/// Whether a topic is compacted; what retention removes besides is told by `log_start_offset`.
const CLEANUP: [(&str, bool); 4] =
    [("delete", false), ("compact", true), ("compact,delete", true), ("delete,compact", true)];
/// Whether it is known what unclean elections dropped.
const ELECTIONS: [(&str, bool); 2] = [("unknown", false), ("listed", true)];

const CONFIG: Kind = Kind {
    title: "a history's configuration",
    plain: &[],
    single: &["producer", "consumer", "broker", "faults"],
    several: &["process", "group", "moved", "topic", "partition", "dropped", "damage"],
};

/// The highest number that a TOML integer has.
const MOST: i64 = i64::MAX;
const REPLICAS_MOST: i64 = 1_000;
/// As Kafka's `offsets.retention.minutes`, a number of 32 bits.
const MINUTES_MOST: i64 = 2_147_483_647;

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
        let made = section.maybe_choice("guarantee", &GUARANTEE);
        config.groups.insert(name, made.unwrap_or(ProcessingGuarantee::ExactlyOnce));
        section.finish();
    }
    config.moved_by_hand = document.sections("moved").into_iter().map(moved_by_hand).collect();
    let section = document.section("broker");
    config.topic = topic_terms(&section, "log.cleanup.policy", config.topic);
    let retention = section.number("offsets.retention.minutes", (1, MINUTES_MOST), "10080");
    config.offsets_retention_minutes =
        retention.map_or(config.offsets_retention_minutes, |minutes| minutes as u64);
    section.finish();
    for section in document.sections("topic") {
        let name = unique_name(&section, &config.topics, "\"orders\"");
        let terms = topic_terms(&section, "cleanup.policy", config.topic);
        config.topics.insert(name, terms);
        section.finish();
    }
    for section in document.sections("partition") {
        let name = unique_name(&section, &config.log_starts, "\"orders-0\"");
        let start = section.required_number("log_start_offset", (0, MOST), "17");
        config.log_starts.insert(name, start);
        section.finish();
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
    // A process with an isolation level is a consumer, unless it has settings of a producer, too.
    let sends = isolation.is_none() || terms != config.producer;
    for number in numbers {
        let number = number as u32;
        let known =
            config.producers.contains_key(&number) || config.isolations.contains_key(&number);
        config.producers.extend(sends.then_some((number, terms)));
        config.isolations.extend(isolation.map(|isolation| (number, isolation)));
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
        metadata_damage: section.maybe_text("metadata_lost", "\"2 of 3 controllers lost disks\""),
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

/// A configuration as a file that reads back as the same.
pub fn print_promises(config: &HistoryConfig) -> String {
    let mut text = "# What the clients of a history were promised, and what was done to their cluster. An absent line \
                    means what it means\n# in Kafka's strongest configuration, which `harrow check --print-config` \
                    prints.\n"
        .to_owned();
    let infallible = "writing to memory does not fail";
    print_producers(config, &mut text).expect(infallible);
    print_consumers(config, &mut text).expect(infallible);
    print_topics(config, &mut text).expect(infallible);
    print_faults(&config.faults, &mut text).expect(infallible);
    text
}

fn print_producers(config: &HistoryConfig, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n# Producers without settings of their own.\n[producer]")?;
    print_producer(config.producer, text)?;
    print_processes(config, text)
}

/// Processes with settings of their own, those with the same in one table.
fn print_processes(config: &HistoryConfig, text: &mut String) -> std::fmt::Result {
    type Own = (Option<ProducerTerms>, Option<Isolation>);
    let named: BTreeSet<u32> =
        config.producers.keys().chain(config.isolations.keys()).copied().collect();
    let mut alike: Vec<(Own, Vec<u32>)> = Vec::new();
    for process in named {
        let producer = config.producers.get(&process).copied();
        let own = (producer, config.isolations.get(&process).copied());
        match alike.iter_mut().find(|(known, _)| *known == own) {
            Some((_, processes)) => processes.push(process),
            None => alike.push((own, vec![process])),
        }
    }
    for ((producer, isolation), processes) in &alike {
        writeln!(text, "\n# Processes with settings of their own.\n[[process]]")?;
        writeln!(text, "numbers = {processes:?}")?;
        if let Some(terms) = producer {
            print_producer(*terms, text)?;
        }
        if let Some(isolation) = isolation {
            writeln!(text, "isolation.level = {}", name_of(&ISOLATION, isolation))?;
        }
    }
    Ok(())
}

fn print_producer(terms: ProducerTerms, text: &mut String) -> std::fmt::Result {
    let ProducerTerms { acks, idempotence, in_flight_max } = terms;
    writeln!(text, "acks = {:<34} # \"all\", \"1\" or \"0\"", name_of(&ACKS, &acks))?;
    writeln!(
        text,
        "enable.idempotence = {idempotence:<20} # false: duplicates and disorder are legal"
    )?;
    writeln!(text, "max.in.flight.requests.per.connection = {in_flight_max}")
}

fn print_consumers(config: &HistoryConfig, text: &mut String) -> std::fmt::Result {
    let isolation = name_of(&ISOLATION, &config.isolation);
    let reset = name_of(&RESET, &config.offset_reset);
    let protocol = name_of(&PROTOCOL, &config.member_epochs);
    let (subscribes, keeps) = (config.subscribes, config.assign_keeps_position);
    writeln!(text, "\n# All consumers.\n[consumer]")?;
    writeln!(text, "isolation.level = {isolation:<23} # or \"read_uncommitted\"")?;
    writeln!(text, "auto.offset.reset = {reset:<21} # or \"latest\", \"none\", \"by_duration\"")?;
    writeln!(
        text,
        "assign.keeps.position = {keeps:<17} # false: librdkafka; an assign forgets positions"
    )?;
    writeln!(text, "group.protocol = {protocol:<24} # or \"consumer\": each member has its epoch")?;
    writeln!(text, "subscribe = {subscribes:<29} # partitions come from a group, not by assign")?;
    for (name, made) in &config.groups {
        writeln!(text, "\n# How often its members process a record.\n[[group]]")?;
        writeln!(text, "name = {}\nguarantee = {}", quoted(name), name_of(&GUARANTEE, made))?;
    }
    for MovedByHand { group, from_ns, until_ns } in &config.moved_by_hand {
        writeln!(text, "\n# An administrator deleted or moved its offsets, at some time between.")?;
        writeln!(text, "[[moved]]\ngroup = {}\nfrom_ns = {from_ns}", quoted(group))?;
        if *until_ns != u64::MAX {
            writeln!(text, "until_ns = {until_ns}")?;
        }
    }
    Ok(())
}

fn print_topics(config: &HistoryConfig, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n# Topics without settings of their own.\n[broker]")?;
    print_topic(&config.topic, "log.cleanup.policy", text)?;
    let retention = config.offsets_retention_minutes;
    writeln!(text, "offsets.retention.minutes = {retention:<13} # of a group without members")?;
    for (name, terms) in &config.topics {
        writeln!(text, "\n[[topic]]\nname = {}", quoted(name))?;
        print_topic(terms, "cleanup.policy", text)?;
    }
    for (name, start) in &config.log_starts {
        writeln!(
            text,
            "\n# Retention or DeleteRecords has removed what was before.\n[[partition]]"
        )?;
        writeln!(text, "name = {}\nlog_start_offset = {start}", quoted(name))?;
    }
    Ok(())
}

fn print_topic(terms: &TopicTerms, cleanup: &str, text: &mut String) -> std::fmt::Result {
    let PartitionTerms { unclean_leader_election, min_insync_replicas } = terms.partition;
    writeln!(text, "min.insync.replicas = {min_insync_replicas}")?;
    writeln!(text, "unclean.leader.election.enable = {unclean_leader_election}")?;
    writeln!(text, "{cleanup} = {}", name_of(&CLEANUP, &terms.compacted))
}

fn print_faults(faults: &FaultTerms, text: &mut String) -> std::fmt::Result {
    let FaultTerms { disturbed, stale_end_offsets, .. } = faults;
    let listed = name_of(&ELECTIONS, &faults.dropped.is_some());
    writeln!(text, "\n# What was done to the cluster, as far as it is known.\n[faults]")?;
    writeln!(text, "disturbed = {disturbed:<29} # false: nothing at all, so no leader changed")?;
    if let Some(settled) = faults.settled_ns {
        writeln!(
            text,
            "settled_at_ns = {settled:<25} # after the last fault, all leaders elected"
        )?;
    }
    writeln!(
        text,
        "stale_end_offsets = {stale_end_offsets:<21} # deposed leaders may answer with old ends"
    )?;
    writeln!(
        text,
        "unclean_elections = {listed:<21} # \"listed\": [[dropped]] is all that they dropped"
    )?;
    if let Some(reason) = &faults.metadata_damage {
        writeln!(text, "metadata_lost = {}", quoted(reason))?;
    }
    for range in faults.dropped.iter().flatten() {
        let DroppedRange { partition, first, last, at_ns } = range;
        writeln!(text, "\n[[dropped]]\npartition = {}", quoted(partition))?;
        writeln!(text, "first = {first}\nlast = {last}")?;
        if *at_ns != u64::MAX {
            writeln!(text, "at_ns = {at_ns}")?;
        }
    }
    for Damage { broker, at_ns, lasting, kind } in &faults.damage {
        writeln!(text, "\n[[damage]]\nbroker = {broker}\nat_ns = {at_ns}\nlasting = {lasting}")?;
        if *kind != DamageKind::Unknown {
            writeln!(text, "kind = {}", name_of(&DAMAGE, kind))?;
        }
    }
    Ok(())
}

/// A word of a table, in quotes.
fn name_of<T: PartialEq>(words: &[(&'static str, T)], meaning: &T) -> String {
    let found = words.iter().find(|(_, known)| known == meaning);
    format!("\"{}\"", found.map_or("", |(word, _)| word))
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_line() -> HistoryConfig {
        let weak = ProducerTerms { acks: Acks::Leader, idempotence: false, in_flight_max: 7 };
        let partition = PartitionTerms { unclean_leader_election: true, min_insync_replicas: 1 };
        let terms = TopicTerms { partition, compacted: true };
        let range =
            DroppedRange { partition: "a \"b\"-0".to_owned(), first: 1, last: 9, at_ns: 77 };
        HistoryConfig {
            producers: [(3, weak), (4, weak), (9, HistoryConfig::default().producer)].into(),
            isolation: Isolation::ReadUncommitted,
            subscribes: true,
            offset_reset: Reset::Latest,
            assign_keeps_position: false,
            offsets_retention_minutes: 7,
            member_epochs: true,
            groups: [("billing".to_owned(), ProcessingGuarantee::AtLeastOnce)].into(),
            isolations: [(4, Isolation::ReadCommitted), (5, Isolation::ReadUncommitted)].into(),
            moved_by_hand: [7, u64::MAX]
                .map(|until_ns| MovedByHand { group: "billing".to_owned(), from_ns: 5, until_ns })
                .into(),
            topics: [("a.b".to_owned(), terms)].into(),
            log_starts: [("a.b-0".to_owned(), 4)].into(),
            faults: FaultTerms {
                disturbed: false,
                settled_ns: Some(5),
                stale_end_offsets: true,
                dropped: Some(vec![range.clone(), DroppedRange { at_ns: u64::MAX, ..range }]),
                damage: vec![
                    Damage { broker: 1, at_ns: 2, lasting: true, kind: DamageKind::Unknown },
                    Damage { broker: 2, at_ns: 3, lasting: false, kind: DamageKind::Wipe },
                ],
                metadata_damage: Some("both disks".to_owned()),
            },
            ..HistoryConfig::default()
        }
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same() {
        let none_dropped = HistoryConfig {
            faults: FaultTerms { dropped: Some(Vec::new()), ..HistoryConfig::default().faults },
            ..HistoryConfig::default()
        };
        for config in [HistoryConfig::default(), every_line(), none_dropped] {
            let text = print_promises(&config);
            let back = parse_promises("config.toml", &text);
            assert_eq!(back.expect("it was printed by us"), config, "{text}");
        }
    }

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
    fn a_process_may_read_what_others_may_not() {
        let text = "[[process]]\nnumbers = [3, 4]\nisolation.level = \"read_uncommitted\"\n\
                    [[process]]\nnumbers = [5]\nacks = \"1\"\nisolation.level = \"read_committed\"\n";
        let read = parse_promises("config.toml", text).expect("it is right");
        assert_eq!(read.producers.keys().copied().collect::<Vec<_>>(), [5]);
        assert_eq!(read.isolations.len(), 3);
        let again = parse_promises("config.toml", &print_promises(&read));
        assert_eq!(again.expect("what is printed is read"), read);
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
