//! Names in a query against those that runs have: of nodes, of partitions, of groups and whatever else a run names.
//!
//! A name that no run has is no mistake of the language, and the answer stands: a sweep may well be asked for what only
//! some of its runs have. But whoever wrote it probably meant another one, and is told.

use std::collections::BTreeSet;

use serde_json::Value;

use super::own::{each_own, text_of};
use super::problem::{QueryProblem, listed};
use super::tree::{
    Comparison, Condition, Events, Expression, Field, Literal, Operator, Pattern, Query,
};
use crate::trace::event::TraceEvent;

/// So many names of runs are remembered.
const KNOWN_MAX: usize = 500;

/// The names in a query, and what the runs that were looked at have of their kind.
#[derive(Debug, Clone)]
pub struct Names {
    asked: Vec<Asked>,
    runs: u64,
}

/// A name in a query.
#[derive(Debug, Clone)]
struct Asked {
    field: Field,
    /// Whether it may be a part of a name.
    part: bool,
    /// Where it stands, in bytes.
    at: usize,
    name: String,
    /// Whether a run has it.
    is_there: bool,
    /// Names that could be meant, those that are numbers by their size.
    known: BTreeSet<(i64, String)>,
}

impl Query {
    /// The names in it, before any run was looked at.
    pub fn names(&self) -> Names {
        let mut asked = Vec::new();
        of_expression(&self.root, &mut asked);
        Names { asked, runs: 0 }
    }
}

impl Names {
    /// Looks for them in a run that has these nodes.
    pub fn look(&mut self, nodes: &[i32], events: &[TraceEvent]) {
        self.runs += 1;
        for asked in &mut self.asked {
            asked.look(nodes, events);
        }
    }

    /// Joins what was found in other runs.
    pub fn join(&mut self, other: Self) {
        self.runs += other.runs;
        for (asked, other) in self.asked.iter_mut().zip(other.asked) {
            asked.is_there |= other.is_there;
            asked.known.extend(other.known);
            asked.bound();
        }
    }

    /// Those that no run has: where they stand, and what could be meant.
    pub fn unknown(&self) -> Vec<QueryProblem> {
        let missing = self.asked.iter().filter(|asked| self.runs > 0 && !asked.is_there);
        missing.map(|asked| asked.problem(self.runs)).collect()
    }
}

impl Asked {
    fn look(&mut self, nodes: &[i32], events: &[TraceEvent]) {
        if self.is_there {
            return;
        }
        let mut known = BTreeSet::new();
        match &self.field {
            Field::Node => {
                let all = nodes.iter().copied().chain(events.iter().filter_map(|event| event.node));
                known.extend(all.map(|node| (i64::from(node), node.to_string())));
            }
            Field::Partition => {
                let all = events.iter().flat_map(|event| &event.partitions);
                let all: BTreeSet<&String> = all.collect();
                known.extend(all.into_iter().map(|name| (0, name.clone())));
            }
            Field::Own(path) => {
                let mut take = |value: &Value| {
                    known.insert((0, text_of(value)));
                };
                for event in events {
                    each_own(&event.fields, path, &mut take);
                }
            }
            Field::Offset
            | Field::Epoch
            | Field::Time
            | Field::Event
            | Field::Row
            | Field::Record
            | Field::Text
            | Field::Family
            | Field::Kind => {}
        }
        self.is_there = known.iter().any(|(_, name)| self.is(name));
        if !self.is_there {
            self.known.extend(known);
            self.bound();
        }
    }

    fn is(&self, name: &str) -> bool {
        name == self.name || self.part && name.contains(&self.name)
    }

    fn bound(&mut self) {
        while self.known.len() > KNOWN_MAX {
            self.known.pop_last();
        }
    }

    fn problem(&self, runs: u64) -> QueryProblem {
        let name = &self.name;
        let what = match (&self.field, self.part) {
            (Field::Own(path), false) => format!("event with {path} = {name}"),
            (Field::Own(path), true) => format!("event with `{name}` in its {path}"),
            (Field::Node, _) => format!("node {name}"),
            (_, false) => format!("partition {name}"),
            (_, true) => format!("partition with `{name}` in its name"),
        };
        let (message, whose) = match runs {
            1 => (format!("the run has no {what}"), "its"),
            runs => (format!("in {runs} runs there is no {what}"), "their"),
        };
        let what = if let Field::Own(path) = &self.field {
            format!("{whose} events have in {path}")
        } else if self.field == Field::Node {
            format!("{whose} nodes are")
        } else {
            format!("{whose} partitions are")
        };
        let known: Vec<&str> = self.known.iter().map(|(_, name)| name.as_str()).collect();
        QueryProblem::new(self.at, message, listed(name, &what, &known, ""))
    }
}

fn of_expression(expression: &Expression, into: &mut Vec<Asked>) {
    match expression {
        Expression::Events(events) => of_events(events, into),
        Expression::And(one, other) | Expression::Or(one, other) => {
            of_expression(one, into);
            of_expression(other, into);
        }
        Expression::Not(inner) => of_expression(inner, into),
    }
}

fn of_events(events: &Events, into: &mut Vec<Asked>) {
    match events {
        Events::Pattern(Pattern { condition: Some(condition), .. }) => {
            of_condition(condition, into);
        }
        Events::Pattern(Pattern { condition: None, .. }) => {}
        Events::Either(one, other) => {
            of_events(one, into);
            of_events(other, into);
        }
        Events::Related(subject, relation) => {
            of_events(subject, into);
            of_events(&relation.object, into);
        }
    }
}

fn of_condition(condition: &Condition, into: &mut Vec<Asked>) {
    match condition {
        Condition::And(one, other) | Condition::Or(one, other) => {
            of_condition(one, into);
            of_condition(other, into);
        }
        Condition::Not(inner) => of_condition(inner, into),
        Condition::Compare(Comparison { field, operator, values, named }) => {
            let part = *operator == Operator::Contains;
            // A number may be written in more ways than one.
            let text = |name: &Literal| match (field, name.number) {
                (Field::Node, Some(number)) => number.to_string(),
                _ => name.text.clone(),
            };
            let asked = |name: &Literal| Asked {
                field: field.clone(),
                part,
                at: name.at,
                name: text(name),
                is_there: false,
                known: BTreeSet::new(),
            };
            into.extend(values.iter().filter(|_| *named).map(asked));
        }
    }
}
