//! Files give back what was written; what is not a history is told by its line; damage never passes for a clean bill.

mod bad;
mod damage;
mod document;
mod toy;

use harrow_reports::check::Options;
use harrow_reports::history_file::{HistoryError, Recorded, read_history, write_history};
use harrow_reports::judge::judge_recorded;
use harrow_reports::policy::Terms;
use harrow_reports::verdict::{Outcome, Verdict};
use harrow_sim::history::History;
use proptest::prelude::*;

fn written(history: &History) -> String {
    let mut file = Vec::new();
    write_history(history, &mut file).expect("writing to memory does not fail");
    String::from_utf8(file).expect("JSON is text")
}

fn read(text: &[u8]) -> Result<Recorded, HistoryError> {
    read_history(text)
}

fn judged(recorded: &Recorded) -> Verdict {
    judge_recorded(recorded, &Terms::strict(), &Options::default())
}

/// The outcome that `harrow check` would have; none if the file cannot be read.
fn outcome(text: &[u8]) -> Option<Outcome> {
    read(text).ok().map(|recorded| judged(&recorded).outcome)
}

fn choices() -> impl Strategy<Value = Vec<(u8, u8)>> {
    proptest::collection::vec(any::<(u8, u8)>(), 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_gives_back_the_history(choices in choices()) {
        let history = toy::history(&choices, 5, 0);
        let text = written(&history);
        let back = read(text.as_bytes()).expect("it was written by us");
        prop_assert!(back.complete);
        prop_assert_eq!(back.lines, text.lines().count() as u64);
        prop_assert_eq!(written(&back.history), text);
        prop_assert_eq!(back.history, history);
    }

    #[test]
    fn a_file_with_texts_for_values_gives_back_their_names(choices in choices()) {
        let mut history = toy::history(&choices, 0, 0);
        let most = history.sends().iter().map(|send| send.value + 1).max().unwrap_or(0);
        history.value_names = (0..most).map(|value| format!("value \"{value}\" é")).collect();
        let text = written(&history);
        let back = read(text.as_bytes()).expect("it was written by us");
        prop_assert_eq!(written(&back.history), text);
        prop_assert_eq!(judged(&back), judged(&Recorded { history, ..back }));
    }
}

#[test]
fn reads_in_any_order_of_partitions_come_back_in_it() {
    let text = concat!(
        "{\"harrow_history\":2,\"partitions\":[\"x\",\"y\"]}\n",
        "{\"index\":0,\"time\":1,\"process\":1,\"type\":\"invoke\",\"f\":\"poll\",\"value\":[[\"poll\"]]}\n",
        "{\"index\":1,\"time\":2,\"process\":1,\"type\":\"ok\",\"f\":\"poll\",\"value\":[[\"poll\",",
        "{\"y\":[[0,1]],\"x\":[[0,2],[1,3]]}],[\"poll\",{\"y\":[[1,4]]}]],\"invoked\":0}\n",
        "{\"end\":{\"lines\":3,\"final_reads\":true}}\n",
    );
    let back = read(text.as_bytes()).expect("it is right");
    let partitions: Vec<u32> = back.history.reads().iter().map(|read| read.partition).collect();
    assert_eq!(partitions, [1, 0, 0, 1]);
    assert_eq!(written(&back.history), text);
}

#[test]
fn a_file_without_its_end_line_calls_nothing_lost_and_passes_for_nothing() {
    let text = written(&toy::history(&[(0, 0), (3, 1), (0, 1), (3, 1)], 5, 0));
    assert_eq!(outcome(text.as_bytes()), Some(Outcome::Held));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for kept in 1..lines.len() {
        let cut = lines[..kept].concat();
        let recorded = read(cut.as_bytes()).expect("whole lines are a history");
        let verdict = judged(&recorded);
        assert_eq!(verdict.outcome, Outcome::Inconclusive, "{:?}", verdict.findings);
        assert!(verdict.inconclusive[0].contains("end line"), "{:?}", verdict.inconclusive);
    }
}

#[test]
fn what_is_surely_wrong_is_told_without_an_end_line() {
    let text = written(&toy::history(&[(0, 0), (3, 1), (0, 1), (3, 1)], 5, 0));
    let wrong = text.replace("[\"poll\",{\"x-0\":[[0,6]]", "[\"poll\",{\"x-0\":[[0,7]]");
    assert_ne!(wrong, text);
    let (cut, _) = wrong.trim_end().rsplit_once('\n').expect("there are several lines");
    assert_eq!(outcome(cut.as_bytes()), Some(Outcome::Violated));
}
