//! Correct histories give no finding; one thing done wrong is named; files give back what was written; hostile files
//! give errors.

mod generator;
mod mutate;

use harrow_reports::check::{Anomaly, Options, check};
use harrow_reports::history_file::{read_history, write_history};
use harrow_sim::history::History;
use proptest::prelude::*;

fn choices() -> impl Strategy<Value = Vec<(u8, u8)>> {
    proptest::collection::vec(any::<(u8, u8)>(), 0..120)
}

fn anomalies(history: &History) -> Vec<Anomaly> {
    check(history, &Options::default()).iter().map(|occurrence| occurrence.anomaly).collect()
}

fn written(history: &History) -> Vec<u8> {
    let mut file = Vec::new();
    write_history(history, &mut file).expect("writing to memory does not fail");
    file
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

    #[test]
    fn a_file_gives_back_the_history(choices in choices()) {
        let history = generator::history(&choices);
        let back = read_history(&written(&history)[..]).expect("it was written by us");
        prop_assert_eq!(&anomalies(&back), &anomalies(&history));
        prop_assert_eq!(written(&back), written(&history));
        prop_assert_eq!(back.operations.len(), history.operations.len());
    }

    #[test]
    fn a_damaged_file_is_an_error_or_a_history(
        choices in choices(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut file = written(&generator::history(&choices));
        let position = at.index(file.len());
        file[position] = byte;
        if let Ok(history) = read_history(&file[..]) {
            for occurrence in check(&history, &Options::default()) {
                prop_assert_ne!(occurrence.summary(&history), "");
                prop_assert!(!occurrence.evidence(&history).is_empty());
            }
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
