//! The books in the database: leases, posting, and moves made by hand. Every amount is set in one transaction
//! with the ledger rows that explain it.

use crate::db::{Arg, Engine, Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::lost;
use crate::run::{Inner, Store, transaction};
use crate::{now, random_id};
use magic_domain::books::{Phase, Settlement};
use magic_domain::ids::{TokenId, UserId};
use magic_domain::money::Nano;
use magic_domain::usage::Mark;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Whose balance a lease is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseScope {
    User(UserId),
    Token(TokenId),
}

impl LeaseScope {
    fn parts(self) -> (&'static str, i64, &'static str, &'static str) {
        match self {
            LeaseScope::User(id) => ("user", id.0, "magic_users", "balance"),
            LeaseScope::Token(id) => ("token", id.0, "magic_tokens", "remain"),
        }
    }
}

/// What a posting did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Posted {
    pub new: usize,
    /// Posted before: skipped.
    pub known: usize,
}

/// How long posting a batch may take.
pub(crate) const POSTING: Duration = Duration::from_secs(30);

pub(crate) fn for_update(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "",
        Engine::MySql | Engine::Postgres => " FOR UPDATE",
    }
}

impl Store {
    /// Sets aside between `need` and `want` of a balance for this process; zero when it does not reach.
    pub async fn lease(&self, scope: LeaseScope, need: Nano, want: Nano, epoch: &str) -> Result<Nano> {
        self.lease_at_most(scope, need, want, 1, epoch).await
    }

    /// [`Store::lease`] that takes at most a twentieth of the balance beyond the need: the rest stays for the
    /// other nodes of a fleet.
    pub async fn lease_share(&self, scope: LeaseScope, need: Nano, want: Nano, epoch: &str) -> Result<Nano> {
        self.lease_at_most(scope, need, want, 20, epoch).await
    }

    async fn lease_at_most(
        &self,
        scope: LeaseScope,
        need: Nano,
        want: Nano,
        parts: i64,
        epoch: &str,
    ) -> Result<Nano> {
        let epoch = epoch.to_owned();
        self.run(move |inner| async move {
            let (name, id, table, column) = scope.parts();
            transaction!(inner.db, |tx| {
                let lock = for_update(tx.engine());
                let row = tx
                    .one(&format!("SELECT {column}, leased FROM {table} WHERE id = ?{lock}"), args![id])
                    .await?;
                let Some(row) = row else { return Ok(Nano::ZERO) };
                if lost::is_lost(tx, &epoch).await? {
                    return Err(StoreError::Conflict("this process was declared lost".into()).into());
                }
                let available = row.int(0)?.saturating_sub(row.int(1)?);
                if available < need.0.max(1) {
                    return Ok(Nano::ZERO);
                }
                let surplus = want.0.saturating_sub(need.0).min(available / parts).max(0);
                let granted = need.0.saturating_add(surplus).min(available);
                tx.exec(&format!("UPDATE {table} SET leased = leased + ? WHERE id = ?"), args![granted, id])
                    .await?;
                add_lease(tx, &epoch, name, id, granted).await?;
                Nano(granted)
            })
        })
        .await
    }

    /// Gives a part of a lease back.
    pub async fn unlease(&self, scope: LeaseScope, amount: Nano, epoch: &str) -> Result<()> {
        let epoch = epoch.to_owned();
        self.run(move |inner| async move {
            let (name, id, table, _) = scope.parts();
            transaction!(inner.db, |tx| {
                let given = take_lease(tx, &epoch, name, id, amount.0).await?;
                tx.exec(&format!("UPDATE {table} SET leased = leased - ? WHERE id = ?"), args![given, id])
                    .await?;
            })
        })
        .await
    }

    /// Gives back every lease of a process life that is over and whose journal has been posted.
    pub async fn release_epoch(&self, epoch: &str) -> Result<()> {
        let epoch = epoch.to_owned();
        self.run_for(Duration::from_secs(30), move |inner| async move {
            transaction!(inner.db, |tx| {
                let lock = for_update(tx.engine());
                let sql = format!("SELECT scope, owner_id, amount FROM magic_leases WHERE epoch = ? ORDER BY scope, owner_id{lock}");
                let rows = tx.fetch(&sql, args![&epoch]).await?;
                for row in rows {
                    let table = if row.text(0)? == "user" { "magic_users" } else { "magic_tokens" };
                    let sql = format!("UPDATE {table} SET leased = leased - ? WHERE id = ?");
                    tx.exec(&sql, args![row.int(2)?, row.int(1)?]).await?;
                }
                tx.exec("DELETE FROM magic_leases WHERE epoch = ?", args![&epoch]).await?;
                tx.exec("DELETE FROM magic_posted WHERE epoch = ?", args![&epoch]).await?;
                lost::give_back(tx, &epoch).await?;
                // Whoever takes its duties over need not wait.
                tx.exec("DELETE FROM magic_duties WHERE node = ?", args![&epoch]).await?;
            })
        })
        .await
    }

    /// The epochs that hold leases.
    pub async fn lease_epochs(&self) -> Result<Vec<String>> {
        self.run(|inner| async move {
            let rows = inner.db.fetch("SELECT DISTINCT epoch FROM magic_leases", vec![]).await?;
            rows.iter().map(|row| row.text(0)).collect()
        })
        .await
    }

    /// Posts finished calls: ledger events, balances, usage, log rows; one transaction. Calls posted before are
    /// skipped, so that a batch may be posted again after anything.
    pub async fn post(&self, epoch: &str, batch: Vec<Settlement>) -> Result<Posted> {
        if batch.is_empty() {
            return Ok(Posted::default());
        }
        let (epoch, batch) = (epoch.to_owned(), Arc::new(batch));
        self.run_for(POSTING, move |inner| async move {
            let logged = prepare(&inner, &batch).await?;
            transaction!(inner.db, |tx| { post(tx, &epoch, &batch, logged, inner.separate_logs).await? })
        })
        .await
    }

    /// Adds to a balance once for a key of the caller's choosing: again with the same key and amount changes
    /// nothing more. Returns whether it was new.
    ///
    /// # Errors
    /// `Invalid` where the key was used for something else; as [`Store::adjust`].
    pub async fn top_up_once(&self, user: UserId, amount: Nano, note: &str, key: &str) -> Result<bool> {
        let (note, id) = (note.to_owned(), format!("once-{}", &crate::digest(key)[..32]));
        let event = id.clone();
        let done = self
            .run(move |inner| async move {
                transaction!(inner.db, |tx| {
                    adjust(tx, user, Change::By(amount), AdjustKind::TopUp, &note, &event).await?
                })
            })
            .await;
        let Err(StoreError::Conflict(_)) = done else { return done.map(|_| true) };
        let before = self.run(move |inner| async move {
            let sql = "SELECT amount FROM magic_ledger_entries WHERE request_id = ? AND phase = 'topup' AND account = ?";
            let row = inner.db.one(sql, args![id, format!("user:{}:available", user.0)]).await?;
            row.map(|row| row.int(0)).transpose()
        });
        match before.await? {
            Some(before) if before == amount.0 => Ok(false),
            _ => Err(StoreError::Invalid("this Idempotency-Key was used for another payment".into())),
        }
    }

    /// Changes a user's balance by hand: to `balance`, or by `change`. Returns the new balance.
    pub async fn adjust(&self, user: UserId, change: Change, kind: AdjustKind, note: &str) -> Result<Nano> {
        let note = note.to_owned();
        self.run(move |inner| async move {
            let id = random_id();
            transaction!(inner.db, |tx| { adjust(tx, user, change, kind, &note, &id).await? })
        })
        .await
    }
}

/// How a balance is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    To(Nano),
    By(Nano),
}

/// Why a balance is changed; decides the counter-account and the kind of log row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdjustKind {
    /// An administrator set it (log type 3).
    Manual,
    /// An external payment system added to it (log type 1).
    TopUp,
    /// A gift of the system (log type 4).
    Gift,
    /// The user redeemed a voucher (log type 1).
    Voucher,
}

pub(crate) async fn adjust(
    tx: &mut Tx,
    user: UserId,
    change: Change,
    kind: AdjustKind,
    note: &str,
    id: &str,
) -> Result<Nano, TxError> {
    let lock = for_update(tx.engine());
    let row = tx
        .one(&format!("SELECT balance, username FROM magic_users WHERE id = ?{lock}"), args![user.0])
        .await?;
    let Some(row) = row else { return Err(StoreError::NotFound("user").into()) };
    let (before, username) = (Nano(row.int(0)?), row.text(1)?);
    let delta = match change {
        Change::To(balance) => balance.minus(before),
        Change::By(delta) => delta,
    };
    let after = before.plus(delta);
    if after.0 < 0 {
        return Err(StoreError::Invalid("a balance can't go below zero".into()).into());
    }
    if delta.0 != 0 {
        tx.exec("UPDATE magic_users SET balance = balance + ? WHERE id = ?", args![delta.0, user.0]).await?;
        let (phase, account, log_type) = match kind {
            AdjustKind::Manual => ("adjust", "adjustment", 3),
            AdjustKind::TopUp => ("topup", "adjustment", 1),
            AdjustKind::Gift => ("gift", "promo", 4),
            AdjustKind::Voucher => ("voucher", "voucher", 1),
        };
        post_move(tx, id, phase, user.0, delta, account, note).await?;
        crate::logs::write_note(tx, user, &username, log_type, note, delta).await?;
    }
    Ok(after)
}

/// What comes before posting a batch. Whether its calls are to be logged.
pub(crate) async fn prepare(inner: &Inner, batch: &[Settlement]) -> Result<bool> {
    let logged = crate::logs::wanted(&inner.db).await?;
    if inner.separate_logs && logged {
        // The logs' database can't share the transaction. Its rows go first and are skipped by their request's id
        // when the batch comes again.
        crate::logs::write_separately(&inner.logs, batch).await?;
    }
    Ok(logged)
}

/// A balanced event that moves `amount` between a user and a counter-account.
pub(crate) async fn post_move(
    tx: &mut Tx,
    id: &str,
    phase: &str,
    user: i64,
    amount: Nano,
    account: &str,
    note: &str,
) -> Result<(), TxError> {
    tx.exec(
        "INSERT INTO magic_ledger_events (request_id, phase, at_ms, price_version, detail, user_id) VALUES (?, ?, ?, 0, ?, ?)",
        args![id, phase, now() * 1000, serde_json::json!({ "note": note }).to_string(), user],
    )
    .await?;
    tx.exec(
        "INSERT INTO magic_ledger_entries (request_id, phase, account, amount) VALUES (?, ?, ?, ?), (?, ?, ?, ?)",
        args![id, phase, format!("user:{user}:available"), amount.0, id, phase, account, -amount.0],
    )
    .await?;
    Ok(())
}

async fn add_lease(tx: &mut Tx, epoch: &str, scope: &str, id: i64, amount: i64) -> Result<(), TxError> {
    let insert = "INSERT INTO magic_leases (epoch, scope, owner_id, amount) VALUES (?, ?, ?, ?)";
    let rest = match tx.engine() {
        Engine::MySql => "ON DUPLICATE KEY UPDATE amount = amount + VALUES(amount)",
        _ => {
            "ON CONFLICT (epoch, scope, owner_id) DO UPDATE SET amount = magic_leases.amount + excluded.amount"
        }
    };
    tx.exec(&format!("{insert} {rest}"), args![epoch, scope, id, amount]).await?;
    Ok(())
}

/// Takes up to `amount` out of a lease; what was taken.
async fn take_lease(tx: &mut Tx, epoch: &str, scope: &str, id: i64, amount: i64) -> Result<i64, TxError> {
    let lock = for_update(tx.engine());
    let sql = format!("SELECT amount FROM magic_leases WHERE epoch = ? AND scope = ? AND owner_id = ?{lock}");
    let row = tx.one(&sql, args![epoch, scope, id]).await?;
    let held = row.map(|row| row.int(0)).transpose()?.unwrap_or(0);
    let taken = amount.clamp(0, held.max(0));
    if taken > 0 {
        let sql =
            "UPDATE magic_leases SET amount = amount - ? WHERE epoch = ? AND scope = ? AND owner_id = ?";
        tx.exec(sql, args![taken, epoch, scope, id]).await?;
    }
    Ok(taken)
}

/// What a batch adds up to for one user, token or channel.
#[derive(Default)]
struct Sum {
    cost: i64,
    calls: i64,
}

pub(crate) async fn post(
    tx: &mut Tx,
    epoch: &str,
    batch: &[Settlement],
    logged: bool,
    separate: bool,
) -> Result<Posted, TxError> {
    let known = known(tx, batch).await?;
    let mut fresh: Vec<&Settlement> =
        batch.iter().filter(|call| !known.contains(&call.opening.id.to_string())).collect();
    fresh.sort_by_key(|call| call.opening.id);
    fresh.dedup_by_key(|call| call.opening.id);
    let posted = Posted { new: fresh.len(), known: batch.len() - fresh.len() };
    if fresh.is_empty() {
        return Ok(posted);
    }
    write_events(tx, &fresh, logged).await?;
    let mut users: BTreeMap<i64, Sum> = BTreeMap::new();
    let mut tokens: BTreeMap<(i64, bool), Sum> = BTreeMap::new();
    let mut channels: BTreeMap<i64, Sum> = BTreeMap::new();
    let mut keys: BTreeMap<i64, Sum> = BTreeMap::new();
    for call in &fresh {
        let billed = call.closing.mark != Mark::Void;
        let cost = if billed { call.closing.cost.0 } else { 0 };
        let add = |sum: &mut Sum| {
            sum.cost = sum.cost.saturating_add(cost);
            sum.calls += i64::from(billed);
        };
        add(users.entry(call.opening.user_id.0).or_default());
        add(tokens.entry((call.opening.token_id.0, call.opening.token_limited)).or_default());
        if let Some(channel) = call.closing.channel_id {
            add(channels.entry(channel.0).or_default());
        }
        if call.closing.key_id != 0 {
            add(keys.entry(call.closing.key_id).or_default());
        }
    }
    for (id, sum) in &users {
        let leased = take_lease(tx, epoch, "user", *id, sum.cost).await?;
        let found = found(tx, epoch, "user", *id, sum.cost - leased).await?;
        tx.exec(
            "UPDATE magic_users SET balance = balance - ?, leased = leased - ?, used = used + ?, request_count = request_count + ? WHERE id = ?",
            args![sum.cost - found, leased, sum.cost, sum.calls, *id],
        )
        .await?;
    }
    for ((id, limited), sum) in &tokens {
        let (mut remain, mut leased) = (0, 0);
        if *limited {
            leased = take_lease(tx, epoch, "token", *id, sum.cost).await?;
            remain = sum.cost - found(tx, epoch, "token", *id, sum.cost - leased).await?;
        }
        tx.exec(
            "UPDATE magic_tokens SET remain = remain - ?, leased = leased - ?, used = used + ?, accessed_time = ? WHERE id = ?",
            args![remain, leased, sum.cost, now(), *id],
        )
        .await?;
    }
    for (id, sum) in channels.iter().filter(|(_, sum)| sum.cost != 0) {
        tx.exec("UPDATE magic_channels SET used = used + ? WHERE id = ?", args![sum.cost, *id]).await?;
    }
    for (id, sum) in keys.iter().filter(|(_, sum)| sum.cost != 0) {
        tx.exec("UPDATE magic_channel_keys SET used = used + ? WHERE id = ?", args![sum.cost, *id]).await?;
    }
    crate::spent::add(tx, epoch, &fresh).await?;
    if logged && !separate {
        crate::logs::write_calls(tx, &fresh).await?;
    }
    Ok(posted)
}

/// What was charged as a loss already, of a cost that no lease covers.
async fn found(tx: &mut Tx, epoch: &str, scope: &str, id: i64, cost: i64) -> Result<i64, TxError> {
    if cost > 0 { lost::explain(tx, epoch, scope, id, cost).await } else { Ok(0) }
}

async fn known(tx: &mut Tx, batch: &[Settlement]) -> Result<HashSet<String>, TxError> {
    let mut ids: Vec<Arg> = batch.iter().map(|call| Arg::Text(call.opening.id.to_string())).collect();
    // Padded to a power of two, for the same reason as the steps below.
    if let Some(last) = ids.last().cloned() {
        ids.resize(ids.len().next_power_of_two(), last);
    }
    let marks = vec!["?"; ids.len()].join(", ");
    let sql = format!(
        "SELECT request_id FROM magic_ledger_events WHERE phase IN ('settle', 'void') AND request_id IN ({marks})"
    );
    let rows = tx.fetch(&sql, ids).await?;
    rows.iter().map(|row| row.text(0).map_err(TxError::from)).collect()
}

/// `logged`: a row of the log goes with them; else the event says so, for the proof of the books.
async fn write_events(tx: &mut Tx, fresh: &[&Settlement], logged: bool) -> Result<(), TxError> {
    let (mut events, mut entries) = (Vec::new(), Vec::new());
    for call in fresh {
        let id = call.opening.id.to_string();
        for event in call.events() {
            let mut detail = match event.phase {
                Phase::Settle => serde_json::json!({
                    "usage": call.closing.usage, "rates": call.closing.rates,
                    "ratio": call.opening.ratio, "cost": call.closing.cost,
                }),
                _ => serde_json::Value::Null,
            };
            if !logged {
                detail["unlogged"] = true.into();
            }
            let detail = if detail.is_null() { String::new() } else { detail.to_string() };
            events.extend(args![
                &id,
                event.phase.name(),
                call.closing.at_ms,
                event.reserved.0,
                call.closing.price_version,
                detail,
                call.opening.user_id.0
            ]);
            for (account, amount) in event.entries {
                entries.extend(args![&id, event.phase.name(), account.to_string(), amount.0]);
            }
        }
    }
    let into = "magic_ledger_events (request_id, phase, at_ms, reserved, price_version, detail, user_id)";
    rows(tx, into, 7, events).await?;
    rows(tx, "magic_ledger_entries (request_id, phase, account, amount)", 4, entries).await
}

/// Rows per statement: few texts, so that each is parsed once and then found among the prepared ones.
const STEPS: &[usize] = &[64, 16, 4, 1];

/// Inserts many rows with few statements.
pub(crate) async fn rows(tx: &mut Tx, into: &str, columns: usize, args: Vec<Arg>) -> Result<(), TxError> {
    rows_with(tx, into, columns, args, "").await
}

/// [`rows`] with the end of the statement: what happens to rows that are there.
pub(crate) async fn rows_with(
    tx: &mut Tx,
    into: &str,
    columns: usize,
    args: Vec<Arg>,
    tail: &str,
) -> Result<(), TxError> {
    let row = format!("({})", vec!["?"; columns].join(", "));
    let mut left = args.into_iter();
    for step in STEPS {
        let sql = format!("INSERT INTO {into} VALUES {}{tail}", vec![row.as_str(); *step].join(", "));
        while left.len() >= step * columns {
            tx.exec(&sql, left.by_ref().take(step * columns).collect()).await?;
        }
    }
    Ok(())
}
