//! A copy of the database as it is at one moment, while everything goes on. Only of SQLite: servers have tools of their
//! own for it.

use crate::db::{Engine, args};
use crate::error::{Result, StoreError};
use crate::reading;
use crate::run::Store;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest a copy may take: some 100 GB.
const DEADLINE: Duration = Duration::from_secs(900);
/// What names of copies begin with, and end with.
const NAME: (&str, &str) = ("magic-backup-", ".db");

/// A file that is gone when nobody looks any more.
struct Passing(PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Takes away what a process that died has left of a copy.
fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(NAME.0) && (name.ends_with(NAME.1) || name.ends_with("-journal")) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

impl Store {
    /// `sqlite`, `mysql` or `postgres`.
    pub fn engine(&self) -> &'static str {
        match self.inner.db.engine() {
            Engine::Sqlite => "sqlite",
            Engine::MySql => "mysql",
            Engine::Postgres => "postgres",
        }
    }

    /// Whether the logs have a database of their own.
    pub fn separate_logs(&self) -> bool {
        self.inner.separate_logs
    }

    /// Where the master key is that secrets are sealed with: a variable's name, or a file's.
    pub fn master_key_place(&self) -> String {
        self.inner.vault.place()
    }

    /// Where SQLite's file is; `None` of another engine.
    async fn database_file(&self) -> Result<Option<PathBuf>> {
        if self.inner.db.engine() != Engine::Sqlite {
            return Ok(None);
        }
        self.run(|inner| async move {
            let sql = "SELECT file FROM pragma_database_list WHERE name = ?";
            let row = inner.db.one(sql, args!["main"]).await?;
            row.map(|row| row.text(0).map(PathBuf::from)).transpose()
        })
        .await
    }

    /// Bytes of SQLite's database; `None` of another engine.
    pub async fn database_bytes(&self) -> Result<Option<u64>> {
        if self.inner.db.engine() != Engine::Sqlite {
            return Ok(None);
        }
        self.run(|inner| async move {
            let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
            let row = inner.db.one(sql, vec![]).await?;
            let bytes = row.map(|row| row.int(0)).transpose()?;
            Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()))
        })
        .await
    }

    /// A copy of SQLite's database as it is now, open for reading and without a name any more: it is gone with the
    /// handle, whatever happens to this process. It is made in `dir`, where nobody but this account reads it, and takes
    /// as much room there as the database. One at a time, by the caller's care: what is left of others is swept out.
    ///
    /// # Errors
    /// `Conflict`: another engine. `Slow`: it took longer than 15 minutes. `Internal`: no room, for one.
    pub async fn snapshot(&self, dir: PathBuf) -> Result<fs::File> {
        let Some(from) = self.database_file().await? else {
            return Err(StoreError::Conflict("only SQLite's database is copied".into()));
        };
        let internal = |error: std::io::Error| StoreError::Internal(format!("the copy: {error}"));
        self.within(DEADLINE + Duration::from_secs(10), async move {
            sweep(&dir);
            let to = Passing(dir.join(format!("{}{}{}", NAME.0, crate::random_id(), NAME.1)));
            // Made first, so that it never has other rights; an empty file is one that SQLite writes a copy into.
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to.0).map_err(internal)?;
            let options = SqliteConnectOptions::new()
                .filename(from)
                .read_only(true)
                .busy_timeout(Duration::from_secs(5));
            let mut on = SqliteConnection::connect_with(&options).await?;
            reading::limit(&mut on, DEADLINE).await?;
            let target = to.0.to_string_lossy().into_owned();
            sqlx::query("VACUUM INTO ?").bind(target).execute(&mut on).await?;
            on.close().await?;
            fs::File::open(&to.0).map_err(internal)
        })
        .await
    }
}
