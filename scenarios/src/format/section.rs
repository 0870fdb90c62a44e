//! Reads one table of a scenario: typed values, with a problem for each that is wrong and for each key nobody asked
//! for.

use std::cell::{Cell, RefCell};
use std::mem::discriminant;

use super::asked::{
    AskedKey, AskedTable, UnlessGiven, number_within, numbers_within, one_of, range, required,
};
use super::place::Place;
use super::problem::{Problem, name_help};
use super::settings::{Setting, Settings};
use super::tree::{Entry, Node, Table, Value};
use super::value::{Chance, Choice, Numbers};

/// Where problems are gathered, so that one look at a file shows them all.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: RefCell<Vec<Problem>>,
    /// What each table was asked for, if somebody writes it down: the reference of scenario files is made from it.
    asked: Option<RefCell<Vec<AskedTable>>>,
}

impl Problems {
    /// That also write down what tables are asked for.
    pub(crate) fn with_asked() -> Self {
        Self { found: RefCell::default(), asked: Some(RefCell::default()) }
    }

    /// What tables were asked for.
    pub(crate) fn into_asked(self) -> Vec<AskedTable> {
        self.asked.map(RefCell::into_inner).unwrap_or_default()
    }

    pub(crate) fn add(&self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.found.borrow_mut().push(Problem::new(place.clone(), message, help));
    }

    pub(crate) fn add_key(
        &self,
        place: &Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found.borrow_mut().push(Problem::with_key(place.clone(), message, help));
    }

    pub(crate) fn into_list(self) -> Vec<Problem> {
        self.found.into_inner()
    }
}

/// A table being read. Nested tables are seen as dotted keys, so that Kafka's names need no quotes.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    title: String,
    place: Place,
    values: Vec<Flat<'a>>,
    asked: RefCell<Vec<String>>,
    described: RefCell<Vec<AskedKey>>,
    /// The kind is not known, so nothing can be said about the other keys.
    unclear: Cell<bool>,
    problems: &'a Problems,
}

#[derive(Debug)]
struct Flat<'a> {
    key: String,
    key_place: &'a Place,
    node: &'a Node,
}

impl<'a> Section<'a> {
    pub(crate) fn new(title: &str, table: &'a Table, place: Place, problems: &'a Problems) -> Self {
        let mut values = Vec::new();
        flatten("", table, &mut values);
        Self {
            title: title.to_owned(),
            place,
            values,
            asked: RefCell::default(),
            described: RefCell::default(),
            unclear: Cell::new(false),
            problems,
        }
    }

    /// Where the table is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether a key is given.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.iter().any(|flat| flat.key == key)
    }

    /// Where the value of a key is, or else the table.
    pub(crate) fn place_of(&self, key: &str) -> Place {
        self.values
            .iter()
            .find(|flat| flat.key == key)
            .map_or(&self.place, |flat| &flat.node.place)
            .clone()
    }

    pub(crate) fn problem(
        &self,
        place: &Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.add(place, message, help);
    }

    /// The value of a key, if it is there; from now on the key is known.
    fn value(&self, key: &str) -> Option<&'a Node> {
        self.asked.borrow_mut().push(key.to_owned());
        self.values.iter().find(|flat| flat.key == key).map(|flat| flat.node)
    }

    /// Writes down what a key may be, if somebody wants to know; the first description of it stays.
    fn describe(&self, key: &str, unless_given: UnlessGiven, values: impl FnOnce() -> String) {
        let mut described = self.described.borrow_mut();
        if self.problems.asked.is_none() || described.iter().any(|asked| asked.key == key) {
            return;
        }
        described.push(AskedKey { key: key.to_owned(), values: values(), unless_given, about: "" });
    }

    fn required(&self, key: &str, example: &str) -> Option<&'a Node> {
        let found = self.value(key);
        if found.is_none() && !self.unclear.get() {
            self.problem(
                &self.place,
                format!("{} has no `{key}`", self.title),
                format!("write `{key} = {example}`"),
            );
        }
        found
    }

    fn wrong_kind(&self, key: &str, node: &Node, wanted: &str, example: &str) {
        let message = format!("`{key}` is {}, not {wanted}", node.value.kind());
        let mut help = format!("write `{key} = {example}`");
        // A shell takes the quotes of a text away.
        if node.place.is_assignment() && example.starts_with('"') {
            let first = example.split("` or `").next().unwrap_or(example);
            help = format!("{help}; in a shell, `--set '...{key}={first}'`");
        }
        self.problem(&node.place, message, help);
    }

    /// A text that must be there.
    pub(crate) fn text(&self, key: &str, example: &str) -> String {
        self.describe(key, required(example), || "text".to_owned());
        self.required(key, example)
            .and_then(|node| self.text_of(key, node, example))
            .unwrap_or_default()
    }

    fn text_of(&self, key: &str, node: &Node, example: &str) -> Option<String> {
        if let Value::Text(text) = &node.value {
            return Some(text.clone());
        }
        self.wrong_kind(key, node, "text", example);
        None
    }

    /// What is listed for a key that chooses among what is listed: something, if the key is there.
    fn listed(&self, key: &str) -> &[Node] {
        let Some(node) = self.value(key) else { return &[] };
        let nodes = elements(node);
        if nodes.is_empty() {
            let help = "give at least one, or leave the key out";
            self.problem(&node.place, format!("`{key}` is an empty list"), help);
        }
        nodes
    }

    /// One or several texts with their places, empty if the key is absent.
    pub(crate) fn texts(&self, key: &str, example: &str) -> Vec<(String, Place)> {
        self.describe(key, UnlessGiven::Absent, || "text, or several".to_owned());
        let nodes = self.value(key).map_or(&[][..], elements);
        let texts = nodes
            .iter()
            .filter_map(|node| Some((self.text_of(key, node, example)?, node.place.clone())));
        texts.collect()
    }

    /// One or several texts; at least one must be there.
    pub(crate) fn required_texts(&self, key: &str, example: &str) -> Vec<(String, Place)> {
        self.describe(key, required(example), || "text, or several".to_owned());
        if self.required(key, example).is_none() {
            return Vec::new();
        }
        self.listed(key);
        self.texts(key, example)
    }

    /// A flag.
    pub(crate) fn flag(&self, key: &str, default: bool) -> bool {
        self.flags(key, default).options()[0]
    }

    /// A flag, or both for the seed to choose.
    pub(crate) fn flags(&self, key: &str, default: bool) -> Choice<bool> {
        let unless_given = UnlessGiven::Default(default.to_string());
        self.describe(key, unless_given, || "`true`, `false`, or both".to_owned());
        let nodes = self.listed(key);
        let flags: Vec<bool> = nodes.iter().filter_map(|node| self.flag_of(key, node)).collect();
        Choice::new(if flags.is_empty() { vec![default] } else { flags })
    }

    fn flag_of(&self, key: &str, node: &Node) -> Option<bool> {
        if let Value::Flag(flag) = node.value {
            return Some(flag);
        }
        self.wrong_kind(key, node, "true or false", "true");
        None
    }

    /// One or several words out of a table of words.
    pub(crate) fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)], default: T) -> Choice<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let usual = words.iter().find(|(_, word)| discriminant(word) == discriminant(&default));
        let unless_given = usual
            .map_or(UnlessGiven::Absent, |(name, _)| UnlessGiven::Default(format!("\"{name}\"")));
        self.describe(key, unless_given, || format!("{}, or several", one_of(&names)));
        let example = format!("\"{}\"", names[0]);
        let numbered = names.iter().any(|name| name.parse::<i64>().is_ok());
        let nodes = self.listed(key);
        let chosen: Vec<T> = nodes
            .iter()
            .filter_map(|node| Some((self.word_text(key, node, &example, numbered)?, &node.place)))
            .filter_map(|(text, place)| {
                let bare = text.replace(", ", ",");
                let found = words.iter().find(|(name, _)| *name == bare).map(|(_, word)| *word);
                if found.is_none() {
                    self.problem(
                        place,
                        format!("`{text}` is not a value of `{key}`"),
                        name_help(&text, &names),
                    );
                }
                found
            })
            .collect();
        Choice::new(if chosen.is_empty() { vec![default] } else { chosen })
    }

    /// A text that `read` understands, or several of them; `said` tells which there are.
    pub(crate) fn read_choice<T: Copy>(
        &self,
        key: &str,
        (said, usual): (&[&str], &str),
        read: impl Fn(&str) -> Option<T>,
    ) -> Choice<T> {
        let default = read(usual).expect("what is usual can be read");
        let unless_given = UnlessGiven::Default(format!("\"{usual}\""));
        self.describe(key, unless_given, || format!("{}, or several", one_of(said)));
        let mut chosen = Vec::new();
        for node in self.value(key).map_or(&[][..], elements) {
            let Some(text) = self.text_of(key, node, &format!("\"{usual}\"")) else { continue };
            match read(&text) {
                Some(value) => chosen.push(value),
                None => self.problem(
                    &node.place,
                    format!("`{text}` is not a value of `{key}`"),
                    name_help(&text, said),
                ),
            }
        }
        Choice::new(if chosen.is_empty() { vec![default] } else { chosen })
    }

    /// A word as text. Where some words are numbers, as with `acks`, numbers need no quotes.
    fn word_text(&self, key: &str, node: &Node, example: &str, numbered: bool) -> Option<String> {
        if let Value::Integer(number) = node.value
            && numbered
        {
            return Some(number.to_string());
        }
        self.text_of(key, node, example)
    }

    /// A word that must be there and decides which other keys the table has.
    pub(crate) fn kind<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> T {
        let example = format!("\"{}\"", words[0].0);
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        self.describe(key, required(&example), || one_of(&names));
        let node = self.required(key, &example);
        let text = node.and_then(|node| self.text_of(key, node, &example));
        let found = text.as_ref().and_then(|text| words.iter().find(|(name, _)| name == text));
        if found.is_none() {
            if text.is_some() {
                self.choice(key, words, words[0].1);
            }
            self.unclear.set(true);
        }
        found.map_or(words[0].1, |(_, word)| *word)
    }

    /// Numbers within bounds, or a default.
    pub(crate) fn numbers_or(&self, key: &str, bounds: (i64, i64), default: (i64, i64)) -> Numbers {
        let unless_given = UnlessGiven::Default(range(default));
        self.describe(key, unless_given, || numbers_within(bounds));
        let read = self.value(key).and_then(|node| self.numbers_of(key, node, bounds));
        read.unwrap_or_else(|| Numbers::new(vec![default]))
    }

    /// Numbers within bounds that must be there.
    pub(crate) fn numbers(&self, key: &str, bounds: (i64, i64), example: &str) -> Numbers {
        self.describe(key, required(example), || numbers_within(bounds));
        let read = self.required(key, example).and_then(|node| self.numbers_of(key, node, bounds));
        read.unwrap_or_else(|| Numbers::exactly(bounds.0))
    }

    fn numbers_of(&self, key: &str, node: &Node, bounds: (i64, i64)) -> Option<Numbers> {
        let ranges: Option<Vec<_>> =
            elements(node).iter().map(|element| self.range_of(key, element, bounds)).collect();
        let ranges = ranges?;
        if ranges.is_empty() {
            self.problem(
                &node.place,
                format!("`{key}` is an empty list"),
                "give at least one number",
            );
            return None;
        }
        Some(Numbers::new(ranges))
    }

    fn range_of(&self, key: &str, node: &Node, bounds: (i64, i64)) -> Option<(i64, i64)> {
        let (low, high) = match &node.value {
            Value::Integer(number) => (*number, *number),
            Value::Text(text) => self.range_text(key, node, text)?,
            Value::Flag(_) | Value::List(_) | Value::Table(_) | Value::Foreign(_) => {
                self.wrong_kind(key, node, "a whole number or a range", "\"100..500\"` or `100");
                return None;
            }
        };
        if low > high {
            let message = format!("the range `{low}..{high}` of `{key}` is empty");
            self.problem(
                &node.place,
                message,
                format!("both ends belong to a range: write \"{high}..{low}\""),
            );
            return None;
        }
        if low < bounds.0 || high > bounds.1 {
            let found = if low == high { low.to_string() } else { format!("{low}..{high}") };
            let help = format!("`{key}` lies between {} and {}", bounds.0, bounds.1);
            self.problem(&node.place, format!("`{key}` is out of bounds: {found}"), help);
            return None;
        }
        Some((low, high))
    }

    fn range_text(&self, key: &str, node: &Node, text: &str) -> Option<(i64, i64)> {
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        match (low.trim().replace('_', "").parse(), high.trim().replace('_', "").parse()) {
            (Ok(low), Ok(high)) => Some((low, high)),
            (Err(_), _) | (_, Err(_)) => {
                let message = format!("`{text}` is neither a number nor a range");
                self.problem(
                    &node.place,
                    message,
                    format!("write `{key} = 100` or `{key} = \"100..500\"`"),
                );
                None
            }
        }
    }

    /// One number within bounds, and no choice; none if the key is absent.
    pub(crate) fn number(&self, key: &str, bounds: (i64, i64), example: &str) -> Option<i64> {
        self.describe(key, UnlessGiven::Absent, || number_within(bounds));
        let node = self.value(key)?;
        self.number_of(key, node, bounds, example)
    }

    /// One number that must be there.
    pub(crate) fn required_number(&self, key: &str, bounds: (i64, i64), example: &str) -> i64 {
        self.describe(key, required(example), || number_within(bounds));
        let node = self.required(key, example);
        node.and_then(|node| self.number_of(key, node, bounds, example)).unwrap_or(bounds.0)
    }

    /// One or several numbers that must be there.
    pub(crate) fn number_list(&self, key: &str, bounds: (i64, i64), example: &str) -> Vec<i64> {
        self.describe(key, required(example), || format!("{}, or several", number_within(bounds)));
        let nodes = self.required(key, example).map_or(&[][..], elements);
        nodes.iter().filter_map(|node| self.number_of(key, node, bounds, example)).collect()
    }

    /// One or several numbers; none if the key is absent, which an empty list is not.
    pub(crate) fn maybe_number_list(
        &self,
        key: &str,
        bounds: (i64, i64),
        example: &str,
    ) -> Option<Vec<i64>> {
        let values = || format!("{}, or several", number_within(bounds));
        self.describe(key, UnlessGiven::Absent, values);
        let numbers = elements(self.value(key)?).iter();
        Some(numbers.filter_map(|node| self.number_of(key, node, bounds, example)).collect())
    }

    fn number_of(
        &self,
        key: &str,
        node: &Node,
        (low, high): (i64, i64),
        example: &str,
    ) -> Option<i64> {
        let Value::Integer(number) = node.value else {
            self.wrong_kind(key, node, "a whole number", example);
            return None;
        };
        if number < low || number > high {
            let help = format!("`{key}` lies between {low} and {high}");
            self.problem(&node.place, format!("`{key}` is out of bounds: {number}"), help);
            return None;
        }
        Some(number)
    }

    /// One text, and no choice; none if the key is absent.
    pub(crate) fn maybe_text(&self, key: &str, example: &str) -> Option<String> {
        self.describe(key, UnlessGiven::Absent, || "text".to_owned());
        let node = self.value(key)?;
        self.text_of(key, node, example)
    }

    /// One word out of a table, and no choice; none if the key is absent.
    pub(crate) fn maybe_choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let example = format!("\"{}\"", words[0].0);
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        self.describe(key, UnlessGiven::Absent, || one_of(&names));
        let node = self.value(key)?;
        if matches!(node.value, Value::List(_)) {
            self.wrong_kind(key, node, "text", &example);
            return None;
        }
        Some(self.choice(key, words, words[0].1).options()[0])
    }

    /// One or several words out of a table of words; none if the key is absent.
    pub(crate) fn maybe_choices<T: Copy>(
        &self,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<Choice<T>> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        self.describe(key, UnlessGiven::Absent, || format!("{}, or several", one_of(&names)));
        self.value(key)?;
        Some(self.choice(key, words, words[0].1))
    }

    /// True or false, and no choice; none if the key is absent.
    pub(crate) fn maybe_flag(&self, key: &str) -> Option<bool> {
        self.describe(key, UnlessGiven::Absent, || "`true` or `false`".to_owned());
        let node = self.value(key)?;
        self.flag_of(key, node)
    }

    /// How often this table counts at all: `chance = "1/2"`.
    pub(crate) fn chance(&self) -> Chance {
        self.ratio("chance", "chance", 0).unwrap_or(Chance::ALWAYS)
    }

    /// So many in so many, such as `"1/2"`, and no fewer than `least`; none if the key is absent. `what` is what
    /// messages call it.
    pub(crate) fn ratio(&self, key: &str, what: &str, least: u32) -> Option<Chance> {
        let values = || "so many in so many, such as `\"1/2\"`".to_owned();
        self.describe(key, UnlessGiven::Absent, values);
        let node = self.value(key)?;
        let text = self.text_of(key, node, "\"1/2\"")?;
        let ratio = Chance::parse(&text).filter(|ratio| ratio.numerator >= least);
        if ratio.is_none() {
            let help = format!("write how many times in how many, such as `{key} = \"1/2\"`");
            self.problem(&node.place, format!("`{text}` is not a {what}"), help);
        }
        ratio
    }

    /// All values of a settings table that this section gives.
    pub(crate) fn settings(&self, table: &'static [Setting]) -> Settings {
        let mut settings = Settings::of(table);
        for setting in table {
            let unless_given = UnlessGiven::Default(range(setting.default));
            self.describe(setting.name, unless_given, || numbers_within(setting.bounds));
            if let Some(asked) = self.described.borrow_mut().last_mut() {
                asked.about = setting.about;
            }
            if let Some(node) = self.value(setting.name)
                && let Some(numbers) = self.numbers_of(setting.name, node, setting.bounds)
            {
                settings.give(setting.name, numbers);
            }
        }
        settings
    }

    /// Ends the reading: every key that nobody asked for is a problem.
    pub(crate) fn finish(self) {
        if let Some(asked) = &self.problems.asked {
            let keys = self.described.borrow().clone();
            asked.borrow_mut().push(AskedTable { title: self.title.clone(), keys });
        }
        if self.unclear.get() {
            return;
        }
        let asked = self.asked.borrow();
        let known: Vec<&str> = asked.iter().map(String::as_str).collect();
        for flat in &self.values {
            if !known.contains(&flat.key.as_str()) {
                let message = format!("{} has no key `{}`", self.title, flat.key);
                self.problems.add_key(flat.key_place, message, name_help(&flat.key, &known));
            }
        }
    }
}

/// A list's elements, or the value alone.
fn elements(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(elements) => elements,
        Value::Text(_)
        | Value::Integer(_)
        | Value::Flag(_)
        | Value::Table(_)
        | Value::Foreign(_) => std::slice::from_ref(node),
    }
}

fn flatten<'a>(prefix: &str, table: &'a Table, values: &mut Vec<Flat<'a>>) {
    for Entry { key, key_place, node } in &table.entries {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if let Value::Table(inner) = &node.value {
            flatten(&key, inner, values);
        } else {
            values.push(Flat { key, key_place, node });
        }
    }
}
