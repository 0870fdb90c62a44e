//! What a query is.

use crate::trace::shape::Shape;

/// A query, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub(super) root: Expression,
}

/// What may be true of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// There is such an event.
    Events(Events),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
}

/// Events of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Events {
    Pattern(Pattern),
    Either(Box<Events>, Box<Events>),
    Related(Box<Events>, Relation),
}

/// Events by kind and condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) family: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) condition: Option<Condition>,
}

/// What came before an event, or after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) negated: bool,
    pub(super) direction: Direction,
    pub(super) object: Box<Events>,
    pub(super) within_ns: Option<u64>,
    pub(super) scope: Scope,
}

/// On which side of an event another one is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Preceded,
    Followed,
}

/// Where another event is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scope {
    pub(super) any_node: bool,
    pub(super) any_partition: bool,
}

/// A condition on one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Comparison),
}

/// A field against values, one of which must fit; with `!=` none may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) field: Field,
    /// What the field may be: so it is compared.
    pub(super) shape: Shape,
    pub(super) operator: Operator,
    pub(super) values: Vec<Literal>,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Node,
    Partition,
    Offset,
    Epoch,
    Time,
    Event,
    Row,
    Record,
    Text,
    Family,
    Kind,
    /// A field of the event's own, by its path.
    Own(String),
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
    Contains,
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    /// Where, in bytes from the beginning.
    pub(super) at: usize,
    pub(super) text: String,
    /// As numbers, the first and the last that it stands for, if it is one. Times are in nanoseconds, and one that is
    /// written like those that are shown stands for all that are shown so.
    pub(super) numbers: Option<(i128, i128)>,
}

impl Operator {
    /// Whether it asks which is the greater.
    pub(super) fn orders(self) -> bool {
        match self {
            Self::Less | Self::AtMost | Self::More | Self::AtLeast => true,
            Self::Equal | Self::Unequal | Self::Contains => false,
        }
    }
}

impl Expression {
    /// As events, if it is only about which.
    pub(super) fn into_events(self) -> Option<Events> {
        match self {
            Self::Events(events) => Some(events),
            Self::Or(one, other) => {
                let (one, other) = (one.into_events()?, other.into_events()?);
                Some(Events::Either(Box::new(one), Box::new(other)))
            }
            Self::And(..) | Self::Not(_) => None,
        }
    }
}
