//! Real runs tell the truth about themselves: what is committed at the end, and the life of a record that a defect
//! cost.

use std::collections::BTreeMap;

use harrow_broker_model::defect::{Defect, ReplicationDefect};
use harrow_reports::biography::places;
use harrow_reports::judge::judge;
use harrow_scenarios::catalogue::{CATALOGUE, find};
use harrow_scenarios::format::parse;
use harrow_scenarios::pipeline::{RunIdentity, follow, run_and_judge};
use harrow_scenarios::planner::plan;
use harrow_sim::biography::Follow;
use harrow_sim::biography::MomentKind;
use harrow_sim::plan::Plan;
use harrow_sim::run::RunOptions;

use super::played::{Played, WHOLE, with_played};

const CALLING: RunIdentity<'_> =
    RunIdentity { scenario: "quick-failover", plan: None, replay: "harrow run ..." };

fn planned(scenario: &str, seed: u64, defect: Option<Defect>) -> Plan {
    let entry = find(scenario).expect("a name of the catalogue");
    let parsed = parse(entry.name, entry.text, &[]).expect("the catalogue parses");
    let mut plan = plan(&parsed, seed);
    plan.cluster.defects = defect.into_iter().collect();
    plan
}

/// The name of each kind, with how often it is there.
fn counts(moments: &[harrow_sim::biography::Moment]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for moment in moments {
        let json = serde_json::to_value(moment).expect("a moment is data");
        let kind = json["kind"].as_str().unwrap_or_default().to_owned();
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

#[test]
fn a_record_that_truncation_cost_has_its_whole_life_told() {
    let plan = planned("quick-failover", 9, Some(ReplicationDefect::TruncateToHw.into()));
    let mut report = run_and_judge(&plan, CALLING, false).report;
    assert!(report.findings.iter().all(|finding| finding.biography.is_empty()), "not followed yet");
    follow(&plan, &mut report);
    let finding = &report.findings[0];
    let record = finding.record.as_ref().expect("the first violation names a record");
    let counts = counts(&finding.biography);
    let times = |kind: &str| counts.get(kind).copied().unwrap_or(0);
    assert_eq!(
        (times("send-invoked") > 0, times("send-completed") > 0),
        (true, true),
        "{counts:?}"
    );
    assert!(times("appended") >= 2, "on leader and follower: {counts:?}");
    assert!(times("passed-by-high-watermark") >= 1, "{counts:?}");
    assert!(times("committed") >= 1 && times("acknowledged") >= 1, "{counts:?}");
    assert!(times("truncated") >= 1, "{counts:?}");
    let sent = finding.biography.iter().find_map(|moment| {
        let MomentKind::SendInvoked { value, .. } = moment.kind else { return None };
        Some(value.to_string())
    });
    assert_eq!(sent, record.value, "the first send is that of the record");
}

#[test]
fn following_changes_nothing() {
    let plan = planned("swarm", 5, Some(ReplicationDefect::TruncateToHw.into()));
    let plain = harrow_sim::run(&plan, RunOptions::default());
    let follow = places(&judge(&plan, &plain).findings);
    assert!(follow.len() >= 2, "{follow:?}");
    for watch in [true, false] {
        let options = RunOptions { watch, follow: follow.clone(), ..RunOptions::default() };
        let followed = harrow_sim::run(&plan, options);
        assert_eq!((followed.digest, &followed.history), (plain.digest, &plain.history));
        assert_eq!(followed.biographies.len(), follow.len());
        assert!(followed.biographies.iter().all(|moments| moments.len() > 4), "{follow:?}");
        assert!(
            followed.biographies.iter().all(|one| one.is_sorted_by_key(|moment| moment.at_ns)),
            "in order of time"
        );
    }
}

#[test]
fn the_metadata_log_can_be_followed_too() {
    let plan = planned("controller-failover", 1, None);
    let metadata = Follow { partition: "__cluster_metadata-0".to_owned(), offset: 0 };
    let nowhere = Follow { partition: "nowhere-0".to_owned(), offset: 0 };
    let follow = vec![metadata, nowhere];
    let run = harrow_sim::run(&plan, RunOptions { follow, ..RunOptions::default() });
    let counts = counts(&run.biographies[0]);
    for kind in ["appended", "committed", "passed-by-high-watermark", "elected"] {
        assert!(counts.contains_key(kind), "{kind}: {counts:?}");
    }
    assert!(run.biographies[1].is_empty(), "nothing is at a place that is not there");
}

#[test]
fn in_held_runs_every_acknowledged_record_is_committed_and_nothing_is_lost() {
    for entry in CATALOGUE {
        with_played(entry.name, WHOLE, [], |played| nothing_is_lost(entry.name, played));
    }
}

fn nothing_is_lost(scenario: &str, Played { plan, run, .. }: &Played) {
    assert_eq!(run.partitions.len(), run.history.partitions.len(), "{scenario}");
    for (truth, name) in run.partitions.iter().zip(&run.history.partitions) {
        assert_eq!(truth.name, *name, "{scenario}");
        assert_eq!(truth.last_stable_offset, truth.high_watermark, "no transactions yet");
        let topic = plan.topics.iter().find(|topic| name.starts_with(&topic.name));
        if topic.is_some_and(|topic| topic.unclean_leader_election) {
            // Such a topic may lose what it acknowledged, and holds all the same.
            continue;
        }
        assert!(truth.losses.is_empty(), "{scenario}: {truth:?}");
        let strong = truth.acknowledged.iter().filter(|ack| ack.acks == -1);
        let lost: Vec<_> = strong.filter(|ack| !ack.committed).collect();
        assert!(lost.is_empty(), "{scenario}: {lost:?}");
    }
    let records = |truth: &harrow_sim::truth::PartitionTruth| {
        truth.acknowledged.iter().map(|ack| ack.last - ack.first + 1).sum::<i64>()
    };
    let told: i64 = run.partitions.iter().map(records).sum();
    assert!(told >= 1, "{scenario}: somebody was acknowledged");
}
