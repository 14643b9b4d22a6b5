//! Appending, group commit, and segments.

use crate::checkpoint;
use crate::error::JournalError;
use crate::follow::Follower;
use crate::frame::{HEADER, PAYLOAD_MAX, Position, encode};
use parking_lot::{Condvar, Mutex};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Where and how a journal is kept.
#[derive(Debug, Clone)]
pub struct Config {
    pub dir: PathBuf,
    /// Names this process life; unique over all that ever wrote to `dir`.
    pub epoch: String,
    /// A segment is closed once it is longer.
    pub segment_bytes: u64,
    /// Longest time between an append and the fsync that covers it.
    pub fsync_every: Duration,
    /// Disk space set aside for urgent records: given up when the disk is full.
    pub reserve_bytes: u64,
}

impl Config {
    pub fn new(dir: impl Into<PathBuf>, epoch: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            epoch: epoch.into(),
            segment_bytes: 64 << 20,
            fsync_every: Duration::from_millis(20),
            reserve_bytes: 0,
        }
    }

    pub(crate) fn segment(&self, number: u64) -> PathBuf {
        segment_path(&self.dir, &self.epoch, number)
    }

    fn reserve(&self) -> PathBuf {
        self.dir.join(format!("{}.reserve", self.epoch))
    }
}

pub(crate) fn segment_path(dir: &Path, epoch: &str, number: u64) -> PathBuf {
    dir.join(format!("{epoch}-{number:010}.wal"))
}

/// A journal open for writing. Shared by reference; all methods may be called from any thread.
pub struct Journal {
    pub(crate) shared: Arc<Shared>,
    syncer: Mutex<Option<std::thread::JoinHandle<()>>>,
    _lock: File,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    state: Mutex<State>,
    /// Rung on appends (followers) and on fsyncs (waiters).
    bell: Condvar,
    synced: Mutex<Position>,
    synced_bell: Condvar,
    broken: AtomicBool,
    stop: AtomicBool,
    on_sync: OnceLock<Box<OnSync>>,
}

/// Is told how long an fsync took.
type OnSync = dyn Fn(Duration) + Send + Sync;

struct State {
    file: Arc<File>,
    at: Position,
    buffer: Vec<u8>,
    full: bool,
    reserve: bool,
}

impl Journal {
    /// Opens a new epoch in the directory (made if missing).
    pub fn open(config: Config) -> Result<Journal, JournalError> {
        let context = format!("the journal in {} can't be opened", config.dir.display());
        fs::create_dir_all(&config.dir).map_err(JournalError::io(context.clone()))?;
        let lock = lock(&config.dir, &config.epoch)?;
        let file = create(&config, 1).map_err(JournalError::io(context))?;
        let at = Position { segment: 1, offset: HEADER.len() as u64 };
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                file: Arc::new(file),
                at,
                buffer: Vec::with_capacity(4096),
                full: false,
                reserve: false,
            }),
            bell: Condvar::new(),
            synced: Mutex::new(at),
            synced_bell: Condvar::new(),
            broken: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            on_sync: OnceLock::new(),
            config,
        });
        let syncer = std::thread::Builder::new()
            .name("journal-fsync".into())
            .spawn({
                let shared = shared.clone();
                move || {
                    // Beside the start, not before it: writing the reserve takes a moment.
                    make_reserve(&shared);
                    sync_loop(&shared);
                }
            })
            .map_err(JournalError::io("the journal's thread can't be started"))?;
        Ok(Journal { shared, syncer: Mutex::new(Some(syncer)), _lock: lock })
    }

    /// Appends a record. When this returns, `kill -9` can't lose it.
    pub fn append(&self, payload: &[u8]) -> Result<Position, JournalError> {
        self.write(payload, false)
    }

    /// Appends a record that must not be refused: on a full disk it uses the reserve.
    pub fn append_urgent(&self, payload: &[u8]) -> Result<Position, JournalError> {
        self.write(payload, true)
    }

    fn write(&self, payload: &[u8], urgent: bool) -> Result<Position, JournalError> {
        if payload.is_empty() || payload.len() > PAYLOAD_MAX {
            return Err(JournalError::TooLarge(payload.len()));
        }
        if self.shared.broken.load(Ordering::Acquire) {
            return Err(JournalError::Broken);
        }
        let mut state = self.shared.state.lock();
        if state.full && !urgent {
            self.retry_space(&mut state);
            if state.full {
                return Err(JournalError::Full);
            }
        }
        if state.at.offset >= self.shared.config.segment_bytes {
            self.rotate(&mut state)?;
        }
        let state = &mut *state;
        state.buffer.clear();
        encode(payload, &mut state.buffer);
        let mut written = put(&state.file, state.at.offset, &state.buffer);
        if let Err(error) = &written
            && no_space(error)
        {
            state.full = true;
            log::error!("the journal's disk is full: new calls are refused until there is space");
            if !urgent {
                let _ = state.file.set_len(state.at.offset);
                return Err(JournalError::Full);
            }
            if std::mem::take(&mut state.reserve) {
                let _ = fs::remove_file(self.shared.config.reserve());
            }
            written = put(&state.file, state.at.offset, &state.buffer);
        }
        if let Err(error) = written {
            self.shared.broken.store(true, Ordering::Release);
            log::error!("the journal is closed: a write failed: {error}");
            return Err(JournalError::Broken);
        }
        state.at.offset += state.buffer.len() as u64;
        let at = state.at;
        self.shared.bell.notify_all();
        Ok(at)
    }

    /// Is there space again? The reserve is put back first, so that closings stay safe.
    fn retry_space(&self, state: &mut State) {
        let config = &self.shared.config;
        if config.reserve_bytes > 0 && !state.reserve {
            if preallocate(&config.reserve(), config.reserve_bytes).is_err() {
                let _ = fs::remove_file(config.reserve());
                return;
            }
            state.reserve = true;
        }
        state.full = false;
    }

    fn rotate(&self, state: &mut State) -> Result<(), JournalError> {
        // What is in the old segment must be safe before anything newer is.
        let number = state.at.segment + 1;
        let opened = state.file.sync_data().and_then(|()| create(&self.shared.config, number));
        match opened {
            Ok(file) => {
                state.file = Arc::new(file);
                state.at = Position { segment: number, offset: HEADER.len() as u64 };
                Ok(())
            }
            Err(error) if no_space(&error) => {
                state.full = true;
                Err(JournalError::Full)
            }
            Err(error) => {
                self.shared.broken.store(true, Ordering::Release);
                Err(JournalError::io("a new segment of the journal can't be made")(error))
            }
        }
    }

    /// The end of the last record.
    pub fn position(&self) -> Position {
        self.shared.state.lock().at
    }

    /// Where the oldest record that is still kept begins.
    pub fn oldest(&self) -> Position {
        let there = |number: &u64| self.shared.config.segment(*number).exists();
        let last = self.position().segment;
        let segment = (1..last).rev().take_while(there).last().unwrap_or(last);
        Position { segment, offset: HEADER.len() as u64 }
    }

    /// Bytes after a position that is not beyond the end. A segment that can't be measured counts as nothing.
    pub fn bytes_after(&self, position: Position) -> u64 {
        let end = self.position();
        let before: u64 = (position.segment.max(1)..end.segment)
            .filter_map(|number| fs::metadata(self.shared.config.segment(number)).ok())
            .map(|meta| meta.len())
            .sum();
        before.saturating_add(end.offset).saturating_sub(position.offset)
    }

    /// Blocks until everything up to `position` is on the disk. False when it never will be.
    pub fn wait_durable(&self, position: Position) -> bool {
        let mut synced = self.shared.synced.lock();
        while *synced < position {
            if self.shared.broken.load(Ordering::Acquire) || self.shared.stop.load(Ordering::Acquire) {
                return false;
            }
            self.shared.synced_bell.wait_for(&mut synced, Duration::from_millis(100));
        }
        true
    }

    /// Who is told how long each fsync took, from now on. The first one stays.
    pub fn on_sync(&self, told: impl Fn(Duration) + Send + Sync + 'static) {
        let _ = self.shared.on_sync.set(Box::new(told));
    }

    pub fn is_broken(&self) -> bool {
        self.shared.broken.load(Ordering::Acquire)
    }

    /// Reads this journal's records from its start, following new ones.
    pub fn follow(&self) -> Follower {
        Follower::new(self.shared.clone())
    }

    /// Everything up to `position` has been posted: remembers it and deletes segments that are done with.
    pub fn checkpoint(&self, position: Position) -> Result<(), JournalError> {
        let config = &self.shared.config;
        checkpoint::write(&config.dir, &config.epoch, position)?;
        for number in (1..position.segment).rev() {
            if fs::remove_file(config.segment(number)).is_err() {
                break; // older ones went before
            }
        }
        Ok(())
    }

    /// The orderly end of an epoch whose records have all been posted: its files go.
    pub fn remove_posted(&self) {
        self.stop();
        let config = self.shared.config.clone();
        let last = self.position().segment;
        for number in (1..=last).rev() {
            if fs::remove_file(config.segment(number)).is_err() {
                break;
            }
        }
        for file in [
            checkpoint::path(&config.dir, &config.epoch),
            config.reserve(),
            lock_path(&config.dir, &config.epoch),
        ] {
            let _ = fs::remove_file(file);
        }
    }

    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.bell.notify_all();
        if let Some(thread) = self.syncer.lock().take() {
            let _ = thread.join();
        }
        self.shared.bell.notify_all();
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// The end of what has been written, for followers.
    pub(crate) fn written(&self) -> Position {
        self.state.lock().at
    }

    /// Waits for something after `position`, for at most `timeout`. False: nothing came.
    pub(crate) fn wait_beyond(&self, position: Position, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock();
        while state.at <= position {
            if self.stop.load(Ordering::Acquire) || self.bell.wait_until(&mut state, deadline).timed_out() {
                return state.at > position;
            }
        }
        true
    }
}

fn make_reserve(shared: &Shared) {
    let config = &shared.config;
    if config.reserve_bytes == 0 {
        return;
    }
    match preallocate(&config.reserve(), config.reserve_bytes) {
        Ok(()) => shared.state.lock().reserve = true,
        Err(error) => {
            let _ = fs::remove_file(config.reserve());
            log::warn!("the journal has no reserve for a full disk: {error}");
        }
    }
}

fn sync_loop(shared: &Shared) {
    loop {
        let stopping = shared.stop.load(Ordering::Acquire);
        let (file, at) = {
            let mut state = shared.state.lock();
            if !stopping && state.at == *shared.synced.lock() {
                shared.bell.wait_for(&mut state, Duration::from_millis(200));
            }
            (state.file.clone(), state.at)
        };
        if at != *shared.synced.lock() {
            let began = Instant::now();
            let synced = file.sync_data();
            if let Some(told) = shared.on_sync.get() {
                told(began.elapsed());
            }
            if let Err(error) = synced {
                shared.broken.store(true, Ordering::Release);
                log::error!("the journal is closed: an fsync failed: {error}");
                shared.synced_bell.notify_all();
                return;
            }
            *shared.synced.lock() = at;
            shared.synced_bell.notify_all();
            if !stopping {
                std::thread::sleep(shared.config.fsync_every);
            }
        }
        if stopping {
            return;
        }
    }
}

fn put(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    file.write_all_at(bytes, offset)
}

fn no_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

fn create(config: &Config, number: u64) -> io::Result<File> {
    let file = OpenOptions::new().write(true).read(true).create_new(true).open(config.segment(number))?;
    put(&file, 0, HEADER)?;
    file.sync_data()?;
    File::open(&config.dir)?.sync_all()?;
    Ok(file)
}

fn preallocate(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let zeros = vec![0u8; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(zeros.len() as u64) as usize;
        file.write_all(&zeros[..now])?;
        left -= now as u64;
    }
    Ok(())
}

pub(crate) fn lock_path(dir: &Path, epoch: &str) -> PathBuf {
    dir.join(format!("{epoch}.lock"))
}

/// Takes the epoch's lock; it goes with the process, however that ends.
pub(crate) fn lock(dir: &Path, epoch: &str) -> Result<File, JournalError> {
    let path = lock_path(dir, epoch);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(JournalError::io(format!("{} can't be opened", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(JournalError::Locked(dir.to_owned())),
        Err(fs::TryLockError::Error(error)) => {
            Err(JournalError::io(format!("{} can't be locked", path.display()))(error))
        }
    }
}
