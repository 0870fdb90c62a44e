//! The reference of scenario files: every table and key, as the reader itself asks for them.
//!
//! Small scenarios, one for each kind of load, fault and partition, are read, and what their tables were asked for is
//! written down. So a new key is in the reference at once; what it is about stands in [`ABOUT`], which a test holds
//! complete.

use std::fmt::Write;

use super::asked::{AskedKey, AskedTable, UnlessGiven};
use super::faults::{fault_kinds, partition_shapes};
use super::loads::load_kinds;
use super::section::Problems;
use super::{read, tree};

/// A table of scenario files.
#[derive(Debug, Clone)]
pub struct TableReference {
    /// As it is written, such as `[[fault]]`.
    pub title: String,
    /// Of a table whose keys depend on it: the kind, such as `crash` or `partition, cut one-way`.
    pub kind: Option<String>,
    /// Its keys, in the order in which they are read.
    pub keys: Vec<KeyReference>,
    /// The table with everything that it must have.
    pub example: String,
}

/// A key of a table.
#[derive(Debug, Clone)]
pub struct KeyReference {
    /// Its name.
    pub key: String,
    /// Which values it takes.
    pub values: String,
    /// Whether it must be there.
    pub is_required: bool,
    /// Its value where it is absent; none if it then means nothing.
    pub default: Option<String>,
    /// What it is.
    pub about: &'static str,
}

/// What keys are about that are no settings of `planner::defaults`: table, key, text. A table of its own goes before
/// any.
const ABOUT: &[(&str, &str, &str)] = &[
    ("[cluster]", "brokers", "how many brokers"),
    ("[cluster]", "controllers", "how many controllers; they are a quorum"),
    (
        "[cluster]",
        "eligible_leader_replicas",
        "whether eligible leader replicas are kept (KIP-966)",
    ),
    (
        "[cluster]",
        "group.consumer.migration.policy",
        "which groups change their protocol while they have members (KIP-848); without, `consumer` comes first",
    ),
    (
        "[cluster]",
        "auto.leader.rebalance.enable",
        "whether leadership goes back to preferred replicas",
    ),
    ("[[topic]]", "name", "its name; copies are called `name.2`, `name.3`, ..."),
    ("[[topic]]", "count", "how many topics of this kind"),
    ("[[topic]]", "partitions", "partitions of each"),
    (
        "[[topic]]",
        "initial_partitions",
        "with how many of them it is created, the rest come later; 0 is all",
    ),
    ("[[topic]]", "replication_factor", "replicas of each partition"),
    ("[[topic]]", "min.insync.replicas", "as Kafka"),
    ("[[topic]]", "unclean.leader.election.enable", "as Kafka"),
    ("[[topic]]", "max.message.bytes", "as Kafka; room for each record that loads send there"),
    ("[[topic]]", "flush.messages", "as Kafka; the default is never"),
    ("[[topic]]", "flush.ms", "as Kafka; the default is never"),
    ("[[topic]]", "retention.ms", "as Kafka; the default is -1, for ever, where Kafka has 7 days"),
    ("[[topic]]", "retention.bytes", "as Kafka; the default is -1, any size"),
    ("[[topic]]", "cleanup.policy", "as Kafka; `compact-delete` is both"),
    ("[[topic]]", "min.compaction.lag.ms", "as Kafka"),
    ("[[topic]]", "max.compaction.lag.ms", "as Kafka; the default is never"),
    (
        "[[topic]]",
        "delete.retention.ms",
        "as Kafka: for how long a tombstone stays that was cleaned",
    ),
    ("[[topic]]", "min.cleanable.dirty.percent", "Kafka's `min.cleanable.dirty.ratio`, in percent"),
    ("[[topic]]", "segment.ms", "as Kafka; the default is never, where Kafka has 7 days"),
    ("[[load]]", "kind", "what the clients do"),
    ("[[load]]", "count", "how many clients"),
    ("[[load]]", "topics", "the names of their topics; all if absent"),
    (
        "[[load]]",
        "outputs",
        "the topics to which a member writes what it makes of each record that it reads; none leads back to it",
    ),
    (
        "[[load]]",
        "guarantee",
        "how often each record that is read is processed: what the application is made for",
    ),
    ("[[load]]", "acks", "as Kafka"),
    ("[[load]]", "enable.idempotence", "as Kafka; by default, where `acks` can be `all`"),
    ("[[load]]", "auto.offset.reset", "where a consumer without a position begins"),
    ("[[load]]", "isolation.level", "whether a consumer sees open and aborted transactions"),
    (
        "[[load]]",
        "transactional_id",
        "`transactional.id` of all its producers; if absent, `t1` for client 1 and so on",
    ),
    (
        "[[load]]",
        "group.id",
        "the group that the consumers read in; without one each reads everything",
    ),
    (
        "[[load]]",
        "topic_pattern",
        "a regular expression: members subscribe to all topics whose name matches",
    ),
    ("[[load]]", "close_stays", "who closes stays a member until its session ends (KIP-1092)"),
    ("[[load]]", "enable.auto.commit", "as Kafka"),
    ("[[load]]", "static", "whether its members are static, with a `group.instance.id` (KIP-345)"),
    (
        "[[load]]",
        "partition.assignment.strategy",
        "how partitions are shared out; the same in all members of a group",
    ),
    (
        "[[load]]",
        "group.protocol",
        "`consumer` is KIP-848: the coordinator shares partitions out; the same in all members",
    ),
    (
        "[[load]]",
        "group.remote.assignor",
        "with `group.protocol = \"consumer\"`: the assignor that members name; `none` names none",
    ),
    (
        "[[load]]",
        "commit_on_revoke",
        "whether a member commits and waits before it gives partitions up",
    ),
    ("[[fault]]", "kind", "what happens"),
    ("[[fault]]", "name", "by which a later fault may follow it"),
    (
        "[[fault]]",
        "after",
        "it follows each step of the earlier fault of this name, instead of `at_ms`",
    ),
    ("[[fault]]", "at_ms", "when it happens, in milliseconds from the start"),
    ("[[fault]]", "delay_ms", "with `after`: how long after each step of that fault"),
    ("[[fault]]", "count", "how often it happens, each time drawn anew"),
    ("[[fault]]", "target", "whom it meets"),
    ("[[fault]]", "down_ms", "how long until the process starts again"),
    ("[[fault]]", "for_ms", "how long it lasts"),
    ("[[fault]]", "directory", "which of its log directories, from 0"),
    ("[[fault]]", "replaced", "whether it comes back as a new disk, with nothing on it"),
    ("[[fault]]", "percent", "how much of what is committed, in percent"),
    (
        "[[fault]]",
        "idle_ms",
        "how long a transaction had no record when it is taken for one that hangs; longer than any may take",
    ),
    (
        "[[fault]]",
        "throttled",
        "whether what is copied for it is bounded by the brokers' rates, until the heal",
    ),
    ("[[fault]]", "replicas", "at most so many replicas are moved"),
    ("[[fault]]", "setting", "which setting of the topic is changed"),
    ("[[fault]]", "value", "what it is given"),
    ("[[fault]]", "extra_us", "by how much, in microseconds"),
    ("[[fault]]", "one_in", "one in so many is met"),
    (
        "[[fault]]",
        "api",
        "these requests alone, or the answers to them, whoever asks; else all on a drawn kind of connection, or all \
         answers to clients",
    ),
    ("[[fault]]", "power", "whether the power fails, so that page caches are lost, too"),
    ("[[fault]]", "gap_ms", "from one broker's start to the next one's stop"),
    ("[[fault]]", "cut", "which links are cut"),
    ("[[fault]]", "from", "whose messages are lost"),
    ("[[fault]]", "to", "on their way to whom"),
    ("[[fault]]", "a", "one side"),
    ("[[fault]]", "b", "the other side"),
    ("[[fault]]", "bytes_per_second", "what its links carry"),
    ("[[fault]]", "by_ms", "by how much the clock jumps"),
    ("[[fault]]", "ppm", "by how many millionths the clock runs too fast"),
    ("[[clock]]", "nodes", "whose clocks"),
    ("[[clock]]", "offset_ms", "by how much wall clocks differ from true time"),
    ("[[clock]]", "drift_ppm", "by how many millionths they run too fast"),
    ("[heal]", "at_ms", "when the faults are over"),
    ("[heal]", "converge_within_ms", "by when after that everything must be well again"),
    ("[heal]", "core", "whether only a core of the cluster is healed, which must suffice"),
    ("[heal]", "outside", "what becomes of the others then"),
    ("[swarm]", "fault_tables", "how many of the fault tables are on in a seed"),
    ("[swarm]", "steps_min", "at least so many steps; tables are added until there are"),
    (
        "[expect]",
        "loss_allowed",
        "whether faults may be injected that the configuration does not survive",
    ),
    (
        "[expect]",
        "reach",
        "reach marks that the runs must come across; `harrow explain` lists them",
    ),
    ("[expect]", "reach_share", "in how many runs of a sweep; in one if absent"),
    ("", "chance", "in how many seeds the table counts; in all if absent"),
];

/// In which order tables are told.
const ORDER: &[&str] = &[
    "[cluster]",
    "[[topic]]",
    "[[load]]",
    "[[fault]]",
    "[network]",
    "[disk]",
    "[[clock]]",
    "[heal]",
    "[swarm]",
    "[expect]",
];

const BASE: &str = "name = \"x\"\nproves = \"y\"\n[cluster]\nkraft.version = 1\n[network]\n[disk]\n\
    [heal]\nat_ms = 100000\n[swarm]\nfault_tables = 1\n[expect]\n[[topic]]\nname = \"orders\"\n\
    [[clock]]\nnodes = \"brokers\"\n";

/// Every table, in order; kinds after what they have in common.
pub fn tables() -> Vec<TableReference> {
    let mut tables: Vec<TableReference> =
        asked("").iter().map(|table| reference(table, None)).collect();
    tables.extend(of_kinds(
        "[[load]]",
        load_kinds().map(|kind| (kind.to_owned(), format!("kind = \"{kind}\""))),
    ));
    tables.push(besides("consumer, with `group.id`", CONSUMER, MEMBER));
    tables.push(besides("consumer, with `outputs`", MEMBER, PIPELINE));
    tables.extend(of_kinds("[[fault]]", faults()));
    tables.sort_by_key(|table| ORDER.iter().position(|title| *title == table.title));
    tables
}

const CONSUMER: &str = "[[load]]\nkind = \"consumer\"\n";
const MEMBER: &str = "[[load]]\nkind = \"consumer\"\ngroup.id = \"group-a\"\n";
const PIPELINE: &str = "[[topic]]\nname = \"results\"\n[[load]]\nkind = \"consumer\"\ngroup.id = \"group-a\"\n\
    topics = [\"orders\"]\noutputs = [\"results\"]\n";

/// What a consumer is asked for if it has what the example has, besides what it is asked for without.
fn besides(kind: &str, without: &str, example: &str) -> TableReference {
    let title = "[[load]]";
    let without = last_asked(title, without);
    let mut table = last_asked(title, example);
    table.keys.retain(|key| !without.keys.iter().any(|other| other.key == key.key));
    TableReference { example: example.to_owned(), ..reference(&table, Some(kind)) }
}

/// Each kind of fault with what chooses it, partitions by their cuts.
fn faults() -> impl Iterator<Item = (String, String)> {
    let simple = fault_kinds().into_iter().filter(|kind| *kind != "partition");
    let simple = simple.map(|kind| (kind.to_owned(), format!("kind = \"{kind}\"")));
    let cuts = partition_shapes().map(|cut| {
        (format!("partition, cut {cut}"), format!("kind = \"partition\"\ncut = \"{cut}\""))
    });
    simple.chain(cuts)
}

/// What tables of a scenario are asked for.
fn asked(tail: &str) -> Vec<AskedTable> {
    let root = tree::parse(&format!("{BASE}{tail}"));
    let root = root.unwrap_or_else(|_| panic!("a scenario of ours is no TOML: {tail}"));
    let problems = Problems::with_asked();
    read(&root, &problems);
    problems.into_asked()
}

/// The last table of this title in a scenario that ends with it.
fn last_asked(title: &str, tail: &str) -> AskedTable {
    let mut tables = asked(tail).into_iter().filter(|table| table.title == title);
    tables.next_back().unwrap_or_else(|| panic!("nobody has read {title} in {tail}"))
}

/// What the kinds of a table have in common, and what each has besides.
fn of_kinds(title: &str, kinds: impl Iterator<Item = (String, String)>) -> Vec<TableReference> {
    let kinds: Vec<(String, AskedTable)> = kinds
        .map(|(kind, chosen)| (kind, last_asked(title, &format!("{title}\n{chosen}\n"))))
        .collect();
    let in_all = |key: &AskedKey| {
        kinds.iter().all(|(_, table)| table.keys.iter().any(|other| other.key == key.key))
    };
    let mut common: Vec<AskedKey> =
        kinds[0].1.keys.iter().filter(|key| in_all(key)).cloned().collect();
    if title == "[[fault]]" {
        // What follows another fault says how long after it instead of when.
        let after = "[[fault]]\nkind = \"bit-rot\"\nname = \"rot\"\n[[fault]]\nkind = \"bit-rot\"\nafter = \"rot\"\n";
        let delay = last_asked(title, after).keys.into_iter().filter(|key| key.key == "delay_ms");
        common.extend(delay);
    }
    let mut tables: Vec<TableReference> = kinds
        .iter()
        .map(|(kind, table)| {
            let mut own = reference(table, Some(kind));
            own.keys.retain(|key| !common.iter().any(|other| other.key == key.key));
            own
        })
        .collect();
    let common = AskedTable { title: title.to_owned(), keys: common };
    tables.insert(0, TableReference { example: String::new(), ..reference(&common, None) });
    tables
}

fn reference(table: &AskedTable, kind: Option<&str>) -> TableReference {
    let keys: Vec<KeyReference> =
        table.keys.iter().map(|key| key_reference(&table.title, key)).collect();
    let kind = kind.map(str::to_owned);
    TableReference {
        title: table.title.clone(),
        example: example(table, kind.as_deref()),
        kind,
        keys,
    }
}

fn key_reference(title: &str, key: &AskedKey) -> KeyReference {
    let (is_required, default) = match &key.unless_given {
        UnlessGiven::Required(_) => (true, None),
        UnlessGiven::Default(value) => (false, Some(value.clone())),
        UnlessGiven::Absent => (false, None),
    };
    let about = if key.about.is_empty() { about(title, &key.key) } else { key.about };
    KeyReference { key: key.key.clone(), values: key.values.clone(), is_required, default, about }
}

/// What a key is; empty if nobody has said it, which a test finds.
fn about(title: &str, key: &str) -> &'static str {
    let of = |table: &str| ABOUT.iter().find(|row| row.0 == table && row.1 == key);
    of(title).or_else(|| of("")).map_or("", |row| row.2)
}

/// The table with everything that it must have.
fn example(table: &AskedTable, kind: Option<&str>) -> String {
    let mut text = format!("{}\n", table.title);
    let (kind, cut) = match kind.and_then(|kind| kind.split_once(", cut ")) {
        Some((kind, cut)) => (Some(kind), Some(cut)),
        None => (kind, None),
    };
    for key in &table.keys {
        let UnlessGiven::Required(example) = &key.unless_given else { continue };
        let chosen = match key.key.as_str() {
            "kind" => kind,
            "cut" => cut,
            _ => None,
        };
        let value = chosen.map_or_else(|| example.clone(), |chosen| format!("\"{chosen}\""));
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{} = {value}", key.key);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{ABOUT, BASE, tables};
    use crate::format::parse;

    #[test]
    fn every_key_says_what_it_is_and_nothing_is_said_of_others() {
        let tables = tables();
        for table in &tables {
            for key in &table.keys {
                assert!(!key.about.is_empty(), "{} {}: what is it?", table.title, key.key);
            }
        }
        for (title, key, _) in ABOUT {
            let known = tables.iter().any(|table| {
                (title.is_empty() || table.title == *title)
                    && table.keys.iter().any(|known| known.key == *key)
            });
            assert!(known, "{title} has no `{key}`");
        }
    }

    #[test]
    fn each_example_is_a_table_that_is_read() {
        let tables = tables();
        let examples = tables.iter().filter(|table| table.kind.is_some());
        let group = "[[load]]\nkind = \"consumer\"\ngroup.id = \"group-a\"\n";
        let mut read = 0;
        for table in examples {
            let scenario = parse("example.toml", &format!("{BASE}{group}{}", table.example), &[]);
            assert!(scenario.is_ok(), "{}: {:?}", table.example, scenario.err());
            read += 1;
        }
        assert!(read > 30, "loads, faults and cuts: {read}");
    }
}
