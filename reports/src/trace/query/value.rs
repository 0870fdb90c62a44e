//! The values of a comparison: `= 255`, `= diverged|out-of-range`. What no event of the kind can have is a mistake.

use super::known::Known;
use super::problem::{QueryProblem, listed};
use super::reader::Reader;
use super::token::Token;
use super::tree::{Field, Literal, Operator};
use crate::trace::shape::Shape;

/// Where all that could be meant is found.
const ALL: &str = "; `harrow query --kinds` lists all";

/// What is compared, and what it may be.
pub(super) struct Subject<'a> {
    pub(super) field: Field,
    /// As it was written.
    pub(super) name: String,
    /// What a field of an event's own may be.
    pub(super) shape: Shape,
    pub(super) known: &'a Known<'a>,
}

impl Subject<'_> {
    /// Whether what stands beside it is a name that a run gives.
    pub(super) fn is_named(&self, operator: Operator) -> bool {
        let is_named = match self.field {
            Field::Node | Field::Partition => true,
            Field::Own(_) => self.shape == Shape::Name,
            Field::Offset
            | Field::Epoch
            | Field::Time
            | Field::Event
            | Field::Row
            | Field::Record
            | Field::Text
            | Field::Family
            | Field::Kind => false,
        };
        is_named && !orders(operator)
    }
}

fn orders(operator: Operator) -> bool {
    match operator {
        Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast => true,
        Operator::Equal | Operator::Unequal | Operator::Contains => false,
    }
}

/// Whether what is asked for can be compared so; the operator is next.
pub(super) fn check_operator(
    reader: &Reader<'_>,
    subject: &Subject<'_>,
    operator: Operator,
) -> Result<(), QueryProblem> {
    let Subject { field, name, shape, known } = subject;
    let is_own = matches!(field, Field::Own(_));
    let is_text = match field {
        Field::Partition | Field::Text | Field::Family | Field::Kind => true,
        Field::Own(_) => matches!(shape, Shape::Words(_) | Shape::Name),
        Field::Node
        | Field::Offset
        | Field::Epoch
        | Field::Time
        | Field::Event
        | Field::Row
        | Field::Record => false,
    };
    if is_text && orders(operator) {
        return Err(reader.problem("a text is neither less nor more", "compare it by =, != or ~"));
    }
    if !is_text && !is_own && operator == Operator::Contains {
        return Err(reader.problem("a number contains nothing", "compare it by = != < <= > or >="));
    }
    if is_own && *shape == Shape::Parts && operator != Operator::Contains {
        let help = format!("compare what is in it: {}", known.within(name).join(", "));
        return Err(reader.problem(format!("`{name}` is no single value"), help));
    }
    Ok(())
}

/// Reads the value that is next.
pub(super) fn literal(
    reader: &mut Reader<'_>,
    subject: &Subject<'_>,
    operator: Operator,
) -> Result<Literal, QueryProblem> {
    let text = match reader.token() {
        Token::Word(text) | Token::Quoted(text) => text.clone(),
        Token::Sign(_) | Token::End => {
            let message = format!("{} is no value", reader.shown());
            return Err(
                reader.problem(message, "write a number, a name, a time or a text in quotes")
            );
        }
    };
    let number = match subject.field {
        Field::Time => Some(reader.duration_ns()? as i64),
        Field::Node | Field::Offset | Field::Epoch | Field::Event | Field::Row | Field::Record => {
            Some(whole(reader, &text)?)
        }
        Field::Family => one_of(reader, subject, operator, &text, &subject.known.families())?,
        Field::Kind => one_of(reader, subject, operator, &text, &subject.known.names())?,
        Field::Partition | Field::Text => None,
        Field::Own(_) => own(reader, subject, operator, &text)?,
    };
    let at = reader.place();
    reader.next();
    Ok(Literal { at, text, number })
}

fn own(
    reader: &Reader<'_>,
    subject: &Subject<'_>,
    operator: Operator,
    text: &str,
) -> Result<Option<i64>, QueryProblem> {
    match &subject.shape {
        Shape::Words(words) => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            one_of(reader, subject, operator, text, &words)
        }
        // A list may contain a number.
        Shape::Number if operator == Operator::Contains => Ok(text.parse().ok()),
        // Of 64 bits some are hashes.
        Shape::Number if !orders(operator) && text.parse::<u64>().is_ok() => Ok(text.parse().ok()),
        Shape::Number => whole(reader, text).map(Some),
        Shape::Name | Shape::Parts | Shape::Open if orders(operator) => {
            whole(reader, text).map(Some)
        }
        Shape::Name | Shape::Parts | Shape::Open => Ok(text.parse().ok()),
    }
}

/// A word of a closed set, or a part of one.
fn one_of(
    reader: &Reader<'_>,
    subject: &Subject<'_>,
    operator: Operator,
    text: &str,
    words: &[&str],
) -> Result<Option<i64>, QueryProblem> {
    let contains = operator == Operator::Contains;
    if words.iter().any(|word| *word == text || contains && word.contains(text)) {
        return Ok(None);
    }
    let name = &subject.name;
    let message = if contains {
        format!("`{name}` of these events never contains `{text}`")
    } else {
        format!("`{name}` of these events is never `{text}`")
    };
    Err(reader.problem(message, listed(text, "it is one of", words, ALL)))
}

fn whole(reader: &Reader<'_>, text: &str) -> Result<i64, QueryProblem> {
    text.parse().map_err(|_| {
        reader.problem(format!("`{text}` is no whole number"), "write one such as 255 or -1")
    })
}
