//! Colours, decided once.

use anstyle::{AnsiColor, Style};

/// Colours of the human format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Styles {
    /// An outcome of held.
    pub good: Style,
    /// An outcome of violated, and each finding's name.
    pub bad: Style,
    /// An outcome of inconclusive, and why.
    pub doubtful: Style,
    /// What is less important.
    pub dim: Style,
    /// What is to be copied.
    pub command: Style,
}

impl Styles {
    /// No colours at all.
    pub fn plain() -> Self {
        Self::default()
    }

    /// The usual colours.
    pub fn colored() -> Self {
        Self {
            good: AnsiColor::Green.on_default().bold(),
            bad: AnsiColor::Red.on_default().bold(),
            doubtful: AnsiColor::Yellow.on_default().bold(),
            dim: Style::new().dimmed(),
            command: AnsiColor::Cyan.on_default(),
        }
    }
}
