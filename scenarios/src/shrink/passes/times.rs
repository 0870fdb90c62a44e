//! Shorter faults, sooner, with less between them, at round times; and round numbers of all else.

use serde_json::{Value, json};

use crate::shrink::edit::Edit;
use crate::shrink::failing_run::FailingRun;
use crate::shrink::tree::{at, each, list, list_mut, put};
use crate::shrink::unusual::unusual;

pub(super) fn shorter(tree: &Value, _failing_run: &FailingRun) -> Vec<Edit> {
    let mut edits = Vec::new();
    for position in 0..list(tree, "/steps").len() {
        edits.extend(sooner(position));
    }
    each(at(tree, "/steps"), "/steps", &mut |place, key, value| {
        let is_timed = key.ends_with("_ms") || key.ends_with("_us");
        for place in numbers(place, value).filter(|_| !["id", "at_ms"].contains(&key)) {
            edits.extend(if is_timed { number(&place, 1) } else { round(&place) });
        }
    });
    each(at(tree, "/clocks"), "/clocks", &mut |place, key, value| {
        for place in numbers(place, value).filter(|_| key != "node") {
            edits.extend(number(&place, 0));
        }
    });
    for position in 0..list(tree, "/clients").len() {
        edits.extend(number(&format!("/clients/{position}/start_ms"), 0));
    }
    edits.extend(number("/heal_at_ms", 1));
    for position in 0..list(tree, "/steps").len() {
        edits.extend(round(&format!("/steps/{position}/at_ms")));
    }
    for unusual in unusual(tree) {
        edits.extend(numbers(&unusual, at(tree, &unusual)).flat_map(|place| round(&place)));
    }
    edits
}

/// The places of a number, or of those in a list.
fn numbers(place: &str, value: &Value) -> impl Iterator<Item = String> {
    let is_number = |value: &Value| value.is_i64() || value.is_u64();
    let elements = value.as_array().map_or(&[][..], Vec::as_slice).iter().enumerate();
    let listed = elements.filter(|(_, element)| is_number(element));
    let alone = is_number(value).then(|| place.to_owned());
    let places: Vec<String> =
        alone.into_iter().chain(listed.map(|(index, _)| format!("{place}/{index}"))).collect();
    places.into_iter()
}

/// A number nearer to zero, down to the least that it can be: that, then by ever smaller parts of the way, at round
/// values first.
fn number(place: &str, least: i64) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (part, whole) in [(0, 1), (1, 10), (1, 4), (1, 2), (1, 2), (1, 2), (3, 4), (7, 8)] {
        let place = place.to_owned();
        edits.push(Edit::new(move |tree| {
            let Some(now) = at(tree, &place).as_i64() else { return false };
            let next = rounded(least + (now.saturating_abs() - least) * part / whole);
            let next = next * now.signum();
            next != now && next.abs() >= least && put(tree, &place, json!(next))
        }));
    }
    edits.extend(round(place));
    edits
}

/// To one digit, then to two.
fn rounded(number: i64) -> i64 {
    let unit = unit(number, 1);
    let down = number / unit * unit;
    if down == 0 { number } else { down }
}

/// The place of a number's n-th digit.
fn unit(number: i64, digits: u32) -> i64 {
    let length = number.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
    10_i64.pow(length.saturating_sub(digits))
}

/// The same number with fewer digits, just below and just above.
fn round(place: &str) -> Vec<Edit> {
    let to = |digits: u32, above: bool| {
        let place = place.to_owned();
        Edit::new(move |tree| {
            let Some(now) = at(tree, &place).as_i64() else { return false };
            let unit = unit(now, digits);
            let next = (now / unit + i64::from(above)) * unit;
            next != now && put(tree, &place, json!(next))
        })
    };
    vec![to(1, false), to(1, true), to(2, false), to(2, true)]
}

/// A step and all that come after it, the heal with them, sooner by a part of what lies between it and the one before.
fn sooner(position: usize) -> Vec<Edit> {
    let parts = [(1, 1), (9, 10), (1, 2), (1, 2), (1, 4), (1, 8)];
    parts.into_iter().map(|(part, whole)| gap(position, part, whole)).collect()
}

fn gap(position: usize, part: u64, whole: u64) -> Edit {
    Edit::new(move |tree| {
        let Some(steps) = list_mut(tree, "/steps") else { return false };
        let time =
            |step: Option<&Value>| step.map_or(0, |step| at(step, "/at_ms").as_u64().unwrap_or(0));
        let before = position.checked_sub(1).map_or(0, |before| time(steps.get(before)));
        let by = time(steps.get(position)).saturating_sub(before) * part / whole;
        for step in steps.iter_mut().skip(position) {
            let at_ms = time(Some(step)).saturating_sub(by);
            put(step, "/at_ms", json!(at_ms));
        }
        let heal = at(tree, "/heal_at_ms").as_u64().unwrap_or(0).saturating_sub(by);
        by > 0 && put(tree, "/heal_at_ms", json!(heal.max(1)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_down_to_one_digit() {
        let table = [(1_563, 1_000), (999, 900), (7, 7), (10, 10), (0, 0), (-250, -200)];
        for (number, wanted) in table {
            assert_eq!(rounded(number), wanted, "{number}");
        }
        assert_eq!((unit(1_563, 1), unit(1_563, 2), unit(7, 2)), (1_000, 100, 1));
    }

    #[test]
    fn numbers_are_found_alone_and_in_lists() {
        let found = |value: &Value| numbers("/a", value).collect::<Vec<_>>();
        assert_eq!(found(&json!(7)), ["/a"]);
        assert_eq!(found(&json!([-1, 2, "x"])), ["/a/0", "/a/1"]);
        assert_eq!(found(&json!("x")), Vec::<String>::new());
    }
}
