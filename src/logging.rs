//! Log lines: to standard error and, if asked, to daily files. Whatever looks like a credential is masked on
//! its way out (SR-23).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Sets logging up. `RUST_LOG` chooses the levels; `MAGIC_LOG_FORMAT=json` the form.
pub fn init(dir: Option<&Path>, json: bool) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(log::LevelFilter::Info);
    // Pingora tells of every caller who left, as an error; the request's own event says what matters.
    builder.filter_module("pingora_proxy", log::LevelFilter::Off);
    for noisy in [
        "pingora_core",
        "pingora_proxy",
        "pingora_pool",
        "actix_server",
        "sqlx",
        "hickory_resolver",
        "hickory_proto",
    ] {
        builder.filter_module(noisy, log::LevelFilter::Error);
    }
    if let Ok(filters) = std::env::var("RUST_LOG") {
        builder.parse_filters(&filters);
    }
    builder.format(move |out, record| {
        let message = scrub(&record.args().to_string());
        let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ");
        if json {
            let line = serde_json::json!({
                "time": now.to_string(), "level": record.level().as_str(), "target": record.target(), "message": message,
            });
            writeln!(out, "{line}")
        } else {
            writeln!(out, "{now} {:5} {} {message}", record.level(), record.target())
        }
    });
    if let Some(dir) = dir {
        builder.target(env_logger::Target::Pipe(Box::new(Daily {
            dir: dir.to_owned(),
            day: String::new(),
            file: None,
        })));
    }
    let _ = builder.try_init();
}

/// Masks what looks like a credential.
pub fn scrub(text: &str) -> String {
    magic_wire::fault::mask(text)
}

/// Writes to standard error and to `magic-YYYYMMDD.log`.
struct Daily {
    dir: PathBuf,
    day: String,
    file: Option<File>,
}

impl Write for Daily {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let day = chrono::Local::now().format("%Y%m%d").to_string();
        if day != self.day {
            let path = self.dir.join(format!("magic-{day}.log"));
            self.file = OpenOptions::new().create(true).append(true).open(path).ok();
            self.day = day;
        }
        if let Some(file) = &mut self.file {
            // A full disk must not stop the gateway: the line is still on standard error.
            let _ = file.write_all(bytes);
        }
        io::stderr().write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
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
