//! From words to the tree.

use super::condition::condition;
use super::known::Known;
use super::problem::{QueryProblem, nearest};
use super::reader::{DEPTH_MAX, Reader};
use super::token::{Token, tokens};
use super::tree::{Direction, Events, Expression, Pattern, Query, Relation, Scope};
use crate::trace::kinds::{Kind, kinds};

/// Words that are no kinds.
const RESERVED: [&str; 8] = ["and", "or", "not", "preceded", "followed", "by", "within", "on"];

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// The first place at which it is none.
    pub fn parse(text: &str) -> Result<Self, QueryProblem> {
        let tokens = tokens(text)?;
        let kinds = kinds();
        let mut reader = Reader::new(tokens, &kinds);
        if *reader.token() == Token::End {
            let help = "write what to look for, such as 'truncated not preceded by became-leader'";
            return Err(reader.problem("the query is empty", help));
        }
        let root = reader.disjunction(0)?;
        if *reader.token() != Token::End {
            let message = format!("{} comes after the end of the query", reader.shown());
            let help =
                "join it by and, or, preceded by, followed by; conditions go in [..] after a kind";
            return Err(reader.problem(message, help));
        }
        Ok(Self { root })
    }
}

impl Reader<'_> {
    fn disjunction(&mut self, depth: usize) -> Result<Expression, QueryProblem> {
        let mut all = self.conjunction(depth)?;
        while self.takes_word("or") {
            all = Expression::Or(Box::new(all), Box::new(self.conjunction(depth)?));
        }
        Ok(all)
    }

    fn conjunction(&mut self, depth: usize) -> Result<Expression, QueryProblem> {
        let mut all = self.unary(depth)?;
        while self.takes_word("and") {
            all = Expression::And(Box::new(all), Box::new(self.unary(depth)?));
        }
        Ok(all)
    }

    fn unary(&mut self, depth: usize) -> Result<Expression, QueryProblem> {
        if depth > DEPTH_MAX {
            return Err(self.problem("this is too deep", "take some parentheses away"));
        }
        if self.takes_word("not") {
            return Ok(Expression::Not(Box::new(self.unary(depth + 1)?)));
        }
        self.related(depth)
    }

    fn related(&mut self, depth: usize) -> Result<Expression, QueryProblem> {
        let began = self.position;
        let mut left = self.primary(depth)?;
        while let Some((negated, direction)) = self.relation()? {
            let subject = self.events(left, began)?;
            let began = self.position;
            let object = self.primary(depth)?;
            let object = Box::new(self.events(object, began)?);
            let within_ns = self.within()?;
            let scope = self.scope()?;
            let relation = Relation { negated, direction, object, within_ns, scope };
            left = Expression::Events(Events::Related(Box::new(subject), relation));
        }
        Ok(left)
    }

    /// What stands beside a relation must be events.
    fn events(&self, of: Expression, began: usize) -> Result<Events, QueryProblem> {
        of.into_events().ok_or_else(|| {
            let message = "this speaks of the whole run, and a relation needs events beside it";
            let help = "`and` and `not` join what is true of a run; of one event write conditions, such as \
                        truncated[node = 1 and not offset < 5], and join kinds by `or`";
            self.problem_at(began, message, help)
        })
    }

    fn relation(&mut self) -> Result<Option<(bool, Direction)>, QueryProblem> {
        let negated = self.sees_word("not");
        let word = if negated { self.after() } else { self.token() };
        let direction = match word {
            Token::Word(word) if word == "preceded" => Direction::Preceded,
            Token::Word(word) if word == "followed" => Direction::Followed,
            Token::Word(_) | Token::Quoted(_) | Token::Sign(_) | Token::End => return Ok(None),
        };
        if negated {
            self.next();
        }
        self.next();
        if !self.takes_word("by") {
            let message = format!("{} is where `by` should be", self.shown());
            return Err(self.problem(message, "write `preceded by` or `followed by`"));
        }
        Ok(Some((negated, direction)))
    }

    fn within(&mut self) -> Result<Option<u64>, QueryProblem> {
        if !self.takes_word("within") {
            return Ok(None);
        }
        let within = self.duration_ns()?;
        self.next();
        Ok(Some(within))
    }

    fn scope(&mut self) -> Result<Scope, QueryProblem> {
        let mut scope = Scope::default();
        if self.takes_word("anywhere") {
            return Ok(Scope { any_node: true, any_partition: true });
        }
        while self.takes_word("on") {
            let any = self.takes_word("any");
            if any && self.takes_word("node") {
                scope.any_node = true;
            } else if any && self.takes_word("partition") {
                scope.any_partition = true;
            } else {
                let message = format!("{} says nowhere", self.shown());
                return Err(
                    self.problem(message, "write `on any node`, `on any partition` or `anywhere`")
                );
            }
        }
        Ok(scope)
    }

    fn primary(&mut self, depth: usize) -> Result<Expression, QueryProblem> {
        if self.takes_sign("(") {
            let inner = self.disjunction(depth + 1)?;
            self.expect_sign(")")?;
            return Ok(inner);
        }
        Ok(Expression::Events(Events::Pattern(self.pattern(depth)?)))
    }

    fn pattern(&mut self, depth: usize) -> Result<Pattern, QueryProblem> {
        self.begin_term()?;
        let (family, kind) = self.kind()?;
        let mut pattern = Pattern { family, kind, condition: None };
        if self.takes_sign("[") {
            let known = Known::of(self.kinds, pattern.family.as_deref(), pattern.kind.as_deref());
            pattern.condition = Some(condition(self, &known, depth)?);
            self.expect_sign("]")?;
        }
        Ok(pattern)
    }

    /// Family and kind.
    fn kind(&mut self) -> Result<(Option<String>, Option<String>), QueryProblem> {
        if self.takes_sign("*") {
            return Ok((None, None));
        }
        let word = match self.token() {
            Token::Word(word) if !RESERVED.contains(&word.as_str()) => word.clone(),
            Token::Word(_) | Token::Quoted(_) | Token::Sign(_) | Token::End => {
                let message = format!("{} is where a kind of event should be", self.shown());
                let help = "write a kind such as truncated, log.truncated, or * for any; \
                            `harrow query --kinds` lists them";
                return Err(self.problem(message, help));
            }
        };
        let (family, kind) = match word.split_once('.') {
            Some((family, kind)) => (Some(family.to_owned()), kind.to_owned()),
            None => (None, word.clone()),
        };
        let of_family = |known: &&Kind| family.as_ref().is_none_or(|family| family == known.family);
        let all_of_family = family.is_some() && kind.is_empty();
        let known = self.kinds.iter().filter(of_family);
        if !known.clone().any(|known| all_of_family || known.name == kind) {
            return Err(self.unknown_kind(&word));
        }
        self.next();
        if all_of_family {
            self.expect_sign("*")?;
            return Ok((family, None));
        }
        Ok((family, Some(kind)))
    }

    fn unknown_kind(&self, word: &str) -> QueryProblem {
        let whole = word.contains('.');
        let names: Vec<String> =
            self.kinds
                .iter()
                .map(|kind| {
                    if whole { format!("{}.{}", kind.family, kind.name) } else { kind.name.clone() }
                })
                .collect();
        let help = match nearest(word, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`? `harrow query --kinds` lists all"),
            None => "`harrow query --kinds` lists all".to_owned(),
        };
        self.problem(format!("there is no kind of event `{word}`"), help)
    }
}
