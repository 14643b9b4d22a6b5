//! Direct, nginx, bare Pingora and the gateway, one after another in every round.

use crate::load::{self, Pace, Work, units};
use crate::measure::{Process, median};
use crate::peers::{self, Folder, KEY};
use crate::say;
use std::path::Path;
use std::time::{Duration, Instant};

/// What the load's own loop runs on.
pub fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

/// In closed loops the faster one keeps the vendor's core busy and the slower one lets it sleep, and waking a
/// sleeping core costs the waker; at the same rate both wake it equally often.
const WORKS: &[(Work, usize, Pace)] = &[
    (Work::Small, 32, Pace::Open(4_000.0)),
    (Work::Small, 1, Pace::Closed),
    (Work::Small, 32, Pace::Closed),
    (Work::Small, 256, Pace::Closed),
    (Work::Stream, 1, Pace::Closed),
    (Work::Stream, 32, Pace::Closed),
    (Work::Big, 8, Pace::Closed),
];

/// One process over all rounds of a work.
struct Row<'p> {
    name: &'static str,
    process: Option<&'p Process>,
    /// Requests a second, CPU-µs per unit, p50, p99, errors.
    figures: Vec<[f64; 5]>,
}

impl Row<'_> {
    fn middle(&self, at: usize) -> f64 {
        median(self.figures.iter().map(|figure| figure[at]).collect())
    }

    /// The ratio to another row, round by round: median, least and greatest.
    fn against(&self, other: &Row<'_>, at: usize) -> String {
        let pairs = self.figures.iter().zip(&other.figures);
        let ratios: Vec<f64> = pairs.map(|(mine, theirs)| mine[at] / theirs[at].max(1e-9)).collect();
        let low = ratios.iter().copied().fold(f64::MAX, f64::min);
        let high = ratios.iter().copied().fold(0.0, f64::max);
        format!("**{:.2}** ({low:.2}–{high:.2})", median(ratios))
    }
}

/// The table of ratios. Bare Pingora runs twice in every round: how far the two are apart says what the other
/// ratios are worth.
pub fn run(binary: &Path, rounds: usize, seconds: u64) -> Result<(), String> {
    let folder = Folder::new("compare")?;
    let vendor = peers::vendor()?;
    let nginx = peers::nginx(&vendor, &folder.0)?;
    let bare = peers::bare(&vendor)?;
    let magic = peers::magic(binary, &vendor, &folder.0)?;
    let runtime = runtime()?;
    let time = Duration::from_secs(seconds);
    if nginx.is_none() {
        say("nginx is not installed: its rows are left out");
    }
    say(
        "| work | connections | | requests/s | CPU-µs per unit | p50 µs | p99 µs | errors | CPU vs bare | requests/s vs nginx |",
    );
    say("|---|---|---|---|---|---|---|---|---|---|");
    for (work, connections, pace) in WORKS {
        let row = |name, process| Row { name, process, figures: Vec::new() };
        let mut rows = vec![row("direct", None)];
        if let Some(nginx) = &nginx {
            rows.push(row("nginx", Some(nginx)));
        }
        rows.push(row("bare Pingora", Some(&bare)));
        rows.push(row("magic", Some(&magic)));
        rows.push(row("bare again", Some(&bare)));
        for _ in 0..rounds {
            for row in &mut rows {
                let address = row.process.map_or(vendor.address, |process| process.address);
                let before = row.process.map_or(0, Process::cpu);
                let outcome = runtime.block_on(load::run(address, *work, *connections, *pace, KEY, time));
                let used = row.process.map_or(0, Process::cpu) - before;
                row.figures.push([
                    outcome.per_second(),
                    used as f64 / 1000.0 / (outcome.requests.max(1) * units(*work)) as f64,
                    outcome.percentile(0.5) as f64,
                    outcome.percentile(0.99) as f64,
                    outcome.errors as f64,
                ]);
            }
        }
        let of = |name: &str| rows.iter().find(|row| row.name == name);
        for row in &rows {
            let errors: f64 = row.figures.iter().map(|figure| figure[4]).sum();
            let is_peer = matches!(row.name, "magic" | "bare again");
            let cpu =
                of("bare Pingora").filter(|_| is_peer).map_or_else(String::new, |bare| row.against(bare, 1));
            let rate = of("nginx")
                .filter(|_| matches!(row.name, "magic" | "bare Pingora"))
                .map_or_else(String::new, |nginx| row.against(nginx, 0));
            say(&format!(
                "| {work:?} | {connections}{} | {} | {:.0} | {:.1} | {:.0} | {:.0} | {errors:.0} | {cpu} | {rate} |",
                match pace {
                    Pace::Closed => String::new(),
                    Pace::Open(rate) => format!(", {rate:.0}/s"),
                },
                row.name,
                row.middle(0),
                row.middle(1),
                row.middle(2),
                row.middle(3)
            ));
        }
    }
    Ok(())
}

/// A load on something that runs already; the requests that were answered.
pub fn load(
    to: std::net::SocketAddr,
    work: Work,
    connections: usize,
    rate: Option<f64>,
    seconds: u64,
) -> Result<(), String> {
    let pace = rate.map_or(Pace::Closed, Pace::Open);
    let time = Duration::from_secs(seconds);
    let outcome = runtime()?.block_on(load::run(to, work, connections, pace, KEY, time));
    say(&format!(
        "{} requests, {} errors, {:.0} a second, p50 {} µs, p99 {} µs",
        outcome.requests,
        outcome.errors,
        outcome.per_second(),
        outcome.percentile(0.5),
        outcome.percentile(0.99)
    ));
    Ok(())
}

/// Memory and starting.
pub fn hold(binary: &Path, streams: usize) -> Result<(), String> {
    let vendor = peers::vendor()?;
    let runtime = runtime()?;
    say("| what | figure |");
    say("|---|---|");
    let folder = Folder::new("start")?;
    let mut starts = Vec::new();
    let mut idle = 0;
    for round in 0..6 {
        let begun = Instant::now();
        let magic = peers::magic(binary, &vendor, &folder.0)?;
        let outcome = runtime.block_on(load::run(
            magic.address,
            Work::Small,
            1,
            Pace::Closed,
            KEY,
            Duration::from_millis(1),
        ));
        if outcome.requests > 0 && round > 0 {
            // The first start makes the schema.
            starts.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        idle = magic.rss();
    }
    say(&format!("| start to first 200, median of {} | {:.0} ms |", starts.len(), median(starts)));
    say(&format!("| resident after the first call | {:.1} MB |", idle as f64 / 1024.0));
    let folder = Folder::new("hold")?;
    let bare = peers::bare(&vendor)?;
    let magic = peers::magic(binary, &vendor, &folder.0)?;
    for (name, process) in [("bare Pingora", &bare), ("magic", &magic)] {
        let before = process.rss();
        let begun = Instant::now();
        let (open, failed) = runtime.block_on(load::hold(process.address, KEY, streams));
        let took = begun.elapsed();
        let after = process.rss();
        let each = (after.saturating_sub(before)) as f64 / open.len().max(1) as f64;
        say(&format!(
            "| {name}: {} idle streams, {failed} failed, opened in {:.1} s | {each:.1} KB each |",
            open.len(),
            took.as_secs_f64()
        ));
    }
    Ok(())
}
