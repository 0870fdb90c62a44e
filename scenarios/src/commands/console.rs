//! Results on stdout, failures on stderr, colour decided once.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde::Serialize;

use crate::exit::ExitCode;
use crate::format::{NamedExcerpt, excerpt};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Human,
    /// For machines. Objects (runs, sweeps, verdicts) are versioned by `schema`; lists of names are arrays.
    Json,
    /// For people, and for GitHub Actions: what did not hold is annotated, and the job has a summary.
    Github,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// The user can mend it.
    Input(Box<dyn Diagnostic + Send + Sync>),
    /// Nobody reads our output any more: there is nothing to tell, and nobody to tell it.
    Unread,
    /// Harrow is at fault.
    Harrow(String),
}

/// A mistake in the command line or in a file that is no scenario.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Mistake {
    message: String,
    help: String,
    place: Option<Box<TextPlace>>,
}

/// What stands beside an answer, and is no mistake of it.
#[derive(Debug, thiserror::Error)]
#[error("note: {0}")]
pub(super) struct Note(pub(super) Mistake);

/// Where in a text a mistake is.
#[derive(Debug)]
struct TextPlace {
    source: NamedExcerpt,
    label: miette::LabeledSpan,
}

impl Mistake {
    /// With a place in a text of that name.
    pub(super) fn at(mut self, name: impl Into<String>, text: &str, offset: usize) -> Self {
        let shown = excerpt(text, offset, offset);
        let label = miette::LabeledSpan::at(shown.start..shown.start, "here");
        self.place = Some(Box::new(TextPlace { source: NamedExcerpt::new(name, shown), label }));
        self
    }
}

impl Diagnostic for Mistake {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.place.as_ref().map(|place| &place.source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        Some(Box::new(self.place.iter().map(|place| place.label.clone())))
    }
}

impl Diagnostic for Note {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.help()
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.0.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        self.0.labels()
    }
}

/// What is wrong and what would be right.
pub(super) fn mistake(message: impl Into<String>, help: impl Into<String>) -> Mistake {
    Mistake { message: message.into(), help: help.into(), place: None }
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Self::Input(Box::new(mistake))
    }
}

impl From<crate::format::ScenarioError> for Failure {
    fn from(error: crate::format::ScenarioError) -> Self {
        Self::Input(Box::new(error))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Unread;
        }
        Self::Harrow(format!("failed to write to stdout: {error}"))
    }
}

/// Colours of results.
pub(super) struct ConsoleStyles {
    /// Those of reports.
    pub(super) report: harrow_reports::render::Styles,
    /// Names.
    pub(super) strong: anstyle::Style,
}

/// Where results go.
pub(super) struct Console {
    stdout: AutoStream<io::Stdout>,
    format: Format,
    color: Color,
}

impl Console {
    pub(super) fn new(format: Format, color: Color) -> Self {
        Self { stdout: AutoStream::new(io::stdout(), choice(color)), format, color }
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub(super) fn is_github(&self) -> bool {
        self.format == Format::Github
    }

    /// Colours; stdout drops them where they do not belong.
    pub(super) fn styles() -> ConsoleStyles {
        let report = harrow_reports::render::Styles::colored();
        ConsoleStyles { report, strong: anstyle::Style::new().bold() }
    }

    /// Stdout; it drops colours where they do not belong.
    pub(super) fn stdout(&mut self) -> &mut impl Write {
        &mut self.stdout
    }

    /// One value on one line.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text =
            serde_json::to_string(value).map_err(|error| Failure::Harrow(error.to_string()))?;
        writeln!(self.stdout, "{text}")?;
        Ok(self.stdout.flush()?)
    }

    /// Tells why it failed, and how the process ends.
    pub(super) fn fail(&mut self, failure: &Failure) -> ExitCode {
        match failure {
            Failure::Input(diagnostic) => {
                self.diagnose(diagnostic.as_ref());
                ExitCode::Usage
            }
            Failure::Unread => ExitCode::Unread,
            Failure::Harrow(message) => {
                let mut stderr = AutoStream::new(io::stderr(), choice(self.color));
                // Nothing is left to do if even stderr is gone: the exit code still tells.
                let _ = writeln!(stderr, "harrow failed: {message}");
                ExitCode::Failed
            }
        }
    }

    /// Tells what stands beside an answer, and is no failure.
    pub(super) fn note(&self, note: &Note) {
        self.diagnose(note);
    }

    /// How the process ends when a result was told and something beside it, such as its files, went wrong: that is
    /// told, too, and a violation stays one.
    pub(super) fn also(&mut self, code: ExitCode, beside: Result<(), Failure>) -> ExitCode {
        let Err(failure) = beside else { return code };
        self.fail(&failure);
        if code == ExitCode::Violated { code } else { ExitCode::Failed }
    }

    fn diagnose(&self, diagnostic: &dyn Diagnostic) {
        // One mistake needs no head that counts it.
        let mut related = diagnostic.related().into_iter().flatten();
        let diagnostic = match (related.next(), related.next()) {
            (Some(only), None) => only,
            (None | Some(_), _) => diagnostic,
        };
        let mut stderr = AutoStream::new(io::stderr(), choice(self.color));
        let colored = stderr.current_choice() != ColorChoice::Never;
        let theme =
            if colored { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler =
            GraphicalReportHandler::new_themed(theme).with_wrap_lines(false).with_links(false);
        let mut text = String::new();
        if handler.render_report(&mut text, diagnostic).is_err() {
            text = diagnostic.to_string();
        }
        // Nothing is left to do if even stderr is gone: the exit code still tells.
        let _ = writeln!(stderr, "{}", text.trim_end());
    }
}

/// Whether somebody watches progress.
pub(super) fn progress_is_seen() -> bool {
    io::stderr().is_terminal()
}

fn choice(color: Color) -> ColorChoice {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
}
