//! The price of a translation: one request in the vendor's words and in others, through the same gateway.

use crate::compare::runtime;
use crate::load::{self, Pace, Work, units};
use crate::measure::median;
use crate::peers::{self, Folder, KEY};
use crate::say;
use std::path::Path;
use std::time::Duration;

/// A rate that one core reaches in any dialect: in closed loops the slower one lets the vendor sleep.
const SMALL: Pace = Pace::Open(2_000.0);
const PAIRS: &[(Work, Work, usize, Pace)] = &[
    (Work::Small, Work::Claude, 32, SMALL),
    (Work::Small, Work::Gemini, 32, SMALL),
    (Work::Stream, Work::ClaudeStream, 8, Pace::Closed),
    (Work::Picture, Work::ClaudeBig, 4, Pace::Open(100.0)),
];

/// The table: CPU of the gateway per request or chunk, passed and translated, and their ratio round by round.
pub fn run(binary: &Path, rounds: usize, seconds: u64) -> Result<(), String> {
    let folder = Folder::new("convert")?;
    let vendor = peers::vendor()?;
    let magic = peers::magic(binary, &vendor, &folder.0)?;
    let runtime = runtime()?;
    let time = Duration::from_secs(seconds);
    say(
        "| passed | translated | connections | CPU-µs passed | CPU-µs translated | ratio (min–max) | errors |",
    );
    say("|---|---|---|---|---|---|---|");
    for (plain, foreign, connections, pace) in PAIRS {
        let (mut first, mut second, mut ratios, mut errors) = (vec![], vec![], vec![], 0);
        for _ in 0..rounds {
            let mut cost = |work: Work| {
                let before = magic.cpu();
                let outcome =
                    runtime.block_on(load::run(magic.address, work, *connections, *pace, KEY, time));
                errors += outcome.errors;
                (magic.cpu() - before) as f64 / 1000.0 / (outcome.requests.max(1) * units(work)) as f64
            };
            let (passed, translated) = (cost(*plain), cost(*foreign));
            ratios.push(translated / passed.max(1e-9));
            first.push(passed);
            second.push(translated);
        }
        let low = ratios.iter().copied().fold(f64::MAX, f64::min);
        let high = ratios.iter().copied().fold(0.0, f64::max);
        say(&format!(
            "| {plain:?} | {foreign:?} | {connections} | {:.1} | {:.1} | **{:.2}** ({low:.2}–{high:.2}) | {errors} |",
            median(first),
            median(second),
            median(ratios)
        ));
    }
    Ok(())
}
