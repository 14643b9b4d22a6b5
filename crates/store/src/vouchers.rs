//! Vouchers: bearer money. A code is found by its digest, kept sealed for administrators, and redeemed exactly
//! once: the row changes and the ledger event is written in one transaction, and the event's id is the voucher's,
//! so that even a row that was set back by hand could not pay twice (SR-17).

use crate::db::{Arg, Engine, Row, Tx, TxError, args, beginning, sorted};
use crate::error::{Result, StoreError};
use crate::ledger::{AdjustKind, Change, adjust};
use crate::run::{Inner, Store, transaction};
use crate::users::Page;
use crate::{DB, digest, now, random_id};
use magic_domain::ids::UserId;
use magic_domain::money::Nano;
use magic_domain::secret::Secret;

/// States as in one-api.
pub mod voucher_status {
    pub const ENABLED: i64 = 1;
    pub const DISABLED: i64 = 2;
    pub const USED: i64 = 3;
}

/// A voucher.
#[derive(Debug, Clone)]
pub struct VoucherRow {
    pub id: i64,
    /// The code, where the vault can open it.
    pub code: Option<Secret>,
    pub prefix: String,
    pub tail: String,
    /// Who made it.
    pub user_id: i64,
    pub status: i64,
    pub name: String,
    pub amount: Nano,
    pub created_time: i64,
    /// Unix seconds; -1: never.
    pub expired_time: i64,
    /// 0: not yet.
    pub redeemed_time: i64,
    /// 0: nobody, or not known (vouchers taken over from one-api).
    pub redeemed_by: i64,
    /// What was made in one go shares it.
    pub batch: String,
    pub owner: String,
}

/// A batch to be made.
#[derive(Debug, Clone)]
pub struct NewVouchers {
    pub user_id: UserId,
    pub name: String,
    pub amount: Nano,
    pub count: usize,
    pub expired_time: i64,
    /// With one, the same batch is made once and given again.
    pub idempotency_key: Option<String>,
}

/// What may change in a voucher that is not used; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct VoucherChange {
    pub status: Option<i64>,
    pub name: Option<String>,
    pub amount: Option<Nano>,
    pub expired_time: Option<i64>,
}

/// Which vouchers are wanted; empty and zero mean "any".
#[derive(Debug, Clone, Default)]
pub struct VoucherFilter {
    /// An id, or the beginning of a name.
    pub keyword: String,
    pub status: i64,
    pub batch: String,
}

const COLUMNS: &str = "id, code_sealed, code_prefix, code_tail, user_id, status, name, amount, created_time, expired_time, \
     redeemed_time, redeemed_by, batch, owner";

/// What a sealed code is bound to: its own digest, so that codes can't be swapped between rows.
pub(crate) fn place(hash: &str) -> String {
    format!("magic_vouchers/code/{hash}")
}

fn read(inner: &Inner, row: &Row, hash: &str) -> Result<VoucherRow> {
    Ok(VoucherRow {
        id: row.int(0)?,
        code: inner.vault.open(&row.text(1)?, &place(hash)).ok(),
        prefix: row.text(2)?,
        tail: row.text(3)?,
        user_id: row.int(4)?,
        status: row.int(5)?,
        name: row.text(6)?,
        amount: Nano(row.int(7)?),
        created_time: row.int(8)?,
        expired_time: row.int(9)?,
        redeemed_time: row.int(10)?,
        redeemed_by: row.int(11)?,
        batch: row.text(12)?,
        owner: row.text(13)?,
    })
}

fn read_all(inner: &Inner, rows: &[Row]) -> Result<Vec<VoucherRow>> {
    rows.iter().map(|row| read(inner, row, &row.text(14)?)).collect()
}

/// A voucher's row as it is inserted; also by whoever takes vouchers over.
pub(crate) struct Stored<'a> {
    pub code: &'a Secret,
    pub user_id: i64,
    pub status: i64,
    pub name: &'a str,
    pub amount: Nano,
    pub created_time: i64,
    pub expired_time: i64,
    pub redeemed_time: i64,
    pub batch: &'a str,
}

pub(crate) async fn insert(inner: &Inner, tx: &mut Tx, new: &Stored<'_>) -> Result<i64, TxError> {
    let hash = digest(new.code.expose());
    let sealed = inner.vault.seal(new.code, &place(&hash))?;
    let prefix: String = new.code.expose().chars().take(4).collect();
    tx.insert(
        "INSERT INTO magic_vouchers (code_hash, code_sealed, code_prefix, code_tail, user_id, status, name, amount, \
         created_time, expired_time, redeemed_time, redeemed_by, batch, owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
        args![
            hash,
            sealed,
            prefix,
            new.code.tail(),
            new.user_id,
            new.status,
            new.name,
            new.amount.0,
            new.created_time,
            new.expired_time,
            new.redeemed_time,
            new.batch,
            DB
        ],
    )
    .await
}

impl VoucherFilter {
    fn condition(&self, engine: Engine) -> (String, Vec<Arg>) {
        let (mut parts, mut args) = (vec!["1 = 1".to_owned()], Vec::new());
        if !self.keyword.is_empty() {
            parts.push(format!("(id = ? OR {})", engine.begins("name")));
            args.push(Arg::Int(self.keyword.parse().unwrap_or(-1)));
            args.extend(beginning(&self.keyword));
        }
        if self.status != 0 {
            parts.push("status = ?".to_owned());
            args.push(Arg::Int(self.status));
        }
        if !self.batch.is_empty() {
            parts.push("batch = ?".to_owned());
            args.push(Arg::from(&self.batch));
        }
        (parts.join(" AND "), args)
    }
}

impl Store {
    /// Makes a batch of vouchers in one transaction; the rows hold their codes.
    pub async fn create_vouchers(&self, new: NewVouchers) -> Result<Vec<VoucherRow>> {
        let batch = match &new.idempotency_key {
            Some(key) => format!("once-{}", &digest(&format!("{}:{key}", new.user_id.0))[..32]),
            None => random_id(),
        };
        self.run_for(std::time::Duration::from_secs(30), move |inner| async move {
            let name = batch.clone();
            let made: Result<()> = transaction!(inner.db, |tx| {
                if new.idempotency_key.is_some() {
                    // Made before, or being made at this moment: this row is in the way.
                    let sql = "INSERT INTO magic_state (name, value) VALUES (?, '')";
                    tx.exec(sql, args![format!("voucher-batch:{name}")]).await?;
                }
                for _ in 0..new.count {
                    let code = Secret::new(random_id());
                    let row = Stored {
                        code: &code,
                        user_id: new.user_id.0,
                        status: voucher_status::ENABLED,
                        name: &new.name,
                        amount: new.amount,
                        created_time: now(),
                        expired_time: new.expired_time,
                        redeemed_time: 0,
                        batch: &name,
                    };
                    insert(&inner, tx, &row).await?;
                }
            });
            match made {
                Err(StoreError::Conflict(_)) if new.idempotency_key.is_some() => {}
                other => other?,
            }
            let sql = format!("SELECT {COLUMNS}, code_hash FROM magic_vouchers WHERE batch = ? ORDER BY id");
            let rows = read_all(&inner, &inner.db.fetch(&sql, args![batch]).await?)?;
            let same = |row: &VoucherRow| row.amount == new.amount && row.name == new.name;
            if rows.len() != new.count || !rows.iter().all(same) {
                return Err(StoreError::Invalid("this Idempotency-Key was used for other vouchers".into()));
            }
            Ok(rows)
        })
        .await
    }

    pub async fn voucher(&self, id: i64) -> Result<Option<VoucherRow>> {
        self.run(move |inner| async move {
            let sql = format!("SELECT {COLUMNS}, code_hash FROM magic_vouchers WHERE id = ?");
            Ok(read_all(&inner, &inner.db.fetch(&sql, args![id]).await?)?.pop())
        })
        .await
    }

    /// A page of vouchers, newest first, and how many there are.
    pub async fn vouchers(&self, page: Page, filter: VoucherFilter) -> Result<(Vec<VoucherRow>, i64)> {
        self.list(move |inner| async move {
            let (condition, mut args) = filter.condition(inner.db.engine());
            let sql = format!("SELECT COUNT(*) FROM magic_vouchers WHERE {condition}");
            let total =
                inner.db.one(&sql, args.clone()).await?.map(|row| row.int(0)).transpose()?.unwrap_or(0);
            args.extend(args![page.limit, page.offset]);
            let columns = format!("{COLUMNS}, code_hash");
            let sql = sorted("magic_vouchers", &columns, &condition, "id DESC");
            Ok((read_all(&inner, &inner.db.fetch(&sql, args).await?)?, total))
        })
        .await
    }

    /// Changes a voucher that has not been used; a used one is history.
    pub async fn update_voucher(&self, id: i64, change: VoucherChange) -> Result<VoucherRow> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let (mut sets, mut args) = (Vec::new(), Vec::new());
                let mut set = |column, value: Option<Arg>| {
                    if let Some(value) = value {
                        sets.push(column);
                        args.push(value);
                    }
                };
                set("status = ?", change.status.map(Arg::Int));
                set("name = ?", change.name.as_ref().map(Arg::from));
                set("amount = ?", change.amount.map(|amount| Arg::Int(amount.0)));
                set("expired_time = ?", change.expired_time.map(Arg::Int));
                let lock = crate::ledger::for_update(tx.engine());
                let sql = format!("SELECT status FROM magic_vouchers WHERE id = ?{lock}");
                let row = tx.one(&sql, args![id]).await?.ok_or(StoreError::NotFound("voucher"))?;
                if row.int(0)? == voucher_status::USED {
                    return Err(StoreError::Conflict("the voucher has been used".into()).into());
                }
                if !sets.is_empty() {
                    args.push(Arg::Int(id));
                    tx.exec(&format!("UPDATE magic_vouchers SET {} WHERE id = ?", sets.join(", ")), args)
                        .await?;
                }
                let sql = format!("SELECT {COLUMNS}, code_hash FROM magic_vouchers WHERE id = ?");
                let row = tx.one(&sql, args![id]).await?.ok_or(StoreError::NotFound("voucher"))?;
                read(&inner, &row, &row.text(14)?)?
            })
        })
        .await
    }

    pub async fn delete_voucher(&self, id: i64) -> Result<()> {
        self.run(move |inner| async move {
            match inner.db.exec("DELETE FROM magic_vouchers WHERE id = ?", args![id]).await? {
                0 => Err(StoreError::NotFound("voucher")),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Redeems a code for a user; the amount that was added. Exactly once, whatever races.
    ///
    /// # Errors
    /// `NotFound`: there is no such code. `Conflict`: it is used, disabled or expired.
    pub async fn redeem(&self, user: UserId, code: &Secret) -> Result<Nano> {
        let hash = digest(code.expose().trim());
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let take = "UPDATE magic_vouchers SET status = ?, redeemed_time = ?, redeemed_by = ? \
                     WHERE code_hash = ? AND status = ? AND (expired_time < 0 OR expired_time > ?)";
                let at = now();
                let taken = tx
                    .exec(take, args![voucher_status::USED, at, user.0, &hash, voucher_status::ENABLED, at])
                    .await?;
                let sql = "SELECT id, amount, status, name FROM magic_vouchers WHERE code_hash = ?";
                let row = tx.one(sql, args![&hash]).await?.ok_or(StoreError::NotFound("voucher"))?;
                if taken == 0 {
                    let why = match row.int(2)? {
                        voucher_status::USED => "the voucher has been used",
                        voucher_status::DISABLED => "the voucher is disabled",
                        _ => "the voucher has expired",
                    };
                    return Err(StoreError::Conflict(why.into()).into());
                }
                let (id, amount) = (row.int(0)?, Nano(row.int(1)?));
                let note = format!("voucher {id} ({}) redeemed: ${}", row.text(3)?, amount.usd());
                adjust(tx, user, Change::By(amount), AdjustKind::Voucher, &note, &format!("voucher-{id}"))
                    .await?;
                amount
            })
        })
        .await
    }
}
