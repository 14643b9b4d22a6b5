//! What the proxy's filters share: everything that outlives a request.

use crate::books::Books;
use crate::limits::Meters;
use crate::principals::Principals;
use crate::resolver::Resolver;
use crate::snapshot::Routing;
use crate::tuning::Tuning;
use crate::wallet::Wallets;
use arc_swap::ArcSwap;
use magic_admin::events::Events;
use magic_domain::channel::Channel;
use magic_domain::ids::ChannelId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// Shared state of the proxy. Built once by `app.rs`.
pub struct Gateway {
    pub routing: Routing,
    pub principals: Principals,
    pub wallets: Wallets,
    pub books: Arc<Books>,
    pub resolver: Resolver,
    pub tuning: ArcSwap<Tuning>,
    /// Bytes of request bodies that may still be buffered.
    pub budget: Arc<Semaphore>,
    /// Answers that may still be followed after their caller left.
    pub followers: Arc<Semaphore>,
    /// Where the management service listens.
    pub admin_socket: PathBuf,
    /// Where the bridge listens.
    pub bridge_socket: PathBuf,
    /// Google's and Baidu's access tokens.
    pub tokens: crate::credentials::Tokens,
    /// Proves to the management service that a request came through this proxy.
    pub edge_secret: String,
    pub metrics: crate::metrics::Metrics,
    pub traces: crate::telemetry::Traces,
    /// Earlier answers of the Responses API.
    pub archive: Arc<dyn crate::proxy::kept::Archive>,
    /// Whether the database answers; what `/readyz` and unknown tokens are told by.
    pub database_up: Arc<AtomicBool>,
    /// It takes no new calls: it ends.
    pub draining: AtomicBool,
    /// Another process has taken over its addresses.
    pub handed_over: AtomicBool,
    /// Nobody else spends from the same balances now.
    pub alone: Arc<AtomicBool>,
    /// The database has one process at a time, but for the time of an upgrade.
    pub one_writer: bool,
    /// Somebody has asked that no more be sent here for a while; what comes is served.
    pub resting: AtomicBool,
    /// What is known of keys and users is too old to go by.
    pub stale: AtomicBool,
    /// Redis is meant to be there and is not.
    pub redis_away: Arc<AtomicBool>,
    /// Where browsers that want the dashboard are sent; `None`: it is here.
    pub frontend: Option<String>,
    pub in_flight: AtomicU64,
    pub overload: Arc<crate::overload::Overload>,
    /// The connections that are open.
    pub places: Arc<crate::edge::places::Places>,
    /// Asks a background task to disable a channel, or one of its keys.
    pub disable: tokio::sync::mpsc::UnboundedSender<Dead>,
    pub meters: Meters,
    /// Tells open pages of the dashboard what has changed.
    pub events: Events,
    pub certificates: Arc<crate::edge::certificates::Certificates>,
    /// What certificate authorities may ask for, by token.
    pub proofs: ArcSwap<HashMap<String, String>>,
    /// Bodies on their way to be kept.
    pub captures: crate::proxy::capture::Queue,
    /// Other sites behind the same door.
    pub sites: crate::sites::Sites,
    tls_roots: Mutex<HashMap<u64, Arc<pingora_core::protocols::tls::CaType>>>,
}

/// A channel, or one of its keys, that a vendor refuses until a person acts.
pub struct Dead {
    pub channel: ChannelId,
    /// 0: the channel has but one.
    pub key_id: i64,
    pub why: String,
}

impl Dead {
    pub fn of(channel: &Channel, why: &str) -> Dead {
        Dead { channel: channel.id, key_id: channel.key_id, why: why.to_owned() }
    }
}

/// What a [`Gateway`] is made of.
pub struct Parts {
    pub wallets: Wallets,
    pub alone: Arc<AtomicBool>,
    pub one_writer: bool,
    pub books: Arc<Books>,
    pub tuning: Tuning,
    pub admin_socket: PathBuf,
    pub bridge_socket: PathBuf,
    pub edge_secret: String,
    pub archive: Arc<dyn crate::proxy::kept::Archive>,
    pub metrics: crate::metrics::Metrics,
    pub traces: crate::telemetry::Traces,
    pub database_up: Arc<AtomicBool>,
    pub redis_away: Arc<AtomicBool>,
    pub frontend: Option<String>,
    pub disable: tokio::sync::mpsc::UnboundedSender<Dead>,
    pub captures: crate::proxy::capture::Queue,
    pub events: Events,
    pub certificates: Arc<crate::edge::certificates::Certificates>,
    pub overload: Arc<crate::overload::Overload>,
}

impl Gateway {
    pub fn new(parts: Parts) -> Gateway {
        let buffered = parts.tuning.buffered_bytes.min(Semaphore::MAX_PERMITS);
        Gateway {
            routing: Routing::default(),
            principals: Principals::default(),
            wallets: parts.wallets,
            books: parts.books,
            resolver: Resolver::default(),
            budget: Arc::new(Semaphore::new(buffered)),
            followers: Arc::new(Semaphore::new(parts.tuning.abandoned_max)),
            tuning: ArcSwap::from_pointee(parts.tuning),
            admin_socket: parts.admin_socket,
            bridge_socket: parts.bridge_socket,
            tokens: Default::default(),
            edge_secret: parts.edge_secret,
            archive: parts.archive,
            metrics: parts.metrics,
            traces: parts.traces,
            database_up: parts.database_up,
            draining: AtomicBool::new(false),
            handed_over: AtomicBool::new(false),
            alone: parts.alone,
            one_writer: parts.one_writer,
            resting: AtomicBool::new(false),
            stale: AtomicBool::new(false),
            redis_away: parts.redis_away,
            frontend: parts.frontend,
            in_flight: AtomicU64::new(0),
            overload: parts.overload,
            places: Arc::default(),
            disable: parts.disable,
            meters: Meters::default(),
            captures: parts.captures,
            events: parts.events,
            certificates: parts.certificates,
            proofs: ArcSwap::default(),
            sites: Default::default(),
            tls_roots: Mutex::default(),
        }
    }

    pub fn database_up(&self) -> bool {
        self.database_up.load(Ordering::Relaxed)
    }

    /// Whether traffic should be sent here, as a status and a word. Yes also while the database is away: known tokens
    /// are served. No while draining, nor once what is known is too old.
    pub fn readiness(&self) -> (u16, &'static str) {
        // After an upgrade the addresses are another process's, which is ready.
        let ending = self.draining.load(Ordering::Relaxed) && !self.handed_over.load(Ordering::Relaxed);
        if ending || self.resting.load(Ordering::Relaxed) {
            (503, "draining")
        } else if self.stale.load(Ordering::Relaxed) {
            (503, "cut off")
        } else if self.database_up() && !self.redis_away.load(Ordering::Relaxed) {
            (200, "ok")
        } else {
            (200, "degraded")
        }
    }

    /// The certificates of a channel's own CA, parsed once. `None` when the PEM holds none.
    pub fn roots(&self, pem: &str) -> Option<(u64, Arc<pingora_core::protocols::tls::CaType>)> {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        pem.hash(&mut hasher);
        let id = hasher.finish();
        if let Some(roots) = self.tls_roots.lock().get(&id) {
            return Some((id, roots.clone()));
        }
        let roots = crate::tls::roots(pem)?;
        self.tls_roots.lock().insert(id, roots.clone());
        Some((id, roots))
    }
}
