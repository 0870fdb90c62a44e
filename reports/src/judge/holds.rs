//! What would have to be promised to make findings of what is legal. Often one promise is not enough: what it forbids
//! is legal for another reason as well.

use std::collections::BTreeMap;

use harrow_sim::history::History;

use crate::check::Occurrence;
use crate::policy::{self, Hold, Promise, Reason, Terms};

/// Terms with more promised, each made once.
pub(super) struct Holds<'a> {
    terms: &'a Terms,
    held: BTreeMap<Vec<&'static str>, Terms>,
}

impl<'a> Holds<'a> {
    pub(super) fn new(terms: &'a Terms) -> Self {
        Self { terms, held: BTreeMap::new() }
    }

    /// All promises that it takes, as `--hold` takes them, for what is legal for this reason; none if it is legal
    /// whatever is promised.
    pub(super) fn needed(
        &mut self,
        history: &History,
        occurrence: &Occurrence,
        reason: &Reason,
    ) -> Vec<&'static str> {
        let mut needed = Vec::new();
        let mut next = reason.hold;
        while let Some(hold) = next.filter(|hold| !needed.contains(hold)) {
            needed.push(hold);
            match policy::excuse(self.held_to(&needed), history, occurrence) {
                Some(another) => next = another.hold,
                None => return needed,
            }
        }
        if next.is_none() {
            needed.clear();
        }
        needed
    }

    fn held_to(&mut self, holds: &[&'static str]) -> &Terms {
        let terms = self.terms;
        self.held.entry(holds.to_vec()).or_insert_with(|| {
            let promises = holds.iter().filter_map(|hold| Promise::parse(hold).ok());
            let mut held = terms.clone();
            held.strengthen(&Hold::of(&promises.collect::<Vec<_>>()));
            held
        })
    }
}
