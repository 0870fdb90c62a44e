//! What stands in brackets: `[node = 1, offset < 255 or epoch = 2]`.

use super::problem::{QueryProblem, nearest};
use super::reader::{DEPTH_MAX, Reader};
use super::token::Token;
use super::tree::{Comparison, Condition, Field, Literal, Operator};
use crate::trace::event::{EPOCH_FIELDS, OFFSET_FIELDS};

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

/// Reads a condition up to its closing bracket. `known` are the fields that events of this kind have of their own.
pub(super) fn condition(
    reader: &mut Reader<'_>,
    known: &[String],
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
    known: &[String],
    depth: usize,
) -> Result<Condition, QueryProblem> {
    let mut all = one(reader, known, depth)?;
    while reader.takes_word("and") || reader.takes_sign(",") {
        let other = one(reader, known, depth)?;
        all = Condition::And(Box::new(all), Box::new(other));
    }
    Ok(all)
}

fn one(reader: &mut Reader<'_>, known: &[String], depth: usize) -> Result<Condition, QueryProblem> {
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

fn comparison(reader: &mut Reader<'_>, known: &[String]) -> Result<Comparison, QueryProblem> {
    let field = field(reader, known)?;
    let found = OPERATORS.iter().find(|(sign, _)| reader.sees_sign(sign));
    let Some((sign, operator)) = found else {
        let message = format!("{} is no comparison", reader.shown());
        return Err(reader.problem(message, "write one of = != < <= > >=, or ~ for `contains`"));
    };
    check_operator(reader, &field, *operator)?;
    reader.takes_sign(sign);
    let mut values = vec![literal(reader, &field, *operator)?];
    while reader.takes_sign("|") {
        values.push(literal(reader, &field, *operator)?);
    }
    Ok(Comparison { field, operator: *operator, values })
}

fn field(reader: &mut Reader<'_>, known: &[String]) -> Result<Field, QueryProblem> {
    let Token::Word(name) = reader.token().clone() else {
        let message = format!("{} is no field", reader.shown());
        let help =
            "write a comparison such as node = 1, partition = orders-0, offset < 255, time >= 2s";
        return Err(reader.problem(message, help));
    };
    let first = name.split('.').next().unwrap_or_default();
    let field = match FIELDS.iter().find(|(field, _)| *field == name) {
        Some((_, field)) if may_tell(field, known) => field.clone(),
        Some(_) => return Err(untold_field(reader, &name, known)),
        None if known.iter().any(|field| field == first) => Field::Own(name),
        None => return Err(unknown_field(reader, &name, known)),
    };
    reader.next();
    Ok(field)
}

/// Whether events with these fields of their own can say what is asked for.
fn may_tell(field: &Field, known: &[String]) -> bool {
    let has = |name: &&str| known.iter().any(|field| field == name);
    match field {
        Field::Offset => OFFSET_FIELDS.iter().any(has) || ["from", "to"].iter().all(has),
        Field::Epoch => EPOCH_FIELDS.iter().any(has),
        Field::Record => has(&"records"),
        Field::Node
        | Field::Partition
        | Field::Time
        | Field::Event
        | Field::Row
        | Field::Text
        | Field::Family
        | Field::Kind
        | Field::Own(_) => true,
    }
}

fn untold_field(reader: &Reader<'_>, name: &str, known: &[String]) -> QueryProblem {
    let own = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
    let help = format!(
        "beside node, partition, time, event, row and text they have {own}; `harrow query --kinds` lists all"
    );
    reader.problem(format!("these events never have `{name}`"), help)
}

fn unknown_field(reader: &Reader<'_>, name: &str, known: &[String]) -> QueryProblem {
    let own: Vec<&str> = known.iter().map(String::as_str).collect();
    let told = FIELDS.iter().filter(|(_, field)| may_tell(field, known)).map(|(field, _)| *field);
    let help = if let Some(near) = nearest(name, told.clone().chain(own.iter().copied())) {
        format!("did you mean `{near}`?")
    } else {
        let general: Vec<&str> = told.collect();
        let own = if own.is_empty() { "none".to_owned() } else { own.join(", ") };
        format!("every event may have {}; of its own it has {own}", general.join(", "))
    };
    reader.problem(format!("these events have no field `{name}`"), help)
}

fn check_operator(
    reader: &Reader<'_>,
    field: &Field,
    operator: Operator,
) -> Result<(), QueryProblem> {
    let is_text = matches!(field, Field::Partition | Field::Text | Field::Family | Field::Kind);
    let is_own = matches!(field, Field::Own(_));
    let orders =
        matches!(operator, Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast);
    if is_text && orders {
        return Err(reader.problem("a text is neither less nor more", "compare it by =, != or ~"));
    }
    if !is_text && !is_own && operator == Operator::Contains {
        return Err(reader.problem("a number contains nothing", "compare it by = != < <= > or >="));
    }
    Ok(())
}

fn literal(
    reader: &mut Reader<'_>,
    field: &Field,
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
    let number = match field {
        Field::Time => Some(reader.duration_ns()? as i64),
        Field::Node | Field::Offset | Field::Epoch | Field::Event | Field::Row | Field::Record => {
            Some(whole(reader, &text)?)
        }
        Field::Partition | Field::Text | Field::Family | Field::Kind => None,
        Field::Own(_) => match operator {
            Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast => {
                Some(whole(reader, &text)?)
            }
            Operator::Equal | Operator::Unequal | Operator::Contains => text.parse().ok(),
        },
    };
    reader.next();
    Ok(Literal { text, number })
}

fn whole(reader: &Reader<'_>, text: &str) -> Result<i64, QueryProblem> {
    text.parse().map_err(|_| {
        reader.problem(format!("`{text}` is no whole number"), "write one such as 255 or -1")
    })
}
