//! Hand-made histories with the exact set of anomalies that each must show, before and after the policy. Another
//! folder of vectors can be named by `HARROW_VECTORS`. Removing any one rule must make a case fail.

#[path = "../../../sim/tests/watch/stage.rs"]
#[expect(dead_code, reason = "the watch's own tests use more of it")]
mod stage;
mod traces;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use harrow_broker_model::config::Acks;
use harrow_reports::check::{Anomaly, Options, Rules, check};
use harrow_reports::policy::{Isolation, Terms, excuse};
use harrow_sim::history::{
    Completion, Function, History, MicroOperation, OperationRecord, ReadRecord,
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
    assert!(cases.len() >= 25, "only {} vectors are in scope", cases.len());
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
    let own_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    std::env::var_os("HARROW_VECTORS").map_or(own_folder, PathBuf::from)
}

fn cases() -> Vec<Case> {
    let path = folder().join("histories.jsonl");
    let given = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{} is not readable: {error}", path.display()));
    let lines = given.lines().chain(OWN.lines()).filter(|line| !line.trim().is_empty());
    let values = lines.map(|line| serde_json::from_str::<Value>(line).expect("a vector is JSON"));
    values.filter_map(|value| read_case(&value)).collect()
}

fn read_case(vector: &Value) -> Option<Case> {
    let id = vector["id"].as_str().expect("a vector has an id").to_owned();
    if let Some(feature) = out_of_scope(vector) {
        eprintln!("{id} skipped: needs {feature}");
        return None;
    }
    let mut names = Names::default();
    let operations = list(&vector["h"]);
    let operations = operations.iter().enumerate().map(|(n, op)| operation(&mut names, n, op));
    let mut operations: Vec<OperationRecord> = operations.collect();
    operations.sort_by_key(|operation| operation.completed_ns);
    let config = &vector["cfg"];
    let start = config["start"].as_object().cloned().unwrap_or_default();
    let log_start_offsets = start
        .iter()
        .map(|(name, offset)| (names.partition(name), offset.as_i64().expect("an offset")))
        .collect();
    let history = History {
        partitions: names.partitions,
        value_names: names.values,
        operations,
        final_reads: vector["final"].as_bool().unwrap_or(true),
    };
    Some(Case {
        id,
        history,
        options: Options { rules: Rules::ALL, log_start_offsets },
        terms: terms(config),
        flags: set(&vector["flags"]),
        bad: set(&vector["bad"]),
    })
}

/// The feature that a vector needs and the checks do not have yet.
fn out_of_scope(vector: &Value) -> Option<&'static str> {
    let operations = list(&vector["h"]);
    let any = |field: &str| operations.iter().any(|op| op.get(field).is_some());
    let named = |name: &str| operations.iter().any(|op| op["f"] == name);
    let cycles = |flag: &String| flag.starts_with("G0") || flag.starts_with("G1c");
    let keyed = |op: &Value| {
        let actions = op["v"].as_array();
        actions.is_some_and(|list| list.iter().any(|a| a.get(4).is_some_and(|key| !key.is_null())))
    };
    if vector["cfg"]["sub"] == true || named("subscribe") {
        Some("subscribe")
    } else if any("g") || named("join") || named("commit") {
        Some("groups")
    } else if any("eos") {
        Some("eos")
    } else if any("reb") {
        Some("rebalances")
    } else if set(&vector["flags"]).iter().any(cycles) {
        Some("the transaction graph")
    } else if vector["cfg"]["compact"] == true || operations.iter().any(keyed) {
        Some("compaction")
    } else {
        None
    }
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
}

impl Names {
    fn partition(&mut self, name: &str) -> u32 {
        let known = self.partitions.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.partitions.push(name.to_owned());
            self.partitions.len() - 1
        }) as u32
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
        actions: actions(names, function, &op["v"]),
    }
}

fn actions(names: &mut Names, function: Function, value: &Value) -> Vec<MicroOperation> {
    match function {
        Function::Send | Function::Poll | Function::Txn => {
            list(value).iter().map(|action| micro(names, action)).collect()
        }
        Function::Assign { .. } => {
            let taken = list(value);
            let partitions = taken.iter().map(|name| name.as_str().expect("a partition"));
            partitions
                .map(|name| MicroOperation::Assigned { partition: names.partition(name) })
                .collect()
        }
        Function::List => {
            let ends = value.as_object().cloned().unwrap_or_default();
            let told = ends.iter().map(|(name, offset)| MicroOperation::EndOffset {
                partition: names.partition(name),
                offset: offset.as_i64(),
            });
            told.collect()
        }
        Function::Crash => Vec::new(),
    }
}

fn micro(names: &mut Names, action: &Value) -> MicroOperation {
    if action[0] == "s" {
        return MicroOperation::Send {
            partition: action[1].as_str().map(|name| names.partition(name)),
            value: names.value(&action[2]),
            offset: action.get(3).and_then(Value::as_i64),
        };
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

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn set(value: &Value) -> BTreeSet<String> {
    list(value).iter().map(|name| name.as_str().expect("an anomaly").to_owned()).collect()
}
