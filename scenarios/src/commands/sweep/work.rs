//! What a sweep runs: units of one seed of one scenario, in an order that shards share.

use harrow_reports::report::Report;

use crate::commands::reading::Prepared;
use crate::commands::seeds::{SeedRange, Shard};
use crate::pipeline::{self, COMMIT};

/// What is to be run: each unit of work is one seed of one scenario.
pub(super) struct Work {
    pub(super) prepared: Vec<Prepared>,
    pub(super) seeds: SeedRange,
    pub(super) shard: Shard,
}

impl Work {
    /// The n-th unit of this shard.
    pub(super) fn unit(&self, index: u64) -> Option<(usize, u64)> {
        let at =
            u128::from(index) * u128::from(self.shard.count) + u128::from(self.shard.index - 1);
        let scenarios = self.prepared.len() as u128;
        let seed = u128::from(self.seeds.first) + at / scenarios;
        let seed = u64::try_from(seed).ok().filter(|seed| *seed <= self.seeds.last)?;
        Some(((at % scenarios) as usize, seed))
    }

    /// Whether a seed of a scenario is a unit of this shard.
    pub(super) fn has(&self, scenario: usize, seed: u64) -> bool {
        if !(self.seeds.first..=self.seeds.last).contains(&seed) {
            return false;
        }
        let before = u128::from(seed - self.seeds.first) * self.prepared.len() as u128;
        let at = before + scenario as u128;
        at % u128::from(self.shard.count) == u128::from(self.shard.index - 1)
    }

    /// How many units there are.
    pub(super) fn count(&self) -> u64 {
        let seeds = u128::from(self.seeds.last - self.seeds.first) + 1;
        let all = seeds * self.prepared.len() as u128;
        let before = u128::from(self.shard.index - 1);
        let count = all.saturating_sub(before).div_ceil(u128::from(self.shard.count));
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Whether a report is that of the n-th unit of this shard; the error says what it should be.
    pub(super) fn check(&self, index: u64, report: &Report) -> Result<(), String> {
        let Some((scenario, seed)) = self.unit(index) else {
            return Err(format!("there are more than its {index} runs"));
        };
        let (is, due) = (&report.coordinate.replay, self.prepared[scenario].command(seed));
        if *is == due && report.coordinate.commit == COMMIT {
            Ok(())
        } else {
            let commit = &report.coordinate.commit;
            Err(format!("run {} is `{is}` of commit {commit}, and should be `{due}`", index + 1))
        }
    }

    /// Runs a unit and judges it; `whole` reports have the lives of their records.
    pub(super) fn run(&self, scenario: usize, seed: u64, whole: bool) -> Report {
        let prepared = &self.prepared[scenario];
        let (plan, replay) = (prepared.plan(seed), prepared.command(seed));
        let mut report = prepared.judged(&plan, &replay, false).report;
        if whole {
            pipeline::follow(&plan, &mut report);
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::reading::Changes;

    fn work(names: &[&str], seeds: (u64, u64), shard: (u64, u64)) -> Work {
        let read = |name: &&str| {
            Prepared::read(name, &Changes::default()).expect("it is in the catalogue")
        };
        Work {
            prepared: names.iter().map(read).collect(),
            seeds: SeedRange::new(seeds.0, seeds.1),
            shard: Shard { index: shard.0, count: shard.1 },
        }
    }

    fn units(work: &Work) -> Vec<(usize, u64)> {
        (0..).map_while(|index| work.unit(index)).collect()
    }

    #[test]
    fn each_seed_is_run_with_every_scenario() {
        let work = work(&["calm", "swarm"], (5, 6), (1, 1));
        assert_eq!(units(&work), [(0, 5), (1, 5), (0, 6), (1, 6)]);
        assert_eq!(work.count(), 4);
    }

    #[test]
    fn shards_share_the_work_without_rest() {
        let whole = units(&work(&["calm", "swarm", "slow-disk"], (1, 7), (1, 1)));
        let mut shared = Vec::new();
        for index in 1..=4 {
            let part = work(&["calm", "swarm", "slow-disk"], (1, 7), (index, 4));
            assert_eq!(part.count(), units(&part).len() as u64);
            let has = |unit: &&(usize, u64)| part.has(unit.0, unit.1);
            let own: Vec<(usize, u64)> = whole.iter().filter(has).copied().collect();
            assert_eq!(own, units(&part));
            assert!(!part.has(0, 0) && !part.has(0, 8), "outside of the seeds");
            shared.extend(units(&part));
        }
        shared.sort_by_key(|(scenario, seed)| (*seed, *scenario));
        assert_eq!(shared, whole);
    }

    #[test]
    fn the_last_seed_is_a_seed() {
        let work = work(&["calm"], (u64::MAX - 1, u64::MAX), (1, 1));
        assert_eq!(units(&work), [(0, u64::MAX - 1), (0, u64::MAX)]);
    }
}
