//! A good file, damaged: reading it never panics, and it never passes for a history in which everything held unless it
//! still is one.
//!
//! Exactly: no cut passes, but for that of the last line feed; no line that is gone, there twice, or in another place
//! passes. A changed byte, or two files put together, may leave a history: then, and only then, may it pass, and what
//! it says must be true of the text itself, seen with other eyes: what was acknowledged was read where it was
//! acknowledged, and what was read was sent.

use std::collections::BTreeSet;

use harrow_reports::verdict::Outcome;
use proptest::prelude::*;
use serde_json::Value;

use super::{choices, outcome, toy, written};

/// Partition, offset, value.
type Place = (String, i64, u64);

/// Whether a text is a clean history, without any code of the judge.
fn is_clean(text: &str) -> Result<(), String> {
    let (mut acked, mut sent, mut read) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut ended = false;
    for line in text.lines().skip(1) {
        let line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        ended = line["end"]["final_reads"] == true;
        let (ok, fail) = (line["type"] == "ok", line["type"] == "fail");
        for micro in line["value"].as_array().into_iter().flatten() {
            if micro[0] == "send" && !fail {
                sent.insert((micro[1].to_string(), micro[2].as_u64()));
            }
            if micro[0] == "send" && ok {
                acked.insert(place(&micro[1], &micro[3], &micro[2]));
            }
            for (partition, records) in micro[1].as_object().into_iter().flatten() {
                let partition = Value::from(partition.as_str());
                let records = records.as_array().into_iter().flatten();
                read.extend(records.map(|pair| place(&partition, &pair[0], &pair[1])));
            }
        }
    }
    if !ended {
        return Err("no end line".to_owned());
    }
    if let Some(missing) = acked.iter().find(|place| place.1 >= 0 && !read.contains(*place)) {
        return Err(format!("{missing:?} was not read"));
    }
    let unsent = read.iter().find(|read| !sent.contains(&(read.0.clone(), Some(read.2))));
    unsent.map_or(Ok(()), |unsent| Err(format!("{unsent:?} was not sent")))
}

fn place(partition: &Value, offset: &Value, value: &Value) -> Place {
    (partition.to_string(), offset.as_i64().unwrap_or(-1), value.as_u64().unwrap_or(u64::MAX))
}

fn passes(text: &[u8]) -> bool {
    outcome(text) == Some(Outcome::Held)
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Longer histories, so that lines have lines to change places with.
fn good() -> impl Strategy<Value = String> {
    choices().prop_map(|choices| written(&toy::history(&choices, 5, 0)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_good_file_is_clean(text in good()) {
        prop_assert_eq!(is_clean(&text), Ok(()));
        let acknowledged = ["send", "txn"].map(|f| format!("\"type\":\"ok\",\"f\":\"{f}\""));
        let acknowledges = acknowledged.iter().any(|line| text.contains(line));
        prop_assert_eq!(passes(text.as_bytes()), acknowledges);
    }

    #[test]
    fn a_cut_file_does_not_pass(text in good(), at in any::<prop::sample::Index>()) {
        let cut = at.index(text.len() - 1);
        prop_assert!(!passes(&text.as_bytes()[..cut]));
    }

    #[test]
    fn a_file_that_lacks_a_line_does_not_pass(text in good(), at in any::<prop::sample::Index>()) {
        let mut lines = lines(&text);
        lines.remove(at.index(lines.len()));
        prop_assert!(!passes(lines.concat().as_bytes()));
    }

    #[test]
    fn a_file_with_a_line_twice_does_not_pass(
        text in good(),
        at in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
    ) {
        let mut lines = lines(&text);
        let twice = lines[at.index(lines.len())];
        lines.insert(to.index(lines.len() + 1), twice);
        prop_assert!(!passes(lines.concat().as_bytes()));
    }

    #[test]
    fn a_file_with_two_lines_in_each_others_place_does_not_pass(
        text in good(),
        one in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
    ) {
        let mut lines = lines(&text);
        let (one, other) = (one.index(lines.len()), other.index(lines.len()));
        prop_assume!(one != other);
        lines.swap(one, other);
        prop_assert!(!passes(lines.concat().as_bytes()));
    }

    #[test]
    fn a_changed_byte_passes_only_in_a_clean_history(
        text in good(),
        at in any::<prop::sample::Index>(),
        digit in prop::option::of(b'0'..=b'9'),
        byte in any::<u8>(),
    ) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = digit.unwrap_or(byte);
        if passes(&bytes) {
            let text = String::from_utf8(bytes).expect("what passes is text");
            prop_assert_eq!(is_clean(&text), Ok(()), "{}", text);
        }
    }

    #[test]
    fn half_a_character_in_place_of_the_last_line_feed_does_not_pass(text in good(), lead in 0xC2u8..=0xF4) {
        let mut bytes = text.into_bytes();
        *bytes.last_mut().expect("it has lines") = lead;
        prop_assert!(!passes(&bytes));
    }

    #[test]
    fn two_files_put_together_pass_only_as_a_clean_history(
        one in choices(),
        other in choices(),
        apart in any::<bool>(),
        at in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
        same in any::<bool>(),
    ) {
        let one = written(&toy::history(&one, 5, 0));
        let (first, processes) = if apart { (1_000, 100) } else { (5, 0) };
        let other = written(&toy::history(&other, first, processes));
        let (one, other) = (lines(&one), lines(&other));
        let at = at.index(one.len());
        let from = if same { at.min(other.len()) } else { from.index(other.len()) };
        let spliced = [one[..at].concat(), other[from..].concat()].concat();
        if passes(spliced.as_bytes()) {
            prop_assert_eq!(is_clean(&spliced), Ok(()), "{}", spliced);
        }
    }
}
