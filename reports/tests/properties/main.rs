//! Correct histories give no finding; one thing done wrong is named.

mod generator;
mod mutate;

use harrow_reports::check::{Anomaly, Options, check};
use harrow_sim::history::History;
use proptest::prelude::*;

fn choices() -> impl Strategy<Value = Vec<(u8, u8)>> {
    proptest::collection::vec(any::<(u8, u8)>(), 0..120)
}

fn anomalies(history: &History) -> Vec<Anomaly> {
    check(history, &Options::default()).iter().map(|occurrence| occurrence.anomaly).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_correct_history_gives_no_finding(choices in choices()) {
        let history = generator::history(&choices);
        let found = check(&history, &Options::default());
        let told: Vec<String> = found.iter().map(|o| o.summary(&history)).collect();
        prop_assert!(found.is_empty(), "{told:#?}");
    }

    #[test]
    fn one_thing_done_wrong_is_named(choices in choices(), kind in 0..mutate::ALL.len(), at in any::<usize>()) {
        let mut history = generator::history(&choices);
        let (anomaly, mutate) = mutate::ALL[kind];
        if mutate(&mut history, at).is_some() {
            let found = anomalies(&history);
            prop_assert!(found.contains(&anomaly), "{anomaly} is not among {found:?}");
        }
    }
}

#[test]
fn every_mutation_finds_a_place() {
    let choices: Vec<(u8, u8)> =
        (0..600_u32).map(|n| ((n * 7) as u8, (n * 13 / 3) as u8)).collect();
    for (anomaly, mutate) in mutate::ALL {
        let mut history = generator::history(&choices);
        assert!(mutate(&mut history, 5).is_some(), "{anomaly} has no place");
        assert!(anomalies(&history).contains(&anomaly), "{anomaly} is not found");
    }
}
