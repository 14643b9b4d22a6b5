//! `magic import one-api`.

use clap::{Args, ValueEnum};
use magic_store::import::{Plan, Progress, Report, source_dsn};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Flags of `magic import one-api`.
#[derive(Debug, Clone, Args)]
pub struct OneApi {
    /// one-api's database: the path of its SQLite file (sqlite:one-api.db), or its SQL_DSN
    #[arg(long, value_name = "DSN", env = "MAGIC_IMPORT_FROM", hide_env_values = true)]
    from: String,
    /// Its LOG_SQL_DSN, where the logs have a database of their own
    #[arg(long, value_name = "DSN", env = "MAGIC_IMPORT_LOGS_FROM", hide_env_values = true)]
    logs_from: Option<String>,
    /// Leave the logs where they are
    #[arg(long)]
    no_logs: bool,
    /// It is another installation than those taken over before, although it looks like one of them
    #[arg(long)]
    another: bool,
    /// Write nothing; report what would be done
    #[arg(long)]
    dry_run: bool,
    /// How the report is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

impl OneApi {
    /// # Errors
    /// A DSN that can't be read, or a file that is not there.
    pub fn plan(&self) -> Result<Plan, String> {
        Ok(Plan {
            from: source_dsn(&self.from)?,
            logs_from: self.logs_from.as_deref().map(source_dsn).transpose()?,
            with_logs: !self.no_logs,
            dry_run: self.dry_run,
            another: self.another,
        })
    }

    /// The report for people, or for programs.
    pub fn report(&self, report: &Report) -> String {
        match self.format {
            Format::Json => serde_json::to_string_pretty(report).unwrap_or_default(),
            Format::Text => text(report, self.dry_run),
        }
    }
}

/// How far it has come, on the standard error, every two seconds.
pub fn progress() -> Progress {
    let (begun, told) = (Instant::now(), AtomicU64::new(0));
    Arc::new(move |kind, done, all| {
        let now = begun.elapsed().as_secs();
        if now < told.load(Ordering::Relaxed) + 2 {
            return;
        }
        told.store(now, Ordering::Relaxed);
        match all {
            0 => eprintln!("{kind}s: {done}"),
            all => eprintln!("{kind}s: {done} of {all}"),
        }
    })
}

fn text(report: &Report, dry: bool) -> String {
    let mut out = String::new();
    let verb = if dry { "to import" } else { "imported" };
    let _ = writeln!(out, "{:<10}{:>10}{:>12}{:>16}{:>10}", "", "found", verb, "already there", "skipped");
    for (kind, c) in &report.counts {
        let _ = writeln!(
            out,
            "{:<10}{:>10}{:>12}{:>16}{:>10}",
            format!("{kind}s"),
            c.found,
            c.imported,
            c.already,
            c.skipped
        );
    }
    for finding in &report.findings {
        let id = if finding.id == 0 { String::new() } else { format!(" {}", finding.id) };
        let name = if finding.name.is_empty() { String::new() } else { format!(" ({})", finding.name) };
        let _ = writeln!(out, "{}{id}{name}: {}", finding.kind, finding.what);
    }
    if dry {
        out.push_str("nothing was written\n");
    }
    out.trim_end().to_owned()
}
