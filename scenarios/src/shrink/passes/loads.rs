//! Fewer operations of each client, and of the topics that it works on. The n-th operation is the same whatever their
//! number, so a load is cut off at its end; or it begins later, and its first operations are others then.

use serde_json::{Value, json};

use super::lists::without;
use crate::shrink::edit::Edit;
use crate::shrink::failing_run::FailingRun;
use crate::shrink::tree::{at, list, list_mut, put};

pub(super) fn fewer(tree: &Value, failing_run: &FailingRun) -> Vec<Edit> {
    let clients = list(tree, "/clients").len();
    let all: Vec<usize> = (0..clients).collect();
    let mut edits = Vec::new();
    if let Some(shown_ms) = failing_run.shown_ms {
        edits.push(each(&all, move |client| until(client, shown_ms)));
    }
    let mut groups = vec![all];
    groups.extend((0..clients).map(|one| vec![one]));
    for group in groups {
        edits.push(each(&group, |_| Some(1)));
        for (part, whole) in [(1, 10), (1, 3), (1, 2), (1, 2), (1, 2), (2, 3), (4, 5), (9, 10)] {
            edits.push(each(&group, move |client| {
                Some(operations(client)? * part / whole).filter(|left| *left > 0)
            }));
            if (part, whole) == (1, 2) {
                edits.push(last(&group, |operations| operations / 2));
            }
        }
        edits.extend(LAST.map(|left| last(&group, move |operations| left.min(operations - 1))));
        for at_ms in moments(tree) {
            edits.extend(FEW.map(|few| at_moment(&group, at_ms, few)));
        }
        edits.push(each(&group, |client| operations(client)?.checked_sub(1)));
    }
    for position in 0..clients {
        let place = format!("/clients/{position}/topics");
        let topics = list(tree, &place).iter().cloned();
        edits.extend(topics.map(|topic| without(&place, vec![topic])));
    }
    edits
}

fn operations(client: &Value) -> Option<u64> {
    at(client, "/operations").as_u64()
}

/// About as many operations as a client begins until then, and some more.
fn until(client: &Value, shown_ms: u64) -> Option<u64> {
    let start_ms = at(client, "/start_ms").as_u64()?;
    let pause_us = list(client, "/interval_us").first()?.as_u64()?.max(1_000);
    let until = shown_ms.saturating_sub(start_ms).saturating_mul(1_000) / pause_us + 2;
    Some(until.min(operations(client)?))
}

/// Gives each client of a group another number of operations.
fn each(group: &[usize], number: impl Fn(&Value) -> Option<u64> + Send + Sync + 'static) -> Edit {
    let group = group.to_vec();
    Edit::new(move |tree| {
        let mut changed = false;
        let clients = list_mut(tree, "/clients").into_iter().flatten().enumerate();
        for (_, client) in clients.filter(|(position, _)| group.contains(position)) {
            let less = number(client).filter(|less| operations(client).is_some_and(|n| *less < n));
            if let Some(less) = less.filter(|less| *less > 0) {
                changed |= put(client, "/operations", json!(less));
            }
        }
        changed
    })
}

/// So many of the last operations of a load are tried alone.
const LAST: [u64; 3] = [30, 5, 1];

/// A load's last operations alone: it begins when they would, as far as the pauses tell.
fn last(group: &[usize], left: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Edit {
    let group = group.to_vec();
    Edit::new(move |tree| {
        let mut changed = false;
        for place in group.iter().map(|position| format!("/clients/{position}")) {
            let client = at(tree, &place);
            let pause = list(client, "/interval_us").iter().filter_map(Value::as_u64);
            let (pauses, start) = (pause.sum::<u64>(), at(client, "/start_ms").as_u64());
            let Some((all, start)) = operations(client).filter(|all| *all > 0).zip(start) else {
                continue;
            };
            let left = left(all);
            let begun = start.saturating_add((all - left).saturating_mul(pauses / 2) / 1_000);
            if left > 0 {
                changed |= put(tree, &format!("{place}/operations"), json!(left));
                put(tree, &format!("{place}/start_ms"), json!(begun));
            }
        }
        changed
    })
}

/// So long after a step an operation may be what it harms, in milliseconds.
const AFTER_STEP_MS: [u64; 3] = [10, 100, 1_000];

/// Of so many steps, at the most.
const STEPS_TRIED: usize = 4;

/// Times at which one operation may be all that it takes: a little after each step.
fn moments(tree: &Value) -> Vec<u64> {
    let steps = list(tree, "/steps").iter().filter_map(|step| at(step, "/at_ms").as_u64());
    steps
        .take(STEPS_TRIED)
        .flat_map(|at_ms| AFTER_STEP_MS.map(|after| at_ms.saturating_add(after)))
        .collect()
}

/// So many operations are tried at such a time: one may go to another partition than the failing one.
const FEW: [u64; 2] = [1, 10];

/// A few operations of each load, from that time on.
fn at_moment(group: &[usize], at_ms: u64, few: u64) -> Edit {
    let group = group.to_vec();
    Edit::new(move |tree| {
        let mut changed = false;
        let clients = list_mut(tree, "/clients").into_iter().flatten().enumerate();
        for (_, client) in clients.filter(|(position, _)| group.contains(position)) {
            if operations(client).is_some_and(|all| all > few) {
                changed |= put(client, "/operations", json!(few));
                put(client, "/start_ms", json!(at_ms));
            }
        }
        changed
    })
}
