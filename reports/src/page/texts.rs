//! Texts as templates and numbers: a run says a hundred thousand times the same few hundred things with other numbers.

use std::collections::BTreeMap;

use serde::Serialize;

/// Stands for a number in a template.
const HOLE: char = '\u{1}';

/// Longer runs of digits stay in the template: a script's numbers are exact up to 2^53.
const DIGITS_MAX: usize = 15;

/// Templates in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) list: Vec<String>,
    known: BTreeMap<String, u32>,
}

/// One text for each row: its template, and the numbers of all rows one after another.
#[derive(Debug, Default, Serialize)]
pub(super) struct TextColumn {
    text: Vec<u32>,
    numbers: Vec<u64>,
}

impl TextColumn {
    pub(super) fn push(&mut self, texts: &mut Texts, text: &str) {
        let template = template(text, &mut self.numbers);
        self.text.push(texts.position(template));
    }
}

impl Texts {
    fn position(&mut self, template: String) -> u32 {
        if let Some(position) = self.known.get(&template) {
            return *position;
        }
        let position = self.list.len() as u32;
        self.list.push(template.clone());
        self.known.insert(template, position);
        position
    }
}

/// The text with a hole for each number; the numbers go where they are collected. A number that would be written
/// otherwise than it stands there, such as `007`, stays.
fn template(text: &str, numbers: &mut Vec<u64>) -> String {
    let mut template = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let length = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(length);
        template.push_str(before);
        match digits.parse() {
            Ok(number) if plain(digits) => {
                numbers.push(number);
                template.push(HOLE);
            }
            Ok(_) | Err(_) => template.push_str(digits),
        }
        rest = after;
    }
    template.push_str(rest);
    template
}

fn plain(digits: &str) -> bool {
    digits.len() <= DIGITS_MAX && (digits == "0" || !digits.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_leave_holes() {
        let table = [
            ("booted", "booted", vec![]),
            (
                "orders-0: cut from 429 to 415",
                "orders-\u{1}: cut from \u{1} to \u{1}",
                vec![0, 429, 415],
            ),
            ("offset -1, at 1.05s", "offset -\u{1}, at \u{1}.05s", vec![1, 1]),
            ("9007199254740993", "9007199254740993", vec![]),
            ("ж7", "ж\u{1}", vec![7]),
        ];
        for (text, expected, holes) in table {
            let mut numbers = Vec::new();
            assert_eq!((template(text, &mut numbers).as_str(), numbers), (expected, holes));
        }
    }

    #[test]
    fn one_template_serves_all_texts_like_it() {
        let (mut texts, mut column) = (Texts::default(), TextColumn::default());
        for text in ["a 1", "b", "a 20"] {
            column.push(&mut texts, text);
        }
        assert_eq!((column.text, column.numbers), (vec![0, 1, 0], vec![1, 20]));
        assert_eq!(texts.list, ["a \u{1}", "b"]);
    }
}
