//! What calls of prompts cost and how long they took, by version.

use crate::db::{Arg, Tx, TxError, args};
use crate::error::Result;
use crate::ledger::rows;
use crate::run::Store;
use magic_domain::books::Settlement;
use magic_domain::money::Nano;
use std::collections::HashMap;
use std::time::Duration;

/// Quantiles are taken from so many of the newest calls that went well.
const SAMPLE_MAX: i64 = 20_000;

/// How a version fares.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VersionStats {
    pub version: i64,
    pub calls: i64,
    /// Calls that ended in an error, or before their end.
    pub failed: i64,
    pub cost: Nano,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    /// Milliseconds of those that went well: of all of it, and to the first byte.
    pub elapsed: Quantiles,
    pub first_byte: Quantiles,
}

/// Of the newest calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quantiles {
    pub p50: i64,
    pub p95: i64,
}

impl Quantiles {
    fn of(mut all: Vec<i64>) -> Quantiles {
        all.sort_unstable();
        let at = |percent: usize| {
            all.get((all.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0)
        };
        Quantiles { p50: at(50), p95: at(95) }
    }
}

const COLUMNS: &str = "request_id, prompt, version, created_at, failed, cost, prompt_tokens, completion_tokens, elapsed, first_byte";
const COUNT: usize = 10;

fn call_args(call: &Settlement) -> Option<Vec<Arg>> {
    let (opening, closing) = (&call.opening, &call.closing);
    let (name, version) = opening.prompt.rsplit_once('@')?;
    let int = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Some(args![
        opening.id.to_string(),
        name,
        version.parse::<i64>().ok()?,
        closing.at_ms / 1000,
        !closing.error.is_empty() || !(200..400).contains(&closing.status),
        closing.cost.0,
        int(closing.usage.input_total()),
        int(closing.usage.output_total()),
        int(closing.timings.total),
        int(closing.timings.first_byte.unwrap_or(closing.timings.total)),
    ])
}

/// Notes calls of prompts, beside their rows in the log.
pub(crate) async fn write_calls(tx: &mut Tx, calls: &[&Settlement]) -> Result<(), TxError> {
    let args: Vec<Arg> = calls.iter().filter_map(|call| call_args(call)).flatten().collect();
    if args.is_empty() {
        return Ok(());
    }
    rows(tx, &format!("magic_prompt_calls ({COLUMNS})"), COUNT, args).await
}

impl Store {
    /// How the versions of a prompt have fared since a time, newest version first.
    pub async fn prompt_stats(&self, name: &str, since: i64) -> Result<Vec<VersionStats>> {
        let name = name.to_owned();
        self.run_for(Duration::from_secs(10), move |inner| async move {
            let sum = |column: &str| inner.logs.engine().sum(column);
            let sql = format!(
                "SELECT version, COUNT(*), {}, {}, {}, {} FROM magic_prompt_calls WHERE prompt = ? AND created_at >= ? \
                 GROUP BY version ORDER BY version DESC",
                sum("failed"),
                sum("cost"),
                sum("prompt_tokens"),
                sum("completion_tokens"),
            );
            let totals = inner.logs.fetch(&sql, args![&name, since]).await?;
            let sql = "SELECT version, elapsed, first_byte FROM magic_prompt_calls WHERE prompt = ? AND created_at >= ? \
                 AND failed = 0 ORDER BY created_at DESC LIMIT ?";
            let mut times: HashMap<i64, (Vec<i64>, Vec<i64>)> = HashMap::new();
            for row in inner.logs.fetch(sql, args![&name, since, SAMPLE_MAX]).await? {
                let (elapsed, first_byte) = times.entry(row.int(0)?).or_default();
                elapsed.push(row.int(1)?);
                first_byte.push(row.int(2)?);
            }
            totals
                .iter()
                .map(|row| {
                    let version = row.int(0)?;
                    let (elapsed, first_byte) = times.remove(&version).unwrap_or_default();
                    Ok(VersionStats {
                        version,
                        calls: row.int(1)?,
                        failed: row.int(2)?,
                        cost: Nano(row.int(3)?),
                        prompt_tokens: row.int(4)?,
                        completion_tokens: row.int(5)?,
                        elapsed: Quantiles::of(elapsed),
                        first_byte: Quantiles::of(first_byte),
                    })
                })
                .collect()
        })
        .await
    }
}
