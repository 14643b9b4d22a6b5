//! Who is running.

use crate::Deps;
use crate::answer::{Answer, done, ok};
use crate::error::{Result, not_found};
use crate::guard::{Admin, Caller, Root};
use actix_web::web;
use magic_store::lost::DEAD;
use magic_store::nodes::{ALIVE, NodeRow};
use serde::Serialize;
use utoipa::ToSchema;

/// A process of this installation. Times are those of the database's clock.
#[derive(Serialize, ToSchema)]
pub struct Node {
    /// The life of the process: another after a restart.
    id: String,
    /// The machine's name.
    name: String,
    version: String,
    /// Unix seconds.
    started: i64,
    seen_at: i64,
    /// It was seen within the last 20 seconds.
    live: bool,
    /// Calls answered per second, over about ten seconds.
    requests_per_second: f64,
    /// Requests that are open, the API's own among them.
    in_flight: u64,
    /// Bytes of its journal that are not in the database yet.
    journal_lag_bytes: u64,
    /// Memory in use; 0: not known.
    rss_bytes: u64,
    /// When the first of the certificates that it listens with ends, in Unix seconds.
    certificate_until: Option<i64>,
    /// The number of the newest change that is in force there: the higher, the newer.
    in_force: i64,
    /// It takes no new calls: it ends.
    ending: bool,
    /// It does what is done once for all nodes: tests of channels, balances, payments, reminders, sums, retention.
    on_duty: bool,
    /// It can't reach Redis, which it is meant to.
    redis_away: bool,
    /// Somebody has asked that no more be sent to it: it says so at `/readyz`, and serves what comes.
    resting: bool,
    /// Its journal has been declared lost.
    lost: bool,
    /// What it has set aside of users' balances, in dollars.
    leased_usd: String,
    /// It is silent for so long that its journal may be declared lost.
    may_be_lost: bool,
}

impl From<NodeRow> for Node {
    fn from(row: NodeRow) -> Self {
        Node {
            live: row.silent <= ALIVE,
            resting: row.resting,
            lost: row.lost,
            leased_usd: row.leased.usd().to_string(),
            may_be_lost: row.silent > DEAD && !row.lost,
            id: row.id,
            name: row.name,
            version: row.version,
            started: row.started,
            seen_at: row.seen_at,
            requests_per_second: row.data.requests_per_second,
            in_flight: row.data.in_flight,
            journal_lag_bytes: row.data.journal_lag_bytes,
            rss_bytes: row.data.rss_bytes,
            certificate_until: row.data.certificate_until,
            in_force: row.data.in_force,
            ending: row.data.ending,
            on_duty: row.data.on_duty,
            redis_away: row.data.redis_away,
        }
    }
}

/// All that were seen within a day, the oldest first. One that ended in order is not among them.
pub async fn list(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Answer<Vec<Node>>> {
    let rows = deps.store.nodes().await?;
    Ok(ok(rows.into_iter().map(Node::from).collect()))
}

/// What was charged to users because a node's journal is lost.
#[derive(Serialize, ToSchema)]
pub struct Loss {
    charged_usd: String,
}

async fn rest(deps: &Deps, id: &str, resting: bool) -> Result<Answer<()>> {
    match deps.store.rest_node(id, resting).await? {
        true => Ok(done()),
        false => Err(not_found("node")),
    }
}

/// Asks that no more be sent to a node: within two seconds it says at `/readyz` that it is not ready. It goes on to serve
/// what comes. A restart forgets it.
pub async fn drain(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    path: web::Path<String>,
) -> Result<Answer<()>> {
    rest(&deps, &path, true).await
}

/// Takes that back.
pub async fn resume(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    path: web::Path<String>,
) -> Result<Answer<()>> {
    rest(&deps, &path, false).await
}

/// Declares the journal of a silent node lost: what it had set aside of balances is charged as a loss.
pub async fn lost(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    path: web::Path<String>,
) -> Result<Answer<Loss>> {
    let charged = deps.store.declare_lost(&path).await?;
    Ok(ok(Loss { charged_usd: charged.usd().to_string() }))
}
