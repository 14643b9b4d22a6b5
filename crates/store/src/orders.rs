//! Orders: money that users are asked for by a payment provider. What a provider tells is believed only where it
//! fits the order in every point, and credited once: the row changes and the ledger event is written in one
//! transaction, and the event's id is the order's (SR-17, SR-19).

use crate::db::{Row, args};
use crate::error::{Result, StoreError};
use crate::ledger::{AdjustKind, Change, adjust};
use crate::random_id;
use crate::run::{Store, transaction};
use crate::users::Page;
use magic_domain::ids::UserId;
use magic_domain::money::Nano;

/// States of an order.
pub mod order_status {
    pub const OPEN: i64 = 0;
    pub const PAID: i64 = 1;
    /// Nobody asks the provider any more; what it tells by itself still counts.
    pub const GIVEN_UP: i64 = 2;
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub id: i64,
    /// What the provider knows it by.
    pub number: String,
    pub user_id: i64,
    pub provider: String,
    /// What the balance gets.
    pub amount: Nano,
    /// Lower-case ISO 4217.
    pub currency: String,
    /// What is to be paid, in the currency's smallest unit.
    pub price: i64,
    pub status: i64,
    /// The provider's own name of the payment; empty where it has none yet.
    pub reference: String,
    pub created_ms: i64,
    pub paid_ms: i64,
}

/// An order to be made.
#[derive(Debug, Clone)]
pub struct NewOrder {
    pub user_id: UserId,
    pub provider: &'static str,
    pub amount: Nano,
    pub currency: String,
    pub price: i64,
}

/// What a provider tells of a payment that was made.
#[derive(Debug, Clone)]
pub struct Payment {
    pub provider: &'static str,
    /// The order's.
    pub number: String,
    pub currency: String,
    pub price: i64,
    /// Where the order has one, it must be the same.
    pub reference: String,
    /// Of the notification; no two orders are paid by the same.
    pub event_id: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    Credited(Order),
    /// It had been credited before.
    Before(Order),
    /// It does not fit; nothing was credited.
    Refused(&'static str),
}

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

const COLUMNS: &str =
    "id, number, user_id, provider, amount, currency, price, status, reference, created_ms, paid_ms";

fn read(row: &Row) -> Result<Order> {
    Ok(Order {
        id: row.int(0)?,
        number: row.text(1)?,
        user_id: row.int(2)?,
        provider: row.text(3)?,
        amount: Nano(row.int(4)?),
        currency: row.text(5)?,
        price: row.int(6)?,
        status: row.int(7)?,
        reference: row.text(8)?,
        created_ms: row.int(9)?,
        paid_ms: row.int(10)?,
    })
}

impl Store {
    pub async fn create_order(&self, new: NewOrder) -> Result<Order> {
        let number = format!("m{}", random_id());
        let wanted = number.clone();
        self.run(move |inner| async move {
            let sql = "INSERT INTO magic_orders (number, user_id, provider, amount, currency, price, reference, created_ms) \
                 VALUES (?, ?, ?, ?, ?, ?, '', ?)";
            let args = args![
                &number,
                new.user_id.0,
                new.provider,
                new.amount.0,
                &new.currency,
                new.price,
                now_ms()
            ];
            inner.db.exec(sql, args).await
        })
        .await?;
        self.order(&wanted).await?.ok_or(StoreError::NotFound("order"))
    }

    /// Keeps the provider's own name of an order.
    pub async fn name_order(&self, number: &str, reference: &str) -> Result<()> {
        let (number, reference) = (number.to_owned(), reference.to_owned());
        self.run(move |inner| async move {
            let sql = "UPDATE magic_orders SET reference = ? WHERE number = ?";
            inner.db.exec(sql, args![reference, number]).await.map(|_| ())
        })
        .await
    }

    pub async fn order(&self, number: &str) -> Result<Option<Order>> {
        let number = number.to_owned();
        self.run(move |inner| async move {
            let sql = format!("SELECT {COLUMNS} FROM magic_orders WHERE number = ?");
            inner.db.one(&sql, args![number]).await?.as_ref().map(read).transpose()
        })
        .await
    }

    /// Orders, newest first; of one user, or of all.
    pub async fn orders(&self, user: Option<UserId>, page: Page) -> Result<(Vec<Order>, i64)> {
        self.list(move |inner| async move {
            let (condition, mut args) = match user {
                Some(user) => ("user_id = ?", args![user.0]),
                None => ("1 = 1", vec![]),
            };
            let sql = format!("SELECT COUNT(*) FROM magic_orders WHERE {condition}");
            let total =
                inner.db.one(&sql, args.clone()).await?.map(|row| row.int(0)).transpose()?.unwrap_or(0);
            args.extend(args![page.limit, page.offset]);
            let sql = format!(
                "SELECT {COLUMNS} FROM magic_orders WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?"
            );
            let rows = inner.db.fetch(&sql, args).await?;
            Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
        })
        .await
    }

    /// Open orders, the oldest first; those made before `since_ms` are given up first.
    pub async fn open_orders(&self, since_ms: i64, limit: i64) -> Result<Vec<Order>> {
        self.run(move |inner| async move {
            let sql = "UPDATE magic_orders SET status = ? WHERE status = ? AND created_ms < ?";
            inner.db.exec(sql, args![order_status::GIVEN_UP, order_status::OPEN, since_ms]).await?;
            let sql = format!("SELECT {COLUMNS} FROM magic_orders WHERE status = ? ORDER BY id LIMIT ?");
            let rows = inner.db.fetch(&sql, args![order_status::OPEN, limit]).await?;
            rows.iter().map(read).collect()
        })
        .await
    }

    /// Credits a payment if it fits its order in every point; once, whoever tells of it how often.
    pub async fn settle_order(&self, payment: Payment) -> Result<Settled> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let lock = crate::ledger::for_update(tx.engine());
                let sql = format!("SELECT {COLUMNS} FROM magic_orders WHERE number = ?{lock}");
                let row = tx.one(&sql, args![&payment.number]).await?;
                let Some(order) = row.as_ref().map(read).transpose()? else {
                    return Ok(Settled::Refused("there is no such order"));
                };
                if let Some(why) = misfit(&order, &payment) {
                    return Ok(Settled::Refused(why));
                }
                if order.status == order_status::PAID {
                    return Ok(Settled::Before(order));
                }
                let used = "SELECT number FROM magic_orders WHERE event_id = ?";
                if tx.one(used, args![&payment.event_id]).await?.is_some() {
                    return Ok(Settled::Refused("the notification has paid for another order"));
                }
                let sql = "UPDATE magic_orders SET status = ?, paid_ms = ?, event_id = ?, reference = ? \
                     WHERE number = ? AND status <> ?";
                let at = now_ms();
                let args = args![
                    order_status::PAID,
                    at,
                    &payment.event_id,
                    &payment.reference,
                    &payment.number,
                    order_status::PAID
                ];
                if tx.exec(sql, args).await? == 0 {
                    return Ok(Settled::Before(order));
                }
                let note = format!("paid by {} ({}): ${}", order.provider, order.number, order.amount.usd());
                let (user, id) = (UserId(order.user_id), format!("order-{}", order.number));
                adjust(tx, user, Change::By(order.amount), AdjustKind::TopUp, &note, &id).await?;
                Settled::Credited(Order { status: order_status::PAID, paid_ms: at, ..order })
            })
        })
        .await
    }
}

/// Why a payment is not the one that was asked for.
fn misfit(order: &Order, payment: &Payment) -> Option<&'static str> {
    if order.provider != payment.provider {
        return Some("the order is another provider's");
    }
    if order.currency != payment.currency {
        return Some("the currency is not the order's");
    }
    if order.price != payment.price {
        return Some("the amount is not the order's");
    }
    if !order.reference.is_empty() && order.reference != payment.reference {
        return Some("the payment is not the order's");
    }
    None
}
