//! Which changes are tried, in which order: what makes a run slow first, so that all later tries are quick.

mod clients;
mod lists;
mod loads;
mod settings;
mod steps;
mod times;
mod topology;

pub(super) use clients::away;
use harrow_sim::plan::Plan;
use serde_json::Value;

use super::edit::Edit;
use super::failing_run::FailingRun;
use super::tree::tree;

/// A pass: the changes that it proposes for a plan that failed in a certain way.
pub(super) struct Pass {
    /// Shown as progress.
    pub(super) name: &'static str,
    propose: fn(&Value, &FailingRun) -> Vec<Edit>,
}

impl Pass {
    pub(super) fn edits(&self, plan: &Plan, failing_run: &FailingRun) -> Vec<Edit> {
        (self.propose)(&tree(plan), failing_run)
    }
}

/// All passes, in order.
pub(super) const PASSES: &[Pass] = &[
    Pass { name: "what comes after", propose: steps::after },
    Pass { name: "steps", propose: steps::fewer },
    Pass { name: "clients and clocks", propose: lists::fewer },
    Pass { name: "operations", propose: loads::fewer },
    Pass { name: "topics and partitions", propose: topology::fewer_places },
    Pass { name: "nodes", propose: topology::fewer_nodes },
    Pass { name: "settings", propose: settings::usual },
    Pass { name: "weaker faults", propose: steps::weaker },
    Pass { name: "targets", propose: steps::plain_targets },
    Pass { name: "client ids", propose: clients::usual_ids },
    Pass { name: "times", propose: times::shorter },
];
