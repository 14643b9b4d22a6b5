//! `magic`: reads the command line, runs the command, and turns errors into one clear line and an exit code.

use clap::Parser;
use magic::cli::{Cli, Command, ExportFormat, ImportCommand, LedgerCommand, Serve};
use magic::{app, serve};
use std::process::ExitCode;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // `.env` never wins over the real environment.
    let _ = dotenvy::dotenv();
    let cli = Cli::parse();
    let done = match cli.command.unwrap_or(Command::Serve(Serve::default())) {
        Command::Serve(args) => serve::serve(&cli.common, &args),
        Command::Upgrade(args) => app::upgrade(&cli.common, &args),
        Command::CheckConfig => app::check_config(&cli.common),
        Command::Conformance(args) => app::conformance(&args),
        Command::ResetRootPassword => app::reset_root_password(&cli.common),
        Command::RotateMasterKey => app::rotate_master_key(&cli.common),
        Command::Import { command: ImportCommand::OneApi(args) } => app::import_one_api(&cli.common, &args),
        Command::Export { format: ExportFormat::Toml } => app::export(&cli.common),
        Command::Ledger { command: LedgerCommand::Verify } => app::verify(&cli.common),
    };
    magic::logging::flush(std::time::Duration::from_secs(1));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.lines() {
                app::complain(line);
            }
            ExitCode::FAILURE
        }
    }
}
