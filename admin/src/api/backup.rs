//! Taking the configuration and the database along, for root. Each reading is in the audit trail before it begins.

use crate::Deps;
use crate::answer::{Answer, Download, ok};
use crate::audit;
use crate::error::{Result, conflict, make};
use crate::guard::{Caller, Root};
use actix_web::body::SizedStream;
use actix_web::{HttpRequest, HttpResponse, web};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use utoipa::ToSchema;

/// Bytes that are read from the disk at once.
const PIECE: usize = 64 << 10;
/// How long a copy may be under way: then another may begin, whatever became of the caller.
const LONGEST: Duration = Duration::from_secs(3600);

/// What can be taken along.
#[derive(Serialize, ToSchema)]
pub struct BackupOffer {
    /// `sqlite`: the database can be downloaded. `mysql`, `postgres`: their own tools copy it.
    engine: &'static str,
    /// Bytes of SQLite's database.
    database_bytes: Option<u64>,
    /// The logs have a database of their own, which is not in the copy.
    separate_logs: bool,
    /// Where the master key is, which is in no backup: a variable's name, or a file's.
    master_key: String,
}

/// What there is to take along, and where the master key is.
pub async fn offer(_caller: Caller<Root>, deps: web::Data<Deps>) -> Result<Answer<BackupOffer>> {
    Ok(ok(BackupOffer {
        engine: deps.store.engine(),
        database_bytes: deps.store.database_bytes().await?,
        separate_logs: deps.store.separate_logs(),
        master_key: deps.store.master_key_place(),
    }))
}

fn named(response: &mut actix_web::HttpResponseBuilder, ending: &str) {
    let now = chrono::Utc::now().format("%Y%m%d-%H%M%S");
    let name = format!("attachment; filename=\"magic-{now}.{ending}\"");
    response.insert_header(("content-disposition", name));
}

/// Channels, models, groups, prompts and options as a configuration file: what `magic export` writes.
pub async fn config(caller: Caller<Root>, request: HttpRequest, deps: web::Data<Deps>) -> Result<Download> {
    audit::reading(&request, &deps, &caller.user, &json!({ "read": "config" })).await?;
    let text = deps.live.export().await?;
    let mut response = HttpResponse::Ok();
    named(&mut response, "toml");
    Ok(Download(response.content_type("application/toml").body(text)))
}

/// The copies under way: one.
#[derive(Default)]
pub struct Copying(Mutex<Option<Instant>>);

/// A copy under way, until it has been read or its reader has left.
struct Turn {
    of: Arc<Copying>,
    began: Instant,
}

impl Copying {
    fn begin(self: &Arc<Self>) -> Option<Turn> {
        let mut now = self.0.lock();
        if now.is_some_and(|began| began.elapsed() < LONGEST) {
            return None;
        }
        let began = Instant::now();
        *now = Some(began);
        Some(Turn { of: self.clone(), began })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut now = self.of.0.lock();
        if *now == Some(self.began) {
            *now = None;
        }
    }
}

/// The whole database as it is at this moment, as a file of SQLite's. Secrets in it stay sealed. One at a time (409).
pub async fn database(
    caller: Caller<Root>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    copying: web::Data<Arc<Copying>>,
) -> Result<Download> {
    match deps.store.engine() {
        "mysql" => {
            return Err(conflict("this database is MySQL's: copy it with mysqldump --single-transaction"));
        }
        "postgres" => return Err(conflict("this database is PostgreSQL's: copy it with pg_dump")),
        _ => {}
    }
    let Some(turn) = copying.begin() else { return Err(conflict("the database is being copied")) };
    audit::reading(&request, &deps, &caller.user, &json!({ "read": "database" })).await?;
    let file = deps.store.snapshot(deps.live.data_dir()).await?;
    let length = file.metadata().map_err(|error| make(500, "internal_error", error.to_string()))?.len();
    let file = tokio::fs::File::from_std(file);
    let pieces = futures::stream::try_unfold((file, turn), |(mut file, turn)| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then(|| (web::Bytes::from(piece), (file, turn))))
    });
    let mut response = HttpResponse::Ok();
    named(&mut response, "db");
    response.content_type("application/vnd.sqlite3");
    Ok(Download(response.body(SizedStream::new(length, Box::pin(pieces)))))
}
