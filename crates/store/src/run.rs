//! The handle, its runtime, deadlines, and the health of the database.

use crate::bootstrap::{self, Bootstrap};
use crate::db::Db;
use crate::dsn::Dsn;
use crate::error::{Result, StoreError};
use crate::migrate;
use crate::notice::{self, Bells, Redis};
use crate::reading;
use crate::stats::Kept;
use crate::vault::{KeySources, Vault};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// What a store is opened with.
#[derive(Debug, Clone)]
pub struct Config {
    pub dsn: Dsn,
    /// A database of their own for the logs.
    pub log_dsn: Option<Dsn>,
    pub max_connections: u32,
    /// Where notices of changes are exchanged with other nodes.
    pub redis: Option<Redis>,
    pub keys: KeySources,
    pub bootstrap: Bootstrap,
    /// Makes no schema and no first account: others do.
    pub follower: bool,
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
    /// The same over connections of their own, for lists.
    pub(crate) lists: Arc<Inner>,
}

#[derive(Clone)]
pub(crate) struct Inner {
    pub db: Db,
    pub logs: Db,
    pub separate_logs: bool,
    pub vault: Vault,
    pub up: Arc<AtomicBool>,
    on_call: Arc<OnceLock<Box<OnCall>>>,
    with_redis: bool,
    bells: Bells,
    pub charts: Kept,
    /// At most this many passwords are hashed at once: each takes 19 MiB.
    pub hashing: Arc<tokio::sync::Semaphore>,
}

/// Is told how long a piece of work took, and what came of it.
type OnCall = dyn Fn(Duration, &'static str) + Send + Sync;

/// How long a call may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long bringing the schema up to date may take: a new index on a year's log takes minutes.
const MIGRATION: Duration = Duration::from_secs(3600);

/// How long a node that changes no schema waits for one that does.
const FOLLOWING: Duration = Duration::from_secs(30);

/// The store's runtime lives as long as the process: pools are bound to the runtime that made them.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .max_blocking_threads(8)
                .thread_name("store")
                .enable_all()
                .build()
                .ok()
        })
        .as_ref()
        .ok_or_else(|| StoreError::Internal("the store's runtime can't be started".into()))
}

impl Store {
    /// Opens the database, brings its schema up to date, unlocks the vault and makes the first account.
    pub async fn open(config: Config) -> Result<Store> {
        let opening = async move {
            let bells = Bells::default();
            let for_lists = reading::share(config.max_connections);
            let connections = (config.max_connections - for_lists).max(1);
            let db = Db::open(&config.dsn, connections, bells.clone()).await?;
            let listed = db.for_lists(&config.dsn, for_lists, reading::STATEMENT)?;
            let (logs, listed_logs) = match &config.log_dsn {
                Some(dsn) => {
                    let logs = Db::open(dsn, connections, Bells::default()).await?;
                    let listed = logs.for_lists(dsn, for_lists, reading::STATEMENT)?;
                    (logs, listed)
                }
                None => (db.clone(), listed.clone()),
            };
            if config.follower {
                migrate::wait(&db, FOLLOWING).await?;
            } else {
                migrate::run(&db).await?;
                if config.log_dsn.is_some() {
                    migrate::run(&logs).await?;
                }
            }
            let vault = bootstrap::unlock(&db, &config.keys).await?;
            if !config.follower {
                bootstrap::first_account(&db, &config.bootstrap).await?;
            }
            let with_redis = config.redis.is_some();
            if let Some(redis) = config.redis {
                tokio::spawn(notice::run_redis(redis, bells.clone()));
            }
            if let Dsn::Postgres(url) = &config.dsn
                && let Ok(options) = url.parse()
            {
                tokio::spawn(notice::run_postgres(options, bells.clone()));
            }
            let inner = Inner {
                db,
                logs,
                separate_logs: config.log_dsn.is_some(),
                vault,
                up: Arc::new(AtomicBool::new(true)),
                on_call: Arc::default(),
                with_redis,
                bells,
                charts: Kept::default(),
                hashing: Arc::new(tokio::sync::Semaphore::new(4)),
            };
            let lists = Inner { db: listed, logs: listed_logs, ..inner.clone() };
            Ok(Store { inner: Arc::new(inner), lists: Arc::new(lists) })
        };
        let task = runtime()?.spawn(tokio::time::timeout(MIGRATION, opening));
        match task.await {
            Ok(Ok(store)) => store,
            Ok(Err(_)) => Err(StoreError::Unavailable("it took too long to open".into())),
            Err(_) => Err(StoreError::Internal("the opening of the store was cut off".into())),
        }
    }

    /// Whether the last call got an answer. Shared with whoever wants to know without asking.
    pub fn up(&self) -> Arc<AtomicBool> {
        self.inner.up.clone()
    }

    /// Whether Redis carries notices now. `None` where none is set up.
    pub fn redis_up(&self) -> Option<bool> {
        self.inner.with_redis.then(|| !self.inner.bells.redis_away.load(Ordering::Relaxed))
    }

    /// Who is told of each piece of work: how long it took, and `ok`, `refused` (by what the database holds),
    /// `unavailable` or `error`. The first one stays.
    pub fn on_call(&self, told: impl Fn(Duration, &'static str) + Send + Sync + 'static) {
        let _ = self.inner.on_call.set(Box::new(told));
    }

    /// Whether Redis is meant to be there and is not.
    pub fn redis_away(&self) -> Arc<AtomicBool> {
        self.inner.bells.redis_away.clone()
    }

    /// Tells the other nodes what this one has counted, over Redis, if it can be told at once.
    pub fn tell_counts(&self, counts: Vec<u8>) {
        let _ = self.inner.bells.counts.say.try_send(counts);
    }

    /// Waits for what another node has counted. For ever without Redis.
    pub async fn counts(&self) -> Vec<u8> {
        match self.inner.bells.counts.heard.lock().await.recv().await {
            Some(counts) => counts,
            None => std::future::pending().await,
        }
    }

    /// Waits until another node says that it has changed something. For ever where nothing carries notices.
    pub async fn heard(&self) {
        self.inner.bells.heard.notified().await;
    }

    /// Runs a piece of work on the store's runtime, with the usual deadline.
    pub(crate) async fn run<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.run_for(DEADLINE, work).await
    }

    pub(crate) async fn run_for<T, F>(
        &self,
        deadline: Duration,
        work: impl FnOnce(Arc<Inner>) -> F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let answer = self.within(deadline, work(self.inner.clone())).await;
        self.note(&answer);
        answer
    }

    /// Runs a piece of work on the store's runtime, whatever it says of the database.
    pub(crate) async fn within<T: Send + 'static>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let began = Instant::now();
        let answer = match runtime()?.spawn(tokio::time::timeout(deadline, work)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(StoreError::Unavailable("no answer in time".into())),
            Err(_) => Err(StoreError::Internal("a piece of work was cut off".into())),
        };
        if let Some(told) = self.inner.on_call.get() {
            told(began.elapsed(), answer.as_ref().map_or_else(|error| error.kind(), |_| "ok"));
        }
        answer
    }

    /// One log line per change of state, not per failure.
    fn note<T>(&self, answer: &Result<T>) {
        let up = !matches!(answer, Err(StoreError::Unavailable(_)));
        if self.inner.up.swap(up, Ordering::Relaxed) != up {
            match answer {
                Err(error) => log::error!("{error}"),
                Ok(_) => log::info!("the database answers again"),
            }
        }
    }

    /// Asks the database whether it is there.
    pub async fn ping(&self) -> Result<()> {
        self.run_for(Duration::from_secs(2), |inner| async move {
            inner.db.fetch("SELECT 1", vec![]).await.map(|_| ())
        })
        .await
    }

    /// The number that rises with every change of what nodes keep in memory.
    pub async fn version(&self) -> Result<i64> {
        self.run(|inner| async move { version(&inner.db).await }).await
    }

    pub async fn close(&self) {
        let lists = self.lists.clone();
        let _ = self
            .run(|inner| async move {
                for inner in [lists, inner] {
                    inner.db.close().await;
                    if inner.separate_logs {
                        inner.logs.close().await;
                    }
                }
                Ok(())
            })
            .await;
    }
}

pub(crate) async fn version(db: &Db) -> Result<i64> {
    let row = db.one("SELECT value FROM magic_state WHERE name = 'version'", vec![]).await?;
    Ok(match row {
        Some(row) => row.text(0)?.parse().unwrap_or(0),
        None => 0,
    })
}

/// Runs a body in a transaction; contention is tried again, up to five times, after a moment that grows and
/// varies.
macro_rules! transaction {
    ($db:expr, |$tx:ident| $body:block) => {{
        let mut tries = 0u32;
        loop {
            let attempt: ::std::result::Result<_, $crate::db::TxError> = async {
                let mut own = $db.begin().await?;
                let $tx = &mut own;
                let value = $body;
                own.commit().await?;
                Ok(value)
            }
            .await;
            match attempt {
                Ok(value) => break Ok(value),
                Err($crate::db::TxError::Sql(error)) if tries < 5 && $crate::error::is_contention(&error) => {
                    tries += 1;
                    $crate::run::pause(tries).await;
                }
                Err(error) => break Err($crate::error::StoreError::from(error)),
            }
        }
    }};
}
pub(crate) use transaction;

pub(crate) async fn pause(tries: u32) {
    let mut byte = [0u8; 1];
    let _ = getrandom::fill(&mut byte);
    let most = 10u64 << tries;
    tokio::time::sleep(Duration::from_millis(1 + most * u64::from(byte[0]) / 255)).await;
}

/// Marks a change that nodes have to take over.
pub(crate) async fn bump(tx: &mut crate::db::Tx) -> std::result::Result<(), crate::db::TxError> {
    let cast = match tx.engine() {
        crate::db::Engine::MySql => "CAST(CAST(value AS SIGNED) + 1 AS CHAR)",
        _ => "CAST(CAST(value AS BIGINT) + 1 AS TEXT)",
    };
    tx.exec(&format!("UPDATE magic_state SET value = {cast} WHERE name = 'version'"), vec![]).await?;
    tx.announce().await
}
