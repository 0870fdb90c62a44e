//! `harrow compare`.

mod sides;
mod table;

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use clap::Args;
use harrow_broker_model::defect::{Defect, Version};

use super::console::{Console, Failure, Note, mistake};
use super::hold::HeldTo;
use super::interrupt::on_interrupt;
use super::reading::{Changes, Prepared, defect, version};
use super::seeds::{self, SeedRange};
use crate::exit::ExitCode;
use crate::pool;
use sides::{Pair, Sides};
use table::Table;

/// Run the same seeds under two versions, or with and without a change, and tell what it mends and what it breaks.
///
/// One value of --kafka or --set stands against the scenario as it is, two stand against each other; --defect is on in
/// the second side alone. Kinds of failure are told apart by fingerprint; for the first seed of each kind that only one
/// side has, the entries of the catalogue that it takes are named, and the facts at which the two runs part. What is
/// legally lost, duplicated or reordered is counted for each side; --hold makes findings of it, on both. Exit codes: 0
/// neither side was violated, 1 one was, 3 neither was, but some runs were inconclusive, 130 Ctrl-C ended it before a
/// side was.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  harrow compare power-loss --kafka 3.9 4.1 --seeds 1..300\n  \
    harrow compare cut-and-struck --kafka 4.1\n  \
    harrow compare my.toml --set topic.orders.min.insync.replicas=1 topic.orders.min.insync.replicas=2\n  \
    harrow compare quick-failover --defect truncate-to-hw",
    override_usage = "harrow compare <SCENARIO> [OPTIONS]"
)]
pub(super) struct Compare {
    /// A name from `harrow list`, or a path to a .toml file.
    scenario: String,
    /// One version against the scenario as promised, or one against another.
    #[arg(long, value_name = "VERSION", num_args = 1.., value_parser = version, allow_negative_numbers = true)]
    kafka: Vec<Version>,
    /// One change against the scenario as it is, or one against another.
    #[arg(long = "set", value_name = "PATH=VALUE", num_args = 1..)]
    set: Vec<String>,
    /// Switch a known bug on in the second side; repeatable.
    #[arg(long = "defect", value_name = "NAME", value_parser = defect)]
    defects: Vec<Defect>,
    /// Seeds A..B, both ends included.
    #[arg(long, value_name = "A..B", default_value = "1..100", value_parser = SeedRange::parse,
        allow_hyphen_values = true)]
    seeds: SeedRange,
    #[command(flatten)]
    held_to: HeldTo,
    /// Worker threads; as many as there are cores if not given.
    #[arg(long, value_name = "N", value_parser = seeds::threads, allow_hyphen_values = true)]
    jobs: Option<u16>,
}

impl Compare {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let sides = self.sides()?;
        self.seeds.announce(console)?;
        let interrupted = on_interrupt()?;
        let mut table = Table::default();
        let count = (self.seeds.last - self.seeds.first).saturating_add(1);
        let more = || !interrupted.load(Ordering::Relaxed);
        let options = pool::Options { jobs: seeds::jobs(self.jobs), more: &more };
        pool::ordered(
            options,
            |index| (index < count).then(|| Pair::of(&sides, self.seeds.first + index)),
            |pair| {
                table.add(&pair);
                ControlFlow::Continue(())
            },
        );
        let cut = table.pairs() < count;
        let explained = cut || table.explain(&sides, options);
        let code = table.tell(console, &self.scenario, &sides, cut)?;
        if !explained {
            let help = "let it go on, or name fewer seeds";
            console
                .note(&Note(mistake("interrupted: not every kind of failure is explained", help)));
        }
        Ok(code)
    }

    fn sides(&self) -> Result<Sides, Failure> {
        if self.kafka.is_empty() && self.set.is_empty() && self.defects.is_empty() {
            let help = "add `--kafka 3.9 4.1`, `--set PATH=VALUE` or `--defect NAME`";
            return Err(mistake("there is nothing to compare", help).into());
        }
        for (option, given) in [("--kafka", self.kafka.len()), ("--set", self.set.len())] {
            if given > 2 {
                let message = format!("`{option}` has {given} values, and there are two sides");
                let help = "give one or two; what both sides are to have goes into a scenario file of your own";
                return Err(mistake(message, help).into());
            }
        }
        let (kafkas, sets) = (self.kafka.as_slice(), self.set.as_slice());
        let alike = (kafkas.is_empty() || matches!(kafkas, [one, other] if one == other))
            && (sets.is_empty() || matches!(sets, [one, other] if one == other));
        if alike && self.defects.is_empty() {
            let help = "give each side another version or value";
            return Err(mistake("the two sides are the same", help).into());
        }
        let kafka = spread(&self.kafka);
        let set = spread(&self.set);
        let side = |index: usize| {
            let defects = if index == 1 { self.defects.clone() } else { Vec::new() };
            let set: Vec<String> = set[index].clone().into_iter().collect();
            let name = name(kafka[index], set.first().map(String::as_str), &defects);
            let changes = Changes::new(defects, kafka[index], set);
            let prepared = Prepared::read(&self.scenario, &changes)?.held_to(&self.held_to);
            Ok::<_, Failure>((name, prepared))
        };
        Ok(Sides([side(0)?, side(1)?]))
    }
}

/// One value belongs to the second side, two to one each.
fn spread<T: Clone>(values: &[T]) -> [Option<T>; 2] {
    match values {
        [one, other, ..] => [Some(one.clone()), Some(other.clone())],
        [one] => [None, Some(one.clone())],
        [] => [None, None],
    }
}

/// What a side is called.
fn name(kafka: Option<Version>, set: Option<&str>, defects: &[Defect]) -> String {
    let mut words =
        vec![kafka.map_or_else(|| "as promised".to_owned(), |it| format!("as {it} is"))];
    words.extend(set.map(str::to_owned));
    words.extend(defects.iter().map(|defect| format!("with {defect}")));
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_stands_against_none_and_two_against_each_other() {
        assert_eq!(spread(&[1]), [None, Some(1)]);
        assert_eq!(spread(&[1, 2]), [Some(1), Some(2)]);
        assert_eq!(spread::<i32>(&[]), [None, None]);
    }

    #[test]
    fn sides_are_called_by_what_they_have() {
        let old = Version::new(3, 9, 0);
        assert_eq!(name(None, None, &[]), "as promised");
        assert_eq!(
            name(Some(old), Some("heal.at_ms=1"), &[]),
            format!("as {old} is, heal.at_ms=1")
        );
    }
}
