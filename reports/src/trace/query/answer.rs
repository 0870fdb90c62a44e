//! Which events a query selects, and whether it holds of a run.

use std::collections::BTreeSet;

use super::own::each;
use super::tree::{
    Comparison, Condition, Direction, Events, Expression, Operator, Pattern, Query, Relation,
};
use crate::trace::event::TraceEvent;

/// What a query gives of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it holds.
    pub holds: bool,
    /// Positions of the events that it selects, ascending; none for what is only denied.
    pub events: Vec<usize>,
}

impl Query {
    /// Asks it of the events of a run.
    pub fn ask(&self, events: &[TraceEvent]) -> Answer {
        let (holds, selected) = asked(&self.root, events);
        let events = if holds { selected.into_iter().collect() } else { Vec::new() };
        Answer { holds, events }
    }
}

fn asked(expression: &Expression, events: &[TraceEvent]) -> (bool, BTreeSet<usize>) {
    match expression {
        Expression::Events(of) => {
            let selected: BTreeSet<usize> = select(of, events).into_iter().collect();
            (!selected.is_empty(), selected)
        }
        Expression::And(one, other) => {
            let ((one, mut all), (other, more)) = (asked(one, events), asked(other, events));
            all.extend(more);
            (one && other, all)
        }
        Expression::Or(one, other) => {
            let ((one, mut all), (other, more)) = (asked(one, events), asked(other, events));
            all.extend(more);
            (one || other, all)
        }
        Expression::Not(inner) => (!asked(inner, events).0, BTreeSet::new()),
    }
}

/// Positions of events, ascending.
fn select(of: &Events, events: &[TraceEvent]) -> Vec<usize> {
    match of {
        Events::Pattern(pattern) => {
            (0..events.len()).filter(|position| fits(pattern, &events[*position])).collect()
        }
        Events::Either(one, other) => {
            let mut all = select(one, events);
            all.extend(select(other, events));
            all.sort_unstable();
            all.dedup();
            all
        }
        Events::Related(subject, relation) => {
            let objects = select(&relation.object, events);
            let mut subjects = select(subject, events);
            subjects.retain(|position| is_related(*position, relation, &objects, events));
            subjects
        }
    }
}

/// The nearest come first, so that the search ends soon where there is one.
fn is_related(
    subject: usize,
    relation: &Relation,
    objects: &[usize],
    events: &[TraceEvent],
) -> bool {
    let near = |object: &&usize| {
        let apart = events[subject].at_ns.abs_diff(events[**object].at_ns);
        relation.within_ns.is_none_or(|within| apart <= within)
    };
    let correlates = |object: &usize| correlate(&events[subject], &events[*object], relation);
    let found = match relation.direction {
        Direction::Preceded => {
            let before = objects.partition_point(|object| *object < subject);
            objects[..before].iter().rev().take_while(near).any(correlates)
        }
        Direction::Followed => {
            let after = objects.partition_point(|object| *object <= subject);
            objects[after..].iter().take_while(near).any(correlates)
        }
    };
    found != relation.negated
}

/// Both are at one node, and of one partition, as far as both say where they are.
fn correlate(one: &TraceEvent, other: &TraceEvent, relation: &Relation) -> bool {
    let nodes = relation.scope.any_node
        || one.node.is_none()
        || other.node.is_none()
        || one.node == other.node;
    let (a, b) = (&one.partitions, &other.partitions);
    let partitions = relation.scope.any_partition
        || a.is_empty()
        || b.is_empty()
        || a.iter().any(|partition| b.contains(partition));
    nodes && partitions
}

fn fits(pattern: &Pattern, event: &TraceEvent) -> bool {
    pattern.family.as_ref().is_none_or(|family| *family == event.family)
        && pattern.kind.as_ref().is_none_or(|kind| *kind == event.kind)
        && pattern.condition.as_ref().is_none_or(|condition| is_met(condition, event))
}

fn is_met(condition: &Condition, event: &TraceEvent) -> bool {
    match condition {
        Condition::And(one, other) => is_met(one, event) && is_met(other, event),
        Condition::Or(one, other) => is_met(one, event) || is_met(other, event),
        Condition::Not(inner) => !is_met(inner, event),
        Condition::Compare(comparison) => compare(comparison, event),
    }
}

/// What an event does not have is neither equal nor unequal to anything. What it has is unequal to what none of it is.
fn compare(comparison: &Comparison, event: &TraceEvent) -> bool {
    let Comparison { field, shape, operator, values } = comparison;
    let denied = *operator == Operator::Unequal;
    let operator = if denied { Operator::Equal } else { *operator };
    let (mut is_there, mut is) = (false, false);
    each(event, field, shape, &mut |seen| {
        is_there = true;
        is |= values.iter().any(|value| seen.is(operator, value));
    });
    is_there && is != denied
}
