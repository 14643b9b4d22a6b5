//! `magic upgrade`: starts a new process beside the running one and waits until it serves.

use super::wire::{self, Answer, Ask, Status};
use super::{control_path, heir};
use crate::app;
use crate::cli::Common;
use clap::Args;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Between two looks at the new process.
const LOOK: Duration = Duration::from_millis(50);
/// What it gets beyond its own patience: it gives up by itself first, so that nobody ends one that has just taken over.
const MARGIN: Duration = Duration::from_secs(4);

/// How long a process that has ended may be listened to: what it has started itself may hold its outputs open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Flags of `magic upgrade`.
#[derive(Debug, Clone, Args)]
pub struct Upgrade {
    /// The program to start [default: this one]
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// Seconds it may take to become ready
    #[arg(long, value_name = "SECONDS", default_value_t = 28)]
    pub wait: u64,
}

/// Runs the command; what happened, in words.
///
/// # Errors
/// In words: why the running process goes on.
pub fn run(common: &Common, args: &Upgrade) -> Result<String, String> {
    let settings = app::load(common)?;
    let control = control_path(&settings.data_dir);
    let before = status(&control)?;
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe().map_err(|error| error.to_string())?,
    };
    let wait = Duration::from_secs(args.wait.clamp(1, 600));
    let (mut child, heard) = start(&binary, common, wait)?;
    let until = Instant::now() + wait + MARGIN;
    let failed = loop {
        if let Ok(now) = status(&control)
            && now.pid == child.id()
        {
            return Ok(format!(
                "magic {} serves (process {}); process {} ends when its {} open calls have",
                now.version, now.pid, before.pid, before.in_flight
            ));
        }
        match child.try_wait() {
            Ok(Some(ended)) => break format!("the new process has ended ({ended})"),
            Ok(None) if Instant::now() > until => {
                break format!("the new process is not ready after {} seconds", args.wait);
            }
            Ok(None) => std::thread::sleep(LOOK),
            Err(error) => break error.to_string(),
        }
    };
    let _ = child.kill();
    let _ = child.wait();
    // Its last words, which say why.
    let _ = heard.recv_timeout(LAST_WORDS);
    Err(format!("{failed}: process {} goes on", before.pid))
}

/// Starts the new process with the flags of this one. What it says before it serves is said here.
fn start(binary: &Path, common: &Common, wait: Duration) -> Result<(Child, mpsc::Receiver<()>), String> {
    let mut command = Command::new(binary);
    command.arg("serve").arg("--take-over").arg(wait.as_secs().to_string());
    let paths =
        [("--config", &common.config), ("--log-dir", &common.log_dir), ("--data-dir", &common.data_dir)];
    for (flag, path) in paths {
        if let Some(path) = path {
            command.arg(flag).arg(path);
        }
    }
    if let Some(port) = common.port {
        command.arg("--port").arg(port.to_string());
    }
    // A group of its own: whoever interrupts this command does not mean the gateway.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = command.spawn();
    let mut child = started.map_err(|error| format!("{} can't be started: {error}", binary.display()))?;
    let (told, heard) = mpsc::channel();
    if let Some(said) = child.stderr.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                app::repeat(&line);
            }
            let _ = told.send(());
        });
    }
    Ok((child, heard))
}

/// How the process of a data directory fares.
///
/// # Errors
/// In words: there is none that answers.
pub fn status(control: &Path) -> Result<Status, String> {
    let stream = heir::connect(control)?;
    match wire::ask(&stream, &Ask::Status) {
        Ok((Answer::Status(status), _)) => Ok(status),
        Ok((other, _)) => Err(format!("the running process answers something else: {other:?}")),
        Err(error) => Err(format!("the running process does not answer: {error}")),
    }
}
