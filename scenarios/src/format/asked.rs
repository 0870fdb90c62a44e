//! What the tables of a scenario are asked for, written down while one is read: the reference of scenario files is made
//! from it, so that it cannot say anything else than what is read.

/// The keys that a table was asked for, in order.
#[derive(Debug, Clone)]
pub(crate) struct AskedTable {
    /// As messages call it, such as `[cluster]`.
    pub(crate) title: String,
    pub(crate) keys: Vec<AskedKey>,
}

/// What a key may be.
#[derive(Debug, Clone)]
pub(crate) struct AskedKey {
    pub(crate) key: String,
    /// Which values it takes, in words.
    pub(crate) values: String,
    pub(crate) unless_given: UnlessGiven,
    /// What it is, where the reader's own table says so.
    pub(crate) about: &'static str,
}

/// What an absent key means.
#[derive(Debug, Clone)]
pub(crate) enum UnlessGiven {
    /// A mistake; this could be written.
    Required(String),
    /// This value.
    Default(String),
    /// Nothing.
    Absent,
}

/// That a key must be there, and how it could be written.
pub(crate) fn required(example: &str) -> UnlessGiven {
    UnlessGiven::Required(example.to_owned())
}

/// One of these words.
pub(crate) fn one_of(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`\"{name}\"`")).collect();
    names.join(", ")
}

/// Numbers from which the seed chooses.
pub(crate) fn numbers_within(bounds: (i64, i64)) -> String {
    format!("{}, a range of them, or several", number_within(bounds))
}

/// One number.
pub(crate) fn number_within((low, high): (i64, i64)) -> String {
    format!("{} to {}", number(low), number(high))
}

/// A default as it could be written.
pub(crate) fn range((low, high): (i64, i64)) -> String {
    if low == high { number(low) } else { format!("\"{low}..{high}\"") }
}

/// The greatest number of all stands for no bound.
fn number(number: i64) -> String {
    if number == i64::MAX { "2^63-1".to_owned() } else { number.to_string() }
}
