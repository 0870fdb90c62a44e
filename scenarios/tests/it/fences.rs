//! Each rule of the watch for each request and each epoch: which finding tells that it is broken, and what turns that
//! red: a known bug, which is run here, or the bad case of the watch's own tests, where every known bug has a second
//! fence behind it. A pair that is missing fails, and so does a bug that is not noticed any more.
//!
//! `sim/FENCES.md` is written from here: `HARROW_README=write cargo test -p harrow-scenarios --test it fences`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use harrow_broker_model::defect::Defect;
use harrow_broker_model::note::Api;
use harrow_sim::liveness::Goal;
use harrow_sim::watch::invariants;

use super::played::with_played;
use Red::{Bug, Case, Nothing};
use Subject::{Answered, Asked, InTime, Newer, Reported};

/// Seeds of which one must show a bug.
const SEEDS: u64 = 12;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// Who is asked: a request counts only in the epoch that it names.
    Asked(Api),
    /// Who asks: an answer counts only where it was asked for.
    Answered(Api),
    /// Who has heard of a newer epoch does nothing more in an older one.
    Newer(Epoch),
    /// What is said of an offset is said of the log up to it.
    Reported(Offset),
    /// What is due is done in time.
    InTime(Due),
}

/// Every kind of epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Epoch {
    Leader,
    Partition,
    Quorum,
    Broker,
    Controller,
    Client,
    Producer,
    Generation,
    GroupCoordinator,
    TransactionCoordinator,
    ShareCoordinator,
    ShareLeader,
}

const EPOCHS: [Epoch; 12] = [
    Epoch::Leader,
    Epoch::Partition,
    Epoch::Quorum,
    Epoch::Broker,
    Epoch::Controller,
    Epoch::Client,
    Epoch::Producer,
    Epoch::Generation,
    Epoch::GroupCoordinator,
    Epoch::TransactionCoordinator,
    Epoch::ShareCoordinator,
    Epoch::ShareLeader,
];

/// Every offset that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::enum_variant_names, reason = "they are Kafka's names")]
enum Offset {
    HighWatermark,
    FollowersHighWatermark,
    FollowersLogEnd,
    EndOffset,
    EpochEnd,
    LastStableOffset,
    Commit,
}

const OFFSETS: [Offset; 7] = [
    Offset::HighWatermark,
    Offset::FollowersHighWatermark,
    Offset::FollowersLogEnd,
    Offset::EndOffset,
    Offset::EpochEnd,
    Offset::LastStableOffset,
    Offset::Commit,
];

/// Everything that is due some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Commit,
    LoneCommit,
    Shrink,
    NoEarlyShrink,
    Expansion,
    Election,
    Fencing,
    QuorumElection,
    QuorumResignation,
    FetchAnswer,
    ProduceAnswer,
    LogStart,
    Compaction,
    TransactionEnd,
    Rebalance,
    PreferredLeader,
    ReassignmentEnd,
    Retention,
    ShareLock,
}

const DUES: [Due; 19] = [
    Due::Commit,
    Due::LoneCommit,
    Due::Shrink,
    Due::NoEarlyShrink,
    Due::Expansion,
    Due::Election,
    Due::Fencing,
    Due::QuorumElection,
    Due::QuorumResignation,
    Due::FetchAnswer,
    Due::ProduceAnswer,
    Due::LogStart,
    Due::Compaction,
    Due::TransactionEnd,
    Due::Rebalance,
    Due::PreferredLeader,
    Due::ReassignmentEnd,
    Due::Retention,
    Due::ShareLock,
];

/// What turns a row red.
#[derive(Debug, Clone, Copy)]
enum Red {
    /// A known bug, in a scenario.
    Bug(&'static str, &'static str),
    /// The bad case of the anomaly in `sim/tests/watch/matrix`; why no bug of the catalogue shows it.
    Case(&'static str),
    /// No finding is needed, as there is nothing to break.
    Nothing(&'static str),
}

struct Row {
    subject: Subject,
    /// The anomaly that tells it.
    anomaly: &'static str,
    red: Red,
}

const fn row(subject: Subject, anomaly: &'static str, red: Red) -> Row {
    Row { subject, anomaly, red }
}

const NO_FENCING: &str = "no-fetch-epoch-fencing";
const BEHIND: &str = "a second fence stands before it";
const UNRELEASED: &str = "no release had it";
const NO_UPTIME: &str = "isr-no-broker-epoch";
const REFUSED: &str = "refused-join";
const EARLY: &str = "commit-answered-at-append";
const OLD_ACKS: &str = "old-epoch-acks-count";
const GOES_ON: &str = "deposed-coordinator-goes-on";
const ISOLATED: &str = "isolated-leader-leads-on";
const NO_END: &str = "reassignment-never-ends";
const EPOCH_ALONE: &str = "it tells an epoch alone, which only grows";
const MENDED: &str = "mended before a release";
const OLD_FETCH: &str = "old-fetch-answers-count";
const SHARE_ZOMBIE: &str = "share-leader-not-fenced";
const OLD_ISR: &str = "old-isr-answers-count";
const ONE_IN_FLIGHT: &str = "it names its request, and its process has one uptime";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row(Asked(Api::ReplicaFetch), "fetch-of-other-epoch", Bug(NO_FENCING, "zombie-follower")),
    row(Asked(Api::ReplicaFetch), "fetch-of-earlier-uptime", Bug(NO_UPTIME, REFUSED)),
    row(Asked(Api::ReplicaOffsets), "unfenced-request", Case("the race is rare")),
    row(Asked(Api::Fetch), "unfenced-read", Bug(NO_FENCING, "zombie-follower")),
    row(Asked(Api::Produce), "producer-epoch-regress", Case(UNRELEASED)),
    row(Asked(Api::ListOffsets), "unfenced-request", Bug(NO_FENCING, "swarm-lossy")),
    row(Asked(Api::OffsetForLeaderEpoch), "unfenced-request", Bug(NO_FENCING, "swarm-lossy")),
    row(Asked(Api::AlterPartition), "unfenced-request", Case(BEHIND)),
    row(Asked(Api::AlterPartition), "refused-elsewhere", Case(BEHIND)),
    row(Asked(Api::BrokerHeartbeat), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::AllocateProducerIds), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::AssignReplicasToDirs), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::Vote), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::BeginQuorumEpoch), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::EndQuorumEpoch), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::QuorumFetch), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::FetchSnapshot), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::JoinGroup), "", Nothing("it names no generation")),
    row(Asked(Api::SyncGroup), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::Heartbeat), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::LeaveGroup), "", Nothing("it names its member alone")),
    row(Asked(Api::ConsumerGroupHeartbeat), "unfenced-request", Bug("older-epochs-count", "swarm-groups")),
    row(Asked(Api::OffsetCommit), "stale-commit-accepted", Bug("commit-ignores-generation", "zombie-consumer")),
    row(Asked(Api::OffsetFetch), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::InitProducerId), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::AddPartitionsToTxn), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::AddOffsetsToTxn), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::TxnOffsetCommit), "stale-commit-accepted", Bug("txn-commit-ignores-generation", "exactly-once")),
    row(Asked(Api::EndTxn), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::WriteTxnMarkers), "unfenced-request", Bug("older-coordinator-marks", "swarm-transactions")),
    row(Asked(Api::FetchSession), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::BrokerRegistration), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::ShareFetch), "unfenced-request", Case(UNRELEASED)),
    row(Asked(Api::ShareState), "share-zombie-write", Bug(SHARE_ZOMBIE, "work-queue")),
    row(Asked(Api::ShareState), "unfenced-request", Bug(SHARE_ZOMBIE, "work-queue")),
    row(Answered(Api::ReplicaFetch), "stale-answer-applied", Bug(OLD_FETCH, "swarm")),
    row(Answered(Api::ReplicaOffsets), "stale-answer-applied", Case(BEHIND)),
    row(Answered(Api::Fetch), "stale-answer-applied", Bug("older-fetch-counts", "swarm-lossy")),
    row(Answered(Api::Produce), "stale-answer-applied", Bug(OLD_ACKS, "impatient-producers")),
    row(Answered(Api::ListOffsets), "stale-answer-applied", Case(MENDED)),
    row(Answered(Api::OffsetForLeaderEpoch), "stale-answer-applied", Case(MENDED)),
    row(Answered(Api::AlterPartition), "stale-answer-applied", Bug(OLD_ISR, "isr-race")),
    row(Answered(Api::BrokerHeartbeat), "", Nothing(ONE_IN_FLIGHT)),
    row(Answered(Api::AllocateProducerIds), "", Nothing(ONE_IN_FLIGHT)),
    row(Answered(Api::AssignReplicasToDirs), "", Nothing(ONE_IN_FLIGHT)),
    row(Answered(Api::Vote), "stale-answer-applied", Case(BEHIND)),
    row(Answered(Api::BeginQuorumEpoch), "", Nothing(EPOCH_ALONE)),
    row(Answered(Api::EndQuorumEpoch), "", Nothing(EPOCH_ALONE)),
    row(Answered(Api::QuorumFetch), "stale-answer-applied", Case(BEHIND)),
    row(Answered(Api::FetchSnapshot), "stale-answer-applied", Case(BEHIND)),
    row(Answered(Api::JoinGroup), "stale-answer-applied", Case("errors alone; else it begins a generation")),
    row(Answered(Api::SyncGroup), "stale-answer-applied", Case(BEHIND)),
    row(Answered(Api::Heartbeat), "stale-answer-applied", Bug("stale-generation-error-counts", "coordinator-failover")),
    row(Answered(Api::LeaveGroup), "", Nothing("it changes nothing")),
    row(Answered(Api::ConsumerGroupHeartbeat), "stale-answer-applied", Case(UNRELEASED)),
    row(Answered(Api::OffsetCommit), "stale-answer-applied", Bug("stale-commit-error-counts", "zombie-consumer")),
    row(Answered(Api::OffsetFetch), "stale-answer-applied", Case(UNRELEASED)),
    row(Answered(Api::InitProducerId), "stale-answer-applied", Case(UNRELEASED)),
    row(Answered(Api::AddPartitionsToTxn), "stale-answer-applied", Case(UNRELEASED)),
    row(Answered(Api::AddOffsetsToTxn), "stale-answer-applied", Case(UNRELEASED)),
    row(Answered(Api::TxnOffsetCommit), "stale-answer-applied", Case(UNRELEASED)),
    row(Answered(Api::EndTxn), "stale-answer-applied", Case(UNRELEASED)),
    row(Answered(Api::WriteTxnMarkers), "stale-answer-applied", Case(BEHIND)),
    row(Answered(Api::FetchSession), "", Nothing("its records count as a fetch's; else it begins a session")),
    row(Answered(Api::BrokerRegistration), "", Nothing(ONE_IN_FLIGHT)),
    row(Answered(Api::ShareFetch), "", Nothing("it counts on the connection of its session alone")),
    row(Answered(Api::ShareState), "", Nothing("it names its question, and a share-partition has one")),
    row(Newer(Epoch::Leader), "acts-in-older-epoch", Bug("stopping-leads-on", "rolling-restart")),
    row(Newer(Epoch::Partition), "registration-regress", Case(UNRELEASED)),
    row(Newer(Epoch::Quorum), "acts-in-older-epoch", Case(UNRELEASED)),
    row(Newer(Epoch::Broker), "fetch-of-earlier-uptime", Bug(NO_UPTIME, REFUSED)),
    row(Newer(Epoch::Controller), "acts-in-older-epoch", Case(UNRELEASED)),
    row(Newer(Epoch::Client), "acts-in-older-epoch", Bug("lost-topics-forget-epochs", "delete-and-recreate")),
    row(Newer(Epoch::Producer), "producer-epoch-regress", Case(UNRELEASED)),
    row(Newer(Epoch::Generation), "member-epoch-regress", Case("told by clients as zombie-commit")),
    row(Newer(Epoch::GroupCoordinator), "acts-in-older-epoch", Bug("coordinator-not-unloaded", "coordinator-failover")),
    row(Newer(Epoch::TransactionCoordinator), "acts-in-older-epoch", Bug(GOES_ON, "swarm-transactions")),
    row(Newer(Epoch::ShareCoordinator), "acts-in-older-epoch", Case(UNRELEASED)),
    row(Newer(Epoch::ShareLeader), "acts-in-older-epoch", Case(UNRELEASED)),
    row(Reported(Offset::HighWatermark), "commit-before-replication", Bug("hw-uses-proposed-isr", "isr-race")),
    row(Reported(Offset::FollowersHighWatermark), "high-watermark-differs", Case("a cut comes first")),
    row(Reported(Offset::FollowersLogEnd), "heard-of-other-log", Bug("diverging-fetch-counts", "quick-failover")),
    row(Reported(Offset::EndOffset), "end-offset-differs", Case("a loss comes first")),
    row(Reported(Offset::EpochEnd), "epoch-end-wrong", Case(UNRELEASED)),
    row(Reported(Offset::LastStableOffset), "read-past-lso", Bug("reads-past-stable-offset", "bank")),
    row(Reported(Offset::Commit), "answer-before-commit", Bug(EARLY, "coordinator-failover")),
    row(InTime(Due::Commit), "commit-overdue", Bug("no-hw-on-shrink", "group-administration")),
    row(InTime(Due::Shrink), "laggard-in-isr", Bug("lag-by-wall-clock", "clock-skew")),
    row(InTime(Due::NoEarlyShrink), "shrink-too-early", Bug("isr-shrinks-early", "swarm")),
    row(InTime(Due::LoneCommit), "commit-overdue", Bug("lone-leader-waits", "swarm")),
    row(InTime(Due::Expansion), "expansion-overdue", Bug("stale-partition-epoch", "follower-crash")),
    row(InTime(Due::Election), "election-overdue", Bug("unfencing-elects-nobody", "impatient-producers")),
    row(InTime(Due::Fencing), "fencing-overdue", Bug("sessions-never-end", "leader-crash")),
    row(InTime(Due::QuorumElection), "quorum-election-overdue", Bug("candidate-waits-for-ever", "swarm")),
    row(InTime(Due::QuorumResignation), "controller-without-quorum", Bug(ISOLATED, "unheard-proposal")),
    row(InTime(Due::FetchAnswer), "fetch-answer-overdue", Bug("session-misses-watermark", "swarm")),
    row(InTime(Due::ProduceAnswer), "produce-answer-overdue", Bug("lost-wakeup", "minority-stays-dead")),
    row(InTime(Due::LogStart), "log-start-overdue", Bug("keeps-log-start", "nearest-replica")),
    row(InTime(Due::Compaction), "compaction-overdue", Bug("cleaner-ignores-max-lag", "compaction-in-time")),
    row(InTime(Due::TransactionEnd), "transaction-overdue", Bug("marker-retry-refused", "swarm-transactions")),
    row(InTime(Due::Rebalance), "rebalance-overdue", Bug("join-waits-for-all", "swarm-groups")),
    row(InTime(Due::PreferredLeader), "preferred-leader-overdue", Bug("never-balances", "leader-balance")),
    row(InTime(Due::ReassignmentEnd), "reassignment-unfinished", Bug(NO_END, "reassignment-under-fire")),
    row(InTime(Due::Retention), "retention-overdue", Bug("never-retains", "retention-and-laggard")),
    row(InTime(Due::ShareLock), "share-lock-overdue", Bug("share-lock-not-released", "work-queue")),
];

/// Fences of which nothing shows that one alone is missing: what stands before or behind it is of the same rule. Each
/// with what that is.
const DOUBLED: &[(&str, &str)] = &[
    (
        "A follower takes an answer only at the position at which it asked (`partition/follower.rs` `apply_fetch`).",
        "It has one request in flight to its leader, and within an epoch its log ends elsewhere only by an answer.",
    ),
    (
        "A follower takes an answer only in the epoch in which it asked: its fetcher (`broker/fetcher.rs` \
         `still_follows`) and the partition (`partition/follower.rs` `counts_in`) each look, as in Kafka.",
        "One by itself is enough; without both, `old-fetch-answers-count` shows.",
    ),
    (
        "A voter takes an answer only in the epoch in which it asked (`raft/vote.rs` `on_vote_response`, \
         `raft/follow.rs` `on_fetch_response`).",
        "Whoever enters another role waits for no answer any more, and what it asks next takes the place of what was \
         asked (`raft/request_manager.rs` `reset` `sent`): 342 runs of all scenarios without both looks show nothing.",
    ),
    (
        "`INVALID_REQUEST` to who says that it leads an epoch of which another leader is known (`raft/follow.rs` \
         `hear_of_leader`).",
        "An epoch has one leader, which `dual-controller` watches: nobody else begins or ends it.",
    ),
    (
        "`SyncGroup` names its generation (`coordinator/group/classic/sync.rs` `check_sync`).",
        "A generation begins once its members have joined again, each on the connection on which it had asked before: \
         what it asked is answered first, or lies on a connection that is lost. 280 runs without it show nothing.",
    ),
    (
        "An answer to the producer that was before is for nobody (`client/producer/transactional.rs` `on_response`).",
        "A producer is made anew when it is fenced or out of patience; then a question is rarely under way: 280 runs \
         without it show nothing.",
    ),
    (
        "A coordinator takes an answer about markers only in the epoch in which it asked \
         (`coordinator/transaction/markers.rs` `answered`).",
        "Who resigns forgets for what it waits, and a marker that is written is written, whoever asked for it.",
    ),
    (
        "A broker takes no metadata of an older epoch of the quorum (`broker/metadata_fetcher.rs` `on_response`).",
        "It has one question in flight and names its epoch in it: who is in an older one refuses.",
    ),
];

/// Whether a run with a bug shows what a row says: where one anomaly is for many requests, by that of the row.
fn shows(row: &Row, defect: Defect, scenario: &str, seed: u64) -> bool {
    let words = |text: &str| match row.subject {
        Asked(api) if row.anomaly == "unfenced-request" => {
            text.contains(&format!(" served {} of ", api.name()))
        }
        Answered(api) if row.anomaly == "stale-answer-applied" => {
            text.contains(&format!(" the answer to its {}, ", api.name()))
        }
        Asked(_) | Answered(_) | Newer(_) | Reported(_) | InTime(_) => true,
    };
    with_played(scenario, seed, [defect], |played| {
        let mut found = played.run.violations.iter();
        played.overdue() == Some(row.anomaly)
            || found.any(|one| one.anomaly == row.anomaly && words(&one.summary))
    })
}

#[test]
fn each_pair_of_rule_and_request_has_its_row() {
    let told: BTreeSet<Subject> = ROWS.iter().map(|row| row.subject).collect();
    let requests = Api::ALL.into_iter().flat_map(|api| [Asked(api), Answered(api)]);
    let needed =
        requests.chain(EPOCHS.map(Newer)).chain(OFFSETS.map(Reported)).chain(DUES.map(InTime));
    let missing: Vec<Subject> = needed.filter(|subject| !told.contains(subject)).collect();
    assert!(missing.is_empty(), "no row says who tells that these are broken: {missing:?}");
}

#[test]
fn each_row_names_an_anomaly_of_the_watch() {
    let known: BTreeSet<&str> =
        invariants().flat_map(|invariant| invariant.anomalies).map(|one| one.name).collect();
    let overdue = Goal::Resources.name();
    for Row { subject, anomaly, red } in ROWS {
        let nothing = matches!(red, Nothing(_));
        assert!(nothing == anomaly.is_empty(), "{subject:?} names `{anomaly}`");
        assert!(
            nothing || known.contains(anomaly) || *anomaly == overdue,
            "{subject:?}: there is no {anomaly}"
        );
    }
}

#[test]
fn each_bug_turns_its_row_red() {
    let mut unseen = Vec::new();
    for row in ROWS {
        let Bug(bug, scenario) = row.red else { continue };
        let defect = Defect::from_name(bug).unwrap_or_else(|| panic!("there is no defect {bug}"));
        let entry = defect.entry();
        let known = (entry.scenario == scenario).then_some(entry.seed);
        if !known.into_iter().chain(1..=SEEDS).any(|seed| shows(row, defect, scenario, seed)) {
            let Row { subject, anomaly, .. } = row;
            unseen.push(format!("{subject:?}: {bug} does not show {anomaly} in {scenario}"));
        }
    }
    assert!(unseen.is_empty(), "{unseen:#?}");
}

/// A row says that its case alone turns it red only where no bug of the catalogue does.
#[test]
fn what_a_bug_shows_is_no_mere_case() {
    let mut unused = Vec::new();
    for entry in Defect::all().map(Defect::entry) {
        let rows = || ROWS.iter().filter(|row| row.anomaly == entry.anomaly);
        let is_case = rows().any(|row| matches!(row.red, Case(_)));
        if is_case && !rows().any(|row| matches!(row.red, Bug(bug, _) if bug == entry.name)) {
            unused.push(format!("{} shows {}", entry.name, entry.anomaly));
        }
    }
    assert!(unused.is_empty(), "no row has them: {unused:#?}");
}

fn document() -> String {
    let mut text = String::from(
        "# What notices that a fence is missing\n\n\
         Each rule of the watch, for each request, each epoch, each offset that is told and all that is due.\n\
         Written by the test `fences`; a pair that is missing fails it. A *case* is the bad one of that anomaly\n\
         in `sim/tests/watch/matrix`.\n\n\
         | rule | of | finding | turned red by |\n|---|---|---|---|\n",
    );
    for Row { subject, anomaly, red } in ROWS {
        let (rule, of) = description(*subject);
        let finding = if anomaly.is_empty() { "none".to_owned() } else { format!("`{anomaly}`") };
        let red = match red {
            Bug(bug, scenario) => format!("`{bug}` in `{scenario}`"),
            Case(why) => format!("its case; {why}"),
            Nothing(why) => format!("nothing: {why}"),
        };
        writeln!(text, "| {rule} | {of} | {finding} | {red} |").expect("a text takes all");
    }
    text.push_str(
        "\n## Fences that are not missed\n\n\
         Without one of these alone nothing is to be seen, as what is beside it keeps the same rule.\n\n\
         | fence | what keeps the rule without it |\n|---|---|\n",
    );
    for (fence, other) in DOUBLED {
        writeln!(text, "| {fence} | {other} |").expect("a text takes all");
    }
    text
}

fn description(subject: Subject) -> (&'static str, String) {
    match subject {
        Asked(api) => ("served only in the epoch that it names", api.name().to_owned()),
        Answered(api) => ("counts only where it was asked for", api.name().to_owned()),
        Newer(epoch) => ("nothing more in an older one", format!("{epoch:?} epoch")),
        Reported(offset) => ("true of the log up to it", format!("{offset:?}")),
        InTime(due) => ("in time", format!("{due:?}")),
    }
}

#[test]
fn the_document_shows_the_table() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sim/FENCES.md");
    let now = document();
    if std::env::var("HARROW_README").is_ok_and(|wish| wish == "write") {
        fs::write(&path, now).expect("the document can be written");
        return;
    }
    let shown = fs::read_to_string(&path).unwrap_or_default();
    assert!(shown == now, "sim/FENCES.md is old: HARROW_README=write writes it anew");
}
