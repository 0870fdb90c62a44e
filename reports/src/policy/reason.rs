//! Why something is legal, in words.

/// Why something is legal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// As it is told of this history, with its offsets, nodes and times.
    pub text: String,
    /// The same without what differs from one run to the next: a sweep counts by it.
    pub cause: String,
    /// What, had it been promised, would make it a finding: for `--hold`. None if nothing would.
    pub hold: Option<&'static str>,
}

impl Reason {
    /// One that is the same in every run.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cause: text.clone(), text, hold: None }
    }

    /// One with particulars.
    pub(crate) fn of(cause: &str, text: String) -> Self {
        Self { text, cause: cause.to_owned(), hold: None }
    }

    /// What would make it a finding.
    #[must_use]
    pub(crate) fn unless(self, hold: &'static str) -> Self {
        Self { hold: Some(hold), ..self }
    }
}
