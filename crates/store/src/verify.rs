//! `magic ledger verify`: proves the invariants of the books (reliability rules §3.2).

use crate::error::Result;
use crate::run::Store;
use magic_domain::money::Nano;
use magic_domain::price::{Rates, bill};
use magic_domain::usage::Usage;
use std::collections::HashMap;
use std::time::Duration;

/// One invariant's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub what: &'static str,
    pub ok: bool,
    pub detail: String,
}

#[derive(serde::Deserialize)]
struct Bill {
    usage: Usage,
    rates: Rates,
    ratio: i64,
    cost: Nano,
}

impl Store {
    /// Checks L1–L7. Balances and entries are read one after another, and a living gateway posts in between:
    /// a real fault stands in every reading, so what fails is read again before it counts.
    pub async fn verify(&self) -> Result<Vec<Check>> {
        let mut checks = self.read_books().await?;
        for _ in 0..4 {
            if checks.iter().all(|check| check.ok) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            checks = self.read_books().await?;
        }
        Ok(checks)
    }

    async fn read_books(&self) -> Result<Vec<Check>> {
        self.run_for(Duration::from_secs(600), |inner| async move {
            let db = &inner.db;
            let sum = db.engine().sum("amount");
            let mut checks = Vec::new();
            let mut check = |name, what, faults: Vec<String>| {
                let shown: Vec<String> = faults.iter().take(5).cloned().collect();
                checks.push(Check { name, what, ok: faults.is_empty(), detail: shown.join("; ") });
            };

            let rows = db
                .fetch(
                    &format!("SELECT request_id, phase, {sum} FROM magic_ledger_entries GROUP BY request_id, phase HAVING SUM(amount) <> 0"),
                    vec![],
                )
                .await?;
            let faults = rows.iter().map(|row| Ok(format!("{} {} is off by {}", row.text(0)?, row.text(1)?, row.int(2)?)));
            check("L1", "every event's entries add up to zero", faults.collect::<Result<_>>()?);

            let rows = db
                .fetch(&format!("SELECT account, {sum} FROM magic_ledger_entries WHERE account LIKE 'user:%' GROUP BY account"), vec![])
                .await?;
            let mut sums: HashMap<String, i64> = HashMap::new();
            for row in &rows {
                sums.insert(row.text(0)?, row.int(1)?);
            }
            let users = db.fetch("SELECT id, balance, leased FROM magic_users", vec![]).await?;
            let (mut cached, mut floor) = (vec![], vec![]);
            let overruns = db
                .fetch(
                    &format!("SELECT account, {sum} FROM magic_ledger_entries WHERE phase = 'overrun' AND account LIKE 'user:%' GROUP BY account"),
                    vec![],
                )
                .await?;
            let mut over: HashMap<String, i64> = HashMap::new();
            for row in &overruns {
                over.insert(row.text(0)?, row.int(1)?);
            }
            for row in &users {
                let (id, balance, leased) = (row.int(0)?, row.int(1)?, row.int(2)?);
                let account = format!("user:{id}:available");
                let entries = sums.get(&account).copied().unwrap_or(0);
                if entries != balance {
                    cached.push(format!("user {id}: balance {balance}, entries {entries}"));
                }
                if balance < 0 && -balance > -over.get(&account).copied().unwrap_or(0) {
                    floor.push(format!("user {id}: balance {balance}"));
                }
                if leased < 0 {
                    floor.push(format!("user {id}: leases of {leased}"));
                }
            }
            check("L2", "every balance is the sum of its entries", cached);

            let rows = db
                .fetch(
                    "SELECT request_id FROM magic_ledger_events WHERE phase IN ('settle', 'void') \
                     GROUP BY request_id HAVING COUNT(*) <> 1",
                    vec![],
                )
                .await?;
            let twice = rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>>>()?;
            check("L3", "every reservation is settled or voided exactly once", twice);
            check("L4", "no balance is below zero but by an overrun", floor);

            let mut faults: Vec<String> = db
                .fetch(
                    "SELECT s.request_id FROM magic_ledger_events s WHERE s.phase = 'overrun' AND NOT EXISTS
                     (SELECT 1 FROM magic_ledger_events r WHERE r.request_id = s.request_id AND r.phase = 'settle')",
                    vec![],
                )
                .await?
                .iter()
                .map(|row| row.text(0))
                .collect::<Result<_>>()?;
            if !inner.separate_logs {
                // Rows that were deleted by age, or were never wanted, are not missing.
                let since = db.one("SELECT value FROM magic_state WHERE name = 'logs_since'", vec![]).await?;
                let since = since.map(|row| row.text(0)).transpose()?.and_then(|text| text.parse().ok()).unwrap_or(0i64);
                let rows = db
                    .fetch(
                        r#"SELECT r.request_id FROM magic_ledger_events r WHERE r.phase IN ('settle', 'void') AND r.at_ms >= ?
                         AND r.detail NOT LIKE '%"unlogged":true%' AND NOT EXISTS
                         (SELECT 1 FROM magic_logs l WHERE l.request_id = r.request_id)"#,
                        crate::db::args![since.saturating_mul(1000)],
                    )
                    .await?;
                faults.extend(rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>>>()?);
            }
            check("L5", "every overrun belongs to a settlement, every reservation to a log row", faults);

            let rows = db
                .fetch(
                    "SELECT s.request_id, s.amount FROM magic_ledger_entries s JOIN magic_ledger_events e \
                     ON e.request_id = s.request_id AND e.phase = s.phase \
                     WHERE s.phase = 'settle' AND s.account LIKE 'revenue:%' AND s.amount > e.reserved",
                    vec![],
                )
                .await?;
            let faults = rows.iter().map(|row| Ok(format!("{} settles {}", row.text(0)?, row.int(1)?)));
            check("L6", "no settlement is above its reservation but by an overrun row", faults.collect::<Result<_>>()?);

            let mut faults = Vec::new();
            let mut after = 0;
            loop {
                let rows = db
                    .fetch(
                        "SELECT id, request_id, detail FROM magic_ledger_events WHERE phase = 'settle' AND id > ? ORDER BY id LIMIT 1000",
                        crate::db::args![after],
                    )
                    .await?;
                let Some(last) = rows.last() else { break };
                after = last.int(0)?;
                for row in &rows {
                    let (id, detail) = (row.text(1)?, row.text(2)?);
                    match serde_json::from_str::<Bill>(&detail) {
                        // A guess about a cut answer is capped by its reservation: it may be below the arithmetic.
                        Ok(stored) if stored.cost > bill(&stored.rates, &stored.usage, stored.ratio) => {
                            faults.push(format!("{id}: billed {}", stored.cost.0));
                        }
                        Ok(_) => {}
                        Err(error) => faults.push(format!("{id}: {error}")),
                    }
                }
            }
            check("L7", "every bill follows from its usage and rates", faults);
            Ok(checks)
        })
        .await
    }
}
