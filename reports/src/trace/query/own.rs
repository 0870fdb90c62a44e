//! What an event has in a field, as it is compared. All of the language that looks into events looks here.

use std::borrow::Cow;

use serde_json::Value;

use super::tree::{Field, Literal, Operator};
use crate::trace::event::{TraceEvent, whole};
use crate::trace::shape::Shape;

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen<'a> {
    /// A number, or all numbers from the first to the last.
    Numbers(i128, i128),
    Text(Cow<'a, str>),
}

/// Takes all that an event has in a field. Of a list that is what any of its items is.
pub(super) fn each<'a>(
    event: &'a TraceEvent,
    field: &Field,
    shape: &Shape,
    take: &mut dyn FnMut(Seen<'a>),
) {
    let number = |number: i128| Seen::Numbers(number, number);
    let range = |(first, last): (i64, i64)| Seen::Numbers(first.into(), last.into());
    let text = |text: &'a str| Seen::Text(Cow::Borrowed(text));
    match field {
        Field::Node => match event.node {
            Some(node) => take(number(node.into())),
            // A fault is of those that it strikes.
            None => own(event, "nodes", shape, take),
        },
        Field::Event => take(number(event.event.into())),
        Field::Row => take(number(event.row.into())),
        Field::Time => take(number(event.at_ns.into())),
        Field::Epoch => event.epoch().into_iter().for_each(|epoch| take(range((epoch, epoch)))),
        Field::Offset => event.offsets().into_iter().for_each(|offsets| take(range(offsets))),
        Field::Partition => event.partitions.iter().for_each(|name| take(text(name))),
        Field::Text => take(text(&event.text)),
        Field::Family => take(text(&event.family)),
        Field::Kind => take(text(&event.kind)),
        Field::Record => own(event, "records", shape, take),
        Field::Own(path) => own(event, path, shape, take),
    }
}

fn own<'a>(event: &'a TraceEvent, path: &str, shape: &Shape, take: &mut dyn FnMut(Seen<'a>)) {
    event.each(path, &mut |value| seen(value, shape).into_iter().for_each(&mut *take));
}

/// A value as its shape says that it is to be taken: what is another thing is not looked at.
fn seen<'a>(value: &'a Value, shape: &Shape) -> Option<Seen<'a>> {
    let number = || whole(value).map(|number| Seen::Numbers(number, number));
    match (shape, value) {
        (Shape::Number | Shape::Node, _) | (Shape::Any, Value::Number(_)) => number(),
        (Shape::Any, Value::Object(_)) | (Shape::Object, _) => None,
        // A variant with fields of its own is called by its name.
        (_, Value::Object(fields)) => {
            let name = fields.get("kind").and_then(Value::as_str);
            name.map(|name| Seen::Text(Cow::Borrowed(name)))
        }
        (_, Value::String(text)) => Some(Seen::Text(Cow::Borrowed(text))),
        (_, plain) => Some(Seen::Text(Cow::Owned(plain.to_string()))),
    }
}

impl Seen<'_> {
    /// Whether it is, or any of the numbers is, as it is compared with what is asked for.
    pub(super) fn is(&self, operator: Operator, asked: &Literal) -> bool {
        match (self, asked.numbers) {
            (Self::Numbers(first, last), Some((low, high))) => match operator {
                Operator::Equal => *first <= high && *last >= low,
                Operator::Unequal => *first > high || *last < low,
                Operator::Less => *first < low,
                Operator::AtMost => *first <= high,
                Operator::More => *last > high,
                Operator::AtLeast => *last >= low,
                Operator::Contains => false,
            },
            (Self::Text(text), _) => match operator {
                Operator::Equal => *text == asked.text,
                Operator::Unequal => *text != asked.text,
                Operator::Contains => text.contains(&asked.text),
                Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast => false,
            },
            (Self::Numbers(..), None) => operator == Operator::Unequal,
        }
    }
}
