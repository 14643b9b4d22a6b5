//! The command line.

pub mod conformance;
pub mod import;

use crate::handover::command::Upgrade;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// The LLM gateway that stands at the edge.
#[derive(Debug, Parser)]
#[command(name = "magic", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub common: Common,
}

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    /// Configuration file [default: magic.toml in the working directory, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Port to listen on [default: 3000]
    #[arg(long, global = true, value_name = "PORT")]
    pub port: Option<u16>,
    /// Directory for daily log files
    #[arg(long, global = true, value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
    /// Directory for the embedded database, the journal and the master key [default: ./data]
    #[arg(long, global = true, value_name = "DIR", env = "MAGIC_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run the gateway (the default)
    Serve(Serve),
    /// Start this program beside the running one, hand its sockets over, and let it finish what it has begun
    Upgrade(Upgrade),
    /// Validate the configuration; every fault at once
    CheckConfig,
    /// Find out what a channel of a running gateway can do; exit code 1 if something does not work
    Conformance(conformance::Conformance),
    /// Set a new password for root, read from the terminal's input
    ResetRootPassword,
    /// Seal every stored secret with MAGIC_MASTER_KEY_NEXT, while everything runs
    RotateMasterKey,
    /// Take over another installation
    Import {
        #[command(subcommand)]
        command: ImportCommand,
    },
    /// Write channels, models, groups and options as a configuration file, secrets as references
    Export {
        /// The form of the file
        #[arg(long, value_enum, default_value = "toml")]
        format: ExportFormat,
    },
    /// The books
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
    },
}

/// Flags of `magic serve`.
#[derive(Debug, Clone, Default, Args)]
pub struct Serve {
    /// Take over from the process that runs with the same data directory, once ready within so many seconds
    #[arg(long, value_name = "SECONDS", hide = true)]
    pub take_over: Option<u64>,
}

/// Forms that `magic export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    Toml,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ImportCommand {
    /// Users, tokens, channels, vouchers, options and logs of a one-api database; may be run again
    OneApi(import::OneApi),
}

#[derive(Debug, Clone, Subcommand)]
pub enum LedgerCommand {
    /// Prove the invariants of the books
    Verify,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["magic", "--port", "1", "ledger", "verify", "--data-dir", "d"]);
        assert_eq!((cli.common.port, cli.common.data_dir), (Some(1), Some("d".into())));
    }
}
