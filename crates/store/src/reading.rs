//! Connections for lists, apart from those that money moves over: a list that takes long, or many at once, must not
//! keep a bill waiting. What takes too long is ended at the database, not only waited for no longer.

use crate::db::{Db, Pool};
use crate::dsn::{BadDsn, Dsn};
use crate::error::{Result, StoreError};
use crate::run::{Inner, Store};
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Executor, SqliteConnection};
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a statement of a list may take.
pub(crate) const STATEMENT: Duration = Duration::from_secs(8);
/// How long a list may take, waiting for a connection included.
const LIST: Duration = Duration::from_secs(10);
/// Instructions of SQLite's machine between two looks at the clock.
const STEPS: i32 = 100_000;

/// How many of the connections that may be open are for lists.
pub(crate) fn share(connections: u32) -> u32 {
    (connections / 4).clamp(1, 4)
}

/// What begins now is interrupted when its time is over.
pub(crate) async fn limit(connection: &mut SqliteConnection, statement: Duration) -> Result<(), sqlx::Error> {
    let end = Instant::now() + statement;
    connection.lock_handle().await?.set_progress_handler(STEPS, move || Instant::now() < end);
    Ok(())
}

impl Db {
    /// Connections for lists of the same database, on which a statement may take so long.
    pub(crate) fn for_lists(&self, dsn: &Dsn, connections: u32, statement: Duration) -> Result<Db> {
        let invalid = |_| StoreError::Invalid(BadDsn.to_string());
        let pool = match dsn {
            Dsn::Sqlite(path) => {
                // Twice as many threads at work as there usually are cores would only slow each other down.
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .read_only(true)
                    .busy_timeout(Duration::from_secs(5));
                let read = SqlitePoolOptions::new()
                    .max_connections(2)
                    .min_connections(0)
                    .acquire_timeout(LIST)
                    .after_connect(move |connection, _| Box::pin(limit(connection, statement)))
                    .before_acquire(move |connection, _| {
                        Box::pin(async move { limit(connection, statement).await.map(|()| true) })
                    })
                    .connect_lazy_with(options);
                Pool::Sqlite { write: read.clone(), read }
            }
            Dsn::MySql(url) => {
                let pool = MySqlPoolOptions::new()
                    .max_connections(connections)
                    .min_connections(0)
                    .acquire_timeout(LIST)
                    .after_connect(move |connection, _| {
                        Box::pin(async move {
                            // MariaDB's name of it, in seconds, and MySQL's, in milliseconds.
                            let ours =
                                format!("SET SESSION max_statement_time = {}", statement.as_secs_f64());
                            let theirs =
                                format!("SET SESSION max_execution_time = {}", statement.as_millis());
                            if connection.execute(sqlx::AssertSqlSafe(ours)).await.is_err() {
                                connection.execute(sqlx::AssertSqlSafe(theirs)).await?;
                            }
                            Ok(())
                        })
                    })
                    .connect_lazy_with(MySqlConnectOptions::from_str(url).map_err(invalid)?);
                Pool::MySql(pool)
            }
            Dsn::Postgres(url) => {
                let pool = PgPoolOptions::new()
                    .max_connections(connections)
                    .min_connections(0)
                    .acquire_timeout(LIST)
                    .after_connect(move |connection, _| {
                        Box::pin(async move {
                            let sql = format!("SET statement_timeout = {}", statement.as_millis());
                            connection.execute(sqlx::AssertSqlSafe(sql)).await.map(|_| ())
                        })
                    })
                    .connect_lazy_with(PgConnectOptions::from_str(url).map_err(invalid)?);
                Pool::Postgres(pool)
            }
        };
        Ok(self.with(pool))
    }
}

impl Store {
    /// Reads a list over the connections for lists.
    ///
    /// # Errors
    /// [`StoreError::Slow`] when it takes longer than a list may while the database is there.
    pub(crate) async fn list<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let late = match self.within(LIST, work(self.lists.clone())).await {
            Err(StoreError::Unavailable(_)) => self.ping().await,
            answer => return answer,
        };
        Err(late.err().unwrap_or(StoreError::Slow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use magic_testkit::db::{ENGINES, Engine, database};
    use std::path::Path;

    #[tokio::test]
    async fn a_statement_that_takes_too_long_is_ended_at_the_database() {
        for engine in ENGINES {
            let database = database(*engine);
            let dsn = Dsn::parse(&database.dsn, Path::new("")).unwrap();
            let db = Db::open(&dsn, 2, crate::notice::Bells::default()).await.unwrap();
            let lists = db.for_lists(&dsn, 1, Duration::from_millis(200)).unwrap();
            let endless = match engine {
                Engine::Postgres => "SELECT 1 FROM pg_sleep(600)",
                Engine::MySql => "SELECT COUNT(*) FROM seq_1_to_100000000 a, seq_1_to_100000000 b",
                Engine::Sqlite => {
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"
                }
            };
            // Twice over the one connection: it is free again, and not lost.
            for _ in 0..2 {
                let answer = lists.fetch(endless, vec![]).await.err();
                assert!(matches!(answer, Some(StoreError::Slow)), "{engine:?}: {answer:?}");
            }
            lists.fetch("SELECT 1", vec![]).await.unwrap();
        }
    }
}
