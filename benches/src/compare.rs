//! Direct, bare Pingora and the gateway, one after another in every round.

use crate::load::{self, Work, units};
use crate::measure::{Process, free, median};
use crate::say;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const KEY: &str = "sk-benchkey0123456789";

fn own() -> Result<std::path::PathBuf, String> {
    std::env::current_exe().map_err(|error| error.to_string())
}

fn start_vendor() -> Result<Process, String> {
    let address = free()?;
    let mut command = Command::new(own()?);
    command.args(["vendor", "--listen", &address.to_string()]);
    Process::start(command, 0, address)
}

fn start_bare(vendor: &Process) -> Result<Process, String> {
    let address = free()?;
    let mut command = Command::new(own()?);
    command.args(["bare", "--listen", &address.to_string(), "--vendor", &vendor.address.to_string()]);
    Process::start(command, 1, address)
}

/// Everything on: a customer with a balance, prices, a journal, a database.
fn start_magic(binary: &Path, vendor: &Process, dir: &Path) -> Result<Process, String> {
    let address = free()?;
    let config = format!(
        "[server]\nlisten = [\"{address}\"]\nthreads = 1\ndata_dir = {:?}\n\
         [[channels]]\nname = \"bench\"\ntype = \"custom\"\nbase_url = \"http://{}\"\nkey = \"sk-vendor\"\nmodels = [\"gpt-4o-mini\"]\n\
         [[users]]\nname = \"bench\"\nbalance_usd = 100000\n[[tokens]]\nname = \"b\"\nuser = \"bench\"\nkey = \"{KEY}\"\nunlimited = true\n",
        dir.join("data"),
        vendor.address
    );
    let file = dir.join("magic.toml");
    std::fs::write(&file, config).map_err(|error| error.to_string())?;
    let mut command = Command::new(binary);
    command.arg("--config").arg(&file).env("RUST_LOG", "warn").stdout(Stdio::null());
    Process::start(command, 1, address)
}

fn temporary() -> Result<std::path::PathBuf, String> {
    let dir = std::env::temp_dir().join(format!("magic-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
    Ok(dir)
}

/// The table of ratios.
pub fn run(binary: &Path, rounds: usize, seconds: u64) -> Result<(), String> {
    let dir = temporary()?;
    let vendor = start_vendor()?;
    let bare = start_bare(&vendor)?;
    let magic = start_magic(binary, &vendor, &dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let time = Duration::from_secs(seconds);
    say(
        "| work | connections | | requests/s | CPU-µs per unit | p50 µs | p99 µs | errors | CPU vs bare (min–max) |",
    );
    say("|---|---|---|---|---|---|---|---|---|");
    let works = [
        (Work::Small, 1),
        (Work::Small, 32),
        (Work::Small, 256),
        (Work::Stream, 1),
        (Work::Stream, 32),
        (Work::Big, 8),
    ];
    for (work, connections) in works {
        let mut rows: Vec<(&str, Vec<[f64; 5]>)> =
            vec![("direct", vec![]), ("bare Pingora", vec![]), ("magic", vec![])];
        let mut ratios = Vec::new();
        for _ in 0..rounds {
            let mut cpu = [0.0; 3];
            for (index, (_, figures)) in rows.iter_mut().enumerate() {
                let process = [None, Some(&bare), Some(&magic)][index];
                let address = process.map_or(vendor.address, |process| process.address);
                let before = process.map_or(0, Process::cpu);
                let outcome = runtime.block_on(load::run(address, work, connections, KEY, time));
                let used = process.map_or(0, Process::cpu) - before;
                let per_unit = used as f64 / 1000.0 / (outcome.requests.max(1) * units(work)) as f64;
                cpu[index] = per_unit;
                figures.push([
                    outcome.per_second(),
                    per_unit,
                    outcome.percentile(0.5) as f64,
                    outcome.percentile(0.99) as f64,
                    outcome.errors as f64,
                ]);
            }
            ratios.push(cpu[2] / cpu[1].max(1e-9));
        }
        for (index, (name, figures)) in rows.iter().enumerate() {
            let middle = |at: usize| median(figures.iter().map(|figure| figure[at]).collect());
            let errors: f64 = figures.iter().map(|figure| figure[4]).sum();
            let ratio = if index == 2 {
                let low = ratios.iter().copied().fold(f64::MAX, f64::min);
                let high = ratios.iter().copied().fold(0.0, f64::max);
                format!("**{:.2}** ({low:.2}–{high:.2})", median(ratios.clone()))
            } else {
                String::new()
            };
            say(&format!(
                "| {work:?} | {connections} | {name} | {:.0} | {:.1} | {:.0} | {:.0} | {errors:.0} | {ratio} |",
                middle(0),
                middle(1),
                middle(2),
                middle(3)
            ));
        }
    }
    drop(magic);
    let _ = std::fs::remove_dir_all(dir);
    Ok(())
}

/// Memory and starting.
pub fn hold(binary: &Path, streams: usize) -> Result<(), String> {
    let vendor = start_vendor()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    say("| what | figure |");
    say("|---|---|");
    let mut starts = Vec::new();
    let mut idle = 0;
    for round in 0..5 {
        let dir = temporary()?;
        let begun = Instant::now();
        let magic = start_magic(binary, &vendor, &dir)?;
        let outcome =
            runtime.block_on(load::run(magic.address, Work::Small, 1, KEY, Duration::from_millis(1)));
        if outcome.requests > 0 && round > 0 {
            // The first start makes the schema.
            starts.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        idle = magic.rss();
        drop(magic);
        if round == 4 {
            let _ = std::fs::remove_dir_all(dir);
        }
    }
    say(&format!("| start to first 200, median of {} | {:.0} ms |", starts.len(), median(starts)));
    say(&format!("| resident after the first call | {:.1} MB |", idle as f64 / 1024.0));
    let dir = temporary()?;
    let magic = start_magic(binary, &vendor, &dir)?;
    let before = magic.rss();
    let begun = Instant::now();
    let (open, failed) = runtime.block_on(load::hold(magic.address, KEY, streams));
    let took = begun.elapsed();
    let after = magic.rss();
    let each = (after.saturating_sub(before)) as f64 / open.len().max(1) as f64;
    say(&format!(
        "| {} idle streams, {failed} failed, opened in {:.1} s | {each:.1} KB each |",
        open.len(),
        took.as_secs_f64()
    ));
    drop(open);
    drop(magic);
    let _ = std::fs::remove_dir_all(dir);
    Ok(())
}
