//! In how many runs of a sweep each mark was reached that the scenario is about.
//!
//! One run may miss what it is about, by the seed's choice; what no run comes across, or fewer than the scenario's
//! share, was not tried, and a sweep that held says nothing of it.

use serde::Serialize;

use crate::format::{Chance, ExpectScenario};

/// Counts of one scenario.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    marks: Vec<Mark<'a>>,
    runs: u64,
    share: Option<Chance>,
}

/// In how many runs a mark was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Mark<'a> {
    mark: &'a str,
    runs: u64,
}

impl<'a> Reach<'a> {
    pub(super) fn of(expect: &'a ExpectScenario) -> Self {
        let marks = expect.reach.iter().map(|mark| Mark { mark, runs: 0 });
        Self { marks: marks.collect(), runs: 0, share: expect.reach_share }
    }

    /// Takes a run with the marks that it reached.
    pub(super) fn add(&mut self, reached: &[String]) {
        self.runs += 1;
        for mark in &mut self.marks {
            mark.runs += u64::from(reached.iter().any(|name| name == mark.mark));
        }
        assert!(
            self.marks.iter().all(|mark| mark.runs <= self.runs),
            "a mark reached in more than {} runs: {:?}",
            self.runs,
            self.marks
        );
    }

    pub(super) fn marks(&self) -> Vec<Mark<'a>> {
        self.marks.clone()
    }

    /// What was reached in no run or in too few, in words. Where nothing was run, that is said by others.
    pub(super) fn missing(&self) -> Vec<String> {
        let short = self.marks.iter().filter(|mark| self.runs > 0 && !self.is_enough(mark.runs));
        short.map(|mark| self.line(*mark)).collect()
    }

    /// What was reached in enough of the runs, and not in all, in words.
    pub(super) fn partly(&self) -> Vec<String> {
        let some = |mark: &&Mark<'_>| mark.runs < self.runs && self.is_enough(mark.runs);
        let line = |Mark { mark, runs }: &Mark<'_>| {
            format!("`{mark}` was reached in {runs} of {} runs", self.runs)
        };
        self.marks.iter().filter(some).map(line).collect()
    }

    fn is_enough(&self, reached: u64) -> bool {
        let share = self.share.is_none_or(|Chance { numerator, denominator }| {
            let (reached, runs) = (u128::from(reached), u128::from(self.runs));
            reached * u128::from(denominator) >= runs * u128::from(numerator)
        });
        reached > 0 && share
    }

    fn line(&self, Mark { mark, runs }: Mark<'_>) -> String {
        let all = self.runs;
        match self.share.filter(|_| runs > 0) {
            None => format!("`{mark}` was reached in none of {all} runs"),
            Some(Chance { numerator, denominator }) => format!(
                "`{mark}` was reached in {runs} of {all} runs, and `reach_share` asks for \
                 {numerator}/{denominator} of them"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(share: Option<&str>) -> ExpectScenario {
        let reach_share = share.map(|share| Chance::parse(share).expect("it is a share"));
        ExpectScenario { loss_allowed: false, reach: vec!["crash".to_owned()], reach_share }
    }

    #[test]
    fn a_mark_must_be_reached_in_one_run_or_in_the_share() {
        // Share, runs that reached it, all runs, what is said of it.
        let table = [
            (None, 1, 1, None),
            (None, 1, 100, None),
            (None, 0, 100, Some("in none of 100 runs")),
            (Some("1/2"), 2, 4, None),
            (Some("1/2"), 1, 4, Some("in 1 of 4 runs, and `reach_share` asks for 1/2")),
            (Some("1/2"), 0, 4, Some("in none of 4 runs")),
            (Some("1/1"), 4, 4, None),
            (Some("0/1"), 0, 4, Some("in none of 4 runs")),
            (Some("1/1"), 0, 0, None),
        ];
        for (share, reached, runs, said) in table {
            let expect = expect(share);
            let mut reach = Reach::of(&expect);
            for run in 0..runs {
                let mark = if run < reached { "crash" } else { "leader-elected" };
                reach.add(&[mark.to_owned()]);
            }
            let missing = reach.missing();
            let told = missing.first().map(String::as_str);
            assert_eq!(
                told.is_some(),
                said.is_some(),
                "{share:?} {reached} of {runs}: {missing:?}"
            );
            assert!(told.zip(said).is_none_or(|(told, said)| told.contains(said)), "{missing:?}");
        }
    }
}
