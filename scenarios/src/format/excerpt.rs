//! The part of a text that an error shows: of a line of kilobytes, as tools write JSON, what is around the place. The
//! place that is told is that in the whole text.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// Longer lines are shown in part.
const LINE_MAX: usize = 160;
/// So much is shown on both sides of the place.
const AROUND: usize = 60;
/// Stands for what comes before.
const CUT: &str = "... ";

/// A part of a text, or all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// What is shown.
    pub text: String,
    /// Where the place begins in it.
    pub start: usize,
    /// And where it ends.
    pub end: usize,
    /// So many lines of the whole text come before it.
    pub lines_before: usize,
    /// And so many bytes of its first line.
    pub columns_before: usize,
}

/// An excerpt of a text that has a name.
#[derive(Debug, Clone)]
pub struct NamedExcerpt {
    name: String,
    excerpt: Excerpt,
}

impl NamedExcerpt {
    /// Of the text of that name.
    pub fn new(name: impl Into<String>, excerpt: Excerpt) -> Self {
        Self { name: name.into(), excerpt }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl SourceCode for NamedExcerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let Excerpt { text, lines_before: before, columns_before, .. } = &self.excerpt;
        let shown = text.read_span(span, lines_before, lines_after)?;
        let is_first = shown.line() == 0;
        let column = shown.column() + if is_first { *columns_before } else { 0 };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            shown.data(),
            *shown.span(),
            shown.line() + before,
            column,
            shown.line_count(),
        )))
    }
}

/// What to show of a place in a text.
pub fn excerpt(text: &str, start: usize, end: usize) -> Excerpt {
    let (start, end) = (boundary(text, start), boundary(text, end.max(start)));
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    if line_end - line_start <= LINE_MAX {
        let text = text.to_owned();
        return Excerpt { text, start, end, lines_before: 0, columns_before: 0 };
    }
    let from = boundary(text, start.saturating_sub(AROUND).max(line_start));
    let from = if from - line_start < CUT.len() { line_start } else { from };
    let shown_end = end.min(line_end).min(start + LINE_MAX);
    let to = boundary(text, (shown_end + AROUND).min(line_end));
    let before = if from > line_start { CUT } else { "" };
    let after = if to < line_end { " ..." } else { "" };
    let at = |place: usize| before.len() + place.clamp(from, to) - from;
    let (start, end) = (at(start), at(boundary(text, shown_end)));
    Excerpt {
        text: format!("{before}{}{after}", &text[from..to]),
        start,
        end,
        lines_before: text[..line_start].matches('\n').count(),
        columns_before: from - line_start - before.len(),
    }
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
        let text = short.to_owned();
        let whole = Excerpt { text, start: 10, end: 11, lines_before: 0, columns_before: 0 };
        assert_eq!(excerpt(short, 10, 11), whole);
        let long = format!("{}WRONG{}", "x".repeat(3_000), "é".repeat(3_000));
        let part = excerpt(&long, 3_000, 3_005);
        assert!(part.text.len() < 2 * LINE_MAX, "{}", part.text);
        assert_eq!(&part.text[part.start..part.end], "WRONG");
        let lines = format!("a\nb\n{long}\nc");
        for (text, before) in [(&long, 0), (&lines, 4)] {
            let start = before + 3_000;
            let Excerpt { start: at, lines_before, columns_before, .. } =
                excerpt(text, start, start + 5);
            assert_eq!((lines_before, columns_before + at), (before / 2, 3_000));
        }
        let far = excerpt(&long, 0, long.len());
        assert!(far.text.len() < 3 * LINE_MAX, "{}", far.text);
        assert_eq!(
            excerpt(&long, 99_999, 99_999).text.len(),
            excerpt(&long, 9_005, 9_005).text.len()
        );
    }
}
