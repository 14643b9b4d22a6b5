//! The measured comparisons: a deterministic vendor, a load generator, a bare Pingora, and the gateway, all in one
//! run, interleaved. Ratios count; absolute figures belong to the machine and the minute. See `benches/README.md`.

mod bare;
mod compare;
mod convert;
mod growth;
mod lists;
mod load;
mod measure;
mod peers;
mod pure;
mod sites;
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
    /// Direct, nginx, bare Pingora and the gateway, interleaved
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
    /// Files and servers of sites, nginx and the gateway, interleaved
    Sites {
        #[arg(long)]
        magic: PathBuf,
        #[arg(long, default_value_t = 7)]
        rounds: usize,
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
    /// What translating costs against passing: the same request in two dialects, interleaved
    Convert {
        #[arg(long)]
        magic: PathBuf,
        #[arg(long, default_value_t = 7)]
        rounds: usize,
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
    /// What 10, 1,000 and 100,000 tokens cost, and p99 while the table is changed
    Growth {
        #[arg(long)]
        magic: PathBuf,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
    /// The management API's lists on millions of rows, in SQLite and PostgreSQL
    Lists {
        #[arg(long)]
        magic: PathBuf,
        /// Rows of the log
        #[arg(long, default_value_t = 10_000_000)]
        rows: u64,
        /// Calls of each list, one at a time and again eight at a time
        #[arg(long, default_value_t = 200)]
        calls: usize,
        /// A database to fill once and keep: `sqlite:PATH` or `postgres://…`
        #[arg(long)]
        dsn: Option<String>,
        /// Only lists whose name contains one of these, separated by commas
        #[arg(long, default_value = "")]
        only: String,
    },
    /// A load alone, for profiling what is already running
    Load {
        #[arg(long)]
        to: SocketAddr,
        #[arg(long, default_value = "small")]
        work: load::Work,
        #[arg(long, default_value_t = 32)]
        connections: usize,
        /// Requests a second; without, closed loops
        #[arg(long)]
        rate: Option<f64>,
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// Instructions of the pure functions, counted by callgrind
    Pure,
    #[command(hide = true)]
    PureOnce { name: String, times: u64 },
    /// Memory per open stream (two sockets each: mind the limit of open files), idle memory, and the time to the first answer
    Hold {
        #[arg(long)]
        magic: PathBuf,
        #[arg(long, default_value_t = 9_500)]
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
        Command::Sites { magic, rounds, seconds } => sites::run(&magic, rounds, seconds),
        Command::Convert { magic, rounds, seconds } => convert::run(&magic, rounds, seconds),
        Command::Growth { magic, rounds, seconds } => growth::run(&magic, rounds, seconds),
        Command::Lists { magic, rows, calls, dsn, only } => lists::run(&magic, rows, calls, dsn, &only),
        Command::Load { to, work, connections, rate, seconds } => {
            compare::load(to, work, connections, rate, seconds)
        }
        Command::Pure => pure::run(),
        Command::PureOnce { name, times } => pure::once(&name, times),
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
