//! Scenarios that a user may write, whose faults damage disks: what the damage did is legal and told with its
//! reason, and where no loss is allowed, none comes of it.

use harrow_broker_model::defect::BrokerDefect;
use harrow_reports::judge::judge;
use harrow_reports::verdict::{Outcome, Verdict};
use harrow_scenarios::catalogue::find;
use harrow_scenarios::format::parse;
use harrow_scenarios::pipeline::run;
use harrow_scenarios::planner::plan;
use harrow_sim::run::Run;

const CLUSTER: &str = r#"
name = "damaged"
proves = "Damage of disks is told for what it is."
[[topic]]
name = "orders"
partitions = 2
replication_factor = 3
min.insync.replicas = 2
[[load]]
kind = "producer"
count = 3
operations = 300
interval_us = "10000..60000"
[[load]]
kind = "consumer"
count = 2
operations = 150
[heal]
at_ms = 24000
"#;

fn fault(kind: &str, target: &str, count: &str, lasts: &str) -> String {
    let of = format!("kind = \"{kind}\"\ntarget = \"{target}\"\ncount = \"{count}\"");
    format!("[[fault]]\n{of}\nat_ms = \"3000..16000\"\n{lasts}\n")
}

fn crashes(target: &str) -> String {
    fault("crash", target, "2..4", "down_ms = \"500..3000\"")
}

/// Verdicts of so many seeds, with the runs.
fn judged(seeds: u64, faults: &[String], loss_allowed: bool) -> Vec<(u64, Run, Verdict)> {
    let expect = format!("[expect]\nloss_allowed = {loss_allowed}\n");
    let text = [CLUSTER, &faults.concat(), &expect].concat();
    let scenario = parse("damaged", &text, &[])
        .unwrap_or_else(|error| panic!("{text}: {:?}", error.mistakes()));
    let of_seed = |seed| {
        let plan = plan(&scenario, seed);
        let run = run(&plan, false);
        let verdict = judge(&plan, &run);
        (seed, run, verdict)
    };
    (1..=seeds).map(of_seed).collect()
}

#[track_caller]
fn nothing_is_found(judged: &[(u64, Run, Verdict)]) {
    for (seed, _, verdict) in judged {
        assert!(verdict.findings.is_empty(), "seed {seed}: {:#?}", verdict.findings);
    }
}

/// Whether in some run this was excused for a reason that says so.
fn excuses(judged: &[(u64, Run, Verdict)], anomaly: &str, words: &str) -> bool {
    let mut excused = judged.iter().flat_map(|(_, _, verdict)| &verdict.excused);
    excused.any(|excuse| excuse.anomaly == anomaly && excuse.reason.contains(words))
}

#[test]
fn rot_that_the_configuration_survives_loses_nothing() {
    let faults = [fault("bit-rot", "any-broker", "2..4", ""), crashes("any-broker")];
    let judged = judged(40, &faults, false);
    for (seed, _, verdict) in &judged {
        assert_eq!(verdict.outcome, Outcome::Held, "seed {seed}: {verdict:#?}");
        assert!(verdict.excused.is_empty(), "seed {seed}: {:#?}", verdict.excused);
    }
    let rotted = |run: &&Run| run.faults.iter().any(|one| one.kind == "bit-rot" && one.lossy);
    let count = judged.iter().map(|(_, run, _)| run).filter(rotted).count();
    assert!(count >= 20, "rot came to a crash in {count} runs only");
}

#[test]
fn one_wiped_controller_breaks_nothing() {
    let faults = [fault("wipe-disk", "any-controller", "1..1", "down_ms = \"500..3000\"")];
    for (seed, _, verdict) in judged(20, &faults, true) {
        assert_eq!(verdict.outcome, Outcome::Held, "seed {seed}: {verdict:#?}");
    }
}

#[test]
fn what_follows_from_wiped_controllers_is_told_as_legal() {
    let faults = [fault("wipe-disk", "any-controller", "2..3", "down_ms = \"500..3000\"")];
    let judged = judged(60, &faults, true);
    nothing_is_found(&judged);
    assert!(excuses(&judged, "committed-metadata-lost", "controllers lost their disks"));
    let gone = "halted-committed metadata is gone from the quorum";
    let gone = judged.iter().filter(|(_, run, _)| run.reached.keys().any(|mark| mark == gone));
    let open: Vec<Outcome> = gone.map(|(_, _, verdict)| verdict.outcome).collect();
    assert!(!open.is_empty(), "no node saw its metadata gone");
    assert!(open.iter().all(|outcome| *outcome == Outcome::Inconclusive), "{open:?}");
}

#[test]
fn a_voter_whose_disk_lied_may_forget() {
    let faults = [
        fault("lying-sync", "any-controller", "1..3", "for_ms = \"2000..8000\""),
        fault("power-loss", "any-controller", "2..4", "down_ms = \"500..3000\""),
    ];
    let judged = judged(60, &faults, true);
    nothing_is_found(&judged);
    assert!(excuses(&judged, "controller-epoch-regress", "was made to lie"));
}

#[test]
fn rot_that_nobody_notices_is_told_by_what_took_it_in() {
    let faults = [fault("bit-rot", "any-broker", "2..4", ""), crashes("any-broker")];
    let judged = judged(60, &faults, true);
    nothing_is_found(&judged);
    assert!(excuses(&judged, "consumer-lag", "opened its log of orders-"));
    assert!(excuses(&judged, "isr-join-too-early", "opened its log of orders-"));
}

#[test]
fn a_partition_that_is_offline_excuses_no_other_one() {
    let entry = find("minority-stays-dead").expect("a name of the catalogue");
    let solo = "[[topic]]\nname = \"solo\"\npartitions = 6\nreplication_factor = 1\n\
                min.insync.replicas = 1\n\n[cluster]";
    let text = entry.text.replacen("[cluster]", solo, 1);
    let scenario = parse("solo", &text, &["expect.loss_allowed=true".to_owned()])
        .unwrap_or_else(|error| panic!("{:?}", error.mistakes()));
    let mut stuck = 0;
    for seed in 8..=15 {
        let mut plan = plan(&scenario, seed);
        let sound = judge(&plan, &run(&plan, false));
        assert!(sound.findings.is_empty(), "seed {seed}: {sound:#?}");
        plan.cluster.defects = [BrokerDefect::LostWakeup].into_iter().collect();
        let verdict = judge(&plan, &run(&plan, false));
        stuck += u32::from(verdict.outcome == Outcome::Violated);
    }
    assert!(stuck >= 7, "the lost wake-ups of {stuck} runs of 8 were found");
}
