//! The ledger, for root: its movements, and the proof that the books are right.

use crate::Deps;
use crate::answer::{Answer, Walk, ok, walk};
use crate::error::{Result, conflict, make};
use crate::extract::{Query, number};
use crate::guard::{Caller, Root};
use actix_web::web;
use magic_store::movements::{Movement, MovementFilter, Outcome, Verified};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// How long a proof of the books may take: a minute less than the store gives one reading, after which it would
/// take the database for away.
const DEADLINE: Duration = Duration::from_secs(540);
/// How long its caller is kept waiting: the proxy gives a silent answer up after a minute.
const PATIENCE: Duration = Duration::from_secs(45);

/// An event of the ledger with what it moved.
#[derive(Serialize, ToSchema)]
pub struct LedgerMovement {
    id: i64,
    /// The call's, or one of its own.
    request_id: String,
    /// `settle`, `void`, `overrun`: a call. `opening`, `adjust`, `topup`, `gift`, `voucher`: by hand.
    kind: String,
    /// Unix milliseconds.
    at_ms: i64,
    /// 0: nobody's.
    user_id: i64,
    username: String,
    /// What the balance gained, in dollars.
    amount_usd: String,
    /// The account on the other side; empty where nothing was moved.
    against: String,
    /// What was set aside for a call, in dollars.
    reserved_usd: String,
    /// What was noted with a move by hand.
    note: String,
}

impl From<Movement> for LedgerMovement {
    fn from(movement: Movement) -> Self {
        LedgerMovement {
            id: movement.id,
            request_id: movement.request_id,
            kind: movement.kind,
            at_ms: movement.at_ms,
            user_id: movement.user_id,
            username: movement.username,
            amount_usd: movement.amount.usd().to_string(),
            against: movement.against,
            reserved_usd: movement.reserved.usd().to_string(),
            note: movement.note,
        }
    }
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct LedgerQuery {
    #[serde(deserialize_with = "number")]
    user_id: Option<i64>,
    kind: Option<String>,
    request_id: Option<String>,
    /// The id of the last movement that was seen.
    #[serde(deserialize_with = "number")]
    cursor: Option<i64>,
    /// Rows of a page: 50 unless given, 100 at most.
    #[serde(deserialize_with = "number")]
    page_size: Option<i64>,
}

/// Movements of everybody's money, newest first.
pub async fn list(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    Query(query): Query<LedgerQuery>,
) -> Result<Walk<LedgerMovement>> {
    let limit = query.page_size.unwrap_or(50).clamp(1, 100);
    let filter = MovementFilter {
        user_id: query.user_id.unwrap_or(0).max(0),
        kind: query.kind.unwrap_or_default(),
        request_id: query.request_id.unwrap_or_default().chars().take(128).collect(),
        before: query.cursor.unwrap_or(0).max(0),
    };
    let rows = deps.store.movements(filter, limit).await?;
    let cursor = rows.last().map(|row| row.id);
    Ok(walk(rows.into_iter().map(LedgerMovement::from).collect(), cursor))
}

/// Whether the books are being proved in this process.
#[derive(Default)]
pub struct Proving(AtomicBool);

/// A proof under way, however it ends.
struct Turn(Arc<Proving>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}

impl Proving {
    fn begin(self: &Arc<Self>) -> Option<Turn> {
        (!self.0.swap(true, Ordering::AcqRel)).then(|| Turn(self.clone()))
    }
}

/// How the books stand.
#[derive(Serialize, ToSchema)]
pub struct Books {
    /// They are being proved now, in the process that answers.
    running: bool,
    /// How many accounts there are, and what they have together, in dollars.
    users: i64,
    balances_usd: String,
    /// The last proof, on whichever node.
    last: Option<Proof>,
}

#[derive(Serialize, ToSchema)]
pub struct Proof {
    /// Unix seconds.
    ended_at: i64,
    /// Every invariant holds.
    ok: bool,
    checks: Vec<ProofCheck>,
}

/// One invariant.
#[derive(Serialize, ToSchema)]
pub struct ProofCheck {
    name: String,
    what: String,
    ok: bool,
    /// The first few places where it does not hold.
    detail: String,
}

impl From<Verified> for Proof {
    fn from(verified: Verified) -> Self {
        let ok = verified.checks.iter().all(|check| check.ok);
        let shown = |Outcome { name, what, ok, detail }| ProofCheck { name, what, ok, detail };
        Proof { ended_at: verified.ended_at, ok, checks: verified.checks.into_iter().map(shown).collect() }
    }
}

async fn books(deps: &Deps, proving: &Proving) -> Result<Books> {
    let running = proving.0.load(Ordering::Acquire);
    let balances = deps.store.balances().await?;
    let last = deps.store.last_verified().await?.map(Proof::from);
    Ok(Books { running, users: balances.users, balances_usd: balances.sum.usd().to_string(), last })
}

/// The last proof, and what all accounts have together.
pub async fn standing(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    proving: web::Data<Arc<Proving>>,
) -> Result<Answer<Books>> {
    Ok(ok(books(&deps, &proving).await?))
}

/// Proves the books: all that `magic ledger verify` looks at. One at a time per process (409). It goes on when its
/// caller leaves, for 9 minutes at most; one that takes longer than 45 seconds is answered with `running`: ask
/// with `GET` how it ended.
pub async fn verify(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    proving: web::Data<Arc<Proving>>,
) -> Result<Answer<Books>> {
    let Some(turn) = proving.begin() else { return Err(conflict("the books are being proved")) };
    let store = deps.store.clone();
    let task = actix_web::rt::spawn(async move {
        let outcome = store.verify_within(DEADLINE).await;
        if let Err(error) = &outcome {
            log::warn!("the books could not be proved: {error}");
        }
        drop(turn);
        outcome
    });
    match tokio::time::timeout(PATIENCE, task).await {
        Ok(Ok(outcome)) => _ = outcome?,
        Ok(Err(_)) => return Err(make(500, "internal_error", "the proof was cut off")),
        Err(_) => {}
    }
    Ok(ok(books(&deps, &proving).await?))
}
