//! What is written as JSON survives readers that know 64-bit floats only, as JavaScript and jq 1.6 do.

use harrow_broker_model::wide::INEXACT;
use harrow_reports::history_file::write_history;
use harrow_reports::policy::Hold;
use harrow_scenarios::catalogue::find;
use harrow_scenarios::format::{check_plan, parse};
use harrow_scenarios::pipeline::{RunIdentity, fingerprint, is_edited, run, run_and_judge_held_to};
use harrow_scenarios::planner::plan;
use harrow_sim::plan::Plan;
use serde_json::{Number, Value};

const SEEDS: [u64; 4] = [7, INEXACT - 1, INEXACT + 1, u64::MAX];

fn drawn(name: &str, seed: u64) -> Plan {
    let text = find(name).expect("it is in the catalogue").text;
    plan(&parse(name, text, &[]).expect("the catalogue parses"), seed)
}

/// Every number as such a reader has it.
fn through_floats(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().expect("it is a number");
            assert!(float.fract() == 0.0, "{number} is not whole");
            *number = Number::from(float as i64);
        }
        Value::Array(elements) => elements.iter_mut().for_each(through_floats),
        Value::Object(entries) => entries.values_mut().for_each(through_floats),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn assert_survives(text: &str) {
    let value: Value = serde_json::from_str(text).expect("it is JSON");
    let mut other = value.clone();
    through_floats(&mut other);
    assert_eq!(value, other, "{text:.200}");
}

#[test]
fn a_plan_that_went_through_floats_is_the_same_plan() {
    for seed in SEEDS {
        let plan = drawn("swarm", seed);
        let text = serde_json::to_string(&plan).expect("a plan is plain data");
        assert_survives(&text);
        let mut value: Value = serde_json::from_str(&text).expect("it is JSON");
        through_floats(&mut value);
        let back: Plan = serde_json::from_value(value).expect("it is a plan");
        assert_eq!(back, plan);
        assert!(check_plan("plan.json", &text, &back).is_ok(), "seed {seed}");
    }
}

#[test]
fn reports_and_histories_have_no_number_that_floats_round() {
    for seed in [7, u64::MAX] {
        let plan = drawn("calm", seed);
        let identity = RunIdentity { scenario: "calm", plan: None, replay: "harrow run calm" };
        let judged = run_and_judge_held_to(&plan, identity, false, &Hold::default());
        assert_survives(&serde_json::to_string(&judged.report).expect("it is plain data"));
        let mut history = Vec::new();
        write_history(&judged.run.history, &mut history).expect("memory takes it");
        let text = String::from_utf8(history).expect("it is text");
        text.lines().for_each(assert_survives);
    }
}

#[test]
fn a_plan_that_was_edited_says_so() {
    let mut plan = drawn("leader-crash", 7);
    assert!(!is_edited(&plan), "nobody says what it was");
    plan.drawn = Some(fingerprint(&plan));
    assert!(!is_edited(&plan));
    let replayed: Plan =
        serde_json::from_str(&serde_json::to_string(&plan).expect("it is plain data"))
            .expect("it is a plan");
    assert!(!is_edited(&replayed));
    assert_eq!(run(&replayed, false).digest, run(&plan, false).digest);
    plan.steps.pop().expect("it has a fault");
    assert!(is_edited(&plan));
    let identity = |plan| RunIdentity { scenario: "leader-crash", plan, replay: "" };
    let edited = |of| {
        run_and_judge_held_to(&plan, identity(of), false, &Hold::default()).report.coordinate.edited
    };
    assert!(edited(Some("plan.json")) && !edited(None), "a replay says so, a run does not");
}
