//! How the `harrow` command ends.

use std::process;

use harrow_reports::verdict::Outcome;

/// The process's exit code. Where several would fit, the one that comes last in this list of severity wins:
/// held, inconclusive, violated, not deterministic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: every guarantee held, or the command did what it was asked.
    Held,
    /// 1: a guarantee was violated, or the model panicked.
    Violated,
    /// 2: wrong usage or bad input; nothing was run.
    Usage,
    /// 3: nothing was violated, but the run does not show that everything holds.
    Inconclusive,
    /// 4: two runs of one plan differ.
    NotDeterministic,
    /// 5: Harrow itself failed, or could not write what it was asked to leave.
    Failed,
    /// 130: interrupted by Ctrl-C, and nothing was violated so far; a shell sees the same of a program that
    /// SIGINT ended.
    Interrupted,
    /// 141: who read the output closed it early; a shell sees the same of a program that SIGPIPE has ended.
    Unread,
}

impl ExitCode {
    /// Every code, in order of its number.
    pub const ALL: [Self; 8] = [
        Self::Held,
        Self::Violated,
        Self::Usage,
        Self::Inconclusive,
        Self::NotDeterministic,
        Self::Failed,
        Self::Interrupted,
        Self::Unread,
    ];

    /// The number.
    pub fn number(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Violated => 1,
            Self::Usage => 2,
            Self::Inconclusive => 3,
            Self::NotDeterministic => 4,
            Self::Failed => 5,
            Self::Interrupted => 130,
            Self::Unread => 141,
        }
    }

    /// One line for `--help`.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Held => "every guarantee held",
            Self::Violated => "a guarantee was violated, or the model panicked",
            Self::Usage => "wrong usage or bad input",
            Self::Inconclusive => "inconclusive: nothing was violated, but not enough was reached",
            Self::NotDeterministic => "two runs of one plan differ",
            Self::Failed => "Harrow itself failed, or could not write its files",
            Self::Interrupted => "interrupted by Ctrl-C; nothing was violated so far",
            Self::Unread => "the output was closed before all was written, as by SIGPIPE",
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Held => Self::Held,
            Outcome::Inconclusive => Self::Inconclusive,
            Outcome::Violated => Self::Violated,
        }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
