//! Processes and what they use.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A process that ends with its handle.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

impl Process {
    /// Starts a command, pinned to a core, and waits until it listens.
    pub fn start(command: Command, core: usize, address: SocketAddr) -> Result<Process, String> {
        Self::start_on(command, &core.to_string(), address, Duration::from_secs(20))
    }

    /// Starts a command on some cores (`0-1023`: all there are).
    pub fn start_on(
        command: Command,
        cores: &str,
        address: SocketAddr,
        patience: Duration,
    ) -> Result<Process, String> {
        let program = command.get_program();
        let mut pinned = Command::new("taskset");
        pinned.arg("-c").arg(cores).arg(program).args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                pinned.env(name, value);
            }
        }
        let child = pinned.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let process = Process { child, address };
        let until = Instant::now() + patience;
        while std::net::TcpStream::connect(address).is_err() {
            if Instant::now() > until {
                return Err(format!("{} does not listen", program.display()));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        Ok(process)
    }

    /// CPU nanoseconds used so far, over all threads.
    pub fn cpu(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let read = |entry: std::fs::DirEntry| {
            let text = std::fs::read_to_string(entry.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        tasks.map(|tasks| tasks.flatten().filter_map(read).sum()).unwrap_or(0)
    }

    /// Resident memory in KiB.
    pub fn rss(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmRSS:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that is free now.
pub fn free() -> Result<SocketAddr, String> {
    let probe = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    probe.local_addr().map_err(|error| error.to_string())
}

/// The middle of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

/// Whether a program can be found.
pub fn have(program: &str) -> bool {
    std::env::var("PATH")
        .unwrap_or_default()
        .split(':')
        .any(|dir| std::path::Path::new(dir).join(program).exists())
}
