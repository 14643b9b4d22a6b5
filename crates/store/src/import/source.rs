//! Reading a one-api database: columns by name, whatever is missing is zero or empty, on any engine (oneapi.md
//! §1.1, Appendix B). Forks add columns and leave some out; neither matters.

use crate::db::{Db, Engine, Row, args};
use crate::dsn::Dsn;
use crate::error::Result;
use std::collections::HashMap;

/// How a column is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A 64-bit integer; booleans are 0 and 1.
    Int,
    /// Text, without the blanks that `char(n)` is padded with.
    Text,
    Real,
}

pub(super) const I: Form = Form::Int;
pub(super) const T: Form = Form::Text;

/// A one-api database.
pub struct Source {
    db: Db,
    /// Tells this database from others in the map of what has been taken over.
    pub name: String,
}

/// A row, by the names it was asked for.
pub struct Old {
    row: Row,
    places: HashMap<&'static str, usize>,
}

impl Old {
    pub fn int(&self, name: &str) -> i64 {
        self.places.get(name).and_then(|at| self.row.int(*at).ok()).unwrap_or(0)
    }

    pub fn text(&self, name: &str) -> String {
        let text = self.places.get(name).and_then(|at| self.row.text(*at).ok()).unwrap_or_default();
        text.trim_end_matches([' ', '\0']).to_owned()
    }

    pub fn real(&self, name: &str) -> f64 {
        self.places.get(name).and_then(|at| self.row.real(*at).ok()).unwrap_or(0.0)
    }
}

impl Source {
    pub async fn open(dsn: &Dsn) -> Result<Source> {
        let text = match dsn {
            Dsn::Sqlite(path) => path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string(),
            // Without the login: it may change between two runs.
            Dsn::MySql(url) | Dsn::Postgres(url) => url.rsplit('@').next().unwrap_or(url).to_owned(),
        };
        Ok(Source { db: Db::open_foreign(dsn).await?, name: crate::digest(&text)[..16].to_owned() })
    }

    /// The columns of a table with their types; empty where there is no such table.
    async fn columns(&self, table: &str) -> Result<HashMap<String, String>> {
        let sql = match self.db.engine() {
            Engine::Sqlite => "SELECT name, LOWER(type) FROM pragma_table_info(?)",
            Engine::MySql => {
                "SELECT CAST(column_name AS CHAR), CAST(data_type AS CHAR) FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = ?"
            }
            Engine::Postgres => {
                "SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = ?"
            }
        };
        let rows = self.db.fetch(sql, args![table]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    pub async fn has(&self, table: &str) -> Result<bool> {
        Ok(!self.columns(table).await?.is_empty())
    }

    /// An expression that gives the column in its form on every engine.
    fn expression(&self, column: &str, kind: Option<&String>, form: Form) -> String {
        let Some(kind) = kind else {
            return match (form, self.db.engine()) {
                (Form::Int, Engine::Postgres) => "CAST(0 AS BIGINT)".into(),
                (Form::Int, _) => "0".into(),
                (Form::Text, _) => "''".into(),
                (Form::Real, Engine::Postgres) => "CAST(0 AS DOUBLE PRECISION)".into(),
                (Form::Real, Engine::MySql) => "CAST(0 AS DOUBLE)".into(),
                (Form::Real, Engine::Sqlite) => "0.0".into(),
            };
        };
        let engine = self.db.engine();
        let quoted = if engine == Engine::MySql { format!("`{column}`") } else { format!("\"{column}\"") };
        match (form, engine) {
            (Form::Int, Engine::Postgres) if kind == "boolean" => {
                format!("CAST(CASE WHEN {quoted} THEN 1 ELSE 0 END AS BIGINT)")
            }
            (Form::Int, Engine::Postgres) => format!("CAST(COALESCE({quoted}, 0) AS BIGINT)"),
            (Form::Int, Engine::MySql) => format!("CAST(COALESCE({quoted}, 0) AS SIGNED)"),
            // GORM writes booleans as 0 and 1, people's own scripts as words.
            (Form::Int, Engine::Sqlite) => format!(
                "CAST(CASE LOWER(COALESCE({quoted}, 0)) WHEN 'true' THEN 1 ELSE COALESCE({quoted}, 0) END AS INTEGER)"
            ),
            (Form::Text, Engine::MySql) => format!("CAST(COALESCE({quoted}, '') AS CHAR)"),
            (Form::Text, _) => format!("COALESCE(CAST({quoted} AS TEXT), '')"),
            (Form::Real, Engine::Postgres) => format!("CAST(COALESCE({quoted}, 0) AS DOUBLE PRECISION)"),
            (Form::Real, Engine::MySql) => format!("CAST(COALESCE({quoted}, 0) AS DOUBLE)"),
            (Form::Real, Engine::Sqlite) => format!("CAST(COALESCE({quoted}, 0) AS REAL)"),
        }
    }

    /// Up to `limit` rows after an id, in the order of ids.
    pub async fn rows(
        &self,
        table: &str,
        wanted: &[(&'static str, Form)],
        after: i64,
        limit: i64,
    ) -> Result<Vec<Old>> {
        let columns = self.columns(table).await?;
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let picked: Vec<String> =
            wanted.iter().map(|(name, form)| self.expression(name, columns.get(*name), *form)).collect();
        let list = picked.join(", ");
        let rows = match columns.contains_key("id") {
            true => {
                let sql = format!("SELECT {list} FROM {table} WHERE id > ? ORDER BY id LIMIT ?");
                self.db.fetch(&sql, args![after, limit]).await?
            }
            false => self.db.fetch(&format!("SELECT {list} FROM {table}"), vec![]).await?,
        };
        let places: HashMap<&'static str, usize> =
            wanted.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
        Ok(rows.into_iter().map(|row| Old { row, places: places.clone() }).collect())
    }

    /// The highest id of a table; 0 where it has none.
    pub async fn highest(&self, table: &str) -> Result<i64> {
        self.number(table, "MAX(id)", "id <= ?", i64::MAX).await
    }

    /// How many rows have an id up to that one.
    pub async fn count(&self, table: &str, upto: i64) -> Result<i64> {
        self.number(table, "COUNT(*)", "id <= ?", upto).await
    }

    /// How many rows have a higher id.
    pub async fn after(&self, table: &str, id: i64) -> Result<i64> {
        self.number(table, "COUNT(*)", "id > ?", id).await
    }

    async fn number(&self, table: &str, what: &str, condition: &str, id: i64) -> Result<i64> {
        if !self.columns(table).await?.contains_key("id") {
            return Ok(0);
        }
        let cast = if self.db.engine() == Engine::MySql { "SIGNED" } else { "BIGINT" };
        let sql = format!("SELECT CAST(COALESCE({what}, 0) AS {cast}) FROM {table} WHERE {condition}");
        self.db.one(&sql, args![id]).await?.map(|row| row.int(0)).transpose().map(Option::unwrap_or_default)
    }

    /// Every row of a table that is not large.
    pub async fn all(&self, table: &str, wanted: &[(&'static str, Form)]) -> Result<Vec<Old>> {
        let mut all = Vec::new();
        let mut after = i64::MIN;
        loop {
            let rows = self.rows(table, wanted, after, 1000).await?;
            let Some(last) = rows.last() else { return Ok(all) };
            after = last.int("id");
            let keyed = wanted.iter().any(|(name, _)| *name == "id");
            all.extend(rows);
            if !keyed {
                return Ok(all);
            }
        }
    }

    pub async fn close(&self) {
        self.db.close().await;
    }
}
