//! Correct histories give no finding; one thing done wrong is named; files give back what was written; hostile files
//! give errors.

mod linear;
mod mutate;
mod nonsense;
mod stream;
mod toy;

use std::collections::BTreeSet;

use harrow_reports::check::{Anomaly, Occurrence, Options, check};
use harrow_reports::history_file::{read_history, write_history};
use harrow_reports::policy::{Isolation, Terms, excuse};
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

/// Whether the policy has a verdict on it, under weak terms and under strict ones.
fn is_decided(occurrence: &Occurrence, history: &History) -> bool {
    let weak = Terms { isolation: Isolation::ReadUncommitted, subscribes: true, ..Terms::strict() };
    let strict = excuse(&Terms::strict(), history, occurrence);
    // Weaker terms never excuse less.
    // But an end that is told to readers of uncommitted records waits for no transaction.
    let of_ends = occurrence.anomaly == Anomaly::StaleEndOffset;
    strict.is_none() || of_ends || excuse(&weak, history, occurrence).is_some()
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
        // Now and then, everyone reads what is not committed, and may.
        let uncommitted = choices.first().is_some_and(|first| first % 5 == 4);
        let isolation =
            if uncommitted { Isolation::ReadUncommitted } else { Isolation::ReadCommitted };
        let good = toy::play(&choices, isolation);
        let history = good.history();
        let found = check(&history, &good.options);
        let wrong = found.iter().filter(|o| {
            let legal = excuse(&good.terms, &history, o).is_some();
            // An end may wait for a transaction, behind what others were told.
            let waits = o.anomaly == Anomaly::StaleEndOffset;
            !legal || !uncommitted && !always_legal(o.anomaly) && !waits
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
    #![proptest_config(cases(4_000))]

    #[test]
    fn what_weak_terms_permit_is_excused(choices in choices()) {
        let good = toy::weak::play(&choices);
        let history = good.history();
        let found = check(&history, &good.options);
        let wrong = found.iter().filter(|o| excuse(&good.terms, &history, o).is_none());
        let told: Vec<_> = wrong.map(|o| (o.anomaly, o.summary(&history), o.evidence(&history))).collect();
        prop_assert!(told.is_empty(), "{told:#?} in {:#?}", Listing(&good.operations));
    }
}

#[test]
fn weak_terms_permit_much() {
    let mut pick = mutate::Pick(0);
    let choices: Vec<u32> = (0..3_000).map(|_| pick.number() as u32).collect();
    let good = toy::weak::play(&choices);
    let told = anomalies(&good.history(), &good.options);
    for permitted in PERMITTED {
        assert!(told.contains(&permitted), "{permitted} is not among {told:?}");
    }
}

/// What a cluster that promises less does show.
const PERMITTED: [Anomaly; 7] = [
    Anomaly::LostWrite,
    Anomaly::Unseen,
    Anomaly::Duplicate,
    Anomaly::InconsistentOffsets,
    Anomaly::NonmonotonicSend,
    Anomaly::RealtimeOrder,
    Anomaly::IntNonmonotonicPoll,
];

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn a_stream_tells_what_the_whole_history_tells(choices in choices()) {
        let good = toy::play(&choices, Isolation::ReadCommitted);
        prop_assert_eq!(stream::disagreement(&good.history(), &good.options), None);
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_file_gives_back_the_history(choices in choices()) {
        let good = toy::play(&choices, Isolation::ReadCommitted);
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
        let good = toy::play(&choices, Isolation::ReadCommitted);
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

/// How often a mutation was tried, and how often it was named.
#[derive(Debug, Default, Clone)]
struct Score {
    tried: u32,
    named: u32,
    /// What was told instead, of one that was not named.
    missed: Option<String>,
}

#[test]
fn one_thing_done_wrong_is_named() {
    const HISTORIES: u64 = 1_200;
    let mut scores = vec![Score::default(); mutate::ALL.len()];
    for seed in 0..HISTORIES {
        let mut pick = mutate::Pick(seed);
        let length = 60 + seed as usize % 300;
        let choices: Vec<u32> = (0..length).map(|_| pick.number() as u32).collect();
        let good = toy::play(&choices, Isolation::ReadCommitted);
        let facts = mutate::Facts::of(&good);
        for (mutation, score) in mutate::ALL.iter().zip(&mut scores) {
            let mut bad = good.clone();
            if (mutation.apply)(&mut bad, &facts, &mut pick).is_some() {
                score.take(mutation, &bad);
                if seed % 20 == 0 {
                    let disagreement = stream::disagreement(&bad.history(), &bad.options);
                    assert_eq!(
                        disagreement,
                        None,
                        "{} in {:?}",
                        mutation.name,
                        Listing(&bad.operations)
                    );
                }
            }
        }
    }
    for (mutation, score) in mutate::ALL.iter().zip(&scores) {
        eprintln!("{:>35} {:>5} tried {:>5} named", mutation.name, score.tried, score.named);
    }
    for (mutation, Score { tried, named, missed }) in mutate::ALL.iter().zip(&scores) {
        assert!(*tried >= 50, "`{}` finds a place in {tried} histories only", mutation.name);
        assert_eq!(
            tried,
            named,
            "`{}` was missed: {}",
            mutation.name,
            missed.as_deref().unwrap_or("")
        );
    }
}

impl Score {
    fn take(&mut self, mutation: &mutate::Mutation, bad: &toy::Good) {
        let history = bad.history();
        let found = check(&history, &bad.options);
        let illegal = found.iter().filter(|o| excuse(&bad.terms, &history, o).is_none());
        let told: BTreeSet<Anomaly> = illegal.map(|occurrence| occurrence.anomaly).collect();
        self.tried += 1;
        if mutation.named.iter().any(|anomaly| told.contains(anomaly)) {
            self.named += 1;
        } else {
            self.missed = Some(format!("{told:?} in {:?}", Listing(&bad.operations)));
        }
    }
}
