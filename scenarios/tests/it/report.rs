//! What is told about a run, at fixed coordinates: one that is held and one that a defect breaks.

use harrow_broker_model::defect::{Defect, ReplicationDefect};
use harrow_reports::render::{Format, Styles, render};
use harrow_scenarios::catalogue::find;
use harrow_scenarios::format::parse;
use harrow_scenarios::pipeline::{RunIdentity, follow, run_and_judge};
use harrow_scenarios::planner::plan;

/// Both formats of a run's report, without what differs between machines and commits.
fn reports(name: &str, seed: u64, defect: Option<Defect>) -> (String, String) {
    let entry = find(name).expect("it is in the catalogue");
    let scenario = parse(entry.name, entry.text, &[]).expect("the catalogue parses");
    let mut plan = plan(&scenario, seed);
    plan.cluster.defects = defect.into_iter().collect();
    let mut report = run_and_judge(
        &plan,
        RunIdentity { scenario: name, plan: None, replay: "harrow run ..." },
        false,
    )
    .report;
    follow(&plan, &mut report);
    "0123456789ab".clone_into(&mut report.coordinate.commit);
    report.stats.wall_ms = Some(1);
    let written = |format: Format<'_>| {
        let mut out = Vec::new();
        render(&report, format, &mut out).expect("writing to memory does not fail");
        String::from_utf8(out).expect("reports are text")
    };
    let replay = "harrow run ...";
    (written(Format::Human { styles: Styles::plain(), replay }), written(Format::Json))
}

#[test]
fn a_held_run() {
    let (human, json) = reports("leader-crash", 7, None);
    insta::assert_snapshot!("held-human", human);
    insta::assert_snapshot!("held-json", json);
}

#[test]
fn a_violated_run() {
    let (human, json) = reports("swarm", 7, Some(ReplicationDefect::TruncateToHw.into()));
    insta::assert_snapshot!("violated-human", human);
    insta::assert_snapshot!("violated-json", json);
}
