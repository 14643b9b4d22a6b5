//! Log lines: to standard error and, if asked, to daily files. Whatever looks like a credential is masked on
//! its way out (SR-23). Who logs never waits: lines go through a bounded queue to a thread, and are dropped and
//! counted where disk or terminal are slower than the program.

mod files;
mod line;
mod writer;

pub use files::Keep;

use log::Record;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// Sets logging up. `RUST_LOG` chooses the levels.
pub fn init(dir: Option<&Path>, json: bool, keep: Keep) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(log::LevelFilter::Info);
    // Pingora tells of every caller who left, as an error; the request's own event says what matters.
    builder.filter_module("pingora_proxy", log::LevelFilter::Off);
    for noisy in ["pingora_core", "pingora_pool", "actix_server", "sqlx", "hickory_resolver", "hickory_proto"]
    {
        builder.filter_module(noisy, log::LevelFilter::Error);
    }
    if let Ok(filters) = std::env::var("RUST_LOG") {
        builder.parse_filters(&filters);
    }
    builder.format(move |out, record: &Record<'_>| writeln!(out, "{}", line::of(record, json)));
    let files = dir.map(|dir| files::Files::new(dir, keep));
    // Without the thread lines go to standard error, as they come.
    if writer::start(files, json).is_ok() {
        builder.target(env_logger::Target::Pipe(Box::new(Queue)));
    }
    let _ = builder.try_init();
}

/// Masks what looks like a credential.
pub fn scrub(text: &str) -> String {
    magic_wire::fault::mask(text)
}

/// Lines that wait to be written.
pub fn waiting() -> usize {
    writer::waiting()
}

/// Lines that were not written, of all that should have been.
pub fn dropped() -> u64 {
    writer::dropped()
}

/// The files are opened anew before the next line: somebody may have moved them away.
pub fn reopen() {
    writer::reopen();
}

/// Waits until what has been logged so far is written, for so long at most. For the end of the process.
pub fn flush(within: Duration) {
    writer::flush(within);
}

/// Hands lines to the writer.
struct Queue;

impl Write for Queue {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        writer::offer(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_masked() {
        let line = scrub("upstream said: bad key sk-abcdefgh12345678 and Bearer abcdefgh12345678");
        assert_eq!(line, "upstream said: bad key [key] and [key]");
    }
}
