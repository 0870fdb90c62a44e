//! Draws the steps.

use std::collections::BTreeMap;

use harrow_sim::plan::{Action, Cut, RequestKind, Step, Target, TopicPlan};

use super::cluster::is_copy_of;
use super::draws::Draws;
use crate::format::{
    Choice, CutScenario, FaultAction, FaultScenario, Numbers, ReplicaRole, Scenario, SwarmScenario,
    TargetPattern, Targets, When,
};

/// A fault table of this seed.
struct Table<'a> {
    fault: &'a FaultScenario,
    draws: Draws,
    count: u32,
}

/// Draws all steps, in order of time, numbered from 1.
pub(super) fn steps(scenario: &Scenario, topics: &[TopicPlan], draws: &Draws) -> Vec<Step> {
    let mut tables = tables(&scenario.faults, &draws.at("fault"));
    if let Some(swarm) = &scenario.swarm {
        choose(&mut tables, swarm, &draws.at("swarm"));
    }
    let mut times: Vec<Vec<u64>> = Vec::new();
    let mut steps = Vec::new();
    for table in &tables {
        let begins = table.begins(&times);
        steps
            .extend(begins.iter().zip(0..).map(|(at_ms, index)| table.step(index, *at_ms, topics)));
        times.push(begins);
    }
    steps.sort_by_key(|step: &Step| step.at_ms);
    for (step, id) in steps.iter_mut().zip(1..) {
        step.id = id;
    }
    steps
}

/// The tables with their streams: keyed by kind and by position among those of the kind, so that a table of another
/// kind may come and go.
fn tables<'a>(faults: &'a [FaultScenario], draws: &Draws) -> Vec<Table<'a>> {
    let mut seen: BTreeMap<&'static str, u32> = BTreeMap::new();
    let mut tables = Vec::new();
    for fault in faults {
        let kind = fault.action.kind();
        let nth = seen.entry(kind).or_default();
        let draws = draws.at(kind).at(*nth);
        *nth += 1;
        let on = draws.at("chance").happens(fault.chance);
        let count = if on { draws.at("count").small(&fault.count) } else { 0 };
        tables.push(Table { fault, draws, count });
    }
    tables
}

/// Switches off the tables that this seed does not have, and raises counts to the least number of steps. Tables that
/// follow another are not chosen: they come with it.
fn choose(tables: &mut [Table<'_>], swarm: &SwarmScenario, draws: &Draws) {
    let keep = draws.at("fault_tables").small(&swarm.fault_tables) as usize;
    let mut order: Vec<usize> = (0..tables.len()).filter(|at| tables[*at].leads()).collect();
    order.sort_by_cached_key(|at| tables[*at].draws.at("swarm").bits());
    let (on, off) = order.split_at(keep.min(order.len()));
    for at in off {
        tables[*at].count = 0;
    }
    let least = draws.at("steps_min").small(&swarm.steps_min);
    let total: u32 = on.iter().map(|at| tables[*at].count).sum();
    for at in on.iter().cycle().take(least.saturating_sub(total) as usize) {
        tables[*at].count += 1;
    }
}

impl Table<'_> {
    /// Whether its steps have times of their own.
    fn leads(&self) -> bool {
        matches!(self.fault.when, When::At(_))
    }

    /// When its steps begin, given those of the tables before it.
    fn begins(&self, times: &[Vec<u64>]) -> Vec<u64> {
        let draws = |index: usize| self.draws.at("step").at(index).at("at_ms");
        match &self.fault.when {
            When::At(at_ms) => {
                (0..self.count as usize).map(|index| draws(index).unsigned(at_ms)).collect()
            }
            When::After { .. } if self.count == 0 => Vec::new(),
            When::After { fault, delay_ms } => {
                let first = times[*fault].iter().enumerate();
                first.map(|(index, at_ms)| at_ms + draws(index).unsigned(delay_ms)).collect()
            }
        }
    }

    fn step(&self, index: u32, at_ms: u64, topics: &[TopicPlan]) -> Step {
        let draws = self.draws.at("step").at(index);
        let action = ActionDraws { draws: &draws, topics }.action(&self.fault.action);
        Step { id: 0, at_ms, action }
    }
}

/// One step being drawn.
struct ActionDraws<'a> {
    draws: &'a Draws,
    topics: &'a [TopicPlan],
}

impl ActionDraws<'_> {
    fn long(&self, name: &str, numbers: &Numbers) -> u64 {
        self.draws.at(name).unsigned(numbers)
    }

    fn down(&self, numbers: &Numbers) -> u64 {
        self.long("down_ms", numbers)
    }

    fn lasting(&self, numbers: &Numbers) -> u64 {
        self.long("for_ms", numbers)
    }

    fn api(&self, of: Option<&Choice<RequestKind>>) -> Option<RequestKind> {
        of.map(|api| *self.draws.at("api").pick(api))
    }

    fn target(&self, targets: &Targets) -> Target {
        self.target_as("target", targets)
    }

    fn target_as(&self, name: &str, targets: &Targets) -> Target {
        let draws = self.draws.at(name);
        match draws.pick(targets) {
            TargetPattern::Plain(target) => target.clone(),
            TargetPattern::Replica { role, topic } => self.replica(*role, topic.as_deref(), &draws),
        }
    }

    fn replica(&self, role: ReplicaRole, table: Option<&str>, draws: &Draws) -> Target {
        let wanted = |name: &str| table.is_none_or(|table| is_copy_of(name, table));
        let topics: Vec<&TopicPlan> =
            self.topics.iter().filter(|topic| wanted(&topic.name)).collect();
        let topic = draws.at("topic").one_of(&topics);
        let index = (draws.at("partition").bits() % u64::from(topic.partitions)) as u32;
        match role {
            ReplicaRole::Leader => Target::LeaderOf(topic.name.clone(), index),
            ReplicaRole::Follower => Target::FollowerOf(topic.name.clone(), index),
            ReplicaRole::IsrFollower => Target::IsrFollowerOf(topic.name.clone(), index),
        }
    }

    fn action(&self, action: &FaultAction) -> Action {
        match action {
            FaultAction::Crash { target, down_ms } => {
                Action::Crash { target: self.target(target), down_ms: self.down(down_ms) }
            }
            FaultAction::PowerLoss { target, down_ms } => {
                Action::PowerLoss { target: self.target(target), down_ms: self.down(down_ms) }
            }
            FaultAction::Bounce { target } => Action::Bounce { target: self.target(target) },
            FaultAction::Stop { target, down_ms } => {
                Action::Stop { target: self.target(target), down_ms: self.down(down_ms) }
            }
            FaultAction::Pause { target, for_ms } => {
                Action::Pause { target: self.target(target), for_ms: self.lasting(for_ms) }
            }
            FaultAction::WipeDisk { target, down_ms } => {
                Action::WipeDisk { target: self.target(target), down_ms: self.down(down_ms) }
            }
            FaultAction::WholeClusterOutage { power, down_ms } => Action::WholeClusterOutage {
                power: *self.draws.at("power").pick(power),
                down_ms: self.down(down_ms),
            },
            FaultAction::RollingRestart { down_ms, gap_ms } => Action::RollingRestart {
                down_ms: self.down(down_ms),
                gap_ms: self.long("gap_ms", gap_ms),
            },
            FaultAction::Partition { cut, for_ms } => {
                Action::Partition { cut: self.cut(cut), for_ms: self.lasting(for_ms) }
            }
            FaultAction::DeleteRecords { target, percent } => Action::DeleteRecords {
                target: self.target(target),
                percent: self.draws.at("percent").small(percent),
            },
            FaultAction::Reassign { .. }
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
            | FaultAction::AbortHanging { .. } => self.administration(action),
            FaultAction::ResetConnections { .. }
            | FaultAction::Delay { .. }
            | FaultAction::DropResponses { .. }
            | FaultAction::HoldRequests { .. }
            | FaultAction::HoldMetadata { .. }
            | FaultAction::StallMetadataPublishing { .. }
            | FaultAction::StallConnections { .. }
            | FaultAction::DuplicateResponses { .. }
            | FaultAction::LimitBandwidth { .. } => self.link_action(action),
            FaultAction::SlowDisk { .. }
            | FaultAction::StallDisk { .. }
            | FaultAction::FailDisk { .. }
            | FaultAction::FailLogDirectory { .. }
            | FaultAction::FullDisk { .. }
            | FaultAction::LyingSync { .. }
            | FaultAction::BitRot { .. } => self.disk_action(action),
            FaultAction::StepClock { .. } | FaultAction::DriftClock { .. } => {
                self.clock_action(action)
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller passes faults of clocks alone")]
    fn clock_action(&self, action: &FaultAction) -> Action {
        match action {
            FaultAction::StepClock { target, by_ms } => Action::StepClock {
                target: self.target(target),
                by_ms: self.draws.at("by_ms").number(by_ms),
            },
            FaultAction::DriftClock { target, ppm } => Action::DriftClock {
                target: self.target(target),
                ppm: self.draws.at("ppm").number(ppm) as i32,
            },
            other => panic!("{} is no fault of a clock", other.kind()),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes what administrators do alone"
    )]
    fn administration(&self, action: &FaultAction) -> Action {
        match action {
            FaultAction::Reassign { target, replicas, throttled } => Action::Reassign {
                target: self.target(target),
                replicas: self.draws.at("replicas").small(replicas),
                throttled: *self.draws.at("throttled").pick(throttled),
            },
            FaultAction::CancelReassignment { target } => {
                Action::CancelReassignment { target: self.target(target) }
            }
            FaultAction::AddPartitions { target } => {
                Action::AddPartitions { target: self.target(target) }
            }
            FaultAction::AlterConfig { target, setting, value } => Action::AlterConfig {
                target: self.target(target),
                setting: *self.draws.at("setting").pick(setting),
                value: self.long("value", value),
            },
            FaultAction::ElectPreferred { target } => {
                Action::ElectPreferred { target: self.target(target) }
            }
            FaultAction::DeleteTopic { target } => {
                Action::DeleteTopic { target: self.target(target) }
            }
            FaultAction::CreateTopic { target } => {
                Action::CreateTopic { target: self.target(target) }
            }
            FaultAction::JoinBroker { target } => {
                Action::JoinBroker { target: self.target(target) }
            }
            FaultAction::DecommissionBroker { target } => {
                Action::DecommissionBroker { target: self.target(target) }
            }
            FaultAction::AddVoter { target } => Action::AddVoter { target: self.target(target) },
            FaultAction::RemoveVoter { target } => {
                Action::RemoveVoter { target: self.target(target) }
            }
            FaultAction::DeleteGroup { target } => {
                Action::DeleteGroup { target: self.target(target) }
            }
            FaultAction::ResetOffsets { target, percent } => Action::ResetOffsets {
                target: self.target(target),
                percent: self.draws.at("percent").small(percent),
            },
            FaultAction::AbortHanging { target, idle_ms } => Action::AbortHanging {
                target: self.target(target),
                idle_ms: self.long("idle_ms", idle_ms),
            },
            other => panic!("{} is nothing that an administrator does", other.kind()),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes the faults of links alone"
    )]
    fn link_action(&self, action: &FaultAction) -> Action {
        match action {
            FaultAction::ResetConnections { target } => {
                Action::ResetConnections { target: self.target(target) }
            }
            FaultAction::Delay { target, extra_us, for_ms } => Action::Delay {
                target: self.target(target),
                extra_us: self.draws.at("extra_us").unsigned_range(extra_us),
                for_ms: self.lasting(for_ms),
            },
            FaultAction::DropResponses { target, api, one_in, for_ms } => Action::DropResponses {
                target: self.target(target),
                api: self.api(api.as_ref()),
                one_in: self.draws.at("one_in").small(one_in),
                for_ms: self.lasting(for_ms),
            },
            FaultAction::HoldRequests { target, api, for_ms } => Action::HoldRequests {
                target: self.target(target),
                api: self.api(api.as_ref()),
                for_ms: self.lasting(for_ms),
            },
            FaultAction::HoldMetadata { target, for_ms } => {
                Action::HoldMetadata { target: self.target(target), for_ms: self.lasting(for_ms) }
            }
            FaultAction::StallMetadataPublishing { target, for_ms } => {
                Action::StallMetadataPublishing {
                    target: self.target(target),
                    for_ms: self.lasting(for_ms),
                }
            }
            FaultAction::StallConnections { target, for_ms } => Action::StallConnections {
                target: self.target(target),
                for_ms: self.lasting(for_ms),
            },
            FaultAction::DuplicateResponses { target, one_in, for_ms } => {
                Action::DuplicateResponses {
                    target: self.target(target),
                    one_in: self.draws.at("one_in").small(one_in),
                    for_ms: self.lasting(for_ms),
                }
            }
            FaultAction::LimitBandwidth { target, bytes_per_second, for_ms } => {
                Action::LimitBandwidth {
                    target: self.target(target),
                    bytes_per_second: self.long("bytes_per_second", bytes_per_second),
                    for_ms: self.lasting(for_ms),
                }
            }
            other => panic!("{} is no fault of links", other.kind()),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes the faults of disks alone"
    )]
    fn disk_action(&self, action: &FaultAction) -> Action {
        match action {
            FaultAction::SlowDisk { target, extra_us, for_ms } => Action::SlowDisk {
                target: self.target(target),
                extra_us: self.draws.at("extra_us").unsigned_range(extra_us),
                for_ms: self.lasting(for_ms),
            },
            FaultAction::StallDisk { target, for_ms } => {
                Action::StallDisk { target: self.target(target), for_ms: self.lasting(for_ms) }
            }
            FaultAction::FailDisk { target, down_ms } => {
                Action::FailDisk { target: self.target(target), down_ms: self.down(down_ms) }
            }
            FaultAction::FailLogDirectory { target, directory, replaced, for_ms } => {
                Action::FailLogDirectory {
                    target: self.target(target),
                    directory: self.draws.at("directory").small(directory) as u8,
                    replaced: *self.draws.at("replaced").pick(replaced),
                    for_ms: self.lasting(for_ms),
                }
            }
            FaultAction::FullDisk { target, for_ms } => {
                Action::FullDisk { target: self.target(target), for_ms: self.lasting(for_ms) }
            }
            FaultAction::LyingSync { target, for_ms } => {
                Action::LyingSync { target: self.target(target), for_ms: self.lasting(for_ms) }
            }
            FaultAction::BitRot { target } => Action::BitRot { target: self.target(target) },
            other => panic!("{} is no fault of disks", other.kind()),
        }
    }

    fn cut(&self, cut: &CutScenario) -> Cut {
        match cut {
            CutScenario::Isolate(target) => Cut::Isolate { target: self.target(target) },
            CutScenario::OneWay { from, to } => {
                Cut::OneWay { from: self.target_as("from", from), to: self.target_as("to", to) }
            }
            CutScenario::Between { a, b } => {
                Cut::Between { a: self.target_as("a", a), b: self.target_as("b", b) }
            }
            CutScenario::FromControllers(target) => {
                Cut::FromControllers { target: self.target(target) }
            }
            CutScenario::FromClients(target) => Cut::FromClients { target: self.target(target) },
            CutScenario::FromBrokers(target) => Cut::FromBrokers { target: self.target(target) },
            CutScenario::Halves => Cut::Halves,
            CutScenario::Bridge => Cut::Bridge,
            CutScenario::Ring => Cut::Ring,
        }
    }
}
