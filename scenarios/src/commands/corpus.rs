//! `harrow corpus`.

mod make;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use harrow_broker_model::defect::Defect;
use serde::Serialize;

use super::console::{Console, Failure, mistake};
use super::interrupt::on_interrupt;
use super::reading::defect;
use super::seeds;
use crate::corpus::{
    Corpus as Files, CorpusError, Tried, catalogue_digests, digest_changes, digests_text, try_plan,
};
use crate::exit::ExitCode;
use make::Maker;

/// Run the corpus: small plans that must go on failing, and runs whose digests must not change unnoticed.
///
/// Each plan of the directory must break its guarantee with its fingerprint; each digest in `digests.txt` must be that
/// of the run today. --accept keeps today's digests, --make finds, shrinks and keeps a plan for each defect. Exit
/// codes: 0 all is as it was; 1 a plan fails otherwise or no longer, or a digest has changed; 2 a file is corrupt.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow corpus\n  harrow corpus --accept\n  \
    harrow corpus --make --for 60s > table.md\n  harrow corpus --make --defect truncate-to-hw")]
pub(super) struct Corpus {
    /// The directory.
    #[arg(value_name = "DIR", default_value = "scenarios/corpus")]
    directory: PathBuf,
    /// Keep the digests of today: the model behaves otherwise on purpose.
    #[arg(long)]
    accept: bool,
    /// For each defect of the catalogue: find a failure in `swarm`, shrink it, keep it, and print a row of a table.
    #[arg(long, conflicts_with = "accept")]
    make: bool,
    /// With --make: only these; repeatable.
    #[arg(long = "defect", value_name = "NAME", requires = "make", value_parser = defect)]
    defects: Vec<Defect>,
    /// With --make: shrink each no longer than this.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", requires = "make",
        value_parser = seeds::duration, allow_hyphen_values = true)]
    duration: Duration,
    /// Worker threads; as many as there are cores if not given.
    #[arg(long, value_name = "N", value_parser = seeds::threads, allow_hyphen_values = true)]
    jobs: Option<u16>,
}

#[derive(Serialize)]
struct Summary {
    schema: u32,
    kind: &'static str,
    plans: usize,
    /// What is not as it was.
    complaints: Vec<String>,
    /// Digests that have changed.
    changes: Vec<String>,
}

impl From<CorpusError> for Failure {
    fn from(error: CorpusError) -> Self {
        mistake(error.to_string(), "mend the file, or take it out of `corpus.toml`").into()
    }
}

impl Corpus {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        if !self.make && !self.directory.is_dir() {
            let message = format!("there is no corpus in {}", self.directory.display());
            return Err(mistake(message, "give a directory with a `corpus.toml`").into());
        }
        let files = Files::read(&self.directory)?;
        if self.make {
            let (jobs, duration) = (seeds::jobs(self.jobs), self.duration);
            let maker = Maker { jobs, duration, interrupted: &*on_interrupt()? };
            return maker.make(console, files, &self.defects);
        }
        let mut digests = catalogue_digests();
        let mut complaints = Vec::new();
        for listed in &files.listing.plans {
            let plan = files.plan(listed)?;
            let Tried { digest, complaint } = try_plan(listed, &plan);
            digests.push((format!("corpus/{}", listed.name), digest));
            complaints.extend(complaint.map(|complaint| format!("{}: {complaint}", listed.name)));
        }
        let now = digests_text(&digests);
        let changes = digest_changes(&files.digests()?, &now);
        if self.accept {
            files.accept(&now)?;
        }
        self.tell(
            console,
            &Summary {
                schema: 1,
                kind: "corpus",
                plans: files.listing.plans.len(),
                complaints,
                changes,
            },
        )
    }

    fn tell(&self, console: &mut Console, summary: &Summary) -> Result<ExitCode, Failure> {
        let Summary { plans, complaints, changes, .. } = summary;
        let good = complaints.is_empty() && (self.accept || changes.is_empty());
        if console.is_json() {
            console.json(summary)?;
        } else {
            for line in complaints {
                writeln!(console.stdout(), "{line}")?;
            }
            let (what, how) = if self.accept { ("accepted", "") } else { ("changed", "digest ") };
            for line in changes {
                writeln!(console.stdout(), "{how}{what} {line}")?;
            }
            let wrong = complaints.len();
            writeln!(
                console.stdout(),
                "{} of {plans} plans fail as they must; {} digests {what}",
                plans - wrong,
                changes.len()
            )?;
        }
        console.stdout().flush()?;
        Ok(if good { ExitCode::Held } else { ExitCode::Violated })
    }
}
