//! Shards of a sweep, their receipts, and the merge that proves that none is missing, through the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary::{Said, harrow_in};

const SWEEP: &str = "sweep quick-failover calm --seeds 7..10 --defect truncate-to-hw";

fn said(directory: &Path, line: &str) -> Said {
    harrow_in(directory, &line.split(' ').collect::<Vec<_>>())
}

/// Three shards, and what each left.
fn swept() -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    for shard in 1..=3 {
        let run = said(directory.path(), &format!("{SWEEP} --shard {shard}/3 --receipt fleet"));
        assert!([0, 1, 3].contains(&run.code), "{}{}", run.stdout, run.stderr);
    }
    directory
}

fn receipt(directory: &TempDir, shard: u32) -> PathBuf {
    directory.path().join(format!("fleet/receipt-{shard}-of-3.json"))
}

fn runs(directory: &TempDir, shard: u32) -> PathBuf {
    directory.path().join(format!("fleet/runs-{shard}-of-3.jsonl"))
}

/// A file of JSON, changed.
fn change(path: &Path, change: impl FnOnce(&mut Value)) {
    let text = fs::read_to_string(path).expect("it is left");
    let mut value = serde_json::from_str(&text).expect("it is JSON");
    change(&mut value);
    fs::write(path, value.to_string()).expect("it takes files");
}

/// The summary without what differs between machines.
fn summary(said: &Said) -> Value {
    let mut summary = said.json_lines().pop().expect("a summary");
    for key in ["wall_ms", "runs_per_second"] {
        summary.as_object_mut().expect("an object").remove(key).expect("it is told");
    }
    summary
}

#[test]
fn shards_that_are_merged_are_the_sweep() {
    let directory = swept();
    let path = directory.path();
    let whole = said(path, &format!("{SWEEP} --format json --junit whole.xml --out whole"));
    let merged = said(path, "merge fleet --format json --junit merged.xml --out merged");
    assert_eq!(merged.code, whole.code, "{}", merged.stderr);
    assert_eq!(summary(&merged), summary(&whole));
    let seeds = |said: &Said| -> Vec<(Value, Value)> {
        let of = |line: &Value| (line["coordinate"].clone(), line["digest"].clone());
        said.json_lines().iter().filter(|line| line["kind"] == "run").map(of).collect()
    };
    assert_eq!(seeds(&merged), seeds(&whole), "in the same order");
    let cases = |name: &str| {
        let text = fs::read_to_string(path.join(name)).expect("it is left");
        text.matches("<testcase").count()
    };
    assert_eq!(cases("merged.xml"), cases("whole.xml"));
    assert!(path.join("merged/index.html").is_file());
    let human = said(path, "merge fleet");
    assert!(human.stdout.contains("3 shards, 8 of 8 runs"), "{}", human.stdout);
    let swept = said(path, SWEEP).stdout;
    let (runs, _) = swept.split_once("scenario ").expect("a table comes behind the runs");
    assert!(runs.contains("  durability: committed-truncation  orders-0: node "), "{runs}");
    assert!(human.stdout.starts_with(runs), "each is told as by the sweep: {}", human.stdout);
}

#[test]
fn what_is_not_whole_is_named() {
    let refused = |spoil: &dyn Fn(&TempDir), parts: &[&str]| {
        let directory = swept();
        spoil(&directory);
        said(directory.path(), "merge fleet").refuses_with(parts);
    };
    let remove = |path: PathBuf| fs::remove_file(path).expect("it was there");
    refused(&|there| remove(receipt(there, 2)), &["missing: no receipt of shard 2/3"]);
    let copy = |there: &TempDir| {
        let twice = there.path().join("fleet/receipt-1-of-3-again.json");
        fs::copy(receipt(there, 1), twice).expect("it takes files");
    };
    refused(&copy, &["doubled: ", "both of shard 1"]);
    let other = |key: &'static str, value: Value| {
        move |there: &TempDir| change(&receipt(there, 3), |receipt| receipt[key] = value.clone())
    };
    refused(&other("commit", "0000".into()), &["different: ", "commits"]);
    refused(&other("seeds", vec!["1", "9"].into()), &["different: ", "seeds"]);
    let help = "help: run that shard again with the same `--receipt`: it goes on\n";
    let open = ["short: ", "was not closed: its process was killed", "2 of 2 runs are beside it"];
    refused(&other("ended", false.into()), &[&open[..], &[help]].concat());
    refused(&other("done", 1.into()), &["short: ", "1 of 2 runs"]);
    refused(&other("runs_digest", "00".into()), &["damaged: ", "not those that it counts"]);
    refused(&|there| remove(runs(there, 3)), &["damaged: ", "runs-3-of-3.jsonl:1"]);
    let digests = |there: &TempDir| {
        for shard in 1..=3 {
            change(&receipt(there, shard), |receipt| receipt["scenarios_digest"] = "00".into());
        }
    };
    refused(&digests, &["different: the scenarios are not here as they were"]);
    let empty = TempDir::new().expect("a temporary directory");
    fs::create_dir(empty.path().join("fleet")).expect("it takes folders");
    said(empty.path(), "merge fleet").refuses_with(&["missing: there is no receipt in fleet"]);
    said(empty.path(), "merge nowhere").refuses_with(&["failed to read nowhere"]);
}

#[test]
fn a_receipt_that_no_sweep_writes_is_refused_by_what_is_wrong_in_it() {
    let directory = swept();
    let path = receipt(&directory, 3);
    let good = fs::read(&path).expect("it is left");
    let table: [(&str, Value, &str); 9] = [
        ("shard", json!([0, 3]), "its shard is 0 of 3; they are numbered from 1 on"),
        ("shard", json!([4, 3]), "its shard is 4 of 3"),
        ("shard", json!([0, 0]), "its shard is 0 of 0"),
        ("shard", json!([1, u64::MAX]), "different: "),
        ("seeds", json!(["10", "7"]), "its seeds are `10` to `7`: 10..7 is empty; write 7..10"),
        ("seeds", json!(["x", "7"]), "its seeds are `x` to `7`: write A..B"),
        ("scenarios", json!([]), "it names no scenario"),
        ("kind", json!("run"), "its kind is `run`, that of receipts is `receipt`"),
        ("schema", json!(9), "it has schema 9, this harrow reads 1"),
    ];
    for (key, value, part) in table {
        change(&path, |receipt| receipt[key] = value);
        said(directory.path(), "merge fleet").refuses_with(&[part, "receipt-3-of-3.json"]);
        fs::write(&path, &good).expect("it takes files");
    }
    assert_ne!(said(directory.path(), "merge fleet").code, 2, "as it was left it is good");
}

#[cfg(unix)]
#[test]
fn there_may_be_more_shards_than_a_process_may_have_files() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path();
    for shard in 1..=24 {
        said(path, &format!("sweep calm --seeds 1..24 --shard {shard}/24 --receipt fleet"));
    }
    let mut limited = Command::new("sh");
    limited.current_dir(path).args(["-c", "ulimit -n 16; exec \"$0\" merge fleet"]);
    let output =
        limited.arg(assert_cmd::cargo::cargo_bin!("harrow")).output().expect("sh is there");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("24 shards, 24 of 24 runs"), "{told}{wrong}");
}

#[test]
fn as_many_shards_as_a_lie_has_are_missing_in_no_time() {
    let directory = swept();
    for shard in 1..=3 {
        change(&receipt(&directory, shard), |receipt| {
            receipt["shard"] = json!([u64::from(shard) * 2, u64::MAX]);
        });
    }
    let ranges = "missing: no receipt of shard 1/18446744073709551615, 3/18446744073709551615, \
                  5/18446744073709551615, 7..18446744073709551615/18446744073709551615";
    said(directory.path(), "merge fleet").refuses_with(&[ranges]);
}

#[test]
fn a_shard_has_its_own_runs_one_behind_the_other() {
    let directory = swept();
    // The runs of the first shard in the place of the second one's, and counted so.
    fs::copy(runs(&directory, 1), runs(&directory, 2)).expect("it takes files");
    let text = fs::read_to_string(receipt(&directory, 1)).expect("it is left");
    let first: Value = serde_json::from_str(&text).expect("it is JSON");
    change(&receipt(&directory, 2), |receipt| {
        for key in ["planned", "done", "outcomes", "runs_digest"] {
            receipt[key] = first[key].clone();
        }
    });
    said(directory.path(), "merge fleet").refuses_with(&["damaged: ", "and should be `"]);
    // One run is gone: who goes on would make another one again.
    let directory = swept();
    let text = fs::read_to_string(runs(&directory, 1)).expect("it is left");
    let (_, rest) = text.split_once('\n').expect("it has lines");
    fs::write(runs(&directory, 1), rest).expect("it takes files");
    let again = said(directory.path(), &format!("{SWEEP} --shard 1/3 --receipt fleet"));
    again.refuses_with(&["damaged: ", "run 1 is `", "and should be `"]);
    // The receipt plans what is not in its sweep.
    let directory = swept();
    change(&receipt(&directory, 1), |receipt| receipt["planned"] = 2.into());
    said(directory.path(), "merge fleet").refuses_with(&["damaged: ", "it plans 2 runs"]);
}

/// Of one seed in two a broker crashes.
const AT_TIMES: &str = "name = \"at-times\"\nproves = \"Nothing.\"\n[[topic]]\nname = \"orders\"\n\
    [[load]]\nkind = \"producer\"\noperations = 5\n[[fault]]\nkind = \"crash\"\n\
    target = \"any-broker\"\ncount = \"0..1\"\nat_ms = 2000\ndown_ms = 500\n\
    [heal]\nat_ms = 3000\n[expect]\nreach = [\"crash\"]\n";

#[test]
fn what_a_shard_has_not_reached_is_judged_with_all_others() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path();
    fs::write(path.join("at-times.toml"), AT_TIMES).expect("it takes files");
    let run = |seed: u64| said(path, &format!("run at-times.toml --seed {seed}")).code;
    let with = (1..50).find(|seed| run(*seed) == 0).expect("a seed reaches it");
    let without = (1..50).find(|seed| run(*seed) == 3).expect("a seed does not");
    let (first, last) = (with.min(without), with.max(without));
    let shards = last - first + 1;
    let sweep = format!("sweep at-times.toml --seeds {first}..{last}");
    for shard in 1..=shards {
        let part = said(path, &format!("{sweep} --shard {shard}/{shards} --receipt parts"));
        assert_eq!(part.code, 0, "shard {shard}: {}{}", part.stdout, part.stderr);
        let told = part.stdout.contains("in none of 1 runs of this shard; `harrow merge`");
        assert_eq!(told, run(first + shard - 1) == 3, "shard {shard}: {}", part.stdout);
    }
    let whole = said(path, &sweep);
    assert_eq!((whole.code, said(path, "merge parts").code), (0, 0), "{}", whole.stdout);
    assert!(whole.stdout.contains("reach at-times.toml: `crash` was"), "{}", whole.stdout);
    let nowhere = format!("sweep at-times.toml --seeds {without}..{without}");
    assert_eq!(said(path, &nowhere).code, 3);
}

#[test]
fn a_shard_that_was_ended_goes_on_where_it_was() {
    let directory = swept();
    let before = said(directory.path(), "merge fleet --format json");
    let text = fs::read_to_string(runs(&directory, 1)).expect("it is left");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "8 runs of 3 shards");
    // As a process leaves it that is killed while it writes its second run.
    fs::write(runs(&directory, 1), format!("{}\n{}", lines[0], &lines[1][..40]))
        .expect("it takes files");
    change(&receipt(&directory, 1), |receipt| {
        receipt["ended"] = false.into();
        receipt["done"] = 0.into();
    });
    said(directory.path(), "merge fleet").refuses_with(&["short: "]);
    let again =
        said(directory.path(), &format!("{SWEEP} --shard 1/3 --receipt fleet --format json"));
    assert!(again.stderr.contains("note: 1 runs are done"), "{}", again.stderr);
    assert_eq!(
        fs::read_to_string(runs(&directory, 1)).expect("it is left"),
        text,
        "the same runs again"
    );
    let after = said(directory.path(), "merge fleet --format json");
    assert_eq!(summary(&after), summary(&before));
    let other = said(directory.path(), "sweep calm --seeds 1..2 --shard 1/3 --receipt fleet");
    other.refuses_with(&["is of another sweep: scenarios"]);
}

#[test]
fn a_receipt_is_written_by_one_process_at_a_time() {
    let directory = swept();
    let other = fs::OpenOptions::new().write(true).open(runs(&directory, 1)).expect("it is there");
    other.lock().expect("files have locks here");
    let shard = format!("{SWEEP} --shard 1/3 --receipt fleet");
    let told = said(directory.path(), &shard);
    told.refuses_with(&["another process writes", "runs-1-of-3.jsonl", "give another `--receipt`"]);
    other.unlock().expect("it is ours");
    assert_eq!(said(directory.path(), &shard).code, 1, "it goes on when the other one has ended");
}

#[test]
fn a_merge_that_cannot_leave_its_page_says_so_first() {
    let directory = swept();
    fs::write(directory.path().join("x.txt"), "").expect("it takes files");
    let told = said(directory.path(), "merge fleet --out x.txt");
    told.refuses_with(&["failed to write to x.txt", "give `--out` a directory"]);
}

#[test]
fn a_shard_that_had_enough_is_short_and_may_be_taken_as_a_part() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path();
    let run = said(
        path,
        "sweep quick-failover --seeds 9..12 --defect truncate-to-hw --fail-fast --receipt fleet",
    );
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    said(path, "merge fleet").refuses_with(&[
        "short: ",
        "as it had seen failures enough",
        "--partial",
    ]);
    let part = said(path, "merge fleet --partial");
    assert_eq!(part.code, 1, "{}{}", part.stdout, part.stderr);
    assert!(part.stdout.contains("1 shards, 1 of 4 runs"), "{}", part.stdout);
}

/// The folder with what is ready to start.
fn ready() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fleet")
}

#[test]
fn scripts_parse_and_no_linter_complains() {
    let mut scripts: Vec<PathBuf> = fs::read_dir(ready())
        .expect("they are there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "sh" || kind == "sbatch"))
        .collect();
    scripts.sort();
    assert_eq!(scripts.len(), 3, "{scripts:?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in the workspace");
    scripts.extend([".ci/run", ".ci/canaries", ".ci/manifests/check"].map(|name| root.join(name)));
    for script in &scripts {
        let parsed = Command::new("bash").arg("-n").arg(script).output().expect("bash is there");
        let complaint = String::from_utf8_lossy(&parsed.stderr);
        assert!(parsed.status.success(), "{complaint}");
    }
    let Ok(linted) = Command::new("shellcheck").args(&scripts).output() else {
        eprintln!("skipped: shellcheck is not installed");
        return;
    };
    assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));
}

/// Whether it is GNU's: another program has the name, too.
fn has_parallel() -> bool {
    let version = Command::new("parallel").arg("--version").output();
    version.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).starts_with("GNU parallel"))
}

/// Six shards by GNU parallel at these hosts; what it said, and how it ended.
fn in_parallel(directory: &Path, hosts: &str, sweep: &str) -> (String, i32) {
    let harrow = assert_cmd::cargo::cargo_bin!("harrow");
    let mut places = vec![harrow.parent().expect("it is in a folder").to_owned()];
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut script = Command::new(ready().join("parallel.sh"));
    script.current_dir(directory).env("PATH", std::env::join_paths(places).expect("paths"));
    script.env("PARALLEL_SSH", directory.join("ssh")).env("HOME", directory);
    script.envs([("HOSTS", hosts), ("SHARDS", "6"), ("HARROW_ARGUMENTS", sweep)]);
    let output = script.output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    (told + &wrong, output.status.code().expect("no signal ended it"))
}

#[test]
fn gnu_parallel_makes_all_shards_and_none_twice() {
    if !has_parallel() {
        eprintln!("skipped: GNU parallel is not installed");
        return;
    }
    let directory = TempDir::new().expect("a temporary directory");
    for again in [false, true] {
        let (told, code) = in_parallel(directory.path(), ":", "calm --seeds 1..12");
        assert_eq!(code, 0, "{told}");
        assert!(told.contains("6 shards, 12 of 12 runs"), "{told}");
        for shard in 1..=6 {
            let log = directory.path().join(format!("receipts/{shard}.log"));
            let log = fs::read_to_string(log).expect("it is left");
            assert_eq!(log.contains("note: 2 runs are done"), again, "{log}");
        }
    }
    assert!(directory.path().join("receipts/harrow.xml").is_file());
    assert!(directory.path().join("receipts/merged/index.html").is_file());
}

/// Stands for ssh: notes the host, and does here what it was to do there, with the shell that a login has.
#[cfg(unix)]
const SSH: &str = r#"#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
echo "$1" >>hosts
shift
[ "$1" != -- ] || shift
SHELL=/bin/sh exec sh -c "$*"
"#;

#[cfg(unix)]
#[test]
fn gnu_parallel_makes_shards_on_other_machines_and_the_merge_tells_what_came_of_them() {
    use std::os::unix::fs::PermissionsExt;
    if !has_parallel() {
        eprintln!("skipped: GNU parallel is not installed");
        return;
    }
    let directory = TempDir::new().expect("a temporary directory");
    let ssh = directory.path().join("ssh");
    fs::write(&ssh, SSH).expect("it takes files");
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let sweep = "quick-failover --seeds 7..12 --defect truncate-to-hw";
    let (told, code) = in_parallel(directory.path(), "one,two,:", sweep);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("6 shards, 6 of 6 runs"), "{told}");
    let hosts = fs::read_to_string(directory.path().join("hosts")).expect("ssh was started");
    for host in ["one", "two"] {
        assert!(hosts.lines().any(|line| line == host), "{host} in {hosts}");
    }
}

#[test]
fn what_aws_batch_takes_is_what_the_published_model_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in the workspace");
    let mut check = Command::new("bash");
    let check = check.arg(root.join(".ci/manifests/check")).arg("aws-batch").output();
    let check = check.expect("bash is there");
    let told = String::from_utf8_lossy(&check.stdout);
    assert!(check.status.success(), "{told}{}", String::from_utf8_lossy(&check.stderr));
    if told.starts_with("skipped") {
        eprintln!("{told}");
    } else {
        assert!(told.contains("aws-batch.json: it is what the service model takes"), "{told}");
    }
}

/// Slurm, if it is installed, or is where `SLURM_ROOT` says.
fn has_slurm() -> bool {
    let root = std::env::var("SLURM_ROOT").unwrap_or_default();
    let there = ["slurmctld", "slurmctld-wlm"].map(|name| format!("{root}/usr/sbin/{name}"));
    there.iter().any(|path| Path::new(path).is_file())
}

#[test]
fn a_killed_task_of_a_slurm_array_is_missed_by_the_merge_and_goes_on_when_started_again() {
    if !has_slurm() {
        eprintln!("skipped: Slurm is not installed, and SLURM_ROOT names no place that has it");
        return;
    }
    let harrow = assert_cmd::cargo::cargo_bin!("harrow");
    let mut script = Command::new(ready().join("slurm-here.sh"));
    // So many that the third task cannot do all of its own between two looks at it.
    script.env("HARROW", harrow).env("SEEDS", "160");
    let output = script.output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}{wrong}");
    let (before, after) = told.split_once("# again:").expect("the task is started again");
    assert!(before.contains("(exit code 2)"), "{told}{wrong}");
    assert!(wrong.contains("-of-8.json was not closed: its process was killed"), "{told}{wrong}");
    assert!(after.contains("8 shards, 160 of 160 runs"), "{told}{wrong}");
}
