//! Jepsen's own tests of its kafka checker, told anew in `cases.edn`: Harrow finds all that Jepsen expects and nothing
//! that it rules out, or HISTORY.md says why not.

mod edn;

use std::collections::{BTreeMap, BTreeSet};

use harrow_reports::check::{Occurrence, Options, check, longest_lag};
use harrow_reports::judge::judge_history;
use harrow_reports::policy::Terms;
use harrow_reports::verdict::Outcome;
use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NEVER, NO_OFFSET, OperationRecord, ReadRecord,
    SendRecord, What,
};

use edn::Edn;

const CASES: &str = include_str!("cases.edn");
const DOCUMENT: &str = include_str!("../../../HISTORY.md");

#[test]
fn all_that_jepsen_expects_is_found_or_explained() {
    let cases = edn::read(CASES);
    assert!(cases.len() >= 40, "only {} cases were read", cases.len());
    let wrong: Vec<String> = cases.iter().flat_map(disagreements).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with a case.
fn disagreements(case: &Edn) -> Vec<String> {
    let name = case.at("name").expect("a case has a name").name();
    let history = history(case);
    let found = check(&history, &Options::default());
    let named = |name: &str| found.iter().filter(|found| found.anomaly.name() == name).count();
    let (expected, never) = (names(case, "jepsen"), names(case, "never"));
    let differs: BTreeMap<String, String> = match case.at("differs") {
        Some(Edn::Map(reasons)) => reasons.iter().map(|(k, v)| (k.name(), v.name())).collect(),
        _ => BTreeMap::new(),
    };
    let mut wrong = Vec::new();
    for (anomaly, wanted) in
        expected.iter().map(|it| (it, true)).chain(never.iter().map(|it| (it, false)))
    {
        let agrees = (named(anomaly) > 0) == wanted;
        match differs.get(anomaly) {
            None if !agrees => wrong.push(format!("{anomaly}: Jepsen says {wanted}")),
            Some(_) if agrees => wrong.push(format!("{anomaly}: it does not differ any more")),
            Some(reason) if !explained(reason) => {
                wrong.push(format!("HISTORY.md does not explain `{reason}`"));
            }
            None | Some(_) => {}
        }
    }
    let own = names(case, "harrow");
    wrong.extend(own.iter().filter(|it| named(it) == 0).map(|it| format!("{it} is missing")));
    if let Some(Edn::Map(counts)) = case.at("count") {
        let count = |(anomaly, count): (&Edn, &Edn)| {
            let (anomaly, found) = (anomaly.name(), named(&anomaly.name()) as i64);
            (found != count.number()).then(|| format!("{anomaly}: {found} of {}", count.number()))
        };
        wrong.extend(counts.iter().filter_map(count));
    }
    if let Some(lag) = case.at("lag") {
        let of = |key: &str| lag.at(key).expect("a lag has it").number() as u64;
        let wanted = (of("process") as u32, of("known"), of("polled"));
        let lag = longest_lag(&history).map(|lag| (lag.process, lag.known_ns, lag.polled_ns));
        wrong.extend((lag != Some(wanted)).then(|| format!("lag {lag:?}, not {wanted:?}")));
    }
    if case.at("held") == Some(&Edn::Flag(false)) {
        let verdict = judge_history(&history, &Terms::strict(), &Options::default());
        wrong.extend((verdict.outcome == Outcome::Held).then(|| "it is held".to_owned()));
    }
    let told: Vec<String> =
        found.iter().map(|found: &Occurrence| found.summary(&history)).collect();
    wrong.into_iter().map(|wrong| format!("{name}: {wrong}; told: {told:#?}")).collect()
}

fn names(case: &Edn, key: &str) -> BTreeSet<String> {
    case.at(key).map_or(BTreeSet::new(), |set| set.list().iter().map(Edn::name).collect())
}

/// Whether the document has a row of that heading in its table of differences.
fn explained(reason: &str) -> bool {
    let (_, rest) = DOCUMENT.split_once("### Where Jepsen and Harrow differ").expect("it is there");
    rest.lines().any(|line| line.starts_with(&format!("| {reason} |")))
}

/// Gives numbers to names.
#[derive(Default)]
struct Names {
    partitions: Vec<String>,
    values: Vec<String>,
}

fn position(names: &mut Vec<String>, name: String) -> u64 {
    let known = names.iter().position(|known| *known == name);
    known.unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    }) as u64
}

fn history(case: &Edn) -> History {
    let mut names = Names::default();
    let is_transactional = case.at("txn") == Some(&Edn::Flag(true));
    let mut open: Vec<(i64, String, OperationRecord)> = Vec::new();
    let mut operations = Vec::new();
    let lines = case.at("history").expect("a case has a history").list();
    for (time, line) in (0_u64..).zip(lines) {
        let [process, kind, f, value, rest @ ..] = line.list() else { panic!("{line:?}") };
        let from_start = rest.iter().any(|word| word.name() == "seek");
        let function = function(&f.name(), is_transactional, from_start);
        let actions = actions(&mut names, function, value);
        let completion = match kind.name().as_str() {
            "invoke" => {
                let operation = OperationRecord {
                    process: process.number() as u32,
                    invoked_ns: time,
                    completed_ns: NEVER,
                    completion: Completion::Info,
                    function,
                    actions,
                };
                open.push((process.number(), f.name(), operation));
                continue;
            }
            "ok" => Completion::Ok,
            "fail" => Completion::Fail,
            "info" => Completion::Info,
            other => panic!("type {other} is not known"),
        };
        let begun = open.iter().position(|(of, name, _)| {
            (*of, name.as_str()) == (process.number(), f.name().as_str())
        });
        let (_, _, begun) = open.remove(begun.expect("what ends has begun"));
        operations.push(OperationRecord { completed_ns: time, completion, actions, ..begun });
    }
    operations.extend(open.into_iter().map(|(_, _, operation)| operation));
    let final_reads = case.at("final-reads") == Some(&Edn::Flag(true));
    let mut history = History::of(names.partitions, final_reads, &operations);
    history.value_names = names.values;
    history
}

/// In a workload of transactions, those that only send or only poll are called `send` and `poll`.
fn function(f: &str, is_transactional: bool, from_start: bool) -> Function {
    match f {
        "send" | "txn" if is_transactional => Function::Txn,
        "send" => Function::Send,
        "poll" => Function::Poll,
        "txn" => Function::Txn,
        "assign" => Function::Assign { from_start },
        "subscribe" => Function::Subscribe,
        other => panic!("function {other} is not in scope"),
    }
}

fn actions(names: &mut Names, function: Function, value: &Edn) -> Vec<MicroOperation> {
    let mut partition = |key: &Edn| position(&mut names.partitions, key.name()) as u32;
    if matches!(function, Function::Assign { .. } | Function::Subscribe) {
        let assigned = value.list().iter().map(|key| What::Assigned { partition: partition(key) });
        return assigned.map(MicroOperation::Detail).collect();
    }
    let mut number = |value: &Edn| position(&mut names.values, value.name());
    let micro = |micro: &Edn| match micro.list() {
        [send, key, value] if send.name() == "send" => {
            let (offset, value) = match value {
                Edn::List(told) => (told[0].number(), &told[1]),
                Edn::Keyword(_) | Edn::Number(_) | Edn::Text(_) | Edn::Flag(_) | Edn::Map(_) => {
                    (NO_OFFSET, value)
                }
            };
            let send = SendRecord::of(number(value));
            MicroOperation::Send(SendRecord { offset, partition: partition(key), ..send })
        }
        [poll, rest @ ..] if poll.name() == "poll" => {
            let mut records = Vec::new();
            for polled in rest {
                let Edn::Map(polled) = polled else { panic!("{polled:?} is no map") };
                for (key, pairs) in polled {
                    let partition = partition(key);
                    records.extend(pairs.list().iter().map(|pair| ReadRecord {
                        partition,
                        offset: pair.list()[0].number(),
                        value: number(&pair.list()[1]),
                    }));
                }
            }
            MicroOperation::Poll { records }
        }
        other => panic!("{other:?} is no micro-operation"),
    };
    value.list().iter().map(micro).collect()
}
