//! `magic-YYYYMMDD.log`, then `magic-YYYYMMDD.1.log` and so on when a day's file is full; what is too old, or too
//! much, is deleted.

use chrono::{Days, Local, NaiveDate};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// After a failed write the next one is tried so much later.
const RETRY: Duration = Duration::from_secs(1);
/// Between two looks at what is to be deleted.
const SWEEP: Duration = Duration::from_secs(3600);

/// How large a file gets, and how long files are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    pub file_bytes: u64,
    pub days: u64,
    /// Of all files together; no limit without.
    pub all_bytes: Option<u64>,
}

impl Default for Keep {
    fn default() -> Self {
        Keep { file_bytes: 256 << 20, days: 30, all_bytes: None }
    }
}

pub struct Files {
    dir: PathBuf,
    keep: Keep,
    open: Option<Open>,
    /// Since a write has failed: when the next is due.
    retry: Option<Instant>,
    /// The last write may have left half a line.
    torn: bool,
    swept: Option<Instant>,
}

struct Open {
    file: File,
    day: NaiveDate,
    number: u32,
    bytes: u64,
}

/// What became of a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    Yes,
    /// After lines that were not.
    Again,
    /// The first one that was not, and why.
    Failed(String),
    Skipped,
}

impl Files {
    pub fn new(dir: &Path, keep: Keep) -> Files {
        Files { dir: dir.to_owned(), keep, open: None, retry: None, torn: false, swept: None }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The next line goes to a file that is opened anew.
    pub fn reopen(&mut self) {
        self.open = None;
    }

    /// Writes a line with its end.
    pub fn write(&mut self, line: &[u8]) -> Written {
        if self.retry.is_some_and(|at| Instant::now() < at) {
            return Written::Skipped;
        }
        match self.put(line) {
            Ok(()) => match self.retry.take() {
                None => Written::Yes,
                Some(_) => Written::Again,
            },
            Err(error) => {
                self.open = None;
                self.torn = true;
                match self.retry.replace(Instant::now() + RETRY) {
                    None => Written::Failed(error.to_string()),
                    Some(_) => Written::Skipped,
                }
            }
        }
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        let (today, len) = (Local::now().date_naive(), line.len() as u64);
        let next = match &self.open {
            None => Some(newest(&self.dir, today)),
            Some(open) if open.day != today => Some(0),
            Some(open) if open.bytes > 0 && open.bytes + len > self.keep.file_bytes => Some(open.number + 1),
            Some(_) => None,
        };
        if let Some(mut number) = next {
            let mut open = Open::new(&self.dir, today, number)?;
            while open.bytes > 0 && open.bytes + len > self.keep.file_bytes {
                number += 1;
                open = Open::new(&self.dir, today, number)?;
            }
            self.open = Some(open);
            self.swept = None;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        if std::mem::take(&mut self.torn) {
            open.file.write_all(b"\n")?;
        }
        open.file.write_all(line)?;
        open.bytes += len;
        let (day, number) = (open.day, open.number);
        if self.swept.is_none_or(|at| at.elapsed() > SWEEP) {
            self.swept = Some(Instant::now());
            self.sweep(day, number);
        }
        Ok(())
    }

    /// Deletes what is older than the days, and the oldest of what is too much. Never the file in use.
    fn sweep(&self, today: NaiveDate, current: u32) {
        let first = today.checked_sub_days(Days::new(self.keep.days)).unwrap_or_default();
        let mut files = found(&self.dir);
        files.sort_unstable();
        let mut all: u64 = files.iter().map(|(.., bytes)| bytes).sum();
        for (day, number, bytes) in files {
            let too_much = self.keep.all_bytes.is_some_and(|most| all > most);
            if (day, number) == (today, current) || !(day < first || too_much) {
                continue;
            }
            // One that can't be deleted is tried again in an hour.
            if fs::remove_file(self.dir.join(name(day, number))).is_ok() {
                all -= bytes;
            }
        }
    }
}

impl Open {
    fn new(dir: &Path, day: NaiveDate, number: u32) -> io::Result<Open> {
        let file = OpenOptions::new().create(true).append(true).open(dir.join(name(day, number)))?;
        let bytes = file.metadata()?.len();
        Ok(Open { file, day, number, bytes })
    }
}

fn name(day: NaiveDate, number: u32) -> String {
    let day = day.format("%Y%m%d");
    if number == 0 { format!("magic-{day}.log") } else { format!("magic-{day}.{number}.log") }
}

/// The reverse of [`name`].
fn parse(name: &str) -> Option<(NaiveDate, u32)> {
    let middle = name.strip_prefix("magic-")?.strip_suffix(".log")?;
    let (day, number) = match middle.split_once('.') {
        Some((day, number)) => (day, number.parse().ok().filter(|number| *number > 0)?),
        None => (middle, 0),
    };
    let day = NaiveDate::parse_from_str(day, "%Y%m%d").ok()?;
    (self::name(day, number) == name).then_some((day, number))
}

/// Log files: day, number, bytes.
fn found(dir: &Path) -> Vec<(NaiveDate, u32, u64)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let file = |entry: fs::DirEntry| {
        let (day, number) = parse(entry.file_name().to_str()?)?;
        Some((day, number, entry.metadata().map_or(0, |meta| meta.len())))
    };
    entries.filter_map(file).collect()
}

/// The number of the day's newest file.
fn newest(dir: &Path, today: NaiveDate) -> u32 {
    found(dir).into_iter().filter(|(day, ..)| *day == today).map(|(_, number, _)| number).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_file_is_followed_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep { file_bytes: 10, ..Keep::default() };
        let mut files = Files::new(dir.path(), keep.clone());
        for _ in 0..3 {
            assert_eq!(files.write(b"12345678\n"), Written::Yes);
        }
        // Another process life goes on where this one ended.
        let mut files = Files::new(dir.path(), keep);
        files.write(b"longer than a whole file\n");
        let today = Local::now().date_naive();
        let wanted: Vec<String> = (1..4).map(|n| name(today, n)).chain([name(today, 0)]).collect();
        assert_eq!(names(dir.path()), wanted);
    }

    #[test]
    fn the_old_and_the_too_much_are_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let today = Local::now().date_naive();
        let ago = |days| name(today.checked_sub_days(Days::new(days)).unwrap(), 0);
        for days in [1, 2, 30, 31, 400] {
            fs::write(dir.path().join(ago(days)), [b'x'; 100]).unwrap();
        }
        fs::write(dir.path().join("magic-notes.log"), "mine").unwrap();
        let keep = Keep { all_bytes: Some(250), ..Keep::default() };
        Files::new(dir.path(), keep).write(b"line\n");
        let mut wanted = [ago(2), ago(1), name(today, 0), "magic-notes.log".into()];
        wanted.sort();
        assert_eq!(names(dir.path()), wanted);
    }

    #[test]
    fn a_full_disk_is_told_once_and_got_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name(Local::now().date_naive(), 0));
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut files = Files::new(dir.path(), Keep::default());
        assert!(matches!(files.write(b"a\n"), Written::Failed(why) if why.contains("space")));
        assert_eq!(files.write(b"b\n"), Written::Skipped);
        files.retry = Some(Instant::now());
        assert_eq!(files.write(b"c\n"), Written::Skipped, "still full");
        fs::remove_file(&path).unwrap();
        files.retry = Some(Instant::now());
        assert_eq!(files.write(b"d\n"), Written::Again);
        assert_eq!(fs::read_to_string(&path).unwrap(), "\nd\n");
    }
}
