//! Correct histories give no finding; one thing done wrong is named; files give back what was written; hostile files
//! give errors.

mod stream;
mod toy;

use std::collections::BTreeSet;

use harrow_reports::check::{Anomaly, Options, check};
use harrow_reports::history_file::{read_history, write_history};
use harrow_reports::policy::excuse;
use harrow_sim::history::{History, MicroOperation, NO_KEY, OperationRecord};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The same cases in every run, unless `PROPTEST_RNG_SEED` asks for others.
fn cases(cases: u32) -> ProptestConfig {
    let mut config =
        ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    config
}

fn choices() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(any::<u32>(), 0..200)
}

fn anomalies(history: &History, options: &Options) -> BTreeSet<Anomaly> {
    check(history, options).iter().map(|occurrence| occurrence.anomaly).collect()
}

fn written(history: &History) -> Vec<u8> {
    let mut file = Vec::new();
    write_history(history, &mut file).expect("writing to memory does not fail");
    file
}

fn text(history: &History) -> String {
    String::from_utf8(written(history)).expect("it is text")
}

/// Keys are numbered as they come, so a file gives back which are equal but not their numbers.
fn without_keys(history: &History) -> History {
    let mut operations = history.operations();
    for action in operations.iter_mut().flat_map(|operation| &mut operation.actions) {
        if let MicroOperation::Send(send) = action {
            send.key = NO_KEY;
        }
    }
    let partitions = history.partitions.clone();
    let mut keyless = History::of(partitions, history.final_reads, &operations);
    keyless.groups.clone_from(&history.groups);
    keyless
}

/// What transactions do to each other's writes is legal under all terms, and reported all the same.
fn always_legal(anomaly: Anomaly) -> bool {
    matches!(
        anomaly,
        Anomaly::IntSendSkip
            | Anomaly::G0
            | Anomaly::G0Process
            | Anomaly::G0Realtime
            | Anomaly::G1cWw
            | Anomaly::G1cWwProcess
            | Anomaly::G1cWwRealtime
    )
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn a_correct_history_gives_no_finding(choices in choices()) {
        let good = toy::play(&choices);
        let history = good.history();
        let found = check(&history, &good.options);
        let committed_only = good.terms.isolation == harrow_reports::policy::Isolation::ReadCommitted;
        let wrong = found.iter().filter(|o| {
            let legal = excuse(&good.terms, &history, o).is_some();
            !legal || committed_only && !always_legal(o.anomaly)
        });
        let told: Vec<_> = wrong.map(|o| (o.anomaly, o.summary(&history), o.evidence(&history))).collect();
        prop_assert!(told.is_empty(), "{told:#?} in {:#?}", Listing(&good.operations));
    }
}

/// Operations, one a line.
struct Listing<'a>(&'a [OperationRecord]);

impl std::fmt::Debug for Listing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, o) in self.0.iter().enumerate() {
            writeln!(
                f,
                "{n}: p{} [{}..{}] {:?} {:?} {:?}",
                o.process, o.invoked_ns, o.completed_ns, o.completion, o.function, o.actions
            )?;
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn a_stream_tells_what_the_whole_history_tells(choices in choices()) {
        let good = toy::play(&choices);
        let disagreement = stream::disagreement(&good.history());
        prop_assert!(disagreement.is_none(), "{disagreement:?}");
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_file_gives_back_the_history(choices in choices()) {
        let good = toy::play(&choices);
        let history = good.history();
        let back = read_history(&written(&history)[..]).expect("it was written by us").history;
        prop_assert_eq!(anomalies(&back, &good.options), anomalies(&history, &good.options));
        // Whoever has read nothing has not read everything.
        if !history.reads().is_empty() {
            prop_assert_eq!(text(&without_keys(&back)), text(&without_keys(&history)));
        }
        let again = read_history(&written(&back)[..]).expect("it was written by us").history;
        prop_assert_eq!(text(&again), text(&back));
    }

    #[test]
    fn a_damaged_file_is_an_error_or_a_history(
        choices in choices(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let good = toy::play(&choices);
        let mut file = written(&good.history());
        let position = at.index(file.len());
        file[position] = byte;
        if let Ok(recorded) = read_history(&file[..]) {
            let history = recorded.history;
            for occurrence in check(&history, &good.options) {
                prop_assert_ne!(occurrence.summary(&history), "");
                prop_assert!(!occurrence.evidence(&history).is_empty());
            }
        }
    }
}
