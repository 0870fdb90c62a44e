//! Names of partitions, groups, values and keys, given numbers as they come.

use std::collections::BTreeMap;

use harrow_sim::history::{History, NO_KEY, ReadRecord};

use super::problem::Shown;

/// The longest name or value: it is told to people, and kept once.
const TEXT_BYTES_MAX: usize = 1_024;

/// Names in the order in which they came. Most lines name what the line before named.
#[derive(Default)]
struct Interned {
    numbers: BTreeMap<Box<str>, u32>,
    last: (String, u32),
}

impl Interned {
    fn number(&mut self, name: &str) -> Result<u32, String> {
        if self.last.0 == name && !self.numbers.is_empty() {
            return Ok(self.last.1);
        }
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None => self.add(name)?,
        };
        self.last.0.clear();
        self.last.0.push_str(name);
        self.last.1 = number;
        Ok(number)
    }

    fn add(&mut self, name: &str) -> Result<u32, String> {
        check_text(name)?;
        let number = self.numbers.len() as u32;
        if number >= u32::MAX - 1 {
            return Err(format!("there are more than {number} names"));
        }
        self.numbers.insert(name.into(), number);
        Ok(number)
    }

    fn list(&self) -> Vec<String> {
        let mut list = vec![String::new(); self.numbers.len()];
        for (name, number) in &self.numbers {
            list[*number as usize] = name.to_string();
        }
        list
    }

    fn into_list(self) -> Vec<String> {
        let mut list = vec![String::new(); self.numbers.len()];
        for (name, number) in self.numbers {
            list[number as usize] = name.into();
        }
        list
    }
}

/// What a name may not be.
fn check_text(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a name or value is empty".to_owned());
    }
    if let Some(hidden) = name.chars().find(|c| c.is_control() || is_invisible(*c)) {
        return Err(format!("`{}` has the control character {hidden:?} in it", Shown(name)));
    }
    if name.len() > TEXT_BYTES_MAX {
        let bytes = name.len();
        return Err(format!("`{}` has {bytes} bytes, {TEXT_BYTES_MAX} are the most", Shown(name)));
    }
    Ok(())
}

/// Whether a character shows nothing itself and may turn around, break or hide what people read.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Whether something is numbers or texts; not both in one file.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Unsaid,
    Numbers,
    Texts,
}

impl Kind {
    fn be(&mut self, kind: Self, what: &str) -> Result<(), String> {
        if *self == kind {
            return Ok(());
        }
        if *self == Self::Unsaid {
            *self = kind;
            return Ok(());
        }
        Err(format!("{what} are numbers or texts, not both in one file"))
    }
}

/// All names of a file.
#[derive(Default)]
pub(super) struct Names {
    partitions: Interned,
    groups: Interned,
    values: Interned,
    value_kind: Kind,
    keys: Interned,
    key_kind: Kind,
}

impl Names {
    pub(super) fn partition(&mut self, name: &str) -> Result<u32, String> {
        self.partitions.number(name)
    }

    /// A value as it was written.
    pub(super) fn value_name(&self, value: u64) -> String {
        let named = usize::try_from(value).ok().filter(|_| self.value_kind == Kind::Texts);
        let named = named.and_then(|value| self.values.list().get(value).cloned());
        named.unwrap_or_else(|| value.to_string())
    }

    /// A partition that the header lists; it must be a new one.
    pub(super) fn list_partition(&mut self, name: &str) -> Result<(), String> {
        if self.partitions.numbers.contains_key(name) {
            return Err(format!("partition `{}` is listed twice", Shown(name)));
        }
        self.partitions.add(name).map(|_| ())
    }

    pub(super) fn group(&mut self, name: &str) -> Result<u32, String> {
        self.groups.number(name)
    }

    pub(super) fn value_number(&mut self, value: u64) -> Result<u64, String> {
        self.value_kind.be(Kind::Numbers, "values")?;
        if value == ReadRecord::GARBAGE {
            return Err(format!("value {value} is reserved; the highest is {}", value - 1));
        }
        Ok(value)
    }

    pub(super) fn value_text(&mut self, value: &str) -> Result<u64, String> {
        self.value_kind.be(Kind::Texts, "values")?;
        self.values.number(value).map(u64::from)
    }

    pub(super) fn key_number(&mut self, key: u64) -> Result<u32, String> {
        self.key_kind.be(Kind::Numbers, "keys")?;
        let fits = u32::try_from(key).ok().filter(|key| *key != NO_KEY);
        fits.ok_or_else(|| {
            format!("key {key} is too high; keys are numbers below {NO_KEY}, or texts")
        })
    }

    pub(super) fn key_text(&mut self, key: &str) -> Result<u32, String> {
        self.key_kind.be(Kind::Texts, "keys")?;
        self.keys.number(key)
    }

    /// The partitions so far.
    pub(super) fn partitions(&self) -> Vec<String> {
        self.partitions.list()
    }

    /// How many they are.
    pub(super) fn partition_count(&self) -> usize {
        self.partitions.numbers.len()
    }

    /// Gives a history its names.
    pub(super) fn name(self, history: &mut History) {
        history.partitions = self.partitions.into_list();
        history.groups = self.groups.into_list();
        history.value_names = self.values.into_list();
    }
}
