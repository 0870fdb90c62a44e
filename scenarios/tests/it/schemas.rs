//! What machines are given is as the checked-in schemas say, and a changed output is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use harrow_reports::report::REPORT_SCHEMA;
use harrow_reports::trace::TRACE_SCHEMA;
use harrow_scenarios::schemas::{SCHEMAS, Schema};
use harrow_sim::plan::PLAN_SCHEMA;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary::{command, harrow, harrow_in, said};
use crate::coverage::COVERAGE;
use crate::json_schema::{complaints, schema};

/// What a kind of object is called among the schemas.
fn name_of(value: &Value) -> &str {
    match value["kind"].as_str() {
        Some("history") => "history-report",
        Some(_) if value.get("row").is_some() => "trace-event",
        Some(kind) => kind,
        None => "plan",
    }
}

/// A short run, told and left in all ways that there are: every object, by its schema's name.
fn samples(directory: &Path) -> BTreeMap<String, Vec<Value>> {
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut take = |name: Option<&str>, value: Value| {
        let name = name.unwrap_or_else(|| name_of(&value)).to_owned();
        all.entry(name).or_default().push(value);
    };
    for line in [
        "run quick-failover --seed 9 --defect truncate-to-hw --out left",
        "run calm --seed 18446744073709551615",
        "sweep lost-response calm --seeds 1..2 --defect no-dedup",
        "sweep calm --seeds 1..2 --shard 1/2 --receipt fleet",
        "sweep calm --seeds 1..2 --shard 2/2 --receipt fleet",
        "merge fleet",
        "check left/history.jsonl --config left/history.toml --hold acks=all",
        "query left truncated",
        "query left truncated[node=77]",
        "query calm became-leader --seeds 1..2",
        "query calm became-leader[partition=orders-77] --seeds 1..2",
        "diff calm --seed 1 --other-set load.0.operations=40",
        "verify calm --seeds 1..2",
        "compare lost-response --seeds 1..2 --defect no-dedup",
        "shrink calm --seed 1",
        "report left",
        "trace left --out cut.jsonl --from 1s --to 2s",
        "init new.toml",
    ] {
        let words: Vec<&str> = line.split(' ').chain(["--format", "json"]).collect();
        let run = harrow_in(directory, &words);
        assert!(run.code < 2 || run.code == 3, "{line}: {}{}", run.stdout, run.stderr);
        for value in run.json_lines() {
            take(None, value);
        }
    }
    take(None, COVERAGE.clone());
    for line in ["list", "defects", "explain durability", "doctor", "schema", "query --kinds"] {
        let words: Vec<&str> = line.split(' ').chain(["--format", "json"]).collect();
        let name = match words[0] {
            "schema" => "schemas",
            "query" => "kinds",
            other => other,
        };
        take(Some(name), harrow(&words).json());
    }
    let mut debug = command(directory, &["debug", "left", "--format", "json"]);
    let script = "until truncated\npartition orders-0\nsteps\nnetwork\nverdict\n";
    let answers = said(debug.write_stdin(script)).json_lines();
    for value in answers {
        take(None, value);
    }
    for file in ["left/report.json", "left/plan.json", "fleet/receipt-1-of-2.json"] {
        let text = fs::read_to_string(directory.join(file)).expect("it is left");
        take(None, serde_json::from_str(&text).expect("it is JSON"));
    }
    for file in ["left/trace.jsonl", "cut.jsonl", "fleet/runs-1-of-2.jsonl"] {
        let text = fs::read_to_string(directory.join(file)).expect("it is left");
        for line in text.lines() {
            take(None, serde_json::from_str(line).expect("it is JSON"));
        }
    }
    all
}

/// Objects that take a server, a minute or a broken corpus to come by.
const ELSEWHERE: [&str; 4] = ["corpus", "corpus-kept", "ready", "shrunk"];

#[test]
fn what_machines_are_given_is_as_the_schemas_say_and_nothing_else_is() {
    let directory = TempDir::new().expect("a temporary directory");
    let all = samples(directory.path());
    for Schema { name, .. } in SCHEMAS {
        assert!(all.contains_key(*name) || ELSEWHERE.contains(name), "nothing is of {name}");
    }
    for (name, values) in &all {
        let schema = schema(name);
        for value in values {
            let found = complaints(&schema, value);
            assert!(found.is_empty(), "{name}: {found:#?}\n{value}");
        }
        assert_changes_show(name, &schema, &values[0]);
    }
}

/// Without a field, with one more, or with another value in it, an output is not as its schema says.
fn assert_changes_show(name: &str, schema: &Value, value: &Value) {
    let (Some(object), Some(required)) = (value.as_object(), schema["required"].as_array()) else {
        return;
    };
    let says_nothing = |key: &str| {
        let says = schema["properties"].get(key).and_then(Value::as_object);
        says.is_none_or(|says| says.keys().all(|keyword| keyword == "description"))
    };
    for key in object.keys() {
        let required = required.contains(&json!(key));
        let mut without = value.clone();
        let _ = without.as_object_mut().expect("an object").remove(key);
        assert_eq!(complaints(schema, &without).is_empty(), !required, "{name} without {key}");
        let mut renamed = without;
        renamed[format!("{key}s")] = value[key].clone();
        let open = schema.get("additionalProperties") == Some(&json!(true));
        assert!(open && !required || !complaints(schema, &renamed).is_empty(), "{name}: {key}s");
        let mut other = value.clone();
        other[key] = json!(0.5);
        let shows = !complaints(schema, &other).is_empty();
        assert!(shows || says_nothing(key), "{name}: {key} is 0.5");
    }
}

#[test]
fn schemas_are_called_by_name_and_version_and_agree_with_the_code_and_each_other() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
    let files = fs::read_dir(folder).expect("they are there").count();
    assert_eq!(files, SCHEMAS.len(), "each file is listed");
    let mut definitions: BTreeMap<String, Value> = BTreeMap::new();
    for Schema { name, version, text } in SCHEMAS {
        let read: Value = serde_json::from_str(text).expect("a schema is JSON");
        assert_eq!(read["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert_eq!(read["$id"], format!("urn:harrow:schema:{name}:{version}"));
        let told = &read["properties"]["schema"]["const"];
        assert!(told.is_null() || *told == *version, "{name}: {told}");
        for (part, says) in read["$defs"].as_object().into_iter().flatten() {
            let before = definitions.entry(part.clone()).or_insert_with(|| says.clone());
            assert_eq!(before, says, "{part} of {name} is another one elsewhere");
        }
    }
    let version = |name: &str| SCHEMAS.iter().find(|one| one.name == name).map(|one| one.version);
    assert_eq!(version("run"), Some(REPORT_SCHEMA));
    assert_eq!(version("history-report"), Some(REPORT_SCHEMA));
    assert_eq!(version("trace"), Some(TRACE_SCHEMA));
    assert_eq!(version("plan"), Some(PLAN_SCHEMA));
}

#[test]
fn schemas_are_listed_and_printed() {
    let list = harrow(&["schema"]).stdout;
    for Schema { name, text, .. } in SCHEMAS {
        assert!(list.contains(&format!("{name} ")), "{name} in {list}");
        assert_eq!(harrow(&["schema", name]).stdout, *text, "{name}");
    }
    harrow(&["schema", "rnu"]).refuses_with(&["there is no schema `rnu`", "did you mean `run`?"]);
}

/// Holds files against schemas by a validator that others use; prints `skipped` where it is not installed.
const BY_OTHERS: &str = r#"
import json, sys
try:
    from jsonschema import Draft202012Validator as Validator
except ImportError:
    print("skipped: no jsonschema for Python")
    sys.exit(0)
schemas = {}
for text in json.load(open("schemas.json")):
    schema = json.loads(text)
    Validator.check_schema(schema)
    schemas[schema["$id"].split(":")[3]] = Validator(schema)
count = 0
def hold(name, value):
    global count
    schemas[name].validate(value)
    count += 1
hold("run", json.load(open("left/report.json")))
hold("plan", json.load(open("left/plan.json")))
lines = [json.loads(line) for line in open("left/trace.jsonl")]
hold("trace", lines[0])
for line in lines[1:2000]:
    hold("trace-event", line)
broken = json.load(open("left/report.json"))
broken["findings"] = None
assert not schemas["run"].is_valid(broken)
print(count, "values are valid")
"#;

#[test]
fn other_peoples_validators_take_the_schemas() {
    let directory = TempDir::new().expect("a temporary directory");
    let texts: Vec<&str> = SCHEMAS.iter().map(|schema| schema.text).collect();
    let texts = serde_json::to_string(&texts).expect("texts are JSON");
    fs::write(directory.path().join("schemas.json"), texts).expect("it takes files");
    let run = harrow_in(directory.path(), &["run", "calm", "--seed", "1", "--out", "left"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut python = Command::new("python3");
    let Ok(output) = python.current_dir(directory.path()).args(["-c", BY_OTHERS]).output() else {
        eprintln!("skipped: no Python is installed");
        return;
    };
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    if told.starts_with("skipped") {
        eprintln!("{told}");
    } else {
        assert!(told.starts_with("2002 values"), "{told}");
    }
}
