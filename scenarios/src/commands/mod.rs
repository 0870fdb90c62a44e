//! The `harrow` command: one file for each subcommand.

mod check;
mod ci;
mod compare;
mod completions;
mod console;
mod corpus;
mod coverage;
mod ctl;
mod debug;
mod defects;
mod diff;
mod doctor;
mod explain;
mod files;
mod hold;
mod init;
mod interrupt;
mod known_file;
mod list;
mod logging;
mod occupied;
mod query;
mod reading;
mod replay;
mod report;
mod run;
mod schema;
mod seeds;
mod serve;
mod show;
mod shrink;
mod shrinking;
mod shrunk_heading;
mod shrunk_left;
mod sweep;
mod target;
mod trace;
mod verify;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::{Args, Parser, Subcommand};

use crate::exit::ExitCode;
use console::{Color, Console, Failure, Format};
pub(crate) use run::leave_in;

/// Seeds bad weather for a Kafka-like cluster, and judges what is left standing.
///
/// A scenario says what may go wrong; a seed decides what does; a run is the same every time. When a guarantee breaks,
/// the last lines name it, its coordinate (scenario, seed, commit) and the command that shows it again.
#[derive(Debug, Parser)]
#[command(name = "harrow", version, after_help = after_help(), max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// What every subcommand takes.
#[derive(Debug, Clone, Args)]
struct Common {
    /// How results are written to stdout.
    #[arg(long, value_enum, default_value_t, global = true)]
    format: Format,
    /// When to use colour; `NO_COLOR` in the environment is honoured, too.
    #[arg(long, value_enum, default_value_t, global = true)]
    color: Color,
    /// Log to stderr: once for faults, elections, changes of ISRs and truncations, twice for all that nodes state,
    /// three times for every message. `RUST_LOG` wins.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    Init(init::Init),
    Run(run::Run),
    Sweep(sweep::Sweep),
    Merge(sweep::Merge),
    Replay(replay::Replay),
    Shrink(shrink::Shrink),
    Verify(verify::Verify),
    Check(check::Check),
    Compare(compare::Compare),
    Report(report::Report),
    Trace(trace::Trace),
    Query(query::Query),
    Diff(diff::Diff),
    Debug(debug::Debug),
    Corpus(corpus::Corpus),
    Defects(defects::Defects),
    Coverage(coverage::CoverageCommand),
    Explain(explain::Explain),
    Serve(serve::Serve),
    Ctl(ctl::Ctl),
    Doctor(doctor::Doctor),
    Schema(schema::SchemaCommand),
    Completions(completions::Completions),
    Man(completions::Man),
}

impl Cli {
    /// The command line itself, as shells and readers are told of it.
    fn command_line() -> clap::Command {
        <Self as clap::CommandFactory>::command()
    }
}

fn after_help() -> String {
    let codes =
        ExitCode::ALL.map(|code| format!("  {}  {}", code.number(), code.meaning())).join("\n");
    format!(
        "First steps:\n  harrow list\n  harrow run leader-crash --seed 7\n  harrow explain leader-crash\n  \
         harrow sweep swarm --seeds 1..200\n  harrow check history.jsonl\n\n\
         Exit codes:\n{codes}"
    )
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let mut console = Console::new(cli.common.format, cli.common.color);
    let verbose = cli.common.verbose;
    let caught = catch_unwind(AssertUnwindSafe(|| {
        logging::start(verbose);
        dispatch(cli.command, &mut console)
    }));
    match caught {
        Ok(Ok(code)) => code,
        Ok(Err(failure)) => console.fail(&failure),
        Err(_) => {
            console.fail(&Failure::Harrow("a panic, reported above; please report it".to_owned()))
        }
    }
}

fn dispatch(command: Command, console: &mut Console) -> Result<ExitCode, Failure> {
    match command {
        Command::List(list::List {}) => list::List::execute(console),
        Command::Show(show) => show.execute(console),
        Command::Init(init) => init.execute(console),
        Command::Run(run) => run.execute(console),
        Command::Sweep(sweep) => sweep.execute(console),
        Command::Merge(merge) => merge.execute(console),
        Command::Replay(replay) => replay.execute(console),
        Command::Shrink(shrink) => shrink.execute(console),
        Command::Verify(verify) => verify.execute(console),
        Command::Check(check) => check.execute(console),
        Command::Compare(compare) => compare.execute(console),
        Command::Report(report) => report.execute(console),
        Command::Trace(trace) => trace.execute(console),
        Command::Query(query) => query.execute(console),
        Command::Diff(diff) => diff.execute(console),
        Command::Debug(debug) => debug.execute(console),
        Command::Corpus(corpus) => corpus.execute(console),
        Command::Defects(defects) => defects.execute(console),
        Command::Coverage(coverage) => coverage.execute(console),
        Command::Explain(explain) => explain.execute(console),
        Command::Serve(serve) => serve.execute(console),
        Command::Ctl(ctl) => ctl.execute(console),
        Command::Doctor(doctor::Doctor {}) => doctor::Doctor::execute(console),
        Command::Schema(schema) => schema.execute(console),
        Command::Completions(one) => one.execute(console, Cli::command_line()),
        Command::Man(completions::Man {}) => {
            completions::Man::execute(console, Cli::command_line())
        }
    }
}

/// Help and version are results, everything else is wrong usage.
fn usage(error: &clap::Error) -> ExitCode {
    if let Err(error) = error.print() {
        let unread = error.kind() == io::ErrorKind::BrokenPipe;
        return if unread { ExitCode::Unread } else { ExitCode::Failed };
    }
    if error.use_stderr() { ExitCode::Usage } else { ExitCode::Held }
}
