//! Shrinking, comparing and the corpus, as a person uses them.

use std::fs;
use std::path::{Path, PathBuf};

use harrow_broker_model::defect::Defect;
use harrow_scenarios::catalogue::find;
use harrow_scenarios::format::parse;
use harrow_scenarios::planner::plan;
use harrow_scenarios::shrink::{Failure, WithoutDefects};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary::{Said, harrow_in};
use crate::json_schema::{complaints, schema};

fn harrow(directory: &Path, line: &str) -> (i32, String, String) {
    let words: Vec<&str> = line.split(' ').collect();
    let Said { code, stdout, stderr } = harrow_in(directory, &words);
    (code, stdout, stderr)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

/// The repository's own.
fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

#[test]
fn a_failure_shrinks_to_a_plan_and_a_scenario_that_fail_alike() {
    let directory = directory();
    let path = directory.path();
    let line = "shrink quick-failover --seed 9 --defect truncate-to-hw --for 30s --out small";
    let (code, stdout, stderr) = harrow(path, &format!("{line} --format json"));
    assert_eq!(code, 1, "{stdout}{stderr}");
    let told = json(&stdout);
    assert_eq!(
        (&told["kind"], &told["anomaly"]),
        (&"shrunk".into(), &"committed-truncation".into())
    );
    let number = |which: &str, what: &str| told[which][what].as_u64().expect("a number");
    assert!(number("after", "steps") <= 3, "{} steps", number("after", "steps"));
    for what in ["steps", "operations", "events", "times"] {
        assert!(number("after", what) < number("before", what), "{what}");
    }
    let fingerprint = told["fingerprint"]["id"].as_str().expect("an id");
    let (code, stdout, _) = harrow(path, "replay small/plan.json --format json");
    assert_eq!(code, 1);
    let findings = json(&stdout)["findings"].clone();
    let ids: Vec<&Value> =
        findings.as_array().into_iter().flatten().map(|one| &one["fingerprint"]["id"]).collect();
    assert!(ids.contains(&&Value::from(fingerprint)), "{ids:?}");
    let seed = told["scenario"]["seed"].as_u64().expect("the scenario fails, too");
    let run = format!("run small/scenario.toml --seed {seed} --defect truncate-to-hw");
    let (code, stdout, _) = harrow(path, &run);
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains(&format!("fingerprint {fingerprint}")), "{stdout}");
    let changes = told["passes"]["changes"].as_array().expect("some change makes it pass");
    assert!(!changes.is_empty());
    says_what_it_is(path, seed);
}

/// Who has the scenario alone knows what breaks, by which rule, and what happened when.
fn says_what_it_is(path: &Path, seed: u64) {
    let text = fs::read_to_string(path.join("small/scenario.toml")).expect("it was left there");
    let heading: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
    let heading = heading.join("\n");
    let flags = format!("--seed {seed} --defect truncate-to-hw");
    for wanted in [
        "# Shrunk from quick-failover --seed 9",
        "# committed-truncation breaks durability:",
        "# durability is promised:",
        "# Fingerprint ",
        " fails under its own runtime seed ",
        &format!("# harrow run THIS.toml {flags}\n"),
        "# Switched on, truncate-to-hw:",
        "# Brokers: node ",
        "# Topic orders: partitions=",
        "# A producer sends ",
        "What happened ",
        "truncated",
    ] {
        assert!(heading.contains(wanted), "{wanted} is not in\n{text}");
    }
}

#[test]
fn what_does_not_fail_is_not_shrunk() {
    let directory = directory();
    let path = directory.path();
    let (code, stdout, _) = harrow(path, "shrink calm --seed 1 --out made/here");
    assert_eq!(code, 0);
    assert_eq!(stdout, "calm --seed 1: the plan holds: there is nothing to shrink\n");
    let table = [
        ("shrink calm", "there is no seed to shrink"),
        ("shrink no.json", "failed to read the plan no.json"),
        ("shrink no.json --seed 1", "a plan has its seed, rules and settings in it"),
        ("shrink no-such --seed 1", "there is no scenario `no-such`"),
        (
            "shrink quick-failover --seed 9 --defect truncate-to-hw --fingerprint 00000000 --out made",
            "no finding of this plan has fingerprint 00000000",
        ),
        ("compare calm", "there is nothing to compare"),
        ("corpus no-such-directory", "there is no corpus in no-such-directory"),
    ];
    for (line, wanted) in table {
        let (code, stdout, stderr) = harrow(path, line);
        assert_eq!(code, 2, "{line}: {stdout}{stderr}");
        assert!(stderr.contains(wanted), "{line}: {stderr}");
    }
    assert_eq!(fs::read_dir(path).expect("it is there").count(), 0, "nothing is left behind");
}

#[test]
fn a_sweep_groups_its_failures_by_fingerprint() {
    let directory = directory();
    let line = "sweep quick-failover --seeds 1..12 --defect truncate-to-hw";
    let (code, stdout, _) = harrow(directory.path(), &format!("{line} --format json"));
    assert_eq!(code, 1);
    let lines: Vec<Value> = stdout.lines().map(json).collect();
    let (summary, runs) = lines.split_last().expect("a summary");
    let clusters = summary["clusters"].as_array().expect("a list");
    assert!(!clusters.is_empty());
    for cluster in clusters {
        let has = |run: &&Value| {
            let findings = run["findings"].as_array().into_iter().flatten();
            findings.into_iter().any(|one| one["fingerprint"]["id"] == cluster["fingerprint"])
        };
        let seeds: Vec<&Value> =
            runs.iter().filter(has).map(|run| &run["coordinate"]["seed"]).collect();
        assert_eq!(cluster["runs"], seeds.len(), "{cluster}");
        assert_eq!(Some(&&cluster["first_seed"]), seeds.first(), "{cluster}");
        assert!(seeds.contains(&&cluster["seed"]), "{cluster}");
    }
    let (_, human, _) = harrow(directory.path(), line);
    assert_eq!(human.matches(" of failure, by fingerprint:").count(), 1, "{human}");
}

/// Slow links between brokers, and leaders that die.
const WEAK: &str = "name = \"weak\"\nproves = \"Nothing.\"\n[[topic]]\nname = \"orders\"\n\
    [[load]]\nkind = \"producer\"\noperations = 400\n[[fault]]\nkind = \"crash\"\ncount = 2\n\
    at_ms = \"1500..4000\"\ntarget = \"leader-of orders-0\"\ndown_ms = 1500\n\
    [network]\nlatency_us = \"20000..60000\"\n[heal]\nat_ms = 8000\n";

#[test]
fn two_sides_of_a_comparison_differ_by_what_only_one_has() {
    let directory = directory();
    let line = "compare quick-failover --defect truncate-to-hw --seeds 5..12 --format json";
    let (code, stdout, stderr) = harrow(directory.path(), line);
    assert_eq!(code, 1, "{stderr}");
    let told = json(&stdout);
    assert_eq!(told["seeds"], 8);
    assert_eq!(told["sides"][0]["violated"], 0, "as promised it holds");
    assert!(told["sides"][1]["violated"].as_u64().expect("a number") > 0);
    let kinds = told["fingerprints"].as_array().expect("a list");
    for kind in kinds {
        assert_eq!(kind["runs"][0], 0);
        assert_eq!(kind["needed"], serde_json::json!(["truncate-to-hw"]));
        assert!(kind["parting"]["failing"].is_string(), "{kind}");
        let then = kind["parting"]["then"].as_array().expect("a list");
        assert!((1..=5).contains(&then.len()), "what came of it: {kind}");
        let cut =
            |fact: &serde_json::Value| fact.as_str().is_some_and(|it| it.contains("truncated"));
        let mut facts = then.iter().chain([&kind["parting"]["failing"]]);
        assert!(facts.any(cut), "{kind}");
        // That the plan is another than was drawn is no setting.
        assert!(kind["settings"].is_null(), "{kind}");
    }
    // What is legal is told, too: with acks=1 a dead leader takes records with it.
    fs::write(directory.path().join("weak.toml"), WEAK).expect("it takes files");
    let weak = "compare weak.toml --set load.0.acks=\"all\" load.0.acks=\"1\" --seeds 1..6";
    let (code, stdout, stderr) = harrow(directory.path(), weak);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("records legally 0 lost, 0 duplicated, 0 reordered"), "{stdout}");
    assert!(stdout.contains("seeds differ only in what is legally lost"), "{stdout}");
    assert!(!stdout.contains("end alike"), "{stdout}");
    let told = json(&harrow(directory.path(), &format!("{weak} --format json")).1);
    assert_eq!(told["sides"][0]["legal"]["lost"], 0);
    assert!(told["sides"][1]["legal"]["lost"].as_u64().expect("a number") > 0, "{told}");
    let (code, stdout, _) = harrow(directory.path(), &format!("{weak} --hold acks=all"));
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("seeds under both, held to acks=all"), "{stdout}");
    assert!(stdout.contains("--hold acks=all\n"), "the command has it: {stdout}");
    let same = "compare calm --set heal.at_ms=30000 heal.at_ms=30000 --seeds 1..2";
    let (code, _, stderr) = harrow(directory.path(), same);
    assert!(code == 2 && stderr.contains("the two sides are the same"), "{stderr}");
    let alike = "compare calm --set heal.at_ms=30000 heal.at_ms=30_000 --seeds 1..2";
    let (code, stdout, _) = harrow(directory.path(), alike);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.ends_with("all seeds end alike under both\n"), "{stdout}");
}

#[test]
fn every_plan_of_the_corpus_fails_as_it_must_and_no_digest_has_changed() {
    let (code, stdout, stderr) = harrow(corpus().parent().expect("a package"), "corpus corpus");
    assert_eq!(
        code, 0,
        "if the model behaves otherwise on purpose, run `harrow corpus --accept`\n{stdout}{stderr}"
    );
}

#[test]
fn nobody_s_files_are_replaced_by_a_shrink() {
    let directory = directory();
    let path = directory.path();
    let shrink = "shrink quick-failover --seed 9 --defect truncate-to-hw --for 1s --out small";
    let refused = |wanted: &str| {
        let (code, _, stderr) = harrow(path, shrink);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(wanted), "{stderr}");
    };
    fs::create_dir(path.join("small")).expect("it takes folders");
    fs::write(path.join("small/scenario.toml"), "mine").expect("it takes files");
    refused("no plan.json says whose it is");
    fs::remove_file(path.join("small/scenario.toml")).expect("it is there");
    // A folder in the place of a file is told before the search, not after it.
    fs::create_dir(path.join("small/shrunk.json")).expect("it takes folders");
    refused("failed to write small/shrunk.json: is a directory");
    fs::remove_dir(path.join("small/shrunk.json")).expect("it is there");
    assert_eq!(harrow(path, shrink).0, 1);
    // It goes on from there under the name that it had, in the same place.
    let again = "shrink small/plan.json --for 1s --out small";
    let (code, stdout, stderr) = harrow(path, again);
    assert_eq!(code, 1, "{stderr}");
    assert!(stdout.contains("# Shrunk from quick-failover --seed 9"), "{stdout}");
    // What a person has changed is theirs, and has no part in what was before.
    let [plan, scenario] = ["small/plan.json", "small/scenario.toml"].map(|file| path.join(file));
    let text = fs::read_to_string(&plan).expect("it was left there");
    let edited = text.replacen("\"heal_at_ms\": ", "\"heal_at_ms\": 1", 1);
    assert_ne!(edited, text);
    fs::write(&plan, edited).expect("it takes files");
    refused("failed to write small/plan.json: it was edited since it was left there");
    let (_, stdout, _) = harrow(path, "shrink small/plan.json --for 1s");
    assert!(stdout.contains("shrunk small/plan.json"), "{stdout}");
    fs::write(&plan, text).expect("it takes files");
    let text = fs::read_to_string(&scenario).expect("it was left there");
    fs::write(&scenario, format!("{text}# mine\n")).expect("it takes files");
    refused("failed to write small/scenario.toml: it was edited since it was left there");
    fs::remove_file(path.join("small/shrunk.json")).expect("it is there");
    refused("a run has left its files there, or a search that did not come to its end");
    // One that was killed has left nothing but its best plan: from there it goes on.
    for file in ["scenario.toml", "report.json"] {
        fs::remove_file(path.join("small").join(file)).expect("it is there");
    }
    refused("a run has left its files there, or a search that did not come to its end");
    let (code, _, stderr) = harrow(path, again);
    assert_eq!(code, 1, "{stderr}");
}

#[test]
fn a_smaller_plan_stays_and_no_other_finding_takes_its_place() {
    let directory = directory();
    let path = directory.path();
    let shrink = "shrink quick-failover --seed 9 --defect truncate-to-hw --for 5s --out small";
    assert_eq!(harrow(path, shrink).0, 1);
    let plan = || fs::read_to_string(path.join("small/plan.json")).expect("it was left there");
    let text = fs::read_to_string(path.join("small/scenario.toml")).expect("it was left there");
    assert!(text.contains("Smallest change found: it passes"), "{text}");
    let before = plan();
    let shrunk = path.join("small/shrunk.json");
    let mut report = json(&fs::read_to_string(&shrunk).expect("it was left there"));
    // As if an earlier search had come further.
    report["after"]["steps"] = 0.into();
    fs::write(&shrunk, report.to_string()).expect("it takes files");
    let (code, stdout, stderr) = harrow(path, shrink);
    assert_eq!(code, 1, "{stderr}");
    let stays = "what an earlier search has left in small/ is smaller, and stays";
    assert!(stdout.contains(stays), "{stdout}");
    assert!(!stdout.contains("replay: harrow replay small"), "that is another plan: {stdout}");
    assert_eq!(plan(), before);
    // As if another finding of the same run had been shrunk there.
    report["fingerprint"]["id"] = "0000000a".into();
    fs::write(&shrunk, report.to_string()).expect("it takes files");
    let (code, stdout, stderr) = harrow(path, shrink);
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    assert!(stderr.contains("another finding, 0000000a, has left its files there"), "{stderr}");
    assert_eq!(plan(), before);
    let (code, _, stderr) = harrow(path, "shrink small/shrunk.json");
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("is the result of a shrink, whose plan.json lies beside it"),
        "{stderr}"
    );
}

#[test]
fn what_is_held_to_is_kept_when_a_plan_gets_smaller() {
    let directory = directory();
    let path = directory.path();
    let hold = "--hold enable.idempotence=true";
    let (code, stdout, stderr) =
        harrow(path, &format!("run swarm --seed 2 {hold} --shrink --shrink-for 1s --out run"));
    assert_eq!(code, 1, "{stdout}{stderr}");
    for wanted in [
        format!("shrunk swarm --seed 2 {hold}: "),
        format!("again: harrow replay run/shrunk/plan.json {hold}"),
        format!("THIS.toml --seed 2 {hold}"),
    ] {
        assert!(stdout.contains(&wanted), "{wanted} in {stdout}");
    }
    let report = fs::read_to_string(path.join("run/shrunk/shrunk.json")).expect("it was left");
    let report = json(&report);
    assert_eq!(complaints(&schema("shrunk"), &report), Vec::<String>::new());
    assert_eq!(report["held_to"], json!(["enable.idempotence=true"]));
    let (code, stdout, _) = harrow(path, "shrink run/shrunk --for 1s");
    assert!(code == 1 && stdout.contains(&format!("shrunk swarm --seed 2 {hold}: ")), "{stdout}");
    let (code, _, stderr) = harrow(path, "corpus own --keep run/shrunk --name one");
    assert!(code == 2 && stderr.contains("it was held to enable.idempotence=true"), "{stderr}");
}

#[test]
fn of_all_that_a_version_has_only_what_a_failure_takes_is_left() {
    let directory = directory();
    let (code, stdout, stderr) =
        harrow(directory.path(), "shrink power-loss --seed 6 --kafka 4.1 --for 10s");
    assert_eq!(code, 1, "{stderr}");
    assert!(stdout.contains("  of all that was on it takes recovery-keeps-gaps\n"), "{stdout}");
    assert!(stdout.contains(" --defect recovery-keeps-gaps\n"), "{stdout}");
    assert!(stdout.contains(": shrunk-power-loss --seed "), "no run of the scenario: {stdout}");
}

#[test]
fn a_verdict_stands_whatever_becomes_of_a_smaller_plan() {
    let directory = directory();
    let path = directory.path();
    fs::create_dir_all(path.join("run")).expect("it takes folders");
    fs::write(path.join("run/shrunk"), "in the way").expect("it takes files");
    let run =
        "run quick-failover --seed 9 --defect truncate-to-hw --shrink --shrink-for 1s --out run";
    let (code, stdout, stderr) = harrow(path, run);
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stderr.contains("failed to write to run/shrunk"), "{stderr}");
    let sweep = "sweep quick-failover --seeds 9..9 --defect truncate-to-hw --shrink --shrink-for 1s \
                 --out all";
    let (code, stdout, _) = harrow(path, sweep);
    assert_eq!(code, 1, "{stdout}");
    let entries = fs::read_dir(path.join("all")).expect("it was left there").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let shrunk = names.into_iter().find(|name| name.starts_with("shrunk-")).expect("one is there");
    let scenario = path.join("all").join(shrunk).join("scenario.toml");
    let text = fs::read_to_string(&scenario).expect("it was left there");
    fs::write(&scenario, format!("{text}# mine\n")).expect("it takes files");
    let (code, stdout, stderr) = harrow(path, sweep);
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stderr.contains("it was edited since it was left there"), "{stderr}");
    assert!(stdout.contains("1 kind of failure"), "{stdout}");
}

#[test]
fn a_comparison_has_two_sides() {
    let directory = directory();
    for three in ["--set a=1 --set b=2 --set c=3", "--kafka 3.9 --kafka 4.1 --kafka 4.0"] {
        let (code, _, stderr) = harrow(directory.path(), &format!("compare calm {three}"));
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("has 3 values, and there are two sides"), "{stderr}");
    }
}

#[test]
fn a_plan_of_the_corpus_that_needs_another_seed_says_so() {
    let directory = directory();
    let path = directory.path();
    let shrink = "shrink swarm --seed 5 --defect truncate-to-hw --for 20s --out small";
    assert_eq!(harrow(path, shrink).0, 1);
    let report = fs::read_to_string(path.join("small/shrunk.json")).expect("it was left there");
    let report = json(&report);
    let plan = fs::read_to_string(path.join("small/plan.json")).expect("it was left there");
    fs::create_dir(path.join("own")).expect("it takes folders");
    let list = |seed: u64| {
        let listed = format!(
            "[[plan]]\nname = \"mine\"\nseed = {seed}\ndefects = [\"truncate-to-hw\"]\n\
             guarantee = {}\nanomaly = {}\nfingerprint = {}\n",
            report["guarantee"], report["anomaly"], report["fingerprint"]["id"]
        );
        fs::write(path.join("own/corpus.toml"), listed).expect("it takes files");
    };
    list(0);
    let (code, _, stderr) = harrow(path, "corpus own");
    assert_eq!(code, 2);
    assert!(stderr.contains("mine.toml: it is not there, nor is own/mine.json"), "{stderr}");
    let mut plan = json(&plan);
    let holds = (1_u64..100).find(|seed| {
        plan["seed"] = (*seed).into();
        fs::write(path.join("own/mine.json"), plan.to_string()).expect("it takes files");
        harrow(path, "replay own/mine.json").0 == 0
    });
    let seed = holds.expect("a seed with which it holds");
    let (code, _, stderr) = harrow(path, "corpus own");
    assert!(code == 2 && stderr.contains("own/mine.json: it has another seed"), "{stderr}");
    list(seed);
    let said = harrow(path, "corpus own").1;
    assert!(said.contains("mine: not under its own seed"), "{said}");
    assert!(
        said.contains("1 of 1 plans fail as they must, 1 of them under another seed"),
        "{said}"
    );
}

#[test]
fn a_corrupt_corpus_is_told_with_its_file() {
    let directory = directory();
    let path = directory.path();
    fs::create_dir(path.join("bad")).expect("it takes folders");
    fs::write(path.join("bad/corpus.toml"), "[[plan]]\nname = 3\n").expect("it takes files");
    let (code, _, stderr) = harrow(path, "corpus bad");
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("corpus.toml"), "{stderr}");
    let name = "assigns-unreleased";
    let plan = fs::read_to_string(corpus().join(format!("{name}.json"))).expect("it is there");
    let listed = format!(
        "[[plan]]\nname = \"{name}\"\nseed = 4\ndefects = [\"{name}\"]\nguarantee = \"visibility\"\n\
         anomaly = \"G1a\"\nfingerprint = \"00000000\"\n"
    );
    let json = format!("bad/{name}.json");
    let table = [
        ("bad/corpus.toml", listed.repeat(2), "it lists `assigns-unreleased` twice"),
        ("bad/corpus.toml", listed.clone(), "it is not there, nor is bad/assigns-unreleased.json"),
        (
            &json,
            plan.replacen("\"schema\": 3", "\"schema\": 99", 1),
            "it has schema 99, this harrow reads 3",
        ),
        (
            &json,
            plan.replacen("\"schema\": 3", "\"schema\": 0", 1),
            "it has schema 0, this harrow reads 3",
        ),
        (&json, "{}".to_owned(), "it is no plan: missing field `schema`"),
        (
            &json,
            plan.replacen("\"partitions\": 2", "\"partitions\": 0", 1),
            "topics.0.partitions: ",
        ),
        ("bad/corpus.toml", listed.replace("G1a", "G1z"), "there is no anomaly `G1z`"),
    ];
    for (file, text, wanted) in table {
        fs::write(path.join(file), text).expect("it takes files");
        let (code, _, stderr) = harrow(path, "corpus bad");
        assert_eq!(code, 2, "{wanted}: {stderr}");
        assert!(stderr.contains(wanted), "{stderr}");
    }
    fs::remove_file(path.join(&json)).expect("it is there");
    fs::write(path.join("bad/corpus.toml"), listed).expect("it takes files");
    let scenario = format!("name = \"{name}\"\nproves = \"It.\"\n[[topic]]\nname = 3\n");
    fs::write(path.join(format!("bad/{name}.toml")), scenario).expect("it takes files");
    let (code, _, stderr) = harrow(path, "corpus bad");
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("bad/assigns-unreleased.toml:4:8"), "{stderr}");
    fs::remove_file(path.join("bad/corpus.toml")).expect("it is there");
    let (code, _, stderr) = harrow(path, "corpus bad --accept");
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("there is no corpus in bad"), "{stderr}");
}

/// A smaller failure is kept with what it breaks; when its bug is mended, it must hold.
#[test]
fn what_was_shrunk_is_kept_to_fail_or_to_hold() {
    let directory = directory();
    let path = directory.path();
    let shrink = "shrink quick-failover --seed 9 --defect truncate-to-hw --for 5s --out small";
    assert_eq!(harrow(path, shrink).0, 1);
    let refused = |line: &[&str], wanted: &str| {
        let Said { code, stderr, .. } = harrow_in(path, line);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(wanted), "{stderr}");
    };
    let keep = ["corpus", "own", "--keep", "small", "--name", "cut-too-far"];
    refused(&["corpus", "own", "--keep", "nowhere", "--name", "one"], "nowhere/shrunk.json");
    refused(&["corpus", "own", "--keep", "small", "--name", "../one"], "small letters");
    refused(&["corpus", "own", "--keep", "small"], "--name");
    let mended = ["--mended", "Followers ask where they part."];
    refused(&[&keep[..], &mended[..]].concat(), "it is mended and must hold, but breaks again");
    assert!(!path.join("own").exists(), "nothing is kept of what was refused");
    let kept = harrow_in(path, &[&keep[..], &["--format", "json"]].concat());
    assert_eq!(kept.code, 0, "{}", kept.stderr);
    assert_eq!(complaints(&schema("corpus-kept"), &json(&kept.stdout)), Vec::<String>::new());
    refused(&keep, "the corpus has a plan `cut-too-far` already");
    refused(&[&keep[..], &mended[..]].concat(), "it is mended and must hold, but breaks again");
    let said = harrow(path, "corpus own").1;
    assert!(said.contains("1 of 1 plans fail as they must; "), "{said}");
    // The bug goes, and the plan is one of those that must hold.
    let listing = path.join("own/corpus.toml");
    let text = fs::read_to_string(&listing).expect("it is there");
    let without = text.replace("[\"truncate-to-hw\"]", "[]") + "mended = \"It was.\"\n";
    fs::write(&listing, without).expect("it takes files");
    let said = harrow(path, "corpus own").1;
    assert!(said.contains("0 of 0 plans fail as they must; 1 of 1 mended ones hold"), "{said}");
    fs::write(&listing, text + "mended = \"It was not.\"\n").expect("it takes files");
    let Said { code, stdout, .. } = harrow_in(path, &["corpus", "own", "--format", "json"]);
    assert_eq!(code, 1, "{stdout}");
    let told = json(&stdout);
    assert_eq!(complaints(&schema("corpus"), &told), Vec::<String>::new());
    let complaint = told["complaints"][0].as_str().expect("it breaks again");
    assert!(complaint.contains("but breaks again under seed"), "{complaint}");
    assert_eq!((&told["plans"], &told["mended"]), (&1.into(), &1.into()));
    // What a person has made of the plan is kept, not the scenario that does not have it.
    let plan = path.join("small/plan.json");
    let mut edited = json(&fs::read_to_string(&plan).expect("it is there"));
    let heal_at_ms = edited["heal_at_ms"].as_u64().expect("a time") + 1;
    edited["heal_at_ms"] = heal_at_ms.into();
    fs::write(&plan, edited.to_string()).expect("it takes files");
    let (code, stdout, stderr) = harrow(path, "corpus other --keep small --name edited");
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("it is kept as it is, and not its scenario"), "{stdout}");
    let kept = fs::read_to_string(path.join("other/edited.json")).expect("it was kept");
    assert_eq!(json(&kept)["heal_at_ms"], heal_at_ms);
}

#[test]
fn a_smaller_plan_that_breaks_without_the_defect_does_not_count() {
    let defect = Defect::from_name("shares-transactional-id").expect("a name of the catalogue");
    let with_it = |scenario: &str, text: &str, seed: u64| {
        let mut plan = plan(&parse(scenario, text, &[]).expect("it is right"), seed);
        plan.cluster.defects = [defect].into_iter().collect();
        plan
    };
    let entry = find("exactly-once").expect("a name of the catalogue");
    let whole = with_it(entry.name, entry.text, 44);
    let (mut failure, _) = Failure::of(&whole, Some("7d26c2ae")).expect("it fails");
    let smaller = with_it("half", include_str!("half-processed.toml"), 4);
    assert_eq!(failure.without_defects, WithoutDefects::Holds);
    assert!(failure.seen(&smaller, 1).is_none());
    failure.without_defects = WithoutDefects::BreaksOtherwise;
    assert!(failure.seen(&smaller, 1).is_none(), "without the defect it breaks just so");
    failure.without_defects = WithoutDefects::BreaksAlike;
    assert!(failure.seen(&smaller, 1).is_some(), "it fails alike");
}

#[test]
fn a_plan_that_breaks_without_one_of_those_that_it_takes_does_not_count() {
    let (alone, other) = ("truncate-to-hw", "cuts-not-synced");
    let named = |name| Defect::from_name(name).expect("a name of the catalogue");
    let entry = find("quick-failover").expect("a name of the catalogue");
    let mut whole = plan(&parse(entry.name, entry.text, &[]).expect("it is right"), 9);
    whole.cluster.defects = [named(alone), named(other)].into_iter().collect();
    let (mut failure, _) = Failure::of(&whole, None).expect("it fails");
    assert!(failure.seen(&whole, 1).is_some(), "nothing is known of what it takes");
    failure.takes = vec![named(alone)];
    assert!(failure.seen(&whole, 1).is_some(), "it takes one alone");
    failure.takes = vec![named(alone), named(other)];
    assert!(failure.seen(&whole, 1).is_none(), "it breaks without the other");
}

#[test]
fn a_plan_that_breaks_without_its_defect_is_complained_of() {
    let directory = directory();
    let path = directory.path();
    fs::create_dir(path.join("own")).expect("it takes folders");
    let listed = "[[plan]]\nname = \"half\"\nseed = 4\ndefects = [\"shares-transactional-id\"]\n\
                  guarantee = \"offsets\"\nanomaly = \"eos-loss\"\nfingerprint = \"7d26c2ae\"\n";
    fs::write(path.join("own/corpus.toml"), listed).expect("it takes files");
    let scenario = include_str!("half-processed.toml");
    fs::write(path.join("own/half.toml"), scenario).expect("it takes files");
    let said = harrow(path, "corpus own").1;
    assert!(said.contains("half: it breaks without its defects, too: eos-loss"), "{said}");
    let name = "truncate-to-hw";
    fs::copy(corpus().join("truncate-to-hw.toml"), path.join("own/half.toml"))
        .expect("it is there");
    let listing = fs::read_to_string(corpus().join("corpus.toml")).expect("it is there");
    let entry = listing.split("[[plan]]").find(|it| it.contains(&format!("name = \"{name}\"")));
    let entry =
        entry.expect("it is listed").replace(&format!("name = \"{name}\""), "name = \"half\"");
    let two =
        entry.replace(&format!("[\"{name}\"]"), &format!("[\"{name}\", \"cuts-not-synced\"]"));
    fs::write(path.join("own/corpus.toml"), format!("[[plan]]{two}")).expect("it takes files");
    let said = harrow(path, "corpus own").1;
    assert!(said.contains("half: it breaks just so without cuts-not-synced, too"), "{said}");
}

/// Who makes plans anew loses none that was smaller, nor one that a person has made so.
#[test]
fn a_plan_that_is_no_larger_stays() {
    let directory = directory();
    let path = directory.path();
    let make = |time: &str| {
        let line = format!("corpus own --make --defect truncate-to-hw --for {time}");
        let (code, stdout, stderr) = harrow(path, &line);
        assert_eq!(code, 0, "{stdout}{stderr}");
        stderr
    };
    make("5s");
    let plan = path.join("own/truncate-to-hw.toml");
    let text = fs::read_to_string(&plan).expect("it was kept") + "# mine\n";
    fs::write(&plan, &text).expect("it takes files");
    assert!(make("1s").contains("is no larger, and stays"));
    assert_eq!(fs::read_to_string(&plan).expect("it stays"), text);
}
