//! One small dynamic layer over three engines: statements are written once with `?`, arguments are values,
//! rows are read by position. Where engines differ, [`Db::pick`] chooses.

use crate::dsn::Dsn;
use crate::error::{Result, StoreError};
use crate::notice::{Bells, POSTGRES_CHANNEL};
use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions, MySqlRow};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, MySql, Postgres, Row as _, Sqlite};
use std::str::FromStr;
use std::time::Duration;

/// An argument.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arg {
    Int(i64),
    Text(String),
    Real(f64),
    Null,
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Arg::Int(value)
    }
}
impl From<bool> for Arg {
    fn from(value: bool) -> Self {
        Arg::Int(i64::from(value))
    }
}
impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Arg::Text(value.to_owned())
    }
}
impl From<String> for Arg {
    fn from(value: String) -> Self {
        Arg::Text(value)
    }
}
impl From<&String> for Arg {
    fn from(value: &String) -> Self {
        Arg::Text(value.clone())
    }
}
impl From<f64> for Arg {
    fn from(value: f64) -> Self {
        Arg::Real(value)
    }
}
impl<T: Into<Arg>> From<Option<T>> for Arg {
    fn from(value: Option<T>) -> Self {
        value.map_or(Arg::Null, Into::into)
    }
}

/// Builds a list of arguments.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Arg::from($value)),*] };
}
pub(crate) use args;

/// A row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    MySql(MySqlRow),
    Postgres(PgRow),
}

macro_rules! get {
    ($self:expr, $at:expr, $type:ty) => {
        match $self {
            Row::Sqlite(row) => row.try_get::<$type, usize>($at).map_err(StoreError::from),
            Row::MySql(row) => row.try_get::<$type, usize>($at).map_err(StoreError::from),
            Row::Postgres(row) => row.try_get::<$type, usize>($at).map_err(StoreError::from),
        }
    };
}

impl Row {
    pub fn int(&self, at: usize) -> Result<i64> {
        get!(self, at, Option<i64>).map(Option::unwrap_or_default)
    }

    pub fn bool(&self, at: usize) -> Result<bool> {
        self.int(at).map(|number| number != 0)
    }

    pub fn text(&self, at: usize) -> Result<String> {
        get!(self, at, Option<String>).map(Option::unwrap_or_default)
    }

    pub fn real(&self, at: usize) -> Result<f64> {
        get!(self, at, Option<f64>).map(Option::unwrap_or_default)
    }
}

/// A database.
#[derive(Clone)]
pub(crate) struct Db {
    pool: Pool,
    /// Rung after a commit that changed what nodes keep in memory.
    bells: Bells,
}

#[derive(Clone)]
pub(crate) enum Pool {
    /// One connection writes; the others read beside it (WAL).
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
    MySql(MySqlPool),
    Postgres(PgPool),
}

/// Which engine a piece of SQL is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    MySql,
    Postgres,
}

/// A transaction.
pub(crate) struct Tx {
    on: Begun,
    /// Nodes have to be told once it is committed.
    pub bumped: bool,
    bells: Bells,
}

enum Begun {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    MySql(sqlx::Transaction<'static, MySql>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// `?` to `$1`, `$2` … Our statements hold no question mark in a literal.
fn numbered(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut count = 0;
    for c in sql.chars() {
        if c == '?' {
            count += 1;
            out.push_str(&format!("${count}"));
        } else {
            out.push(c);
        }
    }
    out
}

macro_rules! bound {
    ($sql:expr, $args:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($sql));
        for arg in $args {
            query = match arg {
                Arg::Int(value) => query.bind(value),
                Arg::Text(value) => query.bind(value),
                Arg::Real(value) => query.bind(value),
                Arg::Null => query.bind(Option::<String>::None),
            };
        }
        query
    }};
}

impl Db {
    pub async fn open(dsn: &Dsn, connections: u32, bells: Bells) -> Result<Db> {
        Ok(Db { pool: Self::connect(dsn, connections).await?, bells })
    }

    /// The same database over other connections.
    pub fn with(&self, pool: Pool) -> Db {
        Db { pool, bells: self.bells.clone() }
    }

    /// Somebody else's database, to be read and left as it is.
    pub async fn open_foreign(dsn: &Dsn) -> Result<Db> {
        let pool = match dsn {
            Dsn::Sqlite(path) => {
                // Neither made nor switched to another journal mode: it is not ours.
                let options = SqliteConnectOptions::new().filename(path).read_only(true);
                let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
                Pool::Sqlite { write: pool.clone(), read: pool }
            }
            _ => Self::connect(dsn, 2).await?,
        };
        Ok(Db { pool, bells: Bells::default() })
    }

    async fn connect(dsn: &Dsn, connections: u32) -> Result<Pool> {
        let acquire = Duration::from_secs(3);
        match dsn {
            Dsn::Sqlite(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // A power cut takes nothing that was committed: vouchers, top-ups and settings are in no journal.
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(5))
                    .foreign_keys(true);
                let write = SqlitePoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(Duration::from_secs(10))
                    .connect_with(options.clone())
                    .await?;
                let read = SqlitePoolOptions::new()
                    .max_connections(4)
                    .min_connections(0)
                    .acquire_timeout(acquire)
                    .connect_lazy_with(options);
                Ok(Pool::Sqlite { write, read })
            }
            Dsn::MySql(url) => {
                let options = MySqlConnectOptions::from_str(url)
                    .map_err(|_| StoreError::Invalid(crate::dsn::BadDsn.to_string()))?;
                let pool = MySqlPoolOptions::new()
                    .max_connections(connections)
                    .acquire_timeout(acquire)
                    .connect_with(options);
                Ok(Pool::MySql(pool.await?))
            }
            Dsn::Postgres(url) => {
                let options = PgConnectOptions::from_str(url)
                    .map_err(|_| StoreError::Invalid(crate::dsn::BadDsn.to_string()))?;
                let pool = PgPoolOptions::new()
                    .max_connections(connections)
                    .acquire_timeout(acquire)
                    .connect_with(options);
                Ok(Pool::Postgres(pool.await?))
            }
        }
    }

    pub fn engine(&self) -> Engine {
        match &self.pool {
            Pool::Sqlite { .. } => Engine::Sqlite,
            Pool::MySql(_) => Engine::MySql,
            Pool::Postgres(_) => Engine::Postgres,
        }
    }

    pub async fn fetch(&self, sql: &str, args: Vec<Arg>) -> Result<Vec<Row>> {
        Ok(match &self.pool {
            Pool::Sqlite { read, .. } => {
                let rows = bound!(sql.to_owned(), args).fetch_all(read).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Pool::MySql(pool) => {
                bound!(sql.to_owned(), args).fetch_all(pool).await?.into_iter().map(Row::MySql).collect()
            }
            Pool::Postgres(pool) => {
                bound!(numbered(sql), args).fetch_all(pool).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    pub async fn one(&self, sql: &str, args: Vec<Arg>) -> Result<Option<Row>> {
        Ok(self.fetch(sql, args).await?.into_iter().next())
    }

    /// Runs a statement; the number of rows it changed.
    pub async fn exec(&self, sql: &str, args: Vec<Arg>) -> Result<u64> {
        Ok(match &self.pool {
            Pool::Sqlite { write, .. } => bound!(sql.to_owned(), args).execute(write).await?.rows_affected(),
            Pool::MySql(pool) => bound!(sql.to_owned(), args).execute(pool).await?.rows_affected(),
            Pool::Postgres(pool) => bound!(numbered(sql), args).execute(pool).await?.rows_affected(),
        })
    }

    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        let on = match &self.pool {
            // Immediate: a transaction that would have to upgrade its lock later could only fail.
            Pool::Sqlite { write, .. } => Begun::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Pool::MySql(pool) => Begun::MySql(pool.begin().await?),
            Pool::Postgres(pool) => Begun::Postgres(pool.begin().await?),
        };
        Ok(Tx { on, bumped: false, bells: self.bells.clone() })
    }

    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pool::MySql(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

impl Engine {
    /// The sum of an expression as a 64-bit integer; zero for no rows.
    pub fn sum(self, expression: &str) -> String {
        match self {
            Engine::Sqlite => format!("COALESCE(SUM({expression}), 0)"),
            Engine::MySql => format!("CAST(COALESCE(SUM({expression}), 0) AS SIGNED)"),
            Engine::Postgres => format!("CAST(COALESCE(SUM({expression}), 0) AS BIGINT)"),
        }
    }

    /// A column that no index is to be used for: the rows are few already, found by something else.
    pub fn unindexed(self, column: &str) -> String {
        match self {
            Engine::Sqlite => format!("+{column}"),
            Engine::MySql | Engine::Postgres => format!("COALESCE({column}, {column})"),
        }
    }

    /// That a text begins with another, upper and lower case apart, in a form that an index finds; its two arguments
    /// are [`beginning`]s.
    pub fn begins(self, column: &str) -> String {
        let bytes = if self == Engine::Postgres { " COLLATE \"C\"" } else { "" };
        format!("({column}{bytes} >= ? AND {column}{bytes} < ?)")
    }

    /// Whether a list that is kept as text with commas has an item: the parameter, with a comma on each side.
    pub fn listed(self, column: &str) -> String {
        match self {
            Engine::Sqlite => format!("instr(',' || {column} || ',', ?) > 0"),
            Engine::MySql => format!("INSTR(CONCAT(',', {column}, ','), ?) > 0"),
            Engine::Postgres => format!("strpos(',' || {column} || ',', ?) > 0"),
        }
    }

    /// An upsert of one row: `keys` decide whether it exists.
    pub fn upsert(self, table: &str, keys: &[&str], columns: &[&str]) -> String {
        let all: Vec<&str> = keys.iter().chain(columns).copied().collect();
        let marks = vec!["?"; all.len()].join(", ");
        let insert = format!("INSERT INTO {table} ({}) VALUES ({marks})", all.join(", "));
        let set = |form: fn(&str) -> String| columns.iter().map(|c| form(c)).collect::<Vec<_>>().join(", ");
        match self {
            Engine::MySql => {
                format!("{insert} ON DUPLICATE KEY UPDATE {}", set(|c| format!("{c} = VALUES({c})")))
            }
            Engine::Sqlite | Engine::Postgres => {
                format!(
                    "{insert} ON CONFLICT ({}) DO UPDATE SET {}",
                    keys.join(", "),
                    set(|c| format!("{c} = excluded.{c}"))
                )
            }
        }
    }
}

/// A page of a list (`LIMIT ? OFFSET ?`): only ids are sorted, not whole rows.
pub(crate) fn sorted(table: &str, columns: &str, condition: &str, order: &str) -> String {
    format!(
        "SELECT {columns} FROM {table} WHERE id IN (SELECT id FROM \
         (SELECT id FROM {table} WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?) AS page) ORDER BY {order}"
    )
}

/// The bounds of the texts that begin with a text, for [`Engine::begins`].
pub(crate) fn beginning(text: &str) -> [Arg; 2] {
    let text: String = text.chars().take(100).collect();
    [Arg::Text(text.clone()), Arg::Text(text + "\u{10ffff}")]
}

/// Errors inside a transaction keep the driver's, so that contention can be told apart.
#[derive(Debug)]
pub(crate) enum TxError {
    Sql(sqlx::Error),
    Store(StoreError),
}

impl From<sqlx::Error> for TxError {
    fn from(error: sqlx::Error) -> Self {
        TxError::Sql(error)
    }
}
impl From<StoreError> for TxError {
    fn from(error: StoreError) -> Self {
        TxError::Store(error)
    }
}
impl From<TxError> for StoreError {
    fn from(error: TxError) -> Self {
        match error {
            TxError::Sql(error) => error.into(),
            TxError::Store(error) => error,
        }
    }
}

impl Tx {
    pub async fn fetch(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<Row>, TxError> {
        Ok(match &mut self.on {
            Begun::Sqlite(tx) => bound!(sql.to_owned(), args)
                .fetch_all(&mut **tx)
                .await?
                .into_iter()
                .map(Row::Sqlite)
                .collect(),
            Begun::MySql(tx) => {
                bound!(sql.to_owned(), args).fetch_all(&mut **tx).await?.into_iter().map(Row::MySql).collect()
            }
            Begun::Postgres(tx) => bound!(numbered(sql), args)
                .fetch_all(&mut **tx)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect(),
        })
    }

    pub async fn one(&mut self, sql: &str, args: Vec<Arg>) -> Result<Option<Row>, TxError> {
        Ok(self.fetch(sql, args).await?.into_iter().next())
    }

    pub async fn exec(&mut self, sql: &str, args: Vec<Arg>) -> Result<u64, TxError> {
        Ok(match &mut self.on {
            Begun::Sqlite(tx) => bound!(sql.to_owned(), args).execute(&mut **tx).await?.rows_affected(),
            Begun::MySql(tx) => bound!(sql.to_owned(), args).execute(&mut **tx).await?.rows_affected(),
            Begun::Postgres(tx) => bound!(numbered(sql), args).execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// Inserts a row and returns its id.
    pub async fn insert(&mut self, sql: &str, args: Vec<Arg>) -> Result<i64, TxError> {
        if let Begun::MySql(tx) = &mut self.on {
            let done = bound!(sql.to_owned(), args).execute(&mut **tx).await?;
            return Ok(i64::try_from(done.last_insert_id()).unwrap_or_default());
        }
        let row = self.one(&format!("{sql} RETURNING id"), args).await?;
        match row {
            Some(row) => Ok(row.int(0)?),
            None => Err(StoreError::Internal("an insert gave no id".into()).into()),
        }
    }

    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self.on {
            Begun::Sqlite(tx) => tx.commit().await?,
            Begun::MySql(tx) => tx.commit().await?,
            Begun::Postgres(tx) => tx.commit().await?,
        }
        if self.bumped {
            self.bells.changed.notify_one();
        }
        Ok(())
    }

    /// Tells the other nodes, once it is committed.
    pub async fn announce(&mut self) -> Result<(), TxError> {
        self.bumped = true;
        if self.engine() == Engine::Postgres {
            let node = self.bells.node.to_string();
            self.exec("SELECT pg_notify(?, ?)", args![POSTGRES_CHANNEL, node]).await?;
        }
        Ok(())
    }

    pub fn engine(&self) -> Engine {
        match &self.on {
            Begun::Sqlite(_) => Engine::Sqlite,
            Begun::MySql(_) => Engine::MySql,
            Begun::Postgres(_) => Engine::Postgres,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_gets_numbers() {
        assert_eq!(numbered("a = ? AND b IN (?, ?)"), "a = $1 AND b IN ($2, $3)");
    }
}
