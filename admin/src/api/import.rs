//! Taking a one-api installation over, for root: what `magic import one-api` does, in the background.

use crate::Deps;
use crate::answer::{Answer, ok};
use crate::error::{Result, conflict, invalid};
use crate::extract::Body;
use crate::guard::{Caller, Root};
use actix_web::web;
use magic_store::import::{KINDS, Plan, Report, source_dsn};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Findings that are remembered of a report: one of a large installation may have one for each row.
const FINDINGS_MAX: usize = 1_000;

/// How an import stands, as the running process knows it.
#[derive(Debug, Clone, Default)]
pub struct ImportState {
    pub phase: ImportPhase,
    /// Where from, without the login.
    pub from: String,
    pub dry_run: bool,
    /// What is being taken over, how many have been looked at, and of how many (0: not known).
    pub progress: (&'static str, u64, u64),
    /// Unix seconds; 0: not yet.
    pub started: i64,
    pub ended: i64,
    /// Why it failed, without secrets.
    pub error: String,
    /// With the first [`FINDINGS_MAX`] findings.
    pub report: Option<Report>,
    /// How many there are.
    pub all_findings: usize,
}

impl ImportState {
    /// Keeps a report, as much of it as is told.
    pub fn keep(&mut self, mut report: Report) {
        self.all_findings = report.findings.len();
        report.findings.truncate(FINDINGS_MAX);
        report.findings.shrink_to_fit();
        self.report = Some(report);
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImportPhase {
    #[default]
    Idle,
    Running,
    Done,
    Failed,
}

#[derive(Deserialize, ToSchema)]
pub struct ImportBody {
    /// Its `SQL_DSN`, or the path of its SQLite file on this machine.
    from: String,
    /// Its `LOG_SQL_DSN`, where the logs have a database of their own.
    logs_from: Option<String>,
    /// The logs come along: true unless given.
    with_logs: Option<bool>,
    /// It is another installation than those taken over before, although it looks like one of them.
    another: Option<bool>,
    /// Nothing is written.
    dry_run: Option<bool>,
}

/// How an import stands. It is remembered until the process ends.
#[derive(Serialize, ToSchema)]
pub struct Import {
    /// `idle`, `running`, `done` or `failed`.
    state: &'static str,
    /// Where from, without the login.
    from: String,
    dry_run: bool,
    /// What is being taken over.
    kind: &'static str,
    /// How many of it have been looked at.
    done: u64,
    /// Of how many; 0: not known.
    all: u64,
    /// Unix seconds; 0: not yet.
    started: i64,
    ended: i64,
    /// Why it failed. What was taken over before that stays; another run goes on from there.
    error: String,
    report: Option<ImportReport>,
}

#[derive(Serialize, ToSchema)]
pub struct ImportReport {
    counts: Vec<ImportCount>,
    /// What somebody should know, 1,000 at most.
    findings: Vec<ImportFinding>,
    /// How many findings there are.
    all_findings: usize,
}

#[derive(Serialize, ToSchema)]
pub struct ImportCount {
    kind: &'static str,
    found: u64,
    imported: u64,
    /// Taken over by an earlier run.
    already: u64,
    skipped: u64,
}

#[derive(Serialize, ToSchema)]
pub struct ImportFinding {
    kind: &'static str,
    /// 0: none in particular.
    id: i64,
    name: String,
    what: String,
}

fn report(report: Report, all_findings: usize) -> ImportReport {
    let kinds = KINDS.iter().filter_map(|kind| report.counts.get(kind).map(|count| (*kind, count)));
    let counts = kinds.map(|(kind, count)| ImportCount {
        kind,
        found: count.found,
        imported: count.imported,
        already: count.already,
        skipped: count.skipped,
    });
    let counts = counts.collect();
    let findings = report.findings.into_iter().map(|finding| ImportFinding {
        kind: finding.kind,
        id: finding.id,
        name: finding.name,
        what: finding.what,
    });
    ImportReport { counts, findings: findings.collect(), all_findings }
}

fn shown(state: ImportState) -> Import {
    let (kind, done, all) = state.progress;
    Import {
        state: match state.phase {
            ImportPhase::Idle => "idle",
            ImportPhase::Running => "running",
            ImportPhase::Done => "done",
            ImportPhase::Failed => "failed",
        },
        from: state.from,
        dry_run: state.dry_run,
        kind,
        done,
        all,
        started: state.started,
        ended: state.ended,
        error: state.error,
        report: state.report.map(|told| report(told, state.all_findings)),
    }
}

/// Begins to take a one-api database over, or with `dry_run` to look what would be. One at a time (409).
pub async fn begin(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    Body(body): Body<ImportBody>,
) -> Result<Answer<Import>> {
    let logs_from = body.logs_from.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let plan = Plan {
        from: source_dsn(body.from.trim()).map_err(invalid)?,
        logs_from: logs_from.map(source_dsn).transpose().map_err(invalid)?,
        with_logs: body.with_logs.unwrap_or(true),
        dry_run: body.dry_run.unwrap_or(false),
        another: body.another.unwrap_or(false),
    };
    match deps.live.start_import(plan) {
        true => Ok(ok(shown(deps.live.import_state()))),
        false => Err(conflict("an import is under way")),
    }
}

/// How the import stands: the one under way, or the last one of this process.
pub async fn state(_caller: Caller<Root>, deps: web::Data<Deps>) -> Result<Answer<Import>> {
    Ok(ok(shown(deps.live.import_state())))
}
