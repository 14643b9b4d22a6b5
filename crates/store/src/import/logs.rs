//! The log, in pieces.

use super::source::{I, Old, Source, T};
use super::{Run, money};
use crate::db::{Arg, args};
use crate::error::{Result, StoreError};
use crate::ledger::rows;
use crate::run::transaction;

/// Rows of the log in one transaction.
const LOG_BATCH: i64 = 500;

impl Run {
    /// Rows of the log, in pieces; how far it came stands in the database that holds them.
    pub(super) async fn logs(&mut self, from: &Source) -> Result<()> {
        let wanted = [
            ("id", I),
            ("user_id", I),
            ("created_at", I),
            ("type", I),
            ("content", T),
            ("username", T),
            ("token_name", T),
            ("model_name", T),
            ("quota", I),
            ("prompt_tokens", I),
            ("completion_tokens", I),
            ("channel_id", I),
            ("request_id", T),
            ("elapsed_time", I),
            ("is_stream", I),
            ("system_prompt_reset", I),
        ];
        let state = format!("import-logs:{}", self.source.name);
        let db = self.inner.logs.clone();
        let row = db.one("SELECT value FROM magic_state WHERE name = ?", args![&state]).await?;
        let mut mark = row.map(|row| row.text(0)).transpose()?;
        let mut after = mark.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
        let before = u64::try_from(from.count("logs", after).await?).unwrap_or(0);
        self.count("log").found += before;
        self.count("log").already += before;
        let all = before.saturating_add(u64::try_from(from.after("logs", after).await?).unwrap_or(0));
        loop {
            let old = from.rows("logs", &wanted, after, LOG_BATCH).await?;
            let Some(last) = old.last() else { return Ok(()) };
            after = last.int("id");
            let count = old.len() as u64;
            self.count("log").found += count;
            self.count("log").imported += count;
            let found = self.count("log").found;
            (self.progress)("log", found, all);
            if self.dry {
                continue;
            }
            let values: Vec<Arg> = old.iter().flat_map(|old| self.log(old)).collect();
            let next = after.to_string();
            let made: Result<()> = transaction!(db, |tx| {
                let into = format!("magic_logs ({})", crate::logs::COLUMNS);
                rows(tx, &into, crate::logs::COUNT, values.clone()).await?;
                // Only from where this run has read: another that runs beside it must not write the same rows.
                let moved = match &mark {
                    Some(mark) => {
                        let sql = "UPDATE magic_state SET value = ? WHERE name = ? AND value = ?";
                        tx.exec(sql, args![&next, &state, mark]).await?
                    }
                    None => {
                        let sql = "INSERT INTO magic_state (value, name) VALUES (?, ?)";
                        tx.exec(sql, args![&next, &state]).await?
                    }
                };
                if moved == 0 {
                    return Err(StoreError::Conflict("another import is under way".into()).into());
                }
            });
            made?;
            mark = Some(next);
        }
    }

    fn log(&self, old: &Old) -> Vec<Arg> {
        let mapped = |kind, id: i64| self.map.get(&(kind, id)).copied().unwrap_or(id);
        let short = |text: String, most: usize| text.chars().take(most).collect::<String>();
        args![
            mapped("user", old.int("user_id")),
            old.int("created_at"),
            old.int("type"),
            old.text("content"),
            short(old.text("username"), 190),
            short(old.text("token_name"), 190),
            short(old.text("model_name"), 190),
            old.int("quota"),
            money(old.int("quota")).0,
            old.int("prompt_tokens"),
            old.int("completion_tokens"),
            mapped("channel", old.int("channel_id")),
            short(old.text("request_id"), 120),
            old.int("elapsed_time"),
            old.int("is_stream") != 0,
            old.int("system_prompt_reset") != 0,
            "",
            if old.int("type") == 2 { 200 } else { 0 },
            "",
            "",
            r#"{"from":"one-api"}"#
        ]
    }
}
