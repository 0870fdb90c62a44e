//! After the heal: waits until goal after goal is met, lets a fresh producer send and a fresh consumer read everything,
//! and gives up on a goal that makes no progress in its time.

use harrow_broker_model::node::Node;

use super::progress::{Pending, Work};
use super::{CHECK_MS, Director, LOOK_MS, MS, Phase};
use crate::liveness::{GOALS, Goal};
use crate::plan::ClientPlan;
use crate::run::{End, UnmetGoal};
use crate::world::engine::{Boot, DirectorTimer};
use crate::world::load::Load;

/// With progress all the time, convergence may still not take longer than so many times the longest bound.
const BOUNDS_MAX: u64 = 20;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// Looks whether everything has converged, and whether time is up.
    pub(super) fn check(&mut self) -> Option<End> {
        if let Some(end) = self.check_overdue() {
            return Some(end);
        }
        if let Some(pending) = self.pending() {
            self.stranded_since = None;
            return self.wait(pending);
        }
        match self.phase {
            Phase::Faults => unreachable!("checks begin with the heal"),
            Phase::Converging => self.start_producing(),
            Phase::Producing => self.start_reading(),
            Phase::Reading => return self.at_rest(),
        }
        self.check_again();
        None
    }

    /// An answer that waits for what is there by now is overdue at any time: nothing else has to come for it. What is
    /// seen before the heal is looked at once more after a moment, as by any check.
    pub(super) fn look(&mut self) -> Option<End> {
        if self.phase != Phase::Faults {
            return None;
        }
        if let Some(end) = self.check_overdue() {
            return Some(end);
        }
        let after = if self.overdue.is_some() { CHECK_MS } else { LOOK_MS };
        self.engine.set_timer(self.engine.now() + after * MS, DirectorTimer::Look);
        None
    }

    fn check_again(&mut self) {
        self.engine.set_timer(self.engine.now() + CHECK_MS * MS, DirectorTimer::Check);
    }

    /// A request whose waiting is over and that nobody ends has lost its wake-up: one that is seen twice is not about
    /// to be ended.
    fn check_overdue(&mut self) -> Option<End> {
        let overdue = self.overdue_pending();
        let before = std::mem::replace(&mut self.overdue, overdue);
        let (before, now) = before.zip(self.overdue.clone())?;
        (before.what == now.what).then(|| self.give_up(now, self.engine.now() - CHECK_MS * MS))
    }

    fn wait(&mut self, pending: Pending) -> Option<End> {
        let now = self.engine.now();
        let work = Work {
            unresolved: self.loads.iter().map(|load| u64::from(load.unresolved())).sum(),
            processed: self.loads.iter().map(Load::done).sum(),
        };
        let since = self.progress.since(now, &pending, work);
        let furthest = self.progress.furthest();
        let bound = furthest.bound_ms(self.plan) * MS;
        if since == now {
            self.engine.count_repetitions();
        }
        if now - since > bound || now > self.last_ns() {
            return Some(self.give_up(self.furthest(furthest, pending), since));
        }
        self.prompt(pending.goal);
        self.check_again();
        None
    }

    /// A cluster that loses again and again what it had, such as its quorum's leader, is told by the furthest
    /// goal that it
    /// came to and waits for, with what it lacks at this moment: of that goal first, then of the one that was lost.
    fn furthest(&self, goal: Goal, pending: Pending) -> Pending {
        if goal == pending.goal {
            return pending;
        }
        let Some(furthest) = self.lacking(goal) else { return pending };
        let what = format!("{}; at this moment, {}", furthest.what, pending.what);
        Pending { what, ..furthest }
    }

    /// What is lost elsewhere excuses nothing: only what stands in the way of this goal counts.
    fn give_up(&self, pending: Pending, since_ns: u64) -> End {
        let livelock = self.engine.livelock(pending.goal).map(|livelock| format!("; {livelock}"));
        End::TimeLimit {
            goal: pending.goal,
            pending: pending.what + livelock.as_deref().unwrap_or_default(),
            since_ms: since_ns / MS,
            unrecoverable: self.unrecoverable(pending.goal),
        }
    }

    /// All goals are met, but for what no rule can bring back. That must last as long as a leader may take to come.
    fn at_rest(&mut self) -> Option<End> {
        let Some((pending, reason)) = self.stranded() else {
            return Some(End::Quiesced);
        };
        let now = self.engine.now();
        let since = *self.stranded_since.get_or_insert(now);
        if now - since <= pending.goal.bound_ms(self.plan) * MS {
            self.check_again();
            return None;
        }
        let (goal, pending) = (pending.goal, pending.what);
        let since_ms = since / MS;
        Some(End::TimeLimit { goal, pending, since_ms, unrecoverable: Some(reason) })
    }

    /// True time after which even a run that makes progress ends.
    fn last_ns(&self) -> u64 {
        let longest = self.plan.clients.iter().map(planned_ms).max().unwrap_or(0);
        let bounds = GOALS.iter().map(|entry| entry.goal.bound_ms(self.plan));
        let bound = bounds.max().expect("the table has goals");
        (self.plan.heal_at_ms + BOUNDS_MAX * bound).saturating_add(2 * longest).saturating_mul(MS)
    }

    /// Goals that are legally not met.
    pub(super) fn unmet(&self) -> Vec<UnmetGoal> {
        let goal = Goal::FreshProducer;
        let short = self.partitions().filter_map(|(name, partition)| {
            let view = self.host.view().partition(partition?)?;
            Some(UnmetGoal { goal, reason: self.short_of_replicas(&name, view)? })
        });
        if self.healed { short.collect() } else { Vec::new() }
    }
}

/// How long a client's load takes at least, at its slowest pace.
fn planned_ms(client: &ClientPlan) -> u64 {
    match client {
        ClientPlan::Producer { start_ms, operations, interval_us, .. } => {
            start_ms + u64::from(*operations) * interval_us.1 / 1_000 + lingering_ms(client)
        }
        ClientPlan::Consumer { start_ms, operations, interval_us, poll_timeout_ms, .. } => {
            let pause_ms = interval_us.1 / 1_000 + u64::from(*poll_timeout_ms);
            start_ms + u64::from(*operations) * pause_ms + lingering_ms(client)
        }
    }
}

/// How long its batches linger, one after the other. Who may have few sends open fills none, and its next sends wait
/// for those.
fn lingering_ms(client: &ClientPlan) -> u64 {
    match client {
        ClientPlan::Producer { config, operations, outstanding_max, transactions, .. } => {
            let records = transactions.map_or(1, |transactions| transactions.records.1);
            let sends = u64::from(*operations) * u64::from(records);
            sends.div_ceil(u64::from(*outstanding_max)) * config.linger_ms
        }
        ClientPlan::Consumer { operations, pipeline, .. } => {
            let linger_ms = pipeline.as_ref().map_or(0, |pipeline| pipeline.producer.linger_ms);
            u64::from(*operations) * linger_ms
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::*;

    #[test]
    fn a_load_takes_as_long_as_its_batches_linger() {
        let mut plan = plan(&[]);
        let ClientPlan::Producer { config, operations, interval_us, outstanding_max, .. } =
            &mut plan.clients[0]
        else {
            panic!("the first client sends");
        };
        (*operations, *interval_us, *outstanding_max) = (400, (1_000, 20_000), 1);
        config.linger_ms = 8_000;
        assert_eq!(planned_ms(&plan.clients[0]), 10 + 400 * (20 + 8_000));
        let ClientPlan::Producer { outstanding_max, .. } = &mut plan.clients[0] else {
            panic!("it still does");
        };
        *outstanding_max = 100;
        assert_eq!(planned_ms(&plan.clients[0]), 10 + 400 * 20 + 4 * 8_000);
        assert_eq!(planned_ms(&plan.clients[1]), 10 + 20 * (9 + 50), "it sends nothing");
    }
}
