//! What makes two failures the same one: a stable name for each finding.
//!
//! It is made of the broken guarantee, the root anomaly, the kind of node that the rule's words are about, those words
//! with all that is particular to a run taken out, and, where a log lacks what it should have, those kinds of facts
//! behind it that no sound cluster states; for what only clients saw, of what the true state proves of it. Not of
//! offsets, times, node numbers, counts, names of topics, groups, members and transactional ids, nor of what lists have
//! in them: so a run and its smallest plan have the same fingerprint, and so have runs of one bug with different seeds,
//! on any machine.
//!
//! What it leaves out: faults and ordinary facts that led there, of which a large plan has many that do not matter.
//! Two bugs that break the same rule in the same words share a fingerprint. A topic or group that is called as a word
//! of a rule is, such as `records`, takes that word out of the text.

use std::collections::BTreeSet;

use harrow_broker_model::types::NodeId;
use harrow_sim::plan::Plan;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The stable name of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Eight hexadecimal digits, from the text.
    pub id: String,
    /// What it stands for.
    pub text: String,
}

impl Fingerprint {
    /// Whether a text may be the id of one.
    pub fn is_id(text: &str) -> bool {
        text.len() == 8 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    }
}

/// What a fingerprint is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits<'a> {
    pub(crate) guarantee: &'a str,
    pub(crate) anomaly: &'a str,
    /// Who saw it, or the kind of node at which it showed.
    pub(crate) role: &'a str,
    /// The rule's words, or the facts behind what clients saw, if they say more than the anomaly's name.
    pub(crate) words: Option<&'a str>,
    /// What is called by a name in the run: see [`names`].
    pub(crate) names: &'a BTreeSet<String>,
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
        let Traits { guarantee, anomaly, role, words, names, evidence } = traits;
        let mut text = format!("{guarantee}/{anomaly} at {role}");
        if let Some(words) = words {
            text.push_str(": ");
            text.push_str(&shape(words, names));
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

/// Keys of a plan under which things have names: topics, groups, their static members, transactional ids.
const NAMING: [&str; 6] = ["name", "topic", "topics", "group", "instance", "transactional_id"];

/// What has a name in a plan. A rule's words have such names, and they do not matter.
///
/// # Panics
/// Never: a plan is plain data.
pub(crate) fn names(plan: &Plan) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let plan = serde_json::to_value(plan).expect("a plan is plain data");
    add_names(&plan, false, &mut names);
    names
}

fn add_names(value: &Value, is_name: bool, names: &mut BTreeSet<String>) {
    match value {
        Value::String(name) if is_name => drop(names.insert(name.clone())),
        Value::Array(values) => values.iter().for_each(|it| add_names(it, is_name, names)),
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(key, it)| add_names(it, NAMING.contains(&key.as_str()), names));
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Words of a rule before the number of the node that it is about.
const ACTORS: [&str; 8] =
    ["node", "nodes", "leader", "follower", "replica", "voter", "broker", "controller"];

/// The first node that a rule's words name.
pub(crate) fn actor(words: &str) -> Option<NodeId> {
    let mut words = words.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let mut last = "";
    words.find_map(|word| {
        let before = std::mem::replace(&mut last, word);
        word.parse().ok().filter(|_| ACTORS.contains(&before)).map(NodeId)
    })
}

/// A rule's words without the partition before them and with `#` for every number, name, truth and list.
fn shape(words: &str, names: &BTreeSet<String>) -> String {
    let rest = match words.split_once(": ") {
        Some((place, rest)) if is_partition(place) => rest,
        Some(_) | None => words,
    };
    let mut shaped = String::new();
    let mut left = rest;
    while let Some(c) = left.chars().next() {
        let taken = if let Some(length) = list_length(left) {
            shaped.push_str("[#]");
            length
        } else if is_of_word(c) {
            let word = word_at(left);
            let is_particular = word.bytes().any(|byte| byte.is_ascii_digit())
                || ["true", "false"].contains(&word)
                || names.contains(word);
            shaped.push_str(if is_particular { "#" } else { word });
            word.len()
        } else {
            shaped.push(c);
            c.len_utf8()
        };
        left = &left[taken..];
    }
    for (long, short) in [("#, #", "#"), ("# and #", "#")] {
        while shaped.contains(long) {
            shaped = shaped.replace(long, short);
        }
    }
    shaped.replace("nodes #", "node #")
}

/// What numbers and names are made of.
fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// The word with which a text begins, without the full stop behind it.
fn word_at(text: &str) -> &str {
    let end = text.find(|c| !is_of_word(c)).unwrap_or(text.len());
    let word = text[..end].trim_end_matches('.');
    if word.is_empty() { &text[..end] } else { word }
}

/// How many bytes of a text's beginning are a list: from a bracket to the one that closes it.
fn list_length(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => open += 1,
            b']' if open == 1 => return Some(at + 1),
            b']' => open = open.saturating_sub(1),
            _ => {}
        }
        if open == 0 {
            return None;
        }
    }
    None
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

/// The place of a panic without its line, and its message up to the first value. What the standard library says of two
/// values that differ is no message: what follows it is.
pub(crate) fn panic_shape(message: &str) -> String {
    let (said, place) = message.rsplit_once(" at ").unwrap_or((message, ""));
    let place = place.replace('\\', "/");
    // A drive has a colon of its own.
    let file = place.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':');
    let file = file.rsplit_once("/src/").map_or(file, |(_, file)| file);
    let said = match said.strip_prefix("assertion `left ") {
        Some(rest) => rest.split_once("` failed: ").map_or(said, |(_, message)| message),
        None => said,
    };
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
            names: &BTreeSet::new(),
            evidence: &evidence,
        })
    }

    fn shape(words: &str) -> String {
        super::shape(words, &["group-a", "orders", "payer"].map(str::to_owned).into())
    }

    #[test]
    fn hexadecimal_numbers_are_numbers() {
        let words = "node 2 acknowledged checksum 0x1fbdf9a at offset 3";
        assert_eq!(shape(words), "node # acknowledged checksum # at offset #");
        assert_eq!(shape(words), shape("node 1 acknowledged checksum 0xdeadbeef at offset 30"));
        assert_eq!(shape("0x, 0xé and 12"), "#é and #");
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
    fn names_do_not_matter() {
        let table = [
            (
                "group group-a gives it to 4bd1-aZa; 7ab2aee holds it",
                "group # gives it to #; # holds it",
            ),
            (
                "group group-a gives it to group-a0-c1; a9 holds it",
                "group # gives it to #; # holds it",
            ),
            ("the transaction of payer ends at 38.", "the transaction of # ends at #."),
            ("topic orders is fenced: true, not `false`.", "topic # is fenced: #, not `#`."),
            ("knows the epochs [1 from 0, 2 from [7]]; ends", "knows the epochs [#]; ends"),
            ("no end [1, 2... of it", "no end [#... of it"),
        ];
        for (words, shaped) in table {
            assert_eq!(shape(words), shaped);
        }
    }

    #[test]
    fn the_actor_is_the_first_node_that_the_words_name() {
        let table = [
            ("orders-0: leader 3 keeps replica 2", Some(3)),
            ("client 7 was told by node 2", Some(2)),
            ("nodes 1, 2 lead", Some(1)),
            ("group group-a has no leader", None),
        ];
        for (words, node) in table {
            assert_eq!(actor(words), node.map(NodeId), "{words}");
        }
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
        let elsewhere = r"log end 1 is below 2 at C:\git\broker-model\src\log\mod.rs:99:1";
        assert_eq!(panic_shape(elsewhere), panic_shape(message));
        let differ =
            "assertion `left == right` failed: ends differ\n  left: 1\n right: 2 at a/src/b.rs:1:2";
        assert_eq!(panic_shape(differ), "ends differ in b.rs");
    }
}
