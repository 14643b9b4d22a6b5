//! The measured comparisons: a deterministic vendor, a load generator, a bare Pingora, and the gateway, all in one
//! run, interleaved. Ratios count; absolute figures belong to the machine and the minute. See `benches/README.md`.

mod bare;
mod compare;
mod load;
mod measure;
mod vendor;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "magic-bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The vendor: JSON answers, and streams of 100 chunks
    Vendor {
        #[arg(long)]
        listen: SocketAddr,
    },
    /// A bare Pingora in front of the vendor
    Bare {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        vendor: SocketAddr,
    },
    /// Direct, bare Pingora and the gateway, interleaved
    Compare {
        /// The gateway's binary, built with `--profile bench-fast`
        #[arg(long)]
        magic: PathBuf,
        #[arg(long, default_value_t = 7)]
        rounds: usize,
        /// Seconds of each measurement
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
    /// Memory per open stream, idle memory, and the time to the first answer
    Hold {
        #[arg(long)]
        magic: PathBuf,
        #[arg(long, default_value_t = 10_000)]
        streams: usize,
    },
}

/// Prints a line.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Vendor { listen } => vendor::run(listen),
        Command::Bare { listen, vendor } => bare::run(listen, vendor),
        Command::Compare { magic, rounds, seconds } => compare::run(&magic, rounds, seconds),
        Command::Hold { magic, streams } => compare::hold(&magic, streams),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("magic-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}
