//! Where a value stands in a JSON text that is known to parse.

use std::ops::Range;

/// The bytes of the value at a dotted path, such as `topics.0.partitions`; if the path ends in something that is not
/// there, of the last value that is.
pub(super) fn place(text: &str, path: &str) -> Range<usize> {
    let mut scanner = Scanner { text: text.as_bytes(), at: 0 };
    scanner.space();
    for key in path.split('.').filter(|key| !key.is_empty()) {
        let start = scanner.at;
        if !scanner.enter(key) {
            scanner.at = start;
            break;
        }
    }
    let start = scanner.at;
    scanner.skip();
    start..scanner.at
}

/// A place in the text.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn byte(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(b' ')
    }

    fn space(&mut self) {
        while self.at < self.text.len() && self.byte().is_ascii_whitespace() {
            self.at += 1;
        }
    }

    /// Goes to the value of a key, or to the element of that position; whether it is there.
    fn enter(&mut self, key: &str) -> bool {
        let is_object = match self.byte() {
            b'{' => true,
            b'[' => false,
            _ => return false,
        };
        let mut position = 0_usize;
        loop {
            // Past the bracket or comma.
            self.at += 1;
            self.space();
            if matches!(self.byte(), b'}' | b']') || self.at >= self.text.len() {
                return false;
            }
            let found = if is_object { self.key(key) } else { position.to_string() == key };
            if found {
                return true;
            }
            self.skip();
            self.space();
            position += 1;
            if self.byte() != b',' {
                return false;
            }
        }
    }

    /// Goes past a key and its colon; whether it is this one.
    fn key(&mut self, key: &str) -> bool {
        let start = self.at;
        self.skip();
        let found = self.text[start..self.at] == *format!("\"{key}\"").as_bytes();
        self.space();
        self.at += 1;
        self.space();
        found
    }

    /// Goes past a value.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.text.len() {
            match self.byte() {
                b'"' => self.skip_text(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                _ => self.at += 1,
            }
            let ends = !matches!(self.text.get(self.at), Some(b'0'..=b'9' | b'a'..=b'z' | b'.'));
            if depth == 0 && ends {
                return;
            }
        }
    }

    fn skip_text(&mut self) {
        self.at += 1;
        while self.at < self.text.len() && self.byte() != b'"' {
            self.at += if self.byte() == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_paths() {
        let text =
            r#" { "a": [1, {"b\"]": "x, }", "c": -20 }, [] ], "d": {"e": [ 3 , 4]}, "f": true } "#;
        let table = [
            ("a.0", "1"),
            ("a.1.c", "-20"),
            ("a.1.b\\\"]", "\"x, }\""),
            ("a.2", "[]"),
            ("d.e.1", "4"),
            ("d.e", "[ 3 , 4]"),
            ("d.e.7", "[ 3 , 4]"),
            ("d.none", "{\"e\": [ 3 , 4]}"),
            ("f", "true"),
        ];
        for (path, value) in table {
            assert_eq!(&text[place(text, path)], value, "{path}");
        }
    }
}
