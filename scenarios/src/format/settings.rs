//! Numeric settings by name: a table says which there are, a scenario says which differ from the defaults.

use super::value::Numbers;

/// A setting: one row of a table in [`crate::planner::defaults`].
#[derive(Debug)]
pub struct Setting {
    /// Kafka's name where Kafka has it, ours otherwise.
    pub name: &'static str,
    /// Default of plans, an inclusive range.
    pub default: (i64, i64),
    /// Inclusive bounds of what makes sense.
    pub bounds: (i64, i64),
    /// What it is; Kafka's default where ours differs, and why.
    pub about: &'static str,
}

/// The settings of one table that a scenario gives.
#[derive(Debug, Clone)]
pub struct Settings {
    table: &'static [Setting],
    given: Vec<(&'static str, Numbers)>,
}

impl Settings {
    /// All at their defaults.
    pub fn of(table: &'static [Setting]) -> Self {
        Self { table, given: Vec::new() }
    }

    pub(crate) fn give(&mut self, name: &'static str, numbers: Numbers) {
        self.given.push((name, numbers));
    }

    /// What a setting may be: as given, or its default.
    pub fn get(&self, name: &str) -> Numbers {
        if let Some((_, numbers)) = self.given.iter().find(|(given, _)| *given == name) {
            return numbers.clone();
        }
        let setting = self.table.iter().find(|setting| setting.name == name);
        let setting = setting.unwrap_or_else(|| panic!("no setting `{name}` in this table"));
        Numbers::new(vec![setting.default])
    }
}
