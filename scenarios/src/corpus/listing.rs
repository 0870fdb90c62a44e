//! `corpus.toml`: which plans a corpus has, and how each must fail. What it names is known, or told with its place.

use std::collections::BTreeSet;
use std::ops::Range;

use harrow_broker_model::defect::{Defects, Version};
use harrow_reports::explain::{Kind, entries};
use harrow_reports::fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::format::{ScenarioError, name_help, unknown_version};

/// What a directory lists.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Whether the digests of the catalogue's scenarios are kept beside those of the plans: where the model is changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub catalogue: bool,
    /// Its plans, by name.
    #[serde(default, rename = "plan")]
    pub plans: Vec<Listed>,
}

/// A plan and how it must fail, or how it failed until its bug was mended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The file's name without `.toml`.
    pub name: String,
    /// The runtime seed.
    pub seed: u64,
    /// Entries of the catalogue that are on.
    pub defects: Defects,
    /// The version of Kafka that it is run as, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<Version>,
    /// What is broken.
    pub guarantee: String,
    /// By what.
    pub anomaly: String,
    /// In which way.
    pub fingerprint: String,
    /// What was mended. The plan must hold since then: nothing may come back that it once broke, or anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<String>,
}

/// The same text with places.
#[derive(Deserialize)]
struct Placed {
    #[serde(default, rename = "plan")]
    plans: Vec<PlacedPlan>,
}

#[derive(Deserialize)]
struct PlacedPlan {
    name: Spanned<String>,
    kafka: Option<Spanned<Version>>,
    guarantee: Spanned<String>,
    anomaly: Spanned<String>,
    fingerprint: Spanned<String>,
}

/// A mistake: where, what, and what would be right.
type Wrong = (Range<usize>, String, String);

/// Reads a listing. Mistakes are told by their places in `origin`.
pub(super) fn read(origin: &str, text: &str) -> Result<Listing, ScenarioError> {
    let refused = |wrong: Vec<Wrong>| ScenarioError::in_text("corpus", (origin, text), wrong);
    let unread = |error: toml::de::Error| {
        let help =
            "a plan is `[[plan]]` with name, seed, defects, guarantee, anomaly and fingerprint";
        let place = error.span().unwrap_or(0..0);
        refused(vec![(place, error.message().to_owned(), help.to_owned())])
    };
    let listing: Listing = toml::from_str(text).map_err(unread)?;
    let placed: Placed = toml::from_str(text).map_err(unread)?;
    let mut names = BTreeSet::new();
    let mut wrong = Vec::new();
    for plan in &placed.plans {
        if !names.insert(plan.name.get_ref()) {
            let message = format!("it lists `{}` twice", plan.name.get_ref());
            wrong.push((plan.name.span(), message, "take one of them out".to_owned()));
        }
        wrong.extend(unknown(plan));
    }
    if wrong.is_empty() { Ok(listing) } else { Err(refused(wrong)) }
}

/// Names of a plan that nobody knows: it could never fail like that.
fn unknown(plan: &PlacedPlan) -> Vec<Wrong> {
    let is_guarantee = |kind: Kind| kind == Kind::Guarantee;
    let is_anomaly =
        |kind: Kind| matches!(kind, Kind::ClientAnomaly | Kind::InternalAnomaly | Kind::Liveness);
    let mut wrong = Vec::new();
    wrong.extend(unknown_name("guarantee", &plan.guarantee, is_guarantee));
    wrong.extend(unknown_name("anomaly", &plan.anomaly, is_anomaly));
    let fingerprint = &plan.fingerprint;
    if !Fingerprint::is_id(fingerprint.get_ref()) {
        let message = format!("`{}` is no fingerprint", fingerprint.get_ref());
        let help =
            "one has eight hexadecimal digits in small letters, and stands with each finding";
        wrong.push((fingerprint.span(), message, help.to_owned()));
    }
    if let Some(kafka) = &plan.kafka
        && let Some((what, help)) = unknown_version(*kafka.get_ref())
    {
        wrong.push((kafka.span(), what, help));
    }
    wrong
}

fn unknown_name(
    what: &str,
    name: &Spanned<String>,
    is_one: impl Fn(Kind) -> bool,
) -> Option<Wrong> {
    let known: Vec<&str> =
        entries().filter(|entry| is_one(entry.kind)).map(|entry| entry.name).collect();
    let text = name.get_ref();
    (!known.contains(&text.as_str()))
        .then(|| (name.span(), format!("there is no {what} `{text}`"), name_help(text, &known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "[[plan]]\nname = \"one\"\nseed = 1\ndefects = []\nguarantee = \"durability\"\n\
                         anomaly = \"lost-write\"\nfingerprint = \"0123abcd\"\n";

    #[test]
    fn what_no_plan_can_break_is_told_with_its_line() {
        assert_eq!(read("it", RIGHT).expect("it is right").plans.len(), 1);
        let table = [
            ("\"durability\"", "\"duribility\"", 5, "there is no guarantee `duribility`"),
            ("\"durability\"", "\"lost-write\"", 5, "there is no guarantee `lost-write`"),
            ("\"lost-write\"", "\"durability\"", 6, "there is no anomaly `durability`"),
            ("\"lost-write\"", "\"crash\"", 6, "there is no anomaly `crash`"),
            ("0123abcd", "0123ABCD", 7, "`0123ABCD` is no fingerprint"),
            ("0123abcd", "0123abc", 7, "`0123abc` is no fingerprint"),
            ("seed = 1\n", "seed = 1\nkafka = \"9.9\"\n", 4, "Kafka 9.9 is newer than"),
            ("seed = 1\n", "seed = 1\nsead = 1\n", 4, "unknown field `sead`"),
            ("seed = 1", "seed = \"1\"", 3, "invalid type: string"),
        ];
        for (right, other, line, wanted) in table {
            let error = read("it", &RIGHT.replace(right, other)).expect_err(wanted);
            let [mistake] = error.mistakes() else { panic!("{:?}", error.mistakes()) };
            assert!(mistake.to_string().contains(wanted), "{mistake}");
            assert_eq!(mistake.line(), line, "{mistake}");
        }
        let twice = read("it", &RIGHT.repeat(2)).expect_err("one name for two");
        assert_eq!(twice.mistakes()[0].line(), 9);
    }
}
