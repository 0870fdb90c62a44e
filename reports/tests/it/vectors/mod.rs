//! Hand-made histories with the exact set of anomalies that each must show, before and after the policy. Another
//! folder of vectors can be named by `HARROW_VECTORS`. Removing any one rule must make a case fail.

mod traces;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use harrow_broker_model::config::Acks;
use harrow_reports::check::{Anomaly, LogFacts, Options, Rules, check};
use harrow_reports::policy::{Isolation, Reset, Terms, excuse};
use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NO_KEY, NO_OFFSET, NO_PARTITION,
    OperationRecord, ReadRecord, SendRecord, What,
};
use serde_json::Value;

/// Cases for rules that the given vectors do not reach, in the same form.
const OWN: &str = include_str!("own.jsonl");

struct Case {
    id: String,
    history: History,
    options: Options,
    terms: Terms,
    flags: BTreeSet<String>,
    bad: BTreeSet<String>,
}

#[test]
fn every_vector_gives_exactly_its_flags_and_verdict() {
    let cases = cases();
    assert!(!cases.is_empty(), "there are no vectors");
    let wrong: Vec<String> = cases.iter().filter_map(|case| mismatch(case, Rules::ALL)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_is_needed_by_a_vector() {
    let cases = cases();
    for anomaly in Anomaly::ALL {
        let rules = Rules::ALL.without(anomaly);
        let killers: Vec<&str> = cases
            .iter()
            .filter(|case| mismatch(case, rules).is_some())
            .map(|case| case.id.as_str())
            .collect();
        eprintln!("{anomaly}: {}", killers.join(" "));
        assert!(!killers.is_empty(), "no case fails without {anomaly}");
    }
}

fn mismatch(case: &Case, rules: Rules) -> Option<String> {
    let options = Options { rules, ..case.options.clone() };
    let found = check(&case.history, &options);
    let names = |legal: bool| -> BTreeSet<String> {
        let kept =
            found.iter().filter(|o| legal || excuse(&case.terms, &case.history, o).is_none());
        kept.map(|o| o.anomaly.name().to_owned()).collect()
    };
    let (flags, bad) = (names(true), names(false));
    let right = flags == case.flags && bad == case.bad;
    (!right).then(|| {
        let told: Vec<String> = found.iter().map(|o| o.summary(&case.history)).collect();
        format!(
            "{}: flags {flags:?}, wanted {:?}; bad {bad:?}, wanted {:?}; {told:#?}",
            case.id, case.flags, case.bad
        )
    })
}

/// Where the vectors are.
fn folder() -> PathBuf {
    let own_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/vectors");
    std::env::var_os("HARROW_VECTORS").map_or(own_folder, PathBuf::from)
}

fn cases() -> Vec<Case> {
    let path = folder().join("histories.jsonl");
    let given = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{} is not readable: {error}", path.display()));
    let lines = given.lines().chain(OWN.lines()).filter(|line| !line.trim().is_empty());
    let values = lines.map(|line| serde_json::from_str::<Value>(line).expect("a vector is JSON"));
    values.map(|value| read_case(&value)).collect()
}

fn read_case(vector: &Value) -> Case {
    let id = vector["id"].as_str().expect("a vector has an id").to_owned();
    let mut names = Names::default();
    let operations = list(&vector["h"]);
    let operations = operations.iter().enumerate().map(|(n, op)| operation(&mut names, n, op));
    let operations: Vec<OperationRecord> = operations.collect();
    let config = &vector["cfg"];
    let member_epochs = config["protocol"] == "consumer";
    let mut options = Options { member_epochs, ..Options::default() };
    for (name, offset) in config["start"].as_object().into_iter().flatten() {
        let log_start_offset = offset.as_i64().expect("an offset");
        let facts = LogFacts { log_start_offset, compacted: false };
        options.logs.insert(names.partition(name), facts);
    }
    for (group, within) in config["within"].as_object().into_iter().flatten() {
        let within_ns = within.as_u64().expect("a time");
        options.processed_within_ns.insert(group.clone(), within_ns);
    }
    for partition in 0..names.partitions.len() as u32 {
        options.logs.entry(partition).or_default().compacted = config["compact"] == true;
    }
    let final_reads = vector["final"].as_bool().unwrap_or(true);
    let mut history = History::of(names.partitions, final_reads, &operations);
    history.value_names = names.values;
    history.groups = names.groups;
    let (flags, bad) = (set(&vector["flags"]), set(&vector["bad"]));
    Case { id, history, options, terms: terms(config), flags, bad }
}

fn terms(config: &Value) -> Terms {
    let mut terms = Terms::strict();
    let acks = config["acks"].as_str().map(str::to_owned).unwrap_or(config["acks"].to_string());
    terms.producer.acks = match acks.as_str() {
        "0" => Acks::None,
        "1" => Acks::Leader,
        "all" | "-1" | "null" => Acks::All,
        other => panic!("acks {other} is not known"),
    };
    terms.producer.idempotence = config["idem"].as_bool().unwrap_or(true);
    if config["iso"] == "ru" {
        terms.isolation = Isolation::ReadUncommitted;
    }
    for (process, isolation) in config["iso_of"].as_object().into_iter().flatten() {
        let known =
            if isolation == "ru" { Isolation::ReadUncommitted } else { Isolation::ReadCommitted };
        terms.isolations.push((process.parse().expect("a number"), known));
    }
    terms.subscribes = config["sub"] == true;
    terms.offset_reset = match config["reset"].as_str() {
        None | Some("earliest") => Reset::Earliest,
        Some("latest") => Reset::Latest,
        Some("none") => Reset::None,
        Some("by_duration") => Reset::ByDuration,
        Some(other) => panic!("reset {other} is not known"),
    };
    let partition = &mut terms.partitions[0];
    partition.unclean_leader_election = config["unclean"].as_bool().unwrap_or(false);
    partition.min_insync_replicas = config["min_isr"].as_u64().unwrap_or(2) as u32;
    terms
}

/// Gives numbers to names.
#[derive(Default)]
struct Names {
    partitions: Vec<String>,
    values: Vec<String>,
    known: BTreeMap<String, u64>,
    keys: Vec<Value>,
    groups: Vec<String>,
}

impl Names {
    fn partition(&mut self, name: &str) -> u32 {
        position(&mut self.partitions, name.to_owned())
    }

    fn key(&mut self, key: &Value) -> u32 {
        if key.is_null() { NO_KEY } else { position(&mut self.keys, key.clone()) }
    }

    fn group(&mut self, name: &Value) -> u32 {
        position(&mut self.groups, name.as_str().expect("a group has a name").to_owned())
    }

    fn value(&mut self, name: &Value) -> u64 {
        let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
        *self.known.entry(name.clone()).or_insert_with(|| {
            self.values.push(name);
            self.values.len() as u64 - 1
        })
    }
}

fn operation(names: &mut Names, ordinal: usize, op: &Value) -> OperationRecord {
    let sequential = 2 * ordinal as u64;
    let function = match op["f"].as_str().expect("an operation has a function") {
        "send" => Function::Send,
        "poll" => Function::Poll,
        "txn" => Function::Txn,
        "assign" => Function::Assign { from_start: op["seek"] == true },
        "subscribe" => Function::Subscribe,
        "join" => Function::Join,
        "commit" => Function::Commit,
        "list" => Function::List,
        "crash" => Function::Crash,
        other => panic!("function {other} is not in scope"),
    };
    let completion = match op["t"].as_str() {
        None | Some("ok") => Completion::Ok,
        Some("fail") => Completion::Fail,
        Some("info") => Completion::Info,
        Some(other) => panic!("outcome {other} is not known"),
    };
    OperationRecord {
        process: op["p"].as_u64().expect("an operation has a process") as u32,
        invoked_ns: op["i"].as_u64().unwrap_or(sequential),
        completed_ns: op["c"].as_u64().unwrap_or(sequential + 1),
        completion,
        function,
        actions: actions(names, function, op),
    }
}

fn actions(names: &mut Names, function: Function, op: &Value) -> Vec<MicroOperation> {
    let mut actions = match function {
        Function::Send | Function::Poll | Function::Txn => {
            list(&op["v"]).iter().map(|action| micro(names, action)).collect()
        }
        Function::Assign { .. } | Function::Subscribe | Function::Join => {
            taken(names, &op["v"], |partition| What::Assigned { partition })
        }
        Function::Commit | Function::List => offsets(names, function, op),
        Function::Crash => Vec::new(),
    };
    for (name, offset) in op["to"].as_object().into_iter().flatten() {
        let (partition, offset) = (names.partition(name), offset.as_i64());
        actions.push(MicroOperation::Detail(What::Seek { partition, offset }));
    }
    actions
        .extend(taken(names, &op["reb"], |partition| What::Rebalanced { partition, lost: false }));
    for input in list(&op["eos"]) {
        let input = input.as_str().and_then(|input| input.rsplit_once('@'));
        let (name, offset) = input.expect("an input is partition@offset");
        let (partition, offset) = (names.partition(name), offset.parse().expect("an offset"));
        let what = What::Consumed { partition, first: offset, last: offset };
        actions.push(MicroOperation::Detail(what));
    }
    if op.get("g").is_some() {
        let generation = op["gen"].as_i64().unwrap_or(-1);
        let what = What::Member { group: names.group(&op["g"]), generation };
        actions.push(MicroOperation::Detail(what));
    }
    actions
}

fn taken(names: &mut Names, value: &Value, what: fn(u32) -> What) -> Vec<MicroOperation> {
    let partitions = list(value);
    let partitions = partitions.iter().map(|name| name.as_str().expect("a partition"));
    partitions.map(|name| MicroOperation::Detail(what(names.partition(name)))).collect()
}

/// A `list` of a group asks where the group stands, any other one where partitions end.
fn offsets(names: &mut Names, function: Function, op: &Value) -> Vec<MicroOperation> {
    let told = op["v"].as_object().cloned().unwrap_or_default();
    let of_group = op.get("g").is_some();
    let told = told.iter().map(|(name, offset)| {
        let (partition, offset) = (names.partition(name), offset.as_i64());
        MicroOperation::Detail(if function == Function::List && of_group {
            What::Fetched { partition, offset }
        } else if function == Function::List {
            What::EndOffset { partition, offset }
        } else {
            What::Committed { partition, offset: offset.expect("a commit has an offset") }
        })
    });
    told.collect()
}

fn micro(names: &mut Names, action: &Value) -> MicroOperation {
    if action[0] == "s" {
        return MicroOperation::Send(SendRecord {
            value: names.value(&action[2]),
            offset: action[3].as_i64().unwrap_or(NO_OFFSET),
            partition: action[1].as_str().map_or(NO_PARTITION, |name| names.partition(name)),
            key: names.key(&action[4]),
        });
    }
    assert_eq!(action[0], "p", "a micro-operation is s or p");
    let polled = action[1].as_object().cloned().unwrap_or_default();
    let mut records = Vec::new();
    for (name, pairs) in &polled {
        let partition = names.partition(name);
        records.extend(list(pairs).iter().map(|pair| ReadRecord {
            partition,
            offset: pair[0].as_i64().expect("an offset"),
            value: names.value(&pair[1]),
        }));
    }
    MicroOperation::Poll { records }
}

/// The position of a name, which is put at the end if it is new.
fn position<T: PartialEq>(names: &mut Vec<T>, name: T) -> u32 {
    let known = names.iter().position(|known| *known == name);
    known.unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    }) as u32
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn set(value: &Value) -> BTreeSet<String> {
    list(value).iter().map(|name| name.as_str().expect("an anomaly").to_owned()).collect()
}
