//! The thread that writes lines, and the bounded queue in front of it.

use super::files::{Files, Written};
use super::line;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Lines, and bytes of lines, that may wait.
const LINES: usize = 8192;
const BYTES: usize = 8 << 20;
/// That lines were lost because the queue was full is told this often at most.
const TELL_EVERY: Duration = Duration::from_secs(60);

enum Message {
    Line(Box<[u8]>),
    /// Answered when all before it is written.
    Flush(SyncSender<()>),
}

/// The logger is one per process, and so is this.
struct Shared {
    sender: SyncSender<Message>,
    lines: AtomicUsize,
    bytes: AtomicUsize,
    dropped: AtomicU64,
    /// Of these, how many for want of room.
    overflowed: AtomicU64,
    reopen: AtomicBool,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

/// Starts the thread.
pub fn start(files: Option<Files>, json: bool) -> io::Result<()> {
    let (sender, receiver) = sync_channel(LINES);
    let shared = Shared {
        sender,
        lines: AtomicUsize::new(0),
        bytes: AtomicUsize::new(0),
        dropped: AtomicU64::new(0),
        overflowed: AtomicU64::new(0),
        reopen: AtomicBool::new(false),
    };
    if SHARED.set(shared).is_err() {
        return Err(io::Error::other("logging has been set up before"));
    }
    let work = Work { files, json, told: 0, told_at: None, failed: 0 };
    std::thread::Builder::new().name("log".into()).spawn(move || work.run(&receiver))?;
    Ok(())
}

/// Puts a line in the queue, or drops it.
pub fn offer(line: &[u8]) {
    let Some(shared) = SHARED.get() else { return };
    let room = shared.bytes.load(Ordering::Relaxed) + line.len() <= BYTES;
    if room {
        shared.lines.fetch_add(1, Ordering::Relaxed);
        shared.bytes.fetch_add(line.len(), Ordering::Relaxed);
        if shared.sender.try_send(Message::Line(line.into())).is_ok() {
            return;
        }
        shared.lines.fetch_sub(1, Ordering::Relaxed);
        shared.bytes.fetch_sub(line.len(), Ordering::Relaxed);
    }
    shared.dropped.fetch_add(1, Ordering::Relaxed);
    shared.overflowed.fetch_add(1, Ordering::Relaxed);
}

pub fn waiting() -> usize {
    SHARED.get().map_or(0, |shared| shared.lines.load(Ordering::Relaxed))
}

pub fn dropped() -> u64 {
    SHARED.get().map_or(0, |shared| shared.dropped.load(Ordering::Relaxed))
}

pub fn reopen() {
    if let Some(shared) = SHARED.get() {
        shared.reopen.store(true, Ordering::Release);
    }
}

pub fn flush(within: Duration) {
    let Some(shared) = SHARED.get() else { return };
    let until = Instant::now() + within;
    let (done, is_done) = sync_channel(1);
    let mut message = Message::Flush(done);
    while let Err(error) = shared.sender.try_send(message) {
        if Instant::now() >= until {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
        message = match error {
            std::sync::mpsc::TrySendError::Full(message) => message,
            std::sync::mpsc::TrySendError::Disconnected(_) => return,
        };
    }
    let _ = is_done.recv_timeout(until.saturating_duration_since(Instant::now()));
}

struct Work {
    files: Option<Files>,
    json: bool,
    /// How many lines that found no room have been told of, and when.
    told: u64,
    told_at: Option<Instant>,
    /// Lines that the files have not got since they could be written last.
    failed: u64,
}

impl Work {
    fn run(mut self, receiver: &Receiver<Message>) {
        let Some(shared) = SHARED.get() else { return };
        while let Ok(message) = receiver.recv() {
            let line = match message {
                Message::Line(line) => line,
                Message::Flush(done) => {
                    let _ = done.try_send(());
                    continue;
                }
            };
            if shared.reopen.swap(false, Ordering::AcqRel)
                && let Some(files) = &mut self.files
            {
                files.reopen();
            }
            self.write(&line, shared);
            shared.lines.fetch_sub(1, Ordering::Relaxed);
            shared.bytes.fetch_sub(line.len(), Ordering::Relaxed);
            self.tell_of_overflow(shared);
        }
    }

    fn write(&mut self, line: &[u8], shared: &Shared) {
        // A terminal that has gone away is no reason to stop.
        let _ = io::stderr().write_all(line);
        let Some(files) = &mut self.files else { return };
        match files.write(line) {
            Written::Yes => return,
            Written::Again => {
                let lost = std::mem::take(&mut self.failed);
                let text = format!("log files are written again; {lost} lines are on standard error alone");
                return self.tell(&text);
            }
            Written::Skipped => {}
            Written::Failed(why) => {
                let text = format!(
                    "log files in {} can't be written, lines are dropped: {why}",
                    files.dir().display()
                );
                self.tell(&text);
            }
        }
        self.failed += 1;
        shared.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn tell_of_overflow(&mut self, shared: &Shared) {
        let lost = shared.overflowed.load(Ordering::Relaxed);
        if lost == self.told || self.told_at.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return;
        }
        let text = format!(
            "{} log lines were dropped: they came faster than they could be written",
            lost - self.told
        );
        (self.told, self.told_at) = (lost, Some(Instant::now()));
        self.tell(&text);
    }

    /// A line of our own: to standard error and, as far as they can be written, to the files.
    fn tell(&mut self, text: &str) {
        let line = line::own(self.json, text) + "\n";
        let _ = io::stderr().write_all(line.as_bytes());
        if let Some(files) = &mut self.files {
            files.write(line.as_bytes());
        }
    }
}
