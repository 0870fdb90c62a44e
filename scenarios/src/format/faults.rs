//! Reads `[[fault]]` tables: one kind each, with the fields of the plan's action of that name.

use harrow_sim::plan::{AlterableSetting, RequestKind, Target};

use super::limits::RUN_MS;
use super::problem::{name_help, nearest};
use super::reading::{Earlier, Reading};
use super::scenario::{
    CutScenario, FaultAction, FaultScenario, ReplicaRole, TargetPattern, Targets, When,
};
use super::section::Section;
use super::suits::{check_asked, check_suits, example_target};
use super::value::{Choice, Numbers};

const HOUR_MS: i64 = 3_600_000;
/// The last of as many log directories as a broker may have.
const LOG_DIRECTORY_LAST: i64 = 7;
/// The most that a setting of a topic is given.
const SETTING_MAX: i64 = 1 << 40;

/// Names of the kinds, as in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Crash,
    PowerLoss,
    Bounce,
    Stop,
    Pause,
    WipeDisk,
    WholeClusterOutage,
    RollingRestart,
    Partition,
    DeleteRecords,
    Reassign,
    CancelReassignment,
    AddPartitions,
    AlterConfig,
    ElectPreferred,
    DeleteTopic,
    CreateTopic,
    JoinBroker,
    DecommissionBroker,
    AddVoter,
    RemoveVoter,
    DeleteGroup,
    ResetOffsets,
    AbortHanging,
    ResetConnections,
    Delay,
    DropResponses,
    HoldRequests,
    HoldMetadata,
    StallMetadataPublishing,
    StallConnections,
    DuplicateResponses,
    LimitBandwidth,
    SlowDisk,
    StallDisk,
    FailDisk,
    FailLogDirectory,
    FullDisk,
    LyingSync,
    BitRot,
    StepClock,
    DriftClock,
}

const KINDS: &[(&str, Kind)] = &[
    ("crash", Kind::Crash),
    ("power-loss", Kind::PowerLoss),
    ("bounce", Kind::Bounce),
    ("stop", Kind::Stop),
    ("pause", Kind::Pause),
    ("wipe-disk", Kind::WipeDisk),
    ("whole-cluster-outage", Kind::WholeClusterOutage),
    ("rolling-restart", Kind::RollingRestart),
    ("partition", Kind::Partition),
    ("delete-records", Kind::DeleteRecords),
    ("reassign", Kind::Reassign),
    ("cancel-reassignment", Kind::CancelReassignment),
    ("add-partitions", Kind::AddPartitions),
    ("alter-config", Kind::AlterConfig),
    ("elect-preferred", Kind::ElectPreferred),
    ("delete-topic", Kind::DeleteTopic),
    ("create-topic", Kind::CreateTopic),
    ("join-broker", Kind::JoinBroker),
    ("decommission-broker", Kind::DecommissionBroker),
    ("add-voter", Kind::AddVoter),
    ("remove-voter", Kind::RemoveVoter),
    ("delete-group", Kind::DeleteGroup),
    ("reset-offsets", Kind::ResetOffsets),
    ("abort-hanging", Kind::AbortHanging),
    ("reset-connections", Kind::ResetConnections),
    ("delay", Kind::Delay),
    ("drop-responses", Kind::DropResponses),
    ("hold-requests", Kind::HoldRequests),
    ("hold-metadata", Kind::HoldMetadata),
    ("stall-metadata-publishing", Kind::StallMetadataPublishing),
    ("stall-connections", Kind::StallConnections),
    ("duplicate-responses", Kind::DuplicateResponses),
    ("limit-bandwidth", Kind::LimitBandwidth),
    ("slow-disk", Kind::SlowDisk),
    ("stall-disk", Kind::StallDisk),
    ("fail-disk", Kind::FailDisk),
    ("fail-log-directory", Kind::FailLogDirectory),
    ("full-disk", Kind::FullDisk),
    ("lying-sync", Kind::LyingSync),
    ("bit-rot", Kind::BitRot),
    ("step-clock", Kind::StepClock),
    ("drift-clock", Kind::DriftClock),
];

#[derive(Debug, Clone, Copy)]
enum Shape {
    Isolate,
    OneWay,
    Between,
    FromControllers,
    FromClients,
    FromBrokers,
    Halves,
    Bridge,
    Ring,
}

const SHAPES: &[(&str, Shape)] = &[
    ("isolate", Shape::Isolate),
    ("one-way", Shape::OneWay),
    ("between", Shape::Between),
    ("from-controllers", Shape::FromControllers),
    ("from-clients", Shape::FromClients),
    ("from-brokers", Shape::FromBrokers),
    ("halves", Shape::Halves),
    ("bridge", Shape::Bridge),
    ("ring", Shape::Ring),
];

/// The names of all fault kinds, in the order of the plan's actions.
pub fn fault_kinds() -> Vec<&'static str> {
    KINDS.iter().map(|(name, _)| *name).collect()
}

/// The names of all shapes of partitions.
pub(super) fn partition_shapes() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|(name, _)| *name)
}

/// Reads one table.
pub(super) fn read(section: Section<'_>, reading: &mut Reading) -> FaultScenario {
    let kind = section.kind("kind", KINDS);
    let name = section.texts("name", "\"cut\"").into_iter().next();
    let (when, latest_ms) = when(&section, &reading.faults);
    let count = match when {
        When::At(_) => section.numbers_or("count", (0, 10_000), (1, 1)),
        When::After { .. } => Numbers::exactly(1),
    };
    let chance = section.chance();
    let action = action(&Fields { section: &section, reading, kind }, kind);
    check_end(&section, latest_ms, &action, reading);
    reading.together.fault(&section, &action);
    section.finish();
    reading.faults.push(Earlier { name: name.map(|(name, _)| name), latest_ms });
    FaultScenario { count, chance, when, action }
}

/// `at_ms`, or `after` with `delay_ms`; and when the last step may begin.
fn when(section: &Section<'_>, earlier: &[Earlier]) -> (When, i64) {
    let Some((name, place)) = section.texts("after", "\"cut\"").into_iter().next() else {
        let at_ms = section.numbers("at_ms", (0, RUN_MS), "\"2000..20000\"");
        let latest_ms = at_ms.greatest();
        return (When::At(at_ms), latest_ms);
    };
    let delay_ms = section.numbers("delay_ms", (0, HOUR_MS), "\"0..50\"");
    let found = earlier.iter().position(|fault| fault.name.as_ref() == Some(&name));
    let Some(fault) = found else {
        let known: Vec<&str> = earlier.iter().filter_map(|fault| fault.name.as_deref()).collect();
        let help = format!("a [[fault]] above must have this `name`; {}", name_help(&name, &known));
        section.problem(&place, format!("there is no earlier fault `{name}`"), help);
        return (When::At(delay_ms), 0);
    };
    let latest_ms = earlier[fault].latest_ms + delay_ms.greatest();
    (When::After { fault, delay_ms }, latest_ms)
}

/// The fields of actions.
struct Fields<'a> {
    section: &'a Section<'a>,
    reading: &'a Reading,
    kind: Kind,
}

impl Fields<'_> {
    fn target(&self) -> Targets {
        self.targets("target")
    }

    fn targets(&self, key: &str) -> Targets {
        let texts = self.section.required_texts(key, example_target(self.kind_name()));
        let patterns: Vec<TargetPattern> = texts
            .iter()
            .filter_map(|(text, place)| {
                let read = pattern(text).and_then(|pattern| self.reading.check_target(pattern));
                let read = read.and_then(|pattern| {
                    check_suits(self.kind_name(), &pattern)?;
                    self.check_voters()?;
                    Ok(pattern)
                });
                read.map_err(|(message, help)| self.section.problem(place, message, help)).ok()
            })
            .collect();
        let nobody = vec![TargetPattern::Plain(Target::AnyBroker)];
        Choice::new(if patterns.is_empty() { nobody } else { patterns })
    }

    /// Which requests a fault meets; each of its targets may be asked for them.
    fn api(&self, targets: &Targets) -> Option<Choice<RequestKind>> {
        let api = self.section.maybe_choices("api", &RequestKind::ALL)?;
        for (kind, target) in
            api.options().iter().flat_map(|kind| targets.options().iter().map(move |it| (kind, it)))
        {
            if let Err((message, help)) = check_asked(*kind, target) {
                self.section.problem(&self.section.place_of("api"), message, help);
            }
        }
        Some(api)
    }

    /// Voters can be changed in every seed.
    fn check_voters(&self) -> Result<(), (String, String)> {
        let changes = matches!(self.kind, Kind::AddVoter | Kind::RemoveVoter);
        if changes && self.reading.kraft_version_min < 1 {
            let message = "the voters of this cluster cannot be changed".to_owned();
            return Err((message, "set `kraft.version = 1` in `[cluster]`".to_owned()));
        }
        Ok(())
    }

    fn kind_name(&self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name)
    }

    fn down_ms(&self) -> Numbers {
        self.section.numbers("down_ms", (1, HOUR_MS), "\"500..4000\"")
    }

    fn for_ms(&self) -> Numbers {
        self.section.numbers("for_ms", (1, HOUR_MS), "\"500..4000\"")
    }

    fn extra_us(&self) -> Numbers {
        self.section.numbers("extra_us", (1, HOUR_MS * 1_000), "\"1000..20000\"")
    }

    fn one_in(&self) -> Numbers {
        self.section.numbers("one_in", (1, 1_000_000), "\"2..10\"")
    }
}

fn action(fields: &Fields<'_>, kind: Kind) -> FaultAction {
    match kind {
        Kind::Crash | Kind::PowerLoss | Kind::Stop | Kind::WipeDisk | Kind::FailDisk => {
            halting(fields, kind)
        }
        Kind::Bounce => FaultAction::Bounce { target: fields.target() },
        Kind::Pause => FaultAction::Pause { target: fields.target(), for_ms: fields.for_ms() },
        Kind::WholeClusterOutage => {
            let power = fields.section.flags("power", false);
            FaultAction::WholeClusterOutage { power, down_ms: fields.down_ms() }
        }
        Kind::RollingRestart => {
            let gap_ms = fields.section.numbers("gap_ms", (1, HOUR_MS), "\"1000..3000\"");
            FaultAction::RollingRestart { down_ms: fields.down_ms(), gap_ms }
        }
        Kind::Partition => FaultAction::Partition { cut: cut(fields), for_ms: fields.for_ms() },
        Kind::DeleteRecords => {
            let percent = fields.section.numbers("percent", (1, 100), "\"10..100\"");
            FaultAction::DeleteRecords { target: fields.target(), percent }
        }
        Kind::Reassign
        | Kind::CancelReassignment
        | Kind::AddPartitions
        | Kind::AlterConfig
        | Kind::ElectPreferred
        | Kind::DeleteTopic
        | Kind::CreateTopic
        | Kind::JoinBroker
        | Kind::DecommissionBroker
        | Kind::AddVoter
        | Kind::RemoveVoter
        | Kind::DeleteGroup
        | Kind::ResetOffsets
        | Kind::AbortHanging => administration(fields, kind),
        Kind::ResetConnections
        | Kind::Delay
        | Kind::DropResponses
        | Kind::HoldRequests
        | Kind::HoldMetadata
        | Kind::StallMetadataPublishing
        | Kind::StallConnections
        | Kind::DuplicateResponses
        | Kind::LimitBandwidth => on_links(fields, kind),
        Kind::SlowDisk
        | Kind::StallDisk
        | Kind::FailLogDirectory
        | Kind::FullDisk
        | Kind::LyingSync
        | Kind::BitRot => on_disk(fields, kind),
        Kind::StepClock => {
            let by_ms = fields.section.numbers("by_ms", (-HOUR_MS, HOUR_MS), "\"-500..500\"");
            FaultAction::StepClock { target: fields.target(), by_ms }
        }
        Kind::DriftClock => {
            let ppm = fields.section.numbers("ppm", (-500_000, 500_000), "\"-200..200\"");
            FaultAction::DriftClock { target: fields.target(), ppm }
        }
    }
}

/// The kinds that an administrator asks for.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller passes these kinds alone")]
fn administration(fields: &Fields<'_>, kind: Kind) -> FaultAction {
    let target = fields.target();
    match kind {
        Kind::Reassign => {
            let replicas = fields.section.numbers_or("replicas", (1, 99), (1, 1));
            let throttled = fields.section.flags("throttled", false);
            FaultAction::Reassign { target, replicas, throttled }
        }
        Kind::CancelReassignment => FaultAction::CancelReassignment { target },
        Kind::AddPartitions => FaultAction::AddPartitions { target },
        Kind::AlterConfig => FaultAction::AlterConfig {
            target,
            setting: fields.section.choice(
                "setting",
                &AlterableSetting::ALL,
                AlterableSetting::MinInsyncReplicas,
            ),
            value: fields.section.numbers("value", (1, SETTING_MAX), "\"1..2\""),
        },
        Kind::ElectPreferred => FaultAction::ElectPreferred { target },
        Kind::DeleteTopic => FaultAction::DeleteTopic { target },
        Kind::CreateTopic => FaultAction::CreateTopic { target },
        Kind::JoinBroker => FaultAction::JoinBroker { target },
        Kind::DecommissionBroker => FaultAction::DecommissionBroker { target },
        Kind::AddVoter => FaultAction::AddVoter { target },
        Kind::RemoveVoter => FaultAction::RemoveVoter { target },
        Kind::DeleteGroup => FaultAction::DeleteGroup { target },
        Kind::ResetOffsets => {
            let percent = fields.section.numbers("percent", (0, 100), "\"0..100\"");
            FaultAction::ResetOffsets { target, percent }
        }
        Kind::AbortHanging => {
            let idle_ms = fields.section.numbers("idle_ms", (1, HOUR_MS), "\"5000..8000\"");
            FaultAction::AbortHanging { target, idle_ms }
        }
        other => panic!("{other:?} is nothing that an administrator does"),
    }
}

/// The kinds that trouble a disk without ending a process at once.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller passes these six kinds alone")]
fn on_disk(fields: &Fields<'_>, kind: Kind) -> FaultAction {
    match kind {
        Kind::SlowDisk => {
            let (target, extra_us) = (fields.target(), fields.extra_us());
            FaultAction::SlowDisk { target, extra_us, for_ms: fields.for_ms() }
        }
        Kind::StallDisk => {
            FaultAction::StallDisk { target: fields.target(), for_ms: fields.for_ms() }
        }
        Kind::FailLogDirectory => FaultAction::FailLogDirectory {
            target: fields.target(),
            directory: fields.section.numbers("directory", (0, LOG_DIRECTORY_LAST), "\"1..2\""),
            replaced: fields.section.flags("replaced", false),
            for_ms: fields.for_ms(),
        },
        Kind::FullDisk => {
            FaultAction::FullDisk { target: fields.target(), for_ms: fields.for_ms() }
        }
        Kind::LyingSync => {
            FaultAction::LyingSync { target: fields.target(), for_ms: fields.for_ms() }
        }
        Kind::BitRot => FaultAction::BitRot { target: fields.target() },
        other => panic!("{other:?} does not trouble a disk"),
    }
}

/// The kinds that end a process and start it again.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller passes these five kinds alone")]
fn halting(fields: &Fields<'_>, kind: Kind) -> FaultAction {
    let (target, down_ms) = (fields.target(), fields.down_ms());
    match kind {
        Kind::Crash => FaultAction::Crash { target, down_ms },
        Kind::PowerLoss => FaultAction::PowerLoss { target, down_ms },
        Kind::Stop => FaultAction::Stop { target, down_ms },
        Kind::WipeDisk => FaultAction::WipeDisk { target, down_ms },
        Kind::FailDisk => FaultAction::FailDisk { target, down_ms },
        other => panic!("{other:?} does not end a process"),
    }
}

/// The kinds that trouble a node's links without cutting them.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller passes these nine kinds alone")]
fn on_links(fields: &Fields<'_>, kind: Kind) -> FaultAction {
    let target = fields.target();
    match kind {
        Kind::ResetConnections => FaultAction::ResetConnections { target },
        Kind::Delay => {
            FaultAction::Delay { target, extra_us: fields.extra_us(), for_ms: fields.for_ms() }
        }
        Kind::DropResponses => {
            let (api, one_in) = (fields.api(&target), fields.one_in());
            FaultAction::DropResponses { target, api, one_in, for_ms: fields.for_ms() }
        }
        Kind::HoldRequests => {
            let api = fields.api(&target);
            FaultAction::HoldRequests { target, api, for_ms: fields.for_ms() }
        }
        Kind::HoldMetadata => FaultAction::HoldMetadata { target, for_ms: fields.for_ms() },
        Kind::StallMetadataPublishing => {
            FaultAction::StallMetadataPublishing { target, for_ms: fields.for_ms() }
        }
        Kind::StallConnections => FaultAction::StallConnections { target, for_ms: fields.for_ms() },
        Kind::DuplicateResponses => FaultAction::DuplicateResponses {
            target,
            one_in: fields.one_in(),
            for_ms: fields.for_ms(),
        },
        Kind::LimitBandwidth => {
            let bytes_per_second =
                fields.section.numbers("bytes_per_second", (1, 1 << 40), "\"10000..100000\"");
            FaultAction::LimitBandwidth { target, bytes_per_second, for_ms: fields.for_ms() }
        }
        other => panic!("{other:?} does not trouble links"),
    }
}

fn cut(fields: &Fields<'_>) -> CutScenario {
    match fields.section.kind("cut", SHAPES) {
        Shape::Isolate => CutScenario::Isolate(fields.target()),
        Shape::OneWay => {
            CutScenario::OneWay { from: fields.targets("from"), to: fields.targets("to") }
        }
        Shape::Between => CutScenario::Between { a: fields.targets("a"), b: fields.targets("b") },
        Shape::FromControllers => CutScenario::FromControllers(fields.target()),
        Shape::FromClients => CutScenario::FromClients(fields.target()),
        Shape::FromBrokers => CutScenario::FromBrokers(fields.target()),
        Shape::Halves => CutScenario::Halves,
        Shape::Bridge => CutScenario::Bridge,
        Shape::Ring => CutScenario::Ring,
    }
}

/// A target or a pattern of one; the error is what is wrong and what would be right.
fn pattern(text: &str) -> Result<TargetPattern, (String, String)> {
    let role = match text.split_once(' ') {
        Some(("leader-of", at)) => Some((ReplicaRole::Leader, at)),
        Some(("follower-of", at)) => Some((ReplicaRole::Follower, at)),
        Some(("isr-follower-of", at)) => Some((ReplicaRole::IsrFollower, at)),
        Some(_) | None => None,
    };
    match role {
        Some((role, "*")) => Ok(TargetPattern::Replica { role, topic: None }),
        Some((role, at)) if at.ends_with("-*") => {
            let topic = at.trim_end_matches("-*").to_owned();
            Ok(TargetPattern::Replica { role, topic: Some(topic) })
        }
        Some(_) | None => {
            let parsed = Target::parse(text).map(TargetPattern::Plain);
            parsed.map_err(|message| meant(text, split_help(message)))
        }
    }
}

/// The heads of targets, with what follows each.
const TARGETS: [(&str, &str); 14] = [
    ("leader-of", " orders-0"),
    ("follower-of", " orders-0"),
    ("isr-follower-of", " orders-0"),
    ("coordinator-of", " group-a"),
    ("transaction-coordinator-of", " t1"),
    ("member-of", " group-a"),
    ("controller", ""),
    ("standby-controller", ""),
    ("any-controller", ""),
    ("any-broker", ""),
    ("any-node", ""),
    ("any-client", ""),
    ("node", " 2"),
    ("application", " billing"),
];

/// Puts before the advice what was likely meant: `broker 2`, `Broker2` and `brokr-2` are `node 2`.
fn meant(text: &str, (message, help): (String, String)) -> (String, String) {
    let near = numbered_node(text).or_else(|| {
        if ["broker", "client"].contains(&text) {
            return Some(format!("any-{text}"));
        }
        let whole = text.split_once(' ').map_or(text, |(head, _)| head);
        let near = nearest(whole, TARGETS.iter().map(|(name, _)| *name));
        let near = TARGETS.iter().find(|(name, _)| Some(*name) == near && *name != whole);
        near.map(|(name, rest)| format!("{name}{rest}"))
    });
    match near {
        Some(near) => (message, format!("did you mean `{near}`? {help}")),
        None => (message, help),
    }
}

/// The node that a number behind some kind of it means, however it is spelled.
fn numbered_node(text: &str) -> Option<String> {
    let head = text.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let number: i32 = text[head.len()..].parse().ok()?;
    let kind = head.trim_end_matches([' ', '-', '_', '#']).to_lowercase();
    nearest(&kind, ["broker", "controller", "client", "node"])?;
    Some(format!("node {number}"))
}

/// The contract's message holds the advice, too.
fn split_help(message: String) -> (String, String) {
    match message.split_once("; ") {
        Some((what, help)) => (what.to_owned(), help.to_owned()),
        None => (message, "write a partition such as `orders-0`, `orders-*` or `*`".to_owned()),
    }
}

/// Every fault must be over when the heal begins, or the heal would cut it short unseen.
fn check_end(section: &Section<'_>, latest_ms: i64, action: &FaultAction, reading: &Reading) {
    let last = latest_ms + lasts_ms_max(action, reading.brokers_max);
    let heal = reading.heal_at_ms_min;
    if last > heal {
        let message =
            format!("this fault may last until {last} ms, but the heal may begin at {heal} ms");
        section.problem(
            &section.place_of("at_ms"),
            message,
            "let it begin or end sooner, or raise `heal.at_ms`",
        );
    }
}

fn lasts_ms_max(action: &FaultAction, brokers_max: i64) -> i64 {
    match action {
        FaultAction::Crash { down_ms, .. }
        | FaultAction::PowerLoss { down_ms, .. }
        | FaultAction::Stop { down_ms, .. }
        | FaultAction::WipeDisk { down_ms, .. }
        | FaultAction::WholeClusterOutage { down_ms, .. }
        | FaultAction::FailDisk { down_ms, .. } => down_ms.greatest(),
        FaultAction::Pause { for_ms, .. }
        | FaultAction::Partition { for_ms, .. }
        | FaultAction::Delay { for_ms, .. }
        | FaultAction::DropResponses { for_ms, .. }
        | FaultAction::HoldRequests { for_ms, .. }
        | FaultAction::HoldMetadata { for_ms, .. }
        | FaultAction::StallMetadataPublishing { for_ms, .. }
        | FaultAction::StallConnections { for_ms, .. }
        | FaultAction::DuplicateResponses { for_ms, .. }
        | FaultAction::LimitBandwidth { for_ms, .. }
        | FaultAction::SlowDisk { for_ms, .. }
        | FaultAction::StallDisk { for_ms, .. }
        | FaultAction::FullDisk { for_ms, .. }
        | FaultAction::FailLogDirectory { for_ms, .. }
        | FaultAction::LyingSync { for_ms, .. } => for_ms.greatest(),
        FaultAction::RollingRestart { down_ms, gap_ms } => {
            brokers_max * (down_ms.greatest() + gap_ms.greatest())
        }
        FaultAction::Bounce { .. }
        | FaultAction::DeleteRecords { .. }
        | FaultAction::Reassign { .. }
        | FaultAction::CancelReassignment { .. }
        | FaultAction::AddPartitions { .. }
        | FaultAction::AlterConfig { .. }
        | FaultAction::ElectPreferred { .. }
        | FaultAction::DeleteTopic { .. }
        | FaultAction::CreateTopic { .. }
        | FaultAction::JoinBroker { .. }
        | FaultAction::DecommissionBroker { .. }
        | FaultAction::AddVoter { .. }
        | FaultAction::RemoveVoter { .. }
        | FaultAction::DeleteGroup { .. }
        | FaultAction::ResetOffsets { .. }
        | FaultAction::AbortHanging { .. }
        | FaultAction::ResetConnections { .. }
        | FaultAction::BitRot { .. }
        | FaultAction::StepClock { .. }
        | FaultAction::DriftClock { .. } => 0,
    }
}
