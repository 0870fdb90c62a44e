//! The values of a comparison: `= 255`, `= diverged|out-of-range`. What no event of the kind can have is a mistake.

use super::known::Known;
use super::problem::{QueryProblem, listed};
use super::reader::{Reader, time_ns};
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
    pub(super) shape: Shape,
    pub(super) known: &'a Known<'a>,
}

/// Whether what is asked for can be compared so; the operator is next.
pub(super) fn check_operator(
    reader: &Reader<'_>,
    subject: &Subject<'_>,
    operator: Operator,
) -> Result<(), QueryProblem> {
    let Subject { name, shape, known, .. } = subject;
    match shape {
        Shape::Enum(_) | Shape::Name if operator.orders() => {
            Err(reader.problem("a text is neither less nor more", "compare it by =, != or ~"))
        }
        Shape::Number | Shape::Node if operator == Operator::Contains => {
            let help = "compare it by = != < <= > or >=; a list is what any item of it is";
            Err(reader.problem("a number contains nothing", help))
        }
        Shape::Object => {
            let help = format!("compare what is in it: {}", known.within(name).join(", "));
            Err(reader.problem(format!("`{name}` is no single value"), help))
        }
        Shape::Enum(_) | Shape::Name | Shape::Number | Shape::Node | Shape::Any => Ok(()),
    }
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
    let one = |number: i128| (number, number);
    let numbers = match &subject.shape {
        _ if subject.field == Field::Time => {
            let (first, last) = time_ns(reader.duration_ns()?);
            Some((i128::from(first), i128::from(last)))
        }
        Shape::Enum(words) => {
            check_word(reader, subject, operator, &text, words)?;
            None
        }
        Shape::Number | Shape::Node => Some(one(whole(reader, &text)?)),
        Shape::Any if operator.orders() => Some(one(whole(reader, &text)?)),
        Shape::Any => number(&text).map(one),
        Shape::Name | Shape::Object => None,
    };
    let at = reader.place();
    reader.next();
    Ok(Literal { at, text, numbers })
}

/// It must be a word of a closed set, or a part of one.
fn check_word(
    reader: &Reader<'_>,
    subject: &Subject<'_>,
    operator: Operator,
    text: &str,
    words: &[String],
) -> Result<(), QueryProblem> {
    let contains = operator == Operator::Contains;
    if words.iter().any(|word| word == text || contains && word.contains(text)) {
        return Ok(());
    }
    let name = &subject.name;
    let message = if contains {
        format!("`{name}` of these events never contains `{text}`")
    } else {
        format!("`{name}` of these events is never `{text}`")
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Err(reader.problem(message, listed(text, "it is one of", &words, ALL)))
}

fn whole(reader: &Reader<'_>, text: &str) -> Result<i128, QueryProblem> {
    number(text).ok_or_else(|| {
        reader.problem(format!("`{text}` is no whole number"), "write one such as 255 or -1")
    })
}

/// A whole number, however large: beyond what is counted in, all are as far from what events have.
fn number(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let beyond = if text.starts_with('-') { i128::MIN } else { i128::MAX };
    Some(text.parse().unwrap_or(beyond))
}
