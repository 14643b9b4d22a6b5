//! What can go wrong with the database, told apart by what a caller can do about it.

/// An error of the store. `Display` is fit for an operator; [`StoreError::public`] for anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or not in time.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A list took longer than one may, while the database was there.
    #[error("that list takes too long: ask for less of it, or try again when fewer are being read")]
    Slow,
    /// Something with that name exists, or the row is owned by the configuration file.
    #[error("{0}")]
    Conflict(String),
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error("{0}")]
    Invalid(String),
    /// The balance does not reach.
    #[error("the balance does not reach")]
    Insufficient,
    #[error("{0}")]
    Internal(String),
}

impl StoreError {
    /// In a word, for who counts: `refused` is by what the database holds.
    pub fn kind(&self) -> &'static str {
        match self {
            StoreError::Unavailable(_) | StoreError::Slow => "unavailable",
            StoreError::Internal(_) => "error",
            _ => "refused",
        }
    }

    /// What anybody may read.
    pub fn public(&self) -> String {
        match self {
            StoreError::Unavailable(_) => "the database is not available; try again".to_owned(),
            StoreError::Internal(_) => "internal error".to_owned(),
            other => other.to_string(),
        }
    }
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => StoreError::Unavailable(error.to_string()),
            // SQLite's interruption, PostgreSQL's statement_timeout, MariaDB's and MySQL's limits.
            sqlx::Error::Database(database)
                if matches!(database.code().as_deref(), Some("9" | "57014"))
                    || database.message().contains("max_statement_time")
                    || database.message().contains("maximum statement execution time") =>
            {
                StoreError::Slow
            }
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                StoreError::Conflict("something with that name exists already".to_owned())
            }
            // Server is shutting down, too many connections, cannot connect now.
            sqlx::Error::Database(database)
                if matches!(
                    database.code().as_deref(),
                    Some("57P01" | "57P02" | "57P03" | "53300" | "08006" | "HY000")
                ) && !database.is_unique_violation() =>
            {
                StoreError::Unavailable(error.to_string())
            }
            _ => StoreError::Internal(error.to_string()),
        }
    }
}

/// Whether a transaction that failed so may be tried again as it is.
pub(crate) fn is_contention(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code();
            let message = database.message();
            // PostgreSQL: serialization failure, deadlock. MySQL: deadlock (1213 is SQLSTATE 40001), lock wait.
            matches!(code.as_deref(), Some("40001" | "40P01" | "5" | "6" | "261" | "517"))
                || message.contains("database is locked")
                || message.contains("Deadlock found")
                || message.contains("Lock wait timeout")
                || message.contains("Record has changed since last read")
        }
        _ => false,
    }
}
