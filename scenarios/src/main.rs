//! The `harrow` command.

fn main() -> std::process::ExitCode {
    harrow_scenarios::commands::main().into()
}
