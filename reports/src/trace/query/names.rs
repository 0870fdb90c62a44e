//! Names in a query against those that runs have: of nodes, of partitions, of groups and whatever else a run names.
//!
//! A name that no run has is no mistake of the language, and the answer stands: a sweep may well be asked for what only
//! some of its runs have. But whoever wrote it probably meant another one, and is told.

use std::collections::BTreeSet;

use super::own::{Seen, each};
use super::problem::{QueryProblem, listed};
use super::tree::{
    Comparison, Condition, Events, Expression, Field, Literal, Operator, Pattern, Query,
};
use crate::trace::event::TraceEvent;
use crate::trace::shape::Shape;

/// So many names of runs are remembered of a field.
const KNOWN_MAX: usize = 500;

/// So many names of a query are told.
const TOLD_MAX: usize = 10;

/// The names in a query, and what the runs that were looked at have of their kind.
#[derive(Debug, Clone, Default)]
pub struct Names {
    fields: Vec<Named>,
    asked: Vec<Name>,
    runs: u64,
}

/// A field whose values are names.
#[derive(Debug, Clone)]
struct Named {
    field: Field,
    shape: Shape,
    /// Names of runs that could be meant.
    known: BTreeSet<String>,
    /// Whether there are more of them.
    more: bool,
}

/// A name in a query.
#[derive(Debug, Clone)]
struct Name {
    /// Which field it is of.
    field: usize,
    /// Whether it may be a part of a name.
    part: bool,
    /// Whether what is selected is what is not called so.
    denied: bool,
    /// Where it stands, in bytes.
    at: usize,
    text: String,
    /// Whether a run has it.
    is_there: bool,
}

impl Query {
    /// The names in it, before any run was looked at.
    pub fn names(&self) -> Names {
        let mut names = Names::default();
        names.of_expression(&self.root, false);
        names
    }
}

impl Names {
    /// Looks for them in a run that has these nodes.
    pub fn look(&mut self, nodes: &[i32], events: &[TraceEvent]) {
        self.runs += 1;
        for (index, named) in self.fields.iter_mut().enumerate() {
            let of_field = |name: &&mut Name| name.field == index && !name.is_there;
            let mut missing: Vec<&mut Name> = self.asked.iter_mut().filter(of_field).collect();
            if missing.is_empty() {
                continue;
            }
            let there = named.there(nodes, events);
            for name in &mut missing {
                name.is_there = name.is_among(&there);
            }
            if missing.iter().any(|name| !name.is_there) {
                named.remember(there);
            }
        }
    }

    /// Joins what was found in other runs.
    pub fn join(&mut self, other: Self) {
        self.runs += other.runs;
        for (named, other) in self.fields.iter_mut().zip(other.fields) {
            named.more |= other.more;
            named.remember(other.known);
        }
        for (name, other) in self.asked.iter_mut().zip(other.asked) {
            name.is_there |= other.is_there;
        }
    }

    /// Those that no run has: where they stand, and what could be meant. Of many the first are told.
    pub fn unknown(&self) -> Vec<QueryProblem> {
        self.told(&self.missing().collect::<Vec<_>>())
    }

    /// Those of them without which the query selects less than it could: no event is called so.
    pub fn unmet(&self) -> Vec<QueryProblem> {
        self.told(&self.missing().filter(|name| !name.denied).collect::<Vec<_>>())
    }

    fn missing(&self) -> impl Iterator<Item = &Name> {
        self.asked.iter().filter(|name| self.runs > 0 && !name.is_there)
    }

    fn told(&self, missing: &[&Name]) -> Vec<QueryProblem> {
        let told = missing.iter().take(TOLD_MAX);
        let problem = |name: &&Name| self.fields[name.field].problem(name, self.runs);
        let mut all: Vec<QueryProblem> = told.map(problem).collect();
        if let Some(next) = missing.get(TOLD_MAX) {
            let more = missing.len() - TOLD_MAX;
            let message =
                format!("{more} more names of the query are nowhere, from `{}` on", next.text);
            all.push(QueryProblem::new(next.at, message, "mend those above first"));
        }
        all
    }

    fn add(&mut self, comparison: &Comparison, denied: bool) {
        let Comparison { field, shape, operator, values } = comparison;
        let is_name = matches!(shape, Shape::Name | Shape::Node) && *field != Field::Text;
        if !is_name || operator.orders() {
            return;
        }
        let same = |named: &Named| named.field == *field && named.shape == *shape;
        let known = self.fields.iter().position(same);
        let index = known.unwrap_or(self.fields.len());
        if known.is_none() {
            let (field, shape) = (field.clone(), shape.clone());
            self.fields.push(Named { field, shape, known: BTreeSet::new(), more: false });
        }
        let denied = denied != (*operator == Operator::Unequal);
        let name = |value: &Literal| Name {
            field: index,
            part: *operator == Operator::Contains,
            denied,
            at: value.at,
            // A number may be written in more ways than one.
            text: value
                .numbers
                .map_or_else(|| value.text.clone(), |(number, _)| number.to_string()),
            is_there: false,
        };
        self.asked.extend(values.iter().map(name));
    }

    fn of_expression(&mut self, expression: &Expression, denied: bool) {
        match expression {
            Expression::Events(events) => self.of_events(events, denied),
            Expression::And(one, other) | Expression::Or(one, other) => {
                self.of_expression(one, denied);
                self.of_expression(other, denied);
            }
            Expression::Not(inner) => self.of_expression(inner, !denied),
        }
    }

    fn of_events(&mut self, events: &Events, denied: bool) {
        match events {
            Events::Pattern(Pattern { condition: Some(condition), .. }) => {
                self.of_condition(condition, denied);
            }
            Events::Pattern(Pattern { condition: None, .. }) => {}
            Events::Either(one, other) => {
                self.of_events(one, denied);
                self.of_events(other, denied);
            }
            Events::Related(subject, relation) => {
                self.of_events(subject, denied);
                self.of_events(&relation.object, denied != relation.negated);
            }
        }
    }

    fn of_condition(&mut self, condition: &Condition, denied: bool) {
        match condition {
            Condition::And(one, other) | Condition::Or(one, other) => {
                self.of_condition(one, denied);
                self.of_condition(other, denied);
            }
            Condition::Not(inner) => self.of_condition(inner, !denied),
            Condition::Compare(comparison) => self.add(comparison, denied),
        }
    }
}

impl Name {
    fn is_among(&self, names: &BTreeSet<String>) -> bool {
        names.contains(&self.text)
            || self.part && names.iter().any(|name| name.contains(&self.text))
    }
}

impl Named {
    /// All that a run has there.
    fn there(&self, nodes: &[i32], events: &[TraceEvent]) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        if self.shape == Shape::Node {
            all.extend(nodes.iter().map(ToString::to_string));
        }
        for event in events {
            each(event, &self.field, &self.shape, &mut |seen| match seen {
                Seen::Numbers(number, _) => {
                    all.insert(number.to_string());
                }
                Seen::Text(name) if all.contains(name.as_ref()) => {}
                Seen::Text(name) => {
                    all.insert(name.into_owned());
                }
            });
        }
        all
    }

    fn remember(&mut self, names: BTreeSet<String>) {
        self.known.extend(names);
        while self.known.len() > KNOWN_MAX {
            self.known.pop_last();
            self.more = true;
        }
    }

    fn problem(&self, asked: &Name, runs: u64) -> QueryProblem {
        let name = &asked.text;
        let what = match (&self.field, asked.part) {
            (Field::Own(path), false) => format!("has `{path}` = `{name}`"),
            (Field::Own(path), true) => format!("has `{name}` in its `{path}`"),
            (_, false) => format!("is of a partition `{name}`"),
            (_, true) => format!("is of a partition with `{name}` in its name"),
        };
        let is_node = self.shape == Shape::Node;
        let message = match (is_node, runs) {
            (true, 1) => format!("the run has no node `{name}`"),
            (true, runs) => format!("in {runs} runs there is no node `{name}`"),
            (false, 1) => format!("no event {what}"),
            (false, runs) => format!("in {runs} runs no event {what}"),
        };
        let what = if is_node {
            "the nodes are".to_owned()
        } else if let Field::Own(path) = &self.field {
            format!("events have in `{path}`")
        } else {
            "events are of".to_owned()
        };
        let mut known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        known.sort_by_key(|name| name.parse::<i64>().ok());
        let or = if self.more { " at least" } else { "" };
        QueryProblem::new(asked.at, message, listed(name, &what, &known, or))
    }
}
