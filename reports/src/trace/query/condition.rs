//! What stands in brackets: `[node = 1, offset < 255 or epoch = 2]`.

use super::known::Known;
use super::problem::{QueryProblem, nearest};
use super::reader::{DEPTH_MAX, Reader};
use super::token::Token;
use super::tree::{Comparison, Condition, Field, Operator};
use super::value::{Subject, check_operator, literal};
use crate::trace::shape::Shape;

/// Fields that events of all kinds have, and those that are found in what is a kind's own.
const FIELDS: [(&str, Field); 11] = [
    ("node", Field::Node),
    ("partition", Field::Partition),
    ("offset", Field::Offset),
    ("epoch", Field::Epoch),
    ("time", Field::Time),
    ("event", Field::Event),
    ("row", Field::Row),
    ("record", Field::Record),
    ("text", Field::Text),
    ("family", Field::Family),
    ("kind", Field::Kind),
];

const OPERATORS: [(&str, Operator); 7] = [
    ("=", Operator::Equal),
    ("!=", Operator::Unequal),
    ("<", Operator::Less),
    ("<=", Operator::AtMost),
    (">", Operator::More),
    (">=", Operator::AtLeast),
    ("~", Operator::Contains),
];

/// Reads a condition up to its closing bracket. `known` are the kinds of events that it is of.
pub(super) fn condition(
    reader: &mut Reader<'_>,
    known: &Known<'_>,
    depth: usize,
) -> Result<Condition, QueryProblem> {
    let mut all = conjunction(reader, known, depth)?;
    while reader.takes_word("or") {
        let other = conjunction(reader, known, depth)?;
        all = Condition::Or(Box::new(all), Box::new(other));
    }
    Ok(all)
}

fn conjunction(
    reader: &mut Reader<'_>,
    known: &Known<'_>,
    depth: usize,
) -> Result<Condition, QueryProblem> {
    let mut all = one(reader, known, depth)?;
    while reader.takes_word("and") || reader.takes_sign(",") {
        let other = one(reader, known, depth)?;
        all = Condition::And(Box::new(all), Box::new(other));
    }
    Ok(all)
}

fn one(
    reader: &mut Reader<'_>,
    known: &Known<'_>,
    depth: usize,
) -> Result<Condition, QueryProblem> {
    if depth > DEPTH_MAX {
        return Err(reader.problem("this is too deep", "take some parentheses away"));
    }
    if reader.takes_word("not") {
        return Ok(Condition::Not(Box::new(one(reader, known, depth + 1)?)));
    }
    if reader.takes_sign("(") {
        let inner = condition(reader, known, depth + 1)?;
        reader.expect_sign(")")?;
        return Ok(inner);
    }
    comparison(reader, known).map(Condition::Compare)
}

fn comparison(reader: &mut Reader<'_>, known: &Known<'_>) -> Result<Comparison, QueryProblem> {
    reader.begin_term()?;
    let subject = subject(reader, known)?;
    let found = OPERATORS.iter().find(|(sign, _)| reader.sees_sign(sign));
    let Some((sign, operator)) = found else {
        let message = format!("{} is no comparison", reader.shown());
        return Err(reader.problem(message, "write one of = != < <= > >=, or ~ for `contains`"));
    };
    check_operator(reader, &subject, *operator)?;
    reader.takes_sign(sign);
    let mut values = vec![literal(reader, &subject, *operator)?];
    while reader.takes_sign("|") {
        values.push(literal(reader, &subject, *operator)?);
    }
    let Subject { field, shape, .. } = subject;
    Ok(Comparison { field, shape, operator: *operator, values })
}

fn subject<'a>(reader: &mut Reader<'_>, known: &'a Known<'a>) -> Result<Subject<'a>, QueryProblem> {
    let Token::Word(name) = reader.token().clone() else {
        let message = format!("{} is no field", reader.shown());
        let help =
            "write a comparison such as node = 1, partition = orders-0, offset < 255, time >= 2s";
        return Err(reader.problem(message, help));
    };
    let (field, shape) = match FIELDS.iter().find(|(field, _)| *field == name) {
        Some((_, field)) if known.tells(field) => (field.clone(), shape_of(field, known)),
        Some(_) => return Err(untold_field(reader, &name, known)),
        None => match known.shape(&name) {
            Some(shape) => (Field::Own(name.clone()), shape),
            None => return Err(unknown_field(reader, &name, known)),
        },
    };
    reader.next();
    Ok(Subject { field, name, shape, known })
}

/// What a field may be that events of all kinds have.
fn shape_of(field: &Field, known: &Known<'_>) -> Shape {
    match field {
        Field::Node => Shape::Node,
        Field::Partition | Field::Text | Field::Own(_) => Shape::Name,
        Field::Family => Shape::words(&known.families()),
        Field::Kind => Shape::words(&known.names()),
        Field::Offset | Field::Epoch | Field::Time | Field::Event | Field::Row | Field::Record => {
            Shape::Number
        }
    }
}

/// The fields that all events have, or that are found in what these have.
fn told_fields(known: &Known<'_>) -> Vec<&'static str> {
    FIELDS.iter().filter(|(_, field)| known.tells(field)).map(|(name, _)| *name).collect()
}

fn untold_field(reader: &Reader<'_>, name: &str, known: &Known<'_>) -> QueryProblem {
    let message = format!("these events never have `{name}`");
    let within = known.ending_in(name);
    if !within.is_empty() {
        return reader.problem(message, format!("did you mean `{}`?", within.join("` or `")));
    }
    let own = known.fields();
    let own = if own.is_empty() { "nothing".to_owned() } else { own.join(", ") };
    let told = told_fields(known).join(", ");
    let help = format!("beside {told} they have {own}; `harrow query --kinds` lists all");
    reader.problem(message, help)
}

fn unknown_field(reader: &Reader<'_>, name: &str, known: &Known<'_>) -> QueryProblem {
    let message = format!("these events have no field `{name}`");
    let within = name.split_once('.').map(|(first, _)| (first, known.within(first)));
    if let Some((first, within)) = within.filter(|(first, _)| known.has(first)) {
        let help = match nearest(name, within.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if within.is_empty() => format!("nothing is in `{first}`: compare it itself"),
            None => format!("in `{first}` there are {}", within.join(", ")),
        };
        return reader.problem(message, help);
    }
    let (own, told) = (known.fields(), told_fields(known));
    let help = if let Some(near) = nearest(name, told.iter().chain(&own).copied()) {
        format!("did you mean `{near}`?")
    } else {
        let own = if own.is_empty() { "none".to_owned() } else { own.join(", ") };
        format!("every event may have {}; of its own it has {own}", told.join(", "))
    };
    reader.problem(message, help)
}
