//! What the active controller does from time to time. Source: Kafka's `PeriodicTaskControlManager`; the tasks
//! `electPreferred` and `electUnclean` of `QuorumController`. The fencing of brokers has its own times, those of
//! their sessions.
//!
//! Leaders that moved while brokers were down stay where they are when these are back: without `electPreferred` the
//! load of a cluster ends up on the brokers that were never restarted. It also means that leaders move while all is
//! well.

use std::time::Duration;

use crate::config::{ClusterConfig, ms};
use crate::controller::partitions::ELECTIONS_AT_ONCE;
use crate::node::Deadline;
use crate::types::Time;

/// A task that changed as much as it may goes on after this long.
const SOON: Duration = Duration::from_millis(10);

/// A periodic task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeriodicTask {
    /// Partitions are given back to their preferred leaders.
    ElectPreferred,
    /// Partitions without a leader get one from outside ISR and ELR, where that is allowed.
    ElectUnclean,
}

/// The tasks, and when each runs next.
#[derive(Debug)]
pub(super) struct PeriodicTasks {
    tasks: Vec<Scheduled>,
}

#[derive(Debug)]
struct Scheduled {
    task: PeriodicTask,
    period: Duration,
    at: Time,
}

impl PeriodicTasks {
    /// All that the configuration wants, a period after the controller became active.
    pub(super) fn new(config: &ClusterConfig, now: Time) -> Self {
        let of = |task, period_ms| {
            let period = ms(period_ms);
            Scheduled { task, period, at: now + period }
        };
        let preferred = config
            .auto_leader_rebalance
            .then(|| of(PeriodicTask::ElectPreferred, config.leader_imbalance_check_interval_ms));
        let unclean = of(PeriodicTask::ElectUnclean, config.unclean_election_interval_ms);
        Self { tasks: preferred.into_iter().chain([unclean]).collect() }
    }

    /// The task that is due, if one is.
    pub(super) fn due(&self, now: Time) -> Option<PeriodicTask> {
        let due = self.tasks.iter().filter(|scheduled| scheduled.at <= now);
        due.min_by_key(|scheduled| scheduled.at).map(|scheduled| scheduled.task)
    }

    /// A task ran, and changed so many partitions.
    pub(super) fn ran(&mut self, task: PeriodicTask, now: Time, changed: usize) {
        assert!(changed <= ELECTIONS_AT_ONCE, "{task:?} changed {changed} partitions");
        let scheduled = self.tasks.iter_mut().find(|scheduled| scheduled.task == task);
        let scheduled = scheduled.unwrap_or_else(|| panic!("{task:?} ran, and is not scheduled"));
        let pause = if changed == ELECTIONS_AT_ONCE { SOON } else { scheduled.period };
        scheduled.at = now + pause;
    }

    /// When the next task is due.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let at = self.tasks.iter().map(|scheduled| scheduled.at).min()?;
        Some(Deadline { at, why: "periodic task of the controller" })
    }
}
