//! What is wrong with a scenario, where, and what would be right.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, LabeledSpan, SourceCode};

use super::excerpt::{NamedExcerpt, excerpt};
use super::place::Place;

/// A text that was parsed.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// All texts that a scenario was made from: its file first, then each `--set`.
#[derive(Debug, Clone)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self(vec![Source { name: name.to_owned(), text: text.to_owned() }])
    }

    pub(crate) fn add(&mut self, source: Source) -> usize {
        self.0.push(source);
        self.0.len() - 1
    }
}

/// One mistake, before it knows its source's text.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    place: Place,
    message: String,
    help: String,
    /// The place is the last part of a dotted key: the whole key is meant.
    whole_key: bool,
}

impl Problem {
    pub(crate) fn new(place: Place, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: help.into(), whole_key: false }
    }

    /// A problem with a key, of which TOML tells the place of the last part only.
    pub(crate) fn with_key(
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { whole_key: true, ..Self::new(place, message, help) }
    }
}

/// A scenario, or another such file, that cannot be used: all mistakes found in it, in the order of their places.
#[derive(Debug, thiserror::Error)]
#[error("the {title} has {} mistake{}", .mistakes.len(), if .mistakes.len() == 1 { "" } else { "s" })]
pub struct ScenarioError {
    title: &'static str,
    mistakes: Vec<Mistake>,
}

impl ScenarioError {
    pub(crate) fn new(problems: Vec<Problem>, sources: &Sources) -> Self {
        Self::of("scenario", problems, sources)
    }

    /// The same of another kind of file.
    pub(crate) fn of(title: &'static str, mut problems: Vec<Problem>, sources: &Sources) -> Self {
        assert!(!problems.is_empty(), "an error without a problem");
        problems.sort_by_key(|problem| (problem.place.source, problem.place.bytes.start));
        let mistakes = problems.into_iter().map(|problem| Mistake::new(problem, sources)).collect();
        Self { title, mistakes }
    }

    /// Mistakes of a text that is no scenario: where each is, what is wrong, and what would be right.
    pub(crate) fn in_text(
        title: &'static str,
        (origin, text): (&str, &str),
        wrong: Vec<(Range<usize>, String, String)>,
    ) -> Self {
        let problem = |(bytes, message, help): (Range<usize>, String, String)| {
            Problem::new(Place { source: 0, bytes }, message, help)
        };
        Self::of(title, wrong.into_iter().map(problem).collect(), &Sources::new(origin, text))
    }

    /// The mistakes.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

impl Diagnostic for ScenarioError {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.mistakes.iter().map(|mistake| mistake as &dyn Diagnostic)))
    }
}

/// One mistake with its place in its source.
#[derive(Debug)]
pub struct Mistake {
    message: String,
    help: String,
    line: usize,
    text: String,
    source: NamedExcerpt,
    label: LabeledSpan,
}

impl Mistake {
    fn new(problem: Problem, sources: &Sources) -> Self {
        let source = &sources.0[problem.place.source];
        let bytes = problem.place.bytes;
        let end = bytes.end.min(source.text.len());
        let mut start = bytes.start.min(end);
        if problem.whole_key {
            let in_key = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            start = source.text[..start].trim_end_matches(in_key).len();
        }
        let shown = excerpt(&source.text, start, end);
        Self {
            message: problem.message,
            help: problem.help,
            line: 1 + source.text[..start].matches('\n').count(),
            text: source.text[start..end].to_owned(),
            label: LabeledSpan::new(Some("here".to_owned()), shown.start, shown.end - shown.start),
            source: NamedExcerpt::new(source.name.clone(), shown),
        }
    }

    /// Line in the source, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Place, what is wrong and what would be right, on one line.
    pub fn one_line(&self) -> String {
        format!("{}:{}: {}; {}", self.source.name(), self.line, self.message, self.help)
    }

    /// The offending text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What would be right.
    pub fn advice(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(self.label.clone())))
    }
}

/// What others call things, and what they are called here.
const SYNONYMS: [(&str, &str); 22] = [
    ("kill", "crash"),
    ("sigkill", "crash"),
    ("restart", "bounce"),
    ("reboot", "bounce"),
    ("shutdown", "stop"),
    ("sigterm", "stop"),
    ("freeze", "pause"),
    ("sigstop", "pause"),
    ("power", "power-loss"),
    ("power-off", "power-loss"),
    ("poweroff", "power-loss"),
    ("wipe", "wipe-disk"),
    ("isolation", "partition"),
    ("disconnect", "partition"),
    ("network-partition", "partition"),
    ("netsplit", "partition"),
    ("isolate", "partition"),
    ("split", "partition"),
    ("latency", "delay"),
    ("slow-network", "delay"),
    ("disk-full", "full-disk"),
    ("clock-skew", "step-clock"),
];

/// The name among `known` that is most like `name`, if any is like it at all.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() {
        return None;
    }
    // `END_TXN` is `EndTxn`.
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let distance = |known: &str| {
        let by_plain = strsim::damerau_levenshtein(&plain(name), &plain(known));
        strsim::damerau_levenshtein(name, known).min(by_plain)
    };
    let scored = known.into_iter().map(|known| (distance(known), known));
    let (distance, best) = scored.min_by_key(|(distance, _)| *distance)?;
    let contained = best.contains(name) || name.contains(best);
    (distance <= name.len().div_ceil(4).max(name.len() / 3) || contained).then_some(best)
}

/// The name among `known` that somebody means by `name`: as others call it, or the one that is most like it.
pub fn meant_by<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let other = SYNONYMS.iter().find(|(other, _)| *other == name).map(|(_, meant)| *meant);
    let same = other.and_then(|other| known.clone().into_iter().find(|known| *known == other));
    same.or_else(|| nearest(name, known))
}

/// Help for a name that is not known: the nearest one if there is one, and all of them.
pub(crate) fn name_help(name: &str, known: &[&str]) -> String {
    let mut all: Vec<&str> = Vec::new();
    for name in known {
        if !all.contains(name) {
            all.push(name);
        }
    }
    let all = all.join(", ");
    match meant_by(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? known: {all}"),
        None => format!("known: {all}"),
    }
}
