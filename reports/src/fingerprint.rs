//! What makes two failures the same one: a stable name for each finding.
//!
//! It is made of the broken guarantee, the root anomaly, the kind of node that it showed at, the rule's own words with
//! all that is particular to a run taken out, and, where a log lacks what it should have, those kinds of facts behind
//! it that no sound cluster states. Not of offsets, times, node numbers, names of topics or counts: so a run and its
//! smallest plan have the same fingerprint, and so have runs of one bug with different seeds, on any machine.
//!
//! What it leaves out: faults and ordinary facts that led there, of which a large plan has many that do not matter.
//! Two bugs that break the same rule in the same words share a fingerprint.

use serde::{Deserialize, Serialize};

/// The stable name of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Eight hexadecimal digits, from the text.
    pub id: String,
    /// What it stands for.
    pub text: String,
}

/// What a fingerprint is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits<'a> {
    pub(crate) guarantee: &'a str,
    pub(crate) anomaly: &'a str,
    /// Who saw it, or the kind of node at which it showed.
    pub(crate) role: &'a str,
    /// The rule's words, if they say more than the anomaly's name.
    pub(crate) words: Option<&'a str>,
    /// Facts that led there, one line each.
    pub(crate) evidence: &'a [String],
}

/// Anomalies whose words tell what a log lacks and not how it came to lack it: there, and only there, it matters.
const LACKING: [&str; 3] = ["leader-completeness", "isr-incomplete", "isr-member-behind"];

/// Facts that no sound cluster states unless it is told to, by the words in which evidence has them.
const TELLING: [(&str, &str); 2] = [
    ("to its own high watermark", "log truncated to the high watermark"),
    ("was elected uncleanly", "unclean election"),
];

impl Fingerprint {
    pub(crate) fn of(traits: Traits<'_>) -> Self {
        let Traits { guarantee, anomaly, role, words, evidence } = traits;
        let mut text = format!("{guarantee}/{anomaly} at {role}");
        if let Some(words) = words {
            text.push_str(": ");
            text.push_str(&shape(words));
        }
        let mentions = |phrase: &str| evidence.iter().any(|line| line.contains(phrase));
        for (phrase, kind) in TELLING {
            if LACKING.contains(&anomaly) && mentions(phrase) {
                text.push_str("; after: ");
                text.push_str(kind);
            }
        }
        Self { id: format!("{:08x}", hash(&text)), text }
    }
}

/// FNV-1a, folded to 32 bits: the same on every machine, and no other use asks more of it.
fn hash(text: &str) -> u32 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32) as u32 ^ (hash & 0xffff_ffff) as u32
}

/// A rule's words without the partition before them and with `#` for every number, and for lists of numbers.
fn shape(words: &str) -> String {
    let rest = match words.split_once(": ") {
        Some((place, rest)) if is_partition(place) => rest,
        Some(_) | None => words,
    };
    let mut shaped = String::new();
    let mut left = rest;
    while let Some(c) = left.chars().next() {
        let number = number_length(left);
        shaped.push(if number > 0 { '#' } else { c });
        let taken = if number > 0 { number } else { c.len_utf8() };
        left = &left[taken..];
    }
    for (long, short) in [("-#", "#"), ("#, #", "#"), ("# and #", "#"), ("[]", "[#]")] {
        while shaped.contains(long) {
            shaped = shaped.replace(long, short);
        }
    }
    shaped.replace("nodes #", "node #")
}

/// How many bytes of a text's beginning are a number: decimal, or hexadecimal, such as `0x1fbd`.
fn number_length(text: &str) -> usize {
    let length = |text: &str, is: fn(&u8) -> bool| text.bytes().take_while(is).count();
    match text.strip_prefix("0x").map(|digits| length(digits, u8::is_ascii_hexdigit)) {
        Some(digits) if digits > 0 => digits + 2,
        Some(_) | None => length(text, u8::is_ascii_digit),
    }
}

/// Whether this names a partition, such as `orders-0`.
fn is_partition(text: &str) -> bool {
    let index = text.rsplit_once('-').map(|(_, index)| index);
    let numbered = index.is_some_and(|index| !index.is_empty() && index.bytes().all(is_digit));
    numbered && !text.contains(' ')
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// The place of a panic without its line, and its message up to the first value.
pub(crate) fn panic_shape(message: &str) -> String {
    let (said, place) = message.rsplit_once(" at ").unwrap_or((message, ""));
    let file = place.split(':').next().unwrap_or_default();
    let file = file.rsplit_once("/src/").map_or(file, |(_, file)| file);
    let value = |c: char| c.is_ascii_digit() || "{[(\"`".contains(c);
    let said = said.split(value).next().unwrap_or_default().trim();
    let said = said.lines().next().unwrap_or_default();
    format!("{said} in {file}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str, evidence: &[&str]) -> Fingerprint {
        let evidence: Vec<String> = evidence.iter().map(|line| (*line).to_owned()).collect();
        Fingerprint::of(Traits {
            guarantee: "durability",
            anomaly: "leader-completeness",
            role: "broker",
            words: Some(words),
            evidence: &evidence,
        })
    }

    #[test]
    fn hexadecimal_numbers_are_numbers() {
        let words = "node 2 acknowledged checksum 0x1fbdf9a at offset 3";
        assert_eq!(shape(words), "node # acknowledged checksum # at offset #");
        assert_eq!(shape(words), shape("node 1 acknowledged checksum 0xdeadbeef at offset 30"));
        assert_eq!(shape("0x, 0xé and 12"), "#x, #xé and #");
    }

    #[test]
    fn what_is_particular_to_a_run_does_not_matter() {
        let one = of("orders-0: node 1 leads in epoch 4 with records up to 45 of 46", &[]);
        let table = [
            "payments.2-11: node 3 leads in epoch 0 with records up to 1045 of 2",
            "orders-0: node 1 leads in epoch -1 with records up to 0 of 0",
        ];
        for words in table {
            assert_eq!(of(words, &[]), one, "{words}");
        }
        let text = "durability/leader-completeness at broker: node # leads in epoch # with records \
                    up to # of #";
        assert_eq!((one.text.as_str(), one.id.len()), (text, 8));
    }

    #[test]
    fn lists_of_any_length_are_one() {
        let shapes = ["nodes 1, 2, 3 lead", "nodes 1 and 2 lead", "node 7 lead"].map(shape);
        assert_eq!(shapes, ["node # lead"; 3]);
        assert_eq!(shape("ISR [] is not [1, 2]"), "ISR [#] is not [#]");
        assert_eq!(shape("a rule: of 3 words"), "a rule: of # words", "that is no partition");
    }

    #[test]
    fn a_fact_that_no_sound_cluster_states_tells_failures_apart() {
        let sound = of("node 1 leads", &["1.0s node 2 went down and lost what was not synced"]);
        let cut = of(
            "node 1 leads",
            &["1.0s node 2 truncated its log from 9 to 7, to its own high watermark"],
        );
        assert_eq!(sound, of("node 1 leads", &[]), "ordinary facts do not matter");
        assert_ne!(cut.id, sound.id);
        assert!(cut.text.ends_with("; after: log truncated to the high watermark"), "{}", cut.text);
    }

    #[test]
    fn the_id_is_the_same_on_every_machine() {
        assert_eq!(format!("{:08x}", hash("durability/lost-write at clients")), "f5f86da2");
    }

    #[test]
    fn a_panic_is_its_file_and_the_words_before_its_first_value() {
        let message = "log end 7 is below 9 at /elsewhere/broker-model/src/log/mod.rs:10:5";
        assert_eq!(panic_shape(message), "log end in log/mod.rs");
        let moved = "log end 1 is below 2 at broker-model/src/log/mod.rs:99:1";
        assert_eq!(panic_shape(moved), panic_shape(message));
    }
}
