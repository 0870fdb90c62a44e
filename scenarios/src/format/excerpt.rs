//! The part of a text that an error shows: of a line of kilobytes, as tools write JSON, what is around the place.

/// Longer lines are shown in part.
const LINE_MAX: usize = 160;
/// So much is shown on both sides of the place.
const AROUND: usize = 60;

/// A part of a text, or all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// What is shown.
    pub text: String,
    /// Where the place begins in it.
    pub start: usize,
    /// And where it ends.
    pub end: usize,
}

/// What to show of a place in a text.
pub fn excerpt(text: &str, start: usize, end: usize) -> Excerpt {
    let (start, end) = (boundary(text, start), boundary(text, end.max(start)));
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    if line_end - line_start <= LINE_MAX {
        return Excerpt { text: text.to_owned(), start, end };
    }
    let from = boundary(text, start.saturating_sub(AROUND).max(line_start));
    let shown_end = end.min(line_end).min(start + LINE_MAX);
    let to = boundary(text, (shown_end + AROUND).min(line_end));
    let before = if from > line_start { "... " } else { "" };
    let after = if to < line_end { " ..." } else { "" };
    let at = |place: usize| before.len() + place.clamp(from, to) - from;
    let (start, end) = (at(start), at(boundary(text, shown_end)));
    Excerpt { text: format!("{before}{}{after}", &text[from..to]), start, end }
}

/// The next place at or before this one at which a character begins.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lines_are_shown_whole_and_long_ones_around_the_place() {
        let short = "a = 1\nb = 2\n";
        let whole = Excerpt { text: short.to_owned(), start: 10, end: 11 };
        assert_eq!(excerpt(short, 10, 11), whole);
        let long = format!("{}WRONG{}", "x".repeat(3_000), "é".repeat(3_000));
        let part = excerpt(&long, 3_000, 3_005);
        assert!(part.text.len() < 2 * LINE_MAX, "{}", part.text);
        assert_eq!(&part.text[part.start..part.end], "WRONG");
        let far = excerpt(&long, 0, long.len());
        assert!(far.text.len() < 3 * LINE_MAX, "{}", far.text);
        assert_eq!(
            excerpt(&long, 99_999, 99_999).text.len(),
            excerpt(&long, 9_005, 9_005).text.len()
        );
    }
}
