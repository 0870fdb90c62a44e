//! What was legally lost, duplicated or reordered in a sweep's runs: a sweep that held may still have lost records.

use std::collections::BTreeMap;

use harrow_reports::report::{LegalHarm, Report, add_holds};
use harrow_reports::verdict::Harm;
use serde::Serialize;

/// Counts of one scenario, by what became of records and why that is legal.
#[derive(Debug, Default)]
pub(super) struct Legal(BTreeMap<(Harm, String), LegalCount>);

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct LegalCount {
    harm: Harm,
    cause: String,
    /// So many records of all runs.
    records: u64,
    /// So many runs.
    runs: u64,
    /// The first of them.
    #[serde(with = "harrow_broker_model::wide")]
    seed: u64,
    /// What would make findings of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<String>,
}

impl Legal {
    pub(super) fn add(&mut self, report: &Report) {
        let seed = report.coordinate.seed;
        for LegalHarm { harm, cause, records, hold } in &report.legal {
            let none = || {
                let (harm, cause, hold) = (*harm, cause.clone(), hold.clone());
                LegalCount { harm, cause, records: 0, runs: 0, seed, hold }
            };
            let count = self.0.entry((*harm, cause.clone())).or_insert_with(none);
            add_holds(&mut count.hold, hold.as_deref());
            count.records += records;
            count.runs += 1;
        }
    }

    pub(super) fn rows(&self) -> Vec<&LegalCount> {
        self.0.values().collect()
    }

    /// How many records were lost, duplicated and reordered.
    pub(super) fn sums(&self) -> Vec<(Harm, u64)> {
        let harms = [Harm::Lost, Harm::Duplicated, Harm::Reordered];
        let sum = |harm: Harm| -> (Harm, u64) {
            let of_it = self.0.values().filter(|count| count.harm == harm);
            (harm, of_it.map(|count| count.records).sum())
        };
        harms.map(sum).into_iter().filter(|(_, records)| *records > 0).collect()
    }

    /// For people: how much, why, where to see it, and what would have forbidden it.
    pub(super) fn lines(&self, scenario: &str, runs: u64) -> Vec<String> {
        let line = |count: &LegalCount| {
            let LegalCount { harm, cause, records, runs: with, seed, hold } = count;
            let hold = hold.as_ref().map_or(String::new(), |hold| format!("; --hold {hold}"));
            format!(
                "legal {scenario}: {records} records {} in {with} of {runs} runs, first seed {seed} \
                 ({cause}{hold})",
                harm.participle()
            )
        };
        self.0.values().map(line).collect()
    }
}
