//! What the kernel tells of this process. On a system without `/proc` the numbers are left out.

use super::names;
use super::page::Samples;

/// Ticks of the kernel's accounts in a second: fixed in what Linux shows to programs.
const TICKS: f64 = 100.0;

/// Adds the process's own numbers.
pub fn take(samples: &mut Samples) {
    if let Ok(stat) = std::fs::read_to_string("/proc/self/stat") {
        // The name in brackets may hold blanks.
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        samples.set(&names::CPU, (number(11) + number(12)) / TICKS);
        samples.set(&names::THREADS, number(17));
        if let Some(boot) = booted() {
            samples.set(&names::START, boot + number(19) / TICKS);
        }
    }
    samples.set(&names::RSS, crate::jobs::nodes::resident() as f64);
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        samples.set(&names::FDS, open.count() as f64);
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    samples.set(&names::FDS_MAX, limit.current.map_or(f64::INFINITY, |most| most as f64));
}

fn booted() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells() {
        let mut samples = Samples::default();
        take(&mut samples);
        let page = super::super::page::write(&[], &samples);
        let value = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            line.unwrap().parse::<f64>().unwrap()
        };
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_open_fds") >= 3.0 && value("process_threads") >= 1.0);
        let age = chrono::Utc::now().timestamp() as f64 - value("process_start_time_seconds");
        assert!((-60.0..3600.0).contains(&age), "{age}");
    }
}
