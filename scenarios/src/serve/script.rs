//! A scenario's faults: which are to come, which have fired, and what is still to be undone of them.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::types::NodeId;
use harrow_sim::live::LiveCluster;
use harrow_sim::plan::Step;
use serde::Serialize;

/// A scenario's faults, as they are to fire.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultScript {
    /// The faults, in order of time.
    pub steps: Vec<Step>,
    /// When all of them end, in milliseconds.
    pub heal_at_ms: u64,
    /// Whether they may take what the configuration does not promise to survive.
    pub loss_allowed: bool,
    /// All times and durations are so many percent of what the scenario says.
    pub time_percent: u32,
}

/// What has become of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultState {
    /// Its time has not come.
    Waiting,
    /// It has fired.
    Fired,
    /// It has fired, and lasts.
    Lasting,
    /// It is over.
    Over,
    /// It was held back.
    HeldBack,
    /// It was called off.
    CalledOff,
}

/// A fault, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScriptedFault {
    /// Its number in the plan.
    pub step: u32,
    /// What it is, as scenarios write it.
    pub fault: &'static str,
    /// When it fires or has fired, in milliseconds after all brokers served.
    pub at_ms: u64,
    /// What has become of it.
    pub state: FaultState,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Why it was held back, or less was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A scenario's faults on their way.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) wanted: FaultScript,
    /// When all brokers served.
    pub(super) began_ns: u64,
    /// By position in the plan.
    pub(super) faults: Vec<ScriptedFault>,
    /// Faults of which something is to be told.
    pub(super) news: Vec<usize>,
    /// Processes that are to end by themselves, and how long they are down then.
    pub(super) ending: BTreeMap<NodeId, u64>,
    /// Processes that faults have ended.
    pub(super) down: BTreeSet<NodeId>,
    /// Brokers that clients do not reach, by the fault's position.
    pub(super) cut_off: BTreeMap<usize, Vec<NodeId>>,
    /// Time between one's start and the next one's stop, of rolling restarts by position, with how long each is down.
    pub(super) rolling: BTreeMap<usize, (u64, u64)>,
}

impl Script {
    /// Nothing has fired yet.
    pub(super) fn new(wanted: FaultScript) -> Self {
        let scaled = |at_ms: u64| scaled_ms(at_ms, wanted.time_percent);
        let faults = wanted.steps.iter().map(|step| ScriptedFault {
            step: step.id,
            fault: LiveCluster::kind_of(step),
            at_ms: scaled(step.at_ms),
            state: FaultState::Waiting,
            summary: None,
            reason: None,
        });
        Self {
            faults: faults.collect(),
            wanted,
            began_ns: 0,
            news: Vec::new(),
            ending: BTreeMap::new(),
            down: BTreeSet::new(),
            cut_off: BTreeMap::new(),
            rolling: BTreeMap::new(),
        }
    }

    /// A duration of the scenario, in nanoseconds as it passes here.
    pub(super) fn scaled_ns(&self, ms: u64) -> u64 {
        scaled_ms(ms, self.wanted.time_percent).saturating_mul(1_000_000)
    }

    /// Whether clients do not reach a broker now.
    pub(super) fn cuts_off(&self, broker: NodeId) -> bool {
        self.cut_off.values().any(|brokers| brokers.contains(&broker))
    }

    /// How many faults have fired.
    pub(super) fn fired(&self) -> usize {
        let fired = |it: &&ScriptedFault| {
            matches!(it.state, FaultState::Fired | FaultState::Lasting | FaultState::Over)
        };
        self.faults.iter().filter(fired).count()
    }

    /// Those that wait, or last, are called off.
    pub(super) fn call_off(&mut self) {
        for fault in &mut self.faults {
            if fault.state == FaultState::Waiting {
                fault.state = FaultState::CalledOff;
            } else if fault.state == FaultState::Lasting {
                fault.state = FaultState::Over;
            }
        }
        self.ending.clear();
        self.down.clear();
        self.cut_off.clear();
        self.rolling.clear();
    }
}

fn scaled_ms(ms: u64, percent: u32) -> u64 {
    ms.saturating_mul(percent.into()) / 100
}
